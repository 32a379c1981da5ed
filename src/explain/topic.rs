//! `gdoctor explain TOPIC` and `gdoctor list`: the words of `doc.md`, for reading without a run.

use std::fmt::Write;

use colored::Colorize;
use gdoctor_checks::model::check::Family;
use gdoctor_checks::model::doc::Doc;
use gdoctor_checks::model::finding::{ELSEWHERE, NOT_NEEDED, UNKNOWN};
use gdoctor_checks::model::fix::Fix;
use gdoctor_checks::{ALL, FAMILIES};

use super::entries::{Entry, entries, note};
use crate::report::{OUT_OF_SIGHT, find_fix, general, general_fix, parse};

/// Every check, a line each, by family.
pub fn list() -> String {
    FAMILIES.iter().map(|family| checks_of(family)).collect::<Vec<String>>().join("\n")
}

fn checks_of(family: &Family) -> String {
    let mut out = format!("{}\n", family.name.bold());
    for check in family.checks {
        let _ = writeln!(out, "  {:<22} {}", check.id, parse(check).title);
    }
    out
}

/// A family's checks and how to have them looked at.
fn whole_family(family: &Family) -> String {
    let asked = match family.asked_by {
        "" => String::new(),
        flag => format!(", when it is asked for: gdoctor {flag}"),
    };
    format!(
        "{}\nLook at all of them: gdoctor --only {name}{asked}\nAll about one: gdoctor explain {}\n",
        checks_of(family),
        family.checks.first().map_or("", |check| check.id),
        name = family.name,
    )
}

/// True for text that is made like a family's name, a check's id or a code: `docker`, `docker-access`,
/// `docker-access/not-in-group`.
pub fn is_id(text: &str) -> bool {
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    match text.split_once('/') {
        Some((id, code)) => word(id) && word(code) && text.contains('-'),
        None => {
            word(text) && (text.contains('-') || family(text).is_some() || ALL.iter().any(|check| check.id == text))
        }
    }
}

fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().copied().find(|family| family.name == name || family.title.eq_ignore_ascii_case(name))
}

/// All about a family (`docker`), a check (`docker-access`), a note (`in-image`) or one of their codes, with the commands of a host with these
/// tags, or of all systems. Err names the nearest topic.
pub fn explain(topic: &str, tags: Option<&[String]>) -> Result<String, String> {
    if let Some(family) = family(topic) {
        return Ok(whole_family(family));
    }
    let (id, code) = topic.split_once('/').map_or((topic, None), |(id, code)| (id, Some(code)));
    let doc = ALL.iter().find(|check| check.id == id).map(|check| parse(check)).or_else(|| note(id));
    let doc = doc.ok_or_else(|| unknown(topic))?;
    match code {
        None => Ok(whole(id, &doc, tags)),
        Some(UNKNOWN) => Ok(format!("{}\n\n{}\n", doc.title.bold(), doc.cannot_tell)),
        Some(NOT_NEEDED) => Ok(format!("{}\n\n{}\n", doc.title.bold(), doc.not_needed)),
        Some(ELSEWHERE) if doc.code(ELSEWHERE).is_none() => Ok(format!("{}\n\n{OUT_OF_SIGHT}\n", doc.title.bold())),
        Some(code) => one_code(id, &doc, code, tags).ok_or_else(|| unknown(topic)),
    }
}

/// The codes of a topic. Err names the nearest topic.
pub fn codes(topic: &str) -> Result<Vec<Entry>, String> {
    let of_family = |id: &str| family(topic).is_some_and(|family| family.checks.iter().any(|check| check.id == id));
    let meant = |e: &Entry| e.id == topic || e.name() == topic || of_family(e.id);
    let codes: Vec<Entry> = entries().into_iter().filter(meant).collect();
    if codes.is_empty() { Err(unknown(topic)) } else { Ok(codes) }
}

fn whole(id: &str, doc: &Doc<'_>, tags: Option<&[String]>) -> String {
    let mut out = format!("{id}: {}\n\n", doc.title.bold());
    for text in [doc.checks, doc.why].iter().filter(|text| !text.is_empty()) {
        let _ = writeln!(out, "{text}\n");
    }
    for (heading, text) in [("When it cannot tell", doc.cannot_tell), ("When it is not needed", doc.not_needed)] {
        if !text.is_empty() {
            let _ = writeln!(out, "{}\n{text}", heading.bold());
        }
    }
    out.push('\n');
    for code in &doc.codes {
        let _ = writeln!(out, "{id}/{}\n  {}", code.name.bold(), general(&code.sentence.replace('\n', "\n  ")));
    }
    for fix in &doc.fixes {
        write_fix(&mut out, fix, tags);
    }
    out
}

fn one_code(id: &str, doc: &Doc<'_>, name: &str, tags: Option<&[String]>) -> Option<String> {
    let code = doc.code(name)?;
    let mend = if code.fixes.is_empty() { "  (nothing to mend)" } else { "" };
    let mut out = format!("{id}/{}{mend}\n\n{}\n", name.bold(), general(code.sentence));
    if !code.detail.is_empty() {
        let _ = writeln!(out, "\n{}", general(code.detail));
    }
    if !code.explains.is_empty() {
        let _ = writeln!(out, "\n{}", "Programs then say".bold());
        for message in &code.explains {
            let _ = writeln!(out, "  {message}");
        }
    }
    for fix in code.fixes.iter().filter_map(|reference| find_fix(doc, reference)) {
        write_fix(&mut out, &fix, tags);
    }
    if ALL.iter().any(|check| check.id == id) && !code.fixes.is_empty() {
        let _ = writeln!(out, "\nWords in capitals stand for what this host has:  gdoctor --only {id}");
    }
    Some(out)
}

fn write_fix(out: &mut String, fix: &Fix<'_>, tags: Option<&[String]>) {
    let Some(tags) = tags else { return write_all(out, fix) };
    let here = general_fix(fix, tags);
    let _ = writeln!(out, "\n{} ({})", here.title.bold(), here.risks.join(", "));
    for command in &here.commands {
        let _ = writeln!(out, "    {}", command.cyan());
    }
    if here.commands.is_empty() && !fix.commands.is_empty() {
        let _ =
            writeln!(out, "  There are no commands for a system like this one; --all-systems shows those of others.");
    }
    for note in &here.notes {
        let _ = writeln!(out, "  {note}");
    }
    for (label, line) in here.afterwards() {
        let _ = writeln!(out, "  {label}: {line}");
    }
    let _ = writeln!(out, "  {}", here.page);
}

/// With the commands and notes of every system.
fn write_all(out: &mut String, fix: &Fix<'_>) {
    let risks: Vec<&str> = fix.risks.iter().map(|risk| risk.words()).collect();
    let _ = writeln!(out, "\n{} ({})", general(fix.title).bold(), risks.join(", "));
    for fence in &fix.commands {
        if !fence.tags.is_empty() {
            let _ = writeln!(out, "  on {}:", fence.tags.join(", "));
        }
        for line in fence.text.lines() {
            let _ = writeln!(out, "    {}", general(line).cyan());
        }
    }
    for (label, notes) in [("", &fix.notes), ("Check it worked: ", &fix.verify), ("Undo: ", &fix.undo)] {
        for note in notes {
            let on = if note.tags.is_empty() { String::new() } else { format!("on {}: ", note.tags.join(", ")) };
            let _ = writeln!(out, "  {label}{on}{}", general(note.text));
        }
    }
    let _ = writeln!(out, "  {}", fix.page);
}

fn unknown(topic: &str) -> String {
    let ids = ALL.iter().map(|check| check.id.to_owned());
    let all = entries();
    let names = ids.chain(all.iter().map(Entry::name));
    let nearest = names.max_by(|a, b| strsim::jaro_winkler(a, topic).total_cmp(&strsim::jaro_winkler(b, topic)));
    format!(
        "no check and no code is named {topic:?}; the nearest is {:?} (`gdoctor list` names all)",
        nearest.unwrap_or_default()
    )
}

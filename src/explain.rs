//! `gdoctor explain` and `gdoctor list`: the words of `doc.md`, for reading without a run.

use std::fmt::Write;

use colored::Colorize;
use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::doc::Doc;
use gdoctor_checks::model::finding::{NOT_NEEDED, UNKNOWN};
use gdoctor_checks::model::fix::Fix;

use crate::report::{find_fix, parse};

/// Every check, a line each, by family.
pub fn list() -> String {
    let mut out = String::new();
    let mut family = "";
    for check in ALL {
        if check.family != family {
            family = check.family;
            let _ = writeln!(out, "{}{}", if out.is_empty() { "" } else { "\n" }, family.bold());
        }
        let _ = writeln!(out, "  {:<22} {}", check.id, parse(check).title);
    }
    out
}

/// All about a check (`docker-access`) or one of its codes (`docker-access/not-in-group`). Err names the nearest topic.
pub fn explain(topic: &str) -> Result<String, String> {
    let (id, code) = topic.split_once('/').map_or((topic, None), |(id, code)| (id, Some(code)));
    let check = ALL.iter().find(|check| check.id == id).ok_or_else(|| unknown(topic))?;
    let doc = parse(check);
    match code {
        None => Ok(whole(check, &doc)),
        Some(UNKNOWN) => Ok(format!("{}\n\n{}\n", doc.title.bold(), doc.cannot_tell)),
        Some(NOT_NEEDED) => Ok(format!("{}\n\n{}\n", doc.title.bold(), doc.not_needed)),
        Some(code) => one_code(check, &doc, code).ok_or_else(|| unknown(topic)),
    }
}

fn whole(check: &Check, doc: &Doc<'_>) -> String {
    let mut out = format!("{}: {}\n\n{}\n\n{}\n\n", check.id, doc.title.bold(), doc.checks, doc.why);
    let _ = writeln!(
        out,
        "{}\n{}\n\n{}\n{}\n",
        "When it cannot tell".bold(),
        doc.cannot_tell,
        "When it is not needed".bold(),
        doc.not_needed
    );
    for code in &doc.codes {
        let _ = writeln!(out, "{}/{}\n  {}", check.id, code.name.bold(), code.sentence.replace('\n', "\n  "));
    }
    for fix in &doc.fixes {
        write_fix(&mut out, fix);
    }
    out
}

fn one_code(check: &Check, doc: &Doc<'_>, name: &str) -> Option<String> {
    let code = doc.code(name)?;
    let mut out = format!("{}/{}\n\n{}\n", check.id, name.bold(), code.sentence);
    if !code.detail.is_empty() {
        let _ = writeln!(out, "\n{}", code.detail);
    }
    if !code.explains.is_empty() {
        let _ = writeln!(out, "\n{}", "Programs then say".bold());
        for message in &code.explains {
            let _ = writeln!(out, "  {message}");
        }
    }
    for fix in code.fixes.iter().filter_map(|reference| find_fix(doc, reference)) {
        write_fix(&mut out, &fix);
    }
    Some(out)
}

fn write_fix(out: &mut String, fix: &Fix<'_>) {
    let risks: Vec<&str> = fix.risks.iter().map(|risk| risk.words()).collect();
    let _ = writeln!(out, "\n{} ({})", fix.title.bold(), risks.join(", "));
    for fence in &fix.commands {
        if !fence.tags.is_empty() {
            let _ = writeln!(out, "  on {}:", fence.tags.join(", "));
        }
        for line in fence.text.lines() {
            let _ = writeln!(out, "    {}", line.cyan());
        }
    }
    for note in &fix.notes {
        let _ = writeln!(out, "  {note}");
    }
    let _ = writeln!(out, "  {}", fix.page);
}

fn unknown(topic: &str) -> String {
    let codes = ALL.iter().flat_map(|check| {
        let codes: Vec<String> = parse(check).codes.iter().map(|code| format!("{}/{}", check.id, code.name)).collect();
        std::iter::once(check.id.to_owned()).chain(codes)
    });
    let nearest = codes.max_by(|a, b| strsim::jaro_winkler(a, topic).total_cmp(&strsim::jaro_winkler(b, topic)));
    format!(
        "no check and no code is named {topic:?}; the nearest is {:?} (`gdoctor list` names all)",
        nearest.unwrap_or_default()
    )
}

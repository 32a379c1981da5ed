//! `gdoctor explain TOPIC` and `gdoctor list`: which topic is meant, and the words of a check, with what this host shows of it.

use colored::Colorize;
use gdoctor_checks::model::check::{Check, Family};
use gdoctor_checks::model::doc::{Code, Doc, Frequency};
use gdoctor_checks::model::finding::{ELSEWHERE, NOT_NEEDED, UNKNOWN};
use gdoctor_checks::notes::NOTES;
use gdoctor_checks::{ALL, FAMILIES};

use super::code_page::{CodePage, SAY_IT_AGAIN, Told, one_code, seen_here, write_fix, write_fix_here};
use super::entries::{Entry, entries, note, of_check};
use super::page::Page;
use super::rank;
use crate::policy::Status;
use crate::report::{FixWords, Known, OUT_OF_SIGHT, Outcome, Report, general, general_words, parse};

/// Every check, a line each, by family; the site's own behind the others, and at the end what is explained and never looked at. With a
/// topic only that family, or the checks whose name has that word; Err names the families.
pub fn list(topic: Option<&str>, own: &[&'static Check], columns: Option<usize>) -> Result<String, String> {
    if let Some(topic) = topic {
        let small = topic.to_ascii_lowercase();
        if let Some(family) = family(&small) {
            return Ok(whole_family(family, columns));
        }
        let all = ALL.iter().chain(own).copied();
        let named: Vec<&Check> = all.filter(|check| check.family.name == topic || check.id.contains(&small)).collect();
        return match named.is_empty() {
            true => {
                let names: Vec<String> = FAMILIES.iter().map(|family| family.title.to_ascii_lowercase()).collect();
                Err(format!(
                    "no family is called {topic:?}, and no check's name has this word; families: {}",
                    names.join(", ")
                ))
            }
            false => Ok(listed(&format!("checks named {topic}"), &named, columns)),
        };
    }
    let listed = |name: &str, checks: &[&Check]| listed(name, checks, columns);
    let mut families: Vec<String> = FAMILIES.iter().map(|family| listed(family.name, family.checks)).collect();
    let mut names: Vec<&str> = Vec::new();
    for check in own.iter().filter(|check| FAMILIES.iter().all(|family| family.name != check.family.name)) {
        if !names.contains(&check.family.name) {
            names.push(check.family.name);
        }
    }
    for name in names {
        let checks: Vec<&Check> = own.iter().copied().filter(|check| check.family.name == name).collect();
        families.push(listed(name, &checks));
    }
    let mut notes = format!("{}\n", "explained only, since no look at a host sees it".bold());
    for one in NOTES {
        notes.push_str(&row(one.id, note(one.id).map_or("", |doc| doc.title), columns));
    }
    families.push(notes);
    Ok(families.join("\n"))
}

fn listed(family: &str, checks: &[&Check], columns: Option<usize>) -> String {
    let rows: String = checks.iter().map(|check| row(check.id, check.title(), columns)).collect();
    format!("{}\n{rows}", family.bold())
}

/// An id, and behind it what holds where all is well.
fn row(id: &str, title: &str, columns: Option<usize>) -> String {
    const BEFORE: usize = 25;
    let title = columns.map_or_else(
        || title.to_owned(),
        |columns| textwrap::wrap(title, columns.saturating_sub(BEFORE).max(15)).join(&format!("\n{:BEFORE$}", "")),
    );
    format!("  {id:<22} {title}\n")
}

/// A family's checks and how to have them looked at.
fn whole_family(family: &Family, columns: Option<usize>) -> String {
    let asked = match family.asked_by {
        "" => String::new(),
        flag => format!(", when it is asked for: gdoctor {flag}"),
    };
    format!(
        "{}\nLook at all of them: gdoctor --only {name}{asked}\nAll about one: gdoctor explain {}\n",
        listed(family.name, family.checks, columns),
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

/// True where gdoctor itself has a family, a check or a note of this name.
pub fn is_known(topic: &str) -> bool {
    let id = topic.split_once('/').map_or(topic, |(id, _)| id);
    family(topic).is_some() || built_in(id).is_some() || NOTES.iter().any(|note| note.id == id)
}

/// True for a code of gdoctor's own.
pub fn is_code(topic: &str) -> bool {
    entries().iter().any(|entry| entry.name() == topic)
}

fn built_in(id: &str) -> Option<&'static Check> {
    named(id, &[])
}

fn named(id: &str, own: &[&'static Check]) -> Option<&'static Check> {
    ALL.iter().chain(own).copied().find(|check| check.id == id)
}

/// The check that can see this topic, a code or all of a check's, by looking at the host alone.
pub fn seen_by(topic: &str, own: &[&'static Check]) -> Option<&'static Check> {
    let id = topic.split_once('/').map_or(topic, |(id, _)| id);
    let asked_by_text = ["run", "dockerfile", "proof"];
    named(id, own).filter(|check| !asked_by_text.contains(&check.family.name))
}

/// All about a family (`docker`), a check (`docker-access`), a note (`in-image`) or one of their codes, with the commands of a host with these
/// tags, or of all systems; where the report has the code, with what is seen. Of a code only what fits a terminal, unless it is to be
/// `verbose`. Err names the nearest topic.
pub fn explain(
    topic: &str,
    own: &[&'static Check],
    tags: Option<&[String]>,
    report: Option<&Report>,
    verbose: bool,
    mut page: Page,
) -> Result<String, String> {
    if let Some(family) = family(topic) {
        return Ok(whole_family(family, page.columns()));
    }
    let (id, code) = topic.split_once('/').map_or((topic, None), |(id, code)| (id, Some(code)));
    let check = named(id, own);
    let of_check = check.map(|check| (check.id, parse(check)));
    let of_note = || NOTES.iter().find(|one| one.id == id).and_then(|one| Some((one.id, note(one.id)?)));
    let (id, doc) = of_check.or_else(of_note).ok_or_else(|| unknown(topic))?;
    match code {
        None => whole(&mut page, id, &doc, tags, report, verbose || tags.is_none()),
        Some(UNKNOWN) => {
            page.say(0, format!("Cannot tell whether {}", doc.title).bold()).blank().say(0, doc.cannot_tell);
            find_out(&mut page, &doc, id, report);
        }
        Some(NOT_NEEDED) => {
            page.say(0, doc.title.bold()).blank().say(0, doc.not_needed);
        }
        Some(ELSEWHERE) if doc.code(ELSEWHERE).is_none() => {
            page.say(0, doc.title.bold()).blank().say(0, OUT_OF_SIGHT);
        }
        Some(code) => {
            let code = doc.code(code).ok_or_else(|| unknown(topic))?;
            one_code(&mut page, &CodePage { id, check, doc: &doc, code, tags, report }, verbose || tags.is_none());
        }
    }
    Ok(page.whole())
}

/// The codes of a topic. Err names the nearest topic.
pub fn codes(topic: &str, own: &[&'static Check]) -> Result<Vec<Entry>, String> {
    let of_family = |id: &str| family(topic).is_some_and(|family| family.checks.iter().any(|check| check.id == id));
    let meant = |e: &Entry| e.id == topic || e.name() == topic || of_family(e.id);
    let codes: Vec<Entry> =
        entries().into_iter().chain(own.iter().flat_map(|check| of_check(check))).filter(meant).collect();
    if codes.is_empty() { Err(unknown(topic)) } else { Ok(codes) }
}

/// What a person runs where no look tells; what is seen here has it filled.
fn find_out(page: &mut Page, doc: &Doc<'_>, id: &str, report: Option<&Report>) {
    let unknown = |o: &&Outcome| o.id == id && o.status == Status::Unknown && !o.find_out.is_empty();
    let seen = report.and_then(|report| report.results.iter().find(unknown));
    let own = || doc.find_out.iter().map(|command| general(command, &Known::of(id))).collect();
    let commands: Vec<String> = seen.map_or_else(own, |outcome| outcome.find_out.clone());
    if !commands.is_empty() {
        page.say(0, "To find out:");
    }
    for command in &commands {
        page.piece(4, page.look(command).cyan());
    }
}

/// So many codes of a check are told with their sentences where not all are wanted.
const TOLD: usize = 10;

/// What is seen here first, with its commands, then what else can be wrong, what users report most before the rest; `verbose` has all
/// sentences and all commands, which each code's own page has besides.
fn whole(page: &mut Page, id: &str, doc: &Doc<'_>, tags: Option<&[String]>, report: Option<&Report>, verbose: bool) {
    let outcomes = || report.iter().flat_map(|report| &report.results).filter(|outcome| outcome.id == id);
    let known = Known::of(id);
    page.say(0, format!("{id}: {}", doc.title.bold())).blank();
    for text in [doc.checks, doc.why].iter().filter(|text| !text.is_empty()) {
        page.say(0, text).blank();
    }
    let seen = |code: &Code| outcomes().find(|outcome| outcome.code == format!("{id}/{}", code.name));
    let sentence = |code: &Code| {
        seen(code).map_or_else(|| general_words(&code.sentence.replace('\n', " "), &known), Outcome::told)
    };
    let tell = |page: &mut Page, code: &Code| {
        page.piece(0, format!("{id}/{}{}", code.name.bold(), seen(code).map_or("", seen_here))).say(2, sentence(code));
    };
    let (here, others): (Vec<&Code>, Vec<&Code>) = doc.codes.iter().partition(|code| seen(code).is_some());
    here.iter().for_each(|code| tell(page, code));
    let fixes_here: Vec<&FixWords> = outcomes().flat_map(|outcome| &outcome.fixes).collect();
    let again = rank::look_with(&[id], rank::engine(id)).map(|look| page.look(&look));
    let again = again.as_deref().unwrap_or(SAY_IT_AGAIN);
    fixes_here.iter().for_each(|fix| write_fix_here(page, fix, again, &Told::ALL));
    if !here.is_empty() {
        page.blank();
    }
    let (mut wrong, fine): (Vec<&Code>, Vec<&Code>) = others.into_iter().partition(|code| !code.fixes.is_empty());
    wrong.sort_by_key(|code| code.frequency != Frequency::High);
    let (told, named) = wrong.split_at(if verbose { wrong.len() } else { TOLD.min(wrong.len()) });
    told.iter().for_each(|code| tell(page, code));
    let names = |codes: &[&Code]| codes.iter().map(|code| code.name).collect::<Vec<_>>().join(", ");
    if !named.is_empty() {
        page.blank().say(0, format!("Others: {}", names(named)));
    }
    match verbose || told.len() + fine.len() <= TOLD {
        true => fine.iter().for_each(|code| tell(page, code)),
        false if fine.is_empty() => {}
        false => drop(page.blank().say(0, format!("Nothing to mend: {}", names(&fine)))),
    }
    if again != SAY_IT_AGAIN && NOTES.iter().all(|note| note.id != id) {
        page.blank().say(0, "Look at it".bold()).piece(4, again.cyan());
    }
    page.blank();
    for (heading, text) in [("When it cannot tell", doc.cannot_tell), ("When it is not needed", doc.not_needed)] {
        if !text.is_empty() {
            page.say(0, heading.bold()).say(0, text);
        }
        if heading == "When it cannot tell" {
            find_out(page, doc, id, report);
        }
    }
    if !verbose {
        if let Some(code) = told.first().or(here.iter().find(|code| !code.fixes.is_empty())) {
            let one = format!("gdoctor explain {id}/{}", code.name);
            page.blank().say(0, format!("What mends one of them: `{one}`; all of it: `gdoctor explain -v {id}`."));
        }
        return;
    }
    for fix in &doc.fixes {
        // What stands for the reader's own values is told behind the title.
        if !fixes_here.iter().any(|seen| seen.title.starts_with(&general_words(fix.title, &known))) {
            write_fix(page, id, fix, tags, again, &Told::ALL);
        }
    }
}

fn unknown(topic: &str) -> String {
    let ids = ALL.iter().map(|check| check.id.to_owned());
    let all = entries();
    let names = ids.chain(all.iter().map(Entry::name));
    // A code's own word, without its check.
    let own_word = |entry: &&Entry| entry.code.name == topic && entry.code.frequency != Frequency::Low;
    let nearest = all.iter().find(own_word).map(Entry::name);
    let nearest = nearest
        .or_else(|| names.max_by(|a, b| strsim::jaro_winkler(a, topic).total_cmp(&strsim::jaro_winkler(b, topic))));
    format!(
        "no check and no code is named {topic:?}; the nearest is {:?} (`gdoctor list` names all)",
        nearest.unwrap_or_default()
    )
}

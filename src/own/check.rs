//! An own check as one of gdoctor's: its words become the same document that a built-in check has, so that everything which reads
//! documents - reports, `explain`, `list` - has it without another line.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gdoctor_checks::model::check::{Check, Family, Tells};
use gdoctor_checks::model::doc::Doc;
use gdoctor_checks::model::fact::{Gap, Source, Stop};
use gdoctor_checks::model::facts::Group;
use gdoctor_checks::model::facts::own::Seen;
use gdoctor_checks::model::finding::{Finding, Findings, NOT_NEEDED};
use gdoctor_checks::model::fix::Risk;
use gdoctor_checks::model::need::Origin;
use gdoctor_checks::model::own::{Is, Outcome, Own, Remedy};
use gdoctor_checks::{ALL, FAMILIES};

/// By all that it says. Checks live as long as the process, as the built-in ones do; the same words are the same check.
static KNOWN: Mutex<BTreeMap<String, &'static Check>> = Mutex::new(BTreeMap::new());

/// The check with these words.
pub fn check(own: &Own) -> &'static Check {
    // A facts file may hold anything: its family is then nobody's.
    let is_own = is_family(&own.family);
    let family = if is_own { own.family.as_str() } else { FAMILY };
    let doc = document(own);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let key = format!("{family}\n{}\n{doc}", own.id);
    known.entry(key).or_insert_with(|| {
        let name: &'static str = Box::leak(family.to_owned().into_boxed_str());
        let family: &'static Family =
            Box::leak(Box::new(Family { name, title: name, asked_by: "", reads: &[Group::Own], checks: &[] }));
        Box::leak(Box::new(Check {
            id: Box::leak(own.id.clone().into_boxed_str()),
            family,
            doc: Box::leak(doc.into_boxed_str()),
            wanted: |_| None,
            tells: Tells::Anywhere,
            // What it saw is judged by `findings`; without that nobody knows.
            judge: |_, _| Err(Stop::Unknown(Gap::NotAsked, Source::default())),
        }))
    })
}

/// `CHECK/CODE` of each answer.
pub fn codes(own: &Own) -> Vec<String> {
    own.outcomes.iter().map(|outcome| format!("{}/{}", own.id, outcome.code)).collect()
}

/// A name of a check as reports have it, which no built-in one has.
pub fn is_id(text: &str) -> bool {
    is_name(text) && text.contains('-') && ALL.iter().all(|check| check.id != text)
}

/// The family of those that name none.
pub const FAMILY: &str = "own";

/// A name of a family which none of gdoctor's has.
pub fn is_family(text: &str) -> bool {
    is_name(text) && FAMILIES.iter().all(|own| own.name != text && !own.title.eq_ignore_ascii_case(text))
}

/// Small letters and digits, with single hyphens between them.
pub fn is_name(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= 64 && text.split('-').all(is_part)
}

/// What it says of what was seen.
pub fn findings(seen: &Seen, check: &'static Check) -> Findings {
    let doc = Doc::parse(check.doc);
    let of_doc = |name: &str| {
        let codes = doc.iter().flat_map(|doc| &doc.codes).map(|code| code.name);
        let fixes = doc.iter().flat_map(|doc| &doc.fixes).map(|fix| fix.name);
        codes.chain(fixes).find(|one| *one == name).unwrap_or(FIX)
    };
    let Some(told) = seen.told() else { return Finding::not_needed(NOT_NEEDED).asked_by(&seen.own.by).into() };
    let finding = |told: Result<gdoctor_checks::model::facts::own::Told<'_>, Stop>| {
        let told = match told {
            Ok(told) => told,
            Err(stop) => return Finding::from(stop).asked_by(&seen.own.by),
        };
        let (code, fix) = (of_doc(&told.outcome.code), of_doc(&fix_name(told.outcome)));
        let finding = match told.outcome.is {
            Is::Pass => Finding::pass(code),
            Is::Skip => Finding::not_needed(code),
            Is::Warn => Finding::warn(code, fix),
            Is::Fail => Finding::fail(code, fix),
        };
        let finding = finding.about(told.subject).with("seen", &told.seen).asked_by(&seen.own.by);
        told.evidence
            .iter()
            .fold(finding, |finding, seen| finding.evidence(seen.source.0.as_str(), seen.value.as_str()))
    };
    told.into_iter().map(finding).collect()
}

const FIX: &str = "mend";

fn fix_name(outcome: &Outcome) -> String {
    format!("{FIX}-{}", outcome.code)
}

/// Its `doc.md`. Whatever stands in the file, no line of it is taken for a heading, a fence or a key.
fn document(own: &Own) -> String {
    let title = [line(&own.title), own.id.clone()].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let mut out = format!("# {title}\n\n## What it checks\n{}\n\n", line(&own.looks));
    let why = if own.why.is_empty() { "This site asks for it." } else { &own.why };
    out.push_str(&format!("## Why it matters\n{}\n\n", line(why)));
    out.push_str("## When it cannot tell\nWhere the look gives no answer in time, is not allowed, or where a program of the site's says so itself.\n\n");
    let applies = if own.applies.is_empty() { "It applies everywhere." } else { &own.applies };
    out.push_str(&format!("## When it is not needed\n{}\n\n", line(applies)));
    for outcome in &own.outcomes {
        let name = name(&outcome.code);
        out.push_str(&format!("## Code {name}\n{}\n", line(&outcome.says)));
        if outcome.is == Is::Pass && !own.short.is_empty() {
            out.push_str(&format!("- short: {}\n", line(&own.short)));
        }
        if matches!(outcome.is, Is::Warn | Is::Fail) {
            out.push_str(&format!("- fix: {FIX}-{name}\n"));
        }
        out.push('\n');
    }
    for outcome in own.outcomes.iter().filter(|outcome| matches!(outcome.is, Is::Warn | Is::Fail)) {
        let none = Remedy { title: "See what the one who wrote this check says".into(), ..Remedy::default() };
        out.push_str(&fix(&format!("{FIX}-{}", name(&outcome.code)), outcome.fix.as_ref().unwrap_or(&none), &own.by));
    }
    out
}

fn fix(name: &str, remedy: &Remedy, by: &Origin) -> String {
    let mut out = format!("## Fix {name}\n{}\n\n", line(&remedy.title));
    let commands = remedy.commands.iter().flat_map(|command| command.lines());
    let commands: Vec<&str> = commands.map(|command| command.trim().trim_start_matches('`')).collect();
    if commands.iter().any(|command| !command.is_empty()) {
        out.push_str(&format!("```sh\n{}\n```\n", commands.join("\n")));
    }
    let named: Vec<&str> = remedy.risk.iter().filter_map(|words| Risk::from_words(words)).map(Risk::words).collect();
    let sudo = remedy.commands.iter().any(|command| command.contains("sudo "));
    // What nobody said is not told: neither a sentence nor a command is safe by itself.
    let risk = match (named.is_empty(), sudo) {
        (false, _) => named.join(", "),
        (true, true) => Risk::NeedsRoot.words().into(),
        (true, false) => String::new(),
    };
    if !risk.is_empty() {
        out.push_str(&format!("- risk: {risk}\n"));
    }
    for (key, text) in [("verify", &remedy.verify), ("undo", &remedy.undo)] {
        if !text.is_empty() {
            out.push_str(&format!("- {key}: {}\n", line(text)));
        }
    }
    let page = match by {
        _ if !remedy.page.is_empty() => remedy.page.clone(),
        Origin::File { path, line, .. } => format!("{path}, line {line}"),
        by => by.to_string(),
    };
    out.push_str(&format!("- page: {}\n\n", line(&page)));
    out
}

/// One line that begins with none of the signs of a document.
fn line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("```", "'''");
    words.trim_start_matches(['#', '-', ' ']).to_owned()
}

/// A facts file's own words for a code are no more trusted than the rest.
fn name(code: &str) -> String {
    let name: String = code.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-').collect();
    if name.is_empty() { "answer".into() } else { name }
}

#[cfg(test)]
mod tests {
    use gdoctor_checks::model::fact::Fact;
    use gdoctor_checks::model::facts::own::Condition;

    use super::*;

    /// As a facts file may have them that somebody made up.
    #[test]
    fn no_words_break_the_document() {
        let texts = [
            "",
            "# x",
            "## Code ok",
            "```sh",
            "a ``` b",
            "- fix: x",
            "x\n## Fix y\nz",
            "- page: x\n- risk: y",
            "\u{1b}[2J",
            "{seen}",
        ];
        for text in texts {
            let text = text.to_owned();
            let remedy = Remedy {
                title: text.clone(),
                commands: vec![text.clone(), "```".into()],
                risk: vec![text.clone()],
                verify: text.clone(),
                undo: text.clone(),
                page: text.clone(),
            };
            let outcome = |is| Outcome { code: text.clone(), is, says: text.clone(), fix: Some(remedy.clone()) };
            let own = Own {
                id: "a-check".into(),
                family: if text.is_empty() { "disk".into() } else { text.clone() },
                title: text.clone(),
                why: text.clone(),
                short: text.clone(),
                looks: text.clone(),
                applies: text.clone(),
                by: Origin::Flag(text.clone()),
                given: None,
                outcomes: vec![outcome(Is::Pass), outcome(Is::Fail)],
            };
            let made = check(&own);
            let doc = Doc::parse(made.doc).unwrap_or_else(|why| panic!("{text:?}: {why}\n{}", made.doc));
            assert_eq!((doc.codes.len(), doc.fixes.len(), made.family.name), (2, 1, FAMILY), "{text:?}");
            assert!(std::ptr::eq(made, check(&own)), "the same words are the same check");
            let failed = Condition::new("it is not so", Fact::present(false, "x"));
            let mut seen = Seen { own, when: vec![], conditions: vec![failed], said: Fact::default() };
            assert_eq!(findings(&seen, made).len(), 1);
            seen.own.outcomes.clear();
            assert!(matches!(findings(&seen, made)[0].verdict, gdoctor_checks::model::finding::Verdict::Unknown(_)));
        }
    }
}

//! What an own check's outcomes mean: its sentences, and what mends it.

use gdoctor_checks::model::fix::Risk;
use gdoctor_checks::model::own::{Answers, Ask, Is, Outcome, Remedy};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::is_name;
use super::entry::{Wrong, known, only_known, sentence, table, texts, words, wrong};
use super::program::{CRITICAL, FAILED, NOT_HERE, OK, WARNING};

pub const FIX: &[(&str, &str)] = &[
    ("title", "what is done"),
    ("commands", "lines to paste"),
    ("risk", "what they do to the host"),
    ("verify", "how to see that it worked: a command, or a sentence with a capital"),
    ("undo", "how to take it back: a command, or a sentence with a capital"),
];
pub const OUTCOME: &[(&str, &str)] = &[
    ("on", "the exit code, a number, or the code, a word"),
    ("is", "pass, warn, fail or skip"),
    ("says", "the sentence"),
    ("fix", "what mends it"),
    ("page", "where more is written"),
];

/// The first holds, the second does not.
pub fn outcomes(
    check: &DeTable,
    entry: &Spanned<DeValue>,
    id: &str,
    title: &str,
    ask: &Ask,
) -> Result<Vec<Outcome>, Wrong> {
    let at = |name: &str| check.get(name).map_or(entry.span(), Spanned::span);
    let severity = match words(check, "severity")?.as_deref() {
        None | Some("fail") => Is::Fail,
        Some("warn") => Is::Warn,
        Some(other) => {
            return Err(wrong(at("severity"), format!("{other:?} is no severity"), "it is \"fail\" or \"warn\""));
        }
    };
    let page = words(check, "page")?.unwrap_or_default();
    let fix = remedy(check, &page)?;
    let says = sentence(check, "says")?.unwrap_or_else(|| format!("It does not hold that {title}: {{seen}}."));
    let passes = format!("{}: {{seen}}.", capital(title));
    let outcome = |code: &str, is: Is, says: &str| Outcome {
        code: code.into(),
        is,
        says: says.into(),
        fix: fix.clone().filter(|_| matches!(is, Is::Warn | Is::Fail)),
    };
    let answers = match ask {
        Ask::Looks(_) => None,
        Ask::Program(program) => Some(program.answers),
    };
    let mut all = vec![outcome(OK, Is::Pass, &passes)];
    all.extend(match answers {
        None | Some(Answers::ExitCode) => vec![outcome(FAILED, severity, &says)],
        Some(Answers::Nagios) => vec![outcome(CRITICAL, severity, &says), outcome(WARNING, Is::Warn, &says)],
        Some(Answers::Json) => vec![
            outcome(FAILED, severity, &says),
            outcome(WARNING, Is::Warn, &says),
            outcome(NOT_HERE, Is::Skip, "It does not apply: {seen}."),
        ],
    });
    let more = match check.get("outcome") {
        None => Vec::new(),
        Some(value) if answers.is_none() => {
            let help = "kinds hold or they do not: write says, severity and fix in the check itself";
            return Err(wrong(value.span(), "only a program has outcomes", help));
        }
        Some(value) => {
            let known: Vec<String> = all.iter().map(|one| one.code.clone()).collect();
            more_outcomes(value, &says, fix.as_ref(), answers.unwrap_or(Answers::ExitCode), &known)?
        }
    };
    for one in more {
        all.retain(|known| known.code != one.code);
        // The first two keep their places: it holds, it does not.
        let place = match one.code.as_str() {
            OK => 0,
            FAILED | CRITICAL => 1,
            _ => all.len(),
        };
        all.insert(place.min(all.len()), one);
    }
    if let Some(bad) = all.iter().find(|one| matches!(one.is, Is::Warn | Is::Fail) && one.fix.is_none()) {
        let what = format!("check {id} can {} and has no fix", bad.is.word());
        return Err(wrong(
            entry.span(),
            what,
            "write fix = \"…\", what mends it, or fix = { title = \"…\", commands = [\"…\"] }",
        ));
    }
    Ok(all)
}

/// `known` are codes that the answers have by themselves.
fn more_outcomes(
    value: &Spanned<DeValue>,
    says: &str,
    fix: Option<&Remedy>,
    answers: Answers,
    known_codes: &[String],
) -> Result<Vec<Outcome>, Wrong> {
    let DeValue::Array(list) = value.get_ref() else {
        return Err(wrong(value.span(), "outcomes are tables", "write [[check.outcome]]"));
    };
    let one = |entry: &Spanned<DeValue>| {
        let given = table(entry, "an outcome")?;
        known(given, OUTCOME.iter().map(|(name, _)| *name), "an outcome")?;
        let at = |name: &str| given.get(name).map_or(entry.span(), Spanned::span);
        let code = match given.get("on").map(Spanned::get_ref) {
            Some(DeValue::Integer(number)) if number.to_string().parse::<u8>().is_ok() => format!("exit-{number}"),
            Some(DeValue::String(code)) if is_name(code) && code != "unknown" && code != "not-needed" => {
                code.to_string()
            }
            _ => {
                let help = "write on = 3, an exit code, or on = \"nearly-full\", a code of small letters and hyphens";
                return Err(wrong(at("on"), "the outcome does not say which answer it is about", help));
            }
        };
        // One that no answer can have would be a check that is silently left out.
        let is_number =
            code.starts_with("exit-") && matches!(given.get("on").map(Spanned::get_ref), Some(DeValue::Integer(_)));
        if is_number == (answers == Answers::Json) && !known_codes.contains(&code) {
            let shown = if is_number { code.trim_start_matches("exit-").to_owned() } else { format!("{code:?}") };
            let what = format!("a program that answers by {} never says {shown}", answers.word());
            let help = match answers {
                Answers::Json => "write on = \"degraded\", a code of its JSON",
                _ => "write on = 3, an exit code, or answers = \"json\"",
            };
            return Err(wrong(at("on"), what, help));
        }
        let is = words(given, "is")?;
        let Some(is) = is.as_deref().and_then(Is::from_word) else {
            return Err(wrong(
                at("is"),
                "the outcome does not say what it is",
                "write is = \"pass\", \"warn\", \"fail\" or \"skip\"",
            ));
        };
        let page = words(given, "page")?.unwrap_or_default();
        let own = remedy(given, &page)?;
        let says =
            sentence(given, "says")?.unwrap_or_else(|| if is == Is::Pass { "{seen}.".into() } else { says.to_owned() });
        let fix = own.or_else(|| fix.cloned()).filter(|_| matches!(is, Is::Warn | Is::Fail));
        Ok(Outcome { code, is, says, fix })
    };
    list.iter().map(one).collect()
}

fn remedy(of: &DeTable, page: &str) -> Result<Option<Remedy>, Wrong> {
    let Some(value) = of.get("fix") else { return Ok(None) };
    let given = match value.get_ref() {
        DeValue::String(_) => {
            let title = sentence(of, "fix")?.unwrap_or_default();
            return Ok(Some(Remedy { title, page: page.into(), ..Remedy::default() }));
        }
        _ => table(value, "fix")?,
    };
    known(given, FIX.iter().map(|(name, _)| *name), "fix")?;
    let Some(title) = sentence(given, "title")? else {
        return Err(wrong(
            value.span(),
            "fix has no title",
            "write fix = { title = \"Start the licence server\", commands = [\"…\"] }",
        ));
    };
    let at = |name: &str| given.get(name).map_or(value.span(), Spanned::span);
    let commands = texts(given, "commands")?;
    commands.iter().try_for_each(|command| only_known(command, "commands", at("commands")))?;
    let risk = texts(given, "risk")?;
    if let Some(odd) = risk.iter().find(|words| Risk::from_words(words).is_none()) {
        let all = Risk::ALL.map(Risk::words).join(", ");
        return Err(wrong(at("risk"), format!("{odd:?} is no risk"), format!("they are {all}")));
    }
    let (verify, undo) = (sentence(given, "verify")?.unwrap_or_default(), sentence(given, "undo")?.unwrap_or_default());
    Ok(Some(Remedy { title, commands, risk, verify, undo, page: page.into() }))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

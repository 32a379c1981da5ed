//! Reads `[[check]]` of a TOML file. Every error has its place and a remedy.

use std::ops::Range;
use std::time::Duration;

use gdoctor_checks::model::need::Origin;
use gdoctor_checks::model::own::{Answers, Ask, Asked, Look, Own, Pair, Program};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{FAMILY, is_family, is_id, is_name};
use super::entry::{Wrong, known, required, table, texts, words, wrong};
use super::form::Form;
use super::kinds::{KINDS, Key, Kind, kind};
use super::outcome::outcomes;
use crate::cli::{Bytes, duration};

/// The keys of a check besides its kinds, with their words for docs and schema.
pub const KEYS: &[(&str, &str)] = &[
    ("id", "its name, small letters with hyphens: lab-licence; required"),
    ("title", "what holds when it passes: \"the licence server answers\"; required"),
    ("family", "under which it is listed, none of gdoctor's own; \"own\" unless given"),
    ("why", "why it matters"),
    ("short", "a few words for the first screen when it passes"),
    ("when", "kinds that must hold, or the check does not apply"),
    ("severity", "\"fail\" or \"warn\": what it means that it does not hold"),
    ("says", "the sentence when it does not hold; {seen} is what was seen, {subject} what it is about"),
    ("fix", "what mends it: a sentence, or a table with title, commands, risk, verify, undo; required"),
    ("page", "where more is written"),
    ("deadline", "how long it may take: \"10s\"; 5s unless given, 5m at most"),
    ("program", "a program that answers, in the place of kinds"),
    ("outcome", "what an answer of the program means: on, is, says, fix, page"),
];
pub const PROGRAM: &[(&str, &str)] = &[
    ("run", "its path and its arguments, a list; no shell reads them"),
    ("answers", "\"exit-code\", \"nagios\" or \"json\""),
    ("output", "the most that it may write: \"64KiB\""),
    ("environment", "variables that it gets besides PATH and LC_ALL"),
];
const DEADLINE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);
const OUTPUT: u64 = 64 << 10;
const MOST_OUTPUT: u64 = 4 << 20;
/// Reads the value of `check`. `origin` makes a place of a span and words, `text` is the file's.
pub fn checks(
    value: &Spanned<DeValue>,
    text: &str,
    origin: &dyn Fn(Range<usize>, String) -> Origin,
) -> Result<Vec<Asked>, Wrong> {
    let DeValue::Array(list) = value.get_ref() else {
        return Err(wrong(value.span(), "checks are tables", "write [[check]], with two brackets"));
    };
    let mut all: Vec<Asked> = Vec::new();
    for entry in list {
        let asked = Reader { text }.check(entry, origin)?;
        if all.iter().any(|one| one.own.id == asked.own.id) {
            let at = table(entry, "a check")?.get("id").map_or(entry.span(), Spanned::span);
            return Err(wrong(
                at,
                format!("there are two checks called {}", asked.own.id),
                "give one of them another id",
            ));
        }
        all.push(asked);
    }
    Ok(all)
}

struct Reader<'t> {
    text: &'t str,
}

impl Reader<'_> {
    fn check(&self, entry: &Spanned<DeValue>, origin: &dyn Fn(Range<usize>, String) -> Origin) -> Result<Asked, Wrong> {
        let check = table(entry, "a check")?;
        let names = KEYS.iter().map(|(name, _)| *name).chain(KINDS.iter().map(|kind| kind.name));
        known(check, names, "a check")?;
        let id = required(check, entry, "id", "write id = \"lab-licence\"")?;
        let at = |name: &str| check.get(name).map_or(entry.span(), Spanned::span);
        if !is_name(&id) || !id.contains('-') {
            let help = "small letters and digits, at least two words with a hyphen between them: lab-licence";
            return Err(wrong(at("id"), format!("{id:?} is no name of a check"), help));
        }
        if !is_id(&id) {
            return Err(wrong(
                at("id"),
                format!("{id} is a check of gdoctor's own"),
                format!("take another name: site-{id}"),
            ));
        }
        let title = words(check, "title")?.ok_or_else(|| {
            wrong(entry.span(), format!("check {id} has no title"), "write title = \"the licence server answers\"")
        })?;
        let family = words(check, "family")?.unwrap_or_else(|| FAMILY.into());
        if is_name(&family) && !is_family(&family) {
            let help = "take a name of the site's own: family = \"lab\"";
            return Err(wrong(at("family"), format!("{family} is a family of gdoctor's own"), help));
        }
        if !is_name(&family) {
            return Err(wrong(
                at("family"),
                format!("{family:?} is no name of a family"),
                "small letters, digits, hyphens: family = \"lab\"",
            ));
        }
        let deadline = match words(check, "deadline")? {
            None => DEADLINE,
            Some(given) => match duration(&given) {
                Ok(span) if span <= LONGEST => span,
                Ok(_) => {
                    return Err(wrong(at("deadline"), "no check may take longer than 5m", "write deadline = \"5m\""));
                }
                Err(help) => return Err(wrong(at("deadline"), format!("{given:?} is no time"), help)),
            },
        };
        let looks = self.looks(check)?;
        let ask = match (check.get("program"), looks.is_empty()) {
            (Some(program), true) => Ask::Program(self.program(program)?),
            (None, false) => Ask::Looks(looks),
            (Some(program), false) => {
                let help = "make two checks of it, or move the kinds into `when`";
                return Err(wrong(program.span(), format!("check {id} has a program and kinds"), help));
            }
            (None, true) => {
                let kinds = KINDS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
                let help = format!("write one of {kinds}, or program");
                return Err(wrong(entry.span(), format!("check {id} looks at nothing"), help));
            }
        };
        let when = match check.get("when") {
            None => Vec::new(),
            Some(value) => {
                let when = table(value, "when")?;
                known(when, KINDS.iter().map(|kind| kind.name), "when")?;
                self.looks(when)?
            }
        };
        let outcomes = outcomes(check, entry, &id, &title, &ask)?;
        let place = check.get("id").map_or(entry.span(), Spanned::span);
        let own = Own {
            short: words(check, "short")?.unwrap_or_else(|| id.clone()),
            why: words(check, "why")?.unwrap_or_default(),
            looks: told(&ask),
            applies: when_words(&when),
            by: origin(place, format!("check {id}")),
            given: Some(String::new()),
            family,
            title,
            outcomes,
            id,
        };
        Ok(Asked { own, when, ask, deadline: deadline.as_millis() as u64 })
    }

    /// The kinds that stand in a table, each one look or several.
    fn looks(&self, of: &DeTable) -> Result<Vec<Look>, Wrong> {
        let mut all = Vec::new();
        for kind in KINDS {
            let Some(value) = of.get(kind.name) else { continue };
            match value.get_ref() {
                DeValue::Array(list) => {
                    for one in list {
                        all.push(self.look(kind, one)?);
                    }
                }
                _ => all.push(self.look(kind, value)?),
            }
        }
        Ok(all)
    }

    fn look(&self, kind: &Kind, value: &Spanned<DeValue>) -> Result<Look, Wrong> {
        let shape = || {
            let target =
                kind.target.first().map(|key| format!("{} = {}, ", key.name, key.form.example())).unwrap_or_default();
            format!("write {} = {{ {target}{} = … }}", kind.name, kind.keys.first().map_or("", |key| key.name))
        };
        let (mut target, mut wants) = (Vec::new(), Vec::new());
        match (value.get_ref(), kind.target) {
            (DeValue::Table(given), _) => {
                known(given, kind.targets().chain(kind.keys).map(|key| key.name), kind.name)?;
                for (into, keys) in
                    [(&mut target, kind.targets().collect::<Vec<_>>()), (&mut wants, kind.keys.iter().collect())]
                {
                    for key in keys {
                        if let Some(value) = given.get(key.name) {
                            into.push(self.pair(kind, key, value)?);
                        }
                    }
                }
                if let Some(lacks) = kind.target.iter().find(|key| given.get(key.name).is_none()) {
                    return Err(wrong(
                        value.span(),
                        format!("{} has no {}: {}", kind.name, lacks.name, lacks.words),
                        shape(),
                    ));
                }
            }
            // `file = "/path"`
            (DeValue::String(_) | DeValue::Integer(_), [key]) => target.push(self.pair(kind, key, value)?),
            _ => return Err(wrong(value.span(), format!("{} is a table", kind.name), shape())),
        }
        if wants.is_empty() {
            let (key, wanted) = kind.implied;
            wants.push(Pair { key: key.into(), values: vec![wanted.into()] });
        }
        Ok(Look { kind: kind.name.into(), target, wants })
    }

    fn pair(&self, kind: &Kind, key: &Key, value: &Spanned<DeValue>) -> Result<Pair, Wrong> {
        let name = format!("{}.{}", kind.name, key.name);
        let values = match value.get_ref() {
            DeValue::Array(list) if key.form.takes_lists() && !list.is_empty() => {
                list.iter().map(|one| self.value(key, &name, one)).collect::<Result<_, _>>()?
            }
            DeValue::Array(_) => {
                let help = format!("it takes {}: {} = {}", key.form.words(), key.name, key.form.example());
                return Err(wrong(value.span(), format!("{name} takes no such list"), help));
            }
            _ => vec![self.value(key, &name, value)?],
        };
        Ok(Pair { key: key.name.into(), values })
    }

    fn value(&self, key: &Key, name: &str, value: &Spanned<DeValue>) -> Result<String, Wrong> {
        let written = self.text.get(value.span()).unwrap_or_default();
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            // 0o644 is meant as it looks, 644 is not.
            DeValue::Integer(number) if key.form == Form::Mode => match written.strip_prefix("0o") {
                Some(digits) => digits.to_owned(),
                None => {
                    let help = format!("permissions are octal: {} = \"0{number}\"", key.name);
                    return Err(wrong(value.span(), format!("{written} is no value of {name}"), help));
                }
            },
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            _ => {
                let help = format!("it takes {}: {} = {}", key.form.words(), key.name, key.form.example());
                return Err(wrong(value.span(), format!("{written} is no value of {name}"), help));
            }
        };
        match key.form.refuse(&text) {
            Some(help) => Err(wrong(value.span(), format!("{text:?} is no value of {name}"), help)),
            None => Ok(text),
        }
    }

    fn program(&self, value: &Spanned<DeValue>) -> Result<Program, Wrong> {
        let given = match value.get_ref() {
            DeValue::Table(given) => given,
            _ => {
                let help = "write program = { run = [\"/path\", \"argument\"], answers = \"exit-code\" }";
                return Err(wrong(value.span(), "program is a table", help));
            }
        };
        known(given, PROGRAM.iter().map(|(name, _)| *name), "program")?;
        let at = |name: &str| given.get(name).map_or(value.span(), Spanned::span);
        let run = texts(given, "run")?;
        let path = run.first().map(String::as_str).unwrap_or_default();
        if path.is_empty() {
            let help = "write run = [\"/usr/lib/nagios/plugins/check_disk\", \"-w\", \"10%\"]";
            return Err(wrong(at("run"), "program has no run", help));
        }
        if path.contains(char::is_whitespace) && run.len() == 1 {
            let parts: Vec<String> = path.split_whitespace().map(|part| format!("{part:?}")).collect();
            return Err(wrong(
                at("run"),
                "no shell reads this line",
                format!("write a list: run = [{}]", parts.join(", ")),
            ));
        }
        if path.contains('/') && !path.starts_with('/') {
            let help = "a path begins with /; a name alone is a program of the system's folders";
            return Err(wrong(at("run"), format!("{path:?} depends on where gdoctor is started"), help));
        }
        let answers = words(given, "answers")?.unwrap_or_else(|| Answers::ExitCode.word().into());
        let answers = Answers::from_word(&answers).ok_or_else(|| {
            let all = Answers::ALL.map(Answers::word).join(", ");
            wrong(at("answers"), format!("{answers:?} is no way to answer"), format!("it is one of {all}"))
        })?;
        let output = match words(given, "output")? {
            None => OUTPUT,
            Some(size) => match size.parse::<Bytes>() {
                Ok(Bytes(bytes)) if (1..=MOST_OUTPUT).contains(&bytes) => bytes,
                _ => {
                    return Err(wrong(
                        at("output"),
                        format!("{size:?} is no size from 1 byte to 4MiB"),
                        "write output = \"64KiB\"",
                    ));
                }
            },
        };
        let environment = texts(given, "environment")?;
        let is_name = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let loads = |name: &String| {
            ["LD_", "PYTHON", "PERL", "RUBY", "NODE_", "GCONV_"].iter().any(|start| name.starts_with(start))
                || ["BASH_ENV", "ENV", "IFS", "PATH", "SHELLOPTS", "CDPATH"].contains(&name.as_str())
        };
        if let Some(odd) = environment.iter().find(|name| !is_name(name) || loads(name)) {
            let help = "names of variables alone, and none that makes a program load something: environment = [\"LM_LICENSE_FILE\"]";
            return Err(wrong(at("environment"), format!("{odd:?} is not handed on"), help));
        }
        Ok(Program { run, answers, output, environment })
    }
}

/// What it looks at, in words.
fn told(ask: &Ask) -> String {
    match ask {
        Ask::Looks(looks) => looks.iter().map(look_words).collect::<Vec<_>>().join("; "),
        Ask::Program(program) => format!("asks {} ({})", program.run.join(" "), program.answers.word()),
    }
}

fn when_words(when: &[Look]) -> String {
    if when.is_empty() {
        return String::new();
    }
    format!("It applies only where this holds: {}.", when.iter().map(look_words).collect::<Vec<_>>().join("; "))
}

fn look_words(look: &Look) -> String {
    let pairs = |pairs: &[Pair]| {
        let is_told =
            |pair: &Pair| kind(&look.kind).and_then(|kind| kind.key(&pair.key)).is_none_or(|key| key.form.is_told());
        let told = |pair: &Pair| match is_told(pair) {
            true => format!("{} {}", pair.key, pair.values.join(", ")),
            false => format!("{} is as wanted", pair.key),
        };
        pairs.iter().map(told).collect::<Vec<_>>()
    };
    let target = pairs(&look.target).join(", ");
    let is_whole = kind(&look.kind).is_some_and(|kind| kind.target.len() == 1);
    let target = if is_whole {
        look.target.iter().flat_map(|pair| pair.values.clone()).collect::<Vec<_>>().join(", ")
    } else {
        target
    };
    format!("{} {target} ({})", look.kind, pairs(&look.wants).join(", "))
}

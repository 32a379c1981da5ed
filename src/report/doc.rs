//! A check's `doc.md`: its parts, and what a finding puts into them.

use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::doc::Doc;
use gdoctor_checks::model::finding::{Finding, Verdict};
use gdoctor_checks::model::fix::Fix;

use super::gate::harmless;
use crate::judge::Judged;

/// The parsed `doc.md` of a check. Its form is held by tests/contract.rs.
pub fn parse(check: &Check) -> Doc<'static> {
    Doc::parse(check.doc).unwrap_or_else(|why| panic!("doc.md of {}: {why}", check.id))
}

/// Of a check's `doc.md` the part that its findings quote.
pub fn quoted(judged: &Judged) -> Doc<'static> {
    let quotes = |finding: &Finding, name: &str| match finding.verdict {
        Verdict::Warn(fix) | Verdict::Fail(fix) => finding.code == name || fix == name,
        _ => finding.code == name,
    };
    let wanted = |name: &str| judged.findings.iter().any(|finding| quotes(finding, name));
    Doc::parse_part(judged.check.doc, wanted).unwrap_or_else(|why| panic!("doc.md of {}: {why}", judged.check.id))
}

/// Finds a fix by its reference, which is a name in `doc` or `check-id/name`.
pub fn find_fix<'a>(doc: &Doc<'a>, reference: &str) -> Option<Fix<'a>>
where
    'static: 'a,
{
    match reference.split_once('/') {
        None => doc.fix(reference).cloned(),
        Some((id, name)) => {
            let check = ALL.iter().find(|check| check.id == id)?;
            parse(check).fix(name).cloned()
        }
    }
}

/// What is known where no host was looked at: as a rule nothing but what the subject is.
#[derive(Clone, Debug)]
pub struct Known {
    finding: Finding,
    /// [`Doc::words`] of the check.
    words: Vec<(&'static str, &'static str)>,
}

impl Known {
    /// Of no check.
    pub fn nothing() -> Self {
        Self { finding: Finding::pass("").about(NOBODYS), words: Vec::new() }
    }

    /// Of a check or a note.
    pub fn of(id: &str) -> Self {
        let check = ALL.iter().find(|check| check.id == id);
        let words =
            check.and_then(|check| Doc::parse_part(check.doc, |_| false).ok()).map_or(Vec::new(), |doc| doc.words);
        let known = Self { words, ..Self::nothing() };
        match known.words_for(SUBJECT) {
            Some(subject) => known.about(subject),
            None => known,
        }
    }

    pub fn about(self, subject: impl std::fmt::Display) -> Self {
        Self { finding: self.finding.about(subject), ..self }
    }

    pub fn with(self, name: &'static str, value: impl std::fmt::Display) -> Self {
        Self { finding: self.finding.with(name, value), ..self }
    }

    pub(super) fn finding(&self) -> &Finding {
        &self.finding
    }

    /// Its subject is but the word for one.
    fn is_nobodys(&self) -> bool {
        self.finding.subject == self.words_for(SUBJECT).unwrap_or(NOBODYS)
    }

    /// The words that stand for `{name}` in a sentence.
    fn words_for(&self, name: &str) -> Option<&'static str> {
        self.words.iter().find(|(of, _)| *of == name).map(|(_, words)| *words)
    }
}

/// The line of `## Words` that tells what a command has for a subject: `- SUBJECT: PORT`.
const SUBJECT: &str = "SUBJECT";
/// What it has where no such line is.
const NOBODYS: &str = "NAME";

/// What stands in a command for something that no look at a host tells, and what is to be written there.
pub const PLACES: [(&str, &str); 2] =
    [("IMAGE", "your image"), ("CONTAINER", "the container's name, as `docker ps -a` shows it")];

/// `; IMAGE stands for your image`: of each such word in these commands, in their order. Besides what is told of any, a document's
/// words are, each by what stands in its place.
pub fn places(commands: &[String], known: &Known) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut told: Vec<(&str, &str)> = Vec::new();
    for word in commands.iter().flat_map(|command| command.split(|c: char| !is_part(c))) {
        let own =
            known.words.iter().find(|(name, words)| in_capitals(&format!("{{{name}}}")) == word && *words != word);
        let own = own.map(|(_, words)| (word, *words));
        let of_all = PLACES.iter().find(|(name, _)| *name == word).copied();
        told.extend(own.or(of_all).filter(|one| !told.contains(one)));
    }
    told.iter().map(|(word, words)| format!("; {word} stands for {words}")).collect()
}

/// A command with what is known; the rest that would fill it is named in capitals, `{socket}` as SOCKET.
pub fn general(text: &str, known: &Known) -> String {
    in_capitals(&fill(text, &known.finding, harmless))
}

/// The same of a sentence, which has the check's words for what is not known.
pub fn general_words(text: &str, known: &Known) -> String {
    in_capitals(&fill(&worded(text, known), &known.finding, harmless))
}

/// True where a command has something left to name in capitals.
pub fn has_holes(text: &str, finding: &Finding) -> bool {
    let worded = replaced(&fill(text, finding, harmless), false);
    replaced(&worded, true) != worded
}

/// True where [`general`] or [`general_words`] names something in capitals.
pub fn is_open(text: &str, known: &Known) -> bool {
    // `VERSION` is a word of the check, and still to be filled.
    let in_capitals = |(name, words): &(&str, &str)| {
        !words.contains(|c: char| c.is_ascii_lowercase()) && text.contains(&format!("{{{name}}}"))
    };
    let worded = worded(text, known);
    known.words.iter().any(in_capitals)
        || has_holes(&worded, &known.finding)
        || (worded.contains("{subject}") && known.is_nobodys())
}

/// A sentence in which `{name}` has become the check's words for it, but not in a command that it quotes, nor where the value is but
/// a part of a word or an option's value.
pub fn worded(text: &str, known: &Known) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, inner)| Some((before, inner.split_once('}')?)))
    {
        out.push_str(before);
        let words = known.words_for(name).filter(|_| stands_alone(&out, after));
        let subject_known = name == "subject" && !known.is_nobodys();
        match words.filter(|_| !subject_known && !known.finding.values.contains_key(name)) {
            // A name, `daemon.json`, is written small there too.
            Some(words) if words.contains(' ') && (out.trim_end().is_empty() || out.ends_with(". ")) => {
                let (first, others) = words.split_at(words.chars().next().map_or(0, char::len_utf8));
                out.extend([&first.to_uppercase(), others]);
            }
            Some(words) => out.push_str(words),
            None => out.extend(["{", name, "}"]),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A value between these is a word of a sentence.
fn stands_alone(before: &str, after: &str) -> bool {
    let quoted = before.matches('`').count() % 2 == 1;
    let of_option = before.split_whitespace().last().is_some_and(|word| word.starts_with('-'));
    let begins = before.is_empty() || before.ends_with([' ', '\n', '(']);
    let mut next = after.chars();
    let ends = match next.next() {
        Some('.' | ':' | ',' | ';' | ')') => next.next().is_none_or(|c| c.is_whitespace() || c == ','),
        Some(c) => c.is_whitespace() || c == '\'',
        None => true,
    };
    begins && ends && !quoted && !of_option
}

/// `flag|--gpus`: the value's name, and the words that stand for it where no host fills it.
fn parted(inner: &str) -> (&str, Option<&str>) {
    inner.split_once('|').map_or((inner, None), |(name, words)| (name, Some(words)))
}

/// Every `{name}` that is left.
pub fn in_capitals(text: &str) -> String {
    replaced(text, true)
}

/// `{name|words}` becomes its words, and `{name}` NAME where capitals are wanted.
fn replaced(text: &str, capitals: bool) -> String {
    let mut parts = text.split('{');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let hole = part.split_once('}').filter(|(inner, _)| is_name(parted(inner).0));
        match hole.map(|(inner, rest)| (parted(inner), rest)) {
            Some(((_, Some(words)), rest)) => out.extend([words, rest]),
            // `DISPLAY={display}` is no riddle.
            Some(_) if !capitals => out.extend(["{", part]),
            Some(((name, None), rest)) if out.ends_with(&format!("{}=", name.to_ascii_uppercase())) => {
                out.extend(["VALUE", rest])
            }
            // PATH is a variable that everybody has.
            Some((("path", None), rest)) => out.extend(["SOME_PATH", rest]),
            Some(((name, None), rest)) => out.extend([&name.to_ascii_uppercase(), rest]),
            None => out.extend(["{", part]),
        }
    }
    out
}

/// Replaces `{name}` by the finding's value of that name, `{subject}` by its subject; other braces stay. `{name|words}` has
/// its words for where nobody knows the value.
pub fn fill(text: &str, finding: &Finding, encode: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let name = rest[1..].split_once('}').map(|(name, _)| name);
        let value = name.and_then(|name| match parted(name).0 {
            "subject" => Some(&finding.subject),
            name => finding.values.get(name),
        });
        match (name, value) {
            (Some(name), Some(value)) => {
                out.push_str(&encode(value));
                rest = &rest[name.len() + 2..];
            }
            _ => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Gate;

    #[test]
    fn a_hostile_value_is_one_harmless_word() {
        let finding = Finding::pass("x").with("device", "/dev/x; rm -rf '/'\u{1b}[2J");
        assert_eq!(
            fill("ls {device} {\"json\": 1}", &finding, |value| Gate::default().quoted(value)),
            "ls '/dev/x; rm -rf '\\''/'\\''\u{fffd}[2J' {\"json\": 1}"
        );
        assert_eq!(fill("{device}", &finding, harmless), "/dev/x; rm -rf '/'\u{fffd}[2J");
    }

    #[test]
    fn what_nobody_fills_is_named_in_capitals() {
        assert_eq!(
            general("{user} is in {group_name}; {{.ID}} {print $1} {", &Known::nothing()),
            "USER is in GROUP_NAME; {{.ID}} {print $1} {"
        );
        assert_eq!(general("DISPLAY={display}", &Known::nothing()), "DISPLAY=VALUE");
        assert_eq!(general("{subject} of {user}", &Known::nothing().with("user", "anna")), "NAME of anna");
        assert_eq!(general("{subject} is free", &Known::of("port-free")), "PORT is free");
        for known in [Known::nothing(), Known::of("port-free")] {
            assert!(is_open("{subject} of {user}", &known.with("user", "anna")));
        }
        assert_eq!(general("{flag|--gpus} uses {path|a hook}.", &Known::nothing()), "--gpus uses a hook.");
        assert_eq!(general("{flag|--gpus}", &Known::nothing().with("flag", "--runtime")), "--runtime");
        assert!(!is_open("{flag|--gpus} {", &Known::nothing()) && is_open("{flag|--gpus} {user}", &Known::nothing()));
        assert!(!is_open("ls {{.ID}} of {user}", &Known::nothing().with("user", "anna")));
    }

    #[test]
    fn a_sentence_has_the_checks_words_and_a_command_has_capitals() {
        let known = Known { words: vec![("path", "the camera"), ("subject", "the option")], ..Known::nothing() };
        for (text, told) in [
            ("{path} is free. {path}: {mode}", "The camera is free. The camera: MODE"),
            ("Unplug {path}, then `ls {path}`", "Unplug the camera, then `ls SOME_PATH`"),
            ("With --device {path} or A={path} or {path}/x", "With --device SOME_PATH or A=SOME_PATH or SOME_PATH/x"),
            ("Leave {subject} out", "Leave the option out"),
        ] {
            assert_eq!(general_words(text, &known), told);
        }
        assert_eq!(general_words("{path} is free", &known.clone().with("path", "/dev/video2")), "/dev/video2 is free");
        assert_eq!(general_words("Leave {subject} out", &known.clone().about("--init")), "Leave --init out");
        assert!(!is_open("Leave {subject} out", &known) && is_open("`ls {path}`", &known));
    }
}

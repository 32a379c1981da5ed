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

/// A finding of which nothing is known yet, of no check.
pub fn nobodys() -> Finding {
    Finding::pass("").about("NAME")
}

/// The same of a check or a family: it says what the subject is.
pub fn nobodys_of(id: &str) -> Finding {
    let family = ALL.iter().find(|check| check.id == id).map_or("", |check| check.family.name);
    let is_meant = |(names, _): &&(&[&str], &str)| names.contains(&id) || names.contains(&family);
    SUBJECTS.iter().find(is_meant).map_or_else(nobodys, |(_, word)| Finding::pass("").about(word))
}

/// What the findings of a check, or of all other checks of a family, are about.
const SUBJECTS: [(&[&str], &str); 16] = [
    (&["port", "run-line-ports"], "PORT"),
    (&["registry"], "HOST:PORT"),
    (&["camera", "run-line-camera"], "CAMERA"),
    (&["disk-lost", "docker-storage", "run-line-volumes", "dockerfile-path"], "SOME_PATH"),
    (&["disk-reclaim"], "COMMAND"),
    (&["disk"], "FOLDER"),
    (&["gpu-decode", "gpu-encode"], "CODEC"),
    (&["capability", "nvidia-config", "run-line-capabilities", "dockerfile-variables"], "CAPABILITY"),
    (&["gpu-path", "run-line-limits", "run-line-options", "run-line-rights", "run-line-shared"], "OPTION"),
    (&["nvidia-nodes"], "DEVICE"),
    (&["nvidia"], "GPU"),
    (&["docker-compose"], "KEY"),
    (&["docker-programs"], "PROGRAM"),
    (&["run-line-syntax", "run-line-socket"], "VARIABLE"),
    (&["dockerfile"], "WORDS"),
    (&["proof"], "LOOK"),
];

/// A text with what is known of a finding; the rest that would fill it is named in capitals, `{socket}` as SOCKET.
pub fn general(text: &str, known: &Finding) -> String {
    in_capitals(&fill(text, known, harmless))
}

/// True where [`general`] has something left to name in capitals.
pub fn has_holes(text: &str, known: &Finding) -> bool {
    let filled = fill(text, known, harmless);
    let worded = replaced(&filled, false);
    let named = replaced(&worded, true) != worded;
    let is_nobodys = || known.subject == nobodys().subject || SUBJECTS.iter().any(|(_, word)| known.subject == *word);
    named || (text.contains("{subject}") && is_nobodys())
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
            general("{user} is in {group_name}; {{.ID}} {print $1} {", &nobodys()),
            "USER is in GROUP_NAME; {{.ID}} {print $1} {"
        );
        assert_eq!(general("DISPLAY={display}", &nobodys()), "DISPLAY=VALUE");
        assert_eq!(general("{subject} of {user}", &nobodys().with("user", "anna")), "NAME of anna");
        assert_eq!(general("{subject} is free", &nobodys_of("port-free")), "PORT is free");
        for known in [nobodys(), nobodys_of("port-free")] {
            assert!(has_holes("{subject} of {user}", &known.with("user", "anna")));
        }
        assert_eq!(general("{flag|--gpus} uses {path|a hook}.", &nobodys()), "--gpus uses a hook.");
        assert_eq!(general("{flag|--gpus}", &nobodys().with("flag", "--runtime")), "--runtime");
        assert!(!has_holes("{flag|--gpus} {", &nobodys()) && has_holes("{flag|--gpus} {user}", &nobodys()));
        assert!(!has_holes("ls {{.ID}} of {user}", &nobodys().with("user", "anna")));
    }
}

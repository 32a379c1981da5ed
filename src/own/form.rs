//! What a key of a check takes, and whether what was seen is that: one form a kind of value.

use gdoctor_checks::model::require::Condition;

use super::of_network::{port_number, server};
use crate::cli::Bytes;

/// What was seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Flag(bool),
    Number(f64),
    Size(u64),
    Text(String),
    Words(Vec<String>),
    /// Held against what is wanted and never shown.
    Private(String),
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Flag,
    Number,
    Size,
    Version,
    /// As it is, with `*` and `?`; or compared as a number.
    Text,
    /// Permission bits.
    Mode,
    /// All of them are there; `!word`: this one is not.
    Words,
    /// The same, and neither what was seen nor what is wanted is ever shown.
    Secret,
    /// All of these stand in it.
    Contains,
    /// All of these stand in a file of settings: not where a line is commented out, and all blanks are alike.
    Settings,
    /// All of these are lines of it, blanks and what is commented behind them aside.
    Lines,
    /// What a look is about, as it is.
    Name,
    /// The same, with a leading slash.
    Path,
    /// The same, with http:// or https://.
    Url,
    /// A port of this machine.
    Port,
    /// A server.
    Server,
}

/// A comparison and what it compares with; `None`: it only has to be that.
fn parted(text: &str) -> (Option<&str>, &str) {
    let found = [">=", "<=", "!=", ">", "<", "="].into_iter().find(|operator| text.starts_with(operator));
    found.map_or((None, text), |operator| (Some(operator), text[operator.len()..].trim()))
}

fn compares<T: PartialOrd>(operator: &str, left: T, right: T) -> bool {
    match operator {
        ">=" => left >= right,
        "<=" => left <= right,
        "!=" => left != right,
        ">" => left > right,
        "<" => left < right,
        _ => left == right,
    }
}

impl Form {
    /// Of docs and schema: what it takes.
    pub fn words(self) -> &'static str {
        match self {
            Form::Flag => "true or false",
            Form::Number => "a number, compared: \">= 8\"",
            Form::Size => "a size, compared: \">= 20GiB\"",
            Form::Version => "a version, compared: \">= 550.54\"",
            Form::Text => {
                "a text, `*` and `?` for any letters, or a list of which one is it; \"!= …\" for any other; \">= 8\" compares numbers"
            }
            Form::Mode => "permissions in octal: \"0644\"",
            Form::Words => "a word or a list that must all be there; \"!word\" must not",
            Form::Secret => "a text, `*` and `?` for any letters, or a list of which one is it; \"!= …\" for any other",
            Form::Contains => "a text or a list of texts that must all stand in it",
            Form::Settings => {
                "a text or a list of texts that must all stand in it; not in a line that begins with #, and all blanks are alike"
            }
            Form::Lines => "a line or a list of lines, letter by letter, that it must all have; all blanks are alike",
            Form::Name => "a text",
            Form::Path => "a path from the root, `*` and `?` for any letters",
            Form::Url => "an address with http:// or https://",
            Form::Port => "8080 or \"8080/udp\"",
            Form::Server => "HOST:PORT",
        }
    }

    /// A value that may stand there, for a remedy.
    pub fn example(self) -> &'static str {
        match self {
            Form::Flag => "true",
            Form::Number => "\">= 8\"",
            Form::Size => "\">= 20GiB\"",
            Form::Version => "\">= 1.2\"",
            Form::Text | Form::Secret | Form::Words | Form::Contains | Form::Settings | Form::Lines | Form::Name => {
                "\"…\""
            }
            Form::Mode => "\"0644\"",
            Form::Path => "\"/path\"",
            Form::Url => "\"http://127.0.0.1:8080/health\"",
            Form::Port => "8080",
            Form::Server => "\"127.0.0.1:27000\"",
        }
    }

    pub fn takes_lists(self) -> bool {
        matches!(self, Form::Text | Form::Secret | Form::Words | Form::Contains | Form::Settings | Form::Lines)
    }

    /// Why this is no such value.
    pub fn refuse(self, text: &str) -> Option<String> {
        let (operator, rest) = parted(text);
        let wrong = match self {
            Form::Flag => !["true", "false"].contains(&text),
            Form::Number => rest.parse::<f64>().map_or(true, |number| !number.is_finite()),
            Form::Size | Form::Version if operator.is_none() => {
                return Some(format!("say which way: \">= {text}\" for at least, \"<= {text}\" for at most"));
            }
            Form::Size => {
                return rest.parse::<Bytes>().err();
            }
            Form::Version if without_epoch(rest) != rest => {
                return Some(format!(
                    "versions have no epoch here: \"{} {}\"",
                    operator.unwrap_or_default(),
                    without_epoch(rest)
                ));
            }
            Form::Version => operator == Some("!=") || Condition::parse(&glued(text)).is_none(),
            Form::Text | Form::Secret => {
                operator.is_some_and(|o| !["=", "!="].contains(&o)) && rest.parse::<f64>().is_err()
            }
            Form::Mode => u32::from_str_radix(text, 8).map_or(true, |mode| mode > 0o7777) || text.len() < 3,
            Form::Words if text.starts_with('!') && parts(text).count() > 1 => {
                let list: Vec<String> = parts(text).map(|part| format!("{part:?}")).collect();
                return Some(format!("write a list: [{}]", list.join(", ")));
            }
            Form::Words | Form::Contains | Form::Settings | Form::Lines | Form::Name => text.trim().is_empty(),
            Form::Path => !text.starts_with('/') || text.split('/').any(|part| part == ".."),
            Form::Url => {
                let rest = text.strip_prefix("http://").or(text.strip_prefix("https://"));
                rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/') || rest.contains(['@', ' ', '#']))
            }
            Form::Port => port_number(text).is_none(),
            Form::Server => server(text).is_none(),
        };
        wrong.then(|| format!("it takes {}", self.words()))
    }

    /// `None`: what was seen cannot be compared so.
    pub fn holds(self, wanted: &[String], seen: &Value) -> Option<bool> {
        let first = wanted.first().map(String::as_str).unwrap_or_default();
        let (operator, rest) = parted(first);
        let operator = operator.unwrap_or("=");
        Some(match (self, seen) {
            (Form::Flag, Value::Flag(seen)) => (first == "true") == *seen,
            (Form::Number, Value::Number(seen)) => compares(operator, *seen, rest.parse().ok()?),
            (Form::Size, Value::Size(seen)) => compares(operator, *seen, rest.parse::<Bytes>().ok()?.0),
            (Form::Version, Value::Text(seen)) => Condition::parse(&glued(first))?.holds_for(seen)?,
            (Form::Mode, Value::Number(seen)) => u32::from_str_radix(first, 8).ok()? == *seen as u32,
            (Form::Words, Value::Words(seen)) => {
                wanted.iter().flat_map(|word| parts(word)).all(|word| match word.strip_prefix('!') {
                    Some(word) => !seen.iter().any(|one| fits(word, one)),
                    None => seen.iter().any(|one| fits(word, one)),
                })
            }
            (Form::Contains | Form::Settings | Form::Lines, Value::Private(_)) => self.lacks(wanted, seen).is_empty(),
            (Form::Text | Form::Secret, Value::Private(seen) | Value::Text(seen)) => {
                return any(wanted, std::slice::from_ref(seen));
            }
            (Form::Text, Value::Words(seen)) => return any(wanted, seen),
            _ => return None,
        })
    }
}

impl Form {
    /// Which of the wanted texts a text has not.
    pub fn lacks<'w>(self, wanted: &'w [String], seen: &Value) -> Vec<&'w str> {
        let (Value::Private(seen) | Value::Text(seen)) = seen else { return Vec::new() };
        let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines = || seen.lines().map(line);
        let said: String = match self {
            Form::Settings => {
                lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n".into()]).collect()
            }
            _ => String::new(),
        };
        let has = |text: &String| match self {
            // Who looks for a # looks for it as it stands.
            Form::Settings => said.contains(&line(text)) || (text.contains(['#', '\n']) && seen.contains(text)),
            Form::Lines => {
                let wanted = line(text);
                lines().any(|own| own == wanted || own.split_once(" #").is_some_and(|(own, _)| own == wanted))
            }
            _ => seen.contains(text),
        };
        wanted.iter().filter(|text| !has(text)).map(String::as_str).collect()
    }

    /// What is held against a value of this form is told.
    pub fn is_told(self) -> bool {
        self != Form::Secret
    }
}

/// The words of a text: `rw,relatime` as fstab has it.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|part| !part.is_empty())
}

/// One of the wanted texts is it, under one of the names that it has.
fn any(wanted: &[String], seen: &[String]) -> Option<bool> {
    for text in wanted {
        let fits_one = |rest: &str| seen.iter().any(|seen| fits(rest, seen));
        let held = match parted(text) {
            (None | Some("="), rest) => fits_one(rest),
            (Some("!="), rest) => !fits_one(rest),
            (Some(operator), rest) => compares(operator, seen.first()?.parse::<f64>().ok()?, rest.parse().ok()?),
        };
        if held {
            return Some(true);
        }
    }
    Some(false)
}

/// `2.38` of `1:2.38`.
fn without_epoch(version: &str) -> &str {
    match version.split_once(':') {
        Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => version,
    }
}

/// A condition on a version has no blank.
fn glued(text: &str) -> String {
    let (operator, rest) = parted(text);
    format!("{}{rest}", operator.unwrap_or("="))
}

/// `*` stands for any letters, `?` for one.
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// How much of a value is shown.
const SHOWN: usize = 200;

impl Value {
    /// As a report shows it; `None`: it is not shown.
    pub fn words(&self, form: Form) -> Option<String> {
        let text = match self {
            Value::Private(_) => return None,
            Value::Number(number) if form == Form::Mode => format!("{:04o}", *number as u32),
            Value::Flag(flag) => flag.to_string(),
            Value::Number(number) if number.is_infinite() => "without limit".into(),
            Value::Number(number) => format!("{}", (number * 100.0).round() / 100.0),
            Value::Size(bytes) => size(*bytes),
            Value::Text(text) => text.clone(),
            Value::Words(words) if words.is_empty() => "none".into(),
            Value::Words(words) => words.join(", "),
        };
        Some(match text.char_indices().nth(SHOWN) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        })
    }
}

fn size(bytes: u64) -> String {
    let units = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(form: Form, wanted: &[&str], seen: Value) -> Option<bool> {
        let wanted: Vec<String> = wanted.iter().map(|text| (*text).to_owned()).collect();
        assert!(wanted.iter().all(|text| form.refuse(text).is_none()), "{wanted:?}");
        form.holds(&wanted, &seen)
    }

    #[test]
    fn values_are_held_against_what_is_wanted() {
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(holds(Form::Size, &[">= 20GiB"], Value::Size(20 << 30)), Some(true));
        assert_eq!(holds(Form::Size, &["< 20GiB"], Value::Size(20 << 30)), Some(false));
        assert_eq!(holds(Form::Number, &["8"], Value::Number(8.0)), Some(true));
        assert_eq!(holds(Form::Number, &["!= 8"], Value::Number(8.0)), Some(false));
        assert_eq!(holds(Form::Version, &[">= 550.54"], text("550.54.15")), Some(true));
        assert_eq!(holds(Form::Version, &["< 535"], text("550.54.15")), Some(false));
        assert_eq!(holds(Form::Version, &[">= 1"], text("unknown")), None);
        assert_eq!(holds(Form::Text, &["ext4", "xfs"], text("xfs")), Some(true));
        assert_eq!(holds(Form::Text, &["nfs*"], text("nfs4")), Some(true));
        assert_eq!(holds(Form::Text, &["!= nfs*"], text("nfs4")), Some(false));
        assert_eq!(holds(Form::Text, &[">= 2097152"], text("16777216")), Some(true));
        assert_eq!(holds(Form::Text, &[">= 2"], text("4096 87380")), None, "no number");
        assert_eq!(holds(Form::Mode, &["0644"], Value::Number(0o644.into())), Some(true));
        let options = Value::Words(vec!["rw".into(), "hard".into(), "timeo=600".into()]);
        assert_eq!(holds(Form::Words, &["hard", "timeo=*", "!soft"], options.clone()), Some(true));
        assert_eq!(holds(Form::Words, &["!hard"], options), Some(false));
        let fstab = Value::Words(vec!["rw".into(), "relatime".into()]);
        assert_eq!(holds(Form::Words, &["rw,relatime"], fstab.clone()), Some(true));
        assert_eq!(holds(Form::Words, &["rw,!relatime"], fstab), Some(false));
        assert_eq!(holds(Form::Contains, &["a", "c"], Value::Private("abc".into())), Some(true));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (form, text) in [
            (Form::Flag, "yes"),
            (Form::Number, "many"),
            (Form::Size, "20GiB"),
            (Form::Size, ">= 20"),
            (Form::Version, "535"),
            (Form::Version, ">= new"),
            (Form::Text, ">= new"),
            (Form::Mode, "rwxr-xr-x"),
            (Form::Path, "data"),
            (Form::Path, "/data/../etc"),
            (Form::Url, "file:///etc/passwd"),
            (Form::Url, "http://user:secret@host/"),
            (Form::Contains, ""),
        ] {
            assert!(form.refuse(text).is_some(), "{form:?} takes {text}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("usb-FTDI*", "usb-FTDI_FT232R", true),
            ("*port0", "if00-port0", true),
            ("a*b*c", "a-b-b-c", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("abc", "abcd", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}

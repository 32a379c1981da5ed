//! `$NAME` and `${NAME…}`: what a variable holds, and what its operator makes of that.

use gdoctor_checks::model::run::Span;

use super::state::{ARGUMENT, Text, Variable};
use super::walker::Walker;
use super::{Parameter, Wrong, glob};

/// What a parameter stands for.
#[derive(Default)]
pub(super) struct Values {
    pub texts: Vec<Text>,
    /// Each is a word of its own, even within quotes.
    pub list: bool,
    /// It is a word even when empty: `${NAME:-""}`.
    pub exists: bool,
    /// Its name, where nobody sets it and nothing stands in for it.
    pub unset: Option<String>,
}

impl Values {
    fn one(text: Text) -> Self {
        Self { texts: vec![text], ..Self::default() }
    }
}

impl Parameter {
    pub(super) fn is_list(&self) -> bool {
        let all = |index: &super::Token| ["@", "*"].contains(&index.plain().as_str());
        !self.length && (self.name == "@" || self.name == "*" || self.index.as_ref().is_some_and(all))
    }
}

/// What an operator is applied to.
enum Held {
    Set(Text),
    Unset,
    /// Nothing in the text sets it, and something that is not read may.
    Hidden(Text),
}

pub(super) const ELSEWHERE: &str = "only a shell of the host that is judged would tell";

/// Variables of every session.
fn is_standard(name: &str) -> bool {
    const NAMES: [&str; 9] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "HOSTNAME", "DISPLAY", "XAUTHORITY"];
    NAMES.contains(&name) || ["XDG_", "DOCKER_", "LC_", "WAYLAND_"].iter().any(|begin| name.starts_with(begin))
}

impl Walker<'_, '_> {
    pub(super) fn values(&mut self, parameter: &Parameter, place: Span) -> Result<Values, Wrong> {
        if parameter.is_list() {
            return self.elements(parameter);
        }
        if parameter.length {
            return Ok(Values::one(self.length(parameter)));
        }
        let held = self.held(parameter)?;
        self.operated(parameter, held, place)
    }

    fn length(&mut self, parameter: &Parameter) -> Text {
        let count = match self.state.variables.get(&parameter.name) {
            Some(Variable::List(list)) if parameter.index.is_some() => Some(list.len()),
            Some(Variable::One(text)) => text.known().map(|text| text.chars().count()),
            _ if parameter.name == "@" || parameter.name == "*" => self.state.arguments.as_ref().map(Vec::len),
            _ => (self.outside.variable)(&parameter.name).map(|value| value.chars().count()).or(Some(0)),
        };
        count.map_or_else(|| self.unknown(&parameter.shown), |count| Text::outside(&count.to_string()))
    }

    fn unknown(&self, shown: &str) -> Text {
        Text::unknown(shown, "only the running script would tell")
    }

    fn elements(&mut self, parameter: &Parameter) -> Result<Values, Wrong> {
        let arguments = parameter.name == "@" || parameter.name == "*";
        let texts = if arguments && self.state.arguments.is_none() && self.open {
            vec![Text::unknown(&parameter.shown, ARGUMENT)]
        } else if arguments {
            // A script that is started without arguments has none.
            self.state.arguments.clone().unwrap_or_default()
        } else {
            match self.state.variables.get(&parameter.name) {
                Some(Variable::List(list)) => list.clone(),
                Some(Variable::One(text)) => vec![text.clone()],
                _ => match (self.outside.variable)(&parameter.name) {
                    Some(value) => vec![Text::outside(&value)],
                    None if self.state.may_be_set() => vec![self.hidden(parameter)],
                    None => Vec::new(),
                },
            }
        };
        if parameter.operator.is_empty() || texts.iter().any(|text| text.unknown.is_some()) {
            return Ok(Values { texts, list: true, ..Values::default() });
        }
        match parameter.operator.as_str() {
            ":-" | "-" if texts.is_empty() => Ok(Values::one(self.text(&parameter.operand)?)),
            ":+" | "+" if texts.is_empty() => Ok(Values { list: true, ..Values::default() }),
            ":+" | "+" => {
                let first = parameter.operand.parts.iter().find_map(|part| match part {
                    super::Part::Parameter { parameter, .. } if parameter.is_list() => Some(parameter.clone()),
                    _ => None,
                });
                match first {
                    Some(inner) => self.elements(&inner),
                    None => Ok(Values::one(self.text(&parameter.operand)?)),
                }
            }
            ":" => {
                let range = self.text(&parameter.operand)?.shown();
                let first: Option<usize> = range.split(':').next().and_then(|number| number.trim().parse().ok());
                // Of "$@", 0 is the script and 1 the first.
                let skipped = first.map(|first| if parameter.name == "@" { first.saturating_sub(1) } else { first });
                match skipped {
                    Some(skipped) if !range.contains(':') => {
                        Ok(Values { texts: texts.into_iter().skip(skipped).collect(), list: true, ..Values::default() })
                    }
                    _ => Ok(Values { texts: vec![self.unknown(&parameter.shown)], list: true, ..Values::default() }),
                }
            }
            _ => {
                let mut changed = Vec::new();
                for text in texts {
                    changed.extend(self.operated(parameter, Held::Set(text), Span::default())?.texts);
                }
                Ok(Values { texts: changed, list: true, ..Values::default() })
            }
        }
    }

    fn hidden(&self, parameter: &Parameter) -> Text {
        let why = self.state.hidden.clone().unwrap_or_else(|| "only the running script would tell".into());
        Text::unknown(&parameter.shown, &why)
    }

    fn held(&mut self, parameter: &Parameter) -> Result<Held, Wrong> {
        let name = parameter.name.as_str();
        if parameter.indirect {
            let target = self.look(name);
            return Ok(match target.and_then(|text| text.known()).and_then(|name| self.look(&name)) {
                Some(text) => Held::Set(text),
                None => Held::Hidden(self.unknown(&parameter.shown)),
            });
        }
        if let Some(index) = &parameter.index {
            let index = self.text(index)?.known();
            return Ok(match (self.state.variables.get(name), index.and_then(|index| index.parse::<usize>().ok())) {
                (Some(Variable::List(list)), Some(index)) => list.get(index).cloned().map_or(Held::Unset, Held::Set),
                (Some(Variable::One(text)), Some(0)) => Held::Set(text.clone()),
                (Some(Variable::Unset), _) => Held::Unset,
                // `${BASH_SOURCE[0]}`: the first element of a plain name is what it holds.
                (None, Some(0)) => {
                    self.look(name).map_or_else(|| Held::Hidden(self.unknown(&parameter.shown)), Held::Set)
                }
                _ => Held::Hidden(self.unknown(&parameter.shown)),
            });
        }
        if let Some(number) = name.parse::<usize>().ok().filter(|number| *number > 0) {
            return Ok(match &self.state.arguments {
                Some(arguments) => arguments.get(number - 1).cloned().map_or(Held::Unset, Held::Set),
                // Conditions and defaults take a script's missing argument for what it is; a value is the caller's.
                None if !self.open && (!parameter.operator.is_empty() || self.deciding) => Held::Unset,
                None => Held::Hidden(Text::unknown(&parameter.shown, ARGUMENT)),
            });
        }
        Ok(match self.look(name) {
            Some(text) => Held::Set(text),
            None if matches!(self.state.variables.get(name), Some(Variable::Unset)) => Held::Unset,
            None if self.state.may_be_set() => Held::Hidden(self.hidden(parameter)),
            None => Held::Unset,
        })
    }

    /// The user id of the shell at this place.
    pub(super) fn uid(&self) -> Option<u32> {
        if self.state.root { Some(0) } else { self.outside.uid }
    }

    /// What a plain name holds.
    pub(super) fn look(&self, name: &str) -> Option<Text> {
        match self.state.variables.get(name) {
            Some(Variable::One(text)) => return Some(text.clone()),
            Some(Variable::List(list)) => return list.first().cloned(),
            Some(Variable::Unset) => return None,
            None => {}
        }
        let outside = self.outside;
        let text = |text: &str| Some(Text::outside(text));
        match name {
            "PWD" if self.state.folder_unknown => Some(Text::unknown("$PWD", "only the running script would tell")),
            "PWD" => text(self.state.cwd(outside)),
            "UID" | "EUID" => Some(match self.uid() {
                Some(uid) => Text::outside(&uid.to_string()),
                None => Text::unknown(&format!("${name}"), ELSEWHERE),
            }),
            "#" if self.open && self.state.arguments.is_none() => Some(Text::unknown("$#", ARGUMENT)),
            "#" => text(&self.state.arguments.as_ref().map_or(0, Vec::len).to_string()),
            "0" | "BASH_SOURCE" => Some(match outside.script {
                Some(script) => Text::outside(script),
                None => Text::unknown("$0", "the text has no file of its own"),
            }),
            "RANDOM" | "SRANDOM" => Some(Text::any("20271")),
            "$" | "BASHPID" | "PPID" => Some(Text::any("4711")),
            "SECONDS" | "EPOCHSECONDS" | "EPOCHREALTIME" => Some(Text::any("1700000000")),
            "!" | "?" | "-" | "_" | "OPTARG" | "OPTIND" | "REPLY" => {
                Some(Text::unknown(&format!("${name}"), "only the running script would tell"))
            }
            "IFS" => text(" \t\n"),
            // A file that is read in before sets what it likes; what every shell has it leaves.
            _ if self.state.may_be_set() && !is_standard(name) => None,
            _ => (outside.variable)(name)
                .map(|value| Text::outside(&value))
                .or_else(|| match name {
                    "HOSTNAME" => outside.host.and_then(text),
                    "HOME" => outside.home.and_then(text),
                    _ => None,
                })
                .or_else(|| {
                    let unseen = outside.elsewhere && is_standard(name);
                    unseen.then(|| Text::unknown(&format!("${name}"), ELSEWHERE))
                }),
        }
    }

    fn operated(&mut self, parameter: &Parameter, held: Held, place: Span) -> Result<Values, Wrong> {
        let name = parameter.name.as_str();
        let operator = parameter.operator.as_str();
        let set = match held {
            Held::Hidden(text) => return Ok(Values::one(text)),
            Held::Set(text) if text.unknown.is_some() && !["+", ":+"].contains(&operator) => {
                return Ok(Values::one(text));
            }
            Held::Set(text) => Some(text),
            Held::Unset => None,
        };
        let full = set.clone().filter(|text| !text.letters.is_empty());
        let unset = set.is_none().then(|| name.to_owned());
        let one = |text: Option<Text>| Values::one(text.unwrap_or_default());
        Ok(match operator {
            "" => Values { unset, ..one(set) },
            ":-" | "-" | ":=" | "=" => {
                let kept = if operator.starts_with(':') { full } else { set };
                match kept {
                    Some(text) => Values::one(text),
                    None => {
                        if operator.ends_with('=') {
                            let text = self.text(&parameter.operand)?;
                            self.state.set(name, Variable::One(text));
                        }
                        self.stands_in(parameter)?
                    }
                }
            }
            ":+" | "+" => {
                let present = if operator == ":+" { full } else { set };
                match present {
                    Some(_) => self.stands_in(parameter)?,
                    None => Values::one(Text::default()),
                }
            }
            ":?" | "?" => {
                let present = if operator == ":?" { full } else { set };
                match present {
                    Some(text) => Values::one(text),
                    None if name.parse::<usize>().is_ok() => Values::one(Text::unknown(&parameter.shown, ARGUMENT)),
                    None => {
                        let what = format!("{name} is not set, and the line insists on it");
                        return Err(Wrong::at(place, &what, &format!("export {name} first")));
                    }
                }
            }
            _ => {
                let Some(text) = set else { return Ok(Values { unset, ..one(None) }) };
                Values::one(self.changed(parameter, text)?)
            }
        })
    }

    /// What stands in for a value: quotes of its own keep words together.
    fn stands_in(&mut self, parameter: &Parameter) -> Result<Values, Wrong> {
        let mut whole = Text::default();
        for part in &parameter.operand.parts {
            let one = super::Token { span: parameter.operand.span, parts: vec![part.clone()] };
            let mut text = self.text(&one)?;
            let is_quoted = match part {
                super::Part::Letter { quoted, .. }
                | super::Part::Parameter { quoted, .. }
                | super::Part::Command { quoted, .. } => *quoted,
                _ => true,
            };
            text.letters.iter_mut().for_each(|letter| letter.quoted = is_quoted);
            whole.append(text);
        }
        let exists = parameter.operand.parts.iter().any(|part| matches!(part, super::Part::Nothing));
        Ok(Values { exists, ..Values::one(whole) })
    }

    /// `#`, `%`, `/`, `^`, `:` and their like, of a known text.
    fn changed(&mut self, parameter: &Parameter, text: Text) -> Result<Text, Wrong> {
        let operand = self.text(&parameter.operand)?;
        let (Some(value), Some(operand)) = (text.known(), operand.known()) else {
            return Ok(self.unknown(&parameter.shown));
        };
        let cut =
            |range: std::ops::Range<usize>| Text { letters: text.letters[range].to_vec(), span: None, ..text.clone() };
        let letters: Vec<char> = value.chars().collect();
        let count = letters.len();
        let fits = |pattern: &str, range: std::ops::Range<usize>| glob::fits(pattern, &letters[range]);
        Ok(match parameter.operator.as_str() {
            "#" => (0..=count).find(|end| fits(&operand, 0..*end)).map_or(text.clone(), |end| cut(end..count)),
            "##" => (0..=count).rev().find(|end| fits(&operand, 0..*end)).map_or(text.clone(), |end| cut(end..count)),
            "%" => (0..=count)
                .rev()
                .find(|start| fits(&operand, *start..count))
                .map_or(text.clone(), |start| cut(0..start)),
            "%%" => (0..=count).find(|start| fits(&operand, *start..count)).map_or(text.clone(), |start| cut(0..start)),
            "/" | "//" => {
                let (pattern, with) = operand.split_once('/').unwrap_or((&operand, ""));
                let all = parameter.operator == "//";
                Text { any: text.any, ..Text::outside(&glob::replaced(&letters, pattern, with, all)) }
            }
            "^^" => Text { any: text.any, ..Text::outside(&value.to_uppercase()) },
            ",," => Text { any: text.any, ..Text::outside(&value.to_lowercase()) },
            ":" => {
                let mut numbers = operand.split(':').map(|number| number.trim().parse::<i64>());
                let place = |number: i64| {
                    if number < 0 { count as i64 + number } else { number }.clamp(0, count as i64) as usize
                };
                match (numbers.next(), numbers.next()) {
                    (Some(Ok(first)), None) => cut(place(first)..count),
                    (Some(Ok(first)), Some(Ok(length))) => {
                        let start = place(first);
                        let end = if length < 0 { place(length) } else { (start + length as usize).min(count) };
                        cut(start..end.max(start))
                    }
                    _ => self.unknown(&parameter.shown),
                }
            }
            _ => self.unknown(&parameter.shown),
        })
    }
}

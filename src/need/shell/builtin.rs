//! The shell's own commands.

use super::simple::{CALLS, joined, variable};
use super::state::{Text, Variable};
use super::walker::{Flow, Status, Walker};
use super::word::Word;
use super::{Command, Wrong, name_length, read};

impl Walker<'_, '_> {
    pub(super) fn builtin(
        &mut self,
        name: &str,
        command: &Command,
        words: &[Word],
    ) -> Result<Option<(Status, Flow)>, Wrong> {
        let rest = &words[1..];
        let flow = |flow| Ok(Some((Status::Likely, flow)));
        match name {
            "exit" if self.endless => {}
            "exit" => return flow(Flow::Exit),
            "return" => return flow(Flow::Return),
            "break" => return flow(Flow::Break),
            "continue" => return flow(Flow::Continue),
            "true" | ":" => return Ok(Some((Status::Yes, Flow::On))),
            "false" => return Ok(Some((Status::No, Flow::On))),
            "exec" if rest.is_empty() => {}
            "exec" => {
                let skipped = rest.iter().take_while(|word| word.value.starts_with('-')).count();
                self.run(command, &rest[skipped..])?;
                return flow(Flow::Exit);
            }
            "[" | "test" => {
                let end = if name == "[" { rest.len().saturating_sub(1) } else { rest.len() };
                return Ok(Some((self.test(&rest[..end]).into(), Flow::On)));
            }
            "cd" | "pushd" => match rest.iter().rfind(|word| !word.value.starts_with('-') || word.value == "-") {
                Some(word) if word.unknown.is_none() && !word.any => self.change_folder(&word.value),
                Some(_) => self.state.folder_unknown = true,
                None => match self.outside.home {
                    Some(home) => self.change_folder(home),
                    None => self.state.folder_unknown = true,
                },
            },
            "popd" => {
                self.state.folder_unknown = true;
                self.prints_unknown();
            }
            "export" | "declare" | "typeset" | "local" | "readonly" => self.declare(name, rest),
            "unset" => {
                for word in rest.iter().filter(|word| !word.value.starts_with('-')) {
                    self.state.set(&word.value, Variable::Unset);
                }
            }
            "set" => self.set(rest),
            "shift" => {
                let count = rest.first().and_then(|word| word.value.parse().ok()).unwrap_or(1);
                if let Some(arguments) = &mut self.state.arguments {
                    arguments.drain(..count.min(arguments.len()));
                }
            }
            "read" | "mapfile" | "readarray" | "getopts" => {
                for word in rest.iter().filter(|word| name_length(&word.value) == word.value.len()) {
                    let unknown = Text::unknown(&format!("${}", word.value), "it is read when the script runs");
                    self.state.set(&word.value, Variable::One(unknown));
                }
                // Without arguments there are no options to get.
                let status = if name == "getopts" && !self.open { Status::No } else { Status::Open };
                return Ok(Some((status, Flow::On)));
            }
            "source" | "." => {
                let file = rest.first().map_or("", |word| word.value.as_str());
                self.state.hidden = Some(format!("{file} is read in before, and may set it").into());
                self.prints_unknown();
            }
            "eval" => return self.eval(rest),
            "trap" | "alias" | "unalias" | "ulimit" | "umask" | "wait" | "shopt" | "hash" | "type" => {
                self.prints_unknown();
            }
            "printf" if rest.first().is_some_and(|word| word.value == "-v") => {
                if let Some(word) = rest.get(1) {
                    let unknown =
                        Text::unknown(&format!("${}", word.value), "only the running script would print that");
                    self.state.set(&word.value, Variable::One(unknown));
                }
            }
            _ => return Ok(None),
        }
        Ok(Some((Status::Likely, Flow::On)))
    }

    fn declare(&mut self, name: &str, words: &[Word]) {
        for word in words {
            if word.value.starts_with('-') {
                if word.value.contains('A') {
                    // A list with names.
                    continue;
                }
                continue;
            }
            if word.unknown.is_some() && !word.value.contains('=') {
                // `export $(cat .env | xargs)`.
                self.state.hidden = Some("a command's output is exported before, and may set it".into());
                continue;
            }
            match variable(word) {
                Some((variable, value)) => {
                    if name != "export" && name != "readonly" && self.state.function.is_some() {
                        let before = self.state.variables.get(&variable).cloned();
                        self.state.locals.push((variable.clone(), before));
                    }
                    self.state.set(&variable, Variable::One(value));
                    if name == "export" {
                        self.state.exported.insert(variable);
                    }
                }
                None if name == "export" => drop(self.state.exported.insert(word.value.clone())),
                None => {}
            }
        }
    }

    /// `set -- WORDS` gives the script its arguments.
    fn set(&mut self, words: &[Word]) {
        let dashes = words.iter().position(|word| word.value == "--");
        let first = dashes
            .map(|at| at + 1)
            .or_else(|| (!words.is_empty() && !words[0].value.starts_with(['-', '+'])).then_some(0));
        if let Some(first) = first {
            self.state.arguments = Some(words[first..].iter().map(Word::text).collect());
        }
    }

    fn eval(&mut self, words: &[Word]) -> Result<Option<(Status, Flow)>, Wrong> {
        let unknown = words.iter().any(|word| word.unknown.is_some());
        if unknown {
            let why = "a text that only the running script knows is evaluated before, and may set it";
            self.state.hidden = Some(why.into());
        }
        if unknown {
            self.prints_unknown();
        }
        if self.calls >= CALLS || words.first().is_none_or(|word| word.unknown.is_some()) {
            return Ok(Some((Status::Open, Flow::On)));
        }
        let (text, places) = joined(words);
        let script = match read::script(&text, Some(&places), 1) {
            // What is not known may be anything in the shell's eyes.
            Err(_) if unknown => return Ok(Some((Status::Open, Flow::On))),
            script => script?,
        };
        self.calls += 1;
        let result = self.list(&script);
        self.calls -= 1;
        result.map(Some)
    }
}

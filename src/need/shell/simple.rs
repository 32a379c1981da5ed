//! A simple command: its assignments, its words, and whatever program stands before it.

use gdoctor_checks::model::run::Span;

use super::programs::{asks, is_silent};
use super::state::{Text, Variable};
use super::walker::{Flow, Seen, Status, Walker};
use super::word::Word;
use super::{Assigned, Command, Token, Value, Wrong, name_length, read};

/// Functions that call functions.
pub(super) const CALLS: usize = 12;

impl Walker<'_, '_> {
    fn assign(&mut self, assigned: &Assigned) -> Result<(), Wrong> {
        let name = assigned.name.as_str();
        if assigned.index.is_some() {
            let shown = format!("${{{name}[…]}}");
            let list = match self.state.variables.get(name) {
                Some(Variable::List(list)) => list.clone(),
                _ => Vec::new(),
            };
            let unknown = Text::unknown(&shown, "lists with names are not followed");
            self.state.set(name, Variable::List(list.into_iter().chain([unknown]).collect()));
            return Ok(());
        }
        let held = self.state.variables.get(name).cloned();
        let value = match &assigned.value {
            Value::List(tokens) => {
                let words = self.words(tokens)?;
                let new = words.iter().map(Word::text);
                match held {
                    Some(Variable::List(list)) if assigned.appends => {
                        Variable::List(list.into_iter().chain(new).collect())
                    }
                    Some(Variable::One(text)) if assigned.appends => {
                        Variable::List([text].into_iter().chain(new).collect())
                    }
                    _ => Variable::List(new.collect()),
                }
            }
            Value::One(token) => {
                let mut text = self.text(token)?;
                text.span = None;
                match held {
                    Some(Variable::One(mut before)) if assigned.appends => {
                        before.append(text);
                        Variable::One(before)
                    }
                    Some(Variable::List(mut list)) if assigned.appends => {
                        match list.first_mut() {
                            Some(first) => first.append(text),
                            None => list.push(text),
                        }
                        Variable::List(list)
                    }
                    None if assigned.appends => {
                        let mut before =
                            (self.outside.variable)(name).map_or(Text::default(), |value| Text::outside(&value));
                        before.append(text);
                        Variable::One(before)
                    }
                    _ => Variable::One(text),
                }
            }
        };
        self.state.set(name, value);
        Ok(())
    }

    pub(super) fn simple(
        &mut self,
        command: &Command,
        assigned: &[Assigned],
        tokens: &[Token],
    ) -> Result<(Status, Flow), Wrong> {
        self.vanished.clear();
        let words = self.words(tokens)?;
        let Some(first) = words.first() else {
            for one in assigned {
                self.assign(one)?;
            }
            return Ok((Status::Yes, Flow::On));
        };
        let declares = ["declare", "typeset", "local", "export", "readonly"].contains(&first.value.as_str());
        let before = (!declares && !assigned.is_empty()).then(|| self.state.clone());
        let own = ["local", "declare", "typeset"].contains(&first.value.as_str()) && self.state.function.is_some();
        for one in assigned {
            if own {
                let before = self.state.variables.get(&one.name).cloned();
                self.state.locals.push((one.name.clone(), before));
            }
            self.assign(one)?;
            if !declares || first.value == "export" {
                self.state.exported.insert(one.name.clone());
            }
        }
        let result = self.run(command, &words);
        if let Some(before) = before {
            self.state.leave(before);
        }
        result
    }

    /// A command with its words, whatever program stands before it.
    pub(super) fn run(&mut self, command: &Command, words: &[Word]) -> Result<(Status, Flow), Wrong> {
        let Some(first) = words.first() else { return Ok((Status::Yes, Flow::On)) };
        let name = first.value.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(body) = self.state.functions.get(&name).cloned() {
            return self.call(&name, &body, &words[1..]);
        }
        if self.prints(&name, &words[1..]) {
            return Ok((asks(&name), Flow::On));
        }
        if let Some(result) = self.builtin(&name, command, words)? {
            return Ok(result);
        }
        if let Some((at, root)) = wrapped(&name, words) {
            let before = self.state.clone();
            self.state.root |= root;
            let keeps = |word: &&Word| word.value == "-E" || word.value.starts_with("--preserve-env");
            self.state.keeps_environment |= root && words[1..at.min(words.len())].iter().any(|word| keeps(&word));
            let mut rest = at;
            while let Some((name, value)) = words.get(rest).filter(|_| takes_variables(&name)).and_then(variable) {
                self.state.set(&name, Variable::One(value));
                self.state.exported.insert(name);
                rest += 1;
            }
            let result = self.run(command, &words[rest.min(words.len())..]);
            self.state.leave(before);
            return result;
        }
        if let Some(script) = self.given_script(&name, command, words) {
            let before = self.state.clone();
            self.state.root |= ["su", "pkexec"].contains(&name.as_str());
            let inner = read::script(&script.0, Some(&script.1), 1)?;
            let result = self.list(&inner);
            self.state.leave(before);
            return result.map(|(status, _)| (status, Flow::On));
        }
        if !is_silent(&name, words) {
            self.prints_unknown();
        }
        if self.deaf {
            return Ok((asks(&name), Flow::On));
        }
        let (outside, deciding) = (self.outside, self.deciding);
        let seen = Seen { words, vanished: &self.vanished, state: &mut self.state, outside, deciding };
        if let Some(status) = self.visitor.command(seen)? {
            return Ok((status, Flow::On));
        }
        self.noted(&name, words);
        Ok((asks(&name), Flow::On))
    }

    fn call(&mut self, name: &str, body: &Command, words: &[Word]) -> Result<(Status, Flow), Wrong> {
        self.called.insert(name.to_owned());
        if self.calls >= CALLS {
            return Ok((Status::Likely, Flow::On));
        }
        self.calls += 1;
        let arguments = words.iter().map(Word::text).collect();
        let before = self.state.arguments.replace(arguments);
        let function = self.state.function.replace(name.to_owned());
        let outer = std::mem::take(&mut self.state.locals);
        let left = std::mem::take(&mut self.returned);
        let result = self.command(body);
        for way in std::mem::replace(&mut self.returned, left) {
            self.state.merge(way, "it depends on where a function returns");
        }
        for (name, value) in std::mem::replace(&mut self.state.locals, outer).into_iter().rev() {
            match value {
                Some(value) => self.state.set(&name, value),
                None => drop(self.state.variables.remove(&name)),
            }
        }
        self.state.arguments = before;
        self.state.function = function;
        self.calls -= 1;
        let (status, flow) = result?;
        Ok((status, if flow == Flow::Exit { Flow::Exit } else { Flow::On }))
    }

    /// The script that `bash -c '…'`, `su -c '…'`, `ssh` … is given, or `bash <<END`.
    fn given_script(&self, name: &str, command: &Command, words: &[Word]) -> Option<(String, Vec<Span>)> {
        let shells = ["bash", "sh", "dash", "zsh", "ksh", "ash"];
        let is_shell = shells.contains(&name);
        if is_shell || ["su", "sg", "script", "runuser"].contains(&name) {
            let at = words.iter().position(|word| {
                word.value == "-c"
                    || word.value == "--command"
                    || (is_shell
                        && word.value.starts_with('-')
                        && !word.value.starts_with("--")
                        && word.value.ends_with('c'))
            });
            let script = at.and_then(|at| words.get(at + 1)).or_else(|| (name == "sg").then(|| words.get(2)).flatten());
            if let Some(script) = script.filter(|word| word.unknown.is_none()) {
                return Some((script.value.clone(), script.places().to_vec()));
            }
        }
        if is_shell && words.iter().skip(1).all(|word| word.value.starts_with('-')) {
            let document = command.redirects.iter().find_map(|redirect| redirect.document.as_ref()?.get())?;
            return Some((document.text.clone(), document.places.clone()));
        }
        None
    }
}

/// `NAME=value`.
pub(super) fn variable(word: &Word) -> Option<(String, Text)> {
    let length = name_length(&word.value);
    let appends = word.value[length..].starts_with("+=");
    if length == 0 || appends || !word.value[length..].starts_with('=') {
        return None;
    }
    let mut text = word.text();
    text.letters.drain(..length + 1);
    text.span = None;
    Some((word.value[..length].to_owned(), text))
}

pub(super) fn joined(words: &[Word]) -> (String, Vec<Span>) {
    let (mut text, mut places) = (String::new(), Vec::new());
    for word in words {
        if !text.is_empty() {
            text.push(' ');
            places.push(Span::at(word.span.start));
        }
        text.push_str(&word.value);
        places.extend_from_slice(word.places());
    }
    (text, places)
}

fn takes_variables(name: &str) -> bool {
    ["env", "sudo", "doas"].contains(&name)
}

/// Programs that run the command behind them: where that begins, and whether it is root's.
fn wrapped(name: &str, words: &[Word]) -> Option<(usize, bool)> {
    // Options with a value, and how many words of its own stand before the command.
    let (valued, own): (&[&str], usize) = match name {
        "sudo" => (&["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-D", "-R", "-T", "--user", "--group", "--chdir"], 0),
        "doas" => (&["-u", "-C"], 0),
        "env" => (&["-u", "-C", "-S", "--unset", "--chdir"], 0),
        "timeout" => (&["-s", "-k", "--signal", "--kill-after"], 1),
        "nice" => (&["-n", "--adjustment"], 0),
        "ionice" => (&["-c", "-n", "-p"], 0),
        "chrt" => (&["-T", "-P", "-D"], 1),
        "taskset" => (&[], 1),
        "stdbuf" => (&["-i", "-o", "-e"], 0),
        "watch" => (&["-n", "--interval"], 0),
        "caffeinate" | "nohup" | "setsid" | "time" | "command" | "builtin" | "optirun" | "primusrun"
        | "dbus-run-session" => (&[], 0),
        "flock" => (&["-w", "-E"], 1),
        _ => return None,
    };
    let user = |at: usize| words.get(at).is_some_and(|word| word.value == "root");
    let mut root = name == "sudo" || name == "doas";
    let mut at = 1;
    while let Some(word) = words.get(at).filter(|word| word.value.starts_with('-') && word.value.len() > 1) {
        if word.value == "--" {
            at += 1;
            break;
        }
        if root && ["-u", "--user"].contains(&word.value.as_str()) {
            root = user(at + 1);
        }
        if let Some(named) = word.value.strip_prefix("--user=") {
            root = named == "root";
        }
        if name == "command" && ["-v", "-V"].contains(&word.value.as_str()) {
            return None;
        }
        at += if valued.contains(&word.value.as_str()) { 2 } else { 1 };
    }
    Some((at + own, root))
}

//! Goes through a text's commands in the order in which they would run. Where a condition is open, both ways are gone and what
//! they leave is laid together. Nothing is run.

use std::collections::BTreeSet;
use std::rc::Rc;

use gdoctor_checks::model::run::Span;

use super::expand::Word;
use super::known::absolute;
use super::parameter::ARGUMENT;
use super::state::{Outside, State, Text, Variable};
use super::{Assigned, Command, Item, Join, Kind, Pipeline, Script, Token, Value, Wrong, read};

/// Commands that are gone through at the most: loops within loops end somewhere.
const STEPS: usize = 20_000;
/// Turns of a loop over words.
const TURNS: usize = 8;
/// Functions that call functions.
const CALLS: usize = 12;

/// What is known of a command's success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Yes,
    No,
    /// It does something: that works, as far as anybody plans.
    Likely,
    /// It asks something.
    Open,
}

impl From<Option<bool>> for Status {
    fn from(known: Option<bool>) -> Self {
        match known {
            Some(true) => Status::Yes,
            Some(false) => Status::No,
            None => Status::Open,
        }
    }
}

/// Where the shell goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    On,
    Exit,
    Return,
    Break,
    Continue,
}

/// A command whose words are known.
pub struct Seen<'s> {
    pub words: &'s [Word],
    /// Variables that nobody sets and that leave no word at all.
    pub vanished: &'s [(String, Span)],
    pub state: &'s mut State,
    pub outside: &'s Outside<'s>,
}

/// Who is told of the commands.
pub trait Visitor {
    /// `None`: it is none of the visitor's.
    fn command(&mut self, seen: Seen) -> Result<Option<Status>, Wrong>;
    fn has_found(&self) -> bool;
}

pub(super) struct Walker<'a, 'o> {
    pub outside: &'a Outside<'o>,
    pub state: State,
    visitor: &'a mut dyn Visitor,
    /// A condition is read.
    pub deciding: bool,
    /// The script's arguments may be any.
    pub open: bool,
    /// Nobody is told of commands.
    deaf: bool,
    /// What ends the script is passed over.
    endless: bool,
    called: BTreeSet<String>,
    /// Of the command that is read now.
    pub vanished: Vec<(String, Span)>,
    steps: usize,
    calls: usize,
}

/// Tells `visitor` of the commands of `text` with the words that they get. A script that does nothing without arguments is gone
/// through once more as if it had some; then functions that nobody calls.
pub fn walk(text: &str, outside: &Outside, visitor: &mut dyn Visitor) -> Result<(), Wrong> {
    let script = read::script(text, None, 0)?;
    let mut walker = Walker {
        outside,
        state: State::default(),
        visitor,
        deciding: false,
        open: false,
        deaf: false,
        endless: false,
        called: BTreeSet::new(),
        vanished: Vec::new(),
        steps: STEPS,
        calls: 0,
    };
    let alone = walker.script(&script);
    if alone.is_err() && walker.visitor.has_found() {
        return alone;
    }
    for endless in [false, true] {
        if !walker.visitor.has_found() {
            walker.state = State::default();
            walker.open = true;
            walker.endless = endless;
            walker.steps = STEPS;
            // What is wrong without arguments may be right with some; what is wrong with any is told as it was first.
            let given = walker.script(&script);
            if given.is_err() {
                return alone.and(given);
            }
        }
    }
    if !walker.visitor.has_found() {
        alone?;
    }
    if !walker.visitor.has_found() {
        for (name, body) in walker.state.functions.clone() {
            if !walker.called.contains(&name) {
                walker.command(&body)?;
            }
        }
    }
    Ok(())
}

impl Walker<'_, '_> {
    pub(super) fn script(&mut self, script: &Script) -> Result<(), Wrong> {
        self.list(script).map(drop)
    }

    fn list(&mut self, script: &Script) -> Result<(Status, Flow), Wrong> {
        let mut status = Status::Yes;
        for item in &script.items {
            let (after, flow) = self.item(item)?;
            status = after;
            if flow != Flow::On {
                return Ok((status, flow));
            }
        }
        Ok((status, Flow::On))
    }

    fn item(&mut self, item: &Item) -> Result<(Status, Flow), Wrong> {
        let (mut status, flow) = self.pipeline(&item.first)?;
        if flow != Flow::On {
            return Ok((status, flow));
        }
        for (join, pipeline) in &item.rest {
            match (join, status) {
                (Join::And, Status::No) | (Join::Or, Status::Yes) => continue,
                (Join::And, Status::Yes | Status::Likely) | (Join::Or, Status::No) => {
                    let (after, flow) = self.pipeline(pipeline)?;
                    status = after;
                    if flow != Flow::On {
                        return Ok((status, flow));
                    }
                }
                (_, _) => {
                    // It may not come to this: a command that fails, a question that is open.
                    let other = self.state.clone();
                    let (_, flow) = self.pipeline(pipeline)?;
                    if flow == Flow::On {
                        self.state.merge(other, "it depends on a command that has not run yet");
                    } else {
                        self.state = other;
                    }
                    status = if *join == Join::Or { Status::Likely } else { Status::Open };
                }
            }
        }
        Ok((status, Flow::On))
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Result<(Status, Flow), Wrong> {
        let (status, flow) = match pipeline.commands.as_slice() {
            [command] => self.command(command)?,
            commands => {
                // Each in a shell of its own.
                let mut status = Status::Likely;
                for command in commands {
                    let before = self.state.clone();
                    status = self.command(command)?.0;
                    let earlier = std::mem::take(&mut self.state.earlier);
                    self.state = State { earlier, ..before };
                }
                let asks = if status == Status::Likely { Status::Open } else { status };
                (asks, Flow::On)
            }
        };
        let status = match (pipeline.negated, status) {
            (true, Status::Yes) => Status::No,
            (true, Status::No) => Status::Yes,
            (true, Status::Likely) => Status::Open,
            (_, status) => status,
        };
        Ok((status, flow))
    }

    fn command(&mut self, command: &Command) -> Result<(Status, Flow), Wrong> {
        if self.steps == 0 {
            return Ok((Status::Open, Flow::Exit));
        }
        self.steps -= 1;
        let result = match &command.kind {
            Kind::Simple { assigned, tokens } => self.simple(command, assigned, tokens),
            Kind::Group(body) => self.list(body),
            Kind::Subshell(body) => self.subshell(body),
            Kind::If { arms, otherwise } => self.arms(arms, otherwise.as_ref()),
            Kind::For { name, tokens, body } => self.each(name, tokens.as_deref(), body),
            Kind::Select { name, body } => {
                let unknown = Text::unknown(&format!("${name}"), "somebody chooses it when the script runs");
                self.state.set(name, Variable::One(unknown));
                self.turns(None, false, body)
            }
            Kind::Loop { condition, until, body } => self.turns(condition.as_ref(), *until, body),
            Kind::Case { token, arms } => self.case(token, arms),
            Kind::Condition(terms) => {
                let deciding = std::mem::replace(&mut self.deciding, true);
                let value = self.condition(terms);
                self.deciding = deciding;
                Ok((value?.into(), Flow::On))
            }
            Kind::Arithmetic(text) => {
                if let Some(status) = self.counted(text) {
                    return Ok((status, Flow::On));
                }
                Ok((self.arithmetic(text).map(|value| value != 0).into(), Flow::On))
            }
            Kind::Function { name, body } => {
                self.state.functions.insert(name.clone(), Rc::clone(body));
                Ok((Status::Yes, Flow::On))
            }
        };
        for redirect in &command.redirects {
            if redirect.operator.starts_with('>') || redirect.operator == "&>" {
                self.made(redirect.target.clone())?;
            }
        }
        result
    }

    /// `i++`, `x = 5`: what is counted is not followed.
    fn counted(&mut self, text: &str) -> Option<Status> {
        let text = text.trim();
        let length = super::token::name_length(text);
        let rest = text[length..].trim_start();
        let assigns = length > 0
            && (["++", "--", "+=", "-=", "*="].iter().any(|operator| rest.starts_with(operator))
                || (rest.starts_with('=') && !rest.starts_with("==")));
        assigns.then(|| {
            let unknown = Text::unknown(&format!("${}", &text[..length]), "only the running script would count that");
            self.state.set(&text[..length], Variable::One(unknown));
            Status::Open
        })
    }

    fn subshell(&mut self, body: &Script) -> Result<(Status, Flow), Wrong> {
        let before = self.state.clone();
        let (status, _) = self.list(body)?;
        let earlier = std::mem::take(&mut self.state.earlier);
        self.state = State { earlier, ..before };
        Ok((status, Flow::On))
    }

    fn arms(&mut self, arms: &[(Script, Script)], otherwise: Option<&Script>) -> Result<(Status, Flow), Wrong> {
        let Some(((condition, body), rest)) = arms.split_first() else {
            return otherwise.map_or(Ok((Status::Yes, Flow::On)), |body| self.list(body));
        };
        let deciding = std::mem::replace(&mut self.deciding, true);
        let asked = self.list(condition);
        self.deciding = deciding;
        match asked?.0 {
            Status::Yes => self.list(body),
            Status::No => self.arms(rest, otherwise),
            _ => {
                let before = self.state.clone();
                let one = self.list(body)?;
                let after = std::mem::replace(&mut self.state, before);
                let other = self.arms(rest, otherwise)?;
                Ok((Status::Likely, self.both(after, one.1, other.1)))
            }
        }
    }

    /// Lays a way that was gone before together with the one that was gone now.
    fn both(&mut self, mut after: State, one: Flow, other: Flow) -> Flow {
        match (one, other) {
            (Flow::On, Flow::On) => {
                std::mem::swap(&mut self.state, &mut after);
                self.state.merge(after, "it depends on a condition that only the running script knows");
                Flow::On
            }
            (Flow::On, _) => {
                self.state = after;
                Flow::On
            }
            (_, Flow::On) => Flow::On,
            (one, _) => one,
        }
    }

    fn each(&mut self, name: &str, tokens: Option<&[Token]>, body: &Script) -> Result<(Status, Flow), Wrong> {
        let words: Vec<Text> = match tokens {
            Some(tokens) => self.words(tokens)?.iter().map(Word::text).collect(),
            None => self.state.arguments.clone().unwrap_or_default(),
        };
        for text in words.into_iter().take(TURNS) {
            self.state.set(name, Variable::One(text));
            match self.list(body)?.1 {
                Flow::On | Flow::Continue => {}
                Flow::Break => break,
                flow => return Ok((Status::Likely, flow)),
            }
        }
        Ok((Status::Likely, Flow::On))
    }

    fn turns(&mut self, condition: Option<&Script>, until: bool, body: &Script) -> Result<(Status, Flow), Wrong> {
        let mut status = Status::Open;
        if let Some(condition) = condition {
            let deciding = std::mem::replace(&mut self.deciding, true);
            let asked = self.list(condition);
            self.deciding = deciding;
            status = asked?.0;
        }
        let (never, once) = if until { (Status::Yes, Status::No) } else { (Status::No, Status::Yes) };
        if status == never {
            self.given_by_arguments(body)?;
            return Ok((Status::Yes, Flow::On));
        }
        let before = self.state.clone();
        let flow = self.list(body)?.1;
        match flow {
            Flow::Exit | Flow::Return if status == once => return Ok((Status::Likely, flow)),
            Flow::Exit | Flow::Return => self.state = before,
            _ => self.state.merge(before, "it depends on how often a loop is run"),
        }
        Ok((Status::Likely, Flow::On))
    }

    /// A loop over the script's arguments that is not gone into: what it alone would set is the caller's to give.
    fn given_by_arguments(&mut self, body: &Script) -> Result<(), Wrong> {
        let before = self.state.clone();
        if before.function.is_some() || self.open {
            return Ok(());
        }
        self.open = true;
        self.deaf = true;
        let walked = self.list(body);
        self.deaf = false;
        self.open = false;
        let after = std::mem::replace(&mut self.state, before);
        walked?;
        for name in after.variables.into_keys() {
            if !self.state.variables.contains_key(&name) && (self.outside.variable)(&name).is_none() {
                let unknown = Text::unknown(&format!("${name}"), ARGUMENT);
                self.state.set(&name, Variable::One(unknown));
            }
        }
        Ok(())
    }

    fn case(&mut self, token: &Token, arms: &[(Vec<Token>, Script)]) -> Result<(Status, Flow), Wrong> {
        let deciding = std::mem::replace(&mut self.deciding, true);
        let subject = self.text(token);
        self.deciding = deciding;
        let subject = subject?;
        let known = subject.known().filter(|_| !subject.any);
        let mut ways: Option<(State, Flow)> = None;
        let before = self.state.clone();
        for (patterns, body) in arms {
            if let Some(known) = &known {
                let letters: Vec<char> = known.chars().collect();
                let mut fits = false;
                for pattern in patterns {
                    fits |= super::glob::fits(&self.pattern(pattern)?, &letters);
                }
                if fits {
                    return self.list(body);
                }
                continue;
            }
            self.state = before.clone();
            let flow = self.list(body)?.1;
            let after = std::mem::replace(&mut self.state, before.clone());
            ways = Some(match ways.take() {
                None => (after, flow),
                Some((other, other_flow)) => {
                    self.state = after;
                    let flow = self.both(other, other_flow, flow);
                    (std::mem::replace(&mut self.state, before.clone()), flow)
                }
            });
        }
        let Some((after, flow)) = ways else { return Ok((Status::Yes, Flow::On)) };
        self.state = after;
        Ok((Status::Likely, flow))
    }

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

    fn simple(&mut self, command: &Command, assigned: &[Assigned], tokens: &[Token]) -> Result<(Status, Flow), Wrong> {
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
            let earlier = std::mem::take(&mut self.state.earlier);
            self.state = State { earlier, ..before };
        }
        result
    }

    /// A command with its words, whatever program stands before it.
    fn run(&mut self, command: &Command, words: &[Word]) -> Result<(Status, Flow), Wrong> {
        let Some(first) = words.first() else { return Ok((Status::Yes, Flow::On)) };
        let name = first.value.rsplit('/').next().unwrap_or_default().to_owned();
        if let Some(body) = self.state.functions.get(&name).cloned() {
            return self.call(&name, &body, &words[1..]);
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
            let earlier = std::mem::take(&mut self.state.earlier);
            self.state = State { earlier, ..before };
            return result;
        }
        if let Some(script) = self.given_script(&name, command, words) {
            let before = self.state.clone();
            self.state.root |= ["su", "pkexec"].contains(&name.as_str());
            let inner = read::script(&script.0, Some(&script.1), 1)?;
            let result = self.list(&inner);
            let earlier = std::mem::take(&mut self.state.earlier);
            self.state = State { earlier, ..before };
            return result.map(|(status, _)| (status, Flow::On));
        }
        if self.deaf {
            return Ok((asks(&name), Flow::On));
        }
        let seen = Seen { words, vanished: &self.vanished, state: &mut self.state, outside: self.outside };
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
        let result = self.command(body);
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

    fn builtin(&mut self, name: &str, command: &Command, words: &[Word]) -> Result<Option<(Status, Flow)>, Wrong> {
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
            "popd" => self.state.folder_unknown = true,
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
                for word in rest.iter().filter(|word| super::token::name_length(&word.value) == word.value.len()) {
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
            }
            "eval" => return self.eval(rest),
            "trap" | "alias" | "unalias" | "ulimit" | "umask" | "wait" | "shopt" | "hash" | "type" => {}
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

    /// What other programs leave that a container may need.
    fn noted(&mut self, name: &str, words: &[Word]) {
        let paths = words.iter().skip(1).filter(|word| !word.value.starts_with('-') && word.unknown.is_none());
        match name {
            "mkdir" | "touch" | "tee" | "install" => {
                let paths: Vec<String> = paths.map(|word| word.value.clone()).collect();
                paths.iter().for_each(|path| self.path(path));
            }
            "cp" | "mv" | "ln" | "wget" | "curl" | "git" | "tar" | "unzip" | "openssl" => {
                let paths: Vec<String> = paths.map(|word| word.value.clone()).collect();
                self.state.earlier.makes_files = true;
                paths.iter().for_each(|path| self.path(path));
            }
            "xhost" if words.iter().skip(1).any(|word| !word.value.starts_with('-')) => self.state.earlier.xhost = true,
            "xauth" => self.state.earlier.makes_files = true,
            _ => {}
        }
    }

    fn path(&mut self, path: &str) {
        if !self.state.folder_unknown || path.starts_with('/') {
            let path = absolute(path, self.state.cwd(self.outside));
            self.state.earlier.paths.push(path);
        }
    }

    fn made(&mut self, target: Token) -> Result<(), Wrong> {
        if let Some(path) = self.text(&target)?.known().filter(|path| !path.is_empty() && !path.starts_with("/dev/")) {
            self.path(&path);
        }
        Ok(())
    }
}

/// `NAME=value`.
fn variable(word: &Word) -> Option<(String, Text)> {
    let length = super::token::name_length(&word.value);
    let appends = word.value[length..].starts_with("+=");
    if length == 0 || appends || !word.value[length..].starts_with('=') {
        return None;
    }
    let mut text = word.text();
    text.letters.drain(..length + 1);
    text.span = None;
    Some((word.value[..length].to_owned(), text))
}

fn joined(words: &[Word]) -> (String, Vec<Span>) {
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

/// Programs that ask something, and others, which do something.
fn asks(name: &str) -> Status {
    let questions = [
        "grep",
        "egrep",
        "fgrep",
        "command",
        "which",
        "type",
        "hash",
        "nvidia-smi",
        "pgrep",
        "pidof",
        "ps",
        "lsmod",
        "curl",
        "wget",
        "ping",
        "nc",
        "diff",
        "cmp",
        "systemctl",
        "id",
        "lspci",
        "lsusb",
        "ldconfig",
        "dpkg",
        "rpm",
        "getent",
        "mountpoint",
        "ss",
        "netstat",
        "lsof",
    ];
    if questions.contains(&name) { Status::Open } else { Status::Likely }
}

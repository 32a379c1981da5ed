//! Goes through a text's commands in the order in which they would run. Where a condition is open, both ways are gone and what
//! they leave is laid together. Nothing is run.

use std::collections::BTreeSet;
use std::rc::Rc;

use gdoctor_checks::model::run::Span;

use super::state::{ARGUMENT, Outside, State, Text, Variable};
use super::walker::{Flow, Status, Visitor, Walker};
use super::word::Word;
use super::{Command, Item, Join, Kind, Pipeline, Script, Token, Wrong, name_length, read};

/// Commands that are gone through at the most: loops within loops end somewhere.
const STEPS: usize = 20_000;
/// Turns of a loop over words.
const TURNS: usize = 8;
/// Tells `visitor` of the commands of `text` with the words that they get. A script that does nothing without arguments is gone
/// through once more as if it had some; then functions that nobody calls. `places` says where its bytes stand in the file, if not at
/// the same ones.
pub fn walk(text: &str, places: Option<&[Span]>, outside: &Outside, visitor: &mut dyn Visitor) -> Result<(), Wrong> {
    let script = read::script(text, places, 0)?;
    let mut walker = Walker {
        outside,
        state: State::at(outside),
        visitor,
        deciding: false,
        open: false,
        deaf: false,
        endless: false,
        all_ways: false,
        called: BTreeSet::new(),
        vanished: Vec::new(),
        returned: Vec::new(),
        steps: STEPS,
        calls: 0,
    };
    let alone = walker.script(&script);
    if alone.is_err() && walker.visitor.has_found() {
        return alone;
    }
    if walker.visitor.has_found() {
        // Other ways through it may start other containers.
        if takes_arguments(text) {
            walker.visitor.again();
            walker.restart(false);
            drop(walker.script(&script));
        }
        return Ok(());
    }
    for endless in [false, true] {
        if !walker.visitor.has_found() {
            walker.restart(endless);
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
    if !walker.visitor.has_found() {
        // What a condition keeps from running here is what the text is given for.
        walker.restart(true);
        walker.all_ways = true;
        drop(walker.script(&script));
    }
    Ok(())
}

/// Whether a script looks at what its caller gives it.
fn takes_arguments(text: &str) -> bool {
    text.contains("getopts")
        || text.match_indices('$').any(|(at, _)| {
            let rest = text[at + 1..].trim_start_matches('{').trim_start_matches('#');
            rest.starts_with(['1', '2', '3', '4', '5', '6', '7', '8', '9', '@', '*', '#', '}'])
        })
}

impl Walker<'_, '_> {
    /// Back to the text's begin, with arguments that may be any.
    fn restart(&mut self, endless: bool) {
        self.state = State::at(self.outside);
        self.open = true;
        self.endless = endless;
        self.steps = STEPS;
    }

    pub(super) fn script(&mut self, script: &Script) -> Result<(), Wrong> {
        self.list(script).map(drop)
    }

    pub(super) fn list(&mut self, script: &Script) -> Result<(Status, Flow), Wrong> {
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
            match (join, self.open_way(status)) {
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
                        let there = std::mem::replace(&mut self.state, other);
                        if flow == Flow::Return {
                            self.returned.push(there);
                        }
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
                let printed = self.state.printed.clone();
                let mut status = Status::Likely;
                for command in commands {
                    let before = self.state.clone();
                    status = self.command(command)?.0;
                    self.state.leave(before);
                }
                if let Some(text) = printed {
                    // What the last of them makes of it.
                    self.state.printed = Some(text);
                    self.prints_unknown();
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

    pub(super) fn command(&mut self, command: &Command) -> Result<(Status, Flow), Wrong> {
        if self.steps == 0 {
            return Ok((Status::Open, Flow::Exit));
        }
        self.steps -= 1;
        let elsewhere = command.redirects.iter().any(|redirect| redirect.output);
        let held = elsewhere.then(|| self.state.printed.take());
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
        if let Some(held) = held {
            self.state.printed = held;
        }
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
        let length = name_length(text);
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
        self.state.leave(before);
        Ok((status, Flow::On))
    }

    /// What is known of a condition, where that is to count.
    fn open_way(&self, status: Status) -> Status {
        if self.all_ways && matches!(status, Status::Yes | Status::No) { Status::Open } else { status }
    }

    fn arms(&mut self, arms: &[(Script, Script)], otherwise: Option<&Script>) -> Result<(Status, Flow), Wrong> {
        let Some(((condition, body), rest)) = arms.split_first() else {
            return otherwise.map_or(Ok((Status::Yes, Flow::On)), |body| self.list(body));
        };
        let deciding = std::mem::replace(&mut self.deciding, true);
        let asked = self.list(condition);
        self.deciding = deciding;
        match self.open_way(asked?.0) {
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
        const WHY: &str = "it depends on a condition that only the running script knows";
        match (one, other) {
            (one, other) if one == other => {
                std::mem::swap(&mut self.state, &mut after);
                self.state.merge(after, WHY);
                one
            }
            // The end of a script ends all that could count.
            (Flow::Exit, other) => other,
            (one, Flow::Exit) => {
                self.state = after;
                one
            }
            (Flow::Return, other) => {
                self.returned.push(after);
                other
            }
            (one, Flow::Return) => {
                self.returned.push(std::mem::replace(&mut self.state, after));
                one
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
            Some(tokens) => {
                // Which files a pattern finds is known only where the script runs.
                let found = |word: &Word| match word.has_pattern() {
                    true => Text::unknown(&word.value, "it is one of the files that are found when the script runs"),
                    false => word.text(),
                };
                self.words(tokens)?.iter().map(found).collect()
            }
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
            status = self.open_way(asked?.0);
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
            Flow::Exit => self.state = before,
            Flow::Return => self.returned.push(std::mem::replace(&mut self.state, before)),
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
}

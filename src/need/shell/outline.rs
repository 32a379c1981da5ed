//! A text that a shell runs as it stands: whether it can read it, as `sh -n` would tell, and of what commands it is made. Nothing is
//! expanded.

use gdoctor_checks::model::run::Span;

use super::read::{self, Reader};
use super::{Command, Join, Kind, Part, Redirect, Script, Token, Value, Wrong};

/// The commands of a text, in its order, and what of it bash alone takes.
#[derive(Debug, Default)]
pub struct Outline {
    pub commands: Vec<Simple>,
    /// Where dash stops.
    pub only_bash: Vec<Stop>,
    /// What is read now runs on a condition.
    sometimes: bool,
}

#[derive(Debug)]
pub struct Stop {
    pub span: Span,
    pub by: OnlyBash,
    /// It runs on a condition, or is one.
    pub sometimes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnlyBash {
    /// dash reads nothing of a text with it.
    Grammar,
    /// dash ends there when it comes to it.
    Ends,
    /// dash has no such command: that one fails.
    Command,
}

/// A command of words alone, as they are written but for their quotes.
#[derive(Debug, Default)]
pub struct Simple {
    pub words: Vec<(String, Span)>,
    /// `>`, `<` and the like, the file, and the place of both.
    pub files: Vec<(&'static str, String, Span)>,
    /// It runs on a condition, or what comes of it is one.
    pub sometimes: bool,
}

impl Simple {
    /// Its program's name without a folder.
    pub fn program(&self) -> Option<&str> {
        self.words.first().and_then(|(word, _)| word.rsplit('/').next())
    }
}

/// Commands of bash that dash does not have.
const OF_BASH: [&str; 8] = ["source", "pushd", "popd", "shopt", "declare", "mapfile", "readarray", "typeset"];
/// Options of bash's `set -o` that dash does not have.
const OPTIONS: [&str; 3] = ["pipefail", "errtrace", "posix"];

/// The text's commands, or why no shell can read it.
pub fn read(text: &str) -> Result<Outline, Wrong> {
    let script = read::whole(Reader::strict(text, None, 0))?;
    let mut outline = Outline::default();
    outline.script(&script);
    Ok(outline)
}

impl Outline {
    fn script(&mut self, script: &Script) {
        for item in &script.items {
            let caught = item.rest.iter().any(|(join, _)| *join == Join::Or);
            self.on_condition(caught, |outline| {
                for pipeline in std::iter::once(&item.first).chain(item.rest.iter().map(|(_, pipeline)| pipeline)) {
                    pipeline.commands.iter().for_each(|command| outline.command(command));
                }
            });
        }
    }

    fn on_condition(&mut self, open: bool, read: impl FnOnce(&mut Self)) {
        let before = self.sometimes;
        self.sometimes |= open;
        read(self);
        self.sometimes = before;
    }

    fn stop(&mut self, span: Span, by: OnlyBash) {
        self.only_bash.push(Stop { span, by, sometimes: self.sometimes });
    }

    /// All places so many bytes on.
    pub fn shift(&mut self, by: usize) {
        let commands = self.commands.iter_mut().flat_map(|command| {
            let words = command.words.iter_mut().map(|(_, span)| span);
            words.chain(command.files.iter_mut().map(|(_, _, span)| span))
        });
        for span in commands.chain(self.only_bash.iter_mut().map(|stop| &mut stop.span)) {
            *span = Span::new(span.start + by, span.end + by);
        }
    }

    fn command(&mut self, command: &Command) {
        for redirect in &command.redirects {
            self.token(&redirect.target);
            if redirect.operator == "<<<" {
                self.stop(redirect.span, OnlyBash::Grammar);
            }
        }
        match &command.kind {
            Kind::Simple { assigned, tokens } => {
                for one in assigned {
                    match &one.value {
                        Value::One(token) => self.token(token),
                        Value::List(tokens) => {
                            let first = tokens.first().map_or(Span::at(0), |token| token.span);
                            self.stop(first, OnlyBash::Grammar);
                        }
                    }
                }
                self.simple(tokens, &command.redirects);
            }
            Kind::Group(body) | Kind::Subshell(body) => self.script(body),
            Kind::If { arms, otherwise } => self.on_condition(true, |outline| {
                for (condition, body) in arms {
                    outline.script(condition);
                    outline.script(body);
                }
                otherwise.iter().for_each(|body| outline.script(body));
            }),
            Kind::For { tokens, body, .. } => {
                tokens.iter().flatten().for_each(|token| self.token(token));
                self.on_condition(true, |outline| outline.script(body));
            }
            Kind::Loop { condition, body, .. } => self.on_condition(true, |outline| {
                condition.iter().for_each(|condition| outline.script(condition));
                outline.script(body);
            }),
            Kind::Select { body, .. } => self.on_condition(true, |outline| outline.script(body)),
            Kind::Case { token, arms } => {
                self.token(token);
                self.on_condition(true, |outline| arms.iter().for_each(|(_, body)| outline.script(body)));
            }
            Kind::Function { body, .. } => self.on_condition(true, |outline| outline.command(body)),
            Kind::Condition(terms) => {
                let first = terms.iter().find_map(|term| match term {
                    super::Term::Token(token) => Some(token.span),
                    super::Term::Operator(_) => None,
                });
                if let Some(first) = first {
                    self.stop(first, OnlyBash::Command);
                }
            }
            Kind::Arithmetic(_) => {}
        }
    }

    fn simple(&mut self, tokens: &[Token], redirects: &[Redirect]) {
        tokens.iter().for_each(|token| self.token(token));
        let words: Vec<(String, Span)> = tokens.iter().map(|token| (token.plain(), token.span)).collect();
        let files = redirects.iter().map(|one| (one.operator, one.target.plain(), one.span)).collect();
        if let Some((first, span)) = words.first() {
            if OF_BASH.contains(&first.as_str()) {
                self.stop(*span, OnlyBash::Command);
            }
            if let Some(option) = words.iter().find(|(word, _)| first == "set" && OPTIONS.contains(&word.as_str())) {
                self.stop(Span::new(span.start, option.1.end), OnlyBash::Ends);
            }
        }
        self.commands.push(Simple { words, files, sometimes: self.sometimes });
    }

    /// What runs within a word, and forms of `${…}`.
    fn token(&mut self, token: &Token) {
        for part in &token.parts {
            match part {
                Part::Command { script, shown, place, .. } => {
                    if shown.starts_with(['<', '>']) {
                        self.stop(*place, OnlyBash::Grammar);
                    }
                    self.script(script);
                }
                Part::Parameter { parameter, place, .. } => {
                    let of_bash = ["//", "/", "/#", "/%", "^^", "^", ",,", ",", ":", "@"];
                    if of_bash.contains(&parameter.operator.as_str()) || parameter.index.is_some() || parameter.indirect
                    {
                        self.stop(*place, OnlyBash::Ends);
                    }
                    self.token(&parameter.operand);
                }
                _ => {}
            }
        }
    }
}

//! Reads shell text as bash does, every byte with its place, and follows what it does to variables, without running anything.
//!
//! `read`, `compound` and `token` part a text by the grammar, `expand` makes words of tokens, `walk` goes through the commands in
//! their order: `simple` ones, the shell's own (`builtin`), other `programs`.

mod arithmetic;
mod builtin;
mod compound;
mod condition;
mod expand;
mod glob;
mod known;
pub mod outline;
mod parameter;
mod programs;
mod read;
mod simple;
mod state;
mod token;
mod walk;
mod walker;
mod word;

use gdoctor_checks::model::run::Span;

pub use state::{Outside, Text};
pub use walk::walk;
pub use walker::{Seen, Status, Visitor};
pub use word::Word;

/// Why a text cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub span: Span,
    pub what: String,
    pub help: String,
}

impl Wrong {
    pub fn at(span: Span, what: &str, help: &str) -> Self {
        Self { span, what: what.into(), help: help.into() }
    }
}

/// A part of a text as it is written, not yet expanded: what stands between two blanks.
#[derive(Clone, Debug, Default)]
struct Token {
    span: Span,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Letter {
        c: char,
        place: Span,
        quoted: bool,
    },
    /// `""`: a word even when nothing else is in it.
    Nothing,
    Parameter {
        parameter: Parameter,
        place: Span,
        quoted: bool,
    },
    /// `$(…)`, and what it looks like.
    Command {
        script: Script,
        shown: String,
        place: Span,
        quoted: bool,
    },
    Arithmetic {
        text: String,
        place: Span,
    },
    /// `~` where the shell replaces it.
    Home {
        place: Span,
    },
}

/// `$NAME`, `${NAME…}`.
#[derive(Clone, Debug, Default)]
struct Parameter {
    name: String,
    index: Option<Token>,
    /// `${#NAME}`.
    length: bool,
    /// `${!NAME}`.
    indirect: bool,
    /// `:-`, `%%`, `/`, `^^` …; empty for the value as it is.
    operator: String,
    operand: Token,
    /// As it stands in the text.
    shown: String,
}

#[derive(Clone, Debug, Default)]
struct Script {
    items: Vec<Item>,
}

/// Commands joined by `&&` and `||`.
#[derive(Clone, Debug)]
struct Item {
    first: Pipeline,
    rest: Vec<(Join, Pipeline)>,
}

impl Item {
    /// Its last command is none of words: a reserved word may follow at once.
    fn ends_compound(&self) -> bool {
        let last = self.rest.last().map_or(&self.first, |(_, pipeline)| pipeline);
        last.commands.last().is_some_and(|command| !matches!(command.kind, Kind::Simple { .. }))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    And,
    Or,
}

#[derive(Clone, Debug)]
struct Pipeline {
    negated: bool,
    commands: Vec<Command>,
}

#[derive(Clone, Debug)]
struct Command {
    kind: Kind,
    redirects: Vec<Redirect>,
}

#[derive(Clone, Debug)]
enum Kind {
    Simple {
        assigned: Vec<Assigned>,
        tokens: Vec<Token>,
    },
    Group(Script),
    Subshell(Script),
    If {
        arms: Vec<(Script, Script)>,
        otherwise: Option<Script>,
    },
    For {
        name: String,
        tokens: Option<Vec<Token>>,
        body: Script,
    },
    /// `select NAME in WORDS`: somebody chooses.
    Select {
        name: String,
        body: Script,
    },
    /// `for ((…))`, `while`, `until`: how often is not known.
    Loop {
        condition: Option<Script>,
        until: bool,
        body: Script,
    },
    Case {
        token: Token,
        arms: Vec<(Vec<Token>, Script)>,
    },
    Condition(Vec<Term>),
    Arithmetic(String),
    Function {
        name: String,
        body: std::rc::Rc<Command>,
    },
}

/// `NAME=value`, `NAME+=(a b)`, `NAME[i]=value`.
#[derive(Clone, Debug)]
struct Assigned {
    name: String,
    index: Option<Token>,
    appends: bool,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    One(Token),
    List(Vec<Token>),
}

/// Within `[[ … ]]`.
#[derive(Clone, Debug)]
enum Term {
    Operator(&'static str),
    Token(Token),
}

#[derive(Clone, Debug)]
struct Redirect {
    operator: &'static str,
    /// What the command prints goes there.
    output: bool,
    /// The file; empty for a here-document.
    target: Token,
    /// A here-document's text, which is read once its line has ended.
    document: Option<std::rc::Rc<std::cell::OnceCell<Document>>>,
    /// From the operator to the file.
    span: Span,
}

#[derive(Clone, Debug, Default)]
struct Document {
    text: String,
    /// The place of every byte of the text.
    places: Vec<Span>,
}

/// How long the name is that a text begins with.
fn name_length(text: &str) -> usize {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if first { text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count() } else { 0 }
}

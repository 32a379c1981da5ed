//! Who goes through a text's commands, and who is told of them.

use std::collections::BTreeSet;

use gdoctor_checks::model::run::Span;

use super::Wrong;
use super::state::{Outside, State};
use super::word::Word;

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
pub(super) enum Flow {
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
    /// It stands in a condition: the text goes on whatever comes of it.
    pub deciding: bool,
}

/// Who is told of the commands.
pub trait Visitor {
    /// `None`: it is none of the visitor's.
    fn command(&mut self, seen: Seen) -> Result<Option<Status>, Wrong>;
    fn has_found(&self) -> bool;
    /// The same text is gone through once more, as if the script had arguments: what was found already stays.
    fn again(&mut self);
}

pub(super) struct Walker<'a, 'o> {
    pub outside: &'a Outside<'o>,
    pub state: State,
    pub visitor: &'a mut dyn Visitor,
    /// A condition is read.
    pub deciding: bool,
    /// The script's arguments may be any.
    pub open: bool,
    /// Nobody is told of commands.
    pub deaf: bool,
    /// Conditions are taken for open, whatever they say here.
    pub all_ways: bool,
    /// What ends the script is passed over.
    pub endless: bool,
    pub called: BTreeSet<String>,
    /// Of the command that is read now.
    pub vanished: Vec<(String, Span)>,
    /// Where functions returned that may have gone on as well.
    pub returned: Vec<State>,
    pub steps: usize,
    pub calls: usize,
}

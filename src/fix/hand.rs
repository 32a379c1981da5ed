//! The one who looks at files and puts them: this process, or this very program started by sudo where the user may not.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::host::shell;
use crate::host::state::{self, NotPut, State};

/// The hidden subcommand that does what is asked on its standard input.
pub const SUBCOMMAND: &str = "__state";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    Own,
    BySudo,
}

#[derive(Debug, Serialize, Deserialize)]
enum Asked {
    Look(String),
    Put { path: String, expected: State, wanted: State },
}

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Seen(State),
    Put,
    Changed,
    Failed(String),
}

impl Hand {
    /// What stands there. Err names the path.
    pub fn look(self, path: &str) -> Result<State, String> {
        match self.ask(&Asked::Look(path.to_owned())) {
            Answer::Seen(state) => Ok(state),
            Answer::Failed(why) => Err(format!("{path}: {why}")),
            Answer::Put | Answer::Changed => Err(format!("{path}: no answer")),
        }
    }

    /// Puts one state in another's place. Err: nothing was changed.
    pub fn put(self, path: &str, expected: &State, wanted: &State) -> Result<(), String> {
        let asked = Asked::Put { path: path.to_owned(), expected: expected.clone(), wanted: wanted.clone() };
        match self.ask(&asked) {
            Answer::Put => Ok(()),
            Answer::Changed => Err(format!("{path} has changed since it was looked at: it was left alone")),
            Answer::Failed(why) => Err(format!("{path}: {why}")),
            Answer::Seen(_) => Err(format!("{path}: no answer")),
        }
    }

    fn ask(self, asked: &Asked) -> Answer {
        if self == Hand::Own {
            return done(asked);
        }
        let answer = || {
            let input = serde_json::to_vec(asked).map_err(|why| why.to_string())?;
            let said = shell::own_by_sudo(&[SUBCOMMAND], &input)?;
            serde_json::from_slice(&said).map_err(|why| why.to_string())
        };
        answer().unwrap_or_else(Answer::Failed)
    }
}

/// The hidden subcommand: one question, one answer.
pub fn answer(question: &[u8]) -> Result<String, String> {
    let asked: Asked = serde_json::from_slice(question).map_err(|why| why.to_string())?;
    serde_json::to_string(&done(&asked)).map_err(|why| why.to_string())
}

fn done(asked: &Asked) -> Answer {
    match asked {
        Asked::Look(path) => {
            state::look(Path::new(path)).map_or_else(|why| Answer::Failed(why.to_string()), Answer::Seen)
        }
        Asked::Put { path, expected, wanted } => match state::put(Path::new(path), expected, wanted) {
            Ok(()) => Answer::Put,
            Err(NotPut::Changed) => Answer::Changed,
            Err(NotPut::Error(why)) => Answer::Failed(why.to_string()),
        },
    }
}

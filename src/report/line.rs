//! A judged run line or service in a report: whether it starts, and what would have to change in it.

use serde::Serialize;

use super::{Place, Starts};

/// The judged line, and what would have to change in it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunLineWords {
    /// As given; literal secrets are overwritten with asterisks of the same length.
    pub text: String,
    /// The file that it stands in; empty where it was typed or piped.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// Where the command begins in the text, from 1.
    pub line: usize,
    /// It is one of several: sentences name its line.
    #[serde(skip)]
    pub several: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// Whether docker would start the container; whether its program then finds all it wants is another matter.
    pub starts: Starts,
    /// Not all checks that decide were selected.
    #[serde(skip)]
    pub partial: bool,
    /// Arguments that nothing here looks into, and that docker may refuse.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// Why it cannot be told whether the container would start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// `docker`, `podman`.
    pub engine: &'static str,
    /// The whole line, ready to paste; `None` when nothing has to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrected: Option<String>,
    /// What keeps docker from starting the container after the correction as well: only the user can mend it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// What the correction changes, in the order of the line.
    pub changes: Vec<Change>,
}

impl RunLineWords {
    /// Whether docker would start the container, in a sentence.
    pub fn verdict(&self) -> String {
        if self.several { format!("Line {}, {}: {}", self.line, self.image, self.sentence()) } else { self.sentence() }
    }

    fn sentence(&self) -> String {
        let engine = self.engine;
        let start = || format!("Whether {engine} would start this container");
        match self.starts {
            Starts::Yes => format!("Nothing seen here keeps {engine} from starting this container."),
            Starts::No => format!("{engine} would not start this container."),
            Starts::Unknown if self.partial => {
                format!("{} is not known: checks were left out.", start())
            }
            Starts::Unknown if self.open.is_empty() => format!("{} cannot be told.", start()),
            Starts::Unknown => format!("{} cannot be told: {}.", start(), self.open.join("; ")),
        }
    }

    /// What the corrected command is called.
    pub fn title(&self) -> &'static str {
        if self.left.is_empty() {
            "The corrected command"
        } else {
            "The command with the changes that are known, which docker does not take yet"
        }
    }

    /// Why the correction changes what it changes, each reason once.
    pub fn reasons(&self) -> Vec<&str> {
        let mut reasons: Vec<&str> = Vec::new();
        for change in &self.changes {
            if !reasons.contains(&change.reason.as_str()) {
                reasons.push(&change.reason);
            }
        }
        reasons
    }
}

/// One change of the line: bytes `start..end` of its text become `text`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub start: usize,
    pub end: usize,
    pub text: String,
    /// One line.
    pub reason: String,
    /// The finding that it mends.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
}

/// The judged service, and what would have to change in its files.
#[derive(Clone, Debug, Serialize)]
pub struct ComposeWords {
    /// Where the service stands.
    pub service: String,
    /// Why it cannot be told whether the container would start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    pub changes: Vec<FileChange>,
}

/// One change of a compose file.
#[derive(Clone, Debug, Serialize)]
pub struct FileChange {
    pub file: Place,
    /// The place is the service, which gets these lines besides what it has; else they stand for what is there.
    pub adds: bool,
    /// YAML, without the indentation of the place; none: what is there goes.
    pub lines: Vec<String>,
    /// One line.
    pub reason: String,
    /// The finding that it mends.
    pub code: String,
}

//! The lines of a text that start a container, judged as `gdoctor check` judges them, by their words alone: nothing is known of the host
//! that they were typed on. What they show is a witness of what the error says, and no cause where it says nothing.

use std::collections::BTreeSet;

use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::origin::Origin;

use super::commands::{Command, is_run};
use crate::judge::judge_all;
use crate::need;
use crate::need::run_line::{Shell, parse};
use crate::policy::{FailOn, Status};
use crate::report::{self, Frame, Outcome};

/// So many lines are judged, the last ones.
const LINES: usize = 4;
/// Checks that the words alone decide, whatever the host is.
const OF_WORDS: [&str; 4] = ["run-line-syntax", "run-line-options", "run-line-ports", "run-line-display"];

/// What one line shows by itself.
#[derive(Debug)]
struct Line {
    /// Where it begins.
    number: u32,
    image: Option<String>,
    /// Something in it brings a GPU.
    asks_gpu: bool,
    faults: Vec<Outcome>,
    /// Those of the checks of words whose every finding was made without the host.
    decided: BTreeSet<&'static str>,
}

/// The lines of a text that start containers.
#[derive(Debug, Default)]
pub struct Started {
    lines: Vec<Line>,
}

impl Started {
    pub fn of(commands: &[Command]) -> Self {
        let runs = commands.iter().rev().filter(|command| is_run(&command.text)).take(LINES);
        Self { lines: runs.filter_map(judged).collect() }
    }

    /// True where the line above a message has the fault that a code names, false where its check says something else.
    pub fn shows(&self, code: &str, line: u32) -> Option<bool> {
        if self.fault(code, line).is_some() {
            return Some(true);
        }
        if code == "run-line-gpu/not-asked" {
            return self.above(line).map(|above| !above.asks_gpu);
        }
        let (check, _) = code.split_once('/')?;
        self.above(line)?.decided.contains(check).then_some(false)
    }

    /// What is told of the line above a message, with the line corrected.
    pub fn fault(&self, code: &str, line: u32) -> Option<&Outcome> {
        self.above(line)?.faults.iter().find(|outcome| outcome.code == code)
    }

    /// The image of the line above a message.
    pub fn image(&self, line: u32) -> Option<&str> {
        self.above(line)?.image.as_deref()
    }

    fn above(&self, line: u32) -> Option<&Line> {
        self.lines.iter().find(|one| one.number < line)
    }
}

fn judged(command: &Command) -> Option<Line> {
    let line = parse(&command.text, &Shell::BARE).ok()?.into_iter().next_back()?;
    let image = line.image.as_ref().map(|image| image.reference.clone());
    let variables = line.variable("NVIDIA_VISIBLE_DEVICES").is_some() || line.wrapper.is_some();
    let nodes = line.devices.iter().any(|device| device.at.text.contains("/dev/nvidia"));
    let asks_gpu = line.asks_for_gpu().is_some() || variables || nodes;
    let mut need = need::of_line(line);
    // A window is what the error speaks of, else nobody asks.
    need.display = Some(Origin::Flag("--display".into()));
    let facts = Facts::default();
    let judged = judge_all(&facts, &need, |check| check.family.name == "run");
    let report = report::write(&facts, &need, &judged, FailOn::Fail, Frame::default());
    let unknown = |id: &str| report.results.iter().any(|one| one.id == id && one.status == Status::Unknown);
    let says = |id: &str| report.results.iter().any(|one| one.id == id && one.status != Status::Skip);
    let decided = OF_WORDS.into_iter().filter(|id| says(id) && !unknown(id)).collect();
    let is_fault = |outcome: &Outcome| matches!(outcome.status, Status::Fail | Status::Warn);
    let faults = report.results.into_iter().filter(is_fault).collect();
    Some(Line { number: command.line, image, asks_gpu, faults, decided })
}

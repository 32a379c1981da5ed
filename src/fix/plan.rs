//! What could be done about each cause that a report tells, and in which order: the steps as values. `draft` makes one of a fix.

use gdoctor_checks::model::finding;
use gdoctor_checks::model::fix::{Edit, Risk, Step as Afterwards};
use serde::Serialize;

use super::draft::Draft;
use super::effects;
use super::journal::States;
use crate::host::Host;
use crate::host::shell::Sudo;
use crate::policy::Status;
use crate::report::{Outcome, Report};

/// A cause and its fix.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// All that this one fix mends.
    pub causes: Vec<Cause>,
    /// An imperative sentence.
    pub title: String,
    /// In their order; none is run by a shell but as it is printed.
    pub actions: Vec<Action>,
    pub risks: Vec<&'static str>,
    pub needs_root: bool,
    /// Files that are saved before anything is done, and can be given back.
    pub writes: Vec<String>,
    /// Packages that are not there yet, by the package manager's own simulation; taking back removes just these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub installs: Vec<String>,
    /// Units that the actions restart or stop.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Containers that run now and stop with the engine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<String>,
    /// Containers that run now and lose the GPUs which NVIDIA's hook has given them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub may_lose_gpus: Vec<String>,
    pub notes: Vec<String>,
    /// What is left to the user's own shell, behind the actions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub in_your_shell: Vec<String>,
    pub undo: Vec<Afterwards<String>>,
    pub page: String,
    /// gdoctor does it when it is asked to.
    pub offered: bool,
    /// Why it only shows it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why_not: String,
    /// What stands at the files that are written, as far as this process may look.
    #[serde(skip)]
    pub seen: States,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// `docker-access/not-in-group`
    pub code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    pub status: Status,
    /// What was observed, one sentence.
    pub summary: String,
}

/// One thing that is done.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Action {
    /// A line for the shell.
    #[serde(rename_all = "camelCase")]
    Run {
        command: String,
        /// The user that it is done as.
        as_user: String,
        /// What it writes, as far as that is seen in its words.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        differences: Vec<Difference>,
    },
    /// gdoctor changes one setting of a file.
    #[serde(rename_all = "camelCase")]
    Edit {
        path: String,
        /// In words: `add "h:5000" to insecure-registries`.
        change: String,
        as_user: String,
        /// Lines of a patch; empty where the file could not be read yet.
        difference: Vec<String>,
        #[serde(skip)]
        edit: Edit<String>,
    },
}

/// What changes in a file.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    pub path: String,
    /// Of a patch.
    pub lines: Vec<String>,
}

impl Action {
    pub fn words(&self) -> String {
        match self {
            Self::Run { command, .. } => command.clone(),
            Self::Edit { path, change, .. } => format!("in {path} {change}"),
        }
    }
}

impl Step {
    /// The cause that it is named by.
    pub fn cause(&self) -> &Cause {
        &self.causes[0]
    }

    fn restarts_docker(&self) -> bool {
        let starts = self.actions.iter().flat_map(|action| effects::starts(&action.words()));
        starts.chain(self.services.iter().cloned()).any(|unit| effects::is_docker(&unit))
    }

    /// It needs no root, restarts nothing and ends nothing.
    pub fn is_safe(&self) -> bool {
        self.offered && !self.needs_root && self.risks == [Risk::Safe.words()] && self.services.is_empty()
    }
}

/// dockerd does not start while this is told; one that runs goes on.
pub fn keeps_from_start(code: &str) -> bool {
    match code.split_once('/') {
        // What nobody could read is mended by nobody.
        Some(("docker-config", name)) => {
            !["refused-later", "key-without-effect", "key-twice", "variables-misread", finding::UNKNOWN].contains(&name)
        }
        Some((check, name)) => check == "docker-unit" && ["refused-next", "closes-next"].contains(&name),
        None => false,
    }
}

/// A step for each cause: what keeps dockerd from its next start comes first, then what other checks wait for, the rest in the
/// report's order.
pub fn steps(report: &Report, host: &Host, sudo: Sudo) -> Vec<Step> {
    let waited_for = |outcome: &Outcome| report.results.iter().any(|other| other.cause.as_deref() == Some(outcome.id));
    let mut troubles: Vec<&Outcome> = report.results.iter().filter(|outcome| outcome.is_trouble()).collect();
    troubles.sort_by_key(|outcome| (!keeps_from_start(&outcome.code), !waited_for(outcome)));
    let keeps = troubles.iter().find(|outcome| keeps_from_start(&outcome.code)).map(|outcome| outcome.code.clone());
    let draft = Draft::new(host, sudo);
    let mut steps: Vec<Step> = Vec::new();
    for outcome in troubles {
        let Some(fix) = outcome.fixes.first() else { continue };
        let cause = Cause {
            code: outcome.code.clone(),
            subject: outcome.subject.clone(),
            status: outcome.status,
            summary: outcome.summary.clone(),
        };
        let step = draft.step(cause, fix);
        let same = |known: &&mut Step| {
            let words = |step: &Step| step.actions.iter().map(Action::words).collect::<Vec<_>>();
            !step.actions.is_empty() && words(known) == words(&step)
        };
        match steps.iter_mut().find(same) {
            Some(known) => known.causes.extend(step.causes),
            None => steps.push(step),
        }
    }
    // An engine that runs would be gone.
    let waits = |step: &&mut Step| step.offered && step.restarts_docker() && !keeps_from_start(&step.cause().code);
    for step in steps.iter_mut().filter(waits) {
        if let Some(code) = &keeps {
            step.offered = false;
            step.why_not = format!("it starts Docker anew, which would not come up before {code} is mended");
        }
    }
    steps
}

//! What could be done about each cause that a report tells, in which order, and what of it gdoctor does not do itself and why.

use std::collections::BTreeSet;
use std::path::Path;

use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::fix::{Edit, Risk, Step as Afterwards};
use serde::Serialize;

use super::difference::difference;
use super::edit::edited;
use super::journal::States;
use super::written::written;
use crate::host::process::Program;
use crate::host::shell::Sudo;
use crate::host::state::{self, State};
use crate::host::{Host, trust};
use crate::policy::Status;
use crate::report::{FixWords, Gate, Outcome, Report};

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
    /// Units that the actions restart or stop.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// Containers that run now and stop with the engine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<String>,
    /// Containers that run now; those that have a GPU by NVIDIA's legacy hook lose it.
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
    /// gdoctor changes one key of a file.
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

    /// It needs no root, restarts nothing and ends nothing.
    pub fn is_safe(&self) -> bool {
        self.offered && !self.needs_root && self.risks == [Risk::Safe.words()] && self.services.is_empty()
    }
}

/// A step for each cause: what other checks wait for comes first, the rest in the report's order.
pub fn steps(report: &Report, facts: &Facts, host: &Host, sudo: Sudo) -> Vec<Step> {
    let waited_for = |outcome: &Outcome| report.results.iter().any(|other| other.cause.as_deref() == Some(outcome.id));
    let mut troubles: Vec<&Outcome> = report.results.iter().filter(|outcome| outcome.is_trouble()).collect();
    troubles.sort_by_key(|outcome| !waited_for(outcome));
    let around = Around { facts, host, sudo, user: trust::user_name(nix::unistd::geteuid().as_raw()) };
    let mut steps: Vec<Step> = Vec::new();
    for outcome in troubles {
        let Some(fix) = outcome.fixes.first() else { continue };
        let cause = Cause {
            code: outcome.code.clone(),
            subject: outcome.subject.clone(),
            status: outcome.status,
            summary: outcome.summary.clone(),
        };
        let step = around.step(cause, fix);
        let same = |known: &&mut Step| {
            let words = |step: &Step| step.actions.iter().map(Action::words).collect::<Vec<_>>();
            !step.actions.is_empty() && words(known) == words(&step)
        };
        match steps.iter_mut().find(same) {
            Some(known) => known.causes.extend(step.causes),
            None => steps.push(step),
        }
    }
    steps
}

struct Around<'a> {
    facts: &'a Facts,
    host: &'a Host,
    sudo: Sudo,
    user: String,
}

impl Around<'_> {
    fn step(&self, cause: Cause, fix: &FixWords) -> Step {
        let mut seen = States::new();
        let (actions, in_your_shell, wrong) = self.actions(fix, &mut seen);
        let touches = fix.touches.iter();
        let told = touches.flat_map(|touches| touches.writes.iter().chain(touches.edits.iter().map(|edit| &edit.path)));
        let whole: Option<Vec<String>> = told.map(|path| self.whole(path)).collect();
        let nowhere = whole.is_none().then(|| "a file that it writes has no place here".to_owned());
        // Who names a path writes through a link there; who does not, as systemctl enable, replaces the link.
        let through = |path: String| match fix.commands.iter().any(|line| line.contains(&path)) {
            true => with_links(path),
            false => vec![path],
        };
        let mut writes: BTreeSet<String> = whole.into_iter().flatten().flat_map(through).collect();
        writes.extend(writes.clone().iter().flat_map(|path| missing_folders(path)));
        let writes: Vec<String> = writes.into_iter().collect();
        for path in &writes {
            if let Ok(state) = state::look(Path::new(path)) {
                seen.insert(path.clone(), state);
            }
        }
        let lines: Vec<&str> = fix.commands.iter().map(String::as_str).collect();
        let services = services(&lines);
        let running = self.running();
        let keeps = self.facts.docker.info.value().is_some_and(|info| info.live_restore_enabled);
        let stops = match services.iter().any(|unit| is_docker(unit)) && !keeps {
            true => running.clone(),
            false => Vec::new(),
        };
        let has_gpu = self.facts.nvidia.module.value().is_some();
        let reloads = lines.iter().any(|line| line.contains("daemon-reload"));
        let why_not = self.not_done(fix, &actions, &writes).or(wrong).or(nowhere).unwrap_or_default();
        Step {
            causes: vec![cause],
            title: fix.title.clone(),
            risks: fix.risks.clone(),
            needs_root: fix.needs_root,
            services,
            stops,
            may_lose_gpus: if has_gpu && reloads { running } else { Vec::new() },
            notes: fix.notes.clone(),
            undo: fix.undo.clone(),
            page: fix.page.clone(),
            offered: why_not.is_empty(),
            why_not,
            actions,
            writes,
            in_your_shell,
            seen,
        }
    }

    /// What is done in the fix's order, what the user's shell alone can do, and why all of it is none of gdoctor's.
    fn actions(&self, fix: &FixWords, seen: &mut States) -> (Vec<Action>, Vec<String>, Option<String>) {
        let as_user = |root: bool| if root { "root".to_owned() } else { self.user.clone() };
        let mut edits = fix.touches.iter().flat_map(|touches| touches.edits.iter()).peekable();
        let mut wrong = None;
        let (mut actions, mut own) = (Vec::new(), Vec::new());
        for line in &fix.commands {
            if opens_an_editor(line) {
                if edits.peek().is_none() {
                    actions.push(run(line, as_user(line.contains("sudo"))));
                }
                for edit in edits.by_ref() {
                    match self.edit(edit, as_user(fix.needs_root), seen) {
                        Ok(action) => actions.push(action),
                        Err(why) => wrong = wrong.or(Some(why)),
                    }
                }
            } else if is_for_the_users_shell(line) {
                own.push(line.clone());
            } else {
                actions.push(run(line, as_user(line.contains("sudo "))));
            }
        }
        (actions, own, wrong)
    }

    fn edit(&self, edit: &Edit<String>, as_user: String, seen: &mut States) -> Result<Action, String> {
        use gdoctor_checks::model::fix::Change;
        let path = self.whole(&edit.path).ok_or(format!("{} names no file here", edit.path))?;
        let path = with_links(path).pop().unwrap_or_default();
        let key = edit.key.join(".");
        let change = match &edit.change {
            Change::Set(value) => format!("set {key} to {value}"),
            Change::Add(value) => format!("add {value} to {key}"),
            Change::Remove => format!("take {key} out"),
        };
        let gate = Gate::default();
        let difference = match state::look(Path::new(&path)) {
            Ok(state) => {
                let before = text_of(&state).ok_or(format!("{path} is no file of text"))?;
                let after = edited(&before, edit).map_err(|why| format!("{path} {why}"))?;
                seen.insert(path.clone(), state);
                difference(&before, &after).iter().map(|line| gate.text(line)).collect()
            }
            Err(_) => Vec::new(),
        };
        let edit = Edit { path: path.clone(), ..edit.clone() };
        Ok(Action::Edit { path, change, as_user, difference, edit })
    }

    /// A path as the document tells it, on this host and for this user.
    fn whole(&self, path: &str) -> Option<String> {
        let home = || self.host.env("HOME");
        let path = if let Some(rest) = path.strip_prefix("~/") {
            format!("{}/{rest}", home()?)
        } else if let Some(rest) = path.strip_prefix("$DOCKER_CONFIG/") {
            let folder = self.host.env("DOCKER_CONFIG").or_else(|| Some(format!("{}/.docker", home()?)))?;
            format!("{folder}/{rest}")
        } else {
            path.to_owned()
        };
        path.starts_with('/').then(|| state::resolved(Path::new(&path)))?
    }

    fn running(&self) -> Vec<String> {
        let gate = Gate::default();
        let containers = self.facts.docker.containers.value().into_iter().flatten();
        containers.map(|container| gate.text(container.name())).collect()
    }

    /// Why gdoctor does not do this itself.
    fn not_done(&self, fix: &FixWords, actions: &[Action], writes: &[String]) -> Option<String> {
        let says = |risk: Risk| fix.risks.contains(&risk.words());
        let lines = || fix.commands.iter().map(String::as_str);
        let told = |why: &str| Some(why.to_owned());
        if fix.changes_line {
            return told("it changes your command, not this host");
        }
        if fix.commands.is_empty() {
            return told("no command does it here");
        }
        if says(Risk::Looks) {
            return told("its commands only look: what has to be done is for you to decide");
        }
        if says(Risk::Destructive) {
            return told("it deletes data");
        }
        if says(Risk::Reboot) || lines().any(|line| line.ends_with("reboot")) {
            return told("the machine has to restart for it");
        }
        if lines().next().is_some_and(is_for_the_users_shell) {
            return told("it changes the shell that it is typed into");
        }
        let edits = fix.touches.as_ref().is_some_and(|touches| !touches.edits.is_empty());
        if !edits && lines().any(opens_an_editor) {
            return told("a file has to be edited by hand, and what is right there is for you to say");
        }
        if lines().any(installs) {
            return told("it installs packages, which no undo gives back as they were");
        }
        if fix.touches.is_none() {
            return told("not all that it changes is known beforehand");
        }
        if fix.needs_root && self.sudo == Sudo::Missing {
            return told("it needs root, and there is no sudo here: run gdoctor as root");
        }
        if let Some(program) = actions.iter().filter_map(lacking).next() {
            return Some(format!("{program} is not on this host"));
        }
        writes.iter().find_map(|path| state::unwritable(Path::new(path)).map(|why| format!("{path} {why}")))
    }
}

fn run(line: &str, as_user: String) -> Action {
    let gate = Gate::default();
    let differences = written(line).map_or_else(Vec::new, |written| {
        let of = |path: String| {
            let before = text_of(&state::look(Path::new(&path)).ok()?)?;
            let after = if written.appends { format!("{before}{}", written.text) } else { written.text.clone() };
            let lines: Vec<String> = difference(&before, &after).iter().map(|line| gate.text(line)).collect();
            (!lines.is_empty()).then_some(Difference { path, lines })
        };
        written.paths.clone().into_iter().filter_map(of).collect()
    });
    Action::Run { command: line.to_owned(), as_user, differences }
}

/// A file's text; what is not there has none yet.
pub fn text_of(state: &State) -> Option<String> {
    match state {
        State::Absent => Some(String::new()),
        State::File { bytes, .. } => String::from_utf8(bytes.clone()).ok(),
        State::Folder { .. } | State::Link { .. } => None,
    }
}

/// The path, and where a link there leads besides, last.
fn with_links(path: String) -> Vec<String> {
    let mut paths = vec![path];
    while let Some(State::Link { target, .. }) = paths.last().and_then(|path| state::look(Path::new(path)).ok()) {
        let from = paths.last().and_then(|path| Path::new(path).parent()).unwrap_or(Path::new("/"));
        match state::resolved(&from.join(target)) {
            Some(next) if !paths.contains(&next) && state::look(Path::new(&next)).is_ok() => paths.push(next),
            _ => break,
        }
    }
    paths
}

/// The folders above a path that are not there.
fn missing_folders(path: &str) -> Vec<String> {
    let above = Path::new(path).ancestors().skip(1);
    let missing = above.take_while(|folder| matches!(state::look(folder), Ok(State::Absent)));
    missing.map(|folder| folder.to_string_lossy().into_owned()).collect()
}

fn installs(line: &str) -> bool {
    const MANAGERS: [&str; 7] = ["apt-get", "dnf", "zypper", "pacman", "apk", "rpm-ostree", "transactional-update"];
    line.split_whitespace().any(|word| MANAGERS.contains(&word))
}

fn opens_an_editor(line: &str) -> bool {
    line.contains("sudoedit ") || line.contains("${EDITOR") || line.contains("systemctl edit")
}

/// What a child of gdoctor cannot do for it, and what asks the user something.
fn is_for_the_users_shell(line: &str) -> bool {
    const OWN: [&str; 7] = ["export", "unset", "newgrp", "cd", "hash", "docker login", "docker logout"];
    OWN.iter().any(|word| line.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
}

fn is_docker(unit: &str) -> bool {
    matches!(unit, "docker" | "docker.service" | "docker.socket" | "containerd" | "containerd.service")
}

/// Services that lines restart, stop or reload.
fn services(lines: &[&str]) -> Vec<String> {
    const VERBS: [&str; 4] = ["restart", "stop", "reload", "try-restart"];
    let mut found: Vec<String> = Vec::new();
    let mut add = |unit: &str| {
        if !found.iter().any(|known| known == unit) {
            found.push(unit.to_owned());
        }
    };
    for part in lines.iter().flat_map(|line| line.split("&&")) {
        let words: Vec<&str> = part.split_whitespace().filter(|word| *word != "sudo" && *word != "--user").collect();
        match words.as_slice() {
            ["systemctl", verb, units @ ..] if VERBS.contains(verb) => {
                units.iter().filter(|unit| !unit.starts_with('-')).for_each(|unit| add(unit));
            }
            ["systemctl", "disable", "--now", units @ ..] => units.iter().for_each(|unit| add(unit)),
            ["service" | "rc-service", unit, verb] if VERBS.contains(verb) => add(unit),
            ["snap", verb, unit] if VERBS.contains(verb) => add(unit),
            _ => {}
        }
    }
    found
}

/// The program of an action that is not there.
fn lacking(action: &Action) -> Option<String> {
    const OF_THE_SHELL: [&str; 16] = [
        ".", ":", "[", "cd", "command", "echo", "eval", "exec", "false", "for", "if", "printf", "set", "test", "true",
        "while",
    ];
    let Action::Run { command, .. } = action else { return None };
    let word = command.split_whitespace().find(|word| *word != "sudo" && !word.starts_with('-'))?;
    let plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./[:".contains(letter));
    if !plain || OF_THE_SHELL.contains(&word) {
        return None;
    }
    let found = if word.starts_with('/') { Program::at(word) } else { Program::named(word) };
    found.is_err().then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_those_that_the_lines_name() {
        let lines = [
            "sudo systemctl daemon-reload",
            "sudo systemctl restart docker.socket docker.service",
            "systemctl --user restart docker.service",
            "sudo service cups restart",
            "sudo systemctl reset-failed docker",
        ];
        assert_eq!(services(&lines), ["docker.socket", "docker.service", "cups"]);
    }

    #[test]
    fn editors_and_shells_are_told() {
        assert!(opens_an_editor("\"${EDITOR:-vi}\" ~/.config/docker/daemon.json"));
        assert!(opens_an_editor("sudoedit /etc/docker/daemon.json"));
        assert!(is_for_the_users_shell("newgrp docker") && !is_for_the_users_shell("exportfs -a"));
    }
}

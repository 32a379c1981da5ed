//! Does one step: saves what it writes, then its actions one by one, the first that fails ends it. The journal has each record
//! before what it tells of.

use std::path::Path;
use std::time::Duration;

use gdoctor_checks::model::looks::only_looks;

use super::draft::text_of;
use super::edit::edited;
use super::effects;
use super::hand::Hand;
use super::journal::{self, Record, States};
use super::packages;
use super::plan::{Action, Step};
use crate::host::Deadline;
use crate::host::clock;
use crate::host::ledger::{Ledger, Shelf};
use crate::host::process::End;
use crate::host::shell::{self, Said};
use crate::host::state::State;
use crate::report::ANEW_BY_SCRIPT;

/// The most that one command may take: a service that stops waits for its containers.
const PATIENCE: Duration = Duration::from_secs(300);
/// Of a file that was not there before.
const NEW_FILE: u32 = 0o644;

/// What came of it.
#[derive(Debug)]
pub enum Applied {
    Done {
        id: String,
        changed: Vec<String>,
    },
    /// Nothing was begun, or `id` tells what was changed before.
    Failed {
        id: Option<String>,
        changed: Vec<String>,
        failure: Failure,
    },
}

#[derive(Debug)]
pub struct Failure {
    /// The action that failed, in words; empty where none was begun.
    pub action: String,
    /// How it ended, a sentence's part: `ended with 1`.
    pub end: String,
    /// What it said, from its end.
    pub output: String,
}

impl Failure {
    fn before_all(why: String) -> Applied {
        let failure = Self { action: String::new(), end: why, output: String::new() };
        Applied::Failed { id: None, changed: Vec::new(), failure }
    }
}

/// A step under way.
struct Work<'a> {
    step: &'a Step,
    hand: Hand,
    ledger: Ledger,
    /// What stands at the files that it writes, as it was last seen.
    now: States,
    before: States,
}

/// Does the step. `hand` reaches the files; `say` hears each action before it is done.
pub fn apply(step: &Step, shelf: &Shelf, hand: Hand, say: &mut dyn FnMut(&Action)) -> Applied {
    let mut before = States::new();
    for path in &step.writes {
        match hand.look(path) {
            Err(why) => return Failure::before_all(format!("nothing was begun: {why}")),
            Ok(state) if step.seen.get(path).is_some_and(|seen| *seen != state) => {
                return Failure::before_all(format!("nothing was begun: {path} has changed since it was shown"));
            }
            Ok(state) => {
                before.insert(path.clone(), state);
            }
        }
    }
    let folders = before.keys().filter_map(|path| Path::new(path).parent()?.to_str());
    let folders = folders.filter_map(|folder| Some((folder.to_owned(), hand.look(folder).ok()?)));
    let folders: States = folders.filter(|(_, state)| matches!(state, State::Folder { .. })).collect();
    let begun = begun(step, hand, &before, folders);
    let opened =
        shelf.create(&journal::name_of_now()).and_then(|mut ledger| match journal::write(&mut ledger, &begun) {
            Ok(()) => Ok(ledger),
            Err(why) => {
                ledger.forget(shelf);
                Err(why)
            }
        });
    match opened {
        Err(why) => Failure::before_all(format!("nothing was begun: {why}")),
        Ok(ledger) => Work { step, hand, ledger, now: before.clone(), before }.go_through(say),
    }
}

fn begun(step: &Step, hand: Hand, before: &States, folders: States) -> Record {
    let last_edit = step.actions.iter().rposition(|action| matches!(action, Action::Edit { .. }));
    let rereads = step.actions.iter().skip(last_edit.map_or(step.actions.len(), |at| at + 1)).map(Action::words);
    // What only looks at what was given back has no part in it: a broken file is refused as it was before.
    let rereads: Vec<String> = rereads.filter(|line| !looks_at_settings(line)).map(|line| reads_again(&line)).collect();
    // An edit is undone by the bytes of before.
    let undo: Vec<journal::Line> =
        step.undo.iter().filter(|line| last_edit.is_none() || line.command().is_none()).map(Into::into).collect();
    let commands = undo.iter().filter_map(journal::Line::command);
    let words: Vec<String> = step.actions.iter().map(Action::words).collect();
    let lines: Vec<&str> = words.iter().chain(&rereads).map(String::as_str).chain(commands).collect();
    Record::Begun {
        at: clock::rfc3339(clock::unix_seconds()),
        code: step.cause().code.clone(),
        subject: step.cause().subject.clone(),
        title: step.title.clone(),
        down: effects::down(&lines),
        actions: words,
        rereads,
        installs: step.installs.clone(),
        undo,
        by_sudo: hand == Hand::BySudo,
        before: before.clone(),
        folders,
    }
}

fn looks_at_settings(line: &str) -> bool {
    line.contains("dockerd --validate") || only_looks(line)
}

/// dockerd that is told to read its file again keeps what the file no longer has: only a restart makes it forget that.
fn reads_again(line: &str) -> String {
    match line.contains("kill -HUP \"$(cat /var/run/docker.pid)\"") {
        true => ANEW_BY_SCRIPT.to_owned(),
        false => line
            .replace("systemctl reload docker", "systemctl restart docker")
            .replace("systemctl --user reload docker", "systemctl --user restart docker"),
    }
}

impl Work<'_> {
    fn go_through(mut self, say: &mut dyn FnMut(&Action)) -> Applied {
        for (index, action) in self.step.actions.iter().enumerate() {
            say(action);
            let done = match action {
                Action::Run { command, .. } => self.run(index, command),
                Action::Edit { path, edit, .. } => self.edit(index, path, edit),
            };
            if let Err(failure) = done {
                let failure = Failure { action: action.words(), ..failure };
                let told = format!("{}: {}", failure.action, failure.end);
                let _ = journal::write(&mut self.ledger, &Record::Ended { told });
                return Applied::Failed { id: Some(self.ledger.name().to_owned()), changed: self.changed(), failure };
            }
        }
        // What was done is done, also where the journal has no room for its end.
        let _ = journal::write(&mut self.ledger, &Record::Ended { told: String::new() });
        Applied::Done { id: self.ledger.name().to_owned(), changed: self.changed() }
    }

    fn run(&mut self, action: usize, command: &str) -> Result<(), Failure> {
        if packages::installs(command) {
            self.is_as_shown(command)?;
        }
        self.note(&Record::Doing { action, after: States::new() })?;
        let said = ran(command);
        let end = words(&said.end);
        let mut changed = States::new();
        for (path, known) in &self.now {
            // What cannot be seen any more counts as it was; taking back looks again.
            if let Ok(state) = self.hand.look(path)
                && state != *known
            {
                changed.insert(path.clone(), state);
            }
        }
        self.give_to_their_owners(&mut changed);
        self.now.extend(changed.clone());
        let noted = self.note(&Record::Did { action, end: end.clone(), changed });
        match said.end {
            End::Exited(0) => noted,
            // `systemctl status` of a service that is down: it has told what it saw.
            End::Exited(_) if only_looks(command) => noted,
            _ => Err(Failure { action: String::new(), end, output: said.text }),
        }
    }

    /// What the package manager would bring now is no more than what was shown.
    fn is_as_shown(&self, command: &str) -> Result<(), Failure> {
        let now = packages::brought(&[command.to_owned()]);
        let end = match now.map(|now| now.into_iter().find(|name| !self.step.installs.contains(name))) {
            Ok(None) => return Ok(()),
            Ok(Some(name)) => format!("would bring {name} too, which was not shown: it was not done"),
            Err(why) => format!("was not done: {why}"),
        };
        Err(Failure { action: String::new(), end, output: String::new() })
    }

    /// What root's commands have made in somebody's folder, or put anew in the place of somebody's file, is that one's as before.
    fn give_to_their_owners(&self, changed: &mut States) {
        if !nix::unistd::geteuid().is_root() || self.hand != Hand::Own {
            return;
        }
        for (path, state) in changed.iter_mut() {
            let owner = match self.before.get(path).and_then(State::owner) {
                Some(owner) => owner,
                None => self.owner_of_new(path),
            };
            let wanted = state.clone().owned_by(owner);
            if state.owner() == Some((0, 0)) && self.hand.put(path, state, &wanted).is_ok() {
                *state = wanted;
            }
        }
    }

    fn edit(
        &mut self,
        action: usize,
        path: &str,
        edit: &gdoctor_checks::model::fix::Edit<String>,
    ) -> Result<(), Failure> {
        let failed = |end: String| Failure { action: String::new(), end, output: String::new() };
        let now = self.now.get(path).cloned().unwrap_or(State::Absent);
        let text = text_of(&now).ok_or_else(|| failed(format!("{path} is no file of text")))?;
        let bytes = edited(&text, edit).map_err(|why| failed(format!("{path} {why}")))?.into_bytes();
        let after = match &now {
            State::File { uid, gid, mode, access, label, .. } => {
                let (access, label) = (access.clone(), label.clone());
                State::File { bytes, uid: *uid, gid: *gid, mode: *mode, access, label }
            }
            _ => {
                let (uid, gid) = self.owner_of_new(path);
                State::File { bytes, uid, gid, mode: NEW_FILE, access: Vec::new(), label: Vec::new() }
            }
        };
        let states = States::from([(path.to_owned(), after.clone())]);
        self.note(&Record::Doing { action, after: states.clone() })?;
        if let Err(why) = self.hand.put(path, &now, &after) {
            // It was not put: what the journal foretold is not so.
            let changed = States::from([(path.to_owned(), now)]);
            let _ = self.note(&Record::Did { action, end: why.clone(), changed });
            return Err(failed(why));
        }
        self.now.extend(states.clone());
        self.note(&Record::Did { action, end: words(&End::Exited(0)), changed: states })
    }

    /// Whoever has the folder has what is made there.
    fn owner_of_new(&self, path: &str) -> (u32, u32) {
        let folder = Path::new(path).parent().map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
        match self.hand.look(&folder) {
            Ok(State::Folder { uid, gid, .. }) => (uid, gid),
            _ => (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()),
        }
    }

    /// A record that has to be on the disk before anybody goes on.
    fn note(&mut self, record: &Record) -> Result<(), Failure> {
        let failed = |end| Failure { action: String::new(), end, output: String::new() };
        journal::write(&mut self.ledger, record).map_err(failed)
    }

    fn changed(&self) -> Vec<String> {
        let differs = |(path, state): &(&String, &State)| self.before.get(*path) != Some(*state);
        self.now.iter().filter(differs).map(|(path, _)| path.clone()).collect()
    }
}

/// How a command ended.
pub fn words(end: &End) -> String {
    match end {
        End::Exited(code) => format!("ended with {code}"),
        End::Signalled(signal) => format!("was ended by signal {signal}"),
        End::TimedOut => format!("did not end within {} s and was ended", PATIENCE.as_secs()),
        End::TooMuch => "said more than anybody reads and was ended".into(),
        End::NotStarted(why) | End::NoRoom(why) => format!("could not be started: {why}"),
    }
}

/// Runs a line of a fix. systemd refuses a service that was started too often within a short time, by whomever: of what the line
/// starts the count is set back first.
pub fn ran(line: &str) -> Said {
    let started: Vec<String> = effects::starts(line).into_iter().filter(|unit| effects::is_plain(unit)).collect();
    if !started.is_empty() {
        let manager = if line.contains("systemctl --user") { "systemctl --user" } else { "sudo systemctl" };
        let forget = format!("[ ! -d /run/systemd/system ] || {manager} reset-failed {}", started.join(" "));
        shell::run(&forget, Deadline::after(PATIENCE));
    }
    shell::run(line, Deadline::after(PATIENCE))
}

//! Takes a fix back: the commands that its document tells, the packages that it brought, then byte by byte what still differs from
//! before, and nothing that somebody else has changed since.

use std::collections::BTreeSet;
use std::time::Duration;

use super::apply;
use super::effects;
use super::hand::Hand;
use super::journal::{self, Entry, Line, Record, States, Stood};
use super::packages;
use super::plan;
use crate::host::ledger::Shelf;
use crate::host::process::End;
use crate::host::state::State;
use crate::host::{Deadline, clock, shell};

/// What came of it.
#[derive(Debug, Default)]
pub struct TakenBack {
    /// Files that stand as before the fix.
    pub restored: Vec<String>,
    /// What was not given back, a sentence each.
    pub left: Vec<String>,
    /// Commands that did not end well, a sentence each.
    pub failed: Vec<String>,
    /// Services that do not run now, as they did not before the fix.
    pub down: Vec<String>,
}

/// The lines that taking a fix back runs. What did not run before the fix is stopped first and is not started; an engine that what is
/// given back would keep from its start is left running.
#[derive(Debug)]
pub struct Course {
    /// Why the document's lines are not all run, a sentence each.
    said: Vec<String>,
    stops: Vec<String>,
    commands: Vec<String>,
    /// In the place of commands, where there are none and files are given back.
    rereads: Vec<String>,
    /// Every line of the fix's.
    known: Vec<String>,
}

impl Course {
    pub fn of(entry: &Entry) -> Self {
        let own = || entry.undo.iter().filter_map(Line::command);
        let known: Vec<String> =
            entry.actions.iter().chain(&entry.rereads).cloned().chain(own().map(str::to_owned)).collect();
        let lines: Vec<&str> = known.iter().map(String::as_str).collect();
        let stops = effects::stopping(&lines, &entry.down);
        let mut said = Vec::new();
        if !stops.is_empty() {
            said.push(format!("before the fix these did not run, and they are stopped: {}", entry.down.join(", ")));
        }
        let mut stay = entry.down.clone();
        let ran = !entry.down.iter().any(|unit| effects::is_docker(unit));
        if ran && plan::keeps_from_start(&entry.code) {
            stay.extend(effects::DOCKER.map(str::to_owned));
            said.push("Docker is left running: with what is given back it would not start again".into());
        }
        let kept = |line: &str| effects::without_starts(line, &stay);
        let commands = own().filter(|line| !packages::installs(line)).filter_map(kept).collect();
        let rereads = entry.rereads.iter().filter_map(|line| kept(line)).collect();
        Self { said, stops, commands, rereads, known }
    }

    /// All that may be run, in its order.
    pub fn lines(&self) -> Vec<&str> {
        let then = if self.commands.is_empty() { &self.rereads } else { &self.commands };
        self.stops.iter().chain(then).map(String::as_str).collect()
    }

    fn known(&self) -> Vec<&str> {
        self.known.iter().map(String::as_str).collect()
    }
}

/// Err: nothing was begun.
pub fn undo(entry: &Entry, course: &Course, shelf: &Shelf, say: &mut dyn FnMut(&str)) -> Result<TakenBack, String> {
    if entry.stood == Stood::Undone {
        return Err(format!("{} was taken back already", entry.id));
    }
    let found = seen(entry)?;
    // Where gdoctor was ended midway nobody noted what the last command left; what stands there goes into the journal.
    let unnoted = entry.stood == Stood::MidwayBack || (entry.stood == Stood::Midway && entry.under_way.is_some());
    let is_others = |(path, state): &(&String, &State)| {
        !unnoted && entry.before.get(*path) != Some(*state) && entry.after.get(*path) != Some(*state)
    };
    let others: Vec<String> = found.iter().filter(is_others).map(|(path, _)| path.clone()).collect();
    let mut ledger = shelf.open(&entry.id)?;
    journal::write(&mut ledger, &Record::Undoing { at: clock::rfc3339(clock::unix_seconds()), found })?;

    let mut back = TakenBack::default();
    // What a fix that did not come to its end has left undone cannot be taken back.
    let has_to = [Stood::Ended, Stood::PartlyUndone].contains(&entry.stood) && entry.told.is_empty();
    if others.is_empty() {
        course.said.iter().for_each(|words| say(words));
    }
    let mut run_all = |lines: &[String], back: &mut TakenBack, has_to: bool| {
        lines.iter().for_each(|line| run(line, say, back, entry, has_to));
    };
    if others.is_empty() {
        run_all(&course.stops, &mut back, true);
        run_all(&course.commands, &mut back, has_to);
    } else if !(course.stops.is_empty() && course.commands.is_empty()) {
        let lines = [&course.stops[..], &course.commands[..]].concat().join("; ");
        back.left.push(format!("not run, since it could undo what others have changed: {lines}"));
    }
    back.left.extend(others.iter().map(|path| format!("{path} has been changed since the fix: it was left as it is")));
    match packages::taken_away(&entry.installs) {
        Ok(lines) => run_all(&lines, &mut back, true),
        Err(why) => back.left.push(why),
    }
    let sentences = || {
        entry.undo.iter().filter_map(|line| match line {
            Line::Sentence(text) => Some(text),
            Line::Command(_) => None,
        })
    };
    // Nobody is let in again: the files that keep them out stay too.
    let stays = sentences().any(|text| text.starts_with(NOT_ADVISED));
    let again = !stays && (!restore(entry, &others, &mut back) || !others.is_empty());
    run_all(&orphaned(entry), &mut back, true);
    if course.commands.is_empty() && !back.restored.is_empty() {
        run_all(&course.rereads, &mut back, has_to);
    }
    back.left
        .extend(sentences().filter(|text| ["Cannot ", NOT_ADVISED].iter().any(|word| text.starts_with(word))).cloned());
    back.down = effects::down(&course.known()).into_iter().filter(|unit| entry.down.contains(unit)).collect();
    let told = format!("{} given back", back.restored.len());
    journal::write(&mut ledger, &Record::Undone { told, left: back.left.clone(), again })?;
    Ok(back)
}

/// Of what lets somebody in, such as a socket that was open to all.
const NOT_ADVISED: &str = "Not advised: ";
/// Its group is root's again where the fix had made the one that it has.
const SOCKET: &str = "/run/docker.sock";

/// What gives a socket back to root whose group goes with the fix: its number would be the next group's.
fn orphaned(entry: &Entry) -> Vec<String> {
    let numbers = |state: Option<&State>| match state {
        Some(State::File { bytes, .. }) => String::from_utf8_lossy(bytes).lines().filter_map(gid).collect(),
        _ => BTreeSet::new(),
    };
    let before = numbers(entry.before.get(GROUPS));
    let now = entry.hand.look(GROUPS).ok();
    let gone = numbers(entry.after.get(GROUPS)).into_iter().filter(|gid| !before.contains(gid));
    let gone = gone.filter(|gid| !numbers(now.as_ref()).contains(gid));
    let owns = |gid: &u32| {
        let asked = format!("[ \"$(stat -c %g {SOCKET})\" = {gid} ]");
        shell::run(&asked, Deadline::after(PATIENCE)).end == End::Exited(0)
    };
    gone.filter(owns).map(|_| format!("sudo chgrp root {SOCKET}")).collect()
}

const GROUPS: &str = "/etc/group";
/// For a look at one file.
const PATIENCE: Duration = Duration::from_secs(10);

/// group(5): the third field.
fn gid(line: &str) -> Option<u32> {
    line.split(':').nth(2)?.parse().ok()
}

fn seen(entry: &Entry) -> Result<States, String> {
    let look = |path: &String| Ok((path.clone(), entry.hand.look(path)?));
    entry.before.keys().map(look).collect()
}

/// `has_to`: it is told where it does not end well. What does not start, and did not run before the fix, stands as before.
fn run(command: &str, say: &mut dyn FnMut(&str), back: &mut TakenBack, entry: &Entry, has_to: bool) {
    say(command);
    let said = apply::ran(command);
    if said.end == End::Exited(0) {
        return;
    }
    let down = effects::down(&[command]);
    let stands = !down.is_empty() && down.iter().all(|unit| entry.down.contains(unit));
    if has_to && !stands {
        let last = said.text.trim().lines().last().unwrap_or_default().to_owned();
        back.failed.push(format!("{command} {}: {last}", apply::words(&said.end)));
    }
}

/// What is to be gone goes from the inside out, what is to be there comes from the outside in, with the folder that it lay in.
/// False where something could not be given back.
fn restore(entry: &Entry, others: &[String], back: &mut TakenBack) -> bool {
    let mut whole = true;
    let own = || entry.before.iter().filter(|(path, _)| !others.contains(path));
    let gone = own().rev().filter(|(_, state)| **state == State::Absent);
    let there = own().filter(|(_, state)| **state != State::Absent);
    for (path, wanted) in gone.chain(there) {
        let folder = path.rsplit_once('/').and_then(|(folder, _)| entry.folders.get_key_value(folder));
        let folder = folder.filter(|_| *wanted != State::Absent);
        for (path, wanted) in folder.into_iter().chain([(path, wanted)]) {
            match given_back(entry.hand, path, wanted) {
                Ok(true) => back.restored.push(path.clone()),
                Ok(false) => {}
                // A folder in which others have put something by now.
                Err(why) => {
                    whole = false;
                    back.left.push(why);
                }
            }
        }
    }
    whole
}

/// True where something else stood there. A folder that is there is nobody's to change.
fn given_back(hand: Hand, path: &str, wanted: &State) -> Result<bool, String> {
    let now = hand.look(path)?;
    let is_there = |state: &State| matches!(state, State::Folder { .. });
    if now == *wanted || (is_there(&now) && is_there(wanted)) {
        return Ok(false);
    }
    hand.put(path, &now, wanted).map(|()| true)
}

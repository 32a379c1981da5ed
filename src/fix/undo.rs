//! Takes a fix back: the commands that its document tells, the packages that it brought, then byte by byte what still differs from
//! before, and nothing that somebody else has changed since.

use super::apply;
use super::effects;
use super::hand::Hand;
use super::journal::{self, Entry, Line, Record, States, Stood};
use super::packages;
use crate::host::clock;
use crate::host::ledger::Shelf;
use crate::host::process::End;
use crate::host::state::State;

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

/// Err: nothing was begun.
pub fn undo(entry: &Entry, shelf: &Shelf, say: &mut dyn FnMut(&str)) -> Result<TakenBack, String> {
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
    let commands: Vec<&str> =
        entry.undo.iter().filter_map(Line::command).filter(|line| !packages::installs(line)).collect();
    // What a fix that did not come to its end has left undone cannot be taken back.
    let has_to = [Stood::Ended, Stood::PartlyUndone].contains(&entry.stood) && entry.told.is_empty();
    if others.is_empty() {
        for command in &commands {
            run(command, say, &mut back, entry, has_to);
        }
    } else if !commands.is_empty() {
        back.left.push(format!("not run, since it could undo what others have changed: {}", commands.join("; ")));
    }
    back.left.extend(others.iter().map(|path| format!("{path} has been changed since the fix: it was left as it is")));
    match packages::taken_away(&entry.installs) {
        Ok(lines) => lines.iter().for_each(|line| run(line, say, &mut back, entry, true)),
        Err(why) => back.left.push(why),
    }
    let again = !restore(entry, &others, &mut back) || !others.is_empty();
    if commands.is_empty() && !back.restored.is_empty() {
        for command in &entry.rereads {
            run(command, say, &mut back, entry, has_to);
        }
    }
    let sentences = entry.undo.iter().filter_map(|line| match line {
        Line::Sentence(text) if ["Cannot ", "Not advised: "].iter().any(|word| text.starts_with(word)) => {
            Some(text.clone())
        }
        _ => None,
    });
    back.left.extend(sentences);
    let told = format!("{} given back", back.restored.len());
    journal::write(&mut ledger, &Record::Undone { told, left: back.left.clone(), again })?;
    Ok(back)
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
    if !down.is_empty() && down.iter().all(|unit| entry.down.contains(unit)) {
        back.down.extend(down);
        back.down.dedup();
    } else if has_to {
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

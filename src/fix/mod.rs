//! `gdoctor fix`: one cause at a time is shown, done where the user says so, looked at again, and can be taken back. What a fix is
//! and what it changes its document says; what the host shows is the checks' matter.

mod apply;
mod beaten;
mod difference;
mod draft;
mod edit;
mod effects;
mod foretold;
mod hand;
mod journal;
mod packages;
mod plan;
mod refusal;
mod show;
mod undo;

use std::cell::OnceCell;
use std::time::Duration;

use crate::explain::find::Finder;
use crate::explain::rank;
use crate::host::ledger::Shelf;
use crate::host::shell::{self, Sudo};
use crate::host::{Deadline, Host};
use crate::policy::Status;
use crate::report::{Gate, Outcome, Report};

use apply::{Applied, Failure};
use hand::Hand;
pub use hand::answer;
use journal::Entry;
pub use plan::{Step, steps};
pub use show::{Back, Document, Result as StepResult, journal_text, step_text};

/// A restarted engine answers a moment later: it is looked again until then.
const SETTLES: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(500);
/// The check that tells whether dockerd answers.
const ENGINE: &str = "docker-engine";
const STARTING: &str = "docker-engine/still-starting";

/// One look: what is told, and what could be done about it.
pub struct Look {
    pub report: Report,
    pub steps: Vec<Step>,
}

/// What the user wants done with a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Do,
    Skip,
    Stop,
}

/// What is heard of a run of `fix`.
pub trait Listener {
    /// Whether this step is to be done. `number` counts from 1.
    fn wanted(&mut self, step: &Step, number: usize) -> Wanted;
    /// This is done now.
    fn doing(&mut self, words: &str);
    fn result(&mut self, step: &Step, result: &StepResult);
}

/// Goes through the causes until nobody wants another one done. `look` looks at the host; None: it refused, and has said why.
pub fn go_through(
    host: &Host,
    look: &mut dyn FnMut() -> Option<Look>,
    listener: &mut dyn Listener,
) -> Option<(Look, Vec<(Step, StepResult)>)> {
    let mut done: Vec<(Step, StepResult)> = Vec::new();
    let mut answered: Vec<plan::Cause> = Vec::new();
    let mut seen = started(look)?;
    let mut number = 0;
    loop {
        let is_new = |step: &&Step| !step.causes.iter().all(|cause| is_among(cause, &answered));
        let Some(step) = seen.steps.iter().find(is_new).cloned() else { break };
        number += 1;
        answered.extend(step.causes.iter().cloned());
        match listener.wanted(&step, number) {
            Wanted::Skip => continue,
            Wanted::Stop => break,
            Wanted::Do => {}
        }
        let result = match do_it(&step, host, listener) {
            Err(failed) => {
                seen = look()?;
                failed.with_told(still_told(&step, &seen.report))
            }
            Ok((id, changed)) => StepResult::done(id, changed, settled(&step, &mut seen, look)?),
        };
        listener.result(&step, &result);
        done.push((step, result));
    }
    Some((seen, done))
}

/// An engine that systemd is starting just now comes up, or says why it does not: before that nothing is decided.
fn started(look: &mut dyn FnMut() -> Option<Look>) -> Option<Look> {
    let until = Deadline::after(SETTLES);
    loop {
        let seen = look()?;
        if until.left().is_zero() || !seen.report.results.iter().any(|outcome| outcome.code == STARTING) {
            return Some(seen);
        }
        std::thread::sleep(PAUSE);
    }
}

fn is_among(cause: &plan::Cause, causes: &[plan::Cause]) -> bool {
    causes.iter().any(|one| one.code == cause.code && one.subject == cause.subject)
}

/// Err has what failed. Ok: the journal's name of it, and the files that it changed.
fn do_it(step: &Step, host: &Host, listener: &mut dyn Listener) -> Result<(String, Vec<String>), Box<StepResult>> {
    let hand = hand(step.needs_root)?;
    let folder = journal::folder(host).ok_or_else(|| StepResult::refused("there is no home to keep the journal in"))?;
    let shelf = Shelf::to_write(&folder).map_err(|why| StepResult::refused(&format!("nothing was begun: {why}")))?;
    match apply::apply(step, &shelf, hand, &mut |action| listener.doing(&action.words())) {
        Applied::Done { id, changed } => Ok((id, changed)),
        Applied::Failed { id, changed, failure } => {
            Err(StepResult::failed(id, changed, &failure, explained(&failure)).into())
        }
    }
}

/// Who reaches root's files.
fn hand(needs_root: bool) -> Result<Hand, Box<StepResult>> {
    match if needs_root { shell::sudo() } else { Sudo::NotNeeded } {
        Sudo::NotNeeded => Ok(Hand::Own),
        Sudo::There if shell::may_sudo() => Ok(Hand::BySudo),
        Sudo::There => Err(StepResult::refused("nothing was begun: sudo does not let this user through").into()),
        Sudo::Missing => Err(StepResult::refused("nothing was begun: it needs root, and there is no sudo here").into()),
    }
}

/// What the output of a failed command means, in a sentence.
fn explained(failure: &Failure) -> Option<String> {
    let found = Finder::new().search(failure.output.as_bytes());
    rank::rank(found.found, None).first().map(|answer| answer.found.entry.name())
}

/// Looks again, and what of the step's checks is told then: nothing where it is mended.
fn settled(step: &Step, seen: &mut Look, look: &mut dyn FnMut() -> Option<Look>) -> Option<Vec<String>> {
    let until = Deadline::after(SETTLES);
    // A command may come back before what it starts answers.
    let lines: Vec<String> = step.actions.iter().map(plan::Action::words).collect();
    let starts =
        lines.iter().any(|line| [" start", "restart", "reload", "-HUP"].iter().any(|word| line.contains(word)));
    let starts_docker = lines.iter().flat_map(|line| effects::starts(line)).any(|unit| effects::is_docker(&unit));
    let is_down = |outcome: &Outcome| outcome.id == ENGINE && outcome.status == Status::Fail;
    // What is told by another name is so by what was done: no later look tells less of it.
    let is_as_before = |outcome: &Outcome| {
        outcome.cause.is_some() || outcome.id == ENGINE || step.causes.iter().any(|cause| cause.code == outcome.code)
    };
    loop {
        *seen = look()?;
        let told = still_told(step, &seen.report);
        let may_pass = left_of(step, &seen.report).any(is_as_before);
        // Until dockerd is up, what is told of it are the words of an earlier start.
        let comes_up = starts_docker && seen.report.results.iter().any(is_down);
        if (!may_pass && !comes_up) || !starts || until.left().is_zero() {
            return Some(told);
        }
        std::thread::sleep(PAUSE);
    }
}

/// What the step's checks have to tell of the same thing. What waits for another check is not mended yet.
fn still_told(step: &Step, report: &Report) -> Vec<String> {
    let words = |outcome: &Outcome| format!("{} {}: {}", outcome.status.word(), outcome.code, outcome.summary);
    left_of(step, report).map(words).collect()
}

fn left_of<'a>(step: &'a Step, report: &'a Report) -> impl Iterator<Item = &'a Outcome> {
    let of_step = |outcome: &&Outcome| {
        let same = |cause: &plan::Cause| {
            let about = outcome.subject.is_empty() || cause.subject == outcome.subject;
            about && cause.code.split('/').next() == Some(outcome.id)
        };
        !matches!(outcome.status, Status::Pass | Status::Skip) && step.causes.iter().any(same)
    };
    report.results.iter().filter(of_step)
}

/// The journal of this user, for reading.
pub fn entries(host: &Host) -> Vec<Entry> {
    let shelf = journal::folder(host).and_then(|folder| Shelf::to_read(&folder));
    shelf.map(|shelf| journal::entries(&shelf)).unwrap_or_default()
}

/// Takes back the fixes of these names in the journal, separated by commas, the newest first; without a name the last that was not
/// taken back. Err: nothing was begun.
pub fn take_back(host: &Host, names: &str, say: &mut dyn FnMut(&str)) -> Result<Vec<show::Back>, String> {
    let none = || "the journal of this user has no fix that can be taken back".to_owned();
    let folder = journal::folder(host).ok_or_else(none)?;
    if Shelf::to_read(&folder).is_none() {
        return Err(none());
    }
    let shelf = Shelf::to_write(&folder)?;
    let mut entries = journal::entries(&shelf);
    let chosen: Vec<usize> = match names {
        "last" => {
            let last = entries.iter().rposition(|entry| !entry.stood.is_back());
            vec![last.ok_or_else(none)?]
        }
        names => {
            let of = |name: &str| {
                let found = entries.iter().position(|entry| entry.id == name);
                found.ok_or_else(|| format!("the journal has no fix {name}"))
            };
            let mut chosen = names.split(',').map(of).collect::<Result<Vec<_>, _>>()?;
            chosen.sort_unstable();
            chosen.dedup();
            chosen.into_iter().rev().collect()
        }
    };
    for index in &chosen {
        is_free(&entries, *index, &chosen)?;
    }
    if chosen.iter().any(|index| entries[*index].hand == Hand::BySudo) {
        hand(true).map_err(|refused| refused.words().trim().to_owned())?;
    }
    let mut say = |words: &str| say(&Gate::default().text(words));
    let mut all = Vec::new();
    for index in chosen {
        let entry = entries.remove(index);
        let engine = OnceCell::new();
        let course = undo::Course::of(&entry);
        let effects = effects::of(&course.lines(), host, || engine.get_or_init(|| effects::Engine::asked(host)));
        for (what, names) in [("stop", effects.stops), ("lose the GPUs of NVIDIA's hook", effects.lose_gpus)] {
            if !names.is_empty() {
                say(&format!("containers that {what}: {}", names.join(", ")));
            }
        }
        effects.untold.iter().for_each(|words| say(words));
        let back = match undo::undo(&entry, &course, &shelf, &mut say) {
            Ok(back) => back,
            // Those before it were taken back, and are told.
            Err(why) if !all.is_empty() => undo::TakenBack { left: vec![why], ..Default::default() },
            Err(why) => return Err(why),
        };
        all.push(show::Back::new(entry, back));
    }
    Ok(all)
}

/// What a later fix has written besides is that one's: it has to go first.
fn is_free(entries: &[Entry], index: usize, chosen: &[usize]) -> Result<(), String> {
    let own = &entries[index];
    let later = (index + 1..entries.len()).filter(|later| !chosen.contains(later)).map(|later| &entries[later]);
    for later in later.filter(|later| !later.stood.is_back()) {
        let changes = |entry: &Entry, path: &String| entry.before.get(path) != entry.after.get(path);
        if let Some(path) = own.before.keys().find(|path| changes(own, path) && changes(later, path)) {
            return Err(format!(
                "{path} was changed by the later fix {} too: both are taken back by gdoctor fix --undo {},{}",
                later.id, own.id, later.id
            ));
        }
    }
    Ok(())
}

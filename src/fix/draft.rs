//! Makes a step of a cause and its fix on this host: which lines are run, which edits stand in for an editor, what is written, and
//! how that looks as a patch.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::Path;

use gdoctor_checks::model::fix::Edit;

use super::beaten;
use super::difference::difference;
use super::edit::{self, edited};
use super::effects::{self, Engine};
use super::foretold::foretold;
use super::journal::States;
use super::packages;
use super::plan::{Action, Cause, Difference, Step};
use super::refusal::{self, is_for_the_users_shell, is_left_to_edits, opens_an_editor};
use crate::host::below;
use crate::host::shell::Sudo;
use crate::host::state::{self, State};
use crate::host::{Host, trust};
use crate::report::{FixWords, Gate};

/// What all steps of one look are made with.
pub struct Draft<'a> {
    host: &'a Host,
    sudo: Sudo,
    user: String,
    engine: OnceCell<Engine>,
}

impl<'a> Draft<'a> {
    pub fn new(host: &'a Host, sudo: Sudo) -> Self {
        let user = trust::user_name(nix::unistd::geteuid().as_raw());
        Self { host, sudo, user, engine: OnceCell::new() }
    }

    pub fn step(&self, cause: Cause, fix: &FixWords) -> Step {
        let mut seen = States::new();
        let (actions, in_your_shell, wrong) = self.actions(fix, &mut seen);
        let (writes, nowhere) = self.writes(fix);
        for path in &writes {
            if let Ok(state) = state::look(Path::new(path)) {
                seen.insert(path.clone(), state);
            }
        }
        let lines: Vec<&str> = fix.commands.iter().map(String::as_str).collect();
        let effects = effects::of(&lines, self.host, || self.engine.get_or_init(|| Engine::asked(self.host)));
        let beaten = || self.beaten(&lines);
        let why_not = refusal::of(fix, &actions, &writes, self.sudo).or(wrong).or(nowhere).or_else(beaten);
        // apt is asked only where all else speaks for it.
        let is_asked = why_not.is_none() && fix.touches.as_ref().is_some_and(|touches| touches.packages);
        let (installs, unknown) = match is_asked.then(|| packages::brought(&fix.commands)) {
            None => (Vec::new(), None),
            // What is missing all the same no package manager brings again.
            Some(Ok(installs)) if installs.is_empty() => (installs, Some(INSTALLED.to_owned())),
            Some(Ok(installs)) => (installs, None),
            Some(Err(why)) => (Vec::new(), Some(why)),
        };
        let why_not = why_not.or(unknown).unwrap_or_default();
        Step {
            causes: vec![cause],
            title: fix.title.clone(),
            risks: fix.risks.clone(),
            needs_root: fix.needs_root,
            services: effects.services,
            stops: effects.stops,
            may_lose_gpus: effects.lose_gpus,
            notes: effects.untold.into_iter().chain(fix.notes.iter().cloned()).collect(),
            undo: fix.undo.clone(),
            page: fix.page.clone(),
            offered: why_not.is_empty(),
            why_not,
            actions,
            writes,
            installs,
            in_your_shell,
            seen,
        }
    }

    /// Why what these lines write would not decide.
    fn beaten(&self, lines: &[&str]) -> Option<String> {
        lines.iter().flat_map(|line| foretold(line)).find_map(|(path, change)| {
            let before = text_of(&state::look(Path::new(&path)).ok()?)?;
            beaten::of(self.host, &path, &change.of(&before))
        })
    }

    /// Every path that is written, links and missing folders included, and why there is none where that is so.
    fn writes(&self, fix: &FixWords) -> (Vec<String>, Option<String>) {
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
        // Whose owner changes with all that is in it.
        let recursive = fix.commands.iter().any(|line| line.contains("chown -R "));
        let folders = writes.iter().filter(|path| recursive && below::is_folder(Path::new(path)));
        let below: Result<Vec<Vec<String>>, String> = folders.map(|folder| below::of(Path::new(folder))).collect();
        match below {
            Ok(below) => writes.extend(below.concat()),
            Err(why) => return (writes.into_iter().collect(), nowhere.or(Some(why))),
        }
        (writes.into_iter().collect(), nowhere)
    }

    /// What is done in the fix's order, what the user's shell alone can do, and what keeps an edit from being made.
    fn actions(&self, fix: &FixWords, seen: &mut States) -> (Vec<Action>, Vec<String>, Option<String>) {
        let as_user = |root: bool| if root { "root".to_owned() } else { self.user.clone() };
        let mut edits = fix.touches.iter().flat_map(|touches| touches.edits.iter()).peekable();
        let has_edits = edits.peek().is_some();
        let mut wrong = None;
        let (mut actions, mut own) = (Vec::new(), Vec::new());
        for line in &fix.commands {
            if has_edits && is_left_to_edits(line) {
                for edit in edits.by_ref() {
                    match self.edit(edit, as_user(fix.needs_root), seen) {
                        Ok(action) => actions.push(action),
                        Err(why) => {
                            wrong = wrong.or(Some(why));
                            actions.push(run(line, as_user(fix.needs_root)));
                        }
                    }
                }
            } else if is_for_the_users_shell(line) {
                own.push(line.clone());
            } else {
                let root = line.contains("sudo") && (opens_an_editor(line) || line.contains("sudo "));
                actions.push(run(line, as_user(root)));
            }
        }
        (actions, own, wrong)
    }

    fn edit(&self, edit: &Edit<String>, as_user: String, seen: &mut States) -> Result<Action, String> {
        let path = self.whole(&edit.path).ok_or(format!("{} names no file here", edit.path))?;
        let path = with_links(path).pop().unwrap_or_default();
        if let Some(why) = refusal::of_a_package(&path) {
            return Err(why);
        }
        let gate = Gate::default();
        let difference = match state::look(Path::new(&path)) {
            Ok(state) => {
                let before = text_of(&state).ok_or(format!("{path} is no file of text"))?;
                let after = edited(&before, edit).map_err(|why| format!("{path} {why}"))?;
                refusal::of_new_hosts(&before, &after)?;
                if path == "/etc/docker/daemon.json" {
                    refusal::of_command(self.host, &before, &after)?;
                }
                seen.insert(path.clone(), state);
                difference(&before, &after).iter().map(|line| gate.text(line)).collect()
            }
            // Who is not root may not read each file; what else there is to say of it `unwritable` says.
            Err(_) => Vec::new(),
        };
        let edit = Edit { path: path.clone(), ..edit.clone() };
        Ok(Action::Edit { path, change: edit::words(&edit), as_user, difference, edit })
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
}

const INSTALLED: &str =
    "its packages are installed already, and something of them is missing or broken: `--reinstall` brings files again";

fn run(line: &str, as_user: String) -> Action {
    let gate = Gate::default();
    let of = |(path, change): (String, super::foretold::Change)| {
        let before = text_of(&state::look(Path::new(&path)).ok()?)?;
        let lines = difference(&before, &change.of(&before));
        let lines: Vec<String> = lines.iter().map(|line| gate.text(line)).collect();
        (!lines.is_empty()).then_some(Difference { path, lines })
    };
    let differences = foretold(line).into_iter().filter_map(of).collect();
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

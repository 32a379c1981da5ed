//! Probes at work, each in a thread of its own: who has come, who is still out, and who is given up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gdoctor_checks::model::fact::Gap;
use gdoctor_checks::model::facts::{Facts, Group};
use gdoctor_checks::model::need::Need;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Times, Watch};
use crate::host::child::unknown_group;
use crate::host::{Deadline, Host, threads};

/// A little more than a probe's own deadline: it ends by itself unless a file system or a driver holds it.
const GRACE: Duration = Duration::from_millis(250);

/// Puts a group's facts in their place.
type Put = Box<dyn FnOnce(&mut Facts) + Send>;

type GiveUp = Box<dyn FnOnce(&mut Facts, Gap)>;

struct Answer {
    group: Group,
    /// `None` after a panic.
    put: Option<Put>,
    took: Duration,
}

/// A group that has not come yet.
struct Out {
    group: Group,
    until: Deadline,
    /// Makes all its facts unknown.
    give_up: GiveUp,
}

pub struct Crew<'a> {
    /// Groups that are sent later.
    later: Vec<Group>,
    out: Vec<Out>,
    sender: mpsc::Sender<Answer>,
    answers: mpsc::Receiver<Answer>,
    facts: Facts,
    times: Times,
    watch: &'a dyn Watch,
}

impl<'a> Crew<'a> {
    /// `later` are the groups that will be sent when others have come.
    pub fn new(watch: &'a dyn Watch, later: Vec<Group>) -> Self {
        let (sender, answers) = mpsc::channel();
        let (facts, times) = (Facts::default(), Times::new());
        Self { later, out: Vec::new(), sender, answers, facts, times, watch }
    }

    /// Sends a probe out, whose facts belong where `place` says.
    pub fn send<T, P>(&mut self, group: Group, host: &Host, need: &Need, place: fn(&mut Facts) -> &mut T, probe: P)
    where
        T: Default + Serialize + DeserializeOwned + Send + 'static,
        P: FnOnce(&Host, &Need) -> T + Send + 'static,
    {
        let (sender, host, need) = (self.sender.clone(), host.clone(), need.clone());
        self.out.push(Out {
            group,
            until: host.deadline,
            give_up: Box::new(move |facts, gap| *place(facts) = unknown_group(gap, group.name())),
        });
        self.later.retain(|name| *name != group);
        self.watch.sent(group);
        let started = threads::spawn(move || {
            let started = Instant::now();
            let found = catch_unwind(AssertUnwindSafe(|| probe(&host, &need)));
            let put = found.ok().map(|found| -> Put { Box::new(move |facts| *place(facts) = found) });
            // Nobody listens any more to a probe that was given up.
            let _ = sender.send(Answer { group, put, took: started.elapsed() });
        });
        if let Err(why) = started
            && let Some(out) = self.take(|out| out.group == group)
        {
            (out.give_up)(&mut self.facts, Gap::NoRoom(why.to_string()));
            self.came(group);
        }
    }

    /// What has come so far.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Until each of these has come or is given up.
    pub fn wait_for(&mut self, groups: &[Group]) {
        while self.out.iter().any(|out| groups.contains(&out.group)) {
            self.wait();
        }
    }

    pub fn wait_for_all(&mut self) {
        while !self.out.is_empty() {
            self.wait();
        }
    }

    pub fn end(mut self) -> (Facts, Times) {
        self.wait_for_all();
        (self.facts, self.times)
    }

    /// Until one has come, or the time of one is up.
    fn wait(&mut self) {
        let left = self.out.iter().map(|out| out.until.left()).min().unwrap_or_default();
        match self.answers.recv_timeout(left + GRACE) {
            Ok(answer) => {
                // One that was given up comes too late: its facts are told already.
                let Some(out) = self.take(|out| out.group == answer.group) else { return };
                self.times.insert(answer.group, answer.took);
                match answer.put {
                    Some(put) => put(&mut self.facts),
                    None => (out.give_up)(&mut self.facts, Gap::Bug(format!("probe {} panicked", out.group.name()))),
                }
                self.came(answer.group);
            }
            Err(_) => {
                while let Some(out) = self.take(|out| out.until.left().is_zero()) {
                    (out.give_up)(&mut self.facts, Gap::TimedOut);
                    self.came(out.group);
                }
            }
        }
    }

    fn take(&mut self, which: impl Fn(&Out) -> bool) -> Option<Out> {
        let at = self.out.iter().position(which)?;
        Some(self.out.remove(at))
    }

    fn came(&self, group: Group) {
        let open: Vec<Group> = self.out.iter().map(|out| out.group).chain(self.later.iter().copied()).collect();
        self.watch.came(group, &self.facts, &open);
    }
}

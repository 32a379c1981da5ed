//! While the probes are out: a line for each that is slow, and of each family whose facts are all there what its checks say.
//! On a terminal alone, on standard error, and wiped before the report is written.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gdoctor_checks::FAMILIES;
use gdoctor_checks::model::check::{Check, Family};
use gdoctor_checks::model::facts::{Facts, Group};
use gdoctor_checks::model::need::Need;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::host::{ending, threads};
use crate::judge;
use crate::policy::{FailOn, Status};
use crate::probe::{Times, Watch};
use crate::render::status;
use crate::report::{self, Frame};

/// A probe that is out for longer than this is slow; a run without one shows nothing.
const SLOW: Duration = Duration::from_millis(300);
const TICK: Duration = Duration::from_millis(100);

/// What is shown while a run lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    Nothing,
    /// What is still being asked.
    Probes,
    /// That, and the first verdicts.
    Verdicts,
}

pub struct Live<'a> {
    screen: Option<Screen>,
    show: Show,
    need: &'a Need,
    selected: &'a dyn Fn(&Check) -> bool,
}

impl<'a> Live<'a> {
    pub fn new(show: Show, need: &'a Need, selected: &'a dyn Fn(&Check) -> bool) -> Self {
        let screen = (show != Show::Nothing).then(Screen::new).flatten();
        Self { screen, show, need, selected }
    }

    /// What a family's checks say, on one line: all their facts are there, so the report will say the same.
    fn verdict(&self, family: &Family, facts: &Facts) -> Option<String> {
        let selects = |check: &Check| check.family.name == family.name && (self.selected)(check);
        let judged = judge::judge_all(facts, self.need, selects);
        let frame = Frame {
            report_id: String::new(),
            generated_at: String::new(),
            took: Duration::ZERO,
            probe_times: Times::new(),
        };
        let report = report::write(facts, self.need, &judged, FailOn::Fail, frame);
        let told = [
            (Status::Fail, "failed"),
            (Status::Warn, "warned"),
            (Status::Unknown, "unknown"),
            (Status::Pass, "passed"),
        ];
        let counts: Vec<String> = told
            .iter()
            .map(|(status, word)| (report.count(status.word()), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        let first = status::by_weight(&report).into_iter().next()?;
        match status::shown(first) {
            Status::Skip => None,
            Status::Pass | Status::Unknown => Some(counts.join(", ")),
            Status::Fail | Status::Warn => {
                Some(format!("{}: {}: {}", counts.join(", "), status::name(first), first.summary))
            }
        }
    }
}

impl Watch for Live<'_> {
    fn sent(&self, group: Group) {
        self.screen.iter().for_each(|screen| screen.tell(Event::Sent(group)));
    }

    fn came(&self, group: Group, facts: &Facts, open: &[Group]) {
        let Some(screen) = &self.screen else { return };
        screen.tell(Event::Came(group));
        if self.show != Show::Verdicts {
            return;
        }
        for family in FAMILIES {
            // The one that comes last completes a family.
            let complete = family.reads.contains(&group) && !family.reads.iter().any(|group| open.contains(group));
            if complete && let Some(line) = self.verdict(family, facts) {
                screen.tell(Event::Judged(family.name, line));
            }
        }
    }
}

enum Event {
    Sent(Group),
    Came(Group),
    Judged(&'static str, String),
}

/// The lines on the terminal, in the hands of a thread of their own. They go when this is dropped.
struct Screen {
    events: Option<mpsc::Sender<Event>>,
    thread: Option<JoinHandle<()>>,
}

impl Screen {
    /// `None` when there is no thread to be had.
    fn new() -> Option<Self> {
        let (events, receiver) = mpsc::channel();
        let thread = threads::spawn(move || Rows::default().show(&receiver)).ok()?;
        Some(Self { events: Some(events), thread: Some(thread) })
    }

    fn tell(&self, event: Event) {
        if let Some(events) = &self.events {
            let _ = events.send(event);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.events = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A probe that is out.
struct Row {
    group: Group,
    since: Instant,
    bar: Option<ProgressBar>,
}

struct Rows {
    lines: MultiProgress,
    started: Instant,
    out: Vec<Row>,
    /// Verdicts that are shown, in the order they came.
    told: usize,
    /// Verdicts that came before anything was slow.
    kept: Vec<String>,
}

impl Default for Rows {
    fn default() -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self { lines, started: Instant::now(), out: Vec::new(), told: 0, kept: Vec::new() }
    }
}

impl Rows {
    fn show(mut self, events: &mpsc::Receiver<Event>) {
        let lines = self.lines.clone();
        ending::on_screen(Some(Box::new(move || {
            let _ = lines.clear();
            lines.set_draw_target(ProgressDrawTarget::hidden());
        })));
        loop {
            match events.recv_timeout(TICK) {
                Ok(event) => self.take(event),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
            if self.started.elapsed() >= SLOW {
                self.draw();
            }
        }
        ending::on_screen(None);
        let _ = self.lines.clear();
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Sent(group) => self.out.push(Row { group, since: Instant::now(), bar: None }),
            Event::Came(group) => {
                self.out.retain(|row| {
                    row.group != group
                        || row.bar.as_ref().is_some_and(|bar| {
                            bar.finish_and_clear();
                            false
                        })
                });
            }
            Event::Judged(family, line) => self.kept.push(format!("{family:<10} {line}")),
        }
    }

    fn draw(&mut self) {
        for line in self.kept.drain(..) {
            let bar = self.lines.insert(self.told, ProgressBar::new_spinner());
            self.told += 1;
            bar.set_style(style("  {wide_msg}"));
            bar.finish_with_message(line);
        }
        for row in self.out.iter_mut().filter(|row| row.since.elapsed() >= SLOW) {
            let bar = row.bar.get_or_insert_with(|| {
                let bar = ProgressBar::new_spinner().with_elapsed(row.since.elapsed());
                bar.set_style(style("{spinner} {msg} {elapsed}").tick_chars("-\\|/ "));
                bar.set_message(format!("{:<10} still looking", row.group.name()));
                self.lines.add(bar)
            });
            bar.tick();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

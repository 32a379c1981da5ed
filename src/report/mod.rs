//! The report: the one document that every format is made from. Everything in it is harmless: no control character and no
//! secret gets past this folder.

mod again;
mod alike;
mod changes;
mod doc;
mod families;
mod fitted;
mod gate;
mod length;
mod line;
mod refusal;
mod remedy;
mod shown;
pub mod start;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use gdoctor_checks::model::fix::Step;
use gdoctor_checks::model::newest;
use serde::Serialize;

use crate::drawn::{Gauge, Picture};
use crate::need::{ProjectFile, Waiver};
use crate::policy::{self, FailOn, Status};
pub use again::placed;
pub use start::Starts;

pub use doc::{Known, PLACES, find_fix, general, general_words, has_holes, is_open, parse, places};
pub use families::FamilyWords;
pub use fitted::ANEW_BY_SCRIPT;
pub use gate::{Gate, harmless};
pub use line::{Change, ComposeWords, FileChange, RunLineWords};
pub use refusal::Refused;
pub use remedy::{CHECK_IT, FixWords, Touches, UNDO, headed};
pub use words::{CORRECTED, OUT_OF_SIGHT, ROOT_FOR_ALL, YOUR_OWN, general_fix, title_of, write, write_through};

/// `$id` of `docs/gdoctor-report-1.json`, which `gdoctor schema` prints.
pub const SCHEMA: &str = "https://gdoctor.dev/schema/gdoctor-report-1.json";
const SCHEMA_VERSION: &str = "1.8";

/// The one document that every format is made from. Field names are those of the published schema.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    #[serde(rename = "$schema")]
    pub schema: &'static str,
    pub format: &'static str,
    pub schema_version: &'static str,
    pub report_id: String,
    pub generated_at: String,
    pub tool: Tool,
    pub host: HostSummary,
    /// What `--label` put on it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The gdoctor.toml that there is for this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub need_file: Option<NeedFile>,
    /// A line a family: what its checks say in a few words.
    pub families: Vec<FamilyWords>,
    #[serde(serialize_with = "counted")]
    pub results: Vec<Outcome>,
    /// The line that was judged, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_line: Option<RunLineWords>,
    /// The other lines of the same text that start a container, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more_run_lines: Vec<RunLineWords>,
    /// What would have to change in the compose file, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compose: Option<ComposeWords>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gauges: Vec<Gauge>,
    /// Never in a report that is shared.
    #[serde(skip)]
    pub pictures: Vec<Picture>,
    /// The command that asked for it, to be typed again; empty where none did or it may not leave.
    #[serde(skip)]
    pub command: String,
    /// The same without what selects checks.
    #[serde(skip)]
    pub unselected: String,
    pub summary: BTreeMap<&'static str, usize>,
    pub exit_code: u8,
    pub duration_ms: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    pub name: &'static str,
    pub version: &'static str,
    pub knowledge: Knowledge,
}

/// How far gdoctor's knowledge goes.
#[derive(Clone, Debug, Serialize)]
pub struct Knowledge {
    /// When its sources were last read.
    pub day: &'static str,
    pub engine: &'static str,
    pub toolkit: &'static str,
    pub driver: &'static str,
    pub cuda: &'static str,
}

impl Tool {
    pub fn this() -> Self {
        let knowledge = Knowledge {
            day: newest::DAY,
            engine: newest::ENGINE,
            toolkit: newest::TOOLKIT,
            driver: newest::DRIVER,
            cuda: newest::CUDA,
        };
        Self { name: "gdoctor", version: env!("CARGO_PKG_VERSION"), knowledge }
    }
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct HostSummary {
    pub system: String,
    pub kernel: String,
    pub machine: String,
    /// NVIDIA's, as it is loaded; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// NVIDIA Container Toolkit's version; empty where there is none, or nobody has asked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub toolkit: String,
    /// The engine that answers; empty where none does.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub docker: String,
}

/// Which gdoctor.toml says what is needed.
#[derive(Clone, Debug, Serialize)]
pub struct NeedFile {
    pub path: String,
    /// False: nothing of it counts, for the reason that `why` tells.
    pub used: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

impl NeedFile {
    pub fn new(file: &ProjectFile, gate: Gate) -> Self {
        let why = file.left.as_deref().map(|why| gate.text(why)).unwrap_or_default();
        Self { path: gate.text(&file.path), used: file.left.is_none(), why }
    }

    /// One sentence.
    pub fn words(&self) -> String {
        self.left_words().unwrap_or_else(|| format!("{} says what is needed.", self.path))
    }

    /// The same, of a file that does not count.
    pub fn left_words(&self) -> Option<String> {
        let words = || match self.why.contains("(os error") {
            true => format!("{} is not used: {}.", self.path, self.why),
            false => format!("{0} is not used: {1}. --need {0} uses it all the same.", self.path, self.why),
        };
        (!self.used).then(words)
    }
}

/// One finding in words.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The check: `docker-access`.
    pub id: &'static str,
    pub group: &'static str,
    pub title: &'static str,
    pub status: Status,
    /// `docker-access/not-in-group`; what `gdoctor explain` takes.
    pub code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// What was observed, one sentence.
    pub summary: String,
    /// The same in a few words, for the line of its family; may be empty.
    #[serde(skip)]
    pub short: String,
    /// The likely cause and what follows from it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<Asker>,
    /// False when only the guide suggests it.
    pub required: bool,
    pub evidence: Vec<Seen>,
    /// The file with what the camera showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    pub fixes: Vec<FixWords>,
    /// Commands that find out what could not be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub find_out: Vec<String>,
    pub docs: Vec<String>,
    /// The check that has to be mended first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The same in words: `waits until the Docker daemon answers`. Empty where it waits for nothing.
    #[serde(skip)]
    pub waits: String,
    /// The project lives with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiver: Option<WaiverWords>,
    pub duration_ms: u64,
    /// `gdoctor explain` takes its code, with these flags; `None` where it does not: an own check of another machine.
    #[serde(skip)]
    pub explained: Option<String>,
    /// As many findings are told by this one.
    #[serde(skip_serializing_if = "is_one")]
    pub stands_for: usize,
}

/// A result with the word under which the summary counts it.
#[derive(Serialize)]
struct Counted<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    state: &'static str,
}

fn counted<S: serde::Serializer>(results: &[Outcome], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(results.iter().map(|outcome| Counted { outcome, state: outcome.counted_as() }))
}

fn is_one(number: &usize) -> bool {
    *number == 1
}

impl Outcome {
    /// What was observed, and of what where the sentence does not name it.
    pub fn told(&self) -> String {
        match self.subject.is_empty() || self.summary.contains(&self.subject) {
            true => self.summary.clone(),
            false => format!("{}: {}", self.subject, self.summary),
        }
    }

    /// The project lives with it today: it keeps its status and decides nothing.
    pub fn is_waived(&self) -> bool {
        self.waiver.as_ref().is_some_and(|waiver| !waiver.expired)
    }

    /// Unknown because another system's files were looked at, and not that system.
    pub fn is_of_root(&self) -> bool {
        let of_root = ["this root", "another root", "--root names"].iter().any(|words| self.summary.contains(words));
        self.status == Status::Unknown && of_root
    }

    /// It waits for no other check, nobody lives with it, and it failed, warned, or was asked for and is not known.
    pub fn is_trouble(&self) -> bool {
        let bad = match self.status {
            Status::Fail | Status::Warn => true,
            Status::Unknown => self.required,
            Status::Pass | Status::Skip => false,
        };
        bad && self.cause.is_none() && !self.is_waived()
    }

    /// The word under which a summary counts it: its status, unless it waits for another check or is waived.
    pub fn counted_as(&self) -> &'static str {
        match (&self.cause, self.is_waived()) {
            (Some(_), _) => WAITING,
            (None, true) => WAIVED,
            (None, false) => self.status.word(),
        }
    }

    /// What was observed, of a long sentence the part before a semicolon, a full stop or a colon.
    pub fn brief(&self) -> &str {
        let whole = self.summary.trim_end_matches('.');
        let parted = |mark: &str| whole.find(mark).map(|end| &whole[..end]);
        // What stands before a colon can be a path alone.
        let tells = |part: &&str| part.split(' ').count() > MOST_BEFORE_COLON;
        let short = [". ", "; "].iter().filter_map(|mark| parted(mark)).min_by_key(|part| part.len()).unwrap_or(whole);
        if short.len() <= BRIEF { short } else { parted(": ").filter(tells).unwrap_or(short) }
    }
}

/// Letters that a headline takes.
const BRIEF: usize = 90;
/// So many words before a colon say where something is, not what.
const MOST_BEFORE_COLON: usize = 5;

/// What the summary counts besides the statuses: what waits for another check, and what somebody lives with for a time.
pub const WAITING: &str = "waiting";
pub const WAIVED: &str = "waived";

/// Every word of the summary, what needs care first.
pub const COUNTED: [&str; 7] = ["fail", "warn", "unknown", "pass", "skip", WAITING, WAIVED];

/// How many results count under each word; a result stands under one.
fn tally(results: &[Outcome]) -> BTreeMap<&'static str, usize> {
    COUNTED.into_iter().map(|word| (word, count(results, word))).collect()
}

/// How many of these results count under this word: the one place that counts them, for every format.
pub fn count<'a>(results: impl IntoIterator<Item = &'a Outcome>, word: &str) -> usize {
    number(results.into_iter().filter(|o| o.counted_as() == word))
}

/// How many findings these results tell.
pub fn number<'a>(results: impl IntoIterator<Item = &'a Outcome>) -> usize {
    results.into_iter().map(|o| o.stands_for).sum()
}

/// Why a failure or warning is lived with, who says so, and until when.
#[derive(Clone, Debug, Serialize)]
pub struct WaiverWords {
    pub reason: String,
    pub owner: String,
    /// The last day.
    pub until: String,
    /// That day has passed: the waiver counts for nothing.
    pub expired: bool,
}

impl WaiverWords {
    /// `until 2027-01-31, by ops@example.org: the runners are replaced then`
    pub fn words(&self) -> String {
        let state = if self.expired { "ran out on" } else { "until" };
        format!("{state} {}, by {}: {}", self.until, self.owner, self.reason)
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Asker {
    /// `flag`, `file`, `run-line`, `default`, `host`, `guide`.
    pub kind: &'static str,
    pub text: String,
    /// Where it stands in the run line's text, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<usize>,
    /// The file's line that asks; lines and columns count from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Place>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Place {
    pub path: String,
    pub line: usize,
    pub column: usize,
    /// Bytes of the file.
    pub start: usize,
    pub end: usize,
    /// The line, or of a long one what stands around the place; literal secrets are overwritten with asterisks of the same length.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Characters of the line before `text`; 0 when it is shown from its beginning.
    #[serde(rename = "textAfter", skip_serializing_if = "is_zero")]
    pub text_after: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    pub source: String,
    pub value: String,
}

/// What a report says besides its findings.
#[derive(Default)]
pub struct Frame {
    pub report_id: String,
    pub generated_at: String,
    pub took: Duration,
    /// How long each group's probe took, by the group's name.
    pub probe_times: BTreeMap<gdoctor_checks::model::facts::Group, Duration>,
}

impl Report {
    /// Every line of the text that starts a container.
    pub fn run_lines(&self) -> impl Iterator<Item = &RunLineWords> {
        self.run_line.iter().chain(&self.more_run_lines)
    }

    /// What follows from all results together.
    fn tally(&mut self) {
        self.summary = tally(&self.results);
        self.families = families::families(&self.results);
    }

    /// How many results count under this word of [`Report::summary`].
    pub fn count(&self, word: &str) -> usize {
        count(&self.results, word)
    }

    /// Adds what was found of the other containers that the same text starts, and of the other images that it builds: what their lines
    /// and files ask for, each thing once.
    pub fn with(mut self, others: Vec<Self>) -> Self {
        let mut any = false;
        for other in others {
            any = true;
            let kind = if other.run_line.is_some() { "run-line" } else { "file" };
            for outcome in other.results {
                let of_line = outcome.asked_by.as_ref().is_some_and(|by| by.kind == kind);
                let same = |known: &Outcome| known.code == outcome.code && known.summary == outcome.summary;
                if of_line && outcome.status != Status::Skip && !self.results.iter().any(same) {
                    self.results.push(outcome);
                }
            }
            self.more_run_lines.extend(other.run_line);
        }
        if any {
            let several = !self.more_run_lines.is_empty();
            self.run_line.iter_mut().chain(&mut self.more_run_lines).for_each(|line| line.several = several);
            self.tally();
        }
        self
    }

    /// Marks what the project has decided to live with. A waiver that has run out is shown and counts for nothing; a waived
    /// failure or warning keeps its status and no longer decides the exit code. `today` is `2026-01-31`.
    pub fn waive(mut self, waivers: &[Waiver], fail_on: FailOn, today: &str, gate: Gate) -> Self {
        for outcome in self.results.iter_mut().filter(|o| matches!(o.status, Status::Fail | Status::Warn)) {
            let fits = |w: &&Waiver| w.code == outcome.code && (w.subject.is_empty() || w.subject == outcome.subject);
            outcome.waiver = waivers.iter().find(fits).map(|waiver| WaiverWords {
                reason: gate.text(&waiver.reason),
                owner: gate.text(&waiver.owner),
                until: waiver.until.clone(),
                expired: waiver.until.as_str() < today,
            });
        }
        let counting = self.results.iter().filter(|o| !o.is_waived());
        self.exit_code = policy::exit_code(counting.map(|o| (o.status, o.required)), fail_on);
        self.tally();
        self
    }

    /// The checks that keep the exit code from being 0, in the report's order; those that wait for another are not among them.
    pub fn decisive(&self, fail_on: FailOn) -> Vec<&'static str> {
        let decides = |o: &&Outcome| policy::exit_code(std::iter::once((o.status, o.required)), fail_on) != policy::OK;
        let counting = self.results.iter().filter(|o| !o.is_waived() && o.cause.is_none());
        let mut checks: Vec<&str> = counting.filter(decides).map(|o| o.id).collect();
        checks.dedup();
        checks
    }

    /// Every text that can hold something of the host or of the user's.
    pub fn texts_mut(&mut self, change: &mut dyn FnMut(&mut String)) {
        [&mut self.host.system, &mut self.host.kernel, &mut self.host.machine].into_iter().for_each(&mut *change);
        self.labels.values_mut().for_each(&mut *change);
        if let Some(file) = &mut self.need_file {
            [&mut file.path, &mut file.why].into_iter().for_each(&mut *change);
        }
        for line in self.run_line.iter_mut().chain(&mut self.more_run_lines) {
            change(&mut line.text);
            change(&mut line.image);
            change(&mut line.file);
            line.unseen.iter_mut().chain(&mut line.open).for_each(&mut *change);
            line.corrected.iter_mut().chain(&mut line.left).for_each(&mut *change);
            line.changes.iter_mut().for_each(|c| [&mut c.text, &mut c.reason].into_iter().for_each(&mut *change));
        }
        if let Some(compose) = &mut self.compose {
            change(&mut compose.service);
            for one in &mut compose.changes {
                one.lines.iter_mut().for_each(&mut *change);
                [&mut one.reason, &mut one.file.path, &mut one.file.text].into_iter().for_each(&mut *change);
            }
        }
        self.gauges.iter_mut().for_each(|gauge| change(&mut gauge.name));
        self.families.iter_mut().for_each(|family| change(&mut family.text));
        for outcome in &mut self.results {
            [&mut outcome.subject, &mut outcome.summary, &mut outcome.short, &mut outcome.detail]
                .into_iter()
                .for_each(&mut *change);
            outcome.picture.iter_mut().for_each(&mut *change);
            if let Some(asker) = &mut outcome.asked_by {
                change(&mut asker.text);
                asker
                    .file
                    .iter_mut()
                    .for_each(|place| [&mut place.path, &mut place.text].into_iter().for_each(&mut *change));
            }
            outcome
                .evidence
                .iter_mut()
                .for_each(|seen| [&mut seen.source, &mut seen.value].into_iter().for_each(&mut *change));
            if let Some(waiver) = &mut outcome.waiver {
                [&mut waiver.reason, &mut waiver.owner].into_iter().for_each(&mut *change);
            }
            for fix in &mut outcome.fixes {
                change(&mut fix.title);
                fix.commands.iter_mut().for_each(&mut *change);
                fix.notes.iter_mut().for_each(&mut *change);
                for step in fix.verify.iter_mut().chain(&mut fix.undo) {
                    let (Step::Command(text) | Step::Sentence(text)) = step;
                    change(text);
                }
            }
        }
    }
}

//! Turns findings into the report: statuses by policy, sentences and fixes from each check's `doc.md`, causes resolved.
//! Everything a renderer prints is here, made harmless: no control character and no secret gets past this file.

use std::collections::BTreeMap;
use std::time::Duration;

use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::doc::Doc;
use gdoctor_checks::model::fact::Gap;
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::finding::{Finding, NOT_NEEDED, Verdict};
use gdoctor_checks::model::fix::Fix;
use gdoctor_checks::model::need::{Need, Origin};
use gdoctor_checks::model::run::{Edit, RunLine};
use serde::Serialize;

use crate::correction::Correction;
use crate::drawn::{self, Gauge, Picture};
use crate::judge::Judged;
use crate::need::Waiver;
use crate::need::compose::write;
use crate::policy::{self, FailOn, Status};
use crate::start::{self, Starts};

/// `$id` of `docs/gdoctor-report-1.json`, which `gdoctor schema` prints.
pub const SCHEMA: &str = "https://gdoctor.dev/schema/gdoctor-report-1.json";

/// Stands in a fix's fence for the run line with the finding's edits.
const CORRECTED: &str = "{corrected}";

/// Stands in its place where there is no line to change.
const YOUR_OWN: &str = "# your own command or service, so changed";

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
    pub results: Vec<Outcome>,
    /// The line that was judged, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_line: Option<RunLineWords>,
    /// What would have to change in the compose file, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compose: Option<ComposeWords>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gauges: Vec<Gauge>,
    /// Never in a report that is shared.
    #[serde(skip)]
    pub pictures: Vec<Picture>,
    pub summary: BTreeMap<&'static str, usize>,
    pub exit_code: u8,
    pub duration_ms: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    pub name: &'static str,
    pub version: &'static str,
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct HostSummary {
    pub system: String,
    pub kernel: String,
    pub machine: String,
    /// NVIDIA's, as it is loaded; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// The engine that answers; empty where none does.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub docker: String,
}

/// The judged line, and what would have to change in it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunLineWords {
    /// As given; literal secrets are overwritten with asterisks of the same length.
    pub text: String,
    /// The file that it stands in; empty where it was typed or piped.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub file: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// Whether docker would start the container; whether its program then finds all it wants is another matter.
    pub starts: Starts,
    /// Arguments that nothing here looks into, and that docker may refuse.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// The whole line, ready to paste; `None` when nothing has to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrected: Option<String>,
    /// What the correction changes, in the order of the line.
    pub changes: Vec<Change>,
}

impl RunLineWords {
    /// Whether docker would start the container, in a sentence.
    pub fn verdict(&self) -> String {
        match self.starts {
            Starts::Yes => "Nothing seen here keeps docker from starting this container.".into(),
            Starts::No => "docker would not start this container.".into(),
            Starts::Unknown if self.unseen.is_empty() => {
                "Whether docker would start this container cannot be told.".into()
            }
            Starts::Unknown => format!(
                "Whether docker would start this container cannot be told: {} cannot be looked into.",
                self.unseen.join(", ")
            ),
        }
    }

    /// Why the correction changes what it changes, each reason once.
    pub fn reasons(&self) -> Vec<&str> {
        let mut reasons: Vec<&str> = Vec::new();
        for change in &self.changes {
            if !reasons.contains(&change.reason.as_str()) {
                reasons.push(&change.reason);
            }
        }
        reasons
    }
}

/// One change of the line: bytes `start..end` of its text become `text`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub start: usize,
    pub end: usize,
    pub text: String,
    /// One line.
    pub reason: String,
    /// The finding that it mends.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub code: String,
}

/// The judged service, and what would have to change in its files.
#[derive(Clone, Debug, Serialize)]
pub struct ComposeWords {
    /// Where the service stands.
    pub service: String,
    pub changes: Vec<FileChange>,
}

/// One change of a compose file.
#[derive(Clone, Debug, Serialize)]
pub struct FileChange {
    pub file: Place,
    /// The place is the service, which gets these lines besides what it has; else they stand for what is there.
    pub adds: bool,
    /// YAML, without the indentation of the place; none: what is there goes.
    pub lines: Vec<String>,
    /// One line.
    pub reason: String,
    /// The finding that it mends.
    pub code: String,
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
    pub docs: Vec<String>,
    /// The check that has to be mended first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The project lives with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiver: Option<WaiverWords>,
    pub duration_ms: u64,
}

impl Outcome {
    /// The project lives with it today: it keeps its status and decides nothing.
    pub fn is_waived(&self) -> bool {
        self.waiver.as_ref().is_some_and(|waiver| !waiver.expired)
    }
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
    /// The whole line; literal secrets are overwritten with asterisks of the same length.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    pub source: String,
    pub value: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FixWords {
    pub title: String,
    /// Lines to paste into a shell, in order.
    pub commands: Vec<String>,
    pub risks: Vec<&'static str>,
    pub notes: Vec<String>,
    pub needs_root: bool,
    pub page: String,
    /// The commands are the run line, changed.
    #[serde(skip)]
    pub changes_line: bool,
}

/// What a report says besides its findings.
#[derive(Default)]
pub struct Frame {
    pub report_id: String,
    pub generated_at: String,
    pub took: Duration,
    /// How long each group's probe took, by the group's name.
    pub probe_times: BTreeMap<&'static str, Duration>,
}

/// Puts everything into words. Findings keep their order.
pub fn write(facts: &Facts, need: &Need, judged: &[Judged], fail_on: FailOn, frame: Frame) -> Report {
    // A line that was made from a compose file is nobody's to change.
    let line = need.run.as_ref().filter(|line| !line.made_up);
    let made_up = need.run.as_ref().is_some_and(|line| line.made_up);
    let tags = facts.tags();
    let blocked: BTreeMap<&str, &str> =
        judged.iter().flat_map(|j| j.findings.iter().filter_map(|f| Some((j.check.id, blocker(f)?)))).collect();
    let results: Vec<Outcome> = judged
        .iter()
        .flat_map(|j| {
            let probe = frame.probe_times.get(j.check.family).copied().unwrap_or_default();
            let took = probe + j.took;
            let words =
                Words { check: j.check, doc: parse(j.check), tags: &tags, line, made_up, files: &need.files, took };
            j.findings.iter().map(|f| words.outcome(f, &blocked)).collect::<Vec<_>>()
        })
        .collect();
    let summary = Status::ALL.map(|s| (s.word(), results.iter().filter(|o| o.status == s).count()));
    Report {
        schema: SCHEMA,
        format: "gdoctor-report",
        schema_version: "1.2",
        report_id: frame.report_id,
        generated_at: frame.generated_at,
        tool: Tool { name: "gdoctor", version: env!("CARGO_PKG_VERSION") },
        host: HostSummary {
            system: harmless(facts.host.system.value().map_or("unknown system", |s| s.pretty.as_str())),
            kernel: harmless(facts.host.kernel.value().map_or("", String::as_str)),
            machine: harmless(facts.host.machine.value().map_or("", String::as_str)),
            driver: harmless(facts.nvidia.module.value().map_or("", |module| module.version.as_str())),
            docker: harmless(facts.docker.version.value().map_or("", |version| version.version.as_str())),
        },
        exit_code: policy::exit_code(results.iter().map(|o| (o.status, o.required)), fail_on),
        summary: summary.into(),
        run_line: line.map(|line| run_line(line, judged, start::verdict(line, &results))),
        compose: need.run.as_ref().filter(|line| line.made_up).map(|line| compose(line, judged, &need.files)),
        gauges: drawn::gauges(facts).into_iter().map(|gauge| Gauge { name: harmless(&gauge.name), ..gauge }).collect(),
        pictures: drawn::pictures(facts),
        results,
        duration_ms: millis(frame.took),
    }
}

impl Report {
    /// Marks what the project has decided to live with. A waiver that has run out is shown and counts for nothing; a waived
    /// failure or warning keeps its status and no longer decides the exit code. `today` is `2026-01-31`.
    pub fn waive(mut self, waivers: &[Waiver], fail_on: FailOn, today: &str) -> Self {
        for outcome in self.results.iter_mut().filter(|o| matches!(o.status, Status::Fail | Status::Warn)) {
            let fits = |w: &&Waiver| w.code == outcome.code && (w.subject.is_empty() || w.subject == outcome.subject);
            outcome.waiver = waivers.iter().find(fits).map(|waiver| WaiverWords {
                reason: harmless(&waiver.reason),
                owner: harmless(&waiver.owner),
                until: waiver.until.clone(),
                expired: waiver.until.as_str() < today,
            });
        }
        let counting = self.results.iter().filter(|o| !o.is_waived());
        self.exit_code = policy::exit_code(counting.map(|o| (o.status, o.required)), fail_on);
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
        if let Some(line) = &mut self.run_line {
            change(&mut line.text);
            change(&mut line.image);
            change(&mut line.file);
            line.unseen.iter_mut().for_each(&mut *change);
            line.corrected.iter_mut().for_each(&mut *change);
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
        for outcome in &mut self.results {
            [&mut outcome.subject, &mut outcome.summary, &mut outcome.detail].into_iter().for_each(&mut *change);
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
            }
        }
    }
}

/// The parsed `doc.md` of a check. Its form is held by tests/contract.rs.
pub fn parse(check: &Check) -> Doc<'static> {
    Doc::parse(check.doc).unwrap_or_else(|why| panic!("doc.md of {}: {why}", check.id))
}

/// Finds a fix by its reference, which is a name in `doc` or `check-id/name`.
pub fn find_fix<'a>(doc: &Doc<'a>, reference: &str) -> Option<Fix<'a>>
where
    'static: 'a,
{
    match reference.split_once('/') {
        None => doc.fix(reference).cloned(),
        Some((id, name)) => {
            let check = ALL.iter().find(|check| check.id == id)?;
            parse(check).fix(name).cloned()
        }
    }
}

struct Words<'a> {
    check: &'static Check,
    doc: Doc<'static>,
    tags: &'a [String],
    line: Option<&'a RunLine>,
    made_up: bool,
    files: &'a BTreeMap<String, String>,
    took: Duration,
}

impl Words<'_> {
    fn outcome(&self, finding: &Finding, blocked: &BTreeMap<&str, &str>) -> Outcome {
        let (sentence, detail) = self.sentences(finding);
        let fixes: Vec<FixWords> = match finding.verdict {
            Verdict::Warn(fix) | Verdict::Fail(fix) => {
                find_fix(&self.doc, fix).map(|fix| self.fix(&fix, finding)).into_iter().collect()
            }
            _ => Vec::new(),
        };
        Outcome {
            id: self.check.id,
            group: self.check.family,
            title: self.doc.title,
            status: policy::status(finding),
            code: format!("{}/{}", self.check.id, finding.code),
            subject: harmless(&finding.subject),
            summary: sentence,
            detail,
            asked_by: finding.asked_by.as_ref().map(|by| asker(by, self.files)),
            required: policy::is_required(finding.asked_by.as_ref()),
            evidence: finding
                .evidence
                .iter()
                .map(|e| Seen { source: harmless(&e.source.0), value: harmless(&e.value) })
                .collect(),
            picture: finding.values.get("picture").map(|file| harmless(file)),
            docs: fixes.iter().map(|fix| fix.page.clone()).collect(),
            fixes,
            cause: blocker(finding).map(|by| root_cause(by, blocked).to_owned()),
            waiver: None,
            duration_ms: millis(self.took),
        }
    }

    fn sentences(&self, finding: &Finding) -> (String, String) {
        let fill = |text: &str| fill(text, finding, harmless);
        match &finding.verdict {
            Verdict::Unknown(gap) => {
                let at = finding.values.get("source").map(|s| format!(" ({})", harmless(s))).unwrap_or_default();
                (format!("cannot tell whether {}: {}{at}", self.doc.title, harmless(&gap.reason())), String::new())
            }
            _ if finding.code == NOT_NEEDED => (fill(self.doc.not_needed), String::new()),
            _ => match self.doc.code(finding.code) {
                Some(code) => (fill(code.sentence), fill(code.detail)),
                None => (format!("{} (this code has no words yet)", finding.code), String::new()),
            },
        }
    }

    fn fix(&self, fix: &Fix, finding: &Finding) -> FixWords {
        let mut words = fix_words(fix, self.tags, self.line, finding);
        words.commands.retain(|command| !self.made_up || command != YOUR_OWN);
        words
    }
}

/// A fix with its placeholders as they stand, for a host with these tags.
pub fn unfilled_fix(fix: &Fix, tags: &[String]) -> FixWords {
    fix_words(fix, tags, None, &Finding::pass(""))
}

fn fix_words(fix: &Fix, tags: &[String], line: Option<&RunLine>, finding: &Finding) -> FixWords {
    let changes_line = line.is_some() && fix.commands.iter().any(|fence| fence.text.trim() == CORRECTED);
    FixWords {
        title: fill(fix.title, finding, harmless),
        commands: fix
            .commands_for(tags)
            .into_iter()
            .flat_map(str::lines)
            .flat_map(|command| match line.filter(|_| command == CORRECTED) {
                Some(line) => corrected(line, &[finding]).0.lines().map(str::to_owned).collect(),
                None if command == CORRECTED => vec![YOUR_OWN.to_owned()],
                None => vec![fill(command, finding, shell_quoted)],
            })
            .collect(),
        risks: fix.risks.iter().map(|risk| risk.words()).collect(),
        notes: fix.notes.iter().map(|note| fill(note, finding, harmless)).collect(),
        needs_root: fix.risks.contains(&gdoctor_checks::model::fix::Risk::NeedsRoot),
        page: fix.page.to_owned(),
        changes_line,
    }
}

fn blocker(finding: &Finding) -> Option<&str> {
    match &finding.verdict {
        Verdict::Unknown(Gap::BlockedBy(check)) => Some(check),
        _ => None,
    }
}

/// Follows "blocked by" to its end; a circle ends where it began.
fn root_cause<'a>(check: &'a str, blocked: &BTreeMap<&str, &'a str>) -> &'a str {
    let mut cause = check;
    for _ in 0..blocked.len() {
        match blocked.get(cause) {
            Some(next) if *next != check => cause = next,
            _ => break,
        }
    }
    cause
}

/// The line with the changes that `findings` want, and which change is whose. Literal secrets are not repeated.
fn corrected(line: &RunLine, findings: &[&Finding]) -> (String, Vec<(Option<usize>, Edit)>) {
    let mut correction = Correction::default();
    for (number, finding) in findings.iter().enumerate() {
        correction.accept(number, &finding.edits);
    }
    if !correction.changes().is_empty() {
        for secret in &line.secrets {
            correction.accept(findings.len(), &[Edit { span: secret.span, text: String::new() }]);
        }
    }
    let changes = correction.changes();
    let owned = changes.iter().map(|(by, edit)| ((*by < findings.len()).then_some(*by), (*edit).clone())).collect();
    (correction.apply(line), owned)
}

/// Warnings and failures, each with the check that has it.
fn bad(judged: &[Judged]) -> (Vec<&'static Check>, Vec<&Finding>) {
    let all = judged.iter().flat_map(|j| j.findings.iter().map(|finding| (j.check, finding)));
    all.filter(|(_, finding)| matches!(finding.verdict, Verdict::Warn(_) | Verdict::Fail(_))).unzip()
}

fn compose(line: &RunLine, judged: &[Judged], files: &BTreeMap<String, String>) -> ComposeWords {
    let (owners, findings) = bad(judged);
    let mut changes = Vec::new();
    for (by, edit) in corrected(line, &findings).1 {
        let Some((by, changed)) = by.zip(write::changed(line, &edit)) else { continue };
        let Some(file) = asker(&changed.at, files).file else { continue };
        let lines = |entry: &write::Entry| if changed.adds { entry.lines() } else { entry.item_lines() };
        changes.push(FileChange {
            file,
            adds: changed.adds,
            lines: changed.entries.iter().flat_map(lines).map(|line| harmless(&line)).collect(),
            reason: reason(owners[by], findings[by]),
            code: format!("{}/{}", owners[by].id, findings[by].code),
        });
    }
    changes.sort_by(|a, b| (&a.file.path, a.file.start).cmp(&(&b.file.path, b.file.start)));
    ComposeWords { service: line.by.as_ref().map(|by| harmless(&by.to_string())).unwrap_or_default(), changes }
}

fn run_line(line: &RunLine, judged: &[Judged], starts: Starts) -> RunLineWords {
    let (owners, findings) = bad(judged);
    let (command, edits) = corrected(line, &findings);
    let changes: Vec<Change> = edits
        .into_iter()
        .map(|(by, edit)| {
            let (code, reason) = match by {
                Some(by) => (format!("{}/{}", owners[by].id, findings[by].code), reason(owners[by], findings[by])),
                None => (String::new(), secret_reason(line, &edit)),
            };
            Change { start: edit.span.start, end: edit.span.end, text: edit.text, reason, code }
        })
        .collect();
    let mut text = line.text.clone().into_bytes();
    for byte in line.secrets.iter().flat_map(|secret| secret.span.start + 1..secret.span.end) {
        if let Some(byte) = text.get_mut(byte) {
            *byte = b'*';
        }
    }
    RunLineWords {
        text: String::from_utf8_lossy(&text).into_owned(),
        file: harmless(&line.file),
        image: line.image.as_ref().map(|image| harmless(&image.reference)).unwrap_or_default(),
        starts,
        unseen: start::unseen(line).into_iter().map(harmless).collect(),
        corrected: (!changes.is_empty()).then_some(command),
        changes,
    }
}

/// The title of the fix, which says what is changed and why.
fn reason(check: &Check, finding: &Finding) -> String {
    let reference = match finding.verdict {
        Verdict::Warn(fix) | Verdict::Fail(fix) => fix,
        _ => return String::new(),
    };
    find_fix(&parse(check), reference).map_or_else(String::new, |fix| fill(fix.title, finding, harmless))
}

fn secret_reason(line: &RunLine, edit: &Edit) -> String {
    let name = line.secrets.iter().find(|secret| secret.span == edit.span).map_or("", |secret| secret.name.as_str());
    format!("The value of {name} is not repeated here: `export {name}=…` first, which docker then passes on")
}

fn asker(origin: &Origin, files: &BTreeMap<String, String>) -> Asker {
    let span = match origin {
        Origin::RunLine { span, .. } => Some(*span),
        _ => None,
    };
    let kind = match origin {
        Origin::Flag(_) => "flag",
        Origin::File { .. } => "file",
        Origin::RunLine { .. } => "run-line",
        Origin::Default => "default",
        Origin::Host(_) => "host",
        Origin::Guide => "guide",
    };
    let file = match origin {
        Origin::File { path, line, column, span, .. } => {
            let text = files.get(path).and_then(|text| text.lines().nth(line.saturating_sub(1)));
            Some(Place {
                path: harmless(path),
                line: *line,
                column: *column,
                start: span.start,
                end: span.end,
                text: text.map(visible).unwrap_or_default(),
            })
        }
        _ => None,
    };
    Asker { kind, text: harmless(&origin.to_string()), start: span.map(|s| s.start), end: span.map(|s| s.end), file }
}

/// Replaces `{name}` by the finding's value of that name, `{subject}` by its subject; other braces stay.
fn fill(text: &str, finding: &Finding, encode: fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let name = rest[1..].split_once('}').map(|(name, _)| name);
        let value = name.and_then(|name| match name {
            "subject" => Some(&finding.subject),
            _ => finding.values.get(name),
        });
        match (name, value) {
            (Some(name), Some(value)) => {
                out.push_str(&encode(value));
                rest = &rest[name.len() + 2..];
            }
            _ => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Text from the host without control characters or direction overrides: a terminal or log cannot be made to act on it.
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// A line whose places stay what they are: a control character is one byte for one byte.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect()
}

/// A value as one word of a POSIX shell.
fn shell_quoted(value: &str) -> String {
    let value = harmless(value);
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !value.is_empty() && value.chars().all(plain) { value } else { format!("'{}'", value.replace('\'', r"'\''")) }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_value_is_one_harmless_word() {
        let finding = Finding::pass("x").with("device", "/dev/x; rm -rf '/'\u{1b}[2J");
        assert_eq!(
            fill("ls {device} {\"json\": 1}", &finding, shell_quoted),
            "ls '/dev/x; rm -rf '\\''/'\\''\u{fffd}[2J' {\"json\": 1}"
        );
        assert_eq!(fill("{device}", &finding, harmless), "/dev/x; rm -rf '/'\u{fffd}[2J");
    }

    #[test]
    fn causes_are_followed_to_the_root() {
        let blocked = BTreeMap::from([("c", "b"), ("b", "a")]);
        assert_eq!(root_cause("b", &blocked), "a");
        let circle = BTreeMap::from([("a", "b"), ("b", "a")]);
        assert_eq!(root_cause("a", &circle), "b");
    }
}

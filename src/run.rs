//! One look at a host, or at a file of its facts: need, facts, when; and what of it may leave the machine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::fact::Gap;
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::host::User;
use gdoctor_checks::model::facts::proof::Image;
use gdoctor_checks::model::need::{Need, Origin};
use gdoctor_checks::model::own::{Asked, Own};
use gdoctor_checks::model::place::Place;
use gdoctor_checks::model::run::{RunLine, RunOption};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::{CheckArgs, Format, Wishes};
use crate::deliver;
use crate::document::typed;
use crate::host::{Host, Session, clock, input, output};
use crate::judge;
use crate::live::{Live, Show};
use crate::need::{self, Evident, Gathered, ProjectFile, Refusal, Waiver};
use crate::own;
use crate::pictures;
use crate::plan::{Destination, Plan, Selection};
use crate::policy::{FailOn, Status};
use crate::probe::{self, Times};
use crate::prove::{self, Foretelling, Verdict};
use crate::report::{self, Frame, Gate, NeedFile, Report, Starts};
use crate::snapshot::redact::{Redactor, without_secrets};
use crate::snapshot::tree::{Tree, tree};
use crate::snapshot::{self, Made, Snapshot};

/// Everything that a report is made from.
pub struct Run {
    facts: Facts,
    need: Need,
    /// The other containers that the same text starts, each with what was seen for it.
    others: Vec<(Need, Facts)>,
    waivers: Vec<Waiver>,
    project: Option<ProjectFile>,
    evident: Evident,
    times: Times,
    made: Made,
    selection: Selection,
    /// What may not leave; `None` when nothing has to be taken out.
    redactor: Option<Redactor>,
    /// Time of judging is left out, so that a report of saved facts is the same everywhere.
    timeless: bool,
    /// What `--label` says.
    labels: Vec<(String, String)>,
    counts: std::collections::BTreeMap<String, usize>,
}

/// Whether a container is started and looked at from within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    No,
    Started,
}

pub enum Refused {
    Need(Refusal),
    Facts(String),
}

/// What saved facts tell of the session's variables.
fn session(facts: &Facts) -> Session {
    let display = &facts.display;
    let cookies = display.cookies.value().filter(|file| file.by_variable).map(|file| file.path.clone());
    let wayland = display.session.value().and_then(|session| session.wayland_socket.as_ref()?.rsplit_once('/'));
    let user = facts.host.user.value();
    let said = |field: fn(&User) -> &String| user.map(field).filter(|text| !text.is_empty()).cloned();
    let all = [
        ("HOME", said(|user| &user.home)),
        ("USER", said(|user| &user.name)),
        ("LOGNAME", said(|user| &user.name)),
        ("DISPLAY", display.name.value().map(|name| name.text.clone())),
        ("XAUTHORITY", cookies),
        ("XDG_RUNTIME_DIR", wayland.map(|(folder, _)| folder.to_owned())),
        ("WAYLAND_DISPLAY", wayland.map(|(_, name)| name.to_owned())),
    ];
    let variables = all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    Session { variables, uid: user.map(|user| user.uid), folder: said(|user| &user.folder) }
}

impl Run {
    /// Looks at the host, or reads the file of `--facts`.
    pub fn new(arguments: &CheckArgs, plan: &Plan, proof: Proof) -> Result<Self, Refused> {
        let conduct = &arguments.conduct;
        let started = Instant::now();
        let host = Host::new(&conduct.look.root, conduct.look.timeout);
        let selection = plan.selection.clone();
        if let Some(path) = &conduct.facts {
            let saved = read(path).map_err(|why| Refused::Facts(format!("{}: {why}", path.display())))?;
            let facts = saved.facts().map_err(|why| Refused::Facts(format!("{}: {why}", path.display())))?;
            if !conduct.look.checks.is_empty() {
                let why = "--checks does not go with --facts: own checks were looked at where the file was made";
                return Err(Refused::Facts(why.into()));
            }
            let own: Vec<&Own> = facts.own.checks.iter().map(|seen| &seen.own).collect();
            selection.known(&checks(own.iter().copied())).map_err(Refused::Facts)?;
            let codes: Vec<String> = own.into_iter().flat_map(own::codes).collect();
            let kept = need::Own::Kept(&codes);
            let host = host.of_session(session(&facts));
            let Gathered { mut need, waivers, project } =
                need::gather(&arguments.wishes, &arguments.line, &host, &saved.evident, kept).map_err(Refused::Need)?;
            if conduct.frame {
                need::ask_pictures(&mut need);
            }
            need.proof = proved_before(&facts, &need);
            let others = std::mem::take(&mut need.others).into_iter().map(|other| (other, facts.clone())).collect();
            let mut run = Self {
                need,
                others,
                waivers,
                project,
                times: saved.times(),
                made: Made {
                    report_id: saved.report_id.clone(),
                    generated_at: saved.generated_at.clone(),
                    generated_unix: saved.generated_unix,
                    took: Duration::from_millis(saved.took_ms),
                },
                evident: saved.evident,
                selection,
                redactor: None,
                timeless: true,
                labels: conduct.label.clone(),
                counts: saved.redacted,
                facts,
            };
            // What is redacted already has nothing more to hide.
            if conduct.share && run.counts.is_empty() {
                run.redact(None).map_err(Refused::Facts)?;
            }
            return Ok(run);
        }
        if let Some(folder) = &conduct.frame_dir {
            output::make_folder(folder).map_err(|why| Refused::Facts(format!("--frame-dir {why}")))?;
        }
        let evident = Evident::of(&host);
        let own = need::Own::Read(&conduct.look.checks);
        let Gathered { mut need, waivers, project } =
            need::gather(&arguments.wishes, &arguments.line, &host, &evident, own).map_err(Refused::Need)?;
        selection.known(&checks(need.own.iter().map(|asked| &asked.own))).map_err(Refused::Facts)?;
        if conduct.frame {
            need::ask_pictures(&mut need);
        }
        let selected = |check: &Check| selection.selects(check);
        let live = Live::new(plan.show, &need, &selected);
        let (mut facts, times) = probe::probe_all(&host, &need, &selected, &live);
        drop(live);
        let others = std::mem::take(&mut need.others);
        let others = others.into_iter().map(|other| {
            let live = Live::new(Show::Nothing, &other, &selected);
            let (seen, _) = probe::probe_all(&host.renewed(), &other, &selected, &live);
            drop(live);
            (other, seen)
        });
        let mut others: Vec<(Need, Facts)> = others.collect();
        if proof == Proof::Started {
            let tell = |words: &str| {
                // What may not leave is not on the screen either.
                output::tell(if conduct.share {
                    "gdoctor: starts a container of its own, and takes it away again"
                } else {
                    words
                });
            };
            for (need, facts) in std::iter::once((&mut need, &mut facts)).chain(others.iter_mut().map(|(n, f)| (n, f)))
            {
                let foretell = |image| foretelling(facts, need, image);
                facts.proof = prove::prove(&host.renewed(), need, facts, &foretell, &tell);
                need.proof = proved_before(facts, need);
            }
        }
        if let Some(folder) = &conduct.frame_dir {
            pictures::save(&mut facts, folder).map_err(Refused::Facts)?;
        }
        let made = made(&host, started.elapsed());
        let (redactor, counts) = (None, Default::default());
        let mut run = Self {
            facts,
            need,
            others,
            waivers,
            project,
            evident,
            times,
            made,
            selection,
            redactor,
            timeless: conduct.share,
            labels: conduct.label.clone(),
            counts,
        };
        if conduct.share {
            run.redact(Some(&host)).map_err(Refused::Facts)?;
        }
        Ok(run)
    }

    /// Looks at everything.
    pub fn collect(host: &Host, wishes: &Wishes, own: Vec<Asked>, show: Show) -> Result<Self, String> {
        let started = Instant::now();
        let evident = Evident::of(host);
        let mut need = need::of_wishes(wishes, &evident);
        // Whoever judges the file later may want a GPU, a screen or a camera.
        let everything = Evident { nvidia: Some(String::new()), display: true, camera: true };
        let all = need::of_wishes(wishes, &everything);
        need.gpu = need.gpu.or(all.gpu);
        need.display = need.display.or(all.display);
        need.display_access = need.display_access.or(all.display_access);
        if need.capabilities.is_empty() {
            need.capabilities = all.capabilities;
        }
        if need.cameras.is_empty() {
            need.cameras = all.cameras;
        }
        need.own = own;
        // Nothing is judged here, so there are no verdicts to come.
        let show = if show == Show::Verdicts { Show::Probes } else { show };
        let (facts, times) = probe::probe_all(host, &need, &|_| true, &Live::new(show, &need, &|_| true));
        let made = made(host, started.elapsed());
        let selection = Selection::default();
        let (redactor, counts) = (None, Default::default());
        let mut run = Self {
            facts,
            need,
            others: Vec::new(),
            waivers: Vec::new(),
            project: None,
            evident,
            times,
            made,
            selection,
            redactor,
            timeless: true,
            labels: Vec::new(),
            counts,
        };
        run.learn(Some(host))?;
        Ok(run)
    }

    /// Learns what is private in the facts and the need, and where there is a host, its own names.
    fn learn(&mut self, host: Option<&Host>) -> Result<(), String> {
        let mut redactor = Redactor::default();
        let (facts, need) = (grown(&self.facts)?, grown(&self.need)?);
        let evident = grown(&self.evident)?;
        // Facts that were shared before have nothing more to hide.
        let fresh = self.counts.is_empty();
        redactor.learn_words(&[&facts, &need, &evident]);
        for name in host.into_iter().flat_map(own_users) {
            redactor.user(&name);
        }
        if let Some(name) = host.and_then(|h| h.live().line("/proc/sys/kernel/hostname").value().cloned()) {
            redactor.host(&name);
        }
        let others = self.others.iter().map(|(need, facts)| Ok((grown(need)?, grown(facts)?)));
        let others = others.collect::<Result<Vec<_>, String>>()?;
        let seen = others.iter().flat_map(|(need, facts)| [fresh.then_some(facts), Some(need)]);
        let trees = [fresh.then_some(&facts), Some(&need), Some(&evident)].into_iter().chain(seen);
        redactor.learn(&trees.flatten().collect::<Vec<_>>());
        self.redactor = Some(redactor);
        Ok(())
    }

    /// Puts pseudonyms into facts and need. A run line and files keep their text until the report is written: places count in it.
    fn redact(&mut self, host: Option<&Host>) -> Result<(), String> {
        self.learn(host)?;
        let Some(redactor) = &self.redactor else { return Ok(()) };
        let fresh = self.counts.is_empty();
        let (need, facts) = self.shared_pair(redactor, fresh, &self.need, &self.facts)?;
        let others = self.others.iter().map(|(need, facts)| self.shared_pair(redactor, fresh, need, facts));
        let others = others.collect::<Result<Vec<_>, String>>()?;
        (self.facts, self.need, self.others) = (facts, need, others);
        for waiver in &mut self.waivers {
            waiver.subject = redactor.apply(&waiver.subject);
        }
        if self.counts.is_empty() {
            self.counts = redactor.counts();
        }
        Ok(())
    }

    /// A need and its facts with pseudonyms. Err where a verdict would not be the same.
    fn shared_pair(
        &self,
        redactor: &Redactor,
        fresh: bool,
        need: &Need,
        facts: &Facts,
    ) -> Result<(Need, Facts), String> {
        let before = self.verdicts(facts, need);
        let facts = if fresh { redacted(facts, redactor)? } else { facts.clone() };
        let mut shared = redacted(need, redactor)?;
        if let (Some(line), Some(before)) = (&mut shared.run, &need.run) {
            line.text.clone_from(&before.text);
        }
        let files = need.files.iter();
        shared.files = files.map(|(path, text)| (redactor.place(Place::Path, path), text.clone())).collect();
        same(&before, &self.verdicts(&facts, &shared))?;
        Ok((shared, facts))
    }

    /// What the checks say, without the names that they say it of.
    fn verdicts(&self, facts: &Facts, need: &Need) -> Verdicts {
        let judged = judge::judge_all(facts, need, |check: &Check| self.selection.selects(check));
        let said = |j: &judge::Judged| -> Vec<(&'static str, &'static str, &'static str)> {
            j.findings.iter().map(|f| (j.check.id, f.code, crate::policy::status(f).word())).collect()
        };
        let mut verdicts: Verdicts = judged.iter().flat_map(said).collect();
        // Names decide about the order of findings.
        verdicts.sort_unstable();
        verdicts
    }

    pub fn report(&mut self, fail_on: FailOn) -> Report {
        let gate = Gate::sharing(self.redactor.as_ref());
        let selects = |check: &Check| self.selection.selects(check);
        let judged = |facts: &Facts, need: &Need| {
            let mut judged = judge::judge_all(facts, need, selects);
            if self.timeless {
                judged.iter_mut().for_each(|j| j.took = Duration::ZERO);
            }
            let frame = Frame {
                report_id: self.made.report_id.clone(),
                generated_at: self.made.generated_at.clone(),
                took: self.made.took,
                probe_times: self.times.clone(),
            };
            report::write_through(gate, facts, need, &judged, fail_on, frame)
        };
        let others = self.others.iter().map(|(need, facts)| judged(facts, need)).collect();
        let today = self.made.generated_at.get(..10).unwrap_or_default();
        let mut report = judged(&self.facts, &self.need).with(others).waive(&self.waivers, fail_on, today, gate);
        report.labels = self.labels.iter().map(|(name, value)| (name.clone(), gate.text(value))).collect();
        report.need_file = self.project.as_ref().map(|file| NeedFile::new(file, gate));
        if self.redactor.is_some() {
            report.pictures.clear();
        }
        report.bounded()
    }

    /// Hands everything out; where something had to be taken out, only after a last look that it is.
    pub fn deliver(&mut self, mut report: Report, plan: &Plan, host: &Host) -> Result<u8, String> {
        if let Some(redactor) = &self.redactor {
            let mut all = String::new();
            report.texts_mut(&mut |text| {
                all.push_str(text);
                all.push('\n');
            });
            last_look(redactor, &all)?;
            if let Some(path) = beside(plan) {
                write_map(&path, redactor)?;
            }
        }
        let wants_facts = matches!(plan.format, Format::Facts | Format::Issue)
            || plan.out.iter().any(|out| out.format == Format::Facts);
        let facts = if wants_facts { self.shared_facts(host)? } else { String::new() };
        deliver::deliver(&report, &facts, plan, host, self.made.generated_unix)
    }

    /// The facts as they may leave: redacted, whatever this run shows itself.
    fn shared_facts(&mut self, host: &Host) -> Result<String, String> {
        if self.redactor.is_some() || !self.counts.is_empty() {
            let text = self.snapshot(without_secrets(&self.facts)).write();
            let back = read_back(&text)?;
            same(&self.verdicts(&self.facts, &self.need), &self.verdicts(&back.facts()?, &self.need))?;
            return Ok(text);
        }
        self.learn(Some(host))?;
        let shared = self.shared();
        self.redactor = None;
        shared.map(|(_, text)| text)
    }

    /// The facts for others, and their file's text, after it was read back and judged: it says the same as the facts that stand
    /// here, and nothing private is in it.
    fn shared(&self) -> Result<(Snapshot, String), String> {
        let redactor = self.redactor.as_ref().ok_or("nothing was learnt")?;
        let mut snapshot = self.snapshot(redactor.document(&grown(&self.facts)?));
        snapshot.redacted = redactor.counts();
        snapshot.evident.nvidia = snapshot.evident.nvidia.map(|why| redactor.apply(&why));
        let text = snapshot.write();
        let back = read_back(&text)?;
        let mut need = redacted(&self.need, redactor)?;
        if let (Some(line), Some(before)) = (&mut need.run, &self.need.run) {
            line.text.clone_from(&before.text);
        }
        same(&self.verdicts(&self.facts, &self.need), &self.verdicts(&back.facts()?, &need))?;
        last_look(redactor, &texts(&back.facts))?;
        Ok((snapshot, text))
    }

    fn snapshot(&self, facts: Value) -> Snapshot {
        Snapshot::new(facts, self.evident.clone(), &self.made, &self.times, self.counts.clone())
    }

    /// Writes the redacted facts, and beside them what stands for what. Gives a line to tell.
    pub fn save(&self, path: &Path) -> Result<String, String> {
        let (snapshot, text) = self.shared()?;
        // Asked before: where nothing is now, a file will be.
        let map = output::is_file(path).then(|| map_path(path));
        let redactor = self.redactor.as_ref().ok_or("nothing was learnt")?;
        // Where the map cannot be kept nothing is shared, and where nothing can be shared an earlier map stays.
        output::write_with(path, text.as_bytes(), || map.iter().try_for_each(|map| write_map(map, redactor)))?;
        let map = match map {
            Some(map) => {
                format!("{}: what stands for what, for you alone", map.display())
            }
            None => "what stands for what is kept only beside a file".into(),
        };
        let counts: Vec<String> = snapshot.redacted.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let replaced = if counts.is_empty() { "nothing to replace".to_owned() } else { counts.join(", ") };
        Ok(format!("{}: {} bytes of facts; replaced: {replaced}\n{map}", path.display(), text.len(),))
    }

    pub fn save_as_is(&self, path: &Path) -> Result<String, String> {
        let text = self.snapshot(without_secrets(&self.facts)).write();
        snapshot::fits(text.as_bytes()).map_err(|why| format!("nothing was written: {why}"))?;
        output::write_private(path, text.as_bytes())?;
        Ok(format!("{}: {} bytes of facts, nothing replaced", path.display(), text.len()))
    }
}

fn checks<'a>(own: impl Iterator<Item = &'a Own>) -> Vec<&'static Check> {
    own.map(own::check).collect()
}

/// Who asked for the proof that the facts hold; `None` where they hold none.
fn proved_before(facts: &Facts, need: &Need) -> Option<Origin> {
    let asked = facts.proof.start.gap() != Some(&Gap::NotAsked) || facts.proof.foretold.is_some();
    let line = need.run.as_ref().and_then(|line| line.by.clone());
    asked.then(|| line.unwrap_or_else(|| Origin::Flag("gdoctor prove".into())))
}

/// What gdoctor says of a line before it starts anything, without what a proof from such an image replaces.
fn foretelling(facts: &Facts, need: &Need, image: Image) -> Foretelling {
    let Some(line) = &need.run else { return Foretelling::default() };
    let judged = judge::judge_all(facts, need, |_| true);
    let mut results = report::write(facts, need, &judged, FailOn::Fail, Frame::default()).results;
    let replaced = |outcome: &&mut report::Outcome| {
        let place = outcome.asked_by.as_ref().filter(|by| by.kind == "run-line").and_then(|by| by.start);
        place.is_some_and(|at| prove::is_replaced(line, at, image))
    };
    results.iter_mut().filter(replaced).for_each(|outcome| {
        outcome.status = Status::Skip;
        outcome.code.clear();
    });
    // What is replaced cannot keep it from starting either.
    let kept = |option: &&RunOption| !prove::replaces(option, image);
    let line = &RunLine { options: line.options.iter().filter(kept).cloned().collect(), ..line.clone() };
    let starts = match report::start::verdict(line, &results) {
        Starts::Yes => Some(true),
        Starts::No => Some(false),
        Starts::Unknown => None,
    };
    let deciding = report::start::deciding(line, &results);
    // Of what cannot be judged before another is mended, that other one stops it.
    let causes: Vec<&str> = deciding.iter().filter_map(|outcome| outcome.cause.as_deref()).collect();
    let stops = |outcome: &report::Outcome| {
        let decides = deciding.iter().any(|one| std::ptr::eq(*one, outcome));
        decides || (outcome.status == Status::Fail && causes.contains(&outcome.id))
    };
    let verdict = |outcome: &report::Outcome| Verdict {
        id: outcome.id,
        code: outcome.code.clone(),
        subject: outcome.subject.clone(),
        status: outcome.status,
        cause: outcome.cause.clone(),
        stops: stops(outcome),
    };
    Foretelling { starts, verdicts: results.iter().map(verdict).collect() }
}

/// What all checks say of saved facts, when nothing else is asked for.
pub fn report_of(saved: &Snapshot) -> Result<Report, String> {
    let facts = saved.facts()?;
    let mut need = need::of_wishes(&Wishes::default(), &saved.evident);
    need.proof = proved_before(&facts, &need);
    let judged = judge::judge_all(&facts, &need, |_| true);
    let frame = Frame {
        report_id: saved.report_id.clone(),
        generated_at: saved.generated_at.clone(),
        took: Duration::ZERO,
        probe_times: Times::new(),
    };
    Ok(report::write(&facts, &need, &judged, FailOn::Fail, frame))
}

/// The facts of a file, and what that host evidently has.
pub fn saved(path: &Path) -> Result<(Facts, Evident), String> {
    let saved = read(path).and_then(|saved| Ok((saved.facts()?, saved.evident)));
    saved.map_err(|why| format!("{}: {why}", path.display()))
}

fn read(path: &Path) -> Result<Snapshot, String> {
    match input::regular_file(path, snapshot::MOST + 1) {
        Some(Ok(bytes)) => Snapshot::read(&bytes),
        Some(Err(why)) => Err(why.to_string()),
        None if input::is_folder(path) => Err("this is a folder; give the file that `gdoctor collect` wrote".into()),
        None => Err("there is no such file".into()),
    }
}

/// A document of its own: its id, and when it was made.
pub fn stamp(host: &Host) -> (String, String) {
    let made = made(host, Duration::ZERO);
    (made.report_id, made.generated_at)
}

fn made(host: &Host, took: Duration) -> Made {
    let unix = clock::unix_seconds();
    let uuid = host.live().line("/proc/sys/kernel/random/uuid");
    let uuid = uuid.value().map_or("00000000-0000-0000-0000-000000000000", String::as_str);
    let report_id = format!("urn:uuid:{uuid}");
    Made { report_id, generated_at: clock::rfc3339(unix), generated_unix: unix, took }
}

/// Login names of people: uid 1000 and above in /etc/passwd.
fn own_users(host: &Host) -> Vec<String> {
    let passwd = host.text("/etc/passwd");
    let name = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let uid: u32 = fields.get(2)?.parse().ok()?;
        (1000..65_534).contains(&uid).then(|| fields.first().map(|name| (*name).to_owned()))?
    };
    passwd.value().map_or_else(Vec::new, |text| text.lines().filter_map(name).collect())
}

/// Check, code and status of each finding, sorted.
type Verdicts = Vec<(&'static str, &'static str, &'static str)>;

/// Err names the check of which names decide.
fn same(before: &Verdicts, after: &Verdicts) -> Result<(), String> {
    // Both are sorted.
    let lacks = |all: &Verdicts, one: &(_, _, _)| all.binary_search(one).is_err();
    let lost = before.iter().find(|one| lacks(after, one)).or(after.iter().find(|one| lacks(before, one)));
    let Some((check, ..)) = lost else { return Ok(()) };
    Err(format!(
        "nothing was written: without its names this host would be judged otherwise by {check}; please report this"
    ))
}

/// A file's text as its reader will have it.
fn read_back(text: &str) -> Result<Snapshot, String> {
    Snapshot::read(text.as_bytes()).map_err(|why| format!("nothing was written: it could not be read back: {why}"))
}

fn grown(value: &impl Serialize) -> Result<Tree, String> {
    tree(value).map_err(|why| format!("the facts could not be redacted: {why}"))
}

fn redacted<T: Serialize + DeserializeOwned>(value: &T, redactor: &Redactor) -> Result<T, String> {
    typed(&redactor.document(&grown(value)?)).map_err(|why| format!("the facts could not be redacted: {why}"))
}

/// All texts of a document, a line each.
fn texts(document: &Value) -> String {
    match document {
        Value::String(text) => format!("{text}\n"),
        Value::Array(list) => list.iter().map(texts).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| format!("{key}\n{}", texts(value))).collect(),
        _ => String::new(),
    }
}

fn last_look(redactor: &Redactor, text: &str) -> Result<(), String> {
    match redactor.survivor(text) {
        // The original itself must not be told here either.
        Some(original) => {
            let length = original.chars().count();
            Err(format!(
                "nothing was written: something private ({length} characters) is still in it; please report this"
            ))
        }
        None => Ok(()),
    }
}

/// Where the private map of a shared report goes: beside its first file. A pipe or a device has nothing beside it.
fn beside(plan: &Plan) -> Option<PathBuf> {
    let first = match &plan.destination {
        Destination::File(path) => Some(path),
        Destination::Stdout => None,
    };
    let mut paths = first.into_iter().chain(plan.out.iter().map(|out| &out.path));
    paths.find(|path| output::is_file(path)).map(|path| map_path(path))
}

fn map_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".map");
    name.into()
}

fn write_map(path: &Path, redactor: &Redactor) -> Result<(), String> {
    output::write_private(path, redactor.private_map().as_bytes())
}

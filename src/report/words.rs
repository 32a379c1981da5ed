//! Turns findings into the report: statuses by policy, sentences and fixes from each check's `doc.md`, causes resolved.

use std::collections::BTreeMap;
use std::time::Duration;

use gdoctor_checks::ALL;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::doc::Doc;
use gdoctor_checks::model::fact::Gap;
use gdoctor_checks::model::facts::{Facts, own};
use gdoctor_checks::model::finding::{ELSEWHERE, Evidence, Finding, NOT_NEEDED, Verdict};
use gdoctor_checks::model::fix::{Edit, Fix, NOTHING, Note, PACKAGES, Risk, Step, notes_for};
use gdoctor_checks::model::need::{Need, Origin};
use gdoctor_checks::model::run::RunLine;
use gdoctor_checks::readings::sight::{INSIDE, INSIDE_LOOK};

use super::alike;
use super::changes::{self, corrected};
use super::doc::{Known, fill, find_fix, in_capitals, places, quoted, worded};
use super::families::families;
use super::fitted;
use super::gate::Gate;
use super::shown::{Shown, asker};
use super::{FixWords, Frame, HostSummary, Outcome, Report, SCHEMA, Seen, Tool, Touches, length};
use crate::drawn::{self, Gauge};
use crate::judge::Judged;
use crate::policy::{self, FailOn};

/// Stands in a fix's fence for the run line with the finding's edits.
pub const CORRECTED: &str = "{corrected}";

/// Stands in its place where there is no line to change.
pub const YOUR_OWN: &str = "# type gdoctor before your own line: it prints the line with this change";

/// Of every check that tells of the machine on which containers run, unless its document has better words.
pub const OUT_OF_SIGHT: &str =
    "The engine does not run on this machine itself: what this host shows says nothing about its containers.";

/// Puts everything into words. Findings keep their order.
pub fn write(facts: &Facts, need: &Need, judged: &[Judged], fail_on: FailOn, frame: Frame) -> Report {
    write_through(Gate::default(), facts, need, judged, fail_on, frame)
}

/// The same with every text of the host's and the user's through this gate.
pub fn write_through(
    gate: Gate,
    facts: &Facts,
    need: &Need,
    judged: &[Judged],
    fail_on: FailOn,
    frame: Frame,
) -> Report {
    let harmless = |text: &str| gate.text(text);
    // A line that was made from a compose file is nobody's to change.
    let line = need.run.as_ref().filter(|line| !line.made_up);
    let made_up = need.run.as_ref().is_some_and(|line| line.made_up);
    let tags = facts.tags();
    let down =
        judged.iter().any(|j| j.check.id == ENGINE && j.findings.iter().any(|f| matches!(f.verdict, Verdict::Fail(_))));
    let is_root = facts.host.user.value().is_some_and(|user| user.uid == 0);
    let (text, moves) = line.map(|line| changes::shown(line, gate)).unwrap_or_default();
    let shown = &Shown::new(gate, &need.files, &moves);
    let blocked: BTreeMap<&str, &str> =
        judged.iter().flat_map(|j| j.findings.iter().filter_map(|f| Some((j.check.id, blocker(f)?)))).collect();
    let mut results: Vec<Outcome> = judged
        .iter()
        .flat_map(|j| {
            let groups = j.check.family.reads.iter();
            let probe = groups.filter_map(|group| frame.probe_times.get(group)).max().copied().unwrap_or_default();
            let took = probe + j.took;
            let reclaim = need.reclaim.is_some();
            let words = Words {
                check: j.check,
                doc: quoted(j),
                tags: &tags,
                own: &facts.own.checks,
                down,
                is_root,
                line,
                made_up,
                reclaim,
                shown,
                opens: facts.docker.would_open().join(", "),
                took,
            };
            j.findings.iter().map(|f| words.outcome(f, &blocked)).collect::<Vec<_>>()
        })
        .collect();
    alike::fold(&mut results);
    Report {
        schema: SCHEMA,
        format: "gdoctor-report",
        schema_version: super::SCHEMA_VERSION,
        report_id: frame.report_id,
        generated_at: frame.generated_at,
        tool: Tool::this(),
        host: HostSummary {
            system: harmless(facts.host.system.value().map_or("unknown system", |s| s.pretty.as_str())),
            kernel: harmless(facts.host.kernel.value().map_or("", String::as_str)),
            machine: harmless(facts.host.machine.value().map_or("", String::as_str)),
            driver: harmless(facts.nvidia.module.value().map_or("", |module| module.version.as_str())),
            toolkit: harmless(facts.toolkit.version.value().map_or("", String::as_str)),
            docker: harmless(facts.docker.version.value().map_or("", |version| version.version.as_str())),
        },
        labels: BTreeMap::new(),
        need_file: None,
        exit_code: policy::exit_code(results.iter().map(|o| (o.status, o.required)), fail_on),
        summary: super::tally(&results),
        families: families(&results),
        run_line: line.map(|line| changes::run_line(line, text, judged, &results, shown)),
        more_run_lines: Vec::new(),
        compose: need
            .run
            .as_ref()
            .filter(|line| line.made_up)
            .map(|line| changes::compose(line, judged, &results, shown)),
        gauges: drawn::gauges(facts).into_iter().map(|gauge| Gauge { name: harmless(&gauge.name), ..gauge }).collect(),
        pictures: drawn::pictures(facts),
        command: String::new(),
        unselected: String::new(),
        results,
        duration_ms: millis(frame.took),
    }
}

/// Letters of a line that is told again.
const LINE: usize = 120;

const ENGINE: &str = "docker-engine";

struct Words<'a> {
    check: &'static Check,
    doc: Doc<'static>,
    tags: &'a [String],
    own: &'a [own::Seen],
    /// Docker does not answer.
    down: bool,
    /// gdoctor runs as root: sudo would show no more.
    is_root: bool,
    line: Option<&'a RunLine>,
    made_up: bool,
    /// What Docker's own commands would free is asked for already.
    reclaim: bool,
    shown: &'a Shown<'a>,
    /// Addresses of TCP that dockerd's next start opens to everybody.
    opens: String,
    took: Duration,
}

impl Words<'_> {
    fn outcome(&self, finding: &Finding, blocked: &BTreeMap<&str, &str>) -> Outcome {
        let harmless = |text: &str| self.shown.gate.text(text);
        let told = |text: &str| self.shown.gate.told(text);
        let cause = blocker(finding).map(|by| root_cause(by, blocked));
        let waits = cause.map_or_else(String::new, |cause| format!("waits until {}", title_of(cause)));
        let (sentence, detail) = match cause {
            Some(cause) => {
                (format!("cannot tell whether {} before {}", self.doc.title, title_of(cause)), String::new())
            }
            None => self.sentences(finding),
        };
        let explained = self.explained();
        let fixes: Vec<FixWords> = match finding.verdict {
            Verdict::Warn(fix) | Verdict::Fail(fix) => {
                find_fix(&self.doc, fix).map(|fix| self.fix(&fix, finding)).into_iter().collect()
            }
            _ => Vec::new(),
        };
        let seen = |e: &Evidence| Seen { source: told(&e.source.0), value: told(&e.value) };
        Outcome {
            id: self.check.id,
            group: self.check.family.name,
            title: self.doc.title,
            status: policy::status(finding),
            code: format!("{}/{}", self.check.id, finding.code),
            subject: told(&finding.subject),
            summary: sentence,
            short: self.short(finding),
            detail,
            asked_by: finding.asked_by.as_ref().map(|by| asker(by, self.shown)),
            required: policy::is_required(finding.asked_by.as_ref()),
            evidence: length::evidence(finding.evidence.iter().map(seen).collect()),
            picture: finding.values.get("picture").map(|file| harmless(file)),
            docs: fixes.iter().filter_map(|fix| fix.link()).map(str::to_owned).collect(),
            fixes,
            find_out: match &finding.verdict {
                Verdict::Unknown(gap) if explained.is_some() => self.find_out(gap, finding),
                _ => Vec::new(),
            },
            explained,
            cause: cause.map(str::to_owned),
            waits,
            waiver: None,
            duration_ms: millis(self.took),
            stands_for: 1,
        }
    }

    fn filled(&self, command: &str, finding: &Finding) -> String {
        fill(command, finding, |value| self.shown.gate.quoted(value))
    }

    /// What a command of gdoctor's needs besides, to know this check: of a site's own check the flags that name its folder. None
    /// where they are not known.
    fn explained(&self) -> Option<String> {
        let site = self.own.iter().find(|seen| seen.own.id == self.check.id);
        let given = site.map_or(Some(String::new()), |seen| seen.own.given.clone());
        given.map(|given| self.shown.gate.text(&given))
    }

    /// `gdoctor --only CHECK`, asked as it was asked before: by the flag, about the line.
    fn look(&self, gdoctor: &str, finding: &Finding) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@+, ".contains(c);
        let by = finding.asked_by.as_ref();
        let flag = match by {
            Some(Origin::Flag(flag)) if flag.starts_with("--") && flag.chars().all(plain) => format!(" {flag}"),
            _ => String::new(),
        };
        let of_line = self.check.id.starts_with("run-line") || matches!(by, Some(Origin::RunLine { .. }));
        let line = if of_line { self.its_line() } else { String::new() };
        format!("{gdoctor}{flag} --only {}{}{line}", self.check.id, self.explained().unwrap_or_default())
    }

    /// Of a fix without a command of its own for it: how to see that it worked. What told of the trouble tells that it is gone.
    fn look_again(&self, fix: &FixWords, finding: &Finding) -> Step<String> {
        let sentence = |text: &str| Step::Sentence(text.to_owned());
        match (self.check.family.name, fix.tried()) {
            _ if fix.changes_line => sentence("Put gdoctor before the corrected command."),
            ("proof", _) => sentence("Run the same gdoctor prove again."),
            ("dockerfile", _) | (_, None) if self.explained().is_some() => Step::Command(self.look("gdoctor", finding)),
            (_, Some(tried)) => sentence(tried),
            (_, None) => sentence("Run the same gdoctor again."),
        }
    }

    /// What to run where a look gave no answer, by the reason why: another look, or what another would not tell.
    fn find_out(&self, gap: &Gap, finding: &Finding) -> Vec<String> {
        let filled = self.doc.find_out.iter().map(|command| self.filled(command, finding));
        let own: Vec<String> = filled.filter(|command| !super::has_holes(command, finding)).collect();
        let with_own = |looks: Option<String>| looks.into_iter().chain(own.iter().cloned()).collect();
        let look = |gdoctor: &str| Some(self.look(gdoctor, finding));
        let told: Vec<String> = match gap {
            // What is not there is brought by the command that the reason names.
            Gap::ToolMissing(what) if what.split('`').count() == 3 => {
                what.split('`').nth(1).map(str::to_owned).into_iter().chain(look("gdoctor")).collect()
            }
            Gap::Denied if self.is_root => with_own(None),
            Gap::Denied => with_own(look("sudo gdoctor -v")),
            Gap::TimedOut => with_own(look("gdoctor -v --timeout 60s")),
            Gap::Waiting(_) => look("gdoctor --wake").into_iter().collect(),
            Gap::NotAsked => look("gdoctor").into_iter().collect(),
            Gap::ToolMissing(_) | Gap::NoRoom(_) if own.is_empty() => look("gdoctor -v").into_iter().collect(),
            Gap::ToolMissing(_) | Gap::NoRoom(_) => with_own(None),
            Gap::Crashed(_) | Gap::Unparsable(_) | Gap::Said(_) | Gap::Bug(_) => with_own(look("gdoctor -v")),
            // Another look would say the same.
            Gap::Unsupported(why) if why == INSIDE => vec![INSIDE_LOOK.to_owned()],
            // What only a running system shows.
            Gap::Unsupported(why) if why.contains("this root") => {
                look("gdoctor").map(|look| format!("{look}{}", super::again::THERE)).into_iter().collect()
            }
            Gap::Unsupported(_) => with_own(None),
            Gap::BlockedBy(cause) => vec![format!("gdoctor --only {cause}")],
        };
        match told.is_empty() {
            true => vec![format!("gdoctor explain {}{}", self.check.id, self.explained().unwrap_or_default())],
            false => told,
        }
    }

    /// ` -- docker run ...`: the line as it was given, where it is short.
    fn its_line(&self) -> String {
        let text = self.line.map(|line| self.shown.gate.text(line.text.trim())).unwrap_or_default();
        let whole = !text.is_empty() && !text.contains('\n') && text.len() <= LINE;
        format!(" -- {}", if whole { text.as_str() } else { "docker run ..." })
    }

    fn short(&self, finding: &Finding) -> String {
        let code = self.doc.code(finding.code);
        code.map(|code| fill(code.short, finding, |text| self.shown.gate.told(text))).unwrap_or_default()
    }

    fn sentences(&self, finding: &Finding) -> (String, String) {
        let told = |text: &str| self.shown.gate.told(text);
        let fill = |text: &str| fill(text, finding, told);
        match &finding.verdict {
            Verdict::Unknown(gap) => {
                let at = finding.values.get("source").map(|s| format!(" ({})", told(s))).unwrap_or_default();
                (format!("cannot tell whether {}: {}{at}", self.doc.title, told(&gap.reason())), String::new())
            }
            _ if finding.code == NOT_NEEDED => (fill(self.doc.not_needed), String::new()),
            _ => match self.doc.code(finding.code) {
                // Where a document's line ends says nothing to a terminal of another width.
                Some(code) => (fill(&code.sentence.replace('\n', " ")), fill(code.detail)),
                None if finding.code == ELSEWHERE => (OUT_OF_SIGHT.to_owned(), String::new()),
                None => (format!("{} (this code has no words yet)", finding.code), String::new()),
            },
        }
    }

    fn fix(&self, fix: &Fix, finding: &Finding) -> FixWords {
        let mut words = fix_words(fix, self.tags, self.line, finding, self.shown.gate);
        words.title.push_str(&places(&words.commands, &Known::nothing()));
        words.commands.retain(|command| !self.made_up || command != YOUR_OWN);
        // It would name the very run that this is.
        words.notes.retain(|note| !(self.reclaim && note.contains("gdoctor --only disk --reclaim")));
        let asks_docker = |command: &String| {
            let command = command.trim_start_matches("sudo ");
            command.starts_with("docker ") && !command.starts_with("docker context ") && !command.ends_with(" --help")
        };
        if self.down && !words.changes_line && self.check.id != ENGINE && words.commands.iter().any(asks_docker) {
            words
                .notes
                .insert(0, "Docker has to run for this: start it first (`gdoctor explain docker-engine`).".to_owned());
        }
        if !self.opens.is_empty() && words.commands.iter().any(|line| starts_docker(line)) {
            words.opens = self.shown.gate.told(&self.opens);
            words.notes.insert(
                0,
                format!(
                    "Docker then listens at {} and asks nobody for a certificate (tlsverify): {ROOT_FOR_ALL}.",
                    words.opens
                ),
            );
        }
        if words.verify.is_empty() {
            words.verify.push(self.look_again(&words, finding));
        }
        words
    }
}

/// What a dockerd on TCP comes to that asks nobody for a certificate.
pub const ROOT_FOR_ALL: &str = "whoever reaches that is root on this host";

/// The line starts dockerd, anew too.
fn starts_docker(line: &str) -> bool {
    const BEGINS: [&str; 4] = ["systemctl ", "service docker ", "rc-service docker ", "snap "];
    const STARTS: [&str; 3] = [" start", " restart", " --now"];
    let is_of_docker = |part: &str| part.contains("docker") && STARTS.iter().any(|word| part.contains(word));
    line.split(['&', ';']).any(|part| is_of_docker(part) && BEGINS.iter().any(|word| part.contains(word)))
}

/// What a fix that restarts the machine says behind its commands: in their block it would end a paste of several.
const RESTART: &str = "Then restart the machine: `sudo reboot`.";

/// A fix for a host with these tags, with what is known where no host was looked at.
pub fn general_fix(fix: &Fix, tags: &[String], known: &Known) -> FixWords {
    let title = worded(fix.title_for(tags), known);
    let texts = |lines: &[Note]| -> Vec<String> {
        let text = |line: &Note| match line.step() {
            Step::Sentence(text) => worded(text, known),
            Step::Command(text) => text.to_owned(),
        };
        lines.iter().map(text).collect()
    };
    let (notes, verify, undo) = (texts(&fix.notes), texts(&fix.verify), texts(&fix.undo));
    let worded = Fix {
        title: &title,
        titles: Vec::new(),
        notes: with_texts(&fix.notes, &notes),
        verify: with_texts(&fix.verify, &verify),
        undo: with_texts(&fix.undo, &undo),
        ..fix.clone()
    };
    let words = fix_words(&worded, tags, None, known.finding(), Gate::default());
    let each = |texts: Vec<String>| -> Vec<String> { texts.iter().map(|text| in_capitals(text)).collect() };
    let steps = |steps: Vec<Step<String>>| steps.into_iter().map(|step| step.map(|text| in_capitals(&text))).collect();
    let commands = each(words.commands);
    FixWords {
        title: format!("{}{}", in_capitals(&words.title), places(&commands, known)),
        commands,
        notes: each(words.notes),
        verify: steps(words.verify),
        undo: steps(words.undo),
        ..words
    }
}

fn with_texts<'a>(lines: &[Note<'a>], texts: &'a [String]) -> Vec<Note<'a>> {
    lines.iter().zip(texts).map(|(line, text)| Note { tags: line.tags.clone(), text }).collect()
}

fn fix_words(fix: &Fix, tags: &[String], line: Option<&RunLine>, finding: &Finding, gate: Gate) -> FixWords {
    let told = |text: &str| gate.told(text);
    let notes = notes_for(&fix.notes, tags).into_iter().map(|note| fill(note.text, finding, told)).collect();
    let notes = fitted::notes(tags, notes);
    let filled = |step: Step<&str>| match step {
        Step::Sentence(text) => Step::Sentence(fill(text, finding, told)),
        Step::Command(text) => Step::Command(fill(text, finding, |value| gate.quoted(value))),
    };
    let afterwards = |lines: &[Note]| {
        let steps = notes_for(lines, tags).into_iter().map(|note| filled(note.step())).collect();
        fitted::steps(tags, steps)
    };
    let too_long = line.and_then(|line| length::too_long(line.text.len()));
    let changes_line = line.is_some() && fix.commands.iter().any(|fence| fence.text.trim() == CORRECTED);
    let fences = fix.commands_for(tags);
    let elsewhere = match fences.is_empty() {
        true if fix.commands.is_empty() => None,
        true => Some(fitted::none_here(tags, &fix.commands)),
        false => fix.lacks_a_step(tags).then_some(fitted::STEP_MISSING),
    };
    let commands = fences.into_iter().flat_map(str::lines);
    let commands = commands.flat_map(|command| match line.filter(|_| command == CORRECTED) {
        Some(line) => gate.lines(&corrected(line, &[finding]).0).0.lines().map(str::to_owned).collect(),
        None if command == CORRECTED => vec![YOUR_OWN.to_owned()],
        None => vec![fill(command, finding, |value| gate.quoted(value))],
    });
    let fitting = match too_long.filter(|_| changes_line) {
        Some(told) => Err(told),
        // It has none anywhere: what the title says is done by hand.
        None if fix.commands.is_empty() => Ok(Vec::new()),
        None => fitted::commands(tags, commands.collect()).map_err(str::to_owned),
    };
    let (commands, left_out) = match fitting.and_then(length::commands) {
        Ok(commands) => (commands, elsewhere.map(str::to_owned)),
        Err(told) => (Vec::new(), Some(told)),
    };
    let risks = fitted::risks(&fix.risks, tags, &commands);
    let to_run = !commands.is_empty();
    let restart =
        risks.contains(&Risk::Reboot) && to_run && !commands.iter().any(|command| command.ends_with("reboot"));
    FixWords {
        title: fill(fix.title_for(tags), finding, told),
        commands,
        needs_root: risks.contains(&Risk::NeedsRoot),
        risks: risks.into_iter().map(Risk::words).collect(),
        notes: left_out.into_iter().chain(restart.then(|| RESTART.to_owned())).chain(notes).collect(),
        verify: if to_run { afterwards(&fix.verify) } else { Vec::new() },
        undo: if to_run { afterwards(&fix.undo) } else { Vec::new() },
        page: fix.page.to_owned(),
        changes_line,
        opens: String::new(),
        touches: touches(fix, tags, finding, gate),
    }
}

/// What the fix changes on a host with these tags, by its document. None where that is not told, or where something that fills its
/// placeholders is not printed as it is: then what is printed and what had to be done are two.
fn touches(fix: &Fix, tags: &[String], finding: &Finding, gate: Gate) -> Option<Touches> {
    let (writes, edits) = (notes_for(&fix.writes, tags), notes_for(&fix.edits, tags));
    let is_exact = |value: &String| gate.text(value) == *value;
    let told = fix.commands_for(tags).into_iter().chain(writes.iter().chain(&edits).map(|note| note.text));
    let text: String = told.collect();
    let named = |(name, value): (&&str, &String)| !text.contains(&format!("{{{name}}}")) || is_exact(value);
    if writes.is_empty() && edits.is_empty()
        || !finding.values.iter().all(|(name, value)| named((name, value)))
        || !named((&"subject", &finding.subject))
    {
        return None;
    }
    let raw = |text: &str| fitted::places(tags, fill(text, finding, str::to_owned));
    let named = || writes.iter().flat_map(|note| note.text.split(", "));
    let edit = |note: &&Note| {
        let edit = Edit::parse(note.text)?;
        let change = edit.change.map(raw, |value| json(value, finding))?;
        Some(Edit { path: raw(edit.path), form: edit.form, change })
    };
    Some(Touches {
        writes: named().filter(|path| ![NOTHING, PACKAGES].contains(path)).map(raw).collect(),
        packages: named().any(|path| path == PACKAGES),
        edits: edits.iter().map(edit).collect::<Option<_>>()?,
    })
}

/// A value of an edit, filled: in a JSON string whatever it is, outside of one a number alone.
fn json(value: &str, finding: &Finding) -> Option<String> {
    let in_string = |text: &str| {
        let quoted = serde_json::Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let filled = match value.contains('"') {
        true => fill(value, finding, in_string),
        false => fill(value, finding, |number| number.parse::<u64>().map_or_else(|_| "?".into(), |n| n.to_string())),
    };
    serde_json::from_str::<serde_json::Value>(&filled).is_ok().then_some(filled)
}

fn blocker(finding: &Finding) -> Option<&str> {
    match &finding.verdict {
        Verdict::Unknown(Gap::BlockedBy(check)) => Some(check),
        _ => None,
    }
}

/// Of a built-in check the clause that holds where all is well.
pub fn title_of(id: &str) -> &str {
    ALL.iter().find(|check| check.id == id).map_or(id, |check| check.title())
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

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_followed_to_the_root() {
        let blocked = BTreeMap::from([("c", "b"), ("b", "a")]);
        assert_eq!(root_cause("b", &blocked), "a");
        let circle = BTreeMap::from([("a", "b"), ("b", "a")]);
        assert_eq!(root_cause("a", &circle), "b");
    }
}

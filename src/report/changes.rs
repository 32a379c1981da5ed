//! What would have to change in the judged run line, or in the service's files: the edits of all findings together.

use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::finding::{Finding, Verdict};
use gdoctor_checks::model::run::{Edit, RunLine, Secret, Span};

use super::doc::{fill, find_fix, parse};
use super::gate::Gate;
use super::shown::{Shown, asker};
use super::start;
use super::{Change, ComposeWords, FileChange, Outcome, RunLineWords};
use crate::correction::Correction;
use crate::judge::Judged;
use crate::need::compose::write;
use crate::secret;
use crate::snapshot::redact::Moves;

/// The line with the changes that `findings` want, and which change is whose. Literal secrets are not repeated: a variable that is
/// passed on by its name does without its value, any other secret becomes a variable of the shell.
pub fn corrected(line: &RunLine, findings: &[&Finding]) -> (String, Vec<(Option<usize>, Edit)>) {
    let mut correction = Correction::default();
    for (number, finding) in findings.iter().enumerate() {
        correction.accept(number, &finding.edits);
    }
    if !correction.changes().is_empty() {
        for edit in &line.pasted {
            correction.accept(findings.len(), std::slice::from_ref(edit));
        }
        for secret in &line.secrets {
            correction.accept(findings.len(), &[Edit { span: secret.span, text: String::new() }]);
        }
        for secret in secret::find(&line.text) {
            let span = Span::new(secret.start, secret.end);
            if !line.secrets.iter().any(|known| known.span.overlaps(span)) {
                let text = reference(&line.text, span);
                correction.accept(findings.len(), &[Edit { span, text }]);
            }
        }
    }
    let changes = correction.changes();
    let owned = changes.iter().map(|(by, edit)| ((*by < findings.len()).then_some(*by), (*edit).clone())).collect();
    (correction.apply(line), owned)
}

/// A variable of the shell in the place of a secret, within the quotes that stand around it.
fn reference(text: &str, secret: Span) -> String {
    let mut quote = None;
    let mut escaped = false;
    for c in text[..secret.start].chars() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    // `${TOKEN:-secret}` has the variable already.
    if text[..secret.start].ends_with(":-") {
        return String::new();
    }
    let name = variable(&text[..secret.start]);
    match quote {
        None => format!("\"${{{name}}}\""),
        Some('"') => format!("${{{name}}}"),
        Some(_) => format!("'\"${{{name}}}\"'"),
    }
}

/// `SPLUNK_TOKEN` for what stands behind `splunk-token=`.
fn variable(before: &str) -> String {
    let before = before.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let start = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c))).map_or(0, |at| at + 1);
    let name = before[start..].trim_matches(['-', '_']).to_ascii_uppercase().replace('-', "_");
    if secret::is_secret(&name) && !name.starts_with(|c: char| c.is_ascii_digit()) { name } else { "SECRET".into() }
}

/// The line's text as a report shows it, and how its places move.
pub fn shown(line: &RunLine, gate: Gate) -> (String, Moves) {
    let mut text = line.text.clone().into_bytes();
    for byte in line.secrets.iter().flat_map(|secret| secret.span.start + 1..secret.span.end) {
        if let Some(byte) = text.get_mut(byte) {
            *byte = b'*';
        }
    }
    gate.lines(&String::from_utf8_lossy(&text))
}

/// Warnings and failures, each with the check that has it.
fn bad(judged: &[Judged]) -> (Vec<&'static Check>, Vec<&Finding>) {
    let all = judged.iter().flat_map(|j| j.findings.iter().map(|finding| (j.check, finding)));
    all.filter(|(_, finding)| matches!(finding.verdict, Verdict::Warn(_) | Verdict::Fail(_))).unzip()
}

pub fn compose(line: &RunLine, judged: &[Judged], results: &[Outcome], shown: &Shown) -> ComposeWords {
    let harmless = |text: &str| shown.gate.text(text);
    let (owners, findings) = bad(judged);
    let mut changes = Vec::new();
    for (by, edit) in corrected(line, &findings).1 {
        let Some((by, changed)) = by.zip(write::changed(line, &edit)) else { continue };
        let Some(file) = asker(&changed.at, shown).file else { continue };
        let lines = |entry: &write::Entry| if changed.adds { entry.lines() } else { entry.item_lines() };
        changes.push(FileChange {
            file,
            adds: changed.adds,
            lines: changed.entries.iter().flat_map(lines).map(|line| harmless(&line)).collect(),
            reason: reason(owners[by], findings[by], shown.gate),
            code: format!("{}/{}", owners[by].id, findings[by].code),
        });
    }
    changes.sort_by(|a, b| (&a.file.path, a.file.start).cmp(&(&b.file.path, b.file.start)));
    ComposeWords {
        service: line.by.as_ref().map(|by| harmless(&by.to_string())).unwrap_or_default(),
        open: start::open(line, results).iter().map(|why| harmless(why)).collect(),
        changes,
    }
}

pub fn run_line(line: &RunLine, text: String, judged: &[Judged], results: &[Outcome], shown: &Shown) -> RunLineWords {
    let harmless = |text: &str| shown.gate.text(text);
    let (owners, findings) = bad(judged);
    let (command, edits) = corrected(line, &findings);
    let changes: Vec<Change> = edits
        .into_iter()
        .map(|(by, edit)| {
            let (code, reason) = match by {
                Some(by) => {
                    let reason = reason(owners[by], findings[by], shown.gate);
                    (format!("{}/{}", owners[by].id, findings[by].code), reason)
                }
                None if line.pasted.contains(&edit) => (String::new(), PASTED.to_owned()),
                None => (String::new(), secret_reason(line, &edit)),
            };
            let (start, end) = (shown.moves.of(edit.span.start), shown.moves.of(edit.span.end));
            Change { start, end, text: shown.gate.lines(&edit.text).0, reason, code }
        })
        .collect();
    RunLineWords {
        engine: if line.podman { "podman" } else { "docker" },
        text,
        file: harmless(&line.file),
        line: line.number,
        several: false,
        image: line.image.as_ref().map(|image| harmless(&image.reference)).unwrap_or_default(),
        starts: start::verdict(line, results),
        partial: start::is_partial(results),
        unseen: start::unseen(line).into_iter().map(harmless).collect(),
        open: start::open(line, results).iter().map(|why| harmless(why)).collect(),
        left: start::left(results, |code| changes.iter().any(|change| change.code == code)),
        corrected: (!changes.is_empty()).then(|| shown.gate.lines(&command).0),
        changes,
    }
}

/// Why prompts are not in a corrected command.
const PASTED: &str = "Prompts and printed lines are no part of the command";

/// The title of the fix, which says what is changed and why.
fn reason(check: &Check, finding: &Finding, gate: Gate) -> String {
    let reference = match finding.verdict {
        Verdict::Warn(fix) | Verdict::Fail(fix) => fix,
        _ => return String::new(),
    };
    find_fix(&parse(check), reference).map_or_else(String::new, |fix| fill(fix.title, finding, |text| gate.text(text)))
}

fn secret_reason(line: &RunLine, edit: &Edit) -> String {
    match line.secrets.iter().find(|secret| secret.span == edit.span) {
        Some(Secret { name, .. }) => {
            format!("The value of {name} is not repeated here: `export {name}=…` first, which docker then passes on")
        }
        None if edit.text.is_empty() => {
            "A secret is not repeated here: set its variable in your shell first".to_owned()
        }
        None => {
            let name = edit.text.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            format!("A secret is not repeated here: set {name} in your shell first")
        }
    }
}

//! What would have to change in the judged run line, or in the service's files: the edits of all findings together.

use std::collections::BTreeMap;

use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::finding::{Finding, Verdict};
use gdoctor_checks::model::run::{Edit, RunLine};

use super::words::{asker, fill};
use super::{Change, ComposeWords, FileChange, Outcome, RunLineWords, find_fix, harmless, parse};
use crate::correction::Correction;
use crate::judge::Judged;
use crate::need::compose::write;
use crate::start;

/// The line with the changes that `findings` want, and which change is whose. Literal secrets are not repeated.
pub fn corrected(line: &RunLine, findings: &[&Finding]) -> (String, Vec<(Option<usize>, Edit)>) {
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

pub fn compose(line: &RunLine, judged: &[Judged], files: &BTreeMap<String, String>) -> ComposeWords {
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

pub fn run_line(line: &RunLine, judged: &[Judged], results: &[Outcome]) -> RunLineWords {
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
        line: line.number,
        several: false,
        image: line.image.as_ref().map(|image| harmless(&image.reference)).unwrap_or_default(),
        starts: start::verdict(line, results),
        partial: start::is_partial(results),
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

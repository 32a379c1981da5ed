//! SARIF 2.1.0 for GitHub code scanning: a rule a check, a result a finding that is not in order; what is in order or not needed
//! only when asked for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::status;
use crate::policy::Status;
use crate::report::{Outcome, Report};

/// `whole` takes in what passed and what is not needed.
pub fn render(report: &Report, whole: bool) -> String {
    let mut rules: Vec<Value> = Vec::new();
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for outcome in &report.results {
        numbers.entry(outcome.id).or_insert_with(|| {
            rules.push(rule(report, outcome));
            rules.len() - 1
        });
    }
    let told = |o: &&Outcome| {
        whole || o.is_waived() || matches!(status::shown(o), Status::Fail | Status::Warn | Status::Unknown)
    };
    let results: Vec<Value> = report.results.iter().filter(told).map(|o| result(report, o, numbers[o.id])).collect();
    let file = report.need_file.iter().map(
        |file| json!({ "level": if file.used { "note" } else { "warning" }, "message": { "text": file.words() } }),
    );
    let unknown = report.results.iter().filter(|o| status::shown(o) == Status::Unknown).map(notification);
    let notes: Vec<Value> = file.chain(unknown).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "semanticVersion": report.tool.version,
                "informationUri": "https://github.com/gdoctor/gdoctor",
                "rules": rules,
            }},
            // What GitHub keeps apart by: two hosts' results do not replace each other.
            "automationDetails": { "id": format!("gdoctor/{}/", report.labels.get("host").map_or("host", String::as_str)) },
            "properties": { "labels": report.labels },
            "invocations": [{
                "executionSuccessful": report.exit_code != crate::policy::UNDETERMINED,
                "exitCode": report.exit_code,
                "endTimeUtc": report.generated_at,
                "toolExecutionNotifications": notes,
            }],
            "columnKind": "utf16CodeUnits",
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn rule(report: &Report, outcome: &Outcome) -> Value {
    let title = capital(outcome.title);
    let worst = report
        .results
        .iter()
        .filter(|o| o.id == outcome.id)
        .max_by_key(|o| matches!(o.status, Status::Fail) as u8 * 2 + matches!(o.status, Status::Warn) as u8)
        .unwrap_or(outcome);
    let mut help = format!("{title}.\n");
    let mut markdown = format!("**{title}.**\n");
    for fix in &worst.fixes {
        help.push_str(&format!("\n{}\n{}\n{}\n", fix.headed(&fix.title), fix.commands.join("\n"), fix.page));
        let (title, commands) = (fix.headed(super::md::text(&fix.title)), super::md::fence(&fix.commands));
        let page = fix.link().map_or_else(|| super::md::text(&fix.page), |page| format!("[{page}]({page})"));
        markdown.push_str(&format!("\n{title}\n{commands}\n{page}\n"));
    }
    json!({
        "id": outcome.id,
        "name": outcome.id,
        "shortDescription": { "text": short(&title) },
        "fullDescription": { "text": short(&format!("gdoctor checks whether this holds: {}.", outcome.title)) },
        "help": { "text": help, "markdown": markdown },
        "helpUri": worst.fixes.first().and_then(|fix| fix.link()).unwrap_or("https://github.com/gdoctor/gdoctor"),
        "defaultConfiguration": { "level": "error" },
        "properties": { "tags": [outcome.group], "precision": "high", "problem.severity": "error" },
    })
}

fn result(report: &Report, outcome: &Outcome, rule: usize) -> Value {
    // A waived result stays what it is, and is suppressed; what waits for another check is told under that one.
    let own = if outcome.is_waived() { outcome.status } else { status::shown(outcome) };
    let (kind, level) = status::sarif(own);
    let mut text = outcome.summary.clone();
    if !outcome.detail.is_empty() {
        text.push_str(&format!("\n{}", outcome.detail));
    }
    let justified = status::waiver(outcome).filter(|_| outcome.is_waived());
    let suppressions: Vec<Value> = justified
        .map(|words| json!({ "kind": "external", "status": "accepted", "justification": words }))
        .into_iter()
        .collect();
    json!({
        "ruleId": outcome.id,
        "ruleIndex": rule,
        "kind": kind,
        "level": level,
        "message": { "text": text },
        // An empty list says that nothing is suppressed.
        "suppressions": suppressions,
        "locations": [{
            "physicalLocation": location(report, outcome),
            "logicalLocations": [{ "fullyQualifiedName": status::name(outcome), "kind": "resource" }],
        }],
        // Of what it is about, not of its words: a reworded message stays the same alert.
        "partialFingerprints": { "primaryLocationLineHash": format!("{:016x}:1", hash(&status::name(outcome))) },
        "properties": { "code": outcome.code, "fix": outcome.fixes },
    })
}

/// The line of the user's file that asks for it, or the file whose content is at fault. GitHub takes no result without a place: what
/// is of the host alone gets one that names its check and is no file.
fn location(report: &Report, outcome: &Outcome) -> Value {
    let asker = outcome.asked_by.as_ref();
    if let Some(place) = asker.and_then(|asker| asker.file.as_ref()) {
        let end = place.column + (place.end.saturating_sub(place.start)).max(1);
        return region(
            &place.path,
            place.line,
            place.column,
            (place.text.is_empty() || end <= place.text_after + place.text.len() + 1).then_some(end),
        );
    }
    let line = report.run_line.as_ref().filter(|line| !line.file.is_empty());
    if let Some((line, (start, end))) = line.zip(asker.and_then(|asker| asker.start.zip(asker.end))) {
        let before = line.text.get(..start).unwrap_or_default();
        let column = before.rsplit('\n').next().unwrap_or_default().encode_utf16().count() + 1;
        let spot = line.text.get(start..end).unwrap_or_default();
        let to = (!spot.contains('\n')).then(|| column + spot.encode_utf16().count().max(1));
        return region(&line.file, before.matches('\n').count() + 1, column, to);
    }
    let read = outcome.evidence.first().map(|seen| seen.source.as_str());
    let is_file = |path: &&str| path.starts_with("/etc/") && !path.contains(char::is_whitespace);
    match read.filter(is_file) {
        Some(path) => region(path, 1, 1, None),
        None => region(&format!("gdoctor/{}", outcome.id), 1, 1, None),
    }
}

fn region(path: &str, line: usize, column: usize, end: Option<usize>) -> Value {
    let mut region = json!({ "startLine": line, "startColumn": column });
    if let Some(end) = end {
        region["endColumn"] = end.into();
    }
    json!({ "artifactLocation": { "uri": uri(path) }, "region": region })
}

/// A path as a URI: relative ones stay so, which is how code scanning finds files of a repository.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let quoted: String = path
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    if path.starts_with('/') { format!("file://{quoted}") } else { quoted.trim_start_matches("./").to_owned() }
}

fn notification(outcome: &Outcome) -> Value {
    json!({
        "level": "warning",
        "message": { "text": outcome.summary },
        "descriptor": { "id": outcome.id },
        "associatedRule": { "id": outcome.id },
    })
}

/// FNV-1a, 64 bits.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// GitHub takes 1024 characters.
fn short(text: &str) -> String {
    text.chars().take(1000).collect()
}

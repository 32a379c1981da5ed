//! Markdown: for a pull request, a job's summary or an issue.

use std::fmt::Write;

use super::status;
use crate::policy::Status;
use crate::report::Report;

pub fn render(report: &Report) -> String {
    let count = |status| status::count(report, status);
    let mut out = format!(
        "## gdoctor: {} failed, {} warned, {} passed, {} unknown, {} skipped\n\n{}, kernel {}, {}, gdoctor {}\n\n",
        count(Status::Fail),
        count(Status::Warn),
        count(Status::Pass),
        count(Status::Unknown),
        count(Status::Skip),
        text(&report.host.system),
        text(&report.host.kernel),
        text(&report.host.machine),
        report.tool.version,
    );
    if let Some(file) = &report.need_file {
        let _ = writeln!(out, "{}\n", text(&file.words()));
    }
    out.push_str("| | Check | What was seen |\n|---|---|---|\n");
    for outcome in status::by_weight(report) {
        let word = status::shown(outcome).word().to_uppercase();
        let _ = writeln!(out, "| {word} | {} | {} |", text(&status::name(outcome)), text(&status::summary(outcome)));
    }
    corrected(&mut out, report);
    for outcome in status::by_weight(report) {
        if !matches!(status::shown(outcome), Status::Fail | Status::Warn) {
            continue;
        }
        let word = status::shown(outcome).word().to_uppercase();
        let _ = writeln!(out, "\n### {word} {}\n\n{}", text(&status::name(outcome)), text(&outcome.summary));
        if !outcome.detail.is_empty() {
            let _ = writeln!(out, "\n{}", text(&outcome.detail));
        }
        if let Some(words) = status::waiver(outcome) {
            let _ = writeln!(out, "\n{}", text(&words));
        }
        for fix in &outcome.fixes {
            let _ = writeln!(out, "\n{} ({})\n\n{}", text(&fix.title), fix.risks.join(", "), fence(&fix.commands));
            for note in &fix.notes {
                let _ = writeln!(out, "{}\n", text(note));
            }
            let _ = writeln!(out, "<{}>", fix.page);
        }
        if !outcome.evidence.is_empty() {
            out.push_str("\n<details><summary>Evidence</summary>\n\n");
            for seen in &outcome.evidence {
                let _ = writeln!(out, "- {}: {}", text(&seen.source), text(&seen.value));
            }
            out.push_str("\n</details>\n");
        }
    }
    out
}

/// The whole corrected command, and why each part of it changed.
fn corrected(out: &mut String, report: &Report) {
    for line in report.run_lines() {
        let _ = writeln!(out, "\n{}", text(&line.verdict()));
        let Some(command) = &line.corrected else { continue };
        let _ = writeln!(out, "\n### {}\n\n{}", line.title(), fence(&[command.trim_end().to_owned()]));
        for reason in line.reasons() {
            let _ = writeln!(out, "- {}", text(reason));
        }
        for left in &line.left {
            let _ = writeln!(out, "- Left to mend: {}", text(left));
        }
    }
}

/// A fence around commands that none of them can close.
pub fn fence(commands: &[String]) -> String {
    let marks = if commands.iter().any(|c| c.contains("```")) { "~~~~~~" } else { "```" };
    format!("{marks}sh\n{}\n{marks}\n", commands.join("\n"))
}

/// Text from the host that Markdown and HTML take for text.
pub fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '\n' => out.push(' '),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '@' => out.push_str("&#64;"),
            c => out.push(c),
        }
    }
    out
}

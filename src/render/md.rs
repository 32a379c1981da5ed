//! Markdown: for a pull request, a job's summary or an issue.

use std::fmt::Write;

use gdoctor_checks::model::fix::Step;

use super::status;
use crate::report::{self, Outcome, Report};

pub fn render(report: &Report) -> String {
    let mut out = format!(
        "## gdoctor: {}\n\n{}\n\n{}, kernel {}, {}, gdoctor {}\n\n",
        text(&status::verdict(report)),
        status::counts(report),
        text(&report.host.system),
        text(&report.host.kernel),
        text(&report.host.machine),
        report.tool.version,
    );
    if let Some(labels) = status::labels(report) {
        let _ = writeln!(out, "{}\n", text(&labels));
    }
    if let Some(file) = &report.need_file {
        let _ = writeln!(out, "{}\n", text(&file.words()));
    }
    corrected(&mut out, report);
    let (trouble, rest): (Vec<&Outcome>, Vec<&Outcome>) =
        status::by_weight(report).into_iter().partition(|o| o.is_trouble());
    trouble.iter().for_each(|outcome| told(&mut out, outcome));
    if !rest.is_empty() {
        let _ = write!(
            out,
            "\n<details><summary>{}</summary>\n\n| | Check | What was seen |\n|---|---|---|\n",
            status::plural(report::number(rest.iter().copied()), "other result")
        );
        for outcome in rest {
            let word = outcome.counted_as().to_uppercase();
            let _ =
                writeln!(out, "| {word} | {} | {} |", text(&status::name(outcome)), prose(&status::summary(outcome)));
        }
        out.push_str("\n</details>\n");
    }
    out
}

/// A failure or a warning, with its fixes.
fn told(out: &mut String, outcome: &Outcome) {
    let word = outcome.counted_as().to_uppercase();
    let _ = writeln!(out, "\n### {word} {}\n\n{}", text(&status::name(outcome)), prose(&outcome.summary));
    if !outcome.detail.is_empty() {
        let _ = writeln!(out, "\n{}", prose(&outcome.detail));
    }
    if let Some(words) = status::waiver(outcome) {
        let _ = writeln!(out, "\n{}", text(&words));
    }
    for fix in &outcome.fixes {
        let _ = writeln!(out, "\n{}\n{}", fix.headed(prose(&fix.title)), fence(&fix.commands));
        for note in &fix.notes {
            let _ = writeln!(out, "{}\n", prose(note));
        }
        for (label, step) in fix.afterwards() {
            let set = match step {
                Step::Command(command) => code(command),
                Step::Sentence(sentence) => prose(sentence),
            };
            let _ = writeln!(out, "{label}: {set}\n");
        }
        let _ = match fix.link() {
            Some(link) => writeln!(out, "<{link}>"),
            None => writeln!(out, "{}", text(&fix.page)),
        };
    }
    if !outcome.find_out.is_empty() {
        let _ = writeln!(out, "\nTo find out:\n{}", fence(&outcome.find_out));
    }
    if !outcome.evidence.is_empty() {
        out.push_str("\n<details><summary>Evidence</summary>\n\n");
        for seen in &outcome.evidence {
            let _ = writeln!(out, "- {}: {}", text(&seen.source), text(&seen.value));
        }
        out.push_str("\n</details>\n");
    }
}

/// The whole corrected command, and why each part of it changed.
fn corrected(out: &mut String, report: &Report) {
    for line in report.run_lines() {
        let _ = writeln!(out, "\n{}", text(&line.verdict()));
        let Some(command) = &line.corrected else { continue };
        let _ = writeln!(out, "\n### {}\n{}", line.title(), fence(&[command.trim_end().to_owned()]));
        for reason in line.reasons() {
            let _ = writeln!(out, "- {}", prose(reason));
        }
        for left in &line.left {
            let _ = writeln!(out, "- Left to mend: {}", text(left));
        }
    }
}

/// A fence around commands that none of them can close; nothing around none.
pub fn fence(commands: &[String]) -> String {
    if commands.is_empty() {
        return String::new();
    }
    let marks = if commands.iter().any(|c| c.contains("```")) { "~~~~~~" } else { "```" };
    format!("\n{marks}sh\n{}\n{marks}\n", commands.join("\n"))
}

/// A sentence in which what stands between backquotes is set as code.
fn prose(raw: &str) -> String {
    let parts: Vec<&str> = raw.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return text(raw);
    }
    let set = |(at, part): (usize, &&str)| if at % 2 == 1 { code(part) } else { text(part) };
    parts.iter().enumerate().map(set).collect()
}

/// In a code span nothing can be escaped, in an element all can.
fn code(part: &str) -> String {
    match part.is_empty() || part.contains(['\n', '|', '<', '>', '&', '\\', '`']) {
        true => format!("<code>{}</code>", text(part)),
        false => format!("`{part}`"),
    }
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

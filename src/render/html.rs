//! One HTML file: no network, light and dark, phone and paper, keyboard and screen reader. The filter is made of radio buttons and
//! works without scripts; a script of a few lines adds the copy buttons.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gdoctor_checks::model::fix::Step;

use super::status;
use crate::policy::Status;
use crate::report::{self, COUNTED, FixWords, Outcome, Report};

const STYLE: &str = include_str!("html.css");
const SCRIPT: &str = include_str!("html.js");

pub fn render(report: &Report) -> String {
    let mut out = head(&status::verdict(report), "");
    let verdict = text(&status::verdict(report));
    let file = report.need_file.as_ref().map(|file| format!("<p>{}</p>\n", text(&file.words()))).unwrap_or_default();
    let _ = write!(
        out,
        "<header>\n<h1>{verdict}</h1>\n<p>{}{}, kernel {}, {} · <time datetime=\"{when}\">{when}</time> · gdoctor {}</p>\n{file}</header>\n",
        report.labels.iter().map(|(name, value)| format!("{} {} · ", text(name), text(value))).collect::<String>(),
        text(&report.host.system),
        text(&report.host.kernel),
        text(&report.host.machine),
        text(report.tool.version),
        when = text(&report.generated_at),
    );
    families(&mut out, report);
    out.push_str("<main>\n");
    corrected(&mut out, report);
    room(&mut out, report);
    pictures(&mut out, report);
    filter(&mut out, report);
    for outcome in status::by_weight(report) {
        result(&mut out, outcome);
    }
    let _ = write!(out, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    out
}

/// All before the page's own content; `style` comes besides the common one.
pub fn head(title: &str, style: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>gdoctor: {}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n",
        text(title)
    )
}

/// The whole corrected command, and why each part of it changed.
fn corrected(out: &mut String, report: &Report) {
    for line in report.run_lines() {
        let _ = writeln!(out, "<section class=\"line\">\n<h2>The command</h2>\n<p>{}</p>", text(&line.verdict()));
        let _ = writeln!(out, "<h3>As given</h3>\n{}", code(line.text.trim_end(), "the command as given"));
        if let Some(command) = &line.corrected {
            let _ =
                writeln!(out, "<h3>{}</h3>\n{}\n<ul>", line.title(), code(command.trim_end(), "the corrected command"));
            for reason in line.reasons() {
                let _ = writeln!(out, "<li>{}</li>", prose(reason));
            }
            for left in &line.left {
                let _ = writeln!(out, "<li>Left to mend: {}</li>", text(left));
            }
            out.push_str("</ul>\n");
        }
        out.push_str("</section>\n");
    }
}

/// A line a family: versions, names, room, and where the trouble is.
fn families(out: &mut String, report: &Report) {
    out.push_str("<ul class=\"families\">\n");
    for family in report.families.iter().filter(|family| family.status != Status::Skip && !family.text.is_empty()) {
        let word = family.status.word();
        let _ = writeln!(
            out,
            "<li class=\"{word}\"><span class=\"mark\">{}</span> <span><strong>{}</strong> {}</span></li>",
            word.to_uppercase(),
            text(family.title),
            prose(&family.told())
        );
    }
    out.push_str("</ul>\n");
}

/// How full GPU memory and disks are, drawn and in words.
fn room(out: &mut String, report: &Report) {
    if report.gauges.is_empty() {
        return;
    }
    out.push_str("<section class=\"room\">\n<h2>Memory and disk</h2>\n");
    for gauge in &report.gauges {
        let taken = gauge.percent();
        let name = text(&format!("{} {}: {}", gauge.kind, gauge.name, gauge.words()));
        let full = if taken >= 90 { " class=\"full\"" } else { "" };
        let _ = write!(
            out,
            "<figure{full}>\n<figcaption>{name}</figcaption>\n<svg role=\"img\" aria-label=\"{taken} % taken\" viewBox=\"0 0 100 4\" \
             preserveAspectRatio=\"none\"><rect class=\"all\" width=\"100\" height=\"4\"/><rect class=\"taken\" width=\"{taken}\" \
             height=\"4\"/></svg>\n</figure>\n"
        );
    }
    out.push_str("</section>\n");
}

fn pictures(out: &mut String, report: &Report) {
    for picture in &report.pictures {
        let (camera, kind) = (text(&picture.camera), picture.kind);
        let _ = write!(
            out,
            "<section class=\"picture\">\n<h2>What {camera} sees</h2>\n<img alt=\"A picture that {camera} gave\" \
             src=\"data:{kind};base64,{}\">\n</section>\n",
            STANDARD.encode(&picture.bytes)
        );
    }
}

/// Commands that a script adds a copy button to.
fn code(commands: &str, name: &str) -> String {
    format!("<pre tabindex=\"0\" role=\"group\" aria-label=\"{}\"><code>{}</code></pre>", text(name), text(commands))
}

/// Radio buttons, so that the style sheet alone can filter.
fn filter(out: &mut String, report: &Report) {
    out.push_str("<h2>Checks</h2>\n<fieldset>\n<legend>Show</legend>\n");
    let mut choice = |word: &str, count: usize, checked: &str| {
        let _ = writeln!(
            out,
            "<input type=\"radio\" name=\"f\" id=\"f-{word}\"{checked}><label for=\"f-{word}\" class=\"{word}\">{word} {count}</label>"
        );
    };
    choice("trouble", report::number(status::trouble(report)), " checked");
    choice("all", report::number(&report.results), "");
    for word in COUNTED {
        choice(word, report.count(word), "");
    }
    out.push_str("</fieldset>\n");
}

fn result(out: &mut String, outcome: &Outcome) {
    let word = outcome.counted_as();
    let trouble = if outcome.is_trouble() { " trouble" } else { "" };
    let _ = write!(
        out,
        "<article class=\"{word}{trouble}\">\n<h3><span class=\"mark\">{}</span> {}</h3>\n<p>{}</p>\n",
        word.to_uppercase(),
        text(&status::name(outcome)),
        prose(&outcome.summary)
    );
    if let Some(words) = status::waiver(outcome) {
        let _ = writeln!(out, "<p class=\"why\">{}.</p>", text(&words));
    }
    if outcome.cause.is_some() {
        let _ = writeln!(out, "<p class=\"why\">{}.</p>", text(&status::capital(&outcome.waits)));
    }
    if !outcome.detail.is_empty() {
        let _ = writeln!(out, "<p class=\"why\">{}</p>", prose(&outcome.detail));
    }
    if let Some(asker) = &outcome.asked_by {
        let _ = writeln!(out, "<p class=\"why\">Wanted by: {}</p>", prose(&asker.text));
    }
    for fix in &outcome.fixes {
        mend(out, fix);
    }
    if !outcome.find_out.is_empty() {
        let _ =
            writeln!(out, "<p>To find out:</p>\n{}", code(&outcome.find_out.join("\n"), "commands that find it out"));
    }
    if !outcome.evidence.is_empty() {
        out.push_str("<details>\n<summary>Evidence</summary>\n<dl>\n");
        for seen in &outcome.evidence {
            let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", text(&seen.source), text(&seen.value));
        }
        out.push_str("</dl>\n</details>\n");
    }
    out.push_str("</article>\n");
}

fn mend(out: &mut String, fix: &FixWords) {
    let _ = write!(
        out,
        "<div class=\"fix\">\n<h4>{} <small>{}</small></h4>\n",
        prose(&fix.title),
        text(&fix.risks.join(", "))
    );
    if !fix.commands.is_empty() {
        let _ = writeln!(out, "{}", code(&fix.commands.join("\n"), &format!("commands: {}", fix.title)));
    }
    for note in &fix.notes {
        let _ = writeln!(out, "<p>{}</p>", prose(note));
    }
    for (label, step) in fix.afterwards() {
        let set = match step {
            Step::Command(command) => format!("<code>{}</code>", text(command)),
            Step::Sentence(sentence) => prose(sentence),
        };
        let _ = writeln!(out, "<p>{label}: {set}</p>");
    }
    let page = text(&fix.page);
    let _ = match fix.link() {
        Some(_) => write!(out, "<p><a href=\"{page}\" rel=\"noreferrer\">{page}</a></p>\n</div>\n"),
        None => write!(out, "<p>{page}</p>\n</div>\n"),
    };
}

/// A sentence in which what stands between backquotes is set as code.
fn prose(raw: &str) -> String {
    let parts: Vec<&str> = raw.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return text(raw);
    }
    let set =
        |(at, part): (usize, &&str)| if at % 2 == 1 { format!("<code>{}</code>", text(part)) } else { text(part) };
    parts.iter().enumerate().map(set).collect()
}

/// Text for an element or a quoted attribute.
pub fn text(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

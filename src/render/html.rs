//! One HTML file: no network, light and dark, phone and paper, keyboard and screen reader. The filter is made of radio buttons and
//! works without scripts; a script of a few lines adds the copy buttons.

use std::fmt::Write;

use super::status;
use crate::policy::Status;
use crate::report::{FixWords, Outcome, Report};

const STYLE: &str = include_str!("html.css");
const SCRIPT: &str = include_str!("html.js");

pub fn render(report: &Report) -> String {
    let mut out = String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    let verdict = match status::worst(report) {
        Status::Fail => "Something will fail",
        Status::Warn => "Works, with warnings",
        Status::Unknown => "Not everything could be determined",
        Status::Pass | Status::Skip => "Nothing stands in the way",
    };
    let _ = write!(
        out,
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>gdoctor: {verdict}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    let _ = write!(
        out,
        "<header>\n<h1>{verdict}</h1>\n<p>{}, kernel {}, {} · <time datetime=\"{when}\">{when}</time> · gdoctor {}</p>\n</header>\n",
        text(&report.host.system),
        text(&report.host.kernel),
        text(&report.host.machine),
        text(report.tool.version),
        when = text(&report.generated_at),
    );
    filter(&mut out, report);
    out.push_str("<main>\n");
    for outcome in status::by_weight(report) {
        result(&mut out, outcome);
    }
    let _ = write!(out, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    out
}

fn filter(out: &mut String, report: &Report) {
    let _ = writeln!(
        out,
        "<input type=\"radio\" name=\"f\" id=\"f-all\" checked><label for=\"f-all\">all {}</label>",
        report.results.len()
    );
    for s in [Status::Fail, Status::Warn, Status::Unknown, Status::Pass, Status::Skip] {
        let word = s.word();
        let _ = writeln!(
            out,
            "<input type=\"radio\" name=\"f\" id=\"f-{word}\"><label for=\"f-{word}\" class=\"{word}\">{word} {}</label>",
            status::count(report, s)
        );
    }
}

fn result(out: &mut String, outcome: &Outcome) {
    let word = status::shown(outcome).word();
    let _ = write!(
        out,
        "<article class=\"{word}\">\n<h2><span class=\"mark\">{}</span> {}</h2>\n<p>{}</p>\n",
        word.to_uppercase(),
        text(&status::name(outcome)),
        text(&outcome.summary)
    );
    if let Some(words) = status::waiver(outcome) {
        let _ = writeln!(out, "<p class=\"why\">{}.</p>", text(&words));
    }
    if let Some(cause) = &outcome.cause {
        let _ = writeln!(out, "<p class=\"why\">{} has to be mended first.</p>", text(cause));
    }
    if !outcome.detail.is_empty() {
        let _ = writeln!(out, "<p class=\"why\">{}</p>", text(&outcome.detail));
    }
    if let Some(asker) = &outcome.asked_by {
        let _ = writeln!(out, "<p class=\"why\">Wanted by: {}</p>", text(&asker.text));
    }
    for fix in &outcome.fixes {
        mend(out, fix);
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
        "<section class=\"fix\">\n<h3>{} <small>{}</small></h3>\n",
        text(&fix.title),
        text(&fix.risks.join(", "))
    );
    if !fix.commands.is_empty() {
        let _ = writeln!(out, "<pre tabindex=\"0\"><code>{}</code></pre>", text(&fix.commands.join("\n")));
    }
    for note in &fix.notes {
        let _ = writeln!(out, "<p>{}</p>", text(note));
    }
    let page = text(&fix.page);
    let _ = write!(out, "<p><a href=\"{page}\" rel=\"noreferrer\">{page}</a></p>\n</section>\n");
}

/// Text for an element or a quoted attribute.
fn text(raw: &str) -> String {
    raw.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

//! Hands the report out: one format on standard output or in a file, any number of others in files of their own, and the exit
//! code in the numbers that the reader expects.

use crate::cli::{ExitCodes, Format, Out};
use crate::host::{Host, output};
use crate::plan::{Destination, Plan};
use crate::render;
use crate::render::text::Detail;
use crate::report::Report;

/// Writes everything and gives the exit code. `facts` is the facts file, `unix` when the report was made. Err says all that could
/// not be written; what could has been.
pub fn deliver(report: &Report, facts: &str, plan: &Plan, host: &Host, unix: u64) -> Result<u8, String> {
    let mut failed = Vec::new();
    colored::control::set_override(false);
    for Out { format, path } in &plan.out {
        let text = rendered(report, facts, *format, plan, 100, unix);
        failed.extend(output::write(path, text.as_bytes()).err());
    }
    if plan.format == Format::Github
        && let Some(summary) = host.env("GITHUB_STEP_SUMMARY")
    {
        let written = output::append(summary.as_ref(), render::md::render(report).as_bytes());
        failed.extend(written.map_err(|why| format!("GITHUB_STEP_SUMMARY: {why}")).err());
    }
    colored::control::set_override(plan.colour);
    let text = rendered(report, facts, plan.format, plan, plan.width, unix);
    if plan.format == Format::Labels && text.trim().is_empty() {
        let verdict = render::status::verdict(report);
        output::tell(&format!(
            "gdoctor: no label, since neither Docker nor a GPU, display or camera was seen to work. {verdict} All that was seen: gdoctor -v"
        ));
    }
    let written = match &plan.destination {
        Destination::Stdout => output::write_stdout(text.as_bytes()),
        Destination::File(path) => output::write(path, text.as_bytes()),
    };
    failed.extend(written.err());
    if failed.is_empty() {
        return Ok(exit_code(report, plan.exit_codes));
    }
    Err(format!("the report could not be written: {}", failed.join("; ")))
}

fn rendered(report: &Report, facts: &str, format: Format, plan: &Plan, width: usize, unix: u64) -> String {
    match format {
        Format::Text if plan.ascii => render::text::render(report, plan.detail, width).replace('…', "..."),
        Format::Text => render::text::render(report, plan.detail, width),
        Format::Json => render::json::render(report),
        Format::Junit => render::junit::render(report),
        Format::Sarif => render::sarif::render(report, plan.detail == Detail::Verbose),
        Format::Html => render::html::render(report),
        Format::Md => render::md::render(report),
        Format::Prom => render::prom::render(report, unix),
        Format::Github => render::github::render(report),
        Format::Nagios => render::nagios::render(report),
        Format::Npd => render::npd::render(report),
        Format::Tap => render::tap::render(report),
        Format::Facts => facts.to_owned(),
        Format::Labels => render::labels::render(report),
        Format::Issue => render::issue::render(report, facts),
    }
}

fn exit_code(report: &Report, codes: ExitCodes) -> u8 {
    match codes {
        ExitCodes::Gdoctor => report.exit_code,
        ExitCodes::Nagios => render::nagios::exit_code(report),
        ExitCodes::Npd => render::npd::exit_code(report),
    }
}

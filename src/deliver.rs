//! Hands the report out: one format on standard output or in a file, any number of others in files of their own, and the exit
//! code in the numbers that the reader expects.

use crate::cli::{ExitCodes, Format, Out};
use crate::host::{Host, output};
use crate::plan::{Destination, Plan};
use crate::render;
use crate::render::text::Detail;
use crate::report::Report;

/// Writes everything and gives the exit code. `facts` is the facts file, `unix` when the report was made. Err says what could not be written.
pub fn deliver(report: &Report, facts: &str, plan: &Plan, host: &Host, unix: u64) -> Result<u8, String> {
    let failed = |why: std::io::Error| format!("the report could not be written: {why}");
    colored::control::set_override(false);
    for Out { format, path } in &plan.out {
        let text = rendered(report, facts, *format, plan, 100, unix);
        output::write_atomic(path, text.as_bytes()).map_err(|why| format!("{}: {why}", path.display()))?;
    }
    if plan.format == Format::Github
        && let Some(summary) = host.env("GITHUB_STEP_SUMMARY")
    {
        output::append(summary.as_ref(), render::md::render(report).as_bytes()).map_err(failed)?;
    }
    colored::control::set_override(plan.colour);
    let text = rendered(report, facts, plan.format, plan, plan.width, unix);
    match &plan.destination {
        Destination::Stdout => output::write_stdout(text.as_bytes()),
        Destination::File(path) => output::write_atomic(path, text.as_bytes()),
    }
    .map_err(failed)?;
    Ok(exit_code(report, plan.exit_codes))
}

fn rendered(report: &Report, facts: &str, format: Format, plan: &Plan, width: usize, unix: u64) -> String {
    match format {
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
    }
}

fn exit_code(report: &Report, codes: ExitCodes) -> u8 {
    match codes {
        ExitCodes::Gdoctor => report.exit_code,
        ExitCodes::Nagios => render::nagios::exit_code(report),
        ExitCodes::Npd => render::npd::exit_code(report),
    }
}

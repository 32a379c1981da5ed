//! What this run does: which checks, from which root, told how. Made once from the flags, never changed after.

use std::io::IsTerminal;
use std::path::PathBuf;

use gdoctor_checks::model::check::Check;

use crate::cli::{Color, Conduct, ExitCodes, Format, Out};
use crate::host::Host;
use crate::live::Show;
use crate::render::text::Detail;

/// Where the report goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Stdout,
    File(PathBuf),
}

/// Which checks are to speak: all, less those that the flags leave out.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    only: Vec<String>,
    skip: Vec<String>,
}

impl Selection {
    /// Err where a name is neither gdoctor's own nor one of the site's.
    pub fn known(&self, own: &[&Check]) -> Result<(), String> {
        let names: Vec<String> =
            own.iter().flat_map(|check| [check.id, check.family.name]).map(str::to_owned).collect();
        crate::cli::named("only", &self.only, &names)?;
        crate::cli::named("skip", &self.skip, &names)
    }

    /// True when `--only` and `--skip` let this check through, by its id or its family.
    pub fn selects(&self, check: &Check) -> bool {
        let named = |list: &[String]| list.iter().any(|word| word == check.id || word == check.family.name);
        (self.only.is_empty() || named(&self.only)) && !named(&self.skip)
    }
}

pub struct Plan {
    pub selection: Selection,
    pub format: Format,
    /// More outputs, each in a file of its own.
    pub out: Vec<Out>,
    pub exit_codes: ExitCodes,
    pub detail: Detail,
    pub destination: Destination,
    pub colour: bool,
    /// While the probes are out.
    pub show: Show,
    /// Columns to wrap text to.
    pub width: usize,
    /// The locale has no letters but ASCII's: gdoctor's own signs are written with those.
    pub ascii: bool,
}

impl Plan {
    pub fn new(conduct: &Conduct, host: &Host) -> Self {
        let destination = match &conduct.output {
            Some(path) if path.as_os_str() != "-" => Destination::File(path.clone()),
            _ => Destination::Stdout,
        };
        let terminal = destination == Destination::Stdout && std::io::stdout().is_terminal();
        Self {
            selection: Selection { only: conduct.only.clone(), skip: conduct.skip.clone() },
            format: conduct.format,
            out: conduct.out.clone(),
            exit_codes: conduct.exit_codes.unwrap_or(match conduct.format {
                Format::Nagios => ExitCodes::Nagios,
                Format::Npd => ExitCodes::Npd,
                _ => ExitCodes::Gdoctor,
            }),
            detail: match (conduct.quiet, conduct.verbose) {
                (true, _) => Detail::Quiet,
                (_, true) => Detail::Verbose,
                _ => Detail::Normal,
            },
            colour: colour(conduct.color, host, terminal),
            width: width(host, terminal),
            ascii: !speaks_utf8(host),
            show: match show(host) {
                _ if conduct.quiet => Show::Nothing,
                // What may not leave is not on the screen either.
                Show::Verdicts if !terminal || conduct.format != Format::Text || conduct.share => Show::Probes,
                show => show,
            },
            destination,
        }
    }
}

/// Lines that come and go need a terminal that can move up, and somebody who sits before it.
pub fn show(host: &Host) -> Show {
    let able = host.env("TERM").is_some_and(|name| name != "dumb");
    let seen = std::io::stderr().is_terminal() && able && host.env("CI").is_none();
    if seen { Show::Verdicts } else { Show::Nothing }
}

/// A pipe has 100.
fn width(host: &Host, terminal: bool) -> usize {
    columns(host, terminal).unwrap_or(100)
}

/// COLUMNS, else the terminal's.
pub fn columns(host: &Host, terminal: bool) -> Option<usize> {
    let told = host.env("COLUMNS").and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0);
    let seen = || terminal.then(terminal_size::terminal_size).flatten().map(|(width, _)| usize::from(width.0));
    told.or_else(seen).map(|columns| columns.min(200))
}

/// LC_ALL, then LC_CTYPE, then LANG; where none is set nobody has said otherwise.
pub fn speaks_utf8(host: &Host) -> bool {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(|name| host.env(name)).find(|value| !value.is_empty());
    named.is_none_or(|value| {
        let charset = value.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().replace('-', "");
        charset.starts_with("utf8")
    })
}

/// `--color`, then NO_COLOR, CLICOLOR_FORCE, CLICOLOR=0, TERM=dumb, then whether it is a terminal.
fn colour(asked: Color, host: &Host, terminal: bool) -> bool {
    let is = |name: &str, value: &str| host.env(name).as_deref() == Some(value);
    match asked {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if host.env("NO_COLOR").is_some() => false,
        Color::Auto if host.env("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        Color::Auto => terminal && !is("CLICOLOR", "0") && !is("TERM", "dumb"),
    }
}

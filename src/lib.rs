//! gdoctor as one paragraph: arguments become a plan and a need, the host becomes facts, checks judge the facts, policy and
//! words make the report, a renderer makes bytes.

mod cli;
mod commands;
mod correction;
mod deliver;
mod diff;
mod document;
pub mod drawn;
pub mod explain;
mod fix;
mod fleet;
#[doc(hidden)]
pub mod foreign;
mod hint;
mod host;
pub mod judge;
mod live;
mod manual;
mod native;
pub mod need;
pub mod own;
mod pictures;
mod plan;
pub mod policy;
mod probe;
mod prove;
mod reference;
pub mod render;
pub mod report;
mod run;
mod say;
pub mod secret;
pub mod snapshot;
pub mod suggest;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use say::{misuse, print, spelled};

/// The whole program. Never panics on input; exit codes are those of [`policy`].
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    host::threads::with_room(move || run_with(arguments.clone()))
}

fn run_with(arguments: Vec<OsString>) -> ExitCode {
    let (whole, unselected) = (typed(&arguments), typed(&cli::unselected(&arguments)));
    let given = arguments.clone();
    let arguments = cli::line_last(explain::texts_last(arguments));
    let misuse_code = misuse_code(&arguments);
    let mut cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout with 0, misuse to stderr with 2; a closed pipe is nobody's fault.
            let told = error.render().to_string();
            let shown = spelled(&secret::masked(&told)).into_owned();
            match hint::hint(&given).filter(|_| error.use_stderr()) {
                Some(hint) => drop(misuse(&secret::masked(&hint))),
                None if shown == told => drop(error.print()),
                None if error.use_stderr() => eprint!("{shown}"),
                None => drop(print(&shown)),
            }
            let code = if error.use_stderr() { misuse_code } else { policy::OK };
            return ExitCode::from(code);
        }
    };
    if let Some(look) = cli.look_mut() {
        (look.conduct.typed, look.conduct.unselected) = (whole, unselected);
    }
    host::ending::outlive_file_limits();
    // A probe has nothing in hand; who started it ends it.
    if !matches!(cli.command, Some(Command::Probe { .. })) {
        host::ending::on_signals();
    }
    let code = match cli.command {
        None => commands::check(&cli.check).unwrap_or(misuse_code),
        Some(Command::Check(arguments)) => commands::check(&arguments).unwrap_or(misuse_code),
        Some(Command::Issue(mut arguments)) => {
            arguments.conduct.share = true;
            arguments.conduct.format = cli::Format::Issue;
            commands::check(&arguments).unwrap_or(misuse_code)
        }
        Some(Command::Labels(mut arguments)) => {
            arguments.conduct.format = cli::Format::Labels;
            commands::check(&arguments).unwrap_or(misuse_code)
        }
        Some(Command::Prove(arguments)) => commands::prove(*arguments).unwrap_or(misuse_code),
        Some(Command::Fix(arguments)) => commands::fix(&arguments).unwrap_or(misuse_code),
        Some(Command::State) => commands::state(),
        Some(Command::Init(arguments)) => commands::init(&arguments),
        Some(Command::Suggest(arguments)) => commands::suggest(&arguments),
        Some(Command::Collect(arguments)) => commands::collect(&arguments),
        Some(Command::Diff { before, after, verbose }) => commands::diff(&before, &after, verbose),
        Some(Command::Fleet(arguments)) => commands::fleet(&arguments),
        Some(Command::List { topic, checks }) => commands::list(topic.as_deref(), &checks),
        Some(Command::Explain(arguments)) => commands::explain(&arguments).unwrap_or_else(|why| misuse(&why)),
        Some(Command::Schema { of: cli::SchemaOf::Report }) => print(include_str!("../docs/gdoctor-report-1.json")),
        Some(Command::Schema { of: cli::SchemaOf::Need }) => print(&need::schema()),
        Some(Command::Schema { of: cli::SchemaOf::Fix }) => print(include_str!("../docs/gdoctor-fix-1.json")),
        Some(Command::Schema { of: cli::SchemaOf::Fleet }) => print(include_str!("../docs/gdoctor-fleet-1.json")),
        Some(Command::Schema { of: cli::SchemaOf::Checks }) => print(&own::schema()),
        Some(Command::Version { json }) => print(&commands::version(json)),
        Some(Command::Completions { shell }) => print(&manual::completions(shell)),
        Some(Command::Man { command }) => match manual(command.as_deref()) {
            Ok(page) => print(&page),
            Err(why) => misuse(&why),
        },
        Some(Command::Within { asked }) => prove::within(&asked).map_or_else(|why| misuse(&why), |()| policy::OK),
        Some(Command::Probe { kind, arguments }) => {
            native::run(kind, &arguments);
            policy::OK
        }
    };
    ExitCode::from(code)
}

/// A man page; on a terminal, where its source says nothing to anybody, as it is read.
fn manual(command: Option<&str>) -> Result<String, String> {
    if std::io::stdout().is_terminal() { manual::read(command) } else { manual::man(command) }
}

/// The command line as it would be typed again.
fn typed(arguments: &[OsString]) -> String {
    let words = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
    let host = host::Host::new("/", std::time::Duration::ZERO);
    let by_sudo = host.env("SUDO_COMMAND").is_some_and(|command| command.contains("gdoctor"));
    let program = if by_sudo { ["sudo", "gdoctor"].as_slice() } else { &["gdoctor"] };
    let words: Vec<String> = program.iter().map(|word| (*word).to_owned()).chain(words).collect();
    need::run_line::join(&words)
}

/// A Nagios plugin says UNKNOWN (3) to wrong arguments; everybody else gets 2.
fn misuse_code(arguments: &[OsString]) -> u8 {
    let nagios = |pair: &[OsString]| matches!(pair, [flag, value] if (flag == "--format" || flag == "--exit-codes") && value == "nagios");
    let joined = |argument: &OsString| argument == "--format=nagios" || argument == "--exit-codes=nagios";
    let asked = arguments.windows(2).any(nagios) || arguments.iter().any(joined);
    if asked { policy::UNDETERMINED } else { policy::MISUSE }
}

//! Man pages and completions, from the one tree of commands.

use clap::builder::PossibleValuesParser;
use clap::{Command, CommandFactory};
use clap_mangen::roff::{Roff, roman};
use gdoctor_checks::ALL;

use crate::cli::Cli;
use crate::report::parse;

/// What every page ends with.
const EXIT_STATUS: [(&str, &str); 6] = [
    ("0", "Nothing failed."),
    ("1", "Something failed, or warned with --fail-on warn."),
    ("2", "Misuse: a flag, a file."),
    ("3", "Nothing failed, but something that was asked for could not be determined."),
    ("130", "Ended by Ctrl-C, with nothing left behind."),
    ("143", "Ended by SIGTERM, with nothing left behind."),
];
const FILES: [(&str, &str); 3] = [
    ("gdoctor.toml", "What the project needs, from the working directory up to the root of the repository."),
    ("host.gdoctor, host.gdoctor.map", "What gdoctor collect saves, and what stands there for what."),
    ("/var/lib/gdoctor, $XDG_STATE_HOME/gdoctor", "What gdoctor fix has done, and what stood there before."),
];
const ENVIRONMENT: [(&str, &str); 6] = [
    ("DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG", "As the docker client reads them."),
    ("DISPLAY, XAUTHORITY, WAYLAND_DISPLAY", "The display that is looked at."),
    ("COLUMNS", "Columns to wrap text to."),
    ("NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM", "Whether to colour."),
    ("LC_ALL, LC_CTYPE, LANG", "Without UTF-8 gdoctor's own text is ASCII."),
    ("CI, GITHUB_STEP_SUMMARY", "No lines that come and go; where the job's summary goes."),
];
const EXAMPLES: [(&str, &str); 5] = [
    ("gdoctor", "Look at this host."),
    (
        "gdoctor --gpu --capability video --display --camera any --port 8080",
        "Look whether it has what a container will need.",
    ),
    ("gdoctor -- docker run --gpus all -p 8080:8080 IMAGE", "Judge the very command, and correct it."),
    ("docker run ... 2>&1 | gdoctor explain -", "Tell what an error message means here."),
    ("gdoctor --gpu --format json -o report.json", "Write a report for machines."),
];

/// A completion script with the commands that a user types, the ids of all checks and codes, and the words of every flag.
pub fn completions(shell: clap_complete::Shell) -> String {
    let codes = ALL.iter().flat_map(|check| {
        let codes = parse(check).codes;
        [check.id.to_owned()].into_iter().chain(codes.into_iter().map(|code| format!("{}/{}", check.id, code.name)))
    });
    let topics: Vec<&'static str> = codes.map(|code| &*code.leak()).collect();
    let mut tree = visible();
    tree = tree.mut_subcommand("explain", |explain| {
        explain.mut_arg("text", |text| text.value_parser(PossibleValuesParser::new(topics.iter().copied())))
    });
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree, "gdoctor", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == clap_complete::Shell::Fish {
        // The generator leaves out the values of arguments that have no flag.
        let after = "__fish_gdoctor_using_subcommand explain";
        script.push_str(&format!("complete -c gdoctor -n \"{after}\" -f -a \"{}\"\n", topics.join(" ")));
    }
    script
}

/// The man page of gdoctor, or of one of its commands.
pub fn man(name: Option<&str>) -> Result<String, String> {
    let tree = visible();
    let command = match name {
        None => tree,
        Some(name) => {
            let found = tree.find_subcommand(name).cloned();
            let names: Vec<&str> = tree.get_subcommands().map(Command::get_name).collect();
            let found = found.ok_or_else(|| format!("there is no command {name:?}: {}", names.join(", ")))?;
            // clap keeps names for ever.
            let full: &'static str = format!("gdoctor-{name}").leak();
            found.version(env!("CARGO_PKG_VERSION")).bin_name(format!("gdoctor {name}")).display_name(full).name(full)
        }
    };
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command).section("1");
    man.render(&mut page).map_err(|why| why.to_string())?;
    let mut more = Roff::new();
    let sections: [(&str, &[(&str, &str)]); 4] =
        [("EXIT STATUS", &EXIT_STATUS), ("FILES", &FILES), ("ENVIRONMENT", &ENVIRONMENT), ("EXAMPLES", &EXAMPLES)];
    for (title, entries) in sections.into_iter().filter(|(title, _)| name.is_none() || *title == "EXIT STATUS") {
        more.control("SH", [title]);
        for (term, meaning) in entries {
            more.control("TP", []);
            more.text([clap_mangen::roff::bold(*term)]);
            more.text([roman(*meaning)]);
        }
    }
    more.to_writer(&mut page).map_err(|why| why.to_string())?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// The tree without what only gdoctor itself calls.
fn visible() -> Command {
    let tree = Cli::command();
    let shown: Vec<Command> = tree.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect();
    let arguments: Vec<clap::Arg> = tree.get_arguments().cloned().collect();
    let about = tree.get_about().cloned().unwrap_or_default();
    let long = tree.get_long_about().cloned().unwrap_or_default();
    Command::default()
        .name("gdoctor")
        .version(env!("CARGO_PKG_VERSION"))
        .about(about)
        .long_about(long)
        .args(arguments)
        .subcommands(shown)
}

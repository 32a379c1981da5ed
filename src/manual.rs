//! Man pages and completions, from the one tree of commands.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::roff::{Roff, roman};
use gdoctor_checks::ALL;
use gdoctor_checks::notes::NOTES;

use crate::cli::Cli;
use crate::explain::entries::note;
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
const FILES: [(&str, &str); 2] = [
    ("gdoctor.toml", "What the project needs, from the working directory up to the root of the repository."),
    ("host.gdoctor, host.gdoctor.map", "What gdoctor collect saves, and what stands there for what."),
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
pub fn completions(shell: Shell) -> String {
    let checks = ALL.iter().map(|check| (check.id, parse(check)));
    let notes = NOTES.iter().filter_map(|one| Some((one.id, note(one.id)?)));
    let codes = checks.chain(notes).flat_map(|(id, doc)| {
        [id.to_owned()].into_iter().chain(doc.codes.into_iter().map(move |code| format!("{id}/{}", code.name)))
    });
    let topics: Vec<&'static str> = codes.map(|code| &*code.leak()).collect();
    let mut tree = visible();
    let names: Vec<&'static str> =
        tree.get_subcommands().map(|command| &*command.get_name().to_owned().leak()).collect();
    tree = tree
        .mut_subcommand("explain", |explain| {
            explain.mut_arg("text", |text| text.value_parser(PossibleValuesParser::new(topics.iter().copied())))
        })
        .mut_subcommand("man", |man| {
            man.mut_arg("command", |name| name.value_parser(PossibleValuesParser::new(names.iter().copied())))
        });
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree.clone(), "gdoctor", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        Shell::Fish => for_fish(&script, &tree),
        Shell::Zsh => for_zsh(script, &topics.join(" ")),
        _ => script,
    }
}

/// Flags that take several words of a list, separated by commas.
const LISTS: [&str; 5] = ["only", "skip", "capability", "decode", "encode"];

/// What fish's generator leaves out: words of arguments that have no flag, lists, and flags whose value may be missing. Its own
/// look for the command gives up where the last flag still waits for its value.
fn for_fish(script: &str, tree: &Command) -> String {
    let optional: Vec<&str> =
        tree.get_arguments().filter(|arg| may_stand_alone(arg)).filter_map(Arg::get_long).collect();
    let mut out = String::with_capacity(script.len());
    let mut looks = false;
    for line in script.lines() {
        let flag = line.split_once(" -l ").and_then(|(_, rest)| rest.split(' ').next()).unwrap_or_default();
        let is_flag = line.starts_with("complete -c gdoctor ");
        looks |= line.contains("function __fish_gdoctor_needs_command");
        let line = match line {
            "    or return" if std::mem::take(&mut looks) => "    or return 0".to_owned(),
            _ if line.trim_start().starts_with("string join \\n ") => optional
                .iter()
                .fold(line.to_owned(), |line, flag| line.replace(&format!(" {flag}= "), &format!(" '{flag}=?' "))),
            _ if is_flag && optional.contains(&flag) => line.trim_end_matches(" -r").to_owned(),
            _ => line.to_owned(),
        };
        out.push_str(&line);
        out.push('\n');
    }
    // A list may go on behind a comma.
    let on = |command: &Command| match command.get_name() {
        "gdoctor" => "__fish_gdoctor_needs_command".to_owned(),
        name => format!("__fish_gdoctor_using_subcommand {name}"),
    };
    for command in tree.get_subcommands().chain([tree]) {
        for arg in command.get_arguments() {
            let words: Vec<String> = arg.get_possible_values().iter().map(|word| word.get_name().to_owned()).collect();
            let words = words.join(" ");
            match arg.get_long() {
                _ if words.is_empty() => {}
                Some(flag) if LISTS.contains(&flag) => out.push_str(&format!(
                    "complete -c gdoctor -n \"{}\" -l {flag} -r -f -a \"(__fish_append , {words})\"\n",
                    on(command)
                )),
                Some(_) => {}
                // A topic may be a file, too.
                None if command.get_name() == "explain" => {
                    out.push_str(&format!("complete -c gdoctor -n \"{}\" -a \"{words}\"\n", on(command)))
                }
                None => out.push_str(&format!("complete -c gdoctor -n \"{}\" -f -a \"{words}\"\n", on(command))),
            }
        }
    }
    let names: Vec<&str> = tree.get_subcommands().map(Command::get_name).collect();
    out.push_str(&format!(
        "complete -c gdoctor -n \"__fish_gdoctor_using_subcommand help\" -f -a \"{}\"\n",
        names.join(" ")
    ));
    out
}

/// zsh's generator knows no lists, for topics no files, and takes what stands behind `--` for the command.
fn for_zsh(script: String, topics: &str) -> String {
    let with_files = format!(":{{_alternative \"topics:topic:({topics})\" \"files:file:_files\"}}'");
    let script = script.replace(&format!(":({topics})'"), &with_files);
    let script = script.replace("$line[2]", "$line[1]");
    let (head, rest) = script.split_once("\":: :_gdoctor_commands\"").unwrap_or((&script, ""));
    let kept: Vec<&str> = head.lines().filter(|line| !line.starts_with("'::line -- ")).collect();
    let script = format!("{}\n\":: :_gdoctor_commands\"{rest}", kept.join("\n"));
    let lines = script.lines().map(|line| {
        let flag = line.split_once("--").and_then(|(_, rest)| rest.split('=').next()).unwrap_or_default();
        // In an argument's description zsh would run what stands in backticks.
        let bare =
            if line.starts_with("'*::") || line.starts_with("'::") { line.replace('`', "") } else { line.to_owned() };
        match line.rsplit_once(":(").filter(|_| LISTS.contains(&flag)) {
            Some((before, words)) => format!("{before}:{{_values -s , {flag} {}", words.replacen(")'", "}'", 1)),
            None => bare,
        }
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// `--gpu` and `--gpu=2`.
fn may_stand_alone(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|count| count.takes_values() && count.min_values() == 0)
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
    let arguments: Vec<Arg> = tree.get_arguments().cloned().collect();
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

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

type Rows = &'static [(&'static str, &'static str)];

/// What a page ends with.
struct Ends {
    exit_status: Rows,
    files: Rows,
    environment: Rows,
    examples: Rows,
}

impl Ends {
    fn sections(&self) -> [(&'static str, Rows); 4] {
        [
            ("EXIT STATUS", self.exit_status),
            ("FILES", self.files),
            ("ENVIRONMENT", self.environment),
            ("EXAMPLES", self.examples),
        ]
    }
}

const DONE: (&str, &str) = ("0", "Done.");
const MISUSE: (&str, &str) = ("2", "Misuse: a flag, a file.");
const ENDED: [(&str, &str); 2] =
    [("130", "Ended by Ctrl-C, with nothing left behind."), ("143", "Ended by SIGTERM, with nothing left behind.")];
const LOOKS: Rows = &[
    ("0", "Nothing failed."),
    ("1", "Something failed, or warned with --fail-on warn."),
    MISUSE,
    ("3", "Nothing failed, but something that was asked for could not be determined."),
    ENDED[0],
    ENDED[1],
];
const PRINTS: Rows = &[DONE, MISUSE];

const NEED_FILE: (&str, &str) =
    ("gdoctor.toml", "What the project needs, from the working directory up to the root of the repository.");
const SAVED: (&str, &str) =
    ("host.gdoctor, host.gdoctor.map", "What gdoctor collect saves, and what stands there for what.");
const JOURNAL: (&str, &str) =
    ("/var/lib/gdoctor, $XDG_STATE_HOME/gdoctor", "What gdoctor fix has done, and what stood there before.");
const ENGINES: (&str, &str) =
    ("/etc/docker/daemon.json, ~/.docker/config.json", "As dockerd and the docker client read them.");
const NO_FILES: Rows = &[("None", "It reads and writes no file.")];

const DOCKER: (&str, &str) = ("DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG", "As the docker client reads them.");
const DISPLAY: (&str, &str) = ("DISPLAY, XAUTHORITY, WAYLAND_DISPLAY", "The display that is looked at.");
const COLUMNS: (&str, &str) = ("COLUMNS", "Columns to wrap text to.");
const COLOUR: (&str, &str) = ("NO_COLOR, CLICOLOR, CLICOLOR_FORCE, TERM", "Whether to colour.");
const LOCALE: (&str, &str) = ("LC_ALL, LC_CTYPE, LANG", "Without UTF-8 gdoctor's own text is ASCII.");
const JOB: (&str, &str) = ("CI, GITHUB_STEP_SUMMARY", "No lines that come and go; where the job's summary goes.");
const LOOK_AROUND: Rows = &[DOCKER, DISPLAY, COLUMNS, COLOUR, LOCALE, JOB];
const SPELLING: Rows = &[LOCALE];

/// The end of each page; the name of the main one is empty. tests/cli.rs holds that every command has its own.
fn ends(command: &str) -> Ends {
    let (exit_status, files, environment, examples): (Rows, Rows, Rows, Rows) = match command {
        "check" => (
            LOOKS,
            &[NEED_FILE, ENGINES],
            LOOK_AROUND,
            &[
                ("gdoctor check --gpu --port 8080", "Look whether this host has a GPU for containers, and the port."),
                ("gdoctor check docker run --gpus all IMAGE", "Judge the very command, and correct it."),
                ("gdoctor check --compose compose.yaml --service web", "Judge a service of a compose file."),
                ("gdoctor check --facts host.gdoctor", "Judge another host by what gdoctor collect saved there."),
            ],
        ),
        "init" => (
            PRINTS,
            &[NEED_FILE],
            SPELLING,
            &[
                ("gdoctor init --gpu --camera any", "Write gdoctor.toml with these wishes."),
                ("gdoctor init -o - docker run --gpus all IMAGE", "Print what this line asks for."),
            ],
        ),
        "suggest" => (
            LOOKS,
            &[NEED_FILE, ENGINES],
            LOOK_AROUND,
            &[
                ("gdoctor suggest --gpu --display", "Print the command that does this on this host."),
                ("gdoctor suggest --gpu --compose", "The same as a service of a compose file."),
            ],
        ),
        "prove" => (
            LOOKS,
            &[NEED_FILE, ENGINES],
            LOOK_AROUND,
            &[
                ("gdoctor prove --gpu", "Start a container of gdoctor's own with a GPU, and look from within."),
                ("gdoctor prove docker run --gpus all IMAGE", "The same with the options of this line."),
            ],
        ),
        "fix" => (
            LOOKS,
            &[JOURNAL, ENGINES, NEED_FILE],
            LOOK_AROUND,
            &[
                ("gdoctor fix", "Show each fix, and ask."),
                ("gdoctor fix --plan", "Only say what would be done."),
                ("gdoctor fix --yes docker-forwarding/off", "Do the fix of this code without asking."),
                ("gdoctor fix --undo", "Take the last one back."),
            ],
        ),
        "collect" => (
            &[DONE, MISUSE, ENDED[0], ENDED[1]],
            &[SAVED],
            LOOK_AROUND,
            &[("gdoctor collect -o host.gdoctor", "Save this host's facts, without names and secrets.")],
        ),
        "diff" => (
            &[("0", "Nothing got worse."), ("1", "Something got worse."), MISUSE],
            &[SAVED],
            SPELLING,
            &[("gdoctor diff before.json after.json", "Tell what changed between two reports.")],
        ),
        "fleet" => (
            &[
                ("0", "All hosts are well."),
                ("1", "Something failed on one, or with diff a host got worse."),
                MISUSE,
                ("3", "Nothing failed, and of one host it could not be told."),
            ],
            &[("reports/", "Reports of gdoctor --format json, and facts files of gdoctor collect.")],
            SPELLING,
            &[
                ("gdoctor fleet reports/", "Which cause is on which hosts, and who is silent."),
                ("gdoctor fleet --format html -o fleet.html reports/", "The same as one page."),
                ("gdoctor fleet diff monday.json reports/", "Tell what changed since."),
            ],
        ),
        "labels" => (
            LOOKS,
            &[NEED_FILE, ENGINES],
            LOOK_AROUND,
            &[("gdoctor labels", "Print what a CI runner on this host may be called.")],
        ),
        "explain" => (
            &[("0", "A cause is known, or the topic is."), MISUSE, ("3", "No cause of this text is known.")],
            &[ENGINES],
            LOOK_AROUND,
            &[
                ("gdoctor explain docker-access", "All about a check."),
                ("gdoctor explain docker-access/not-in-group", "What it is here, and what mends it."),
                ("docker run ... 2>&1 | gdoctor explain -", "Tell what an error message means."),
            ],
        ),
        "issue" => (
            LOOKS,
            &[NEED_FILE, ENGINES],
            LOOK_AROUND,
            &[("gdoctor issue --gpu", "Print what an issue form asks for, without names and secrets.")],
        ),
        "list" => (PRINTS, NO_FILES, SPELLING, &[("gdoctor list gpu", "List the checks of one family.")]),
        "schema" => (PRINTS, NO_FILES, SPELLING, &[("gdoctor schema need", "Print the schema of gdoctor.toml.")]),
        "version" => (PRINTS, NO_FILES, SPELLING, &[("gdoctor version --json", "Print it for a machine.")]),
        "completions" => (
            PRINTS,
            &[("~/.local/share/bash-completion/completions/gdoctor", "Where bash looks for it.")],
            SPELLING,
            &[("gdoctor completions bash", "Print the script for bash.")],
        ),
        "man" => {
            (PRINTS, NO_FILES, SPELLING, &[("gdoctor man explain | man -l -", "Read the page of gdoctor explain.")])
        }
        _ => (
            LOOKS,
            &[NEED_FILE, SAVED, JOURNAL],
            LOOK_AROUND,
            &[
                ("gdoctor", "Look at this host."),
                (
                    "gdoctor --gpu --capability video --display --camera any --port 8080",
                    "Look whether it has what a container will need.",
                ),
                ("gdoctor docker run --gpus all -p 8080:8080 IMAGE", "Judge the very command, and correct it."),
                ("docker run ... 2>&1 | gdoctor explain -", "Tell what an error message means here."),
                ("gdoctor --gpu --format json -o report.json", "Write a report for machines."),
            ],
        ),
    };
    Ends { exit_status, files, environment, examples }
}

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
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command(name)?).section("1");
    man.render(&mut page).map_err(|why| why.to_string())?;
    let mut more = Roff::new();
    for (title, entries) in ends(name.unwrap_or_default()).sections() {
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

/// The same for somebody who reads it on the screen, without troff.
pub fn read(name: Option<&str>) -> Result<String, String> {
    let mut page = command(name)?.render_long_help().to_string();
    for (title, entries) in ends(name.unwrap_or_default()).sections() {
        page.push_str(&format!("\n{title}\n"));
        entries.iter().for_each(|(term, meaning)| page.push_str(&format!("  {term}\n      {meaning}\n")));
    }
    Ok(page)
}

fn command(name: Option<&str>) -> Result<Command, String> {
    let tree = visible();
    let Some(name) = name else { return Ok(tree) };
    let found = tree.find_subcommand(name).cloned();
    let names: Vec<&str> = tree.get_subcommands().map(Command::get_name).collect();
    let found = found.ok_or_else(|| format!("there is no command {name:?}: {}", names.join(", ")))?;
    // clap keeps names for ever.
    let full: &'static str = format!("gdoctor-{name}").leak();
    Ok(found.version(env!("CARGO_PKG_VERSION")).bin_name(format!("gdoctor {name}")).display_name(full).name(full))
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

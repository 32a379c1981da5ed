//! What a command line that clap does not take was meant to be: a misspelt command, an option of docker's, a line in quotes.

use std::ffi::OsString;

use clap::{Command, CommandFactory, Parser};
use gdoctor_checks::model::check::Family;
use gdoctor_checks::{ALL, FAMILIES};

use crate::cli::{Cli, STARTERS, first_word, line_last, word_behind};
use crate::explain;
use crate::need::run_line;

/// What is pasted along with a command: a shell's prompt, this program's name once more.
const PROMPTS: [&str; 5] = ["$", "#", "%", ">", "gdoctor"];

/// One sentence with the command to type; `None` where clap's own words are as good.
pub fn hint(arguments: &[OsString]) -> Option<String> {
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    if words.len() != arguments.len() {
        return None;
    }
    let rest: Vec<&str> = words.iter().skip(1).copied().skip_while(|word| PROMPTS.contains(word)).collect();
    if rest.len() + 1 < words.len() && !rest.is_empty() {
        return Some(format!("what stands before the command is not part of it; type: gdoctor {}", joined(&rest)));
    }
    let tree = Cli::command();
    let at = first_word(arguments);
    let before = words.get(1..at).unwrap_or_default();
    let with_value = |at: usize| words.get(at + 2).copied().filter(|word| !word.starts_with('-'));
    if let Some(told) = of_suggest(&words) {
        return Some(told);
    }
    if let Some(told) = before.iter().enumerate().find_map(|(at, word)| of_format(word, words.get(at + 2).copied())) {
        return Some(told);
    }
    let docker = |(at, word): (usize, &&str)| of_docker(&tree, word, with_value(at));
    if let Some(option) = before.iter().enumerate().find_map(docker) {
        return Some(option);
    }
    let typed = words.get(1).and_then(|word| tree.find_subcommand(word)).unwrap_or(&tree);
    if let Some(at) = before.iter().position(|word| is_no_option(typed, word)) {
        return Some(no_option(typed, &words, at + 1));
    }
    let word = words.get(at).filter(|word| !word.starts_with('-'))?;
    // clap's own, which names a command.
    if *word == "help" {
        let named = words.get(at + 1)?;
        return Some(format!("there is no command {named:?}{}", meant(&words, at + 1)));
    }
    if let Some(command) = tree.find_subcommand(word) {
        let rest = words.get(at + 1..).unwrap_or_default();
        if let Some(option) =
            rest.iter().take_while(|word| **word != "--").find_map(|word| of_docker(command, word, None))
        {
            return Some(option);
        }
        let stray = word_behind(command, arguments, at + 1);
        words.get(stray).filter(|word| !word.starts_with('-'))?;
        return repaired(&words, stray).map(|meant| format!("{:?} is none of its words{meant}", words[stray]));
    }
    Some(format!("there is no command {word:?}{}", meant(&words, at)))
}

/// What the word at this place, with those behind it, was meant to be.
fn meant(words: &[&str], at: usize) -> String {
    let (word, rest) = (words[at], &words[at + 1..]);
    if let Some((first, _)) = word.split_once(char::is_whitespace) {
        return match STARTERS.contains(&first)
            || first.starts_with('-')
            || Cli::command().find_subcommand(first).is_some()
        {
            true => format!(": take the quotes away: gdoctor {word}"),
            false => spoken(&words[at..]),
        };
    }
    if ["compose", "docker-compose"].contains(&word) {
        return "; a compose file is judged by: gdoctor check --compose compose.yaml".into();
    }
    if ["run", "create"].contains(&word) {
        let line = if rest.is_empty() { " --gpus all IMAGE".to_owned() } else { format!(" {}", joined(rest)) };
        return format!("; a line to judge begins with its program: gdoctor docker {word}{line}");
    }
    let mends = at > 1 && words[1] == "fix";
    let meant = || if mends { "; did you mean: gdoctor fix".to_owned() } else { spoken(&words[at..]) };
    repaired(words, at).unwrap_or_else(meant)
}

/// What people call the things that gdoctor looks at, in their own words, and the look at it; what says more stands first.
const SPOKEN: [(&[&str], &str); 11] = [
    (&["camera", "cameras", "webcam", "kamera", "video0"], "gdoctor --camera any"),
    (&["display", "screen", "window", "windows", "gui", "x11", "xhost", "wayland"], "gdoctor --display"),
    (&["cuda", "gpu", "gpus", "nvidia", "nvidia-smi", "nvidia-docker", "driver", "graphics"], "gdoctor --gpu"),
    (&["proxy"], "gdoctor --only docker-proxy"),
    (&["port", "ports"], "gdoctor --port 8080"),
    (&["registry", "push"], "gdoctor --registry localhost:5000"),
    (&["disk", "space", "full", "cleanup", "prune"], "gdoctor --only disk --reclaim"),
    (&["compose", "docker-compose", "compose.yaml"], "gdoctor check --compose compose.yaml"),
    (&["dockerfile", "build"], "gdoctor --dockerfile Dockerfile"),
    (&["docker", "daemon", "dockerd", "container", "containers"], "gdoctor --only docker"),
    (&["repair", "mend", "solve"], "gdoctor fix"),
];

/// Words that are no command: what they speak of, and of several that they may be a message.
fn spoken(words: &[&str]) -> String {
    let text = words.join(" ");
    let heard: Vec<String> = text
        .split(|c: char| c.is_whitespace() || ",;:?!\"'".contains(c))
        .map(|word| word.to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    let names = |(names, _): &&(&[&str], &str)| heard.iter().any(|word| names.contains(&word.as_str()));
    let look = SPOKEN.iter().find(names).map_or("gdoctor", |(_, look)| look);
    match heard.len() {
        0 | 1 => format!("; to look at this machine: {look} (all commands: gdoctor --help)"),
        _ => format!("; to look at this machine: {look}; to explain a message: gdoctor explain {}", joined(&[&text])),
    }
}

/// `suggest` makes a line by flags: it takes none, and no words.
fn of_suggest(words: &[&str]) -> Option<String> {
    let [_, "suggest", rest @ ..] = words else { return None };
    let at = rest.iter().position(|word| !word.starts_with('-'))?;
    let (first, given) = (rest[at], &rest[at..]);
    let is_starter = STARTERS.contains(&first.split(char::is_whitespace).next().unwrap_or_default());
    if is_starter || ["run", "create"].contains(&first) {
        let line = match (is_starter, first.contains(' ')) {
            (true, true) => first.to_owned(),
            (true, false) => joined(given),
            (false, _) => format!("docker {}", joined(given)),
        };
        return Some(format!(
            "`suggest` makes a line of its own, by flags: gdoctor suggest --gpu; a line that you have is judged by: gdoctor {line}"
        ));
    }
    // A flag without its hyphens is told by itself.
    let asks = |(names, look): &&(&[&str], &str), word: &str| {
        names.contains(&word) && look.contains(" --") && !look.contains("--only")
    };
    let wish = |word: &&str| SPOKEN.iter().find(|spoken| asks(spoken, &word.to_lowercase()));
    let (_, look) = given.iter().find_map(wish).filter(|_| given.len() > 1)?;
    Some(format!("`suggest` takes flags and no words: {}", look.replacen("gdoctor", "gdoctor suggest", 1)))
}

/// A format that gdoctor has by another name, or not at all.
fn of_format(word: &str, next: Option<&str>) -> Option<String> {
    let given = word.strip_prefix("--format=").or_else(|| next.filter(|_| word == "--format"))?;
    let instead = match given.to_lowercase().as_str() {
        "xml" => "XML for CI systems is written by: gdoctor --format junit",
        "yaml" | "yml" | "csv" | "toml" => "what programs read is written by: gdoctor --format json",
        "pdf" | "htm" => "a page, which a browser prints, is written by: gdoctor --format html",
        "txt" | "plain" => "plain text is: gdoctor --color never",
        _ => return None,
    };
    Some(format!("there is no format {given:?}; {instead}"))
}

/// A word with hyphens in front that is no option of this command.
fn is_no_option(command: &Command, word: &str) -> bool {
    let Some(name) = word.strip_prefix('-').filter(|name| !name.is_empty()) else { return false };
    let known = |named: &dyn Fn(&clap::Arg) -> bool| command.get_arguments().any(named);
    match name.strip_prefix('-') {
        Some("" | "help" | "version") => false,
        Some(long) => {
            let long = long.split('=').next().unwrap_or_default();
            !known(&|arg| arg.get_long() == Some(long))
        }
        // Letters may stand together, and a value behind the last.
        None => {
            let first = name.chars().next();
            !first.is_some_and(|letter| "hV".contains(letter)) && !known(&|arg| arg.get_short() == first)
        }
    }
}

/// An option that gdoctor does not have: the one that is called nearly so, else what it speaks of.
fn no_option(tree: &Command, words: &[&str], at: usize) -> String {
    let name = words[at].trim_start_matches('-').split('=').next().unwrap_or_default().to_lowercase();
    let flags = tree.get_arguments().filter(|flag| !flag.is_hide_set()).filter_map(|flag| flag.get_long());
    let slips = if name.len() > 10 { 2 } else { 1 };
    let near = nearest(&name, slips, flags).map(|flag| {
        let given = words[at].split_once('=').map(|(_, value)| value);
        let given = given.or(words.get(at + 1).copied().filter(|word| !word.starts_with('-')));
        match (flag.as_str(), given) {
            ("camera", None) => "gdoctor --camera any".to_owned(),
            (flag, Some(value)) => format!("gdoctor --{flag} {}", joined(&[value])),
            (flag, None) => format!("gdoctor --{flag}"),
        }
    });
    let told = match near {
        Some(near) => format!("; did you mean: {near}"),
        None => spoken(&[&name]),
    };
    format!("there is no option {}{told}", words[at])
}

/// The command lines that the grammar takes with another word in this place: the value of the flag before it, a flag, a command or
/// a topic that is called so or nearly so.
fn repaired(words: &[&str], at: usize) -> Option<String> {
    let (before, rest) = (&words[1..at], &words[at + 1..]);
    let word = words[at].to_lowercase();
    let tree = Cli::command();
    let with = |middle: &[&str]| [before, middle, rest].concat().iter().map(|word| (*word).to_owned()).collect();
    let mut lines: Vec<Vec<String>> = Vec::new();
    if let Some((flag, earlier)) = before.split_last() {
        let joined = [format!("{flag}={}", words[at])];
        lines.push(
            earlier
                .iter()
                .map(|word| (*word).to_owned())
                .chain(joined)
                .chain(rest.iter().map(|word| (*word).to_owned()))
                .collect(),
        );
    }
    // Of a short word two letters are too much of it (`proxy` is no `prove`), of a flag or a topic, of which there are many, more
    // than two of ten.
    let (few, slips) = (if word.len() < 6 { 1 } else { 2 }, if word.len() > 10 { 2 } else { 1 });
    let commands = tree.get_subcommands().filter(|command| !command.is_hide_set()).map(Command::get_name);
    let commands = commands.chain(STARTERS.into_iter().filter(|name| name.len() > 4 && !rest.is_empty()));
    lines.extend(nearest(&word, few, commands).map(|name| with(&[&name])));
    let flags = tree.get_arguments().filter_map(|flag| flag.get_long());
    lines.extend(nearest(&word, slips, flags).map(|flag| with(&[&format!("--{flag}")])));
    let families = FAMILIES.iter().flat_map(|family| [family.title, family.name]);
    let topics = || families.clone().chain(ALL.iter().map(|check| check.id));
    if let Some(topic) = nearest(&word, slips, topics()) {
        // Of what nobody asks for nothing is looked at.
        let is_meant = |family: &&&Family| topic == family.name || topic == family.title.to_lowercase();
        let asked_by = FAMILIES.iter().find(is_meant).map_or("", |family| family.asked_by);
        let flag: Vec<&str> = asked_by.split(' ').collect();
        lines.push(match flag[0].len() > 2 && !asked_by.contains(char::is_uppercase) {
            true => with(&flag),
            false => with(&["--only", &topic]),
        });
        lines.dedup();
    }
    let alone = rest.is_empty() && before.iter().all(|word| *word == "check");
    if let Some(topic) = nearest(&word, slips, topics()).or_else(|| code(&word)).filter(|_| alone) {
        lines.push(vec!["explain".to_owned(), topic]);
    }
    let program = || OsString::from("gdoctor");
    let is_taken = |line: &Vec<String>| {
        let typed = std::iter::once(program()).chain(line.iter().map(OsString::from)).collect();
        // Help comes as an error that is none.
        Cli::try_parse_from(line_last(typed)).map_or_else(|error| !error.use_stderr(), |_| true)
    };
    let told: Vec<String> =
        lines.iter().filter(|line| is_taken(line)).map(|line| format!("gdoctor {}", run_line::join(line))).collect();
    (!told.is_empty()).then(|| format!("; did you mean: {}", told.join(", or ")))
}

/// The one of these names, in small letters, that is made of the word by the fewest slips, and by no more than so many.
fn nearest<'a>(word: &str, slips: usize, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let near = names.map(str::to_lowercase).map(|name| (strsim::damerau_levenshtein(&name, word), name));
    near.filter(|(distance, _)| *distance <= slips).min().map(|(_, name)| name)
}

/// `docker-access/not-in-group`, where it is a code.
fn code(word: &str) -> Option<String> {
    Some(word.to_owned()).filter(|word| explain::topic::is_code(word))
}

fn joined(words: &[&str]) -> String {
    run_line::join(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
}

/// An option that docker has and this command has not.
fn of_docker(command: &Command, word: &str, value: Option<&str>) -> Option<String> {
    let name = match word.strip_prefix("--") {
        Some(name) => name.split('=').next()?,
        // `-p 8080:80`, also without the blank.
        None if word.starts_with("-p") => "publish",
        None => return None,
    };
    let is_own = command.get_arguments().any(|arg| arg.get_long() == Some(name));
    if is_own || ["help", "version"].contains(&name) || !run_line::is_option(name) {
        return None;
    }
    let own = match name {
        "gpus" => "gdoctor's own is --gpu: gdoctor --gpu. Or give",
        "publish" => "gdoctor's own is --port, with the port of this machine: gdoctor --port 8080. Or give",
        "device" => "gdoctor's own for a camera is --camera: gdoctor --camera /dev/video0. Or give",
        _ => "Give",
    };
    let typed = if word.starts_with("--") { format!("--{name}") } else { "-p".to_owned() };
    let is_whole = word.contains('=') || word.len() > 2 && !word.starts_with("--");
    let given = value.filter(|_| !is_whole).map_or(word.to_owned(), |value| joined(&[word, value]));
    Some(format!("{typed} is an option of `docker run`. {own} the whole line: gdoctor docker run {given} ... IMAGE"))
}

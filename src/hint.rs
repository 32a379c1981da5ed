//! What a command line that clap does not take was meant to be: a misspelt command, an option of docker's, a line in quotes.

use std::ffi::OsString;

use clap::{Command, CommandFactory, Parser};
use gdoctor_checks::{ALL, FAMILIES};

use crate::cli::{Cli, STARTERS, first_word, line_last, word_behind};
use crate::explain;
use crate::need::run_line;

/// One sentence with the command to type; `None` where clap's own words are as good.
pub fn hint(arguments: &[OsString]) -> Option<String> {
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    if words.len() != arguments.len() {
        return None;
    }
    let tree = Cli::command();
    let at = first_word(arguments);
    let before = words.get(1..at).unwrap_or_default();
    if let Some(option) = before.iter().find_map(|word| of_docker(&tree, word)) {
        return Some(option);
    }
    let word = words.get(at).filter(|word| !word.starts_with('-'))?;
    // clap's own, which names a command.
    if *word == "help" {
        let named = words.get(at + 1)?;
        return Some(format!("there is no command {named:?}{}", meant(&words, at + 1)));
    }
    if let Some(command) = tree.find_subcommand(word) {
        let rest = words.get(at + 1..).unwrap_or_default();
        if let Some(option) = rest.iter().take_while(|word| **word != "--").find_map(|word| of_docker(command, word)) {
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
            false => "; an error message is explained by: gdoctor explain MESSAGE".into(),
        };
    }
    if ["run", "create"].contains(&word) {
        let line = if rest.is_empty() { " --gpus all IMAGE".to_owned() } else { format!(" {}", joined(rest)) };
        return format!("; a line to judge begins with its program: gdoctor docker {word}{line}");
    }
    repaired(words, at).unwrap_or_else(|| "; `gdoctor --help` lists the commands".into())
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
    // Of a short word two letters are too much of it, of a flag or a topic, of which there are many, more than two of ten.
    let (few, slips) = (if word.len() < 4 { 1 } else { 2 }, if word.len() > 10 { 2 } else { 1 });
    let commands = tree.get_subcommands().filter(|command| !command.is_hide_set()).map(Command::get_name);
    let commands = commands.chain(STARTERS.into_iter().filter(|name| name.len() > 4 && !rest.is_empty()));
    lines.extend(nearest(&word, few, commands).map(|name| with(&[&name])));
    let flags = tree.get_arguments().filter_map(|flag| flag.get_long());
    lines.extend(nearest(&word, slips, flags).map(|flag| with(&[&format!("--{flag}")])));
    let families = FAMILIES.iter().flat_map(|family| [family.title, family.name]);
    let topics = || families.clone().chain(ALL.iter().map(|check| check.id));
    if let Some(topic) = nearest(&word, slips, topics()) {
        lines.push(with(&["--only", &topic]));
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
fn of_docker(command: &Command, word: &str) -> Option<String> {
    let name = word.strip_prefix("--")?.split('=').next()?;
    let is_own = command.get_arguments().any(|arg| arg.get_long() == Some(name));
    if is_own || ["help", "version"].contains(&name) || !run_line::is_option(name) {
        return None;
    }
    let own = if name == "gpus" { "gdoctor's own is --gpu: gdoctor --gpu. Or give" } else { "Give" };
    Some(format!("--{name} is an option of `docker run`. {own} the whole line: gdoctor docker run {word} ... IMAGE"))
}

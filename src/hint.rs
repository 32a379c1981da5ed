//! What a command line that clap does not take was meant to be: a misspelt command, an option of docker's, a line in quotes.

use std::ffi::OsString;

use clap::{Command, CommandFactory};
use gdoctor_checks::{ALL, FAMILIES};

use crate::cli::{Cli, STARTERS, first_word};
use crate::need::run_line;

/// One sentence with the command to type; `None` where clap's own words are as good.
pub fn hint(arguments: &[OsString]) -> Option<String> {
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    if words.len() != arguments.len() {
        return None;
    }
    let tree = Cli::command();
    if let [_, "check", name] | [_, name] = words[..]
        && is_topic(name)
    {
        return Some(format!("{name:?} is what checks are about: gdoctor --only {name}, or gdoctor explain {name}"));
    }
    let at = first_word(arguments);
    let before = words.get(1..at).unwrap_or_default();
    if let Some(option) = before.iter().find_map(|word| of_docker(&tree, word)) {
        return Some(option);
    }
    let word = words.get(at).filter(|word| !word.starts_with('-'))?;
    let is_command = |name: &str| tree.get_subcommands().any(|command| command.get_name() == name);
    if is_command(word) {
        let rest = words.get(at + 1..).unwrap_or_default();
        return rest.iter().take_while(|word| **word != "--").find_map(|word| {
            let unknown = tree.find_subcommand(words[at])?;
            of_docker(unknown, word)
        });
    }
    // clap's own, which names a command.
    if *word == "help" {
        let named = words.get(at + 1)?;
        return Some(format!("there is no command {named:?}{}", meant(&tree, named, &[])));
    }
    let rest = words.get(at + 1..).unwrap_or_default();
    Some(format!("there is no command {word:?}{}", meant(&tree, word, rest)))
}

fn is_topic(name: &str) -> bool {
    FAMILIES.iter().any(|family| family.name == name) || ALL.iter().any(|check| check.id == name)
}

/// What `word`, with `rest` behind it, was meant to be.
fn meant(tree: &Command, word: &str, rest: &[&str]) -> String {
    let names = || tree.get_subcommands().filter(|command| !command.is_hide_set()).map(Command::get_name);
    if let Some((first, _)) = word.split_once(char::is_whitespace) {
        let starts = STARTERS.contains(&first) || names().any(|name| name == first) || first.starts_with('-');
        return match starts {
            true => format!(": take the quotes away: gdoctor {word}"),
            false => "; an error message is explained by: gdoctor explain MESSAGE".into(),
        };
    }
    if ["run", "create"].contains(&word) {
        let line = if rest.is_empty() { " --gpus all IMAGE".to_owned() } else { format!(" {}", joined(rest)) };
        return format!("; a line to judge begins with its program: gdoctor docker {word}{line}");
    }
    let nearest = |known: &mut dyn Iterator<Item = &str>| {
        let near = known.map(|name| (strsim::damerau_levenshtein(name, word), name.to_owned()));
        near.filter(|(distance, _)| (1..=2).contains(distance)).min()
    };
    let command = nearest(&mut names());
    let starter = nearest(&mut STARTERS.into_iter().filter(|name| name.len() > 4)).filter(|_| !rest.is_empty());
    match (command, starter) {
        (Some((near, _)), Some((nearer, name))) if nearer < near => {
            format!("; did you mean: gdoctor {name} {}", joined(rest))
        }
        (Some((_, name)), _) => format!("; did you mean {name}?"),
        (None, Some((_, name))) => format!("; did you mean: gdoctor {name} {}", joined(rest)),
        (None, None) => "; `gdoctor --help` lists the commands".into(),
    }
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

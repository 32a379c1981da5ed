//! The commands of a report as they have to be typed: with the places that this look was told to look at.

use gdoctor_checks::model::fix::Step;

use super::{Gate, Report};
use crate::need::run_line::join;

const ROOT: &str = "--root";
/// Flags that give the line, which another command may give itself.
const LINE: [&str; 2] = ["--run-file", "--compose"];

impl Report {
    /// `typed` asked for this report, and asks for all of it where it is `unselected`. The looks that it advises get the `places`
    /// (flags and values) of that command.
    pub fn asked_by(&mut self, typed: &str, unselected: &str, places: &[String]) {
        let gate = Gate::default();
        (self.command, self.unselected) = (gate.text(typed), gate.text(unselected));
        // Of the places `explain` takes the root alone.
        let root = places.chunks(2).find(|pair| pair[0] == ROOT).map(|pair| gate.text(&join(pair)));
        let mut told = false;
        for outcome in &mut self.results {
            if let (Some(flags), Some(root)) = (&mut outcome.explained, &root) {
                *flags = format!("{flags} {root}");
            }
            // What was just run says the same again, and other programs look at this machine and not below a root. What gdoctor saw then helps somebody who can ask more.
            if !outcome.find_out.is_empty() {
                let sees_root = |command: &str| root.is_none() || command.contains("gdoctor");
                outcome.find_out.retain(|command| bare(command) != bare(typed) && sees_root(command));
                if outcome.find_out.is_empty() {
                    let look = format!("gdoctor --only {}{THERE}", outcome.id);
                    outcome.find_out.push(root.as_ref().map_or("gdoctor issue".to_owned(), |_| look));
                }
            }
            // The same look there tells all that a root does not.
            if outcome.is_of_root() && outcome.is_trouble() && root.is_some() {
                let look = format!("{}{THERE}", without_root(typed));
                outcome.find_out = if told { Vec::new() } else { vec![look] };
                told = true;
            }
            let steps = outcome.fixes.iter_mut().flat_map(|fix| &mut fix.verify);
            let steps = steps.filter_map(|step| match step {
                Step::Command(command) => Some(command),
                Step::Sentence(_) => None,
            });
            for command in outcome.find_out.iter_mut().chain(steps) {
                *command = gate.text(&placed(command, places));
            }
        }
    }
}

/// A typed command for the machine whose root it names.
fn without_root(typed: &str) -> String {
    let mut words = typed.split(' ');
    let mut kept = Vec::new();
    while let Some(word) = words.next() {
        match word {
            ROOT => drop(words.next()),
            _ if word.starts_with("--root=") => {}
            _ => kept.push(word),
        }
    }
    kept.join(" ")
}

/// Behind a look that this one cannot take the place of.
pub const THERE: &str = "   # on that system, when it runs";

/// The words that decide what a look sees.
fn bare(command: &str) -> Vec<&str> {
    let mut words: Vec<&str> = command
        .split_whitespace()
        .filter(|word| !["check", "-v", "--verbose", "-q", "--quiet"].contains(word))
        .collect();
    words.sort_unstable();
    words
}

/// A look of gdoctor's with these places; every other command as it is.
pub fn placed(command: &str, places: &[String]) -> String {
    let is_look =
        |(before, look): &(&str, &str)| ["", "sudo "].contains(before) && (look.is_empty() || look.starts_with(" -"));
    let elsewhere = places.is_empty() || command.ends_with(THERE);
    let Some((before, look)) = command.split_once("gdoctor").filter(|parts| !elsewhere && is_look(parts)) else {
        return command.to_owned();
    };
    let given = places.iter().any(|word| LINE.contains(&word.as_str()));
    // The file is the line.
    let look = look.split_once(" -- ").filter(|_| given).map_or(look, |(look, _)| look);
    let known = |flag: &str| look.split(' ').any(|word| word == flag);
    let missing = places.chunks(2).filter(|pair| !known(&pair[0])).flatten().cloned().collect::<Vec<_>>();
    let blank = if missing.is_empty() { "" } else { " " };
    format!("{before}gdoctor{blank}{}{look}", join(&missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_told_where_to_look() {
        let places = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let root = places("--root /mnt/disk");
        for (command, told) in [
            ("gdoctor --only docker-engine", "gdoctor --root /mnt/disk --only docker-engine"),
            ("sudo gdoctor -v --only port-free", "sudo gdoctor --root /mnt/disk -v --only port-free"),
            ("gdoctor explain docker-engine", "gdoctor explain docker-engine"),
            ("gdoctor docker run ...", "gdoctor docker run ..."),
            ("docker info", "docker info"),
            ("gdoctor", "gdoctor --root /mnt/disk"),
            ("", ""),
        ] {
            assert_eq!(placed(command, &root), told);
        }
        assert_eq!(
            placed("gdoctor --only run-line-gpu -- docker run x", &places("--run-file a --root /m")),
            "gdoctor --run-file a --root /m --only run-line-gpu"
        );
    }
}

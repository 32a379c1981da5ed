//! What a proof says: the command that is going to be run, and what an engine's client says when it refuses.

use gdoctor_checks::model::facts::proof::Start;
use gdoctor_checks::model::run::RunLine;

use crate::explain::find::Finder;
use crate::host::client::Said;
use crate::need::run_line;
use crate::secret;

use super::program;

/// An engine's message.
const MESSAGE: usize = 1000;

/// What is going to be run, as a user would type it, without secrets; and what of the line is not in it.
pub fn shown(line: &RunLine, options: &[String], image: &str, left_out: &[String]) -> String {
    let command = [program(line).to_owned(), "run".into(), "--rm".into()].into_iter();
    let all: Vec<String> = command.chain(options.iter().cloned()).chain([image.to_owned()]).collect();
    let mut text =
        format!("gdoctor: starts a container of its own, and takes it away again:\n  {}", run_line::join(&all));
    left_out.iter().for_each(|words| text.push_str(&format!("\n  without {words}")));
    secret::masked(&text)
}

pub fn refused(message: String) -> Start {
    let found = Finder::new().search(message.as_bytes()).found;
    let mut codes: Vec<String> =
        found.iter().map(|found| format!("{}/{}", found.entry.id, found.entry.code.name)).collect();
    codes.truncate(3);
    Start::Refused { message: secret::masked(&message), codes }
}

/// What a client said of its failure, without what it says besides.
pub fn message(said: &Said) -> String {
    let besides = |line: &&str| {
        let line = line.trim();
        line.is_empty()
            || line.starts_with("WARNING")
            || line.starts_with("See 'docker")
            || line.starts_with("Run 'docker")
    };
    let lines: Vec<&str> = said.stderr.lines().filter(|line| !besides(line)).map(str::trim).collect();
    lines.join(" ").chars().take(MESSAGE).collect()
}

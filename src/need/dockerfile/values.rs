//! What stands behind the keyword, where the builder takes few forms of it: parse.go of BuildKit's frontend/dockerfile/instructions, and
//! dispatchExpose and dispatchStopSignal of dockerfile2llb. What holds a variable is known to the build alone.

use super::Wrong;
use super::demands::list;
use super::expand::{self, Scope};
use super::lines::Instruction;
use super::words;
use crate::need::run_line::is_signal;

/// Refuses what no builder takes.
pub fn check(instruction: &Instruction) -> Result<(), Wrong> {
    let text = &instruction.text;
    let all = words(&text.text);
    let found: Vec<(usize, usize)> =
        all.into_iter().skip_while(|(start, end)| text.text[*start..*end].starts_with("--")).collect();
    let word = |place: &(usize, usize)| &text.text[place.0..place.1];
    let Some(&first) = found.first() else { return Ok(()) };
    let wrong =
        |(start, end): (usize, usize), what: String, help: &str| Err(Wrong::at(text.span(start, end), &what, help));
    let known = |place: &&(usize, usize)| !word(place).contains('$');
    match instruction.keyword.as_str() {
        "HEALTHCHECK" => match (word(&first).to_ascii_uppercase().as_str(), found.len()) {
            ("CMD", 1) => wrong(first, "HEALTHCHECK CMD has no command".into(), "HEALTHCHECK CMD COMMAND"),
            ("CMD", _) | ("NONE", 1) => Ok(()),
            ("NONE", _) => wrong(found[1], "HEALTHCHECK NONE takes nothing more".into(), "HEALTHCHECK NONE"),
            _ => {
                let what = format!("HEALTHCHECK takes CMD and a command, and here {} stands first", word(&first));
                wrong(first, what, "write CMD before the command: HEALTHCHECK CMD COMMAND")
            }
        },
        "EXPOSE" => match found.iter().filter(known).find(|place| !is_exposed(word(place))) {
            Some(place) => {
                let what = format!("{} is no port", word(place));
                wrong(*place, what, "a number, with tcp, udp or sctp behind a slash: EXPOSE 8080 or EXPOSE 8554/udp")
            }
            None => Ok(()),
        },
        "STOPSIGNAL" if known(&&first) && !is_signal(word(&first).trim_matches(['"', '\''])) => {
            wrong(first, format!("there is no signal {}", word(&first)), "its name or number, such as SIGINT or 2")
        }
        "ONBUILD" if ["ONBUILD", "FROM", "MAINTAINER"].contains(&word(&first).to_ascii_uppercase().as_str()) => {
            let what = format!("ONBUILD takes no {}", word(&first).to_ascii_uppercase());
            wrong(first, what, "it takes the instructions that stand in a stage, such as RUN and COPY")
        }
        "ARG" => match found.iter().find(|place| word(place).starts_with('=')) {
            Some(place) => wrong(
                *place,
                "ARG has a value without a name here".into(),
                "no blank stands beside the =: ARG NAME=VALUE",
            ),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// `8080`, `8000-8010/udp`, `8080:80`, `127.0.0.1::80`.
fn is_exposed(word: &str) -> bool {
    let bare = word.trim_matches(['"', '\'']);
    let (ports, protocol) = bare.split_once('/').unwrap_or((bare, "tcp"));
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    let port = ports.rsplit(':').next().unwrap_or_default();
    let fits = port.split_once('-').map_or_else(|| is_port(port), |(first, last)| is_port(first) && is_port(last));
    fits && ["", "tcp", "udp", "sctp"].contains(&protocol.to_ascii_lowercase().as_str())
}

/// Quotes and braces are closed wherever the builder replaces variables; of ENV and ARG their own readers tell.
pub fn closed(instruction: &Instruction, scope: &dyn Scope) -> Result<(), Wrong> {
    let text = &instruction.text;
    if list(text).is_some() || text.text.contains("<<") {
        return Ok(());
    }
    let whole = || {
        let bare = text.text.trim();
        let start = text.text.len() - text.text.trim_start().len();
        vec![(start, start + bare.len())]
    };
    let parts = match instruction.keyword.as_str() {
        "LABEL" => words(&text.text),
        "USER" | "WORKDIR" | "STOPSIGNAL" => whole(),
        "EXPOSE" | "VOLUME" | "COPY" | "ADD" => blanks(&text.text),
        _ => return Ok(()),
    };
    for (start, end) in parts {
        expand::word(&text.text[start..end], scope).map_err(|why| {
            let help = "quotes stand at both ends of a value";
            Wrong::at(text.span(start, end), &why, if why.contains("quote") { help } else { "${NAME}" })
        })?;
    }
    Ok(())
}

/// Parted at every blank, as the builder does here: quotes hold nothing together.
fn blanks(text: &str) -> Vec<(usize, usize)> {
    text.split_whitespace()
        .map(|word| {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            (start, start + word.len())
        })
        .collect()
}

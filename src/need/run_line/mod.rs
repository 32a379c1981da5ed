//! Reads a `docker run` line as the shell and docker's client would, without running anything of it: the options with their
//! places, and from them the need.

mod find;
mod flags;
mod mounts;
mod need;
mod numbers;
mod options;
mod parts;
mod paste;
mod places;
mod podman;
mod recipe;
mod things;
mod values;

use gdoctor_checks::model::run::{RunLine, Span};

use super::dockerfile::build::Build;
use super::shell;

pub use need::add;
pub use numbers::is_size;
pub use parts::{Part, parts};
pub use shell::{Outside as Shell, Wrong};

/// Go's text of a time, such as `1m30s`.
pub fn is_time(text: &str) -> bool {
    numbers::time(text).is_ok()
}

/// A signal's name or number.
pub fn is_signal(text: &str) -> bool {
    values::refused(flags::Kind::Signal, text).is_none()
}

/// Longer texts are refused.
const CAP: usize = 256 << 10;

/// What a text does, in the order in which it does it; one of them is not empty.
pub struct Read {
    pub lines: Vec<RunLine>,
    pub builds: Vec<Build>,
}

/// Every container that a text starts: a line that was pasted, or a whole script.
pub fn parse(text: &str, shell: &Shell) -> Result<Vec<RunLine>, Wrong> {
    let read = read(text, shell)?;
    if read.lines.is_empty() {
        return Err(Wrong::at(Span::at(0), "a build starts no container", "give the line that starts it"));
    }
    Ok(read.lines)
}

/// The containers that a text starts, and what it builds.
pub fn read(text: &str, shell: &Shell) -> Result<Read, Wrong> {
    if text.len() > CAP {
        return Err(Wrong::at(
            Span::at(0),
            "this is longer than 256 KiB",
            "give the one command that starts the container",
        ));
    }
    let odd = |c: &char| {
        (c.is_control() && !"\n\t\r\0".contains(*c))
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if let Some((at, c)) = text.char_indices().find(|(_, c)| odd(c)) {
        let what = format!("U+{:04X}, a character that cannot be seen", c as u32);
        return Err(Wrong::at(Span::new(at, at + c.len_utf8()), &what, "take it out, or type the line anew"));
    }
    if let Some(recipe) = recipe::of(text) {
        let shell = Shell { elsewhere: shell.elsewhere || recipe.service, ..*shell };
        let mut read = found(text, &recipe.text, Some(&recipe.places), &shell)?;
        read.lines.iter_mut().for_each(|line| line.scheduled = recipe.service);
        return Ok(read);
    }
    let pasted = paste::clean(text)?;
    let mut read = found(text, &pasted.text, None, shell)?;
    for line in &mut read.lines {
        line.foreign = pasted.foreign.clone();
        line.pasted = pasted.around.clone();
        line.scheduled = pasted.scheduled.contains(&line.number);
    }
    Ok(read)
}

/// What `clean` does, which is `text` without what stands around a pasted command; `places` says where its bytes stand in `text`, if
/// not at the same ones.
fn found(text: &str, clean: &str, places: Option<&[Span]>, shell: &Shell) -> Result<Read, Wrong> {
    let mut finder = find::Finder::new(text);
    shell::walk(clean, places, shell, &mut finder)?;
    if let Some(broken) = finder.broken {
        return Err(broken.wrong);
    }
    if finder.lines.is_empty() && finder.builds.is_empty() {
        let begins = text.len() - text.trim_start().len();
        let none = || {
            let end = text[begins..].find(char::is_whitespace).map_or(text.len(), |length| begins + length);
            let help = "gdoctor reads `docker run …`, `docker create …` and `podman run …`";
            Wrong::at(Span::new(begins, end), "no `docker run` stands here", help)
        };
        return Err(finder.miss.unwrap_or_else(none));
    }
    // What a condition asks by a run is answered either way: it counts where nothing else is started.
    let mut lines = finder.lines;
    if lines.iter().any(|line| !line.asks) {
        lines.retain(|line| !line.asks);
    }
    Ok(Read { lines, builds: finder.builds })
}

/// As `parse`, of a text that starts one.
pub fn parse_one(text: &str, shell: &Shell) -> Result<RunLine, Wrong> {
    let mut lines = parse(text, shell)?;
    Ok(lines.swap_remove(0))
}

/// As `parse_one`, of a line that was made here: what looks like a place to fill in is a value.
pub fn parse_made(text: &str, shell: &Shell) -> Result<RunLine, Wrong> {
    let mut lines = found(text, text, None, shell)?.lines;
    Ok(lines.swap_remove(0))
}

/// `docker run` has an option of this long name.
pub fn is_option(name: &str) -> bool {
    flags::Dialect { podman: false, creates: false }.long(name).is_some()
}

/// The words behind `gdoctor check --`: put together so that the shell would part them the same way again.
pub fn join(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell's user would write it: bare where it can be, else what follows its first `=` in single quotes, else all
/// of it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,^".contains(c);
    let single = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    match word.split_once('=') {
        Some((name, value)) if name.chars().all(plain) && !name.is_empty() => format!("{name}={}", single(value)),
        _ => single(word),
    }
}

//! What the builder refuses of an instruction by its words alone: too few of them, names that cannot be.

use super::Wrong;
use super::lines::{Instruction, Text};
use super::words;

/// The least words that an instruction takes, options aside.
const LEAST: [(&str, usize, &str); 13] = [
    ("ADD", 2, "ADD SOURCE… TARGET"),
    ("COPY", 2, "COPY SOURCE… TARGET"),
    ("ARG", 1, "ARG NAME, or ARG NAME=VALUE"),
    ("ENV", 1, "ENV NAME=VALUE"),
    ("LABEL", 1, "LABEL NAME=VALUE"),
    ("EXPOSE", 1, "EXPOSE PORT"),
    ("USER", 1, "USER NAME"),
    ("WORKDIR", 1, "WORKDIR FOLDER"),
    ("VOLUME", 1, "VOLUME FOLDER"),
    ("STOPSIGNAL", 1, "STOPSIGNAL SIGNAL"),
    ("ONBUILD", 1, "ONBUILD INSTRUCTION"),
    ("HEALTHCHECK", 1, "HEALTHCHECK CMD COMMAND, or HEALTHCHECK NONE"),
    ("MAINTAINER", 1, "LABEL maintainer=\"NAME\""),
];

/// Refuses what no builder takes.
pub fn check(instruction: &Instruction) -> Result<(), Wrong> {
    let (keyword, text) = (instruction.keyword.as_str(), &instruction.text);
    let found = words(&text.text);
    let options = found.iter().take_while(|(start, end)| text.text[*start..*end].starts_with("--")).count();
    if keyword == "SHELL" && !text.text.trim_start().starts_with('[') {
        let help = "SHELL [\"/bin/bash\", \"-c\"]";
        return Err(Wrong::at(instruction.span, "SHELL takes a list in brackets", help));
    }
    let Some((_, least, form)) = LEAST.iter().find(|(name, ..)| *name == keyword) else { return Ok(()) };
    let count = list(text).unwrap_or(found.len() - options);
    if count < *least {
        let what = match (count, least) {
            (_, 2) => format!("{keyword} takes what to copy and where to, and here {count} of the two is"),
            _ => format!("{keyword} has nothing behind it"),
        };
        let what = what.replace("here 0 of the two is", "here neither is");
        return Err(Wrong::at(instruction.span, &what, form));
    }
    Ok(())
}

/// How many words the form in brackets has; nothing where it is not used.
pub fn list(text: &Text) -> Option<usize> {
    let bare = text.text.trim();
    let start = bare.find('[').filter(|at| bare[..*at].split_whitespace().all(|word| word.starts_with("--")))?;
    serde_json::from_str::<Vec<String>>(&bare[start..]).ok().map(|words| words.len())
}

/// Letters, digits, `-_.`, a letter first: what FROM … AS takes for a name.
pub fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b))
}

/// False for what no registry can have: `nvidia/cuda:-base`, `Ubuntu`, `a//b`.
pub fn is_reference(text: &str) -> bool {
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let good_tag = |tag: &str| {
        tag.bytes().next().is_some_and(word) && tag.len() <= 128 && tag.bytes().all(|b| word(b) || b".-".contains(&b))
    };
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" || host != host.to_ascii_lowercase() => {
            (Some(host), path)
        }
        _ => (None, name),
    };
    let part = |part: &str| {
        let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        edge(part.bytes().next())
            && edge(part.bytes().last())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    };
    tag.is_none_or(good_tag)
        && digest.is_none_or(|digest| digest.contains(':'))
        && host.is_none_or(|host| !host.is_empty())
        && path.split('/').all(part)
}

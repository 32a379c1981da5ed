//! A value that has lost its option and stands where the image belongs: what follows it are then docker's options, not the program's.

use crate::model::facts::Facts;
use alloc::string::String;

use crate::model::run::{Argument, RunLine, RunOption, Span};

/// The option that a word belongs to which stands where the image is expected.
pub fn option_of(value: &str) -> Option<&'static str> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if value
        .split_once(':')
        .is_some_and(|(a, b)| is_number(a) && is_number(b.trim_end_matches("/udp").trim_end_matches("/tcp")))
    {
        return Some("-p");
    }
    if value.starts_with(['/', '.', '~']) && value.contains(":/") {
        return Some("-v");
    }
    if value.starts_with("/dev/") {
        return Some("--device");
    }
    let name = value.split_once('=')?.0;
    let is_variable = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    (!name.is_empty() && is_variable).then_some("-e")
}

/// A value with a blank beside its `=`, `,` or `:`, where the shell parts the words: `--gpus = all`, `src=/a, target=/b`, `-v /a : /b`.
pub struct Parted<'a> {
    pub option: &'a RunOption,
    pub mark: char,
    /// From the value to the last of its parts.
    pub span: Span,
    /// As one word.
    pub whole: String,
}

/// What docker reads as the image is then a part of the value; something has to be left for the image. `text`: what the line's places
/// count in.
pub fn parted<'a>(line: &'a RunLine, text: &str) -> Option<Parted<'a>> {
    const MARKS: [char; 3] = ['=', ',', ':'];
    let image = line.image.as_ref().filter(|image| !image.at.opaque && image.at.file.is_none())?;
    let before = |option: &&RunOption| option.name != "image" && option.at.span.end <= image.at.span.start;
    let option = line.options.iter().rfind(before).filter(|option| !option.at.opaque)?;
    let text = |at: Span| text.get(at.start..at.end);
    let written = text(option.at.value)?;
    let begins = image.reference.chars().next().filter(|c| MARKS.contains(c));
    let lone = begins.is_some() && image.reference.len() == 1;
    let ends = || {
        let last = option.at.text.chars().last().filter(|c| MARKS.contains(c));
        last.filter(|_| option.refused.is_some() && option.name != "env")
    };
    let mark = begins.or_else(ends)?;
    let next = line.arguments.first().filter(|_| lone);
    let taken = if lone { 2 } else { 1 };
    // A switch has no value to go on.
    if line.arguments.len() < taken || option.value == "true" {
        return None;
    }
    let last: &Argument = next.unwrap_or(&image.at);
    // `--gpus = all`: the sign is no part of a value that stands behind a blank.
    let own = if written == "=" { "" } else { written };
    let whole = [own, text(image.at.span)?, next.map_or(Some(""), |next| text(next.span))?].concat();
    Some(Parted { option, mark, span: Span::new(option.at.value.start, last.span.end), whole })
}

impl Facts {
    /// The option whose value could be an image's name, is none here, and has options behind it.
    pub fn option_of_image(&self, line: &RunLine) -> Option<&'static str> {
        let image = line.image.as_ref().filter(|image| !image.at.opaque && !line.behind.is_empty())?;
        let missing = if image.reference == "all" { "--gpus" } else { option_of(&image.reference)? };
        // Something has to be left for the image.
        let left = line.arguments.len() > line.behind.len();
        (left && self.run.image.value().is_none()).then_some(missing)
    }
}

//! A value that has lost its option and stands where the image belongs: what follows it are then docker's options, not the program's.

use crate::model::facts::Facts;
use crate::model::run::RunLine;

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

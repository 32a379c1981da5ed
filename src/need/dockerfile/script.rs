//! The text that RUN, CMD and ENTRYPOINT give a shell: whether one can read it, and what in it means something else than it says.

use gdoctor_checks::model::dockerfile::Does;

use crate::need::shell::outline::{self, OnlyBash, Outline, Simple};

use super::lines::Text;
use super::words;

/// Who reads the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// /bin/sh as the base has it.
    #[default]
    OfBase,
    Bash,
    /// None of these: Windows, PowerShell, Python.
    Other,
}

impl Shell {
    /// What SHELL says.
    pub fn named(list: &str) -> Self {
        let program = list.trim_start_matches(['[', ' ', '"']).split(['"', ',']).next().unwrap_or_default();
        match program.rsplit('/').next().unwrap_or_default() {
            "bash" => Self::Bash,
            "sh" | "ash" | "dash" => Self::OfBase,
            _ => Self::Other,
        }
    }

    /// Of a base by its name: Windows has cmd.
    pub fn of_base(reference: &str) -> Self {
        let windows = ["windows", "nanoserver", "servercore"].iter().any(|word| reference.contains(word));
        if windows { Self::Other } else { Self::OfBase }
    }
}

/// Something of a text, by its place, with why or how.
pub struct Told {
    pub does: Does,
    pub place: (usize, usize),
    /// What it is called; else the text of the place.
    pub name: Option<String>,
    pub meant: String,
}

/// Where the shell's text begins, behind the instruction's options; none in a list of JSON.
pub fn begin(text: &str) -> Option<usize> {
    let found = words(text);
    let (start, _) = *found.iter().find(|(start, end)| !text[*start..*end].starts_with("--"))?;
    let list = serde_json::from_str::<Vec<String>>(text[start..].trim()).is_ok();
    (!list).then_some(start)
}

/// Only here-documents are there: their bodies are the script.
pub fn is_document(text: &str) -> bool {
    let rest = text.trim_start().strip_prefix("<<").map(|rest| rest.trim_start_matches(['-', ' ']));
    rest.is_some_and(|rest| words(rest).len() == 1)
}

/// The commands of an instruction's text from that byte on, their places in it; or why no shell reads it.
pub fn read(keyword: &str, text: &Text, begin: usize) -> Result<Outline, Told> {
    let script = &text.text[begin..];
    match outline::read(script) {
        Ok(mut outline) => {
            outline.shift(begin);
            Ok(outline)
        }
        Err(wrong) => {
            let end = text.text.trim_end().len();
            let start = (begin + wrong.span.start).min(end.saturating_sub(1));
            let place = (start, (begin + wrong.span.end).clamp(start + 1, end.max(start + 1)));
            // Some letters have more than one byte.
            let whole = text.text.is_char_boundary(place.0) && text.text.is_char_boundary(place.1);
            let place = if whole { place } else { (begin, end) };
            let first = script.split_whitespace().next().unwrap_or_default();
            let name = Some(format!("{keyword} {first}"));
            Err(Told { does: Does::NoShellText, place, name, meant: wrong.what })
        }
    }
}

/// What commands mean to say, and the shell takes for something else.
pub fn told(text: &str, outline: &Outline, shell: Shell) -> Vec<Told> {
    let mut found: Vec<Told> = outline.commands.iter().flat_map(redirected).collect();
    let of_bash = outline.only_bash.iter().filter(|_| shell == Shell::OfBase);
    found.extend(of_bash.map(|one| {
        let opens = text[..one.span.start].trim_end();
        let start = if opens.ends_with("[[") { opens.len() - 2 } else { one.span.start };
        let place = (start, if start == one.span.start { one.span.end } else { start + 2 });
        let (does, meant) = match one.by {
            _ if &text[place.0..place.1] == "source" => (Does::Source, ""),
            OnlyBash::Grammar => (Does::OnlyBash, "never"),
            OnlyBash::Ends if !one.sometimes => (Does::OnlyBash, "never"),
            _ => (Does::OnlyBash, "perhaps"),
        };
        Told { does, place, name: None, meant: meant.to_owned() }
    }));
    found
}

/// `pip install numpy>=1.2`: the shell takes the version for a file.
fn redirected(command: &Simple) -> Vec<Told> {
    const INSTALLERS: [&str; 11] =
        ["pip", "pip3", "python", "python3", "uv", "conda", "mamba", "micromamba", "poetry", "npm", "yarn"];
    let said = |words: &[&str]| command.words.iter().any(|(word, _)| words.contains(&word.as_str()));
    let installs = command.program().is_some_and(|program| INSTALLERS.contains(&program)) && said(&["install", "add"]);
    let version = |file: &str| {
        let digits = file.trim_start_matches('=');
        digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.bytes().all(|b| b.is_ascii_digit() || b".,*".contains(&b))
    };
    let glued = |at: usize| command.words.iter().find(|(_, span)| span.end == at);
    let fits =
        command.files.iter().filter(|(operator, file, _)| installs && [">", "<"].contains(operator) && version(file));
    fits.filter_map(|(operator, _, span)| {
        let (_, word) = glued(span.start)?;
        let meant = if *operator == "<" { "read" } else { "written" };
        Some(Told { does: Does::Redirected, place: (word.start, span.end), name: None, meant: meant.to_owned() })
    })
    .collect()
}

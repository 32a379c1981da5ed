//! What is taken out of a TOML table of a site's own check. Every error has its place and a remedy.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Letters of a text.
const LONG: usize = 2000;

/// What is wrong, where, and what to write instead.
#[derive(Debug)]
pub struct Wrong {
    pub span: Range<usize>,
    pub what: String,
    pub help: String,
}

pub fn wrong(span: Range<usize>, what: impl Into<String>, help: impl Into<String>) -> Wrong {
    Wrong { span, what: what.into(), help: help.into() }
}

pub fn table<'a>(value: &'a Spanned<DeValue<'a>>, what: &str) -> Result<&'a DeTable<'a>, Wrong> {
    match value.get_ref() {
        DeValue::Table(table) => Ok(table),
        _ => Err(wrong(value.span(), format!("{what} is a table"), "write { key = value, … }")),
    }
}

/// Err names the nearest of the known keys.
pub fn known<'a>(table: &DeTable, names: impl Iterator<Item = &'a str> + Clone, whose: &str) -> Result<(), Wrong> {
    for key in table.keys() {
        let name = key.get_ref().as_ref();
        if names.clone().any(|known| known == name) {
            continue;
        }
        let near = names.clone().map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
        let help = match near.filter(|(distance, _)| *distance <= 1 + name.len() / 3) {
            Some((_, near)) => format!("did you mean {near}?"),
            None => format!("its keys are {}", names.clone().collect::<Vec<_>>().join(", ")),
        };
        return Err(wrong(key.span(), format!("{name} is no key of {whose}"), help));
    }
    Ok(())
}

pub fn required(of: &DeTable, entry: &Spanned<DeValue>, name: &str, help: &str) -> Result<String, Wrong> {
    words(of, name)?.ok_or_else(|| wrong(entry.span(), format!("the check has no {name}"), help))
}

/// A text that is not empty.
pub fn words(of: &DeTable, name: &str) -> Result<Option<String>, Wrong> {
    let Some(value) = of.get(name) else { return Ok(None) };
    match value.get_ref() {
        DeValue::String(text) if !text.trim().is_empty() && text.chars().count() <= LONG => {
            Ok(Some(text.trim().to_owned()))
        }
        DeValue::String(text) if !text.trim().is_empty() => Err(wrong(
            value.span(),
            format!("{name} is longer than {LONG} letters"),
            "say it in fewer, and name a page",
        )),
        _ => Err(wrong(value.span(), format!("{name} is a text"), format!("write {name} = \"…\""))),
    }
}

/// A text, or a list of them; a text with line ends is a list of its lines.
pub fn texts(of: &DeTable, name: &str) -> Result<Vec<String>, Wrong> {
    let Some(value) = of.get(name) else { return Ok(Vec::new()) };
    let none = || wrong(value.span(), format!("{name} is a list of texts"), format!("write {name} = [\"…\", \"…\"]"));
    match value.get_ref() {
        DeValue::String(text) => {
            Ok(text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
        }
        DeValue::Array(list) => {
            let one = |value: &Spanned<DeValue>| match value.get_ref() {
                DeValue::String(text) if !text.contains('\0') => Ok(text.to_string()),
                _ => Err(none()),
            };
            list.iter().map(one).collect()
        }
        _ => Err(none()),
    }
}

/// A text with nothing to fill but what is filled.
pub fn sentence(of: &DeTable, name: &str) -> Result<Option<String>, Wrong> {
    let text = words(of, name)?;
    let span = of.get(name).map_or(0..0, Spanned::span);
    text.iter().try_for_each(|text| only_known(text, name, span.clone()))?;
    Ok(text)
}

pub fn only_known(text: &str, name: &str, span: Range<usize>) -> Result<(), Wrong> {
    for part in text.split('{').skip(1) {
        let Some((hole, _)) = part.split_once('}') else { continue };
        let is_hole = !hole.is_empty() && hole.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if is_hole && !["seen", "subject"].contains(&hole) {
            let help = "{seen} and {subject} are filled; a shell's variable is written $name";
            return Err(wrong(span, format!("nothing fills {{{hole}}} in {name}"), help));
        }
    }
    Ok(())
}

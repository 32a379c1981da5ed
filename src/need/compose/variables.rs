//! Interpolation as compose does it: `$V`, `${V}`, `${V:-d}`, `${V-d}`, `${V:?e}`, `${V?e}`, `${V:+r}`, `${V+r}`, `$$`; a `$` that
//! names nothing stays.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::host::Host;
use crate::need::braces::{closing, name_length};

/// Defaults within defaults, deeper than this, are refused.
const DEPTH: usize = 16;
/// No value grows beyond this.
const GROWTH: usize = 1 << 16;

/// What variables stand for in a file: the environment first, then what files said.
#[derive(Clone)]
pub struct Variables<'a> {
    host: &'a Host,
    file: BTreeMap<String, String>,
}

impl<'a> Variables<'a> {
    pub fn new(host: &'a Host) -> Self {
        Self { host, file: BTreeMap::new() }
    }

    /// Of names that are known already the known value stays.
    pub fn add(&mut self, pairs: impl IntoIterator<Item = (String, String)>) {
        for (name, value) in pairs {
            self.file.entry(name).or_insert(value);
        }
    }

    /// Takes the place of what a file said.
    pub fn set(&mut self, name: &str, value: String) {
        self.file.insert(name.to_owned(), value);
    }

    pub fn get(&self, name: &str) -> Option<String> {
        // Compose sets PWD where nobody has.
        let own = || (name == "PWD").then(|| self.host.cwd());
        self.host.env(name).or_else(own).or_else(|| self.file.get(name).cloned())
    }

    /// The text with its variables replaced, and those of which nothing is left since nobody sets them.
    pub fn replace(&self, text: &str) -> Result<(String, Vec<String>), String> {
        let unset = RefCell::new(Vec::new());
        let text = substitute(text, &|name, lone| {
            let value = self.get(name);
            if lone && value.is_none() {
                unset.borrow_mut().push(name.to_owned());
            }
            value
        })?;
        Ok((text, unset.into_inner()))
    }
}

/// What a variable stands for; true where the text says nothing to stand in for it.
type Known<'k> = &'k dyn Fn(&str, bool) -> Option<String>;

/// The text with its variables replaced.
pub fn substitute(text: &str, known: Known) -> Result<String, String> {
    replaced(text, known, 0)
}

fn replaced(text: &str, known: Known, depth: usize) -> Result<String, String> {
    if depth > DEPTH {
        return Err("the defaults are nested too deeply".into());
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let end = closing(after).ok_or("a ${ is not closed; a dollar sign is written $$")?;
            out.push_str(&parameter(&after[..end], known, depth)?);
            rest = &after[end + 1..];
        } else {
            let length = name_length(rest);
            match length {
                0 => out.push('$'),
                _ => out.push_str(&known(&rest[..length], true).unwrap_or_default()),
            }
            rest = &rest[length..];
        }
        if out.len() > GROWTH {
            return Err("the variables make this value too long".into());
        }
    }
    out.push_str(rest);
    Ok(out)
}

fn parameter(inner: &str, known: Known, depth: usize) -> Result<String, String> {
    let (name, operator) = inner.split_at(name_length(inner));
    if name.is_empty() {
        return Err(format!("${{{inner}}} names no variable; a dollar sign is written $$"));
    }
    let empty_counts = operator.starts_with(':');
    let word = operator.strip_prefix(':').unwrap_or(operator);
    let set = known(name, ["", "-"].contains(&word));
    let present = set.clone().filter(|value| !empty_counts || !value.is_empty());
    match word.chars().next() {
        None if !empty_counts => Ok(set.unwrap_or_default()),
        Some('-') => present.map_or_else(|| replaced(&word[1..], known, depth + 1), Ok),
        Some('+') => present.map_or(Ok(String::new()), |_| replaced(&word[1..], known, depth + 1)),
        Some('?') => present.ok_or_else(|| {
            format!("{name} is not set, and the file insists on it: {}", word[1..].trim()).trim_end_matches(": ").into()
        }),
        _ => Err(format!("${{{inner}}} is of a form that compose does not know; a dollar sign is written $$")),
    }
}

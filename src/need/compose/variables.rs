//! Interpolation as the Compose Specification has it: `$V`, `${V}`, `${V:-d}`, `${V-d}`, `${V:?e}`, `${V?e}`, `${V:+r}`, `${V+r}`, `$$`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::host::Host;
use crate::need::braces::{closing, name_length};

/// Defaults within defaults, deeper than this, are refused.
const DEPTH: usize = 16;
/// No value grows beyond this.
const GROWTH: usize = 1 << 16;

pub struct Variables<'a> {
    host: &'a Host,
    /// Of .env beside the file; the environment beats them.
    file: BTreeMap<String, String>,
}

impl<'a> Variables<'a> {
    pub fn new(host: &'a Host, folder: &Path) -> Self {
        let mut variables = Self { host, file: BTreeMap::new() };
        variables.file = variables.file(&folder.join(".env")).unwrap_or_default().into_iter().collect();
        variables
    }

    /// The pairs of a file such as .env; `None` where it cannot be read.
    pub fn file(&self, path: &Path) -> Option<Vec<(String, String)>> {
        let text = self.host.live().text(path);
        text.value().map(|text| text.lines().filter_map(pair).collect())
    }

    pub fn get(&self, name: &str) -> Option<String> {
        self.host.env(name).or_else(|| self.file.get(name).cloned())
    }

    pub fn replace(&self, text: &str) -> Result<String, String> {
        self.replaced(text, 0)
    }

    fn replaced(&self, text: &str, depth: usize) -> Result<String, String> {
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
                let end = closing(after).ok_or("a ${ is not closed")?;
                out.push_str(&self.parameter(&after[..end], depth)?);
                rest = &after[end + 1..];
            } else {
                let length = name_length(rest);
                if length == 0 {
                    return Err(format!(
                        "a single $ stands before {:?}; a dollar sign is written $$",
                        rest.chars().next().unwrap_or(' ')
                    ));
                }
                out.push_str(&self.get(&rest[..length]).unwrap_or_default());
                rest = &rest[length..];
            }
            if out.len() > GROWTH {
                return Err("the variables make this value too long".into());
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn parameter(&self, inner: &str, depth: usize) -> Result<String, String> {
        let (name, operator) = inner.split_at(name_length(inner));
        if name.is_empty() {
            return Err(format!("${{{inner}}} names no variable"));
        }
        let set = self.get(name);
        let empty_counts = operator.starts_with(':');
        let word = operator.strip_prefix(':').unwrap_or(operator);
        let present = set.clone().filter(|value| !empty_counts || !value.is_empty());
        match word.chars().next() {
            None if !empty_counts => Ok(set.unwrap_or_default()),
            Some('-') => present.map_or_else(|| self.replaced(&word[1..], depth + 1), Ok),
            Some('+') => present.map_or(Ok(String::new()), |_| self.replaced(&word[1..], depth + 1)),
            Some('?') => {
                present.ok_or_else(|| format!("{name} is not set, and the file insists on it: {}", &word[1..]))
            }
            _ => Err(format!("${{{inner}}} is of a form that compose does not know")),
        }
    }
}

/// A line of .env.
fn pair(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    if line.starts_with('#') {
        return None;
    }
    let (name, value) = line.split_once('=')?;
    let value = value.trim();
    let quoted = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
    let value = quoted.unwrap_or_else(|| value.split(" #").next().unwrap_or(value).trim_end());
    Some((name.trim().to_owned(), value.to_owned()))
}

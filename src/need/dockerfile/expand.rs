//! Replaces `$NAME`, `${NAME}`, `${NAME:-word}`, `${NAME:+word}` and their forms without the colon as the builder's own small
//! shell does; quotes and escapes go.

use crate::need::braces::{closing, name_length};

/// Defaults within defaults, deeper than this, are refused.
const DEPTH: usize = 16;
/// Variables make no word longer by more than this.
const GROWTH: usize = 4 << 10;

/// What stands for a variable: `Some(None)` when it is known and unset.
pub trait Scope {
    fn value(&self, name: &str) -> Option<String>;
    fn escape(&self) -> char;
}

/// A word as the builder takes it. `Ok(None)`: a form that only a shell would know. Err: what is wrong.
pub fn word(text: &str, scope: &dyn Scope) -> Result<Option<String>, String> {
    let mut out = String::new();
    let known = expand(text, scope, &mut out, 0)?;
    Ok(known.then_some(out))
}

/// False when a part of it cannot be known.
fn expand(text: &str, scope: &dyn Scope, out: &mut String, depth: usize) -> Result<bool, String> {
    if depth > DEPTH {
        return Err("the defaults are nested too deeply".into());
    }
    let mut known = true;
    let mut quote = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (Some('\''), c) => out.push(c),
            (None, '\'' | '"') => quote = Some(c),
            (_, c) if c == scope.escape() => {
                if let Some(next) = rest.chars().next() {
                    if quote.is_some() && !['"', '$', scope.escape()].contains(&next) {
                        out.push(c);
                    }
                    out.push(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
            (_, '$') if rest.starts_with('{') => {
                let end = closing(&rest[1..]).ok_or("this ${ is never closed")?;
                known &= parameter(&rest[1..=end], scope, out, depth)?;
                rest = &rest[end + 2..];
            }
            (_, '$') => {
                let length = name_length(rest);
                if length == 0 {
                    out.push('$');
                } else {
                    out.push_str(&scope.value(&rest[..length]).unwrap_or_default());
                    rest = &rest[length..];
                }
            }
            (_, c) => out.push(c),
        }
        if out.len() > text.len() + GROWTH {
            return Err("the variables make this too long".into());
        }
    }
    if quote.is_some() { Err("a quote is never closed".into()) } else { Ok(known) }
}

fn parameter(inner: &str, scope: &dyn Scope, out: &mut String, depth: usize) -> Result<bool, String> {
    let (name, operator) = inner.split_at(name_length(inner));
    if name.is_empty() {
        return Err(format!("${{{inner}}} names no variable"));
    }
    let set = scope.value(name);
    let full = set.clone().filter(|value| !value.is_empty());
    let present = if operator.starts_with(':') { full } else { set.clone() };
    let operator = operator.strip_prefix(':').unwrap_or(operator);
    match (operator.chars().next(), present) {
        (None, _) => out.push_str(&set.unwrap_or_default()),
        (Some('-'), Some(value)) => out.push_str(&value),
        (Some('-'), None) | (Some('+'), Some(_)) => return expand(&operator[1..], scope, out, depth + 1),
        (Some('+'), None) => {}
        (Some('?'), Some(value)) => out.push_str(&value),
        (Some('?'), None) => return Err(format!("{name} is not set, and the file insists on it")),
        _ => return Ok(false),
    }
    Ok(true)
}

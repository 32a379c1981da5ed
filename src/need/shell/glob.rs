//! The shell's patterns: `*`, `?`, `[…]`, and `\` before a letter that is meant as it is; and the files that one stands for.

use super::Outside;
use super::word::Word;

/// A pattern that finds more files is left as it is.
const MOST: usize = 256;

/// The words that a path with `*` or `?` becomes: one for each file, in their order, or itself where there is none. A path of a
/// folder that is not looked at stays, and so does one that is not absolute: where it is looked up only the running script knows.
pub(super) fn found(word: Word, outside: &Outside) -> Vec<Word> {
    if !word.is_pattern() || !word.value.starts_with('/') || word.unknown.is_some() {
        return vec![word];
    }
    let mut paths = vec![String::new()];
    for part in parts(&word) {
        let Some(next) = step(&paths, &part, outside).filter(|paths| paths.len() <= MOST) else { return vec![word] };
        paths = next;
    }
    // No file fits: the shell leaves the word as it is.
    if paths.is_empty() { vec![word.literal()] } else { paths.iter().map(|path| word.stands_for(path)).collect() }
}

/// The parts of the path between its slashes; what is quoted is marked as it is.
fn parts(word: &Word) -> Vec<String> {
    let mut parts = Vec::new();
    for (at, c) in word.value.char_indices() {
        match c {
            '/' => parts.push(String::new()),
            _ => {
                let Some(part) = parts.last_mut() else { continue };
                if "*?[\\".contains(c) && word.is_quoted(at) {
                    part.push('\\');
                }
                part.push(c);
            }
        }
    }
    parts
}

/// One part further, in name order; `None` where a folder is not looked at.
fn step(paths: &[String], part: &str, outside: &Outside) -> Option<Vec<String>> {
    let mut next = Vec::new();
    for path in paths {
        if !part.contains(['*', '?', '[', '\\']) {
            let path = format!("{path}/{part}");
            next.extend((outside.exists)(&path)?.then_some(path));
            continue;
        }
        let folder = if path.is_empty() { "/" } else { path };
        let mut names = (outside.list)(folder).or_else(|| (outside.exists)(folder).map(|_| Vec::new()))?;
        names.retain(|name| {
            let hidden = name.starts_with('.') && !part.starts_with('.');
            !hidden && fits(part, &name.chars().collect::<Vec<_>>())
        });
        names.sort();
        next.extend(names.into_iter().map(|name| format!("{path}/{name}")));
    }
    Some(next)
}

/// Whether the whole of `text` fits.
pub(super) fn fits(pattern: &str, text: &[char]) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    pattern.len() <= 1000 && matches(&pattern, text, &mut 100_000)
}

fn matches(pattern: &[char], text: &[char], steps: &mut usize) -> bool {
    *steps = steps.saturating_sub(1);
    let Some((first, rest)) = pattern.split_first() else { return text.is_empty() };
    if *steps == 0 {
        return false;
    }
    match first {
        '*' => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..], steps)),
        '?' => !text.is_empty() && matches(rest, &text[1..], steps),
        '[' => match class(rest) {
            Some((set, after)) => text.first().is_some_and(|c| holds(set, *c)) && matches(after, &text[1..], steps),
            None => text.first() == Some(first) && matches(rest, &text[1..], steps),
        },
        '\\' if !rest.is_empty() => text.first() == rest.first() && matches(&rest[1..], &text[1..], steps),
        c => text.first() == Some(c) && matches(rest, &text[1..], steps),
    }
}

/// What stands within the brackets, and what follows them.
fn class(rest: &[char]) -> Option<(&[char], &[char])> {
    let negation = usize::from(matches!(rest.first(), Some('!' | '^')));
    let end = rest.iter().enumerate().skip(negation + 1).find(|(_, c)| **c == ']')?.0;
    Some((&rest[..end], &rest[end + 1..]))
}

fn holds(set: &[char], c: char) -> bool {
    let (negated, set) = match set.first() {
        Some('!' | '^') => (true, &set[1..]),
        _ => (false, set),
    };
    let mut at = 0;
    let mut found = false;
    while at < set.len() {
        if at + 2 < set.len() && set[at + 1] == '-' {
            found |= (set[at]..=set[at + 2]).contains(&c);
            at += 3;
        } else {
            found |= set[at] == c;
            at += 1;
        }
    }
    found != negated
}

/// The longest first stretch that fits, or each, replaced.
pub(super) fn replaced(text: &[char], pattern: &str, with: &str, all: bool) -> String {
    let mut out = String::new();
    let mut at = 0;
    let mut open = true;
    while at < text.len() {
        let end = if open { (at + 1..=text.len()).rev().find(|end| fits(pattern, &text[at..*end])) } else { None };
        match end {
            Some(end) => {
                out.push_str(with);
                at = end;
                open = all;
            }
            None => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}

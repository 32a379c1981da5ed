//! The shell's patterns: `*`, `?`, `[…]`, and `\` before a letter that is meant as it is.

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

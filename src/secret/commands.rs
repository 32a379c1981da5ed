//! Secrets that a command takes behind a short option: `mysql -pSECRET`, `curl -u me:SECRET`, `sshpass -p SECRET`.

use std::ops::Range;

/// How a program takes it.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    /// Behind the option without a blank.
    Glued,
    /// The next word.
    Next,
    /// The next word, where it is `name:secret` or `name%secret`.
    Pair,
}

/// Beginning of the program's name, letter of the option, and how it takes the secret.
const COMMANDS: [(&str, u8, Takes); 12] = [
    ("mysql", b'p', Takes::Glued),
    ("mariadb", b'p', Takes::Glued),
    ("sshpass", b'p', Takes::Next),
    ("sshpass", b'p', Takes::Glued),
    ("curl", b'u', Takes::Pair),
    ("curl", b'U', Takes::Pair),
    ("smbclient", b'U', Takes::Pair),
    ("redis-cli", b'a', Takes::Next),
    ("login", b'p', Takes::Next),
    ("mongo", b'p', Takes::Next),
    ("rabbitmqadmin", b'p', Takes::Next),
    ("ldap", b'w', Takes::Next),
];

pub fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if !COMMANDS.iter().any(|(program, ..)| memchr::memmem::find(text.as_bytes(), program.as_bytes()).is_some()) {
        return found;
    }
    let mut program = None;
    let mut pending = None;
    let (mut end, mut last) = (0, "");
    for word in words(text) {
        let shown = &text[word.clone()];
        let name = shown.rsplit('/').next().unwrap_or(shown);
        if text[end..word.start].contains('\n') {
            (program, pending) = (None, None);
        }
        let engine = std::mem::replace(&mut last, name);
        end = word.end;
        if let Some(takes) = pending.take() {
            let pair = shown.contains([':', '%']);
            if is_worth(shown) && (takes == Takes::Next || pair) {
                found.push(word);
                continue;
            }
        }
        if shown.starts_with('-') {
            pending = program.and_then(|program| option(program, shown, &word, &mut found));
        } else if COMMANDS.iter().any(|(program, ..)| name.starts_with(program)) {
            program = Some(name).filter(|name| !name.starts_with("login") || ["docker", "podman"].contains(&engine));
        } else if ["|", "||", "&&", "&", ";"].contains(&shown) || shown.ends_with(';') {
            program = None;
        }
    }
    found
}

/// Notes a secret that is glued to the option, and tells how it is taken from the next word.
fn option(program: &str, shown: &str, word: &Range<usize>, found: &mut Vec<Range<usize>>) -> Option<Takes> {
    for (name, letter, takes) in COMMANDS.iter().filter(|(name, ..)| program.starts_with(name)) {
        let bytes = shown.as_bytes();
        let glued = bytes.get(1) == Some(letter) && bytes.len() > 2;
        let long = *name == "curl" && ["--user", "--proxy-user"].contains(&shown);
        // The last of a cluster takes the next word: `-fsSu me:secret`.
        let last = bytes.get(1) != Some(&b'-') && bytes.last() == Some(letter);
        match takes {
            Takes::Glued if glued && is_worth(&shown[2..]) => {
                found.push(word.start + 2..word.end);
                return None;
            }
            Takes::Next | Takes::Pair if last || long => return Some(*takes),
            _ => {}
        }
    }
    None
}

/// No variable, no mask, and none of what docker's options of the same letters take: ports, ids, folders.
fn is_worth(value: &str) -> bool {
    let numbers = value.contains(':') && value.bytes().all(|byte| byte.is_ascii_digit() || b":.-/".contains(&byte));
    !value.starts_with(['-', '$', '*', '/']) && !numbers
}

/// Words between blanks, commas, quotes and brackets: of a shell or of a list in JSON.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let part = |byte: u8| !byte.is_ascii_whitespace() && !b"\"'`,[](){}\\".contains(&byte);
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        let start = at + bytes[at..].iter().position(|byte| part(*byte))?;
        at = start + bytes[start..].iter().take_while(|byte| part(**byte)).count();
        Some(start..at)
    })
}

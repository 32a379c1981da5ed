//! Values by the name before them: `name=value`, `name: value`, `"name": "value"`, `--name value`, `Bearer value`.

use std::ops::Range;

use super::names::{is_password, is_secret};
use super::{LONGEST_NAME, is_name};

/// No decision needs more of a value.
const ENOUGH: usize = 512;
/// Said of a secret, and no secret.
const SAID: [&str; 52] = [
    "none",
    "null",
    "nil",
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "empty",
    "unset",
    "missing",
    "required",
    "optional",
    "invalid",
    "expired",
    "wrong",
    "denied",
    "unknown",
    "undefined",
    "default",
    "basic",
    "bearer",
    "token",
    "is",
    "was",
    "are",
    "not",
    "to",
    "for",
    "or",
    "and",
    "of",
    "the",
    "a",
    "in",
    "with",
    "has",
    "must",
    "cannot",
    "flag",
    "option",
    "requires",
    "needs",
    "set",
    "given",
    "used",
    "deprecated",
    "changed",
    "found",
    "failed",
    "from",
];

/// Of a variable of this name, the value is a secret that is written out.
pub fn holds(name: &str, value: &str) -> bool {
    is_secret(name) && is_worth(name, value)
}

/// The value behind `=`, `:`, `%3D` or `<name>` at this byte, when the name before it tells that it is secret.
pub fn after_separator(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text.as_bytes()[at..];
    let length = match rest {
        [b'%', b'3', b'D' | b'd' | b'A' | b'a', ..] => 3,
        [b'=', b'>', ..] => 2,
        [b':', b'/', b'/', ..] => return None,
        [b'=' | b':' | b'>', ..] => 1,
        _ => return None,
    };
    let before = name_before(text, at)?;
    let name = &text[before.name.clone()];
    let secret = is_secret(name) || signs_url(text, &before.name);
    if !secret || (rest[0] == b':' && is_port(name, rest)) {
        return None;
    }
    if rest[0] == b'>' {
        if text.as_bytes()[..before.name.start].last() != Some(&b'<') {
            return None;
        }
        let end = at + 1 + text[at + 1..].find('<')?;
        return Some(at + 1..end).filter(|value| is_worth(name, &text[value.clone()]));
    }
    // `${NAME:-value}`: what stands up to the brace, unless another variable does.
    if let [b':', b'-' | b'=' | b'+' | b'?', ..] = rest
        && text.as_bytes()[..before.name.start].ends_with(b"${")
    {
        let end = at + 2 + text[at + 2..].find('}')?;
        let value = at + 2..end;
        let said = rest[1] == b'?' || text[value.clone()].starts_with('$');
        return Some(value).filter(|value| !said && is_worth(name, &text[value.clone()]));
    }
    let start = skip(text, at + length, b" \t");
    if ends_line(name) {
        return header(text, start, &before);
    }
    let value = match quote(text, start) {
        // A command, whose output the shell puts here.
        Some(open) if open.sign == b'`' && start == at + 1 && text[quoted(text, start, open)].contains(' ') => {
            return None;
        }
        Some(open) => quoted(text, start, open),
        // `"TOKEN=two words"`: the quotes are around both.
        None if rest[0] == b'=' && start == at + 1 => match before.quote {
            Some(q) => start..closing(text, start, q).unwrap_or(unquoted(text, start)),
            None => start..unquoted(text, start),
        },
        None => start..line_or_word(text, start, &before),
    };
    let spaced = rest[0] != b'%' && (rest[0] == b':' || start > at + 1);
    let shown = &text[value.clone()];
    let worth = if spaced && quote(text, start).is_none() {
        is_worth_in_prose(name, text, &value)
    } else {
        is_worth(name, shown)
    };
    worth.then_some(value)
}

/// A parameter of a URL that lets in whoever has it: Azure's `sig`, `X-Amz-Signature`, `X-Goog-Signature`.
fn signs_url(text: &str, name: &Range<usize>) -> bool {
    let parameter = matches!(text.as_bytes()[..name.start].last(), Some(b'?' | b'&'));
    let word = text[name.clone()].to_ascii_lowercase();
    parameter && (word == "sig" || word.ends_with("signature"))
}

/// The word behind `--name` or `-name` at this byte.
pub fn after_flag(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if at > 0 && (is_name(bytes[at - 1]) || bytes[at - 1] >= 0x80) {
        return None;
    }
    let start = skip(text, at, b"-");
    let end = start + bytes[start..].iter().take(LONGEST_NAME).take_while(|byte| is_name(**byte)).count();
    let name = &text[start..end];
    if start - at > 2 || !is_secret(name) {
        return None;
    }
    let behind = word_behind(text, end)?;
    let word = &text[behind.clone()];
    (!word.starts_with('-') && !SAID.contains(&word) && is_worth(name, word)).then_some(behind)
}

/// What follows `Bearer`, `Basic` and the like, unless it is prose.
pub fn after_scheme(text: &str, at: usize) -> Option<Range<usize>> {
    let scheme = ["bearer", "basic", "negotiate", "digest"]
        .into_iter()
        .find(|s| text.get(at..at + s.len()).is_some_and(|t| t.eq_ignore_ascii_case(s)))?;
    let start = at + scheme.len();
    if text.as_bytes().get(start) != Some(&b' ') {
        return None;
    }
    let start = skip(text, start, b" ");
    let shaped = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    let length = text.as_bytes()[start..].iter().take_while(|byte| shaped(byte)).count();
    let token = &text[start..start + length];
    let prose = token.bytes().all(|byte| byte.is_ascii_lowercase() || b".-".contains(&byte)) && token.len() < 20;
    let plain = token.len() < 6 || token.starts_with("realm=");
    (!prose && !plain).then_some(start..start + length)
}

/// `PASSWORD 'value'` of SQL.
pub fn quoted_after(text: &str, at: usize) -> Option<Range<usize>> {
    let name = "password";
    if !text.get(at..at + name.len())?.eq_ignore_ascii_case(name) {
        return None;
    }
    let start = at + name.len();
    let open = skip(text, start, b" ");
    let quoted = quoted(text, open, quote(text, open).filter(|q| open > start && q.sign == b'\'')?);
    (quoted.len() > 3 && is_worth(name, &text[quoted.clone()])).then_some(quoted)
}

/// `auth:5000`, `token:443/v2`: a host that has such a name.
fn is_port(name: &str, rest: &[u8]) -> bool {
    let digits = rest[1..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    let ends = rest.get(1 + digits).is_none_or(|byte| b"/, \n\"'".contains(byte));
    let password = ["password", "passwd", "pwd"].iter().any(|word| name.to_ascii_lowercase().contains(word));
    (1..6).contains(&digits) && ends && !password
}

struct Before {
    name: Range<usize>,
    /// The quote that the name follows and that is still open at the separator.
    quote: Option<u8>,
    /// Nothing but blanks and a dash stands before the name on its line.
    first: bool,
}

fn name_before(text: &str, at: usize) -> Option<Before> {
    let bytes = text.as_bytes();
    let mut end = at;
    while end > 0 && at - end < 3 && bytes[end - 1] == b' ' {
        end -= 1;
    }
    let closed = end > 0 && b"\"'`".contains(&bytes[end - 1]);
    if closed {
        end -= 1;
        end -= usize::from(end > 0 && bytes[end - 1] == b'\\');
    }
    let length = bytes[..end].iter().rev().take(LONGEST_NAME + 1).take_while(|byte| is_name(**byte)).count();
    let start = end - length;
    let dashes = bytes[start..end].iter().take_while(|byte| b"-.".contains(byte)).count();
    let name = start + dashes..end;
    if name.is_empty() || length > LONGEST_NAME {
        return None;
    }
    let quote = start.checked_sub(1).map(|before| bytes[before]).filter(|byte| b"\"'".contains(byte) && !closed);
    let indent = bytes[..start].iter().rev().take(LONGEST_NAME).take_while(|byte| b" \t-\"'".contains(byte)).count();
    let first = start == indent || bytes[start - indent - 1] == b'\n';
    Some(Before { name, quote, first })
}

/// A header's value is all of its line.
fn ends_line(name: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie", "set-cookie"]
        .iter()
        .any(|header| name.eq_ignore_ascii_case(header))
}

/// `Bearer abc`, `a=b; c=d`: to the end of the line or of the quotes; of `Authorization: Bearer abc more`, two words.
fn header(text: &str, start: usize, before: &Before) -> Option<Range<usize>> {
    if let Some(open) = quote(text, start) {
        return Some(quoted(text, start, open)).filter(|value| is_worth("", &text[value.clone()]));
    }
    let name = &text[before.name.clone()];
    let end = if name.to_ascii_lowercase().ends_with("cookie") {
        start + text[start..].find(['\n', '\r', '"', '\'']).unwrap_or(text.len() - start)
    } else {
        let first = unquoted(text, start);
        let schemes = ["bearer", "basic", "token", "negotiate", "digest"];
        let schemed = schemes.iter().any(|scheme| text[start..first].eq_ignore_ascii_case(scheme));
        let next = skip(text, first, b" ");
        if schemed && next > first { unquoted(text, next) } else { first }
    };
    let value = start..end;
    let says = text[value.clone()].contains(|c: char| c.is_alphanumeric());
    (says && is_worth_in_prose(name, text, &value)).then_some(value)
}

#[derive(Clone, Copy)]
struct Quote {
    sign: u8,
    /// `\"`, as in JSON inside JSON.
    escaped: bool,
}

fn quote(text: &str, at: usize) -> Option<Quote> {
    match text.as_bytes().get(at..)? {
        [b'\\', sign @ (b'"' | b'\''), ..] => Some(Quote { sign: *sign, escaped: true }),
        [sign @ (b'"' | b'\'' | b'`'), ..] => Some(Quote { sign: *sign, escaped: false }),
        _ => None,
    }
}

/// What stands between the quotes; to the end of the line where they are not closed.
fn quoted(text: &str, at: usize, open: Quote) -> Range<usize> {
    let start = at + 1 + usize::from(open.escaped);
    if open.escaped {
        let close = text[start..].find(['\\', '\n']).map_or(text.len(), |length| start + length);
        return start..close;
    }
    start..closing(text, start, open.sign).unwrap_or_else(|| line_end(text, start))
}

/// Where this quote closes, on the same line.
fn closing(text: &str, start: usize, sign: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() && bytes[at] != b'\n' {
        match bytes[at] {
            byte if byte == sign => return Some(at),
            b'\\' if sign == b'"' => at += 2,
            _ => at += 1,
        }
    }
    None
}

fn line_end(text: &str, start: usize) -> usize {
    text[start..].find(['\n', '\r']).map_or(text.len(), |length| start + length)
}

/// The end of a value without quotes: a blank or a quote, or a sign behind which the next name or nothing follows.
fn unquoted(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'`' | b'<' => break,
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'n' | b'\'')) => break,
            b'&' | b';' | b',' if next_is_named(text, at + 1) => break,
            b'$' => at = replaced(text, at).unwrap_or(at + 1),
            _ => at += 1,
        }
    }
    let opened = |open: u8| bytes[start..at].contains(&open);
    let (round, square, curly) = (opened(b'('), opened(b'['), opened(b'{'));
    let closes = |byte: u8| match byte {
        b')' => !round,
        b']' => !square,
        b'}' => !curly,
        _ => b",;.".contains(&byte),
    };
    while at > start && closes(bytes[at - 1]) {
        at -= 1;
    }
    at
}

/// Another `name=` or `name:` begins here, or nothing more.
fn next_is_named(text: &str, at: usize) -> bool {
    let rest = &text.as_bytes()[at..];
    let length = rest.iter().take(LONGEST_NAME).take_while(|byte| is_name(**byte)).count();
    let name = length > 0 && matches!(rest.get(length), Some(b'=' | b':'));
    name || matches!(rest.first(), None | Some(b' ' | b'\n' | b'"' | b'\''))
}

/// The rest of the line where the name is its first word, as in YAML; else one word.
fn line_or_word(text: &str, start: usize, before: &Before) -> usize {
    let word = unquoted(text, start);
    if !before.first || text.as_bytes()[start..word].iter().all(u8::is_ascii_lowercase) {
        return word;
    }
    let line = &text[start..line_end(text, start)];
    let named = |word: &str| word.contains(['=', ':']);
    let words = line.split(" #").next().unwrap_or(line).trim_end();
    if words.split(' ').skip(1).any(named) || words.contains(['"', '\'']) { word } else { start + words.len() }
}

/// The shell word, or the next text of a JSON list, behind a flag.
fn word_behind(text: &str, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut start = end;
    if let Some(open) = quote(text, end) {
        start = end + 1 + usize::from(open.escaped);
        start = skip(text, start, b" ");
        start += usize::from(bytes.get(start) == Some(&b','));
    }
    let after = skip(text, start, b" \t");
    if after == end || (after == start && start == end) || after >= bytes.len() {
        return None;
    }
    match quote(text, after) {
        Some(open) => Some(quoted(text, after, open)),
        None => Some(after..unquoted(text, after)),
    }
    .filter(|word| !word.is_empty())
}

fn skip(text: &str, at: usize, blanks: &[u8]) -> usize {
    at + text.as_bytes()[at..].iter().take_while(|byte| blanks.contains(byte)).count()
}

/// The end of what a shell replaces here: `$(…)`, `${…}`, `$NAME`.
fn replaced(text: &str, at: usize) -> Option<usize> {
    let rest = text.as_bytes().get(at..)?.strip_prefix(b"$")?;
    let (open, close) = match rest.first()? {
        b'(' => (b'(', b')'),
        b'{' => (b'{', b'}'),
        byte if byte.is_ascii_alphabetic() || *byte == b'_' => {
            let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_';
            return Some(at + 1 + rest.iter().take(LONGEST_NAME).take_while(is_name).count());
        }
        _ => return None,
    };
    let mut depth = 0usize;
    let end = rest.iter().take(ENOUGH).position(|byte| {
        depth += usize::from(*byte == open);
        depth -= usize::from(*byte == close);
        depth == 0
    })?;
    Some(at + 1 + end + 1)
}

/// The value without what a shell puts into it.
fn literal(value: &str) -> String {
    let mut literal = String::new();
    let mut at = 0;
    while let Some(c) = value[at..].chars().next() {
        let end = replaced(value, at);
        literal.extend(end.is_none().then_some(c));
        at = end.unwrap_or(at + c.len_utf8());
    }
    literal
}

/// Not empty, not what a shell puts there, no place-holder.
fn is_worth(name: &str, value: &str) -> bool {
    if value.is_empty() || value.starts_with(['{', '[']) {
        return false;
    }
    let value = if value.len() > ENOUGH { return true } else { value };
    let inside = |open: &str, close: &str| value.strip_prefix(open).and_then(|v| v.strip_suffix(close)).is_some();
    let literal = literal(value);
    // `Bearer $TOKEN`
    let is_said = literal.len() < value.len() && SAID.contains(&literal.trim().to_ascii_lowercase().as_str());
    // `$USER-$HOST`: the shell puts all of it there but for what parts it.
    let is_put = literal.len() < value.len() && literal.chars().all(|c| " -_./:@,".contains(c));
    let filler = value.chars().all(|c| "*.…xX-_?".contains(c));
    if is_said || is_put || filler || inside("<", ">") || inside("{{", "}}") {
        return false;
    }
    let number = value.bytes().all(|byte| byte.is_ascii_digit());
    let switch = ["true", "false", "null", "none", "yes", "no"].iter().any(|word| value.eq_ignore_ascii_case(word));
    let directory = name.eq_ignore_ascii_case("pwd") && value.starts_with('/');
    !switch && !directory && (!number || is_password(name))
}

/// `token: expired`, `password: authentication failed` say something of it.
fn is_worth_in_prose(name: &str, text: &str, value: &Range<usize>) -> bool {
    let word = &text[value.clone()];
    let lowercase = word.bytes().all(|byte| byte.is_ascii_lowercase());
    let followed = text[value.end..].trim_start_matches([' ', '\t']);
    let on = text[value.end..].starts_with([' ', '\t']) && followed.starts_with(|c: char| c.is_alphanumeric());
    is_worth(name, word) && !SAID.contains(&word.to_ascii_lowercase().as_str()) && !(lowercase && on)
}

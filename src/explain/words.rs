//! Cuts text into the words that carry meaning: without colour codes, quotes, paths' separators, counters and log prefixes, with
//! the spellings of one thing ("could not", "unable to"; "EACCES", "permission denied") made one.

use std::collections::HashMap;

/// One word of a text, or of a message that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Number of a word in the [`Vocabulary`].
    Known(u32),
    /// A word that no known message has.
    Other,
    /// The same within a path, where it is mostly somebody's own.
    Path,
    /// A number: `79`, `5000`.
    Number(u32),
}

/// A word and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    pub word: Word,
    /// Bytes in the text that was cut.
    pub from: u32,
    pub to: u32,
    pub line: u32,
    /// False for what a logger wrote before the message.
    pub spoken: bool,
}

/// Words of the known messages, numbered; and phrases that count as one word.
#[derive(Default)]
pub struct Vocabulary {
    words: HashMap<String, u32>,
    phrases: HashMap<u32, Vec<(Vec<u32>, u32)>>,
}

/// Spellings of one thing, first the name it gets. Error names and texts are those of errno(3) and strerror(3).
const SAME: [(&str, &[&str]); 27] = [
    (
        "cannot",
        &[
            "could not",
            "couldn t",
            "can not",
            "can t",
            "unable to",
            "failed to",
            "fail to",
            "failure to",
            "not able to",
        ],
    ),
    ("isnt", &["is not", "isn t", "are not", "aren t", "was not", "wasn t"]),
    ("doesnt", &["does not", "doesn t", "did not", "didn t", "do not", "don t"]),
    ("enoent", &["no such file or directory"]),
    ("eacces", &["permission denied"]),
    ("eperm", &["operation not permitted"]),
    ("eaddrinuse", &["address already in use", "address in use", "port already in use"]),
    ("econnrefused", &["connection refused", "connection was refused"]),
    ("econnreset", &["connection reset by peer", "connection was reset"]),
    ("enospc", &["no space left on device", "no space left"]),
    ("ebusy", &["device or resource busy", "device busy", "resource busy"]),
    ("enodev", &["no such device"]),
    ("enxio", &["no such device or address"]),
    ("einval", &["invalid argument"]),
    ("erofs", &["read only file system"]),
    ("emfile", &["too many open files"]),
    ("eisdir", &["is a directory"]),
    ("enotdir", &["not a directory"]),
    ("enoexec", &["exec format error"]),
    ("ehostunreach", &["no route to host"]),
    ("timeout", &["timed out", "time out", "deadline exceeded"]),
    ("notinpath", &["executable file not found in path", "command not found"]),
    ("notfound", &["not found", "cannot be found", "could not be found"]),
    ("setting", &["set"]),
    ("initialize", &["initialise", "init", "initialization", "initialisation"]),
    ("unauthorized", &["unauthorised", "not authorized", "authorization required"]),
    ("cannotopensharedobject", &["cannot open shared object file"]),
];

impl Vocabulary {
    pub fn new() -> Self {
        let mut vocabulary = Self::default();
        // Longest first, so that "no such device or address" is not read as "no such device".
        let mut phrases: Vec<(&str, &str)> =
            SAME.iter().flat_map(|(name, spellings)| spellings.iter().map(move |s| (*s, *name))).collect();
        phrases.sort_by_key(|(spelling, _)| std::cmp::Reverse(spelling.split(' ').count()));
        for (spelling, name) in phrases {
            let name = vocabulary.learn_word(name);
            let words: Vec<u32> = spelling.split(' ').map(|word| vocabulary.learn_word(word)).collect();
            if let Some((first, rest)) = words.split_first() {
                vocabulary.phrases.entry(*first).or_default().push((rest.to_vec(), name));
            }
        }
        vocabulary
    }

    /// How many words there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Cuts a known message, learning its words.
    pub fn learn(&mut self, message: &str) -> Vec<Token> {
        for piece in pieces(message) {
            if number(piece).is_none() {
                self.learn_word(piece);
            }
        }
        self.cut(message)
    }

    fn learn_word(&mut self, word: &str) -> u32 {
        let mut scratch = String::new();
        normalise(word, &mut scratch);
        let next = self.words.len() as u32;
        *self.words.entry(scratch).or_insert(next)
    }

    /// The number of a word as it is spelled, if any known message has it.
    pub fn number_of(&self, word: &str) -> Option<u32> {
        let mut scratch = String::new();
        normalise(word, &mut scratch);
        self.words.get(&scratch).copied()
    }

    /// Cuts a text. A word that a line's end has cut in two is put together where that makes a known one.
    pub fn cut(&self, text: &str) -> Vec<Token> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut scratch = String::new();
        let mut torn: Option<&str> = None;
        let mut at = 0;
        for (line, words) in text.split('\n').enumerate() {
            let spoken = message_start(words);
            let first = tokens.len();
            let mut last: Option<&str> = None;
            for piece in pieces(words) {
                let from = at + (piece.as_ptr() as usize - words.as_ptr() as usize);
                if tokens.len() == first
                    && let Some(joined) = torn.take().and_then(|head| self.joined(head, piece, &mut scratch))
                    && let Some(end) = tokens.last_mut()
                {
                    end.word = Word::Known(joined);
                    continue;
                }
                if let Some(word) = self.word(piece, &mut scratch) {
                    let spoken = from - at >= spoken;
                    let (from, to) = (from as u32, (from + piece.len()) as u32);
                    tokens.push(Token { word, from, to, line: line as u32, spoken });
                    last = (word == Word::Other && words.ends_with(piece)).then_some(piece);
                    let beside = |at: Option<usize>| at.and_then(|at| text.as_bytes().get(at)) == Some(&b'/');
                    if word == Word::Other && (beside((from as usize).checked_sub(1)) || beside(Some(to as usize))) {
                        tokens.last_mut().into_iter().for_each(|token| token.word = Word::Path);
                    }
                }
            }
            torn = last;
            at += words.len() + 1;
        }
        self.merge_phrases(tokens)
    }

    fn word(&self, piece: &str, scratch: &mut String) -> Option<Word> {
        if let Some(number) = number(piece) {
            return number.map(Word::Number);
        }
        normalise(piece, scratch);
        if scratch.is_empty() {
            return None;
        }
        Some(self.words.get(scratch.as_str()).map_or(Word::Other, |id| Word::Known(*id)))
    }

    fn joined(&self, head: &str, tail: &str, scratch: &mut String) -> Option<u32> {
        let whole = format!("{head}{tail}");
        normalise(&whole, scratch);
        self.words.get(scratch.as_str()).copied()
    }

    fn merge_phrases(&self, tokens: Vec<Token>) -> Vec<Token> {
        let mut merged: Vec<Token> = Vec::with_capacity(tokens.len());
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let found = match token.word {
                Word::Known(first) => self.phrases.get(&first).and_then(|phrases| {
                    phrases.iter().find(|(rest, _)| {
                        let behind = tokens.get(at + 1..at + 1 + rest.len());
                        behind.is_some_and(|b| b.iter().zip(rest).all(|(t, id)| t.word == Word::Known(*id)))
                    })
                }),
                _ => None,
            };
            let taken = found.map_or(0, |(rest, _)| rest.len());
            let end = tokens.get(at + taken).map_or(token.to, |last| last.to);
            let word = found.map_or(token.word, |(_, name)| Word::Known(*name));
            merged.push(Token { word, to: end, ..*token });
            at += 1 + taken;
        }
        merged
    }
}

/// Runs of letters and digits.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty())
}

/// `Some(Some(n))` for a number, `Some(None)` for one that identifies nothing (an id, an address), `None` for a word.
fn number(piece: &str) -> Option<Option<u32>> {
    let bytes = piece.as_bytes();
    if bytes.iter().all(u8::is_ascii_digit) {
        return Some(piece.parse().ok().filter(|_| bytes.len() <= 5));
    }
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let hex = bytes.iter().all(u8::is_ascii_hexdigit);
    let prefixed = piece.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    let placeholder = bytes.len() > 1 && bytes.iter().all(|b| matches!(b, b'x' | b'X'));
    (prefixed || placeholder || (hex && digits > 0 && (bytes.len() >= 8 || digits * 2 >= bytes.len()))).then_some(None)
}

/// Lower case, without a trailing counter (`video0`) and without the endings of English words.
fn normalise(piece: &str, out: &mut String) {
    out.clear();
    out.extend(piece.chars().take(48).flat_map(char::to_lowercase));
    let letters = out.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    if letters >= 3 && out[..letters].bytes().all(|b| b.is_ascii_alphabetic()) {
        out.truncate(letters);
    }
    if !out.is_ascii() || out.len() < 4 {
        return;
    }
    for (ending, keep) in [("ing", 3), ("ed", 3), ("s", 3)] {
        if out.len() >= ending.len() + keep && out.ends_with(ending) && !(ending == "s" && out.ends_with("ss")) {
            out.truncate(out.len() - ending.len());
            break;
        }
    }
    if out.len() > 3 && out.ends_with('e') {
        out.truncate(out.len() - 1);
    }
    let bytes = out.as_bytes();
    if let [.., a, b] = bytes
        && a == b
        && bytes.len() > 4
        && !matches!(b, b's' | b'l')
    {
        out.truncate(out.len() - 1);
    }
}

/// Where the message begins behind what loggers write first: a time, `unit[pid]:`, `level=… msg=`, a service's name and `|`.
fn message_start(line: &str) -> usize {
    let head = line.char_indices().nth(120).map_or(line, |(at, _)| &line[..at]);
    if let Some(at) = head.find("msg=") {
        return at + 4;
    }
    if let Some(at) = head.find("]: ").filter(|at| head[..*at].ends_with(|c: char| c.is_ascii_digit())) {
        return at + 3;
    }
    let bar = head.find(" | ").filter(|at| *at < 40).map_or(0, |at| at + 3);
    let rest = &head[bar..];
    let time = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || "TZ[]-:.,+/ ".contains(c)).len();
    bar + if time >= 8 { time } else { 0 }
}

/// Xlib ends this without a line's end, so that the program's own name sticks to it: `keyxterm: unable to …`.
const UNENDED: &str = "Invalid MIT-MAGIC-COOKIE-1 key";

/// The text without colour codes, titles and carriage returns, not longer than `most` bytes.
pub fn clean(bytes: &[u8], most: usize) -> String {
    let text = plain(&String::from_utf8_lossy(bytes.get(..most).unwrap_or(bytes)));
    if text.contains(UNENDED) { text.replace(UNENDED, &format!("{UNENDED} ")) } else { text }
}

fn plain(text: &str) -> String {
    if !text.contains(['\u{1b}', '\r', '\u{9b}']) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                Some('[') => skip_csi(&mut chars),
                Some(']') => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\u{1b}' && c != '\n') {},
                _ => {}
            },
            '\u{9b}' => skip_csi(&mut chars),
            '\r' if chars.peek() == Some(&'\n') => {}
            // A progress line that was written over: a new line for us.
            '\r' => out.push('\n'),
            c => out.push(c),
        }
    }
    out
}

fn skip_csi(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while chars.peek().is_some_and(|c| ('\u{20}'..='\u{3f}').contains(c)) {
        chars.next();
    }
    chars.next();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_has_one_spelling() {
        let mut v = Vocabulary::new();
        let known = v.learn("could not open /dev/video0: permission denied");
        for other in [
            "Cannot open \u{2018}/dev/video2\u{2019}: Permission denied",
            "UNABLE TO opening dev video EACCES",
            "failed to open\n/dev/vid\neo0: permission\ndenied",
        ] {
            let words = |tokens: &[Token]| tokens.iter().map(|t| t.word).collect::<Vec<_>>();
            assert_eq!(words(&v.cut(other)), words(&known), "{other}");
        }
    }

    #[test]
    fn loggers_are_not_the_message() {
        for line in [
            "Nov 23 01:07:42 host dockerd[123]: X",
            "time=\"2024-01-01T00:00:00Z\" level=error msg=X",
            "app-1  | X",
            "2024-01-01 00:00:00,123 X",
            "X",
        ] {
            assert_eq!(&line[message_start(line)..], "X", "{line}");
        }
    }

    #[test]
    fn colours_and_titles_go() {
        assert_eq!(clean(b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07x\r\ny\rz\xff", 100), "red x\ny\nz\u{fffd}");
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let v = Vocabulary::new();
        let mut seed = 7_u64;
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..60)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (seed >> 56) as u8
                })
                .collect();
            let text = clean(&bytes, 50);
            for token in v.cut(&text) {
                assert!(text.get(token.from as usize..token.to as usize).is_some());
            }
        }
    }
}

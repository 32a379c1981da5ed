//! Bytes as lines: without colours, titles, carriage returns and the boxes that programs draw, each with what a logger wrote
//! before the message.

use std::borrow::Cow;
use std::cell::OnceCell;

use memchr::memmem;

use super::seek;

/// One line of a text.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// From 1.
    pub number: u32,
    /// Without colours and boxes; what a logger wrote before the message is still there.
    pub text: Cow<'a, str>,
    /// Byte of `text` at which the message begins.
    pub spoken: usize,
    /// The same for lines that differ in times, counters and ids alone.
    pub shape: u64,
    severity: OnceCell<Severity>,
}

/// What the logger said of the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Severity {
    /// Information, debugging, a warning: seldom what ended the program.
    Minor,
    /// Nothing is said.
    #[default]
    Unsaid,
    /// An error, or worse.
    Major,
}

/// Longer lines are cut here: no message is that long.
const LONGEST: usize = 16 << 10;

/// The lines of a text, in order.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let cut = |line: &[u8]| line.len().min(LONGEST);
    let raw = bytes.split(|b| *b == b'\n').flat_map(move |line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let whole = memchr::memchr2(b'\r', b'\\', line).is_none().then(|| &line[..cut(line)]);
        let parts = match whole {
            Some(_) => Vec::new(),
            // A progress line that was written over counts as lines.
            None => line.split(|b| *b == b'\r').flat_map(|part| quoted_lines(&part[..cut(part)])).collect(),
        };
        whole.into_iter().chain(parts)
    });
    raw.zip(1..).map(|(raw, number)| Line::new(raw, number))
}

/// Lines that a program has written into one as a string of JSON, of Python or of a logger: `"stderr": "Creating …\\nHost is …"`.
fn quoted_lines(line: &[u8]) -> Vec<&[u8]> {
    let is_string = || [&b"\": \""[..], b"b'", b"b\"", b"=\""].iter().any(|mark| memmem::find(line, mark).is_some());
    match memmem::find(line, b"\\n").is_some() && is_string() {
        true => {
            let mut from = 0;
            let ends = memmem::find_iter(line, b"\\n").map(|at| (at, at + 2)).chain([(line.len(), line.len())]);
            ends.map(|(end, next)| &line[std::mem::replace(&mut from, next)..end]).collect()
        }
        false => vec![line],
    }
}

/// Xlib ends this without a line's end, so that the program's own name sticks to it: `keyxterm: unable to …`.
const UNENDED: &str = "Invalid MIT-MAGIC-COOKIE-1 key";

impl<'a> Line<'a> {
    fn new(raw: &'a [u8], number: u32) -> Self {
        let shape = shape(raw);
        let mut text = plain(String::from_utf8_lossy(raw));
        if seek::has(&text, UNENDED) {
            text = text.replace(UNENDED, &format!("{UNENDED} ")).into();
        }
        let text = without_asker(unboxed(text));
        let spoken = message_start(&text);
        Self { number, text, spoken, shape, severity: OnceCell::new() }
    }

    /// What its logger calls it.
    pub fn severity(&self) -> Severity {
        *self.severity.get_or_init(|| severity(&self.text))
    }

    /// True for a line that may go on with the sentence of the line before: a logger wrote nothing before it.
    pub fn may_go_on(&self) -> bool {
        self.spoken == 0 && !self.text.trim().is_empty()
    }
}

/// The loader names behind what it misses who asked for it: `version `GLIBC_2.34' not found (required by /usr/lib/libGL.so.1)`.
const ASKER: &str = "(required by ";

/// Without the path of the file that asks: it is there.
fn without_asker(text: Cow<'_, str>) -> Cow<'_, str> {
    let Some(from) = seek::find(&text, ASKER).map(|at| at + ASKER.len()) else { return text };
    match text[from..].find(')') {
        Some(end) => format!("{}{}", &text[..from], &text[from + end..]).into(),
        None => text,
    }
}

/// Bars at the ends of a line that belong to a box: `║ text ║`, `| text |`, `│ text │`.
fn unboxed(text: Cow<'_, str>) -> Cow<'_, str> {
    let bar = |c: char| matches!(c, '│' | '┃' | '║' | '▏' | '╎');
    let trimmed = text.trim();
    if trimmed.as_bytes().first().is_some_and(|b| !b.is_ascii()) && trimmed.starts_with(bar) {
        return trimmed.trim_matches(|c: char| bar(c) || c == ' ').to_owned().into();
    }
    text
}

/// A hash of a line without what counts: runs of digits, ids, but for numbers that stand where an error's may.
fn shape(raw: &[u8]) -> u64 {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let mut hash = raw.len() as u64 >> 8;
    let mut at = 0;
    while at < raw.len() {
        let rest = &raw[at..];
        let run = rest.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, taken) = if run == 0 { (&rest[..1], 1) } else { (&rest[..run], run) };
        let letters = word.iter().position(u8::is_ascii_digit).unwrap_or(word.len());
        let id = letters < word.len() && word.len() >= 6 && word.iter().all(u8::is_ascii_hexdigit);
        let told = match letters {
            0 if run <= 5 && may_be_an_error(&raw[..at]) => word,
            _ if id => &[],
            letters => &word[..letters],
        };
        for byte in told {
            hash = (hash.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(FACTOR);
        }
        at += taken;
    }
    hash
}

/// True where a number behind this may be an error's: behind a word, a bracket or a minus, not a part of a time or an address.
fn may_be_an_error(before: &[u8]) -> bool {
    let end = before.iter().rposition(|b| !b" =#\"'-".contains(b)).map_or(0, |at| at + 1);
    match &before[..end] {
        [.., b')', b':'] | [.., b'('] => true,
        [.., letter, b':'] | [.., letter] => end < before.len() && letter.is_ascii_alphabetic(),
        [] => false,
    }
}

fn severity(line: &str) -> Severity {
    let head = start(line, 90);
    let any = |words: &[&str]| words.iter().any(|word| seek::has(head, word));
    const MAJOR: [&str; 19] = [
        "level=error",
        "level=fatal",
        "level=panic",
        "level=ERROR",
        "\"level\":\"error\"",
        "ERROR",
        "FATAL",
        "[error]",
        "[Error]",
        "E: ",
        "CRITICAL",
        "[ERR]",
        "[err]",
        "(EE)",
        "<err>",
        "ERRO[",
        "FATA[",
        "[crit",
        "[F ",
    ];
    const MINOR: [&str; 20] = [
        "level=info",
        "level=warn",
        "level=debug",
        "level=INFO",
        "level=WARN",
        "level=DEBUG",
        "INFO",
        "WARNING",
        "DEBUG",
        "Warning:",
        "warning:",
        "[info]",
        "[warn]",
        "[Warning]",
        "[INF]",
        "WARN",
        "W: ",
        "(WW)",
        "(II)",
        "[WRN]",
    ];
    let (major, minor) = match glog(head) {
        Some(b'E' | b'F') => (true, false),
        Some(_) => (false, true),
        None => (any(&MAJOR), any(&MINOR)),
    };
    match (major, minor) {
        (true, _) => Severity::Major,
        // GStreamer's elements post their errors as warnings of its logger.
        (false, true) if seek::has(line, "> error: ") => Severity::Unsaid,
        (false, true) => Severity::Minor,
        (false, false) => Severity::Unsaid,
    }
}

/// Where the message begins behind what loggers write first: a time, `unit[pid]:`, `level=… msg=`, a service's name and `|`,
/// a build's `#12 0.3`.
fn message_start(line: &str) -> usize {
    let head = start(line, 120);
    if let Some(at) = seek::find(head, "msg=") {
        return at + 4;
    }
    if let Some(at) = seek::find(head, "]: ").filter(|at| head[..*at].ends_with(|c: char| c.is_ascii_digit())) {
        return at + 3;
    }
    if let Some(at) = bracketed(head) {
        return at;
    }
    if let Some(rest) = seek::find(head, KERNEL).map(|at| at + KERNEL.len()) {
        let stamp = head[rest..].strip_prefix('[').and_then(|inner| inner.find("] "));
        return rest + stamp.map_or(0, |at| at + 3);
    }
    let bar = seek::find(head, " | ").filter(|at| *at < 40 && !head.starts_with('|')).map_or(0, |at| at + 3);
    let rest = &head[bar..];
    let stamp = |c: char| c.is_ascii_digit() || "TZ[]-:.,+/ #".contains(c);
    let time = rest.len() - rest.trim_start_matches(stamp).len();
    match (time >= 8 && rest[..time].contains(|c: char| c.is_ascii_digit()), glog(rest).is_some()) {
        (_, true) => bar + rest.find("] ").map_or(0, |at| at + 2),
        (true, _) => bar + time + level(&rest[time..]),
        _ => bar,
    }
}

/// The bytes of what a logger wrote in brackets, its word for the line among it: `[WARN] [1700000000.123] [usb_cam]: `, `[ WARN:0] `.
fn bracketed(head: &str) -> Option<usize> {
    let (mut at, mut told) = (0, false);
    while let Some(inner) = head[at..].strip_prefix('[') {
        let end = inner.find(']')?;
        told |= LEVELS.iter().any(|word| inner[..end].trim_start().starts_with(word));
        at += end + 2;
        at += head[at..].len() - head[at..].trim_start_matches([' ', ':']).len();
    }
    told.then_some(at)
}

/// How journald names the kernel, which has no process's number.
const KERNEL: &str = "kernel: ";
/// How loggers call a line.
const LEVELS: [&str; 6] = ["ERROR", "WARNING", "WARN", "INFO", "DEBUG", "CRITICAL"];

/// The bytes of a logger's name and its word for the line: `frigate.api.camera    ERROR   : `.
fn level(message: &str) -> usize {
    let end = |from: usize| message[from..].find(' ').map_or(message.len(), |at| from + at);
    let skip = |from: usize| from + message[from..].len() - message[from..].trim_start().len();
    let (first, second) = (end(0), end(skip(end(0))));
    let named = |to: usize| LEVELS.iter().any(|word| message[..to].trim_end_matches(':').ends_with(word));
    let told = [first, second].into_iter().find(|to| named(*to));
    told.map_or(0, |to| to + message[to..].len() - message[to..].trim_start_matches([' ', ':', '-']).len())
}

/// The letter with which Google's logger, and TensorFlow's without a time, calls a line: `E0703 09:12:44.1 1 server.cc:217] `,
/// `E tensorflow/x.cc:491] `.
fn glog(line: &str) -> Option<u8> {
    let letter = *line.as_bytes().first().filter(|letter| b"EWIF".contains(letter))?;
    let dated = line.get(1..5).is_some_and(|d| d.bytes().all(|b| b.is_ascii_digit()));
    (dated || line.get(1..2) == Some(" ") && line.contains("cc:")).then_some(letter)
}

/// The first characters of a line.
fn start(line: &str, most: usize) -> &str {
    let end = (0..=most.min(line.len())).rev().find(|at| line.is_char_boundary(*at));
    &line[..end.unwrap_or(0)]
}

fn plain(text: Cow<'_, str>) -> Cow<'_, str> {
    if memchr::memchr2(0x1b, 0x9b, text.as_bytes()).is_none() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                Some('[') => skip_csi(&mut chars),
                Some(']') => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\u{1b}') {},
                _ => {}
            },
            '\u{9b}' => skip_csi(&mut chars),
            c => out.push(c),
        }
    }
    out.into()
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
    fn loggers_are_not_the_message() {
        for text in [
            "Nov 23 01:07:42 host dockerd[123]: X",
            "time=\"2024-01-01T00:00:00Z\" level=error msg=X",
            "app-1  | X",
            "2024-01-01 00:00:00,123 X",
            "[   12.345678] X",
            "#16 0.231 X",
            "E0703 09:12:44.118302 1 server.cc:217] X",
            "E tensorflow/stream_executor/cuda/cuda_driver.cc:491] X",
            "2026-06-24 11:58:44.98  [2026-06-24 11:58:44] ffmpeg.Front_Door.detect   ERROR   : X",
            "2023-04-28 20:25:28,584 WARNING: X",
            "X",
        ] {
            let line = lines(text.as_bytes()).next().unwrap();
            assert_eq!(&line.text[line.spoken..], "X", "{text}");
        }
    }

    #[test]
    fn colours_titles_and_boxes_go() {
        let text: Vec<String> = lines("\u{1b}[1;31mred\u{1b}[0m \u{1b}]0;title\u{7}x\r\ny\rz\n║ boxed ║".as_bytes())
            .map(|line| line.text.into_owned())
            .collect();
        assert_eq!(text, ["red x", "y", "z", "boxed"]);
        assert_eq!(lines(b"z\xff").next().unwrap().text, "z\u{fffd}");
    }
}

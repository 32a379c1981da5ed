//! Numbers that programs give for their errors: which number of whom means what. Where a line gives the name, too, the name decides.
//! A number is of a kind only where its own line speaks of that kind: a name of an image, a path or a neighbour's line says nothing of it.

use std::collections::HashMap;

use super::lexicon::Part;
use super::seek;
use super::words::Token;

/// `kind if WORDS: number value, number value`: where one of the words stands in a line, a number behind `error`, `code` and the
/// like is of that kind.
const TABLE: &str = include_str!("lexicon/numbers.txt");

/// Kinds of which more numbers are in use than the table has: what it does not have is told as unknown.
const OPEN: [&str; 4] = ["cuda", "nvml", "nvenc", "xid"];

/// What stands before a number that is an error's, and not a size or a line.
const LEADS: [&str; 27] = [
    "error",
    "err",
    "errno",
    "code",
    "failure",
    "status",
    "returned",
    "returns",
    "result",
    "ret",
    "rc",
    "retval",
    "exited with",
    "signal",
    "cuda",
    "reason",
    "errcode",
    "exit",
    "exitcode",
    "response",
    "http",
    "vkresult",
    "-",
    "opcode",
    "context",
    "fehler",
    "错误",
];

#[derive(Debug)]
struct Kind {
    name: String,
    words: Vec<String>,
    values: HashMap<i64, u32>,
    /// What the kind's name for "unknown error" stands for.
    unknown: Option<u32>,
    /// A number of the kind that the table does not have.
    other: Option<u32>,
}

/// The numbers of all kinds.
#[derive(Debug, Default)]
pub struct Numbers {
    kinds: Vec<Kind>,
}

/// What a process ended with, which is no number of the library that it used.
const ENDS: [&str; 9] = [
    "exit code",
    "exit status",
    "exited with",
    "exited with code",
    "exited with status",
    "exit",
    "exited",
    "exitcode",
    "non-zero code",
];
/// Kinds that a process ends with.
const OF_PROCESSES: [&str; 2] = ["exit", "signal"];

/// The numbers of a line that may be errors', and the line in lower case and without addresses.
#[derive(Debug, Default)]
pub struct Candidates {
    lower: String,
    /// With their bytes.
    pub found: Vec<(usize, i64)>,
}

impl Numbers {
    /// `part` gives the part of a name, made if it is new.
    pub fn new(part: &mut dyn FnMut(&str, &str) -> u32) -> Self {
        let mut kinds = Vec::new();
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let Some((head, values)) = line.split_once(": ") else { continue };
            let Some((name, words)) = head.split_once(" if ") else { continue };
            let values = values.split(", ").filter_map(|pair| {
                let (number, value) = pair.trim().split_once(' ')?;
                let told = format!("{name} {number}");
                Some((number.parse().ok()?, part(&format!("{name}:{value}"), &told)))
            });
            let values: HashMap<i64, u32> = values.collect();
            let unknown = values.get(&999).copied();
            let other = OPEN.contains(&name).then(|| part(&format!("{name}:other"), name));
            kinds.push(Kind {
                name: name.into(),
                words: words.split(' ').map(str::to_owned).collect(),
                values,
                unknown,
                other,
            });
        }
        Self { kinds }
    }

    /// The numbers of a line that may be errors'.
    pub fn of(text: &str) -> Candidates {
        if !text.bytes().any(|b| b.is_ascii_digit()) {
            return Candidates::default();
        }
        let lower = without_addresses(text.to_ascii_lowercase());
        let found = errors(&lower);
        Candidates { lower, found }
    }

    /// Adds the parts that numbers of a line stand for.
    pub fn read(&self, of: &Candidates, tokens: &[Token], is_of: &dyn Fn(u32, &str) -> bool, parts: &mut Vec<Part>) {
        let Candidates { lower, found: numbers } = of;
        if numbers.is_empty() {
            return;
        }
        let mut taken: Vec<usize> = Vec::new();
        let foreign = parts.iter().any(|part| is_of(part.id, "foreign"));
        for kind in &self.kinds {
            let named = parts.iter().any(|part| is_of(part.id, &kind.name) && Some(part.id) != kind.unknown);
            if named || foreign && kind.other.is_some() || !kind.words.iter().any(|word| seek::has(lower, word)) {
                continue;
            }
            let mut own = numbers.iter().filter(|(at, _)| !taken.contains(at) && kind.has(lower, *at)).copied();
            let known = |(at, number): (usize, i64)| Some((at, *kind.values.get(&number)?));
            let other = |(at, number): (usize, i64)| Some((at, kind.other?)).filter(|_| is_code(&lower[..at], number));
            if let Some((at, part)) = own.clone().find_map(known).or_else(|| own.find_map(other)) {
                let place = tokens.iter().position(|token| token.from as usize >= at).unwrap_or(0);
                // `UNKNOWN ERROR (303)` is 303.
                parts.retain(|part| Some(part.id) != kind.unknown);
                parts.push(Part { id: part, at: place as u32 });
                taken.push(at);
            }
        }
    }
}

impl Kind {
    /// True for a number whose own line names the kind.
    fn has(&self, lower: &str, at: usize) -> bool {
        let process = OF_PROCESSES.contains(&self.name.as_str());
        let named = |word: &String| {
            let sentence = sentence(lower, at);
            sentence.match_indices(word.as_str()).any(|(from, _)| self.other.is_none() || is_word(sentence, from, word))
        };
        (process || !ends_a_process(&lower[..at])) && self.words.iter().any(named)
    }
}

/// The line of a number, with the line before where that was torn at the number.
fn sentence(text: &str, at: usize) -> &str {
    let line = |at: usize| text[..at].rfind('\n').map_or(0, |end| end + 1);
    let begin = line(at);
    let torn = begin > 0 && !text[begin..at].contains(|c: char| c.is_alphanumeric());
    let from = if torn { line(begin - 1) } else { begin };
    let to = text[at..].find('\n').map_or(text.len(), |end| at + end);
    &text[from..to]
}

/// False where a word stands within a path, the name of an image or of something that somebody named so: `nvidia/cuda`, `cuda-tests`,
/// `"cuda"`.
fn is_word(text: &str, from: usize, word: &str) -> bool {
    if word.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        return true;
    }
    let blank = |c: char| c.is_whitespace() || "\"'`(),;[]".contains(c);
    let begin = text[..from].rfind(blank).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let end = text[from..].find(blank).map_or(text.len(), |at| from + at);
    let rest = text[from + word.len()..end].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let compound = rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
    let quote = |at: Option<char>| at.is_some_and(|c| "\"'`".contains(c));
    let quoted =
        text[begin..end] == *word && quote(text[..begin].chars().next_back()) && quote(text[end..].chars().next());
    !text[begin..end].contains('/') && !quoted && (!compound || rest.starts_with("-capable"))
}

/// True before a number that a process ended with.
fn ends_a_process(before: &str) -> bool {
    let near = before.trim_end_matches(|c: char| c.is_ascii() && b" :=#\"'[(<\n".contains(&(c as u8)));
    ENDS.iter().any(|end| near.ends_with(end))
}

/// The numbers of a line that are errors', with their bytes: behind `error` and the like, in brackets, after a Xid's address.
fn errors(line: &str) -> Vec<(usize, i64)> {
    let bytes = line.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() || at > 0 && bytes[at - 1].is_ascii_alphanumeric() {
            at += 1;
            continue;
        }
        let end = bytes[at..].iter().position(|b| !b.is_ascii_alphanumeric()).map_or(bytes.len(), |n| at + n);
        if let Some(number) = value(&line[at..end], line[..at].ends_with('-'))
            && leads(&line[..at], &line[end..])
        {
            found.push((at, number));
        }
        at = end;
    }
    found
}

fn value(digits: &str, negative: bool) -> Option<i64> {
    let number = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        // The next record begins where this one should have ended: `800time=2026-01-01T…`.
        None => digits.strip_suffix("time").unwrap_or(digits).parse().ok()?,
    };
    Some(if negative { -number } else { number })
}

/// Blanks in the place of `https://…`: what is in an address is no error, and names nobody who speaks.
fn without_addresses(mut line: String) -> String {
    while let Some(at) = seek::find(&line, "://") {
        let from = line[..at].rfind([' ', '\n', '"', '\'', '(']).map_or(0, |at| at + 1);
        let to = line[at..].find([' ', '\n', '"', '\'', ')']).map_or(line.len(), |n| at + n);
        line.replace_range(from..to, &" ".repeat(to - from));
    }
    line
}

/// True for a number that can be nothing but an error's: behind `error`, `failure`, `code`.
fn is_code(before: &str, number: i64) -> bool {
    let near = before.trim_end_matches([' ', ':', '=', '#', '(']);
    (1..100_000).contains(&number)
        && ["error", "failure", "code", "err", "context", "),"].iter().any(|lead| near.ends_with(lead))
        || before.trim_end().ends_with("):")
}

/// True when what stands around a number makes it an error's.
fn leads(before: &str, after: &str) -> bool {
    let near = before.trim_end_matches(|c: char| c.is_ascii() && b" :=#-\"'[(<>{\n".contains(&(c as u8)));
    // Parts of times and addresses.
    if near.len() == before.len() || near.ends_with(|c: char| c.is_ascii_digit()) && !before.ends_with(['(', '-']) {
        return false;
    }
    // apt counts its sources: `Err:2 https://…`; a log's date is no number of an error: `ERROR 02-17 10:01:22`; make's is its own.
    let dated = after.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if before.ends_with("err:") || dated || seek::has(before, "*** [") {
        return false;
    }
    let bracket = before.trim_end_matches('-').ends_with('(') && after.starts_with(')');
    let xid =
        near.ends_with(')') && near.rsplit("xid").next().is_some_and(|rest| rest.len() < 40 && rest.len() < near.len());
    bracket || xid || seek::ends(near, &LEADS) || behind_is(near) || behind_a_call(near)
}

/// `cuInit failed : 804`.
fn behind_a_call(near: &str) -> bool {
    let Some(call) = near.strip_suffix("failed").or_else(|| near.strip_suffix("failed with")) else { return false };
    let name = call.trim_end().rsplit(|c: char| !c.is_ascii_alphanumeric() && !"_()".contains(c)).next().unwrap_or("");
    name.len() > 4 && ["cu", "nv", "vk", "egl"].iter().any(|begin| name.starts_with(begin))
}

/// `error code is 13`, `status: HTTP 413`.
fn behind_is(near: &str) -> bool {
    const SAID: [&str; 8] = [
        "code is",
        "device context",
        "error is",
        "status is",
        "exited with",
        "exited with code",
        "killed by signal",
        "terminated with signal",
    ];
    seek::ends(near, &SAID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_of_what_its_own_line_speaks_of() {
        let kind = Kind {
            name: "cuda".into(),
            words: vec!["cuda".into(), "cuinit".into()],
            values: HashMap::new(),
            unknown: None,
            other: Some(0),
        };
        let has = |text: &str| errors(text).iter().any(|(at, _)| kind.has(text, *at));
        for text in [
            "cuda error 100 at foo.cu:12",
            "cudagetdevicecount returned 35",
            "failed call to cuinit: unknown error (303)",
            "failed call to cuinit: error\n100",
            "no cuda-capable device is detected (error 100)",
            "\u{a0}cuda\u{3000}error 100",
        ] {
            assert!(has(text), "{text}");
        }
        for text in [
            "from nvidia/cuda:12.2\nerror 100",
            "process \"make -c cuda\" did not complete successfully: exit code: 2",
            "database \"cuda\" does not exist: error 2",
            "ci job cuda-tests failed: error 2",
            "cuda worker started\nerror code 100",
            "/opt/cuda/bin/x: error 2",
        ] {
            assert!(!has(text), "{text}");
        }
    }

    #[test]
    fn dates_and_makes_own_numbers_are_no_errors() {
        let numbers = |line: &str| errors(line).into_iter().map(|(_, number)| number).collect::<Vec<_>>();
        assert_eq!(numbers("info platform cuda. error 02-17 10:01:22 engine died"), Vec::<i64>::new());
        assert_eq!(numbers("building cuda object a.o make[2]: *** [a.o] error 2"), Vec::<i64>::new());
        assert_eq!(numbers("cuda error 2: out of memory"), [2]);
        assert_eq!(numbers("nvbufsurftransform:cuinit failed : 804"), [804]);
    }
}

//! Reads a check's `doc.md`: the one place of its title, its sentences and its fixes. Headings are fixed; see
//! `docs/architecture.md`, "Words live beside the code".

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::fix::{Commands, Fix, Note, Risk};

/// A `doc.md`, parsed. All text is borrowed from it, placeholders unfilled.
#[derive(Debug)]
pub struct Doc<'a> {
    /// A positive sentence in the present: "the user may talk to Docker".
    pub title: &'a str,
    pub checks: &'a str,
    pub why: &'a str,
    pub cannot_tell: &'a str,
    /// Commands by which a person finds out what no look could tell, with `{placeholders}`.
    pub find_out: Vec<&'a str>,
    pub not_needed: &'a str,
    /// What stands in a sentence for `{name}` where no host fills it: `("path", "the camera")`. In commands it is NAME all the same.
    pub words: Vec<(&'a str, &'a str)>,
    pub codes: Vec<Code<'a>>,
    pub fixes: Vec<Fix<'a>>,
}

/// One thing the check can say.
#[derive(Clone, Debug)]
pub struct Code<'a> {
    pub name: &'a str,
    /// First paragraph: the observation.
    pub sentence: &'a str,
    /// The paragraphs after it: the likely cause, what follows from it.
    pub detail: &'a str,
    /// The same in a few words, for a line that tells of the whole family; empty where it says nothing that matters there.
    /// `{subjects}` stands for the subjects of all findings of this code.
    pub short: &'a str,
    /// Names of the fixes this code may come with.
    pub fixes: Vec<&'a str>,
    /// Error messages users see when this is their trouble, as the other program prints them.
    pub explains: Vec<&'a str>,
    /// Whether docker does not start the container of a run line where this fails.
    pub stops: Option<Stops>,
    /// The same by conditions on what a program says, for the wordings that nobody has seen yet: `src/explain/signs.rs` tells their form.
    pub explains_if: Vec<&'a str>,
    /// How often users report it: decides between causes of one message when this host does not.
    pub frequency: Frequency,
}

/// How often a code is the cause of its messages, by what users report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Frequency {
    High,
    #[default]
    Medium,
    Low,
}

/// Which containers docker does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stops {
    Start,
    /// Only one that gets a network of Docker's, whose rules are set when it starts.
    StartOnBridge,
    /// Only one for which a network has to be made.
    StartOnNewNetwork,
}

impl<'a> Doc<'a> {
    /// Err says which heading or line is not as it must be.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        Self::parse_part(text, |_| true)
    }

    /// As [`Doc::parse`], with only those codes and fixes whose name is wanted: a report quotes few of a document's words.
    pub fn parse_part(text: &'a str, wanted: impl Fn(&str) -> bool) -> Result<Self, String> {
        let headings = ["What it checks", "Why it matters", "When it cannot tell", "When it is not needed"];
        let (title, [checks, why, cannot_tell, not_needed], rest) = front(text, headings)?;
        let (cannot_tell, items) = split_items(cannot_tell);
        let find_out = items.iter().filter(|(key, _)| *key == "find-out").map(|(_, command)| *command).collect();
        let (words, codes, fixes) = (Vec::new(), Vec::new(), Vec::new());
        let mut doc = Doc { title, checks, why, cannot_tell, find_out, not_needed, words, codes, fixes };
        doc.take_words(rest, wanted)?;
        Ok(doc)
    }

    /// A note's document (`checks/notes`): its only heading before the codes is `Why no check sees it`, kept in `why`.
    pub fn parse_note(text: &'a str) -> Result<Self, String> {
        let (title, [why], rest) = front(text, ["Why no check sees it"])?;
        let (words, codes, fixes) = (Vec::new(), Vec::new(), Vec::new());
        let (find_out, checks, cannot_tell, not_needed) = (Vec::new(), "", "", "");
        let mut doc = Doc { title, checks, why, cannot_tell, find_out, not_needed, words, codes, fixes };
        doc.take_words(rest, |_| true)?;
        Ok(doc)
    }

    fn take_words(&mut self, sections: Vec<Section<'a>>, wanted: impl Fn(&str) -> bool) -> Result<(), String> {
        for (level, heading, body) in sections {
            match (level, heading.split_once(' ')) {
                ("##", Some(("Code" | "Fix", name))) if !wanted(name) => {}
                ("##", Some(("Code", name))) => self.codes.push(Code::parse(name, body)?),
                ("##", Some(("Fix", name))) => self.fixes.push(parse_fix(name, body)?),
                ("##", None) if heading == "Words" => self.words = parse_words(body)?,
                _ => return Err(format!("`{level} {heading}` is no heading of a doc.md")),
            }
        }
        Ok(())
    }

    pub fn code(&self, name: &str) -> Option<&Code<'a>> {
        self.codes.iter().find(|code| code.name == name)
    }

    pub fn fix(&self, name: &str) -> Option<&Fix<'a>> {
        self.fixes.iter().find(|fix| fix.name == name)
    }
}

impl<'a> Code<'a> {
    fn parse(name: &'a str, body: &'a str) -> Result<Self, String> {
        let (prose, items) = split_items(body);
        let (sentence, detail) = prose.split_once("\n\n").unwrap_or((prose, ""));
        let frequency = match items.iter().find(|(k, _)| *k == "frequency").map(|(_, v)| *v) {
            Some("high") => Frequency::High,
            None | Some("medium") => Frequency::Medium,
            Some("low") => Frequency::Low,
            Some(other) => return Err(format!("Code {name}: {other:?} is no frequency")),
        };
        let stops = match items.iter().find(|(k, _)| *k == "stops").map(|(_, v)| *v) {
            None => None,
            Some("start") => Some(Stops::Start),
            Some("start on a bridge") => Some(Stops::StartOnBridge),
            Some("start on a new network") => Some(Stops::StartOnNewNetwork),
            Some(other) => return Err(format!("Code {name}: {other:?} is nothing that a code stops")),
        };
        Ok(Code {
            name,
            sentence: sentence.trim_ascii(),
            detail: detail.trim_ascii(),
            short: items.iter().find(|(k, _)| *k == "short").map_or("", |(_, v)| *v),
            fixes: items.iter().filter(|(k, _)| *k == "fix").map(|(_, v)| *v).collect(),
            stops,
            frequency,
            explains_if: items.iter().filter(|(k, _)| *k == "explains-if").map(|(_, v)| *v).collect(),
            explains: items.iter().filter(|(k, _)| *k == "explains").map(|(_, v)| v.trim_matches('`')).collect(),
        })
    }
}

/// Lines `- path: the camera`.
fn parse_words(body: &str) -> Result<Vec<(&str, &str)>, String> {
    let part = |line| str::strip_prefix(line, "- ").and_then(|item| item.split_once(": "));
    let lines = body.lines().filter(|line| !line.is_empty());
    lines.map(|line| part(line).ok_or_else(|| format!("Words: {line:?} is not `- name: words`"))).collect()
}

fn parse_fix<'a>(name: &'a str, body: &'a str) -> Result<Fix<'a>, String> {
    let (prose, items) = split_items(body);
    let title_end = prose.find("```").unwrap_or(prose.len());
    let mut fix = Fix {
        name,
        title: prose[..title_end].trim_ascii(),
        titles: notes(&items, "title"),
        commands: Vec::new(),
        risks: Vec::new(),
        notes: notes(&items, "note"),
        verify: notes(&items, "verify"),
        undo: notes(&items, "undo"),
        writes: notes(&items, "writes"),
        edits: notes(&items, "edit"),
        page: items.iter().find(|(k, _)| *k == "page").map(|(_, v)| *v).unwrap_or(""),
    };
    for (_, words) in items.iter().filter(|(k, _)| *k == "risk") {
        for risk in words.split(", ") {
            fix.risks.push(Risk::from_words(risk).ok_or(format!("Fix {name}: {risk:?} is no risk"))?);
        }
    }
    let mut rest = &prose[title_end..];
    while let Some(fence) = rest.strip_prefix("```") {
        let (info, after) = fence.split_once('\n').ok_or(format!("Fix {name}: a fence that never ends"))?;
        let (text, after) = after.split_once("\n```").ok_or(format!("Fix {name}: a fence that never ends"))?;
        let mut words = info.split_whitespace();
        if words.next() != Some("sh") {
            return Err(format!("Fix {name}: a fence must be tagged `sh`"));
        }
        fix.commands.push(Commands { tags: words.collect(), text });
        rest = after.trim_ascii_start();
    }
    if !rest.is_empty() {
        return Err(format!("Fix {name}: only fences and `- key: value` lines may follow its title"));
    }
    Ok(fix)
}

/// The lines of this kind: `- note systemd no-snap: …`, where the words behind the key are tags.
fn notes<'a>(items: &[(&'a str, &'a str)], kind: &str) -> Vec<Note<'a>> {
    let note = |(key, text): &(&'a str, &'a str)| {
        let mut words = key.split_whitespace();
        (words.next() == Some(kind)).then(|| Note { tags: words.collect(), text })
    };
    items.iter().filter_map(note).collect()
}

/// The keys whose words may be followed by tags.
const TAGGED: [&str; 6] = ["title", "note", "verify", "undo", "writes", "edit"];

/// (`#` or `##`, heading, body).
type Section<'a> = (&'a str, &'a str, &'a str);

/// The title, the bodies of the headings that must come first, and the sections after them.
fn front<'a, const N: usize>(
    text: &'a str,
    headings: [&str; N],
) -> Result<(&'a str, [&'a str; N], Vec<Section<'a>>), String> {
    let mut sections = sections(text).into_iter();
    let title = match sections.next() {
        Some(("#", title, _)) => title,
        _ => return Err("the first line must be `# Title`".into()),
    };
    let mut bodies = [""; N];
    for (body, heading) in bodies.iter_mut().zip(headings) {
        *body = match sections.next() {
            Some(("##", found, text)) if found == heading => text.trim_ascii(),
            _ => return Err(format!("`## {heading}` must come next")),
        };
    }
    Ok((title, bodies, sections.collect()))
}

/// Each section; `#` inside fences is no heading.
fn sections(text: &str) -> Vec<Section<'_>> {
    let mut found: Vec<(&str, &str, usize, usize)> = Vec::new();
    let mut fenced = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        // Few lines are headings, and every run parses every document that it quotes.
        let heading = (line.starts_with('#') && !fenced).then(|| line.trim_ascii_end().split_once(' ')).flatten();
        if let Some((level @ ("#" | "##"), heading)) = heading {
            if let Some(last) = found.last_mut() {
                last.3 = at;
            }
            found.push((level, heading, at + line.len(), text.len()));
        }
        at += line.len();
    }
    found.into_iter().map(|(level, heading, from, to)| (level, heading, &text[from..to])).collect()
}

/// Splits a section into its prose and its trailing `- key: value` lines.
fn split_items(body: &str) -> (&str, Vec<(&str, &str)>) {
    let mut items = Vec::new();
    let mut prose = body.trim_ascii();
    loop {
        let (before, line) = match prose.rfind('\n') {
            Some(at) => (&prose[..at], &prose[at + 1..]),
            None => ("", prose),
        };
        match line.strip_prefix("- ").and_then(|item| item.split_once(": ")) {
            Some((
                key @ ("short" | "fix" | "stops" | "frequency" | "explains" | "explains-if" | "find-out" | "risk"
                | "page"),
                value,
            )) => items.push((key, value.trim_ascii())),
            Some((key, value)) if TAGGED.contains(&key.split_whitespace().next().unwrap_or_default()) => {
                items.push((key, value.trim_ascii()));
            }
            _ => break,
        }
        prose = before.trim_ascii_end();
    }
    items.reverse();
    (prose, items)
}

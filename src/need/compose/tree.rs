//! YAML documents as trees in which every node knows its place, with the types that compose's own reader gives to scalars:
//! YAML 1.2's, besides octal numbers with a leading 0; `yes` and `off` are text.

use std::borrow::Cow;
use std::collections::HashMap;

use gdoctor_checks::model::run::Span;
use granit_parser::{Event, Parser, ScalarStyle, Tag as YamlTag};

/// Nodes of all documents of a file, those that aliases repeat counted each time. 10,000 services have some 100,000.
const NODES: usize = 500_000;
/// A compose file nests some ten deep.
const DEPTH: usize = 64;

#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Where it stands in its file, in bytes.
    pub span: Span,
    /// Where the key stands that it is under; nothing for a list's item.
    pub key: Span,
    /// The file, by its place among those that were read.
    pub file: usize,
    pub tag: Tag,
    pub value: Value,
    /// Variables of its text that nobody sets.
    pub unset: Box<[String]>,
}

/// Compose's own tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tag {
    #[default]
    None,
    /// `!override`: takes the place of what it is laid over, instead of joining it.
    Override,
    /// `!reset`: what it is laid over goes, and it with it.
    Reset,
}

#[derive(Clone, Debug, Default)]
pub enum Value {
    #[default]
    Null,
    /// A single value as compose would print it.
    Scalar(String, Kind),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    Float,
    Boolean,
}

/// Why a text is no YAML that compose takes, and the byte where that shows.
#[derive(Debug)]
pub struct Fault {
    pub what: String,
    pub help: String,
    pub at: Span,
}

impl Fault {
    fn new(at: Span, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into(), at }
    }
}

impl Node {
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// What stands under a key in a key, and so on.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Text, number or switch, as text.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// Variables that nobody sets, of all that stands below.
    pub fn all_unset(&self) -> Vec<String> {
        let below: Vec<&Node> = match &self.value {
            Value::Map(entries) => entries.iter().map(|(_, node)| node).collect(),
            Value::List(items) => items.iter().collect(),
            _ => Vec::new(),
        };
        let below = below.into_iter().flat_map(Node::all_unset);
        self.unset.iter().cloned().chain(below).collect()
    }

    /// A switch, whichever way it is written.
    pub fn is_true(&self) -> bool {
        self.text() == Some("true")
    }

    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// The items of a list; one item where a single value stands.
    pub fn items(&self) -> Vec<&Node> {
        match &self.value {
            Value::List(items) => items.iter().collect(),
            Value::Null => Vec::new(),
            _ => vec![self],
        }
    }

    pub fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Without what `!reset` stands at.
    pub fn without_reset(mut self) -> Self {
        match &mut self.value {
            Value::Map(entries) => {
                entries.retain(|(_, node)| node.tag != Tag::Reset);
                for (_, node) in entries {
                    *node = std::mem::take(node).without_reset();
                }
            }
            Value::List(items) => {
                items.retain(|node| node.tag != Tag::Reset);
                for node in items {
                    *node = std::mem::take(node).without_reset();
                }
            }
            Value::Null | Value::Scalar(..) => {}
        }
        self
    }
}

/// The documents of a text, whose nodes are all of file number `file`.
pub fn documents(text: &str, file: usize) -> Result<Vec<Node>, Fault> {
    let mut builder = Builder { file, ..Builder::default() };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let at = error.marker().byte_offset().filter(|at| *at <= text.len()).unwrap_or(text.len());
            if let Some(tab) = tab(text, at) {
                let help = "YAML is indented by blanks alone: two for each level";
                return Fault::new(tab, "this is not YAML: a tab stands at the beginning of the line", help);
            }
            let info = error.info().clone();
            let what = plain(&info);
            Fault::new(Span::at(at), format!("this is not YAML: {what}"), form(text, at, what))
        })?;
        let range = span.byte_range().unwrap_or_default();
        builder.take(event, Span::new(range.start.min(text.len()), range.end.min(text.len())))?;
    }
    Ok(builder.documents)
}

/// A tab that indents the line of a fault, or one of the two behind it: the reader may notice late or at the line's end before.
fn tab(text: &str, at: usize) -> Option<Span> {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let mut from = start;
    for line in text[start..].split_inclusive('\n').take(3) {
        let blank = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..blank].find('\t').filter(|_| !line.trim().is_empty()) {
            return Some(Span::new(from + tab, from + tab + 1));
        }
        from += line.len();
    }
    None
}

/// A form that works, for what the message and the line show.
fn form(text: &str, at: usize, what: &str) -> &'static str {
    let line = |at: usize| {
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        text[start..].lines().next().unwrap_or_default()
    };
    let here = line(at);
    let before = text[..at].trim_end_matches(['\n', ' ']).len();
    let dashes = |line: &str| line.len() > 3 && line.trim().bytes().all(|b| b == b'-');
    if [here, line(before), line(0)].into_iter().any(dashes) {
        return "three dashes alone begin a document: ---";
    }
    if here.matches(['"', '\'']).count() % 2 == 1 {
        return "a quote is closed by one of its own kind: \"...\"";
    }
    if what.contains("mapping value") || here.matches(": ").count() > 1 {
        return "keys of one map begin in one column, and a value that holds `: ` stands in quotes: \"a: b\"";
    }
    if here.trim_start().starts_with("- ") || what.contains("sequence") {
        return "items of one list begin in one column, below their key: `key:`, and in the next line `  - item`";
    }
    "keys of one map begin in one column, each with a colon and a blank: `key: value`"
}

/// A parser's message without the place, which is shown by itself.
fn plain(message: &str) -> &str {
    message.split(" at byte ").next().unwrap_or(message)
}

/// A node with its size and depth, so that a repetition is counted before it is made.
#[derive(Clone)]
struct Sized {
    node: Node,
    size: usize,
    depth: usize,
}

#[derive(Default)]
struct Builder {
    file: usize,
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Sized>,
    size: usize,
}

struct Open {
    anchor: usize,
    node: Node,
    /// What `<<` brings in, and where it stands.
    merged: Vec<(String, Node)>,
    /// The key whose value comes next.
    key: Option<(String, Span)>,
    keys: HashMap<String, ()>,
    size: usize,
    depth: usize,
}

impl Builder {
    fn take(&mut self, event: Event, at: Span) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(..) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                let key = self.open.last().is_some_and(|open| open.takes_key());
                let value = scalar(&text, style, tag.as_deref());
                let node = self.node(at, tag.as_ref(), value);
                if key {
                    return self.key(node, &text);
                }
                self.put(anchor, Sized { node, size: 1, depth: 0 })?;
            }
            Event::Alias(anchor) => {
                let Some(mut repeated) = self.anchors.get(&anchor).cloned() else {
                    return Err(Fault::new(at, "this repeats what it stands in", "name another anchor"));
                };
                repeated.node.span = at;
                if self.open.last().is_some_and(|open| open.takes_key()) {
                    let text = repeated.node.text().unwrap_or_default().to_owned();
                    return self.key(repeated.node, &text);
                }
                self.put(0, repeated)?;
            }
            Event::SequenceStart(_, anchor, tag) => self.start(at, anchor, tag, Value::List(Vec::new()))?,
            Event::MappingStart(_, anchor, tag) => self.start(at, anchor, tag, Value::Map(Vec::new()))?,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.put(open.anchor, open.closed())?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn node(&self, span: Span, tag: Option<&Cow<YamlTag>>, value: Value) -> Node {
        let tag = match tag.map(|tag| (tag.handle(), tag.suffix())) {
            Some(("!", "override")) => Tag::Override,
            Some(("!", "reset")) => Tag::Reset,
            _ => Tag::None,
        };
        Node { span, file: self.file, tag, value, ..Node::default() }
    }

    fn start(&mut self, at: Span, anchor: usize, tag: Option<Cow<YamlTag>>, value: Value) -> Result<(), Fault> {
        if self.open.last().is_some_and(|open| open.takes_key()) {
            return Err(Fault::new(at, "a key is a list or a map here", "keys are text"));
        }
        if self.open.len() >= DEPTH {
            return Err(Fault::new(at, format!("this is nested more than {DEPTH} deep"), ""));
        }
        let node = self.node(at, tag.as_ref(), value);
        self.open.push(Open { anchor, node, merged: Vec::new(), key: None, keys: HashMap::new(), size: 1, depth: 0 });
        Ok(())
    }

    fn key(&mut self, node: Node, raw: &str) -> Result<(), Fault> {
        let at = node.span;
        let text = match node.value {
            Value::Scalar(text, Kind::Text) => text,
            _ => {
                let help = format!("compose takes text for a key: {:?}", raw);
                return Err(Fault::new(at, format!("the key {raw} is no text"), help));
            }
        };
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        if open.keys.insert(text.clone(), ()).is_some() {
            let first = open.node.entries().iter().find(|(name, _)| *name == text).map(|(_, node)| node.key);
            let what = format!("the key {text} stands here a second time");
            let help = if first.is_some_and(|first| first != Span::default()) {
                "keep one of the two, with what both say"
            } else {
                "keep one of them"
            };
            return Err(Fault::new(at, what, help));
        }
        open.key = Some((text, at));
        Ok(())
    }

    /// A finished node goes where it belongs.
    fn put(&mut self, anchor: usize, found: Sized) -> Result<(), Fault> {
        self.size += found.size;
        if self.size > NODES || self.open.len() + found.depth > DEPTH {
            let at = found.node.span;
            return Err(Fault::new(at, "aliases make this file too large to be a compose file", "repeat less"));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, found.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(found.node);
            return Ok(());
        };
        open.size += found.size;
        open.depth = open.depth.max(found.depth + 1);
        let mut node = found.node;
        match (&mut open.node.value, open.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(_), Some((key, at))) if key == "<<" => open.merge(node, at)?,
            (Value::Map(entries), Some((key, at))) => {
                node.key = at;
                entries.push((key, node));
            }
            _ => {}
        }
        Ok(())
    }
}

impl Open {
    fn takes_key(&self) -> bool {
        matches!(self.node.value, Value::Map(_)) && self.key.is_none()
    }

    /// `<<: *one` and `<<: [*one, *two]`; of two the first wins.
    fn merge(&mut self, node: Node, at: Span) -> Result<(), Fault> {
        let maps = match node.value {
            Value::Map(_) => vec![node],
            Value::List(items) if items.iter().all(|item| matches!(item.value, Value::Map(_))) => items,
            _ => return Err(Fault::new(at, "<< takes a map, or a list of maps", "name an anchor of a map: <<: *NAME")),
        };
        for (key, node) in maps.iter().flat_map(|map| map.entries()) {
            if !self.merged.iter().any(|(known, _)| known == key) {
                self.merged.push((key.clone(), node.clone()));
            }
        }
        Ok(())
    }

    fn closed(mut self) -> Sized {
        if let Value::Map(entries) = &mut self.node.value {
            let brought = self.merged.into_iter().filter(|(key, _)| !self.keys.contains_key(key));
            entries.extend(brought.collect::<Vec<_>>());
        }
        Sized { node: self.node, size: self.size, depth: self.depth }
    }
}

/// The value of a scalar. Quoted ones are text.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&YamlTag>) -> Value {
    let core = tag.and_then(YamlTag::core_suffix);
    if core == Some("str") || (style != ScalarStyle::Plain && core.is_none()) {
        return Value::Scalar(text.to_owned(), Kind::Text);
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Scalar("true".into(), Kind::Boolean),
        "false" | "False" | "FALSE" => return Value::Scalar("false".into(), Kind::Boolean),
        _ => {}
    }
    match number(text) {
        Some((text, kind)) => Value::Scalar(text, kind),
        None => Value::Scalar(text.to_owned(), Kind::Text),
    }
}

/// A number as it is printed in decimal.
fn number(text: &str) -> Option<(String, Kind)> {
    text.bytes().next().filter(|b| b.is_ascii_digit() || b"+-.".contains(b))?;
    let bare = text.replace('_', "");
    let (sign, digits) = match bare.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", bare.strip_prefix('+').unwrap_or(&bare)),
    };
    let based = |prefix: [&str; 2], base| {
        let digits = prefix.iter().find_map(|prefix| digits.strip_prefix(prefix))?;
        u64::from_str_radix(digits, base).ok()
    };
    let octal = || {
        let digits = digits.strip_prefix('0').filter(|rest| !rest.is_empty())?;
        u64::from_str_radix(digits, 8).ok()
    };
    let decimal = || digits.parse().ok().filter(|_| digits == "0" || !digits.starts_with('0'));
    let integer =
        based(["0x", "0X"], 16).or_else(|| based(["0b", "0B"], 2)).or_else(|| based(["0o", "0O"], 8)).or_else(octal);
    if let Some(number) = integer.or_else(decimal) {
        return Some((format!("{sign}{number}"), Kind::Integer));
    }
    let float = !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b))
        && digits.bytes().any(|b| b.is_ascii_digit());
    let number: f64 = bare.parse().ok().filter(|number: &f64| float && number.is_finite())?;
    // A whole number prints as one, however it is written.
    Some((number.to_string(), Kind::Float))
}

//! A YAML document as a tree in which every node knows its place. Aliases and merge keys are resolved by the parser, within its
//! budget.

use std::fmt;

use gdoctor_checks::model::run::Span;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Where it stands in its file, in bytes.
    pub span: Span,
    /// The file, by its place among those that were read.
    pub file: usize,
    /// Tagged `!override` or `!reset`: takes the place of what it is laid over, instead of joining it.
    pub replaces: bool,
    pub value: Value,
}

#[derive(Clone, Debug, Default)]
pub enum Value {
    #[default]
    Null,
    /// Numbers and switches as they are written.
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().rev().find(|(name, _)| name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Says of every node which file it is from, and reads compose's own tags in the file's text. What is reset is nothing.
    pub fn mark(&mut self, file: usize, text: &str) {
        self.file = file;
        let before = text.get(..self.span.start).unwrap_or_default().trim_end();
        let from = text.get(self.span.start..).unwrap_or_default();
        let tagged = |tag: &str| before.ends_with(tag) || from.starts_with(tag);
        self.replaces = tagged("!override") || tagged("!reset");
        if tagged("!reset") {
            self.value = Value::Null;
        }
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|node| node.mark(file, text)),
            Value::Map(entries) => entries.iter_mut().for_each(|(_, node)| node.mark(file, text)),
            Value::Null | Value::Text(_) => {}
        }
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
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
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        let at = spanned.referenced;
        let byte = |number: Option<u64>| number.and_then(|n| usize::try_from(n).ok()).unwrap_or_default();
        let start = byte(at.span().byte_offset());
        let span = Span::new(start, start.saturating_add(byte(at.span().byte_len())));
        Ok(Node { span, value: spanned.value, ..Node::default() })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Seen)
    }
}

struct Seen;

impl<'de> Visitor<'de> for Seen {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry::<String, Node>()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

//! Holds a project against the Compose Specification's own schema, `schema.json` beside this file, which is the published one without
//! its descriptions. Only the words of JSON schema that it uses are known here; a test sees to that.

use std::sync::OnceLock;

use serde_json::Value as Json;

use super::tree::{Kind, Node, Value};
use super::values;

const TEXT: &str = include_str!("schema.json");

/// What compose refuses in a document.
#[derive(Debug)]
pub struct Fault {
    /// The node that is wrong; `at_key`: its key is.
    pub node: Node,
    pub at_key: bool,
    pub what: String,
    pub help: String,
    depth: usize,
}

fn root() -> &'static Json {
    static READ: OnceLock<Json> = OnceLock::new();
    READ.get_or_init(|| serde_json::from_str(TEXT).unwrap_or_default())
}

/// What is wrong, the most telling of it; nothing where compose takes the document.
pub fn fault(document: &Node) -> Option<Fault> {
    let mut walk = Walk { path: Vec::new(), parents: Vec::new(), found: Vec::new() };
    walk.hold(root(), document);
    // The deepest is the most telling; of equals the first.
    walk.found.into_iter().rev().max_by_key(|fault| fault.depth)
}

/// Lists of names with values, each in one text.
const PAIRS: [&str; 4] = ["environment", "labels", "args", "sysctls"];

/// Keys of a request for GPUs.
const REQUEST: [&str; 5] = ["driver", "count", "device_ids", "capabilities", "options"];

struct Walk<'a> {
    path: Vec<String>,
    /// Schemas of what the node stands in, for keys that belong higher up.
    parents: Vec<&'a Json>,
    found: Vec<Fault>,
}

impl<'a> Walk<'a> {
    fn hold(&mut self, schema: &'a Json, node: &Node) {
        let schema = resolved(schema);
        if let Some(branches) = schema.get("oneOf").and_then(Json::as_array) {
            return self.one_of(branches, node);
        }
        if !schema.get("type").is_none_or(|kind| is_of(kind, node)) {
            return self.wrong_type(&[schema], node);
        }
        if let Some(words) = schema.get("enum").and_then(Json::as_array) {
            let words: Vec<&str> = words.iter().filter_map(Json::as_str).collect();
            if node.text().is_some_and(|text| !words.contains(&text)) {
                return self.not_among(&words, node);
            }
        }
        if let (Some(pattern), Some(text)) = (schema.get("pattern").and_then(Json::as_str), node.text())
            && !matches(pattern, text)
        {
            let what = format!("{} is no value for {}", quoted(text), self.name());
            let help = match pattern.contains('|') {
                true => format!("it is one of {}", pattern.replace('|', ", ")),
                false => "letters, digits, dots, dashes and underscores, two or more".into(),
            };
            self.tell(node, false, what, help, 0);
        }
        self.range(schema, node);
        match &node.value {
            Value::Map(entries) => self.map(schema, node, entries),
            Value::List(items) => self.list(schema, items),
            _ => {}
        }
    }

    fn map(&mut self, schema: &'a Json, node: &Node, entries: &[(String, Node)]) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let patterns = schema.get("patternProperties").and_then(Json::as_object);
        let required = schema.get("required").and_then(Json::as_array);
        for name in required.into_iter().flatten().filter_map(Json::as_str) {
            if node.get(name).is_none() {
                let what = format!("{} has no {name}, which compose requires", self.name());
                let help =
                    if name == "capabilities" { "add capabilities: [gpu]".into() } else { format!("add {name}:") };
                self.tell(node, false, what, help, 0);
            }
        }
        for (name, child) in entries {
            let own = properties.and_then(|properties| properties.get(name));
            let by_pattern = || {
                let patterns = patterns.into_iter().flatten();
                patterns.into_iter().find(|(pattern, _)| matches(pattern, name)).map(|(_, schema)| schema)
            };
            let found = own.or_else(by_pattern);
            // As in JSON schema: what nothing speaks of is free unless `additionalProperties` says no.
            let more = schema.get("additionalProperties");
            if found.is_none() && more == Some(&Json::Bool(false)) {
                self.unknown_key(schema, name, child);
            } else if let Some(found) = found.or(more.filter(|more| more.is_object())) {
                self.path.push(name.clone());
                self.parents.push(schema);
                self.hold(found, child);
                self.parents.pop();
                self.path.pop();
            }
        }
    }

    fn list(&mut self, schema: &'a Json, items: &[Node]) {
        if let Some(of) = schema.get("items") {
            for (number, item) in items.iter().enumerate() {
                self.path.push(number.to_string());
                self.hold(of, item);
                self.path.pop();
            }
        }
        if schema.get("uniqueItems") == Some(&Json::Bool(true)) {
            for (number, item) in items.iter().enumerate() {
                if items[..number].iter().any(|other| same(other, item)) {
                    let what = format!("{} stands twice in {}", item.text().unwrap_or("this"), self.name());
                    self.tell(item, false, what, "name it once".into(), 0);
                    return;
                }
            }
        }
    }

    /// Exactly one branch must hold. Where none does, those of the node's own type tell why.
    fn one_of(&mut self, branches: &'a [Json], node: &Node) {
        let own = std::mem::take(&mut self.found);
        let mut told = Vec::new();
        let (mut held, mut fitting) = (0, Vec::new());
        for branch in branches {
            self.hold(branch, node);
            let faults = std::mem::take(&mut self.found);
            held += usize::from(faults.is_empty());
            if resolved(branch).get("type").is_none_or(|kind| is_of(kind, node))
                && resolved(branch).get("oneOf").is_none()
            {
                fitting.push(branch);
                told.extend(faults);
            }
        }
        self.found = own;
        match held {
            1 => {}
            0 if fitting.is_empty() => {
                let all: Vec<&Json> = branches.iter().map(resolved).collect();
                self.wrong_type(&all, node);
            }
            0 => self.found.extend(told),
            // Text that is a duration, a list and a map at once does not occur in this schema.
            _ => {}
        }
    }

    fn range(&mut self, schema: &Json, node: &Node) {
        let Value::Scalar(text, Kind::Integer | Kind::Float) = &node.value else { return };
        let Ok(number) = text.parse::<f64>() else { return };
        let bound = |word: &str| schema.get(word).and_then(Json::as_f64);
        let wrong = match (bound("minimum"), bound("maximum")) {
            (Some(least), _) if number < least => format!("at least {least}"),
            (_, Some(most)) if number > most => format!("at most {most}"),
            _ => return,
        };
        let what = format!("{} is {text}", self.name());
        self.tell(node, false, what, format!("compose takes {wrong}"), 0);
    }

    /// `- /dev/x: /dev/x`: a blank behind the colon makes a map of an item that is meant as text.
    fn blank_behind_colon(&mut self, key: &str, child: &Node) -> bool {
        let is_port = !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit() || b".-:".contains(&b));
        let value = child.text().filter(|value| value.starts_with('/') || (is_port && !value.is_empty()));
        let is_item = self.path.last().is_some_and(|part| part.parse::<usize>().is_ok());
        let Some(value) = value.filter(|_| is_item) else { return false };
        let what = format!("{} takes text, and the blank behind {key}: makes it a map", self.name());
        self.tell(child, true, what, format!("write it without the blank: - {}", quoted(&format!("{key}:{value}"))), 1);
        true
    }

    fn unknown_key(&mut self, schema: &'a Json, key: &str, child: &Node) {
        if self.blank_behind_colon(key, child) {
            return;
        }
        let place = self.place();
        let known: Vec<&str> = schema
            .get("properties")
            .and_then(Json::as_object)
            .map_or(Vec::new(), |properties| properties.keys().map(String::as_str).collect());
        let (what, mut help) = (format!("{key} is no key of {place}"), String::new());
        let near = known.iter().min_by_key(|known| distance(known, key));
        let near = near.filter(|near| distance(near, key) <= 1 + near.len().max(key.len()) / 4);
        if let Some(near) = near {
            help = format!("did you mean {near}?");
        } else if let Some(way) = below(schema, key) {
            help = format!("it belongs under {way}:");
        } else if self.is_device() && REQUEST.contains(&key) {
            help = "a request for GPUs stands under gpus:, or under deploy: resources: reservations: devices:".into();
        } else if let Some(way) = self.beside(key) {
            help = format!("it belongs under {way}:");
        } else if self.parents.iter().any(|parent| has(parent, key)) {
            help = match self.parents.iter().rposition(|parent| has(parent, key)) {
                Some(0) => "it belongs at the file's first level".into(),
                Some(level) => format!("it belongs under {}, beside {}", self.above(level), self.path[level]),
                None => String::new(),
            };
        } else if known.is_empty() {
            help = "names are letters, digits, dots, dashes and underscores".into();
        } else if self.path.is_empty() {
            help = "services stand under services:; what compose must not read begins with x-".into();
        } else if let Some(near) =
            known.iter().filter(|known| known.contains(key) || key.contains(**known)).max_by_key(|k| k.len())
        {
            help = format!("the nearest key is {near}");
        } else {
            help.push_str("take it out, or write it as x-");
            help.push_str(key);
        }
        self.tell(child, true, what, help, 1);
    }

    /// A key beside the one that this stands in, under which it would be right: `reservations` for `limits`.
    fn beside(&self, key: &str) -> Option<&'a str> {
        let parent = self.parents.last().copied().filter(|parent| !has(parent, key))?;
        below(parent, key)
            .filter(|way| self.path.last().is_some_and(|here| here != way && here.parse::<usize>().is_err()))
    }

    /// An item of a service's `devices`.
    fn is_device(&self) -> bool {
        matches!(self.path.as_slice(), [services, _, devices, _] if services == "services" && devices == "devices")
    }

    fn not_among(&mut self, words: &[&str], node: &Node) {
        let text = node.text().unwrap_or_default();
        let what = format!("{} is no value for {}", quoted(text), self.name());
        let help = match self.path.last().map(String::as_str) {
            Some("gpus") => {
                "gpus takes all, or a list of requests: gpus: [{device_ids: [\"0\"]}], gpus: [{count: 1}]".into()
            }
            _ => format!("it is one of {}", words.join(", ")),
        };
        self.tell(node, false, what, help, 0);
    }

    fn wrong_type(&mut self, wanted: &[&Json], node: &Node) {
        let kinds: Vec<&str> = wanted.iter().flat_map(|schema| kinds(schema)).collect();
        let takes = |kind: &str| kinds.contains(&kind);
        let name = self.name();
        let mut words: Vec<&str> = Vec::new();
        let table = [
            ("string", "text"),
            ("array", "a list"),
            ("object", "a map"),
            ("integer", "a whole number"),
            ("number", "a number"),
            ("boolean", "true or false"),
        ];
        words.extend(table.iter().filter(|(kind, _)| takes(kind)).map(|(_, word)| *word));
        let is = match &node.value {
            Value::Null => "nothing",
            Value::Scalar(_, Kind::Text) => "text",
            Value::Scalar(_, Kind::Boolean) => "true or false",
            Value::Scalar(..) => "a number",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        };
        let last = self.path.iter().rev().find(|part| part.parse::<usize>().is_err()).map_or("", String::as_str);
        let help = match &node.value {
            _ if last == "gpus" => {
                "gpus takes all, or a list of requests: gpus: [{count: 1}], gpus: [{device_ids: [\"0\"]}]".into()
            }
            Value::Scalar(text, Kind::Text) if takes("array") => format!("write {last}: [{}]", quoted(text)),
            Value::Scalar(text, _) if takes("array") && !takes("string") => format!("write {last}: [{}]", quoted(text)),
            Value::Scalar(text, Kind::Integer | Kind::Float | Kind::Boolean)
                if takes("string") && last == "version" =>
            {
                format!("write version: {}, or take the line out: compose has no use for it", quoted(text))
            }
            Value::Scalar(text, _) if takes("string") && self.path.len() > 2 && values::is_time(&self.path[2..]) => {
                format!("give the number its unit: {text}s")
            }
            Value::Scalar(text, _) if takes("string") => format!("write it in quotes: {}", quoted(text)),
            Value::Scalar(text, Kind::Text) if text.parse::<f64>().is_ok() => {
                format!("write it without quotes: {text}")
            }
            Value::Null => format!("give it a value, or take {last}: out"),
            Value::Map(entries) if takes("string") && entries.len() == 1 && PAIRS.contains(&last) => {
                let (name, node) = &entries[0];
                match (node.all_unset().first(), node.text()) {
                    (Some(variable), _) => format!("write - {name}=${{{variable}}}"),
                    (None, Some(text)) if !text.is_empty() => format!("write - {name}={text}"),
                    _ => format!("write - {name}="),
                }
            }
            Value::List(_) if self.is_service_key(last) => {
                format!("{last} of a service stands below its name: indent it as the service's other keys")
            }
            Value::Map(_) if takes("array") => "write each item after a dash".into(),
            _ => format!("it takes {}", words.join(" or ")),
        };
        self.tell(node, false, format!("{name} takes {}, and this is {is}", words.join(" or ")), help, 0);
    }

    /// What stands where a service's name belongs, and is a key of one.
    fn is_service_key(&self, key: &str) -> bool {
        let service = root().get("$defs").and_then(|defs| defs.get("service"));
        self.path.len() == 2 && self.path[0] == "services" && service.is_some_and(|service| has(service, key))
    }

    fn tell(&mut self, node: &Node, at_key: bool, what: String, help: String, more: usize) {
        self.found.push(Fault { node: node.clone(), at_key, what, help, depth: self.path.len() + more });
    }

    /// The node in words: the path's last name.
    fn name(&self) -> String {
        match self.path.as_slice() {
            [] => "the file".into(),
            [.., list, item] if item.parse::<usize>().is_ok() => format!("an item of {list}"),
            [.., name] => name.clone(),
        }
    }

    fn place(&self) -> String {
        match self.path.as_slice() {
            [] => "a compose file".into(),
            [services, name] if services == "services" => format!("a service ({name})"),
            path => path.iter().filter(|part| part.parse::<usize>().is_err()).cloned().collect::<Vec<_>>().join("."),
        }
    }

    fn above(&self, level: usize) -> String {
        match self.path[..level].last() {
            Some(name) => format!("{name}:"),
            None => "the first level".into(),
        }
    }
}

fn resolved(schema: &Json) -> &Json {
    let name = schema.get("$ref").and_then(Json::as_str).and_then(|name| name.rsplit('/').next());
    name.and_then(|name| root().get("$defs")?.get(name)).unwrap_or(schema)
}

fn kinds(schema: &Json) -> Vec<&str> {
    let schema = resolved(schema);
    match schema.get("type") {
        Some(Json::String(kind)) => vec![kind],
        Some(Json::Array(kinds)) => kinds.iter().filter_map(Json::as_str).collect(),
        _ => schema.get("oneOf").and_then(Json::as_array).into_iter().flatten().flat_map(kinds).collect(),
    }
}

fn is_of(kind: &Json, node: &Node) -> bool {
    let is = |kind: &str| match (&node.value, kind) {
        (Value::Null, "null") | (Value::List(_), "array") | (Value::Map(_), "object") => true,
        (Value::Scalar(_, Kind::Text), "string") | (Value::Scalar(_, Kind::Boolean), "boolean") => true,
        (Value::Scalar(_, Kind::Integer), "integer" | "number") | (Value::Scalar(_, Kind::Float), "number") => true,
        // 2.0 is a whole number to JSON.
        (Value::Scalar(text, Kind::Float), "integer") => !text.contains(['.', 'e']),
        _ => false,
    };
    match kind {
        Json::String(kind) => is(kind),
        Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).any(is),
        _ => true,
    }
}

fn has(schema: &Json, key: &str) -> bool {
    resolved(schema).get("properties").is_some_and(|properties| properties.get(key).is_some())
}

/// The key of this schema under which `key` is one.
fn below<'a>(schema: &'a Json, key: &str) -> Option<&'a str> {
    let objects = |schema: &'a Json| -> Vec<&'a Json> {
        let schema = resolved(schema);
        let branches = schema.get("oneOf").and_then(Json::as_array).into_iter().flatten().map(resolved);
        std::iter::once(schema).chain(branches).collect()
    };
    let mut properties = schema.get("properties")?.as_object()?.iter();
    properties.find(|(_, child)| objects(child).iter().any(|object| has(object, key))).map(|(name, _)| name.as_str())
}

/// `-` and `_` are one to the eye.
fn distance(known: &str, key: &str) -> usize {
    strsim::damerau_levenshtein(known, &key.replace('-', "_").to_lowercase())
}

fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Scalar(a, _), Value::Scalar(b, _)) => a == b,
        _ => false,
    }
}

fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

/// The few patterns of the schema.
fn matches(pattern: &str, text: &str) -> bool {
    let named = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    match pattern {
        "^x-" => text.starts_with("x-"),
        "^.+$" | ".+" => !text.is_empty(),
        "^[a-zA-Z0-9._-]+$" => !text.is_empty() && text.bytes().all(named),
        "^[a-z]+$" => !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase()),
        "[a-zA-Z0-9][a-zA-Z0-9_.-]+" => {
            text.as_bytes().windows(2).any(|pair| pair[0].is_ascii_alphanumeric() && named(pair[1]))
        }
        // Of pull_policy: any of the words, anywhere.
        words if words.contains('|') => {
            words.split('|').any(|word| text.contains(word.split('_').next().unwrap_or(word)))
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A newer schema may bring words that are not known here.
    #[test]
    fn the_schema_has_no_other_words() {
        const WORDS: [&str; 13] = [
            "$ref",
            "$defs",
            "additionalProperties",
            "enum",
            "items",
            "maximum",
            "minimum",
            "oneOf",
            "pattern",
            "patternProperties",
            "properties",
            "required",
            "type",
        ];
        fn walk(schema: &Json) {
            let Json::Object(words) = schema else { return };
            for (word, value) in words {
                assert!(WORDS.contains(&word.as_str()) || word == "uniqueItems", "{word}");
                match (word.as_str(), value) {
                    ("properties" | "patternProperties" | "$defs", Json::Object(children)) => {
                        if word == "patternProperties" {
                            children.keys().for_each(|pattern| assert!(!matches(pattern, ""), "{pattern}"));
                        }
                        children.values().for_each(walk);
                    }
                    ("oneOf", Json::Array(children)) => children.iter().for_each(walk),
                    _ => walk(value),
                }
            }
        }
        assert!(root().get("$defs").is_some());
        walk(root());
    }
}

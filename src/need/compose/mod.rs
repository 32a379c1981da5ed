//! Reads one service of a compose file as the run line that compose makes of it, each option with its line in the file:
//! interpolation, .env, extends, merge keys and profiles as the Compose Specification has them.

mod service;
mod tree;
mod variables;

use std::path::{Path, PathBuf};

use gdoctor_checks::model::need::Origin;
use gdoctor_checks::model::run::RunLine;

use crate::host::Host;

use super::Refusal;
use tree::{Node, Value};
use variables::Variables;

/// A compose file is a few hundred lines; 10,000 services are some 2 MB.
const CAP: usize = 8 << 20;
/// `extends` through more files and services than this is a circle.
const EXTENDS: usize = 16;

/// What the command line says of a compose file.
pub struct Asked<'a> {
    pub file: &'a Path,
    pub service: Option<&'a str>,
    pub profiles: &'a [String],
}

/// The service as a run line.
pub fn read(asked: &Asked, host: &Host) -> Result<RunLine, Refusal> {
    let path = Path::new(&host.cwd()).join(asked.file);
    let shown = asked.file.display().to_string();
    let folder = path.parent().unwrap_or(Path::new("/")).to_path_buf();
    let document = load(&path, &shown, host)?;
    let (name, service) = choose(&document, asked, &shown)?;
    let reader = Reader { host, variables: Variables::new(host, &folder), shown: shown.clone(), folder };
    let whole = reader.extended(&document, &name, service, &reader.folder, 0)?;
    service::run_line(&reader, &name, &whole)
}

struct Reader<'a> {
    host: &'a Host,
    variables: Variables<'a>,
    /// The file's name in messages.
    shown: String,
    folder: PathBuf,
}

impl Reader<'_> {
    fn wrong(&self, node: &Node, what: String) -> Refusal {
        Refusal::plain(format!("{}:{}:{}: {what}", self.shown, node.line, node.column))
    }

    fn origin(&self, node: &Node, what: String) -> Origin {
        Origin::File { path: self.shown.clone(), line: node.line, column: node.column, what }
    }

    /// A scalar with its variables replaced.
    fn scalar(&self, node: &Node) -> Result<String, Refusal> {
        match &node.value {
            Value::Text(text) => self.variables.replace(text).map_err(|why| self.wrong(node, why)),
            Value::Null => Ok(String::new()),
            _ => Err(self.wrong(node, "a single value is expected here".into())),
        }
    }

    /// The service over what it extends.
    fn extended(
        &self,
        document: &Node,
        name: &str,
        service: &Node,
        folder: &Path,
        depth: usize,
    ) -> Result<Node, Refusal> {
        let Some(extends) = service.get("extends") else { return Ok(service.clone()) };
        if depth >= EXTENDS {
            return Err(
                self.wrong(extends, format!("extends leads through more than {EXTENDS} services, or in a circle"))
            );
        }
        let base = match extends.get("service") {
            Some(service) => self.scalar(service)?,
            None => self.scalar(extends)?,
        };
        let other = match extends.get("file") {
            None => None,
            Some(file) => {
                let path = folder.join(self.scalar(file)?);
                let shown = path.display().to_string();
                Some((load(&path, &shown, self.host)?, path.parent().unwrap_or(Path::new("/")).to_path_buf()))
            }
        };
        let (document, folder) =
            other.as_ref().map_or((document, folder), |(document, folder)| (document, folder.as_path()));
        let found = document.get("services").and_then(|services| services.get(&base));
        let found =
            found.ok_or_else(|| self.wrong(extends, format!("{name} extends {base}, which is no service there")))?;
        let below = self.extended(document, &base, found, folder, depth + 1)?;
        Ok(merged(&below, service))
    }
}

/// Compose's rule: maps key by key, lists one after the other, everything else replaced.
fn merged(below: &Node, over: &Node) -> Node {
    match (&below.value, &over.value) {
        (Value::Map(old), Value::Map(new)) => {
            let mut entries = old.clone();
            for (key, node) in new {
                match entries.iter_mut().find(|(known, _)| known == key) {
                    Some((_, known)) if !["command", "entrypoint"].contains(&key.as_str()) => {
                        *known = merged(known, node)
                    }
                    Some((_, known)) => *known = node.clone(),
                    None => entries.push((key.clone(), node.clone())),
                }
            }
            Node { value: Value::Map(entries), ..over.clone() }
        }
        (Value::List(old), Value::List(new)) => {
            Node { value: Value::List(old.iter().chain(new).cloned().collect()), ..over.clone() }
        }
        _ => over.clone(),
    }
}

fn load(path: &Path, shown: &str, host: &Host) -> Result<Node, Refusal> {
    let fact = host.live().bytes(path, CAP);
    let Some(bytes) = fact.value() else {
        let why = fact.gap().map_or_else(|| "there is no such file".into(), |gap| gap.reason());
        return Err(Refusal::plain(format!("{shown}: {why}")));
    };
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::plain(format!("{shown}: this is not UTF-8 text")))?;
    serde_saphyr::from_str(text).map_err(|error| {
        let message = error.to_string();
        Refusal::plain(format!("{shown}: {}", message.lines().next().unwrap_or("this is not YAML")))
    })
}

fn choose<'a>(document: &'a Node, asked: &Asked, shown: &str) -> Result<(String, &'a Node), Refusal> {
    let services = document.get("services").map(Node::entries).unwrap_or_default();
    if services.is_empty() {
        return Err(Refusal::plain(format!("{shown}: there are no services in it")));
    }
    if let Some(name) = asked.service {
        let found = services.iter().find(|(known, _)| known == name);
        let near = services.iter().min_by_key(|(known, _)| strsim::damerau_levenshtein(known, name));
        let near = near.map_or("", |(known, _)| known.as_str());
        return found
            .map(|(name, node)| (name.clone(), node))
            .ok_or_else(|| Refusal::plain(format!("{shown}: there is no service {name}; did you mean {near}?")));
    }
    let active = |node: &Node| {
        let profiles = node.get("profiles").map(Node::items).unwrap_or_default();
        profiles.is_empty()
            || profiles.iter().any(|p| p.text().is_some_and(|p| asked.profiles.iter().any(|a| a == p || a == "*")))
    };
    let active: Vec<_> = services.iter().filter(|(_, node)| active(node)).collect();
    match active[..] {
        [(name, node)] => Ok((name.clone(), node)),
        [] => Err(Refusal::plain(format!(
            "{shown}: no service is active; --profile names one's profile, --service the service"
        ))),
        _ => {
            let mut names: Vec<&str> = active.iter().take(8).map(|(name, _)| name.as_str()).collect();
            if active.len() > 8 {
                names.push("…");
            }
            Err(Refusal::plain(format!(
                "{shown}: gdoctor judges one service at a time: --service {}",
                names.join(" | ")
            )))
        }
    }
}

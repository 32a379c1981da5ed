//! The files of a compose project: the named ones laid over each other, what they include, and what services extend.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gdoctor_checks::model::need::Origin;
use gdoctor_checks::model::run::Span;

use crate::host::Host;
use crate::need::Refusal;
use crate::need::text::{SourceText, load};
use crate::secret;

use super::merge::merged;
use super::tree::{Node, Value};
use super::variables::Variables;

/// A compose file is a few hundred lines; 10,000 services are some 2 MB.
const CAP: usize = 8 << 20;
/// `extends` and `include` through more files and services than this is a circle.
const DEPTH: usize = 16;
/// More files are not read.
const FILES: usize = 64;

pub struct Project<'a> {
    pub host: &'a Host,
    pub variables: Variables<'a>,
    pub services: Vec<(String, Node)>,
    files: RefCell<Vec<File>>,
}

struct File {
    source: SourceText,
    /// What relative paths in it count from.
    folder: PathBuf,
}

impl<'a> Project<'a> {
    /// Reads the files; a single one of compose's own names has its override file over it.
    pub fn load(named: &[PathBuf], host: &'a Host) -> Result<Self, Refusal> {
        let mut named = named.to_vec();
        if let [only] = &named[..] {
            named.extend(super::override_of(only, host));
        }
        let cwd = PathBuf::from(host.cwd());
        let first = named.first().map_or(cwd.clone(), |file| cwd.join(file));
        let folder = first.parent().unwrap_or(Path::new("/")).to_path_buf();
        let variables = Variables::new(host, &folder);
        let mut project = Self { host, variables, services: Vec::new(), files: RefCell::default() };
        let mut whole: Option<Node> = None;
        for file in &named {
            let node = project.file(&cwd.join(file), &file.display().to_string(), &folder)?;
            whole = Some(match whole {
                None => node,
                Some(below) => merged("", &below, &node),
            });
        }
        let whole = whole.unwrap_or_default();
        project.services = project.with_included(&whole, &folder, 0)?;
        Ok(project)
    }

    /// The document's services and those of the files that it includes; its own come first and win.
    fn with_included(&self, document: &Node, folder: &Path, depth: usize) -> Result<Vec<(String, Node)>, Refusal> {
        let mut services = document.get("services").map(Node::entries).unwrap_or_default().to_vec();
        for item in document.get("include").map(Node::items).unwrap_or_default() {
            if depth >= DEPTH {
                return Err(self.wrong(item, format!("include leads through more than {DEPTH} files, or in a circle")));
            }
            let mut whole: Option<(Node, PathBuf)> = None;
            for path in item.get("path").unwrap_or(item).items() {
                let name = self.scalar(path)?;
                let full = folder.join(&name);
                let own = full.parent().unwrap_or(Path::new("/")).to_path_buf();
                let own = whole.as_ref().map_or(own, |(_, first)| first.clone());
                let node = self.file(&full, &self.shown(&full), &own)?;
                whole = Some(match whole {
                    None => (node, own),
                    Some((below, own)) => (merged("", &below, &node), own),
                });
            }
            let Some((node, own)) = whole else { continue };
            for (name, service) in self.with_included(&node, &own, depth + 1)? {
                if !services.iter().any(|(known, _)| *known == name) {
                    services.push((name, service));
                }
            }
        }
        Ok(services)
    }

    /// The service over what it extends.
    pub fn extended(&self, name: &str, service: &Node, depth: usize) -> Result<Node, Refusal> {
        self.extended_in(&self.services, name, service, depth)
    }

    fn extended_in(
        &self,
        services: &[(String, Node)],
        name: &str,
        service: &Node,
        depth: usize,
    ) -> Result<Node, Refusal> {
        let Some(extends) = service.get("extends") else { return Ok(service.clone()) };
        if depth >= DEPTH {
            return Err(
                self.wrong(extends, format!("extends leads through more than {DEPTH} services, or in a circle"))
            );
        }
        let base = self.scalar(extends.get("service").unwrap_or(extends))?;
        let other = match extends.get("file") {
            None => None,
            Some(file) => {
                let path = self.folder(file).join(self.scalar(file)?);
                let folder = path.parent().unwrap_or(Path::new("/")).to_path_buf();
                let node = self.file(&path, &self.shown(&path), &folder)?;
                Some(node.get("services").map(Node::entries).unwrap_or_default().to_vec())
            }
        };
        let services = other.as_deref().unwrap_or(services);
        let found = services.iter().find(|(known, _)| *known == base).map(|(_, node)| node);
        let found =
            found.ok_or_else(|| self.wrong(extends, format!("{name} extends {base}, which is no service there")))?;
        let below = self.extended_in(services, &base, found, depth + 1)?;
        Ok(merged("", &below, service))
    }

    /// Reads a file; its nodes know it.
    fn file(&self, path: &Path, shown: &str, folder: &Path) -> Result<Node, Refusal> {
        let text = load(path, shown, CAP, self.host)?;
        let number = self.files.borrow().len();
        if number >= FILES {
            return Err(Refusal::plain(format!("{shown}: more than {FILES} files are read for one service")));
        }
        let mut node: Node = serde_saphyr::from_str(&text).map_err(|error| unreadable(&error, shown, &text))?;
        node.mark(number, &text);
        let mut source = SourceText::new(shown, &text);
        for (_, service) in node.get("services").map(Node::entries).unwrap_or_default() {
            service.get("environment").into_iter().for_each(|node| hide(&mut source, node));
        }
        self.files.borrow_mut().push(File { source, folder: folder.to_path_buf() });
        Ok(node)
    }

    /// What a node's relative paths count from.
    pub fn folder(&self, node: &Node) -> PathBuf {
        self.files.borrow().get(node.file).map_or(PathBuf::from("/"), |file| file.folder.clone())
    }

    /// A path as messages name it: from the working directory where it lies below.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.host.cwd()).unwrap_or(path).display().to_string()
    }

    pub fn wrong(&self, node: &Node, what: String) -> Refusal {
        let files = self.files.borrow();
        let place = files.get(node.file).map(|file| (file.source.path.clone(), file.source.shown(), node.span));
        Refusal { what, help: String::new(), place }
    }

    pub fn origin(&self, node: &Node, what: String) -> Origin {
        let files = self.files.borrow();
        files.get(node.file).map_or(Origin::Default, |file| file.source.origin(node.span, what))
    }

    /// A scalar with its variables replaced.
    pub fn scalar(&self, node: &Node) -> Result<String, Refusal> {
        match &node.value {
            Value::Text(text) => self.variables.replace(text).map_err(|why| self.wrong(node, why)),
            Value::Null => Ok(String::new()),
            _ => Err(self.wrong(node, "a single value is expected here".into())),
        }
    }

    pub fn texts(&self) -> BTreeMap<String, String> {
        self.files.borrow().iter().map(|file| (file.source.path.clone(), file.source.shown())).collect()
    }
}

/// Values of variables whose names say that they are secret.
fn hide(source: &mut SourceText, environment: &Node) {
    for (name, node) in environment.entries() {
        if secret::is_secret(name) {
            source.hide(node.span);
        }
    }
    for item in environment.items() {
        let Some((name, _)) = item.text().and_then(|text| text.split_once('=')) else { continue };
        if secret::is_secret(name) {
            source.hide(Span::new(item.span.start + name.len() + 1, item.span.end));
        }
    }
}

fn unreadable(error: &serde_saphyr::Error, shown: &str, text: &str) -> Refusal {
    let message = error.to_string();
    let first = message.lines().next().unwrap_or("this is not YAML").trim_start_matches("error: ");
    // The place is shown by itself; the trace of aliases behind it helps nobody.
    let what = first.split(" at line ").next().unwrap_or(first).to_owned();
    let at = error.location().and_then(|at| usize::try_from(at.span().byte_offset()?).ok());
    match at.filter(|at| *at <= text.len()) {
        Some(at) => {
            Refusal { what, help: String::new(), place: Some((shown.to_owned(), text.to_owned(), Span::at(at))) }
        }
        None => Refusal::plain(format!("{shown}: {what}")),
    }
}

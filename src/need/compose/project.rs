//! The files of a compose project put together in compose's own order: variables, what is included, what services extend, one
//! file laid over the other, the schema, and last what must fit together.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gdoctor_checks::model::need::Origin;
use gdoctor_checks::model::run::{Argument, Span};

use crate::host::Host;
use crate::need::Refusal;
use crate::need::text::{SourceText, load};
use crate::secret;

use super::consistency::Whole;
use super::interpolate::interpolated;
use super::merge::{merged, unique};
use super::tree::{Node, Value, documents};
use super::variables::Variables;
use super::{Asked, NAMES, dotenv, schema, values};

/// A compose file is a few hundred lines; 10,000 services are some 2 MB.
const CAP: usize = 8 << 20;
/// `extends` and `include` through more files and services than this is a circle.
const DEPTH: usize = 16;
/// More files are not read.
const FILES: usize = 64;

pub struct Project<'a> {
    pub host: &'a Host,
    pub variables: Variables<'a>,
    /// All files as one.
    document: Node,
    /// Profiles that .env or the environment asks for.
    pub profiles: Vec<String>,
    files: RefCell<Vec<File>>,
    /// A part of the project lies where gdoctor does not look, so that a name may well be there.
    partial: Cell<bool>,
}

struct File {
    source: SourceText,
    /// What relative paths in it count from.
    folder: PathBuf,
}

/// What a file is read with.
struct Around<'v, 'a> {
    variables: &'v Variables<'a>,
    /// What its relative paths count from.
    folder: &'v Path,
    depth: usize,
}

impl<'a> Project<'a> {
    /// Reads the files; a single one of compose's own names has its override file over it, or what COMPOSE_FILE names.
    pub fn load(asked: &Asked, host: &'a Host) -> Result<Self, Refusal> {
        let (named, cwd) = (asked.files, PathBuf::from(host.cwd()));
        let beside = || named.first().map_or(cwd.clone(), |file| beside(&cwd.join(file)));
        let folder = asked.folder.map_or_else(beside, |folder| cwd.join(folder));
        let mut project = Self {
            host,
            variables: Variables::new(host),
            document: Node::default(),
            profiles: Vec::new(),
            files: RefCell::default(),
            partial: Cell::new(false),
        };
        let mut variables = Variables::new(host);
        if let Some(name) = asked.name {
            variables.set("COMPOSE_PROJECT_NAME", name.to_owned());
        }
        project.with_env_files(&mut variables, &folder, asked.env_files)?;
        let said = variables.get("COMPOSE_PROFILES").unwrap_or_default();
        project.profiles = said.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
        let files = project.files_of(named, &variables, &folder);
        if variables.get("COMPOSE_PROJECT_NAME").is_none() {
            variables.set("COMPOSE_PROJECT_NAME", project.name(&files, &folder, &variables));
        }
        let around = Around { variables: &variables, folder: &folder, depth: 0 };
        let mut whole = Node::default();
        for file in &files {
            whole = project.with_file(whole, &cwd.join(file), &file.display().to_string(), &around)?;
        }
        if whole.entries().is_empty() {
            let shown = files.first().map_or(String::new(), |file| file.display().to_string());
            return Err(Refusal::plain(format!("{shown}: there are no services in it")));
        }
        project.document = whole;
        project.variables = variables;
        Ok(project)
    }

    /// What stands under a key of the whole, and so on.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        self.document.at(path)
    }

    /// The argument that stands for a place of its files.
    pub fn argument(&self, node: &Node, text: &str) -> Argument {
        Argument { text: text.to_owned(), file: Some(self.origin(node, text.to_owned())), ..Argument::default() }
    }

    pub fn services(&self) -> &[(String, Node)] {
        self.document.get("services").map(Node::entries).unwrap_or_default()
    }

    /// The network of Docker's own that a network of the file stands for, and where that is said.
    pub fn dockers_network(&self, name: &str) -> Option<(&'static str, &Node)> {
        let network = self.document.at(&["networks", name])?;
        let external = network.get("external")?;
        // The old form is `external: {name: bridge}`.
        let named = network.get("name").or(external.get("name"));
        let said = named.and_then(Node::text).unwrap_or(name);
        let own = ["bridge", "host", "none"].into_iter().find(|own| *own == said)?;
        (external.is_true() || external.get("name").is_some()).then_some((own, network))
    }

    /// True for a service that runs when these profiles are asked for.
    pub fn is_active(service: &Node, profiles: &[String]) -> bool {
        let own = service.get("profiles").map(Node::items).unwrap_or_default();
        own.is_empty() || own.iter().any(|p| p.text().is_some_and(|p| profiles.iter().any(|a| a == p || a == "*")))
    }

    /// Refuses what compose refuses of the whole with these profiles.
    pub fn check(&self, profiles: &[String]) -> Result<(), Refusal> {
        if let Some((node, what, help)) = self.services().iter().find_map(|(_, service)| values::fault(service)) {
            return Err(self.refused(&node, what, help));
        }
        let (awake, asleep): (Vec<_>, Vec<_>) =
            self.services().iter().cloned().partition(|(_, service)| Self::is_active(service, profiles));
        let whole = Whole { document: &self.document, services: &awake, asleep: &asleep };
        if let Some((node, what, help)) = whole.fault().filter(|_| !self.partial.get()) {
            return Err(self.refused(&node, what, help));
        }
        for (_, service) in &awake {
            for item in service.get("env_file").map(Node::items).unwrap_or_default() {
                self.env_file(item, &|_| None)?;
            }
        }
        Ok(())
    }

    /// The pairs of a file that `env_file` names; none where it is not there and need not be.
    pub fn env_file(
        &self,
        item: &Node,
        of_service: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<(String, String)>, Refusal> {
        let path = self.place(&self.folder(item), &self.scalar(item.get("path").unwrap_or(item))?);
        let required = item.get("required").and_then(Node::text) != Some("false");
        let text = self.host.live().text(&path);
        let Some(text) = text.value() else {
            let what = format!("{} is no file that can be read", self.shown(&path));
            let help = "make the file, or write {path: …, required: false}".into();
            return if required { Err(Refusal { help, ..self.wrong(item, what) }) } else { Ok(Vec::new()) };
        };
        let known = |name: &str| self.variables.get(name).or_else(|| of_service(name));
        match item.get("format").and_then(Node::text) {
            Some("raw") => Ok(dotenv::raw(text, &known)),
            None | Some("" | ".env") => dotenv::read(text, &known).map_err(|wrong| self.wrong_in(&path, text, wrong)),
            Some(other) => {
                let help = "leave format out, or write raw".into();
                Err(Refusal { help, ..self.wrong(item, format!("{other} is no format of an env_file")) })
            }
        }
    }

    fn wrong_in(&self, path: &Path, text: &str, (at, why): dotenv::Wrong) -> Refusal {
        let mut source = SourceText::new(&self.shown(path), text);
        for (start, line) in lines(text) {
            if let Some(equals) = line.find(['=', ':']) {
                source.hide(Span::new(start + equals + 1, start + line.len()));
            }
        }
        let place = Some((self.shown(path), source.shown(), Span::at(at)));
        Refusal { what: why, help: "a line is NAME=value; a value with blanks or # stands in quotes".into(), place }
    }

    /// .env beside the first file, what is asked for in its place, or what COMPOSE_ENV_FILES names.
    fn with_env_files(&self, variables: &mut Variables, folder: &Path, asked: &[PathBuf]) -> Result<(), Refusal> {
        let off = self.host.env("COMPOSE_DISABLE_ENV_FILE");
        let here = |file: &&PathBuf| !self.host.live().exists(Path::new(&self.host.cwd()).join(file));
        if let Some(file) = asked.iter().find(here) {
            return Err(Refusal::plain(format!("{}: there is no such file, and --env-file names it", file.display())));
        }
        if asked.is_empty() && off.is_some_and(|off| ["1", "t", "T", "true", "TRUE", "True"].contains(&off.as_str())) {
            return Ok(());
        }
        let named = self.host.env("COMPOSE_ENV_FILES");
        let cwd = PathBuf::from(self.host.cwd());
        let files: Vec<PathBuf> = match &named {
            _ if !asked.is_empty() => asked.iter().map(|file| cwd.join(file)).collect(),
            Some(named) => named.split(',').map(|file| cwd.join(file)).collect(),
            None => vec![folder.join(".env")],
        };
        let mut found = BTreeMap::new();
        for file in files {
            found.extend(self.pairs(&file, &|name| variables.get(name))?);
        }
        variables.add(found);
        Ok(())
    }

    /// The pairs of a file such as .env; none where it cannot be read.
    fn pairs(&self, path: &Path, outside: &dyn Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>, Refusal> {
        let text = self.host.live().text(path);
        let Some(text) = text.value() else { return Ok(Vec::new()) };
        dotenv::read(text, outside).map_err(|wrong| self.wrong_in(path, text, wrong))
    }

    /// A single file of one of compose's own names is what `docker compose` finds without `-f`: then COMPOSE_FILE counts, too.
    fn files_of(&self, named: &[PathBuf], variables: &Variables, folder: &Path) -> Vec<PathBuf> {
        let [only] = named else { return named.to_vec() };
        let is_usual = only.file_name().and_then(|name| name.to_str()).is_some_and(|name| NAMES.contains(&name));
        let said = variables.get("COMPOSE_FILE").filter(|_| is_usual);
        let by = variables.get("COMPOSE_PATH_SEPARATOR").unwrap_or_else(|| ":".into());
        let cwd = PathBuf::from(self.host.cwd());
        let shown = |path: &str| {
            let full = folder.join(path);
            full.strip_prefix(&cwd).map_or(full.clone(), Path::to_path_buf)
        };
        let listed: Vec<PathBuf> = said.iter().flat_map(|said| said.split(by.as_str())).map(shown).collect();
        if listed.iter().any(|path| cwd.join(path) == cwd.join(only)) {
            return listed;
        }
        std::iter::once(only.clone()).chain(super::override_of(only, self.host)).collect()
    }

    /// What the last file that says so calls the project, else the folder's name; in the letters that compose takes.
    fn name(&self, files: &[PathBuf], folder: &Path, variables: &Variables) -> String {
        let cwd = PathBuf::from(self.host.cwd());
        let text = |file: &PathBuf| load(&cwd.join(file), "", CAP, self.host).ok();
        let named = |text: String| {
            let documents = documents(&text, 0).ok()?;
            documents.iter().rev().find_map(|node| node.get("name")?.text().map(str::to_owned))
        };
        let said = files.iter().rev().filter_map(text).find_map(named);
        let said = said.and_then(|name| variables.replace(&name).ok()).map(|(name, _)| name);
        let said = said.filter(|name| !name.is_empty());
        let name = said.or_else(|| Some(folder.file_name()?.to_string_lossy().into_owned())).unwrap_or_default();
        let kept = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(*c);
        name.to_lowercase().chars().filter(kept).collect::<String>().trim_start_matches(['_', '-']).to_owned()
    }

    /// `whole` with a file over it.
    fn with_file(&self, whole: Node, path: &Path, shown: &str, around: &Around) -> Result<Node, Refusal> {
        let mut whole = whole;
        for document in self.read(path, shown, around)? {
            let document = self.with_included(document, around)?;
            let document = self.with_extended(document, around)?;
            whole = match whole.value {
                Value::Null => document,
                _ => merged(&mut Vec::new(), &whole, &document).map_err(|node| self.clash(&node))?,
            };
            whole = whole.without_reset();
            unique(&mut Vec::new(), &mut whole);
            if let Some(fault) = schema::fault(&whole) {
                let mut node = fault.node;
                if fault.at_key {
                    node.span = node.key;
                }
                // How it is written right says more than the variable that is not set.
                let written = fault.help.starts_with("write - ");
                let refused = self.refused(&node, fault.what, fault.help.clone());
                return Err(if written { Refusal { help: fault.help, ..refused } } else { refused });
            }
        }
        Ok(whole)
    }

    fn clash(&self, node: &Node) -> Refusal {
        let help = "write it in the form that it has there, or with !override before it".into();
        Refusal { help, ..self.wrong(node, "this is of another kind than what it is laid over".into()) }
    }

    /// The documents of a file, their variables replaced.
    fn read(&self, path: &Path, shown: &str, around: &Around) -> Result<Vec<Node>, Refusal> {
        let text = load(path, shown, CAP, self.host)?;
        let number = self.files.borrow().len();
        if number >= FILES {
            return Err(Refusal::plain(format!("{shown}: more than {FILES} files are read for one project")));
        }
        let found = documents(&text, number).map_err(|fault| Refusal {
            what: fault.what,
            help: fault.help,
            place: Some((shown.to_owned(), text.clone(), fault.at)),
        })?;
        let mut source = SourceText::new(shown, &text);
        for (_, service) in found.iter().filter_map(|node| node.get("services")).flat_map(Node::entries) {
            service.get("environment").into_iter().for_each(|node| hide(&mut source, node));
        }
        self.files.borrow_mut().push(File { source, folder: around.folder.to_path_buf() });
        let each = |node: &Node| {
            if !matches!(node.value, Value::Map(_)) {
                let help = "it begins with services:; a --- with nothing below it goes".into();
                return Err(Refusal { help, ..self.wrong(node, "a compose file is a map at its first level".into()) });
            }
            interpolated(node, &mut Vec::new(), around.variables).map_err(|(node, why)| self.wrong(&node, why))
        };
        found.iter().map(each).collect()
    }

    /// The document with what it includes below it.
    fn with_included(&self, mut document: Node, around: &Around) -> Result<Node, Refusal> {
        let Some(include) = document.get("include").cloned() else { return Ok(document) };
        let Value::List(items) = &include.value else { return Ok(document) };
        for item in items {
            if around.depth >= DEPTH {
                return Err(self.wrong(item, format!("include leads through more than {DEPTH} files, or in a circle")));
            }
            if let Some(below) = self.included(item, around)? {
                self.import(&mut document, &below)?;
            }
        }
        if let Value::Map(entries) = &mut document.value {
            entries.retain(|(key, _)| key != "include");
        }
        Ok(document)
    }

    /// One entry of `include`, with its own .env and folder.
    fn included(&self, item: &Node, around: &Around) -> Result<Option<Node>, Refusal> {
        let paths = item.get("path").unwrap_or(item).items();
        let names: Vec<String> = paths.iter().map(|path| self.scalar(path)).collect::<Result<_, _>>()?;
        let Some(first) = names.first() else { return Ok(None) };
        if names.iter().any(|name| is_remote(name)) {
            self.partial.set(true);
            return Ok(None);
        }
        let folder = match item.get("project_directory") {
            Some(said) => self.place(around.folder, &self.scalar(said)?),
            None => beside(&self.place(around.folder, first)),
        };
        let env_files = item.get("env_file").map(Node::items).unwrap_or_default();
        let mut variables = around.variables.clone();
        let mut found = BTreeMap::new();
        for file in &env_files {
            let path = self.place(around.folder, &self.scalar(file)?);
            if path == Path::new("/dev/null") {
                continue;
            }
            if self.host.live().text(&path).value().is_none() {
                return Err(self.wrong(file, format!("{} is no file that can be read", self.shown(&path))));
            }
            found.extend(self.pairs(&path, &|name| variables.get(name))?);
        }
        if env_files.is_empty() {
            found.extend(self.pairs(&folder.join(".env"), &|name| variables.get(name))?);
        }
        variables.add(found);
        let inner = Around { variables: &variables, folder: &folder, depth: around.depth + 1 };
        let mut whole = Node::default();
        for name in &names {
            let path = self.place(around.folder, name);
            whole = self.with_file(whole, &path, &self.shown(&path), &inner)?;
        }
        Ok(Some(whole))
    }

    /// Puts what an included file has below what the document has.
    fn import(&self, document: &mut Node, below: &Node) -> Result<(), Refusal> {
        for key in ["services", "volumes", "networks", "secrets", "configs", "models"] {
            let Some(theirs) = below.get(key) else { continue };
            let mut path = vec![key.to_owned()];
            let joined = match document.get(key) {
                Some(own) if !own.is_null() => merged(&mut path, theirs, own).map_err(|node| self.clash(&node))?,
                _ => theirs.clone(),
            };
            let Value::Map(entries) = &mut document.value else { continue };
            match entries.iter_mut().find(|(known, _)| known == key) {
                Some((_, known)) => *known = joined,
                None => entries.push((key.to_owned(), joined)),
            }
        }
        Ok(())
    }

    /// The document, every service over what it extends.
    fn with_extended(&self, mut document: Node, around: &Around) -> Result<Node, Refusal> {
        let Some(services) = document.get("services").map(|node| node.entries().to_vec()) else { return Ok(document) };
        let each =
            |(name, service): &(String, Node)| Ok((name.clone(), self.extended(&services, name, service, around, 0)?));
        let extended: Vec<_> = services.iter().map(each).collect::<Result<_, Refusal>>()?;
        if let Value::Map(entries) = &mut document.value
            && let Some((_, node)) = entries.iter_mut().find(|(key, _)| key == "services")
            && let Value::Map(services) = &mut node.value
        {
            *services = extended;
        }
        Ok(document)
    }

    fn extended(
        &self,
        services: &[(String, Node)],
        name: &str,
        service: &Node,
        around: &Around,
        depth: usize,
    ) -> Result<Node, Refusal> {
        let Some(extends) = service.get("extends") else { return Ok(service.clone()) };
        if depth >= DEPTH {
            return Err(
                self.wrong(extends, format!("extends leads through more than {DEPTH} services, or in a circle"))
            );
        }
        let base = self.scalar(extends.get("service").unwrap_or(extends))?;
        let mut own = service.clone();
        if let Value::Map(entries) = &mut own.value {
            entries.retain(|(key, _)| key != "extends");
        }
        let file = extends.get("file").map(|file| Ok((file, self.scalar(file)?))).transpose()?;
        if file.as_ref().is_some_and(|(_, name)| is_remote(name)) {
            self.partial.set(true);
            return Ok(own);
        }
        let other = match file {
            None => None,
            Some((node, file)) => {
                let path = self.place(&self.folder(node), &file);
                let folder = beside(&path);
                let inner = Around { folder: &folder, ..*around };
                let documents = self.read(&path, &self.shown(&path), &inner)?;
                let all = documents.iter().filter_map(|node| node.get("services")).flat_map(Node::entries);
                Some(all.cloned().collect::<Vec<_>>())
            }
        };
        let services = other.as_deref().unwrap_or(services);
        let Some((_, found)) = services.iter().find(|(known, _)| *known == base) else {
            return Err(self.wrong(extends, format!("{name} extends {base}, which is no service there")));
        };
        let below = self.extended(services, &base, found, around, depth + 1)?;
        let mut path = vec!["services".to_owned(), name.to_owned()];
        match below.value {
            Value::Map(_) => merged(&mut path, &below, &own).map_err(|node| self.clash(&node)),
            _ => Ok(own),
        }
    }

    /// A path of a file: relative ones count from `folder`, and `~` is the user's home.
    pub fn place(&self, folder: &Path, path: &str) -> PathBuf {
        match (path.strip_prefix('~'), self.host.env("HOME")) {
            (Some(rest), Some(home)) => Path::new(&home).join(rest.trim_start_matches('/')),
            _ => folder.join(path),
        }
    }

    /// What a node's relative paths count from.
    pub fn folder(&self, node: &Node) -> PathBuf {
        self.files.borrow().get(node.file).map_or(PathBuf::from("/"), |file| file.folder.clone())
    }

    /// A path as messages name it: from the working directory where it lies below.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.host.cwd()).unwrap_or(path).display().to_string()
    }

    /// A whole map is shown at its key.
    pub fn wrong(&self, node: &Node, what: String) -> Refusal {
        let files = self.files.borrow();
        let whole = matches!(node.value, Value::Map(_) | Value::Null) && node.key != Span::default();
        let span = if whole { node.key } else { node.span };
        let place = files.get(node.file).map(|file| (file.source.path.clone(), file.source.shown(), span));
        // What nobody sets is the cause of what is left of it.
        let unset = node.all_unset().into_iter().next();
        let help = unset.map(|name| format!("{name} is not set: write {name}=… into the file .env beside this one"));
        Refusal { what, help: help.unwrap_or_default(), place }
    }

    fn refused(&self, node: &Node, what: String, help: String) -> Refusal {
        let wrong = self.wrong(node, what);
        if wrong.help.is_empty() { Refusal { help, ..wrong } } else { wrong }
    }

    pub fn origin(&self, node: &Node, what: String) -> Origin {
        let files = self.files.borrow();
        files.get(node.file).map_or(Origin::Default, |file| file.source.origin(node.span, what))
    }

    /// A single value as text.
    pub fn scalar(&self, node: &Node) -> Result<String, Refusal> {
        match &node.value {
            Value::Scalar(text, _) => Ok(text.clone()),
            Value::Null => Ok(String::new()),
            _ => Err(self.wrong(node, "a single value is expected here".into())),
        }
    }

    pub fn texts(&self) -> BTreeMap<String, String> {
        self.files.borrow().iter().map(|file| (file.source.path.clone(), file.source.shown())).collect()
    }
}

fn beside(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("/")).to_path_buf()
}

/// What compose would fetch: a repository, an artifact of a registry.
fn is_remote(name: &str) -> bool {
    name.contains("://") || name.starts_with("oci:") || name.starts_with("git@") || name.starts_with("github.com/")
}

/// Where each line begins, and the line.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.trim_end())
    })
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

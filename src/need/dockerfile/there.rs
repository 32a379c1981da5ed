//! Which files lie in the image when a step takes them, as far as the lines before it tell: what COPY and ADD brought, and whether a
//! step may have made others.

use gdoctor_checks::model::dockerfile::{Does, Form, Said, Started};

use crate::need::shell::outline::{self, Outline, Simple};

use super::copy::{self, Copying};
use super::script::Told;

/// What the lines of a stage have brought so far.
#[derive(Clone, Default)]
pub struct Files {
    /// Files, and folders of which more may lie there.
    brought: Vec<String>,
    /// A step may have made any file.
    open: bool,
    /// Files that a step took and no line had brought.
    awaited: Vec<Awaited>,
}

/// A step that takes a file too early, perhaps.
#[derive(Clone)]
pub struct Awaited {
    pub file: String,
    pub said: Said,
    /// The step fails without the file.
    pub certain: bool,
}

/// Programs that make no files which a later step could mean: packages, users, modes.
const QUIET: [&str; 42] = [
    "addgroup",
    "adduser",
    "apk",
    "apt",
    "apt-get",
    "bundle",
    "cargo",
    "cat",
    "cd",
    "chgrp",
    "chmod",
    "chown",
    "conda",
    "corepack",
    "dnf",
    "dpkg-reconfigure",
    "echo",
    "env",
    "export",
    "find",
    "gem",
    "go",
    "groupadd",
    "id",
    "ldconfig",
    "locale-gen",
    "ls",
    "mkdir",
    "microdnf",
    "npm",
    "pip",
    "pip3",
    "printf",
    "pwd",
    "rm",
    "set",
    "true",
    "useradd",
    "usermod",
    "which",
    "yarn",
    "yum",
];
/// Verbs of these that run what somebody else wrote.
const RUNS: [&str; 8] = ["run", "init", "create", "new", "exec", "generate", "pack", "build"];
/// What a script's file ends with.
const SCRIPTS: [&str; 10] = [".sh", ".bash", ".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".pl", ".jar"];

impl Files {
    /// COPY and ADD; nothing where what they take is not told. Gives the awaited files that come only now.
    pub fn copied(&mut self, folder: &str, copying: Option<Copying>, from_elsewhere: bool) -> Vec<Awaited> {
        let Some(copying) = copying.filter(|copying| !copying.target.contains('$')) else {
            self.open = true;
            return Vec::new();
        };
        let to = copy::joined(folder, if copying.target == "." { "" } else { &copying.target });
        let to = to.trim_end_matches('/').to_owned();
        let many = copying.sources.len() > 1;
        let mut late = Vec::new();
        for (_, source) in &copying.sources {
            let path = copy::path(source).filter(|path| !from_elsewhere && !path.contains('$'));
            let file = path.as_ref().filter(|path| is_file(path) && !source.ends_with('/'));
            match file {
                Some(path) => self.brought.push(copy::target(folder, &copying.target, path, many)),
                None => self.brought.push(to.clone()),
            }
            let brings = |awaited: &Awaited| match (file, path.as_deref()) {
                (Some(path), _) => awaited.file == copy::target(folder, &copying.target, path, many),
                // A folder, all of it, or what fits a pattern.
                (None, Some(_)) => is_below(&awaited.file, &to),
                (None, None) => !from_elsewhere && source.contains('*') && is_below(&awaited.file, &to),
            };
            let (found, rest) = std::mem::take(&mut self.awaited).into_iter().partition(|awaited| brings(awaited));
            self.awaited = rest;
            late.extend::<Vec<Awaited>>(found);
        }
        late
    }

    /// A RUN: what it takes, and what it may have made. `sees`: no mount of its own brings files. `said`: what stands at a place.
    pub fn ran(&mut self, folder: &str, outline: &Outline, sees: bool, said: &dyn Fn((usize, usize)) -> Said) {
        let mut folder = folder.to_owned();
        for command in &outline.commands {
            if let [(cd, _), (to, _)] = &command.words[..]
                && cd == "cd"
            {
                folder = copy::joined(&folder, to);
            }
            if sees && !self.open && !command.sometimes {
                for (file, place, certain) in taken(command) {
                    let file = copy::joined(&folder, &file);
                    if !self.has(&file) && !file.contains(['$', '*', '~', '`']) {
                        self.awaited.push(Awaited { file, said: said(place), certain });
                    }
                }
            }
            self.open |= makes(command);
        }
    }

    /// What nobody can tell was done.
    pub fn changed(&mut self) {
        self.open = true;
    }

    /// What no line has brought to the end of the stage.
    pub fn never(&mut self) -> Vec<Awaited> {
        std::mem::take(&mut self.awaited).into_iter().filter(|awaited| awaited.certain && !self.open).collect()
    }

    fn has(&self, file: &str) -> bool {
        self.brought.iter().any(|brought| is_below(file, brought))
    }

    /// The script that is started and that nothing has brought, with the place where another of its name lies.
    pub fn missing(&self, folder: &str, started: &Started) -> Option<(String, Option<String>)> {
        let words: Vec<String> = match started.form {
            Form::List => started.words.clone(),
            Form::Shell => {
                let outline = outline::read(started.words.first()?).ok()?;
                let [command] = &outline.commands[..] else { return None };
                command.words.iter().map(|(word, _)| word.clone()).skip_while(|word| word == "exec").collect()
            }
            Form::NoList => return None,
        };
        let word = script_of(&words).filter(|word| !word.contains(['$', '*', '~', '`', ' ']))?;
        let file = copy::joined(folder, &word);
        let of_system = ["/usr", "/bin", "/sbin", "/lib", "/etc", "/opt"].iter().any(|folder| is_below(&file, folder));
        if self.open || of_system || self.has(&file) {
            return None;
        }
        let name = file.rsplit('/').next().unwrap_or_default();
        let other = self.brought.iter().find(|brought| brought.rsplit('/').next() == Some(name));
        Some((file.clone(), other.cloned()))
    }
}

/// A name with an ending, or one of those that are files without.
fn is_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.trim_start_matches('.').contains('.') || ["Makefile", "Gemfile", "Pipfile", "LICENSE"].contains(&name)
}

fn is_below(file: &str, folder: &str) -> bool {
    file == folder || folder.is_empty() || file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn is_script(word: &str) -> bool {
    SCRIPTS.iter().any(|ending| word.ends_with(ending)) && !word.contains("://")
}

fn is_interpreter(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or_default();
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    ["python", "bash", "sh", "node", "ruby", "perl", "java"].contains(&bare)
}

/// The script that a command starts: by itself, or by its interpreter.
fn script_of(words: &[String]) -> Option<String> {
    let first = words.first()?;
    if !is_interpreter(first) {
        return (first.contains('/') && is_script(first)).then(|| first.clone());
    }
    let option = |word: &&String| !word.starts_with('-') || ["-m", "-c", "-e", "--eval"].contains(&word.as_str());
    let word = words[1..].iter().find(option)?;
    is_script(word).then(|| word.clone())
}

/// The files that a command takes from where it works, each with its place, and whether it fails without.
fn taken(command: &Simple) -> Vec<(String, (usize, usize), bool)> {
    let words: Vec<&str> = command.words.iter().map(|(word, _)| word.as_str()).collect();
    let Some((program, verb)) = command.program().zip(Some(words.get(1).copied().unwrap_or_default())) else {
        return Vec::new();
    };
    let all = (command.words[0].1.start, command.words[words.len() - 1].1.end);
    let has = |options: &[&str]| words.iter().any(|word| options.contains(word));
    let plain = words.iter().skip(2).all(|word| word.starts_with('-'));
    let of_project = |file: &str, certain| vec![(file.to_owned(), all, certain)];
    let elsewhere = ["-g", "--global", "--prefix", "-C", "--cwd", "--dir", "--manifest-path", "--version", "--help"];
    match (program, verb) {
        ("npm", "ci") if plain && !has(&elsewhere) => of_project("package.json", true),
        ("npm" | "pnpm", "install" | "i") | ("yarn", "install" | "") if plain && !has(&elsewhere) => {
            of_project("package.json", false)
        }
        ("go", "mod") if words.get(2) == Some(&"download") => of_project("go.mod", true),
        ("cargo", "build") if !has(&elsewhere) => of_project("Cargo.toml", true),
        ("bundle", "install") if plain => of_project("Gemfile", true),
        ("poetry", "install") | ("uv", "sync") if plain && !has(&elsewhere) => of_project("pyproject.toml", true),
        ("composer", "install") if plain => of_project("composer.json", true),
        ("chmod", _) => {
            let files = command.words.iter().skip(2).filter(|(word, _)| is_script(word));
            files.map(|(word, span)| (word.clone(), (span.start, span.end), true)).collect()
        }
        _ => {
            let install = words.iter().position(|word| *word == "install").filter(|_| is_pip(&words));
            if let Some(at) = install {
                let mut files = Vec::new();
                for (number, (word, span)) in command.words.iter().enumerate().skip(at) {
                    let next =
                        || command.words.get(number + 1).map(|(word, span)| (word.clone(), (span.start, span.end)));
                    let own = word
                        .strip_prefix("--requirement=")
                        .or(word.strip_prefix("-r").filter(|own| own.ends_with(".txt")));
                    let file = match own {
                        Some(own) => Some((own.to_owned(), (span.start, span.end))),
                        None if word == "-r" || word == "--requirement" => next(),
                        None => None,
                    };
                    files.extend(
                        file.filter(|(file, _)| !file.contains("://") && file != "-")
                            .map(|(file, place)| (file, place, true)),
                    );
                }
                return files;
            }
            let names: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let script = script_of(&names);
            script.map(|script| (script, all, true)).into_iter().collect()
        }
    }
}

fn is_pip(words: &[&str]) -> bool {
    let first = words[0].rsplit('/').next().unwrap_or_default();
    first.starts_with("pip") || words[1..].first() == Some(&"pip") || words.windows(2).any(|pair| pair == ["-m", "pip"])
}

/// It may make files that a later step takes.
fn makes(command: &Simple) -> bool {
    let Some(program) = command.program() else { return true };
    let verb = command.words.get(1).map_or("", |(word, _)| word.as_str());
    let writes = command.files.iter().any(|(operator, file, _)| {
        operator.starts_with('>') && !file.starts_with("/dev/") && !file.starts_with('1') && !file.starts_with('2')
    });
    let pip = ["python", "python3", "uv"].contains(&program) && command.words.iter().any(|(word, _)| word == "pip");
    writes || !(pip || QUIET.contains(&program)) || (RUNS.contains(&verb) && program != "conda")
}

/// Programs that only root can use.
pub fn not_root(outline: &Outline, user: &str) -> Option<Told> {
    const MANAGERS: [&str; 6] = ["apt-get", "apt", "apk", "yum", "dnf", "microdnf"];
    const VERBS: [&str; 7] = ["install", "update", "upgrade", "add", "remove", "purge", "dist-upgrade"];
    const ACCOUNTS: [&str; 5] = ["useradd", "groupadd", "usermod", "adduser", "addgroup"];
    let of_root = |command: &&Simple| {
        let program = command.program().unwrap_or_default();
        let verb = command.words.iter().skip(1).map(|(word, _)| word.as_str()).find(|word| !word.starts_with('-'));
        let manages = MANAGERS.contains(&program) && verb.is_some_and(|verb| VERBS.contains(&verb));
        (manages || ACCOUNTS.contains(&program)) && !command.sometimes
    };
    let command = outline.commands.iter().find(of_root)?;
    let last = command.words.iter().skip(1).find(|(word, _)| !word.starts_with('-')).or(command.words.first())?;
    let place = (command.words.first()?.1.start, last.1.end);
    Some(Told { does: Does::NotRoot, place, name: None, meant: user.to_owned() })
}

//! Finds the commands that start a container, and what docker's other commands have done before them.

use std::path::Path;

use gdoctor_checks::model::run::{Argument, Earlier, RunLine, RunOption, Span};

use super::Wrong;
use super::flags::{self, Dialect};
use super::options::{Place, Reader};
use crate::need::dockerfile::build::Build;
use crate::need::shell::{Outside as Shell, Seen, Status, Visitor, Word};

/// NVIDIA's old programs before docker: they add --runtime=nvidia.
const WRAPPERS: [&str; 2] = ["nvidia-docker", "nvidia-docker2"];
const ELSEWHERE: &str = "another daemon is named on the line itself";
const NAME_BY_VARIABLE: &str = "gdoctor asks the daemon that DOCKER_HOST or DOCKER_CONTEXT names: set that instead";
/// Texts that start more containers are refused.
const MOST: usize = 32;

/// What was found so far.
pub struct Finder<'t> {
    pub text: &'t str,
    pub lines: Vec<RunLine>,
    /// A run that docker would not take for one.
    pub broken: Option<Broken>,
    /// Where the first way through the text has found runs: what other ways make of those does not count.
    settled: Option<Vec<Span>>,
    /// What is built of folders on this host.
    pub builds: Vec<Build>,
    /// A command of docker's that starts nothing.
    pub miss: Option<Wrong>,
}

/// Why a run is none, and its place.
pub struct Broken {
    pub wrong: Wrong,
    command: Span,
}

/// Where the options begin, whose they are, and what the program was told before: an option's name, its value, its place.
struct Start {
    at: usize,
    dialect: Dialect,
    globals: Vec<(&'static str, String, Span)>,
}

impl<'t> Finder<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, lines: Vec::new(), broken: None, settled: None, builds: Vec::new(), miss: None }
    }
}

impl Visitor for Finder<'_> {
    fn again(&mut self) {
        self.settled = Some(self.lines.iter().map(|line| line.command.span).collect());
    }

    fn has_found(&self) -> bool {
        !self.lines.is_empty() || self.broken.is_some()
    }

    fn command(&mut self, seen: Seen) -> Result<Option<Status>, Wrong> {
        let Some(program) = seen.words.first() else { return Ok(None) };
        // `$DOCKER_CMD -it …`, which a condition has made `docker run --gpus all` or another such.
        let starts = |way: &&String| {
            let mut parts = way.split_whitespace();
            let engine = parts
                .next()
                .is_some_and(|part| ["docker", "podman"].contains(&part.rsplit('/').next().unwrap_or(part)));
            engine && parts.any(|part| ["run", "create"].contains(&part))
        };
        let parted =
            seen.words.get(1).is_some_and(|verb| ["run", "create", "container"].contains(&verb.value.as_str()));
        if let Some(way) = program.ways.as_ref().and_then(|ways| ways.iter().find(starts)).filter(|_| !parted) {
            let words: Vec<Word> = program.parted(way).into_iter().chain(seen.words[1..].iter().cloned()).collect();
            return self.command(Seen { words: &words, ..seen });
        }
        let words = seen.words;
        let podman = match program.value.rsplit('/').next().unwrap_or_default() {
            "docker" => false,
            "podman" => true,
            _ if program.unknown.is_some() => match engine(program, words.get(1), seen.outside) {
                Some(podman) => podman,
                None => return Ok(None),
            },
            name if WRAPPERS.contains(&name) => false,
            _ => return Ok(None),
        };
        let (at, elsewhere) = match self.start(words, podman)? {
            Found::Start(start) => {
                return self.run(seen, &start).map(Some);
            }
            Found::Other(at, elsewhere) => (at, elsewhere),
        };
        let words = &words[at.min(words.len())..];
        // What another engine does is nothing that this one's containers find.
        if elsewhere {
            return Ok(Some(Status::Open));
        }
        if !seen.state.folder_is_open() && self.builds.len() < MOST {
            let known: Vec<_> =
                words.iter().map(|word| Some(word.value.as_str()).filter(|_| word.unknown.is_none())).collect();
            let cwd = Path::new(seen.state.cwd(seen.outside));
            let build = Build::of_words(&known, podman, cwd, &|name| seen.state.passed(seen.outside, name)?.known());
            self.builds.extend(build.filter(|build| !self.builds.contains(build)));
        }
        let verb: Vec<&str> = words.iter().map(|word| word.value.as_str()).collect();
        Ok(Some(done(&verb, words, &mut seen.state.earlier)))
    }
}

/// Whose command a program is that only the running script knows: `$(which docker)`, `$ENGINE`, one of two that the text names.
/// `Some(true)` for podman's, `None` where it is no engine's.
fn engine(program: &Word, verb: Option<&Word>, outside: &Shell) -> Option<bool> {
    let here = |name: &str| {
        let looked = ["/usr/bin", "/usr/local/bin", "/bin"].map(|folder| (outside.exists)(&format!("{folder}/{name}")));
        looked.contains(&Some(true)) || looked.contains(&None)
    };
    let either = || here("podman") && !here("docker");
    if let Some(ways) = &program.ways {
        let engines: Vec<&str> = ways.iter().map(|way| way.rsplit([' ', '/']).next().unwrap_or_default()).collect();
        return match (engines.contains(&"docker"), engines.contains(&"podman")) {
            (true, true) => Some(either()),
            (docker, podman) => (docker || podman).then_some(podman),
        };
    }
    let name = program.sole_variable(0).unwrap_or(&program.value).to_ascii_lowercase();
    let last = name.rsplit('/').next().unwrap_or_default();
    if last.contains('.') {
        return None;
    }
    let starts = verb.is_some_and(|verb| ["run", "create"].contains(&verb.value.as_str()));
    match (last.contains("docker"), last.contains("podman")) {
        (true, _) => Some(false),
        (_, true) => Some(true),
        _ => (starts && ["engine", "runtime", "container", "oci"].iter().any(|part| last.contains(part))).then(either),
    }
}

enum Found {
    Start(Start),
    /// Where the command of docker's stands that is no run; true where the line itself names another engine.
    Other(usize, bool),
}

impl Finder<'_> {
    /// `docker [options] [container] run|create`.
    fn start(&mut self, words: &[Word], podman: bool) -> Result<Found, Wrong> {
        let word = |at: usize| words.get(at).map(|word| word.value.as_str());
        let mut at = 1;
        let mut elsewhere = None;
        let mut globals = Vec::new();
        while let Some(option) = word(at).filter(|word| word.starts_with('-')) {
            let known = flags::global_of(podman, option);
            let takes_next = known.as_ref().is_some_and(|(.., takes_next)| *takes_next);
            if let Some((global, value, _)) = known {
                if global.elsewhere {
                    elsewhere.get_or_insert(words[at].span);
                }
                let value = if takes_next { word(at + 1) } else { value };
                globals.extend(value.map(|value| (global.name, value.to_owned(), words[at].span)));
            }
            at += if takes_next { 2 } else { 1 };
        }
        let first = at;
        if word(at) == Some("container") {
            at += 1;
        }
        let creates = match word(at) {
            Some("run") => false,
            Some("create") => true,
            other => {
                let span = words.get(at).or(words.first()).map_or(Span::at(0), |word| word.span);
                let wrong = match other {
                    _ if elsewhere.is_some() => Wrong::at(elsewhere.unwrap_or(span), ELSEWHERE, NAME_BY_VARIABLE),
                    Some("compose") => {
                        Wrong::at(span, "this is no `docker run`", "for a compose file: gdoctor check --compose FILE")
                    }
                    Some("build" | "buildx") => {
                        let help = "gdoctor reads a build of a folder whose name stands on the line; one Dockerfile alone: gdoctor --dockerfile FILE";
                        Wrong::at(span, "which folder this builds from cannot be told from the line", help)
                    }
                    _ => {
                        let verb = other.map_or(String::new(), |verb| format!(" {verb}"));
                        let what = format!("docker{verb} starts no container");
                        let slips =
                            |name: &&str| other.is_some_and(|verb| strsim::damerau_levenshtein(verb, name) == 1);
                        // `docker rm` is a command of its own.
                        let is_real = other.is_some_and(|verb| ["rm", "rmi"].contains(&verb));
                        let help = match ["run", "create"].into_iter().find(slips).filter(|_| !is_real) {
                            Some(meant) => format!("did you mean `docker {meant}`?"),
                            None => "gdoctor reads `docker run …` and `docker create …`".to_owned(),
                        };
                        Wrong::at(span, &what, &help)
                    }
                };
                self.miss.get_or_insert(wrong);
                return Ok(Found::Other(first, elsewhere.is_some()));
            }
        };
        // `docker run --help | grep …` asks what docker can.
        if word(at + 1) == Some("--help") {
            let what = "with this, docker prints help and starts nothing";
            self.miss.get_or_insert(Wrong::at(words[at + 1].span, what, "leave it out"));
            return Ok(Found::Other(first, elsewhere.is_some()));
        }
        if let Some(span) = elsewhere {
            return Err(Wrong::at(span, ELSEWHERE, NAME_BY_VARIABLE));
        }
        Ok(Found::Start(Start { at: at + 1, dialect: Dialect { podman, creates }, globals }))
    }

    fn run(&mut self, seen: Seen, start: &Start) -> Result<Status, Wrong> {
        let Seen { words, vanished, state, outside, deciding } = seen;
        let passed = |name: &str| state.passed(outside, name);
        let place = Place { passed: &passed, cwd: state.cwd(outside), open_folder: state.folder_is_open() };
        let mut line = match Reader::new(self.text, words, vanished, place, start.dialect).read(start.at) {
            Ok(line) => line,
            Err(wrong) => {
                let (first, last) = (words[0].span, words[start.at - 1].span);
                if self.settled.is_none() || self.lines.is_empty() {
                    self.broken
                        .get_or_insert(Broken { wrong, command: Span::new(first.start, last.end.max(first.start)) });
                }
                return Ok(Status::Likely);
            }
        };
        if self.settled.as_ref().is_some_and(|settled| settled.contains(&line.command.span)) {
            return Ok(Status::Likely);
        }
        // What is no run without the script's arguments may be one with them.
        if self.settled.is_some() {
            self.broken.take_if(|broken| broken.command == line.command.span);
        }
        let program = words[0].value.rsplit('/').next().unwrap_or_default();
        if WRAPPERS.contains(&program) {
            let at =
                Argument { text: program.to_owned(), span: words[0].span, value: words[0].span, ..Argument::default() };
            let folders = ["/usr/bin", "/usr/local/bin"];
            if folders.iter().any(|folder| (outside.exists)(&format!("{folder}/{program}")) == Some(true)) {
                line.options.push(RunOption {
                    name: "runtime".into(),
                    value: "nvidia".into(),
                    at,
                    ..RunOption::default()
                });
            } else {
                line.wrapper = Some(at);
            }
        }
        line.globals = start.globals.iter().map(|global| of_program(self.text, global)).collect();
        line.asks = deciding;
        line.earlier = state.earlier.clone();
        line.as_root = state.root;
        line.keeps_environment = state.keeps_environment;
        line.number = self.text[..line.command.span.start.min(self.text.len())].matches('\n').count() + 1;
        leaves(&line, &mut state.earlier);
        let here: Vec<usize> = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, known)| known.command.span == line.command.span)
            .map(|(at, _)| at)
            .collect();
        let same = |known: &RunLine| known.options == line.options && known.image == line.image;
        // Of one command, what is known of it on one way through the text counts more than what is open on another.
        let less_known = |known: &RunLine| opaque(known) > opaque(&line);
        if let Some(at) = here.iter().find(|at| less_known(&self.lines[**at])) {
            self.lines[*at] = line;
        } else if !here.iter().any(|at| same(&self.lines[*at]) || opaque(&self.lines[*at]) < opaque(&line)) {
            if self.lines.len() >= MOST {
                return Err(Wrong::at(
                    line.command.span,
                    "more containers are started here than are looked at",
                    "32 are the most: give fewer at a time",
                ));
            }
            self.lines.push(line);
        }
        Ok(Status::Likely)
    }
}

/// An option before the command, as the line has it.
fn of_program(text: &str, (name, value, span): &(&str, String, Span)) -> RunOption {
    let written = text.get(span.start..span.end).unwrap_or_default().to_owned();
    let at = Argument { text: written, span: *span, value: *span, removal: *span, ..Argument::default() };
    RunOption { name: (*name).into(), value: value.clone(), at, ..RunOption::default() }
}

/// How many arguments of the line are not known.
fn opaque(line: &RunLine) -> usize {
    let options = line.options.iter().filter(|option| option.at.opaque).count();
    options + usize::from(line.image.as_ref().is_some_and(|image| image.at.opaque))
}

/// A container that stays keeps its name.
fn leaves(line: &RunLine, earlier: &mut Earlier) {
    let stays = line.switch("rm").is_none() || line.switch("detach").is_some();
    if let Some(name) = line.last("name").filter(|option| !option.at.opaque && stays) {
        earlier.removed.retain(|removed| *removed != name.value);
        earlier.containers.push(name.value.clone());
    }
}

/// What a command of docker's does that a container may need later.
fn done(verb: &[&str], words: &[Word], earlier: &mut Earlier) -> Status {
    let named = |skip: usize, valued: &[&str]| -> Vec<String> {
        let mut names = Vec::new();
        let mut rest = words.iter().skip(skip);
        while let Some(word) = rest.next() {
            if word.value.starts_with('-') {
                if valued.contains(&word.value.as_str()) {
                    rest.next();
                }
            } else if word.unknown.is_none() {
                names.push(word.value.clone());
            }
        }
        names
    };
    let any_unknown = words.iter().any(|word| word.unknown.is_some());
    match verb {
        ["rm", ..] | ["container", "rm" | "remove", ..] => {
            let skip = if verb[0] == "rm" { 1 } else { 2 };
            earlier.all_removed |= any_unknown;
            let names = named(skip, &[]);
            earlier.containers.retain(|known| !names.contains(known));
            earlier.removed.extend(names);
        }
        ["stop" | "kill", ..] => {
            earlier.all_removed |= any_unknown;
            earlier.stopped.extend(named(1, &["-t", "--time", "-s", "--signal"]));
        }
        ["container", "stop" | "kill", ..] => earlier.stopped.extend(named(2, &["-t", "--time", "-s", "--signal"])),
        ["rename", from, to] => {
            earlier.removed.push((*from).to_owned());
            earlier.containers.push((*to).to_owned());
        }
        ["system" | "container", "prune", ..] => earlier.all_removed = true,
        ["network", "create", ..] => {
            let valued = [
                "-d",
                "--driver",
                "--subnet",
                "--gateway",
                "--ip-range",
                "-o",
                "--opt",
                "--label",
                "--aux-address",
                "--ipam-driver",
                "--ipam-opt",
                "--scope",
                "--config-from",
            ];
            let made = named(2, &valued);
            let says = |option: &str| words.iter().any(|word| word.value.split('=').next() == Some(option));
            let bridge = |word: &str| ["bridge", "-dbridge", "--driver=bridge"].contains(&word);
            let driven = says("-d") || words.iter().any(|word| word.value.starts_with("--driver"));
            let other = driven && !words.iter().any(|word| bridge(&word.value));
            if !other && !says("--subnet") && !says("--ipam-driver") && !says("--config-from") {
                earlier.from_pools.extend(made.iter().cloned());
            }
            earlier.networks.extend(made);
        }
        ["volume", "create", ..] => earlier.volumes.extend(named(2, &["-d", "--driver", "-o", "--opt", "--label"])),
        ["build", ..] | ["buildx", "build", ..] | ["image", "build", ..] | ["builder", "build", ..] => {
            let mut rest = words.iter();
            while let Some(word) = rest.next() {
                let tag = match word.value.as_str() {
                    "-t" | "--tag" => rest.next().map(|word| word.value.clone()),
                    text => text.strip_prefix("--tag=").or_else(|| text.strip_prefix("-t=")).map(str::to_owned),
                };
                earlier.images.extend(tag);
            }
        }
        ["pull", ..] => earlier.images.extend(named(1, &["--platform"])),
        ["image", "pull", ..] => earlier.images.extend(named(2, &["--platform"])),
        ["tag", _, to] | ["image", "tag", _, to] => earlier.images.push((*to).to_owned()),
        ["load", ..] | ["image", "load", ..] | ["import", ..] => earlier.loads_images = true,
        ["commit", .., name] => earlier.images.push((*name).to_owned()),
        [
            "ps" | "inspect" | "images" | "info" | "version" | "start" | "exec" | "logs" | "port" | "top" | "stats"
            | "wait",
            ..,
        ]
        | ["image" | "network" | "volume" | "container", "inspect" | "ls" | "list" | "exists", ..] => {
            return Status::Open;
        }
        _ => {}
    }
    Status::Likely
}

//! Reads a Dockerfile as the builder would, without building anything: stages and their bases with all arguments replaced, and
//! of each stage what decides whether its image runs on this host.

mod apt;
pub mod build;
mod copy;
mod demands;
mod expand;
mod lines;
mod options;
mod order;
mod script;
mod stage;
mod start;
mod steps;
mod there;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gdoctor_checks::model::dockerfile::{Absent, Base, Dockerfile, Does, Part, Said, Stage, Step};
use gdoctor_checks::model::need::{Capability, Gpus, Need, Origin, Wish};
use gdoctor_checks::model::run::Span;
use gdoctor_checks::model::typed;
use gdoctor_checks::model::version::Version;
use gdoctor_checks::readings::known_image;

use crate::host::Host;

use super::Refusal;
use super::run_line::Wrong;
use super::text::{SourceText, load};
use build::Build;
use expand::Scope;
use lines::{Instruction, Text};

/// A Dockerfile is a few hundred lines.
const CAP: usize = 256 << 10;
/// More stages are refused.
const STAGES: usize = 1000;

const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// The Dockerfile of a build, and its text as a report may show it.
pub fn read(build: &Build, host: &Host) -> Result<(Dockerfile, SourceText), Refusal> {
    let cwd = PathBuf::from(host.cwd());
    let path = cwd.join(path(build, host));
    // As it was named, or from the working directory where it lies below.
    let shown = match &build.file {
        Some(file) if file.is_relative() => file.display().to_string(),
        _ => path.strip_prefix(&cwd).unwrap_or(&path).display().to_string(),
    };
    let text = load(&path, &shown, CAP, host)?;
    let read = parse(&shown, &text, build.target.as_deref(), &build.arguments);
    let (mut file, source) = read.map_err(|wrong| Refusal {
        what: wrong.what,
        help: wrong.help,
        place: Some((shown.clone(), text.clone(), wrong.span)),
    })?;
    for stage in &mut file.stages {
        let is_named = |name: &str| build.named.contains(&name.to_ascii_lowercase());
        stage.copied.retain(|base| !is_named(&base.reference));
        stage.steps.retain(|step| step.does != Does::NoStage || !is_named(&step.said.text));
    }
    file.context = build.context.as_ref().map(|folder| folder.display().to_string());
    Ok((file, source))
}

/// What is said of a build that somebody's file tells of.
pub enum Told {
    Read(Dockerfile, SourceText),
    /// Something of it is not there.
    Absent(Dockerfile),
    /// The commands before it may make what is not here, or it stands on what only the build knows.
    Nothing,
}

/// As `read`, of a build that somebody's file tells of.
pub fn read_told(build: &Build, host: &Host) -> Result<Told, Refusal> {
    if let Some(absent) = absent(build, host) {
        let path = path(build, host).display().to_string();
        return Ok(Told::Absent(Dockerfile { path, absent: Some(absent), ..Dockerfile::default() }));
    }
    if !is_there(host, &path(build, host)) {
        return Ok(Told::Nothing);
    }
    let read_it = read(build, host);
    // With another target it can be read: that is what is wrong.
    let without = || read(&Build { target: None, ..build.clone() }, host).is_ok();
    if let (Err(_), Some(target), Some(places)) = (&read_it, &build.target, &build.places)
        && without()
    {
        let said = Said { text: target.clone(), at: places.target.clone() };
        let absent = Some(Absent { part: Part::Stage, said, is_sole: places.is_sole });
        return Ok(Told::Absent(Dockerfile { absent, ..Dockerfile::default() }));
    }
    let (file, source) = read_it?;
    let known = file.bases().all(|base| !build.named.contains(&base.reference.to_ascii_lowercase()));
    Ok(if known { Told::Read(file, source) } else { Told::Nothing })
}

fn is_there(host: &Host, path: &Path) -> bool {
    host.live().exists(Path::new(&host.cwd()).join(path))
}

/// Which of the files that a service is built from is not there.
fn absent(build: &Build, host: &Host) -> Option<Absent> {
    let places = build.places.as_ref()?;
    let folder = build.context.as_ref()?;
    let file = path(build, host);
    let parts = [(Part::Folder, folder, &places.folder), (Part::Dockerfile, &file, &places.file)];
    let named = places.named.iter().map(|(folder, at)| (Part::NamedFolder, folder, at));
    let (part, path, at) = parts.into_iter().chain(named).find(|(_, path, _)| !is_there(host, path))?;
    let cwd = PathBuf::from(host.cwd());
    let shown: PathBuf = cwd.join(path).components().collect();
    let text = shown.strip_prefix(&cwd).unwrap_or(&shown).display().to_string();
    Some(Absent { part, said: Said { text, at: at.clone() }, is_sole: places.is_sole })
}

fn path(build: &Build, host: &Host) -> PathBuf {
    if let Some(file) = &build.file {
        return file.clone();
    }
    let folder = build.context.as_deref().unwrap_or(Path::new("."));
    let containers = folder.join("Containerfile");
    let is_there = build.podman && host.live().exists(Path::new(&host.cwd()).join(&containers));
    if is_there { containers } else { folder.join("Dockerfile") }
}

/// Reads the text of the Dockerfile called `path`.
pub fn parse(
    path: &str,
    text: &str,
    target: Option<&str>,
    arguments: &[String],
) -> Result<(Dockerfile, SourceText), Wrong> {
    let mut reader = Reader {
        source: SourceText::new(path, text),
        globals: Arguments::new(arguments),
        escape: lines::escape(text)?,
        own: lines::syntax(text).is_some(),
        foreign: lines::syntax(text).is_some_and(|syntax| !syntax.contains("docker/dockerfile")),
        stages: Vec::new(),
    };
    let all = lines::split(text)?;
    for (number, instruction) in all.iter().enumerate() {
        reader.take(instruction, number.checked_sub(1).and_then(|before| all.get(before)))?;
    }
    reader.finish(target, text.len())
}

/// ARG values: of the command line, and of the file.
#[derive(Clone, Default)]
struct Arguments {
    given: BTreeMap<String, String>,
    set: BTreeMap<String, String>,
}

impl Arguments {
    fn new(given: &[String]) -> Self {
        let pair = |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { given: given.iter().filter_map(pair).collect(), set: BTreeMap::new() }
    }
}

struct Reader {
    source: SourceText,
    globals: Arguments,
    escape: char,
    /// The file names the builder that reads it, which may know more.
    own: bool,
    /// And that is none of Docker's.
    foreign: bool,
    stages: Vec<stage::Making>,
}

/// What `$NAME` stands for in a FROM.
struct Globals<'a> {
    arguments: &'a Arguments,
    escape: char,
}

impl Scope for Globals<'_> {
    fn value(&self, name: &str) -> Option<String> {
        self.arguments.set.get(name).cloned().or_else(|| automatic(name, &self.arguments.given))
    }

    fn escape(&self) -> char {
        self.escape
    }
}

/// The arguments that the builder itself sets: the platform that builds, and the one that is built for, which are one unless
/// somebody says otherwise.
fn automatic(name: &str, given: &BTreeMap<String, String>) -> Option<String> {
    let machine = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let own = match name.strip_prefix("BUILD").or(name.strip_prefix("TARGET"))? {
        "PLATFORM" => format!("linux/{machine}"),
        "OS" => "linux".into(),
        "ARCH" => machine.into(),
        "VARIANT" | "OSVERSION" => String::new(),
        "STAGE" if name == "TARGETSTAGE" => "default".into(),
        _ => return None,
    };
    Some(given.get(name).cloned().unwrap_or(own))
}

impl Reader {
    fn take(&mut self, instruction: &Instruction, before: Option<&Instruction>) -> Result<(), Wrong> {
        let keyword = instruction.keyword.as_str();
        if !KEYWORDS.contains(&keyword) && self.foreign {
            return Ok(());
        }
        if !KEYWORDS.contains(&keyword) {
            let what = format!("{} is no instruction of a Dockerfile", instruction.written);
            return Err(Wrong::at(instruction.span, &what, &meant(instruction, before)));
        }
        demands::check(instruction)?;
        if !self.foreign {
            options::check(instruction, self.own)?;
            values::check(instruction)?;
        }
        match (keyword, self.stages.last_mut()) {
            ("FROM", _) => self.from(instruction),
            ("ARG", None) => self.global(instruction),
            (_, None) => Err(Wrong::at(
                instruction.span,
                &format!("{keyword} stands before any FROM"),
                "a Dockerfile begins with FROM",
            )),
            (_, Some(making)) => making.take(instruction, &mut self.source, self.escape),
        }
    }

    /// ARG before the first FROM.
    fn global(&mut self, instruction: &Instruction) -> Result<(), Wrong> {
        for (start, end) in words(&instruction.text.text) {
            let globals = Globals { arguments: &self.globals, escape: self.escape };
            let (name, default) = argument(&instruction.text, start, end, &globals, &mut self.source)?;
            if let Some(value) = self.globals.given.get(&name).cloned().or(default) {
                self.globals.set.insert(name, value);
            }
        }
        Ok(())
    }

    /// `FROM [--platform=P] BASE [AS NAME]`.
    fn from(&mut self, instruction: &Instruction) -> Result<(), Wrong> {
        let text = &instruction.text;
        let mut found = words(&text.text);
        let mut platform = None;
        while let Some(&(start, end)) = found.first().filter(|(start, end)| text.text[*start..*end].starts_with("--")) {
            let word = &text.text[start..end];
            let Some(value) = word.strip_prefix("--platform=") else {
                return Err(Wrong::at(
                    text.span(start, end),
                    "FROM knows no such option",
                    "it knows --platform=SYSTEM/MACHINE",
                ));
            };
            let builder = value.contains("BUILD") || value.contains("TARGET");
            let value = self.expanded(text, start + "--platform=".len(), end)?;
            if value.as_deref() == Some("") {
                let help = "give the ARG a default, or the value with --build-arg NAME=VALUE";
                return Err(Wrong::at(text.span(start, end), "the platform is empty", help));
            }
            platform = value.filter(|_| !builder).map(|value| Said {
                at: self.source.origin(text.span(start, end), format!("--platform={value}")),
                text: value,
            });
            found.remove(0);
        }
        let name = match found[..] {
            [_] => None,
            [_, (a, b), (start, end)] if text.text[a..b].eq_ignore_ascii_case("as") => {
                let name = text.text[start..end].to_ascii_lowercase();
                if !demands::is_stage_name(&name) {
                    let help = "a letter first, then letters, digits, dots, dashes and underscores";
                    let what = format!("{name} is no name for a stage");
                    return Err(Wrong::at(text.span(start, end), &what, help));
                }
                Some(name)
            }
            [] => return Err(Wrong::at(instruction.span, "FROM names no base", "FROM IMAGE [AS NAME]")),
            [_, (start, _), ..] => {
                let span = text.span(start, text.text.trim_end().len());
                return Err(Wrong::at(span, "FROM takes no such words", "FROM IMAGE [AS NAME]"));
            }
        };
        let (start, end) = found[0];
        let raw = text.text[start..end].to_owned();
        let known = self.expanded(text, start, end)?;
        let reference = known.clone().unwrap_or(raw);
        if reference.is_empty() {
            let help = "give the ARG a default, or the value with --build-arg NAME=VALUE";
            return Err(Wrong::at(text.span(start, end), "the base's name is empty", help));
        }
        if self.stages.len() >= STAGES {
            return Err(Wrong::at(instruction.span, "this is one stage too many", "1,000 are the most"));
        }
        let stage =
            self.stages.iter().rposition(|known| known.name.as_deref() == Some(&reference.to_ascii_lowercase()));
        if stage.is_none() && known.is_some() && !demands::is_reference(&reference) {
            let help = if text.text[start..end].contains('$') {
                "an ARG in it is empty: give it a default, or the value with --build-arg NAME=VALUE"
            } else {
                "NAME[:TAG], the name in small letters"
            };
            let pasted = reference.chars().find_map(typed::told).map_or(String::new(), |told| format!(": {told}"));
            let what = format!("{reference} is no name of an image{pasted}");
            return Err(Wrong::at(text.span(start, end), &what, help));
        }
        let at = self.source.origin(text.span(start, end), format!("FROM {reference}"));
        let used = start::plain_variables(&text.text[start..end]).into_iter().map(|(_, name)| name.to_owned());
        let arguments = used.collect();
        let base = Base { reference, stage, arguments, platform, at };
        let making = stage::Making::new(name, base, stage.map(|stage| &self.stages[stage]), &self.globals);
        self.stages.push(making);
        Ok(())
    }

    /// Some bytes of an instruction, the file's arguments replaced.
    fn expanded(&self, text: &Text, start: usize, end: usize) -> Result<Option<String>, Wrong> {
        let globals = Globals { arguments: &self.globals, escape: self.escape };
        expand::word(&text.text[start..end], &globals)
            .map_err(|why| Wrong::at(text.span(start, end), &why, "see the Dockerfile reference on variables"))
    }

    fn finish(self, target: Option<&str>, end: usize) -> Result<(Dockerfile, SourceText), Wrong> {
        let wanted = match target {
            None => self.stages.len().checked_sub(1),
            // A stage's number is a name of it, too.
            Some(name) => {
                let named = |stage: &stage::Making| stage.name.as_deref() == Some(&name.to_ascii_lowercase());
                let number = || name.parse().ok().filter(|number| *number < self.stages.len());
                self.stages.iter().rposition(named).or_else(number)
            }
        };
        let Some(wanted) = wanted else {
            let what = target.map_or("there is no FROM in it".to_owned(), |name| format!("there is no stage {name}"));
            return Err(Wrong::at(Span::at(end), &what, "a Dockerfile begins with FROM"));
        };
        order::check(&self.stages, wanted)?;
        let names: Vec<Option<String>> = self.stages.iter().map(|stage| stage.name.clone()).collect();
        let mut stages: Vec<Stage> = Vec::new();
        let mut copies = Vec::new();
        for (number, mut making) in self.stages.into_iter().take(wanted + 1).enumerate() {
            copies.push(making.copies_from(&names));
            making.end();
            let said = making.copies.iter().map(|taken| &taken.said);
            let near = said.filter_map(|said| Some((said, near_stage(&said.text, &names[..number])?)));
            let steps = near.map(|(said, near)| Step { meant: near.clone(), ..Step::new(Does::NoStage, said.clone()) });
            making.stage.steps.extend(steps);
            stages.push(making.stage);
        }
        reach(&mut stages, &copies);
        Ok((Dockerfile { path: self.source.path.clone(), stages, ..Dockerfile::default() }, self.source))
    }
}

/// What was meant by a line that begins with no instruction: a keyword, or to go on with the line above.
fn meant(instruction: &Instruction, before: Option<&Instruction>) -> String {
    let distance = |known: &str| strsim::damerau_levenshtein(known, &instruction.keyword);
    let near = KEYWORDS.iter().map(|known| (distance(known), known)).min();
    let near = near.filter(|(distance, _)| *distance <= 2 && instruction.keyword.len() > 2);
    let near = near.map(|(_, near)| format!("did you mean {near}?"));
    let Some(before) = before else { return near.unwrap_or("a Dockerfile begins with FROM".into()) };
    let opens = before.text.text.split_once("<<-").is_some_and(|(_, rest)| rest.starts_with([' ', '\t']));
    match before.keyword.as_str() {
        "RUN" | "COPY" | "ADD" if opens => {
            format!("<<- with a blank behind it opens no here-document in the {} above: write <<-WORD", before.keyword)
        }
        _ if near.is_some() => near.unwrap_or_default(),
        keyword => format!("if it belongs to the {keyword} above, the line before it has to end with a backslash"),
    }
}

/// Images in one word from which Dockerfiles take programs.
const PROGRAMS: [&str; 20] = [
    "alpine", "busybox", "caddy", "composer", "debian", "docker", "golang", "gradle", "maven", "nginx", "node",
    "openjdk", "php", "postgres", "python", "redis", "ruby", "rust", "traefik", "ubuntu",
];

/// The earlier stage that a name of none was likely meant to be: `build` for `builder`. Names of images that hold programs to copy are
/// their own.
fn near_stage<'a>(name: &str, before: &'a [Option<String>]) -> Option<&'a String> {
    let is_word = !name.is_empty() && !name.contains(['/', ':', '$', '@']) && name.parse::<usize>().is_err();
    let all = || before.iter().flatten();
    if !is_word || PROGRAMS.contains(&name) || all().any(|known| known.eq_ignore_ascii_case(name)) {
        return None;
    }
    let name = name.to_ascii_lowercase();
    all().find(|known| {
        known.starts_with(&name) || name.starts_with(known.as_str()) || strsim::damerau_levenshtein(known, &name) <= 2
    })
}

/// Marks what the last stage is made of.
fn reach(stages: &mut [Stage], copies: &[Vec<usize>]) {
    let mut next = stages.len().checked_sub(1);
    while let Some(number) = next {
        let Some(stage) = stages.get_mut(number) else { return };
        (stage.built, stage.runs) = (true, true);
        next = stage.base.stage.filter(|base| *base < number);
    }
    // Stages come after what they are made of: from the last to the first, each is known to be built when it is reached.
    for number in (0..stages.len()).rev() {
        if !stages[number].built {
            continue;
        }
        let sources = copies[number].iter().copied().chain(stages[number].base.stage);
        for source in sources.filter(|source| *source < number).collect::<Vec<_>>() {
            stages[source].built = true;
        }
    }
}

/// `NAME` or `NAME=value` of an ARG.
fn argument(
    text: &Text,
    start: usize,
    end: usize,
    scope: &dyn Scope,
    source: &mut SourceText,
) -> Result<(String, Option<String>), Wrong> {
    let word = &text.text[start..end];
    let Some(equals) = word.find('=') else { return Ok((word.to_owned(), None)) };
    let name = word[..equals].to_owned();
    if crate::secret::is_secret(&name) {
        source.hide(text.span(start + equals + 1, end));
    }
    let value = expand::word(&word[equals + 1..], scope)
        .map_err(|why| Wrong::at(text.span(start, end), &why, "see the Dockerfile reference on variables"))?;
    Ok((name, value))
}

/// Start and end of each word: parted by blanks outside quotes and braces.
fn words(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let (mut start, mut quote, mut escaped, mut braces) = (None, None, false, 0usize);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
            continue;
        }
        match (quote, c) {
            (None, c) if c.is_whitespace() && braces == 0 => {
                if let Some(start) = start.take() {
                    found.push((start, at));
                }
                continue;
            }
            (Some(q), c) if q == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None | Some('"'), '\\') => escaped = true,
            (_, '{') if text[..at].ends_with('$') => braces += 1,
            (_, '}') => braces = braces.saturating_sub(1),
            _ => {}
        }
        start.get_or_insert(at);
    }
    found.extend(start.map(|start| (start, text.len())));
    found
}

/// What the image will want of this host.
pub fn add(need: &mut Need, (file, source): (Dockerfile, SourceText)) {
    wish(need, &file);
    keep(need, file, source);
}

/// As `add`, of an image that a line starts: where that asks for no GPU, its program is not meant to have one.
pub fn add_started(need: &mut Need, (file, source): (Dockerfile, SourceText)) {
    if need.gpu.is_some() {
        wish(need, &file);
    }
    keep(need, file, source);
}

/// As `add_started`, of a build that cannot be: nothing else is known of its image.
pub fn add_absent(need: &mut Need, file: Dockerfile) {
    need.dockerfile = Some(file);
}

fn keep(need: &mut Need, file: Dockerfile, source: SourceText) {
    need.files.insert(source.path.clone(), source.shown());
    need.dockerfile = Some(file);
}

/// A GPU where it is made with CUDA, at that version, with the capabilities it names.
fn wish(need: &mut Need, file: &Dockerfile) {
    let base = file.ground().and_then(|base| Some((known_image::cuda(&base.reference)?, base.at.clone())));
    let wheels = file.running().flat_map(|stage| &stage.wheels);
    let wheels: Vec<(Version, Origin)> = wheels.map(|wheel| (wheel.cuda.clone(), wheel.said.at.clone())).collect();
    // What runs brings its own CUDA: the newest of them decides.
    let newest = base.iter().chain(&wheels).max_by(|(one, _), (other, _)| one.cmp(other)).cloned();
    if let Some((version, by)) = newest {
        let gpu = base.map_or(by.clone(), |(_, by)| by);
        need.gpu.get_or_insert(Wish::new(Gpus::All, gpu));
        need.cuda.get_or_insert(Wish::new(version, by));
    }
    let shows = file
        .variable("NVIDIA_VISIBLE_DEVICES")
        .filter(|setting| setting.value.as_deref().is_some_and(|value| !["", "none", "void"].contains(&value)));
    let meant = file.ground().filter(|base| known_image::wants_nvidia(&base.reference)).map(|base| base.at.clone());
    if let Some(by) = shows.map(|setting| setting.at.clone()).or(meant) {
        need.gpu.get_or_insert(Wish::new(Gpus::All, by));
    }
    // `cuda>=12.8 brand=…`: the first of its conditions is the CUDA that the image needs.
    let requires = file.variable("NVIDIA_REQUIRE_CUDA");
    if let Some((least, by)) = requires.and_then(|setting| {
        let first = setting.value.as_deref()?.split_whitespace().next()?;
        Some((Version::leading(first.strip_prefix("cuda>=")?)?, setting.at.clone()))
    }) {
        need.cuda.get_or_insert(Wish::new(least, by));
    }
    if let Some(video) = file.running().flat_map(|stage| &stage.video).next() {
        need.gpu.get_or_insert(Wish::new(Gpus::All, video.at.clone()));
        need.capabilities.push(Wish::new(Capability::Video, video.at.clone()));
    }
    let named = file.variable("NVIDIA_DRIVER_CAPABILITIES").filter(|_| need.gpu.is_some());
    for (words, by) in named.iter().filter_map(|setting| Some((setting.value.as_deref()?, &setting.at))) {
        // `all` takes what the host has: nothing of it is insisted on.
        for capability in words.split(',').filter_map(|word| Capability::from_word(word.trim())) {
            if !need.capabilities.iter().any(|wish| wish.what == capability) {
                need.capabilities.push(Wish::new(capability, by.clone()));
            }
        }
    }
}

//! Makes the need of a run: what flags ask, then the line that is going to be run; without a line, what the host evidently has
//! and what the usual guide suggests.

mod braces;
pub mod compose;
pub mod dockerfile;
pub mod file;
mod host;
pub mod own;
pub mod run_line;
mod shell;
pub mod text;
mod video;
mod wish;

use std::collections::BTreeMap;
use std::path::PathBuf;

use gdoctor_checks::model::need::{Camera, Need, Origin, Wish};
use gdoctor_checks::model::run::{RunLine, Span};

use crate::cli::{LineArgs, Wishes};
use crate::host::Host;

use dockerfile::build::Build;
pub use file::{ProjectFile, Waiver};
pub use host::Evident;
use wish::fill;
pub use wish::{schema, show};

/// Larger texts are no command line.
const CAP: usize = 1 << 20;

/// Why a text of the user cannot be read. With a place: the text, what it is called, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub what: String,
    pub help: String,
    pub place: Option<(String, String, Span)>,
}

impl Refusal {
    /// In a sentence, where there is no room for the line.
    pub fn words(&self) -> String {
        let help = if self.help.is_empty() { String::new() } else { format!(": {}", self.help) };
        let place = self.place.as_ref().map(|(name, text, span)| {
            let line = text.get(..span.start).unwrap_or_default().matches('\n').count() + 1;
            format!("{name}:{line}: ")
        });
        format!("{}{}{help}", place.unwrap_or_default(), self.what)
    }

    fn plain(what: String) -> Self {
        Self { what, help: String::new(), place: None }
    }
}

/// What a run is about.
#[derive(Debug, Default)]
pub struct Gathered {
    pub need: Need,
    pub waivers: Vec<Waiver>,
    /// The gdoctor.toml that there is, counting or not.
    pub project: Option<ProjectFile>,
}

/// Where the site's own checks come from.
#[derive(Clone, Copy, Debug)]
pub enum Own<'a> {
    /// From files: these folders besides the usual ones.
    Read(&'a [PathBuf]),
    /// They were looked at elsewhere: these are their codes, and nothing is looked at here.
    Kept(&'a [String]),
}

/// Flags first; then the line that is going to be run and what the project's file asks for. Where neither is given, of each
/// kind of thing that no flag speaks of, what the host shows and the guide suggests.
pub fn gather(wishes: &Wishes, line: &LineArgs, host: &Host, evident: &Evident, own: Own) -> Result<Gathered, Refusal> {
    let mut need = wish::of_flags(wishes);
    let found = file::find(line.need.as_deref(), host)?;
    let (mut asked, codes) = match own {
        Own::Read(folders) => {
            let asked = own::load_all(folders, host)?;
            let codes = asked.iter().flat_map(|one| crate::own::codes(&one.own)).collect();
            (asked, codes)
        }
        Own::Kept(codes) => (Vec::new(), codes.to_vec()),
    };
    let project = found.as_ref().map(|found| found.project(&codes)).transpose()?.unwrap_or_default();
    if matches!(own, Own::Read(_)) {
        own::join(&mut asked, project.own)?;
    }
    let found = found.map(|found| found.file);
    let mut told = found.as_ref().is_some_and(|file| file.left.is_none());
    fill(&mut need, project.need);
    told |= add_texts(&mut need, line, host)?;
    if told {
        std::iter::once(&mut need).for_each(host::imply);
        need.others.iter_mut().for_each(host::imply);
    } else {
        host::add(&mut need, evident)
    }
    need.own = asked;
    Ok(Gathered { need, waivers: project.waivers, project: found })
}

/// What flags and the project's file ask; where they ask nothing, what the host evidently has. Nothing of the guide's.
pub fn gather_suggested(wishes: &Wishes, host: &Host, evident: &Evident) -> Result<Gathered, Refusal> {
    let mut need = wish::of_flags(wishes);
    let found = file::find(None, host)?;
    if let Some(found) = &found {
        fill(&mut need, found.project(&[])?.need);
    }
    let gpu = need.gpu.is_some() || !need.capabilities.is_empty() || need.codecs().next().is_some();
    let other = need.display.is_some() || !need.cameras.is_empty() || !need.ports.is_empty() || need.picture.is_some();
    if gpu || other || need.fitness().next().is_some() {
        host::imply(&mut need);
    } else {
        host::add(&mut need, evident);
    }
    need.capabilities.retain(|wish| wish.by != Origin::Guide);
    need.decode.retain(|wish| wish.by != Origin::Guide);
    need.cameras.retain(|wish| wish.by != Origin::Guide);
    need.ports.retain(|wish| wish.by != Origin::Guide);
    need.registries.retain(|wish| wish.by != Origin::Guide);
    // Whoever wants a window wants it in the container.
    need.display_access = need.display.clone();
    Ok(Gathered { need, waivers: Vec::new(), project: found.map(|found| found.file) })
}

/// Only what flags and the line themselves ask.
pub fn gather_asked(wishes: &Wishes, line: &LineArgs, host: &Host) -> Result<Need, Refusal> {
    let mut need = wish::of_flags(wishes);
    add_texts(&mut need, line, host)?;
    Ok(need)
}

/// The run line, the compose file, the Dockerfile. True when there is one.
fn add_texts(need: &mut Need, line: &LineArgs, host: &Host) -> Result<bool, Refusal> {
    let mut lines = Vec::new();
    let mut files = BTreeMap::new();
    // The Dockerfile that somebody named must be there, and be one; so must what is built where nothing is started.
    let mut asked = line.dockerfile.as_ref().map(|file| Build {
        file: Some(file.clone()),
        target: line.target.clone(),
        arguments: line.build_arg.clone(),
        context: line.build_context.clone(),
        ..Build::default()
    });
    // What a compose file or a script tells of is judged where it is here.
    let mut told = None;
    let mut more = Vec::new();
    if !line.compose.is_empty() {
        let service = line.service.as_deref();
        let of = compose::Asked { files: &line.compose, service, profiles: &line.profile, ..compose::Asked::default() };
        let read = compose::read(&of, host)?;
        (lines, files, told) = (vec![read.line], read.texts, read.build);
    } else if let Some(words) = compose::words::read(&words_of(&line.line)) {
        let of = compose::Asked {
            files: &words.files(host)?,
            service: words.service()?,
            profiles: &words.profiles,
            env_files: &words.env_files,
            folder: words.folder.as_deref(),
            name: words.name.as_deref(),
        };
        let read = compose::read(&of, host)?;
        (lines, files, told) = (vec![read.line], read.texts, read.build);
    } else if let Some(read) = read_lines(line, host)? {
        let image = read.lines.first().and_then(|line| line.image.as_ref());
        let mut builds = read.builds.into_iter();
        match image {
            Some(image) => told = builds.rfind(|build| build.makes(&image.reference)),
            None => {
                asked = asked.or_else(|| builds.next());
                more = builds.collect();
            }
        }
        lines = read.lines;
    }
    let any = asked.is_some() || !lines.is_empty();
    for build in more {
        let mut other = need.clone();
        if let dockerfile::Told::Read(file, source) = dockerfile::read_told(&build, host)? {
            dockerfile::add(&mut other, (file, source));
            need.others.push(other);
        }
    }
    if let Some(build) = &asked {
        dockerfile::add(need, dockerfile::read(build, host)?);
    }
    need.files.extend(files);
    let before = need.clone();
    for (number, line) in lines.into_iter().enumerate() {
        if number == 0 {
            run_line::add(need, line);
        } else {
            let mut other = before.clone();
            run_line::add(&mut other, line);
            need.others.push(other);
        }
    }
    let told = told.filter(|_| asked.is_none());
    match told.map(|build| dockerfile::read_told(&build, host)).transpose()? {
        Some(dockerfile::Told::Read(file, source)) => dockerfile::add_started(need, (file, source)),
        Some(dockerfile::Told::Absent(file)) => dockerfile::add_absent(need, file),
        Some(dockerfile::Told::Nothing) | None => {}
    }
    Ok(any)
}

/// The words of a line, also of one in a pair of quotes.
fn words_of(line: &[String]) -> Vec<String> {
    match line {
        [whole] if !whole.contains(['\'', '"']) => whole.split_whitespace().map(str::to_owned).collect(),
        words => words.to_vec(),
    }
}

/// What one line asks, and what follows from that.
pub fn of_line(line: RunLine) -> Need {
    let mut need = Need { docker: Some(Origin::Default), ..Need::default() };
    run_line::add(&mut need, line);
    host::imply(&mut need);
    need
}

/// What flags ask, what the host evidently has, and what the guide suggests: without a file and a line.
pub fn of_wishes(wishes: &Wishes, evident: &Evident) -> Need {
    let mut need = wish::of_flags(wishes);
    host::add(&mut need, evident);
    need
}

/// A picture of each camera that somebody named, of every one where nobody did.
pub fn ask_pictures(need: &mut Need) {
    let flag = Origin::Flag("--frame".into());
    if need.cameras.iter().all(|wish| wish.by == Origin::Guide) {
        need.cameras = vec![Wish::new(Camera::Any, flag.clone())];
    }
    need.frame = Some(flag);
}

/// What a text does, if one is given.
fn read_lines(line: &LineArgs, host: &Host) -> Result<Option<run_line::Read>, Refusal> {
    let Some((name, text, environment)) = line_text(line, host)? else { return Ok(None) };
    let file = line.run_file.as_ref().filter(|path| path.as_os_str() != "-");
    let file = file.map_or_else(String::new, |path| path.display().to_string());
    let (folder, home, user) = (host.folder(std::path::Path::new(&host.cwd())), host.env("HOME"), host.env("USER"));
    let here = host.is_live() && !host.is_saved();
    let host_name = host.live().line("/proc/sys/kernel/hostname").value().filter(|_| here).cloned();
    let shell = run_line::Shell {
        variable: &|name| environment.then(|| host.env(name)).flatten(),
        passed: &|name| host.env(name),
        exists: &|path| match host.stat(path) {
            _ if host.is_saved() => None,
            fact if fact.is_absent() => Some(false),
            fact => fact.value().map(|_| true),
        },
        list: &|folder| host.list(folder).value().filter(|_| !host.is_saved()).cloned(),
        cwd: folder.as_deref().unwrap_or("/"),
        elsewhere: !here,
        open_folder: folder.is_none(),
        home: home.as_deref(),
        uid: host.uid(),
        gid: if here { Some(nix::unistd::getegid().as_raw()) } else { None },
        user: user.as_deref(),
        host: host_name.as_deref(),
        script: Some(file.as_str()).filter(|file| !file.is_empty()),
    };
    let mut read = run_line::read(&text, &shell).map_err(|wrong| Refusal {
        what: wrong.what,
        help: wrong.help,
        place: Some((name, text.clone(), wrong.span)),
    })?;
    read.lines.iter_mut().for_each(|line| line.file.clone_from(&file));
    Ok(Some(read))
}

/// What the line is called in messages, the line, and whether the shell has still to replace variables in it.
fn line_text(line: &LineArgs, host: &Host) -> Result<Option<(String, String, bool)>, Refusal> {
    // In one pair of quotes, in which the shell may have left variables as they are.
    if let [whole] = &line.line[..]
        && whole.contains(char::is_whitespace)
    {
        return Ok(Some(("the command line".into(), whole.clone(), true)));
    }
    if !line.line.is_empty() {
        return Ok(Some(("the command line".into(), run_line::join(&line.line), false)));
    }
    let Some(path) = &line.run_file else { return Ok(None) };
    if path.as_os_str() == "-" {
        let bytes = host.standard_input(CAP).map_err(|why| Refusal::plain(format!("standard input: {why}")))?;
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| Refusal::plain("standard input: this is not UTF-8 text".into()))?;
        return Ok(Some(("standard input".into(), text, true)));
    }
    // The user's own file: a relative path counts from the working directory, and --root does not move it.
    let name = path.display().to_string();
    let text = text::load(&std::path::Path::new(&host.cwd()).join(path), &name, CAP, host)?;
    Ok(Some((name, text, true)))
}

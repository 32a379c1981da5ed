//! Makes the need of a run: what flags ask, then the line that is going to be run; without a line, what the host evidently has
//! and what the usual guide suggests.

mod braces;
pub mod compose;
pub mod dockerfile;
pub mod file;
mod host;
pub mod run_line;
pub mod text;
mod wish;

use gdoctor_checks::model::need::{Camera, Need, Origin, Wish};
use gdoctor_checks::model::run::{RunLine, Span};

use crate::cli::{LineArgs, Wishes};
use crate::host::Host;

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

/// Flags first; then the line that is going to be run and what the project's file asks for. Where neither is given, of each
/// kind of thing that no flag speaks of, what the host shows and the guide suggests.
pub fn gather(wishes: &Wishes, line: &LineArgs, host: &Host, evident: &Evident) -> Result<Gathered, Refusal> {
    let mut need = wish::of_flags(wishes);
    let found = file::find(line.need.as_deref(), host)?;
    let project = found.as_ref().map(file::Found::project).transpose()?.unwrap_or_default();
    let found = found.map(|found| found.file);
    let mut told = found.as_ref().is_some_and(|file| file.left.is_none());
    fill(&mut need, project.need);
    told |= add_texts(&mut need, line, host)?;
    if told {
        host::imply(&mut need)
    } else {
        host::add(&mut need, evident)
    }
    Ok(Gathered { need, waivers: project.waivers, project: found })
}

/// What flags and the project's file ask; where they ask nothing, what the host evidently has. Nothing of the guide's.
pub fn gather_suggested(wishes: &Wishes, host: &Host, evident: &Evident) -> Result<Gathered, Refusal> {
    let mut need = wish::of_flags(wishes);
    let found = file::find(None, host)?;
    if let Some(found) = &found {
        fill(&mut need, found.project()?.need);
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
    let mut told = false;
    if let Some(file) = &line.dockerfile {
        let asked = dockerfile::Asked { file, target: line.target.as_deref(), arguments: &line.build_arg };
        let (read, source) = dockerfile::read(&asked, host)?;
        dockerfile::add(need, read, source);
        told = true;
    }
    if !line.compose.is_empty() {
        let asked = compose::Asked { files: &line.compose, service: line.service.as_deref(), profiles: &line.profile };
        let (read, files) = compose::read(&asked, host)?;
        need.files.extend(files);
        run_line::add(need, read);
        told = true;
    } else if let Some(line) = read_line(line, host)? {
        run_line::add(need, line);
        told = true;
    }
    Ok(told)
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

/// The run line, if one is given.
fn read_line(line: &LineArgs, host: &Host) -> Result<Option<RunLine>, Refusal> {
    let Some((name, text, environment)) = line_text(line, host)? else { return Ok(None) };
    let variable = |name: &str| environment.then(|| host.env(name)).flatten();
    let shell = run_line::Shell {
        variable: &variable,
        passed: &|name| host.env(name),
        cwd: host.cwd(),
        home: host.env("HOME"),
        uid: nix::unistd::geteuid().as_raw(),
        gid: nix::unistd::getegid().as_raw(),
    };
    let read = run_line::parse(&text, &shell);
    let refused = |wrong: run_line::Wrong| Refusal {
        what: wrong.what,
        help: wrong.help,
        place: Some((name.clone(), text.clone(), wrong.span)),
    };
    let file = line.run_file.as_ref().filter(|path| path.as_os_str() != "-");
    let file = file.map_or_else(String::new, |path| path.display().to_string());
    read.map(|read| Some(RunLine { file, ..read })).map_err(refused)
}

/// What the line is called in messages, the line, and whether the shell has still to replace variables in it.
fn line_text(line: &LineArgs, host: &Host) -> Result<Option<(String, String, bool)>, Refusal> {
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

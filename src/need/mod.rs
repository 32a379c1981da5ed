//! Makes the need of a run: what flags ask, then the line that is going to be run; without a line, what the host evidently has
//! and what the usual guide suggests.

mod braces;
pub mod compose;
pub mod dockerfile;
pub mod file;
mod flags;
mod host;
pub mod run_line;
mod secret;
pub mod text;

use gdoctor_checks::model::need::{Camera, Gpus, Need, Origin, Wish};
use gdoctor_checks::model::run::{RunLine, Span};

use crate::cli::{Bytes, LineArgs, Wishes};
use crate::host::Host;

pub use file::Waiver;
pub use host::Evident;

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

/// Flags first; then the line that is going to be run and what the project's file asks for. Where neither is given, of each
/// kind of thing that no flag speaks of, what the host shows and the guide suggests.
pub fn gather(
    wishes: &Wishes,
    line: &LineArgs,
    host: &Host,
    evident: &Evident,
) -> Result<(Need, Vec<Waiver>), Refusal> {
    let mut need = flags::need(wishes);
    let project = match file::find(line.need.as_deref(), host)? {
        Some((path, text)) => Some(file::parse(&path, &text)?),
        None => None,
    };
    let waivers = project.as_ref().map_or_else(Vec::new, |project| project.waivers.clone());
    let mut told = project.is_some();
    if let Some(project) = project {
        fill(&mut need, project.need);
    }
    told |= add_texts(&mut need, line, host)?;
    if told {
        host::imply(&mut need)
    } else {
        host::add(&mut need, evident)
    }
    Ok((need, waivers))
}

/// What flags and the project's file ask; where they ask nothing, what the host evidently has. Nothing of the guide's.
pub fn gather_suggested(wishes: &Wishes, host: &Host, evident: &Evident) -> Result<Need, Refusal> {
    let mut need = flags::need(wishes);
    if let Some((path, text)) = file::find(None, host)? {
        fill(&mut need, file::parse(&path, &text)?.need);
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
    Ok(need)
}

/// Only what flags and the line themselves ask.
pub fn gather_asked(wishes: &Wishes, line: &LineArgs, host: &Host) -> Result<Need, Refusal> {
    let mut need = flags::need(wishes);
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
    let mut need = flags::need(wishes);
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

/// Takes from `from` every kind of wish that `into` has none of.
fn fill(into: &mut Need, from: Need) {
    fn list<T>(into: &mut Vec<T>, from: Vec<T>) {
        if into.is_empty() {
            *into = from;
        }
    }
    into.docker = into.docker.take().or(from.docker);
    into.gpu = into.gpu.take().or(from.gpu);
    into.gpu_memory = into.gpu_memory.take().or(from.gpu_memory);
    into.compute_capability = into.compute_capability.take().or(from.compute_capability);
    into.driver = into.driver.take().or(from.driver);
    into.cuda = into.cuda.take().or(from.cuda);
    list(&mut into.images, from.images);
    list(&mut into.capabilities, from.capabilities);
    list(&mut into.decode, from.decode);
    list(&mut into.encode, from.encode);
    into.display = into.display.take().or(from.display);
    into.display_access = into.display_access.take().or(from.display_access);
    list(&mut into.cameras, from.cameras);
    into.picture = into.picture.take().or(from.picture);
    list(&mut into.ports, from.ports);
    list(&mut into.registries, from.registries);
    into.registry_delete = into.registry_delete.take().or(from.registry_delete);
    into.disk = into.disk.take().or(from.disk);
    into.reclaim = into.reclaim.take().or(from.reclaim);
    into.files.extend(from.files);
    if into.container_user == Default::default() {
        into.container_user = from.container_user;
    }
}

/// Each wish and who wants it, a line each.
pub fn show(need: &Need) -> String {
    let mut out = String::new();
    let mut line = |what: String, by: &Origin| out.push_str(&format!("{what:<28} {by}\n"));
    let gpus = |gpus: &Gpus| match gpus {
        Gpus::All => "all".to_owned(),
        Gpus::Count(count) => count.to_string(),
    };
    need.docker.iter().for_each(|by| line("docker".into(), by));
    need.gpu.iter().for_each(|wish| line(format!("gpu {}", gpus(&wish.what)), &wish.by));
    need.gpu_memory.iter().for_each(|wish| line(format!("gpu-memory {}", Bytes(wish.what)), &wish.by));
    need.compute_capability.iter().for_each(|wish| line(format!("compute-capability {}", wish.what), &wish.by));
    need.driver.iter().for_each(|wish| line(format!("driver {}", wish.what), &wish.by));
    need.cuda.iter().for_each(|wish| line(format!("cuda {}", wish.what), &wish.by));
    need.images.iter().for_each(|wish| line(format!("image {}", wish.what), &wish.by));
    need.capabilities.iter().for_each(|wish| line(format!("capability {}", wish.what), &wish.by));
    need.decode.iter().for_each(|wish| line(format!("decode {}", wish.what), &wish.by));
    need.encode.iter().for_each(|wish| line(format!("encode {}", wish.what), &wish.by));
    need.display.iter().for_each(|by| line("display".into(), by));
    need.cameras.iter().for_each(|wish| line(format!("camera {}", file::camera_word(&wish.what)), &wish.by));
    need.picture.iter().for_each(|wish| line("camera picture".into(), &wish.by));
    need.ports.iter().for_each(|wish| line(format!("port {}", wish.what), &wish.by));
    need.registries.iter().for_each(|wish| line(format!("registry {}", wish.what), &wish.by));
    need.registry_delete.iter().for_each(|by| line("registry-delete".into(), by));
    need.disk.iter().for_each(|wish| line(format!("disk {}", Bytes(wish.what)), &wish.by));
    need.reclaim.iter().for_each(|wish| line(format!("reclaim {}s", wish.what), &wish.by));
    out
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

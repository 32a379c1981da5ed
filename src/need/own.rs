//! Which files of own checks there are for this run: those of the machine, of the user, and the folders of `--checks`. One that
//! somebody else could have written is refused: what it says is run.

use std::ops::Range;
use std::path::{Path, PathBuf};

use gdoctor_checks::model::fact::Gap;
use gdoctor_checks::model::own::Asked;
use gdoctor_checks::model::run::Span;
use toml::de::DeTable;

use super::text::{SourceText, load};
use super::{CAP, Refusal};
use crate::host::{Host, input, output, trust};
use crate::own;

/// The machine's.
const FOLDER: &str = "/etc/gdoctor/checks.d";
/// More files are no folder of checks.
const MOST: usize = 200;
/// Of a file that may hold checks.
const HEAD: usize = 64 << 10;

/// All checks of all files, in the order of the folders and of their names.
pub fn load_all(folders: &[PathBuf], host: &Host) -> Result<Vec<Asked>, Refusal> {
    let mut all = Vec::new();
    tell_of_root(folders, host);
    for (folder, given) in places(folders, host) {
        let flag = given.as_ref().map(|given| format!(" --checks {}", quoted(&given.display().to_string())));
        for file in files(&folder, given.as_deref(), host)? {
            let name =
                given.as_ref().map_or_else(|| folder.join(&file), |given| given.join(&file)).display().to_string();
            let file = folder.join(file);
            // What only root may read is root's to look at.
            if given.is_none() && host.live().head(&file, 1).gap() == Some(&Gap::Denied) {
                output::tell(&format!("gdoctor: {name}: permission denied; its checks were not looked at"));
                continue;
            }
            trusted(&file, &name)?;
            let text = load(&file, &name, CAP, host)?;
            let mut read = parse(&name, &text)?;
            read.iter_mut().for_each(|one| one.own.given = Some(flag.clone().unwrap_or_default()));
            join(&mut all, read)?;
        }
    }
    Ok(all)
}

/// The checks of another root are not this machine's, and are looked at where somebody says so.
fn tell_of_root(folders: &[PathBuf], host: &Host) {
    let place = host.on_disk(FOLDER);
    let is_given = || folders.iter().any(|folder| Path::new(&host.cwd()).join(folder) == place);
    let names = host.list(FOLDER);
    let has_checks = names.value().is_some_and(|names| names.iter().any(|name| name.ends_with(".toml")));
    if !host.is_live() && has_checks && !is_given() {
        let folder = place.display();
        output::tell(&format!(
            "gdoctor: the own checks of {folder} were not looked at; --checks {folder} looks at them"
        ));
    }
}

/// Besides those that are there. No two have one id.
pub fn join(all: &mut Vec<Asked>, more: Vec<Asked>) -> Result<(), Refusal> {
    for asked in more {
        if let Some(known) = all.iter().find(|known| known.own.id == asked.own.id) {
            let (first, second) = (&known.own.by, &asked.own.by);
            return Err(Refusal::plain(format!(
                "two checks have one id: {first} and {second}; give one of them another"
            )));
        }
        all.push(asked);
    }
    Ok(())
}

/// Refused where anybody but root and the user could have written it, or replaced a folder above it.
pub fn trusted(path: &Path, name: &str) -> Result<(), Refusal> {
    trust::whole_path(path).map(drop).map_err(|why| {
        Refusal::plain(format!(
            "{name}: own checks are not read from here: {why}. They belong to root or to you, and nobody else may write to them \
             or to a folder above"
        ))
    })
}

/// As one word of a shell.
fn quoted(text: &str) -> String {
    super::run_line::join(&[text.to_owned()])
}

/// Each folder, and how it was given where it was.
fn places(folders: &[PathBuf], host: &Host) -> Vec<(PathBuf, Option<PathBuf>)> {
    let base = host.env("XDG_CONFIG_HOME").filter(|path| path.starts_with('/'));
    let base = base.or_else(|| host.env("HOME").map(|home| format!("{home}/.config")));
    // Root that kept a user's HOME (sudo -E) is not that user.
    let own = base.filter(|base| trust::whole_path(Path::new(base)).is_ok());
    let own = own.map(|base| (Path::new(&base).join("gdoctor/checks.d"), None));
    let cwd = host.cwd();
    let named = folders.iter().map(|folder| (Path::new(&cwd).join(folder), Some(folder.clone())));
    std::iter::once((PathBuf::from(FOLDER), None)).chain(own).chain(named).collect()
}

/// The names of the files in it.
fn files(folder: &Path, given: Option<&Path>, host: &Host) -> Result<Vec<String>, Refusal> {
    let shown = given.unwrap_or(folder).display();
    if given.is_some() && !input::is_folder(folder) {
        return Err(Refusal::plain(format!(
            "--checks {shown}: there is no such folder; give the one that has the files"
        )));
    }
    let names = host.live().list(folder);
    if given.is_none() && names.gap() == Some(&Gap::Denied) {
        output::tell(&format!("gdoctor: {shown}: permission denied; its checks were not looked at"));
        return Ok(Vec::new());
    }
    if let Some(gap) = names.gap() {
        // One that is not there is Absent.
        return Err(Refusal::plain(format!("{shown}: {}", gap.reason())));
    }
    let names = names.value().into_iter().flatten().filter(|name| !name.starts_with('.'));
    let (files, others): (Vec<String>, Vec<String>) = names.cloned().partition(|name| name.ends_with(".toml"));
    if given.is_some() && files.is_empty() {
        return Err(Refusal::plain(format!(
            "--checks {shown}: it has no file that ends in .toml, so there is nothing to look at"
        )));
    }
    // One that was set aside, lab.toml.bak, is nothing to speak of; one that was meant is.
    for other in others.iter().filter(|name| !name.contains(".toml")) {
        let head = host.live().head(folder.join(other), HEAD);
        if head.value().is_some_and(|head| memchr::memmem::find(head, b"[[check]]").is_some()) {
            output::tell(&format!("gdoctor: {shown}/{other} is not read: files of checks end in .toml"));
        }
    }
    if files.len() > MOST {
        return Err(Refusal::plain(format!("{shown}: {} files; a folder of checks has {MOST} at most", files.len())));
    }
    Ok(files)
}

/// Reads the text of a file of checks called `path`.
pub fn parse(path: &str, text: &str) -> Result<Vec<Asked>, Refusal> {
    let table = DeTable::parse(text).map_err(|error| {
        refusal(
            path,
            text,
            own::Wrong {
                span: error.span().unwrap_or_default(),
                what: error.message().to_owned(),
                help: super::file::remedy(error.message()),
            },
        )
    })?;
    if let Some(key) = table.get_ref().keys().find(|key| key.get_ref().as_ref() != "check") {
        let what = format!("{} is no key of a file of checks", key.get_ref());
        let help = "every check begins with [[check]], and its keys follow";
        return Err(refusal(path, text, own::Wrong { span: key.span(), what, help: help.into() }));
    }
    let value = table.get_ref().get("check");
    value.map_or(Ok(Vec::new()), |value| read(path, text, value))
}

/// Reads the value of `check`.
pub fn read(path: &str, text: &str, value: &toml::Spanned<toml::de::DeValue>) -> Result<Vec<Asked>, Refusal> {
    let source = SourceText::new(path, text);
    let origin = |span: Range<usize>, what: String| source.origin(Span::new(span.start, span.end), what);
    own::checks(value, text, &origin).map_err(|why| refusal(path, text, why))
}

fn refusal(path: &str, text: &str, why: own::Wrong) -> Refusal {
    let span = Span::new(why.span.start, why.span.end);
    Refusal { what: why.what, help: why.help, place: Some((path.to_owned(), text.to_owned(), span)) }
}

//! Looks for the program that a run line starts in the files of its image, where their layers lie open on this host.

use std::collections::BTreeMap;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::engine::Unfit;
use gdoctor_checks::model::facts::run::{Accounts, Ids, Lies, ProgramFault};
use gdoctor_checks::model::run::{Mount, MountKind, RunLine};
use serde::Deserialize;

use crate::host::Host;
use crate::host::files::Kind;

use super::docker::Asker;

/// Links of links that are followed.
const LINKS: usize = 16;
/// Of a program: the line that names who runs a script is within it.
const HEAD: usize = 256;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Image {
    graph_driver: Driver,
    config: Option<Config>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Driver {
    name: String,
    data: Option<Data>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Data {
    upper_dir: String,
    lower_dir: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    env: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    working_dir: String,
    user: String,
}

/// The program's path in the image; Absent, with the reason, when there is none that can be started, Unknown where that cannot be seen.
pub fn program(host: &Host, line: &RunLine, daemon: &Asker) -> (Fact<String>, Option<ProgramFault>) {
    let not_asked = |source: String| (Fact::unknown(Gap::NotAsked, source), None);
    let Some(image) = line.image.as_ref().filter(|image| !image.at.opaque && !line.podman) else {
        return not_asked("GET /images".into());
    };
    let source = format!("GET /images/{}/json", image.reference);
    let found = daemon.get::<Image>(host, &source["GET ".len()..], &source);
    let Some(found) = found.value() else { return not_asked(source) };
    let config = found.config.as_ref();
    let Some(name) = name(line, config) else { return not_asked(source) };
    let layers = layers(&found.graph_driver);
    let own = line.variable("PATH").is_some_and(|path| path.value.is_none() && !path.unset);
    let folders = folders(config, line, &name);
    if layers.is_empty() || own || line.last("rootfs").is_some() {
        return not_asked(source);
    }
    if !layers.iter().all(|layer| host.live().list(layer).value().is_some()) {
        return (Fact::unknown(Gap::Denied, source), None);
    }
    let files = Files { host: host.live(), layers };
    let mut fault = ProgramFault { name: name.clone(), ..ProgramFault::default() };
    let path = |folder: &String| match name.starts_with('/') {
        true => name.clone(),
        false => format!("{}/{}", folder.trim_end_matches('/'), name.trim_start_matches("./")),
    };
    for path in folders.iter().map(path) {
        match files.starts(&path, line) {
            Starts::Yes => return (Fact::present(path, source), None),
            Starts::No => {}
            // A shell and a PATH go on to the next folder; what stopped them counts where nothing better follows.
            Starts::Covered(under) => fault = ProgramFault { path, under: Some(under), unfit: None, ..fault },
            Starts::Unfit(Unfit::NotExecutable) if fault.path.is_empty() => {
                fault = ProgramFault { path, unfit: Some(Unfit::NotExecutable), ..fault };
            }
            Starts::Unfit(Unfit::NotExecutable) => {}
            Starts::Unfit(unfit) => {
                return (Fact::absent(source), Some(ProgramFault { path, under: None, unfit: Some(unfit), ..fault }));
            }
            Starts::Denied => return (Fact::unknown(Gap::Denied, source), None),
            // What lies there comes with the mount, or cannot be told.
            Starts::Unknown => return not_asked(source),
        }
    }
    (Fact::absent(source), Some(fault))
}

/// Which of the users and groups that the line names the image has, and who the container's process is. The engine reads its files before anything is mounted.
pub fn accounts(host: &Host, line: &RunLine, daemon: &Asker) -> Fact<Accounts> {
    let (users, groups) = line.accounts();
    let Some(image) = line.image.as_ref().filter(|image| !image.at.opaque && !line.podman) else {
        return Fact::unknown(Gap::NotAsked, "GET /images");
    };
    let source = format!("GET /images/{}/json", image.reference);
    let found = daemon.get::<Image>(host, &source["GET ".len()..], &source);
    let layers = found.value().map(|found| layers(&found.graph_driver)).unwrap_or_default();
    let own = found.value().and_then(|found| found.config.as_ref()).map_or("", |config| config.user.as_str());
    let user = line.last("user").map_or(own, |option| option.value.as_str());
    if users.is_empty() && groups.is_empty() && ["", "0", "root"].contains(&user) {
        return Fact::unknown(Gap::NotAsked, source);
    }
    if layers.is_empty() || !layers.iter().all(|layer| host.live().list(layer).value().is_some()) {
        return Fact::unknown(Gap::Denied, source);
    }
    let files = Files { host: host.live(), layers };
    let text = |file: &str| files.text(file).unwrap_or_default();
    let ids = ids(&text("/etc/passwd"), &text("/etc/group"), user, line);
    let known = |file: &str, names: Vec<&str>| -> Option<Vec<String>> {
        let text = files.text(file)?;
        let listed = |name: &&str| text.lines().any(|row| row.split(':').next() == Some(*name));
        Some(names.into_iter().filter(listed).map(str::to_owned).collect())
    };
    match (known("/etc/passwd", users), known("/etc/group", groups)) {
        (Some(users), Some(groups)) => Fact::present(Accounts { users, groups, ids }, source),
        _ => Fact::unknown(Gap::Unsupported("the image's lists of users lie behind links".into()), source),
    }
}

/// moby/sys, user, GetExecUser: a number that the image does not know is taken as it is, with group 0; the groups that list a
/// user count only where no group is named. `None` where a name is not known.
fn ids(passwd: &str, group: &str, user: &str, line: &RunLine) -> Option<Ids> {
    let (user, own_group) = user.split_once(':').unwrap_or((user, ""));
    let user = if user.is_empty() { "0" } else { user };
    let rows = |text: &'_ str| text.lines().map(|row| row.split(':').map(str::to_owned).collect::<Vec<_>>()).collect();
    let (passwd, group): (Vec<Vec<String>>, Vec<Vec<String>>) = (rows(passwd), rows(group));
    let named = |row: &&Vec<String>, name: &str| row.first().is_some_and(|first| first == name);
    let number = |row: &Vec<String>, at: usize| row.get(at).and_then(|field| field.parse::<u32>().ok());
    let of_group = |name: &str| {
        let row = group.iter().find(|row| named(row, name)).and_then(|row| number(row, 2));
        row.or_else(|| name.parse().ok())
    };
    let numeric: Option<u32> = user.parse().ok();
    let row = passwd.iter().find(|row| named(row, user) || numeric.is_some() && number(row, 2) == numeric);
    let uid = row.and_then(|row| number(row, 2)).or(numeric)?;
    let mut groups = vec![match own_group {
        "" => row.and_then(|row| number(row, 3)).unwrap_or(0),
        name => of_group(name)?,
    }];
    if let (Some(row), "") = (row, own_group) {
        let lists = |group: &&Vec<String>| group.get(3).is_some_and(|all| all.split(',').any(|one| *one == row[0]));
        groups.extend(group.iter().filter(lists).filter_map(|group| number(group, 2)));
    }
    for option in line.all("group-add") {
        groups.push(of_group(&option.value)?);
    }
    Some(Ids { uid, groups })
}

/// What lies in the image at each path that is mounted onto, and at the working directory.
pub fn targets(host: &Host, line: &RunLine, daemon: &Asker) -> BTreeMap<String, Lies> {
    let Some(image) = line.image.as_ref().filter(|image| !image.at.opaque && !line.podman) else {
        return BTreeMap::new();
    };
    let source = format!("GET /images/{}/json", image.reference);
    let found = daemon.get::<Image>(host, &source["GET ".len()..], &source);
    let layers = found.value().map(|found| layers(&found.graph_driver)).unwrap_or_default();
    let files = Files { host: host.live(), layers };
    let folder = line.last("workdir").filter(|option| option.refused.is_none()).map(|option| option.value.clone());
    let paths = line.mounts.iter().map(|mount| mount.target.clone()).chain(folder).filter(|path| path.starts_with('/'));
    let lies = |path: &String| match files.look(path).ok()??.1 {
        Kind::Directory => Some(Lies::Folder),
        Kind::File => Some(Lies::File),
        _ => None,
    };
    paths.filter_map(|path| Some((path.clone(), lies(&path)?))).collect()
}

/// The first word that is started; `None` where that cannot be told.
fn name(line: &RunLine, config: Option<&Config>) -> Option<String> {
    if let Some(option) = line.last("entrypoint").filter(|option| !option.value.is_empty()) {
        return (!option.at.opaque).then(|| option.value.clone());
    }
    let reset = line.last("entrypoint").is_some();
    let own = config.and_then(|config| config.entrypoint.as_ref()).filter(|words| !words.is_empty() && !reset);
    if let Some(words) = own {
        return words.first().cloned();
    }
    match line.arguments.first() {
        Some(argument) => (!argument.opaque).then(|| line.program.clone()),
        None if reset => None,
        None => config.and_then(|config| config.cmd.as_ref()).and_then(|words| words.first().cloned()),
    }
}

/// Where a name without a slash is looked for; a path stands where it says.
fn folders(config: Option<&Config>, line: &RunLine, name: &str) -> Vec<String> {
    if name.starts_with('/') {
        return vec![String::new()];
    }
    if name.contains('/') {
        let folder = line.last("workdir").map(|option| option.value.clone());
        return vec![folder.or_else(|| config.map(|config| config.working_dir.clone())).unwrap_or_default()];
    }
    let given = line.variable("PATH").and_then(|path| path.value.as_deref());
    let path = given.or_else(|| path_of(config));
    let path = path.unwrap_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    path.split(':').filter(|folder| folder.starts_with('/')).map(str::to_owned).collect()
}

fn path_of(config: Option<&Config>) -> Option<&str> {
    config.and_then(|config| config.env.as_ref()).and_then(|env| env.iter().find_map(|pair| pair.strip_prefix("PATH=")))
}

/// The topmost first.
fn layers(driver: &Driver) -> Vec<String> {
    let Some(data) = driver.data.as_ref().filter(|_| driver.name == "overlay2") else { return Vec::new() };
    let all = std::iter::once(data.upper_dir.as_str()).chain(data.lower_dir.split(':'));
    all.filter(|layer| layer.starts_with('/')).map(str::to_owned).collect()
}

struct Files {
    host: Host,
    layers: Vec<String>,
}

/// What comes of a path that is to be started.
enum Starts {
    Yes,
    /// Nothing is there.
    No,
    Unfit(Unfit),
    /// The image has it, and what is mounted there does not.
    Covered(String),
    /// This user may not look.
    Denied,
    Unknown,
}

impl Files {
    /// A file that may be executed; links are followed within the image.
    fn starts(&self, path: &str, line: &RunLine) -> Starts {
        let mut open: Vec<String> = path.split('/').filter(|part| !part.is_empty()).rev().map(str::to_owned).collect();
        let mut at = String::new();
        let mut links = 0;
        let mut covered = None;
        while let Some(part) = open.pop() {
            match part.as_str() {
                "." => continue,
                ".." => {
                    at.truncate(at.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = format!("{at}/{part}");
            let here = |mount: &&Mount| mount.target.trim_end_matches('/') == next;
            if let Some(mount) = line.mounts.iter().find(here) {
                match self.in_mount(mount, &open) {
                    // Whether the image has it decides what is told.
                    Starts::No => covered = Some(mount.target.clone()),
                    other => return other,
                }
            }
            let gone = match &covered {
                // Without the mount nothing would be there either.
                _ if self.look(&next).is_ok_and(|found| found.is_none()) => Starts::No,
                Some(under) => Starts::Covered(under.clone()),
                None => Starts::No,
            };
            let (layer, kind) = match self.look(&next) {
                Ok(Some(found)) => found,
                Ok(None) => return gone,
                Err(Denied) => return Starts::Denied,
            };
            match kind {
                Kind::Link => {
                    links += 1;
                    let target = self.host.link(format!("{layer}{next}"));
                    let Some(target) = target.value().cloned().filter(|_| links <= LINKS) else { return Starts::No };
                    if target.starts_with('/') {
                        at.clear();
                    }
                    open.extend(target.split('/').filter(|part| !part.is_empty()).rev().map(str::to_owned));
                }
                Kind::Directory => at = next,
                Kind::File if open.is_empty() && covered.is_some() => return gone,
                Kind::File if open.is_empty() => return self.fit(layer, &next, line),
                _ => return Starts::No,
            }
        }
        Starts::No
    }

    /// `rest` of a path, innermost first, in what the line mounts there.
    fn in_mount(&self, mount: &Mount, rest: &[String]) -> Starts {
        let rest: String = rest.iter().rev().map(|part| format!("/{part}")).collect();
        match mount.kind {
            MountKind::Tmpfs if !rest.is_empty() => Starts::No,
            MountKind::Bind => {
                let path = format!("{}{rest}", mount.source.trim_end_matches('/'));
                let (file, folder) = (self.host.lstat(&path), self.host.stat(&mount.source));
                match file.value().map(|stat| (stat.kind, stat.mode)) {
                    Some((Kind::File, mode)) if mode & 0o111 != 0 => Starts::Yes,
                    // docker makes a folder where there is none.
                    None if file.is_absent() && (folder.value().is_some() || mount.makes_folder) => Starts::No,
                    _ => Starts::Unknown,
                }
            }
            _ => Starts::Unknown,
        }
    }

    /// By its mode, and by what its first bytes say of who runs it.
    fn fit(&self, layer: &str, path: &str, line: &RunLine) -> Starts {
        let stat = self.host.lstat(format!("{layer}{path}"));
        let Some(stat) = stat.value() else { return Starts::Denied };
        if stat.mode & 0o111 == 0 {
            return Starts::Unfit(Unfit::NotExecutable);
        }
        let head = self.host.head(format!("{layer}{path}"), HEAD);
        let Some(head) = head.value() else { return Starts::Yes };
        let Some(rest) = head.strip_prefix(b"#!") else {
            let text =
                !head.is_empty() && head.iter().all(|byte| (b' '..=b'~').contains(byte) || b"\n\r\t".contains(byte));
            return if text { Starts::Unfit(Unfit::NoProgram) } else { Starts::Yes };
        };
        let first = String::from_utf8_lossy(rest.split(|byte| *byte == b'\n').next().unwrap_or_default()).into_owned();
        // A carriage return at its end is a part of the name for the kernel.
        let interpreter = first.trim_matches([' ', '\t']).split([' ', '\t']).next().unwrap_or_default().to_owned();
        if interpreter.ends_with('\r') {
            return Starts::Unfit(Unfit::Interpreter(interpreter));
        }
        let own = interpreter.starts_with('/') && interpreter != path;
        match own.then(|| self.starts(&interpreter, line)) {
            Some(Starts::No) => Starts::Unfit(Unfit::Interpreter(interpreter)),
            _ => Starts::Yes,
        }
    }

    /// A file that no link leads to; empty where there is none.
    fn text(&self, path: &str) -> Option<String> {
        match self.look(path).ok()? {
            None => Some(String::new()),
            Some((layer, Kind::File)) => self.host.text(format!("{layer}{path}")).value().cloned(),
            Some(_) => None,
        }
    }

    /// The layer that a path is seen in, and what is there; a device is what hides a file of the layers below.
    fn look(&self, path: &str) -> Result<Option<(&str, Kind)>, Denied> {
        for layer in &self.layers {
            let stat = self.host.lstat(format!("{layer}{path}"));
            match (stat.value(), stat.gap()) {
                (Some(stat), _) if stat.kind == Kind::CharDevice => return Ok(None),
                (Some(stat), _) => return Ok(Some((layer.as_str(), stat.kind))),
                // Folders of an image may be closed to this user: what is in them is not known not to be there.
                (None, Some(_)) => return Err(Denied),
                (None, None) => {}
            }
        }
        Ok(None)
    }
}

struct Denied;

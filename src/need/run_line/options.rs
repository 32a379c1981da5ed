//! Finds the command that starts a container and reads its options as pflag does: clusters, `=`, the first bare word is the
//! image, everything behind it is the container's.

use gdoctor_checks::model::run::{Argument, Image, Mount, NamedFile, RunLine, RunOption, Secret, Span, Variable};

use super::flags::{Dialect, Flag, Kind};
use super::words::{Shell, Word};
use super::{Wrong, mounts, reference, things, values};
use crate::secret;

/// Variables whose values checks read; of all others only the name is kept.
const READ: [&str; 7] = [
    "DISPLAY",
    "XAUTHORITY",
    "WAYLAND_DISPLAY",
    "XDG_RUNTIME_DIR",
    "QT_X11_NO_MITSHM",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_VERSION",
];
/// NVIDIA's toolkit reads any that begin so; Swarm's are those that its config.toml may name.
const READ_ALL_OF: [&str; 2] = ["NVIDIA_", "DOCKER_RESOURCE_"];

pub fn read(text: &str, commands: Vec<Vec<Word>>, shell: &Shell) -> Result<RunLine, Wrong> {
    let mut found: Option<RunLine> = None;
    let mut first_miss = None;
    for words in &commands {
        match start(words) {
            Ok(Some(start)) if found.is_some() => {
                let help = "gdoctor judges one at a time: give it each line by itself";
                return Err(Wrong::at(words[start.at - 1].span, "a second container is started here", help));
            }
            Ok(Some(start)) => found = Some(Reader { text, words, shell, line: RunLine::default() }.read(&start)?),
            Ok(None) => {}
            Err(wrong) => drop(first_miss.get_or_insert(wrong)),
        }
    }
    match (found, first_miss) {
        (Some(line), _) => Ok(line),
        (None, Some(wrong)) => Err(wrong),
        (None, None) => {
            let span = commands.first().and_then(|words| words.first()).map_or(Span::at(0), |word| word.span);
            Err(Wrong::at(
                span,
                "no `docker run` stands here",
                "gdoctor reads `docker run …`, `docker create …` and `podman run …`",
            ))
        }
    }
}

/// Where the options begin, and whose they are.
struct Start {
    at: usize,
    first: usize,
    dialect: Dialect,
}

/// `[sudo …] docker [options] [container] run|create`; `None` for any other program.
fn start(words: &[Word]) -> Result<Option<Start>, Wrong> {
    let mut at = 0;
    let word = |at: usize| words.get(at).map(|word| word.value.as_str());
    loop {
        match word(at) {
            Some("$" | "exec" | "time" | "nohup" | "command") => at += 1,
            Some("sudo") => at = behind_sudo(words, at + 1),
            Some(text) if is_assignment(text) => at += 1,
            _ => break,
        }
    }
    let first = at;
    let podman = match word(at).map(|path| path.rsplit('/').next().unwrap_or(path)) {
        Some("docker") => false,
        Some("podman") => true,
        Some("nvidia-docker") => {
            let help = "write `docker run --gpus all …`; the wrapper nvidia-docker is gone since 2019";
            return Err(Wrong::at(words[at].span, "nvidia-docker is no longer made", help));
        }
        _ => return Ok(None),
    };
    at += 1;
    while let Some(option) = word(at).filter(|word| word.starts_with('-')) {
        let name = option.split('=').next().unwrap_or(option);
        if ["-H", "--host", "-c", "--context", "--config", "--connection", "--url", "--remote"].contains(&name) {
            let help = "gdoctor asks the daemon that DOCKER_HOST or DOCKER_CONTEXT names: set that instead";
            return Err(Wrong::at(words[at].span, "another daemon is named on the line itself", help));
        }
        let takes = ["-l", "--log-level", "--tlscacert", "--tlscert", "--tlskey"].contains(&option);
        at += if takes { 2 } else { 1 };
    }
    if word(at) == Some("container") {
        at += 1;
    }
    let creates = match word(at) {
        Some("run") => false,
        Some("create") => true,
        Some("compose") => {
            return Err(Wrong::at(
                words[at].span,
                "this is no `docker run`",
                "for a compose file: gdoctor check --compose FILE",
            ));
        }
        other => {
            let span = words.get(at).or(words.get(first)).map_or(Span::at(0), |word| word.span);
            let what = format!("docker {} starts no container", other.unwrap_or_default());
            return Err(Wrong::at(span, what.trim_end(), "gdoctor reads `docker run …` and `docker create …`"));
        }
    };
    Ok(Some(Start { at: at + 1, first, dialect: Dialect { podman, creates } }))
}

fn is_assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| {
        name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

fn behind_sudo(words: &[Word], mut at: usize) -> usize {
    while let Some(word) = words.get(at).filter(|word| word.value.starts_with('-')) {
        let takes = ["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-D", "-R", "-T"].contains(&word.value.as_str());
        at += if takes { 2 } else { 1 };
        if word.value == "--" {
            break;
        }
    }
    at
}

struct Reader<'a> {
    text: &'a str,
    words: &'a [Word],
    shell: &'a Shell<'a>,
    line: RunLine,
}

impl Reader<'_> {
    fn read(mut self, start: &Start) -> Result<RunLine, Wrong> {
        self.line.text = self.text.to_owned();
        self.line.podman = start.dialect.podman;
        self.line.creates = start.dialect.creates;
        let whole = Span::new(self.words[start.first].span.start, self.words[start.at - 1].span.end);
        self.line.command = self.argument(whole, whole, whole, false);
        self.line.by = Some(self.line.command.origin());
        let mut at = start.at;
        while let Some(word) = self.words.get(at) {
            at = match word.value.as_str() {
                "--" => {
                    at += 1;
                    break;
                }
                text if text.starts_with("--") => self.long(at, start.dialect)?,
                text if text.starts_with('-') && text.len() > 1 => self.cluster(at, start.dialect)?,
                _ => break,
            };
        }
        let Some(image) = self.words.get(at) else {
            let end = self.words.last().map_or(0, |word| word.span.end);
            return Err(Wrong::at(Span::at(end), "no image is named", "docker run [OPTIONS] IMAGE [COMMAND]"));
        };
        self.image(image);
        self.line.arguments = self.words[at + 1..].iter().map(|word| self.word(word)).collect();
        Ok(self.line)
    }

    /// `--name`, `--name=value`, `--name value`; returns the index behind it.
    fn long(&mut self, at: usize, dialect: Dialect) -> Result<usize, Wrong> {
        let word = &self.words[at];
        let name = word.value[2..].split('=').next().unwrap_or_default();
        let Some(flag) = dialect.long(name) else { return Err(unknown(word, name, dialect)) };
        if flag.name == "help" {
            return Err(Wrong::at(word.span, "with this, docker prints help and starts nothing", "leave it out"));
        }
        if let Some(equals) = word.value.find('=') {
            let value = word.place_from(equals + 1);
            self.push(flag, word, equals + 1, word.span, value, self.removal(word.span));
            return Ok(at + 1);
        }
        if flag.kind == Kind::Switch {
            self.switch_on(flag, word, word.span, self.removal(word.span));
            return Ok(at + 1);
        }
        self.with_next(flag, at, word.span.start)
    }

    /// `-it`, `-p80:80`, `-p=80:80`, `-p 80:80`, and any mix of them.
    fn cluster(&mut self, at: usize, dialect: Dialect) -> Result<usize, Wrong> {
        let word = &self.words[at];
        let letters: Vec<(usize, char)> = word.value.char_indices().skip(1).collect();
        for (place, &(index, letter)) in letters.iter().enumerate() {
            let Some(flag) = dialect.short(letter) else { return Err(unknown_letter(word, index, letter, dialect)) };
            let after = index + letter.len_utf8();
            let alone = letters.len() == 1;
            let span = if alone { word.span } else { word.place_of(index) };
            let rest = &word.value[after..];
            if flag.kind == Kind::Switch && !rest.starts_with('=') {
                let removal = if alone { self.removal(word.span) } else { span };
                self.switch_on(flag, word, span, removal);
                continue;
            }
            let first = if place == 0 { word.span.start } else { span.start };
            if rest.is_empty() {
                return self.with_next(flag, at, first);
            }
            let from = after + usize::from(rest.starts_with('='));
            let span = Span::new(first, word.span.end);
            let removal = if place == 0 { self.removal(word.span) } else { span };
            self.push(flag, word, from, span, word.place_from(from), removal);
            return Ok(at + 1);
        }
        Ok(at + 1)
    }

    /// The value is the next word, whatever it looks like.
    fn with_next(&mut self, flag: &'static Flag, at: usize, start: usize) -> Result<usize, Wrong> {
        let Some(value) = self.words.get(at + 1) else {
            let span = self.words[at].span;
            return Err(Wrong::at(span, &format!("--{} needs a value", flag.name), "nothing follows it"));
        };
        let span = Span::new(start, value.span.end);
        // Inside a cluster the other letters stay, and the value goes with this one.
        let removal = if start == self.words[at].span.start { self.removal(span) } else { span };
        self.push(flag, value, 0, span, value.span, removal);
        Ok(at + 2)
    }

    fn switch_on(&mut self, flag: &'static Flag, word: &Word, span: Span, removal: Span) {
        let at = self.argument(span, Span::at(span.end), removal, word.opaque);
        self.line.options.push(RunOption { name: flag.name.into(), value: "true".into(), at, refused: None });
    }

    fn push(&mut self, flag: &'static Flag, word: &Word, from: usize, span: Span, value: Span, removal: Span) {
        let at = self.argument(span, value, removal, word.opaque);
        let text = word.value.get(from..).unwrap_or_default();
        let name = flag.means.unwrap_or(flag.name);
        // Podman has its own rules for most values; these are the same.
        let same = !self.line.podman || [Kind::Publish, Kind::Int, Kind::Uint, Kind::Switch].contains(&flag.kind);
        let refused = if at.opaque || !same { None } else { values::refused(flag.kind, text) };
        let kept = match flag.kind {
            Kind::Switch => values::switch(text).map_or(text.into(), |on| on.to_string()),
            // No secrets: what a variable holds is of no matter but for a few.
            Kind::Variable => text.split('=').next().unwrap_or_default().into(),
            _ => text.to_owned(),
        };
        if refused.is_none() && !at.opaque {
            self.typed(flag.kind, text, from, word, &at);
        } else if flag.kind == Kind::Variable {
            self.variable(text, from, word, &at);
        }
        self.line.options.push(RunOption { name: name.into(), value: kept, at, refused });
    }

    fn typed(&mut self, kind: Kind, text: &str, from: usize, word: &Word, at: &Argument) {
        let line = &mut self.line;
        let at = || at.clone();
        let cwd = &self.shell.cwd;
        match kind {
            Kind::Variable => self.variable(text, from, word, &at()),
            Kind::Gpus => line.gpus.extend(things::gpus(text).map(|mut request| {
                request.at = at();
                request
            })),
            Kind::Device => line.devices.extend(things::device(text).map(|mut device| {
                device.at = at();
                device
            })),
            Kind::Publish => line.ports.extend(things::published(text).map(|mut port| {
                port.at = at();
                port
            })),
            Kind::Volume => line.mounts.extend(mounts::volume(text, cwd).map(|mount| Mount { at: at(), ..mount })),
            Kind::Mount => line.mounts.extend(mounts::mount(text, cwd).map(|mount| Mount { at: at(), ..mount })),
            Kind::InFile | Kind::NewFile => {
                let path = mounts::absolute(text, cwd);
                line.files.push(NamedFile { path, new: kind == Kind::NewFile, at: at() });
            }
            Kind::Security => line.files.extend(mounts::seccomp_profile(text, cwd).map(|path| NamedFile {
                path,
                new: false,
                at: at(),
            })),
            Kind::Tmpfs => line.mounts.extend(mounts::tmpfs_mount(text).map(|mount| Mount { at: at(), ..mount })),
            _ => {}
        }
    }

    fn variable(&mut self, text: &str, from: usize, word: &Word, at: &Argument) {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        let passed = || (self.shell.passed)(name);
        let held = value.map(str::to_owned).or_else(passed);
        let read = READ.contains(&name) || READ_ALL_OF.iter().any(|begin| name.starts_with(begin));
        if let Some(equals) = text.find('=').filter(|_| secret::is_secret(name)) {
            let place = word.place_of(from + equals);
            let literal = self.text.get(place.start..at.value.end).is_some_and(|source| !source.contains(['$', '`']));
            if literal {
                let span = Span::new(place.start, word.place_from(from + equals + 1).end);
                self.line.secrets.push(Secret { name: name.to_owned(), span });
            }
        }
        let of_shell = value.and_then(|_| word.sole_variable(from + name.len() + 1)).map(str::to_owned);
        self.line.variables.push(Variable {
            name: name.to_owned(),
            unset: held.is_none(),
            value: held.filter(|_| read && !at.opaque),
            from: of_shell.or_else(|| value.is_none().then(|| name.to_owned())),
            at: at.clone(),
        });
    }

    fn image(&mut self, word: &Word) {
        let at = self.word(word);
        let registry = if at.opaque { None } else { reference::image(&word.value).ok().flatten() };
        let refused = if at.opaque { None } else { reference::image(&word.value).err() };
        if refused.is_some() {
            let option = RunOption { name: "image".into(), value: word.value.clone(), at: at.clone(), refused };
            self.line.options.push(option);
        }
        self.line.image = Some(Image { reference: word.value.clone(), registry, at });
    }

    fn word(&self, word: &Word) -> Argument {
        self.argument(word.span, word.span, self.removal(word.span), word.opaque)
    }

    fn argument(&self, span: Span, value: Span, removal: Span, opaque: bool) -> Argument {
        let text = self.text.get(span.start..span.end).unwrap_or_default().to_owned();
        Argument { text, span, value, removal, opaque, file: None }
    }

    /// The span and the blanks and escaped line ends before it.
    fn removal(&self, span: Span) -> Span {
        let before = self.text.get(..span.start).unwrap_or_default();
        let kept = before.trim_end_matches([' ', '\t', '\n', '\\']);
        Span::new(kept.len(), span.end)
    }
}

fn unknown(word: &Word, name: &str, dialect: Dialect) -> Wrong {
    let what = format!("--{name} is no option of `{} {}`", dialect.program(), dialect.verb());
    let help = match dialect.nearest(name) {
        Some(near) => format!("did you mean --{near}?"),
        None => format!("`{} {} --help` lists them", dialect.program(), dialect.verb()),
    };
    Wrong::at(word.span, &what, &help)
}

fn unknown_letter(word: &Word, index: usize, letter: char, dialect: Dialect) -> Wrong {
    let what = format!("-{letter} is no option of `{} {}`", dialect.program(), dialect.verb());
    let long = word.value[1..].split('=').next().unwrap_or_default();
    let help = match dialect.nearest(long).filter(|_| long.len() > 2) {
        Some(near) => format!("did you mean --{near}, with two hyphens?"),
        None => format!("`{} {} --help` lists them", dialect.program(), dialect.verb()),
    };
    let span = if word.value.len() > 2 { word.place_of(index) } else { word.span };
    Wrong::at(span, &what, &help)
}

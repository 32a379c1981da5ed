//! Reads the words of the command that starts a container as pflag does: clusters, `=`, the first bare word is the
//! image, everything behind it is the container's.

use gdoctor_checks::model::run::{
    Argument, Image, Mount, NamedFile, RunLine, RunOption, Secret, Span, Unset, Variable,
};

use gdoctor_checks::readings::misplaced;

use super::flags::{self, Dialect, Flag, Kind};
use super::{Wrong, mounts, numbers, podman, things, values};
use crate::need::shell::{Text, Word};
use crate::reference;
use crate::secret;

/// Variables whose values checks read; of all others only the name is kept.
const READ: [&str; 9] = [
    "PATH",
    "DISPLAY",
    "XAUTHORITY",
    "WAYLAND_DISPLAY",
    "XDG_RUNTIME_DIR",
    "QT_X11_NO_MITSHM",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_VERSION",
    "DOCKER_API_VERSION",
];
/// NVIDIA's toolkit reads any that begin so; Swarm's are those that its config.toml may name.
const READ_ALL_OF: [&str; 2] = ["NVIDIA_", "DOCKER_RESOURCE_"];

/// Where the command is started.
pub struct Place<'a> {
    /// What `-e NAME` passes on.
    pub passed: &'a dyn Fn(&str) -> Option<Text>,
    pub cwd: &'a str,
    /// The working directory is known only when the text runs.
    pub open_folder: bool,
}

pub struct Reader<'a> {
    text: &'a str,
    words: &'a [Word],
    /// Variables that nobody sets and that leave no word at all.
    vanished: &'a [(String, Span)],
    place: Place<'a>,
    dialect: Dialect,
    line: RunLine,
}

impl<'a> Reader<'a> {
    /// The options begin at the word `first`.
    pub fn read(mut self, first: usize) -> Result<RunLine, Wrong> {
        self.line.text = self.text.to_owned();
        self.line.words = self.words[first..].iter().map(|word| word.value.clone()).collect();
        self.line.podman = self.dialect.podman;
        self.line.creates = self.dialect.creates;
        let (begin, end) = (self.words[0].span, self.words[first - 1].span);
        let whole = if begin.start <= end.end { Span::new(begin.start, end.end) } else { begin };
        self.line.command = self.argument(whole, whole, whole, false);
        self.line.by = Some(self.line.command.origin());
        self.whole(first)?;
        let mut at = first;
        while let Some(word) = self.words.get(at) {
            at = match word.value.as_str() {
                "--" => {
                    at += 1;
                    break;
                }
                text if text.starts_with("--") && word.unknown.is_none() => self.long(at, self.dialect)?,
                text if text.starts_with("--") && text.contains('=') => self.long(at, self.dialect)?,
                text if text.starts_with('-') && text.len() > 1 => self.cluster(at, self.dialect)?,
                _ if self.may_be_options(at) => {
                    let argument = self.word(word);
                    self.line.options.push(RunOption { name: "…".into(), at: argument, ..RunOption::default() });
                    at + 1
                }
                _ => break,
            };
        }
        let Some(image) = self.words.get(at) else {
            return Err(self.no_image());
        };
        self.image(image);
        self.unset();
        self.line.program = self.words.get(at + 1).map(|word| word.value.clone()).unwrap_or_default();
        self.line.behind = self.behind(at + 1);
        self.line.arguments = self.words[at + 1..].iter().map(|word| self.word(word)).collect();
        self.no_image_behind_blank();
        Ok(self.line)
    }

    pub fn new(
        text: &'a str,
        words: &'a [Word],
        vanished: &'a [(String, Span)],
        place: Place<'a>,
        dialect: Dialect,
    ) -> Self {
        Self { text, words, vanished, place, dialect, line: RunLine::default() }
    }

    /// Lines that were joined or parted on their way here: ` \ --name` is one word that begins with a blank, and a line without a
    /// backslash at its end is a command of its own.
    fn whole(&self, first: usize) -> Result<(), Wrong> {
        for word in &self.words[first..] {
            let source = self.text.get(word.span.start..).unwrap_or_default();
            if word.value.starts_with([' ', '\t']) && source.starts_with(['\\']) {
                let what = "this backslash makes the blank behind it a part of the word";
                let help = "a backslash goes on only at the end of a line: take it out here";
                return Err(Wrong::at(Span::new(word.span.start, word.span.start + 2), what, help));
            }
            if let Some(at) = self.text.get(word.span.start..word.span.end).and_then(joined) {
                let at = word.span.start + at;
                let what = "no blank stands before this backslash: the shell joins the words of both lines to one";
                return Err(Wrong::at(Span::new(at, at + 1), what, "write a blank before the backslash"));
            }
        }
        let last = self.words.last().map(|word| word.span);
        if let Some(span) = last.filter(|span| self.text.get(span.start..span.end) == Some("\\\\")) {
            let what =
                "two backslashes stand here: the shell makes one of them, which goes to docker, and ends the line";
            return Err(Wrong::at(span, what, "take one of them away"));
        }
        match self.next_line() {
            Some((wrong, next)) if is_option(next) => Err(wrong),
            _ => Ok(()),
        }
    }

    /// The first word of the line below, and what is wrong if it belongs to the command: the line has no backslash, or a comment or an
    /// empty line stands between.
    fn next_line(&self) -> Option<(Wrong, &str)> {
        const BLANKS: [char; 3] = [' ', '\t', '\r'];
        let last = self.words.last().filter(|word| !word.fixed)?;
        let rest = self.text.get(last.span.end..)?.trim_start_matches(BLANKS);
        let goes_on = rest.strip_prefix("\\\n");
        let body = goes_on.unwrap_or(rest).trim_start_matches(BLANKS);
        let at = |rest: &str, length: usize| {
            let start = self.text.len() - rest.len();
            Span::new(start, start + length)
        };
        let (line, behind) = body.split_once('\n')?;
        let (span, what, help) = match (line.trim().is_empty(), line.starts_with('#'), goes_on) {
            (_, true, _) => (
                at(body, line.trim_end().len()),
                "a comment stands here, and the command ends before it",
                "no comment stands within a command of several lines: take it out",
            ),
            (true, _, Some(_)) => (
                at(rest, 1),
                "an empty line stands below this backslash, and the command ends there",
                "take the empty line out",
            ),
            (true, _, None) => (
                Span::new(last.span.start, last.span.end),
                "the command ends with this line: no backslash goes on to the next, which belongs to it",
                "end each line but the last with ` \\`",
            ),
            _ => return None,
        };
        let next = behind.lines().map(str::trim).find(|line| !line.starts_with('#'))?;
        Some((Wrong::at(span, what, help), next.split_whitespace().next()?))
    }

    fn no_image(&self) -> Wrong {
        let is_image = |word: &str| word.contains(['/', ':']) && reference::image(word).is_ok();
        if let Some((wrong, _)) = self.next_line().filter(|(_, next)| is_image(next)) {
            return wrong;
        }
        // `$my-image` leaves `-image`, which reads as options.
        let left = self.words.iter().rev().find(|word| !word.unset.is_empty() && word.value.starts_with('-'));
        if let Some(wrong) = left.and_then(|word| self.leftover(word)) {
            return wrong;
        }
        if let Some((name, span)) = self.vanished.last() {
            let what = format!("{name} is empty or not set here, so nothing stands where the image belongs");
            return Wrong::at(*span, &what, &format!("give {name} its value first, or write the image itself"));
        }
        let end = self.words.last().map_or(0, |word| word.span.end);
        let help = format!("{} {} [OPTIONS] IMAGE [COMMAND]", self.dialect.program(), self.dialect.verb());
        Wrong::at(Span::at(end), "no image is named", &help)
    }

    /// A word that is known only when the text runs stands where options end. It is the image unless it is called otherwise, or
    /// what follows it can only be an option or an image.
    fn may_be_options(&self, at: usize) -> bool {
        let word = &self.words[at];
        if word.unknown.is_none() || !word.may_part {
            return false;
        }
        let name = word.sole_variable(0).unwrap_or(&word.value).to_ascii_lowercase();
        let called = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        let Some(follows) = self.words.get(at + 1) else { return false };
        // `CONTAINER_FLAGS`, `IMAGE_ARGS`: the last part says what it holds.
        let last = name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).rsplit('_').next().unwrap_or_default();
        if ["opt", "arg", "flag", "param"].iter().any(|part| last.starts_with(part)) {
            return true;
        }
        if called(&["image", "img", "tag", "repo", "container"]) {
            return false;
        }
        let is_image = follows.value.contains([':', '/']) && reference::image(&follows.value).is_ok();
        // Two that are not known: the one that is called so is the image.
        let after =
            follows.sole_variable(0).filter(|_| follows.unknown.is_some()).unwrap_or_default().to_ascii_lowercase();
        let is_image = is_image || ["image", "img", "tag", "repo"].iter().any(|part| after.contains(part));
        called(&["opt", "arg", "flag", "param", "env", "vol", "port", "gpu", "extra", "dev"])
            || follows.value.starts_with('-')
            || is_image
            || self.may_be_options(at + 1)
    }

    /// The options behind the image, which docker hands to the program.
    fn behind(&self, first: usize) -> Vec<Argument> {
        let mut at = first;
        while let Some(word) = self.words.get(at).filter(|word| word.value.len() > 1 && word.unknown.is_none()) {
            let (name, has_value) =
                word.value.split_once('=').map_or((word.value.as_str(), false), |(name, _)| (name, true));
            let flag = match name.strip_prefix("--") {
                Some(long) => self.dialect.long(long),
                None => name.strip_prefix('-').and_then(|letters| {
                    let flags: Option<Vec<&Flag>> = letters.chars().map(|letter| self.dialect.short(letter)).collect();
                    flags.and_then(|flags| {
                        let (last, before) = flags.split_last()?;
                        before.iter().all(|flag| flag.kind == Kind::Switch).then_some(*last)
                    })
                }),
            };
            let Some(flag) = flag.filter(|flag| flag.name != "help") else { break };
            let takes_next = flag.kind != Kind::Switch && !has_value;
            if takes_next && self.words.get(at + 1).is_none() {
                break;
            }
            at += if takes_next { 2 } else { 1 };
        }
        self.words[first..at].iter().map(|word| self.word(word)).collect()
    }

    /// What stands behind a blank within a value is no image, whatever it reads like.
    fn no_image_behind_blank(&mut self) {
        let named = self.line.all("image").next().is_some();
        let Some(name) =
            misplaced::parted(&self.line, self.text).filter(|_| !named).map(|parted| parted.option.name.clone())
        else {
            return;
        };
        if let Some(image) = &self.line.image {
            let refused = Some(format!("it is a part of the value of --{name}"));
            let (value, at) = (image.reference.clone(), image.at.clone());
            self.line.options.push(RunOption { name: "image".into(), value, at, refused, ..RunOption::default() });
        }
    }

    /// Variables that nobody sets, each once, with the first argument that it empties.
    fn unset(&mut self) {
        let mut found: Vec<Unset> = Vec::new();
        let arguments = self
            .line
            .options
            .iter()
            .map(|option| (&option.at, option.refused.is_some() || !option.versions.is_empty()));
        let arguments: Vec<(Argument, bool)> = arguments.map(|(at, refused)| (at.clone(), refused)).collect();
        for (name, span) in self.vanished {
            // The option before it took the word behind it.
            let within = |option: &&RunOption| option.at.span.start < span.start && span.end <= option.at.value.start;
            let Some(option) = self.line.options.iter().find(within) else { continue };
            let image = self.line.all("image").next().is_some();
            let breaks = option.refused.is_some() || option.takes_option || image;
            found.push(Unset { name: name.clone(), at: vec![option.at.clone()], breaks, takes_next: true });
        }
        for word in self.words {
            for name in &word.unset {
                let name = &self.as_written(name, word);
                let within =
                    |at: &&(Argument, bool)| at.0.span.start <= word.span.start && word.span.end <= at.0.span.end;
                let named = arguments.iter().find(within);
                let is_image = self.line.image.as_ref().is_some_and(|image| image.at.span == word.span);
                let image = || is_image.then(|| (self.word(word), self.line.all("image").next().is_some()));
                let Some((at, breaks)) = named.cloned().or_else(image) else { continue };
                match found.iter_mut().find(|known| known.name == *name) {
                    Some(known) => {
                        known.breaks |= breaks;
                        known.at.push(at);
                    }
                    None => found.push(Unset { name: name.clone(), at: vec![at], breaks, takes_next: false }),
                }
            }
        }
        self.line.unset = found;
    }

    /// `docker-root` of `$docker-root`, of which the shell replaces `$docker` alone: a place that the reader was to fill in.
    fn as_written(&self, name: &str, word: &Word) -> String {
        let source = self.text.get(word.span.start..word.span.end).unwrap_or_default();
        let behind = source.split_once(&format!("${name}")).map(|(_, rest)| rest).filter(|rest| rest.starts_with('-'));
        let end = |rest: &str| rest.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(rest.len());
        let rest = behind.map_or("", |rest| rest[..end(rest)].trim_end_matches('-'));
        let small = name.bytes().all(|b| b.is_ascii_lowercase());
        if small && rest.len() > 1 { format!("{name}{rest}") } else { name.to_owned() }
    }

    /// What is left of a variable that nobody sets is no option.
    fn leftover(&self, word: &Word) -> Option<Wrong> {
        let name = self.as_written(word.unset.first()?, word);
        let what = format!("${name} is not set here, and leaves {} in its place", word.value);
        Some(Wrong::at(word.span, &what, &format!("write your own value in the place of ${name}")))
    }

    /// `--name`, `--name=value`, `--name value`; returns the index behind it.
    fn long(&mut self, at: usize, dialect: Dialect) -> Result<usize, Wrong> {
        let word = &self.words[at];
        let name = word.value[2..].split('=').next().unwrap_or_default();
        let Some(flag) = dialect.long(name) else {
            return Err(self.leftover(word).unwrap_or_else(|| unknown(word, name, dialect)));
        };
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
            let Some(flag) = dialect.short(letter) else {
                return Err(self.leftover(word).unwrap_or_else(|| unknown_letter(word, index, letter, dialect)));
            };
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
            let long = word.value[1..].split('=').next().unwrap_or_default();
            let meant = place == 0 && long.len() > 2 && word.value.contains('=') && dialect.long(long).is_some();
            if let Some(option) = self.line.options.last_mut().filter(|_| meant) {
                option.one_hyphen = true;
            }
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
        let option = &self.words[at];
        let swallows = flag.kind != Kind::Int && self.is_known_option(&value.value);
        let between = self.text.get(option.span.end..value.span.start);
        let together = between.is_some_and(|between| between.chars().all(|c| c.is_whitespace() || "\\\"'".contains(c)));
        if !together {
            // The option and its value are written in two places: there is no one piece of text to take out.
            let removal = Span::at(option.span.start);
            self.push(flag, value, 0, option.span, value.span, removal);
            self.mark_swallowed(swallows);
            return Ok(at + 2);
        }
        let span = Span::new(start, value.span.end);
        // Inside a cluster the other letters stay, and the value goes with this one.
        let removal = if start == option.span.start { self.removal(span) } else { span };
        self.push(flag, value, 0, span, value.span, removal);
        self.mark_swallowed(swallows);
        Ok(at + 2)
    }

    /// An option of the program's own, whole.
    fn is_known_option(&self, word: &str) -> bool {
        let name = word.split('=').next().unwrap_or_default();
        match name.strip_prefix("--") {
            Some(long) => self.dialect.long(long).is_some(),
            None => name.strip_prefix('-').is_some_and(|letters| {
                !letters.is_empty() && letters.chars().all(|letter| self.dialect.short(letter).is_some())
            }),
        }
    }

    fn mark_swallowed(&mut self, swallows: bool) {
        if let Some(option) = self.line.options.last_mut() {
            option.takes_option = swallows;
        }
    }

    fn switch_on(&mut self, flag: &'static Flag, word: &Word, span: Span, removal: Span) {
        let at = self.argument(span, Span::at(span.end), removal, word.unknown.is_some());
        self.line.options.push(RunOption {
            name: flag.name.into(),
            value: "true".into(),
            at,
            versions: flags::versions(flag.name),
            ..RunOption::default()
        });
    }

    fn push(&mut self, flag: &'static Flag, word: &Word, from: usize, span: Span, value: Span, removal: Span) {
        // One of many values is as good as another where docker takes any.
        let free = [Kind::Name, Kind::Variable, Kind::Label].contains(&flag.kind)
            || ["hostname", "log-opt"].contains(&flag.name);
        let relative = self.place.open_folder
            && [Kind::Volume, Kind::Mount, Kind::InFile, Kind::NewFile].contains(&flag.kind)
            && word.value.get(from..).is_some_and(|value| value.starts_with('.') || value.contains("=."));
        let removal = if word.fixed { Span::at(removal.start) } else { removal };
        let at = self.argument(
            span,
            value,
            removal,
            word.unknown.is_some() || (word.any && !free) || relative || (from == 0 && word.is_pattern()),
        );
        let text = word.value.get(from..).unwrap_or_default();
        let name = flag.means.unwrap_or(flag.name);
        let podman = self.line.podman;
        let refuses = if podman { podman::refused } else { values::refused };
        let own_word = |text: &str| if podman { podman::other_word(flag.name, text) } else { None };
        let why = |text: &str| {
            things::windows_path(flag.kind, text).or_else(|| refuses(flag.kind, text)).or_else(|| own_word(text))
        };
        let refused = if at.opaque { None } else { why(text) };
        let mut versions = flags::versions(flag.name);
        if !at.opaque {
            versions.extend(values::versions(flag, text));
        }
        let kept = match flag.kind {
            Kind::Switch => numbers::switch(text).map_or(text.into(), |on| on.to_string()),
            // No secrets: what a variable holds is of no matter but for a few.
            Kind::Variable => text.split('=').next().unwrap_or_default().into(),
            _ => text.to_owned(),
        };
        if refused.is_none() && !at.opaque {
            self.typed(flag.kind, text, from, word, &at);
        } else if flag.kind == Kind::Variable {
            self.variable(text, from, word, &at);
        }
        self.line.options.push(RunOption {
            name: name.into(),
            value: kept,
            at,
            refused,
            versions,
            ..RunOption::default()
        });
    }

    fn typed(&mut self, kind: Kind, text: &str, from: usize, word: &Word, at: &Argument) {
        let line = &mut self.line;
        let at = || at.clone();
        let cwd = self.place.cwd;
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
            Kind::Volume => {
                // Podman makes no folder on the host, and its options are its own.
                let podman = line.podman;
                let read =
                    if podman { text.splitn(3, ':').take(2).collect::<Vec<_>>().join(":") } else { text.to_owned() };
                let mount = mounts::volume(&read, cwd);
                line.mounts.extend(mount.map(|mount| Mount {
                    at: at(),
                    makes_folder: mount.makes_folder && !podman,
                    ..mount
                }));
            }
            Kind::Mount => line.mounts.extend(mounts::mount(text, cwd).map(|mount| Mount { at: at(), ..mount })),
            Kind::NewFile if text.is_empty() => {}
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
        let passed = if value.is_none() { (self.place.passed)(name) } else { None };
        let opaque = at.opaque || passed.as_ref().is_some_and(|text| text.unknown.is_some());
        let held = value.map(str::to_owned).or_else(|| passed.map(|text| text.shown()));
        let read = READ.contains(&name) || READ_ALL_OF.iter().any(|begin| name.starts_with(begin));
        if let Some(equals) = text.find('=').filter(|equals| secret::holds(name, &text[equals + 1..])) {
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
            value: held.filter(|_| read && !opaque),
            from: of_shell.or_else(|| value.is_none().then(|| name.to_owned())),
            at: Argument { opaque, ..at.clone() },
        });
    }

    fn image(&mut self, word: &Word) {
        let at = self.word(word);
        let registry = if at.opaque { None } else { reference::image(&word.value).ok().flatten() };
        let refused = if at.opaque { None } else { reference::image(&word.value).err() };
        if refused.is_some() {
            let option = RunOption {
                name: "image".into(),
                value: word.value.clone(),
                at: at.clone(),
                refused,
                ..RunOption::default()
            };
            self.line.options.push(option);
        }
        self.line.image = Some(Image { reference: word.value.clone(), registry, at });
    }

    fn word(&self, word: &Word) -> Argument {
        self.argument(word.span, word.span, self.removal(word.span), word.unknown.is_some())
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

/// Where a word without quotes goes on at the start of the next line, as nobody parts a word on purpose: not behind `:`, `,`, `=` or `/`.
fn joined(source: &str) -> Option<usize> {
    let is_end = |c: char| c.is_ascii_alphanumeric() || "}\"'".contains(c);
    let is_start = |c: char| c.is_ascii_alphanumeric() || "-$\"'".contains(c);
    let quoted = |c: char| "\"'".contains(c);
    source.match_indices("\\\n").map(|(at, _)| at).find(|at| {
        let (before, behind) = (&source[..*at], &source[at + 2..]);
        let (Some(last), Some(next)) = (before.chars().next_back(), behind.chars().next()) else { return false };
        let open = ['"', '\''].iter().any(|quote| !before.matches(*quote).count().is_multiple_of(2));
        is_end(last) && is_start(next) && !open && !(quoted(last) && quoted(next))
    })
}

/// `--name`, `-it`: no program prints a line that begins so, but for a shell's own complaint: `-bash: …`.
fn is_option(word: &str) -> bool {
    let name = word.split('=').next().unwrap_or_default();
    let letters = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    match name.strip_prefix("--") {
        Some(long) => letters(long) && !long.starts_with('-'),
        None => name.strip_prefix('-').is_some_and(|short| {
            short.len() <= 3 && short.bytes().all(|b| b.is_ascii_alphabetic()) && !short.is_empty()
        }),
    }
}

fn unknown(word: &Word, name: &str, dialect: Dialect) -> Wrong {
    let what = format!("--{name} is no option of `{} {}`", dialect.program(), dialect.verb());
    let cluster =
        name.len() > 1 && name.chars().all(|letter| dialect.short(letter).is_some_and(|f| f.kind == Kind::Switch));
    let help = match dialect.nearest(name) {
        _ if name.split(' ').next().is_some_and(|first| first != name && dialect.long(first).is_some()) => {
            "the quotes make one word of the option and its value: take them away".to_owned()
        }
        _ if cluster => format!("did you mean -{name}, with one hyphen?"),
        Some(near) => format!("did you mean --{near}?"),
        None => format!("`{} {} --help` lists them", dialect.program(), dialect.verb()),
    };
    Wrong::at(word.span, &what, &help)
}

fn unknown_letter(word: &Word, index: usize, letter: char, dialect: Dialect) -> Wrong {
    let what = format!("-{letter} is no option of `{} {}`", dialect.program(), dialect.verb());
    let long = word.value[1..].split('=').next().unwrap_or_default();
    let help = match dialect.nearest(long).filter(|near| long.len() > 2 || *near == long) {
        Some(near) => format!("did you mean --{near}, with two hyphens?"),
        None => format!("`{} {} --help` lists them", dialect.program(), dialect.verb()),
    };
    let span = if word.value.len() > 2 { word.place_of(index) } else { word.span };
    Wrong::at(span, &what, &help)
}

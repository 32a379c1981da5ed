//! A fix as its `doc.md` tells it: commands for one family of hosts or another, their risk, and the official page.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::model::facts::host::{DISTRIBUTIONS, FAMILIES};

/// What running the commands does to the host. Printed beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Changes nothing that matters to anybody else.
    Safe,
    /// The commands change nothing at all: what the title says is done by hand.
    Looks,
    NeedsRoot,
    /// Running containers stop unless live-restore is on.
    RestartsDocker,
    /// The one that the fix is about.
    StopsContainer,
    /// Stops or restarts another service than Docker's.
    InterruptsService,
    EndsPrograms,
    LogInAgain,
    Reboot,
    /// Deletes data.
    Destructive,
}

impl Risk {
    pub const ALL: [Risk; 10] = [
        Risk::Safe,
        Risk::Looks,
        Risk::NeedsRoot,
        Risk::RestartsDocker,
        Risk::StopsContainer,
        Risk::InterruptsService,
        Risk::EndsPrograms,
        Risk::LogInAgain,
        Risk::Reboot,
        Risk::Destructive,
    ];

    /// The words of `- risk:` lines.
    pub fn words(self) -> &'static str {
        match self {
            Risk::Safe => "safe",
            Risk::Looks => "commands only look",
            Risk::NeedsRoot => "needs root",
            Risk::RestartsDocker => "restarts Docker",
            Risk::StopsContainer => "stops a container",
            Risk::InterruptsService => "interrupts a service",
            Risk::EndsPrograms => "ends programs",
            Risk::LogInAgain => "log in again",
            Risk::Reboot => "reboot",
            Risk::Destructive => "destructive",
        }
    }

    pub fn from_words(words: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|risk| risk.words() == words)
    }
}

/// One fence of a fix.
#[derive(Clone, Debug, PartialEq)]
pub struct Commands<'a> {
    /// Tags behind `sh`: all of them must be among the host's tags (`debian`, `systemd`, `snap` …) for the fence to apply; `no-snap`
    /// applies where `snap` is not among them.
    pub tags: Vec<&'a str>,
    /// The lines between the fence marks, with `{placeholders}`.
    pub text: &'a str,
}

/// One line beside the commands, tagged as fences are.
#[derive(Clone, Debug, PartialEq)]
pub struct Note<'a> {
    pub tags: Vec<&'a str>,
    pub text: &'a str,
}

/// What a `- verify:` or `- undo:` line is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step<T> {
    /// Lines for a shell.
    Command(T),
    /// What no command does, or need not do.
    Sentence(T),
}

impl<T: AsRef<str>> Step<T> {
    /// The line, whatever it is.
    pub fn text(&self) -> &str {
        match self {
            Self::Command(text) | Self::Sentence(text) => text.as_ref(),
        }
    }

    /// The line, where it can be pasted.
    pub fn command(&self) -> Option<&str> {
        match self {
            Self::Command(text) => Some(text.as_ref()),
            Self::Sentence(_) => None,
        }
    }
}

impl<T> Step<T> {
    /// The same kind of line with another text.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Step<U> {
        match self {
            Self::Command(text) => Step::Command(change(text)),
            Self::Sentence(text) => Step::Sentence(change(text)),
        }
    }
}

impl<'a> Note<'a> {
    /// A sentence begins with a capital letter, a command with a word of the shell; tests/contract.rs holds that.
    pub fn step(&self) -> Step<&'a str> {
        match self.text.starts_with(char::is_uppercase) {
            true => Step::Sentence(self.text),
            false => Step::Command(self.text),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fix<'a> {
    pub name: &'a str,
    /// An imperative sentence: "Add the user to the docker group".
    pub title: &'a str,
    /// The title where the commands of some systems do another thing than those of the others.
    pub titles: Vec<Note<'a>>,
    pub commands: Vec<Commands<'a>>,
    pub risks: Vec<Risk>,
    /// What to know before or after, a sentence each.
    pub notes: Vec<Note<'a>>,
    /// Commands of ordinary programs that fail before the fix and end well after it.
    pub verify: Vec<Note<'a>>,
    /// Commands that take back what the fix's changed, or a sentence that says why none does.
    pub undo: Vec<Note<'a>>,
    /// Every file that the commands write, or `nothing`; [`PACKAGES`] where they install some. Without such a line `gdoctor fix` only
    /// shows the fix.
    pub writes: Vec<Note<'a>>,
    /// What is changed where the commands open an editor or have sed change a file: see [`Edit::parse`].
    pub edits: Vec<Note<'a>>,
    /// The official page that the commands come from.
    pub page: &'a str,
}

/// The word of a `- writes:` line that names no file.
pub const NOTHING: &str = "nothing";
/// The word of a `- writes:` line for what a package manager puts in place.
pub const PACKAGES: &str = "packages";

/// One change of a file by its structure, with `{placeholders}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit<T> {
    pub path: T,
    pub form: Form,
    pub change: Change<T>,
}

/// How the file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Json,
    Toml,
    /// A unit of systemd's, or a drop-in of one.
    Unit,
    /// Lines of options: `DOCKER_OPTS="--debug"`, or a unit's `ExecStart=`.
    Options,
    /// Settings of the kernel's, as in /etc/sysctl.d.
    Sysctl,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<T> {
    /// The key gets this value, written as JSON: a text, a number, true, false, or a list of these.
    Set(Key<T>, T),
    /// The list gets this value besides what it has.
    Add(Key<T>, T),
    /// A key; in a unit a whole line, among options one of them.
    Remove(Key<T>),
    /// What is wrong by the form's own grammar, where one mend alone is possible; in a unit that of the line of this number, in JSON
    /// `values`: those of dockerd's keys that are of another kind than it wants; `names`: keys that are nearly one of dockerd's.
    Mend(Option<T>),
}

/// The names on the way to a key, from the top: `features.cdi` is two.
pub type Key<T> = Vec<T>;

impl<'a> Edit<&'a str> {
    /// The text of an `- edit:` line: `PATH json|toml set|add KEY VALUE`, `PATH json|toml remove KEY`, `PATH json mend [values|names]`, `PATH options mend NUMBER`,
    /// `PATH unit remove LINE`, `PATH unit mend NUMBER`, `PATH options remove OPTION`, `PATH sysctl set NAME NUMBER`.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut words = text.splitn(4, ' ');
        let (path, form, verb, rest) = (words.next()?, words.next()?, words.next()?, words.next());
        let form = match form {
            "json" => Form::Json,
            "toml" => Form::Toml,
            "unit" => Form::Unit,
            "options" => Form::Options,
            "sysctl" => Form::Sysctl,
            _ => return None,
        };
        let has_keys = matches!(form, Form::Json | Form::Toml);
        let key = |text: &'a str| if has_keys { text.split('.').collect() } else { Vec::from([text]) };
        let change = match (verb, rest) {
            ("set", Some(rest)) if form == Form::Sysctl => {
                let (name, value) = rest.split_once(' ')?;
                Change::Set(key(name), value)
            }
            ("set" | "add", Some(rest)) if has_keys => {
                let (name, value) = rest.split_once(' ')?;
                if verb == "set" { Change::Set(key(name), value) } else { Change::Add(key(name), value) }
            }
            ("remove", Some(rest)) if !has_keys || !rest.contains(' ') => Change::Remove(key(rest)),
            ("mend", None) if form == Form::Json => Change::Mend(None),
            ("mend", Some("values" | "names")) if form == Form::Json => Change::Mend(rest),
            ("mend", Some(_)) if matches!(form, Form::Unit | Form::Options) => Change::Mend(rest),
            _ => return None,
        };
        Some(Self { path, form, change })
    }
}

impl<T> Change<T> {
    /// With other texts: first those that name a place, then those that are values. None where one of them is none.
    pub fn map<U>(self, place: impl Fn(T) -> U, value: impl Fn(T) -> Option<U>) -> Option<Change<U>> {
        let key = |key: Key<T>| key.into_iter().map(&place).collect();
        Some(match self {
            Self::Set(name, new) => Change::Set(key(name), value(new)?),
            Self::Add(name, new) => Change::Add(key(name), value(new)?),
            Self::Remove(name) => Change::Remove(key(name)),
            Self::Mend(line) => Change::Mend(line.map(&place)),
        })
    }
}

impl<'a> Fix<'a> {
    /// The fences that apply to a host with these tags, in their order. Where a step is known for other systems only, what
    /// follows it is left out too: it would be done without what it needs.
    pub fn commands_for(&self, host_tags: &[String]) -> Vec<&'a str> {
        let known = self.commands.iter().take(self.known_steps(host_tags));
        known.filter(|fence| hold(&fence.tags, host_tags)).map(|fence| fence.text).collect()
    }

    /// What its commands do on a host with these tags.
    pub fn title_for(&self, host_tags: &[String]) -> &'a str {
        notes_for(&self.titles, host_tags).first().map_or(self.title, |title| title.text)
    }

    /// All its commands are for a kind of machine that this host is not.
    pub fn is_of_another_machine(&self, host_tags: &[String]) -> bool {
        let is_other = |tag: &&str| MACHINES.contains(tag) && !host_tags.iter().any(|own| own == tag);
        !self.commands.is_empty() && self.commands.iter().all(|fence| fence.tags.iter().any(is_other))
    }

    /// A step of it is known for other systems only.
    pub fn lacks_a_step(&self, host_tags: &[String]) -> bool {
        self.known_steps(host_tags) < self.commands.len()
    }

    /// How many of the fences come before one that is missing here.
    fn known_steps(&self, host_tags: &[String]) -> usize {
        let of_a_system = |fence: &Commands| fence.tags.iter().any(|tag| names_a_system(tag));
        let told = self.commands.iter().any(|fence| of_a_system(fence) && hold(&fence.tags, host_tags));
        let missing = |fence: &Commands| {
            let others: Vec<&str> = fence.tags.iter().copied().filter(|tag| !names_a_system(tag)).collect();
            !told && of_a_system(fence) && hold(&others, host_tags)
        };
        self.commands.iter().position(missing).unwrap_or(self.commands.len())
    }
}

/// Tags of machines that are told by more than their system.
const MACHINES: [&str; 2] = ["jetson", "wsl"];

fn names_a_system(tag: &str) -> bool {
    FAMILIES.contains(&tag) || DISTRIBUTIONS.contains(&tag)
}

/// The host has all of these tags; of `no-TAG` it has not TAG.
fn hold(tags: &[&str], host_tags: &[String]) -> bool {
    let has = |tag: &str| host_tags.iter().any(|own| own == tag);
    tags.iter().all(|tag| has(tag) || tag.strip_prefix("no-").is_some_and(|other| !has(other)))
}

/// The lines that apply to a host with these tags.
pub fn notes_for<'n, 'a>(notes: &'n [Note<'a>], host_tags: &[String]) -> Vec<&'n Note<'a>> {
    notes.iter().filter(|note| hold(&note.tags, host_tags)).collect()
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;

    fn fix(fences: &[(&'static str, &'static str)]) -> Fix<'static> {
        let fence =
            |(tags, text): &(&'static str, &'static str)| Commands { tags: tags.split_whitespace().collect(), text };
        let commands = fences.iter().map(fence).collect();
        Fix {
            name: "",
            title: "",
            titles: vec![],
            commands,
            risks: vec![],
            notes: vec![],
            verify: vec![],
            undo: vec![],
            writes: vec![],
            edits: vec![],
            page: "",
        }
    }

    #[test]
    fn nothing_follows_a_step_that_is_missing_here() {
        let tags = |text: &str| text.split_whitespace().map(|tag| tag.to_string()).collect::<Vec<_>>();
        let install = fix(&[("debian", "apt"), ("fedora", "dnf"), ("no-nixos", "configure"), ("systemd", "restart")]);
        assert_eq!(install.commands_for(&tags("debian systemd")), ["apt", "configure", "restart"]);
        assert!(
            install.commands_for(&tags("gentoo systemd")).is_empty() && install.lacks_a_step(&tags("gentoo systemd"))
        );
        let looks = fix(&[("", "ldconfig"), ("debian", "dpkg -S")]);
        assert_eq!(looks.commands_for(&tags("arch")), ["ldconfig"]);
        assert!(looks.lacks_a_step(&tags("arch")) && !looks.lacks_a_step(&tags("debian")));
        // Services by family only where systemd does not run.
        let service =
            fix(&[("systemd", "systemctl"), ("debian no-systemd", "service"), ("alpine no-systemd", "rc-service")]);
        assert_eq!(service.commands_for(&tags("gentoo systemd")), ["systemctl"]);
        assert!(!service.lacks_a_step(&tags("gentoo systemd")) && service.lacks_a_step(&tags("void no-systemd")));
        let kinds = fix(&[("debian no-pve", "linux-headers"), ("debian pve", "proxmox-headers")]);
        assert_eq!(kinds.commands_for(&tags("debian pve")), ["proxmox-headers"]);
        assert_eq!(kinds.commands_for(&tags("debian")), ["linux-headers"]);
    }
}

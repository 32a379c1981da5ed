//! The parent's half of `gdoctor __probe`: starts the same binary as a child, and turns the JSON lines that it managed to
//! write before its end into a group of facts.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use gdoctor_checks::model::fact::{Fact, Gap};
use nix::sys::signal::Signal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::process::{self, End};
use super::{Deadline, trust};
use crate::document::{typed, untyped};

/// The hidden subcommand that runs foreign code.
pub const SUBCOMMAND: &str = "__probe";
/// Where gdoctor, its loader (`ld.so`) and its libraries (`lib`) lie in a container that it started itself.
pub const WITHIN: &str = "/.gdoctor";
/// A probe's output is some kilobytes; more than this is a fault.
const CAP: usize = 4 << 20;

/// One line from the child: set a field of the group, or push an item to a list field.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Line {
    Set(String, Value),
    Push(String, Value),
    /// The probe has said all it had to say.
    Done,
}

/// Runs `gdoctor __probe NAME ARGUMENTS…` and reads a `T`, a struct whose fields are `Fact`s (or lists of structs).
///
/// A field that the child wrote is taken as it wrote it. When the child did not come to its end, every `Fact` field that it
/// did not write becomes Unknown with the reason, with `source` telling what was being asked.
pub fn probe<T>(name: &str, arguments: &[&str], source: &str, deadline: Deadline) -> T
where
    T: Default + Serialize + DeserializeOwned,
{
    let mut command = itself();
    command.arg(SUBCOMMAND).arg(name).args(arguments);
    // Foreign libraries are looked for where this says.
    if let Some(folders) = std::env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", trusted(&folders));
    }
    let ran = process::run(command, CAP, deadline);
    assemble(&ran.stdout, &ran.end, source)
}

/// The very file that runs, whatever lies at its path by now. In a container that gdoctor made, what runs is its loader.
fn itself() -> Command {
    let loader = PathBuf::from(format!("{WITHIN}/ld.so"));
    if std::fs::read_link("/proc/self/exe").is_ok_and(|exe| exe == loader) {
        let mut command = Command::new(loader);
        command.args(["--library-path".into(), format!("{WITHIN}/lib"), format!("{WITHIN}/gdoctor")]);
        return command;
    }
    let mut command = Command::new("/proc/self/exe");
    command.arg0("gdoctor");
    command
}

/// Those folders of a search path that nobody else may write to.
fn trusted(folders: &OsStr) -> OsString {
    let is_trusted = |folder: &PathBuf| folder.is_absolute() && trust::whole_path(folder).is_ok();
    std::env::join_paths(std::env::split_paths(folders).filter(is_trusted)).unwrap_or_default()
}

fn assemble<T>(stdout: &[u8], end: &End, source: &str) -> T
where
    T: Default + Serialize + DeserializeOwned,
{
    let (fields, done, rubbish) = read_lines(stdout);
    if done {
        return typed(&Value::Object(fields))
            .unwrap_or_else(|error| unknown_group(Gap::Bug(format!("the probe's facts do not fit: {error}")), source));
    }
    let gap = match (end, rubbish) {
        (_, Some(rubbish)) => Gap::Unparsable(rubbish),
        (End::Signalled(signal), _) => Gap::Crashed(signal_name(*signal)),
        (End::TimedOut, _) => Gap::TimedOut,
        (End::TooMuch, _) => Gap::Unparsable(format!("more than {CAP} bytes")),
        (End::Exited(code), _) => Gap::Crashed(format!("exit code {code}")),
        (End::NotStarted(why) | End::NoRoom(why), _) => Gap::NoRoom(format!("the probe did not start: {why}")),
    };
    overlaid(fields, gap, source)
}

/// A group whose every `Fact` field is unknown for the same reason.
#[inline(never)]
pub fn unknown_group<T: Default + Serialize + DeserializeOwned>(gap: Gap, source: &str) -> T {
    overlaid(Map::new(), gap, source)
}

/// The fields that are known, all other `Fact` fields unknown.
fn overlaid<T: Default + Serialize + DeserializeOwned>(mut fields: Map<String, Value>, gap: Gap, source: &str) -> T {
    let missing = untyped(&Fact::<()>::unknown(gap, source));
    if let Value::Object(mut all) = untyped(&T::default()) {
        fill_gaps(&mut all, &missing);
        for (name, value) in all {
            fields.entry(name).or_insert(value);
        }
    }
    typed(&Value::Object(fields)).unwrap_or_default()
}

/// Every fact that nobody asked becomes `missing`, those of groups within the group too.
fn fill_gaps(group: &mut Map<String, Value>, missing: &Value) {
    for value in group.values_mut() {
        match value {
            Value::Object(fact) if fact.contains_key("unknown") => *value = missing.clone(),
            Value::Object(inner) => fill_gaps(inner, missing),
            _ => {}
        }
    }
}

fn read_lines(stdout: &[u8]) -> (Map<String, Value>, bool, Option<String>) {
    let mut fields = Map::new();
    for line in stdout.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        match serde_json::from_slice(line) {
            Ok(Line::Set(name, value)) => {
                fields.insert(name, value);
            }
            Ok(Line::Push(name, value)) => {
                if let Value::Array(list) = fields.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                    list.push(value);
                }
            }
            Ok(Line::Done) => return (fields, true, None),
            Err(error) => return (fields, false, Some(format!("the probe wrote a line that is no fact: {error}"))),
        }
    }
    (fields, false, None)
}

fn signal_name(signal: i32) -> String {
    Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |signal| signal.as_str().into())
}

/// The child's half of the pipe.
pub struct Speaker;

impl Speaker {
    pub fn set<T: Serialize>(&self, field: &str, fact: Fact<T>) {
        self.say(&Line::Set(field.into(), untyped(&fact)));
    }

    pub fn push(&self, field: &str, item: impl Serialize) {
        self.say(&Line::Push(field.into(), untyped(&item)));
    }

    pub fn done(&self) {
        self.say(&Line::Done);
    }

    fn say(&self, line: &Line) {
        use std::io::Write;
        let mut bytes = serde_json::to_vec(line).unwrap_or_default();
        bytes.push(b'\n');
        let mut stdout = std::io::stdout().lock();
        // A parent that is gone needs no answer.
        let _ = stdout.write_all(&bytes).and_then(|()| stdout.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, serde::Deserialize, serde::Serialize)]
    #[serde(default)]
    struct Group {
        first: Fact<u32>,
        second: Fact<String>,
        list: Vec<u32>,
    }

    const START: &[u8] = b"{\"set\":[\"first\",{\"is\":7}]}\n{\"push\":[\"list\",1]}\n";

    #[test]
    fn libraries_come_from_folders_that_nobody_else_may_change() {
        use std::os::unix::fs::PermissionsExt;
        let open = tempfile::tempdir().unwrap();
        std::fs::set_permissions(open.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let folders = format!("/usr/lib:{}::relative:/no/such/folder:/usr/bin", open.path().display());
        assert_eq!(trusted(OsStr::new(&folders)), "/usr/lib:/usr/bin");
    }

    #[test]
    fn what_was_said_before_a_hang_is_kept_and_the_rest_has_the_reason() {
        for (end, gap) in [
            (End::TimedOut, Gap::TimedOut),
            (End::Signalled(6), Gap::Crashed("SIGABRT".into())),
            (End::Exited(101), Gap::Crashed("exit code 101".into())),
        ] {
            let group: Group = assemble(START, &end, "somewhere");
            assert_eq!(group.first.value(), Some(&7));
            assert_eq!(group.list, [1]);
            assert_eq!(group.second.gap(), Some(&gap));
            assert_eq!(group.second.source.0, "somewhere");
        }
    }

    #[test]
    fn a_whole_answer_leaves_unsaid_fields_not_asked() {
        let whole = [START, b"\"done\"\n"].concat();
        let group: Group = assemble(&whole, &End::Exited(0), "x");
        assert_eq!(group.second.gap(), Some(&Gap::NotAsked));
    }

    #[test]
    fn rubbish_and_half_a_line_are_no_facts() {
        let rubbish: Group = assemble(b"Segmentation fault\n", &End::Exited(0), "x");
        assert!(matches!(rubbish.first.gap(), Some(Gap::Unparsable(_))));
        let half: Group = assemble(b"{\"set\":[\"first\",{\"is\":7}]}\n{\"set\":[\"sec", &End::TimedOut, "x");
        assert_eq!((half.first.value(), half.second.gap()), (Some(&7), Some(&Gap::TimedOut)));
        let wrong: Group = assemble(b"{\"set\":[\"first\",{\"is\":\"seven\"}]}\n\"done\"\n", &End::Exited(0), "x");
        assert!(matches!(wrong.first.gap(), Some(Gap::Bug(_))));
    }
}

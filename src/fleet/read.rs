//! Reports and facts files, from files, folders and standard input, as members of a fleet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{FORMAT, Fleet, Member, State, Told, Unread};
use crate::document::misread;
use crate::host::{input, threads};
use crate::report::Gate;
use crate::run;
use crate::snapshot::{self, Snapshot};

/// As many files are read of what is given.
const MOST_FILES: usize = 100_000;
/// Characters of a name, a version or a sentence that are kept.
const LONGEST: usize = 300;
/// Names of files that do not say whose report they hold.
const NAMELESS: [&str; 4] = ["report", "gdoctor", "host", "facts"];
const TORN: &str = "its documents go over several lines; jq -c . writes each in one";
/// How files of reports end.
const ENDINGS: [&str; 4] = ["json", "jsonl", "ndjson", "gdoctor"];

/// What was found.
#[derive(Default)]
pub struct Source {
    pub members: Vec<Member>,
    pub unread: Vec<Unread>,
    /// Documents of other programs.
    pub others: Vec<String>,
}

/// Everything below the paths; `-` is standard input with a document a line. Err names what is not there.
pub fn gather(paths: &[PathBuf]) -> Result<Source, String> {
    let mut all = Source::default();
    let mut files: Vec<(PathBuf, bool)> = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut each = |line: Result<&[u8], String>| all.take_line(line, "standard input");
            input::stdin_lines(snapshot::MOST, &mut each).map_err(|why| format!("standard input: {why}"))?;
        } else if input::is_folder(path) {
            let found =
                input::files_below(path, &ENDINGS, MOST_FILES).map_err(|why| format!("{}: {why}", path.display()))?;
            files.extend(found.into_iter().map(|file| (file, false)));
        } else {
            files.push((path.clone(), true));
        }
    }
    let crew = thread::available_parallelism().map_or(1, |cores| cores.get().min(8));
    let shares: Vec<&[(PathBuf, bool)]> = files.chunks(files.len().div_ceil(crew).max(1)).collect();
    for (share, read) in shares.iter().zip(threads::at_once(&shares, |share| read_all(share))) {
        let read = read.ok_or_else(|| format!("{} files could not be read: no memory", share.len()))?;
        all.members.extend(read.members);
        all.unread.extend(read.unread);
        all.others.extend(read.others);
    }
    Ok(all)
}

/// What a file says of itself is a fleet.
pub fn fleet_of(path: &Path) -> Option<Result<Fleet, String>> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(default)]
        format: String,
    }
    let bytes = input::regular_file(path, snapshot::MOST + 1)?.ok()?;
    let kind: Kind = serde_json::from_slice(&bytes).ok()?;
    let told = |why: serde_json::Error| format!("{}: this is no whole fleet: {why}", path.display());
    (kind.format == FORMAT).then(|| serde_json::from_slice(&bytes).map_err(told))
}

fn read_all(files: &[(PathBuf, bool)]) -> Source {
    let mut all = Source::default();
    for (path, given) in files {
        let shown = path.display().to_string();
        let name = name_of(path);
        let by_line = path.extension().is_some_and(|ending| ending == "jsonl" || ending == "ndjson");
        match input::regular_file(path, snapshot::MOST + 1) {
            Some(Ok(bytes)) if bytes.trim_ascii().is_empty() => all.take(Err("it is empty".into()), &shown, None),
            Some(Ok(bytes)) if by_line => {
                let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
                lines.for_each(|line| all.take_line(Ok(line), &shown));
            }
            // A folder may hold other documents too; who names a file means it.
            Some(Ok(bytes)) if !given && is_anothers(&bytes) => all.others.push(Gate::default().text(&shown)),
            Some(Ok(bytes)) => all.take(Ok(&bytes), &shown, name),
            Some(Err(why)) => all.take(Err(why.to_string()), &shown, None),
            None if input::is_there(path) => all.take(Err("it is no regular file".into()), &shown, None),
            None => all.take(Err("there is no such file".into()), &shown, None),
        }
    }
    all
}

/// A whole document with something in it which names no format of gdoctor's. What is torn or empty may be a report that was not
/// written to its end.
fn is_anothers(bytes: &[u8]) -> bool {
    let names = ["gdoctor-report", "gdoctor-facts"];
    let is_ours = names.iter().any(|name| memchr::memmem::find(bytes, name.as_bytes()).is_some());
    !is_ours && serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(bytes).is_ok_and(|object| !object.is_empty())
}

/// A file is named for its host, or its folder is.
fn name_of(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_string_lossy().into_owned();
    if !NAMELESS.contains(&&*stem) {
        return Some(stem);
    }
    Some(path.parent()?.file_name()?.to_string_lossy().into_owned())
}

impl Source {
    /// A document of one line. An indented one begins with a line that has its brace alone, and is told once.
    fn take_line(&mut self, line: Result<&[u8], String>, file: &str) {
        let is_part = line.as_ref().is_ok_and(|line| serde_json::from_slice::<IgnoredAny>(line).is_err());
        let is_indented = self.unread.last().is_some_and(|last| last.why == TORN);
        match line {
            Ok(_) if is_part && is_indented => {}
            Ok(line) if line.trim_ascii() == b"{" => self.take(Err(TORN.into()), file, None),
            line => self.take(line, file, None),
        }
    }

    fn take(&mut self, document: Result<&[u8], String>, file: &str, name: Option<String>) {
        let gate = Gate::default();
        let member = document.and_then(|bytes| member(bytes, name.as_deref()));
        match member {
            Ok(member) => self.members.push(Member { file: gate.text(file), ..member }),
            Err(why) => self.unread.push(Unread { file: gate.text(file), why: gate.told(&why) }),
        }
    }
}

/// The fields of a report that a fleet counts; see docs/gdoctor-report-1.json.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Written {
    format: String,
    schema_version: String,
    generated_at: String,
    tool: Tool,
    host: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    results: Vec<Row>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tool {
    version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Row {
    code: String,
    status: String,
    subject: String,
    summary: String,
    required: bool,
    cause: Option<String>,
    waiver: Option<Waiver>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Waiver {
    expired: bool,
}

fn member(bytes: &[u8], name: Option<&str>) -> Result<Member, String> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    snapshot::fits(bytes)?;
    let read = |bytes: &[u8]| -> Result<Written, String> {
        serde_json::from_slice(bytes).map_err(|why| format!("this is no whole report: {}", misread(bytes, &why)))
    };
    let written = read(bytes)?;
    match written.format.as_str() {
        "gdoctor-report" => of_report(written, name),
        "gdoctor-facts" => {
            let report = run::report_of(&Snapshot::read(bytes)?)?;
            of_report(read(&serde_json::to_vec(&report).unwrap_or_default())?, name)
        }
        _ => Err("this is neither a report (--format json) nor a facts file (gdoctor collect)".into()),
    }
}

/// What comes from other hosts is as harmless as what comes from this one.
fn of_report(written: Written, name: Option<&str>) -> Result<Member, String> {
    if !written.schema_version.starts_with("1.") {
        return Err(format!("it is of format version {:?}, and this gdoctor reads version 1", written.schema_version));
    }
    let gate = Gate::default();
    let kept = |text: &str| gate.text(text).chars().take(LONGEST).collect::<String>();
    let name = written.labels.get("host").map(String::as_str).or(name).map(kept).filter(|name| !name.is_empty());
    let name = name.ok_or("whose report it is, is not told: gdoctor --label host=NAME")?;
    if written.generated_at.is_empty() {
        return Err("it does not say when it was made (generatedAt)".into());
    }
    if let Some(odd) = written.results.iter().find(|row| !STATUSES.contains(&row.status.as_str())) {
        return Err(format!("it has the status {:?}, which this gdoctor does not know", odd.status));
    }
    let told: Vec<Told> = written.results.iter().filter_map(|result| told(result, &kept)).collect();
    let versions = super::VERSIONS.iter().filter_map(|of| {
        let value = match *of {
            "gdoctor" => Some(&written.tool.version),
            "engine" => written.host.get("docker"),
            of => written.host.get(of),
        };
        Some(((*of).to_owned(), kept(value.filter(|value| !value.is_empty())?)))
    });
    let of_host = |key: &str| written.host.get(key).map_or("", String::as_str);
    let machine = [of_host("machine"), of_host("system").split(' ').next().unwrap_or_default()].join(" ");
    Ok(Member {
        machine: kept(machine.trim()),
        state: told.iter().map(|told| told.state).min().unwrap_or(State::Pass),
        generated_at: kept(&written.generated_at),
        file: String::new(),
        labels: written.labels.iter().map(|(name, value)| (kept(name), kept(value))).collect(),
        versions: versions.collect(),
        told,
        name,
    })
}

/// Those of docs/gdoctor-report-1.json.
const STATUSES: [&str; 5] = ["pass", "warn", "fail", "unknown", "skip"];

/// `None` for what needs no care, what waits for another check and what the host's project lives with.
fn told(result: &Row, kept: &dyn Fn(&str) -> String) -> Option<Told> {
    let state = match result.status.as_str() {
        "fail" => State::Fail,
        "unknown" if result.required => State::Unknown,
        "warn" => State::Warn,
        _ => return None,
    };
    if result.cause.is_some() || result.waiver.as_ref().is_some_and(|waiver| !waiver.expired) {
        return None;
    }
    let (code, subject, summary) = (kept(&result.code), kept(&result.subject), kept(&result.summary));
    Some(Told { code, state, subject, summary })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_or_its_folder_has_the_hosts_name() {
        let name = |path: &str| name_of(Path::new(path)).unwrap_or_default();
        assert_eq!([name("day/robot-1.json"), name("robot-2/report.json")], ["robot-1", "robot-2"]);
        assert_eq!(name("report.json"), "");
    }
}

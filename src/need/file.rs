//! Reads gdoctor.toml: every key is a flag of the command line by its long name, its values are what the flag takes, and each
//! wish remembers its line. Waivers stand beside them.

use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, FromArgMatches};
use gdoctor_checks::ALL;
use gdoctor_checks::model::need::Need;
use gdoctor_checks::model::own::Asked;
use gdoctor_checks::model::run::Span;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::cli::Wishes;
use crate::host::{Host, trust};

use super::text::{SourceText, load};
use super::wish::ROWS;
use super::{CAP, Refusal, own};

/// The name that is looked for.
pub const NAME: &str = "gdoctor.toml";

/// A finding that the project has decided to live with, for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// `check/code`.
    pub code: String,
    /// Only of this subject; empty: of any.
    pub subject: String,
    pub reason: String,
    pub owner: String,
    /// The last day, `2026-12-31`.
    pub until: String,
}

/// What a gdoctor.toml says.
#[derive(Debug, Default)]
pub struct Project {
    pub need: Need,
    pub waivers: Vec<Waiver>,
    pub own: Vec<Asked>,
}

/// Which gdoctor.toml there is for this run, as it is called in reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectFile {
    pub path: String,
    /// Why nothing of it counts; `None`: it counts.
    pub left: Option<String>,
}

/// A gdoctor.toml, and its text where it counts.
pub struct Found {
    pub file: ProjectFile,
    at: PathBuf,
    text: String,
}

impl Found {
    /// What it says: nothing where it is left. `codes` are those of own checks that are written elsewhere.
    pub fn project(&self, codes: &[String]) -> Result<Project, Refusal> {
        if self.file.left.is_some() {
            return Ok(Project::default());
        }
        let project = parse_with(&self.file.path, &self.text, codes)?;
        if !project.own.is_empty() {
            own::trusted(&self.at, &self.file.path)?;
        }
        Ok(project)
    }
}

/// The file that was named, else the nearest one from the working directory up to the root of its repository, else nothing. One
/// that was not named counts only where nobody but root and this user could have written it: it can waive failures and ask for
/// contacts.
pub fn find(named: Option<&Path>, host: &Host) -> Result<Option<Found>, Refusal> {
    let cwd = host.cwd();
    let cwd = Path::new(&cwd);
    let (name, path) = match named {
        Some(path) if path.as_os_str() == "none" => return Ok(None),
        Some(path) => {
            let name = path.display().to_string();
            let at = cwd.join(path);
            let text = load(&at, &name, CAP, host)?;
            return Ok(Some(Found { file: ProjectFile { path: name, left: None }, at, text }));
        }
        None => {
            let is_there = |folder: &&Path| !host.live().lstat(folder.join(NAME)).is_absent();
            let Some(folder) = searched(cwd, host).into_iter().find(is_there) else { return Ok(None) };
            // In the working directory it is called by its name alone, as a repository's own tools call it.
            let path = folder.join(NAME);
            (if folder == cwd { NAME.to_owned() } else { path.display().to_string() }, path)
        }
    };
    if let Err(why) = trust::file_and_folder(&path) {
        let file = ProjectFile { path: name, left: Some(why.to_string()) };
        return Ok(Some(Found { file, at: path, text: String::new() }));
    }
    let text = load(&path, &name, CAP, host)?;
    Ok(Some(Found { file: ProjectFile { path: name, left: None }, at: path, text }))
}

/// The folders from the working directory up to the one with `.git`; the working directory alone where no folder above has one.
fn searched<'a>(cwd: &'a Path, host: &Host) -> Vec<&'a Path> {
    let is_root = |folder: &Path| !host.live().lstat(folder.join(".git")).is_absent();
    let depth = cwd.ancestors().position(is_root).unwrap_or(0);
    cwd.ancestors().take(depth + 1).collect()
}

/// Reads the text of a gdoctor.toml called `path`.
pub fn parse(path: &str, text: &str) -> Result<Project, Refusal> {
    parse_with(path, text, &[])
}

fn parse_with(path: &str, text: &str, codes: &[String]) -> Result<Project, Refusal> {
    let wrong = |span: std::ops::Range<usize>, what: String, help: String| Refusal {
        what,
        help,
        place: Some((path.to_owned(), text.to_owned(), Span::new(span.start, span.end))),
    };
    let table = DeTable::parse(text).map_err(|error| {
        wrong(error.span().unwrap_or_default(), error.message().to_owned(), remedy(error.message()))
    })?;
    let mut project = Project::default();
    let source = SourceText::new(path, text);
    if let Some(value) = table.get_ref().get("check") {
        project.own = own::read(path, text, value)?;
    }
    let codes: Vec<String> =
        codes.iter().cloned().chain(project.own.iter().flat_map(|asked| crate::own::codes(&asked.own))).collect();
    for (key, value) in table.get_ref().iter() {
        let name = key.get_ref().as_ref();
        match name {
            "check" => continue,
            "waiver" => {
                project.waivers = waivers(value, &codes, &wrong)?;
                continue;
            }
            _ => {}
        }
        let Some(row) = ROWS.iter().find(|row| row.key == name) else {
            let keys = ROWS.iter().map(|row| row.key).chain(["waiver", "check"]);
            let near = keys.map(|known| (strsim::damerau_levenshtein(known, name), known)).min();
            let help = match near.filter(|(distance, _)| *distance <= 1 + name.len() / 4) {
                Some((_, near)) => format!("did you mean {near}?"),
                None => {
                    "keys are the flags of `gdoctor check` by their long names: `gdoctor schema need` lists them".into()
                }
            };
            return Err(wrong(key.span(), format!("{name} is no key of gdoctor.toml"), help));
        };
        let values = match value.get_ref() {
            DeValue::Array(list) => list.iter().map(|value| (value.get_ref(), value.span())).collect(),
            one => vec![(one, value.span())],
        };
        for (value, span) in values {
            let shown = text.get(span.clone()).unwrap_or_default();
            let refused = |(what, help)| wrong(span.clone(), what, help);
            let arguments = arguments(name, value).map_err(refused)?;
            let wishes = wishes(&arguments).map_err(|error| refused(told(&error, name, shown)))?;
            let asks = Span::new(key.span().start, span.end.max(key.span().end));
            let mut need = Need::default();
            (row.read)(&wishes, &|_| source.origin(asks, format!("{name} = {shown}")), &mut need);
            (row.join)(&mut project.need, &mut need);
        }
    }
    project.need.files.insert(path.to_owned(), source.shown());
    Ok(project)
}

/// What a value is wrong for, and the remedy.
type Told = (String, String);

/// Keys whose number means nothing without a unit.
const SIZES: [&str; 2] = ["disk", "gpu-memory"];
/// Nobody counts so few bytes: a number without a unit means something else.
const FEW_BYTES: i64 = 1 << 20;

fn arguments(name: &str, value: &DeValue) -> Result<Vec<String>, Told> {
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => {
            let text = number.to_string();
            if SIZES.contains(&name) && text.starts_with('-') {
                return Err((
                    format!("{text} is no value of {name}"),
                    format!("no size is negative: {name} = \"20GiB\""),
                ));
            }
            if SIZES.contains(&name) && text.parse::<i64>().is_ok_and(|number| number < FEW_BYTES) {
                return Err((format!("{name} = {text} has no unit"), format!("write {name} = \"{text}GiB\"")));
            }
            text
        }
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(false) => return Ok(Vec::new()),
        DeValue::Boolean(true) => return Ok(vec![format!("--{name}")]),
        DeValue::Table(_) => {
            return Err((
                format!("{name} is a key and no table"),
                format!("write {name} = VALUE, above any [[waiver]]"),
            ));
        }
        _ => return Err((format!("{name} takes a text, a number, true or false"), format!("write {name} = \"…\""))),
    };
    Ok(vec![format!("--{name}={text}")])
}

fn wishes(arguments: &[String]) -> Result<Wishes, clap::Error> {
    let command =
        Wishes::augment_args(clap::Command::new("gdoctor.toml").no_binary_name(true).color(clap::ColorChoice::Never));
    let matches = command.try_get_matches_from(arguments)?;
    Wishes::from_arg_matches(&matches)
}

/// The flag parser's complaint in the file's own terms: it speaks of `--display`, and the file of `display`.
fn told(error: &clap::Error, name: &str, shown: &str) -> Told {
    let what = format!("{shown} is no value of {name}");
    let words = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(words)) if !words.is_empty() => words.join(", "),
        _ => String::new(),
    };
    let message = error.to_string();
    let first = message.lines().next().unwrap_or_default();
    let help = match error.kind() {
        ErrorKind::TooManyValues | ErrorKind::UnknownArgument => format!("{name} takes true or false"),
        _ if !words.is_empty() => format!("it is one of {words}"),
        // Also where no value was given: clap then says so of the flag.
        _ if shown == "true" || matches!(error.kind(), ErrorKind::NoEquals | ErrorKind::TooFewValues) => {
            format!("{name} takes {}", taken(name))
        }
        _ => first.rsplit_once("': ").or(first.rsplit_once(">': ")).map_or(first, |(_, why)| why).to_owned(),
    };
    (what, help)
}

/// What the flag of that name takes, in its own words.
fn taken(name: &str) -> String {
    let help = ROWS.iter().find(|row| row.key == name).map(super::wish::Row::help).unwrap_or_default();
    match help.split_once(": ") {
        Some((_, values)) => format!("a value in quotes: {values}"),
        None => "a value in quotes".into(),
    }
}

/// What to do about a file that is no TOML.
pub(super) fn remedy(message: &str) -> String {
    let known = [
        ("duplicate key", "take one of the two out, or make one list of both"),
        ("string values must be quoted", "a text stands in quotes: camera = \"any\""),
        ("unexpected leading zero", "a text stands in quotes: mode = \"0644\""),
        ("invalid date", "a comparison stands in quotes: count = \">= 8\""),
        ("extra assignment", "a comparison stands in quotes: memory = \">= 8GiB\""),
    ];
    known.iter().find(|(part, _)| message.contains(part)).map(|(_, remedy)| (*remedy).to_owned()).unwrap_or_default()
}

fn waivers(
    value: &Spanned<DeValue>,
    codes: &[String],
    wrong: &dyn Fn(std::ops::Range<usize>, String, String) -> Refusal,
) -> Result<Vec<Waiver>, Refusal> {
    let DeValue::Array(list) = value.get_ref() else {
        return Err(wrong(value.span(), "waivers are tables".into(), "write [[waiver]]".into()));
    };
    let one = |entry: &Spanned<DeValue>| {
        let DeValue::Table(table) = entry.get_ref() else {
            return Err(wrong(entry.span(), "a waiver is a table".into(), "write [[waiver]]".into()));
        };
        for key in table.keys() {
            if !["code", "subject", "reason", "owner", "until"].contains(&key.get_ref().as_ref()) {
                let what = format!("{} is no key of a waiver", key.get_ref());
                return Err(wrong(key.span(), what, "its keys are code, subject, reason, owner, until".into()));
            }
        }
        let text = |name: &str, required: bool| match table.get(name) {
            None if required => {
                let example = match name {
                    "until" => "write until = 2027-01-31, the last day on which it holds",
                    "code" => "write code = \"CHECK/CODE\", as the report shows it",
                    "owner" => "write owner = \"…\", who answers for it",
                    _ => "write reason = \"…\", why the finding is lived with",
                };
                Err(wrong(entry.span(), format!("the waiver has no {name}"), example.into()))
            }
            None => Ok(String::new()),
            Some(value) => match value.get_ref() {
                DeValue::String(text) if !text.trim().is_empty() => Ok(text.to_string()),
                DeValue::Datetime(day) => Ok(day.to_string()),
                _ => Err(wrong(value.span(), format!("{name} is a text"), format!("write {name} = \"…\""))),
            },
        };
        let until = text("until", true)?;
        let is_day = until.len() == 10
            && until.bytes().enumerate().all(|(at, b)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() });
        if !is_day {
            return Err(wrong(entry.span(), "until is a day".into(), "such as 2026-12-31".into()));
        }
        let code = text("code", true)?;
        if let Some(near) = unknown_code(&code, codes) {
            let at = table.get("code").map_or(entry.span(), Spanned::span);
            return Err(wrong(at, format!("{code} is no code of a finding"), near));
        }
        let waiver = Waiver {
            code,
            subject: text("subject", false)?,
            reason: text("reason", true)?,
            owner: text("owner", true)?,
            until,
        };
        Ok(waiver)
    };
    list.iter().map(one).collect()
}

/// What to write in the place of a code that no finding has; nothing where there is such a one.
fn unknown_code(code: &str, own: &[String]) -> Option<String> {
    let built_in = ALL.iter().flat_map(|check| {
        let heads = check.doc.lines().filter_map(|line| line.strip_prefix("## Code "));
        heads.map(|head| format!("{}/{}", check.id, head.trim()))
    });
    let codes = built_in.chain(own.iter().cloned());
    let near = codes.map(|known| (strsim::damerau_levenshtein(&known, code), known)).min()?;
    match near {
        (0, _) => None,
        (distance, near) if distance <= 2 + code.len() / 4 => Some(format!("did you mean {near}?")),
        _ => Some("codes are CHECK/CODE, as the report shows them: display-access/everybody".into()),
    }
}

/// A gdoctor.toml that asks for what this need asks, with a comment at each key.
pub fn write(need: &Need) -> String {
    let mut out =
        String::from("# What this project needs of a host. Every key is a flag of `gdoctor check` by its long name.\n");
    for row in &ROWS {
        let values: Vec<String> = (row.values)(need).iter().map(|(value, _)| value.toml()).collect();
        let value = if values.len() == 1 { values.concat() } else { format!("[{}]", values.join(", ")) };
        if !values.is_empty() {
            out.push_str(&format!("\n# {}\n{} = {value}\n", row.help().replace('\n', " "), row.key));
        }
    }
    out.push_str(
        "\n# A finding to live with for a time:\n# [[waiver]]\n# code = \"display-access/everybody\"\n# reason = \"…\"\n# owner = \"…\"\n# until = 2027-01-31\n",
    );
    out
}

/// What was written, and what to do with it.
pub fn written(need: &Need, path: &str) -> String {
    let asked = ROWS.iter().filter(|row| !(row.values)(need).is_empty());
    let keys: Vec<&str> = asked.map(|row| row.key).collect();
    if keys.is_empty() {
        return format!(
            "Wrote {path}, which asks for nothing yet. Next: write keys into it, such as `gpu = true` (`gdoctor schema need` lists \
             them), or name them here: gdoctor init --force --gpu\n"
        );
    }
    let next = if path == NAME { "gdoctor".to_owned() } else { format!("gdoctor check --need {path}") };
    format!("Wrote {path}: {}. Next: `{next}` judges this host by it.\n", keys.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> (String, String, (usize, usize)) {
        let refusal = parse("gdoctor.toml", text).unwrap_err();
        let (_, text, span) = refusal.place.unwrap();
        (refusal.what, refusal.help, SourceText::new("", &text).place(span.start))
    }

    #[test]
    fn every_wish_remembers_its_line() {
        let text = "gpu = 2\ncapability = [\"compute\", 'video']\n\nport = [8080, \"127.0.0.1:5000\"]\ncamera = \"any\"\ndisplay = true\ndriver = \">=535\"\n";
        let project = parse("p/gdoctor.toml", text).unwrap();
        let need = project.need;
        assert_eq!(need.gpu.unwrap().by.to_string(), "gpu = 2 (p/gdoctor.toml:1:1)");
        assert_eq!(need.capabilities.len(), 2);
        assert_eq!(need.ports[1].what.to_string(), "127.0.0.1:5000/tcp");
        assert_eq!(need.ports[0].by.to_string(), "port = 8080 (p/gdoctor.toml:4:1)");
        assert!(need.display.is_some() && need.driver.is_some() && need.cameras.len() == 1);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert_eq!(
            wrong("gpu = 1\nprot = 80\n"),
            ("prot is no key of gdoctor.toml".into(), "did you mean port?".into(), (2, 1))
        );
        assert_eq!(wrong("gpu = 1\nport = [80, 70000]\n").2, (2, 13));
        assert_eq!(wrong("gpu = \n").2.0, 1);
        assert_eq!(wrong("display = {}\n").2, (1, 11));
        assert_eq!(wrong("[[waiver]]\ncode = 'a/b'\nreason = 'r'\nowner = 'o'\n").0, "the waiver has no until");
        assert_eq!(wrong("[[waiver]]\ncoed = 'a/b'\n").2, (2, 1));
        let told = |text: &str| (wrong(text).0, wrong(text).1);
        assert_eq!(
            told("display = \"yes\"\n"),
            ("\"yes\" is no value of display".into(), "display takes true or false".into())
        );
        assert_eq!(told("disk = 20\n"), ("disk = 20 has no unit".into(), "write disk = \"20GiB\"".into()));
        let (what, help) = told("capability = [\"vidoe\"]\n");
        assert!(what.contains("\"vidoe\" is no value of capability") && help.contains("video"), "{what}: {help}");
        assert_eq!(told("port = -1\n"), ("-1 is no value of port".into(), "\"-1\" is not a port (0 to 65535)".into()));
        let (what, help) = told("camera = true\n");
        assert!(what == "true is no value of camera" && help.contains("any") && !help.contains("--"), "{what}: {help}");
        assert!(told("schema = 2\n").1.contains("gdoctor schema need"));
        assert!(told("disk = -5\n").1.contains("negative"));
        assert!(told("gpu = 1\ngpu = 2\n").1.contains("take one"));
        assert!(told("[gpu]\ncount = 1\n").1.contains("gpu = VALUE"));
        assert!(told("[[waiver]]\ncode = 'display-access/everybody'\n").1.contains("until = "));
        let waiver =
            |code: &str| format!("[[waiver]]\ncode = '{code}'\nreason = 'r'\nowner = 'o'\nuntil = 2027-01-31\n");
        assert_eq!(wrong(&waiver("display-acess/everybody")).1, "did you mean display-access/everybody?");
        assert_eq!(wrong(&waiver("display-acess/everybody")).2, (2, 8));
        for text in ["[", "a = [[[[", "\u{0}", "= 1", "gpu = \"\"\"", "[gpu]\nx = 1", "gpu = [[1]]"] {
            assert!(parse("f", text).is_err(), "{text:?}");
        }
        let deep = format!("gpu = {}1{}", "[".repeat(50_000), "]".repeat(50_000));
        assert!(parse("f", &deep).is_err());
    }

    #[test]
    fn waivers_are_whole() {
        let text =
            "[[waiver]]\ncode = 'display-access/everybody'\nreason = 'kiosk'\nowner = 'ops'\nuntil = 2027-01-31\n";
        let waivers = parse("f", text).unwrap().waivers;
        assert_eq!((waivers[0].until.as_str(), waivers[0].subject.as_str()), ("2027-01-31", ""));
    }
}

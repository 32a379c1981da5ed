//! The options of instructions and their values, as BuildKit reads them: bflag.go, parse.go and commands_run*.go of
//! frontend/dockerfile/instructions. What holds a variable is known to the build alone.

use super::Wrong;
use super::lines::Instruction;
use super::words;
use crate::need::run_line::{is_size, is_time};

/// What an option takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Any text.
    Text,
    /// Any text, and the option may stand several times.
    Texts,
    /// `true` or `false`; alone it is true.
    Switch,
    Time,
    Count,
    Mount,
    OneOf(&'static [&'static str]),
}

/// Options by instruction, those of the newest builder.
const OPTIONS: [(&str, &[(&str, Kind)]); 4] = [
    (
        "ADD",
        &[
            ("keep-git-dir", Kind::Switch),
            ("checksum", Kind::Text),
            ("chmod", Kind::Text),
            ("chown", Kind::Text),
            ("link", Kind::Switch),
            ("exclude", Kind::Texts),
            ("unpack", Kind::Switch),
            ("parents", Kind::Switch),
        ],
    ),
    (
        "COPY",
        &[
            ("from", Kind::Text),
            ("chmod", Kind::Text),
            ("chown", Kind::Text),
            ("link", Kind::Switch),
            ("parents", Kind::Switch),
            ("exclude", Kind::Texts),
        ],
    ),
    (
        "RUN",
        &[
            ("mount", Kind::Mount),
            ("network", Kind::OneOf(&["default", "none", "host"])),
            ("security", Kind::OneOf(&["sandbox", "insecure"])),
            ("device", Kind::Texts),
        ],
    ),
    (
        "HEALTHCHECK",
        &[
            ("interval", Kind::Time),
            ("timeout", Kind::Time),
            ("start-period", Kind::Time),
            ("start-interval", Kind::Time),
            ("retries", Kind::Count),
        ],
    ),
];

/// What is wrong, and what is right.
type Fault = (String, String);

/// Refuses what no builder takes. `own`: the file names a builder of its own, which may have more options.
pub fn check(instruction: &Instruction, own: bool) -> Result<(), Wrong> {
    let (keyword, text) = (instruction.keyword.as_str(), &instruction.text);
    let Some((_, known)) = OPTIONS.iter().find(|(name, _)| *name == keyword) else { return Ok(()) };
    let found = words(&text.text);
    let options = found.iter().take_while(|(start, end)| text.text[*start..*end].starts_with("--"));
    let mut before: Vec<&str> = Vec::new();
    for &(start, end) in options {
        let word = text.text[start..end].trim_start_matches("--");
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        if name.is_empty() {
            return Ok(());
        }
        let at = |(what, help): Fault| Wrong::at(text.span(start, end), &what, &help);
        let Some((_, kind)) = known.iter().find(|(known, _)| *known == name) else {
            if own {
                continue;
            }
            let near = known.iter().map(|(known, _)| known).min_by_key(|near| strsim::damerau_levenshtein(near, name));
            let help = near.map_or(String::new(), |near| format!("did you mean --{near}?"));
            return Err(at((format!("{keyword} has no option --{name}"), help)));
        };
        if before.contains(&name) && ![Kind::Texts, Kind::Mount].contains(kind) {
            return Err(at((format!("--{name} stands here a second time"), "keep one of the two".into())));
        }
        before.push(name);
        if let Some(image) = value.filter(|value| name == "from" && value.contains('$') && !own) {
            let what = "--from takes no variable: the builder reads the word as it stands";
            return Err(at((
                what.into(),
                format!("write FROM {image} AS NAME above, with its ARG before the first FROM, and --from=NAME"),
            )));
        }
        taken(*kind, name, value).map_err(at)?;
    }
    Ok(())
}

fn taken(kind: Kind, name: &str, value: Option<&str>) -> Result<(), Fault> {
    let Some(value) = value else {
        let form = match kind {
            Kind::Switch => return Ok(()),
            Kind::Time => "30s",
            Kind::Count => "3",
            Kind::Mount => "type=cache,target=/root/.cache",
            Kind::OneOf(words) => words[words.len() - 1],
            Kind::Text | Kind::Texts => "VALUE",
        };
        return Err((format!("--{name} has no value"), format!("the value stands behind an =: --{name}={form}")));
    };
    let bare = value.trim_matches(['"', '\'']);
    match kind {
        _ if value.contains('$') => Ok(()),
        Kind::Text | Kind::Texts => Ok(()),
        Kind::Switch if ["true", "false"].contains(&bare.to_ascii_lowercase().as_str()) => Ok(()),
        Kind::Switch => {
            Err((format!("--{name} takes true or false, not {value}"), format!("write --{name}, or leave it out")))
        }
        Kind::Time if bare.is_empty() || is_time(bare) => Ok(()),
        Kind::Time if bare.bytes().all(|b| b.is_ascii_digit()) => {
            Err((format!("--{name}={value} has no unit"), format!("write --{name}={bare}s")))
        }
        Kind::Time => {
            Err((format!("{value} is no time"), format!("a number with its unit: --{name}=30s, --{name}=1m30s")))
        }
        Kind::Count if bare.is_empty() || bare.parse::<u32>().is_ok_and(|count| i32::try_from(count).is_ok()) => Ok(()),
        Kind::Count => {
            Err((format!("--{name} takes a number, not {value}"), format!("write it in digits: --{name}=3")))
        }
        Kind::OneOf(words) if words.contains(&bare) => Ok(()),
        Kind::OneOf(words) => {
            Err((format!("--{name} does not take {value}"), format!("it is one of {}", words.join(", "))))
        }
        Kind::Mount => mount(bare),
    }
}

/// The keys of a mount; the first ones need no value.
const KEYS: [&str; 17] = [
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "required",
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "id",
    "sharing",
    "mode",
    "uid",
    "gid",
];
const BARE: usize = 5;
/// Those of one kind of mount: a tmpfs, a secret.
const MORE: [&str; 2] = ["size", "env"];

/// The fields of a mount. Its target may be left out: that is the folder in which the step works.
pub fn fields(value: &str) -> Vec<(String, Option<&str>)> {
    let field = |field: &'_ str| {
        field.find('=').map_or((field.to_ascii_lowercase(), None), |at| (field[..at].to_ascii_lowercase(), Some(at)))
    };
    value
        .trim_matches(['"', '\''])
        .split(',')
        .map(|text| {
            let (key, at) = field(text);
            (key, at.map(|at| &text[at + 1..]))
        })
        .collect()
}

fn mount(value: &str) -> Result<(), Fault> {
    // A field in quotes may hold commas.
    if value.contains('"') {
        return Ok(());
    }
    let found = fields(value);
    let of = |key: &str| found.iter().find(|(known, _)| known == key).and_then(|(_, text)| *text);
    let kind = of("type").unwrap_or("bind").to_ascii_lowercase();
    let kinds = ["bind", "cache", "tmpfs", "secret", "ssh"];
    if !kinds.contains(&kind.as_str()) {
        return Err((format!("there is no mount of the type {kind}"), format!("it is one of {}", kinds.join(", "))));
    }
    for (key, text) in &found {
        let known = KEYS.iter().chain(&MORE).any(|known| known == key);
        match text {
            None if key.is_empty() => {
                return Err(("a comma of the mount has nothing beside it".into(), "take it out".into()));
            }
            None if !KEYS[..BARE].contains(&key.as_str()) => {
                return Err((format!("{key} of the mount has no value"), format!("write {key}=VALUE")));
            }
            _ if !known => {
                let near = KEYS.iter().min_by_key(|near| strsim::damerau_levenshtein(near, key));
                let help = near.map_or(String::new(), |near| format!("did you mean {near}=?"));
                return Err((format!("a mount has no key {key}"), help));
            }
            _ => {}
        }
        let Some(text) = text else { continue };
        let number = |base| u32::from_str_radix(text, base).is_ok();
        let wrong = match key.as_str() {
            "sharing" if kind != "cache" => Some("is for the type cache".to_owned()),
            "sharing" if !["shared", "private", "locked"].contains(&text.to_ascii_lowercase().as_str()) => {
                Some("takes shared, private or locked".into())
            }
            "mode" | "uid" | "gid" if ["bind", "tmpfs"].contains(&kind.as_str()) => {
                Some("is for the types cache, secret and ssh".into())
            }
            "mode" if !number(8) => Some("takes octal digits, such as 0755".into()),
            "uid" | "gid" if !number(10) => Some("takes a number".into()),
            "size" if kind != "tmpfs" => Some("is for the type tmpfs".into()),
            "size" if !is_size(text) => Some("takes a size, such as 64m".into()),
            "required" if !["secret", "ssh"].contains(&kind.as_str()) => Some("is for the types secret and ssh".into()),
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err((format!("{key}={text} is not taken"), format!("{key} of a mount {wrong}")));
        }
    }
    let says = |keys: &[&str]| keys.iter().any(|key| of(key).is_some());
    if kind == "secret" && !says(&["id", "source", "src", "target", "dst", "destination"]) {
        return Err((
            "the secret has no name".into(),
            "write id=NAME, which the build is given with --secret id=NAME".into(),
        ));
    }
    Ok(())
}

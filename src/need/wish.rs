//! The kinds of wish, a row each: the key of gdoctor.toml, which with `--` is the flag, and how its wishes are read, told and
//! joined. What a flag takes and says of itself stands in the flags' own declaration, [`Wishes`].

use clap::{Arg, ArgAction, Args};
use gdoctor_checks::model::need::{Camera, ContainerUser, Gpus, Need, Origin, Picture, Port, Wish};
use serde_json::{Map, Value as Json, json};

use crate::cli::{Bytes, CameraSize, Wishes};
use crate::own;

/// A wish's value, as its flag and its key take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The flag has no value; the key has `true`.
    On,
    /// What the flag stands for without a value; the key spells it out.
    Bare(String),
    Number(u32),
    Text(String),
}

/// A value and who wants it; nobody is named where the need keeps no origin.
type Asked<'a> = (Value, Option<&'a Origin>);

/// Makes the origin of a value.
type By<'a> = &'a dyn Fn(&Value) -> Origin;

pub struct Row {
    pub key: &'static str,
    /// Sets what the flags ask for.
    pub read: fn(&Wishes, By<'_>, &mut Need),
    pub values: for<'a> fn(&'a Need) -> Vec<Asked<'a>>,
    /// Takes the other need's wishes: besides those that there are, or, where there can be one only, if there is none.
    pub join: fn(&mut Need, &mut Need),
    /// JSON types of one value in the file.
    types: &'static [&'static str],
}

/// A wish of which there is one: the field of the need, what the flags ask for, and a value as it is typed.
macro_rules! one {
    ($key:literal, $types:expr, $field:ident, $asked:expr, $typed:expr) => {
        Row {
            key: $key,
            read: |wishes, by, need| {
                let asked: fn(&Wishes) -> Option<_> = $asked;
                need.$field = asked(wishes).map(|what| Wish { by: by(&$typed(&what)), what });
            },
            values: |need| need.$field.iter().map(|wish| ($typed(&wish.what), Some(&wish.by))).collect(),
            join: |into, from| into.$field = into.$field.take().or(from.$field.take()),
            types: $types,
        }
    };
}

/// A wish of which there can be many.
macro_rules! many {
    ($key:literal, $types:expr, $field:ident, $asked:expr, $typed:expr) => {
        Row {
            key: $key,
            read: |wishes, by, need| {
                let asked: fn(&Wishes) -> Vec<_> = $asked;
                need.$field = asked(wishes).into_iter().map(|what| Wish { by: by(&$typed(&what)), what }).collect();
            },
            values: |need| need.$field.iter().map(|wish| ($typed(&wish.what), Some(&wish.by))).collect(),
            join: |into, from| into.$field.append(&mut from.$field),
            types: $types,
        }
    };
}

const TEXT: &[&str] = &["string"];
/// A version such as 12.4 is a number for TOML, and so is a size without a unit.
const NUMERIC: &[&str] = &["string", "number"];
const SWITCH: &[&str] = &["boolean"];

/// Every kind of wish, in the order of the flags.
pub static ROWS: [Row; 19] = [
    one!("gpu", &["string", "integer", "boolean"], gpu, |wishes| wishes.gpu, gpus),
    one!("gpu-memory", TEXT, gpu_memory, |wishes| wishes.gpu_memory.map(|bytes| bytes.0), bytes),
    one!("compute-capability", NUMERIC, compute_capability, |wishes| wishes.compute_capability.clone(), text),
    one!("driver", NUMERIC, driver, |wishes| wishes.driver.clone(), text),
    one!("cuda", NUMERIC, cuda, |wishes| wishes.cuda.clone(), text),
    many!("image", TEXT, images, |wishes| wishes.image.clone(), text),
    many!("capability", TEXT, capabilities, |wishes| wishes.capability.iter().flat_map(|c| c.each()).collect(), text),
    many!("decode", TEXT, decode, |wishes| wishes.decode.clone(), text),
    many!("encode", TEXT, encode, |wishes| wishes.encode.clone(), text),
    Row {
        key: "display",
        read: |wishes, by, need| {
            need.display = wishes.display.then(|| by(&Value::On));
            // Who asks for a window asks for it in the container.
            need.display_access = need.display.clone();
        },
        values: |need| need.display.iter().map(|by| (Value::On, Some(by))).collect(),
        join: |into, from| {
            into.display = into.display.take().or(from.display.take());
            into.display_access = into.display_access.take().or(from.display_access.take());
        },
        types: SWITCH,
    },
    many!("camera", TEXT, cameras, |wishes| wishes.camera.iter().map(|camera| camera.wish()).collect(), camera),
    Row {
        key: "camera-format",
        read: |wishes, by, need| {
            let format = wishes.camera_format.clone();
            let asked =
                format.map(|format| (by(&text(&format)), Picture { fourcc: Some(format), ..Picture::default() }));
            asked.into_iter().for_each(|(by, what)| add_to_picture(need, Wish { what, by }));
        },
        values: |need| {
            need.picture.iter().filter_map(|wish| Some((text(wish.what.fourcc.as_ref()?), Some(&wish.by)))).collect()
        },
        join: |into, from| {
            if let Some(wish) = from.picture.clone() {
                let what = Picture { fourcc: wish.what.fourcc, ..Picture::default() };
                add_to_picture(into, Wish { what, by: wish.by });
            }
        },
        types: TEXT,
    },
    Row {
        key: "camera-size",
        read: |wishes, by, need| {
            if let Some(size) = wishes.camera_size {
                let what = Picture { size: Some((size.width, size.height)), rate: size.rate, fourcc: None };
                add_to_picture(need, Wish { by: by(&text(&size)), what });
            }
        },
        values: |need| {
            let size = |wish: &Picture| {
                let (width, height) = wish.size?;
                Some(CameraSize { width, height, rate: wish.rate })
            };
            need.picture.iter().filter_map(|wish| Some((text(&size(&wish.what)?), Some(&wish.by)))).collect()
        },
        join: |into, from| {
            if let Some(wish) = from.picture.clone() {
                let what = Picture { fourcc: None, ..wish.what };
                add_to_picture(into, Wish { what, by: wish.by });
            }
        },
        types: TEXT,
    },
    many!("port", &["integer", "string"], ports, |wishes| wishes.port.clone(), |port: &Port| {
        text(&port.to_string().trim_end_matches("/tcp"))
    }),
    many!("registry", TEXT, registries, |wishes| wishes.registry.clone(), text),
    Row {
        key: "registry-delete",
        read: |wishes, by, need| need.registry_delete = wishes.registry_delete.then(|| by(&Value::On)),
        values: |need| need.registry_delete.iter().map(|by| (Value::On, Some(by))).collect(),
        join: |into, from| into.registry_delete = into.registry_delete.take().or(from.registry_delete.take()),
        types: SWITCH,
    },
    one!("disk", NUMERIC, disk, |wishes| wishes.disk.map(|bytes| bytes.0), bytes),
    one!(
        "reclaim",
        &["boolean", "string"],
        reclaim,
        |wishes| wishes.reclaim.map(|most| most.as_secs().max(1)),
        seconds
    ),
    Row {
        key: "container-user",
        read: |wishes, _, need| need.container_user = wishes.container_user.unwrap_or_default(),
        values: |need| {
            let user = need.container_user;
            let other = user != ContainerUser::default();
            other.then(|| (text(&format!("{}:{}", user.uid, user.gid)), None)).into_iter().collect()
        },
        join: |into, from| into.container_user = from.container_user,
        types: &["string", "integer"],
    },
];

fn text(what: &impl ToString) -> Value {
    Value::Text(what.to_string())
}

fn bytes(count: &u64) -> Value {
    text(&Bytes(*count))
}

fn gpus(what: &Gpus) -> Value {
    match what {
        Gpus::All => Value::Bare("all".into()),
        Gpus::Count(count) => Value::Number(*count),
    }
}

fn seconds(most: &u64) -> Value {
    // What --reclaim means without a value.
    if *most == 300 { Value::Bare("5m".into()) } else { Value::Text(format!("{most}s")) }
}

/// As `--camera` takes it.
fn camera(what: &Camera) -> Value {
    match what {
        Camera::Any => Value::Text("any".into()),
        Camera::Path(text) | Camera::Name(text) => Value::Text(text.clone()),
    }
}

/// The parts of a picture are flags of their own: what is asked for already stays.
fn add_to_picture(need: &mut Need, more: Wish<Picture>) {
    if more.what == Picture::default() {
        return;
    }
    let Some(wish) = &mut need.picture else {
        need.picture = Some(more);
        return;
    };
    if let (Origin::Flag(first), Origin::Flag(second)) = (&mut wish.by, &more.by) {
        *first = format!("{first} {second}");
    }
    wish.what.fourcc = wish.what.fourcc.take().or(more.what.fourcc);
    if wish.what.size.is_none() {
        (wish.what.size, wish.what.rate) = (more.what.size, more.what.rate);
    }
}

/// Takes every kind of wish that `into` has none of, and the texts that origins point into.
pub fn fill(into: &mut Need, mut from: Need) {
    into.docker = into.docker.take().or(from.docker.take());
    into.files.append(&mut from.files);
    for row in &ROWS {
        if (row.values)(into).is_empty() {
            (row.join)(into, &mut from);
        }
    }
}

/// What the flags of the command line ask for.
pub fn of_flags(wishes: &Wishes) -> Need {
    let mut need = Need { docker: Some(Origin::Default), ..Need::default() };
    for row in &ROWS {
        (row.read)(wishes, &|value| Origin::Flag(row.typed(value)), &mut need);
    }
    need
}

/// Each wish and who wants it, a line each.
pub fn show(need: &Need) -> String {
    let mut out = String::new();
    let mut line = |what: String, by: Option<&Origin>| {
        let by = by.map_or(String::new(), Origin::to_string);
        out.push_str(format!("{what:<28} {by}").trim_end());
        out.push('\n');
    };
    need.docker.iter().for_each(|by| line("docker".into(), Some(by)));
    for row in &ROWS {
        for (value, by) in (row.values)(need) {
            line(format!("{} {}", row.key, value.words()).trim_end().to_owned(), by);
        }
    }
    out
}

impl Value {
    fn words(&self) -> String {
        match self {
            Value::On => String::new(),
            Value::Bare(text) | Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
        }
    }

    /// As gdoctor.toml has it.
    pub fn toml(&self) -> String {
        match self {
            Value::On => "true".into(),
            Value::Number(number) => number.to_string(),
            Value::Bare(text) | Value::Text(text) => toml::Value::String(text.clone()).to_string(),
        }
    }
}

impl Row {
    /// The flag with this value, as it would be typed.
    fn typed(&self, value: &Value) -> String {
        let words = value.words();
        match value {
            Value::On | Value::Bare(_) => format!("--{}", self.key),
            Value::Number(_) => format!("--{}={words}", self.key),
            Value::Text(_) if words.contains(['<', '>', ' ']) => format!("--{} '{words}'", self.key),
            Value::Text(_) => format!("--{} {words}", self.key),
        }
    }

    /// What its flag says of itself.
    pub fn help(&self) -> String {
        self.flag().get_help().map(ToString::to_string).unwrap_or_default()
    }

    fn flag(&self) -> Arg {
        let command = Wishes::augment_args(clap::Command::new("gdoctor.toml"));
        let flag = command.get_arguments().find(|flag| flag.get_long() == Some(self.key)).cloned();
        flag.unwrap_or_else(|| panic!("{} is no flag", self.key))
    }

    /// Of one value in gdoctor.toml, or a list of them where there can be many.
    fn schema(&self) -> Json {
        let flag = self.flag();
        let words: Vec<String> = flag.get_possible_values().iter().map(|word| word.get_name().to_owned()).collect();
        let one = if words.is_empty() || self.types == SWITCH {
            json!({ "type": self.types })
        } else {
            json!({ "enum": words })
        };
        let mut schema = match flag.get_action() {
            ArgAction::Append => json!({ "anyOf": [one, { "type": "array", "items": one }] }),
            _ => one,
        };
        schema["description"] = self.help().into();
        schema
    }
}

/// The schema of gdoctor.toml, as `gdoctor schema need` prints it.
pub fn schema() -> String {
    let mut properties: Map<String, Json> = ROWS.iter().map(|row| (row.key.to_owned(), row.schema())).collect();
    properties.insert(
        "waiver".into(),
        json!({
            "description": "Findings to live with for a time",
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "reason", "owner", "until"],
                "additionalProperties": false,
                "properties": {
                    "code": { "type": "string", "pattern": "^[a-z0-9-]+/[a-z0-9-]+$" },
                    "subject": { "type": "string" },
                    "reason": { "type": "string" },
                    "owner": { "type": "string" },
                    "until": { "description": "The last day: 2026-12-31" },
                },
            },
        }),
    );
    properties.insert("check".into(), own::checks_schema());
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://gdoctor.dev/schema/gdoctor-toml-1.json",
        "title": "gdoctor.toml",
        "description": "What a project needs of a host. Every key is a flag of `gdoctor check` by its long name.",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "$defs": own::definitions(),
    });
    format!("{schema:#}\n")
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;
    use crate::need::file;

    /// A value of every kind, and more than one where there can be.
    const ASKED: &str = "--gpu=2 --gpu-memory=8GiB --compute-capability=7.5 --driver=>=535 --cuda=12.4 \
        --image=nvidia/cuda:12.4.1 --image=me/app --capability=compute,video --decode=h264,hevc --encode=av1 --display \
        --camera=/dev/video0 --camera=any --camera-format=MJPG --camera-size=1280x720@30 --port=8080 --port=53/udp \
        --registry=localhost:5000 --registry-delete --disk=20GiB --reclaim=90s --container-user=1000:44";

    fn wishes(flags: &str) -> Wishes {
        let command = Wishes::augment_args(clap::Command::new("flags").no_binary_name(true));
        Wishes::from_arg_matches(&command.get_matches_from(flags.split_whitespace())).unwrap()
    }

    fn values(need: &Need) -> Vec<(&'static str, Value)> {
        let of = |row: &'static Row| (row.values)(need).into_iter().map(move |(value, _)| (row.key, value));
        ROWS.iter().flat_map(of).collect()
    }

    #[test]
    fn each_flag_is_a_row() {
        let command = Wishes::augment_args(clap::Command::new("flags"));
        let flags: Vec<_> = command.get_arguments().filter_map(Arg::get_long).collect();
        assert_eq!(flags, ROWS.iter().map(|row| row.key).collect::<Vec<_>>());
        let need = of_flags(&wishes(ASKED));
        for row in &ROWS {
            assert!(!(row.values)(&need).is_empty(), "{} is not asked for above", row.key);
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_asks_for_the_same() {
        for flags in [ASKED, "--gpu --reclaim --port=[::1]:80"] {
            let need = of_flags(&wishes(flags));
            let again = file::parse("gdoctor.toml", &file::write(&need)).unwrap().need;
            assert_eq!(values(&need), values(&again));
        }
    }

    #[test]
    fn what_is_asked_for_already_stays() {
        let mut need = of_flags(&wishes("--port=1 --camera-format=MJPG"));
        fill(&mut need, of_flags(&wishes(ASKED)));
        assert_eq!(need.ports.len(), 1);
        assert_eq!(need.gpu.unwrap().what, Gpus::Count(2));
        assert_eq!(need.picture.unwrap().what.to_string(), "MJPG 1280x720@30");
    }

    #[test]
    fn a_typed_flag_asks_for_the_same() {
        let need = of_flags(&wishes(ASKED));
        for row in &ROWS {
            for (value, by) in (row.values)(&need) {
                let typed = row.typed(&value).replacen(' ', "=", 1).replace('\'', "");
                assert!(values(&of_flags(&wishes(&typed))).contains(&(row.key, value)), "{typed}");
                assert!(by.is_none_or(|by| by.to_string().contains(&format!("--{}", row.key))), "{typed}: {by:?}");
            }
        }
    }

    /// `GDOCTOR_SCHEMA=write cargo test` writes it anew.
    #[test]
    #[allow(clippy::disallowed_methods)]
    fn the_schema_in_docs_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/gdoctor-toml-1.json");
        if std::env::var_os("GDOCTOR_SCHEMA").is_some() {
            std::fs::write(path, schema()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), schema());
    }
}

//! Files changed by their structure: one setting of a file becomes another, and every other byte stays where it is. Whatever comes
//! of it is read again, and has to say just what it was to say.

mod daemon;
mod json;
mod options;
mod sysctl;
mod toml;
mod unit;

use gdoctor_checks::model::fix::{Change, Edit, Form};

/// The text after the edit. Err tells why this text cannot be edited so, as what the file does: `has no line …`.
pub fn edited(text: &str, edit: &Edit<String>) -> Result<String, String> {
    match (edit.form, &edit.change) {
        // With its form alone in order the next start would fail by its values.
        (Form::Json, Change::Mend(None)) => match daemon::mended(text) {
            Ok(after) => Ok(daemon::retyped(&after).unwrap_or(after)),
            Err(why) => daemon::retyped(text).map_err(|_| why),
        },
        (Form::Json, Change::Mend(Some(what))) if what == "names" => {
            daemon::renamed(text).map(|after| daemon::retyped(&after).unwrap_or(after))
        }
        (Form::Json, Change::Mend(Some(_))) => daemon::retyped(text),
        (Form::Json, Change::Remove(key)) if key.len() == 1 => key[0]
            .split(", ")
            .try_fold(text.to_owned(), |text, name| json::edited(&text, &Change::Remove(vec![name.to_owned()]))),
        (Form::Json, change) => json::edited(text, change),
        (Form::Toml, change) => toml::edited(text, change),
        (Form::Unit, Change::Mend(Some(line))) => unit::mended(text, line),
        (Form::Unit, Change::Remove(line)) => unit::without(text, &line.concat()),
        (Form::Options, Change::Mend(Some(line))) => options::mended(text, line),
        (Form::Options, Change::Remove(option)) => options::without(text, &option.concat()),
        (Form::Sysctl, Change::Set(name, value)) => sysctl::with(text, &name.concat(), value),
        _ => Err("cannot be changed so".into()),
    }
}

/// The edit for a reader: `set mtu to 1380`.
pub fn words(edit: &Edit<String>) -> String {
    match &edit.change {
        Change::Set(key, value) => format!("set {} to {value}", key.join(".")),
        Change::Add(key, value) => format!("add {value} to {}", key.join(".")),
        Change::Remove(key) => format!("take {} out", key.join(".")),
        Change::Mend(None) => "correct its form".into(),
        Change::Mend(Some(what)) if edit.form == Form::Json && what == "names" => {
            "write the keys by their names".into()
        }
        Change::Mend(Some(_)) if edit.form == Form::Json => "write the values as dockerd wants them".into(),
        Change::Mend(Some(line)) => format!("correct line {line}"),
    }
}

/// What a document's line does to this text.
#[cfg(test)]
fn told(text: &str, edit: &str) -> String {
    let edit = Edit::parse(&format!("f {edit}")).map(|edit| {
        let change = edit.change.map(str::to_owned, |value| Some(value.to_owned())).unwrap();
        Edit { path: String::new(), form: edit.form, change }
    });
    edited(text, &edit.unwrap()).unwrap_or_else(|why| format!("error: {why}"))
}

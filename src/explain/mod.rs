//! `gdoctor explain`: all about a check or a code, or the known causes of an error message or a log, ranked by what this host
//! shows.

mod beside;
mod code_page;
mod commands;
mod documents;
pub mod entries;
pub mod find;
mod hash;
mod inside;
mod knowledge;
mod lexicon;
mod lines;
mod names;
mod numbers;
mod order;
pub mod page;
mod ports;
pub mod rank;
mod reading;
mod rows;
mod seek;
mod sentences;
pub mod show;
mod signs;
mod started;
pub mod topic;
mod trie;
pub mod understood;
mod values;
mod witnesses;
mod words;
mod writing;

use std::ffi::OsString;
use std::path::Path;

use crate::host::input::{self, Tail};

/// What the user wants explained.
pub enum Asked {
    /// A check's id or a code.
    Topic(String),
    /// Text that some program printed, without the bytes before it that were too much.
    Text { bytes: Vec<u8>, left_out: u64 },
}

/// Messages may begin with a dash (`-- ERROR …`), flags have no blanks in them: such a text goes behind `--`.
pub fn texts_last(arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_none_or(|command| command != "explain") || arguments.iter().any(|a| a == "--") {
        return arguments;
    }
    let is_text = |a: &OsString| a.to_str().is_some_and(|a| a.starts_with('-') && a.contains(char::is_whitespace));
    let (texts, mut flags): (Vec<OsString>, Vec<OsString>) = arguments.into_iter().partition(is_text);
    if !texts.is_empty() {
        flags.push("--".into());
        flags.extend(texts);
    }
    flags
}

/// A word that names a file, which is not there: nobody has said such a text.
pub fn missing_file(given: &[String]) -> Option<String> {
    const NAMES: [&str; 7] = [".log", ".txt", ".out", ".err", ".json", ".md", ".gdoctor"];
    let [one] = given else { return None };
    let is_path = ["/", "./", "../", "~/"].iter().any(|start| one.starts_with(start));
    let is_word = !one.contains(char::is_whitespace) && !one.contains(':');
    (is_word && (is_path || NAMES.iter().any(|end| one.ends_with(end))))
        .then(|| format!("{one}: there is no such file"))
}

/// Reads what was given: nothing or `-` is standard input, the path of a file is its content, a word that is made like a check
/// or a code is that, all else is the text itself. Of what is too long the end is read, where the error stands.
pub fn read(given: &[String]) -> Result<Asked, String> {
    let text = |name: &str, read: std::io::Result<Tail>| match read {
        Ok(Tail { bytes, left_out }) => Ok(Asked::Text { bytes, left_out }),
        Err(why) => Err(format!("{name}: {why}")),
    };
    match given {
        [] => text("explain", input::stdin_tail(find::MOST)),
        [dash] if dash == "-" => text("explain", input::stdin_tail(find::MOST)),
        [one] if topic::is_id(one) => Ok(Asked::Topic(one.clone())),
        // Names are small letters; messages have words in capitals, too.
        [one] if topic::is_id(&one.to_ascii_lowercase()) && topic::is_known(&one.to_ascii_lowercase()) => {
            Ok(Asked::Topic(one.to_ascii_lowercase()))
        }
        [one] => match input::regular_file_tail(Path::new(one), find::MOST) {
            Some(read) => text(one, read),
            None if input::is_folder(Path::new(one)) => {
                Err(format!("{one}: this is a folder; give a file, a code or a text"))
            }
            None => Ok(Asked::Text { bytes: one.clone().into_bytes(), left_out: 0 }),
        },
        // A check and its code, with a blank between them.
        [id, code] if topic::is_code(&format!("{id}/{code}")) => Ok(Asked::Topic(format!("{id}/{code}"))),
        words => Ok(Asked::Text { bytes: words.join(" ").into_bytes(), left_out: 0 }),
    }
}

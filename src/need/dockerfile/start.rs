//! How ENTRYPOINT and CMD are written, and the variables that a text takes.

use gdoctor_checks::model::dockerfile::{Form, Said, Started};

use crate::need::braces::name_length;
use crate::need::text::SourceText;

use super::lines::Text;

/// The builder takes a list of JSON as it stands, and everything else as a text for the shell (parseJSON of BuildKit's
/// frontend/dockerfile/parser/line_parsers.go).
pub fn of(keyword: &str, text: &Text, folder: &str, source: &SourceText) -> Started {
    let bare = text.text.trim();
    let start = text.text.len() - text.text.trim_start().len();
    let list = serde_json::from_str::<Vec<String>>(bare).ok();
    let form = match &list {
        Some(_) => Form::List,
        None if is_meant_as_list(bare) => Form::NoList,
        None => Form::Shell,
    };
    // The words may hold a secret: a report shows the line, where such are overwritten.
    let at = source.origin(text.span(start, start + bare.len()), keyword.to_owned());
    let program =
        list.as_ref().and_then(|words| words.first()).filter(|word| word.contains('/') && !word.contains('$'));
    let program = program.map(|word| super::copy::joined(folder, word));
    let words = list.unwrap_or_else(|| vec![bare.to_owned()]);
    let (missing, lies) = Default::default();
    Started { form, words, program, missing, lies, said: Said { text: keyword.to_owned(), at } }
}

/// `['x', 'y']`, `["x", "y",]`, `["x" "y"]`: after the bracket a word in quotes, and behind it another, a comma or the bracket; `[x, y]`: the
/// shell's own `[` has a blank behind it. `[ "$a" = b ]` is a command.
pub fn is_meant_as_list(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('[') else { return false };
    if inner.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/') {
        return true;
    }
    let inner = inner.trim_start();
    let Some(quote) = inner.chars().next().filter(|c| ['\'', '"', '\u{201c}'].contains(c)) else { return false };
    let closing = if quote == '\u{201c}' { '\u{201d}' } else { quote };
    let Some((_, behind)) = inner[quote.len_utf8()..].split_once(closing) else { return false };
    behind.trim_start().starts_with([',', ';', ']', quote])
}

/// `$NAME` and `${NAME}`, neither escaped nor in single quotes: the place of each, and its name.
pub fn plain_variables(text: &str) -> Vec<((usize, usize), &str)> {
    let mut found = Vec::new();
    let (mut single, mut double) = (false, false);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if !single => {
                chars.next();
            }
            '\'' if !double => single = !single,
            '"' if !single => double = !double,
            '$' if !single => {
                let rest = &text[at + 1..];
                let (inner, braces) = rest.strip_prefix('{').map_or((rest, 0), |inner| (inner, 1));
                let length = name_length(inner);
                let closed = braces == 0 || inner[length..].starts_with('}');
                if length > 0 && closed {
                    found.push(((at, at + 1 + braces + length + braces), &inner[..length]));
                }
            }
            _ => {}
        }
    }
    found
}

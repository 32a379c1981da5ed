//! One output format a file, each a pure function of the report.

pub mod github;
pub mod html;
pub mod issue;
pub mod json;
pub mod junit;
pub mod labels;
mod marked;
pub mod md;
pub mod nagios;
pub mod npd;
pub mod prom;
pub mod sarif;
mod screen;
pub mod snippet;
pub mod status;
pub mod tap;
pub mod text;

/// The lines of a text that are wider than this, wrapped behind their own indentation. A command in a line of its own, which stands
/// behind four blanks, and a name stay whole.
pub fn fitted(text: &str, width: usize) -> String {
    let width = width.max(40);
    let of_line = |line: &str| {
        let indent = line.len() - line.trim_start_matches(' ').len();
        match textwrap::core::display_width(line) <= width {
            true => line.to_owned(),
            false => format!("{}{}", " ".repeat(indent), wrap(line.trim_start(), width, indent.max(2))),
        }
    };
    text.split('\n').map(of_line).collect::<Vec<_>>().join("\n")
}

/// `text` wrapped to `width` columns, with `indent` blanks before all lines but the first, which stands behind as many.
/// Commands, paths and options stay whole.
fn wrap(text: &str, width: usize, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let options = textwrap::Options::new(width.max(indent + 20))
        .initial_indent(&margin)
        .subsequent_indent(&margin)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .break_words(false);
    textwrap::fill(text, options).trim_start().to_owned()
}

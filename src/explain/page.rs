//! A text for whoever sits before a terminal: prose is wrapped to its columns, commands stay in one piece. Without columns (a pipe)
//! every line stays as it is written.

use std::fmt::Display;

use gdoctor_checks::model::fix::Step;

use crate::report;

#[derive(Clone, Default)]
pub struct Page {
    columns: Option<usize>,
    /// Flags and values that say where is looked.
    places: Vec<String>,
    text: String,
}

impl Page {
    pub fn new(columns: Option<usize>, places: Vec<String>) -> Self {
        Self { columns, places, text: String::new() }
    }

    /// Prose behind so many blanks.
    pub fn say(&mut self, indent: usize, prose: impl Display) -> &mut Self {
        let (prose, margin) = (prose.to_string(), " ".repeat(indent));
        let Some(columns) = self.columns else { return self.piece(indent, prose) };
        for (at, paragraph) in prose.split("\n\n").enumerate() {
            let options = textwrap::Options::new(columns.max(indent + 20))
                .initial_indent(&margin)
                .subsequent_indent(&margin)
                .word_splitter(textwrap::WordSplitter::NoHyphenation)
                .word_separator(textwrap::WordSeparator::AsciiSpace)
                .break_words(false);
            if at > 0 {
                self.blank();
            }
            self.piece(0, textwrap::fill(&paragraph.replace('\n', " "), options));
        }
        self
    }

    /// How to see that a fix worked, or to undo it.
    pub fn step(&mut self, indent: usize, label: &str, step: &Step<String>) -> &mut Self {
        let text = format!("{label}: {}", step.text());
        if step.command().is_some() { self.piece(indent, text) } else { self.say(indent, text) }
    }

    /// A look of gdoctor's as it has to be typed here.
    pub fn look(&self, command: &str) -> String {
        report::placed(command, &self.places)
    }

    /// One that is copied: a command, a title.
    pub fn piece(&mut self, indent: usize, line: impl Display) -> &mut Self {
        self.text.push_str(&" ".repeat(indent));
        self.text.push_str(&line.to_string());
        self.text.push('\n');
        self
    }

    pub fn blank(&mut self) -> &mut Self {
        self.text.push('\n');
        self
    }

    pub fn columns(&self) -> Option<usize> {
        self.columns
    }

    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    pub fn whole(self) -> String {
        self.text
    }
}

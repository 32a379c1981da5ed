//! The words of gdoctor's own texts and documents. Who is called like one of them is not told by it, and a text would not be
//! readable without it.

use std::collections::HashSet;
use std::sync::OnceLock;

use gdoctor_checks::ALL;
use gdoctor_checks::notes::NOTES;

#[derive(Default)]
pub struct Vocabulary {
    /// Those of the documents at hand, in small letters.
    added: HashSet<String>,
}

impl Vocabulary {
    pub fn add(&mut self, text: &str) {
        split(text, &mut self.added);
        let numbers = text.split(|c: char| !(c.is_ascii_digit() || c == '.')).map(|piece| piece.trim_matches('.'));
        self.added.extend(numbers.filter(|piece| piece.contains('.')).map(str::to_owned));
    }

    /// A number with dots that a document's own word is or begins with: `5.15.167.4` of the kernel `5.15.167.4-microsoft`.
    pub fn has_number(&self, number: &str) -> bool {
        self.added.contains(number)
    }

    pub fn has(&self, word: &str) -> bool {
        let word = word.to_ascii_lowercase();
        own().contains(word.as_str()) || self.added.contains(&word)
    }

    /// Each part of `video0` or `ubuntu22.04-base` is a word or a number.
    pub fn makes(&self, text: &str) -> bool {
        let known = |part: &str| {
            let word = part.trim_matches(|c: char| c.is_ascii_digit());
            word.is_empty() || self.has(word) || self.has(part)
        };
        self.has(text) || text.split(|c: char| !c.is_alphanumeric()).all(known)
    }
}

/// The words of all documents, which are a part of the program.
fn own() -> &'static HashSet<String> {
    static OWN: OnceLock<HashSet<String>> = OnceLock::new();
    OWN.get_or_init(|| {
        let mut words = HashSet::new();
        ALL.iter().for_each(|check| split(check.doc, &mut words));
        NOTES.iter().for_each(|note| split(note.doc, &mut words));
        words
    })
}

/// Words as they stand and their parts: `docker-ce`, `docker`, `ce`.
fn split(text: &str, words: &mut HashSet<String>) {
    let whole = |c: char| !(c.is_alphanumeric() || "-_.".contains(c));
    for word in text.split(whole).map(|word| word.trim_matches(['-', '_', '.'])).filter(|word| !word.is_empty()) {
        let word = word.to_ascii_lowercase();
        if word.contains(['-', '_', '.']) {
            let parts = word.split(['-', '_', '.']).filter(|part| !part.is_empty());
            words.extend(parts.map(str::to_owned));
        }
        words.insert(word);
    }
}

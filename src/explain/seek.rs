//! A few letters in a short line: the standard search studies first what it looks for, which takes longer than looking.

/// The bytes of `text` at which `words` stand.
pub fn each<'a>(text: &'a str, words: &'a str) -> impl Iterator<Item = usize> + 'a {
    let (text, words) = (text.as_bytes(), words.as_bytes());
    let starts = words.first().map(|first| memchr::memchr_iter(*first, text)).into_iter().flatten();
    starts.filter(move |at| text.len() - at >= words.len() && text[*at..at + words.len()] == *words)
}

pub fn find(text: &str, words: &str) -> Option<usize> {
    each(text, words).next()
}

pub fn has(text: &str, words: &str) -> bool {
    find(text, words).is_some()
}

/// True where the text begins with one of the words.
pub fn starts(text: &str, words: &[&str]) -> bool {
    let first = text.as_bytes().first();
    words.iter().any(|word| word.as_bytes().first() == first && text.starts_with(word))
}

/// True where the text ends with one of the words.
pub fn ends(text: &str, words: &[&str]) -> bool {
    let last = text.as_bytes().last();
    words.iter().any(|word| word.as_bytes().last() == last && text.ends_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_standard_search_finds() {
        for text in ["", "x", "rrror", "an error: é, and an Error", "é", "portport"] {
            for words in ["rror", "error", "é", "port", "x", "d an"] {
                assert_eq!(find(text, words), text.find(words), "{words} in {text}");
                assert_eq!(each(text, words).count(), text.matches(words).count(), "{words} in {text}");
                assert_eq!(starts(text, &["?", words]), text.starts_with(words), "{words} in {text}");
                assert_eq!(ends(text, &["?", words]), text.ends_with(words), "{words} in {text}");
            }
        }
    }
}

//! What a line writes that is seen in its words: `printf '…' | sudo tee PATH`. Of what only a shell would know nothing is said.

/// A text that goes into files.
#[derive(Debug, PartialEq, Eq)]
pub struct Written {
    pub text: String,
    pub paths: Vec<String>,
    /// Behind what is there.
    pub appends: bool,
}

/// None where the line is of another kind.
pub fn written(line: &str) -> Option<Written> {
    let words = words(line)?;
    let pipe = words.iter().position(|word| *word == Word::Pipe)?;
    let texts = |part: &[Word]| -> Option<Vec<String>> {
        let text = |word: &Word| match word {
            Word::Text(text) => Some(text.clone()),
            Word::Pipe => None,
        };
        part.iter().map(text).collect()
    };
    let (from, to) = (texts(&words[..pipe])?, texts(&words[pipe + 1..])?);
    let to: Vec<&str> = to.iter().map(String::as_str).skip_while(|word| *word == "sudo").collect();
    let (appends, paths) = match to.as_slice() {
        ["tee", "-a", paths @ ..] => (true, paths),
        ["tee", paths @ ..] => (false, paths),
        _ => return None,
    };
    let text = match from.split_first()? {
        // Shells differ in what a backslash is to echo.
        (echo, words) if echo == "echo" && !words.iter().any(|word| word.contains('\\') || word.starts_with('-')) => {
            format!("{}\n", words.join(" "))
        }
        (printf, words) if printf == "printf" => printed(words.split_first()?)?,
        _ => return None,
    };
    let is_plain = |path: &&str| path.starts_with('/');
    (!paths.is_empty() && paths.iter().all(is_plain)).then(|| Written {
        text,
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        appends,
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Word {
    Text(String),
    Pipe,
}

/// Words of a line without anything that a shell expands.
fn words(line: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => words.extend(word.take().map(Word::Text)),
            '|' => {
                words.extend(word.take().map(Word::Text));
                words.push(Word::Pipe);
            }
            '\'' | '"' => {
                let part = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        end if end == letter => break,
                        '$' | '`' | '\\' if letter == '"' => return None,
                        inner => part.push(inner),
                    }
                }
            }
            '$' | '`' | '\\' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '~' | '#' | '{' | '\n' => {
                return None;
            }
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word.map(Word::Text));
    Some(words)
}

/// printf with its format's `%s` and the usual escapes; the format is used again while words are left.
fn printed((format, words): (&String, &[String])) -> Option<String> {
    let mut words = words.iter();
    let mut out = String::new();
    loop {
        let left = words.len();
        let mut letters = format.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => out.push(match letters.next()? {
                    'n' => '\n',
                    't' => '\t',
                    '\\' => '\\',
                    _ => return None,
                }),
                '%' => match letters.next()? {
                    's' => out.push_str(words.next().map_or("", String::as_str)),
                    '%' => out.push('%'),
                    _ => return None,
                },
                plain => out.push(plain),
            }
        }
        if words.len() == 0 {
            return Some(out);
        }
        // Words that nothing takes would be printed for ever.
        if words.len() == left {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_in_the_words_is_told() {
        let told = |line: &str| written(line).map(|written| (written.text, written.paths.join(" "), written.appends));
        let some = |text: &str, paths: &str, appends| Some((text.to_owned(), paths.to_owned(), appends));
        assert_eq!(told("echo 'a = 1' | sudo tee /etc/x.conf"), some("a = 1\n", "/etc/x.conf", false));
        assert_eq!(told(r"printf '[S]\nA=%s\n' /usr/b | sudo tee -a /x"), some("[S]\nA=/usr/b\n", "/x", true));
        assert_eq!(told(r"printf '%s\n' a 'b c' | sudo tee /x /y"), some("a\nb c\n", "/x /y", false));
        for line in [
            "echo $HOME | sudo tee /x",
            r"echo 'a\nb' | sudo tee /x",
            "cat /y | sudo tee /x",
            "echo a | sudo tee x",
            "printf '%d' 1 | tee /x",
            "printf 'a' b | tee /x",
            "echo a | tee /x | cat",
            "sudo systemctl restart docker",
        ] {
            assert_eq!(told(line), None, "{line}");
        }
    }
}

//! Reads .env and the files of `env_file` as compose reads them: quotes, comments, several lines, `export`, `NAME: value`, variables
//! in values; and the format `raw`, which takes lines as they are.

use crate::need::compose::variables::substitute;

/// What a name stands for outside of the file.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where a file is wrong: the byte, and why.
pub type Wrong = (usize, String);

/// The pairs in order; a later one of the same name counts.
pub fn read(text: &str, outside: Lookup) -> Result<Vec<(String, String)>, Wrong> {
    let text = text.strip_prefix('\u{feff}').map_or((text, 0), |rest| (rest, text.len() - rest.len()));
    let mut reader = Reader { text: text.0, at: 0, before: text.1, found: Vec::new(), outside };
    reader.all()?;
    // Compose leaves names out that begin with a digit.
    reader.found.retain(|(name, _)| !name.starts_with(|c: char| c.is_ascii_digit()));
    Ok(reader.found)
}

/// `NAME=value` a line, nothing of it changed; `NAME` alone is handed on.
pub fn raw(text: &str, outside: Lookup) -> Vec<(String, String)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().map(|line| line.trim_start_matches([' ', '\t']));
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| match line.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => Some((line.to_owned(), outside(line)?)),
    };
    lines.filter_map(pair).collect()
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    before: usize,
    found: Vec<(String, String)>,
    outside: Lookup<'a>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong<T>(&self, at: usize, why: impl Into<String>) -> Result<T, Wrong> {
        Err((self.before + at, why.into()))
    }

    fn all(&mut self) -> Result<(), Wrong> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            let rest = self.rest();
            if rest.is_empty() {
                return Ok(());
            }
            if rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            self.pair()?;
        }
    }

    fn pair(&mut self) -> Result<(), Wrong> {
        let after = self.rest().strip_prefix("export").filter(|rest| rest.starts_with(char::is_whitespace));
        if let Some(after) = after {
            self.at = self.text.len() - after.trim_start_matches(blank).len();
        }
        let start = self.at;
        let rest = self.rest();
        let named = |c: char| c.is_alphanumeric() || "_.-[]".contains(c) || blank(c);
        let length = rest.find(|c: char| !named(c)).unwrap_or(rest.len());
        let name = rest[..length].trim_end().to_owned();
        let end = rest[length..].chars().next();
        if let Some(c) = end.filter(|c| !['=', ':', '\n'].contains(c)) {
            return self.wrong(start + length, format!("{c:?} stands in the name of a variable"));
        }
        if name.contains(' ') {
            return self.wrong(start, format!("the name {name:?} has a blank in it"));
        }
        self.at += length + end.map_or(0, char::len_utf8);
        if !matches!(end, Some('=' | ':')) {
            // A name alone hands the caller's own variable on.
            if let Some(value) = (self.outside)(&name) {
                self.found.push((name, value));
            }
            return Ok(());
        }
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(blank).len();
        let value = self.value()?;
        self.found.push((name, value));
        Ok(())
    }

    fn value(&mut self) -> Result<String, Wrong> {
        let start = self.at;
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|c| ['"', '\''].contains(c)) else {
            let line = rest.split('\n').next().unwrap_or_default();
            let value = line.split(" #").next().unwrap_or_default().trim_end().to_owned();
            self.at += (line.len() + 1).min(rest.len());
            return self.replaced(&value, start);
        };
        let mut value = String::new();
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                c if c == quote && !escaped => {
                    self.at += at + 1;
                    return if quote == '"' { self.replaced(&escapes(&value), start) } else { Ok(value) };
                }
                '\\' if !escaped => {
                    escaped = true;
                    continue;
                }
                c if escaped && c != quote => value.push('\\'),
                _ => {}
            }
            escaped = false;
            value.push(c);
        }
        self.wrong(start, format!("the quote {quote} is never closed"))
    }

    fn replaced(&self, value: &str, at: usize) -> Result<String, Wrong> {
        let known = |name: &str, _| {
            let own = || self.found.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            (self.outside)(name).or_else(own)
        };
        substitute(value, &known).map_err(|why| (self.before + at, why))
    }
}

/// A blank that ends no line.
fn blank(c: char) -> bool {
    c.is_whitespace() && c != '\n'
}

/// The escapes of a value in double quotes.
fn escapes(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else {
            out.push('\\');
            break;
        };
        let plain = match c {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '"' | '\\' => c,
            // `$$` is what the replacement of variables takes for one.
            '$' => {
                out.push('$');
                '$'
            }
            _ => {
                out.push('\\');
                c
            }
        };
        out.push(plain);
        rest = &rest[c.len_utf8()..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_compose_reads_them() {
        let text = "\u{feff}# head\nA='x' # why\nB=\"l1\\nl2\"\nC=${A}y\nD=\"two\nlines\"\nE: colon\nF=a$$b\nexport G=1 # one\nH=a#b\n\
                    I='$A'\nJ=\"\\$A\"\n1K=no\nOUT\nM=\nN=${OUT:-n}\n";
        let outside = |name: &str| (name == "OUT").then(|| "out".to_owned());
        let found = read(text, &outside).unwrap();
        let pairs = [
            ("A", "x"),
            ("B", "l1\nl2"),
            ("C", "xy"),
            ("D", "two\nlines"),
            ("E", "colon"),
            ("F", "a$b"),
            ("G", "1"),
            ("H", "a#b"),
            ("I", "$A"),
            ("J", "$A"),
            ("OUT", "out"),
            ("M", ""),
            ("N", "out"),
        ];
        let wanted: Vec<(String, String)> = pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        assert_eq!(found, wanted);
        assert_eq!(raw("A='x' # y\n# c\nOUT\nB=$A\n", &outside)[0], ("A".into(), "'x' # y".into()));
        for (text, at) in [("A B=1", 0), ("A='x", 2), ("A!=1", 1), ("A=${", 2)] {
            assert_eq!(read(text, &outside).unwrap_err().0, at, "{text}");
        }
    }
}

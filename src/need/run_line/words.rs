//! Splits a pasted command into words as a POSIX shell would, with the place of every byte. Variables are taken from the
//! environment; a command substitution is kept as it stands and never executed.

use gdoctor_checks::model::run::Span;

use super::Wrong;

/// `${A:-${B:-…}}` nested deeper than this is refused.
const DEPTH: usize = 16;
/// Variables may blow a line up to this many bytes.
const GROWTH: usize = 1 << 18;

/// What the shell would know: read, never changed.
pub struct Shell<'a> {
    /// What `$NAME` stands for.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// What `-e NAME` would pass on: the same, but for a line whose variables the shell has replaced already.
    pub passed: &'a dyn Fn(&str) -> Option<String>,
    /// Working directory, home directory.
    pub cwd: String,
    pub home: Option<String>,
    pub uid: u32,
    pub gid: u32,
}

/// One word after quotes and variables.
#[derive(Clone, Debug, Default)]
pub struct Word {
    pub value: String,
    pub span: Span,
    /// For every byte of `value`: the piece of the line that it comes from.
    places: Vec<Span>,
    /// For every byte of `value`: it stood within quotes.
    quoted: Vec<bool>,
    /// It holds something that only a command would tell.
    pub opaque: bool,
    /// Every `$NAME` in it, in order, with the place of its value.
    pub variables: Vec<(String, usize, usize)>,
}

impl Word {
    /// The part of the line that `value[from..]` comes from, its quotes included.
    pub fn place_from(&self, from: usize) -> Span {
        let before = from.checked_sub(1).and_then(|at| self.places.get(at).zip(self.quoted.get(at)));
        match before {
            None => self.span,
            Some((place, false)) => Span::new(place.end, self.span.end),
            Some((place, true)) => {
                let end = self.places.last().map_or(place.end, |last| last.end);
                Span::new(place.end, end.max(place.end))
            }
        }
    }

    /// The place of one byte of the value.
    pub fn place_of(&self, at: usize) -> Span {
        self.places.get(at).copied().unwrap_or(self.span)
    }

    /// The name of the variable that `value[from..]` consists of and nothing else.
    pub fn sole_variable(&self, from: usize) -> Option<&str> {
        let whole = |(_, start, end): &&(String, usize, usize)| *start == from && *end == self.value.len();
        self.variables.iter().find(whole).map(|(name, ..)| name.as_str())
    }
}

/// The simple commands of a text, each a list of words.
pub fn split(text: &str, shell: &Shell) -> Result<Vec<Vec<Word>>, Wrong> {
    let mut lexer = Lexer { text, at: 0, shell, grown: 0 };
    let mut commands = vec![Vec::new()];
    loop {
        lexer.blanks();
        match lexer.peek() {
            None => break,
            Some('\n' | ';' | '&' | '|') => {
                lexer.next();
                commands.push(Vec::new());
            }
            Some('(' | ')') => {
                return Err(lexer.wrong(1, "a subshell", "give the command alone, without parentheses around it"));
            }
            Some('<' | '>') => lexer.redirection()?,
            Some(_) => {
                let words = lexer.word()?;
                if let Some(command) = commands.last_mut() {
                    command.extend(words);
                }
            }
        }
    }
    commands.retain(|command| !command.is_empty());
    Ok(commands)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    shell: &'a Shell<'a>,
    grown: usize,
}

/// A word in the making, and the words that an unquoted variable has split off before it.
#[derive(Default)]
struct Making {
    done: Vec<Word>,
    word: Word,
    /// Something quoted stood in it: it is a word even when empty.
    exists: bool,
}

impl Making {
    fn push(&mut self, c: char, place: Span, quoted: bool) {
        self.word.value.push(c);
        for _ in 0..c.len_utf8() {
            self.word.places.push(place);
            self.word.quoted.push(quoted);
        }
        self.exists = true;
    }

    fn text(&mut self, text: &str, place: Span, quoted: bool) {
        text.chars().for_each(|c| self.push(c, place, quoted));
    }

    fn split_off(&mut self) {
        if self.exists {
            self.done.push(std::mem::take(&mut self.word));
            self.exists = false;
        }
    }
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn wrong(&self, length: usize, what: &str, help: &str) -> Wrong {
        let mut end = (self.at + length).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        Wrong::at(Span::new(self.at, end), what, help)
    }

    /// Blanks, escaped line ends and comments between words.
    fn blanks(&mut self) {
        loop {
            if self.eat("\\\n") || self.eat(" ") || self.eat("\t") {
                continue;
            }
            if self.peek() == Some('#') {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                continue;
            }
            break;
        }
    }

    /// `>file`, `2>&1`, `< file`: no argument of the command.
    fn redirection(&mut self) -> Result<(), Wrong> {
        while matches!(self.peek(), Some('<' | '>' | '&' | '|')) {
            self.next();
        }
        if self.peek() == Some('(') {
            return Err(self.wrong(1, "a process substitution", "gdoctor runs no command to learn an argument"));
        }
        self.blanks();
        self.word().map(drop)
    }

    /// One word of the text; several or none where an unquoted variable holds blanks or nothing.
    fn word(&mut self) -> Result<Vec<Word>, Wrong> {
        let start = self.at;
        let mut making = Making::default();
        if self.peek() == Some('~') {
            self.tilde(&mut making);
        }
        while let Some(c) = self.peek() {
            match c {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '(' | ')' => break,
                '<' | '>' => {
                    // `2>file`: the digits belong to the redirection.
                    if making.word.value.bytes().all(|b| b.is_ascii_digit()) {
                        self.redirection()?;
                        return Ok(Vec::new());
                    }
                    break;
                }
                '\'' => self.single(&mut making)?,
                '"' => self.double(&mut making)?,
                '\\' => self.backslash(&mut making)?,
                '$' => self.dollar(&mut making, false, 0)?,
                '`' => self.backquote(&mut making)?,
                _ => self.letter(c, &mut making)?,
            }
            if self.grown > GROWTH {
                return Err(self.wrong(0, "the variables make the line too long", "256 KiB is the most"));
            }
        }
        let span = Span::new(start, self.at);
        making.split_off();
        for word in &mut making.done {
            word.span = span;
        }
        Ok(making.done)
    }

    /// What web pages and other systems put in place of blanks, hyphens and line ends.
    fn letter(&mut self, c: char, making: &mut Making) -> Result<(), Wrong> {
        match c {
            '\r' => {
                return Err(self.wrong(
                    1,
                    "a carriage return: the text has Windows line ends",
                    "docker would get it as part of the argument; `sed -i 's/\\r$//' FILE` takes them out",
                ));
            }
            '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{3000}' | '\u{200b}' | '\u{feff}' => {
                return Err(self.wrong(
                    1,
                    &format!("U+{:04X}, a blank of a web page that no shell takes for one", c as u32),
                    "type an ordinary blank in its place",
                ));
            }
            '\u{2010}'..='\u{2015}' | '\u{2212}' if making.word.value.is_empty() => {
                return Err(self.wrong(
                    1,
                    &format!("U+{:04X}, a dash of a web page; docker takes the word for the image's name", c as u32),
                    "options begin with the hyphens of the keyboard: `-` or `--`",
                ));
            }
            '\u{2018}'..='\u{201f}' => {
                return Err(self.wrong(
                    1,
                    &format!("U+{:04X}, a typographic quote that no shell takes for one", c as u32),
                    "use ' or \"",
                ));
            }
            '\0' => return Err(self.wrong(1, "a zero byte: this is no command line", "give a text file")),
            _ => {}
        }
        let place = Span::new(self.at, self.at + c.len_utf8());
        self.next();
        making.push(c, place, false);
        Ok(())
    }

    fn tilde(&mut self, making: &mut Making) {
        let rest = self.rest();
        let ends = rest[1..].chars().next().is_none_or(|c| c == '/' || c.is_whitespace());
        if let Some(home) = self.shell.home.as_deref().filter(|_| ends) {
            making.text(home, Span::new(self.at, self.at + 1), true);
            self.at += 1;
        }
    }

    fn single(&mut self, making: &mut Making) -> Result<(), Wrong> {
        let open = self.at;
        self.at += 1;
        making.exists = true;
        loop {
            let at = self.at;
            match self.next() {
                None => return Err(unbalanced(open, '\'')),
                Some('\'') => return Ok(()),
                Some(c) => making.push(c, Span::new(at, self.at), true),
            }
        }
    }

    fn double(&mut self, making: &mut Making) -> Result<(), Wrong> {
        let open = self.at;
        self.at += 1;
        making.exists = true;
        loop {
            let at = self.at;
            match self.peek() {
                None => return Err(unbalanced(open, '"')),
                Some('"') => {
                    self.next();
                    return Ok(());
                }
                Some('\\') => {
                    self.next();
                    match self.peek() {
                        Some('\n') => drop(self.next()),
                        Some(c @ ('$' | '`' | '"' | '\\')) => {
                            self.next();
                            making.push(c, Span::new(at, self.at), true);
                        }
                        _ => making.push('\\', Span::new(at, self.at), true),
                    }
                }
                Some('$') => self.dollar(making, true, 0)?,
                Some('`') => self.backquote(making)?,
                Some(c) => {
                    self.next();
                    making.push(c, Span::new(at, self.at), true);
                }
            }
        }
    }

    fn backslash(&mut self, making: &mut Making) -> Result<(), Wrong> {
        let at = self.at;
        if self.eat("\\\n") {
            return Ok(());
        }
        let after = self.rest()[1..].trim_start_matches([' ', '\t', '\r']);
        if after.len() + 1 < self.rest().len() && (after.is_empty() || after.starts_with('\n')) {
            return Err(self.wrong(
                2,
                "something invisible stands after this backslash, so the line ends here",
                "the backslash has to be the last character of its line",
            ));
        }
        self.next();
        match self.next() {
            // A backslash at the end of everything: the shell would wait for more.
            None => Ok(()),
            Some(c) => {
                making.push(c, Span::new(at, self.at), true);
                Ok(())
            }
        }
    }

    fn backquote(&mut self, making: &mut Making) -> Result<(), Wrong> {
        let open = self.at;
        self.at += 1;
        let Some(length) = self.rest().find('`') else { return Err(unbalanced(open, '`')) };
        let inner = self.rest()[..length].to_owned();
        self.at += length + 1;
        self.substituted(&inner, open, making);
        Ok(())
    }

    /// `$(pwd)`, `$(id -u)` and `$(id -g)` are known without running anything; everything else stays as it stands.
    fn substituted(&mut self, inner: &str, open: usize, making: &mut Making) {
        let place = Span::new(open, self.at);
        match inner.split_whitespace().collect::<Vec<_>>()[..] {
            ["pwd"] => making.text(&self.shell.cwd.clone(), place, true),
            ["id", "-u"] => making.text(&self.shell.uid.to_string(), place, true),
            ["id", "-g"] => making.text(&self.shell.gid.to_string(), place, true),
            _ => {
                let shown = self.text.get(open..self.at).unwrap_or_default().to_owned();
                making.text(&shown, place, true);
                making.word.opaque = true;
            }
        }
    }

    fn dollar(&mut self, making: &mut Making, quoted: bool, depth: usize) -> Result<(), Wrong> {
        let open = self.at;
        self.at += 1;
        match self.peek() {
            Some('(') => {
                let inner = self.parentheses(open)?;
                self.substituted(&inner, open, making);
            }
            Some('{') => {
                self.at += 1;
                let inner = self.braces(open)?;
                self.parameter(&inner, open, making, quoted, depth)?;
            }
            Some('\'') if !quoted => self.single(making)?,
            Some('"') if !quoted => self.double(making)?,
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let length = name_length(self.rest());
                let name = self.rest()[..length].to_owned();
                self.at += length;
                let value = (self.shell.variable)(&name).unwrap_or_default();
                self.expanded(&name, &value, Span::new(open, self.at), making, quoted);
            }
            Some('?' | '$' | '#' | '@' | '*' | '!' | '0'..='9') => {
                self.next();
                let shown = self.text.get(open..self.at).unwrap_or_default().to_owned();
                making.text(&shown, Span::new(open, self.at), true);
                making.word.opaque = true;
            }
            _ => making.push('$', Span::new(open, self.at), quoted),
        }
        Ok(())
    }

    /// A variable's value in the place of its name. Unquoted, blanks in it part words.
    fn expanded(&mut self, name: &str, value: &str, place: Span, making: &mut Making, quoted: bool) {
        self.grown += value.len();
        let start = making.word.value.len();
        if quoted {
            making.text(value, place, true);
            making.exists = true;
        } else {
            for c in value.chars() {
                if c.is_ascii_whitespace() {
                    making.split_off();
                } else {
                    making.push(c, place, false);
                }
            }
        }
        let end = making.word.value.len();
        making.word.variables.push((name.to_owned(), start.min(end), end));
    }

    /// `${NAME}` and its forms with `-`, `+`, `?`; others are kept as they stand.
    fn parameter(
        &mut self,
        inner: &str,
        open: usize,
        making: &mut Making,
        quoted: bool,
        depth: usize,
    ) -> Result<(), Wrong> {
        let place = Span::new(open, self.at);
        let (name, operator) = inner.split_at(name_length(inner));
        let set = (self.shell.variable)(name);
        let full = set.clone().filter(|value| !value.is_empty());
        let (value, word) = match operator.as_bytes() {
            [] if !name.is_empty() => (set, None),
            [b':', b'-' | b'=', ..] => (full.clone(), operator.get(2..).filter(|_| full.is_none())),
            [b'-' | b'=', ..] => (set.clone(), operator.get(1..).filter(|_| set.is_none())),
            [b':', b'+', ..] => (None, operator.get(2..).filter(|_| full.is_some())),
            [b'+', ..] => (None, operator.get(1..).filter(|_| set.is_some())),
            [b':', b'?', ..] | [b'?', ..] => {
                let present = if operator.starts_with(':') { full } else { set };
                if present.is_none() {
                    let what = format!("{name} is not set, and the line insists on it");
                    return Err(Wrong::at(place, &what, &format!("export {name} first")));
                }
                (present, None)
            }
            _ => {
                let shown = self.text.get(open..self.at).unwrap_or_default().to_owned();
                making.text(&shown, place, true);
                making.word.opaque = true;
                return Ok(());
            }
        };
        let value = match word {
            None => value.unwrap_or_default(),
            Some(_) if depth >= DEPTH => return Err(Wrong::at(place, "nested too deeply", "16 levels are the most")),
            Some(word) => self.default_of(word, making, depth)?,
        };
        self.expanded(name, &value, place, making, quoted);
        Ok(())
    }

    /// The word behind `:-`, its own variables replaced.
    fn default_of(&mut self, word: &str, making: &mut Making, depth: usize) -> Result<String, Wrong> {
        let mut inner = Lexer { text: word, at: 0, shell: self.shell, grown: self.grown };
        let mut part = Making::default();
        while let Some(c) = inner.peek() {
            match c {
                '$' => inner.dollar(&mut part, true, depth + 1)?,
                '"' | '\'' => drop(inner.next()),
                _ => {
                    inner.next();
                    part.push(c, Span::default(), true);
                }
            }
        }
        self.grown = inner.grown;
        making.word.opaque |= part.word.opaque;
        Ok(part.word.value)
    }

    /// The text up to the `)` that closes what `open` opened.
    fn parentheses(&mut self, open: usize) -> Result<String, Wrong> {
        let start = self.at + 1;
        let mut depth = 0usize;
        let mut quote = None;
        while let Some(c) = self.next() {
            match (quote, c) {
                (Some('"'), '\\') | (None, '\\') => drop(self.next()),
                (Some(q), c) if q == c => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some(c),
                (None, '(') => depth += 1,
                (None, ')') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Ok(self.text.get(start..self.at - 1).unwrap_or_default().to_owned());
                    }
                }
                _ => {}
            }
        }
        Err(unbalanced(open, '('))
    }

    fn braces(&mut self, open: usize) -> Result<String, Wrong> {
        let start = self.at;
        let mut depth = 1usize;
        while let Some(c) = self.next() {
            match c {
                '{' => depth += 1,
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(self.text.get(start..self.at - 1).unwrap_or_default().to_owned());
                    }
                }
                _ => {}
            }
        }
        Err(unbalanced(open, '{'))
    }
}

fn name_length(text: &str) -> usize {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if first { text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count() } else { 0 }
}

fn unbalanced(open: usize, mark: char) -> Wrong {
    let what = format!("this {mark} is never closed");
    Wrong::at(Span::new(open, open + mark.len_utf8()), &what, "the shell would wait for the rest of the line")
}

//! Reads one token: letters, quotes, and what begins with `$`. What web pages put in the place of a shell's own characters is
//! told by its name.

use super::read::{self, Reader};
use super::{Parameter, Part, Script, Token, Wrong, name_length};

impl Token {
    /// Its letters without quotes; nothing is expanded.
    pub(super) fn plain(&self) -> String {
        let letter = |part: &Part| match part {
            Part::Letter { c, .. } => Some(*c),
            _ => None,
        };
        self.parts.iter().filter_map(letter).collect()
    }
}

/// Where a token ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// At a blank or an operator.
    Word,
    /// At this character; blanks are part of it.
    At(char),
    /// The same within double quotes, where single ones are letters.
    Quoted(char),
    /// At the end of a here-document, where all quotes are letters.
    Text,
    /// At a blank: a regular expression.
    Blank,
}

impl<'t> Reader<'t> {
    /// The token that begins here; `None` at an operator, a line end, the end.
    pub fn token(&mut self) -> Result<Option<Token>, Wrong> {
        let start = self.at;
        let token = self.parts(End::Word)?;
        Ok((self.at > start).then_some(token))
    }

    /// The value of an assignment: it may be empty.
    pub fn value_token(&mut self) -> Result<Token, Wrong> {
        let mut token = self.parts(End::Word)?;
        tilde_behind_colons(&mut token);
        Ok(token)
    }

    pub fn pattern_token(&mut self) -> Result<Option<Token>, Wrong> {
        let start = self.at;
        let token = self.parts(End::Blank)?;
        Ok((self.at > start).then_some(token))
    }

    /// A here-document's text, in which variables and commands are replaced.
    pub fn document_token(&mut self) -> Result<Token, Wrong> {
        self.parts(End::Text)
    }

    fn plain_letter(&mut self, c: char, parts: &mut Vec<Part>) {
        let at = self.at;
        self.at += c.len_utf8();
        parts.push(Part::Letter { c, place: self.place(at, self.at), quoted: true });
    }

    /// All up to `end`, which is left.
    pub fn token_until(&mut self, end: char) -> Result<Token, Wrong> {
        self.parts(End::At(end))
    }

    fn parts(&mut self, end: End) -> Result<Token, Wrong> {
        let start = self.at;
        let mut parts = Vec::new();
        if self.peek() == Some('~') && end != End::Text {
            let after = self.rest()[1..].chars().next();
            if after.is_none_or(|c| c == '/' || c == ':' || c.is_whitespace() || ";&|)}".contains(c)) {
                parts.push(Part::Home { place: self.place(start, start + 1) });
                self.at += 1;
            }
        }
        // `$( … )` of a regular expression's own parentheses.
        let mut open = 0usize;
        while let Some(c) = self.peek() {
            match (end, c) {
                (End::At(end) | End::Quoted(end), c) if c == end => break,
                (End::Word, ' ' | '\t' | '\n' | ';' | '&' | '|' | ')') => break,
                (End::Word, '(') if !self.is_pattern_list(&parts) => break,
                (End::Word, '(') => self.pattern_list(&mut parts)?,
                (End::Word, '<' | '>') if self.rest()[1..].starts_with('(') && parts.is_empty() => {
                    self.process(&mut parts)?;
                }
                (End::Word, '<' | '>') => break,
                (End::Blank, '(') => {
                    open += 1;
                    self.letter(c, &mut parts)?;
                }
                (End::Blank, ')') if open > 0 => {
                    open -= 1;
                    self.letter(c, &mut parts)?;
                }
                (End::Blank, '\n') => break,
                (End::Blank, ' ' | '\t' | ')') if open == 0 => break,
                (End::Quoted(_), '\'') => self.letter(c, &mut parts)?,
                (End::Text, '\\') if !self.rest()[1..].starts_with(['$', '`', '\\', '\n']) => {
                    self.letter(c, &mut parts)?
                }
                (End::Text, c) if !"\\$`".contains(c) => self.plain_letter(c, &mut parts),
                (_, '\'') => self.single(&mut parts)?,
                (_, '"') => self.double(&mut parts)?,
                (_, '\\') => self.backslash(&mut parts)?,
                (_, '$') => self.dollar(&mut parts, false)?,
                (_, '`') => self.backquote(&mut parts, false)?,
                _ => self.letter(c, &mut parts)?,
            }
        }
        Ok(Token { span: self.place(start, self.at), parts })
    }

    /// `@(a|b)`, `!(x)`: bash's lists of patterns.
    fn is_pattern_list(&self, parts: &[Part]) -> bool {
        matches!(parts.last(), Some(Part::Letter { c: '?' | '*' | '+' | '@' | '!', quoted: false, .. }))
            && !self.rest().starts_with("()")
    }

    fn pattern_list(&mut self, parts: &mut Vec<Part>) -> Result<(), Wrong> {
        let open = self.at;
        let mut depth = 0usize;
        while let Some(c) = self.peek() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '\'' => {
                    self.single(parts)?;
                    continue;
                }
                '"' => {
                    self.double(parts)?;
                    continue;
                }
                _ => {}
            }
            let at = self.at;
            self.next();
            parts.push(Part::Letter { c, place: self.place(at, self.at), quoted: false });
            if depth == 0 {
                return Ok(());
            }
        }
        Err(self.unclosed(open, "("))
    }

    /// `<(…)`: the name of a pipe that only the shell knows.
    fn process(&mut self, parts: &mut Vec<Part>) -> Result<(), Wrong> {
        let open = self.at;
        self.at += 1;
        let script = self.inner(open)?;
        let shown = self.text[open..self.at].to_owned();
        parts.push(Part::Command { script, shown, place: self.place(open, self.at), quoted: true });
        Ok(())
    }

    fn letter(&mut self, c: char, parts: &mut Vec<Part>) -> Result<(), Wrong> {
        let first = parts.is_empty();
        let told = match c {
            _ if self.strict => None,
            '\r' => Some((
                "a carriage return: the text has Windows line ends".to_owned(),
                "docker would get it as part of the argument; `sed -i 's/\\r$//' FILE` takes them out",
            )),
            '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{3000}' | '\u{200b}' | '\u{feff}' => Some((
                format!("U+{:04X}, a blank of a web page that no shell takes for one", c as u32),
                "type an ordinary blank in its place",
            )),
            '\u{2010}'..='\u{2015}' | '\u{2212}' if first => Some((
                format!("{c} (U+{:04X}), a typographic dash; docker takes the word for the image's name", c as u32),
                "options begin with the hyphens of the keyboard: `-` or `--`",
            )),
            '\u{2018}'..='\u{201f}' => {
                let what = format!("{c} (U+{:04X}), a typographic quote; no shell takes it for one", c as u32);
                Some((what, "type ' or \" in its place"))
            }
            '\0' => Some(("a zero byte: this is no command line".to_owned(), "give a text file")),
            _ => None,
        };
        if let Some((what, help)) = told {
            return Err(self.wrong(c.len_utf8(), &what, help));
        }
        let at = self.at;
        self.next();
        parts.push(Part::Letter { c, place: self.place(at, self.at), quoted: false });
        Ok(())
    }

    fn single(&mut self, parts: &mut Vec<Part>) -> Result<(), Wrong> {
        let open = self.at;
        self.at += 1;
        parts.push(Part::Nothing);
        loop {
            let at = self.at;
            match self.next() {
                None => return Err(self.unclosed(open, "'")),
                Some('\'') => return Ok(()),
                Some(c) => parts.push(Part::Letter { c, place: self.place(at, self.at), quoted: true }),
            }
        }
    }

    /// `$'…'`: with C's escapes.
    fn escaped(&mut self, parts: &mut Vec<Part>) -> Result<(), Wrong> {
        let open = self.at;
        self.at += 1;
        parts.push(Part::Nothing);
        loop {
            let at = self.at;
            let c = match self.next() {
                None => return Err(self.unclosed(open, "'")),
                Some('\'') => return Ok(()),
                Some('\\') => match self.next() {
                    None => return Err(self.unclosed(open, "'")),
                    Some('n') => '\n',
                    Some('t') => '\t',
                    Some('r') => '\r',
                    Some('a') => '\u{7}',
                    Some('b') => '\u{8}',
                    Some('e' | 'E') => '\u{1b}',
                    Some('f') => '\u{c}',
                    Some('v') => '\u{b}',
                    Some('x') => self.number(16, 2),
                    Some('u') => self.number(16, 4),
                    Some('U') => self.number(16, 8),
                    Some('0'..='7') => {
                        self.at -= 1;
                        self.number(8, 3)
                    }
                    Some(c) => c,
                },
                Some(c) => c,
            };
            parts.push(Part::Letter { c, place: self.place(at, self.at), quoted: true });
        }
    }

    fn number(&mut self, base: u32, most: usize) -> char {
        let digits = self.rest().chars().take(most).take_while(|c| c.is_digit(base)).count();
        let number = u32::from_str_radix(&self.rest()[..digits], base).ok();
        self.at += digits;
        number.and_then(char::from_u32).unwrap_or('\u{fffd}')
    }

    fn double(&mut self, parts: &mut Vec<Part>) -> Result<(), Wrong> {
        let open = self.at;
        self.at += 1;
        parts.push(Part::Nothing);
        loop {
            let at = self.at;
            match self.peek() {
                None => return Err(self.unclosed(open, "\"")),
                Some('"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some('\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some('\n') => self.at += 1,
                        Some(c @ ('$' | '`' | '"' | '\\')) => {
                            self.at += 1;
                            parts.push(Part::Letter { c, place: self.place(at, self.at), quoted: true });
                        }
                        _ => parts.push(Part::Letter { c: '\\', place: self.place(at, self.at), quoted: true }),
                    }
                }
                Some('$') => self.dollar(parts, true)?,
                Some('`') => self.backquote(parts, true)?,
                Some(c) => {
                    self.next();
                    parts.push(Part::Letter { c, place: self.place(at, self.at), quoted: true });
                }
            }
        }
    }

    fn backslash(&mut self, parts: &mut Vec<Part>) -> Result<(), Wrong> {
        let at = self.at;
        if self.eat("\\\n") {
            return Ok(());
        }
        if self.rest()[1..].starts_with("\r\n") {
            self.at += 1;
            return self.letter('\r', parts);
        }
        let after = self.rest()[1..].trim_start_matches([' ', '\t', '\r']);
        if !self.strict && after.len() + 1 < self.rest().len() && (after.is_empty() || after.starts_with('\n')) {
            return Err(self.wrong(
                2,
                "something invisible stands after this backslash, so the line ends here",
                "the backslash has to be the last character of its line",
            ));
        }
        if !self.strict && self.rest()[1..].starts_with([' ', '\t']) && after.starts_with('#') {
            return Err(self.wrong(
                1,
                "a comment stands after this backslash, so the line ends here",
                "the backslash has to be the last character of its line: take the comment out",
            ));
        }
        self.at += 1;
        // A backslash at the end of everything: the shell would wait for more.
        if let Some(c) = self.next() {
            parts.push(Part::Letter { c, place: self.place(at, self.at), quoted: true });
        }
        Ok(())
    }

    fn backquote(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Result<(), Wrong> {
        let open = self.at;
        self.at += 1;
        let (mut text, mut places) = (String::new(), Vec::new());
        loop {
            let at = self.at;
            let c = match self.next() {
                None => return Err(self.unclosed(open, "`")),
                Some('`') => break,
                Some('\\') if self.rest().starts_with(['`', '\\', '$']) => self.next().unwrap_or('\\'),
                Some(c) => c,
            };
            text.push(c);
            places.extend(std::iter::repeat_n(self.place(at, self.at), c.len_utf8()));
        }
        let depth = self.depth + 1;
        let kind = if self.strict { Reader::strict } else { Reader::new };
        let script = read::whole(kind(&text, Some(&places), depth))?;
        let shown = self.text[open..self.at].to_owned();
        parts.push(Part::Command { script, shown, place: self.place(open, self.at), quoted });
        Ok(())
    }

    /// The commands up to the `)`; this stands at the `(`.
    fn inner(&mut self, open: usize) -> Result<Script, Wrong> {
        self.at += 1;
        let script = self.deeper(|reader| reader.list(&[]))?;
        if !self.eat(")") {
            return Err(self.unclosed(open, "("));
        }
        Ok(script)
    }

    fn dollar(&mut self, parts: &mut Vec<Part>, quoted: bool) -> Result<(), Wrong> {
        let open = self.at;
        self.at += 1;
        match self.peek() {
            Some('(') if self.rest().starts_with("((") && self.arithmetic_end().is_some() => {
                let length = self.arithmetic_end().unwrap_or_default();
                let text = self.rest()[2..length].to_owned();
                self.at += length + 2;
                parts.push(Part::Arithmetic { text, place: self.place(open, self.at) });
            }
            Some('(') => {
                let script = self.inner(open)?;
                let shown = self.text[open..self.at].to_owned();
                parts.push(Part::Command { script, shown, place: self.place(open, self.at), quoted });
            }
            Some('{') => {
                self.at += 1;
                let mut parameter = self.deeper(|reader| reader.parameter(open, quoted))?;
                parameter.shown = self.text[open..self.at].to_owned();
                parts.push(Part::Parameter { parameter, place: self.place(open, self.at), quoted });
            }
            Some('\'') if !quoted => self.escaped(parts)?,
            Some('"') if !quoted => self.double(parts)?,
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let length = name_length(self.rest());
                self.named(length, open, parts, quoted);
            }
            Some('?' | '$' | '#' | '@' | '*' | '!' | '-' | '0'..='9') => self.named(1, open, parts, quoted),
            _ => parts.push(Part::Letter { c: '$', place: self.place(open, self.at), quoted }),
        }
        Ok(())
    }

    fn named(&mut self, length: usize, open: usize, parts: &mut Vec<Part>, quoted: bool) {
        let name = self.rest()[..length].to_owned();
        self.at += length;
        let shown = self.text[open..self.at].to_owned();
        let parameter = Parameter { name, shown, ..Parameter::default() };
        parts.push(Part::Parameter { parameter, place: self.place(open, self.at), quoted });
    }

    /// Where the `))` begins that closes the `((` here.
    fn arithmetic_end(&self) -> Option<usize> {
        let mut depth = 0usize;
        for (at, c) in self.rest().char_indices().skip(2) {
            match c {
                '(' => depth += 1,
                ')' if depth > 0 => depth -= 1,
                ')' => return self.rest()[at..].starts_with("))").then_some(at),
                _ => {}
            }
        }
        None
    }

    /// An escaped line end is nothing, wherever it stands outside of single quotes.
    fn joined_lines(&mut self) {
        while self.eat("\\\n") {}
    }

    /// What stands between `${` and `}`.
    fn parameter(&mut self, open: usize, quoted: bool) -> Result<Parameter, Wrong> {
        let mut parameter = Parameter::default();
        self.joined_lines();
        let rest = self.rest();
        if rest.starts_with('#') && !rest.starts_with("#}") && !rest.starts_with("#:") {
            parameter.length = true;
            self.at += 1;
        } else if rest.starts_with('!') && rest[1..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            parameter.indirect = true;
            self.at += 1;
        }
        let length = match name_length(self.rest()) {
            0 => {
                let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
                if digits > 0 {
                    digits
                } else {
                    usize::from(self.rest().starts_with(['?', '$', '#', '@', '*', '!', '-']))
                }
            }
            length => length,
        };
        parameter.name = self.rest()[..length].to_owned();
        self.at += length;
        self.joined_lines();
        if self.eat("[") {
            parameter.index = Some(self.token_until(']')?);
            self.eat("]");
        }
        let operators = [
            ":-", ":=", ":?", ":+", "##", "%%", "//", "/#", "/%", "^^", ",,", "-", "=", "?", "+", "#", "%", "/", "^",
            ",", "@", "*", ":",
        ];
        if let Some(operator) = operators.into_iter().find(|operator| self.rest().starts_with(operator)) {
            self.at += operator.len();
            parameter.operator = operator.to_owned();
            parameter.operand = self.parts(if quoted { End::Quoted('}') } else { End::At('}') })?;
        }
        if !self.eat("}") {
            return Err(self.unclosed(open, "${"));
        }
        Ok(parameter)
    }
}

/// `PATH=~/bin:~/more`: in an assignment `~` is replaced behind colons too.
fn tilde_behind_colons(token: &mut Token) {
    for at in 1..token.parts.len() {
        let colon = matches!(token.parts[at - 1], Part::Letter { c: ':', quoted: false, .. });
        let tilde = match token.parts[at] {
            Part::Letter { c: '~', quoted: false, place } if colon => place,
            _ => continue,
        };
        let ends = match token.parts.get(at + 1) {
            None => true,
            Some(Part::Letter { c: '/' | ':', .. }) => true,
            Some(_) => false,
        };
        if ends {
            token.parts[at] = Part::Home { place: tilde };
        }
    }
}

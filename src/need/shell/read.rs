//! The grammar of the shell: POSIX's, with what bash adds to it. Nothing is expanded here.

use std::cell::OnceCell;
use std::rc::Rc;

use gdoctor_checks::model::run::Span;

use super::{
    Assigned, Command, Document, Item, Join, Kind, Pipeline, Redirect, Script, Token, Value, Wrong, name_length,
};

/// Commands within commands deeper than this are refused.
const DEPTH: usize = 64;

/// Words that end a list, or begin something that is no simple command.
const RESERVED: [&str; 15] = [
    "if", "then", "elif", "else", "fi", "for", "select", "while", "until", "do", "done", "case", "esac", "function",
    "{",
];

/// Commands whose arguments may be assignments of lists.
const DECLARES: [&str; 5] = ["declare", "typeset", "local", "export", "readonly"];

const REDIRECTS: [&str; 12] = ["<<<", "<<-", "<<", "<>", "<&", "<", "&>>", "&>", ">>", ">&", ">|", ">"];

/// A text in reading. Where it is a part of another text that was unquoted first, `places` tells where each byte comes from.
pub(super) struct Reader<'t> {
    pub text: &'t str,
    pub at: usize,
    pub places: Option<&'t [Span]>,
    pub depth: usize,
    /// Only what a shell takes is taken: a text that is run as it stands, and none that somebody pasted.
    pub strict: bool,
    /// Here-documents whose text begins at the next line end.
    awaited: Vec<Awaited>,
}

struct Awaited {
    document: Rc<OnceCell<Document>>,
    end: String,
    strips_tabs: bool,
}

pub(super) fn script(text: &str, places: Option<&[Span]>, depth: usize) -> Result<Script, Wrong> {
    whole(Reader::new(text, places, depth))
}

/// All that a reader has before it.
pub(super) fn whole(mut reader: Reader) -> Result<Script, Wrong> {
    let script = reader.list(&[])?;
    match reader.peek() {
        None => Ok(script),
        Some(c) => {
            Err(reader.wrong(c.len_utf8(), &format!("`{c}` is not expected here"), "nothing was opened that it closes"))
        }
    }
}

impl<'t> Reader<'t> {
    pub fn new(text: &'t str, places: Option<&'t [Span]>, depth: usize) -> Self {
        Self { text, at: 0, places, depth, strict: false, awaited: Vec::new() }
    }

    /// Of a text that is run as it stands.
    pub fn strict(text: &'t str, places: Option<&'t [Span]>, depth: usize) -> Self {
        Self { strict: true, ..Self::new(text, places, depth) }
    }

    /// The place of bytes of this text in the whole text.
    pub fn place(&self, start: usize, end: usize) -> Span {
        let Some(places) = self.places else { return Span::new(start, end) };
        let last = || places.last().map_or(Span::at(0), |last| Span::at(last.end));
        let first = places.get(start).copied().unwrap_or_else(last);
        let end = end.checked_sub(1).filter(|end| *end >= start).and_then(|end| places.get(end));
        Span::new(first.start, end.map_or(first.start, |end| end.end).max(first.start))
    }

    pub fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    pub fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    pub fn wrong(&self, length: usize, what: &str, help: &str) -> Wrong {
        let mut end = (self.at + length).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        Wrong::at(self.place(self.at, end), what, help)
    }

    pub fn unclosed(&self, open: usize, mark: &str) -> Wrong {
        let what = format!("this {mark} is never closed");
        Wrong::at(self.place(open, open + mark.len()), &what, "the shell would wait for the rest of the line")
    }

    pub fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, Wrong> {
        if self.depth >= DEPTH {
            return Err(self.wrong(1, "nested too deeply", "64 levels are the most"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Blanks, escaped line ends and comments between words of one line.
    pub fn blanks(&mut self) {
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

    /// The same, and line ends; here-documents begin behind one.
    pub(super) fn line_ends(&mut self) {
        loop {
            self.blanks();
            if !self.line_end() {
                break;
            }
        }
    }

    fn line_end(&mut self) -> bool {
        let found = self.eat("\n");
        if found {
            for awaited in std::mem::take(&mut self.awaited) {
                let document = self.document(&awaited);
                let _ = awaited.document.set(document);
            }
        }
        found
    }

    fn document(&mut self, awaited: &Awaited) -> Document {
        let (mut text, mut places) = (String::new(), Vec::new());
        while !self.rest().is_empty() {
            let line = self.rest().split_inclusive('\n').next().unwrap_or_default();
            let tabs = if awaited.strips_tabs { line.len() - line.trim_start_matches('\t').len() } else { 0 };
            let kept = &line[tabs..];
            let begins = self.at + tabs;
            self.at += line.len();
            if kept.trim_end_matches('\n') == awaited.end {
                break;
            }
            text.push_str(kept);
            places.extend((begins..begins + kept.len()).map(|at| self.place(at, at + 1)));
        }
        Document { text, places }
    }

    /// The reserved word that stands here, if one does.
    pub(super) fn reserved(&self) -> Option<&'static str> {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || ";&|()<>".contains(c)).unwrap_or(rest.len());
        let word = &rest[..end];
        let more = ["}", "in", "[[", "!", "time", "coproc"];
        RESERVED.into_iter().chain(more).find(|reserved| *reserved == word)
    }

    pub(super) fn expect(&mut self, word: &'static str, opened: (usize, &str)) -> Result<(), Wrong> {
        self.line_ends();
        if self.reserved() == Some(word) {
            self.at += word.len();
            return Ok(());
        }
        if self.peek().is_none() {
            return Err(self.unclosed(opened.0, opened.1));
        }
        Err(self.wrong(1, &format!("`{word}` is expected here"), &format!("`{}` before it is not finished", opened.1)))
    }

    /// Commands up to one of these words, to a `)`, or to the end.
    pub fn list(&mut self, ends: &[&str]) -> Result<Script, Wrong> {
        let mut script = Script::default();
        loop {
            self.line_ends();
            let Some(c) = self.peek() else { break };
            if c == ')' || self.rest().starts_with(";;") || self.rest().starts_with(";&") {
                break;
            }
            if self.reserved().is_some_and(|word| ends.contains(&word)) {
                break;
            }
            if !self.strict && (self.eat(";") || self.eat("&")) {
                continue;
            }
            let item = self.item()?;
            let is_compound = item.ends_compound();
            script.items.push(item);
            self.blanks();
            let of_case = self.rest().starts_with(";;") || self.rest().starts_with(";&");
            let parted = of_case || self.eat(";") || (!self.rest().starts_with("&&") && self.eat("&"));
            let ended = self.peek().is_none_or(|c| "\n)".contains(c))
                || (is_compound && self.reserved().is_some_and(|word| ends.contains(&word)));
            if self.strict && !parted && !ended {
                let c = self.peek().unwrap_or(' ');
                return Err(self.wrong(
                    c.len_utf8(),
                    &format!("`{c}` is not expected here"),
                    "a `;` is, or a line end",
                ));
            }
        }
        Ok(script)
    }

    /// As `list`, within a compound command, which the shell takes with a command in it alone.
    pub(super) fn body(&mut self, ends: &[&str], opened: &str) -> Result<Script, Wrong> {
        let script = self.list(ends)?;
        if self.strict && script.items.is_empty() && self.peek().is_some() {
            let what = format!("no command stands in this part of `{opened}`");
            return Err(self.wrong(1, &what, "the shell takes none without: `:` does nothing"));
        }
        Ok(script)
    }

    fn item(&mut self) -> Result<Item, Wrong> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let join = if self.eat("&&") {
                Join::And
            } else if self.eat("||") {
                Join::Or
            } else {
                break;
            };
            self.line_ends();
            if self.peek().is_none() {
                let mark = if join == Join::And { "&&" } else { "||" };
                let what = format!("the text ends behind `{mark}`");
                return Err(self.wrong(0, &what, "the shell waits for another command: take it out, or give the rest"));
            }
            rest.push((join, self.pipeline()?));
        }
        Ok(Item { first, rest })
    }

    fn pipeline(&mut self) -> Result<Pipeline, Wrong> {
        let mut negated = false;
        loop {
            self.blanks();
            match self.reserved() {
                Some("!") => {
                    self.at += 1;
                    negated = !negated;
                }
                Some("time") => {
                    self.at += 4;
                    self.blanks();
                    self.eat("-p");
                }
                _ => break,
            }
        }
        let mut commands = vec![self.deeper(Self::command)?];
        loop {
            self.blanks();
            if self.rest().starts_with("||") || !(self.eat("|&") || self.eat("|")) {
                break;
            }
            self.line_ends();
            if self.peek().is_none() {
                if self.strict {
                    return Err(self.wrong(0, "the text ends behind `|`", "the shell waits for another command"));
                }
                break;
            }
            commands.push(self.deeper(Self::command)?);
        }
        Ok(Pipeline { negated, commands })
    }

    pub(super) fn command(&mut self) -> Result<Command, Wrong> {
        self.blanks();
        let start = self.at;
        let kind = match self.reserved() {
            Some("if") => self.conditional()?,
            Some("for" | "select") => self.each()?,
            Some(word @ ("while" | "until")) => {
                self.at += word.len();
                let condition = self.body(&["do"], word)?;
                self.expect("do", (start, word))?;
                let body = self.body(&["done"], word)?;
                self.expect("done", (start, word))?;
                Kind::Loop { condition: Some(condition), until: word == "until", body }
            }
            Some("case") => self.case()?,
            Some("{") => {
                self.at += 1;
                let body = self.body(&["}"], "{")?;
                self.expect("}", (start, "{"))?;
                Kind::Group(body)
            }
            Some("function") => {
                self.at += "function".len();
                self.blanks();
                let name = self.token()?.map(|token| token.plain()).unwrap_or_default();
                self.blanks();
                if self.eat("(") {
                    self.blanks();
                    self.eat(")");
                }
                self.function(name)?
            }
            Some("[[") => self.test()?,
            Some("coproc") => {
                self.at += "coproc".len();
                return self.command();
            }
            Some(word @ ("then" | "elif" | "else" | "fi" | "do" | "done" | "esac" | "}")) => {
                let what = format!("`{word}` is not expected here");
                return Err(self.wrong(word.len(), &what, "nothing was opened that it belongs to"));
            }
            _ if self.rest().starts_with("((") => match self.arithmetic() {
                Some(kind) => kind,
                None => self.subshell()?,
            },
            _ if self.peek() == Some('(') => self.subshell()?,
            _ => return self.simple(),
        };
        let mut command = Command { kind, redirects: Vec::new() };
        loop {
            self.blanks();
            match self.redirect()? {
                Some(redirect) => command.redirects.push(redirect),
                None => return Ok(command),
            }
        }
    }

    fn simple(&mut self) -> Result<Command, Wrong> {
        let (mut assigned, mut tokens, mut redirects) = (Vec::new(), Vec::<Token>::new(), Vec::new());
        loop {
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                continue;
            }
            let declares = tokens.first().is_some_and(|first| DECLARES.contains(&first.plain().as_str()));
            if (tokens.is_empty() || declares)
                && let Some(one) = self.assignment(declares)?
            {
                assigned.push(one);
                continue;
            }
            let Some(token) = self.token()? else { break };
            tokens.push(token);
            if tokens.len() == 1 && assigned.is_empty() && self.peek_function() {
                let name = tokens[0].plain();
                let kind = self.function(name)?;
                return Ok(Command { kind, redirects });
            }
        }
        // Of prose around a command nothing is asked; a run with such words is none.
        let starts = |pair: &[Token]| {
            ["docker", "podman"].contains(&pair[0].plain().as_str())
                && ["run", "create"].contains(&pair[1].plain().as_str())
        };
        if self.peek() == Some('(') && tokens.windows(2).any(starts) {
            return Err(self.wrong(
                1,
                "`(` is not expected here",
                "the shell ends with a syntax error: quote it, or take it out",
            ));
        }
        if tokens.is_empty() && assigned.is_empty() && redirects.is_empty() {
            let c = self.peek().unwrap_or(' ');
            return Err(self.wrong(c.len_utf8(), &format!("`{c}` is not expected here"), "a command is"));
        }
        Ok(Command { kind: Kind::Simple { assigned, tokens }, redirects })
    }

    /// `()` behind a first word.
    fn peek_function(&mut self) -> bool {
        let before = self.at;
        self.blanks();
        if self.eat("(") {
            self.blanks();
            if self.eat(")") {
                return true;
            }
        }
        self.at = before;
        false
    }

    /// `NAME=…`; a list only as an argument of `declare` and its like, where what has no list is read as a word.
    fn assignment(&mut self, lists_only: bool) -> Result<Option<Assigned>, Wrong> {
        let before = self.at;
        let length = name_length(self.rest());
        if length == 0 {
            return Ok(None);
        }
        let name = self.rest()[..length].to_owned();
        self.at += length;
        let mut index = None;
        if self.peek() == Some('[') {
            let closing = self.rest().find([']', '\n']).filter(|at| self.rest()[*at..].starts_with(']'));
            let follows = closing.map(|at| &self.rest()[at + 1..]);
            if !follows.is_some_and(|after| after.starts_with('=') || after.starts_with("+=")) {
                self.at = before;
                return Ok(None);
            }
            self.at += 1;
            index = Some(self.token_until(']')?);
            self.eat("]");
        }
        let appends = self.rest().starts_with("+=");
        if !(self.eat("+=") || self.eat("=")) {
            self.at = before;
            return Ok(None);
        }
        if self.peek() == Some('(') {
            let open = self.at;
            self.at += 1;
            let mut list = Vec::new();
            loop {
                self.line_ends();
                if self.eat(")") {
                    return Ok(Some(Assigned { name, index, appends, value: Value::List(list) }));
                }
                match self.token()? {
                    Some(token) => list.push(token),
                    None => return Err(self.unclosed(open, "(")),
                }
            }
        }
        if lists_only {
            self.at = before;
            return Ok(None);
        }
        let value = self.value_token()?;
        Ok(Some(Assigned { name, index, appends, value: Value::One(value) }))
    }

    /// `>file`, `2>&1`, `< file`, `<<END`.
    fn redirect(&mut self) -> Result<Option<Redirect>, Wrong> {
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let named = self.rest().strip_prefix('{').and_then(|rest| {
            let length = name_length(rest);
            rest[length..].starts_with("}>").then_some(length + 2)
        });
        let (number, after) = self.rest().split_at(named.unwrap_or(digits));
        let Some(operator) = REDIRECTS.into_iter().find(|operator| after.starts_with(operator)) else {
            return Ok(None);
        };
        if after[1..].starts_with('(') && operator.len() == 1 {
            return Ok(None);
        }
        let start = self.at;
        self.at = self.text.len() - after.len() + operator.len();
        self.blanks();
        let output = operator.starts_with("&>") || (operator.starts_with('>') && ["", "1"].contains(&number));
        let heredoc = operator == "<<" || operator == "<<-";
        let target = self.token()?;
        // `> 2>&1`: a number before an operator is that one's.
        let is_number = |token: &Token| {
            let plain = token.plain();
            !operator.ends_with('&')
                && self.rest().starts_with(['<', '>'])
                && !plain.is_empty()
                && plain.bytes().all(|byte| byte.is_ascii_digit())
        };
        let Some(target) = target.filter(|target| !is_number(target)) else {
            return Err(self.wrong(
                1,
                &format!("a file is expected behind `{operator}`"),
                "the shell takes no line without it",
            ));
        };
        let span = self.place(start, self.at);
        if !heredoc {
            return Ok(Some(Redirect { operator, output, target, document: None, span }));
        }
        let document = Rc::new(OnceCell::new());
        let awaited = Awaited { document: Rc::clone(&document), end: target.plain(), strips_tabs: operator == "<<-" };
        self.awaited.push(awaited);
        Ok(Some(Redirect { operator, output, target, document: Some(document), span }))
    }
}

//! The grammar of compound commands: `if`, `for`, `case`, `[[ … ]]` and their like.

use std::rc::Rc;

use super::read::Reader;
use super::{Kind, Term, Token, Wrong};

impl Reader<'_> {
    pub(super) fn subshell(&mut self) -> Result<Kind, Wrong> {
        let start = self.at;
        self.at += 1;
        let body = self.body(&[], "(")?;
        if !self.eat(")") {
            return Err(self.unclosed(start, "("));
        }
        Ok(Kind::Subshell(body))
    }

    pub(super) fn conditional(&mut self) -> Result<Kind, Wrong> {
        let start = self.at;
        self.at += 2;
        let mut arms = Vec::new();
        loop {
            let condition = self.body(&["then"], "if")?;
            self.expect("then", (start, "if"))?;
            arms.push((condition, self.body(&["elif", "else", "fi"], "if")?));
            self.line_ends();
            match self.reserved() {
                Some("elif") => self.at += 4,
                Some("else") => {
                    self.at += 4;
                    let otherwise = self.body(&["fi"], "if")?;
                    self.expect("fi", (start, "if"))?;
                    return Ok(Kind::If { arms, otherwise: Some(otherwise) });
                }
                _ => {
                    self.expect("fi", (start, "if"))?;
                    return Ok(Kind::If { arms, otherwise: None });
                }
            }
        }
    }

    /// `for NAME [in WORDS]; do …; done`, `for ((…)); do …; done`.
    pub(super) fn each(&mut self) -> Result<Kind, Wrong> {
        let start = self.at;
        let word = if self.rest().starts_with("for") { "for" } else { "select" };
        self.at += word.len();
        self.blanks();
        let mut name = String::new();
        let mut tokens = None;
        let counted = self.rest().starts_with("((");
        if counted {
            self.arithmetic().ok_or_else(|| self.unclosed(start, "for"))?;
        } else {
            name = self.token()?.map(|token| token.plain()).unwrap_or_default();
            self.line_ends();
            if self.reserved() == Some("in") {
                self.at += 2;
                tokens = Some(self.tokens()?);
            }
        }
        self.blanks();
        self.eat(";");
        self.line_ends();
        let body = if self.reserved() == Some("{") {
            self.at += 1;
            let body = self.body(&["}"], word)?;
            self.expect("}", (start, word))?;
            body
        } else {
            self.expect("do", (start, word))?;
            let body = self.body(&["done"], word)?;
            self.expect("done", (start, word))?;
            body
        };
        Ok(match (counted, word) {
            (true, _) => Kind::Loop { condition: None, until: false, body },
            (_, "select") => Kind::Select { name, body },
            _ => Kind::For { name, tokens, body },
        })
    }

    fn tokens(&mut self) -> Result<Vec<Token>, Wrong> {
        let mut tokens = Vec::new();
        loop {
            self.blanks();
            match self.token()? {
                Some(token) => tokens.push(token),
                None => return Ok(tokens),
            }
        }
    }

    pub(super) fn case(&mut self) -> Result<Kind, Wrong> {
        let start = self.at;
        self.at += 4;
        self.blanks();
        let token = self.token()?.unwrap_or_default();
        self.expect("in", (start, "case"))?;
        let mut arms = Vec::new();
        loop {
            self.line_ends();
            if self.reserved() == Some("esac") {
                self.at += 4;
                return Ok(Kind::Case { token, arms });
            }
            if self.peek().is_none() {
                return Err(self.unclosed(start, "case"));
            }
            self.eat("(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                match self.token()? {
                    Some(pattern) => patterns.push(pattern),
                    None => return Err(self.wrong(1, "a pattern of `case` is expected here", "PATTERN) COMMANDS ;;")),
                }
                self.blanks();
                if !self.eat("|") {
                    break;
                }
            }
            if !self.eat(")") {
                return Err(self.wrong(1, "`)` is expected behind a pattern of `case`", "PATTERN) COMMANDS ;;"));
            }
            let body = self.list(&["esac"])?;
            arms.push((patterns, body));
            self.line_ends();
            let _ = self.eat(";;&") || self.eat(";;") || self.eat(";&");
        }
    }

    pub(super) fn function(&mut self, name: String) -> Result<Kind, Wrong> {
        self.line_ends();
        let body = self.deeper(Self::command)?;
        Ok(Kind::Function { name, body: Rc::new(body) })
    }

    /// `(( … ))`; `None`, and nothing read, where two parentheses open two subshells.
    pub(super) fn arithmetic(&mut self) -> Option<Kind> {
        let rest = &self.rest()[2..];
        let mut depth = 0usize;
        for (at, c) in rest.char_indices() {
            match c {
                '(' => depth += 1,
                ')' if depth > 0 => depth -= 1,
                ')' if rest[at..].starts_with("))") => {
                    let text = rest[..at].to_owned();
                    self.at += at + 4;
                    return Some(Kind::Arithmetic(text));
                }
                ')' => return None,
                _ => {}
            }
        }
        None
    }

    /// `[[ … ]]`.
    pub(super) fn test(&mut self) -> Result<Kind, Wrong> {
        let start = self.at;
        self.at += 2;
        let mut terms = Vec::new();
        let mut pattern = false;
        loop {
            self.line_ends();
            if self.reserved_end() {
                self.at += 2;
                return Ok(Kind::Condition(terms));
            }
            if self.peek().is_none() {
                return Err(self.unclosed(start, "[["));
            }
            let operator = if pattern {
                None
            } else {
                ["&&", "||", "(", ")", "<", ">"].into_iter().find(|o| self.rest().starts_with(o))
            };
            match operator {
                Some(operator) => {
                    self.at += operator.len();
                    terms.push(Term::Operator(operator));
                }
                None => {
                    let token = if pattern { self.pattern_token()? } else { self.token()? };
                    let Some(token) = token else {
                        return Err(self.wrong(1, "a word of `[[ … ]]` is expected here", "it ends with `]]`"));
                    };
                    pattern = token.plain() == "=~";
                    terms.push(Term::Token(token));
                }
            }
        }
    }

    pub(super) fn reserved_end(&self) -> bool {
        let after = self.rest().strip_prefix("]]");
        after.is_some_and(|rest| rest.chars().next().is_none_or(|c| c.is_whitespace() || ";&|)".contains(c)))
    }
}

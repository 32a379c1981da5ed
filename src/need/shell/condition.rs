//! `[ … ]` and `[[ … ]]`: true, false, or not to be told before the script runs.

use super::state::{Text, Variable};
use super::walker::Walker;
use super::{Term, Token, Wrong, glob};

/// A term of a condition, expanded.
enum Word {
    Operator(&'static str),
    /// Its text, and as a pattern.
    Text(Text, String),
}

impl Walker<'_, '_> {
    /// `[[ … ]]`.
    pub(super) fn condition(&mut self, terms: &[Term]) -> Result<Option<bool>, Wrong> {
        let mut words = Vec::new();
        for term in terms {
            words.push(match term {
                Term::Operator(operator) => Word::Operator(operator),
                Term::Token(token) => Word::Text(self.text(token)?, self.pattern(token)?),
            });
        }
        Ok(Condition { words: &words, at: 0, walker: self, depth: 0 }.any())
    }

    /// `[ … ]`, `test …`: the words without the name and the bracket.
    pub(super) fn test(&mut self, words: &[super::word::Word]) -> Option<bool> {
        let operators = ["-a", "-o", "(", ")"];
        let term = |word: &super::word::Word| match operators.iter().find(|operator| **operator == word.value) {
            Some(&"-a") if words.len() > 2 => Word::Operator("&&"),
            Some(&"-o") if words.len() > 2 => Word::Operator("||"),
            Some(operator @ (&"(" | &")")) => Word::Operator(operator),
            _ => {
                let escaped = word.value.chars().flat_map(|c| ['\\', c]).collect();
                Word::Text(word.text(), escaped)
            }
        };
        if let [first, second] = words
            && !words.iter().any(|word| word.unknown.is_some() && word.may_part)
            && first.value != "!"
            && !(first.value.len() == 2 && first.value.starts_with('-'))
            && !second.value.is_empty()
        {
            // `[ == x ]`: what is compared is empty and unquoted. `[` says so and fails.
            return Some(false);
        }
        let terms: Vec<Word> = words.iter().map(term).collect();
        let mut condition = Condition { words: &terms, at: 0, walker: self, depth: 0 };
        let value = condition.any();
        // `[ a b = c ]`: too many arguments.
        if condition.at < terms.len() && !words.iter().any(|word| word.unknown.is_some()) { Some(false) } else { value }
    }

    /// A token as a pattern: what is quoted is meant as it is.
    pub(super) fn pattern(&mut self, token: &Token) -> Result<String, Wrong> {
        let mut pattern = String::new();
        for part in &token.parts {
            match part {
                super::Part::Letter { c, quoted, .. } => {
                    if *quoted {
                        pattern.push('\\');
                    }
                    pattern.push(*c);
                }
                other => {
                    let one = Token { span: token.span, parts: vec![other.clone()] };
                    pattern.push_str(&self.text(&one)?.shown());
                }
            }
        }
        Ok(pattern)
    }

    fn exists(&self, path: &str) -> Option<bool> {
        if self.state.folder_unknown && !path.starts_with('/') {
            return None;
        }
        let absolute =
            if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.state.cwd(self.outside)) };
        if self.state.earlier.paths.contains(&absolute) {
            return Some(true);
        }
        (self.outside.exists)(&absolute)
    }
}

struct Condition<'c, 'w, 'a, 'o> {
    words: &'c [Word],
    at: usize,
    walker: &'w Walker<'a, 'o>,
    depth: usize,
}

impl Condition<'_, '_, '_, '_> {
    fn operator(&mut self, wanted: &str) -> bool {
        let found = matches!(self.words.get(self.at), Some(Word::Operator(operator)) if *operator == wanted);
        self.at += usize::from(found);
        found
    }

    fn text(&mut self) -> Option<(Text, String)> {
        let Some(Word::Text(text, pattern)) = self.words.get(self.at) else { return None };
        self.at += 1;
        Some((text.clone(), pattern.clone()))
    }

    fn plain(&self, ahead: usize) -> String {
        match self.words.get(self.at + ahead) {
            Some(Word::Text(text, _)) => text.shown(),
            Some(Word::Operator(operator)) => (*operator).to_owned(),
            None => String::new(),
        }
    }

    fn any(&mut self) -> Option<bool> {
        let mut value = self.all();
        while self.operator("||") {
            value = match (value, self.all()) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
        }
        value
    }

    fn all(&mut self) -> Option<bool> {
        let mut value = self.one();
        while self.operator("&&") {
            value = match (value, self.one()) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
        }
        value
    }

    fn one(&mut self) -> Option<bool> {
        self.depth += 1;
        if self.depth > 64 {
            self.at = self.words.len();
            return None;
        }
        let value = if self.plain(0) == "!" && self.at + 1 < self.words.len() {
            self.at += 1;
            self.one().map(|value| !value)
        } else if self.operator("(") {
            let value = self.any();
            self.operator(")");
            value
        } else {
            self.compared()
        };
        self.depth -= 1;
        value
    }

    fn compared(&mut self) -> Option<bool> {
        let binary = ["=", "==", "!=", "=~", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"];
        let second = self.plain(1);
        if binary.contains(&second.as_str()) && self.at + 2 < self.words.len() {
            let one = self.text()?.0;
            self.at += 1;
            let (other, pattern) = self.text()?;
            return self.binary(&second, &one, &other, &pattern);
        }
        let operator = self.plain(0);
        if operator.len() == 2
            && operator.starts_with('-')
            && matches!(self.words.get(self.at + 1), Some(Word::Text(..)))
        {
            self.at += 1;
            let text = self.text()?.0;
            return self.unary(&operator, &text);
        }
        let text = self.text()?.0;
        text.known().map(|text| !text.is_empty())
    }

    fn binary(&self, operator: &str, one: &Text, other: &Text, pattern: &str) -> Option<bool> {
        if one.any || other.any {
            return None;
        }
        let (one, other) = (one.known()?, other.known()?);
        let numbers = || Some((one.trim().parse::<i64>().ok()?, other.trim().parse::<i64>().ok()?));
        let letters: Vec<char> = one.chars().collect();
        Some(match operator {
            "=" | "==" => glob::fits(pattern, &letters),
            "!=" => !glob::fits(pattern, &letters),
            "<" => one < other,
            ">" => one > other,
            "-eq" => numbers().map(|(a, b)| a == b)?,
            "-ne" => numbers().map(|(a, b)| a != b)?,
            "-lt" => numbers().map(|(a, b)| a < b)?,
            "-le" => numbers().map(|(a, b)| a <= b)?,
            "-gt" => numbers().map(|(a, b)| a > b)?,
            "-ge" => numbers().map(|(a, b)| a >= b)?,
            _ => return None,
        })
    }

    fn unary(&self, operator: &str, text: &Text) -> Option<bool> {
        let known = text.known();
        match operator {
            "-z" => known.map(|text| text.is_empty()),
            "-n" => known.map(|text| !text.is_empty()),
            "-v" => {
                let name = known?;
                match self.walker.state.variables.get(&name) {
                    Some(Variable::Unset) => Some(false),
                    Some(_) => Some(true),
                    None => Some((self.walker.outside.variable)(&name).is_some()),
                }
            }
            "-e" | "-a" | "-f" | "-d" | "-r" | "-s" | "-S" | "-c" | "-b" | "-x" | "-w" | "-L" | "-h" => {
                // What is there may still be of another kind; what is not is of none.
                match self.walker.exists(&known?)? {
                    false => Some(false),
                    true if operator == "-e" || operator == "-a" => Some(true),
                    true => None,
                }
            }
            _ => None,
        }
    }
}

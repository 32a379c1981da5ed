//! `$((…))` of whole numbers; `None` for what only the running shell would count.

use super::walker::Walker;

impl Walker<'_, '_> {
    pub(super) fn arithmetic(&mut self, text: &str) -> Option<i64> {
        // Each level of parentheses is one of the stack.
        if text.len() > 512 {
            return None;
        }
        let mut sum = Sum { text: text.as_bytes(), at: 0, look: &|name| self.number(name) };
        let value = sum.level(0)?;
        sum.blanks();
        (sum.at == text.len()).then_some(value)
    }

    fn number(&self, name: &str) -> Option<i64> {
        match self.look(name) {
            Some(text) if text.any => None,
            Some(text) => text.known()?.trim().parse().ok(),
            None if self.state.may_be_set() => None,
            None => Some(0),
        }
    }
}

struct Sum<'a> {
    text: &'a [u8],
    at: usize,
    look: &'a dyn Fn(&str) -> Option<i64>,
}

/// Operators, those that bind least first.
const LEVELS: [&[&str]; 7] =
    [&["||"], &["&&"], &["==", "!="], &["<=", ">=", "<", ">"], &["<<", ">>"], &["+", "-"], &["*", "/", "%"]];

impl Sum<'_> {
    fn blanks(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn level(&mut self, level: usize) -> Option<i64> {
        let Some(operators) = LEVELS.get(level) else { return self.one() };
        let mut value = self.level(level + 1)?;
        loop {
            self.blanks();
            let rest = self.text.get(self.at..)?;
            let Some(operator) = operators.iter().find(|operator| rest.starts_with(operator.as_bytes())) else {
                return Some(value);
            };
            if rest.get(operator.len()) == Some(&b'=') && !operator.ends_with('=') {
                return None;
            }
            self.at += operator.len();
            let other = self.level(level + 1)?;
            value = match *operator {
                "||" => i64::from(value != 0 || other != 0),
                "&&" => i64::from(value != 0 && other != 0),
                "==" => i64::from(value == other),
                "!=" => i64::from(value != other),
                "<=" => i64::from(value <= other),
                ">=" => i64::from(value >= other),
                "<" => i64::from(value < other),
                ">" => i64::from(value > other),
                "<<" => value.checked_shl(other.try_into().ok()?)?,
                ">>" => value.checked_shr(other.try_into().ok()?)?,
                "+" => value.checked_add(other)?,
                "-" => value.checked_sub(other)?,
                "*" => value.checked_mul(other)?,
                "/" => value.checked_div(other)?,
                _ => value.checked_rem(other)?,
            };
        }
    }

    fn one(&mut self) -> Option<i64> {
        self.blanks();
        let start = self.at;
        match self.text.get(self.at)? {
            b'(' => {
                self.at += 1;
                let value = self.level(0)?;
                self.blanks();
                (self.text.get(self.at) == Some(&b')')).then(|| self.at += 1)?;
                Some(value)
            }
            b'-' => {
                self.at += 1;
                self.one()?.checked_neg()
            }
            b'!' => {
                self.at += 1;
                Some(i64::from(self.one()? == 0))
            }
            b'0'..=b'9' => {
                let rest = &self.text[start..];
                let length = rest.iter().take_while(|b| b.is_ascii_digit()).count();
                self.at += length;
                std::str::from_utf8(&rest[..length]).ok()?.parse().ok()
            }
            _ => {
                let rest = std::str::from_utf8(&self.text[start..]).ok()?;
                let rest = rest.strip_prefix("${").or_else(|| rest.strip_prefix('$')).unwrap_or(rest);
                let length = super::name_length(rest);
                if length == 0 {
                    return None;
                }
                let value = (self.look)(&rest[..length])?;
                self.at = self.text.len() - rest.len() + length;
                if self.text[start..].starts_with(b"${") {
                    (self.text.get(self.at) == Some(&b'}')).then(|| self.at += 1)?;
                }
                let assigns =
                    self.text.get(self.at..)?.starts_with(b"++") || self.text.get(self.at..)?.starts_with(b"--");
                (!assigns).then_some(value)
            }
        }
    }
}

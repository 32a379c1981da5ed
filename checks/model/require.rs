//! NVIDIA_REQUIRE_*: the small language in which an image says what it asks of driver and GPU, judged as nvidia-container-cli
//! judges it. Terms between blanks are alternatives, rules between commas must all hold; what a first true alternative makes
//! needless is not even read, so a mistake behind it does not count.

use alloc::string::{String, ToString};
use core::cmp::Ordering;
use core::fmt;

use serde::{Deserialize, Serialize};

/// What the rules are about. Versions as NVML spells them.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The newest CUDA that the driver speaks: `12.4`.
    pub cuda: &'a str,
    /// `550.54.15`
    pub driver: &'a str,
    /// `None` where no GPU is visible: rules on `arch` and `brand` then hold.
    pub gpu: Option<Card<'a>>,
}

#[derive(Clone, Copy, Debug)]
pub struct Card<'a> {
    /// Compute capability: `8.9`. `None`: nobody has told it.
    pub arch: Option<&'a str>,
    /// `GeForce`, `Tesla` …; compared without regard to case. `None`: nobody has told it.
    pub brand: Option<&'a str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Met,
    /// No alternative holds; the first one, which the program's message shows.
    Unmet(String),
    /// A rule that had to be read is none: the container does not start.
    Invalid(String),
    /// A rule on what nobody has told of the GPU decides.
    Unknown,
}

/// What one rule comes to.
enum Held {
    Yes,
    No,
    Unknown,
}

impl From<bool> for Held {
    fn from(holds: bool) -> Self {
        if holds { Held::Yes } else { Held::No }
    }
}

/// Judges one variable's value for one GPU.
pub fn evaluate(expression: &str, subject: &Subject<'_>) -> Verdict {
    // An alternative that may hold: what is read behind it counts only where it does not.
    let mut open = false;
    let mut any = false;
    for term in expression.split(' ').filter(|term| !term.is_empty()) {
        any = true;
        match alternative(term, subject) {
            Ok(Held::Yes) => return Verdict::Met,
            Ok(Held::No) => {}
            Ok(Held::Unknown) => open = true,
            Err(_) if open => return Verdict::Unknown,
            Err(rule) => return Verdict::Invalid(rule.to_string()),
        }
    }
    match (any, open) {
        (false, _) => Verdict::Met,
        (true, true) => Verdict::Unknown,
        (true, false) => Verdict::Unmet(expression.split(' ').next().unwrap_or_default().to_string()),
    }
}

/// Rules that must all hold; `Err` is the first that is none.
fn alternative<'a>(term: &'a str, subject: &Subject<'_>) -> Result<Held, &'a str> {
    let mut open = false;
    for rule in term.split(',').filter(|rule| !rule.is_empty()) {
        match holds(rule, subject) {
            Some(Held::Yes) => {}
            Some(Held::No) => return Ok(Held::No),
            Some(Held::Unknown) => open = true,
            None if open => return Ok(Held::Unknown),
            None => return Err(rule),
        }
    }
    Ok(if open { Held::Unknown } else { Held::Yes })
}

/// `None` when it is no rule.
fn holds(rule: &str, subject: &Subject<'_>) -> Option<Held> {
    let (name, rest) = rule.split_at(rule.find(is_operator)?);
    let (operator, value) = rest.split_at(rest.find(|c| !is_operator(c))?);
    let operator = Operator::parse(operator)?;
    let version = |actual: &str| Some(Held::from(operator.accepts(compare(actual, value)?)));
    let Some(gpu) = subject.gpu.filter(|_| ["arch", "brand"].iter().any(|word| name.eq_ignore_ascii_case(word))) else {
        return match name.to_ascii_lowercase().as_str() {
            "cuda" => version(subject.cuda),
            "driver" => version(subject.driver),
            "arch" | "brand" => Some(Held::Yes),
            _ => None,
        };
    };
    if name.eq_ignore_ascii_case("arch") {
        return gpu.arch.map_or_else(|| version("0").map(|_| Held::Unknown), version);
    }
    let same = gpu.brand.map(|brand| brand.eq_ignore_ascii_case(value));
    let wanted = match operator {
        Operator::Equal => true,
        Operator::NotEqual => false,
        _ => return None,
    };
    Some(same.map_or(Held::Unknown, |same| Held::from(same == wanted)))
}

fn is_operator(c: char) -> bool {
    "<>=!".contains(c)
}

/// Component by component as numbers, a missing one counting as 0; `None` for what is not digits and dots.
pub fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (mut left, mut right) = (components(left)?, components(right)?);
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Some(Ordering::Equal),
            (a, b) => {
                let number = |word: Option<&str>| word.map_or(Some(0), |word| word.parse::<u64>().ok());
                let order = number(a)?.cmp(&number(b)?);
                if order.is_ne() {
                    return Some(order);
                }
            }
        }
    }
}

/// Dots in a row, and one at the end, count as one; a version begins with a digit.
fn components(version: &str) -> Option<impl Iterator<Item = &str>> {
    let fits =
        version.starts_with(|c: char| c.is_ascii_digit()) && version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    fits.then(|| version.split('.').filter(|word| !word.is_empty()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Operator {
    /// A lone `!` counts as `!=`.
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Operator::Equal,
            "!" | "!=" => Operator::NotEqual,
            "<" => Operator::Less,
            "<=" => Operator::AtMost,
            ">" => Operator::Greater,
            ">=" => Operator::AtLeast,
            _ => return None,
        })
    }

    fn accepts(self, order: Ordering) -> bool {
        match self {
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => order.is_ne(),
            Operator::Less => order.is_lt(),
            Operator::AtMost => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::AtLeast => order.is_ge(),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::AtMost => "<=",
            Operator::Greater => ">",
            Operator::AtLeast => ">=",
        }
    }
}

/// One condition on a version, as `--driver` takes it: `>=535`; a version alone means at least that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    operator: Operator,
    version: String,
}

impl Condition {
    pub fn parse(text: &str) -> Option<Self> {
        let at = text.find(|c| !is_operator(c))?;
        let (operator, version) = text.split_at(at);
        let operator = if operator.is_empty() { Operator::AtLeast } else { Operator::parse(operator)? };
        compare(version, "0")?;
        Some(Self { operator, version: version.into() })
    }

    /// `None` when `actual` is no version.
    pub fn holds_for(&self, actual: &str) -> Option<bool> {
        Some(self.operator.accepts(compare(actual, &self.version)?))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.operator.word(), self.version)
    }
}

impl TryFrom<String> for Condition {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| alloc::format!("{text:?} is no condition such as >=535"))
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: Card<'_> = Card { arch: Some("8.9"), brand: Some("GeForce") };
    const HOST: Subject<'_> = Subject { cuda: "12.4", driver: "550.54.15", gpu: Some(CARD) };
    const BARE: Subject<'_> = Subject { gpu: None, ..HOST };

    /// The worked examples, in their order.
    #[test]
    fn worked_examples() {
        use Outcome::{False, Invalid, True};
        #[derive(Debug, PartialEq)]
        enum Outcome {
            True,
            False,
            Invalid,
        }
        let outcome = |expression: &str, subject: &Subject<'_>| match evaluate(expression, subject) {
            Verdict::Met => True,
            Verdict::Unmet(_) => False,
            Verdict::Invalid(_) => Invalid,
            Verdict::Unknown => panic!("{expression}: all is told of this host"),
        };
        for (number, (expression, expected)) in (1..).zip([
            ("cuda>=12.4", True),
            ("cuda>=12.8", False),
            ("cuda>=12.8 brand=tesla,driver>=535,driver<536 brand=geforce,driver>=550,driver<551", True),
            ("cuda>=12.8 brand=tesla,driver>=550,driver<551", False),
            ("cuda>=11.0,cuda<12", False),
            ("cuda=12.4.0", True),
            ("cuda>=12.4.1", False),
            ("arch>=8.0,arch<9.0", True),
            ("foo>=1 cuda>=1", Invalid),
            ("cuda>=1 foo>=1", True),
            ("cuda==12.4", Invalid),
            ("brand>=tesla", Invalid),
            ("cuda >=12.0", Invalid),
            ("", True),
            ("driver>=550.54.20", False),
            ("CUDA>=12.0", True),
            ("cuda!12.4", False),
        ]) {
            assert_eq!(outcome(expression, &HOST), expected, "{number}: {expression}");
        }
        assert_eq!(outcome("brand=tesla,driver>=535,driver<536", &BARE), False, "18");
        assert_eq!(outcome("arch>=9.0", &BARE), True, "19");
    }

    #[test]
    fn the_first_alternative_is_the_one_that_is_shown() {
        let shown = evaluate("cuda>=12.8 brand=tesla,driver>=470,driver<471", &HOST);
        assert_eq!(shown, Verdict::Unmet("cuda>=12.8".into()));
    }

    #[test]
    fn what_nobody_tells_decides_or_does_not() {
        let silent = Subject { gpu: Some(Card { arch: None, brand: None }), ..HOST };
        for (expression, verdict) in [
            ("cuda>=12.8 brand=tesla,driver>=550,driver<551", Verdict::Unknown),
            ("cuda>=12.8 brand=tesla,driver>=535,driver<536", Verdict::Unmet("cuda>=12.8".into())),
            ("brand=tesla,driver>=535 cuda>=12.4", Verdict::Met),
            ("arch>=7.5", Verdict::Unknown),
            ("arch>=7.x", Verdict::Invalid("arch>=7.x".into())),
            ("brand!=tesla,foo>=1", Verdict::Unknown),
            ("brand=tesla foo>=1", Verdict::Unknown),
        ] {
            assert_eq!(evaluate(expression, &silent), verdict, "{expression}");
        }
    }

    #[test]
    fn odd_blanks_commas_and_numbers() {
        assert_eq!(evaluate("  cuda>=12.4  ", &HOST), Verdict::Met);
        assert_eq!(evaluate(",,cuda>=12.4,", &HOST), Verdict::Met);
        for invalid in
            ["cuda>=", ">=12", "cuda", "cuda>=12a", "cuda=<12", "cuda>=.5", "driver>=99999999999999999999999"]
        {
            assert!(matches!(evaluate(invalid, &HOST), Verdict::Invalid(_)), "{invalid}");
        }
    }

    /// Any text is judged, none panics.
    #[test]
    fn every_short_text_is_judged() {
        let letters = ["cuda", "brand", ">", "=", "!", "<", ",", " ", ".", "1", "12", "é", "\u{0}", "tesla"];
        for a in letters {
            for b in letters {
                for c in letters {
                    for d in letters {
                        let text = alloc::format!("{a}{b}{c}{d}");
                        let _ = (evaluate(&text, &HOST), evaluate(&text, &BARE), Condition::parse(&text));
                    }
                }
            }
        }
    }

    #[test]
    fn conditions_as_typed() {
        for (typed, actual, holds) in [
            (">=535", "550.54.15", true),
            ("535", "530.30.02", false),
            ("<580", "580.65.06", false),
            ("=550.54.15", "550.54.15", true),
            ("!=550.54.15", "550.54.14", true),
        ] {
            assert_eq!(Condition::parse(typed).and_then(|c| c.holds_for(actual)), Some(holds), "{typed} {actual}");
        }
        for wrong in ["", ">=", "~535", ">=abc", "=="] {
            assert_eq!(Condition::parse(wrong), None, "{wrong}");
        }
    }
}

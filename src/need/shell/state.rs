//! What the shell knows while it goes through a text: variables, functions, the working directory, and what the commands so
//! far have done.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gdoctor_checks::model::run::{Earlier, Span};

use super::Command;

/// Longer values are not followed.
const LONGEST: usize = 1 << 18;

pub(super) const ARGUMENT: &str = "an argument of the script, which its caller gives";

/// What the shell would find around it: read, never changed.
#[derive(Clone, Copy)]
pub struct Outside<'a> {
    /// What `$NAME` stands for.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// What `-e NAME` would pass on: the same, but for a line whose variables the shell has replaced already.
    pub passed: &'a dyn Fn(&str) -> Option<String>,
    /// Whether a path exists; `None` where that is not looked at.
    pub exists: &'a dyn Fn(&str) -> Option<bool>,
    /// The names in a folder; `None` where that is not looked at.
    pub list: &'a dyn Fn(&str) -> Option<Vec<String>>,
    /// Working directory, home directory.
    pub cwd: &'a str,
    pub home: Option<&'a str>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    /// The shell is another machine's: what is not known of it is not what this one has.
    pub elsewhere: bool,
    pub open_folder: bool,
    pub user: Option<&'a str>,
    pub host: Option<&'a str>,
    /// The text's own file, which is `$0`.
    pub script: Option<&'a str>,
}

impl Outside<'_> {
    /// A shell without an environment, for a text that has no variables.
    pub const BARE: Outside<'static> = Outside {
        variable: &|_| None,
        passed: &|_| None,
        exists: &|_| None,
        list: &|_| None,
        cwd: "/",
        home: None,
        uid: Some(0),
        gid: Some(0),
        elsewhere: false,
        open_folder: false,
        user: None,
        host: None,
        script: None,
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter {
    pub c: char,
    pub place: Option<Span>,
    /// It only shows where a value comes from that is not known.
    pub unknown: bool,
    /// Within quotes of `${NAME:-…}`: it parts no words.
    pub quoted: bool,
}

impl Letter {
    pub fn is_blank(&self) -> bool {
        !self.unknown && !self.quoted && self.c.is_ascii_whitespace()
    }
}

/// A value, each letter with the place where it was written; none for what comes from outside of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pub letters: Vec<Letter>,
    /// Why parts of it are not known.
    pub unknown: Option<Rc<str>>,
    /// Not known, but one of these.
    pub ways: Option<Rc<[String]>>,
    /// The value is one of many that it may have, each as good: a random number, the time.
    pub any: bool,
    /// The whole word, its quotes included, where it is an element of a list that is written in the text.
    pub span: Option<Span>,
}

impl Text {
    pub fn outside(text: &str) -> Self {
        let letters = text.chars().map(|c| Letter { c, place: None, unknown: false, quoted: false });
        Self { letters: letters.collect(), ..Self::default() }
    }

    pub fn unknown(shown: &str, why: &str) -> Self {
        let letters = shown.chars().map(|c| Letter { c, place: None, unknown: true, quoted: false });
        Self { letters: letters.collect(), unknown: Some(why.into()), ..Self::default() }
    }

    pub fn any(text: &str) -> Self {
        Self { any: true, ..Self::outside(text) }
    }

    /// The same value, wherever its letters are written.
    fn says(&self, other: &Self) -> bool {
        let letter = |letter: &Letter| (letter.c, letter.unknown);
        self.letters.iter().map(letter).eq(other.letters.iter().map(letter))
    }

    /// `None` when it is not known.
    pub fn known(&self) -> Option<String> {
        self.unknown.is_none().then(|| self.shown())
    }

    pub fn shown(&self) -> String {
        self.letters.iter().map(|letter| letter.c).collect()
    }

    /// The values that it may have, of those that are known.
    fn may_be(&self) -> Vec<String> {
        match (&self.ways, self.known()) {
            (Some(ways), _) => ways.to_vec(),
            (None, known) => known.into_iter().collect(),
        }
    }

    pub fn append(&mut self, other: Self) {
        if self.letters.is_empty() {
            self.ways = other.ways;
        } else if !other.letters.is_empty() {
            self.ways = None;
        }
        if self.letters.len() + other.letters.len() > LONGEST {
            self.unknown = Some("it grows longer than a command line may be".into());
            return;
        }
        self.letters.extend(other.letters);
        self.any |= other.any;
        self.unknown = self.unknown.take().or(other.unknown);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    One(Text),
    List(Vec<Text>),
    Unset,
}

/// The shell's state at one place of the text.
#[derive(Clone, Default)]
pub struct State {
    pub(super) variables: BTreeMap<String, Variable>,
    pub(super) exported: BTreeSet<String>,
    pub(super) functions: BTreeMap<String, Rc<Command>>,
    /// `$1` …; `None` outside of functions: the script's own, of which nothing is known.
    pub(super) arguments: Option<Vec<Text>>,
    pub(super) function: Option<String>,
    /// Of the function's own variables, what they were before it.
    pub(super) locals: Vec<(String, Option<Variable>)>,
    /// After `cd`.
    pub(super) folder: Option<String>,
    pub(super) folder_unknown: bool,
    /// A file was read in or a text evaluated: why a variable may be set that no line here sets.
    pub(super) hidden: Option<Rc<str>>,
    /// Its commands run as root, with the caller's variables or without.
    pub root: bool,
    pub keeps_environment: bool,
    pub earlier: Earlier,
    /// What the commands of a `$(…)` have printed so far; `None` outside of one.
    pub(super) printed: Option<Text>,
}

impl State {
    pub fn at(outside: &Outside) -> Self {
        Self { folder_unknown: outside.open_folder, ..Self::default() }
    }

    pub fn cwd<'a>(&'a self, outside: &Outside<'a>) -> &'a str {
        self.folder.as_deref().unwrap_or(outside.cwd)
    }

    /// What a program that is started here finds in its environment.
    pub fn passed(&self, outside: &Outside, name: &str) -> Option<Text> {
        // What sudo keeps unless it is told otherwise: sudo's env.c.
        let kept = ["DISPLAY", "XAUTHORITY", "PATH", "HOSTNAME", "LANG", "TZ", "HOME", "USER"].contains(&name);
        if self.root && !self.keeps_environment && !kept {
            return None;
        }
        match self.variables.get(name) {
            Some(Variable::One(text)) if self.exported.contains(name) || (outside.passed)(name).is_some() => {
                Some(text.clone())
            }
            Some(Variable::Unset) => None,
            _ => (outside.passed)(name).map(|text| Text::outside(&text)),
        }
    }

    /// The working directory depends on what only the running script knows.
    pub fn folder_is_open(&self) -> bool {
        self.folder_unknown
    }

    /// Something before this place may set what no line sets.
    pub fn may_be_set(&self) -> bool {
        self.hidden.is_some()
    }

    /// Back to `before` at the end of a shell of its own, or of a command's own variables; what was done and printed stays.
    pub(super) fn leave(&mut self, before: Self) {
        let (earlier, printed) = (std::mem::take(&mut self.earlier), self.printed.take());
        *self = Self { earlier, printed, ..before };
    }

    pub(super) fn set(&mut self, name: &str, value: Variable) {
        self.variables.insert(name.to_owned(), value);
    }

    /// What is known whichever of two ways the text has taken.
    pub(super) fn merge(&mut self, other: Self, why: &str) {
        let names: BTreeSet<String> = self.variables.keys().chain(other.variables.keys()).cloned().collect();
        for name in names {
            let (one, two) = (self.variables.get(&name), other.variables.get(&name));
            if one != two {
                let both = match (one, two) {
                    (Some(Variable::List(one)), Some(Variable::List(two))) => {
                        Variable::List(either(one, two, &name, why))
                    }
                    (Some(Variable::One(one)), Some(Variable::One(two))) => {
                        Variable::One(in_common(one, two, &name, why))
                    }
                    _ => Variable::One(Text::unknown(&format!("${name}"), why)),
                };
                self.variables.insert(name, both);
            }
        }
        self.exported.extend(other.exported);
        for (name, function) in other.functions {
            self.functions.entry(name).or_insert(function);
        }
        if self.folder != other.folder {
            self.folder_unknown = true;
        }
        self.folder_unknown |= other.folder_unknown;
        self.hidden = self.hidden.take().or(other.hidden);
        self.earlier.merge(other.earlier);
        if let (Some(one), Some(two)) = (&self.printed, &other.printed)
            && one != two
        {
            self.printed = Some(in_common(one, two, "(…)", why));
        }
    }
}

/// Values that a text may have are counted up to this.
const WAYS: usize = 8;

/// What two values begin with alike, whole words only; the rest is not known.
fn in_common(one: &Text, two: &Text, name: &str, why: &str) -> Text {
    // The same letters may stand in two places.
    let alike = |(a, b): &(&Letter, &Letter)| a.c == b.c && a.unknown == b.unknown;
    let same = one.letters.iter().zip(&two.letters).take_while(alike).count();
    if one.says(two) {
        return one.clone();
    }
    let ends = |text: &Text| text.letters.get(same).is_none_or(Letter::is_blank);
    let mut text = Text::default();
    if same > 0 && ends(one) && ends(two) {
        text.letters.extend_from_slice(&one.letters[..same]);
        if !one.letters[same - 1].is_blank() {
            text.append(Text::outside(" "));
        }
    } else {
        // A word that goes on differently is another one.
        let word = one.letters[..same].iter().rposition(Letter::is_blank).map_or(0, |at| at + 1);
        text.letters.extend_from_slice(&one.letters[..word]);
    }
    text.append(Text::unknown(&format!("${name}"), why));
    let mut ways = one.may_be();
    ways.extend(two.may_be().into_iter().filter(|way| !one.may_be().contains(way)));
    text.ways = (!ways.is_empty() && ways.len() <= WAYS).then(|| ways.into());
    text
}

/// The elements that two lists begin with alike; the rest is not known.
fn either(one: &[Text], two: &[Text], name: &str, why: &str) -> Vec<Text> {
    let same = one.iter().zip(two).take_while(|(a, b)| a.says(b)).count();
    if same == one.len() && same == two.len() {
        return one.to_vec();
    }
    let rest = Text::unknown(&format!("${{{name}[@]}}"), why);
    one[..same].iter().cloned().chain([rest]).collect()
}

/// Without `.` and `..`; links are not followed.
pub(super) fn absolute(path: &str, cwd: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{cwd}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

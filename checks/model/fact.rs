//! A fact is what one look at the host gave: a value, the knowledge that it is not there, or the reason why nobody could tell.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::{self, Display};
use core::marker::PhantomData;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::place;

/// Where a fact was read, in words a reader can follow: a path, `GET /info`, `bind 0.0.0.0:8080`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Source(#[serde(serialize_with = "place::text")] pub String);

impl Source {
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a fact could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// Nobody asked the probe for it in this run.
    NotAsked,
    /// The operating system refused (EACCES, EPERM).
    Denied,
    /// The deadline passed.
    TimedOut,
    /// The child that looked was ended by a signal or a panic; the words say which.
    Crashed(#[serde(serialize_with = "place::text")] String),
    /// A library, device or program that the look needs is not there.
    ToolMissing(#[serde(serialize_with = "place::text")] String),
    /// Something was read, and it was not in the form its format promises.
    Unparsable(#[serde(serialize_with = "place::text")] String),
    /// The host's software is too old, or of a kind that cannot answer.
    Unsupported(#[serde(serialize_with = "place::text")] String),
    /// Nothing was asked, because connecting would start a service: who holds its socket, and what starts it.
    Waiting(#[serde(serialize_with = "place::text")] String),
    /// Another check failed, and this fact cannot exist until that is mended: its id.
    BlockedBy(#[serde(serialize_with = "place::word")] String),
    /// The system gave no thread, process or memory for the look.
    NoRoom(#[serde(serialize_with = "place::text")] String),
    /// Who was asked says itself that it cannot tell: its words.
    Said(#[serde(serialize_with = "place::text")] String),
    /// A fault of gdoctor's own.
    Bug(#[serde(serialize_with = "place::text")] String),
}

impl Gap {
    /// One clause that completes "cannot tell: …".
    pub fn reason(&self) -> String {
        match self {
            Gap::NotAsked => "it was not looked at in this run".into(),
            Gap::Denied => "permission denied".into(),
            Gap::TimedOut => "no answer within the deadline".into(),
            Gap::Crashed(how) => format!("the look itself crashed ({how})"),
            Gap::ToolMissing(what) => format!("{what} is not there"),
            Gap::Unparsable(what) => format!("the answer was not understood: {what}"),
            Gap::Unsupported(why) | Gap::Waiting(why) | Gap::Said(why) => why.clone(),
            Gap::BlockedBy(check) => format!("{check} has to be mended first"),
            Gap::NoRoom(why) => format!("the system had no room for the look: {why}"),
            Gap::Bug(what) => format!("a fault in gdoctor: {what}; please report it"),
        }
    }
}

/// What is known about one thing.
#[derive(Clone, Debug, PartialEq)]
pub enum State<T> {
    Present(T),
    /// Looked, and it is not there: this is knowledge.
    Absent,
    /// Could not look: this is not.
    Unknown(Gap),
}

/// A state together with where it was read.
///
/// On the wire (JSON, TOML) a fact is a table: `{is = VALUE}`, `{absent = true}` or `{unknown = GAP}`, each with an optional
/// `source`; an empty or missing table is "not asked".
#[derive(Clone, Debug, PartialEq)]
pub struct Fact<T> {
    pub state: State<T>,
    pub source: Source,
}

impl<T> Fact<T> {
    pub fn present(value: T, source: impl Into<String>) -> Self {
        Self { state: State::Present(value), source: Source::new(source) }
    }

    pub fn absent(source: impl Into<String>) -> Self {
        Self { state: State::Absent, source: Source::new(source) }
    }

    pub fn unknown(gap: Gap, source: impl Into<String>) -> Self {
        Self { state: State::Unknown(gap), source: Source::new(source) }
    }

    /// A value when `Some`, else known to be absent.
    pub fn found(value: Option<T>, source: impl Into<String>) -> Self {
        match value {
            Some(value) => Self::present(value, source),
            None => Self::absent(source),
        }
    }

    /// `Some(value)`, `None` for known absent; stops the judge with Unknown when nobody could tell.
    pub fn known(&self) -> Result<Option<&T>, Stop> {
        match &self.state {
            State::Present(value) => Ok(Some(value)),
            State::Absent => Ok(None),
            State::Unknown(gap) => Err(Stop::Unknown(gap.clone(), self.source.clone())),
        }
    }

    /// The value if there is one: for explanations and optional detail, where a gap changes no verdict.
    pub fn value(&self) -> Option<&T> {
        match &self.state {
            State::Present(value) => Some(value),
            _ => None,
        }
    }

    pub fn value_mut(&mut self) -> Option<&mut T> {
        match &mut self.state {
            State::Present(value) => Some(value),
            _ => None,
        }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self.state, State::Absent)
    }

    pub fn gap(&self) -> Option<&Gap> {
        match &self.state {
            State::Unknown(gap) => Some(gap),
            _ => None,
        }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Fact<U> {
        let state = match self.state {
            State::Present(value) => State::Present(f(value)),
            State::Absent => State::Absent,
            State::Unknown(gap) => State::Unknown(gap),
        };
        Fact { state, source: self.source }
    }

    /// Reads the value further: `Err` turns it into an Unparsable gap of the same source.
    pub fn parse<U>(self, f: impl FnOnce(T) -> Result<U, String>) -> Fact<U> {
        let state = match self.state {
            State::Present(value) => match f(value) {
                Ok(parsed) => State::Present(parsed),
                Err(why) => State::Unknown(Gap::Unparsable(why)),
            },
            State::Absent => State::Absent,
            State::Unknown(gap) => State::Unknown(gap),
        };
        Fact { state, source: self.source }
    }
}

impl<T: Display> Fact<T> {
    /// The state in words, for evidence lines.
    pub fn words(&self) -> String {
        match &self.state {
            State::Present(value) => value.to_string(),
            State::Absent => "not there".into(),
            State::Unknown(gap) => format!("cannot tell: {}", gap.reason()),
        }
    }
}

impl<T> Default for Fact<T> {
    fn default() -> Self {
        Self { state: State::Unknown(Gap::NotAsked), source: Source::default() }
    }
}

// By hand, because there are some two hundred kinds of fact: derived code for each is a quarter of a megabyte more.
impl<T: Serialize> Serialize for Fact<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serializer.serialize_struct("Fact", 2)?;
        match &self.state {
            State::Present(value) => table.serialize_field("is", value)?,
            State::Absent => table.serialize_field("absent", &true)?,
            State::Unknown(gap) => table.serialize_field("unknown", gap)?,
        }
        table.serialize_field("source", &self.source)?;
        table.end()
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Is,
    Absent,
    Unknown,
    Source,
}

struct FactVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FactVisitor<T> {
    type Value = Fact<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fact: {is = …}, {absent = true} or {unknown = …}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fact<T>, A::Error> {
        let mut value = None;
        let (state, source) = read(&mut map, &mut |map| map.next_value().map(|is| value = Some(is)))?;
        let state = match (value, state) {
            (Some(value), _) => State::Present(value),
            (None, State::Absent) => State::Absent,
            (None, State::Unknown(gap)) => State::Unknown(gap),
            (None, State::Present(())) => State::Unknown(Gap::NotAsked),
        };
        Ok(Fact { state, source })
    }
}

/// All of a fact but its value, which `is` reads. One copy of it serves every kind of fact.
#[inline(never)]
fn read<'de, A: MapAccess<'de>>(
    map: &mut A,
    is: &mut dyn FnMut(&mut A) -> Result<(), A::Error>,
) -> Result<(State<()>, Source), A::Error> {
    let (mut state, mut source) = (State::Present(()), Source::default());
    while let Some(key) = map.next_key()? {
        match key {
            Key::Is => is(map)?,
            Key::Absent if map.next_value::<bool>()? => state = State::Absent,
            Key::Absent => {}
            Key::Unknown => state = State::Unknown(map.next_value()?),
            Key::Source => source = map.next_value()?,
        }
    }
    Ok((state, source))
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fact<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FactVisitor(PhantomData))
    }
}

/// Why a judge gives no finding of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// It does not apply on this host: a code of the check's `doc.md` that says why.
    NotNeeded(&'static str),
    /// A fact that the verdict depends on could not be read.
    Unknown(Gap, Source),
}

impl Stop {
    /// This check's facts cannot exist until `check` is mended; the report folds it under that check.
    pub fn blocked_by(check: &'static str) -> Self {
        Stop::Unknown(Gap::BlockedBy(check.into()), Source::default())
    }
}

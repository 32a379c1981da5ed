//! A finding is one thing a check has to say: which code, about what, how bad, and what was seen.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

use super::fact::{Fact, Gap, Source, Stop};
use super::need::{Origin, Wish};
use super::run::Edit;

/// Name of a fix: a `## Fix NAME` section of the same `doc.md`, or `check-id/name` for another check's.
pub type FixRef = &'static str;

/// How bad it is. A warning or a failure without a fix cannot be built.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Pass,
    /// It works, but not for long or not safely.
    Warn(FixRef),
    /// It will not work.
    Fail(FixRef),
    Unknown(Gap),
    /// It does not apply here.
    NotNeeded,
}

/// What was seen, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    pub source: Source,
    pub value: String,
}

/// One thing that a check says. The words come from its `doc.md`: `code` names the sentence, `values` fill its placeholders.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub code: &'static str,
    /// What it is about where a check looks at several things: `8080/tcp`, `/dev/video0`; empty where there is only one.
    pub subject: String,
    pub values: BTreeMap<&'static str, String>,
    pub asked_by: Option<Origin>,
    pub verdict: Verdict,
    pub evidence: Vec<Evidence>,
    /// How the run line has to change so that this is mended; all of them or none.
    pub edits: Vec<Edit>,
}

pub type Findings = Vec<Finding>;

impl Finding {
    pub fn pass(code: &'static str) -> Self {
        Self::new(code, Verdict::Pass)
    }

    pub fn warn(code: &'static str, fix: FixRef) -> Self {
        Self::new(code, Verdict::Warn(fix))
    }

    pub fn fail(code: &'static str, fix: FixRef) -> Self {
        Self::new(code, Verdict::Fail(fix))
    }

    /// `code` is "unknown" everywhere: the sentence is made from the gap, see [`Gap::reason`].
    pub fn unknown(gap: Gap, source: Source) -> Self {
        let mut finding = Self::new(UNKNOWN, Verdict::Unknown(gap));
        if !source.0.is_empty() {
            finding.values.insert("source", source.0);
        }
        finding
    }

    pub fn not_needed(code: &'static str) -> Self {
        Self::new(code, Verdict::NotNeeded)
    }

    fn new(code: &'static str, verdict: Verdict) -> Self {
        Self {
            code,
            subject: String::new(),
            values: BTreeMap::new(),
            asked_by: None,
            verdict,
            evidence: Vec::new(),
            edits: Vec::new(),
        }
    }

    /// Names what the finding is about; also the value of `{subject}`.
    pub fn about(mut self, subject: impl Display) -> Self {
        self.subject = subject.to_string();
        self
    }

    /// Fills the placeholder `{name}` of the sentence and of the fix's commands.
    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.values.insert(name, value.to_string());
        self
    }

    /// Adds a fact as evidence, whatever its state.
    pub fn saw<T: Display>(self, fact: &Fact<T>) -> Self {
        self.evidence(fact.source.0.as_str(), fact.words())
    }

    pub fn evidence(mut self, source: impl Into<String>, value: impl Into<String>) -> Self {
        self.evidence.push(Evidence { source: Source::new(source), value: value.into() });
        self
    }

    /// Changes the run line; the fix's title is the reason, and `{corrected}` in its commands the line so changed.
    pub fn edit(mut self, edit: Edit) -> Self {
        self.edits.push(edit);
        self
    }

    /// Changes of the run line, see [`Finding::edit`].
    pub fn edits(mut self, edits: impl IntoIterator<Item = Edit>) -> Self {
        self.edits.extend(edits);
        self
    }

    pub fn asked_by(mut self, origin: &Origin) -> Self {
        self.asked_by = Some(origin.clone());
        self
    }
}

impl From<Finding> for Findings {
    fn from(finding: Finding) -> Self {
        alloc::vec![finding]
    }
}

/// One finding for each wish: about what it wants and asked by who wants it, unless the look says otherwise. A wish that
/// cannot be judged does not silence the others.
pub fn each<T: Display>(wishes: &[Wish<T>], look: impl Fn(&Wish<T>) -> Result<Finding, Stop>) -> Findings {
    let one = |wish| {
        let finding = look(wish).unwrap_or_else(Finding::from);
        let finding = if finding.subject.is_empty() { finding.about(&wish.what) } else { finding };
        if finding.asked_by.is_none() { finding.asked_by(&wish.by) } else { finding }
    };
    wishes.iter().map(one).collect()
}

/// The code of every finding that could not be determined.
pub const UNKNOWN: &str = "unknown";
/// The code of every check that nobody wanted in this run.
pub const NOT_NEEDED: &str = "not-needed";
/// The engine is on another machine than the one that a check tells of.
pub const ELSEWHERE: &str = "elsewhere";

/// For a judge that looks at several things: the one that cannot be judged does not silence the others.
impl From<Stop> for Finding {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::NotNeeded(code) => Finding::not_needed(code),
            Stop::Unknown(gap, source) => Finding::unknown(gap, source),
        }
    }
}

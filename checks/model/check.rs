//! The unit of gdoctor: a check is an identity, its words, who wants it, and a pure judgement.

use super::fact::{Gap, Source};
use super::facts::Facts;
use super::finding::{Finding, Findings};
use super::need::{Need, Origin};

/// One check. `ls checks` is the list of them; `ALL` in `checks/lib.rs` is their order in every output.
#[derive(Debug)]
pub struct Check {
    /// Stable, kebab-case, never reused: `docker-access`.
    pub id: &'static str,
    /// The group that `--only` and `--skip` take besides ids: `docker`, `nvidia`, `display` …
    pub family: &'static str,
    /// The check's `doc.md`: title, sentences of its codes, fixes. See [`super::doc`].
    pub doc: &'static str,
    /// Who wants this check in this run; `None` makes it "not needed" without calling the judge.
    pub wanted: fn(&Need) -> Option<&Origin>,
    /// Facts and wishes in, findings out. A finding that names nobody who asked gets `wanted`'s answer.
    pub judge: fn(&Facts, &Need) -> Result<Findings, Stop>,
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

/// For a judge that looks at several things: the one that cannot be judged does not silence the others.
impl From<Stop> for Finding {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::NotNeeded(code) => Finding::not_needed(code),
            Stop::Unknown(gap, source) => Finding::unknown(gap, source),
        }
    }
}

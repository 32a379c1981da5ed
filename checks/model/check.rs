//! The unit of gdoctor: a check is an identity, its words, who wants it, and a pure judgement.

use alloc::format;
use alloc::string::String;
use core::fmt;

use super::fact::Stop;
use super::facts::{Facts, Group};
use super::finding::Findings;
use super::need::{Need, Origin};

/// Checks about one thing, which `--only` and `--skip` take together. `ls checks` is the list of families.
pub struct Family {
    /// `docker`, `nvidia`, `display` …; its folder has this name.
    pub name: &'static str,
    /// What a line of the report's first screen calls it: `GPU`.
    pub title: &'static str,
    /// What makes a run look at it where the host does not: `--gpu`; empty where that is always looked at.
    pub asked_by: &'static str,
    /// The groups of facts that its checks read. They are probed when one of the checks is to speak, so that no selection of
    /// checks can change what one of them says.
    pub reads: &'static [Group],
    /// In the order of every report: causes before what they block.
    pub checks: &'static [&'static Check],
}

/// One check. A family's `mod.rs` names those that it has.
pub struct Check {
    /// Stable, kebab-case, never reused: `docker-access`.
    pub id: &'static str,
    pub family: &'static Family,
    /// The check's `doc.md`: title, sentences of its codes, fixes. See [`super::doc`].
    pub doc: &'static str,
    /// Who wants this check in this run; `None` makes it "not needed" without calling the judge.
    pub wanted: fn(&Need) -> Option<&Origin>,
    pub tells: Tells,
    /// Facts and wishes in, findings out. A finding that names nobody who asked gets `wanted`'s answer.
    pub judge: fn(&Facts, &Need) -> Result<Findings, Stop>,
}

/// What a check tells of. Where that cannot be seen from here, one place answers for all: [`crate::readings::sight`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// What is the same wherever gdoctor stands: the line, the user's own files, the client, the engine's answers.
    Anywhere,
    /// The machine whose kernel runs the containers, as a container of it sees it too: its devices, its kernel.
    Machine,
    /// The X server of that machine. Docker Desktop's containers on Windows reach the one of WSL.
    Display,
    /// Files, programs, networks and rules of that machine, of which a container has its own.
    Files,
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

impl Check {
    /// The first line of its document: a clause that holds where all is well, "the Docker daemon answers".
    pub fn title(&self) -> &'static str {
        self.doc.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// True where its judge may read this group of facts.
    pub fn reads(&self, group: Group) -> bool {
        self.family.reads.contains(&group) && group.only_for().is_none_or(|check| check == self.id)
    }

    /// Its folder below `checks/`: `docker-access` is `docker/access`, `gpu-path` is `nvidia/gpu_path`.
    pub fn folder(&self) -> String {
        let family = self.family.name;
        let name = self.id.strip_prefix(family).and_then(|rest| rest.strip_prefix('-')).unwrap_or(self.id);
        format!("{family}/{}", name.replace('-', "_"))
    }
}

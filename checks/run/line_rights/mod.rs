//! May the engine's own process do what the line lets the container do?

use crate::model::facts::docker::Rights;
use crate::model::prelude::*;
use crate::model::run::{RunLine, RunOption};
use crate::model::version::Version;

pub static CHECK: Check = Check {
    id: "run-line-rights",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Machine,
    judge,
};

/// From this release on, all capabilities are those that the daemon has itself.
const CURRENT: [u32; 2] = [23, 0];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = need.run.as_ref().filter(|line| !line.podman) else { return Err(Stop::NotNeeded("podman")) };
    let (all, named, limits) = (all(facts, line), named(line), limits(line));
    let score = line.last("oom-score-adj").filter(|option| option.refused.is_none() && option.value.starts_with('-'));
    if all.is_none() && named.is_empty() && limits.is_empty() && score.is_none() {
        return Err(Stop::NotNeeded("nothing-asked"));
    }
    let mut findings = Findings::new();
    findings.extend(files(facts, &limits));
    let Some(rights) = facts.docker.daemon_rights.known()? else {
        return if findings.is_empty() { Err(Stop::NotNeeded("not-here")) } else { Ok(findings) };
    };
    let lacks = |option: &RunOption, name: &str| {
        let finding = Finding::fail("capability", "drop").with("capability", name).saw_rights(facts, rights);
        finding.about(&option.at.text).edit(option.at.without()).asked_by(&option.at.origin())
    };
    let missing = Rights::NAMES[..38].iter().find(|name| !rights.has(name) && !is_dropped(line, name));
    findings.extend(all.zip(missing).map(|(option, name)| lacks(option, name)));
    let without = |(option, name): &(&RunOption, String)| (!rights.has(name)).then(|| lacks(option, name));
    findings.extend(named.iter().filter_map(without));
    if !rights.raises_limits() {
        let above: Findings = limits.iter().filter_map(|limit| limit.above(facts, rights)).collect();
        // The engine's own limit is the lower one of the two.
        findings.retain(|kernels| !above.iter().any(|own| own.subject == kernels.subject));
        findings.extend(above);
        findings.extend(score.filter(|option| is_below(option, rights)).map(|option| {
            let finding = Finding::fail("oom-score", "drop").with("score", rights.oom_score).saw_rights(facts, rights);
            finding.about(&option.at.text).edit(option.at.without()).asked_by(&option.at.origin())
        }));
    }
    if findings.is_empty() {
        findings.push(Finding::pass("given").saw_rights(facts, rights));
    }
    Ok(findings)
}

trait Saw {
    fn saw_rights(self, facts: &Facts, rights: &Rights) -> Self;
}

impl Saw for Finding {
    fn saw_rights(self, facts: &Facts, rights: &Rights) -> Self {
        let source = facts.docker.daemon_rights.source.0.as_str();
        self.evidence(source, format!("CapBnd {:016x}", rights.capabilities))
    }
}

/// The option that asks for every capability, where the engine means those of the kernel.
fn all<'a>(facts: &Facts, line: &'a RunLine) -> Option<&'a RunOption> {
    let version = facts.docker.version.value().and_then(|version| Version::leading(&version.version))?;
    let every = |option: &&RunOption| option.value.eq_ignore_ascii_case("all");
    let option = line.switch("privileged").or_else(|| line.all("cap-add").find(every))?;
    (version < Version::new(&CURRENT)).then_some(option)
}

/// Capabilities that are added by their names; a privileged container is asked for none.
fn named(line: &RunLine) -> Vec<(&RunOption, String)> {
    let known = |option: &&RunOption| option.refused.is_none() && !option.at.opaque;
    let added = line.all("cap-add").filter(known).filter(|_| line.switch("privileged").is_none());
    added.map(|option| (option, name(&option.value))).collect()
}

/// As linux/capability.h has it, without `CAP_`.
fn name(value: &str) -> String {
    let name = value.to_ascii_uppercase();
    name.strip_prefix("CAP_").unwrap_or(&name).to_string()
}

fn is_dropped(line: &RunLine, capability: &str) -> bool {
    line.switch("privileged").is_none() && line.all("cap-drop").any(|option| name(&option.value) == capability)
}

/// Its score is the daemon's at the least, unless the daemon may lower it.
fn is_below(option: &RunOption, rights: &Rights) -> bool {
    option.value.parse::<i64>().is_ok_and(|score| score < rights.oom_score)
}

/// One `--ulimit`, in numbers.
struct Limit<'a> {
    option: &'a RunOption,
    name: &'a str,
    /// `None` is without a limit.
    hard: Option<u64>,
}

fn limits(line: &RunLine) -> Vec<Limit<'_>> {
    let read = |option: &'static str| line.all(option).filter(|option| option.refused.is_none() && !option.at.opaque);
    read("ulimit")
        .filter_map(|option| {
            let (name, values) = option.value.split_once('=')?;
            let hard = values.split_once(':').map_or(values, |(_, hard)| hard);
            Some(Limit { option, name, hard: hard.parse().ok() })
        })
        .collect()
}

impl Limit<'_> {
    fn finding(&self, code: &'static str, most: u64) -> Finding {
        let finding = Finding::fail(code, "lower").with("most", most).with("name", self.name);
        let finding = finding.edit(self.option.at.with_value(format!("{}={most}", self.name)));
        finding.about(&self.option.at.text).asked_by(&self.option.at.origin())
    }

    /// Only who may raise limits may go beyond their own.
    fn above(&self, facts: &Facts, rights: &Rights) -> Option<Finding> {
        let most = *rights.limits.get(self.name)?;
        let above = self.hard.is_none_or(|hard| hard > most);
        above.then(|| self.finding("limit", most).saw_rights(facts, rights))
    }
}

/// The kernel lets nobody open more files than this.
fn files(facts: &Facts, limits: &[Limit<'_>]) -> Option<Finding> {
    let limit = limits.iter().find(|limit| limit.name == "nofile")?;
    let most = match facts.run.most_files.known() {
        Ok(most) => *most?,
        Err(Stop::Unknown(gap, source)) => {
            return Some(
                Finding::unknown(gap, source).about(&limit.option.at.text).asked_by(&limit.option.at.origin()),
            );
        }
        Err(_) => return None,
    };
    let above = limit.hard.is_none_or(|hard| hard > most);
    above.then(|| limit.finding("files", most).saw(&facts.run.most_files))
}

//! Can each base of the Dockerfile be had for this machine, or is its tag known to be gone?

use crate::model::dockerfile::{Base, Dockerfile, Does, Stage};
use crate::model::prelude::*;
use crate::readings::known_image::{self, Missing};
use crate::readings::platform::Platform;

pub static CHECK: Check = Check {
    id: "dockerfile-base",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.dockerfile.as_ref().and_then(|file| file.by()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(file) = &need.dockerfile else { return Err(Stop::NotNeeded("scratch")) };
    let mut findings = Findings::new();
    for base in file.bases() {
        let fact = facts.run.bases.get(&base.reference);
        let finding = platform(facts, base)
            .or_else(|| machine(facts, base))
            .unwrap_or_else(|| one(file, base, fact.is_some_and(|fact| fact.value().is_some())));
        let finding = finding.with("base", &base.reference).about(&base.reference);
        let asked = if finding.asked_by.is_some() { finding } else { finding.asked_by(&base.at) };
        let here = fact.map(|fact| fact.clone().map(|image| image.architecture));
        findings.push(match here {
            Some(here) if asked.evidence.is_empty() => asked.saw(&here),
            _ => asked,
        });
    }
    if findings.is_empty() { Err(Stop::NotNeeded("scratch")) } else { Ok(findings) }
}

fn one(file: &Dockerfile, base: &Base, here: bool) -> Finding {
    if base.reference.contains('$') {
        let gap = Gap::Unsupported("its name has a form of ${…} that gdoctor does not know".into());
        return Finding::unknown(gap, Default::default());
    }
    if known_image::is_windows(&base.reference) && !here {
        return Finding::fail("other-system", "linux-base").evidence("the Dockerfile", &*base.reference);
    }
    let missing = known_image::missing(&base.reference);
    let instead = || known_image::instead(&base.reference);
    if let Some(Missing::Gone(since, told)) = missing {
        let finding = if here { Finding::warn("kept", "another-tag") } else { Finding::fail("gone", "another-tag") };
        return finding
            .with("since", since)
            .with("told", told)
            .with("instead", instead())
            .evidence(format!("https://github.com/{}", told.replace('#', "/issues/")), format!("gone on {since}"));
    }
    let told = |finding: Finding| finding.with("instead", instead()).evidence("the Dockerfile", &*base.reference);
    match missing.filter(|_| !here) {
        Some(Missing::Short) => return told(Finding::fail("short", "another-tag")),
        Some(Missing::Never(why)) => return told(Finding::fail("never-there", "another-tag").with("why", why)),
        // A step before this build may make it.
        Some(Missing::Unofficial(maker)) => {
            return told(Finding::warn("unofficial", "makers-name").with("maker", maker));
        }
        _ => {}
    }
    if let Some(finding) = out_of_support(file, base) {
        return finding;
    }
    if here {
        Finding::pass("here")
    } else {
        Finding::not_needed("to-pull").evidence("the Dockerfile", &*base.reference)
    }
}

/// The base's packages can no longer be had, and the Dockerfile asks for some.
fn out_of_support(file: &Dockerfile, base: &Base) -> Option<Finding> {
    let (system, since) = known_image::ended(&base.reference)?;
    let mut stages = stages_of(file, base);
    // Who names the archive knows.
    let archive = |stage: &Stage| {
        ["vault.centos.org", "archive.debian.org", "old-releases"].iter().any(|a| stage.rest.contains(a))
    };
    let asked = |stage: &Stage| !stage.packages.is_empty() || stage.steps.iter().any(|step| step.does == Does::Update);
    let asks = stages.any(|stage| asked(stage) && !archive(stage));
    // Who writes its sources anew may name any.
    let renamed = || stages_of(file, base).any(|stage| RENAMES.iter().any(|word| stage.rest.contains(word)));
    asks.then(|| {
        let bad = if renamed() { Finding::warn } else { Finding::fail };
        let finding = bad("ended", "newer-base").with("system", system).with("since", since);
        finding.evidence("the Dockerfile", &*base.reference)
    })
}

/// What a step does that may give the base other sources of packages, or goes on without them.
const RENAMES: [&str; 5] = ["sources.list", "yum.repos.d", "mirrorlist", "||", "apt.conf"];

/// The stages that are built and stand on this base.
fn stages_of<'a>(file: &'a Dockerfile, base: &'a Base) -> impl Iterator<Item = &'a Stage> {
    let stands = |stage: &Stage| file.line_of(stage).last().is_some_and(|ground| ground.base.at == base.at);
    file.stages.iter().filter(move |stage| stage.built && stands(stage))
}

/// Made for one machine, and this is another.
fn machine(facts: &Facts, base: &Base) -> Option<Finding> {
    let made = known_image::machine(&base.reference)?;
    let own = match facts.host.machine.value()?.as_str() {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    (made != own).then(|| {
        let finding = Finding::warn("other-machine", "own-base").with("made", made).with("machine", own);
        finding.saw(&facts.host.machine)
    })
}

/// `--platform` of another machine: every RUN would have to be emulated, and the image does not start here.
fn platform(facts: &Facts, base: &Base) -> Option<Finding> {
    let said = base.platform.as_ref()?;
    let machine = match facts.host.machine.value()?.as_str() {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let wanted = Platform::parse(&said.text);
    if wanted.system == "linux" && ["", machine].contains(&wanted.machine.as_str()) {
        return None;
    }
    let finding = Finding::warn("other-platform", "own-platform").with("platform", &said.text).with("machine", machine);
    Some(finding.saw(&facts.host.machine).asked_by(&said.at))
}

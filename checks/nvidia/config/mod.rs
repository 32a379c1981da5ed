//! Does the toolkit's config.toml hold anything that keeps GPUs out of this engine's containers?

use crate::model::facts::toolkit::{Config, Settings};
use crate::model::finding::Verdict;
use crate::model::prelude::*;
use crate::model::version::Version;
use crate::readings::passage::Refusal;
use crate::readings::passage::refusal::MODES;
use crate::readings::way::{Way, Ways};

pub static CHECK: Check = Check {
    id: "nvidia-config",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.gpu.as_ref().map(|wish| &wish.by),
    tells: Tells::Files,
    judge,
};

/// From this version on, a config whose ldconfig is not the host's is rejected.
const LDCONFIG_IS_HELD: [u32; 3] = [1, 17, 3];

/// From this version on config.toml has a mode.
const HAS_MODES: [u32; 2] = [1, 10];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    facts.has_a_driven_gpu()?;
    facts.is_for_docker(need)?;
    let ways = facts.ways_for(need)?;
    if facts.docker.info.value().is_some_and(|info| info.is_snap()) {
        return Err(Stop::NotNeeded("snap-own"));
    }
    if facts.is_of_podman(need) {
        return Err(Stop::NotNeeded("podman"));
    }
    if let Some(culprit) = ways.culprit().filter(|culprit| *culprit == "nvidia-toolkit") {
        return Err(Stop::blocked_by(culprit));
    }
    let path = facts.toolkit.config.source.0.as_str();
    let config = facts.toolkit.config.known()?;
    let refused = facts.passage_for(need).and_then(|passage| passage.refused);
    // What this very line, or the usual one, is refused for; a way that does not read the file is not.
    let bad = |this: bool| if this { Finding::fail } else { Finding::warn };
    let mut findings: Findings = match config {
        None => Finding::pass("defaults").into(),
        Some(Config::Malformed { line, column, why }) => {
            let stops = ways.usual().is_none() || refused == Some(Refusal::MalformedConfig);
            let finding = bad(stops)("malformed", "mend").with("line", line).with("column", column);
            finding.with("why", why).into()
        }
        Some(Config::Read(settings)) => keys(facts, need, &ways, settings, refused.as_ref()),
    };
    if let Some(Refusal::NoLdconfig(file)) = &refused {
        // Where it is the very one that the fix would name, the file itself has to come back.
        let fix = if file == "/sbin/ldconfig" { "bring-ldconfig" } else { "ldconfig-back" };
        findings.push(Finding::fail("no-ldconfig", fix).with("file", file));
    }
    if let Some(Refusal::NoDriverRoot(root)) = &refused {
        findings.push(Finding::fail("no-driver-root", "root-back").with("root", root));
    }
    if let Some(kind) = refused.as_ref().and_then(Refusal::other_kind) {
        findings.push(Finding::fail("default-kind", "kind-back").with("kind", kind));
    }
    if let Some(Refusal::NoLowLevel(named)) = &refused {
        let named = if named.is_empty() { "runc, crun".to_string() } else { named.join(", ") };
        findings.push(Finding::fail("no-low-level-runtime", "runtimes-back").with("named", named));
    }
    if config.is_none() && facts.toolkit.settings().is_some() {
        findings.extend(cgroups(facts, need, &ways, &Settings::default()));
    }
    if findings.len() > 1 {
        findings.retain(|finding| !["defaults", "sound"].contains(&finding.code));
    }
    let state = if config.is_some() { "read" } else { "not there" };
    let by = need.run.as_ref().filter(|line| !line.podman).and_then(|line| line.by.as_ref());
    let of_line = |finding: Finding| match (&finding.verdict, by) {
        (Verdict::Fail(_), Some(by)) if finding.asked_by.is_none() => finding.asked_by(by),
        _ => finding,
    };
    Ok(findings.into_iter().map(|finding| of_line(finding).with("path", path).evidence(path, state)).collect())
}

fn keys(facts: &Facts, need: &Need, ways: &Ways, settings: &Settings, refused: Option<&Refusal>) -> Findings {
    let mut findings: Findings = Vec::new();
    findings.extend(mode(facts, settings, ways, refused));
    findings.extend(ldconfig(facts, settings, ways, refused));
    if !facts.toolkit.hook_reads_config() {
        findings.push(unread(facts, need, ways, settings));
        return findings;
    }
    findings.extend(cgroups(facts, need, ways, settings));
    findings.extend(capabilities(facts, need, settings, refused));
    if settings.disable_require == Some(true) {
        findings.push(Finding::warn("require-off", "require-on"));
    }
    if settings.accept_nvidia_visible_devices_envvar_when_unprivileged == Some(false) {
        // Of a line its own check tells what comes of it.
        findings.push(match ways.any_open() || need.run.is_some() {
            true => Finding::warn("variable-off", "variable-on"),
            // No other way brings a GPU either.
            false => Finding::fail("variable-off", "heed-variable"),
        });
    }
    if findings.is_empty() {
        findings.push(Finding::pass("sound"));
    }
    findings
}

/// The hook goes by the defaults: a failure where they do not suit this engine.
fn unread(facts: &Facts, need: &Need, ways: &Ways, settings: &Settings) -> Finding {
    let by_defaults = cgroups(facts, need, ways, &Settings::default());
    // What does not suit the engine by this file either, it is not the version that has to change.
    let by_file = cgroups(facts, need, ways, settings);
    if let (Some(finding), true) = (&by_defaults, by_file.is_some()) {
        return finding.clone();
    }
    let fails = by_defaults.as_ref().is_some_and(|finding| matches!(finding.verdict, Verdict::Fail(_)));
    let bad = if fails { Finding::fail } else { Finding::warn };
    let version = facts.toolkit.version.words();
    bad("unread", "nvidia-toolkit/upgrade").with("version", version).saw(&facts.toolkit.version)
}

fn mode(facts: &Facts, settings: &Settings, ways: &Ways, refused: Option<&Refusal>) -> Option<Finding> {
    let mode = settings.nvidia_container_runtime.mode.as_deref()?;
    let refuses = |refusal: &Refusal| matches!(refusal, Refusal::Mode(other) if other == mode);
    let version = facts.toolkit.version.value().and_then(|version| Version::leading(version));
    let is_before = |first: &[u32]| version.as_ref().is_some_and(|version| *version < Version::new(first));
    let known = MODES.contains(&mode) && !refused.is_some_and(refuses) || is_before(&HAS_MODES);
    let stops = match refused {
        Some(Refusal::Mode(other) | Refusal::HookRefuses(other)) => other == mode,
        _ => ways.usual().is_none(),
    };
    let bad = if stops { Finding::fail } else { Finding::warn };
    (!known).then(|| bad("mode", "mode-auto").with("mode", mode))
}

fn ldconfig(facts: &Facts, settings: &Settings, ways: &Ways, refused: Option<&Refusal>) -> Option<Finding> {
    let ldconfig = settings.nvidia_container_cli.ldconfig.as_deref()?;
    if ldconfig.is_empty() || ldconfig.starts_with('@') || settings.features.allow_ldconfig_from_container == Some(true)
    {
        return None;
    }
    let held = facts.toolkit.version.value().and_then(|version| Version::leading(version));
    let held = held.is_some_and(|version| version >= Version::new(&LDCONFIG_IS_HELD));
    let stops = matches!(refused, Some(Refusal::LdconfigOfContainer(_))) || held && ways.usual().is_none();
    let bad = if stops { Finding::fail } else { Finding::warn };
    Some(bad("ldconfig", "ldconfig-host").with("ldconfig", ldconfig))
}

/// The hook allows devices in the container's cgroup by itself: as root it must, without root it cannot. By CDI the engine
/// does it, and the key is not read.
fn cgroups(facts: &Facts, need: &Need, ways: &Ways, settings: &Settings) -> Option<Finding> {
    let by_line = need.run.as_ref().and_then(|_| facts.passage_for(need));
    // What the line asks for is refused before any hook is started; who refuses it tells.
    if by_line.as_ref().is_some_and(|passage| passage.ways.is_empty() && passage.refused.is_some()) {
        return None;
    }
    let by_line = by_line.filter(|passage| !passage.ways.is_empty());
    let mine = by_line.as_ref().map(|passage| passage.obeys_capabilities());
    let bad = match (ways.gpus, ways.runtime) {
        _ if mine == Some(false) => return None,
        _ if mine == Some(true) => Finding::fail,
        (Ok(Way::Hook), _) => Finding::fail,
        (_, Ok(Way::LegacyRuntime)) if ways.gpus.is_err() => Finding::fail,
        (_, Ok(Way::LegacyRuntime)) => Finding::warn,
        _ => return None,
    };
    let off = settings.nvidia_container_cli.no_cgroups == Some(true);
    let rootless = facts.docker.info.value().is_some_and(|info| info.is_rootless());
    let nested = facts.toolkit.user_namespace.value() == Some(&true);
    match (off, rootless, nested) {
        (true, false, false) => Some(bad("no-cgroups", "cgroups-on")),
        (false, true, _) => Some(bad("cgroups-rootless", "cgroups-off")),
        (false, false, true) => Some(bad("cgroups-nested", "cgroups-off")),
        _ => None,
    }
}

fn capabilities(facts: &Facts, need: &Need, settings: &Settings, refused: Option<&Refusal>) -> Findings {
    if let Some(Refusal::SupportedCapabilities(value)) = refused {
        return Finding::fail("capability-word", "allow-capability").with("allowed", value).into();
    }
    let hook = facts.way_for(need).is_some_and(|(_, way)| way.obeys_capabilities());
    let Some(allowed) = settings.supported_driver_capabilities.as_deref().filter(|_| hook) else { return Vec::new() };
    let words: Vec<&str> = allowed.split(',').map(str::trim).collect();
    if words.contains(&"all") || allowed.is_empty() {
        return Vec::new();
    }
    let forbidden = need.capabilities.iter().filter(|wish| !words.contains(&wish.what.word()));
    forbidden
        .map(|wish| {
            Finding::fail("capability", "allow-capability").about(wish.what).asked_by(&wish.by).with("allowed", allowed)
        })
        .collect()
}

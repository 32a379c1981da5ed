//! Has the kernel room for the keyring of one more container?

use crate::model::facts::docker::Reach;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "docker-keys",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.docker.as_ref(),
    tells: Tells::Machine,
    judge,
};

/// What a container's keyring takes: its name, `_ses.` and 64 hexadecimal digits, and the key itself.
const BYTES: u64 = 100;
/// Containers that may follow before it is worth a word.
const FEW: u64 = 10;

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    if facts.docker.reach.value() != Some(&Reach::Answers) {
        return Err(Stop::blocked_by("docker-engine"));
    }
    let fact = &facts.engine.keys;
    if fact.gap() == Some(&Gap::NotAsked) {
        return Err(Stop::NotNeeded("not-looked-at"));
    }
    let Some(quota) = fact.known()? else { return Err(Stop::NotNeeded("other-user")) };
    let room = (quota.most_keys.saturating_sub(quota.keys)).min(quota.most_bytes.saturating_sub(quota.bytes) / BYTES);
    let finding = match room {
        0 => Finding::fail("used-up", "raise-keys"),
        room if room < FEW => Finding::warn("short", "raise-keys").with("room", room),
        _ => Finding::pass("room"),
    };
    let names = if quota.uid == 0 { ("root_maxkeys", "root_maxbytes") } else { ("maxkeys", "maxbytes") };
    let (keys, bytes) = (quota.most_keys.max(2000), quota.most_bytes.max(200_000));
    Ok(finding
        .with("uid", quota.uid)
        .with("keys", format!("{} of {}", quota.keys, quota.most_keys))
        .with("bytes", format!("{} of {}", quota.bytes, quota.most_bytes))
        .with("old_keys", format!("kernel.keys.{}={}", names.0, quota.most_keys))
        .with("old_bytes", format!("kernel.keys.{}={}", names.1, quota.most_bytes))
        .with("maxkeys", format!("kernel.keys.{}={}", names.0, keys * 2))
        .with("maxbytes", format!("kernel.keys.{}={}", names.1, bytes * 2))
        .evidence(fact.source.0.as_str(), format!("user {}: {}/{} keys", quota.uid, quota.keys, quota.most_keys))
        .into())
}

//! Does the GPU's own decoder take the wanted codecs? The driver's answer, not a table.

use crate::model::facts::host::Platform;
use crate::model::need::Codec;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "gpu-decode",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.decode.iter().map(|wish| &wish.by).min_by_key(|by| matches!(by, Origin::Guide)),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    facts.has_a_driven_gpu()?;
    if let Some(cause) = facts.nvidia.blocker(&facts.host, CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    if facts.nvidia.cuda.start.value().is_some_and(|code| *code != 0) {
        return Err(Stop::blocked_by("nvidia-cuda"));
    }
    let jetson = facts.host.platform.value() == Some(&Platform::Jetson);
    if jetson && matches!(facts.library.decode.gap(), Some(Gap::BlockedBy(_))) {
        return Err(Stop::NotNeeded("jetson"));
    }
    Ok(need.decode.iter().map(|wish| one(facts, wish.what).about(wish.what).asked_by(&wish.by)).collect())
}

fn one(facts: &Facts, codec: Codec) -> Finding {
    let library = &facts.library;
    let answers: Vec<_> = library.decoders.iter().filter(|decoder| decoder.codec == codec).collect();
    let gpu = library.decode.value().map_or("the first GPU", String::as_str);
    let Some(plain) = answers.iter().find(|decoder| decoder.bits == 8) else {
        let gap = library.decode.gap().cloned().unwrap_or(Gap::NotAsked);
        return Finding::unknown(gap, library.decode.source.clone());
    };
    let said: Vec<String> = answers.iter().map(|decoder| decoder.to_string()).collect();
    let finding = match plain.supported {
        true => Finding::pass("decodes").with("what", said.join("; ")),
        false => Finding::fail("refuses", "elsewhere"),
    };
    finding.with("gpu", gpu).evidence("cuvidGetDecoderCaps of libnvcuvid.so.1", said.join("; "))
}

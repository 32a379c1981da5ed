//! Does the GPU's own encoder take the wanted codecs, now? The driver's answer, not a table.

use crate::model::facts::host::Platform;
use crate::model::need::Codec;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "gpu-encode",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.encode.first().map(|wish| &wish.by),
    tells: Tells::Files,
    judge,
};

/// NVENCSTATUS: no encoder, or not on this kind of device.
const NO_ENCODER: [u32; 2] = [1, 2];
/// NVENCSTATUS: one session too many. Newer drivers say INCOMPATIBLE_CLIENT_KEY, older ones OUT_OF_MEMORY.
const ONE_TOO_MANY: [u32; 2] = [10, 21];

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    facts.has_a_driven_gpu()?;
    if let Some(cause) = facts.nvidia.blocker(&facts.host, CHECK.id) {
        return Err(Stop::blocked_by(cause));
    }
    if facts.nvidia.cuda.start.value().is_some_and(|code| *code != 0) {
        return Err(Stop::blocked_by("nvidia-cuda"));
    }
    let encoder = &facts.library.encoder;
    if facts.host.platform.value() == Some(&Platform::Jetson)
        && matches!(encoder.interface.gap(), Some(Gap::BlockedBy(_)))
    {
        return Err(Stop::NotNeeded("jetson"));
    }
    let gpu = encoder.gpu.value().map_or("the first GPU", String::as_str);
    let sessions: u32 = facts.nvidia.nvml.gpus.iter().filter_map(|gpu| gpu.encodings.value()).sum();
    match encoder.session.value() {
        Some(code) if NO_ENCODER.contains(code) => {
            let finding = Finding::fail("no-encoder", "encode-elsewhere").saw(&encoder.session);
            return Ok(finding.with("gpu", gpu).into());
        }
        Some(code) if ONE_TOO_MANY.contains(code) && sessions > 0 => {
            let finding = Finding::fail("sessions-used-up", "see-encoders").saw(&encoder.session);
            let counted = finding.evidence("nvmlDeviceGetEncoderStats", format!("{sessions} sessions"));
            return Ok(counted.with("gpu", gpu).with("sessions", sessions).into());
        }
        _ => {}
    }
    let one = |codec| one(facts, codec).with("gpu", gpu).with("sessions", sessions);
    Ok(need.encode.iter().map(|wish| one(wish.what).about(wish.what).asked_by(&wish.by)).collect())
}

fn one(facts: &Facts, codec: Codec) -> Finding {
    let encoder = &facts.library.encoder;
    let Some(codecs) = encoder.codecs.value() else {
        // The first of the child's looks that failed is the reason.
        let looks = [
            (encoder.interface.gap(), &encoder.interface.source),
            (encoder.gpu.gap(), &encoder.gpu.source),
            (encoder.session.gap(), &encoder.session.source),
        ];
        let first = looks.into_iter().find_map(|(gap, source)| Some((gap?, source)));
        let (gap, source) = match first {
            Some((gap, source)) => (gap.clone(), source),
            None => (encoder.codecs.gap().cloned().unwrap_or(Gap::NotAsked), &encoder.codecs.source),
        };
        return Finding::unknown(gap, source.clone());
    };
    let words: Vec<&str> = codecs.iter().map(|codec| codec.word()).collect();
    let finding = match codecs.contains(&codec) {
        true => Finding::pass("encodes"),
        false => Finding::fail("refuses", "encode-elsewhere"),
    };
    let interface = encoder.interface.value().map_or("unknown", String::as_str);
    finding
        .with("codecs", words.join(", "))
        .with("interface", interface)
        .evidence("nvEncGetEncodeGUIDs", words.join(", "))
}

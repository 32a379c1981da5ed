//! Does a step of the build ask for a GPU, which a build does not have?

use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "dockerfile-build",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.dockerfile.as_ref().and_then(|file| file.by()),
    tells: Tells::Anywhere,
    judge,
};

const UNREAD: &str = "what a script does when this fails is not read";

fn judge(_: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(file) = &need.dockerfile else { return Ok(Findings::new()) };
    let steps = file.stages.iter().filter(|stage| stage.built).flat_map(|stage| &stage.gpu_steps);
    let told = steps.map(|step| {
        let finding = match step.in_script {
            false => Finding::warn("needs-gpu", "build-without-gpu"),
            true => Finding::unknown(Gap::Unsupported(UNREAD.into()), Default::default()),
        };
        finding.about(&step.said.text).evidence("the Dockerfile", &*step.said.text).asked_by(&step.said.at)
    });
    let findings: Findings = told.collect();
    Ok(if findings.is_empty() {
        Finding::pass("none").evidence("the Dockerfile", &*file.path).into()
    } else {
        findings
    })
}

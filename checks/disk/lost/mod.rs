//! Where room is short: does something take it that Docker's own commands cannot free?

use crate::model::facts::disk::{OpenFile, bytes};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "disk-lost",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    // Help for when room is short, which disk-space and disk-inodes judge: it fails nothing and leaves nothing undetermined.
    wanted: |need| need.docker.as_ref().map(|_| &Origin::Guide),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(smallest) = facts.disk.short(need).filter_map(|place| Some(place.space.value()?.total)).min() else {
        return Err(Stop::NotNeeded("room-enough"));
    };
    let (deleted, leftovers) = (&facts.disk.deleted, &facts.disk.leftovers);
    let mut findings = Findings::new();
    // Less than a hundredth of the file system helps nobody.
    let large = deleted.value().into_iter().flatten().filter(|file| file.bytes >= smallest / 100);
    findings.extend(large.map(|file| kept_open(file).evidence(deleted.source.0.as_str(), bytes(file.bytes))));
    if let Some(left) = leftovers.value() {
        if left.folders > 0 {
            let lost = Finding::warn("orphan-folders", "restart-and-compare").with("count", left.folders);
            findings
                .push(lost.with("root", &left.root).evidence(leftovers.source.0.as_str(), left.folders.to_string()));
        }
        findings.extend(left.drivers.iter().map(|driver| {
            let old = Finding::warn("other-driver", "look-at-old-driver").about(driver).with("root", &left.root);
            old.evidence(leftovers.source.0.as_str(), driver)
        }));
    }
    if !findings.is_empty() {
        return Ok(findings);
    }
    if deleted.gap() == Some(&Gap::Denied) || leftovers.gap() == Some(&Gap::Denied) {
        return Err(Stop::NotNeeded("hidden"));
    }
    deleted.known()?;
    leftovers.known()?;
    Ok(Finding::pass("nothing")
        .evidence(deleted.source.0.as_str(), "no large deleted file")
        .evidence(leftovers.source.0.as_str(), "no folder without a record")
        .into())
}

fn kept_open(file: &OpenFile) -> Finding {
    let finding = match file.container.as_str() {
        _ if file.path.ends_with("-json.log") => Finding::warn("deleted-log", "empty-log"),
        "" => Finding::warn("deleted-file", "restart-process"),
        _ => Finding::warn("deleted-file", "restart-container"),
    };
    let finding = finding.about(&file.path).with("size", bytes(file.bytes)).with("pid", file.pid).with("fd", file.fd);
    finding.with("process", &file.process).with("container", file.container.get(..12).unwrap_or(&file.container))
}

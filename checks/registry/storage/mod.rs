//! Does a registry of this host take images, and is there room where it keeps them?

use crate::model::facts::disk::{Left, bytes};
use crate::model::facts::registry::Storage;
use crate::model::need::{Registry, strongest};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "registry-storage",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| strongest(&need.registries),
    tells: Tells::Files,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let looks = facts.registry.looks.known()?.map_or(&[][..], Vec::as_slice);
    let look = |wish: &Wish<Registry>| {
        let look = looks.iter().find(|look| look.registry == wish.what);
        // Nobody has asked for the folder by name: not to see it is no gap in what was wanted.
        let Some(storage) = look.and_then(|look| look.storage.value()) else {
            return Ok(Finding::not_needed("not-here"));
        };
        Ok(one(storage)?.with("port", wish.what.port))
    };
    Ok(each(&need.registries, look))
}

fn one(storage: &Storage) -> Result<Finding, Stop> {
    let Some(space) = storage.space.known()? else { return Err(Stop::NotNeeded("not-here")) };
    let fix = match (storage.container.as_str(), storage.deletes) {
        ("", _) => "collect-garbage-of-service",
        (_, true) => "collect-garbage",
        (_, false) => "allow-delete",
    };
    // A registry that cannot write answers a push as one whose disk is full does.
    let finding = match space.bytes_left().max(space.inodes_left()) {
        _ if storage.mounted_read_only => Finding::fail("read-only", "mount-for-writing"),
        _ if space.read_only => Finding::fail("read-only", "remount"),
        Left::None => Finding::fail("full", fix),
        _ if storage.cache_of.is_some() => Finding::warn("cache", "second-registry"),
        _ if storage.maintenance => Finding::warn("maintenance", "end-maintenance"),
        Left::Short => Finding::warn("short", fix),
        Left::Enough => Finding::pass("room"),
    };
    let finding =
        finding.with("path", &storage.path).with("free", bytes(space.available)).with("total", bytes(space.total));
    let finding = finding.with("remote", storage.cache_of.as_deref().unwrap_or_default());
    let finding = finding.with("inodes", space.inodes_available).with("config", &storage.config);
    Ok(finding.with("container", &storage.container).with("image", &storage.image).saw(&storage.space))
}

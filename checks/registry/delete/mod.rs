//! Can images be deleted from each wanted registry?

use crate::model::need::Registry;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "registry-delete",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.registry_delete.as_ref().filter(|_| !need.registries.is_empty()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let by = need.registry_delete.as_ref().unwrap_or(&Origin::Guide);
    let looks = facts.registry.looks.known()?.map_or(&[][..], Vec::as_slice);
    let look = |wish: &Wish<Registry>| {
        let Some(look) = looks.iter().find(|look| look.registry == wish.what && look.registry_answer().is_some())
        else {
            return Err(Stop::blocked_by("registry-answers"));
        };
        let finding = match look.deletes.known()? {
            Some(true) => Finding::pass("allowed"),
            _ => Finding::fail("off", "switch-on"),
        };
        Ok(finding.with("port", wish.what.port).saw(&look.deletes).asked_by(by))
    };
    Ok(each(&need.registries, look))
}

//! What several checks cannot tell for the very same reason is one unknown: the first tells it, the others wait for it.

use std::collections::BTreeMap;

use super::Outcome;

/// Of the unknowns that somebody asked for.
pub fn fold(results: &mut [Outcome]) {
    let mut first: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut followers: BTreeMap<&'static str, &'static str> = BTreeMap::new();
    for at in 0..results.len() {
        let Some(reason) = reason(&results[at]).map(str::to_owned) else { continue };
        match first.get_mut(&reason) {
            None => drop(first.insert(reason, (at, 0))),
            Some((told, more)) => {
                *more += 1;
                let (root, title) = (results[*told].id, results[*told].title);
                results[at].cause = Some(root.to_owned());
                results[at].waits = format!("not known for the same reason as whether {title}");
                followers.insert(results[at].id, root);
            }
        }
    }
    for outcome in results.iter_mut() {
        let root = outcome.cause.as_deref().and_then(|cause| followers.get(cause)).filter(|root| **root != outcome.id);
        if let Some(root) = root {
            outcome.cause = Some((*root).to_owned());
        }
    }
    for (told, more) in first.into_values().filter(|(_, more)| *more > 0) {
        results[told].detail = match more {
            1 => "One more check cannot tell, for the same reason.".to_owned(),
            _ => format!("{more} more checks cannot tell, for the same reason."),
        };
    }
}

/// What stands behind the words that name what cannot be told.
fn reason(outcome: &Outcome) -> Option<&str> {
    let is_unknown = outcome.is_trouble() && outcome.status == crate::policy::Status::Unknown;
    let reason = is_unknown.then(|| outcome.summary.split_once(outcome.title)).flatten().map(|(_, reason)| reason)?;
    // Where a root as a whole shows it, the file that was looked for makes no other reason.
    let whole = reason.rsplit_once(" (").filter(|_| outcome.is_of_root()).map(|(whole, _)| whole);
    Some(whole.unwrap_or(reason))
}

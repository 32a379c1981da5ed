//! What the builder refuses of the order in which stages take from each other (dockerfile2llb/convert.go of BuildKit).

use gdoctor_checks::model::need::Origin;
use gdoctor_checks::model::run::Span;

use super::Wrong;
use super::stage::{Making, Taken};

/// A number that no stage has, and stages that wait for each other, stop every build; a later stage only the build that needs it.
pub fn check(stages: &[Making], wanted: usize) -> Result<(), Wrong> {
    for taken in stages.iter().flat_map(|stage| &stage.copies).filter(|taken| taken.by_copy) {
        if let Some(number) = taken.said.text.parse::<usize>().ok().filter(|number| *number >= stages.len()) {
            let count = stages.len();
            let are = if count == 1 { "1 stage, number 0" } else { &format!("{count} stages, 0 to {}", count - 1) };
            let what = format!("there is no stage {number}: the file has {are}");
            return Err(wrong(taken, &what, "name the stage: FROM IMAGE AS NAME, and --from=NAME"));
        }
    }
    let before: Vec<Vec<(usize, Option<&Taken>)>> = stages.iter().map(|stage| sources(stage, stages)).collect();
    for number in 0..stages.len() {
        for (source, taken) in &before[number] {
            if reaches(*source, number, &before)
                && let Some(taken) = taken
            {
                let what = if *source == number {
                    "this stage takes files from itself".to_owned()
                } else {
                    format!("the stage {} takes files from this one, and this one from it", taken.said.text)
                };
                return Err(wrong(
                    taken,
                    &what,
                    "a stage takes files from stages that are done before it: name another",
                ));
            }
        }
    }
    for number in (0..=wanted).filter(|number| reaches(wanted, *number, &before)) {
        let later = before[number].iter().find(|(source, taken)| *source > number && taken.is_some());
        if let Some((_, Some(taken))) = later {
            let what = format!("the stage {} comes later in the file", taken.said.text);
            return Err(wrong(taken, &what, "put that stage before the one that takes files from it"));
        }
    }
    Ok(())
}

/// The stages that one is made of, with the words that name them.
fn sources<'a>(stage: &'a Making, stages: &[Making]) -> Vec<(usize, Option<&'a Taken>)> {
    let number = |taken: &'a Taken| {
        let name = taken.said.text.to_ascii_lowercase();
        let named = stages.iter().rposition(|stage| stage.name.as_ref() == Some(&name));
        let number = || name.parse().ok().filter(|number| taken.by_copy && *number < stages.len());
        Some((named.or_else(number)?, Some(taken)))
    };
    stage.copies.iter().filter_map(number).chain(stage.stage.base.stage.map(|base| (base, None))).collect()
}

/// `from` is `to`, or is made of it.
fn reaches(from: usize, to: usize, before: &[Vec<(usize, Option<&Taken>)>]) -> bool {
    let (mut seen, mut next) = (vec![false; before.len()], vec![from]);
    while let Some(number) = next.pop() {
        if number == to {
            return true;
        }
        if !std::mem::replace(&mut seen[number], true) {
            next.extend(before[number].iter().map(|(source, _)| *source));
        }
    }
    false
}

fn wrong(taken: &Taken, what: &str, help: &str) -> Wrong {
    let span = if let Origin::File { span, .. } = &taken.said.at { *span } else { Span::at(0) };
    Wrong::at(span, what, help)
}

//! How long what a report says may be: of a longer text or list the beginning, with a count of the rest. A command is never cut.

use std::collections::BTreeMap;

use super::{Outcome, Report, Seen};
use crate::policy::Status;

/// Bytes of one text.
const TEXT: usize = 2000;
/// Bytes of a fix's commands.
const COMMANDS: usize = 8000;
/// Bytes of a quoted line, and how much of it stands before the place that is meant.
const LINE: usize = 600;
const BEFORE: usize = 200;
/// What is seen of one finding.
const EVIDENCE: usize = 50;
/// Findings of one check with the same code and status.
const ALIKE: usize = 200;

/// A text of at most some `TEXT` bytes. It is cut between words or items, so no half of a name is left that nobody would know.
pub fn cut(text: String) -> String {
    if text.len() <= TEXT {
        return text;
    }
    let head = &text[..whole(&text, TEXT)];
    if let Some((kept, _)) = head.rsplit_once(", ") {
        let more = text[kept.len()..].matches(", ").count();
        return format!("{kept} and {} more", grouped(more));
    }
    let kept = head.trim_end_matches(is_of_a_word);
    format!("{kept}… ({} more characters)", grouped(text[kept.len()..].chars().count()))
}

/// Of a long line what stands around `start`, and where that begins.
pub fn excerpt(line: &str, start: usize) -> (&str, usize) {
    if line.len() <= LINE {
        return (line, 0);
    }
    let start = whole(line, start);
    let from = whole(line, start.saturating_sub(BEFORE));
    let before = &line[from..start];
    // A word that is cut in its midst goes as a whole.
    let before = if from == 0 { before } else { before.trim_start_matches(is_of_a_word) };
    let from = start - before.len();
    let rest = &line[from..whole(line, from + LINE)];
    (if from + rest.len() == line.len() { rest } else { rest.trim_end_matches(is_of_a_word) }, from)
}

/// The last place up to `at` where a character begins.
fn whole(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

fn is_of_a_word(c: char) -> bool {
    !c.is_whitespace() && !",;\"'()[]{}<>".contains(c)
}

/// Commands that are too long to be pasted are left out, which is then told.
pub fn commands(commands: Vec<String>) -> Result<Vec<String>, String> {
    let length: usize = commands.iter().map(String::len).sum();
    if length <= COMMANDS { Ok(commands) } else { Err(left_out(length)) }
}

/// What is told where a changed line of such a length is not even made: an edit or two of it does not make it short.
pub fn too_long(length: usize) -> Option<String> {
    (length > 2 * COMMANDS).then(|| left_out(length))
}

fn left_out(length: usize) -> String {
    format!("The command is left out here: it has {} characters.", grouped(length))
}

pub fn evidence(mut seen: Vec<Seen>) -> Vec<Seen> {
    if seen.len() > EVIDENCE {
        let more = seen.len() - EVIDENCE;
        seen.truncate(EVIDENCE);
        seen.push(Seen { source: format!("{} more", grouped(more)), value: "left out here".into() });
    }
    seen
}

impl Report {
    /// Findings that are alike are told up to a number; the rest are one, which says how many it stands for. What has been
    /// decided of them all - the exit code, the counts, the corrected line - stays.
    pub fn bounded(mut self) -> Self {
        let mut told: BTreeMap<(&str, String, Status), usize> = BTreeMap::new();
        let mut results: Vec<Outcome> = Vec::new();
        let mut rest: BTreeMap<(&str, String, Status), usize> = BTreeMap::new();
        for outcome in self.results {
            let kind = (outcome.id, outcome.code.clone(), outcome.status);
            let count = told.entry(kind.clone()).or_default();
            *count += 1;
            // What the project lives with is told one by one.
            if *count <= ALIKE || outcome.waiver.is_some() {
                results.push(outcome);
                continue;
            }
            match rest.get(&kind) {
                Some(at) => results[*at].stands_for += 1,
                None => {
                    rest.insert(kind, results.len());
                    results.push(Outcome { fixes: Vec::new(), docs: Vec::new(), picture: None, ..outcome });
                }
            }
        }
        for at in rest.into_values() {
            let one = &mut results[at];
            let more = grouped(one.stands_for);
            one.summary = format!("{more} more are as those before, from {} on.", one.subject);
            one.subject = format!("{more} more");
            one.detail.clear();
            one.evidence.clear();
        }
        self.results = results;
        self
    }
}

/// `490,000`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let place = |(at, digit): (usize, char)| {
        let comma = at > 0 && (digits.len() - at).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_end_with_a_count_of_the_rest() {
        assert_eq!(cut("short, and whole".into()), "short, and whole");
        let list: Vec<String> = (0..500_000).map(|port| format!("0.0.0.0:{port}")).collect();
        let told = cut(list.join(", "));
        let (kept, more) = told.rsplit_once(" and ").unwrap();
        let kept = kept.split(", ").count();
        assert!(told.len() < 2100 && kept > 100, "{told}");
        assert_eq!(more, format!("{} more", grouped(500_000 - kept)));
        assert_eq!(cut("é".repeat(3000)), "… (3,000 more characters)");
        let words = cut("word ".repeat(1000));
        assert!(words.ends_with("word … (3,000 more characters)"), "{words}");
    }

    #[test]
    fn a_long_line_is_shown_around_its_place() {
        let line: String = (0..5000).map(|number| format!("\"{number}\", ")).collect();
        let at = line.find("\"2500\"").unwrap();
        let (shown, from) = excerpt(&line, at);
        assert!(shown.len() <= LINE && line[from..].starts_with(shown));
        assert!(shown[at - from..].starts_with("\"2500\""));
        assert_eq!(shown.matches('"').count() % 2, 0, "{shown}");
        assert_eq!(excerpt("a short one", 5), ("a short one", 0));
        let one_word = "é".repeat(5000);
        assert_eq!(excerpt(&one_word, 5001), ("", 5000));
    }
}

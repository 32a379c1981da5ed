//! What changes between two texts, as a reader of patches expects it: the lines that differ, with those around them.

/// Lines before and behind the change that are shown with it.
const AROUND: usize = 2;
/// More lines than this say nothing to a reader.
const MOST: usize = 60;

/// One hunk: everything between the first and the last line that differ. Empty where nothing does.
pub fn difference(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    if old == new {
        return Vec::new();
    }
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let room = old.len().min(new.len()) - same;
    let tail = old.iter().rev().zip(new.iter().rev()).take(room).take_while(|(a, b)| a == b).count();
    let lead = old[same.saturating_sub(AROUND)..same].iter().map(|line| format!(" {line}"));
    let gone = old[same..old.len() - tail].iter().map(|line| format!("-{line}"));
    let come = new[same..new.len() - tail].iter().map(|line| format!("+{line}"));
    let trail = old[old.len() - tail..].iter().take(AROUND).map(|line| format!(" {line}"));
    let mut lines: Vec<String> = lead.chain(gone).chain(come).chain(trail).collect();
    if lines.len() > MOST {
        let more = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(format!("({more} more lines)"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn what_differs_is_shown_with_what_is_around_it() {
        assert_eq!(difference("a\nb\nc\nd\ne\n", "a\nb\nX\nd\ne\n"), [" a", " b", "-c", "+X", " d", " e"]);
        assert_eq!(difference("", "{\n}\n"), ["+{", "+}"]);
        assert_eq!(difference("a\na\n", "a\n"), [" a", "-a"]);
        assert!(difference("a", "a").is_empty());
    }
}

//! One option in lines of options: `DOCKER_OPTS="--debug --iptables=false"`, or the `ExecStart=` of a unit.

use crate::probe::docker::variables::{self, Reader};

/// A file of variables with each line as it is meant: by the reader that does not take this one.
pub fn mended(text: &str, number: &str) -> Result<String, String> {
    let number: u32 = number.parse().map_err(|_| "is named with no line".to_owned())?;
    let mut readers = [Reader::Shell, Reader::Systemd].into_iter();
    let is_its = |reader: &Reader| variables::misread(text, *reader).is_some_and(|(line, _)| line == number);
    let reader = readers.find(is_its).ok_or_else(|| format!("has nothing to mend in line {number}"))?;
    variables::mended(text, reader)
}

/// Without this option, which has to stand there once.
pub fn without(text: &str, option: &str) -> Result<String, String> {
    let mut found = text.match_indices(option).filter(|(at, _)| stands_alone(text, *at, option.len()));
    let at = match (found.next(), found.next()) {
        (Some((at, _)), None) => at,
        (None, _) => return Err(format!("has no {option}")),
        (Some(_), Some(_)) => return Err(format!("has {option} more than once")),
    };
    let (before, after) = (&text[..at], &text[at + option.len()..]);
    // One of the blanks around it goes with it.
    Ok(match (before.strip_suffix(' '), after.strip_prefix(' ')) {
        (_, Some(after)) => format!("{before}{after}"),
        (Some(before), None) => format!("{before}{after}"),
        (None, None) => format!("{before}{after}"),
    })
}

/// It is a word of its own on a line that is no comment.
fn stands_alone(text: &str, at: usize, length: usize) -> bool {
    let line = &text[..at];
    let line = &line[line.rfind('\n').map_or(0, |end| end + 1)..];
    let begins = line.is_empty() || line.ends_with([' ', '\t', '"', '\'', '=']);
    let ends = text[at + length..].chars().next().is_none_or(|next| " \t\n\r\"'\\".contains(next));
    begins && ends && !line.trim_start().starts_with(['#', ';'])
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn the_option_goes_and_nothing_else() {
        let edit = "options remove --iptables=false";
        assert_eq!(told("# --iptables=false\nA=\"--iptables=false\"\n", edit), "# --iptables=false\nA=\"\"\n");
        assert_eq!(told("A=\"--debug --iptables=false\"\n", edit), "A=\"--debug\"\n");
        assert_eq!(told("ExecStart=/d --iptables=false -H fd://\n", edit), "ExecStart=/d -H fd://\n");
        assert_eq!(told("ExecStart=/d \\\n  --iptables=false \\\n  -D\n", edit), "ExecStart=/d \\\n  \\\n  -D\n");
        for text in ["", "#A=--iptables=false", "A=x--iptables=false", "A=\"--iptables=false --iptables=false\""] {
            assert!(told(text, edit).starts_with("error: has "), "{text}");
        }
    }
}

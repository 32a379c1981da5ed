//! What stands around a command where it is copied from: prompts, fences, other systems' line ends, places to fill in. All bytes
//! keep their places.

use gdoctor_checks::model::run::{Edit, Foreign, Span};

use super::Wrong;

/// A text as the shell is to read it, as long as the one that was given.
pub struct Pasted {
    pub text: String,
    /// Lines that go on in another shell's way, and what makes them go on here.
    pub foreign: Vec<Foreign>,
}

/// Takes prompts and fences out, and joins what cmd's `^` and PowerShell's backtick join.
pub fn clean(text: &str) -> Result<Pasted, Wrong> {
    let mut bytes = text.to_owned().into_bytes();
    unfence(text, &mut bytes);
    let bare = String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned());
    let unprompted = unprompt(&bare);
    places_to_fill(&unprompted)?;
    let (text, foreign) = joined(&unprompted);
    Ok(Pasted { text, foreign })
}

fn blank(bytes: &mut [u8], start: usize, end: usize) {
    bytes[start..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}

/// Each line with its place.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.strip_suffix('\n').unwrap_or(line))
    })
}

/// Between fences of Markdown only their inside counts; a fence alone goes.
fn unfence(text: &str, bytes: &mut [u8]) {
    let fence = |line: &str| {
        let line = line.trim();
        let rest = line.strip_prefix("```").or_else(|| line.strip_prefix("~~~"));
        rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_alphanumeric() || "{}.-_ ".contains(c)))
    };
    let fences: Vec<usize> =
        lines(text).enumerate().filter(|(_, (_, line))| fence(line)).map(|(number, _)| number).collect();
    if fences.is_empty() {
        return;
    }
    for (number, (start, line)) in lines(text).enumerate() {
        let before = fences.iter().filter(|fence| **fence < number).count();
        let outside = fences.len().is_multiple_of(2) && before.is_multiple_of(2);
        if fences.contains(&number) || outside {
            blank(bytes, start, start + line.len());
        }
    }
}

/// How long the prompt is that a line begins with: `$ `, `user@host:~$ `, `root@host:/# `, `[user@host dir]$ `, `PS C:\> `, `(env) $ `.
fn prompt(line: &str) -> Option<usize> {
    let indent = line.len() - line.trim_start().len();
    let rest = &line[indent..];
    for mark in ["$ ", "% ", "➜ ", "❯ ", "λ "] {
        if rest.starts_with(mark) {
            return Some(indent + mark.len());
        }
    }
    // Up to the sign before the first command of a line: a user and a host, or a folder of Windows'.
    let end = ["$ ", "# ", "> ", "% "].iter().filter_map(|mark| rest.find(mark).map(|at| at + mark.len())).min()?;
    let head = &rest[..end - 2];
    let inner = head.trim_start_matches('(').split(") ").last().unwrap_or(head);
    let inner = inner.trim_start_matches('[').trim_end_matches(']');
    let is_named = inner.split_once('@').is_some_and(|(user, host)| {
        let word =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        let host = host.split([':', ' ']).next().unwrap_or_default();
        word(user) && word(host)
    });
    let letters: Vec<char> = inner.chars().take(3).collect();
    let is_windows = inner.starts_with("PS ") && inner.contains(":\\")
        || matches!(letters[..], [drive, ':', '\\'] if drive.is_ascii_alphabetic());
    let is_env = head.starts_with('(') && head.trim_end().ends_with(')');
    let is_shell = ["bash-", "sh-"].iter().any(|shell| {
        inner
            .strip_prefix(shell)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
    });
    (is_named || is_windows || is_env || is_shell).then_some(indent + end)
}

/// Where lines have prompts, the others are what was printed, but for those that a line before goes on in.
fn unprompt(text: &str) -> String {
    let mut bytes = text.to_owned().into_bytes();
    let starts = |line: &str| {
        ["docker ", "podman ", "sudo ", "nvidia-docker "].iter().any(|word| line.trim_start().starts_with(word))
    };
    let has_bare = lines(text).any(|(_, line)| starts(line));
    let any = lines(text).any(|(_, line)| prompt(line).is_some_and(|length| starts(&line[length..])));
    // `# docker run …` is root's prompt where no other line has the command.
    let root = |line: &str| line.trim_start().strip_prefix("# ").is_some_and(starts);
    let runs =
        |line: &str| line.contains("docker run") || line.contains("podman run") || line.contains("docker create");
    let first = lines(text).map(|(_, line)| line).find(|line| !line.trim().is_empty());
    let hash = !any && !has_bare && first.is_some_and(|line| root(line) && runs(line));
    let quoted =
        !any && !has_bare && lines(text).any(|(_, line)| line.trim_start().strip_prefix("> ").is_some_and(starts));
    let mut goes_on = false;
    for (start, line) in lines(text) {
        let indent = line.len() - line.trim_start().len();
        let mark = match prompt(line).filter(|_| any) {
            Some(length) => Some(length),
            None if hash && root(line) => Some(indent + 2),
            None if quoted && line.trim_start().starts_with('>') => Some(indent + 1),
            None if goes_on && line.trim_start().starts_with("> ") => Some(indent + 2),
            None => None,
        };
        match mark {
            Some(length) => blank(&mut bytes, start, start + length),
            None if (any || hash) && !goes_on && !has_bare => blank(&mut bytes, start, start + line.len()),
            None => {}
        }
        let end = line.trim_end();
        goes_on = end.ends_with('\\')
            || end.ends_with(" ^")
            || end.ends_with(" `")
            || end.ends_with("&&")
            || end.ends_with('|');
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// `<image>`, `‹host›`, `[OPTIONS]`, `{{ tag }}`, `…`: whoever published the line left them to the reader. Only on lines of the
/// command that starts a container.
fn places_to_fill(text: &str) -> Result<(), Wrong> {
    let mut found: Vec<(Span, String)> = Vec::new();
    let mut within = false;
    for (start, line) in lines(text) {
        let comment = line.trim_start().starts_with('#');
        within |= !comment && starts_container(line);
        if within && !comment {
            found.extend(
                angled(line)
                    .into_iter()
                    .map(|(from, to)| (start + from, start + to))
                    .map(|(from, to)| (Span::new(from, to), text[from..to].to_owned())),
            );
        }
        within &= line.trim_end().ends_with(['\\', '^', '`']);
    }
    let Some((first, _)) = found.first() else { return Ok(()) };
    let mut names: Vec<&str> = Vec::new();
    for (_, name) in &found {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let what = match names.as_slice() {
        [one] => format!("{one} is a place to fill in"),
        [all @ .., last] => format!("{} and {last} are places to fill in", all.join(", ")),
        [] => return Ok(()),
    };
    Err(Wrong::at(*first, &what, "put your own values there, then give the line again"))
}

/// The command stands in this line, whatever is before it.
fn starts_container(line: &str) -> bool {
    ["docker", "podman"].iter().any(|program| {
        ["run", "create", "container run", "container create"]
            .iter()
            .any(|verb| line.contains(&format!("{program} {verb}")))
    })
}

/// The places of a line.
fn angled(line: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut quote = None;
    let mut at = 0;
    while let Some(c) = line[at..].chars().next() {
        let rest = &line[at..];
        let before = line[..at].chars().last();
        let length = match c {
            '\'' | '"' if quote == Some(c) => {
                quote = None;
                0
            }
            '\'' if quote.is_none() => {
                quote = Some(c);
                0
            }
            '"' if quote.is_none() => {
                quote = Some(c);
                0
            }
            '#' if quote.is_none() && before.is_none_or(char::is_whitespace) => break,
            // `<name>`, `<your host>`: no redirection ends right before its `>`.
            '<' if quote != Some('\'') && !matches!(before, Some('<' | '0'..='9')) => closed(rest, '>', |inner| {
                inner.starts_with(|c: char| c.is_alphabetic() || "/~.$".contains(c))
                    && !inner.ends_with(char::is_whitespace)
                    && !inner.contains(['<', '|', '&', ';', '"', '\''])
            }),
            '‹' => closed(rest, '›', |_| true),
            '«' => closed(rest, '»', |_| true),
            '{' if rest.starts_with("{{") && before.is_none_or(|c| c != '\'') => {
                rest.find("}}").map_or(0, |end| end + 2)
            }
            '[' if quote.is_none() && before.is_none_or(char::is_whitespace) => closed(rest, ']', |inner| {
                let word = inner.trim_end_matches('.').trim();
                inner.starts_with('-')
                    || (!word.is_empty() && word.chars().all(|c| c.is_alphabetic() || " _-".contains(c)))
            }),
            '…' if quote.is_none() => c.len_utf8(),
            '.' if quote.is_none()
                && before.is_none_or(char::is_whitespace)
                && rest.starts_with("...")
                && rest[3..].chars().next().is_none_or(char::is_whitespace) =>
            {
                3
            }
            _ => 0,
        };
        // A program's own format is none of ours: `--format '{{.ID}}'`.
        let is_format =
            c == '{' && (line[..at].contains("--format") || line[..at].contains("-f ") || rest.starts_with("{{."));
        if length > 0 && !is_format {
            found.push((at, at + length));
            at += length;
        } else {
            at += c.len_utf8();
        }
    }
    found
}

fn closed(rest: &str, end: char, is_place: impl Fn(&str) -> bool) -> usize {
    let open = rest.chars().next().map_or(0, char::len_utf8);
    match rest[open..].find(end) {
        Some(length) if length > 0 && is_place(&rest[open..open + length]) => open + length + end.len_utf8(),
        _ => 0,
    }
}

/// cmd goes on behind `^`, PowerShell behind a backtick: here that is `\`.
fn joined(text: &str) -> (String, Vec<Foreign>) {
    let mut bytes = text.to_owned().into_bytes();
    let mut foreign: Vec<Foreign> = Vec::new();
    let mut within = false;
    for (start, line) in lines(text) {
        let end = line.trim_end_matches([' ', '\t', '\r']);
        within |= starts_container(line);
        let (shell, mark) = match end.chars().last().filter(|_| within) {
            Some('^') => ("cmd", '^'),
            // One that closes another is the shell's own.
            Some('`') if line.matches('`').count() % 2 == 1 => ("PowerShell", '`'),
            last => {
                within &= last == Some('\\');
                continue;
            }
        };
        let before = end[..end.len() - 1].chars().last();
        let more = text[start + line.len()..].trim_start_matches('\n');
        if before.is_some_and(|c| !c.is_whitespace()) || more.is_empty() {
            continue;
        }
        let at = start + end.len() - 1;
        bytes[at] = b'\\';
        // What is invisible behind the mark would end the line here too.
        blank(&mut bytes, at + 1, start + line.len());
        let (from, to) = (at, start + line.len());
        bytes[from..to].rotate_left(1);
        let edit = Edit { span: Span::new(from, to), text: "\\".into() };
        match foreign.iter_mut().find(|known| known.mark.starts_with(mark)) {
            Some(known) => known.edits.push(edit),
            None => foreign.push(Foreign { shell: shell.into(), mark: mark.into(), edits: vec![edit] }),
        }
    }
    (String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned()), foreign)
}

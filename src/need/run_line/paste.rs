//! What stands around a command where it is copied from: prompts, fences, other systems' line ends, places to fill in. All bytes
//! keep their places.

use gdoctor_checks::model::run::{Edit, Foreign, Span};

use super::Wrong;
use super::places::{lines, places_to_fill, starts_container, variables_of_windows};

/// A text as the shell is to read it, as long as the one that was given.
pub struct Pasted {
    pub text: String,
    /// Lines that go on in another shell's way, and what makes them go on here.
    pub foreign: Vec<Foreign>,
    /// Prompts, fences and printed lines, taken out.
    pub around: Vec<Edit>,
    /// Lines of a crontab, from 1.
    pub scheduled: Vec<usize>,
}

/// Takes prompts and fences out, and joins what cmd's `^` and PowerShell's backtick join.
pub fn clean(text: &str) -> Result<Pasted, Wrong> {
    let mut bytes = text.to_owned().into_bytes();
    unfence(text, &mut bytes);
    let bare = String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned());
    let typed = without_output(&unprompt(&bare));
    let around = taken_out(text, &typed);
    let (commands, scheduled) = unschedule(&typed);
    places_to_fill(&commands)?;
    variables_of_windows(&commands)?;
    let (text, mut foreign) = joined(&commands)?;
    if let Some(first) = foreign.first_mut() {
        first.edits.extend(taken_out(&bare, &commands));
        first.edits.sort_by_key(|edit| edit.span.start);
    }
    Ok(Pasted { text, foreign, around, scheduled })
}

/// The prompts and printed lines that are in one text and not in the other.
fn taken_out(before: &str, after: &str) -> Vec<Edit> {
    let pairs = lines(before).zip(lines(after));
    let prompts = pairs.filter_map(|((start, line), (_, kept))| {
        let length = kept.len() - kept.trim_start().len();
        let gone = line.get(..length).filter(|gone| !gone.trim().is_empty())?;
        // A line of which nothing stays goes with its end.
        let ends = gone.len() == line.len() && before.as_bytes().get(start + line.len()) == Some(&b'\n');
        Some(Edit { span: Span::new(start, start + gone.len() + usize::from(ends)), text: String::new() })
    });
    prompts.collect()
}

fn blank(bytes: &mut [u8], start: usize, end: usize) {
    bytes[start..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
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

/// How long the prompt is that a line begins with: `$ `, `user@host:~$ `, `root@host:/# `, `[user@host dir]$ `, `PS C:\> `, `(env) $ `,
/// `repo$ `.
fn prompt(line: &str) -> Option<usize> {
    let indent = line.len() - line.trim_start().len();
    let rest = &line[indent..];
    // `$docker run …`: the prompt's sign stands close.
    if rest
        .strip_prefix('$')
        .is_some_and(|rest| ["docker run ", "sudo docker "].iter().any(|word| rest.starts_with(word)))
    {
        return Some(indent + 1);
    }
    for mark in ["$ ", "% "] {
        if rest.starts_with(mark) {
            return Some(indent + mark.len());
        }
    }
    if let Some(length) = drawn_prompt(rest).or_else(|| cmd_prompt(rest)) {
        return Some(indent + length);
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
    // A folder's name is a prompt where one of these commands stands behind it.
    let is_folder = !inner.is_empty()
        && inner.chars().all(|c| c.is_alphanumeric() || "_.~/:+-".contains(c))
        && rest[..end].ends_with("$ ")
        && COMMANDS.iter().any(|word| rest[end..].trim_start().starts_with(word));
    (is_named || is_windows || is_env || is_shell || is_folder).then_some(indent + end)
}

/// Prompts that begin with a sign no command begins with, `➜  ~ `, `❯ `, `λ `, `└─$ `, go up to the command.
fn drawn_prompt(line: &str) -> Option<usize> {
    let first = line.chars().next()?;
    if first.is_ascii() || first.is_alphanumeric() && first != 'λ' {
        return None;
    }
    let command = COMMANDS.iter().filter_map(|word| line.find(word)).min();
    let whole = command.filter(|at| {
        line[..*at].ends_with(char::is_whitespace) && !line[..*at].contains(['\'', '"', '`', '&', '|', ';', '='])
    });
    whole.or_else(|| {
        let sign = line.find(|c: char| c.is_whitespace())?;
        Some(sign + line[sign..].len() - line[sign..].trim_start().len())
    })
}

/// `C:\Users\me>`: nothing stands between cmd's prompt and the command.
fn cmd_prompt(line: &str) -> Option<usize> {
    let letters: Vec<char> = line.chars().take(3).collect();
    let is_drive = matches!(letters[..], [drive, ':', '\\'] if drive.is_ascii_alphabetic());
    let end = line.find('>').filter(|_| is_drive)? + 1;
    let rest = line[end..].trim_start();
    Some(line.len() - rest.len())
}

/// What a command that is pasted with its prompt begins with.
const COMMANDS: [&str; 4] = ["docker ", "podman ", "sudo ", "nvidia-docker "];

/// What PowerShell and cmd write before a line that goes on.
const WINDOWS_GOES_ON: [&str; 2] = [">>", "More?"];

/// Where lines have prompts, the others are what was printed, but for those that a line before goes on in.
fn unprompt(text: &str) -> String {
    let mut bytes = text.to_owned().into_bytes();
    let starts = |line: &str| COMMANDS.iter().any(|word| line.trim_start().starts_with(word));
    // `>> file` is a redirection only where no line is PowerShell's or cmd's.
    let windows = lines(text).any(|(_, line)| {
        let line = line.trim_start();
        cmd_prompt(line).is_some()
            || line.strip_prefix(">> ").is_some_and(starts)
            || (line.contains("PS ") && prompt(line).is_some())
    });
    let more = |line: &str| {
        let rest = line.trim_start();
        let mark = WINDOWS_GOES_ON.iter().find(|mark| windows && rest.starts_with(**mark))?;
        let behind = &rest[mark.len()..];
        Some(line.len() - behind.trim_start().len())
    };
    let has_bare = lines(text).any(|(_, line)| starts(line));
    let any =
        lines(text).any(|(_, line)| prompt(line).or_else(|| more(line)).is_some_and(|length| starts(&line[length..])));
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
        let mark = match more(line).or_else(|| prompt(line)).filter(|_| any) {
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
        let end = before_comment(line).map_or(line, |(end, _)| &line[..end]).trim_end();
        goes_on = end.ends_with('\\')
            || end.ends_with(" ^")
            || end.ends_with(" `")
            || end.ends_with("&&")
            || end.ends_with('|');
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// A mark that lines go on at, with a comment behind it: where what stands before the comment ends, and the mark's place.
fn before_comment(line: &str) -> Option<(usize, usize)> {
    let hash = line.rfind(" #")?;
    let end = line[..hash].trim_end();
    let mark = end.chars().last().filter(|c| "\\^`".contains(*c))?;
    let is_alone = end[..end.len() - mark.len_utf8()].ends_with(char::is_whitespace);
    is_alone.then_some((end.len(), end.len() - mark.len_utf8()))
}

/// What engines print when a line fails or its image is fetched, pasted below the line.
const OUTPUT: [&str; 16] = [
    "docker: ",
    "See 'docker ",
    "Run 'docker ",
    "Unable to find image '",
    "invalid argument \"",
    "unknown flag: ",
    "unknown shorthand flag: ",
    "flag needs an argument: ",
    "Error response from daemon",
    "Error: ",
    "Trying to pull ",
    "\"docker run\" requires ",
    "Usage:  docker ",
    "Digest: sha256:",
    "Status: Downloaded ",
    "WARNING: The requested image's platform ",
];

/// Lines that an engine has printed are no part of the command, whatever quotes they have.
fn without_output(text: &str) -> String {
    let mut bytes = text.to_owned().into_bytes();
    let mut begun = false;
    for (start, line) in lines(text) {
        if begun && OUTPUT.iter().any(|output| line.starts_with(output)) {
            blank(&mut bytes, start, start + line.len());
        }
        begun |= starts_container(line);
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// A crontab's line: what stands before its command, the user included, is the schedule.
fn unschedule(text: &str) -> (String, Vec<usize>) {
    let mut bytes = text.to_owned().into_bytes();
    let mut scheduled = Vec::new();
    for (number, (start, line)) in lines(text).enumerate().filter(|(_, (_, line))| starts_container(line)) {
        if let Some(length) = schedule(line) {
            blank(&mut bytes, start, start + length);
            scheduled.push(number + 1);
        }
    }
    (String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned()), scheduled)
}

/// `0 3 * * 1-5 `, `@daily root `.
fn schedule(line: &str) -> Option<usize> {
    let names = "jan feb mar apr may jun jul aug sep oct nov dec sun mon tue wed thu fri sat";
    let is_time = |field: &str| {
        let named = field.split([',', '-']).all(|part| names.split(' ').any(|name| part.eq_ignore_ascii_case(name)));
        named
            || field.starts_with(|c: char| c == '*' || c.is_ascii_digit())
                && field.bytes().all(|b| b.is_ascii_digit() || b"*/,-".contains(&b))
    };
    let mut fields = line.split_whitespace();
    let count = match fields.next()? {
        word if word.strip_prefix('@').is_some_and(|name| name.bytes().all(|b| b.is_ascii_lowercase())) => 1,
        first if is_time(first) && fields.by_ref().take(4).filter(|field| is_time(field)).count() == 4 => 5,
        _ => return None,
    };
    let rest =
        |line: &str| line.trim_start().split_once(char::is_whitespace).map_or("", |(_, rest)| rest).trim_start().len();
    let mut left = line.len();
    for _ in 0..count {
        left = rest(&line[line.len() - left..]);
    }
    // /etc/crontab names the user.
    let command = &line[line.len() - left..];
    let first = command.split_whitespace().next().unwrap_or_default();
    let second = command.split_whitespace().nth(1).unwrap_or_default();
    let is_user = first.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
    let wrapped = ["sudo", "env", "nice", "timeout", "flock", "docker", "podman", "cd", "test", "sleep"];
    if is_user
        && !wrapped.contains(&first)
        && (second.contains("docker") || second.contains("podman") || second.starts_with('/'))
    {
        left = rest(command);
    }
    Some(line.len() - left)
}

/// cmd goes on behind `^`, PowerShell behind a backtick: here that is `\`.
fn joined(text: &str) -> Result<(String, Vec<Foreign>), Wrong> {
    let mut bytes = text.to_owned().into_bytes();
    let mut foreign: Vec<Foreign> = Vec::new();
    let mut within = false;
    for (start, line) in lines(text) {
        let end = line.trim_end_matches([' ', '\t', '\r']);
        within |= starts_container(line);
        if let Some((_, at)) = before_comment(line).filter(|(_, at)| within && !line[*at..].starts_with('\\')) {
            // `` `#comment` `` is a comment of the shell's own.
            if !line[at + 1..].contains('`') {
                let what = "a comment stands after this mark, so the line ends here in every shell";
                let help = "the mark has to be the last character of its line: take the comment out";
                return Err(Wrong::at(Span::new(start + at, start + at + 1), what, help));
            }
        }
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
    Ok((String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned()), foreign))
}

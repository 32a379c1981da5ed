//! What a published line leaves to its reader: places to fill in, and variables that another system's shell would replace.

use gdoctor_checks::model::run::Span;

use super::Wrong;

/// Each line with its place.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.strip_suffix('\n').unwrap_or(line))
    })
}

/// `%cd%` and `$env:NAME`: cmd and PowerShell replace them, this shell does not.
pub fn variables_of_windows(text: &str) -> Result<(), Wrong> {
    const OF_CMD: [&str; 12] = [
        "cd",
        "userprofile",
        "homepath",
        "homedrive",
        "appdata",
        "localappdata",
        "programdata",
        "username",
        "temp",
        "tmp",
        "systemdrive",
        "public",
    ];
    let mut within = false;
    for (start, line) in lines(text) {
        within |= starts_container(line);
        if within {
            let of_cmd = line.match_indices('%').find_map(|(at, _)| {
                let length = line[at + 1..].find('%')?;
                let name = line[at + 1..at + 1 + length].to_ascii_lowercase();
                OF_CMD.contains(&name.as_str()).then_some((at, length + 2, "cmd"))
            });
            let of_powershell = line.find("$env:").or_else(|| line.find("${env:")).map(|at| {
                let name = line[at..].find(|c: char| !(c.is_ascii_alphanumeric() || "_$:{".contains(c)));
                (at, name.unwrap_or(line.len() - at), "PowerShell")
            });
            if let Some((at, length, shell)) = of_cmd.or(of_powershell) {
                let (from, to) = (start + at, start + at + length);
                let what = format!("{} is a variable of {shell}'s, which no shell on Linux replaces", &text[from..to]);
                return Err(Wrong::at(
                    Span::new(from, to),
                    &what,
                    "the working directory is $PWD here, the home directory $HOME",
                ));
            }
        }
        let end = line.trim_end();
        within &= end.ends_with(['\\', '^', '`']);
    }
    Ok(())
}

/// `<image>`, `‹host›`, `[OPTIONS]`, `{{ tag }}`, `…`: whoever published the line left them to the reader. Only on lines of the
/// command that starts a container.
pub fn places_to_fill(text: &str) -> Result<(), Wrong> {
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
pub fn starts_container(line: &str) -> bool {
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
            // `"TOKEN=<secret>"` is a value that docker takes, and no reason to look at nothing: it is told among the findings.
            '<' if quote == Some('"') && before == Some('=') => 0,
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
                // `[ -d data ]` is the shell's own.
                !inner.starts_with(char::is_whitespace)
                    && (inner.starts_with('-')
                        || (!word.is_empty() && word.chars().all(|c| c.is_alphabetic() || " _-".contains(c))))
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

//! Files of variables that the service of dockerd reads, /etc/default/docker and its like: the first line that is not read as it is
//! meant, by the shell of an init script or by systemd. Nothing of them is run, and where only a run could tell, nothing is told.

use gdoctor_checks::model::facts::docker::{Misread, WhyMisread};

use crate::host::{Host, units};

use super::command;

/// Who reads such a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// By `.`: a word of the shell that is none ends the script.
    Shell,
    /// systemd.exec(5), EnvironmentFile=.
    Systemd,
}

/// In the files that the service reads.
pub fn look(host: &Host) -> Option<Misread> {
    let found = |file: &str, reader| {
        let text = host.text(file);
        let (line, why) = misread(text.value()?, reader)?;
        Some(Misread { file: file.to_owned(), line, why, ends: false })
    };
    if let Some(unit) = command::unit(host).filter(|_| command::is_by_systemd(host)) {
        let (_, start) = units::last(host, &unit, "ExecStart")?;
        let lines = units::service(host, &unit).into_iter().flatten();
        let mut files = lines.filter(|line| line.key == "EnvironmentFile");
        return files.find_map(|line| {
            let misread = found(line.value.trim_start_matches('-'), Reader::Systemd)?;
            // What the command does not use is nobody's loss.
            start.contains('$').then_some(misread)
        });
    }
    let script = host.text("/etc/init.d/docker");
    let script = script.value()?;
    let is_read =
        |file: &&&str| script.contains(*file) || script.contains(&format!("{}$BASE", file.trim_end_matches("docker")));
    command::VARIABLE_FILES.iter().filter(is_read).find_map(|file| {
        let misread = found(file, Reader::Shell)?;
        let stops_at_failure = script.lines().any(|line| line.trim() == "set -e");
        let ends = match misread.why {
            WhyMisread::OpenQuote => true,
            WhyMisread::Blanks => stops_at_failure,
            WhyMisread::CarriageReturn | WhyMisread::Export => false,
        };
        Some(Misread { ends, ..misread })
    })
}

/// The first line that is not read as it is meant, counted from 1.
pub fn misread(text: &str, reader: Reader) -> Option<(u32, WhyMisread)> {
    let lines: Vec<&str> = text.split('\n').collect();
    let number = |at: usize| u32::try_from(at + 1).unwrap_or(u32::MAX);
    let mut open: Option<char> = None;
    let mut opened = 0;
    for (at, line) in lines.iter().enumerate() {
        if open.is_none() {
            if reader == Reader::Shell && is_for_a_run(line) {
                return None;
            }
            if let Some(why) = by_itself(line, reader) {
                return Some((number(at), why));
            }
        }
        let after = quoted(line, open, reader);
        if open.is_none() && after.is_some() {
            opened = at;
        }
        open = after;
    }
    open?;
    // Quotes behind the open one are paired wrongly: the line is the one that lacks its partner by itself, if one alone does.
    let mut alone =
        lines.iter().enumerate().filter(|(_, line)| assigned(line).is_some() && quoted(line, None, reader).is_some());
    match (alone.next(), alone.next()) {
        (Some((at, _)), None) => Some((number(at), WhyMisread::OpenQuote)),
        _ => Some((number(opened), WhyMisread::OpenQuote)),
    }
}

/// What a line has wrong that no other decides about.
fn by_itself(line: &str, reader: Reader) -> Option<WhyMisread> {
    if line.trim_start().starts_with(['#', ';']) {
        return None;
    }
    let exported = line.trim_start().strip_prefix("export ").filter(|rest| assigned(rest).is_some());
    if reader == Reader::Systemd {
        return exported.map(|_| WhyMisread::Export);
    }
    if line.ends_with('\r') && (line == "\r" || assigned(line).is_some()) {
        return Some(WhyMisread::CarriageReturn);
    }
    let (name, rest) = line.split_once('=')?;
    let is_value = |rest: &str| rest.trim_start().starts_with(['"', '\'', '-']);
    let before = name.ends_with([' ', '\t']) && is_name(name.trim());
    let behind = is_name(name.trim()) && rest.starts_with([' ', '\t']) && is_value(rest);
    (before || behind).then_some(WhyMisread::Blanks)
}

/// Only the shell that runs the file knows what comes of it.
fn is_for_a_run(line: &str) -> bool {
    let line = line.trim_start();
    !line.starts_with('#') && (line.contains('`') || line.contains("$(") || line.contains("<<"))
}

fn is_name(word: &str) -> bool {
    let word = word.strip_prefix("export ").unwrap_or(word).trim();
    !word.is_empty() && word.chars().all(|c| c == '_' || c.is_ascii_uppercase() || c.is_ascii_digit())
}

/// What stands behind the `=` of an assignment.
fn assigned(line: &str) -> Option<&str> {
    let (name, value) = line.split_once('=')?;
    is_name(name.trim()).then_some(value)
}

/// The quotation mark that is open at the end of a line.
fn quoted(line: &str, open: Option<char>, reader: Reader) -> Option<char> {
    let mut open = open;
    if open.is_none() && line.trim_start().starts_with(['#', ';']) {
        return None;
    }
    // systemd knows quotation marks where a value begins, or goes on behind one.
    let mut begins = reader == Reader::Shell;
    let mut before = ' ';
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (open, letter) {
            (Some('"') | None, '\\') => {
                letters.next();
            }
            (Some(mark), _) if mark == letter => {
                open = None;
                begins = true;
            }
            (None, '#') if reader == Reader::Shell && before.is_whitespace() => break,
            (None, '"' | '\'') if begins => open = Some(letter),
            (None, '=') => begins = true,
            (None, _) if reader == Reader::Systemd && !letter.is_whitespace() => begins = false,
            _ => {}
        }
        before = letter;
    }
    open
}

/// With each line as it can only be meant. Err tells why not all of that is certain.
pub fn mended(text: &str, reader: Reader) -> Result<String, String> {
    let mut after = text.to_owned();
    let mut last = 0;
    while let Some((number, why)) = misread(&after, reader) {
        if number < last || after.len() > text.len() + 64 {
            return Err(format!("cannot be mended by line {last} alone"));
        }
        last = number;
        let mut lines: Vec<String> = after.split('\n').map(str::to_owned).collect();
        let at = number as usize - 1;
        let line = lines[at].clone();
        match why {
            WhyMisread::CarriageReturn => {
                lines.iter_mut().for_each(|line| line.truncate(line.trim_end_matches('\r').len()))
            }
            WhyMisread::Export => lines[at] = line.replacen("export ", "", 1),
            WhyMisread::Blanks => {
                let (name, value) = line.split_once('=').unwrap_or_default();
                lines[at] = format!("{}={}", name.trim_end(), value.trim_start());
            }
            WhyMisread::OpenQuote => {
                lines[at] =
                    closed(&line).ok_or(format!("has a quotation mark in line {number} that is for you to close"))?
            }
        }
        after = lines.join("\n");
        if misread(&after, reader) == Some((number, why)) {
            return Err(format!("cannot be mended by line {number} alone"));
        }
    }
    match after == text {
        true => Err("has no line that is misread".into()),
        false => Ok(after),
    }
}

/// `NAME="…` with one quotation mark, or with another at its end.
fn closed(line: &str) -> Option<String> {
    let line = line.trim_end();
    let value = assigned(line)?;
    let mark = value.chars().next().filter(|mark| "\"'".contains(*mark))?;
    let inside = &value[1..];
    let other = if mark == '"' { '\'' } else { '"' };
    match (inside.contains(mark), inside.matches(other).count()) {
        (false, 0) if !inside.contains('#') => Some(format!("{line}{mark}")),
        (false, 1) if inside.ends_with(other) => Some(format!("{}{mark}", &line[..line.len() - 1])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, WhyMisread, mended, misread};

    #[test]
    fn a_line_is_read_as_its_reader_does() {
        use Reader::{Shell, Systemd};
        use WhyMisread::{Blanks, CarriageReturn, Export, OpenQuote};
        for (text, reader, told) in [
            ("# don't\nA=\"x\"\n\nulimit() { command ulimit \"$@\" || :; }\n", Shell, None),
            ("A=\"x\nB=\"y\"\n", Shell, Some((1, OpenQuote))),
            ("A=\"x \\\n  y\"\nB='z'\n", Shell, None),
            ("A=\"x\n y\"\n", Shell, None),
            ("A = \"x\"\n", Shell, Some((1, Blanks))),
            ("A= --debug\n", Shell, Some((1, Blanks))),
            ("A = \"x\"\n", Systemd, None),
            ("B=1\r\nA=\"x\"\r\n", Shell, Some((1, CarriageReturn))),
            ("# b\r\n", Shell, None),
            ("A=\"x\"\r\n", Systemd, None),
            ("export A=\"x\"\n", Systemd, Some((1, Export))),
            ("export A=\"x\"\n", Shell, None),
            ("A=it's\n", Systemd, None),
            ("A=it's\n", Shell, Some((1, OpenQuote))),
            ("A='x\"\n", Systemd, Some((1, OpenQuote))),
            ("A=$(cat \"x)\n", Shell, None),
            ("if [ \"$A\" = b ]; then A=c; fi # it's\n", Shell, None),
        ] {
            assert_eq!(misread(text, reader), told, "{text}");
        }
    }

    #[test]
    fn what_can_only_mean_one_thing_is_mended() {
        use Reader::{Shell, Systemd};
        for (text, reader, well) in [
            ("A=\"x\nB=\"y\"\n", Shell, "A=\"x\"\nB=\"y\"\n"),
            ("A='x\"\n", Systemd, "A='x'\n"),
            ("A = \"x\"\nB= '-y'\n", Shell, "A=\"x\"\nB='-y'\n"),
            ("A=x\r\n# b\r\n", Shell, "A=x\n# b\n"),
            ("export A=x\nB=y\n", Systemd, "A=x\nB=y\n"),
        ] {
            assert_eq!(mended(text, reader).as_deref(), Ok(well), "{text}");
        }
        for text in ["A=x\n", "A=it's\n", "A=\"x # why\n", "A=\"x\nB=\"y\n"] {
            assert!(mended(text, Shell).is_err(), "{text}");
        }
    }
}

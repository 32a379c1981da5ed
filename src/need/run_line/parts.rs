//! The options of a run line as words again, each by itself, in the order of the line's [`RunLine::options`].

use gdoctor_checks::model::run::{RunLine, RunOption};

use super::flags::{Dialect, Flag, Kind};

/// One option: what the client would be given for it.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    pub option: &'a RunOption,
    /// Quotes and variables resolved, also what the value of a variable is.
    pub words: Vec<String>,
    /// The value as it was given; empty for a switch.
    pub value: String,
}

/// `None` where the line has not been read from words, or they do not fit its options.
pub fn parts(line: &RunLine) -> Option<Vec<Part<'_>>> {
    let dialect = Dialect { podman: line.podman, creates: line.creates };
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut words = line.words.iter();
    while let Some(word) = words.next() {
        if word == "--" || !word.starts_with('-') || word.len() == 1 {
            break;
        }
        match word.strip_prefix("--") {
            Some(long) => {
                let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
                let flag = dialect.long(name)?;
                found.push(one(flag, word, value, &mut words)?);
            }
            None => cluster(dialect, word, &mut words, &mut found)?,
        }
    }
    let options: Vec<&RunOption> = line.options.iter().filter(|option| option.name != "image").collect();
    let fits = options.len() == found.len();
    let parts = options.into_iter().zip(found).map(|(option, (value, words))| Part { option, words, value });
    fits.then(|| parts.collect())
}

fn one<'w>(
    flag: &Flag,
    word: &str,
    value: Option<&str>,
    rest: &mut impl Iterator<Item = &'w String>,
) -> Option<(String, Vec<String>)> {
    match value {
        Some(value) => Some((value.to_owned(), vec![word.to_owned()])),
        None if flag.kind == Kind::Switch => Some((String::new(), vec![word.to_owned()])),
        None => {
            let value = rest.next()?.clone();
            Some((value.clone(), vec![word.to_owned(), value]))
        }
    }
}

/// `-it`, `-p80:80`, `-p=80:80`, `-p 80:80`.
fn cluster<'w>(
    dialect: Dialect,
    word: &str,
    rest: &mut impl Iterator<Item = &'w String>,
    found: &mut Vec<(String, Vec<String>)>,
) -> Option<()> {
    for (at, letter) in word.char_indices().skip(1) {
        let flag = dialect.short(letter)?;
        let behind = &word[at + letter.len_utf8()..];
        let name = format!("-{letter}");
        if flag.kind == Kind::Switch && !behind.starts_with('=') {
            found.push((String::new(), vec![name]));
            continue;
        }
        let value = if behind.is_empty() { None } else { Some(behind.strip_prefix('=').unwrap_or(behind)) };
        let value = match value {
            Some(value) => value.to_owned(),
            None => rest.next()?.clone(),
        };
        let words = match flag.kind {
            Kind::Switch => vec![format!("{name}={value}")],
            _ => vec![name, value.clone()],
        };
        found.push((value, words));
        break;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::need::run_line::{Shell, parse_one};

    fn words(text: &str) -> Vec<Vec<String>> {
        let line = parse_one(text, &Shell { cwd: "/", ..Shell::BARE }).unwrap();
        parts(&line).unwrap().into_iter().map(|part| part.words).collect()
    }

    #[test]
    fn options_are_parted_as_the_client_parts_them() {
        let read = words("docker run -itp80:80 --gpus all --rm=false -e 'A=b c' -ve:/f --shm-size=1g -d=true img -x y");
        let read: Vec<String> = read.iter().map(|words| words.join(" ")).collect();
        assert_eq!(
            read,
            ["-i", "-t", "-p 80:80", "--gpus all", "--rm=false", "-e A=b c", "-v e:/f", "--shm-size=1g", "-d=true"]
        );
    }

    #[test]
    fn each_stands_beside_its_option() {
        let line = parse_one("docker run --net host -u 7 img", &Shell { cwd: "/", ..Shell::BARE }).unwrap();
        let parts = parts(&line).unwrap();
        let pairs: Vec<(&str, &str)> = parts.iter().map(|p| (p.option.name.as_str(), p.value.as_str())).collect();
        assert_eq!(pairs, [("network", "host"), ("user", "7")]);
    }
}

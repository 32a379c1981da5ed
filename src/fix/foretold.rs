//! What a line writes that is seen in its words: `printf '…' | sudo tee PATH`, `usermod -aG docker ann`. Of what only a shell would
//! know nothing is said.

/// What becomes of a file's text.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// This alone stands there.
    Whole(String),
    /// This comes behind what is there.
    Behind(String),
    /// The line of this group gets a member.
    Joins { group: String, user: String },
    /// The line of this group loses one.
    Leaves { group: String, user: String },
}

impl Change {
    pub fn of(&self, before: &str) -> String {
        match self {
            Self::Whole(text) => text.clone(),
            Self::Behind(text) => format!("{before}{text}"),
            Self::Joins { group, user } => with_members(before, group, |members| {
                if !members.contains(&user.as_str()) {
                    members.push(user);
                }
            }),
            Self::Leaves { group, user } => with_members(before, group, |members| members.retain(|one| one != user)),
        }
    }
}

/// group(5) and gshadow(5): the first field is the name, the last one the members.
fn with_members<'a>(before: &'a str, group: &str, change: impl Fn(&mut Vec<&'a str>)) -> String {
    let line = |line: &'a str| match line.strip_suffix('\n').unwrap_or(line).rsplit_once(':') {
        Some((head, members)) if head.split(':').next() == Some(group) => {
            let mut members: Vec<&str> = members.split(',').filter(|member| !member.is_empty()).collect();
            change(&mut members);
            format!("{head}:{}\n", members.join(","))
        }
        _ => line.to_owned(),
    };
    before.split_inclusive('\n').map(line).collect()
}

/// Paths with what becomes of them. Empty where the line is of another kind.
pub fn foretold(line: &str) -> Vec<(String, Change)> {
    let Some(words) = words(line) else { return Vec::new() };
    of_groups(&words).or_else(|| of_tee(&words)).unwrap_or_default()
}

fn texts(words: &[Word]) -> Option<Vec<&str>> {
    let all = words.iter().map(|word| match word {
        Word::Text(text) => Some(text.as_str()),
        Word::Pipe => None,
    });
    let all: Option<Vec<&str>> = all.collect();
    all.map(|all| all.into_iter().skip_while(|word| *word == "sudo").collect())
}

fn of_groups(words: &[Word]) -> Option<Vec<(String, Change)>> {
    let changes = |paths: [&str; 2], change: &dyn Fn() -> Change| {
        Some(paths.iter().map(|path| ((*path).to_owned(), change())).collect::<Vec<_>>())
    };
    let groups = ["/etc/group", "/etc/gshadow"];
    let both = |group: &str, user: &str| (group.to_owned(), user.to_owned());
    match texts(words)?.as_slice() {
        ["usermod", "-aG", group, user] | ["gpasswd", "-a", user, group] if !group.contains(',') => {
            let (group, user) = both(group, user);
            changes(groups, &|| Change::Joins { group: group.clone(), user: user.clone() })
        }
        ["gpasswd", "-d", user, group] => {
            let (group, user) = both(group, user);
            changes(groups, &|| Change::Leaves { group: group.clone(), user: user.clone() })
        }
        ["usermod", "--add-subuids", uids, "--add-subgids", gids, user] => {
            let line = |range: &str| {
                let (first, last) = range.split_once('-')?;
                let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
                Some(Change::Behind(format!("{user}:{first}:{}\n", last.checked_sub(first)? + 1)))
            };
            Some(vec![("/etc/subuid".into(), line(uids)?), ("/etc/subgid".into(), line(gids)?)])
        }
        _ => None,
    }
}

fn of_tee(words: &[Word]) -> Option<Vec<(String, Change)>> {
    let pipe = words.iter().position(|word| *word == Word::Pipe)?;
    let (from, to) = (texts(&words[..pipe])?, texts(&words[pipe + 1..])?);
    let (appends, paths) = match to.as_slice() {
        ["tee", "-a", paths @ ..] => (true, paths),
        ["tee", paths @ ..] => (false, paths),
        _ => return None,
    };
    let text = match from.split_first()? {
        // Shells differ in what a backslash is to echo.
        (&"echo", words) if !words.iter().any(|word| word.contains('\\') || word.starts_with('-')) => {
            format!("{}\n", words.join(" "))
        }
        (&"printf", words) => printed(words.split_first()?)?,
        _ => return None,
    };
    let change = || if appends { Change::Behind(text.clone()) } else { Change::Whole(text.clone()) };
    let is_plain = |path: &&str| path.starts_with('/');
    let all = || paths.iter().map(|path| ((*path).to_owned(), change())).collect();
    (!paths.is_empty() && paths.iter().all(is_plain)).then(all)
}

#[derive(Debug, PartialEq, Eq)]
enum Word {
    Text(String),
    Pipe,
}

/// Words of a line without anything that a shell expands.
fn words(line: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => words.extend(word.take().map(Word::Text)),
            '|' => {
                words.extend(word.take().map(Word::Text));
                words.push(Word::Pipe);
            }
            '\'' | '"' => {
                let part = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        end if end == letter => break,
                        '$' | '`' | '\\' if letter == '"' => return None,
                        inner => part.push(inner),
                    }
                }
            }
            '$' | '`' | '\\' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '~' | '#' | '{' | '\n' => {
                return None;
            }
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word.map(Word::Text));
    Some(words)
}

/// printf with its format's `%s` and the usual escapes; the format is used again while words are left.
fn printed((format, words): (&&str, &[&str])) -> Option<String> {
    let mut words = words.iter();
    let mut out = String::new();
    loop {
        let left = words.len();
        let mut letters = format.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => out.push(match letters.next()? {
                    'n' => '\n',
                    't' => '\t',
                    '\\' => '\\',
                    _ => return None,
                }),
                '%' => match letters.next()? {
                    's' => out.push_str(words.next().unwrap_or(&"")),
                    '%' => out.push('%'),
                    _ => return None,
                },
                plain => out.push(plain),
            }
        }
        if words.len() == 0 {
            return Some(out);
        }
        // Words that nothing takes would be printed for ever.
        if words.len() == left {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_in_the_words_is_told() {
        let whole = |path: &str, text: &str| (path.to_owned(), Change::Whole(text.to_owned()));
        let behind = |path: &str, text: &str| (path.to_owned(), Change::Behind(text.to_owned()));
        assert_eq!(foretold("echo 'a = 1' | sudo tee /etc/x.conf"), [whole("/etc/x.conf", "a = 1\n")]);
        assert_eq!(foretold(r"printf '[S]\nA=%s\n' /usr/b | sudo tee -a /x"), [behind("/x", "[S]\nA=/usr/b\n")]);
        assert_eq!(
            foretold(r"printf '%s\n' a 'b c' | sudo tee /x /y"),
            [whole("/x", "a\nb c\n"), whole("/y", "a\nb c\n")]
        );
        let ranges = foretold("sudo usermod --add-subuids 231072-296607 --add-subgids 231072-296607 ann");
        assert_eq!(ranges[0], behind("/etc/subuid", "ann:231072:65536\n"));
        for line in [
            "echo $HOME | sudo tee /x",
            r"echo 'a\nb' | sudo tee /x",
            "cat /y | sudo tee /x",
            "echo a | sudo tee x",
            "printf '%d' 1 | tee /x",
            "printf 'a' b | tee /x",
            "echo a | tee /x | cat",
            "sudo systemctl restart docker",
        ] {
            assert!(foretold(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn members_of_groups_come_and_go() {
        let group = "root:x:0:\ndocker:x:999:bob\ndocker2:x:1:\n";
        let after = |line: &str, before: &str| {
            let all = foretold(line);
            assert_eq!(all.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["/etc/group", "/etc/gshadow"]);
            all[0].1.of(before)
        };
        let joined = group.replace("bob", "bob,ann");
        assert_eq!(after("sudo usermod -aG docker ann", group), joined);
        assert_eq!(after("sudo usermod -aG docker ann", &joined), joined);
        assert_eq!(after("sudo gpasswd -d ann docker", &joined), group);
        assert_eq!(after("sudo usermod -aG kvm ann", group), group);
    }
}

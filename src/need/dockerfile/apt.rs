//! Whether apt has lists of packages when a step installs: only what is certain, from one step of a stage to the next.

use gdoctor_checks::model::dockerfile::Does;

/// What the steps so far have done to /var/lib/apt/lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lists {
    /// Nothing: they are as the base has them.
    #[default]
    OfTheBase,
    Removed,
    /// They were fetched, or something ran that may have done so.
    Perhaps,
}

/// Programs that fetch no lists.
const QUIET: [&str; 40] = [
    "apt-get",
    "apt",
    "awk",
    "cat",
    "cd",
    "chgrp",
    "chmod",
    "chown",
    "cp",
    "curl",
    "date",
    "dpkg",
    "dpkg-reconfigure",
    "echo",
    "export",
    "find",
    "git",
    "groupadd",
    "ldconfig",
    "ln",
    "locale-gen",
    "ls",
    "mkdir",
    "mv",
    "pip",
    "pip3",
    "printf",
    "pwd",
    "rm",
    "rmdir",
    "sed",
    "set",
    "tar",
    "tee",
    "touch",
    "true",
    "useradd",
    "usermod",
    "wget",
    "which",
];

/// What takes all of them away.
const ALL: [&str; 4] = ["/var/lib/apt/lists", "/var/lib/apt/lists/", "/var/lib/apt/lists/*", "/var/lib/apt/*"];

impl Lists {
    /// One text of a RUN. `commands`: the places of each command's words.
    pub fn run(&mut self, text: &str, commands: &[Vec<(usize, usize)>]) -> Vec<(Does, (usize, usize))> {
        let mut found = Vec::new();
        // What is mounted there, and what runs only sometimes.
        if ["--mount", "||", "if ", "for ", "while ", "<<", "case "].iter().any(|word| text.contains(word)) {
            *self = Self::Perhaps;
            return found;
        }
        for command in commands {
            let word = |place: &(usize, usize)| &text[place.0..place.1];
            let assigned =
                |place: &&(usize, usize)| word(place).contains('=') || ["sudo", "env"].contains(&word(place));
            let words = &command[command.iter().take_while(assigned).count()..];
            let Some((first, rest)) = words.split_first() else { continue };
            let program = word(first).rsplit('/').next().unwrap_or_default();
            let is_apt = ["apt-get", "apt"].contains(&program);
            let verb = rest.iter().find(|place| !word(place).starts_with('-') && !word(place).contains(['=', ':']));
            match verb.map_or("", word) {
                // Options of other directories, other commands that fetch.
                _ if is_apt && text.contains("Dir::") => *self = Self::Perhaps,
                "install" if is_apt => {
                    let names: Vec<&str> =
                        rest.iter().map(word).filter(|name| !name.starts_with('-')).skip(1).collect();
                    let plain =
                        |name: &&str| name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.ends_with(".deb");
                    let certain = !names.is_empty() && names.iter().all(plain) && !text.contains('`');
                    let does = match self {
                        Self::OfTheBase => Some(Does::NoLists),
                        Self::Removed => Some(Does::ListsRemoved),
                        Self::Perhaps => None,
                    };
                    found.extend(does.filter(|_| certain).zip(verb).map(|(does, verb)| (does, (first.0, verb.1))));
                }
                "remove" | "purge" | "autoremove" | "clean" | "autoclean" if is_apt => {}
                _ if is_apt => *self = Self::Perhaps,
                _ if program == "rm" && rest.iter().any(|place| ALL.contains(&word(place))) => *self = Self::Removed,
                _ if QUIET.contains(&program) => {}
                _ => *self = Self::Perhaps,
            }
        }
        found
    }

    /// COPY or ADD, which may bring some.
    pub fn copied(&mut self, text: &str) {
        let target = text.trim().trim_end_matches(']').split([' ', ',']).next_back().unwrap_or_default();
        if target.trim_matches('"') == "/" || text.contains("/var/lib") {
            *self = Self::Perhaps;
        }
    }
}

//! Why gdoctor only shows a fix: what is the reader's to decide, what no undo gives back, and what cannot work on this host.

use std::path::Path;

use gdoctor_checks::model::facts::docker::Config;
use gdoctor_checks::model::fix::Risk;
use gdoctor_checks::model::looks::segments;

use super::packages::installs;
use super::plan::Action;
use crate::host::process::Program;
use crate::host::shell::Sudo;
use crate::host::{Host, state};
use crate::probe::docker::{command, daemon_json};
use crate::report::{FixWords, Gate, ROOT_FOR_ALL};

/// None: gdoctor does it, as far as that is seen without its edits.
pub fn of(fix: &FixWords, actions: &[Action], writes: &[String], sudo: Sudo) -> Option<String> {
    let says = |risk: Risk| fix.risks.contains(&risk.words());
    let lines = || fix.commands.iter().map(String::as_str);
    let told = |why: &str| Some(why.to_owned());
    if fix.changes_line {
        return told("it changes your command, not this host");
    }
    if fix.commands.is_empty() {
        return told("no command does it here");
    }
    if says(Risk::Looks) {
        return told("its commands only look: what has to be done is for you to decide");
    }
    if says(Risk::Destructive) {
        return told("it deletes data");
    }
    if says(Risk::Reboot) || lines().any(|line| line.ends_with("reboot")) {
        return told("the machine has to restart for it");
    }
    if lines().next().is_some_and(is_for_the_users_shell) {
        return told("it changes the shell that it is typed into");
    }
    if !fix.opens.is_empty() {
        return Some(opens(&fix.opens));
    }
    if let Some(program) = lacking_of(actions) {
        return Some(format!("{program} is not on this host"));
    }
    let touches = fix.touches.as_ref();
    if touches.is_none_or(|touches| touches.edits.is_empty()) && lines().any(opens_an_editor) {
        return told("a file has to be edited by hand, and what is right there is for you to say");
    }
    if touches.is_none_or(|touches| !touches.packages) && lines().any(installs) {
        return told("it installs packages, and what else they change here is not known beforehand");
    }
    if touches.is_none() {
        return told("not all that it changes is known beforehand");
    }
    if fix.needs_root && sudo == Sudo::Missing {
        return told("it needs root, and there is no sudo here: run gdoctor as root");
    }
    if let Some(file) = lines().filter_map(copied).find(|file| !state::is_there(Path::new(file))) {
        return Some(format!("there is no {file} in this folder: bring it here first"));
    }
    writes.iter().find_map(|path| state::unwritable(Path::new(path)).map(|why| format!("{path} {why}")))
}

/// An edit by which daemon.json comes to name addresses of TCP that everybody may use: of those that it had the facts tell.
pub fn of_new_hosts(before: &str, after: &str) -> Result<(), String> {
    let open = |text: &str| match daemon_json::parse(text, 0, &serde_json::Map::new()) {
        Config::Read { settings, .. } => settings.open_hosts().map(str::to_owned).collect(),
        Config::Malformed { .. } => Vec::new(),
    };
    let known = open(before);
    let new: Vec<String> = open(after).into_iter().filter(|host| !known.contains(host)).collect();
    if new.is_empty() { Ok(()) } else { Err(opens(&new.join(", "))) }
}

/// A key that the edit brings into daemon.json and that dockerd's command has: dockerd refuses both together.
pub fn of_command(host: &Host, before: &str, after: &str) -> Result<(), String> {
    let keys = |text: &str| match daemon_json::parse(text, 0, &serde_json::Map::new()) {
        Config::Read { keys, .. } => keys,
        Config::Malformed { .. } => Vec::new(),
    };
    let known = keys(before);
    let written = command::written(host);
    let is_twice = |key: &String| key != "runtimes" && written.iter().any(|option| option.key == *key);
    match keys(after).into_iter().filter(|key| !known.contains(key)).find(is_twice) {
        Some(key) => {
            Err(format!("dockerd's command sets {key}, and dockerd refuses it in both places: change it there"))
        }
        None => Ok(()),
    }
}

fn opens(hosts: &str) -> String {
    format!(
        "Docker would listen at {} and ask nobody for a certificate (tlsverify): {ROOT_FOR_ALL}",
        Gate::default().text(hosts)
    )
}

/// A file that a package has brought: what is written there the package's next version takes back.
pub fn of_a_package(path: &str) -> Option<String> {
    let is_theirs = ["/usr/lib/", "/lib/", "/usr/share/"].iter().any(|folder| path.starts_with(folder));
    is_theirs.then(|| {
        format!("{path} is a package's own file, which its next version replaces: settings of yours go into a drop-in")
    })
}

pub fn opens_an_editor(line: &str) -> bool {
    line.contains("sudoedit ") || line.contains("${EDITOR") || line.contains("systemctl edit")
}

/// What changes a file in place: gdoctor's own edit of it keeps comments and order, and is shown before.
pub fn is_left_to_edits(line: &str) -> bool {
    let is_script = line.starts_with("python3 -c ") && line.contains("json.dump(");
    let is_tool = line.contains("nvidia-ctk config ") && line.contains("--in-place");
    opens_an_editor(line) || line.contains("sed -i ") || is_script || is_tool
}

/// What a child of gdoctor cannot do for it, and what asks the user something.
pub fn is_for_the_users_shell(line: &str) -> bool {
    const OWN: [&str; 7] = ["export", "unset", "newgrp", "cd", "hash", "docker login", "docker logout"];
    // A line that only says what to do is the reader's.
    line.starts_with("# ")
        || OWN.iter().any(|word| line.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
}

/// The file of the user's own folder that a line copies: `sudo cp ca.crt /etc/…`.
fn copied(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().filter(|word| *word != "sudo");
    let is_own = |file: &&str| !file.starts_with(['/', '-', '~', '"', '\'', '$']);
    (words.next() == Some("cp")).then(|| words.next()).flatten().filter(is_own)
}

/// A program that is not there, of the actions before packages are brought: those may bring it.
fn lacking_of(actions: &[Action]) -> Option<String> {
    let brings = |action: &&Action| matches!(action, Action::Run { command, .. } if installs(command));
    let first = actions.iter().position(|action| brings(&action)).map_or(actions.len(), |at| at + 1);
    let lines = actions[..first].iter().filter_map(|action| match action {
        Action::Run { command, .. } => Some(sure_parts(command)),
        Action::Edit { .. } => None,
    });
    lines.flatten().find_map(|segment| lacking(&segment))
}

/// The commands of a line that are started whatever the others say, without what is quoted.
fn sure_parts(line: &str) -> Vec<String> {
    let depends = ["||", "if ", "case ", "while ", "for ", "command -v ", "[ "].iter().any(|word| line.contains(word));
    let parts = segments(line);
    if depends { parts.into_iter().take(1).collect() } else { parts }
}

/// The program of a simple command that is not there.
fn lacking(command: &str) -> Option<String> {
    // Q stands for what is quoted.
    const OF_THE_SHELL: [&str; 27] = [
        ".", ":", "Q", "[", "case", "cd", "command", "do", "done", "echo", "else", "eval", "exec", "export", "false",
        "fi", "for", "hash", "if", "printf", "set", "test", "then", "true", "type", "unset", "while",
    ];
    let word = command.split_whitespace().find(|word| *word != "sudo" && !word.starts_with('-'))?;
    let plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./[:".contains(letter));
    if !plain || OF_THE_SHELL.contains(&word) {
        return None;
    }
    let found = if word.starts_with('/') { Program::at(word) } else { Program::named(word) };
    found.is_err().then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let run = |line: &str| Action::Run { command: line.into(), as_user: "root".into(), differences: Vec::new() };
        let lacking = |lines: &[&str]| lacking_of(&lines.iter().map(|line| run(line)).collect::<Vec<_>>());
        assert_eq!(lacking(&["sudo nvidia-none runtime configure", "sudo sh -c x"]).as_deref(), Some("nvidia-none"));
        assert_eq!(lacking(&["echo 'a none-x' | sudo none-y /z"]).as_deref(), Some("none-y"));
        assert_eq!(lacking(&["[ -e /x ] || sudo none-z", "command -v none-z && none-z", "'none-z' x"]), None);
        assert_eq!(lacking(&["echo a | sudo tee /x", "sudo apt-get install -y x", "x --version"]), None);
    }

    #[test]
    fn hosts_for_everybody_are_not_brought_by_an_edit() {
        let is_refused = |before: &str, after: &str| of_new_hosts(before, after).is_err();
        let hosts = |value: &str, rest: &str| format!("{{\"hosts\": {value}{rest}}}");
        let tcp = "[\"fd://\", \"tcp://127.0.0.1:2375\"]";
        assert!(is_refused(&hosts(tcp, ","), &hosts(tcp, "")));
        assert!(is_refused(&hosts("\":2375\"", ""), &hosts("[\":2375\"]", "")));
        assert!(!is_refused(&hosts(tcp, ","), &hosts(tcp, ", \"tlsverify\": true")));
        assert!(!is_refused(&hosts(tcp, ", \"debug\": \"true\""), &hosts(tcp, ", \"debug\": true")));
        assert!(!is_refused(&hosts("[\"fd://\"]", ","), &hosts("[\"fd://\"]", "")));
    }

    #[test]
    fn editors_and_shells_are_told() {
        assert!(opens_an_editor("\"${EDITOR:-vi}\" ~/.config/docker/daemon.json"));
        assert!(opens_an_editor("sudoedit /etc/docker/daemon.json"));
        assert!(is_left_to_edits("sudo sed -i 's/a/b/' /etc/x") && !is_left_to_edits("sed -n 1p /etc/x"));
        assert!(is_for_the_users_shell("newgrp docker") && !is_for_the_users_shell("exportfs -a"));
        assert_eq!(copied("sudo cp ca.crt /etc/docker/certs.d/r/ca.crt"), Some("ca.crt"));
        assert_eq!((copied("sudo cp /tmp/a /b"), copied("sudo mv a b")), (None, None));
        assert!(of_a_package("/lib/systemd/system/docker.service").is_some() && of_a_package("/etc/x").is_none());
    }
}

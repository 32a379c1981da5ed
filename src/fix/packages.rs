//! What a package manager would do, by its own simulation: a fix that installs is done only where it brings packages alone, so that
//! taking just these away again is all of its undo. Today apt's is known; other managers' lines are shown.

use std::time::Duration;

use crate::host::Deadline;
use crate::host::process::End;
use crate::host::shell;

/// As long as apt may think about it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Nothing of the simulation is left in apt's caches.
const QUIETLY: &str =
    "-s -q -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Get::Show-User-Simulation-Note=false";

/// The line brings packages, or changes them.
pub fn installs(line: &str) -> bool {
    const MANAGERS: [&str; 7] = ["apt-get", "dnf", "zypper", "pacman", "apk", "rpm-ostree", "transactional-update"];
    line.split_whitespace().any(|word| MANAGERS.contains(&word))
}

/// The packages that these lines would bring, in apt's order. Err: why gdoctor leaves that to the reader.
pub fn brought(lines: &[String]) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for line in lines.iter().filter(|line| installs(line)) {
        // Lists of packages alone are read anew.
        if line.ends_with("apt-get update") {
            continue;
        }
        let names = asked(line).ok_or("what it would install is not known beforehand")?;
        for name in new_ones(&simulated("install", names)?)? {
            if !all.contains(&name) {
                all.push(name);
            }
        }
    }
    match in_state(&all, "rc").first() {
        Some(name) => Err(format!("settings of an earlier {name} are here, which taking it away again would lose")),
        None => Ok(all),
    }
}

/// What apt would do, in its own words.
fn simulated(verb: &str, names: &str) -> Result<String, String> {
    let said = shell::run(&format!("apt-get {QUIETLY} {verb} {names}"), Deadline::after(PATIENCE));
    if said.end == End::Exited(0) {
        return Ok(said.text);
    }
    let why = said.text.lines().find_map(|line| line.strip_prefix("E: ")).unwrap_or("it does not say why");
    Err(format!("apt cannot {verb} it now: {}", why.trim_end_matches('.')))
}

/// Those of which dpkg says this: `ii` is installed, `rc` removed with its settings left.
fn in_state(packages: &[String], state: &str) -> Vec<String> {
    if packages.is_empty() {
        return Vec::new();
    }
    let line = format!("dpkg-query -W -f '${{db:Status-Abbrev}} ${{Package}}\\n' {}", packages.join(" "));
    let said = shell::run(&line, Deadline::after(PATIENCE));
    let name = |line: &str| Some(line.strip_prefix(state)?.trim().to_owned());
    said.text.lines().filter_map(name).collect()
}

/// The lines that take away again those that are still there: with the settings that they brought, but for those whose own script
/// would delete data then. Err: something else needs them by now, and they stay.
pub fn taken_away(packages: &[String]) -> Result<Vec<String>, String> {
    let here = in_state(packages, "ii");
    if here.is_empty() {
        return Ok(Vec::new());
    }
    let said = simulated("remove", &here.join(" "))?;
    let removed = said.lines().filter_map(|line| line.strip_prefix("Remv ")?.split_whitespace().next());
    let others: Vec<&str> = removed.filter(|name| !here.iter().any(|own| own == name)).collect();
    if !others.is_empty() {
        return Err(format!("{} stay: {} would be removed with them", here.join(", "), others.join(", ")));
    }
    let (keep, purge): (Vec<&String>, Vec<&String>) = here.iter().partition(|name| deletes_data(name));
    let line = |verb: &str, names: Vec<&String>| {
        let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        let line = format!("sudo env DEBIAN_FRONTEND=noninteractive apt-get {verb} -y {}", names.join(" "));
        (!names.is_empty()).then_some(line)
    };
    Ok([line("purge", purge), line("remove", keep)].into_iter().flatten().collect())
}

/// By its script of dpkg's for the time after its removal, as far as its words tell.
fn deletes_data(name: &str) -> bool {
    let line = format!("cat \"$(dpkg-query --control-path {name} postrm)\"");
    let said = shell::run(&line, Deadline::after(PATIENCE));
    said.end == End::Exited(0) && ["/var/", "rm -r", "rm -fr"].iter().any(|word| said.text.contains(word))
}

/// The names behind `apt-get install -y`, where nothing but plain names stands there.
fn asked(line: &str) -> Option<&str> {
    let names = line.split_once("apt-get install -y ")?.1;
    let names = names.split(['&', '|', ';']).next()?.trim();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || " -+.:".contains(letter);
    (!names.is_empty() && names.chars().all(is_plain) && !names.split(' ').any(|word| word.starts_with('-')))
        .then_some(names)
}

/// Of apt's simulation: `Inst NAME (…)` is new, `Inst NAME [OLD] (…)` changes what is there, `Remv NAME` takes it away.
fn new_ones(said: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for line in said.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("Remv"), Some(name), _) => {
                return Err(format!("it would remove the package {name}, which no undo gives back as it was"));
            }
            (Some("Inst"), Some(name), Some(next)) if next.starts_with('[') => {
                return Err(format!(
                    "it would change the installed package {name}, which no undo gives back as it was"
                ));
            }
            (Some("Inst"), Some(name), _) => names.push(name.to_owned()),
            _ => {}
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulation_is_read() {
        let said = "Reading package lists...\nThe following NEW packages will be installed:\n  a b\n\
                    Inst a (1.0-1 Debian:12/stable [all])\nInst b (2 lab [amd64])\nConf a (1.0-1 Debian [all])\n";
        assert_eq!(new_ones(said).unwrap(), ["a", "b"]);
        assert!(new_ones("Inst c [1.0] (1.1 Debian [all])\n").unwrap_err().contains("package c"));
        assert!(new_ones("Inst a (1 x)\nRemv d [2]\n").unwrap_err().contains("package d"));
    }

    #[test]
    fn names_are_those_that_are_asked() {
        assert_eq!(asked("sudo apt-get install -y a b"), Some("a b"));
        assert_eq!(asked("sudo apt-get install -y a && sudo a || sudo mount b"), Some("a"));
        for line in [
            "sudo apt-get install -y \"a-$(uname -r)\"",
            "sudo apt-get install -y --only-upgrade a",
            "sudo dnf install -y a",
        ] {
            assert_eq!(asked(line), None, "{line}");
        }
    }
}

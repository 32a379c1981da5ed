//! A fix's commands as this kind of host needs them, where every fix changes in the same way: a system whose `/usr` is part of an
//! image gets packages as a layer, a rootless engine is a service of its user's, NixOS is configured, a system without systemd has
//! services of another kind, and an older engine lacks what newer ones have.

use gdoctor_checks::model::fix::{Commands, Risk, Step};
use gdoctor_checks::model::looks::only_looks;

/// What the commands become. `Err` is a note in their place: no command does the same there.
pub fn commands(tags: &[String], commands: Vec<String>) -> Result<Vec<String>, &'static str> {
    if commands.is_empty() {
        return Ok(commands);
    }
    let is = |tag: &str| tags.iter().any(|known| known == tag);
    let commands = match is("rootless") {
        true => {
            let own = commands.into_iter().map(|command| of_user(places(tags, command)));
            own.collect::<Option<_>>().ok_or(ROOTLESS)?
        }
        false => commands,
    };
    let commands: Vec<String> = match is("before-23") {
        true => commands.into_iter().filter(|command| !command.contains(VALIDATE)).collect(),
        false => commands,
    };
    let commands = match is("no-systemd") {
        true => without_systemd(commands).ok_or(NO_SYSTEMD)?,
        false => commands,
    };
    let made =
        |command: &String| ["/etc/docker/daemon.json", "runtime configure"].iter().any(|word| command.contains(word));
    if is("nixos") && commands.iter().any(made) {
        return Err(if is("rootless") { NIXOS_ROOTLESS } else { NIXOS });
    }
    let of_units = |command: &String| NIXOS_UNIT_WRITERS.iter().any(|words| command.contains(words));
    if is("nixos") && commands.iter().any(of_units) {
        return Err(NIXOS_UNITS);
    }
    let commands = if is("nixos") { commands.into_iter().map(of_nixos).collect() } else { commands };
    let commands = if is("ostree") { commands.into_iter().flat_map(with_group).collect() } else { commands };
    let (install, note) = if is("ostree") {
        (("sudo dnf install -y ", "sudo rpm-ostree install --idempotent "), OSTREE)
    } else if is("transactional") {
        (("sudo zypper install -y ", "sudo transactional-update --non-interactive pkg install "), TRANSACTIONAL)
    } else if is("steamos") {
        (("", ""), STEAMOS)
    } else {
        return Ok(commands);
    };
    let changed: Option<Vec<String>> = commands.iter().map(|command| layered(command, install)).collect();
    let changed = changed.ok_or(note)?;
    let last = changed.iter().rposition(|command| !commands.contains(command));
    let mut told = Vec::new();
    for (at, command) in changed.iter().enumerate() {
        // What was layered is there after the restart only; a package from an address brings the repository of the next ones.
        let is_layer = !commands.contains(command);
        let brings = Some(at) == last || is_layer && command.contains("https://");
        told.push(command.clone());
        let next = changed.get(at + 1);
        if brings && next.is_none_or(|next| next != RESTART) {
            told.push(RESTART.into());
            told.extend(next.map(|_| AFTERWARDS.to_owned()));
        }
    }
    Ok(told)
}

/// A text with the places of the engine that the user's client asks: a rootless one has its settings in its user's folder.
pub fn places(tags: &[String], text: String) -> String {
    match tags.iter().any(|tag| tag == "rootless") {
        true => text.replace(DAEMON_JSON, DAEMON_JSON_OF_USER).replace(BY_SUDO, ""),
        false => text,
    }
}

const DAEMON_JSON: &str = "/etc/docker/daemon.json";
const DAEMON_JSON_OF_USER: &str = "~/.config/docker/daemon.json";
/// sudo edits no file in a folder of the user's.
const BY_SUDO: &str = " with sudoedit";

/// What stands in the place of commands that a fix has for other systems only.
pub fn none_here(tags: &[String], fences: &[Commands]) -> &'static str {
    let is = |tag: &str| tags.iter().any(|known| known == tag);
    let all_ask = |tag: &str| fences.iter().all(|fence| fence.tags.contains(&tag));
    match () {
        () if all_ask("wsl") => "This is done in WSL, and only there.",
        () if all_ask("jetson") => "This is done on a Jetson, and only there.",
        () if all_ask("systemd") && is("no-systemd") => NO_SYSTEMD,
        () if all_ask("rootful") && is("rootless") => {
            "A rootless engine has no such setting; the system's own engine has."
        }
        () => {
            "gdoctor has no commands for this system: do what the title says with the system's own tools; the page tells \
             what is needed."
        }
    }
}

pub const STEP_MISSING: &str = "A step is missing after these commands: gdoctor has none for this system's own tools. Do what the title \
    says by the page.";

/// The sentences that hold on this kind of host: none tells of systemd where there is none.
pub fn notes(tags: &[String], notes: Vec<String>) -> Vec<String> {
    let without = tags.iter().any(|tag| tag == "no-systemd");
    let notes = notes.into_iter().filter(|note| !without || !OF_SYSTEMD.iter().any(|words| note.contains(words)));
    notes.map(|note| places(tags, note)).collect()
}

/// What follows a fix's commands, each line as this kind of host needs it; none that does something else there.
pub fn steps(tags: &[String], steps: Vec<Step<String>>) -> Vec<Step<String>> {
    let fitting = steps.into_iter().map(|step| {
        let fitting = commands(tags, vec![step.text().to_owned()]).ok()?;
        Some(match step {
            Step::Command(_) => fitting.into_iter().map(Step::Command).collect(),
            Step::Sentence(text) => vec![Step::Sentence(places(tags, text))],
        })
    });
    fitting.flatten().flatten().collect()
}

/// The fix's risks, as these commands have them.
pub fn risks(said: &[Risk], tags: &[String], commands: &[String]) -> Vec<Risk> {
    let rootless = tags.iter().any(|tag| tag == "rootless") && !commands.is_empty();
    let own = rootless && !commands.iter().any(|command| command.contains("sudo "));
    let mut risks: Vec<Risk> = said.iter().copied().filter(|risk| !own || *risk != Risk::NeedsRoot).collect();
    let mut add = |risk: Risk, holds: bool| {
        if holds && !risks.contains(&risk) {
            risks.retain(|risk| *risk != Risk::Safe);
            risks.push(risk);
        }
    };
    add(Risk::Reboot, commands.iter().any(|command| command == RESTART));
    // Of a snap's engine nothing less is made to read its configuration again.
    add(Risk::RestartsDocker, commands.iter().any(|command| command.contains("snap restart docker")));
    // A fix whose commands do something elsewhere may only look here.
    let only_looks = |command: &String| only_looks(command) && !command.starts_with('#');
    if !commands.is_empty() && commands.iter().all(only_looks) && !risks.contains(&Risk::Looks) {
        risks.retain(|risk| [Risk::NeedsRoot, Risk::Reboot].contains(risk));
        risks.retain(|risk| *risk != Risk::NeedsRoot || commands.iter().any(|command| command.contains("sudo ")));
        risks.push(Risk::Looks);
    }
    // Of a site's own fix nobody may have said any.
    if risks.is_empty() && !said.is_empty() { vec![Risk::Safe] } else { risks }
}

/// NixOS has a service that writes the spec for the driver of its configuration (nixpkgs, nvidia-container-toolkit).
fn of_nixos(command: String) -> String {
    match command.starts_with("sudo nvidia-ctk cdi generate") {
        true => "sudo systemctl restart nvidia-container-toolkit-cdi-generator.service".into(),
        false => command,
    }
}

/// Groups of the image are in /usr/lib/group, where usermod neither looks nor writes; it says nothing of it.
fn with_group(command: String) -> Vec<String> {
    let group = command.strip_prefix("sudo usermod -aG ").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    let copied = group.map(|group| {
        format!("grep -q '^{group}:' /etc/group || grep '^{group}:' /usr/lib/group | sudo tee -a /etc/group")
    });
    copied.into_iter().chain([command]).collect()
}

/// The rootless engine's service for the system's: systemctl --user knows docker.service and no socket unit.
fn of_user(command: String) -> Option<String> {
    let words: Vec<&str> = command.split(' ').collect();
    let of_docker = |word: &&str| ["docker", "docker.service", "docker.socket"].contains(word);
    let plain = words.strip_prefix(&["sudo"]).unwrap_or(&words);
    match plain {
        ["systemctl", rest @ ..] if rest.iter().any(of_docker) && !rest.contains(&"--user") => {
            let rest: Vec<&str> = rest.iter().copied().filter(|word| *word != "docker.socket").collect();
            Some(format!("systemctl --user {}", rest.join(" ")))
        }
        ["service", "docker", "restart"] => Some(AGAIN.into()),
        ["service", "docker", ..] => None,
        ["sudoedit", file] if file.contains(OF_THE_USER) => Some(format!("${{EDITOR:-vi}} {file}")),
        ["dockerd", ..] => Some(plain.join(" ")),
        _ => Some(command),
    }
}

/// Services by the command that systems without systemd have for them. What only systemd does is left out where nothing is lost by
/// that; `None` where the fix is of systemd.
fn without_systemd(commands: Vec<String>) -> Option<Vec<String>> {
    let mut fitting: Vec<String> = Vec::new();
    // `sudo rm FILE && sudo service docker restart`
    let parts =
        |command: String| match command.strip_suffix(RESTART_BY_SCRIPT).and_then(|rest| rest.strip_suffix(" && ")) {
            Some(first) => vec![first.to_owned(), RESTART_BY_SCRIPT.to_owned()],
            None => vec![command],
        };
    for command in commands.into_iter().flat_map(parts) {
        let words: Vec<&str> = command.split(' ').collect();
        let plain = words.strip_prefix(&["sudo"]).unwrap_or(&words);
        let of_docker =
            |word: &&str| ["docker", "docker.service", "docker.socket", "containerd", "--now"].contains(word);
        let service = match plain {
            ["systemctl", "daemon-reload" | "reset-failed", ..] => continue,
            ["systemctl", "--user", "start" | "restart", rest @ ..] if rest.iter().all(of_docker) => AGAIN.to_owned(),
            ["systemctl", verb, rest @ ..] if !rest.is_empty() && rest.iter().all(of_docker) => match *verb {
                "start" => "sudo service docker start".to_owned(),
                "enable" if rest.contains(&"--now") => "sudo service docker start".to_owned(),
                "restart" => ANEW_BY_SCRIPT.to_owned(),
                "stop" => "sudo service docker stop".to_owned(),
                _ => return None,
            },
            _ if command == RESTART_BY_SCRIPT => ANEW_BY_SCRIPT.to_owned(),
            // Where it has no script of its own dockerd starts it.
            ["service", "containerd", "restart"] => format!("[ ! -e /etc/init.d/containerd ] || {command}"),
            _ if OF_SYSTEMD.iter().any(|words| command.contains(words)) => return None,
            _ => command.clone(),
        };
        if fitting.last() != Some(&service) {
            fitting.push(service);
        }
    }
    (!fitting.is_empty()).then_some(fitting)
}

/// Programs and files of systemd.
const OF_SYSTEMD: [&str; 7] =
    ["systemctl", "journalctl", "loginctl", "/systemd/", "timedatectl", "systemd-run", "ExecStart="];
const NO_SYSTEMD: &str = "The commands for this are systemd's, which does not run on this system: do it where the service is started \
    here (/etc/init.d, /etc/conf.d, /etc/default), then restart the service.";
const RESTART_BY_SCRIPT: &str = "sudo service docker restart";
/// Debian's script, and Docker's own, restart nothing that was stopped in good order: they end with 1, without a word.
pub const ANEW_BY_SCRIPT: &str = "sudo service docker restart || sudo service docker start";
/// In a home folder, where a rootless engine's settings lie.
const OF_THE_USER: &str = "/.config/";
const AGAIN: &str = "# end dockerd-rootless.sh, and start it again";
/// dockerd knows it from 23.0 on.
const VALIDATE: &str = "dockerd --validate";
const ROOTLESS: &str = "Without systemd a rootless engine is started by its user: `dockerd-rootless.sh`.";
const RESTART: &str = "sudo reboot";
const AFTERWARDS: &str = "# after the restart:";
const NIXOS: &str = "NixOS makes dockerd's daemon.json from its configuration: set virtualisation.docker.daemon.settings (for GPUs \
    hardware.nvidia-container-toolkit.enable), then run `sudo nixos-rebuild switch`.";
const NIXOS_ROOTLESS: &str = "NixOS makes this daemon.json from its configuration: set virtualisation.docker.rootless.daemon.settings \
    (for GPUs features.cdi = true), then run `sudo nixos-rebuild switch`.";
/// /etc/systemd leads into the store there, where nobody writes.
const NIXOS_UNIT_WRITERS: [&str; 4] = ["/etc/systemd/", "systemctl edit", "systemctl enable", "systemctl mask"];
const NIXOS_UNITS: &str = "NixOS makes its units from its configuration: set it there (systemd.services.NAME, or the module's own option), \
    then run `sudo nixos-rebuild switch`.";
const OSTREE: &str =
    "The root of this system is an image (ostree): put it into the image or layer it with rpm-ostree, then restart.";
const TRANSACTIONAL: &str = "The root of this system is an image: change it with transactional-update, then restart.";
const STEAMOS: &str =
    "The root of this system is an image that Valve replaces: packages do not last. Use a system with its own root.";

/// None: it changes `/usr` in another way than by installing packages.
fn layered(command: &str, (install, layer): (&str, &str)) -> Option<String> {
    const WRITERS: [&str; 9] = ["dnf ", "yum ", "zypper ", "pacman ", "apt-get ", "dracut", "akmods", "dkms ", "rpm -"];
    match command.strip_prefix(install).filter(|_| !install.is_empty()) {
        Some(packages) => Some(format!("{layer}{packages}")),
        None if WRITERS.iter().any(|writer| command.contains(writer)) => None,
        None => Some(command.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tag: &str, given: &[&str]) -> Result<Vec<String>, &'static str> {
        commands(&[tag.to_owned()], given.iter().map(|command| (*command).to_owned()).collect())
    }

    #[test]
    fn packages_are_layered() {
        assert_eq!(
            told("ostree", &["sudo dnf install -y nvidia-container-toolkit", "sudo nvidia-ctk runtime configure"]),
            Ok(vec![
                "sudo rpm-ostree install --idempotent nvidia-container-toolkit".to_owned(),
                "sudo reboot".into(),
                AFTERWARDS.into(),
                "sudo nvidia-ctk runtime configure".into(),
            ])
        );
        let microos = told("transactional", &["sudo zypper install -y docker", "sudo reboot"]).unwrap();
        assert_eq!(microos, ["sudo transactional-update --non-interactive pkg install docker", "sudo reboot"]);
    }

    #[test]
    fn what_cannot_be_layered_is_not_printed() {
        for (tag, command) in [
            ("ostree", "sudo dracut --force"),
            ("ostree", "if rpm -q --quiet x; then sudo dnf install -y y; fi"),
            ("transactional", "sudo zypper refresh"),
            ("nixos", "sudo nvidia-ctk runtime configure --runtime=docker"),
            ("steamos", "sudo pacman -S --noconfirm nvidia-open"),
        ] {
            assert!(told(tag, &[command]).is_err(), "{command}");
        }
        assert_eq!(told("ostree", &["xhost +si:localuser:root"]), Ok(vec!["xhost +si:localuser:root".to_owned()]));
        let spec = told("nixos", &["sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"]).unwrap();
        assert_eq!(spec, ["sudo systemctl restart nvidia-container-toolkit-cdi-generator.service"]);
        let group = told("ostree", &["sudo usermod -aG docker me", "newgrp docker"]).unwrap();
        assert!(group[0].contains("/usr/lib/group") && group[1] == "sudo usermod -aG docker me", "{group:?}");
        assert_eq!(told("fedora", &["sudo dnf install -y x"]), Ok(vec!["sudo dnf install -y x".to_owned()]));
    }

    #[test]
    fn services_without_systemd_and_older_engines() {
        let told = |given: &[&str]| told("no-systemd", given);
        assert_eq!(
            told(&[
                "sudoedit x",
                "sudo systemctl daemon-reload",
                "sudo systemctl restart docker.socket docker.service"
            ]),
            Ok(vec!["sudoedit x".to_owned(), ANEW_BY_SCRIPT.into()])
        );
        let written = ["sudo rm /x && sudo service docker restart", "sudo service docker stop"];
        let fitting = ["sudo rm /x", ANEW_BY_SCRIPT, "sudo service docker stop"].map(str::to_owned);
        assert_eq!(told(&written), Ok(fitting.to_vec()));
        assert_eq!(told(&["sudo systemctl enable --now docker"]), Ok(vec!["sudo service docker start".to_owned()]));
        let containerd = told(&["sudo service containerd restart"]).unwrap();
        assert_eq!(containerd, ["[ ! -e /etc/init.d/containerd ] || sudo service containerd restart"]);
        assert_eq!(told(&["systemctl is-active docker"]), Err(NO_SYSTEMD));
        assert_eq!(told(&["sudo journalctl -u docker"]), Err(NO_SYSTEMD));
        let old =
            super::commands(&["before-23".into()], vec!["sudo dockerd --validate --config-file=x".into(), "ls".into()]);
        assert_eq!(old, Ok(vec!["ls".to_owned()]));
    }

    #[test]
    fn a_rootless_engine_is_its_users_service() {
        let user = told("rootless", &["sudo systemctl restart docker.socket docker.service", "docker info"]).unwrap();
        assert_eq!(user, ["systemctl --user restart docker.service", "docker info"]);
        let unit = told("rootless", &["sudo systemctl enable --now docker", "sudo systemctl restart x11"]).unwrap();
        assert_eq!(unit, ["systemctl --user enable --now docker", "sudo systemctl restart x11"]);
        assert_eq!(told("rootless", &["systemctl --user start docker"]).unwrap(), ["systemctl --user start docker"]);
        let settings = [
            "sudoedit /etc/docker/daemon.json",
            "sudo dockerd --validate --config-file=/home/a/.config/docker/daemon.json",
            "sudo service docker restart",
        ];
        let own = [
            "${EDITOR:-vi} ~/.config/docker/daemon.json",
            "dockerd --validate --config-file=/home/a/.config/docker/daemon.json",
            AGAIN,
        ];
        assert_eq!(told("rootless", &settings).unwrap(), own);
        assert_eq!(told("rootless", &["sudoedit /etc/sysctl.d/x.conf"]).unwrap(), ["sudoedit /etc/sysctl.d/x.conf"]);
        assert!(told("rootless", &["sudo service docker start"]).is_err());
    }
}

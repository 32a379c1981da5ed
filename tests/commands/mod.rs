//! What a fix's commands do, by their words: what stops something, what they install and write.

use gdoctor_checks::model::fix::Risk;
pub use gdoctor_checks::model::looks::only_looks;
use gdoctor_checks::model::looks::segments;

/// Names of Docker's own service.
const DOCKER: [&str; 5] = ["docker", "docker.service", "docker.socket", "docker-desktop", "docker.dockerd"];
/// What goes down with Docker's service where both are named.
const WITH_DOCKER: [&str; 2] = ["containerd", "containerd.service"];

/// What a line does to others; the fix has to say so.
pub fn effects(line: &str) -> Vec<Risk> {
    segments(line).iter().flat_map(|segment| of_segment(segment)).collect()
}

fn of_segment(segment: &str) -> Vec<Risk> {
    let words: Vec<&str> = segment.split_whitespace().filter(|word| *word != "sudo").collect();
    let service = |name: &&str| match DOCKER.contains(name) {
        true => Risk::RestartsDocker,
        false => Risk::InterruptsService,
    };
    let has = |wanted: &[&str]| words.windows(wanted.len()).any(|part| part == wanted);
    let mut found = Vec::new();
    match words.as_slice() {
        ["systemctl", rest @ ..] if rest.iter().any(|word| ["restart", "stop", "--now"].contains(word)) => {
            let starts = rest.contains(&"enable");
            let units =
                rest.iter().skip_while(|word| word.starts_with("--")).skip(1).filter(|word| !word.starts_with('-'));
            let units = units.filter(|unit| !starts && !WITH_DOCKER.contains(unit));
            found.extend(units.map(service));
        }
        ["service" | "rc-service", name, "restart" | "stop"] if !WITH_DOCKER.contains(name) => {
            found.push(service(name))
        }
        ["docker", "stop" | "restart" | "kill", ..] | ["docker", "rm", "-f", ..] => found.push(Risk::StopsContainer),
        ["docker", "desktop", "restart"] | ["snap", "restart" | "remove" | "refresh" | "revert", "docker", ..] => {
            found.push(Risk::RestartsDocker);
        }
        ["kill", signal, ..] if *signal != "-HUP" => found.push(Risk::EndsPrograms),
        ["wsl.exe", "--shutdown"] => found.push(Risk::EndsPrograms),
        ["newgrp", ..] | ["usermod", "-aG", ..] => found.push(Risk::LogInAgain),
        _ => {}
    }
    let deletes =
        [&["prune"][..], &["docker", "rmi"], &["truncate", "-s", "0"], &["garbage-collect"], &["snap", "remove"]];
    if deletes.iter().any(|wanted| has(wanted)) || segment.contains("--vacuum") {
        found.push(Risk::Destructive);
    }
    found
}

/// The line may let in somebody who was not: only what closes to all but owner and group is known to do no such thing.
pub fn widens(line: &str) -> bool {
    let of = |segment: &String| {
        let words: Vec<&str> = segment.split_whitespace().filter(|word| *word != "sudo").collect();
        match words.as_slice() {
            ["xhost", "-"] | ["chmod", "600" | "660", _] => false,
            ["xhost" | "chmod", ..] => true,
            _ => false,
        }
    };
    segments(line).iter().any(of)
}

/// Packages that a line installs, by their names, and files that it writes.
pub fn leaves_behind(line: &str) -> Vec<&str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let installs =
        ["sudo apt-get install ", "sudo dnf install ", "sudo zypper install ", "sudo pacman -S ", "sudo apk add "];
    let again = ["--reinstall", "--force", "-f", "--only-upgrade", "--allow-change-held-packages"];
    let mut left = Vec::new();
    if installs.iter().any(|begin| line.starts_with(begin)) && !words.iter().any(|word| again.contains(word)) {
        let first = line.split(['|', '&', ';']).next().unwrap_or_default();
        let packages =
            first.split_whitespace().skip(3).filter(|word| !word.starts_with('-') && !word.contains(['$', '%']));
        left.extend(packages);
    }
    let written = words.windows(2).filter_map(|pair| match pair {
        ["tee" | "-o", path] if path.starts_with('/') => Some(*path),
        ["-a", path] if line.contains("tee -a") && path.starts_with('/') => Some(*path),
        _ => None,
    });
    left.extend(written);
    left
}

/// How the line ends says whether the trouble of this check is there: before the fix it ends otherwise than after it.
pub fn tells_success(id: &str, line: &str) -> bool {
    // Where the engine cannot be reached, that is the trouble itself.
    let unreachable = ["docker-access", "docker-client", "docker-engine"].contains(&id);
    let asks = ["docker info", "docker version", "sudo docker version"].contains(&line);
    // A program that is not there, a service that does not run, an address at which nobody answers.
    const TELL: [&str; 13] = [
        "command -v ",
        "curl -fsS ",
        "docker buildx inspect ",
        "docker compose version",
        "docker run --rm hello-world",
        "gdoctor --only ",
        "getent hosts ",
        "nvidia-smi",
        "podman info",
        "systemctl is-active ",
        "systemctl is-enabled docker",
        "test ",
        "unshare --user true",
    ];
    let options = line.starts_with("nvidia-smi ");
    unreachable && asks || !options && TELL.iter().any(|begin| line.starts_with(begin))
}

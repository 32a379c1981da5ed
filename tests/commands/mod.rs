//! What a fix's commands do, by their words: what only looks, what stops something, what they install and write.

use gdoctor_checks::model::fix::Risk;

/// Commands that change nothing, by how they begin; an ellipsis stands for one word.
const LOOKS: &[&str] = &[
    "apt-cache",
    "awk",
    "cat",
    "command",
    "curl -sS",
    "cut",
    "date",
    "df",
    "dkms status",
    "dmesg",
    "docker --version",
    "docker context ls",
    "docker history",
    "docker image inspect",
    "docker images",
    "docker info",
    "docker inspect",
    "docker logs",
    "docker manifest inspect",
    "docker network ls",
    "docker node inspect",
    "docker ps",
    "docker run --help",
    "docker system df",
    "docker version",
    "docker volume ls",
    "dpkg -S",
    "dpkg -l",
    "du",
    "echo",
    "env",
    "find",
    "findmnt",
    "fuser",
    "gdoctor explain",
    "getent",
    "getfacl",
    "grep",
    "head",
    "ip",
    "iptables -L",
    "iptables -S",
    "nft -a list",
    "journalctl",
    "ldconfig -p",
    "ls",
    "lsof",
    "lspci",
    "lsusb",
    "mokutil --sb-state",
    "mokutil --test-key",
    "namei",
    "nvidia-ctk --version",
    "nvidia-ctk cdi list",
    "nvidia-smi",
    "openssl s_client",
    "openssl x509 -noout",
    "pgrep",
    "podman --version",
    "printenv",
    "ps",
    "python3 -m json.tool",
    "readlink",
    "rpicam-hello --list-cameras",
    "rpm -q",
    "rpm -qa",
    "rpm -qf",
    "snap logs",
    "sort",
    "ss",
    "stat",
    "sysctl net.",
    "systemctl --no-pager status",
    "systemctl --user --no-pager status",
    "systemctl cat",
    "systemctl is-active",
    "systemctl is-enabled",
    "systemctl show",
    "systemctl status",
    "tail",
    "uname",
    "uniq",
    "usbip list",
    "usbipd.exe list",
    "v4l2-ctl --list-devices",
    "v4l2-ctl -d … --list-formats-ext",
    "wsl.exe --list",
    "xfs_info",
];

/// Words that make a command of the list above change something.
const CHANGES: &[&str] = &["--gpu-reset", " -c DEFAULT", " -pm ", "-cgi", "--vacuum", " tee "];

/// The line changes nothing on any host.
pub fn only_looks(line: &str) -> bool {
    let padded = format!("{line} ");
    line.starts_with('#')
        || !CHANGES.iter().any(|word| padded.contains(word)) && segments(line).iter().all(|one| looks(one))
}

fn looks(segment: &str) -> bool {
    let words: Vec<&str> = segment.split_whitespace().skip_while(|word| *word == "sudo").collect();
    let fits = |known: &&str| {
        let known: Vec<&str> = known.split(' ').collect();
        let last = known.len() - 1;
        words.len() >= known.len()
            && known.iter().zip(&words).enumerate().all(|(at, (known, word))| {
                *known == "…" || known == word || at == last && known.ends_with('.') && word.starts_with(known)
            })
    };
    let sets = words.first() == Some(&"sysctl") && words.iter().any(|word| word.contains('='));
    words.is_empty() || !sets && LOOKS.iter().any(fits)
}

/// The commands of a line, without what is quoted.
fn segments(line: &str) -> Vec<String> {
    let line = line.replace("2>&1", "").replace("2>/dev/null", "");
    let mut bare = String::new();
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                bare.push('Q');
            }
            None => bare.push(c),
        }
    }
    bare.split(['|', ';', '&']).map(|one| one.trim().to_owned()).collect()
}

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

//! Commands that change nothing, by their words: how they end says what they saw, not whether they worked.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Commands that change nothing, by how they begin; an ellipsis stands for one word.
const LOOKS: &[&str] = &[
    "apt-cache",
    "awk",
    "cat",
    "command",
    "crictl images",
    "curl -sS",
    "cut",
    "date",
    "df",
    "dkms status",
    "dmesg",
    "docker --version",
    "docker compose config",
    "docker context ls",
    "docker history",
    "docker image inspect",
    "docker images",
    "docker info",
    "docker inspect",
    "docker logs",
    "docker manifest inspect",
    "docker network inspect",
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
    "file",
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
    "journalctl",
    "kubectl get",
    "ldconfig -p",
    "ls",
    "lsof",
    "kubectl describe",
    "kubectl get",
    "lspci",
    "lsusb",
    "mokutil --sb-state",
    "mokutil --test-key",
    "namei",
    "nft -a list",
    "nvidia-ctk --version",
    "nvidia-ctk cdi list",
    "nvidia-smi",
    "openssl s_client",
    "openssl x509 -noout",
    "pgrep",
    "podman ps",
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
    "systemctl --no-pager --all list-units",
    "systemctl --no-pager status",
    "systemctl --user --no-pager status",
    "systemctl cat",
    "systemctl is-active",
    "systemctl is-enabled",
    "systemctl show",
    "systemctl status",
    "tail",
    "type",
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
pub fn segments(line: &str) -> Vec<String> {
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
    bare.split(['|', ';', '&']).map(|one| String::from(one.trim())).collect()
}

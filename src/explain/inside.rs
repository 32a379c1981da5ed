//! Where a message was said: below the prompt of a container, what is wrong with its run line or its image is nearer than what is wrong
//! with the host.

use super::beside::is_of;
use super::commands::Command;

/// Causes that can be seen from inside.
const NEARER: [&str; 9] = [
    "run-line-gpu/not-asked",
    "run-line-camera/not-in-line",
    "run-line-display/no-display",
    "run-line-display/no-variable",
    "run-line-display/no-socket",
    "run-line-display/loopback",
    "at-run/dri-not-passed",
    "docker-engine/inside-container",
    "docker-engine/old-socket-inside",
];
/// What has to do with the host's own programs and sessions alone.
const OF_HOST: [&str; 11] = [
    "display-server",
    "display-drawing",
    "nvidia-driver",
    "nvidia-gpu",
    "docker-engine",
    "docker-endpoint",
    "docker-client",
    "camera-node/no-camera",
    "camera-node/only-others",
    "camera-node/wsl-not-attached",
    "dockerfile-build",
];

/// True where a container's prompt stands above a message and the code's cause is one of the container, false where it is the host's.
pub fn shows(code: &str, commands: &[Command], line: u32) -> Option<bool> {
    let above = commands.iter().rfind(|command| command.line < line).filter(|command| command.inside)?;
    // What `docker exec` says of the engine is said on the host.
    if code.starts_with("docker-") && enters(&above.text) {
        return None;
    }
    let one_of = |names: &[&str]| names.iter().any(|name| is_of(code, name));
    if one_of(&NEARER) {
        return Some(true);
    }
    one_of(&OF_HOST).then_some(false)
}

/// `root@5d1c09ab77fe:/app# `: a host that nobody has named, as docker and podman call their containers.
pub fn is_prompt(line: &str) -> bool {
    let Some((user, rest)) = line.trim_start().trim_start_matches('[').split_once('@') else { return false };
    let name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let host = rest.split([':', ' ']).next().unwrap_or("");
    !user.is_empty()
        && user.chars().all(name)
        && host.len() == 12
        && host.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// `docker exec web nvidia-smi`: what is printed below comes from inside.
pub fn enters(command: &str) -> bool {
    let mut words = command.split_whitespace();
    let engine = words.next().is_some_and(|word| ["docker", "podman", "nerdctl"].contains(&word));
    engine && words.find(|word| !["compose", "container"].contains(word)) == Some("exec")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_told_by_their_prompts() {
        for line in ["root@5d1c09ab77fe:/app# ls", "[ros@76323bdb623b ~]$ rviz", "me@c12f00aa9b1e:/$ x"] {
            assert!(is_prompt(line), "{line}");
        }
        for line in ["root@node-17:/# ls", "me@workstation:~$ x", "mail me@example.org", "root@feedfacecafeee:/#"] {
            assert!(!is_prompt(line), "{line}");
        }
        assert!(enters("docker exec -it web bash") && enters("docker compose exec web bash"));
        assert!(!enters("docker run exec"));
    }
}

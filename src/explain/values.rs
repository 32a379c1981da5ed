//! What a text names of what a cause is about: commands have it in the place of a word in capitals.

use super::find::Found;
use super::rank::port_of;
use super::witnesses::camera_in;
use crate::report::Known;

/// Versions, names and conditions that programs give, by what stands before them.
const BEHIND: [(&str, &str, &str); 8] = [
    ("", "condition", "unsatisfied condition: "),
    ("", "library", "client has the version "),
    ("", "loaded", "kernel module has the version "),
    ("run-line-options", "name", "container name \"/"),
    ("run-line-podman", "name", "container name \""),
    ("dockerfile-base", "base", "manifest for "),
    ("run-line-image", "image", "manifest for "),
    ("run-line-image", "image", "pull access denied for "),
];

/// Checks whose image is that of the line, and whose user is whoever typed it, by how their names begin.
const OF_LINES: [&str; 2] = ["run-line", "nvidia-image"];
const OF_USERS: [&str; 5] = ["docker-access", "docker-rootless", "docker-engine", "run-line-podman", "camera-access"];

/// What a message names of what its cause is about.
pub fn named(found: &Found) -> Known {
    let id = found.entry.id;
    // What other checks call an image or a user is another container's.
    let of_line = [("image", &found.image, &OF_LINES[..]), ("user", &found.user, &OF_USERS[..])];
    let beside = of_line.into_iter().filter(|(_, _, ids)| ids.iter().any(|one| id.starts_with(one)));
    let beside = beside.filter_map(|(key, value, _)| Some((key, value.as_deref()?)));
    let known = beside.fold(Known::of(id), |known, (key, value)| known.with(key, value));
    let text = found.matched.as_str();
    match found.entry.check.map_or("", |check| check.family.name) {
        "camera" => match camera_in(text) {
            Some(path) => known.about(&path).with("path", &path),
            None => known,
        },
        "port" => match port_of(found) {
            Some(port) => known.about(&port).with("port", port.first).with("protocol", port.protocol),
            None => known,
        },
        "registry" => registry(known, text),
        _ if id == "docker-buildx" => registry(known, text),
        "docker" => {
            let said = known.with("reason", "what the message says");
            let said = user_in(text).into_iter().fold(said, |said, user| said.with("user", user));
            match socket_in(text) {
                Some(path) => said.with("address", format!("unix://{path}")).with("socket", path),
                None => said,
            }
        }
        "display" | "run" if display_in(text).is_some() => known.with("display", display_in(text).unwrap_or_default()),
        _ => {
            let is_of = |of: &&(&str, &str, &str)| of.0.is_empty() || of.0 == id;
            let said = BEHIND.iter().filter(is_of).filter_map(|(_, key, before)| Some((*key, value_in(text, before)?)));
            said.fold(known, |known, (key, value)| known.with(key, value))
        }
    }
}

/// The registry that a message asks, and the folder that docker reads for it.
fn registry(known: Known, text: &str) -> Known {
    let Some(address) = registry_in(text) else { return known };
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "443"));
    let dir = format!("/etc/docker/certs.d/{address}");
    known.about(address).with("host", host).with("port", port).with("dir", dir)
}

/// `registry:5000` of `https://registry:5000/v2/`.
fn registry_in(text: &str) -> Option<&str> {
    let starts = ["https://", "http://"].iter().filter_map(|scheme| text.split_once(scheme));
    let addresses = starts.filter_map(|(_, rest)| rest.split_once("/v2/").map(|(address, _)| address));
    let is_address = |address: &&str| {
        let name = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
        !address.is_empty() && address.chars().all(name)
    };
    addresses.into_iter().find(is_address)
}

/// `cuda>=12.8` behind some words.
fn value_in<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"<>=._-/:@".contains(c)).unwrap_or(rest.len());
    Some(rest[..end].trim_end_matches(['.', ':'])).filter(|value| !value.is_empty())
}

/// `hugo` of `for user 1003 ("hugo")`.
fn user_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("ranges found for user ")?;
    let name = rest.split_once("(\"")?.1.split('"').next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}

/// `/var/run/docker.sock` of a message that names it as an address.
fn socket_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("unix://").or_else(|| text.split_once("dial unix "))?;
    let end = rest.find(|c: char| c.is_whitespace() || ":\"',;)".contains(c)).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|path| path.starts_with('/') && path.ends_with(".sock"))
}

/// `:0`, `localhost:10.0` behind the word display.
fn display_in(text: &str) -> Option<&str> {
    let at = ["display: ", "display "].iter().find_map(|word| text.rfind(word).map(|at| at + word.len()))?;
    let value = text[at..].split_whitespace().next()?.trim_matches(['"', '\'', '.', ',', ';']);
    let (host, number) = value.rsplit_once(':')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_number = number.starts_with(|c: char| c.is_ascii_digit()) && number.len() < 6;
    (is_number && host.chars().all(plain)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_names_is_found() {
        assert_eq!(registry_in("Get \"https://10.1.2.3:5000/v2/\": EOF"), Some("10.1.2.3:5000"));
        assert_eq!(registry_in("Get \"https://example.org/api/v1\": EOF"), None);
        assert_eq!(display_in("qt.qpa.xcb: could not connect to display :1"), Some(":1"));
        assert_eq!(display_in("Error: Can't open display: localhost:10.0"), Some("localhost:10.0"));
        assert_eq!(display_in("Error: Can't open display: "), None);
        assert_eq!(user_in("No subuid ranges found for user 1003 (\"hugo\")"), Some("hugo"));
        assert_eq!(
            value_in("manifest for nvidia/cuda:11.0-base not found", "manifest for "),
            Some("nvidia/cuda:11.0-base")
        );
        assert_eq!(value_in("requires cuda>=12.8, please", "requires "), Some("cuda>=12.8"));
    }
}

//! Names that somebody gave a file, a container or a package: a word in one is no thing that a program speaks of:
//! `src/display/window.c`, `libcudnn8_8.9.7_amd64.deb`, `camera-service`.

use std::ops::Range;

/// What the paths of a registry begin with, and what else stands in them. Other servers have a `/api/v2/`.
const REGISTRY: &str = "v2";
/// What hosts are called after.
const PROGRAM: &str = "docker";
const IN_REGISTRY: [&str; 5] = ["manifests", "blobs", "tags", "_catalog", "referrers"];
/// Words for things that others are called after, too; and what libraries begin with.
const THINGS: [&str; 4] = ["camera", "cameras", "webcam", "display"];
const LIBRARIES: [&str; 2] = ["lib", "cudnn"];
/// Where devices and sockets lie, whose path is the thing itself.
const DEVICES: [&str; 4] = ["/dev/", "/tmp/.X11", "/tmp/argus", "/sys/"];
/// Files that are neither a library nor a device.
const ENDINGS: [&str; 38] = [
    ".deb", ".rpm", ".tgz", ".gz", ".xz", ".zst", ".bz2", ".zip", ".tar", ".whl", ".run", ".md", ".txt", ".yaml",
    ".yml", ".json", ".c", ".cpp", ".h", ".py", ".js", ".mp4", ".avi", ".mkv", ".bag", ".png", ".jpg", ".jpeg",
    ".launch", ".xml", ".cfg", ".ini", ".conf", ".toml", ".log", ".csv", ".onnx", ".jar",
];

/// True for a word of a line, by its bytes, that is only a part of a name.
pub fn is_part_of_one(line: &str, word: Range<usize>) -> bool {
    // No other word is like one of these.
    let begins = |name: &&str| line.as_bytes()[word.start].eq_ignore_ascii_case(&name.as_bytes()[0]);
    if !THINGS.iter().chain(&LIBRARIES).chain(&[REGISTRY, PROGRAM]).any(begins) {
        return false;
    }
    if &line[word.clone()] == REGISTRY {
        return !is_registry(line, &word);
    }
    // `host.docker.internal`: a machine's name speaks for no program.
    if &line[word.clone()] == PROGRAM && line[word.end..].starts_with(".internal") {
        return true;
    }
    let piece = line[word.clone()].trim_end_matches(|c: char| c.is_ascii_digit());
    let thing = THINGS.iter().any(|thing| piece.eq_ignore_ascii_case(thing));
    let library = LIBRARIES.iter().any(|begin| piece.get(..begin.len()).is_some_and(|b| b.eq_ignore_ascii_case(begin)));
    if !thing && !library {
        return false;
    }
    if library && is_in_command(line, &word) {
        return true;
    }
    let name = name(line, word.clone());
    // A logger's place is the program's own: `camera_manager.cpp:299`.
    let given = !library && !piece.eq_ignore_ascii_case("display") && is_joined(line, &word) && !name.contains(".cpp:");
    given || is_file(name, library)
}

/// True for the `v2` of `https://HOST/v2/`, of `/v2/NAME/manifests/latest` and of a text; false for that of `/api/v2/users` and of
/// `mapreduce.v2.app`.
fn is_registry(line: &str, word: &Range<usize>) -> bool {
    let edge = |c: char| c.is_whitespace() || "\"'`()[]<>".contains(c);
    let begin = line[..word.start].rfind(edge).map_or(0, |at| at + 1);
    let path = line[word.end..].split(edge).next().unwrap_or("");
    let before = &line[begin..word.start];
    let host = before.rsplit_once("//").map_or(before, |(_, host)| host);
    let known = before.contains("docker") || IN_REGISTRY.iter().any(|part| path.contains(part));
    match before.chars().last() {
        Some('/') => {
            known || host.matches('/').count() == 1 && path.trim_matches(['/', ':', ',', '.', '\\']).is_empty()
        }
        Some('.') => false,
        _ => true,
    }
}

/// True within the command that a builder quotes where it says that it failed: `[/bin/sh -c apt-get install libsm6]: exit code: 100`.
/// It names packages.
fn is_in_command(line: &str, word: &Range<usize>) -> bool {
    let Some(from) = line[..word.start].rfind("/bin/sh -c ").or_else(|| line[..word.start].rfind("/bin/bash -")) else {
        return false;
    };
    let ends = ["]: ", "\" did not", "' returned"];
    !ends.iter().any(|end| line[from..word.start].contains(end))
}

/// `camera_1`, `camera-service:`, `realsense2_camera`: a name that somebody gave a container, a logger or a package.
fn is_joined(line: &str, word: &Range<usize>) -> bool {
    let (before, after) = (&line.as_bytes()[..word.start], &line.as_bytes()[word.end..]);
    let joined = |near: Option<&u8>, beyond: Option<&u8>, joints: &[u8]| {
        near.is_some_and(|b| joints.contains(b)) && beyond.is_some_and(u8::is_ascii_alphanumeric)
    };
    joined(after.first(), after.get(1), b"_-")
        || joined(before.last(), before.len().checked_sub(2).and_then(|at| before.get(at)), b"_")
}

/// The run without blanks, quotes and brackets that a word stands in.
fn name(line: &str, word: Range<usize>) -> &str {
    let edge = |c: char| c.is_whitespace() || "\"'`()[]{}<>,;=‘’“”|".contains(c);
    let begin = line[..word.start].rfind(edge).map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
    let end = line[word.end..].find(edge).map_or(line.len(), |at| word.end + at);
    line[begin..end].trim_end_matches([':', '.', '!'])
}

/// True for a path or a file's name, of a library only where it is another kind of file.
fn is_file(name: &str, library: bool) -> bool {
    let path = name.starts_with(['/', '~']) || name.starts_with("./") || name.matches('/').count() > 1;
    let device = DEVICES.iter().any(|device| name.contains(device)) || name.ends_with(".sock");
    !device && (ENDINGS.iter().any(|ending| name.ends_with(ending)) || path && !library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_what_it_is_called_after() {
        let hidden = |line: &str, word: &str| {
            let at = line.find(word).unwrap();
            is_part_of_one(line, at..at + word.len())
        };
        for (line, word) in [
            ("could not open 'src/display/window.c' for reading", "display"),
            ("Unable to open /root/.ros/camera_info/head_camera.yaml", "camera"),
            ("cp: cannot stat 'libcudnn8_8.9.7_amd64.deb'", "libcudnn8"),
            ("camera-service: failed to open config.yaml", "camera"),
            ("Package 'realsense2_camera' not found", "camera"),
            ("executor failed running [/bin/sh -c apt-get install -y libsm6]: exit code: 100", "libsm6"),
            ("Get \"https://api.example.com/api/v2/items\": EOF", "v2"),
            ("dial tcp: lookup host.docker.internal: no such host", "docker"),
            ("INFO org.apache.hadoop.mapreduce.v2.app.job", "v2"),
            ("tar: cudnn-linux-x86_64-8.9.7.tar.xz: Cannot open", "cudnn"),
        ] {
            assert!(hidden(line, word), "{line}");
        }
        for (line, word) in [
            ("/usr/lib/x86_64-linux-gnu/libcudnn_ops.so.9: cannot open shared object file", "libcudnn"),
            ("Get \"https://10.0.0.1:5000/v2/\": EOF", "v2"),
            ("Get https://10.0.0.1:5000/v2/: EOF", "v2"),
            ("Get https://registry-1.docker.io/v2/library/redis/manifests/latest: EOF", "v2"),
            ("GET /v2/ HTTP/1.1", "v2"),
            ("process \"/bin/sh -c make\" did not complete: libfoo.so not found", "libfoo"),
            ("cannot open display: :0", "display"),
            ("cannot open camera 0", "camera"),
            ("/dev/camera0: no such device", "camera"),
            ("ERROR Camera camera_manager.cpp:299 no cameras", "camera"),
        ] {
            assert!(!hidden(line, word), "{line}");
        }
    }
}

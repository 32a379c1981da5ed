//! Names that somebody gave a file, a container or a package: a word in one is no thing that a program speaks of:
//! `src/display/window.c`, `libcudnn8_8.9.7_amd64.deb`, `camera-service`.

use std::ops::Range;

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
    let piece = line[word.clone()].trim_end_matches(|c: char| c.is_ascii_digit());
    let thing = THINGS.iter().any(|thing| piece.eq_ignore_ascii_case(thing));
    let library = LIBRARIES.iter().any(|begin| piece.get(..begin.len()).is_some_and(|b| b.eq_ignore_ascii_case(begin)));
    if !thing && !library {
        return false;
    }
    let name = name(line, word.clone());
    // A logger's place is the program's own: `camera_manager.cpp:299`.
    let given = !library && !piece.eq_ignore_ascii_case("display") && is_joined(line, &word) && !name.contains(".cpp:");
    given || is_file(name, library)
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
            ("tar: cudnn-linux-x86_64-8.9.7.tar.xz: Cannot open", "cudnn"),
        ] {
            assert!(hidden(line, word), "{line}");
        }
        for (line, word) in [
            ("/usr/lib/x86_64-linux-gnu/libcudnn_ops.so.9: cannot open shared object file", "libcudnn"),
            ("cannot open display: :0", "display"),
            ("cannot open camera 0", "camera"),
            ("/dev/camera0: no such device", "camera"),
            ("ERROR Camera camera_manager.cpp:299 no cameras", "camera"),
        ] {
            assert!(!hidden(line, word), "{line}");
        }
    }
}

//! Documents told by their layout: tables, lists and dumps that programs print when all is well. Their lines are not searched for
//! sentences; the lines in which such a document shows a fault are.

use super::rows::{begins, has_any, is_module, is_row};
use super::seek;

/// One kind of document.
struct Layout {
    /// Its first line.
    first: fn(&str) -> bool,
    /// Lines that belong to it once it has begun.
    more: fn(&str) -> bool,
    /// Lines of it that tell of a fault.
    fault: fn(&str) -> bool,
}

/// Where a text is: in a document, or between them.
#[derive(Default)]
pub struct Documents {
    current: Option<&'static Layout>,
}

impl Documents {
    /// True for a line of a document that tells of no fault. Lines come in their order.
    pub fn hides(&mut self, line: &str) -> bool {
        if let Some(layout) = self.current.filter(|layout| (layout.more)(line)) {
            return !(layout.fault)(line);
        }
        self.current = LAYOUTS.iter().find(|layout| (layout.first)(line));
        match self.current {
            Some(layout) => !(layout.fault)(line),
            None => is_row(line),
        }
    }
}

fn never(_: &str) -> bool {
    false
}

fn indented(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with([' ', '\t'])
}

/// `DESCRIPTION`, `Running a container`: a line without a sentence's end.
fn is_title(line: &str) -> bool {
    let line = line.trim_end().trim_end_matches(':');
    let words = line.split(' ').count();
    line.starts_with(|c: char| c.is_ascii_uppercase())
        && words <= 6
        && line.len() < 60
        && line.chars().all(|c| c.is_ascii_alphanumeric() || " -/()&,".contains(c))
        && !has_any(line, &["rror", "ailed", "annot", "denied", "nvalid"])
}

/// `DOCKER(8)   System Manager's Manual   DOCKER(8)`, the head and the foot of a manual's page.
fn is_manual(line: &str) -> bool {
    let section = |word: &str| {
        word.rsplit_once('(').is_some_and(|(name, section)| {
            !name.is_empty() && section.ends_with(')') && section.starts_with(|c: char| c.is_ascii_digit())
        })
    };
    let mut words = line.split_whitespace();
    line.trim_end().ends_with(')')
        && line.contains("   ")
        && words.next().is_some_and(section)
        && words.last().is_none_or(section)
}

/// `2024-11-23  A. Author  <author@example.org>`.
fn is_dated(line: &str) -> bool {
    let date = line.get(..10).unwrap_or("");
    line.ends_with('>')
        && line.contains(" <")
        && date.bytes().all(|b| b.is_ascii_digit() || b == b'-')
        && date.len() == 10
}

/// `commit 2e5f9f0`.
fn is_commit(line: &str) -> bool {
    line.strip_prefix("commit ")
        .and_then(|rest| rest.split(' ').next())
        .is_some_and(|id| (7..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// `Key: value`, `Key Name : value`.
fn is_field(line: &str) -> bool {
    let Some((key, _)) = line.split_once(':') else { return false };
    let word = |c: char| c.is_alphanumeric() || " -_/().#".contains(c);
    key.len() < 48
        && !key.is_empty()
        && key.chars().all(word)
        && !has_any(key, &["rror", "ailed", "FATAL", "WARNING", "docker", "nvidia-"])
}

static LAYOUTS: [Layout; 21] = [
    // dpkg -s, apt show.
    Layout { first: |l| l.starts_with("Package: "), more: |l| indented(l) || is_field(l), fault: never },
    // nvidia-smi, all its tables.
    Layout {
        first: |l| begins(l, &["| NVIDIA-SMI"]) && l.contains("Driver Version"),
        more: |l| l.trim().is_empty() || begins(l, &["|", "+", "="]),
        fault: |l| has_any(l, &["ERR!", "CUDA Version: N/A", "Unknown Error", "No devices were found", "GPU is lost"]),
    },
    Layout {
        first: |l| begins(l, &["="]) && l.contains("NVSMI LOG"),
        more: |l| indented(l) || is_field(l) || begins(l, &["GPU 0"]),
        fault: |l| {
            has_any(
                l,
                &["Unlicensed", "ERR!", "GPU is lost", "Unknown Error", "Remapping Failure Occurred             : Yes"],
            )
        },
    },
    // docker info, docker version, podman info.
    Layout {
        first: |l| {
            let l = l.trim_end();
            matches!(l, "Client:" | "Server:" | "host:")
                || l.starts_with("Client: Docker")
                || l.starts_with("Server: Docker")
                || l.starts_with("Containers: ")
        },
        more: |l| indented(l) || is_field(l) || begins(l, &["Client:", "Server:", "- "]),
        fault: |l| {
            has_any(
                l,
                &[
                    "API is accessible on",
                    "WARNING: No memory",
                    "WARNING: Running",
                    "WARNING: IPv4",
                    "ERROR:",
                    "rror response",
                    "Cannot connect",
                    "ermission denied",
                    "failed to connect",
                ],
            )
        },
    },
    // docker ps, images, system df, context ls, network ls, volume ls; systemctl list-units.
    Layout {
        first: |l| {
            begins(
                l,
                &[
                    "CONTAINER ID ",
                    "REPOSITORY ",
                    "TYPE  ",
                    "NETWORK ID ",
                    "DRIVER  ",
                    "NAMESPACE ",
                    "UNIT  ",
                    "USER  ",
                    "IMAGE  ",
                ],
            ) || l.starts_with("NAME ") && l.contains("  ")
        },
        more: |l| l.trim().contains("  "),
        fault: never,
    },
    Layout {
        first: |l| l.starts_with(|c: char| c.is_ascii_digit()) && l.contains("libs found in cache"),
        more: |l| l.contains(" => ") || l.trim().is_empty() || l.starts_with("Cache generated"),
        fault: |l| l.contains("not found"),
    },
    Layout {
        first: |l| begins(l, &["Desired=Unknown", "||/ Name"]),
        more: |l| begins(l, &["|", "+++", "ii ", "rc ", "un ", "hi "]),
        fault: never,
    },
    Layout { first: |l| l.starts_with("Module  ") && l.contains("Used by"), more: is_module, fault: never },
    // ss, netstat.
    Layout {
        first: |l| {
            begins(l, &["State ", "Netid ", "Active Internet connections", "Proto "])
                && has_any(l, &["Recv-Q", "Active"])
        },
        more: |l| begins(l, &["LISTEN", "ESTAB", "tcp", "udp", "UNCONN", "u_", "TIME-WAIT", "Proto "]),
        fault: never,
    },
    Layout {
        first: |l| begins(l, &["ffmpeg version", "ffprobe version"]),
        more: |l| begins(l, &["built with", "configuration:", "libav", "libsw", "libpostproc"]),
        fault: never,
    },
    // Help texts.
    Layout {
        first: |l| begins(l, &["Usage:", "usage:", "Usage of ", "USAGE:"]),
        more: |l| {
            indented(l)
                || is_title(l)
                || l.trim_end().ends_with(':')
                || begins(
                    l,
                    &["A ", "Define ", "Run '", "To get more help", "For more help", "Commands:", "Options:", "-"],
                )
        },
        fault: |l| has_any(l, &["rror:", "unknown flag", "unknown shorthand"]),
    },
    // man.
    Layout {
        first: |l| is_manual(l) || matches!(l.trim_end(), "NAME" | "SYNOPSIS" | "DESCRIPTION" | "OPTIONS"),
        more: |l| indented(l) || is_title(l) || is_manual(l),
        fault: never,
    },
    // The help of Go's programs: runc, ctr, nvidia-ctk.
    Layout {
        first: |l| l.trim_end() == "NAME:",
        more: |l| !has_any(l, &["level=", "Incorrect Usage", "[0000]"]),
        fault: |l| has_any(l, &["rror:", "not defined", "flag needs an argument"]),
    },
    // git log, git show, git diff.
    Layout {
        first: |l| is_commit(l) || l.starts_with("diff --git "),
        more: |l| {
            indented(l)
                || is_commit(l)
                || begins(
                    l,
                    &["Author:", "Date:", "Merge:", "diff ", "index ", "+", "-", "@@", "new file", "deleted file"],
                )
        },
        fault: never,
    },
    // What changed in a release: of Debian's packages, of GNU's programs, of Keep a Changelog, of GitHub.
    Layout {
        first: |l| {
            is_dated(l)
                || l.ends_with(|c: char| c.is_ascii_lowercase())
                    && l.starts_with(|c: char| c.is_ascii_lowercase())
                    && l.contains("; urgency=")
                || l.starts_with('#')
                    && has_any(l, &["hangelog", "CHANGELOG", "What's Changed", "Release notes", "Release Notes"])
                || l.starts_with("## ")
                    && l[3..].trim_start_matches(['[', 'v']).starts_with(|c: char| c.is_ascii_digit())
        },
        more: |l| indented(l) || is_dated(l) || begins(l, &["#", "- ", "* ", "**"]),
        fault: never,
    },
    // Tests that passed: cargo, pytest, go, TAP.
    Layout {
        first: |l| {
            begins(l, &["=== RUN", "TAP version"]) || l.starts_with("running ") && l.trim_end().ends_with(" tests")
        },
        more: |l| indented(l) || begins(l, &["test ", "===", "--- PASS", "ok ", "PASS"]),
        fault: |l| has_any(l, &["FAIL", "not ok", "panicked"]),
    },
    // v4l2-ctl.
    Layout {
        first: |l| {
            l.starts_with("Driver Info") || l.starts_with("ioctl: VIDIOC_ENUM_FMT") || l.starts_with("v4l2-compliance")
        },
        more: |l| {
            indented(l)
                || begins(
                    l,
                    &[
                        "Media Driver Info",
                        "Interface Info",
                        "Entity Info",
                        "Priority",
                        "Format",
                        "Video input",
                        "Streaming",
                        "Crop",
                        "Selection",
                    ],
                )
                || is_field(l)
        },
        fault: |l| has_any(l, &["fail", "FAIL", "Cannot", "cannot"]),
    },
    // torch.utils.collect_env and its like.
    Layout {
        first: |l| begins(l, &["Collecting environment information", "PyTorch version:", "<details>"]),
        more: |l| indented(l) || is_field(l) || begins(l, &["[pip", "[conda", "===", "<"]),
        fault: |l| begins(l, &["Is CUDA available: False"]) || has_any(l, &["rror:", "Traceback"]),
    },
    // docker inspect and other pretty-printed JSON.
    Layout {
        first: |l| matches!(l.trim_end(), "[" | "{" | "[{"),
        more: |l| indented(l) || begins(l, &["{", "}", "]", "["]),
        fault: |l| has_any(l, &["\"errors\"", "\"message\"", "\"Error\": \"", "rror\":", "\"code\""]),
    },
    // YAML of a CDI spec or of compose, and TOML of NVIDIA's toolkit.
    Layout {
        first: |l| begins(l, &["cdiVersion:", "services:", "disable-require", "accept-nvidia-visible-devices"]),
        more: |l| indented(l) || begins(l, &["#", "[", "- "]) || is_field(l) || l.contains(" = "),
        fault: |l| begins(l, &["no-cgroups = true"]),
    },
    // glmark2, glxinfo, vulkaninfo, deviceQuery, nvcc -V and xrandr, as far as they speak of names and versions.
    Layout {
        first: |l| {
            begins(
                l,
                &[
                    "name of display:",
                    "VULKANINFO",
                    "OpenGL vendor string",
                    "nvcc: NVIDIA",
                    "Detected 1 CUDA Capable",
                    "Screen 0: minimum",
                ],
            )
        },
        more: |l| {
            indented(l)
                || is_field(l)
                || begins(l, &["Device", "GPU", "==", "--", "Layers", "Instance", "deviceQuery", "Result ="])
        },
        fault: |l| has_any(l, &["rror:", "ailed", "annot ", "llvmpipe", "softpipe", "swrast"]),
    },
];

const BENIGN: &str = include_str!("lexicon/benign.txt");

/// True for a line that sounds of trouble on machines that are well.
pub fn is_benign(line: &str) -> bool {
    BENIGN.lines().filter(|benign| !benign.is_empty() && !benign.starts_with('#')).any(|benign| seek::has(line, benign))
}

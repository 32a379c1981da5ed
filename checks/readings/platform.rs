//! The platform that a name means: containerd's platforms.Parse and normalizeArch, by which docker, compose and the builder read it.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};

/// A system and a machine in Go's names, and the machine's variant where that is not the usual one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    pub system: String,
    /// Empty where only a system is named.
    pub machine: String,
    pub variant: String,
}

const SYSTEMS: [&str; 7] = ["linux", "windows", "darwin", "macos", "freebsd", "wasi", "wasip1"];

impl Platform {
    /// `linux/arm64/v8`, `linux/x86_64`, `aarch64`, `linux`.
    pub fn parse(text: &str) -> Self {
        let text = text.trim().to_ascii_lowercase();
        let mut parts = text.split('/');
        let first = parts.next().unwrap_or_default();
        let (system, machine) = match parts.next() {
            Some(machine) => (first, machine),
            None if SYSTEMS.contains(&first) => (first, ""),
            None => ("linux", first),
        };
        let (machine, variant) = normal(machine, parts.next().unwrap_or_default());
        let system = if system == "macos" { "darwin" } else { system };
        Self { system: system.to_owned(), machine, variant }
    }
}

/// The machine's one name and variant.
fn normal(machine: &str, variant: &str) -> (String, String) {
    let (machine, variant) = match (machine, variant) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64" | "amd64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
        ("aarch64" | "arm64", variant) => ("arm64", variant),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        other => other,
    };
    (machine.to_string(), variant.to_string())
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::Platform;

    #[test]
    fn names_of_one_machine_are_one() {
        let of = |text: &str| Platform::parse(text).machine;
        for name in ["linux/amd64", "linux/x86_64", "linux/x86-64", "Linux/AMD64/v1", "x86_64", "amd64"] {
            assert_eq!(of(name), "amd64", "{name}");
        }
        for name in ["linux/arm64", "linux/arm64/v8", "linux/aarch64", "aarch64"] {
            assert_eq!((of(name).as_str(), Platform::parse(name).variant.as_str()), ("arm64", ""), "{name}");
        }
        assert_eq!(Platform::parse("linux/armhf"), Platform::parse("linux/arm/v7"));
        assert_eq!(Platform::parse("linux/armel"), Platform::parse("linux/arm/v6"));
        assert_eq!((of("linux"), Platform::parse("macos").system), (String::new(), "darwin".into()));
        // It is no name that containerd knows.
        assert_eq!(of("linux/arm64v8"), "arm64v8");
    }
}

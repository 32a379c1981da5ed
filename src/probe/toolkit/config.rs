//! The toolkit's config.toml.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::toolkit::Config;

use crate::host::Host;
use crate::probe::dockerd::Dockerd;

const FILE: &str = "nvidia-container-runtime/config.toml";

/// /etc's file, which a rootless daemon's XDG_CONFIG_HOME replaces.
pub fn path(host: &Host, dockerd: &Dockerd) -> String {
    if let Some(path) = host.env("NVIDIA_CTK_CONFIG_FILE_PATH").filter(|_| dockerd.rootless) {
        return path;
    }
    match host.env("XDG_CONFIG_HOME").filter(|_| dockerd.rootless) {
        Some(folder) => format!("{folder}/{FILE}"),
        None => format!("/etc/{FILE}"),
    }
}

pub fn read(host: &Host, path: &str) -> Fact<Config> {
    host.text(path).map(|text| parse(&text))
}

fn parse(text: &str) -> Config {
    match toml::from_str(text) {
        Ok(settings) => Config::Read(settings),
        Err(error) => {
            let (line, column) = error.span().map_or((0, 0), |span| place(text, span.start));
            Config::Malformed { line, column, why: error.message().to_owned() }
        }
    }
}

/// Line and column, from 1, of a byte of a text.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_matter_are_read_and_others_left() {
        let text = "disable-require = false\n#comment\nnew-key = [1]\n[nvidia-container-cli]\nenvironment = []\n\
                    ldconfig = \"@/sbin/ldconfig.real\"\nno-cgroups = true\n[nvidia-container-runtime]\nmode = \"auto\"\n\
                    [nvidia-container-runtime.modes.csv]\nmount-spec-path = \"/etc/x\"\n";
        let Config::Read(settings) = parse(text) else { panic!("it is well-formed") };
        assert_eq!(settings.nvidia_container_cli.no_cgroups, Some(true));
        assert_eq!(settings.nvidia_container_cli.ldconfig.as_deref(), Some("@/sbin/ldconfig.real"));
        assert_eq!(settings.nvidia_container_runtime.mode.as_deref(), Some("auto"));
        assert_eq!(settings.disable_require, Some(false));
    }

    #[test]
    fn the_place_of_a_fault_is_named() {
        for (text, line, column) in [
            ("disable-require = false\n[nvidia-container-cli\n", 2, 22),
            ("[nvidia-container-cli]\nno-cgroups = \"true\"\n", 2, 14),
            ("\u{e4} = 1", 1, 1),
        ] {
            let Config::Malformed { line: l, column: c, .. } = parse(text) else { panic!("{text:?} is malformed") };
            assert_eq!((l, c), (line, column), "{text:?}");
        }
        assert!(matches!(parse(""), Config::Read(_)));
    }
}

//! Which keys of daemon.json an engine takes: the table against the real dockerd of each later release in the lab, which
//! validates a file without starting.
#![allow(clippy::disallowed_methods)]

mod part;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use gdoctor_checks::model::daemon_keys::{self, Taken};
use gdoctor_checks::model::version::Version;
use part::left_out;

/// In a view of its own, in which the engine's release lies over this host's /usr.
const VALIDATE: &str = r#"
mount -t overlay -o "lowerdir=$1/usr:/usr" engine /usr || exit 77
for file in "$2"/*.json; do
  printf '%s|%s\n' "$(basename "$file" .json)" "$(timeout 20 dockerd --validate --config-file "$file" 2>&1 | tail -n 1)"
done
"#;

#[test]
fn each_engine_takes_the_keys_that_the_table_says() {
    if std::env::var_os("GDOCTOR_LAB").is_none() {
        return left_out("GDOCTOR_LAB is not set");
    }
    let cache = std::env::var("GDOCTOR_LAB_CACHE").unwrap_or_else(|_| "/var/cache/gdoctor-lab".into());
    let folder = tempfile::tempdir().unwrap();
    let unknown = ["no-such-key", "dataroot"];
    for key in daemon_keys::all().chain(unknown) {
        let value = match daemon_keys::wanted(key) {
            Some("switch") if !["tls", "tlsverify"].contains(&key) => "true",
            Some("switch") => "false",
            Some("number") => "1",
            Some("list") => "[]",
            Some("object") => "{}",
            _ if key == "api-cors-header" => "\"*\"",
            _ if key == "default-shm-size" => "\"64M\"",
            _ => "\"\"",
        };
        fs::write(folder.path().join(format!("{key}.json")), format!("{{\"{key}\": {value}}}")).unwrap();
    }
    for suite in ["trixie", "sid"] {
        let engine = format!("{cache}/engine/{suite}");
        let version = fs::read_to_string(format!("{engine}/version")).unwrap();
        let version = Version::leading(version.trim()).unwrap_or_else(|| panic!("{suite}: {version:?}"));
        let output = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "bash", "-c", VALIDATE, "bash", &engine])
            .arg(folder.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let answers: BTreeMap<&str, &str> = told.lines().filter_map(|line| line.split_once('|')).collect();
        assert_eq!(answers.len(), daemon_keys::all().count() + unknown.len(), "{suite}: {output:?}");
        let refused = ["match any configuration option", "have been removed"];
        for (key, answer) in answers {
            let did = !refused.iter().any(|words| answer.contains(words));
            let said = daemon_keys::taken(key, Some(&version));
            let fits = if did { said != Taken::No } else { said != Taken::Yes };
            assert!(fits, "Docker {version}, {key}: {said:?}, and dockerd says {answer:?}");
        }
    }
}

//! For tests of `gdoctor prove`: runs it where a lab's client is, reads what it says, and lists what an engine has.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use super::run_lines::Lab;
use super::{Run, has_engine};

/// The binary without what debuggers need: engines and guests are handed less. GDOCTOR_BINARY names another one, such as a release's, which
/// an emulated machine runs in a third of the time.
pub fn binary() -> &'static str {
    static BINARY: OnceLock<String> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Ok(given) = std::env::var("GDOCTOR_BINARY") {
            return given;
        }
        let whole = env!("CARGO_BIN_EXE_gdoctor");
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gdoctor-stripped");
        let fresh = kept.with_extension(std::process::id().to_string());
        let stripped = Command::new("strip").args(["-o".as_ref(), fresh.as_os_str(), whole.as_ref()]).status();
        match stripped.is_ok_and(|status| status.success()) && std::fs::rename(&fresh, &kept).is_ok() {
            true => kept.display().to_string(),
            false => whole.to_owned(),
        }
    })
}

/// What an engine has, but for times and ids of its own networks.
pub const INVENTORY: &str = "docker ps -a --format '{{.Names}} {{.Image}}'; docker images --format '{{.Repository}}:{{.Tag}} {{.ID}}'; \
     docker images -q -f dangling=true; docker volume ls -q; docker network ls --format '{{.Name}}'";

pub fn inventory(lab: &Lab) -> String {
    String::from_utf8(lab.shell(INVENTORY, &BTreeMap::new()).stdout).unwrap()
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// `gdoctor prove LINE` where the lab's client is, as a report.
pub fn prove(lab: &Lab, line: &str, env: &[(&str, &str)]) -> Run {
    prove_with(lab, "", line, env)
}

/// The same with wishes besides: `--encode h264`.
pub fn prove_with(lab: &Lab, wishes: &str, line: &str, env: &[(&str, &str)]) -> Run {
    let binary = binary();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Run::read(&lab.shell(&format!("{binary} prove --timeout 60s {wishes} --format json -- {line}"), &env))
}

/// `status code subject` of what the proof says.
pub fn proved(run: &Run) -> Vec<String> {
    [run.of("proof-start"), run.of("proof-inside")].concat()
}

/// What the container was started from.
pub fn image(run: &Run) -> String {
    seen(run, "proof-start", "", "image")
}

/// A piece of evidence, by its source's beginning.
pub fn seen(run: &Run, id: &str, subject: &str, source: &str) -> String {
    let result = run.results().iter().find(|r| r["id"] == id && r["subject"].as_str().unwrap_or_default() == subject);
    let evidence = result.and_then(|r| r["evidence"].as_array()).into_iter().flatten();
    let told = evidence.filter(|seen| seen["source"].as_str().is_some_and(|told| told.starts_with(source)));
    told.map(|seen| seen["value"].as_str().unwrap_or_default().to_owned()).next().unwrap_or_default()
}

/// What `docker start --engine` takes, for every engine of the lab; none is this system's own.
pub fn suites() -> Vec<Option<&'static str>> {
    let all = [None, Some("trixie"), Some("sid")];
    all.into_iter().filter(|suite| suite.is_none_or(has_engine)).collect()
}

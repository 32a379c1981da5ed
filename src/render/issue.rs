//! What an issue form asks for: versions, what failed, the line, and which facts that was judged from.

use std::fmt::Write;

use super::status;
use crate::policy::Status;
use crate::report::Report;

/// Lines; a form shows no more without scrolling.
const MOST: usize = 25;
/// Characters of a line.
const WIDE: usize = 400;

/// `facts` is the facts file that belongs to the report: only its checksum is shown.
pub fn render(report: &Report, facts: &str) -> String {
    let host = &report.host;
    let mut lines = vec![
        format!("gdoctor {}: {}", report.tool.version, status::verdict(report)),
        status::counts(report),
        format!("system: {}, kernel {}, {}", host.system, host.kernel, host.machine),
    ];
    let told = [("docker", &host.docker), ("driver", &host.driver)];
    lines.extend(told.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}: {value}")));
    let families = report.families.iter().filter(|family| family.status == Status::Pass && !family.is_silent());
    lines.extend(families.map(|family| format!("{}: {}", family.title, family.told())));
    for line in report.run_lines() {
        lines.push(format!("line: {}", line.text.trim()));
    }
    let checksum = serde_json::from_str::<serde_json::Value>(facts).ok();
    let checksum = checksum.as_ref().and_then(|facts| facts["checksum"].as_str()).unwrap_or("not known");
    let room = MOST - 1 - lines.len().min(MOST - 1);
    let trouble = status::trouble(report);
    let whole = if trouble.len() > room { room.saturating_sub(1) } else { room };
    for outcome in trouble.iter().take(whole) {
        lines.push(format!("{} {}: {}", outcome.status.word().to_uppercase(), outcome.code, outcome.summary));
    }
    if trouble.len() > whole {
        lines.push(format!("and {} more", trouble.len() - whole));
    }
    let mut out = String::new();
    for line in lines.iter().take(MOST - 1) {
        let one: String = line.replace('\n', " ").chars().take(WIDE).collect();
        let _ = writeln!(out, "{one}");
    }
    let _ = writeln!(out, "facts: {checksum}");
    out
}

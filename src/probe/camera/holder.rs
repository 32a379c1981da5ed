//! Which processes have a video node open, by /proc: without root only this user's own can be seen.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::camera::Holder;

use crate::host::Host;
use crate::host::files::Kind;
use crate::probe::process::container_id;

/// Absent: every process was looked at and none has it. Unknown: some could not be looked at, and none of the others has it.
pub fn holders(host: &Host, path: &str) -> Fact<Vec<Holder>> {
    const SOURCE: &str = "/proc/*/fd";
    let live = host.live();
    let node = host.stat(path).value().map(|stat| stat.rdev);
    let processes = live.list("/proc");
    let Some(names) = processes.value() else { return processes.map(|_| Vec::new()) };
    let mut found = Vec::new();
    let mut unseen = None;
    for pid in names.iter().filter_map(|name| name.parse::<u32>().ok()) {
        if host.deadline.left().is_zero() {
            unseen = Some(Gap::TimedOut);
            break;
        }
        let files = live.list(format!("/proc/{pid}/fd"));
        if let Some(gap) = files.gap() {
            unseen.get_or_insert_with(|| gap.clone());
        }
        let holds = |file: &String| {
            let link = format!("/proc/{pid}/fd/{file}");
            // In a container the node may have another name, so its number decides; stat only what can be a camera.
            let target = live.link(&link);
            target.value().is_some_and(|target| target.starts_with("/dev/") && !target.starts_with("/dev/pts/"))
                && live.behind(&link).is_some_and(|stat| stat.kind == Kind::CharDevice && Some(stat.rdev) == node)
        };
        if files.value().is_some_and(|files| files.iter().any(holds)) {
            found.push(holder(&live, pid));
        }
    }
    match (found.is_empty(), unseen) {
        (false, _) => Fact::present(found, SOURCE),
        (true, Some(gap)) => Fact::unknown(gap, SOURCE),
        (true, None) => Fact::absent(SOURCE),
    }
}

fn holder(live: &Host, pid: u32) -> Holder {
    let name = live.line(format!("/proc/{pid}/comm")).value().cloned().unwrap_or_default();
    let container =
        live.text(format!("/proc/{pid}/cgroup")).value().and_then(|text| container_id(text)).unwrap_or_default();
    Holder { pid, name, container }
}

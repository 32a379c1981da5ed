//! Which processes have a video node open, by /proc: without root only this user's own can be seen.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::camera::Holder;

use crate::host::Host;

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
                && live.number_behind(&link).is_some_and(|number| Some(number) == node)
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

/// The 64 hexadecimal digits of a container in the path of a control group: `/docker/<id>`, `docker-<id>.scope`.
fn container_id(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_ascii_hexdigit());
    words.into_iter().find(|word| word.len() == 64).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::container_id;

    #[test]
    fn containers_by_their_control_group() {
        let id = "0123456789abcdef".repeat(4);
        for text in [
            format!("0::/docker/{id}\n"),
            format!("0::/system.slice/docker-{id}.scope\n"),
            format!("12:devices:/kubepods/pod1/{id}\n0::/\n"),
        ] {
            assert_eq!(container_id(&text), Some(id.clone()), "{text}");
        }
        assert_eq!(container_id("0::/user.slice/user-1000.slice\n"), None);
    }
}

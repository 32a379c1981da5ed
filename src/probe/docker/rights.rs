//! What the kernel lets the engine's process do, as /proc tells everybody.

use std::collections::BTreeMap;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::Rights;

use crate::host::Host;

/// /proc/PID/limits' words, and docker's names for `--ulimit`.
const LIMITS: [(&str, &str); 16] = [
    ("Max cpu time", "cpu"),
    ("Max file size", "fsize"),
    ("Max data size", "data"),
    ("Max stack size", "stack"),
    ("Max core file size", "core"),
    ("Max resident set", "rss"),
    ("Max processes", "nproc"),
    ("Max open files", "nofile"),
    ("Max locked memory", "memlock"),
    ("Max address space", "as"),
    ("Max file locks", "locks"),
    ("Max pending signals", "sigpending"),
    ("Max msgqueue size", "msgqueue"),
    ("Max nice priority", "nice"),
    ("Max realtime priority", "rtprio"),
    ("Max realtime timeout", "rttime"),
];

pub fn look(host: &Host, process: &Fact<u32>) -> Fact<Rights> {
    let Some(pid) = process.value() else {
        return match process.gap() {
            Some(gap) => Fact::unknown(gap.clone(), process.source.0.clone()),
            None => Fact::absent(process.source.0.clone()),
        };
    };
    let source = format!("/proc/{pid}/status");
    let read = |file: &str| host.live().text(format!("/proc/{pid}/{file}")).value().cloned();
    let found = || {
        Some(Rights {
            capabilities: capabilities(&read("status")?)?,
            mapped: read("uid_map")?.split_whitespace().collect::<Vec<_>>() != ["0", "0", "4294967295"],
            limits: limits(&read("limits")?),
            oom_score: read("oom_score_adj")?.trim().parse().ok()?,
        })
    };
    found().map_or_else(|| Fact::unknown(Gap::Denied, source.clone()), |rights| Fact::present(rights, source.clone()))
}

fn capabilities(status: &str) -> Option<u64> {
    let set = status.lines().find_map(|line| line.strip_prefix("CapBnd:"))?;
    u64::from_str_radix(set.trim(), 16).ok()
}

/// `Max open files            1024                 524288               files`: the second number, unless it is `unlimited`.
fn limits(text: &str) -> BTreeMap<String, u64> {
    let hard = |(words, name): &(&str, &str)| {
        let line = text.lines().find_map(|line| line.strip_prefix(words))?;
        Some(((*name).to_owned(), line.split_whitespace().nth(1)?.parse().ok()?))
    };
    LIMITS.iter().filter_map(hard).collect()
}

#[cfg(test)]
mod tests {
    use super::{capabilities, limits};

    #[test]
    fn a_process_as_proc_tells_of_it() {
        assert_eq!(capabilities("Name:\tdockerd\nCapBnd:\t000001fffeffffff\n"), Some(0x1ff_feff_ffff));
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max cpu time              unlimited            unlimited            seconds   \n\
                    Max open files            1024                 20000                files     \n\
                    Max nice priority         0                    0                    \n";
        let limits: Vec<_> = limits(text).into_iter().collect();
        assert_eq!(limits, [("nice".to_owned(), 0), ("nofile".to_owned(), 20_000)]);
    }
}

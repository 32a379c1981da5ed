//! What the driver itself tells without NVML: its list of GPUs, and the faults that it has written to the kernel's log.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::Duration;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::nvidia::{Fault, ListedGpu};

use crate::host::Host;
use crate::host::process::{End, Program};

const GPUS: &str = "/proc/driver/nvidia/gpus";
/// The kernel's ring has some hundred KiB, a journal's part of one start can have more.
const LOG_CAP: usize = 8 << 20;
const PATIENCE: Duration = Duration::from_secs(2);

pub fn listed(host: &Host) -> Fact<Vec<ListedGpu>> {
    host.list(GPUS).map(|addresses| {
        let one = |address: &String| {
            let text = host.text(format!("{GPUS}/{address}/information"));
            listed_gpu(address, text.value().map_or("", String::as_str))
        };
        addresses.iter().map(one).collect()
    })
}

/// Lines `Key: value`; the keys differ from one generation of the driver to the next.
fn listed_gpu(address: &str, text: &str) -> ListedGpu {
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix(':'))?;
        Some(line.trim().to_owned())
    };
    ListedGpu {
        address: address.to_ascii_lowercase(),
        uuid: value("GPU UUID").filter(|uuid| !uuid.is_empty() && !uuid.contains('?')),
        excluded: value("GPU Excluded").is_some_and(|word| word == "Yes"),
    }
}

/// The kernel's log of this start: of this machine by `dmesg`, or by the journal where only that may be read; of another root
/// from the file that `dmesg` was saved in.
pub fn faults(host: &Host) -> Fact<Vec<Fault>> {
    if !host.is_live() {
        return host.text("/var/log/dmesg").map(|text| parse(&text));
    }
    let commands: [(&str, &[&str]); 2] = [
        ("dmesg", &[]),
        ("journalctl", &["--dmesg", "--boot", "--quiet", "--no-pager", "--output=cat", "--grep=NVRM: Xid"]),
    ];
    for (name, arguments) in commands {
        let Ok(program) = Program::named(name) else { continue };
        let ran = program.run(arguments.iter().map(OsStr::new), LOG_CAP, host.deadline.within(PATIENCE));
        if ran.end == End::Exited(0) {
            return Fact::present(parse(&String::from_utf8_lossy(&ran.stdout)), name);
        }
    }
    Fact::unknown(Gap::Denied, "dmesg, journalctl --dmesg")
}

/// `… NVRM: Xid (PCI:0000:c1:00): 79, pid=1234, name=python3, GPU has fallen off the bus.`
fn parse(log: &str) -> Vec<Fault> {
    let mut counts: BTreeMap<(String, u32), u32> = BTreeMap::new();
    for line in log.lines() {
        let Some((_, rest)) = line.split_once("NVRM: Xid (PCI:") else { continue };
        let Some((address, rest)) = rest.split_once("): ") else { continue };
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let Some(xid) = rest.get(..digits).and_then(|word| word.parse().ok()) else { continue };
        let fits = address.len() <= 16 && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        if fits {
            let count = counts.entry((format!("{}.0", address.to_ascii_lowercase()), xid)).or_default();
            *count = count.saturating_add(1);
        }
    }
    counts.into_iter().map(|((address, xid), count)| Fault { address, xid, count }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_word_on_a_gpu() {
        let of_595 = "Model: \t\t NVIDIA GeForce RTX 4090\nIRQ:   \t\t 90\nGPU UUID: \t GPU-5ddc1ab9-7b1c-4e0c-9f00-0123456789ab\nBus Location: \t 0000:01:00.0\nDevice Minor: \t 0\nGPU Excluded:\t No\n";
        let gpu = listed_gpu("0000:01:00.0", of_595);
        assert_eq!(gpu.uuid.as_deref(), Some("GPU-5ddc1ab9-7b1c-4e0c-9f00-0123456789ab"));
        assert!(!gpu.excluded);
        // A GPU that nothing has started yet, one that is excluded, and the file of a driver of 2015.
        assert_eq!(listed_gpu("x", "GPU UUID: \t GPU-????????-????-????-????-????????????\n").uuid, None);
        assert!(listed_gpu("x", "GPU Excluded:\t Yes\n").excluded);
        let old = "Model: \t GeForce GTX 580\nIRQ: 16\nGPU UUID: GPU-1\nVideo BIOS: 70.10\nBus Type: PCIe\n";
        assert_eq!(
            listed_gpu("x", old),
            ListedGpu { address: "x".into(), uuid: Some("GPU-1".into()), excluded: false }
        );
        assert_eq!(listed_gpu("x", "\u{fffd}\0:::\nGPU UUID").uuid, None);
    }

    #[test]
    fn faults_in_the_log() {
        let log = "[ 12.3] NVRM: loading NVIDIA UNIX x86_64 Kernel Module\n\
            [ 99.1] NVRM: Xid (PCI:0000:C1:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.\n\
            [ 99.2] NVRM: Xid (PCI:0000:c1:00): 79, GPU has fallen off the bus.\n\
            NVRM: Xid (PCI:0000:01:00): 13, pid=12, name=python3, Graphics Exception\n\
            NVRM: Xid (PCI:0000:01:00): , \nNVRM: Xid (PCI: x): 79\nNVRM: Xid (PCI:0000:01:00): 99999999999999\nNVRM: Xid (";
        let fault = |address: &str, xid, count| Fault { address: address.into(), xid, count };
        assert_eq!(parse(log), [fault("0000:01:00.0", 13, 1), fault("0000:c1:00.0", 79, 2)]);
        assert!(parse("").is_empty());
    }
}

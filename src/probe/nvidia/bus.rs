//! NVIDIA's chips on the PCI bus.

use gdoctor_checks::model::fact::{Fact, Gap, State};
use gdoctor_checks::model::facts::nvidia::PciGpu;

use crate::host::Host;

use super::filled;

const DEVICES: &str = "/sys/bus/pci/devices";
const NVIDIA: &str = "0x10de";

/// Display controllers. A laptop's second function, the GPU's sound chip, is of another class and not counted.
pub fn gpus(host: &Host) -> Fact<Vec<PciGpu>> {
    some(of_class(host, "0x03").map(|found| found.iter().map(|address| gpu(host, address)).collect()))
}

/// NVSwitch chips show themselves as bridges of "other" kind.
pub fn switches(host: &Host) -> Fact<u32> {
    let found = of_class(host, "0x0680").map(|found| u32::try_from(found.len()).unwrap_or(u32::MAX));
    match found.state {
        State::Present(0) => Fact::absent(found.source.0),
        _ => found,
    }
}

fn of_class(host: &Host, class: &str) -> Fact<Vec<String>> {
    let listed = host.list(DEVICES);
    // A machine without PCI has other buses there; where nothing is, /sys itself is not mounted.
    if listed.is_absent() && host.is_live() && !host.exists("/sys/bus") {
        return Fact::unknown(Gap::Unsupported("/sys is not there".into()), DEVICES);
    }
    listed.map(|addresses| {
        addresses
            .into_iter()
            .filter(|address| {
                let read = |file: &str| filled(host.line(format!("{DEVICES}/{address}/{file}"))).unwrap_or_default();
                read("vendor") == NVIDIA && read("class").starts_with(class)
            })
            .collect()
    })
}

fn some<T>(fact: Fact<Vec<T>>) -> Fact<Vec<T>> {
    match &fact.state {
        State::Present(list) if list.is_empty() => Fact::absent(fact.source.0),
        _ => fact,
    }
}

fn gpu(host: &Host, address: &str) -> PciGpu {
    let at = |file: &str| format!("{DEVICES}/{address}/{file}");
    let device = filled(host.line(at("device"))).unwrap_or_default();
    let driver = host.link(at("driver"));
    PciGpu {
        address: address.into(),
        device: u16::from_str_radix(device.trim_start_matches("0x"), 16).unwrap_or(0),
        driver: driver.value().and_then(|target| target.rsplit('/').next()).map(str::to_owned),
        iommu: filled(host.line(at("iommu_group/type"))),
        no_address: host.text(at("resource")).value().is_some_and(|text| has_no_address(text)),
    }
}

/// `resource` has a line `START END FLAGS` for each region; the second half of a 64-bit region is a line of zeros, so
/// only all of the higher ones together tell that the memory window got no place.
fn has_no_address(resource: &str) -> bool {
    let starts: Vec<bool> =
        resource.lines().take(6).map(|l| l.split_whitespace().next().is_some_and(is_zero)).collect();
    match starts.split_first() {
        Some((first, rest)) => *first || (!rest.is_empty() && rest.iter().all(|zero| *zero)),
        None => false,
    }
}

fn is_zero(word: &str) -> bool {
    !word.is_empty() && word.trim_start_matches("0x").bytes().all(|b| b == b'0')
}

#[cfg(test)]
mod tests {
    use super::has_no_address;

    #[test]
    fn a_window_without_a_place() {
        let zero = "0x0000000000000000 0x0000000000000000 0x0000000000000000\n";
        let bar0 = "0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n";
        let wide = "0x000004a000000000 0x000004a0ffffffff 0x000000000014220c\n";
        assert!(!has_no_address(&format!("{bar0}{wide}{zero}{zero}{zero}{zero}")));
        assert!(!has_no_address(&format!("{wide}{zero}{wide}{zero}{zero}{zero}")));
        assert!(has_no_address(&format!("{bar0}{zero}{zero}{zero}{zero}{zero}")));
        assert!(has_no_address(&zero.repeat(6)));
        assert!(!has_no_address("") && !has_no_address("rubbish\n\u{fffd}"));
    }
}

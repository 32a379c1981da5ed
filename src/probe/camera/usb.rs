//! Cameras on the USB bus by their descriptors, and how far their driver is.

use std::path::Path;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::camera::{Module, UsbCamera, UsbPlace};

use crate::host::Host;

const DEVICES: &str = "/sys/bus/usb/devices";
/// modules.dep of a distribution's kernel has about half a megabyte.
const DEPENDENCIES_CAP: usize = 16 << 20;

/// Devices with a video control interface (class 0x0e, subclass 1). Absent: none, or no USB at all.
pub fn cameras(host: &Host) -> Fact<Vec<UsbCamera>> {
    let names = host.list(DEVICES);
    let Some(names) = names.value() else { return names.map(|_| Vec::new()) };
    let read = |place: &str| host.line(format!("{DEVICES}/{place}")).value().cloned().unwrap_or_default();
    let cameras: Vec<UsbCamera> = names
        .iter()
        .filter(|name| {
            read(&format!("{name}/bInterfaceClass")) == "0e" && read(&format!("{name}/bInterfaceSubClass")) == "01"
        })
        .filter_map(|interface| {
            let (port, _) = interface.split_once(':')?;
            let product = read(&format!("{port}/product"));
            let numbers = format!("{}:{}", read(&format!("{port}/idVendor")), read(&format!("{port}/idProduct")));
            let driver = host.link(format!("{DEVICES}/{interface}/driver"));
            Some(UsbCamera {
                name: if product.is_empty() { numbers } else { product },
                port: port.to_owned(),
                driver: driver.value().and_then(|link| link.rsplit('/').next()).unwrap_or_default().to_owned(),
            })
        })
        .collect();
    if cameras.is_empty() { Fact::absent(DEVICES) } else { Fact::present(cameras, DEVICES) }
}

/// The USB device that a node's device in sysfs belongs to: the nearest folder above it that has a bus number and a speed.
pub fn place(host: &Host, device: &Fact<String>) -> Fact<UsbPlace> {
    let Some(device) = device.value() else { return Fact::absent("sysfs") };
    for folder in Path::new(device).ancestors().take_while(|folder| folder.starts_with("/sys/devices")) {
        let read = |file: &str| host.line(folder.join(file));
        if let (Some(bus), Some(speed)) = (read("busnum").value(), read("speed").value()) {
            let source = format!("{}/speed", folder.display());
            let port = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // "1.5" is the slowest speed; nothing is lost in taking it for 1.
            let whole = speed.split('.').next().unwrap_or_default();
            return match (bus.parse(), whole.parse()) {
                (Ok(bus), Ok(speed)) => {
                    Fact::present(UsbPlace { bus, port, speed, virtual_host: device.contains("/vhci_hcd") }, source)
                }
                _ => Fact::unknown(Gap::Unparsable(format!("bus {bus:?}, speed {speed:?}")), source),
            };
        }
    }
    Fact::absent(device.clone())
}

/// How far the module `name` is on the running kernel. A kernel without loadable modules has its list of built-in ones.
pub fn module(host: &Host, name: &str) -> Fact<Module> {
    let loaded = format!("/sys/module/{name}");
    if host.exists(&loaded) {
        return Fact::present(Module::Loaded, loaded);
    }
    let release = host.line("/proc/sys/kernel/osrelease");
    let Some(release) = release.value().filter(|release| !release.is_empty() && !release.contains('/')) else {
        return Fact::unknown(Gap::ToolMissing("the release of the kernel".into()), "/proc/sys/kernel/osrelease");
    };
    let folders =
        [format!("/lib/modules/{release}"), "/run/booted-system/kernel-modules/lib/modules/".to_owned() + release];
    let Some(folder) = folders.iter().find(|folder| host.exists(folder)) else {
        let gap = host.stat(&folders[0]).gap().cloned();
        return gap.map_or(Fact::present(Module::TreeGone, &folders[0]), |gap| Fact::unknown(gap, &folders[0]));
    };
    let listed = |file: &str| {
        let bytes = host.bytes(format!("{folder}/{file}"), DEPENDENCIES_CAP);
        bytes.map(|bytes| lists(&String::from_utf8_lossy(&bytes), name))
    };
    let builtin = listed("modules.builtin");
    if builtin.value() == Some(&true) {
        return builtin.map(|_| Module::Loaded);
    }
    let listed = listed("modules.dep");
    if listed.is_absent() {
        return Fact::unknown(Gap::ToolMissing("the list of modules".into()), listed.source.0);
    }
    listed.map(|listed| match (listed, forbidden(host, name)) {
        (false, _) => Module::Missing,
        (true, Some(file)) => Module::Forbidden(file),
        (true, None) => Module::OnDisk,
    })
}

/// A line of modules.dep or modules.builtin whose module is `name`: `kernel/drivers/media/usb/uvc/uvcvideo.ko.xz: …`.
fn lists(text: &str, name: &str) -> bool {
    let start = format!("{name}.ko");
    text.lines().any(|line| {
        let path = line.split(':').next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        file.strip_prefix(&start).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// The first file of modprobe's configuration that keeps the module out.
fn forbidden(host: &Host, name: &str) -> Option<String> {
    for folder in
        ["/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"]
    {
        for file in host.list(folder).value().into_iter().flatten().filter(|file| file.ends_with(".conf")) {
            let path = format!("{folder}/{file}");
            let text = host.text(&path);
            let forbids = |line: &str| {
                let mut words = line.split_whitespace();
                match (words.next(), words.next(), words.next()) {
                    (Some("blacklist"), Some(module), _) => module == name,
                    (Some("install"), Some(module), Some(command)) => {
                        module == name && (command.ends_with("/false") || command.ends_with("/true"))
                    }
                    _ => false,
                }
            };
            if text.value().is_some_and(|text| text.lines().any(forbids)) {
                return Some(path);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::lists;

    #[test]
    fn modules_by_their_file() {
        let text = "kernel/drivers/media/usb/uvc/uvcvideo.ko.xz: kernel/drivers/media/mc/mc.ko.xz\nkernel/a/b.ko:\n";
        assert!(lists(text, "uvcvideo") && lists(text, "b"));
        assert!(!lists(text, "mc") && !lists(text, "uvc") && !lists("", "uvcvideo"));
    }
}

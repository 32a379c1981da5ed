//! What makes again, when the machine starts, what lasts until the next start only: units, lists of modules, udev's rules, and the
//! files from which people start things of their own.

use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::nvidia::AtBoot;

use crate::host::Host;

/// Of a folder with more, the first by name are read.
const MOST: usize = 300;
/// Folders of the administrator's, of which each file may do anything.
const OWN: [&str; 6] = [
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/etc/cron.d",
    "/etc/local.d",
    "/etc/modules-load.d",
    "/etc/udev/rules.d",
];
const OWN_FILES: [&str; 4] = ["/etc/rc.local", "/etc/rc.d/rc.local", "/etc/crontab", "/etc/modules"];
/// Folders of packages, whose files count by themselves, and whose units count where they are switched on.
const RULES: [&str; 4] =
    ["/usr/lib/modules-load.d", "/usr/lib/udev/rules.d", "/lib/modules-load.d", "/lib/udev/rules.d"];
/// Programs that set up a node's GPUs by themselves: the kubelet's plugins, Slurm's prologue.
const MANAGERS: [&str; 2] = ["/var/lib/kubelet", "/etc/slurm"];

const UNITS_SPECS: [&str; 2] = ["nvidia-cdi-refresh.service", "nvidia-cdi-refresh.path"];
const UNITS_INSTANCES: [&str; 2] = ["nvidia-mig-manager.service", "nvidia-gpu-reset.target"];

pub fn look(host: &Host) -> Fact<AtBoot> {
    let source = "/etc/systemd/system, /etc/modules-load.d, /etc/udev/rules.d, /etc/rc.local, /etc/cron.d";
    let wants = wants(host);
    if let Some(gap) = wants.gap() {
        return Fact::unknown(gap.clone(), source);
    }
    let wants = wants.value().map(Vec::as_slice).unwrap_or_default();
    let texts = texts(host);
    let manager = MANAGERS.into_iter().find(|path| host.exists(path)).map(str::to_owned);
    let says = |words: &[&str]| {
        let told = texts.iter().find(|(_, text)| words.iter().any(|word| text.contains(word)));
        told.map(|(path, _)| path.clone()).or_else(|| manager.clone())
    };
    let on = |units: &[&str]| wants.iter().find(|path| units.iter().any(|unit| path.ends_with(unit))).cloned();
    let at_boot = AtBoot {
        specs: on(&UNITS_SPECS).or_else(|| says(&["cdi generate", "/cdi/", "nvidia-cdi-refresh"])),
        instances: on(&UNITS_INSTANCES).or_else(|| says(&["mig", "MIG"])),
        uvm: says(&["nvidia-uvm", "nvidia_uvm", "nvidia-current-uvm", "nvidia-modprobe", "uvm-persistence"]),
    };
    Fact::present(at_boot, source)
}

/// Links by which units are started: `/etc/systemd/system/multi-user.target.wants/nvidia-persistenced.service`.
fn wants(host: &Host) -> Fact<Vec<String>> {
    let mut links = Vec::new();
    for folder in ["/etc/systemd/system", "/usr/lib/systemd/system"] {
        let below = host.list(folder);
        if let Some(gap) = below.gap() {
            return Fact::unknown(gap.clone(), folder);
        }
        let below = below.value().into_iter().flatten();
        for name in below.filter(|name| name.ends_with(".wants") || name.ends_with(".requires")) {
            let path = format!("{folder}/{name}");
            let units = host.list(&path);
            links.extend(units.value().into_iter().flatten().map(|unit| format!("{path}/{unit}")));
        }
    }
    Fact::present(links, "/etc/systemd/system")
}

/// What may do it, with its path. A link into a package's folder is that package's unit, which `wants` tells of.
fn texts(host: &Host) -> Vec<(String, String)> {
    let in_folder = |folder: &str, fits: &dyn Fn(&str) -> bool| {
        let names = host.list(folder);
        let names = names.value().into_iter().flatten().filter(|name| fits(name)).take(MOST);
        names.map(|name| format!("{folder}/{name}")).collect::<Vec<_>>()
    };
    let own = OWN.iter().flat_map(|folder| in_folder(folder, &|_| true));
    let own: Vec<String> = own.filter(|path| host.link(path).value().is_none()).collect();
    let rules = RULES.iter().flat_map(|folder| in_folder(folder, &|name| name.contains("nvidia")));
    let files = OWN_FILES.iter().map(|path| (*path).to_owned());
    let all = own.into_iter().chain(rules).chain(files);
    all.filter_map(|path| host.text(&path).value().map(|text| (path, without_comments(text)))).collect()
}

/// All of these files have comments behind `#`.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn what_comes_back() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let look = || look(&Host::new(root.path(), std::time::Duration::from_secs(5))).value().cloned().unwrap();
        put("usr/lib/systemd/system/nvidia-cdi-refresh.service", "ExecStart=/usr/bin/nvidia-ctk cdi generate\n");
        put("etc/systemd/system/other.service", "ExecStart=/bin/true\n# nvidia-modprobe -u\n");
        assert_eq!(look(), AtBoot::default(), "a unit that nobody has switched on, and a comment");
        put("etc/systemd/system/multi-user.target.wants/nvidia-cdi-refresh.service", "");
        put("usr/lib/udev/rules.d/71-nvidia.rules", "RUN+=\"/usr/bin/nvidia-modprobe -c 0 -u\"\n");
        put("etc/systemd/system/gpus.service", "ExecStart=/usr/bin/nvidia-smi mig -cgi 9,9 -C\n");
        let told = look();
        assert!(told.specs.unwrap().ends_with("nvidia-cdi-refresh.service"));
        assert_eq!(told.uvm.as_deref(), Some("/usr/lib/udev/rules.d/71-nvidia.rules"));
        assert_eq!(told.instances.as_deref(), Some("/etc/systemd/system/gpus.service"));
    }
}

//! CDI specs: files of the folders that apply, JSON or YAML, reduced to what can be compared with the host.

use std::collections::{BTreeMap, BTreeSet};

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::DockerFacts;
use gdoctor_checks::model::facts::library::{file_version, is_drivers as is_drivers_library};
use gdoctor_checks::model::facts::toolkit::{Content, Devices, Edits, Installed, Settings, Spec};
use serde_json::{Map, Value};

use super::cdi_rules as rules;
use crate::document::fault;
use crate::host::Host;

/// nvidia-ctk writes some 20 KiB for one GPU, some 300 KiB for a large MIG machine.
const CAP: usize = 8 << 20;
const FOLDERS: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];

/// Specs of every vendor, and files that cannot be read as specs, in the engine's order: the last has priority.
pub fn specs(host: &Host, docker: &DockerFacts) -> Fact<Vec<Spec>> {
    in_folders(host, &folders(host, docker))
}

/// Those in folders of nvidia-container-runtime's own, in which the engine does not look.
pub fn runtime_specs(host: &Host, docker: &DockerFacts, settings: Option<&Settings>) -> Fact<Vec<Spec>> {
    let own = settings.and_then(|settings| settings.nvidia_container_runtime.modes.cdi.spec_dirs.clone());
    let engines = folders(host, docker);
    let mut own = own.unwrap_or_else(|| FOLDERS.map(str::to_owned).into());
    own.retain(|folder| folder.starts_with('/') && !engines.contains(folder));
    in_folders(host, &own)
}

fn in_folders(host: &Host, folders: &[String]) -> Fact<Vec<Spec>> {
    let mut specs = Vec::new();
    for folder in folders {
        let names = host.list(folder);
        if let Some(gap) = names.gap() {
            return Fact::unknown(gap.clone(), folder.as_str());
        }
        let named = names.value().into_iter().flatten().filter(|n| n.ends_with(".json") || n.ends_with(".yaml"));
        specs.extend(named.filter_map(|name| spec(host, &format!("{folder}/{name}"))));
    }
    Fact::present(specs, folders.join(", "))
}

/// What the daemon says, else the default; a rootless one looks into its user's folders too.
fn folders(host: &Host, docker: &DockerFacts) -> Vec<String> {
    let info = docker.info.value();
    let said = info.map(|info| info.cdi_spec_dirs.clone()).filter(|folders| !folders.is_empty());
    let mut folders = said.unwrap_or_else(|| FOLDERS.map(str::to_owned).into());
    if info.is_some_and(|info| info.is_rootless()) {
        let config = host.env("XDG_CONFIG_HOME").or_else(|| host.env("HOME").map(|home| format!("{home}/.config")));
        let own = [config, host.env("XDG_RUNTIME_DIR")].into_iter().flatten().map(|folder| format!("{folder}/cdi"));
        let own: Vec<String> = own.filter(|folder| !folders.contains(folder)).collect();
        folders.extend(own);
    }
    let podmans = docker.podman.value().and_then(|podman| podman.spec_dirs.clone()).unwrap_or_default();
    let more: Vec<String> = podmans.into_iter().filter(|folder| !folders.contains(folder)).collect();
    folders.extend(more);
    folders.retain(|folder| folder.starts_with('/'));
    folders
}

fn spec(host: &Host, path: &str) -> Option<Spec> {
    let bytes = host.bytes(path, CAP);
    let content = match (bytes.value(), bytes.gap()) {
        (Some(bytes), _) => content(host, path, bytes),
        (None, Some(Gap::Unparsable(why))) => Content::Malformed { line: 0, column: 0, why: why.clone() },
        (None, Some(gap)) => Content::Unreadable(gap.reason()),
        // It went between the listing and the reading, as nvidia-cdi-refresh may make it.
        (None, None) => return None,
    };
    let changed = host.stat(path).value().map_or(0, |stat| stat.ctime);
    Some(Spec { path: path.to_owned(), content, changed })
}

fn content(host: &Host, path: &str, bytes: &[u8]) -> Content {
    match parse(path, bytes) {
        Ok(spec) => Content::Read(Box::new(devices(host, &spec))),
        Err((line, column, why)) => Content::Malformed { line, column, why },
    }
}

type Fault = (usize, usize, String);

fn parse(path: &str, bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| (0, 0, "it is not UTF-8".to_owned()))?;
    let mut value: Value = if path.ends_with(".json") {
        serde_json::from_slice(text.as_bytes()).map_err(|error| fault(text, &error))?
    } else {
        serde_saphyr::from_str(text).map_err(|error| yaml_fault(&error))?
    };
    rules::make_texts(&mut value, "");
    let Value::Object(spec) = value else { return Err((0, 0, "it is no table of keys".to_owned())) };
    for key in ["cdiVersion", "kind"] {
        if !spec.get(key).is_some_and(Value::is_string) {
            return Err((0, 0, format!("it has no {key}")));
        }
    }
    Ok(spec)
}

fn yaml_fault(error: &serde_saphyr::Error) -> Fault {
    let place = error.location().map_or((0, 0), |at| (at.line() as usize, at.column() as usize));
    // The first line says what; the rest quotes the file.
    let words = error.to_string();
    let first = words.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let why = first.strip_prefix("line ").and_then(|rest| Some(rest.split_once(": ")?.1)).unwrap_or(first);
    (place.0, place.1, why.to_owned())
}

/// Fields that the CDI specification knows, up to version 1.1.0, by the objects that have them.
const SPEC_FIELDS: [&str; 5] = ["cdiVersion", "kind", "annotations", "devices", "containerEdits"];
const DEVICE_FIELDS: [&str; 3] = ["name", "annotations", "containerEdits"];
const EDIT_FIELDS: [&str; 7] = ["env", "deviceNodes", "hooks", "mounts", "intelRdt", "additionalGids", "netDevices"];
const NODE_FIELDS: [&str; 9] = ["path", "hostPath", "type", "major", "minor", "fileMode", "permissions", "uid", "gid"];
const MOUNT_FIELDS: [&str; 4] = ["hostPath", "containerPath", "options", "type"];
const HOOK_FIELDS: [&str; 5] = ["hookName", "path", "args", "env", "timeout"];

fn devices(host: &Host, spec: &Map<String, Value>) -> Devices {
    let text = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let listed = spec.get("devices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let edits = listed.iter().filter_map(|device| device.get("containerEdits")).chain(spec.get("containerEdits"));
    let all: Vec<&Value> = edits.collect();
    let names: Vec<String> =
        listed.iter().filter_map(|device| Some(device.get("name")?.as_str()?.to_owned())).collect();
    let paths: BTreeSet<String> = all.iter().flat_map(|edits| paths(edits)).collect();
    let uvm =
        all.iter().flat_map(|edits| list(edits, "deviceNodes")).find(|n| word(n, "path") == Some("/dev/nvidia-uvm"));
    let none = Value::Null;
    let each = listed.iter().filter_map(|device| {
        let edits = brought(host, device.get("containerEdits").unwrap_or(&none));
        Some((device.get("name")?.as_str()?.to_owned(), edits))
    });
    Devices {
        kind: text("kind"),
        version: text("cdiVersion"),
        missing: paths.iter().filter(|path| host.stat(path).is_absent()).cloned().collect(),
        libraries: versions(&paths),
        uvm_major: uvm.and_then(|node| node.get("major")?.as_u64()).and_then(|n| u32::try_from(n).ok()),
        uvm: uvm.is_some(),
        nodes: all.iter().flat_map(|edits| list(edits, "deviceNodes")).filter_map(|n| word(n, "path")).any(is_gpus_own),
        unknown: unknown(spec, listed),
        least: least(spec, listed).to_owned(),
        fault: rules::fault(spec, listed),
        visible: Some(all.iter().find_map(|edits| visible(edits)).unwrap_or_default().to_owned()),
        common: brought(host, spec.get("containerEdits").unwrap_or(&none)),
        each: each.collect(),
        names,
    }
}

fn is_gpus_own(path: &str) -> bool {
    path.strip_prefix("/dev/nvidia").is_some_and(|number| number.parse::<u32>().is_ok())
}

/// Every file of the host that these edits name.
fn paths(edits: &Value) -> Vec<String> {
    let nodes = list(edits, "deviceNodes").filter_map(on_host);
    let mounts = list(edits, "mounts").filter_map(|mount| word(mount, "hostPath"));
    let hooks = list(edits, "hooks").filter_map(|hook| word(hook, "path"));
    let all = nodes.chain(mounts).chain(hooks).filter(|path| path.starts_with('/'));
    all.map(str::to_owned).collect()
}

fn on_host(node: &Value) -> Option<&str> {
    word(node, "hostPath").or(word(node, "path"))
}

/// A node whose kind and number are given is not looked at (fillMissingInfo in pkg/cdi/container-edits_unix.go).
fn is_looked_at(node: &Value) -> bool {
    word(node, "type").is_none_or(str::is_empty) || node.get("major").and_then(Value::as_i64).unwrap_or_default() == 0
}

fn brought(host: &Host, edits: &Value) -> Edits {
    let gone = |path: &&str| path.starts_with('/') && host.stat(path).is_absent();
    let owned = |paths: Vec<&str>| paths.into_iter().map(str::to_owned).collect::<Vec<String>>();
    let nodes = || list(edits, "deviceNodes");
    let mounts = || list(edits, "mounts").filter_map(|mount| word(mount, "hostPath"));
    let hooks = list(edits, "hooks").filter_map(|hook| word(hook, "path"));
    let name = |path: &'_ str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let stem = |name: String| name.split(".so").next().unwrap_or_default().to_owned();
    let libraries: BTreeSet<String> = mounts().map(name).filter(|name| is_library(name)).map(stem).collect();
    Edits {
        nodes: owned(nodes().filter_map(|node| word(node, "path")).collect()),
        libraries: libraries.into_iter().collect(),
        missing_nodes: owned(nodes().filter(|n| is_looked_at(n)).filter_map(on_host).filter(gone).collect()),
        missing_files: owned(mounts().chain(hooks).filter(gone).collect()),
    }
}

fn is_library(name: &str) -> bool {
    name.contains(".so") && is_drivers_library(name)
}

/// Readers are strict: one field that they do not know, and the whole file does not count.
fn unknown(spec: &Map<String, Value>, devices: &[Value]) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut look = |object: &Value, known: &[&str]| {
        let keys = object.as_object().into_iter().flat_map(|object| object.keys());
        found.extend(keys.filter(|key| !known.contains(&key.as_str())).cloned());
    };
    look(&Value::Object(spec.clone()), &SPEC_FIELDS);
    devices.iter().for_each(|device| look(device, &DEVICE_FIELDS));
    let edits = devices.iter().filter_map(|device| device.get("containerEdits")).chain(spec.get("containerEdits"));
    for edits in edits {
        look(edits, &EDIT_FIELDS);
        list(edits, "deviceNodes").for_each(|node| look(node, &NODE_FIELDS));
        list(edits, "mounts").for_each(|mount| look(mount, &MOUNT_FIELDS));
        list(edits, "hooks").for_each(|hook| look(hook, &HOOK_FIELDS));
    }
    found.into_iter().collect()
}

/// MinimumRequiredVersion of specs-go/version.go: what came with which version of the specification.
fn least(spec: &Map<String, Value>, devices: &[Value]) -> &'static str {
    let edits: Vec<&Value> =
        devices.iter().filter_map(|device| device.get("containerEdits")).chain(spec.get("containerEdits")).collect();
    let any = |key: &str| edits.iter().any(|edits| list(edits, key).next().is_some());
    let rdt = edits.iter().filter_map(|edits| edits.get("intelRdt"));
    let newer_rdt = rdt.clone().any(|rdt| rdt.get("schemata").is_some() || rdt.get("enableMonitoring").is_some());
    let annotated = |value: &Value| value.get("annotations").and_then(Value::as_object).is_some_and(|a| !a.is_empty());
    let class = spec.get("kind").and_then(Value::as_str).and_then(|kind| kind.split_once('/')).map_or("", |(_, c)| c);
    let digit = |device: &Value| {
        device.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with(|c: char| c.is_ascii_digit()))
    };
    let elsewhere =
        edits.iter().flat_map(|edits| list(edits, "deviceNodes")).any(|node| word(node, "hostPath").is_some());
    let typed = edits.iter().flat_map(|edits| list(edits, "mounts")).any(|mount| word(mount, "type").is_some());
    if newer_rdt || any("netDevices") {
        "1.1.0"
    } else if rdt.count() > 0 || any("additionalGids") {
        "0.7.0"
    } else if annotated(&Value::Object(spec.clone())) || devices.iter().any(annotated) || class.contains('.') {
        "0.6.0"
    } else if devices.iter().any(digit) || elsewhere {
        "0.5.0"
    } else if typed {
        "0.4.0"
    } else {
        "0.3.0"
    }
}

fn visible(edits: &Value) -> Option<&str> {
    let values = edits.get("env").and_then(Value::as_array)?.iter().filter_map(Value::as_str);
    values.filter_map(|value| value.strip_prefix("NVIDIA_VISIBLE_DEVICES=")).next_back()
}

pub fn list<'a>(edits: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    edits.get(key).and_then(Value::as_array).into_iter().flatten()
}

pub fn word<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

/// Versions that NVIDIA's libraries end in, each with its first file. Others' libraries count no three numbers.
fn versions(paths: &BTreeSet<String>) -> Vec<Installed> {
    let mut versions: BTreeMap<&str, &str> = BTreeMap::new();
    for path in paths {
        let version = file_version(path).filter(|v| is_drivers(v));
        if let Some(version) = version {
            versions.entry(version).or_insert(path);
        }
    }
    versions
        .into_iter()
        .map(|(version, path)| Installed { name: path.to_owned(), version: version.to_owned() })
        .collect()
}

/// `550.54.15`, `580.95`: a driver's version begins with three digits. `libnvidia-egl-wayland.so.1.1.13` is none.
fn is_drivers(version: &str) -> bool {
    let major = version.split('.').next().unwrap_or_default();
    major.len() == 3
        && version.contains('.')
        && version.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "---\ncdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: \"0\"\n  containerEdits:\n    \
                        deviceNodes:\n    - path: /dev/nvidia0\ncontainerEdits:\n  deviceNodes:\n  - path: /dev/nvidia-uvm\n    \
                        major: 511\n  hooks:\n  - hookName: createContainer\n    path: /usr/bin/nvidia-cdi-hook\n    args: [a]\n  \
                        mounts:\n  - containerPath: /usr/lib/libcuda.so.550.54.15\n    hostPath: /usr/lib/libcuda.so.550.54.15\n    \
                        options: [ro]\n  - hostPath: /usr/lib/libnvidia-egl-wayland.so.1.1.13\n";

    #[test]
    fn json_and_yaml_say_the_same() {
        let yaml = parse("a.yaml", YAML.as_bytes()).unwrap();
        let json = serde_json::to_vec(&yaml).unwrap();
        assert_eq!(parse("a.json", &json).unwrap(), yaml);
        let devices = of(&yaml);
        assert_eq!((devices.kind.as_str(), devices.names.as_slice()), ("nvidia.com/gpu", &["0".to_owned()][..]));
        assert_eq!(devices.uvm_major, Some(511));
        assert_eq!(devices.libraries.len(), 1);
        assert_eq!(devices.libraries[0].version, "550.54.15");
        assert_eq!(devices.missing.len(), 5, "{:?}", devices.missing);
        assert!(devices.unknown.is_empty());
    }

    #[test]
    fn faults_have_a_place() {
        for (path, text, line) in [
            ("a.yaml", "cdiVersion: 0.5.0\nkind: [unclosed\n", 2),
            ("a.json", "{\"cdiVersion\": \"0.5.0\",\n \"kind\": }", 2),
            ("a.yaml", "just words", 0),
            ("a.json", "{\"cdiVersion\": \"0.5.0\"}", 0),
            ("a.yaml", "", 0),
        ] {
            let (found, _, why) = parse(path, text.as_bytes()).unwrap_err();
            assert_eq!(found, line, "{text:?}: {why}");
            assert!(!why.is_empty());
        }
        assert!(parse("a.json", b"\xff\xfe").is_err());
    }

    fn read(text: &str) -> Devices {
        of(&parse("a.yaml", text.as_bytes()).unwrap())
    }

    /// On a host that has nothing but its /dev.
    fn of(spec: &Map<String, Value>) -> Devices {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("dev/pts")).unwrap();
        devices(&Host::new(root.path(), std::time::Duration::from_secs(1)), spec)
    }

    #[test]
    fn what_readers_are_strict_about() {
        let spec = |rest: &str| format!("cdiVersion: 0.5.0\nkind: nvidia.com/gpu\n{rest}");
        let device = |name: &str, edits: &str| format!("- name: {name:?}\n  containerEdits:\n    {edits}\n");
        let node = "deviceNodes: [{path: /dev/nvidia0}]";
        for (rest, least, fault, unknown) in [
            (format!("devices:\n{}", device("gpu0", node)), "0.3.0", None, &[][..]),
            (format!("devices:\n{}", device("0", node)), "0.5.0", None, &[]),
            (
                format!("devices:\n{}", device("g", "mounts: [{hostPath: /a, containerPath: /a, type: bind}]")),
                "0.4.0",
                None,
                &[],
            ),
            (
                format!("devices:\n{}", device("g", "deviceNodes: [{path: /dev/a, hostPath: /dev/b}]")),
                "0.5.0",
                None,
                &[],
            ),
            (format!("annotations: {{a.b/c: d}}\ndevices:\n{}", device("g", node)), "0.6.0", None, &[]),
            (format!("devices:\n{}", device("g", "additionalGids: [44]")), "0.7.0", None, &[]),
            (format!("devices:\n{}", device("g", "netDevices: [{hostInterfaceName: a, name: b}]")), "1.1.0", None, &[]),
            ("devices: []\n".to_owned(), "0.3.0", Some("it has no device"), &[]),
            (
                format!("devices:\n{}{}", device("0", node), device("0", node)),
                "0.5.0",
                Some("it has the device 0 twice"),
                &[],
            ),
            (
                "devices:\n- name: g\n  containerEdits: {}\n".to_owned(),
                "0.3.0",
                Some("its device g brings nothing"),
                &[],
            ),
            (
                format!("devices:\n{}", device("g", "deviceNodes: [{path: /dev/a, colour: red}]")),
                "0.3.0",
                None,
                &["colour"],
            ),
            (format!("fooBar: 1\ndevices:\n{}", device("g", node)), "0.3.0", None, &["fooBar"]),
        ] {
            let read = read(&spec(&rest));
            assert_eq!((read.least.as_str(), read.fault.as_deref()), (least, fault), "{rest}");
            assert_eq!(read.unknown, unknown, "{rest}");
        }
    }

    #[test]
    fn what_each_device_brings_and_what_all_do() {
        let text = "cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: \"0\"\n  containerEdits:\n    deviceNodes:\n    - \
                    path: /dev/nvidia0\n    - {path: /dev/dri/card1, type: c, major: 226, minor: 1}\ncontainerEdits:\n  env: \
                    [NVIDIA_VISIBLE_DEVICES=void]\n  deviceNodes: [{path: /dev/nvidiactl}]\n  hooks: [{hookName: createContainer, \
                    path: /usr/bin/nvidia-cdi-hook}]\n  mounts:\n  - {hostPath: /usr/lib/libcuda.so.550.54.15, containerPath: /a}\n  \
                    - {hostPath: /usr/bin/nvidia-smi, containerPath: /b}\n";
        let read = read(text);
        assert_eq!(read.visible.as_deref(), Some("void"));
        let own = &read.each["0"];
        assert_eq!(own.nodes, ["/dev/nvidia0", "/dev/dri/card1"]);
        assert_eq!(own.missing_nodes, ["/dev/nvidia0"], "a node that is given in full is not looked at");
        assert_eq!(
            (read.common.nodes.as_slice(), read.common.libraries.as_slice()),
            (&["/dev/nvidiactl".to_owned()][..], &["libcuda".to_owned()][..])
        );
        assert_eq!(read.common.missing_files.len(), 3, "{:?}", read.common.missing_files);
    }

    #[test]
    fn hostile_yaml_ends_soon() {
        let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
        for (one, other) in "abcdefghi".chars().zip("bcdefghij".chars()) {
            bomb += &format!("{other}: &{other} [*{one},*{one},*{one},*{one},*{one},*{one},*{one},*{one},*{one}]\n");
        }
        assert!(parse("a.yaml", bomb.as_bytes()).is_err());
        assert!(parse("a.yaml", "[".repeat(100_000).as_bytes()).is_err());
        assert!(parse("a.json", "[".repeat(100_000).as_bytes()).is_err());
        for end in 0..YAML.len() {
            let _ = parse("a.yaml", YAML.get(..end).unwrap_or_default().as_bytes());
        }
    }
}

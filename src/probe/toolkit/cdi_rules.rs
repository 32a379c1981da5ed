//! What readers of CDI specs refuse a whole file for, beside its version and its fields: Spec.validate of
//! pkg/cdi/spec.go, ContainerEdits.Validate of container-edits.go and pkg/parser of the CDI library. Its releases 0.3 to 1.1 agree.

use serde_json::{Map, Value};

use super::cdi::{list, word};

const HOOKS: [&str; 6] = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];
const NODE_TYPES: [&str; 5] = ["", "b", "c", "u", "p"];
/// Fields that hold numbers, switches or tables; all others hold texts, or lists of them.
const NUMBERS: [&str; 6] = ["major", "minor", "fileMode", "uid", "gid", "timeout"];
const SWITCHES: [&str; 3] = ["enableCMT", "enableMBM", "enableMonitoring"];
const LISTS: [&str; 8] =
    ["devices", "env", "deviceNodes", "hooks", "mounts", "additionalGids", "netDevices", "options"];

/// sigs.k8s.io/yaml makes a text of a number or a switch wherever a text is wanted.
pub fn make_texts(value: &mut Value, key: &str) {
    match value {
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| make_texts(value, key)),
        Value::Array(values) => values.iter_mut().for_each(|value| make_texts(value, key)),
        Value::Number(_) | Value::Bool(_)
            if !NUMBERS.contains(&key) && !SWITCHES.contains(&key) && key != "additionalGids" =>
        {
            *value = Value::String(value.to_string());
        }
        _ => {}
    }
}

/// The first thing in a spec for which readers refuse it.
pub fn fault(spec: &Map<String, Value>, devices: &[Value]) -> Option<String> {
    let kind = spec.get("kind").and_then(Value::as_str).unwrap_or_default();
    let (vendor, class) = kind.split_once('/').unwrap_or(("", kind));
    if !is_name(vendor, false, "_-.") || !is_name(class, false, "_-.") {
        return Some(format!("its kind {kind:?} is no vendor and class"));
    }
    let none = Value::Null;
    if let Some(fault) =
        types(&Value::Object(spec.clone())).or_else(|| edits(spec.get("containerEdits").unwrap_or(&none)))
    {
        return Some(fault);
    }
    let mut names: Vec<&str> = Vec::new();
    for device in devices {
        let name = word(device, "name").unwrap_or_default();
        if !is_name(name, true, "_-.:") {
            return Some(format!("{name:?} is no name of a device"));
        }
        let own = device.get("containerEdits").unwrap_or(&none);
        if is_empty(own) {
            return Some(format!("its device {name} brings nothing"));
        }
        if let Some(fault) = edits(own) {
            return Some(format!("of its device {name}, {fault}"));
        }
        if names.contains(&name) {
            return Some(format!("it has the device {name} twice"));
        }
        names.push(name);
    }
    names.is_empty().then(|| "it has no device".to_owned())
}

fn edits(edits: &Value) -> Option<String> {
    let of_env = |of: &Value| {
        let bad = list(of, "env").filter_map(Value::as_str).find(|one| one.find('=').is_none_or(|at| at == 0))?;
        Some(format!("the variable {bad:?} has no name and \"=\""))
    };
    let text = |of: &Value, key: &str| word(of, key).unwrap_or_default().to_owned();
    let of_node = |node: &Value| {
        let (path, kind, rights) = (text(node, "path"), text(node, "type"), text(node, "permissions"));
        match () {
            () if path.is_empty() => Some("a device node has no path".to_owned()),
            () if !NODE_TYPES.contains(&kind.as_str()) => Some(format!("the node {path} has the type {kind:?}")),
            () if rights.contains(|right| !"rwm".contains(right)) => {
                Some(format!("the node {path} has the permissions {rights:?}"))
            }
            () => None,
        }
    };
    let of_hook = |hook: &Value| {
        let name = text(hook, "hookName");
        match () {
            () if !HOOKS.contains(&name.as_str()) => Some(format!("{name:?} is no name of a hook")),
            () if text(hook, "path").is_empty() => Some(format!("a hook {name} has no path")),
            () => of_env(hook),
        }
    };
    let of_mount = |mount: &Value| {
        let empty = ["hostPath", "containerPath"].into_iter().find(|key| text(mount, key).is_empty())?;
        Some(format!("a mount has no {empty}"))
    };
    let of_device = |device: &Value| {
        let empty = ["hostInterfaceName", "name"].into_iter().find(|key| text(device, key).is_empty())?;
        Some(format!("a network device has no {empty}"))
    };
    let closed = || {
        let id = text(edits.get("intelRdt")?, "closID");
        let bad = id.len() >= 4096 || [".", ".."].contains(&id.as_str()) || id != "/" && id.contains(['/', '\n']);
        bad.then(|| format!("closID is {id:?}"))
    };
    of_env(edits)
        .or_else(|| list(edits, "deviceNodes").find_map(of_node))
        .or_else(|| list(edits, "hooks").find_map(of_hook))
        .or_else(|| list(edits, "mounts").find_map(of_mount))
        .or_else(closed)
        .or_else(|| list(edits, "netDevices").find_map(of_device))
}

fn is_empty(edits: &Value) -> bool {
    let nothing = |value: &Value| match value {
        Value::Array(values) => values.is_empty(),
        Value::Object(_) => false,
        _ => true,
    };
    edits.as_object().is_none_or(|edits| edits.values().all(nothing))
}

/// Values that do not fit the field, which Go's decoder refuses.
fn types(value: &Value) -> Option<String> {
    match value {
        Value::Object(fields) => fields.iter().find_map(|(key, value)| {
            let fits = match value {
                Value::Null => true,
                _ if LISTS.contains(&key.as_str()) => value.is_array(),
                _ if NUMBERS.contains(&key.as_str()) => value.is_i64() || value.is_u64(),
                _ if SWITCHES.contains(&key.as_str()) => value.is_boolean(),
                _ => true,
            };
            if fits { types(value) } else { Some(format!("{key} is {value}")) }
        }),
        Value::Array(values) => values.iter().find_map(types),
        _ => None,
    }
}

/// Letters and digits, and these signs between them; a vendor and a class begin with a letter.
fn is_name(name: &str, digit_first: bool, signs: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || digit_first && c.is_ascii_digit();
    name.starts_with(first)
        && name.ends_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_part_takes_the_whole_file_out() {
        let node = r#""deviceNodes": [{"path": "/dev/nvidia0", "type": "c", "permissions": "rw"}]"#;
        for (name, edits, common, why) in [
            ("0", node, "", None),
            ("GPU-1:0_a.b", r#""additionalGids": [44]"#, "", None),
            ("0", node, r#""env": ["A="], "hooks": [{"hookName": "poststop", "path": "/a", "timeout": 1}]"#, None),
            ("0/1", node, "", Some("\"0/1\" is no name of a device")),
            ("-0", node, "", Some("\"-0\" is no name of a device")),
            ("", node, "", Some("\"\" is no name of a device")),
            ("0", "", "", Some("its device 0 brings nothing")),
            ("0", r#""env": ["A"]"#, "", Some("of its device 0, the variable \"A\" has no name and \"=\"")),
            ("0", node, r#""env": ["=a"]"#, Some("the variable \"=a\" has no name and \"=\"")),
            ("0", node, r#""env": "A=b""#, Some("env is \"A=b\"")),
            (
                "0",
                node,
                r#""hooks": [{"hookName": "createcontainer", "path": "/a"}]"#,
                Some("\"createcontainer\" is no name of a hook"),
            ),
            ("0", node, r#""hooks": [{"hookName": "prestart"}]"#, Some("a hook prestart has no path")),
            (
                "0",
                node,
                r#""hooks": [{"hookName": "prestart", "path": "/a", "env": ["B"]}]"#,
                Some("the variable \"B\" has no name and \"=\""),
            ),
            ("0", node, r#""mounts": [{"hostPath": "/a"}]"#, Some("a mount has no containerPath")),
            ("0", node, r#""mounts": [{"containerPath": "/a"}]"#, Some("a mount has no hostPath")),
            (
                "0",
                node,
                r#""deviceNodes": [{"path": "/dev/a", "type": "char"}]"#,
                Some("the node /dev/a has the type \"char\""),
            ),
            (
                "0",
                node,
                r#""deviceNodes": [{"path": "/dev/a", "permissions": "rwx"}]"#,
                Some("the node /dev/a has the permissions \"rwx\""),
            ),
            ("0", node, r#""deviceNodes": [{"hostPath": "/dev/a"}]"#, Some("a device node has no path")),
            ("0", node, r#""deviceNodes": [{"path": "/dev/a", "major": "one"}]"#, Some("major is \"one\"")),
            ("0", node, r#""intelRdt": {"closID": "a/b"}"#, Some("closID is \"a/b\"")),
            ("0", node, r#""netDevices": [{"name": "a"}]"#, Some("a network device has no hostInterfaceName")),
        ] {
            let text = format!(
                r#"{{"cdiVersion": "1.1.0", "kind": "nvidia.com/gpu", "devices": [{{"name": "{name}", "containerEdits": {{{edits}}}}}], "containerEdits": {{{common}}}}}"#
            );
            let spec: Map<String, Value> = serde_json::from_str(&text).unwrap();
            let devices = spec["devices"].as_array().unwrap();
            assert_eq!(fault(&spec, devices).as_deref(), why, "{text}");
        }
    }

    #[test]
    fn a_number_is_a_text_where_a_text_is_wanted() {
        let mut spec = serde_json::json!({"cdiVersion": 0.5, "devices": [{"name": 0, "containerEdits": {"deviceNodes": [{"major": 1, "type": "c"}]}}]});
        make_texts(&mut spec, "");
        assert_eq!((&spec["cdiVersion"], &spec["devices"][0]["name"]), (&Value::from("0.5"), &Value::from("0")));
        assert_eq!(spec["devices"][0]["containerEdits"]["deviceNodes"][0]["major"], 1);
    }
}

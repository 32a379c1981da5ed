//! What of a container decides how a GPU gets into it: runtime, requests, names, variables, mounts, rights.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use crate::model::fact::Stop;
use crate::model::fact::{Gap, Source};
use crate::model::facts::Facts;
use crate::model::run::{GpuRequest, RunLine, RunOption};

/// A container as docker is told to make it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    /// `--runtime`; `None`: the daemon's default.
    pub runtime: Option<String>,
    /// `--gpus`, in order.
    pub requests: Vec<Request>,
    /// CDI names behind `--device`, of every vendor: one request of its own, after the others.
    pub names: Vec<String>,
    /// The image's variables, with those of the line over them.
    pub variables: BTreeMap<String, String>,
    /// Devices that are asked for by a mount of /dev/null below /var/run/nvidia-container-devices.
    pub mounted: Vec<String>,
    /// `--annotation`, by its name.
    pub annotations: BTreeMap<String, String>,
    /// It gets CAP_SYS_ADMIN.
    pub is_admin: bool,
}

/// One device request as docker's client sends it (docker/cli opts/gpus.go).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// -1 is all; 0 where devices are named.
    pub count: i64,
    pub devices: Vec<String>,
    /// Without `gpu`, which the client adds.
    pub capabilities: Vec<String>,
    pub driver: String,
    pub has_options: bool,
}

const BY_MOUNT: &str = "/var/run/nvidia-container-devices";

impl Container {
    /// Stops with Unknown where a variable of NVIDIA's comes from a command that is not run.
    pub fn of_line(facts: &Facts, line: &RunLine) -> Result<Self, Stop> {
        let image = facts.run.image.value();
        let mut variables = image.map(|image| image.variables.clone()).unwrap_or_default();
        for variable in &line.variables {
            if variable.at.opaque && variable.name.starts_with("NVIDIA_") {
                let gap = Gap::Unsupported(format!("{} comes from a command that gdoctor does not run", variable.name));
                return Err(Stop::Unknown(gap, Source::default()));
            }
            if let Some(value) = &variable.value {
                variables.insert(variable.name.clone(), value.clone());
            }
        }
        let runtime = line.last("runtime").map(|option| option.value.clone()).filter(|name| !name.is_empty());
        let named = |device: &crate::model::run::Device| device.cdi.then(|| device.host.clone());
        let by_mount = |mount: &crate::model::run::Mount| {
            let name = mount.target.strip_prefix(BY_MOUNT)?.trim_matches('/');
            (mount.source == "/dev/null" && !name.is_empty()).then(|| name.to_string())
        };
        Ok(Self {
            runtime,
            requests: line.gpus.iter().map(Request::of).collect(),
            names: line.devices.iter().filter_map(named).collect(),
            variables,
            annotations: line.all("annotation").filter_map(|option| annotation(&option.value)).collect(),
            mounted: line.mounts.iter().filter_map(by_mount).collect(),
            is_admin: line.switch("privileged").is_some() || line.all("cap-add").any(gives_admin),
        })
    }

    /// All GPUs, by one of the three flags.
    pub fn of_flag(flag: &str) -> Self {
        match flag.split_once([' ', '=']) {
            None => Self::with_gpus(&["all"]),
            Some(("--runtime", _)) => Self::with_runtime(&["all"]),
            Some(_) => Self::with_names(&["all"]),
        }
    }

    /// `--gpus all` and nothing else.
    pub fn with_gpus(devices: &[&str]) -> Self {
        let request = match devices {
            ["all"] => Request { count: -1, ..Request::default() },
            _ => Request { devices: devices.iter().map(ToString::to_string).collect(), ..Request::default() },
        };
        Self { requests: vec![request], ..Self::default() }
    }

    /// `--runtime=nvidia -e NVIDIA_VISIBLE_DEVICES=…`.
    pub fn with_runtime(devices: &[&str]) -> Self {
        let variables = BTreeMap::from([("NVIDIA_VISIBLE_DEVICES".to_string(), devices.join(","))]);
        Self { runtime: Some("nvidia".to_string()), variables, ..Self::default() }
    }

    /// `--device nvidia.com/gpu=…`.
    pub fn with_names(devices: &[&str]) -> Self {
        let names = devices.iter().map(|name| format!("nvidia.com/gpu={name}")).collect();
        Self { names, ..Self::default() }
    }
}

impl Request {
    fn of(request: &GpuRequest) -> Self {
        Self {
            count: request.count.unwrap_or_default(),
            devices: request.devices.clone(),
            capabilities: request.capabilities.clone(),
            driver: request.driver.clone(),
            has_options: request.has_options,
        }
    }

    /// getRequestedDevicesIDs of moby's daemon/devices_nvidia_linux.go.
    pub fn ids(&self) -> Vec<String> {
        match self.count {
            _ if !self.devices.is_empty() => self.devices.clone(),
            count if count < 0 => vec!["all".to_string()],
            count => (0..count.min(4096)).map(|index| index.to_string()).collect(),
        }
    }
}

fn annotation(value: &str) -> Option<(String, String)> {
    value.split_once('=').map(|(name, value)| (name.to_string(), value.to_string()))
}

fn gives_admin(option: &RunOption) -> bool {
    let name = option.value.to_ascii_uppercase();
    ["SYS_ADMIN", "CAP_SYS_ADMIN", "ALL"].contains(&name.as_str())
}

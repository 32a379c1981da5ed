//! The ways of a GPU into a container, against starts of real containers with NVIDIA's real programs: what docker did with each
//! line on each host, and what gdoctor says of the same host and line. `starts.tsv` has the starts, `states.toml` the hosts.
//! They were made once, on a host with NVIDIA's mock of NVML, and cannot be made anew by a test.
#![allow(clippy::disallowed_methods)]

mod table;

use std::collections::{BTreeMap, BTreeSet};

use gdoctor::judge::judge_all;
use gdoctor::need::run_line;
use gdoctor::policy::{FailOn, Status};
use gdoctor::report::start::{self, Starts};
use gdoctor::report::{self, Frame};
use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::docker::{DiscoveredDevice, EngineVersion, Info, Runtime};
use gdoctor_checks::model::facts::image::ImageFacts;
use gdoctor_checks::model::facts::toolkit::DaemonFile;
use gdoctor_checks::model::need::{Need, Origin};
use gdoctor_checks::readings::passage::Container;
use serde::Deserialize;

const STATES: &str = "tests/gpu_ways/states.toml";

/// One start that was made.
struct Start {
    engine: String,
    state: String,
    label: String,
    options: String,
    starts: bool,
    /// `None`: not looked at.
    devices: Option<BTreeSet<String>>,
    libraries: Option<BTreeSet<String>>,
    message: String,
}

fn starts(file: &str) -> Vec<Start> {
    let text = std::fs::read_to_string(file).unwrap();
    let set = |text: &str| (text != "?").then(|| text.split_whitespace().map(str::to_owned).collect());
    let row = |line: &str| {
        let [engine, state, label, options, starts, devices, libraries, message] =
            line.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("{line}")
        };
        Start {
            engine: engine.into(),
            state: state.into(),
            label: label.into(),
            options: options.into(),
            starts: starts == "yes",
            devices: set(devices),
            libraries: set(libraries),
            message: message.into(),
        }
    };
    text.lines().skip(1).map(row).collect()
}

/// The hosts.
struct Hosts {
    states: States,
    shelf: table::Shelf,
}

#[derive(Deserialize)]
struct States {
    image: BTreeMap<String, BTreeMap<String, String>>,
    state: BTreeMap<String, State>,
    label: BTreeMap<String, State>,
    lost: BTreeMap<String, String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct State {
    base: Vec<String>,
    /// Devices that the engine lists where it lists any.
    told: Option<Vec<String>>,
    /// features.cdi and cdi-spec-dirs of daemon.json.
    cdi: Option<bool>,
    dirs: Option<Vec<String>>,
    /// The default runtime.
    default: Option<String>,
    /// Runtimes besides runc and nvidia.
    runtimes: BTreeMap<String, String>,
    /// There is no runtime nvidia.
    unregistered: bool,
}

impl Hosts {
    fn read() -> Self {
        let states = toml::from_str(&std::fs::read_to_string(STATES).unwrap()).unwrap();
        Self { states, shelf: table::Shelf::read(STATES) }
    }

    fn of(&self, start: &Start) -> State {
        let mut state =
            self.states.state.get(&start.state).unwrap_or_else(|| panic!("no state {:?}", start.state)).clone();
        if let Some(label) = self.states.label.get(&start.label) {
            state.base.extend(label.base.clone());
            state.told = label.told.clone().or(state.told);
        }
        state
    }

    fn facts(&self, start: &Start) -> Facts {
        let state = self.of(start);
        let names: Vec<String> = ["lab".to_owned()].into_iter().chain(state.base.clone()).collect();
        let mut facts = self.shelf.facts(&names);
        let (api, cdi_by_default, lists) = match start.engine.as_str() {
            "26.1.5" => ("1.45", false, false),
            "28.5.2" => ("1.51", true, true),
            "29.7.2" => ("1.55", true, true),
            other => panic!("no engine {other}"),
        };
        let version =
            EngineVersion { version: start.engine.clone(), api_version: api.into(), ..EngineVersion::default() };
        let on = state.cdi.unwrap_or(cdi_by_default);
        let dirs = state.dirs.clone().unwrap_or_else(|| vec!["/etc/cdi".into(), "/var/run/cdi".into()]);
        let listed = state.told.clone().filter(|_| lists && on).unwrap_or_default();
        let program = |path: &str| Runtime { path: path.to_owned() };
        let mut runtimes: BTreeMap<String, Runtime> =
            state.runtimes.iter().map(|(name, path)| (name.clone(), program(path))).collect();
        runtimes.insert("runc".into(), program("runc"));
        if !state.unregistered {
            runtimes.insert("nvidia".into(), program("nvidia-container-runtime"));
        }
        let info = Info {
            operating_system: "Debian GNU/Linux 12 (bookworm)".into(),
            architecture: "x86_64".into(),
            docker_root_dir: "/var/lib/docker".into(),
            driver: "overlay2".into(),
            cgroup_driver: "cgroupfs".into(),
            cgroup_version: "1".into(),
            default_runtime: state.default.clone().unwrap_or_else(|| "runc".into()),
            runtimes,
            cdi_spec_dirs: dirs.iter().filter(|dir| on && !dir.is_empty()).cloned().collect(),
            discovered_devices: listed
                .iter()
                .map(|name| DiscoveredDevice { source: "cdi".into(), id: format!("nvidia.com/gpu={name}") })
                .collect(),
            ..Info::default()
        };
        facts.docker.version = Fact::present(version, "GET /version");
        facts.docker.info = Fact::present(info, "GET /info");
        let file = DaemonFile {
            path: "/etc/docker/daemon.json".into(),
            in_use: true,
            registers: !state.unregistered,
            cdi: state.cdi,
            shims: BTreeMap::new(),
            spec_dirs: state.dirs.clone(),
            changed: 100,
        };
        facts.toolkit.daemon_files = Fact::present(vec![file], "/etc/docker/daemon.json");
        facts
    }
}

/// The host and the line of one start.
fn given(hosts: &Hosts, start: &Start) -> (Facts, Need) {
    let mut facts = hosts.facts(start);
    let options = match hosts.states.lost.get(&start.label) {
        Some(lost) => format!("{lost} {}", start.options),
        None => start.options.clone(),
    };
    let line = table::parse_line(&format!("docker run --rm {options}"), &BTreeMap::new());
    let image = line.image.as_ref().unwrap().reference.clone();
    let variables = hosts.states.image.get(&image).unwrap_or_else(|| panic!("no image {image}")).clone();
    let here = ImageFacts { os: "linux".into(), architecture: "amd64".into(), variables, ..ImageFacts::default() };
    facts.run.image = Fact::present(here, "GET /images/IMAGE/json");
    // Nothing else keeps these lines: names and paths are free, nothing is published.
    facts.run.names = Fact::present(Vec::new(), "GET /containers/json");
    for path in ["/dev/null", "/dev/nvidia0", "/dev/nvidiactl"] {
        let device = gdoctor_checks::model::facts::run::Lies::CharDevice;
        facts.run.sources.insert(path.into(), Fact::present(device, path));
    }
    let mut need = Need { docker: Some(Origin::Default), ..Need::default() };
    run_line::add(&mut need, line);
    (facts, need)
}

/// What gdoctor says of one start, and its failing and unknown findings about GPUs and the line.
fn foretell(hosts: &Hosts, start: &Start) -> (Starts, String) {
    let (facts, need) = given(hosts, start);
    let judged = judge_all(&facts, &need, |_| true);
    let report = report::write(&facts, &need, &judged, FailOn::Fail, Frame::default());
    let told = |status: Status| matches!(status, Status::Fail | Status::Unknown);
    let of_gpus = |id: &str| ["nvidia-", "run-line-", "gpu-", "driver-"].iter().any(|family| id.starts_with(family));
    let why = report.results.iter().filter(|outcome| told(outcome.status) && of_gpus(outcome.id));
    let why: Vec<String> = why.map(|outcome| format!("{} {}", outcome.status.word(), outcome.code)).collect();
    (start::verdict(need.run.as_ref().unwrap(), &report.results), why.join(", "))
}

#[test]
fn what_docker_did_is_foretold() {
    foretold("tests/gpu_ways/starts.tsv");
}

/// Starts that nobody made: what comes of each was written down from the programs' sources before gdoctor was asked. In the place
/// of a message they have the reason.
#[test]
fn what_the_sources_say_is_foretold() {
    foretold("tests/gpu_ways/foretold.tsv");
    comes_inside("tests/gpu_ways/foretold.tsv");
}

/// What came inside of the containers that started.
#[test]
fn what_comes_inside_is_foretold() {
    comes_inside("tests/gpu_ways/starts.tsv");
}

fn foretold(file: &str) {
    let hosts = Hosts::read();
    let mut by: BTreeMap<(String, String), (usize, usize)> = BTreeMap::new();
    let (mut wrong_yes, mut wrong, mut unknown, mut right) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for start in starts(file) {
        let (told, why) = foretell(&hosts, &start);
        let line = format!(
            "{} {} {}: {} | {} | {}",
            start.engine, start.state, start.label, start.options, start.message, why
        );
        let counted = by.entry((start.engine.clone(), start.state.clone())).or_default();
        counted.1 += 1;
        match (told, start.starts) {
            (Starts::Yes, true) | (Starts::No, false) => {
                right += 1;
                counted.0 += 1;
            }
            (Starts::Yes, false) => wrong_yes.push(line),
            (Starts::No, true) => wrong.push(line),
            (Starts::Unknown, _) => unknown.push(line),
        }
    }
    for ((engine, state), (right, all)) in &by {
        println!("{engine} {state}: {right} of {all}");
    }
    for engine in ["26.1.5", "28.5.2", "29.7.2"] {
        let of = by.iter().filter(|((e, _), _)| e == engine);
        let (right, all) = of.fold((0, 0), |sum, (_, (right, all))| (sum.0 + right, sum.1 + all));
        println!("{engine}: {right} of {all}");
    }
    wrong_yes.iter().for_each(|line| println!("foretold yes, refused: {line}"));
    wrong.iter().for_each(|line| println!("foretold no, started: {line}"));
    unknown.iter().for_each(|line| println!("not known: {line}"));
    println!(
        "{right} right, {} yes and refused, {} no and started, {} not known",
        wrong_yes.len(),
        wrong.len(),
        unknown.len()
    );
    assert_eq!((wrong_yes.len(), wrong.len(), unknown.len()), (0, 0, 0));
}

fn comes_inside(file: &str) {
    let hosts = Hosts::read();
    let (mut right, mut wrong) = (0, Vec::new());
    for start in starts(file).into_iter().filter(|start| start.starts) {
        let (facts, need) = given(&hosts, &start);
        let line = need.run.as_ref().unwrap();
        let passage = Container::of_line(&facts, line).and_then(|container| facts.passage(&container)).unwrap();
        let mut devices: BTreeSet<String> = passage.nodes.iter().map(|path| short(path)).collect();
        // Nodes that the line names itself are no part of the way.
        let own = line.devices.iter().filter(|device| !device.cdi).map(|device| short(&device.host));
        devices.extend(own);
        let watched = ["libGLX_nvidia", "libcuda", "libnvcuvid", "nv-encode", "nv-glcore", "nv-ml", "nv-ngx"];
        let libraries: BTreeSet<String> = passage
            .libraries
            .iter()
            .map(|stem| stem.replace("libnvidia-", "nv-"))
            .filter(|stem| watched.contains(&stem.as_str()))
            .collect();
        let same = start.devices.as_ref().is_none_or(|seen| *seen == devices)
            && start.libraries.as_ref().is_none_or(|seen| *seen == libraries);
        match same {
            true => right += 1,
            false => wrong.push(format!(
                "{} {} {}: {}: {devices:?} {libraries:?}, and inside were {:?} {:?}",
                start.engine, start.state, start.label, start.options, start.devices, start.libraries
            )),
        }
    }
    wrong.iter().for_each(|line| println!("{line}"));
    println!("{right} right, {} wrong", wrong.len());
    assert!(wrong.is_empty());
}

fn short(path: &str) -> String {
    path.trim_start_matches("/dev/nvidia").trim_start_matches('-').to_owned()
}

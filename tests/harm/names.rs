//! Names that are words of gdoctor's own: whoever and whatever is called like a key, a word of an enum or a word of the report, a
//! shared file says the same as the host's facts, can be read, and does not tell the name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use gdoctor::judge;
use gdoctor::need::Evident;
use gdoctor::policy;
use gdoctor::snapshot::redact::Redactor;
use gdoctor::snapshot::tree::{Tree, tree};
use gdoctor::snapshot::{Made, Snapshot};
use gdoctor_checks::ALL;
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::need::Need;
use serde_json::{Value, json};

use crate::gdoctor;
use crate::table::{Table, host_files};

/// Every key and every word of an enum that facts, need and report have.
fn words() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let paths = ALL.iter().map(|check| format!("checks/{}/cases.toml", check.folder())).chain(host_files());
    for case in paths.flat_map(|path| Table::read(&path).cases) {
        for grown in [tree(&case.facts).unwrap(), tree(&case.need).unwrap()] {
            grown.each(&mut |leaf| {
                if let Tree::Fixed(Value::String(word)) = leaf {
                    words.insert(word.clone());
                }
            });
        }
    }
    for schema in ["docs/gdoctor-report-1.json", "docs/gdoctor-toml-1.json"] {
        let schema: Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
        of_schema(&schema, &mut words);
    }
    // What is no name at all, and names that every system has.
    let everybodys = [
        "root",
        "docker",
        "podman",
        "containerd",
        "users",
        "video",
        "user",
        "host",
        "none",
        "default",
        "localhost",
        "https",
    ];
    words.retain(|word| {
        word.len() > 1
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
            && !everybodys.contains(&word.to_ascii_lowercase().as_str())
    });
    words
}

fn of_schema(schema: &Value, words: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        words.extend(properties.keys().cloned());
    }
    for word in schema["enum"].as_array().into_iter().flatten().chain(schema.get("const")) {
        words.extend(word.as_str().map(str::to_owned));
    }
    match schema {
        Value::Object(map) => map.values().for_each(|inner| of_schema(inner, words)),
        Value::Array(list) => list.iter().for_each(|inner| of_schema(inner, words)),
        _ => {}
    }
}

/// What a host's names are.
struct Names<'a> {
    login: &'a str,
    host: &'a str,
    container: &'a str,
    registry: &'a str,
}

const NEUTRAL: Names =
    Names { login: "wilhelmina", host: "some-host", container: "some-container", registry: "some-registry" };

fn host(names: &Names) -> Facts {
    let Names { login, host, container, registry } = names;
    let facts = json!({
        "host": {
            "user": { "is": { "name": login, "uid": 1000, "groups": [1000], "account_groups": [1000] }, "source": "getpwuid(1000)" },
            "systemd": { "is": "/run/systemd/system", "source": "/run/systemd/system" },
        },
        "display": { "hostname": { "is": host, "source": "uname -n" },
            "subuids": { "is": [{ "owner": login, "first": 100_000, "count": 65_536 }], "source": "/etc/subuid" } },
        "docker": {
            "client": { "is": { "path": "/usr/bin/docker", "package": "docker-ce" } },
            "endpoint": { "is": { "address": { "unix": format!("/home/{login}/docker.sock") }, "chosen_by": "docker-host" } },
            "socket": { "is": { "is_socket": true, "uid": 0, "gid": 999, "group": login, "mode": 0o660 } },
            "reach": { "is": "answers", "source": "GET /_ping" },
            "config": { "is": { "read": { "keys": ["mtu", "insecure-registries", "log-driver"], "runtimes": ["nvidia"],
                "insecure_registries": [format!("{registry}:5000")],
                "settings": { "kinds": { "mtu": "number", "insecure-registries": "list", "log-driver": "text" }, "mtu": 1500, "log_driver": "json-file",
                    "data_root": format!("/home/{login}/docker") } } }, "source": "/etc/docker/daemon.json" },
            "info": { "is": { "Name": host, "OSType": "linux", "Architecture": "x86_64", "Driver": "overlay2", "CgroupVersion": "2",
                "DockerRootDir": format!("/home/{login}/docker"), "NoProxy": format!("{registry}:5000,10.1.2.3"),
                "Warnings": ["WARNING: No swap limit support", format!("https://{registry}/v2/: 503")],
                "SecurityOptions": ["name=seccomp"], "Runtimes": { "runc": { "path": "runc" }, "nvidia": { "path": "/usr/bin/nvidia-container-runtime" } },
                "DefaultRuntime": "runc", "LoggingDriver": "json-file",
                "RegistryConfig": { "InsecureRegistryCIDRs": ["127.0.0.0/8"], "IndexConfigs": { format!("{registry}:5000"): { "Secure": false } } } }, "source": "GET /info" },
            "containers": { "is": [{ "Id": "0a1b2c", "Names": [format!("/{container}")], "Image": format!("{registry}:5000/app:1"),
                "Ports": [{ "IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp" }] }], "source": "GET /containers/json" },
        },
        "port": { "looks": { "is": [{ "port": { "first": 8080, "last": 8080, "protocol": "tcp" }, "spans": [
            { "first": 8080, "last": 8080, "bind": { "is": "in-use" }, "holder": { "is": { "container": { "name": container, "image": format!("{registry}:5000/app:1") } } }, "next_free": 8081 }] }] } },
        "registry": { "looks": { "is": [{ "registry": { "host": registry, "port": 5000 }, "addresses": { "is": ["10.1.2.3"] },
            "https": { "is": { "tls": "unknown-authority" } }, "https_unverified": { "is": { "http": { "status": 200, "registry": true, "server": "" } } },
            "certificate": { "is": { "subject_alt_names": [registry], "from": "2026-01-01", "until": "2027-01-01", "days_left": 100 } },
            "storage": { "is": { "path": format!("/home/{login}/blobs"), "container": container, "image": "registry:2" } } }] } },
        "run": { "names": { "is": [container] } },
    });
    serde_json::from_value(facts).unwrap()
}

fn need(Names { registry, .. }: &Names) -> Need {
    let flag = json!({ "flag": format!("--registry {registry}:5000") });
    serde_json::from_value(json!({
        "docker": "default",
        "ports": [{ "what": { "first": 8080, "last": 8080, "protocol": "tcp" }, "by": { "flag": "--port 8080" } }],
        "registries": [{ "what": { "host": registry, "port": 5000 }, "by": flag }],
    }))
    .unwrap()
}

type Said = BTreeMap<(&'static str, &'static str, &'static str), usize>;

fn verdicts(facts: &Facts, need: &Need) -> Said {
    let mut said = Said::new();
    for judged in judge::judge_all(facts, need, |_| true) {
        for finding in &judged.findings {
            *said.entry((judged.check.id, finding.code, policy::status(finding).word())).or_default() += 1;
        }
    }
    said
}

/// What of a document stands where the host put a text, and still holds the name as a word of its own.
fn standing(grown: &Tree, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    grown.each(&mut |leaf| {
        if let Tree::Text(place, text) = leaf
            && *place != gdoctor_checks::model::place::Place::Word
            // The folder of all homes is nobody's name.
            && text.strip_prefix("/home/").unwrap_or(text).split(|c: char| !(c.is_alphanumeric() || "-_".contains(c))).any(|word| word == name)
        {
            found.push(text.clone());
        }
    });
    found
}

#[test]
fn a_word_of_gdoctors_is_a_name_like_any_other() {
    let words: Vec<String> = words().into_iter().collect();
    assert!(words.len() > 400, "{}", words.len());
    let as_ever = verdicts(&host(&NEUTRAL), &need(&NEUTRAL));
    let neutral = tree(&host(&NEUTRAL)).unwrap();
    let mut wrong = Vec::new();
    // Each word has each part once.
    for at in 0..words.len() {
        let word = |offset: usize| words[(at + offset) % words.len()].as_str();
        let names = Names { login: word(0), host: word(1), container: word(2), registry: word(3) };
        let of = format!("{} {} {} {}", names.login, names.host, names.container, names.registry);
        let (facts, need) = (host(&names), need(&names));
        let (grown, wanted) = (tree(&facts).unwrap(), tree(&need).unwrap());
        let mut redactor = Redactor::default();
        redactor.learn_words(&[&grown, &wanted]);
        redactor.learn(&[&grown, &wanted]);
        let made =
            Made { report_id: String::new(), generated_at: String::new(), generated_unix: 0, took: Duration::ZERO };
        let (document, counts) = (redactor.document(&grown), redactor.counts());
        let shared = Snapshot::new(document, Evident::default(), &made, &BTreeMap::new(), counts);
        let back = match Snapshot::read(shared.write().as_bytes()).and_then(|back| back.facts()) {
            Ok(back) => back,
            Err(why) => {
                wrong.push(format!("{of}: {why}"));
                continue;
            }
        };
        let after = verdicts(&back, &serde_json::from_value(redactor.document(&wanted)).unwrap());
        if after != as_ever {
            let odd: Vec<_> = after.iter().filter(|(key, _)| !as_ever.contains_key(*key)).collect();
            wrong.push(format!("{of}: {odd:?}"));
        }
        let back = tree(&back).unwrap();
        for name in [names.login, names.host, names.container, names.registry] {
            // What holds the word on any host is gdoctor's own, such as a source.
            let own = standing(&neutral, name);
            let left: Vec<String> = standing(&back, name).into_iter().filter(|text| !own.contains(text)).collect();
            if !left.is_empty() {
                wrong.push(format!("{name} of {of}: {left:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {:#?}", wrong.len(), words.len(), &wrong[..wrong.len().min(40)]);
}

/// The program itself, with some of them.
#[test]
fn a_host_called_like_a_key_can_be_shared() {
    for name in ["machine", "gpus", "path", "storage", "list", "unknown", "is", "facts", "checksum", "redacted"] {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("etc/passwd", format!("root:x:0:0::/root:/bin/sh\n{name}:x:1000:1000::/home/{name}:/bin/sh\n")),
            (
                "etc/docker/daemon.json",
                format!(
                    "{{\"mtu\": 1400, \"dns\": [\"10.1.2.3\"], \"data-root\": \"/home/{name}/docker\", \"insecure-registries\": [\"{name}:5000\"]}}"
                ),
            ),
            ("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\nVERSION_ID=\"12\"\n".to_owned()),
            ("proc/x", String::new()),
        ] {
            fs::create_dir_all(root.path().join(path).parent().unwrap()).unwrap();
            fs::write(root.path().join(path), text).unwrap();
        }
        let (root, out) = (root.path().to_str().unwrap(), tempfile::tempdir().unwrap());
        let file = out.path().join("x.gd");
        let file = file.to_str().unwrap();
        let ends = |arguments: &[&str]| {
            let ended = gdoctor(arguments).current_dir("/").output().unwrap();
            (
                ended.status.code(),
                String::from_utf8_lossy(&ended.stdout).into_owned(),
                String::from_utf8_lossy(&ended.stderr).into_owned(),
            )
        };
        let statuses = |report: &str| -> Vec<(String, String, String)> {
            let report: Value = serde_json::from_str(report).unwrap_or_else(|why| panic!("{name}: {why}: {report}"));
            let word = |outcome: &Value, key: &str| outcome[key].as_str().unwrap_or_default().to_owned();
            let results = report["results"].as_array().unwrap();
            results
                .iter()
                .map(|outcome| (word(outcome, "id"), word(outcome, "code"), word(outcome, "status")))
                .collect()
        };
        let asked = [
            "--root",
            root,
            "--timeout",
            "1s",
            "--need",
            "none",
            "--only",
            "docker-config,docker-dns,docker-mtu",
            "--format",
            "json",
        ];
        let (_, bare, _) = ends(&asked);
        let (code, shared, why) = ends(&[&asked[..], &["--share"]].concat());
        assert!(code != Some(2), "{name}: {why}");
        assert_eq!(statuses(&bare), statuses(&shared), "{name}");
        let (code, _, why) = ends(&["collect", "--root", root, "--timeout", "1s", "-o", file]);
        assert_eq!(code, Some(0), "{name}: {why}");
        let (code, read, why) = ends(&[&["check", "--facts", file][..], &asked[4..]].concat());
        assert!(code != Some(2), "{name}: {why}");
        assert_eq!(statuses(&bare), statuses(&read), "{name}");
        let text = fs::read_to_string(file).unwrap();
        for leak in [format!("/home/{name}"), format!("{name}:5000")] {
            assert!(!text.contains(&leak) && !shared.contains(&leak), "{name}: {leak}");
        }
    }
}

/// What is private by its place alone: nothing else on the host tells these names.
#[test]
fn what_only_its_place_makes_private_goes() {
    let facts: Facts = serde_json::from_value(json!({
        "docker": {
            "endpoint": { "is": { "address": { "no-such-context": "zqcustomer" }, "chosen_by": { "context-variable": "zqcustomer" } } },
            "config": { "is": { "read": { "keys": [], "insecure_registries": ["zqhost77.corp.lan:5000", "zqplain:5000", "https://zqmirror.lan"],
                "settings": { "data_root": "/srv/zquser/docker", "dns": ["zqresolver"] } } } },
            "info": { "is": { "Name": "zqgpuhost07", "DockerRootDir": "/data/zqpool/docker", "NoProxy": "zqinside.corp.lan,.zqcorp.lan,*.zqwild.lan",
                "RegistryConfig": { "InsecureRegistryCIDRs": ["10.20.30.0/24"], "IndexConfigs": { "zqreg.corp.lan:5000": { "Secure": false }, "docker.io": { "Secure": true } } } } },
            "containers": { "is": [
                { "Id": "0a1b", "Names": ["/zqproject-customer", "/web/zqalias"], "Image": "zqreg3.corp.lan:5000/zqteam/zqapp:zqtag-prod" },
                { "Id": "0a1c", "Names": ["/x"], "Image": "zqlocal:1.2" },
                { "Id": "0a1d", "Names": ["/y"], "Image": "nvidia/cuda:12.4.1-base-ubuntu22.04" }] },
        },
        "engine": { "client_config": { "is": { "readable": true, "store": { "name": "zqhelper", "missing": true },
            "helpers": [["zqcred.corp.lan", { "name": "zqcorp-login", "missing": true }]] } } },
        "run": { "names": { "is": ["zqother"] }, "networks": { "is": ["bridge", "zqnet"] } },
        "disk": { "places": { "is": [{ "holds": ["data"], "path": "/data/zqpool/docker", "looked_at": "/data/zqpool", "space": {} }] } },
    }))
    .unwrap();
    let grown = tree(&facts).unwrap();
    let mut redactor = Redactor::default();
    redactor.learn_words(&[&grown]);
    redactor.learn(&[&grown]);
    let shared = redactor.document(&grown).to_string();
    assert!(!shared.contains("zq"), "{shared:#}");
    for kept in ["nvidia/cuda:12.4.1-base-ubuntu22.04", "docker.io", ":5000", "bridge", "0a1b", "/srv/", "1.2"] {
        assert!(shared.contains(kept), "{kept}: {shared}");
    }
    // One thing is one thing wherever it stands.
    let shared: Value = serde_json::from_str(&shared).unwrap();
    assert_eq!(shared["disk"]["places"]["is"][0]["path"], shared["docker"]["info"]["is"]["DockerRootDir"]);
    let told = redactor.apply("GET https://zqreg.corp.lan:5000/v2/: container zqproject-customer of /data/zqpool");
    assert!(!told.contains("zq") && told.contains(":5000/v2/: container container-"), "{told}");
    assert_eq!(redactor.survivor(&shared.to_string()), None);
}

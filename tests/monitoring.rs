//! Runs what docs/monitoring.md tells people to run.
#![allow(clippy::disallowed_methods)]

mod part;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use part::left_out;
use part::service::{Service, get, own_port};
use serde_json::{Value, json};

/// The blocks of the page that have a name: `ini gdoctor.timer`.
fn blocks() -> BTreeMap<String, String> {
    let page = fs::read_to_string(part::root().join("docs/monitoring.md")).unwrap();
    let mut blocks = BTreeMap::new();
    for block in page.split("\n```").skip(1).step_by(2) {
        let (info, text) = block.split_once('\n').unwrap();
        if let Some((_, name)) = info.split_once(' ') {
            blocks.insert(name.to_owned(), text.to_owned());
        }
    }
    blocks
}

/// Runs a command line of the page with the gdoctor under test, in a folder of its own.
fn run(line: &str) -> (Output, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let line = line.replace("/usr/bin/gdoctor", "gdoctor").replace("/var/lib/prometheus/node-exporter", ".");
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_gdoctor")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output =
        Command::new("bash").args(["-c", &line]).env("PATH", path).current_dir(folder.path()).output().unwrap();
    (output, folder)
}

#[test]
fn the_timer_writes_the_metrics() {
    let blocks = blocks();
    let line = blocks["gdoctor.service"].lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let (_, folder) = run(line);
    assert!(fs::read_to_string(folder.path().join("gdoctor.prom")).unwrap().contains("gdoctor_run_success"));
    for unit in ["gdoctor.service", "gdoctor.timer"] {
        let text = blocks[unit].replace("/usr/bin/gdoctor", env!("CARGO_BIN_EXE_gdoctor"));
        fs::write(folder.path().join(unit), text).unwrap();
    }
    let units = ["gdoctor.service", "gdoctor.timer"].map(|unit| folder.path().join(unit));
    match Command::new("systemd-analyze").arg("verify").args(units).output() {
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!told.contains("gdoctor.service:") && !told.contains("gdoctor.timer:"), "{told}");
        }
        Err(_) => left_out("systemd-analyze is not installed"),
    }
}

/// When an alert begins to ring, as Prometheus itself counts the minutes; in each state of a host one does.
#[test]
fn each_alert_rings_in_time() {
    const UP: (&str, &str) = ("up{job='node',instance='a'}", "1x90");
    const RUN: (&str, &str) = ("gdoctor_last_run_timestamp_seconds{instance='a'}", "0+60x90");
    const WELL: (&str, &str) = ("gdoctor_run_success{instance='a'}", "1x90");
    const NOT_WELL: (&str, &str) = (WELL.0, "0x90");
    const FAILS: (&str, &str) = ("gdoctor_check_state{code='docker-engine/stopped',state='fail',instance='a'}", "1x90");
    type Case = (&'static [(&'static str, &'static str)], &'static str, u32);
    let cases: [Case; 6] = [
        (&[UP, RUN, WELL], "", 80),
        (&[UP, RUN, NOT_WELL, FAILS], "GpuContainersWillFail", 10),
        (&[UP, RUN, NOT_WELL], "GdoctorCannotTell", 30),
        (&[UP], "GdoctorIsAbsent", 15),
        (&[UP, (RUN.0, "0x90"), WELL], "GdoctorIsStale", 31),
        (&[(UP.0, "0x90")], "GpuHostIsSilent", 5),
    ];
    let rules = &blocks()["alert"];
    assert_eq!(rules.matches("- alert: ").count(), cases.len() - 1);
    let test = |(series, alert, since): &(&[(&str, &str)], &str, u32)| {
        let series: Vec<Value> =
            series.iter().map(|(name, values)| json!({"series": name, "values": values})).collect();
        let at = |minute: u32| {
            let rings = minute >= *since && !alert.is_empty();
            let labels = format!("{{alertname='{alert}'}}");
            let expected: Vec<Value> = rings.then(|| json!({"labels": labels, "value": 1})).into_iter().collect();
            let query = "count by (alertname) (ALERTS{alertstate='firing'})";
            json!({"expr": query, "eval_time": format!("{minute}m"), "exp_samples": expected})
        };
        json!({"interval": "1m", "input_series": series, "promql_expr_test": [at(since - 1), at(*since), at(85)]})
    };
    let tests: Vec<Value> = cases.iter().map(test).collect();
    let tests = json!({"rule_files": ["alerts.yml"], "evaluation_interval": "1m", "tests": tests});
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("alerts.yml"), rules).unwrap();
    fs::write(folder.path().join("tests.yml"), tests.to_string()).unwrap();
    match Command::new("promtool").args(["test", "rules", "tests.yml"]).current_dir(folder.path()).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) => left_out("promtool is not installed"),
    }
}

/// What Alertmanager sends to the page's webhook: a message each.
fn rings(port: u16) -> Arc<Mutex<Vec<Value>>> {
    let rings = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let kept = Arc::clone(&rings);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = number.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            kept.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            reader.get_mut().write_all(answer).unwrap();
        }
    });
    rings
}

/// node_exporter on three hosts, Prometheus, its rules and Alertmanager, as the page sets them up, in seconds for minutes.
#[test]
#[ignore = "a minute of looks at a quiet machine's rules: cargo test --test monitoring -- --ignored"]
fn each_host_rings_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let blocks = blocks();
    let hosts = ["robot-1", "robot-2", "robot-3"].map(|name| (name, own_port()));
    let (prometheus_port, alertmanager_port, webhook_port) = (own_port(), own_port(), own_port());

    // One host has two ports that are taken; on the others they are free.
    let taken = [own_port(), own_port()].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    let asked = |listeners: &[TcpListener]| {
        let ports = listeners.iter().map(|listener| listener.local_addr().unwrap().port().to_string());
        ports.map(|port| format!("--port 127.0.0.1:{port}")).collect::<Vec<_>>().join(" ")
    };
    let look = |host: &str, wishes: &str| {
        let line = blocks["gdoctor.service"].lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let file = at(host).join("gdoctor.prom");
        let line = line.replace("/usr/bin/gdoctor", env!("CARGO_BIN_EXE_gdoctor"));
        let line = line.replace("/var/lib/prometheus/node-exporter/gdoctor.prom", file.to_str().unwrap());
        let line = format!("{line} --need none --only port-free {wishes}");
        let code = Command::new("bash").args(["-c", &line]).output().unwrap().status.code();
        assert!(blocks["gdoctor.service"].contains("SuccessExitStatus=1 3") && matches!(code, Some(0 | 1 | 3)));
        file
    };
    let free = format!("--port 127.0.0.1:{}", own_port());
    let mut exporters = Vec::new();
    for (host, port) in hosts {
        fs::create_dir(at(host)).unwrap();
        look(host, if host == "robot-1" { asked(&taken) } else { free.clone() }.as_str());
        let arguments = [
            "--collector.disable-defaults".to_owned(),
            "--collector.textfile".to_owned(),
            format!("--collector.textfile.directory={}", at(host).display()),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        let Some(exporter) = Service::start(folder.path(), "prometheus-node-exporter", &arguments) else {
            return left_out("prometheus-node-exporter is not installed");
        };
        exporters.push(exporter);
    }

    let seconds = |text: &str| {
        let line = |line: &str| match line.trim_start().split_once("for: ") {
            Some(("", _)) => "        for: 1s".to_owned(),
            _ => line.to_owned(),
        };
        // A host that is slow for a moment is not silent.
        let text = text.lines().map(line).collect::<Vec<_>>().join("\n");
        text.replace("up{job=\"node\"} == 0\n        for: 1s", "up{job=\"node\"} == 0\n        for: 10s")
    };
    fs::write(at("gdoctor.rules.yml"), seconds(&blocks["alert"])).unwrap();
    let mut config = "global: { scrape_interval: 3s, scrape_timeout: 3s, evaluation_interval: 1s }\n".to_owned();
    config.push_str(&blocks["prometheus"].replace("localhost:9093", &format!("127.0.0.1:{alertmanager_port}")));
    for (host, port) in hosts {
        config = config.replace(&format!("{host}:9100"), &format!("127.0.0.1:{port}"));
    }
    fs::write(at("prometheus.yml"), config).unwrap();
    let webhook = format!("http://127.0.0.1:{webhook_port}/");
    let config = blocks["alertmanager"].replace("http://localhost:9099/", &webhook);
    fs::write(at("alertmanager.yml"), config.replace(": 30s", ": 1s").replace(": 5m", ": 1s")).unwrap();
    let rings = rings(webhook_port);
    let arguments = [
        format!("--config.file={}", at("alertmanager.yml").display()),
        format!("--storage.path={}", at("alertmanager").display()),
        format!("--web.listen-address=127.0.0.1:{alertmanager_port}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let Some(mut alertmanager) = Service::start(folder.path(), "prometheus-alertmanager", &arguments) else {
        return left_out("prometheus-alertmanager is not installed");
    };
    alertmanager.until("Alertmanager is ready", || get(alertmanager_port, "/-/ready"));
    let arguments = [
        format!("--config.file={}", at("prometheus.yml").display()),
        format!("--storage.tsdb.path={}", at("data").display()),
        format!("--web.listen-address=127.0.0.1:{prometheus_port}"),
    ];
    let Some(mut prometheus) = Service::start(folder.path(), "prometheus", &arguments) else {
        return left_out("prometheus is not installed");
    };

    // How often a host has rung, and for what the first time.
    let rung = |host: &str, status: &str| -> Vec<String> {
        let port = hosts.iter().find(|(name, _)| *name == host).unwrap().1;
        let instance = format!("127.0.0.1:{port}");
        let is_it = |ring: &&Value| ring["groupLabels"]["instance"] == *instance && ring["status"] == status;
        let names = |ring: &Value| {
            let alerts = ring["alerts"].as_array().unwrap().iter();
            alerts.map(|alert| alert["labels"]["alertname"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
        };
        rings.lock().unwrap().iter().filter(is_it).map(names).collect()
    };
    let evaluated = || -> Option<u64> {
        let metrics = get(prometheus_port, "/metrics")?;
        let line = metrics.lines().find(|line| line.starts_with("prometheus_rule_group_iterations_total{"))?;
        line.rsplit_once(' ')?.1.parse().ok()
    };
    let both = ["GpuContainersWillFail GpuContainersWillFail"];
    prometheus.until("the host that fails rings", || (!rung("robot-1", "firing").is_empty()).then_some(()));

    // The dashboard shows what is so.
    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(part::root().join("docs/grafana.json")).unwrap()).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        let query = panel["targets"][0]["expr"].as_str().unwrap();
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let answer = get(prometheus_port, &format!("/api/v1/query?query={escaped}")).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let series = answer["data"]["result"].as_array().unwrap();
        let value = series.first().map(|first| first["value"][1].as_str().unwrap());
        match panel["title"].as_str().unwrap() {
            "Hosts that fail" => assert_eq!(value, Some("1")),
            "Hosts where something is not known" => assert_eq!(value, Some("0")),
            "Hosts that look" => assert_eq!(value, Some("3")),
            "Oldest look" => assert!(value.unwrap().parse::<f64>().unwrap() < 600.0, "{value:?}"),
            "What fails" => assert_eq!(series.len(), 2, "{series:?}"),
            "What warns" => assert!(series.is_empty(), "{series:?}"),
            "Versions" => assert_eq!(series.len(), 3, "{series:?}"),
            "Failing checks" => assert_eq!(value, Some("2")),
            title => panic!("{title}: what shall it show?"),
        }
    }

    // A host that is switched off rings, and so does one whose gdoctor runs no more, for that alone.
    drop(exporters.pop());
    let old = look("robot-2", &free);
    let text = fs::read_to_string(&old).unwrap();
    let made = text.lines().find_map(|line| line.strip_prefix("gdoctor_last_run_timestamp_seconds ")).unwrap();
    let long_ago = made.parse::<u64>().unwrap() - 3600;
    fs::write(at("new"), text.replace(&format!("seconds {made}"), &format!("seconds {long_ago}"))).unwrap();
    fs::rename(at("new"), &old).unwrap();
    for host in ["robot-2", "robot-3"] {
        prometheus.until("the other hosts ring", || (!rung(host, "firing").is_empty()).then_some(()));
    }
    // Once, however long it lasts.
    let now = prometheus.until("Prometheus tells of itself", evaluated);
    prometheus.until("ten looks at the rules", || evaluated().filter(|count| *count >= now + 10));
    assert_eq!(rung("robot-1", "firing"), both);
    assert_eq!(rung("robot-2", "firing"), ["GdoctorIsStale"]);
    assert_eq!(rung("robot-3", "firing"), ["GpuHostIsSilent"]);

    // Mended, it says so, once.
    drop(taken);
    look("robot-1", &free);
    prometheus.until("the mended host is told", || (!rung("robot-1", "resolved").is_empty()).then_some(()));
    assert_eq!((rung("robot-1", "firing").len(), rung("robot-1", "resolved").len()), (1, 1));
}

/// Every query of the dashboard is one for Prometheus, of a metric that gdoctor writes; panels do not lie upon each other.
#[test]
fn the_dashboard_asks_what_gdoctor_writes() {
    let text = fs::read_to_string(part::root().join("docs/grafana.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let (_, folder) = run("gdoctor --only docker-client,port --out prom=all.prom");
    let written = fs::read_to_string(folder.path().join("all.prom")).unwrap();
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    let mut cells = std::collections::BTreeSet::new();
    for panel in panels {
        let at = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        for (x, y) in (0..at("w")).flat_map(|x| (0..at("h")).map(move |y| (x, y))) {
            assert!(cells.insert((at("x") + x, at("y") + y)) && at("x") + x < 24, "{}", panel["title"]);
        }
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            let names =
                query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|n| n.starts_with("gdoctor_"));
            for name in names {
                assert!(written.contains(&format!("# TYPE {name} gauge")), "{name} is not written");
            }
            rules.push_str(&format!("      - record: a{}\n        expr: {}\n", panel["id"], serde_json::json!(query)));
        }
    }
    let file = folder.path().join("queries.yml");
    fs::write(&file, rules).unwrap();
    match Command::new("promtool").args(["check", "rules"]).arg(&file).output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(_) => left_out("promtool is not installed"),
    }
}

#[test]
fn the_problem_detector_runs_its_rule() {
    let rule: serde_json::Value = serde_json::from_str(&blocks()["npd"]).unwrap();
    let words: Vec<&str> = rule["rules"][0]["args"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    let (output, _) = run(&format!("gdoctor {}", words.join(" ")));
    assert!(matches!(output.status.code(), Some(0..=2)), "{output:?}");
    assert!(output.stdout.len() <= 81 && output.stderr.is_empty(), "{output:?}");
    let conditions: Vec<&str> =
        rule["rules"].as_array().unwrap().iter().map(|r| r["condition"].as_str().unwrap()).collect();
    assert_eq!(conditions.len(), 1, "two rules on one condition take turns");
}

#[test]
fn nagios_runs_its_command() {
    let block = &blocks()["nagios"];
    let line = block.lines().find_map(|line| line.trim().strip_prefix("command_line")).unwrap();
    let (output, _) = run(line.trim());
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];
    let word = words[usize::try_from(output.status.code().unwrap()).unwrap()];
    assert!(told.starts_with(&format!("GDOCTOR {word} - ")), "{told}");
}

#[test]
fn waiting_ends() {
    let line = blocks()["wait"].trim().replace("5m", "1s").replace("2s", "300ms");
    let started = std::time::Instant::now();
    let (output, _) = run(&line);
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)) && started.elapsed().as_secs() < 30, "{output:?}");
}

//! What looks after many hosts, each for real: Slurm drains and resumes nodes, Ansible makes a page of hosts.
#![allow(clippy::disallowed_methods)]

mod part;

use std::fs;

use part::service::{Service, until};
use part::{Part, root};

/// The block of docs/fleet.md that has this name.
fn block(name: &str) -> String {
    let page = fs::read_to_string(root().join("docs/fleet.md")).unwrap();
    let mut blocks = page.split("\n```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap());
    let found = blocks.find(|(info, _)| info.split_once(' ').is_some_and(|(_, of)| of == name));
    format!("{}\n", found.unwrap_or_else(|| panic!("docs/fleet.md has no block {name}")).1)
}

/// A cluster with these lines in its slurm.conf; each node has gdoctor, the script, and wants a port of its own.
struct Cluster(Part);

impl Cluster {
    fn start(lines: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lines");
        fs::write(&file, lines).unwrap();
        let cluster = Self(Part::start("slurm", &[file.to_str().unwrap()])?);
        for node in ["n1", "n2", "n3"] {
            let binary = env!("CARGO_BIN_EXE_gdoctor");
            let script = root().join("fleet/slurm/gdoctor-node");
            let wishes = format!("--only port-free --port 127.0.0.1:{} --out prom=/etc/gdoctor/last.prom", port(node));
            let script = script.display();
            cluster.on(node, &format!("echo '{wishes}' >/etc/gdoctor/slurm; ln -s {binary} /usr/local/bin/gdoctor; cp {script} /etc/slurm/new; mv /etc/slurm/new /etc/slurm/gdoctor-node"));
        }
        Some(cluster)
    }

    fn on(&self, node: &str, script: &str) -> String {
        let output = self.0.call("exec", &[node, "sh", "-ec", script]);
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// `idle none`, `drained gdoctor: port-free/process`.
    fn state(&self, node: &str) -> String {
        self.on("n1", &format!("sinfo --noheader --nodes={node} --format='%T %E'")).trim().to_owned()
    }

    /// Breaks a node: a program takes the port that it wants, until this is dropped.
    fn taken(&self, node: &str) -> Service {
        let script = root().join("tests/lab/slurm");
        let words = format!(
            "exec {} {node} python3 -u -m http.server {} --bind 127.0.0.1",
            self.0.path().display(),
            port(node)
        );
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let service = Service::start(self.0.path(), script.to_str().unwrap(), &words).unwrap();
        let listens = format!("ss --no-header --listening --numeric --tcp 'sport = :{}'", port(node));
        until("the port is taken", || (!self.on(node, &listens).is_empty()).then_some(()));
        service
    }

    /// When a node's health was last looked at.
    fn looked(&self, node: &str) -> Option<u64> {
        let metrics = self.on(node, "cat /etc/gdoctor/last.prom 2>/dev/null || true");
        metrics.lines().find_map(|line| line.strip_prefix("gdoctor_last_run_timestamp_seconds "))?.parse().ok()
    }
}

fn port(node: &str) -> String {
    node.replace('n', "700")
}

#[test]
fn slurm_drains_a_broken_node_and_resumes_it() {
    let lines = block("slurm.conf").replace("=300", "=2").replace(",CYCLE", "");
    let without = |name: &str| -> String {
        lines.lines().filter(|line| !line.starts_with(name)).flat_map(|line| [line, "\n"]).collect()
    };
    let Some(cluster) = Cluster::start(&without("Prolog=")) else { return };
    let broken = cluster.taken("n2");
    cluster.on("n1", "scontrol update NodeName=n3 State=DRAIN Reason='a new fan'");
    until("the broken node is drained", || (cluster.state("n2") == "drained gdoctor: port-free/process").then_some(()));
    assert_eq!(cluster.state("n1"), "idle none");

    // Well again it is resumed; what an administrator drained is not, though it is well.
    drop(broken);
    until("the mended node is resumed", || (cluster.state("n2") == "idle none").then_some(()));
    let before = until("the other node is looked at", || cluster.looked("n3"));
    until("it is looked at again", || cluster.looked("n3").filter(|at| *at > before + 2));
    assert_eq!(cluster.state("n3"), "drained a new fan");
    drop(cluster);

    // The prolog keeps a job off a node that broke since its last look.
    let Some(cluster) = Cluster::start(&without("HealthCheck")) else { return };
    let _broken = cluster.taken("n1");
    cluster.on("n1", "cd /tmp; sbatch --output=/dev/null --nodelist=n1 --wrap='touch /etc/gdoctor/ran'; sbatch --output=/dev/null --nodelist=n2 --wrap='touch /etc/gdoctor/ran'");
    until("the node is drained", || cluster.state("n1").ends_with("gdoctor: port-free/process").then_some(()));
    let held = "squeue --noheader --format='%i %t'";
    until("one job ran, the other waits", || (cluster.on("n1", held).trim() == "1 PD").then_some(()));
    cluster.on("n2", "test -e /etc/gdoctor/ran");
    cluster.on("n1", "test ! -e /etc/gdoctor/ran");
}

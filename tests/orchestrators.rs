//! What looks after many hosts, each for real: Slurm drains and resumes nodes, Ansible makes a page of hosts, and what Kubernetes would
//! start on a node containerd starts here.
#![allow(clippy::disallowed_methods)]

mod part;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use part::service::until;
use part::{Part, Run, left_out, root};
use serde_json::{Value, json};

/// The block of docs/fleet.md that has this name.
fn block(name: &str) -> String {
    let page = fs::read_to_string(root().join("docs/fleet.md")).unwrap();
    let mut blocks = page.split("\n```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap());
    let found = blocks.find(|(info, _)| info.split_once(' ').is_some_and(|(_, of)| of == name));
    format!("{}\n", found.unwrap_or_else(|| panic!("docs/fleet.md has no block {name}")).1)
}

/// A cluster with these lines in its slurm.conf; each node has gdoctor, the script, and a check of the site's own.
struct Cluster(Part);

impl Cluster {
    fn start(lines: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lines");
        fs::write(&file, lines).unwrap();
        let cluster = Self(Part::start("slurm", &[file.to_str().unwrap()])?);
        let (binary, script) = (env!("CARGO_BIN_EXE_gdoctor"), root().join("fleet/slurm/gdoctor-node"));
        let check = "[[check]]\nid = \"site-scratch\"\nfamily = \"site\"\ntitle = \"the scratch file system is there\"\n\
                     file = \"/etc/gdoctor/scratch\"\nfix = \"Mount it\"";
        for node in ["n1", "n2", "n3"] {
            cluster.on(node, &format!(
                "mkdir -p /etc/gdoctor/checks.d; touch /etc/gdoctor/scratch; echo '{check}' >/etc/gdoctor/checks.d/site.toml
                 echo '--only site --out prom=/etc/gdoctor/last.prom' >/etc/gdoctor/slurm
                 ln -s {binary} /usr/local/bin/gdoctor; cp {} /etc/slurm/new; mv /etc/slurm/new /etc/slurm/gdoctor-node",
                script.display()
            ));
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

    /// When a node's health was last looked at.
    fn looked(&self, node: &str) -> Option<u64> {
        let metrics = self.on(node, "cat /etc/gdoctor/last.prom 2>/dev/null || true");
        metrics.lines().find_map(|line| line.strip_prefix("gdoctor_last_run_timestamp_seconds "))?.parse().ok()
    }
}

/// What breaks a node, what mends it, and the reason it is drained with.
const BROKEN: &str = "rm /etc/gdoctor/scratch";
const MENDED: &str = "touch /etc/gdoctor/scratch";
const REASON: &str = "gdoctor: site-scratch/failed";

#[test]
#[ignore = "daemons of Slurm with looks of their own pace: cargo test --test orchestrators -- --ignored"]
fn slurm_drains_a_broken_node_and_resumes_it() {
    let lines = block("slurm.conf").replace("=300", "=2").replace(",CYCLE", "");
    let without = |name: &str| -> String {
        lines.lines().filter(|line| !line.starts_with(name)).flat_map(|line| [line, "\n"]).collect()
    };
    let log = "SlurmdLogFile=/etc/gdoctor/slurmd.log\n";
    let Some(cluster) = Cluster::start(&(without("Prolog=") + log)) else { return };
    cluster.on("n2", BROKEN);
    cluster.on("n1", "scontrol update NodeName=n3 State=DRAIN Reason='a new fan'");
    until("the broken node is drained", || (cluster.state("n2") == format!("drained {REASON}")).then_some(()));
    assert_eq!(cluster.state("n1"), "idle none");

    // Well again it is resumed; what an administrator drained is not, though it is well.
    cluster.on("n2", MENDED);
    until("the mended node is resumed", || (cluster.state("n2") == "idle none").then_some(()));
    let before = until("the other node is looked at", || cluster.looked("n3"));
    until("it is looked at again", || cluster.looked("n3").filter(|at| *at > before + 2));
    assert_eq!(cluster.state("n3"), "drained a new fan");

    // Who wrote a word into the reason has taken the node over.
    cluster.on("n2", BROKEN);
    until("it is drained again", || (cluster.state("n2") == format!("drained {REASON}")).then_some(()));
    let taken = format!("{REASON}, Ann is at it");
    cluster.on("n1", &format!("scontrol update NodeName=n2 Reason='{taken}'"));
    cluster.on("n2", MENDED);
    let before = until("it is looked at", || cluster.looked("n2"));
    until("it is looked at again", || cluster.looked("n2").filter(|at| *at > before + 2));
    assert_eq!(cluster.state("n2"), format!("drained {taken}"));

    // A node that cannot be looked at says so where Slurm's people look.
    cluster.on("n1", "echo '[[check]' >/etc/gdoctor/checks.d/torn.toml");
    until("slurmd's log tells it", || {
        let log = cluster.on("n1", "cat /etc/gdoctor/slurmd.log");
        (log.contains("health_check failed") && log.contains("torn.toml") && log.contains("not looked at"))
            .then_some(())
    });
    assert_eq!(cluster.state("n1"), "idle none");
    drop(cluster);

    // The prolog keeps a job off a node that broke since its last look.
    let Some(cluster) = Cluster::start(&without("HealthCheck")) else { return };
    cluster.on("n1", BROKEN);
    cluster.on("n1", "cd /tmp; sbatch --output=/dev/null --nodelist=n1 --wrap='touch /etc/gdoctor/ran'; sbatch --output=/dev/null --nodelist=n2 --wrap='touch /etc/gdoctor/ran'");
    until("the node is drained", || cluster.state("n1").ends_with(REASON).then_some(()));
    let held = "squeue --noheader --format='%i %t'";
    until("one job ran, the other waits", || (cluster.on("n1", held).trim() == "1 PD").then_some(()));
    cluster.on("n2", "test -e /etc/gdoctor/ran");
    cluster.on("n1", "test ! -e /etc/gdoctor/ran");
}

/// The script beside a gdoctor that tells what it was given, and ends as it is told; no cluster is needed for that.
#[test]
fn the_script_of_slurm_reads_its_options_and_is_never_silent() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let script = fs::read_to_string(root().join("fleet/slurm/gdoctor-node")).unwrap();
    let script = script.replace("PATH=/usr/local/sbin:", &format!("PATH={}:/usr/local/sbin:", at("")));
    fs::write(at("script"), script.replace("file=/etc/gdoctor/slurm", &format!("file={}", at("slurm")))).unwrap();
    for (name, text) in [
        ("gdoctor", "for word; do printf '<%s>' \"$word\" >&2; done; exit $ENDS"),
        ("sinfo", "echo none"),
        ("scontrol", "echo drained >&2"),
        ("logger", "exit 0"),
    ] {
        fs::write(at(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(at(name), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let run = |options: &str, ends: &str, job: Option<&str>| {
        fs::write(at("slurm"), options).unwrap();
        let mut command = Command::new("sh");
        command.arg(at("script")).env("ENDS", ends).env_remove("SLURM_JOB_ID");
        let output = command.envs(job.map(|job| ("SLURM_JOB_ID", job))).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (options, given) in [
        ("", ""),
        ("--gpu 8 --only nvidia,disk --disk 20GiB", "<--gpu><8><--only><nvidia,disk><--disk><20GiB>"),
        ("--disk '20 GiB'\n", "<--disk><20 GiB>"),
        ("# all nodes\r\n--gpu 8 # eight\r\n\r\n--disk \"20 GiB\"\r\n", "<--gpu><8><--disk><20 GiB>"),
        ("--only *", "<--only><*>"),
        ("--label a=$(id)", "<--label><a=$(id)>"),
    ] {
        let told = format!("<--need><none>{given}<--format><prom>");
        assert_eq!(run(options, "0", None), (0, told), "{options:?}");
    }
    for (options, ends, says) in
        [("", "2", "gdoctor ended with 2"), ("", "101", "with 101"), ("--disk '20", "0", "is not understood")]
    {
        let (code, told) = run(options, ends, None);
        assert!(code == 1 && told.contains("this node was not looked at: ") && told.contains(says), "{told}");
        // A prolog that ends with 1 would drain the node.
        assert_eq!(run(options, ends, Some("7")).0, 0);
    }
    let (code, told) = run("", "1", Some("7"));
    assert!(code == 1 && told.contains("drained"), "{told}");
    fs::remove_file(at("gdoctor")).unwrap();
    let (code, told) = run("", "0", None);
    assert!(code == 1 && told.contains("gdoctor ended with 127"), "{told}");
}

/// Runs a program of Ansible's in that folder, with a home, settings and collections of its own; what it printed.
fn ansible(folder: &Path, program: &str, words: &str) -> String {
    let output = Command::new(program)
        .args(words.split(' '))
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("HOME", folder)
        .env("PWD", folder)
        .env("LANG", "C.UTF-8")
        .env("ANSIBLE_COLLECTIONS_PATH", folder)
        .env("ANSIBLE_PIPELINING", "1")
        .env("ANSIBLE_TIMEOUT", "120")
        .env("ANSIBLE_SSH_ARGS", "-o ControlMaster=auto -o ControlPersist=20s")
        .env("ANSIBLE_SSH_CONTROL_PATH_DIR", folder)
        .env("ANSIBLE_PYTHON_INTERPRETER", "/usr/bin/python3")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program} {words}: {told}{}", String::from_utf8_lossy(&output.stderr));
    told
}

/// Four machines, reached by ssh through their namespaces: sshd answers on its standard input, so that no port and no network is needed.
#[test]
#[ignore = "minutes of ssh into four machines: cargo test --test orchestrators -- --ignored"]
fn ansible_makes_one_page_of_four_machines() {
    if Command::new("ansible-playbook").arg("--version").output().is_err() {
        return left_out("ansible-core is not installed");
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let make = |line: &str| {
        let output = Command::new("bash").args(["-ec", line]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let mut machines = Vec::new();
    for _ in 0..4 {
        let Some(machine) = Part::start("machine", &[]) else { return };
        machines.push(machine);
    }
    make("ssh-keygen -q -t ed25519 -N '' -f key");
    let mut inventory = "[robots]\n".to_owned();
    for (number, machine) in machines.iter().enumerate() {
        let key = fs::read_to_string(at("key.pub")).unwrap();
        let door =
            format!("mkdir -p /run/sshd /root/.ssh; ssh-keygen -A; echo '{}' >/root/.ssh/authorized_keys", key.trim());
        assert!(machine.call("exec", &["sh", "-ec", &door]).status.success());
        let (script, dir) = (root().join("tests/lab/machine"), machine.path().display());
        let proxy = format!("ProxyCommand=\\\"{} exec {dir} /usr/sbin/sshd -i -o UsePAM=no\\\"", script.display());
        let options = format!("-F /dev/null -o {proxy} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null");
        let group = if number == 3 { "[others]\n" } else { "" };
        inventory.push_str(&format!("{group}robot-{} ansible_ssh_common_args=\"{options}\"\n", number + 1));
    }
    let key = at("key");
    inventory.push_str(&format!("[all:vars]\nansible_user=root\nansible_ssh_private_key_file={}\n", key.display()));
    fs::write(at("hosts"), inventory).unwrap();
    // A group's wish, which comes true on one of its hosts; another's engine is broken; one is switched off.
    fs::create_dir(at("group_vars")).unwrap();
    fs::write(at("group_vars/robots.yml"), "gdoctor_wishes: [--port, '8099', --label, 'of=robots']\n").unwrap();
    let broken = "mkdir -p /etc/docker; echo '{' >/etc/docker/daemon.json; service docker restart || true";
    assert!(machines[1].call("exec", &["sh", "-c", broken]).status.success());
    assert!(machines[2].call("stop", &[]).status.success());

    make(&format!("strip -o gdoctor {}", env!("CARGO_BIN_EXE_gdoctor")));
    ansible(folder.path(), "ansible-galaxy", &format!("collection build {}", root().join("fleet/ansible").display()));
    ansible(folder.path(), "ansible-galaxy", "collection install gdoctor-fleet-1.0.0.tar.gz --offline -p .");
    let look = |more: &str| {
        let words = format!("-i hosts gdoctor.fleet.look -e gdoctor_binary={}", at("gdoctor").display());
        ansible(folder.path(), "ansible-playbook", &format!("{words}{more}"))
    };
    let changed = |told: &str| -> Vec<String> {
        let lines = told.lines().filter(|line| line.starts_with("robot-") && line.contains("changed="));
        let count = |line: &str| line.split("changed=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        lines.map(|line| format!("{} {}", &line[..7], count(line))).collect()
    };

    // Checked, nothing is brought, and without gdoctor nothing is seen.
    let told = look(" --check");
    assert_eq!(changed(&told), ["robot-1 1", "robot-2 1", "robot-3 0", "robot-4 1"], "{told}");
    assert!(told.contains("4 hosts: 4 are silent"), "{told}");
    assert!(!machines[0].call("exec", &["test", "-e", "/usr/local/bin/gdoctor"]).status.success());

    let told = look("");
    assert_eq!(changed(&told), ["robot-1 1", "robot-2 1", "robot-3 0", "robot-4 1"], "{told}");
    for line in [
        "4 hosts: 1 failed, 1 is silent, 2 are well",
        "FAIL docker-config/malformed on 1 host: robot-2",
        "Without a report that counts: robot-3",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    let asked = |host: &str| {
        let report: Value =
            serde_json::from_slice(&fs::read(at(&format!("gdoctor-reports/{host}.json"))).unwrap()).unwrap();
        let mut results = report["results"].as_array().unwrap().iter();
        let passed = results.any(|r| r["id"] == "port-free" && r["subject"] == "8099/tcp" && r["status"] == "pass");
        (report["labels"]["of"].as_str().map(str::to_owned), passed)
    };
    assert_eq!(asked("robot-1"), (Some("robots".to_owned()), true));
    assert_eq!(asked("robot-4"), (None, false));
    assert!(fs::read_to_string(at("gdoctor-reports/fleet.html")).unwrap().contains("docker-config/malformed"));

    // Nothing has to be done again, and looking is no change: in check mode too.
    let told = look(" --check");
    assert_eq!(changed(&told), ["robot-1 0", "robot-2 0", "robot-3 0", "robot-4 0"], "{told}");
    assert!(told.contains("4 hosts: 1 failed, 1 is silent, 2 are well"), "{told}");
}

fn manifest(name: &str) -> Value {
    let text = fs::read_to_string(root().join("fleet/kubernetes").join(name)).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// kubernetes-validate (PyPI) has the schemas that Kubernetes publishes.
#[test]
fn manifests_fit_the_published_schemas() {
    let folder = root().join("fleet/kubernetes");
    let files = ["daemonset.yaml", "job.yaml", "node-problem-detector.yaml"].map(|name| folder.join(name));
    match Command::new("kubernetes-validate").arg("--strict").args(files).output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(_) => eprintln!("left out: kubernetes-validate is not installed, which no package of Debian's brings"),
    }
}

/// The map has the rule of docs/monitoring.md, for a detector that sees the node at /host.
#[test]
fn the_problem_detector_has_the_page_s_rule() {
    let page = fs::read_to_string(root().join("docs/monitoring.md")).unwrap();
    let rule = page.split("```json npd\n").nth(1).unwrap().split("\n```").next().unwrap();
    let mut rule: Value = serde_json::from_str(rule).unwrap();
    let mut map: Value =
        serde_json::from_str(manifest("node-problem-detector.yaml")["data"]["gdoctor.json"].as_str().unwrap()).unwrap();
    let args = |rule: &mut Value| rule["rules"][0]["args"].take();
    let (of_page, of_map) = (args(&mut rule), args(&mut map));
    let before = json!(["--root", "/host", "--need", "none"]);
    assert_eq!(
        of_map.as_array().unwrap(),
        &[before.as_array().unwrap().as_slice(), of_page.as_array().unwrap()].concat()
    );
    let path = map["rules"][0]["path"].take();
    assert_eq!(path.as_str().unwrap().strip_prefix("/host"), rule["rules"][0]["path"].take().as_str());
    assert_eq!(map, rule);
}

/// A node: containerd, the kubelet's folder, and no Docker. What the pod of the DaemonSet is given, containerd gives a container.
#[test]
fn a_node_of_kubernetes_is_seen_from_its_pod() {
    let set = manifest("daemonset.yaml");
    let pod = &set["spec"]["template"]["spec"];
    let look = &pod["initContainers"][0];
    let mount = &look["volumeMounts"][0];
    assert_eq!((&pod["hostPID"], &pod["hostNetwork"], &mount["readOnly"]), (&true.into(), &true.into(), &true.into()));
    assert_eq!(
        (pod["volumes"][0]["hostPath"]["path"].as_str(), mount["mountPath"].as_str()),
        (Some("/"), Some("/host"))
    );
    let job = &manifest("job.yaml")["spec"]["template"]["spec"];
    for name in ["hostPID", "hostNetwork", "automountServiceAccountToken", "volumes", "tolerations"] {
        assert_eq!(job[name], pod[name], "{name}");
    }
    for name in ["image", "volumeMounts", "securityContext", "resources"] {
        assert_eq!(job["containers"][0][name], look[name], "{name}");
    }
    // Nothing of anybody's is started under gdoctor's name before an administrator says where it is.
    assert!(look["image"].as_str().is_some_and(|image| image.starts_with("REGISTRY/")), "{look}");

    if Command::new("ctr").arg("--version").output().is_err() {
        return left_out("containerd is not installed");
    }
    let Some(machine) = Part::start("machine", &[]) else { return };
    let run = |script: &str| {
        let output = machine.call("exec", &["sh", "-ec", script]);
        (output.status.code(), output)
    };
    let node = format!(
        "service docker stop
        rm -rf /usr/bin/docker* /usr/sbin/docker* /run/docker.sock /usr/bin/podman /etc/default/docker /etc/init.d/docker
        rm -rf /lib/systemd/system/docker*
        sed -i '/^Package: \\(docker\\|podman\\)/,/^$/d' /var/lib/dpkg/status
        mkdir -p /var/lib/kubelet /root/pod/host /root/pod/usr/bin
        containerd </dev/null >/var/log/containerd.log 2>&1 &
        strip -o /root/pod/usr/bin/gdoctor {binary}
        for file in $(ldd {binary} | grep -o '/[^ ]*'); do install -D \"$file\" \"/root/pod$file\"; done
        for turn in $(seq 300); do ! ctr version >/dev/null 2>&1 || exit 0; sleep 0.1; done
        tail /var/log/containerd.log; exit 1",
        binary = env!("CARGO_BIN_EXE_gdoctor")
    );
    let (code, output) = run(&node);
    assert_eq!(code, Some(0), "{output:?}");
    let arguments: Vec<&str> = look["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let arguments = arguments.join(" ").replace("$(NODE)", "gpu-1");
    let seen = |wish: &str| {
        let (_, output) = run(&format!(
            "ctr -n k8s.io run --rm --read-only --rootfs --net-host --with-ns pid:/proc/1/ns/pid \
             --mount type=bind,src=/,dst=/host,options=rbind:ro /root/pod look /usr/bin/gdoctor {arguments} {wish}"
        ));
        Run::read(&output)
    };
    let well = seen("");
    assert_eq!((well.code, well.told()), (0, Vec::new()), "{:#?}", well.report);
    assert_eq!(well.of("docker-client"), ["pass docker-client/kubernetes-alone"]);
    assert_eq!(well.report["labels"]["host"], "gpu-1");
    assert!(
        well.of("disk-space").contains(&"pass disk-space/room /var/lib/containerd".to_owned()),
        "{:?}",
        well.of("disk-space")
    );

    // A port of the node's is one of the pod's; without privileges it does not see who holds it.
    let (code, _) = run("python3 -u -m http.server 8099 --bind 127.0.0.1 </dev/null >/root/log 2>&1 &
        for turn in $(seq 300); do ! grep -q Serving /root/log || exit 0; sleep 0.1; done; exit 1");
    assert_eq!(code, Some(0));
    let broken = seen("--port 127.0.0.1:8099");
    assert_eq!((broken.code, broken.told()), (1, vec!["fail port-free/hidden 127.0.0.1:8099/tcp".to_owned()]));
}

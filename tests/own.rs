//! A site's own checks, for real: files, programs, servers and mounts of this machine, and what comes of them in every format.

#![allow(clippy::disallowed_methods)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A home, a folder of checks, and what they look at.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(site.path("checks.d")).unwrap();
        site
    }

    fn with(checks: &str) -> Self {
        let site = Self::new();
        site.write("checks.d/site.toml", checks);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn program(&self, name: &str, text: &str) -> String {
        let path = self.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn gdoctor(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
        command.current_dir(self.folder.path()).env("HOME", self.folder.path()).env_remove("XDG_CONFIG_HOME");
        command.env("GDOCTOR_TOKEN", "hunter2").args(arguments).output().unwrap()
    }

    /// The results of the site's own checks.
    fn results(&self) -> (i32, Vec<Value>) {
        self.results_with(&[])
    }

    fn results_with(&self, more: &[&str]) -> (i32, Vec<Value>) {
        let usual = ["check", "--checks", "checks.d", "--only", "own", "--format", "json", "--timeout", "20s"];
        let output = self.gdoctor(&[&usual, more].concat());
        results_of(&output)
    }
}

fn results_of(output: &Output) -> (i32, Vec<Value>) {
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)));
    let own = report["results"].as_array().unwrap().iter().filter(|result| result["group"] == "own").cloned();
    (output.status.code().unwrap(), own.collect())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// One check of each look, as it is written, what it comes to, and a part of what it says. `{dir}` is the site's folder.
const LOOKS: &[(&str, &str, &str)] = &[
    ("file = \"{dir}/data\"", "pass", "data exists"),
    ("file = { path = \"{dir}/none\" }", "fail", "none does not exist"),
    ("file = { path = \"{dir}/none\", exists = false }", "pass", "does not exist"),
    ("file = { path = \"{dir}/data\", mode = \"0640\" }", "pass", "is 0640"),
    ("file = { path = \"{dir}/data\", mode = 0o600 }", "fail", "is 0640, wanted 600"),
    ("file = { path = \"{dir}/data\", type = [\"file\", \"link\"], size = \"< 1KiB\" }", "pass", "is file"),
    ("file = { path = \"{dir}/data\", contains = \"alpha\" }", "pass", "has what is wanted"),
    ("file = { path = \"{dir}/data\", contains = [\"alpha\", \"gamma\"] }", "fail", "lacks gamma"),
    ("file = { path = \"{dir}/data\", age = \"< 24\" }", "pass", "age of"),
    ("file = { path = \"{dir}/by-id/usb-*-port0\", type = \"link\" }", "pass", "by-id/usb-FTDI-port0"),
    ("file = { path = \"{dir}/by-id/usb-Prolific*\" }", "fail", "usb-Prolific* does not exist"),
    ("file = { path = \"{dir}/by-id/*\", count = 1 }", "pass", "is 1"),
    ("file = { path = \"{dir}/by-id/*\", link = \"../data\" }", "pass", "link of"),
    ("file = { path = \"{dir}/*a*\", one-contains = \"alpha\" }", "pass", "has what is wanted"),
    ("file = { path = \"{dir}/data\", line = \"alpha beta\" }", "pass", "is as wanted"),
    ("file = { path = \"/proc/sys/kernel/ostype\", line = \"Windows\" }", "fail", "is Linux, wanted Windows"),
    ("file = { path = \"{dir}/none/*\", mode = \"0644\" }", "fail", "does not exist"),
    ("room = { path = \"{dir}\", free = \">= 1KiB\", inodes-free = \"> 1\" }", "pass", "free of"),
    ("room = { path = \"{dir}\", free = \">= 900TiB\" }", "fail", "wanted >= 900TiB"),
    ("mount = \"/proc\"", "pass", "/proc is mounted"),
    ("mount = { at = \"/proc\", type = \"proc\", options = [\"rw\", \"!soft\"] }", "pass", "is proc"),
    ("mount = { at = \"{dir}\", type = \"nfs*\" }", "fail", "is not mounted"),
    ("env = \"GDOCTOR_TOKEN\"", "pass", "is set"),
    ("env = { name = \"GDOCTOR_TOKEN\", value = \"hunter2\" }", "pass", "is as wanted"),
    ("env = { name = \"GDOCTOR_TOKEN\", value = \"hunter1\" }", "fail", "is not what is wanted"),
    ("env = \"GDOCTOR_NO_SUCH\"", "fail", "is not set"),
    ("user = { name = \"root\", uid = 0, home = \"/root\" }", "pass", "is /root"),
    ("user = { name = \"root\", groups = [\"dialout-x\"] }", "fail", "wanted dialout-x"),
    ("user = \"nobody-of-this-name\"", "fail", "does not exist"),
    ("process = { name = \"gdoctor\", count = \">= 1\" }", "pass", "count of gdoctor is"),
    ("process = \"no-such-program\"", "fail", "does not run"),
    ("port = { number = {free}, open = false }", "pass", "is free"),
    ("port = {free}", "fail", "is free"),
    ("port = {busy}", "pass", "is open"),
    ("port = { number = \"{busy}\", address = \"127.0.0.1\" }", "pass", "127.0.0.1"),
    ("tcp = \"127.0.0.1:{busy}\"", "pass", "answers"),
    ("tcp = \"127.0.0.1:{free}\"", "fail", "does not answer"),
    ("http = \"http://127.0.0.1:{web}/health\"", "pass", "status of"),
    ("http = { url = \"http://127.0.0.1:{web}/health\", contains = \"secret body\" }", "pass", "has what is wanted"),
    ("http = { url = \"http://127.0.0.1:{web}/moved\", status = 302 }", "pass", "is 302"),
    ("http = \"http://127.0.0.1:{web}/broken\"", "fail", "is 500, wanted < 400"),
    ("http = \"http://127.0.0.1:{free}/\"", "fail", "does not answer"),
    ("interface = { name = \"lo\", mtu = \">= 1500\" }", "pass", "mtu of lo is"),
    ("interface = { name = \"nosuch*\" }", "fail", "does not exist"),
    ("sysctl = { name = \"kernel.ostype\", value = \"Linux\" }", "pass", "is Linux"),
    ("sysctl = { name = \"kernel.pid_max\", value = \">= 1000\" }", "pass", "is "),
    ("sysctl = { name = \"kernel.no_such\", value = 1 }", "fail", "does not exist"),
    ("package = \"no-such-package\"", "fail", "is not installed"),
    ("command = \"sh\"", "pass", "sh exists"),
    ("command = \"no-such-command\"", "fail", "is in none of the system's folders"),
    ("command = { name = \"find\", version = \">= 1.0\" }", "pass", "version of find is"),
    ("command = { name = \"find\", version = \">= 999.0\" }", "fail", "wanted >= 999.0"),
    ("command = { name = \"find\", arguments = [\"/no/such\"], status = 1 }", "pass", "status of find is 1"),
    (
        "command = { name = \"printf\", arguments = [\"a%sb\", \"$(id)\"], prints = \"a$(id)b\" }",
        "pass",
        "has what is wanted",
    ),
    ("machine = { cpus = \">= 1\", memory = \">= 1MiB\", kernel = \">= 3.10\" }", "pass", "cpus of this machine"),
    (
        "machine = { system = \"!= windows\", architecture = [\"x86_64\", \"aarch64\"] }",
        "pass",
        "system of this machine",
    ),
    ("when = { file = \"{dir}/none\" }\nfile = \"{dir}/data\"", "skip", "applies only where"),
    ("when = { file = \"{dir}/data\" }\nfile = \"{dir}/data\"", "pass", "exists"),
    ("severity = \"warn\"\nfile = \"{dir}/none\"", "warn", "does not exist"),
    ("says = \"No data: {seen}.\"\nfile = \"{dir}/none\"", "fail", "No data: "),
    ("file = [\"{dir}/data\", \"{dir}/none\"]", "fail", "none does not exist"),
    // A line that is commented out is not said; a tab is a blank.
    ("file = { path = \"{dir}/limits.conf\", contains = \"* soft memlock unlimited\" }", "fail", "lacks * soft"),
    ("file = { path = \"{dir}/*.conf\", one-contains = \"* soft memlock unlimited\" }", "fail", "lacks * soft"),
    ("file = { path = \"{dir}/limits.conf\", contains = \"* hard memlock unlimited\" }", "pass", "has what is wanted"),
    ("file = { path = \"{dir}/limits.conf\", contains = \"#* soft\" }", "pass", "has what is wanted"),
    ("file = { path = \"{dir}/limits.conf\", contains = \"Port 22\" }", "pass", "has what is wanted"),
    ("file = { path = \"{dir}/limits.conf\", lines = \"Port 22\" }", "fail", "lacks Port 22"),
    (
        "file = { path = \"{dir}/limits.conf\", lines = [\"Port 2222\", \"* hard memlock unlimited\"] }",
        "pass",
        "has what",
    ),
    ("file = { path = \"{dir}/limits.conf\", lines = \"* soft memlock unlimited\" }", "fail", "lacks * soft"),
    ("file = { path = \"{dir}/*.conf\", one-lines = \"Port 2222\" }", "pass", "has what is wanted"),
    ("file = { path = \"{dir}/tomorrow\", age = \"< 24\" }", "unknown", "lies 24 hours ahead"),
    ("file = { path = \"{dir}/dump-*\", newest = \"< 26\" }", "pass", "newest of"),
    ("file = { path = \"{dir}/dump-*\", age = \"< 26\" }", "fail", "dump-1 is"),
    ("file = { path = \"{dir}/dump-1*\", newest = \"< 26\" }", "fail", "wanted < 26"),
    ("file = { path = \"{dir}/none-*\", newest = \"< 26\" }", "fail", "does not exist"),
    // What a link leads to counts, as it does for mode and owner.
    ("file = { path = \"{dir}/by-id/usb-FTDI-port0\", type = \"file\", mode = \"0640\" }", "pass", "is link, file"),
    ("file = { path = \"{dir}/by-id/usb-FTDI-port0\", type = \"device\" }", "fail", "is link, file, wanted device"),
    ("file = { path = \"{dir}/by-id/usb-FTDI-port0\", type = \"!= link\" }", "fail", "is link, file"),
    ("mount = { at = \"/proc\", options = \"rw,!soft\" }", "pass", "options of /proc"),
    ("mount = { at = \"/proc\", options = \"rw,soft\" }", "fail", "wanted rw,soft"),
    ("port = { number = \"{dual}\", address = \"0.0.0.0\" }", "unknown", "may take IPv4 too"),
    ("port = { number = \"{dual}\", address = \"!0.0.0.0\" }", "unknown", "may take IPv4 too"),
    ("port = { number = \"{dual}\", address = \"::\" }", "pass", "::"),
    ("process = { name = \"sh\", arguments = \"*{dir}/waits*\" }", "pass", "runs"),
    ("process = { name = \"sh\", arguments = \"*no-such-argument*\" }", "fail", "does not run"),
    ("process = \"waits-{dual}\"", "pass", "runs"),
    (
        "when = { file = { path = \"{dir}/tomorrow\", age = \"< 1\" } }\nfile = \"{dir}/data\"",
        "unknown",
        "whether it applies",
    ),
];

/// A server that answers until the test is over.
fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let mut request = [0_u8; 2048];
                let read = stream.read(&mut request).unwrap_or(0);
                let path = text(&request[..read]);
                let (status, body) = match path.split(' ').nth(1) {
                    Some("/moved") => ("302 Found\r\nLocation: http://127.0.0.1:1/", ""),
                    Some("/broken") => ("500 Internal Server Error", ""),
                    _ => ("200 OK", "{\"status\":\"UP\"} secret body"),
                };
                let length = body.len();
                let _ =
                    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            });
        }
    });
    port
}

#[test]
fn each_look_sees_what_is_there() {
    let site = Site::new();
    let data = site.write("data", "alpha beta\n");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir(site.path("by-id")).unwrap();
    std::os::unix::fs::symlink("../data", site.path("by-id/usb-FTDI-port0")).unwrap();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let web = serve();
    let dir = site.folder.path().display().to_string();
    site.write("limits.conf", "#* soft memlock unlimited\n*\thard\tmemlock   unlimited # RDMA\nPort 2222\n");
    let now = std::time::SystemTime::now();
    let day = Duration::from_secs(24 * 3600);
    for (name, at) in [("tomorrow", now + day), ("dump-1", now - 3 * day), ("dump-2", now)] {
        fs::File::create(site.path(name)).unwrap().set_modified(at).unwrap();
    }
    let dual = TcpListener::bind("[::]:0").unwrap();
    let dual_port = dual.local_addr().unwrap().port().to_string();
    let waits = site.write(&format!("waits-{dual_port}"), "read line\n");
    let mut waiting = Command::new("sh").arg(&waits).stdin(Stdio::piped()).spawn().unwrap();
    let filled = |text: &str| {
        let text = text.replace("{dual}", &dual_port);
        let text = text.replace("{dir}", &dir).replace("{free}", &free.to_string());
        text.replace("{busy}", &busy.local_addr().unwrap().port().to_string()).replace("{web}", &web.to_string())
    };
    let check = |(at, (look, ..)): (usize, &(&str, &str, &str))| {
        format!(
            "[[check]]\nid = \"look-{at}\"\ntitle = \"it is so\"\nfix = \"Mend it\"\ndeadline = \"20s\"\n{}\n",
            filled(look)
        )
    };
    site.write("checks.d/looks.toml", &LOOKS.iter().enumerate().map(check).collect::<String>());
    let (_, results) = site.results();
    drop(waiting.stdin.take());
    waiting.wait().unwrap();
    assert_eq!(results.len(), LOOKS.len());
    let mut wrong = Vec::new();
    for ((look, status, says), result) in LOOKS.iter().zip(&results) {
        let said = result["summary"].as_str().unwrap();
        if result["status"] != *status || !said.contains(says) {
            wrong.push(format!("{look}\n  {} {said}", result["status"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What is held against a condition is never told.
    let all = serde_json::to_string(&results).unwrap();
    assert!(!all.contains("alpha beta") && !all.contains("hunter2") && !all.contains("secret body"));
    assert!(!all.contains("hunter1"), "a variable's wanted value is as private");
}

/// Way to answer, program, more keys, status, code, a part of what is said.
const PROGRAMS: &[(&str, &str, &str, &str, &str, &str)] = &[
    ("exit-code", "echo fine", "", "pass", "ok", "fine"),
    ("exit-code", "echo broken; exit 7", "", "fail", "failed", "broken"),
    (
        "exit-code",
        "exit 3",
        "outcome = [{ on = 3, is = \"warn\", says = \"Nearly: {seen}.\" }]",
        "warn",
        "exit-3",
        "Nearly: exit-3.",
    ),
    ("exit-code", "no-such-command-here", "", "unknown", "unknown", "a command was not found"),
    ("exit-code", "kill -9 $$", "", "unknown", "unknown", "crashed"),
    ("nagios", "echo 'OK - all well | load=1'", "", "pass", "ok", "OK - all well"),
    ("nagios", "echo 'WARNING - hot'; exit 1", "", "warn", "warning", "hot"),
    ("nagios", "echo 'CRITICAL - gone'; exit 2", "", "fail", "critical", "gone"),
    ("nagios", "echo 'CRITICAL - gone'; exit 2", "severity = \"warn\"", "warn", "critical", "gone"),
    ("nagios", "echo 'UNKNOWN - no socket'; exit 3", "", "unknown", "unknown", "no socket"),
    ("nagios", "exit 9", "", "unknown", "unknown", "none of a Nagios plugin"),
    ("json", "echo '{\"status\":\"pass\",\"summary\":\"whole\"}'", "", "pass", "ok", "whole"),
    (
        "json",
        "echo '{\"results\":[{\"status\":\"fail\",\"subject\":\"md0\",\"summary\":\"md0 lacks sdb\"}]}'",
        "",
        "fail",
        "failed",
        "md0 lacks sdb",
    ),
    (
        "json",
        "echo '{\"status\":\"fail\",\"code\":\"hot\",\"summary\":\"88 C\"}'",
        "outcome = [{ on = \"hot\", is = \"fail\", says = \"Too hot: {seen}.\" }]",
        "fail",
        "hot",
        "Too hot: 88 C.",
    ),
    ("json", "echo '{\"status\":\"fail\",\"code\":\"cold\"}'", "", "unknown", "unknown", "has no outcome"),
    ("json", "echo '{\"status\":\"skip\",\"summary\":\"no disks\"}'", "", "skip", "not-here", "no disks"),
    (
        "json",
        "echo '{\"status\":\"unknown\",\"summary\":\"no right to look\"}'",
        "",
        "unknown",
        "unknown",
        "no right to look",
    ),
    ("json", "echo '{\"status\":\"pass\",\"extra\":1}'", "", "unknown", "unknown", "none of the protocol"),
    ("json", "echo nothing", "", "unknown", "unknown", "none of the protocol"),
    ("json", "echo '{\"status\":\"pass\"}'; exit 1", "", "unknown", "unknown", "ended with exit code 1"),
    ("exit-code", "yes", "", "unknown", "unknown", "more than it may"),
    ("exit-code", "printf '\\033[31mred\\033[0m'; exit 1", "", "fail", "failed", "red"),
    ("exit-code", "echo \"$HOME:$GDOCTOR_TOKEN:$LC_ALL\"", "", "pass", "ok", "::C"),
    ("exit-code", "pwd; exit 1", "", "fail", "failed", ": /."),
    ("exit-code", "echo 'a | b'; exit 1", "", "fail", "failed", "a | b"),
    ("nagios", "exit 1", "", "warn", "warning", "it printed nothing"),
    ("json", "echo '{\"status\":\"fail\",\"status\":\"pass\"}'", "", "unknown", "unknown", "twice"),
    (
        "json",
        "echo '{\"results\":[{\"status\":\"fail\"}],\"results\":[{\"status\":\"pass\"}]}'",
        "",
        "unknown",
        "unknown",
        "twice",
    ),
    // The program has ended; what it left in the background keeps nobody waiting.
    ("exit-code", "sleep 1000 & echo fine", "", "pass", "ok", "fine"),
];

#[test]
fn a_programs_answer_is_read_as_it_says() {
    let site = Site::new();
    let mut checks = String::new();
    for (at, (answers, script, more, ..)) in PROGRAMS.iter().enumerate() {
        let path = site.program(&format!("bin/program-{at}"), &format!("#!/bin/sh\n{script}\n"));
        checks.push_str(&format!(
            "[[check]]\nid = \"program-{at}\"\ntitle = \"it is so\"\nfix = \"Mend it\"\ndeadline = \"60s\"\n\
             program = {{ run = [\"{path}\"], answers = \"{answers}\" }}\n{more}\n"
        ));
    }
    site.write("checks.d/programs.toml", &checks);
    let (_, results) = site.results();
    assert_eq!(results.len(), PROGRAMS.len());
    let mut wrong = Vec::new();
    for (at, ((answers, script, _, status, code, says), result)) in PROGRAMS.iter().zip(&results).enumerate() {
        let said = result["summary"].as_str().unwrap();
        let full = format!("program-{at}/{code}");
        if result["status"] != *status || result["code"] != full || !said.contains(says) || said.contains('\u{1b}') {
            wrong.push(format!("{answers}: {script}\n  {} {} {said}", result["status"], result["code"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Of another root: the check, what it comes to, a part of what it says.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("module = { name = \"nvidia\", version = \">= 570\" }", "pass", "is 570.86.15"),
    ("module = \"snd-usb-audio\"", "pass", "is loaded"),
    ("module = { name = \"nouveau\", loaded = false }", "pass", "is not loaded"),
    (
        "parameter = { module = \"usbcore\", name = \"usbfs_memory_mb\", value = \">= 1000\" }",
        "fail",
        "is 16, wanted >= 1000",
    ),
    ("sysctl = { name = \"net.core.rmem_max\", value = 212992 }", "pass", "is 212992"),
    ("package = { name = \"docker-ce\", version = \">= 28\" }", "pass", "is 28.5.1"),
    ("package = \"podman\"", "fail", "is not installed"),
    ("user = \"ann\"", "pass", "ann exists"),
    // The directory may know more.
    ("user = \"ghost\"", "unknown", "a directory too"),
    ("file = { path = \"/data\", owner = \"ann\" }", "pass", "is ann"),
    ("process = \"sshd\"", "unknown", "processes of another root"),
    ("unit = \"docker\"", "unknown", "units of another root"),
    ("interface = \"eth0\"", "unknown", "does not show network interfaces"),
    ("mount = \"/data\"", "unknown", "does not show what is mounted"),
    ("program = { run = [\"true\"] }", "unknown", "programs are not started"),
    ("command = { name = \"true\", status = 0 }", "fail", "is in none of the system's folders"),
];

/// Of a root with less.
const LITTLE: &[(&str, &str, &str)] = &[
    ("package = \"podman\"", "fail", "is not installed"),
    ("package = \"nvidia-driver\"", "fail", "is not installed"),
    ("package = { name = \"libc6:amd64\", version = \">= 2.36\" }", "pass", "is 2.36"),
    ("package = \"libc6:arm64\"", "fail", "is not installed"),
    ("interface = { name = \"eth0\", speed = \">= 1000\" }", "unknown", "the driver tells no speed"),
    ("interface = { name = \"eth1\", speed = \">= 1000\" }", "pass", "is 10000"),
    ("sysctl = { name = \"net.ipv4.conf.eth9/100.rp_filter\", value = 2 }", "pass", "is 2"),
    ("sysctl = { name = \"net/ipv4/conf/eth9.100/rp_filter\", value = 2 }", "pass", "is 2"),
];

#[test]
fn what_no_driver_says_and_what_no_database_has() {
    let site = Site::new();
    site.write(
        "root/var/lib/dpkg/status",
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9\n\n\
         Package: nvidia-driver\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 570.1-1\n",
    );
    site.write("root/sys/class/net/eth0/speed", "-1\n");
    site.write("root/sys/class/net/eth1/speed", "10000\n");
    site.write("root/proc/sys/kernel/osrelease", "6.8.0\n");
    site.write("root/proc/sys/net/ipv4/conf/eth9.100/rp_filter", "2\n");
    site.write("root/dev/null", "");
    site.write("root/etc/gdoctor/checks.d/node.toml", "[[check]]\nid = \"of-root\"\n");
    let check = |(at, (look, ..)): (usize, &(&str, &str, &str))| {
        format!("[[check]]\nid = \"look-{at}\"\ntitle = \"it is so\"\nfix = \"Mend it\"\n{look}\n")
    };
    site.write("checks.d/looks.toml", &LITTLE.iter().enumerate().map(check).collect::<String>());
    let root = site.path("root").display().to_string();
    let output = site.gdoctor(&["--checks", "checks.d", "--only", "own", "--format", "json", "--root", &root]);
    let (_, results) = results_of(&output);
    let mut wrong = Vec::new();
    for ((look, status, says), result) in LITTLE.iter().zip(&results) {
        let said = result["summary"].as_str().unwrap();
        if result["status"] != *status || !said.contains(says) {
            wrong.push(format!("{look}\n  {} {said}", result["status"]));
        }
    }
    assert!(wrong.is_empty() && results.len() == LITTLE.len(), "{}", wrong.join("\n"));
    // The other root's own checks are not this machine's: they are named, with what brings them.
    let told = text(&output.stderr);
    assert!(told.contains(&format!("--checks {root}/etc/gdoctor/checks.d")), "{told}");
}

/// Root runs nothing that another user can change, by whatever way it would be started.
#[test]
fn a_script_and_its_interpreter_are_as_trusted_as_a_program() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    let mark = site.path("started").display().to_string();
    let strangers = |name: &str, text: &str, mode: u32| {
        let path = site.program(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        chown(&path, Some(65534), None).unwrap();
        path
    };
    let touch = format!("touch {mark}\n");
    let script = strangers("bin/script.sh", &format!("#!/bin/sh\n{touch}"), 0o755);
    let plain = strangers("bin/plain.sh", &touch, 0o644);
    let shell = strangers("bin/shell", &format!("#!/bin/sh\n{touch}"), 0o755);
    let by_shebang = site.program("bin/by-shebang", &format!("#!{shell}\n"));
    let by_env = site.program("bin/by-env", &format!("#!/usr/bin/env -S sh {plain}\n"));
    let twice = site.program("bin/twice", &format!("#!{by_shebang}\n"));
    // A file that a program only reads may be anybody's, and so may a script of root's be run.
    let good = site.program("bin/good", "#!/usr/bin/env sh\ncat \"$1\" >/dev/null\n");
    let runs = [
        format!("\"/bin/sh\", \"{script}\""),
        format!("\"sh\", \"{plain}\""),
        format!("\"bash\", \"-o\", \"pipefail\", \"{plain}\""),
        format!("\"/usr/bin/env\", \"A=b\", \"{script}\""),
        format!("\"timeout\", \"5\", \"sh\", \"{plain}\""),
        format!("\"sh\", \"-c\", \"true; . {plain}\""),
        format!("\"sh\", \"-c\", \"{script}\""),
        format!("\"sh\", \"-c\", \"cd {}/bin && ./script.sh\"", site.folder.path().display()),
        format!("\"env\", \"-C\", \"{}/bin\", \"./script.sh\"", site.folder.path().display()),
        format!("\"{good}\", \"--helper={script}\""),
        format!("\"{by_shebang}\""),
        format!("\"{by_env}\""),
        format!("\"{twice}\""),
    ];
    let check = |(at, run): (usize, &String)| {
        format!(
            "[[check]]\nid = \"run-{at}\"\ntitle = \"it is so\"\nfix = \"Mend it\"\nprogram = {{ run = [{run}] }}\n"
        )
    };
    let data = strangers("data", "alpha", 0o644);
    let well = [format!("\"{good}\", \"{data}\""), format!("\"sh\", \"{good}\", \"{data}\"")];
    site.write("checks.d/runs.toml", &runs.iter().chain(&well).enumerate().map(check).collect::<String>());
    let (_, results) = site.results();
    let mut wrong = Vec::new();
    for (at, (run, result)) in runs.iter().chain(&well).zip(&results).enumerate() {
        let said = result["summary"].as_str().unwrap();
        let is_right = match at < runs.len() {
            true => result["status"] == "unknown" && said.contains("belongs to nobody"),
            false => result["status"] == "pass",
        };
        if !is_right {
            wrong.push(format!("{run}\n  {} {said}", result["status"]));
        }
    }
    assert!(wrong.is_empty() && results.len() == runs.len() + 2, "{}", wrong.join("\n"));
    assert!(!Path::new(&mark).exists());
}

#[test]
fn a_program_that_cannot_start_is_told_why() {
    let site = Site::new();
    let closed = site.write("bin/closed", "#!/bin/sh\n");
    let no_line = site.program("bin/no-line", "echo fine\n");
    let lost = site.program("bin/lost", "#!/no/such/interpreter\n");
    let folder = site.path("bin").display().to_string();
    let all = [
        (closed, "may not be executed: sudo chmod +x"),
        (no_line, "begins with no #! line"),
        (lost, "/no/such/interpreter"),
        (folder, "is a folder"),
    ];
    let check = |(at, (path, _)): (usize, &(String, &str))| {
        format!(
            "[[check]]\nid = \"run-{at}\"\ntitle = \"it is so\"\nfix = \"Mend it\"\nprogram = {{ run = [\"{path}\"] }}\n"
        )
    };
    site.write("checks.d/runs.toml", &all.iter().enumerate().map(check).collect::<String>());
    let (_, results) = site.results();
    for ((path, says), result) in all.iter().zip(&results) {
        let said = result["summary"].as_str().unwrap();
        assert!(result["status"] == "unknown" && said.contains(says) && !said.contains("no room"), "{path}: {said}");
    }
}

#[test]
fn nothing_is_silently_left_out() {
    let good = "[[check]]\nid = \"a-file\"\ntitle = \"it is there\"\nfix = \"Mend it\"\nfile = \"/etc/passwd\"\n";
    let site = Site::new();
    let look = || site.gdoctor(&["check", "--checks", "checks.d", "--only", "own"]);
    for name in ["", "checks.d/lab.conf", "checks.d/lab.toml.bak"] {
        if !name.is_empty() {
            site.write(name, good);
        }
        let output = look();
        let told = text(&output.stderr);
        assert!(output.status.code() == Some(2) && told.contains("no file that ends in .toml"), "{name}: {told}");
    }
    // Beside others one that was set aside is nothing to speak of, one that was meant is.
    site.write("checks.d/site.toml", good);
    let told = text(&look().stderr);
    assert!(told.contains("lab.conf") && told.contains("is not read") && !told.contains("lab.toml.bak"), "{told}");
}

#[test]
fn what_is_not_known_is_not_said() {
    let site = Site::new();
    let slow = site.program("bin/slow", "#!/bin/sh\nsleep 1000\n");
    site.write("checks.d/a.toml", &format!(
        "[[check]]\nid = \"the-pass\"\ntitle = \"it is set\"\nfix = \"Stop it\"\nenv = {{ name = \"DB_PASS\", value = \"Xy7-very\" }}\n\
         [[check]]\nid = \"it-hangs\"\ntitle = \"it ends\"\nfix = \"Mend it\"\ndeadline = \"1s\"\nprogram = {{ run = [\"{slow}\"] }}\n"
    ));
    let collected = site.gdoctor(&["collect", "--checks", "checks.d", "-o", "host.gdoctor", "--timeout", "20s"]);
    assert_eq!(collected.status.code(), Some(0), "{}", text(&collected.stderr));
    assert!(!fs::read_to_string(site.path("host.gdoctor")).unwrap().contains("Xy7-very"));
    assert!(!text(&site.gdoctor(&["explain", "the-pass", "--checks", "checks.d"]).stdout).contains("Xy7-very"));
    // Nobody said what a sentence does to the host.
    let told = text(&site.gdoctor(&["check", "--checks", "checks.d", "--only", "own", "-v"]).stdout);
    assert!(told.contains("Stop it") && !told.contains("(safe)") && !told.contains("Xy7-very"), "{told}");
    for ways in [&["check", "--format", "md"][..], &["check", "--format", "sarif"], &["check"], &["fix"]] {
        let told = text(&site.gdoctor(&[ways, &["--checks", "checks.d", "--only", "own"]].concat()).stdout);
        assert!(told.contains("Stop it") && !told.contains("()") && !told.contains("safe"), "{ways:?}: {told}");
    }
    // Its own deadline ended it, and no longer timeout of the whole run changes that.
    assert!(told.contains("deadline") && !told.contains("--timeout"), "{told}");
}

#[test]
fn another_root_is_looked_at_and_nothing_of_it_is_started() {
    let site = Site::new();
    site.write("root/sys/module/nvidia/version", "570.86.15\n");
    site.write("root/sys/module/usbcore/parameters/usbfs_memory_mb", "16\n");
    site.write("root/proc/sys/kernel/osrelease", "6.8.0\n");
    site.write("root/proc/sys/net/core/rmem_max", "212992\n");
    site.write("root/lib/modules/6.8.0/modules.builtin", "kernel/sound/usb/snd-usb-audio.ko\n");
    site.write(
        "root/var/lib/dpkg/status",
        "Package: docker-ce\nStatus: install ok installed\nVersion: 5:28.5.1-1~ubuntu\n",
    );
    site.write("root/var/lib/dpkg/info/.keep", "");
    site.write("root/usr/bin/.keep", "");
    site.write("root/etc/nsswitch.conf", "passwd: files ldap\ngroup: files\n");
    let data = site.write("root/data", "");
    let uid = fs::metadata(&data).map(|meta| std::os::unix::fs::MetadataExt::uid(&meta)).unwrap();
    site.write("root/etc/passwd", &format!("ann:x:{uid}:1000::/home/ann:/bin/sh\n"));
    let check = |(at, (look, ..)): (usize, &(&str, &str, &str))| {
        format!("[[check]]\nid = \"look-{at}\"\ntitle = \"it is so\"\nfix = \"Mend it\"\n{look}\n")
    };
    site.write("checks.d/looks.toml", &ELSEWHERE.iter().enumerate().map(check).collect::<String>());
    let root = site.path("root").display().to_string();
    let (_, results) = site.results_with(&["--root", &root]);
    let mut wrong = Vec::new();
    for ((look, status, says), result) in ELSEWHERE.iter().zip(&results) {
        let said = result["summary"].as_str().unwrap();
        if result["status"] != *status || !said.contains(says) {
            wrong.push(format!("{look}\n  {} {said}", result["status"]));
        }
    }
    assert!(wrong.is_empty() && results.len() == ELSEWHERE.len(), "{}", wrong.join("\n"));
}

#[test]
fn a_variable_that_is_named_is_handed_on() {
    let site = Site::new();
    let path = site.program("bin/asks", "#!/bin/sh\n[ \"$GDOCTOR_TOKEN\" = hunter2 ]\n");
    site.write("checks.d/a.toml", &format!(
        "[[check]]\nid = \"asks-it\"\ntitle = \"it is handed on\"\nfix = \"Mend it\"\nprogram = {{ run = [\"{path}\"], environment = [\"GDOCTOR_TOKEN\"] }}\n"
    ));
    assert_eq!(site.results().1[0]["status"], "pass");
}

#[test]
fn a_program_that_hangs_is_killed_with_all_that_it_started() {
    let site = Site::new();
    let pids = site.path("pids").display().to_string();
    let path =
        site.program("bin/hangs", &format!("#!/bin/sh\nsleep 1000 &\necho $! > {pids}\necho $$ >> {pids}\nwait\n"));
    site.write("checks.d/a.toml", &format!(
        "[[check]]\nid = \"it-hangs\"\ntitle = \"it ends\"\nfix = \"Mend it\"\ndeadline = \"2s\"\nprogram = {{ run = [\"{path}\"] }}\n\
         [[check]]\nid = \"next-one\"\ntitle = \"it is there\"\nfix = \"Mend it\"\nfile = \"/etc/passwd\"\n"
    ));
    let (code, results) = site.results();
    assert_eq!((code, &results[0]["status"], &results[1]["status"]), (3, &"unknown".into(), &"pass".into()));
    assert!(results[0]["summary"].as_str().unwrap().contains("no answer within the deadline"));
    let pids = fs::read_to_string(pids).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    let runs = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // A zombie whose parent has not asked for it runs no more.
        !stat.is_empty() && !stat.contains(") Z ")
    };
    while pids.lines().any(runs) {
        assert!(Instant::now() < until, "something of it still runs: {pids}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_others_may_write_is_neither_read_nor_run() {
    let good = "[[check]]\nid = \"a-file\"\ntitle = \"it is there\"\nfix = \"Mend it\"\nfile = \"/etc/passwd\"\n";
    let refused = |site: &Site| {
        let output = site.gdoctor(&["check", "--checks", "checks.d", "--only", "own"]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
        text(&output.stderr)
    };
    let site = Site::with(good);
    assert_eq!(site.results().1[0]["status"], "pass");
    fs::set_permissions(site.path("checks.d/site.toml"), fs::Permissions::from_mode(0o666)).unwrap();
    assert!(refused(&site).contains("others may write to"));
    let site = Site::with(good);
    fs::set_permissions(site.path("checks.d"), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(refused(&site).contains("others may write to"));
    // A program is unknown, and is not started.
    let site = Site::new();
    let mark = site.path("started");
    let path = site.program("bin/mark", &format!("#!/bin/sh\ntouch {}\n", mark.display()));
    site.write(
        "checks.d/a.toml",
        &format!(
            "[[check]]\nid = \"a-mark\"\ntitle = \"it runs\"\nfix = \"Mend it\"\nprogram = {{ run = [\"{path}\"] }}\n"
        ),
    );
    fs::set_permissions(site.path("bin"), fs::Permissions::from_mode(0o777)).unwrap();
    let (code, results) = site.results();
    assert_eq!((code, &results[0]["status"]), (3, &"unknown".into()));
    assert!(results[0]["summary"].as_str().unwrap().contains("does not start") && !mark.exists());
    if !is_root() {
        return;
    }
    let site = Site::with(good);
    chown(site.path("checks.d/site.toml"), Some(4242), None).unwrap();
    assert!(refused(&site).contains("belongs to uid 4242"));
    // A gdoctor.toml that somebody else wrote runs nothing either, named or not.
    let site = Site::new();
    let file = site.write("gdoctor.toml", good);
    chown(&file, Some(4242), None).unwrap();
    let output = site.gdoctor(&["check", "--need", "gdoctor.toml", "--only", "own"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("belongs to uid 4242"), "{}", text(&output.stderr));
}

#[test]
fn they_are_told_in_every_format_and_listed_and_explained() {
    let site = Site::with(
        "[[check]]\nid = \"site-data\"\nfamily = \"lab\"\ntitle = \"the data is there\"\nwhy = \"Everything reads it.\"\n\
         file = \"/no/such/file\"\nfix = { title = \"Bring it\", commands = [\"sudo bring data\"], undo = \"sudo take data\" }\n",
    );
    for format in ["text", "json", "junit", "sarif", "html", "md", "prom", "github", "nagios", "npd", "tap"] {
        let output = site.gdoctor(&["check", "--checks", "checks.d", "--only", "lab", "--format", format]);
        let said = text(&output.stdout);
        assert!(said.contains("site-data") || said.contains("/no/such/file"), "{format}: {said}");
        assert!(output.status.code().is_some_and(|code| code != 0), "{format}");
    }
    let plain = text(&site.gdoctor(&["--checks", "checks.d", "--only", "lab"]).stdout);
    assert!(
        plain.contains("FAIL  lab")
            && plain.contains("sudo bring data")
            && plain.contains("checks.d/site.toml, line 2"),
        "{plain}"
    );
    // What it names to run next works as it is printed, and nothing is left of the document's signs.
    assert!(plain.contains("More: gdoctor explain site-data/failed --checks checks.d\n"), "{plain}");
    assert!(!plain.contains("systemd's, which does not run"), "{plain}");
    let listed = text(&site.gdoctor(&["list", "--checks", "checks.d"]).stdout);
    assert!(listed.contains("lab\n  site-data              the data is there\n"), "{listed}");
    let told = text(&site.gdoctor(&["explain", "--checks", "checks.d", "site-data"]).stdout);
    for part in ["Everything reads it.", "site-data/failed  (seen on this host)", "sudo bring data", "site-data/ok"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = text(&site.gdoctor(&["explain", "--checks", "checks.d", "site-data/failed"]).stdout);
    assert!(told.contains("/no/such/file does not exist") && told.contains("Bring it (needs root)"), "{told}");
    // The report is what its schema says.
    let report = site.gdoctor(&["check", "--checks", "checks.d", "--only", "lab", "--format", "json"]).stdout;
    let report: Value = serde_json::from_slice(&report).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../docs/gdoctor-report-1.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = schema.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

#[test]
fn they_are_selected_and_waived_as_the_others() {
    let checks =
        "[[check]]\nid = \"site-data\"\ntitle = \"the data is there\"\nfile = \"/no/such/file\"\nfix = \"Bring it\"\n";
    let site = Site::with(checks);
    let only = |arguments: &[&str]| {
        site.gdoctor(&[&["check", "--checks", "checks.d", "--format", "json"], arguments].concat())
    };
    assert_eq!(results_of(&only(&["--only", "site-data"])).1.len(), 1);
    assert_eq!(results_of(&only(&["--only", "own,host", "--skip", "site-data"])).1.len(), 0);
    let odd = only(&["--only", "site-dota"]);
    assert_eq!(odd.status.code(), Some(2));
    assert!(text(&odd.stderr).contains("did you mean site-data?"), "{}", text(&odd.stderr));
    site.write(
        "gdoctor.toml",
        "[[waiver]]\ncode = \"site-data/failed\"\nreason = \"comes on Monday\"\nowner = \"ann\"\nuntil = 2999-01-31\n",
    );
    let waived = only(&["--only", "own"]);
    assert_eq!(waived.status.code(), Some(0), "{}", text(&waived.stderr));
    site.write(
        "gdoctor.toml",
        "[[waiver]]\ncode = \"site-data/filed\"\nreason = \"r\"\nowner = \"ann\"\nuntil = 2999-01-31\n",
    );
    assert!(text(&only(&["--only", "own"]).stderr).contains("did you mean site-data/failed?"));
    // In gdoctor.toml itself.
    let site = Site::new();
    site.write("gdoctor.toml", &format!("docker = false\n{checks}").replace("docker = false\n", ""));
    let output = site.gdoctor(&["check", "--only", "own", "--format", "json"]);
    assert_eq!(results_of(&output).1[0]["code"], "site-data/failed");
}

/// Built-in results are the same with and without.
#[test]
fn no_built_in_verdict_changes() {
    let site = Site::with(
        "[[check]]\nid = \"site-gpu\"\ntitle = \"a GPU is here\"\ngpu = { temperature = \"< 1\" }\nfix = \"Cool it\"\n",
    );
    let built_in = |arguments: &[&str]| {
        let output = site.gdoctor(
            &[&["check", "--format", "json", "--only", "host,nvidia,own", "--timeout", "30s"], arguments].concat(),
        );
        let report: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
        let results = report["results"].as_array().unwrap().iter().filter(|result| result["group"] != "own");
        results.map(|result| format!("{} {}", result["code"], result["status"])).collect::<Vec<_>>()
    };
    site.write("none.d/.keep", "");
    // `own` is a family only where there are own checks.
    let with = built_in(&["--checks", "checks.d"]);
    let output = site.gdoctor(&["check", "--format", "json", "--only", "host,nvidia", "--timeout", "30s"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let without: Vec<String> = report["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| format!("{} {}", result["code"], result["status"]))
        .collect();
    assert_eq!(with, without);
}

#[test]
fn saved_facts_tell_the_same_and_run_nothing() {
    let site = Site::new();
    let runs = site.path("runs").display().to_string();
    let path =
        site.program("bin/asks", &format!("#!/bin/sh\necho ran >> {runs}\necho 'CRITICAL - disk 3 is gone'\nexit 2\n"));
    site.write("checks.d/a.toml", &format!(
        "[[check]]\nid = \"the-disks\"\ntitle = \"the disks are whole\"\nfix = \"Replace the disk\"\nprogram = {{ run = [\"{path}\"], answers = \"nagios\" }}\n\
         [[check]]\nid = \"the-data\"\ntitle = \"the data is there\"\nfix = \"Bring it\"\nfile = {{ path = \"/etc/passwd\", contains = \"root\" }}\n"
    ));
    let collected = site.gdoctor(&["collect", "--checks", "checks.d", "-o", "host.gdoctor", "--timeout", "20s"]);
    assert_eq!(collected.status.code(), Some(0), "{}", text(&collected.stderr));
    let ran = fs::read_to_string(&runs).unwrap();
    let elsewhere = Site::with("[[check]]\nid = \"not-asked\"\ntitle = \"t\"\nfile = \"/etc/passwd\"\nfix = \"f\"\n");
    fs::copy(site.path("host.gdoctor"), elsewhere.path("host.gdoctor")).unwrap();
    let output = elsewhere.gdoctor(&["check", "--facts", "host.gdoctor", "--only", "own", "--format", "json"]);
    let (code, results) = results_of(&output);
    let codes: Vec<&Value> = results.iter().map(|result| &result["code"]).collect();
    assert!(
        !text(&elsewhere.gdoctor(&["--facts", "host.gdoctor", "--only", "own"]).stdout).contains("gdoctor explain")
    );
    assert_eq!((code, codes), (1, vec![&Value::from("the-disks/critical"), &Value::from("the-data/ok")]));
    assert!(results[0]["summary"].as_str().unwrap().contains("disk 3 is gone"));
    assert_eq!(fs::read_to_string(&runs).unwrap(), ran);
    let output = elsewhere.gdoctor(&["check", "--facts", "host.gdoctor", "--checks", "checks.d"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--checks does not go with --facts"));
}

/// A file of checks, and what is said of it; docs/own-checks.md has the same table.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("titel = \"t\"", "titel is no key of a check", "did you mean title?"),
    ("file = { path = \"/data\", mod = \"0644\" }", "mod is no key of file", "did you mean mode?"),
    (
        "file = { path = \"/data\", mode = 644 }",
        "644 is no value of file.mode",
        "permissions are octal: mode = \"0644\"",
    ),
    (
        "room = { path = \"/data\", free = \"20GiB\" }",
        "\"20GiB\" is no value of room.free",
        "say which way: \">= 20GiB\" for at least",
    ),
    (
        "mount = { type = \"nfs4\" }",
        "mount has no at: where it is mounted",
        "write mount = { at = \"/path\", mounted = … }",
    ),
    (
        "http = \"licence.lab/health\"",
        "\"licence.lab/health\" is no value of http.url",
        "it takes an address with http:// or https://",
    ),
    (
        "program = { run = [\"check_disk -w 10%\"] }",
        "no shell reads this line",
        "write a list: run = [\"check_disk\", \"-w\", \"10%\"]",
    ),
    (
        "program = { run = [\"./check.sh\"] }",
        "\"./check.sh\" depends on where gdoctor is started",
        "a path begins with /",
    ),
    (
        "program = { run = [\"true\"], answers = \"nagois\" }",
        "\"nagois\" is no way to answer",
        "it is one of exit-code, nagios, json",
    ),
    (
        "file = \"/data\"\nprogram = { run = [\"true\"] }",
        "check a-check has a program and kinds",
        "make two checks of it",
    ),
    ("severity = \"critical\"\nfile = \"/data\"", "\"critical\" is no severity", "it is \"fail\" or \"warn\""),
    (
        "family = \"disk\"\nfile = \"/data\"",
        "disk is a family of gdoctor's own",
        "take a name of the site's own: family = \"lab\"",
    ),
    ("says = \"{value} is low\"\nfile = \"/data\"", "nothing fills {value} in says", "{seen} and {subject} are filled"),
    (
        "program = { run = [\"true\"] }\noutcome = [{ on = \"degraded\", is = \"warn\" }]",
        "a program that answers by exit-code never says \"degraded\"",
        "write on = 3, an exit code, or answers = \"json\"",
    ),
    (
        "mount = { at = \"/data\", options = \"!ro,nosuid\" }",
        "\"!ro,nosuid\" is no value of mount.options",
        "write a list: [\"!ro\", \"nosuid\"]",
    ),
    ("file = { path = \"/data\", mode = 0644 }", "unexpected leading zero", "a text stands in quotes: mode = \"0644\""),
    ("file = { path = \"/data\", count = 1-3 }", "invalid date", "a comparison stands in quotes: count = \">= 8\""),
    (
        "package = { name = \"libc6\", version = \">= 1:2.38\" }",
        "\">= 1:2.38\" is no value of package.version",
        "versions have no epoch here: \">= 2.38\"",
    ),
    ("", "check a-check looks at nothing", "write one of file, room, mount"),
];

#[test]
fn each_mistake_is_told_with_its_line_and_its_remedy() {
    let mut rows = String::new();
    for (mistake, what, help) in MISTAKES {
        let site =
            Site::with(&format!("# a comment\n[[check]]\nid = \"a-check\"\ntitle = \"t\"\nfix = \"f\"\n{mistake}\n"));
        let output = site.gdoctor(&["check", "--checks", "checks.d", "--only", "own"]);
        let said = text(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(output.status.code(), Some(2), "{mistake}");
        // Where something is missing the whole check is meant.
        let line = ["site.toml:2", "site.toml:6", "site.toml:7"].into_iter().find(|line| said.contains(line));
        assert!(line.is_some() && (mistake.is_empty() == (line == Some("site.toml:2"))), "{mistake}\n{said}");
        assert!(said.contains(what) && said.contains(help), "{mistake}\n{said}");
        let cell = |text: &str| text.replace('\n', "; ").replace('|', "\\|");
        rows.push_str(&format!(
            "| `{}` | {}: {} |\n",
            if mistake.is_empty() { "no kind, no program".into() } else { cell(mistake) },
            cell(what),
            cell(help)
        ));
    }
    for (checks, what) in [
        (
            "[[check]]\nid = \"disk-space\"\ntitle = \"t\"\nfix = \"f\"\nfile = \"/\"\n",
            "disk-space is a check of gdoctor's own",
        ),
        (
            "[[check]]\nid = \"licence\"\ntitle = \"t\"\nfix = \"f\"\nfile = \"/\"\n",
            "\"licence\" is no name of a check",
        ),
        ("[[check]]\nid = \"a-b\"\ntitle = \"t\"\nfile = \"/\"\n", "check a-b can fail and has no fix"),
        ("[[check]]\nid = \"a-b\"\nfix = \"f\"\nfile = \"/\"\n", "check a-b has no title"),
        ("[[check]]\ntitle = \"t\"\nfix = \"f\"\nfile = \"/\"\n", "the check has no id"),
        ("[check]\nid = \"a-b\"\n", "write [[check]]"),
        ("[[check]\n", "site.toml:1"),
        ("[[checks]]\nid = \"a-b\"\n", "checks is no key of a file of checks"),
        (
            "[[check]]\nid = \"a-b\"\ntitle = \"t\"\nfix = \"f\"\nfile = \"/\"\n[[check]]\nid = \"a-b\"\ntitle = \"t\"\nfix = \"f\"\nfile = \"/\"\n",
            "there are two checks called a-b",
        ),
    ] {
        let site = Site::with(checks);
        let output = site.gdoctor(&["check", "--checks", "checks.d"]);
        assert_eq!(output.status.code(), Some(2), "{checks}");
        assert!(text(&output.stderr).contains(what), "{checks}\n{}", text(&output.stderr));
    }
    let site = Site::with("[[check]]\nid = \"a-b\"\ntitle = \"t\"\nfix = \"f\"\nfile = \"/\"\n");
    site.write("checks.d/other.toml", "[[check]]\nid = \"a-b\"\ntitle = \"t\"\nfix = \"f\"\nfile = \"/\"\n");
    let said = text(&site.gdoctor(&["check", "--checks", "checks.d"]).stderr);
    assert!(
        said.contains("other.toml") && said.contains("site.toml") && said.contains("two checks have one id"),
        "{said}"
    );
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/own-checks.md");
    let there = fs::read_to_string(&page).unwrap();
    let (before, _) = there.split_once("<!-- mistakes -->\n").unwrap();
    let made = format!("{before}<!-- mistakes -->\n{rows}");
    if std::env::var_os("GDOCTOR_SCHEMA").is_some() {
        fs::write(&page, &made).unwrap();
    }
    assert_eq!(there, made, "GDOCTOR_SCHEMA=write cargo test --test own writes it");
}

fn docs(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

fn example(name: &str) -> String {
    docs(&format!("checks/{name}"))
}

fn outcome(output: &Output, id: &str) -> (String, String) {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    let found = report["results"].as_array().unwrap().iter().find(|result| result["id"] == id).unwrap().clone();
    (found["status"].as_str().unwrap().to_owned(), found["summary"].as_str().unwrap().to_owned())
}

/// The examples are as their schema says.
#[test]
fn the_examples_fit_their_schema() {
    let schema: Value = serde_json::from_str(&docs("gdoctor-checks-1.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for name in ["nfs-data.toml", "licence-server.toml", "serial-adapter.toml", "field.toml"] {
        let document: toml::Table = example(name).parse().unwrap();
        let document = serde_json::to_value(document).unwrap();
        let errors: Vec<String> =
            schema.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {}", errors.join("\n"));
    }
    for (mistake, ..) in MISTAKES.iter().take(2) {
        let document: toml::Table = format!("[[check]]\nid = \"a-b\"\ntitle = \"t\"\n{mistake}\n")
            .replace("title = \"t\"\ntitel", "titel")
            .parse()
            .unwrap();
        assert!(!schema.is_valid(&serde_json::to_value(document).unwrap()), "{mistake}");
    }
}

/// A tmpfs in a mount namespace stands for the NFS mount, which needs a kernel with a server: type, place and room are the test's.
#[test]
fn an_example_looks_at_a_mount_and_its_room() {
    let site = Site::new();
    let at = site.path("data");
    fs::create_dir(&at).unwrap();
    let place = at.display().to_string();
    let checks = example("nfs-data.toml").replace("\"/data\"", &format!("{place:?}")).replace("\"nfs*\"", "\"tmp*\"");
    let checks = checks
        .replace("\"hard\", \"!ro\"", "\"rw\", \"!ro\"")
        .replace(">= 50GiB", ">= 8MiB")
        .replace(">= 10000", ">= 10");
    site.write("checks.d/site.toml", &checks);
    let arguments = ["check", "--checks", "checks.d", "--only", "lab", "--format", "json"];
    let (status, said) = outcome(&site.gdoctor(&arguments), "nfs-data");
    assert_eq!(status, "fail");
    assert!(said.contains("is not mounted"), "{said}");
    let mounted = |fill: &str| {
        let script = format!(
            "mount -t tmpfs -o size=16m,nr_inodes=1000 tmpfs {place} && {fill} && exec {} {}",
            env!("CARGO_BIN_EXE_gdoctor"),
            arguments.join(" ")
        );
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &script]).current_dir(site.folder.path()).env("HOME", site.folder.path());
        command.output().unwrap()
    };
    let output = mounted("true");
    if output.stdout.is_empty() {
        return eprintln!("left out: no mount namespace here ({})", text(&output.stderr).trim());
    }
    assert_eq!(outcome(&output, "nfs-data").0, "pass", "{:?}", outcome(&output, "nfs-data"));
    let (status, said) =
        outcome(&mounted(&format!("dd if=/dev/zero of={place}/full bs=1M count=12 2>/dev/null")), "nfs-data");
    assert_eq!(status, "fail");
    assert!(said.contains("free of") && said.contains("wanted >= 8MiB"), "{said}");
}

#[test]
fn an_example_asks_a_licence_server() {
    let site = Site::new();
    let web = serve();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (port, path, status) in [(web, "health", "pass"), (web, "broken", "fail"), (free, "health", "fail")] {
        let checks =
            example("licence-server.toml").replace("127.0.0.1:27080/health", &format!("127.0.0.1:{port}/{path}"));
        site.write("checks.d/site.toml", &checks.replace("\"5s\"", "\"30s\""));
        let output = site.gdoctor(&["check", "--checks", "checks.d", "--only", "lab", "--format", "json"]);
        let (found, said) = outcome(&output, "lab-licence");
        assert_eq!(found, status, "{said}");
        assert!(status == "pass" || said.starts_with("The simulator will get no licence: "), "{said}");
    }
}

/// udev's folder stands below a root of the test's; the adapter is a file there.
#[test]
fn an_example_finds_a_robots_adapter() {
    let site = Site::new();
    site.write("checks.d/site.toml", &example("serial-adapter.toml"));
    let root = site.path("root");
    let root = root.to_str().unwrap();
    site.write("root/etc/passwd", "robot:x:1000:1000::/home/robot:/bin/sh\n");
    site.write("root/etc/group", "dialout:x:20:robot\n");
    site.write("root/dev/null", "");
    // What kind of machine the root is of, one of its programs tells.
    site.write("root/usr/bin/.keep", "");
    fs::copy("/usr/bin/env", site.path("root/usr/bin/env")).unwrap();
    let look = || {
        let output =
            site.gdoctor(&["check", "--checks", "checks.d", "--root", root, "--only", "robot", "--format", "json"]);
        outcome(&output, "robot-arm-adapter")
    };
    let (status, said) = look();
    assert_eq!(status, "fail");
    assert!(said.contains("port0 does not exist"), "{said}");
    let node = site.write("root/dev/ttyUSB0", "");
    fs::set_permissions(&node, fs::Permissions::from_mode(0o660)).unwrap();
    fs::create_dir_all(site.path("root/dev/serial/by-id")).unwrap();
    std::os::unix::fs::symlink(
        "../../ttyUSB0",
        site.path("root/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"),
    )
    .unwrap();
    if !is_root() {
        return;
    }
    chown(&node, Some(0), Some(20)).unwrap();
    assert_eq!(look().0, "pass", "{}", look().1);
    site.write("root/etc/group", "dialout:x:20:\n");
    let (status, said) = look();
    assert_eq!(status, "fail");
    assert!(said.contains("groups of robot"), "{said}");
}

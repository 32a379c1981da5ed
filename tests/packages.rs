//! What a release consists of: versions that agree, packages that install, run and go, the action and the CI systems' snippets as
//! a stranger's job runs them, from a folder that stands for the release.
//!
//! The packages hold `target/release/gdoctor` where it is built (`tests/all` does), else the binary under test, stripped. They
//! promise an old glibc only when packaging/binary built them: packaging/test looks at that, and here it does not ask.
#![allow(clippy::disallowed_methods)]

mod part;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use part::{left_out, root};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A folder as a release's: packages of this machine and SHA256SUMS. `None` where a tool is missing.
fn release() -> Option<&'static Path> {
    static RELEASE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = RELEASE.get_or_init(|| {
        // It is wanted to the end of the program, so the next one takes it away.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("release");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let binary = folder.join("binary");
        let built = root().join("target/release/gdoctor");
        let version = Command::new(&built).arg("--version").output();
        let current = version.is_ok_and(|output| output.stdout == format!("gdoctor {VERSION}\n").as_bytes());
        let from = if current { built.as_path() } else { Path::new(env!("CARGO_BIN_EXE_gdoctor")) };
        assert!(Command::new("strip").arg("-o").arg(&binary).arg(from).status().unwrap().success());
        let out = folder.join("out");
        let argument = format!("{}={}", std::env::consts::ARCH, binary.display());
        let output = Command::new(root().join("packaging/build")).arg(&out).arg(argument).output().unwrap();
        match output.status.code() {
            Some(0) => Some(out),
            Some(77) => None,
            _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
        }
    });
    if made.is_none() {
        left_out("packaging/build lacks a tool");
    }
    made.as_deref()
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn versions_agree() {
    let changes = text("CHANGELOG.md");
    let newest = changes.lines().find_map(|line| line.strip_prefix("## ")).unwrap();
    let (version, state) = newest.split_once(' ').unwrap();
    assert_eq!(version, VERSION, "CHANGELOG.md and Cargo.toml");
    let day = state.trim_matches(['(', ')']);
    let dated = day.len() == 10 && day.split('-').map(str::len).eq([4, 2, 2]);
    assert!(dated || day == "not released yet", "{newest}: a date, or `not released yet`");
    let checks = format!("gdoctor-checks = {{ path = \"checks\", version = \"{VERSION}\" }}");
    assert!(text("Cargo.toml").contains(&checks), "the crate of checks has the same version");

    let schema: serde_json::Value = serde_json::from_str(&text("docs/gdoctor-report-1.json")).unwrap();
    let run = part::gdoctor(&["--only", "disk"], &[]);
    assert_eq!(run.report["$schema"], schema["$id"]);
    assert_eq!(run.report["tool"]["version"], VERSION);
    assert!(text("CHANGELOG.md").contains("docs/gdoctor-report-1.json"));
    // Addresses of a release: the major version of the action, the whole version of what is fetched.
    let major = VERSION.split('.').next().unwrap();
    for page in ["README.md", "docs/ci.md"] {
        let page = text(page);
        let actions: Vec<&str> =
            page.lines().filter_map(|line| line.split_once("gdoctor/gdoctor@v")).map(|at| at.1).collect();
        assert!(actions.iter().all(|at| at.split('.').next() == Some(major)), "{actions:?}");
        for name in ["gdoctor_", "gdoctor-", "ro gdoctor:", "version="] {
            let wrong = page
                .match_indices(name)
                .map(|(at, _)| page[at + name.len()..].split_whitespace().next().unwrap_or_default());
            let wrong: Vec<&str> = wrong
                .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && !rest.starts_with(VERSION))
                .collect();
            assert!(wrong.is_empty(), "{name}{wrong:?}");
        }
    }
}

#[test]
fn packages_install_run_and_go() {
    let Some(out) = release() else { return };
    let output = Command::new(root().join("packaging/test")).arg(out).env("GLIBC", "any").output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    for kind in ["sums", "tarball"] {
        assert!(told.contains(&format!("ok        {kind}: ")), "{told}");
    }
    for line in told.lines().filter(|line| line.starts_with("left out")) {
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

#[test]
fn the_same_binary_gives_the_same_bytes() {
    let Some(out) = release() else { return };
    let again = tempfile::tempdir().unwrap();
    let argument = format!("{}={}", std::env::consts::ARCH, out.with_file_name("binary").display());
    let kinds = ["wheel", "deb"];
    let output =
        Command::new(root().join("packaging/build")).arg(again.path()).arg(argument).args(kinds).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let sums = fs::read_to_string(out.join("SHA256SUMS")).unwrap();
    let again = fs::read_to_string(again.path().join("SHA256SUMS")).unwrap();
    assert_eq!(again.lines().count(), kinds.len());
    for line in again.lines() {
        assert!(sums.contains(line), "{line}\n{sums}");
    }
}

/// What GitHub does with action.yml: the inputs' defaults, each step's environment and shell.
struct Job {
    folder: tempfile::TempDir,
    inputs: BTreeMap<&'static str, String>,
    path: String,
}

impl Job {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("temp")).unwrap();
        let action = text("action.yml");
        for name in ["arguments", "version", "sha256", "from", "sarif"] {
            assert!(action.contains(&format!("\n  {name}:\n")), "{name}");
        }
        let inputs = ["arguments", "version", "sha256", "from", "sarif"].map(|name| (name, String::new())).into();
        Self { folder, inputs, path: std::env::var("PATH").unwrap() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.inputs.insert(name, value.into());
        self
    }

    /// The steps of action.yml, up to the first that fails.
    fn run(&self) -> Output {
        let action = text("action.yml");
        let steps: Vec<&str> = action.split("  steps:\n").nth(1).unwrap().split("\n    - ").collect();
        assert_eq!(steps.len(), 2);
        let mut last = None;
        let mut path = self.path.clone();
        for step in steps {
            let line = step.lines().find_map(|line| line.trim().strip_prefix("run: '")).unwrap();
            let mut command = Command::new("bash");
            command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", line.strip_suffix('\'').unwrap()]);
            command.current_dir(self.folder.path()).env("PATH", &path).env("GITHUB_ACTION_PATH", root());
            for (name, file) in [
                ("RUNNER_TEMP", "temp"),
                ("GITHUB_PATH", "path"),
                ("GITHUB_OUTPUT", "output"),
                ("GITHUB_STEP_SUMMARY", "summary"),
            ] {
                command.env(name, self.folder.path().join(file));
            }
            for line in step.lines().filter(|line| line.contains("${{ inputs.")) {
                let (variable, input) = line.trim().split_once(": ${{ inputs.").unwrap();
                command.env(variable, &self.inputs[input.strip_suffix(" }}").unwrap()]);
            }
            let output = command.output().unwrap();
            if let Ok(more) = fs::read_to_string(self.folder.path().join("path")) {
                path = format!("{}:{}", more.trim(), self.path);
            }
            let failed = !output.status.success();
            last = Some(output);
            if failed {
                break;
            }
        }
        last.unwrap()
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }
}

#[test]
fn the_action_fetches_looks_and_tells() {
    let Some(out) = release() else { return };
    let job = Job::new()
        .with("from", format!("file://{}", out.display()))
        .with("arguments", "--only docker-client\n--label 'runner=GPU 1'\n")
        .with("sarif", "a.sarif");
    let output = job.run();
    assert!(job.folder.path().join("temp/gdoctor/gdoctor").exists(), "{}", told(&output));
    assert_eq!(job.read("output"), format!("exit-code={}\n", output.status.code().unwrap()), "{}", told(&output));
    assert!(job.read("summary").contains("docker-client"));
    assert!(job.read("a.sarif").contains("2.1.0"));

    let failing =
        Job::new().with("from", format!("file://{}", out.display())).with("arguments", "--only disk --disk 9000TiB");
    let output = failing.run();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("::error "), "{}", told(&output));
    assert_eq!(failing.read("output"), "exit-code=1\n");
}

#[test]
fn the_action_takes_nothing_that_is_not_the_release() {
    let Some(out) = release() else { return };
    let from = format!("file://{}", out.display());
    let changed = tempfile::tempdir().unwrap();
    let name = format!("gdoctor-{VERSION}-{}-unknown-linux-gnu.tar.gz", std::env::consts::ARCH);
    fs::copy(out.join("SHA256SUMS"), changed.path().join("SHA256SUMS")).unwrap();
    let mut bytes = fs::read(out.join(&name)).unwrap();
    bytes.push(0);
    fs::write(changed.path().join(&name), bytes).unwrap();
    for (job, why) in [
        (Job::new().with("from", format!("file://{}", changed.path().display())), "is not what it should be"),
        (Job::new().with("from", &*from).with("sha256", "0".repeat(64)), "is not what it should be"),
        (Job::new().with("from", &*from).with("version", "9.9.9"), "there is no"),
        (Job::new().with("from", &*from).with("version", "../../x"), "is no version"),
    ] {
        let output = job.run();
        assert_eq!(output.status.code(), Some(2), "{}", told(&output));
        assert!(told(&output).contains(why) && told(&output).contains("::error "), "{}", told(&output));
        assert!(!job.folder.path().join("temp/gdoctor/gdoctor").exists());
    }
}

/// The words that gdoctor gets, against bash's own reading where nothing is expanded.
#[test]
fn the_action_reads_words_as_a_shell_does() {
    let bin = tempfile::tempdir().unwrap();
    let fake = bin.path().join("gdoctor");
    fs::write(&fake, "#!/bin/sh\n[ \"$1\" = --version ] || printf '%s\\0' \"$@\"\n").unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&fake).status().unwrap().success());
    for text in [
        "--gpu --capability video",
        "--gpu\n  --label \"runner=GPU 1\"\r\n\n--label 'a \"b\" \\ c'\n",
        "-- docker run -e A=\"x y\"z -e 'B=$HOME `id` $(id)' --label \"a \\\"b\\\" \\\\ \\x\" '' \"\" img\\ one \\\" \\' \\$x",
        "one \\\n  two three\\\nfour \"five\\\nsix\" 'sev\\\nen'",
    ] {
        let mut job = Job::new().with("version", "installed").with("arguments", text);
        job.path = format!("{}:{}", bin.path().display(), job.path);
        let output = job.run();
        assert!(output.status.success(), "{}", told(&output));
        let script = format!(
            "printf '%s\\0' --format github {}",
            text.replace('\r', "").trim().replace("\n  --", " --").replace("\n\n", " ")
        );
        let bash = Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&bash.stdout), "{text}");
    }
    // A command of gdoctor's comes first, whatever the action adds.
    let commands =
        "#!/bin/sh\n[ \"$1\" != --help ] || { printf 'Commands:\\n  check  x\\n  explain  y\\n\\n'; exit; }\n";
    fs::write(&fake, format!("{commands}[ \"$1\" = --version ] || printf '%s ' \"$@\"\n")).unwrap();
    for (text, words) in [
        ("check -- docker run 'a b'", "check --format github --out sarif=a.sarif -- docker run a b "),
        ("explain 'a b'", "explain a b "),
        ("docker run x", "--format github --out sarif=a.sarif docker run x "),
        ("", "--format github --out sarif=a.sarif "),
    ] {
        let mut job = Job::new().with("version", "installed").with("arguments", text).with("sarif", "a.sarif");
        job.path = format!("{}:{}", bin.path().display(), job.path);
        assert_eq!(String::from_utf8_lossy(&job.run().stdout), words, "{text}");
    }
    let mut job = Job::new().with("version", "installed").with("arguments", "--label 'open");
    job.path = format!("{}:{}", bin.path().display(), job.path);
    let output = job.run();
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("is not closed"));
}

/// The blocks of docs/ci.md by name.
fn block(name: &str) -> String {
    let page = text("docs/ci.md");
    let blocks: Vec<&str> = page.split("\n```").skip(1).step_by(2).collect();
    let found = blocks.iter().find_map(|block| {
        let (info, text) = block.split_once('\n')?;
        (info.split_once(' ')?.1 == name).then(|| text.to_owned())
    });
    found.unwrap_or_else(|| panic!("docs/ci.md has no block {name}"))
}

/// Runs what a CI system's file has as shell lines, with the wheel of the release in PyPI's place.
fn as_a_job(lines: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let Some(out) = release() else { return };
    for line in lines {
        let output = Command::new("bash")
            .args(["-ec", line])
            .current_dir(folder.path())
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", out)
            .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
            .output()
            .unwrap();
        let good: &[i32] = if line.contains("gdoctor --gpu") { &[0, 1, 3] } else { &[0] };
        assert!(output.status.code().is_some_and(|code| good.contains(&code)), "{line}\n{}", told(&output));
    }
    assert!(fs::read_to_string(folder.path().join("gdoctor.xml")).unwrap().contains("<testsuites"));
}

#[test]
fn gitlab_jenkins_and_azure_get_their_file() {
    let gitlab = block("gitlab");
    let script = gitlab.split_once("script:\n").unwrap().1.split_once("  artifacts:").unwrap().0;
    let lines: Vec<String> =
        script.lines().filter_map(|line| line.trim().strip_prefix("- ")).map(str::to_owned).collect();
    assert_eq!(lines.len(), 2);
    as_a_job(&lines);
    assert!(gitlab.contains("junit: gdoctor.xml"));

    let jenkins = block("jenkins");
    let lines: Vec<String> = jenkins
        .lines()
        .filter_map(|line| line.trim().strip_prefix("sh '")?.strip_suffix('\''))
        .map(str::to_owned)
        .collect();
    assert_eq!(lines.len(), 2);
    as_a_job(&lines);
    assert!(jenkins.contains("junit 'gdoctor.xml'"));

    let azure = block("azure");
    let steps: Vec<&str> = azure.split("  - script: ").skip(1).collect();
    let lines = steps.iter().map(|step| {
        let script = step.split_once("displayName").unwrap().0;
        script.trim_start_matches('|').lines().map(str::trim).collect::<Vec<_>>().join("\n")
    });
    as_a_job(&lines.collect::<Vec<_>>());
    assert!(azure.contains("testResultsFiles: gdoctor.xml"));
}

#[test]
fn four_lines_fetch_it_anywhere() {
    let Some(out) = release() else { return };
    let lines = block("fetch");
    let address = "https://github.com/gdoctor/gdoctor/releases/download/v$version";
    assert!(lines.contains(address));
    let lines = lines.replace(address, &format!("file://{}", out.display()));
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new("bash").args(["-ec", &lines]).current_dir(folder.path()).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{}", told(&output));
    assert!(told(&output).contains("GPU"), "{}", told(&output));
}

/// Every script of packaging/ and every step of the workflows is one that shellcheck reads.
#[test]
fn scripts_are_clean() {
    let mut scripts = Vec::new();
    for folder in ["packaging", "packaging/kinds"] {
        for entry in fs::read_dir(root().join(folder)).unwrap().flatten() {
            let first = fs::read(entry.path()).unwrap_or_default();
            if first.starts_with(b"#!/usr/bin/env bash") || first.starts_with(b"# shellcheck shell=bash") {
                scripts.push(entry.path());
            }
        }
    }
    assert!(scripts.len() > 10);
    match Command::new("shellcheck").arg("-x").args(scripts).current_dir(root()).output() {
        Ok(output) => assert!(output.status.success(), "{}", told(&output)),
        Err(_) => left_out("shellcheck is not installed"),
    }
}

/// Pages that the words cite: those that are there, moved, gone or silent, asked and in their sources.
#[test]
fn cited_pages_are_looked_for() {
    let copy = tempfile::tempdir().unwrap();
    let served = copy.path().join("served");
    fs::create_dir_all(served.join("engine")).unwrap();
    fs::write(served.join("engine/index.html"), "<h2 id=\"limits\">Limits</h2><h3 id=start>Start</h3>").unwrap();
    let script = "import http.server, os, sys; os.chdir(sys.argv[1]); \
        s = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler); \
        print(s.server_port, flush=True); s.serve_forever()";
    let Ok(mut server) = Command::new("python3")
        .args(["-c", script])
        .arg(&served)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
    else {
        left_out("python3 is not installed");
        return;
    };
    let mut port = String::new();
    std::io::BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let site = format!("http://127.0.0.1:{}", port.trim());
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let words = copy.path().join("checks/docker/server");
    fs::create_dir_all(&words).unwrap();
    let docker = "https://docs.docker.com/reference/cli/dockerd/";
    let pages = ["/engine/#limits", "/engine/#start", "/engine#limits", "/engine/#limit", "/engines/"]
        .map(|page| format!("{site}{page}"));
    let others = [
        format!("http://{silent}/"),
        format!("{docker}#on-linux"),
        format!("{docker}#debug"),
        format!("{docker}#on-mars"),
    ];
    let lines: String = pages.iter().chain(&others).map(|page| format!("- page: {page}\n")).collect();
    fs::write(words.join("doc.md"), lines).unwrap();
    fs::create_dir(copy.path().join("packaging")).unwrap();
    let script = copy.path().join("packaging/pages");
    fs::copy(root().join("packaging/pages"), &script).unwrap();

    let asked = Command::new(&script).arg("127.0.0.1").output();
    server.kill().unwrap();
    server.wait().unwrap();
    let asked = asked.unwrap();
    let said = told(&asked);
    assert_eq!(asked.status.code(), Some(1), "{said}");
    let gone =
        |line: usize, why: &str| format!("gone      checks/docker/server/doc.md:{line}: {}: {why}", pages[line - 1]);
    assert!(said.contains(&gone(4, "the page has no #limit")), "{said}");
    assert!(said.contains(&gone(5, "the answer is 404")), "{said}");
    assert!(said.contains(&format!("not read  checks/docker/server/doc.md:6: http://{silent}/")), "{said}");
    assert!(said.ends_with("2 gone, 0 moved, 1 not read, 3 there\n"), "{said}");

    let clone = copy.path().join("clones/docker/cli");
    fs::create_dir_all(clone.join("docs/reference")).unwrap();
    fs::write(
        clone.join("docs/reference/dockerd.md"),
        "# dockerd\n\n### On Linux\n\n#### <a name=\"debug\"></a> Debug\n",
    )
    .unwrap();
    for arguments in
        [&["init", "-q"][..], &["add", "."], &["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "docs"]]
    {
        assert!(Command::new("git").arg("-C").arg(&clone).args(arguments).status().unwrap().success());
    }
    let held =
        Command::new(&script).arg("--sources").arg(copy.path().join("clones")).arg("docs.docker.com").output().unwrap();
    let said = told(&held);
    assert_eq!(held.status.code(), Some(1), "{said}");
    assert!(
        said.contains(
            "#on-mars: docker/cli has no #on-mars in docs/reference/dockerd.md\n1 gone, 0 moved, 0 not read, 2 there\n"
        ),
        "{said}"
    );
}

/// A page a check and a code, no link within the site that leads nowhere, and the words that the binary says.
#[test]
fn the_site_says_what_gdoctor_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(root().join("packaging/site"));
    let output = command.arg(folder.path()).arg(env!("CARGO_BIN_EXE_gdoctor")).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    for check in gdoctor_checks::ALL.iter() {
        let doc = gdoctor::report::parse(check);
        let page = fs::read_to_string(folder.path().join(format!("{}.html", check.id))).unwrap();
        for code in &doc.codes {
            assert!(page.contains(&format!("href=\"{}/{}.html\"", check.id, code.name)), "{}/{}", check.id, code.name);
        }
    }
    let page = fs::read_to_string(folder.path().join("docker-access/owned-by-root.html")).unwrap();
    for words in
        ["srw-rw---- 1 root root 0 /var/run/docker.sock", "sudo systemctl restart docker.socket", "linux-postinstall"]
    {
        assert!(page.contains(words), "{words}\n{page}");
    }
    let index = fs::read_to_string(folder.path().join("pages.js")).unwrap();
    assert!(index.contains("srw-rw----"), "the search knows messages");
}

/// Links within the repository, of every page that people read.
#[test]
fn links_lead_somewhere() {
    for page in [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/usage.md",
        "docs/ci.md",
        "docs/privacy.md",
        "docs/monitoring.md",
    ] {
        let text = text(page);
        for link in
            text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.starts_with("http"))
        {
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() { root().join(page) } else { root().join(page).parent().unwrap().join(file) };
            assert!(path.exists(), "{page}: {link}");
            if !part.is_empty() {
                let there =
                    fs::read_to_string(path).unwrap().lines().filter(|line| line.starts_with('#')).any(|line| {
                        let name = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
                        name.replace(|c: char| !c.is_alphanumeric() && c != '-', "") == part
                    });
                assert!(there, "{page}: {link}");
            }
        }
    }
}

/// In a container with the host's root mounted and its processes shown, `/proc/self` below that root is gdoctor in its container,
/// and process 1 the host's own.
#[test]
fn a_mounted_host_is_not_the_container() {
    let host = tempfile::tempdir().unwrap();
    for process in ["1", "self"] {
        fs::create_dir_all(host.path().join("proc").join(process)).unwrap();
    }
    let layers = "612 530 0:77 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A,upperdir=/var/lib/docker/overlay2/x/diff\n";
    let disk = "25 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n";
    fs::write(host.path().join("proc/self/mountinfo"), layers).unwrap();
    for (first, inside) in [(disk, false), (layers, true)] {
        fs::write(host.path().join("proc/1/mountinfo"), first).unwrap();
        let run = part::gdoctor(&["--root", host.path().to_str().unwrap(), "--only", "docker-packages"], &[]);
        let said = run.report["results"].to_string();
        assert_eq!(said.contains("runs inside a container"), inside, "{said}");
    }
}

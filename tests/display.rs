//! gdoctor against a real Xvfb with real xhost and xauth, against sockets that misbehave, and against what a real container
//! meets there.
#![allow(clippy::disallowed_methods)]

mod part;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use part::{Part, Run, gdoctor, is_root, run};

const DISPLAY: [&str; 3] = ["--only", "display", "--display"];
/// An id that no account has.
const STRANGER: &str = "4242";

/// A run with the part's DISPLAY and a cookie file of the test's choice.
fn look(server: &Part, cookies: &Path) -> Run {
    let cookies = cookies.to_string_lossy();
    gdoctor(&DISPLAY, &[("DISPLAY", server.get("DISPLAY")), ("XAUTHORITY", &cookies), ("HOME", "/nonexistent")])
}

fn right_cookie(server: &Part) -> PathBuf {
    server.path().join("Xauthority")
}

/// xhost as the session's owner runs it.
fn xhost(server: &Part, change: &str) {
    let mut command = Command::new("xhost");
    command.arg(change).env("DISPLAY", server.get("DISPLAY")).env("XAUTHORITY", right_cookie(server));
    let output = command.output().expect("xhost starts");
    assert!(output.status.success(), "xhost {change}: {}", String::from_utf8_lossy(&output.stderr));
}

fn number(server: &Part) -> u16 {
    server.get("DISPLAY").trim_start_matches(':').parse().unwrap()
}

fn socket_path(number: u16) -> PathBuf {
    PathBuf::from(format!("/tmp/.X11-unix/X{number}"))
}

/// Runs a printed fix as this user; sudo is left out because the lab is root already.
fn mend(run: &Run, code: &str, env: &[(&str, &str)]) {
    let script = run.fix(code).join("\n").replace("sudo ", "");
    let output = Command::new("sh").args(["-ec", &script]).envs(env.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_right_cookie_opens_the_server() {
    let Some(server) = Part::start("display", &[]) else { return };
    let run = look(&server, &right_cookie(&server));
    assert_eq!(run.of("display-server"), ["pass display-server/reached"]);
    assert_eq!(run.of("display-cookie"), ["pass display-cookie/good-here"]);
    let secret = Command::new("xauth").arg("-f").arg(right_cookie(&server)).arg("list").output().unwrap();
    let secret = String::from_utf8_lossy(&secret.stdout).split_whitespace().last().unwrap().to_owned();
    assert_eq!(secret.len(), 32);
    assert!(!run.report.to_string().contains(&secret), "the cookie got into the report");
}

/// One cause, one red line: the server and the access of containers are folded under the cookie.
#[test]
fn what_is_wrong_with_a_cookie_is_told() {
    let Some(server) = Part::start("display", &[]) else { return };
    let folder = server.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let none = server.path().join("none");
    let rubbish = server.path().join("rubbish");
    fs::write(&rubbish, "these are no records").unwrap();
    let empty = server.path().join("empty");
    fs::write(&empty, "").unwrap();
    let wrong = server.path().join("wrong");
    let key = "00112233445566778899aabbccddeeff";
    let added =
        Command::new("xauth").arg("-f").arg(&wrong).args(["add", server.get("DISPLAY"), ".", key]).status().unwrap();
    assert!(added.success());
    for (file, told) in [
        (&none, "fail display-cookie/no-cookie"),
        (&folder, "fail display-cookie/folder"),
        (&rubbish, "fail display-cookie/malformed"),
        (&empty, "fail display-cookie/no-entry"),
        (&wrong, "fail display-cookie/wrong"),
    ] {
        let run = look(&server, file);
        assert_eq!(run.told(), [told], "{}", file.display());
        assert_eq!(run.code, 1);
        assert!(!run.report.to_string().contains(key), "the cookie got into the report");
    }
}

#[test]
fn a_renamed_host_loses_its_cookie_and_the_fix_gives_it_back() {
    if !is_root("display: a host of another name") {
        return;
    }
    let Some(server) = Part::start("display", &[]) else { return };
    let cookies = right_cookie(&server);
    let cookies = cookies.to_string_lossy();
    let env = [("DISPLAY", server.get("DISPLAY")), ("XAUTHORITY", &*cookies), ("HOME", "/nonexistent")];
    let renamed = || {
        let mut command = Command::new("unshare");
        command.args(["--uts", "sh", "-c", "hostname lab-renamed; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_gdoctor")]);
        run(command, &DISPLAY, &env)
    };
    let before = renamed();
    assert_eq!(before.told(), ["fail display-cookie/other-host"]);
    mend(&before, "display-cookie/other-host", &env);
    assert_eq!(renamed().of("display-cookie"), ["pass display-cookie/good-here"]);
}

#[test]
fn another_number_names_the_server_that_listens() {
    let Some(server) = Part::start("display", &[]) else { return };
    let cookies = right_cookie(&server);
    let cookies = cookies.to_string_lossy();
    let run = gdoctor(&DISPLAY, &[("DISPLAY", ":4321"), ("XAUTHORITY", &cookies)]);
    assert_eq!(run.told(), ["fail display-server/wrong-number"]);
    let summary = run.results().iter().find(|r| r["id"] == "display-server").unwrap()["summary"].as_str().unwrap();
    let own = nix::unistd::geteuid();
    assert!(summary.contains(&format!(":{} (of uid {own})", number(&server))), "{summary}");
}

#[test]
fn what_is_no_server_is_told_from_a_server() {
    let Some(server) = Part::start("display", &[]) else { return };
    let taken = |number: u16| socket_path(number);

    // A socket file whose server is gone.
    drop(UnixListener::bind(taken(4322)).unwrap());
    let run = gdoctor(&DISPLAY, &[("DISPLAY", ":4322")]);
    fs::remove_file(taken(4322)).unwrap();
    assert_eq!(run.told(), ["fail display-server/wrong-number"]);

    // A folder that Docker made of a `-v`, and the fix.
    fs::create_dir(taken(4323)).unwrap();
    let run = gdoctor(&DISPLAY, &[("DISPLAY", ":4323")]);
    assert_eq!(run.told(), ["fail display-server/socket-is-folder"]);
    mend(&run, "display-server/socket-is-folder", &[]);
    assert!(!taken(4323).exists());

    for (display, told) in [
        ("78", "fail display-server/malformed"),
        (":x", "fail display-server/malformed"),
        ("/no/such/socket", "fail display-server/malformed"),
        ("nosuch.invalid:0", "fail display-server/host-unreachable"),
        ("localhost:57.0", "fail display-server/forwarding-gone"),
        ("localhost:3", "fail display-server/no-tcp"),
    ] {
        assert_eq!(gdoctor(&DISPLAY, &[("DISPLAY", display)]).told(), [told], "{display}");
    }
    assert_eq!(gdoctor(&DISPLAY, &[]).told().len(), 1);
    drop(server);
}

/// A screen that is not there, and DISPLAY as a path.
#[test]
fn screens_and_paths() {
    let Some(server) = Part::start("display", &[]) else { return };
    let cookies = right_cookie(&server);
    let cookies = cookies.to_string_lossy();
    let of = |display: &str| gdoctor(&DISPLAY, &[("DISPLAY", display), ("XAUTHORITY", &cookies)]).of("display-server");
    let number = number(&server);
    assert_eq!(of(&format!(":{number}.0")), ["pass display-server/reached"]);
    assert_eq!(of(&format!("unix:{number}")), ["pass display-server/reached"]);
    assert_eq!(of(&format!(":{number}.1")), ["fail display-server/no-such-screen"]);
}

/// Silent, chattering and closing listeners cost at most the deadline, and the rest of the report is whole.
#[test]
fn sockets_that_misbehave_are_unknown() {
    for (number, words) in [(4324_u16, None), (4325, Some("HTTP/1.1 400 Bad Request\r\n\r\n")), (4326, Some(""))] {
        fs::create_dir_all("/tmp/.X11-unix").unwrap();
        let path = socket_path(number);
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for mut stream in listener.incoming().flatten() {
                if let Some(words) = words {
                    use std::io::Write;
                    let _ = stream.write_all(words.as_bytes());
                    if words.is_empty() {
                        continue; // closes it
                    }
                }
                held.push(stream);
            }
        });
        let started = Instant::now();
        let display = format!(":{number}");
        let run = gdoctor(&["--only", "display", "--display", "--timeout", "800ms"], &[("DISPLAY", &display)]);
        let took = started.elapsed();
        fs::remove_file(&path).unwrap();
        assert_eq!(run.told(), ["unknown display-server/unknown"]);
        assert_eq!(run.code, 3);
        assert!(took < Duration::from_secs(4), "{took:?}");
        assert_eq!(run.results().len(), run.results().iter().filter(|r| r["group"] == "display").count());
    }
}

#[test]
fn a_full_server_is_no_matter_of_permission() {
    let Some(server) = Part::start("display", &["any", "-maxclients", "64"]) else { return };
    let mut held: Vec<UnixStream> = Vec::new();
    // The server takes connections up in its own time, and may let one go that says nothing.
    let full = eventually(
        || {
            held.extend((0..64).map_while(|_| UnixStream::connect(socket_path(number(&server))).ok()));
            look(&server, &right_cookie(&server)).told()
        },
        |told| told == &["fail display-server/full"],
    );
    assert_eq!(full, ["fail display-server/full"]);
    drop(held);
    let reached = || look(&server, &right_cookie(&server)).of("display-server");
    assert_eq!(eventually(reached, |line| line == &["pass display-server/reached"]), ["pass display-server/reached"]);
}

/// The first value that is as it should be; the last one when none is within ten seconds.
fn eventually(mut look: impl FnMut() -> Vec<String>, right: impl Fn(&Vec<String>) -> bool) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let value = look();
        if right(&value) || Instant::now() > deadline {
            return value;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_display_by_tcp_needs_the_network_and_the_cookie() {
    let Some(server) = Part::start("display", &["any", "--tcp"]) else { return };
    let cookies = right_cookie(&server);
    let cookies = cookies.to_string_lossy();
    let display = format!("127.0.0.1:{}", number(&server));
    let run = gdoctor(&DISPLAY, &[("DISPLAY", &display), ("XAUTHORITY", &cookies)]);
    assert_eq!(run.of("display-server"), ["pass display-server/reached"]);
    assert_eq!(run.told(), ["warn display-access/forwarded"]);
    let run = gdoctor(&DISPLAY, &[("DISPLAY", &display), ("XAUTHORITY", "/nonexistent")]);
    assert_eq!(run.told(), ["fail display-cookie/no-cookie"]);
}

#[test]
fn a_lost_socket_file_leaves_the_abstract_socket() {
    let Some(server) = Part::start("display", &[]) else { return };
    fs::remove_file(socket_path(number(&server))).unwrap();
    let run = look(&server, &right_cookie(&server));
    assert_eq!(run.told(), ["warn display-server/abstract-only", "fail display-access/no-socket-file"]);
}

/// A daemon, and an image in which xdpyinfo of this machine runs.
struct Containers {
    daemon: Part,
    /// gdoctor where every user may start it.
    binary: tempfile::TempDir,
}

impl Containers {
    fn start() -> Option<Self> {
        if !is_root("display: what a container meets") {
            return None;
        }
        let daemon = Part::start("docker", &[])?;
        Self::of(daemon)
    }

    fn of(daemon: Part) -> Option<Self> {
        let imported = daemon.call("import", &[]);
        if imported.status.code() == Some(77) {
            part::left_out(String::from_utf8_lossy(&imported.stderr).trim());
            return None;
        }
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        for (path, mode) in [(daemon.path().to_path_buf(), 0o755), (daemon.path().join("docker.sock"), 0o666)] {
            fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        }
        let binary = tempfile::tempdir_in("/tmp").unwrap();
        fs::set_permissions(binary.path(), PermissionsExt::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_gdoctor"), binary.path().join("gdoctor")).unwrap();
        Some(Self { daemon, binary })
    }

    /// A container that stays, with the guide's mounts, the programs of this machine and whatever more; its id.
    fn stay(&self, more: &[&str]) -> String {
        let output = Command::new("docker")
            .args(["run", "--detach", "--rm", "-v", "/tmp/.X11-unix:/tmp/.X11-unix"])
            .args(["-v", "/usr:/usr:ro", "-v", "/lib:/lib:ro", "-v", "/lib64:/lib64:ro"])
            .args(more)
            .args(["lab/busybox:1", "sleep", "600"])
            .env("DOCKER_HOST", self.daemon.get("DOCKER_HOST"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What happens: xdpyinfo as this user of that container.
    fn lets_in(&self, container: &str, display: &str, user: &str, xauthority: &str) -> bool {
        let output = Command::new("docker")
            .args(["exec", "--user", user, "-e", &format!("DISPLAY={display}")])
            .args(["-e", &format!("XAUTHORITY={xauthority}"), container, "/usr/bin/xdpyinfo"])
            .env("DOCKER_HOST", self.daemon.get("DOCKER_HOST"))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || errors.contains("unable to open display"), "{errors}");
        output.status.success()
    }

    /// What gdoctor says of it, asked by this user of the host.
    fn said(&self, server: &Part, asker: &str, user: &str) -> Run {
        let cookies = server.path().join(format!("Xauthority-{asker}"));
        fs::set_permissions(server.path(), PermissionsExt::from_mode(0o755)).unwrap();
        fs::copy(right_cookie(server), &cookies).unwrap();
        let asker: u32 = asker.parse().unwrap();
        nix::unistd::chown(&cookies, Some(asker.into()), None).unwrap();
        let cookies = cookies.to_string_lossy();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &asker.to_string(), "--regid", &asker.to_string(), "--clear-groups"]);
        command.arg(self.binary.path().join("gdoctor"));
        let env = [
            ("DOCKER_HOST", self.daemon.get("DOCKER_HOST")),
            ("DISPLAY", server.get("DISPLAY")),
            ("XAUTHORITY", &*cookies),
            ("HOME", "/nonexistent"),
        ];
        run(command, &["--only", "display", "--display", "--container-user", user], &env)
    }
}

/// weston without a screen; Xwayland starts when somebody connects to the socket that weston keeps for it.
struct Weston(std::process::Child, tempfile::TempDir);

impl Weston {
    /// The compositor and the DISPLAY of its Xwayland.
    fn start() -> Option<(Self, String)> {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let started = Command::new("weston")
            .args(["--backend=headless-backend.so", "--xwayland", "--socket=wayland-lab"])
            .env("XDG_RUNTIME_DIR", folder.path())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(log)
            .spawn();
        let Ok(child) = started else {
            part::left_out("display: weston is missing: install the packages weston and xwayland");
            return None;
        };
        let weston = Self(child, folder);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let log = fs::read_to_string(weston.1.path().join("log")).unwrap_or_default();
            let number = log.split_once("xserver listening on display ").and_then(|(_, rest)| rest.split_once('\n'));
            if let Some((number, _)) = number {
                return Some((weston, number.to_owned()));
            }
            assert!(Instant::now() < deadline, "weston does not come up:\n{log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Weston {
    fn drop(&mut self) {
        let _ =
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.0.id() as i32), nix::sys::signal::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// Xwayland without a cookie file lets its own user in and lists it: a stranger stays outside.
#[test]
fn xwayland_lets_in_its_own_user_only() {
    let Some(containers) = Containers::start() else { return };
    let Some((weston, display)) = Weston::start() else { return };
    let runtime = weston.1.path().to_string_lossy();
    let env = [
        ("DISPLAY", display.as_str()),
        ("XAUTHORITY", "/nonexistent"),
        ("XDG_RUNTIME_DIR", &*runtime),
        ("WAYLAND_DISPLAY", "wayland-lab"),
        ("DOCKER_HOST", containers.daemon.get("DOCKER_HOST")),
    ];
    let run = gdoctor(&DISPLAY, &env);
    assert_eq!(run.of("display-server"), ["pass display-server/reached-beside-wayland"]);
    assert_eq!(run.of("display-access"), ["pass display-access/let-in-proven"]);
    let arguments = ["--only", "display", "--display", "--container-user", STRANGER];
    let run = gdoctor(&arguments, &env);
    assert_eq!(run.of("display-access"), ["fail display-access/socket-mode", "fail display-access/shut-out"]);
    let container = containers.stay(&[]);
    // Xwayland ends with its last client, and its list with it: a program of the session stays.
    let mut program = Command::new("xev")
        .args(["-display", &display, "-root"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("xev starts, of the package x11-utils");
    assert!(containers.lets_in(&container, &display, "0", "/none"));
    assert!(!containers.lets_in(&container, &display, STRANGER, "/none"));
    mend(&run, "display-access/shut-out", &env);
    // weston made the socket by its umask, as mutter does.
    assert_eq!(gdoctor(&arguments, &env).of("display-access"), ["fail display-access/socket-mode"]);
    assert!(!containers.lets_in(&container, &display, STRANGER, "/none"));
    mend(&run, "display-access/socket-mode", &env);
    assert_eq!(gdoctor(&arguments, &env).of("display-access"), ["pass display-access/let-in"]);
    assert!(containers.lets_in(&container, &display, STRANGER, "/none"));
    program.kill().unwrap();
    program.wait().unwrap();
}

/// userns-remap, with subordinate ids that only the lab's daemon sees: root inside is 231072 to the X server.
#[test]
fn a_remapped_root_is_somebody_else() {
    if !is_root("display: userns-remap") {
        return;
    }
    let Some(server) = Part::start("display", &[]) else { return };
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    fs::write(path("ids"), "nobody:231072:65536\n").unwrap();
    fs::write(path("daemon.json"), r#"{"userns-remap": "nobody:nogroup", "log-level": "warn"}"#).unwrap();
    let script = "mount --bind \"$1\" /etc/subuid && mount --bind \"$1\" /etc/subgid && shift && exec \"$@\"";
    let ids = path("ids");
    let inside = ["--mount", "sh", "-c", script, "sh", &ids];
    let Some(daemon) = Part::start_in("unshare", &inside, "docker", &["--config", &path("daemon.json")]) else {
        return;
    };
    let Some(containers) = Containers::of(daemon) else { return };
    let container = containers.stay(&[]);

    let run = containers.said(&server, "0", "0");
    assert_eq!(run.told(), ["fail display-access/shifted"]);
    assert!(!containers.lets_in(&container, server.get("DISPLAY"), "0", "/none"));
    // Root of the host is not root of the container.
    xhost(&server, "+si:localuser:root");
    assert_eq!(containers.said(&server, "0", "0").told(), ["fail display-access/shifted"]);
    assert!(!containers.lets_in(&container, server.get("DISPLAY"), "0", "/none"));
    assert_eq!(run.fix("display-access/shifted"), ["xhost +si:localuser:'#231072'"]);
    let cookies = right_cookie(&server);
    mend(
        &run,
        "display-access/shifted",
        &[("DISPLAY", server.get("DISPLAY")), ("XAUTHORITY", &cookies.to_string_lossy())],
    );
    assert_eq!(containers.said(&server, "0", "0").of("display-access"), ["pass display-access/let-in"]);
    assert!(containers.lets_in(&container, server.get("DISPLAY"), "0", "/none"));
    assert!(!containers.lets_in(&container, server.get("DISPLAY"), "5", "/none"));
    assert_eq!(containers.said(&server, "0", "5").told(), ["fail display-access/shifted"]);
}

/// What gdoctor derives, as root and as another user, is what a container meets, for every state of the list.
#[test]
fn what_is_derived_is_what_a_container_meets() {
    let Some(containers) = Containers::start() else { return };
    let container = containers.stay(&[]);
    let mut told = std::collections::BTreeMap::<String, usize>::new();
    for options in [&["any"][..], &["any", "--no-cookie"]] {
        let Some(server) = Part::start("display", options) else { return };
        let changes: [&[&str]; 8] = [
            &[],
            &["+si:localuser:#4242"],
            &["+si:localuser:root"],
            &["-si:localuser:#4242"],
            &["+local:docker"],
            &["-local:docker", "+si:localuser:root"],
            &["+"],
            &["-"],
        ];
        for change in changes {
            change.iter().for_each(|change| xhost(&server, change));
            for user in ["0", "4242", "4243"] {
                let happens = containers.lets_in(&container, server.get("DISPLAY"), user, "/none");
                for asker in ["0", "4242", "4244"] {
                    let run = containers.said(&server, asker, user);
                    let said = run.of("display-access");
                    let word = said.first().and_then(|line| line.split(' ').next()).unwrap_or_default();
                    let at = format!("{options:?} {change:?}: container of {user}, asked by {asker}: {said:?}");
                    match word {
                        "pass" | "warn" => assert!(happens, "{at}"),
                        "fail" => assert!(!happens, "{at}"),
                        // Nobody but root can try as a stranger: then it is not told, and never told wrongly. The server is
                        // shut to an asker without a cookie, too.
                        "unknown" => assert!(asker != "0" && options.len() > 1, "{at}"),
                        _ => panic!("{at}"),
                    }
                    *told.entry(said.concat()).or_default() += 1;
                }
            }
        }
    }
    for code in ["let-in", "let-in-proven", "shut-out", "every-local-user", "every-local-user-unlisted", "everybody"] {
        assert!(told.keys().any(|line| line.ends_with(&format!("/{code}"))), "{code} was never told: {told:#?}");
    }
}

/// Both printed ways of letting a container in do so.
#[test]
fn the_printed_fixes_let_the_container_in() {
    let Some(containers) = Containers::start() else { return };
    let Some(server) = Part::start("display", &[]) else { return };
    let cookies = right_cookie(&server);
    let home = server.path().to_string_lossy().into_owned();
    let env = [("DISPLAY", server.get("DISPLAY")), ("XAUTHORITY", &*cookies.to_string_lossy()), ("HOME", &home)];

    let run = containers.said(&server, "0", "0");
    assert_eq!(run.told(), ["fail display-access/shut-out"]);
    assert_eq!(run.fix("display-access/shut-out"), ["xhost +si:localuser:root"]);
    mend(&run, "display-access/shut-out", &env);
    assert_eq!(containers.said(&server, "0", "0").told(), [""; 0]);
    let run = containers.said(&server, "0", STRANGER);
    assert_eq!(run.told(), ["fail display-access/shut-out"]);
    mend(&run, "display-access/shut-out", &env);
    let copy = format!("{home}/.docker.xauth:/tmp/.docker.xauth:ro");
    let own = format!("{home}/Xauthority:/tmp/own.xauth:ro");
    let container = containers.stay(&["-v", &copy, "-v", &own]);
    assert!(containers.lets_in(&container, server.get("DISPLAY"), "0", "/none"));
    assert!(!containers.lets_in(&container, server.get("DISPLAY"), STRANGER, "/none"));
    assert!(containers.lets_in(&container, server.get("DISPLAY"), STRANGER, "/tmp/.docker.xauth"));
    // The session's own file, mounted as it is, is kept under another host's name.
    assert!(!containers.lets_in(&container, server.get("DISPLAY"), STRANGER, "/tmp/own.xauth"));
}

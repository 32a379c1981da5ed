//! gdoctor against a real Xvfb with real xhost and xauth, against sockets that misbehave, and against what a real container
//! meets there.
#![allow(clippy::disallowed_methods)]

mod containers;
mod forwarded;
#[path = "../part/mod.rs"]
mod part;
mod wayland;

use std::fs;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use containers::Containers;
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

/// A display number of this test's own, by the lock file that X servers make; beyond those of the lab, and below
/// the thousand that sshd has.
struct Number(u16);

impl Number {
    fn new() -> Self {
        fs::create_dir_all("/tmp/.X11-unix").unwrap();
        let free = |number: &u16| {
            let lock = lock_path(*number);
            !socket_path(*number).exists() && fs::OpenOptions::new().write(true).create_new(true).open(lock).is_ok()
        };
        Self((200..1000).find(free).expect("a number that nobody has"))
    }

    fn socket(&self) -> PathBuf {
        socket_path(self.0)
    }

    fn display(&self) -> String {
        format!(":{}", self.0)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_file(lock_path(self.0));
    }
}

fn lock_path(number: u16) -> PathBuf {
    PathBuf::from(format!("/tmp/.X{number}-lock"))
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
    let nobody = Number::new();
    let run = gdoctor(&DISPLAY, &[("DISPLAY", &nobody.display()), ("XAUTHORITY", &cookies)]);
    assert_eq!(run.told(), ["fail display-server/wrong-number"]);
    let summary = run.results().iter().find(|r| r["id"] == "display-server").unwrap()["summary"].as_str().unwrap();
    let own = nix::unistd::geteuid();
    assert!(summary.contains(&format!(":{} (of uid {own})", number(&server))), "{summary}");
}

#[test]
fn what_is_no_server_is_told_from_a_server() {
    let Some(server) = Part::start("display", &[]) else { return };
    // A socket file whose server is gone.
    let number = Number::new();
    drop(UnixListener::bind(number.socket()).unwrap());
    let run = gdoctor(&DISPLAY, &[("DISPLAY", &number.display())]);
    assert_eq!(run.told(), ["fail display-server/wrong-number"]);
    fs::remove_file(number.socket()).unwrap();

    // A folder that Docker made of a `-v`, and the fix.
    fs::create_dir(number.socket()).unwrap();
    let run = gdoctor(&DISPLAY, &[("DISPLAY", &number.display())]);
    assert_eq!(run.told(), ["fail display-server/socket-is-folder"]);
    mend(&run, "display-server/socket-is-folder", &[]);
    assert!(!number.socket().exists());

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
    for words in [None, Some("HTTP/1.1 400 Bad Request\r\n\r\n"), Some("")] {
        let number = Number::new();
        let listener = UnixListener::bind(number.socket()).unwrap();
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
        let display = number.display();
        let run = gdoctor(&["--only", "display", "--display", "--timeout", "800ms"], &[("DISPLAY", &display)]);
        let took = started.elapsed();
        assert_eq!(run.told(), ["unknown display-server/unknown"]);
        assert_eq!(run.code, 3);
        // Of a machine that does much else; without a deadline it would never end.
        assert!(took < Duration::from_secs(60), "{took:?}");
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

/// The first value that is as it should be; the last one when none is within a minute.
fn eventually(mut look: impl FnMut() -> Vec<String>, right: impl Fn(&Vec<String>) -> bool) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(60);
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

/// A container mounts the socket itself, so its access control list counts inside.
#[test]
fn a_list_on_the_socket_lets_a_container_in() {
    let Some(containers) = Containers::start() else { return };
    let Some(server) = Part::start("display", &[]) else { return };
    let socket = socket_path(number(&server));
    let container = containers.stay(&[]);
    let meets = || containers.lets_in(&container, server.get("DISPLAY"), STRANGER, "/none");
    xhost(&server, &format!("+si:localuser:#{STRANGER}"));
    fs::set_permissions(&socket, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(containers.said(&server, "0", STRANGER).told(), ["fail display-access/socket-mode"]);
    assert!(!meets());
    let listed = Command::new("setfacl").args(["-m", &format!("u:{STRANGER}:rw")]).arg(&socket).status();
    if !listed.is_ok_and(|status| status.success()) {
        return part::left_out("display: setfacl is missing (package acl), or /tmp keeps no access control lists");
    }
    assert_eq!(containers.said(&server, "0", STRANGER).of("display-access"), ["pass display-access/let-in"]);
    assert!(meets());
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

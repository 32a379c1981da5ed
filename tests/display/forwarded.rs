//! `ssh -Y` and `ssh -X` through a real sshd: DISPLAY is a port on the loopback, and what gdoctor says of containers there is
//! what they meet.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::containers::Containers;
use crate::part::{self, Part, Run, gdoctor, is_root};
use crate::{DISPLAY, Number, mend, right_cookie};

/// An sshd of this test's own, and a login at it that forwards the display of a server.
struct Login {
    folder: tempfile::TempDir,
    sshd: Child,
    ssh: Child,
    /// DISPLAY as the login has it: `localhost:10.0`.
    display: String,
}

impl Login {
    /// `way` is -X or -Y; DISPLAY gets the number.
    fn start(server: &Part, way: &str, number: &Number) -> Option<Self> {
        if !is_root("display: ssh's forwarding") {
            return None;
        }
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let key =
            |name: &str| Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &path(name)]).status();
        if !key("host").is_ok_and(|status| status.success()) || !fs::exists("/usr/sbin/sshd").unwrap() {
            part::left_out("display: sshd is missing: install the packages openssh-server and openssh-client");
            return None;
        }
        assert!(key("user").unwrap().success());
        fs::copy(path("user.pub"), path("authorized")).unwrap();
        fs::create_dir_all("/run/sshd").unwrap();
        // sshd listens itself, so a port that was free a moment ago may be taken: then the next one.
        let (sshd, port) =
            (0..20).find_map(|_| listening(&folder, &path, number)).expect("sshd listens at one of twenty ports");
        let mut ssh = Command::new("ssh")
            .args(["-F", "none", way, "-i", &path("user"), "-p", &port, "-o", "BatchMode=yes"])
            .args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"])
            .args(["root@127.0.0.1", "echo DISPLAY=$DISPLAY; read end"])
            .env("DISPLAY", server.get("DISPLAY"))
            .env("XAUTHORITY", right_cookie(server))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(ssh.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let display = line.trim().strip_prefix("DISPLAY=").unwrap_or_default().to_owned();
        let log = fs::read_to_string(path("log")).unwrap_or_default();
        assert_eq!(display, format!("localhost{}.0", number.display()), "{log}");
        Some(Self { folder, sshd, ssh, display })
    }

    fn cookies(&self) -> String {
        self.folder.path().join("Xauthority").to_string_lossy().into_owned()
    }

    fn look(&self, cookies: &str) -> Run {
        let env = [("DISPLAY", self.display.as_str()), ("XAUTHORITY", cookies), ("SSH_TTY", "/dev/pts/0")];
        gdoctor(&DISPLAY, &env)
    }
}

/// An sshd that accepts a connection, and its port.
fn listening(folder: &tempfile::TempDir, path: &dyn Fn(&str) -> String, number: &Number) -> Option<(Child, String)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let settings = [
        format!("ListenAddress 127.0.0.1:{port}"),
        format!("HostKey {}", path("host")),
        format!("AuthorizedKeysFile {}", path("authorized")),
        format!("PidFile {}", path("pid")),
        // The login's cookies go here and not into root's own file.
        format!("SetEnv XAUTHORITY={}", path("Xauthority")),
        format!("X11DisplayOffset {}", number.display().trim_start_matches(':')),
        "PermitRootLogin prohibit-password\nStrictModes no\nUsePAM no\nX11Forwarding yes\nLogLevel ERROR".into(),
    ];
    fs::write(folder.path().join("config"), settings.join("\n")).unwrap();
    let mut sshd = Command::new("/usr/sbin/sshd")
        .args(["-D", "-f", &path("config"), "-E", &path("log")])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline && sshd.try_wait().unwrap().is_none() {
        if TcpStream::connect(format!("127.0.0.1:{port}")).is_ok() {
            return Some((sshd, port));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = sshd.kill();
    let _ = sshd.wait();
    None
}

impl Drop for Login {
    fn drop(&mut self) {
        for child in [&mut self.ssh, &mut self.sshd] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn a_forwarded_display_needs_the_hosts_network_and_the_cookie() {
    let Some(containers) = Containers::start() else { return };
    let Some(server) = Part::start("display", &[]) else { return };
    let number = Number::new();
    let Some(login) = Login::start(&server, "-Y", &number) else { return };
    let run = login.look(&login.cookies());
    assert_eq!(run.of("display-server"), ["pass display-server/reached"]);
    assert_eq!(run.told(), ["warn display-access/forwarded"]);
    assert_eq!(login.look("/nonexistent").told(), ["fail display-cookie/no-cookie"]);

    // The copy of the cookie as the fix makes it, and every way of handing it over.
    let home = login.folder.path().to_string_lossy().into_owned();
    let env = [("DISPLAY", login.display.as_str()), ("XAUTHORITY", &login.cookies()), ("HOME", &home)];
    mend(&run, "display-access/forwarded", &env);
    let copy = format!("{home}/.docker.xauth:/tmp/.docker.xauth:ro");
    let bridge = containers.stay(&["-v", &copy]);
    let host = containers.stay(&["--network=host", "-v", &copy]);
    let meets = |container: &str, cookie: &str| containers.lets_in(container, &login.display, "0", cookie);
    assert!(meets(&host, "/tmp/.docker.xauth"), "as the fix says");
    assert!(!meets(&host, "/none"), "the cookie is needed");
    assert!(!meets(&bridge, "/tmp/.docker.xauth"), "the host's network is needed");
    drop(login);
}

/// An untrusted client may draw; the server keeps its list from it.
#[test]
fn an_untrusted_forwarding_is_a_display_too() {
    let Some(server) = Part::start("display", &[]) else { return };
    let number = Number::new();
    let Some(login) = Login::start(&server, "-X", &number) else { return };
    let run = login.look(&login.cookies());
    assert_eq!(run.of("display-server"), ["pass display-server/reached"]);
    assert_eq!(run.told(), ["warn display-access/forwarded"]);
    let display = login.display.clone();
    let cookies = login.cookies();
    drop(login);
    // The login has ended, and its forwarding ends with it; the number is still this test's.
    let port = format!("127.0.0.1:{}", 6000 + number.0);
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(&port).is_ok() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let run = gdoctor(&DISPLAY, &[("DISPLAY", &display), ("XAUTHORITY", &cookies), ("SSH_TTY", "/dev/pts/0")]);
    assert_eq!(run.told(), ["fail display-server/forwarding-gone"]);
}

//! Wanted ports against real sockets: held by processes, silent, outgoing, of both families, and by containers.
#![allow(clippy::disallowed_methods)]

mod part;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, bind, connect, getsockname, listen,
    setsockopt, socket, sockopt,
};
use part::{Part, Run, gdoctor, is_root, left_out, run};

/// Looks at one port with no Docker in reach.
fn look(port: &str) -> Run {
    gdoctor(&["--only", "port", "--port", port], &[("DOCKER_HOST", "unix:///nowhere/docker.sock")])
}

fn of(port: &str) -> Vec<String> {
    look(port).of("port-free")
}

/// The tests bind ports that others may just be trying: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A port that nobody uses now; each test takes its own from the kernel.
fn free_port() -> u16 {
    let all = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).unwrap();
    all.local_addr().unwrap().port()
}

fn tells_silent_sockets() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(6), Some(8))
}

fn result(run: &Run) -> &serde_json::Value {
    run.results().iter().find(|r| r["id"] == "port-free").unwrap()
}

/// A socket of IPv6, for IPv6 alone or for both families.
fn ipv6(address: &str, alone: bool) -> Option<OwnedFd> {
    let socket = socket(AddressFamily::Inet6, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).ok()?;
    setsockopt(&socket, sockopt::Ipv6V6Only, &alone).ok()?;
    let address: std::net::SocketAddrV6 = address.parse().unwrap();
    bind(socket.as_raw_fd(), &SockaddrIn6::from(address)).ok()?;
    listen(&socket, Backlog::new(1).unwrap()).ok()?;
    Some(socket)
}

#[test]
fn a_free_port_is_free_and_stays_so() {
    let _alone = alone();
    let port = free_port();
    assert!(of(&port.to_string())[0].starts_with("pass port-free/free"));
    // Looking leaves nothing behind: the port can be bound at once, without SO_REUSEADDR.
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(socket.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, port)).unwrap();
}

#[test]
fn a_listener_is_named_and_the_next_port_is_free() {
    let _alone = alone();
    let holder = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let run = look(&port.to_string());
    assert_eq!(run.of("port-free"), [format!("fail port-free/process {port}/tcp")]);
    assert_eq!(run.code, 1);
    let result = result(&run);
    let summary = result["summary"].as_str().unwrap();
    assert!(summary.contains(&format!("process {}", std::process::id())), "{summary}");
    assert!(summary.contains(&format!("0.0.0.0:{port}")), "{summary}");
    let note = result["fixes"][0]["notes"][0].as_str().unwrap();
    let next: u16 = note.trim_end_matches('.').rsplit(' ').next().unwrap().parse().unwrap();
    TcpListener::bind(("0.0.0.0", next)).unwrap();
    assert_eq!(run.fix("port-free/process"), [format!("sudo ss -H -l -n -p -A tcp 'sport = :{port}'")]);
}

/// A listener on one address keeps the port from being published on all, and only that.
#[test]
fn one_address_blocks_all_of_them() {
    let _alone = alone();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    assert_eq!(of(&port.to_string()), [format!("fail port-free/process {port}/tcp")]);
    assert_eq!(of(&format!("127.0.0.1:{port}")), [format!("fail port-free/process 127.0.0.1:{port}/tcp")]);
    assert!(of(&format!("127.0.0.2:{port}"))[0].starts_with("pass"));
}

#[test]
fn ipv6_alone_and_for_both() {
    let _alone = alone();
    let port = free_port();
    let Some(alone) = ipv6(&format!("[::1]:{port}"), true) else { return left_out("port: IPv6 is off") };
    assert_eq!(of(&port.to_string()), [format!("fail port-free/process {port}/tcp")]);
    assert!(of(&format!("0.0.0.0:{port}"))[0].starts_with("pass"));
    assert_eq!(of(&format!("[::1]:{port}")), [format!("fail port-free/process [::1]:{port}/tcp")]);
    drop(alone);
    let _both = ipv6(&format!("[::]:{port}"), false).unwrap();
    assert_eq!(of(&format!("127.0.0.1:{port}")), [format!("fail port-free/process 127.0.0.1:{port}/tcp")]);
}

/// Such a socket is in no table of /proc, yet nothing else can listen; unless it has SO_REUSEADDR, as dockerd's own have.
#[test]
fn a_bound_and_silent_socket() {
    let _alone = alone();
    let port = free_port();
    let silent = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(silent.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, port)).unwrap();
    let run = look(&port.to_string());
    // Linux 6.8 and newer tell whose it is.
    let code = if tells_silent_sockets() { "silent-process" } else { "silent" };
    assert_eq!(run.of("port-free"), [format!("fail port-free/{code} {port}/tcp")]);
    let summary = result(&run)["summary"].as_str().unwrap();
    assert_eq!(tells_silent_sockets(), summary.contains(&format!("process {}", std::process::id())), "{summary}");
    setsockopt(&silent, sockopt::ReuseAddr, &true).unwrap();
    assert!(of(&port.to_string())[0].starts_with("pass"));
}

#[test]
fn udp_is_another_matter_than_tcp() {
    let _alone = alone();
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    assert_eq!(of(&format!("{port}/udp")), [format!("fail port-free/process {port}/udp")]);
    assert!(of(&port.to_string())[0].starts_with("pass"));
}

#[test]
fn an_outgoing_connection_is_no_listener() {
    let _alone = alone();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(server.local_addr().unwrap()).unwrap();
    let port = client.local_addr().unwrap().port();
    let run = look(&port.to_string());
    assert_eq!(run.of("port-free"), [format!("fail port-free/connection {port}/tcp")]);
    let remote = server.local_addr().unwrap().to_string();
    assert!(result(&run)["summary"].as_str().unwrap().contains(&remote));
    let fix = run.fix("port-free/connection");
    assert!(fix[0].contains("ip_local_reserved_ports=") && fix[0].contains(&port.to_string()), "{fix:?}");
    // The client's end waits after it has closed first, and still holds the port.
    drop(client);
    drop(server);
}

#[test]
fn an_address_of_nobody() {
    let _alone = alone();
    assert_eq!(of("192.0.2.1:8080"), ["fail port-free/no-such-address 192.0.2.1:8080/tcp"]);
}

#[test]
fn a_range_is_told_by_its_parts() {
    let _alone = alone();
    let holder = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let lines = of(&format!("{}-{}", port - 1, port));
    assert_eq!(lines.last(), Some(&format!("fail port-free/process {port}/tcp")));
}

#[test]
fn every_port_at_once_is_quick() {
    let _alone = alone();
    let started = Instant::now();
    let run = look("1-65535");
    assert!(run.of("port-free").len() > 1);
    // Far more than it takes; the exact figure is the bench's.
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

/// gdoctor as a user of no privileges, in a place that such a user can reach.
struct AsUser(tempfile::TempDir);

impl AsUser {
    fn new() -> Self {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_gdoctor"), dir.path().join("gdoctor")).unwrap();
        Self(dir)
    }

    fn look(&self, port: &str) -> Run {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "4242", "--regid", "4242", "--clear-groups", "--inh-caps=-all"]);
        command.arg(self.0.path().join("gdoctor"));
        run(command, &["--only", "port", "--port", port], &[("DOCKER_HOST", "unix:///nowhere/docker.sock")])
    }
}

#[test]
fn without_root_the_owner_is_not_seen_and_low_ports_are_not_judged() {
    let _alone = alone();
    if !is_root("port: as another user") {
        return;
    }
    let user = AsUser::new();
    let holder = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let run = user.look(&port.to_string());
    assert_eq!(run.of("port-free"), [format!("fail port-free/hidden {port}/tcp")]);
    assert!(result(&run)["summary"].as_str().unwrap().contains("not visible without root"));

    let start = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    if start.trim() != "1024" {
        return left_out("port: low ports are open to all here");
    }
    let run = user.look("83");
    assert_eq!(run.of("port-free"), ["unknown port-free/unknown 83/tcp"]);
    assert_eq!(run.code, 3);
    let Ok(_low) = TcpListener::bind("127.0.0.1:83") else { return };
    assert_eq!(user.look("83").of("port-free"), ["fail port-free/hidden 83/tcp"]);
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Containers that publish a port or listen on the host's network; the printed fix is then executed.
#[test]
fn containers_are_named() {
    let _alone = alone();
    let Some(daemon) = Part::start("docker", &[]) else { return };
    assert!(daemon.call("import", &[]).status.success());
    let host = daemon.get("DOCKER_HOST");
    let docker = |arguments: &[&str]| {
        let output = Command::new("docker").args(arguments).env("DOCKER_HOST", host).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let look = |port: u16| gdoctor(&["--only", "port", "--port", &port.to_string()], &[("DOCKER_HOST", host)]);
    let (port, own) = (free_port(), free_port());
    docker(&["run", "-d", "--name", "web", "-p", &format!("{port}:80"), "lab/busybox:1", "httpd", "-f", "-p", "80"]);
    docker(&[
        "run",
        "-d",
        "--name",
        "direct",
        "--network",
        "host",
        "lab/busybox:1",
        "httpd",
        "-f",
        "-p",
        &own.to_string(),
    ]);
    let published = look(port);
    assert_eq!(published.of("port-free"), [format!("fail port-free/container {port}/tcp")]);
    assert!(result(&published)["summary"].as_str().unwrap().contains("container web (lab/busybox:1)"));
    let direct = wait_for(|| look(own), |run| run.of("port-free")[0].starts_with("fail"));
    assert_eq!(direct.of("port-free"), [format!("fail port-free/container {own}/tcp")]);

    let fix = published.fix("port-free/container");
    assert_eq!(fix, ["docker stop web"]);
    docker(&["stop", "-t", "0", "web"]);
    assert!(look(port).of("port-free")[0].starts_with("pass"));

    // docker-proxy that belongs to no container any more, as after a crash of the daemon.
    // It tells its parent through descriptor 3 that it listens.
    let command = format!(
        "exec docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port {port} -container-ip 127.0.0.1 -container-port 9 3>/dev/null"
    );
    let proxy = Command::new("sh")
        .args(["-c", &command])
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/libexec/docker")
        .stderr(Stdio::null())
        .spawn();
    let _proxy = Running(proxy.unwrap());
    let left = wait_for(|| look(port), |run| run.of("port-free")[0].starts_with("fail"));
    assert_eq!(left.of("port-free"), [format!("fail port-free/stale-proxy {port}/tcp")]);
}

/// Docker takes the connection on the host in any case; who is behind it, the container's own network shows.
#[test]
fn a_program_on_its_own_loopback_is_told() {
    let _alone = alone();
    let Some(daemon) = Part::start("docker", &[]) else { return };
    assert!(daemon.call("import", &[]).status.success());
    let host = daemon.get("DOCKER_HOST");
    let port = free_port();
    let publish = format!("{port}:80");
    let look = |where_to: &[&str]| {
        let start = ["run", "-d", "--name", "web", "-p", &publish, "lab/busybox:1"];
        for words in [&["rm", "-f", "web"][..], &[&start, where_to].concat()] {
            let output = Command::new("docker").args(words).env("DOCKER_HOST", host).output().unwrap();
            assert!(output.status.success() || words[0] == "rm", "{}", String::from_utf8_lossy(&output.stderr));
        }
        let look = || gdoctor(&["--only", "port", "--port", &port.to_string()], &[("DOCKER_HOST", host)]);
        // The program listens a moment after the container has started.
        let expects_none = where_to.first() == Some(&"sleep");
        wait_for(look, |run| expects_none || !run.of("port-served")[0].contains("nothing-listens"))
    };
    let served = look(&["httpd", "-f", "-p", "80"]);
    assert_eq!(served.of("port-served"), [format!("pass port-served/served {port}/tcp")]);
    let alone = look(&["httpd", "-f", "-p", "127.0.0.1:80"]);
    assert_eq!(alone.of("port-served"), [format!("warn port-served/loopback-only {port}/tcp")]);
    let other = look(&["httpd", "-f", "-p", "3000"]);
    assert_eq!(other.of("port-served"), [format!("warn port-served/other-port {port}/tcp")]);
    let none = look(&["sleep", "60"]);
    assert_eq!(none.of("port-served"), [format!("warn port-served/nothing-listens {port}/tcp")]);
    let line = none.fix("port-served/nothing-listens");
    assert_eq!(line, ["docker logs --tail 50 web"]);
}

/// Looks until it is as expected, for at most ten seconds.
fn wait_for(look: impl Fn() -> Run, expected: impl Fn(&Run) -> bool) -> Run {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let run = look();
        if expected(&run) || Instant::now() > deadline {
            return run;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The client's end of a connection that it closed first waits, and holds its port.
#[test]
fn an_ended_connection_still_holds_its_port() {
    let _alone = alone();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    let SocketAddr::V4(to) = server.local_addr().unwrap() else { panic!("IPv4") };
    connect(client.as_raw_fd(), &SockaddrIn::from(to)).unwrap();
    let port = getsockname::<SockaddrIn>(client.as_raw_fd()).unwrap().port();
    let (accepted, _) = server.accept().unwrap();
    drop(client);
    drop(accepted);
    let lines = of(&port.to_string());
    assert_eq!(lines, [format!("fail port-free/connection {port}/tcp")]);
    assert_ne!(Ipv4Addr::from(to.ip().octets()), Ipv4Addr::UNSPECIFIED);
}

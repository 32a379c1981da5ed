//! Wanted registries against Debian's docker-registry: http, https of every kind of certificate, logins; and what a real
//! daemon makes of the same.
#![allow(clippy::disallowed_methods)]

mod part;

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use part::{Part, Run, gdoctor, left_out};

const NO_DOCKER: (&str, &str) = ("DOCKER_HOST", "unix:///nowhere/docker.sock");

/// An address of this machine that is not the loopback one: daemons treat it as any other machine's.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: connecting a datagram socket only chooses the route.
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    if address.is_loopback() || address.is_unspecified() {
        left_out("registry: this machine has no address but the loopback one");
        return None;
    }
    Some(address)
}

/// docker-registry on every address of this machine, until it is dropped.
struct Registry {
    child: Child,
    dir: tempfile::TempDir,
    port: u16,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Registry {
    /// `more` is YAML below `http:` and, unindented, beside it.
    fn start(dir: tempfile::TempDir, more: &str) -> Option<Self> {
        let port = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let root = dir.path().display();
        let config = format!(
            "version: 0.1\nlog: {{ level: error }}\nstorage:\n  filesystem: {{ rootdirectory: \"{root}/data\" }}\n\
             http:\n  addr: \":{port}\"\n{more}\n"
        );
        std::fs::write(dir.path().join("config.yml"), config).unwrap();
        let started = Command::new("docker-registry")
            .arg("serve")
            .arg(dir.path().join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = started else {
            left_out("registry: docker-registry is not installed");
            return None;
        };
        let registry = Self { child, dir, port };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    fn tls(dir: tempfile::TempDir, certificate: &str) -> Option<Self> {
        let root = dir.path().display();
        let tls = format!("  tls: {{ certificate: \"{root}/{certificate}\", key: \"{root}/key.pem\" }}");
        Self::start(dir, &tls)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A shell script in `dir`; false when openssl is not there.
fn shell(dir: &Path, script: &str) -> bool {
    let output = Command::new("sh").args(["-ec", script]).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    true
}

/// An authority (ca.crt) and a certificate of it (cert.pem, key.pem) for `names`, valid between the two dates.
fn certificates(dir: &Path, names: &str, from: &str, to: &str) -> bool {
    if Command::new("openssl").arg("version").output().is_err() {
        left_out("registry: openssl is not installed");
        return false;
    }
    let script = format!(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9000 -subj '/CN=lab CA' \
           -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -keyout ca.key -out ca.crt
         openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=registry -keyout key.pem -out r.pem
         touch index.txt; echo 01 >serial; printf 'subjectAltName={names}\\n' >ext
         printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index.txt\\nserial=serial\\nnew_certs_dir=.\\ndefault_md=sha256\\n\
           policy=p\\n[p]\\ncommonName=supplied\\n' >ca.cnf
         openssl ca -batch -notext -config ca.cnf -cert ca.crt -keyfile ca.key -in r.pem -out cert.pem \
           -startdate {from} -enddate {to} -extfile ext"
    );
    shell(dir, &script)
}

/// A root folder in which the daemon's certs.d has `files` for this registry.
fn root_with(name: &str, files: &[(&str, &Path)]) -> tempfile::TempDir {
    let root = folder();
    let dir = root.path().join("etc/docker/certs.d").join(name);
    std::fs::create_dir_all(&dir).unwrap();
    for (file, from) in files {
        std::fs::copy(from, dir.join(file)).unwrap();
    }
    // The kernel's trees are mounted there.
    for tree in ["proc", "sys", "dev"] {
        std::fs::create_dir(root.path().join(tree)).unwrap();
        std::fs::write(root.path().join(tree).join(".keep"), "").unwrap();
    }
    // Files of this machine, so that this session's engine is theirs.
    let boot = "proc/sys/kernel/random/boot_id";
    std::fs::create_dir_all(root.path().join("proc/sys/kernel/random")).unwrap();
    std::fs::copy(Path::new("/").join(boot), root.path().join(boot)).unwrap();
    root
}

fn look(name: &str, root: &Path, env: (&str, &str)) -> Run {
    gdoctor(&["--only", "registry,docker", "--registry", name, "--root", root.to_str().unwrap()], &[env])
}

/// The line of each of the two checks.
fn lines(run: &Run) -> [String; 2] {
    ["registry-answers", "registry-trust"].map(|id| run.of(id).join("; "))
}

#[test]
fn http_on_the_loopback_address_is_accepted() {
    let Some(part) = Part::start("registry", &[]) else { return };
    let name = part.get("REGISTRY");
    let run = gdoctor(&["--only", "registry", "--registry", name], &[NO_DOCKER]);
    assert_eq!(run.of("registry-answers"), [format!("pass registry-answers/answers {name}")]);
    assert_eq!(run.of("registry-trust"), [format!("pass registry-trust/loopback {name}")]);
    assert_eq!(run.code, 0);
}

#[test]
fn nothing_there() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let name = format!("127.0.0.1:{port}");
    let run = gdoctor(&["--only", "registry", "--registry", &name], &[NO_DOCKER]);
    assert_eq!(run.told(), [format!("fail registry-answers/not-running {name}")]);
    let fix = run.fix("registry-answers/not-running");
    assert_eq!(fix, [format!("docker run -d -p {port}:5000 --restart=always --name registry registry:3")]);
    let run = gdoctor(&["--only", "registry", "--registry", "no-such-name.invalid:5000"], &[NO_DOCKER]);
    let told = run.told();
    // Without any name server that is not to be told.
    assert!(told.len() == 1 && ["fail", "unkn"].contains(&&told[0][..4]), "{told:?}");
}

/// A server that answers every connection with `answer`.
fn server(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer);
                if answer.is_empty() {
                    std::thread::sleep(Duration::from_secs(60));
                }
            });
        }
    });
    port
}

#[test]
fn servers_that_are_no_registries() {
    for (answer, code) in [
        (&b"HTTP/1.1 404 Not Found\r\nServer: Werkzeug\r\nContent-Length: 0\r\n\r\n"[..], "no-registry"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi", "no-registry"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no-http"),
        (b"\xff\xfe\x00rubbish", "no-http"),
    ] {
        let name = format!("127.0.0.1:{}", server(answer));
        let run = gdoctor(&["--only", "registry", "--registry", &name], &[NO_DOCKER]);
        assert_eq!(run.told(), [format!("fail registry-answers/{code} {name}")], "{answer:?}");
    }
}

#[test]
fn a_silent_server_costs_its_deadline_and_is_unknown() {
    let name = format!("127.0.0.1:{}", server(b""));
    let started = Instant::now();
    let run = gdoctor(&["--only", "registry", "--registry", &name, "--timeout", "700ms"], &[NO_DOCKER]);
    assert_eq!(run.told(), [format!("unknown registry-answers/unknown {name}")]);
    assert_eq!(run.code, 3);
    assert!(started.elapsed() < Duration::from_secs(30));
}

/// The daemon's own words are the judge: what gdoctor says before, `docker pull` says after.
#[test]
fn http_elsewhere_must_be_listed_in_the_daemon() {
    let Some(address) = own_address() else { return };
    let Some(registry) = Registry::start(folder(), "") else { return };
    let name = format!("{address}:{}", registry.port);
    let config = folder();
    let file = config.path().join("daemon.json");
    std::fs::write(&file, r#"{ "log-level": "warn" }"#).unwrap();
    let Some(daemon) = Part::start("docker", &["--config", file.to_str().unwrap()]) else { return };
    let env = ("DOCKER_HOST", daemon.get("DOCKER_HOST"));
    let pull = || {
        let image = format!("{name}/none:1");
        let output = Command::new("docker").args(["pull", &image]).env(env.0, env.1).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let run = look(&name, Path::new("/"), env);
    assert_eq!(
        lines(&run),
        [format!("pass registry-answers/answers {name}"), format!("fail registry-trust/plain-http {name}")]
    );
    let words = pull();
    assert!(words.contains("server gave HTTP response to HTTPS client"), "{words}");

    // What the fix tells to write is written, and not read by the daemon yet.
    std::fs::write(&file, format!(r#"{{ "log-level": "warn", "insecure-registries": ["{name}"] }}"#)).unwrap();
    let run = look(&name, Path::new("/"), env);
    assert_eq!(run.of("registry-trust"), [format!("fail registry-trust/not-reloaded {name}")]);

    let pid = std::fs::read_to_string(daemon.path().join("pid")).unwrap();
    assert!(Command::new("kill").args(["-HUP", pid.trim()]).status().unwrap().success());
    let deadline = Instant::now() + Duration::from_secs(10);
    let listed = [format!("pass registry-trust/insecure {name}")];
    while look(&name, Path::new("/"), env).of("registry-trust") != listed {
        assert!(Instant::now() < deadline, "the daemon does not read it");
        std::thread::sleep(Duration::from_millis(50));
    }
    let words = pull();
    assert!(words.contains("not found") || words.contains("manifest unknown"), "{words}");
}

#[test]
fn an_authority_of_its_own_has_to_lie_in_certs_d() {
    let Some(address) = own_address() else { return };
    let dir = folder();
    if !certificates(dir.path(), &format!("IP:{address}"), "20200101000000Z", "20490101000000Z") {
        return;
    }
    let Some(registry) = Registry::tls(dir, "cert.pem") else { return };
    let name = format!("{address}:{}", registry.port);
    let authority = registry.path("ca.crt");
    let daemon = Part::start("docker", &[]);
    let env = daemon.as_ref().map_or(NO_DOCKER, |daemon| ("DOCKER_HOST", daemon.get("DOCKER_HOST")));

    let trusted = look(&name, root_with(&name, &[("ca.crt", &authority)]).path(), env);
    assert_eq!(
        lines(&trusted),
        [format!("pass registry-answers/answers {name}"), format!("pass registry-trust/trusted {name}")]
    );
    if daemon.is_none() {
        return;
    }
    let none = look(&name, root_with("other:5000", &[]).path(), env);
    assert_eq!(none.of("registry-trust"), [format!("fail registry-trust/unknown-authority {name}")]);
    assert_eq!(none.of("registry-answers"), [format!("pass registry-answers/answers {name}")]);
    let fix = none.fix("registry-trust/unknown-authority");
    assert_eq!(fix[1], format!("sudo cp ca.crt /etc/docker/certs.d/{name}/ca.crt"));
    let misnamed = look(&name, root_with(&name, &[("ca.pem", &authority)]).path(), env);
    assert_eq!(misnamed.of("registry-trust"), [format!("fail registry-trust/misnamed-authority {name}")]);
    // The system's own bundle counts too.
    let system = root_with("other:5000", &[]);
    std::fs::create_dir_all(system.path().join("etc/ssl/certs")).unwrap();
    std::fs::copy(&authority, system.path().join("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert_eq!(look(&name, system.path(), env).of("registry-trust"), [format!("pass registry-trust/trusted {name}")]);
}

/// `openssl req -x509` marks what it makes as an authority; Go trusts it all the same when it lies in certs.d.
#[test]
fn a_self_signed_certificate_is_its_own_authority() {
    let Some(address) = own_address() else { return };
    let dir = folder();
    if Command::new("openssl").arg("version").output().is_err() {
        return left_out("registry: openssl is not installed");
    }
    let san = format!("subjectAltName=IP:{address}");
    shell(
        dir.path(),
        &format!(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=r -addext '{san}' -keyout key.pem -out cert.pem"
        ),
    );
    let Some(registry) = Registry::tls(dir, "cert.pem") else { return };
    let name = format!("{address}:{}", registry.port);
    let run = look(&name, root_with(&name, &[("ca.crt", &registry.path("cert.pem"))]).path(), NO_DOCKER);
    assert_eq!(run.of("registry-trust"), [format!("pass registry-trust/trusted {name}")]);
}

#[test]
fn certificates_that_are_wrong_in_themselves() {
    let Some(address) = own_address() else { return };
    let Some(daemon) = Part::start("docker", &[]) else { return };
    let env = ("DOCKER_HOST", daemon.get("DOCKER_HOST"));
    let right = format!("IP:{address}");
    for (names, from, to, code, says) in [
        (right.as_str(), "20200101000000Z", "20210101000000Z", "expired", "was valid until 2021-01-01"),
        (right.as_str(), "20480101000000Z", "20490101000000Z", "not-yet-valid", "only from 2048-01-01"),
        ("DNS:other.lan", "20200101000000Z", "20490101000000Z", "wrong-name", "is for other.lan, not for"),
    ] {
        let dir = folder();
        if !certificates(dir.path(), names, from, to) {
            return;
        }
        let Some(registry) = Registry::tls(dir, "cert.pem") else { return };
        let name = format!("{address}:{}", registry.port);
        let root = root_with(&name, &[("ca.crt", &registry.path("ca.crt"))]);
        let run = look(&name, root.path(), env);
        assert_eq!(run.of("registry-trust"), [format!("fail registry-trust/{code} {name}")]);
        let told = run.summary(&format!("registry-trust/{code}"));
        assert!(told.contains(says), "{told}");
        assert_eq!(run.of("registry-answers"), [format!("pass registry-answers/answers {name}")]);
    }
}

/// What a pass shows besides: the certificate's names and dates, and the registry's list.
#[test]
fn a_trusted_certificate_is_shown_and_its_end_foretold() {
    let Some(address) = own_address() else { return };
    let names = format!("DNS:registry.lan,IP:{address}");
    let in_days = |days: &str| {
        let date = Command::new("date").args(["-u", "-d", days, "+%Y%m%d%H%M%SZ"]).output().unwrap();
        String::from_utf8(date.stdout).unwrap().trim().to_owned()
    };
    for (until, code) in [
        ("20491231000000Z".to_owned(), "pass registry-trust/trusted"),
        (in_days("9 days"), "warn registry-trust/expires-soon"),
    ] {
        let dir = folder();
        if !certificates(dir.path(), &names, "20200101000000Z", &until) {
            return;
        }
        let Some(registry) = Registry::tls(dir, "cert.pem") else { return };
        let name = format!("{address}:{}", registry.port);
        let run = look(&name, root_with(&name, &[("ca.crt", &registry.path("ca.crt"))]).path(), NO_DOCKER);
        assert_eq!(run.of("registry-trust"), [format!("{code} {name}")]);
        let seen = |id: &str| run.results().iter().find(|r| r["id"] == id).unwrap()["evidence"][1]["value"].to_string();
        let day = format!("{}-{}-{}", &until[..4], &until[4..6], &until[6..8]);
        assert_eq!(
            seen("registry-trust"),
            format!("\"a certificate for registry.lan, {address}, from 2020-01-01 to {day}\"")
        );
        assert_eq!(seen("registry-answers"), "\"repositories: 0\"");
        let root = root_with(&name, &[("ca.crt", &registry.path("ca.crt"))]);
        let shared = ["--only", "registry", "--registry", &name, "--share", "--root", root.path().to_str().unwrap()];
        let shared = gdoctor(&shared, &[NO_DOCKER]).report.to_string();
        assert!(shared.contains("a certificate for host-") && !shared.contains("for registry.lan"), "{shared}");
    }
}

#[test]
fn client_certificates_and_logins() {
    let Some(address) = own_address() else { return };
    let dir = folder();
    if !certificates(dir.path(), &format!("IP:{address}"), "20200101000000Z", "20490101000000Z") {
        return;
    }
    let root = dir.path().display().to_string();
    let tls = format!(
        "  tls: {{ certificate: \"{root}/cert.pem\", key: \"{root}/key.pem\", clientcas: [\"{root}/ca.crt\"] }}"
    );
    let Some(registry) = Registry::start(dir, &tls) else { return };
    let name = format!("{address}:{}", registry.port);
    let authority = registry.path("ca.crt");
    let run = look(&name, root_with(&name, &[("ca.crt", &authority)]).path(), NO_DOCKER);
    assert_eq!(
        lines(&run),
        [
            format!("pass registry-answers/asks-certificate {name}"),
            format!("fail registry-trust/wants-client-certificate {name}")
        ]
    );
    let (certificate, key) = (registry.path("cert.pem"), registry.path("key.pem"));
    let files = [("ca.crt", &*authority), ("client.cert", &*certificate), ("client.key", &*key)];
    let run = look(&name, root_with(&name, &files).path(), NO_DOCKER);
    assert_eq!(run.of("registry-trust"), [format!("pass registry-trust/trusted {name}")]);

    let dir = folder();
    let users = dir.path().join("htpasswd");
    std::fs::write(&users, "user:$2y$05$abcdefghijklmnopqrstuu5VDQyYVSXzBmyxtoC5iQMcQxXX5Yw5q\n").unwrap();
    let auth = format!("auth:\n  htpasswd: {{ realm: lab, path: \"{}\" }}", users.display());
    let Some(registry) = Registry::start(dir, &auth) else { return };
    let name = format!("127.0.0.1:{}", registry.port);
    let run = gdoctor(&["--only", "registry", "--registry", &name], &[NO_DOCKER]);
    assert_eq!(run.of("registry-answers"), [format!("pass registry-answers/asks-login {name}")]);
}

/// The daemon reads all of the folder before it asks, and gives up on a pair that does not fit; version 1 it shows, which the
/// library that gdoctor asks with does not.
#[test]
fn client_certificates_that_are_of_no_use() {
    let Some(address) = own_address() else { return };
    let Some(daemon) = Part::start("docker", &[]) else { return };
    let env = ("DOCKER_HOST", daemon.get("DOCKER_HOST"));
    let dir = folder();
    if !certificates(dir.path(), &format!("IP:{address}"), "20200101000000Z", "20490101000000Z") {
        return;
    }
    let one = "openssl req -x509 -newkey rsa:2048 -nodes -days 90 -subj /CN=other -keyout other.key -out other.pem
        openssl x509 -req -in r.pem -CA ca.crt -CAkey ca.key -set_serial 7 -days 90 -out one.pem
        printf 'no certificate' > none.pem
        openssl pkcs8 -topk8 -in other.key -passout pass:x -out locked.key";
    shell(dir.path(), one);
    let shown =
        Command::new("openssl").args(["x509", "-noout", "-text", "-in"]).arg(dir.path().join("one.pem")).output();
    let is_one = String::from_utf8_lossy(&shown.unwrap().stdout).contains("Version: 1 ");
    let root = dir.path().display().to_string();
    let tls = format!(
        "  tls: {{ certificate: \"{root}/cert.pem\", key: \"{root}/key.pem\", clientcas: [\"{root}/ca.crt\"] }}"
    );
    let Some(registry) = Registry::start(dir, &tls) else { return };
    let name = format!("{address}:{}", registry.port);
    let told = |files: &[(&str, &str)]| {
        let files: Vec<(&str, PathBuf)> = files.iter().map(|(name, from)| (*name, registry.path(from))).collect();
        let files: Vec<(&str, &Path)> = files.iter().map(|(name, from)| (*name, from.as_path())).collect();
        look(&name, root_with(&name, &files).path(), env)
    };
    for (files, says) in [
        (
            vec![("ca.crt", "ca.crt"), ("client.cert", "cert.pem"), ("client.key", "other.key")],
            "client.cert does not belong to",
        ),
        (vec![("ca.crt", "ca.crt"), ("client.cert", "cert.pem")], "client.cert has no .key"),
        (vec![("ca.crt", "ca.crt"), ("ca.cert", "ca.crt")], "ca.cert is the certificate of an authority"),
        (vec![("ca.crt", "ca.crt"), ("a.key", "key.pem")], "a.key has no .cert"),
        (vec![("ca.crt", "ca.crt"), ("a.cert", "none.pem"), ("a.key", "key.pem")], "a.cert is no certificate"),
        (vec![("ca.crt", "ca.crt"), ("a.cert", "other.pem"), ("a.key", "locked.key")], "a.cert has a key beside it"),
    ] {
        let run = told(&files);
        assert_eq!(run.of("registry-trust"), [format!("fail registry-trust/unusable-client-certificate {name}")]);
        let summary = run.summary("registry-trust/unusable-client-certificate");
        assert!(summary.contains(says), "{summary}");
    }
    if !is_one {
        return left_out("registry: this openssl makes no certificate of version 1");
    }
    let run = told(&[("ca.crt", "ca.crt"), ("client.cert", "one.pem"), ("client.key", "key.pem")]);
    assert_eq!(run.of("registry-trust"), [format!("unknown registry-trust/unknown {name}")]);
    assert!(run.summary("registry-trust/unknown").contains("X.509 version 1"), "{:#?}", run.results());
}

/// What lies in certs.d, judged as each of dockerd's stores of images judges it: by pulling.
#[test]
fn each_store_reads_certs_d_in_its_own_way() {
    let Some(address) = own_address() else { return };
    let dir = folder();
    if !certificates(dir.path(), &format!("IP:{address}"), "20200101000000Z", "20490101000000Z") {
        return;
    }
    shell(
        dir.path(),
        "openssl x509 -in ca.crt -outform DER -out der; echo none > none; mkdir empty; ln -s /gone dangling",
    );
    let Some(registry) = Registry::tls(dir, "cert.pem") else { return };
    let name = format!("{address}:{}", registry.port);
    let from = registry.dir.path().display().to_string();
    let containerd = folder();
    let file = containerd.path().join("daemon.json");
    std::fs::write(&file, r#"{ "features": { "containerd-snapshotter": true } }"#).unwrap();
    for (args, is_containerd) in [
        (vec![], false),
        (vec!["--engine", "sid"], false),
        (vec!["--engine", "sid", "--config", file.to_str().unwrap()], true),
    ] {
        let Some(daemon) = Part::start("docker", &args) else { return };
        let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/docker");
        // Below the daemon's own /etc/docker, which only its mount namespace has.
        let inside = |script: &str| {
            let output =
                Command::new(&lab).arg("exec").arg(daemon.path()).args(["sh", "-ec", script]).output().unwrap();
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
        };
        let certs = format!("/etc/docker/certs.d/{name}");
        inside("mountpoint -q /etc/docker || mount -t tmpfs own /etc/docker");
        let program = env!("CARGO_BIN_EXE_gdoctor");
        for (files, told, fixed) in [
            ("cp F/ca.crt D", "trusted", ""),
            (
                "cp F/ca.crt F/ca.key D",
                if is_containerd { "trusted" } else { "unusable-client-certificate" },
                "trusted",
            ),
            ("cp F/ca.crt D/ca.cert", "authority-as-client", "trusted"),
            ("cp F/ca.crt D; cp -P F/dangling D/old.crt", "unusable-authority", "trusted"),
            ("mkdir D/ca.crt", "unusable-authority", "unknown-authority"),
            ("cp F/ca.crt D; mkdir D/x.crt", if is_containerd { "trusted" } else { "unusable-authority" }, "trusted"),
            ("cp F/der D/ca.crt", if is_containerd { "unusable-authority" } else { "authority-not-pem" }, "?"),
            (
                "cp F/ca.crt D; cp F/none D/x.crt",
                if is_containerd { "unusable-authority" } else { "trusted" },
                "trusted",
            ),
            ("cp F/ca.crt D; cp F/cert.pem D/c.cert; cp F/ca.key D/c.key", "unusable-client-certificate", "trusted"),
            ("cp F/ca.crt D/ca.pem", "misnamed-authority", "trusted"),
            ("mkdir D/../ADDRESS; cp F/ca.crt D/../ADDRESS", "misplaced-authority", "trusted"),
        ] {
            // The scratch folder's name may have any letter: it comes last.
            let files = files.replace("ADDRESS", &address.to_string()).replace('D', &certs).replace('F', &from);
            inside(&format!("rm -rf /etc/docker/certs.d; mkdir -p {certs}; {files}"));
            let look = || {
                let text =
                    inside(&format!("{program} check --only registry-trust --registry {name} --format json || true"));
                let report: serde_json::Value =
                    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
                report["results"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|found| found["id"] == "registry-trust")
                    .unwrap()
                    .clone()
            };
            let pulls = || {
                let words = inside(&format!("docker pull {name}/none:1 || true"));
                words.contains("not found") || words.contains("manifest unknown")
            };
            let found = look();
            let code = |found: &serde_json::Value| found["code"].as_str().unwrap().to_owned();
            assert_eq!(code(&found), format!("registry-trust/{told}"), "{args:?}: {files}");
            assert_eq!(pulls(), told == "trusted", "{args:?}: {files}");
            let expected =
                if fixed == "?" && is_containerd { "unknown-authority" } else { fixed.trim_start_matches('?') };
            if told == "trusted" {
                continue;
            }
            for command in found["fixes"][0]["commands"].as_array().unwrap() {
                inside(&command.as_str().unwrap().replace("sudo ", ""));
            }
            let expected = if expected.is_empty() { "trusted" } else { expected };
            assert_eq!(code(&look()), format!("registry-trust/{expected}"), "{args:?}: {files}, its fix pasted");
            assert_eq!(pulls(), expected == "trusted", "{args:?}: {files}, its fix pasted");
        }
    }
}

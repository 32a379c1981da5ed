//! Secrets in every place that is read, in every form that they have there: none comes out in any format, with and without
//! `--share`, plain, as base64 or as a URL has it. What stands beside them does come out, or this would show nothing.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::gdoctor;

const FORMATS: [&str; 12] =
    ["text", "json", "junit", "sarif", "html", "md", "prom", "github", "nagios", "npd", "tap", "facts"];

/// The forms in which a secret stands in a text: `{S}` is the secret, `{U}` as a URL has it, `{B}` base64 of `user:secret`.
const FORMS: [&str; 36] = [
    "password={S}",
    "passwd: {S}",
    "PGPASSWORD={S}",
    "MYSQL_PWD={S}",
    "GITHUB_PAT={S}",
    "AWS_SECRET_ACCESS_KEY={S}",
    "\"secret\": \"{S}\"",
    "{\\\"apiKey\\\":\\\"{S}\\\"}",
    "api_key = '{S}'",
    "--token {S}",
    "--db-password={S}",
    "Authorization: Bearer {S}",
    "Proxy-Authorization: Basic {B}",
    "Basic {B}",
    "Cookie: sid={S}; other={S}",
    "https://user:{U}@host.example/path",
    "postgres://user:{U}@db.example:5432/x",
    "https://{U}@host.example/",
    "user:{S}@registry.example:5000",
    "?access_token={U}&x=1",
    "client_secret%3D{U}",
    "AccountKey={S};EndpointSuffix=x",
    "mysql -uroot -p{S}",
    "curl -u user:{S} http://127.0.0.1/",
    "sshpass -p {S} ssh x",
    "redis-cli -a {S} ping",
    "redis-server --requirepass {S}",
    "[\"--api-token\", \"{S}\"]",
    "<password>{S}</password>",
    "ghp_{S}0123456789ab",
    "glpat-{S}-0123456789",
    "hf_{S}0123456789ab",
    "nvapi-{S}-0123456789",
    "sk-proj-{S}0123456789",
    "eyJhbGciOiJIUzI1NiJ9.eyJ{S}0123456789.{S}",
    "-----BEGIN PRIVATE KEY-----{S}-----END PRIVATE KEY-----",
];

/// All that is sown.
#[derive(Default)]
struct Sown {
    secrets: Vec<String>,
    /// Words beside them that are no secrets.
    beside: Vec<String>,
}

impl Sown {
    /// The form with a secret of its own in it.
    fn form(&mut self, form: &str) -> String {
        let secret = format!("Zq7{:03}Xk9w", self.secrets.len());
        self.secrets.push(secret.clone());
        let basic = STANDARD.encode(format!("user:{secret}"));
        form.replace("{S}", &secret).replace("{U}", &format!("{secret}%2F%40")).replace("{B}", &basic)
    }

    /// The same behind a word that is none.
    fn text(&mut self, form: &str) -> String {
        let beside = format!("seen{:03}x", self.secrets.len());
        let text = format!("{beside} {}", self.form(form));
        self.beside.push(beside);
        text
    }

    fn texts(&mut self) -> Vec<String> {
        FORMS.iter().map(|form| self.text(form)).collect()
    }

    /// Which secrets a text holds, in any spelling.
    fn leaks(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        for secret in &self.secrets {
            let spellings = [
                secret.clone(),
                STANDARD.encode(format!("user:{secret}")),
                STANDARD.encode(secret),
                URL_SAFE_NO_PAD.encode(secret),
                secret.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            ];
            // How base64 ends depends on what follows.
            let told = |s: &&String| text.contains(if *s == secret { s.as_str() } else { &s[..s.len() - 3] });
            found.extend(spellings.iter().find(told).map(|spelling| format!("{secret} as {spelling}")));
        }
        found
    }
}

/// Everything that came out, by what it came out of.
struct Out {
    folder: tempfile::TempDir,
    texts: Vec<(String, String)>,
}

impl Out {
    /// Runs it and keeps what it says.
    fn run(&mut self, name: &str, arguments: &[&str], environment: &[(String, String)], input: &str) {
        let mut command = gdoctor(arguments);
        command.current_dir(self.folder.path()).envs(environment.iter().cloned());
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        // A program that does not read it hangs up.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.code().is_some_and(|code| code < 4), "{name}: {}", String::from_utf8_lossy(&ended.stderr));
        self.texts.push((format!("{name} stdout"), String::from_utf8_lossy(&ended.stdout).into_owned()));
        self.texts.push((format!("{name} stderr"), String::from_utf8_lossy(&ended.stderr).into_owned()));
    }

    /// A check in all formats, with and without `--share`.
    fn check(&mut self, name: &str, arguments: &[&str], environment: &[(String, String)], input: &str) {
        for share in [false, true] {
            let name = format!("{name}{}", if share { " --share" } else { "" });
            let outs: Vec<String> = FORMATS
                .iter()
                .map(|format| {
                    format!("{format}={}/{}-{format}", self.folder.path().display(), name.replace([' ', '/'], "_"))
                })
                .collect();
            let mut all = vec!["check", "-v", "--timeout", "1s"];
            all.extend(share.then_some("--share"));
            all.extend(arguments);
            outs.iter().for_each(|out| all.splice(1..1, ["--out", out.as_str()]).for_each(drop));
            self.run(&name, &all, environment, input);
            for out in &outs {
                let (format, path) = out.split_once('=').unwrap();
                if let Ok(text) = fs::read_to_string(path) {
                    self.texts.push((format!("{name} {format}"), text));
                }
            }
        }
    }
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A host whose files hold secrets.
fn host(sown: &mut Sown, root: &Path) {
    write(root, "etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian 12\"\n");
    write(root, "usr/bin/dockerd", "#!/bin/sh\n");
    write(root, "proc/x", "");
    let log: String = sown.texts().iter().map(|text| format!("level=error msg={text}\n")).collect();
    write(root, "var/log/docker.log", &format!("{log}failed to start daemon: {}\n", sown.text("token={S}")));
    let daemon = json!({
        "insecure-registries": [sown.form("user:{S}@registry.example:5000"), sown.form("https://user:{U}@registry.example")],
        "registry-mirrors": [sown.form("https://user:{U}@mirror.example")],
        "proxies": { "http-proxy": sown.form("http://user:{U}@proxy.example:3128") },
        "log-driver": "splunk", "log-opts": { "splunk-token": sown.form("{S}"), "splunk-url": sown.form("https://user:{U}@splunk.example") },
        "hosts": [sown.form("tcp://user:{U}@127.0.0.1:2375")],
        "labels": [sown.form("token={S}")], "data-root": sown.form("/srv/password={S}"), "dns": [sown.form("user:{S}@10.1.2.3")],
    });
    write(root, "etc/docker/daemon.json", &daemon.to_string());
    let unit = format!(
        "[Service]\nEnvironment=\"{}\" \"{}\"\nExecStart=/usr/bin/dockerd --log-opt {} -H fd://\n",
        sown.form("HTTPS_PROXY=http://user:{U}@proxy.example:3128"),
        sown.form("REGISTRY_PASSWORD={S}"),
        sown.form("splunk-token={S}"),
    );
    write(root, "etc/systemd/system/docker.service.d/x.conf", &unit);
    write(root, "etc/default/docker", &format!("DOCKER_OPTS=\"--log-opt {}\"\n", sown.form("gelf-password={S}")));
    write(root, "etc/cdi/nvidia.yaml", &format!("cdiVersion: [{}\n", sown.form("password: {S}")));
    write(root, "etc/nvidia-container-runtime/config.toml", &format!("x = [{}\n", sown.form("token={S}")));
    let client = json!({
        "auths": { "registry.example": { "auth": sown.form("{B}"), "identitytoken": sown.form("{S}") } },
        "HttpHeaders": { "Authorization": sown.form("Bearer {S}") },
        "credHelpers": { sown.form("user:{S}@registry.example"): "acme" },
        "proxies": { "default": { "httpProxy": sown.form("http://user:{U}@127.0.0.1:3128") } },
    });
    write(root, "root/.docker/config.json", &client.to_string());
    write(
        root,
        "etc/apt/sources.list.d/nvidia.list",
        &format!("deb {} /\n", sown.form("https://user:{U}@nvidia.github.io/libnvidia-container/stable/deb/amd64")),
    );
    write(
        root,
        "etc/apt/sources.list.d/docker.list",
        &format!("deb {} bookworm stable\n", sown.form("https://user:{U}@download.docker.com/linux/debian")),
    );
}

/// Answers like a daemon whose every text holds a secret.
fn daemon(sown: &mut Sown, socket: &Path) {
    let mut warnings = sown.texts();
    warnings.extend((0..4).map(|_| sown.text("WARNING: API is accessible on http://user:{U}@0.0.0.0:2375")));
    let info = json!({
        "Name": sown.form("user:{S}@build.example"), "OperatingSystem": "Debian GNU/Linux 12", "OSType": "linux", "Architecture": "x86_64",
        "Driver": "overlay2", "DockerRootDir": sown.form("/srv/token={S}/docker"), "CgroupVersion": "2", "Warnings": warnings,
        "NoProxy": sown.form("user:{S}@inside.example"), "HttpProxy": sown.form("http://user:{U}@proxy.example"), "DefaultRuntime": "runc",
        "RegistryConfig": { "InsecureRegistryCIDRs": ["127.0.0.0/8"],
            "IndexConfigs": { sown.form("user:{S}@registry.example:5000"): { "Secure": false } } },
    })
    .to_string();
    let containers =
        json!([{ "Id": "0a1b2c3d4e5f", "Names": ["/web"], "Image": sown.form("user:{S}@registry.example/app:1"),
        "Ports": [{ "IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp" }] }])
        .to_string();
    let version = json!({ "Version": "26.1.0", "ApiVersion": "1.45", "MinAPIVersion": "1.24" }).to_string();
    let error = json!({ "message": sown.text("no such thing: password={S}") }).to_string();
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            let length = stream.read(&mut asked).unwrap_or_default();
            let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
            let path = asked.split(' ').nth(1).unwrap_or_default();
            let (status, body) = match path {
                path if path.ends_with("/info") => ("200 OK", &info),
                path if path.contains("/containers/json") => ("200 OK", &containers),
                path if path.ends_with("/version") || path.ends_with("/_ping") => ("200 OK", &version),
                _ => ("500 Internal Server Error", &error),
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
}

/// Answers every request with an error that tells secrets; gives its port.
fn registry(sown: &mut Sown) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = sown.text("token={S}");
    let body = sown.form("{\"errors\": [{\"message\": \"password={S}\"}]}");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 500 Oops\r\nServer: {server}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    port
}

fn run_line(sown: &mut Sown) -> String {
    let mut line = "docker run --gpus all -p 8080:80 --cpus -1".to_owned();
    for name in ["NPM_TOKEN", "DB_PASSWORD", "MYSQL_PWD", "GITHUB_PAT", "AWS_SECRET_ACCESS_KEY", "STRIPE_KEY"] {
        line += &format!(" -e {name}={}", sown.form("{S}"));
    }
    for (option, form) in [
        ("-e", "\"SMTP_PASSWORD={S} {S}\""),
        ("-e", "DATABASE_URL=postgres://user:{U}@db.example/x"),
        ("--env", "REDIS_URL=redis://:{U}@cache.example"),
        ("--log-opt", "splunk-token={S}"),
        ("--log-opt", "splunk-url=https://user:{U}@splunk.example"),
        ("--health-cmd", "'curl -u user:{S} http://127.0.0.1/'"),
        ("--health-cmd", "\"mysqladmin ping -uroot -p{S}\""),
        ("-l", "com.example.password={S}"),
        ("--label", "traefik.auth.token={S}"),
        ("--add-host", "user:{S}@host.example:10.1.2.3"),
        ("--storage-opt", "password={S}"),
        ("--sysctl", "net.secret={S}"),
    ] {
        line += &format!(" {option} {}", sown.form(form));
    }
    line += " registry.example/app:1 serve";
    for form in [
        "--password {S}",
        "--api-key={S}",
        "--db https://user:{U}@db.example",
        "--auth-token \"{S}\"",
        "sk-{S}0123456789ab",
    ] {
        line += &format!(" {}", sown.form(form));
    }
    line
}

fn compose(sown: &mut Sown) -> String {
    let mut text =
        "services:\n  app:\n    image: registry.example/app:1\n    cpus: -1\n    ports: ['8080:80']\n".to_owned();
    text += &format!("    command: [\"serve\", \"--token\", \"{}\"]\n", sown.form("{S}"));
    text += &format!("    build:\n      context: .\n      args:\n        NPM_TOKEN: {}\n", sown.form("{S}"));
    text += &format!("    labels:\n      com.example.secret: \"{}\"\n", sown.form("{S}"));
    text +=
        &format!("    logging:\n      driver: splunk\n      options:\n        splunk-token: {}\n", sown.form("{S}"));
    text += &format!(
        "    healthcheck:\n      test: [\"CMD\", \"curl\", \"-u\", \"{}\", \"http://127.0.0.1/\"]\n",
        sown.form("user:{S}")
    );
    text += &format!("    env_file: app.env\n    environment:\n      DB_PASSWORD: {}\n", sown.form("{S}"));
    text += &format!(
        "      DATABASE_URL: {}\n      MYSQL_PWD: '{}'\n",
        sown.form("postgres://user:{U}@db.example/x"),
        sown.form("{S}")
    );
    text += &format!("      NVIDIA_VISIBLE_DEVICES: {}\n", sown.form("token={S}"));
    text
}

fn dockerfile(sown: &mut Sown) -> String {
    let mut text = format!("ARG NPM_TOKEN={}\nFROM nvidia/cuda:11.0-base\n", sown.form("{S}"));
    text += &format!("ENV DB_PASSWORD={} API_KEY=\"{}\"\n", sown.form("{S}"), sown.form("{S}"));
    text += &format!("ENV NVIDIA_VISIBLE_DEVICES=all DATABASE_URL={}\n", sown.form("postgres://user:{U}@db.example/x"));
    text += &format!("LABEL com.example.token={}\n", sown.form("{S}"));
    text += &format!("RUN curl -u user:{} https://x.example && nvidia-smi\n", sown.form("{S}"));
    text += &format!(
        "RUN pip install --index-url {} torch && nvidia-smi\n",
        sown.form("https://user:{U}@pypi.example/simple")
    );
    text += &format!("RUN echo {} && nvidia-smi\n", sown.form("ghp_{S}0123456789ab"));
    text += &format!(
        "HEALTHCHECK CMD mysqladmin ping -p{}\nCMD [\"x\", \"--token\", \"{}\"]\n",
        sown.form("{S}"),
        sown.form("{S}")
    );
    text
}

#[test]
fn no_secret_comes_out_of_any_place() {
    let mut sown = Sown::default();
    let mut out = Out { folder: tempfile::tempdir().unwrap(), texts: Vec::new() };
    let folder = out.folder.path().to_owned();
    let (root, socket) = (folder.join("root"), folder.join("d.sock"));
    host(&mut sown, &root);
    daemon(&mut sown, &socket);
    let registry = format!("127.0.0.1:{}", registry(&mut sown));
    let root = root.to_str().unwrap();
    let variable = |name: &str, value: String| (name.to_owned(), value);
    let mut shell = vec![
        variable("HOME", "/root".into()),
        variable("HTTPS_PROXY", sown.form("http://user:{U}@proxy.example:3128")),
        variable("NO_PROXY", "127.0.0.1".into()),
        variable("REGISTRY_TOKEN", sown.form("{S}")),
        variable("DISPLAY", sown.form("user:{S}@127.0.0.1:0")),
        variable("DOCKER_API_VERSION", sown.form("token={S}")),
    ];
    // Nobody answers: the log is read.
    let asked = ["--root", root, "--need", "none", "--gpu", "--display", "--registry", &registry, "--port", "8080"];
    out.check("host", &asked, &shell, "");
    shell.push(variable("DOCKER_HOST", sown.form("tcp://user:{U}@127.0.0.1:1")));
    out.check("elsewhere", &asked, &shell, "");
    shell.pop();
    shell.push(variable("DOCKER_HOST", format!("unix://{}", socket.display())));
    out.check("daemon", &asked, &shell, "");
    for redact in ["private", "none"] {
        let file = folder.join(format!("{redact}.gd"));
        let file = file.to_str().unwrap();
        let collect = ["collect", "--root", root, "--timeout", "1s", "--redact", redact, "--yes", "-o", file];
        out.run(&format!("collect {redact}"), &collect, &shell, "");
        out.texts.push((format!("collect {redact} file"), fs::read_to_string(file).unwrap()));
    }
    // The user's own texts, good and bad.
    let line = run_line(&mut sown);
    write(&folder, "line.sh", &line);
    write(&folder, "app.env", &format!("APP_PASSWORD={}\n", sown.form("{S}")));
    write(&folder, "compose.yaml", &compose(&mut sown));
    write(&folder, "Dockerfile", &dockerfile(&mut sown));
    let bare = ["--root", root, "--need", "none"];
    out.check("line", &[&bare[..], &["--run-file", "line.sh"]].concat(), &shell, "");
    out.check("typed", &[&bare[..], &["--run-file", "-"]].concat(), &shell, &line);
    out.check("compose", &[&bare[..], &["--compose", "compose.yaml"]].concat(), &shell, "");
    out.check("dockerfile", &[&bare[..], &["--dockerfile", "Dockerfile"]].concat(), &shell, "");
    for (number, form) in FORMS.iter().enumerate() {
        let (text, bad) = (sown.text(form), format!("bad-{number}"));
        write(&folder, &bad, &format!("docker run -e A=1 {text} --no-such-option \"{}\n", text));
        out.run("refused line", &["check", "--root", root, "--need", "none", "--run-file", &bad], &shell, "");
        if number % 6 == 0 {
            write(&folder, &bad, &format!("gpu = true\nregistry = [{text:?}]\nno-such-key = {text:?}\n"));
            out.run("refused need", &["check", "--root", root, "--need", &bad], &shell, "");
            write(
                &folder,
                &bad,
                &format!("services:\n  app:\n    image: {text:?}\n    ports: [{text:?}]\n    x: {{\n"),
            );
            out.run("refused compose", &["check", "--root", root, "--need", "none", "--compose", &bad], &shell, "");
            write(&folder, &bad, &format!("FROM {text}\nNOSUCH {text}\n"));
            out.run(
                "refused Dockerfile",
                &["check", "--root", root, "--need", "none", "--dockerfile", &bad],
                &shell,
                "",
            );
            out.run("refused flag", &["check", "--port", &text, "--registry", &text], &shell, "");
            let told = format!(
                "docker: Error response from daemon: could not select device driver {text} with capabilities: [[gpu]]. {text}"
            );
            out.run("explain", &["explain", "--no-look", "-"], &shell, &told);
            out.run("explain json", &["explain", "--no-look", "--format", "json", "-"], &shell, &told);
        }
    }
    // What an older report holds.
    let report = |text: &str| {
        json!({ "format": "gdoctor-report", "results": [{ "id": "x", "status": "fail", "code": "x/y", "summary": text,
            "evidence": [{ "source": "x", "value": text }] }] })
    };
    write(&folder, "a.json", &report("all is well").to_string());
    write(&folder, "b.json", &report(&sown.text("token={S}")).to_string());
    out.run("diff", &["diff", "a.json", "b.json"], &shell, "");

    assert!(sown.secrets.len() >= 150, "{}", sown.secrets.len());
    let mut leaks: Vec<String> = Vec::new();
    for (name, text) in &out.texts {
        leaks.extend(sown.leaks(text).into_iter().map(|leak| {
            let at = text.find(leak.rsplit(' ').next().unwrap_or_default()).unwrap_or_default();
            let around = text.char_indices().filter(|(place, _)| place + 80 > at && *place < at + 30).map(|(_, c)| c);
            format!("{name}: {leak}: {}", around.collect::<String>())
        }));
    }
    assert!(leaks.is_empty(), "{} leaks: {:#?}", leaks.len(), &leaks[..leaks.len().min(60)]);
    let all: String = out.texts.iter().map(|(_, text)| text.as_str()).collect();
    let (told, untold): (Vec<&String>, Vec<&String>) = sown.beside.iter().partition(|word| all.contains(word.as_str()));
    // One that hid everything would leak nothing either.
    assert!(told.len() >= 40, "{} words beside secrets were told, and not {untold:?}", told.len());
}

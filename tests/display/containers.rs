//! A real dockerd whose containers run this machine's X clients: what they meet, and what gdoctor says of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::part::{self, Part, Run, is_root, run};
use crate::right_cookie;

/// A daemon, and an image in which xdpyinfo of this machine runs.
pub struct Containers {
    pub daemon: Part,
    /// gdoctor where every user may start it.
    binary: tempfile::TempDir,
}

impl Containers {
    pub fn start() -> Option<Self> {
        if !is_root("display: what a container meets") {
            return None;
        }
        let daemon = Part::start("docker", &[])?;
        Self::of(daemon)
    }

    pub fn of(daemon: Part) -> Option<Self> {
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
    pub fn stay(&self, more: &[&str]) -> String {
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
    pub fn lets_in(&self, container: &str, display: &str, user: &str, xauthority: &str) -> bool {
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
    pub fn said(&self, server: &Part, asker: &str, user: &str) -> Run {
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

//! Room on real file systems: full by bytes, full by inodes, read-only, of two places; and where a real daemon keeps images.
#![allow(clippy::disallowed_methods)]

mod part;

use std::path::{Path, PathBuf};
use std::process::Command;

use part::{Part, Run, gdoctor, is_root, left_out};

const NO_DOCKER: (&str, &str) = ("DOCKER_HOST", "unix:///nowhere/docker.sock");

/// A small tmpfs in a folder, until it is dropped.
struct Mount(PathBuf);

impl Mount {
    /// `None`, after saying so, where mounting is not allowed.
    fn new(path: PathBuf, options: &str) -> Option<Self> {
        std::fs::create_dir_all(&path).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "gdoctor"]).arg(&path).output().unwrap();
        if mounted.status.success() {
            return Some(Self(path));
        }
        let words = String::from_utf8_lossy(&mounted.stderr).trim().to_owned();
        left_out(&format!("disk: a tmpfs cannot be mounted here ({words})"));
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

fn look(root: &Path, more: &[&str]) -> Run {
    let arguments = [&["--only", "disk", "--root", root.to_str().unwrap()], more].concat();
    gdoctor(&arguments, &[NO_DOCKER])
}

fn data_root(root: &Path) -> PathBuf {
    root.join("var/lib/docker")
}

#[test]
fn a_full_file_system_fails_and_names_what_was_looked_at() {
    if !is_root("disk: a full file system") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::new(data_root(root.path()), "size=200m") else { return };
    let run = look(root.path(), &[]);
    assert_eq!(run.told(), ["warn disk-space/short /var/lib/docker"]);
    assert_eq!(run.code, 0);
    let run = look(root.path(), &["--disk", "1GiB"]);
    assert_eq!(run.told(), ["fail disk-space/too-small /var/lib/docker"]);
    let asked = look(root.path(), &["--disk", "100MiB"]);
    assert_eq!(asked.of("disk-space"), ["pass disk-space/enough /var/lib/docker"]);

    let file = std::fs::File::create(disk.0.join("layer")).unwrap();
    nix::fcntl::posix_fallocate(&file, 0, 199 << 20).unwrap();
    let run = look(root.path(), &[]);
    assert_eq!(run.told(), ["fail disk-space/full /var/lib/docker"]);
    assert_eq!(run.code, 1);
    let summary = run.results().iter().find(|r| r["id"] == "disk-space").unwrap()["summary"].to_string();
    assert!(summary.contains("1.0 MiB of 200 MiB"), "{summary}");
}

#[test]
fn a_file_system_without_inodes_fails() {
    if !is_root("disk: no inodes") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::new(data_root(root.path()), "size=6g,nr_inodes=600") else { return };
    assert_eq!(look(root.path(), &[]).told(), ["warn disk-inodes/few /var/lib/docker"]);
    for number in 0..500 {
        std::fs::write(disk.0.join(number.to_string()), "").unwrap();
    }
    assert_eq!(look(root.path(), &[]).told(), ["fail disk-inodes/used-up /var/lib/docker"]);
}

#[test]
fn a_read_only_file_system_fails() {
    if !is_root("disk: read-only") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let Some(_disk) = Mount::new(data_root(root.path()), "size=6g,ro") else { return };
    assert_eq!(look(root.path(), &[]).told(), ["fail disk-space/read-only /var/lib/docker"]);
}

/// daemon.json may move the data root; where it does not exist yet, its nearest parent decides.
#[test]
fn the_data_root_of_daemon_json_is_looked_at() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("etc/docker")).unwrap();
    std::fs::create_dir_all(root.path().join("big")).unwrap();
    std::fs::write(root.path().join("etc/docker/daemon.json"), r#"{ "data-root": "/big/docker/here" }"#).unwrap();
    let run = look(root.path(), &[]);
    let result = run.results().iter().find(|r| r["id"] == "disk-space").unwrap();
    assert_eq!(result["subject"], "/big/docker/here");
    assert_eq!(result["evidence"][0]["source"], "statvfs /big");
}

#[test]
fn a_log_that_has_grown_is_named() {
    let root = tempfile::tempdir().unwrap();
    let id = "a".repeat(64);
    let folder = data_root(root.path()).join("containers").join(&id);
    std::fs::create_dir_all(&folder).unwrap();
    let log = std::fs::File::create(folder.join(format!("{id}-json.log"))).unwrap();
    log.set_len(2 << 30).unwrap();
    let run = look(root.path(), &[]);
    assert_eq!(run.of("disk-logs"), ["warn disk-logs/large"]);
    let fix = run.fix("disk-logs/large");
    assert_eq!(fix[0], format!("sudo truncate -s 0 /var/lib/docker/containers/{id}/{id}-json.log"));
}

/// The daemon says where its data root is; its own words when the disk is full are those that the code explains.
#[test]
fn a_real_daemon_on_a_full_disk() {
    if !is_root("disk: a daemon on a full file system") {
        return;
    }
    let Some(daemon) = Part::start("docker", &[]) else { return };
    let env = ("DOCKER_HOST", daemon.get("DOCKER_HOST"));
    let data = daemon.path().join("data");
    let run = gdoctor(&["--only", "disk"], &[env]);
    let result = run.results().iter().find(|r| r["id"] == "disk-space").unwrap();
    assert_eq!(result["subject"], data.to_str().unwrap());
    assert!(daemon.call("stop", &[]).status.success());

    let Some(disk) = Mount::new(data.clone(), "size=120m") else { return };
    let script = part::root().join("tests/lab/docker");
    let started = Command::new(&script).arg("start").arg(daemon.path()).output().unwrap();
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    let filler = std::fs::File::create(disk.0.join("filler")).unwrap();
    let free = nix::sys::statvfs::statvfs(&disk.0).unwrap();
    let room = free.blocks_available() * free.fragment_size();
    nix::fcntl::posix_fallocate(&filler, 0, i64::try_from(room - (256 << 10)).unwrap()).unwrap();
    let imported = daemon.call("import", &[]);
    let words = String::from_utf8_lossy(&imported.stderr).into_owned();
    let run = gdoctor(&["--only", "disk"], &[env]);
    daemon.call("stop", &[]);
    drop(filler);
    drop(disk);
    assert_eq!(run.told(), [format!("fail disk-space/full {}", data.display())]);
    assert!(!imported.status.success() && words.contains("no space left on device"), "{words}");
}

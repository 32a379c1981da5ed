//! Room on real file systems: full by bytes, full by inodes, read-only, of two places; and where a real daemon keeps images.
#![allow(clippy::disallowed_methods)]

mod part;

use std::path::{Path, PathBuf};
use std::process::Command;

use part::file_system::{Mount, docker_on, free};
use part::{Part, Run, gdoctor, is_root};

const NO_DOCKER: (&str, &str) = ("DOCKER_HOST", "unix:///nowhere/docker.sock");

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
    let Some(disk) = Mount::tmpfs(data_root(root.path()), "size=200m") else { return };
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
    let Some(disk) = Mount::tmpfs(data_root(root.path()), "size=6g,nr_inodes=600") else { return };
    assert_eq!(look(root.path(), &[]).told(), ["warn disk-inodes/few /var/lib/docker"]);
    for number in 0..500 {
        std::fs::write(disk.0.join(number.to_string()), "").unwrap();
    }
    assert_eq!(look(root.path(), &[]).told(), ["fail disk-inodes/used-up /var/lib/docker"]);
}

#[test]
fn a_full_tmp_is_told_and_is_no_matter_of_pruning() {
    if !is_root("disk: a full /tmp") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let Some(_data) = Mount::tmpfs(data_root(root.path()), "size=200g") else { return };
    let Some(tmp) = Mount::tmpfs(root.path().join("tmp"), "size=70m,nr_inodes=700") else { return };
    let Some(_cache) = Mount::tmpfs(data_root(root.path()).join("buildkit"), "size=90m") else { return };
    let run = look(root.path(), &[]);
    assert_eq!(run.told(), ["warn disk-space/short /var/lib/docker/buildkit"]);
    assert!(run.of("disk-space").contains(&"pass disk-space/room /tmp".to_owned()));
    std::fs::write(tmp.0.join("large"), vec![1; 8 << 20]).unwrap();
    assert_eq!(look(root.path(), &["--skip", "disk-reclaim"]).told()[1], "warn disk-space/tmp-full /tmp");
    for number in 0..500 {
        std::fs::write(tmp.0.join(number.to_string()), "").unwrap();
    }
    assert!(look(root.path(), &[]).told().contains(&"warn disk-inodes/tmp-used-up /tmp".to_owned()));
}

#[test]
fn a_read_only_file_system_fails() {
    if !is_root("disk: read-only") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let Some(_disk) = Mount::tmpfs(data_root(root.path()), "size=6g,ro") else { return };
    assert_eq!(look(root.path(), &[]).told(), ["fail disk-space/read-only /var/lib/docker"]);
}

/// daemon.json may move the data root; where it does not exist yet, its nearest parent decides.
#[test]
fn the_data_root_of_daemon_json_is_looked_at() {
    if !is_root("disk: data root") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("etc/docker")).unwrap();
    // A folder on this machine's own disk tells nothing of the root's.
    let Some(_disk) = Mount::tmpfs(root.path().join("big"), "size=6g") else { return };
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

    let Some(disk) = Mount::tmpfs(data.clone(), "size=120m") else { return };
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

#[test]
fn what_docker_would_free_is_counted_and_frees_it() {
    if !is_root("disk: a full ext4") {
        return;
    }
    let Some((_disk, daemon)) = docker_on("data", "220m", &[]) else { return };
    let env = ("DOCKER_HOST", daemon.get("DOCKER_HOST"));
    let root = daemon.path().join("data").display().to_string();
    // 100 MB of an image that a newer one replaces, 40 MB that a stopped container wrote, 5 MB in a volume.
    daemon.docker(
        "mkdir -p one two; head -c 100M /dev/urandom >one/old; head -c 1M /dev/urandom >two/new
         tar -C one -c . | docker import - app:1; tar -C two -c . | docker import - app:1; rm -r one two",
    );
    assert!(daemon.call("import", &[]).status.success());
    daemon.docker("docker run --name done -v data:/data lab/busybox:1 sh -c 'dd if=/dev/zero of=/written bs=1M count=40; dd if=/dev/zero of=/data/x bs=1M count=5'
         docker run --name idle -v data:/data lab/busybox:1 true; docker rm idle",
    );
    let look = |more: &[&str]| gdoctor(&[&["--only", "disk-space,disk-reclaim"], more].concat(), &[env]);
    let filler = std::fs::File::create(daemon.path().join("data/filler")).unwrap();
    let free = nix::sys::statvfs::statvfs(daemon.path().join("data").as_path()).unwrap();
    let room = free.blocks_available() * free.fragment_size();
    nix::fcntl::posix_fallocate(&filler, 0, i64::try_from(room - (20 << 20)).unwrap()).unwrap();

    let run = look(&[]);
    assert_eq!(
        run.told(),
        [
            format!("fail disk-space/full {root}"),
            "warn disk-reclaim/nameless-images docker image prune".into(),
            "warn disk-reclaim/stopped-containers docker container prune".into(),
        ]
    );
    assert!(run.summary("disk-reclaim/nameless-images").contains("100 MiB"), "{:#?}", run.results());
    assert!(run.summary("disk-reclaim/stopped-containers").contains("40.0 MiB"));
    assert_eq!(run.fix("disk-reclaim/nameless-images"), ["docker image prune"]);

    daemon.carry_out(&run.fix("disk-reclaim/nameless-images"));
    let wanted = ["--disk", "100MiB"];
    let run = look(&wanted);
    assert_eq!(run.told(), Vec::<String>::new(), "room again");
    assert_eq!(run.of("disk-space")[0], format!("pass disk-space/enough {root}"));
    assert_eq!(run.of("disk-reclaim"), ["skip disk-reclaim/room-enough"]);

    daemon.carry_out(&look(&["--disk", "1GiB"]).fix("disk-reclaim/stopped-containers"));
    let run = look(&["--disk", "100MiB", "--reclaim"]);
    assert_eq!(
        run.of("disk-reclaim"),
        [
            "pass disk-reclaim/unused-images docker image prune -a",
            "pass disk-reclaim/large-image docker rmi lab/busybox:1",
            "pass disk-reclaim/large-image docker rmi app:1",
            "pass disk-reclaim/unused-volumes docker volume prune",
        ]
    );
    daemon.carry_out(&look(&["--disk", "1GiB"]).fix("disk-reclaim/unused-volumes"));
    assert_eq!(daemon.docker("docker volume ls -q"), "");
}

#[test]
fn inodes_come_back_with_the_images_that_took_them() {
    if !is_root("disk: an ext4 without inodes") {
        return;
    }
    let Some((_disk, daemon)) = docker_on("data", "400m", &["-N", "70000"]) else { return };
    let env = ("DOCKER_HOST", daemon.get("DOCKER_HOST"));
    let root = daemon.path().join("data").display().to_string();
    daemon.docker(
        "mkdir many; (cd many; seq 60000 | xargs touch; head -c 9M /dev/urandom >large)
         tar -C many -c . | docker import - app:1
         tar -C many -c 1 | docker import - app:1; rm -r many",
    );
    let taken = daemon.path().join("data/taken");
    std::fs::create_dir(&taken).unwrap();
    let free = nix::sys::statvfs::statvfs(taken.as_path()).unwrap().files_available();
    for number in 0..free - 100 {
        std::fs::write(taken.join(number.to_string()), "").unwrap();
    }
    let look = || gdoctor(&["--only", "disk-space,disk-inodes,disk-reclaim", "--disk", "100MiB"], &[env]);
    let run = look();
    let nameless = "warn disk-reclaim/nameless-images docker image prune".to_owned();
    assert_eq!(run.told(), [format!("fail disk-inodes/used-up {root}"), nameless]);
    daemon.carry_out(&run.fix("disk-inodes/used-up"));
    assert_eq!(look().told(), Vec::<String>::new());
    assert_eq!(look().of("disk-inodes")[0], format!("pass disk-inodes/enough {root}"));
}

/// A daemon on a unix socket that answers all but how much is used.
fn daemon_that_counts_for_ever(data: &Path) -> (tempfile::TempDir, String) {
    use std::io::{BufRead, BufReader, Write};
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    let socket = dir.path().join("docker.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let info = format!("{{\"DockerRootDir\":\"{}\"}}", data.display());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let info = info.clone();
            std::thread::spawn(move || {
                let mut lines = BufReader::new(&stream).lines();
                while let Some(Ok(request)) = lines.next() {
                    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    let body = match () {
                        () if request.contains("/system/df") => continue,
                        () if request.contains("/version") => r#"{"Version":"29.0.0","ApiVersion":"1.52"}"#,
                        () if request.contains("/info") => info.as_str(),
                        () => "[]",
                    };
                    let _ = write!(&stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                }
            });
        }
    });
    let host = format!("unix://{}", socket.display());
    (dir, host)
}

#[test]
fn a_daemon_that_counts_for_ever_is_not_waited_for() {
    let data = tempfile::tempdir().unwrap();
    let (_dir, host) = daemon_that_counts_for_ever(data.path());
    let env = [("DOCKER_HOST", host.as_str())];
    let only = ["--only", "disk-reclaim,disk-space", "--timeout", "1s"];
    let run = gdoctor(&[&only[..], &["--reclaim=1s"]].concat(), &env);
    assert_eq!(run.of("disk-reclaim"), ["unknown disk-reclaim/unknown"]);
    assert_eq!(run.code, 3);
    let run = gdoctor(&[&only[..], &["--disk", "9000TiB"]].concat(), &env);
    assert_eq!(run.of("disk-reclaim"), ["skip disk-reclaim/takes-long"]);
    assert_eq!(run.told().len(), 1);
}

#[test]
fn room_that_pruning_cannot_see_is_found() {
    if !is_root("disk: deleted files") {
        return;
    }
    let Some((disk, daemon)) = docker_on("data", "220m", &[]) else { return };
    assert!(daemon.call("import", &[]).status.success());
    let env = ("DOCKER_HOST", daemon.get("DOCKER_HOST"));
    let look = || gdoctor(&["--only", "disk-lost", "--disk", "200MiB"], &[env]);
    assert_eq!(look().of("disk-lost"), ["pass disk-lost/nothing"]);

    // A log that was removed instead of emptied: dockerd writes on.
    daemon.docker("docker run -d --name talker lab/busybox:1 sh -c 'i=0; while [ $i -lt 600 ]; do dd if=/dev/zero bs=15000 count=1 2>/dev/null | tr \"\\\\0\" x; echo; i=$((i+1)); done; touch /said; exec sleep 600'
         for i in $(seq 600); do docker exec talker test -e /said && break; sleep 0.1; done; docker exec talker test -e /said",
    );
    let id = daemon.docker("docker inspect -f '{{.Id}}' talker");
    let log = disk.0.join(format!("containers/{id}/{id}-json.log"));
    let before = free(&disk.0);
    std::fs::remove_file(&log).unwrap();
    let run = look();
    assert_eq!(run.told(), [format!("warn disk-lost/deleted-log {}", log.display())]);
    let fix = run.fix("disk-lost/deleted-log");
    assert_eq!(fix[1], format!("docker restart {}", &id[..12]));
    daemon.carry_out(&[fix[0].replace("sudo ", "")]);
    assert!(free(&disk.0) >= before + (7 << 20), "{before} and then {}", free(&disk.0));
    assert_eq!(look().of("disk-lost"), ["pass disk-lost/nothing"]);
    daemon.docker("docker rm -f talker");

    // A container's own file, and one of a process outside.
    daemon.docker("docker run -d --name holder lab/busybox:1 sh -c 'exec 5>/big; dd if=/dev/zero of=/big bs=1M count=9; rm /big; touch /gone; exec sleep 600'
         for i in $(seq 600); do docker exec holder test -e /gone && break; sleep 0.1; done",
    );
    let held = disk.0.join("held");
    std::fs::write(&held, vec![1; 4 << 20]).unwrap();
    let file = std::fs::File::open(&held).unwrap();
    std::fs::remove_file(&held).unwrap();
    let run = look();
    assert_eq!(
        run.told(),
        ["warn disk-lost/deleted-file /big".to_owned(), format!("warn disk-lost/deleted-file {}", held.display())]
    );
    let id = daemon.docker("docker inspect -f '{{.Id}}' holder");
    assert_eq!(run.fix("disk-lost/deleted-file"), [format!("docker restart {}", &id[..12])]);
    drop(file);
    daemon.docker("docker rm -f holder");
    assert_eq!(look().of("disk-lost"), ["pass disk-lost/nothing"]);

    // A folder of a layer that no record has, an hour old; a young one may be a pull at work.
    let lost = disk.0.join("overlay2").join("0123456789abcdef".repeat(4));
    std::fs::create_dir(&lost).unwrap();
    assert_eq!(look().of("disk-lost"), ["pass disk-lost/nothing"]);
    daemon.docker(&format!("touch -d '2 hours ago' {}", lost.display()));
    daemon.docker("find data/overlay2 -maxdepth 1 -exec touch -d '2 hours ago' {} +");
    let run = look();
    assert_eq!(run.told(), ["warn disk-lost/orphan-folders"]);
    assert!(run.summary("disk-lost/orphan-folders").contains("no container (1)"));
    std::fs::create_dir_all(disk.0.join("image/aufs/layerdb/sha256/one")).unwrap();
    assert_eq!(look().told(), ["warn disk-lost/orphan-folders", "warn disk-lost/other-driver aufs"]);
}

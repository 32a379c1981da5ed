//! Registries that run on this host in a container: where their images lie, whether they delete, and the fixes as printed.
#![allow(clippy::disallowed_methods)]

mod part;

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use part::file_system::{Mount, docker_on, free};
use part::{Part, Run, gdoctor, is_root, left_out};

/// A daemon with Debian's docker-registry as the image `registry:2`, laid out as the official one, and a small file system.
fn daemon(what: &str) -> Option<(Mount, Part)> {
    if !is_root(what) {
        return None;
    }
    if !Path::new("/usr/bin/docker-registry").exists() {
        left_out("registry: docker-registry is not installed");
        return None;
    }
    let (disk, daemon) = docker_on("images", "120m", &[])?;
    assert!(daemon.call("import", &[]).status.success());
    daemon.docker(
        "mkdir -p r/bin r/lib r/lib64 r/etc/docker/registry r/var/lib/registry r/tmp
         cp /usr/bin/docker-registry r/bin/registry
         cp /lib/x86_64-linux-gnu/libc.so.6 r/lib/; cp /lib64/ld-linux-x86-64.so.2 r/lib64/
         printf 'version: 0.1\nlog: { level: error }\nstorage: { filesystem: { rootdirectory: /var/lib/registry } }\nhttp: { addr: \":5000\" }\n' >r/etc/docker/registry/config.yml
         tar -C r -c . | docker import -c 'ENTRYPOINT [\"/bin/registry\"]' -c 'CMD [\"serve\",\"/etc/docker/registry/config.yml\"]' -c 'ENV PATH=/bin LD_LIBRARY_PATH=/lib' - registry:2
         rm -r r",
    );
    Some((disk, daemon))
}

fn free_port() -> u16 {
    TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

/// Starts the container `registry` on a port and waits until it answers.
fn start(daemon: &Part, port: u16, options: &str) {
    daemon.docker(&format!("docker run -d -p {port}:5000 --name registry {options} registry:2"));
    answers(daemon, port);
}

fn answers(daemon: &Part, port: u16) {
    daemon.docker(&format!(
        "curl -sS --retry 60 --retry-delay 1 --retry-all-errors -o answer http://127.0.0.1:{port}/v2/"
    ));
}

#[test]
fn a_full_registry_is_told_and_its_garbage_collected() {
    let Some((disk, daemon)) = daemon("registry: storage") else { return };
    let env = ("DOCKER_HOST", daemon.get("DOCKER_HOST"));
    let port = free_port();
    let name = format!("127.0.0.1:{port}");
    start(&daemon, port, "-v \"$PWD/images:/var/lib/registry\"");
    let look = || gdoctor(&["--only", "registry", "--registry", &name, "--registry-delete"], &[env]);

    let before = Command::new("find").arg(&disk.0).output().unwrap().stdout;
    let run = look();
    assert_eq!(
        run.told(),
        [
            format!("warn registry-storage/short {name}"), // 120 MB is never much
            format!("fail registry-delete/off {name}"),
        ]
    );
    assert!(run.summary("registry-storage/short").contains(&disk.0.display().to_string()));
    assert_eq!(Command::new("find").arg(&disk.0).output().unwrap().stdout, before, "asking left something behind");

    // Two pushes under one name: the first one's layer is garbage.
    let push = |size: &str| {
        daemon.docker(&format!(
            "mkdir x; head -c {size} /dev/urandom >x/data; tar -C x -c . | docker import - {name}/app:1; rm -r x
             docker push -q {name}/app:1"
        ));
    };
    push("60M");
    push("1M");
    let run = look();
    assert_eq!(run.told()[0], format!("fail registry-storage/full {name}"), "{:#?}", run.results());
    let fix = run.fix("registry-storage/full");
    assert!(
        fix[2].ends_with("--volumes-from registry-before -e REGISTRY_STORAGE_DELETE_ENABLED=true registry:2"),
        "{fix:#?}"
    );
    let room = free(&disk.0);
    daemon.carry_out(&fix);
    answers(&daemon, port);
    assert!(free(&disk.0) >= room + (58 << 20), "{room} and then {}", free(&disk.0));
    let run = look();
    assert_eq!(run.of("registry-delete"), [format!("pass registry-delete/allowed {name}")]);
    assert_eq!(run.told(), [format!("warn registry-storage/short {name}")]);
    daemon.docker(&format!("docker rm registry-before; docker pull -q {name}/app:1"));

    // Now that it deletes, collecting is all there is to advise.
    push("50M");
    push("1M");
    let fix = look().fix("registry-storage/full");
    assert_eq!(
        fix[0],
        "docker exec registry registry garbage-collect --delete-untagged /etc/docker/registry/config.yml"
    );
    let room = free(&disk.0);
    daemon.carry_out(&fix);
    assert!(free(&disk.0) >= room + (48 << 20));
}

/// The registry knows how large an image is before it is pulled.
#[test]
fn an_image_that_has_to_come_is_measured() {
    let Some((_disk, daemon)) = daemon("registry: size of an image") else { return };
    let env = ("DOCKER_HOST", daemon.get("DOCKER_HOST"));
    let port = free_port();
    start(&daemon, port, "-v \"$PWD/images:/var/lib/registry\"");
    let name = format!("127.0.0.1:{port}/team/app:1");
    daemon.docker(&format!(
        "mkdir x; head -c 20M /dev/urandom >x/data; tar -C x -c . | docker import - {name}; rm -r x; docker push -q {name}"
    ));
    let line = daemon.path().join("line");
    std::fs::write(&line, format!("docker run {name}")).unwrap();
    let look = || {
        let file = line.to_str().unwrap();
        gdoctor(&["--only", "disk-space,registry-answers", "--run-file", file], &[env])
    };
    let told = |run: &Run| run.of("disk-space").into_iter().filter(|line| line.contains("image-")).collect::<Vec<_>>();
    assert_eq!(told(&look()), Vec::<String>::new(), "it is here");
    daemon.docker(&format!("docker rmi {name}"));
    let run = look();
    assert_eq!(told(&run), [format!("pass disk-space/image-fits {name}")]);
    assert!(run.summary("disk-space/image-fits").contains("is 20.0 MiB, packed"), "{:#?}", run.results());
}

#[test]
fn a_registry_that_keeps_its_images_elsewhere_or_in_itself() {
    let Some((disk, daemon)) = daemon("registry: storage") else { return };
    let env = ("DOCKER_HOST", daemon.get("DOCKER_HOST"));
    let look = |port: u16, id: &str| {
        gdoctor(&["--only", "registry", "--registry", &format!("127.0.0.1:{port}")], &[env]).of(id)
    };
    // Its own layer lies below the daemon's data root.
    let port = free_port();
    start(&daemon, port, "");
    let run = gdoctor(&["--only", "registry-storage", "--registry", &format!("127.0.0.1:{port}")], &[env]);
    let seen =
        run.results().iter().find(|r| r["id"] == "registry-storage").unwrap()["evidence"][0]["source"].to_string();
    assert!(seen.contains(&daemon.path().join("data").display().to_string()), "{seen}");
    daemon.docker("docker rm -f registry");
    // Another folder, named by a variable.
    let port = free_port();
    start(&daemon, port, "-e REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=/kept/here -v \"$PWD/images:/kept\"");
    let run = gdoctor(&["--only", "registry-storage", "--registry", &format!("127.0.0.1:{port}")], &[env]);
    assert!(run.summary("registry-storage/short").contains(&disk.0.join("here").display().to_string()));
    daemon.docker("docker rm -f registry");
    // In memory: there is no folder.
    let port = free_port();
    start(&daemon, port, "-e REGISTRY_STORAGE=inmemory");
    assert_eq!(look(port, "registry-storage"), [format!("skip registry-storage/not-here 127.0.0.1:{port}")]);
    daemon.docker("docker rm -f registry");
    // A cache of another one, which has to answer when it starts, and one for reading alone: both refuse what a push begins with.
    let port = free_port();
    daemon.docker(&format!("docker run -d -p {port}:5000 --name origin registry:2"));
    answers(&daemon, port);
    let origin = daemon.docker("docker inspect -f '{{.NetworkSettings.IPAddress}}' origin");
    let ways = [
        (format!("REGISTRY_PROXY_REMOTEURL=http://{origin}:5000"), "cache"),
        ("REGISTRY_STORAGE_MAINTENANCE_READONLY={\"enabled\":true}".to_owned(), "maintenance"),
    ];
    for (variable, code) in ways {
        let port = free_port();
        start(&daemon, port, &format!("-e '{variable}' -v \"$PWD/images:/var/lib/registry\""));
        assert_eq!(look(port, "registry-storage"), [format!("warn registry-storage/{code} 127.0.0.1:{port}")]);
        let push =
            format!("curl -sS -o answer -w '%{{http_code}}' -X POST http://127.0.0.1:{port}/v2/x/blobs/uploads/");
        assert_eq!(daemon.docker(&push).trim(), "405", "{variable}");
        daemon.docker("docker rm -f registry");
    }
}

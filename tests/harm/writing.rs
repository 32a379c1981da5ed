//! What stands where gdoctor writes, and what stands there afterwards. Nodes of devices are made in a scratch folder.

use std::fs;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::{Uid, chown, mkfifo};

use crate::{gdoctor, is_root, left_out};

const SHORT: [&str; 3] = ["check", "--only", "host-clock"];

struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(self.0.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// Every way to name an output, for the same path.
fn all_ways(path: &Path) -> Vec<Vec<String>> {
    let path = path.to_str().unwrap();
    let check = |more: &[String]| [&SHORT.map(str::to_owned)[..], more].concat();
    vec![
        check(&["-o".into(), path.into()]),
        check(&["--out".into(), format!("json={path}")]),
        ["collect", "-o", path].map(str::to_owned).into(),
        ["collect", "--redact", "none", "--yes", "-o", path].map(str::to_owned).into(),
        ["init", "--force", "-o", path].map(str::to_owned).into(),
    ]
}

fn run(arguments: &[String]) -> Output {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    gdoctor(&arguments).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `-o PATH` as root or another; the exit code is 2 when it was refused.
fn write_to(path: &Path) -> Output {
    run(&all_ways(path)[0])
}

#[test]
fn a_device_stays_one() {
    if !is_root("a device as an output") {
        return;
    }
    let scratch = Scratch::new();
    let node = |name: &str, kind: SFlag, minor: u64| {
        let path = scratch.path(name);
        mknod(&path, kind, Mode::from_bits_truncate(0o666), makedev(1, minor)).unwrap();
        path
    };
    let (null, full) = (node("null", SFlag::S_IFCHR, 3), node("full", SFlag::S_IFCHR, 7));
    if fs::OpenOptions::new().write(true).open(&null).is_err() {
        return left_out("devices: this file system takes none");
    }
    for way in all_ways(&null) {
        let output = run(&way);
        assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{way:?}: {output:?}");
        assert!(fs::metadata(&null).unwrap().file_type().is_char_device(), "{way:?}");
    }
    for way in all_ways(&full) {
        let output = run(&way);
        assert_eq!(output.status.code(), Some(2), "{way:?}: {output:?}");
        let why = told(&output);
        assert!(why.contains(full.to_str().unwrap()) && why.contains("No space left"), "{way:?}: {why}");
    }
    // A disk that is not there (no driver has this number): not even opened.
    let disk = scratch.path("disk");
    mknod(&disk, SFlag::S_IFBLK, Mode::from_bits_truncate(0o600), makedev(259, 1_048_575)).unwrap();
    for way in all_ways(&disk) {
        let output = run(&way);
        assert_eq!(output.status.code(), Some(2), "{way:?}: {output:?}");
        assert!(told(&output).contains("it is a disk"), "{way:?}: {output:?}");
    }
    assert!(fs::metadata(&disk).unwrap().file_type().is_block_device());
    assert_eq!(scratch.names(), ["disk", "full", "null"]);
}

#[test]
fn a_pipe_gets_all_of_it_and_nobody_at_its_end_is_no_hang() {
    let scratch = Scratch::new();
    let pipe = scratch.path("pipe");
    mkfifo(&pipe, Mode::from_bits_truncate(0o600)).unwrap();
    let reader = {
        let pipe = pipe.clone();
        thread::spawn(move || fs::read_to_string(pipe).unwrap())
    };
    let output = write_to(&pipe);
    assert!(output.status.success(), "{output:?}");
    assert!(reader.join().unwrap().contains("add -v"));
    let started = Instant::now();
    let output = write_to(&pipe);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains(pipe.to_str().unwrap()) && told(&output).contains("nobody read it"), "{output:?}");
    assert!(started.elapsed() < Duration::from_secs(60));
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
}

/// A job's summary is a file that others write to as well, or anything else that it may lead to.
#[test]
fn a_step_summary_is_added_to_and_a_pipe_there_is_no_hang() {
    let scratch = Scratch::new();
    let github = |summary: &Path| {
        gdoctor(&["check", "--only", "host-clock", "--format", "github"])
            .env("GITHUB_STEP_SUMMARY", summary)
            .output()
            .unwrap()
    };
    let summary = scratch.path("summary");
    fs::write(&summary, "before\n").unwrap();
    assert!(github(&summary).status.success());
    let text = fs::read_to_string(&summary).unwrap();
    assert!(text.starts_with("before\n") && text.len() > 20, "{text}");
    let pipe = scratch.path("pipe");
    mkfifo(&pipe, Mode::from_bits_truncate(0o600)).unwrap();
    let output = github(&pipe);
    assert_eq!(output.status.code(), Some(2));
    let why = told(&output);
    assert!(why.contains("GITHUB_STEP_SUMMARY") && why.contains(pipe.to_str().unwrap()), "{why}");
}

/// Somebody opens the pipe and does not read: the report is larger than what a pipe holds.
#[test]
fn a_reader_that_does_not_read_is_no_hang() {
    let scratch = Scratch::new();
    let pipe = scratch.path("pipe");
    mkfifo(&pipe, Mode::from_bits_truncate(0o600)).unwrap();
    let _reader = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let ports: Vec<String> = (0..150).map(|port| format!("-p={}:80", 20_000 + port)).collect();
    let mut command =
        gdoctor(&["check", "-v", "--format", "json", "-o", pipe.to_str().unwrap(), "--", "docker", "run"]);
    let output = command.args(ports).arg("ubuntu").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(told(&output).contains("nobody read it"), "{output:?}");
}

#[test]
fn a_socket_gets_it() {
    let scratch = Scratch::new();
    let path = scratch.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
        text
    });
    assert!(write_to(&path).status.success());
    assert!(reader.join().unwrap().contains("add -v"));
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
}

#[test]
fn descriptors_are_those_of_whoever_started_it() {
    let scratch = Scratch::new();
    let file = scratch.path("both");
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        let mut to = fs::OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&file).unwrap();
        to.write_all(b"before\n").unwrap();
        let mut command = gdoctor(&SHORT);
        let shared = to.try_clone().unwrap();
        assert!(command.args(["-o", name]).stdout(shared).status().unwrap().success());
        to.write_all(b"after\n").unwrap();
        to.rewind().unwrap();
        let mut text = String::new();
        to.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("before\n") && text.contains("add -v") && text.ends_with("after\n"), "{name}: {text}");
    }
    // A pipe and a socket as standard output.
    let piped = gdoctor(&SHORT).args(["-o", "/dev/stdout"]).output().unwrap();
    assert!(String::from_utf8_lossy(&piped.stdout).contains("add -v"));
    let (mut here, there) = std::os::unix::net::UnixStream::pair().unwrap();
    let there: OwnedFd = there.into();
    assert!(gdoctor(&SHORT).args(["-o", "/dev/fd/1"]).stdout(Stdio::from(there)).status().unwrap().success());
    let mut text = String::new();
    here.read_to_string(&mut text).unwrap();
    assert!(text.contains("add -v"), "{text}");
    // bash's `>(…)`: a pipe under another number.
    let substitution = format!("{} {} -o >(cat)", crate::binary().display(), SHORT.join(" "));
    let output = std::process::Command::new("bash").args(["-c", &format!("{substitution} | cat")]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("add -v"), "{output:?}");
    // What gdoctor has opened for itself is nobody's to write to.
    for number in 3..12 {
        let output = gdoctor(&SHORT).args(["-o", &format!("/dev/fd/{number}")]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{number}: {output:?}");
        assert!(told(&output).contains(&format!("/dev/fd/{number}: ")), "{output:?}");
    }
    assert_eq!(scratch.names(), ["both"]);
}

/// The private map is no neighbour of a device.
#[test]
fn a_shared_report_on_standard_output_leaves_no_map_in_dev() {
    let maps =
        || fs::read_dir("/dev").unwrap().flatten().filter(|e| e.path().extension().is_some_and(|e| e == "map")).count();
    let before = maps();
    for arguments in
        [&["check", "--only", "host-clock", "--share", "-o", "/dev/stdout"][..], &["collect", "-o", "/dev/stdout"]]
    {
        let output = gdoctor(arguments).output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
    }
    assert_eq!(maps(), before);
}

#[test]
fn a_file_keeps_its_mode_and_its_owner() {
    let scratch = Scratch::new();
    let file = scratch.path("file");
    for way in all_ways(&file) {
        let _ = fs::remove_file(&file);
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
        // What is not redacted is for the user alone, and not written to a file of another's.
        let private = way.contains(&"none".to_owned());
        let owner = (!private && nix::unistd::geteuid().is_root()).then_some(Uid::from_raw(4244));
        chown(&file, owner, None).unwrap();
        let before = fs::metadata(&file).unwrap();
        run(&way);
        let after = fs::metadata(&file).unwrap();
        assert_ne!(fs::read_to_string(&file).unwrap(), "old", "{way:?}");
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()), "{way:?}");
        let mode = if private { 0o600 } else { 0o640 };
        assert_eq!(after.mode() & 0o7777, mode, "{way:?}");
        let map = fs::metadata(scratch.path("file.map")).map(|map| map.mode() & 0o777);
        assert!(map.is_err() || map.is_ok_and(|mode| mode == 0o600), "{way:?}");
    }
}

/// What the user may not write to is not replaced behind the back of its mode.
#[test]
fn a_file_that_is_not_the_users_is_left_alone() {
    if !is_root("the file of another user") {
        return;
    }
    let scratch = Scratch::new();
    fs::set_permissions(scratch.0.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let file = scratch.path("file");
    fs::write(&file, "old").unwrap();
    for mode in [0o644, 0o666] {
        fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        let copy = scratch.path("gdoctor");
        fs::copy(crate::binary(), &copy).unwrap();
        let output = std::process::Command::new("setpriv")
            .args(["--reuid", "4243", "--regid", "4243", "--clear-groups"])
            .arg(&copy)
            .args(SHORT)
            .arg("-o")
            .arg(&file)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!((fs::read_to_string(&file).unwrap(), fs::metadata(&file).unwrap().uid()), ("old".into(), 0));
        fs::remove_file(copy).unwrap();
    }
    assert_eq!(scratch.names(), ["file"]);
}

#[test]
fn links_are_followed_but_for_strangers_in_open_folders() {
    let scratch = Scratch::new();
    let (target, link) = (scratch.path("target"), scratch.path("link"));
    symlink("target", &link).unwrap();
    for way in all_ways(&link) {
        let _ = fs::remove_file(&target);
        run(&way);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "{way:?}");
        assert!(fs::metadata(&target).is_ok_and(|file| file.is_file()), "{way:?}: not through the link");
    }
    symlink("loop", scratch.path("loop")).unwrap();
    assert_eq!(write_to(&scratch.path("loop")).status.code(), Some(2));
    if !is_root("a link of another user") {
        return;
    }
    fs::write(&target, "precious").unwrap();
    let stranger = |path: &Path| {
        nix::unistd::fchownat(
            nix::fcntl::AT_FDCWD,
            path,
            Some(Uid::from_raw(4244)),
            None,
            nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW,
        )
        .unwrap()
    };
    for (name, mode, owner, followed) in [
        ("sticky", 0o1777, 0, false),
        ("group", 0o775, 0, false),
        ("theirs", 0o755, 4244, false),
        ("ours", 0o755, 0, true),
    ] {
        let folder = scratch.path(name);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, PermissionsExt::from_mode(mode)).unwrap();
        chown(&folder, Some(Uid::from_raw(owner)), None).unwrap();
        let (link, inner) = (folder.join("link"), folder.join("folder"));
        symlink(&target, &link).unwrap();
        symlink(scratch.0.path(), &inner).unwrap();
        stranger(&link);
        stranger(&inner);
        for path in [link, inner.join("target")] {
            let output = write_to(&path);
            assert_eq!(output.status.code(), Some(if followed { 0 } else { 2 }), "{name}: {output:?}");
            assert!(followed || told(&output).contains("a link of another user's"), "{name}: {output:?}");
            assert_eq!(fs::read_to_string(&target).unwrap() == "precious", !followed, "{name}");
            fs::write(&target, "precious").unwrap();
        }
    }
}

#[test]
fn a_first_file_is_never_over_another() {
    let scratch = Scratch::new();
    let file = scratch.path("gdoctor.toml");
    let init = || run(&["init", "--gpu", "-o", file.to_str().unwrap()].map(str::to_owned));
    assert!(init().status.success());
    fs::write(&file, "mine").unwrap();
    let output = init();
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("is there already"), "{output:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn every_refusal_names_its_path() {
    let scratch = Scratch::new();
    fs::write(scratch.path("file"), "").unwrap();
    for bad in ["", "missing/folder", "file/below"] {
        let path = scratch.path(bad);
        for way in all_ways(&path) {
            let output = run(&way);
            assert_eq!(output.status.code(), Some(2), "{way:?}: {output:?}");
            assert!(told(&output).contains(path.to_str().unwrap().trim_end_matches('/')), "{way:?}: {}", told(&output));
        }
    }
    // One that cannot be written keeps nothing from the others.
    let good = scratch.path("good");
    let outs = [format!("json={}", scratch.path("missing/x").display()), format!("json={}", good.display())];
    let output = gdoctor(&SHORT).args(["--out", &outs[0], "--out", &outs[1]]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(good.is_file() && String::from_utf8_lossy(&output.stdout).contains("add -v"), "{output:?}");
}

/// A limit on the size of files, reached in the midst of the report: an error that names the path, and what was there stays.
#[test]
fn a_limit_on_files_leaves_nothing_half() {
    let scratch = Scratch::new();
    let (old, new, summary) = (scratch.path("old"), scratch.path("new"), scratch.path("summary"));
    fs::write(&old, "precious").unwrap();
    fs::write(&summary, "before\n").unwrap();
    let limited = |arguments: &str| {
        let line = format!("ulimit -f 1; exec {} {arguments}", crate::binary().display());
        std::process::Command::new("bash").args(["-c", &line]).env("GITHUB_STEP_SUMMARY", &summary).output().unwrap()
    };
    for path in [&old, &new] {
        for way in [format!("check -v --format json -o {}", path.display()), format!("collect -o {}", path.display())] {
            let output = limited(&way);
            assert_eq!(output.status.code(), Some(2), "{way}: {output:?}");
            assert!(told(&output).contains(path.to_str().unwrap()), "{way}: {output:?}");
        }
    }
    let output = limited("check -v --format github");
    assert!(told(&output).contains("GITHUB_STEP_SUMMARY"), "{output:?}");
    assert_eq!(fs::read_to_string(&old).unwrap(), "precious");
    assert_eq!(fs::read_to_string(&summary).unwrap(), "before\n");
    assert_eq!(scratch.names(), ["old", "summary"]);
}

/// Killed at many moments, gdoctor leaves the old file or the new one, and no third. What a kill between two calls of the kernel
/// can leave beside a file that is replaced, the next run takes away.
#[test]
fn a_kill_at_any_moment_leaves_one_whole_file() {
    let scratch = Scratch::new();
    let facts = scratch.path("facts");
    assert!(
        gdoctor(&["collect", "--redact", "none", "--yes", "-o", facts.to_str().unwrap()])
            .output()
            .unwrap()
            .status
            .success()
    );
    let (old, new) = (scratch.path("old"), scratch.path("new"));
    let formats =
        ["json", "html", "text"].map(|f| [format!("{f}={}", new.display()), format!("{f}={}", old.display())]);
    let outs: Vec<&str> = formats.iter().flatten().flat_map(|out| ["--out", out.as_str()]).collect();
    let arguments = [&["check", "--facts", facts.to_str().unwrap()][..], &outs].concat();
    let started = Instant::now();
    assert!(gdoctor(&arguments).output().unwrap().status.code().is_some());
    let whole = started.elapsed();
    let ends = |text: &str| ["</html>\n", "}\n"].iter().any(|end| text.ends_with(end)) || text.contains("gdoctor -v\n");
    let (mut interrupted, mut left) = (0, 0);
    for turn in 0..150 {
        fs::write(&old, "old }\n").unwrap();
        let _ = fs::remove_file(&new);
        let mut child = gdoctor(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(whole * turn / 140);
        child.kill().unwrap();
        interrupted += usize::from(child.wait().unwrap().code().is_none());
        for file in [&old, &new] {
            let text = fs::read_to_string(file).unwrap_or_else(|_| "}\n".into());
            assert!(ends(&text), "{}: half a file: {:?}", file.display(), &text[text.len().saturating_sub(200)..]);
        }
        left += scratch.names().iter().filter(|name| name.starts_with('.')).count();
    }
    assert!(interrupted > 30, "only {interrupted} of 150 runs were still there to be killed");
    gdoctor(&arguments).output().unwrap();
    let names = scratch.names();
    assert_eq!(names, ["facts", "new", "old"], "after {left} leftovers in {interrupted} kills");
}

/// Two at the same place and time: one whole report stays, whichever.
#[test]
fn two_writers_leave_one_whole_file() {
    let scratch = Scratch::new();
    let file = scratch.path("report.json");
    for _ in 0..5 {
        let start =
            || gdoctor(&["check", "--only", "host", "--format", "json", "-o", file.to_str().unwrap()]).spawn().unwrap();
        let all = [start(), start(), start(), start()];
        for mut one in all {
            assert!(matches!(one.wait().unwrap().code(), Some(0 | 1 | 3)));
        }
        let report: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(report["format"], "gdoctor-report");
    }
    assert_eq!(scratch.names(), ["report.json"]);
}

/// Where the standard streams take nothing, gdoctor ends with an error and does not panic.
#[test]
fn a_full_terminal_is_no_panic() {
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = gdoctor(&SHORT).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(told(&output).contains("standard output"), "{output:?}");
    for arguments in [
        &["check", "-o", "/missing/x"][..],
        &["explain"],
        &["check", "--facts", "/missing"],
        &["check", "--", "docker", "run"],
    ] {
        let mut command = gdoctor(arguments);
        let status =
            command.stdout(Stdio::null()).stderr(full().as_fd().try_clone_to_owned().unwrap()).stdin(Stdio::null());
        assert!(matches!(status.status().unwrap().code(), Some(2 | 3)), "{arguments:?}");
    }
}

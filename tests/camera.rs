//! gdoctor against cameras: the real driver vivid in the lab's guest, which is booted once and broken in many ways, and a
//! driver that hangs, crashes or lies, by a preloaded double.
#![allow(clippy::disallowed_methods)]

mod part;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use part::proof::binary;
use part::{Part, Run, is_root, left_out, root, run};

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One guest for all, broken and mended by each in turn.
    arguments.test_threads = Some(1);
    let guest: &'static OnceLock<Option<Guest>> = Box::leak(Box::default());
    let in_guest = GUEST.iter().map(|(name, test)| {
        Trial::test(*name, move || {
            if let Some(guest) = guest.get_or_init(Guest::start) {
                test(guest);
            }
            Ok(())
        })
    });
    let by_double = DOUBLE.iter().map(|(name, test)| {
        Trial::test(*name, move || {
            test();
            Ok(())
        })
    });
    let outcome = libtest_mimic::run(&arguments, by_double.chain(in_guest).collect());
    if let Some(Some(guest)) = guest.get() {
        guest.part.call("stop", &[]);
    }
    outcome.exit_code()
}

type InGuest = (&'static str, fn(&Guest));

/// In this order; each but the last leaves the guest as it found it.
const GUEST: &[InGuest] = &[
    ("a healthy guest has no red line", healthy),
    ("nodes that are no cameras", other_nodes),
    ("paths that lead to no camera", wrong_paths),
    ("a user outside the group, then the printed fix", outside_the_group),
    ("an access control list helps on the host only", access_list),
    ("a node for root alone", root_alone),
    ("a container meets what was derived", containers),
    ("a camera that streams elsewhere", held),
    ("what pictures it offers", pictures),
    ("the test picture, saved", test_picture),
    ("the test picture in every format that is known", every_format),
    ("a stream that fails, by the driver's own means", no_stream),
    ("unplugged while it streams", unplugged_streaming),
    ("a folder where a node should be", folder),
    ("unplugged", unplugged),
    ("no driver module", no_module),
    ("a USB camera, with its driver and without", usb_camera),
];

const DOUBLE: &[(&str, fn())] = &[
    ("a camera that hangs costs its deadline", hangs),
    ("a node of another system is not opened", of_another_system),
    ("a driver that crashes, lies or never ends", misbehaves),
    ("a compressed picture is saved as it came", saves),
    ("a stream that fails says how", streams_badly),
];

/// A look without a deadline would take longer; a loaded machine does not.
const FOREVER: Duration = Duration::from_secs(60);

const ANY: [&str; 2] = ["--camera", "any"];

/// The binary's copy inside the guest.
const GDOCTOR: &str = "/tmp/gdoctor";

struct Guest {
    part: Part,
}

impl Guest {
    fn start() -> Option<Self> {
        let guest = Self { part: Part::start("camera", &[])? };
        // The way to this machine's files is slow, and every node is asked by a process of its own.
        guest.sh(&format!("cp {} {GDOCTOR}", binary()));
        Some(guest)
    }

    /// A shell line as root in the guest; what it prints. Panics when it fails.
    fn sh(&self, line: &str) -> String {
        let output = self.part.call("exec", &[line]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{line}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    fn gdoctor(&self, arguments: &[&str]) -> Run {
        self.gdoctor_as("root", arguments)
    }

    /// gdoctor's checks of cameras as this user, with the user's groups as a new login has them. The guest is emulated, so its
    /// deadline is long.
    fn gdoctor_as(&self, user: &str, arguments: &[&str]) -> Run {
        let line = format!(
            "cd /tmp; setpriv --reuid {user} --regid {user} --init-groups {GDOCTOR} --only camera --timeout 300s --format json {}",
            arguments.join(" ")
        );
        Run::read(&self.part.call("exec", &[&line]))
    }
}

fn camera(path: &str) -> [&str; 2] {
    ["--camera", path]
}

fn healthy(guest: &Guest) {
    let run = guest.gdoctor(&ANY);
    assert_eq!(run.told(), Vec::<String>::new());
    assert_eq!(run.of("camera-node"), ["pass camera-node/found /dev/video0"]);
    assert_eq!(run.of("camera-access"), ["pass camera-access/granted /dev/video0"]);
    assert_eq!(run.of("camera-busy"), ["pass camera-busy/free /dev/video0"]);
    assert_eq!(run.code, 0);
    assert_eq!(guest.gdoctor(&camera("vivid")).told(), Vec::<String>::new());
    let member = guest.gdoctor_as("labcam", &ANY);
    assert_eq!((member.told(), member.code), (vec![], 0));
    // Nobody asked, and /dev/video* is there: looked at all the same.
    assert_eq!(guest.gdoctor(&[]).of("camera-node"), ["pass camera-node/found /dev/video0"]);
}

fn other_nodes(guest: &Guest) {
    for (path, code, capture) in [
        ("/dev/video1", "camera-node/output-node", "/dev/video0"),
        ("/dev/video2", "camera-node/metadata-node", "/dev/video0"),
        ("/dev/video5", "camera-node/output-node", "/dev/video4"),
        ("/dev/video6", "camera-node/metadata-node", "/dev/video4"),
    ] {
        let run = guest.gdoctor(&camera(path));
        assert_eq!(run.told(), [format!("fail {code} {path}")]);
        assert!(run.fix(code)[0].contains(capture), "{:?}", run.fix(code));
        assert_eq!(run.code, 1);
    }
}

fn wrong_paths(guest: &Guest) {
    assert_eq!(guest.gdoctor(&camera("/dev/video77")).told(), ["fail camera-node/other-cameras /dev/video77"]);
    assert_eq!(guest.gdoctor(&camera("BRIO")).told(), ["fail camera-node/other-cameras BRIO"]);
    assert_eq!(guest.gdoctor(&camera("/dev/null")).told(), ["fail camera-node/not-a-camera /dev/null"]);
    let link = guest.sh("ls /dev/v4l/by-path/*-video-index0").trim().to_owned();
    let run = guest.gdoctor(&camera(&link));
    assert_eq!(run.told(), Vec::<String>::new());
    assert_eq!(run.of("camera-node"), [format!("pass camera-node/found {link}")]);
}

fn outside_the_group(guest: &Guest) {
    let run = guest.gdoctor_as("labuser", &ANY);
    assert_eq!(run.told(), ["warn camera-access/user-not-in-group /dev/video0"]);
    assert_eq!(run.of("camera-node"), ["pass camera-node/found /dev/video0"]);
    // udev wrote down nothing: one line all the same.
    guest.sh("mv /run/udev/data /run/udev/off");
    let blind = guest.gdoctor_as("labuser", &ANY);
    guest.sh("mv /run/udev/off /run/udev/data");
    assert_eq!(blind.told(), ["warn camera-access/user-not-in-group /dev/video0"]);

    let fix = run.fix("camera-access/user-not-in-group").join("; ").replace("sudo ", "");
    guest.sh(&fix);
    // A login from before the fix has its old groups.
    let before = format!(
        "setpriv --reuid labuser --regid labuser --clear-groups {} --only camera --camera any --timeout 300s --format json",
        GDOCTOR
    );
    let before = Run::read(&guest.part.call("exec", &[&before]));
    assert_eq!(before.told(), ["warn camera-access/login-older /dev/video0"]);
    let after = guest.gdoctor_as("labuser", &ANY);
    guest.sh("sed -i 's/^\\(video:.*\\),labuser$/\\1/' /etc/group");
    assert_eq!(after.told(), Vec::<String>::new());
}

fn access_list(guest: &Guest) {
    guest.sh("setfacl -m u:labuser:rw /dev/video0");
    let host = guest.gdoctor_as("labuser", &ANY);
    let inside = guest.gdoctor_as("labuser", &["--camera", "/dev/video0", "--container-user", "4242:4242"]);
    // What a container's node is: the same numbers, no list.
    guest.sh("mkdir -p /tmp/c && mknod -m 660 /tmp/c/video0 c 81 0 && chown root:video /tmp/c/video0");
    let alone = guest.part.call("exec", &["setpriv --reuid 4242 --regid 4242 --clear-groups test -w /tmp/c/video0"]);
    let group = guest.part.call("exec", &["setpriv --reuid 4242 --regid 4242 --groups 44 test -w /tmp/c/video0"]);
    guest.sh("setfacl -b /dev/video0; rm -r /tmp/c");
    assert_eq!(host.told(), Vec::<String>::new());
    assert_eq!(inside.told(), ["warn camera-access/needs-group /dev/video0"]);
    assert!(inside.fix("camera-access/needs-group")[0].contains("--group-add 44"));
    assert_eq!((alone.status.success(), group.status.success()), (false, true), "what was derived is what happens");
}

fn root_alone(guest: &Guest) {
    guest.sh("chmod 600 /dev/video0");
    let member = guest.gdoctor_as("labcam", &camera("/dev/video0"));
    let inside = guest.gdoctor(&["--camera", "/dev/video0", "--container-user", "1000"]);
    guest.sh("chmod 660 /dev/video0");
    assert_eq!(member.told(), ["warn camera-access/user-shut-out /dev/video0"]);
    assert_eq!(inside.told(), ["fail camera-access/closed /dev/video0"]);
}

/// A real dockerd in the guest: for every user, what gdoctor says of the container and what the container then meets.
fn containers(guest: &Guest) {
    let docker = format!("{} start /tmp/docker", root().join("tests/lab/docker").display());
    let started = guest.part.call("exec", &[&docker]);
    if started.status.code() == Some(77) {
        return left_out(&format!("camera: containers: {}", String::from_utf8_lossy(&started.stderr).trim()));
    }
    // The first of the variables that it prints is DOCKER_HOST.
    let daemon = String::from_utf8_lossy(&started.stdout).lines().next().unwrap_or_default().to_owned();
    assert!(started.status.success(), "{daemon}{}", String::from_utf8_lossy(&started.stderr));
    guest.sh(&format!("{} import /tmp/docker", root().join("tests/lab/docker").display()));
    let opens = |options: &str| {
        let line =
            format!("{daemon} docker run --rm --network none {options} lab/busybox:1 sh -c ': <>/dev/video0' 2>&1");
        String::from_utf8_lossy(&guest.part.call("exec", &[&line]).stdout).trim().to_owned()
    };
    let derived = |user: &str| {
        let run = guest.gdoctor(&["--camera", "/dev/video0", "--container-user", user]);
        run.of("camera-access").concat()
    };
    for (user, says, meets) in [
        ("0:0", "pass camera-access/granted /dev/video0", ""),
        ("1000:1000", "warn camera-access/needs-group /dev/video0", "Permission denied"),
        ("1000:44", "pass camera-access/granted /dev/video0", ""),
    ] {
        assert_eq!(derived(user), says);
        let met = opens(&format!("--user {user} --device /dev/video0"));
        assert!(met.ends_with(meets) && met.is_empty() == meets.is_empty(), "{user}: {met:?}");
    }
    // The fix's group, and a stable name that leads to the node.
    assert_eq!(opens("--user 1000:1000 --device /dev/video0 --group-add 44"), "");
    assert_eq!(opens("--device \"$(ls /dev/v4l/by-path/*-video-index0)\":/dev/video0"), "");
    guest.sh("chmod 600 /dev/video0");
    let (says, met) = (derived("1000:44"), opens("--user 1000:44 --device /dev/video0"));
    guest.sh("chmod 660 /dev/video0");
    assert_eq!(says, "fail camera-access/closed /dev/video0");
    assert!(met.ends_with("Permission denied"), "{met:?}");
    // What device-cgroup says of a node that came by -v.
    assert!(opens("-v /dev/video0:/dev/video0").ends_with("Operation not permitted"));
    guest.sh(&format!("{} stop /tmp/docker", root().join("tests/lab/docker").display()));
}

fn held(guest: &Guest) {
    guest.sh(
        "(setsid v4l2-ctl -d /dev/video0 --stream-mmap </dev/null >/dev/null 2>&1 & echo $! >/tmp/holder); \
         for i in $(seq 600); do v4l2-ctl -d /dev/video0 --set-fmt-video=width=320 2>&1 | grep -q busy && break; sleep 0.1; done",
    );
    let run = guest.gdoctor(&camera("/dev/video0"));
    let other = guest.gdoctor(&ANY);
    let unseen = guest.gdoctor_as("labcam", &camera("/dev/video0"));
    // The printed fix names the process and ends it.
    let fix = run.fix("camera-busy/held");
    let end = fix.iter().find(|line| line.starts_with("kill ")).cloned().unwrap_or_default();
    guest.sh(&format!(
        "{end}; for i in $(seq 600); do kill -0 $(cat /tmp/holder) 2>/dev/null || break; sleep 0.1; done"
    ));
    assert_eq!(run.told(), ["fail camera-busy/held /dev/video0"]);
    assert!(run.report.to_string().contains("v4l2-ctl (process "), "{}", run.report);
    assert_eq!(other.of("camera-busy"), ["pass camera-busy/free /dev/video4"]);
    assert_eq!(unseen.told(), ["fail camera-busy/held-unseen /dev/video0"]);
    assert_eq!(guest.gdoctor(&camera("/dev/video0")).told(), Vec::<String>::new());

    // Open is not held.
    guest.sh("(setsid sleep 60 3<>/dev/video0 >/dev/null 2>&1 & echo $! >/tmp/holder)");
    let open = guest.gdoctor(&camera("/dev/video0"));
    guest.sh("kill $(cat /tmp/holder)");
    assert_eq!(open.told(), Vec::<String>::new());
}

fn pictures(guest: &Guest) {
    let ask = |format: &[&str]| guest.gdoctor(&[&camera("/dev/video0"), format].concat()).of("camera-format");
    assert_eq!(
        ask(&["--camera-format", "YUYV", "--camera-size", "1280x720"]),
        ["pass camera-format/offered /dev/video0"]
    );
    assert_eq!(ask(&["--camera-format", "H264"]), ["fail camera-format/format-not-offered /dev/video0"]);
    assert_eq!(ask(&["--camera-size", "123x45"]), ["fail camera-format/size-not-offered /dev/video0"]);
    assert_eq!(ask(&["--camera-size", "1920x1080@500"]), ["fail camera-format/too-slow /dev/video0"]);
}

/// The eight bars of vivid's first test picture, at three quarters of full colour.
const BARS: [[u8; 3]; 8] =
    [[191, 191, 191], [191, 191, 0], [0, 191, 191], [0, 191, 0], [191, 0, 191], [191, 0, 0], [0, 0, 191], [0, 0, 0]];

/// The middle of each bar, below the text that vivid writes on top: what a person would see.
fn bars(file: &Path) -> Vec<[u8; 3]> {
    let file = std::fs::File::open(file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut pixels).expect("a whole PNG");
    let (width, height) = (info.width as usize, info.height as usize);
    let at = |bar: usize| (height * 9 / 10 * width + (bar * 2 + 1) * width / 16) * 3;
    (0..8).map(|bar| [pixels[at(bar)], pixels[at(bar) + 1], pixels[at(bar) + 2]]).collect()
}

fn show_bars(file: &Path, tolerance: u8) {
    let seen = bars(file);
    let near = |(one, other): (&u8, &u8)| one.abs_diff(*other) <= tolerance;
    let same = seen.iter().flatten().zip(BARS.iter().flatten()).all(near);
    assert!(same, "{}: {seen:?}", file.display());
}

fn test_picture(guest: &Guest) {
    let folder = guest.part.path().join("mail/pictures");
    // Nobody names a camera: a picture of each, to see which is which.
    let run = guest.gdoctor(&["--frame", "--frame-dir", "/run/mail/pictures"]);
    assert_eq!((run.told(), run.code), (vec![], 0));
    let saved = ["pass camera-frame/saved /dev/video0", "pass camera-frame/saved /dev/video4"];
    assert_eq!(run.of("camera-frame"), saved);
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("it").map(|file| file.expect("it").path()).collect();
    names.sort();
    // Both devices have one stable name; udev gives it to the second.
    let link = guest.sh("ls /dev/v4l/by-path/ | grep video-index0").trim().to_owned();
    assert_eq!(names, [folder.join(link + ".png"), folder.join("video0.png")]);
    names.iter().for_each(|file| show_bars(file, 6));
    // The size that is asked for, of one camera; the first pictures stay, and the camera keeps its format.
    let before = guest.sh("v4l2-ctl -d /dev/video0 --get-fmt-video");
    let small = guest.gdoctor(&[
        "--camera",
        "/dev/video0",
        "--camera-format",
        "NV12",
        "--camera-size",
        "320x180",
        "--frame",
        "--frame-dir",
        "/run/mail/pictures",
    ]);
    assert_eq!(small.of("camera-frame"), ["pass camera-frame/saved /dev/video0"]);
    assert!(small.report.to_string().contains("delivers NV12 320x180"), "{}", small.report);
    show_bars(&folder.join("video0-2.png"), 6);
    assert_eq!(guest.sh("v4l2-ctl -d /dev/video0 --get-fmt-video"), before);
}

fn every_format(guest: &Guest) {
    const COLOURS: [&str; 23] = [
        "YUYV", "UYVY", "YVYU", "VYUY", "422P", "YU12", "YV12", "NV12", "NV21", "NV16", "NV61", "RGB3", "BGR3", "RGB4",
        "BGR4", "BX24", "XR24", "BA24", "AR24", "XB24", "AB24", "RX24", "RA24",
    ];
    const GREYS: [&str; 4] = ["GREY", "Y10", "Y12", "Y16"];
    let all = [&COLOURS[..], &GREYS, &["RGBP"]].concat();
    // The child alone: a run of gdoctor asks all eight nodes each time.
    let said = guest.sh(&format!(
        "for f in {}; do {GDOCTOR} __probe frame /dev/video0 /run/mail/$f.png 5000 $f 320 180 0; done",
        all.join(" ")
    ));
    assert_eq!(said.matches("\"done\"").count(), all.len(), "{said}");
    let file = |name: &str| guest.part.path().join("mail").join(format!("{name}.png"));
    COLOURS.iter().for_each(|name| show_bars(&file(name), 8));
    // Five bits of red and blue.
    show_bars(&file("RGBP"), 12);
    for name in GREYS {
        let light: Vec<u8> = bars(&file(name)).iter().map(|[grey, ..]| *grey).collect();
        assert!(light.is_sorted_by(|one, next| one > next), "{name}: {light:?}");
    }
}

/// vivid can be told to fail as cameras do.
fn no_stream(guest: &Guest) {
    let frame = |control: &str| {
        guest.sh(&format!("v4l2-ctl -d /dev/video0 -c {control}"));
        let run = guest.gdoctor(&["--camera", "/dev/video0", "--frame"]);
        guest.sh("v4l2-ctl -d /dev/video0 -c percentage_of_dropped_buffers=0");
        run
    };
    assert_eq!(frame("percentage_of_dropped_buffers=100").told(), ["fail camera-frame/silent /dev/video0"]);
    assert_eq!(frame("inject_vidioc_streamon_error=1").told(), ["fail camera-frame/refused /dev/video0"]);
    // The mistake is over: the next stream works.
    assert_eq!(guest.gdoctor(&["--camera", "/dev/video0", "--frame"]).told(), Vec::<String>::new());
}

fn unplugged_streaming(guest: &Guest) {
    // Without pictures the stream stays in its first second until the device goes.
    guest.sh("v4l2-ctl -d /dev/video0 -c percentage_of_dropped_buffers=100");
    guest.sh(
        "(until fuser -s /dev/video0 && v4l2-ctl -d /dev/video0 --set-fmt-video=width=320 2>&1 | grep -q busy; do :; done; \
          echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind) >/dev/null 2>&1 &",
    );
    let run = guest.gdoctor(&["--camera", "/dev/video0", "--frame"]);
    guest.sh("echo vivid.0 >/sys/bus/platform/drivers/vivid/bind; udevadm settle");
    assert_eq!(run.told(), ["fail camera-frame/gone /dev/video0"]);
    assert_eq!(guest.gdoctor(&ANY).told(), Vec::<String>::new());
}

fn folder(guest: &Guest) {
    guest.sh("mkdir /dev/video9");
    let run = guest.gdoctor(&camera("/dev/video9"));
    assert_eq!(run.told(), ["fail camera-node/folder /dev/video9"]);
    guest.sh(&run.fix("camera-node/folder").join("; ").replace("sudo ", ""));
    assert_eq!(guest.gdoctor(&ANY).told(), Vec::<String>::new());
}

fn unplugged(guest: &Guest) {
    guest.sh("echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind; udevadm settle");
    let run = guest.gdoctor(&camera("/dev/video0"));
    guest.sh("echo vivid.0 >/sys/bus/platform/drivers/vivid/bind; udevadm settle");
    assert_eq!(run.told(), ["fail camera-node/no-camera /dev/video0"]);
    assert_eq!(guest.gdoctor(&ANY).told(), Vec::<String>::new());
}

fn no_module(guest: &Guest) {
    guest.sh("modprobe -r vivid; udevadm settle");
    let asked = guest.gdoctor(&ANY);
    let nobody = guest.gdoctor(&[]);
    // Somebody wants a camera made by software, and this kernel has no module for it.
    guest.sh("mkdir -p /etc/modules-load.d; echo v4l2loopback >/etc/modules-load.d/lab.conf");
    let loopback = guest.gdoctor(&ANY);
    guest.sh("rm /etc/modules-load.d/lab.conf; modprobe vivid n_devs=2; udevadm settle");
    assert_eq!(loopback.told(), ["fail camera-node/loopback-not-built any camera"]);
    assert_eq!(asked.told(), ["fail camera-node/no-camera any camera"]);
    assert_eq!(nobody.of("camera-node"), ["skip camera-node/not-needed"]);
}

/// uvcvideo itself, and a camera made of the gadget framework and USB/IP: see tests/doubles/usb_camera.sh.
fn usb_camera(guest: &Guest) {
    let double = |file: &str| root().join("tests/doubles").join(file);
    let program = guest.part.path().join("mail/uvc_gadget");
    let built = Command::new("cc").arg("-o").arg(program).arg(double("uvc_gadget.c")).status();
    if !built.is_ok_and(|status| status.success()) {
        return left_out("camera: cc could not build the USB camera's program");
    }
    let script = double("usb_camera.sh");
    guest.sh("modprobe -r vivid");
    guest.sh(&format!(
        "{} /run/mail/uvc_gadget >/tmp/camera.log 2>&1 || {{ cat /tmp/camera.log; false; }}",
        script.display()
    ));
    guest.sh("for i in $(seq 600); do [ -e /dev/v4l/by-id/*-video-index0 ] && break; sleep 0.1; done; udevadm settle");
    let link = guest.sh("ls /dev/v4l/by-id/*-video-index0").trim().to_owned();

    let run = guest.gdoctor(&["--camera", "'lab camera'", "--camera-format", "mjpeg", "--camera-size", "640x480@30"]);
    let [warning] = run.told().try_into().expect("one line");
    let path = warning.strip_prefix("warn camera-node/over-usbip ").expect("USB/IP is told").to_owned();
    assert_eq!(run.of("camera-format"), [format!("pass camera-format/offered {path}")]);
    // The recommendation is the name that stays.
    assert!(run.report.to_string().contains(&format!("--device {link}:{path}")), "{}", run.report);
    let second = guest.sh("readlink -f /dev/v4l/by-id/*-video-index1").trim().to_owned();
    let metadata = guest.gdoctor(&camera(&second));
    assert_eq!(metadata.told(), [format!("fail camera-node/metadata-node {second}")]);
    assert!(metadata.fix("camera-node/metadata-node")[0].contains(&path));

    guest.sh("modprobe -r uvcvideo; udevadm settle");
    let unloaded = guest.gdoctor(&ANY);
    assert_eq!(unloaded.told(), ["fail camera-node/driver-not-loaded any camera"]);
    guest.sh("echo 'blacklist uvcvideo' >/etc/modprobe.d/lab.conf");
    let forbidden = guest.gdoctor(&ANY);
    assert_eq!(forbidden.told(), ["fail camera-node/driver-forbidden any camera"]);
    guest.sh(&forbidden.fix("camera-node/driver-forbidden").join("; ").replace("sudo ", ""));
    guest.sh("for i in $(seq 600); do [ -e /dev/v4l/by-id/*-video-index0 ] && break; sleep 0.1; done; udevadm settle");
    assert_eq!(guest.gdoctor(&ANY).told(), [warning]);
    assert_eq!(guest.sh("cat /etc/modprobe.d/lab.conf").trim(), "#blacklist uvcvideo");

    // A kernel whose folder of modules an update has taken away.
    guest.sh("modprobe -r uvcvideo; umount -l /lib/modules/$(uname -r); rmdir /lib/modules/$(uname -r)");
    assert_eq!(guest.gdoctor(&ANY).told(), ["fail camera-node/reboot-pending any camera"]);
}

const BOOT: &str = "proc/sys/kernel/random/boot_id";

/// A root whose one video node is answered for by tests/doubles/v4l2.c.
struct Double {
    root: tempfile::TempDir,
    library: PathBuf,
}

impl Double {
    fn new() -> Option<Self> {
        if !is_root("camera double: making a device node") {
            return None;
        }
        let root_dir = tempfile::tempdir().expect("a folder");
        let node = root_dir.path().join("dev/video0");
        std::fs::create_dir(root_dir.path().join("dev")).expect("a folder");
        // By its boot id this is the machine's own root, seen from elsewhere: its devices are this kernel's.
        std::fs::create_dir_all(root_dir.path().join(BOOT).parent().expect("a folder")).expect("a folder");
        std::fs::copy(Path::new("/").join(BOOT), root_dir.path().join(BOOT)).expect("a boot id");
        let library = root_dir.path().join("v4l2.so");
        let source = root().join("tests/doubles/v4l2.c");
        let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
        if !built.is_ok_and(|status| status.success()) {
            left_out("camera double: cc could not build it");
            return None;
        }
        let made = Command::new("mknod").arg(&node).args(["c", "81", "0"]).status();
        if !made.is_ok_and(|status| status.success()) {
            left_out("camera double: mknod is not allowed here");
            return None;
        }
        Some(Self { root: root_dir, library })
    }

    fn gdoctor(&self, does: &str, arguments: &[&str]) -> (Run, Duration) {
        self.look(does, "5s", &[], arguments)
    }

    /// A camera that streams tests/doubles/bars.jpg, told in these words.
    fn streams(&self, does: &str, arguments: &[&str]) -> (Run, Duration) {
        let picture = root().join("tests/doubles/bars.jpg");
        let picture = picture.to_str().expect("UTF-8");
        self.look(does, "10s", &[("DOUBLE_PICTURE", picture)], &[&["--frame"], arguments].concat())
    }

    fn look(&self, does: &str, timeout: &str, env: &[(&str, &str)], arguments: &[&str]) -> (Run, Duration) {
        let more = env;
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let node = text(&self.root.path().join("dev/video0"));
        let env = [("LD_PRELOAD", text(&self.library)), ("DOUBLE_NODE", node), ("DOUBLE_DOES", does.to_owned())];
        let env: Vec<(&str, &str)> =
            env.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()).collect();
        let place = text(self.root.path());
        let fixed = ["--only", "camera", "--root", &place, "--timeout", timeout, "--camera", "/dev/video0"];
        let started = Instant::now();
        let run = run(Command::new(env!("CARGO_BIN_EXE_gdoctor")), &[&fixed, arguments].concat(), &env);
        (run, started.elapsed())
    }
}

fn hangs() {
    let Some(double) = Double::new() else { return };
    for does in ["hang-open", "hang"] {
        let (run, took) = double.gdoctor(does, &[]);
        assert_eq!(run.told(), ["unknown camera-node/unknown /dev/video0"], "{does}");
        assert!(run.report.to_string().contains("no answer within the deadline"), "{}", run.report);
        assert!(took < FOREVER, "{does} took {took:?}");
        assert_eq!(run.code, 3);
    }
    // What was said before the hang is kept.
    let (run, _) = double.gdoctor("hang-formats", &["--camera-format", "MJPG"]);
    assert_eq!(run.of("camera-node"), ["pass camera-node/found /dev/video0"]);
    assert_eq!(run.of("camera-busy"), ["pass camera-busy/free /dev/video0"]);
    assert_eq!(run.told(), ["unknown camera-format/unknown /dev/video0"]);
}

/// The kernel that runs here has another device by that number, or none.
fn of_another_system() {
    let Some(double) = Double::new() else { return };
    std::fs::write(double.root.path().join(BOOT), "0b9f6f8e-0000-4000-8000-000000000000\n").expect("a boot id");
    let (run, _) = double.gdoctor("odd-name", &[]);
    assert_eq!(run.told(), ["unknown camera-node/unknown /dev/video0"]);
    assert!(run.report.to_string().contains("--root names another system's files"), "{}", run.report);
}

fn misbehaves() {
    let Some(double) = Double::new() else { return };
    let (run, _) = double.gdoctor("odd-name", &[]);
    assert_eq!(run.told(), Vec::<String>::new());
    let text = run.report.to_string();
    assert!(text.contains("Caf\u{fffd}") && !text.contains("\\u001b"), "{text}");

    let (run, _) = double.gdoctor("abort", &[]);
    assert_eq!(run.told(), ["unknown camera-node/unknown /dev/video0"]);
    assert!(run.report.to_string().contains("the look itself crashed (SIGABRT)"), "{}", run.report);

    let (run, took) = double.gdoctor("endless", &["--camera-format", "MJPG"]);
    assert_eq!(run.told(), Vec::<String>::new());
    assert!(took < FOREVER, "{took:?}");
}

fn saves() {
    let Some(double) = Double::new() else { return };
    let bars = std::fs::read(root().join("tests/doubles/bars.jpg")).expect("the picture");
    let folder = double.root.path().join("made/for it");
    let here = folder.to_str().expect("UTF-8");
    let facts = double.root.path().join("facts");
    let recording = format!("facts={}", facts.display());
    for file in ["video0.jpg", "video0-2.jpg"] {
        let (run, _) = double.streams("stream", &["--frame-dir", here, "--out", &recording]);
        assert_eq!(run.told(), Vec::<String>::new());
        assert_eq!(run.of("camera-frame"), ["pass camera-frame/saved /dev/video0"]);
        assert!(run.report.to_string().contains("MJPG 64x48"), "{}", run.report);
        let saved = folder.join(file);
        let named = saved.to_str().expect("UTF-8");
        assert!(run.report["results"].as_array().is_some_and(|all| all.iter().any(|r| r["picture"] == named)));
        assert_eq!(std::fs::read(&saved).expect("the picture"), bars);
    }
    assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 2, "nothing half is left");
    // What is recorded tells of the picture and has nothing of it.
    let recorded = std::fs::read_to_string(&facts).expect("the recording");
    let recorded: serde_json::Value = serde_json::from_str(&recorded).expect("JSON");
    let streamed = &recorded["facts"]["frame"]["cameras"]["/dev/video0"];
    assert_eq!(streamed["first"]["is"].as_object().map(|first| first.contains_key("after")), Some(true), "{streamed}");
    let keys: Vec<&String> = streamed["picture"]["is"].as_object().expect("a picture").keys().collect();
    assert_eq!(keys, ["file", "kind"]);

    let (run, _) = double.streams("stream", &[]);
    assert_eq!(run.of("camera-frame"), ["pass camera-frame/delivers /dev/video0"]);
    let refused =
        Command::new(env!("CARGO_BIN_EXE_gdoctor")).args(["--frame", "--frame-dir", "/proc/nowhere"]).output();
    assert_eq!(refused.expect("gdoctor starts").status.code(), Some(2));
}

fn streams_badly() {
    let Some(double) = Double::new() else { return };
    for (does, told) in [
        ("silent", "fail camera-frame/silent /dev/video0"),
        ("stops", "fail camera-frame/stops /dev/video0"),
        ("damaged", "fail camera-frame/damaged /dev/video0"),
        ("gone", "fail camera-frame/gone /dev/video0"),
        ("no-bandwidth", "fail camera-frame/no-bandwidth /dev/video0"),
        ("taken", "fail camera-frame/taken /dev/video0"),
        ("refused", "fail camera-frame/refused /dev/video0"),
        ("hang-stream", "unknown camera-frame/unknown /dev/video0"),
    ] {
        let (run, took) = double.streams(does, &[]);
        assert_eq!(run.told(), [told], "{does}");
        assert!(took < FOREVER, "{does} took {took:?}");
    }
}

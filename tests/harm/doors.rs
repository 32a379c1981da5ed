//! A whole run as root under strace: it writes, starts and connects to nothing that docs/privacy.md does not name.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{binary, is_root, left_out};

/// Calls that change a file system, a process or the machine. A whole run makes none that succeeds.
const CHANGES: &str = "creat,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,chmod,fchmod,\
    fchmodat,chown,fchown,lchown,fchownat,truncate,ftruncate,fallocate,mknod,mknodat,utimensat,setxattr,lsetxattr,fsetxattr,removexattr,\
    mount,umount2,move_mount,pivot_root,chroot,setns,unshare,init_module,finit_module,delete_module,bpf,ptrace,reboot,swapon,swapoff,\
    sethostname,setdomainname,settimeofday,clock_settime,adjtimex,clock_adjtime,kexec_load,quotactl,setuid,setgid,setresuid,setresgid";

/// The words in backticks of the page's section.
fn named() -> BTreeSet<&'static str> {
    let text = include_str!("../../docs/privacy.md");
    let section = text.split("\n## ").find(|section| section.starts_with("What it opens and starts")).unwrap();
    section.split('`').skip(1).step_by(2).collect()
}

/// What one call says in double quotes.
fn quoted(call: &str) -> &str {
    call.split('"').nth(1).unwrap_or_default()
}

#[test]
fn a_whole_run_opens_only_what_the_page_names() {
    if !is_root("strace of a run as root") {
        return;
    }
    let trace = tempfile::NamedTempFile::new().unwrap();
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = registry.local_addr().unwrap().port();
    let calls = format!("trace=execve,execveat,connect,bind,open,openat,openat2,kill,tkill,tgkill,{CHANGES}");
    let strace = Command::new("strace")
        .args(["-f", "-qq", "-s", "4096", "-e", &calls, "-o"])
        .arg(trace.path())
        .arg(binary())
        .args([
            "check",
            "--gpu",
            "--capability",
            "all",
            "--display",
            "--camera",
            "any",
            "--disk",
            "1GiB",
            "--timeout",
            "5s",
        ])
        .args(["--port", "18080", "--registry", &format!("localhost:{port}")])
        .env("DISPLAY", ":77")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match strace {
        Ok(status) if matches!(status.code(), Some(0 | 1 | 3)) => {}
        other => return left_out(&format!("strace does not run here: {other:?}")),
    }
    let text = std::fs::read_to_string(trace.path()).unwrap();
    let found: Vec<String> = text.lines().filter_map(|line| objection(line, port)).collect();
    assert!(text.contains("execve(") && text.contains("connect("), "the trace shows nothing");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// gdoctor as its own child.
fn itself(program: &str) -> bool {
    program == "/proc/self/exe" || Path::new(program) == binary()
}

/// What one call did that is not named; `None` for all that is.
fn objection(line: &str, registry: u16) -> Option<String> {
    let (_, call) = line.split_once(' ')?;
    let call = call.trim_start();
    // The end of a call that was begun on another line, or the end of a process.
    let (name, arguments) = call.split_once('(').filter(|(name, _)| !name.contains(' '))?;
    let failed = call.contains(") = -1 ");
    let text = quoted(arguments);
    let file = Path::new(text).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let fine = match name {
        "execve" | "execveat" => failed || itself(text) || named().contains(file.as_str()),
        "connect" if arguments.contains("AF_UNIX") => {
            let screen = arguments.contains("/tmp/.X11-unix/X77");
            screen || named().contains(text) || named().contains(file.as_str())
        }
        "connect" => {
            let to = |port: u16| arguments.contains(&format!("htons({port})"));
            let here = arguments.contains("\"127.0.0.1\"") || arguments.contains("\"::1\"");
            // The resolver: a name server, or a try which of several addresses has a route (port 0).
            to(53) || (here && (to(registry) || to(0) || to(6077))) || arguments.contains("AF_UNSPEC")
        }
        "bind" => {
            // Port 0 of the loopback address tells whether there is IPv6.
            let try_of_ipv6 = arguments.contains("htons(0)") && arguments.contains("\"::1\"");
            let wanted = arguments.contains("htons(18080)");
            wanted || try_of_ipv6 || ["AF_NETLINK", "AF_UNIX"].iter().any(|family| arguments.contains(family))
        }
        "open" | "openat" | "openat2" => {
            let writes =
                ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"].iter().any(|flag| arguments.contains(flag));
            let device =
                ["/dev/null", "/dev/tty", "/dev/nvidia", "/dev/video"].iter().any(|path| text.starts_with(path));
            !writes || device
        }
        // Its own children, at a deadline.
        "kill" | "tkill" | "tgkill" => arguments.contains("SIGKILL") || arguments.contains("SIGABRT"),
        _ => failed,
    };
    (!fine).then(|| line.to_owned())
}

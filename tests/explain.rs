//! `gdoctor explain`: every reported symptom leads to its cause, whatever wraps it; what nobody knows is said to be unknown.
#![allow(clippy::disallowed_methods)]

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gdoctor::explain::entries::entries;
use gdoctor::explain::find::{Finder, Search};
use gdoctor::explain::rank::{Answer, rank};
use gdoctor::judge::judge_all;
use gdoctor::policy::FailOn;
use gdoctor::report::{self, Frame, Report};
use gdoctor_checks::ALL;
use gdoctor_checks::notes::NOTES;
use serde::Deserialize;
use table::{Case, Table, line_of};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[derive(Deserialize)]
struct Reports {
    report: Vec<Reported>,
}

#[derive(Deserialize)]
struct Reported {
    id: String,
    said: Vec<String>,
}

#[derive(Deserialize)]
struct Texts {
    case: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    text: String,
    code: String,
    #[serde(default)]
    corpus: Vec<String>,
}

fn reports() -> Vec<Reported> {
    let text = fs::read_to_string(root().join("tests/explain.toml")).unwrap();
    toml::from_str::<Reports>(&text).unwrap().report
}

/// The texts of every note, with the note's id.
fn texts() -> Vec<(&'static str, Text)> {
    NOTES
        .iter()
        .flat_map(|note| {
            let path = root().join(format!("checks/notes/{}/cases.toml", note.id.replace('-', "_")));
            let text = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            let texts: Texts = toml::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
            texts.case.into_iter().map(|text| (note.id, text))
        })
        .collect()
}

/// The codes that a row stands for: what it expects to fail, warn or stay unknown; where it expects only good, that.
fn codes_of(case: &Case, check: Option<&str>) -> BTreeSet<String> {
    let words = |line: &String| -> Option<(String, String)> {
        let mut words = line.split(' ');
        let id = check.map(str::to_owned).or_else(|| words.next().map(str::to_owned))?;
        Some((words.next()?.to_owned(), format!("{id}/{}", words.next()?)))
    };
    let all: Vec<(String, String)> = case.expect.iter().filter_map(words).collect();
    let bad: BTreeSet<String> =
        all.iter().filter(|(status, _)| status == "fail" || status == "warn").map(|(_, code)| code.clone()).collect();
    if bad.is_empty() { all.into_iter().map(|(_, code)| code).collect() } else { bad }
}

/// Every row of every table, with the check it belongs to.
fn rows() -> Vec<(Option<&'static str>, Case)> {
    let checks = ALL.iter().flat_map(|check| {
        let path = format!("checks/{}/cases.toml", check.folder());
        Table::read(&path).cases.into_iter().map(|case| (Some(check.id), case))
    });
    let hosts = table::host_files().into_iter().flat_map(|path| Table::read(&path).cases).map(|case| (None, case));
    checks.chain(hosts).collect()
}

/// Reported failure → the codes that stand for it.
fn homes() -> BTreeMap<String, BTreeSet<String>> {
    let mut homes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (check, case) in rows() {
        for id in &case.corpus {
            homes.entry(id.clone()).or_default().extend(codes_of(&case, check));
        }
    }
    for (note, text) in texts() {
        for id in text.corpus {
            homes.entry(id).or_default().insert(format!("{note}/{}", text.code));
        }
    }
    homes
}

fn names(search: &Search) -> Vec<String> {
    search.found.iter().map(|found| found.entry.name()).collect()
}

fn ranked(search: Search, report: &Report) -> Vec<String> {
    let name = |answer: &Answer| answer.found.entry.name();
    rank(search.found, Some(report)).iter().map(name).collect()
}

#[test]
fn every_reported_symptom_names_its_cause() {
    let (finder, homes) = (Finder::new(), homes());
    let (mut met, mut missed, mut homeless) = (0, Vec::new(), Vec::new());
    for Reported { id, said } in reports() {
        let Some(home) = homes.get(&id) else {
            homeless.push(id);
            continue;
        };
        for text in said {
            let found = names(&finder.search(text.as_bytes()));
            if found.iter().any(|name| home.contains(name)) {
                met += 1;
            } else {
                missed.push(format!("{id}: {text:?}\n    home  {home:?}\n    found {found:?}"));
            }
        }
    }
    let all = met + missed.len();
    println!("{met} of {all} symptoms; without a code yet: {} {homeless:?}", homeless.len());
    assert!(missed.len() * 10 <= all, "{met} of {all}\n{}", missed.join("\n"));
}

/// How users of other versions, programs and languages met the same failures; and what is no failure that anybody here knows.
#[derive(Deserialize)]
struct Wordings {
    /// The best answer without a look at the host must be one of `codes` (a check's id stands for all its codes).
    said: Vec<Wording>,
    /// To these nobody may have an answer.
    unknown: Vec<String>,
}

#[derive(Deserialize)]
struct Wording {
    text: String,
    codes: Vec<String>,
}

#[test]
fn other_wordings_lead_to_the_cause() {
    let finder = Finder::new();
    let text = fs::read_to_string(root().join("tests/wordings.toml")).unwrap();
    let wordings: Wordings = toml::from_str(&text).unwrap();
    let names_of: BTreeSet<String> = entries().iter().flat_map(|e| [e.id.to_owned(), e.name()]).collect();
    let (mut first, mut found, mut missed) = (0, 0, Vec::new());
    for Wording { text, codes } in &wordings.said {
        codes.iter().for_each(|code| assert!(names_of.contains(code), "{code} is no code"));
        let fits = |name: &String| codes.iter().any(|c| c == name || name.starts_with(&format!("{c}/")));
        let answers: Vec<String> =
            rank(finder.search(text.as_bytes()).found, None).iter().map(|a| a.found.entry.name()).collect();
        first += usize::from(answers.first().is_some_and(fits));
        found += usize::from(answers.iter().any(fits));
        if !answers.first().is_some_and(fits) {
            missed.push(format!("{text:?}\n    want  {codes:?}\n    found {answers:?}"));
        }
    }
    let all = wordings.said.len();
    println!("{first} of {all} first, {found} found");
    assert!(first * 100 >= all * 92 && found * 100 >= all * 95, "{first}, {found} of {all}\n{}", missed.join("\n"));
    let wrong: Vec<&String> =
        wordings.unknown.iter().filter(|text| !finder.search(text.as_bytes()).found.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Where a row has the facts of a reported failure, its own code comes before its look-alikes.
#[test]
fn the_host_decides_between_causes_of_one_message() {
    let (finder, homes) = (Finder::new(), homes());
    let said: BTreeMap<String, Vec<String>> = reports().into_iter().map(|r| (r.id, r.said)).collect();
    let (mut first, mut wrong) = (0, Vec::new());
    for (check, case) in rows() {
        let judged = judge_all(&case.facts, &case.need, |_| true);
        let frame = Frame {
            report_id: String::new(),
            generated_at: String::new(),
            took: Duration::ZERO,
            probe_times: BTreeMap::new(),
        };
        let report = report::write(&case.facts, &case.need, &judged, FailOn::Fail, frame);
        let own = codes_of(&case, check);
        for id in &case.corpus {
            for text in said.get(id).into_iter().flatten() {
                let found = ranked(finder.search(text.as_bytes()), &report);
                // Another row of the same report may be the one that says this text.
                if !found.iter().any(|name| own.contains(name)) {
                    continue;
                }
                let shown: Vec<String> = judged
                    .iter()
                    .flat_map(|j| j.findings.iter().map(|f| format!("{} {}", j.check.id, line_of(f))))
                    .filter(|line| line.contains(" fail ") || line.contains(" warn "))
                    .collect();
                if found.first().is_some_and(|name| own.contains(name) || homes[id].contains(name)) {
                    first += 1;
                } else {
                    wrong.push(format!(
                        "{:?} {text:?}\n    own   {own:?}\n    found {found:?}\n    shown {shown:?}",
                        case.name
                    ));
                }
            }
        }
    }
    assert!(wrong.len() * 10 <= first, "{first} right\n{}", wrong.join("\n"));
}

/// A message of another time or host keeps its meaning on a host with another trouble.
#[test]
fn what_the_host_shows_never_beats_what_the_message_says() {
    let row =
        |(check, case): &(Option<&str>, Case)| *check == Some("docker-engine") && case.name == "installed, not started";
    let (_, case) = rows().into_iter().find(row).unwrap();
    let judged = judge_all(&case.facts, &case.need, |_| true);
    let frame = Frame {
        report_id: String::new(),
        generated_at: String::new(),
        took: Duration::ZERO,
        probe_times: BTreeMap::new(),
    };
    let report = report::write(&case.facts, &case.need, &judged, FailOn::Fail, frame);
    let text = b"permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock";
    let found = ranked(Finder::new().search(text), &report);
    assert!(found[0].starts_with("docker-access/"), "{found:?}");
}

#[test]
fn notes_are_whole_and_found() {
    let finder = Finder::new();
    let mut led: BTreeSet<String> = BTreeSet::new();
    for (note, Text { text, code, .. }) in texts() {
        let found = names(&finder.search(text.as_bytes()));
        let name = format!("{note}/{code}");
        assert!(found.contains(&name), "{text:?} must lead to {name}, not {found:?}");
        led.insert(name);
    }
    for entry in entries().iter().filter(|entry| entry.check.is_none()) {
        assert!(led.contains(&entry.name()), "no text of cases.toml leads to {}", entry.name());
        assert!(!entry.code.explains.is_empty(), "{}: a note's code explains messages", entry.name());
    }
}

/// What a terminal, a logger, a newer version or a pasting user make of a message changes nothing.
#[test]
fn wrapping_changes_nothing() {
    let finder = Finder::new();
    let mut lost = Vec::new();
    let mut all = 0;
    for entry in entries() {
        for message in &entry.code.explains {
            let half = message.char_indices().map(|(at, _)| at).nth(message.chars().count() / 2).unwrap_or(0);
            let (head, tail) = message.split_at(half);
            for (how, text) in [
                ("as it is", (*message).to_owned()),
                ("upper case", message.to_uppercase()),
                ("coloured", format!("\u{1b}[1;31mERROR\u{1b}[0m {head}\u{1b}[2m{tail}\u{1b}[0m")),
                ("torn", format!("{head}\n{tail}")),
                (
                    "syslog",
                    format!(
                        "Nov 23 01:07:42 node-17 dockerd[4711]: time=\"2026-11-23T01:07:42Z\" level=error msg=\"{message}\""
                    ),
                ),
                ("compose", format!("app-1  | 2026-11-23 01:07:42,113 {message}")),
                ("quotes", message.replace(['"', '\'', '`'], "\u{201d}")),
                (
                    "around",
                    format!("Creating network x_default\nPulling web (nginx:latest)\n{message}\nexited with code 1\n"),
                ),
            ] {
                all += 1;
                let found = names(&finder.search(text.as_bytes()));
                if !found.contains(&entry.name()) {
                    lost.push(format!("{how}: {} {text:?}: {found:?}", entry.name()));
                }
            }
        }
    }
    assert!(lost.len() * 50 <= all, "{} of {all} lost\n{}", lost.len(), lost.join("\n"));
}

/// One line of a labelled set of texts.
#[derive(Deserialize)]
struct Labelled {
    id: String,
    text: String,
    /// `positive`, `healthy` or `unrelated`.
    kind: String,
    /// Right answers; a check's id stands for all its codes. None where gdoctor has no code for the cause.
    codes: Vec<String>,
    /// Right as well, where the text alone cannot decide.
    #[serde(default)]
    acceptable: Vec<String>,
}

/// The labelled sets of this project: files, and at least how many answers are right first, at most how many wrong, and at most how many of
/// the other texts get one. What was mended since may only raise it.
const ROUNDS: [(&str, [usize; 3]); 2] = [
    // Texts of our own making, one for each failure and each form in which reports of it were seen, with healthy outputs and texts of other
    // programs between. Written and labelled before anything was run on them; first run: of 821 failures with a code right first 776, wrong
    // 13, silent 32; an answer to 13 of 245 others.
    ("tests/explain-own.jsonl", [810, 8, 1]),
    // Made for the kinds behind the misses of sets of public texts, each labelled before its one run; the last two gave: of 66 failures right
    // first 54, half of it 8, silent 1, wrong 3, an answer to 4 of 31 others; of 43 of less common systems right first 28, half of it 4, silent 3,
    // wrong 8, an answer to 5 of 33 others; of two later sets of such systems: of 30 right first 21, wrong 8, silent 1, and, after what that
    // showed was mended, of 27 others right first 24, wrong 3; an answer to none of 16 others.
    ("tests/explain-kinds.jsonl", [115, 0, 0]),
];

/// What a finder makes of a labelled set, in counts.
#[derive(Debug, Default)]
struct Marks {
    positives: usize,
    right: usize,
    wrong: usize,
    silent: usize,
    others: usize,
    falsely: usize,
    misses: Vec<String>,
}

impl std::fmt::Display for Marks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { positives, right, wrong, silent, others, falsely, .. } = self;
        write!(
            f,
            "{positives} positives: right {right} wrong {wrong} silent {silent}; {others} others: falsely {falsely}"
        )
    }
}

fn marked(finder: &Finder, set: &str) -> Marks {
    let mut marks = Marks::default();
    for line in set.lines().filter(|line| !line.trim().is_empty()) {
        let row: Labelled = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        let answers: Vec<String> = rank(finder.search(row.text.as_bytes()).found, None)
            .iter()
            .map(|answer| {
                format!(
                    "{} {:.2} line {} by {}",
                    answer.found.entry.name(),
                    answer.found.score,
                    answer.found.line,
                    answer.found.declared
                )
            })
            .collect();
        let fits = |answer: &String| {
            let code = answer.split(' ').next().unwrap_or("");
            row.codes.iter().chain(&row.acceptable).any(|label| code == label || code.starts_with(&format!("{label}/")))
        };
        let positive = row.kind == "positive";
        let first = answers.first().is_some_and(fits);
        match (positive, row.codes.is_empty(), first, answers.is_empty()) {
            (true, false, true, _) => marks.right += 1,
            (true, false, _, true) => marks.silent += 1,
            (true, false, ..) => marks.wrong += 1,
            (false, .., false) => marks.falsely += 1,
            _ => {}
        }
        marks.positives += usize::from(positive && !row.codes.is_empty());
        marks.others += usize::from(!positive);
        let fine = if positive { first || row.codes.is_empty() && answers.is_empty() } else { answers.is_empty() };
        if !fine {
            let text: String = row.text.chars().take(600).collect();
            marks.misses.push(format!(
                "{} {} want {:?} {:?}\n    got {:#?}\n{text}\n",
                row.id,
                row.kind,
                row.codes,
                row.acceptable,
                &answers[..answers.len().min(4)]
            ));
        }
    }
    marks
}

fn labelled(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|why| panic!("{file}: {why}"))
}

/// Each round, or the set that `GDOCTOR_EXPLAIN_SET` names, which is only told.
#[test]
fn labelled_texts_are_read() {
    let finder = Finder::new();
    if let Ok(path) = std::env::var("GDOCTOR_EXPLAIN_SET") {
        let set = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path}: {why}"));
        let marks = marked(&finder, &set);
        return println!("{}\n{marks}", marks.misses.join("\n"));
    }
    let mut worse = Vec::new();
    for (file, [right, wrong, falsely]) in ROUNDS {
        let marks = marked(&finder, &labelled(file));
        println!("{}\n{file}: {marks}", marks.misses.join("\n"));
        if marks.right < right || marks.wrong > wrong || marks.falsely > falsely {
            worse.push(format!("{file}: {marks}"));
        }
    }
    assert!(worse.is_empty(), "{worse:#?}");
}

/// Where several causes stay open, the command that tells them apart is named, and gdoctor takes it.
#[test]
fn the_look_that_tells_causes_apart_is_named() {
    let gdoctor = || Command::new(env!("CARGO_BIN_EXE_gdoctor"));
    for (message, command) in [
        ("cuInit failed: error 999", "gdoctor --gpu --only nvidia-cdi,"),
        ("Bind for 0.0.0.0:8080 failed: port is already allocated", "gdoctor --port PORT --only port-free,"),
        (
            "VIDIOC_STREAMON: No space left on device",
            "gdoctor --camera /dev/video0 --camera /dev/video2 --frame --only camera-",
        ),
    ] {
        let output = gdoctor().args(["explain", "--no-look", message]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let named = text.lines().skip_while(|line| !line.contains("This tells which of them it is")).nth(1);
        let named = named.unwrap_or_else(|| panic!("{message}: {text}"));
        let at = named.find(command).unwrap_or_else(|| panic!("{named}"));
        let line = named[at..]
            .replace("PORT", "18080")
            .replace("PATH", "/dev/video0")
            .replace("docker run …", "docker run debian");
        let code = gdoctor().args(line.split_whitespace().skip(1)).output().unwrap().status.code();
        assert!(matches!(code, Some(0 | 1 | 3)), "{line}: {code:?}");
    }
}

/// What the message names stands in the commands; what only a host has is in capitals, with the look that fills it.
#[test]
fn what_a_message_names_is_filled() {
    for (message, filled, look) in [
        (
            "Error starting userland proxy: listen tcp4 0.0.0.0:18080: bind: address already in use",
            "sudo ss -H -l -n -p -A tcp 'sport = :18080'",
            "gdoctor --port PORT --only port-free",
        ),
        (
            "Cannot open /dev/video7: Permission denied",
            "docker run --rm --user CONTAINER_USER --device /dev/video7",
            "gdoctor --camera any --only camera-access",
        ),
        (
            "permission denied while trying to connect to the Docker daemon socket at unix:///srv/x/docker.sock",
            "which owns /srv/x/docker.sock",
            "gdoctor --only docker-access",
        ),
        (
            "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update your driver",
            "asks for cuda>=12.8, and",
            "gdoctor",
        ),
        (
            "NVRM: API mismatch: the client has the version 535.183.01, but this kernel module has the version 535.161.08.",
            "The loaded module is 535.161.08, the libraries and the module on disk are 535.183.01.",
            "gdoctor",
        ),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
        let output = command.args(["explain", "--no-look", message]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(filled), "{text}");
        assert!(text.contains(look), "{text}");
    }
}

/// What a fix's commands try by themselves, in a container or under a server of their own, no other look at the host can show: it
/// would stay red for ever. And what nobody has to mend is not told above what programs say.
#[test]
fn a_way_to_see_that_it_worked_can_turn_good() {
    let explain = |topic: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
        let output = command.args(["explain", "--no-look", topic]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for topic in ["display-server/headless", "display-access/selinux", "nvidia-image/not-named"] {
        assert!(!explain(topic).contains("Check it worked: gdoctor"), "{}", explain(topic));
    }
    let ended = explain("display-server/no-server");
    assert!(ended.contains("Check it worked: gdoctor --only display-server\n"), "{ended}");
    assert!(explain("docker-limits/open-files").starts_with("docker-limits/open-files\n"));
    let general = explain("driver-capability/named");
    assert!(general.contains("--gpus uses NVIDIA's hook, which"), "{general}");
    assert!(explain("run-line-podman/no-network").contains("gdoctor podman run"));
    assert!(explain("run-line-gpu/podman-gpus").contains("gdoctor podman run"));
}

/// A code's words are this host's where it is so here.
#[test]
fn a_code_that_is_seen_here_is_told_with_what_is_here() {
    // An installed client is then off PATH.
    let there = std::path::Path::new("/usr/bin/docker").exists();
    let code = if there { "docker-client/off-path" } else { "docker-client/not-installed" };
    let explain = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gdoctor"));
        let output = command.args(["explain", code]).args(more).env("PATH", "/nowhere").output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    };
    let (here, elsewhere) = (explain(&[]), explain(&["--no-look"]));
    assert!(here.starts_with(&format!("{code}  (seen on this host)\n")), "{here}");
    assert!(elsewhere.starts_with(&format!("{code}\n")), "{elsewhere}");
}

#[test]
fn errors_are_the_same_in_other_languages() {
    let finder = Finder::new();
    let missed: Vec<String> = [
        ("auf dem Gerät ist kein Speicherplatz mehr verfügbar", "disk-space"),
        ("Aucun espace disponible sur le périphérique", "disk-space"),
        ("No queda espacio en el dispositivo", "disk-space"),
        ("设备上没有空间", "disk-space"),
        ("Se ha excedido la cuota de disco", "disk-space"),
        ("超出磁盘限额", "disk-space"),
        ("Sie haben nicht genug Platz in /var/cache/apt/archives/.", "disk-space"),
    ]
    .iter()
    .filter_map(|(said, check)| {
        let found = names(&finder.search(format!("write /var/lib/docker/tmp/x: {said}").as_bytes()));
        let first = found.first().is_some_and(|name| name.starts_with(check));
        (!first).then(|| format!("{said}: {found:?}"))
    })
    .collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// An error's number that the tables do not have is understood as one.
#[test]
fn unknown_numbers_are_told_as_unknown() {
    let finder = Finder::new();
    for (text, said) in [
        ("CUDA error 9999 at foo.cu:12", "cuda error 9999, a number that is not known here"),
        ("NVML: error 77", "nvml error 77, a number that is not known here"),
        ("NVRM: Xid (PCI:0000:01:00): 999, pid=1", "xid error 999, a number that is not known here"),
    ] {
        let understood = finder.search(text.as_bytes()).understood;
        assert!(understood.iter().any(|one| one.text().ends_with(said)), "{text}: {understood:?}");
    }
    let known = finder.search(b"CUDA error 100 at foo.cu:12").understood;
    assert!(!known.iter().any(|one| one.text().contains("not known here")), "{known:?}");
}

/// What tools print when all is well: by the shape of their lines.
#[test]
fn lists_helps_and_logs_of_changes_are_no_failures() {
    let finder = Finder::new();
    for text in [
        "tmpfs on /dev/shm type tmpfs (rw,size=24684096k)\ndevpts on /dev/pts type devpts (rw,mode=600)\ncgroup2 on /sys/fs/cgroup/unified type cgroup2 (rw)",
        "devtmpfs         12G     0   12G   0% /dev\ntmpfs            24G  168K   24G   1% /dev/shm\n/dev/vda        252G   46G   46G  51% /",
        "vm.oom_kill_allocating_task = 0\nuser.max_user_namespaces = 96365\nfs.inotify.max_user_watches = 1048576",
        "      --oom-kill-disable               Disable OOM Killer\n      --ulimit ulimit                  Ulimit options (default [])",
        "DOCKERD(8)                Docker User Manuals                DOCKERD(8)\n\nOPTIONS\n       --x  IO when ENOSPC (no space) error is returned by storage",
        "28 ENOSPC\n30 EROFS\n24 EMFILE",
        "commit 4f1c2d3e5a6b7c8d\nAuthor: A <a@example.org>\n\n    Explain that no space left on device is a full disk",
        "## 1.2.3\n\n- Fixed \"no space left on device\" when the disk was full\n- Handle permission denied on docker.sock",
        "running 2 tests\ntest says_no_space_left_on_device ... ok\ntest docker_sock_permission_denied ... ok",
    ] {
        let found = names(&finder.search(text.as_bytes()));
        assert!(found.is_empty(), "{text}\n{found:?}");
    }
}

/// A message names its object itself: the command above it only shows what was asked for.
#[test]
fn a_command_lends_no_object_to_the_message_below() {
    let first = |text: &str| {
        let found = rank(Finder::new().search(text.as_bytes()).found, None);
        found.first().map_or(String::new(), |answer| answer.found.entry.name())
    };
    for (text, code) in [
        ("$ docker run --rm --gpus all ubuntu nvidia-smi\nls: cannot access /tmp/x: No such file or directory", ""),
        (
            "$ docker run -e DISPLAY=$DISPLAY -v /tmp/.X11-unix:/tmp/.X11-unix app\ncat: /etc/app.conf: No such file or directory",
            "",
        ),
        ("root@host:/srv# docker run --device /dev/video0 app\ncat: /etc/app.conf: No such file or directory", ""),
        (
            "$ docker run --gpus all \\\n  --device /dev/video0 app\npython3: error: cannot open /data/config.yaml: Permission denied",
            "",
        ),
        ("$ docker run -it app\nVIDEOIO ERROR: V4L: can't open camera by index 0", "run-line-camera/not-in-line"),
        (
            "$ docker run --device /dev/video2 app\nCannot open video device /dev/video8: No such file or directory",
            "run-line-camera/not-in-line",
        ),
        (
            "$ docker run --device /dev/video2 app\nCannot open video device /dev/video2: No such file or directory",
            "camera-node/no-camera",
        ),
        (
            "# docker run -p 50000:50000 app\nError starting userland proxy: listen tcp4 0.0.0.0:50000: bind: address already in use.\n# lsof -i :50000\n#",
            "port-free/connection",
        ),
        (
            "$ podman run --gpus all ubuntu nvidia-smi\nError: crun: executable file `nvidia-smi` not found in $PATH: No such file or directory",
            "run-line-gpu/podman-gpus",
        ),
    ] {
        assert_eq!(first(text), code, "{text}");
    }
}

/// What a program says of its own server is not of a registry, and a name that somebody gave is no camera.
#[test]
fn the_speaker_decides_whose_failure_it_is() {
    let finder = Finder::new();
    for text in [
        "Get \"https://registry.terraform.io/.well-known/terraform.json\": net/http: TLS handshake timeout",
        "redis.exceptions.AuthenticationError: Authentication required.",
        "401 Client Error: Unauthorized for url: https://huggingface.co/x/resolve/main/config.json",
        "Unable to connect to the broker: Connection refused",
        "camera-service: failed to open config.yaml: No such file or directory",
        "[camera_1] failed to open config.yaml: No such file or directory",
    ] {
        let found = names(&finder.search(text.as_bytes()));
        assert!(found.is_empty(), "{text}: {found:?}");
    }
    let found = names(&finder.search(b"Get \"https://registry-1.docker.io/v2/\": net/http: TLS handshake timeout"));
    assert!(found[0].starts_with("docker-mtu/"), "{found:?}");
}

/// Only a builder's own lines are an image's build: `docker run` is none.
#[test]
fn a_build_is_told_by_the_builders_lines() {
    let finder = Finder::new();
    let is_build = |text: &str| names(&finder.search(text.as_bytes()))[0] == "dockerfile-build/needs-gpu";
    let said = "/bin/sh: 1: nvidia-smi: not found";
    for head in ["RUN nvidia-smi", "Step 7/9 : RUN nvidia-smi", "STEP 3/4: RUN nvidia-smi", " > [3/7] RUN nvidia-smi:"]
    {
        assert!(is_build(&format!("{head}\n{said}")), "{head}");
    }
    for head in ["$ docker run ubuntu nvidia-smi", "podman run ubuntu nvidia-smi", "run it again"] {
        assert!(!is_build(&format!("{head}\n{said}")), "{head}");
    }
}

/// Lines that differ in times and counters are read once, those that differ in an error's number are not.
#[test]
fn repeated_lines_hide_no_other() {
    let line = |n: usize| format!("2026-11-28T17:02:{:02}.{n:06} INFO worker took {n} ms\n", n % 60);
    let mut text: String = (0..200).map(line).collect();
    text.push_str("2026-11-28T17:03:00 cuInit failed: error 700\n");
    text.push_str("2026-11-28T17:03:01 cuInit failed: error 803\n");
    let found = names(&Finder::new().search(text.as_bytes()));
    assert!(
        found.iter().any(|name| name.starts_with("nvidia-version/")
            || name.starts_with("nvidia-cuda/")
            || name.starts_with("in-image/")),
        "{found:?}"
    );
}

/// A declaration that no text reaches is not known to say anything; one that a healthy document reaches says what is wrong.
#[test]
fn each_declaration_is_reached_by_a_text_and_none_by_a_healthy_document() {
    let finder = Finder::new();
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let wordings: Wordings = toml::from_str(&labelled("tests/wordings.toml")).unwrap();
    let rows: Vec<Labelled> = ROUNDS
        .iter()
        .flat_map(|(file, _)| {
            labelled(file).lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()
        })
        .collect();
    let known = entries();
    let known = known.iter().flat_map(|entry| entry.code.explains.iter().map(|text| (*text).to_owned()));
    let said = reports().into_iter().flat_map(|report| report.said);
    let worded = wordings.said.into_iter().map(|wording| wording.text);
    let noted = texts().into_iter().map(|(_, text)| text.text);
    let positive = rows.iter().filter(|row| row.kind == "positive").map(|row| row.text.clone());
    for text in known.chain(said).chain(worded).chain(noted).chain(positive) {
        reached.extend(finder.declarations_in(text.as_bytes()));
    }
    let declared = finder.declarations();
    let unreached: Vec<&&str> = declared.difference(&reached).collect();
    assert!(unreached.is_empty(), "no text reaches {} declarations: {unreached:#?}", unreached.len());
    for row in rows.iter().filter(|row| row.kind == "healthy") {
        let held = finder.declarations_in(row.text.as_bytes());
        assert!(held.is_empty(), "{}: {held:?} hold in a healthy document", row.id);
    }
}

#[test]
fn what_nobody_knows_is_not_known() {
    let finder = Finder::new();
    let wrong: Vec<String> = [
        "hello world",
        "Segmentation fault (core dumped)",
        "could not connect to database: connection refused",
        "npm ERR! code ELIFECYCLE",
        "error: failed to push some refs to 'origin'",
        "ModuleNotFoundError: No module named 'requests'",
        "Traceback (most recent call last):",
        "permission denied",
        "Error: something went wrong, please try again",
        "fatal: not a git repository (or any of the parent directories): .git",
        "java.lang.NullPointerException at Main.java:17",
        "2026-11-23 01:07:42 INFO server started on port 8080",
        "GET /index.html 200 12ms",
        "thread 'main' panicked at src/main.rs:3: index out of bounds",
        "bash: foo: command not found",
        "cat: notes.txt: No such file or directory",
        "Connection to db.example.org timed out",
        "kernel: usb 1-2: new high-speed USB device number 7 using xhci_hcd",
        "warning: unused variable: `x`",
        "",
    ]
    .iter()
    .filter_map(|text| {
        let found = names(&finder.search(text.as_bytes()));
        (!found.is_empty()).then(|| format!("{text:?}: {found:?}"))
    })
    .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Flags may stand behind the text, a text may begin with a dash, and a pipe or a file is as good as an argument.
#[test]
fn the_command_takes_texts_as_people_give_them() {
    let run = |arguments: &[&str], input: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gdoctor"))
            .arg("explain")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let code = document["matches"][0]["code"].as_str().unwrap_or_default().to_owned();
        (output.status.code().unwrap_or(-1), code)
    };
    let known = (0, "registry-server/proxy-limits-size".to_owned());
    let message = "received unexpected HTTP status: 413 Request Entity Too Large";
    assert_eq!(run(&[message, "--no-look", "--format", "json"], ""), known);
    assert_eq!(run(&["--format=json", "--no-look", &format!("-- ERROR {message}")], ""), known);
    assert_eq!(
        run(
            &[
                "--no-look",
                "--format",
                "json",
                "unexpected",
                "HTTP",
                "status:",
                "413",
                "Request",
                "Entity",
                "Too",
                "Large"
            ],
            ""
        ),
        known
    );
    assert_eq!(run(&["-", "--no-look", "--format", "json"], &format!("one\n\u{1b}[31m{message}\u{1b}[0m\n")), known);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), message).unwrap();
    assert_eq!(run(&[file.path().to_str().unwrap(), "--no-look", "--format", "json"], ""), known);
    assert_eq!(run(&["what is this", "--no-look", "--format", "json"], ""), (3, String::new()));
    assert_eq!(run(&["no-such-check", "--format", "json"], "").0, 2);
    assert_eq!(run(&["registry-server/proxy-limits-size", "--format", "json"], ""), known);
}

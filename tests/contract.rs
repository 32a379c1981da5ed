//! The rules that hold the house together: folders, ids, headings, fixes, cases, shell, and who may import whom.
#![allow(clippy::disallowed_methods)]

mod commands;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use commands::{effects, leaves_behind, only_looks, tells_success, widens};
use gdoctor::explain::entries::{entries, note};
use gdoctor::explain::page::Page;
use gdoctor::explain::topic;
use gdoctor::judge::judge;
use gdoctor::policy::FailOn;
use gdoctor::report;
use gdoctor_checks::model::check::Check;
use gdoctor_checks::model::doc::Doc;
use gdoctor_checks::model::fact::Fact;
use gdoctor_checks::model::facts::Facts;
use gdoctor_checks::model::facts::engine::Package;
use gdoctor_checks::model::finding::{ELSEWHERE, NOT_NEEDED, UNKNOWN, Verdict};
use gdoctor_checks::model::fix::{Edit, Fix, NOTHING, Note, PACKAGES, Risk, Step};
use gdoctor_checks::notes::NOTES;
use gdoctor_checks::{ALL, FAMILIES};
use table::{Table, line_of};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cases_path(check: &Check) -> String {
    format!("checks/{}/cases.toml", check.folder())
}

fn folders(below: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(below)).unwrap().flatten().filter(|entry| entry.path().is_dir());
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn folders_are_the_families_and_their_checks() {
    let families: BTreeSet<String> = FAMILIES.iter().map(|family| family.name.to_owned()).collect();
    let others = ["model", "notes", "readings"].map(str::to_owned);
    assert_eq!(folders("checks"), families.into_iter().chain(others).collect());
    for family in FAMILIES {
        let found: BTreeSet<String> = folders(&format!("checks/{}", family.name))
            .into_iter()
            .map(|name| format!("{}/{name}", family.name))
            .collect();
        assert_eq!(found, family.checks.iter().map(|check| check.folder()).collect(), "{}", family.name);
    }
    let ids: BTreeSet<&str> = ALL.iter().map(|check| check.id).collect();
    assert_eq!(ids.len(), ALL.len(), "an id stands twice");
}

#[test]
fn checks_know_their_family() {
    for family in FAMILIES {
        for check in family.checks {
            assert_eq!(check.family.name, family.name, "{}", check.id);
        }
    }
}

/// checks/new-check lays out a folder, and its family names it: as a module, and as the last of its checks.
#[test]
fn a_new_check_is_laid_out() {
    let copy = tempfile::tempdir().unwrap();
    let checks = copy.path().join("checks");
    let copied = Command::new("cp").arg("-r").arg(root().join("checks")).arg(&checks).status().unwrap();
    assert!(copied.success());
    let lay = |family: &str, name: &str| Command::new(checks.join("new-check")).args([family, name]).output().unwrap();
    for family in FAMILIES {
        assert!(lay(family.name, "made-up").status.success(), "{}", family.name);
        let text = fs::read_to_string(checks.join(family.name).join("mod.rs")).unwrap();
        assert!(text.contains("\nmod made_up;\n"), "{text}");
        let named: Vec<&str> = text.split("checks: &[").nth(1).unwrap().split(',').map(str::trim).collect();
        let last = named.iter().rfind(|name| name.contains("::CHECK")).unwrap();
        assert!(last.starts_with("&made_up::CHECK"), "{text}");
    }
    for (family, name) in [("docker", "access"), ("no-family", "made-up"), ("docker", "Made_Up"), ("docker", "../x")] {
        assert_eq!(lay(family, name).status.code(), Some(2), "{family} {name}");
    }
}

/// The documents of all checks and notes, with their ids.
fn documents() -> Vec<(&'static str, Doc<'static>)> {
    let checks = ALL.iter().map(|check| (check.id, report::parse(check)));
    let notes = NOTES.iter().map(|n| (n.id, note(n.id).unwrap()));
    checks.chain(notes).collect()
}

#[test]
fn documents_are_whole() {
    for check in ALL {
        let doc = report::parse(check);
        for (name, text) in [("checks", doc.checks), ("cannot tell", doc.cannot_tell), ("not needed", doc.not_needed)] {
            assert!(!text.is_empty(), "{}: {name} is empty", check.id);
        }
    }
    for (id, doc) in documents() {
        assert!(!doc.title.is_empty() && !doc.why.is_empty(), "{id}: the title or the why is empty");
        assert!(
            !doc.title.ends_with('.') && !doc.title.contains('\n'),
            "{id}: the title is a clause, without a full stop"
        );
        let names: BTreeSet<&str> = doc.codes.iter().map(|code| code.name).collect();
        assert_eq!(names.len(), doc.codes.len(), "{id}: a code stands twice");
        for code in &doc.codes {
            assert!(!code.sentence.is_empty(), "{id}/{}: no sentence", code.name);
            for fix in &code.fixes {
                assert!(report::find_fix(&doc, fix).is_some(), "{id}/{}: no fix is named {fix}", code.name);
            }
        }
        for fix in &doc.fixes {
            fix_is_whole(id, fix);
        }
    }
}

fn fix_is_whole(id: &str, fix: &Fix) {
    assert!(fix.page.starts_with("https://"), "{id}: fix {} cites no page", fix.name);
    assert!(!fix.risks.is_empty(), "{id}: fix {} tells no risk", fix.name);
    assert!(!fix.title.is_empty() && !fix.title.contains('\n'), "{id}: fix {} needs a title of one line", fix.name);
    let sudo = fix.commands.iter().any(|fence| fence.text.contains("sudo "));
    let root = fix.risks.iter().any(|r| r.words() == "needs root");
    assert_eq!(sudo, root, "{id}: fix {}: sudo and `needs root` go together", fix.name);
    let restarts = |line: &str| ["sudo reboot", "sudo systemctl reboot"].contains(&line);
    for fence in &fix.commands {
        let among_others = fence.text.lines().any(restarts) && fence.text.contains('\n');
        assert!(!among_others, "{id}: fix {}: `- risk: reboot` says it, behind the commands", fix.name);
    }
    let looks = fix.risks.contains(&Risk::Looks);
    let harmless = |risk: &Risk| *risk == Risk::Safe || looks && ![Risk::Reboot, Risk::Destructive].contains(risk);
    let changes = !fix.risks.iter().all(harmless) && !fix.commands.iter().all(|fence| fence.text.lines().all(restarts));
    assert!(!changes || !fix.undo.is_empty(), "{id}: fix {} says not how to undo it", fix.name);
}

/// A fix's risks are those of its commands: what they stop, end or delete is said, and that they only look is said where they do
/// nothing else.
#[test]
fn risks_are_those_of_the_commands() {
    let mut problems = Vec::new();
    for (id, doc) in documents() {
        for fix in &doc.fixes {
            let says = |risk: Risk| fix.risks.contains(&risk);
            let lines = || fix.commands.iter().flat_map(|fence| fence.text.lines());
            let looks = lines().all(|line| only_looks(line) && line != report::CORRECTED);
            if looks != says(Risk::Looks) || (says(Risk::Safe) && fix.risks.len() > 1) {
                problems.push(format!("{id}: fix {} only looks: {looks}; it says {:?}", fix.name, fix.risks));
            }
            // A snap's engine has commands of its own, whose risk follows them on such a host.
            let others = fix.commands.iter().filter(|fence| !fence.tags.contains(&"snap"));
            for line in others.flat_map(|fence| fence.text.lines()) {
                for risk in effects(line).into_iter().filter(|risk| !says(*risk)) {
                    problems.push(format!("{id}: fix {} says not {:?}: {line}", fix.name, risk.words()));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A line that shows that a fix worked ends otherwise before it. What ends well on a broken host too shows nothing: then the line is
/// left out, and what told of the trouble is asked again.
#[test]
fn what_shows_success_fails_before() {
    let mut problems = Vec::new();
    for (id, doc) in documents() {
        // One that mends several checks' trouble tells of each.
        let used = doc.codes.iter().flat_map(|code| code.fixes.iter()).filter_map(|name| report::find_fix(&doc, name));
        for fix in used {
            let steps: Vec<Step<&str>> = fix.verify.iter().map(Note::step).collect();
            for line in steps.iter().filter_map(Step::command).filter(|line| !tells_success(id, line)) {
                problems.push(format!("{id}: fix {}: it may end well before the fix: {line}", fix.name));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A fix that only looks is half of one: a note says what to do with what it shows. Where the program comes from is not that.
#[test]
fn what_only_looks_says_what_comes_next() {
    let goes_on = |note: &String| note.split(". ").any(|sentence| !sentence.contains(" is in the package "));
    let mut problems = Vec::new();
    for host in HOSTS {
        let tags: Vec<String> = host.split(' ').map(str::to_owned).collect();
        for (id, doc) in documents() {
            for fix in &doc.fixes {
                let words = report::general_fix(fix, &tags, &report::Known::of(id));
                if words.is_by_hand() && !words.notes.iter().any(goes_on) {
                    problems.push(format!("{host}: {id}: fix {}: and then?", fix.name));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A title says what the commands do: of those that only look, that they do.
#[test]
fn the_title_of_what_only_looks_says_so() {
    const LOOKS: [&str; 7] = ["See", "Find", "List", "Look", "Ask", "Check", "Let gdoctor explain"];
    let mut problems = BTreeSet::new();
    for host in HOSTS {
        let tags: Vec<String> = host.split(' ').map(str::to_owned).collect();
        for (id, doc) in documents() {
            for fix in &doc.fixes {
                let commands: Vec<&str> = fix.commands_for(&tags).into_iter().flat_map(str::lines).collect();
                let looks =
                    !commands.is_empty() && commands.iter().all(|line| only_looks(line) && *line != report::CORRECTED);
                let title = fix.title_for(&tags);
                if looks && !LOOKS.iter().any(|word| title.starts_with(&format!("{word} "))) {
                    problems.insert(format!("{id}: fix {}: {title:?} over {}", fix.name, commands.join("; ")));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.into_iter().collect::<Vec<_>>().join("\n"));
}

/// What a command has for the reader to fill in is told: by the fix's own words, by the document's `## Words`, or with its title.
#[test]
fn what_the_reader_fills_in_is_told() {
    // Words of programs in capitals.
    const OWN: [&str; 24] = [
        "RUN",
        "GLX",
        "END",
        "ACCEPT",
        "DER",
        "ECC",
        "PAGE_RETIREMENT",
        "ROW_REMAPPER",
        "DEFAULT",
        "PERFORMANCE",
        "TEMPERATURE",
        "POWER",
        "SYS_ADMIN",
        "DOCKER_CONTEXT",
        "DOCKER_CERT_PATH",
        "DOCKER_TLS",
        "DOCKER_TLS_VERIFY",
        "DOCKER_API_VERSION",
        "DOCKER_HOST",
        "WAYLAND_DISPLAY",
        "DISPLAY",
        "FORWARD",
        "XAUTHORITY",
        "TARGET",
    ];
    let mut problems = Vec::new();
    for (id, doc) in documents() {
        for fix in &doc.fixes {
            let notes = fix.notes.iter().map(|note| note.text).chain([fix.title]);
            let told: String = notes.collect::<Vec<_>>().join(" ");
            for fence in &fix.commands {
                let words = fence.text.split(|c: char| c.is_whitespace() || "/:@,;|()<>".contains(c));
                let capitals =
                    |word: &&str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
                for word in words.filter(capitals).filter(|word| !OWN.contains(word)) {
                    let is_told = report::PLACES.iter().any(|(name, _)| *name == word) || told.contains(word);
                    if !is_told {
                        problems.push(format!("{id}: fix {}: what is {word}?", fix.name));
                    }
                }
                // It would be SOME_PATH where no host fills it.
                if fence.text.contains("{path}") && !doc.words.iter().any(|(name, _)| *name == "path") {
                    problems.push(format!("{id}: fix {}: which path? `## Words` has none", fix.name));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A code's page fits a terminal on each kind of host: the cause, what to type, how to see that it worked.
#[test]
fn a_codes_page_fits_a_terminal() {
    const ROWS: usize = 24;
    let mut long = Vec::new();
    // Not all of them: each page takes some milliseconds.
    for host in HOSTS.iter().step_by(3) {
        let tags: Vec<String> = host.split(' ').map(str::to_owned).collect();
        for entry in entries() {
            let page = Page::new(Some(80), Vec::new());
            let shown = topic::explain(&entry.name(), &[], Some(&tags), None, false, page).unwrap();
            // Commands are told whole.
            let commands = entry.code.fixes.iter().filter_map(|name| report::find_fix(&entry.doc(), name));
            let most = commands.map(|fix| fix.commands_for(&tags).iter().map(|text| text.lines().count()).sum()).max();
            if shown.lines().count() > ROWS + most.unwrap_or(0usize).saturating_sub(8) {
                long.push(format!("{host}: {} lines\n{shown}", shown.lines().count()));
            }
        }
    }
    assert!(long.is_empty(), "{}\n{}", long.len(), long.join("\n"));
}

/// Who opens a file in an editor is told what to write there.
#[test]
fn what_is_edited_says_what_to_write() {
    const VERBS: [&str; 10] = ["add", "write", "take", "set", "put", "correct", "delete", "remove", "wants", "becomes"];
    let mut problems = Vec::new();
    for (id, doc) in documents() {
        for fix in &doc.fixes {
            let opens = |line: &str| {
                line.starts_with("sudoedit ") || line.contains("EDITOR") || line.contains("systemctl edit")
            };
            let lines = fix.commands.iter().flat_map(|fence| fence.text.lines());
            let said = |text: &str| text.split([' ', ':']).any(|word| VERBS.contains(&word.to_lowercase().as_str()));
            if lines.clone().any(opens) && !fix.notes.iter().map(|note| note.text).chain([fix.title]).any(said) {
                problems.push(format!("{id}: fix {}: and what is written there?", fix.name));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// dockerd reads what was edited for it, at its next start or when it is told to; apt and sysctl what was edited for them.
#[test]
fn what_is_edited_for_dockerd_is_read_by_it() {
    for (id, doc) in documents().into_iter().filter(|(id, _)| id.starts_with("docker-")) {
        for fix in &doc.fixes {
            let text = || fix.commands.iter().flat_map(|fence| fence.text.lines());
            let reads = |line: &str| {
                ["restart", "start", "reload", "-HUP", "apt-get update", "sysctl -p"]
                    .iter()
                    .any(|word| line.contains(word))
            };
            let edits = text().any(|line| line.starts_with("sudoedit"));
            assert!(!edits || text().any(reads), "{id}: fix {}: who reads the edited file?", fix.name);
        }
    }
}

/// No undo is half of one: each package that a fix installs and each file that it writes is named by it, unless a sentence says why
/// nothing is taken back.
#[test]
fn an_undo_names_what_the_fix_leaves_behind() {
    let mut problems = Vec::new();
    for (id, doc) in documents() {
        for fix in &doc.fixes {
            let is_said = fix.undo.iter().any(|note| note.tags.is_empty() && note.step().command().is_none());
            for fence in fix.commands.iter().filter(|_| !is_said && fix.risks.iter().any(|risk| *risk != Risk::Safe)) {
                let of_fence =
                    |note: &&Note| note.tags.iter().all(|tag| fence.tags.contains(tag)) || fence.tags.is_empty();
                let undo: Vec<&str> = fix.undo.iter().filter(of_fence).map(|note| note.text).collect();
                if undo.iter().any(|text| text.starts_with("Not ")) {
                    continue;
                }
                let left = fence.text.lines().flat_map(leaves_behind);
                let missing =
                    left.filter(|name| !undo.iter().any(|text| text.contains(name.trim_matches(['"', '\'']))));
                problems.extend(missing.map(|name| format!("{id}: fix {}: the undo names no {name}", fix.name)));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What `gdoctor fix` does it can take back: each file that a fix writes is named by it, and nothing that it does deletes data, widens
/// a permission or asks somebody.
#[test]
fn a_fix_that_is_done_names_all_that_it_writes() {
    const NEVER: [&str; 7] = ["setfacl", "prune", "docker rm", "docker rmi", "rm -r", "reboot", "--privileged"];
    // Without the package manager's own word of what it would do nothing is installed.
    const MANAGERS: [&str; 4] = ["apt-get install", "dnf ", "zypper ", "pacman "];
    let mut problems = Vec::new();
    for (id, doc) in documents() {
        for fix in doc.fixes.iter().filter(|fix| !fix.writes.is_empty() || !fix.edits.is_empty()) {
            let mut wrong = |what: String| problems.push(format!("{id}: fix {}: {what}", fix.name));
            for risk in [Risk::Destructive, Risk::Reboot].into_iter().filter(|risk| fix.risks.contains(risk)) {
                wrong(format!("is never done: {}", risk.words()));
            }
            let edits: Vec<_> = fix.edits.iter().map(|note| Edit::parse(note.text)).collect();
            if edits.iter().any(Option::is_none) {
                wrong("an edit that is none".into());
            }
            let paths = fix.writes.iter().flat_map(|note| note.text.split(", "));
            let named: Vec<&str> = paths.chain(edits.iter().flatten().map(|edit| edit.path)).collect();
            for path in named
                .iter()
                .filter(|path| ![NOTHING, PACKAGES].contains(path) && !path.starts_with(['/', '{', '~', '$']))
            {
                wrong(format!("{path} is no path"));
            }
            let applies =
                |note: &&Note, fence: &[&str]| note.tags.iter().all(|tag| fence.contains(tag)) || fence.is_empty();
            for fence in &fix.commands {
                let opens =
                    fence.text.lines().filter(|line| line.contains("sudoedit") || line.contains("EDITOR")).count();
                let edits = fix.edits.iter().filter(|note| applies(note, &fence.tags)).count();
                if edits > 0 && opens > 1 {
                    wrong(format!("edits stand for one editor, not for {opens}"));
                }
                for line in fence.text.lines() {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    let moved = words
                        .iter()
                        .position(|word| ["mv", "cp"].contains(word))
                        .map_or(&[][..], |at| &words[at + 1..]);
                    let written = leaves_behind(line).into_iter().chain(moved.iter().copied());
                    let from_elsewhere = words.contains(&"cp").then(|| moved.first()).flatten();
                    let is_package = |path: &str| !path.contains('/') && named.contains(&PACKAGES);
                    let missing = written
                        .filter(|path| Some(path) != from_elsewhere && !path.ends_with('/') && !is_package(path));
                    missing.filter(|path| !named.contains(path)).for_each(|path| wrong(format!("writes {path} too")));
                    if MANAGERS.iter().any(|word| line.contains(word)) && !named.contains(&PACKAGES) {
                        wrong(format!("writes packages too: {line}"));
                    }
                    NEVER
                        .iter()
                        .filter(|word| line.contains(**word))
                        .for_each(|word| wrong(format!("never {word}: {line}")));
                    if widens(line) {
                        wrong(format!("lets others in: {line}"));
                    }
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A note's words have nobody who fills placeholders; each of its fixes is named by a code, each code has a fix. That its codes
/// are reached by texts is held by tests/explain.rs.
#[test]
fn notes_are_whole() {
    let folders: BTreeSet<String> = fs::read_dir(root().join("checks/notes"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().replace('_', "-"))
        .collect();
    let ids: BTreeSet<String> = NOTES.iter().map(|n| n.id.to_owned()).collect();
    assert_eq!(folders, ids);
    for (id, doc) in documents().into_iter().filter(|(id, _)| ids.contains(*id)) {
        assert!(ALL.iter().all(|check| check.id != id), "{id} is a check too");
        for code in &doc.codes {
            assert!(!code.fixes.is_empty(), "{id}/{}: no fix", code.name);
            assert_eq!(unfilled(code.sentence), None, "{id}/{}", code.name);
        }
        for fix in &doc.fixes {
            assert!(
                doc.codes.iter().any(|code| code.fixes.contains(&fix.name)),
                "{id}: nobody names the fix {}",
                fix.name
            );
            for fence in &fix.commands {
                assert_eq!(unfilled(fence.text), None, "{id}: fix {}", fix.name);
            }
        }
    }
}

/// Each check has a pass, a bad, a cannot-tell and a not-needed row; each code and each fix is reached by a row, with the
/// fixes that the code's section names; and every sentence has all its placeholders filled.
#[test]
fn every_code_and_fix_is_reached_by_a_case() {
    let mut used_fixes: BTreeSet<(String, String)> = BTreeSet::new();
    let mut problems = Vec::new();
    for check in ALL {
        let doc = report::parse(check);
        let mut codes = BTreeSet::new();
        let mut statuses = BTreeSet::new();
        for case in Table::read(&cases_path(check)).cases {
            let findings = judge(check, &case.facts, &case.need);
            for finding in &findings {
                statuses.insert(match finding.verdict {
                    Verdict::Pass => "pass",
                    Verdict::Warn(_) | Verdict::Fail(_) => "bad",
                    Verdict::Unknown(_) => "unknown",
                    Verdict::NotNeeded => "skip",
                });
                if [UNKNOWN, NOT_NEEDED].contains(&finding.code)
                    || (finding.code == ELSEWHERE && doc.code(ELSEWHERE).is_none())
                {
                    continue;
                }
                codes.insert(finding.code);
                let Some(code) = doc.code(finding.code) else {
                    problems.push(format!("{}: {:?} has no section in doc.md", check.id, finding.code));
                    continue;
                };
                if let Verdict::Warn(fix) | Verdict::Fail(fix) = finding.verdict {
                    if !code.fixes.contains(&fix) {
                        problems.push(format!("{}/{}: its section does not name the fix {fix}", check.id, code.name));
                    }
                    let (owner, name) = fix.split_once('/').unwrap_or((check.id, fix));
                    used_fixes.insert((owner.to_owned(), name.to_owned()));
                }
            }
            let judged = [gdoctor::judge::Judged { check, findings, took: Default::default() }];
            let frame = report::Frame {
                report_id: String::new(),
                generated_at: String::new(),
                took: Default::default(),
                probe_times: BTreeMap::new(),
            };
            for outcome in report::write(&case.facts, &case.need, &judged, FailOn::Fail, frame).results {
                // The subjects of all findings are put in for their family.
                let short = outcome.short.replace("{subjects}", "");
                let mut texts = vec![outcome.summary.clone(), short, outcome.detail.clone()];
                for fix in &outcome.fixes {
                    if fix.verify.is_empty() {
                        problems.push(format!("{}: nothing shows that it worked: {}", outcome.code, fix.title));
                    }
                    texts.push(fix.title.clone());
                    texts.extend(fix.commands.clone());
                    texts.extend(fix.notes.clone());
                }
                for text in texts {
                    if let Some(hole) = unfilled(&text) {
                        problems
                            .push(format!("{} case {:?}: {hole} is not filled in {text:?}", outcome.code, case.name));
                    }
                }
            }
        }
        for needed in ["pass", "bad", "unknown", "skip"] {
            if !statuses.contains(needed) {
                problems.push(format!("{}: no row gives {needed}", check.id));
            }
        }
        for code in &doc.codes {
            if !codes.contains(code.name) {
                problems.push(format!("{}/{}: no row of cases.toml reaches it", check.id, code.name));
            }
        }
    }
    for check in ALL {
        for fix in report::parse(check).fixes {
            if !used_fixes.contains(&(check.id.to_owned(), fix.name.to_owned())) {
                problems.push(format!("{}: no row leads to the fix {}", check.id, fix.name));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Kinds of hosts, by their tags.
const HOSTS: [&str; 8] = [
    "debian systemd no-ubuntu no-nixos no-snap rootful since-23",
    "debian systemd ubuntu no-nixos no-snap rootless since-23",
    "debian systemd no-ubuntu no-nixos no-snap rootful before-23",
    "debian no-systemd no-ubuntu no-nixos no-snap rootful since-23",
    "alpine no-systemd no-ubuntu no-nixos no-snap rootful since-23",
    "fedora systemd no-ubuntu no-nixos no-el no-amzn no-snap rootful since-23",
    "arch systemd no-ubuntu no-nixos no-snap rootful since-23",
    "debian systemd no-ubuntu no-nixos no-snap rootless podman",
];

/// On each kind of host a fix has commands, or says what to do without them; and nothing in it is another system's, another
/// engine's or another version's.
#[test]
fn fixes_fit_their_hosts() {
    let mut problems = Vec::new();
    for host in HOSTS {
        let tags: Vec<String> = host.split(' ').map(str::to_owned).collect();
        let is = |tag: &str| tags.iter().any(|one| one == tag);
        for (id, doc) in documents() {
            for code in &doc.codes {
                let of_podman = id == "run-line-podman" && code.name != "docker";
                for fix in code.fixes.iter().filter_map(|name| report::find_fix(&doc, name)) {
                    let words = report::general_fix(&fix, &tags, &report::Known::of(id));
                    let mut bad = |what: &str, text: &str| {
                        problems.push(format!("{host}: {id}/{}: fix {}: {what}: {text}", code.name, fix.name));
                    };
                    if words.commands.is_empty() && words.notes.is_empty() && !fix.commands.is_empty() {
                        bad("no commands, and nothing else to do", &words.title);
                    }
                    let steps = words.verify.iter().chain(&words.undo).map(Step::text);
                    for text in words.commands.iter().map(String::as_str).chain(steps) {
                        if is("no-systemd")
                            && ["systemctl", "journalctl", "loginctl"].iter().any(|one| text.contains(one))
                        {
                            bad("no systemd here", text);
                        }
                        if is("systemd") && text.contains("service docker ") {
                            bad("systemd here", text);
                        }
                        if is("before-23") && text.contains("--validate") {
                            bad("dockerd knows no --validate before 23.0", text);
                        }
                        if of_podman && text.split([' ', '/', '.']).any(|word| ["docker", "dockerd"].contains(&word)) {
                            bad("it is podman's", text);
                        }
                    }
                    let says_boot = words.title.contains("at every boot");
                    let once = |command: &String| command.starts_with("sudo service docker");
                    let ends = words.undo.iter().any(|step| step.text().contains("until the next boot only"));
                    if says_boot && (ends || words.commands.iter().any(once)) {
                        bad("this starts it once", &words.title);
                    }
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Where a fix has a step for other systems only, it says that the step is missing, and nothing that follows it.
#[test]
fn a_missing_step_is_told() {
    let words = |check: &str, fix: &str, host: &str| {
        let tags: Vec<String> = host.split(' ').map(str::to_owned).collect();
        let (_, doc) = documents().into_iter().find(|(id, _)| *id == check).unwrap();
        report::general_fix(&report::find_fix(&doc, fix).unwrap(), &tags, &report::Known::nothing())
    };
    let unknown = "gentoo systemd no-snap rootful since-23";
    assert!(words("nvidia-toolkit", "install", unknown).commands.is_empty());
    let told = |host: &str| {
        let words = words("driver-capability", "repair-links", host);
        !words.commands.is_empty() && words.notes.iter().any(|note| note.starts_with("A step is missing after these"))
    };
    assert!(told(unknown));
    assert!(!told("debian systemd no-snap rootful since-23"));
}

/// A fix is for the engine that starts next, also where none answers.
#[test]
fn an_engine_that_is_down_has_its_packages_version() {
    for (version, tag) in [("20.10.24", "before-23"), ("28.1.0", "since-23")] {
        let package = Package { name: "docker.io".into(), version: version.into(), whole: true };
        let mut facts = Facts::default();
        facts.engine.packages = Fact::present(vec![package], "dpkg");
        assert!(facts.tags().iter().any(|one| one == tag), "{version}: {:?}", facts.tags());
    }
}

/// What programs say and gdoctor explains is either mended, or the code's second paragraph says what to do. An option that only a run
/// knows has general words.
#[test]
fn what_is_explained_says_what_to_do() {
    let mut problems = Vec::new();
    for (id, doc) in documents() {
        for code in &doc.codes {
            if !code.explains.is_empty() && code.fixes.is_empty() && code.detail.is_empty() {
                problems.push(format!("{id}/{}: programs say this, and what to do is not told", code.name));
            }
            let titles = code.fixes.iter().filter_map(|name| report::find_fix(&doc, name)).map(|fix| fix.title);
            let mut texts = [code.sentence, code.detail].into_iter().chain(titles);
            if texts.any(|text| text.contains("{flag}") || text.contains("uses {path}")) {
                problems.push(format!("{id}/{}: a riddle where nobody fills it: write {{flag|--gpus}}", code.name));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A fix's title says what its commands do, and a code's sentence what was seen. Neither leaves a choice to the reader: what else can
/// be done is a note. Of what no look sees (the notes' codes) several causes stay possible.
#[test]
fn nothing_leaves_a_choice_to_the_reader() {
    let mut problems = Vec::new();
    for (id, doc) in documents() {
        let is_note = NOTES.iter().any(|note| note.id == id);
        let sentences = doc.codes.iter().filter(|_| !is_note).map(|code| (code.name, code.sentence));
        for (name, text) in sentences.chain(doc.fixes.iter().map(|fix| (fix.name, fix.title))) {
            let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || ",;:".contains(c)).collect();
            let bounds = ["later", "newer", "older", "more", "less"];
            let chooses = words.windows(2).any(|pair| pair[0] == "or" && !bounds.contains(&pair[1].trim_matches('.')));
            if chooses || words.iter().any(|word| ["either", "and/or"].contains(word)) {
                problems.push(format!("{id}/{name}: an either-or: {text}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Turns of phrase that readers did not understand.
#[test]
fn nothing_is_a_riddle() {
    const RIDDLES: [&str; 13] = [
        " anew",
        "out of the way",
        "nothing is told of",
        "leads through",
        "goes out as",
        "nobody parts",
        "docker parts",
        "in good order",
        "holds every",
        "keeps no container from",
        "gets in by",
        "has no longer",
        "hand it on",
    ];
    let mut problems = Vec::new();
    for (id, doc) in documents() {
        let codes = doc.codes.iter().flat_map(|code| [code.sentence, code.detail]);
        let fixes = doc.fixes.iter().flat_map(|fix| fix.notes.iter().map(|note| note.text).chain([fix.title]));
        for text in codes.chain(fixes).chain([doc.checks, doc.why, doc.cannot_tell, doc.not_needed]) {
            let told = text.split_whitespace().collect::<Vec<_>>().join(" ");
            problems.extend(
                RIDDLES.iter().filter(|words| told.contains(**words)).map(|words| format!("{id}: {words:?}: {told}")),
            );
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What stands in a sentence where no host fills it is told of values that the document has, with words that a sentence takes.
#[test]
fn words_stand_for_values() {
    for (id, doc) in documents() {
        for (name, words) in &doc.words {
            // `SUBJECT` is the same value in a command.
            let has = |text: &str| text.contains(&format!("{{{}}}", name.to_ascii_lowercase()));
            let notes = |fix: &Fix<'static>| [&fix.notes[..], &fix.undo].concat().into_iter().map(|note| note.text);
            let fixes = doc.fixes.iter().flat_map(|fix| notes(fix).chain([fix.title]));
            let commands = doc.fixes.iter().flat_map(|fix| &fix.commands).map(|fence| fence.text);
            let commands = commands.chain(doc.find_out.iter().copied());
            let commands = commands.filter(|_| *name == "SUBJECT");
            let mut texts = doc.codes.iter().flat_map(|code| [code.sentence, code.detail]).chain(fixes).chain(commands);
            assert!(texts.any(has), "{id}: {name} is no value of a sentence");
            assert!(!words.is_empty() && !words.contains(['{', '`']), "{id}: {name}: {words}");
        }
    }
}

/// Where no look of gdoctor's can tell, a person can: each such check names the command.
#[test]
fn what_cannot_be_told_can_be_found_out() {
    let mut problems = Vec::new();
    for check in ALL {
        let doc = report::parse(check);
        // Of a container that was tried, the container tells.
        if doc.find_out.is_empty() && check.family.name != "proof" {
            problems.push(format!("{}: no `- find-out:` below `When it cannot tell`", check.id));
        }
        for command in &doc.find_out {
            let shell = Command::new("sh").args(["-n", "-c", &command.replace(['{', '}'], "")]).status().unwrap();
            if !shell.success() || command.contains("gdoctor explain") {
                problems.push(format!("{}: finds nothing out: {command}", check.id));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The text up to the next quote behind each place where `before` stands.
fn quoted_after<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let after = text.match_indices(before).map(|(at, _)| &text[at + before.len()..]);
    after.filter_map(|rest| rest.split_once('"').map(|(quoted, _)| quoted)).collect()
}

/// A code that a check names stands in its document, also where no row comes by.
#[test]
fn codes_that_a_check_names_are_its_own() {
    let mut problems = Vec::new();
    for check in ALL {
        let doc = report::parse(check);
        for file in rust_files(&root().join("checks").join(check.folder())) {
            let text = fs::read_to_string(&file).unwrap();
            let makers =
                ["Finding::pass(\"", "Finding::warn(\"", "Finding::fail(\"", "Finding::not_needed(\"", "NotNeeded(\""];
            for code in makers.iter().flat_map(|maker| quoted_after(&text, maker)) {
                if doc.code(code).is_none() {
                    problems.push(format!("{}: {}/{code} has no words", file.display(), check.id));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// `docker-access/not-in-group`, wherever src or a check names one, is the code or the fix of a check or a note.
#[test]
fn codes_that_others_name_exist() {
    let known: BTreeSet<String> = documents()
        .iter()
        .flat_map(|(id, doc)| {
            let names = doc.codes.iter().map(|code| code.name).chain(doc.fixes.iter().map(|fix| fix.name));
            names.map(|name| format!("{id}/{name}")).collect::<Vec<_>>()
        })
        .collect();
    let ids: BTreeSet<&str> = documents().iter().map(|(id, _)| *id).collect();
    let mut found = 0;
    for file in rust_files(&root().join("src")).into_iter().chain(rust_files(&root().join("checks"))) {
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let words = text.split('"').map(|word| word.trim_end_matches('\\'));
        for word in words.filter(|word| word.split_once('/').is_some_and(|(id, _)| ids.contains(id))) {
            assert!(known.contains(word), "{}: {word} is no code", file.display());
            found += 1;
        }
    }
    assert!(found > 0, "the code that a run line's image is still to be pulled is named, at least");
}

/// `{word}` left in a text.
fn unfilled(text: &str) -> Option<&str> {
    text.match_indices('{').find_map(|(at, _)| {
        let (name, _) = text[at + 1..].split_once('}')?;
        let value = name.split('|').next().unwrap_or_default();
        (!value.is_empty() && value.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
            .then(|| &text[at..at + name.len() + 2])
    })
}

#[test]
fn every_command_parses_as_shell_and_none_is_forbidden() {
    let forbidden = [
        "chmod 666",
        "chmod 777",
        "xhost +\n",
        "--privileged",
        "iptables=false",
        "iptables\": false",
        "rm -rf /var/lib",
        "seccomp=unconfined",
    ];
    for (id, doc) in documents() {
        for fix in &doc.fixes {
            let steps: Vec<Step<&str>> = fix.verify.iter().chain(&fix.undo).map(|line| line.step()).collect();
            let variable = |step: &&Step<&str>| step.text().split(' ').next().is_some_and(|word| word.contains('='));
            let taken = steps.iter().filter(|step| step.command().is_none()).find(variable);
            assert_eq!(taken, None, "{id}: fix {}: a command that would be taken for a sentence", fix.name);
            let lines = steps.iter().filter_map(Step::command);
            for commands in fix.commands.iter().map(|fence| fence.text).chain(lines) {
                let script = commands.replace(['{', '}'], "");
                let status = Command::new("sh").args(["-n", "-c", &script]).status().unwrap();
                assert!(status.success(), "{id}: fix {}: not shell:\n{commands}", fix.name);
                let text = format!("{commands}\n");
                for word in forbidden {
                    assert!(!text.contains(word), "{id}: fix {} advises {word:?}", fix.name);
                }
            }
        }
    }
}

/// The table "Who may import whom" of docs/architecture.md.
#[test]
fn imports_follow_the_table() {
    // Where parts meet: main.rs, lib.rs, commands.rs, say.rs, run.rs, and the door of fuzz/. All others are named here, each with
    // what it may use.
    let meeting = ["main", "lib", "commands", "say", "run", "foreign"];
    let rules: &[(&str, &[&str])] = &[
        ("cli", &["policy", "reference"]),
        ("hint", &["cli", "explain", "need"]),
        ("correction", &[]),
        ("document", &[]),
        ("drawn", &[]),
        ("judge", &["own"]),
        ("policy", &[]),
        ("reference", &[]),
        ("secret", &[]),
        ("deliver", &["cli", "host", "plan", "render", "report"]),
        ("diff", &["document", "report", "run", "snapshot"]),
        ("explain", &["cli", "host", "judge", "need", "policy", "report"]),
        ("fix", &["explain", "host", "policy", "probe", "report"]),
        ("fleet", &["cli::FleetFormat", "document", "host", "policy", "render", "report", "run", "snapshot"]),
        ("host", &["document"]),
        ("live", &["host", "judge", "policy", "probe", "render", "report"]),
        ("manual", &["cli", "explain", "report"]),
        ("native", &["cli::ProbeKind", "host::child"]),
        ("need", &["cli", "host", "own", "reference", "secret"]),
        ("own", &["cli", "document", "host"]),
        ("pictures", &["host"]),
        ("plan", &["cli", "host", "live", "render"]),
        ("probe", &["document", "host", "own"]),
        ("prove", &["explain", "host", "need", "policy", "probe", "secret"]),
        ("render", &["policy", "report"]),
        ("report", &["correction", "drawn", "judge", "need", "policy", "secret", "snapshot"]),
        ("snapshot", &["document", "need", "probe", "secret"]),
        ("suggest", &["judge", "need", "policy", "report"]),
    ];
    let modules = fs::read_dir(root().join("src")).unwrap().flatten().map(|entry| entry.path());
    for module in modules {
        let name = module.file_stem().unwrap().to_str().unwrap();
        if meeting.contains(&name) {
            continue;
        }
        let Some((_, allowed)) = rules.iter().find(|(known, _)| *known == name) else {
            panic!("src/{name} is not in the table");
        };
        for file in rust_files(&module) {
            let text = fs::read_to_string(&file).unwrap();
            for (at, _) in text.match_indices("crate::") {
                let used = &text[at + "crate::".len()..];
                if text[..at].ends_with(['_', ':']) || text[..at].ends_with("pub(in ") {
                    continue;
                }
                let fits = allowed.iter().chain([&name]).any(|prefix| used.starts_with(*prefix));
                let used = used.split([';', ' ', '(']).next().unwrap_or_default();
                assert!(fits, "{}: {used} is not in the table", file.display());
            }
        }
    }
    for check in ALL {
        for file in rust_files(&root().join("checks").join(check.folder())) {
            let text = fs::read_to_string(&file).unwrap();
            for (at, _) in text.match_indices("crate::") {
                let fits = ["crate::model", "crate::readings"].iter().any(|prefix| text[at..].starts_with(prefix));
                assert!(fits, "{}: a check may use the model and readings only", file.display());
            }
        }
    }
}

fn rust_files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_path_buf()];
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(place).unwrap().flatten() {
        if entry.path().is_dir() {
            files.extend(rust_files(&entry.path()));
        } else if entry.path().extension().is_some_and(|e| e == "rs") {
            files.push(entry.path());
        }
    }
    files
}

#[test]
fn a_row_reads_as_it_is_written() {
    let client = ALL.iter().find(|check| check.id == "docker-client").unwrap();
    let table = Table::read(&cases_path(client));
    let lines: Vec<String> = table
        .cases
        .iter()
        .flat_map(|c| judge(client, &c.facts, &c.need).iter().map(line_of).collect::<Vec<_>>())
        .collect();
    assert_eq!(lines.first().map(String::as_str), Some("pass found"));
}

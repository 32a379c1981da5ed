//! `gdoctor fix` on failures made for real in the lab's machines: what it offers it mends, and `--undo` leaves /etc equal to the byte
//! and the failure told again. Then what can go wrong: an end at any moment, a file system that is full or read-only, a file that
//! somebody changes in between, no sudo.
#![allow(clippy::disallowed_methods)]

mod failures;
mod part;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use failures::{Case, LOOK, Machine, Shared, cases};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

/// As many of the tables' failures at least are mended by gdoctor itself; the others' fixes are for the reader to decide.
const MENDED: usize = 36;
/// A run is ended by SIGKILL at as many moments.
const KILLS: u64 = 50;
/// Microseconds that the commands of a fix take about here, from the first on.
const WORK: u64 = 6_000;
/// So often is looked for the failure of before, a second apart: a daemon comes up, or gives up.
const TURNS: usize = 20;

fn main() {
    let arguments = failures::arguments();
    let (plain, systemd) = (Shared::new(&[]), Shared::new(&["--systemd"]));
    let mended: Arc<Mutex<Vec<String>>> = Arc::default();
    let mut trials = Vec::new();
    // The longest begin first.
    for (name, test) in [
        ("an end at any moment is told and taken back", killed as fn(&Machine) -> Result<(), String>),
        ("only what is named is done", only_what_is_named),
        ("what cannot be written is told beforehand", unwritable),
        ("a full disk leaves everything as it was", full_disk),
        ("a file that others change is left alone", changed_by_others),
        ("what was taken back in part is taken back whole later", taken_back_in_part),
        ("the journal tells of a fix that is at work", at_work),
        ("containers that outlast dockerd are told", outlasting),
        ("a file that changes while it is asked is left alone", changed_in_between),
        ("without sudo a user is told, and root needs none", no_sudo),
        ("sudo asks for the password itself", asks_password),
        ("what root does in a user's folder stays the user's", keeps_owners),
        ("fixes of one file are taken back in their order", taken_back_in_order),
        ("what would let everybody in is only shown, what keeps them out is done", opens_and_closes),
        ("a file with another name, or too large, is left alone", shared_and_large),
    ] {
        let shared = plain.clone();
        let alone = move |machine: &Machine| {
            test(machine)?;
            machine.as_root(RESTORED);
            back_to_health(machine)
        };
        trials.push(Trial::test(name, move || shared.with(alone)));
    }
    trials.push(Trial::test("NVIDIA's settings, and containers that would lose GPUs", || {
        Machine::start(&["--systemd"]).map_or(Ok(()), |machine| of_nvidia(&machine).map_err(Failed::from))
    }));
    for (name, test) in [
        ("systemd counts no start that a fix or an undo makes", started_often as fn(&Machine) -> Result<(), String>),
        ("an undo stops what did not run, and leaves running what would not start again", services_as_before),
        ("a drop-in that is read later is named", later_drop_in),
        ("hosts in both places, and dockerd keeps its other options", keeps_options),
        ("a socket that its unit opens stays closed", closed_by_its_unit),
    ] {
        let shared = systemd.clone();
        trials.push(Trial::test(name, move || shared.with(test)));
    }
    for (table, shared) in [("fixes.toml", &plain), ("systemd.toml", &systemd)] {
        for case in
            cases(table).into_iter().filter(|case| case.before.first().is_some_and(|line| !line.starts_with("unknown")))
        {
            let (shared, mended) = (shared.clone(), mended.clone());
            trials.push(Trial::test(format!("{table} :: {}", case.title()), move || {
                shared.with(|machine| mended_and_taken_back(machine, &case, &mended))
            }));
        }
    }
    let all = arguments.filter.is_none() && !arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    let (mended, had_machine) = (mended.lock().unwrap().clone(), plain.had_machine());
    println!("mended by gdoctor and taken back: {}\n{}", mended.len(), mended.join("\n"));
    // The machines end here, not with the process.
    drop((plain, systemd));
    assert!(!all || !had_machine || mended.len() >= MENDED, "{} are too few", mended.len());
    assert!(
        !all || !had_machine || mended.iter().any(|one| one.ends_with(" cgroupfs-mount")),
        "no package was brought"
    );
    conclusion.exit();
}

/// Everything in the folders that fixes write to: kind, owner, mode, and content or target.
fn fingerprint(machine: &Machine) -> BTreeMap<String, String> {
    let script = r#"
for place in /etc /root/.docker /home/labuser/.docker /home/labuser/.config; do
  [ -e "$place" ] || continue
  # dockerd's own: its key, and the folder that it makes for it when it starts.
  find "$place" -name key.json -o -path /etc/docker -o -printf '%p\t%y %m %U:%G %l\n'
  find "$place" -name key.json -o -type f -exec sha256sum {} + | sed 's/^\([^ ]*\) *\(.*\)/\2\t\1/'
done
"#;
    let mut print: BTreeMap<String, String> = BTreeMap::new();
    for line in machine.as_root(script).lines() {
        if let Some((path, what)) = line.split_once('\t') {
            let known = print.entry(path.to_owned()).or_default();
            known.push_str(what);
            known.push(' ');
        }
    }
    print
}

/// Paths that differ, but for folders whose content alone does.
fn differing(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let all: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    all.into_iter().filter(|path| before.get(*path) != after.get(*path)).cloned().collect()
}

/// `gdoctor fix` in the case's shell; its document.
fn fix(machine: &Machine, case: &Case, arguments: &str) -> Result<Value, String> {
    let scope = LOOK.strip_prefix("gdoctor ").unwrap();
    let line = format!("gdoctor fix {arguments} {scope} {} >/look/shown 2>/look/errors", case.ask);
    let (_, document) = machine.shown_after(case, &line).map_err(|why| format!("fix {arguments}: {why}"))?;
    let schema: Value = serde_json::from_str(include_str!("../docs/gdoctor-fix-1.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> =
        validator.iter_errors(&document).map(|e| format!("{e} at {}", e.instance_path())).collect();
    if wrong.is_empty() { Ok(document) } else { Err(format!("{wrong:#?}\n{document:#}")) }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The steps of a code.
fn steps<'a>(document: &'a Value, list: &str, code: &str) -> Vec<&'a Value> {
    let is_of = |step: &&Value| step["causes"].as_array().is_some_and(|all| all.iter().any(|c| c["code"] == *code));
    document[list].as_array().into_iter().flatten().filter(is_of).collect()
}

fn mended_and_taken_back(machine: &Machine, case: &Case, mended: &Mutex<Vec<String>>) -> Result<(), String> {
    let before = machine.broken(case)?;
    let code = case.before.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let first = fingerprint(machine);
    let plan = fix(machine, case, "--plan")?;
    let all = steps(&plan, "steps", code);
    let planned = *all.first().ok_or_else(|| format!("no step for {code}: {plan:#}"))?;
    if planned["offered"] != true {
        println!("{code}: only shown: {}", planned["whyNot"].as_str().unwrap_or_default());
        return by_hand(machine, case, &before.fix(code));
    }
    let done = fix(machine, case, &format!("--yes={code}"))?;
    let results: Vec<&Value> = steps(&done, "done", code).iter().map(|step| &step["result"]).collect();
    let result = *results.first().ok_or_else(|| format!("{code} was not done: {done:#}"))?;
    if done["done"].as_array().map(Vec::len) != Some(all.len()) || results.len() != all.len() {
        return Err(format!("more was done than was named: {done:#}"));
    }
    let second = fingerprint(machine);
    let writes: Vec<String> = all.iter().flat_map(|step| texts(&step["writes"])).collect();
    let installs = texts(&planned["installs"]);
    let brought = files_of(machine, &installs);
    let is_unnamed = |path: &String| !writes.contains(path) && !brought.contains(path);
    let unnamed: Vec<String> = differing(&first, &second).into_iter().filter(is_unnamed).collect();
    if !unnamed.is_empty() {
        return Err(format!("{code} wrote what it does not name: {unnamed:?}"));
    }
    let (said, after) = machine.look_after(case, &case.then)?;
    let told = after.told();
    let by_hand = differing(&second, &fingerprint(machine));
    // A user's shell has its new groups after the next login only.
    let is_mended = told.is_empty() || (case.user && result["outcome"] == "told" && told != case.before);
    if !is_mended {
        return Err(format!("after its fix it tells {told:#?}\n{said}\n{done:#}"));
    }
    // A command can fail for another reason and the failure be mended all the same: `sysctl --system` sets all there is.
    if case.then.is_empty() && told.is_empty() != texts(&result["told"]).is_empty() {
        return Err(format!("it tells {told:#?} and {result:#}"));
    }
    let ids: Vec<&str> = results.iter().filter_map(|result| result["id"].as_str()).collect();
    let id = ids.join(",");
    if !installs.is_empty() {
        stays_while_needed(machine, case, &id, &installs)?;
    }
    let (said, _) = machine.look_after(case, &format!("gdoctor fix --undo {id}"))?;
    // What does not start after it did not run before the fix: that is no failure of the undo.
    if said.contains("Failed: ") {
        return Err(format!("taking back failed: {said}"));
    }
    // What only restarts something has nothing to take back.
    let commands =
        planned["undo"].as_array().is_some_and(|lines| lines.iter().any(|line| line.get("command").is_some()));
    if commands || !texts(&result["changed"]).is_empty() {
        let undone = case.undone.as_ref().unwrap_or(&case.before);
        let mut last = Vec::new();
        for _ in 0..TURNS {
            last = machine.look_after(case, "")?.1.told();
            if last == *undone {
                break;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        if last != *undone {
            return Err(format!("taken back, it tells {last:#?}, not {undone:#?}\n{said}"));
        }
    }
    let unlike: Vec<String> =
        differing(&first, &fingerprint(machine)).into_iter().filter(|path| !by_hand.contains(path)).collect();
    if !unlike.is_empty() {
        return Err(format!("taken back, these differ: {unlike:?}\n{said}"));
    }
    if !files_of(machine, &installs).is_empty() {
        return Err(format!("taken back, these are still installed: {installs:?}\n{said}"));
    }
    let outcome = result["outcome"].as_str().unwrap_or_default();
    mended.lock().unwrap().push(format!("{code} ({outcome}) {}", installs.join(" ")));
    // Once more, for the next case.
    let again = machine.look_after(case, "")?.1.told();
    if let Some(code) = again.first().and_then(|line| line.split(' ').nth(1)) {
        fix(machine, case, &format!("--yes={code}"))?;
    }
    machine.look_after(case, &case.then)?;
    machine.as_root(&case.restore);
    back_to_health(machine)
}

/// What has come to need a package keeps it, and is not taken away with it.
fn stays_while_needed(machine: &Machine, case: &Case, id: &str, installs: &[String]) -> Result<(), String> {
    let control = format!(
        "mkdir -p /tmp/needs/DEBIAN; printf 'Package: needs\\nVersion: 1\\nArchitecture: all\\nMaintainer: lab <lab@localhost>\\n\
         Depends: {}\\nDescription: of the lab\\n' >/tmp/needs/DEBIAN/control",
        installs[0]
    );
    let (said, _) = machine.look_after(case, &format!(
        "{control}\ndpkg-deb --build /tmp/needs /tmp/needs.deb; dpkg -i /tmp/needs.deb\n\
         apt-get -s remove {0} | grep Remv; cp -a /var/lib/gdoctor /tmp/journal; gdoctor fix --undo {id}; dpkg -s {0} needs | grep -c 'ok installed'\n\
         dpkg --purge needs; rm -rf /var/lib/gdoctor; mv /tmp/journal /var/lib/gdoctor", installs[0]))?;
    let told = ["needs would be removed with them", "\n2\n"];
    is(told.iter().all(|word| said.contains(word)), || said.clone())
}

/// The files of packages that are installed.
fn files_of(machine: &Machine, packages: &[String]) -> Vec<String> {
    let list = |name: &String| format!("! dpkg -s {name} 2>/dev/null | grep -q 'ok installed' || dpkg -L {name}\n");
    machine.as_root(&packages.iter().map(list).collect::<String>()).lines().map(str::to_owned).collect()
}

/// What is only shown is pasted, for the next case.
fn by_hand(machine: &Machine, case: &Case, lines: &[String]) -> Result<(), String> {
    machine.as_root(&format!("cat >/editor <<'EDIT'\n#!/bin/bash\n{}\nEDIT\nchmod 755 /editor", case.edit));
    // Each prune asks before it deletes.
    let answered = |line: &String| format!("{line}{}\n", if line.ends_with(" prune") { " <<<y" } else { "" });
    machine.look_after(case, &format!("{}{}", lines.iter().map(answered).collect::<String>(), case.then))?;
    machine.as_root(&case.restore);
    back_to_health(machine)
}

/// Err: another machine has to take its place.
fn back_to_health(machine: &Machine) -> Result<(), String> {
    // systemd counts the starts of all these turns.
    machine.as_root("[ ! -d /run/systemd/system ] || { systemctl reset-failed; systemctl start docker; }");
    let told = machine.look_after(&Case::default(), "await docker version")?.1.told();
    if told.is_empty() { Ok(()) } else { Err(format!("at the end it tells {told:#?}")) }
}

/// A host on which forwarding is off, by a file.
const FORWARDING: &str =
    "echo 'net.ipv4.ip_forward = 0' >/etc/sysctl.d/90-hardening.conf; sysctl -qp /etc/sysctl.d/90-hardening.conf";
/// What these tests leave.
const RESTORED: &str = "rm -rf /var/lib/gdoctor /etc/sysctl.d/9*; echo 1 >/proc/sys/net/ipv4/ip_forward";
const CODE: &str = "docker-forwarding/off-by-file";
const FIX: &str = "gdoctor fix --only docker-forwarding --timeout 30s";

/// What root's shell says.
fn said(machine: &Machine, script: &str) -> String {
    machine.as_root(&format!("{FORWARDING}\n{script}"))
}

fn is(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

fn only_what_is_named(machine: &Machine) -> Result<(), String> {
    said(machine, "");
    let first = fingerprint(machine);
    for arguments in ["", "--plan", "--yes=docker-mtu/smaller-way-out", "--yes-safe"] {
        let text = said(machine, &format!("{FIX} {arguments}; echo code $?"));
        is(text.contains(CODE) && text.contains("code 0"), || format!("{arguments}: {text}"))?;
        is(!text.contains("  > "), || format!("{arguments} did something: {text}"))?;
        is(fingerprint(machine) == first, || format!("{arguments} wrote"))?;
    }
    // What needs no root and restarts nothing.
    let leftover = "docker context create desktop-linux --docker host=unix:///root/.docker/desktop/docker.sock; docker context use desktop-linux";
    let safe = "gdoctor fix --yes-safe --only docker-endpoint,docker-forwarding --timeout 30s";
    let text = said(machine, &format!("{leftover}\n{safe}; gdoctor fix --undo; docker context show; rm -rf ~/.docker"));
    let done = ["> docker --context default context use default", "Mended", "\ndesktop-linux"];
    is(done.iter().all(|word| text.contains(word)) && text.matches("  > ").count() == 1, || text.clone())?;
    // An access list and a label stay on what is edited, and come back.
    let python = |what: &str| format!("python3 -c 'import os; {what}'");
    let label = python("os.setxattr(\"/etc/docker/daemon.json\", \"security.selinux\", b\"lab_t\")");
    let marks = format!("{label}; setfacl -m u:labuser:r /etc/docker/daemon.json");
    let shown = python("print(os.getxattr(\"/etc/docker/daemon.json\", \"security.selinux\"))");
    let see = format!("{shown}; getfacl -pc /etc/docker/daemon.json");
    let script = format!(
        "mkdir -p /etc/docker; printf '{{ \"debug\" : false }}' >/etc/docker/daemon.json; {marks}; ({see}) >/tmp/first; grep -q lab_t /tmp/first && echo marked\n\
         ip link set net0 mtu 1380; gdoctor fix --only docker-mtu --timeout 30s --yes=docker-mtu/smaller-way-out >/dev/null\n\
         cat /etc/docker/daemon.json; ({see}) | diff - /tmp/first && echo kept; gdoctor fix --undo >/dev/null\n\
         ({see}) | diff - /tmp/first && echo back; cat /etc/docker/daemon.json\n\
         rm -r /etc/docker; ip link set net0 mtu 1500; service docker restart; await docker version"
    );
    let text = said(machine, &script);
    let marked = ["{ \"debug\" : false, \"mtu\": 1380 }", "marked\n", "kept\n", "back\n{ \"debug\" : false }"];
    is(marked.iter().all(|word| text.contains(word)), || text.clone())?;
    said(machine, "rm -rf /var/lib/gdoctor");
    let text = said(machine, "gdoctor fix --yes=docker-forwarding/no-such-code; echo code $?; ls /var/lib/gdoctor");
    is(text.contains("code 2") && text.contains("cannot access"), || text.clone())
}

/// systemd takes three starts of docker.service within a minute (StartLimitBurst=3); these are four after its own.
fn started_often(machine: &Machine) -> Result<(), String> {
    let turn = "gdoctor fix --only docker-mtu --timeout 30s --yes=docker-mtu/smaller-way-out; gdoctor fix --undo; systemctl is-active docker\n";
    let script =
        format!("ip link set net0 mtu 1380; await docker version\n{}ip link set net0 mtu 1500", turn.repeat(2));
    let text = machine.as_root(&script);
    let (back, active) =
        (text.matches("stands as before").count(), text.lines().filter(|line| *line == "active").count());
    is((back, active) == (2, 2) && !text.contains("Failed"), || text.clone())?;
    back_to_health(machine)
}

const FIX_DOCKER: &str = "gdoctor fix --only docker --timeout 30s";
/// What the trials with systemd leave.
const UNIT_RESTORED: &str = "rm -rf /var/lib/gdoctor /etc/docker /etc/systemd/system/docker.service.d /etc/systemd/system/docker.socket.d\n\
    systemctl daemon-reload; systemctl stop docker.socket docker.service; systemctl reset-failed; systemctl start docker.socket docker.service\n\
    await docker version";

/// What root's shell says in a machine with systemd, which is then as before.
fn said_by_systemd(machine: &Machine, script: &str) -> Result<String, String> {
    let text = machine.as_root(script);
    machine.as_root(UNIT_RESTORED);
    back_to_health(machine).map_err(|why| format!("{why}\n{text}"))?;
    Ok(text)
}

fn services_as_before(machine: &Machine) -> Result<(), String> {
    let states = "systemctl is-active docker docker.socket | tr '\\n' ' '; stat -c '%u:%g' /run/docker.sock 2>&1";
    // dockerd runs, and its file would keep it from the next start.
    let script = format!(
        "mkdir -p /etc/docker; printf '{{\\n \"debug\": false,\\n}}\\n' >/etc/docker/daemon.json; docker run -d --name outlives lab/busybox:1 sleep 1000\n\
         {FIX_DOCKER} --yes=docker-config/broken-since-start; docker start outlives; gdoctor fix --undo; {states}; docker ps --format '{{{{.Names}}}} lives'; docker rm -f outlives"
    );
    let text = said_by_systemd(machine, &script)?;
    let told = ["Mended", "Docker is left running", "stands as before", "active active", "outlives lives"];
    is(told.iter().all(|word| text.contains(word)), || text.clone())?;
    // Another fix would have dockerd read that file.
    let script = format!(
        "mkdir -p /etc/docker /etc/systemd/system/docker.service.d; echo '{{' >/etc/docker/daemon.json\n\
         echo 'LimitNPROC=infinity' >/etc/systemd/system/docker.service.d/a.conf; systemctl daemon-reload\n\
         {FIX_DOCKER} --yes=docker-unit/line-ignored; systemctl is-active docker"
    );
    let text = said_by_systemd(machine, &script)?;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    is(
        words.contains("would not come up before docker-config/broken-since-start is mended")
            && text.contains("\nactive"),
        || text.clone(),
    )?;
    // Neither service nor socket ran: no group for the socket, and its number is nobody's afterwards.
    let script = format!(
        "systemctl stop docker.socket docker.service; cp /etc/group /etc/gshadow /root; sed -i '/^docker:/d' /etc/group /etc/gshadow; systemctl start docker\n\
         {FIX_DOCKER} --yes=docker-engine/no-socket-group; gdoctor fix --undo; {states}; cp /root/group /root/gshadow /etc/"
    );
    let text = said_by_systemd(machine, &script)?;
    let told = ["Mended", "before the fix these did not run", "stands as before", "inactive inactive stat: cannot"];
    is(told.iter().all(|word| text.contains(word)), || text.clone())?;
    // The same number by an undo that tells of no command: the bytes of /etc/group go.
    let script = format!(
        "cp /etc/group /etc/gshadow /root; sed -i '/^docker:/d' /etc/group /etc/gshadow; chgrp root /run/docker.sock\n\
         setpriv --reuid=labuser --regid=labuser --clear-groups env HOME=/home/labuser USER=labuser {FIX_DOCKER} --yes=docker-access/owned-by-root\n\
         {states}; setpriv --reuid=labuser --regid=labuser --clear-groups env HOME=/home/labuser USER=labuser gdoctor fix --undo; {states}\n\
         rm -rf /home/labuser/.local; cp /root/group /root/gshadow /etc/"
    );
    let text = said_by_systemd(machine, &script)?;
    let stands = text.contains("sudo chgrp root /run/docker.sock") && !text.contains("These do not run");
    is(stands && text.contains("active active 0:0"), || text.clone())?;
    // Hosts in both places: the socket that systemd holds has its file again.
    let script = format!(
        "mkdir -p /etc/docker; echo '{{\"hosts\": [\"unix:///var/run/docker.sock\"]}}' >/etc/docker/daemon.json; systemctl restart docker; await is ActiveState failed\n\
         {FIX_DOCKER} --yes=docker-config/hosts-twice; gdoctor fix --undo; {states}\n\
         rm -r /etc/docker; systemctl reset-failed docker docker.socket; systemctl start docker; docker version --format 'answers {{{{.Server.Os}}}}'"
    );
    let text = said_by_systemd(machine, &script)?;
    let told = ["Mended", "stands as before", "inactive", "answers linux"];
    is(told.iter().all(|word| text.contains(word)) && !text.contains("Failed: "), || text.clone())
}

fn later_drop_in(machine: &Machine) -> Result<(), String> {
    let script = format!(
        "mkdir -p /etc/docker /etc/systemd/system/docker.service.d; echo '{{\"hosts\": [\"unix:///var/run/docker.sock\"]}}' >/etc/docker/daemon.json\n\
         printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/dockerd -H fd://\\n' >/etc/systemd/system/docker.service.d/zzz.conf; systemctl daemon-reload\n\
         systemctl restart docker; await is ActiveState failed; {FIX_DOCKER} --yes=docker-config/hosts-twice; echo code $?"
    );
    let text = said_by_systemd(machine, &script)?;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = "/etc/systemd/system/docker.service.d/zzz.conf, which is read after what it would write, sets ExecStart= itself";
    is(words.contains(told) && words.contains("code 1") && !text.contains("  > "), || text.clone())
}

/// The drop-in with a bare command would lose them: the file is the reader's to edit, and that is enough for a start.
fn keeps_options(machine: &Machine) -> Result<(), String> {
    machine.as_root("printf '#!/bin/bash\\necho {} >$1\\n' >/editor; chmod 755 /editor");
    let script = "mkdir -p /etc/docker /etc/systemd/system/docker.service.d; echo '{\"hosts\": [\"unix:///var/run/docker.sock\"]}' >/etc/docker/daemon.json\n\
         printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/dockerd -H fd:// --label=kept=yes\\n' >/etc/systemd/system/docker.service.d/own.conf\n\
         systemctl daemon-reload; systemctl restart docker; await is ActiveState failed";
    let broken = machine.as_root(script);
    let (_, before) = machine.look_after(&Case::default(), "")?;
    is(before.told() == ["fail docker-config/hosts-twice"], || format!("{:#?}\n{broken}", before.told()))?;
    let lines = before.fix("docker-config/hosts-twice").join("\n");
    let (said, after) = machine.look_after(
        &Case::default(),
        &format!("{lines}\nawait docker version; docker info --format '{{{{.Labels}}}}'"),
    )?;
    machine.as_root(UNIT_RESTORED);
    is(after.told().is_empty() && said.contains("[kept=yes]"), || format!("{:#?}\n{said}", after.told()))?;
    back_to_health(machine)
}

fn closed_by_its_unit(machine: &Machine) -> Result<(), String> {
    let script = format!(
        "mkdir -p /etc/systemd/system/docker.socket.d; printf '[Socket]\\nSocketMode=0666\\n' >/etc/systemd/system/docker.socket.d/open.conf\n\
         systemctl daemon-reload; systemctl restart docker.socket docker.service; await docker version; stat -c 'mode %a' /run/docker.sock\n\
         {FIX_DOCKER} --yes=docker-access/open-to-all; gdoctor fix --undo; systemctl daemon-reload; systemctl restart docker.socket docker.service; stat -c 'mode %a' /run/docker.sock"
    );
    let text = said_by_systemd(machine, &script)?;
    let modes: Vec<&str> = text.lines().filter(|line| line.starts_with("mode ")).collect();
    is(modes == ["mode 666", "mode 660"] && text.contains("Not taken back: Not advised"), || text.clone())
}

fn outlasting(machine: &Machine) -> Result<(), String> {
    let script = "id=$(docker run -d lab/busybox:1 sleep 1000); pkill -KILL -x dockerd; await ended dockerd\n\
         gdoctor fix --only docker-engine --timeout 30s --plan; echo ${id:0:12} was it; service docker start; await docker version; docker rm -f $id";
    let text = machine.as_root(script);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let id = text.lines().find_map(|line| line.strip_suffix(" was it")).unwrap_or("no container");
    is(words.contains(&format!("(containerd-shim) show: 1 ({id})")), || text.clone())
}

fn unwritable(machine: &Machine) -> Result<(), String> {
    let last = "/etc/sysctl.d/99-last.conf";
    for (before, told, after) in [
        (
            "mount --bind /etc/sysctl.d /etc/sysctl.d; mount -o remount,bind,ro /etc/sysctl.d",
            "is on a read-only file system",
            "umount /etc/sysctl.d",
        ),
        (
            "chattr +i /etc/sysctl.d/90-hardening.conf /etc/sysctl.d",
            "lies in /etc/sysctl.d, which is immutable",
            "chattr -R -i /etc/sysctl.d",
        ),
        // The file that is read last is the one that is edited.
        (
            &format!("cp /etc/sysctl.d/90-hardening.conf {last}; chattr +i {last}"),
            "is immutable",
            &format!("chattr -i {last}; rm {last}"),
        ),
        (
            &format!("cp /etc/sysctl.d/90-hardening.conf {last}; mount --bind {last} {last}"),
            "is mounted there by itself",
            &format!("umount {last}; rm {last}"),
        ),
    ] {
        // A sentence goes on in the next line.
        let text = said(machine, &format!("{before}\n{FIX} --yes={CODE}; echo code $?\n{after}"));
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        is(text.contains(told) && text.contains("code 1") && !text.contains(" > "), || format!("{before}: {text}"))?;
    }
    Ok(())
}

fn full_disk(machine: &Machine) -> Result<(), String> {
    said(machine, "");
    let first = fingerprint(machine);
    let full = |place: &str| {
        format!(
            "mkdir -p {place}; mount -t tmpfs -o size=16k full {place}; head -c 100000 /dev/zero >{place}/large 2>/dev/null"
        )
    };
    let text = said(machine, &format!("{}\n{FIX} --yes={CODE}; umount /var/lib/gdoctor", full("/var/lib/gdoctor")));
    is(text.contains("nothing was begun") && text.contains("No space left"), || text.clone())?;
    is(fingerprint(machine) == first, || "it wrote".to_owned())?;
    // The file of an edit by structure.
    let mtu = format!(
        "{}\nip link set net0 mtu 1380\ngdoctor fix --only docker-mtu --timeout 30s --yes=docker-mtu/smaller-way-out\n\
         echo left $(ls -A /etc/docker); ip link set net0 mtu 1500; umount /etc/docker",
        full("/etc/docker")
    );
    let text = said(machine, &mtu);
    is(text.contains("No space left") && text.contains("\nleft large\n"), || text.clone())?;
    is(fingerprint(machine) == first, || "something is left".to_owned())
}

fn changed_by_others(machine: &Machine) -> Result<(), String> {
    let file = "/etc/sysctl.d/99-docker-forward.conf";
    let text = said(
        machine,
        &format!(
            "{FIX} --yes={CODE} >/dev/null; echo '# mine' >>{file}; gdoctor fix --undo; echo code $?; cat {file}; rm {file}"
        ),
    );
    let left = ["has been changed since the fix: it was left as it is", "code 1", "# mine"];
    is(left.iter().all(|word| text.contains(word)), || text.clone())
}

fn taken_back_in_part(machine: &Machine) -> Result<(), String> {
    let file = "/etc/sysctl.d/99-docker-forward.conf";
    let script = format!(
        "rm -rf /var/lib/gdoctor; {FIX} --yes={CODE} >/dev/null; id=$(ls /var/lib/gdoctor/fixes); cp {file} /root/left; echo '# mine' >>{file}\n\
         gdoctor fix --undo $id; echo first $?; gdoctor fix --journal; gdoctor fix --undo; echo none $?\n\
         cp /root/left {file}; gdoctor fix --undo $id; echo second $?; gdoctor fix --journal; ls {file}; cat /proc/sys/net/ipv4/ip_forward"
    );
    let text = said(machine, &script);
    let told = [
        "first 1",
        "taken back in part; the rest: gdoctor fix --undo",
        "none 2",
        "second 0",
        "  taken back\n",
        "cannot access",
        "\n0\n",
    ];
    is(told.iter().all(|word| text.contains(word)), || text.clone())
}

/// Its command waits for a file.
fn at_work(machine: &Machine) -> Result<(), String> {
    let script = format!(
        "rm -rf /var/lib/gdoctor /go; mv /usr/sbin/sysctl /usr/sbin/sysctl.away\n\
         printf '#!/bin/sh\\nuntil [ -e /go ]; do sleep 0.05; done; exec /usr/sbin/sysctl.away \"$@\"\\n' >/usr/sbin/sysctl; chmod 755 /usr/sbin/sysctl\n\
         {FIX} --yes={CODE} >/dev/null 2>&1 & work=$!\n\
         await sh -c 'gdoctor fix --journal | grep -q \"is at work: sudo sysctl\"'; gdoctor fix --journal; gdoctor fix --undo; echo other $?\n\
         touch /go; wait $work; gdoctor fix --journal; mv /usr/sbin/sysctl.away /usr/sbin/sysctl"
    );
    let text = said(machine, &script);
    let told = ["is at work: sudo sysctl -p", "another gdoctor is at work there", "other 2", "  done\n"];
    is(told.iter().all(|word| text.contains(word)) && !text.contains("ended midway"), || text.clone())
}

fn changed_in_between(machine: &Machine) -> Result<(), String> {
    let file = "/etc/sysctl.d/99-docker-forward.conf";
    let script = format!(
        "rm -f /answers /screen; mkfifo /answers\n(exec 3<>/answers; script -qc '{FIX}' /dev/null <&3 >/screen 2>&1) & talk=$!\n\
         await grep -q 'uit?' /screen; echo '# mine' >{file}; echo a >/answers\n\
         await sh -c '[ $(grep -c uit? /screen) -ge 2 ]'; echo d >/answers\nwait $talk; cat /screen {file}; rm {file}"
    );
    let text = said(machine, &script);
    let told = ["has changed since it was shown", "nothing was begun", "# mine"];
    is(told.iter().all(|word| text.contains(word)), || text.clone())
}

fn no_sudo(machine: &Machine) -> Result<(), String> {
    let script = format!(
        "mv /usr/bin/sudo /usr/bin/sudo.away\n\
         setpriv --reuid=labuser --regid=labuser --clear-groups env HOME=/home/labuser gdoctor fix --plan --only docker-access\n\
         {FIX} --yes={CODE}\n cat /etc/sysctl.d/99-docker-forward.conf; gdoctor fix --undo\nmv /usr/bin/sudo.away /usr/bin/sudo"
    );
    let text = said(machine, &script);
    // The line of the group is shown before anything is done.
    let told = ["there is no sudo here", ":labuser\n", "+docker:", "net.ipv4.ip_forward = 1", "stands as before"];
    is(told.iter().all(|word| text.contains(word)), || text.clone())
}

/// dockerd on TCP without TLS makes root of whoever reaches it: no fix brings it about. A socket that is open to all is closed.
fn opens_and_closes(machine: &Machine) -> Result<(), String> {
    let fix = "gdoctor fix --only docker-config,docker-engine,docker-access --timeout 30s";
    let hosts = r#"[\"unix:///var/run/docker.sock\", \"tcp://127.0.0.1:2375\"]"#;
    let refused = "Docker would listen at tcp://127.0.0.1:2375 and ask nobody for a certificate";
    // Each keeps dockerd from its start, and is mended by an edit.
    for (file, options) in [
        (format!(r#"{{\"hosts\": {hosts},}}"#), ""),
        (format!(r#"{{\"hosts\": {hosts}, \"debug\": \"true\"}}"#), ""),
        (format!(r#"{{\"hosts\": {hosts}}}"#), "-H unix:///var/run/docker.sock"),
    ] {
        let script = format!(
            "mkdir -p /etc/docker; cp /etc/default/docker /root/options; echo 'DOCKER_OPTS=\"{options}\"' >>/etc/default/docker\n\
             echo \"{file}\" >/etc/docker/daemon.json; service docker restart; await grep -q 'unable to configure' /var/log/docker.log\n\
             {fix} --yes=docker-config/malformed,docker-config/wrong-kind,docker-config/hosts-twice; {fix} --plan; ss -Hltn sport = :2375\n\
             cp /root/options /etc/default/docker; rm -r /etc/docker; : >/var/log/docker.log; service docker restart; await docker version"
        );
        let text = said(machine, &script);
        let told = text.split_whitespace().collect::<Vec<_>>().join(" ");
        is(told.contains(refused) && !text.contains("  > ") && !text.contains("LISTEN"), || format!("{file}: {text}"))?;
    }
    let script = format!(
        "chmod 666 /var/run/docker.sock; {fix} --yes=docker-access/open-to-all; stat -c %a /var/run/docker.sock; gdoctor fix --undo; stat -c %a /var/run/docker.sock"
    );
    let text = said(machine, &script);
    let told = ["Mended", "Not taken back: Not advised", "660\n"];
    is(told.iter().all(|word| text.contains(word)) && !text.contains("666"), || text.clone())
}

fn shared_and_large(machine: &Machine) -> Result<(), String> {
    let fix = "gdoctor fix --only docker-mtu --timeout 30s --yes=docker-mtu/smaller-way-out";
    let file = "/etc/docker/daemon.json";
    let script = format!(
        "ip link set net0 mtu 1380; mkdir -p /etc/docker; echo '{{}}' >{file}; ln {file} /etc/docker/kept\n{fix}; stat -c '%h %s' {file}\n\
         rm /etc/docker/kept; head -c 17000000 /dev/zero | tr '\\0' ' ' >>{file}; {fix}; stat -c '%h %s' {file}\n\
         rm -r /etc/docker; ip link set net0 mtu 1500"
    );
    // A sentence goes on in the next line.
    let text = said(machine, &script).split_whitespace().collect::<Vec<_>>().join(" ");
    let told = ["it has other names (hard links)", " 2 3 ", "it is larger than 16 MiB", " 1 17000003"];
    is(told.iter().all(|word| text.contains(word)) && !text.contains(" > "), || text.clone())
}

/// On a terminal, as a user who has to give a password: sudo reads it there, and it is nowhere else.
fn asks_password(machine: &Machine) -> Result<(), String> {
    let script = "echo labuser:fish-4242 | chpasswd; cp /etc/sudoers.d/lab /root/lab; echo 'labuser ALL=(ALL) ALL' >/etc/sudoers.d/lab\n\
         rm -f /answers /screen; mkfifo /answers; chmod 666 /answers; : >/screen; chmod 666 /screen\n\
         user() { setpriv --reuid=labuser --regid=labuser --clear-groups env HOME=/home/labuser USER=labuser \"$@\"; }\n\
         (exec 3<>/answers; user script -qc 'gdoctor fix --only docker-access --timeout 30s' /dev/null <&3 >/screen 2>&1) & talk=$!\n\
         await grep -q 'uit?' /screen; echo d >/answers\n\
         await grep -q 'password for labuser' /screen; echo fish-4242 >/answers\n\
         await grep -q -e Done -e Failed /screen; kill -0 $talk && echo q >/answers; wait $talk; cat /screen\n\
         grep -rlq fish-4242 /home/labuser /screen && echo kept it\n\
         stat -c '%U %a' /home/labuser/.local/state/gdoctor/fixes; id -nG labuser\n\
         user sudo -K; user gdoctor fix --undo </dev/null; echo without $?\n\
         cp /root/lab /etc/sudoers.d/lab; user gdoctor fix --undo; id -nG labuser; usermod -p '*' labuser; rm -rf /home/labuser/.local/state";
    let text = said(machine, script);
    let told = [
        "Done",
        "labuser 700\n",
        "labuser docker\n",
        "sudo does not let this user through",
        "stands as before",
        "before.\nlabuser\n",
    ];
    is(told.iter().all(|word| text.contains(word)) && !text.contains("kept it"), || text.clone())
}

fn keeps_owners(machine: &Machine) -> Result<(), String> {
    let user = "setpriv --reuid=labuser --regid=labuser --clear-groups env HOME=/home/labuser";
    let fix = "HOME=/home/labuser gdoctor fix --only docker-endpoint,docker-credentials --timeout 30s";
    let text = said(
        machine,
        &format!(
            "{user} docker context create desktop-linux --docker host=unix:///home/labuser/.docker/desktop/docker.sock\n\
             {user} docker context use desktop-linux\n\
             {fix} --yes=docker-endpoint/leftover; grep -c currentContext /home/labuser/.docker/config.json; find /home/labuser/.docker -not -user labuser\n\
             {fix} --undo; find /home/labuser/.docker -not -user labuser; rm -rf /home/labuser/.docker"
        ),
    );
    let told = ["Mended", "\n0\n", "stands as before"];
    is(told.iter().all(|word| text.contains(word)) && !text.contains("\n/home"), || text.clone())?;
    // A command of root's makes a file where there was none: the folder's owner gets it.
    let text = said(
        machine,
        &format!(
            "{user} mkdir -p /home/labuser/.docker; echo '{{\"credsStore\": \"desktop\"}}' | {user} tee /home/labuser/.docker/config.json\n\
             {fix} --yes=docker-credentials/store-missing; ls /home/labuser/.docker; find /home/labuser/.docker -not -user labuser\n\
             {fix} --undo; ls /home/labuser/.docker; find /home/labuser/.docker -not -user labuser; rm -rf /home/labuser/.docker"
        ),
    );
    let made = text.matches("config.json.bak\n").count();
    is(made >= 1 && !text.contains("\n/home") && text.contains("stands as before"), || text.clone())
}

fn taken_back_in_order(machine: &Machine) -> Result<(), String> {
    let fix = "gdoctor fix --only docker-mtu,docker-iptables --timeout 30s";
    let script = format!(
        "rm -rf /var/lib/gdoctor; mkdir -p /etc/docker; echo '{{\"iptables\": false}}' >/etc/docker/daemon.json\n\
         ip link set net0 mtu 1380; service docker restart; await docker version\n\
         {fix} --yes=docker-iptables/switched-off; {fix} --yes=docker-mtu/smaller-way-out; cat /etc/docker/daemon.json\n\
         set -- $(ls /var/lib/gdoctor/fixes); gdoctor fix --undo $1; echo alone $?; gdoctor fix --undo $1,$2; echo both $?\n\
         cat /etc/docker/daemon.json; rm -r /etc/docker; ip link set net0 mtu 1500; service docker restart; await docker version"
    );
    let text = said(machine, &script);
    let told = ["{\n  \"mtu\": 1380\n}", "was changed by the later fix", "alone 2", "both 0\n{\"iptables\": false}"];
    is(told.iter().all(|word| text.contains(word)), || text.clone())
}

/// A host with NVIDIA's driver and toolkit, as far as files show them: the hook is a program that does nothing.
const NVIDIA: &str = r#"
mkdir -p /tmp/pci/devices/0000:01:00.0 /tmp/pci/drivers/nvidia
cd /tmp/pci/devices/0000:01:00.0; echo 0x10de >vendor; echo 0x030000 >class; echo 0x2684 >device
ln -s ../../drivers/nvidia driver; touch ../../drivers/nvidia/bind; mount --bind /tmp/pci /sys/bus/pci
for module in /sys/module/* /sys/module/nvidia; do mkdir -p "/tmp/module/${module##*/}"; done
echo 550.54.15 >/tmp/module/nvidia/version; mount --bind /tmp/module /sys/module
printf 'Character devices:\n195 nvidia\n511 nvidia-uvm\n\nBlock devices:\n' >/tmp/devices; mount --bind /tmp/devices /proc/devices
for program in container-runtime-hook cdi-hook container-cli container-runtime ctk smi; do
  printf '#!/bin/sh\nexit 0\n' >/usr/bin/nvidia-$program; chmod 755 /usr/bin/nvidia-$program
done
mkdir -p /etc/nvidia-container-runtime /etc/docker /etc/systemd/system/docker.service.d
echo '{"exec-opts": ["native.cgroupdriver=systemd"]}' >/etc/docker/daemon.json
printf '[Service]\nEnvironment="NO_PROXY=a%%40b"\n' >/etc/systemd/system/docker.service.d/proxy.conf
systemctl daemon-reload; systemctl restart docker; await docker version
docker run -d --name with --gpus all lab/busybox:1 sleep 1000; docker run -d --name without lab/busybox:1 sleep 1000
"#;

/// Keys of NVIDIA's config.toml that keep GPUs out, with the lines that differ after the fix.
const KEYS: [(&str, &str, &str, &str); 4] = [
    ("nvidia-config/no-cgroups", "no-cgroups = false", "no-cgroups = true", "no-cgroups = false"),
    ("nvidia-config/ldconfig", "ldconfig = \"@/sbin", "ldconfig = \"/sbin", "ldconfig = \"@/sbin"),
    ("nvidia-config/mode", "mode = \"auto\"", "mode = \"automatic\"", "mode = \"auto\""),
    ("nvidia-config/require-off", "disable-require = false", "disable-require = true", "disable-require = false"),
];
const CONFIG: &str = "disable-require = false # all\n#accept = 1\n\n[nvidia-container-cli]\n# of this host\nno-cgroups = false # why\nldconfig = \"@/sbin/ldconfig\"\n\n[nvidia-container-runtime]\nmode = \"auto\"\n";

fn of_nvidia(machine: &Machine) -> Result<(), String> {
    let made = machine.as_root(NVIDIA);
    let fix = "gdoctor fix --timeout 30s";
    let unit = machine.as_root(&format!("{fix} --plan --only docker-unit"));
    let told = ["+Environment=\"NO_PROXY=a%%40b\"", "Containers that stop: without, with\n", "started again: with\n"];
    is(told.iter().all(|word| unit.contains(word)), || format!("{made}\n{unit}"))?;
    for (code, well, broken, after) in KEYS {
        let (broken, after) = (CONFIG.replace(well, broken), CONFIG.replace(well, after));
        let path = "/etc/nvidia-container-runtime/config.toml";
        let script = format!(
            "cat >{path} <<'TOML'\n{broken}TOML\n{fix} --gpu --only nvidia-config --yes={code}; echo code $?\n\
             await docker version; cat {path}; gdoctor fix --undo; cat {path}"
        );
        let text = machine.as_root(&script);
        let told = ["Mended", after.as_str(), "stands as before", broken.as_str()];
        is(told.iter().all(|word| text.contains(word)), || format!("{code}: {text}"))?;
    }
    Ok(())
}

fn killed(machine: &Machine) -> Result<(), String> {
    said(machine, "rm -rf /var/lib/gdoctor");
    let first = fingerprint(machine);
    let mut stood = [0; 3];
    // A generator of Knuth's: the same moments in every run.
    let mut seed: u64 = 20_261_129;
    for kill in 0..KILLS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = (seed >> 33) % WORK;
        // Every other one is ended while it takes the fix back.
        let (before, work) = match kill % 2 {
            0 => ("true".to_owned(), format!("{FIX} --yes={CODE}")),
            _ => (format!("{FIX} --yes={CODE} >/dev/null 2>&1"), "gdoctor fix --undo 2>&1".to_owned()),
        };
        let script = format!(
            "rm -rf /var/lib/gdoctor; {before}\n: >/screen; {work} >/screen 2>&1 & gdoctor=$!\n\
             until grep -q -e '  > ' -e 'gdoctor: ' /screen || ! kill -0 $gdoctor 2>/dev/null; do :; done\n\
             sleep 0.{moment:06}; kill -KILL $gdoctor 2>/dev/null\n\
             wait $gdoctor 2>/dev/null; await ended sysctl; await ended tee\ngdoctor fix --journal; echo code $?\n\
             if gdoctor fix --journal | grep -v 'taken back$' | grep -q {CODE}; then gdoctor fix --undo; echo undone $?; fi"
        );
        let text = said(machine, &script);
        is(text.contains("code 0") && !text.contains("in vain"), || format!("{kill}: {text}"))?;
        let which =
            ["ended midway, while it was taken back", "ended midway", CODE].iter().position(|word| text.contains(word));
        stood[which.unwrap_or(2)] += 1;
        let now = fingerprint(machine);
        is(now == first, || format!("{kill}, after {moment} us: {:?}\n{text}", differing(&first, &now)))?;
    }
    println!("{KILLS} kills: {} midway back, {} midway, {} at their end", stood[0], stood[1], stood[2]);
    Ok(())
}

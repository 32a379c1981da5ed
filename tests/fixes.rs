//! Reported failures made for real in the lab's machine, one after another: what gdoctor says of each, its fix pasted into a shell
//! as printed, and a host without a red line after it; then what shows that it worked, what takes it back, and the fix once more.
//! tests/fixes.toml is the table; tests/systemd.toml has what only a host with systemd can suffer.
#![allow(clippy::disallowed_methods)]

mod failures;
mod part;

use failures::{Case, Machine, Shared, cases};
use libtest_mimic::Trial;

/// As many reported failures as this have to be in the table.
const FORTY: usize = 40;

/// Breaks, looks, mends, looks, takes it back, looks, mends again. What was pasted, or what went otherwise than the table says.
fn mend(machine: &Machine, case: &Case) -> Result<String, String> {
    let before = machine.broken(case)?;
    if case.before.is_empty() {
        return Ok("well".to_owned());
    }
    machine.as_root(&format!("cat >/editor <<'EDIT'\n#!/bin/bash\n{}\nEDIT\nchmod 755 /editor", case.edit));
    let code = case.before.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let mut lines = String::new();
    for line in before.fix(code) {
        // Each prune asks before it deletes.
        let answer = if line.ends_with(" prune") { " <<<y" } else { "" };
        lines.push_str(&format!("{line}{answer}\n"));
    }
    // The daemon answers a moment after `service` has come back.
    let wait = "pinged; for turn in $(seq 100); do ! docker version || break; sleep 0.1; done";
    let mend = format!("{lines}{}\n{wait}", case.then);
    let verify = before.steps(code, "verify");
    let others: Vec<&String> = verify.iter().filter(|line| !line.starts_with("gdoctor ")).collect();
    if !others.is_empty() {
        let (early, _) = machine.look_after(case, &shown_by(&others))?;
        if early.contains(&format!("{EXIT}0\n")) {
            return Err(format!("before the fix one of these ends well, too: {others:#?}\n{early}"));
        }
    }
    let shown = shown_by(&verify.iter().collect::<Vec<_>>());
    let (said, after) = machine.look_after(case, &format!("{mend}\n{shown}"))?;
    if !after.told().is_empty() {
        return Err(format!("after its fix it tells {:#?}\n{lines}\n{said}", after.told()));
    }
    let good = said.lines().filter(|line| *line == format!("{EXIT}0")).count();
    if case.unshown.is_empty() != (good == verify.len()) {
        return Err(format!("{good} of these end well after its fix: {verify:#?}\n{said}"));
    }
    // No package comes back without a network: of those that an undo removes it is only seen that they can be.
    let simulated = |line: String| line.replace("apt-get remove", "apt-get remove --simulate");
    let undo: Vec<String> = before.steps(code, "undo").into_iter().map(simulated).collect();
    if undo.is_empty() {
        return Ok(format!("{good} shown"));
    }
    let undone = case.undone.as_ref().unwrap_or(&case.before);
    let mut unlike = String::new();
    // What is taken back shows when the daemon has come up, or has given up.
    for turn in 0..UNDO_TURNS {
        let lines = if turn == 0 { undo.join("\n") } else { "sleep 1".to_owned() };
        let (said, again) = machine.look_after(case, &lines)?;
        let told = again.told();
        if told == *undone {
            unlike.clear();
            break;
        }
        unlike = format!("but {told:#?}\n{said}");
    }
    if !unlike.is_empty() {
        return Err(format!("undone, it tells not {undone:#?}\n{undo:#?}\n{unlike}"));
    }
    let (said, after) = machine.look_after(case, &mend)?;
    if !after.told().is_empty() {
        return Err(format!("mended once more, it tells {:#?}\n{lines}\n{said}", after.told()));
    }
    Ok(format!("{good} shown, undone"))
}

/// The lines, and how each ends. A machine that has much to do is slow.
fn shown_by(lines: &[&String]) -> String {
    let patient = |line: &str| match line.strip_prefix("gdoctor ") {
        Some(look) => format!("gdoctor --timeout 30s {look}"),
        None => line.to_owned(),
    };
    lines.iter().map(|line| format!("{}\nprintf '\\n{EXIT}%s\\n' $?\n", patient(line))).collect()
}

/// Before the exit status of a line that shows something.
const EXIT: &str = "exit status ";
/// So often is looked for the failure of before, a second apart.
const UNDO_TURNS: usize = 20;

/// Mends it and tidies up. A machine in which something went wrong is not used again.
fn go_through(machine: &Machine, case: &Case) -> Result<(), String> {
    let pasted = mend(machine, case)?;
    // systemd starts a service so often only, and the next case starts it again.
    let forget = "[ ! -d /run/systemd/system ] || systemctl reset-failed";
    machine.as_root(&format!("{forget}\n{}\nawait docker version", case.restore));
    println!("{}: {} … green, {pasted}", case.title(), case.before.join(", "));
    Ok(())
}

fn main() {
    let arguments = failures::arguments();
    let (plain, systemd) = (Shared::new(&[]), Shared::new(&["--systemd"]));
    let mut trials = Vec::new();
    let mut ids = Vec::new();
    for (table, shared) in [("fixes.toml", &plain), ("systemd.toml", &systemd)] {
        for case in cases(table) {
            ids.extend(case.corpus.iter().filter(|_| table == "fixes.toml").cloned());
            let shared = shared.clone();
            let name = format!("{table} :: {}", case.title());
            trials.push(Trial::test(name, move || shared.with(|machine| go_through(machine, &case))));
        }
    }
    println!("{} reported failures made for real: {}", ids.len(), ids.join(" "));
    assert!(ids.len() >= FORTY);
    let conclusion = libtest_mimic::run(&arguments, trials);
    // The machines end here, not with the process.
    drop((plain, systemd));
    conclusion.exit();
}

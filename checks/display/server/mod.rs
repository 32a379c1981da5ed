//! Does the X server that DISPLAY names accept this user as a client?

use crate::model::facts::display::{Address, Answer, FileKind, Name, Route, name_servers};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "display-server",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.display.as_ref(),
    tells: Tells::Display,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let display = &facts.display;
    let Some(name) = display.name.known()? else {
        let finding = unset(facts)?;
        let finding = match finding.code {
            "headless" if only_passes_on(need) => Finding::warn("headless", "virtual-server").with("servers", ""),
            _ => finding,
        };
        return Ok(finding.saw(&display.name).into());
    };
    if let Address::Malformed(why) = &name.address {
        let finding = Finding::fail("malformed", "set-display").with("why", why).with("display", name);
        return Ok(finding.with("number", a_number(facts)).saw(&display.name).into());
    }
    let Some(answer) = display.mine.known()? else {
        return Err(Stop::Unknown(Gap::Bug("no handshake was tried".into()), display.mine.source.clone()));
    };
    let finding = match answer {
        Answer::Accepted { screens } => reached(facts, name, *screens),
        Answer::Rejected(_) => return Err(Stop::blocked_by("display-cookie")),
        Answer::Full => Finding::fail("full", "find-leaker"),
        Answer::Denied => Finding::fail("socket-denied", "repair-folder").with("uid", this_uid(facts)),
        Answer::Unreachable(why) => Finding::fail("host-unreachable", "set-display").with("why", why),
        Answer::NotThere | Answer::NobodyListens => nobody(facts, name)?,
    };
    let finding = match finding.values.contains_key("number") {
        true => finding,
        false => finding.with("number", a_number(facts)),
    };
    Ok(finding.with("display", name).saw(&display.name).saw(&display.mine).saw(&display.route).into())
}

/// A script passes DISPLAY on into a shell, as many do on any host: whether somebody opens a window there is not said.
fn only_passes_on(need: &Need) -> bool {
    const SHELLS: [&str; 6] = ["", "bash", "sh", "/bin/bash", "/bin/sh", "/usr/bin/bash"];
    let by_line = matches!(need.display, Some(Origin::RunLine { .. }));
    need.run.as_ref().is_some_and(|line| {
        let alone = line.arguments.len() <= 1 && SHELLS.contains(&line.program.as_str());
        by_line && !line.file.is_empty() && alone && line.last("interactive").is_some()
    })
}

/// The display to point DISPLAY at: one that listens, else the one it names, else the usual first.
fn a_number(facts: &Facts) -> u16 {
    let display = &facts.display;
    let named = display.name.value().and_then(Name::number);
    let servers = display.servers.value().map(Vec::as_slice).unwrap_or_default();
    let listens = servers.iter().find(|server| Some(server.number) == named).or(servers.first());
    listens.map(|server| server.number).or(named).unwrap_or_default()
}

fn this_uid(facts: &Facts) -> String {
    facts.host.user.value().map_or("this user".into(), |user| format!("uid {}", user.uid))
}

fn reached(facts: &Facts, name: &Name, screens: u16) -> Finding {
    let display = &facts.display;
    if name.screen() >= screens {
        return Finding::fail("no-such-screen", "set-display").with("screen", name.screen()).with("screens", screens);
    }
    let wayland = display.session.value().and_then(|session| session.wayland_socket.as_ref());
    match (display.route.value(), wayland) {
        (Some(Route::Abstract), _) if display.socket.is_absent() => Finding::warn("abstract-only", "restart-server"),
        (_, Some(socket)) if !name.is_tcp() => Finding::pass("reached-beside-wayland").with("wayland", socket),
        _ => Finding::pass("reached"),
    }
}

fn forwarded(facts: &Facts, code: &'static str) -> Finding {
    let user = facts.host.user.value().map_or("user", |user| user.name.as_str());
    let host = facts.display.hostname.value().map_or("this-host", String::as_str);
    Finding::fail(code, "forward-by-ssh").with("target", format!("{user}@{host}"))
}

/// DISPLAY is not set: which of the usual reasons is it?
fn unset(facts: &Facts) -> Result<Finding, Stop> {
    let display = &facts.display;
    let session = display.session.known()?.cloned().unwrap_or_default();
    let servers = display.servers.known()?.map(Vec::as_slice).unwrap_or_default();
    Ok(match (session, servers) {
        (session, [_, ..]) if session.sudo_user.is_some() => Finding::fail("lost-by-sudo", "keep-environment"),
        (session, _) if session.ssh => forwarded(facts, "not-forwarded"),
        (_, [first, ..]) => Finding::fail("unset", "use-server").with("number", first.number),
        (session, []) if session.wayland_socket.is_some() => Finding::fail("wayland-without-x", "install-xwayland"),
        (_, []) => Finding::fail("headless", "virtual-server"),
    }
    .with("servers", name_servers(servers)))
}

/// Nothing listens where DISPLAY points.
fn nobody(facts: &Facts, name: &Name) -> Result<Finding, Stop> {
    let display = &facts.display;
    if name.is_forwarded() {
        return Ok(forwarded(facts, "forwarding-gone"));
    }
    if name.is_tcp() {
        return Ok(Finding::fail("no-tcp", "set-display"));
    }
    let socket = display.socket.known()?;
    if let Some(socket) = socket.filter(|socket| socket.kind == FileKind::Folder) {
        return Ok(Finding::fail("socket-is-folder", "remove-folder").with("path", &socket.path).saw(&display.socket));
    }
    if display.wslg_socket.value().is_some() {
        return Ok(Finding::fail("wslg-not-linked", "link-wslg").saw(&display.wslg_socket));
    }
    let servers = display.servers.known()?.map(Vec::as_slice).unwrap_or_default();
    if let [first, ..] = servers {
        let finding = Finding::fail("wrong-number", "use-server").with("number", first.number);
        return Ok(finding.with("servers", name_servers(servers)).saw(&display.socket));
    }
    if let Some(socket) = socket {
        return Ok(Finding::fail("stale-socket", "start-server").with("path", &socket.path).saw(&display.socket));
    }
    let made_by_docker =
        display.folder.value().filter(|f| f.kind == FileKind::Folder && f.empty && f.mode & 0o1000 == 0);
    Ok(match (made_by_docker, display.session.value().and_then(|session| session.wayland_socket.as_ref())) {
        (Some(folder), _) => Finding::fail("folder-made-by-docker", "repair-folder").with("path", &folder.path),
        (None, Some(_)) => Finding::fail("wayland-without-x", "install-xwayland").with("servers", ""),
        (None, None) => Finding::fail("no-server", "start-server"),
    }
    .saw(&display.folder))
}

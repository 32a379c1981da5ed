//! Does the container get all that a client of X or Wayland needs: the variable, the way to the server, the cookie's file?

use crate::model::prelude::*;
use crate::model::run::{Mount, Variable, X_SOCKETS};

pub static CHECK: Check = Check {
    id: "run-line-display",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.run.as_ref().and_then(|run| run.by.as_ref()),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let Some(line) = &need.run else { return Err(Stop::NotNeeded("no-window")) };
    let wayland = wayland(facts, line);
    match by_x(facts, need, line) {
        Ok(findings) => Ok(findings.into_iter().chain(wayland).collect()),
        Err(Stop::NotNeeded("no-window")) => wayland.map(Findings::from).ok_or(Stop::NotNeeded("no-window")),
        Err(stop) => Err(stop),
    }
}

fn by_x(facts: &Facts, need: &Need, line: &RunLine) -> Result<Findings, Stop> {
    let variable = line.variable("DISPLAY");
    let socket = line.mounts.iter().find(|mount| mount.shows_x_sockets());
    let wished = need.display.as_ref().filter(|by| matches!(by, Origin::Flag(_)));
    if line.wants_no_window() && wished.is_none() {
        return Err(Stop::NotNeeded("no-window"));
    }
    if let Some((number, variable)) = line.own_display().filter(|_| wished.is_none()) {
        return Ok(own(facts, line, number, variable).into());
    }
    let finding = match (variable, socket) {
        // A folder that happens to hold them, /tmp, asks for no window.
        (None, socket) if wished.is_none() && socket.is_none_or(|mount| !mount.target.starts_with(X_SOCKETS)) => {
            return Err(Stop::NotNeeded("no-window"));
        }
        (None, _) => no_variable(line, socket),
        (Some(variable), _) if variable.at.opaque => {
            let gap = Gap::Unsupported(format!("{} comes from a command that gdoctor does not run", variable.at.text));
            Finding::unknown(gap, Default::default()).asked_by(&variable.at.origin())
        }
        // No display at all on this host: one cause, told there.
        (Some(variable), _) if variable.display().is_empty() && facts.display.name.is_absent() => {
            return Err(Stop::blocked_by("display-server"));
        }
        // Of saved facts whose display nobody looked at.
        (Some(variable), _) if variable.display().is_empty() && is_unseen(facts, variable) => {
            facts.display.name.known()?;
            return Err(Stop::blocked_by("display-server"));
        }
        (Some(variable), socket) => with_variable(facts, line, variable, socket),
    };
    let mut findings = vec![finding];
    findings.extend(cookie(facts, line));
    Ok(findings)
}

/// A display that the line writes out and does not bring: that of this host, or one that the image starts.
fn own(facts: &Facts, line: &RunLine, number: Option<u16>, variable: &Variable) -> Finding {
    let servers = &facts.display.servers;
    let finding = match (number, servers.known()) {
        (None, _) => Finding::not_needed("other-container"),
        (Some(number), Ok(found)) if found.is_some_and(|all| all.iter().any(|server| server.number == number)) => {
            no_socket(line)
        }
        (Some(_), Ok(_)) => Finding::not_needed("own-server"),
        (Some(_), Err(stop)) => Finding::from(stop),
    };
    finding.with("display", variable.display()).evidence("the line", &*variable.at.text).asked_by(&variable.at.origin())
}

fn no_socket(line: &RunLine) -> Finding {
    Finding::fail("no-socket", "add-socket").edit(line.insert("-v /tmp/.X11-unix:/tmp/.X11-unix"))
}

fn no_variable(line: &RunLine, socket: Option<&Mount>) -> Finding {
    let finding = match socket {
        Some(mount) => Finding::warn("no-variable", "add-variable")
            .with("socket", &mount.at.text)
            .evidence("the line", &*mount.at.text)
            .asked_by(&mount.at.origin()),
        None => Finding::fail("no-display", "add-both").evidence("the line", "neither DISPLAY nor its socket"),
    };
    let socket = if socket.is_none() && !line.is_host_network() { " -v /tmp/.X11-unix:/tmp/.X11-unix" } else { "" };
    finding.edit(line.insert(&format!("-e DISPLAY=\"$DISPLAY\"{socket}")))
}

/// The line leaves its value to a session that was not looked at.
fn is_unseen(facts: &Facts, variable: &Variable) -> bool {
    variable.from.as_deref() == Some("DISPLAY") && facts.display.name.gap().is_some()
}

fn with_variable(facts: &Facts, line: &RunLine, variable: &Variable, socket: Option<&Mount>) -> Finding {
    let value = variable.display();
    let (host, _) = value.rsplit_once(':').unwrap_or(("", value));
    let is_loopback = ["localhost", "127.0.0.1", "::1", "[::1]"].contains(&host);
    let finding = if value.is_empty() {
        Finding::fail("variable-empty", "set-variable")
            .with("from", variable.from.as_deref().unwrap_or("DISPLAY"))
            .evidence("the environment", "DISPLAY is empty or not set")
    } else if variable.value.as_deref() != Some(value) {
        let network = if is_loopback && !line.is_host_network() { share_network(line) } else { Vec::new() };
        Finding::fail("unix-before-host", "pass-as-it-is")
            .with("value", variable.value.as_deref().unwrap_or_default())
            .with("display", value)
            .edit(variable.at.with_value("DISPLAY=$DISPLAY"))
            .edits(network)
    } else if line.is_host_network() {
        Finding::pass("by-host-network").with("display", value)
    } else if is_loopback {
        Finding::fail("loopback", "share-network").with("display", value).edits(share_network(line))
    } else if !host.is_empty() && host != "unix" && line.is_hosts_gateway(host) {
        match facts.display.bridge_port.known() {
            Ok(Some(true)) => Finding::pass("by-bridge").with("display", value),
            Ok(_) => Finding::fail("nobody-at-bridge", "add-socket")
                .with("display", value)
                .edit(variable.at.with_value("DISPLAY=$DISPLAY"))
                .edit(line.insert("-v /tmp/.X11-unix:/tmp/.X11-unix"))
                .saw(&facts.display.bridge_port),
            Err(stop) => Finding::from(stop),
        }
    } else if !host.is_empty() && host != "unix" {
        Finding::pass("by-tcp").with("display", value)
    } else if socket.is_some() {
        Finding::pass("complete").with("display", value)
    } else {
        no_socket(line).with("display", value)
    };
    finding.evidence("the line", &*variable.at.text).asked_by(&variable.at.origin())
}

/// The socket is the one that WAYLAND_DISPLAY names, in XDG_RUNTIME_DIR unless it is a whole path (wl_display_connect(3)). Toolkits
/// go on with X where DISPLAY is passed as well.
fn wayland(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let variable = line.variable("WAYLAND_DISPLAY").filter(|variable| !variable.at.opaque)?;
    let name = variable.value.as_deref().filter(|name| !name.is_empty())?;
    let of_image = facts.run.image.value().and_then(|image| image.variables.get("XDG_RUNTIME_DIR"));
    let folder = line.variable("XDG_RUNTIME_DIR").map(|variable| variable.value.as_deref().unwrap_or_default());
    let folder = folder.or(of_image.map(String::as_str)).unwrap_or_default().trim_end_matches('/');
    let session = facts.display.session.value().and_then(|session| session.wayland_socket.clone());
    let uid = facts.host.user.value().map_or(1000, |user| user.uid);
    let host = session.unwrap_or_else(|| format!("/run/user/{uid}/{name}"));
    let path = if name.starts_with('/') { name.to_string() } else { format!("{folder}/{name}") };
    let brought = line.mounts.iter().any(|mount| mount.covers(&path));
    // An image that is still to come may set the folder.
    let to_come = line.image.is_some() && facts.run.image.value().is_none();
    let bad = if line.variable("DISPLAY").is_some() { Finding::warn } else { Finding::fail };
    let finding = match (name.starts_with('/'), folder) {
        (false, "") => {
            let bad = if to_come { Finding::warn } else { bad };
            let edit = line.insert(&format!("-e XDG_RUNTIME_DIR=/tmp -v {host}:/tmp/{name}"));
            bad("wayland-no-folder", "add-wayland-folder").edit(edit)
        }
        _ if brought => Finding::pass("wayland"),
        _ => bad("wayland-no-socket", "add-wayland-socket").edit(line.insert(&format!("-v {host}:{path}"))),
    };
    let finding = finding.about("Wayland").with("display", name);
    Some(finding.evidence("the line", &*variable.at.text).asked_by(&variable.at.origin()))
}

/// In the host's network nothing is published.
fn share_network(line: &RunLine) -> Vec<crate::model::run::Edit> {
    let mut edits: Vec<_> =
        ["network", "publish"].iter().flat_map(|name| line.all(name)).map(|o| o.at.without()).collect();
    edits.push(line.insert("--network=host"));
    edits
}

/// XAUTHORITY names a file that no mount brings.
fn cookie(facts: &Facts, line: &RunLine) -> Option<Finding> {
    let variable = line.variable("XAUTHORITY")?;
    let path = variable.value.as_deref().filter(|path| path.starts_with('/'))?;
    if line.mounts.iter().any(|mount| mount.covers(path)) {
        return None;
    }
    let source = match (&variable.from, facts.display.cookies.value()) {
        (Some(_), _) => path.to_string(),
        (None, Some(file)) => file.path.clone(),
        (None, None) => return None,
    };
    Some(
        Finding::fail("no-cookie-file", "mount-cookie")
            .with("path", path)
            .evidence("the line", &*variable.at.text)
            .edit(line.insert(&format!("-v {source}:{path}:ro")))
            .asked_by(&variable.at.origin()),
    )
}

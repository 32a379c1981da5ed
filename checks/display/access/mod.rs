//! Will the X server let the container's user in? Proven where gdoctor is that user, else derived from the server's list.

use crate::model::facts::display::{Admission, Answer, HostIds, Mapping, Name, Route, SocketFile};
use crate::model::finding::Verdict;
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "display-access",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.display_access.as_ref(),
    tells: Tells::Anywhere,
    judge,
};

fn judge(facts: &Facts, need: &Need) -> Result<Findings, Stop> {
    let display = &facts.display;
    let by = need.display_access.as_ref().unwrap_or(&Origin::Guide);
    if let Some(stop) = facts.not_judged(Tells::Display, need, by) {
        let desktop = facts.docker.info.value().is_some_and(|info| info.is_desktop());
        return match desktop {
            true => Ok(Finding::fail("desktop", "use-engine").evidence("GET /info", "Docker Desktop").into()),
            false => Err(stop),
        };
    }
    let (Some(name), Some(Answer::Accepted { .. })) = (display.name.value(), display.mine.value()) else {
        return Err(Stop::blocked_by("display-server"));
    };
    let findings: Findings = if name.is_tcp() {
        by_tcp(name).into()
    } else if let Some(hidden) = hidden(facts) {
        hidden.into()
    } else {
        match socket_mode(facts, need)? {
            None => local(facts, need)?.into(),
            // What the list says matters only where it is another obstacle, or a danger.
            Some(closed) => {
                let list = local(facts, need)?;
                let more = (list.verdict != Verdict::Pass).then_some(list);
                [closed].into_iter().chain(more).collect()
            }
        }
    };
    Ok(findings.into_iter().map(|f| f.with("display", name).saw(&display.access).saw(&display.bare)).collect())
}

/// The socket file's own mode, which a container meets before the server says anything.
fn socket_mode(facts: &Facts, need: &Need) -> Result<Option<Finding>, Stop> {
    let fact = &facts.display.socket;
    let Some(socket) = fact.known()?.filter(|socket| socket.mode & 0o222 != 0o222) else { return Ok(None) };
    let inside = facts.inside(need)?.user();
    if inside.uid == 0 && facts.docker.info.value().is_none_or(|info| !info.maps_users()) {
        return Ok(None);
    }
    let ids = facts.host_ids(inside)?;
    if socket.admits(ids.uid, ids.gid) {
        return Ok(None);
    }
    let closed = Finding::fail("socket-mode", "open-socket").with("uid", ids.uid).with("path", &socket.path);
    Ok(Some(closed.with("socket", socket).saw(fact)))
}

/// The way to the server, before it comes to who is let in.
fn hidden(facts: &Facts) -> Option<Finding> {
    let display = &facts.display;
    // What was looked at is the system's dockerd.
    let rootless = facts.docker.info.value().is_some_and(|info| info.is_rootless());
    if let Some(root) = display.docker_tmp.value().filter(|_| !rootless) {
        return Some(Finding::fail("other-tmp", "replace-snap").with("root", root).saw(&display.docker_tmp));
    }
    if display.docker_tmp.gap().is_some() && facts.docker.info.value().is_some_and(|info| info.is_snap()) {
        return Some(
            Finding::fail("other-tmp", "replace-snap").with("root", "the snap's own").saw(&display.docker_tmp),
        );
    }
    let by_mode = |socket: &SocketFile| {
        let user = facts.host.user.value();
        user.is_some_and(|u| {
            u.groups.iter().all(|gid| !socket.admits(u.uid, Some(*gid))) && !socket.admits(u.uid, None)
        })
    };
    if display.route.value() == Some(&Route::Abstract) && !display.socket.value().is_some_and(by_mode) {
        return Some(Finding::fail("no-socket-file", "share-network").saw(&display.route));
    }
    let confined = facts.docker.info.value().is_some_and(|info| info.has_security_option("selinux"));
    let enforcing = display.selinux.value().is_some_and(|mode| mode == "enforcing");
    (confined && enforcing).then(|| Finding::warn("selinux", "unconfine").saw(&display.selinux))
}

fn by_tcp(name: &Name) -> Finding {
    if name.is_forwarded() {
        Finding::warn("forwarded", "hand-over-by-network")
    } else {
        Finding::warn("by-tcp", "hand-over-by-network")
    }
}

fn local(facts: &Facts, need: &Need) -> Result<Finding, Stop> {
    let display = &facts.display;
    let access = display.access.known()?.cloned().unwrap_or_default();
    match access.admits_everyone() {
        Some(Admission::Everybody) => return Ok(Finding::warn("everybody", "close")),
        Some(Admission::EveryLocalUser(entry)) => {
            return Ok(Finding::pass("every-local-user").with("entry", entry));
        }
        _ => {}
    }
    if lists_not_all(facts)? {
        return Ok(Finding::pass("every-local-user-unlisted").saw(&display.stranger));
    }
    let user = facts.inside(need)?.user();
    let (inside, ids) = (user.uid, facts.host_ids(user)?);
    let me = facts.host.user.value().map(|user| user.uid);
    let described = |finding: Finding| {
        let user = if ids.uid == inside {
            format!("uid {inside}")
        } else {
            format!("uid {inside} (uid {} on this host)", ids.uid)
        };
        finding.with("user", user)
    };
    if me == Some(ids.uid) {
        // The handshake without a cookie was made as this very user.
        return Ok(described(match display.bare.known()? {
            Some(Answer::Accepted { .. }) => Finding::pass("let-in-proven"),
            _ => shut_out(facts, ids),
        }));
    }
    Ok(described(match access.admits(ids.uid, ids.gid) {
        Some(Admission::ByEntry(entry)) => Finding::pass("let-in").with("entry", entry),
        _ if own_entry_hides_it(facts) => return Err(undecided(facts)),
        _ => shut_out(facts, ids),
    }))
}

/// A server that was started without a cookie file lets every local user in and does not list it.
fn lists_not_all(facts: &Facts) -> Result<bool, Stop> {
    let display = &facts.display;
    Ok(match (&display.stranger.state, &display.bare.state) {
        (State::Present(answer), _) => answer.is_accepted(),
        (_, State::Present(answer)) if !answer.is_accepted() => false,
        // Let in without a cookie and without an entry that says so.
        (_, State::Present(_)) => !own_entry(facts),
        _ => display.bare.known().map(|_| false)?,
    })
}

/// The list names the user who runs gdoctor, so that user's own way in proves nothing about others.
fn own_entry(facts: &Facts) -> bool {
    let Some(user) = facts.host.user.value() else { return true };
    let Some(access) = facts.display.access.value() else { return true };
    access.admits(user.uid, None).is_some()
        || user.groups.iter().any(|gid| access.admits(user.uid, Some(*gid)).is_some())
}

/// True where nobody could try as a stranger, and the server may let every local user in without listing it.
fn own_entry_hides_it(facts: &Facts) -> bool {
    let display = &facts.display;
    let bare = display.bare.value().is_some_and(Answer::is_accepted);
    let settled = display.stranger.value().is_some()
        || display.program.value().is_some_and(|program| program.auth || program.is_wayland());
    bare && !settled
}

fn undecided(facts: &Facts) -> Stop {
    let why =
        "the server was not seen to be started with a cookie file, and such a server may let in more than it lists";
    Stop::Unknown(Gap::Unsupported(why.into()), facts.display.program.source.clone())
}

/// What to advise depends on whose id it is on this host.
fn shut_out(facts: &Facts, ids: HostIds) -> Finding {
    let has_cookie = facts.display.cookie_shown.value().copied().unwrap_or_default();
    let me = facts.host.user.value().filter(|user| user.uid == ids.uid);
    match (ids.uid, ids.mapping, me) {
        (0, ..) => Finding::fail("shut-out", "let-in").with("who", "root"),
        (_, _, Some(user)) => Finding::fail("shut-out", "let-in").with("who", &user.name),
        (uid, Mapping::Remapped | Mapping::Rootless, None) => {
            Finding::fail("shifted", "let-in").with("who", format!("#{uid}"))
        }
        // The number may belong to somebody else on this host: a cookie lets only its holder in.
        (uid, Mapping::None, None) if has_cookie => Finding::fail("shut-out", "hand-over").with("uid", uid),
        (uid, Mapping::None, None) => Finding::fail("shut-out", "let-in").with("who", format!("#{uid}")),
    }
}

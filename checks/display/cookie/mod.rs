//! Does this user hold the cookie that the X server wants, where the client library looks for it?

use crate::model::facts::display::{Answer, Content, CookieEntry, CookieFile, FAMILY_LOCAL, FAMILY_WILD};
use crate::model::prelude::*;

pub static CHECK: Check = Check {
    id: "display-cookie",
    family: &super::FAMILY,
    doc: include_str!("doc.md"),
    wanted: |need| need.display.as_ref(),
    tells: Tells::Display,
    judge,
};

fn judge(facts: &Facts, _: &Need) -> Result<Findings, Stop> {
    let display = &facts.display;
    let reason = match (display.name.known()?, display.mine.value()) {
        (Some(_), Some(Answer::Accepted { .. })) => None,
        (Some(_), Some(Answer::Rejected(reason))) => Some(reason),
        _ => return Err(Stop::blocked_by("display-server")),
    };
    let finding = match reason {
        None => accepted(facts)?,
        Some(reason) => refused(facts)?.with("reason", reason),
    };
    let finding = finding.with("display", display.name.words()).with("uid", this_uid(facts));
    let finding = finding.saw(&display.mine);
    // Without a cookie to show, the first handshake was the bare one.
    let finding = if display.cookie_shown.value() == Some(&true) { finding.saw(&display.bare) } else { finding };
    Ok(finding.saw(&display.cookies).into())
}

fn this_uid(facts: &Facts) -> String {
    facts.host.user.value().map_or("this user".into(), |user| format!("{} (uid {})", user.name, user.uid))
}

/// The user is in: is the file fit to be handed to a container?
fn accepted(facts: &Facts) -> Result<Finding, Stop> {
    let display = &facts.display;
    let without = display.bare.value().is_some_and(Answer::is_accepted);
    let file = match display.cookies.known() {
        // The server let this user in, so a file that cannot be read is not what this check is about.
        Err(_) if without => return Ok(Finding::pass("none-needed")),
        file => file?,
    };
    Ok(match file {
        Some(CookieFile { path, content: Content::Folder { .. }, .. }) => {
            Finding::warn("folder", "remove-folder").with("path", path)
        }
        Some(CookieFile { path, content: Content::Missing, by_variable: true }) => {
            Finding::warn("missing", "unset-variable").with("path", path)
        }
        Some(file) if !without => {
            Finding::pass(if is_wild(facts, file) { "good-anywhere" } else { "good-here" }).with("path", &file.path)
        }
        _ => Finding::pass("none-needed"),
    })
}

/// The server refuses this user: what is wrong with the cookie?
fn refused(facts: &Facts) -> Result<Finding, Stop> {
    let display = &facts.display;
    if let (Some(Gap::Denied), Some(path)) = (display.cookies.gap(), Some(&display.cookies.source.0)) {
        return Ok(Finding::fail("unreadable", "own-file").with("path", path));
    }
    let session = display.session_cookies.value().and_then(|paths| paths.first());
    let file = display.cookies.known()?;
    let path = file.map_or("~/.Xauthority", |file| file.path.as_str());
    let user = facts.host.user.value().map_or(String::new(), |user| user.name.clone());
    // Only a server on this host knows users; the far end of a TCP connection gives a cookie with the login.
    let by_tcp = display.name.value().is_some_and(|name| name.is_tcp());
    let way_in = if by_tcp { "display-server/forward-by-ssh" } else { "let-user-in" };
    let finding = match file.map(|file| &file.content) {
        Some(Content::Folder { .. }) => Finding::fail("folder", "remove-folder"),
        _ if session.is_some() => {
            Finding::fail("other-file", "use-session-file").with("session_file", session.map_or("", String::as_str))
        }
        Some(Content::Malformed(why)) => Finding::fail("malformed", way_in).with("why", why),
        Some(Content::Entries(entries)) => match fault(facts, entries) {
            Fault::Wrong => Finding::fail("wrong", way_in),
            Fault::OtherHost(name) => Finding::fail("other-host", "rename-entry").with("old", name),
            Fault::NotThere => Finding::fail("no-entry", way_in),
        },
        Some(Content::Missing) | None => Finding::fail("no-cookie", way_in),
    };
    let host = display.hostname.value().map_or("", String::as_str);
    let number = display.name.value().and_then(|name| name.number()).unwrap_or_default();
    let finding = finding.with("target", format!("{user}@{host}"));
    Ok(finding.with("path", path).with("user", user).with("host", host).with("number", number))
}

enum Fault<'a> {
    /// An entry fits this display and its secret is not the server's.
    Wrong,
    /// An entry is for this display, under the name that this host had before.
    OtherHost(&'a str),
    NotThere,
}

fn fault<'a>(facts: &Facts, entries: &'a [CookieEntry]) -> Fault<'a> {
    let display = &facts.display;
    let number = display.name.value().and_then(|name| name.number()).unwrap_or_default();
    let shown = display.cookie_shown.value().copied().unwrap_or_default();
    let local = entries.iter().find(|entry| entry.family == FAMILY_LOCAL && entry.is_for(number));
    match local {
        _ if shown => Fault::Wrong,
        Some(entry) if Some(&entry.address) != display.hostname.value() => Fault::OtherHost(&entry.address),
        _ => Fault::NotThere,
    }
}

fn is_wild(facts: &Facts, file: &CookieFile) -> bool {
    let number = facts.display.name.value().and_then(|name| name.number()).unwrap_or_default();
    let Content::Entries(entries) = &file.content else { return false };
    entries.iter().any(|entry| entry.family == FAMILY_WILD && entry.is_for(number))
}

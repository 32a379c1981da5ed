//! The three questions to the daemon: /version, /info, /containers/json. Only GET, each with the probe's deadline and a cap.

use std::{io, thread};

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{Address, Container, EngineVersion, Info, Reach};
use gdoctor_checks::model::version::Version;
use serde::de::DeserializeOwned;

use crate::host::http::{Client, NoReply, Target};
use crate::host::threads::spawn_scoped;
use crate::host::{Deadline, Host, connect};

use super::endpoint::Route;

/// The newest API whose answers are known here; newer daemons are asked in this one.
const NEWEST_API: &str = "1.52";
/// 5,000 containers' rows are some 10 MB.
const CAP: usize = 64 << 20;

/// For other groups: more questions to the same daemon.
pub struct Asker {
    route: Route,
}

impl Asker {
    pub fn new(host: &Host) -> Self {
        Self { route: super::endpoint::resolve(host) }
    }

    /// `GET path`, without a version in it; 404 is Absent. A daemon that does not answer is docker-engine's matter.
    pub fn get<T: DeserializeOwned>(&self, host: &Host, path: &str, source: &str) -> Fact<T> {
        let answer = self.wait(host, path, source);
        match answer.gap() {
            Some(Gap::TimedOut) => Fact::unknown(Gap::BlockedBy("docker-engine".into()), source),
            _ => answer,
        }
    }

    /// As `get`, for questions that take a healthy daemon long: no answer in time is TimedOut.
    pub fn wait<T: DeserializeOwned>(&self, host: &Host, path: &str, source: &str) -> Fact<T> {
        self.wait_until(host.deadline, path, source)
    }

    pub fn wait_until<T: DeserializeOwned>(&self, deadline: Deadline, path: &str, source: &str) -> Fact<T> {
        let blocked = || Fact::unknown(Gap::BlockedBy("docker-engine".into()), source);
        let Some(target) = &self.route.target else { return blocked() };
        let client = Client::new(target, &self.route.tls);
        match client.get(path, &[], CAP, deadline) {
            Ok(reply) if reply.status == 404 => Fact::absent(source),
            Ok(reply) if reply.status == 200 => match serde_json::from_slice(&reply.body) {
                Ok(value) => Fact::present(value, source),
                Err(why) => Fact::unknown(Gap::Unparsable(format!("not the JSON of Docker's API: {why}")), source),
            },
            Ok(reply) => Fact::unknown(Gap::Unparsable(format!("HTTP status {}", reply.status)), source),
            Err(NoReply::TimedOut) => Fact::unknown(Gap::TimedOut, source),
            Err(_) => blocked(),
        }
    }
}

pub struct Answers {
    /// Anything came back.
    pub came: bool,
    pub reach: Fact<Reach>,
    pub version: Fact<EngineVersion>,
    pub info: Fact<Info>,
    pub containers: Fact<Vec<Container>>,
    /// The process at the other end of the unix socket.
    pub peer: Option<u32>,
}

pub fn ask(host: &Host, route: &Route) -> Answers {
    let Some(target) = &route.target else { return not_opened(route) };
    let place = route.endpoint.value().map(|e| e.address.to_string()).unwrap_or_default();
    // All at once, each on a connection of its own: /version and /info start programs (runc, docker-init) in the daemon, and
    // /info can take its time. Without a version in the path the daemon answers in its newest API.
    // Around a daemon that never answers the rest has to be looked at too.
    let deadline = host.deadline.within(host.deadline.left() * 4 / 5);
    let (version, info, containers) = thread::scope(|scope| {
        let info = || get::<Info>(route, target, "/info", deadline);
        let containers = || get::<Vec<Container>>(route, target, "/containers/json", deadline);
        let (asked_info, asked_containers) = (spawn_scoped(scope, info), spawn_scoped(scope, containers));
        let version = get::<EngineVersion>(route, target, "/version", deadline);
        (version, joined(asked_info, info), joined(asked_containers, containers))
    });
    let reach = reach(&version, &place);
    if reach.value() != Some(&Reach::Answers) {
        let cause = if reach.value() == Some(&Reach::Denied) { "docker-access" } else { "docker-engine" };
        return Answers { reach, peer: peer(target, host.deadline), ..blocked(cause) };
    }
    let version = fact(version, "GET /version");
    let (info, containers) = match too_new(&version) {
        false => (info, containers),
        true => (
            get(route, target, &format!("/v{NEWEST_API}/info"), host.deadline),
            get(route, target, &format!("/v{NEWEST_API}/containers/json"), host.deadline),
        ),
    };
    let (info, containers) = (fact(info, "GET /info"), fact(containers, "GET /containers/json"));
    Answers { came: true, reach, version, info, containers, peer: peer(target, host.deadline) }
}

/// The thread's answer; where there was none to be had, it is asked here and now.
fn joined<T>(
    asked: io::Result<thread::ScopedJoinHandle<'_, Result<T, Failure>>>,
    ask: impl Fn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    match asked {
        Ok(thread) => thread.join().unwrap_or_else(|_| Err(Failure::Panic)),
        Err(_) => ask(),
    }
}

fn not_opened(route: &Route) -> Answers {
    let address = route.endpoint.value().map(|endpoint| &endpoint.address);
    match address {
        Some(Address::Ssh(_)) => {
            let gap = Gap::Unsupported("gdoctor opens no ssh connection; run it on that machine".into());
            Answers { reach: Fact::unknown(gap, "the endpoint"), ..blocked("docker-engine") }
        }
        _ => {
            let gap = Gap::BlockedBy("docker-endpoint".into());
            Answers { reach: Fact::unknown(gap, "the endpoint"), ..blocked("docker-endpoint") }
        }
    }
}

fn blocked(cause: &str) -> Answers {
    let gap = || Gap::BlockedBy(cause.into());
    Answers {
        came: false,
        reach: Fact::default(),
        version: Fact::unknown(gap(), "GET /version"),
        info: Fact::unknown(gap(), "GET /info"),
        containers: Fact::unknown(gap(), "GET /containers/json"),
        peer: None,
    }
}

enum Failure {
    NoReply(NoReply),
    /// HTTP, but not what the API promises.
    Odd(String),
    WantsTls,
    Panic,
}

fn get<T: DeserializeOwned>(route: &Route, target: &Target, path: &str, deadline: Deadline) -> Result<T, Failure> {
    let reply = Client::new(target, &route.tls).get(path, &[], CAP, deadline).map_err(Failure::NoReply)?;
    // Go's own words for a request without TLS at a port that has it.
    let said = String::from_utf8_lossy(reply.body.get(..200).unwrap_or(&reply.body));
    if reply.status == 400 && said.contains("HTTP request to an HTTPS server") {
        return Err(Failure::WantsTls);
    }
    if reply.status != 200 {
        return Err(Failure::Odd(format!("HTTP status {}", reply.status)));
    }
    serde_json::from_slice(&reply.body).map_err(|error| Failure::Odd(format!("not the JSON of Docker's API: {error}")))
}

fn fact<T>(answer: Result<T, Failure>, source: &str) -> Fact<T> {
    match answer {
        Ok(value) => Fact::present(value, source),
        Err(failure) => Fact::unknown(failure.gap(), source),
    }
}

impl Failure {
    fn gap(&self) -> Gap {
        match self {
            Failure::NoReply(why) => why.gap(),
            Failure::Odd(why) => Gap::Unparsable(why.clone()),
            Failure::WantsTls => Gap::Unsupported("it speaks TLS".into()),
            Failure::Panic => Gap::Bug("panic".into()),
        }
    }
}

fn reach(version: &Result<EngineVersion, Failure>, place: &str) -> Fact<Reach> {
    let source = format!("GET /version at {place}");
    let reach = match version {
        Ok(_) => Reach::Answers,
        Err(Failure::NoReply(NoReply::NotThere)) => Reach::NotThere,
        Err(Failure::NoReply(NoReply::Refused)) => Reach::Refused,
        Err(Failure::NoReply(NoReply::Denied)) => Reach::Denied,
        Err(Failure::NoReply(NoReply::Unreachable(_))) => Reach::Unreachable,
        Err(Failure::WantsTls) => Reach::WantsTls,
        Err(Failure::NoReply(NoReply::Tls(why))) => Reach::Tls(why.clone()),
        Err(why) => return Fact::unknown(why.gap(), source),
    };
    Fact::present(reach, source)
}

/// Whether the daemon's newest API is newer than what is known here.
fn too_new(version: &Fact<EngineVersion>) -> bool {
    let theirs = version.value().and_then(|version| Version::parse(&version.api_version));
    theirs > Version::parse(NEWEST_API)
}

fn peer(target: &Target, deadline: Deadline) -> Option<u32> {
    let Target::Unix(path) = target else { return None };
    let stream = connect::unix(path, deadline.within(std::time::Duration::from_millis(200))).ok()?;
    let peer = nix::sys::socket::getsockopt(&stream, nix::sys::socket::sockopt::PeerCredentials).ok()?;
    u32::try_from(peer.pid()).ok().filter(|pid| *pid > 0)
}

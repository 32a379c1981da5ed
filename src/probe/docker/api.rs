//! The three questions to the daemon: /version, /info, /containers/json. Only GET, each with the probe's deadline and a cap.

use std::thread;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::docker::{Address, Container, EngineVersion, Info, Reach};
use gdoctor_checks::model::version::Version;
use serde::de::DeserializeOwned;

use crate::host::http::{Client, NoReply, Target};
use crate::host::{Deadline, Host, connect};

use super::endpoint::Route;

/// The newest API whose answers are known here; newer daemons are asked in this one.
const NEWEST_API: [u32; 2] = [1, 52];
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
        let blocked = || Fact::unknown(Gap::BlockedBy("docker-engine".into()), source);
        let Some(target) = &self.route.target else { return blocked() };
        let client = Client::new(target, &self.route.tls);
        match client.get(path, &[], CAP, host.deadline) {
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
    let client = Client::new(target, &route.tls);
    let place = route.endpoint.value().map(|e| e.address.to_string()).unwrap_or_default();
    let version = get::<EngineVersion>(&client, "/version", host.deadline);
    let reach = reach(&version, &place);
    if reach.value() != Some(&Reach::Answers) {
        let cause = if reach.value() == Some(&Reach::Denied) { "docker-access" } else { "docker-engine" };
        return Answers { reach, peer: peer(target, host.deadline), ..blocked(cause) };
    }
    let version = fact(version, "GET /version");
    let prefix = prefix(&version);
    let (info, containers) = thread::scope(|scope| {
        // A connection of its own: /info can take its time.
        let info = scope.spawn(|| {
            let client = Client::new(target, &route.tls);
            fact(get::<Info>(&client, &format!("{prefix}/info"), host.deadline), "GET /info")
        });
        let path = format!("{prefix}/containers/json");
        let containers = fact(get::<Vec<Container>>(&client, &path, host.deadline), "GET /containers/json");
        (info.join().unwrap_or_else(|_| Fact::unknown(Gap::Bug("panic".into()), "GET /info")), containers)
    });
    Answers { came: true, reach, version, info, containers, peer: peer(target, host.deadline) }
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
}

fn get<T: DeserializeOwned>(client: &Client, path: &str, deadline: Deadline) -> Result<T, Failure> {
    let reply = client.get(path, &[], CAP, deadline).map_err(Failure::NoReply)?;
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
    fn gap(self) -> Gap {
        match self {
            Failure::NoReply(why) => why.gap(),
            Failure::Odd(why) => Gap::Unparsable(why),
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
        Err(Failure::NoReply(NoReply::Tls(why))) => Reach::Tls(why.clone()),
        Err(Failure::NoReply(why)) => return Fact::unknown(why.gap(), source),
        Err(Failure::Odd(why)) => return Fact::unknown(Gap::Unparsable(why.clone()), source),
    };
    Fact::present(reach, source)
}

/// `/v1.NN`: the daemon's newest API, but none newer than what is known here.
fn prefix(version: &Fact<EngineVersion>) -> String {
    let newest = Version::new(&NEWEST_API);
    let theirs = version.value().and_then(|v| Version::parse(&v.api_version)).unwrap_or_else(|| newest.clone());
    format!("/v{}", theirs.min(newest))
}

fn peer(target: &Target, deadline: Deadline) -> Option<u32> {
    let Target::Unix(path) = target else { return None };
    let stream = connect::unix(path, deadline.within(std::time::Duration::from_millis(200))).ok()?;
    let peer = nix::sys::socket::getsockopt(&stream, nix::sys::socket::sockopt::PeerCredentials).ok()?;
    u32::try_from(peer.pid()).ok().filter(|pid| *pid > 0)
}

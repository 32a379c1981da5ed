//! Looks at ports, servers and network interfaces.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use gdoctor_checks::model::fact::{Fact, Gap, State};
use gdoctor_checks::model::own::Look;

use super::form::{Value, fits};
use super::kinds::{Eyes, Sights};
use crate::host::http::{Client, NoReply, Target, Tls};
use crate::host::{connect, files, listener, resolve, tls};

const BODY: usize = 1 << 20;

/// `8080`, `8080/udp`.
pub fn port_number(text: &str) -> Option<(u16, bool)> {
    let (number, udp) = match text.split_once('/') {
        None | Some((_, "tcp")) => (text.trim_end_matches("/tcp"), false),
        Some((number, "udp")) => (number, true),
        Some(_) => return None,
    };
    number.parse().ok().filter(|number| *number > 0).map(|number| (number, udp))
}

/// `HOST:PORT`, the host of an IPv6 address in brackets.
pub fn server(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let plain = !host.is_empty() && !host.contains(['/', ' ', '@']);
    port.parse().ok().filter(|port| plain && *port > 0).map(|port| (host, port))
}

pub fn port(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    let name = look.target("number");
    let source = "/proc/net";
    let found = port_number(name).and_then(|(number, udp)| (eyes.readers.listeners)(eyes.host, number, udp));
    let fact = match found {
        Some(at) if key == "open" => Fact::present(Value::Flag(!at.is_empty()), source),
        Some(at) if at.is_empty() => Fact::absent(source),
        Some(at) if is_unclear(look, &at) => {
            let why = "somebody listens at ::, which may take IPv4 too: the kernel's tables do not tell";
            Fact::unknown(Gap::Unsupported(why.into()), source)
        }
        Some(at) => Fact::present(Value::Words(at.iter().map(ToString::to_string).collect()), source),
        None => Fact::unknown(Gap::Unsupported("the kernel's tables of sockets cannot be read here".into()), source),
    };
    vec![(format!("port {name}"), fact)]
}

/// An address of IPv4 is asked for, none of these is it, and a socket of both may be among them (IPV6_V6ONLY).
fn is_unclear(look: &Look, at: &[IpAddr]) -> bool {
    let wanted = look.wants.iter().filter(|want| want.key == "address").flat_map(|want| &want.values);
    let mut asked = wanted.filter_map(|word| word.trim_start_matches('!').parse::<Ipv4Addr>().ok());
    let may_take_both = at.iter().any(|one| one.is_ipv6() && one.is_unspecified());
    may_take_both && asked.any(|address| !at.contains(&IpAddr::V4(address)))
}

pub fn tcp(eyes: &Eyes, look: &Look, _: &str) -> Sights {
    let name = look.target("to");
    let Some((host, port)) = server(name) else { return Vec::new() };
    let found = resolve::resolve(host, eyes.deadline);
    let source = format!("connect {name}");
    let fact = match found.state {
        State::Present(addresses) => {
            let addresses: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
            match connect::tcp(&addresses, eyes.deadline) {
                Ok(_) => Fact::present(Value::Flag(true), source),
                Err(error) => match (listener::reason(&error), files::gap_of(&error)) {
                    (Some(why), _) => Fact::unknown(Gap::Waiting(why.to_string()), source),
                    (None, Gap::Denied) => Fact::unknown(Gap::Denied, source),
                    (None, _) => return silent(name, &error.to_string(), true, source),
                },
            }
        }
        State::Absent => return silent(name, "no such host name", true, source),
        State::Unknown(gap) => Fact::unknown(gap, source),
    };
    vec![(name.into(), fact)]
}

pub fn http(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    let url = look.target("url");
    let scheme = url.find("://").map_or(0, |at| at + 3);
    let (base, path) = url[scheme..].find('/').map_or((url, "/"), |at| url.split_at(scheme + at));
    let trust = Tls { authorities: tls::system_authorities(eyes.host), ..Tls::default() };
    let answer = Client::new(&Target::Url(base.into()), &trust).get(path, &[], BODY, eyes.deadline);
    let source = format!("GET {url}");
    let fact = match answer {
        Ok(reply) => {
            let value = match key {
                "answers" => Value::Flag(true),
                "status" => Value::Number(reply.status.into()),
                _ => Value::Private(String::from_utf8_lossy(&reply.body).into_owned()),
            };
            Fact::present(value, source)
        }
        Err(why @ (NoReply::Denied | NoReply::Waiting(_) | NoReply::Unsupported(_) | NoReply::TooLarge)) => {
            Fact::unknown(why.gap(), source)
        }
        Err(why) => return silent(url, &silence(&why), key == "answers", source),
    };
    vec![(url.into(), fact)]
}

/// A server that does not answer, and why.
fn silent(name: &str, why: &str, is_asked: bool, source: String) -> Sights {
    let fact = if is_asked { Fact::present(Value::Flag(false), source) } else { Fact::absent(source) };
    vec![(format!("{name} ({why})"), fact)]
}

fn silence(why: &NoReply) -> String {
    match why {
        NoReply::NotThere => "no such host name".into(),
        NoReply::Refused => "connection refused".into(),
        NoReply::TimedOut => "no answer within the deadline".into(),
        NoReply::Tls(why) | NoReply::Garbled(why) | NoReply::Unreachable(why) => why.clone(),
        why => why.gap().reason(),
    }
}

pub fn interface(eyes: &Eyes, look: &Look, key: &str) -> Sights {
    const FOLDER: &str = "/sys/class/net";
    let wanted = look.target("name");
    let names = eyes.host.list(FOLDER);
    let names = match names.state {
        State::Present(names) => names,
        State::Absent => {
            let gap = Gap::Unsupported("this root does not show network interfaces".into());
            return vec![(wanted.into(), Fact::unknown(gap, FOLDER))];
        }
        State::Unknown(gap) => return vec![(wanted.into(), Fact::unknown(gap, FOLDER))],
    };
    let fitting: Vec<String> = names.into_iter().filter(|name| fits(wanted, name)).collect();
    if fitting.is_empty() {
        let fact = if key == "exists" { Fact::present(Value::Flag(false), FOLDER) } else { Fact::absent(FOLDER) };
        return vec![(wanted.into(), fact)];
    }
    let seen = |name: String| {
        let line = |file: &str| eyes.host.line(format!("{FOLDER}/{name}/{file}"));
        let number = |file: &str| {
            line(file).parse(|text| text.parse().map(Value::Number).map_err(|_| format!("{text:?} is no number")))
        };
        let fact = match key {
            "exists" => Fact::present(Value::Flag(true), FOLDER),
            // A loopback and many virtual ones have no state but are up: IFF_UP and IFF_RUNNING tell.
            "up" => line("operstate").map(|state| {
                let flags =
                    line("flags").value().and_then(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok());
                Value::Flag(state == "up" || (state == "unknown" && flags.is_some_and(|flags| flags & 1 != 0)))
            }),
            // The kernel refuses to tell the speed of one without a link.
            "speed" => match number("speed") {
                // SPEED_UNKNOWN of ethtool.h.
                fact if matches!(fact.value(), Some(Value::Number(speed)) if *speed < 0.0 || *speed >= f64::from(u32::MAX)) => {
                    Fact::unknown(Gap::Unsupported("the driver tells no speed".into()), fact.source.0)
                }
                fact => fact,
            },
            _ => number("mtu"),
        };
        (name, fact)
    };
    fitting.into_iter().map(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_servers_as_they_are_written() {
        assert_eq!(port_number("8080"), Some((8080, false)));
        assert_eq!(port_number("5353/udp"), Some((5353, true)));
        assert_eq!((port_number("0"), port_number("80/sctp"), port_number("many")), (None, None, None));
        assert_eq!(server("licence.lab:27000"), Some(("licence.lab", 27000)));
        assert_eq!(server("[::1]:80"), Some(("::1", 80)));
        assert_eq!((server("host"), server("http://host:80"), server(":80")), (None, None, None));
    }
}

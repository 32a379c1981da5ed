//! The short form of a port, `[IP:][HOST[-HOST]:]CONTAINER[-CONTAINER][/PROTOCOL]`, and what of one compose cannot read (go-connections'
//! nat/nat.go and parse.go).

use std::net::IpAddr;

const FORM: &str = "write [ADDRESS:]HOST:CONTAINER, in quotes: \"8080:80\"";

/// What is wrong with it, and what would be right.
pub fn fault(text: &str) -> Option<(String, String)> {
    let told = |what: String, help: &str| Some((what, help.to_owned()));
    if text.trim().is_empty() {
        return told("this port is empty".into(), FORM);
    }
    if text.contains(char::is_whitespace) {
        return told(
            format!("{text:?} has a blank in it"),
            &format!("write \"{}\"", text.split_whitespace().collect::<String>()),
        );
    }
    let (rest, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    if !["tcp", "udp", "sctp"].contains(&protocol.to_ascii_lowercase().as_str()) {
        return told(format!("{protocol:?} of {text:?} is no protocol"), "it is tcp, udp or sctp: \"8080:80/udp\"");
    }
    let (host, container) = rest.rsplit_once(':').unwrap_or(("", rest));
    let (ip, host) = match host.rsplit_once(':') {
        Some((ip, host)) => (ip, host),
        // `127.0.0.1::80` and `[::1]::80` let the engine choose.
        None => ("", host),
    };
    let all: Vec<&str> = rest.split(':').collect();
    if let [address] = all[..]
        && is_address(address)
    {
        return told(format!("{text:?} is an address without a port"), &format!("write \"{address}:8080:80\""));
    }
    if is_address(host) && host.contains('.') {
        let whole =
            if ip.is_empty() { format!("{host}:{container}:{container}") } else { format!("{host}:{ip}:{container}") };
        let what = match ip {
            "" => format!("behind the address {host} of {text:?} stands one port, and it takes two"),
            _ => format!("the address {host} of {text:?} stands behind the port"),
        };
        return told(what, &format!("write \"{whole}\": the address, the host's port, the container's"));
    }
    if !ip.is_empty() && !is_address(ip.trim_start_matches('[').trim_end_matches(']')) {
        let what = format!("{ip:?} of {text:?} is no address");
        return told(what, "before the two ports stands an address of this host: \"127.0.0.1:8080:80\"");
    }
    if container.is_empty() {
        return told(format!("the container's port is missing in {text:?}"), FORM);
    }
    let wanted = match range(container) {
        Ok((first, last)) => last - first,
        Err((what, help)) => return told(what, &help),
    };
    if host.is_empty() {
        return None;
    }
    match range(host) {
        Err((what, help)) => told(what, &help),
        // Of several ports of the host the engine takes one that is free.
        Ok((first, last)) if wanted != 0 && last - first != wanted => {
            let what =
                format!("{text:?} has {} ports of the host for {} of the container", last - first + 1, wanted + 1);
            told(what, "write two ranges of one length: \"8080-8081:80-81\"")
        }
        Ok(_) => None,
    }
}

/// `80`, `80-90`: the first port and the last.
pub fn range(text: &str) -> Result<(u32, u32), (String, String)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| match text.parse::<u64>() {
        Ok(number) if number > 65535 => Err((format!("there is no port {text}"), "65535 is the last one".to_owned())),
        Ok(number) => u32::try_from(number).map_err(|_| (format!("there is no port {text}"), FORM.to_owned())),
        Err(_) if text.is_empty() => Err(("a port is missing".to_owned(), FORM.to_owned())),
        Err(_) => Err((format!("{text:?} is no port's number"), "a port is a number from 1 to 65535".to_owned())),
    };
    match (number(first)?, number(last)?) {
        (first, last) if first > last => {
            Err((format!("the range {text} ends before it begins"), format!("write {last}-{first}")))
        }
        range => Ok(range),
    }
}

pub fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

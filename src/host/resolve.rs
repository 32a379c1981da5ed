//! Names to addresses, with a deadline: the C library's resolver has none.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;

use gdoctor_checks::model::fact::{Fact, Gap};

use super::{Deadline, threads};

/// The addresses of a host name, as getaddrinfo(3) orders them; Absent when the name does not exist. The thread of a resolver
/// that does not come back is left behind.
pub fn resolve(name: &str, deadline: Deadline) -> Fact<Vec<IpAddr>> {
    let source = format!("address of {name}");
    if let Ok(address) = name.parse() {
        return Fact::present(vec![address], source);
    }
    let (send, receive) = mpsc::channel();
    let asked = name.to_owned();
    let started = threads::spawn(move || {
        let found = (asked.as_str(), 0).to_socket_addrs();
        let _ = send.send(found.map(|all| all.map(|address| address.ip()).collect::<Vec<_>>()));
    });
    if let Err(why) = started {
        return Fact::unknown(Gap::NoRoom(why.to_string()), source);
    }
    match receive.recv_timeout(deadline.left()) {
        Ok(Ok(mut addresses)) => {
            addresses.dedup();
            Fact::present(addresses, source)
        }
        // The resolver's own errors carry no errno: "Name or service not known", "Temporary failure in name resolution".
        Ok(Err(error)) if error.to_string().contains("Temporary failure") => {
            Fact::unknown(Gap::Unsupported("the name server does not answer".into()), source)
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => Fact::unknown(Gap::Denied, source),
        Ok(Err(_)) => Fact::absent(source),
        Err(_) => Fact::unknown(Gap::TimedOut, source),
    }
}

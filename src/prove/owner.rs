//! Whose a container and an image are: the process that made them. What a killed one has left is taken away by the next.

use std::time::Duration;

use gdoctor_checks::model::fact::Gap;

use super::words::message;
use super::{LABEL, owned};
use crate::host::client::Client;
use crate::host::process::End;
use crate::host::{Deadline, Host};

/// The process that a container is for: `BOOT.PIDNS.PID.START`, so that a later run can tell whether it still is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The machine's start and the namespace that process ids are of.
    place: String,
    pid: u32,
    /// In ticks since the machine's start.
    started: String,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.place, self.pid, self.started)
    }
}

impl Owner {
    pub fn own(host: &Host) -> Self {
        let pid = std::process::id();
        Self { place: place(host), pid, started: started(host, pid).unwrap_or_default() }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (rest, started) = text.rsplit_once('.')?;
        let (place, pid) = rest.rsplit_once('.')?;
        Some(Self { place: place.into(), pid: pid.parse().ok()?, started: started.into() })
    }

    /// It is of this start of this machine and is no more, or of an earlier start. Others' processes are not seen from here.
    pub fn is_gone(&self, host: &Host) -> bool {
        let (boot, here) = (|place: &str| place.split('.').next().unwrap_or_default().to_owned(), place(host));
        if boot(&self.place) != boot(&here) {
            return true;
        }
        self.place == here && started(host, self.pid).as_ref() != Some(&self.started)
    }
}

fn place(host: &Host) -> String {
    let boot = host.live().line("/proc/sys/kernel/random/boot_id").value().cloned().unwrap_or_default();
    let namespace = host.live().link("/proc/self/ns/pid").value().cloned().unwrap_or_default();
    let digits: String = namespace.chars().filter(char::is_ascii_digit).collect();
    format!("{}.{digits}", boot.chars().filter(char::is_ascii_alphanumeric).take(8).collect::<String>())
}

fn started(host: &Host, pid: u32) -> Option<String> {
    let stat = host.live().line(format!("/proc/{pid}/stat"));
    stat.value()?.rsplit_once(") ")?.1.split(' ').nth(19).map(str::to_owned)
}

/// Takes away what runs that were killed have left. Err: the engine does not answer.
pub fn sweep(client: &Client, host: &Host, span: Duration) -> Result<(), Gap> {
    let label = format!("label={LABEL}");
    let list = |what: &[&str], format: &str| {
        let arguments = [what, &["--filter", &label, "--format", format]].concat();
        client.run(&owned(&arguments), &[], Deadline::after(span))
    };
    let containers = list(&["ps", "-a"], "{{.Names}}");
    match containers.end {
        End::Exited(0) => {}
        End::TimedOut => return Err(Gap::TimedOut),
        _ => return Err(Gap::Unsupported(message(&containers))),
    }
    // Names and tags of ours end with their owner.
    let is_left = |name: &&str| {
        let owner = name.rsplit('-').next().and_then(Owner::parse);
        owner.is_some_and(|owner| owner.is_gone(host))
    };
    for name in containers.text().lines().filter(is_left) {
        client.run(&owned(&["rm", "-f", "-v", name]), &[], Deadline::after(span * 2));
    }
    for name in list(&["images"], "{{.Repository}}:{{.Tag}}").text().lines().filter(is_left) {
        client.run(&owned(&["image", "rm", name]), &[], Deadline::after(span * 2));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_that_are_gone_are_told_from_those_that_run() {
        let host = Host::new("/", Duration::from_secs(5));
        let own = Owner::own(&host);
        assert_eq!(Owner::parse(&own.to_string()).as_ref(), Some(&own));
        assert!(!own.is_gone(&host));
        assert!(Owner { started: "1".into(), ..own.clone() }.is_gone(&host));
        assert!(Owner { place: "0000abcd.1".into(), ..own.clone() }.is_gone(&host));
        let boot = own.place.split('.').next().unwrap();
        assert!(
            !Owner { place: format!("{boot}.1"), pid: 1, started: "1".into() }.is_gone(&host),
            "another namespace's"
        );
        assert!(Owner::parse("latest").is_none());
    }
}

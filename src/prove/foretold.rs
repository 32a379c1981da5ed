//! What gdoctor says of the host before anything is started, by what is then looked at from within.

use gdoctor_checks::model::facts::proof::{Foretold, Kind, Look, Outlook};
use gdoctor_checks::model::run::RunLine;

use crate::policy::Status;

/// One finding of a report.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub id: &'static str,
    pub code: String,
    pub subject: String,
    pub status: Status,
    /// The check that has to be mended before this can be judged.
    pub cause: Option<String>,
    /// It keeps the engine from starting the container.
    pub stops: bool,
}

/// All findings, and whether the engine starts the line: `None` where that could not be told.
#[derive(Clone, Debug, Default)]
pub struct Foretelling {
    pub starts: Option<bool>,
    pub verdicts: Vec<Verdict>,
}

impl Foretelling {
    pub fn start(&self) -> Foretold {
        let failed = self.verdicts.iter().filter(|verdict| verdict.status == Status::Fail && verdict.stops);
        match self.starts {
            Some(true) => Foretold { outlook: Outlook::Works, codes: Vec::new() },
            Some(false) => Foretold { outlook: Outlook::Fails, codes: failed.map(|v| v.code.clone()).collect() },
            None => Foretold::default(),
        }
    }

    fn failures<'a>(&'a self, id: &'a str) -> impl Iterator<Item = String> + 'a {
        let failed = self.verdicts.iter().filter(move |verdict| verdict.id == id && verdict.status == Status::Fail);
        failed.map(|verdict| verdict.code.clone())
    }

    /// `None` where nothing of the host tells of it.
    pub fn of(&self, look: &Look, line: &RunLine) -> Option<Foretold> {
        if look.kind == Kind::Memory {
            return Some(memory(line));
        }
        let ids = deciding(look);
        let subjects = subjects(look, line);
        let about = |verdict: &&Verdict| {
            let named = ids.contains(&verdict.id) && verdict.status != Status::Skip;
            let is_one_of_many = match look.kind {
                Kind::Port | Kind::Capability | Kind::Codec => true,
                Kind::Camera => verdict.subject.starts_with('/'),
                Kind::Gpu | Kind::Display | Kind::Memory | Kind::Device | Kind::Limit => false,
            };
            named && (!is_one_of_many || verdict.subject.is_empty() || subjects.contains(&verdict.subject))
        };
        let told: Vec<&Verdict> = self.verdicts.iter().filter(about).collect();
        let with = |status: Status| -> Vec<String> {
            told.iter().filter(|verdict| verdict.status == status).map(|verdict| verdict.code.clone()).collect()
        };
        let (mut failed, unknown) = (with(Status::Fail), with(Status::Unknown));
        let causes = told.iter().filter_map(|verdict| verdict.cause.as_deref());
        failed.extend(causes.flat_map(|cause| self.failures(cause)));
        match () {
            () if told.is_empty() => None,
            () if !failed.is_empty() => Some(Foretold { outlook: Outlook::Fails, codes: failed }),
            () if !unknown.is_empty() => Some(Foretold { outlook: Outlook::Unknown, codes: unknown }),
            () => Some(Foretold { outlook: Outlook::Works, codes: Vec::new() }),
        }
    }
}

/// The line decides it: memory that is shared by its number is one within an IPC namespace.
fn memory(line: &RunLine) -> Foretold {
    let in_common = line.last("ipc").is_some_and(|ipc| ipc.value == "host");
    let outlook = if in_common { Outlook::Works } else { Outlook::Fails };
    Foretold { outlook, codes: Vec::new() }
}

/// What findings of the host call it.
fn subjects(look: &Look, line: &RunLine) -> Vec<String> {
    // `0.0.0.0:8080/tcp` inside is `8080/tcp` of the host.
    let own = look.subject.trim_start_matches("0.0.0.0:").trim_start_matches("[::]:");
    let own = own.trim_start_matches("decode ").trim_start_matches("encode ");
    let devices =
        line.devices.iter().filter(|device| device.container == look.subject).map(|device| device.host.clone());
    let mounts = line.mounts.iter().filter(|mount| mount.target == look.subject).map(|mount| mount.source.clone());
    std::iter::once(own.to_owned()).chain(devices).chain(mounts).collect()
}

/// The checks whose failure means that it does not work in the container.
fn deciding(look: &Look) -> &'static [&'static str] {
    match look.kind {
        Kind::Gpu => &[
            "nvidia-gpu",
            "nvidia-driver",
            "nvidia-version",
            "nvidia-nodes",
            "nvidia-nvml",
            "gpu-path",
            "nvidia-toolkit",
            "nvidia-runtime",
            "nvidia-config",
            "nvidia-cdi",
            "run-line-gpu",
        ],
        Kind::Capability => &["driver-capability"],
        Kind::Codec if look.subject.starts_with("decode") => &["gpu-decode"],
        Kind::Codec => &["gpu-encode"],
        Kind::Display => &["display-server", "display-access", "run-line-display"],
        Kind::Camera => &["camera-node", "camera-access", "camera-busy", "camera-frame", "run-line-camera"],
        Kind::Port => &["port-free"],
        Kind::Memory | Kind::Device | Kind::Limit => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gdoctor_checks::ALL;
    use gdoctor_checks::model::fact::Fact;

    fn look(kind: Kind, subject: &str) -> Look {
        Look { kind, subject: subject.into(), seen: Fact::default(), foretold: None }
    }

    #[test]
    fn the_deciding_checks_exist() {
        let subjects = [
            (Kind::Gpu, "NVML"),
            (Kind::Capability, "video"),
            (Kind::Codec, "decode h264"),
            (Kind::Codec, "encode h264"),
            (Kind::Display, ":0"),
            (Kind::Camera, "/dev/video0"),
            (Kind::Port, "80/tcp"),
        ];
        for (kind, subject) in subjects {
            let ids = deciding(&look(kind, subject));
            assert!(!ids.is_empty(), "{subject}");
            for id in ids {
                assert!(ALL.iter().any(|check| check.id == *id), "{id}");
            }
        }
    }

    #[test]
    fn a_port_is_compared_with_its_own_finding() {
        let verdict = |subject: &str, status| Verdict {
            id: "port-free",
            code: format!("port-free/{subject}"),
            subject: subject.into(),
            status,
            cause: None,
            stops: false,
        };
        let foretelling = Foretelling {
            starts: None,
            verdicts: vec![verdict("80/tcp", Status::Pass), verdict("81/tcp", Status::Fail)],
        };
        let outlook = |subject: &str| {
            foretelling.of(&look(Kind::Port, subject), &RunLine::default()).map(|foretold| foretold.outlook)
        };
        assert_eq!(outlook("0.0.0.0:80/tcp"), Some(Outlook::Works));
        assert_eq!(outlook("[::]:81/tcp"), Some(Outlook::Fails));
        assert_eq!(outlook("0.0.0.0:82/tcp"), None);
    }
}

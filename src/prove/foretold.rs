//! What gdoctor says of the host before anything is started, by what is then looked at from within.

use gdoctor_checks::model::facts::proof::{Foretold, Kind, Look, Outlook};

use crate::policy::Status;

/// One finding of a report.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub id: &'static str,
    pub code: String,
    pub subject: String,
    pub status: Status,
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

    /// `None` where nothing of the host tells of it.
    pub fn of(&self, look: &Look) -> Option<Foretold> {
        let ids = deciding(look.kind);
        // `0.0.0.0:8080/tcp` inside is `8080/tcp` of the host.
        let subject = look.subject.trim_start_matches("0.0.0.0:").trim_start_matches("[::]:");
        let about = |verdict: &&Verdict| {
            let named = ids.contains(&verdict.id) && verdict.status != Status::Skip;
            let by_subject = [Kind::Port, Kind::Capability].contains(&look.kind);
            named && (!by_subject || verdict.subject == subject)
        };
        let told: Vec<&Verdict> = self.verdicts.iter().filter(about).collect();
        let with = |status: Status| -> Vec<String> {
            told.iter().filter(|verdict| verdict.status == status).map(|verdict| verdict.code.clone()).collect()
        };
        let (failed, unknown) = (with(Status::Fail), with(Status::Unknown));
        match () {
            () if told.is_empty() => None,
            () if !failed.is_empty() => Some(Foretold { outlook: Outlook::Fails, codes: failed }),
            () if !unknown.is_empty() => Some(Foretold { outlook: Outlook::Unknown, codes: unknown }),
            () => Some(Foretold { outlook: Outlook::Works, codes: Vec::new() }),
        }
    }
}

/// The checks whose failure means that it does not work in the container.
fn deciding(kind: Kind) -> &'static [&'static str] {
    match kind {
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
        Kind::Display => &["display-server", "display-access", "run-line-display"],
        Kind::Camera => &["camera-node", "camera-access", "camera-busy", "run-line-camera"],
        Kind::Port => &["port-free"],
        Kind::Device | Kind::Limit => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gdoctor_checks::ALL;
    use gdoctor_checks::model::fact::Fact;

    const KINDS: [Kind; 7] =
        [Kind::Gpu, Kind::Capability, Kind::Display, Kind::Camera, Kind::Device, Kind::Port, Kind::Limit];

    #[test]
    fn the_deciding_checks_exist() {
        for id in KINDS.into_iter().flat_map(deciding) {
            assert!(ALL.iter().any(|check| check.id == *id), "{id}");
        }
    }

    #[test]
    fn a_port_is_compared_with_its_own_finding() {
        let verdict = |subject: &str, status| Verdict {
            id: "port-free",
            code: format!("port-free/{subject}"),
            subject: subject.into(),
            status,
            stops: false,
        };
        let foretelling = Foretelling {
            starts: None,
            verdicts: vec![verdict("80/tcp", Status::Pass), verdict("81/tcp", Status::Fail)],
        };
        let look =
            |subject: &str| Look { kind: Kind::Port, subject: subject.into(), seen: Fact::default(), foretold: None };
        let outlook = |subject: &str| foretelling.of(&look(subject)).map(|foretold| foretold.outlook);
        assert_eq!(outlook("0.0.0.0:80/tcp"), Some(Outlook::Works));
        assert_eq!(outlook("[::]:81/tcp"), Some(Outlook::Fails));
        assert_eq!(outlook("0.0.0.0:82/tcp"), None);
    }
}

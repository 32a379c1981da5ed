//! What a verdict means for the user: status, exit code. The only place that knows that a guide's wish can at worst warn.

use gdoctor_checks::model::finding::{Finding, Verdict};
use gdoctor_checks::model::need::Origin;
use serde::Serialize;

/// The five words of every output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Pass,
    Warn,
    Fail,
    Unknown,
    Skip,
}

impl Status {
    pub const ALL: [Status; 5] = [Status::Pass, Status::Warn, Status::Fail, Status::Unknown, Status::Skip];

    pub fn word(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Warn => "warn",
            Status::Fail => "fail",
            Status::Unknown => "unknown",
            Status::Skip => "skip",
        }
    }
}

/// From which status on a run counts as failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    Warn,
    #[default]
    Fail,
}

/// True when somebody really wants it: a flag, the usual, or what the host evidently has; not the guide alone.
pub fn is_required(origin: Option<&Origin>) -> bool {
    match origin {
        Some(Origin::Flag(_) | Origin::File { .. } | Origin::RunLine { .. } | Origin::Default | Origin::Host(_)) => {
            true
        }
        Some(Origin::Guide) | None => false,
    }
}

pub fn status(finding: &Finding) -> Status {
    match finding.verdict {
        Verdict::Pass => Status::Pass,
        Verdict::Warn(_) => Status::Warn,
        Verdict::Fail(_) if is_required(finding.asked_by.as_ref()) => Status::Fail,
        Verdict::Fail(_) => Status::Warn,
        Verdict::Unknown(_) => Status::Unknown,
        Verdict::NotNeeded => Status::Skip,
    }
}

/// Exit codes, the same for every format.
pub const OK: u8 = 0;
pub const FAILED: u8 = 1;
pub const MISUSE: u8 = 2;
pub const UNDETERMINED: u8 = 3;

/// 0 nothing failed; 1 something failed, or warned under `--fail-on warn`; 3 nothing failed, but something that is required
/// could not be determined. Takes each finding's status and whether it is required.
pub fn exit_code(findings: impl Iterator<Item = (Status, bool)> + Clone, fail_on: FailOn) -> u8 {
    let failed = |status| status == Status::Fail || (status == Status::Warn && fail_on == FailOn::Warn);
    if findings.clone().any(|(status, _)| failed(status)) {
        FAILED
    } else if findings.clone().any(|(status, required)| status == Status::Unknown && required) {
        UNDETERMINED
    } else {
        OK
    }
}

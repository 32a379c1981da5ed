//! A host's facts in a file: what `gdoctor collect` saves and `gdoctor check --facts` judges again on any machine. It holds no
//! verdicts, so newer checks can judge older facts.

mod names;
pub mod redact;
mod shapes;
pub mod tree;
mod vocabulary;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use gdoctor_checks::model::facts::{Facts, Group};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::{misread, typed, untyped};
use crate::need::Evident;
use crate::probe::Times;

const FORMAT: &str = "gdoctor-facts";
/// Older versions are read, and newer minor ones; a newer major one is refused.
const MAJOR: u32 = 1;
/// 1: the checksum is of the whole file; 0: of the facts alone.
const MINOR: u32 = 1;

/// Bytes of a facts file, or of a report that is compared. Nothing longer is written, and nothing longer is read.
pub const MOST: usize = 256 << 20;

/// The file, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    pub format: String,
    pub schema_version: String,
    pub tool_version: String,
    pub report_id: String,
    pub generated_at: String,
    /// Seconds since the epoch.
    pub generated_unix: u64,
    pub took_ms: u64,
    /// By probe.
    pub probe_ms: BTreeMap<String, u64>,
    /// What the host itself asks for.
    pub evident: Evident,
    /// How many of each kind were replaced; empty when nothing was to be.
    pub redacted: BTreeMap<String, usize>,
    /// Of all the rest, so that a cut or edited file is noticed.
    pub checksum: String,
    pub facts: Value,
}

/// When and how a run was made.
pub struct Made {
    pub report_id: String,
    pub generated_at: String,
    pub generated_unix: u64,
    pub took: Duration,
}

impl Snapshot {
    pub fn new(facts: Value, evident: Evident, made: &Made, times: &Times, redacted: BTreeMap<String, usize>) -> Self {
        Self {
            format: FORMAT.into(),
            schema_version: format!("{MAJOR}.{MINOR}"),
            tool_version: env!("CARGO_PKG_VERSION").into(),
            report_id: made.report_id.clone(),
            generated_at: made.generated_at.clone(),
            generated_unix: made.generated_unix,
            took_ms: millis(made.took),
            probe_ms: times.iter().map(|(group, took)| (group.name().to_owned(), millis(*took))).collect(),
            evident,
            redacted,
            checksum: String::new(),
            facts,
        }
    }

    /// The file's text, with the checksum of what it holds now.
    pub fn write(&self) -> String {
        let mut document = untyped(self);
        let fields = document.as_object_mut();
        fields.map(|fields| fields.remove("checksum"));
        document["checksum"] = checksum(&document).into();
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Err says why the file is refused: not ours, cut, edited, or of a newer gdoctor.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        fits(bytes)?;
        let mut value: Value = serde_json::from_slice(bytes).map_err(|why| {
            format!("this is no whole facts file ({}); `gdoctor collect` makes one", misread(bytes, &why))
        })?;
        if value["format"] != FORMAT {
            return Err("this is no facts file; `gdoctor collect -o FILE` makes one".into());
        }
        let version = value["schemaVersion"].as_str().unwrap_or_default().to_owned();
        let numbers: Option<Vec<u32>> = version.split('.').map(|number| number.parse().ok()).collect();
        let told = value.as_object_mut().and_then(|fields| fields.remove("checksum"));
        let sum = match numbers.as_deref() {
            Some([major, ..]) if *major > MAJOR => {
                return Err(format!(
                    "it is of format version {version}, and this gdoctor reads up to {MAJOR}: use a newer gdoctor"
                ));
            }
            Some([MAJOR, 0]) => checksum(&value["facts"]),
            Some([_, _]) => checksum(&value),
            _ => {
                return Err(format!(
                    "its format version {version:?} is none; `gdoctor collect -o FILE` makes such a file anew"
                ));
            }
        };
        if let Some(told) = told {
            value["checksum"] = told;
        }
        // The facts are most of it, and there is no second copy of them.
        let facts = value.get_mut("facts").map(Value::take);
        let this: Self =
            typed(&value).map_err(|why| format!("this is no whole facts file ({why}); `gdoctor collect` makes one"))?;
        if this.checksum != sum {
            return Err(
                "it was changed after it was written: its checksum does not fit. Make the file anew on that host: \
                gdoctor collect -o FILE"
                    .into(),
            );
        }
        Ok(Self { facts: facts.unwrap_or_default(), ..this })
    }

    /// Which gdoctor reads the file: one of the version that wrote it, and any later one.
    fn remedy(&self) -> String {
        match self.tool_version == env!("CARGO_PKG_VERSION") {
            true => "make the file anew on that host with this gdoctor: gdoctor collect -o FILE".into(),
            false => format!("it is of gdoctor {}; use that one, or a newer one", self.tool_version),
        }
    }

    /// The facts. Err when they have what this gdoctor does not know.
    pub fn facts(&self) -> Result<Facts, String> {
        typed(&self.facts)
            .map_err(|why| format!("it holds facts that this gdoctor does not know ({why}): {}", self.remedy()))
    }

    pub fn times(&self) -> Times {
        let took = |group: &Group| Some((*group, Duration::from_millis(*self.probe_ms.get(group.name())?)));
        Group::ALL.iter().filter_map(took).collect()
    }
}

/// Err where a file would be longer than any that is read.
pub fn fits(bytes: &[u8]) -> Result<(), String> {
    let most = MOST >> 20;
    if bytes.len() <= MOST {
        Ok(())
    } else {
        Err(format!("it has more than {most} MiB, the most that gdoctor reads of a file"))
    }
}

/// FNV-1a over a document as compact JSON with sorted keys. It notices accidents and edits, it proves no origin.
fn checksum(document: &Value) -> String {
    struct Sum(u64);
    impl Write for Sum {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            self.0 = bytes.iter().fold(self.0, step);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut sum = Sum(0xcbf2_9ce4_8422_2325);
    // Nothing of a document fails to be written, and this takes all.
    let _ = serde_json::to_writer(&mut sum, document);
    format!("fnv1a64:{:016x}", sum.0)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_refused_as_that() {
        let long = vec![b' '; MOST + 1];
        let why = Snapshot::read(&long).unwrap_err();
        assert!(why.contains("more than 256 MiB"), "{why}");
        assert_eq!(fits(&long[1..]), Ok(()));
    }
}

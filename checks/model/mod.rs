//! The vocabulary: needs and facts go in, findings come out, words live in documents beside the code.

pub mod check;
pub mod cidr;
pub mod daemon_config;
pub mod daemon_keys;
pub mod daemon_logging;
pub mod daemon_names;
pub mod daemon_values;
pub mod doc;
pub mod dockerfile;
pub mod fact;
pub mod facts;
pub mod finding;
pub mod fix;
pub mod looks;
pub mod need;
pub mod newest;
pub mod origin;
pub mod own;
pub mod place;
pub mod require;
pub mod run;
pub mod typed;
pub mod version;

/// What the file of a check usually needs.
pub mod prelude {
    pub use super::check::{Check, Tells};
    pub use super::fact::{Fact, Gap, State, Stop};
    pub use super::facts::Facts;
    pub use super::finding::{Finding, Findings, each};
    pub use super::need::{Need, Origin, Wish};
    pub use super::run::RunLine;
    pub use alloc::string::{String, ToString};
    pub use alloc::vec::Vec;
    pub use alloc::{format, vec};
}

//! What gdoctor must never do: run what is a stranger's, start what only waits, obey a stranger's file.
#![allow(clippy::disallowed_methods)]

#[path = "../part/mod.rs"]
mod part;

mod machine;
mod programs;
mod trust;
mod waking;

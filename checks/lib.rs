//! What gdoctor knows: one folder a check, `ALL` in the order of every report. Nothing here can open a file, start a process,
//! read a clock or print.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod model;

mod docker_client;

use model::check::Check;

/// Every check, in the order of every report: causes before what they block.
pub static ALL: &[&Check] = &[&docker_client::CHECK];

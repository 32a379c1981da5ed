//! What gdoctor knows: a folder a family, in it a folder a check. Nothing here can open a file, start a process, read a clock
//! or print.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod model;
pub mod notes;
pub mod readings;

mod camera;
mod capability;
mod disk;
mod display;
mod docker;
mod dockerfile;
mod host;
mod nvidia;
mod port;
mod proof;
mod registry;
mod run;

use model::check::{Check, Family};

/// Every family, in the order of every report: causes before what they block.
pub static FAMILIES: [&Family; 12] = [
    &host::FAMILY,
    &docker::FAMILY,
    &nvidia::FAMILY,
    &capability::FAMILY,
    &display::FAMILY,
    &camera::FAMILY,
    &port::FAMILY,
    &registry::FAMILY,
    &disk::FAMILY,
    &dockerfile::FAMILY,
    &run::FAMILY,
    &proof::FAMILY,
];

/// Every check, in the order of its family.
pub static ALL: [&Check; COUNT] = {
    let mut all = [FAMILIES[0].checks[0]; COUNT];
    let (mut family, mut at) = (0, 0);
    while family < FAMILIES.len() {
        let mut check = 0;
        while check < FAMILIES[family].checks.len() {
            all[at] = FAMILIES[family].checks[check];
            (check, at) = (check + 1, at + 1);
        }
        family += 1;
    }
    all
};

const COUNT: usize = {
    let (mut count, mut family) = (0, 0);
    while family < FAMILIES.len() {
        count += FAMILIES[family].checks.len();
        family += 1;
    }
    count
};

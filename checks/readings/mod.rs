//! Several facts as one reading, for the checks that share it: the way of a GPU into a container, what an image asks of the
//! driver, which package holds it back.

pub mod architecture;
pub mod asks;
pub mod camera_choice;
mod confinement;
pub mod container_ids;
pub mod containerd_config;
pub mod cuda;
mod data_root;
pub mod device_rules;
pub mod driver;
pub mod driver_package;
mod engine_alone;
pub mod engine_clients;
pub mod engine_to_start;
pub mod inside;
pub mod known_image;
pub mod misplaced;
mod next_start;
mod old_kernel;
pub mod passage;
pub mod platform;
pub mod pools;
pub mod python_packages;
mod room;
pub mod sight;
pub mod sysctl;
pub mod unasked;
pub mod way;

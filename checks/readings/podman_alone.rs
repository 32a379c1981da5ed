//! Where nobody has asked for Docker and this host has podman in its place, nothing is told of Docker.

use crate::model::facts::Facts;
use crate::model::facts::docker::Reach;
use crate::model::need::{Need, Origin};

impl Facts {
    /// No part of Docker's is here, and podman is.
    pub fn has_podman_alone(&self, need: &Need) -> bool {
        let docker = &self.docker;
        let here =
            docker.client.is_absent() && docker.podman.value().is_some() && self.host.container.value().is_none();
        let other = docker.daemon_program.value().is_some()
            || docker.daemon_process.value().is_some()
            || docker.reach.value() == Some(&Reach::Answers)
            || self.engine.windows_client.value().is_some();
        here && !other && need.run.is_none() && need.docker == Some(Origin::Default)
    }
}

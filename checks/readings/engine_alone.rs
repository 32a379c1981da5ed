//! Where nobody has asked for Docker and this host has another engine in its place, nothing is told of Docker.

use crate::model::fact::Stop;
use crate::model::facts::Facts;
use crate::model::facts::docker::{Package, Reach};
use crate::model::need::{Need, Origin};

impl Facts {
    pub fn has_another_engine_alone(&self, need: &Need) -> bool {
        self.has_podman_alone(need) || self.has_kubernetes_alone(need)
    }

    pub fn has_podman_alone(&self, need: &Need) -> bool {
        self.docker.podman.value().is_some() && self.is_without_docker(need)
    }

    /// containerd or CRI-O runs containers for Kubernetes, which brings GPUs in by its own device plugin.
    pub fn has_kubernetes_alone(&self, need: &Need) -> bool {
        self.docker.kubernetes.value().is_some() && self.is_without_docker(need)
    }

    /// What judges the ways of Docker and podman does not speak of Kubernetes' engine: gpu-path does.
    pub fn is_for_docker(&self, need: &Need) -> Result<(), Stop> {
        if self.has_kubernetes_alone(need) { Err(Stop::NotNeeded("kubernetes")) } else { Ok(()) }
    }

    /// No part of Docker's is here, and nobody asked for one.
    fn is_without_docker(&self, need: &Need) -> bool {
        let docker = &self.docker;
        let is_podmans = docker.client.value().is_some_and(|client| client.package == Package::Podman);
        let none = (docker.client.is_absent() || is_podmans) && self.host.container.value().is_none();
        let some = docker.daemon_program.value().is_some()
            || docker.daemon_process.value().is_some()
            || docker.reach.value() == Some(&Reach::Answers)
            || self.engine.windows_client.value().is_some();
        none && !some && need.run.is_none() && need.docker == Some(Origin::Default)
    }
}

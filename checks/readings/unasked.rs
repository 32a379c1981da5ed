//! What a line wants of GPUs without an option for it: NVIDIA's runtime serves every container, as the daemon's default or under
//! another name, and the variables of line or image say which GPUs it brings.

use alloc::borrow::Cow;

use super::passage::Container;
use crate::model::facts::Facts;
use crate::model::need::{Gpus, Need, Origin, Wish};
use crate::model::run::RunLine;

const VISIBLE: &str = "NVIDIA_VISIBLE_DEVICES";

impl Facts {
    /// The need with the GPU that is wanted so.
    pub fn whole<'a>(&self, need: &'a Need) -> Cow<'a, Need> {
        let line = need.run.as_ref().filter(|_| need.gpu.is_none());
        let Some((line, by)) = line.and_then(|line| Some((line, self.unasked_gpu(line)?))) else {
            return Cow::Borrowed(need);
        };
        let mut whole = Need { gpu: Some(Wish::new(Gpus::All, by)), ..need.clone() };
        whole.want_capabilities_of(line);
        Cow::Owned(whole)
    }

    /// Who wants a GPU of NVIDIA's runtime on a line that names no option for it: the variable, a mount, or the image.
    pub fn unasked_gpu(&self, line: &RunLine) -> Option<Origin> {
        if line.podman || line.asks_for_gpu().is_some() || !self.is_served_by_nvidias(line) {
            return None;
        }
        let container = Container::of_line(self, line).ok()?;
        if !self.names_gpus(&container) {
            return None;
        }
        let variable = line.variable(VISIBLE).filter(|variable| variable.value.is_some()).map(|variable| &variable.at);
        variable.or(line.image.as_ref().map(|image| &image.at)).map(|at| at.origin())
    }
}

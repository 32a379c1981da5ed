//! v4l2 in the child.

use crate::host::child::Speaker;

pub fn run(_speaker: &Speaker, _arguments: &[String]) {}

//! How CUDA starts on this host, asked in a child, and what the kernel says that may keep it from that.

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::nvidia::{CudaFacts, NvidiaFacts};

use crate::host::{Deadline, Host, child};

use super::RESERVE;

const SOURCE: &str = "cuInit of libcuda.so.1";

pub fn probe(host: &Host, facts: &NvidiaFacts) -> CudaFacts {
    let other = facts.driver_root.value().map(|root| super::in_container(root)).or_else(|| host.other_kernel());
    let asked = if let Some(other) = other {
        let start = Fact::unknown(other, SOURCE);
        CudaFacts { start, ..CudaFacts::default() }
    } else if would_load(facts) {
        CudaFacts { start: Fact::absent(SOURCE), ..CudaFacts::default() }
    } else if facts.nvml.start.gap() == Some(&Gap::TimedOut) {
        // The driver does not answer, and the time for both is used up.
        let start =
            Fact::unknown(Gap::Unsupported("not asked: NVML gave no answer within the deadline".into()), SOURCE);
        CudaFacts { start, ..CudaFacts::default() }
    } else {
        let deadline = Deadline::after(host.deadline.left().saturating_sub(RESERVE));
        child::probe("cuda", &[], SOURCE, deadline)
    };
    let number = |text: String| text.trim().parse().map_err(|_| text);
    let disabled = host.line("/sys/module/nvidia_uvm/parameters/uvm_disable_hmm");
    CudaFacts {
        resumed: host.line("/sys/power/suspend_stats/success").parse(number),
        hmm: disabled.map(|word| word.trim() == "N"),
        ..asked
    }
}

/// CUDA, started by root, loads the memory module and makes its node where they are missing, and a look changes nothing.
fn would_load(facts: &NvidiaFacts) -> bool {
    let major = facts.majors.value().and_then(|majors| majors.uvm);
    let mut nodes = facts.nodes.value().into_iter().flatten();
    facts.module.value().is_none()
        || !nodes.any(|node| node.path == "/dev/nvidia-uvm" && node.is_device && Some(node.major) == major)
}

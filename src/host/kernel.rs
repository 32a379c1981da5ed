//! Whether a part of the kernel is there already: asking one that is not may load its module, and nothing is loaded by looking.

use super::Host;

impl Host {
    /// True when using this module (`nf_tables`) loads nothing: it is loaded or built in, or this kernel loads no modules.
    pub fn kernel_has(&self, module: &str) -> bool {
        let host = self.live();
        let loaded = host.text("/proc/modules");
        if loaded.is_absent() {
            return true;
        }
        let is_it = |line: &str| line.strip_prefix(module).is_some_and(|rest| rest.starts_with(' '));
        if loaded.value().is_some_and(|text| text.lines().any(is_it)) {
            return true;
        }
        let release = host.line("/proc/sys/kernel/osrelease");
        let Some(release) = release.value() else { return false };
        let builtin = host.text(format!("/lib/modules/{release}/modules.builtin"));
        builtin.value().is_some_and(|text| text.contains(&format!("/{module}.ko")))
    }
}

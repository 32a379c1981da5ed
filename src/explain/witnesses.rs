//! What else stands in a paste: tables that NVIDIA's programs print where all is well, beside the error that somebody asks of. They say
//! nothing of themselves; a cause that they rule out comes later, one that they show comes first.

use super::rows::begins;

/// The drivers that a text shows to answer.
#[derive(Debug, Default)]
pub struct Witnesses {
    /// The driver's version, by nvidia-smi's table.
    table: Option<String>,
    /// nvidia-smi has listed a GPU.
    listed: bool,
    /// The version of the NVML that has found another one in the kernel.
    library: Option<String>,
}

impl Witnesses {
    /// The next line, also one of a document that is not searched.
    pub fn note(&mut self, line: &str) {
        if begins(line, &["| NVIDIA-SMI"]) {
            self.table = behind(line, "Driver Version:").or(self.table.take());
        } else if line.starts_with("GPU ") && line.contains("(UUID: GPU-") {
            self.listed = true;
        } else if begins(line, &["NVML library version:"]) {
            self.library = behind(line, "NVML library version:").or(self.library.take());
        }
    }

    /// True when they show that a code's cause is there, false when they show that it is not.
    pub fn shows(&self, code: &str) -> Option<bool> {
        let answers = self.listed || self.table.is_some();
        let of_image = ["in-image/brings-driver-files", "dockerfile-driver/driver"].contains(&code);
        let is_of = |check: &str| code.split_once('/').is_some_and(|(id, _)| id == check);
        match (&self.table, &self.library) {
            // `565.57` is how NVML names 565.57.01.
            (Some(driver), Some(library)) if !driver.starts_with(library.as_str()) => {
                (of_image || is_of("nvidia-version")).then_some(of_image)
            }
            _ => (answers && is_of("nvidia-driver")).then_some(false),
        }
    }
}

/// The word behind a name.
fn behind(line: &str, name: &str) -> Option<String> {
    Some(line.split_once(name)?.1.split_whitespace().next()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_of_another_version_than_the_hosts_is_the_images() {
        let said = |lines: &[&str], code: &str| {
            let mut witnesses = Witnesses::default();
            lines.iter().for_each(|line| witnesses.note(line));
            witnesses.shows(code)
        };
        let table = "| NVIDIA-SMI 535.161.07             Driver Version: 535.161.07   CUDA Version: 12.2     |";
        let other = [table, "NVML library version: 565.57"];
        assert_eq!(said(&other, "in-image/brings-driver-files"), Some(true));
        assert_eq!(said(&other, "nvidia-version/reboot-pending"), Some(false));
        let same = [table, "NVML library version: 535.161"];
        assert_eq!(said(&same, "nvidia-version/reboot-pending"), None);
        assert_eq!(said(&same, "nvidia-driver/not-loaded"), Some(false));
        assert_eq!(said(&[], "nvidia-driver/not-loaded"), None);
    }
}

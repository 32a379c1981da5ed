//! Opens a device node and closes it again, as the program that is going to use it would: some drivers hang when they are asked.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::proof::Seen;
use nix::libc::{O_CLOEXEC, O_NOCTTY, O_NONBLOCK};

use crate::host::child::Speaker;

/// The path, and `write` where it is to be written to as well. It never becomes a terminal, and never waits for another end.
pub fn run(speaker: &Speaker, arguments: &[String]) {
    let [path, rest @ ..] = arguments else { return };
    let write = rest.iter().any(|word| word == "write");
    let source =
        if write { format!("open {path} for reading and writing") } else { format!("open {path} for reading") };
    let opened = File::options().read(true).write(write).custom_flags(O_NONBLOCK | O_NOCTTY | O_CLOEXEC).open(path);
    speaker.set(
        "opened",
        match opened {
            Ok(_) => Fact::present(Seen::Works("it opens".into()), source),
            Err(why) if why.raw_os_error().is_some() => {
                Fact::present(Seen::Fails(format!("open {path}: {why}")), source)
            }
            Err(why) => Fact::unknown(Gap::Unsupported(why.to_string()), source),
        },
    );
}

//! The binary: hands the arguments over and exits with the code that comes back.

use std::process::ExitCode;

fn main() -> ExitCode {
    gdoctor::main(std::env::args_os())
}

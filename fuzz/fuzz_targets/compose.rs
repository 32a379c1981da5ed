#![no_main]

use std::path::Path;

libfuzzer_sys::fuzz_target!(init: { std::fs::create_dir_all(FOLDER).unwrap() }, |bytes: &[u8]| {
    let file = Path::new(FOLDER).join(format!("{}.yaml", std::process::id()));
    std::fs::write(&file, bytes).unwrap();
    gdoctor::foreign::compose(&file);
});

const FOLDER: &str = "/dev/shm/gdoctor-fuzz-compose";

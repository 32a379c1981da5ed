#![no_main]

use std::path::PathBuf;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let root = PathBuf::from(format!("/dev/shm/gdoctor-fuzz-cdi/{}", std::process::id()));
    let folder = root.join("etc/cdi");
    std::fs::create_dir_all(&folder).unwrap();
    // Of an odd length it is JSON, else YAML.
    let (name, other) = if bytes.len() % 2 == 1 { ("a.json", "a.yaml") } else { ("a.yaml", "a.json") };
    let _ = std::fs::remove_file(folder.join(other));
    std::fs::write(folder.join(name), bytes).unwrap();
    gdoctor::foreign::cdi(root);
});

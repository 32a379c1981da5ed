//! gdoctor asks a video decoder and an encoder that are not there: libraries of ours in the place of libcuda, libnvcuvid and
//! libnvidia-encode that support, refuse, hang, crash or lack the function.
#![allow(clippy::disallowed_methods)]

mod part;
mod root;

use std::time::{Duration, Instant};

use part::{Run, gdoctor, left_out};
use root::{DRIVER, Root};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/doubles/cuvid.c");

/// A host whose driver libraries are doubles.
fn host(define: &str) -> Option<Root> {
    let root = Root::with_driver();
    for stem in ["libcuda", "libnvcuvid", "libnvidia-ml", "libnvidia-ptxjitcompiler", "libnvidia-encode"] {
        if !root.library(stem, DRIVER, SOURCE, define) {
            left_out("the libraries that stand in for the decoder: no C compiler (cc)");
            return None;
        }
    }
    root.ldconfig();
    Some(root)
}

fn decode(root: &Root, behaviour: &str, codecs: &str, more: &[&str]) -> Run {
    let libraries = root.path("usr/lib");
    let mut arguments = vec!["--only", "gpu-decode,driver-capability", "--root", root.argument(), "--decode", codecs];
    arguments.extend(more);
    let env = [("CUVID_DOUBLE", behaviour), ("LD_LIBRARY_PATH", libraries.to_str().unwrap())];
    gdoctor(&arguments, &env)
}

#[test]
fn what_the_decoder_says_is_what_is_told() {
    let Some(root) = host("-DWHOLE") else { return };
    let run = decode(&root, "all", "h264,hevc,vp9,av1", &[]);
    let told = ["h264", "hevc", "vp9", "av1"].map(|codec| format!("pass gpu-decode/decodes {codec}"));
    assert_eq!(run.of("gpu-decode"), told);
    let first = run.results().iter().find(|r| r["id"] == "gpu-decode").unwrap();
    let summary = first["summary"].as_str().unwrap();
    assert!(summary.contains("h264 8 bit up to 8192x4096, 3 engines; h264 10 bit up to 8192x4096"), "{summary}");
    assert!(summary.contains("NVIDIA Double \u{fffd}"), "a name that is not UTF-8: {summary}");
    assert_eq!(run.of("driver-capability").len(), 3);
    assert_eq!(run.told(), Vec::<String>::new());

    let run = decode(&root, "h264", "h264,hevc", &[]);
    assert_eq!(run.of("gpu-decode"), ["pass gpu-decode/decodes h264", "fail gpu-decode/refuses hevc"]);
    assert_eq!(run.code, 1);
}

#[test]
fn a_hang_costs_its_deadline_and_keeps_what_was_said() {
    let Some(root) = host("-DWHOLE") else { return };
    let started = Instant::now();
    let run = decode(&root, "hang", "h264,hevc", &["--timeout", "1s"]);
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(run.of("gpu-decode"), ["pass gpu-decode/decodes h264", "unknown gpu-decode/unknown hevc"]);
    assert_eq!(run.of("driver-capability").len(), 3, "the rest of the report is whole");
    assert_eq!(run.code, 3);
}

#[test]
fn crashes_refusals_and_old_drivers_are_told_apart() {
    let Some(root) = host("-DWHOLE") else { return };
    let said = |root: &Root, behaviour: &str| {
        let run = decode(root, behaviour, "h264", &[]);
        assert_eq!(run.of("gpu-decode"), ["unknown gpu-decode/unknown h264"], "{behaviour}");
        run.results().iter().find(|r| r["id"] == "gpu-decode").unwrap()["summary"].as_str().unwrap().to_owned()
    };
    assert!(said(&root, "abort").contains("crashed (SIGABRT)"));
    assert!(said(&root, "unknown").contains("cuInit returned 999, CUDA_ERROR_UNKNOWN"));
    assert!(said(&root, "no-device").contains("CUDA_ERROR_NO_DEVICE"));
    let Some(old) = host("-DNO_CAPS") else { return };
    assert!(said(&old, "all").contains("cuvidGetDecoderCaps in the driver's library is not there"));
}

#[test]
fn a_missing_library_is_the_capabilitys_red_line() {
    let Some(root) = host("-DWHOLE") else { return };
    for name in ["libnvcuvid.so.1", &format!("libnvcuvid.so.{DRIVER}")] {
        std::fs::remove_file(root.path("usr/lib").join(name)).unwrap();
    }
    root.ldconfig();
    let run = decode(&root, "all", "h264", &[]);
    assert_eq!(run.told(), ["fail driver-capability/absent video"]);
    assert_eq!(
        run.fix("driver-capability/absent")[0],
        "sudo apt-get install -y libnvidia-decode-550 libnvidia-encode-550"
    );
    assert_eq!(run.of("gpu-decode"), ["unknown gpu-decode/unknown h264"]);
}

#[test]
fn another_drivers_library_is_named() {
    let Some(root) = host("-DWHOLE") else { return };
    std::fs::remove_file(root.path("usr/lib").join(format!("libnvcuvid.so.{DRIVER}"))).unwrap();
    assert!(root.library("libnvcuvid", "535.183.01", SOURCE, "-DWHOLE"));
    root.ldconfig();
    let run = decode(&root, "all", "h264", &[]);
    assert_eq!(run.told(), ["fail driver-capability/other-version video"]);
}

/// CUDA, started by root, would load the module; a look changes nothing.
#[test]
fn without_a_driver_nobody_is_asked() {
    let Some(root) = host("-DWHOLE") else { return };
    std::fs::remove_dir_all(root.path("sys/module/nvidia")).unwrap();
    let run = decode(&root, "abort", "h264", &[]);
    assert!(run.of("gpu-decode")[0].starts_with("unknown"), "{:?}", run.of("gpu-decode"));
    assert_eq!(run.told(), Vec::<String>::new(), "nvidia-driver tells, and is not looked at here");
}

fn encode(root: &Root, behaviour: &str, codecs: &str, more: &[&str]) -> Run {
    let libraries = root.path("usr/lib");
    let mut arguments = vec!["--only", "gpu-encode,driver-capability", "--root", root.argument(), "--encode", codecs];
    arguments.extend(more);
    let env = [("CUVID_DOUBLE", behaviour), ("LD_LIBRARY_PATH", libraries.to_str().unwrap())];
    gdoctor(&arguments, &env)
}

fn summary(run: &Run) -> String {
    run.results().iter().find(|r| r["id"] == "gpu-encode").unwrap()["summary"].as_str().unwrap().to_owned()
}

#[test]
fn what_the_encoder_says_is_what_is_told() {
    let Some(root) = host("-DWHOLE") else { return };
    let run = encode(&root, "all", "h264,hevc,av1", &[]);
    assert_eq!(run.of("gpu-encode"), ["h264", "hevc", "av1"].map(|codec| format!("pass gpu-encode/encodes {codec}")));
    assert_eq!(run.told(), Vec::<String>::new());
    assert!(summary(&run).contains("the driver speaks NVENC 14.2"), "{}", summary(&run));

    // An interface of 2020, asked in its own version.
    let run = encode(&root, "old", "h264,av1", &[]);
    assert_eq!(run.of("gpu-encode"), ["pass gpu-encode/encodes h264", "fail gpu-encode/refuses av1"]);
    assert_eq!(run.code, 1);
}

#[test]
fn a_session_that_does_not_open() {
    let Some(root) = host("-DWHOLE") else { return };
    assert_eq!(encode(&root, "no-encoder", "h264,hevc", &[]).told(), ["fail gpu-encode/no-encoder"]);
    // Nobody counts the sessions on this host: too many of them is not told as the cause.
    let run = encode(&root, "too-many", "h264", &[]);
    assert_eq!(run.told(), ["unknown gpu-encode/unknown h264"]);
    assert!(summary(&run).contains("nvEncOpenEncodeSessionEx returned 21"), "{}", summary(&run));
    let run = encode(&root, "hang", "h264", &["--timeout", "1s"]);
    assert_eq!(run.told(), ["unknown gpu-encode/unknown h264"]);
    assert!(summary(&run).contains("no answer within the deadline"), "{}", summary(&run));
    let run = encode(&root, "abort", "h264", &[]);
    assert!(summary(&run).contains("crashed (SIGABRT)"), "{}", summary(&run));
    let run = encode(&root, "unknown", "h264", &[]);
    assert!(summary(&run).contains("CUDA_ERROR_UNKNOWN"), "{}", summary(&run));
    let Some(old) = host("-DNO_CAPS") else { return };
    let run = encode(&old, "all", "h264", &[]);
    assert!(summary(&run).contains("NvEncodeAPIGetMaxSupportedVersion in the driver's library is not there"));
}

#[test]
fn a_missing_encoders_library_is_the_capabilitys_red_line() {
    let Some(root) = host("-DWHOLE") else { return };
    for name in ["libnvidia-encode.so.1", &format!("libnvidia-encode.so.{DRIVER}")] {
        std::fs::remove_file(root.path("usr/lib").join(name)).unwrap();
    }
    root.ldconfig();
    let run = encode(&root, "all", "h264", &[]);
    assert_eq!(run.told(), ["fail driver-capability/no-encode video"]);
    // Who only decodes is warned.
    assert_eq!(decode(&root, "all", "h264", &[]).told(), ["warn driver-capability/no-encode video"]);
}

//! Raw Video4Linux2 bindings: the types and constants of the Linux kernel's
//! `<linux/videodev2.h>`.
//!
//! Stand-in for crates.io's `v4l2-sys-mit` 0.3.0 whose bindings were generated
//! ahead of time, see README.md. Made for 64-bit Linux (x86_64, aarch64).

#![no_std]
#![allow(clippy::all, clippy::pedantic, clippy::nursery)]
#![allow(dead_code)]
#![allow(non_camel_case_types)]
#![allow(non_snake_case)]
#![allow(non_upper_case_globals)]
#![allow(missing_docs)]

include!("bindings.rs");

// A wrong size would also make a wrong ioctl number: fail the build instead.
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
const _: () = {
    use core::mem::size_of;
    assert!(size_of::<timeval>() == 16);
    assert!(size_of::<v4l2_capability>() == 104);
    assert!(size_of::<v4l2_fmtdesc>() == 64);
    assert!(size_of::<v4l2_frmsizeenum>() == 44);
    assert!(size_of::<v4l2_frmivalenum>() == 52);
    assert!(size_of::<v4l2_format>() == 208);
    assert!(size_of::<v4l2_requestbuffers>() == 20);
    assert!(size_of::<v4l2_buffer>() == 88);
    assert!(size_of::<v4l2_streamparm>() == 204);
    assert!(size_of::<v4l2_queryctrl>() == 68);
    assert!(size_of::<v4l2_query_ext_ctrl>() == 232);
    assert!(size_of::<v4l2_querymenu>() == 44);
    assert!(size_of::<v4l2_ext_control>() == 20);
    assert!(size_of::<v4l2_ext_controls>() == 32);
};

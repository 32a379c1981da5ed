//! One question to a video node's driver: an ioctl with a struct of the kernel's interface, and what its refusals mean.

use std::io;
use std::os::raw::c_void;

use gdoctor_checks::model::fact::Gap;
use nix::errno::Errno;
use v4l::device::Device;
use v4l::v4l_sys::{
    v4l2_buf_type_V4L2_BUF_TYPE_META_CAPTURE, v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE,
    v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE, v4l2_capability, v4l2_fmtdesc, v4l2_frmivalenum,
    v4l2_frmsizeenum, v4l2_requestbuffers,
};
use v4l::v4l2::{self, vidioc};

const VIDEO_CAPTURE: u32 = 0x1;
const VIDEO_CAPTURE_MPLANE: u32 = 0x1000;
const META_CAPTURE: u32 = 0x0080_0000;

pub fn gap(error: &io::Error) -> Gap {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EACCES | Errno::EPERM) => Gap::Denied,
        Some(Errno::ENOTTY) => Gap::Unsupported("it is no video device (ENOTTY)".into()),
        Some(Errno::ENODEV | Errno::ENXIO) => Gap::ToolMissing("the device".into()),
        Some(Errno::ETIMEDOUT) => Gap::TimedOut,
        _ => Gap::Unparsable(error.to_string()),
    }
}

/// The argument structs of <linux/videodev2.h> that hold bytes and numbers only, each with its request.
pub trait Question {
    const REQUEST: vidioc::_IOC_TYPE;
}
impl Question for v4l2_capability {
    const REQUEST: vidioc::_IOC_TYPE = vidioc::VIDIOC_QUERYCAP;
}
impl Question for v4l2_fmtdesc {
    const REQUEST: vidioc::_IOC_TYPE = vidioc::VIDIOC_ENUM_FMT;
}
impl Question for v4l2_frmsizeenum {
    const REQUEST: vidioc::_IOC_TYPE = vidioc::VIDIOC_ENUM_FRAMESIZES;
}
impl Question for v4l2_frmivalenum {
    const REQUEST: vidioc::_IOC_TYPE = vidioc::VIDIOC_ENUM_FRAMEINTERVALS;
}
impl Question for v4l2_requestbuffers {
    const REQUEST: vidioc::_IOC_TYPE = vidioc::VIDIOC_REQBUFS;
}

/// A struct of the kernel's interface with every field zero.
#[allow(unsafe_code)]
pub fn zeroed<T: Question>() -> T {
    // SAFETY: the types that are `Question`s hold integers, and unions and arrays of integers: all zero bits are a value of them.
    unsafe { std::mem::zeroed() }
}

#[allow(unsafe_code)]
pub fn ask<T: Question>(device: &Device, question: &mut T) -> io::Result<()> {
    // SAFETY: the pointer is to a live, exclusively borrowed struct of the type and size that T::REQUEST encodes; the kernel
    // writes inside it only, and none of these structs holds a pointer. The descriptor lives as long as `device`.
    unsafe { v4l2::ioctl(device.handle().fd(), T::REQUEST, std::ptr::from_mut(question).cast::<c_void>()) }
}

/// Bytes up to the first zero, lossily.
pub fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).trim().to_owned()
}

/// The kind of queue that pictures of this node come through.
pub fn buffer_type(own: u32) -> Option<u32> {
    match () {
        () if own & VIDEO_CAPTURE != 0 => Some(v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE),
        () if own & VIDEO_CAPTURE_MPLANE != 0 => Some(v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE),
        () if own & META_CAPTURE != 0 => Some(v4l2_buf_type_V4L2_BUF_TYPE_META_CAPTURE),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn names_are_read_whatever_their_bytes() {
        assert_eq!(text(b"uvcvideo\0\0\0junk"), "uvcvideo");
        assert_eq!(text(b"Caf\xe9 cam\0"), "Caf\u{fffd} cam");
        assert_eq!(text(&[b'x'; 32]).len(), 32);
        assert_eq!(text(b""), "");
    }
}

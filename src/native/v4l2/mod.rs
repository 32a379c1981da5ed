//! A video node in the child: opens it and asks its driver who it is, what it offers and whether somebody holds it. Nothing is
//! set and nothing streams, so a program that uses the camera meanwhile notices nothing.

mod ask;
pub mod frame;
mod jpeg;
mod pixels;

use std::io;

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::camera::{Capability, Extent, Format, Opened, Queue};
use nix::errno::Errno;
use v4l::device::Device;
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::v4l_sys::{
    V4L2_FMT_FLAG_COMPRESSED, v4l2_capability, v4l2_fmtdesc, v4l2_frmivalenum, v4l2_frmsizeenum,
    v4l2_memory_V4L2_MEMORY_MMAP, v4l2_requestbuffers,
};

use ask::{ask, buffer_type, gap, text, zeroed};

use crate::host::child::Speaker;

/// A driver that never ends a list is not followed further.
const FORMATS: u32 = 64;
const SIZES: u32 = 128;
const RATES: u32 = 64;

/// Argument: the node's path on this machine. Speaks the fields of `camera::Said`.
pub fn run(speaker: &Speaker, arguments: &[String]) {
    let [path] = arguments else { return };
    let device = match Device::with_path(path) {
        Ok(device) => device,
        Err(error) => return not_opened(speaker, path, &error),
    };
    speaker.set("opened", Fact::present(Opened::Granted, open_source(path)));
    let source = format!("VIDIOC_QUERYCAP {path}");
    let capability = match capability(&device) {
        Ok(capability) => capability,
        Err(error) => return speaker.set("capability", Fact::<Capability>::unknown(gap(&error), source)),
    };
    speaker.set("capability", Fact::present(capability.clone(), source));
    speaker.set("queue", queue(&device, capability.own(), path));
    // Last: the longest list, of the least weight.
    speaker.set("formats", formats(&device, capability.own(), path));
}

fn open_source(path: &str) -> String {
    format!("open {path} for reading and writing")
}

fn not_opened(speaker: &Speaker, path: &str, error: &io::Error) {
    let opened = match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EACCES) => Opened::Denied,
        Some(Errno::EPERM) => Opened::Forbidden,
        Some(Errno::ENODEV | Errno::ENXIO | Errno::ENOENT) => Opened::Gone,
        Some(Errno::EBUSY) => Opened::Busy,
        _ => return speaker.set("opened", Fact::<Opened>::unknown(gap(error), open_source(path))),
    };
    speaker.set("opened", Fact::present(opened, open_source(path)));
    // What cannot be opened cannot be asked; the cause is told once.
    let gap = match opened {
        Opened::Denied | Opened::Forbidden => Gap::Denied,
        Opened::Gone => Gap::ToolMissing("the device".into()),
        _ => Gap::Unsupported("the driver lets only one program in, and another is".into()),
    };
    speaker.set("capability", Fact::<Capability>::unknown(gap.clone(), open_source(path)));
    speaker.set("formats", Fact::<Vec<Format>>::unknown(gap.clone(), open_source(path)));
    let queue = if opened == Opened::Busy {
        Fact::present(Queue::Held, open_source(path))
    } else {
        Fact::unknown(gap, open_source(path))
    };
    speaker.set("queue", queue);
}

fn capability(device: &Device) -> io::Result<Capability> {
    // Not through `Device::query_caps`: it drops `capabilities`, without which `device_caps` cannot be trusted, and it panics
    // on a name that is not UTF-8.
    let mut answer: v4l2_capability = zeroed();
    ask(device, &mut answer)?;
    Ok(Capability {
        driver: text(&answer.driver),
        card: text(&answer.card),
        bus: text(&answer.bus_info),
        capabilities: answer.capabilities,
        device_caps: answer.device_caps,
    })
}

/// Asks for no buffers at all: refused with EBUSY when another program owns the queue, and otherwise nothing is taken
/// (vb2_ioctl_reqbufs).
fn queue(device: &Device, own: u32, path: &str) -> Fact<Queue> {
    let source = format!("VIDIOC_REQBUFS count=0 {path}");
    let Some(type_) = buffer_type(own) else { return Fact::absent(source) };
    let mut question = v4l2_requestbuffers { type_, memory: v4l2_memory_V4L2_MEMORY_MMAP, ..zeroed() };
    match ask(device, &mut question) {
        Ok(()) => Fact::present(Queue::Free, source),
        Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => Fact::present(Queue::Held, source),
        Err(error) => Fact::unknown(gap(&error), source),
    }
}

fn formats(device: &Device, own: u32, path: &str) -> Fact<Vec<Format>> {
    let source = format!("VIDIOC_ENUM_FMT {path}");
    let Some(type_) = buffer_type(own) else { return Fact::absent(source) };
    let mut formats = Vec::new();
    for index in 0..FORMATS {
        let mut format = v4l2_fmtdesc { index, type_, ..zeroed() };
        match ask(device, &mut format) {
            Ok(()) => formats.push(Format {
                fourcc: text(&format.pixelformat.to_le_bytes()),
                compressed: format.flags & V4L2_FMT_FLAG_COMPRESSED != 0,
                sizes: sizes(device, format.pixelformat),
            }),
            // The list's end.
            Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => break,
            Err(error) if formats.is_empty() => return Fact::unknown(gap(&error), source),
            Err(_) => break,
        }
    }
    if formats.is_empty() { Fact::absent(source) } else { Fact::present(formats, source) }
}

fn sizes(device: &Device, pixel_format: u32) -> Vec<Extent> {
    let mut sizes = Vec::new();
    for index in 0..SIZES {
        let mut size = v4l2_frmsizeenum { index, pixel_format, ..zeroed() };
        if ask(device, &mut size).is_err() {
            break;
        }
        let (min, max) = match FrameSizeEnum::try_from(size) {
            Ok(FrameSizeEnum::Discrete(size)) => ((size.width, size.height), (size.width, size.height)),
            Ok(FrameSizeEnum::Stepwise(s)) => ((s.min_width, s.min_height), (s.max_width, s.max_height)),
            Err(_) => continue,
        };
        sizes.push(Extent { min, max, rate: highest_rate(device, pixel_format, max) });
        if min != max {
            break; // one range says it all
        }
    }
    sizes
}

/// Frames per 1000 seconds; 0 when the driver tells none.
fn highest_rate(device: &Device, pixel_format: u32, (width, height): (u32, u32)) -> u32 {
    let mut highest = 0;
    for index in 0..RATES {
        let mut interval = v4l2_frmivalenum { index, pixel_format, width, height, ..zeroed() };
        if ask(device, &mut interval).is_err() {
            break;
        }
        let shortest = match FrameIntervalEnum::try_from(interval) {
            Ok(FrameIntervalEnum::Discrete(fraction)) => fraction,
            Ok(FrameIntervalEnum::Stepwise(range)) => range.min,
            Err(_) => continue,
        };
        let rate = u64::from(shortest.denominator) * 1000 / u64::from(shortest.numerator.max(1));
        highest = highest.max(u32::try_from(rate).unwrap_or(u32::MAX));
    }
    highest
}

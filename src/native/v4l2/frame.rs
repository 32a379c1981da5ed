//! A picture in the child: lets a camera stream for about a second, tells what came, and leaves the last picture in a file.
//! The camera keeps the format that it had before.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::frame::{Agreed, First, Picture, PictureKind, Then};
use nix::errno::Errno;
use v4l::buffer::{Flags, Metadata, Type};
use v4l::device::Device;
use v4l::format::{Colorspace, FourCC, Quantization};
use v4l::io::mmap::Stream;
use v4l::io::traits::{CaptureStream, Stream as _};
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Format, Fraction};

use super::ask::{gap, text};
use super::{jpeg, pixels};
use crate::host::child::Speaker;

/// As many as programs usually take: with fewer a camera that fills one while another is read loses pictures.
const BUFFERS: u32 = 4;
/// What OpenCV waits for a picture before it says "select() timeout".
const PATIENCE: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
/// A picture larger than this is a driver's mistake.
const PIXELS: u64 = 1 << 26;

/// What is asked for; a zero or an empty text does not matter.
struct Wanted {
    fourcc: String,
    size: (u32, u32),
    rate: u32,
}

/// Arguments: the node's path on this machine, the file for the picture, the milliseconds that all of it may take, then pixel
/// format, width, height and rate. Speaks the fields of `frame::Streamed`.
pub fn run(speaker: &Speaker, arguments: &[String]) {
    let [path, file, time, fourcc, width, height, rate] = arguments else { return };
    let number = |text: &String| text.parse::<u32>().unwrap_or_default();
    let wanted = Wanted { fourcc: fourcc.clone(), size: (number(width), number(height)), rate: number(rate) };
    let time = Duration::from_millis(number(time).into());
    // Of the time the first picture gets the most; the rest is for more pictures and for turning one into a file.
    let (patience, second) = ((time * 6 / 10).min(PATIENCE), (time * 2 / 10).min(SECOND));
    let refused = |why: &io::Error| speaker.set("first", Fact::present(beginning(why), format!("open {path}")));
    let device = match Device::with_path(path) {
        Ok(device) => device,
        Err(why) => return refused(&why),
    };
    let before = (device.format(), device.params());
    let agreed = match settle(&device, &wanted) {
        Ok(agreed) => agreed,
        Err(why) => return speaker.set("first", Fact::present(beginning(&why), format!("VIDIOC_S_FMT {path}"))),
    };
    let words = Agreed { fourcc: text(&agreed.fourcc.repr), size: (agreed.width, agreed.height) };
    speaker.set("agreed", Fact::present(words, format!("VIDIOC_S_FMT {path}")));
    stream(speaker, &device, &agreed, path, file, (patience, second));
    // Refused while the stream's buffers are still there, as after an error; the node is closed in the next moment anyway.
    if let (Ok(format), params) = before {
        let _ = device.set_format(&format);
        let _ = params.map(|params| device.set_params(&params));
    }
}

/// Sets what is asked for. Where no pixel format is, the present one is kept if it can be shown.
fn settle(device: &Device, wanted: &Wanted) -> io::Result<Format> {
    let mut format = device.format()?;
    let shown = |code: FourCC| jpeg::is_jpeg(&text(&code.repr)) || pixels::is_known(&text(&code.repr));
    let offered = device.enum_formats().unwrap_or_default();
    let named = offered.iter().map(|one| one.fourcc).find(|code| text(&code.repr).eq_ignore_ascii_case(&wanted.fourcc));
    let other = offered.iter().map(|one| one.fourcc).find(|code| shown(*code));
    let code = named.or(other.filter(|_| wanted.fourcc.is_empty() && !shown(format.fourcc)));
    let nothing = code.is_none() && wanted.size == (0, 0);
    format.fourcc = code.unwrap_or(format.fourcc);
    if wanted.size != (0, 0) {
        (format.width, format.height) = wanted.size;
    }
    // The driver finds out bytes by itself.
    (format.stride, format.size) = (0, 0);
    if !nothing {
        format = device.set_format(&format)?;
    } else {
        format = device.format()?;
    }
    if wanted.rate > 0 {
        // Not every driver lets it be set; the real rate is measured.
        let _ = device.set_params(&Parameters::new(Fraction::new(1, wanted.rate)));
    }
    Ok(format)
}

fn stream(
    speaker: &Speaker,
    device: &Device,
    format: &Format,
    path: &str,
    file: &str,
    (patience, second): (Duration, Duration),
) {
    let began = Instant::now();
    let mut stream = match begin(device) {
        Ok(stream) => stream,
        Err((request, why)) => {
            return speaker.set("first", Fact::present(beginning(&why), format!("{request} {path}")));
        }
    };
    let source = format!("VIDIOC_DQBUF {path}");
    let mut last = Vec::new();
    let first = first(&mut stream, began, patience, &mut last);
    let came = matches!(first, First::After(_));
    speaker.set("first", Fact::present(first, &source));
    let mut whole = came;
    if came {
        let then = more(&mut stream, second, &mut last);
        whole = matches!(then, Then::Flows(_) | Then::Stops);
        speaker.set("then", Fact::present(then, &source));
        speaker.set("picture", picture(format, &last, Path::new(file), path));
    }
    // Dropped, the stream's own code panics where the device is gone or broken.
    if whole && stream.stop().is_ok() { drop(stream) } else { std::mem::forget(stream) }
}

/// Buffers, queued but for the first, which `next` queues, and the stream on. Err names the request that was refused.
fn begin(device: &Device) -> Result<Stream<'_>, (&'static str, io::Error)> {
    let mut stream =
        Stream::with_buffers(device, Type::VideoCapture, BUFFERS).map_err(|why| ("VIDIOC_REQBUFS", why))?;
    for index in 1.. {
        match CaptureStream::queue(&mut stream, index) {
            Ok(()) => {}
            // A driver may give fewer or more than were asked for.
            Err(why) if is(&why, Errno::EINVAL) => break,
            Err(why) => return Err(abandon(stream, "VIDIOC_QBUF", why)),
        }
    }
    match stream.start() {
        Ok(()) => Ok(stream),
        Err(why) => Err(abandon(stream, "VIDIOC_STREAMON", why)),
    }
}

fn abandon(stream: Stream<'_>, request: &'static str, why: io::Error) -> (&'static str, io::Error) {
    std::mem::forget(stream);
    (request, why)
}

/// Waits for the first whole picture and leaves it in `last`.
fn first(stream: &mut Stream<'_>, began: Instant, patience: Duration, last: &mut Vec<u8>) -> First {
    let mut damaged = false;
    loop {
        let Some(left) = patience.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) else {
            let waited = millis(began.elapsed());
            return if damaged { First::Damaged(waited) } else { First::Silent(waited) };
        };
        stream.set_timeout(left);
        match stream.next() {
            Ok((bytes, about)) if keep(bytes, about, last) => return First::After(millis(began.elapsed())),
            Ok(_) => damaged = true,
            Err(why) if why.kind() == io::ErrorKind::TimedOut => {}
            Err(why) => return beginning(&why),
        }
    }
}

/// Counts the pictures of about a second and leaves the last whole one in `last`: by then most cameras have found their light.
fn more(stream: &mut Stream<'_>, second: Duration, last: &mut Vec<u8>) -> Then {
    let began = Instant::now();
    let mut pictures = 0_u32;
    let mut latest = Duration::ZERO;
    while let Some(left) = second.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        stream.set_timeout(left);
        match stream.next() {
            Ok((bytes, about)) => {
                if keep(bytes, about, last) {
                    pictures = pictures.saturating_add(1);
                    latest = began.elapsed();
                }
            }
            Err(why) if why.kind() == io::ErrorKind::TimedOut => break,
            Err(why) if is(&why, Errno::ENODEV) => return Then::Gone,
            Err(why) => return Then::Breaks(why.to_string()),
        }
    }
    let thousandths = u128::from(pictures) * 1_000_000_000 / latest.as_micros().max(1);
    if pictures == 0 { Then::Stops } else { Then::Flows(u32::try_from(thousandths).unwrap_or(u32::MAX)) }
}

/// Takes a picture that the driver does not call damaged.
fn keep(bytes: &[u8], about: &Metadata, last: &mut Vec<u8>) -> bool {
    let used = usize::try_from(about.bytesused).unwrap_or(usize::MAX).min(bytes.len());
    let whole = used > 0 && !about.flags.contains(Flags::ERROR);
    if whole {
        last.clear();
        last.extend_from_slice(bytes.get(..used).unwrap_or_default());
    }
    whole
}

/// What the driver delivered, as a file that can be opened.
fn picture(format: &Format, bytes: &[u8], file: &Path, path: &str) -> Fact<Picture> {
    let fourcc = text(&format.fourcc.repr);
    let source = format!("a picture of {path}");
    let unsupported = |why: String| Fact::unknown(Gap::Unsupported(why), source.clone());
    if u64::from(format.width) * u64::from(format.height) > PIXELS {
        return unsupported(format!("a picture of {}x{}", format.width, format.height));
    }
    let full = match format.quantization {
        Quantization::Default => matches!(format.colorspace, Colorspace::JPEG),
        quantization => matches!(quantization, Quantization::FullRange),
    };
    let raw = pixels::Raw { fourcc: &fourcc, size: (format.width, format.height), stride: format.stride, full, bytes };
    let made = match () {
        () if jpeg::is_jpeg(&fourcc) => jpeg::whole(bytes).map(|bytes| (PictureKind::Jpeg, bytes)),
        () if pixels::is_known(&fourcc) => raw.png().map(|bytes| (PictureKind::Png, bytes)),
        () => return unsupported(format!("{fourcc} is no picture by itself")),
    };
    match made {
        Err(why) => Fact::unknown(Gap::Unparsable(why), source),
        Ok((kind, bytes)) => match std::fs::write(file, &bytes) {
            Ok(()) => Fact::present(Picture { kind, file: String::new(), bytes: Vec::new() }, source),
            Err(why) => Fact::unknown(gap(&why), file.display().to_string()),
        },
    }
}

fn beginning(why: &io::Error) -> First {
    match () {
        () if is(why, Errno::EBUSY) => First::Busy,
        () if is(why, Errno::ENOSPC) => First::NoBandwidth,
        () if is(why, Errno::ENODEV) || is(why, Errno::ENXIO) || is(why, Errno::ENOENT) => First::Gone,
        () => First::Refused(why.to_string()),
    }
}

fn is(why: &io::Error, errno: Errno) -> bool {
    why.raw_os_error() == Some(errno as i32)
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

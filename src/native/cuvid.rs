//! Asks the first GPU's video decoder what it decodes: libcuda starts it, libnvcuvid answers. Needs no package of CUDA, only
//! the driver's own libraries. Numbers and layouts: nv-codec-headers, dynlink_cuda.h and dynlink_cuviddec.h.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::library::Decoder;
use gdoctor_checks::model::need::Codec;
use libloading::os::unix::{Library, RTLD_LAZY, RTLD_LOCAL, Symbol};

use crate::host::child::Speaker;

const SOURCE: &str = "cuvidGetDecoderCaps of libnvcuvid.so.1";
const CHROMA_420: c_int = 1;

/// CUVIDDECODECAPS; the first three are questions, the rest answers.
#[repr(C)]
#[derive(Default)]
struct Caps {
    codec: c_int,
    chroma: c_int,
    bits_minus_8: c_uint,
    reserved1: [c_uint; 3],
    supported: u8,
    engines: u8,
    output_formats: u16,
    max_width: c_uint,
    max_height: c_uint,
    max_macroblocks: c_uint,
    min_width: u16,
    min_height: u16,
    histogram: u8,
    counter_bits: u8,
    histogram_bins: u16,
    reserved3: [c_uint; 10],
}

const _: () = assert!(size_of::<Caps>() == 88);

type GetCaps = unsafe extern "C" fn(*mut Caps) -> c_int;

/// `arguments` are codecs by name.
pub fn run(speaker: &Speaker, arguments: &[String]) {
    match open() {
        Err(gap) => speaker.set("device", Fact::<String>::unknown(gap, SOURCE)),
        Ok((device, get_caps)) => {
            speaker.set("device", Fact::present(device, SOURCE));
            match ask_all(speaker, &get_caps, arguments) {
                Err(gap) => speaker.set("end", Fact::<bool>::unknown(gap, SOURCE)),
                Ok(()) => speaker.set("end", Fact::present(true, SOURCE)),
            }
        }
    }
}

fn ask_all(speaker: &Speaker, get_caps: &Symbol<GetCaps>, codecs: &[String]) -> Result<(), Gap> {
    for codec in codecs.iter().filter_map(|word| Codec::from_word(word)) {
        for bits in [8, 10] {
            speaker.push("decoders", ask(get_caps, codec, bits)?);
        }
    }
    Ok(())
}

fn ask(get_caps: &Symbol<GetCaps>, codec: Codec, bits: u8) -> Result<Decoder, Gap> {
    let mut caps = Caps {
        codec: number(codec),
        chroma: CHROMA_420,
        bits_minus_8: c_uint::from(bits.saturating_sub(8)),
        ..Caps::default()
    };
    // SAFETY: the library was loaded by its name and exports this symbol; `caps` has the layout it writes to, checked above.
    let code = unsafe { get_caps(&raw mut caps) };
    if code != 0 {
        return Err(refused("cuvidGetDecoderCaps", code));
    }
    let supported = caps.supported != 0;
    Ok(Decoder {
        codec,
        bits,
        supported,
        width: if supported { caps.max_width } else { 0 },
        height: if supported { caps.max_height } else { 0 },
        engines: caps.engines,
    })
}

/// cudaVideoCodec.
fn number(codec: Codec) -> c_int {
    match codec {
        Codec::H264 => 4,
        Codec::Hevc => 8,
        Codec::Vp9 => 10,
        Codec::Av1 => 11,
    }
}

/// The first GPU's name, with its primary context current in this thread, and the function to ask.
fn open() -> Result<(String, Symbol<GetCaps>), Gap> {
    let cuda = load("libcuda.so.1")?;
    let cuvid = load("libnvcuvid.so.1")?;
    let mut device: c_int = 0;
    let mut context: *mut c_void = std::ptr::null_mut();
    let mut name: [c_char; 128] = [0; 128];
    // SAFETY: signatures as in dynlink_cuda.h; every pointer is to a live local of the type that is written; the name's
    // length is given, and its last byte stays 0 because one less is.
    unsafe {
        let init: Symbol<unsafe extern "C" fn(c_uint) -> c_int> = find(&cuda, "cuInit")?;
        checked("cuInit", init(0))?;
        let get: Symbol<unsafe extern "C" fn(*mut c_int, c_int) -> c_int> = find(&cuda, "cuDeviceGet")?;
        checked("cuDeviceGet", get(&raw mut device, 0))?;
        let get_name: Symbol<unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int> =
            find(&cuda, "cuDeviceGetName")?;
        checked("cuDeviceGetName", get_name(name.as_mut_ptr(), 127, device))?;
        let retain: Symbol<unsafe extern "C" fn(*mut *mut c_void, c_int) -> c_int> =
            find(&cuda, "cuDevicePrimaryCtxRetain")?;
        checked("cuDevicePrimaryCtxRetain", retain(&raw mut context, device))?;
        let set: Symbol<unsafe extern "C" fn(*mut c_void) -> c_int> = find(&cuda, "cuCtxSetCurrent")?;
        checked("cuCtxSetCurrent", set(context))?;
    }
    // SAFETY: CUresult CUDAAPI cuvidGetDecoderCaps(CUVIDDECODECAPS *pdc).
    let get_caps = unsafe { find::<GetCaps>(&cuvid, "cuvidGetDecoderCaps")? };
    // Neither library is ever unloaded: the child ends soon, and drivers do not like to be unloaded.
    std::mem::forget((cuda, cuvid));
    // SAFETY: the array ends in 0.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    Ok((name.to_string_lossy().into_owned(), get_caps))
}

/// By the loader's own search; WSL's folder is not in it on every distribution.
fn load(name: &str) -> Result<Library, Gap> {
    // SAFETY: initialisers of the driver's libraries run; that is why this is a child process.
    let opened = unsafe { Library::open(Some(name), RTLD_LAZY | RTLD_LOCAL) };
    opened
        .or_else(|error| {
            // SAFETY: as above.
            unsafe { Library::open(Some(format!("/usr/lib/wsl/lib/{name}")), RTLD_LAZY | RTLD_LOCAL) }
                .map_err(|_| error)
        })
        .map_err(|error| Gap::ToolMissing(format!("{name} for this program ({error})")))
}

/// # Safety
/// `T` must be the type of the function of that name.
unsafe fn find<T>(library: &Library, name: &str) -> Result<Symbol<T>, Gap> {
    // SAFETY: the caller's promise.
    unsafe { library.get(name.as_bytes()) }.map_err(|_| Gap::ToolMissing(format!("{name} in the driver's library")))
}

fn checked(call: &str, code: c_int) -> Result<(), Gap> {
    if code == 0 { Ok(()) } else { Err(refused(call, code)) }
}

fn refused(call: &str, code: c_int) -> Gap {
    let name = match code {
        2 => "CUDA_ERROR_OUT_OF_MEMORY",
        3 => "CUDA_ERROR_NOT_INITIALIZED",
        34 => "CUDA_ERROR_STUB_LIBRARY",
        46 => "CUDA_ERROR_DEVICE_UNAVAILABLE",
        100 => "CUDA_ERROR_NO_DEVICE",
        101 => "CUDA_ERROR_INVALID_DEVICE",
        304 => "CUDA_ERROR_OPERATING_SYSTEM",
        801 => "CUDA_ERROR_NOT_SUPPORTED",
        802 => "CUDA_ERROR_SYSTEM_NOT_READY",
        803 => "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        804 => "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
        999 => "CUDA_ERROR_UNKNOWN",
        _ => return Gap::Unsupported(format!("{call} returned {code}")),
    };
    Gap::Unsupported(format!("{call} returned {code}, {name}"))
}

//! Asks the first GPU's video encoder what it encodes, by opening a session as every program does that encodes: only the driver
//! itself knows which GPU, MIG slice and number of sessions it lets encode. Numbers and layouts: nv-codec-headers,
//! nvEncodeAPI.h.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::need::Codec;
use libloading::os::unix::Library;

use super::cuda;
use crate::host::child::Speaker;

const SOURCE: &str = "nvEncOpenEncodeSessionEx of libnvidia-encode.so.1";
/// The newest interface whose layouts are known here, as NvEncodeAPIGetMaxSupportedVersion writes it: 13.0.
const KNOWN: u32 = 13 << 4;
/// NV_ENC_DEVICE_TYPE_CUDA
const CUDA: u32 = 1;
/// More than any encoder has.
const MOST_CODECS: usize = 32;

/// NV_ENCODE_API_FUNCTION_LIST: the functions by their place in it.
#[repr(C)]
struct Functions {
    version: u32,
    reserved: u32,
    at: [*const c_void; 318],
}

const GET_GUIDS: usize = 4;
const DESTROY: usize = 27;
const OPEN: usize = 29;

const _: () = assert!(size_of::<Functions>() == 2552);

/// NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS
#[repr(C)]
struct Session {
    version: u32,
    device_type: u32,
    device: *mut c_void,
    reserved: *mut c_void,
    interface: u32,
    reserved1: [u32; 253],
    reserved2: [*mut c_void; 64],
}

const _: () = assert!(size_of::<Session>() == 1552);

/// GUID, its four parts in the machine's byte order.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq)]
struct Guid(u32, u16, u16, [u8; 8]);

const GUIDS: [(Guid, Codec); 3] = [
    (Guid(0x6bc8_2762, 0x4e63, 0x4ca4, [0xaa, 0x85, 0x1e, 0x50, 0xf3, 0x21, 0xf6, 0xbf]), Codec::H264),
    (Guid(0x790c_dc88, 0x4522, 0x4d7b, [0x94, 0x25, 0xbd, 0xa9, 0x97, 0x5f, 0x76, 0x03]), Codec::Hevc),
    (Guid(0x0a35_2289, 0x0aa7, 0x4759, [0x86, 0x2d, 0x5d, 0x15, 0xcd, 0x16, 0xd2, 0x54]), Codec::Av1),
];

type GetVersion = unsafe extern "C" fn(*mut u32) -> c_int;
type Create = unsafe extern "C" fn(*mut Functions) -> c_int;
type Open = unsafe extern "C" fn(*mut Session, *mut *mut c_void) -> c_int;
type GetGuids = unsafe extern "C" fn(*mut c_void, *mut Guid, u32, *mut u32) -> c_int;
type Destroy = unsafe extern "C" fn(*mut c_void) -> c_int;

pub fn run(speaker: &Speaker) {
    // The session ends with the child at the latest; the libraries are not unloaded, which drivers do not like.
    let asked = ask(speaker);
    if let Err((field, gap)) = asked {
        speaker.set(field, Fact::<String>::unknown(gap, SOURCE));
    }
}

/// Says what it learns; an error is the first field that could not be learnt, and why.
fn ask(speaker: &Speaker) -> Result<(), (&'static str, Gap)> {
    let encode = cuda::load("libnvidia-encode.so.1").map_err(|gap| ("interface", gap))?;
    let interface = newest(&encode).map_err(|gap| ("interface", gap))?;
    let shown = format!("{}.{}", interface >> 4, interface & 15);
    speaker.set("interface", Fact::present(shown, "NvEncodeAPIGetMaxSupportedVersion of libnvidia-encode.so.1"));
    let cuda = cuda::load("libcuda.so.1").map_err(|gap| ("gpu", gap))?;
    let gpu = cuda::first_gpu(&cuda).map_err(|gap| ("gpu", gap))?;
    speaker.set("gpu", Fact::present(gpu.name, SOURCE));

    let version = interface.min(KNOWN);
    let version = (version >> 4) | (version & 15) << 24;
    let functions = functions(&encode, version).map_err(|gap| ("session", gap))?;
    let mut session = Session {
        version: structure(version, 1),
        device_type: CUDA,
        device: gpu.context,
        reserved: std::ptr::null_mut(),
        interface: version,
        reserved1: [0; 253],
        reserved2: [std::ptr::null_mut(); 64],
    };
    let mut encoder: *mut c_void = std::ptr::null_mut();
    std::mem::forget((cuda, encode));
    // SAFETY: the library put its function of this type in this place of the list, and `functions` saw that it is there;
    // both pointers are to live locals of the layout that it reads and writes.
    let code = unsafe {
        let open: Open = std::mem::transmute(functions.at[OPEN]);
        open(&raw mut session, &raw mut encoder)
    };
    speaker.set("session", Fact::present(u32::try_from(code).unwrap_or(u32::MAX), SOURCE));
    let codecs = if code == 0 { codecs(&functions, encoder) } else { Err(refused("nvEncOpenEncodeSessionEx", code)) };
    if !encoder.is_null() {
        // SAFETY: as above; nvEncodeAPI.h asks for it after a session that failed to open, too.
        unsafe {
            let destroy: Destroy = std::mem::transmute(functions.at[DESTROY]);
            destroy(encoder);
        }
    }
    speaker.set("codecs", Fact::present(codecs.map_err(|gap| ("codecs", gap))?, "nvEncGetEncodeGUIDs"));
    Ok(())
}

/// Major version in the upper bits, minor in the lowest four.
fn newest(encode: &Library) -> Result<u32, Gap> {
    let mut version = 0;
    // SAFETY: NVENCSTATUS NvEncodeAPIGetMaxSupportedVersion(uint32_t *version).
    let code = unsafe { cuda::find::<GetVersion>(encode, "NvEncodeAPIGetMaxSupportedVersion")?(&raw mut version) };
    if code == 0 { Ok(version) } else { Err(refused("NvEncodeAPIGetMaxSupportedVersion", code)) }
}

fn functions(encode: &Library, version: u32) -> Result<Box<Functions>, Gap> {
    let mut functions =
        Box::new(Functions { version: structure(version, 2), reserved: 0, at: [std::ptr::null(); 318] });
    // SAFETY: NVENCSTATUS NvEncodeAPICreateInstance(NV_ENCODE_API_FUNCTION_LIST *), whose size is checked above.
    let code = unsafe { cuda::find::<Create>(encode, "NvEncodeAPICreateInstance")?(&raw mut *functions) };
    let whole = [GET_GUIDS, DESTROY, OPEN].iter().all(|place| !functions.at[*place].is_null());
    match code {
        0 if whole => Ok(functions),
        0 => Err(Gap::Unsupported("the driver's list of encoder functions has holes".into())),
        code => Err(refused("NvEncodeAPICreateInstance", code)),
    }
}

fn codecs(functions: &Functions, encoder: *mut c_void) -> Result<Vec<Codec>, Gap> {
    let mut guids = [Guid::default(); MOST_CODECS];
    let mut count = 0;
    // SAFETY: the place holds the function of this type; it writes at most as many as it is told there is room for.
    let code = unsafe {
        let get: GetGuids = std::mem::transmute(functions.at[GET_GUIDS]);
        get(encoder, guids.as_mut_ptr(), MOST_CODECS as u32, &raw mut count)
    };
    if code != 0 {
        return Err(refused("nvEncGetEncodeGUIDs", code));
    }
    let told = &guids[..MOST_CODECS.min(count as usize)];
    Ok(GUIDS.iter().filter(|(guid, _)| told.contains(guid)).map(|(_, codec)| *codec).collect())
}

/// NVENCAPI_STRUCT_VERSION
fn structure(version: u32, number: u32) -> u32 {
    version | number << 16 | 7 << 28
}

fn refused(call: &str, code: c_int) -> Gap {
    Gap::Unsupported(format!("{call} returned {code}"))
}

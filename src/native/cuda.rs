//! Starts CUDA: the driver's libcuda is loaded and cuInit called, as every CUDA program does first. Nothing is put on a GPU
//! but, for those who ask its engines, a context. Numbers: cuda.h, CUresult; signatures: nv-codec-headers, dynlink_cuda.h.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::readings::cuda::error_name;
use libloading::os::unix::{Library, RTLD_LAZY, RTLD_LOCAL, Symbol};

use crate::host::child::Speaker;

const SOURCE: &str = "cuInit of libcuda.so.1";

pub fn run(speaker: &Speaker) {
    let library = match load("libcuda.so.1") {
        Ok(library) => library,
        Err(gap) => return speaker.set("start", Fact::<u32>::unknown(gap, SOURCE)),
    };
    speaker.set("library", Fact::found(loaded(), "/proc/self/maps"));
    let start = match start(&library) {
        Ok(code) => Fact::present(u32::try_from(code).unwrap_or(u32::MAX), SOURCE),
        Err(gap) => Fact::unknown(gap, SOURCE),
    };
    speaker.set("start", start);
    // The child ends soon, and drivers do not like to be unloaded.
    std::mem::forget(library);
}

/// cuInit's answer, for all GPUs of this machine whatever the caller's environment leaves of them.
pub fn start(library: &Library) -> Result<c_int, Gap> {
    // SAFETY: the child has one thread. CUresult cuInit(unsigned int Flags).
    unsafe {
        std::env::remove_var("CUDA_VISIBLE_DEVICES");
        let init: Symbol<unsafe extern "C" fn(c_uint) -> c_int> = find(library, "cuInit")?;
        Ok(init(0))
    }
}

/// What CUDA takes for the first GPU.
pub struct Gpu {
    pub name: String,
    /// Its primary context, current in this thread.
    pub context: *mut c_void,
}

pub fn first_gpu(cuda: &Library) -> Result<Gpu, Gap> {
    let mut device: c_int = 0;
    let mut context: *mut c_void = std::ptr::null_mut();
    let mut name: [c_char; 128] = [0; 128];
    // SAFETY: signatures as in dynlink_cuda.h; every pointer is to a live local of the type that is written; the name's
    // length is given, and its last byte stays 0 because one less is.
    unsafe {
        checked("cuInit", start(cuda)?)?;
        let get: Symbol<unsafe extern "C" fn(*mut c_int, c_int) -> c_int> = find(cuda, "cuDeviceGet")?;
        checked("cuDeviceGet", get(&raw mut device, 0))?;
        let get_name: Symbol<unsafe extern "C" fn(*mut c_char, c_int, c_int) -> c_int> = find(cuda, "cuDeviceGetName")?;
        checked("cuDeviceGetName", get_name(name.as_mut_ptr(), 127, device))?;
        let retain: Symbol<unsafe extern "C" fn(*mut *mut c_void, c_int) -> c_int> =
            find(cuda, "cuDevicePrimaryCtxRetain")?;
        checked("cuDevicePrimaryCtxRetain", retain(&raw mut context, device))?;
        let set: Symbol<unsafe extern "C" fn(*mut c_void) -> c_int> = find(cuda, "cuCtxSetCurrent")?;
        checked("cuCtxSetCurrent", set(context))?;
    }
    // SAFETY: the array ends in 0.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    Ok(Gpu { name: name.to_string_lossy().into_owned(), context })
}

/// By the loader's own search; WSL's folder is not in it on every distribution.
pub fn load(name: &str) -> Result<Library, Gap> {
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

/// The path of the libcuda in this process.
fn loaded() -> Option<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let path = maps.lines().find_map(|line| line.get(line.find('/')?..).filter(|path| path.contains("/libcuda.so")))?;
    Some(path.to_owned())
}

/// # Safety
/// `T` must be the type of the function of that name.
pub unsafe fn find<T>(library: &Library, name: &str) -> Result<Symbol<T>, Gap> {
    // SAFETY: the caller's promise.
    unsafe { library.get(name.as_bytes()) }.map_err(|_| Gap::ToolMissing(format!("{name} in the driver's library")))
}

pub fn checked(call: &str, code: c_int) -> Result<(), Gap> {
    if code == 0 { Ok(()) } else { Err(refused(call, code)) }
}

pub fn refused(call: &str, code: c_int) -> Gap {
    match u32::try_from(code).map(error_name) {
        Ok(name) if !name.is_empty() => Gap::Unsupported(format!("{call} returned {code}, {name}")),
        _ => Gap::Unsupported(format!("{call} returned {code}")),
    }
}

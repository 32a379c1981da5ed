//! Starts CUDA: the driver's libcuda is loaded and cuInit called, as every CUDA program does first. Nothing is put on a GPU.
//! Numbers: cuda.h, CUresult.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_uint};

use gdoctor_checks::model::cuda::error_name;
use gdoctor_checks::model::fact::{Fact, Gap};
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

//! Asks the first GPU's video decoder what it decodes: libcuda starts it, libnvcuvid answers. Needs no package of CUDA, only
//! the driver's own libraries. Numbers and layouts: nv-codec-headers, dynlink_cuviddec.h.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_uint};

use gdoctor_checks::model::fact::{Fact, Gap};
use gdoctor_checks::model::facts::library::Decoder;
use gdoctor_checks::model::need::Codec;
use libloading::os::unix::Symbol;

use super::cuda;
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
        return Err(cuda::refused("cuvidGetDecoderCaps", code));
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
    let cuda = cuda::load("libcuda.so.1")?;
    let cuvid = cuda::load("libnvcuvid.so.1")?;
    let gpu = cuda::first_gpu(&cuda)?;
    // SAFETY: CUresult CUDAAPI cuvidGetDecoderCaps(CUVIDDECODECAPS *pdc).
    let get_caps = unsafe { cuda::find::<GetCaps>(&cuvid, "cuvidGetDecoderCaps")? };
    // Neither library is ever unloaded: the child ends soon, and drivers do not like to be unloaded.
    std::mem::forget((cuda, cuvid));
    Ok((gpu.name, get_caps))
}

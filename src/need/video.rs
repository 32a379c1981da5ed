//! Words of a command that decode or encode video by NVIDIA's GPU: such a program needs the driver's video libraries.

/// Parts of a word that say so by themselves: decoders and encoders of ffmpeg, elements of GStreamer's, a module of OpenCV's, what
/// ffmpeg is built with.
const TELLING: [&str; 14] = [
    "h264_cuvid",
    "hevc_cuvid",
    "av1_cuvid",
    "vp9_cuvid",
    "mjpeg_cuvid",
    "h264_nvenc",
    "hevc_nvenc",
    "av1_nvenc",
    "nvh264dec",
    "nvh265dec",
    "nvh264enc",
    "nvh265enc",
    "cudacodec",
    "--enable-cuvid",
];

/// Start and end of each such word; of `-hwaccel cuda` from the option to its value.
pub fn asked(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut before: Option<(usize, usize)> = None;
    for (start, end) in words(text) {
        let word = &text[start..end];
        let option = before.filter(|(from, to)| &text[*from..*to] == "-hwaccel");
        if let Some((from, _)) = option.filter(|_| ["cuda", "cuvid", "nvdec"].contains(&word)) {
            found.push((from, end));
        } else if TELLING.iter().any(|telling| word.contains(telling)) {
            found.push((start, end));
        }
        before = Some((start, end));
    }
    found
}

fn words(text: &str) -> Vec<(usize, usize)> {
    let ends = |c: char| c.is_whitespace() || "\"'[],;&|()".contains(c);
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (ends(c), start) {
            (true, Some(from)) => {
                found.push((from, at));
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
    }
    found
}

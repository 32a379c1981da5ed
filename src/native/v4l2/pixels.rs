//! Raw pictures of cameras as PNG. Where their bytes lie: the kernel's "Image Formats" (userspace-api/media/v4l/pixfmt).

/// One picture as the driver delivered it.
pub struct Raw<'a> {
    /// Without blanks at its end: `YUYV`, `Y16`.
    pub fourcc: &'a str,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Bytes from a line to the next, of the first plane; 0 where the driver does not tell.
    pub stride: u32,
    /// YUV values fill 0 to 255 instead of 16 to 235.
    pub full: bool,
    pub bytes: &'a [u8],
}

/// Where the parts of a pixel lie.
#[derive(Clone, Copy)]
enum Layout {
    /// Bytes of a pixel, and the places of red, green and blue among them.
    Rgb(usize, [usize; 3]),
    /// Two bytes: five bits of red, six of green, five of blue, the low byte first.
    Rgb565,
    /// One byte, or two with the low byte first, of so many bits.
    Grey(usize, u32),
    /// Two pixels in four bytes: the places of the first's Y, of U and of V.
    Packed([usize; 3]),
    /// A plane of Y, then one of U and V by turns with half the columns; rows that share one line of it, place of U.
    TwoPlanes(usize, usize),
    /// A plane of Y, then of U and V with half the columns; rows that share one line of them, whether U is first.
    ThreePlanes(usize, bool),
}

fn layout(fourcc: &str) -> Option<Layout> {
    Some(match fourcc {
        "RGB3" => Layout::Rgb(3, [0, 1, 2]),
        "BGR3" => Layout::Rgb(3, [2, 1, 0]),
        "RGB4" | "BX24" | "BA24" => Layout::Rgb(4, [1, 2, 3]),
        "BGR4" | "XR24" | "AR24" => Layout::Rgb(4, [2, 1, 0]),
        "XB24" | "AB24" => Layout::Rgb(4, [0, 1, 2]),
        "RX24" | "RA24" => Layout::Rgb(4, [3, 2, 1]),
        "RGBP" => Layout::Rgb565,
        "GREY" => Layout::Grey(1, 8),
        "Y10" => Layout::Grey(2, 10),
        "Y12" => Layout::Grey(2, 12),
        "Y16" => Layout::Grey(2, 16),
        "YUYV" => Layout::Packed([0, 1, 3]),
        "YVYU" => Layout::Packed([0, 3, 1]),
        "UYVY" => Layout::Packed([1, 0, 2]),
        "VYUY" => Layout::Packed([1, 2, 0]),
        "NV12" => Layout::TwoPlanes(2, 0),
        "NV21" => Layout::TwoPlanes(2, 1),
        "NV16" => Layout::TwoPlanes(1, 0),
        "NV61" => Layout::TwoPlanes(1, 1),
        "YU12" => Layout::ThreePlanes(2, true),
        "YV12" => Layout::ThreePlanes(2, false),
        "422P" => Layout::ThreePlanes(1, true),
        _ => return None,
    })
}

pub fn is_known(fourcc: &str) -> bool {
    layout(fourcc).is_some()
}

impl Raw<'_> {
    /// The whole file. Err: the picture is cut off, or of a format that nobody knows.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        let pixels = self.rgb()?;
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.size.0, self.size.1);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
        written.map(|()| file).map_err(|why| why.to_string())
    }

    /// Three bytes a pixel, line by line.
    fn rgb(&self) -> Result<Vec<u8>, String> {
        let layout = layout(self.fourcc).ok_or_else(|| format!("{} is not known", self.fourcc))?;
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let stride = (self.stride as usize).max(width * bytes_of_line(layout));
        let mut pixels = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            for x in 0..width {
                let pixel = self.pixel(layout, (x, y), stride, height);
                pixels.extend(pixel.ok_or_else(|| format!("cut off: {} bytes", self.bytes.len()))?);
            }
        }
        Ok(pixels)
    }

    fn pixel(&self, layout: Layout, (x, y): (usize, usize), stride: usize, height: usize) -> Option<[u8; 3]> {
        let at = |place: usize| self.bytes.get(place).copied();
        let line = y * stride;
        match layout {
            Layout::Rgb(bytes, [r, g, b]) => {
                let start = line + x * bytes;
                Some([at(start + r)?, at(start + g)?, at(start + b)?])
            }
            Layout::Rgb565 => {
                let value = u16::from_le_bytes([at(line + x * 2)?, at(line + x * 2 + 1)?]);
                let part = |shift: u16, most: u16| ((value >> shift & most) * 255 / most) as u8;
                Some([part(11, 31), part(5, 63), part(0, 31)])
            }
            Layout::Grey(1, _) => at(line + x).map(|value| [value; 3]),
            Layout::Grey(_, bits) => {
                let value = u16::from_le_bytes([at(line + x * 2)?, at(line + x * 2 + 1)?]);
                Some([(value >> (bits - 8)).min(255) as u8; 3])
            }
            Layout::Packed([luma, u, v]) => {
                let pair = line + x / 2 * 4;
                Some(self.colour(at(line + x * 2 + luma)?, at(pair + u)?, at(pair + v)?))
            }
            Layout::TwoPlanes(rows, u) => {
                let pair = height * stride + y / rows * stride + x / 2 * 2;
                Some(self.colour(at(line + x)?, at(pair + u)?, at(pair + (1 - u))?))
            }
            Layout::ThreePlanes(rows, u_first) => {
                let (half, plane) = (stride / 2, stride / 2 * height.div_ceil(rows));
                let place = y / rows * half + x / 2;
                let (one, two) = (at(height * stride + place)?, at(height * stride + plane + place)?);
                let (u, v) = if u_first { (one, two) } else { (two, one) };
                Some(self.colour(at(line + x)?, u, v))
            }
        }
    }

    /// ITU-R BT.601, in thousandths.
    fn colour(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        let (y, [rv, gu, gv, bu]) = match self.full {
            true => (i32::from(y) * 1000, [1402, 344, 714, 1772]),
            false => ((i32::from(y) - 16) * 1164, [1596, 392, 813, 2017]),
        };
        [y + rv * v, y - gu * u - gv * v, y + bu * u].map(|part| (part / 1000).clamp(0, 255) as u8)
    }
}

/// Bytes that the line of a first plane has for each pixel.
fn bytes_of_line(layout: Layout) -> usize {
    match layout {
        Layout::Rgb(bytes, _) | Layout::Grey(bytes, _) => bytes,
        Layout::Rgb565 | Layout::Packed(_) => 2,
        Layout::TwoPlanes(..) | Layout::ThreePlanes(..) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw<'a>(fourcc: &'a str, size: (u32, u32), bytes: &'a [u8]) -> Raw<'a> {
        Raw { fourcc, size, stride: 0, full: false, bytes }
    }

    /// Red is Y 81, U 90, V 240 in BT.601; a 2x2 picture of it in each format.
    #[test]
    fn red_is_red_in_every_format() {
        for (fourcc, bytes) in [
            ("YUYV", &[81, 90, 81, 240, 81, 90, 81, 240][..]),
            ("YVYU", &[81, 240, 81, 90, 81, 240, 81, 90]),
            ("UYVY", &[90, 81, 240, 81, 90, 81, 240, 81]),
            ("VYUY", &[240, 81, 90, 81, 240, 81, 90, 81]),
            ("NV12", &[81, 81, 81, 81, 90, 240]),
            ("NV21", &[81, 81, 81, 81, 240, 90]),
            ("NV16", &[81, 81, 81, 81, 90, 240, 90, 240]),
            ("NV61", &[81, 81, 81, 81, 240, 90, 240, 90]),
            ("YU12", &[81, 81, 81, 81, 90, 240]),
            ("YV12", &[81, 81, 81, 81, 240, 90]),
            ("422P", &[81, 81, 81, 81, 90, 90, 240, 240]),
            ("RGB3", &[255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0]),
            ("BGR3", &[0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 255]),
            ("RGBP", &[0, 0xf8, 0, 0xf8, 0, 0xf8, 0, 0xf8]),
            ("BGR4", &[0, 0, 255, 9, 0, 0, 255, 9, 0, 0, 255, 9, 0, 0, 255, 9]),
            ("RGB4", &[9, 255, 0, 0, 9, 255, 0, 0, 9, 255, 0, 0, 9, 255, 0, 0]),
        ] {
            let pixels = raw(fourcc, (2, 2), bytes).rgb().unwrap();
            let near = |pixel: &[u8]| pixel[0] >= 250 && pixel[1] <= 4 && pixel[2] <= 4;
            assert!(pixels.len() == 12 && pixels.chunks(3).all(near), "{fourcc}: {pixels:?}");
        }
    }

    #[test]
    fn grey_of_many_bits_is_its_highest_eight() {
        for (fourcc, bytes) in [("GREY", &[128][..]), ("Y10", &[0, 2]), ("Y12", &[0, 8]), ("Y16", &[0, 128])] {
            assert_eq!(raw(fourcc, (1, 1), bytes).rgb(), Ok(vec![128; 3]), "{fourcc}");
        }
        // More bits than the format has: as white as it gets.
        assert_eq!(raw("Y10", (1, 1), &[255, 255]).rgb(), Ok(vec![255; 3]));
    }

    #[test]
    fn lines_may_be_longer_than_the_picture() {
        let padded = Raw { stride: 4, ..raw("GREY", (2, 2), &[1, 2, 9, 9, 3, 4, 9, 9]) };
        assert_eq!(padded.rgb(), Ok(vec![1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]));
    }

    #[test]
    fn any_bytes_are_a_picture_or_refused() {
        for fourcc in ["YUYV", "NV12", "YU12", "422P", "RGB3", "RGBP", "GREY", "Y16", "H264"] {
            for length in 0..40 {
                for size in [(0, 0), (1, 1), (3, 3), (4, 2)] {
                    let bytes = vec![200; length];
                    if let Ok(pixels) = raw(fourcc, size, &bytes).rgb() {
                        assert_eq!(pixels.len() as u32, size.0 * size.1 * 3, "{fourcc} {length} {size:?}");
                    }
                }
            }
            assert!(raw(fourcc, (64, 64), &[7; 100]).png().is_err(), "{fourcc}");
        }
    }

    #[test]
    fn a_png_holds_the_same_pixels() {
        let bytes: Vec<u8> = (0..48).collect();
        let file = raw("RGB3", (4, 4), &bytes).png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut back = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut back).unwrap();
        assert_eq!(back, bytes);
    }
}

//! Pixels as a PNG file: no filter (every filter makes graphs larger), deflate at a low level; a palette where the
//! picture has few enough colours to be the same picture with it.

use super::Error;
use png::{BitDepth, ColorType, DeflateCompression, Filter};

/// Level 2 saves a sixth of the bytes for twice the time; a picture is looked at once and then cached.
const LEVEL: u8 = 1;

/// Encodes opaque pixels of four bytes each.
pub(super) fn encode(rgba: &[u8], width: u32, height: u32) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(rgba.len() / 8 + 1024);
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_deflate_compression(DeflateCompression::Level(LEVEL));
    encoder.set_filter(Filter::NoFilter);
    let body = match indexed(rgba) {
        Some((palette, indexes)) => {
            encoder.set_color(ColorType::Indexed);
            encoder.set_palette(palette);
            indexes
        }
        None => {
            encoder.set_color(ColorType::Rgb);
            rgb(rgba)
        }
    };
    let mut writer = encoder.write_header().map_err(Error::Encode)?;
    writer.write_image_data(&body).map_err(Error::Encode)?;
    writer.finish().map_err(Error::Encode)?;
    Ok(out)
}

fn rgb(rgba: &[u8]) -> Vec<u8> {
    let mut out = vec![0; rgba.len() / 4 * 3];
    for (to, from) in out.chunks_exact_mut(3).zip(rgba.chunks_exact(4)) {
        to.copy_from_slice(&from[..3]);
    }
    out
}

/// Slots of the table that finds a colour's index: few enough to stay in the nearest cache, four for each colour.
const SLOTS: usize = 1024;

/// Palette and one index a pixel, if 256 colours are enough.
fn indexed(rgba: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut slots: [(u32, u8); SLOTS] = [(u32::MAX, 0); SLOTS];
    let mut palette = Vec::with_capacity(768);
    let mut out = Vec::with_capacity(rgba.len() / 4);
    let (mut last, mut last_index) = (u32::MAX, 0);
    for pixel in rgba.chunks_exact(4) {
        let color = u32::from(pixel[0]) << 16 | u32::from(pixel[1]) << 8 | u32::from(pixel[2]);
        if color != last {
            let mut slot = (color.wrapping_mul(0x9e37_79b1) >> 22) as usize;
            while slots[slot].0 != color && slots[slot].0 != u32::MAX {
                slot = (slot + 1) % SLOTS;
            }
            if slots[slot].0 == u32::MAX {
                let index = u8::try_from(palette.len() / 3).ok()?;
                palette.extend_from_slice(&pixel[..3]);
                slots[slot] = (color, index);
            }
            (last, last_index) = (color, slots[slot].1);
        }
        out.push(last_index);
    }
    Some((palette, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> (ColorType, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let kind = reader.info().color_type;
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        (kind, pixels)
    }

    #[test]
    fn few_colours_make_a_palette_and_both_ways_are_exact() {
        for (colours, kind) in [(256_u32, ColorType::Indexed), (257, ColorType::Rgb)] {
            let rgba: Vec<u8> =
                (0..1024).flat_map(|i| [((i % colours) >> 8) as u8, (i % colours) as u8, 7, 255]).collect();
            let (found, pixels) = decoded(&encode(&rgba, 32, 32).unwrap());
            assert_eq!(found, kind);
            assert_eq!(pixels, rgb(&rgba));
        }
    }
}

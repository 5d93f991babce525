//! The avatars of those who have none: a light figure on one of six colours, drawn once.

use std::io::Write as _;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

/// How many there are (CDN Formatting: `(id >> 22) % 6`).
pub const COUNT: usize = 6;
const SIDE: usize = 128;
/// Background colours; choice of ours.
const COLOURS: [[u8; 3]; COUNT] = [
    [0x4f, 0x6b, 0xd8],
    [0x6b, 0x72, 0x80],
    [0x2f, 0x9e, 0x6b],
    [0xc9, 0x7a, 0x1c],
    [0xc9, 0x4a, 0x4a],
    [0xb0, 0x4f, 0xa3],
];

/// The PNG of an avatar.
pub fn png(index: usize) -> Option<Bytes> {
    static AVATARS: OnceLock<Vec<Bytes>> = OnceLock::new();
    AVATARS.get_or_init(|| COLOURS.iter().map(|colour| draw(*colour).into()).collect()).get(index).cloned()
}

/// Whether a pixel belongs to the figure: a head above shoulders.
fn is_figure(x: usize, y: usize) -> bool {
    let (x, y) = (x as i64 * 2 - SIDE as i64, y as i64 * 2 - SIDE as i64);
    let head = x * x + (y + 36) * (y + 36) < 46 * 46;
    let shoulders = x * x + (y - 104) * (y - 104) < 84 * 84 && y > 24;
    head || shoulders
}

fn draw(colour: [u8; 3]) -> Vec<u8> {
    let mut rows = Vec::with_capacity(SIDE * (SIDE + 1));
    for y in 0..SIDE {
        rows.push(0); // no filter
        rows.extend((0..SIDE).map(|x| u8::from(is_figure(x, y))));
    }
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let side = (SIDE as u32).to_be_bytes();
    // 8 bits a pixel, palette.
    chunk(&mut png, b"IHDR", &[&side[..], &side, &[8, 3, 0, 0, 0]].concat());
    chunk(&mut png, b"PLTE", &[&colour[..], &[0xf2, 0xf3, 0xf5]].concat());
    chunk(&mut png, b"IDAT", &deflate(&rows));
    chunk(&mut png, b"IEND", &[]);
    png
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; an empty image would be the worst of it.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

fn chunk(png: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    png.extend((data.len() as u32).to_be_bytes());
    png.extend(name);
    png.extend(data);
    let mut crc = Crc::new();
    crc.update(name);
    crc.update(data);
    png.extend(crc.sum().to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_six_small_images() {
        for index in 0..COUNT {
            let png = png(index).unwrap();
            assert_eq!(crate::media::dimensions(&png), Some((128, 128)));
            assert!(png.len() < 2048, "{} bytes", png.len());
        }
        assert_ne!(png(0), png(1));
        assert!(png(COUNT).is_none());
    }
}

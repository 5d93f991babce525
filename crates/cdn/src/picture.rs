//! Pictures that the server shows as somebody's: decoded once, within limits, before they are kept.
//!
//! A file whose head is that of a picture may be none, or one that unpacks to more memory than any client has. Attachments
//! are not decoded: they are files, whatever they hold.

use std::io::Cursor;
use std::sync::Arc;

use bytes::Bytes;
use consort_model::{ApiError, ImageFormat};
use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, DynamicImage, Frames, ImageDecoder, ImageReader, Limits};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Pixels of one side; choice of ours.
pub(crate) const SIDE_MAX: u32 = 8192;
/// Pixels of a picture; 64 MiB when it is decoded.
const PIXELS_MAX: u64 = 16 << 20;
/// Frames of a moving picture.
const FRAMES_MAX: u64 = 1000;
/// Pixels of all its frames.
const PIXELS_TOTAL_MAX: u64 = 128 << 20;
/// Memory that a decoder may take beside the picture.
const DECODER_BYTES_MAX: u64 = 160 << 20;
/// Pictures decoded at once; more wait for their turn.
const AT_ONCE_MAX: usize = 2;

/// Frames and milliseconds of a picture that does not move.
const STILL: (u64, u64) = (1, 0);

/// What a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) format: ImageFormat,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) animated: bool,
    /// How long it moves, in milliseconds.
    pub(crate) millis: u64,
}

/// Looks at pictures, some at a time.
#[derive(Debug)]
pub(crate) struct Pictures(Arc<Semaphore>);

impl Default for Pictures {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE_MAX)))
    }
}

impl Pictures {
    /// Decodes a picture and gives its bytes back.
    ///
    /// # Errors
    /// 400/50046 when it is none, is broken, or is too large when unpacked.
    pub(crate) async fn look(&self, data: Vec<u8>) -> Result<(Picture, Bytes), ApiError> {
        let running = self.0.clone().acquire_owned().await.map_err(|_| ApiError::unavailable())?;
        let looked = spawn_blocking(move || {
            let _running = running;
            decode(&data).map(|picture| (picture, Bytes::from(data)))
        });
        match looked.await {
            Ok(found) => found.ok_or_else(ApiError::invalid_file),
            Err(error) => {
                tracing::error!(%error, "decoding a picture ended early");
                Err(ApiError::invalid_file())
            }
        }
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    limits
}

/// Decodes all of a picture; `None` when it is none that can be shown.
fn decode(data: &[u8]) -> Option<Picture> {
    let format = ImageFormat::sniff(data)?;
    let size = imagesize::blob_size(data).ok()?;
    let (width, height) = (u32::try_from(size.width).ok()?, u32::try_from(size.height).ok()?);
    let pixels = u64::from(width) * u64::from(height);
    if width == 0 || height == 0 || width > SIDE_MAX || height > SIDE_MAX || pixels > PIXELS_MAX {
        return None;
    }
    let (frames, millis) = match format {
        ImageFormat::Gif => {
            let mut decoder = GifDecoder::new(Cursor::new(data)).ok()?;
            decoder.set_limits(limits()).ok()?;
            count(decoder.into_frames(), pixels)?
        }
        ImageFormat::Png => {
            let decoder = PngDecoder::with_limits(Cursor::new(data), limits()).ok()?;
            // A still picture of it is what most clients show, so that must be right too.
            still(data, image::ImageFormat::Png)?;
            match decoder.is_apng().ok()? {
                true => count(decoder.apng().ok()?.into_frames(), pixels)?,
                false => STILL,
            }
        }
        ImageFormat::Webp => {
            let mut decoder = WebPDecoder::new(Cursor::new(data)).ok()?;
            decoder.set_limits(limits()).ok()?;
            match decoder.has_animation() {
                true => count(decoder.into_frames(), pixels)?,
                false => still(data, image::ImageFormat::WebP).map(|_| STILL)?,
            }
        }
        ImageFormat::Jpeg => still(data, image::ImageFormat::Jpeg).map(|_| STILL)?,
    };
    Some(Picture { format, width, height, animated: frames > 1, millis })
}

fn still(data: &[u8], format: image::ImageFormat) -> Option<DynamicImage> {
    let mut reader = ImageReader::with_format(Cursor::new(data), format);
    reader.limits(limits());
    reader.decode().ok()
}

/// Decodes the frames of a picture, counts them and adds up their milliseconds; `None` when one is broken, or they are none or
/// too many.
fn count(frames: Frames<'_>, pixels: u64) -> Option<(u64, u64)> {
    let max = FRAMES_MAX.min(PIXELS_TOTAL_MAX / pixels.max(1));
    let (mut count, mut millis) = (0, 0);
    for frame in frames {
        let (delay, parts) = frame.ok()?.delay().numer_denom_ms();
        count += 1;
        millis += u64::from(delay / parts.max(1));
        if count > max {
            return None;
        }
    }
    (count > 0).then_some((count, millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::gif::GifEncoder;
    use image::{Delay, Frame, RgbaImage};
    use proptest::prelude::*;

    fn encoded(format: image::ImageFormat, width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::new_rgb8(width, height).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn gif(frames: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = GifEncoder::new(&mut bytes);
        let delay = Delay::from_numer_denom_ms(20, 1);
        let frame = |_| Frame::from_parts(RgbaImage::new(2, 3), 0, 0, delay);
        encoder.encode_frames((0..frames).map(frame)).unwrap();
        drop(encoder);
        bytes
    }

    #[test]
    fn pictures_are_decoded_to_their_end() {
        for (kind, format) in [
            (image::ImageFormat::Png, ImageFormat::Png),
            (image::ImageFormat::Jpeg, ImageFormat::Jpeg),
            (image::ImageFormat::WebP, ImageFormat::Webp),
            (image::ImageFormat::Gif, ImageFormat::Gif),
        ] {
            let data = encoded(kind, 20, 10);
            let picture = Picture { format, width: 20, height: 10, animated: false, millis: 0 };
            assert_eq!(decode(&data), Some(picture), "{format:?}");
            assert_eq!(decode(&data[..data.len() / 2]), None, "half a {format:?}");
            assert_eq!(decode(&data[..30]), None, "the head of a {format:?}");
        }
        assert!(decode(&crate::default_avatar::png(0).unwrap()).is_some());
        assert_eq!(decode(b"<svg/>"), None);
    }

    #[test]
    fn moving_pictures_have_a_limit_of_frames() {
        assert!(!decode(&gif(1)).unwrap().animated);
        let two = decode(&gif(2)).unwrap();
        assert_eq!((two.animated, two.millis), (true, 40));
        assert!(decode(&gif(FRAMES_MAX as usize)).is_some());
        assert_eq!(decode(&gif(FRAMES_MAX as usize + 1)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn damaged_pictures_are_refused_or_shown(
            kind in 0..4_usize,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            use image::ImageFormat::{Gif, Jpeg, Png, WebP};
            let mut data = match [Png, Jpeg, WebP, Gif][kind] {
                Gif => gif(3),
                format => encoded(format, 6, 4),
            };
            for (place, byte) in changes {
                let place = place.index(data.len());
                data[place] = byte;
            }
            if let Some(picture) = decode(&data) {
                prop_assert!(picture.width <= SIDE_MAX && picture.height <= SIDE_MAX);
            }
            decode(&data[..cut.index(data.len())]);
        }
    }

    #[test]
    fn a_small_file_that_unpacks_to_a_large_picture_is_refused() {
        assert!(decode(&encoded(image::ImageFormat::Png, 8192, 2)).is_some());
        assert_eq!(decode(&encoded(image::ImageFormat::Png, 8193, 2)), None);
        assert_eq!(decode(&encoded(image::ImageFormat::Png, 4097, 4097)), None);
    }
}

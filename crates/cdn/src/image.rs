//! Images of things: avatars, icons, emojis.

use bytes::Bytes;
use consort_files::{Kind, name};
use consort_model::{ApiError, Image};
use consort_runtime::random_hex;

use crate::blobs::put;
use crate::picture::Picture;
use crate::{Cdn, sound};

/// A new name for an image, in the form of upstream's: 16 bytes in hexadecimal, after `a_` when it moves. It says nothing
/// of the content: an image that is set again gets another name, as that of the first time may be on its way out.
fn image_hash(animated: bool) -> String {
    let name = random_hex::<16>();
    if animated { format!("a_{name}") } else { name }
}

/// Whether a text has the form of [`image_hash`].
pub fn is_image_hash(text: &str) -> bool {
    let digest = text.strip_prefix("a_").unwrap_or(text);
    digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl Cdn {
    /// Keeps an image and returns its hash, as the thing's object shows it. Its owner must take it soon.
    ///
    /// # Errors
    /// 400/50046 when it is no image that can be shown, 507 without room, 503 when it cannot be written.
    pub async fn put_image(&self, kind: Kind, owner: u64, image: Image) -> Result<String, ApiError> {
        let (picture, data) = self.pictures.look(image.data).await?;
        let hash = image_hash(picture.animated);
        self.keep(name::image(kind, owner, &hash), data).await?;
        Ok(hash)
    }

    /// Keeps an emoji's image and returns whether it moves. Its owner must take it soon.
    ///
    /// # Errors
    /// As [`Cdn::put_image`].
    pub async fn put_emoji(&self, emoji: u64, image: Image) -> Result<bool, ApiError> {
        let (picture, data) = self.pictures.look(image.data).await?;
        self.keep(name::emoji(emoji), data).await?;
        Ok(picture.animated)
    }

    /// Keeps a sticker's file and returns its format: 1 PNG, 2 APNG, 3 Lottie, 4 GIF (Sticker, "Sticker Format Types"). Its
    /// owner must take it soon.
    ///
    /// # Errors
    /// 400/50046 when it is none of these or larger than 320 by 320 pixels, and as [`Cdn::put_image`].
    pub async fn put_sticker(&self, sticker: u64, bytes: Bytes) -> Result<u8, ApiError> {
        let (format, data) = match is_lottie(&bytes) {
            true => (LOTTIE, bytes),
            false => {
                let (picture, data) = self.pictures.look(bytes.into()).await?;
                (sticker_format(&picture).ok_or_else(ApiError::invalid_file)?, data)
            }
        };
        self.keep(name::sticker(sticker), data).await?;
        Ok(format)
    }

    /// Keeps a soundboard sound, MP3 or Ogg. Its owner must take it soon.
    ///
    /// # Errors
    /// 400/50123 when it is neither, 400/50124 when it is longer than 5.2 s, 400/50192 when there is no sound in it, 507 without
    /// room, 503 when it cannot be written.
    pub async fn put_sound(&self, id: u64, bytes: Bytes) -> Result<(), ApiError> {
        sound::check(&bytes)?;
        self.keep(name::sound(id), bytes).await
    }

    async fn keep(&self, name: String, bytes: Bytes) -> Result<(), ApiError> {
        self.reserve(std::slice::from_ref(&name)).await?;
        Ok(put(&*self.blobs, &name, bytes).await?)
    }
}

/// Pixels of a sticker's side (Sticker, "Create Guild Sticker").
const STICKER_SIDE_MAX: u32 = 320;

/// A sticker that is drawn by the client (Sticker, "Sticker Format Types").
const LOTTIE: u8 = 3;

fn is_lottie(bytes: &[u8]) -> bool {
    let lottie: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_slice(bytes);
    lottie.is_ok_and(|lottie| lottie.contains_key("layers") && lottie.contains_key("v"))
}

fn sticker_format(picture: &Picture) -> Option<u8> {
    use consort_model::ImageFormat::{Gif, Png};
    let format = match picture.format {
        Png if picture.animated => 2,
        Png => 1,
        Gif => 4,
        _ => return None,
    };
    (picture.width <= STICKER_SIDE_MAX && picture.height <= STICKER_SIDE_MAX).then_some(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_128_bits_as_libraries_expect() {
        let hash = image_hash(false);
        assert!(hash.len() == 32 && is_image_hash(&hash));
        assert!(is_image_hash(&image_hash(true)));
        for wrong in ["", "a_", "../../x", &hash[1..], &hash.to_uppercase()] {
            assert!(!is_image_hash(wrong), "{wrong}");
        }
    }

    #[test]
    fn stickers_are_png_gif_or_lottie_of_a_small_size() {
        use consort_model::ImageFormat::{Gif, Jpeg, Png};
        let format =
            |format, side, animated| sticker_format(&Picture { format, width: side, height: side, animated });
        assert_eq!((format(Png, 320, false), format(Png, 320, true)), (Some(1), Some(2)));
        assert_eq!((format(Gif, 320, true), format(Jpeg, 320, false)), (Some(4), None));
        assert_eq!(format(Png, 321, false), None);
        assert!(is_lottie(br#"{"v":"5.5.2","layers":[]}"#) && !is_lottie(b"{}") && !is_lottie(b"x"));
    }
}

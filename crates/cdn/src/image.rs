//! Images of things: avatars, icons, emojis.

use bytes::Bytes;
use consort_files::{Kind, name};
use consort_model::{ApiError, Image};
use consort_runtime::random_hex;

use crate::blobs::put;
use crate::{Cdn, sound, sticker};

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
    /// 400/50046 when it is none of these or larger than 320 by 320 pixels, 400/170001 to 170007 for what else is wrong with a
    /// sticker, and as [`Cdn::put_image`].
    pub async fn put_sticker(&self, sticker: u64, bytes: Bytes) -> Result<u8, ApiError> {
        let (format, data) = match sticker::is_lottie(&bytes) {
            true => {
                sticker::check_lottie(&bytes)?;
                (sticker::LOTTIE, bytes)
            }
            false => {
                let (picture, data) = self.pictures.look(bytes.into()).await?;
                (sticker::format(&picture)?, data)
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
}

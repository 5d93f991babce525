//! Images of things: avatars, icons, emojis.

use bytes::Bytes;
use consort_model::{ApiError, Image};
use sha2::{Digest as _, Sha256};

use crate::{Cdn, media};

/// Pixels of a side; larger images are refused.
const SIDE_MAX: u32 = 8192;

/// What an image belongs to; decides its path (API Reference, "CDN Endpoints").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A user's avatar.
    Avatar,
    /// A user's or a guild's banner.
    Banner,
    /// A guild's icon.
    Icon,
    /// A guild's invite background.
    Splash,
    /// A guild's background in discovery.
    DiscoverySplash,
    /// A role's icon.
    RoleIcon,
    /// An application's icon or cover.
    AppIcon,
    /// A group DM's icon.
    ChannelIcon,
    /// A scheduled event's cover.
    EventCover,
    /// A member's avatar in a guild; the owner is the user.
    MemberAvatar {
        /// The guild.
        guild: u64,
    },
    /// A member's banner in a guild; the owner is the user.
    MemberBanner {
        /// The guild.
        guild: u64,
    },
}

impl Kind {
    /// The directory of an owner's images.
    pub(crate) fn directory(self, owner: u64) -> String {
        match self {
            Self::MemberAvatar { guild } => format!("guilds/{guild}/users/{owner}/avatars"),
            Self::MemberBanner { guild } => format!("guilds/{guild}/users/{owner}/banners"),
            kind => format!("{}/{owner}", kind.segment()),
        }
    }

    fn segment(self) -> &'static str {
        match self {
            Self::Avatar | Self::MemberAvatar { .. } => "avatars",
            Self::Banner | Self::MemberBanner { .. } => "banners",
            Self::Icon => "icons",
            Self::Splash => "splashes",
            Self::DiscoverySplash => "discovery-splashes",
            Self::RoleIcon => "role-icons",
            Self::AppIcon => "app-icons",
            Self::ChannelIcon => "channel-icons",
            Self::EventCover => "guild-events",
        }
    }

    /// The kind of a path's first segment.
    pub(crate) fn of_segment(segment: &str) -> Option<Self> {
        Some(match segment {
            "avatars" => Self::Avatar,
            "banners" => Self::Banner,
            "icons" => Self::Icon,
            "splashes" => Self::Splash,
            "discovery-splashes" => Self::DiscoverySplash,
            "role-icons" => Self::RoleIcon,
            "app-icons" => Self::AppIcon,
            "channel-icons" => Self::ChannelIcon,
            "guild-events" => Self::EventCover,
            _ => return None,
        })
    }
}

/// The name of an image: the first 16 bytes of its SHA-256 in hexadecimal, after `a_` when it moves.
pub fn image_hash(bytes: &[u8]) -> String {
    let digest = hex::encode(&Sha256::digest(bytes)[..16]);
    if media::is_animated(bytes) { format!("a_{digest}") } else { digest }
}

/// Whether a text has the form of [`image_hash`].
pub fn is_image_hash(text: &str) -> bool {
    let digest = text.strip_prefix("a_").unwrap_or(text);
    digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn check(bytes: &[u8]) -> Result<(), ApiError> {
    match media::dimensions(bytes) {
        Some((width, height)) if (1..=SIDE_MAX).contains(&width) && (1..=SIDE_MAX).contains(&height) => {
            Ok(())
        }
        _ => Err(ApiError::invalid_file()),
    }
}

impl Cdn {
    /// Keeps an image and returns its hash, as the thing's object shows it.
    ///
    /// # Errors
    /// 400/50046 when it is no image that can be shown, 503 or 500 when it cannot be written.
    pub async fn put_image(&self, kind: Kind, owner: u64, image: Image) -> Result<String, ApiError> {
        check(&image.data)?;
        let hash = image_hash(&image.data);
        self.blobs.put(&format!("{}/{hash}", kind.directory(owner)), Bytes::from(image.data)).await?;
        Ok(hash)
    }

    /// Keeps an emoji's image and returns whether it moves.
    ///
    /// # Errors
    /// As [`Cdn::put_image`].
    pub async fn put_emoji(&self, emoji: u64, image: Image) -> Result<bool, ApiError> {
        check(&image.data)?;
        let animated = media::is_animated(&image.data);
        self.blobs.put(&format!("emojis/{emoji}"), Bytes::from(image.data)).await?;
        Ok(animated)
    }

    /// Removes an emoji's image.
    ///
    /// # Errors
    /// 503 or 500 when the disk fails.
    pub async fn remove_emoji(&self, emoji: u64) -> Result<(), ApiError> {
        self.blobs.remove(&format!("emojis/{emoji}")).await
    }

    /// Keeps a sticker's file and returns its format: 1 PNG, 2 APNG, 3 Lottie, 4 GIF (Sticker, "Sticker Format Types").
    ///
    /// # Errors
    /// 400/50046 when it is none of these or larger than 320 by 320 pixels, 503 or 500 when it cannot be written.
    pub async fn put_sticker(&self, sticker: u64, bytes: Bytes) -> Result<u8, ApiError> {
        let format = sticker_format(&bytes).ok_or_else(ApiError::invalid_file)?;
        self.blobs.put(&format!("stickers/{sticker}"), bytes).await?;
        Ok(format)
    }

    /// Removes a sticker's file.
    ///
    /// # Errors
    /// 503 or 500 when the disk fails.
    pub async fn remove_sticker(&self, sticker: u64) -> Result<(), ApiError> {
        self.blobs.remove(&format!("stickers/{sticker}")).await
    }

    /// Keeps a soundboard sound, MP3 or Ogg.
    ///
    /// # Errors
    /// 400/50123 when it is neither, 503 or 500 when it cannot be written.
    pub async fn put_sound(&self, sound: u64, bytes: Bytes) -> Result<(), ApiError> {
        match media::media_type("", &bytes) {
            Some("audio/mpeg" | "audio/ogg") => {}
            _ if bytes.starts_with(b"\xff\xfb") || bytes.starts_with(b"\xff\xf3") => {}
            _ => return Err(ApiError::invalid_file_type()),
        }
        self.blobs.put(&format!("soundboard-sounds/{sound}"), bytes).await
    }
}

/// Pixels of a sticker's side (Sticker, "Create Guild Sticker").
const STICKER_SIDE_MAX: u32 = 320;

fn sticker_format(bytes: &[u8]) -> Option<u8> {
    use consort_model::ImageFormat::{Gif, Png};
    let format = match consort_model::ImageFormat::sniff(bytes) {
        Some(Png) if media::is_animated(bytes) => 2,
        Some(Png) => 1,
        Some(Gif) => 4,
        Some(_) => return None,
        None => {
            let lottie: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(bytes).ok()?;
            return (lottie.contains_key("layers") && lottie.contains_key("v")).then_some(3);
        }
    };
    let (width, height) = media::dimensions(bytes)?;
    (width <= STICKER_SIDE_MAX && height <= STICKER_SIDE_MAX).then_some(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_128_bits_as_libraries_expect() {
        let hash = image_hash(b"anything");
        assert!(hash.len() == 32 && is_image_hash(&hash));
        assert!(is_image_hash(&format!("a_{hash}")));
        for wrong in ["", "a_", "../../x", &hash[1..], &hash.to_uppercase()] {
            assert!(!is_image_hash(wrong), "{wrong}");
        }
    }

    #[test]
    fn stickers_are_png_gif_or_lottie_of_a_small_size() {
        let png = crate::default_avatar::png(0).unwrap();
        assert_eq!(sticker_format(&png), Some(1));
        assert_eq!(sticker_format(br#"{"v":"5.5.2","layers":[]}"#), Some(3));
        assert_eq!(sticker_format(b"{}"), None);
        assert_eq!(sticker_format(b"\xff\xd8\xff...."), None);
    }
}

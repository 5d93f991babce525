//! Files inside JSON: data URIs.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Format of an image, told from its first bytes; what the URI claims is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    /// Portable Network Graphics, still or animated.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
}

impl ImageFormat {
    /// Tells the format from the first bytes of a file.
    pub fn sniff(data: &[u8]) -> Option<Self> {
        if data.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if data.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if data.starts_with(b"GIF87a") || data.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else if data.len() >= 12 && data.starts_with(b"RIFF") && &data[8..12] == b"WEBP" {
            Some(Self::Webp)
        } else {
            None
        }
    }

    /// Returns the file extension, without a dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }

    /// Returns the media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }
}

/// Decoded image of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Format of `data`.
    pub format: ImageFormat,
    /// Bytes of the file; not decoded further.
    pub data: Vec<u8>,
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes `data:TYPE;base64,DATA` into the media type and at most `bytes_max` bytes.
///
/// # Errors
/// Leaf code and message of a form error.
pub fn decode_data_uri(text: &str, bytes_max: usize) -> Result<(&str, Vec<u8>), (&'static str, String)> {
    let invalid = || ("IMAGE_INVALID", "Invalid image data".to_owned());
    let (head, data) =
        text.strip_prefix("data:").and_then(|rest| rest.split_once(',')).ok_or_else(invalid)?;
    let media_type = head.strip_suffix(";base64").ok_or_else(invalid)?;
    // Four characters hold three bytes: the size is known before anything is allocated.
    if data.len() / 4 * 3 > bytes_max.saturating_add(2) {
        return Err(too_big(bytes_max));
    }
    let bytes = BASE64.decode(data.trim_end()).map_err(|_| invalid())?;
    if bytes.len() > bytes_max {
        return Err(too_big(bytes_max));
    }
    Ok((media_type.split(';').next().unwrap_or_default(), bytes))
}

/// Decodes base64, with its padding or without.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

fn too_big(bytes_max: usize) -> (&'static str, String) {
    let message = match bytes_max {
        big if big >= 1 << 20 => {
            format!("File cannot be larger than {:.1} MB.", big as f64 / f64::from(1 << 20))
        }
        small => format!("File cannot be larger than {:.1} kb.", small as f64 / 1024.0),
    };
    ("BINARY_TYPE_MAX_SIZE", message)
}

pub(super) fn decode_image(text: &str, bytes_max: usize) -> Result<Image, (&'static str, String)> {
    let (_, data) = decode_data_uri(text, bytes_max)?;
    let format = ImageFormat::sniff(&data).ok_or_else(|| {
        ("IMAGE_INVALID", "Unsupported image type given. Must be PNG, JPEG, GIF or WebP.".to_owned())
    })?;
    Ok(Image { format, data })
}

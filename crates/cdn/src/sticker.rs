//! What may be a sticker (Sticker, "Create Guild Sticker": PNG, APNG, GIF or Lottie, 320 by 320 pixels, 5 seconds).

use consort_model::limits::{STICKER_MS_MAX, STICKER_SIDE_PX};
use consort_model::{ApiError, ImageFormat};
use serde::Deserialize;

use crate::picture::Picture;

/// A sticker that is drawn by the client (Sticker, "Sticker Format Types").
pub(crate) const LOTTIE: u8 = 3;

/// The format of a sticker that is a picture.
///
/// # Errors
/// 400/50046 for other pictures and for large ones, 400/170007 for those that move for too long.
pub(crate) fn format(picture: &Picture) -> Result<u8, ApiError> {
    let format = match picture.format {
        ImageFormat::Png if picture.animated => 2,
        ImageFormat::Png => 1,
        ImageFormat::Gif => 4,
        ImageFormat::Jpeg | ImageFormat::Webp => return Err(ApiError::invalid_file()),
    };
    if picture.width > STICKER_SIDE_PX || picture.height > STICKER_SIDE_PX {
        return Err(ApiError::invalid_file());
    }
    if picture.millis > STICKER_MS_MAX {
        return Err(ApiError::max_sticker_duration());
    }
    Ok(format)
}

/// What of a Lottie animation is looked at (lottie-spec, "Animation" and "Assets").
#[derive(Deserialize)]
struct Lottie {
    #[serde(rename = "w")]
    width: f64,
    #[serde(rename = "h")]
    height: f64,
    #[serde(rename = "fr")]
    frames_per_second: f64,
    #[serde(rename = "ip")]
    first_frame: f64,
    #[serde(rename = "op")]
    end_frame: f64,
    #[serde(default)]
    assets: Vec<Asset>,
}

#[derive(Deserialize)]
struct Asset {
    /// The address or data of a picture; other assets have none.
    #[serde(rename = "p")]
    picture: Option<serde::de::IgnoredAny>,
}

/// Whether a file is a Lottie animation, be it one that may be no sticker.
pub(crate) fn is_lottie(file: &[u8]) -> bool {
    let lottie: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_slice(file);
    lottie.is_ok_and(|lottie| lottie.contains_key("layers") && lottie.contains_key("v"))
}

/// Refuses Lottie animations that may be no sticker.
///
/// # Errors
/// 400/170001 without size, frame rate or frames; 400/170002 with pictures in it; 400/170005 for large ones, 400/170006 for those
/// without a right frame rate, 400/170007 for those that move for too long.
pub(crate) fn check_lottie(file: &[u8]) -> Result<(), ApiError> {
    let lottie: Lottie = serde_json::from_slice(file).map_err(|_| ApiError::invalid_lottie_json())?;
    if lottie.assets.iter().any(|asset| asset.picture.is_some()) {
        return Err(ApiError::lottie_rasterized());
    }
    if lottie.width > f64::from(STICKER_SIDE_PX) || lottie.height > f64::from(STICKER_SIDE_PX) {
        return Err(ApiError::max_lottie_dimensions());
    }
    if lottie.frames_per_second <= 0.0 {
        return Err(ApiError::sticker_framerate());
    }
    let seconds = (lottie.end_frame - lottie.first_frame) / lottie.frames_per_second;
    if seconds * 1000.0 > STICKER_MS_MAX as f64 {
        return Err(ApiError::max_sticker_duration());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ImageFormat::{Gif, Jpeg, Png};
    use serde_json::{Value, json};

    fn code(format: ImageFormat, side: u32, millis: u64) -> Result<u8, u32> {
        let picture = Picture { format, width: side, height: side, animated: millis > 0, millis };
        super::format(&picture).map_err(|error| error.code)
    }

    #[test]
    fn a_sticker_is_a_png_or_gif_of_320_pixels_and_five_seconds() {
        assert_eq!((code(Png, 320, 0), code(Png, 320, 5000), code(Gif, 320, 5000)), (Ok(1), Ok(2), Ok(4)));
        assert_eq!((code(Png, 321, 0), code(Jpeg, 320, 0)), (Err(50046), Err(50046)));
        assert_eq!((code(Png, 320, 5001), code(Gif, 1, 5001)), (Err(170_007), Err(170_007)));
    }

    #[test]
    fn a_drawn_sticker_has_the_same_limits_and_no_pictures() {
        let sample = json!({"v": "5.5.2", "w": 320, "h": 320, "fr": 60, "ip": 0, "op": 300, "layers": []});
        let check = |field: &str, value: Value| {
            let mut lottie = sample.clone();
            lottie[field] = value;
            let file = lottie.to_string();
            assert!(is_lottie(file.as_bytes()));
            check_lottie(file.as_bytes()).map_err(|error| error.code)
        };
        assert_eq!(check("nm", json!("name")), Ok(()));
        assert_eq!(check("assets", json!([{"id": "0", "layers": []}])), Ok(()));
        assert_eq!(check("assets", json!([{"id": "0", "p": "data:image/png;base64,"}])), Err(170_002));
        assert_eq!((check("w", json!(321)), check("w", json!("x"))), (Err(170_005), Err(170_001)));
        assert_eq!((check("fr", json!(0)), check("fr", Value::Null)), (Err(170_006), Err(170_001)));
        assert_eq!(check("op", json!(301)), Err(170_007));
        assert!(!is_lottie(b"{}") && !is_lottie(b"x"));
    }
}

//! What a file is, told from its bytes and its name.

use consort_model::ImageFormat;

/// Media types by extension, for files that are not images. Whatever is not here is `application/octet-stream`.
const TYPES: &[(&str, &str)] = &[
    ("txt", "text/plain; charset=utf-8"),
    ("log", "text/plain; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("json", "application/json"),
    ("xml", "application/xml"),
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("py", "text/x-python; charset=utf-8"),
    ("rs", "text/rust; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("pdf", "application/pdf"),
    ("zip", "application/zip"),
    ("gz", "application/gzip"),
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("webm", "video/webm"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("ogg", "audio/ogg"),
    ("oga", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("wav", "audio/x-wav"),
    ("flac", "audio/flac"),
    ("m4a", "audio/mp4"),
];

/// Types a browser may show in place: they run nothing.
const INERT: &[&str] = &[
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "text/plain; charset=utf-8",
    "video/mp4",
    "video/webm",
    "video/quicktime",
    "audio/mpeg",
    "audio/ogg",
    "audio/x-wav",
    "audio/flac",
    "audio/mp4",
];

/// The media type of a file; `head` are its first bytes (16 are enough). An image is one by its bytes only.
pub fn media_type(name: &str, head: &[u8]) -> Option<&'static str> {
    if let Some(format) = ImageFormat::sniff(head) {
        return Some(format.media_type());
    }
    if head.starts_with(b"OggS") {
        return Some("audio/ogg");
    }
    if head.starts_with(b"ID3") {
        return Some("audio/mpeg");
    }
    let extension = name.rsplit_once('.')?.1.to_ascii_lowercase();
    TYPES.iter().find(|(known, _)| *known == extension).map(|(_, media_type)| *media_type)
}

/// Whether a browser may show a type in place.
pub fn is_inert(media_type: &str) -> bool {
    INERT.contains(&media_type)
}

/// Width and height of an image.
pub fn dimensions(bytes: &[u8]) -> Option<(u32, u32)> {
    ImageFormat::sniff(bytes)?;
    let size = imagesize::blob_size(bytes).ok()?;
    Some((u32::try_from(size.width).ok()?, u32::try_from(size.height).ok()?))
}

/// Whether an image moves.
pub fn is_animated(bytes: &[u8]) -> bool {
    match ImageFormat::sniff(bytes) {
        // A graphic control extension stands before each frame.
        Some(ImageFormat::Gif) => {
            bytes.windows(4).filter(|window| *window == b"\x00\x21\xf9\x04").take(2).count() == 2
        }
        // The animation flag of the extended header (WebP container specification).
        Some(ImageFormat::Webp) => {
            &bytes[12..16.min(bytes.len())] == b"VP8X" && bytes.get(20).is_some_and(|b| b & 2 != 0)
        }
        // The animation control chunk stands before the image data (APNG specification).
        Some(ImageFormat::Png) => {
            let head = &bytes[..bytes.len().min(4096)];
            head.windows(4).any(|window| window == b"acTL")
        }
        Some(ImageFormat::Jpeg) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_told_by_its_bytes_and_never_by_its_name() {
        assert_eq!(media_type("a.txt", b"\x89PNG\r\n\x1a\n12345678"), Some("image/png"));
        assert_eq!(media_type("a.png", b"<html><script>"), None);
        assert_eq!(media_type("a.HTML", b"<html>"), Some("text/html; charset=utf-8"));
        assert_eq!(media_type("noextension", b"x"), None);
    }

    #[test]
    fn nothing_that_runs_is_shown_in_place() {
        for active in ["text/html; charset=utf-8", "image/svg+xml", "application/xml", "application/pdf"] {
            assert!(!is_inert(active), "{active}");
        }
        assert!(is_inert("image/png"));
    }

    #[test]
    fn moving_images_are_recognised() {
        let frame = b"\x00\x21\xf9\x04....";
        assert!(!is_animated(&[b"GIF89a", &frame[..]].concat()));
        assert!(is_animated(&[b"GIF89a", &frame[..], frame].concat()));
        assert!(is_animated(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0"));
        assert!(!is_animated(b"RIFF\0\0\0\0WEBP"));
        assert!(!is_animated(b"text"));
    }
}

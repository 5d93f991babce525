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

/// Sides of a picture that are believed; a head can say anything.
const SIDE_MAX: u32 = 32_768;

/// Width and height of an image, told by its head; `None` when it says what no picture is.
pub fn dimensions(head: &[u8]) -> Option<(u32, u32)> {
    ImageFormat::sniff(head)?;
    let size = imagesize::blob_size(head).ok()?;
    let believed = |side: usize| u32::try_from(side).ok().filter(|side| (1..=SIDE_MAX).contains(side));
    Some((believed(size.width)?, believed(size.height)?))
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
    fn sides_that_no_picture_has_are_not_told() {
        let head = |width: u32, height: u32| {
            let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
            png.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
            png.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
            png
        };
        assert_eq!(dimensions(&head(3, 4)), Some((3, 4)));
        assert_eq!(dimensions(&head(0x7fff_ffff, 0x7fff_ffff)), None);
        assert_eq!(dimensions(&head(0, 4)), None);
    }
}

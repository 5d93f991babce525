//! The `Range` header (RFC 9110, section 14): one range of bytes.

/// What part of a file is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// From the first to the last byte, both counted.
    Bytes(u64, u64),
    /// A range that the file does not have.
    Unsatisfiable,
}

/// Reads a range of a file of `size` bytes. What is no single range of bytes is ignored, as the RFC allows.
pub fn parse(header: Option<&str>, size: u64) -> Part {
    let Some(range) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Part::Whole;
    };
    let Some((from, to)) = range.split_once('-') else { return Part::Whole };
    let (from, to) = (from.trim(), to.trim());
    if range.contains(',') {
        return Part::Whole;
    }
    let number =
        |text: &str| if text.bytes().all(|b| b.is_ascii_digit()) { text.parse::<u64>().ok() } else { None };
    match (number(from), number(to)) {
        (Some(from), _) if from >= size => Part::Unsatisfiable,
        (Some(from), Some(to)) if to >= from => Part::Bytes(from, to.min(size - 1)),
        (Some(from), None) if to.is_empty() => Part::Bytes(from, size - 1),
        (None, Some(0)) if from.is_empty() => Part::Unsatisfiable,
        (None, Some(last)) if from.is_empty() && size > 0 => Part::Bytes(size.saturating_sub(last), size - 1),
        (None, Some(_)) if from.is_empty() => Part::Unsatisfiable,
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let of_100 = |header| parse(Some(header), 100);
        assert_eq!(parse(None, 100), Part::Whole);
        assert_eq!(of_100("bytes=0-9"), Part::Bytes(0, 9));
        assert_eq!(of_100("bytes=90-"), Part::Bytes(90, 99));
        assert_eq!(of_100("bytes=-10"), Part::Bytes(90, 99));
        assert_eq!(of_100("bytes=-500"), Part::Bytes(0, 99));
        assert_eq!(of_100("bytes=50-500"), Part::Bytes(50, 99));
        assert_eq!(of_100("bytes=100-"), Part::Unsatisfiable);
        assert_eq!(of_100("bytes=-0"), Part::Unsatisfiable);
        assert_eq!(parse(Some("bytes=0-"), 0), Part::Unsatisfiable);
        for ignored in ["bytes=5-1", "bytes=a-b", "lines=1-2", "bytes=1-2,5-6", "bytes=", "bytes=-"] {
            assert_eq!(of_100(ignored), Part::Whole, "{ignored}");
        }
    }
}

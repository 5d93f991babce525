//! How long a sound is: MP3 and Ogg with Opus or Vorbis (Soundboard, "Soundboard Sound"). Frames and pages are counted; what a
//! file says of itself in a tag is not believed.

use std::collections::BTreeMap;

use consort_model::ApiError;
use consort_model::limits::SOUND_MS_MAX;

/// Encoders add up to two frames of silence to what they are given.
const PADDING_MS: u64 = 60;
/// Streams that one file may consist of.
const STREAMS_MAX: usize = 16;
/// Samples a second of Opus, whatever was recorded (RFC 7845, section 4).
const OPUS_HZ: u32 = 48_000;

/// Refuses what is no sound, and sounds that are too long.
///
/// # Errors
/// 400/50123 for another kind of file, 400/50192 for one without sound, 400/50124 for one that is too long.
pub(crate) fn check(file: &[u8]) -> Result<(), ApiError> {
    let millis = duration_ms(file).ok_or_else(ApiError::invalid_file_type)?;
    match millis {
        0 => Err(ApiError::invalid_file_duration()),
        long if long > SOUND_MS_MAX + PADDING_MS => Err(ApiError::file_duration_too_long()),
        _ => Ok(()),
    }
}

/// The length of a sound in milliseconds; `None` when it is neither MP3 nor Ogg.
pub fn duration_ms(file: &[u8]) -> Option<u64> {
    if file.starts_with(b"OggS") {
        return ogg_ms(file);
    }
    let frames = file.get(id3_bytes(file)..).unwrap_or_default();
    let is_mp3 = file.starts_with(b"ID3") || Frame::read(frames).is_some();
    is_mp3.then(|| mp3_ms(frames))
}

/// Bytes of the tag at the beginning (ID3v2.4, section 3.1); its size has seven bits a byte.
fn id3_bytes(file: &[u8]) -> usize {
    match file.first_chunk::<10>() {
        Some([b'I', b'D', b'3', _, _, _, size @ ..]) => {
            10 + size.iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7F))
        }
        _ => 0,
    }
}

/// A frame of MPEG audio, layer III (ISO 11172-3, section 2.4.1.3; 13818-3 for the lower rates).
struct Frame {
    bytes: usize,
    samples: u64,
    hz: u64,
}

impl Frame {
    fn read(data: &[u8]) -> Option<Self> {
        const KBITS: [[usize; 16]; 2] = [
            [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0],
            [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0],
        ];
        let [sync, kind, rates, _] = *data.first_chunk::<4>()?;
        let (version, layer) = (kind >> 3 & 3, kind >> 1 & 3);
        if sync != 0xFF || kind & 0xE0 != 0xE0 || version == 1 || layer != 1 {
            return None;
        }
        let is_low = version != 3;
        let kbits = KBITS[usize::from(is_low)][usize::from(rates >> 4)];
        let hz = [44_100, 48_000, 32_000].get(usize::from(rates >> 2 & 3)).copied()?;
        let hz = match version {
            3 => hz,
            2 => hz / 2,
            _ => hz / 4,
        };
        let samples = if is_low { 576 } else { 1152 };
        let bytes = samples / 8 * kbits * 1000 / hz + usize::from(rates >> 1 & 1);
        (kbits > 0).then_some(Self { bytes, samples: samples as u64, hz: hz as u64 })
    }
}

/// Frames are counted wherever they are, as decoders find them. The first one may hold figures in place of sound.
fn mp3_ms(data: &[u8]) -> u64 {
    let (mut at, mut micros) = (0, 0);
    while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
        match Frame::read(rest).filter(|frame| frame.bytes <= rest.len()) {
            Some(frame) => {
                let head = &rest[..frame.bytes.min(64)];
                let figures = head.windows(4).any(|tag| matches!(tag, b"Xing" | b"Info" | b"VBRI"));
                micros += if figures { 0 } else { frame.samples * 1_000_000 / frame.hz };
                at += frame.bytes;
            }
            None => at += 1,
        }
    }
    micros / 1000
}

/// One stream of an Ogg file.
struct Stream {
    hz: u32,
    /// Samples at its beginning that are not played.
    skipped: u64,
    end: u64,
}

impl Stream {
    /// By its first packet.
    fn read(packet: &[u8]) -> Option<Self> {
        if packet.starts_with(b"OpusHead") {
            let skipped = u16::from_le_bytes(*packet.get(10..)?.first_chunk()?);
            return Some(Self { hz: OPUS_HZ, skipped: u64::from(skipped), end: 0 });
        }
        packet.starts_with(b"\x01vorbis").then_some(())?;
        let hz = u32::from_le_bytes(*packet.get(12..)?.first_chunk()?);
        (hz > 0).then_some(Self { hz, skipped: 0, end: 0 })
    }
}

/// Players stop at the position of the last page (RFC 3533, section 6).
fn ogg_ms(mut data: &[u8]) -> Option<u64> {
    const HEAD_BYTES: usize = 27;
    let mut streams = BTreeMap::<[u8; 4], Stream>::new();
    while data.starts_with(b"OggS") {
        let Some(head) = data.first_chunk::<HEAD_BYTES>() else { break };
        let segments = usize::from(head[26]);
        let Some(table) = data.get(HEAD_BYTES..HEAD_BYTES + segments) else { break };
        let bytes: usize = table.iter().map(|bytes| usize::from(*bytes)).sum();
        let Some(body) = data.get(HEAD_BYTES + segments..HEAD_BYTES + segments + bytes) else { break };
        let position = head[6..14].first_chunk().map(|position| i64::from_le_bytes(*position))?;
        let serial: [u8; 4] = *head[14..18].first_chunk()?;
        if !streams.contains_key(&serial) {
            if streams.len() >= STREAMS_MAX {
                return None;
            }
            streams.insert(serial, Stream::read(body)?);
        }
        // -1: no packet ends on the page.
        if let (Some(stream), Ok(position)) = (streams.get_mut(&serial), u64::try_from(position)) {
            stream.end = stream.end.max(position);
        }
        data = &data[HEAD_BYTES + segments + bytes..];
    }
    let lengths = streams
        .values()
        .map(|stream| stream.end.saturating_sub(stream.skipped).saturating_mul(1000) / u64::from(stream.hz));
    Some(lengths.fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Frames of 128 kbit/s at 44.1 kHz, of which each is 26 ms long.
    fn mp3(frames: usize) -> Vec<u8> {
        let mut frame = vec![0xFF, 0xFB, 0x90, 0x00];
        frame.resize(417, 0);
        frame.repeat(frames)
    }

    fn page(serial: u32, position: i64, body: &[u8]) -> Vec<u8> {
        let mut page = b"OggS\0\0".to_vec();
        page.extend(position.to_le_bytes());
        page.extend(serial.to_le_bytes());
        page.extend([0; 8]);
        page.push(1);
        page.push(u8::try_from(body.len()).unwrap());
        page.extend(body);
        page
    }

    fn opus_head(skipped: u16) -> Vec<u8> {
        let mut head = b"OpusHead\x01\x02".to_vec();
        head.extend(skipped.to_le_bytes());
        head.extend(OPUS_HZ.to_le_bytes());
        head
    }

    #[test]
    fn frames_of_mp3_are_counted_behind_tags_and_without_figures() {
        assert_eq!(duration_ms(&mp3(100)), Some(2612));
        let mut tagged = b"ID3\x04\0\0\0\0\0\x05hello".to_vec();
        tagged.extend(mp3(100));
        assert_eq!(duration_ms(&tagged), Some(2612));
        let mut figures = mp3(1);
        figures[36..40].copy_from_slice(b"Info");
        figures.extend(mp3(100));
        assert_eq!(duration_ms(&figures), Some(2612));
        let lower = [0xFF, 0xF3, 0x90, 0x00, 0, 0];
        assert_eq!(Frame::read(&lower).map(|frame| (frame.bytes, frame.hz)), Some((261, 22_050)));
    }

    #[test]
    fn pages_of_ogg_say_where_they_end() {
        let mut sound = page(7, 0, &opus_head(312));
        sound.extend(page(7, -1, b"more"));
        sound.extend(page(7, 48_312, b"end"));
        assert_eq!(duration_ms(&sound), Some(1000));
        // One stream after the other.
        sound.extend(page(8, 0, b"\x01vorbis\0\0\0\0\x02\x44\xAC\0\0"));
        sound.extend(page(8, 44_100, b"end"));
        assert_eq!(duration_ms(&sound), Some(2000));
        assert_eq!(duration_ms(&page(7, 0, b"video")), None);
    }

    #[test]
    fn what_is_no_sound_or_too_long_is_refused() {
        let code = |file: &[u8]| check(file).map_err(|error| error.code);
        assert_eq!(code(&mp3(199)), Ok(()));
        assert_eq!(code(&mp3(220)), Err(50124));
        assert_eq!(code(b"RIFF....WAVE"), Err(50123));
        assert_eq!(code(b"ID3\x04\0\0\0\0\0\0"), Err(50192));
        assert_eq!(code(b""), Err(50123));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(bytes in prop::collection::vec(any::<u8>(), 0..2000), kind in 0..3_usize) {
            let head: &[u8] = [&b"OggS"[..], b"ID3", b"\xFF\xFB\x90"][kind];
            duration_ms(&[head, &bytes].concat());
        }
    }
}

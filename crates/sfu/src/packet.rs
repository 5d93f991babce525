//! What a datagram is, by its clear bytes.

use crate::cipher::OVERHEAD_BYTES;

/// Bytes of the longest datagram that is taken.
pub const DATAGRAM_BYTES_MAX: usize = 2048;
/// Bytes of an IP discovery request, and of the answer.
pub(crate) const DISCOVERY_BYTES: usize = 74;
/// How an IP discovery request begins: type 1, and the length of what follows.
const DISCOVERY: [u8; 4] = [0, 1, 0, 70];
/// Bytes of the fixed header of RTP (RFC 3550, 5.1).
pub(crate) const RTP_BYTES: usize = 12;
/// Bytes of RTCP that stay in clear: the header of the first packet, and its SSRC (observed of every library that encrypts RTCP).
pub(crate) const RTCP_BYTES: usize = 8;
/// Opus, as bots send it (Voice Connections, "Voice Packet Structure").
pub(crate) const OPUS: u8 = 120;

/// What stands in the second word of each message of STUN (RFC 8489, 5).
const STUN_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
/// Bytes of the header of a message of STUN.
const STUN_BYTES: usize = 20;
/// How records of DTLS begin (RFC 7983, 7).
const DTLS_FIRST: u8 = 20;
const DTLS_LAST: u8 = 63;
/// Bytes of the header of a record of DTLS 1.2.
const DTLS_BYTES: usize = 13;

/// What a datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Asks from which address it comes.
    Discovery { ssrc: u32 },
    /// Asks whether the server is there; the answer bears the four bytes.
    Ping([u8; 4]),
    /// Keeps a way through NAT open, as @discordjs/voice does every five seconds.
    KeepAlive,
    /// Media.
    Rtp(Rtp),
    /// Reports about media.
    Rtcp { ssrc: u32 },
    /// A check of ICE, from a browser.
    Stun,
    /// A handshake of a browser.
    Dtls,
    /// None of these.
    Unknown,
}

/// The header of an RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rtp {
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    /// Bytes in clear: the header, its CSRCs, and the preamble of an extension.
    pub(crate) clear_bytes: usize,
    /// CSRCs: what was mixed into this. This server does not mix, and @discordjs/voice cannot read packets with some.
    pub(crate) csrcs: usize,
}

/// Says what a datagram is. RTCP shares the socket with RTP (RFC 5761): its types are 200 to 206.
pub(crate) fn classify(bytes: &[u8]) -> Kind {
    match bytes {
        [0x13, 0x37, 0xCA, 0xFE, counter @ ..] if counter.len() == 4 => {
            Kind::Ping(counter.try_into().unwrap_or_default())
        }
        bytes if bytes.len() == 8 => Kind::KeepAlive,
        bytes if bytes.len() == DISCOVERY_BYTES && bytes.starts_with(&DISCOVERY) => {
            Kind::Discovery { ssrc: word(bytes, 4) }
        }
        [first, 200..=206, ..] if first >> 6 == 2 && bytes.len() >= RTCP_BYTES + OVERHEAD_BYTES => {
            Kind::Rtcp { ssrc: word(bytes, 4) }
        }
        [_, 200..=206, ..] if bytes[0] >> 6 == 2 => Kind::Unknown,
        bytes if is_stun(bytes) => Kind::Stun,
        [DTLS_FIRST..=DTLS_LAST, ..] if bytes.len() >= DTLS_BYTES => Kind::Dtls,
        [first, second, ..] if first >> 6 == 2 => {
            let csrcs = usize::from(first & 0x0F);
            let extension = usize::from(first >> 4 & 1) * 4;
            let clear_bytes = RTP_BYTES + 4 * csrcs + extension;
            if bytes.len() < clear_bytes + OVERHEAD_BYTES {
                return Kind::Unknown;
            }
            Kind::Rtp(Rtp { ssrc: word(bytes, 8), payload_type: second & 0x7F, clear_bytes, csrcs })
        }
        _ => Kind::Unknown,
    }
}

/// Whether a datagram is a message of STUN, whose length is one of whole words.
fn is_stun(bytes: &[u8]) -> bool {
    bytes.len() >= STUN_BYTES && bytes[0] < 4 && bytes.len().is_multiple_of(4) && bytes[4..8] == STUN_COOKIE
}

/// Whether a datagram can be DTLS, SRTP or SRTCP of a browser.
pub(crate) fn is_of_browser(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| matches!(first, DTLS_FIRST..=DTLS_LAST | 0x80..=0xBF))
}

/// A number of four bytes, big-endian; 0 beyond the end.
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// A client's request for its own address; for tests and load generators.
pub fn discovery_request(ssrc: u32) -> [u8; 74] {
    let mut request = [0; DISCOVERY_BYTES];
    request[..4].copy_from_slice(&DISCOVERY);
    request[4..8].copy_from_slice(&ssrc.to_be_bytes());
    request
}

/// Whether RTCP is sound: packets one after the other, each as long as it says, and each from the sender (RFC 3550, 6.1). `first` is what
/// stood in clear, `rest` what was encrypted.
pub(crate) fn is_sound_rtcp(first: &[u8], rest: &[u8], is_own: impl Fn(u32) -> bool) -> bool {
    let bytes = |header: &[u8]| (usize::from(u16::from_be_bytes([header[2], header[3]])) + 1) * 4;
    let Some(mut rest) = bytes(first).checked_sub(RTCP_BYTES).and_then(|inside| rest.get(inside..)) else {
        return false;
    };
    while !rest.is_empty() {
        let sound = rest.len() >= RTCP_BYTES
            && rest[0] >> 6 == 2
            && matches!(rest[1], 200..=206)
            && is_own(word(rest, 4));
        if !sound {
            return false;
        }
        let Some(next) = rest.get(bytes(rest)..) else { return false };
        rest = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn datagrams_are_told_apart_by_their_clear_bytes() {
        assert_eq!(classify(&discovery_request(7)), Kind::Discovery { ssrc: 7 });
        assert_eq!(classify(&[0x13, 0x37, 0xCA, 0xFE, 1, 2, 3, 4]), Kind::Ping([1, 2, 3, 4]));
        assert_eq!(classify(&[5, 0, 0, 0, 0, 0, 0, 0]), Kind::KeepAlive);
        let mut packet = vec![0x91, 0x78];
        packet.resize(12 + 4 + 4 + OVERHEAD_BYTES, 0);
        packet[11] = 9;
        let rtp = Rtp { ssrc: 9, payload_type: OPUS, clear_bytes: 20, csrcs: 1 };
        assert_eq!(classify(&packet), Kind::Rtp(rtp));
        assert_eq!(classify(&packet[..packet.len() - 1]), Kind::Unknown);
        packet[1] = 201;
        assert_eq!(classify(&packet), Kind::Rtcp { ssrc: 0 });
    }

    #[test]
    fn rtcp_of_several_packets_is_sound_when_each_is_and_all_are_the_senders() {
        let packet = |ssrc: u8| [0x80, 202, 0, 1, 0, 0, 0, ssrc];
        let sound = |first: [u8; 8], rest: &[u8]| is_sound_rtcp(&first, rest, |ssrc| ssrc == 1);
        assert!(sound(packet(1), &[]) && sound(packet(1), &packet(1)));
        assert!(!sound(packet(1), &packet(2)), "somebody else's");
        assert!(!sound(packet(1), &packet(1)[..4]), "cut off");
        assert!(!sound([0x80, 202, 0, 9, 0, 0, 0, 1], &[]), "longer than it is");
        assert!(!sound([0x80, 202, 0, 0, 0, 0, 0, 1], &[]), "shorter than its header");
    }

    proptest! {
        #[test]
        fn any_bytes_are_something(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Kind::Rtp(rtp) = classify(&bytes) {
                prop_assert!(rtp.clear_bytes + OVERHEAD_BYTES <= bytes.len());
            }
            let (first, rest) = bytes.split_at(bytes.len().min(8));
            if first.len() == 8 {
                is_sound_rtcp(first, rest, |_| true);
            }
        }
    }
}

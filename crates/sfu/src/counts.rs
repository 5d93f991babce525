//! What the plane has done, and what it has dropped.

/// Packets since the start, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams received.
    pub received: u64,
    /// Media packets that were passed on.
    pub forwarded: u64,
    /// Datagrams made for others, answers included.
    pub sent: u64,
    /// Dropped: no format that is known.
    pub malformed: u64,
    /// Dropped: the SSRC, or for what has none the address, is nobody's.
    pub unknown: u64,
    /// Dropped: does not decrypt with the sender's key, or has none yet.
    pub forged: u64,
    /// Dropped: was there before, or is too old to tell.
    pub replayed: u64,
    /// Dropped: the sender may not speak, or has not said that it does.
    pub silenced: u64,
    /// Dropped: more packets than one may send.
    pub throttled: u64,
    /// Dropped: video, which this plane does not pass on yet.
    pub video: u64,
    /// Dropped: the system took no more.
    pub unsent: u64,
    /// Browsers whose call broke off, or did not come about in time.
    pub failed: u64,
    /// RTCP that ends here: it is about this server's own sending.
    pub reports: u64,
}

impl Counts {
    /// Everything that was dropped.
    pub fn dropped(&self) -> u64 {
        let Self { malformed, unknown, forged, replayed, silenced, throttled, video, unsent, .. } = self;
        malformed + unknown + forged + replayed + silenced + throttled + video + unsent
    }
}

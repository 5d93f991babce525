//! What a peer can do wrong on the framing layer, and the close code that answers it.

/// A breach of RFC 6455, or of our limits, by the peer. The connection is over after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A client's frame had no mask (section 5.1).
    #[error("client frame is not masked")]
    Unmasked,
    /// A server's frame had a mask (section 5.1); seen by client decoders only.
    #[error("server frame is masked")]
    Masked,
    /// A reserved bit was set though no extension is negotiated (section 5.2).
    #[error("reserved bits are set")]
    ReservedBits,
    /// An opcode that RFC 6455 reserves.
    #[error("reserved opcode {0}")]
    ReservedOpcode(u8),
    /// A control frame without FIN (section 5.5).
    #[error("control frame is fragmented")]
    FragmentedControl,
    /// A control frame of more than 125 bytes (section 5.5).
    #[error("control frame is longer than 125 bytes")]
    ControlTooLong,
    /// A continuation with nothing to continue (section 5.4).
    #[error("continuation without a message begun")]
    UnexpectedContinuation,
    /// A new data frame within a fragmented message (section 5.4).
    #[error("data frame within a fragmented message")]
    ExpectedContinuation,
    /// A 64-bit length with its highest bit set (section 5.2).
    #[error("frame length is out of range")]
    BadLength,
    /// The message is longer than the decoder's limit. The gateway answers 4002 in place of 1009.
    #[error("message is longer than {limit} bytes")]
    TooLarge {
        /// The decoder's limit in bytes.
        limit: usize,
    },
    /// One message in more fragments than it may have bytes.
    #[error("message has too many fragments")]
    TooManyFragments,
    /// A text message or a close reason that is not UTF-8 (section 8.1).
    #[error("text is not UTF-8")]
    InvalidUtf8,
    /// A close frame with one byte, or with a code that may not be sent (section 7.4).
    #[error("close frame is malformed")]
    BadClose,
}

impl Error {
    /// Returns the RFC 6455 close code (section 7.4.1) that tells the peer of this error.
    pub const fn close_code(&self) -> u16 {
        match self {
            Error::TooLarge { .. } => 1009,
            Error::TooManyFragments => 1008,
            Error::InvalidUtf8 => 1007,
            _ => 1002,
        }
    }
}

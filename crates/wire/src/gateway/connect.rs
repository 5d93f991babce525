//! The query of the connect URL: `?v=10&encoding=json&compress=zlib-stream`.

use super::CloseCode;
use crate::compress::Transport;

/// How payloads are written on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Encoding {
    /// JSON in text frames.
    #[default]
    Json,
    /// Erlang's external term format in binary frames.
    Etf,
}

/// What a client asks for when it connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connect {
    /// `v`: 9 or 10; 10 when missing.
    pub version: u8,
    /// `encoding`: JSON when missing.
    pub encoding: Encoding,
    /// `compress`: none when missing or unknown, so that the client gets frames it can read.
    pub compress: Transport,
}

impl Default for Connect {
    fn default() -> Self {
        Connect { version: 10, encoding: Encoding::Json, compress: Transport::Plain }
    }
}

/// Why a connect URL is refused. The refusal is a close frame after the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// A `v` that is not served.
    #[error("gateway version is not served")]
    Version,
    /// An `encoding` that does not exist.
    #[error("unknown encoding")]
    Encoding,
}

impl ConnectError {
    /// Returns the close code that tells the client.
    pub const fn close_code(&self) -> CloseCode {
        match self {
            ConnectError::Version => CloseCode::InvalidApiVersion,
            ConnectError::Encoding => CloseCode::DecodeError,
        }
    }
}

impl Connect {
    /// Reads a request target, e.g. `/?v=10&encoding=json`; what is before the `?` does not matter.
    ///
    /// # Errors
    ///
    /// As [`Connect::parse_query`].
    pub fn parse_target(target: &str) -> Result<Self, ConnectError> {
        Self::parse_query(target.split_once('?').map_or("", |(_, query)| query))
    }

    /// Reads a query without its `?`. Order does not matter, unknown keys are ignored, an empty value is a missing
    /// one, and of a repeated key the last counts.
    ///
    /// # Errors
    ///
    /// A version other than 9 and 10, or an unknown encoding.
    pub fn parse_query(query: &str) -> Result<Self, ConnectError> {
        let mut connect = Connect::default();
        let query = query.split('#').next().unwrap_or("");
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match (key, value) {
                (_, "") => {}
                ("v", "9") => connect.version = 9,
                ("v", "10") => connect.version = 10,
                ("v", _) => return Err(ConnectError::Version),
                ("encoding", "json") => connect.encoding = Encoding::Json,
                ("encoding", "etf") => connect.encoding = Encoding::Etf,
                ("encoding", _) => return Err(ConnectError::Encoding),
                ("compress", "zlib-stream") => connect.compress = Transport::Zlib,
                ("compress", "zstd-stream") => connect.compress = Transport::Zstd,
                ("compress", _) => connect.compress = Transport::Plain,
                _ => {}
            }
        }
        Ok(connect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(target: &str) -> Result<Connect, ConnectError> {
        Connect::parse_target(target)
    }

    #[test]
    fn urls_of_libraries_in_use_are_understood() {
        let default = Connect::default();
        let zlib = Connect { compress: Transport::Zlib, ..default };
        assert_eq!(target("/?v=10&encoding=json"), Ok(default));
        assert_eq!(target("/?v=10"), Ok(default));
        assert_eq!(target("/"), Ok(default));
        assert_eq!(target(""), Ok(default));
        assert_eq!(target("?v=10&encoding=json&compress=zlib-stream"), Ok(zlib));
        assert_eq!(target("/?encoding=json&v=9&compress=zlib-stream"), Ok(Connect { version: 9, ..zlib }));
        assert_eq!(
            target("/ws/?compress=zstd-stream&encoding=json&v=10"),
            Ok(Connect { compress: Transport::Zstd, ..default })
        );
        assert_eq!(target("/?v=10&encoding=etf"), Ok(Connect { encoding: Encoding::Etf, ..default }));
    }

    #[test]
    fn other_versions_are_refused() {
        for query in ["v=8", "v=11", "v=ten", "v=-1", "v=010", "v=99999999999999999999"] {
            let error = Connect::parse_query(query).unwrap_err();
            assert_eq!(error.close_code(), CloseCode::InvalidApiVersion, "{query}");
        }
        assert_eq!(Connect::parse_query("encoding=bson"), Err(ConnectError::Encoding));
    }

    #[test]
    fn empty_and_unknown_values_fall_back() {
        assert_eq!(target("/?v=&encoding=&compress="), Ok(Connect::default()));
        assert_eq!(target("/?compress=brotli-stream&foo=bar&&=&v"), Ok(Connect::default()));
        assert_eq!(target("/?v=10#fragment"), Ok(Connect::default()));
    }
}

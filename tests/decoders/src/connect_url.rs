//! Connect URLs and request heads.

use consort_wire::gateway::Connect;
use consort_wire::ws::handshake::Head;

/// Reads a target and a head.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data) {
        if let Ok(connect) = Connect::parse_target(text) {
            assert!(matches!(connect.version, 9 | 10));
        }
        let _ = Connect::parse_query(text);
    }
    if let Ok(Some(head)) = Head::parse(data) {
        let _ = Connect::parse_target(head.target);
        let _ = head.upgrade();
    }
}

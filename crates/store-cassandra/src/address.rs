//! Where a ring is: `cassandra://HOST[:PORT][,HOST[:PORT]…]/KEYSPACE`.

use std::str::FromStr;

const SCHEME: &str = "cassandra://";
/// The port of the native protocol.
const PORT: u16 = 9042;
/// Longest name of a keyspace that Cassandra takes.
const KEYSPACE_BYTES_MAX: usize = 48;

/// Some nodes of a ring, by which the others are found, and the keyspace there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Nodes, each with its port.
    pub hosts: Vec<String>,
    /// The keyspace: a lower case letter, then lower case letters, digits and `_`.
    pub keyspace: String,
}

/// The text is no address of a ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a ring of Cassandra is named as cassandra://HOST[:PORT][,HOST[:PORT]…]/KEYSPACE: {0}")]
pub struct AddressError(&'static str);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let rest = text.strip_prefix(SCHEME).ok_or(AddressError("it begins with cassandra://"))?;
        let (hosts, keyspace) = rest.split_once('/').ok_or(AddressError("the keyspace is missing"))?;
        let hosts: Vec<String> = hosts.split(',').map(host).collect::<Result<_, _>>()?;
        let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if !keyspace.starts_with(|first: char| first.is_ascii_lowercase())
            || keyspace.len() > KEYSPACE_BYTES_MAX
            || !keyspace.bytes().all(fine)
        {
            return Err(AddressError(
                "a keyspace is a lower case letter and up to 47 lower case letters, digits and _",
            ));
        }
        Ok(Address { hosts, keyspace: keyspace.to_owned() })
    }
}

/// A host with its port.
fn host(text: &str) -> Result<String, AddressError> {
    let wrong = AddressError("a host is a name or an address, with a port or without one");
    let (name, port) = match text.rsplit_once(':') {
        // An IPv6 address stands in brackets when it has a port.
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
            (name, port.parse().map_err(|_| wrong.clone())?)
        }
        _ => (text, PORT),
    };
    let fine = |letter: char| letter.is_ascii_alphanumeric() || ".-:[]_".contains(letter);
    if name.is_empty() || !name.chars().all(fine) {
        return Err(wrong);
    }
    let bare = name.contains(':') && !name.starts_with('[');
    Ok(if bare { format!("[{name}]:{port}") } else { format!("{name}:{port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hosts_and_a_keyspace() {
        let hosts = |text: &str| text.parse::<Address>().map(|address| address.hosts);
        assert_eq!(hosts("cassandra://a/consort").unwrap(), ["a:9042"]);
        assert_eq!(
            hosts("cassandra://a:1,10.0.0.2,[::1]:7,::2/c_1").unwrap(),
            ["a:1", "10.0.0.2:9042", "[::1]:7", "[::2]:9042"]
        );
        assert_eq!("cassandra://a/consort".parse::<Address>().unwrap().keyspace, "consort");
        let long = format!("cassandra://a/{}", "x".repeat(49));
        for wrong in [
            "embedded",
            "cassandra://a",
            "cassandra:///k",
            "cassandra://a,,b/k",
            "cassandra://a:x/k",
            "cassandra://a:99999/k",
            "cassandra://a/K",
            "cassandra://a/1k",
            "cassandra://a/k/l",
            "cassandra://a b/k",
            &long,
        ] {
            assert!(hosts(wrong).is_err(), "{wrong}");
        }
    }
}

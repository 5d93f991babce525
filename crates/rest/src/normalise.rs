//! Paths as libraries send them, made into the one form that is routed.

/// What a path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Normal {
    /// It may be routed as it is.
    Same,
    /// It is routed as this.
    Rewritten(String),
    /// It asks for a version of the API that there is not.
    UnknownVersion,
}

/// The versions served, all with the shapes of the newest.
const VERSIONS: [&str; 2] = ["v10", "v9"];
/// Where the API is routed.
pub const API: &str = "/api/v10";

/// Normalises a path (without query): repeated and trailing slashes go (detritus, discordgo), `%40` becomes `@`, every
/// version becomes [`API`].
pub fn normalise(path: &str) -> Normal {
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let is_api = segments.first() == Some(&"api");
    if is_api {
        match segments.get(1).copied() {
            Some(version) if VERSIONS.contains(&version) => {
                segments.remove(1);
            }
            Some(version) if is_version(version) => return Normal::UnknownVersion,
            _ => {}
        }
        segments.insert(1, "v10");
    }
    let mut out = String::with_capacity(path.len() + 4);
    for segment in &segments {
        out.push('/');
        if is_api && segment.contains("%40") {
            out.push_str(&segment.replace("%40", "@"))
        } else {
            out.push_str(segment)
        }
    }
    // The root, and pages of the web client, keep their slash.
    if out.is_empty() {
        out.push('/');
    }
    if out == path { Normal::Same } else { Normal::Rewritten(out) }
}

/// Whether a path, as it came, asks for the version before the newest.
pub fn is_v9(path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.next() == Some("api") && segments.next() == Some("v9")
}

fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix('v')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(path: &str) -> String {
        match normalise(path) {
            Normal::Same => path.to_owned(),
            Normal::Rewritten(path) => path,
            Normal::UnknownVersion => panic!("{path}: unknown version"),
        }
    }

    #[test]
    fn slashes_versions_and_escaped_at_signs_come_to_one_form() {
        for path in [
            "/api/v10/users/@me",
            "/api/v9/users/@me",
            "/api/users/@me",
            "/api/v10//users/%40me/",
            "//api//v9/users/@me//",
        ] {
            assert_eq!(rewritten(path), "/api/v10/users/@me", "{path}");
        }
        assert!(is_v9("/api/v9/gateway") && is_v9("//api//v9"));
        assert!(!is_v9("/api/v10/gateway") && !is_v9("/api/gateway") && !is_v9("/v9"));
        assert_eq!(normalise("/api/v10/gateway"), Normal::Same);
        assert_eq!(normalise("/"), Normal::Same);
    }

    #[test]
    fn other_escapes_are_left_to_the_route() {
        let path = "/api/v10/channels/1/messages/2/reactions/a%2Fb%3A1/@me";
        assert_eq!(normalise(path), Normal::Same);
    }

    #[test]
    fn versions_that_are_not_served_are_told_apart_from_paths() {
        assert_eq!(normalise("/api/v6/gateway"), Normal::UnknownVersion);
        assert_eq!(normalise("/api/v11/gateway"), Normal::UnknownVersion);
        assert_eq!(rewritten("/api/voice/regions"), "/api/v10/voice/regions");
    }
}

//! Scopes ("OAuth2 Scopes").

/// Scopes that mean something here.
const KNOWN: &[&str] = &[
    "identify",
    "email",
    "guilds",
    "guilds.join",
    "guilds.members.read",
    "connections",
    "openid",
    "bot",
    "applications.commands",
    "applications.commands.update",
    "applications.commands.permissions.update",
    "applications.entitlements",
    "role_connections.write",
    "webhook.incoming",
];

/// Reads a space-separated list, each scope once. `None` when one is unknown or there is none.
pub fn parse(text: &str) -> Option<Vec<String>> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split([' ', '+']).filter(|scope| !scope.is_empty()) {
        if !KNOWN.contains(&scope) {
            return None;
        }
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    (!scopes.is_empty()).then_some(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_once_each_and_unknown_ones_refused() {
        assert_eq!(parse("bot applications.commands bot").unwrap(), ["bot", "applications.commands"]);
        assert_eq!(parse("bot+identify").unwrap(), ["bot", "identify"]);
        assert_eq!(parse("bot everything"), None);
        assert_eq!(parse(" "), None);
    }
}

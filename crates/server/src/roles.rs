//! What a node does, of all that there is to do.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// A role. Each may run on as many nodes as one likes, but for [`Role::Store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sockets of clients, and the sessions behind them.
    Gateway,
    /// The API over HTTP, and the web client.
    Rest,
    /// Files over HTTP.
    Cdn,
    /// Owners of guilds.
    Guild,
    /// Owners of accounts: sessions, relationships, settings, read states.
    User,
    /// Owners of private channels.
    Private,
    /// Owners of passwords, tokens and names.
    Account,
    /// Owners of applications.
    Application,
    /// Indexes of messages, for those who search.
    Search,
    /// Rate limits that several nodes with `rest` count in.
    Limiter,
    /// Voice: its gateway, and the packets.
    Voice,
    /// What is done beside: erasing what large deletions leave behind, taking files away that belong to nothing.
    Scheduler,
    /// The embedded store and the folder of files, for all nodes.
    Store,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Gateway,
        Self::Rest,
        Self::Cdn,
        Self::Guild,
        Self::User,
        Self::Private,
        Self::Account,
        Self::Application,
        Self::Search,
        Self::Limiter,
        Self::Voice,
        Self::Scheduler,
        Self::Store,
    ];

    /// As it is called on the command line and between nodes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Rest => "rest",
            Self::Cdn => "cdn",
            Self::Guild => "guild",
            Self::User => "user",
            Self::Private => "private",
            Self::Account => "account",
            Self::Application => "application",
            Self::Search => "search",
            Self::Limiter => "limiter",
            Self::Voice => "voice",
            Self::Scheduler => "scheduler",
            Self::Store => "store",
        }
    }

    /// Whether it runs owners.
    fn has_owners(self) -> bool {
        matches!(self, Self::Guild | Self::User | Self::Private | Self::Account | Self::Application)
    }
}

/// Roles that are known and not built yet: a node with voice carries its packets. Taken and said in the log, so that a list of roles is the
/// same now and then.
const LATER: [&str; 1] = ["sfu"];

/// The role that runs a service; the empty one is run by every node.
pub fn role_of(service: &str) -> &str {
    match service {
        "relay" | "session" => "gateway",
        "name" => "account",
        "files" => "store",
        "identity" | "operate" => "",
        own => own,
    }
}

/// The roles of a node, in one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

impl Default for Roles {
    fn default() -> Self {
        Self(Role::ALL.into())
    }
}

impl Roles {
    /// Whether a role is among them.
    pub fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether any of them runs owners.
    pub fn have_owners(&self) -> bool {
        self.0.iter().any(|role| role.has_owners())
    }

    /// Their names.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|role| role.name().to_owned()).collect()
    }

    /// Those that are not among them.
    pub fn missing(&self) -> Vec<&'static str> {
        Role::ALL.iter().filter(|role| !self.has(**role)).map(|role| role.name()).collect()
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(","))
    }
}

impl FromStr for Roles {
    type Err = String;

    /// Reads a list of names with commas between; `all` is all of them.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut roles = BTreeSet::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match Role::ALL.iter().find(|role| role.name() == name) {
                Some(role) => drop(roles.insert(*role)),
                None if name == "all" => roles.extend(Role::ALL),
                None if LATER.contains(&name) => {
                    tracing::warn!(role = name, "this role is not built yet and does nothing");
                }
                None => {
                    let known = Self::default();
                    return Err(format!("{name:?} is no role; those are {known}, or all"));
                }
            }
        }
        if roles.is_empty() { Err("no role is named".to_owned()) } else { Ok(Self(roles)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_is_read_and_a_wrong_one_is_named() {
        let roles: Roles = "rest, gateway,sfu".parse().unwrap();
        assert_eq!(roles.to_string(), "gateway,rest");
        assert!(!roles.have_owners() && roles.missing().contains(&"guild"));
        assert_eq!("all".parse(), Ok(Roles::default()));
        assert!("guild".parse::<Roles>().unwrap().have_owners());
        assert!("guilds".parse::<Roles>().unwrap_err().contains("guilds"));
        assert!("".parse::<Roles>().is_err() && "sfu".parse::<Roles>().is_err());
    }

    #[test]
    fn every_role_is_that_of_its_own_name() {
        assert!(Role::ALL.iter().all(|role| role_of(role.name()) == role.name()));
    }
}

//! The guild actor: members, roles, channels, voice states, permissions, event log.

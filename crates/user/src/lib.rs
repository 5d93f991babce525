//! The user actor: sessions, presence, relationships, private channels, settings, read states.

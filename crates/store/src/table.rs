//! The list of tables.

/// Every table of the system. Who writes a table also decides what its partition, key and value are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Table {
    // Accounts.
    /// Accounts.
    Users,
    /// Password hashes and second factors.
    Credentials,
    /// Username to user.
    UsernameIndex,
    /// E-mail address to user.
    EmailIndex,
    /// The sessions a user is logged in with.
    UserTokens,
    /// The guilds a user is in.
    UserGuilds,
    /// The private channels a user sees.
    UserChannels,
    /// Friends, blocks and requests.
    Relationships,
    /// The last message read, for each channel.
    ReadStates,
    /// Client settings.
    UserSettings,
    /// Notification settings for each guild.
    UserGuildSettings,
    /// Notes of a user on others.
    Notes,
    /// Pair of users to their private channel.
    DmIndex,
    /// Messages that mention a user.
    Mentions,

    // Guilds.
    /// Guilds themselves.
    Guilds,
    /// Roles of a guild.
    Roles,
    /// Channels of a guild.
    Channels,
    /// Members of a guild.
    Members,
    /// Custom emojis of a guild.
    Emojis,
    /// Stickers of a guild.
    Stickers,
    /// Bans of a guild.
    Bans,
    /// Invites of a guild.
    Invites,
    /// Webhooks of a guild.
    Webhooks,
    /// Audit log entries of a guild, by entry id.
    AuditLog,
    /// Threads of a guild.
    Threads,
    /// Members of threads.
    ThreadMembers,
    /// Scheduled events of a guild.
    Events,
    /// Soundboard sounds of a guild.
    Sounds,
    /// Auto moderation rules of a guild.
    AutoMod,
    /// A guild's single documents: welcome screen, onboarding, templates, widget; what is kept of former members. Of a channel
    /// with slowmode: who wrote when.
    GuildMisc,
    /// Integrations of a guild.
    Integrations,

    // Where things are.
    /// Channel to its guild, or to its private channel.
    ChannelIndex,
    /// Invite code to what it invites to.
    InviteIndex,
    /// Webhook to its guild and channel.
    WebhookIndex,
    /// Private channels and group channels.
    PrivateChannels,

    // Conversations.
    /// Messages of a channel, by message id.
    Messages,
    /// Reactions on messages.
    Reactions,
    /// Pinned messages of a channel.
    Pins,
    /// Nonces of recent messages, so that a retried send is not a second message.
    Nonces,
    /// Polls and their votes.
    Polls,
    /// Which messages and threads of an owner have changed, lately: by owner, then snowflake. For those who search.
    Changes,

    // Applications.
    /// Applications and their bots.
    Applications,
    /// The applications a user owns.
    UserApplications,
    /// Application commands.
    Commands,

    // The system itself.
    /// Settings of the installation.
    Meta,
    /// The newest epoch that wrote for an owner: partition is the owner's key, key its service; only
    /// [`Precondition::Epoch`](crate::Precondition::Epoch) writes it.
    Epochs,
    /// What is to happen later.
    Timers,
    /// When owners must be awake although nobody calls: by shard of the owner and day, then time and owner; and by shard alone,
    /// then owner, when that is.
    Alarms,
    /// Partitions that are to be erased; see [`crate::erasure`].
    Erasures,
    /// What owners have still to do in other owners: by key of the sender, then sender and number.
    Outbox,
    /// Who may have something in `Outbox`: by shard of the sender and span of time, then sender; and by shard alone, then span,
    /// which spans there are.
    Senders,
    /// How far owners have taken what other owners send them: by key of the receiver, then receiver and sender.
    Marks,
    /// Blobs that belong to nothing, yet or any more, by name; see the crate of files.
    Orphans,
    /// What an owner has said last to relays, where nodes share a store: by life of the owner and number.
    Words,
}

impl Table {
    /// All tables, in the order of their declaration.
    pub const ALL: &[Table] = &[
        Table::Users,
        Table::Credentials,
        Table::UsernameIndex,
        Table::EmailIndex,
        Table::UserTokens,
        Table::UserGuilds,
        Table::UserChannels,
        Table::Relationships,
        Table::ReadStates,
        Table::UserSettings,
        Table::UserGuildSettings,
        Table::Notes,
        Table::DmIndex,
        Table::Mentions,
        Table::Guilds,
        Table::Roles,
        Table::Channels,
        Table::Members,
        Table::Emojis,
        Table::Stickers,
        Table::Bans,
        Table::Invites,
        Table::Webhooks,
        Table::AuditLog,
        Table::Threads,
        Table::ThreadMembers,
        Table::Events,
        Table::Sounds,
        Table::AutoMod,
        Table::GuildMisc,
        Table::Integrations,
        Table::ChannelIndex,
        Table::InviteIndex,
        Table::WebhookIndex,
        Table::PrivateChannels,
        Table::Messages,
        Table::Reactions,
        Table::Pins,
        Table::Nonces,
        Table::Polls,
        Table::Changes,
        Table::Applications,
        Table::UserApplications,
        Table::Commands,
        Table::Meta,
        Table::Epochs,
        Table::Timers,
        Table::Alarms,
        Table::Erasures,
        Table::Outbox,
        Table::Senders,
        Table::Marks,
        Table::Orphans,
        Table::Words,
    ];

    /// The table's name in a database: lower case letters and `_`, never changed once released.
    pub fn name(self) -> &'static str {
        match self {
            Table::Users => "users",
            Table::Credentials => "credentials",
            Table::UsernameIndex => "username_index",
            Table::EmailIndex => "email_index",
            Table::UserTokens => "user_tokens",
            Table::UserGuilds => "user_guilds",
            Table::UserChannels => "user_channels",
            Table::Relationships => "relationships",
            Table::ReadStates => "read_states",
            Table::UserSettings => "user_settings",
            Table::UserGuildSettings => "user_guild_settings",
            Table::Notes => "notes",
            Table::DmIndex => "dm_index",
            Table::Mentions => "mentions",
            Table::Guilds => "guilds",
            Table::Roles => "roles",
            Table::Channels => "channels",
            Table::Members => "members",
            Table::Emojis => "emojis",
            Table::Stickers => "stickers",
            Table::Bans => "bans",
            Table::Invites => "invites",
            Table::Webhooks => "webhooks",
            Table::AuditLog => "audit_log",
            Table::Threads => "threads",
            Table::ThreadMembers => "thread_members",
            Table::Events => "events",
            Table::Sounds => "sounds",
            Table::AutoMod => "auto_mod",
            Table::GuildMisc => "guild_misc",
            Table::Integrations => "integrations",
            Table::ChannelIndex => "channel_index",
            Table::InviteIndex => "invite_index",
            Table::WebhookIndex => "webhook_index",
            Table::PrivateChannels => "private_channels",
            Table::Messages => "messages",
            Table::Reactions => "reactions",
            Table::Pins => "pins",
            Table::Nonces => "nonces",
            Table::Polls => "polls",
            Table::Changes => "changes",
            Table::Applications => "applications",
            Table::UserApplications => "user_applications",
            Table::Commands => "commands",
            Table::Meta => "meta",
            Table::Epochs => "epochs",
            Table::Timers => "timers",
            Table::Alarms => "alarms",
            Table::Erasures => "erasures",
            Table::Outbox => "outbox",
            Table::Senders => "senders",
            Table::Marks => "marks",
            Table::Orphans => "orphans",
            Table::Words => "words",
        }
    }

    /// Whether keys are snowflakes: 8 bytes, big endian, below 2^63, and unique over **all** partitions.
    ///
    /// A backend may store such a table in the order of its keys and find a partition's rows by an index. A write with a key
    /// of another shape is [`Error::Invalid`](crate::Error::Invalid). That no other partition has the key is the writer's duty,
    /// who draws each snowflake once; a store that notices a second may refuse it, and none has to look.
    pub fn is_snowflake_keyed(self) -> bool {
        matches!(self, Table::Messages | Table::AuditLog)
    }
}

#[cfg(test)]
mod tests {
    use super::Table;
    use std::collections::HashSet;

    #[test]
    fn all_lists_every_table_at_its_own_position() {
        for (position, table) in Table::ALL.iter().enumerate() {
            assert_eq!(*table as usize, position);
        }
        assert_eq!(Table::ALL.len(), Table::Words as usize + 1);
    }

    #[test]
    fn names_are_distinct_identifiers() {
        let names: HashSet<_> = Table::ALL.iter().map(|t| t.name()).collect();
        assert_eq!(names.len(), Table::ALL.len());
        assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }
}

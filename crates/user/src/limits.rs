//! What an account may hold; choices of ours unless a line says otherwise.

/// Sessions of one account. A large bot has one for each shard.
pub(crate) const SESSIONS_MAX: usize = 4096;
/// Accounts of a node that stay at hand while nobody calls them; see [`consort_actor::Core::RUNNING_MAX`].
pub(crate) const ACCOUNTS_RUNNING_MAX: usize = 1024;
/// Activities shown of an account.
pub(crate) const ACTIVITIES_MAX: usize = 10;
/// Channels of which is known how far they are read; the longest untouched is forgotten first.
pub(crate) const READ_STATES_MAX: usize = 20_000;
/// Private channels that are listed; beyond it the longest silent one is closed.
pub(crate) const CHANNELS_LISTED_MAX: usize = 1000;
/// Notes that READY carries, and the list of notes.
pub(crate) const NOTES_MAX: usize = 1000;
/// Bytes of a settings message.
pub(crate) const PROTO_BYTES_MAX: usize = 256 << 10;
/// Channels with settings of their own in one guild.
pub(crate) const CHANNEL_OVERRIDES_MAX: usize = 1000;
/// Rows read at once while loading.
pub(crate) const PAGE_ROWS: usize = 2000;
/// Mutual guilds and friends that a profile shows.
pub(crate) const MUTUALS_MAX: usize = 200;

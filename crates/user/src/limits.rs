//! What an account may hold; choices of ours unless a line says otherwise.

/// Sessions of a bot; a large one has one for each shard. More are refused.
pub(crate) const SESSIONS_MAX: usize = 4096;
/// Sessions of a person: devices, tabs, and those that a client has left behind within its time to resume. With another one
/// the oldest ends (close code 4009, after which clients begin anew).
pub(crate) const SESSIONS_PER_PERSON_MAX: usize = 50;
/// SESSIONS_REPLACE names every session and goes to every session: sessions that come and go within this time of the last one
/// are told of together.
pub(crate) const SESSIONS_REPLACE_INTERVAL_MS: u64 = 1_000;
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
/// Milliseconds after which a seat that nobody gave back is free again: many times what a call may take.
pub(crate) const SEAT_MS: u64 = 120_000;
/// Rows read at once while loading.
pub(crate) const PAGE_ROWS: usize = 2000;
/// Mutual guilds and friends that a profile shows.
pub(crate) const MUTUALS_MAX: usize = 200;

//! Settings, and the limits that are not settings.

use std::time::Duration;

use crate::networks::PerNetwork;

/// What an operator can set.
#[derive(Debug, Clone)]
pub struct Config {
    /// Threads that own sockets; 0 is one per core, 64 is the most.
    pub slices: usize,
    /// `heartbeat_interval` of HELLO. Without a heartbeat for half as long again the connection is cut.
    pub heartbeat_interval: Duration,
    /// How long after the answer to the upgrade HELLO goes out, unless the client speaks before. Some clients drop what comes
    /// in one read with that answer (seyfert on Node), and upstream's HELLO comes in a later packet. Nothing tells when a
    /// client has read the answer, so this is a time.
    pub hello_delay: Duration,
    /// How long a connection may stay without IDENTIFY or RESUME.
    pub identify_timeout: Duration,
    /// How long a session outlives its socket.
    pub resume_window: Duration,
    /// How long READY of a user account waits for its guilds.
    pub attach_deadline: Duration,
    /// After how long without an answer a guild is asked again.
    pub attach_retry: Duration,
    /// Between two deltas of a guild to sessions that do not look at it, at least.
    pub passive_interval: Duration,
    /// How long a socket may take nothing while something is waiting for it.
    pub stall_timeout: Duration,
    /// How long a closed connection may linger until the peer has seen the close frame.
    pub close_timeout: Duration,
    /// An address on which the slices accept connections themselves, each by a listener of its own; `None` leaves that to
    /// the HTTP server. For nodes with very many sockets.
    pub listen: Option<std::net::SocketAddr>,
    /// Whether each slice has a descriptor table of its own: no lock shared with other threads when sockets come and go,
    /// and a limit of descriptors for each. Tools then find the sockets under `/proc/PID/task/TID/fd`.
    pub own_descriptors: bool,
    /// Sockets of this process; more are answered 503. What the limit of descriptors allows, if less.
    pub connections_max: usize,
    /// Connections of this process that have not identified. Beyond as many, or a quarter of those there may be, the oldest
    /// are closed: who says nothing leaves room for who does.
    pub unidentified_max: usize,
    /// Whether a connection may send only so many commands in a minute (close code 4008). Without, for measurements and test suites alone.
    pub limits_commands: bool,
    /// What one address has of the slices' own listeners; `None` for no limit. The HTTP server counts its own.
    pub per_network: Option<PerNetwork>,
    /// Sessions without a socket on this node; beyond, the oldest end.
    pub detached_max: usize,
    /// `resume_gateway_url`, without path and query; `None` takes the `Host` that the client used.
    pub public_url: Option<String>,
    /// The kernel's send buffer of a socket, bytes; the kernel doubles it.
    pub send_buffer_bytes: usize,
    /// How slices send.
    pub io: Io,
}

/// How slices send. They always wait and read by epoll.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Io {
    /// By io_uring where the system has it, else by a system call for each connection.
    #[default]
    Auto,
    /// By a system call for each connection.
    Epoll,
    /// By io_uring, many connections at once. As [`Io::Auto`], but that the system has none is a warning.
    Uring,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            slices: 0,
            // As the vendor's gateway was seen to send.
            heartbeat_interval: Duration::from_millis(41_250),
            hello_delay: Duration::from_millis(15),
            identify_timeout: Duration::from_secs(30),
            resume_window: Duration::from_secs(180),
            attach_deadline: Duration::from_secs(5),
            attach_retry: Duration::from_secs(10),
            passive_interval: Duration::from_secs(3),
            stall_timeout: Duration::from_secs(20),
            close_timeout: Duration::from_secs(5),
            listen: None,
            own_descriptors: false,
            connections_max: 2_000_000,
            unidentified_max: 16 * 1024,
            limits_commands: true,
            per_network: None,
            // As many as there may be sockets: all of them may break at once, and everybody is to find their session again.
            detached_max: 2_000_000,
            public_url: None,
            send_buffer_bytes: 64 * 1024,
            io: Io::Auto,
        }
    }
}

impl Config {
    /// How many slices to start.
    pub(crate) fn slice_count(&self) -> usize {
        // Asked for only if needed: the system looks through a handful of files to say it.
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let wanted = if self.slices == 0 { cores() } else { self.slices };
        wanted.clamp(1, SLICES_MAX)
    }

    /// Connections of a slice that may be without an IDENTIFY.
    pub(crate) fn unidentified_max_of_slice(&self) -> usize {
        let max = self.unidentified_max.min(self.connections_max / 4);
        (max / self.slice_count()).max(64)
    }

    /// How long a connection may be without a heartbeat.
    pub(crate) fn heartbeat_timeout(&self) -> Duration {
        self.heartbeat_interval + self.heartbeat_interval / 2
    }
}

/// Slices of a node: a set of them is one word.
pub const SLICES_MAX: usize = 64;
/// Messages waiting for a slice before volatile events (typing, presence) are dropped.
pub const INBOX_VOLATILE_MAX: usize = 16 * 1024;
/// Messages waiting for a slice before other events are lost, and with them the sessions that should have had them.
pub const INBOX_EVENTS_MAX: usize = 64 * 1024;
/// Messages waiting for a slice, changes of subscriptions included, before all its sessions are lost.
pub const INBOX_MAX: usize = 128 * 1024;
/// Bytes of bodies waiting for a slice; beyond, as with [`INBOX_EVENTS_MAX`].
pub const INBOX_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of guilds (GUILD_CREATE) waiting for a slice. They are counted apart from events, so that who asks for large guilds
/// and does not read takes no room from others. A guild beyond it is not kept: it is asked again.
pub const INBOX_GUILDS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes that the sessions of one account on a slice may hold or be waiting for, unwritten, of what comes in bulk (READY,
/// GUILD_CREATE), before the next of them asks for more. A session that is alone is paced by what its client reads.
pub(crate) const ACCOUNT_BULK_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What a guild that has not answered counts for in it: a guild of 500 channels and 250 roles is a quarter of it.
pub(crate) const ATTACH_BYTES: usize = 1024 * 1024;
/// IDENTIFYs of one account at work or waiting; more are answered with opcode 9. As many as `max_concurrency` of
/// GET /gateway/bot lets a bot have under way.
pub const IDENTIFIES_PER_ACCOUNT_MAX: usize = 16;
/// Guilds and sessions remembered as having lost something; more, and all sessions of the slice count as such.
pub const INBOX_LOST_MAX: usize = 1024;
/// Identifies at work at once.
pub const IDENTIFIES_ACTIVE_MAX: usize = 256;
/// Identifies waiting; more are answered with opcode 9, and the client comes back a few seconds later.
pub const IDENTIFIES_WAITING_MAX: usize = 8192;
/// Clients that resume whose sessions are asked for at other nodes at once.
pub const FETCHES_ACTIVE_MAX: usize = 64;
/// Further ones wait; more are answered with opcode 9 and `true`, and come back a few seconds later.
pub const FETCHES_WAITING_MAX: usize = 8192;
/// Sessions that are on their way to other nodes at once, and the bytes of their copies; who asks for more is asked to wait.
pub const FROZEN_MAX: usize = 1024;
/// See [`FROZEN_MAX`].
pub const FROZEN_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Sessions of which it is remembered where they went; the oldest are forgotten.
pub const GONE_MAX: usize = 65_536;
/// A node that leaves gives away a session whose client has not come back to it, or gone elsewhere, for so long.
pub(crate) const LINGER: Duration = Duration::from_millis(1_500);
/// Member chunks (opcode 8) made at once for a node; further ones wait, one of each session at most.
pub const CHUNKS_ACTIVE_MAX: usize = 16;
/// Member requests (opcode 8) of one session that are not answered whole; further ones are told RATE_LIMITED.
pub const MEMBER_REQUESTS_MAX: usize = 256;
/// How long a connection may be without an IDENTIFY when others find no room.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);
/// Connections of a slice that are there only to be told that there is no room; beyond it they are closed without a word.
pub(crate) const TURNED_AWAY_MAX: usize = 256;
/// When somebody who found no room is asked to come again, seconds.
pub(crate) const RETRY_AFTER_SECS: u32 = 5;
/// How often the log says that there is no room.
pub(crate) const FULL_TOLD_INTERVAL: Duration = Duration::from_secs(60);
/// Connections accepted before a slice turns to other things.
pub(crate) const ACCEPTS_PER_TURN: usize = 256;
/// Connections that may wait to be accepted by one slice; what the kernel allows at most, if less.
pub(crate) const BACKLOG: i32 = 65_535;
/// A guild that does not answer is asked again after the retry time doubled so many times at most.
pub const ATTACH_BACKOFF_MAX: u8 = 3;
/// After so long what was missed of a guild is asked for again, and an attachment that came behind it.
pub(crate) const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How long a token may be looked at.
pub const AUTHENTICATE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a session waits for its user's owner; longer than a call may take, in case its answer is lost.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
/// Detached sessions of one account and shard in one slice.
pub const DETACHED_PER_SHARD_MAX: usize = 8;
/// Bytes of a connection's own (acks, pongs) that may wait; a client that asks without reading is cut.
pub const OWN_BYTES_MAX: usize = 64 * 1024;
/// Guilds of one session; more needs sharding (close code 4011).
pub const GUILDS_MAX: usize = 2500;
/// Presence updates within [`PRESENCE_WINDOW`]; more are ignored ("Rate Limiting", Gateway).
pub const PRESENCE_UPDATES_MAX: u8 = 5;
/// The window of [`PRESENCE_UPDATES_MAX`].
pub const PRESENCE_WINDOW: Duration = Duration::from_secs(20);
/// How often all members of one guild may be asked for by one session ("Request Guild Members").
pub const ALL_MEMBERS_WINDOW: Duration = Duration::from_secs(30);
/// Offers of events to sessions between two looks at the sockets.
pub(crate) const OFFERS_PER_TURN: usize = 200_000;
/// Connections flushed between two looks at the inbox: what arrives meanwhile leaves in the same sends.
pub(crate) const FLUSHES_PER_TURN: usize = 1024;
/// Dispatches in one send.
pub(crate) const DISPATCHES_PER_SEND: usize = 32;
/// With payload compression (`compress` of IDENTIFY), smaller payloads are sent as text.
pub(crate) const PAYLOAD_ZLIB_MIN_BYTES: usize = 8 * 1024;

const _: () = assert!(OPEN_TIMEOUT.as_secs() > consort_rpc::CALL_DEADLINE.as_secs());
const _: () = assert!(INBOX_VOLATILE_MAX < INBOX_EVENTS_MAX && INBOX_EVENTS_MAX < INBOX_MAX);

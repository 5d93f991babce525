//! The limit of open files: every socket is one.

/// Raises the soft limit of open files to the hard one. Where that fails the server runs with what it has.
#[allow(unsafe_code, reason = "there is no safe call for limits in the standard library")]
pub fn raise_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls take a pointer to a `rlimit` that lives over the call, and keep none.
    let raised = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 && {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit) == 0
        }
    };
    if !raised {
        tracing::warn!("the limit of open files could not be raised");
    }
}

/// Files that the process may have open; very many when the system does not say.
pub(crate) fn limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

/// Files of the store and of what is uploaded and fetched, at once, roughly.
const FILES_OPEN_MAX: usize = 1024;

/// How the descriptors of the process are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// For connections of the main listener that have no session: requests, and WebSockets that have not identified. About
    /// an eighth more may stand beside them.
    pub(crate) seats: usize,
    /// For the gateway's sockets.
    pub(crate) sockets: usize,
}

/// Shares `limit` descriptors out: some stay for files, an eighth is for connections without a session, since they need little
/// time each and give up their seats, and what is left for sessions, which stay for hours. Threads that accept themselves
/// (`own_tables`) have descriptors of their own, so half of the process's may be seats.
pub(crate) fn share(limit: usize, own_tables: bool) -> Share {
    if own_tables {
        return Share { seats: limit / 2, sockets: usize::MAX };
    }
    let (files, seats) = (FILES_OPEN_MAX.min(limit / 8), limit / 8);
    let standing = seats / 8 + 8;
    Share { seats, sockets: limit.saturating_sub(files + seats + standing).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_descriptors_are_for_sessions_and_some_always_for_requests_and_files() {
        for limit in [256, 1024, 4096, 20_000, 1 << 20] {
            let Share { seats, sockets } = share(limit, false);
            assert!(sockets >= limit / 2 && seats >= limit / 8, "{limit}");
            let standing = crate::http::Limits { seats, per_network: seats, limits_local: false }.standing();
            let files = limit - seats - sockets - standing;
            assert!(files >= FILES_OPEN_MAX.min(limit / 10), "{files} of {limit} are for files");
        }
        assert!(share(20_000, false).sockets >= 15_000);
        assert_eq!(share(20_000, true).seats, 10_000);
    }
}

//! What a node watches, once a second: the clock and the room on the disk of its machine, and whether all roles are run and
//! itself is a member. It tells by [`Health`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use consort_discovery::{Cluster, Load};
use consort_gateway::{Gateway, SliceStats};
use consort_runtime::{ClockRef, Health, Ids, Registry, spawn};
use tokio::time::Instant;

use crate::roles::{Role, Roles};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// The wall clock may differ from the time that has passed by so much, in milliseconds, before that is called a jump. A
/// daemon that disciplines the clock moves it by less.
const JUMP_MS: i64 = 2_000;
/// How long a jump is told in `/healthz`.
const JUMP_TOLD: Duration = Duration::from_secs(600);
/// With less free space than this, writes are refused before they reach the store (128 MiB): what remains is for
/// deletions, for work that is under way, and for the write-ahead log.
const DISK_LOW: u64 = 128 << 20;
/// With so much free space, writes are taken again (160 MiB).
const DISK_ENOUGH: u64 = 160 << 20;
/// The size of the file that is given up when the server must start on a full disk (8 MiB).
const BALLAST_BYTES: u64 = 8 << 20;
/// Its name in the data directory.
const BALLAST: &str = "ballast";

/// Whether there is room to write; shared with the edge.
pub(crate) type Room = Arc<AtomicBool>;

/// Looks at the machine until the node ends.
pub(crate) struct Watch {
    pub(crate) clock: ClockRef,
    pub(crate) ids: Arc<Ids>,
    pub(crate) health: Health,
    pub(crate) data: PathBuf,
    pub(crate) room: Room,
    pub(crate) roles: Roles,
    /// Whether one node has to have the role store.
    pub(crate) needs_store: bool,
    pub(crate) registry: Registry,
    pub(crate) gateway: Option<Arc<Gateway>>,
    /// `None` for a node that is alone.
    pub(crate) cluster: Option<Arc<Cluster>>,
}

impl Watch {
    /// Starts watching; ends with the task's handle aborted, or with the runtime.
    pub(crate) fn start(self) -> tokio::task::JoinHandle<Option<()>> {
        let mut jumps = Jumps::new(self.clock.now_ms());
        self.look(&mut jumps);
        spawn("watch", async move {
            loop {
                tokio::time::sleep(PAUSE).await;
                self.look(&mut jumps);
            }
        })
    }

    fn look(&self, jumps: &mut Jumps) {
        let warning = jumps.look(self.clock.now_ms(), Instant::now(), self.ids.newest_ms());
        self.health.set("clock", warning);
        self.look_at_disk();
        self.look_at_cluster();
        if let Some(cluster) = &self.cluster {
            cluster.carry(self.load());
        }
    }

    /// What the node carries, as operators are told.
    fn load(&self) -> Load {
        let stats = self.gateway.as_ref().map(|gateway| gateway.stats());
        let sum = |of: fn(&SliceStats) -> usize| stats.as_ref().map_or(0, |stats| stats.sum(of) as u64);
        let owners =
            self.registry.counts().into_iter().filter(|(service, count)| *service != "slice" && *count > 0);
        Load {
            connections: sum(|slice| slice.connections),
            sessions: sum(|slice| slice.sessions),
            owners: owners.map(|(service, count)| (service.to_owned(), count)).collect(),
        }
    }

    fn look_at_cluster(&self) {
        let missing = match &self.cluster {
            Some(cluster) => {
                let needed = Role::ALL.into_iter().filter(|role| *role != Role::Store || self.needs_store);
                cluster.missing(&needed.map(Role::name).collect::<Vec<_>>())
            }
            None => self.roles.missing(),
        };
        let warning = (!missing.is_empty()).then(|| format!("no node runs {}", missing.join(", ")));
        self.health.set("roles", warning);
        let lost = self.cluster.as_ref().is_some_and(|cluster| !cluster.is_member());
        let warning =
            "the node's lease has run out: it answers what the store confirms, until etcd knows it again";
        self.health.set("cluster", lost.then(|| warning.to_owned()));
    }

    fn look_at_disk(&self) {
        match free_bytes(&self.data) {
            Ok(free) => {
                let room = room(free, self.room.load(Ordering::Relaxed));
                self.room.store(room, Ordering::Relaxed);
                let left = format!("{} MiB left; writes are refused until there is more", free >> 20);
                self.health.set("disk", (!room).then_some(left));
                if room && free > DISK_ENOUGH + BALLAST_BYTES {
                    keep_ballast(&self.data);
                }
            }
            Err(error) => self.health.set("disk", Some(format!("its room cannot be read: {error}"))),
        }
    }
}

/// Whether writes are taken with so much free space, when they were or were not before.
fn room(free: u64, before: bool) -> bool {
    free >= if before { DISK_LOW } else { DISK_ENOUGH }
}

fn free_bytes(dir: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Gives the ballast up when the disk is full, so that the store can be opened and something be deleted.
pub(crate) fn make_room_to_start(data: &Path) {
    if free_bytes(data).is_ok_and(|free| free < BALLAST_BYTES / 2)
        && std::fs::remove_file(data.join(BALLAST)).is_ok()
    {
        tracing::warn!("the disk is full; a reserve of {} MiB was given up to start", BALLAST_BYTES >> 20);
    }
}

fn keep_ballast(data: &Path) {
    let path = data.join(BALLAST);
    if std::fs::metadata(&path).is_ok_and(|file| file.len() == BALLAST_BYTES) {
        return;
    }
    // Blocks are taken from the file system, which only making the file longer would not do.
    let reserved = std::fs::File::create(&path).and_then(|file| {
        rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, BALLAST_BYTES).map_err(Into::into)
    });
    if let Err(error) = reserved {
        tracing::warn!(%error, "no reserve for a full disk could be written");
    }
}

/// Compares the wall clock with the time that has passed.
struct Jumps {
    wall_ms: u64,
    passed: Instant,
    /// The last jump: when, and by how many milliseconds.
    last: Option<(Instant, i64)>,
}

impl Jumps {
    fn new(wall_ms: u64) -> Self {
        Self { wall_ms, passed: Instant::now(), last: None }
    }

    /// What to warn of, if anything. `newest_ms` is the time in the newest snowflake, 0 if there is none.
    fn look(&mut self, wall_ms: u64, now: Instant, newest_ms: u64) -> Option<String> {
        let passed = i64::try_from(now.duration_since(self.passed).as_millis()).unwrap_or(i64::MAX);
        let jump = wall_ms.cast_signed().saturating_sub(self.wall_ms.cast_signed()).saturating_sub(passed);
        (self.wall_ms, self.passed) = (wall_ms, now);
        if jump.abs() > JUMP_MS {
            tracing::warn!(jump_ms = jump, "the clock has jumped");
            self.last = Some((now, jump));
        }
        let behind = newest_ms.saturating_sub(wall_ms);
        if behind.cast_signed() > JUMP_MS {
            return Some(format!(
                "it is {} s behind the newest ids; new ids go on counting from those",
                behind / 1000
            ));
        }
        let (when, jump) = self.last?;
        (now.duration_since(when) < JUMP_TOLD).then(|| format!("it has jumped by {} s", jump / 1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_jumps_or_stays_behind_the_ids_is_told() {
        const HOUR_MS: u64 = 3_600_000;
        let start = Instant::now();
        let wall = 1_800_000_000_000;
        let mut jumps = Jumps { wall_ms: wall, passed: start, last: None };
        let at = |s: u64| start + Duration::from_secs(s);
        assert_eq!(jumps.look(wall + 1_000, at(1), wall), None);
        assert_eq!(jumps.look(wall + 3_500, at(2), wall), None, "disciplined");
        let back = jumps.look(wall + 4_500 - HOUR_MS, at(3), wall + 4_000);
        assert!(back.is_some_and(|text| text.contains("3599 s behind")));
        let right_again = jumps.look(wall + 5_500, at(4), wall + 4_000);
        assert!(right_again.is_some_and(|text| text.contains("jumped by 3600 s")));
        let later = JUMP_TOLD.as_secs() + 4;
        assert_eq!(jumps.look(wall + 1_500 + later * 1_000, at(later), wall), None);
    }

    #[test]
    fn writes_are_refused_below_one_mark_and_taken_again_above_another() {
        assert!(room(DISK_LOW, true) && !room(DISK_LOW - 1, true));
        assert!(!room(DISK_ENOUGH - 1, false) && room(DISK_ENOUGH, false));
    }

    #[test]
    fn the_ballast_is_written_whole_and_once() {
        let dir = tempfile::tempdir().unwrap();
        keep_ballast(dir.path());
        let written = std::fs::metadata(dir.path().join(BALLAST)).unwrap();
        keep_ballast(dir.path());
        let again = std::fs::metadata(dir.path().join(BALLAST)).unwrap();
        assert_eq!((written.len(), written.modified().unwrap()), (BALLAST_BYTES, again.modified().unwrap()));
        make_room_to_start(dir.path());
        assert!(dir.path().join(BALLAST).exists(), "there is room");
    }
}

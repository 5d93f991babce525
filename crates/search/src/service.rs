//! The indexes of a node, and who asks them.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use consort_model::{ApiError, ThreadMember};
use consort_rpc::search::{Answer, Op, Query, Scope, Search};
use consort_rpc::{Answer as Answered, Call, Host};
use consort_runtime::{ClockRef, spawn};
use consort_store::{Key, StoreExt as _, StoreRef, Table};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use crate::catch_up::{Shared, Source, Stopped};
use crate::index::Index;

/// How long a search waits for its index to be up to date; then it is answered "not ready", and the work goes on.
pub const READY_WITHIN: Duration = Duration::from_millis(1500);
/// Searches at work at once, those that only bring an index up to date included; more are answered 503.
const SEARCHES_MAX: usize = 64;
/// Indexes that are open at once, three files each.
const OPEN_MAX: usize = 64;
/// Private threads of a channel that are looked at for whether the reader is in them, the newest first.
const OWN_THREADS_MAX: usize = 1000;
/// Between two looks at all files.
const SWEPT_EACH: Duration = Duration::from_secs(3600);
/// A file that nobody has searched in goes after so long, in milliseconds: 30 days.
const UNUSED_MAX_MS: u64 = 30 * 24 * 3_600_000;
/// What the names of the files end with.
const SUFFIX: &str = "index";

/// The indexes of a node: a folder with a file for each guild and private channel that was searched lately.
pub struct Indexes {
    folder: PathBuf,
    store: StoreRef,
    clock: ClockRef,
    open: Mutex<HashMap<u64, (Arc<Entry>, Instant)>>,
    /// Who opens a file.
    opening: tokio::sync::Mutex<()>,
    room: Arc<Semaphore>,
}

/// One index that is open.
struct Entry {
    index: Mutex<Shared>,
    /// Who brings it up to date.
    turn: tokio::sync::Mutex<()>,
}

impl Entry {
    fn index(&self) -> Shared {
        self.index.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexes").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Host<Search> for Shareable {
    fn deliver(&self, owner: u64, call: Call<Search>) {
        let indexes = self.0.clone();
        let Op::Find { scope, query } = call.op;
        spawn("search", async move {
            let reply = indexes.find(owner, *scope, &query).await;
            call.respond.send(reply.map(|answer| Answered::json(&answer)));
        });
    }
}

/// The indexes as a service.
#[derive(Debug)]
pub struct Shareable(pub Arc<Indexes>);

impl Indexes {
    /// Those of a folder, made of what is in a store.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: PathBuf, store: StoreRef, clock: ClockRef) -> std::io::Result<Arc<Self>> {
        std::fs::create_dir_all(&folder)?;
        let room = Arc::new(Semaphore::new(SEARCHES_MAX));
        Ok(Arc::new(Self {
            folder,
            store,
            clock,
            open: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            room,
        }))
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<u64, (Arc<Entry>, Instant)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, owner: u64) -> PathBuf {
        self.folder.join(format!("{owner}.{SUFFIX}"))
    }

    async fn entry(&self, owner: u64) -> Result<Arc<Entry>, ApiError> {
        if let Some(entry) = self.opened(owner) {
            return Ok(entry);
        }
        // A file is opened once: whoever opens one that another is still making would make it anew.
        let _turn = self.opening.lock().await;
        if let Some(entry) = self.opened(owner) {
            return Ok(entry);
        }
        let index = open_file(self.path(owner)).await?;
        let mut entries = self.entries();
        if entries.len() >= OPEN_MAX {
            // One that somebody works with stays, for the same reason; no more are at work than [`SEARCHES_MAX`].
            let idle = entries.iter().filter(|(_, (entry, _))| Arc::strong_count(entry) == 1);
            let oldest = idle.min_by_key(|(_, (_, used))| *used).map(|(owner, _)| *owner);
            oldest.iter().for_each(|owner| drop(entries.remove(owner)));
        }
        let entry = Entry { index: Mutex::new(index), turn: tokio::sync::Mutex::default() };
        let entry = Arc::new(entry);
        entries.insert(owner, (entry.clone(), Instant::now()));
        Ok(entry)
    }

    fn opened(&self, owner: u64) -> Option<Arc<Entry>> {
        let mut entries = self.entries();
        let (entry, used) = entries.get_mut(&owner)?;
        *used = Instant::now();
        Some(entry.clone())
    }

    /// Answers a query of a guild or a private channel. `scope`: where the reader may read.
    ///
    /// # Errors
    /// 503 when too many search, or the store or the disk fails.
    pub async fn find(self: &Arc<Self>, owner: u64, scope: Scope, query: &Query) -> Result<Answer, ApiError> {
        let permit = self.room.clone().try_acquire_owned().map_err(|_| ApiError::overloaded())?;
        let entry = self.entry(owner).await?;
        let scope = Arc::new(scope);
        let work = {
            let (indexes, entry, scope) = (self.clone(), entry.clone(), scope.clone());
            spawn("search index", async move {
                let _permit = permit;
                indexes.catch_up(owner, &entry, &scope).await
            })
        };
        match timeout(READY_WITHIN, work).await {
            Ok(Ok(Some(done))) => done?,
            Ok(_) => return Err(ApiError::internal()),
            Err(_) => {
                let documents = entry.index().with(Index::documents).await.map_err(failed)?;
                return Ok(Answer::NotReady { documents });
            }
        }
        let allowed = self.allowed(&entry.index(), &scope).await.map_err(failed)?;
        let query = query.clone();
        let index = entry.index();
        let found = index.with(move |index| {
            let channels = index.channels(&allowed, &query.channels)?;
            index.find(&query, &channels)
        });
        let (total, messages) = found.await.map_err(failed)?;
        Ok(Answer::Found { total, messages })
    }

    async fn catch_up(&self, owner: u64, entry: &Entry, scope: &Scope) -> Result<(), ApiError> {
        let _turn = entry.turn.lock().await;
        let source = Source { store: self.store.clone(), owner };
        let now_ms = self.clock.now_ms();
        entry.index().with(move |index| index.set_searched_ms(now_ms)).await.map_err(failed)?;
        match source.catch_up(&entry.index(), scope, now_ms).await {
            Err(Stopped::Behind) => {}
            done => return done.map_err(failed),
        }
        remove(&self.path(owner));
        let index = open_file(self.path(owner)).await?;
        *entry.index.lock().unwrap_or_else(PoisonError::into_inner) = index;
        source.catch_up(&entry.index(), scope, now_ms).await.map_err(failed)
    }

    /// The channels and threads that a reader may read.
    async fn allowed(&self, index: &Shared, scope: &Scope) -> Result<BTreeSet<u64>, Stopped> {
        let mut allowed: BTreeSet<u64> =
            scope.channels.iter().map(|searched| searched.channel.get()).collect();
        for parent in
            scope.channels.iter().filter(|searched| searched.has_threads).map(|searched| searched.channel)
        {
            let mut threads = index.with(move |index| index.threads_of(parent)).await?;
            let moderated = scope.moderated.contains(&parent);
            let open = threads.iter().filter(|thread| !thread.private || moderated);
            allowed.extend(open.map(|thread| thread.id.get()));
            threads.retain(|thread| thread.private && !moderated && !allowed.contains(&thread.id.get()));
            threads.sort_by_key(|thread| std::cmp::Reverse(thread.id));
            for thread in threads.iter().take(OWN_THREADS_MAX) {
                let key = Key::id(scope.reader.get());
                let own = self.store.get_row(Table::ThreadMembers, thread.id.get(), key).await?;
                if own.is_some_and(|own: ThreadMember| scope.since <= own.join_timestamp) {
                    allowed.insert(thread.id.get());
                }
            }
        }
        Ok(allowed)
    }

    /// Looks at all files now and then, for ever: those of what is gone go, those that nobody uses too, and what was deleted
    /// leaves the others.
    pub async fn sweep_forever(self: Arc<Self>) {
        loop {
            sleep(SWEPT_EACH).await;
            self.sweep().await;
        }
    }

    /// Looks at all files once.
    pub async fn sweep(&self) {
        let Ok(files) = std::fs::read_dir(&self.folder) else { return };
        let owner = |path: &Path| path.file_stem()?.to_str()?.parse::<u64>().ok();
        let files = files.flatten().map(|file| file.path());
        let files: Vec<PathBuf> =
            files.filter(|path| path.extension().is_some_and(|e| e == SUFFIX)).collect();
        for owner in files.iter().filter_map(|path| owner(path)) {
            if let Err(error) = self.sweep_one(owner).await {
                tracing::warn!(owner, %error, "an index is not swept");
            }
        }
    }

    async fn sweep_one(&self, owner: u64) -> Result<(), ApiError> {
        let there = async |table| self.store.get(table, owner, Key::empty()).await.map(|row| row.is_some());
        let guild = there(Table::Guilds).await.map_err(|error| failed(error.into()))?;
        let private = there(Table::PrivateChannels).await.map_err(|error| failed(error.into()))?;
        let entry = self.entry(owner).await?;
        let _turn = entry.turn.lock().await;
        let now_ms = self.clock.now_ms();
        let searched_ms = entry.index().with(Index::searched_ms).await.map_err(failed)?;
        let is_unused = searched_ms + UNUSED_MAX_MS < now_ms;
        if is_unused || !(guild || private) {
            self.entries().remove(&owner);
            remove(&self.path(owner));
            return Ok(());
        }
        let source = Source { store: self.store.clone(), owner };
        match source.follow_changes(&entry.index(), now_ms).await {
            // It is made anew when somebody searches.
            Err(Stopped::Behind) | Ok(()) => Ok(()),
            Err(stopped) => Err(failed(stopped)),
        }
    }
}

async fn open_file(path: PathBuf) -> Result<Shared, ApiError> {
    let opened = tokio::task::spawn_blocking(move || Index::open(&path)).await;
    match opened {
        Ok(Ok(index)) => Ok(Shared::new(index)),
        Ok(Err(error)) => Err(failed(Stopped::Index(error))),
        Err(_) => Err(failed(Stopped::Lost)),
    }
}

fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        // What is left is made anew when it is opened, or removed by the next look.
        let _gone = std::fs::remove_file(name);
    }
}

fn failed(stopped: Stopped) -> ApiError {
    match stopped {
        Stopped::Store(error) => {
            tracing::warn!(%error, "an index is not brought up to date");
            ApiError::unavailable()
        }
        Stopped::Index(error) => {
            tracing::error!(%error, "an index cannot be used");
            ApiError::unavailable()
        }
        Stopped::Lost | Stopped::Behind => ApiError::unavailable(),
    }
}

//! Whether the write-ahead log is whole: what SQLite does not tell.
//!
//! SQLite takes the first frame with a wrong checksum for the end of the log. That is right for a commit that a power failure
//! has torn, and wrong for a damaged sector: then commits that were acknowledged lie behind it. Two things tell them apart,
//! and cost no synchronisation:
//!
//! * A commit is synchronised before the next one is written. So a commit frame behind the first bad one, with a frame of the
//!   same log after it, was acknowledged.
//! * [`Acknowledged`] writes after each commit how many frames the log has. That file is not synchronised: after a power
//!   failure it may be older than the log, never newer. So a log with fewer frames than it says has lost some.
//!
//! The formats of header, frames and checksums: <https://www.sqlite.org/fileformat2.html#walformat>.

use consort_store::Error;
use rusqlite::{Connection, ErrorCode};
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// Largest page that SQLite knows; a greater number in the header is damage.
const PAGE_BYTES_MAX: u32 = 65_536;
/// Page size of this store, for a log whose header cannot be read.
const PAGE_BYTES: u64 = 8_192;

/// Acknowledged commits that can not be read any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{log} is damaged at byte {at}: {frames} frames of acknowledged commits from there on cannot be read. The data before \
     are whole. {}",
    .kept.as_deref().map_or_else(|| NOT_YET.to_owned(), given_up)
)]
pub struct Damage {
    /// The file.
    pub log: String,
    /// Where the first commit that cannot be read begins.
    pub at: u64,
    /// Frames (pages) that are lost, as far as is known.
    pub frames: u64,
    /// The copy of the log, when the loss was accepted.
    pub kept: Option<String>,
}

/// What can be done about it.
const NOT_YET: &str = "Nothing was changed: restore a backup, or start once with --accept-data-loss, which keeps a copy of the \
                       log beside it and goes on without them";

/// What was done about it.
fn given_up(kept: &str) -> String {
    format!(
        "As was accepted, the store goes on without them: whatever was done last before the damage was found is missing. The \
         damaged log is kept as {kept}"
    )
}

/// Looks at the log before SQLite does, and takes away what a torn commit left at its end.
///
/// # Errors
///
/// [`Damage`] as [`Error::Backend`], unless it is accepted; then the log is copied and cut.
pub(crate) fn inspect(database: &Path, accept: bool) -> Result<(), Error> {
    let path = beside(database, "-wal");
    let file = match OpenOptions::new().read(true).write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::backend(error)),
    };
    let acknowledged = fs::read(beside(database, "-acked")).ok().and_then(|bytes| Mark::read(&bytes));
    let log = Log::read(&file).map_err(Error::backend)?;
    let lost = log.lost(acknowledged);
    if lost > 0 {
        let damage = Damage { log: path.display().to_string(), at: log.end(), frames: lost, kept: None };
        if !accept {
            return Err(Error::backend(damage));
        }
        let copy = free_name(&path);
        fs::copy(&path, &copy).and_then(|_| File::open(&copy)?.sync_all()).map_err(Error::backend)?;
        let damage = Damage { kept: Some(copy.display().to_string()), ..damage };
        tracing::error!("{damage}");
    }
    if log.bytes > log.end() {
        // What stays of it could be taken for damage after the next torn commit.
        file.set_len(log.end()).and_then(|()| file.sync_all()).map_err(Error::backend)?;
    }
    if lost > 0 {
        forget(database);
    }
    Ok(())
}

/// Takes the mark away: what it speaks of is in the database now, or given up.
pub(crate) fn forget(database: &Path) {
    let path = beside(database, "-acked");
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "cannot be deleted");
    }
}

/// Tells whether an error of SQLite means damage of the database's file, and says so in the log.
pub(crate) fn note_corruption(error: &rusqlite::Error) {
    if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) {
        tracing::error!(%error, "the database file is damaged: stop the server, run `consort check`, restore a backup");
    }
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn free_name(log: &Path) -> PathBuf {
    let name = |number: u32| beside(log, &format!(".damaged-{number}"));
    (1..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0))
}

/// How many frames of which log were acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    salts: [u8; 8],
    frames: u64,
}

impl Mark {
    fn read(bytes: &[u8]) -> Option<Mark> {
        let (salts, frames) = bytes.split_at_checked(8)?;
        Some(Mark { salts: salts.try_into().ok()?, frames: u64::from_be_bytes(frames.try_into().ok()?) })
    }
}

/// Writes the [`Mark`] after each commit of a connection, without synchronising it.
pub(crate) struct Acknowledged {
    log: File,
    mark: File,
}

impl Acknowledged {
    /// Has the commits of a connection marked. The log must be there.
    pub(crate) fn follow(database: &Path, connection: &mut Connection) -> Result<(), Error> {
        let log = File::open(beside(database, "-wal")).map_err(Error::backend)?;
        let mark =
            OpenOptions::new().write(true).create(true).truncate(false).open(beside(database, "-acked"));
        let mut acknowledged = Acknowledged { log, mark: mark.map_err(Error::backend)? };
        let hook = move |_: &mut rusqlite::hooks::Wal, frames: i32| {
            if let Err(error) = acknowledged.note(frames) {
                // The commit is durable; only the proof of it is missing.
                tracing::warn!(%error, "cannot mark a commit");
            }
            Ok(())
        };
        connection.wal_hook(Some(hook)).map_err(Error::backend)
    }

    fn note(&mut self, frames: i32) -> io::Result<()> {
        let mut mark = [0; 16];
        // The salts change whenever the log begins anew.
        self.log.seek(SeekFrom::Start(16))?;
        self.log.read_exact(&mut mark[..8])?;
        mark[8..].copy_from_slice(&u64::from(frames.unsigned_abs()).to_be_bytes());
        self.mark.seek(SeekFrom::Start(0))?;
        self.mark.write_all(&mark)
    }
}

/// What is in a log's file.
#[derive(Debug, Default)]
struct Log {
    bytes: u64,
    /// `None` when the header cannot be read.
    salts: Option<[u8; 8]>,
    frame_bytes: u64,
    /// Frames up to the last commit before the first bad frame.
    committed: u64,
    /// Frames up to the last one behind the first bad frame whose commit must have been acknowledged.
    proven: u64,
}

impl Log {
    fn read(file: &File) -> io::Result<Log> {
        let bytes = file.metadata()?.len();
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut log = Log { bytes, frame_bytes: FRAME_HEADER_BYTES as u64 + PAGE_BYTES, ..Log::default() };
        let mut header = [0; HEADER_BYTES];
        if !fill(&mut reader, &mut header)? {
            return Ok(log);
        }
        let Some(mut sum) = Sum::of_header(&header) else { return Ok(log) };
        let page_bytes = be32(&header[8..]);
        if !page_bytes.is_power_of_two() || !(512..=PAGE_BYTES_MAX).contains(&page_bytes) {
            return Ok(log);
        }
        let salts: [u8; 8] = header[16..24].try_into().unwrap_or_default();
        let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes as usize];
        log.salts = Some(salts);
        log.frame_bytes = frame.len() as u64;
        let (mut whole, mut commit_behind) = (true, None);
        for number in 1.. {
            if !fill(&mut reader, &mut frame)? {
                break;
            }
            let (ours, commits) = (frame[8..16] == salts, be32(&frame[4..]) != 0);
            whole = whole && ours && sum.takes(&frame);
            if whole && commits {
                log.committed = number;
            } else if !whole && ours {
                // A commit is synchronised before anything is written after it.
                log.proven = commit_behind.unwrap_or(log.proven);
                commit_behind = commits.then_some(number).or(commit_behind);
            }
        }
        Ok(log)
    }

    /// Frames that were acknowledged and cannot be read.
    fn lost(&self, acknowledged: Option<Mark>) -> u64 {
        let Some(salts) = self.salts else {
            // The header is synchronised before the first frame is written.
            let frames = self.bytes.saturating_sub(HEADER_BYTES as u64) / self.frame_bytes;
            return frames;
        };
        let marked = acknowledged.filter(|mark| mark.salts == salts).map_or(0, |mark| mark.frames);
        marked.max(self.proven).saturating_sub(self.committed)
    }

    /// Where the last commit that can be read ends.
    fn end(&self) -> u64 {
        self.salts.map_or(0, |_| HEADER_BYTES as u64 + self.committed * self.frame_bytes).min(self.bytes)
    }
}

/// The running checksum of a log.
struct Sum {
    big_endian: bool,
    sums: (u32, u32),
}

impl Sum {
    /// `None` for a header that is damaged.
    fn of_header(header: &[u8; HEADER_BYTES]) -> Option<Sum> {
        let big_endian = match be32(header) {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return None,
        };
        let mut sum = Sum { big_endian, sums: (0, 0) };
        sum.add(&header[..24]);
        (sum.sums == (be32(&header[24..]), be32(&header[28..]))).then_some(sum)
    }

    /// Adds a frame, and tells whether its checksum is right.
    fn takes(&mut self, frame: &[u8]) -> bool {
        self.add(&frame[..8]);
        self.add(&frame[FRAME_HEADER_BYTES..]);
        self.sums == (be32(&frame[16..]), be32(&frame[20..]))
    }

    fn add(&mut self, bytes: &[u8]) {
        let read = if self.big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
        let (words, _) = bytes.as_chunks::<4>();
        let (pairs, _) = words.as_chunks::<2>();
        let (mut first, mut second) = self.sums;
        for [one, two] in pairs {
            first = first.wrapping_add(read(*one)).wrapping_add(second);
            second = second.wrapping_add(read(*two)).wrapping_add(first);
        }
        self.sums = (first, second);
    }
}

/// Big endian, of the first four bytes.
fn be32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |four| u32::from_be_bytes(*four))
}

/// Fills a buffer; false when the file ends before.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

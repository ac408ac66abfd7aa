//! From a data directory to a running engine: the newest image that is whole, then the log from where it starts.
//!
//! ```text
//!  <data>/lock       held while the directory is in use
//!  <data>/identity   format and epoch, written once
//!  <data>/journal/   the log
//!  <data>/images/    the two newest images
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::{Clock, Engine, Recovered};
use crate::ids::{Epoch, Seq, Timestamp};
use crate::image;
use crate::journal::memory::{MemoryDisk, MemoryJournal};
use crate::journal::sled_log::{OpenError, SledJournal, SledOptions, sync_directory};
use crate::journal::{self, Batch, Damage};
use crate::sequencer::Observer;
use crate::settings::Settings;
use crate::state::{Folder, State};

/// How a data directory is opened.
pub struct Options {
    /// Bounds and retentions.
    pub settings: Settings,
    /// How the log is kept.
    pub sled: SledOptions,
    /// 64 random bits, of which the epoch of a new directory is made.
    pub entropy: u64,
    /// Whether the clock is right even if it is far ahead of the log.
    pub trust_clock: bool,
}

/// What was found at start.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Whether the directory was new.
    pub created: bool,
    /// The image that was loaded.
    pub image: Option<image::Summary>,
    /// Images that could not be used, and why. The log made up for them.
    pub bad_images: Vec<Arc<image::ImageError>>,
    /// Records replayed after it.
    pub replayed: u64,
    /// What the log was found to hold.
    pub log: journal::Recovered,
    /// Seconds by which the clock is ahead of the log, where that froze expiry.
    pub clock_ahead_seconds: Option<u64>,
    /// Seconds by which the clock is behind the log. Time goes on from the log.
    pub clock_behind_seconds: Option<u64>,
}

/// Seconds that a clock may be behind the log before that is worth telling.
const CLOCK_BEHIND_SECONDS: u64 = 5;

impl Engine {
    /// Opens `directory`, made if it is not there, recovers what it holds, and starts.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] names what is wrong and what to do; nothing was served or changed.
    pub fn open(
        directory: &Path,
        options: Options,
        clock: Arc<dyn Clock>,
        observer: Option<Box<dyn Observer>>,
    ) -> Result<(Self, Report), OpenError> {
        let mut directory = DataDirectory::open(directory, options.entropy)?;
        let (state, folder, journal, mut report) =
            recover(&directory, options.settings.idempotency_bytes, options.sled, &mut |_, _, _| Ok(()))?;
        report.created = directory.created;
        let frozen = judge_clock(&mut report, &options, clock.now());
        let bad: Vec<_> = report.bad_images.iter().map(|bad| bad.path.clone()).collect();
        image::set_aside(&directory.images(), &bad).map_err(OpenError::io(&directory.images()))?;
        let recovered = Recovered {
            state: Arc::new(state),
            folder,
            journal: Box::new(Locked { journal, _lock: directory.lock.take() }),
            epoch: directory.epoch,
            images: Some(directory.images()),
            expiry_frozen: frozen,
            reserve_bytes: options.sled.reserve_bytes,
        };
        Ok((Self::start(recovered, options.settings, clock, observer), report))
    }

    /// Starts on a log in memory, for tests: recovers what `disk` holds.
    ///
    /// # Errors
    /// [`Damage`] that was put on it.
    pub fn in_memory(
        disk: MemoryDisk,
        settings: Settings,
        clock: Arc<dyn Clock>,
        observer: Option<Box<dyn Observer>>,
    ) -> Result<Self, Damage> {
        let state = State::new(settings.idempotency_bytes);
        let mut folder = Folder::default();
        let mut broken = None;
        let (journal, recovered) = MemoryJournal::open(disk, &mut |batch| {
            if broken.is_none() {
                broken = replay(&state, &mut folder, &batch, 0).err();
            }
        })?;
        if let Some(damage) = broken {
            return Err(damage);
        }
        finish(&state, &mut folder, recovered.last_seq);
        let recovered = Recovered {
            state: Arc::new(state),
            folder,
            journal: Box::new(journal),
            epoch: Epoch(1),
            images: None,
            expiry_frozen: false,
            reserve_bytes: 0,
        };
        Ok(Self::start(recovered, settings, clock, observer))
    }
}

/// A data directory that nobody else has open.
pub(crate) struct DataDirectory {
    path: PathBuf,
    pub epoch: Epoch,
    pub created: bool,
    lock: Option<File>,
}

impl DataDirectory {
    /// Opens a directory that must be there already; for those who only look.
    pub fn open_existing(path: &Path) -> Result<Self, OpenError> {
        if !path.join("identity").exists() {
            let source = io::Error::new(io::ErrorKind::NotFound, "this is not a data directory");
            return Err(OpenError::Io { path: path.to_owned(), source });
        }
        Self::open(path, 0)
    }

    pub fn open(path: &Path, entropy: u64) -> Result<Self, OpenError> {
        fs::create_dir_all(path).map_err(OpenError::io(path))?;
        let lock_path = path.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(OpenError::io(&lock_path))?;
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| OpenError::Io {
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::WouldBlock, "another process has this data directory open"),
        })?;
        let identity = path.join("identity");
        if !identity.exists() && path.join("journal").exists() {
            let what = "the file `identity` is missing beside a log".to_owned();
            return Err(Damage { seq: 0, what }.into());
        }
        if !identity.exists() {
            let epoch = Epoch(entropy);
            let unfinished = path.join("identity.unfinished");
            let text = format!("anaquel data directory\nformat 1\nepoch {epoch}\n");
            let written = File::create(&unfinished).and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            });
            written.and_then(|()| fs::rename(&unfinished, &identity)).map_err(OpenError::io(&identity))?;
            sync_directory(path)?;
            if let Some(parent) = path.canonicalize().ok().as_deref().and_then(Path::parent) {
                sync_directory(parent)?;
            }
            return Ok(Self { path: path.to_owned(), epoch, created: true, lock: Some(lock) });
        }
        let text = fs::read_to_string(&identity).map_err(OpenError::io(&identity))?;
        let epoch = parse_identity(&text).map_err(|what| Damage { seq: 0, what })?;
        Ok(Self { path: path.to_owned(), epoch, created: false, lock: Some(lock) })
    }

    pub fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    pub fn images(&self) -> PathBuf {
        self.path.join("images")
    }
}

fn parse_identity(text: &str) -> Result<Epoch, String> {
    let mut lines = text.lines();
    if lines.next() != Some("anaquel data directory") {
        return Err("the file `identity` is not one of a data directory".into());
    }
    match lines.next() {
        Some("format 1") => {}
        other => return Err(format!("the data directory says {other:?}; this build reads format 1")),
    }
    let epoch = lines.next().and_then(|line| line.strip_prefix("epoch "));
    let epoch = epoch.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    epoch.map(Epoch).ok_or_else(|| "the file `identity` names no epoch".into())
}

/// The log together with the lock on its directory.
struct Locked {
    journal: SledJournal,
    _lock: Option<File>,
}

impl journal::Journal for Locked {
    fn append(&mut self, batch: &Batch) -> Result<(), journal::AppendError> {
        self.journal.append(batch)
    }

    fn sync(&mut self) -> Result<(), journal::AppendError> {
        self.journal.sync()
    }

    fn has_room(&mut self) -> bool {
        self.journal.has_room()
    }

    fn trim(&mut self, before: Seq) -> Result<bool, journal::AppendError> {
        self.journal.trim(before)
    }

    fn reader(&self) -> Arc<dyn journal::JournalReader> {
        self.journal.reader()
    }
}

/// Sees every batch of the log before it is replayed, with the state so far and where the image ends.
pub(crate) type Check<'a> = dyn FnMut(&State, Option<Seq>, &Batch) -> Result<(), Damage> + 'a;

/// Loads the newest image that is whole and replays the log from there. `check` sees
/// every batch of the log before it is replayed, with the state so far and where the image ends.
pub(crate) fn recover(
    directory: &DataDirectory,
    idempotency_bytes: u64,
    options: SledOptions,
    check: &mut Check<'_>,
) -> Result<(State, Folder, SledJournal, Report), OpenError> {
    let mut report = Report::default();
    let (mut state, mut folder) = (State::new(idempotency_bytes), Folder::default());
    let images = directory.images();
    for (_, path) in image::list(&images).map_err(OpenError::io(&images))? {
        match image::load(&path, directory.epoch, &state, &mut folder) {
            Ok(summary) => {
                report.image = Some(summary);
                break;
            }
            Err(error) => {
                report.bad_images.push(Arc::new(error));
                (state, folder) = (State::new(idempotency_bytes), Folder::default());
            }
        }
    }
    let imaged = report.image.map_or(0, |summary| summary.start_seq);
    let ends_at = report.image.map(|summary| summary.end_seq);
    let mut first = true;
    let mut replayed = 0;
    let (journal, recovered) = SledJournal::open(&directory.journal(), options, &mut |batch| {
        if std::mem::take(&mut first) && batch.first_seq > imaged + 1 {
            let what = format!("the log begins at {}, and the images reach only {imaged}", batch.first_seq);
            return Err(Damage { seq: imaged + 1, what });
        }
        check(&state, ends_at, &batch)?;
        replayed += replay(&state, &mut folder, &batch, imaged)?;
        Ok(())
    })?;
    let needed = report.image.map_or(0, |summary| summary.end_seq);
    if recovered.last_seq < needed {
        let what = format!("the log ends at {}, and an image was taken at {needed}", recovered.last_seq);
        return Err(Damage { seq: recovered.last_seq + 1, what }.into());
    }
    finish(&state, &mut folder, recovered.last_seq);
    report.replayed = replayed;
    report.log = recovered;
    Ok((state, folder, journal, report))
}

fn replay(state: &State, folder: &mut Folder, batch: &Batch, imaged: Seq) -> Result<u64, Damage> {
    if batch.last_seq() <= imaged {
        return Ok(0);
    }
    let records = batch.records().map_err(|error| Damage { seq: error.seq, what: error.what })?;
    let mut replayed = 0;
    for record in records.iter().filter(|record| record.seq > imaged) {
        folder.fold(state, record);
        replayed += 1;
    }
    Ok(replayed)
}

fn finish(state: &State, folder: &mut Folder, last_seq: Seq) {
    state.places.fold();
    state.places.refresh(&state.catalogue);
    state.rules.refresh(last_seq, &state.catalogue);
    folder.rebuild_promises(state);
    state.forget_owners();
    state.view.fold(last_seq, || ());
}

/// Whether the clock is so far ahead of the log that believing it would kill every hold.
fn judge_clock(report: &mut Report, options: &Options, now: Timestamp) -> bool {
    let last = report.log.last_time;
    if report.log.last_seq == 0 {
        return false;
    }
    let behind = last.since_ms(now) / 1000;
    report.clock_behind_seconds = Some(behind).filter(|seconds| *seconds > CLOCK_BEHIND_SECONDS);
    let ahead = now.since_ms(last) / 1000;
    let jumped = ahead > options.settings.clock_jump_seconds_max && !options.trust_clock;
    report.clock_ahead_seconds = Some(ahead).filter(|_| jumped);
    jumped
}

//! From a data directory to a running engine: loads the newest complete checkpoint, then replays the log from there.
//!
//! A start reads the checkpoint and later records, and serves. A separate thread checks the older log while the engine
//! serves ([`OldLog`](crate::engine::OldLog)); `verify` reads all of it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::archive::Archive;
use crate::engine::checkpoint;
use crate::engine::directory::{DataDirectory, NewEpoch};
use crate::engine::fold::Folder;
use crate::engine::identity::{Era, Identity};
use crate::engine::role::Role;
use crate::engine::sequencer::Observer;
use crate::engine::{Engine, Recovered};
use crate::ids::{Epoch, Seq, Timestamp};
use crate::journal::memory::{MemoryDisk, MemoryJournal};
use crate::journal::{self, Batch, Damage, Journal, LogOptions, Mended, OpenError, SyncPolicy};
use crate::kernel::clock::Anchors;
use crate::kernel::clock::Clock;
use crate::own_store::OwnStore;
use crate::settings::Settings;
use crate::state::DurableState;

/// Options of opening a data directory.
pub struct Options {
    /// Limits and retentions.
    pub settings: Settings,
    /// The options of the log.
    pub log: LogOptions,
    /// 64 random bits for the epoch of a new or restored directory.
    pub entropy: u64,
    /// Whether to trust the clock even if it is far ahead of the log.
    pub trust_clock: bool,
    /// What this node is to do with the directory; `None` for what the directory says. A directory that was told to stop
    /// stays so, whoever asks it to decide.
    pub role: Option<Role>,
}

/// What the start found.
#[derive(Debug, Clone, Default)]
pub struct StartReport {
    /// Whether the directory was new.
    pub created: bool,
    /// The checkpoint that was loaded.
    pub checkpoint: Option<checkpoint::Summary>,
    /// Unusable checkpoints, and why. The log was replayed instead.
    pub bad_checkpoints: Vec<Arc<checkpoint::CheckpointError>>,
    /// The former epoch of a copied directory, and the last record that it shares with the original.
    pub new_epoch: Option<NewEpoch>,
    /// Files and directories that others may read, because they belong to another user.
    pub open_to_others: Vec<PathBuf>,
    /// The contents of a directory whose files were copied while a server had them open.
    pub copied: Option<Mended>,
    /// Records replayed after the checkpoint.
    pub replayed: u64,
    /// Bytes of their batches.
    pub replayed_bytes: u64,
    /// The contents of the log, as far as it was read.
    pub log: journal::Recovered,
    /// Why copies that are taken while this runs may be refused, if so.
    pub copies_refused: Option<String>,
    /// Seconds by which the clock is ahead of the log, if that froze expiry.
    pub clock_ahead_seconds: Option<u64>,
    /// Seconds by which the clock is behind the log. Time continues from the log.
    pub clock_behind_seconds: Option<u64>,
}

/// Seconds that a clock may be behind the log before it is reported.
const CLOCK_BEHIND_SECONDS: u64 = 5;

impl Engine {
    /// Opens `directory`, creates it if necessary, recovers its contents, and starts the engine.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use anaquel_engine::journal::LogOptions;
    /// use anaquel_engine::recovery::Options;
    /// use anaquel_engine::settings::Settings;
    /// # use anaquel_engine::{Clock, Engine, ids::Timestamp};
    /// # struct Noon;
    /// # impl Clock for Noon {
    /// #     fn now(&self) -> Timestamp {
    /// #         Timestamp(1_800_000_000_000)
    /// #     }
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let directory = folder.path().join("data");
    ///
    /// let options = || Options {
    ///     settings: Settings::default(),
    ///     log: LogOptions { reserve_bytes: 0, ..LogOptions::default() },
    ///     entropy: 42,
    ///     trust_clock: false,
    ///     role: None,
    /// };
    /// let (engine, report) = Engine::open(&directory, options(), Arc::new(Noon), None)?;
    /// assert!(report.created);
    /// let epoch = engine.epoch();
    /// engine.close()?;
    /// drop(engine);
    ///
    /// // A restart keeps the epoch.
    /// let (engine, report) = Engine::open(&directory, options(), Arc::new(Noon), None)?;
    /// assert!(!report.created && engine.epoch() == epoch);
    /// engine.close()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OpenError::Damaged`] names what is wrong and the remedy; nothing was served or changed.
    pub fn open(
        directory: &Path,
        options: Options,
        clock: Arc<dyn Clock>,
        observer: Option<Box<dyn Observer>>,
    ) -> Result<(Self, StartReport), OpenError> {
        let mut directory = DataDirectory::open(directory, options.entropy)?;
        let role = role_in(&directory, options.role)?;
        let (state, folder, mut journal, mut report) =
            recover(&directory, &options.settings, options.log, Reading::Tail, &mut |_, _, _| Ok(()))?;
        report.created = directory.created;
        let now = clock.now();
        let mut anchors = directory.anchors().clone();
        // A small difference of the clock is not recorded: it does not affect times. A node that decides nothing has the
        // time of the node that it follows.
        if role.decides() && report.log.last_time.since_ms(now) > CLOCK_BEHIND_SECONDS * 1000 {
            anchors.start(now, report.log.last_time);
        }
        let frozen = role.decides() && judge_clock(&mut report, &options, &anchors, now);
        let bad: Vec<_> = report.bad_checkpoints.iter().map(|bad| bad.path.clone()).collect();
        checkpoint::set_aside(&directory.checkpoints(), &bad).map_err(OpenError::io(&directory.checkpoints()))?;
        directory.set_role(role)?;
        let (identity, new_epoch) = directory.settle(report.log.last_seq, options.entropy, &anchors)?;
        report.new_epoch = new_epoch;
        let needed_from = report.checkpoint.map_or(0, |checkpoint| checkpoint.start_seq) + 1;
        report.copies_refused = journal.begin_recent(needed_from).err().map(|error| error.to_string());
        report.open_to_others = std::mem::take(&mut directory.open_to_others);
        let reader = journal.reader();
        let archive = Archive::open(directory.path(), identity.epoch(), &state.own.archive.standing(), &*reader)?;
        let recovered = Recovered {
            state: Arc::new(state),
            folder,
            archive: Some(archive),
            journal: Box::new(Locked { journal, _lock: directory.take_lock() }),
            identity,
            role,
            sync: options.log.sync,
            checkpoints: Some(directory.checkpoints()),
            directory: Some(directory.path().to_owned()),
            anchors,
            unchecked: Some((report.log.oldest, report.log.read_from)).filter(|(oldest, read)| oldest < read),
            expiry_frozen: frozen,
            reserve_bytes: options.log.reserve_bytes,
            bytes_since_checkpoint: report.replayed_bytes,
        };
        Ok((Self::start(recovered, options.settings, clock, observer), report))
    }

    /// Starts on a log in memory, for tests: recovers the contents of `disk`.
    ///
    /// # Errors
    /// [`Damage`] of the disk.
    pub fn in_memory(
        disk: MemoryDisk,
        settings: Settings,
        clock: Arc<dyn Clock>,
        observer: Option<Box<dyn Observer>>,
    ) -> Result<Self, Damage> {
        let (state, mut folder) = Folder::of_new_state(&settings);
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
            identity: Identity::new(&[Era { epoch: Epoch(1), after: 0 }], 0, &[1; 32]),
            role: Role::Primary,
            sync: SyncPolicy::Always,
            checkpoints: None,
            directory: None,
            archive: None,
            anchors: Anchors::default(),
            unchecked: None,
            expiry_frozen: false,
            reserve_bytes: 0,
            bytes_since_checkpoint: 0,
        };
        Ok(Self::start(recovered, settings, clock, observer))
    }
}

/// What a node that is asked to be `wanted` does with a directory.
fn role_in(directory: &DataDirectory, wanted: Option<Role>) -> Result<Role, OpenError> {
    match (wanted, directory.role()) {
        (None, role) => Ok(role),
        (Some(Role::Primary), Role::Replica) => {
            let what = "it belongs to a node that follows another one: start it with --follow URL, or make it decide with \
                        anaquel promote while it runs";
            let source = io::Error::new(io::ErrorKind::PermissionDenied, what);
            Err(OpenError::Io { path: directory.path().to_owned(), source })
        }
        (Some(Role::Primary), Role::Demoted) => Ok(Role::Demoted),
        (Some(role), _) => Ok(role),
    }
}

/// The log together with the lock on its directory.
struct Locked {
    journal: Box<dyn Journal>,
    _lock: Option<File>,
}

impl Journal for Locked {
    fn append(&mut self, batch: &Batch) -> Result<(), journal::AppendError> {
        self.journal.append(batch)
    }

    fn sync(&mut self) -> Result<(), journal::AppendError> {
        self.journal.sync()
    }

    fn set_sync(&mut self, policy: SyncPolicy) {
        self.journal.set_sync(policy);
    }

    fn has_room(&mut self) -> bool {
        self.journal.has_room()
    }

    fn trim(&mut self, before: Seq) -> Result<bool, journal::AppendError> {
        self.journal.trim(before)
    }

    fn begin_recent(&mut self, from: Seq) -> io::Result<()> {
        self.journal.begin_recent(from)
    }

    fn keep_recent(&mut self, from: Seq) {
        self.journal.keep_recent(from);
    }

    fn reader(&self) -> Arc<dyn journal::JournalReader> {
        self.journal.reader()
    }
}

/// Receives every batch of the log before it is replayed, with the state so far and the end of the checkpoint.
pub(crate) type Check<'a> = dyn FnMut(&DurableState, Option<Seq>, &Batch) -> Result<(), Damage> + 'a;

/// How much of a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Only records after the checkpoint.
    Tail,
    /// All of it.
    Whole,
}

/// Loads the newest complete checkpoint and replays the log from there. `check` receives every batch before it is
/// replayed, with the state so far and the end of the checkpoint.
pub(crate) fn recover(
    directory: &DataDirectory,
    settings: &Settings,
    options: LogOptions,
    reading: Reading,
    check: &mut Check<'_>,
) -> Result<(DurableState, Folder, Box<dyn Journal>, StartReport), OpenError> {
    let copied = if directory.is_copied_by_files { journal::mend(&directory.journal())? } else { None };
    // Whether it was repaired now or by an interrupted start.
    let copied_up_to = if directory.is_copied_by_files {
        Some(journal::open(&directory.journal(), options, Seq::MAX, &mut |_| Ok(()))?.1.last_seq)
    } else {
        None
    };
    let mut report = StartReport { copied, ..StartReport::default() };
    let (mut state, mut folder) = Folder::of_new_state(settings);
    let checkpoints = directory.checkpoints();
    for (_, path) in checkpoint::list(&checkpoints).map_err(OpenError::io(&checkpoints))? {
        // A checkpoint that was copied after the log may be ahead of the copied log.
        let fits = |summary: checkpoint::Summary| match copied_up_to {
            Some(last_seq) if summary.end_seq > last_seq => {
                let what = format!("it reaches {}, and the copied log {last_seq}", summary.end_seq);
                Err(checkpoint::CheckpointError { path: path.clone(), what })
            }
            _ => Ok(summary),
        };
        match checkpoint::load(&path, directory.eras(), &state, &mut folder).and_then(fits) {
            Ok(summary) => {
                report.checkpoint = Some(summary);
                break;
            }
            Err(error) => {
                report.bad_checkpoints.push(Arc::new(error));
                (state, folder) = Folder::of_new_state(settings);
            }
        }
    }
    let checkpointed = report.checkpoint.map_or(0, |summary| summary.start_seq);
    let ends_at = report.checkpoint.map(|summary| summary.end_seq);
    let mut first = true;
    let (mut replayed, mut replayed_bytes) = (0, 0);
    let from = if reading == Reading::Tail { checkpointed + 1 } else { 0 };
    let (journal, recovered) = journal::open(&directory.journal(), options, from, &mut |batch| {
        if std::mem::take(&mut first) && batch.first_seq > checkpointed + 1 {
            let what = format!("the log begins at {}, and the checkpoints reach only {checkpointed}", batch.first_seq);
            return Err(Damage { seq: checkpointed + 1, what });
        }
        check(&state, ends_at, &batch)?;
        let records = replay(&state, &mut folder, &batch, checkpointed)?;
        replayed += records;
        replayed_bytes += if records > 0 { batch.body.len() as u64 } else { 0 };
        Ok(())
    })?;
    let needed = report.checkpoint.map_or(0, |summary| summary.end_seq);
    if recovered.last_seq < needed {
        let what = format!("the log ends at {}, and a checkpoint was taken at {needed}", recovered.last_seq);
        return Err(Damage { seq: recovered.last_seq + 1, what }.into());
    }
    finish(&state, &mut folder, recovered.last_seq);
    (report.replayed, report.replayed_bytes) = (replayed, replayed_bytes);
    report.log = recovered;
    Ok((state, folder, journal, report))
}

pub(crate) fn replay(
    state: &DurableState,
    folder: &mut Folder,
    batch: &Batch,
    checkpointed: Seq,
) -> Result<u64, Damage> {
    if batch.last_seq() <= checkpointed {
        return Ok(0);
    }
    let records = journal::records(batch)?;
    let mut replayed = 0;
    for record in records.iter().filter(|record| record.seq > checkpointed) {
        folder.fold(state, record);
        replayed += 1;
    }
    // Closed reservations stay within their limit while the log is read, so that a start needs no more memory than a
    // run.
    let none = Timestamp(0);
    folder.forget(state, records.last().map_or(none, |record| record.time), none, none);
    Ok(replayed)
}

pub(crate) fn finish(state: &DurableState, folder: &mut Folder, last_seq: Seq) {
    state.places.fold();
    state.places.refresh(&state.catalogue);
    state.rules.refresh(last_seq, &state.catalogue);
    state.own.refresh(last_seq, &state.catalogue);
    folder.rebuild_promises(state);
    state.forget_owners();
    state.view.fold(folder, last_seq, |_| ());
}

/// Whether the clock is so far ahead of the log that trusting it would expire every hold.
fn judge_clock(report: &mut StartReport, options: &Options, anchors: &Anchors, clock: Timestamp) -> bool {
    let last = report.log.last_time;
    if report.log.last_seq == 0 {
        return false;
    }
    let behind = anchors.meant(clock).max(last).since_ms(clock) / 1000;
    report.clock_behind_seconds = Some(behind).filter(|seconds| *seconds > CLOCK_BEHIND_SECONDS);
    let ahead = anchors.meant(clock).since_ms(last) / 1000;
    let jumped = ahead > options.settings.clock_jump_seconds_max && !options.trust_clock;
    report.clock_ahead_seconds = Some(ahead).filter(|_| jumped);
    jumped
}

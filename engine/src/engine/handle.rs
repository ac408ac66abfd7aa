//! The handle: the calls of the engine.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use arc_swap::{ArcSwap, Guard};
use crossbeam::channel::{Sender, bounded};

use super::archive::Archive;
use super::intake::{Intake, IntakeState};
use super::old_log::{OldLog, OldLogCheck};
use super::replica::{Following, Link};
use super::role::{Role, RoleNow};
use super::shared::{CheckpointRequest, Health, Shared};
use super::threads::{AbortOnPanic, JournalThread, behind, take_checkpoints};
use crate::command::{Command, Queued};
use crate::engine::admission::{MovementRequest, ReserveRequest};
use crate::engine::checkpoint;
use crate::engine::counters::Counters;
use crate::engine::fold::Folder;
use crate::engine::identity::Identity;
use crate::engine::sequencer::{Observer, Sequencer};
use crate::engine::watch::Watch;
use crate::event::Record;
use crate::feed::Feed;
use crate::histogram::Histogram;
use crate::ids::{Epoch, ReservationId, Seq, Timestamp};
use crate::journal::{self, Journal, ReadError, StoreKind, SyncPolicy};
use crate::kernel::cause::{Cause, IdempotencyKey};
use crate::kernel::clock::{self, Anchors, Clock, PacedClock};
use crate::kernel::few::Few;
use crate::kernel::idempotency::{Begin, CallerDigest, Done, Found, Wake};
use crate::outcome::{CommandResult, Completion, Outcome};
use crate::refusal::Failure;
use crate::reservations;
use crate::reservations::bounds::Bounds;
use crate::settings::Settings;
use crate::state::DurableState;

/// Steps in which a close trims the log; seconds at most.
const TRIMS_AT_END_MAX: usize = 1024;

/// The engine. Clones share it.
#[derive(Clone)]
pub struct Engine {
    pub(super) shared: Arc<Shared>,
    pub(super) feed: Feed,
    pub(super) threads: Arc<Mutex<Threads>>,
}

pub(super) struct Threads {
    shared: Arc<Shared>,
    feed: Feed,
    telling: Option<JoinHandle<()>>,
    journal: Option<JoinHandle<Box<dyn Journal>>>,
    checking: Option<JoinHandle<()>>,
    /// Dropping the sender ends the thread.
    archiving: Option<(Sender<()>, JoinHandle<()>)>,
    checkpoints: Option<(Sender<CheckpointRequest>, JoinHandle<()>)>,
}

/// A recovered state, and what is needed to continue writing.
pub(crate) struct Recovered {
    pub state: Arc<DurableState>,
    pub folder: Folder,
    pub journal: Box<dyn Journal>,
    pub identity: Identity,
    pub role: Role,
    /// When an append is durable while this node decides.
    pub sync: SyncPolicy,
    pub checkpoints: Option<PathBuf>,
    pub directory: Option<PathBuf>,
    pub archive: Option<Archive>,
    /// The points where the log was ahead of its clock.
    pub anchors: Anchors,
    /// The part of the log that was not read: from the first record up to, not including, the second.
    pub unchecked: Option<(Seq, Seq)>,
    pub expiry_frozen: bool,
    pub reserve_bytes: u64,
    /// Bytes of the log that only the log has.
    pub bytes_since_checkpoint: u64,
}

impl Engine {
    pub(crate) fn start(
        recovered: Recovered,
        settings: Settings,
        clock: Arc<dyn Clock>,
        observer: Option<Box<dyn Observer>>,
    ) -> Self {
        let Recovered {
            state,
            folder,
            journal,
            identity,
            role,
            sync,
            checkpoints,
            directory,
            archive,
            anchors,
            unchecked,
            expiry_frozen,
            reserve_bytes,
            bytes_since_checkpoint,
        } = recovered;
        let syncs_later = !role.decides() || settings.sync_interval_ms.is_some();
        let identity = Arc::new(identity);
        let (intake, sleeper) = Intake::new();
        let watch = Arc::new(Watch::default());
        let counters = Arc::new(Counters::default());
        let shared = Arc::new(Shared {
            state: Arc::clone(&state),
            identity: ArcSwap::new(Arc::clone(&identity)),
            role: RoleNow::new(role),
            is_stopping: AtomicBool::new(false),
            link: Link::new(),
            settings: settings.clone(),
            reader: journal.reader(),
            clock: PacedClock::new(clock, state.last_time(), anchors, expiry_frozen),
            reserve_bytes,
            checkpoint_length: AtomicU64::new(checkpoints.as_deref().map_or(0, checkpoint::newest_length)),
            syncs_later: AtomicBool::new(syncs_later),
            synced: AtomicU64::new(state.view.seq()),
            sync_wanted: AtomicBool::new(false),
            intake,
            failure: OnceLock::new(),
            full: Mutex::default(),
            expiry_frozen: AtomicBool::new(expiry_frozen),
            trim_before: AtomicU64::new(0),
            recent_from: AtomicU64::new(0),
            directory,
            archive,
            wanted: Mutex::default(),
            unused: Mutex::default(),
            has_unused: AtomicBool::new(false),
            old_log: OldLogCheck::new(unchecked),
            counters: Arc::clone(&counters),
            watch: Arc::clone(&watch),
        });
        if settings.names.accept_undeclared_channels {
            state.catalogue.accept_undeclared();
        }
        if settings.lost_demand_seconds == 0 {
            state.lost.turn_off();
        }
        if !role.decides() {
            // Until the node that it follows says what time it is.
            shared.clock.told(state.last_time());
        }
        let feed = Feed::new(Arc::clone(&state), &identity, settings.feed.clone(), Arc::clone(&shared.reader));
        let mut threads = Threads {
            shared: Arc::clone(&shared),
            feed: feed.clone(),
            telling: None,
            journal: None,
            checkpoints: None,
            checking: None,
            archiving: None,
        };
        let (ask, asked) = bounded(1);
        if let Some(directory) = checkpoints {
            let shared = Arc::clone(&shared);
            let run = move || take_checkpoints(&shared, &directory, &asked);
            threads.checkpoints = Some((ask.clone(), behind("images", run)));
        }
        let run = {
            let feed = feed.clone();
            move || {
                let _abort = AbortOnPanic;
                feed.run();
            }
        };
        let thread = std::thread::Builder::new().name("feed".into()).spawn(run);
        threads.telling = Some(thread.expect("a thread can be started"));
        if unchecked.is_some() {
            let shared = Arc::clone(&shared);
            threads.checking = Some(behind("old-log", move || super::old_log_check::check(&shared)));
        }
        if shared.archive.is_some() && shared.settings.orders.archives_by_itself {
            let (stop, stopped) = bounded(0);
            let shared = Arc::clone(&shared);
            let run = move || super::archive::writer::run(&shared, &stopped);
            let thread = std::thread::Builder::new().name("archive".into()).spawn(run);
            threads.archiving = Some((stop, thread.expect("a thread can be started")));
        }
        let mut sequencer = Sequencer::new(state, folder, journal, settings, Some(feed.observer(observer)));
        sequencer.anchors = shared.clock.anchors().clone();
        sequencer.watch = watch;
        sequencer.counters = counters;
        // Here, and not in the thread: whoever has the handle may send at once.
        let following = if role.decides() { Following::default() } else { Following::of(&shared.link) };
        let run = {
            let (shared, feed) = (Arc::clone(&shared), feed.clone());
            move || {
                let noted_at = shared.clock.now();
                JournalThread {
                    shared,
                    feed,
                    sync,
                    last_sync: noted_at,
                    following,
                    sequencer,
                    sleeper,
                    ask_checkpoint: ask,
                    bytes_since_checkpoint,
                    checkpoint_asked_at: noted_at,
                    noted_at,
                }
                .run()
            }
        };
        let thread = std::thread::Builder::new().name("journal".into()).spawn(run);
        threads.journal = Some(thread.expect("a thread can be started"));
        Self { shared, feed, threads: Arc::new(Mutex::new(threads)) }
    }

    /// The feed of live changes.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// The durable view; all reads go through it.
    pub fn state(&self) -> &DurableState {
        &self.shared.state
    }

    /// The epoch of the log.
    pub fn epoch(&self) -> Epoch {
        self.shared.identity.load().epoch()
    }

    /// The epochs of the log, and the cipher of its reservation ids.
    pub fn identity(&self) -> Guard<Arc<Identity>> {
        self.shared.identity.load()
    }

    /// The public form of a reservation's id.
    pub fn reservation_id(&self, id: ReservationId) -> String {
        self.shared.identity.load().reservation(id)
    }

    /// Parses [`Engine::reservation_id`]; `None` for an id that this log has not issued.
    pub fn parse_reservation_id(&self, text: &str) -> Option<ReservationId> {
        self.shared.identity.load().parse_reservation(text)
    }

    /// The state of the log before the checkpoint of this run.
    pub fn old_log(&self) -> OldLog {
        self.shared.old_log.view()
    }

    /// The difference between the log's time and the clock.
    pub fn clock(&self) -> clock::ClockStanding {
        self.shared.clock.standing()
    }

    /// The points where the log's time differs from the clock.
    pub fn anchors(&self) -> &Anchors {
        self.shared.clock.anchors()
    }

    /// The settings of the operator.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The log's current time: never before its last record.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now().max(self.shared.state.last_time())
    }

    /// Counters of the journal thread since the start.
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Durations of flushes to disk, in microseconds; `None` without a disk.
    pub fn sync_times(&self) -> Option<&Histogram> {
        self.shared.reader.sync_times()
    }

    /// The store that the log is in; `None` for a log in memory.
    pub fn log_store(&self) -> Option<StoreKind> {
        self.shared.reader.store()
    }

    /// Commands in flight.
    pub fn in_flight(&self) -> usize {
        self.shared.intake.under_way()
    }

    /// Commands that the journal thread has not taken yet.
    pub fn queued(&self) -> usize {
        self.shared.intake.queued()
    }

    /// The current step of the journal thread, for a watchdog.
    pub fn watch(&self) -> &Watch {
        &self.shared.watch
    }

    /// Whether the engine accepts writes.
    pub fn health(&self) -> Health {
        if let Some(reason) = self.shared.failure.get() {
            Health::Failed(reason.clone())
        } else if self.shared.intake.is_closing() {
            Health::Closing
        } else if let Some(reason) = &*self.shared.lock_full() {
            Health::Full(reason.clone())
        } else {
            match self.shared.role.get() {
                Role::Primary if self.shared.is_stopping.load(Ordering::SeqCst) => Health::Demoted,
                Role::Primary => Health::Ready,
                Role::Replica => Health::Follows,
                Role::Demoted => Health::Demoted,
            }
        }
    }

    /// Whether holds do not expire because the clock jumped before the start.
    pub fn expiry_frozen(&self) -> bool {
        self.shared.expiry_frozen.load(Ordering::Relaxed)
    }

    /// Confirms that the clock is right: everything that is due expires now.
    pub fn trust_clock(&self) {
        self.shared.clock.trust();
        self.shared.expiry_frozen.store(false, Ordering::Relaxed);
        self.wake();
    }

    /// Registers a request with an idempotency key. After [`Begin::First`], the caller must submit or abandon the same
    /// key in its cause. Reads the log if memory suggests that the key is kept.
    pub fn begin(&self, key: &IdempotencyKey, caller: CallerDigest, wake: impl FnOnce() -> Wake) -> Begin {
        let table = &self.shared.state.idempotency;
        let mut others: Few<Seq> = Few::new();
        let mut wake = Some(wake);
        loop {
            let found = table.begin(key, caller, &others, || match wake.take() {
                Some(wake) => wake(),
                None => Box::new(|| ()),
            });
            match found {
                Found::First => return Begin::First,
                Found::Wait => return Begin::Wait,
                Found::Mismatch => return Begin::Mismatch,
                Found::Full(share) => return Begin::Full(share),
                Found::Kept(seqs) => match self.find_done(key.scope, &seqs) {
                    Ok(Some(done)) if done.fingerprint != key.fingerprint => return Begin::Mismatch,
                    Ok(Some(done)) => return Begin::Done(done),
                    // The tag belongs to those, too.
                    Ok(None) => others.extend(seqs),
                    Err((seq, error)) => return Begin::Unreadable(seq, error),
                },
            }
        }
    }

    /// The result of the key of `scope`, if it is kept. Reads the log if memory suggests so.
    ///
    /// # Errors
    /// The record of the result is unreadable.
    pub fn kept(&self, scope: u128) -> Result<Option<Done>, ReadError> {
        let seqs = self.shared.state.idempotency.kept(scope);
        self.find_done(scope, &seqs).map_err(|(_, error)| error)
    }

    /// The result of the key of `scope`, if one of these records belongs to it.
    fn find_done(&self, scope: u128, seqs: &[Seq]) -> Result<Option<Done>, (Seq, ReadError)> {
        let mut unreadable = None;
        for seq in seqs {
            match self.record(*seq) {
                Ok(Some(record)) => {
                    let key = record.cause.as_ref().and_then(|cause| cause.idempotency.as_ref());
                    if key.is_some_and(|key| key.scope == scope) {
                        return Ok(Done::of(&record));
                    }
                }
                // An unreadable record may belong to this key.
                Ok(None) => {
                    let what = "the log ends before the record of a key".to_owned();
                    unreadable = Some((*seq, ReadError::Damaged(crate::journal::Damage { seq: *seq, what })));
                }
                Err(error) => unreadable = Some((*seq, error)),
            }
        }
        unreadable.map_or(Ok(None), Err)
    }

    /// One record of the log; `None` after its end.
    ///
    /// # Errors
    /// [`ReadError`] if the log no longer has it, or it is unreadable.
    pub fn record(&self, seq: Seq) -> Result<Option<Record>, ReadError> {
        let mut found = Ok(None);
        self.shared.reader.read(seq, &mut |batch| {
            found = journal::record(&batch, seq);
            ControlFlow::Break(())
        })?;
        found.map_err(|error| ReadError::Damaged(error.into()))
    }

    /// Requests a promise. `done` receives the outcome; a refusal that the durable view confirms is returned at once.
    pub fn reserve(&self, request: ReserveRequest, cause: Option<Box<Cause>>, done: Completion) {
        self.reserve_within(request, Bounds::new(), cause, done);
    }

    /// The same for a caller and a channel with limits on requests and open reservations. For an
    /// [attempt](ReserveRequest::is_attempt), the caller has checked the requested quantities.
    pub fn reserve_within(&self, request: ReserveRequest, bounds: Bounds, cause: Option<Box<Cause>>, done: Completion) {
        self.submit_admitted(cause, done, |state| state.admit_reserve(request, bounds));
    }

    /// Answers a caller that has not submitted anything with a refusal: its key, if it has one, is free again.
    pub fn refuse(&self, cause: Option<Box<Cause>>, done: Completion, failure: Failure) {
        if let Some(key) = cause.as_ref().and_then(|cause| cause.idempotency.as_ref()) {
            self.shared.state.idempotency.abandon(key.scope);
        }
        done.hear(Err(failure));
    }

    /// Reports movements.
    pub fn move_stock(&self, movements: Vec<MovementRequest>, cause: Option<Box<Cause>>, done: Completion) {
        self.submit_admitted(cause, done, |state| Ok(state.admit_movements(movements)));
    }

    /// Queues a command that takes no units early.
    pub fn submit(&self, command: impl Into<Command>, cause: Option<Box<Cause>>, done: Completion) {
        let command = command.into();
        self.submit_admitted(cause, done, |state| match &command {
            Command::Reservations(reservations::command::Command::Step(id, request)) => {
                state.step_of_closed(*id, request).map_or(Ok(command), Err)
            }
            _ => Ok(command),
        });
    }

    /// The permit first, then the units: a caller that has taken units always finds room in the queue. Without space on
    /// disk, a write is still tried, and refused if there is none.
    fn submit_admitted(
        &self,
        cause: Option<Box<Cause>>,
        done: Completion,
        admit: impl FnOnce(&DurableState) -> Result<Command, Failure>,
    ) {
        let shared = &*self.shared;
        let offered = shared.intake.offer(|standing| {
            let admitted = match (shared.refuses(), standing) {
                (Some(failure), _) => Err(failure),
                (None, IntakeState::Closed) => Err(Failure::ReadOnly("the server is shutting down".into())),
                (None, IntakeState::Open { others }) if others >= shared.settings.in_flight_max => {
                    Err(Failure::Overloaded(format!("{others} writes are in flight; try again later")))
                }
                (None, IntakeState::Open { .. }) => admit(&shared.state),
            };
            match admitted {
                Ok(command) => Ok(Queued { command, cause, done }),
                Err(failure) => Err((cause, done, failure)),
            }
        });
        if let Err((cause, done, failure)) = offered {
            self.refuse(cause, done, failure);
        }
    }

    /// Submits one command and waits for its outcome; blocks the thread.
    ///
    /// # Errors
    /// The refusal or fault of the command.
    pub fn run(&self, submit: impl FnOnce(&Self, Completion)) -> Result<Outcome, Failure> {
        let (tx, rx) = bounded(1);
        submit(self, Box::new(move |told: CommandResult| drop(tx.send(told))));
        rx.recv().unwrap_or_else(|_| Err(Failure::Unknown("the journal thread has ended".into())))
    }

    /// The first answer of a repeated request, if memory has it.
    pub fn replay_from_memory(&self, done: &Done) -> Option<Outcome> {
        let now = self.shared.state.reservations.get(done.reservation?)?;
        let in_memory = !now.is_told_by_record(done.seq);
        in_memory.then(|| Outcome::Reservation(Arc::new(now.as_of(done.seq))))
    }

    /// The first answer of a repeated request. Reads the log.
    ///
    /// # Errors
    /// [`ReadError`] if the log no longer has it.
    pub fn replay(&self, done: &Done) -> Result<Option<Outcome>, ReadError> {
        if let Some(id) = done.reservation {
            let told = self.as_of(id, done.seq)?;
            return Ok(told.map(|told| Outcome::Reservation(Arc::new(told))));
        }
        Ok(self.record(done.seq)?.as_ref().and_then(Outcome::of_record))
    }

    /// Up to `limit` records after `after`, up to the visible `seq`.
    ///
    /// # Errors
    /// [`ReadError::Trimmed`] if the log no longer has them.
    pub fn events(&self, after: Seq, limit: usize) -> Result<Vec<Record>, ReadError> {
        let mut found: Vec<Record> = Vec::new();
        self.for_each_event(after, limit, &mut |record| {
            found.push(record.clone());
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Passes up to `limit` records after `after`, up to the visible `seq`, to `visit`, until `visit` breaks. Only one
    /// batch at a time is in memory.
    ///
    /// # Errors
    /// [`ReadError::Trimmed`] if the log no longer has them.
    pub fn for_each_event(
        &self,
        after: Seq,
        limit: usize,
        visit: &mut dyn FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let visible = self.shared.state.view.seq();
        let mut left = limit;
        if after >= visible || left == 0 {
            return Ok(());
        }
        let mut unreadable = None;
        self.shared.reader.read(after + 1, &mut |batch| {
            match journal::records(&batch) {
                Ok(records) => {
                    let wanted = records.iter().filter(|record| record.seq > after && record.seq <= visible);
                    for record in wanted.take(left) {
                        left -= 1;
                        if visit(record).is_break() {
                            return ControlFlow::Break(());
                        }
                    }
                }
                Err(error) => {
                    unreadable = Some(error.into());
                    return ControlFlow::Break(());
                }
            }
            if left == 0 || batch.last_seq() >= visible { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        match unreadable {
            Some(damage) => Err(ReadError::Damaged(damage)),
            None => Ok(()),
        }
    }

    /// The oldest record in the log.
    pub fn oldest(&self) -> Seq {
        self.shared.reader.oldest()
    }

    /// Takes a checkpoint now and waits for it. `None` if the engine takes no checkpoints.
    ///
    /// # Errors
    /// An error of the file system.
    pub fn take_checkpoint(&self) -> Result<Option<checkpoint::Summary>, String> {
        let ask = self.lock_threads().checkpoints.as_ref().map(|(ask, _)| ask.clone());
        let Some(ask) = ask else { return Ok(None) };
        let (tx, rx) = bounded(1);
        ask.send(CheckpointRequest(Some(tx))).map_err(|error| error.to_string())?;
        rx.recv().map_err(|error| error.to_string())?.map(Some)
    }

    /// Stops accepting writes, finishes those in flight, takes a last checkpoint, and returns when all is on disk.
    ///
    /// # Errors
    /// Why the last checkpoint failed; the log is complete nevertheless.
    pub fn close(&self) -> Result<(), String> {
        self.shared.intake.close();
        let journal = self.lock_threads().journal.take();
        let journal = journal.map(|thread| thread.join().map_err(|_| "the journal thread panicked".to_owned()));
        let journal = journal.transpose()?;
        let archiving = self.lock_threads().archiving.take();
        if let Some((stop, thread)) = archiving {
            drop(stop);
            thread.join().map_err(|_| "the thread of the archive panicked".to_owned())?;
        }
        let checking = self.lock_threads().checking.take();
        if let Some(thread) = checking {
            thread.join().map_err(|_| "the thread that checks the old log panicked".to_owned())?;
        }
        self.feed.close();
        let telling = self.lock_threads().telling.take();
        if let Some(thread) = telling {
            thread.join().map_err(|_| "the feed thread panicked".to_owned())?;
        }
        let checkpoint = if self.shared.failure.get().is_none() { self.take_checkpoint().map(drop) } else { Ok(()) };
        let checkpoints = self.lock_threads().checkpoints.take();
        if let Some((ask, thread)) = checkpoints {
            drop(ask);
            thread.join().map_err(|_| "the checkpoint thread panicked".to_owned())?;
        }
        if let Some(mut journal) = journal {
            self.trim_at_end(journal.as_mut());
        }
        checkpoint
    }

    /// Trims what the last checkpoint made unnecessary, so that the log does not grow from close to close; the rest is
    /// trimmed at the next close.
    fn trim_at_end(&self, journal: &mut dyn Journal) {
        let before = self.shared.trim_before().min(self.shared.old_log.whole_up_to());
        if before == 0 || self.shared.failure.get().is_some() {
            return;
        }
        // Each step is bounded.
        for _ in 0..TRIMS_AT_END_MAX {
            if !matches!(journal.trim(before), Ok(false)) {
                break;
            }
        }
    }

    /// Wakes the journal thread; for tests that set a clock by hand.
    pub fn wake(&self) {
        self.shared.intake.wake();
    }

    fn lock_threads(&self) -> std::sync::MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Threads {
    /// The last handle is dropped: ends the threads, which hold the data directory. [`Engine::close`] does more.
    fn drop(&mut self) {
        self.shared.intake.close();
        if let Some(journal) = self.journal.take() {
            let _ = journal.join();
        }
        if let Some((stop, archiving)) = self.archiving.take() {
            drop(stop);
            let _ = archiving.join();
        }
        if let Some(checking) = self.checking.take() {
            let _ = checking.join();
        }
        self.feed.close();
        if let Some(telling) = self.telling.take() {
            let _ = telling.join();
        }
        if let Some((ask, checkpoints)) = self.checkpoints.take() {
            drop(ask);
            let _ = checkpoints.join();
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("epoch", &self.epoch()).field("seq", &self.shared.state.view.seq()).finish()
    }
}

//! The writer of the archive: one bounded step after the other, on a thread of its own.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anaquel_log::archive::index::IndexChange;
use anaquel_log::archive::{ArchiveBatch, ArchivePlace, Frame, HEAD_BYTES};
use crossbeam::channel::{Receiver, RecvTimeoutError, bounded};

use super::keys;
use super::opened::Archive;
use crate::archive::command::Command;
use crate::archive::event::Archived;
use crate::archive::parts::{self, Bounds};
use crate::archive::{Bytes, Kept, Left, Standing};
use crate::command::Queued;
use crate::engine::intake::IntakeState;
use crate::engine::shared::Shared;
use crate::ids::Timestamp;
use crate::outcome::CommandResult;
use crate::refusal::Failure;

/// Orders of one step, whose fold readers wait for.
const THINGS: usize = 128;

/// Bytes after which a step takes no more.
const STEP_BYTES: usize = 256 << 10;

/// Receipts that one step looks at.
const LOOKS: usize = 4096;

/// How long the thread waits when nothing is to be done.
const PAUSE: Duration = Duration::from_secs(1);

/// A point of a step: what a crash leaves there is what a test copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// The bytes are in the file, and durable.
    Written,
    /// The index has them.
    Indexed,
    /// The record is durable, and memory has forgotten.
    Logged,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Stepped {
    /// There is nothing to archive now.
    Nothing,
    /// Something changed meanwhile, or no write is accepted now.
    Refused,
    /// Something was archived.
    Archived,
}

/// What leaves in one step.
struct Gathered {
    batch: ArchiveBatch,
    left: Vec<Left>,
    frames: Vec<(Kept, u64, u32)>,
}

/// Where the next batch of `bytes` begins.
fn next_place(standing: &Standing, bytes: u64, file_bytes: u64) -> ArchivePlace {
    match standing.end() {
        None => ArchivePlace { file: 1, at: HEAD_BYTES },
        Some(end) if end.at > HEAD_BYTES && end.at + bytes > file_bytes => {
            ArchivePlace { file: end.file + 1, at: HEAD_BYTES }
        }
        Some(end) => end,
    }
}

/// Archives what is due, step by step, until `stop` is closed.
pub(in crate::engine) fn run(shared: &Shared, stop: &Receiver<()>) {
    loop {
        let stepped = shared.archive_step(&mut |_| ());
        // While this node follows another, the journal thread writes what that one archives, and notes why it cannot.
        if shared.decides() {
            shared.note_archive_trouble(stepped.as_ref().err().cloned());
        }
        let pause = match stepped {
            Ok(Stepped::Archived) => Duration::ZERO,
            Ok(Stepped::Nothing | Stepped::Refused) | Err(_) => PAUSE,
        };
        if !matches!(stop.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
            return;
        }
    }
}

impl Shared {
    /// One step: reads what may leave, writes it, and has it forgotten. Calls `reached` at each point on the way.
    ///
    /// # Errors
    /// The archive cannot be written, or it is unknown whether the record is durable: the next start finds out.
    pub(in crate::engine) fn archive_step(&self, reached: &mut dyn FnMut(Reached)) -> Result<Stepped, String> {
        let Some(archive) = &self.archive else { return Ok(Stepped::Nothing) };
        let _writing = archive.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that jumped says nothing of the age of anything.
        if self.refuses().is_some() || self.expiry_frozen.load(Ordering::Relaxed) {
            return Ok(Stepped::Nothing);
        }
        let now = self.clock.now().max(self.state.last_time());
        let before = Timestamp(now.0.saturating_sub(self.settings.orders.memory_seconds.saturating_mul(1000)));
        let (seq, ()) = self.state.view.read(|| ());
        let Gathered { batch, left, frames } = self.gather(before);
        if left.is_empty() {
            return Ok(Stepped::Nothing);
        }
        let standing = self.state.own.archive.standing();
        let place = next_place(&standing, batch.len() as u64, self.settings.orders.archive_file_bytes);
        let bytes = batch.end(seq);
        self.check_room(archive, bytes.len() as u64)?;
        archive.open_index(&standing).map_err(|error| error.to_string())?;
        archive.has_any.store(true, Ordering::Release);
        archive.files.append(place, &bytes).map_err(|error| error.to_string())?;
        reached(Reached::Written);
        let archived = Archived { place, previous: standing.last, left, bytes: Bytes(bytes) };
        if let Err(error) = archive.add(&archived, &frames, &standing) {
            archive.files.take_back(place).map_err(|error| error.to_string())?;
            return Err(error);
        }
        reached(Reached::Indexed);
        match self.submit_own(Command::Archive(Box::new(archived))) {
            Ok(_) => {
                reached(Reached::Logged);
                Ok(Stepped::Archived)
            }
            Err(Failure::Unknown(what)) => Err(what),
            // Nothing was logged.
            Err(_) => {
                archive.index().take_back().map_err(|error| error.to_string())?;
                archive.files.take_back(place).map_err(|error| error.to_string())?;
                Ok(Stepped::Refused)
            }
        }
    }

    fn gather(&self, before: Timestamp) -> Gathered {
        let mut gathered = Gathered { batch: ArchiveBatch::default(), left: Vec::new(), frames: Vec::new() };
        let bounds = Bounds { things: THINGS, looks: LOOKS };
        let file_bytes = usize::try_from(self.settings.orders.archive_file_bytes).unwrap_or(usize::MAX);
        let bytes_max = STEP_BYTES.min(file_bytes);
        parts::leaving(&self.state, before, bounds, &mut |kept| {
            let (at, bytes) = gathered.batch.push(kept.kind(), &kept.payload());
            gathered.left.extend(kept.left());
            gathered.frames.push((kept, at, bytes));
            gathered.batch.len() < bytes_max && gathered.left.len() < THINGS
        });
        gathered
    }

    /// The archive never uses the space that the log needs to stay complete.
    pub(super) fn check_room(&self, archive: &Archive, bytes: u64) -> Result<(), String> {
        let folder = archive.files.folder();
        let folder = if folder.exists() { folder } else { folder.parent().unwrap_or(folder) };
        let stat = rustix::fs::statvfs(folder).map_err(|error| error.to_string())?;
        match stat.f_bavail * stat.f_frsize < self.reserve_bytes + 4 * bytes {
            true => Err("there is no space for the archive beside the log".to_owned()),
            false => Ok(()),
        }
    }

    /// Submits a command of the engine itself, and waits for its outcome.
    fn submit_own(&self, command: Command) -> CommandResult {
        let (tx, rx) = bounded(1);
        let offered = self.intake.offer(|standing| match (self.refuses(), standing) {
            (None, IntakeState::Open { .. }) => {
                let done = Box::new(move |told: CommandResult| drop(tx.send(told)));
                Ok(Queued { command: command.into(), cause: None, done })
            }
            (Some(_), _) | (None, IntakeState::Closed) => Err(()),
        });
        match offered {
            Ok(()) => rx.recv().unwrap_or_else(|_| Err(Failure::Unknown("the journal thread has ended".into()))),
            Err(()) => Err(Failure::ReadOnly("no write is accepted".into())),
        }
    }
}

impl Archive {
    /// Adds a batch to the index.
    fn add(&self, archived: &Archived, frames: &[(Kept, u64, u32)], standing: &Standing) -> Result<(), String> {
        let mut change = IndexChange::default();
        let mut days = keys::Days::default();
        for (kept, at, bytes) in frames {
            let place = ArchivePlace { at: archived.place.at + at, ..archived.place };
            keys::each(kept, Frame { place, bytes: *bytes }, &mut |key, value| change.set(key, value));
            days.note(kept);
        }
        days.set(self.index(), &mut change).map_err(|error| error.to_string())?;
        let ends = standing.with(standing.last, archived.end()).ends;
        self.index().apply(change, &ends).map_err(|error| error.to_string())
    }
}

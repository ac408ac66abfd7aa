//! Checkpoints: the durable view on disk, so that a restart need not read the whole log.
//!
//! A thread of its own takes a checkpoint. It is just another reader: it copies a few hundred items at a time, each
//! piece exact at some `seq`, while writes continue. So its pieces differ in age, from `start_seq` on, and a restart
//! replays the log from there. The replay corrects every difference: levels in the log are absolute, reservations and
//! movements carry the `seq` of their last change, and kept keys are copied last, so that the reservation behind a
//! key's answer is in the checkpoint, too.
//!
//! ```text
//!  header: "ANAQUEL\0" | format u16 | epoch u64 | start_seq u64
//!  frames: length u32 | crc32 u32 | payload, which begins with its kind u32      …, the last one being End
//! ```
//!
//! The file is written under another name, synced, and renamed, so that a checkpoint is either complete or absent. Two
//! generations are kept, and the log is kept from the start of the older one.

mod frame;
mod summary;

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::engine::fold::{self, Folder};
use crate::engine::identity::Era;
use crate::ids::{Epoch, Seq};
use crate::journal;
use crate::private::{make_private, private_file};
use crate::state::DurableState;
use crate::{catalogue, demand, reservations, rules, stock, supply};
use frame::{Frame, own};
pub use summary::Summary;

const MAGIC: [u8; 8] = *b"ANAQUEL\0";
/// The format that this build writes. It also reads formats 1 to 7: they have fewer kinds of frames; 1 to 4 have less
/// data of movements; 1 to 3 contain keys and closed reservations in full; 1 and 2 have simpler reservations.
const FORMAT: u16 = 8;
const OLDEST_FORMAT: u16 = 1;
const HEADER: usize = 8 + 2 + 8 + 8;

/// The largest accepted frame: far more than 1,024 groups of every location.
const FRAME_BYTES_MAX: u32 = 1 << 30;

/// Bytes written between two checks of the free space.
const ROOM_CHECK_BYTES: u64 = 8 << 20;

/// A checkpoint that is being written.
const UNFINISHED: &str = "image.unfinished";

/// Why a checkpoint is unusable.
#[derive(Debug, thiserror::Error)]
#[error("the checkpoint {path} is unusable: {what}")]
pub struct CheckpointError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

struct Writer<'a> {
    out: BufWriter<File>,
    /// The frame that is being written.
    payload: Vec<u8>,
    directory: &'a Path,
    reserve_bytes: u64,
    unchecked_bytes: u64,
}

impl Writer<'_> {
    fn frame(&mut self, frame: impl Into<Frame>) -> io::Result<()> {
        let frame: Frame = frame.into();
        journal::encode_into(&mut self.payload, &frame);
        let payload = &self.payload;
        // A checkpoint must never use the space that the log needs to stay complete.
        self.unchecked_bytes += payload.len() as u64;
        if self.unchecked_bytes >= ROOM_CHECK_BYTES {
            let stat = rustix::fs::statvfs(self.directory)?;
            if stat.f_bavail * stat.f_frsize < self.reserve_bytes + 2 * ROOM_CHECK_BYTES {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "no space for a checkpoint beside the log"));
            }
            self.unchecked_bytes = 0;
        }
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&crc32fast::hash(payload).to_le_bytes())?;
        self.out.write_all(payload)
    }
}

/// Writes a checkpoint of `state` into `directory` and returns its summary. Takes no lock that a writer waits for.
/// `reserve_bytes` of the file system stay free. `durable_up_to` makes the log durable up to a `seq` and returns
/// whether it is: a checkpoint that is ahead of the log would prevent the next start.
///
/// # Errors
/// An error of the file system; no checkpoint is left then.
pub fn write(
    state: &DurableState,
    epoch: Epoch,
    directory: &Path,
    reserve_bytes: u64,
    durable_up_to: impl Fn(Seq) -> bool,
) -> io::Result<Summary> {
    make_private(directory)?;
    let unfinished = directory.join(UNFINISHED);
    let written = write_unfinished(state, epoch, directory, &unfinished, reserve_bytes, durable_up_to);
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn write_unfinished(
    state: &DurableState,
    epoch: Epoch,
    directory: &Path,
    unfinished: &Path,
    reserve_bytes: u64,
    durable_up_to: impl Fn(Seq) -> bool,
) -> io::Result<Summary> {
    let (start_seq, last_time) = state.view.read(|| state.last_time());
    let out =
        BufWriter::with_capacity(1 << 20, private_file().write(true).create(true).truncate(true).open(unfinished)?);
    let mut writer = Writer { out, payload: Vec::new(), directory, reserve_bytes, unchecked_bytes: ROOM_CHECK_BYTES };
    writer.out.write_all(&MAGIC)?;
    writer.out.write_all(&FORMAT.to_le_bytes())?;
    writer.out.write_all(&epoch.0.to_le_bytes())?;
    writer.out.write_all(&start_seq.to_le_bytes())?;

    let (cells, reservations) = save_all(state, &mut writer)?;
    let (end_seq, ()) = state.view.read(|| ());
    let summary = Summary { start_seq, end_seq, last_time, cells, reservations };
    writer.frame(own::Frame::End(summary))?;
    let file = writer.out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    if !durable_up_to(end_seq) {
        return Err(io::Error::other("the log is not durable up to the end of the checkpoint"));
    }
    fs::rename(unfinished, path_of(directory, start_seq))?;
    File::open(directory)?.sync_all()?;
    Ok(summary)
}

/// Saves all subjects, in an order that fits the age of each piece: later pieces are at least as new. Returns the
/// numbers of cells and reservations.
fn save_all(state: &DurableState, writer: &mut Writer<'_>) -> io::Result<(u64, u64)> {
    // Names first: everything else uses them.
    catalogue::frames::save(state, &mut |frame| writer.frame(frame))?;
    rules::frames::save(state, &mut |frame| writer.frame(frame))?;
    let cells = stock::frames::save(state, &mut |frame| writer.frame(frame))?;
    let reservations = reservations::frames::save(state, &mut |frame| writer.frame(frame))?;
    supply::frames::save(state, &mut |frame| writer.frame(frame))?;
    demand::frames::save(state, &mut |frame| writer.frame(frame))?;
    // After the reservations: a count that is older than a reservation would lack changes that the reservation no
    // longer shows.
    reservations::frames::save_quotas(state, &mut |frame| writer.frame(frame))?;
    // After everything that it depends on.
    frame::save_own(state, &mut |frame| writer.frame(frame))?;
    // Keys last: what their answers depend on is in the checkpoint, too.
    let mut from = 0;
    while let Some((page, next)) = state.idempotency.page(from) {
        writer.frame(own::Frame::KeptKeys(page))?;
        from = next;
    }
    Ok((cells, reservations))
}

pub(crate) fn path_of(directory: &Path, start_seq: Seq) -> PathBuf {
    directory.join(format!("image-{start_seq:020}"))
}

/// The checkpoints in `directory`, newest first, by the `seq` at which they start.
///
/// # Errors
/// An error of the file system.
pub fn list(directory: &Path) -> io::Result<Vec<(Seq, PathBuf)>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(seq) = name.strip_prefix("image-").and_then(|digits| digits.parse().ok()) {
            found.push((seq, path));
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Bytes of the newest checkpoint in `directory`; 0 if there is none, or it cannot be asked.
pub fn newest_length(directory: &Path) -> u64 {
    let newest = list(directory).ok().and_then(|found| found.into_iter().next());
    newest.and_then(|(_, path)| fs::metadata(path).ok()).map_or(0, |file| file.len())
}

/// Renames an unusable checkpoint, so that it is not counted as a generation, and deletes unfinished ones.
///
/// # Errors
/// An error of the file system.
pub(crate) fn set_aside(directory: &Path, bad: &[PathBuf]) -> io::Result<()> {
    for path in bad {
        let mut aside = path.clone().into_os_string();
        aside.push(".bad");
        fs::rename(path, aside)?;
    }
    let unfinished = directory.join(UNFINISHED);
    if unfinished.exists() { fs::remove_file(unfinished) } else { Ok(()) }
}

/// Keeps the two newest checkpoints and returns the start of the older one: the log is needed from there on.
///
/// # Errors
/// An error of the file system.
pub fn keep_two(directory: &Path) -> io::Result<Option<Seq>> {
    let checkpoints = list(directory)?;
    for (_, path) in checkpoints.iter().skip(2) {
        fs::remove_file(path)?;
    }
    Ok(checkpoints.get(1).map(|(seq, _)| *seq))
}

/// Loads a checkpoint into an empty state.
///
/// # Errors
/// [`CheckpointError`] for a file that is damaged or belongs to another log; the state must be dropped then.
pub(crate) fn load(
    path: &Path,
    eras: &[Era],
    state: &DurableState,
    folder: &mut Folder,
) -> Result<Summary, CheckpointError> {
    let file = File::open(path).map_err(|error| CheckpointError { path: path.to_owned(), what: error.to_string() })?;
    load_from(&mut BufReader::with_capacity(1 << 20, file), path, eras, state, folder)
}

/// The same from a stream; `path` is its name in errors.
pub(crate) fn load_from(
    mut input: &mut dyn Read,
    path: &Path,
    eras: &[Era],
    state: &DurableState,
    folder: &mut Folder,
) -> Result<Summary, CheckpointError> {
    let wrong = |what: String| CheckpointError { path: path.to_owned(), what };
    let io = |error: io::Error| wrong(error.to_string());
    let mut header = [0; HEADER];
    input.read_exact(&mut header).map_err(io)?;
    let (magic, rest) = header.split_at(8);
    let (format, rest) = rest.split_at(2);
    let (checkpoint_epoch, start_seq) = rest.split_at(8);
    if magic != MAGIC {
        return Err(wrong("it is not a checkpoint".into()));
    }
    if !(OLDEST_FORMAT..=FORMAT).any(|known| format == known.to_le_bytes()) {
        return Err(wrong(format!("its format is not {OLDEST_FORMAT} to {FORMAT}, which this build reads")));
    }
    // A checkpoint of an earlier era may contain only records that both histories share.
    let era = eras.iter().position(|era| checkpoint_epoch == era.epoch.0.to_le_bytes());
    let era = era.ok_or_else(|| wrong("it belongs to another log".into()))?;
    let left_at = eras.get(era + 1).map(|next| next.after);
    loop {
        let frame: Frame = read_frame(&mut input).map_err(wrong)?;
        match frame {
            Frame::Catalogue(frame) => catalogue::frames::restore(state, frame),
            Frame::Rules(frame) => rules::frames::restore(state, frame),
            Frame::Stock(frame) => stock::frames::restore(&mut folder.stock, state, frame),
            Frame::Reservations(frame) => reservations::frames::restore(&mut folder.reservations, state, frame),
            Frame::Supply(frame) => supply::frames::restore(state, frame),
            Frame::Demand(frame) => demand::frames::restore(state, frame),
            Frame::Own(own::Frame::Keys(rows)) => {
                rows.into_iter().for_each(|(scope, done)| fold::restore_key(state, scope, done));
            }
            Frame::Own(own::Frame::KeptKeys(page)) => fold::restore_keys(state, &page),
            Frame::Own(own::Frame::End(summary)) if left_at.is_some_and(|left_at| summary.end_seq > left_at) => {
                return Err(wrong(format!(
                    "it contains record {}, which belongs to a history that this log left before",
                    summary.end_seq
                )));
            }
            Frame::Own(own::Frame::End(summary)) if summary.start_seq.to_le_bytes() == start_seq => {
                state.set_last_time(summary.last_time);
                return Ok(summary);
            }
            Frame::Own(own::Frame::End(_)) => return Err(wrong("its end belongs to another checkpoint".into())),
            frame => frame::restore_own(state, frame),
        }
    }
}

/// The summary of a checkpoint, from its last frame; other frames are skipped and not checked.
///
/// # Errors
/// The checkpoint is incomplete.
pub(crate) fn summary(file: &File) -> Result<Summary, String> {
    use std::os::unix::fs::FileExt;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let mut at = HEADER as u64;
    loop {
        let mut envelope = [0; 8];
        file.read_exact_at(&mut envelope, at).map_err(|_| "it is cut off".to_owned())?;
        let frame = envelope.first_chunk().map_or(0, |length| u64::from(u32::from_le_bytes(*length)));
        let next = at + 8 + frame;
        if next >= length {
            // Short frames are safe to read.
            let mut bytes = vec![0; usize::try_from(length - at).unwrap_or(0).min(1 << 20)];
            file.read_exact_at(&mut bytes, at).map_err(|error| error.to_string())?;
            return match read_frame(&mut bytes.as_slice())? {
                Frame::Own(own::Frame::End(summary)) => Ok(summary),
                _ => Err("it has no end".into()),
            };
        }
        at = next;
    }
}

fn read_frame<T: DeserializeOwned>(input: &mut impl Read) -> Result<T, String> {
    let mut envelope = [0; 8];
    input.read_exact(&mut envelope).map_err(|_| "it is cut off".to_owned())?;
    let (length, check) = envelope.split_at(4);
    let length = u32::from_le_bytes(length.try_into().map_err(|_| "it is cut off")?);
    if length > FRAME_BYTES_MAX {
        return Err(format!("a frame claims {length} bytes"));
    }
    let mut payload = vec![0; length as usize];
    input.read_exact(&mut payload).map_err(|_| "it is cut off".to_owned())?;
    if crc32fast::hash(&payload).to_le_bytes() != check {
        return Err("a checksum is wrong".into());
    }
    journal::decode(&payload)
}

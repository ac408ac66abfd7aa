//! Images: the durable view written down, so that a restart need not read the whole log.
//!
//! An image is taken by a thread of its own, which is just another reader: it copies a few hundred items at a time,
//! each piece exact at some `seq`, while writes go on. So its pieces differ in age, from `start_seq` on, and a restart
//! replays the log from there. That mends every difference: levels in the log are absolute, reservations and movements
//! carry the `seq` of their last change, and kept keys are copied last, so that a key whose answer rests on a
//! reservation in the image is in the image, too.
//!
//! ```text
//!  header: "ANAQUEL\0" | format u16 | epoch u64 | start_seq u64
//!  frames: kind u8 | length u32 | crc32 u32 | payload        …, the last one being End
//! ```
//!
//! The file is written under another name, synced, and renamed: an image is whole, or is not there. Two generations are
//! kept, and the log is kept from the start of the older one.

mod v1;

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::catalogue::{
    ChannelDetails, GroupDetails, LocationDetails, LocationHours, Price, Registry, RetiredNames, ServiceDetails,
    SkuDetails, Undeclared, Versioned,
};
use crate::demand::Rate;
use crate::engine::fold::{self, Folder};
use crate::engine::identity::Era;
use crate::event::{CellAfter, Definitions, OrderDay};
use crate::ids::{ChannelId, Epoch, GroupId, LocationId, ReservationId, Seq, SkuId, Timestamp};
use crate::journal;
use crate::kernel::idempotency::{Done, KeptKeys};
use crate::private::{make_private, private_file};
use crate::reservations::ledger::{CameKey, Counted, Used};
use crate::reservations::{Closed, Known, Reservation, Wait};
use crate::rules::{RuleId, Standing};
use crate::state::State;
use crate::stock::movements::{Recent, RecentV1};
use crate::supply::{Came, Supply};
use crate::{catalogue, reservations, rules, supply};

const MAGIC: [u8; 8] = *b"ANAQUEL\0";
/// The format that this build writes. Formats 1 to 4, which it reads, have fewer kinds of frames and know less of
/// movements; 1 to 3 hold keys and closed reservations with all that is known of them, and 1 and 2 simpler reservations.
const FORMAT: u16 = 5;
const OLDEST_FORMAT: u16 = 1;
const HEADER: usize = 8 + 2 + 8 + 8;

/// Items in one frame, and cells copied in one durable read: some tens of microseconds.
const ITEMS_PER_FRAME: usize = 1024;

/// The largest frame that is believed while reading: far more than 1,024 groups of every location.
const FRAME_BYTES_MAX: u32 = 1 << 30;

/// Bytes written between two looks at how much room is left.
const ROOM_CHECK_BYTES: u64 = 8 << 20;

/// An image that is being written.
const UNFINISHED: &str = "image.unfinished";

#[derive(Serialize, Deserialize)]
enum Frame {
    Names(Definitions),
    Skus(Vec<(SkuId, Versioned<SkuDetails>)>),
    Locations(Vec<(LocationId, Versioned<LocationDetails>)>),
    Groups(Vec<(GroupId, Versioned<GroupDetails>)>),
    Channels(Vec<(ChannelId, Versioned<ChannelDetails>)>),
    Prices(Vec<(SkuId, Versioned<Vec<Price>>)>),
    Cells(Vec<(CellAfter, Timestamp)>),
    /// As formats 1 to 4 have them.
    Movements(Vec<((SkuId, LocationId), RecentV1)>),
    ReservationsV1(Vec<v1::Reservation>),
    /// As formats 1 to 3 have them.
    Keys(Vec<(u128, Done)>),
    End(Summary),
    Rules(Vec<(RuleId, Option<Standing>)>),
    /// As format 2 has them: nothing of them is to come.
    ReservationsV2(Vec<Reservation>),
    Quotas(Vec<(Counted, Used)>),
    Services(Vec<(LocationId, Versioned<ServiceDetails>)>),
    Reservations(Vec<Kept>),
    Supply(Vec<(SkuId, LocationId, Vec<Supply>)>),
    Rates(Vec<((SkuId, LocationId), Rate)>),
    /// Names that nobody declared. Behind the names, which hold all, those without an id included.
    Undeclared(Box<Undeclared>),
    KeptKeys(KeptKeys),
    Came(Vec<(CameKey, Came)>),
    /// With whose each is.
    Whole(Vec<(Kept, u32)>),
    /// What memory keeps of those that are closed.
    Closed(Vec<Closed>),
    Owners(Vec<(ReservationId, u64)>),
    Hours(Vec<(LocationId, Versioned<LocationHours>)>),
    /// Movements since the last counts.
    Recent(Vec<((SkuId, LocationId), Recent)>),
    /// Quarantines, and whose each is. Behind the names.
    Quarantines(Vec<(LocationId, LocationId)>),
    /// Names that are retired. Behind the names, and before what is said of them.
    Retired(Box<RetiredNames>),
    /// Whether SKUs are counted. Before the cells.
    Tracking(Vec<(SkuId, Versioned<bool>)>),
}

/// A reservation, with what lies beside it: line by line what is to come, and the days that it counts against.
#[derive(Serialize, Deserialize)]
struct Kept(Reservation, Vec<(u16, Wait)>, Vec<OrderDay>);

impl From<Arc<Reservation>> for Kept {
    fn from(reservation: Arc<Reservation>) -> Self {
        let lines = (0..).zip(&reservation.lines);
        let waits = lines.filter_map(|(number, line)| Some((number, line.wait.as_deref()?.clone()))).collect();
        let orders = reservation.orders.to_vec();
        Self(Arc::unwrap_or_clone(reservation), waits, orders)
    }
}

impl From<Kept> for Reservation {
    fn from(Kept(mut reservation, waits, orders): Kept) -> Self {
        for (number, wait) in waits {
            if let Some(line) = reservation.lines.get_mut(usize::from(number)) {
                line.wait = Some(Box::new(wait));
            }
        }
        reservation.orders = orders.into();
        reservation
    }
}

/// What an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Everything up to here is in the image; the log is replayed from the next record on.
    pub start_seq: Seq,
    /// Something up to here may be in the image; the log must reach it.
    pub end_seq: Seq,
    /// The time of the last record that is certainly in it.
    pub last_time: Timestamp,
    /// Cells in it.
    pub cells: u64,
    /// Reservations in it.
    pub reservations: u64,
}

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the image {path} cannot be used: {what}")]
pub struct ImageError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

struct Writer<'a> {
    out: BufWriter<File>,
    directory: &'a Path,
    reserve_bytes: u64,
    unchecked_bytes: u64,
}

impl Writer<'_> {
    fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        let payload = journal::encode(frame);
        // An image must never take the room that the log needs to stay whole.
        self.unchecked_bytes += payload.len() as u64;
        if self.unchecked_bytes >= ROOM_CHECK_BYTES {
            let stat = rustix::fs::statvfs(self.directory)?;
            if stat.f_bavail * stat.f_frsize < self.reserve_bytes + 2 * ROOM_CHECK_BYTES {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "there is no room for an image beside the log"));
            }
            self.unchecked_bytes = 0;
        }
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&crc32fast::hash(&payload).to_le_bytes())?;
        self.out.write_all(&payload)
    }

    fn frames<T>(&mut self, items: impl Iterator<Item = T>, frame: impl Fn(Vec<T>) -> Frame) -> io::Result<()> {
        let mut items = items.peekable();
        while items.peek().is_some() {
            self.frame(&frame(items.by_ref().take(ITEMS_PER_FRAME).collect()))?;
        }
        Ok(())
    }

    fn details<I, D>(
        &mut self,
        registry: &Registry<I, D>,
        frame: impl Fn(Vec<(I, Versioned<D>)>) -> Frame,
    ) -> io::Result<()>
    where
        I: From<u32> + Into<u32> + Copy + Eq + std::hash::Hash,
        D: Default + Clone,
    {
        let ids = (0..registry.count()).map(I::from);
        self.frames(ids.filter_map(|id| Some((id, registry.details(id)?.as_ref().clone()))), frame)
    }
}

/// Writes an image of `state` into `directory` and returns what it holds. Takes no lock that a writer waits for.
/// `reserve_bytes` of the file system stay free. `durable_up_to` makes the log durable up to a `seq` and says whether it
/// is: an image that knows more than the log would refuse to start.
///
/// # Errors
/// What the file system said; no image is left behind then.
pub fn write(
    state: &State,
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
    state: &State,
    epoch: Epoch,
    directory: &Path,
    unfinished: &Path,
    reserve_bytes: u64,
    durable_up_to: impl Fn(Seq) -> bool,
) -> io::Result<Summary> {
    let (start_seq, last_time) = state.view.read(|| state.last_time());
    let out =
        BufWriter::with_capacity(1 << 20, private_file().write(true).create(true).truncate(true).open(unfinished)?);
    let mut writer = Writer { out, directory, reserve_bytes, unchecked_bytes: ROOM_CHECK_BYTES };
    writer.out.write_all(&MAGIC)?;
    writer.out.write_all(&FORMAT.to_le_bytes())?;
    writer.out.write_all(&epoch.0.to_le_bytes())?;
    writer.out.write_all(&start_seq.to_le_bytes())?;

    let catalogue = &state.catalogue;
    let skus = (0..catalogue.skus.count()).map(SkuId);
    writer.frames(skus.clone().map(|id| (id, catalogue.skus.name(id).clone())), |skus| {
        Frame::Names(Definitions { skus, ..Definitions::default() })
    })?;
    let named = Definitions {
        skus: Vec::new(),
        locations: (0..catalogue.locations.count())
            .map(|n| (n.into(), catalogue.locations.name(n.into()).clone()))
            .collect(),
        groups: (0..catalogue.groups.count()).map(|n| (n.into(), catalogue.groups.name(n.into()).clone())).collect(),
        channels: (0..catalogue.channels.count())
            .map(|n| (n.into(), catalogue.channels.name(n.into()).clone()))
            .collect(),
    };
    writer.frame(&Frame::Names(named))?;
    writer.frame(&Frame::Undeclared(Box::new(catalogue.undeclared())))?;
    writer.frames(catalogue.all_quarantines().into_iter(), Frame::Quarantines)?;
    writer.frame(&Frame::Retired(Box::new(catalogue.copy_retired())))?;
    writer.details(&catalogue.skus, Frame::Skus)?;
    writer.details(&catalogue.locations, Frame::Locations)?;
    writer.details(&catalogue.groups, Frame::Groups)?;
    writer.details(&catalogue.channels, Frame::Channels)?;
    let prices = skus.clone().filter_map(|sku| Some((sku, catalogue.prices(sku)?.as_ref().clone())));
    writer.frames(prices, Frame::Prices)?;
    let tracking = skus.clone().filter_map(|sku| Some((sku, catalogue.tracking(sku)?)));
    writer.frames(tracking, Frame::Tracking)?;
    let locations = (0..catalogue.locations.count()).map(LocationId);
    let services = locations.filter_map(|location| Some((location, catalogue.services(location)?.as_ref().clone())));
    writer.frames(services, Frame::Services)?;
    let locations = (0..catalogue.locations.count()).map(LocationId);
    let hours = locations.filter_map(|location| Some((location, catalogue.own_hours(location)?.as_ref().clone())));
    writer.frames(hours, Frame::Hours)?;
    let rules = (0..).map(RuleId).zip(state.rules.all());
    writer.frames(rules.map(|(id, standing)| (id, standing.map(Arc::unwrap_or_clone))), Frame::Rules)?;

    let mut cells = 0;
    let mut pending = Vec::new();
    for sku in skus {
        let (_, mut ids) = state
            .view
            .read(|| state.matrix.row(sku).iter().map(|(id, cell)| (cell.location(), id)).collect::<Vec<_>>());
        ids.sort_unstable();
        for chunk in ids.chunks(ITEMS_PER_FRAME) {
            // Each cell whole: its words belong together.
            let (_, copied) = state.view.read(|| {
                let copy = |(location, id): &(LocationId, crate::matrix::CellId)| {
                    let cell = state.matrix.cell(*id);
                    let (level, safety_stock) = (cell.durable(), cell.safety_stock());
                    (CellAfter { sku, location: *location, level, safety_stock }, cell.counted_at())
                };
                chunk.iter().map(copy).collect::<Vec<_>>()
            });
            cells += copied.len() as u64;
            pending.extend(copied);
            if pending.len() >= ITEMS_PER_FRAME {
                writer.frame(&Frame::Cells(std::mem::take(&mut pending)))?;
            }
        }
    }
    writer.frame(&Frame::Cells(pending))?;
    writer.frames(state.movements.copy().into_iter(), Frame::Recent)?;
    let reservations = write_reservations(state, &mut writer)?;
    // Behind the reservations: of one that is open still, it is there.
    writer.frames(state.all_owners().into_iter(), Frame::Owners)?;
    write_supply(state, &mut writer)?;
    writer.frames(state.rates.copy().into_iter(), Frame::Rates)?;
    // Behind the reservations: a count that is older than a reservation would miss what that no longer tells.
    let counted: Vec<_> = state.ledger().quotas().into_iter().map(|(counted, _)| counted).collect();
    for chunk in counted.chunks(ITEMS_PER_FRAME) {
        let (_, copied) = state.view.read(|| {
            let ledger = state.ledger();
            let used = chunk.iter().map(|counted| (*counted, ledger.used(*counted)));
            used.filter(|(_, used)| used.seq > 0).collect()
        });
        writer.frame(&Frame::Quotas(copied))?;
    }
    let mut from = 0;
    while let Some((page, next)) = state.idempotency.page(from) {
        writer.frame(&Frame::KeptKeys(page))?;
        from = next;
    }

    let (end_seq, ()) = state.view.read(|| ());
    let summary = Summary { start_seq, end_seq, last_time, cells, reservations };
    writer.frame(&Frame::End(summary))?;
    let file = writer.out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    if !durable_up_to(end_seq) {
        return Err(io::Error::other("the log is not durable up to the end of the image"));
    }
    fs::rename(unfinished, path_of(directory, start_seq))?;
    File::open(directory)?.sync_all()?;
    Ok(summary)
}

/// What is known of each reservation, oldest first; tells how many there are.
fn write_reservations(state: &State, writer: &mut Writer<'_>) -> io::Result<u64> {
    let (mut whole, mut closed, mut count) = (Vec::new(), Vec::new(), 0);
    for known in state.reservations.each() {
        count += 1;
        match known {
            Known::Here(reservation) => {
                let caller = reservation.caller;
                whole.push((Kept::from(reservation), caller));
            }
            Known::Closed(entry) => closed.push(*entry),
        }
        if whole.len() >= ITEMS_PER_FRAME {
            writer.frame(&Frame::Whole(std::mem::take(&mut whole)))?;
        }
        if closed.len() >= ITEMS_PER_FRAME {
            writer.frame(&Frame::Closed(std::mem::take(&mut closed)))?;
        }
    }
    writer.frame(&Frame::Whole(whole))?;
    writer.frame(&Frame::Closed(closed))?;
    Ok(count)
}

/// What is to come, each cell whole.
fn write_supply(state: &State, writer: &mut Writer<'_>) -> io::Result<()> {
    let cells: Vec<_> = state.ledger().outlooks(None).map(|(cell, _)| cell).collect();
    for chunk in cells.chunks(ITEMS_PER_FRAME) {
        let (_, copied) = state.view.read(|| {
            let ledger = state.ledger();
            let supplies = |(sku, location): &(SkuId, LocationId)| {
                let supplies = ledger.outlook(*sku, *location).map(|outlook| outlook.supplies().to_vec());
                (*sku, *location, supplies.unwrap_or_default())
            };
            chunk.iter().map(supplies).collect()
        });
        writer.frame(&Frame::Supply(copied))?;
    }
    // Each row says of which record it is, so that what is replayed behind it counts once.
    let mut came = state.ledger().all_came();
    came.sort_unstable_by_key(|(_, came)| (came.time, came.seq));
    writer.frames(came.into_iter(), Frame::Came)
}

pub(crate) fn path_of(directory: &Path, start_seq: Seq) -> PathBuf {
    directory.join(format!("image-{start_seq:020}"))
}

/// The images in `directory`, newest first, by the `seq` at which they start.
///
/// # Errors
/// What the file system said.
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

/// Sets a file aside that is not a usable image, so that it counts for no generation, and one that was never finished.
///
/// # Errors
/// What the file system said.
pub(crate) fn set_aside(directory: &Path, bad: &[PathBuf]) -> io::Result<()> {
    for path in bad {
        let mut aside = path.clone().into_os_string();
        aside.push(".bad");
        fs::rename(path, aside)?;
    }
    let unfinished = directory.join(UNFINISHED);
    if unfinished.exists() { fs::remove_file(unfinished) } else { Ok(()) }
}

/// Keeps the two newest images and tells where the older one starts: the log is needed from there on.
///
/// # Errors
/// What the file system said.
pub fn keep_two(directory: &Path) -> io::Result<Option<Seq>> {
    let images = list(directory)?;
    for (_, path) in images.iter().skip(2) {
        fs::remove_file(path)?;
    }
    Ok(images.get(1).map(|(seq, _)| *seq))
}

/// Loads an image into an empty state.
///
/// # Errors
/// [`ImageError`] for a file that is damaged or another log's; the state must be thrown away then.
pub(crate) fn load(path: &Path, eras: &[Era], state: &State, folder: &mut Folder) -> Result<Summary, ImageError> {
    let file = File::open(path).map_err(|error| ImageError { path: path.to_owned(), what: error.to_string() })?;
    load_from(&mut BufReader::with_capacity(1 << 20, file), path, eras, state, folder)
}

/// The same from what is no file; `path` is what it is called.
pub(crate) fn load_from(
    mut input: &mut dyn Read,
    path: &Path,
    eras: &[Era],
    state: &State,
    folder: &mut Folder,
) -> Result<Summary, ImageError> {
    let wrong = |what: String| ImageError { path: path.to_owned(), what };
    let io = |error: io::Error| wrong(error.to_string());
    let mut header = [0; HEADER];
    input.read_exact(&mut header).map_err(io)?;
    let (magic, rest) = header.split_at(8);
    let (format, rest) = rest.split_at(2);
    let (image_epoch, start_seq) = rest.split_at(8);
    if magic != MAGIC {
        return Err(wrong("it is not an image".into()));
    }
    if !(OLDEST_FORMAT..=FORMAT).any(|known| format == known.to_le_bytes()) {
        return Err(wrong(format!("its format is not {OLDEST_FORMAT} to {FORMAT}, which this build reads")));
    }
    // One of an earlier era may know what both histories have, and nothing that the other has by itself.
    let era = eras.iter().position(|era| image_epoch == era.epoch.0.to_le_bytes());
    let era = era.ok_or_else(|| wrong("it belongs to another log".into()))?;
    let left_at = eras.get(era + 1).map(|next| next.after);
    loop {
        let frame: Frame = read_frame(&mut input).map_err(wrong)?;
        match frame {
            Frame::Names(names) => catalogue::fold::define(state, &names),
            Frame::Undeclared(undeclared) => state.catalogue.restore_undeclared(&undeclared),
            Frame::Retired(names) => state.catalogue.restore_retired(&names),
            Frame::Skus(rows) => {
                rows.into_iter().for_each(|(id, set)| state.catalogue.fold_sku(id, set.version, set.details));
            }
            Frame::Locations(rows) => {
                rows.into_iter().for_each(|(id, set)| state.catalogue.fold_location(id, set.version, set.details));
            }
            Frame::Groups(rows) => {
                rows.into_iter().for_each(|(id, set)| state.catalogue.fold_group(id, set.version, set.details))
            }
            Frame::Channels(rows) => {
                rows.into_iter().for_each(|(id, set)| state.catalogue.fold_channel(id, set.version, set.details));
            }
            Frame::Prices(rows) => {
                rows.into_iter().for_each(|(id, set)| state.catalogue.fold_prices(id, set.version, set.details));
            }
            Frame::Tracking(rows) => {
                rows.into_iter().for_each(|(id, set)| state.catalogue.fold_tracking(id, set.version, set.details));
            }
            Frame::Cells(cells) => {
                for (cell, counted_at) in &cells {
                    folder.stock.restore_cell(state, cell, *counted_at);
                }
            }
            Frame::Movements(rows) => {
                rows.into_iter()
                    .for_each(|((sku, location), recent)| state.movements.restore(sku, location, recent.into()));
            }
            Frame::Quarantines(rows) => {
                rows.into_iter().for_each(|(quarantine, of)| state.catalogue.fold_quarantine(quarantine, of));
            }
            Frame::Recent(rows) => {
                rows.into_iter().for_each(|((sku, location), recent)| state.movements.restore(sku, location, recent));
            }
            Frame::ReservationsV1(rows) => {
                rows.into_iter()
                    .for_each(|reservation| folder.reservations.restore_reservation(state, reservation.into()));
            }
            Frame::ReservationsV2(rows) => {
                rows.into_iter().for_each(|reservation| folder.reservations.restore_reservation(state, reservation));
            }
            Frame::Reservations(rows) => {
                rows.into_iter().for_each(|kept| folder.reservations.restore_reservation(state, kept.into()));
            }
            Frame::Whole(rows) => {
                for (kept, caller) in rows {
                    folder.reservations.restore_reservation(state, Reservation { caller, ..kept.into() });
                }
            }
            Frame::Closed(rows) => rows.iter().for_each(|closed| reservations::fold::restore_closed(state, closed)),
            Frame::Rates(rows) => {
                rows.into_iter().for_each(|((sku, location), rate)| state.rates.restore(sku, location, rate));
            }
            Frame::Supply(rows) => {
                rows.iter()
                    .for_each(|(sku, location, supplies)| supply::fold::restore(state, *sku, *location, supplies));
            }
            Frame::Quotas(rows) => rows.into_iter().for_each(|(counted, used)| state.restore_quota(counted, used)),
            Frame::Services(rows) => {
                rows.into_iter().for_each(|(id, set)| state.catalogue.fold_services(id, set.version, set.details));
            }
            Frame::Hours(rows) => {
                rows.into_iter().for_each(|(id, set)| state.catalogue.fold_hours(id, set.version, set.details));
            }
            Frame::Rules(rows) => rows.into_iter().for_each(|(id, standing)| rules::fold::restore(state, id, standing)),
            Frame::Keys(rows) => rows.into_iter().for_each(|(scope, done)| fold::restore_key(state, scope, done)),
            Frame::Owners(rows) => {
                folder.reservations.has_owners = true;
                state.restore_owners(rows);
            }
            Frame::Came(rows) => state.restore_came(&rows),
            Frame::KeptKeys(page) => fold::restore_keys(state, &page),
            Frame::End(summary) if left_at.is_some_and(|left_at| summary.end_seq > left_at) => {
                return Err(wrong(format!("it reaches {}, in a history that this log left before", summary.end_seq)));
            }
            Frame::End(summary) if summary.start_seq.to_le_bytes() == start_seq => {
                state.set_last_time(summary.last_time);
                return Ok(summary);
            }
            Frame::End(_) => return Err(wrong("its end belongs to another image".into())),
        }
    }
}

/// What an image holds, from its last frame; the others are stepped over and not checked.
///
/// # Errors
/// It is not there to its end.
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
            // Frames of a few words are no risk to read.
            let mut bytes = vec![0; usize::try_from(length - at).unwrap_or(0).min(1 << 20)];
            file.read_exact_at(&mut bytes, at).map_err(|error| error.to_string())?;
            return match read_frame(&mut bytes.as_slice())? {
                Frame::End(summary) => Ok(summary),
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

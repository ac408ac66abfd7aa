//! Reads closed reservations from the log that memory no longer has in full.
//!
//! This runs on the caller's thread, and never inside a durable read: an entry names the records, the log has them, and
//! folding them yields the reservation as it is, or as it was at any version.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::handle::Engine;
use crate::event::Record;
use crate::ids::{ReservationId, Seq, Timestamp};
use crate::journal::{self, Batch, Damage, JournalReader, ReadError};
use crate::reservations::{Closed, Filter, Known, Reservation};

/// Records that are searched for the changes of a reservation that memory no longer has.
const SEARCHED_MAX: u64 = 262_144;

/// Steps over indexes for one page of a list.
const STEPS_PER_PAGE: usize = 100_000;

/// Bytes of the log read for one page of a list.
const BYTES_PER_PAGE: usize = 64 << 20;

/// Candidates that are taken from the indexes at once.
const CANDIDATES: usize = 256;

/// The result of a look-up by id.
#[derive(Debug, Clone)]
pub enum Recalled {
    /// The reservation as it is.
    Found(Arc<Reservation>),
    /// It existed, and is no longer stored; or the log no longer knows whether it existed.
    Gone,
    /// It never existed.
    Never,
}

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// The matches, newest first.
    pub items: Vec<Arc<Reservation>>,
    /// The last examined id; `None` at the end. A page may be short or empty and have one, because its work is bounded.
    pub next: Option<ReservationId>,
    /// Steps taken over indexes.
    pub steps: usize,
}

/// Reads records one by one, and caches the batch of the last one.
struct Records<'a> {
    reader: &'a dyn JournalReader,
    batch: Option<Batch>,
    bytes: usize,
}

impl<'a> Records<'a> {
    fn new(reader: &'a dyn JournalReader) -> Self {
        Self { reader, batch: None, bytes: 0 }
    }

    fn read(&mut self, seq: Seq) -> Result<Option<Record>, ReadError> {
        if self.batch.as_ref().is_none_or(|batch| !(batch.first_seq..=batch.last_seq()).contains(&seq)) {
            self.batch = None;
            self.reader.read(seq, &mut |batch| {
                self.batch = Some(batch);
                ControlFlow::Break(())
            })?;
            self.bytes += self.batch.as_ref().map_or(0, |batch| batch.body.len());
        }
        let damaged = |seq, what| ReadError::Damaged(Damage { seq, what });
        match &self.batch {
            Some(batch) => journal::record(batch, seq).map_err(|error| damaged(error.seq, error.what)),
            None => Ok(None),
        }
    }

    fn recall(&mut self, closed: &Closed, upto: Seq) -> Result<Option<Reservation>, ReadError> {
        Reservation::told_by(closed.id, &closed.trail, upto, |seq| self.read(seq))
    }
}

impl Engine {
    /// The reservation with this id, if memory has it in full.
    pub fn reservation_in_memory(&self, id: ReservationId) -> Option<Arc<Reservation>> {
        self.shared.state.reservations.get(id)
    }

    /// The reservation with this id, read from the log if memory does not have it in full.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] if the log is unreadable.
    pub fn recall(&self, id: ReservationId) -> Result<Recalled, ReadError> {
        let mut records = Records::new(&*self.shared.reader);
        match self.shared.state.reservations.known(id) {
            Some(Known::Here(reservation)) => Ok(Recalled::Found(reservation)),
            Some(Known::Closed(closed)) => match records.recall(&closed, Seq::MAX) {
                Ok(Some(told)) => Ok(Recalled::Found(Arc::new(told))),
                Ok(None) | Err(ReadError::Trimmed { .. }) => Ok(Recalled::Gone),
                Err(error) => Err(error),
            },
            None if id.0 == 0 || id.0 > self.shared.state.view.seq() => Ok(Recalled::Never),
            // It left memory, or another record is at this place of the log.
            None => match Reservation::created_with(id, |seq| records.read(seq)) {
                Ok(Some(_)) => Ok(Recalled::Gone),
                Ok(None) => Ok(Recalled::Never),
                Err(ReadError::Trimmed { .. }) => Ok(Recalled::Gone),
                Err(error) => Err(error),
            },
        }
    }

    /// The reservation `id` right after its change at `seq`; `None` if the log has another record there, or if memory
    /// no longer has it and its changes up to `seq` are too far apart to search.
    ///
    /// # Errors
    /// [`ReadError`] if the log no longer has it, or is unreadable.
    pub fn as_of(&self, id: ReservationId, seq: Seq) -> Result<Option<Reservation>, ReadError> {
        let mut records = Records::new(&*self.shared.reader);
        match self.shared.state.reservations.known(id) {
            Some(Known::Here(now)) if !now.is_told_by_record(seq) => Ok(Some(now.as_of(seq))),
            Some(Known::Here(now)) => Ok(records.read(seq)?.map(|record| now.as_of_record(&record))),
            Some(Known::Closed(closed)) => records.recall(&closed, seq),
            None => self.search(&mut records, id, seq),
        }
    }

    /// The same for one that memory no longer has: its changes are between its creation and `seq`.
    fn search(&self, records: &mut Records<'_>, id: ReservationId, seq: Seq) -> Result<Option<Reservation>, ReadError> {
        let Some(mut told) = Reservation::created_with(id, |seq| records.read(seq))? else { return Ok(None) };
        if seq == told.version {
            return Ok(Some(told));
        }
        if seq - id.0 > SEARCHED_MAX {
            return Ok(None);
        }
        let mut damage = None;
        self.shared.reader.read(id.0 + 1, &mut |batch| {
            let records = match journal::records(&batch) {
                Ok(records) => records,
                Err(error) => {
                    damage = Some(error.into());
                    return ControlFlow::Break(());
                }
            };
            for record in records {
                if record.seq > told.version && record.seq <= seq && record.event.changed_reservations().contains(&id) {
                    told.apply_record(&record);
                }
            }
            if batch.last_seq() >= seq { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        damage.map_or(Ok(Some(told)), |damage| Err(ReadError::Damaged(damage)))
    }

    /// Up to `limit` reservations that match at `now`, newest first, starting before `before`. The cost of a page is
    /// bounded in index steps and in bytes of the log; see [`Listed::next`]. Reads the log if closed ones match.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] if the log is unreadable.
    pub fn list(
        &self,
        filter: &Filter,
        now: Timestamp,
        before: Option<ReservationId>,
        limit: usize,
    ) -> Result<Listed, ReadError> {
        let store = &self.shared.state.reservations;
        let mut records = Records::new(&*self.shared.reader);
        let (mut listed, oldest) = (Listed::default(), self.shared.reader.oldest());
        let mut from = match before {
            Some(ReservationId(0)) => return Ok(listed),
            Some(before) => ReservationId(before.0 - 1),
            None => ReservationId(u64::MAX),
        };
        loop {
            let wanted = (limit - listed.items.len()).min(CANDIDATES);
            let walked = store.walk(filter, from, wanted, STEPS_PER_PAGE - listed.steps);
            listed.steps += walked.steps;
            for id in &walked.ids {
                let told = match store.known(*id) {
                    Some(Known::Here(reservation)) => Some(reservation),
                    // A reservation whose beginning the log has trimmed cannot be shown.
                    Some(Known::Closed(closed)) if closed.id.0 >= oldest => match records.recall(&closed, Seq::MAX) {
                        Ok(told) => told.map(Arc::new),
                        Err(ReadError::Trimmed { .. }) => None,
                        Err(error) => return Err(error),
                    },
                    Some(Known::Closed(_)) | None => None,
                };
                listed.items.extend(told.filter(|told| filter.matches(told, now)));
                if records.bytes >= BYTES_PER_PAGE {
                    listed.next = Some(*id).filter(|id| id.0 > 1);
                    return Ok(listed);
                }
            }
            let Some(next) = walked.next else { return Ok(listed) };
            if listed.items.len() >= limit || listed.steps >= STEPS_PER_PAGE {
                listed.next = Some(ReservationId(next.0 + 1));
                return Ok(listed);
            }
            from = next;
        }
    }
}

//! Rebuilds reservations, and results of keys, from the records of the log.

use crate::effect::{Effect, Step};
use crate::event::Record;
use crate::ids::{ReservationId, Seq};
use crate::kernel::idempotency::Done;
use crate::kernel::repeat::{EntityKind, Repeat};
use crate::reservations::{Progress, Reservation, Stretch};

impl Done {
    /// The result of a record under a key; `None` if it has no key.
    pub fn of(record: &Record) -> Option<Self> {
        let key = record.cause.as_ref()?.idempotency.as_ref()?;
        let reservation = match record.event.repeat() {
            Repeat::Made(EntityKind::Reservation) => Some(ReservationId(record.seq)),
            Repeat::Entity(EntityKind::Reservation, id) => Some(ReservationId(id)),
            Repeat::Record | Repeat::Later(_) | Repeat::Never => None,
        };
        Some(Self { seq: record.seq, time: record.time, fingerprint: key.fingerprint, reservation })
    }
}

impl Reservation {
    /// The first reservation that `record` created.
    pub fn created_by(record: &Record) -> Option<Self> {
        Self::created_in(record, None)
    }

    /// The reservation `id`, if `record` created it; the first one that it created if `id` is not given.
    pub fn created_in(record: &Record, id: Option<ReservationId>) -> Option<Self> {
        let mut found = None;
        record.event.effects(|effect| {
            if let Effect::Promise(Step::Made(made)) = effect
                && found.is_none()
                && id.is_none_or(|id| made.id(record.seq) == id)
            {
                found = Some(Self::made(record.at(), made));
            }
        });
        found
    }

    /// The reservation `id` as it was created. `read` reads one record: the one with its `seq`, or, if that one only takes
    /// the id, the record that creates it.
    ///
    /// # Errors
    /// An error of `read`; `None` if the log has another record there.
    pub fn created_with<E>(
        id: ReservationId,
        mut read: impl FnMut(Seq) -> Result<Option<Record>, E>,
    ) -> Result<Option<Self>, E> {
        let Some(first) = read(id.0)? else { return Ok(None) };
        match first.event.id_taken_for(first.seq) {
            Some(seq) => Ok(read(seq)?.and_then(|record| Self::created_in(&record, Some(id)))),
            None => Ok(Self::created_in(&first, Some(id))),
        }
    }

    /// Applies a record to this reservation.
    pub fn apply_record(&mut self, record: &Record) {
        let (id, at) = (self.id, record.at());
        record.event.effects(|effect| match effect {
            Effect::Promise(step) if step.reservation() == Some(id) => self.apply(at, Progress::Step(step)),
            Effect::Filled(fills) => {
                let mine = rows_of(fills, id, |fill| fill.reservation);
                if !mine.is_empty() {
                    self.apply(at, Progress::Filled(mine));
                }
            }
            Effect::Dated(rows) => {
                let mine = rows_of(rows, id, |row| row.reservation);
                if !mine.is_empty() {
                    self.apply(at, Progress::Dated(mine));
                }
            }
            Effect::Promise(_)
            | Effect::Cell(..)
            | Effect::Moved(..)
            | Effect::Counted(..)
            | Effect::CountsConfirmed(_)
            | Effect::Shortage(..)
            | Effect::HandedOver(..)
            | Effect::Inbound(_)
            | Effect::Rules(_)
            | Effect::Names(_)
            | Effect::Described(_)
            | Effect::Refused(..)
            | Effect::Receipt(_)
            | Effect::Cart(_)
            | Effect::Order(..)
            | Effect::Sales(_) => {}
        });
    }

    /// The reservation right after `record`, which changed it.
    #[must_use]
    pub fn as_of_record(&self, record: &Record) -> Self {
        let mut earlier = self.as_of(record.seq);
        record.event.effects(|effect| {
            if let Effect::Promise(Step::Extended(extended)) = effect {
                earlier.expires_at = extended.expires_at;
            }
        });
        earlier
    }

    /// The reservation that the record with id and version `seq` and those of its `trail` lead to, up to `upto`. `read`
    /// reads one record.
    ///
    /// # Errors
    /// An error of `read`; `None` if the log has another record there.
    pub fn told_by<E>(
        id: ReservationId,
        trail: &[Stretch],
        upto: Seq,
        mut read: impl FnMut(Seq) -> Result<Option<Record>, E>,
    ) -> Result<Option<Self>, E> {
        let Some(mut told) = Self::created_with(id, &mut read)? else { return Ok(None) };
        for Stretch { first, last, count } in trail.iter().filter(|stretch| stretch.first <= upto) {
            let Some(record) = read(*first)? else { return Ok(None) };
            told.apply_record(&record);
            let end = upto.min(*last);
            if end > *first {
                let Some(record) = read(end)? else { return Ok(None) };
                told.apply_record(&record);
                if end == *last {
                    told.count_extensions(*count);
                }
            }
        }
        Ok(Some(told))
    }
}

/// The rows of one reservation, among many that are sorted by reservation.
fn rows_of<T>(rows: &[T], id: ReservationId, of: impl Fn(&T) -> ReservationId) -> &[T] {
    let (first, end) = (rows.partition_point(|row| of(row) < id), rows.partition_point(|row| of(row) <= id));
    rows.get(first..end).unwrap_or_default()
}

//! Shared parts of loading rows of any kind.
//!
//! A row without a change counts as unchanged and logs nothing. A wrong row is reported with its line and does not
//! affect others, unless the import is atomic: then one wrong row rejects all.

use crate::event::Event;
use crate::imports::imported::RowError;
use crate::outcome::Loaded;
use crate::refusal::{Failure, Refusal};

/// Rows per record. An import is split into records of this size, which bounds the deltas of the stream.
const ROWS_PER_RECORD: usize = 1000;

/// Approximate bytes per record.
const RECORD_WEIGHT_MAX: usize = 1 << 20;

impl Loaded {
    pub(crate) fn count<T>(&mut self, changed: Option<T>) {
        match changed {
            Some(_) => self.accepted += 1,
            None => self.unchanged += 1,
        }
    }
}

/// Splits rows into records, by number and by weight.
pub(crate) fn chunks<T, E: Into<Event>>(
    rows: Vec<T>,
    weight: impl Fn(&T) -> usize,
    event: impl Fn(Vec<T>) -> E,
) -> Vec<Event> {
    let (mut events, mut chunk, mut bytes) = (Vec::new(), Vec::new(), 0);
    for row in rows {
        let row_bytes = weight(&row);
        if !chunk.is_empty() && (chunk.len() >= ROWS_PER_RECORD || bytes + row_bytes > RECORD_WEIGHT_MAX) {
            events.push(event(std::mem::take(&mut chunk)).into());
            bytes = 0;
        }
        bytes += row_bytes;
        chunk.push(row);
    }
    if !chunk.is_empty() {
        events.push(event(chunk).into());
    }
    events
}

pub(crate) fn row_error(line: u64, failure: Failure) -> RowError {
    match failure {
        Failure::Refused(Refusal::Invalid { field, reason }) => RowError { line, field: Some(field), reason },
        Failure::Refused(refusal @ Refusal::HeldAsCounted { .. }) => {
            let reason = refusal.to_string();
            let reason = reason.strip_prefix("tracked: ").unwrap_or(&reason).to_owned();
            RowError { line, field: Some("tracked".to_owned()), reason }
        }
        other => RowError { line, field: None, reason: other.to_string() },
    }
}

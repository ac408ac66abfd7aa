//! The column that states as of which record an export shows a cell whose stock has moved since its last count:
//! `2027-01-11T09:30:00.000Z 1841 3f2a00c1d4e5f607`.
//!
//! The time is for people and for other directories. The record and the epoch of its log are for this directory: later
//! records stay in force, whatever time they name, so a file can be imported again while sales continue.

use anaquel_engine::Engine;
use anaquel_engine::command::AsOf;
use anaquel_engine::ids::{Seq, Timestamp};

use crate::wire;

/// The value for an export of `engine` at record `seq`.
pub fn write(engine: &Engine, time: Timestamp, seq: Seq) -> String {
    let epoch = engine.identity().epoch_of(seq);
    format!("{} {seq} {epoch}", wire::time(time))
}

/// Parses what [`write`] wrote, in this directory or in another; `counted_at` is the value of that column in the same
/// row.
///
/// # Errors
/// How the value should look.
pub fn read(engine: &Engine, text: &str, counted_at: Option<Timestamp>) -> Result<AsOf, String> {
    let wrong = || {
        let shown: String = text.chars().take(60).collect();
        format!(
            "{shown:?} is not a value that an export writes; leave the column out, and write the time of a count in \
             counted_at"
        )
    };
    let mut parts = text.split(' ');
    let (Some(time), Some(seq), Some(epoch), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(wrong());
    };
    let time: jiff::Timestamp = time.parse().map_err(|_| wrong())?;
    let time = u64::try_from(time.as_millisecond()).ok().filter(|ms| *ms <= Timestamp::MAX.0).ok_or_else(wrong)?;
    let seq: Seq = seq.parse().map_err(|_| wrong())?;
    let is_epoch = epoch.len() == 16 && epoch.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_epoch {
        return Err(wrong());
    }
    let is_own = seq > 0 && engine.identity().epoch_of(seq).to_string() == epoch.to_ascii_lowercase();
    Ok(AsOf { time: wire::meant(Timestamp(time)), seq: is_own.then_some(seq), counted_at })
}

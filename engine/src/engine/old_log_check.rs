//! The thread that checks the log before the checkpoint.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::shared::Shared;
use crate::ids::Seq;
use crate::journal::{Damage, ReadError};

/// Bytes read between two pauses.
const STRETCH_BYTES: u64 = 256 << 10;

/// The longest pause before it checks whether the engine closes.
const REST_MAX: Duration = Duration::from_millis(20);

/// Checks the log until it is over or the engine closes.
pub(super) fn check(shared: &Shared) {
    let old_log = &shared.old_log;
    let Some((mut from, until)) = old_log.unchecked else { return };
    // Optional: if it is refused, the rate still bounds the load.
    let _ = rustix::process::setpriority_process(None, 19);
    let rest = Duration::from_secs_f64(STRETCH_BYTES as f64 / shared.settings.old_log_bytes_per_second.max(1) as f64);
    // Each chunk begins with the last batch of the previous one, so that the chain has no gap, and has at least one
    // more, so that it makes progress.
    while from < until {
        let (mut bytes, mut batches, mut last) = (0, 0, None);
        let read = shared.reader.read(from, &mut |batch| {
            bytes += batch.body.len() as u64;
            batches += 1;
            last = Some((batch.first_seq, batch.last_seq()));
            if batch.first_seq >= until || batches > 1 && bytes >= STRETCH_BYTES || shared.intake.is_closing() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        if shared.intake.is_closing() {
            return;
        }
        let oldest = shared.reader.oldest();
        match (read, last) {
            // The log may be trimmed meanwhile: trimmed parts need no check.
            (Err(_), _) if oldest > from => from = oldest,
            (Err(ReadError::Damaged(damage)), _) => return old_log.end(Some(damage)),
            (Err(ReadError::Trimmed { oldest }), _) => return old_log.end(Some(missing(oldest))),
            (Ok(()), Some((first_seq, _))) if first_seq >= until => return old_log.end(None),
            (Ok(()), Some((first_seq, last_seq))) if batches > 1 => {
                from = first_seq;
                old_log.checked.fetch_max(last_seq, Ordering::Relaxed);
            }
            (Ok(()), last) => return old_log.end(Some(missing(last.map_or(from, |(_, last_seq)| last_seq + 1)))),
        }
        let mut left = rest;
        while !left.is_zero() {
            if shared.intake.is_closing() {
                return;
            }
            let pause = left.min(REST_MAX);
            std::thread::sleep(pause);
            left -= pause;
        }
    }
    old_log.end(None);
}

fn missing(seq: Seq) -> Damage {
    Damage { seq, what: "it is missing".into() }
}

//! Metrics of the streams.

use std::cell::RefCell;
use std::time::Duration;

use metrics::{Counter, Histogram};

use crate::telemetry::latency;

thread_local! {
    /// The histograms of commands by op and status that this thread has looked up: a few dozen.
    static COMMANDS: RefCell<Vec<(&'static str, u16, Histogram)>> = const { RefCell::new(Vec::new()) };
}

/// Metric handles, looked up once instead of for every frame.
pub struct Measures {
    pub snapshots: Counter,
    pub deltas: Counter,
    pub events: Counter,
    pub resets: Counter,
    pub heartbeats: Counter,
    pub results: Counter,
    pub errors: Counter,
    pub cells: Counter,
    lag: Histogram,
}

impl Default for Measures {
    fn default() -> Self {
        let messages = |kind: &'static str| metrics::counter!("anaquel_stream_messages_total", "type" => kind);
        Self {
            snapshots: messages("snapshot"),
            deltas: messages("delta"),
            events: messages("event"),
            resets: messages("reset"),
            heartbeats: messages("heartbeat"),
            results: messages("result"),
            errors: messages("error"),
            cells: metrics::counter!("anaquel_stream_cells_total"),
            lag: metrics::histogram!("anaquel_stream_lag_seconds"),
        }
    }
}

impl Measures {
    /// Records a sent message that had waited for `waited`.
    pub fn told(&self, waited: Duration) {
        self.lag.record(waited.as_secs_f64());
    }

    /// Records an answered command and its duration.
    pub fn answered(op: &'static str, status: u16, took: Duration) {
        latency::note(took);
        COMMANDS.with_borrow_mut(|known| {
            let found = known.iter().find(|(of, with, _)| (*of, *with) == (op, status));
            if let Some((_, _, histogram)) = found {
                return histogram.record(took.as_secs_f64());
            }
            let histogram = metrics::histogram!(
                "anaquel_stream_command_duration_seconds",
                "op" => op,
                "status" => status.to_string()
            );
            histogram.record(took.as_secs_f64());
            known.push((op, status, histogram));
        });
    }

    /// Records a stream that the server ended.
    pub fn closed(reason: &'static str) {
        metrics::counter!("anaquel_stream_closed_total", "reason" => reason).increment(1);
    }
}

impl std::fmt::Debug for Measures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Measures")
    }
}

//! What time costs: a month at a small scale, flat in everything that is counted.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

use anaquel_bench::month::{Day, Month};

/// The most that any of the last ten days may be, against the most of the days 9 to 14, when every retention is full.
const MARGIN: f64 = 1.5;

/// A figure of a day.
type Figure = fn(&Day) -> f64;

#[test]
fn a_month_is_flat_once_retentions_are_full() {
    let directory = tempfile::tempdir().unwrap();
    let month = Month { scale: 400_000, days: 26, pieces: 6 };
    let days = month.run(directory.path(), |_, _| ()).unwrap();
    let most = |days: &[Day], of: Figure| days.iter().map(of).fold(0.0, f64::max);
    let figures: [(&str, Figure); 5] = [
        ("records in the log", |day| day.log_records as f64),
        ("bytes of log read by a start", |day| day.start_log_bytes as f64),
        ("reservations kept", |day| day.reservations as f64),
        ("keys kept", |day| day.keys as f64),
        ("bytes on disk", |day| day.disk_bytes as f64),
    ];
    for (what, of) in figures {
        let (full, last) = (most(&days[8..14], of), most(&days[16..], of));
        assert!(last <= MARGIN * full, "{what}: {full} at first, {last} later: {days:#?}");
    }
    let writes: u64 = days.iter().map(|day| day.writes).sum();
    let last = days.last().unwrap();
    assert!(last.log_records < writes / 2, "the log is trimmed: {last:?} of {writes}");
    assert!(last.start_log_bytes < last.disk_bytes / 4, "a start reads the tail: {last:?}");
}

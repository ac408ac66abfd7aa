//! Takes a sample of what the server does, each second.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use anaquel_engine::histogram::Counted;

use crate::app::App;
use crate::http::problem;
use crate::telemetry::latency::Counts;
use crate::telemetry::recent::Sample;

/// The interval of samples.
const EVERY: Duration = Duration::from_secs(1);

/// Samples between two looks at the disk.
const DISK_EVERY: u32 = 10;

/// What was counted at the sample before.
struct Before {
    at: Instant,
    records: u64,
    refusals: u64,
    requests: Counts,
    flushes: Option<Counted>,
}

/// Takes a sample each second, until the end of the server.
pub async fn watch(app: App) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = Before::read(&app);
    let mut nth = 0_u32;
    loop {
        tick.tick().await;
        if nth.is_multiple_of(DISK_EVERY) {
            app.machine.look_at_disk().await;
        }
        nth = nth.wrapping_add(1);
        let now = Before::read(&app);
        let Some(sample) = between(&app, &before, &now) else { continue };
        before = now;
        app.recent.add(sample);
    }
}

impl Before {
    fn read(app: &App) -> Self {
        Self {
            at: Instant::now(),
            records: app.engine.counters().records.load(Relaxed),
            refusals: problem::counted(),
            requests: Counts::read(),
            flushes: app.engine.sync_times().map(|times| times.read()),
        }
    }
}

/// `None` if no time went by.
fn between(app: &App, before: &Before, now: &Before) -> Option<Sample> {
    let seconds = now.at.duration_since(before.at).as_secs_f32();
    if seconds <= 0.0 {
        return None;
    }
    let requests = now.requests.since(&before.requests);
    let rate = |now: u64, before: u64| now.saturating_sub(before) as f32 / seconds;
    let state = app.engine.state();
    let flushes = now.flushes.as_ref().zip(before.flushes.as_ref());
    Some(Sample {
        at_ms: jiff::Timestamp::now().as_millisecond(),
        writes: rate(now.records, before.records),
        requests: requests.count() as f32 / seconds,
        refusals: rate(now.refusals, before.refusals),
        p50_ms: requests.within_ms(0.5).map(|ms| ms as f32),
        p99_ms: requests.within_ms(0.99).map(|ms| ms as f32),
        flush_p99_ms: flushes.and_then(|(now, before)| flush_within_ms(now, before, 0.99)),
        in_flight: u32::try_from(app.engine.in_flight()).unwrap_or(u32::MAX),
        streams: u32::try_from(app.streams.open()).unwrap_or(u32::MAX),
        holds: u32::try_from(state.reservations.open()).unwrap_or(u32::MAX),
        shortages: u32::try_from(state.shortage_count()).unwrap_or(u32::MAX),
        memory_bytes: resident_bytes(),
        disk_free_bytes: app.machine.disk().0,
    })
}

/// The bound within which this share of the flushes since `before` ended, in milliseconds.
fn flush_within_ms(now: &Counted, before: &Counted, share: f64) -> Option<f32> {
    let count = now.count.saturating_sub(before.count);
    let wanted = (count as f64 * share).ceil() as u64;
    let mut bounds = now.cumulative.iter().zip(&before.cumulative);
    let found = bounds.find(|((_, now), (_, before))| now.saturating_sub(*before) >= wanted);
    found.filter(|_| count > 0).map(|((bound, _), _)| *bound as f32 / 1000.0)
}

/// The memory of the process.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<u64> = text.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0).saturating_mul(rustix::param::page_size() as u64)
}

//! Logs and metrics.

pub mod latency;
pub mod machine;
#[cfg(feature = "otlp")]
mod otlp;
pub mod recent;
pub mod sampler;
mod text;
pub mod traces;

use std::io::IsTerminal;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anaquel_engine::Health;
use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::app::App;
use crate::auth::failures::Failures;
use crate::config::{LogConfig, LogFormat};
use crate::telemetry::machine::Machine;

/// Histograms are drained into buckets at this interval; otherwise they would grow without bound.
const UPKEEP: Duration = Duration::from_secs(5);

/// Noisy dependencies: they log warnings only, unless the filter names them.
const QUIET: [&str; 5] = ["sled", "h2", "hyper", "rustls", "tungstenite"];

/// The filter for `level`.
fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    let wrong = || format!("log.level = {level:?}");
    let mut filter = EnvFilter::try_new(level).with_context(wrong)?;
    for name in QUIET {
        let names_it = level.split(',').any(|directive| {
            let target = directive.split(['=', '[']).next().unwrap_or_default().trim();
            target == name || target.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"))
        });
        if !names_it {
            filter = filter.add_directive(format!("{name}=warn").parse().with_context(wrong)?);
        }
    }
    Ok(filter)
}

/// Writes log lines to standard error: for people on a terminal, JSON otherwise.
///
/// # Errors
/// The filter is invalid.
pub fn log(config: &LogConfig) -> anyhow::Result<()> {
    let registry = tracing_subscriber::registry().with(filter(&config.level)?);
    let people = match config.format {
        LogFormat::Human => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    if people {
        registry.with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false)).try_init()?;
    } else {
        registry
            .with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr))
            .try_init()?;
    }
    Ok(())
}

/// Installs the metrics recorder.
///
/// # Errors
/// A recorder is installed already.
pub fn collect_metrics() -> anyhow::Result<PrometheusHandle> {
    // From 20 microseconds (a read) to 10 seconds (an import).
    const SECONDS: [f64; 18] = [
        0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
        10.0,
    ];
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .install_recorder()?;
    metrics::describe_histogram!(
        "anaquel_http_request_duration_seconds",
        "Time from the head of a request to its \
        answer"
    );
    metrics::describe_counter!("anaquel_problems_total", "Problem documents sent, by type");
    metrics::describe_counter!("anaquel_wrong_pickup_codes_total", "Wrong pickup codes, in steps and in look-ups");
    metrics::describe_gauge!("anaquel_seq", "The last visible record");
    metrics::describe_gauge!(
        "anaquel_pace_gap_seconds",
        "Distance between the starts of requests of a crowding caller; 0 if no caller waits"
    );
    metrics::describe_gauge!("anaquel_shortages", "Cells with less on hand than reserved");
    metrics::describe_gauge!("anaquel_reservations_open", "Reservations that are held, confirmed or ready");
    metrics::describe_gauge!("anaquel_reservations_closed", "Closed reservations that can be read");
    metrics::describe_gauge!("anaquel_reservations_closed_bytes", "Memory of closed reservations, as counted");
    metrics::describe_gauge!("anaquel_cells", "Stocked cells");
    metrics::describe_gauge!("anaquel_in_flight", "Writes on their way to the log");
    metrics::describe_gauge!("anaquel_idempotency_keys", "Idempotency keys kept and in flight");
    metrics::describe_gauge!("anaquel_made_up_names", "Names in use that nobody declared, by kind");
    metrics::describe_gauge!("anaquel_idempotency_bytes", "Upper bound of the memory of idempotency keys");
    metrics::describe_gauge!("anaquel_idempotency_bytes_limit", "Room for idempotency keys: idempotency.bytes");
    metrics::describe_gauge!("anaquel_idempotency_callers", "Callers that have idempotency keys");
    metrics::describe_gauge!(
        "anaquel_idempotency_fullest_share",
        "Share of its room that the caller with the most idempotency keys uses, from 0 to 1"
    );
    metrics::describe_counter!(
        "anaquel_idempotency_refused_total",
        "Writes refused because their caller used up its share of idempotency keys"
    );
    metrics::describe_gauge!(
        "anaquel_ready",
        "1 while the server accepts writes or, on a node that follows another, keeps up with it"
    );
    metrics::describe_gauge!("anaquel_decides", "1 on the node that decides, 0 on a node that follows another");
    metrics::describe_gauge!("anaquel_lag_seconds", "Age of what a node serves that follows another, at most");
    metrics::describe_gauge!(
        "anaquel_lag_records",
        "Records that the node that is followed is known to have, and this node does not"
    );
    metrics::describe_gauge!("anaquel_contact_lost", "1 while nothing is heard of the node that is followed");
    metrics::describe_gauge!("anaquel_nodes_following", "Nodes that follow this one at the moment");
    metrics::describe_gauge!("anaquel_expiry_frozen", "1 while holds do not expire because the clock jumped");
    metrics::describe_gauge!("anaquel_clock_offset_seconds", "The log's time minus the clock's");
    metrics::describe_gauge!("anaquel_old_log_damaged", "1 if the log before the checkpoint is damaged");
    metrics::describe_gauge!(
        "anaquel_old_log_checked_seq",
        "Record up to which the log before the checkpoint is checked"
    );
    metrics::describe_counter!("anaquel_journal_batches_total", "Batches made durable");
    metrics::describe_counter!("anaquel_journal_records_total", "Records made durable");
    metrics::describe_counter!("anaquel_journal_bytes_total", "Bytes of records made durable");
    metrics::describe_counter!("anaquel_expired_total", "Expired reservations");
    metrics::describe_counter!("anaquel_images_total", "Images taken");
    metrics::describe_gauge!("anaquel_archive_failing", "1 while the archive cannot be written: nothing leaves memory");
    metrics::describe_counter!(
        "anaquel_slow_turns_total",
        "Cycles of the journal thread longer than \
        journal.slow_turn_ms"
    );
    metrics::describe_gauge!("anaquel_connections", "Open connections without sockets");
    metrics::describe_counter!(
        "anaquel_connections_refused_total",
        "Connections beyond a limit, answered with \
        Retry-After"
    );
    metrics::describe_counter!(
        "anaquel_connections_ended_total",
        "Connections that the server ended, by reason: not-reading, no-room"
    );
    metrics::describe_gauge!("anaquel_answer_bytes", "Bytes of large answers that are ready and not yet written");
    metrics::describe_gauge!("anaquel_stream_sockets", "Streams open");
    metrics::describe_gauge!("anaquel_stream_subscriptions", "Subscriptions open");
    metrics::describe_gauge!("anaquel_stream_keys", "Keys (SKU and location) that subscriptions track");
    metrics::describe_gauge!("anaquel_stream_position", "Record up to which subscribers were woken");
    metrics::describe_counter!("anaquel_stream_messages_total", "Messages to subscribers, by type");
    metrics::describe_counter!("anaquel_stream_cells_total", "Cells in snapshots and deltas");
    metrics::describe_counter!("anaquel_stream_matched_total", "Changes that matched at least one subscription");
    metrics::describe_counter!(
        "anaquel_stream_conflated_total",
        "Values that a later value replaced before they were sent"
    );
    metrics::describe_counter!("anaquel_stream_overruns_total", "Subscriptions that fell too far behind");
    metrics::describe_counter!(
        "anaquel_stream_resets_total",
        "Subscriptions that had to start over with a new \
        snapshot"
    );
    metrics::describe_counter!("anaquel_stream_closed_total", "Streams that the server ended, by reason");
    metrics::describe_histogram!(
        "anaquel_stream_lag_seconds",
        "Time from the wake-up of a stream for a change to its \
        frame"
    );
    metrics::describe_histogram!(
        "anaquel_stream_command_duration_seconds",
        "Time from a command on a socket to its result, by op and status"
    );
    metrics::describe_gauge!("anaquel_build_info", "1; the labels describe the running build");
    metrics::describe_gauge!("anaquel_matrix_bytes", "Memory of the cells and their index");
    metrics::gauge!(
        "anaquel_build_info",
        "version" => env!("CARGO_PKG_VERSION"),
        "profile" => if cfg!(debug_assertions) { "debug" } else { "release" },
        "otlp" => if cfg!(feature = "otlp") { "yes" } else { "no" }
    )
    .set(1.0);
    metrics::describe_gauge!("anaquel_in_flight_limit", "Limit of writes in flight: limits.in_flight");
    Failures::describe();
    Machine::describe();
    begin_at_zero();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(UPKEEP);
        loop {
            tick.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

/// Registers counters with 0, so that the first event is visible as a change.
fn begin_at_zero() {
    for kind in ["insufficient-stock", "internal", "overloaded", "read-only"] {
        metrics::counter!("anaquel_problems_total", "type" => kind).absolute(0);
    }
    for reason in ["not-reading", "no-room"] {
        metrics::counter!("anaquel_connections_ended_total", "reason" => reason).absolute(0);
    }
    for reason in ["idle-timeout", "not-reading", "too-far-behind", "unauthorized"] {
        metrics::counter!("anaquel_stream_closed_total", "reason" => reason).absolute(0);
    }
    metrics::counter!("anaquel_connections_refused_total").absolute(0);
    metrics::gauge!("anaquel_pace_gap_seconds").set(0.0);
    let (method, route, op, status) = ("POST", "/v1/reservations", "reserve", "201");
    let _ = metrics::histogram!(
        "anaquel_http_request_duration_seconds", "method" => method, "route" => route, "status" => status
    );
    let _ = metrics::histogram!("anaquel_stream_command_duration_seconds", "op" => op, "status" => status);
}

/// Updates the gauges from the engine before each scrape.
pub fn measure(app: &App) {
    let (state, counters) = (app.engine.state(), app.engine.counters());
    metrics::gauge!("anaquel_seq").set(state.view.seq() as f64);
    metrics::gauge!("anaquel_shortages").set(state.shortage_count() as f64);
    metrics::gauge!("anaquel_reservations_open").set(state.reservations.open() as f64);
    let closed = state.reservations.len().saturating_sub(state.reservations.open());
    metrics::gauge!("anaquel_reservations_closed").set(closed as f64);
    metrics::gauge!("anaquel_reservations_closed_bytes").set(state.reservations.closed_bytes() as f64);
    metrics::gauge!("anaquel_matrix_bytes").set(state.matrix.bytes() as f64);
    metrics::gauge!("anaquel_disk_reserve_bytes").set(app.config.journal.reserve_bytes as f64);
    metrics::gauge!("anaquel_cells").set(f64::from(state.cells()));
    metrics::gauge!("anaquel_in_flight").set(app.engine.in_flight() as f64);
    metrics::gauge!("anaquel_in_flight_limit").set(app.config.limits.in_flight as f64);
    metrics::gauge!("anaquel_idempotency_keys").set(state.idempotency.len() as f64);
    let names = &state.catalogue;
    metrics::gauge!("anaquel_made_up_names", "kind" => "channel").set(names.channels.made_up_count() as f64);
    metrics::gauge!("anaquel_made_up_names", "kind" => "location").set(names.locations.made_up_count() as f64);
    metrics::gauge!("anaquel_made_up_names", "kind" => "sku").set(names.skus.made_up_count() as f64);
    let keys = state.idempotency.fullness();
    metrics::gauge!("anaquel_idempotency_bytes").set(keys.bytes() as f64);
    metrics::gauge!("anaquel_idempotency_bytes_limit").set(app.engine.settings().idempotency_bytes as f64);
    metrics::gauge!("anaquel_idempotency_callers").set(keys.callers as f64);
    metrics::gauge!("anaquel_idempotency_fullest_share")
        .set(keys.fullest.keys as f64 / keys.fullest.most.max(1) as f64);
    metrics::counter!("anaquel_idempotency_refused_total").absolute(keys.refused);
    let told = app.node.status(&app.engine);
    let health = app.engine.health();
    let keeps_up = health == Health::Follows && told.lag_ms.is_some() && !app.node.is_lost();
    let ready = (health == Health::Ready || keeps_up) && app.watchdog.stuck().is_none();
    metrics::gauge!("anaquel_decides").set(f64::from(u8::from(app.engine.role().decides())));
    metrics::gauge!("anaquel_lag_seconds").set(told.lag_ms.map_or(f64::NAN, |ms| ms as f64 / 1000.0));
    let behind = told.known_seq.map_or(0, |known| known.saturating_sub(state.view.seq()));
    metrics::gauge!("anaquel_lag_records").set(behind as f64);
    metrics::gauge!("anaquel_contact_lost").set(f64::from(u8::from(app.node.is_lost())));
    metrics::gauge!("anaquel_nodes_following").set(app.node.followers() as f64);
    metrics::gauge!("anaquel_ready").set(f64::from(u8::from(ready)));
    metrics::gauge!("anaquel_expiry_frozen").set(f64::from(u8::from(app.engine.expiry_frozen())));
    metrics::gauge!("anaquel_clock_offset_seconds").set(app.clock().offset_ms as f64 / 1000.0);
    let old_log = app.engine.old_log();
    metrics::gauge!("anaquel_old_log_damaged").set(f64::from(u8::from(old_log.damage.is_some())));
    metrics::gauge!("anaquel_old_log_checked_seq").set(old_log.checked as f64);
    let is_failing = app.engine.archive_trouble().is_some();
    metrics::gauge!("anaquel_archive_failing").set(f64::from(u8::from(is_failing)));
    let (feed, told) = (app.engine.feed(), app.engine.feed().counters());
    let (subscriptions, keys) = feed.subscriptions();
    metrics::gauge!("anaquel_connections").set(app.links.open() as f64);
    metrics::gauge!("anaquel_answer_bytes").set(app.answers.bytes() as f64);
    metrics::gauge!("anaquel_stream_sockets").set(app.streams.open() as f64);
    metrics::gauge!("anaquel_stream_subscriptions").set(subscriptions as f64);
    metrics::gauge!("anaquel_stream_keys").set(keys as f64);
    metrics::gauge!("anaquel_stream_position").set(feed.position() as f64);
    metrics::counter!("anaquel_stream_matched_total").absolute(told.matched.load(Relaxed));
    metrics::counter!("anaquel_stream_conflated_total").absolute(told.conflated.load(Relaxed));
    metrics::counter!("anaquel_stream_overruns_total").absolute(told.overruns.load(Relaxed));
    metrics::counter!("anaquel_stream_resets_total").absolute(told.resets.load(Relaxed));
    metrics::counter!("anaquel_journal_batches_total").absolute(counters.batches.load(Relaxed));
    metrics::counter!("anaquel_journal_records_total").absolute(counters.records.load(Relaxed));
    metrics::counter!("anaquel_journal_bytes_total").absolute(counters.bytes.load(Relaxed));
    metrics::counter!("anaquel_expired_total").absolute(counters.expired.load(Relaxed));
    metrics::counter!("anaquel_slow_turns_total").absolute(app.watchdog.slow());
    metrics::counter!("anaquel_images_total").absolute(counters.checkpoints.load(Relaxed));
}

/// All metrics, in the text format of Prometheus.
pub async fn render(app: &App) -> String {
    app.machine.measure().await;
    measure(app);
    let mut text = app.metrics.render();
    let batches = app.engine.counters().batch_records.read();
    text::histogram(&mut text, "anaquel_journal_batch_records", "Records per durable batch", &batches, 1.0);
    if let Some(syncs) = app.engine.sync_times() {
        let help = "Duration of a flush of the log to disk";
        text::histogram(&mut text, "anaquel_journal_sync_seconds", help, &syncs.read(), 1e6);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_below_are_quiet_unless_they_are_named() -> anyhow::Result<()> {
        let told = |level: &str| filter(level).map(|filter| filter.to_string());
        for (level, quiet) in
            [("debug", true), ("trace", true), ("anaquel=debug,info", true), ("debug,sled=debug", false)]
        {
            assert_eq!(told(level)?.contains("sled=warn"), quiet, "{level}: {}", told(level)?);
            assert!(told(level)?.contains("hyper=warn"), "{level}");
        }
        assert!(!told("sled=trace")?.contains("sled=warn"));
        assert!(told("a=b=c").is_err_and(|error| error.to_string().contains("log.level")));
        Ok(())
    }
}

//! `limits`: bounds for callers.

use std::collections::BTreeMap;

use anaquel_engine::settings::{NameSettings, PromiseLimits, Settings};
use serde::{Deserialize, Serialize};

/// Bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// The largest JSON body, in bytes.
    pub body_bytes: usize,
    /// The largest import, in bytes, also after unpacking.
    pub import_bytes: u64,
    /// Bytes of rejected rows in the answer to an import, if the caller asks for them.
    pub import_rejects_bytes: u64,
    /// Concurrent connections. Beyond this number the server answers only `/healthz`, `/readyz` and `/metrics`, and
    /// asks other clients to retry. It first closes clients that do not read their answers, then idle ones.
    pub connections: usize,
    /// Concurrent connections of one address; 0 for up to four times as many as the address leaves to others. Proxies
    /// and offices share one address, and so do all processes of this machine.
    pub address_connections: usize,
    /// How long bytes may wait for a client that reads none of them, before the client is disconnected.
    pub write_seconds: u64,
    /// Cells in one answer about availability.
    pub response_cells: usize,
    /// Cells that one query about groups adds up.
    pub group_cells: usize,
    /// Bytes of one page of a list, and of events that are sent together; the rest is on the next page.
    pub page_bytes: usize,
    /// Bytes of large answers (64 KiB or more, over HTTP/2 4 KiB) that are built for one connection and not yet
    /// written. Request bodies over 64 KiB count too, until they are parsed.
    pub connection_answer_bytes: usize,
    /// Bytes of large answers for all connections together; a caller may have as much as it leaves to others.
    pub answer_bytes: usize,
    /// Concurrent long reads; one caller may use all but one. 0 for half of the cores, at least 2. Streams that catch
    /// up from the log have the same number of turns of their own; this setting does not change that number.
    pub long_reads: usize,
    /// Long reads that wait for their turn; a caller may have as many as it leaves to others.
    pub long_reads_waiting: usize,
    /// Concurrent imports and exports; one caller may use all but one.
    pub files: usize,
    /// Writes in flight to the log.
    pub in_flight: usize,
    /// Locations in the groups of all lines of one reservation; at most 16,384.
    pub reservation_group_cells: usize,
    /// Cells and demand classes that one decision examines to make room; a decision that needs more is refused.
    pub plan_looks: usize,
    /// Open reservations that one decision moves to make room; a decision that needs more is refused.
    pub plan_promises: usize,
    /// Backorder lines of one cell; further lines get no promise from inbound supply.
    pub cell_waits: usize,
    /// Rows of an atomic import.
    pub import_atomic_rows: usize,
    /// How long a request head may take to arrive, and how long a connection may be idle between two requests.
    pub header_seconds: u64,
    /// How long a shutdown waits for requests to end.
    pub shutdown_seconds: u64,
    /// Requests per second from one address, with bursts of the same number; 0 for no limit.
    pub address_requests_per_second: u32,
    /// Requests per second with one key, or of one token subject, with bursts of the same number; 0 for no limit.
    pub key_requests_per_second: u32,
    /// Channels that reservations introduced without a declaration. A caller with a key may introduce at most as many
    /// as it leaves to others; the same applies to the next two limits.
    pub undeclared_channels: u32,
    /// Locations that movements, counts and supply introduced without a declaration.
    pub undeclared_locations: u32,
    /// SKUs that movements, counts and supply introduced without a declaration.
    pub undeclared_skus: u32,
    /// Limits by channel name: `[limits.channel.web]`. A limit that is left out comes from `channel_default`.
    pub channel: BTreeMap<String, PromiseLimits>,
    /// Limits of every channel.
    pub channel_default: PromiseLimits,
    /// Limits of every key and token subject; a key may have its own limits.
    pub key_default: PromiseLimits,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let names = NameSettings::default();
        Self {
            body_bytes: 1 << 20,
            import_bytes: 4 << 30,
            import_rejects_bytes: 16 << 20,
            connections: 20_000,
            address_connections: 0,
            write_seconds: 30,
            response_cells: 100_000,
            group_cells: 1_000_000,
            page_bytes: 4 << 20,
            connection_answer_bytes: 16 << 20,
            answer_bytes: 256 << 20,
            long_reads: 0,
            long_reads_waiting: 64,
            files: 32,
            in_flight: Settings::default().in_flight_max,
            reservation_group_cells: Settings::default().reservation_group_cells_max,
            plan_looks: Settings::default().plan_looks_max,
            plan_promises: Settings::default().plan_promises_max,
            cell_waits: Settings::default().cell_waits_max,
            import_atomic_rows: 100_000,
            header_seconds: 15,
            shutdown_seconds: 10,
            address_requests_per_second: 0,
            key_requests_per_second: 0,
            undeclared_channels: names.undeclared_channels_max,
            undeclared_locations: names.undeclared_locations_max,
            undeclared_skus: names.undeclared_skus_max,
            channel: BTreeMap::new(),
            channel_default: PromiseLimits::default(),
            key_default: PromiseLimits::default(),
        }
    }
}

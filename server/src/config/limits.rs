//! `limits`: what callers may take.

use std::collections::BTreeMap;

use anaquel_engine::settings::{NameSettings, PromiseLimits, Settings};
use serde::{Deserialize, Serialize};

/// Bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// The largest JSON body.
    pub body_bytes: usize,
    /// The largest import, also when it is unpacked.
    pub import_bytes: u64,
    /// Bytes of rejected rows that an answer to an import carries where its caller asks for them.
    pub import_rejects_bytes: u64,
    /// Connections at a time. Beyond them, `/healthz`, `/readyz` and `/metrics` are answered, and everybody else is told
    /// to come again; whoever takes nothing of what they asked for goes first, then whoever asks for nothing.
    pub connections: usize,
    /// Connections of one address at a time; 0 for up to four times as many as it leaves to others. Proxies and offices
    /// stand behind one address, and so does this machine.
    pub address_connections: usize,
    /// Bytes may wait for so long for a client that takes none of them; then it is cut off.
    pub write_seconds: u64,
    /// Cells in one answer about availability.
    pub response_cells: usize,
    /// Cells that one question about groups adds up.
    pub group_cells: usize,
    /// Bytes of one page of a list, and of the events that come together; what is beyond is on the next.
    pub page_bytes: usize,
    /// Bytes of large answers (64 KiB or more, over HTTP/2 4 KiB) that are made for one connection and not yet written.
    /// Request bodies over 64 KiB take room here, too, until they are parsed.
    pub connection_answer_bytes: usize,
    /// The same of all connections together; a caller may have as much of it as it leaves to others.
    pub answer_bytes: usize,
    /// Long reads at a time, all but one of them for the same caller; 0 for half of the cores, at least 2.
    /// Streams that read back what they missed have as many turns of their own, whatever is set here.
    pub long_reads: usize,
    /// Long reads that wait for their turn; a caller may have as many as it leaves to others.
    pub long_reads_waiting: usize,
    /// Imports and exports at a time, all but one of them for the same caller.
    pub files: usize,
    /// Writes on their way to the log.
    pub in_flight: usize,
    /// Locations that the groups of all lines of a promise may have together; at most 16,384.
    pub reservation_group_cells: usize,
    /// Cells and kinds of promises that one decision looks at while it makes room; beyond, it is refused.
    pub plan_looks: usize,
    /// Open promises that one decision moves to make room; beyond, it is refused.
    pub plan_promises: usize,
    /// Lines that wait for one cell; more are not promised what is to come to it.
    pub cell_waits: usize,
    /// Rows of an import that is loaded whole or not at all.
    pub import_atomic_rows: usize,
    /// How long a request's head may take to arrive, and how long a connection may be idle between two requests.
    pub header_seconds: u64,
    /// How long a shutdown waits for requests to end.
    pub shutdown_seconds: u64,
    /// Requests a second from one address, in bursts of as many; 0 for any number.
    pub address_requests_per_second: u32,
    /// Requests a second with one key, or of one subject of tokens, in bursts of as many; 0 for any number.
    pub key_requests_per_second: u32,
    /// Channels that promises made up and nobody declared. A caller known by a key has at most as many as are left for
    /// others; so with the two limits below.
    pub undeclared_channels: u32,
    /// Locations that movements, counts and supply made up and nobody declared.
    pub undeclared_locations: u32,
    /// SKUs that movements, counts and supply made up and nobody declared.
    pub undeclared_skus: u32,
    /// What may be asked for through a channel, by its name: `[limits.channel.web]`. What is left out is that of
    /// `channel_default`.
    pub channel: BTreeMap<String, PromiseLimits>,
    /// What may be asked for through any channel.
    pub channel_default: PromiseLimits,
    /// What may be asked for with any key, or by any subject of tokens; a key may have limits of its own.
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

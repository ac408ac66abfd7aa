//! Shared parts of the benchmarks: retailers of any size, in process, and a generator of cells.

pub mod month;
pub mod retailer;
pub mod selling;
pub mod year;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anaquel_engine::admission::{LineRequest, ReserveRequest, Target};
use anaquel_engine::command::{Command, Count, NameRef, Outcome, Reserve, ReserveLine, Rows};
use anaquel_engine::event::{Few, Purpose, Record};
use anaquel_engine::ids::{ChannelId, LocationId, Name, SkuId, Timestamp};
use anaquel_engine::journal::LogOptions;
use anaquel_engine::journal::memory::MemoryDisk;
use anaquel_engine::recovery::{Options, StartReport};
use anaquel_engine::settings::Settings;
use anaquel_engine::{Clock, Engine};
pub use anaquel_seeds::Numbers;

/// The clock of a measuring process.
pub struct Monotonic(Instant);

impl Default for Monotonic {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for Monotonic {
    fn now(&self) -> Timestamp {
        Timestamp(1_800_000_000_000 + self.0.elapsed().as_millis() as u64)
    }
}

/// The settings of a measured engine.
pub fn settings() -> Settings {
    Settings { in_flight_max: 1 << 20, ..Settings::default() }
}

/// An engine on a log in memory.
///
/// # Panics
/// Never on an empty disk.
pub fn in_memory() -> Engine {
    in_memory_at(Arc::new(Monotonic::default()))
}

/// The same with another clock.
///
/// # Panics
/// Never on an empty disk.
pub fn in_memory_at(clock: Arc<dyn Clock>) -> Engine {
    Engine::in_memory(MemoryDisk::default(), settings(), clock, None).expect("an empty disk opens")
}

/// An engine on sled in `directory`.
///
/// # Errors
/// What is wrong with the directory.
pub fn on_disk(directory: &Path) -> anyhow::Result<(Engine, StartReport)> {
    let options =
        Options { settings: settings(), log: LogOptions::default(), entropy: 7, trust_clock: true, role: None };
    Ok(Engine::open(directory, options, Arc::new(Monotonic::default()), None)?)
}

/// Stocks every one of `skus` SKUs in every one of `locations` locations with `on_hand` units, SKU by SKU.
///
/// # Panics
/// The engine refuses it.
pub fn stock(engine: &Engine, skus: u32, locations: u32, on_hand: i32) {
    let chunk = (20_000 / locations).max(1);
    for first in (0..skus).step_by(chunk as usize) {
        let count = |sku: u32, location: u32| Count {
            line: 0,
            sku: NameRef::New(name("sku", sku)),
            location: NameRef::New(name("location", location)),
            on_hand,
            counted_at: None,
            safety_stock: Some(0),
            as_of: None,
        };
        let last = (first + chunk).min(skus);
        let counts = (first..last).flat_map(|sku| (0..locations).map(move |location| count(sku, location))).collect();
        let command = Command::load(Rows::Stock { counts, create: true }, false);
        let loaded = engine.run(|engine, done| engine.submit(command, None, done)).expect("stock loads");
        assert!(matches!(loaded, Outcome::Loaded(loaded) if loaded.errors.is_empty()));
    }
}

/// The name of the nth item of a kind.
///
/// # Panics
/// Never: the pattern is a valid name.
pub fn name(kind: &str, n: u32) -> Name {
    Name::parse(&format!("{kind}-{n:07}")).expect("a valid name")
}

/// The channel's name, which every promise contains.
fn web() -> Name {
    static WEB: std::sync::LazyLock<Name> = std::sync::LazyLock::new(|| Name::parse("web").expect("a valid name"));
    WEB.clone()
}

/// A promise of one unit by interned ids, as admission passes it on after resolving names.
pub fn one(sku: u32, location: u32) -> Reserve {
    Reserve {
        channel: NameRef::Known(ChannelId(0)),
        channel_name: web(),
        purpose: Purpose::Cart,
        customer: None,
        order: None,
        ttl_seconds: 900,
        confirm: false,
        allow_partial: false,
        supersedes: Default::default(),
        lines: Few::from_buf([ReserveLine {
            sku: SkuId(sku),
            location: LocationId(location),
            quantity: 1,
            latest: None,
        }]),
        group_lines: Vec::new(),
        admitted: Few::new(),
        fetched_at: None,
        is_attempt: false,
        bounds: Vec::new(),
        first_line: 0,
        replaces_parts_of: Vec::new(),
    }
}

/// The same as a caller requests it, by names.
pub fn request(sku: u32, location: u32) -> ReserveRequest {
    ReserveRequest {
        channel: name("channel", 0),
        purpose: Purpose::Cart,
        customer: None,
        order: None,
        ttl_seconds: 900,
        confirm: false,
        allow_partial: false,
        supersedes: Default::default(),
        fetched_at: None,
        is_attempt: false,
        lines: Few::from_iter([LineRequest {
            sku: name("sku", sku),
            place: Target::Location(name("location", location)),
            quantity: 1,
            latest: None,
        }]),
    }
}

/// An engine in memory with this many reservations of one line.
///
/// # Panics
/// The engine refuses them.
pub fn reservations(count: u32) -> Engine {
    let engine = in_memory();
    stock(&engine, 100, 10, 1_000_000);
    for n in 0..count {
        engine.run(|engine, done| engine.reserve(request(n % 100, n % 10), None, done)).expect("there is enough");
    }
    engine
}

/// The last `count` records of its log.
///
/// # Panics
/// The log is unreadable.
pub fn recorded(engine: &Engine, count: usize) -> Vec<Record> {
    let after = engine.state().view.seq() - count as u64;
    engine.events(after, count).expect("the log reads")
}

/// The median of some measurements.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Resident memory of this process, in bytes.
pub fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

//! The parameters of a scenario.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::link::Protocol;
use super::pattern::Pattern;
use super::schedule::Rate;

/// The kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Availability reads.
    Browse,
    /// Reserve, confirm, collect; one in ten cancels, two in ten walk away. With --orders a cart becomes an order, which is
    /// paid, receipted and collected.
    Checkout,
    /// Everyone wants one SKU with little stock.
    FlashSale,
    /// A real quarter of tills, many times as fast: sales with prices and receipts, lines that come back with credit notes,
    /// and orders that are collected; needs --folder.
    StoreDay,
    /// Checkouts, while all subscribers are disconnected at once and reconnect, again and again.
    ReconnectStorm,
    /// Nine reads in ten visits, a checkout in eleven, a movement in a hundred.
    Mixed,
    /// The same for long; the log is audited meanwhile, and memory must stay flat.
    Soak,
}

/// The arguments.
#[derive(Debug, Clone, clap::Args)]
pub struct ScenarioPlan {
    /// The kind of load.
    pub scenario: Scenario,
    /// A running server on this machine, such as 127.0.0.1:7070; without it, one is started for the run, and verified
    /// by
    /// `anaquel verify` afterwards.
    #[arg(long)]
    pub address: Option<SocketAddr>,
    /// Visits a second: a number, a ramp such as 1000..20000, or steps such as 1000..20000/5.
    #[arg(long, default_value = "5000")]
    pub rate: Rate,
    /// The duration; a store day lasts as long as its data.
    #[arg(long, default_value_t = 20)]
    pub seconds: u64,
    /// Connections.
    #[arg(long, default_value_t = 64)]
    pub connections: usize,
    /// How requests travel.
    #[arg(long, value_enum, default_value = "http")]
    pub protocol: Protocol,
    /// The distribution of demand: uniform, zipf, zipf:EXPONENT, or hot.
    #[arg(long, default_value = "zipf")]
    pub pattern: Pattern,
    /// A checkout by carts and orders with payments and receipts, instead of reservations; over HTTP.
    #[arg(long)]
    pub orders: bool,
    /// Units of a flash sale.
    #[arg(long, default_value_t = 10_000)]
    pub units: u64,
    /// Subscribers of a reconnect storm.
    #[arg(long, default_value_t = 1000)]
    pub subscribers: u64,
    /// Times that they are disconnected.
    #[arg(long, default_value_t = 5)]
    pub storms: u32,
    /// Folder with the tills of a store day: products.csv.gz and transactions.csv.gz.
    #[arg(long)]
    pub folder: Option<PathBuf>,
    /// The speed factor of a store day; 86,400 is a day per second.
    #[arg(long, default_value_t = 86_400.0)]
    pub speed: f64,
    /// Only the first so many lines of the tills.
    #[arg(long)]
    pub lines: Option<u64>,
    /// Folder for report.json and report.html.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// The seed of the random choices; printed, so that a run can be repeated.
    #[arg(long)]
    pub seed: Option<u64>,
}

//! Orders, receipts and rows of the ledger that leave memory for the archive: read as before, recalled for a step, through
//! crashes, copies and damage.

mod copies;
mod crashes;
mod following;
mod leaving;
mod random;
mod recall;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anaquel_engine::engine::archive::Needed;
use anaquel_engine::orders::{Filter, OrderId, SaleRow, SalesFilter};
use anaquel_engine::receipts::{Filter as ReceiptFilter, Key, Receipt, ReceiptId};
use anaquel_engine::recovery::Options;
use anaquel_engine::settings::{OrderSettings, Settings};
use anaquel_engine::verify;
use anaquel_engine::{Engine, journal::memory::MemoryDisk};

use super::*;
use crate::common::{ManualClock, START_MS, log_options};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// How long orders stay in memory here.
const MEMORY_DAYS: u64 = 90;

fn try_open(directory: &Path, clock: &Arc<ManualClock>) -> Result<Shop, String> {
    let orders = OrderSettings {
        memory_seconds: MEMORY_DAYS * 24 * 60 * 60,
        archive_file_bytes: 4_000,
        archives_by_itself: false,
    };
    let settings = Settings { orders, clock_jump_seconds_max: u64::MAX, ..Settings::default() };
    let options = Options { log: log_options(), settings, entropy: 42, trust_clock: true, role: None };
    let (engine, _) = Engine::open(directory, options, clock.clone(), None).map_err(|error| error.to_string())?;
    Ok(Shop { engine, clock: clock.clone(), disk: MemoryDisk::default() })
}

fn open(directory: &Path, clock: &Arc<ManualClock>) -> Shop {
    try_open(directory, clock).unwrap()
}

/// A shop on the disk, with prices, taxes and series.
struct OnDisk {
    _folder: tempfile::TempDir,
    directory: PathBuf,
    clock: Arc<ManualClock>,
}

fn on_disk() -> (OnDisk, Shop) {
    let folder = tempfile::tempdir().unwrap();
    let (directory, clock) = (folder.path().join("data"), ManualClock::at(START_MS));
    let shop = open(&directory, &clock);
    shop.declare(&["s0", "s1", "s2"]);
    for (sku, price) in [("A", 299), ("B", 1000), ("C", 333)] {
        for location in ["s0", "s1", "s2"] {
            shop.receive(sku, location, 1000);
        }
        set_price(&shop, sku, Some(price));
    }
    put_tax(&shop);
    put_series(&shop, Scheme::None);
    (OnDisk { _folder: folder, directory, clock }, shop)
}

impl OnDisk {
    /// Closes the shop and opens what the disk has.
    fn restart(&self, shop: Shop) -> Shop {
        shop.engine.close().unwrap();
        drop(shop);
        open(&self.directory, &self.clock)
    }

    fn pass_days(&self, days: u64) {
        self.clock.advance(days * DAY_MS);
    }
}

/// Sells a unit of A and two of B, with a receipt, to one of two customers, at one of two tills.
fn sold(shop: &Shop, nth: u64) -> Order {
    let mut asked = sale(shop, &format!("S-{nth}"), ["s0", "s1"][nth as usize % 2], &[("A", 1), ("B", 2)]);
    asked.customer = Some(format!("c-{}", nth % 2).into());
    asked.till_reference = Some(format!("T-{nth}").into());
    asked.receipt = Some(receipt("R", 1000 + nth));
    ask(shop, Ask::Sell(Box::new(asked))).unwrap()
}

/// An issuer with this scheme and a series.
fn put_series_of(shop: &Shop, issuer: &str, scheme: Scheme, series: &str, kind: ReceiptKind) {
    let put =
        |command: ReceiptCommand| drop(shop.engine.run(|engine, done| engine.submit(command, None, done)).unwrap());
    let content = Issuer {
        tax_id: "89890001K".into(),
        name: "Tienda".into(),
        address: "Calle Mayor 1".into(),
        country: *b"ES",
        timezone: "Europe/Madrid".into(),
        scheme,
        environment: Environment::Test,
    };
    put(ReceiptCommand::SetIssuer(name(issuer), Some(Box::new(content)), Precondition::default()));
    let content = Series {
        issuer: name(issuer),
        kind,
        prefix: format!("{series}-"),
        digits: 6,
        first: 1,
        locations: Vec::new(),
        channels: Vec::new(),
        closed: false,
    };
    put(ReceiptCommand::SetSeries(name(series), Some(Box::new(content)), Precondition::default()));
}

fn receipt_id(text: &str) -> ReceiptId {
    ReceiptId::parse(text).unwrap()
}

/// Brings into memory what a step of the order needs, and takes it.
fn recalled(shop: &Shop, id: &str, command: Ask) -> Result<Order, Failure> {
    let needed = Needed { orders: vec![name(id)], ..Needed::default() };
    let seen = shop.engine.recall_needed(&needed).unwrap();
    ask(shop, Ask::After(seen, Box::new(command)))
}

/// Everything that is read of orders, receipts and the ledger, by pages of a few.
#[derive(Debug, Default, Clone, PartialEq)]
struct Reads {
    orders: Vec<Order>,
    receipts: Vec<Receipt>,
    rows: Vec<SaleRow>,
}

fn all_orders(shop: &Shop, filter: &Filter, page: usize) -> Vec<Order> {
    let (mut found, mut before): (Vec<Order>, Option<OrderId>) = (Vec::new(), None);
    loop {
        let (orders, next) = shop.engine.orders(filter, before, page, page + 1).unwrap();
        found.extend(orders.iter().map(|order| (**order).clone()));
        before = next;
        if before.is_none() {
            return found;
        }
    }
}

fn all_receipts(shop: &Shop, filter: &ReceiptFilter, page: usize) -> Vec<Receipt> {
    let (mut found, mut after): (Vec<Receipt>, Option<Key>) = (Vec::new(), None);
    loop {
        let (receipts, next) = shop.engine.receipts(filter, after.as_ref(), page, page + 1).unwrap();
        found.extend(receipts.iter().map(|receipt| (**receipt).clone()));
        after = next.map(|receipt| Key::of(&receipt.issued));
        if after.is_none() {
            return found;
        }
    }
}

fn all_rows(shop: &Shop, filter: &SalesFilter, page: usize) -> Vec<SaleRow> {
    let (mut found, mut after): (Vec<SaleRow>, _) = (Vec::new(), None);
    loop {
        let (rows, next) = shop.engine.sales(filter, None, after, page, page + 1).unwrap();
        found.extend(rows.iter().map(|row| (**row).clone()));
        after = next;
        if after.is_none() {
            return found;
        }
    }
}

fn reads(shop: &Shop) -> Reads {
    let all: Vec<Reads> = [1, 3, 1000]
        .into_iter()
        .map(|page| Reads {
            orders: all_orders(shop, &Filter::default(), page),
            receipts: all_receipts(shop, &ReceiptFilter::default(), page),
            rows: all_rows(shop, &SalesFilter::default(), page),
        })
        .collect();
    assert!(all.windows(2).all(|two| two[0] == two[1]), "pages of any length come to the same");
    let reads = all.into_iter().next().unwrap();
    for order in &reads.orders {
        assert_eq!(shop.engine.order(order.name.as_str()).unwrap().as_deref(), Some(order));
    }
    for receipt in &reads.receipts {
        assert_eq!(shop.engine.receipt(&receipt.issued.id).unwrap().as_deref(), Some(receipt));
        assert_eq!(shop.engine.receipt_by_key(&receipt.issued.key).unwrap().as_deref(), Some(receipt));
    }
    reads
}

/// Orders, receipts and rows in memory.
fn in_memory(shop: &Shop) -> (usize, usize, usize) {
    let state = shop.engine.state();
    let (rows, _) = state.own.orders.sales(&SalesFilter::default(), None, usize::MAX, usize::MAX);
    (state.own.orders.all().len(), state.own.receipts.count(), rows.len())
}

/// The running hash is that of everything, and the log is proven; returns the shop, opened again.
fn prove(on_disk: &OnDisk, shop: Shop) -> Shop {
    let hash = shop.engine.state().hash.sums();
    assert_eq!(shop.engine.state().hash_anew(), hash);
    shop.engine.close().unwrap();
    drop(shop);
    let proof = verify::verify(&on_disk.directory, verify::Allowances::default()).unwrap();
    assert_eq!(proof.sums, hash);
    let shop = open(&on_disk.directory, &on_disk.clock);
    assert_eq!(shop.engine.state().hash.sums(), hash);
    shop
}

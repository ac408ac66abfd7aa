//! The retailer under attack: its keys, the honest shop's own stock, and the targets of the attacks. The names are a
//! function of a few numbers, so that the attackers' process can compute them, too.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::client::Client;
use crate::server;

/// The prefix of the honest shop's SKUs. No attacker takes units of them: a caller that may reserve may take all stock,
/// which is a matter of rights and limits, not of load.
pub(super) const SHOP: &str = "SHOP-";
/// SKUs of the honest shop, each in [`SHOP_STORES`] stores.
pub(super) const SHOP_SKUS: u64 = 50;
/// Stores of the honest shop.
pub(super) const SHOP_STORES: u64 = 4;
/// The channel that the attacker's `reserve` key is bound to.
pub(super) const CHANNEL: &str = "mkt";
/// Known SKUs without stock.
pub(super) const VOIDS: u64 = 100;
/// SKUs with a promise that needs two others to move.
pub(super) const TRIPLES: u64 = 64;
/// SKUs of small overlapping groups, under rules, buffers and quotas, with inbound supply.
pub(super) const MIXES: u64 = 20;
/// SKUs with more units than any caller takes.
pub(super) const BAITS: u64 = 32;
/// The most units of a line, and the stock of SKUs that must not run out.
pub(super) const PLENTY: u64 = 1_000_000_000;
/// The buffer of the attackers' channel.
const BUFFER: u64 = 2;
/// Rows of one request.
const ROWS: usize = 1000;

/// The size of the network.
#[derive(Debug, Clone, Copy)]
pub(super) struct Network {
    /// Locations of the large group.
    pub places: u64,
    /// SKUs that are stocked in a fifth of them.
    pub skus: u64,
}

/// The keys.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// All scopes: loads the network, and reads the log.
    pub house: String,
    /// The honest shop's.
    pub shop: String,
    /// An attacker's, with `read`.
    pub read: String,
    /// An attacker's, with `reserve`, through one channel.
    pub reserve: String,
}

impl Keys {
    /// Creates them, in a data directory that no server has open.
    pub fn make(binary: &Path, data: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data)?;
        let data = data.to_str().context("a path that is text")?;
        let key = |name: &str, scopes: &[&str], more: &[&str]| {
            let mut words = vec!["keys", "--data", data, "add", name];
            words.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
            words.extend(more);
            let output = server::run(binary, &words)?;
            ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        Ok(Self {
            house: key("house", &["admin"], &[])?,
            shop: key("shop", &["read", "reserve", "fulfil", "stock"], &[])?,
            read: key("reader", &["read"], &[])?,
            reserve: key("marketplace", &["reserve"], &["--channel", CHANNEL])?,
        })
    }
}

/// A cell of the honest shop.
pub(super) fn shop_cell(n: u64) -> (String, String) {
    (format!("{SHOP}{:03}", n / SHOP_STORES % SHOP_SKUS), format!("shop-{}", n % SHOP_STORES))
}

impl Network {
    /// A location of the large group.
    pub fn place(self, n: u64) -> String {
        format!("att-{:05}", n % self.places)
    }

    /// A SKU that is stocked in many of them.
    pub fn wide(self, n: u64) -> String {
        format!("WIDE-{:04}", n % self.skus)
    }

    /// The locations that stock each of those.
    pub fn wide_places(self) -> u64 {
        (self.places / 5).max(1)
    }

    /// Units of each kind in a triple.
    pub fn triple_units(n: u64) -> u64 {
        [100_000, 1_000_000, 10_000_000, PLENTY].get(n as usize % 4).copied().unwrap_or(PLENTY)
    }

    /// The most units that the attackers' channel may request from a location of a triple.
    pub fn triple_most(n: u64) -> u64 {
        Self::triple_units(n) - BUFFER
    }

    /// Loads the network.
    pub fn load(self, client: &mut Client) -> anyhow::Result<()> {
        self.places_and_skus(client)?;
        self.stock(client)?;
        rules(client)?;
        supply(client)?;
        triples(client)?;
        mixes(client)
    }

    fn places_and_skus(self, client: &mut Client) -> anyhow::Result<()> {
        for (channel, buffer) in [("web", 0), ("pos", 0), (CHANNEL, BUFFER)] {
            told(client.put(&format!("/v1/channels/{channel}"), &json!({"buffer": buffer}))?, "a channel")?;
        }
        let mut csv = "location,kind,latitude,longitude,groups\n".to_owned();
        for n in 0..self.places {
            // Groups that overlap: all, every other, every third, and sixteen that share locations with their
            // neighbours.
            let (other, third, belt) = (n % 2, n % 3, n * 16 / self.places);
            let (north, west) = (36.0 + (n % 100) as f64 / 20.0, (n / 100 % 100) as f64 / 20.0);
            let next = (belt + 1) % 16;
            let groups = format!("att-all;att-odd-{other};att-third-{third};att-belt-{belt};att-belt-{next}");
            let _ = writeln!(csv, "{},store,{north},-{west},{groups}", self.place(n));
        }
        for store in 0..SHOP_STORES {
            let _ = writeln!(csv, "shop-{store},store,40.4,-3.7,shops");
        }
        csv.push_str("tri-a,store,40,-3,tri-ab\ntri-b,store,40,-3,tri-ab;tri-bc\ntri-c,store,40,-3,tri-bc\n");
        csv.push_str("mix-a,store,40,-3,mix-abc;mix-all\nmix-b,store,40,-3,mix-abc;mix-bcd;mix-all\n");
        csv.push_str("mix-c,store,40,-3,mix-abc;mix-bcd;mix-cde;mix-all\nmix-d,store,40,-3,mix-bcd;mix-cde;mix-all\n");
        csv.push_str("mix-e,store,40,-3,mix-cde;mix-all\n");
        import(client, "locations", &csv)?;
        let mut csv = "sku\n".to_owned();
        for n in 0..VOIDS {
            let _ = writeln!(csv, "VOID-{n:03}");
        }
        import(client, "skus", &csv)
    }

    fn stock(self, client: &mut Client) -> anyhow::Result<()> {
        // SKU by SKU, in small bodies.
        for first in (0..self.skus).step_by(50) {
            let mut csv = "sku,location,on_hand\n".to_owned();
            for sku in first..(first + 50).min(self.skus) {
                for place in 0..self.wide_places() {
                    let _ = writeln!(csv, "{},{},20", self.wide(sku), self.place(place * 5));
                }
            }
            import(client, "stock?create=true", &csv)?;
        }
        let mut csv = "sku,location,on_hand\n".to_owned();
        for n in 0..BAITS {
            let _ = writeln!(csv, "BAIT-{n:02},{},{PLENTY}", self.place(n));
        }
        for n in 0..SHOP_SKUS * SHOP_STORES {
            let (sku, store) = shop_cell(n);
            let _ = writeln!(csv, "{sku},{store},{PLENTY}");
        }
        for n in 0..MIXES {
            for place in ["mix-a", "mix-b", "mix-c", "mix-d", "mix-e"] {
                let _ = writeln!(csv, "MIX-{n:02},{place},{}", if n % 4 == 0 { 1_000_000 } else { 10 });
            }
        }
        import(client, "stock?create=true", &csv)
    }
}

/// Rules for the mixed SKUs, so that the shop's own promises depend on none of them.
fn rules(client: &mut Client) -> anyhow::Result<()> {
    let skus = |step: usize| (0..MIXES).step_by(step).map(|n| format!("MIX-{n:02}")).collect::<Vec<_>>();
    let rules = [
        ("floor", json!({"kind": "safety_stock", "units": 1, "skus": skus(2), "channels": [CHANNEL]})),
        ("share", json!({"kind": "safety_stock", "percent": 10, "skus": skus(5), "locations": ["mix-b"]})),
        (
            "kept",
            json!({"kind": "quota", "units": 3, "spill_over": true, "skus": skus(3), "groups": ["mix-abc"], "channels": ["pos"]}),
        ),
        ("bands", json!({"kind": "band", "few_left": 3, "exact": false, "skus": skus(7), "channels": [CHANNEL]})),
        ("later", json!({"kind": "backorder", "units": 5, "lead_days": 3, "skus": skus(4)})),
    ];
    for (name, rule) in rules {
        told(client.put(&format!("/v1/rules/{name}"), &rule)?, name)?;
    }
    Ok(())
}

fn supply(client: &mut Client) -> anyhow::Result<()> {
    let supply = |n: u64| {
        json!({"supply": format!("PO-{n}"), "sku": format!("MIX-{n:02}"), "location": "mix-a", "quantity": 40,
               "expected_at": "2099-01-10T09:00:00Z"})
    };
    let supplies: Vec<Value> = (0..MIXES).map(supply).collect();
    told(client.put("/v1/supply", &json!({"supplies": supplies}))?, "supply")
}

/// Units of one group are at *a*, those of the other at *b*, and *c* has available units: a promise at *a* needs the
/// first to move to *b*, and the second to *c*.
fn triples(client: &mut Client) -> anyhow::Result<()> {
    for (place, group) in [("tri-a", Some("tri-ab")), ("tri-b", Some("tri-bc")), ("tri-c", None)] {
        let receipt = |n: u64| {
            let quantity = Network::triple_units(n);
            json!({"kind": "receipt", "sku": format!("TRI-{n:02}"), "location": place, "quantity": quantity})
        };
        movements(client, (0..TRIPLES).map(receipt).collect())?;
        for n in (0..TRIPLES).filter(|_| group.is_some()) {
            let line = json!({"sku": format!("TRI-{n:02}"), "group": group, "quantity": Network::triple_units(n)});
            let body = json!({"channel": "pos", "confirm": true, "lines": [line]});
            told(client.post("/v1/reservations", &body)?, "a triple")?;
        }
    }
    Ok(())
}

/// Promises of the shop in groups, which must move to make room for attackers' promises.
fn mixes(client: &mut Client) -> anyhow::Result<()> {
    for n in 0..MIXES {
        for group in ["mix-abc", "mix-bcd", "mix-cde"] {
            let line = json!({"sku": format!("MIX-{n:02}"), "group": group, "quantity": 4});
            let body = json!({"channel": "pos", "confirm": true, "allow_partial": true, "lines": [line]});
            told(client.post("/v1/reservations", &body)?, "a mix")?;
        }
    }
    Ok(())
}

fn movements(client: &mut Client, rows: Vec<Value>) -> anyhow::Result<()> {
    for rows in rows.chunks(ROWS) {
        told(client.post("/v1/stock/movements", &json!({"movements": rows}))?, "movements")?;
    }
    Ok(())
}

fn import(client: &mut Client, kind: &str, csv: &str) -> anyhow::Result<()> {
    let answer = client.import(&format!("/v1/import/{kind}"), csv.as_bytes())?;
    let body = answer.json();
    ensure!(answer.status == 200, "importing {kind}: {body}");
    ensure!(body.get("rejected").and_then(Value::as_u64) == Some(0), "importing {kind}: {body}");
    Ok(())
}

fn told(answer: crate::client::Answer, what: &str) -> anyhow::Result<()> {
    ensure!(answer.status < 300, "{what}: {}", answer.json());
    Ok(())
}

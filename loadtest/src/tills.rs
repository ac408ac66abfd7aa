//! A real quarter of tills, as baskets: the *Complete Journey* sample of 254 stores, `products.csv.gz` and
//! `transactions.csv.gz` in one folder. The opening stock is the quarter's sales in each cell plus [`LEFT`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use flate2::read::GzDecoder;
use jiff::civil::DateTime;
use serde_json::{Value, json};

use crate::client::Client;

/// Units that are left in every cell when everything is sold.
pub(crate) const LEFT: i64 = 3;

/// Lines of one reservation, and of one sale.
const LINES_MAX: usize = 100;

/// One of this many baskets brings a line back.
const BASKETS_A_RETURN: u64 = 20;

/// Units of one SKU, and their money in cents.
#[derive(Debug, Clone)]
pub struct TillLine {
    /// The SKU.
    pub sku: String,
    /// Units.
    pub quantity: i64,
    /// What a unit costs on the shelf, rounded up to whole cents.
    pub unit_amount: i64,
    /// What is taken off the whole line: the till's discounts, and what the rounding added.
    pub discount: i64,
}

impl TillLine {
    /// What the customer paid.
    pub fn amount(&self) -> i64 {
        self.unit_amount * self.quantity - self.discount
    }
}

/// One basket: lines of one store at one moment.
#[derive(Debug, Clone)]
pub struct Basket {
    /// Its number.
    pub id: String,
    /// The store.
    pub store: String,
    /// When it was sold, on the clock of the store.
    pub moment: DateTime,
    /// The time since the start of the first basket's day.
    pub at: Duration,
    /// Lines of at least one unit.
    pub lines: Vec<TillLine>,
    /// Cents of lines that have money and no units.
    pub without_units: i64,
}

impl Basket {
    /// Whether the `nth` basket is ordered before it is collected: one in ten, if it is small enough.
    pub fn is_order(&self, nth: usize) -> bool {
        nth % 10 == 3 && self.lines.len() <= LINES_MAX
    }

    /// Its sales, as bodies of requests without a time: one, or several if it has more than 100 lines. Money of no units
    /// is a charge of the first.
    pub fn sales(&self) -> Vec<Value> {
        let line = |line: &TillLine| {
            let TillLine { sku, quantity, unit_amount, discount } = line;
            json!({"sku": sku, "quantity": quantity, "unit_amount": unit_amount, "discount": discount})
        };
        let body = |(part, lines): (usize, &[TillLine])| {
            let charge = if part == 0 { self.without_units } else { 0 };
            let amount = lines.iter().map(TillLine::amount).sum::<i64>() + charge;
            let lines: Vec<Value> = lines.iter().map(line).collect();
            let mut body = json!({"order": format!("{}-{part}", self.id), "channel": "pos", "location": self.store,
                "currency": "USD", "lines": lines, "payments": [{"tender": "card", "amount": amount}]});
            if let Some(members) = body.as_object_mut().filter(|_| charge > 0) {
                members.insert("charges".into(), json!([{"charge": "without-units", "amount": charge}]));
            }
            body
        };
        self.lines.chunks(LINES_MAX).enumerate().map(body).collect()
    }

    /// What the customer paid.
    pub fn amount(&self) -> i64 {
        self.lines.iter().map(TillLine::amount).sum::<i64>() + self.without_units
    }

    /// The line that comes back, of the baskets of which one does: its place in the first sale, and the line. The number
    /// of the basket says which, so that a script knows it, too.
    pub fn returned(&self) -> Option<(usize, &TillLine)> {
        let id: u64 = self.id.parse().ok()?;
        let lines = self.lines.len().min(LINES_MAX) as u64;
        let at = (id / BASKETS_A_RETURN).checked_rem(lines)? as usize;
        let line = self.lines.get(at).filter(|_| id % BASKETS_A_RETURN == 3)?;
        Some((at, line))
    }

    /// The return of that line as a body of a request, without a time, with a credit note of a series.
    pub fn take_back(&self, series: &str) -> Option<Value> {
        let (at, line) = self.returned()?;
        let lines = [json!({"line": (at + 1).to_string(), "quantity": line.quantity, "condition": "sellable"})];
        // What was paid is paid back; of what was free, nothing.
        let paid = json!({"tender": "card", "amount": line.amount(), "state": "done"});
        let refunds: Vec<Value> = Some(paid).filter(|_| line.amount() > 0).into_iter().collect();
        Some(json!({"return": format!("{}-back", self.id), "channel": "pos", "location": self.store,
            "order": format!("{}-0", self.id), "lines": lines, "refunds": refunds, "receipt": {"series": series}}))
    }
}

/// The sales of the tills.
#[derive(Debug, Default)]
pub struct Tills {
    /// SKUs that the product file has.
    pub products: BTreeSet<String>,
    /// In the order of the file.
    pub baskets: Vec<Basket>,
    /// By SKU and store.
    pub sold: BTreeMap<(String, String), i64>,
    /// Lines that were read.
    pub lines: u64,
    /// Lines of quantity 0, of which only the money is in a basket, if there is some.
    pub zero: u64,
    /// SKUs that the product file does not have.
    pub unknown_skus: u64,
}

impl Tills {
    /// Reads `folder`, only the first `lines_max` lines if that is set.
    ///
    /// # Errors
    /// The data is missing or malformed.
    pub fn read(folder: &Path, lines_max: Option<u64>) -> anyhow::Result<Self> {
        let mut tills = Self::default();
        for row in rows(&folder.join("products.csv.gz"))? {
            tills.products.insert(row?.split(',').next().unwrap_or_default().to_owned());
        }
        let mut by_id: BTreeMap<String, usize> = BTreeMap::new();
        let mut unknown = BTreeSet::new();
        let mut opens = None;
        for row in rows(&folder.join("transactions.csv.gz"))? {
            if lines_max.is_some_and(|most| tills.lines >= most) {
                break;
            }
            let row = row?;
            let fields: Vec<&str> = row.split(',').collect();
            let (Some(store), Some(basket), Some(product), Some(quantity), Some(time)) =
                (fields.get(1), fields.get(2), fields.get(3), fields.get(4), fields.get(10))
            else {
                anyhow::bail!("a line with too few fields: {row}");
            };
            tills.lines += 1;
            let quantity: i64 = quantity.parse().with_context(|| row.clone())?;
            if !tills.products.contains(*product) {
                unknown.insert((*product).to_owned());
            }
            let (sku, store) = ((*product).to_owned(), format!("store-{store}"));
            *tills.sold.entry((sku.clone(), store.clone())).or_default() += quantity;
            tills.zero += u64::from(quantity == 0);
            let (paid, shelf) = money(&fields).with_context(|| row.clone())?;
            if quantity == 0 && paid == 0 {
                continue;
            }
            let moment: DateTime = time.parse().with_context(|| row.clone())?;
            let opens = *opens.get_or_insert(moment.start_of_day());
            let at = *by_id.entry((*basket).to_owned()).or_insert_with(|| {
                let at = Duration::try_from(moment.duration_since(opens)).unwrap_or_default();
                let (id, store) = ((*basket).to_owned(), store.clone());
                tills.baskets.push(Basket { id, store, moment, at, lines: Vec::new(), without_units: 0 });
                tills.baskets.len() - 1
            });
            let basket = tills.baskets.get_mut(at).context("made above")?;
            ensure!(basket.store == store, "basket {} is in two stores", basket.id);
            if quantity == 0 {
                basket.without_units += paid;
                continue;
            }
            let unit_amount = (shelf + quantity - 1) / quantity;
            let discount = unit_amount * quantity - paid;
            basket.lines.push(TillLine { sku, quantity, unit_amount, discount });
        }
        tills.unknown_skus = unknown.len() as u64;
        Ok(tills)
    }

    /// Every store of the tills.
    pub fn stores(&self) -> BTreeSet<&String> {
        self.sold.keys().map(|(_, store)| store).collect()
    }

    /// Loads products, stores and opening stock, which was counted at `counted_at`, or now.
    ///
    /// # Errors
    /// The server does not accept every row.
    pub fn stock_up(&self, client: &mut Client, counted_at: Option<&str>) -> anyhow::Result<()> {
        let mut csv = String::from("sku\n");
        csv.extend(self.products.iter().map(|sku| format!("{sku}\n")));
        import(client, "/v1/import/skus", &csv, self.products.len())?;
        let stores = self.stores();
        let mut csv = String::from("location,kind\n");
        csv.extend(stores.iter().map(|store| format!("{store},store\n")));
        import(client, "/v1/import/locations", &csv, stores.len())?;
        let counted_at = counted_at.unwrap_or_default();
        let mut csv = String::from("sku,location,on_hand,counted_at\n");
        let row =
            |((sku, store), units): (&(String, String), &i64)| format!("{sku},{store},{},{counted_at}\n", units + LEFT);
        csv.extend(self.sold.iter().map(row));
        import(client, "/v1/import/stock?create=true", &csv, self.sold.len())
    }
}

/// What a line cost the customer, and what it costs on the shelf, in cents. A manufacturer's coupon is the store's money.
fn money(fields: &[&str]) -> anyhow::Result<(i64, i64)> {
    // Some amounts of the file carry the noise of a floating-point number.
    let cents =
        |at: usize| anyhow::Ok((fields.get(at).context("a field is missing")?.parse::<f64>()? * 100.0).round() as i64);
    let paid = cents(5)?;
    Ok((paid, paid + cents(6)? + cents(8)?))
}

fn rows(path: &Path) -> anyhow::Result<impl Iterator<Item = std::io::Result<String>>> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    Ok(BufReader::new(GzDecoder::new(file)).lines().skip(1))
}

fn import(client: &mut Client, path: &str, csv: &str, rows: usize) -> anyhow::Result<()> {
    let told = client.import(path, csv.as_bytes())?.json();
    let accepted = told.get("accepted").and_then(serde_json::Value::as_u64);
    ensure!(accepted == Some(rows as u64), "{path}: {rows} rows, and {told}");
    Ok(())
}

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

use crate::client::Client;

/// Units that are left in every cell when everything is sold.
pub(crate) const LEFT: i64 = 3;

/// Lines of one reservation.
const LINES_MAX: usize = 100;

/// One basket: lines of one store at one moment.
#[derive(Debug, Clone, Default)]
pub struct Basket {
    /// Its number.
    pub id: String,
    /// The store.
    pub store: String,
    /// The time since the start of the first basket's day.
    pub at: Duration,
    /// SKU and units.
    pub lines: Vec<(String, i64)>,
}

impl Basket {
    /// Whether the `nth` basket is ordered before it is collected: one in ten, if it is small enough.
    pub fn is_order(&self, nth: usize) -> bool {
        nth % 10 == 3 && self.lines.len() <= LINES_MAX
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
    /// Lines of quantity 0, which are in no basket.
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
            if quantity == 0 {
                tills.zero += 1;
                continue;
            }
            let time: DateTime = time.parse().with_context(|| row.clone())?;
            let opens = *opens.get_or_insert(time.start_of_day());
            let at = *by_id.entry((*basket).to_owned()).or_insert_with(|| {
                let at = Duration::try_from(time.duration_since(opens)).unwrap_or_default();
                tills.baskets.push(Basket { id: (*basket).to_owned(), store: store.clone(), at, lines: Vec::new() });
                tills.baskets.len() - 1
            });
            let basket = tills.baskets.get_mut(at).context("made above")?;
            ensure!(basket.store == store, "basket {} is in two stores", basket.id);
            basket.lines.push((sku, quantity));
        }
        tills.unknown_skus = unknown.len() as u64;
        Ok(tills)
    }

    /// Every store of the tills.
    pub fn stores(&self) -> BTreeSet<&String> {
        self.sold.keys().map(|(_, store)| store).collect()
    }

    /// Loads products, stores and opening stock.
    ///
    /// # Errors
    /// The server does not accept every row.
    pub fn stock_up(&self, client: &mut Client) -> anyhow::Result<()> {
        let mut csv = String::from("sku\n");
        csv.extend(self.products.iter().map(|sku| format!("{sku}\n")));
        import(client, "/v1/import/skus", &csv, self.products.len())?;
        let stores = self.stores();
        let mut csv = String::from("location,kind\n");
        csv.extend(stores.iter().map(|store| format!("{store},store\n")));
        import(client, "/v1/import/locations", &csv, stores.len())?;
        let mut csv = String::from("sku,location,on_hand\n");
        csv.extend(self.sold.iter().map(|((sku, store), units)| format!("{sku},{store},{}\n", units + LEFT)));
        import(client, "/v1/import/stock?create=true", &csv, self.sold.len())
    }
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

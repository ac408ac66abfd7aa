//! One visit: a request, or several that depend on each other.

use std::sync::Arc;
use std::time::Instant;

use anaquel_seeds::Numbers;
use anyhow::{bail, ensure};
use serde_json::{Value, json};

use super::link::{Ask, Link, Reply};
use super::measure::{Kind, Outcome, Recorder};
use super::pattern::Chooser;
use crate::audit::Witness;
use crate::stock::{LOCATIONS, name_cell};
use crate::tills::{Basket, TillLine};

/// The SKU of a flash sale.
const FLASH_LINE: &str = r#"{"sku":"SKU-FLASH","location":"store-000","quantity":1}"#;

/// One of this many reads is compared with the log, cell by cell.
const READS_A_CHECK: u64 = 32;

/// The time to live of an abandoned hold.
pub(super) const ABANDONED_SECONDS: u64 = 5;

/// The series of the receipts of a store day, and of its credit notes.
pub(super) const SERIES: &str = "TILLS";
pub(super) const NOTES: &str = "BACK";

/// The series of the receipts of orders, and what a unit of every SKU costs.
pub(super) const ORDERS: &str = "ORDERS";
pub(super) const PRICE: i64 = 1000;

/// The kind of visits.
#[derive(Debug)]
pub(super) enum Script {
    /// Availability of a SKU.
    Browse,
    /// Reserve one unit; most confirm and collect it, some cancel, some walk away.
    Checkout,
    /// Put one unit into a cart and order it; most pay and collect it, some cancel, some walk away. The ids begin with this.
    Orders(String),
    /// Reserve one unit of the flash sale's SKU.
    FlashSale,
    /// Nine reads in ten visits, a checkout in eleven, a movement in a hundred.
    Mixed,
    /// One basket each, in their order: sold with a receipt, of which a line may come back, or ordered and collected.
    Baskets(Vec<Basket>),
}

/// One connection's visitor.
#[derive(Debug)]
pub(super) struct Shopper {
    pub link: Link,
    pub script: Arc<Script>,
    pub chooser: Arc<Chooser>,
    pub numbers: Numbers,
    pub witness: Witness,
    pub recorder: Arc<Recorder>,
}

impl Shopper {
    /// The `nth` visit, which was due at `due`.
    pub async fn visit(&mut self, nth: u64, due: Instant) -> anyhow::Result<()> {
        let script = Arc::clone(&self.script);
        match &*script {
            Script::Browse => self.browse(due).await,
            Script::Checkout => self.checkout(due).await,
            Script::Orders(ids) => self.order(&format!("{ids}-{nth}"), due).await,
            Script::FlashSale => self.reserve(FLASH_LINE, due, None).await.map(drop),
            Script::Mixed => match self.numbers.below(100) {
                0..90 => self.browse(due).await,
                90..99 => self.checkout(due).await,
                _ => self.replenish(due).await,
            },
            Script::Baskets(baskets) => match baskets.get(nth as usize) {
                Some(basket) => self.buy(nth, basket, due).await,
                None => Ok(()),
            },
        }
    }

    async fn browse(&mut self, due: Instant) -> anyhow::Result<()> {
        let (sku, _) = name_cell(self.chooser.choose(&mut self.numbers));
        let is_checked = self.numbers.below(READS_A_CHECK) == 0;
        let asked = self.witness.ask();
        let reply = self.link.ask(&Ask::Availability(sku), is_checked).await?;
        match self.count(Kind::Availability, due, &reply)? {
            Outcome::Done if is_checked => {
                ensure!(reply.cells.len() as u64 == LOCATIONS, "a read told {} cells", reply.cells.len());
                self.witness.read(asked, reply.seq, reply.cells)
            }
            _ => Ok(()),
        }
    }

    async fn checkout(&mut self, due: Instant) -> anyhow::Result<()> {
        let (sku, location) = name_cell(self.chooser.choose(&mut self.numbers));
        let line = format!(r#"{{"sku":"{sku}","location":"{location}","quantity":1}}"#);
        let choice = self.numbers.below(10);
        let is_abandoned = choice >= 8;
        let Some(id) = self.reserve(&line, due, is_abandoned.then_some(ABANDONED_SECONDS)).await? else {
            return Ok(());
        };
        match choice {
            0..7 => {
                if self.step(Kind::Confirm, "confirm", "confirmed", &id).await? {
                    self.step(Kind::Collect, "collect", "collected", &id).await?;
                }
                Ok(())
            }
            7 => self.step(Kind::Cancel, "cancel", "cancelled", &id).await.map(drop),
            _ => Ok(()),
        }
    }

    /// A cart becomes an order, which is paid with a receipt, and collected.
    async fn order(&mut self, id: &str, due: Instant) -> anyhow::Result<()> {
        let (sku, location) = name_cell(self.chooser.choose(&mut self.numbers));
        let cart = json!({"cart": format!("k-{id}"), "channel": "web", "currency": "EUR", "location": location,
            "lines": [{"sku": sku, "quantity": 1}]});
        // A cart is answered as it is when it is read, so the answer's number is not that of its record.
        let made = self.link.ask(&Ask::Post("/v1/carts".into(), None, cart.to_string()), false).await?;
        if self.count(Kind::Cart, due, &made)? != Outcome::Done {
            return Ok(());
        }
        let choice = self.numbers.below(10);
        let seconds = if choice >= 8 { ABANDONED_SECONDS } else { 900 };
        let order = json!({"order": id, "channel": "web", "currency": "EUR", "cart": format!("k-{id}"),
            "expected_total": PRICE, "ttl_seconds": seconds,
            "fulfilments": [{"purpose": "pickup", "location": location}]});
        if !self.post(Kind::Order, "/v1/orders", id, &order, "order_placed", Instant::now()).await? {
            return Ok(());
        }
        let step = |step: &str| format!("/v1/orders/{id}/{step}");
        match choice {
            0..7 => {
                let paid = json!({"channel": "web", "receipt": {"series": ORDERS},
                    "payments": [{"tender": "card", "amount": PRICE, "state": "captured"}]});
                let now = Instant::now();
                if self.post(Kind::Confirm, &step("confirm"), id, &paid, "order_confirmed", now).await? {
                    let path = step("fulfilments/1/collect");
                    self.post(Kind::Collect, &path, id, &json!({}), "order_handed_over", Instant::now()).await?;
                }
                Ok(())
            }
            7 => {
                let body = json!({"channel": "web", "reason": "changed her mind"});
                let now = Instant::now();
                self.post(Kind::Cancel, &step("cancel"), id, &body, "order_cancelled", now).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// A step of an order; whether it was done.
    async fn post(
        &mut self,
        kind: Kind,
        path: &str,
        key: &str,
        body: &Value,
        record: &'static str,
        due: Instant,
    ) -> anyhow::Result<bool> {
        // An order has its own id.
        let key = Some(key.to_owned()).filter(|_| kind != Kind::Order);
        let ask = Ask::Post(path.to_owned(), key, body.to_string());
        Ok(self.write(kind, &ask, record, due).await?.is_some())
    }

    /// Reserves; `None` if that was refused.
    async fn reserve(&mut self, line: &str, due: Instant, ttl: Option<u64>) -> anyhow::Result<Option<String>> {
        let ttl = ttl.map(|seconds| format!(r#""ttl_seconds":{seconds},"#)).unwrap_or_default();
        let ask = Ask::Reserve(format!(r#""channel":"web",{ttl}"lines":[{line}]"#));
        let reply = self.write(Kind::Reserve, &ask, "reserved", due).await?;
        Ok(reply.map(|reply| reply.id))
    }

    /// A step of a reservation, sent as soon as the previous one was answered.
    async fn step(&mut self, kind: Kind, step: &'static str, record: &'static str, id: &str) -> anyhow::Result<bool> {
        Ok(self.write(kind, &Ask::Step(step, id.to_owned()), record, Instant::now()).await?.is_some())
    }

    async fn replenish(&mut self, due: Instant) -> anyhow::Result<()> {
        let (sku, location) = name_cell(self.chooser.choose(&mut self.numbers));
        let row = format!(r#"{{"kind":"receipt","sku":"{sku}","location":"{location}","quantity":1}}"#);
        self.write(Kind::Movement, &Ask::Movements(format!(r#""movements":[{row}]"#)), "moved", due).await.map(drop)
    }

    /// A basket is sold at the till, with a receipt, and a line of some comes back; one in ten was ordered before, and is
    /// collected.
    async fn buy(&mut self, nth: u64, basket: &Basket, due: Instant) -> anyhow::Result<()> {
        let store = &basket.store;
        let line = |TillLine { sku, quantity, .. }: &TillLine| {
            format!(r#""sku":"{sku}","location":"{store}","quantity":{quantity}"#)
        };
        if basket.is_order(nth as usize) {
            let lines: Vec<_> = basket.lines.iter().map(|of| format!("{{{}}}", line(of))).collect();
            if let Some(id) = self.reserve(&lines.join(","), due, None).await?
                && self.step(Kind::Confirm, "confirm", "confirmed", &id).await?
            {
                self.step(Kind::Collect, "collect", "collected", &id).await?;
            }
            return Ok(());
        }
        let mut is_sold = true;
        for mut body in basket.sales() {
            if let Some(members) = body.as_object_mut() {
                members.insert("receipt".into(), json!({"series": SERIES}));
            }
            is_sold &= self.write(Kind::Sale, &Ask::Sale(members(&body)), "order_sold", due).await?.is_some();
        }
        if let Some(body) = basket.take_back(NOTES).filter(|_| is_sold) {
            self.write(Kind::Return, &Ask::Return(members(&body)), "return_received", Instant::now()).await?;
        }
        Ok(())
    }

    /// Writes, and reports the answer to the audit; `None` if it was refused or shed.
    async fn write(
        &mut self,
        kind: Kind,
        ask: &Ask,
        record: &'static str,
        due: Instant,
    ) -> anyhow::Result<Option<Reply>> {
        let asked = self.witness.ask();
        let mut reply = self.link.ask(ask, true).await?;
        if self.count(kind, due, &reply)? != Outcome::Done {
            return Ok(None);
        }
        let id = Some(reply.id.clone()).filter(|id| !id.is_empty());
        // Rows of one cell are answered one by one; the audit knows the result of a record.
        let cells = Some(std::mem::take(&mut reply.cells)).filter(|cells| cells.len() == 1).unwrap_or_default();
        self.witness.wrote(asked, reply.seq, record, id, cells)?;
        Ok(Some(reply))
    }

    fn count(&self, kind: Kind, due: Instant, reply: &Reply) -> anyhow::Result<Outcome> {
        let outcome = match reply.status {
            200..300 => Outcome::Done,
            409 if matches!(kind, Kind::Reserve | Kind::Order) => Outcome::Refused,
            429 | 503 => Outcome::Shed,
            status => bail!("{kind:?} was answered {status}: {}", reply.text),
        };
        self.recorder.answered(kind, due, outcome);
        Ok(outcome)
    }
}

/// The members of a body.
fn members(body: &Value) -> String {
    let body = body.to_string();
    body.trim_start_matches('{').strip_suffix('}').unwrap_or_default().to_owned()
}

//! Two tills take back the last unit of an order at once: one does, the other is refused. One names the order, the other
//! every second time its receipt, and both want a credit note.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::shop::{all, at_once, credit_notes, declare, issue, number, price, state_hash, text};
use crate::client::{Answer, Client};
use crate::server::{Server, verify};

/// Where the tills stand; goods are sold at the first.
const PLACES: [&str; 2] = ["store-1", "store-2"];
const SKU: &str = "SHIRT";
const PRICE: i64 = 1999;
/// Pairs of tills at once.
const PAIRS: u64 = 4;
const RECEIPTS: &str = "SOLD";
const NOTES: &str = "BACK";

/// The results.
#[derive(Debug, Clone, Default)]
pub struct LastUnitReport {
    /// Orders whose last unit two tills wanted.
    pub rounds: u64,
    /// How often each till took it.
    pub taken: [u64; 2],
    /// How often a till was refused with `not-returnable`.
    pub refused: u64,
    /// Credit notes: one for each return.
    pub credit_notes: u64,
    /// How long it took.
    pub took: Duration,
    /// The state hash that the server shows and the log leads to.
    pub state_hash: String,
}

/// Sells `rounds` orders on a new server in `folder`, and takes all of them back.
///
/// # Errors
/// A last unit comes back twice or not at all, or a sum is wrong.
pub fn run(binary: &Path, folder: &Path, rounds: u64) -> anyhow::Result<LastUnitReport> {
    ensure!(rounds > 0, "--rounds: must be at least 1");
    let data = folder.join("data");
    let server = Server::start(binary, &data, &[])?;
    open(&mut server.client(), opening(rounds))?;
    let winners = Mutex::new([0, 0]);
    let began = Instant::now();
    at_once(
        PAIRS,
        rounds,
        |_| PLACES.map(|_| server.client()),
        |tills, nth| {
            let winner = round(tills, nth).with_context(|| format!("round {nth}"))?;
            let mut winners = winners.lock().map_err(|_| anyhow::anyhow!("a till panicked"))?;
            let won = winners.get_mut(winner).context("one of two tills")?;
            *won += 1;
            Ok(())
        },
    )?;
    let taken = winners.into_inner().map_err(|_| anyhow::anyhow!("a till panicked"))?;
    let mut report = LastUnitReport { rounds, taken, refused: rounds, took: began.elapsed(), ..Default::default() };
    ensure!(taken.iter().sum::<u64>() == rounds, "{rounds} last units were there, and {taken:?} came back");
    report.credit_notes = audit(&mut server.client(), &report)?;
    report.state_hash = state_hash(&mut server.client())?;
    server.stop()?;
    let proven = verify(binary, &data)?;
    ensure!(proven == report.state_hash, "the server shows {}, and its log leads to {proven}", report.state_hash);
    Ok(report)
}

/// More units than are sold: those that come back at the other place are not sold again.
fn opening(rounds: u64) -> i64 {
    3 * rounds as i64
}

fn open(client: &mut Client, units: i64) -> anyhow::Result<()> {
    declare(client, &["pos"], &PLACES)?;
    let counts = json!({"counts": [{"sku": SKU, "location": PLACES.first(), "on_hand": units}]});
    let counted = client.post("/v1/stock/counts", &counts)?;
    ensure!(counted.status == 200, "opening stock: {}", counted.json());
    price(client, &[(SKU.to_owned(), PRICE)])?;
    issue(client, "tills", "none", &[RECEIPTS])?;
    credit_notes(client, "tills", NOTES)
}

/// Units of the order of a round.
fn units(nth: u64) -> i64 {
    (nth % 3) as i64 + 1
}

/// An order of one to three units, of which all but the last come back. Returns which till took the last one.
fn round(tills: &mut [Client; 2], nth: u64) -> anyhow::Result<usize> {
    let [here, _] = tills;
    let (order, units) = (format!("T-{nth}"), units(nth));
    let body = json!({"order": order, "channel": "pos", "location": PLACES.first(), "currency": "EUR",
        "lines": [{"sku": SKU, "quantity": units}], "receipt": {"series": RECEIPTS},
        "payments": [{"tender": "cash", "amount": PRICE * units}]});
    let sold = here.post("/v1/sales", &body)?;
    ensure!(sold.status == 201, "{body}: {}", sold.json());
    let receipt = sold.json().pointer("/receipts/0").cloned().context("a sale has its receipt")?;
    let back = |till: usize, units: i64, name: &str| {
        let mut body = json!({"return": format!("{order}-{name}"), "channel": "pos",
            "location": PLACES.get(till), "receipt": {"series": NOTES},
            "lines": [{"sku": SKU, "quantity": units, "condition": "sellable"}]});
        if let Some(members) = body.as_object_mut() {
            match till == 1 && nth % 2 == 1 {
                true => members.insert("bought_on".into(), receipt.clone()),
                false => members.insert("order".into(), json!(order)),
            };
        }
        body
    };
    if units > 1 {
        let before = back(0, units - 1, "before");
        let taken = here.post("/v1/returns", &before)?;
        ensure!(taken.status == 201, "{before}: {}", taken.json());
    }
    let bodies = [back(0, 1, "here"), back(1, 1, "there")];
    let answers = at_the_same_time(tills, &bodies)?;
    let states = answers.each_ref().map(|answer| answer.status);
    let winner = match states {
        [201, 409] => 0,
        [409, 201] => 1,
        _ => anyhow::bail!("the tills were answered {:?}", answers.each_ref().map(Answer::json)),
    };
    for (nth, (till, answer)) in tills.iter_mut().zip(&answers).enumerate() {
        let body = bodies.get(nth).context("two tills")?;
        let again = till.post("/v1/returns", body)?;
        match nth == winner {
            true => ensure!(
                (again.status, &again.body) == (200, &answer.body),
                "told twice, it was answered {}, and first {}",
                again.json(),
                answer.json()
            ),
            false => {
                is_refused(answer)?;
                is_refused(&again)?;
            }
        }
    }
    Ok(winner)
}

fn at_the_same_time(tills: &mut [Client; 2], bodies: &[Value; 2]) -> anyhow::Result<[Answer; 2]> {
    let ([here, there], [one, other]) = (tills, bodies);
    std::thread::scope(|scope| {
        let there = scope.spawn(move || there.post("/v1/returns", other));
        let here = here.post("/v1/returns", one);
        let there = there.join().map_err(|_| anyhow::anyhow!("a till panicked"))?;
        Ok([here?, there?])
    })
}

fn is_refused(answer: &Answer) -> anyhow::Result<()> {
    let told = answer.json();
    let line = told.pointer("/lines/0").cloned().unwrap_or_default();
    let of = |name| line.get(name).map_or(-1, number);
    let is_right = (answer.status, answer.slug().as_str()) == (409, "not-returnable")
        && (of("requested"), of("returnable"), text(&line, "reason").as_str()) == (1, 0, "quantity");
    ensure!(is_right, "the till that came second was answered {} {told}", answer.status);
    Ok(())
}

/// Everything came back: stock, ledger and credit notes add up. Returns how many credit notes there are.
fn audit(client: &mut Client, report: &LastUnitReport) -> anyhow::Result<u64> {
    let mut on_hand = 0;
    for (place, taken) in PLACES.iter().zip(report.taken) {
        let cells = all(client, "/v1/stock", &format!("location={place}&"))?;
        let here: i64 = cells.iter().map(|cell| cell.get("on_hand").map_or(0, number)).sum();
        let is_second = Some(place) == PLACES.get(1);
        ensure!(!is_second || here == taken as i64, "{place} took {taken} back, and has {here}");
        on_hand += here;
    }
    let opening = opening(report.rounds);
    ensure!(on_hand == opening, "everything came back, and {on_hand} of {opening} units are there");
    let totals = client.get("/v1/sales/totals?by=")?.json();
    let item = totals.pointer("/items/0").cloned().context("the ledger has sums")?;
    let sums = ["quantity", "amount"].map(|name| item.get(name).map_or(-1, number));
    ensure!(sums == [0, 0], "everything came back, and the ledger comes to {item}");
    let before = (0..report.rounds).filter(|nth| units(*nth) > 1).count() as u64;
    let issued = client.get(&format!("/v1/series/{NOTES}"))?.json().get("issued").and_then(Value::as_u64);
    ensure!(issued == Some(report.rounds + before), "{} returns, and {issued:?} credit notes", report.rounds + before);
    let short = all(client, "/v1/shortages", "")?;
    ensure!(short.is_empty(), "nothing may be short: {short:?}");
    Ok(report.rounds + before)
}

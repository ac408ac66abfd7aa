//! The attackers' process: all connections of both keys on one thread, at the lowest priority, so that the attackers'
//! cost is not taken from others. It reads the keys from its standard input, and prints its tally on its standard
//! output when its time is over.

use std::io::{BufRead, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anaquel_seeds::Numbers;
use anyhow::{Context, ensure};

use super::network::Network;
use super::routes::Maker;
use super::shapes::{Attacker, Kit, SHAPES, Shape, Who};
use super::tally::Tally;
use crate::client::Client;

/// The interval at which attackers change their attack: each its own, or all the same.
const SLOT: Duration = Duration::from_secs(5);

/// One of this many connections keeps connections open when each attacks by itself.
const HOLDERS: u64 = 4;

/// Prepared requests of each route for each key.
const EACH: usize = 40;

/// Prepared messages of sockets.
const MESSAGES: usize = 500;

/// How long after its time the process may take to end.
const GRACE: Duration = Duration::from_secs(30);

/// The arguments of the attackers' process.
#[derive(Debug, Clone, clap::Args)]
pub struct Orders {
    /// The address of the attacked server.
    #[arg(long)]
    pub address: SocketAddr,
    /// The duration.
    #[arg(long)]
    pub seconds: u64,
    /// Connections of each key.
    #[arg(long)]
    pub connections: u64,
    /// Requests a second of each connection; 0 for no limit.
    #[arg(long)]
    pub rate: f64,
    /// The seed of the random choices.
    #[arg(long)]
    pub seed: u64,
    /// Locations of the shop.
    #[arg(long)]
    pub places: u64,
    /// SKUs of the shop.
    #[arg(long)]
    pub skus: u64,
    /// Only attacks whose name contains one of these; all if empty.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
}

/// The names of everything that can be chosen.
pub fn rows() -> Vec<&'static str> {
    let mut rows: Vec<_> = SHAPES.iter().map(|shape| shape.row).collect();
    rows.dedup();
    rows
}

/// The main function of the attackers' process.
///
/// # Errors
/// The server's document is unavailable before the attack.
pub fn run(orders: &Orders) -> anyhow::Result<()> {
    let mut keys = std::io::stdin().lock().lines();
    let mut key = || anyhow::Ok(keys.next().context("two keys on standard input")??);
    let network = Network { places: orders.places, skus: orders.skus };
    let document = Client::new(orders.address).get("/openapi.json")?;
    ensure!(document.status == 200, "/openapi.json: {}", document.status);
    let document = document.json();
    let mut kit = |who: Who, last: u8| {
        let bearer = format!("Bearer {}", key()?);
        let headers = format!("Host: {}\r\nAuthorization: {bearer}\r\n", orders.address);
        let mut maker = Maker { document: &document, network, numbers: Numbers::new(orders.seed ^ u64::from(last)) };
        let mut kit = Kit {
            address: orders.address,
            // Each has its own address, like real attackers: limits by address do not affect the shop.
            source: IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)),
            who,
            network,
            query: Vec::new(),
            windowless: Vec::new(),
            bomb: Vec::new(),
            routes: maker.requests(&headers, EACH)?,
            messages: (0..MESSAGES).map(|_| maker.message()).collect(),
            headers,
            bearer,
        };
        kit.prepare()?;
        anyhow::Ok(Rc::new(kit))
    };
    let kits = [kit(Who::Read, 2)?, kit(Who::Reserve, 3)?];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tally = tokio::task::LocalSet::new().block_on(&runtime, attack(orders, &kits))?;
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &tally)?;
    Ok(out.flush()?)
}

async fn attack(orders: &Orders, kits: &[Rc<Kit>; 2]) -> anyhow::Result<Tally> {
    let began = Instant::now();
    let mut tasks = Vec::new();
    for nth in 0..orders.connections * 2 {
        let Some(kit) = kits.get(nth as usize % 2) else { continue };
        let attacker = Attacker {
            kit: Rc::clone(kit),
            numbers: Numbers::new(orders.seed.wrapping_add(nth + 1)),
            line: None,
            tally: Tally::default(),
            sent: 0,
            nth,
        };
        tasks.push(tokio::task::spawn_local(live(attacker, orders.clone(), began)));
    }
    let mut tally = Tally::default();
    for task in tasks {
        tally.add(task.await?);
    }
    Ok(tally)
}

/// One connection, until the end.
async fn live(mut attacker: Attacker, orders: Orders, began: Instant) -> Tally {
    let end = began + Duration::from_secs(orders.seconds);
    let who = attacker.kit.who;
    let known = |shape: &&Shape| {
        shape.is_for(who) && (orders.only.is_empty() || orders.only.iter().any(|row| row == shape.row))
    };
    let shapes: Vec<&Shape> = SHAPES.iter().filter(known).collect();
    let is_holder = (attacker.nth / 2).is_multiple_of(HOLDERS);
    while Instant::now() < end {
        let (slot, sent) = (began.elapsed().as_nanos() / SLOT.as_nanos(), attacker.sent);
        let Some(shape) = choose(&shapes, orders.seed, slot as u64, is_holder, &mut attacker.numbers) else { break };
        let until = tokio::time::Instant::from_std(end);
        match tokio::time::timeout_at(until, attacker.run(shape)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                attacker.tally.failed(shape.row, &error);
                attacker.line = None;
                // A refused connection tries again, with a pause.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(_) => break,
        }
        if orders.rate > 0.0 {
            let due = (attacker.sent - sent).max(1) as f64 / orders.rate;
            tokio::time::sleep(Duration::from_secs_f64(due.min(60.0))).await;
        }
        // A task whose answers are always ready yields to the others.
        tokio::task::yield_now().await;
    }
    attacker.tally
}

/// The next attack. In every other slot all do the same, as many at once as there are; otherwise a few keep connections
/// open, and the others choose among the rest.
fn choose<'a>(shapes: &[&'a Shape], seed: u64, slot: u64, is_holder: bool, numbers: &mut Numbers) -> Option<&'a Shape> {
    let all = rows();
    let mut of_slot = Numbers::new(seed ^ slot.wrapping_mul(0x9e37_79b9));
    let (is_together, row) = (of_slot.below(2) == 0, of_slot.below(all.len() as u64) as usize);
    let together = |shape: &&&Shape| is_together && all.get(row) == Some(&shape.row);
    let own = |shape: &&&Shape| shape.is_held == is_holder;
    let mut pick = |chosen: Vec<&&'a Shape>| {
        let at = numbers.below(chosen.len().max(1) as u64) as usize;
        chosen.get(at).copied().copied()
    };
    pick(shapes.iter().filter(together).collect())
        .or_else(|| pick(shapes.iter().filter(own).collect()))
        .or_else(|| pick(shapes.iter().collect()))
}

/// The attackers' process at the lowest priority. Dropping it ends it.
pub(super) struct Crowd {
    child: Child,
    until: Instant,
}

impl Crowd {
    /// Starts the attackers.
    pub fn attack(orders: &Orders, keys: [&str; 2]) -> anyhow::Result<Self> {
        let mut words = vec!["attackers".to_owned()];
        for (name, value) in [
            ("address", orders.address.to_string()),
            ("seconds", orders.seconds.to_string()),
            ("connections", orders.connections.to_string()),
            ("rate", orders.rate.to_string()),
            ("seed", orders.seed.to_string()),
            ("places", orders.places.to_string()),
            ("skus", orders.skus.to_string()),
        ] {
            words.extend([format!("--{name}"), value]);
        }
        if !orders.only.is_empty() {
            words.extend(["--only".to_owned(), orders.only.join(",")]);
        }
        let mut crowd = Self::start(&words, orders.seconds)?;
        let mut input = crowd.child.stdin.take().context("its standard input")?;
        writeln!(input, "{}\n{}", keys[0], keys[1])?;
        Ok(crowd)
    }

    /// Starts a process that only uses idle CPU time.
    pub fn burn(seconds: u64) -> anyhow::Result<Self> {
        Self::start(&["burn".to_owned(), seconds.to_string()], seconds)
    }

    fn start(words: &[String], seconds: u64) -> anyhow::Result<Self> {
        let child = Command::new("nice")
            .args(["-n", "19"])
            .arg(std::env::current_exe()?)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("nice, which starts the attackers' process")?;
        Ok(Self { child, until: Instant::now() + Duration::from_secs(seconds) + GRACE })
    }

    /// Waits for its end; returns its output.
    pub fn finish(mut self) -> anyhow::Result<String> {
        let mut out = self.child.stdout.take().context("its standard output")?;
        let told = std::thread::spawn(move || {
            let mut told = String::new();
            out.read_to_string(&mut told).map(|_| told)
        });
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < self.until, "the attackers' process did not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        let told = told.join().map_err(|_| anyhow::anyhow!("reading what the attackers tell panicked"))??;
        let status = self.child.wait()?;
        ensure!(status.success(), "the attackers' process ended with {status}");
        Ok(told)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Burns every core for this long.
pub fn burn(seconds: u64) {
    let end = Instant::now() + Duration::from_secs(seconds);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while Instant::now() < end {
                    std::hint::spin_loop();
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_turn_with_either_key_and_a_seed_chooses_the_same_again() {
        for who in [Who::Read, Who::Reserve] {
            let shapes: Vec<&Shape> = SHAPES.iter().filter(|shape| shape.is_for(who)).collect();
            let run = || {
                let mut numbers = Numbers::new(3);
                (0..4000u64)
                    .filter_map(|n| choose(&shapes, 9, n / 20, n % 4 == 0, &mut numbers))
                    .map(|one| one.row)
                    .collect::<Vec<_>>()
            };
            let rows = run();
            assert!(shapes.iter().all(|shape| rows.contains(&shape.row)));
            assert_eq!(rows, run());
        }
    }
}

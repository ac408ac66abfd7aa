//! `anaquel-loadtest`: loads, breaks and audits a real server. Loopback only, bounded in time and count.

use std::net::SocketAddr;
use std::path::PathBuf;

use anaquel_loadtest::live::{fanout, gapless, stalled};
use anaquel_loadtest::selling::{checkout, kills, last_unit, quarter, rates, replay_shop};
use anaquel_loadtest::server::{self, Server, verify};
use anaquel_loadtest::{
    attack, backups, bare, copies, inject, kill, linear, peers, power, rate, replay, replicas, scenario,
};
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "anaquel-loadtest", version, about = "Loads, breaks and audits a real Anaquel server")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// The server's binary; by default the one beside this one.
    #[arg(long, global = true)]
    server: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// An ordinary or an extreme day's load, open loop; ends with an audit of every answer against the server's own
    /// log.
    Run(Box<scenario::ScenarioPlan>),
    /// Durable reservations a second over HTTP, beside a bare handler.
    Rate {
        /// Numbers of connections to measure at.
        #[arg(long, value_delimiter = ',', default_value = "64,256,512")]
        connections: Vec<usize>,
        /// The duration of one measurement.
        #[arg(long, default_value_t = 4)]
        seconds: u64,
        /// Interleaved measurements of each.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Bytes that a write and a nightly load leave on the disk, and memory at rest, beside PostgreSQL and Redis where
    /// they are installed.
    Footprint,
    /// Durable reservations over HTTP from one connection to ten thousand, beside a bare handler, with the growth
    /// factor of each step. Ten thousand need `ulimit -n 20000`.
    Connections {
        /// Numbers of connections, growing.
        #[arg(long, value_delimiter = ',', default_value = "1,10,100,1000,10000")]
        connections: Vec<usize>,
        /// Length of one measurement.
        #[arg(long, default_value_t = 4)]
        seconds: u64,
        /// Interleaved measurements of each.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Replay a real quarter of tills and check that every cell ends at its expected level.
    Replay {
        /// Folder with products.csv.gz and transactions.csv.gz.
        folder: PathBuf,
        /// Only the first so many till lines.
        #[arg(long)]
        lines: Option<u64>,
    },
    /// Replicas of a server under load: how long an acknowledged write takes to be served there, how fast one that was away
    /// catches up, and that all end with the same state.
    Replicas {
        /// Reservations a second on the primary.
        #[arg(long, default_value_t = 5000.0)]
        rate: f64,
        /// How long.
        #[arg(long, default_value_t = 20)]
        seconds: u64,
        /// Replicas: the second follows the first, the others the primary.
        #[arg(long, default_value_t = 3)]
        replicas: usize,
        /// How long the primary writes as fast as it can while one is away.
        #[arg(long, default_value_t = 10)]
        away_seconds: u64,
    },
    /// Kill -9 at random moments under load, restart, audit.
    Kill {
        /// Times to kill.
        #[arg(long, default_value_t = 100)]
        rounds: u64,
        /// The seed of the random moments; printed, so that a run can be repeated.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// A crowd that buys by carts, orders and sales in three channels, with receipts, for a few units: every unit is sold
    /// once, and all sums add up.
    Checkout {
        /// Buyers, a third of them in each channel.
        #[arg(long, default_value_t = 50_000)]
        buyers: u64,
        /// Units of all SKUs at all locations.
        #[arg(long, default_value_t = 1000)]
        units: u64,
        /// The seed of the random choices; printed, so that a run can be repeated.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Kill -9 at random moments while tills sell with receipts in two series each of two issuers: no sale lost or
    /// doubled, no hole in any series, every repeat answered as first.
    KillSales {
        /// Times to kill.
        #[arg(long, default_value_t = 100)]
        rounds: u64,
        /// The seed of the random moments; printed, so that a run can be repeated.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Replay a real quarter of tills as sales with prices and receipts, each told late with its own time, and lines that
    /// come back with credit notes, and compare the ledger with the raw files. Needs python3, and faketime unless --now.
    ReplaySales {
        /// Folder with products.csv.gz and transactions.csv.gz.
        folder: PathBuf,
        /// Only the first so many till lines.
        #[arg(long)]
        lines: Option<u64>,
        /// Sell everything now, on one day.
        #[arg(long)]
        now: bool,
    },
    /// Two tills take back the last unit of an order at once, with credit notes: exactly one is refused, every time.
    LastUnit {
        /// Orders.
        #[arg(long, default_value_t = 200)]
        rounds: u64,
    },
    /// Replay nine months of a real web shop twice: live, with returns against what was bought, and as imported history;
    /// compare both with the raw file and with each other. Needs python3, and faketime unless --now.
    ReplayShop {
        /// Folder with online_retail.csv.gz.
        folder: PathBuf,
        /// Only the first so many lines of the file.
        #[arg(long)]
        lines: Option<u64>,
        /// The live shop sells everything now, on one day.
        #[arg(long)]
        now: bool,
    },
    /// Orders and sales a second, with receipts, beside reservations on the same server, and the CPU time of each.
    SalesRate {
        /// Connections.
        #[arg(long, default_value_t = 64)]
        connections: usize,
        /// The duration of one measurement.
        #[arg(long, default_value_t = 4)]
        seconds: u64,
        /// Interleaved measurements of each.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Beside plain reservations only what has this in its name, such as `sale`.
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Make each disk call of the server fail, or be its last, one after the other, under load; restart, audit. Needs
    /// strace.
    Inject {
        /// Calls of each kind, from the first of every thread on.
        #[arg(long, default_value_t = 12)]
        calls: u64,
        /// The seed of the random moments; printed, so that a run can be repeated.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Cut the power at random moments under load: the disk is an image that is copied as it is; restart, audit. Needs
    /// root.
    Power {
        /// The number of power cuts.
        #[arg(long, default_value_t = 300)]
        rounds: u64,
        /// The seed of the random moments; printed, so that a run can be repeated.
        #[arg(long)]
        seed: Option<u64>,
        /// Do not flush the journal, and expect lost writes: proof that this test finds them.
        #[arg(long)]
        without_sync: bool,
    },
    /// Plain copies of a data directory under load, by cp -a, rsync and tar, every fourth of them slow: each opens and
    /// verifies, and has all records from before its start.
    Copies {
        /// Copies.
        #[arg(long, default_value_t = 200)]
        copies: u64,
        /// Writes a second meanwhile.
        #[arg(long, default_value_t = 1000)]
        rate: u64,
        /// How long a slow copy takes, seconds.
        #[arg(long, default_value_t = 4)]
        slow_seconds: u64,
        /// The seed of the random pauses; printed, so that a run can be repeated.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Backups under load, by URL and by directory, of a server that is killed -9 after each and during some: each
    /// restores to its state hash.
    Backups {
        /// Backups.
        #[arg(long, default_value_t = 100)]
        backups: u64,
        /// Writes a second meanwhile.
        #[arg(long, default_value_t = 1000)]
        rate: u64,
        /// The seed of the random moments; printed, so that a run can be repeated.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Concurrent callers on a few hot cells: do their answers fit one order of the log, in real time?
    Linear {
        /// Requests, all callers together.
        #[arg(long, default_value_t = 1_000_000)]
        operations: u64,
        /// Callers.
        #[arg(long, default_value_t = 8)]
        callers: u64,
        /// The seed of the random choices; printed, so that a run can be repeated.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Many sockets, each tracking some SKUs of many, during reservations: time from acknowledgement to frame, bytes
    /// per socket, frames a second.
    Fanout {
        /// Subscribers.
        #[arg(long, default_value_t = 10_000)]
        sockets: usize,
        /// SKUs of the catalogue; with 1, all subscribers track the same one.
        #[arg(long, default_value_t = 20_000)]
        skus: u64,
        /// SKUs that each subscriber tracks.
        #[arg(long, default_value_t = 20)]
        track: u64,
        /// Reservations a second.
        #[arg(long, default_value_t = 5000)]
        rate: u64,
        /// The duration.
        #[arg(long, default_value_t = 20)]
        seconds: u64,
    },
    /// One reader that stops reading: memory, the others' latency, and its values after it reads again.
    Stalled {
        /// The duration of each of the four parts, two of them without reading.
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// Lossless subscribers that disconnect at random while the server is killed: no event is missed or received twice.
    Gapless {
        /// Changes of cells to make.
        #[arg(long, default_value_t = 10_000_000)]
        changes: u64,
        /// Times to kill the server.
        #[arg(long, default_value_t = 20)]
        kills: u64,
        /// Subscribers.
        #[arg(long, default_value_t = 12)]
        subscribers: u64,
        /// The seed of the random choices; printed, so that a run can be repeated.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// The same reservation against PostgreSQL and Redis, if they are installed, each durable before it answers.
    Peers {
        /// Numbers of connections over HTTP, and to Redis.
        #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
        connections: Vec<usize>,
        /// Length of one measurement.
        #[arg(long, default_value_t = 3)]
        seconds: u64,
        /// Interleaved measurements of each.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Only contenders whose name contains this; may be repeated.
        #[arg(long)]
        only: Vec<String>,
        /// Folder for RESULTS.md and results.svg; without it, results are only printed.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Two attackers, one with a `read` key and one with a `reserve` key, free to send anything, while an honest shop
    /// continues: their effect on the shop's latency, refusals and memory; exit code 1 if a bound is missed.
    Attack(Box<attack::AttackPlan>),
    /// The attackers' process; reads the two keys from standard input.
    #[command(hide = true)]
    Attackers(attack::Orders),
    /// Burn every core.
    #[command(hide = true)]
    Burn {
        /// The duration.
        seconds: u64,
    },
    /// Serve the bare handler that `rate` compares with.
    #[command(hide = true)]
    BareServer {
        /// The address to listen at.
        address: SocketAddr,
    },
}

/// The given seed, or a new one; printed, so that `--seed` can repeat it.
fn told(named: Option<u64>) -> u64 {
    let seed = named.unwrap_or_else(anaquel_seeds::fresh);
    println!("seed {seed}");
    seed
}

fn main() -> anyhow::Result<()> {
    let Cli { command, server } = Cli::parse();
    let binary = || server::binary(server.as_deref());
    match command {
        Command::Run(plan) => scenario::run(&plan, server.as_deref()).map(drop),
        Command::Rate { connections, seconds, rounds } => rate::compare(&binary()?, &connections, seconds, rounds),
        Command::Connections { connections, seconds, rounds } => rate::curve(&binary()?, &connections, seconds, rounds),
        Command::Peers { connections, seconds, rounds, only, out } => {
            peers::run(&peers::ComparisonPlan { connections, seconds, rounds, only, out }, &binary()?)
        }
        Command::Footprint => peers::footprint::run(&binary()?),
        Command::Attack(plan) => {
            let report = attack::run(&plan, server.as_deref())?;
            anyhow::ensure!(report.holds(), "a bound was missed");
            Ok(())
        }
        Command::Attackers(orders) => attack::attackers(&orders),
        Command::Burn { seconds } => {
            attack::burn(seconds);
            Ok(())
        }
        Command::Replicas { rate, seconds, replicas, away_seconds } => {
            replicas::run(&binary()?, replicas::Plan { rate, seconds, replicas, away_seconds })
        }
        Command::BareServer { address } => bare::serve_bare(address),
        Command::Replay { folder, lines } => {
            let temporary = tempfile::tempdir()?;
            let (binary, data) = (binary()?, temporary.path().join("data"));
            let server = Server::start(&binary, &data, &[])?;
            let report = replay::run(&folder, server.address, lines)?;
            let hash = server.client().get("/v1/info")?.json();
            server.stop()?;
            let proven = verify(&binary, &data)?;
            anyhow::ensure!(
                hash.get("state_hash").and_then(|hash| hash.as_str()) == Some(&proven),
                "the hashes differ"
            );
            println!("{report:#?}");
            println!("every cell holds exactly 3, nothing is reserved, and verify agrees: {proven}");
            Ok(())
        }
        Command::Fanout { sockets, skus, track, rate, seconds } => {
            let temporary = tempfile::tempdir()?;
            let plan = fanout::FanoutPlan { sockets, skus, track, rate, seconds };
            fanout::run(&binary()?, &temporary.path().join("data"), plan)
        }
        Command::Stalled { seconds } => {
            let temporary = tempfile::tempdir()?;
            stalled::run(&binary()?, &temporary.path().join("data"), seconds)
        }
        Command::Gapless { changes, kills, subscribers, seed } => {
            let seed = told(seed);
            let temporary = tempfile::tempdir()?;
            let plan = gapless::GaplessPlan { changes, kills, subscribers, seed };
            let report = gapless::run(&binary()?, &temporary.path().join("data"), plan)?;
            println!("{report:#?}");
            println!("every subscriber received every event of its selection, once, and has the values of the log");
            Ok(())
        }
        Command::Linear { operations, callers, seed } => {
            let seed = told(seed);
            anyhow::ensure!(callers > 0, "--callers: must be at least 1");
            let temporary = tempfile::tempdir()?;
            let report = linear::run(&binary()?, &temporary.path().join("data"), operations, callers, seed)?;
            println!("{report:#?}");
            println!("every answer has its place in one order of the log, which respects real time");
            Ok(())
        }
        Command::Copies { copies, rate, slow_seconds, seed } => {
            let seed = told(seed);
            let temporary = tempfile::tempdir()?;
            let plan = copies::CopiesPlan { copies, rate, seed, slow_seconds };
            let report = copies::run(&binary()?, temporary.path(), plan)?;
            println!("{report:#?}");
            println!("every copy opened and verified, and none was older than its beginning");
            Ok(())
        }
        Command::Backups { backups, rate, seed } => {
            let seed = told(seed);
            let temporary = tempfile::tempdir()?;
            let report = backups::run(&binary()?, temporary.path(), backups, rate, seed)?;
            println!("{report:#?}");
            println!("every backup restored to its state hash");
            Ok(())
        }
        Command::Power { rounds, seed, without_sync } => {
            let seed = told(seed);
            let temporary = tempfile::tempdir()?;
            let report = power::run(&binary()?, temporary.path(), rounds, seed, without_sync)?;
            println!("{report:#?}");
            println!(
                "{}",
                if without_sync {
                    "writes that are not flushed are lost, and the test finds that"
                } else {
                    "no acknowledged write was lost"
                }
            );
            Ok(())
        }
        Command::Inject { calls, seed } => {
            let seed = told(seed);
            inject::is_possible()?;
            let temporary = tempfile::tempdir()?;
            let report = inject::run(&binary()?, temporary.path(), &inject::faults(), 1..=calls, seed)?;
            println!("{report:#?}");
            println!("no acknowledged write was lost, and verify is clean");
            Ok(())
        }
        Command::Checkout { buyers, units, seed } => {
            let seed = told(seed);
            let temporary = tempfile::tempdir()?;
            let plan = checkout::CheckoutPlan { buyers, units, seed };
            let report = checkout::run(&binary()?, temporary.path(), plan)?;
            println!("{report:#?}");
            println!("every unit was sold once, and the ledger, payments and receipts add up");
            Ok(())
        }
        Command::KillSales { rounds, seed } => {
            let seed = told(seed);
            let temporary = tempfile::tempdir()?;
            let report = kills::run(&binary()?, temporary.path(), rounds, seed)?;
            println!("{report:#?}");
            println!("no sale was lost or doubled, no number is missing, and every repeat got its first answer");
            Ok(())
        }
        Command::ReplaySales { folder, lines, now } => {
            let temporary = tempfile::tempdir()?;
            let plan = quarter::QuarterPlan { lines, now };
            let report = quarter::run(&binary()?, temporary.path(), &folder, plan)?;
            println!("{report:#?}");
            println!("every cell holds 3 and what came back, and the ledger comes to what the files come to");
            Ok(())
        }
        Command::LastUnit { rounds } => {
            let temporary = tempfile::tempdir()?;
            let report = last_unit::run(&binary()?, temporary.path(), rounds)?;
            println!("{report:#?}");
            println!("of two tills that took back the last unit at once, one did, every time");
            Ok(())
        }
        Command::ReplayShop { folder, lines, now } => {
            let temporary = tempfile::tempdir()?;
            let plan = replay_shop::ShopPlan { lines, now };
            let report = replay_shop::run(&binary()?, temporary.path(), &folder, plan)?;
            println!("{report:#?}");
            println!("the live shop and its history come to what the file comes to, and agree with each other");
            Ok(())
        }
        Command::SalesRate { connections, seconds, rounds, only } => {
            let temporary = tempfile::tempdir()?;
            let plan = rates::RatesPlan { connections, seconds, rounds, only };
            rates::print(&rates::run(&binary()?, temporary.path(), &plan)?, &plan);
            Ok(())
        }
        Command::Kill { rounds, seed } => {
            let seed = told(seed);
            let temporary = tempfile::tempdir()?;
            let report = kill::run(&binary()?, temporary.path(), rounds, seed)?;
            println!("{report:#?}");
            println!("no acknowledged write was lost, and verify is clean");
            Ok(())
        }
    }
}

//! The same reservation against the systems that a team would use instead, each durable before it answers, on this
//! machine, in this run. Rounds are interleaved, so that a slow phase of the machine affects all of them. Beside the
//! answers a second, the report states the cost of one: CPU time, context switches, system calls.
//!
//! Every contender takes one unit of one of 100,000 cells, or of one hot cell, and records the owner. All except the
//! socket are driven by load generators in C, which use less of the two cores than the client of this crate: HTTP by
//! `wrk`, PostgreSQL and Redis by their own tools.

mod calls;
pub mod footprint;
mod login;
mod look;
mod plan;
mod postgres;
mod redis;
mod report;
pub(crate) mod usage;
mod wrk;

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::bare::BareServer;
use crate::client::Client;
use crate::interrupt::Interrupt;
use crate::pipeline;
use crate::server::{Server, verify};
use crate::stock::{Demand, fill};
use calls::Counter;
use login::{House, Login};
use look::{Look, Made, Seen};
pub use plan::ComparisonPlan;
use postgres::Postgres;
use redis::{Fsync, Redis};
use report::{ComparisonReport, Row};
use wrk::Driver;

/// Seconds of the round that counts system calls.
const COUNTED_SECONDS: u64 = 1;

/// Sends requests for this many seconds, and measures the server meanwhile.
type Asks<'a> = Box<dyn Fn(u64, &Look) -> anyhow::Result<(Made, Seen)> + 'a>;

/// A contender: the system, and the load.
struct Contender<'a> {
    who: String,
    how: String,
    ask: Asks<'a>,
}

/// Runs all installed contenders, and prints the results: at the end, after an interrupt, and after a failure of one
/// of them, which then leaves the remaining rounds. Results are written after each measurement.
///
/// # Errors
/// A contender fails, or its data does not match its answers.
pub fn run(plan: &ComparisonPlan, binary: &Path) -> anyhow::Result<()> {
    crate::out::prepare(plan.out.as_deref())?;
    let interrupt = Interrupt::listen()?;
    let folder = tempfile::tempdir()?;
    // PostgreSQL runs as its own user, who needs access to the folder.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let driver = Driver::find(folder.path().join("reserve.lua"))?;
    let counter = Counter::find();
    if counter.is_none() {
        eprintln!("neither perf nor strace may count system calls: apt-get install linux-perf strace");
    }
    let open = Ours::start(binary, folder.path().join("anaquel"), None, None)?;
    let of_files = folder.path().join("files.toml");
    std::fs::write(&of_files, "[journal]\nstore = \"file\"\n")?;
    let in_files = Ours::start(binary, folder.path().join("in-files"), Some(&of_files), None)?;
    let config = folder.path().join("locked.toml");
    let house = House::make(binary, &folder.path().join("locked"), &config)?;
    let locked = Ours::start(binary, folder.path().join("locked"), Some(&config), Some(&house.operator))?;
    let bare = BareServer::start()?;
    let always = Redis::start(&folder.path().join("redis-always"), Fsync::Always)?;
    let everysec = Redis::start(&folder.path().join("redis-everysec"), Fsync::EverySecond)?;
    let postgres = Postgres::start(&folder.path().join("postgres"))?;

    let nobody = Login::default();
    let mut contenders = Vec::new();
    for &connections in &plan.connections {
        let http = |who, at, login| over_http(&driver, who, at, Demand::Spread, login, connections);
        contenders.push(http(report::BARE, At::Bare(&bare), &nobody));
        contenders.push(http(report::HTTP, At::Ours(&open), &nobody));
        contenders.push(http(report::HTTP_FILES, At::Ours(&in_files), &nobody));
        if driver.can_log_in() {
            contenders.push(http(report::HTTP_KEY, At::Ours(&locked), &house.key));
            contenders.push(http(report::HTTP_TOKEN, At::Ours(&locked), &house.token));
        }
    }
    contenders.push(over_http(&driver, report::HTTP_HOT, At::Ours(&open), Demand::OneCell, &nobody, 256));
    contenders.extend([64, 256].map(|window| over_sockets(&open, window)));
    match &always {
        Some(redis) => contenders.extend(of_redis(
            redis,
            "AOF always",
            plan.connections.iter().map(|&connections| (connections, 1)).chain([(16, 16), (50, 16), (16, 64)]),
        )?),
        None => eprintln!("no Redis: apt-get install redis-server"),
    }
    if let Some(redis) = &everysec {
        contenders.extend(of_redis(redis, "AOF every second", [(200, 1)])?);
    }
    match &postgres {
        Some(postgres) => contenders.extend(of_postgres(postgres)?),
        None => eprintln!("no PostgreSQL: apt-get install postgresql"),
    }

    contenders.retain(|of| plan.only.is_empty() || plan.only.iter().any(|only| of.who.contains(only)));
    ensure!(!contenders.is_empty(), "--only {:?}: no installed contender has that name", plan.only);
    let rows = contenders.iter().map(|of| Row::new(&of.who, &of.how)).collect();
    let mut report = ComparisonReport::new(rows, plan, driver.name(), counter);
    let counted = counter.map(|counter| Look::Calls(counter, folder.path().join("calls")));
    let failure = measure(plan, &contenders, counted.as_ref(), &interrupt, &mut report);
    drop(contenders);
    print!("{}", report.table());
    if let Err(error) = failure {
        // Ctrl-C on a terminal also ends the contenders.
        ensure!(interrupt.came(), error);
        return Ok(());
    }
    open.audit(binary)?;
    in_files.audit(binary)?;
    locked.audit(binary)
}

/// Measures round by round into `report`, until it is interrupted; system calls once, in the first round.
fn measure(
    plan: &ComparisonPlan,
    contenders: &[Contender<'_>],
    counted: Option<&Look>,
    interrupt: &Interrupt,
    report: &mut ComparisonReport,
) -> anyhow::Result<()> {
    let mut failed = vec![None; contenders.len()];
    for round in 1..=plan.rounds {
        for ((nth, contender), failed) in contenders.iter().enumerate().zip(&mut failed) {
            let looks = [Some((plan.seconds, &Look::Usage)), counted.map(|look| (COUNTED_SECONDS, look))];
            for (seconds, look) in looks.into_iter().take(if round == 1 { 2 } else { 1 }).flatten() {
                if interrupt.came() || failed.is_some() {
                    break;
                }
                let told = (contender.ask)(seconds, look).and_then(|(made, seen)| {
                    let told = report.measured(nth, made, seen);
                    plan.out.as_deref().map(|folder| report.write(folder)).transpose()?;
                    Ok(told)
                });
                let Contender { who, how, .. } = contender;
                match told {
                    Ok(told) => eprintln!("round {round} of {}: {who}, {how}: {told}", plan.rounds),
                    Err(error) => {
                        eprintln!("round {round} of {}: {who}, {how}: {error:#}", plan.rounds);
                        *failed = Some(format!("{who}, {how}: {error:#}"));
                    }
                }
            }
        }
    }
    let failed: Vec<_> = failed.into_iter().flatten().collect();
    ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

/// An Anaquel server, and the numbers for its audit.
struct Ours {
    server: Server,
    data: PathBuf,
    operator: Option<String>,
    /// Its `seq` after loading.
    stocked: u64,
    /// Reservations answered since then.
    answers: Cell<u64>,
}

impl Ours {
    /// Starts the server with its settings file and loads the stock; `operator` is the key for loading.
    fn start(binary: &Path, data: PathBuf, config: Option<&Path>, operator: Option<&str>) -> anyhow::Result<Self> {
        let config = config.map(|config| config.to_str().context("a path that is text")).transpose()?;
        let arguments: Vec<_> = config.iter().flat_map(|config| ["--config", config]).collect();
        let server = Server::start(binary, &data, &arguments)?;
        let operator = operator.map(str::to_owned);
        let mut ours = Self { server, data, operator, stocked: 0, answers: Cell::new(0) };
        fill(ours.client())?;
        ours.stocked = ours.seq()?;
        Ok(ours)
    }

    fn client(&self) -> Client {
        let client = self.server.client();
        match &self.operator {
            Some(key) => client.with_key(key),
            None => client,
        }
    }

    /// The `seq` of its log.
    fn seq(&self) -> anyhow::Result<u64> {
        self.client().get("/v1/info")?.json().get("seq").and_then(Value::as_u64).context("the server tells its seq")
    }

    /// Checks that its answers are in its log, and that the log is consistent.
    fn audit(self, binary: &Path) -> anyhow::Result<()> {
        let (made, answers) = (self.seq()? - self.stocked, self.answers.get());
        ensure!(made >= answers, "{answers} reservations were answered, and {made} are in the log");
        self.server.stop()?;
        let hash = verify(binary, &self.data)?;
        eprintln!("verify agrees with every promise: {hash}");
        Ok(())
    }
}

/// A contender over HTTP.
#[derive(Clone, Copy)]
enum At<'a> {
    Bare(&'a BareServer),
    Ours(&'a Ours),
}

impl At<'_> {
    fn process(self) -> (u32, SocketAddr) {
        match self {
            Self::Bare(bare) => (bare.pid(), bare.address),
            Self::Ours(ours) => (ours.server.pid(), ours.server.address),
        }
    }
}

fn over_http<'a>(
    driver: &'a Driver,
    who: &str,
    at: At<'a>,
    demand: Demand,
    login: &'a Login,
    connections: usize,
) -> Contender<'a> {
    let (pid, address) = at.process();
    let ask = move |seconds, look: &Look| {
        let (made, seen) = look.at(pid, || driver.drive(address, demand, login, connections, seconds))?;
        if let At::Ours(ours) = at {
            ours.answers.set(ours.answers.get() + made.made);
        }
        Ok((made, seen))
    };
    Contender { who: who.to_owned(), how: connected(connections), ask: Box::new(ask) }
}

fn over_sockets(ours: &Ours, window: usize) -> Contender<'_> {
    let ask = move |seconds, look: &Look| {
        let (made, seen) = look.at(ours.server.pid(), || {
            let (rate, made) = pipeline::drive(ours.server.address, Demand::Spread, 16, window, seconds)?;
            Ok(Made { rate, made, p50: None })
        })?;
        ours.answers.set(ours.answers.get() + made.made);
        Ok((made, seen))
    };
    let how = format!("16 sockets, {window} under way on each");
    Contender { who: report::SOCKET.to_owned(), how, ask: Box::new(ask) }
}

/// The label of a load with one request in flight on each connection.
fn connected(connections: usize) -> String {
    format!("{connections} connection{}", if connections == 1 { "" } else { "s" })
}

fn of_redis<'a>(
    redis: &'a Redis,
    fsync: &str,
    ways: impl IntoIterator<Item = (usize, usize)>,
) -> anyhow::Result<Vec<Contender<'a>>> {
    let version = redis.version()?;
    let contender = |(connections, pipeline): (usize, usize)| {
        let pipelined = if pipeline > 1 { ", pipelined" } else { "" };
        Contender {
            who: format!("{version}, {fsync}{pipelined}"),
            how: if pipeline > 1 {
                format!("{connections} connections, {pipeline} under way on each")
            } else {
                connected(connections)
            },
            ask: Box::new(move |seconds, look| redis.ask_for(Demand::Spread, connections, pipeline, seconds, look)),
        }
    };
    Ok(ways.into_iter().map(contender).collect())
}

fn of_postgres(postgres: &Postgres) -> anyhow::Result<Vec<Contender<'_>>> {
    let version = postgres.version()?;
    let ways = [
        (Demand::Spread, 8),
        (Demand::Spread, 16),
        (Demand::Spread, 32),
        (Demand::OneCell, 2),
        (Demand::OneCell, 4),
        (Demand::OneCell, 16),
    ];
    let contender = |(demand, connections)| {
        let hot = if demand == Demand::OneCell { ", one hot cell" } else { "" };
        Contender {
            who: format!("{version}{hot}"),
            how: connected(connections),
            ask: Box::new(move |seconds, look| postgres.ask_for(demand, connections, seconds, look)),
        }
    };
    Ok(ways.into_iter().map(contender).collect())
}

//! The same reservation against what a team would use instead, each durable before it answers, on this machine, in this
//! run: rounds are interleaved, so that whatever slows the machine down slows all of them.
//!
//! Every contender takes one unit of one of 100,000 cells, or of one cell that all want, and writes down who has it.
//! PostgreSQL and Redis are driven by their own load generators, which are written in C and cost less of the two cores
//! than ours does.

mod plan;
mod postgres;
mod redis;
mod report;

use std::cell::Cell;
use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::bare::BareServer;
use crate::http::{self, Ask};
use crate::interrupt::Interrupt;
use crate::pipeline;
use crate::server::{Server, verify};
use crate::stock::{Demand, fill};
pub use plan::Plan;
use postgres::Postgres;
use redis::{Fsync, Redis};
use report::{Report, Row};

/// Whom to ask, for what, and how.
struct Contender<'a> {
    who: String,
    how: String,
    rate: Box<dyn Fn() -> anyhow::Result<f64> + 'a>,
}

/// Runs all that are installed and tells who did how much: at the end, when it is interrupted, and when one of them fails,
/// who then is left out of the rounds to come. What was measured is written after each measurement.
///
/// # Errors
/// One of them fails, or does not have in its books what it said.
pub fn run(plan: &Plan, binary: &Path) -> anyhow::Result<()> {
    crate::out::prepare(plan.out.as_deref())?;
    let interrupt = Interrupt::listen()?;
    let folder = tempfile::tempdir()?;
    // PostgreSQL runs as its own user, who must get through.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let data = folder.path().join("anaquel");
    let server = Server::start(binary, &data, &[])?;
    fill(server.client())?;
    let (stocked, answers) = (seq(&server)?, Cell::new(0));
    let bare = BareServer::start()?;
    let always = Redis::start(&folder.path().join("redis-always"), Fsync::Always)?;
    let everysec = Redis::start(&folder.path().join("redis-everysec"), Fsync::EverySecond)?;
    let postgres = Postgres::start(&folder.path().join("postgres"))?;

    let mut contenders = ours(plan.seconds, &server, &bare, &answers);
    match &always {
        Some(redis) => contenders.extend(of_redis(
            plan.seconds,
            redis,
            "AOF always",
            &[(25, 1), (50, 1), (200, 1), (16, 16), (50, 16), (16, 64)],
        )?),
        None => eprintln!("no Redis: apt-get install redis-server"),
    }
    if let Some(redis) = &everysec {
        contenders.extend(of_redis(plan.seconds, redis, "AOF every second", &[(200, 1)])?);
    }
    match &postgres {
        Some(postgres) => contenders.extend(of_postgres(plan.seconds, postgres)?),
        None => eprintln!("no PostgreSQL: apt-get install postgresql"),
    }

    contenders.retain(|contender| contender.who.contains(&plan.only));
    ensure!(!contenders.is_empty(), "--only {:?}: nobody who is installed has that in their name", plan.only);
    let rows = contenders.iter().map(|of| Row::new(&of.who, &of.how)).collect();
    let mut report = Report::new(rows, plan);
    let failure = measure(plan, &contenders, &interrupt, &mut report);
    drop(contenders);
    print!("{}", report.table());
    if let Err(error) = failure {
        // Ctrl-C on a terminal ends whom we ask as well.
        ensure!(interrupt.came(), error);
        return Ok(());
    }
    let made = seq(&server)? - stocked;
    ensure!(made >= answers.get(), "{} reservations were answered, and {made} are in the log", answers.get());
    audit(server, binary, &data)
}

/// Measures round by round into `report`, until it is interrupted.
fn measure(
    plan: &Plan,
    contenders: &[Contender<'_>],
    interrupt: &Interrupt,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut failed = vec![None; contenders.len()];
    'rounds: for round in 1..=plan.rounds {
        for ((nth, contender), failed) in contenders.iter().enumerate().zip(&mut failed) {
            let (who, how) = (&contender.who, &contender.how);
            if interrupt.came() {
                break 'rounds;
            }
            if failed.is_some() {
                continue;
            }
            match (contender.rate)() {
                Ok(rate) => {
                    eprintln!("round {round} of {}: {who}, {how}: {rate:.0} a second", plan.rounds);
                    report.measured(nth, rate);
                    if let Some(folder) = &plan.out {
                        report.write(folder)?;
                    }
                }
                Err(error) => {
                    eprintln!("round {round} of {}: {who}, {how}: {error:#}", plan.rounds);
                    *failed = Some(format!("{who}, {how}: {error:#}"));
                }
            }
        }
    }
    let failed: Vec<_> = failed.into_iter().flatten().collect();
    ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

/// The `seq` of the server's log.
fn seq(server: &Server) -> anyhow::Result<u64> {
    server.client().get("/v1/info")?.json().get("seq").and_then(Value::as_u64).context("the server tells its seq")
}

fn ours<'a>(seconds: u64, server: &'a Server, bare: &'a BareServer, answers: &'a Cell<u64>) -> Vec<Contender<'a>> {
    let over_http = |who: &str, address, demand, connections: usize| {
        let is_ours = who != report::BARE;
        let rate = move || {
            let measured = http::drive(address, Ask::Reserve(demand), connections, seconds)?;
            answers.set(answers.get() + if is_ours { measured.answers } else { 0 });
            Ok(measured.rate)
        };
        Contender { who: who.to_owned(), how: format!("{connections} connections"), rate: Box::new(rate) }
    };
    let mut contenders = Vec::new();
    for connections in [64, 256, 512] {
        contenders.push(over_http(report::BARE, bare.address, Demand::Spread, connections));
        contenders.push(over_http(report::HTTP, server.address, Demand::Spread, connections));
    }
    contenders.push(over_http(report::HTTP_HOT, server.address, Demand::OneCell, 256));
    for window in [64, 256] {
        let rate = move || {
            let (rate, answered) = pipeline::drive(server.address, Demand::Spread, 16, window, seconds)?;
            answers.set(answers.get() + answered);
            Ok(rate)
        };
        let how = format!("16 sockets, {window} under way on each");
        contenders.push(Contender { who: report::SOCKET.to_owned(), how, rate: Box::new(rate) });
    }
    contenders
}

fn of_redis<'a>(
    seconds: u64,
    redis: &'a Redis,
    fsync: &str,
    ways: &[(usize, usize)],
) -> anyhow::Result<Vec<Contender<'a>>> {
    let version = redis.version()?;
    let contender = |&(connections, pipeline): &(usize, usize)| {
        let pipelined = if pipeline > 1 { ", pipelined" } else { "" };
        Contender {
            who: format!("{version}, {fsync}{pipelined}"),
            how: if pipeline > 1 {
                format!("{connections} connections, {pipeline} under way on each")
            } else {
                format!("{connections} connections")
            },
            rate: Box::new(move || redis.rate(Demand::Spread, connections, pipeline, seconds)),
        }
    };
    Ok(ways.iter().map(contender).collect())
}

fn of_postgres(seconds: u64, postgres: &Postgres) -> anyhow::Result<Vec<Contender<'_>>> {
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
            how: format!("{connections} connections"),
            rate: Box::new(move || postgres.rate(demand, connections, seconds)),
        }
    };
    Ok(ways.into_iter().map(contender).collect())
}

/// Adds the server's own log up again.
fn audit(server: Server, binary: &Path, data: &Path) -> anyhow::Result<()> {
    server.stop()?;
    let hash = verify(binary, data)?;
    eprintln!("verify agrees with every promise: {hash}");
    Ok(())
}

//! Redis: a Lua script that takes a unit and records the reservation, driven by Redis' own `redis-benchmark`.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::look::{Look, Made, Seen};
use crate::server::free_address;
use crate::stock::{CELLS, Demand};

/// Takes a unit of a cell if there is one, and stores a record of the reservation.
const RESERVE: &str = "local cell = redis.call('HMGET', KEYS[1], 'on_hand', 'reserved') \
    if tonumber(cell[1]) - tonumber(cell[2]) < 1 then return redis.error_reply('insufficient stock') end \
    redis.call('HINCRBY', KEYS[1], 'reserved', 1) \
    local id = redis.call('INCR', 'reservations') \
    redis.call('HSET', 'reservation:' .. id, 'cell', KEYS[1], 'quantity', 1, 'state', 'held') \
    return id";

const FILL: &str = "for n = 0, tonumber(ARGV[1]) - 1 do \
    redis.call('HSET', string.format('cell:%012d', n), 'on_hand', 1000000000, 'reserved', 0) end return 1";

const FILL_AGAIN: &str = "for n = 0, tonumber(ARGV[1]) - 1 do \
    redis.call('HSET', string.format('cell:%012d', n), 'on_hand', 1000000000) end return 1";

/// When Redis flushes its append-only file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// Before it answers.
    Always,
    /// Every second: newer writes may be lost.
    EverySecond,
}

/// A Redis instance. Dropping it ends it.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    port: String,
    script: String,
}

impl Redis {
    /// Starts an instance in `folder` and loads the stock; `None` if Redis is not installed.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(folder: &Path, fsync: Fsync) -> anyhow::Result<Option<Self>> {
        if Command::new("redis-server").arg("--version").output().is_err() {
            return Ok(None);
        }
        std::fs::create_dir_all(folder)?;
        let port = free_address()?.port().to_string();
        let fsync = if fsync == Fsync::Always { "always" } else { "everysec" };
        let child = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--appendfsync", fsync])
            .args(["--auto-aof-rewrite-percentage", "0", "--dir"])
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .context("starting redis-server")?;
        let mut redis = Self { child, port, script: String::new() };
        let started = Instant::now();
        while redis.ask(&["PING"]).is_err() {
            ensure!(started.elapsed() < Duration::from_secs(20), "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        redis.ask(&["EVAL", FILL, "0", &CELLS.to_string()])?;
        redis.script = redis.ask(&["SCRIPT", "LOAD", RESERVE])?;
        Ok(Some(redis))
    }

    /// The version.
    ///
    /// # Errors
    /// It does not answer.
    pub fn version(&self) -> anyhow::Result<String> {
        let info = self.ask(&["INFO", "server"])?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or("?");
        Ok(format!("Redis {}", version.trim()))
    }

    /// Reservations through `connections`, each with `pipeline` requests in flight; each must have left its record.
    ///
    /// # Errors
    /// `redis-benchmark` fails, or records are missing.
    pub fn ask_for(
        &self,
        demand: Demand,
        connections: usize,
        pipeline: usize,
        seconds: u64,
        look: &Look,
    ) -> anyhow::Result<(Made, Seen)> {
        // The tool takes a count, not a time: a short run shows the count for a run of the required length.
        let short = self.run(demand, connections, pipeline, 10_000)?;
        let requests = (short.rate * seconds as f64) as u64;
        look.at(self.child.id(), || self.run(demand, connections, pipeline, requests))
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reservations, one after the other.
    ///
    /// # Errors
    /// `redis-benchmark` fails, or records are missing.
    pub fn one_by_one(&self, writes: u64) -> anyhow::Result<()> {
        self.run(Demand::Spread, 1, 1, writes).map(drop)
    }

    /// Sets the units of every cell to what they are.
    ///
    /// # Errors
    /// It does not answer.
    pub fn fill_again(&self) -> anyhow::Result<()> {
        self.ask(&["EVAL", FILL_AGAIN, "0", &CELLS.to_string()]).map(drop)
    }

    fn run(&self, demand: Demand, connections: usize, pipeline: usize, requests: u64) -> anyhow::Result<Made> {
        let before: u64 = self.ask(&["GET", "reservations"])?.parse().unwrap_or(0);
        let key = if demand == Demand::Spread { "cell:__rand_int__" } else { "cell:000000000000" };
        let [connections, pipeline, count, cells] =
            [connections as u64, pipeline as u64, requests, CELLS].map(|number| number.to_string());
        let output = Command::new("redis-benchmark")
            .args(["-h", "127.0.0.1", "-p", &self.port, "-c", &connections, "-P", &pipeline])
            .args(["-n", &count, "-r", &cells, "--csv", "-e", "EVALSHA", &self.script, "1", key])
            .output()
            .context("running redis-benchmark")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "redis-benchmark: {said}{}", String::from_utf8_lossy(&output.stderr));
        let made = self.ask(&["GET", "reservations"])?.parse::<u64>()? - before;
        ensure!(made >= requests, "{made} reservations of {requests} were made");
        // The test, requests a second, and milliseconds: mean, minimum, median, and more.
        let last = said.lines().last().context("redis-benchmark says nothing")?;
        let fields: Vec<_> = last.trim_matches('"').split("\",\"").collect();
        let number = |nth: usize| fields.get(nth).and_then(|field| field.parse::<f64>().ok());
        let rate = number(1).with_context(|| format!("no rate in: {last}"))?;
        Ok(Made { rate, made, p50: number(4) })
    }

    fn ask(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new("redis-cli").args(["-p", &self.port]).args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        ensure!(output.status.success() && !said.starts_with("ERR"), "redis-cli {arguments:?}: {said}");
        Ok(said)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

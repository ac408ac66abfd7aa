//! Load over HTTP by `wrk`, so that the client costs the same for every server. Without `wrk`, by this crate's own
//! client, which costs more.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};

use super::login::Login;
use super::look::Made;
use crate::http::{self, Ask};
use crate::stock::{CELLS, Demand, LOCATIONS, SKU};

/// Requests one unit, and prints the results in one line. Arguments: cells, whether each request gets a fresh key,
/// and alternating header names and values.
const SCRIPT: &str = r#"
local threads = 0
function setup(thread)
    threads = threads + 1
    thread:set("number", threads)
end

function init(arguments)
    cells = tonumber(arguments[1])
    keyed = arguments[2]
    headers = { ["Content-Type"] = "application/json" }
    for n = 3, #arguments, 2 do
        headers[arguments[n]] = arguments[n + 1]
    end
    math.randomseed(number)
    asked = 0
end

function request()
    local cell = math.random(0, cells - 1)
    local body = string.format(
        '{"channel":"web","lines":[{"sku":"SKU_%05d","location":"store-%03d","quantity":1}]}',
        math.floor(cell / LOCATIONS), cell % LOCATIONS)
    if keyed ~= "" then
        asked = asked + 1
        headers["Idempotency-Key"] = string.format("%s-%d-%d", keyed, number, asked)
    end
    return wrk.format("POST", "/v1/reservations", headers, body)
end

function done(summary, latency, requests)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    print(string.format("measured %d %d %d %d", summary.requests, summary.duration, latency:percentile(50), failed))
end
"#;

/// The load generator for HTTP.
#[derive(Debug)]
pub struct Driver {
    /// The path of its script; `None` if `wrk` is not installed.
    script: Option<PathBuf>,
}

impl Driver {
    /// Finds `wrk`; writes its script to `script`.
    ///
    /// # Errors
    /// The script cannot be written.
    pub fn find(script: PathBuf) -> anyhow::Result<Self> {
        if Command::new("wrk").arg("--version").output().is_err() {
            eprintln!("no wrk: apt-get install wrk; our own client asks, and costs more");
            return Ok(Self { script: None });
        }
        let text = SCRIPT.replace("SKU_", SKU).replace("LOCATIONS", &LOCATIONS.to_string());
        std::fs::write(&script, text)?;
        Ok(Self { script: Some(script) })
    }

    /// The name in the report.
    pub fn name(&self) -> &'static str {
        if self.script.is_some() { "wrk" } else { "our own client, as `wrk` is not installed" }
    }

    /// Whether it can send credentials.
    pub fn can_log_in(&self) -> bool {
        self.script.is_some()
    }

    /// Keeps `connections` busy for `seconds`.
    ///
    /// # Errors
    /// A connection breaks, or an answer is not 2xx.
    pub fn drive(
        &self,
        address: SocketAddr,
        demand: Demand,
        login: &Login,
        connections: usize,
        seconds: u64,
    ) -> anyhow::Result<Made> {
        let Some(script) = &self.script else {
            let measured = http::drive(address, Ask::Reserve(demand), connections, seconds)?;
            return Ok(Made { rate: measured.rate, made: measured.answers, p50: Some(measured.p50) });
        };
        let cells = if demand == Demand::Spread { CELLS } else { 1 };
        let output = Command::new("wrk")
            .args(["-t", &connections.min(2).to_string(), "-c", &connections.to_string()])
            .args(["-d", &format!("{seconds}s"), "-s"])
            .arg(script)
            .args([&format!("http://{address}"), "--", &cells.to_string(), &login.fresh_keys()])
            .args(login.header().iter().flatten())
            .output()
            .context("running wrk")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "wrk: {said}{}", String::from_utf8_lossy(&output.stderr));
        read(&said).with_context(|| format!("wrk: {said}"))
    }
}

fn read(said: &str) -> anyhow::Result<Made> {
    let line = said.lines().find_map(|line| line.strip_prefix("measured ")).context("wrk printed no results")?;
    let numbers: Vec<u64> = line.split(' ').map_while(|number| number.parse().ok()).collect();
    let &[made, micros, p50, failed] = numbers.as_slice() else { anyhow::bail!("no four numbers") };
    ensure!(failed == 0, "{failed} requests failed or were refused");
    ensure!(made > 0 && micros > 0, "nothing was answered");
    Ok(Made { rate: made as f64 * 1e6 / micros as f64, made, p50: Some(p50 as f64 / 1000.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_understood() {
        let made = read("Running 2s test\nmeasured 1000 2000000 250 0\n").unwrap();
        assert_eq!((made.rate, made.made, made.p50), (500.0, 1000, Some(0.25)));
        assert!(read("measured 1000 2000000 250 3").is_err(), "three were refused");
        assert!(read("unable to connect").is_err());
    }
}

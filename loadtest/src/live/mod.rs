//! The live stream under load: many sockets, disconnects and kills, and readers that do not read.

pub mod fanout;
pub mod gapless;
mod pacer;
pub mod stalled;
mod swarm;

use std::path::Path;

use anyhow::Context;

use crate::client::Client;
pub(crate) use swarm::connect;

/// Loads `on_hand` of `K0` to `K<skus>` at `L0` to `L<locations>`.
pub(crate) fn stock(client: &mut Client, skus: u64, locations: u64, on_hand: u32) -> anyhow::Result<()> {
    let mut csv = String::from("sku,location,on_hand\n");
    for sku in 0..skus {
        for location in 0..locations {
            csv.push_str(&format!("K{sku},L{location},{on_hand}\n"));
        }
    }
    let answer = client.import("/v1/import/stock?create=true", csv.as_bytes())?;
    anyhow::ensure!(answer.status == 200, "{}", answer.json());
    Ok(())
}

/// Resident bytes of a process.
pub(crate) fn resident(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib << 10)
}

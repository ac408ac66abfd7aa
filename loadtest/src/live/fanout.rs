//! Many sockets, each tracking a few SKUs of many, during reservations: the time from acknowledgement to frame, the
//! cost of a socket, and the frames a second if all track one SKU.

use std::path::Path;
use std::time::{Duration, Instant};

use super::pacer::reserve;
use super::swarm::Swarm;
use super::{resident, stock};
use crate::server::Server;
use anaquel_seeds::Numbers;

/// The parameters.
#[derive(Debug, Clone, Copy)]
pub struct FanoutPlan {
    /// Subscribers.
    pub sockets: usize,
    /// SKUs of the catalogue.
    pub skus: u64,
    /// SKUs that each tracks.
    pub track: u64,
    /// Reservations a second.
    pub rate: u64,
    /// How long.
    pub seconds: u64,
}

/// Measures, and prints a row of a table.
///
/// # Errors
/// The server, or a socket, failed.
pub fn run(binary: &Path, data: &Path, plan: FanoutPlan) -> anyhow::Result<()> {
    let server = Server::start(binary, data, &[])?;
    stock(&mut server.client(), plan.skus, 1, 1_000_000)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let before = resident(server.pid())?;
        let mut numbers = Numbers::new(7);
        let started = Instant::now();
        let swarm = Swarm::gather(server.address, plan.sockets, |_| {
            (0..plan.track).map(|_| numbers.below(plan.skus)).collect()
        })
        .await?;
        let gathered = started.elapsed();
        let a_socket = (resident(server.pid())?.saturating_sub(before)) / plan.sockets as u64;
        // The first seconds do not count: threads wake up, caches fill.
        reserve_unrecorded(&server, plan).await?;
        let after_warm_up = reserved(&server, plan).await?;
        swarm.record();
        let started = Instant::now();
        let acknowledged = reserve(server.address, plan.skus, plan.rate, plan.seconds).await?;
        let took = started.elapsed();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let frames = swarm.frames();
        let acknowledged = acknowledged
            .into_iter()
            .zip(after_warm_up)
            .map(|(of, before)| std::iter::repeat_n(Instant::now(), before).chain(of).collect())
            .collect();
        let lags = swarm.dismiss(&acknowledged).await?;
        let ms = |quantile: f64| lags.value_at_quantile(quantile) as f64 / 1000.0;
        println!(
            "sockets              {} in {gathered:.1?}, each tracking {} of {} SKUs",
            plan.sockets, plan.track, plan.skus
        );
        println!("bytes a socket       {a_socket}, resident");
        println!(
            "reservations         {:.0} a second, durable",
            plan.rate as f64 * plan.seconds as f64 / took.as_secs_f64()
        );
        println!("frames               {:.0} a second", frames as f64 / took.as_secs_f64());
        println!(
            "ack to frame         median {:.1} ms, 99th {:.1} ms, 99.9th {:.1} ms, most {:.1} ms",
            ms(0.5),
            ms(0.99),
            ms(0.999),
            ms(1.0)
        );
        println!("resident, server     {} MiB", resident(server.pid())? >> 20);
        Ok(())
    })
}

async fn reserve_unrecorded(server: &Server, plan: FanoutPlan) -> anyhow::Result<()> {
    reserve(server.address, plan.skus, plan.rate, 3).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    Ok(())
}

/// Units reserved of each SKU.
async fn reserved(server: &Server, plan: FanoutPlan) -> anyhow::Result<Vec<usize>> {
    let address = server.address;
    tokio::task::spawn_blocking(move || {
        let mut client = crate::client::Client::new(address);
        let mut reserved = vec![0; plan.skus as usize];
        let mut next = serde_json::Value::Null;
        loop {
            let after = next.as_str().map(|after| format!("&after={after}")).unwrap_or_default();
            let page = client.get(&format!("/v1/stock?location=L0&limit=1000{after}"))?.json();
            for item in page.get("items").and_then(|items| items.as_array()).into_iter().flatten() {
                let sku = item.get("sku").and_then(|sku| sku.as_str()?.get(1..)?.parse::<usize>().ok());
                let units = item.get("reserved").and_then(serde_json::Value::as_u64);
                if let (Some(sku), Some(units)) = (sku, units)
                    && let Some(of) = reserved.get_mut(sku)
                {
                    *of = units as usize;
                }
            }
            next = page.get("next").cloned().unwrap_or_default();
            if next.is_null() {
                return Ok(reserved);
            }
        }
    })
    .await?
}

//! How many durable reservations a second over HTTP, one a request, beside a bare handler on the same machine in the
//! same run? Server and client share the cores, so only ratios count.

use crate::bare::BareServer;
use crate::http::{drive, median};
use crate::server::{Server, binary};
use crate::stock::{Demand, fill};

/// Measures both, interleaved, at each number of connections.
///
/// # Errors
/// A server does not start, or an answer is not 2xx.
pub fn compare(connections: &[usize], seconds: u64, rounds: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(&binary()?, &folder.path().join("data"), &[])?;
    fill(server.client())?;
    let bare = BareServer::start()?;
    println!("durable reservations over HTTP, one a request, {rounds} interleaved rounds of {seconds} s, medians");
    let mut best = (0.0f64, 0.0f64);
    for &connections in connections {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            theirs.push(drive(bare.address, Demand::Spread, connections, seconds)?);
            ours.push(drive(server.address, Demand::Spread, connections, seconds)?);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "  {connections:>4} connections  anaquel {:>7.0}/s  p50 {:>6.2} ms  p99 {:>6.2} ms   bare handler {:>7.0}/s   {:.2} of bare",
            ours.rate,
            ours.p50,
            ours.p99,
            theirs.rate,
            ours.rate / theirs.rate
        );
        best = (best.0.max(ours.rate), best.1.max(theirs.rate));
    }
    println!("  best against best: {:.2} of bare", best.0 / best.1);
    server.stop()
}

//! `anaquel-loadtest`: loads, breaks and audits a real server. Loopback only, bounded in time and count.

use std::net::SocketAddr;
use std::path::PathBuf;

use anaquel_loadtest::server::{Server, binary, verify};
use anaquel_loadtest::{kill, rate, replay};
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "anaquel-loadtest", version, about = "Loads, breaks and audits a real Anaquel server")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Durable reservations a second over HTTP, beside a bare handler.
    Rate {
        /// Numbers of connections to measure at.
        #[arg(long, value_delimiter = ',', default_value = "64,256")]
        connections: Vec<usize>,
        /// Length of one measurement.
        #[arg(long, default_value_t = 4)]
        seconds: u64,
        /// Interleaved measurements of each.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
    /// Replay a real quarter of tills and prove that every cell ends as it must.
    Replay {
        /// Folder with products.csv.gz and transactions.csv.gz.
        folder: PathBuf,
        /// Only the first so many till lines.
        #[arg(long)]
        lines: Option<u64>,
    },
    /// Kill -9 at random moments under load, restart, audit.
    Kill {
        /// Times to kill.
        #[arg(long, default_value_t = 100)]
        rounds: u64,
        /// Where the random moments come from; printed, so that a run can be repeated.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Serve the bare handler that `rate` compares with.
    #[command(hide = true)]
    BareServer {
        /// Where to listen.
        address: SocketAddr,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Rate { connections, seconds, rounds } => rate::compare(&connections, seconds, rounds),
        Command::BareServer { address } => rate::serve_bare(address),
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
        Command::Kill { rounds, seed } => {
            let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
            println!("seed {seed}");
            let temporary = tempfile::tempdir()?;
            let report = kill::run(&binary()?, &temporary.path().join("data"), rounds, seed)?;
            println!("{report:#?}");
            println!("no acknowledged write was lost, and verify is clean");
            Ok(())
        }
    }
}

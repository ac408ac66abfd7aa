//! What a write leaves on the disk, what a nightly load of unchanged stock leaves there, and the memory at rest: each of
//! Anaquel in both stores of its log, beside Redis and PostgreSQL where they are installed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anaquel_seeds::Numbers;
use anyhow::{Context, ensure};

use super::postgres::Postgres;
use super::redis::{Fsync, Redis};
use super::usage::family;
use crate::client::Client;
use crate::server::Server;
use crate::stock::{CELLS, Demand, fill, name_cell};

/// Reservations, one after the other.
const WRITES: u64 = 5_000;

/// Writes a second of the day that is told.
const DAY_RATE: f64 = 100.0;

/// Loads of unchanged stock.
const NIGHTS: u64 = 3;

/// Measures, and prints a table.
///
/// # Errors
/// A system fails, or does not answer.
pub fn run(binary: &Path) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    // PostgreSQL runs as its own user, who needs access to the folder.
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    println!(
        "{CELLS} cells; {WRITES} durable reservations, one after the other; {NIGHTS} loads of all cells, unchanged"
    );
    println!("                          log/write  at 100/s a day  beside it/write   log/night    memory");
    let demo = Server::start(binary, &folder.path().join("demo"), &["--demo"])?;
    for store in ["sled", "file"] {
        anaquel(binary, folder.path(), store)?;
    }
    if let Some(redis) = Redis::start(&folder.path().join("redis"), Fsync::Always)? {
        let memory = resident(redis.pid())?;
        let size = || folder_bytes(&folder.path().join("redis"), &mut |_| true);
        let before = size()?;
        redis.one_by_one(WRITES)?;
        let (written, begun) = (size()? - before, size()?);
        (0..NIGHTS).try_for_each(|_| redis.fill_again())?;
        print(&redis.version()?, written, 0, (size()? - begun) / NIGHTS, memory);
    }
    if let Some(postgres) = Postgres::start(&folder.path().join("postgres"))? {
        let memory = resident(postgres.pid())?;
        let (wal, tables) = postgres.written()?;
        postgres.one_by_one(WRITES)?;
        let (more_wal, more_tables) = postgres.written()?;
        (0..NIGHTS).try_for_each(|_| postgres.fill_again())?;
        let (end, _) = postgres.written()?;
        print(&postgres.version()?, more_wal - wal, more_tables - tables, (end - more_wal) / NIGHTS, memory);
    }
    println!("memory at rest of the demo: {:.1} MiB", resident(demo.pid())? as f64 / MIB);
    Ok(())
}

const MIB: f64 = 1024.0 * 1024.0;

fn print(who: &str, written: u64, beside: u64, night: u64, memory: u64) {
    let each = written as f64 / WRITES as f64;
    println!(
        "{who:<24} {each:>10.1} B {:>11.2} GB {:>14.1} B {:>9.1} KB {:>6.1} MiB",
        each * DAY_RATE * 86_400.0 / 1e9,
        beside as f64 / WRITES as f64,
        night as f64 / 1e3,
        memory as f64 / MIB,
    );
}

fn anaquel(binary: &Path, folder: &Path, store: &str) -> anyhow::Result<()> {
    let (data, config) = (folder.join(store), folder.join(format!("{store}.toml")));
    std::fs::write(&config, format!("[journal]\nstore = \"{store}\"\n"))?;
    let server = Server::start(binary, &data, &["--config", config.to_str().context("a path that is text")?])?;
    let log = || folder_bytes(&data.join("journal"), &mut |path| !path.ends_with("recent"));
    let recent = || folder_bytes(&data.join("journal/recent"), &mut |_| true);
    fill(server.client())?;
    let memory = resident(server.pid())?;
    let (log_before, recent_before) = (log()?, recent()?);
    one_by_one(server.client())?;
    let (log_after, recent_after) = (log()?, recent()?);
    let mut csv = String::from("sku,location,on_hand\n");
    for cell in 0..CELLS {
        let (sku, location) = name_cell(cell);
        csv.push_str(&format!("{sku},{location},1000000000\n"));
    }
    let mut client = server.client();
    for _ in 0..NIGHTS {
        let answer = client.import("/v1/import/stock", csv.as_bytes())?;
        ensure!(answer.status == 200, "importing stock: {}", answer.status);
    }
    // sled writes them where it has room; the recent log has the same parts.
    let night = (recent()? - recent_after) / NIGHTS;
    print(&format!("Anaquel, {store}"), log_after - log_before, recent_after - recent_before, night, memory);
    server.stop()
}

fn one_by_one(mut client: Client) -> anyhow::Result<()> {
    let mut numbers = Numbers(1);
    for _ in 0..WRITES {
        let body = Demand::Spread.body(&mut numbers);
        let headers = [("Content-Type", "application/json")];
        let answer = client.send("POST", "/v1/reservations", &headers, body.as_bytes())?;
        ensure!(answer.status == 201, "a reservation: {}", answer.status);
    }
    Ok(())
}

/// Bytes of the files that `counts` accepts, and of those in folders that it accepts, without zeros at their ends.
fn folder_bytes(folder: &Path, counts: &mut dyn FnMut(&Path) -> bool) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if !counts(&path) {
            continue;
        }
        bytes += if path.is_dir() { folder_bytes(&path, counts)? } else { used(&path)? };
    }
    Ok(bytes)
}

/// The length of a file up to the zeros at its end: room that was made beforehand.
fn used(path: &Path) -> anyhow::Result<u64> {
    let mut file = File::open(path)?;
    let mut end = file.metadata()?.len();
    let mut window = vec![0; 64 << 10];
    while end > 0 {
        let begins = end.saturating_sub(window.len() as u64);
        let part = window.get_mut(..(end - begins) as usize).context("a window")?;
        file.seek(SeekFrom::Start(begins))?;
        file.read_exact(part)?;
        if let Some(last) = part.iter().rposition(|byte| *byte != 0) {
            return Ok(begins + last as u64 + 1);
        }
        end = begins;
    }
    Ok(0)
}

/// Memory of a process and its children; what they share counts once.
fn resident(pid: u32) -> anyhow::Result<u64> {
    std::thread::sleep(std::time::Duration::from_secs(3));
    let mut kilobytes = 0;
    for pid in family(pid) {
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let shares = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("Pss of a process")?;
        kilobytes += shares.trim().trim_end_matches(" kB").parse::<u64>()?;
    }
    Ok(kilobytes << 10)
}

//! What a durable batch costs by its size, in each store of the log: waiting, CPU by thread, switches, bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anaquel_bench::median;
use anaquel_engine::ids::Timestamp;
use anaquel_engine::journal::{self, BatchBuilder, LogOptions, StoreKind};

/// Records of a batch.
const SIZES: [u32; 6] = [1, 8, 25, 100, 500, 2_300];

/// Bytes of a record after its length: a reservation of one line without a cause.
const RECORD_BYTES: usize = 55;

const ROUNDS: usize = 5;

/// What one batch took.
#[derive(Debug, Default, Clone)]
struct Cost {
    wait: f64,
    /// Nanoseconds of CPU by the name of the thread.
    cpu: BTreeMap<String, f64>,
    switches: f64,
    /// Growth of the files.
    bytes: f64,
}

/// Prints the costs, the median of rounds that are interleaved.
///
/// # Errors
/// An error of the file system or the log.
pub fn batches() -> anyhow::Result<()> {
    println!("a durable batch by its size, records of {RECORD_BYTES} bytes; medians of {ROUNDS} interleaved rounds");
    println!("records  store     waits µs    CPU µs  of it: appending thread, helpers  switches  bytes/record");
    for size in SIZES {
        let batches = (20_000 / size).clamp(40, 1_000);
        let kinds = [None, Some(StoreKind::Sled), Some(StoreKind::File)];
        let mut costs = vec![Vec::new(); kinds.len()];
        for _ in 0..ROUNDS {
            for (kind, costs) in kinds.iter().zip(&mut costs) {
                let folder = tempfile::tempdir()?;
                costs.push(match kind {
                    Some(kind) => in_log(folder.path(), *kind, size, batches)?,
                    None => bare(folder.path(), size, batches)?,
                });
            }
        }
        for (kind, costs) in kinds.iter().zip(costs) {
            let of = |field: &dyn Fn(&Cost) -> f64| median(costs.iter().map(field).collect());
            let own = of(&|cost| cost.cpu.get(MAIN).copied().unwrap_or(0.0)) / 1e3;
            let all = of(&|cost| cost.cpu.values().sum()) / 1e3;
            let mut names: Vec<_> =
                costs.iter().flat_map(|cost| cost.cpu.keys()).filter(|name| *name != MAIN).collect();
            names.sort_unstable();
            names.dedup();
            let helpers: Vec<_> = names
                .into_iter()
                .map(|name| (name, of(&|cost| cost.cpu.get(name).copied().unwrap_or(0.0)) / 1e3))
                .filter(|(_, cpu)| *cpu >= 0.05)
                .map(|(name, cpu)| format!("{name} {cpu:.1}"))
                .collect();
            println!(
                "{size:>7}  {:<8} {:>9.0} {all:>9.1}  {own:>8.1}  {:<28} {:>7.2} {:>10.1}",
                kind.map_or("(append)", StoreKind::as_str),
                of(&|cost| cost.wait) / 1e3,
                helpers.join(", "),
                of(&|cost| cost.switches),
                of(&|cost| cost.bytes) / f64::from(size),
            );
        }
    }
    Ok(())
}

const MAIN: &str = "appends";

fn in_log(folder: &Path, store: StoreKind, size: u32, batches: u32) -> anyhow::Result<Cost> {
    let directory = folder.join("journal");
    let options = LogOptions { store, ..LogOptions::default() };
    let (mut log, _) = journal::open(&directory, options, 0, &mut |_| Ok(()))?;
    log.begin_recent(1)?;
    let mut builder = BatchBuilder::new(1, Timestamp(1));
    let record = vec![7_u8; RECORD_BYTES - 8];
    measured(folder, batches, || {
        builder.restart(builder.next_seq(), Timestamp(1));
        (0..size).for_each(|_| {
            builder.push(&record);
        });
        Ok(log.append(builder.batch())?)
    })
}

/// The same bytes, appended to a file and synced.
fn bare(folder: &Path, size: u32, batches: u32) -> anyhow::Result<Cost> {
    let mut file = fs::File::create(folder.join("file"))?;
    let bytes = vec![7_u8; size as usize * (RECORD_BYTES + 4) + 40];
    measured(folder, batches, || {
        file.write_all(&bytes)?;
        Ok(file.sync_data()?)
    })
}

/// Runs `append` in a thread of its own, since threads are told apart by name.
fn measured(
    folder: &Path,
    batches: u32,
    mut append: impl FnMut() -> anyhow::Result<()> + Send,
) -> anyhow::Result<Cost> {
    let run = move || {
        // The first ones make files and buffers.
        (0..10).try_for_each(|_| append())?;
        let (before, at_first) = (threads()?, size_of(folder)?);
        let mut waits = Vec::new();
        for _ in 0..batches {
            let began = Instant::now();
            append()?;
            waits.push(began.elapsed().as_nanos() as f64);
        }
        let (after, count) = (threads()?, f64::from(batches));
        let mut cost = Cost { wait: median(waits), ..Cost::default() };
        for (id, (name, cpu, switches)) in after {
            let (cpu_before, switches_before) = before.get(&id).map_or((0.0, 0.0), |(_, cpu, more)| (*cpu, *more));
            *cost.cpu.entry(name).or_default() += (cpu - cpu_before) / count;
            cost.switches += (switches - switches_before) / count;
        }
        cost.cpu.retain(|_, cpu| *cpu > 0.0);
        cost.bytes = (size_of(folder)? - at_first) as f64 / count;
        Ok(cost)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(MAIN.into()).spawn_scoped(scope, run)?;
        thread.join().map_err(|_| anyhow::anyhow!("the appending thread panicked"))?
    })
}

/// By thread: its name without number, nanoseconds of CPU, context switches.
fn threads() -> anyhow::Result<BTreeMap<String, (String, f64, f64)>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/task")? {
        let path = entry?.path();
        let read = |name: &str| fs::read_to_string(path.join(name));
        // A thread may end meanwhile.
        let (Ok(name), Ok(cpu), Ok(status)) = (read("comm"), read("schedstat"), read("status")) else { continue };
        let name = name.trim_end().trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
        let cpu = cpu.split(' ').next().and_then(|cpu| cpu.parse().ok()).unwrap_or(0.0);
        let switches = status.lines().filter(|line| line.contains("ctxt_switches"));
        let switches = switches.filter_map(|line| line.split_whitespace().last()?.parse::<f64>().ok()).sum();
        all.insert(path.display().to_string(), (name.to_owned(), cpu, switches));
    }
    Ok(all)
}

/// Bytes of the log, without the copy that sled needs.
fn size_of(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { size_of(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

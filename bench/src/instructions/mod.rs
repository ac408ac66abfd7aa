//! Counts instructions instead of seconds: stable on a noisy machine, so that a change of a few hundredths is a change
//! of the program. Also counts allocations, which are equally stable.
//!
//! Every case runs in its own processes: under callgrind, which counts the instructions of one function ([`Counted`]),
//! and once without, where the allocator counts the requests of all threads. All clocks stand still, the log is in
//! memory, and the preparation does not count. The counts are compared with the committed baseline; with another
//! compiler than the baseline's, they are only printed.

mod baseline;
mod child;
mod fixture;
mod paths;
mod requests;
mod start;
mod writes;

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};

use crate::allocations::Allocations;
use baseline::Baseline;
pub use child::ONE;
use child::{Counted, Job, Mode};

/// The tolerance of a count that only the program can change.
const STEADY: f64 = 0.02;

/// The tolerance of a count that varies by itself: encoding and decoding allocate large blocks, whose positions differ
/// from machine to machine. Decoding the same log once cost 14 % more on another machine.
const WANDERS: f64 = 0.10;

/// A counted case: its name, and where it is counted.
type Count = (&'static str, Counted);

/// A repeated operation. Its allocations are reported with the first of its counts.
struct Case {
    counts: &'static [Count],
    times: u64,
    tolerance: f64,
    /// The number of processes that count it; the minimum is reported.
    runs: usize,
    /// Prepares, and runs it within [`child::repeat`].
    run: fn(u64) -> anyhow::Result<()>,
}

impl Case {
    const fn new(counts: &'static [Count], times: u64, run: fn(u64) -> anyhow::Result<()>) -> Self {
        Self { counts, times, tolerance: STEADY, runs: 3, run }
    }

    /// On one thread: every run is equal.
    const fn once(self) -> Self {
        Self { runs: 1, ..self }
    }

    /// Small, and on several threads: the alignment of a block of memory is random, and costs up to a hundredth.
    const fn often(self) -> Self {
        Self { runs: 5, ..self }
    }

    const fn wandering(self) -> Self {
        Self { tolerance: WANDERS, ..self }
    }

    /// Its name.
    fn name(&self) -> &'static str {
        self.counts.first().map_or("", |(name, _)| name)
    }
}

use Counted::{Apply, Caller, CallerBeyond, Write};

/// `write`: all work of the journal thread. `apply`: the fold of it. The others: the work of the calling thread.
const CASES: &[Case] = &[
    Case::new(&[("cell: take and give back", Caller)], 1_000, paths::take_and_give_back).once(),
    Case::new(&[("admission of one line", Caller)], 1_000, paths::admission).once(),
    Case::new(&[("admission of one line under 1,000 rules", Caller)], 1_000, paths::admission_under_rules).once(),
    Case::new(&[("availability of a SKU in 200 stores", Caller)], 100, paths::availability).once(),
    Case::new(
        &[("availability of a SKU in 200 stores under 1,000 rules", Caller)],
        20,
        paths::availability_under_rules,
    )
    .once(),
    Case::new(&[("encode a reservation", Caller)], 1_000, paths::encode).once().wandering(),
    Case::new(&[("decode a reservation", Caller)], 1_000, paths::decode).once().wandering(),
    Case::new(&[("write: a reservation", Write), ("apply: a reservation", Apply)], 1_000, writes::reservation).often(),
    Case::new(&[("write: 64 reservations together", Write)], 16, writes::reservations_together),
    Case::new(&[("write: a confirmation", Write), ("apply: a confirmation", Apply)], 1_000, writes::confirmation)
        .often(),
    Case::new(&[("write: 64 holds that expire together", Write)], 16, writes::expiry),
    Case::new(&[("write: a movement", Write), ("apply: a movement", Apply)], 1_000, writes::movement).often(),
    Case::new(&[("write: a receipt that fills an order", Write)], 500, writes::receipt),
    Case::new(&[("write: a count of 1,000 cells", Write), ("apply: a count of 1,000 cells", Apply)], 10, writes::count),
    Case::new(&[("write: an import of 1,000 rows as they are", Write)], 10, writes::unchanged_import),
    Case::new(&[("start: replay of one record", CallerBeyond)], start::RECORDS, start::replay).often(),
    Case::new(
        &[
            ("HTTP: POST /v1/reservations, one line", Caller),
            ("HTTP: POST /v1/reservations, one line: its write", Write),
        ],
        500,
        requests::reservation,
    ),
    Case::new(&[("HTTP: GET /v1/availability, one cell", Caller)], 500, requests::availability_of_a_cell),
    Case::new(&[("HTTP: GET /v1/availability, a SKU in 200 stores", Caller)], 100, requests::availability_of_a_sku),
];

fn case(name: &str) -> anyhow::Result<&'static Case> {
    CASES.iter().find(|case| case.name() == name).with_context(|| format!("the case {name} does not exist"))
}

/// Runs one case; the counting is around it, or on request inside.
///
/// # Errors
/// It does not exist, or had another result than expected.
pub fn one_case(name: &str, mode: &str) -> anyhow::Result<()> {
    let Case { times, run, .. } = case(name)?;
    child::start(Mode::parse(mode)?);
    run(*times)
}

/// Counts all cases and compares them with the baseline, or writes a new baseline.
///
/// # Errors
/// A count is too far off, or callgrind is missing.
pub fn compare(what: Option<&str>) -> anyhow::Result<()> {
    let update = match what {
        None => false,
        Some("update") => true,
        Some(other) => bail!("instructions {other}: write nothing after it, or update"),
    };
    let counted = count_all()?;
    if update {
        counted.write()?;
        println!("the baseline is written; commit it with the reason");
        return Ok(());
    }
    let known = Baseline::read()?;
    // Another processor gets other copies of the same size from the C library.
    let is_same = known.processor == counted.processor;
    if !is_same {
        println!(
            "the baseline is of another processor than {:?}: differences up to a tenth count as noise",
            counted.processor
        );
    }
    let of = |case: &'static Case| tolerances(case, if is_same { 0.0 } else { WANDERS });
    let off = counted.tell(&known, &CASES.iter().flat_map(of).collect());
    if known.compiler != counted.compiler {
        println!("the baseline is of another compiler than {}; the counts are only printed", counted.compiler);
        return Ok(());
    }
    ensure!(
        off.is_empty(),
        "off the baseline: {}; if that is meant, `anaquel-bench instructions update`",
        off.join(", ")
    );
    Ok(())
}

fn tolerances(case: &'static Case, least: f64) -> impl Iterator<Item = (&'static str, f64)> {
    case.counts.iter().map(move |(name, _)| (*name, case.tolerance.max(least)))
}

/// Every case, on all cores.
fn count_all() -> anyhow::Result<Baseline> {
    let mut jobs = Vec::new();
    for case in CASES {
        let of = case.name();
        for (name, counted) in case.counts {
            let job = Job { name, of, mode: Mode::Work, counted: Some(*counted) };
            jobs.extend(std::iter::repeat_n(job, case.runs));
            if counted.includes_preparation() {
                jobs.push(Job { name, of, mode: Mode::Preparation, counted: Some(*counted) });
            }
        }
        jobs.extend([Job { name: of, of, mode: Mode::Allocations, counted: None }; 3]);
    }
    let found = child::run_all(jobs)?;
    let least = |name: &str, mode: Mode| {
        let all = found.iter().filter(|(job, _)| job.name == name && job.mode == mode).map(|(_, found)| *found);
        all.reduce(Allocations::least).unwrap_or_default()
    };
    let (mut instructions, mut allocations) = (BTreeMap::new(), BTreeMap::new());
    for case in CASES {
        let each = |count: f64| count / case.times as f64;
        for (name, _) in case.counts {
            let all = least(name, Mode::Work).number - least(name, Mode::Preparation).number;
            instructions.insert((*name).to_owned(), each(all));
        }
        let Allocations { number, bytes } = least(case.name(), Mode::Allocations);
        allocations.insert(case.name().to_owned(), Allocations { number: each(number), bytes: each(bytes) });
    }
    Ok(Baseline { compiler: baseline::compiler()?, processor: baseline::processor(), instructions, allocations })
}

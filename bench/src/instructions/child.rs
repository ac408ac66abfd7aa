//! The processes that count, from both sides: how they are started and read, and what runs in them.

use std::hint::black_box;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, bail, ensure};

use crate::allocations::{self, Allocations};

/// The argument that runs one case.
pub const ONE: &str = "instructions-of";

/// Where instructions are counted: in one function and its callees, on any thread. The names are symbols of the
/// program; if one changes, its count is 0, which is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// In [`here`].
    Caller,
    /// The same, minus the part in [`beyond`].
    CallerBeyond,
    /// In one cycle of the journal thread.
    Write,
    /// In the fold of one record.
    Apply,
}

impl Counted {
    fn function(self) -> &'static str {
        match self {
            Self::Caller | Self::CallerBeyond => "anaquel_bench::instructions::child::here",
            Self::Write => "anaquel_engine::engine::sequencer::Sequencer::cycle",
            Self::Apply => "anaquel_engine::engine::fold::Folder::fold",
        }
    }

    /// Whether the preparation passes the function as well, and must be subtracted.
    pub fn includes_preparation(self) -> bool {
        self != Self::Caller
    }
}

/// The task of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everything.
    Work,
    /// Only the preparation.
    Preparation,
    /// Everything, and reports the allocations.
    Allocations,
}

impl Mode {
    const ALL: [(Self, &str); 3] =
        [(Self::Work, "work"), (Self::Preparation, "preparation"), (Self::Allocations, "allocations")];

    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(mode, _)| *mode == self).map_or("", |(_, word)| word)
    }

    /// Parses it; everything, if left out.
    ///
    /// # Errors
    /// The text is invalid.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.iter().find(|(mode, word)| text == *word || (text.is_empty() && *mode == Self::Work));
        found.map(|(mode, _)| *mode).with_context(|| format!("{text}: write work, preparation or allocations"))
    }
}

static MODE: OnceLock<Mode> = OnceLock::new();

/// In a process that counts, before anything else: sets its task.
pub fn start(mode: Mode) {
    MODE.get_or_init(|| mode);
}

/// The counted work of a case, with all repetitions; it returns once everything that it started has ended.
pub fn repeat(work: impl FnOnce()) {
    beyond(|| (), work);
}

/// The same, without the part in `less`, which happens within `work`.
pub fn beyond(less: impl FnOnce(), work: impl FnOnce()) {
    match MODE.get() {
        Some(Mode::Preparation) => less(),
        Some(Mode::Allocations) => {
            let (less, all) = (allocations::of(less), allocations::of(work));
            println!("{} {}", all.number - less.number, all.bytes - less.bytes);
        }
        Some(Mode::Work) | None => work(),
    }
}

/// The work of the calling thread in here is counted.
#[inline(never)]
pub fn here<T>(work: impl FnOnce() -> T) -> T {
    let done = work();
    // Prevents that the call becomes a jump, whose return callgrind would not see.
    black_box(());
    done
}

/// One process: its case, and its result.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// The case that it counts.
    pub name: &'static str,
    /// What it runs.
    pub of: &'static str,
    pub mode: Mode,
    /// Where instructions are counted.
    pub counted: Option<Counted>,
}

/// Runs all of them, as many at a time as there are cores; returns instructions, or allocations.
///
/// # Errors
/// A process failed.
pub fn run_all(jobs: Vec<Job>) -> anyhow::Result<Vec<(Job, Allocations)>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let left = Mutex::new(jobs);
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).pop();
    std::thread::scope(|scope| {
        let work = || {
            let mut found = Vec::new();
            while let Some(job) = next() {
                found.push((job, job.run().with_context(|| job.name)?));
            }
            anyhow::Ok(found)
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(found) => all.extend(found?),
                Err(_) => bail!("a counting thread panicked"),
            }
        }
        Ok(all)
    })
}

impl Job {
    fn run(&self) -> anyhow::Result<Allocations> {
        let program = std::env::current_exe()?;
        let arguments = [ONE, self.of, self.mode.word()];
        let Some(counted) = self.counted else {
            let output = Command::new(program).args(arguments).output()?;
            let said = String::from_utf8_lossy(&output.stdout);
            ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
            let numbers = said.trim().split_once(' ').context("the output has no allocations")?;
            return Ok(Allocations { number: numbers.0.parse()?, bytes: numbers.1.parse()? });
        };
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
            .arg(format!("--toggle-collect={}", counted.function()))
            .arg(program)
            .args(arguments)
            .output()
            .context("running valgrind; apt-get install valgrind")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{said}");
        let collected = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
        let number: f64 = collected.with_context(|| format!("no count in {said}"))?;
        ensure!(number > 0.0 || self.mode == Mode::Preparation, "nothing passed {}", counted.function());
        Ok(Allocations { number, bytes: 0.0 })
    }
}

//! The results of a load generator, and the resources that the loaded process uses meanwhile.

use std::path::PathBuf;

use super::calls::{Calls, Counter};
use super::usage::{ByName, Watch};

/// The results of a load generator.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    /// Reservations a second.
    pub rate: f64,
    /// Reservations in total.
    pub made: u64,
    /// The median latency in milliseconds, if the generator reports it.
    pub p50: Option<f64>,
}

/// The resources that the process used.
#[derive(Debug)]
pub enum Seen {
    /// CPU time and context switches.
    Usage(ByName),
    /// System calls.
    Calls(Calls),
}

/// What to measure while a load generator runs.
#[derive(Debug)]
pub enum Look {
    /// CPU time and context switches.
    Usage,
    /// System calls, by a tool that writes to a file.
    Calls(Counter, PathBuf),
}

impl Look {
    /// Runs a load generator, and measures process `pid` and its children meanwhile.
    ///
    /// # Errors
    /// An error of `run`, or of the measurement.
    pub fn at(&self, pid: u32, run: impl FnOnce() -> anyhow::Result<Made>) -> anyhow::Result<(Made, Seen)> {
        match self {
            Self::Usage => {
                let watch = Watch::start(pid)?;
                let made = run();
                let usage = watch.stop()?;
                Ok((made?, Seen::Usage(usage)))
            }
            Self::Calls(counter, file) => {
                let counting = counter.start(pid, file.clone())?;
                let made = run()?;
                Ok((made, Seen::Calls(counting.stop()?)))
            }
        }
    }
}

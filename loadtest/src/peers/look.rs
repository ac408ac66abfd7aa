//! What a load generator does, and what the process that it asks is seen to spend meanwhile.

use std::path::PathBuf;

use super::calls::{Calls, Counter};
use super::usage::{ByName, Watch};

/// What a load generator tells.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    /// Reservations a second.
    pub rate: f64,
    /// Reservations, all together.
    pub made: u64,
    /// The median of what one waited for, milliseconds, where it is told.
    pub p50: Option<f64>,
}

/// What the process was seen to spend meanwhile.
#[derive(Debug)]
pub enum Seen {
    /// Time and switches.
    Usage(ByName),
    /// System calls.
    Calls(Calls),
}

/// What to look for while a load generator runs.
#[derive(Debug)]
pub enum Look {
    /// Time and switches.
    Usage,
    /// System calls, by a counter that writes to a file.
    Calls(Counter, PathBuf),
}

impl Look {
    /// Runs a load generator, and looks at process `pid` and its children meanwhile.
    ///
    /// # Errors
    /// What `run` says, or whoever looks.
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

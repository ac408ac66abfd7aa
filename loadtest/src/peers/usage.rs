//! The resources of a process, its threads and its children while it is measured: CPU time and context switches, as
//! the kernel counts them. A noisy machine affects these far less than a rate.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;

/// The interval of readings: the usage of a thread since the last reading is lost when it ends.
const TICK: Duration = Duration::from_millis(50);

/// Used resources.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Nanoseconds of CPU time.
    pub cpu: f64,
    /// The part in the kernel.
    pub kernel: f64,
    /// Voluntary context switches.
    pub waits: f64,
    /// Involuntary context switches.
    pub preempted: f64,
}

impl Spent {
    /// Adds other resources.
    pub fn add(&mut self, other: &Self) {
        self.cpu += other.cpu;
        self.kernel += other.kernel;
        self.waits += other.waits;
        self.preempted += other.preempted;
    }

    /// The resources for each of `count`.
    pub fn each(&self, count: f64) -> Self {
        let Self { cpu, kernel, waits, preempted } = *self;
        Self { cpu: cpu / count, kernel: kernel / count, waits: waits / count, preempted: preempted / count }
    }
}

/// Resources by thread name.
pub type ByName = BTreeMap<String, Spent>;

/// Measures a process until it is stopped.
#[derive(Debug)]
pub struct Watch {
    end: Sender<()>,
    looking: JoinHandle<ByName>,
}

impl Watch {
    /// Starts to measure.
    ///
    /// # Errors
    /// The system provides no thread.
    pub fn start(pid: u32) -> anyhow::Result<Self> {
        let (end, ended) = channel();
        let mut seen = Seen::default();
        seen.look(pid, true);
        let look = move || look(pid, seen, &ended);
        let looking =
            std::thread::Builder::new().name("usage".into()).spawn(look).context("starting the measuring thread")?;
        Ok(Self { end, looking })
    }

    /// Stops, and returns the resources since the start.
    ///
    /// # Errors
    /// The measuring thread panicked.
    pub fn stop(self) -> anyhow::Result<ByName> {
        drop(self.end);
        self.looking.join().map_err(|_| anyhow::anyhow!("the measuring thread panicked"))
    }
}

fn look(pid: u32, mut seen: Seen, ended: &Receiver<()>) -> ByName {
    loop {
        let end = ended.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout);
        seen.look(pid, false);
        if end {
            return seen.by_name();
        }
    }
}

/// Each thread's first and last reading.
#[derive(Debug, Default)]
struct Seen(HashMap<u32, (String, Spent, Spent)>);

impl Seen {
    /// Reads all threads. The usage of threads that exist `at_start` before the start does not count.
    fn look(&mut self, pid: u32, at_start: bool) {
        for pid in family(pid) {
            for thread in numbers_in(Path::new(&format!("/proc/{pid}/task"))) {
                let Some((name, now)) = thread_of(pid, thread) else { continue };
                let before = if at_start { now } else { Spent::default() };
                self.0.entry(thread).or_insert_with(|| (name, before, now)).2 = now;
            }
        }
    }

    fn by_name(self) -> ByName {
        let mut all = ByName::new();
        for (name, first, last) in self.0.into_values() {
            all.entry(name).or_default().add(&Spent {
                cpu: last.cpu - first.cpu,
                kernel: last.kernel - first.kernel,
                waits: last.waits - first.waits,
                preempted: last.preempted - first.preempted,
            });
        }
        all
    }
}

/// The process and all its descendants.
pub fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut nth = 0;
    while let Some(&parent) = family.get(nth) {
        for thread in numbers_in(Path::new(&format!("/proc/{parent}/task"))) {
            let children = std::fs::read_to_string(format!("/proc/{parent}/task/{thread}/children"));
            family.extend(children.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        nth += 1;
    }
    family
}

fn numbers_in(folder: &Path) -> Vec<u32> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The name of a thread without its number, and its usage; `None` once it has ended.
fn thread_of(pid: u32, thread: u32) -> Option<(String, Spent)> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/task/{thread}/{name}")).ok();
    let (stat, status, schedstat) = (read("stat")?, read("status")?, read("schedstat")?);
    let cpu: f64 = schedstat.split(' ').next()?.parse().ok()?;
    // A name may contain spaces and brackets.
    let (head, fields) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '-');
    let mut ticks = fields.split(' ').skip(11).map_while(|field| field.parse::<f64>().ok());
    let (user, kernel) = (ticks.next()?, ticks.next()?);
    let switches = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("_ctxt_switches:"));
        line?.trim().parse::<f64>().ok()
    };
    // Ticks are coarse; only the ratio of kernel to user time is taken from them.
    let kernel = if user + kernel > 0.0 { cpu * kernel / (user + kernel) } else { 0.0 };
    let spent = Spent { cpu, kernel, waits: switches("voluntary")?, preempted: switches("nonvoluntary")? };
    Some((name.to_owned(), spent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_and_one_that_waits_are_told_apart() {
        let watch = Watch::start(std::process::id()).unwrap();
        let work = || {
            let began = std::time::Instant::now();
            while began.elapsed() < Duration::from_millis(300) {
                std::hint::spin_loop();
            }
            // Waits until the thread was read.
            std::thread::sleep(TICK * 3);
        };
        let wait = || (0..100).for_each(|_| std::thread::sleep(Duration::from_millis(4)));
        let threads = [
            std::thread::Builder::new().name("works-1".into()).spawn(work).unwrap(),
            std::thread::Builder::new().name("waits-1".into()).spawn(wait).unwrap(),
        ];
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let spent = watch.stop().unwrap();
        let (works, waits) = (spent["works"], spent["waits"]);
        assert!(works.cpu > 5e6 && works.kernel <= works.cpu, "{works:?}");
        assert!(waits.waits >= 50.0 && waits.cpu < works.cpu, "{waits:?}");
        assert_eq!(works.each(2.0).cpu, works.cpu / 2.0);
    }

    #[test]
    fn children_belong_to_the_family() {
        let mut child = std::process::Command::new("sleep").arg("5").spawn().unwrap();
        assert!(family(std::process::id()).contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

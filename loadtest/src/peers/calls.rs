//! Counts the system calls of a process, in a separate round, because counting has a cost: by `perf`, which hardly
//! slows the process down, or by `strace`, which does.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::usage::family;

/// How long a counter needs to attach.
const ATTACHED: Duration = Duration::from_millis(1000);

/// How long the processes of the previous step need to end: a counter fails on a process that is gone.
const ENDED: Duration = Duration::from_millis(300);

/// The tool that counts system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// `perf stat`.
    Perf,
    /// `strace -c`.
    Strace,
}

/// System calls of a process and its children.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Calls {
    /// System calls of any kind.
    pub all: f64,
    /// Threads that wait for or wake each other.
    pub futex: f64,
    /// Flushes of a file to the disk.
    pub flushes: f64,
}

impl Calls {
    /// The calls for each of `count`.
    pub fn each(&self, count: f64) -> Self {
        Self { all: self.all / count, futex: self.futex / count, flushes: self.flushes / count }
    }

    fn count(&mut self, name: &str, calls: f64) {
        match name {
            "raw_syscalls:sys_enter" | "total" => self.all += calls,
            "futex" => self.futex += calls,
            "fsync" | "fdatasync" => self.flushes += calls,
            _ => {}
        }
    }

    /// `perf stat -x ,`: a count, a unit, the event, and more.
    fn of_perf(text: &str) -> Self {
        let mut calls = Self::default();
        for line in text.lines() {
            let mut fields = line.split(',');
            let (count, event) = (fields.next(), fields.nth(1).unwrap_or_default());
            let Some(count) = count.and_then(|count| count.parse().ok()) else { continue };
            calls.count(event.strip_prefix("syscalls:sys_enter_").unwrap_or(event), count);
        }
        calls
    }

    /// `strace -c`: share, seconds, microseconds a call, calls, errors if there were any, and the name.
    fn of_strace(text: &str) -> Self {
        let mut calls = Self::default();
        for line in text.lines() {
            let fields: Vec<_> = line.split_whitespace().collect();
            let (Some(count), Some(name)) = (fields.get(3), fields.last()) else { continue };
            if let Ok(count) = count.parse() {
                calls.count(name, count);
            }
        }
        calls
    }
}

impl Counter {
    /// The tool that is installed and permitted on this machine.
    pub fn find() -> Option<Self> {
        let says = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).arg("true").output().ok()?;
            output.status.success().then(|| String::from_utf8_lossy(&output.stderr).into_owned())
        };
        let perf = says("perf", &["stat", "-x", ",", "-e", "raw_syscalls:sys_enter"]);
        if perf.is_some_and(|said| Calls::of_perf(&said).all > 0.0) {
            return Some(Self::Perf);
        }
        let strace = says("strace", &["-f", "-c"]);
        strace.is_some_and(|said| Calls::of_strace(&said).all > 0.0).then_some(Self::Strace)
    }

    /// The name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Perf => "perf stat",
            Self::Strace => "strace -c",
        }
    }

    /// Starts to count the calls of a process and its children; the tool writes to `file`.
    ///
    /// # Errors
    /// The tool cannot be started.
    pub fn start(self, pid: u32, file: PathBuf) -> anyhow::Result<Counting> {
        std::thread::sleep(ENDED);
        let pids = family(pid);
        let mut command = match self {
            Self::Perf => {
                let mut command = Command::new("perf");
                command.args(["stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-e", "syscalls:sys_enter_futex"]);
                command.args(["-e", "syscalls:sys_enter_fsync", "-e", "syscalls:sys_enter_fdatasync"]);
                let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
                command.args(["-p", &pids.join(",")]);
                command
            }
            Self::Strace => {
                let mut command = Command::new("strace");
                command.args(["-f", "-c"]);
                command.args(pids.iter().flat_map(|pid| ["-p".to_owned(), pid.to_string()]));
                command
            }
        };
        let command = command.arg("-o").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("starting {}", self.name()))?;
        let mut counting = Counting { counter: self, child, file };
        std::thread::sleep(ATTACHED);
        ensure!(counting.child.try_wait()?.is_none(), "{} ended by itself", self.name());
        Ok(counting)
    }
}

/// Counts until it is stopped. Dropping it stops it.
#[derive(Debug)]
pub struct Counting {
    counter: Counter,
    child: Child,
    file: PathBuf,
}

impl Counting {
    /// Stops, and returns the calls since the start.
    ///
    /// # Errors
    /// The tool failed.
    pub fn stop(mut self) -> anyhow::Result<Calls> {
        let told = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status()?;
        ensure!(told.success(), "kill: {told}");
        self.child.wait()?;
        let calls = read(self.counter, &self.file)?;
        ensure!(calls.all > 0.0, "{} counted nothing", self.counter.name());
        Ok(calls)
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(counter: Counter, file: &Path) -> anyhow::Result<Calls> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(match counter {
        Counter::Perf => Calls::of_perf(&text),
        Counter::Strace => Calls::of_strace(&text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_counters_are_understood() {
        let expected = Calls { all: 29.0, futex: 7.0, flushes: 5.0 };
        let perf = "# started on Sun\n\n29,,raw_syscalls:sys_enter,785,100.00,36.9,K/sec\n7,,syscalls:sys_enter_futex,785,100.00,,\n\
                    2,,syscalls:sys_enter_fsync,785,100.00,,\n3,,syscalls:sys_enter_fdatasync,785,100.00,,\n";
        assert_eq!(Calls::of_perf(perf), expected);
        let strace = "% time     seconds  usecs/call     calls    errors syscall\n\
                      ------ ----------- ----------- --------- --------- ----------------\n \
                      60.00    0.000100          14         7         2 futex\n \
                      40.00    0.000100          20         5           fdatasync\n \
                      0.00    0.000000           0        17           read\n\
                      ------ ----------- ----------- --------- --------- ----------------\n\
                      100.00    0.000200           6        29         2 total\n";
        assert_eq!(Calls::of_strace(strace), expected);
        assert_eq!(expected.each(29.0).all, 1.0);
    }

    #[test]
    fn what_a_process_asks_is_counted() {
        let Some(counter) = Counter::find() else {
            assert!(std::env::var_os("CI").is_none(), "neither perf nor strace");
            return eprintln!("skipped: neither perf nor strace");
        };
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("sh").args(["-c", "while :; do sleep 0.05; done"]).spawn().unwrap();
        let counting = counter.start(child.id(), folder.path().join("calls")).unwrap();
        std::thread::sleep(Duration::from_millis(500));
        let calls = counting.stop();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(calls.unwrap().all > 10.0);
    }
}

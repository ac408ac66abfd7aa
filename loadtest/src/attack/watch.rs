//! Measures the server's memory, descriptors and threads, four times a second; and sends `/healthz`, each time on a new
//! connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;

use crate::live::resident;

/// The interval of the measurements.
const PAUSE: Duration = Duration::from_millis(250);

/// How long the server may take to answer `/healthz`.
const PATIENCE: Duration = Duration::from_secs(5);

/// The maxima since the start of the watch.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Seen {
    /// Resident bytes at the start, at the most, and at the end.
    pub resident_first: u64,
    /// Most resident memory, bytes.
    pub resident_max: u64,
    /// Resident memory at the end, bytes.
    pub resident_last: u64,
    /// Most open files.
    pub descriptors_max: u64,
    /// Most threads.
    pub threads_max: u64,
    /// Requests of `/healthz`, failed ones (five seconds for the connection, and five for each piece of the answer; ten
    /// in total), and the slowest answer.
    pub healthz_asked: u64,
    /// Times that `/healthz` did not answer.
    pub healthz_missed: u64,
    /// Its slowest answer, milliseconds.
    pub healthz_slowest_ms: f64,
    /// Failures of `/readyz`, and the last reason.
    pub not_ready: u64,
    /// The reason of `/readyz` at the end, if it failed.
    pub not_ready_last: Option<String>,
}

/// The measuring threads.
pub(super) struct Watch {
    over: Arc<AtomicBool>,
    process: JoinHandle<Seen>,
    door: JoinHandle<Seen>,
}

impl Watch {
    pub fn start(pid: u32, address: SocketAddr) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (first, second) = (Arc::clone(&over), Arc::clone(&over));
        Self {
            over,
            process: std::thread::spawn(move || process(pid, &first)),
            door: std::thread::spawn(move || door(address, &second)),
        }
    }

    pub fn stop(self) -> anyhow::Result<Seen> {
        self.over.store(true, Ordering::Relaxed);
        let process = self.process.join().ok().context("a watch panicked")?;
        let door = self.door.join().ok().context("a watch panicked")?;
        Ok(Seen {
            resident_first: process.resident_first,
            resident_max: process.resident_max,
            resident_last: process.resident_last,
            descriptors_max: process.descriptors_max,
            threads_max: process.threads_max,
            ..door
        })
    }
}

fn process(pid: u32, over: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let folder = Path::new("/proc").join(pid.to_string());
    let count = |name: &str| std::fs::read_dir(folder.join(name)).map_or(0, |entries| entries.count() as u64);
    while !over.load(Ordering::Relaxed) {
        // A server that ended has no values; its end is visible elsewhere.
        let now = resident(pid).unwrap_or(0);
        if seen.resident_first == 0 {
            seen.resident_first = now;
        }
        seen.resident_max = seen.resident_max.max(now);
        seen.resident_last = now;
        seen.descriptors_max = seen.descriptors_max.max(count("fd"));
        seen.threads_max = seen.threads_max.max(count("task"));
        std::thread::sleep(PAUSE);
    }
    seen
}

fn door(address: SocketAddr, over: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    while !over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let answer = ask(address, "/healthz");
        let took = began.elapsed();
        seen.healthz_asked += 1;
        let is_answered = matches!(&answer, Ok(text) if text.starts_with("HTTP/1.1 200"));
        seen.healthz_missed += u64::from(!is_answered || took > PATIENCE * 2);
        seen.healthz_slowest_ms = seen.healthz_slowest_ms.max(took.as_secs_f64() * 1000.0);
        match ask(address, "/readyz") {
            Ok(text) if text.starts_with("HTTP/1.1 200") => {}
            Ok(text) => {
                seen.not_ready += 1;
                seen.not_ready_last = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
            }
            Err(error) => {
                seen.not_ready += 1;
                seen.not_ready_last = Some(error.to_string());
            }
        }
        std::thread::sleep(PAUSE.saturating_sub(began.elapsed()));
    }
    seen
}

/// The whole answer on a connection that is closed afterwards.
fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(1 << 16).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

//! The machine: free disk space, the size of the data directory, and the resources of the process.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use metrics_process::Collector;

/// The longest wait of a scrape for the disk.
const PATIENCE: Duration = Duration::from_millis(500);

/// The maximum depth of directories that are measured.
const DEPTH_MAX: usize = 4;

/// Bytes of a block, the unit of `st_blocks`.
const BLOCK_BYTES: u64 = 512;

/// Measures the machine when metrics are scraped.
#[derive(Debug)]
pub struct Machine {
    data: PathBuf,
    process: Collector,
    /// Only one measurement runs at a time, also if the disk hangs.
    looking: AtomicBool,
    /// The free bytes of the file system and its size, as they were last seen.
    free: AtomicU64,
    size: AtomicU64,
}

impl Machine {
    /// For a server on the data directory `data`.
    pub fn new(data: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            data,
            process: Collector::default(),
            looking: AtomicBool::new(false),
            free: AtomicU64::new(0),
            size: AtomicU64::new(0),
        })
    }

    /// Describes the gauges.
    pub fn describe() {
        metrics::describe_gauge!("anaquel_data_bytes", "Bytes of the data directory on disk, by part");
        metrics::describe_gauge!("anaquel_disk_free_bytes", "Free bytes of the data directory's file system");
        metrics::describe_gauge!("anaquel_disk_bytes", "Size of the data directory's file system");
        metrics::describe_gauge!(
            "anaquel_disk_reserve_bytes",
            "Reserved bytes: journal.reserve_bytes; with less free space the server accepts no writes"
        );
        Collector::default().describe();
    }

    /// Measures. While the disk does not answer, the previous values stay.
    pub async fn measure(self: &Arc<Self>) {
        if self.looking.swap(true, Ordering::Acquire) {
            return;
        }
        let machine = Arc::clone(self);
        let look = tokio::task::spawn_blocking(move || {
            machine.look();
            machine.looking.store(false, Ordering::Release);
        });
        let _ = tokio::time::timeout(PATIENCE, look).await;
    }

    /// Looks at the free space alone. While the disk does not answer, the previous values stay.
    pub async fn look_at_disk(self: &Arc<Self>) {
        if self.looking.swap(true, Ordering::Acquire) {
            return;
        }
        let machine = Arc::clone(self);
        let look = tokio::task::spawn_blocking(move || {
            machine.see_disk();
            machine.looking.store(false, Ordering::Release);
        });
        let _ = tokio::time::timeout(PATIENCE, look).await;
    }

    fn see_disk(&self) {
        if let Ok(stat) = rustix::fs::statvfs(&self.data) {
            self.free.store(stat.f_bavail.saturating_mul(stat.f_frsize), Ordering::Relaxed);
            self.size.store(stat.f_blocks.saturating_mul(stat.f_frsize), Ordering::Relaxed);
        }
    }

    /// The free bytes of the data directory's file system and its size, as they were last seen; 0 before that.
    pub fn disk(&self) -> (u64, u64) {
        (self.free.load(Ordering::Relaxed), self.size.load(Ordering::Relaxed))
    }

    fn look(&self) {
        self.process.collect();
        self.see_disk();
        let (free, size) = self.disk();
        metrics::gauge!("anaquel_disk_free_bytes").set(free as f64);
        metrics::gauge!("anaquel_disk_bytes").set(size as f64);
        let parts = ["journal", "images", "archive"].map(|part| (part, bytes(&self.data.join(part), DEPTH_MAX)));
        let all = bytes(&self.data, DEPTH_MAX);
        let other = parts.iter().fold(all, |rest, (_, bytes)| rest.saturating_sub(*bytes));
        for (part, bytes) in parts.into_iter().chain([("other", other)]) {
            metrics::gauge!("anaquel_data_bytes", "part" => part).set(bytes as f64);
        }
    }
}

/// Bytes on disk of a file, or of all files in a directory; 0 if it disappears meanwhile.
fn bytes(path: &Path, depth: usize) -> u64 {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return 0 };
    let own = metadata.blocks().saturating_mul(BLOCK_BYTES);
    if !metadata.is_dir() || depth == 0 {
        return own;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.fold(own, |sum, entry| sum.saturating_add(bytes(&entry.path(), depth - 1)))
}

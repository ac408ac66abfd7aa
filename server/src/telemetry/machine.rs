//! What the machine gives: room on the disk, what the data directory takes of it, and what the process uses.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics_process::Collector;

/// How long an answer waits for the disk to tell.
const PATIENCE: Duration = Duration::from_millis(500);

/// Directories below each other that are looked into.
const DEPTH_MAX: usize = 4;

/// Bytes of a block, as the system counts them.
const BLOCK_BYTES: u64 = 512;

/// Looks at the machine when metrics are asked for.
#[derive(Debug)]
pub struct Machine {
    data: PathBuf,
    process: Collector,
    /// A look that does not end, on a disk that hangs, is the only one.
    looking: AtomicBool,
}

impl Machine {
    /// For a server on the data directory `data`.
    pub fn new(data: PathBuf) -> Arc<Self> {
        Arc::new(Self { data, process: Collector::default(), looking: AtomicBool::new(false) })
    }

    /// What each figure means.
    pub fn describe() {
        metrics::describe_gauge!("anaquel_data_bytes", "Bytes on the disk of the data directory, by part");
        metrics::describe_gauge!(
            "anaquel_disk_free_bytes",
            "Bytes that the file system of the data directory has left"
        );
        metrics::describe_gauge!("anaquel_disk_bytes", "Bytes that it has in all");
        metrics::describe_gauge!(
            "anaquel_disk_reserve_bytes",
            "Bytes that stay free: journal.reserve_bytes; below, no writes are taken"
        );
        Collector::default().describe();
    }

    /// Looks. While the disk does not tell, the figures of before stay.
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

    fn look(&self) {
        self.process.collect();
        if let Ok(stat) = rustix::fs::statvfs(&self.data) {
            metrics::gauge!("anaquel_disk_free_bytes").set(stat.f_bavail.saturating_mul(stat.f_frsize) as f64);
            metrics::gauge!("anaquel_disk_bytes").set(stat.f_blocks.saturating_mul(stat.f_frsize) as f64);
        }
        let (journal, checkpoints) = (self.data.join("journal"), self.data.join("images"));
        let parts = [("journal", bytes(&journal, DEPTH_MAX)), ("images", bytes(&checkpoints, DEPTH_MAX))];
        let all = bytes(&self.data, DEPTH_MAX);
        let other = parts.iter().fold(all, |rest, (_, bytes)| rest.saturating_sub(*bytes));
        for (part, bytes) in parts.into_iter().chain([("other", other)]) {
            metrics::gauge!("anaquel_data_bytes", "part" => part).set(bytes as f64);
        }
    }
}

/// Bytes on the disk of a file, or of all that is in a directory. What goes away meanwhile has none.
fn bytes(path: &Path, depth: usize) -> u64 {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return 0 };
    let own = metadata.blocks().saturating_mul(BLOCK_BYTES);
    if !metadata.is_dir() || depth == 0 {
        return own;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.fold(own, |sum, entry| sum.saturating_add(bytes(&entry.path(), depth - 1)))
}

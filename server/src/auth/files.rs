//! Required files.

use std::path::Path;

use anyhow::Context;

/// Reads a file that must exist.
pub fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}

//! The folder for results, which is checked before a measurement.

use std::path::Path;

use anyhow::Context;

/// Creates `folder`, and writes and deletes a file in it: otherwise a long measurement could be lost to an unwritable
/// folder.
///
/// # Errors
/// It cannot be created or written.
pub fn prepare(folder: Option<&Path>) -> anyhow::Result<()> {
    let Some(folder) = folder else { return Ok(()) };
    let told = || format!("--out {}", folder.display());
    std::fs::create_dir_all(folder).with_context(told)?;
    let probe = folder.join(".anaquel-loadtest");
    std::fs::write(&probe, "").with_context(told)?;
    std::fs::remove_file(&probe).with_context(told)
}

/// Writes a file that replaces the previous one once it is complete.
///
/// # Errors
/// The folder cannot be written.
pub fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let beside = path.with_extension("part");
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    written.with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_or_told_before_anything_is_measured() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("a/b");
        prepare(Some(&folder)).unwrap();
        assert!(folder.is_dir() && std::fs::read_dir(&folder).unwrap().next().is_none());
        replace(&folder.join("RESULTS.md"), "one").unwrap();
        replace(&folder.join("RESULTS.md"), "two").unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("RESULTS.md")).unwrap(), "two");
        std::fs::write(temporary.path().join("file"), "").unwrap();
        let told = prepare(Some(&temporary.path().join("file/b"))).unwrap_err();
        assert!(format!("{told:#}").contains("--out"), "{told:#}");
        prepare(None).unwrap();
    }
}

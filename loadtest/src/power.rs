//! Power cuts: the server writes to a file system in an image; it is killed, the image is copied at that moment without
//! the kernel's unwritten data, and the copy is started.
//!
//! Needs root, `mkfs.ext4` and `mount`. With `without_sync` the journal does not wait for the disk, and the same rounds
//! must find lost writes: otherwise the test could not find anything.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::kill::{Broken, KillReport, World, rounds_on};

/// Rounds per image: its whole log is audited after each.
const ROUNDS_AN_IMAGE: u64 = 30;

/// Space for the log of these rounds.
const IMAGE_MIB: &str = "512M";

/// A journal that is not flushed within any of these rounds.
const WITHOUT_SYNC: &str = "[journal]\nsync = \"interval\"\nsync_interval_ms = 600000\n";

/// A file system in a file, mounted while it is there.
struct Disk {
    image: PathBuf,
    mounted: PathBuf,
}

fn run_command(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new(program).args(arguments).output().with_context(|| format!("running {program}"))?;
    ensure!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is text")
}

impl Disk {
    fn new(folder: &Path) -> anyhow::Result<Self> {
        let (image, mounted) = (folder.join("image"), folder.join("mounted"));
        std::fs::create_dir_all(&mounted)?;
        run_command("truncate", &["-s", IMAGE_MIB, text(&image)?])?;
        run_command("mkfs.ext4", &["-q", "-F", text(&image)?])?;
        let disk = Self { image, mounted };
        disk.mount()?;
        Ok(disk)
    }

    fn mount(&self) -> anyhow::Result<()> {
        run_command("mount", &["-o", "loop", text(&self.image)?, text(&self.mounted)?])
            .context("mounting an image needs root")
    }

    fn unmount(&self) -> anyhow::Result<()> {
        run_command("umount", &[text(&self.mounted)?])
    }

    /// Cuts the power: unflushed data is lost, and the rest is mounted again.
    fn cut(&self) -> anyhow::Result<()> {
        let copy = self.image.with_extension("copy");
        run_command("cp", &["--sparse=always", text(&self.image)?, text(&copy)?])?;
        // Later writes go to the discarded image.
        self.unmount()?;
        std::fs::rename(&copy, &self.image)?;
        self.mount()
    }
}

impl World for Disk {
    fn after(&mut self) -> anyhow::Result<()> {
        self.cut()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.unmount();
    }
}

/// Whether an image can be created and mounted here.
///
/// # Errors
/// Why not.
pub fn is_possible() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    Disk::new(folder.path()).map(drop)
}

/// Cuts the power `rounds` times, in `folder`.
///
/// # Errors
/// The first acknowledged write that is missing; or, without syncing, that nothing was lost.
pub fn run(binary: &Path, folder: &Path, rounds: u64, seed: u64, without_sync: bool) -> anyhow::Result<KillReport> {
    let config = folder.join("settings.toml");
    std::fs::write(&config, if without_sync { WITHOUT_SYNC } else { "" })?;
    let arguments = ["--config", text(&config)?];
    let mut report = KillReport::default();
    while report.rounds < rounds {
        let of_image = folder.join(format!("disk-{}", report.rounds));
        let mut disk = Disk::new(&of_image)?;
        let count = ROUNDS_AN_IMAGE.min(rounds - report.rounds);
        let seed = seed.wrapping_add(report.rounds);
        let data = disk.mounted.join("data");
        let done = rounds_on(binary, &data, &arguments, count, seed, &mut report, &mut disk);
        drop(disk);
        std::fs::remove_dir_all(&of_image)?;
        match done {
            Err(error) if without_sync && error.is::<Broken>() => {
                eprintln!("without syncing, after {} rounds: {error:#}", report.rounds);
                return Ok(report);
            }
            done => done?,
        }
        eprintln!("{report:?}");
    }
    ensure!(!without_sync, "without syncing, {rounds} power cuts lost nothing: this test finds nothing");
    Ok(report)
}

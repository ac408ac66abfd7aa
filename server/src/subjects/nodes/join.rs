//! How a node that follows begins: it takes over a checkpoint and the log of the node that it follows.
//!
//! ```text
//!   GET /v1/log/checkpoint ──► DIR.joining/whole.backup ──► checked, rebuilt, compared by its hash ──► DIR
//! ```
//!
//! A download that breaks off is thrown away. A directory that fell too far behind is replaced only once the whole download
//! is there; until then it is served.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anaquel_engine::backup::{self, Chain, Until};
use anaquel_engine::journal::sync_directory;
use anyhow::{Context, bail};
use http_body_util::BodyExt;

use super::promotion::WasPromoted;
use super::upstream;
use crate::app::App;
use crate::cli::remote::Remote;
use crate::config::Config;

/// The name of a finished download, and of one that is not.
const WHOLE: &str = "whole.backup";
const UNFINISHED: &str = "unfinished.backup";

/// What a data directory has of a log, and of the keys that come with it.
const OWN: [&str; 8] =
    ["identity", "journal", "journal.fresh", "journal.old", "images", "archive", "keys.json", "revoked.json"];

/// What to do with a data directory at a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// It follows.
    Follow,
    /// It was promoted, and decides, whatever its command line says.
    Decide,
}

fn is_data_directory(data: &Path) -> bool {
    data.join("identity").is_file()
}

fn folder_of(data: &Path) -> PathBuf {
    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(".joining");
    data.with_file_name(name)
}

/// Makes `config.data` a directory that follows `url`: takes over what is downloaded, or downloads it if there is no
/// directory yet.
///
/// # Errors
/// The other node cannot be reached, or what it sent is not whole.
pub async fn prepare(config: &Config, url: &str) -> anyhow::Result<Begin> {
    let remote = upstream::node_at(&config.nodes, url)?;
    let data = &config.data;
    let data = &if data.is_absolute() { data.clone() } else { std::env::current_dir()?.join(data) };
    if let Some(promoted) = WasPromoted::read(data)?
        && is_data_directory(data)
    {
        if promoted.followed == url {
            tracing::warn!(
                followed = promoted.followed,
                epoch = promoted.epoch,
                "this node was promoted and decides; --follow is passed over: remove it from its command line"
            );
            return Ok(Begin::Decide);
        }
        WasPromoted::forget(data)?;
    }
    let whole = folder_of(data).join(WHOLE);
    if !whole.exists() {
        if is_data_directory(data) {
            return Ok(Begin::Follow);
        }
        tracing::info!(%remote, "downloading a checkpoint and the log of the node that is followed");
        download_to(data, &remote).await?;
    }
    let (config, data) = (config.clone(), data.clone());
    tokio::task::spawn_blocking(move || take_over(&config, &data, &whole)).await??;
    Ok(Begin::Follow)
}

/// Downloads all that the followed node has, for the next start.
///
/// # Errors
/// It cannot be reached, or breaks off.
pub async fn download(app: &App, remote: &Remote) -> anyhow::Result<()> {
    let data = std::path::absolute(&app.config.data)?;
    download_to(&data, remote).await
}

async fn download_to(data: &Path, remote: &Remote) -> anyhow::Result<()> {
    let folder = folder_of(data);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    restrict(&folder)?;
    let unfinished = folder.join(UNFINISHED);
    let mut file = File::create(&unfinished).with_context(|| unfinished.display().to_string())?;
    let answer = upstream::ask(remote, "GET", "/v1/log/checkpoint", &serde_json::Value::Null).await?;
    let mut body = match answer {
        Ok(body) => body,
        Err(refusal) => bail!("{remote}: {}: {}", refusal.status, refusal.detail),
    };
    while let Some(frame) = body.frame().await {
        let frame = frame.with_context(|| format!("{remote}: the download broke off"))?;
        if let Ok(data) = frame.into_data() {
            tokio::task::block_in_place(|| file.write_all(&data)).with_context(|| unfinished.display().to_string())?;
        }
    }
    file.sync_all()?;
    drop(file);
    // It has an end, and every piece is as it was sent.
    let checked = unfinished.clone();
    tokio::task::spawn_blocking(move || backup::read_through(&checked)).await??;
    fs::rename(&unfinished, folder.join(WHOLE))?;
    sync_directory(&folder)?;
    Ok(())
}

/// Downloads contain keys.
fn restrict(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).with_context(|| folder.display().to_string())
}

/// Replaces what the directory has by what was downloaded. A start that is interrupted here does it again.
fn take_over(config: &Config, data: &Path, whole: &Path) -> anyhow::Result<()> {
    // First: without it, this is not a data directory, and another start begins here again.
    for name in OWN.iter().chain(&["secret", "restore.unfinished"]) {
        let path = data.join(name);
        let removed = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.with_context(|| path.display().to_string())?;
    }
    // What the operator or the server put beside the log is not part of it, and is no obstacle.
    let others = data.exists().then(|| others_in(data)).transpose()?.unwrap_or_default();
    let aside = folder_of(data).join("aside");
    for (path, name) in &others {
        fs::create_dir_all(&aside)?;
        fs::rename(path, aside.join(name)).with_context(|| path.display().to_string())?;
    }
    let chain = Chain::find(&[whole.to_owned()], Until::End)?;
    let restored = backup::join(&chain, data, config.journal.store.into())?;
    if aside.exists() {
        for (path, name) in others_in(&aside)? {
            fs::rename(&path, data.join(name)).with_context(|| path.display().to_string())?;
        }
    }
    let folder = folder_of(data);
    fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    tracing::info!(seq = restored.checked.seq, epoch = %restored.epoch, hash = restored.checked.hash, "joined");
    Ok(())
}

fn others_in(folder: &Path) -> anyhow::Result<Vec<(PathBuf, std::ffi::OsString)>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let found = entries.map(|entry| entry.map(|entry| (entry.path(), entry.file_name())));
    Ok(found.collect::<Result<_, _>>()?)
}

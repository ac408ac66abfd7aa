//! How a node that follows begins: it takes over a checkpoint and the log of the node that it follows.
//!
//! ```text
//!   GET /v1/log/checkpoint ──► DIR/joining/whole.backup ──► next: checked, rebuilt, compared by its hash
//!                                                       ──► ready ──► what DIR had goes ──► moving ──► DIR
//! ```
//!
//! A download that breaks off is thrown away. A directory that fell too far behind is replaced only once the whole download
//! is rebuilt beside it; until then it is served. Whatever step is interrupted, the next start goes on with it.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anaquel_engine::backup::{self, Chain, Until};
use anaquel_engine::journal::sync_directory;
use anaquel_engine::role::Role;
use anaquel_engine::{RecordedIdentity, lock_directory, recorded_identity};
use anyhow::{Context, bail};
use http_body_util::BodyExt;

use super::promoted::WasPromoted;
use super::{peers, upstream};
use crate::app::App;
use crate::auth::revoked::{self, Revoked};
use crate::cli::remote::Remote;
use crate::config::{Config, NodesConfig};

/// The folder in the data directory: on the same file system, and where this process may write.
const FOLDER: &str = "joining";

/// What is in it: from whom, a download that is not finished, and one that is.
const FROM: &str = "from";
const UNFINISHED: &str = "unfinished.backup";
const WHOLE: &str = "whole.backup";

/// And the directory that is rebuilt from it: not finished, finished, and while it takes its place.
const NEXT: &str = "next";
const READY: &str = "ready";
const MOVING: &str = "moving";

/// What a data directory has of a log, and of the keys that come with it. Without the first, it is none.
const IDENTITY: &str = "identity";
const OWN: [&str; 10] = [
    IDENTITY,
    "secret",
    "journal",
    "journal.fresh",
    "journal.old",
    "images",
    "archive",
    "keys.json",
    revoked::FILE_NAME,
    "restore.unfinished",
];

/// How long the next piece of a download may take.
const PIECE: Duration = Duration::from_secs(30);

/// What to do with a data directory at a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// It follows.
    Follow,
    /// It was promoted, and decides, whatever its command line says.
    Decide,
}

/// Makes `config.data` a directory that follows `url`: takes over what is downloaded, or downloads it if there is no
/// directory yet.
///
/// # Errors
/// The other node cannot be reached, or what it sent is not whole.
pub async fn prepare(config: &Config, url: &str) -> anyhow::Result<Begin> {
    let remote = upstream::node_at(&config.nodes, url)?;
    let data = std::path::absolute(&config.data)?;
    make_private(&data)?;
    // Nothing of a directory is changed that another process has open.
    let lock = lock_directory(&data)?;
    let folder = data.join(FOLDER);
    let recorded = recorded_identity(&data).with_context(|| data.display().to_string())?;
    keep_what_decides(&data, recorded.as_ref());
    if let (Some(recorded), Some(promoted)) = (&recorded, WasPromoted::read(&data)?) {
        if still_decides(&config.nodes, url, recorded, &promoted).await {
            tracing::warn!(
                followed = promoted.followed,
                epoch = recorded.epochs.last().map(ToString::to_string),
                "this node was promoted and decides; --follow is passed over: remove it from its command line; if another \
                 node decides now, stop this one, remove promoted.json from its directory, and start it again"
            );
            forget(&data);
            return Ok(Begin::Decide);
        }
        WasPromoted::forget(&data)?;
    }
    // What was downloaded of another node is nothing here.
    if !is_replaced(&folder) && fs::read_to_string(folder.join(FROM)).is_ok_and(|from| from != url) {
        forget(&data);
    }
    if !is_replaced(&folder) && !folder.join(WHOLE).exists() {
        if recorded.is_some() {
            return Ok(Begin::Follow);
        }
        tracing::info!(%remote, "downloading a checkpoint and the log of the node that is followed");
        download_to(&data, &remote, url).await?;
    }
    let config = config.clone();
    tokio::task::spawn_blocking(move || {
        let _lock = lock;
        match rebuild(&config, &data) {
            // What it has is served; the next connection tells what it lacks, and downloads again.
            Err(error) if recorded.is_some() => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "what was downloaded cannot be taken over, and is dropped"
                );
                Ok(())
            }
            rebuilt => rebuilt.and_then(|()| replace(&data)),
        }
    })
    .await??;
    Ok(Begin::Follow)
}

/// Goes on with a replacement that was interrupted, whoever starts: until it is done, there is no data directory.
///
/// # Errors
/// A step of it fails.
pub async fn go_on(config: &Config) -> anyhow::Result<()> {
    let data = std::path::absolute(&config.data)?;
    if !is_replaced(&data.join(FOLDER)) {
        return Ok(());
    }
    tokio::task::spawn_blocking(move || {
        let _lock = lock_directory(&data)?;
        let recorded = recorded_identity(&data).with_context(|| data.display().to_string())?;
        keep_what_decides(&data, recorded.as_ref());
        if is_replaced(&data.join(FOLDER)) { replace(&data) } else { Ok(()) }
    })
    .await?
}

/// A node that was promoted after it downloaded has the log now: nothing takes its place.
fn keep_what_decides(data: &Path, recorded: Option<&RecordedIdentity>) {
    if is_replaced(&data.join(FOLDER)) && recorded.is_some_and(|recorded| recorded.role == Role::Primary) {
        forget(data);
    }
}

/// Whether a directory is being replaced.
fn is_replaced(folder: &Path) -> bool {
    [READY, MOVING].iter().any(|name| folder.join(name).exists())
}

/// Whether a node that was promoted decides still, although it is told to follow the node that it followed: it was not
/// stopped since, and that node did not take over from it.
async fn still_decides(nodes: &NodesConfig, url: &str, recorded: &RecordedIdentity, promoted: &WasPromoted) -> bool {
    recorded.role == Role::Primary
        && promoted.followed == url
        && peers::who_left(nodes, &[url.to_owned()], &recorded.epochs).await.is_none()
}

/// Removes what was downloaded.
pub fn forget(data: &Path) {
    let folder = data.join(FOLDER);
    if let Err(error) = fs::remove_dir_all(&folder)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %folder.display(), %error, "cannot remove what was downloaded");
    }
}

/// Downloads all that the followed node has, and rebuilds a directory from it, which the next start puts in place.
///
/// # Errors
/// It cannot be reached, breaks off, or cannot be rebuilt.
pub async fn download(app: &App, remote: &Remote) -> anyhow::Result<()> {
    let data = std::path::absolute(&app.config.data)?;
    download_to(&data, remote, app.node.follows().unwrap_or_default()).await?;
    let config = app.config.clone();
    tokio::task::spawn_blocking(move || rebuild(&config, &data)).await?
}

async fn download_to(data: &Path, remote: &Remote, url: &str) -> anyhow::Result<()> {
    let folder = data.join(FOLDER);
    make_private(data)?;
    make_private(&folder)?;
    fs::write(folder.join(FROM), url).with_context(|| folder.display().to_string())?;
    let unfinished = folder.join(UNFINISHED);
    let mut file = File::create(&unfinished).with_context(|| unfinished.display().to_string())?;
    let answer = upstream::ask(remote, "GET", "/v1/log/checkpoint", &serde_json::Value::Null).await?;
    let mut body = match answer {
        Ok(body) => body,
        Err(refusal) => bail!("{remote}: {}: {}", refusal.status, refusal.detail),
    };
    loop {
        let piece = tokio::time::timeout(PIECE, body.frame()).await;
        let piece =
            piece.with_context(|| format!("{remote}: the download stands still for {} seconds", PIECE.as_secs()))?;
        let Some(frame) = piece else { break };
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

/// Makes a directory that only its owner reads: downloads contain keys.
fn make_private(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if !path.exists() {
        let made = fs::create_dir_all(path).and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o700)));
        made.with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Rebuilds a directory beside the one that is there, from what was downloaded.
///
/// # Errors
/// It cannot be rebuilt: then what was downloaded is dropped.
fn rebuild(config: &Config, data: &Path) -> anyhow::Result<()> {
    let folder = data.join(FOLDER);
    if is_replaced(&folder) {
        return Ok(());
    }
    let next = folder.join(NEXT);
    remove(&next)?;
    let rebuilt = Chain::find(&[folder.join(WHOLE)], Until::End)
        .and_then(|chain| backup::join(&chain, &next, config.journal.store.into()));
    let rebuilt = match rebuilt {
        Ok(rebuilt) => rebuilt,
        Err(error) => {
            forget(data);
            return Err(error).context("what was downloaded");
        }
    };
    tracing::info!(seq = rebuilt.checked.seq, epoch = %rebuilt.epoch, hash = rebuilt.checked.hash, "joined");
    fs::rename(&next, folder.join(READY))?;
    sync_directory(&folder)?;
    Ok(())
}

/// Puts the rebuilt directory in the place of the one that is there. What the operator or the server put beside the log is
/// not part of it, and stays.
///
/// # Errors
/// A step fails: the next start goes on with it.
fn replace(data: &Path) -> anyhow::Result<()> {
    let folder = data.join(FOLDER);
    let (ready, moving) = (folder.join(READY), folder.join(MOVING));
    if ready.exists() {
        // What was revoked on this node stays so.
        match fs::read(Revoked::path(data)) {
            Ok(own) => drop(Revoked::add_all(&Revoked::path(&ready), &own)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context(revoked::FILE_NAME),
        }
        // The identity first: without it, this is not a data directory, whoever starts here.
        for name in OWN {
            remove(&data.join(name))?;
        }
        sync_directory(data)?;
        fs::rename(&ready, &moving)?;
        sync_directory(&folder)?;
    }
    // And last: with it, everything is there.
    for name in OWN.iter().rev() {
        let from = moving.join(name);
        if from.exists() {
            fs::rename(&from, data.join(name)).with_context(|| from.display().to_string())?;
            sync_directory(data)?;
        }
    }
    fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())
}

fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.with_context(|| path.display().to_string())
}

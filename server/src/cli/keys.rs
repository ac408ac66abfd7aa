//! API keys from the command line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::ensure;

use crate::auth::keys::{Grant, Key, KeyFile};
use crate::auth::now_seconds;
use crate::cli::args::{KeysArgs, KeysCommand};
use crate::cli::target as place;
use crate::config::Config;

const DAY: u64 = 86_400;

/// Creates, lists, rotates and revokes keys.
///
/// # Errors
/// The file cannot be read or written, or an argument is invalid.
pub fn keys(args: &KeysArgs) -> anyhow::Result<ExitCode> {
    let path = path(args)?;
    let now = now_seconds();
    match &args.command {
        KeysCommand::Add { name, scope, channel, location, limits, expires_days } => {
            let grant = Grant {
                name: name.clone(),
                scopes: scope.clone(),
                channels: channel.clone(),
                locations: location.clone(),
                limits: limits.limits(),
                expires_at: expires_days.map(|days| now.saturating_add(days.saturating_mul(DAY))),
            };
            let (id, token) = KeyFile::change(&path, |file| file.add(grant, now))?;
            tell(&id, &token);
        }
        KeysCommand::Rotate { id, overlap_seconds } => {
            let (newer, token) = KeyFile::change(&path, |file| file.rotate(id, *overlap_seconds, now))?;
            tell(&newer, &token);
            eprintln!("{id} stays valid for {overlap_seconds} seconds");
        }
        KeysCommand::Revoke { id } => {
            KeyFile::change(&path, |file| file.revoke(id, now))?;
            eprintln!("{id} is revoked");
        }
        KeysCommand::List => {
            let file = KeyFile::read(&path)?.unwrap_or_default();
            println!("{:<10} {:<8} {:<20} {:<22} scopes, and channels and locations", "id", "state", "name", "made");
            file.keys.iter().for_each(|key| println!("{}", row(key, now)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The file of keys. Its folder must exist: a key in a folder that was created by a typing error would be useless.
fn path(args: &KeysArgs) -> anyhow::Result<PathBuf> {
    let config = if args.file.is_some() { Config::default() } else { Config::load(args.config.as_deref())? };
    let data = args.data.as_deref().unwrap_or(&config.data);
    if let Some(file) = args.file.clone().or_else(|| config.auth.keys.clone()) {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let is_there = folder.is_none_or(Path::is_dir);
        ensure!(
            is_there,
            "{}: this folder does not exist; create it if the server's auth.keys names it",
            file.display()
        );
        return Ok(file);
    }
    ensure!(
        place::is_data_directory(data) || place::is_empty(data),
        "--data {}: {}; name the server's data directory, or run `anaquel serve --data {}` first, which creates it",
        data.display(),
        place::what_else(data),
        data.display()
    );
    Ok(config.auth.keys_path(data))
}

/// Prints only the key on standard output, so that it can be piped.
fn tell(id: &str, token: &str) {
    eprintln!("key {id}; the key is shown only once:");
    println!("{token}");
}

fn row(key: &Key, now: u64) -> String {
    let made = jiff::Timestamp::from_second(key.created_at.try_into().unwrap_or(0));
    let made = made.map(|made| made.to_string()).unwrap_or_default();
    let scopes: Vec<_> = key.scopes.iter().map(ToString::to_string).collect();
    let mut text = format!("{:<10} {:<8} {:<20} {made:<22} {}", key.id, key.state(now), key.name, scopes.join(" "));
    for (what, bound) in [("channels", &key.channels), ("locations", &key.locations)] {
        if !bound.is_empty() {
            text.push_str(&format!("; {what} {}", bound.join(" ")));
        }
    }
    text
}

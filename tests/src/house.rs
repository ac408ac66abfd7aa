//! A data directory with keys, before and after a server opens it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::Server;
use serde_json::Value;

use crate::binary;
use crate::folder::{Folder, folder};

/// A data directory, its keys and its settings.
pub struct House {
    folder: Folder,
}

impl Default for House {
    fn default() -> Self {
        let house = Self { folder: folder() };
        // Keys are created before a server opens the directory; only a server creates a directory.
        std::fs::create_dir(house.data()).unwrap();
        house
    }
}

impl House {
    /// The folder that contains the data directory and the settings.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The output of `anaquel keys` with these arguments.
    ///
    /// # Panics
    /// The command fails.
    pub fn keys(&self, arguments: &[&str]) -> String {
        let mut keys = Command::new(binary());
        keys.env_remove("ANAQUEL_SEED").arg("keys").arg("--data").arg(self.data()).args(arguments);
        let output = keys.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// A new key; further arguments may bind it.
    ///
    /// # Panics
    /// The command fails.
    pub fn key(&self, name: &str, scopes: &[&str], more: &[&str]) -> String {
        let scopes = scopes.iter().flat_map(|scope| ["--scope", scope]);
        self.keys(&["add", name].into_iter().chain(scopes).chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// The same as an `Authorization` value.
    ///
    /// # Panics
    /// The command fails.
    pub fn caller(&self, name: &str, scopes: &[&str], more: &[&str]) -> String {
        bearer(&self.key(name, scopes, more))
    }

    /// Starts a server on it.
    ///
    /// # Panics
    /// It does not start.
    pub fn serve(&self, arguments: &[&str]) -> Server {
        Server::start(binary(), &self.data(), arguments).unwrap()
    }

    /// The same with settings.
    ///
    /// # Panics
    /// It does not start.
    pub fn serve_with(&self, settings: &str) -> Server {
        self.serve(&["--config", &self.config(settings)])
    }

    /// Writes a file of settings beside it.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn config(&self, text: &str) -> String {
        let path = self.folder.path().join("anaquel.toml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The log of the server.
    ///
    /// # Panics
    /// There is none.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data().with_extension("log")).unwrap()
    }
}

/// A key as an `Authorization` value.
pub fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

/// The answer to a caller with a key.
///
/// # Panics
/// The connection failed.
pub fn ask(client: &mut Client, key: &str, method: &str, path: &str, body: &Value) -> Answer {
    let authorization = bearer(key);
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    client.send(method, path, &headers, body.as_bytes()).unwrap()
}

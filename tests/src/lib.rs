//! The harness: a shop of its own for each test, served by the real binary.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails shall say where")]

pub mod browser;
pub mod calls;
pub mod files;
pub mod folder;
pub mod house;
pub mod imports;
pub mod selling;
pub mod store_page;
pub mod tls;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anaquel_loadtest::client::{Answer, Client};
use anaquel_loadtest::server::Server;
use serde_json::{Value, json};

use crate::folder::{Folder, folder};

/// A server on a directory of its own.
pub struct Shop {
    /// The server.
    pub server: Server,
    /// A connection to it.
    pub client: Client,
    folder: Folder,
    arguments: Vec<String>,
}

/// The binary under test, which Cargo has built beside the tests: they are integration tests of its package.
///
/// # Panics
/// It does not exist.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| anaquel_loadtest::server::binary(None).unwrap())
}

/// The root of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Data that is not part of the project. If it is absent, a test that needs it prints that and passes, except on CI.
///
/// # Panics
/// It is absent on CI.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let path = root().join("../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is absent", path.display());
    eprintln!("skipped: {} is absent", path.display());
    None
}

impl Default for Shop {
    fn default() -> Self {
        Self::with(&[])
    }
}

impl Shop {
    /// A new shop, started with more arguments.
    ///
    /// # Panics
    /// It does not start.
    pub fn with(arguments: &[&str]) -> Self {
        let folder = folder();
        let server = Server::start(binary(), &folder.path().join("data"), arguments).unwrap();
        let client = server.client();
        Self { server, client, folder, arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect() }
    }

    /// Its data directory.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file beside it.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Kills the server and starts it again on the same data.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn killed_and_restarted(self) -> Self {
        let Self { server, folder, arguments, .. } = self;
        server.kill().unwrap();
        Self::again(folder, arguments)
    }

    /// Stops the server in order and starts it again on the same data.
    ///
    /// # Panics
    /// It does not end with 0, or does not start.
    #[must_use]
    pub fn restarted(self) -> Self {
        let Self { server, folder, arguments, .. } = self;
        server.stop().unwrap();
        Self::again(folder, arguments)
    }

    fn again(folder: Folder, arguments: Vec<String>) -> Self {
        let borrowed: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let server = Server::start(binary(), &folder.path().join("data"), &borrowed).unwrap();
        let client = server.client();
        Self { server, client, folder, arguments }
    }

    /// Stops the server in order and returns its folder and data directory.
    ///
    /// # Panics
    /// It does not end with 0.
    pub fn stopped(self) -> (Folder, PathBuf) {
        let data = self.data();
        let Self { server, folder, .. } = self;
        server.stop().unwrap();
        (folder, data)
    }

    /// The last visible `seq`.
    ///
    /// # Panics
    /// The answer has none.
    pub fn seq(&mut self) -> u64 {
        self.client.get("/v1/info").unwrap().json()["seq"].as_u64().unwrap()
    }

    /// A receipt.
    ///
    /// # Panics
    /// It is refused.
    pub fn receive(&mut self, sku: &str, location: &str, quantity: i64) {
        let movement = json!({"kind": "receipt", "sku": sku, "location": location, "quantity": quantity});
        let answer = self.client.post("/v1/stock/movements", &json!({"movements": [movement]})).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json());
    }

    /// Declares channels, without a buffer.
    ///
    /// # Panics
    /// One is refused.
    pub fn declare_channels(&mut self, channels: &[&str]) {
        for channel in channels {
            let answer = self.client.put(&format!("/v1/channels/{channel}"), &json!({"buffer": 0})).unwrap();
            assert_eq!(answer.status, 200, "{}", answer.json());
        }
    }

    /// Reserves one line through the web channel.
    ///
    /// # Panics
    /// The connection failed.
    pub fn reserve(&mut self, sku: &str, location: &str, quantity: i64) -> Answer {
        let line = json!({"sku": sku, "location": location, "quantity": quantity});
        self.client.post("/v1/reservations", &json!({"channel": "web", "lines": [line]})).unwrap()
    }

    /// The same; returns the reservation.
    ///
    /// # Panics
    /// It is refused.
    pub fn reserved(&mut self, sku: &str, location: &str, quantity: i64) -> Value {
        let answer = self.reserve(sku, location, quantity);
        assert_eq!(answer.status, 201, "{}", answer.json());
        answer.json()
    }

    /// A step of a reservation.
    ///
    /// # Panics
    /// The connection failed.
    pub fn step(&mut self, record: &Value, step: &str, body: &Value) -> Answer {
        let path = format!("/v1/reservations/{}/{step}", record["id"].as_str().unwrap());
        self.client.post(&path, body).unwrap()
    }

    /// On hand, reserved and available of a cell.
    ///
    /// # Panics
    /// The cell does not exist.
    pub fn cell(&mut self, sku: &str, location: &str) -> (i64, i64, i64) {
        let answer = self.client.get(&format!("/v1/availability?sku={sku}&location={location}")).unwrap().json();
        let item = &answer["items"][0];
        let number = |name: &str| item[name].as_i64().unwrap();
        (number("on_hand"), number("reserved"), number("available"))
    }
}

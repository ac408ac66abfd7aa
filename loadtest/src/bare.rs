//! A bare axum handler that reads and answers the body of a reservation without work: the cost of HTTP alone.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use axum::Json;
use axum::routing::post;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::server::free_address;

/// Reads and answers bodies of the size of a reservation.
#[derive(Debug, Serialize, Deserialize)]
struct Bare {
    channel: String,
    lines: Vec<BareLine>,
}

#[derive(Debug, Serialize, Deserialize)]
struct BareLine {
    sku: String,
    location: String,
    quantity: i64,
}

/// Serves the bare handler until the process ends.
///
/// # Errors
/// It cannot listen.
pub fn serve_bare(address: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let handler = |Json(body): Json<Bare>| async move { Json(body) };
        let router = axum::Router::new()
            .route("/v1/reservations", post(handler))
            .route("/readyz", axum::routing::get(|| async {}));
        let listener = tokio::net::TcpListener::bind(address).await?;
        axum_serve(listener, router).await
    })
}

async fn axum_serve(listener: tokio::net::TcpListener, router: axum::Router) -> anyhow::Result<()> {
    use axum::serve::ListenerExt;
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, router).await?)
}

/// The bare server in a process of its own. Dropping it ends it.
#[derive(Debug)]
pub struct BareServer {
    child: Child,
    /// Its address.
    pub address: SocketAddr,
}

impl BareServer {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// It does not start.
    pub fn start() -> anyhow::Result<Self> {
        let address = free_address()?;
        let child = Command::new(std::env::current_exe()?)
            .args(["bare-server", &address.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .context("starting the bare server")?;
        let server = Self { child, address };
        let started = Instant::now();
        while Client::new(address).get("/readyz").is_err() {
            ensure!(started.elapsed() < Duration::from_secs(10), "the bare server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

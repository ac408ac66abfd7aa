//! The authenticated caller of a request, and its connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anaquel_engine::event::Origin;

use crate::auth::identity::Identity;
use crate::http::budget::link::Link;

/// The subprotocol by which a browser's socket is opened, and the beginning of the one that brings its key.
pub const PROTOCOL: &str = "anaquel";
/// Before the key in a subprotocol, since browsers set no headers on a socket.
pub const PROTOCOL_KEY: &str = "anaquel.key.";

/// Who asks, and the connection: who is at its other end or, where that is a trusted proxy, whom the proxy asks for.
#[derive(Debug, Clone)]
pub struct Peer(pub SocketAddr, pub Arc<Link>);

/// Who sent a request, and under which id it is logged.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Who it is.
    pub identity: Arc<Identity>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) request: String,
}

impl Principal {
    /// The same principal with one of the requests of a socket.
    pub fn asking(&self, message: &str) -> Self {
        Self { request: format!("{}/{message}", self.request), ..self.clone() }
    }

    /// What the log keeps of it.
    pub fn origin(&self) -> Origin {
        let address = self.address.map(|address| address.to_string()).unwrap_or_default();
        Origin { key: self.identity.key.clone(), address, request: self.request.clone() }
    }
}

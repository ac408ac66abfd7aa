//! The authenticated caller of a request, and its connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anaquel_engine::event::Origin;

use crate::auth::identity::Identity;
use crate::http::budget::link::Link;

/// The subprotocol of a browser's socket, and the prefix of the subprotocol that contains the key.
pub const PROTOCOL: &str = "anaquel";
/// The prefix of the key in a subprotocol, because browsers cannot set headers on a socket.
pub const PROTOCOL_KEY: &str = "anaquel.key.";

/// The connection: the address at its other end or, if that is a trusted proxy, the address of the proxy's client.
#[derive(Debug, Clone)]
pub struct Peer(pub SocketAddr, pub Arc<Link>);

/// The sender of a request, and the id under which the request is logged.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The principal.
    pub identity: Arc<Identity>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) request: String,
}

impl Principal {
    /// The same principal with the id of one request of a socket.
    pub fn asking(&self, message: &str) -> Self {
        Self { request: format!("{}/{message}", self.request), ..self.clone() }
    }

    /// What the log stores of the sender.
    pub fn origin(&self) -> Origin {
        let address = self.address.map(|address| address.to_string()).unwrap_or_default();
        Origin { key: self.identity.key.clone(), address, request: self.request.clone() }
    }
}

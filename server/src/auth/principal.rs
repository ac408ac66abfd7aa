//! The authenticated caller of a request, and its connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anaquel_engine::event::Origin;

use crate::auth::identity::Identity;
use crate::http::budget::link::Link;
use crate::wire::put::put;

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
        let address = self.address.map(text_of).unwrap_or_default();
        Origin { key: self.identity.key.clone(), address, request: self.request.clone() }
    }
}

/// Formats an address. The fast path writes IPv4, the most common kind, without format strings.
fn text_of(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else { return address.to_string() };
    let [a, b, c, d] = address.octets().map(u32::from);
    let mut out = String::with_capacity("255.255.255.255".len());
    put!(&mut out, a, ".", b, ".", c, ".", d);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_they_are_shown() {
        for address in ["0.0.0.0", "127.0.0.1", "10.99.100.255", "255.255.255.255", "::1", "2001:db8::ffff"] {
            assert_eq!(address.parse().map(text_of).as_deref(), Ok(address));
        }
    }
}

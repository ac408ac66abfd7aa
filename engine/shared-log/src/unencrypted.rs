//! No store is reached unencrypted over a network.

use std::net::ToSocketAddrs;

/// Checks that every address of `host` (a name of the system) is one of this machine.
///
/// # Errors
/// One is not, or it has none.
pub fn stays_here(store: &str, host: impl ToSocketAddrs, name: &str) -> Result<(), String> {
    let found: Vec<_> = host.to_socket_addrs().map_err(|error| format!("{name}: {error}"))?.collect();
    if found.is_empty() || !found.iter().all(|address| address.ip().is_loopback()) {
        return Err(format!(
            "{name} is on another machine, and {store} without TLS is accepted on loopback only; put a proxy with TLS \
             between, such as stunnel, and name its address on this machine"
        ));
    }
    Ok(())
}

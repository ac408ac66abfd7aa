//! The network of an address: what counts as one caller where only addresses are known.

use std::net::{IpAddr, Ipv6Addr};

/// The address by which a caller is counted: an IPv4 address itself, of an IPv6 address its /64 network, since one
/// customer of a provider has a whole /64.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => address.into(),
            None => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        },
        IpAddr::V4(_) => address,
    }
}

//! The network of an address, which identifies a caller if only addresses are known.

use std::net::{IpAddr, Ipv6Addr};

/// The address that a caller is counted by: an IPv4 address itself, or the /64 network of an IPv6 address, because a
/// provider assigns a whole /64 to one customer.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => address.into(),
            None => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        },
        IpAddr::V4(_) => address,
    }
}

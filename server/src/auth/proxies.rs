//! The caller behind a proxy: the address that trusted proxies report. Reports of other senders are ignored.

use std::net::{IpAddr, SocketAddr};

use anyhow::Context;
use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// The header that a proxy sends.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies that a request may pass; if there are more, those nearest to the server count.
const HOPS_MAX: usize = 64;

/// The trusted proxies.
#[derive(Debug, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Parses networks such as `10.0.0.0/8`, and single addresses.
    ///
    /// # Errors
    /// A text is neither.
    pub fn new(networks: &[String]) -> anyhow::Result<Self> {
        let read = |text: &String| {
            let alone = text.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
            alone
                .or_else(|_| text.parse::<IpNet>())
                .with_context(|| format!("trusted_proxies: {text:?} is not like 10.0.0.0/8, fd00::/8 or 192.0.2.7"))
        };
        Ok(Self(networks.iter().map(read).collect::<anyhow::Result<_>>()?))
    }

    /// Whether `address` is a trusted proxy.
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The caller of a request that the trusted proxy at `peer` passes on: the last address on the path that is not a
    /// trusted proxy. Both `Forwarded` and `X-Forwarded-For` are read. A proxy that writes one header may pass a
    /// client's value of the other one; so if they differ, neither is used, and the proxy counts as the caller.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let given = |name: &HeaderName| headers.contains_key(name);
        let by_list = || self.walk(peer, list(headers));
        let by_pairs = || self.walk(peer, pairs(headers));
        match (given(&X_FORWARDED_FOR), given(&header::FORWARDED)) {
            (false, false) => peer,
            (true, false) => by_list(),
            (false, true) => by_pairs(),
            (true, true) => {
                let (one, other) = (by_list(), by_pairs());
                if one == other { one } else { peer }
            }
        }
    }

    /// Walks from the server to the first address that is not trusted; an unreadable address ends the walk.
    fn walk(&self, peer: IpAddr, hops: Vec<Option<IpAddr>>) -> IpAddr {
        let mut last = peer;
        for hop in hops.into_iter().rev().take(HOPS_MAX) {
            let Some(address) = hop else { return last };
            last = address;
            if !self.trust(address) {
                return address;
            }
        }
        last
    }
}

/// The hops of `X-Forwarded-For`, in their order.
fn list(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter().map(|line| line.to_str().unwrap_or_default());
    lines.flat_map(|line| line.split(',')).map(|hop| address(hop.trim())).collect()
}

/// The hops of `Forwarded` (RFC 7239), in their order.
fn pairs(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(header::FORWARDED).iter().map(|line| line.to_str().unwrap_or_default());
    let hop = |element: &str| {
        let named = split(element, b';').into_iter().find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
        });
        address(named?.trim_matches('"'))
    };
    lines.flat_map(|line| split(line, b',')).map(hop).collect()
}

/// Splits at a separator outside quotes.
fn split(text: &str, separator: u8) -> Vec<&str> {
    let (mut parts, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ if byte == separator && !is_quoted => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..));
    parts
}

/// `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let alone = bare.parse::<IpAddr>().ok();
    let address = alone.or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    fn client(lines: &[(&str, &str)]) -> String {
        let proxies = Proxies::new(&["10.0.0.0/8".into(), "192.0.2.7".into(), "fd00::/8".into()]).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        proxies.client("10.0.0.1".parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_last_address_that_is_not_trusted_is_who_asks() {
        const LIST: &str = "x-forwarded-for";
        const PAIRS: &str = "forwarded";
        for (lines, expected) in [
            (&[][..], "10.0.0.1"),
            (&[(LIST, "203.0.113.9")], "203.0.113.9"),
            // The client's own value comes before the value that the proxy appended.
            (&[(LIST, "1.1.1.1, 203.0.113.9")], "203.0.113.9"),
            (&[(LIST, "1.1.1.1"), (LIST, "203.0.113.9")], "203.0.113.9"),
            (&[(LIST, "203.0.113.9, 10.9.9.9, 192.0.2.7")], "203.0.113.9"),
            (&[(LIST, "203.0.113.9:4711")], "203.0.113.9"),
            (&[(LIST, "2001:db8::1")], "2001:db8::1"),
            (&[(LIST, "[2001:db8::1]:4711, fd00::2")], "2001:db8::1"),
            (&[(LIST, "::ffff:203.0.113.9")], "203.0.113.9"),
            (&[(LIST, "10.1.1.1, 10.2.2.2")], "10.1.1.1"),
            // An unreadable address ends the walk at the proxy that wrote it.
            (&[(LIST, "203.0.113.9, unknown, 10.2.2.2")], "10.2.2.2"),
            (&[(LIST, "")], "10.0.0.1"),
            (&[(LIST, "evil")], "10.0.0.1"),
            (&[(PAIRS, "for=203.0.113.9")], "203.0.113.9"),
            (&[(PAIRS, "For=\"[2001:db8:cafe::17]:4711\";proto=https")], "2001:db8:cafe::17"),
            (&[(PAIRS, "for=1.1.1.1, proto=https;for=\"203.0.113.9:80\";by=10.0.0.1")], "203.0.113.9"),
            (&[(PAIRS, "for=\"a,b;for=1.1.1.1\", for=203.0.113.9")], "203.0.113.9"),
            (&[(PAIRS, "for=203.0.113.9, for=_hidden")], "10.0.0.1"),
            (&[(PAIRS, "proto=https")], "10.0.0.1"),
            // A client adds the header that its proxy does not write.
            (&[(PAIRS, "for=1.1.1.1"), (LIST, "203.0.113.9")], "10.0.0.1"),
            (&[(PAIRS, "for=203.0.113.9"), (LIST, "203.0.113.9")], "203.0.113.9"),
        ] {
            assert_eq!(client(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn networks_are_read_and_what_is_none_is_refused() {
        let proxies = Proxies::new(&["10.0.0.0/8".into(), "::ffff:192.0.2.7".into()]).unwrap();
        for (address, trusted) in
            [("10.255.0.1", true), ("::ffff:10.0.0.1", true), ("192.0.2.7", true), ("11.0.0.1", false), ("::1", false)]
        {
            assert_eq!(proxies.trust(address.parse().unwrap()), trusted, "{address}");
        }
        for wrong in ["", "*", "10.0.0.0/33", "10.0.0", "proxy.example", "10.0.0.0/8,11.0.0.0/8"] {
            assert!(Proxies::new(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}

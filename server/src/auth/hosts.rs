//! The names that the server answers to. A foreign web page can point its own name at this machine (DNS rebinding),
//! and the visitor's browser then treats answers of this server as the page's own. The page cannot change the `Host`
//! header. So a server that does not authenticate callers accepts only names that no foreign page can have.

use std::net::IpAddr;

use anyhow::ensure;
use http::{HeaderMap, Uri, Version, header};

use crate::http::problem::{Problem, Slug};

/// The setting that names more hosts.
const SETTING: &str = "auth.hosts";

/// The longest host name, in bytes, port included.
const HOST_BYTES_MAX: usize = 261;

/// The names of this server.
#[derive(Debug)]
pub struct Hosts {
    /// In lower case, without a port.
    named: Vec<String>,
    /// Where the server listens.
    listen: IpAddr,
    /// Whether `insecure` is set and no names are configured.
    serves_any: bool,
}

impl Hosts {
    /// Parses the names, such as `stock.example`; a server at `listen` that serves every caller needs none.
    ///
    /// # Errors
    /// A name is invalid, or has a port.
    pub fn new(names: &[String], listen: IpAddr, serves_anybody: bool) -> anyhow::Result<Self> {
        for name in names {
            let is_name = host_of(name).is_some_and(|host| host.len() == name.len());
            ensure!(is_name, "{SETTING}: {name:?} is not like stock.example; name hosts without a port");
        }
        let named: Vec<_> = names.iter().map(|name| bare(name).to_ascii_lowercase()).collect();
        let serves_any = named.is_empty() && serves_anybody && !listen.is_loopback();
        Ok(Self { named, listen, serves_any })
    }

    /// Checks that a request names its host correctly and, if the server does not authenticate callers, that the host
    /// is this server. HTTP/1.1 has exactly one `Host`; HTTP/2 has the authority, and a `Host` beside it must be
    /// valid as well. HTTP/1.0 may leave it out if callers authenticate.
    ///
    /// # Errors
    /// `invalid-request` if `Host` is missing, repeated or malformed; `forbidden` for the name of another host.
    pub fn check(&self, version: Version, uri: &Uri, headers: &HeaderMap, is_locked: bool) -> Result<(), Problem> {
        let mut given = headers.get_all(header::HOST).iter();
        let (host, again) = (given.next(), given.next());
        if again.is_some() {
            return Err(Problem::invalid("Host", "is sent more than once; send one"));
        }
        let authority = uri.authority().map(http::uri::Authority::as_str);
        let may_be_missing =
            authority.is_some() && version >= Version::HTTP_2 || is_locked && version < Version::HTTP_11;
        if host.is_none() && !may_be_missing {
            return Err(Problem::invalid("Host", "is missing; send the name of the server"));
        }
        let host = host.map(|host| host.to_str().unwrap_or_default());
        for text in [authority, host].into_iter().flatten() {
            let Some(name) = host_of(text) else {
                return Err(Problem::invalid("Host", "is not a host name or address; send the name of the server"));
            };
            if !is_locked && !self.has(name) {
                let detail = format!(
                    "Host: without keys, this server answers to its own address and localhost, not to {name}; if \
                     {name} is a name of this server, add it to {SETTING}"
                );
                return Err(Problem::new(Slug::Forbidden, detail).with("field", "Host").with("limit", SETTING));
            }
        }
        Ok(())
    }

    fn has(&self, host: &str) -> bool {
        if self.serves_any {
            return true;
        }
        let name = bare(host);
        if let Ok(address) = name.parse::<IpAddr>() {
            let address = address.to_canonical();
            if address.is_loopback() || address == self.listen.to_canonical() {
                return true;
            }
        }
        name.eq_ignore_ascii_case("localhost") || self.named.iter().any(|named| named.eq_ignore_ascii_case(name))
    }
}

/// Removes the brackets of an address and the dot at the end of a name.
fn bare(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address,
        None => host.strip_suffix('.').unwrap_or(host),
    }
}

/// The host of `host` or `host:port`; `None` if the text is neither. Does not allocate, because every request calls it.
fn host_of(text: &str) -> Option<&str> {
    if text.len() > HOST_BYTES_MAX {
        return None;
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')? + 2;
            let (host, port) = (text.get(..end)?, text.get(end..)?);
            bare(host).parse::<std::net::Ipv6Addr>().ok()?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_port = port.is_none_or(|port| !port.starts_with('+') && port.parse::<u16>().is_ok());
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_host = host.starts_with('[') || !bare(host).is_empty() && host.bytes().all(is_name);
    (is_port && is_host).then_some(host)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn check(hosts: &Hosts, version: Version, uri: &str, given: &[&str], is_locked: bool) -> u16 {
        let mut headers = HeaderMap::new();
        for host in given {
            headers.append(header::HOST, host.parse().unwrap());
        }
        match hosts.check(version, &uri.parse().unwrap(), &headers, is_locked) {
            Ok(()) => 200,
            Err(problem) => problem.status().as_u16(),
        }
    }

    #[test]
    fn a_strangers_name_is_not_answered_to() {
        let hosts =
            Hosts::new(&["stock.example".into(), "[fd00::1]".into()], "192.0.2.7".parse().unwrap(), false).unwrap();
        for host in [
            "localhost",
            "LOCALHOST:7070",
            "localhost.:7070",
            "127.0.0.1:7070",
            "127.9.9.9",
            "[::1]:7070",
            "[::ffff:127.0.0.1]",
            "192.0.2.7:80",
            "stock.example",
            "Stock.Example:443",
            "[fd00::1]:1",
        ] {
            assert_eq!(check(&hosts, Version::HTTP_11, "/v1/stock", &[host], false), 200, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:7070",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.0.2.8",
            "0.0.0.0",
            "stock.example.evil.example",
            "a.localhost",
            "2130706433",
        ] {
            assert_eq!(check(&hosts, Version::HTTP_11, "/v1/stock", &[host], false), 403, "{host}");
            assert_eq!(check(&hosts, Version::HTTP_11, "/v1/stock", &[host], true), 200, "{host}, with keys");
        }
    }

    #[test]
    fn there_is_exactly_one_host() {
        let hosts = Hosts::new(&[], HERE, false).unwrap();
        for is_locked in [false, true] {
            for given in [
                &[][..],
                &[""],
                &["localhost", "localhost"],
                &["a b"],
                &["user@localhost"],
                &["localhost:"],
                &["localhost:x"],
                &["localhost:70700"],
                &["localhost:+1"],
                &[":7070"],
                &["."],
                &["[::1"],
                &["[x]"],
                &["[::1]7070"],
                &["localhost, localhost"],
                &["localhost/a"],
            ] {
                assert_eq!(check(&hosts, Version::HTTP_11, "/", given, is_locked), 400, "{given:?}");
            }
        }
        assert_eq!(check(&hosts, Version::HTTP_10, "/", &[], false), 400);
        assert_eq!(check(&hosts, Version::HTTP_10, "/", &[], true), 200);
        // HTTP/2 has the host in the authority. HTTP/1.1 may have it in the address beside a Host, and both must be
        // valid.
        assert_eq!(check(&hosts, Version::HTTP_2, "http://localhost:7070/", &[], false), 200);
        assert_eq!(check(&hosts, Version::HTTP_2, "http://evil.example/", &[], false), 403);
        assert_eq!(check(&hosts, Version::HTTP_2, "http://localhost/", &["evil.example"], false), 403);
        assert_eq!(check(&hosts, Version::HTTP_2, "/", &[], false), 400);
        assert_eq!(check(&hosts, Version::HTTP_11, "http://localhost/", &["evil.example"], false), 403);
        assert_eq!(check(&hosts, Version::HTTP_11, "http://localhost/", &[], false), 400);
    }

    #[test]
    fn who_insists_is_served_by_any_name_unless_names_are_given() {
        let anywhere = "0.0.0.0".parse().unwrap();
        let any = Hosts::new(&[], anywhere, true).unwrap();
        assert_eq!(check(&any, Version::HTTP_11, "/", &["shop.internal:7070"], false), 200);
        let some = Hosts::new(&["shop.internal".into()], anywhere, true).unwrap();
        assert_eq!(check(&some, Version::HTTP_11, "/", &["shop.internal:7070"], false), 200);
        assert_eq!(check(&some, Version::HTTP_11, "/", &["evil.example"], false), 403);
        let loopback = Hosts::new(&[], HERE, true).unwrap();
        assert_eq!(check(&loopback, Version::HTTP_11, "/", &["evil.example"], false), 403);
        for wrong in ["stock.example:80", "https://stock.example", "", "a b", "*"] {
            assert!(Hosts::new(&[wrong.to_owned()], HERE, false).is_err(), "{wrong}");
        }
    }
}

//! Which web pages may open a socket, or ask for more than to read: those of this server, and those of origins that the
//! settings name. A page of
//! anybody else could otherwise use a visitor's browser to reach a server that listens on the visitor's machine.

use std::net::IpAddr;

use anyhow::ensure;
use http::uri::Authority;
use http::{HeaderMap, Uri, header};

use crate::problem::{Problem, Slug};

/// The origins that are allowed beside the server's own.
#[derive(Debug, Default)]
pub struct Origins {
    allowed: Vec<String>,
    /// Whether it was said that whoever comes is served.
    serves_anybody: bool,
}

impl Origins {
    /// Reads `https://shop.example`, with a port where it is not the usual one.
    ///
    /// # Errors
    /// Something that is no origin.
    pub fn new(origins: &[String], serves_anybody: bool) -> anyhow::Result<Self> {
        for origin in origins {
            let uri: Option<Uri> = origin.parse().ok();
            let is_origin = uri.is_some_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.path() == "/"
            });
            ensure!(is_origin && !origin.ends_with('/'), "auth.origins: {origin:?} is not like https://shop.example");
        }
        Ok(Self { allowed: origins.iter().map(|origin| origin.to_ascii_lowercase()).collect(), serves_anybody })
    }

    /// Whether a socket, or what is no mere reading, may come from where it comes. What is no browser sends no origin. Where
    /// nobody need say who they are, the server's own pages are those of this machine, at any port: a name that somebody
    /// else's page has pointed here is not one of them.
    ///
    /// # Errors
    /// `forbidden`, naming the origin.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap, is_locked: bool) -> Result<(), Problem> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        // HTTP/2 says in the address whom it is for.
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = uri.authority().map(Authority::as_str).or(host).unwrap_or_default();
        let is_own = origin.split_once("://").is_some_and(|(_, from)| {
            let is_same = from == host.to_ascii_lowercase();
            if is_locked || self.serves_anybody { is_same } else { is_this_machine(from) }
        });
        if is_own || self.allowed.contains(&origin) {
            return Ok(());
        }
        Err(Problem::new(Slug::Forbidden, format!("Origin: pages of {origin} may not ask for this here"))
            .with("field", "Origin"))
    }
}

/// Whether a host, with its port, can only be the machine that a browser runs on.
fn is_this_machine(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    let host = authority.host().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn pages_of_others_stay_out() {
        let origins = Origins::new(&["https://shop.example".into(), "http://localhost:5173".into()], false).unwrap();
        let check = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "stock.example:7070".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            origins.check(&Uri::from_static("/"), &headers, true).is_ok()
        };
        for allowed in
            [None, Some("https://stock.example:7070"), Some("https://SHOP.example"), Some("http://localhost:5173")]
        {
            assert!(check(allowed), "{allowed:?}");
        }
        for other in [
            "https://evil.example",
            "null",
            "",
            "http://shop.example",
            "https://shop.example.evil.example",
            "https://stock.example",
        ] {
            assert!(!check(Some(other)), "{other}");
        }
        for wrong in ["shop.example", "https://shop.example/", "https://shop.example/a", "ftp://a", "*"] {
            assert!(Origins::new(&[wrong.to_owned()], false).is_err(), "{wrong}");
        }
        // A name that a stranger's page has pointed at this machine.
        let rebound = |host: &str, serves_anybody: bool| {
            let origins = Origins::new(&[], serves_anybody).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            headers.insert(header::ORIGIN, format!("http://{host}").parse().unwrap());
            origins.check(&Uri::from_static("/"), &headers, false).is_ok()
        };
        assert!(!rebound("evil.example:7070", false) && rebound("shop.internal:7070", true));
        let http2 = Uri::from_static("https://stock.example:7070/v1/stock/movements");
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, "https://stock.example:7070".parse().unwrap());
        assert!(origins.check(&http2, &headers, true).is_ok(), "HTTP/2 has no Host");
        for host in ["localhost:7070", "127.0.0.1:7070", "[::1]:7070"] {
            assert!(rebound(host, false), "{host}");
        }
    }
}

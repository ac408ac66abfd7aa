//! The web pages that may open a socket or send writes: those of this server, and those of origins in the settings.
//! Otherwise a foreign page could use a visitor's browser to reach a server that listens on the visitor's machine.
//! `http/middleware/cors` tells browsers which pages may read answers.

use std::net::IpAddr;

use anyhow::ensure;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri, header};

use crate::http::problem::{Problem, Slug};

/// The origins that are allowed beside the server's own.
#[derive(Debug, Default)]
pub struct Origins {
    /// As browsers write them: lower case, without the default port.
    allowed: Vec<String>,
    /// Whether `insecure` is set.
    serves_anybody: bool,
}

impl Origins {
    /// Parses `https://shop.example`, with a port if it is not the default one.
    ///
    /// # Errors
    /// An origin is invalid.
    pub fn new(origins: &[String], serves_anybody: bool) -> anyhow::Result<Self> {
        for origin in origins {
            let uri: Option<Uri> = origin.parse().ok();
            let is_origin = uri.is_some_and(|uri| {
                let is_bare = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
                matches!(uri.scheme_str(), Some("http" | "https"))
                    && is_bare
                    && uri.path() == "/"
                    && uri.query().is_none()
            });
            ensure!(is_origin && !origin.ends_with('/'), "auth.origins: {origin:?} is not like https://shop.example");
        }
        let written = |origin: &String| {
            let origin = origin.to_ascii_lowercase();
            let usual = if origin.starts_with("https:") { ":443" } else { ":80" };
            origin.strip_suffix(usual).map_or_else(|| origin.clone(), str::to_owned)
        };
        Ok(Self { allowed: origins.iter().map(written).collect(), serves_anybody })
    }

    /// Whether the settings name any origin.
    pub fn are_named(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Whether the settings name this origin.
    pub fn names(&self, origin: &HeaderValue) -> bool {
        self.allowed.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(origin.as_bytes()))
    }

    /// Checks whether the origin of a request may open a socket or write. A client that is not a browser sends no
    /// origin. If the server does not authenticate callers, its own pages must also be on this machine, because a
    /// foreign page can point its own name here.
    ///
    /// # Errors
    /// `forbidden`, naming the origin.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap, is_locked: bool) -> Result<(), Problem> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        if self.names(origin) {
            return Ok(());
        }
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        // HTTP/2 has the host in the authority.
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = uri.authority().map(Authority::as_str).or(host).unwrap_or_default();
        let is_own = origin.split_once("://").is_some_and(|(_, from)| {
            from == host.to_ascii_lowercase() && (is_locked || self.serves_anybody || is_this_machine(from))
        });
        if is_own {
            return Ok(());
        }
        let detail = format!("Origin: pages of {origin} may not send this request; add the origin to auth.origins");
        Err(Problem::new(Slug::Forbidden, detail).with("field", "Origin"))
    }
}

/// Whether a host, port included, can only be the machine of the browser.
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
        for wrong in [
            "shop.example",
            "https://shop.example/",
            "https://shop.example/a",
            "ftp://a",
            "*",
            "https://shop.example?a",
            "https://u@shop.example",
            "",
            "null",
        ] {
            assert!(Origins::new(&[wrong.to_owned()], false).is_err(), "{wrong}");
        }
        let written =
            Origins::new(&["https://Shop.example:443".into(), "http://shop.example:8080".into()], false).unwrap();
        let names = |origin: &str| written.names(&origin.parse().unwrap());
        assert!(names("https://shop.example") && names("http://shop.example:8080") && !names("http://shop.example"));
        assert!(written.are_named() && !Origins::default().are_named());
        // Another page of this machine is also foreign.
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost:7070".parse().unwrap());
        for (origin, is_own) in
            [("http://localhost:7070", true), ("http://localhost:5173", false), ("http://127.0.0.1:7070", false)]
        {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            for is_locked in [false, true] {
                let checked = Origins::default().check(&Uri::from_static("/"), &headers, is_locked);
                assert_eq!(checked.is_ok(), is_own, "{origin}");
            }
        }
        // A foreign page has pointed this name at this machine.
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

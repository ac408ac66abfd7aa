//! Which web pages may open a socket: those of this server, and those of origins that the settings name. A page of
//! anybody else could otherwise use a visitor's browser to reach a server that listens on the visitor's machine.

use anyhow::ensure;
use http::{HeaderMap, Uri, header};

use crate::problem::{Problem, Slug};

/// The origins that are allowed beside the server's own.
#[derive(Debug, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Reads `https://shop.example`, with a port where it is not the usual one.
    ///
    /// # Errors
    /// Something that is no origin.
    pub fn new(origins: &[String]) -> anyhow::Result<Self> {
        for origin in origins {
            let uri: Option<Uri> = origin.parse().ok();
            let is_origin = uri.is_some_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && uri.path() == "/"
            });
            ensure!(is_origin && !origin.ends_with('/'), "auth.origins: {origin:?} is not like https://shop.example");
        }
        Ok(Self(origins.iter().map(|origin| origin.to_ascii_lowercase()).collect()))
    }

    /// Whether a handshake may go on. What is no browser sends no origin.
    ///
    /// # Errors
    /// `forbidden`, naming the origin.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let is_own = origin.split_once("://").is_some_and(|(_, from)| from == host.to_ascii_lowercase());
        if is_own || self.0.contains(&origin) {
            return Ok(());
        }
        Err(Problem::new(Slug::Forbidden, format!("Origin: pages of {origin} may not open sockets here"))
            .with("field", "Origin"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails shall say where")]
mod tests {
    use super::*;

    #[test]
    fn pages_of_others_stay_out() {
        let origins = Origins::new(&["https://shop.example".into(), "http://localhost:5173".into()]).unwrap();
        let check = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "stock.example:7070".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            origins.check(&headers).is_ok()
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
            assert!(Origins::new(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}

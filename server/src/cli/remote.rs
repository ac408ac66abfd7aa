//! The address of a running server, for the tools and the exporter of traces: `http://`, `https://`, or `host:port`
//! alone.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use http::Uri;
use http::uri::Authority;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_util::either::Either;

/// The default address of a server; an address without a scheme and a port means this one.
const DEFAULT_PORT: u16 = 7070;

/// The longest time for a connection to be established.
const PATIENCE: Duration = Duration::from_secs(10);

/// The names of the address and of the certificates on the surface that set them.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// The name of the address.
    pub url: &'static str,
    /// The name of the file of certificates.
    pub ca: &'static str,
}

/// The flags of the command line.
pub const FLAGS: Words = Words { url: "--url", ca: "--ca" };

/// A connection to the server.
pub type Link = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// A running server.
#[derive(Clone)]
pub struct Remote {
    /// The address, as messages name it.
    name: String,
    /// The `Host` header of a request.
    authority: String,
    /// The path prefix, if the server is behind a path; without a slash at its end.
    base: String,
    host: String,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    words: Words,
}

/// Why there is no connection.
pub enum ConnectError {
    /// Another attempt may succeed.
    Unreachable(anyhow::Error),
    /// The server is not trusted, or speaks another protocol; another attempt fails in the same way.
    Untrusted(anyhow::Error),
}

impl From<ConnectError> for anyhow::Error {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Unreachable(error) | ConnectError::Untrusted(error) => error,
        }
    }
}

impl Remote {
    /// Parses an address. `ca` is a PEM file of certificates to trust instead of the machine's; with it, an address
    /// without a scheme is `https`.
    ///
    /// # Errors
    /// The address is invalid, or there are no certificates to trust.
    pub fn new(words: Words, url: &str, ca: Option<&Path>) -> anyhow::Result<Self> {
        let Words { url: field, ca: ca_field } = words;
        let wrong = |what: &str| {
            anyhow::anyhow!(
                "{field} {url}: {what}; write http://HOST:PORT, https://HOST:PORT (with {ca_field} FILE if the \
                 certificate is your own), or HOST:PORT"
            )
        };
        let (scheme, rest) = url.split_once("://").map_or((None, url), |(scheme, rest)| (Some(scheme), rest));
        let is_tls = match scheme.map(str::to_ascii_lowercase).as_deref() {
            None => ca.is_some(),
            Some("http" | "ws") => false,
            Some("https" | "wss") => true,
            Some(other) => return Err(wrong(&format!("{other:?} is not a supported scheme"))),
        };
        ensure!(is_tls || ca.is_none(), "{ca_field}: needs https, and {field} {url} is not https");
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let authority: Authority = authority.parse().map_err(|_| wrong("is not an address"))?;
        ensure!(
            !authority.as_str().contains('@'),
            "{field}: an address must not contain a name or password; put the key into the variable {}",
            crate::config::KEY_VARIABLE
        );
        let base = path.trim_end_matches('/').to_owned();
        let is_plain = base.is_empty() || base.parse::<Uri>().is_ok_and(|uri| uri.query().is_none());
        ensure!(is_plain && !path.contains('#'), "{field} {url}: has more than scheme, host, port and path");
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        let port = authority.as_str().rsplit_once(']').map_or(authority.as_str(), |(_, rest)| rest);
        let port = match (port.rsplit_once(':').map(|(_, port)| port), scheme) {
            (Some(port), _) => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| wrong("has no valid port"))?,
            (None, None) => DEFAULT_PORT,
            (None, Some(_)) => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
        };
        let tls = match is_tls {
            true => {
                let name = ServerName::try_from(host.clone()).map_err(|_| wrong("has no host"))?;
                Some((TlsConnector::from(trusting(ca_field, ca)?), name))
            }
            false => None,
        };
        let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let is_default = port == if is_tls { 443 } else { 80 };
        let authority = if is_default { shown } else { format!("{shown}:{port}") };
        let name = format!("{}://{authority}{base}", if is_tls { "https" } else { "http" });
        Ok(Self { name, authority, base, host, port, tls, words })
    }

    /// The `Host` header of a request.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The full path of a request.
    pub fn path(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Connects.
    ///
    /// # Errors
    /// [`ConnectError`], which names the server.
    pub async fn connect(&self) -> Result<Link, ConnectError> {
        let unreachable = |error: std::io::Error| {
            ConnectError::Unreachable(anyhow::Error::new(error).context(format!("connecting to {self}")))
        };
        let late =
            |_| unreachable(std::io::Error::new(std::io::ErrorKind::TimedOut, "no connection within 10 seconds"));
        let address = (self.host.as_str(), self.port);
        let stream = tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await.map_err(late)?;
        let stream = stream.map_err(unreachable)?;
        let _ = stream.set_nodelay(true);
        let Some((connector, name)) = &self.tls else { return Ok(Either::Left(stream)) };
        let made = tokio::time::timeout(PATIENCE, connector.connect(name.clone(), stream)).await.map_err(late)?;
        made.map(|stream| Either::Right(Box::new(stream))).map_err(|error| {
            // The library wraps its own errors in I/O errors.
            match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(rustls::Error::InvalidCertificate(wrong)) => {
                    let advice = format!("{} FILE names certificates to trust instead of the machine's", self.words.ca);
                    let what = anyhow::anyhow!("{self}: its certificate is not trusted: {wrong:?}; {advice}");
                    ConnectError::Untrusted(what)
                }
                Some(rustls::Error::InvalidMessage(_)) => {
                    ConnectError::Untrusted(anyhow::anyhow!("{self}: does not speak TLS; is it http://?"))
                }
                Some(other) => ConnectError::Untrusted(anyhow::anyhow!("{self}: {other}")),
                None => unreachable(error),
            }
        })
    }
}

impl std::fmt::Display for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// A client that trusts the certificates of `ca`, or those of this machine.
fn trusting(field: &str, ca: Option<&Path>) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let mut roots = RootCertStore::empty();
    let Some(ca) = ca else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            bail!(
                "https: this machine trusts no certificate authority; name a PEM file of certificates with {field} FILE"
            );
        }
        return Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()));
    };
    let read = CertificateDer::pem_file_iter(ca).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let named = read.with_context(|| format!("{field} {}", ca.display()))?;
    for certificate in &named {
        roots.add(certificate.clone()).with_context(|| format!("{field} {}", ca.display()))?;
    }
    ensure!(!named.is_empty(), "{field} {}: has no certificate in PEM; name a PEM file of certificates", ca.display());
    let chains = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
    let verifier = Arc::new(Named { chains, named });
    Ok(Arc::new(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

/// Trusts the certificates of `--ca` as authorities, and also as server certificates: a self-signed certificate often
/// claims to be an authority, and is then not accepted as a server certificate.
#[derive(Debug)]
struct Named {
    chains: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.chains.verify_server_cert(certificate, between, name, ocsp, now);
        // The verifier checks the validity period before it reports this error.
        let is_authority = |error: &rustls::Error| format!("{error:?}").contains("CaUsedAsEndEntity");
        if verified.as_ref().is_err_and(is_authority) && self.named.iter().any(|named| named == certificate) {
            verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_each_of_its_forms() {
        for (given, name, authority, host, port) in [
            ("http://127.0.0.1:7070", "http://127.0.0.1:7070", "127.0.0.1:7070", "127.0.0.1", 7070),
            ("http://127.0.0.1:7070/", "http://127.0.0.1:7070", "127.0.0.1:7070", "127.0.0.1", 7070),
            ("HTTP://stock.example", "http://stock.example", "stock.example", "stock.example", 80),
            ("http://stock.example:80", "http://stock.example", "stock.example", "stock.example", 80),
            ("localhost:7072", "http://localhost:7072", "localhost:7072", "localhost", 7072),
            ("localhost", "http://localhost:7070", "localhost:7070", "localhost", 7070),
            ("127.0.0.1", "http://127.0.0.1:7070", "127.0.0.1:7070", "127.0.0.1", 7070),
            ("[::1]:7072", "http://[::1]:7072", "[::1]:7072", "::1", 7072),
            ("http://[::1]", "http://[::1]", "[::1]", "::1", 80),
            ("ws://localhost:7072", "http://localhost:7072", "localhost:7072", "localhost", 7072),
            ("http://in.example/stock/", "http://in.example/stock", "in.example", "in.example", 80),
        ] {
            let remote = Remote::new(FLAGS, given, None).unwrap_or_else(|error| panic!("{given}: {error:#}"));
            assert_eq!(remote.to_string(), name, "{given}");
            assert_eq!((remote.authority(), remote.host.as_str(), remote.port), (authority, host, port), "{given}");
        }
        let below = Remote::new(FLAGS, "http://in.example/stock/", None).map(|remote| remote.path("/v1/info"));
        assert_eq!(below.unwrap_or_default(), "/stock/v1/info");
    }

    #[test]
    fn what_is_no_address_is_told_with_what_would_be_one() {
        for (given, reason) in [
            ("", "write http://HOST:PORT"),
            ("ftp://localhost", "\"ftp\" is not a supported scheme"),
            ("http://", "write http://HOST:PORT"),
            ("http://a b", "is not an address"),
            ("localhost:port", "write http://HOST:PORT"),
            ("localhost:0", "has no valid port"),
            ("localhost:70707", "has no valid port"),
            ("http://me:secret@localhost", "ANAQUEL_KEY"),
            ("http://localhost/v1?x=1", "has more than scheme, host, port and path"),
        ] {
            let told =
                Remote::new(FLAGS, given, None).map(|remote| remote.to_string()).map_err(|error| format!("{error:#}"));
            assert!(told.as_ref().is_err_and(|told| told.contains(reason)), "{given}: {told:?}");
        }
        let ca = Path::new("ca.pem");
        let told = |url| Remote::new(FLAGS, url, Some(ca)).err().map(|error| format!("{error:#}")).unwrap_or_default();
        assert!(told("http://localhost").contains("--ca: needs https"));
        assert!(told("localhost:7072").contains("--ca ca.pem"), "an address without a scheme is https with it");
    }
}

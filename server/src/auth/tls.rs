//! The certificate and its private key. Both are reloaded when they change; open connections continue.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use arc_swap::ArcSwap;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use crate::auth::stamp;
use crate::config::TlsConfig;

/// How often the files are checked.
const LOOK: Duration = Duration::from_secs(1);

/// Creates TLS acceptors from the current certificate.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    server: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads the files of the settings; `None` if the settings name none.
    ///
    /// # Errors
    /// A file is missing or invalid.
    pub fn open(config: &TlsConfig) -> anyhow::Result<Option<Self>> {
        let (certificate, key) = match (&config.certificate, &config.key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
            _ => anyhow::bail!("tls.certificate and tls.key belong together: set both, or neither"),
        };
        let server = ArcSwap::new(read(&certificate, &key)?);
        Ok(Some(Self { certificate, key, server }))
    }

    /// The acceptor of the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.server.load_full())
    }

    /// Checks the files while the server runs. An unreadable file changes nothing.
    pub async fn watch(self: Arc<Self>) {
        let stamps = || [stamp(&self.certificate), stamp(&self.key)];
        let mut seen = stamps();
        loop {
            tokio::time::sleep(LOOK).await;
            let now = stamps();
            if now == seen {
                continue;
            }
            match read(&self.certificate, &self.key) {
                Ok(server) => {
                    self.server.store(server);
                    tracing::info!("reloaded the certificate");
                }
                Err(error) => {
                    // One file may be newer than the other; the next check reads both again.
                    tracing::error!(
                        error = format!("{error:#}"),
                        "cannot read the certificate; the previous one stays in use"
                    );
                }
            }
            seen = now;
        }
    }
}

fn read(certificate: &Path, key: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("tls.certificate: {}", certificate.display()))?;
    ensure!(!chain.is_empty(), "tls.certificate: {} contains no certificate", certificate.display());
    let key_of = PrivateKeyDer::from_pem_file(key).with_context(|| format!("tls.key: {}", key.display()))?;
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key_of)
        .context("tls.certificate and tls.key do not match")?;
    let mut server = server;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(server))
}

//! `auth` and `tls`: keys, tokens, allowed origins and hosts, the certificate.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Who may come in. Without a key and without a JWKS file, everyone who reaches the server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// The file of API keys, which `anaquel keys` changes; `keys.json` in the data directory if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<PathBuf>,
    /// A JWKS file with the keys that sign JSON Web Tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<PathBuf>,
    /// Algorithms that tokens may be signed by: of `RS256`, `ES256` and `EdDSA`.
    pub algorithms: Vec<String>,
    /// What tokens must have as `iss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What tokens must have in `aud`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Whose pages may call, listen and load the client, beside the server's own, such as `https://shop.example`.
    pub origins: Vec<String>,
    /// Names that the server answers to without keys, beside `localhost` and the address that it listens at, such as
    /// `stock.example`. With `insecure` it answers to any name, unless some stand here.
    pub hosts: Vec<String>,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            keys: None,
            jwks: None,
            algorithms: ["RS256", "ES256", "EdDSA"].map(str::to_owned).to_vec(),
            issuer: None,
            audience: None,
            origins: Vec::new(),
            hosts: Vec::new(),
        }
    }
}

impl AuthConfig {
    /// Where API keys are, for a server on the data directory `data`.
    pub fn keys_path(&self, data: &Path) -> PathBuf {
        self.keys.clone().unwrap_or_else(|| data.join("keys.json"))
    }
}

/// The certificate, in PEM; without it, the server speaks plain HTTP. Both files are read anew when they change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// The server's certificate, and those between it and a root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The private key of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

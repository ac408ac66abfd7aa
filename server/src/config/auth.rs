//! `auth` and `tls`: keys, tokens, allowed origins and hosts, the certificate.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Who may use the server. Without a key file and a JWKS file, every client that reaches the server may.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// The file of API keys, which `anaquel keys` changes; by default `keys.json` in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<PathBuf>,
    /// A JWKS file with the keys that sign JSON Web Tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<PathBuf>,
    /// Accepted signature algorithms: of `RS256`, `ES256` and `EdDSA`.
    pub algorithms: Vec<String>,
    /// The `iss` that tokens must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The `aud` that tokens must contain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Origins whose pages may call the API, listen to streams and load the client, beside the server's own, such as
    /// `https://shop.example`.
    pub origins: Vec<String>,
    /// Host names that the server answers to if it has no keys, beside `localhost` and the address it listens at,
    /// such as `stock.example`. With `insecure` and an empty list, it answers to every name.
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
    /// The path of the API keys for a server with the data directory `data`.
    pub fn keys_path(&self, data: &Path) -> PathBuf {
        self.keys.clone().unwrap_or_else(|| data.join("keys.json"))
    }
}

/// The certificate, in PEM; without it, the server speaks plain HTTP. The server reloads both files when they change.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// The server's certificate, and the intermediate certificates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// The private key of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

//! The credentials of requests: none, or, as in a shop, a key or a token, and a fresh `Idempotency-Key` for each
//! request.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::server;

/// The validity of the token.
const TOKEN_SECONDS: i64 = 24 * 3600;

/// The credentials of every request.
#[derive(Debug, Default)]
pub struct Login {
    bearer: Option<String>,
    /// The number of runs so far, so that no two runs use the same keys.
    runs: AtomicU64,
}

impl Login {
    /// Credentials with the bearer token `bearer`.
    fn with(bearer: String) -> Self {
        Self { bearer: Some(bearer), runs: AtomicU64::new(0) }
    }

    /// The name and value of the `Authorization` header.
    pub fn header(&self) -> Option<[String; 2]> {
        Some(["Authorization".to_owned(), format!("Bearer {}", self.bearer.as_ref()?)])
    }

    /// The prefix of the idempotency keys of the next run; empty for none.
    pub fn fresh_keys(&self) -> String {
        match &self.bearer {
            Some(_) => format!("run-{}", self.runs.fetch_add(1, Ordering::Relaxed)),
            None => String::new(),
        }
    }
}

/// A server that requires authentication: an operator, and a shop with a key and a token.
#[derive(Debug)]
pub struct House {
    /// The key that loads the data.
    pub operator: String,
    /// The shop's key.
    pub key: Login,
    /// The shop's token, signed with ES256.
    pub token: Login,
}

impl House {
    /// Creates the credentials in a data directory that no server has open; writes the server's settings file to
    /// `config`.
    ///
    /// # Errors
    /// A key cannot be created.
    pub fn make(binary: &Path, data: &Path, config: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data)?;
        let key = |name: &str, scope: &str| {
            let words =
                ["keys", "--data", data.to_str().context("a path that is text")?, "add", name, "--scope", scope];
            let output = server::run(binary, &words)?;
            ensure!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
            Ok::<_, anyhow::Error>(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        let (jwks, token) = signed()?;
        let path = config.with_extension("jwks");
        std::fs::write(&path, jwks.to_string())?;
        let path = path.to_str().context("a path that is text")?;
        std::fs::write(config, format!("[auth]\njwks = {path:?}\n"))?;
        Ok(Self {
            operator: key("operator", "admin")?,
            key: Login::with(key("shop", "reserve")?),
            token: Login::with(token),
        })
    }
}

/// A JWKS of one key, and a token signed by it.
fn signed() -> anyhow::Result<(Value, String)> {
    let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
    let failed = |_| anyhow::anyhow!("no key for tokens");
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(failed)?;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random);
    let pair = pair.map_err(|rejected| anyhow::anyhow!("no key for tokens: {rejected}"))?;
    let (_, point) = pair.public_key().as_ref().split_first().context("a point")?;
    let (x, y) = point.split_at(point.len() / 2);
    let jwks = json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "peers", "x": base64(x), "y": base64(y)}]});
    let expires = jiff::Timestamp::now().as_second() + TOKEN_SECONDS;
    let claims = json!({"sub": "shop", "scope": "reserve", "exp": expires});
    let head = json!({"alg": "ES256", "kid": "peers"});
    let said = format!("{}.{}", base64(head.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
    let signature = pair.sign(&random, said.as_bytes()).map_err(failed)?;
    Ok((jwks, format!("{said}.{}", base64(signature.as_ref()))))
}

//! JSON Web Tokens: signed by a key of a JWKS file with an allowed algorithm, meant for this server, and not expired.
//!
//! Claims: `sub` (the subject), `scope` (scopes, separated by spaces), `exp`; `channels` and `locations` (lists that
//! bind the token); `iss` and `aud`, if the settings name them.

use std::path::Path;

use anaquel_engine::settings::PromiseLimits;
use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, Validation};
use ring::signature::{self as ring_signature, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

use crate::auth::files::read_file;
use crate::auth::identity::{Identity, Scope, digest};

use crate::config::AuthConfig;

/// Algorithms that may be allowed: only signatures, because each holder of a shared secret could create tokens.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// The tolerated difference of clocks, in seconds.
const LEEWAY_SECONDS: u64 = 30;

/// The longest subject and the longest issuer: both are kept in memory while a token is counted, and in the log.
const SUBJECT_BYTES_MAX: usize = 256;

/// The longest header of a token.
const HEAD_BYTES_MAX: usize = 4096;

/// What verifies a token.
pub struct Tokens {
    keys: Vec<Signer>,
    validation: Validation,
}

/// A signing key.
struct Signer {
    id: String,
    key: DecodingKey,
    /// A digest of the whole JWK, so that a new key with the same id is a different key.
    digest: u64,
}

impl Signer {
    /// Parses a key, or returns why it cannot be used.
    fn read(jwk: &Value) -> Result<Self, String> {
        let parsed: Jwk = serde_json::from_value(jwk.clone()).map_err(|error| error.to_string())?;
        let id = parsed.common.key_id.clone().ok_or("it has no kid; tokens name their key by its kid")?;
        if matches!(parsed.common.public_key_use, Some(PublicKeyUse::Encryption)) {
            return Err(format!("{id} is for encryption"));
        }
        let key = DecodingKey::from_jwk(&parsed).map_err(|error| format!("{id}: {error}"))?;
        let digest = blake3::hash(jwk.to_string().as_bytes());
        let (head, _) = digest.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
        Ok(Self { id, key, digest: u64::from_le_bytes(*head) })
    }
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    iss: Option<String>,
    #[serde(default)]
    scope: String,
    exp: u64,
    /// Left out: all. An empty list binds the token to nothing, so it has no rights.
    channels: Option<Vec<String>>,
    locations: Option<Vec<String>>,
}

impl Tokens {
    /// Parses the signing keys.
    ///
    /// # Errors
    /// The file is not a JWKS file, has a key without an id, or has no usable key.
    pub fn read(path: &Path, auth: &AuthConfig) -> anyhow::Result<Self> {
        // Only the first occurrence counts; the error is the same for all.
        let _ = PROVIDER.install_default();
        let set: Value = serde_json::from_slice(&read_file(path)?)
            .with_context(|| format!("{}: not a JWKS file", path.display()))?;
        let listed = set.get("keys").and_then(Value::as_array);
        let mut keys = Vec::new();
        for jwk in listed.with_context(|| format!("{}: not a JWKS file", path.display()))? {
            match Signer::read(jwk) {
                Ok(signer) => keys.push(signer),
                Err(reason) => tracing::warn!(path = %path.display(), reason, "ignored a key"),
            }
        }
        ensure!(!keys.is_empty(), "{}: has no usable key", path.display());
        let mut validation = Validation { algorithms: allowed(&auth.algorithms)?, ..Validation::default() };
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "sub"]);
        validation.validate_aud = auth.audience.is_some();
        if let Some(audience) = &auth.audience {
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".into());
        }
        if let Some(issuer) = &auth.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".into());
        }
        Ok(Self { keys, validation })
    }

    /// Whether a key is still in the file.
    pub fn has(&self, identity: &Identity) -> bool {
        self.keys.iter().any(|signer| signer.id == identity.key && signer.digest == identity.signer)
    }

    /// Verifies a token and returns its principal.
    ///
    /// # Errors
    /// Why the token is not valid.
    pub fn identify(&self, token: &str) -> Result<Identity, String> {
        check_critical(token)?;
        let header = jsonwebtoken::decode_header(token).map_err(|_| "neither a key nor a token of this server")?;
        let id = header.kid.ok_or("the token has no kid; set the id of its key in its header")?;
        let signer =
            self.keys.iter().find(|signer| signer.id == id).ok_or("the token's key is not in the JWKS file")?;
        let key = &signer.key;
        // A key verifies only with its own algorithm, whatever a token claims.
        let mut validation = self.validation.clone();
        validation.algorithms.retain(|allowed| allowed.family() == key.family());
        if !validation.algorithms.contains(&header.alg) {
            return Err("the token's algorithm is not allowed; see auth.algorithms".into());
        }
        let claims: Claims = match jsonwebtoken::decode(token, key, &validation) {
            Ok(decoded) => decoded.claims,
            Err(error) => {
                return Err(match error.kind() {
                    ErrorKind::ExpiredSignature => "the token has expired".into(),
                    ErrorKind::ImmatureSignature => "the token is not valid yet".into(),
                    ErrorKind::InvalidAudience => "the token is for another audience".into(),
                    ErrorKind::InvalidIssuer => "the token is of another issuer".into(),
                    ErrorKind::MissingRequiredClaim(claim) => format!("the token lacks {claim}"),
                    _ => "the token's signature or form is invalid".into(),
                });
            }
        };
        if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES_MAX {
            return Err(format!("the token's sub must have 1 to {SUBJECT_BYTES_MAX} bytes"));
        }
        if claims.iss.as_ref().is_some_and(|iss| iss.len() > SUBJECT_BYTES_MAX) {
            return Err(format!("the token's iss must have at most {SUBJECT_BYTES_MAX} bytes"));
        }
        let is_bound = claims.channels.is_some() || claims.locations.is_some();
        for (claim, bound) in [("channels", &claims.channels), ("locations", &claims.locations)] {
            if bound.as_ref().is_some_and(Vec::is_empty) {
                return Err(format!("the token's list {claim} is empty"));
            }
        }
        // Scopes of other services are ignored; a bound token loses the scopes that cannot be bound.
        let scopes = claims.scope.split_whitespace().filter_map(|scope| scope.parse::<Scope>().ok());
        let scopes = scopes.filter(|scope| !is_bound || scope.can_be_bound()).collect();
        let lineage = format!("token:{}", claims.sub);
        Ok(Identity {
            share: digest(claims.iss.as_deref().unwrap_or_default(), &lineage),
            lineage,
            issuer: claims.iss,
            name: claims.sub,
            key: id,
            is_key: false,
            signer: signer.digest,
            scopes,
            channels: claims.channels.unwrap_or_default(),
            locations: claims.locations.unwrap_or_default(),
            limits: PromiseLimits::default(),
            expires_at: Some(claims.exp.saturating_add(LEEWAY_SECONDS)),
        })
    }
}

/// Checks `crit` (RFC 7515, section 4.1.11): this server supports no critical extension, and the standard does not
/// allow an empty or malformed list.
fn check_critical(token: &str) -> Result<(), String> {
    const UNKNOWN: &str = "neither a key nor a token of this server";
    let head = token.split('.').next().unwrap_or_default();
    if head.len() > HEAD_BYTES_MAX {
        return Err(UNKNOWN.into());
    }
    let head = URL_SAFE_NO_PAD.decode(head).map_err(|_| UNKNOWN)?;
    // Rejects duplicate names, so that a second value cannot hide.
    let members: Members = serde_json::from_slice(&head).map_err(|_| UNKNOWN)?;
    match members.0.iter().any(|name| name == "crit") {
        true => Err("the token's header has crit; this server supports no critical extensions".into()),
        false => Ok(()),
    }
}

/// The member names of an object, with duplicates.
struct Members(Vec<String>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> serde::de::Visitor<'de> for Names {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut names = Vec::new();
                while let Some((name, serde::de::IgnoredAny)) = map.next_entry::<String, _>()? {
                    names.push(name);
                }
                Ok(Members(names))
            }
        }

        deserializer.deserialize_map(Names)
    }
}

/// Parses the allow-list.
///
/// # Errors
/// An algorithm is not supported.
pub fn allowed(names: &[String]) -> anyhow::Result<Vec<Algorithm>> {
    let read = |name: &String| {
        let found = ALGORITHMS.into_iter().find(|algorithm| format!("{algorithm:?}") == *name);
        found.with_context(|| format!("auth.algorithms: {name:?} is not one of RS256, ES256 and EdDSA"))
    };
    ensure!(!names.is_empty(), "auth.algorithms: name at least one");
    names.iter().map(read).collect()
}

/// Verification by ring, which TLS needs anyway. This provider cannot sign.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if !ALGORITHMS.contains(algorithm) || key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(RingVerifier { algorithm: *algorithm, key: key.clone() }))
}

struct RingVerifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let verified = match (self.algorithm, self.key.kind()) {
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let key = ring_signature::RsaPublicKeyComponents { n, e };
                key.verify(&ring_signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(&ring_signature::ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(&ring_signature::ED25519, point).verify(message, signature)
            }
            _ => return Err(signature::Error::new()),
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

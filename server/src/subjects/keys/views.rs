//! API keys on the wire.

use serde_json::{Value, json};

use crate::auth::keys::Key;
use crate::auth::{Identity, Scope};

/// Seconds since 1970 as a time.
fn time(seconds: u64) -> Value {
    let at = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map(|at| at.to_string()).into()
}

fn names(scopes: &[Scope]) -> Vec<String> {
    scopes.iter().map(ToString::to_string).collect()
}

/// Who asks. A server that does not authenticate callers lets every caller do everything.
pub fn own(identity: Option<&Identity>) -> Value {
    let Some(identity) = identity else {
        return json!({"name": null, "id": null, "scopes": names(&Scope::ALL), "channels": [], "locations": [],
            "expires_at": null});
    };
    json!({
        "name": identity.name,
        "id": identity.key,
        "scopes": names(&identity.scopes),
        "channels": identity.channels,
        "locations": identity.locations,
        "expires_at": identity.expires_at.map(time),
    })
}

/// What an administrator sees of a key.
pub fn key(key: &Key, now: u64) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "state": key.state(now),
        "scopes": names(&key.scopes),
        "channels": key.channels,
        "locations": key.locations,
        "created_at": time(key.created_at),
        "expires_at": key.expires_at.map(time),
        "revoked_at": key.revoked_at.map(time),
    })
}

//! Texts of this folder in the OpenAPI document: calls, examples, records.

use crate::http::document::words::{NEXT, Words};

/// The texts of this folder.
pub static WORDS: Words = Words {
    calls: &[
        (
            "GET /v1/key",
            "What the caller's own key may do: its scopes, and the channels and locations that it is bound to. Without \
             authentication, `name` is null and all scopes are listed.",
            &[("200", "OwnKey")],
        ),
        (
            "GET /v1/keys",
            "All API keys, also those that are revoked or expired; a secret is shown only once, by `anaquel keys add`.",
            &[("200", "KeyPage")],
        ),
        (
            "POST /v1/keys/{id}/revoke",
            "Revokes a key. Its open sockets are closed with the code 4401.",
            &[("200", "Key")],
        ),
    ],
    examples: &[("POST /v1/keys/{id}/revoke", "{}")],
    records: &[
        (
            "OwnKey",
            "Who the caller is, and what it may do.",
            &[
                ("name", "text?", "The name of the key, or the subject of the token"),
                ("id", "text?", "The public part of the key, or the id of the key that signed the token"),
                ("scopes", "[text]", "Its scopes; `admin` is all of them"),
                ("channels", "[text]", "The channels that it is bound to; all if empty"),
                ("locations", "[text]", "The locations that it is bound to; all if empty"),
                ("expires_at", "time?", "When it stops working; null if it does not"),
            ],
        ),
        (
            "Key",
            "An API key, without its secret.",
            &[
                ("id", "text", "Its public part, which is in `cause.key` at `/v1/events`"),
                ("name", "text", "The name of its owner"),
                ("state", "valid|revoked|expired", "Whether it works"),
                ("scopes", "[text]", "Its scopes"),
                ("channels", "[text]", "The channels that it is bound to; all if empty"),
                ("locations", "[text]", "The locations that it is bound to; all if empty"),
                ("created_at", "time", "When it was made"),
                ("expires_at", "time?", "When it stops working"),
                ("revoked_at", "time?", "When it was revoked"),
            ],
        ),
        ("KeyPage", "Keys, oldest first.", &[("items", "[Key]", "The keys"), ("next", "text?", NEXT)]),
    ],
    tags: &[("keys", "API keys: one's own, the list, revoking one")],
    ..Words::NONE
};

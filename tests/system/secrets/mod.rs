//! What is told to whom: numbers, what is somebody else's, the names that the server answers to; and what a file or a
//! number may carry.

mod bands;
mod callers;
mod exports;
mod numbers;

use anaquel_loadtest::client::Client;
use anaquel_tests::house::ask;
use serde_json::Value;

/// What is granted to somebody with a key.
fn done(client: &mut Client, key: &str, method: &str, path: &str, body: &Value) -> Value {
    let answer = ask(client, key, method, path, body);
    assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.json());
    answer.json()
}

//! Calls that must be granted, and what programs say.

use std::process::Output;

use anaquel_loadtest::client::{Answer, Client};
use serde_json::Value;

/// What `GET path` shows.
///
/// # Panics
/// It is not answered with 200.
#[track_caller]
pub fn get(client: &mut Client, path: &str) -> Value {
    let answer = client.get(path).unwrap();
    assert_eq!(answer.status, 200, "GET {path}: {}", answer.json());
    answer.json()
}

/// Sets something; the thing as it is then.
///
/// # Panics
/// It is not answered with 200.
#[track_caller]
pub fn put(client: &mut Client, path: &str, body: &Value) -> Value {
    let answer = client.put(path, body).unwrap();
    assert_eq!(answer.status, 200, "PUT {path}: {}", answer.json());
    answer.json()
}

/// Any request with JSON, or without a body where `body` is null.
///
/// # Panics
/// The connection failed.
pub fn send(client: &mut Client, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers: Vec<_> = headers.iter().copied().chain([("Content-Type", "application/json")]).collect();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    client.send(method, path, &headers, body.as_bytes()).unwrap()
}

/// Rows of an import that were accepted, that changed nothing, and that were rejected.
///
/// # Panics
/// `told` is not what an import answers.
pub fn counts(told: &Value) -> (u64, u64, u64) {
    let number = |name: &str| told[name].as_u64().unwrap();
    (number("accepted"), number("unchanged"), number("rejected"))
}

/// Everything that a program said, on both of its outputs.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

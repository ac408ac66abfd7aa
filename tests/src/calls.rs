//! Calls that must succeed, and outputs of programs.

use std::process::Output;

use anaquel_loadtest::client::{Answer, Client};
use serde_json::Value;

/// The answer of `GET path`.
///
/// # Panics
/// The status is not 200.
#[track_caller]
pub fn get(client: &mut Client, path: &str) -> Value {
    let answer = client.get(path).unwrap();
    assert_eq!(answer.status, 200, "GET {path}: {}", answer.json());
    answer.json()
}

/// Sets an item and returns it.
///
/// # Panics
/// The status is not 200.
#[track_caller]
pub fn put(client: &mut Client, path: &str, body: &Value) -> Value {
    let answer = client.put(path, body).unwrap();
    assert_eq!(answer.status, 200, "PUT {path}: {}", answer.json());
    answer.json()
}

/// A request with JSON, or without a body if `body` is null.
///
/// # Panics
/// The connection failed.
pub fn send(client: &mut Client, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let headers: Vec<_> = headers.iter().copied().chain([("Content-Type", "application/json")]).collect();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    client.send(method, path, &headers, body.as_bytes()).unwrap()
}

/// Accepted, unchanged and rejected rows of an import.
///
/// # Panics
/// `told` is not the answer of an import.
pub fn counts(told: &Value) -> (u64, u64, u64) {
    let number = |name: &str| told[name].as_u64().unwrap();
    (number("accepted"), number("unchanged"), number("rejected"))
}

/// All output of a program, on both of its outputs.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

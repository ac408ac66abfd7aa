//! `log` and `telemetry`: what is written to standard error, and where traces go.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What is logged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `anaquel=debug,hyper=warn`.
    pub level: String,
    /// `auto` (for people on a terminal, JSON otherwise), `human` or `json`.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Auto }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people on a terminal, as JSON elsewhere.
    Auto,
    /// For people.
    Human,
    /// One object a line.
    Json,
}

/// Whom traces are sent to; a feature of the build (`otlp`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// A collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`. Without it, no traces are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// Certificates in PEM that are trusted instead of the machine's, where it has https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_ca: Option<PathBuf>,
    /// What the server is called in traces.
    pub service_name: String,
    /// Which part of the traces that begin here is sent, from 0 to 1; a caller's trace is sent if the caller says so.
    pub sample_ratio: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, otlp_ca: None, service_name: "anaquel".into(), sample_ratio: 1.0 }
    }
}

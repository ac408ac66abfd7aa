//! `log` and `telemetry`: the output on standard error, and the target of traces.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The log output.
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

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human-readable on a terminal, JSON otherwise.
    Auto,
    /// Human-readable.
    Human,
    /// One JSON object per line.
    Json,
}

/// The target of traces; a feature of the build (`otlp`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// A collector for OTLP over HTTP, such as `http://127.0.0.1:4318`. Without it, there are no traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// Trusted certificates in PEM, in place of the machine's, for an https collector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_ca: Option<PathBuf>,
    /// The service name in traces.
    pub service_name: String,
    /// The fraction of traces started here that is sent, from 0 to 1. A caller's trace is sent if its `traceparent`
    /// says so.
    pub sample_ratio: f64,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { otlp_endpoint: None, otlp_ca: None, service_name: "anaquel".into(), sample_ratio: 1.0 }
    }
}

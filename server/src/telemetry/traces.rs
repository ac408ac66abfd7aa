//! Traces: a span for each request and for each command of a socket, below whatever span the caller names, and in it one
//! for the way to the log and back.
//!
//! They are a feature of the build (`otlp`). Without it a span is nothing, takes no room and costs nothing.

#[cfg(not(feature = "otlp"))]
pub use without::{Span, Traces, write};

#[cfg(feature = "otlp")]
pub use crate::telemetry::otlp::{Span, Traces, write};

#[cfg(not(feature = "otlp"))]
mod without {
    use http::{HeaderMap, Method};

    use crate::config::TelemetryConfig;

    /// Nothing.
    #[derive(Debug, Clone, Default)]
    pub struct Traces(());

    /// Nothing.
    #[derive(Debug, Clone)]
    pub struct Span;

    impl Traces {
        /// Refuses to send what this build does not make.
        ///
        /// # Errors
        /// Somebody is named to send traces to.
        pub fn start(config: &TelemetryConfig) -> anyhow::Result<Self> {
            anyhow::ensure!(
                config.otlp_endpoint.is_none(),
                "telemetry.otlp_endpoint: this build makes no traces; cargo build --features otlp makes one that does"
            );
            Ok(Self(()))
        }

        /// A request begins.
        pub fn request(&self, _: &Method, _: Option<&str>, _: &HeaderMap) -> Span {
            Span
        }

        /// A command of a socket begins.
        pub fn command(&self, _: &'static str) -> Span {
            Span
        }

        /// Sends what was not sent yet. Takes a while where nobody takes it.
        pub fn stop(&self) {}
    }

    impl Span {
        /// What belongs to it.
        pub fn around<F: Future>(&self, future: F) -> F {
            future
        }

        /// It ends.
        pub fn answered(&self, _: u16) {}
    }

    /// The way of a write to the log and back.
    pub fn write<F: Future>(future: F) -> F {
        future
    }
}

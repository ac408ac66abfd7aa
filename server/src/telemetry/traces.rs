//! Traces: a span for each request and each socket command, as a child of the caller's span, with a child span for the
//! way to the log and back.
//!
//! Traces are a feature of the build (`otlp`). Without it, a span has no size and no cost.

#[cfg(not(feature = "otlp"))]
pub use without::{Span, Traces, write};

#[cfg(feature = "otlp")]
pub use crate::telemetry::otlp::{Span, Traces, write};

#[cfg(not(feature = "otlp"))]
mod without {
    use http::{HeaderMap, Method};

    use crate::config::TelemetryConfig;

    /// A tracer that does nothing.
    #[derive(Debug, Clone, Default)]
    pub struct Traces(());

    /// A span that does nothing.
    #[derive(Debug, Clone)]
    pub struct Span;

    impl Traces {
        /// Refuses a configured collector, because this build has no traces.
        ///
        /// # Errors
        /// The settings name a collector.
        pub fn start(config: &TelemetryConfig) -> anyhow::Result<Self> {
            anyhow::ensure!(
                config.otlp_endpoint.is_none(),
                "telemetry.otlp_endpoint: this build has no traces; build it with cargo build --features otlp"
            );
            Ok(Self(()))
        }

        /// Starts the span of a request.
        pub fn request(&self, _: &Method, _: Option<&str>, _: &HeaderMap) -> Span {
            Span
        }

        /// Starts the span of a socket command.
        pub fn command(&self, _: &'static str) -> Span {
            Span
        }

        /// Flushes pending spans; takes a while if the collector does not answer.
        pub fn stop(&self) {}
    }

    impl Span {
        /// The parent for child spans.
        pub fn around<F: Future>(&self, future: F) -> F {
            future
        }

        /// Ends the span.
        pub fn answered(&self, _: u16) {}
    }

    /// The span of a write's way to the log and back.
    pub fn write<F: Future>(future: F) -> F {
        future
    }
}

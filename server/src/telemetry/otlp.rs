//! Spans, exported to a collector that speaks OTLP over HTTP.
//!
//! The exporter has its own thread and a queue that drops spans when it is full: a slow or missing collector does not
//! slow down requests. It connects like the tools.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use opentelemetry::context::{FutureExt, WithContext};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

use crate::cli::remote::{Remote, Words};
use crate::config::TelemetryConfig;

/// The longest wait for a collector.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a collector's answer that are read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

const FIELDS: Words = Words { url: "telemetry.otlp_endpoint", ca: "telemetry.otlp_ca" };

/// The tracer; `None` if no collector is configured.
#[derive(Debug, Clone, Default)]
pub struct Traces(Option<(SdkTracerProvider, SdkTracer)>);

/// A span that ends with its answer; `None` without a collector.
#[derive(Debug, Clone)]
pub struct Span(Context);

impl Traces {
    /// Starts the exporter for the collector of the settings, inside a runtime.
    ///
    /// # Errors
    /// The address is invalid, or the certificates are.
    pub fn start(config: &TelemetryConfig) -> anyhow::Result<Self> {
        let TelemetryConfig { otlp_endpoint, otlp_ca, service_name, sample_ratio } = config;
        let Some(endpoint) = otlp_endpoint else { return Ok(Self::default()) };
        let remote = Remote::new(FIELDS, endpoint, otlp_ca.as_deref())?;
        let path = match remote.path("") {
            base if base.ends_with("/v1/traces") => base,
            base => format!("{base}/v1/traces"),
        };
        let client = Collector { remote: remote.clone(), handle: Handle::current(), is_told: AtomicBool::new(false) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("http://{}{path}", remote.authority()))
            .with_timeout(PATIENCE)
            .build()
            .context(FIELDS.url)?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder().with_service_name(service_name.clone()).with_attribute(version).build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(*sample_ratio)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .with_sampler(sampler)
            .build();
        let tracer = provider.tracer("anaquel");
        tracing::info!(endpoint = %remote, sample_ratio, "exporting traces");
        Ok(Self(Some((provider, tracer))))
    }

    /// Starts the span of a request, as a child of the span in its `traceparent`. A span never contains a SKU, a
    /// location or a person.
    pub fn request(&self, method: &Method, route: Option<&str>, headers: &HeaderMap) -> Span {
        let Some((_, tracer)) = &self.0 else { return Span(Context::new()) };
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let route = route.unwrap_or("none").to_owned();
        let attributes =
            [KeyValue::new("http.request.method", method.to_string()), KeyValue::new("http.route", route.clone())];
        Self::begin(tracer, format!("{method} {route}"), SpanKind::Server, attributes, &parent)
    }

    /// Starts the span of a socket command.
    pub fn command(&self, op: &'static str) -> Span {
        let Some((_, tracer)) = &self.0 else { return Span(Context::new()) };
        let attributes = [KeyValue::new("network.protocol.name", "websocket"), KeyValue::new("anaquel.op", op)];
        Self::begin(tracer, format!("socket {op}"), SpanKind::Server, attributes, &Context::new())
    }

    fn begin(
        tracer: &SdkTracer,
        name: String,
        kind: SpanKind,
        attributes: impl IntoIterator<Item = KeyValue>,
        parent: &Context,
    ) -> Span {
        let builder = tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
        Span(parent.with_span(tracer.build_with_context(builder, parent)).with_value(Below(tracer.clone())))
    }

    /// Flushes pending spans; takes a while if the collector does not answer.
    pub fn stop(&self) {
        if let Some((provider, _)) = &self.0
            && let Err(error) = provider.shutdown_with_timeout(PATIENCE)
        {
            tracing::warn!(%error, "cannot export the last traces");
        }
    }
}

/// Creates child spans.
struct Below(SdkTracer);

impl Span {
    /// The parent for child spans.
    pub fn around<F: Future>(&self, future: F) -> WithContext<F> {
        future.with_context(self.0.clone())
    }

    /// Ends the span.
    pub fn answered(&self, status: u16) {
        let span = self.0.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// The span of a write's way to the log and back.
pub async fn write<F: Future>(future: F) -> F::Output {
    let parent = Context::current();
    let span = parent.get::<Below>().map(|Below(tracer)| {
        let builder = tracer.span_builder("log").with_kind(SpanKind::Internal);
        parent.with_span(tracer.build_with_context(builder, &parent))
    });
    let Some(span) = span else { return future.await };
    let output = future.with_context(span.clone()).await;
    span.span().end();
    output
}

/// The exporter.
struct Collector {
    remote: Remote,
    /// The exporter's thread is outside the runtime; connections need the runtime.
    handle: Handle,
    /// A failure is logged once, until an export succeeds again.
    is_told: AtomicBool,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.remote)
    }
}

impl HttpClient for Collector {
    fn send_bytes<'a, 'f>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let sending = self.handle.spawn(send(self.remote.clone(), request));
            let sent = sending.await.map_err(HttpError::from).and_then(|sent| sent);
            match &sent {
                Ok(response) if response.status().is_success() => {
                    if self.is_told.swap(false, Ordering::Relaxed) {
                        tracing::info!(collector = %self.remote, "exporting traces works again");
                    }
                }
                other => {
                    let reason =
                        other.as_ref().map_or_else(ToString::to_string, |response| response.status().to_string());
                    if !self.is_told.swap(true, Ordering::Relaxed) {
                        tracing::warn!(collector = %self.remote, reason, "cannot export traces; dropping them");
                    }
                }
            }
            sent
        })
    }
}

/// One request over its own connection: a few per minute.
async fn send(remote: Remote, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let exchange = async {
        let link = remote.connect().await.map_err(anyhow::Error::from)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(link)).await?;
        tokio::spawn(connection);
        let (mut head, body) = request.into_parts();
        head.headers.insert(header::HOST, remote.authority().parse()?);
        head.uri = head.uri.path().parse()?;
        let response = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    };
    tokio::time::timeout(PATIENCE, exchange).await?
}

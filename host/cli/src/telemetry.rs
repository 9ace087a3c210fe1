//! Our spans over OTLP (feature `opentelemetry`), to the collector that the environment names as OpenTelemetry's SDKs read it:
//! `OTEL_EXPORTER_OTLP_ENDPOINT` and its like. Only http: a collector of one's own stands near.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Naming either of these turns the export on.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// The export, if there is one.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Starts the export if the environment asks for it. Spans wait in a queue of 2,048 (`OTEL_BSP_MAX_QUEUE_SIZE`) for a thread of
    /// their own; what comes while it is full is left out.
    pub(crate) fn start() -> Result<Self, ExporterBuildError> {
        if ENDPOINTS.iter().all(|name| std::env::var_os(name).is_none()) {
            return Ok(Self(None));
        }
        let exporter = SpanExporter::builder().with_http().build()?;
        let resource = Resource::builder().with_service_name("fantail").build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("fantail"));
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
        // Ours alone: of what other crates tell, nothing is promised.
        let ours = Targets::new().with_target("fantail", Level::DEBUG);
        tracing_subscriber::registry().with(layer.with_filter(ours)).init();
        Ok(Self(Some(provider)))
    }

    /// Sends what is left, within 5 s. Says if that cannot be.
    pub(crate) fn end(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown()) {
            super::say(format_args!("the last spans could not be exported: {error}"));
        }
    }
}

//! Exports spans over OTLP (feature `opentelemetry`), configured by the environment variables of OpenTelemetry's SDKs such as
//! `OTEL_EXPORTER_OTLP_ENDPOINT`. Only http is supported, for a collector nearby.

use super::log::BoxedLayer;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;

/// Setting either of these enables the export.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/// The export, if it is enabled.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Starts the export if the environment enables it; then the layer takes spans. A thread exports spans from a queue of 2,048
    /// (`OTEL_BSP_MAX_QUEUE_SIZE`); spans are dropped while it is full.
    pub(crate) fn start() -> Result<(Self, Option<BoxedLayer>), ExporterBuildError> {
        if ENDPOINTS.iter().all(|name| std::env::var_os(name).is_none()) {
            return Ok((Self(None), None));
        }
        let exporter = SpanExporter::builder().with_http().build()?;
        let resource = Resource::builder().with_service_name("fantail").build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("fantail"));
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
        // Only our own spans: those of other crates are not stable.
        let ours = Targets::new().with_target("fantail", Level::DEBUG);
        Ok((Self(Some(provider)), Some(layer.with_filter(ours).boxed())))
    }

    /// Exports the remaining spans within 5 s, and prints an error if that fails.
    pub(crate) fn end(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown()) {
            super::say(format_args!("the last spans could not be exported: {error}"));
        }
    }
}

//! Spans on their way to a collector: OTLP over gRPC or HTTP, by OpenTelemetry's own settings.
//!
//! [`Choice::read`] takes the standard `OTEL_*` variables; where none of them names a collector there is no exporter
//! and no cost. [`Exporter::send`] never waits: it takes what there is room for and answers how much that was, so that
//! who can make its spans again does so later. A collector that is away is tried again for as long as it takes; what
//! finds no room meanwhile is lost, counted, and told once a minute.
//!
//! # Why
//! OTLP's messages come from `opentelemetry-proto`, the way they go is ours and not that of OpenTelemetry's exporter:
//! one request carries spans of many resources (a hub relays those of its agents), a refusal is told apart from a
//! collector that is away, and nothing is read from the environment behind the back of `args.rs`.
//!
//! What it refuses to know: what spans are about.

mod client;
mod export;
mod settings;
mod tls;
mod tracing;
mod wire;

pub use export::{Exporter, Metrics};
pub use settings::{InvalidSetting, Protocol, Resource, Settings};
pub use tracing::{Choice, Tracing};

#[cfg(test)]
mod tests;

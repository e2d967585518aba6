//! What the control loops are given.

use crate::{Metrics, Retention};
use hub_gateway::Links;
use hub_records::{Bundles, Records};
use hub_source::{Repositories, charts::Charts, poll::Settings};
use shared_runtime::otlp::Tracing;

/// How the control loops run.
#[derive(Debug, Clone)]
pub struct Config {
    /// How often Git is asked.
    pub poll: Settings,
    /// Whether the store belongs to this process alone (the embedded one does): then whoever held the
    /// planning lease before is dead, and nobody has to wait for it.
    pub exclusive: bool,
    /// How long the history is kept.
    pub history: Retention,
    /// The most MiB of a webhook that can be set.
    pub largest_webhook_mib: usize,
}

/// What the control loops stand on.
#[derive(Debug)]
pub struct Deps {
    /// The hub's records.
    pub records: Records,
    /// Rendered bundles.
    pub bundles: Bundles,
    /// Git.
    pub repositories: Repositories,
    /// Charts, and whatever else on the web is pinned by its content.
    pub charts: Charts,
    /// Who is connected.
    pub links: Links,
    /// What the loops count.
    pub metrics: Metrics,
    /// Where spans go.
    pub tracing: Tracing,
    /// What renders; who counts it is set here.
    pub rendering: hub_render::Config,
}

/// Why the control loops could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store cannot be read.
    #[error("the store cannot be read")]
    Store(#[from] hub_store::Error),
    /// A record cannot be read.
    #[error("a record cannot be read")]
    Records(#[from] hub_records::Error),
}

//! Metrics: one registry for a process, read in Prometheus' text format 0.0.4 and in OpenMetrics 1.0.
//!
//! The pattern, for every package that counts something:
//! - `metrics.rs` with `#[derive(Debug, Clone, Default)] pub struct Metrics`, whose fields are metrics of
//!   `prometheus-client` (and [`Latency`], [`Lapse`] of this module), and `pub fn register(&self, &mut Registry)`;
//! - the package's `Config` or `Deps` takes a `Metrics`. The default one is counted and shown nowhere;
//! - whoever starts the process registers all of them in one [`Exposed`]. There is no global registry.
//!
//! Names are `flotilla_<area>_<thing>_<unit>`, without the `_total` of a counter, which is added when it is read.
//!
//! Invariants:
//! 1. A label has few values, known when the code is written: never an application, a commit or a message. A cluster
//!    only where whoever is called at night needs its name.
//!    Label sets that are known beforehand are there from the start ([`from_the_start`]).
//! 2. Reading costs in proportion to what is shown. Whatever would have to be searched for is told by who knows it.
//!
//! Why the old format is made from the new one: the library writes OpenMetrics, and the two differ in little: the old
//! one has no exemplars, no units and no end, and calls a counter by the name of its sample.

mod depth;
mod listen;
mod process;
mod seconds;
mod text;
mod traffic;

pub use depth::Depth;
pub use listen::{listen, serve};
pub use prometheus_client::registry::Registry;
pub use seconds::{Lapse, Latency, since_epoch};
pub use traffic::{Counted, Traffic};

use prometheus_client::metrics::{
    family::{Family, MetricConstructor},
    info::Info,
};
use std::{fmt, hash::Hash, sync::Arc};

/// The registry of a process, complete.
#[derive(Clone)]
pub struct Exposed(Arc<Registry>);

/// What a scrape is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrape {
    /// Its `Content-Type`.
    pub media_type: &'static str,
    /// Its body.
    pub text: String,
}

impl Exposed {
    /// What `fill` registers, and beside it the process itself and what it is: `component` (`hub`, `agent`) and its
    /// version.
    pub fn new(component: &'static str, version: &'static str, fill: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::default();
        let build = Info::new([("component", component), ("version", version)]);
        registry.register("flotilla_build", "What runs here", build);
        registry.register_collector(Box::new(process::Process::default()));
        fill(&mut registry);
        Self(Arc::new(registry))
    }

    /// Everything as it is now, in the format that the `Accept` header of the request prefers; 0.0.4 when it does not
    /// say.
    pub fn scrape(&self, accept: &str) -> Scrape {
        let mut written = String::new();
        // Writing to a String cannot fail, and no metric of ours does.
        if prometheus_client::encoding::text::encode(&mut written, &self.0).is_err() {
            tracing::error!("a metric could not be written");
        }
        if text::wants_open_metrics(accept) {
            Scrape { media_type: text::OPEN_METRICS, text: written }
        } else {
            Scrape { media_type: text::PLAIN, text: text::plain(&written) }
        }
    }
}

/// Shows these label sets before anything was counted under them: only of what was zero can be said that it grew.
pub fn from_the_start<S, M, C>(family: &Family<S, M, C>, labels: impl IntoIterator<Item = S>)
where
    S: Clone + Hash + Eq,
    C: MetricConstructor<M>,
{
    labels.into_iter().for_each(|labels| drop(family.get_or_create(&labels)));
}

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposed").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

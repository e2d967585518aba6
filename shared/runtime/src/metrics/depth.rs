//! How many wait in a queue, asked for when it is read.

use prometheus_client::{
    encoding::{EncodeMetric, MetricEncoder},
    metrics::{MetricType, TypedMetric},
};
use std::{
    fmt,
    sync::{Arc, OnceLock},
};
use tokio::sync::mpsc;

type Asked = Box<dyn Fn() -> usize + Send + Sync>;

/// A gauge whose value is asked for at each scrape; 0 until it is known whom to ask. Asking must be quick.
#[derive(Clone, Default)]
pub struct Depth(Arc<OnceLock<Asked>>);

impl Depth {
    /// Ask this from now on. The first one stays.
    pub fn ask(&self, asked: impl Fn() -> usize + Send + Sync + 'static) {
        let _first_one_stays = self.0.set(Box::new(asked));
    }

    /// What lies in a channel. It is not held open by that.
    pub fn of<T: Send + 'static>(&self, sender: &mpsc::Sender<T>) {
        let sender = sender.downgrade();
        let waiting = |sender: mpsc::Sender<T>| sender.max_capacity() - sender.capacity();
        self.ask(move || sender.upgrade().map_or(0, waiting));
    }
}

impl fmt::Debug for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Depth").finish_non_exhaustive()
    }
}

impl TypedMetric for Depth {
    const TYPE: MetricType = MetricType::Gauge;
}

impl EncodeMetric for Depth {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let depth = self.0.get().map_or(0, |asked| asked());
        encoder.encode_gauge(&i64::try_from(depth).unwrap_or(i64::MAX))
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

//! How long the store takes, and what it holds: counted around any [`Store`].

use crate::{
    Before, Embedded, Entry, Error, Keys, Listing, Outcome, Page, Revision, Store, Turn, Txn, Watch,
    embedded::Shown,
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
};
use shared_runtime::metrics::{Latency, Registry, from_the_start};
use std::{
    fmt,
    sync::{Arc, OnceLock, atomic::Ordering},
    time::Instant,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Operation {
    operation: &'static str,
}

/// What is counted.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    seconds: Family<Operation, Latency>,
    failures: Family<Operation, Counter>,
    conflicts: Counter,
    operations: Counter,
    revision: Gauge,
    held: Held,
}

impl Metrics {
    /// Shows them.
    pub fn register(&self, registry: &mut Registry) {
        let operations =
            ["get", "list", "commit", "watch", "revision"].map(|operation| Operation { operation });
        from_the_start(&self.seconds, operations.clone());
        from_the_start(&self.failures, operations);
        registry.register(
            "flotilla_store_operation_seconds",
            "How long the store took to answer; a commit is durable then",
            self.seconds.clone(),
        );
        registry.register(
            "flotilla_store_failures",
            "Operations that the store could not carry out; what a caller may not ask is none",
            self.failures.clone(),
        );
        registry.register(
            "flotilla_store_conflicts",
            "Commits that wrote nothing because somebody else had written first",
            self.conflicts.clone(),
        );
        registry.register(
            "flotilla_store_writes",
            "Keys written or deleted by commits that went through",
            self.operations.clone(),
        );
        registry.register(
            "flotilla_store_revision",
            "The newest revision, each of which is one durable transaction",
            self.revision.clone(),
        );
        registry.register_collector(Box::new(self.held.clone()));
    }

    /// Shows besides what an embedded store holds: its file, the changes that it keeps for watchers, who waits.
    pub fn follow(&self, store: &Embedded) {
        let _first_one_stays = self.held.0.set(store.shown());
    }

    fn committed(&self, outcome: &Outcome, operations: usize) {
        match outcome {
            Outcome::Committed(revision) => {
                self.operations.inc_by(operations as u64);
                // Answers may overtake each other.
                self.revision.inner().fetch_max(shown(*revision), Ordering::Relaxed);
            }
            Outcome::Conflict { .. } => {
                self.conflicts.inc();
            }
        }
    }

    async fn time<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let began = Instant::now();
        let result = work.await;
        let operation = Operation { operation };
        self.seconds.get_or_create(&operation).took(began.elapsed());
        if result.as_ref().is_err_and(Error::is_failure) {
            self.failures.get_or_create(&operation).inc();
        }
        result
    }
}

/// What an embedded store holds, looked at when it is read.
#[derive(Debug, Clone, Default)]
struct Held(Arc<OnceLock<Shown>>);

impl Collector for Held {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(shown) = self.0.get().and_then(Shown::look) else { return Ok(()) };
        let gauges = [
            ("flotilla_store_size_bytes", "The size of the store's file", shown.bytes),
            ("flotilla_store_queue_depth", "Commits that wait to be written", shown.waiting as u64),
            ("flotilla_store_window_changes", "Changes kept in memory for watchers", shown.changes as u64),
            ("flotilla_store_window_bytes", "Bytes of those", shown.change_bytes as u64),
            ("flotilla_store_watches", "Watches of the store under way", shown.watches as u64),
            (
                "flotilla_store_watch_lag_revisions",
                "How far the slowest of them is behind; beyond the window it is ended",
                shown.lag,
            ),
        ];
        for (name, about, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, about, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// A store whose operations are counted.
#[derive(Debug)]
pub struct Measured {
    store: Arc<dyn Store>,
    metrics: Metrics,
}

impl Measured {
    /// Counts what goes through to `store`.
    pub fn new(store: Arc<dyn Store>, metrics: Metrics) -> Self {
        Self { store, metrics }
    }
}

fn shown(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

#[async_trait::async_trait]
impl Store for Measured {
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        self.metrics.time("get", self.store.get(key)).await
    }

    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, Error> {
        let listing = self.metrics.time("list", self.store.list(prefix, page)).await?;
        self.metrics.revision.inner().fetch_max(shown(listing.revision), Ordering::Relaxed);
        Ok(listing)
    }

    async fn commit(&self, txn: Txn) -> Result<Outcome, Error> {
        let operations = txn.ops.len();
        let outcome = self.metrics.time("commit", self.store.commit(txn)).await?;
        self.metrics.committed(&outcome, operations);
        Ok(outcome)
    }

    async fn commit_row(&self, row: Vec<Turn>) -> Result<Vec<Outcome>, Error> {
        let operations: Vec<usize> = row.iter().map(|turn| turn.txn.ops.len()).collect();
        let outcomes = self.metrics.time("commit", self.store.commit_row(row)).await?;
        outcomes.iter().zip(operations).for_each(|(outcome, count)| self.metrics.committed(outcome, count));
        Ok(outcomes)
    }

    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, Error> {
        self.metrics.time("watch", self.store.watch(prefix, from)).await
    }

    async fn before(&self, keys: &Keys, at: Revision, upto: Revision) -> Result<Before, Error> {
        self.store.before(keys, at, upto).await
    }

    async fn revision(&self) -> Result<Revision, Error> {
        self.metrics.time("revision", self.store.revision()).await
    }
}

#[cfg(test)]
mod tests;

//! The queue before the collector, and what empties it.

use super::{
    client::{Client, Failure},
    settings::{Resource, Settings},
    wire,
};
use crate::{Backoff, Tasks};
use parking_lot::Mutex;
use prometheus_client::{metrics::counter::Counter, registry::Registry};
use shared_trace::{Sampler, Span};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

/// Losses are told at most so often.
const TELL: Duration = Duration::from_secs(60);
/// When the process ends, what is left is offered for so long.
const FAREWELL: Duration = Duration::from_secs(3);

/// What became of spans.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    sent: Counter,
    lost: Counter,
    failures: Counter,
}

impl Metrics {
    /// Shows them.
    pub fn register(&self, registry: &mut Registry) {
        let mut add =
            |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        add("flotilla_trace_spans_exported", "Spans that the collector took", &self.sent);
        add(
            "flotilla_trace_spans_lost",
            "Spans that found no room, or that the collector refused",
            &self.lost,
        );
        add("flotilla_trace_export_failures", "Requests that the collector did not take", &self.failures);
    }

    fn lose(&self, spans: usize) {
        self.lost.inc_by(spans as u64);
    }

    /// How many spans the collector took.
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// How many requests failed.
    pub fn failures(&self) -> u64 {
        self.failures.get()
    }

    /// How many spans were lost.
    pub fn lost(&self) -> u64 {
        self.lost.get()
    }
}

/// The way to the collector. Clones share it.
#[derive(Debug, Clone)]
pub struct Exporter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    queue: Mutex<VecDeque<(Arc<Resource>, Span)>>,
    filled: Notify,
    metrics: Metrics,
}

impl Exporter {
    /// Starts to export until the tasks stop.
    pub fn start(settings: Settings, metrics: Metrics, tasks: &Tasks) -> Self {
        tracing::info!(collector = %settings, "traces are exported");
        let client = Client::new(settings.clone());
        let shared = Arc::new(Shared { settings, queue: Mutex::default(), filled: Notify::new(), metrics });
        let (working, stop) = (Arc::clone(&shared), tasks.token().clone());
        tasks.spawn("traces", async move {
            let too_late = async {
                stop.cancelled().await;
                tokio::time::sleep(FAREWELL).await;
            };
            let worked = async {
                work(&working, &client, &stop).await;
                farewell(&working, &client).await;
            };
            tokio::select! {
                () = worked => {}
                () = too_late => {}
            }
        });
        Self(shared)
    }

    /// Takes as many of these spans of this process as there is room for, from the first on; answers how many. The
    /// others are not counted as lost: whoever has them may offer them again.
    pub fn send(&self, spans: Vec<Span>) -> usize {
        self.take(&self.0.settings.resource, spans).0
    }

    /// Takes spans of somebody else. Those that find no room are lost.
    pub fn relay(&self, resource: &Arc<Resource>, spans: Vec<Span>) {
        let (_, left) = self.take(resource, spans);
        self.lose(left);
    }

    /// Takes spans of this process that nobody has a second time. Those that find no room are lost.
    pub fn send_once(&self, spans: Vec<Span>) {
        let (_, left) = self.take(&self.0.settings.resource, spans);
        self.lose(left);
    }

    /// Counts spans that were lost before they came here.
    pub fn lose(&self, spans: usize) {
        self.0.metrics.lose(spans);
    }

    /// Which members' spans are kept for sure.
    pub fn sampler(&self) -> Sampler {
        self.0.settings.sampler()
    }

    fn take(&self, resource: &Arc<Resource>, spans: Vec<Span>) -> (usize, usize) {
        let all = spans.len();
        let mut queue = self.0.queue.lock();
        let room = self.0.settings.queue.saturating_sub(queue.len());
        queue.extend(spans.into_iter().take(room).map(|span| (Arc::clone(resource), span)));
        drop(queue);
        self.0.filled.notify_one();
        let taken = all.min(room);
        (taken, all - taken)
    }
}

/// Sends until the process is to end. What is on its way then is not given up in the middle.
async fn work(shared: &Shared, client: &Client, stop: &CancellationToken) {
    let mut told = Told::default();
    while let Some(batch) = stop.run_until_cancelled(gather(shared)).await {
        let request = wire::request(&batch);
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        loop {
            match client.send(&request).await {
                Ok((rejected, why)) => {
                    told.answered(rejected, &why);
                    shared.metrics.sent.inc_by((batch.len() as u64).saturating_sub(rejected));
                    shared.metrics.lost.inc_by(rejected);
                    break;
                }
                Err(failure) => {
                    shared.metrics.failures.inc();
                    told.failed(shared, &failure);
                    if let Failure::Refused(_) = failure {
                        shared.metrics.lose(batch.len());
                        break;
                    }
                    if stop.run_until_cancelled(tokio::time::sleep(backoff.next_wait())).await.is_none() {
                        return shared.metrics.lose(batch.len());
                    }
                }
            }
        }
    }
}

/// What goes out next: as much as goes into one request, or all there is after a while.
async fn gather(shared: &Shared) -> Vec<(Arc<Resource>, Span)> {
    let Settings { batch, delay, .. } = &shared.settings;
    let mut deadline: Option<Instant> = None;
    loop {
        let full = {
            let queue = shared.queue.lock();
            if !queue.is_empty() {
                deadline.get_or_insert_with(|| Instant::now() + *delay);
            }
            queue.len() >= *batch
        };
        if full || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            let mut queue = shared.queue.lock();
            let count = queue.len().min(*batch);
            let mut taken: Vec<_> = queue.drain(..count).collect();
            // Those of one resource go together.
            taken.sort_by(|(one, _), (other, _)| one.cmp(other));
            return taken;
        }
        let filled = shared.filled.notified();
        match deadline {
            Some(deadline) => {
                let _time_or_more = tokio::time::timeout_at(deadline, filled).await;
            }
            None => filled.await,
        }
    }
}

/// Offers what is left, once.
async fn farewell(shared: &Shared, client: &Client) {
    loop {
        let batch: Vec<_> = {
            let mut queue = shared.queue.lock();
            let count = queue.len().min(shared.settings.batch);
            queue.drain(..count).collect()
        };
        if batch.is_empty() || client.send(&wire::request(&batch)).await.is_err() {
            return;
        }
        shared.metrics.sent.inc_by(batch.len() as u64);
    }
}

/// What was told of failures, and when.
#[derive(Debug, Default)]
struct Told {
    at: Option<Instant>,
    away: bool,
    lost: u64,
}

impl Told {
    fn answered(&mut self, rejected: u64, why: &str) {
        if std::mem::take(&mut self.away) {
            tracing::info!("the collector takes traces again");
        }
        if rejected > 0 && self.is_time() {
            tracing::warn!(rejected, why, "the collector did not want some spans");
        }
    }

    fn failed(&mut self, shared: &Shared, failure: &Failure) {
        if !self.is_time() {
            return;
        }
        self.away = true;
        let waiting = shared.queue.lock().len();
        let lost = shared.metrics.lost.get();
        let since = lost - std::mem::replace(&mut self.lost, lost);
        let remedy = match failure {
            Failure::Later(_) => "it is tried again",
            Failure::Refused(_) => {
                "these spans are lost; see OTEL_EXPORTER_OTLP_ENDPOINT, …_PROTOCOL and …_HEADERS"
            }
        };
        tracing::warn!(%failure, waiting, lost = since, "traces cannot be exported: {remedy}");
    }

    fn is_time(&mut self) -> bool {
        let due = self.at.is_none_or(|at| at.elapsed() >= TELL);
        if due {
            self.at = Some(Instant::now());
        }
        due
    }
}

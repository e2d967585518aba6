//! How long servers take, and how often they do not do what they are asked.

use crate::Error;
use parking_lot::Mutex;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use shared_runtime::metrics::{Latency, Registry};
use std::{collections::BTreeSet, sync::Arc, time::Instant};

/// So many hosts have a name of their own; those that come later are one.
const HOSTS: usize = 50;
const OTHERS: &str = "other";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    operation: &'static str,
    host: String,
}

/// What is counted.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    seconds: Family<Asked, Latency>,
    failures: Family<Asked, Counter>,
    hosts: Arc<Mutex<BTreeSet<String>>>,
}

impl Metrics {
    /// Shows them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "flotilla_git_operation_seconds",
            "How long it took to ask a Git server, the wait for a turn included: for references, or for a commit",
            self.seconds.clone(),
        );
        registry.register(
            "flotilla_git_failures",
            "Questions that a Git server did not answer, or refused",
            self.failures.clone(),
        );
    }

    /// Shows them as those of charts and files ([`crate::Charts`]).
    pub fn register_for_charts(&self, registry: &mut Registry) {
        registry.register(
            "flotilla_charts_operation_seconds",
            "How long it took to ask a server of charts, the wait for a turn included: for a version, or for an archive",
            self.seconds.clone(),
        );
        registry.register(
            "flotilla_charts_failures",
            "Questions that a server of charts did not answer, or refused",
            self.failures.clone(),
        );
    }

    pub(crate) async fn time<T>(
        &self,
        operation: &'static str,
        host: String,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let began = Instant::now();
        let result = asked.await;
        let asked = Asked { operation, host: self.named(host) };
        self.seconds.get_or_create(&asked).took(began.elapsed());
        // There from the first question on: only of what was zero can be said that it grew.
        self.failures.get_or_create(&asked).inc_by(u64::from(result.is_err()));
        result
    }

    /// The host, or the name for all that are too many.
    fn named(&self, host: String) -> String {
        let mut hosts = self.hosts.lock();
        if hosts.contains(&host) {
            return host;
        }
        if hosts.len() >= HOSTS || host.is_empty() {
            return if host.is_empty() { "local".to_owned() } else { OTHERS.to_owned() };
        }
        hosts.insert(host.clone());
        host
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_runtime::metrics::Exposed;

    #[tokio::test]
    async fn hosts_are_named_up_to_a_bound() {
        let metrics = Metrics::default();
        let exposed = Exposed::new("test", "1", |registry| metrics.register(registry));
        for number in 0..200 {
            let answered = async { Ok::<_, Error>(()) };
            metrics.time("resolve", format!("git-{number}.example.org"), answered).await.unwrap();
        }
        let error = Error::PathOutside { path: "..".into() };
        let failed = async { Err::<(), _>(error) };
        metrics.time("fetch", "git-7.example.org".into(), failed).await.unwrap_err();
        let text = exposed.scrape("").text;
        let hosts = text.matches("flotilla_git_operation_seconds_count{operation=\"resolve\"").count();
        assert_eq!(hosts, HOSTS + 1, "{text}");
        let check = |line: &str| assert!(text.contains(line), "{line} in {text}");
        check("flotilla_git_operation_seconds_count{operation=\"resolve\",host=\"other\"} 150\n");
        check("flotilla_git_failures_total{operation=\"fetch\",host=\"git-7.example.org\"} 1\n");
        check("flotilla_git_failures_total{operation=\"resolve\",host=\"git-7.example.org\"} 0\n");
    }
}

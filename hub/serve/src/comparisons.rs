//! Comparisons that people ask of the API, asked of agents.
//!
//! Invariants: at most [`AT_ONCE`] are under way and [`WAITING`] wait; of those that wait the next is the oldest of the clusters
//! with fewest under way, so that slow clusters keep none of the others waiting; who gave up is not served any more.

use hub_api::{Comparer, Comparison, Unanswered};
use hub_gateway::{Compare, Links, Uncompared};
use shared_model::ClusterName;
use shared_runtime::Tasks;
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::mpsc;

/// Comparisons under way at once, over the whole fleet: each may bring and answer a few MiB.
const AT_ONCE: usize = 32;
/// Comparisons of one cluster under way at once: one that its agent makes, and one on its way there.
const OF_ONE: usize = 2;
/// Comparisons that wait, and the bytes that they bring together.
const WAITING: usize = 256;
const WAITING_BYTES: usize = 64 << 20;

/// Asks agents for comparisons, until the hub stops.
pub(crate) fn answer(links: Links, tasks: &Tasks) -> Comparer {
    let (comparer, mut asked) = mpsc::channel::<Comparison>(1);
    let (ended, mut ends) = mpsc::unbounded_channel::<ClusterName>();
    let own = tasks.clone();
    tasks.spawn_until_stopped("comparisons", async move {
        let mut queue = Queue::default();
        loop {
            tokio::select! {
                Some(cluster) = ends.recv() => queue.end(&cluster),
                comparison = asked.recv() => match comparison {
                    Some(comparison) => queue.add(comparison),
                    None => return,
                },
            }
            while let Some(comparison) = queue.next() {
                let (links, ended) = (links.clone(), Ended(comparison.cluster.clone(), ended.clone()));
                own.spawn_until_stopped("comparison", async move {
                    serve(&links, comparison).await;
                    drop(ended);
                });
            }
        }
    });
    comparer
}

/// Says that a comparison has ended, however it did.
struct Ended(ClusterName, mpsc::UnboundedSender<ClusterName>);

impl Drop for Ended {
    fn drop(&mut self) {
        let _stopping = self.1.send(self.0.clone());
    }
}

async fn serve(links: &Links, asked: Comparison) {
    let Comparison { cluster, application, release, mut answer } = asked;
    let compared = tokio::select! {
        compared = links.compare(&cluster, Compare { application, release }) => compared,
        () = answer.closed() => return,
    };
    let said = match compared {
        Ok(changes) => Ok(serde_json::json!(changes)),
        Err(why @ (Uncompared::Away(_) | Uncompared::Busy(_) | Uncompared::Silent(_))) => {
            Err(Unanswered::Now(why.to_string()))
        }
        Err(why @ (Uncompared::TooLarge(_) | Uncompared::Refused(..))) => {
            Err(Unanswered::Never(why.to_string()))
        }
    };
    let _gone = answer.send(said);
}

/// Who waits, and what is under way.
#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Comparison>,
    running: BTreeMap<ClusterName, usize>,
}

impl Queue {
    fn add(&mut self, comparison: Comparison) {
        self.waiting.retain(|waiting| !waiting.answer.is_closed());
        let bytes: usize = self.waiting.iter().chain([&comparison]).map(bytes).sum();
        if self.waiting.len() >= WAITING || bytes > WAITING_BYTES {
            let why = format!("{} comparisons wait already; try again", self.waiting.len());
            let _gone = comparison.answer.send(Err(Unanswered::Now(why)));
            return;
        }
        self.waiting.push_back(comparison);
    }

    fn next(&mut self) -> Option<Comparison> {
        self.waiting.retain(|waiting| !waiting.answer.is_closed());
        if self.running.values().sum::<usize>() >= AT_ONCE {
            return None;
        }
        let running = |waiting: &Comparison| self.running.get(&waiting.cluster).copied().unwrap_or(0);
        let all = self.waiting.iter().map(running).enumerate();
        // The first of those that are least.
        let (at, _) = all.filter(|(_, running)| *running < OF_ONE).min_by_key(|(_, running)| *running)?;
        let next = self.waiting.remove(at)?;
        *self.running.entry(next.cluster.clone()).or_default() += 1;
        Some(next)
    }

    fn end(&mut self, cluster: &ClusterName) {
        if let Some(running) = self.running.get_mut(cluster) {
            *running -= 1;
            if *running == 0 {
                self.running.remove(cluster);
            }
        }
    }
}

/// What a comparison brings along.
fn bytes(comparison: &Comparison) -> usize {
    comparison.release.as_ref().map_or(0, |(_, bundle)| bundle.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use shared_model::AppKey;
    use tokio::sync::oneshot;

    type Answer = oneshot::Receiver<Result<Value, Unanswered>>;

    fn of(cluster: &str, bundle: usize) -> (Comparison, Answer) {
        let (answer, answered) = oneshot::channel();
        let application = AppKey::new("argocd", "web");
        let spec =
            json!({"application": application, "bundle": shared_model::Digest::of(b"x"), "bundleBytes": 1});
        let release = (bundle > 0).then(|| (serde_json::from_value(spec).unwrap(), vec![0; bundle].into()));
        (Comparison { cluster: ClusterName::new(cluster), application, release, answer }, answered)
    }

    /// Adds these, and starts all that start: the clusters, in turn.
    fn check(queue: &mut Queue, asked: &[&str], expect: &[&str]) -> Vec<Answer> {
        let (comparisons, answers): (Vec<_>, Vec<_>) = asked.iter().map(|cluster| of(cluster, 0)).unzip();
        comparisons.into_iter().for_each(|comparison| queue.add(comparison));
        let started = std::iter::from_fn(|| queue.next()).map(|comparison| comparison.cluster.to_string());
        assert_eq!(started.collect::<Vec<_>>(), expect);
        answers
    }

    #[test]
    fn slow_clusters_keep_no_other_waiting() {
        let mut queue = Queue::default();
        let slow: Vec<String> = (0..20).map(|cluster| format!("slow-{}", cluster % 10)).collect();
        let slow: Vec<&str> = slow.iter().map(String::as_str).collect();
        let _answers = check(&mut queue, &["a", "a", "a", "b", "a"], &["a", "b", "a"]);
        let _more = check(&mut queue, &slow, &slow);
        let _others = check(&mut queue, &["c", "b", "d"], &["c", "d", "b"]);
        queue.end(&ClusterName::new("a"));
        let _none = check(&mut queue, &[], &["a"]);
    }

    #[test]
    fn who_gave_up_is_not_served() {
        let mut queue = Queue::default();
        let answers = check(&mut queue, &["a", "a", "a", "a"], &["a", "a"]);
        drop(answers);
        queue.end(&ClusterName::new("a"));
        let _none = check(&mut queue, &[], &[]);
        assert!(queue.waiting.is_empty());
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut queue = Queue::default();
        let _busy = check(&mut queue, &["a", "a"], &["a", "a"]);
        let large: Vec<Answer> = (0..4)
            .map(|_| {
                let (comparison, answered) = of("a", 20 << 20);
                queue.add(comparison);
                answered
            })
            .collect();
        let refused = large.into_iter().filter_map(|mut answered| answered.try_recv().ok());
        let refused: Vec<_> = refused.collect();
        assert_eq!(refused, [Err(Unanswered::Now("3 comparisons wait already; try again".to_owned()))]);
    }
}

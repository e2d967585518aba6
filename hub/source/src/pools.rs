//! Where blocking work runs: threads of tokio's blocking pool, in bounded numbers.
//!
//! Network work waits for its host's turn first, so a host that hangs holds up its own repositories
//! only; reading mirrors has a bound of its own, which no server can use up.

use crate::{Error, RepoUrl, remote::Deadline};
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// What a blocking operation gets to notice its deadline by itself and say so better.
const GRACE: Duration = Duration::from_millis(500);
/// Network operations in all, as a multiple of those of one host.
const HOSTS: usize = 8;

/// Hosts with nobody waiting are forgotten when there are this many.
const HOSTS_REMEMBERED: usize = 256;

#[derive(Debug)]
pub(crate) struct Pools {
    parallelism: usize,
    timeout: Duration,
    reading: Arc<Semaphore>,
    network: Arc<Semaphore>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Pools {
    pub(crate) fn new(parallelism: usize, timeout: Duration) -> Self {
        let parallelism = parallelism.max(1);
        Self {
            parallelism,
            timeout,
            reading: Arc::new(Semaphore::new(parallelism)),
            network: Arc::new(Semaphore::new(parallelism.saturating_mul(HOSTS))),
            hosts: Mutex::default(),
        }
    }

    /// Reads mirrors.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        url: &RepoUrl,
        work: impl FnOnce(&Deadline) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let deadline = Deadline::after(self.timeout);
        let turn = Arc::clone(&self.reading).acquire_owned();
        let work = async {
            let turn = turn.await.expect("the semaphore is never closed");
            blocking(url, &deadline, turn, work).await
        };
        bounded(url, &deadline, "reading the mirror", work).await
    }

    /// Talks to a server, once `ready` is there (what it brings is held until the work is done).
    pub(crate) async fn talk<T: Send + 'static, G: Send + 'static>(
        &self,
        url: &RepoUrl,
        host: String,
        ready: impl Future<Output = G>,
        work: impl FnOnce(&Deadline, &G) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let deadline = Deadline::after(self.timeout);
        let host = self.host(host);
        let network = Arc::clone(&self.network);
        let talk = async {
            let ready = ready.await;
            let host = host.acquire_owned().await.expect("the semaphore is never closed");
            let turn = network.acquire_owned().await.expect("the semaphore is never closed");
            blocking(url, &deadline, (host, turn), move |deadline| work(deadline, &ready)).await
        };
        bounded(url, &deadline, "waiting for the server or for its turn", talk).await
    }

    fn host(&self, name: String) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock();
        if hosts.len() >= HOSTS_REMEMBERED {
            hosts.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        Arc::clone(hosts.entry(name).or_insert_with(|| Arc::new(Semaphore::new(self.parallelism))))
    }
}

/// Runs `work` on a blocking thread; `turn` is given back when it is done, whether or not anyone waits.
async fn blocking<T: Send + 'static>(
    url: &RepoUrl,
    deadline: &Deadline,
    turn: impl Send + 'static,
    work: impl FnOnce(&Deadline) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (deadline, at) = (deadline.clone(), url.clone());
    let span = tracing::Span::current();
    let done = tokio::task::spawn_blocking(move || {
        let result = match deadline.passed() {
            true => Err(Error::TimedOut { url: at, stage: "waiting for its turn", after: deadline.given() }),
            false => span.in_scope(|| work(&deadline)),
        };
        drop(turn);
        result
    });
    done.await.unwrap_or_else(|err| {
        let cause = if err.is_panic() { "the hub stopped on it (a defect)" } else { "the hub is stopping" };
        Err(Error::Broken { url: url.clone(), cause: cause.to_owned() })
    })
}

async fn bounded<T>(
    url: &RepoUrl,
    deadline: &Deadline,
    stage: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let end = tokio::time::Instant::from_std(deadline.end() + GRACE);
    tokio::time::timeout_at(end, work).await.unwrap_or_else(|_| {
        deadline.interrupt();
        Err(Error::TimedOut { url: url.clone(), stage, after: deadline.given() })
    })
}

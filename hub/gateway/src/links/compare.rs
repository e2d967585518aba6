//! Asking an agent what an apply would change, and waiting for its answer.

use super::Links;
use crate::{
    links::Seat,
    session::{COMPARE, Input},
};
use bytes::Bytes;
use proto::v1;
use shared_diff::Changes;
use shared_model::{AppKey, ClusterName, ReleaseSpec};
use std::{io::Read as _, sync::Arc, time::Duration};
use tokio::sync::{Semaphore, oneshot};

/// How long an agent may take; it gives up by itself 50 s after a comparison has its turn, and two may be before it.
const WITHIN: Duration = Duration::from_secs(160);
/// The most that an answer may unpack to, in bytes: an agent sends half of that.
const MOST_UNPACKED: u64 = 16 << 20;
/// As a power of two, how far back an answer may refer: so much memory it takes to read.
const WINDOW: u32 = 23;
/// Answers that are unpacked at once.
const UNPACKED_AT_ONCE: usize = 4;
/// Comparisons that may wait for one agent: as many as it takes.
const MOST: usize = 3;

/// Who waits for an answer.
pub(super) type Waiting = oneshot::Sender<Result<Bytes, String>>;

/// What is to be compared with what is in a cluster.
#[derive(Debug, Clone)]
pub struct Compare {
    /// The Application.
    pub application: AppKey,
    /// The release and its bundle's canonical bytes, zstd; `None`: the release that the agent is to run.
    pub release: Option<(ReleaseSpec, Bytes)>,
}

/// Why a comparison has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uncompared {
    /// No agent is there.
    #[error("the agent of {0} is not connected: what is there cannot be read")]
    Away(ClusterName),
    /// Too many wait already.
    #[error("{MOST} comparisons wait for the agent of {0} already; try again")]
    Busy(ClusterName),
    /// More than a message holds.
    #[error("the manifests to compare with have {0} bytes, compressed; {most} can be sent: compare fewer at once", most = proto::COMPARED_BYTES)]
    TooLarge(usize),
    /// The agent went away, or did not answer in time.
    #[error("the agent of {0} gave no answer: it went away, or the cluster is slow")]
    Silent(ClusterName),
    /// The agent said why not, or something that cannot be read.
    #[error("{0}: {1}")]
    Refused(ClusterName, String),
}

/// Forgets who does not wait any more.
struct Forget<'a>(&'a Links, &'a ClusterName, &'a str);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.0.inner.lock().sessions.get_mut(self.1) {
            session.comparing.remove(self.2);
        }
    }
}

/// Places for answers that are unpacked.
pub(super) fn unpacking() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(UNPACKED_AT_ONCE))
}

fn unpack(changes: &[u8]) -> Result<Changes, String> {
    let mut text = Vec::new();
    let mut decoder = zstd::Decoder::new(changes).map_err(|error| error.to_string())?;
    decoder.window_log_max(WINDOW).map_err(|error| error.to_string())?;
    decoder.take(MOST_UNPACKED).read_to_end(&mut text).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}

impl Links {
    /// What an apply would change in a cluster. Nothing is written there, and nothing is dry-run.
    ///
    /// # Errors
    /// See [`Uncompared`]; an agent that is older than the hub says so.
    pub async fn compare(&self, cluster: &ClusterName, asked: Compare) -> Result<Changes, Uncompared> {
        let (spec, bundle) = match asked.release {
            None => Default::default(),
            Some((_, bundle)) if bundle.len() > proto::COMPARED_BYTES => {
                return Err(Uncompared::TooLarge(bundle.len()));
            }
            Some((spec, bundle)) => {
                (serde_json::to_vec(&spec).expect("a release has only string keys").into(), bundle)
            }
        };
        let (waiting, answer) = oneshot::channel();
        let id = {
            let mut inner = self.inner.lock();
            inner.next += 1;
            let id = format!("{COMPARE}{}", inner.next);
            let session = inner.sessions.get_mut(cluster).ok_or_else(|| Uncompared::Away(cluster.clone()))?;
            if session.comparing.len() >= MOST {
                return Err(Uncompared::Busy(cluster.clone()));
            }
            session.comparing.insert(id.clone(), waiting);
            id
        };
        let _forget = Forget(self, cluster, &id);
        let command = v1::Command {
            id: id.clone(),
            application: Some(proto::application_to_wire(&asked.application)),
            command: Some(v1::command::Command::Compare(v1::Compare { spec, bundle })),
        };
        self.tell(cluster, Input::Command(command));
        let answered = tokio::time::timeout(WITHIN, answer).await;
        let silent = || Uncompared::Silent(cluster.clone());
        let changes = answered.map_err(|_| silent())?.map_err(|_| silent())?;
        let refused = |error: String| Uncompared::Refused(cluster.clone(), error);
        let unread =
            |error: &dyn std::fmt::Display| refused(format!("the agent's answer cannot be read: {error}"));
        let changes = changes.map_err(refused)?;
        let _place = self.unpacking.acquire().await;
        let read = tokio::task::spawn_blocking(move || unpack(&changes)).await;
        read.map_err(|error| unread(&error))?.map_err(|error| unread(&error))
    }

    /// The agent's answer; one that nobody waits for any more is dropped.
    pub(crate) fn compared(
        &self,
        cluster: &ClusterName,
        seat: &Seat,
        id: &str,
        answer: Result<Bytes, String>,
    ) {
        let mut inner = self.inner.lock();
        let session = inner.sessions.get_mut(cluster).filter(|session| session.number == seat.number);
        let waiting = session.and_then(|session| session.comparing.remove(id));
        drop(inner);
        if let Some(waiting) = waiting {
            let _gone = waiting.send(answer);
        }
    }
}

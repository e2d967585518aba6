//! Builds an agent from its parts, joining the fleet first if that was not done.

use crate::{
    cluster::{self, Cluster, Facts},
    engine::Ceiling,
    journal::{self, Identity, Journal, Place},
    link::{self, Dialer, Identities, Link, News, Pace, Untried},
    metrics::Metrics,
    seals::{self, Seals},
    shell::{self, Shell},
};
use shared_model::{ClusterName, JoinToken};
use shared_runtime::{Backoff, Tasks, otlp::Choice};
use shared_sops::Reach;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::{Notify, mpsc};

const FACTS_EVERY: Duration = Duration::from_secs(600);
/// So often a token's file is read before there is one in it.
const LOOK_FOR_TOKEN: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 2_000 });
const FACTS_AT_MOST_EVERY: Duration = Duration::from_secs(20);

/// An agent that has an identity waits so long for another one before it starts.
const REJOIN_WITHIN: Duration = Duration::from_secs(5);

/// The namespace of an agent that is told no other, as its deployment names it.
const NAMESPACE: &str = "flotilla-agent";

/// What an agent is told by its operator.
#[derive(Debug, Clone)]
pub struct Config {
    /// How to reach the hub.
    pub link: link::Config,
    /// Needed for the first start on a place; ignored once it was used.
    pub token: Option<JoinToken>,
    /// Where everything is that the agent keeps; made if it is absent.
    pub place: Place,
    /// What nobody may change through this agent.
    pub ceiling: Ceiling,
    /// What is counted.
    pub metrics: Metrics,
    /// Where spans go.
    pub traces: Choice,
    /// Where the keys are for what releases hold encrypted; `None`: in a Secret of the agent's namespace.
    pub sops_keys: Option<seals::Keys>,
    /// How far what is encrypted may go from where it was.
    pub sops_reach: Reach,
}

/// Why an agent could not start. What time may mend is not here: it is waited for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal cannot be used.
    #[error("what the agent keeps cannot be used: {0}")]
    Journal(#[from] journal::Error),
    /// The cluster cannot be used.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// The hub did not let the agent in.
    #[error("the agent could not join: {0}")]
    Link(#[from] link::Error),
    /// The first start needs a token, and no file was named in which one will be.
    #[error(
        "this agent has not joined a hub yet: give it --token, as printed by `flotilla cluster token --name NAME`"
    )]
    NoToken,
    /// The place was made for another cluster.
    #[error(
        "{place} belongs to an agent of another cluster ({cluster}): nothing was done; use another --data-dir, or the kubeconfig of that cluster"
    )]
    OtherCluster {
        /// Where it is.
        place: String,
        /// The cluster's name on its hub.
        cluster: String,
    },
    /// Told to stop before it had joined.
    #[error("stopped before the agent had joined")]
    Stopped,
}

/// A running agent. It ends with its tasks.
#[derive(Debug)]
pub struct Agent {
    /// The name of its cluster on the hub.
    pub cluster: ClusterName,
}

impl Agent {
    /// Joins the fleet if need be, and starts working: until `tasks` stops.
    ///
    /// Waits for an API server or a hub that cannot be reached, with a line for each try.
    ///
    /// # Errors
    /// What only a person can mend.
    pub async fn build(config: Config, cluster: Cluster, tasks: &Tasks) -> Result<Self, Error> {
        tokio::select! {
            built = Self::start(config, cluster, tasks) => built,
            () = tasks.stopped() => Err(Error::Stopped),
        }
    }

    async fn start(config: Config, cluster: Cluster, tasks: &Tasks) -> Result<Self, Error> {
        let dialer = Dialer::new(&config.link)?.counted(config.metrics.bytes.clone());
        let journal = Arc::new(open(&config.place, &config.metrics).await?);
        tasks.spawn_until_stopped("journal keeper", Arc::clone(&journal).keep(tasks.clone()));
        match Self::join_and_start(config, dialer, cluster, tasks, &journal).await {
            Ok(agent) => Ok(agent),
            Err(error) => {
                journal.close().await;
                Err(error)
            }
        }
    }

    async fn join_and_start(
        config: Config,
        dialer: Dialer,
        cluster: Cluster,
        tasks: &Tasks,
        journal: &Arc<Journal>,
    ) -> Result<Self, Error> {
        let facts = facts(&cluster).await?;
        let (identity, untried) = identity(&config, &dialer, journal, &facts).await?;
        let name = ClusterName::new(identity.cluster.clone());
        let hub = config.link.hubs.join(",");
        let own = config.place.namespace().or(config.ceiling.own_namespace.as_deref());
        let namespace = own.unwrap_or(NAMESPACE).to_owned();
        tracing::info!(cluster = %name, hub, journal = %config.place, kubernetes = facts.version, "the agent starts");
        let (told, news) = mpsc::channel(64);
        let identities = Identities::new(identity, Arc::clone(journal));
        let mut traces = config.traces.clone();
        traces.describe("k8s.cluster.name", name.as_str());
        let tracing = traces.start(config.metrics.traces.clone(), tasks);
        let keys = config.sops_keys.unwrap_or_else(|| seals::Keys::Secret(namespace.clone()));
        let deps = shell::Deps {
            seals: Arc::new(Seals::new(keys, config.sops_reach, cluster.clone())),
            name: name.clone(),
            cluster: cluster.clone(),
            facts: facts.clone(),
            journal: Arc::clone(journal),
            tasks: tasks.clone(),
            ceiling: config.ceiling,
            metrics: config.metrics,
            tracing,
        };
        let annotated = Arc::clone(journal).follow_annotation(cluster.clone(), namespace);
        tasks.spawn_until_stopped("annotation", annotated);
        let shell = Shell::load(deps, news).await?;
        let (link, nudges) = Link::new(config.link, dialer, identities, Pace::default());
        let nudges = nudges.with_token(untried);
        tasks.spawn_until_stopped("link", link::run(Arc::clone(&link), told.clone()));
        tasks.spawn_until_stopped("standing", link::tell(Arc::clone(&link), told.clone()));
        tasks.spawn_until_stopped("facts", follow(cluster, facts, link.heard(), told));
        tasks.spawn_until_stopped("identity", link::keep(link, nudges));
        let journal = Arc::clone(journal);
        tasks.spawn("engine", async move {
            shell.run().await;
            journal.close().await;
        });
        Ok(Self { cluster: name })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, journal::Error> + Send + 'static,
) -> Result<T, journal::Error> {
    tokio::task::spawn_blocking(work).await.expect("the journal does not panic")
}

/// Opens the journal, waiting for another agent to go and for an API server that is away.
async fn open(place: &Place, metrics: &Metrics) -> Result<Journal, journal::Error> {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    let mut told = None;
    loop {
        let (opening, metrics) = (place.clone(), metrics.clone());
        match blocking(move || Journal::measured(&opening, &metrics)).await {
            Err(error @ journal::Error::Held { .. }) => {
                let text = error.to_string();
                if told.as_ref() != Some(&text) {
                    tracing::warn!(%error, "this agent waits");
                    told = Some(text);
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the journal cannot be opened; it is tried again");
                tokio::time::sleep(backoff.next_wait()).await;
            }
            opened => return opened,
        }
    }
}

/// Asks the cluster what it is, until it answers. A refusal is told at once.
async fn facts(cluster: &Cluster) -> Result<Facts, Error> {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    loop {
        match cluster.facts().await {
            Ok(facts) if !facts.uid.is_empty() => return Ok(facts),
            Ok(_) => tracing::warn!("the cluster's kube-system namespace has no UID; it is asked again"),
            Err(error @ (cluster::Error::Denied(_) | cluster::Error::IsHub(_))) => return Err(error.into()),
            Err(error) => tracing::warn!(%error, "the cluster cannot be reached; it is tried again"),
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

/// Reads the cluster's facts now and then, and when a hub answers, and tells those that are new.
async fn follow(cluster: Cluster, first: Facts, heard: Arc<Notify>, told: mpsc::Sender<News>) {
    let mut known = first;
    loop {
        tokio::select! {
            () = tokio::time::sleep(FACTS_EVERY) => {}
            () = heard.notified() => {}
        }
        match cluster.facts().await.map(|facts| facts.or_served(&known)) {
            Ok(facts) if facts.uid != known.uid => tracing::error!(
                was = known.uid,
                is = facts.uid,
                "another cluster answers where this agent's was: its facts are not reported; restart the agent to have it checked"
            ),
            Ok(facts) if facts != known => {
                known = facts.clone();
                if told.send(News::Facts(facts)).await.is_err() {
                    return;
                }
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "the cluster's facts could not be read"),
        }
        tokio::time::sleep(FACTS_AT_MOST_EVERY).await;
    }
}

/// The identity that is kept, or a new one for the token. With the first comes a new token that no hub has answered
/// yet: what is assigned must not wait for a hub.
async fn identity(
    config: &Config,
    dialer: &Dialer,
    journal: &Arc<Journal>,
    facts: &Facts,
) -> Result<(Identity, Option<Untried>), Error> {
    let reading = Arc::clone(journal);
    let kept = match blocking(move || reading.identity()).await {
        Ok(kept) => kept,
        // A new token mends it.
        Err(error) if config.token.is_some() => {
            tracing::warn!(%error, "the agent joins again");
            None
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(kept) = &kept
        && kept.cluster_uid != facts.uid
    {
        return Err(Error::OtherCluster { place: config.place.to_string(), cluster: kept.cluster.clone() });
    }
    let joined = match (&config.token, kept) {
        (None, Some(kept)) => return Ok((kept, None)),
        (None, None) => match &config.link.token_file {
            Some(file) => join_by(file, config, dialer, None, facts).await?,
            None => return Err(Error::NoToken),
        },
        (Some(token), Some(kept)) if token.id == kept.token_id => return Ok((kept, None)),
        (Some(token), None) => match (join(config, dialer, token, facts).await, &config.link.token_file) {
            (Err(error @ link::Error::Refused(_)), Some(file)) => {
                refused(&error);
                join_by(file, config, dialer, Some(&token.id), facts).await?
            }
            (joined, _) => joined?,
        },
        (Some(token), Some(kept)) => {
            let enrolment = link::enroll()?;
            let hubs = config.link.hubs.iter().map(String::as_str);
            let asked = enrolment.ask_each(dialer, hubs, token, &facts.uid);
            match tokio::time::timeout(REJOIN_WITHIN, asked).await {
                Ok(Ok(identity)) => identity,
                // What is kept may still do; a working agent must not stop for a stale flag.
                Ok(Err(error)) if !error.is_transient() => {
                    tracing::warn!(%error, "the new token was not accepted; the agent goes on with its present identity");
                    return Ok((kept, None));
                }
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!(
                        "no hub answers to the new token: the agent goes on with its present identity, and joins again when one does"
                    );
                    return Ok((kept, Some((token.clone(), enrolment))));
                }
            }
        }
    };
    let (writing, kept) = (Arc::clone(journal), joined.clone());
    blocking(move || writing.save_identity(&kept)).await?;
    tracing::info!(cluster = joined.cluster, "the cluster joined");
    Ok((joined, None))
}

fn refused(error: &link::Error) {
    tracing::error!(%error, "the token was not accepted; the agent waits for another one in its file");
}

/// Joins by the token in this file as soon as there is one that the hub takes, other than the one of this id: a Secret
/// may be made, or made anew, after the pod that mounts it.
async fn join_by(
    file: &Path,
    config: &Config,
    dialer: &Dialer,
    but: Option<&str>,
    facts: &Facts,
) -> Result<Identity, link::Error> {
    let mut but = but.map(str::to_owned);
    loop {
        let token = token_in(file, but.as_deref()).await;
        match join(config, dialer, &token, facts).await {
            Err(error @ link::Error::Refused(_)) => refused(&error),
            joined => return joined,
        }
        but = Some(token.id);
    }
}

/// The token in this file, other than the one of this id, as soon as there is one.
async fn token_in(file: &Path, but: Option<&str>) -> JoinToken {
    let mut told = None;
    loop {
        // A line, in a Secret's mount or a local file: not worth a thread.
        let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
        match read.and_then(|text| text.parse::<JoinToken>().map_err(|error| error.to_string())) {
            Ok(token) if but != Some(&*token.id) => return token,
            Err(problem) if told.as_ref() != Some(&problem) => {
                let file = file.display();
                tracing::warn!(%file, problem, "the agent waits for its token: put what `flotilla cluster token` printed into the file");
                told = Some(problem);
            }
            Ok(_) | Err(_) => {}
        }
        tokio::time::sleep(LOOK_FOR_TOKEN).await;
    }
}

/// Asks until the hub answers one way or the other.
async fn join(
    config: &Config,
    dialer: &Dialer,
    token: &JoinToken,
    facts: &Facts,
) -> Result<Identity, link::Error> {
    let enrolment = link::enroll()?;
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    loop {
        let hubs = config.link.hubs.iter().map(String::as_str);
        match enrolment.ask_each(dialer, hubs, token, &facts.uid).await {
            Err(error) if error.is_transient() => {
                let wait = backoff.next_wait();
                tracing::warn!(%error, again_in = ?wait, "joining is tried again");
                tokio::time::sleep(wait).await;
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn facts_are_told_when_they_are_new() {
        let kubernetes = crate::tests::kubernetes::Kubernetes::new("u1");
        let cluster = Cluster::from_service(kubernetes.clone(), "default");
        let (first, heard) = (cluster.facts().await.unwrap(), Arc::new(Notify::new()));
        assert!(first.served["apps/v1"].contains(&"Deployment".to_owned()), "{first:?}");
        let (told, mut news) = mpsc::channel(1);
        kubernetes.set_version("v1.35.0");
        heard.notify_one();
        let follow = shared_runtime::spawn("facts", follow(cluster, first.clone(), heard, told));
        let news = tokio::time::timeout(Duration::from_secs(20), news.recv()).await.unwrap();
        let Some(News::Facts(facts)) = news else { panic!("{news:?}") };
        assert_eq!(facts, Facts { version: "v1.35.0".into(), ..first });
        follow.abort();
    }
}

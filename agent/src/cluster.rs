//! The spoke cluster's API: writes, reads, watches, discovery. The only home of kube.
//!
//! Invariants:
//! 1. At most [`limit::AT_ONCE`] requests are under way and [`limit::PER_SECOND`] start each second; heals go first.
//! 2. Nothing is kept but discovery: objects pass through, their managedFields dropped on receipt.
//! 3. What the API server answers is told by its meaning ([`shared_sync::Failure`]); trouble of discovery
//!    is `Unreachable`, never "this kind does not exist".
//!
//! 4. A server that cannot be reached or asks to slow down is asked by one request at a time until it answers.
//!
//! What it refuses to know: applications, releases, the hub.

mod calm;
mod discovery;
mod failure;
mod limit;
mod own;
mod requests;
mod survey;
mod unlabelled;
mod watches;

pub(crate) use limit::{Limit, Priority};
pub(crate) use own::ANSWER_WITHIN;
pub(crate) use requests::MANAGER;
pub(crate) use watches::Watches;
pub use watches::{Watched, WatchedKind, WatchedPlace};

use crate::metrics::Requests;
use calm::Calm;
use discovery::Discovery;
use kube::{
    Client,
    client::{Body, ClientBuilder},
    config::{KubeConfigOptions, Kubeconfig},
};
use shared_sops::Secrets;
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// Why there is no way to the cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kubeconfig cannot be used.
    #[error("kubeconfig {path} cannot be used")]
    Kubeconfig {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: Box<kube::config::KubeconfigError>,
    },
    /// Not in a cluster, and no kubeconfig given.
    #[error("no --kubeconfig was given and this is no pod of a cluster")]
    NotInCluster(#[source] Box<kube::config::InClusterError>),
    /// The client cannot be made.
    #[error("no client for the cluster can be made")]
    Client(#[source] Box<kube::Error>),
    /// The credentials are not enough.
    #[error(
        "the cluster does not let the agent in: {0}; check the kubeconfig's credentials, and give its user (or service account) the rights that deploy/agent-narrow.yaml lists, or those of deploy/agent.yaml"
    )]
    Denied(String),
    /// It is no cluster.
    #[error(
        "the kubeconfig leads to a Flotilla hub ({0}), not to a cluster: give --kubeconfig with the cluster's own; KUBECONFIG may still name the hub's"
    )]
    IsHub(String),
    /// The API server did not answer what was asked of it.
    #[error("the cluster's API server: {0}")]
    Api(String),
}

/// A cluster. Clones share discovery.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    pub(crate) requests: Requests,
    discovery: Arc<Discovery>,
    calm: Arc<Calm>,
    /// What no failure may tell.
    untold: Arc<Secrets>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}

/// What a cluster says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// UID of the kube-system namespace.
    pub uid: String,
    /// `v1.34.3`.
    pub version: String,
    /// `linux/amd64`.
    pub platform: String,
    /// How many nodes it has; 0 when the agent may not list them.
    pub nodes: u32,
    /// The kinds that it serves, by `group/version`, sorted; none when they cannot be read.
    pub served: Arc<BTreeMap<String, Vec<String>>>,
}

impl Facts {
    /// These, with the kinds of others when none could be read: the API server has not lost them all.
    pub(crate) fn or_served(self, other: &Self) -> Self {
        let served = if self.served.is_empty() { Arc::clone(&other.served) } else { self.served };
        Self { served, ..self }
    }
}

impl Cluster {
    /// The cluster of a kubeconfig's current context, or the one that this pod runs in.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used, or there is none and this is no pod. Nothing is sent yet.
    pub async fn connect(kubeconfig: Option<&Path>) -> Result<Self, Error> {
        let mut config = match kubeconfig {
            Some(path) => {
                let failed =
                    |source| Error::Kubeconfig { path: path.display().to_string(), source: Box::new(source) };
                let parsed = Kubeconfig::read_from(path).map_err(failed)?;
                let own_proxy = has_proxy(&parsed);
                let mut config = kube::Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default())
                    .await
                    .map_err(failed)?;
                if !own_proxy {
                    // The environment's proxy is for the way to the hub; the agent sits beside its cluster.
                    config.proxy_url = None;
                }
                config
            }
            None => kube::Config::incluster().map_err(|source| Error::NotInCluster(Box::new(source)))?,
        };
        // kube would send what was refused again, up to 15 times from 5 ms on, unseen by the limit.
        config.default_retry = false;
        let builder = ClientBuilder::try_from(config).map_err(|source| Error::Client(Box::new(source)))?;
        let requests = Requests::default();
        Ok(Self::from_client(builder.with_layer(&requests).build(), requests))
    }

    /// A cluster behind any service that speaks Kubernetes' REST.
    pub fn from_service<S, B>(service: S, default_namespace: &str) -> Self
    where
        S: tower::Service<http::Request<Body>, Response = http::Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<tower::BoxError> + Send,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<tower::BoxError>,
    {
        let requests = Requests::default();
        let client = ClientBuilder::new(service, default_namespace).with_layer(&requests).build();
        Self::from_client(client, requests)
    }

    fn from_client(client: Client, requests: Requests) -> Self {
        Self { client, requests, discovery: Arc::default(), calm: Arc::default(), untold: Arc::default() }
    }

    /// The same cluster, whose failures tell none of these values.
    pub(crate) fn untelling(&self, secrets: Arc<Secrets>) -> Self {
        Self { untold: secrets, ..self.clone() }
    }
}

/// Whether the current context's cluster is reached through a proxy.
fn has_proxy(kubeconfig: &Kubeconfig) -> bool {
    let current = kubeconfig.current_context.as_deref().unwrap_or_default();
    let context = kubeconfig.contexts.iter().find(|context| context.name == current);
    let name = context.and_then(|context| Some(&context.context.as_ref()?.cluster));
    let cluster = kubeconfig.clusters.iter().find(|cluster| Some(&cluster.name) == name);
    cluster.and_then(|cluster| cluster.cluster.as_ref()?.proxy_url.as_ref()).is_some()
}

/// The name of a kubeconfig's current context.
///
/// # Errors
/// When the file cannot be read.
pub fn context_of(kubeconfig: &Path) -> Result<String, Error> {
    let parsed = Kubeconfig::read_from(kubeconfig).map_err(|source| Error::Kubeconfig {
        path: kubeconfig.display().to_string(),
        source: Box::new(source),
    })?;
    Ok(parsed.current_context.unwrap_or_default())
}

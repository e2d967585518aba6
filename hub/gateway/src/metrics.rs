//! What the agent port counts, and what it says of agents when it is asked: who is lost, which certificate ends first.

use crate::{Authority, HubCertificate, Links};
use hub_records::Identity;
use jiff::Timestamp;
use parking_lot::Mutex;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{MetricType, counter::Counter, family::Family, gauge::ConstGauge},
};
use serde_json::Value;
use shared_model::ClusterName;
use shared_runtime::metrics::{Depth, Registry, Traffic, from_the_start, since_epoch};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, OnceLock},
};

/// How many lost clusters are named: the longest lost first.
const NAMED: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Came {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    request: &'static str,
    result: &'static str,
}

/// What is counted.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(crate) bytes: Traffic,
    pub(crate) messages: Traffic,
    pub(crate) sessions: Counter,
    ends: Family<Ended, Counter>,
    handshakes: Family<Came, Counter>,
    identities: Family<Asked, Counter>,
    pub(crate) observations: Counter,
    pub(crate) healed: Counter,
    pub(crate) events: Counter,
    pub(crate) lost_events: Counter,
    pub(crate) bundles: Counter,
    pub(crate) bundle_bytes: Counter,
    pub(crate) queue: Depth,
    pub(crate) agents: Agents,
}

impl Metrics {
    /// Shows them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "flotilla_gateway_bytes",
            "Bytes on the agent port, TLS included",
            self.bytes.clone(),
        );
        registry.register("flotilla_gateway_messages", "Messages of sessions", self.messages.clone());
        registry.register(
            "flotilla_gateway_sessions",
            "Sessions of agents that began",
            self.sessions.clone(),
        );
        registry.register(
            "flotilla_gateway_session_ends",
            "Sessions that ended, by the code of gRPC; OK is the agent's own wish",
            self.ends.clone(),
        );
        from_the_start(&self.handshakes, ["done", "refused", "silent"].map(|result| Came { result }));
        registry.register(
            "flotilla_gateway_handshakes",
            "TLS handshakes on the agent port",
            self.handshakes.clone(),
        );
        let asked = ["enroll", "renew"].into_iter();
        from_the_start(
            &self.identities,
            asked.flat_map(|request| ["given", "refused"].map(|result| Asked { request, result })),
        );
        registry.register(
            "flotilla_gateway_identities",
            "Certificates that agents asked for, at joining and for renewal",
            self.identities.clone(),
        );
        self.register_reports(registry);
        registry.register_collector(Box::new(self.agents.clone()));
    }

    fn register_reports(&self, registry: &mut Registry) {
        registry.register(
            "flotilla_gateway_observations",
            "Reports of applications that agents sent",
            self.observations.clone(),
        );
        registry.register(
            "flotilla_drift_healed",
            "Objects that agents put back to what their release says",
            self.healed.clone(),
        );
        registry.register(
            "flotilla_gateway_agent_events",
            "What agents told of what happened in their clusters",
            self.events.clone(),
        );
        registry.register(
            "flotilla_gateway_agent_events_lost",
            "How much of that was lost while they were away",
            self.lost_events.clone(),
        );
        registry.register("flotilla_gateway_bundles", "Bundles that agents fetched", self.bundles.clone());
        registry.register(
            "flotilla_gateway_bundle_bytes",
            "Bytes of those, compressed",
            self.bundle_bytes.clone(),
        );
        registry.register(
            "flotilla_gateway_observer_queue_depth",
            "Reports of agents that wait to be kept",
            self.queue.clone(),
        );
    }

    pub(crate) fn ended(&self, code: &'static str) {
        self.ends.get_or_create(&Ended { code }).inc();
    }

    pub(crate) fn came(&self, result: &'static str) {
        self.handshakes.get_or_create(&Came { result }).inc();
    }

    pub(crate) fn asked(&self, request: &'static str, given: bool) {
        let result = if given { "given" } else { "refused" };
        self.identities.get_or_create(&Asked { request, result }).inc();
    }
}

/// Who belongs to the fleet, and who of them is there: looked at when it is read.
#[derive(Clone, Default)]
pub(crate) struct Agents {
    /// When the certificate of each cluster that has joined ends, if that is known.
    joined: Arc<Mutex<BTreeMap<ClusterName, Option<Timestamp>>>>,
    hub: Arc<OnceLock<Hub>>,
}

struct Hub {
    links: Links,
    authority: Arc<Authority>,
    certificate: Arc<HubCertificate>,
    since: Timestamp,
}

impl fmt::Debug for Agents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agents").finish_non_exhaustive()
    }
}

impl Agents {
    /// Looks at these from now on.
    pub(crate) fn follow(
        &self,
        links: Links,
        authority: Arc<Authority>,
        certificate: Arc<HubCertificate>,
        since: Timestamp,
    ) {
        let _first_one_stays = self.hub.set(Hub { links, authority, certificate, since });
    }

    /// Takes in a Cluster's status; `None` when the Cluster is no more.
    pub(crate) fn judge(&self, cluster: &ClusterName, status: Option<&Value>) {
        let identity = status.and_then(Identity::of).filter(|identity| identity.revoked.is_none());
        let mut joined = self.joined.lock();
        match identity {
            Some(identity) => drop(joined.insert(cluster.clone(), identity.expires_at)),
            None => drop(joined.remove(cluster)),
        }
    }

    /// Those who have joined and are not there, and since when, the longest first.
    fn lost(&self, hub: &Hub) -> Vec<(Timestamp, ClusterName)> {
        let joined = self.joined.lock();
        let mut lost: Vec<_> = hub.links.absent(joined.keys(), hub.since);
        lost.sort();
        lost
    }
}

impl Collector for Agents {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(hub) = self.hub.get() else { return Ok(()) };
        let (joined, earliest) = {
            let joined = self.joined.lock();
            (joined.len(), joined.values().flatten().min().copied())
        };
        let lost = self.lost(hub);
        let gauges = [
            ("flotilla_gateway_agents_connected", "Agents that are there", hub.links.connected()),
            ("flotilla_gateway_agents_joined", "Clusters that have joined and were not revoked", joined),
            ("flotilla_gateway_agents_lost", "Of those, the ones whose agent is not there", lost.len()),
        ];
        for (name, about, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, about, None, gauge.metric_type())?)?;
        }
        if !lost.is_empty() {
            let about = "Since when the agent of a cluster is away; of many the hundred longest";
            let name = "flotilla_cluster_lost_timestamp_seconds";
            let mut lost_since = encoder.encode_descriptor(name, about, None, MetricType::Gauge)?;
            for (since, cluster) in lost.iter().take(NAMED) {
                let label = [("cluster", cluster.as_str())];
                ConstGauge::new(since_epoch(*since)).encode(lost_since.encode_family(&label)?)?;
            }
        }
        let about = "When the authority's and the hub's own certificate end, and the first of an agent's";
        let name = "flotilla_certificate_expiry_timestamp_seconds";
        let mut ends = encoder.encode_descriptor(name, about, None, MetricType::Gauge)?;
        let certificates = [
            ("authority", Some(hub.authority.expires())),
            ("hub", Some(hub.certificate.expires())),
            ("agent", earliest),
        ];
        for (certificate, expires) in certificates {
            let Some(expires) = expires else { continue };
            let label = [("certificate", certificate)];
            ConstGauge::new(since_epoch(expires)).encode(ends.encode_family(&label)?)?;
        }
        Ok(())
    }
}

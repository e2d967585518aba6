//! The layout of the store's keys. Names of Kubernetes objects hold no `/`, so keys split safely.

use shared_model::{AppKey, ClusterName, Digest, Kind, ReleaseId, RolloutName, gvk};

/// Stands for the namespace of cluster-scoped kinds.
pub const NO_NAMESPACE: &str = "_";
/// Every object.
pub const OBJECTS: &str = "obj/";
/// Every status.
pub const STATUSES: &str = "st/";
/// Every observation.
pub const OBSERVATIONS: &str = "obs/";
/// Every assignment.
pub const ASSIGNMENTS: &str = "asg/";
/// Every release.
pub const RELEASES: &str = "release/";
/// Every member of every rollout.
pub const MEMBERS: &str = "rel/";
/// The planning lease: one hub plans (design §5).
pub const PLANNER_LEASE: &str = "lease/planner";
/// The head of every rollout: how far it is (shared/rollout `Head`).
pub const HEADS: &str = "head/";
/// What agents hold and the hub is to take as truth, or took, by cluster.
pub const ADOPTIONS: &str = "adopt/";
/// That this store is an older copy of itself.
pub const RESTORED: &str = "meta/restored";
/// What happened, in the order of time.
pub const HISTORY: &str = "hist/";
/// What each revision that somebody follows was last.
pub const SEEN: &str = "seen/";
/// Applications that were told to be degraded, by cluster.
pub const DEGRADED: &str = "degraded/";
/// Where the store's file is, so that a copy is known as one.
pub const HOME: &str = "meta/home";
/// The incarnation that new positions carry.
pub const INCARNATION: &str = "meta/incarnation";

fn resource(kind: Kind) -> String {
    let gvk = gvk(kind);
    if gvk.group.is_empty() { gvk.plural.to_owned() } else { format!("{}.{}", gvk.plural, gvk.group) }
}

fn namespace(kind: Kind, namespace: &str) -> &str {
    if gvk(kind).namespaced { namespace } else { NO_NAMESPACE }
}

/// All objects of a kind.
pub fn objects(kind: Kind) -> String {
    format!("{OBJECTS}{}/", resource(kind))
}

/// All objects of a kind in a namespace.
pub fn objects_in(kind: Kind, ns: &str) -> String {
    format!("{}{}/", objects(kind), namespace(kind, ns))
}

/// One object.
pub fn object(kind: Kind, ns: &str, name: &str) -> String {
    format!("{}{name}", objects_in(kind, ns))
}

/// All statuses of a kind.
pub fn statuses(kind: Kind) -> String {
    format!("{STATUSES}{}/", resource(kind))
}

/// The status of one object.
pub fn status(kind: Kind, ns: &str, name: &str) -> String {
    format!("{}{}/{name}", statuses(kind), namespace(kind, ns))
}

/// All observations of a cluster.
pub fn observations(cluster: &ClusterName) -> String {
    format!("{OBSERVATIONS}{cluster}/")
}

/// The observation of an application on a cluster.
pub fn observation(cluster: &ClusterName, application: &AppKey) -> String {
    format!("{}{application}", observations(cluster))
}

/// All assignments of a cluster.
pub fn assignments(cluster: &ClusterName) -> String {
    format!("{ASSIGNMENTS}{cluster}/")
}

/// What a cluster is to run of an application.
pub fn assignment(cluster: &ClusterName, application: &AppKey) -> String {
    format!("{}{application}", assignments(cluster))
}

/// What a cluster's agent holds and the hub is to take as truth, or took.
pub fn adoption(cluster: &ClusterName) -> String {
    format!("{ADOPTIONS}{cluster}")
}

/// That an application of a cluster was told to be degraded.
pub fn degraded(cluster: &ClusterName, application: &AppKey) -> String {
    format!("{DEGRADED}{cluster}/{application}")
}

/// What a cluster's agent told of what happened there, bounded.
pub fn events(cluster: &ClusterName) -> String {
    format!("events/{cluster}")
}

/// The content of a release.
pub fn release(release: &ReleaseId) -> String {
    format!("{RELEASES}{}", release.0.hex())
}

/// The head of one rollout.
pub fn head(ns: &str, rollout: &RolloutName) -> String {
    format!("{HEADS}{ns}/{rollout}")
}

/// What the gates of a rollout waited for (shared/trace `Waited`).
pub fn waits(ns: &str, rollout: &RolloutName) -> String {
    format!("waits/{ns}/{rollout}")
}

/// All members of a rollout.
pub fn members(ns: &str, rollout: &RolloutName) -> String {
    format!("{MEMBERS}{ns}/{rollout}/")
}

/// One member of a rollout.
pub fn member(ns: &str, rollout: &RolloutName, application: &AppKey) -> String {
    format!("{}{application}", members(ns, rollout))
}

/// The file name of a bundle.
pub fn bundle_file(digest: &Digest) -> String {
    digest.hex()
}

/// What a key of [`OBJECTS`] or [`STATUSES`] names: kind, namespace (empty for cluster-scoped kinds), name.
pub fn parse_object(key: &str) -> Option<(Kind, &str, &str)> {
    let rest = key.strip_prefix(OBJECTS).or_else(|| key.strip_prefix(STATUSES))?;
    let (resource, rest) = rest.split_once('/')?;
    let (ns, name) = rest.split_once('/')?;
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    let kind = Kind::of_plural(group, plural)?;
    Some((kind, if ns == NO_NAMESPACE { "" } else { ns }, name))
}

/// What a key of [`OBSERVATIONS`], [`ASSIGNMENTS`] or [`DEGRADED`] names.
pub fn parse_on_cluster(key: &str) -> Option<(ClusterName, AppKey)> {
    let rest = key
        .strip_prefix(OBSERVATIONS)
        .or_else(|| key.strip_prefix(ASSIGNMENTS))
        .or_else(|| key.strip_prefix(DEGRADED))?;
    let (cluster, application) = rest.split_once('/')?;
    Some((ClusterName::new(cluster), application.parse().ok()?))
}

/// What a key of [`RELEASES`] names.
pub fn parse_release(key: &str) -> Option<ReleaseId> {
    Some(ReleaseId(format!("sha256:{}", key.strip_prefix(RELEASES)?).parse().ok()?))
}

/// What a key of [`HEADS`] names: the rollout's namespace and name.
pub fn parse_head(key: &str) -> Option<(&str, RolloutName)> {
    let (ns, rollout) = key.strip_prefix(HEADS)?.split_once('/')?;
    Some((ns, RolloutName::new(rollout)))
}

/// What a key of [`MEMBERS`] names: the rollout's namespace, the rollout, the application.
pub fn parse_member(key: &str) -> Option<(&str, RolloutName, AppKey)> {
    let rest = key.strip_prefix(MEMBERS)?;
    let (ns, rest) = rest.split_once('/')?;
    let (rollout, application) = rest.split_once('/')?;
    Some((ns, RolloutName::new(rollout), application.parse().ok()?))
}

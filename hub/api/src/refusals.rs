//! What the hub says where people take it for a cluster.
//!
//! The hub's API is that of Kubernetes, and there are no Pods behind it: whoever asks it for one is told where they are. The
//! codes are Kubernetes' own (404), so that clients that try many things go on.

use serde_json::{Value, json};
use shared_model::{Kind, gvk};
use shared_objects::Status;

/// What clusters have and the hub has not, that people ask for first.
const OF_CLUSTERS: [&str; 21] = [
    "pods",
    "nodes",
    "services",
    "endpoints",
    "persistentvolumes",
    "persistentvolumeclaims",
    "serviceaccounts",
    "replicationcontrollers",
    "resourcequotas",
    "limitranges",
    "deployments",
    "replicasets",
    "statefulsets",
    "daemonsets",
    "controllerrevisions",
    "jobs",
    "cronjobs",
    "ingresses",
    "networkpolicies",
    "horizontalpodautoscalers",
    "leases",
];
/// What is asked of a running container.
const OF_PODS: [&str; 9] =
    ["exec", "attach", "portforward", "proxy", "log", "ephemeralcontainers", "eviction", "binding", "resize"];

/// Where CustomResourceDefinitions are listed: kubectl looks there when it does not know a kind, and gives up on an error. The
/// hub's kinds have none.
pub(crate) const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// The list of them.
pub(crate) fn definitions() -> Value {
    json!({
        "kind": "CustomResourceDefinitionList",
        "apiVersion": "apiextensions.k8s.io/v1",
        "metadata": {"resourceVersion": "1"},
        "items": [],
    })
}

/// The refusal of a path that is not served.
pub(crate) fn unserved(path: &str) -> Status {
    let Some((plural, subresource)) = of_clusters(path) else { return Status::no_such_path() };
    let why = match subresource {
        Some(subresource) => no_pods(subresource),
        None => format!(
            "the hub has no {plural}, its clusters have: ask one of them, as in `kubectl --context CLUSTER get {plural}`; \
             `kubectl get applications -A` tells which cluster runs what"
        ),
    };
    refused(why)
}

/// The refusal of something below an object of a kind.
pub(crate) fn below(kind: Kind, subresource: &str) -> Status {
    let plural = gvk(kind).plural;
    if OF_PODS.contains(&subresource) {
        return refused(no_pods(subresource));
    }
    match subresource {
        "scale" => refused(format!(
            "{plural} have no scale: how many Pods run is said by what an Application deploys, in Git"
        )),
        _ => Status::no_such_path(),
    }
}

fn no_pods(subresource: &str) -> String {
    let command = match subresource {
        "portforward" => "port-forward",
        "log" => "logs",
        "exec" | "attach" | "proxy" => subresource,
        _ => "get pods",
    };
    format!(
        "the hub runs no Pods, so there is no {subresource} here: ask the cluster that runs them, as in \
         `kubectl --context CLUSTER {command}`; `kubectl get applications -A` tells which one that is"
    )
}

/// What a path asks for that a cluster would have: the plural, and what of it.
fn of_clusters(path: &str) -> Option<(&'static str, Option<&'static str>)> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (["api", _, rest @ ..] | ["apis", _, _, rest @ ..]) = &parts[..] else { return None };
    let rest = match rest {
        ["namespaces", _, rest @ ..] if !rest.is_empty() => rest,
        rest => rest,
    };
    let known =
        |words: &'static [&'static str], word: &str| words.iter().find(|known| **known == word).copied();
    let plural = known(&OF_CLUSTERS, rest.first()?)?;
    Some((plural, rest.get(2).and_then(|subresource| known(&OF_PODS, subresource))))
}

fn refused(why: String) -> Status {
    let mut status = Status::no_such_path();
    status.message = why;
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_the_hub_for_a_cluster_is_told_where_to_ask() {
        let check = |path: &str, expect: &str| {
            let status = unserved(path);
            assert_eq!((status.code, status.reason), (404, "NotFound"));
            assert!(status.message.contains(expect), "{path}: {}", status.message);
        };
        check("/api/v1/pods", "kubectl --context CLUSTER get pods");
        check("/api/v1/namespaces/a/pods/b/exec", "`kubectl --context CLUSTER exec`");
        check("/api/v1/namespaces/a/pods/b/portforward", "`kubectl --context CLUSTER port-forward`");
        check("/api/v1/namespaces/a/pods/b/log", "`kubectl --context CLUSTER logs`");
        check("/api/v1/namespaces/a/services/b/proxy/some/where", "the hub runs no Pods");
        check("/apis/apps/v1/namespaces/a/deployments/b/scale", "the hub has no deployments");
        check("/api/v1/nodes", "the hub has no nodes");
        check("/api/v1/none", "the server could not find the requested resource");
        check("/else/where", "the server could not find the requested resource");
    }

    #[test]
    fn what_no_object_of_the_hub_has() {
        let check = |subresource: &str, expect: &str| {
            let said = below(Kind::Application, subresource).message;
            assert!(said.contains(expect), "{subresource}: {said}");
        };
        check("exec", "the hub runs no Pods");
        check("scale", "applications have no scale");
        check("else", "could not find");
    }
}

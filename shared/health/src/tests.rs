#![allow(clippy::needless_pass_by_value, reason = "json! literals read best in place")]

use super::*;
use serde_json::json;

/// Expects `STATUS message` (or `none`) of the object.
#[track_caller]
fn check(object: Value, expect: &str) {
    let got = match health(&object) {
        None => "none".to_owned(),
        Some(health) => format!("{} {}", health.status, health.message).trim_end().to_owned(),
    };
    assert_eq!(got, expect, "{object}");
}

fn object(api_version: &str, kind: &str, spec: Value, status: Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind,
           "metadata": {"name": "x", "namespace": "shop", "generation": 2}, "spec": spec, "status": status})
}

fn deployment(spec: Value, status: Value) -> Value {
    object("apps/v1", "Deployment", spec, status)
}

#[test]
fn deployments() {
    let done = json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3});
    check(deployment(json!({"replicas": 3}), done.clone()), "Healthy");
    check(deployment(json!({"replicas": 3, "paused": true}), done), "Suspended is paused");
    check(
        deployment(json!({"replicas": 3}), json!({})),
        "Progressing waits for the controller to see the newest generation",
    );
    check(
        deployment(
            json!({"replicas": 3}),
            json!({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3}),
        ),
        "Progressing waits for the controller to see the newest generation",
    );
    check(
        deployment(
            json!({"replicas": 3}),
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1}),
        ),
        "Progressing 1 of 3 replicas updated",
    );
    check(
        deployment(
            json!({"replicas": 3}),
            json!({"observedGeneration": 2, "replicas": 4, "updatedReplicas": 3}),
        ),
        "Progressing 1 old replicas still to end",
    );
    check(
        deployment(
            json!({"replicas": 3}),
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 2}),
        ),
        "Progressing 2 of 3 updated replicas available",
    );
    // The API server fills the number of replicas in.
    check(deployment(json!({}), json!({"observedGeneration": 2})), "Healthy");
    check(
        deployment(
            json!({"replicas": 3}),
            json!({"observedGeneration": 2, "updatedReplicas": 1, "conditions": [
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                 "message": "ReplicaSet \"x-1\" has timed out progressing."}]}),
        ),
        "Degraded missed its progress deadline: ReplicaSet \"x-1\" has timed out progressing.",
    );
}

#[test]
fn stateful_sets() {
    let set = |spec: Value, status: Value| object("apps/v1", "StatefulSet", spec, status);
    let ready = json!({"observedGeneration": 2, "readyReplicas": 3, "updatedReplicas": 1,
                       "currentRevision": "a", "updateRevision": "b"});
    check(
        set(json!({"replicas": 3}), json!({})),
        "Progressing waits for the controller to see the newest generation",
    );
    check(set(json!({"replicas": 4}), ready.clone()), "Progressing 3 of 4 pods ready");
    check(set(json!({"replicas": 3}), ready.clone()), "Progressing 1 of 3 pods updated");
    check(
        set(json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}}), ready.clone()),
        "Healthy 3 pods ready",
    );
    let partition = |held: i64| json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": held}}});
    check(set(partition(2), ready.clone()), "Healthy 1 pods above the partition updated");
    check(set(partition(1), ready.clone()), "Progressing 1 of 2 pods above the partition updated");
    check(set(partition(0), ready), "Progressing 1 of 3 pods updated");
    check(
        set(
            json!({"replicas": 3}),
            json!({"observedGeneration": 2, "readyReplicas": 3, "updatedReplicas": 3,
                   "currentRevision": "b", "updateRevision": "b"}),
        ),
        "Healthy",
    );
}

#[test]
fn daemon_sets_and_replica_sets() {
    let set = |spec: Value, status: Value| object("apps/v1", "DaemonSet", spec, status);
    let counts = |updated: i64, available: i64| {
        json!({"observedGeneration": 2, "desiredNumberScheduled": 5,
               "updatedNumberScheduled": updated, "numberAvailable": available})
    };
    check(set(json!({}), counts(4, 5)), "Progressing 4 of 5 pods updated");
    check(set(json!({}), counts(5, 4)), "Progressing 4 of 5 pods available");
    check(set(json!({}), counts(5, 5)), "Healthy");
    check(
        set(json!({"updateStrategy": {"type": "OnDelete"}}), counts(0, 5)),
        "Healthy pods are updated when they are deleted",
    );

    let set = |status: Value| object("apps/v1", "ReplicaSet", json!({"replicas": 2}), status);
    check(
        set(json!({"observedGeneration": 2, "availableReplicas": 1})),
        "Progressing 1 of 2 replicas available",
    );
    check(set(json!({"observedGeneration": 2, "availableReplicas": 2})), "Healthy");
    check(
        set(json!({"observedGeneration": 2, "conditions": [
            {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]})),
        "Degraded exceeded quota",
    );
}

#[test]
fn jobs() {
    let job = |condition: &str, status: &str, message: &str| {
        object(
            "batch/v1",
            "Job",
            json!({}),
            json!({"conditions": [
            {"type": condition, "status": status, "reason": "R", "message": message}]}),
        )
    };
    check(job("Complete", "True", ""), "Healthy");
    check(
        job("Failed", "True", "Job has reached the specified backoff limit"),
        "Degraded Job has reached the specified backoff limit",
    );
    check(job("Suspended", "True", "Job suspended"), "Suspended Job suspended");
    check(job("Suspended", "False", "Job resumed"), "Progressing the job runs");
    check(object("batch/v1", "Job", json!({}), json!({"active": 1})), "Progressing the job runs");
}

#[test]
fn pods() {
    let pod = |restart: &str, status: Value| object("v1", "Pod", json!({"restartPolicy": restart}), status);
    check(
        pod("Always", json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})),
        "Healthy",
    );
    check(pod("Always", json!({"phase": "Running"})), "Progressing is not ready");
    check(pod("Never", json!({"phase": "Running"})), "Progressing runs to its end");
    check(pod("Never", json!({"phase": "Succeeded"})), "Healthy");
    check(pod("Always", json!({"phase": "Pending"})), "Progressing");
    check(pod("Always", json!({})), "Unknown");
    let back_off = json!({"phase": "Pending", "containerStatuses": [{"name": "web", "state":
        {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"shop/web:bad\""}}}]});
    check(
        pod("Always", back_off.clone()),
        "Degraded container web: ImagePullBackOff: Back-off pulling image \"shop/web:bad\"",
    );
    check(pod("OnFailure", back_off), "Progressing");
    check(
        pod(
            "Always",
            json!({"phase": "Running", "containerStatuses": [
            {"name": "web", "lastState": {"terminated": {"exitCode": 1}}}]}),
        ),
        "Degraded container web ended and is not ready",
    );
    check(
        pod(
            "Never",
            json!({"phase": "Failed", "containerStatuses": [
            {"name": "migrate", "state": {"terminated": {"exitCode": 2, "reason": "Error"}}}]}),
        ),
        "Degraded container migrate ended with code 2",
    );
    check(
        pod(
            "Never",
            json!({"phase": "Failed", "containerStatuses": [
            {"name": "migrate", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}),
        ),
        "Degraded container migrate ran out of memory (OOMKilled)",
    );
}

#[test]
fn addresses_and_volumes() {
    let address = json!({"loadBalancer": {"ingress": [{"ip": "10.0.0.7"}]}});
    let service = |kind: &str, status: Value| object("v1", "Service", json!({"type": kind}), status);
    check(service("ClusterIP", json!({"loadBalancer": {}})), "Healthy");
    check(
        service("LoadBalancer", json!({"loadBalancer": {}})),
        "Progressing waits for a load balancer address",
    );
    check(service("LoadBalancer", address.clone()), "Healthy");
    check(object("networking.k8s.io/v1", "Ingress", json!({}), address), "Healthy");
    check(
        object("networking.k8s.io/v1", "Ingress", json!({}), json!({"loadBalancer": {}})),
        "Progressing waits for a load balancer address",
    );
    let claim = |phase: &str| object("v1", "PersistentVolumeClaim", json!({}), json!({"phase": phase}));
    check(claim("Bound"), "Healthy");
    check(claim("Pending"), "Progressing waits for a volume");
    check(claim("Lost"), "Degraded its volume is lost");
}

#[test]
fn autoscalers_and_api_machinery() {
    let conditions = |list: Value| json!({"conditions": list});
    let scaler =
        |list: Value| object("autoscaling/v2", "HorizontalPodAutoscaler", json!({}), conditions(list));
    check(scaler(json!([])), "Progressing waits to autoscale");
    check(
        scaler(json!([{"type": "AbleToScale", "status": "True", "reason": "SucceededGetScale"}])),
        "Healthy",
    );
    let able = json!({"type": "AbleToScale", "status": "True", "reason": "SucceededGetScale"});
    let blind = json!({"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric",
                       "message": "no metrics known"});
    check(scaler(json!([able, blind])), "Healthy");
    check(scaler(json!([blind, able])), "Degraded no metrics known");
    let old = |text: &str| {
        let mut scaler = object("autoscaling/v1", "HorizontalPodAutoscaler", json!({}), json!({}));
        scaler["metadata"]["annotations"] = json!({"autoscaling.alpha.kubernetes.io/conditions": text});
        scaler
    };
    check(old(r#"[{"type": "AbleToScale", "status": "True"}]"#), "Healthy");
    check(old("[]"), "Progressing waits to autoscale");
    check(old("["), "Unknown its conditions cannot be read: EOF while parsing a list at line 1 column 1");
    let service =
        |list: Value| object("apiregistration.k8s.io/v1", "APIService", json!({}), conditions(list));
    check(
        service(json!([{"type": "Available", "status": "True", "message": "all checks passed"}])),
        "Healthy all checks passed",
    );
    check(
        service(json!([{"type": "Available", "status": "False", "reason": "MissingEndpoints"}])),
        "Progressing Available: MissingEndpoints",
    );
    let definition = |list: Value| {
        object("apiextensions.k8s.io/v1", "CustomResourceDefinition", json!({}), conditions(list))
    };
    check(definition(json!([])), "Progressing waits to be established");
    check(definition(json!([{"type": "Established", "status": "True"}])), "Healthy");
    check(
        definition(json!([{"type": "NamesAccepted", "status": "False", "message": "`widgets` is taken"}])),
        "Degraded `widgets` is taken",
    );
}

#[test]
fn custom_resources_by_their_conditions() {
    let custom = |status: Value| object("example.com/v1", "Database", json!({}), status);
    let one = |kind: &str, status: &str, reason: &str| {
        object(
            "example.com/v1",
            "Database",
            json!({}),
            json!({"observedGeneration": 2, "conditions": [
            {"type": kind, "status": status, "reason": reason}]}),
        )
    };
    check(one("Ready", "True", "Up"), "Healthy");
    check(one("Ready", "False", "Creating"), "Progressing Ready: Creating");
    check(one("Ready", "False", "CreateFailed"), "Degraded Ready: CreateFailed");
    check(one("Ready", "Unknown", ""), "Progressing Ready is Unknown");
    check(one("Stalled", "True", "QuotaExceeded"), "Degraded Stalled: QuotaExceeded");
    check(one("Reconciling", "True", "Upgrading"), "Progressing Reconciling: Upgrading");
    check(
        one("Available", "False", "MinimumReplicasUnavailable"),
        "Progressing Available: MinimumReplicasUnavailable",
    );
    check(one("Synced", "False", "ReconcileError"), "Degraded Synced: ReconcileError");
    check(one("SomethingElse", "False", "Why"), "Healthy");
    check(
        custom(json!({"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]})),
        "Progressing waits for the controller to see the newest generation",
    );
    check(
        custom(json!({"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]})),
        "Progressing waits for its condition to follow the newest generation",
    );
    check(
        custom(
            json!({"conditions": [{"type": "Progressing", "status": "True"}, {"type": "Available", "status": "True"}]}),
        ),
        "Healthy",
    );
    // A number that was never written says nothing, and keeps nothing waiting.
    check(
        custom(json!({"observedGeneration": 0, "conditions": [{"type": "Ready", "status": "True"}]})),
        "Healthy",
    );
    check(custom(json!({"observedGeneration": 0})), "none");
    check(custom(json!({"observedGeneration": -1})), "none");
    check(custom(json!({"observedGeneration": 2})), "Healthy");
    // Some controllers note what succeeded only: the failure of the newest generation counts all the same.
    let condition = |seen: i64, kind: &str, status: &str, reason: &str| {
        json!({"observedGeneration": 1, "conditions":
        [{"type": kind, "status": status, "reason": reason, "observedGeneration": seen}]})
    };
    check(custom(condition(2, "Ready", "False", "BuildFailed")), "Degraded Ready: BuildFailed");
    check(
        custom(condition(1, "Ready", "False", "BuildFailed")),
        "Progressing waits for the controller to see the newest generation",
    );
    check(custom(condition(2, "Stalled", "True", "Quota")), "Degraded Stalled: Quota");
    let not_ready =
        |reason: &str| json!({"conditions": [{"type": "NotReady", "status": "True", "reason": reason}]});
    check(custom(not_ready("Creating")), "Progressing NotReady: Creating");
    check(custom(not_ready("InvalidSpec")), "Degraded NotReady: InvalidSpec");
    check(custom(json!({})), "none");
    check(custom(json!({"phase": "Running"})), "none");
}

#[test]
fn kinds_without_health_and_objects_on_their_way_out() {
    check(object("v1", "ConfigMap", json!({}), json!({})), "none");
    check(object("rbac.authorization.k8s.io/v1", "Role", json!({}), json!({})), "none");
    check(json!({"apiVersion": 7, "kind": []}), "none");
    check(json!(null), "none");
    let mut leaving = deployment(json!({"replicas": 0}), json!({"observedGeneration": 2}));
    leaving["metadata"]["deletionTimestamp"] = json!("2026-08-22T10:00:00Z");
    check(leaving, "Progressing is being deleted");
}

#[test]
fn generations_and_the_worst_of_several() {
    assert!(observed_generation_current(&deployment(json!({}), json!({"observedGeneration": 2}))));
    assert!(!observed_generation_current(&deployment(json!({}), json!({"observedGeneration": 1}))));
    assert!(observed_generation_current(&json!({"kind": "ConfigMap"})));
    assert!(observed_generation_current(&deployment(json!({}), json!({"observedGeneration": 0}))));

    let all = [
        Health::new(HealthStatus::Healthy, ""),
        Health::new(HealthStatus::Degraded, "first"),
        Health::new(HealthStatus::Progressing, "x"),
        Health::new(HealthStatus::Degraded, "second"),
    ];
    assert_eq!(worst(all.iter()), Health::new(HealthStatus::Degraded, "first"));
    assert_eq!(worst([].iter()).status, HealthStatus::Healthy);
}

//! A machine beside a model cluster, in virtual time; what it does is a log that reads.

use super::cluster::Cluster;
use crate::{Action, Assignment, Event, Machine, Method, Propagation, Report};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared_manifest::{Bundle, Manifest, ObjectId};
use shared_model::{AppKey, Position, ReleaseSpec};
use std::sync::Arc;

pub(super) const START: Timestamp = Timestamp::UNIX_EPOCH;

#[derive(Debug)]
pub(super) struct Lab {
    pub(super) machine: Machine,
    pub(super) cluster: Cluster,
    pub(super) now: Timestamp,
    pub(super) log: Vec<String>,
    pub(super) saved: Vec<ObjectId>,
}

pub(super) fn app() -> AppKey {
    AppKey::new("argocd", "orders")
}

pub(super) fn spec() -> ReleaseSpec {
    let empty = Bundle::new(Vec::new()).0;
    ReleaseSpec {
        application: app(),
        bundle: empty.digest(),
        bundle_bytes: 0,
        namespace: "shop".to_owned(),
        project: String::new(),
        sync_policy: Default::default(),
        ignore_differences: Vec::new(),
        self_heal: true,
        prune: true,
        revisions: Vec::new(),
        versions: Vec::new(),
    }
}

/// The assignment of these objects at generation `generation`.
pub(super) fn assignment(generation: u64, spec: ReleaseSpec, objects: &[Value]) -> Arc<Assignment> {
    let manifests = objects.iter().map(|object| Manifest::new(object.clone()).unwrap()).collect();
    let (bundle, _) = Bundle::new(manifests);
    let spec = ReleaseSpec { bundle: bundle.digest(), ..spec };
    Arc::new(Assignment::new(Position { incarnation: 1, generation }, spec, &bundle))
}

pub(super) fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}})
}

pub(super) fn deployment(name: &str, image: &str, replicas: u64) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
           "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "web", "image": image}]}}}})
}

pub(super) fn job(name: &str, command: &str) -> Value {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
           "spec": {"template": {"spec": {"containers": [{"name": "main", "command": [command]}]}}}})
}

/// With annotations `argocd.argoproj.io/KEY: VALUE`.
pub(super) fn annotated(mut object: Value, annotations: &[(&str, &str)]) -> Value {
    for (key, value) in annotations {
        object["metadata"]["annotations"][format!("argocd.argoproj.io/{key}")] = json!(value);
    }
    object
}

/// `Kind/name`, in namespace shop.
pub(super) fn id(text: &str) -> ObjectId {
    let (kind, name) = text.split_once('/').unwrap();
    let group = match kind {
        "Deployment" => "apps",
        "Job" => "batch",
        _ => "",
    };
    let namespace = if kind == "Namespace" { "" } else { "shop" };
    ObjectId { group: group.into(), kind: kind.into(), namespace: namespace.into(), name: name.into() }
}

impl Lab {
    pub(super) fn new(assignment: Arc<Assignment>) -> Self {
        Self::with(Cluster::default(), |now| Machine::new(assignment, Some(Vec::new()), now))
    }

    pub(super) fn with(cluster: Cluster, machine: impl FnOnce(Timestamp) -> Machine) -> Self {
        Self { machine: machine(START), cluster, now: START, log: Vec::new(), saved: Vec::new() }
    }

    /// Performs every action at once and answers it, until there is none.
    pub(super) fn run(&mut self) -> &mut Self {
        while let Some(action) = self.machine.poll_action() {
            assert!(self.log.len() < 10_000, "a hot loop: {:?}", &self.log[9_900..]);
            if let Some(event) = self.perform(action) {
                self.machine.handle(event, self.now);
            }
        }
        self
    }

    /// Performs one action; the answer.
    pub(super) fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Apply { id, object, how } => {
                let method = if how.method == Method::Replace { "replace" } else { "apply" };
                let extra = if how.recreate { ", recreate" } else { "" };
                let extra = if how.validate { extra } else { ", unvalidated" };
                let result = self.cluster.apply(&id, &object, how);
                let failed = result.as_ref().err().map_or_else(String::new, |failure| format!(": {failure}"));
                self.log.push(format!("{method} {id}{extra}{failed}"));
                Some(Event::Applied(id, result))
            }
            Action::CreateNamespace { id, object } => {
                self.log.push(format!("create {id}"));
                let how = Write { method: Method::Apply, recreate: false, validate: true };
                let result = self.cluster.apply(&id, &object, how);
                Some(Event::Applied(id, result))
            }
            Action::Delete { id, uid, propagation } => {
                let result = self.cluster.delete(&id, uid.as_deref());
                let failed = result.as_ref().err().map_or_else(String::new, |failure| format!(": {failure}"));
                let how = match propagation {
                    Propagation::Foreground => "",
                    Propagation::Background => ", background",
                    Propagation::Orphan => ", orphan",
                };
                self.log.push(format!("delete {id}{how}{failed}"));
                Some(Event::Deleted(id, result))
            }
            Action::Get(id) => {
                let object = self.cluster.get(&id);
                Some(Event::Live(id, object))
            }
            Action::SaveInventory(ids) => {
                self.saved = ids;
                None
            }
            Action::Watch(_) | Action::ReportChanged => None,
        }
    }

    pub(super) fn handle(&mut self, event: Event) -> &mut Self {
        self.machine.handle(event, self.now);
        self.run()
    }

    /// Makes a workload ready (or fail) and tells of it.
    pub(super) fn settle(&mut self, name: &str) -> &mut Self {
        self.cluster.settle(&id(name));
        self.tell(name)
    }

    /// Changes an object as a person does and tells of it.
    pub(super) fn edit(&mut self, name: &str, edit: impl FnOnce(&mut Value)) -> &mut Self {
        self.cluster.edit(&id(name), edit);
        self.tell(name)
    }

    /// Deletes an object as a person does and tells of it.
    pub(super) fn lose(&mut self, name: &str) -> &mut Self {
        self.cluster.objects.remove(&id(name));
        self.tell(name)
    }

    /// A watch event of the object as it is.
    pub(super) fn tell(&mut self, name: &str) -> &mut Self {
        let object = self.cluster.get(&id(name));
        self.handle(Event::Live(id(name), object))
    }

    /// Goes to the time the machine asked for, and says how long that was.
    pub(super) fn wake(&mut self) -> &mut Self {
        let (due, why) = self.machine.poll_timeout().unwrap();
        let wait = due.duration_since(self.now);
        self.log.push(format!("after {}s: {why}", wait.as_secs()));
        self.now = due;
        self.handle(Event::Tick)
    }

    pub(super) fn later(&mut self, seconds: i64) -> &mut Self {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        self.handle(Event::Tick)
    }

    pub(super) fn report(&self) -> Report {
        self.machine.report()
    }

    /// What was done since the last look, and how it stands.
    pub(super) fn told(&mut self) -> String {
        let report = self.report();
        let mut lines = std::mem::take(&mut self.log);
        let message =
            if report.message.is_empty() { String::new() } else { format!(" ({})", report.message) };
        let health = format!("{} {}", report.health.status, report.health.message);
        lines.push(format!("= {:?}{message}, {}, {}", report.phase, report.sync, health.trim_end()));
        lines.extend(report.drift);
        lines.join("\n") + "\n"
    }
}

use crate::Write;

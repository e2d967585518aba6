//! A release as a machine holds it: its objects complete with namespace and marks, once, in the order of a sync.

use crate::options::Options;
use crate::scope;
use serde_json::Value;
use shared_manifest::order::{self, DeletePolicy, Phase, Role};
use shared_manifest::{Bundle, Manifest, ObjectId, tracking};
use shared_model::{Position, ReleaseId, ReleaseSpec};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the cluster is to run from `position` on.
///
/// Built once per assignment; afterwards the bundle is of no use to the machine and need not be kept in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The place in the history of (cluster, application).
    pub position: Position,
    /// The identity of `spec`.
    pub release: ReleaseId,
    /// The release.
    pub spec: ReleaseSpec,
    /// By id.
    pub(crate) objects: Vec<Desired>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) options: Options,
    pub(crate) unsupported: Vec<String>,
}

/// One object of a release.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Desired {
    pub(crate) id: ObjectId,
    /// With namespace and marks.
    pub(crate) object: Arc<Value>,
    /// The policies by which it is deleted, for a hook; `None` for a resource.
    pub(crate) hook: Option<BTreeSet<DeletePolicy>>,
    /// The object's own options over the application's.
    pub(crate) options: Options,
    /// Its health is not counted.
    pub(crate) ignore_health: bool,
}

impl Desired {
    /// Whether it is part of the application: applied, compared, healed.
    pub(crate) fn is_resource(&self) -> bool {
        self.hook.is_none() && !self.id.name.ends_with('*')
    }
}

/// One object in one wave of one phase, as an index into the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) phase: Phase,
    pub(crate) wave: i64,
    pub(crate) object: usize,
}

const IGNORE_HEALTH: &str = "argocd.argoproj.io/ignore-healthcheck";

impl Assignment {
    /// Completes the objects of `bundle`: the release's namespace where a namespaced kind names none, and the
    /// marks of the application.
    pub fn new(position: Position, spec: ReleaseSpec, bundle: &Bundle) -> Self {
        let definitions = scope::of_definitions(bundle.objects());
        let app = &spec.application;
        let complete = |manifest: &Manifest| {
            let manifest = match manifest.namespace() {
                None if !spec.namespace.is_empty() && !definitions.is_cluster_scoped(manifest) => {
                    manifest.clone().in_namespace(&spec.namespace)
                }
                _ => manifest.clone(),
            };
            let stamped = tracking::stamp(&manifest, &app.namespace, &app.name);
            Manifest::new(stamped).expect("a manifest with marks is a manifest")
        };
        let mut manifests: Vec<Manifest> = bundle.objects().iter().map(complete).collect();
        manifests.sort_by_cached_key(Manifest::id);
        let options = Options::of(&spec.sync_policy);
        let mut unsupported = crate::options::unsupported(&spec, &manifests);
        manifests.dedup_by(|later, earlier| {
            let twice = later.generate_name().is_none() && later.id() == earlier.id();
            if twice {
                unsupported.push(format!("{}: is in the release twice, the first counts", later.id()));
            }
            twice
        });
        let mut tasks = Vec::new();
        for step in order::steps(&manifests) {
            let index = manifests.iter().position(|manifest| std::ptr::eq(manifest, step.manifest));
            let object = index.expect("a step is of one of the manifests");
            if !step.hook && step.manifest.generate_name().is_some() {
                unsupported.push(format!("{}: generateName is acted on for hooks only", step.manifest.id()));
                continue;
            }
            tasks.push(Task { phase: step.phase, wave: step.wave, object });
        }
        let objects = manifests
            .into_iter()
            .map(|manifest| Desired {
                id: manifest.id(),
                hook: match order::role(&manifest) {
                    Role::Resource => None,
                    Role::Hook(_) | Role::Skip | Role::Unknown(_) => Some(order::delete_policies(&manifest)),
                },
                options: options.with(&manifest),
                ignore_health: manifest.annotation(IGNORE_HEALTH) == Some("true"),
                object: Arc::new(manifest.into_value()),
            })
            .collect();
        Self { position, release: spec.id(), spec, objects, tasks, options, unsupported }
    }

    /// What the release says of an object.
    pub(crate) fn desired(&self, id: &ObjectId) -> Option<&Desired> {
        let index = self.objects.binary_search_by(|desired| desired.id.cmp(id)).ok()?;
        self.objects.get(index)
    }

    /// The objects that are compared and healed.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Desired> {
        self.objects.iter().filter(|desired| desired.is_resource())
    }
}

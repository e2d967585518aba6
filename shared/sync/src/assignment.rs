//! A release as a machine holds it: its objects complete with namespace and marks, once, in the order of a sync.

use crate::options::Options;
use crate::scope;
use crate::text::Text;
use serde_json::Value;
use shared_manifest::order::{self, DeletePolicy, Phase, Role};
use shared_manifest::{Bundle, Manifest, ObjectId, tracking};
use shared_model::{Position, ReleaseId, ReleaseSpec};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Where the release defines kinds, by group and kind.
    definitions: BTreeMap<(String, String), ObjectId>,
}

/// One object of a release.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Desired {
    pub(crate) id: ObjectId,
    /// With namespace and marks.
    pub(crate) object: Text,
    /// `v1` of `apps/v1`.
    pub(crate) version: String,
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

/// What is left of an object while it is decided how to treat it.
const HEAD: [&str; 3] = ["apiVersion", "kind", "metadata"];
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
            let mut stamped = tracking::stamp(&manifest, &app.namespace, &app.name);
            let text = Text::of(&stamped);
            // How an object is treated is said in its metadata.
            if let Some(fields) = stamped.as_object_mut() {
                fields.retain(|field, _| HEAD.contains(&field.as_str()));
            }
            (Manifest::new(stamped).expect("a manifest with marks is a manifest"), text)
        };
        let mut objects: Vec<(Manifest, Text)> = bundle.objects().iter().map(complete).collect();
        objects.sort_by_cached_key(|(head, _)| head.id());
        let mut repeated = Vec::new();
        objects.dedup_by(|(later, _), (earlier, _)| {
            let twice = later.generate_name().is_none() && later.id() == earlier.id();
            if twice {
                repeated.push(format!("{}: is in the release twice, the first counts", later.id()));
            }
            twice
        });
        let (heads, texts): (Vec<Manifest>, Vec<Text>) = objects.into_iter().unzip();
        let options = Options::of(&spec.sync_policy);
        let mut unsupported = crate::options::unsupported(&spec, &heads);
        unsupported.append(&mut repeated);
        let mut tasks = Vec::new();
        for step in order::steps(&heads) {
            // Neighbours in memory, so that addresses grow; ids may repeat where names are generated.
            let index = heads.binary_search_by_key(&std::ptr::from_ref(step.manifest), std::ptr::from_ref);
            let object = index.expect("a step is of one of the manifests");
            if !step.hook && step.manifest.generate_name().is_some() {
                unsupported.push(format!("{}: generateName is acted on for hooks only", step.manifest.id()));
                continue;
            }
            tasks.push(Task { phase: step.phase, wave: step.wave, object });
        }
        let desired = |(head, object): (Manifest, Text)| Desired {
            id: head.id(),
            version: head.version().to_owned(),
            hook: match order::role(&head) {
                Role::Resource => None,
                Role::Hook(_) | Role::Skip | Role::Unknown(_) => Some(order::delete_policies(&head)),
            },
            options: options.with(&head),
            ignore_health: head.annotation(IGNORE_HEALTH) == Some("true"),
            object,
        };
        let objects = heads.into_iter().zip(texts).map(desired).collect();
        let definitions = scope::defined(bundle.objects());
        Self { position, release: spec.id(), spec, objects, tasks, options, unsupported, definitions }
    }

    /// What the release says of each object that is compared and healed: its id, the version in which it names the kind,
    /// and the object with namespace and marks. Read from text one by one.
    pub fn wanted(&self) -> impl Iterator<Item = (ObjectId, String, Value)> {
        self.resources().map(|desired| (desired.id.clone(), desired.version.clone(), desired.object.read()))
    }

    /// Whether an object of the application that is not in the release is deleted: the release prunes, and the object does not say otherwise.
    pub fn prunes(&self, live: &Manifest) -> bool {
        self.spec.prune && !self.options.with(live).keep_on_prune
    }

    /// What the release says of an object.
    pub(crate) fn desired(&self, id: &ObjectId) -> Option<&Desired> {
        let index = self.objects.binary_search_by(|desired| desired.id.cmp(id)).ok()?;
        self.objects.get(index)
    }

    /// The object of the release that defines the kind of `id`.
    pub(crate) fn definition(&self, id: &ObjectId) -> Option<&ObjectId> {
        // Most releases define nothing.
        if self.definitions.is_empty() {
            return None;
        }
        self.definitions.get(&(id.group.clone(), id.kind.clone()))
    }

    /// The objects whose text has one of these, as they are to be written.
    pub fn mentioning<'a>(&'a self, marks: &'a [&str]) -> impl Iterator<Item = (&'a ObjectId, Value)> {
        let mentions = |desired: &&Desired| marks.iter().any(|mark| desired.object.contains(mark));
        self.objects.iter().filter(mentions).map(|desired| (&desired.id, desired.object.read()))
    }

    /// What the release says of an object, as it is to be written; where `id` names no namespace, in each.
    pub fn said_of<'a>(&'a self, id: &'a ObjectId) -> impl Iterator<Item = Value> {
        let same =
            |other: &ObjectId| (&other.group, &other.kind, &other.name) == (&id.group, &id.kind, &id.name);
        let exact = self.desired(id);
        let any = self.objects.iter().filter(move |desired| id.namespace.is_empty() && same(&desired.id));
        exact.into_iter().filter(|_| !id.namespace.is_empty()).chain(any).map(|desired| desired.object.read())
    }

    /// The objects that are compared and healed.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Desired> {
        self.objects.iter().filter(|desired| desired.is_resource())
    }
}

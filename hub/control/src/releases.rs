//! An Application becomes a release: its sources rendered at their commits, bundle and record durable.

use crate::{
    git::chain,
    pins::{Pins, Reference},
    sources::{Made, Otherwise, Said, Seen, Sources, Wanted},
    unmade::Unmade,
};
use hub_records::{Bundles, Records, keys};
use hub_render::{Capabilities, Kept, Warning};
use serde::{Deserialize, Serialize};
use shared_model::{AppKey, Application, CommitId, Digest, ReleaseId, ReleaseSpec};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Makes releases. Clones share one cache.
#[derive(Debug, Clone)]
pub(crate) struct Releases {
    sources: Sources,
    records: Records,
    bundles: Bundles,
}

/// A release as the store has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Noted {
    #[serde(flatten)]
    pub(crate) spec: ReleaseSpec,
    /// The bundles of its sources, where it has several: rendered again they may come to something else, and then the
    /// release would be another one though nobody changed anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<Digest>,
}

/// A release that is durable, with the commits that it was rendered from.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    pub(crate) id: ReleaseId,
    pub(crate) spec: ReleaseSpec,
    pub(crate) commits: BTreeMap<Reference, CommitId>,
    pub(crate) sources: Vec<Said>,
    /// What people should hear of.
    pub(crate) warnings: Vec<Warning>,
    /// What the cluster can do, where that may show.
    pub(crate) able: Option<Arc<Capabilities>>,
}

/// Why an Application has no release: Argo CD's condition type and the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unrendered {
    pub(crate) condition: &'static str,
    pub(crate) message: String,
    /// What it wanted to follow, so that it hears when that is there.
    pub(crate) references: BTreeSet<Reference>,
    /// Whether it may work later though nothing is changed.
    pub(crate) later: bool,
}

/// Argo CD's condition of what cannot be read or rendered.
pub(crate) const COMPARISON_ERROR: &str = "ComparisonError";

impl Unrendered {
    /// It says what is none, whatever Git says.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { condition: "InvalidSpecError", message, references: BTreeSet::new(), later: false }
    }
}

impl From<Unmade> for Unrendered {
    fn from(Unmade { message, later, references }: Unmade) -> Self {
        Self { condition: COMPARISON_ERROR, message, references, later }
    }
}

impl Releases {
    pub(crate) const fn new(sources: Sources, records: Records, bundles: Bundles) -> Self {
        Self { sources, records, bundles }
    }

    /// The release of an Application at the given commits, on a cluster that can do this.
    pub(crate) async fn release(
        &self,
        key: &AppKey,
        application: &Application,
        capabilities: &Arc<Capabilities>,
        pins: &Pins,
        seen: &Seen,
    ) -> Result<Release, Unrendered> {
        let all = application.spec.all_sources();
        let references: BTreeSet<Reference> =
            all.iter().filter_map(|source| self.sources.reference(source, pins, seen).ok()).collect();
        let unmade = |unmade: Unmade| Unrendered::from(unmade.asked(references.clone()));
        if all.is_empty() {
            return Err(Unrendered::invalid("spec.source: a source with repoURL and path is required"));
        }
        let (mut commits, mut able) = (BTreeMap::new(), None);
        let (mut parts, mut sources) = (Vec::new(), Vec::new());
        let (mut revisions, mut versions) = (Vec::new(), Vec::new());
        for source in all {
            let wanted = self.sources.wanted(application, source, capabilities, (pins, seen));
            let wanted = wanted.map_err(|why| unmade(Unmade::until_changed(why)))?;
            let (said, made) = self.sources.made(&wanted, pins, seen).await.map_err(unmade)?;
            sources.push(said);
            if made.is_apart {
                able = Some(Arc::clone(capabilities));
            }
            commits.extend(made.commits);
            revisions.push(made.commit);
            versions.push(made.revision);
            parts.extend(made.kept);
        }
        let bundles: Vec<Digest> = parts.iter().map(|kept| kept.bundle).collect();
        let kept = self.join(parts).await.map_err(|why| unmade(Unmade::for_now(why)))?;
        let spec = spec(key, application, &kept, (revisions, versions));
        let id = spec.id();
        let noted = Noted { spec, parts: if bundles.len() > 1 { bundles } else { Vec::new() } };
        let stored = self.keep(&id, &noted).await;
        stored.map_err(|error| {
            unmade(Unmade::for_now(format!("the release could not be stored: {}", chain(&error))))
        })?;
        Ok(Release { id, spec: noted.spec, commits, sources, warnings: kept.warnings, able })
    }

    /// A release that is in the store, with what it is rendered from left out.
    ///
    /// # Errors
    /// When it cannot be told now whether it is there: what was planned with it is then not planned with another.
    pub(crate) async fn stored(&self, id: &ReleaseId) -> Result<Option<Release>, Unrendered> {
        let read = self.records.read::<ReleaseSpec>(&keys::release(id)).await;
        let read = read.map_err(|error| {
            Unmade::for_now(format!("the release that was planned could not be read: {}", chain(&error)))
        })?;
        Ok(read.map(|(spec, _)| Release {
            id: *id,
            spec,
            commits: BTreeMap::new(),
            sources: Vec::new(),
            warnings: Vec::new(),
            able: None,
        }))
    }

    /// What a source that was made before comes to now.
    pub(crate) async fn again(&self, wanted: &Wanted, pins: &Pins, seen: &Seen) -> Result<Made, Otherwise> {
        self.sources.again(wanted, pins, seen).await
    }

    /// Writes the record of a release once, and again when it is joined from other parts.
    async fn keep(&self, id: &ReleaseId, noted: &Noted) -> Result<(), hub_records::Error> {
        let key = keys::release(id);
        let _there = self.records.recent().note(*id, shared_runtime::now()).await;
        let there = self.records.store().get(&key).await?;
        let is_same = there.is_some_and(|entry| {
            let parts = || serde_json::from_slice::<Noted>(&entry.value).map(|known| known.parts);
            noted.parts.is_empty() || parts().is_ok_and(|parts| parts == noted.parts)
        });
        if !is_same {
            self.records.write(&key, noted).await?;
        }
        Ok(())
    }

    /// The bundle of all sources together: the only one's, or one made of all objects.
    async fn join(&self, mut parts: Vec<Kept>) -> Result<Kept, String> {
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let digests: Vec<Digest> = parts.iter().map(|kept| kept.bundle).collect();
        let named = digests.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let inputs = Digest::of(format!("join/1\n{named}").as_bytes());
        let (renderer, shelf) = (self.sources.renderer().clone(), Arc::clone(self.sources.shelf()));
        let joined = if let Some(Ok(joined)) = renderer.recall(&inputs, &shelf) {
            joined
        } else {
            let bundles = self.bundles.clone();
            let work = move || {
                let mut objects = Vec::new();
                for digest in digests {
                    let bytes = bundles.get(&digest).map_err(|error| chain(&error))?;
                    let bundle =
                        shared_manifest::Bundle::from_bytes(&bytes).map_err(|error| error.to_string())?;
                    objects.extend(bundle.into_objects());
                }
                let (bundle, repeated) = shared_manifest::Bundle::new(objects);
                let bytes = bundle.to_bytes();
                let digest = bundles.put(&bytes).map_err(|error| chain(&error))?;
                let joined = Kept::new(digest, bytes.len() as u64, Warning::repeated(&repeated));
                renderer.note(inputs, &joined);
                Ok::<_, String>(joined)
            };
            tokio::task::spawn_blocking(work).await.map_err(|_| "rendering was interrupted".to_owned())??
        };
        let warnings = parts.into_iter().flat_map(|kept| kept.warnings).chain(joined.warnings);
        Ok(Kept::new(joined.bundle, joined.bytes, warnings.collect()))
    }
}

fn spec(
    key: &AppKey,
    application: &Application,
    kept: &Kept,
    (revisions, mut versions): (Vec<CommitId>, Vec<String>),
) -> ReleaseSpec {
    if versions.iter().map(String::as_str).eq(revisions.iter().map(CommitId::as_str)) {
        versions.clear();
    }
    let policy = application.spec.sync_policy.clone().unwrap_or_default();
    let automated =
        policy.automated.clone().filter(|automated| automated.enabled != Some(false)).unwrap_or_default();
    ReleaseSpec {
        application: key.clone(),
        bundle: kept.bundle,
        bundle_bytes: kept.bytes,
        namespace: application.spec.destination.namespace.clone(),
        project: application.spec.project.clone(),
        sync_policy: policy,
        ignore_differences: application.spec.ignore_differences.clone(),
        self_heal: automated.self_heal,
        prune: automated.prune,
        revisions,
        versions,
    }
}

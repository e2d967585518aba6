//! When an object is applied: its phase, its wave, its kind's rank; and what kind of hook it is.
//!
//! Decides from annotations and kinds alone, as Argo CD does (gitops-engine `pkg/sync/hook`, `syncwaves`, `sync_tasks.go`).
//! Invariants: [`steps`] is a total, deterministic order; every object that takes part in a sync stands in it once per phase; one that
//! does not is in none. Refuses to know: clusters, health, what was applied before.

mod hook;
mod rank;
mod steps;
#[cfg(test)]
mod tests;

pub use self::hook::{DeletePolicy, HOOK_FINALIZER, Role, delete_policies, hook_name, role};
pub use self::rank::kind_rank;
pub use self::steps::{Step, steps};

use std::fmt;

use crate::Manifest;

/// The wave of an object within its phase; 0 without it.
pub const WAVE_ANNOTATION: &str = "argocd.argoproj.io/sync-wave";
const HELM_WEIGHT_ANNOTATION: &str = "helm.sh/hook-weight";
/// Comma-separated options of one object, which win over the application's.
pub const OPTIONS_ANNOTATION: &str = "argocd.argoproj.io/sync-options";

/// When in an application's life an object is applied. The first four make up a sync, in this order; SyncFail only after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Before everything else.
    PreSync,
    /// With the application's own objects.
    Sync,
    /// After every object of the sync is healthy.
    PostSync,
    /// After a failure.
    SyncFail,
    /// Before the application's objects are deleted.
    PreDelete,
    /// After they are gone.
    PostDelete,
}

impl Phase {
    /// Argo CD's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreSync => "PreSync",
            Self::Sync => "Sync",
            Self::PostSync => "PostSync",
            Self::SyncFail => "SyncFail",
            Self::PreDelete => "PreDelete",
            Self::PostDelete => "PostDelete",
        }
    }

    /// Whether it is part of a sync rather than of a deletion.
    pub const fn is_of_sync(self) -> bool {
        matches!(self, Self::PreSync | Self::Sync | Self::PostSync | Self::SyncFail)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The wave that the object asks for: Argo CD's annotation, else Helm's hook weight, else 0. A text that is no integer counts as absent, as in Argo CD.
pub fn wave(manifest: &Manifest) -> i64 {
    let number = |key| manifest.annotation(key).and_then(|text| text.parse().ok());
    number(WAVE_ANNOTATION).or_else(|| number(HELM_WEIGHT_ANNOTATION)).unwrap_or(0)
}

/// Whether the object's own sync options hold `option`, spelled in full, e.g. `Prune=false`.
pub fn has_option(manifest: &Manifest, option: &str) -> bool {
    manifest.annotation_items(OPTIONS_ANNOTATION).any(|item| item == option)
}

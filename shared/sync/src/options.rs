//! Argo CD's sync options: what the application says, and an object's own over it.

use crate::{Method, Propagation, Write};
use shared_manifest::Manifest;
use shared_manifest::order::{self, OPTIONS_ANNOTATION, Phase, Role};
use shared_model::{ReleaseSpec, SyncPolicy};

/// The options in force for an object (or the application).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) create_namespace: bool,
    pub(crate) prune_last: bool,
    /// `Prune=false`, and `Prune=confirm` until confirmations exist.
    pub(crate) keep_on_prune: bool,
    /// `Delete=false`, and `Delete=confirm` until confirmations exist.
    pub(crate) keep_on_removal: bool,
    pub(crate) out_of_sync_only: bool,
    pub(crate) propagation: Propagation,
    pub(crate) write: Write,
}

/// Options that need no action of their own: server-side apply is always how we write, and nothing is dry-run.
const MOOT: [&str; 4] = [
    "ServerSideApply=true",
    "SkipDryRunOnMissingResource=true",
    "ClientSideApplyMigration=false",
    "RespectIgnoreDifferences=false",
];

impl Options {
    pub(crate) fn of(policy: &SyncPolicy) -> Self {
        let mut options = Self {
            create_namespace: false,
            prune_last: false,
            keep_on_prune: false,
            keep_on_removal: false,
            out_of_sync_only: false,
            propagation: Propagation::Foreground,
            write: Write { method: Method::Apply, recreate: false, validate: true },
        };
        for option in &policy.sync_options {
            options.set(option.trim());
        }
        options
    }

    /// These options with an object's own over them.
    pub(crate) fn with(&self, manifest: &Manifest) -> Self {
        let mut options = self.clone();
        for option in manifest.annotation_items(OPTIONS_ANNOTATION) {
            options.set(option);
        }
        if manifest.annotation("helm.sh/resource-policy") == Some("keep") {
            options.keep_on_prune = true;
            options.keep_on_removal = true;
        }
        options
    }

    /// Takes an option; `false` when it is not one that is acted on.
    fn set(&mut self, option: &str) -> bool {
        match option {
            "CreateNamespace=true" => self.create_namespace = true,
            "CreateNamespace=false" => self.create_namespace = false,
            "PruneLast=true" => self.prune_last = true,
            "PruneLast=false" => self.prune_last = false,
            "Prune=false" | "Prune=confirm" => self.keep_on_prune = true,
            "Prune=true" => self.keep_on_prune = false,
            "Delete=false" | "Delete=confirm" => self.keep_on_removal = true,
            "Delete=true" => self.keep_on_removal = false,
            "ApplyOutOfSyncOnly=true" => self.out_of_sync_only = true,
            "ApplyOutOfSyncOnly=false" => self.out_of_sync_only = false,
            "Replace=true" => self.write.method = Method::Replace,
            "Replace=false" => self.write.method = Method::Apply,
            "Force=true" => self.write.recreate = true,
            "Force=false" => self.write.recreate = false,
            "Validate=false" => self.write.validate = false,
            "Validate=true" => self.write.validate = true,
            "PrunePropagationPolicy=foreground" => self.propagation = Propagation::Foreground,
            "PrunePropagationPolicy=background" => self.propagation = Propagation::Background,
            "PrunePropagationPolicy=orphan" => self.propagation = Propagation::Orphan,
            moot => return MOOT.contains(&moot),
        }
        true
    }
}

/// What the release asks for that is not acted on, a sentence each.
pub(crate) fn unsupported(spec: &ReleaseSpec, manifests: &[Manifest]) -> Vec<String> {
    let mut sentences = shared_diff::unsupported(&spec.ignore_differences);
    let mut known = Options::of(&SyncPolicy::default());
    let mut option = |place: &str, option: &str| {
        if !known.set(option) {
            sentences.push(format!("{place}: sync option {option} is not acted on"));
        } else if option.ends_with("=confirm") {
            sentences.push(format!(
                "{place}: sync option {option} keeps the object: confirming is not acted on yet"
            ));
        }
    };
    for text in &spec.sync_policy.sync_options {
        option("syncOptions", text.trim());
    }
    for manifest in manifests {
        for text in manifest.annotation_items(OPTIONS_ANNOTATION) {
            option(&manifest.id().to_string(), text);
        }
    }
    for manifest in manifests {
        match order::role(manifest) {
            Role::Hook(phases) => {
                if let Some(phase) =
                    phases.into_iter().find(|phase| matches!(phase, Phase::PreDelete | Phase::PostDelete))
                {
                    sentences.push(format!("{}: hook {phase} is not acted on yet", manifest.id()));
                }
            }
            Role::Unknown(names) => {
                sentences.push(format!("{}: hook {} is not acted on", manifest.id(), names.join(",")));
            }
            Role::Resource | Role::Skip => {}
        }
    }
    sentences
}

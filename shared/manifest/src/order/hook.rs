//! Hooks: Argo CD's annotations, and Helm's where Argo CD's are absent.

use std::collections::BTreeSet;

use super::Phase;
use crate::Manifest;

const HOOK_ANNOTATION: &str = "argocd.argoproj.io/hook";
const DELETE_POLICY_ANNOTATION: &str = "argocd.argoproj.io/hook-delete-policy";
const HELM_HOOK_ANNOTATION: &str = "helm.sh/hook";
const HELM_DELETE_POLICY_ANNOTATION: &str = "helm.sh/hook-delete-policy";
/// Held by a hook while it runs, so that it cannot vanish before its result is read.
pub const HOOK_FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";

/// What part an object plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Part of the application: applied in [`Phase::Sync`], healed, pruned.
    Resource,
    /// Run in these phases (at least one), not healed and not part of the sync state.
    Hook(BTreeSet<Phase>),
    /// `argocd.argoproj.io/hook: Skip`: not applied, and no hook.
    Skip,
    /// A hook of no phase we know, e.g. Helm's `test`: not applied. The names it gives, for a condition.
    Unknown(Vec<String>),
}

/// When a hook is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeletePolicy {
    /// Before the next run makes it again. The default.
    BeforeHookCreation,
    /// After it has succeeded.
    HookSucceeded,
    /// After it has failed.
    HookFailed,
}

enum Hook {
    In(Phase),
    Skip,
}

/// The part that `manifest` plays. Argo CD's annotation wins over Helm's; Helm's `crd-install` is a plain resource.
/// `Skip` counts only when it stands alone, as in Argo CD.
pub fn role(manifest: &Manifest) -> Role {
    let own = manifest.annotation(HOOK_ANNOTATION);
    let helm = manifest.annotation(HELM_HOOK_ANNOTATION).filter(|value| *value != "crd-install");
    let mut hooks: Vec<Hook> = manifest.annotation_items(HOOK_ANNOTATION).filter_map(own_hook).collect();
    if hooks.is_empty() {
        hooks = manifest.annotation_items(HELM_HOOK_ANNOTATION).filter_map(helm_hook).collect();
    }
    if matches!(hooks[..], [Hook::Skip]) {
        return Role::Skip;
    }
    if own.is_none() && helm.is_none() {
        return Role::Resource;
    }
    let phases: BTreeSet<Phase> = hooks
        .iter()
        .filter_map(|hook| match hook {
            Hook::In(phase) => Some(*phase),
            Hook::Skip => None,
        })
        .collect();
    if phases.is_empty() {
        let key = if own.is_some() { HOOK_ANNOTATION } else { HELM_HOOK_ANNOTATION };
        return Role::Unknown(manifest.annotation_items(key).map(str::to_owned).collect());
    }
    Role::Hook(phases)
}

fn own_hook(name: &str) -> Option<Hook> {
    let phase = match name {
        "PreSync" => Phase::PreSync,
        "Sync" => Phase::Sync,
        "PostSync" => Phase::PostSync,
        "SyncFail" => Phase::SyncFail,
        "PreDelete" => Phase::PreDelete,
        "PostDelete" => Phase::PostDelete,
        "Skip" => return Some(Hook::Skip),
        _ => return None,
    };
    Some(Hook::In(phase))
}

fn helm_hook(name: &str) -> Option<Hook> {
    let phase = match name {
        "pre-install" | "pre-upgrade" => Phase::PreSync,
        "post-install" | "post-upgrade" => Phase::PostSync,
        "pre-delete" => Phase::PreDelete,
        "post-delete" => Phase::PostDelete,
        _ => return None,
    };
    Some(Hook::In(phase))
}

/// When the hook `manifest` is deleted: what Argo CD's and Helm's annotations say together, `BeforeHookCreation` when they say nothing known.
pub fn delete_policies(manifest: &Manifest) -> BTreeSet<DeletePolicy> {
    let own = manifest.annotation_items(DELETE_POLICY_ANNOTATION).filter_map(|name| match name {
        "BeforeHookCreation" => Some(DeletePolicy::BeforeHookCreation),
        "HookSucceeded" => Some(DeletePolicy::HookSucceeded),
        "HookFailed" => Some(DeletePolicy::HookFailed),
        _ => None,
    });
    let helm = manifest.annotation_items(HELM_DELETE_POLICY_ANNOTATION).filter_map(|name| match name {
        "before-hook-creation" => Some(DeletePolicy::BeforeHookCreation),
        "hook-succeeded" => Some(DeletePolicy::HookSucceeded),
        "hook-failed" => Some(DeletePolicy::HookFailed),
        _ => None,
    });
    let mut policies: BTreeSet<DeletePolicy> = own.chain(helm).collect();
    if policies.is_empty() {
        policies.insert(DeletePolicy::BeforeHookCreation);
    }
    policies
}

/// The name of a hook that has only a generateName: `<generateName><first 7 of the revision>-<phase>-<unix>`, in lower case after the
/// prefix. `None` when the hook has a name. `started` is the sync's start in seconds since the epoch.
pub fn hook_name(manifest: &Manifest, revision: &str, phase: Phase, started: i64) -> Option<String> {
    let prefix = manifest.generate_name()?;
    let revision: String = revision.chars().take(7).collect();
    Some(format!("{prefix}{}", format!("{revision}-{phase}-{started}").to_lowercase()))
}

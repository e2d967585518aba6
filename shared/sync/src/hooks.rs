//! Hooks: when one has ended, and when it is deleted.

use crate::live::{Live, Seen};
use shared_manifest::order::DeletePolicy;
use shared_model::HealthStatus;
use std::collections::BTreeSet;

/// How a hook (or an object whose health is waited for) stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Ended well.
    Good,
    /// Ended badly, or will not get well by itself.
    Bad(String),
    /// Not yet, with what is waited for.
    Wait(String),
}

/// How an applied object stands: one without health is good as soon as it is applied.
pub(crate) fn outcome(seen: Option<&Seen>, hook: bool) -> Outcome {
    let Some(seen) = seen else { return Outcome::Wait("is not read yet".to_owned()) };
    let health = match &seen.live {
        Live::Present(facts) => facts.health.as_ref(),
        Live::Absent if hook => return Outcome::Bad("vanished before its result was seen".to_owned()),
        Live::Absent => return Outcome::Wait("is missing".to_owned()),
        Live::Unknown | Live::Unreadable(_) => return Outcome::Wait("is not read yet".to_owned()),
    };
    let Some(health) = health else { return Outcome::Good };
    let told = if health.message.is_empty() { health.status.to_string() } else { health.message.clone() };
    match health.status {
        HealthStatus::Healthy => Outcome::Good,
        HealthStatus::Degraded => Outcome::Bad(told),
        HealthStatus::Suspended
        | HealthStatus::Progressing
        | HealthStatus::Missing
        | HealthStatus::Unknown => Outcome::Wait(told),
    }
}

/// Whether a hook with these policies is deleted after it ended.
pub(crate) fn deleted_after(policies: &BTreeSet<DeletePolicy>, good: bool) -> bool {
    policies.contains(if good { &DeletePolicy::HookSucceeded } else { &DeletePolicy::HookFailed })
}

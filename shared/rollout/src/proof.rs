//! Whether a released member is proven, has failed, or still has to show itself.
//!
//! *Proven*: on observations of exactly its assignment, the sync succeeded and everything was
//! Healthy without a break for `settle`, by the hub's clock at receipt. Silence proves nothing: of a
//! cluster that is not connected, only what it last reported counts, up to the time of that report.
//! Proof is a state: once proven, only Degraded, Missing or a failed sync take it away, because
//! Progressing is what every autoscaler causes.
//!
//! Failed: the sync failed; or `deadline` has passed since the release; or, in a wave without a
//! deadline, the sync succeeded and the result is Degraded. With a deadline, Degraded may still mend
//! itself. While its cluster is paused or held, its agent only looks, or a person pinned another
//! release there, a deadline stands still. A pinned member is neither proven nor failed.

use crate::{
    draft::Draft,
    fleet::{Hold, evidence},
    record::{MemberRecord, MemberState, Phase},
    rows::Marks,
    step::Change,
    wait::Wait,
};
use jiff::Timestamp;
use shared_model::{AppKey, ClusterName, HealthStatus, Mode, Observation, SyncPhase, duration};
use std::time::Duration;

/// What is to be said of a released member.
#[derive(Debug)]
pub(crate) enum Verdict {
    Proven,
    Failed(String),
    Waits(Wait),
}

/// Members of a rollout that tries again forget what happened to them in its earlier attempts.
pub(crate) fn again(draft: &mut Draft<'_>, index: usize) {
    let attempt = draft.head(index).attempt;
    if attempt == 0 {
        return;
    }
    let due: Vec<_> = draft
        .placed(index)
        .filter(|(_, _, record, _)| {
            let calm = matches!(record.state, MemberState::Waiting | MemberState::Proven { .. });
            record.attempt < attempt && !(calm && record.failures == 0)
        })
        .map(|(app, _, _, wave)| (app.clone(), draft.head(index).waves[wave].passed.is_some()))
        .collect();
    for (app, late) in due {
        draft.step(index, Change::Again { app, late });
    }
}

/// Takes in what was observed, for every member of a rollout. Of one that no longer leads its line,
/// only proof matters, where nothing is proven yet: it frees slots.
pub(crate) fn take_in(draft: &mut Draft<'_>, index: usize) {
    let changes: Vec<_> = if draft.acts(index) {
        let told = draft.placed_with(index, Marks::TOLD.and(Marks::SHAKEN));
        told.filter_map(|(app, _, record, wave)| change(draft, index, app, record, wave)).collect()
    } else {
        let unproven =
            draft.unproven(index).filter(|(app, _, record, _)| draft.runs_unproven(&record.cluster, app));
        let changes = unproven.filter_map(|(app, _, record, wave)| change(draft, index, app, &record, wave));
        changes.filter(|change| matches!(change, Change::Prove { .. } | Change::Back { .. })).collect()
    };
    for change in changes {
        draft.step(index, change);
    }
}

fn change<'a>(
    draft: &Draft<'a>,
    index: usize,
    app: &'a AppKey,
    record: &MemberRecord,
    wave: usize,
) -> Option<Change> {
    let (position, _) = record.told()?;
    let assigned = draft.assigned(&record.cluster, app)?;
    if assigned.running() != record.told() {
        return None;
    }
    let fail = |reason| Change::Fail { app: app.clone(), reason };
    match &record.state {
        MemberState::Waiting | MemberState::Returned { .. } => None,
        MemberState::Returning { .. } => match verdict(draft, index, app, record, wave) {
            Verdict::Proven => Some(Change::Back { app: app.clone(), position }),
            Verdict::Failed(_) | Verdict::Waits(_) => None,
        },
        MemberState::Proven { .. } => {
            let reason = breaks(draft, &record.cluster, app)?;
            (draft.head(index).phase == Phase::Progressing).then(|| fail(reason))
        }
        MemberState::Released { .. } | MemberState::Failed { .. } => {
            let stands = is_stopped(draft, index, &record.cluster, app);
            let timed = matches!(record.state, MemberState::Released { .. });
            let counts = draft.acts(index) && draft.wave(index, wave).deadline.is_some();
            if timed && counts && record.stopped != stands {
                let app = app.clone();
                return Some(if stands { Change::Stop { app } } else { Change::Resume { app } });
            }
            match verdict(draft, index, app, record, wave) {
                Verdict::Proven => Some(Change::Prove { app: app.clone(), position }),
                Verdict::Failed(reason) if timed => Some(fail(reason)),
                Verdict::Failed(_) | Verdict::Waits(_) => None,
            }
        }
    }
}

/// Whether deadlines of the cluster stand still: nothing may be done there, or nothing is.
fn is_stopped(draft: &Draft<'_>, index: usize, cluster: &ClusterName, app: &AppKey) -> bool {
    let pinned = draft.pin(cluster, app).is_some();
    let member = draft.member(index, app);
    pinned
        || member.is_some_and(|member| member.pauses.iter().any(|pause| pause.is_active(draft.now)))
        || draft.cluster(cluster).is_none_or(|cluster| {
            cluster.hold.is_some()
                || cluster.mode == Mode::Observe
                || cluster.pauses.iter().any(|pause| pause.is_active(draft.now))
        })
}

/// Why what was proven there is so no longer; `None` while nothing speaks against it.
pub(crate) fn breaks(draft: &Draft<'_>, cluster: &ClusterName, app: &AppKey) -> Option<String> {
    let state = draft.cluster(cluster)?;
    if state.hold.is_some() {
        return None; // Whoever reports may not be who was assigned.
    }
    let assigned = draft.assigned(cluster, app)?;
    let seen = evidence(assigned, draft.observed(cluster, app), cluster)?;
    let bad = matches!(seen.health.status, HealthStatus::Degraded | HealthStatus::Missing);
    if seen.phase == SyncPhase::Failed {
        Some(worded("its sync failed after it was proven", &seen.message))
    } else if bad {
        Some(worded(&format!("turned {} after it was proven", seen.health.status), &seen.health.message))
    } else {
        None
    }
}

/// What the evidence says of a released or failed member.
pub(crate) fn verdict<'a>(
    draft: &Draft<'a>,
    index: usize,
    app: &'a AppKey,
    record: &MemberRecord,
    wave: usize,
) -> Verdict {
    let cluster = &record.cluster;
    let terms = draft.wave(index, wave);
    // Of a rollout that no longer leads, only proof matters.
    let deadline = deadline(draft, record, terms.deadline.filter(|_| draft.acts(index)));
    let wait = match draft.cluster(cluster) {
        None => Wait::UnknownCluster { cluster: cluster.clone() },
        Some(state) => {
            if let Some(hold) = &state.hold {
                return Verdict::Waits(Wait::Held { cluster: cluster.clone(), hold: hold.clone() });
            }
            if state.mode == Mode::Observe {
                return Verdict::Waits(Wait::Observing { cluster: cluster.clone() });
            }
            if draft.next_position(cluster, app).is_none() {
                return Verdict::Waits(Wait::Held { cluster: cluster.clone(), hold: Hold::HubBehindAgent });
            }
            if let Some(pin) = draft.pin(cluster, app) {
                return Verdict::Waits(Wait::pinned(cluster, app, pin));
            }
            let assigned = draft.assigned(cluster, app);
            let seen =
                assigned.and_then(|assigned| evidence(assigned, draft.observed(cluster, app), cluster));
            match seen {
                None => Wait::Unreported { cluster: cluster.clone() },
                Some(seen) => {
                    let heard = if state.link.lost_since().is_none() { draft.now } else { seen.received_at };
                    match judge(seen, heard, terms.settle, terms.deadline) {
                        Verdict::Waits(wait) => wait,
                        settled @ (Verdict::Proven | Verdict::Failed(_)) => return settled,
                    }
                }
            }
        }
    };
    match deadline {
        Some((at, limit)) if at <= draft.now => {
            Verdict::Failed(format!("was not proven within {}: {wait}", duration(limit)))
        }
        _ => Verdict::Waits(with_deadline(wait, deadline.map(|(at, _)| at))),
    }
}

/// When the member's time is up, and how much it had. What happened before this hub planned nobody heard,
/// and another hub's clock may be another: then everybody has their time anew.
pub(crate) fn deadline(
    draft: &Draft<'_>,
    record: &MemberRecord,
    limit: Option<Duration>,
) -> Option<(Timestamp, Duration)> {
    match record.state {
        MemberState::Released { at, .. } | MemberState::Returning { at, .. } if !record.stopped => {
            let from = draft.fleet.since.map_or(at, |since| since.max(at));
            limit.map(|limit| (later(from, limit), limit))
        }
        MemberState::Released { .. }
        | MemberState::Waiting
        | MemberState::Proven { .. }
        | MemberState::Returning { .. }
        | MemberState::Returned { .. }
        | MemberState::Failed { .. } => None,
    }
}

fn judge(seen: &Observation, heard: Timestamp, settle: Duration, deadline: Option<Duration>) -> Verdict {
    let cluster = seen.cluster.clone();
    if let Some(since) = seen.healthy_since {
        let until = later(since, settle);
        return if until <= heard {
            Verdict::Proven
        } else {
            Verdict::Waits(Wait::Settle { cluster, until })
        };
    }
    match seen.phase {
        SyncPhase::Failed => Verdict::Failed(worded("the sync failed", &seen.message)),
        SyncPhase::Pending | SyncPhase::Running => {
            Verdict::Waits(Wait::Syncing { cluster, message: seen.message.clone() })
        }
        SyncPhase::Succeeded if seen.health.status == HealthStatus::Degraded && deadline.is_none() => {
            Verdict::Failed(worded("is Degraded", &seen.health.message))
        }
        SyncPhase::Succeeded => Verdict::Waits(Wait::Progressing {
            cluster,
            health: seen.health.status,
            message: seen.health.message.clone(),
            deadline: None,
        }),
    }
}

fn with_deadline(wait: Wait, at: Option<Timestamp>) -> Wait {
    if let Wait::Progressing { cluster, health, message, .. } = wait {
        Wait::Progressing { cluster, health, message, deadline: at }
    } else {
        wait
    }
}

fn worded(what: &str, message: &str) -> String {
    if message.is_empty() { what.to_owned() } else { format!("{what}: {message}") }
}

/// `at` plus `by`, or the end of time.
pub(crate) fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

//! The fleet as it stands when the commit arrives: everything runs the release before, proven.

use crate::{Assumptions, Scenario, chance};
use shared_model::{
    AppKey, Digest, Health, HealthStatus, Observation, Owner, Position, ReleaseId, RolloutName, SyncPhase,
    SyncState,
};
use shared_rollout::{Assigned, Fleet, Head, Line, Link, Member, Order, Proof, Rollout, Seat, observe};
use std::collections::BTreeMap;

/// The position of what ran before.
const BEFORE: Position = Position { incarnation: 1, generation: 1 };

/// What the rollout is called, where people are told what to type.
pub(crate) fn name(owner: &Owner) -> RolloutName {
    RolloutName::new(format!("{}-next", owner.name))
}

/// What an Application is to get.
pub(crate) fn new_release(app: &AppKey) -> ReleaseId {
    ReleaseId(Digest::of(format!("new {app}").as_bytes()))
}

fn old_release(app: &AppKey) -> ReleaseId {
    ReleaseId(Digest::of(format!("old {app}").as_bytes()))
}

/// The fleet with the rollout waiting to start.
pub(crate) fn fleet(scenario: &Scenario, assumptions: &Assumptions, seed: u64) -> Fleet {
    let mut fleet = Fleet {
        clusters: scenario.clusters.clone(),
        windows: scenario.windows.clone(),
        max_per_cluster: scenario.max_per_cluster,
        incarnation: BEFORE.incarnation,
        ..Fleet::default()
    };
    for (name, cluster) in &mut fleet.clusters {
        let away = is_cut(assumptions, seed, name.as_str(), "cut at once");
        if cluster.link == Link::Connected && away {
            cluster.link = Link::LostSince(assumptions.start);
        }
    }
    let mut members = BTreeMap::new();
    for (app, subject) in &scenario.members {
        let mut member = Member::new(subject.cluster.clone(), new_release(app));
        member.labels.clone_from(&subject.labels);
        member.automated = subject.automated;
        member.windows = subject.windows;
        members.insert(app.clone(), member);
        if subject.runs {
            let seat = (subject.cluster.clone(), app.clone());
            let release = old_release(app);
            let order = Order::Run { release, rollout: RolloutName::new("before"), at: assumptions.start };
            let proof = Some(Proof { release, position: BEFORE, at: assumptions.start });
            let report = observation(&seat, (BEFORE, release), true);
            fleet.assigned.insert(seat.clone(), Assigned { position: BEFORE, order, proof, adopted: None });
            fleet.observed.insert(seat, observe(None, report, assumptions.start));
        }
    }
    let rollout = Rollout {
        name: name(&scenario.owner),
        sequence: 2,
        created: assumptions.start,
        plan: scenario.plan.clone(),
        head: Head::default(),
        members,
    };
    fleet.lines.insert(scenario.owner.clone(), Line { rollouts: vec![rollout] });
    fleet
}

/// Whether a cluster is cut off in that way: each of the two takes half of the share.
pub(crate) fn is_cut(assumptions: &Assumptions, seed: u64, cluster: &str, how: &str) -> bool {
    let half = if how == "cut at once" { 0.0..0.5 } else { 0.5..1.0 };
    let share = chance::share(seed, "cut", cluster);
    let rate = assumptions.unreachable_rate;
    (half.start * rate..half.end * rate).contains(&share)
}

/// What an agent reports once its release has shown what it is.
pub(crate) fn observation(seat: &Seat, told: (Position, ReleaseId), healthy: bool) -> Observation {
    let health = if healthy {
        Health::new(HealthStatus::Healthy, "")
    } else {
        Health::new(HealthStatus::Degraded, "as assumed")
    };
    Observation {
        application: seat.1.clone(),
        cluster: seat.0.clone(),
        position: told.0,
        release: Some(told.1),
        phase: SyncPhase::Succeeded,
        message: String::new(),
        sync: SyncState::Synced,
        health,
        drift: Vec::new(),
        resources: Vec::new(),
        healed: 0,
        removed: false,
        pin: None,
        unsupported: Vec::new(),
        received_at: jiff::Timestamp::UNIX_EPOCH,
        healthy_since: None,
    }
}

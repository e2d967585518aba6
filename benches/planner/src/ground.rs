//! The fleet that is planned, and agents that do as they are told.

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::json;
use shared_model::{
    AppKey, ClusterName, Digest, Health, HealthStatus, Observation, Owner, OwnerKind, Position, ReleaseId,
    RolloutName, SyncPhase, SyncState, Word, fleet_rollout::PlanSpec,
};
use shared_rollout::{
    Assigned, Change, ClusterState, Fleet, Head, Line, Member, MemberRecord, MemberState, Order, Phase, Plan,
    Proof, Rollout, Seat, WaveHead, observe,
};
use std::collections::BTreeMap;

/// The owner of one of the lines.
pub(crate) fn owner(application: usize) -> Owner {
    Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: format!("team-{application}") }
}

/// A canary of one percent, ten percent, and the rest; nothing soaks, so that it is the planner that is waited for.
fn policy() -> anyhow::Result<PlanSpec> {
    let policy = json!({"policy": {
        "waves": [
            {"name": "canary", "match": {"matchLabels": {"ring": "canary"}}, "settle": "0s"},
            {"name": "early", "match": {"matchLabels": {"ring": "early"}}, "settle": "0s", "deadline": "15m"},
            {"name": "rest", "maxUpdate": "2%", "maxFailures": 3, "settle": "0s", "deadline": "15m"},
        ],
        "unreachable": {"after": "2m", "action": "Skip", "atMost": "10%"},
    }});
    serde_json::from_value(policy).context("the policy")
}

/// The clusters, and one line of finished rollouts per application yet to be planned.
pub(crate) fn fleet(clusters: usize, applications: usize, at: Timestamp) -> anyhow::Result<Fleet> {
    let mut fleet = Fleet { incarnation: 1, ..Fleet::default() };
    for number in 0..clusters {
        let ring = match number % 100 {
            0 => "canary",
            1..=10 => "early",
            _ => "rest",
        };
        let labels = [("ring", ring), ("region", "eu-west-1"), ("env", "prod")];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        fleet.clusters.insert(cluster(number), ClusterState { labels, ..ClusterState::default() });
    }
    for application in 0..applications {
        fleet.lines.insert(owner(application), Line::default());
        commit(&mut fleet, application, at)?;
    }
    Ok(fleet)
}

/// Makes everything that waits proven and done, as if it had been planned and had happened at `at`.
pub(crate) fn finish(fleet: &mut Fleet, at: Timestamp) {
    let position = Position { incarnation: fleet.incarnation, generation: 1 };
    for rollout in fleet.lines.values_mut().flat_map(|line| &mut line.rollouts) {
        let wave = WaveHead { opened: Some(at), passed: Some(at), ..WaveHead::default() };
        let (phase, started, finished) = (Phase::Done, Some(at), Some(at));
        rollout.head = Head { phase, started, finished, waves: vec![wave; 3], ..Head::default() };
        for (app, member) in &mut rollout.members {
            let ring = fleet.clusters.get(&member.cluster).and_then(|cluster| cluster.labels.get("ring"));
            let wave = ring.map(|ring| ["canary", "early"].iter().position(|name| name == ring).unwrap_or(2));
            let (cluster, release) = (member.cluster.clone(), member.release);
            member.record = Some(MemberRecord {
                cluster: cluster.clone(),
                release,
                wave,
                late: false,
                state: MemberState::Proven { position, at },
                excused: None,
                may_run: false,
                stopped: false,
                failures: 0,
                attempt: 0,
                again: false,
                released: Some(at),
                before: None,
            });
            let order = Order::Run { release, rollout: rollout.name.clone(), at };
            let proof = Some(Proof { release, position, at });
            fleet.assigned.insert((cluster, app.clone()), Assigned { position, order, proof, adopted: None });
        }
    }
    let seats: Vec<Seat> = fleet.assigned.keys().cloned().collect();
    for seat in seats {
        if let Some(report) = report(fleet, &seat, at) {
            fleet.observed.insert(seat, report);
        }
    }
}

/// Another rollout of a line, for every cluster.
pub(crate) fn commit(fleet: &mut Fleet, application: usize, at: Timestamp) -> anyhow::Result<()> {
    let owner = owner(application);
    let namespace = Word::from(owner.namespace.as_str());
    let names: Vec<ClusterName> = fleet.clusters.keys().cloned().collect();
    let line = fleet.lines.get_mut(&owner).context("the line")?;
    let sequence = line.rollouts.len() as u64 + 1;
    // Names share their letters with those that are there already, as in the hub.
    let known = line.rollouts.last().map(|rollout| &rollout.members);
    let members: BTreeMap<AppKey, Member> = names
        .into_iter()
        .map(|cluster| {
            let app = AppKey::new(namespace.clone(), format!("{}-{cluster}", owner.name));
            let same = known.and_then(|known| known.get_key_value(&app));
            let app = same.map_or(app, |(app, _)| app.clone());
            let release = ReleaseId(Digest::of(format!("{app} {sequence}").as_bytes()));
            (app, Member::new(cluster, release))
        })
        .collect();
    line.rollouts.push(Rollout {
        name: RolloutName::new(format!("{}-{sequence}", owner.name)),
        sequence,
        created: at,
        plan: policy()?,
        head: Head::default(),
        members,
    });
    Ok(())
}

fn cluster(number: usize) -> ClusterName {
    ClusterName::new(format!("store-{number:05}"))
}

/// Who was told something by a plan.
pub(crate) fn told(plan: &Plan) -> impl Iterator<Item = Seat> {
    plan.steps.iter().filter_map(|step| {
        let Change::Release { app, cluster, .. } = &step.change else { return None };
        Some((cluster.clone(), app.clone()))
    })
}

/// What an agent says once it has done what it was told.
pub(crate) fn report(fleet: &Fleet, seat: &Seat, now: Timestamp) -> Option<Observation> {
    let (position, release) = fleet.assigned.get(seat)?.running()?;
    let report = Observation {
        application: seat.1.clone(),
        cluster: seat.0.clone(),
        position,
        release: Some(release),
        phase: SyncPhase::Succeeded,
        message: String::new(),
        sync: SyncState::Synced,
        health: Health::new(HealthStatus::Healthy, ""),
        drift: Vec::new(),
        resources: Vec::new(),
        healed: 0,
        removed: false,
        pin: None,
        unsupported: Vec::new(),
        received_at: now,
        healthy_since: None,
    };
    Some(observe(fleet.observed.get(seat), report, now))
}

//! The fleet as the planner sees it, from the index, the links and what owners were evaluated to.

use crate::{
    index::Index,
    line::{Evaluation, MemberInput},
    pauses,
    windows::Calendar,
};
use hub_gateway::{LinkState, pause_id};
use jiff::Timestamp;
use shared_model::{
    AppKey, Cluster, ClusterName, FleetRollout, Kind, Owner, RolloutName, fleet_rollout::PlanSpec,
};
use shared_rollout::{ClusterState, Fleet, Head, Hold, Line, Link, Member, Pause, Phase, Rollout};
use std::collections::BTreeMap;

/// What besides the index the fleet is built from.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    pub(crate) evaluations: &'a BTreeMap<Owner, Evaluation>,
    pub(crate) links: &'a BTreeMap<ClusterName, LinkState>,
    /// Since when this hub plans.
    pub(crate) since: Timestamp,
}

/// The fleet now. Lines that are not fully known are left out (invariant 2 of this package).
pub(crate) fn build(index: &Index, around: &Around<'_>, calendar: &mut Calendar, now: Timestamp) -> Fleet {
    let clusters = index.clusters.iter();
    let clusters =
        clusters.map(|(name, cluster)| (name.clone(), standing(index, around, cluster, now))).collect();
    let lines = around
        .evaluations
        .iter()
        .filter_map(|(owner, evaluation)| {
            Some((owner.clone(), line(index, around, calendar, (owner, evaluation), now)?))
        })
        .collect();
    Fleet {
        clusters,
        lines,
        assigned: index
            .assigned
            .iter()
            .map(|(seat, (assigned, _))| (seat.clone(), assigned.clone()))
            .collect(),
        observed: index.observed.iter().map(|(seat, seen)| (seat.clone(), seen.clone())).collect(),
        windows: calendar.sets(),
        max_per_cluster: calendar.settings().max_per_cluster,
        since: Some(around.since),
        incarnation: index.incarnation(),
    }
}

/// How a cluster stands.
pub(crate) fn standing(
    index: &Index,
    around: &Around<'_>,
    cluster: &Cluster,
    now: Timestamp,
) -> ClusterState {
    let known = around.links.get(&cluster.name());
    let link = match known {
        // What it saw while it was away is not in the mirror yet.
        Some(known) if known.arrived > index.revision => Link::LostSince(now),
        Some(known) => known.link,
        None => before(index, cluster, around.since),
    };
    state(index, cluster, known, link, now)
}

/// The link of a cluster that has not connected since this hub began to plan. One that was told something
/// was there before: it is lost since the start, so that nobody is excused early.
fn before(index: &Index, cluster: &Cluster, since: Timestamp) -> Link {
    let first = (cluster.name(), AppKey::new("", ""));
    let told = index.assigned.range(first..).next().is_some_and(|((name, _), _)| *name == cluster.name());
    if told {
        return Link::LostSince(since);
    }
    let created = cluster.metadata.creation_timestamp.unwrap_or(since);
    Link::NeverSeen { since: created.max(since) }
}

fn state(
    index: &Index,
    cluster: &Cluster,
    known: Option<&LinkState>,
    link: Link,
    now: Timestamp,
) -> ClusterState {
    let asked = cluster.pause(now).map(|pause| Pause {
        since: pause.at,
        until: pause.ends(),
        acknowledged: known.is_some_and(|known| known.acknowledged_pause == pause_id(&pause)),
        reason: pause.reason,
        by: pause.by,
        local: false,
    });
    ClusterState {
        labels: cluster.metadata.labels.clone(),
        pauses: asked.into_iter().chain(known.and_then(|known| known.local_pause.clone())).collect(),
        link,
        mode: cluster.spec.mode,
        hold: known
            .and_then(|known| known.hold.clone())
            .or_else(|| index.awaits_adoption(cluster).then_some(Hold::HubRestored)),
    }
}

/// A line with all rollouts that matter; `None` when not all of their members are known.
pub(crate) fn line(
    index: &Index,
    around: &Around<'_>,
    calendar: &mut Calendar,
    (owner, evaluation): (&Owner, &Evaluation),
    now: Timestamp,
) -> Option<Line> {
    let line = index.line(owner);
    let newest = line.last().map(|rollout| rollout.spec.sequence);
    let mut rollouts = Vec::new();
    for rollout in line {
        let name = RolloutName::new(rollout.metadata.name.clone());
        let key = (owner.namespace.clone(), name.clone());
        let head = index.heads.get(&key).map(|(head, _)| head.clone()).unwrap_or_default();
        match evaluation.rollouts.get(&name) {
            Some(members) => rollouts.push(self::rollout(index, calendar, &rollout, name, head, members)),
            None if Some(rollout.spec.sequence) == newest || is_live(&head) => return None,
            None => {}
        }
    }
    for (app, member) in rollouts.iter_mut().flat_map(|rollout: &mut Rollout| &mut rollout.members) {
        let pause = pauses::of_member(index, around.links, app, &member.cluster, now);
        member.pauses = pause.into_iter().collect();
    }
    Some(Line { rollouts })
}

/// Whether a rollout under way, or one that a person may take up again, decides for its line.
pub(crate) const fn is_live(head: &Head) -> bool {
    matches!(
        head.phase,
        Phase::Queued | Phase::Progressing | Phase::Halted | Phase::RollingBack | Phase::RolledBack
    )
}

fn rollout(
    index: &Index,
    calendar: &mut Calendar,
    object: &FleetRollout,
    name: RolloutName,
    head: Head,
    members: &BTreeMap<AppKey, MemberInput>,
) -> Rollout {
    let records = index.records.get(&(object.metadata.namespace.clone(), name.clone()));
    let members = members
        .iter()
        .filter(|(app, _)| is_there(index, app))
        .filter_map(|(app, member)| {
            let (name, cluster) =
                index.clusters.get_key_value(&member.cluster).filter(|(_, cluster)| !cluster.is_leaving())?;
            let (app, application) = index
                .applications
                .get_key_value(app)
                .map_or((app, None), |(app, object)| (app, Some(object)));
            let stored = index.object(Kind::Application, &app.namespace, &app.name);
            let asked = stored.is_some_and(|stored| stored.asks_sync);
            // Only rollingSync asks for them, and a hundred thousand members have many.
            let labels = match &object.spec.plan {
                PlanSpec::RollingSync(_) => {
                    application.map_or_else(|| member.labels.clone(), |object| object.metadata.labels.clone())
                }
                PlanSpec::Immediate | PlanSpec::Policy(_) => BTreeMap::new(),
            };
            let record = records.and_then(|records| records.get(app)).map(|(record, _)| record.clone());
            let member = Member {
                cluster: name.clone(),
                labels,
                release: member.release,
                automated: member.automated,
                sync_requested: asked.then_some(member.release),
                pauses: Vec::new(),
                windows: calendar.of(app, application.map(AsRef::as_ref), cluster),
                record,
            };
            Some((app.clone(), member))
        })
        .collect();
    Rollout {
        name,
        sequence: object.spec.sequence,
        created: object.metadata.creation_timestamp.unwrap_or(Timestamp::UNIX_EPOCH),
        plan: object.spec.plan.clone(),
        head,
        members,
    }
}

/// Whether the Application is there to stay. One that is going is no member any more.
pub(crate) fn is_there(index: &Index, app: &AppKey) -> bool {
    index.object(Kind::Application, &app.namespace, &app.name).is_some_and(|stored| !stored.is_deleted)
}

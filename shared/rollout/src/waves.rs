//! Which wave a member belongs to. The first wave that takes it, frozen from then on.
//!
//! A policy's waves take clusters, so all applications of the rollout on one cluster share a wave
//! and `take` counts the cluster once, in name order. rollingSync steps take applications. A member
//! that appears later is placed by the same rule, but never into a `take` wave that was full once.
//! A member that no wave takes is looked at again each time: labels may still be mended.

use crate::{draft::Draft, fleet::Member, record::MemberState, rows::Marks, step::Change};
use shared_model::{AppKey, ClusterName};
use std::collections::{BTreeMap, BTreeSet};

/// Who is in which wave so far.
#[derive(Debug, Default)]
struct Places<'a> {
    of_cluster: BTreeMap<&'a ClusterName, usize>,
    taken: Vec<BTreeSet<&'a ClusterName>>,
}

/// Places every member of the rollout that has no place, or whose place is out of date.
pub(crate) fn place(draft: &mut Draft<'_>, index: usize) {
    let marked = draft.marked(index, Marks::HOMELESS).map(|(_, row)| (row.app, row.member));
    let mut homeless: Vec<_> = marked.filter(|(app, _)| needs_place(draft, index, app)).collect();
    if homeless.is_empty() {
        return;
    }
    homeless.sort_by_key(|(app, member)| (&member.cluster, *app));
    let mut places = places(draft, index);
    for (app, member) in homeless {
        let kept = kept_wave(draft, index, app, member);
        let Some(wave) = kept.map(Some).or_else(|| find(draft, index, &places, member)) else { continue };
        let old = draft.record(index, app);
        if wave.is_none() && old.is_some_and(|record| record.wave.is_none()) {
            continue;
        }
        let fills = wave.is_some_and(|wave| occupy(draft, index, &mut places, member, wave));
        let late = wave.is_some_and(|wave| draft.head(index).waves[wave].passed.is_some());
        draft.step(index, Change::Place { app: app.clone(), wave, late, fills });
    }
}

/// The wave that one member of a finished rollout would be in, for use as a baseline.
pub(crate) fn wave_of(draft: &Draft<'_>, index: usize, app: &AppKey, member: &Member) -> Option<usize> {
    let (app, _) = draft.rollout(index).members.get_key_value(app)?;
    match draft.record(index, app) {
        Some(record) => record.wave,
        None => find(draft, index, &places(draft, index), member).flatten(),
    }
}

/// Without a record, with one about something else, in no wave, or with an assignment that is gone.
fn needs_place<'a>(draft: &Draft<'a>, index: usize, app: &'a AppKey) -> bool {
    let Some(record) = draft.record(index, app) else { return true };
    let lost =
        |told| draft.assigned(&record.cluster, app).and_then(|assigned| assigned.running()) != Some(told);
    record.wave.is_none() || record.told().is_some_and(lost)
}

/// The wave it had, when it is still on the same cluster.
fn kept_wave<'a>(draft: &Draft<'a>, index: usize, app: &'a AppKey, member: &Member) -> Option<usize> {
    let record = draft.raw_record(index, app)?;
    let waves = draft.head(index).waves.len();
    record.wave.filter(|wave| record.cluster == member.cluster && *wave < waves)
}

fn places<'a>(draft: &Draft<'a>, index: usize) -> Places<'a> {
    let mut places =
        Places { taken: vec![BTreeSet::new(); draft.head(index).waves.len()], ..Places::default() };
    for (app, member) in &draft.rollout(index).members {
        if let Some(wave) = kept_wave(draft, index, app, member) {
            places.of_cluster.insert(&member.cluster, wave);
            places.taken[wave].insert(&member.cluster);
        }
    }
    places
}

/// `Some(None)` when no wave takes it, `None` when that cannot be told yet.
fn find(draft: &Draft<'_>, index: usize, places: &Places<'_>, member: &Member) -> Option<Option<usize>> {
    let by_cluster = matches!(draft.rollout(index).plan, shared_model::fleet_rollout::PlanSpec::Policy(_));
    if by_cluster && let Some(wave) = places.of_cluster.get(&member.cluster) {
        return Some(Some(*wave));
    }
    let labels = draft.cluster(&member.cluster).map(|cluster| &cluster.labels);
    let head = draft.head(index);
    for (wave, terms) in draft.terms[index].waves.iter().enumerate().take(head.waves.len()) {
        let full = head.waves[wave].filled || terms.take.is_some_and(|take| places.taken[wave].len() >= take);
        if terms.takes(&member.labels, labels)? && !full {
            return Some(Some(wave));
        }
    }
    Some(None)
}

/// Takes the place; says whether that fills the wave.
fn occupy<'a>(
    draft: &Draft<'a>,
    index: usize,
    places: &mut Places<'a>,
    member: &'a Member,
    wave: usize,
) -> bool {
    places.of_cluster.insert(&member.cluster, wave);
    places.taken[wave].insert(&member.cluster);
    let take = draft.wave(index, wave).take;
    take.is_some_and(|take| places.taken[wave].len() >= take) && !draft.head(index).waves[wave].filled
}

/// A member whose agent was told to run its very release before needs nothing written: it is proven
/// if it was proven there and did not fail since, or else waits to be. One that is pinned in its cluster
/// does not run it now.
pub(crate) fn settle_in(draft: &mut Draft<'_>, index: usize) {
    let mut changes = Vec::new();
    for (app, member, record, _) in draft.placed_with(index, Marks::THERE) {
        if record.state != MemberState::Waiting || record.again || draft.pin(&member.cluster, app).is_some() {
            continue;
        }
        let Some(assigned) = draft.assigned(&member.cluster, app) else { continue };
        let Some((position, release)) = assigned.running() else { continue };
        if release != member.release {
            continue;
        }
        let bad = crate::proof::breaks(draft, &member.cluster, app).is_some();
        changes.push(if assigned.is_unproven() || bad {
            Change::Adopt { app: app.clone(), position }
        } else {
            Change::Prove { app: app.clone(), position }
        });
    }
    for change in changes {
        draft.step(index, change);
    }
}

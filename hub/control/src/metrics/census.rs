//! How many there are of what, over the whole fleet: one look at everything.
//!
//! Invariant: what is not there any more is zero, not forgotten, where it is known beforehand.

use super::{
    Metrics,
    fleet::{HOLDS, LINKS, Linked, PAUSABLE, What, hold, stands},
    rollouts::{For, InPhase, InState, PHASES, STATES, word},
};
use crate::removal::Planned;
use jiff::Timestamp;
use prometheus_client::metrics::{family::Family, gauge::Gauge};
use shared_project::windows::Gate;
use shared_rollout::{ClusterState, Fleet, Link, Pause, Report, WAIT_KINDS};
use shared_runtime::metrics::since_epoch;
use std::{collections::BTreeMap, fmt::Debug, hash::Hash};

/// What is looked at.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) report: &'a Report,
    pub(crate) leaving: &'a Planned,
    /// How many Applications and sets have nothing to ship of what Git says now.
    pub(crate) unrendered: usize,
    pub(crate) at: Timestamp,
}

/// Counts by word, with those that are known beforehand at zero.
struct Tally(BTreeMap<&'static str, i64>);

impl Tally {
    fn of(words: impl IntoIterator<Item = &'static str>) -> Self {
        Self(words.into_iter().map(|word| (word, 0)).collect())
    }

    fn add(&mut self, word: &'static str, count: usize) {
        *self.0.entry(word).or_default() += i64::try_from(count).unwrap_or(i64::MAX);
    }

    fn show<S: Clone + Debug + Hash + Eq>(
        self,
        gauges: &Family<S, Gauge>,
        label: impl Fn(&'static str) -> S,
    ) {
        for (word, count) in self.0 {
            gauges.get_or_create(&label(word)).set(count);
        }
    }
}

impl Metrics {
    /// Counts everything that is counted by looking.
    pub(crate) fn census(&self, seen: &Seen<'_>) {
        self.rollouts(seen);
        self.clusters(seen);
        self.applications(seen.fleet);
        let windows = &seen.fleet.windows;
        let closed = windows.iter().filter(|set| matches!(set.gate(seen.at), Gate::Closed { .. })).count();
        self.work.unrendered.set(count(seen.unrendered));
        self.fleet.windows.set(count(windows.len()));
        self.fleet.closed.set(count(closed));
        let mut removals = Tally::of([]);
        removals.add("deleted", seen.leaving.waiting());
        removals.add("held", seen.leaving.holding());
        removals.show(&self.fleet.removals, |reason| super::fleet::Because { reason });
    }

    fn rollouts(&self, seen: &Seen<'_>) {
        let mut phases = Tally::of(PHASES.map(word));
        let (mut waits, mut member_waits) = (Tally::of(WAIT_KINDS), Tally::of(WAIT_KINDS));
        let mut members = Tally::of(STATES);
        let mut oldest: BTreeMap<&'static str, Timestamp> = BTreeMap::new();
        for ((owner, name), rollout) in &seen.report.rollouts {
            let phase = word(rollout.phase);
            phases.add(phase, 1);
            if let Some(wait) = &rollout.waits_for {
                waits.add(wait.kind(), 1);
            }
            rollout.waits.values().for_each(|wait| member_waits.add(wait.kind(), 1));
            for wave in &rollout.waves {
                let states = [wave.waiting, wave.released, wave.proven, wave.failed, wave.excused, wave.back];
                STATES.into_iter().zip(states).for_each(|(state, count)| members.add(state, count));
            }
            let line = seen.fleet.lines.get(owner);
            if let Some(started) = line.and_then(|line| line.get(name)?.head.started) {
                earliest(&mut oldest, phase, started);
            }
        }
        phases.show(&self.rollouts.phases, |phase| InPhase { phase });
        waits.show(&self.rollouts.waits, |reason| For { reason });
        member_waits.show(&self.rollouts.member_waits, |reason| For { reason });
        members.show(&self.rollouts.members, |state| InState { state });
        for phase in PHASES.map(word) {
            let label = InPhase { phase };
            match oldest.get(phase) {
                Some(started) => {
                    self.rollouts.oldest.get_or_create(&label).set(since_epoch(*started));
                }
                None => {
                    self.rollouts.oldest.remove(&label);
                }
            }
        }
    }

    fn clusters(&self, seen: &Seen<'_>) {
        let (mut links, mut holds) = (Tally::of(LINKS), Tally::of(HOLDS));
        let (mut paused, mut silent) = (Tally::of(PAUSABLE), Tally::of(["cluster", "application"]));
        let mut oldest: BTreeMap<&'static str, Timestamp> = BTreeMap::new();
        let mut pauses = |what, pauses: &[Pause]| {
            let begun =
                pauses.iter().filter(|pause| pause.is_active(seen.at)).filter_map(|pause| pause.since);
            begun.for_each(|begun| earliest(&mut oldest, what, begun));
            let mut active = pauses.iter().filter(|pause| pause.is_active(seen.at)).peekable();
            if active.peek().is_some() {
                paused.add(what, 1);
                silent.add(what, usize::from(active.any(|pause| !pause.acknowledged)));
            }
        };
        for ClusterState { pauses: asked, link, hold: held, .. } in seen.fleet.clusters.values() {
            links.add(word_of(*link), 1);
            if let Some(held) = held {
                holds.add(hold(held).reason, 1);
            }
            pauses("cluster", asked);
        }
        for line in seen.fleet.lines.values() {
            // An Application is a member of several rollouts of its line: the newest counts.
            let members = line.rollouts.last().into_iter().flat_map(|rollout| rollout.members.values());
            members
                .filter(|member| !member.pauses.is_empty())
                .for_each(|member| pauses("application", &member.pauses));
        }
        for (owner, name) in seen.report.rollouts.keys() {
            let rollout = seen.fleet.lines.get(owner).and_then(|line| line.get(name));
            if let Some(holder) = rollout.and_then(|rollout| rollout.head.holder(seen.at)) {
                paused.add("rollout", 1);
                earliest(&mut oldest, "rollout", holder.at);
            }
        }
        links.show(&self.fleet.links, |link| Linked { link });
        holds.show(&self.fleet.holds, |reason| super::fleet::Because { reason });
        paused.show(&self.fleet.paused, |what| What { what });
        for what in PAUSABLE {
            match oldest.get(what) {
                Some(begun) => {
                    self.fleet.oldest.get_or_create(&What { what }).set(since_epoch(*begun));
                }
                None => {
                    self.fleet.oldest.remove(&What { what });
                }
            }
        }
        silent.show(&self.fleet.unacknowledged, |what| What { what });
    }

    fn applications(&self, fleet: &Fleet) {
        let mut counts: BTreeMap<(&'static str, &'static str), i64> = BTreeMap::new();
        for seen in fleet.observed.values().filter(|seen| !seen.removed) {
            let stands = stands(seen.sync, seen.health.status);
            *counts.entry((stands.sync, stands.health)).or_default() += 1;
        }
        super::fleet::every(|label| {
            let count = counts.get(&(label.sync, label.health)).copied().unwrap_or_default();
            self.fleet.applications.get_or_create(&label).set(count);
        });
    }
}

fn earliest(known: &mut BTreeMap<&'static str, Timestamp>, what: &'static str, at: Timestamp) {
    let first = known.entry(what).or_insert(at);
    *first = at.min(*first);
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

const fn word_of(link: Link) -> &'static str {
    match link {
        Link::Connected => "Connected",
        Link::LostSince(_) => "Lost",
        Link::NeverSeen { .. } => "NeverSeen",
    }
}

//! An onlooker who knows nothing of the planner: what agents reported and when, who was given which order, and what
//! the policy's own words make of that.
//!
//! Of the planner's records it believes one thing only, who was excused, and asks whether the cluster gave cause for it.

use jiff::{SignedDuration, Timestamp};
use shared_model::{
    Amount, ClusterName, HealthStatus, Observation, Position, ReleaseId, SyncPhase,
    fleet_rollout::PlanSpec,
    policy::{RolloutPolicySpec, WaitOrSkip, Wave},
};
use shared_rollout::{Assigned, Change, Fleet, Link, Member, Phase, Rollout, Seat, Step};
use std::collections::{BTreeMap, BTreeSet};

/// How long a member must be Healthy when its wave does not say.
const SETTLE: SignedDuration = SignedDuration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    seen: BTreeMap<Seat, Seen>,
    /// What was shown to work, and where.
    proven: BTreeMap<(Seat, ReleaseId), Timestamp>,
    /// Where it failed.
    failed: BTreeSet<(Seat, ReleaseId)>,
    /// Every order that was ever given.
    pub(crate) ordered: BTreeSet<(Seat, Position, ReleaseId)>,
    pub(crate) problems: Vec<String>,
}

/// What an agent said last.
#[derive(Debug, Clone, Copy)]
struct Seen {
    position: Position,
    release: Option<ReleaseId>,
    /// Since when without a break.
    healthy: Option<Timestamp>,
}

impl Oracle {
    /// The hub hears an agent, whose connection was up until now.
    pub(crate) fn hear(&mut self, seat: &Seat, said: &Observation, settle: SignedDuration, now: Timestamp) {
        self.look(seat, settle, now);
        let healthy = said.phase == SyncPhase::Succeeded && said.health.status == HealthStatus::Healthy;
        let before =
            self.seen.get(seat).filter(|seen| seen.position == said.position && seen.release == said.release);
        let since = before.and_then(|seen| seen.healthy).unwrap_or(now);
        if let Some(release) = said.release {
            let broke = matches!(said.health.status, HealthStatus::Degraded | HealthStatus::Missing);
            if said.phase == SyncPhase::Failed || broke {
                self.failed.insert((seat.clone(), release));
            }
        }
        let (position, release) = (said.position, said.release);
        let seen = Seen { position, release, healthy: healthy.then_some(since) };
        self.seen.insert(seat.clone(), seen);
    }

    /// Takes in what the time that went by has shown of a seat that is connected.
    pub(crate) fn look(&mut self, seat: &Seat, settle: SignedDuration, now: Timestamp) {
        let Some(Seen { release: Some(release), healthy: Some(since), .. }) = self.seen.get(seat).copied()
        else {
            return;
        };
        if now.duration_since(since) >= settle {
            self.proven.entry((seat.clone(), release)).or_insert(since + settle);
        }
    }

    fn look_if_there(&mut self, fleet: &Fleet, seat: &Seat, settle: SignedDuration, now: Timestamp) {
        if fleet.clusters.get(&seat.0).is_some_and(|cluster| cluster.link == Link::Connected) {
            self.look(seat, settle, now);
        }
    }

    /// Looks at an order before it is given.
    pub(crate) fn judge(
        &mut self,
        waves: &BTreeMap<ClusterName, usize>,
        (fleet, step): (&Fleet, &Step),
        (seat, assigned): (&Seat, &Assigned),
        now: Timestamp,
    ) {
        if let Err(problem) = self.allows(waves, (fleet, step), (seat, assigned), now) {
            let text = format!("{now}: {} is told {} on {}: {problem}", seat.1, step.rollout, seat.0);
            self.problems.push(text);
        }
        if let Some((position, release)) = assigned.running() {
            self.ordered.insert((seat.clone(), position, release));
        }
    }

    fn allows(
        &mut self,
        waves: &BTreeMap<ClusterName, usize>,
        (fleet, step): (&Fleet, &Step),
        (seat, assigned): (&Seat, &Assigned),
        now: Timestamp,
    ) -> Result<(), String> {
        let (position, release) = assigned.running().ok_or("nothing is to be removed")?;
        let before = fleet.assigned.get(seat).map(|told| told.position);
        if before.is_some_and(|before| before >= position) {
            return Err(format!("{position} is not after {before:?}"));
        }
        let cluster = fleet.clusters.get(&seat.0).ok_or("there is no such cluster")?;
        let rollout = fleet.lines.get(&step.owner).and_then(|line| line.get(&step.rollout));
        let rollout = rollout.ok_or("there is no such rollout")?;
        if matches!(step.change, Change::Return { .. }) {
            let back = matches!(rollout.head.phase, Phase::Halted | Phase::RollingBack | Phase::RolledBack);
            let known = self.proven.contains_key(&(seat.clone(), release));
            return match (back, known) {
                (true, true) => Ok(()),
                (false, _) => Err("nothing is taken back".to_owned()),
                (true, false) => Err("what it goes back to was never shown to work there".to_owned()),
            };
        }
        if cluster.pauses.iter().any(|pause| pause.is_active(now)) {
            return Err("its cluster is paused".to_owned());
        }
        // One that was lost after the plan was made was there when it counted.
        if cluster.link.lost_since().is_some_and(|since| since < now) {
            return Err("its cluster is away".to_owned());
        }
        if self.proven.contains_key(&(seat.clone(), release)) {
            return Ok(()); // It goes back to what works there.
        }
        if matches!(rollout.head.phase, Phase::Halted | Phase::RollingBack | Phase::RolledBack) {
            return Err(format!("it is {}", rollout.head.phase));
        }
        let expedited = rollout.head.expedited.iter();
        if expedited.clone().any(|ahead| ahead.clusters.is_empty() || ahead.clusters.contains(&seat.0)) {
            return Ok(());
        }
        let PlanSpec::Policy(policy) = &rollout.plan else { return Ok(()) };
        let wave = waves.get(&seat.0).copied().ok_or("no wave takes it")?;
        (0..wave).try_for_each(|earlier| self.passed(policy, rollout, (fleet, waves, earlier), now))?;
        self.within(policy, rollout, (fleet, waves, wave), now)
    }

    /// Whether a wave before it may count as passed.
    fn passed(
        &mut self,
        policy: &RolloutPolicySpec,
        rollout: &Rollout,
        (fleet, waves, wave): (&Fleet, &BTreeMap<ClusterName, usize>, usize),
        now: Timestamp,
    ) -> Result<(), String> {
        let terms = &policy.waves[wave];
        let (mut total, mut proven, mut excused, mut failed) = (0, 0, 0, 0);
        let mut last = None;
        for (app, member) in of_wave(rollout, waves, wave) {
            let seat = (member.cluster.clone(), app.clone());
            self.look_if_there(fleet, &seat, settle(terms), now);
            total += 1;
            let key = (seat, member.release);
            if let Some(at) = self.proven.get(&key) {
                proven += 1;
                last = last.max(Some(*at));
            } else if is_let_go(member) || may_excuse(policy, fleet, &member.cluster) {
                excused += 1;
            } else if self.failed.contains(&key) || terms.deadline.is_some() {
                failed += 1;
            } else {
                return Err(format!(
                    "{} of the earlier wave {} has shown nothing",
                    member.cluster, terms.name
                ));
            }
        }
        // A wave that passed stays so, and who failed after that does not count here.
        if rollout.head.waves.get(wave).is_some_and(|wave| wave.passed.is_some()) && proven > 0 {
            return Ok(());
        }
        let most = terms.max_failures.unwrap_or(0) as usize;
        if failed > most {
            return Err(format!("{failed} of wave {} failed and {most} may", terms.name));
        }
        let needed = terms.min_proven.unwrap_or(Amount::Count(1)).quorum_of(total).max(1);
        if proven < needed {
            return Err(format!(
                "wave {}: {proven} of {needed} shown to work, {excused} excused",
                terms.name
            ));
        }
        let soak = SignedDuration::try_from(terms.soak.unwrap_or_default()).unwrap_or(SignedDuration::MAX);
        match last {
            Some(last) if now.duration_since(last) < soak => {
                Err(format!("wave {} has not soaked", terms.name))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether one more stays within what the wave may have under way.
    fn within(
        &mut self,
        policy: &RolloutPolicySpec,
        rollout: &Rollout,
        (fleet, waves, wave): (&Fleet, &BTreeMap<ClusterName, usize>, usize),
        now: Timestamp,
    ) -> Result<(), String> {
        let Some(most) = policy.waves[wave].max_update else { return Ok(()) };
        let (mut total, mut under_way) = (0, 0);
        for (app, member) in of_wave(rollout, waves, wave) {
            total += 1;
            let seat = (member.cluster.clone(), app.clone());
            self.look_if_there(fleet, &seat, settle(&policy.waves[wave]), now);
            let told = fleet.assigned.get(&seat).and_then(Assigned::running);
            let runs = told.is_some_and(|(_, release)| release == member.release);
            let let_go = member.record.as_ref().is_some_and(|record| record.may_run);
            under_way += usize::from(runs && !let_go && !self.proven.contains_key(&(seat, member.release)));
        }
        let most = most.of(total);
        if under_way < most {
            Ok(())
        } else {
            Err(format!("{under_way} of wave {} are under way and {most} may", policy.waves[wave].name))
        }
    }
}

fn of_wave<'a>(
    rollout: &'a Rollout,
    waves: &'a BTreeMap<ClusterName, usize>,
    wave: usize,
) -> impl Iterator<Item = (&'a shared_model::AppKey, &'a Member)> {
    rollout.members.iter().filter(move |(_, member)| waves.get(&member.cluster) == Some(&wave))
}

/// Whether its wave went on without it: it was excused, or came back when the wave had passed.
fn is_let_go(member: &Member) -> bool {
    member.record.as_ref().is_some_and(|record| record.excused.is_some() || record.late)
}

/// Whether the policy goes on without such a cluster.
fn may_excuse(policy: &RolloutPolicySpec, fleet: &Fleet, cluster: &ClusterName) -> bool {
    let Some(cluster) = fleet.clusters.get(cluster) else { return false };
    let away = cluster.link != Link::Connected && policy.unreachable.action == WaitOrSkip::Skip;
    away || (!cluster.pauses.is_empty() && policy.paused == WaitOrSkip::Skip)
}

pub(crate) fn settle(wave: &Wave) -> SignedDuration {
    wave.settle.map_or(SETTLE, |settle| settle.try_into().unwrap_or(SignedDuration::MAX))
}

/// The wave that each cluster is in, by the policy's words: the first that takes it, in name order.
pub(crate) fn placed<'a>(
    policy: &RolloutPolicySpec,
    clusters: impl Iterator<Item = (&'a ClusterName, &'a BTreeMap<String, String>)>,
) -> BTreeMap<ClusterName, usize> {
    let mut taken = vec![0_usize; policy.waves.len()];
    let mut waves = BTreeMap::new();
    let sorted: BTreeMap<_, _> = clusters.collect();
    for (cluster, labels) in sorted {
        let takes = |(at, wave): (usize, &Wave)| {
            let room = wave.take.is_none_or(|take| taken[at] < take as usize);
            let fits = wave.selector.as_ref().is_none_or(|selector| selector.matches(labels));
            (room && fits).then_some(at)
        };
        if let Some(at) = policy.waves.iter().enumerate().find_map(takes) {
            taken[at] += 1;
            waves.insert(cluster.clone(), at);
        }
    }
    waves
}

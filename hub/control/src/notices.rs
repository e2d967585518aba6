//! What people are told of a rollout's course: Kubernetes Events on the FleetRollout and on what it rolls out.
//!
//! Transitions follow from how a committed step changes the rollout's head, and are part of the step's transaction:
//! one Event per transition, none that did not happen, after a restart too. A wave that waits for a person
//! has an Event for as long as it waits. Members raise none: a large fleet would flood its readers, and
//! statuses name them. As in Kubernetes, Events are kept for an hour.

use crate::{
    chronicle,
    index::{Index, Object, kind_of},
};
use hub_records::{Notice, Records, history};
use hub_store::{Compare, Op, Outcome, Txn};
use jiff::Timestamp;
use shared_history::What;
use shared_model::{Kind, Owner, RolloutName, fleet_rollout::PlanSpec};
use shared_rollout::{Change, Fleet, Head, MemberRecord, Phase, Report, Rollout, Side, Step, Wait};
use shared_trace::Seed;
use std::{collections::BTreeSet, time::Duration};

/// How long Events are kept, as Kubernetes keeps them (`--event-ttl` of its API server).
const KEPT: Duration = Duration::from_secs(3600);
/// How many writes one transaction takes.
const BATCH: usize = 90;

/// What a change of a rollout's head means to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) what: What,
    /// Of which wave, from 0.
    pub(crate) wave: Option<usize>,
    pub(crate) notice: Notice,
}

/// What a step tells: Events and history, and the lines for the log once these are written.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) ops: Vec<Op>,
    pub(crate) lines: Vec<Line>,
}

/// A line of the log about a rollout.
#[derive(Debug)]
pub(crate) struct Line {
    rollout: RolloutName,
    /// Where its trace has it.
    trace_id: Option<String>,
    span_id: Option<String>,
    warning: bool,
    reason: &'static str,
    message: String,
}

impl Line {
    pub(crate) fn log(&self) {
        let Self { rollout, trace_id, span_id, warning, reason, message } = self;
        if *warning {
            tracing::warn!(%rollout, reason, trace_id, span_id, "{message}");
        } else {
            tracing::info!(%rollout, reason, trace_id, span_id, "{message}");
        }
    }
}

/// What a step tells that changes the rollout's head to `after`.
pub(crate) fn of_step(index: &Index, step: &Step, rollout: &Rollout, after: &Head, at: Timestamp) -> Told {
    let mut told = Told::default();
    let key = (step.owner.namespace.clone(), step.rollout.clone());
    let seed = index.rollouts.get(&key).and_then(|frozen| Seed::of(&frozen.spec));
    let mut kept = Vec::new();
    for transition in transitions(rollout, after, &step.change) {
        told.ops.extend(tell(index, &step.owner, &step.rollout, &transition.notice, at));
        kept.push(chronicle::of_transition(index, &step.owner, rollout, &transition, at));
        told.lines.push(Line {
            rollout: step.rollout.clone(),
            trace_id: seed.map(|seed| seed.trace.to_string()),
            span_id: seed.map(|seed| seed.root(after.attempt).to_string()),
            warning: transition.notice.warning,
            reason: transition.notice.reason,
            message: transition.notice.message,
        });
    }
    told.ops.extend(history::puts(kept));
    told
}

/// Writes what statuses tell and no transition: who is waited for. Takes away what is too old.
pub(crate) async fn keep_up(
    records: &Records,
    index: &Index,
    fleet: &Fleet,
    report: &Report,
    now: Timestamp,
) {
    let waiting: Vec<(Vec<Op>, Op)> = report
        .rollouts
        .iter()
        .filter_map(|((owner, name), rollout)| {
            let head = &fleet.lines.get(owner)?.get(name)?.head;
            let told = waits(rollout.waits_for.as_ref()?, head)?;
            let entry = chronicle::of_wait(index, (owner, name), rollout.waits_for.as_ref()?, &told, now);
            Some((tell(index, owner, name, &told.notice, now), history::put(entry)))
        })
        .collect();
    let wanted: BTreeSet<&str> = waiting.iter().flat_map(|(events, _)| events).map(Op::key).collect();
    let old = index.all(Kind::Event).filter(|(_, event)| is_old(event, now));
    let old = old.map(|((ns, name), _)| hub_records::keys::object(Kind::Event, ns, name));
    let old: Vec<Op> =
        old.filter(|key| !wanted.contains(key.as_str())).map(|key| Op::Delete { key }).collect();
    let is_new = |op: &&Op| {
        let known = hub_records::keys::parse_object(op.key());
        known.is_some_and(|(kind, ns, name)| index.object(kind, ns, name).is_none())
    };
    let new = waiting.iter().filter(|(events, _)| events.iter().any(|op| is_new(&op)));
    let new = new.map(|(events, kept)| {
        // The mirror may be behind: what is there already was told.
        let compares = events.iter().map(|op| Compare::Absent { key: op.key().to_owned() }).collect();
        Txn { compares, ops: events.iter().chain([kept]).cloned().collect() }
    });
    let old = old.chunks(BATCH).map(|part| Txn { compares: Vec::new(), ops: part.to_vec() });
    for txn in new.chain(old) {
        match records.store().commit(txn).await {
            Ok(Outcome::Committed(_) | Outcome::Conflict { .. }) => {}
            Err(error) => tracing::warn!(%error, "events could not be written"),
        }
    }
}

fn is_old(event: &Object, now: Timestamp) -> bool {
    let age = event.told.map(|last| Duration::try_from(now.duration_since(last)).unwrap_or_default());
    age.is_some_and(|age| age >= KEPT)
}

/// A rollout that waits for a person, or for a window.
fn waits(wait: &Wait, head: &Head) -> Option<Transition> {
    let attempt = head.attempt;
    let notice = |reason, key| Notice { reason, warning: false, message: wait.to_string(), key };
    let (what, notice) = if let Wait::Approval { wave, side, .. } = wait {
        let side = match side {
            Side::Before => "before",
            Side::After => "after",
        };
        (What::WaitingForApproval, notice("WaitingForApproval", format!("{attempt}/{wave}/{side}")))
    } else if let Wait::Window { why, until, .. } = wait {
        // A window that stays closed is told once, whichever clusters it holds at the moment.
        let until = until.map(|until| until.to_string()).unwrap_or_default();
        (What::WaitingForWindow, notice("WaitingForWindow", format!("{attempt}/{why}/{until}")))
    } else {
        return None;
    };
    let wave = head.waves.iter().position(|wave| wave.passed.is_none());
    Some(Transition { what, wave, notice })
}

/// The Events of a notice: on the rollout and on its owner.
fn tell(index: &Index, owner: &Owner, name: &RolloutName, notice: &Notice, at: Timestamp) -> Vec<Op> {
    let object = index.object(Kind::FleetRollout, &owner.namespace, name.as_str());
    let own = object.and_then(|object| notice.put(object.about(Kind::FleetRollout), at));
    // Two rollouts of one owner tell of different things in the same words.
    let key = format!("{name}/{}", notice.key);
    let told = Notice { message: format!("{name}: {}", notice.message), key, ..notice.clone() };
    let owners = index.owner(owner).and_then(|owned| told.put(owned.about(kind_of(owner.kind)), at));
    own.into_iter().chain(owners).collect()
}

/// What a change of the head means to people.
fn transitions(rollout: &Rollout, after: &Head, change: &Change) -> Vec<Transition> {
    let before = &rollout.head;
    let mut notices = Vec::new();
    let notice = |reason, warning, message, key| Notice { reason, warning, message, key };
    let attempt = after.attempt;
    // Without policy and steps there is one wave, and nothing to tell of it.
    let waves = if rollout.plan == PlanSpec::Immediate { &[][..] } else { &after.waves };
    for (wave, now) in waves.iter().enumerate() {
        let then = before.waves.get(wave).copied().unwrap_or_default();
        let (name, key) = (rollout.plan.wave_name(wave), format!("{attempt}/{wave}"));
        if then.opened.is_none() && now.opened.is_some() {
            let message = format!("wave {name} has opened: {}", members(of_wave(rollout, wave).count()));
            let notice = notice("WaveOpened", false, message, key.clone());
            notices.push(Transition { what: What::WaveOpened, wave: Some(wave), notice });
        }
        if then.passed.is_none() && now.passed.is_some() {
            let message = format!("wave {name} has passed{}", with(rollout, after, wave));
            let notice = notice("WavePassed", false, message, key);
            notices.push(Transition { what: What::WavePassed, wave: Some(wave), notice });
        }
    }
    if before.phase != after.phase {
        let (what, reason, warning, message) = phase(rollout, after, change);
        let notice = notice(reason, warning, message, attempt.to_string());
        notices.push(Transition { what, wave: None, notice });
    }
    notices
}

fn phase(rollout: &Rollout, after: &Head, change: &Change) -> (What, &'static str, bool, String) {
    let count = members(rollout.members.len());
    match after.phase {
        Phase::Queued => (What::RolloutQueued, "RolloutQueued", false, "it waits for its turn".to_owned()),
        Phase::Progressing => {
            let waves: Vec<String> =
                (0..after.waves.len()).map(|wave| rollout.plan.wave_name(wave)).collect();
            let waves = match rollout.plan {
                PlanSpec::Immediate => "at once".to_owned(),
                PlanSpec::RollingSync(_) => format!("in {} steps", waves.len()),
                PlanSpec::Policy(_) => format!("in waves {}", waves.join(", ")),
            };
            (What::RolloutStarted, "RolloutStarted", false, format!("{count} {waves}"))
        }
        Phase::Halted => (What::RolloutHalted, "RolloutHalted", true, halted(rollout, after)),
        Phase::RollingBack => (
            What::RollbackStarted,
            "RollbackStarted",
            true,
            format!("members go back to what was proven before: {}", halted(rollout, after)),
        ),
        Phase::RolledBack => {
            (What::RolledBack, "RolledBack", true, "every member that can be told has gone back".to_owned())
        }
        Phase::Done => (What::RolloutDone, "RolloutDone", false, format!("every wave has passed, {count}")),
        Phase::Superseded => {
            let by =
                if let Change::Supersede { by } = change { by.to_string() } else { "a newer one".to_owned() };
            (What::RolloutSuperseded, "RolloutSuperseded", false, format!("{by} took its place"))
        }
    }
}

fn halted(rollout: &Rollout, after: &Head) -> String {
    let Some(halted) = &after.halted else {
        return after.rollback.as_ref().map(|rollback| rollback.reason.clone()).unwrap_or_default();
    };
    let member = halted.member.as_ref().map(|app| match rollout.members.get(app) {
        Some(member) => format!(", {app} on {}", member.cluster),
        None => format!(", {app}"),
    });
    format!(
        "in wave {}{}: {}",
        rollout.plan.wave_name(halted.wave),
        member.unwrap_or_default(),
        halted.reason
    )
}

/// As in `: 2 of 3 proven, 1 excused`.
fn with(rollout: &Rollout, after: &Head, wave: usize) -> String {
    let evidence = after.waves.get(wave).and_then(|wave| wave.evidence);
    let (total, proven, excused) = match evidence {
        Some(evidence) => (evidence.total, evidence.proven, evidence.excused),
        None => {
            let proven = of_wave(rollout, wave).filter(|record| record.state.is_proven()).count();
            let excused = |record: &&MemberRecord| record.excused.is_some() && !record.state.is_proven();
            (of_wave(rollout, wave).count(), proven, of_wave(rollout, wave).filter(excused).count())
        }
    };
    let excused = if excused > 0 { format!(", {excused} excused") } else { String::new() };
    format!(": {proven} of {total} proven{excused}")
}

fn of_wave(rollout: &Rollout, wave: usize) -> impl Iterator<Item = &MemberRecord> {
    let records = rollout.members.values().filter_map(|member| member.record.as_ref());
    records.filter(move |record| record.wave == Some(wave))
}

fn members(count: usize) -> String {
    format!("{count} member{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;

//! What a person's decision makes of a rollout's head.
//!
//! The API reads the head, asks [`decide`], and writes the answer with a compare on the head's
//! revision: a plan that was made from the head before does not go through any more (design,
//! "Rollout invariants"). So a person is never overtaken by a plan in flight.
//!
//! What it refuses to know: who may decide (the API), and whether the evidence is good enough (the
//! person).

use crate::{
    record::{
        Approved, DECISIONS, Decided, Decision, Expedited, Halted, Head, HeldUp, Phase, Rollback, Side,
        WaveHead,
    },
    terms::Terms,
};
use shared_model::{ClusterName, fleet_rollout::PlanSpec};
use std::fmt;

/// How many clusters one decision names at most: a head keeps what was decided, and is read often.
const NAMED: usize = 100;

/// Why a decision cannot be taken, as a sentence with its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// The head after the decision, with the decision in its log. `leads` says whether the rollout is the
/// one that decides for its line now.
///
/// # Errors
/// [`Refused`] when the decision makes no sense in this phase: says why and what to do instead.
pub fn decide(plan: &PlanSpec, head: &Head, leads: bool, decided: &Decided) -> Result<Head, Refused> {
    let mut after = head.clone();
    let waits = head.phase == Phase::Queued;
    if head.phase == Phase::Superseded {
        return refuse("it is superseded: a newer rollout decides for its line; name that one");
    }
    if !leads && !waits {
        return refuse("a newer rollout decides for its line; name that one");
    }
    match &decided.what {
        Decision::Approve { wave } => approve(plan, &mut after, wave.as_deref(), decided)?,
        Decision::Pause { until } => {
            if until.is_some_and(|until| until <= decided.at) {
                return refuse(
                    "a pause must end after it begins; leave the end out to pause until somebody resumes",
                );
            }
            let Decided { by, at, reason, .. } = decided.clone();
            after.paused = Some(HeldUp { by, at, reason, until: *until });
        }
        Decision::Resume => resume(&mut after, decided)?,
        Decision::Abort => abort(&mut after, decided)?,
        Decision::Retry => retry(&mut after)?,
        Decision::Undo { pin } => undo(&mut after, *pin, decided)?,
        Decision::Expedite { clusters } => {
            if !matches!(head.phase, Phase::Queued | Phase::Progressing) {
                return refuse(format!(
                    "only what is queued or progressing can be expedited, and it is {}{}",
                    head.phase,
                    hint(head)
                ));
            }
            expedite(&mut after, clusters, decided)?;
        }
    }
    after.decisions.push(decided.clone());
    let old = after.decisions.len().saturating_sub(DECISIONS);
    after.decisions.drain(..old);
    Ok(after)
}

/// Lets members go ahead. What an earlier decision let go and this one does too is not kept twice.
fn expedite(head: &mut Head, clusters: &[ClusterName], decided: &Decided) -> Result<(), Refused> {
    if clusters.len() > NAMED {
        return refuse(format!(
            "it names {} clusters; name at most {NAMED}, or none for all",
            clusters.len()
        ));
    }
    let covered = |earlier: &Expedited| {
        let all = earlier.clusters.iter().all(|cluster| clusters.contains(cluster));
        clusters.is_empty() || (all && !earlier.clusters.is_empty())
    };
    head.expedited.retain(|earlier| !covered(earlier));
    if head.expedited.len() >= DECISIONS {
        return refuse("it was expedited too often; name no cluster to let all go ahead");
    }
    let Decided { by, at, reason, .. } = decided.clone();
    head.expedited.push(Expedited { clusters: clusters.to_vec(), by, at, reason });
    Ok(())
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

/// What a person may want instead.
fn hint(head: &Head) -> &'static str {
    match head.phase {
        Phase::Halted | Phase::RolledBack | Phase::RollingBack => {
            "; `flotilla rollout retry` lets it try again"
        }
        Phase::Done => "; `flotilla rollout undo` takes it back",
        Phase::Queued | Phase::Progressing | Phase::Superseded => "",
    }
}

fn approve(plan: &PlanSpec, head: &mut Head, name: Option<&str>, decided: &Decided) -> Result<(), Refused> {
    if head.phase != Phase::Progressing {
        return refuse(format!("nothing of it waits for approval: it is {}{}", head.phase, hint(head)));
    }
    let terms = Terms::of(plan);
    let sides = |wave: usize| {
        terms.waves[wave].approval.into_iter().flat_map(|approval| {
            let before = approval.before().then_some(Side::Before);
            before.into_iter().chain(approval.after().then_some(Side::After))
        })
    };
    let reached = |wave: usize| head.waves[..wave].iter().all(|earlier| earlier.passed.is_some());
    let known = head.waves.len().min(terms.waves.len());
    let wanted = |wave: &usize| name.is_none_or(|name| terms.waves[*wave].name == name);
    let Some(last) = (0..known).rfind(wanted) else {
        let names: Vec<_> = terms.waves.iter().map(|wave| wave.name.as_str()).collect();
        return refuse(format!(
            "there is no wave `{}`; its waves are {}",
            name.unwrap_or_default(),
            names.join(", ")
        ));
    };
    let open = (0..known).filter(wanted).find_map(|wave| {
        let state = head.waves[wave];
        let side = if state.opened.is_none() { Side::Before } else { Side::After };
        let asked = state.passed.is_none() && reached(wave) && sides(wave).any(|one| one == side);
        (asked && head.approval(wave, side).is_none()).then_some((wave, side))
    });
    if let Some((wave, side)) = open {
        let Decided { by, at, reason, .. } = decided.clone();
        head.approvals.push(Approved { wave, side, by, at, reason });
        return Ok(());
    }
    let wave = if name.is_some() {
        last
    } else {
        head.waves.iter().position(|wave| wave.passed.is_none()).unwrap_or(last)
    };
    let shown = &terms.waves[wave].name;
    if !reached(wave) {
        return refuse(format!("wave {shown} has not been reached; approve it when it waits for you"));
    }
    match head.approvals.iter().rfind(|given| given.wave == wave) {
        Some(given) => {
            refuse(format!("wave {shown} was approved by {} at {}", given.by, crate::wait::second(given.at)))
        }
        None => {
            refuse(format!("wave {shown} needs no approval; `flotilla rollout why` says what it waits for"))
        }
    }
}

fn resume(head: &mut Head, decided: &Decided) -> Result<(), Refused> {
    if head.paused.as_ref().is_some_and(|paused| paused.is_active(decided.at)) {
        head.paused = None;
        return Ok(());
    }
    if let Some(rollback) = head.rollback.as_mut().filter(|rollback| rollback.pins) {
        rollback.pins = false;
        return Ok(());
    }
    refuse(format!("it is not paused: it is {}{}", head.phase, hint(head)))
}

fn abort(head: &mut Head, decided: &Decided) -> Result<(), Refused> {
    let Decided { by, at, reason, .. } = decided.clone();
    let wave = current(head);
    let reason = if reason.is_empty() { format!("aborted by {by}") } else { reason };
    match head.phase {
        // It never decided for its line, and never will.
        Phase::Queued => {
            head.phase = Phase::Superseded;
            head.finished = Some(at);
        }
        Phase::Progressing | Phase::RollingBack => head.phase = Phase::Halted,
        Phase::Halted | Phase::Done | Phase::RolledBack | Phase::Superseded => {
            return refuse(format!("it moves nothing any more: it is {}{}", head.phase, hint(head)));
        }
    }
    head.halted = Some(Halted { at, wave, reason, member: None, by: Some(by) });
    head.paused = None;
    Ok(())
}

fn retry(head: &mut Head) -> Result<(), Refused> {
    match head.phase {
        Phase::Halted => {}
        Phase::RollingBack | Phase::RolledBack => {
            // What went back starts at wave one again, and whoever approved has to look again.
            for wave in &mut head.waves {
                *wave = WaveHead { filled: wave.filled, ..WaveHead::default() };
            }
            head.approvals.clear();
        }
        Phase::Queued | Phase::Progressing | Phase::Done | Phase::Superseded => {
            return refuse(format!(
                "only what halted or went back can be tried again, and it is {}",
                head.phase
            ));
        }
    }
    head.phase = Phase::Progressing;
    head.attempt += 1;
    head.halted = None;
    head.rollback = None;
    head.paused = None;
    head.finished = None;
    Ok(())
}

fn undo(head: &mut Head, pins: bool, decided: &Decided) -> Result<(), Refused> {
    match head.phase {
        Phase::Progressing | Phase::Halted | Phase::Done => {}
        Phase::Queued => {
            return refuse(
                "it has not started, so there is nothing to take back; `flotilla rollout abort` gives it up",
            );
        }
        Phase::RollingBack | Phase::RolledBack | Phase::Superseded => {
            return refuse("it is taken back already; `flotilla rollout status` shows how far");
        }
    }
    let Decided { by, at, reason, .. } = decided.clone();
    let wave = current(head);
    if head.halted.is_none() {
        let reason = if reason.is_empty() { format!("undone by {by}") } else { reason.clone() };
        head.halted = Some(Halted { at, wave, reason, member: None, by: Some(by.clone()) });
    }
    head.phase = Phase::RollingBack;
    head.finished = None;
    head.paused = None;
    head.rollback = Some(Rollback { at, by: Some(by), reason, pins });
    Ok(())
}

/// The wave under way, or the last.
fn current(head: &Head) -> usize {
    let open = head.waves.iter().position(|wave| wave.passed.is_none());
    open.unwrap_or_else(|| head.waves.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn expedite(head: &Head, clusters: &[&str]) -> Result<Head, Refused> {
        let clusters = clusters.iter().map(|name| ClusterName::new(*name)).collect();
        let what = Decision::Expedite { clusters };
        let decided = Decided { what, by: "ann".into(), at: Timestamp::UNIX_EPOCH, reason: String::new() };
        decide(&PlanSpec::Immediate, head, true, &decided)
    }

    #[test]
    fn what_is_expedited_again_is_kept_once_and_a_head_stays_small() {
        let mut head = Head { phase: Phase::Progressing, ..Head::default() };
        for _ in 0..3 {
            head = expedite(&head, &["eu-1"]).unwrap();
        }
        head = expedite(&head, &["us-1", "eu-2"]).unwrap();
        assert_eq!(head.expedited.len(), 2);
        let many: Vec<String> = (0..=NAMED).map(|index| format!("c{index}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(expedite(&head, &many).unwrap_err().0.contains("name at most 100"));
        for name in &many[..DECISIONS - 2] {
            head = expedite(&head, &[name]).unwrap();
        }
        assert!(expedite(&head, &["one-more"]).unwrap_err().0.contains("name no cluster"));
        head = expedite(&head, &[]).unwrap();
        assert_eq!((head.expedited.len(), head.decisions.len()), (1, DECISIONS));
    }
}

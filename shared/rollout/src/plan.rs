//! The order in which things are decided.
//!
//! Places first, then what was observed, failures, turns, gates, and only then releases; each only
//! when those before it have nothing more to add. So nothing is released while a failure that is
//! already known is still to be counted. All of it repeats until it adds nothing, which is what makes
//! a plan *stable* (invariant 9): nothing is left for a second plan of the same fleet at that time.
//! And because each decision is taken from what the steps before it wrote, a hub that stops after
//! any step plans the rest of the same steps.

use crate::{
    back,
    draft::{Draft, Wake},
    excuse,
    fleet::Fleet,
    gate, proof,
    record::{MemberState, Phase, Side},
    release,
    report::{self, Report},
    rows::Marks,
    step::{Change, Plan},
    supersede, waves,
};
use jiff::Timestamp;
use shared_model::Owner;
use std::collections::BTreeSet;

/// Decides what is to be done at `now`, and reports what waits for what after that.
///
/// `now` is the larger of the hub's clock and the time of the last plan that was committed.
pub fn plan(fleet: &Fleet, now: Timestamp) -> (Plan, Report) {
    decide(Draft::new(fleet, None, now))
}

/// As [`plan`], for the lines of these owners only.
///
/// What it decides for a line is what [`plan`] decides for it, as long as nothing is new for any line that it is
/// coupled with: by the limit per cluster, or by `dependsOn`. Whoever plans part of a fleet plans the lines that are
/// coupled with those that changed, until nothing changes (see `hub-control`).
pub fn plan_lines(fleet: &Fleet, owners: &BTreeSet<Owner>, now: Timestamp) -> (Plan, Report) {
    decide(Draft::new(fleet, Some(owners), now))
}

fn decide(mut draft: Draft<'_>) -> (Plan, Report) {
    while DECISIONS.iter().any(|decide| grows(&mut draft, decide)) {}
    let mut wake = Wake::default();
    let report = report::report(&draft, &mut wake);
    (Plan { at: draft.now, steps: draft.steps, wake: wake.0 }, report)
}

/// Each is taken only when those before it have nothing more to add.
const DECISIONS: [fn(&mut Draft<'_>); 10] =
    [place, settle_in, again, take_in, halt, roll_back, withdraw, take_turns, advance, release];

/// Whether the decision adds steps.
fn grows(draft: &mut Draft<'_>, decide: &fn(&mut Draft<'_>)) -> bool {
    let before = draft.steps.len();
    decide(draft);
    draft.steps.len() > before
}

fn place(draft: &mut Draft<'_>) {
    for line in draft.planned() {
        if let Some(lead) = draft.acting(&line) {
            waves::place(draft, lead);
        }
    }
}

fn settle_in(draft: &mut Draft<'_>) {
    for line in draft.planned() {
        if let Some(lead) = draft.acting(&line) {
            waves::settle_in(draft, lead);
            excuse::readmit(draft, lead);
            if draft.head(lead).phase == Phase::Progressing {
                excuse::pins(draft, lead);
            }
        }
    }
}

/// Members of a rollout that a person let try again.
fn again(draft: &mut Draft<'_>) {
    for line in draft.planned() {
        if let Some(lead) = draft.progressing(&line) {
            proof::again(draft, lead);
        }
    }
}

fn take_in(draft: &mut Draft<'_>) {
    for line in draft.planned() {
        for index in line {
            if draft.head(index).phase != Phase::Queued {
                proof::take_in(draft, index);
            }
        }
    }
}

fn halt(draft: &mut Draft<'_>) {
    for line in draft.planned() {
        if let Some(lead) = draft.acting(&line)
            && matches!(draft.head(lead).phase, Phase::Progressing | Phase::Done)
            && let Some(halt) = failed(draft, lead)
        {
            draft.step(lead, halt);
        }
    }
}

fn roll_back(draft: &mut Draft<'_>) {
    for line in draft.planned() {
        if let Some(lead) = draft.acting(&line) {
            back::start(draft, lead);
        }
    }
}

fn withdraw(draft: &mut Draft<'_>) {
    for line in draft.planned() {
        for index in line {
            back::withdraw(draft, index);
        }
    }
}

fn take_turns(draft: &mut Draft<'_>) {
    for line in draft.planned() {
        supersede::take_turns(draft, &line);
    }
}

fn release(draft: &mut Draft<'_>) {
    draft.refuse_nobody();
    for line in draft.planned() {
        if let Some(lead) = draft.acting(&line) {
            release::release(draft, lead);
            release::baselines(draft, lead);
            back::go_back(draft, lead);
        }
    }
}

fn advance(draft: &mut Draft<'_>) {
    for line in draft.planned() {
        if let Some(lead) = draft.progressing(&line) {
            gates(draft, lead);
        }
    }
}

/// Opens and passes waves as far as their gates are met.
fn gates(draft: &mut Draft<'_>, index: usize) {
    if draft.head(index).holder(draft.now).is_some() {
        return;
    }
    while let Some(wave) = draft.head(index).waves.iter().position(|wave| wave.passed.is_none()) {
        if draft.head(index).waves[wave].opened.is_none() {
            if gate::unmet_before(draft, index, wave, draft.tally(index)).is_some() {
                return;
            }
            if gate::unapproved(draft, index, wave, Side::Before).is_some() {
                return;
            }
            draft.step(index, Change::Open { wave });
        }
        excuse::excuse(draft, index, wave);
        let tallies = draft.tally(index);
        if gate::unmet_before(draft, index, wave + 1, tallies).is_some() {
            return;
        }
        let evidence = tallies[wave].evidence();
        draft.step(index, Change::Pass { wave, evidence });
    }
    if gate::unmet_next(draft, index, draft.tally(index)).is_none() {
        draft.step(index, Change::Finish);
    }
}

/// The halt that is due when more members of a wave failed than it allows (invariant 4). A rollout that
/// was done halts too, when those who joined it later fail.
fn failed(draft: &Draft<'_>, index: usize) -> Option<Change> {
    let tallies = draft.tally(index);
    let over = |wave: &usize| {
        draft.wave(index, *wave).max_failures.is_some_and(|most| tallies[*wave].failures > most)
    };
    let wave = (0..tallies.len()).find(over)?;
    let failed = draft.placed_with(index, Marks::FAILED).filter(|(_, _, _, its)| *its == wave);
    let (app, _, record, _) = failed.max_by_key(|(_, _, record, _)| match record.state {
        MemberState::Failed { at, .. } => Some(at),
        MemberState::Waiting
        | MemberState::Released { .. }
        | MemberState::Proven { .. }
        | MemberState::Returning { .. }
        | MemberState::Returned { .. } => None,
    })?;
    let reason = match &record.state {
        MemberState::Failed { reason, .. } => reason.clone(),
        MemberState::Waiting
        | MemberState::Released { .. }
        | MemberState::Proven { .. }
        | MemberState::Returning { .. }
        | MemberState::Returned { .. } => "failed earlier".to_owned(),
    };
    Some(Change::Halt { wave, reason, member: app.clone() })
}

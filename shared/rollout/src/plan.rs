//! The order in which things are decided.
//!
//! First what was observed, then whose turn it is, then waves and gates, until nothing follows any
//! more; only then releases. So no release is planned while a failure that is already known is still
//! to be counted. All of that repeats until it changes nothing, which is what makes a plan *stable*
//! (invariant 9): nothing is left for a second plan of the same fleet at the same time.
//!
//! A plan never opens a wave on proof that a step of its own would take away, so every prefix of its
//! steps is safe, and a fleet that was stopped after any of them plans the rest.

use crate::{
    draft::{Draft, Wake},
    excuse,
    fleet::Fleet,
    gate, proof,
    record::{MemberState, Phase},
    release,
    report::{self, Report},
    step::{Change, Plan},
    supersede, waves,
};
use jiff::Timestamp;

/// Decides what is to be done at `now`, and reports what waits for what after that.
///
/// `now` is the larger of the hub's clock and the time of the last plan that was committed.
pub fn plan(fleet: &Fleet, now: Timestamp) -> (Plan, Report) {
    let mut draft = Draft::new(fleet, now);
    loop {
        while grows(&mut draft, decide) {}
        draft.waits.clear();
        if !grows(&mut draft, release) {
            break;
        }
    }
    let mut wake = Wake::default();
    let report = report::report(&draft, &mut wake);
    (Plan { at: now, steps: draft.steps, wake: wake.0 }, report)
}

/// Whether the decision adds steps.
fn grows<'a>(draft: &mut Draft<'a>, decide: impl Fn(&mut Draft<'a>)) -> bool {
    let before = draft.steps.len();
    decide(draft);
    draft.steps.len() > before
}

/// Everything but releases, once.
fn decide(draft: &mut Draft<'_>) {
    let lines = draft.lines.clone();
    for line in &lines {
        let lead = draft.lead(line);
        for index in line.clone() {
            if draft.head(index).phase != Phase::Queued {
                proof::take_in(draft, index, lead == Some(index));
            }
        }
    }
    for line in &lines {
        supersede::take_turns(draft, line);
        if let Some(lead) = draft.lead(line) {
            advance(draft, lead);
        }
    }
}

fn release(draft: &mut Draft<'_>) {
    for line in draft.lines.clone() {
        if let Some(lead) = draft.lead(&line) {
            release::release(draft, lead);
            release::baselines(draft, lead);
        }
    }
}

/// Places members, halts, and moves gates.
fn advance(draft: &mut Draft<'_>, index: usize) {
    waves::place(draft, index);
    waves::settle_in(draft, index);
    excuse::readmit(draft, index);
    if draft.head(index).phase != Phase::Progressing {
        return;
    }
    if let Some(halt) = halt(draft, index) {
        draft.step(index, halt);
        return;
    }
    while let Some(wave) = draft.head(index).waves.iter().position(|wave| wave.passed.is_none()) {
        if draft.head(index).waves[wave].opened.is_none() {
            if gate::unmet_before(draft, index, wave, &gate::tally(draft, index)).is_some() {
                return;
            }
            draft.step(index, Change::Open { wave });
        }
        excuse::excuse(draft, index, wave);
        if gate::unmet(draft, index, wave, &gate::tally(draft, index)[wave]).is_some() {
            return;
        }
        draft.step(index, Change::Pass { wave });
    }
    if gate::unmet_next(draft, index, &gate::tally(draft, index)).is_none() {
        draft.step(index, Change::Finish);
    }
}

/// The halt that is due when more members of a wave failed than it allows (invariant 4).
fn halt(draft: &Draft<'_>, index: usize) -> Option<Change> {
    let tallies = gate::tally(draft, index);
    let over = |wave: &usize| {
        draft.wave(index, *wave).max_failures.is_some_and(|most| tallies[*wave].failures > most)
    };
    let wave = (0..tallies.len()).find(over)?;
    let failed = draft.placed(index).filter(|(_, _, record, its)| *its == wave && record.failures > 0);
    let (app, _, record, _) = failed.max_by_key(|(_, _, record, _)| match record.state {
        MemberState::Failed { at, .. } => Some(at),
        MemberState::Waiting | MemberState::Released { .. } | MemberState::Proven { .. } => None,
    })?;
    let reason = match &record.state {
        MemberState::Failed { reason, .. } => reason.clone(),
        MemberState::Waiting | MemberState::Released { .. } | MemberState::Proven { .. } => {
            "failed earlier".to_owned()
        }
    };
    Some(Change::Halt { wave, reason, member: app.clone() })
}

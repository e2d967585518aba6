//! What goes wrong with a hundred rollouts under way, and what people do meanwhile.

use super::{Commit, Event, Set};
use crate::{chance::Chance, trouble::Trouble};
use jiff::{SignedDuration, Timestamp};
use shared_model::Owner;
use shared_rollout::Decision;
use std::collections::BTreeMap;

/// The commit that everything runs at first has settled by then.
pub(crate) const PUSHED_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// How long all of it lasts.
pub(crate) const LENGTH: SignedDuration = SignedDuration::from_mins(70);

/// Something to come.
#[derive(Debug)]
pub(crate) enum Coming {
    Rollout(Event),
    Trouble(Trouble),
}

/// All of it, in order of time.
pub(crate) fn of_a_night(
    sets: &BTreeMap<Owner, Set>,
    agents: usize,
    start: Timestamp,
    chance: &mut Chance,
) -> Vec<(Timestamp, Coming)> {
    let mut all = Vec::new();
    let minutes = |from: i64, to: i64, chance: &mut Chance| chance.seconds(from * 60, to * 60);
    for (number, owner) in sets.keys().enumerate() {
        let mut push = |at: SignedDuration, bad: usize| {
            all.push((start + at, Coming::Rollout(Event::Push(owner.clone(), Commit { bad }))));
        };
        let first = PUSHED_AFTER + minutes(0, 4, chance);
        let bad = match chance.below(10) {
            0..4 => 0,
            4..7 => 100,
            _ => 40,
        };
        push(first, bad);
        if number % 10 == 0 {
            // A busy repository.
            (1..6).for_each(|minute| push(first + SignedDuration::from_mins(minute), 0));
        } else if bad > 0 && chance.percent(50) {
            push(first + minutes(8, 30, chance), 0);
        }
        for _ in 0..4 {
            let at = start + first + minutes(1, 40, chance);
            all.push((at, Coming::Rollout(Event::Decide(owner.clone(), Decision::Approve { wave: None }))));
        }
        if chance.percent(40) {
            let at = start + first + minutes(0, 40, chance);
            let decision = decision(&sets[owner], at, chance);
            all.push((at, Coming::Rollout(Event::Decide(owner.clone(), decision))));
        }
    }
    // A third of the fleet is cut off in the middle, half of it without a sign.
    let middle = start + PUSHED_AFTER + SignedDuration::from_mins(6);
    for agent in (0..agents).filter(|agent| agent % 3 == 1) {
        let silent = chance.percent(50);
        all.push((middle + chance.seconds(0, 20), Coming::Trouble(Trouble::Cut { agent, silent })));
        all.push((middle + minutes(8, 20, chance), Coming::Trouble(Trouble::Heal { agent })));
    }
    for _ in 0..agents / 10 {
        let at = start + PUSHED_AFTER + minutes(0, 40, chance);
        let agent = chance.below(agents);
        match chance.below(3) {
            0 => {
                all.push((at, Coming::Trouble(Trouble::Kill { agent })));
                all.push((at + chance.seconds(1, 120), Coming::Trouble(Trouble::Start { agent })));
            }
            1 => {
                all.push((at, Coming::Trouble(Trouble::ApiDown { agent })));
                all.push((at + chance.seconds(5, 300), Coming::Trouble(Trouble::ApiUp { agent })));
            }
            _ => all.push((at, Coming::Trouble(Trouble::Pause { agent, minutes: 5 }))),
        }
    }
    // While they are away, the hub fails over; and back, to the one whose clock is behind.
    for after in [9, 30] {
        let at = start + PUSHED_AFTER + SignedDuration::from_mins(after);
        all.push((at, Coming::Rollout(Event::Failover)));
    }
    let looks = (1..40).map(|five| {
        (start + PUSHED_AFTER + SignedDuration::from_mins(5 * five), Coming::Rollout(Event::Look))
    });
    all.extend(looks);
    all.sort_by_key(|(at, _)| *at);
    all
}

fn decision(set: &Set, at: Timestamp, chance: &mut Chance) -> Decision {
    match chance.below(6) {
        0 => Decision::Pause { until: None },
        1 => Decision::Pause { until: Some(at + SignedDuration::from_mins(15)) },
        2 => Decision::Abort,
        3 => Decision::Undo { pin: chance.percent(50) },
        4 => Decision::Retry,
        _ => Decision::Expedite { clusters: chance.pick(&set.clusters).into_iter().cloned().collect() },
    }
}

/// What people do when all trouble is over: they lift what they hold, and approve what waits for that.
pub(crate) fn ends(sets: &BTreeMap<Owner, Set>, start: Timestamp) -> Vec<(Timestamp, Event)> {
    let of_set = |owner: &Owner| {
        let resumes = (0..2).map(|_| Decision::Resume);
        let approvals = (0..12).map(|_| Decision::Approve { wave: None });
        let decisions = resumes.chain(approvals).enumerate();
        let at =
            |number: usize| start + SignedDuration::from_mins(i64::try_from(5 * number + 1).unwrap_or(0));
        decisions
            .map(|(number, decision)| (at(number), Event::Decide(owner.clone(), decision)))
            .collect::<Vec<_>>()
    };
    sets.keys().flat_map(of_set).collect()
}

//! The measurement, in its order.

use crate::{
    Args, ground,
    table::{head, quantiles, row, say, time},
};
use anyhow::{Context as _, ensure};
use benches_machine::{computed, load, machine, memory, timed};
use jiff::{SignedDuration, Timestamp};
use shared_rollout::{Fleet, Plan, Seat, apply, check, check_lines, plan, plan_lines};
use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

/// Measures, and prints each figure as it is known.
///
/// # Errors
/// When the fleet does not do what it is meant to.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let (clusters, applications) = (args.clusters(), args.applications);
    say(&format!(
        "{clusters} clusters x {applications} applications; {}, load average {}\n",
        machine(),
        load()
    ));
    head();
    let mut now: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let before = memory().resident;
    let mut fleet = ground::fleet(clusters, applications, now)?;
    ground::finish(&mut fleet, now);
    ground::commit(&mut fleet, 0, now)?;
    let taken = memory().resident.saturating_sub(before) * 1024;
    row("memory of the index", &format!("{} MB", taken / 1_000_000), "200 MB");

    // All is proven everywhere; one line has a commit and stops half way.
    let (mut waiting, mut proven) = (VecDeque::new(), 0);
    while proven < clusters / 2 {
        now += SignedDuration::from_secs(10);
        let next = planned(&fleet, now)?;
        apply(&mut fleet, &next);
        let told: Vec<Seat> = ground::told(&next).collect();
        proven += told.len();
        for seat in told {
            observed(&mut fleet, &seat, now)?;
        }
    }
    now += SignedDuration::from_secs(10);
    let next = planned(&fleet, now)?;
    apply(&mut fleet, &next);
    waiting.extend(ground::told(&next));

    let ((again, _), spent) = timed(|| plan(&fleet, now));
    row("plan of everything, nothing new", &time(spent), "");
    ensure!(again.steps.is_empty(), "planning again changed something");
    one_by_one(&mut fleet, waiting, args.observations(), now)?;

    let fresh = ground::fleet(clusters, applications, now)?;
    let ((first, report), spent) = timed(|| plan(&fresh, now));
    row("first plan of a new fleet", &time(spent), "");
    let (broken, spent) = timed(|| check(&fresh, &first, &report, now));
    row("check of it", &time(spent), "");
    ensure!(broken.is_empty(), "the first plan breaks an invariant: {}", broken[0]);
    Ok(())
}

/// Takes in an observation at a time, as they come all day: each proves a member and lets the next go.
fn one_by_one(
    fleet: &mut Fleet,
    mut waiting: VecDeque<Seat>,
    observations: usize,
    mut now: Timestamp,
) -> anyhow::Result<()> {
    let (mut planning, mut checking, mut steps): (Vec<Duration>, Vec<Duration>, usize) = Default::default();
    let before = computed();
    let concerned = BTreeSet::from([ground::owner(0)]);
    for _ in 0..observations {
        let Some(seat) = waiting.pop_front() else { break };
        now += SignedDuration::from_secs(1);
        observed(fleet, &seat, now)?;
        let ((next, report), spent) = timed(|| plan_lines(fleet, &concerned, now));
        planning.push(spent);
        let (broken, spent) = timed(|| check_lines(fleet, &concerned, &next, &report, now));
        checking.push(spent);
        ensure!(broken.is_empty(), "a plan breaks an invariant: {}", broken[0]);
        ensure!(!next.steps.is_empty(), "an observation proved nothing");
        steps += next.steps.len();
        apply(fleet, &next);
        waiting.extend(ground::told(&next));
    }
    row("plan after one observation, p50 / p99", &quantiles(&planning), "5 ms");
    row("check of it, p50 / p99", &quantiles(&checking), "");
    let each = (computed() - before) / u32::try_from(planning.len().max(1))?;
    row("computed for both, on average", &time(each), "");
    row("its steps", &format!("{:.1}", steps as f64 / planning.len().max(1) as f64), "");
    Ok(())
}

fn planned(fleet: &Fleet, now: Timestamp) -> anyhow::Result<Plan> {
    let (plan, _) = plan(fleet, now);
    ensure!(!plan.steps.is_empty(), "the fleet stands still");
    Ok(plan)
}

fn observed(fleet: &mut Fleet, seat: &Seat, now: Timestamp) -> anyhow::Result<()> {
    let report = ground::report(fleet, seat, now).context("an agent that was told nothing")?;
    fleet.observed.insert(seat.clone(), report);
    Ok(())
}

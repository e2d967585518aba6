//! What is explored each time, and that the search finds what there is to find.

use crate::{
    Setup,
    action::{Planned, actions, apply},
    canon, explore, setups,
    state::State,
};
use shared_rollout::Decision;
use std::collections::{HashMap, VecDeque};

/// Explores the setup of that name: no story breaks an invariant, and there are as many moments as ever.
#[track_caller]
fn check(name: &str) {
    let expected = setups().into_iter().find(|expected| expected.setup.name == name).unwrap();
    let explored = explore(&expected.setup, usize::MAX).unwrap_or_else(|broken| panic!("{broken}"));
    println!("{name}: {explored:?}");
    assert!(explored.complete);
    assert_eq!(Some(explored.states), expected.states, "the moments of {name}: write the new number down");
}

macro_rules! explored {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        #[test]
        fn every_setup_with_a_size_is_explored() {
            let sized: Vec<_> = setups().into_iter().filter(|one| one.states.is_some()).collect();
            let names: Vec<_> = sized.iter().map(|one| one.setup.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

explored! { calm failures rollback deaths partition pause flight undo hold expedite approval retry }

/// Without one of its fences the hub breaks the rule, and the search tells how.
#[track_caller]
fn finds(rule: &str, last: &str, change: impl FnOnce(&mut Setup)) {
    let mut setup = setups().remove(6).setup;
    assert_eq!(setup.name, "flight");
    setup.quota.commits = 1;
    change(&mut setup);
    let broken = explore(&setup, usize::MAX).expect_err("a fence is missing");
    let landing = broken.story.iter().any(|line| line.contains("comes to the store"));
    assert!(broken.rule == rule && broken.message.contains(last) && landing, "{broken}");
}

#[test]
fn without_the_lease_two_hubs_release_more_than_may_be() {
    finds("BlastRadius", "2 of wave rest are exposed and 1 may be", |setup| {
        setup.fences.lease = false;
        (setup.quota.losses, setup.quota.pauses) = (3, 0);
    });
}

#[test]
fn without_a_compare_of_heads_a_plan_in_flight_overruns_a_person() {
    finds("Halt", "although r1 was stopped", |setup| {
        setup.fences.heads = false;
        setup.decisions = vec![Decision::Abort];
        setup.quota.decisions = 1;
    });
}

#[test]
fn without_a_compare_of_seats_two_hubs_give_one_position_twice() {
    finds("NeverBackwards", "after a higher position", |setup| {
        (setup.fences.lease, setup.fences.seats) = (false, false);
        (setup.quota.bad, setup.quota.pauses) = (1, 0);
    });
}

#[test]
fn without_a_compare_of_clusters_a_plan_in_flight_overruns_a_pause() {
    finds("Pause", "is paused and is told something", |setup| setup.fences.clusters = false);
}

/// What counts as the same moment leads to the same: checked for every second way to a moment.
#[test]
fn moments_that_count_as_the_same_go_on_alike() {
    let mut setup = setups().remove(4).setup;
    assert_eq!(setup.name, "partition");
    setup.quota.commits = 1;
    setup.symmetric = false;
    let mut known: HashMap<u128, (State, Vec<u128>)> = HashMap::new();
    let mut waiting = VecDeque::from([State::new(&setup)]);
    let mut twice = 0;
    while let Some(state) = waiting.pop_front() {
        let planned = Planned::of(&state).unwrap();
        let all = actions(&setup, &state, &planned).into_iter();
        let next: Vec<State> =
            all.filter_map(|action| apply(&setup, &state, &planned, &action).unwrap()).collect();
        let keys: Vec<u128> = next.iter().map(|next| canon::key(&setup, next)).collect();
        let key = canon::key(&setup, &state);
        if let Some((first, then)) = known.get(&key) {
            twice += 1;
            assert_eq!(*then, keys, "not the same at all:\n{:#?}\n{:#?}", first.fleet, state.fleet);
            continue;
        }
        known.insert(key, (state, keys));
        waiting.extend(next);
    }
    println!("{} moments, {twice} second ways", known.len());
    assert!(twice > known.len() / 4);
}

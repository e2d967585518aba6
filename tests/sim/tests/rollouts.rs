//! A hundred rollouts over a thousand clusters, twice from one seed.

use tests_sim::{Outcome, Rollouts};

/// Runs a seed; one that fails is run again for its log.
fn night(config: Rollouts) -> Outcome {
    let outcome = config.run(None);
    if !outcome.problems.is_empty() {
        let name = format!("rollouts-{}-{}.log", config.clusters, config.seed);
        let log = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _same = config.run(Some(&log));
        panic!("seed {}: {}\nthe log is in {}", config.seed, outcome.problems.join("\n"), log.display());
    }
    outcome
}

#[test]
fn a_hundred_rollouts_end_as_their_policies_say_and_the_same_seed_gives_the_same_log() {
    let config = Rollouts { seed: 20_261_122, clusters: 1000, sets: 100, spread: 30 };
    let other = std::thread::spawn(move || night(config));
    let (first, second) = (night(config), other.join().unwrap());
    assert_eq!(first, second);
    println!("{} events, {} lines of log, met {:?}", first.events, first.lines, first.met);
    // A night in which nothing happened would prove nothing.
    for what in [
        "partition",
        "silent partition",
        "failover",
        "killed",
        "api down",
        "paused by the hub",
        "bad commit",
        "decision",
        "overtaken",
        "refused to a hub without the lease",
        "ended done",
        "ended halted",
        "ended rolled back",
    ] {
        assert!(first.met.get(what).is_some_and(|count| *count > 0), "{what}: {:?}", first.met);
    }
}

#[test]
fn other_seeds_hold_too() {
    for seed in 1..=5 {
        night(Rollouts { seed, clusters: 30, sets: 10, spread: 12 });
    }
}

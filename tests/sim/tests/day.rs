//! A day of a thousand agents, twice from one seed.

use jiff::SignedDuration;
use tests_sim::{Config, Outcome, run};

/// Runs a seed; one that fails is run again for its log.
fn day(config: Config) -> Outcome {
    let outcome = run(config, None);
    if !outcome.problems.is_empty() {
        let log = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("sim-{}.log", config.seed));
        let _same = run(config, Some(&log));
        panic!("seed {}: {}\nthe log is in {}", config.seed, outcome.problems.join("\n"), log.display());
    }
    outcome
}

#[test]
fn a_day_of_trouble_ends_as_assigned_and_the_same_seed_gives_the_same_log() {
    let config = Config { seed: 20_261_121, agents: 1000, length: SignedDuration::from_hours(24) };
    let other = std::thread::spawn(move || day(config));
    let (first, second) = (day(config), other.join().unwrap());
    assert_eq!(first, second);
    println!("{} events, {} lines of log, met {:?}", first.events, first.lines, first.met);
    // A day in which nothing happened would prove nothing.
    for what in [
        "partition",
        "silent partition",
        "killed",
        "killed in a write",
        "disk full",
        "api down",
        "tampered with",
        "renewed after expiry",
        "removal",
        "rolled back",
        "paused by the hub",
        "paused in the cluster",
        "damaged",
        "hub down",
    ] {
        assert!(first.met.get(what).is_some_and(|count| *count > 0), "{what}: {:?}", first.met);
    }
}

#[test]
fn other_seeds_hold_too() {
    for seed in 1..=5 {
        day(Config { seed, agents: 20, length: SignedDuration::from_hours(24) });
    }
}

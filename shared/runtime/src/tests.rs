use crate::{Backoff, Tasks, telemetry};
use std::time::Duration;

#[test]
fn back_off_doubles_to_its_bound_and_starts_again() {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    for whole in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
        let wait = backoff.next_wait().as_secs_f64();
        assert!(wait >= whole / 2.0 && wait <= whole, "{wait} of {whole}");
    }
    backoff.reset();
    assert!(backoff.next_wait() <= Duration::from_secs(1));
}

#[tokio::test]
async fn draining_waits_for_every_task_and_says_when_one_does_not_end() {
    let tasks = Tasks::new();
    let stopped = tasks.stopped();
    tasks.spawn("obedient", stopped);
    assert!(tasks.drain(Duration::from_secs(5)).await);

    let tasks = Tasks::new();
    tasks.spawn("stubborn", std::future::pending::<()>());
    assert!(!tasks.drain(Duration::from_millis(10)).await);
}

#[test]
fn a_wrong_filter_says_what_was_expected() {
    let config = telemetry::Config { filter: "hub=loud".into(), ..telemetry::Config::default() };
    let error = telemetry::init(&config).unwrap_err().to_string();
    assert!(error.contains("hub=loud") && error.contains("info,hub_source=debug"), "{error}");
}

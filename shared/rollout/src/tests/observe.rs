use crate::{observe, tests::world::World};
use jiff::SignedDuration;
use shared_model::{ClusterName, HealthStatus, Observation, Position, SyncPhase};

/// A sequence of (seconds, generation, health); expects since when it is healthy after each, in seconds.
fn check(reports: &[(i64, u64, HealthStatus)], expect: &[Option<i64>]) {
    let mut world = World::new();
    world.cluster("c1");
    world.commit(crate::tests::world::Source { commit: "A".into(), ..Default::default() });
    world.run();
    world.deliver(&ClusterName::new("c1"));
    let seat = world.seats(&ClusterName::new("c1")).remove(0);
    let start = world.now;
    let mut kept: Option<Observation> = None;
    let mut since = Vec::new();
    for (seconds, generation, health) in reports {
        let report = world.observation(&seat, SyncPhase::Succeeded, *health).unwrap();
        let report = Observation { position: Position { incarnation: 1, generation: *generation }, ..report };
        let now = start + SignedDuration::from_secs(*seconds);
        let next = observe(kept.as_ref(), report, now);
        assert!(
            kept.is_none_or(|kept| kept.position <= next.position && kept.received_at <= next.received_at)
        );
        since.push(next.healthy_since.map(|at| at.duration_since(start).as_secs()));
        kept = Some(next);
    }
    assert_eq!(since, expect);
}

const OK: HealthStatus = HealthStatus::Healthy;
const BAD: HealthStatus = HealthStatus::Degraded;

#[test]
fn health_counts_from_the_receipt_and_lasts_while_unbroken() {
    check(&[(1, 1, BAD), (2, 1, OK), (9, 1, OK)], &[None, Some(2), Some(2)]);
    check(&[(1, 1, OK), (2, 1, BAD), (3, 1, OK)], &[Some(1), None, Some(3)]);
}

#[test]
fn a_new_position_starts_again_and_an_older_one_is_refused() {
    check(&[(1, 1, OK), (5, 2, OK), (6, 1, BAD)], &[Some(1), Some(5), Some(5)]);
}

#[test]
fn a_clock_that_is_set_back_shortens_nothing() {
    check(&[(100, 1, BAD), (10, 1, OK), (20, 1, OK)], &[None, Some(100), Some(100)]);
}

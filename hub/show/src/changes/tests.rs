use super::changes;
use crate::{
    rollout::{Halt, Rollout, State},
    tests::halfway,
};
use expect_test::{Expect, expect};
use shared_model::HealthStatus;
use shared_rollout::Phase;

fn check(before: Option<&Rollout>, now: &Rollout, expect: &Expect) {
    expect.assert_eq(&changes(before, now).join("\n"));
}

#[test]
fn everything_at_the_first_look() {
    check(
        None,
        &halfway(),
        &expect![[r#"
        rollout shop-2 of commit 3f2a1bc: Progressing
        ap-1 runs 0a1b2c3, Healthy, waiting: wave rest has not opened: wave regions waits for us-1
        eu-1 runs 3f2a1bc, Healthy, proven
        eu-2 runs 3f2a1bc, Healthy, proven
        us-1 runs 3f2a1bc, Progressing, updating: 0 of 2 replicas updated
        wave canary: 2/2 proven (passed)
        wave regions: 2/4 proven, 2 updating
        wave rest: 0/2 proven"#]],
    );
}

#[test]
fn nothing_when_only_words_changed() {
    let mut now = halfway();
    now.clusters[3].message = "1 of 2 replicas updated".to_owned();
    check(Some(&halfway()), &now, &expect![[""]]);
}

#[test]
fn what_changed() {
    let mut now = halfway();
    (now.clusters[3].state, now.clusters[3].health) = (State::Failed, HealthStatus::Degraded);
    (now.waves[1].released, now.waves[1].failed) = (1, 1);
    now.phase = Phase::Halted;
    let (wave, cluster) = ("regions".to_owned(), "us-1".to_owned());
    now.halted = Some(Halt { wave, cluster, reason: "missed its deadline".to_owned() });
    check(
        Some(&halfway()),
        &now,
        &expect![[r#"
        rollout shop-2 of commit 3f2a1bc: Halted: us-1 in wave regions: missed its deadline
        us-1 runs 3f2a1bc, Degraded, failed: 0 of 2 replicas updated
        wave regions: 2/4 proven, 1 updating, 1 failed"#]],
    );
}

#[test]
fn only_failures_of_many() {
    let many = |mut rollout: Rollout| {
        let blank = rollout.clusters[1].clone();
        rollout.clusters.extend(
            (0..30)
                .map(|index| crate::rollout::Cluster { name: format!("eu-{}", index + 3), ..blank.clone() }),
        );
        rollout
    };
    let (before, mut now) = (many(halfway()), many(halfway()));
    now.clusters[3].state = State::Failed;
    now.clusters[4].state = State::Released;
    check(Some(&before), &now, &expect!["us-1 runs 3f2a1bc, Progressing, failed: 0 of 2 replicas updated"]);
}

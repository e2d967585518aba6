use super::{lines, of_halt};
use crate::{Halt, tests::halfway};
use expect_test::expect;
use jiff::Timestamp;

#[test]
fn seconds_for_each_wave() {
    let mut rollout = halfway();
    let at = |second: i64| Timestamp::from_second(1_000 + second).unwrap();
    for (cluster, second) in rollout.clusters.iter_mut().zip([30, 3, 7, 9]) {
        cluster.healthy_since = Some(at(second));
    }
    rollout.clusters[0].healthy_since = None;
    expect![[r#"
        commit 3f2a1bc: from the push to the last of 4 healthy clusters 9.0 s
          wave canary       1 cluster   healthy after   3.0 s
          wave regions      2 clusters  healthy after   9.0 s
          wave rest         1 cluster   healthy after not healthy"#]]
    .assert_eq(&lines(&rollout, at(0)).join("\n"));
}

#[test]
fn a_halt() {
    let mut rollout = halfway();
    let (wave, cluster) = ("canary".to_owned(), "eu-1".to_owned());
    rollout.halted = Some(Halt { wave, cluster, reason: "missed its deadline".to_owned() });
    expect![[r#"
        commit 3f2a1bc halted at eu-1: missed its deadline
          the other 3 clusters were not touched: they run what they ran before"#]]
    .assert_eq(&of_halt(&rollout, 4).join("\n"));
}

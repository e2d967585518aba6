//! The setups that are explored, small ones each time.

use crate::setup::{Quota, Setup};
use shared_rollout::Decision;

/// A setup and how many moments it has.
#[derive(Debug)]
pub struct Expected {
    /// What is explored.
    pub setup: Setup,
    /// How many different moments it has; `None` for one that is explored on demand only.
    pub states: Option<usize>,
}

/// Nothing happens but two commits.
const CALM: Quota =
    Quota { commits: 2, bad: 0, losses: 0, pauses: 0, flights: 0, deaths: 0, takeovers: 0, decisions: 0 };

const ROLLBACK: &str = r#"{"onFailure": "Rollback"}"#;
const SKIP: &str =
    r#"{"onFailure": "Rollback", "unreachable": {"after": "2m", "action": "Skip", "atMost": 1}}"#;
const APPROVED: &str = r#"{"waves": [
    {"name": "canary", "match": {"matchLabels": {"ring": "canary"}}, "approval": "After"},
    {"name": "early", "match": {"matchLabels": {"ring": "early"}}, "approval": "Before"},
    {"name": "rest", "match": {"matchLabels": {"ring": "rest"}}, "maxUpdate": 1}]}"#;

/// All setups, each with its size.
pub fn setups() -> Vec<Expected> {
    let of = |setup, states| Expected { setup, states };
    let people = |name, policy, quota, decisions: &[Decision]| Setup {
        decisions: decisions.to_vec(),
        ..Setup::new(name, policy, quota)
    };
    let undo =
        [Decision::Undo { pin: true }, Decision::Undo { pin: false }, Decision::Resume, Decision::Retry];
    let hold = [Decision::Pause { until: None }, Decision::Resume, Decision::Abort, Decision::Retry];
    let ahead = [Decision::Expedite { clusters: Vec::new() }, Decision::Abort];
    let approve = [Decision::Approve { wave: None }, Decision::Undo { pin: false }];
    vec![
        // Each time.
        of(Setup::new("calm", "{}", CALM), Some(91)),
        of(Setup::new("failures", "{}", Quota { bad: 1, ..CALM }), Some(5247)),
        of(Setup::new("rollback", ROLLBACK, Quota { bad: 1, ..CALM }), Some(7143)),
        of(Setup::new("deaths", ROLLBACK, Quota { deaths: 1, ..CALM }), Some(304)),
        of(Setup::new("partition", SKIP, Quota { losses: 1, ..CALM }), Some(7947)),
        of(Setup::new("pause", "{}", Quota { pauses: 1, ..CALM }), Some(597)),
        of(Setup::new("flight", "{}", Quota { pauses: 1, flights: 1, takeovers: 1, ..CALM }), Some(5921)),
        of(people("undo", "{}", Quota { decisions: 2, ..CALM }, &undo), Some(12916)),
        of(people("hold", "{}", Quota { decisions: 2, flights: 1, ..CALM }, &hold), Some(6387)),
        of(people("expedite", "{}", Quota { decisions: 1, ..CALM }, &ahead), Some(8579)),
        of(people("approval", APPROVED, Quota { decisions: 3, ..CALM }, &approve), Some(1051)),
        of(people("retry", "{}", Quota { commits: 1, bad: 1, decisions: 2, ..CALM }, &undo), Some(12030)),
        // On demand.
        of(Setup::new("withdrawal", SKIP, Quota { losses: 1, bad: 1, ..CALM }), None),
        of(Setup::new("trouble", ROLLBACK, Quota { losses: 1, bad: 1, deaths: 1, ..CALM }), None),
        of(
            Setup::new("failover", ROLLBACK, Quota { losses: 1, bad: 1, flights: 1, takeovers: 1, ..CALM }),
            None,
        ),
        of(people("people", ROLLBACK, Quota { decisions: 2, bad: 1, pauses: 1, ..CALM }, &undo), None),
    ]
}

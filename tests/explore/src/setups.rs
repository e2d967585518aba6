//! The setups that are explored, small ones each time.

use crate::setup::{Quota, Setup};

/// A setup and how many moments and transitions it has.
#[derive(Debug)]
pub struct Expected {
    /// What is explored.
    pub setup: Setup,
    /// How many different moments it has.
    pub states: usize,
}

/// Nothing happens but two commits.
const CALM: Quota =
    Quota { commits: 2, bad: 0, losses: 0, pauses: 0, flights: 0, deaths: 0, takeovers: 0, decisions: 0 };

/// All setups, each with its size.
pub fn setups() -> Vec<Expected> {
    let of = |setup, states| Expected { setup, states };
    vec![
        of(Setup::new("calm", "{}", CALM), 0),
        of(Setup::new("failures", "{}", Quota { bad: 1, ..CALM }), 0),
        of(Setup::new("deaths", "{}", Quota { deaths: 1, ..CALM }), 0),
        of(
            Setup::new(
                "partition",
                r#"{"unreachable": {"after": "2m", "action": "Skip", "atMost": 1}}"#,
                Quota { losses: 1, ..CALM },
            ),
            0,
        ),
        of(Setup::new("pause", "{}", Quota { pauses: 1, ..CALM }), 0),
        of(Setup::new("flight", "{}", Quota { pauses: 1, flights: 1, takeovers: 1, ..CALM }), 0),
    ]
}

//! What goes wrong during a day, and what people do.

use crate::chance::Chance;
use jiff::{SignedDuration, Timestamp};

/// Something that begins or ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// A commit changes an application everywhere, or takes it away and brings it back.
    Commit,
    /// The hub ends and starts again.
    HubDown,
    HubUp,
    /// No way between an agent and the hub; silently, or with resets.
    Cut {
        agent: usize,
        silent: bool,
    },
    Heal {
        agent: usize,
    },
    /// The connection is reset once.
    Reset {
        agent: usize,
    },
    /// The agent's process is killed between two of its steps.
    Kill {
        agent: usize,
    },
    /// It is killed in the middle of a write of the journal.
    KillWriting {
        agent: usize,
        steps: u32,
    },
    Start {
        agent: usize,
    },
    /// The agent's disk is full.
    DiskFull {
        agent: usize,
    },
    DiskFree {
        agent: usize,
    },
    /// The cluster's API server does not answer.
    ApiDown {
        agent: usize,
    },
    ApiUp {
        agent: usize,
    },
    /// Somebody edits, deletes, or takes the label off an object.
    Tamper {
        agent: usize,
        how: usize,
    },
    /// The hub pauses a cluster for some minutes.
    Pause {
        agent: usize,
        minutes: i64,
    },
    /// A person pauses it where it is.
    LocalPause {
        agent: usize,
        minutes: i64,
    },
    /// The hub pauses one application on a cluster for some minutes, or resumes it before they are over.
    PauseApplication {
        agent: usize,
        minutes: i64,
    },
    ResumeApplication {
        agent: usize,
    },
    /// A person takes an application back to an earlier order where it runs, or lets go of it.
    RollBack {
        agent: usize,
    },
    Unpin {
        agent: usize,
    },
    /// Records of the journal are damaged or lost while the agent does not run.
    Damage {
        agent: usize,
        what: usize,
    },
}

/// A day's trouble, in order of time.
pub(crate) fn of_a_day(
    agents: usize,
    start: Timestamp,
    length: SignedDuration,
    chance: &mut Chance,
) -> Vec<(Timestamp, Trouble)> {
    let mut all = Vec::new();
    let hours = |hours: i64| SignedDuration::from_hours(hours);
    let every = |mean: SignedDuration, chance: &mut Chance, make: &mut dyn FnMut(&mut Chance, Timestamp)| {
        let mut at = start + chance.seconds(1, mean.as_secs());
        while at.duration_since(start) < length {
            make(chance, at);
            at += chance.seconds(mean.as_secs() / 2, mean.as_secs() * 3 / 2);
        }
    };
    every(SignedDuration::from_mins(90), chance, &mut |_, at| all.push((at, Trouble::Commit)));
    every(hours(6), chance, &mut |chance, at| {
        all.push((at, Trouble::HubDown));
        all.push((at + chance.seconds(5, 1800), Trouble::HubUp));
    });
    for agent in 0..agents {
        every(hours(4), chance, &mut |chance, at| {
            let silent = chance.percent(50);
            all.push((at, Trouble::Cut { agent, silent }));
            all.push((at + chance.seconds(10, 4 * 3600), Trouble::Heal { agent }));
        });
        every(hours(6), chance, &mut |_, at| all.push((at, Trouble::Reset { agent })));
        every(hours(5), chance, &mut |chance, at| {
            let steps = u32::try_from(chance.below(30)).unwrap_or(0);
            let kill = if chance.percent(50) {
                Trouble::Kill { agent }
            } else {
                Trouble::KillWriting { agent, steps }
            };
            all.push((at, kill));
            let again = at + chance.seconds(1, 1800);
            if chance.percent(10) {
                let what = chance.below(4);
                all.push((again, Trouble::Damage { agent, what }));
            }
            all.push((again, Trouble::Start { agent }));
        });
        every(hours(12), chance, &mut |chance, at| {
            all.push((at, Trouble::DiskFull { agent }));
            all.push((at + chance.seconds(60, 3600), Trouble::DiskFree { agent }));
        });
        every(hours(8), chance, &mut |chance, at| {
            all.push((at, Trouble::ApiDown { agent }));
            all.push((at + chance.seconds(5, 1200), Trouble::ApiUp { agent }));
        });
        every(hours(3), chance, &mut |chance, at| {
            let how = chance.below(3);
            all.push((at, Trouble::Tamper { agent, how }));
        });
        every(hours(24), chance, &mut |chance, at| {
            let minutes = 1 + i64::try_from(chance.below(60)).unwrap_or(0);
            let local = chance.percent(50);
            let pause = if local {
                Trouble::LocalPause { agent, minutes }
            } else {
                Trouble::Pause { agent, minutes }
            };
            all.push((at, pause));
        });
        every(hours(8), chance, &mut |chance, at| {
            let minutes = 1 + i64::try_from(chance.below(60)).unwrap_or(0);
            all.push((at, Trouble::PauseApplication { agent, minutes }));
            all.push((at + chance.seconds(60, 7200), Trouble::ResumeApplication { agent }));
        });
        every(hours(20), chance, &mut |chance, at| {
            all.push((at, Trouble::RollBack { agent }));
            all.push((at + chance.seconds(60, 6 * 3600), Trouble::Unpin { agent }));
        });
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

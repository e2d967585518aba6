//! What a watcher is told, and when the watching ends: a state machine over what was seen of the rollout.
//!
//! Invariants: nothing is shown twice; a hub that is away is told once, and once that it is back; the end is
//! the last action.

use super::look::Look;
use hub_show::Rollout;
use jiff::Timestamp;
use shared_rollout::Phase;
use std::time::Duration;

/// How long a rollout that goes back by its policy may stand halted before that counts as its end.
const TURNS: Duration = Duration::from_secs(30);

/// What happened.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// The rollout was read.
    Seen(Box<Look>),
    /// The hub did not answer; what it came to.
    Lost(String),
    /// There is no such rollout any more.
    Gone,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Draw it, or tell what changed.
    Show(Rollout),
    /// Tell something beside it.
    Say(String),
    /// It is over.
    End(End),
}

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Halted,
    RolledBack,
    Superseded,
    Gone,
}

impl End {
    /// The exit code that says so, as `flotilla rollout watch --help` lists them.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Halted => 3,
            Self::RolledBack => 4,
            Self::Superseded => 5,
            Self::Gone => 1,
        }
    }

    /// What became of it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Done => "is done",
            Self::Halted => "halted",
            Self::RolledBack => "was taken back",
            Self::Superseded => "was superseded",
            Self::Gone => "is gone: it was deleted",
        }
    }
}

/// One watcher.
#[derive(Debug, Default)]
pub(super) struct Follow {
    shown: Option<Rollout>,
    lost: bool,
    /// Since when it stands halted although its policy takes it back.
    turning: Option<Timestamp>,
}

impl Follow {
    /// Takes in what happened; says what to do, in order.
    pub(super) fn handle(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        match event {
            Event::Seen(look) => self.seen(*look, now),
            Event::Lost(_) if self.lost => Vec::new(),
            Event::Lost(why) => {
                self.lost = true;
                vec![Action::Say(format!("trying again: {why}"))]
            }
            Event::Gone => vec![Action::End(End::Gone)],
        }
    }

    fn seen(&mut self, look: Look, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        if std::mem::take(&mut self.lost) {
            actions.push(Action::Say("the hub is back".to_owned()));
        }
        let end = self.end(&look, now);
        if self.shown.as_ref() != Some(&look.rollout) {
            self.shown = Some(look.rollout.clone());
            actions.push(Action::Show(look.rollout));
        }
        actions.extend(end.map(Action::End));
        actions
    }

    fn end(&mut self, look: &Look, now: Timestamp) -> Option<End> {
        let turning = self.turning.take();
        match look.rollout.phase {
            Phase::Queued | Phase::Progressing | Phase::RollingBack => None,
            Phase::Done => Some(End::Done),
            Phase::Halted if look.goes_back => {
                let since = turning.unwrap_or(now);
                self.turning = Some(since);
                let stood = Duration::try_from(now.duration_since(since)).unwrap_or_default();
                (stood >= TURNS).then_some(End::Halted)
            }
            Phase::Halted => Some(End::Halted),
            Phase::RolledBack => Some(End::RolledBack),
            Phase::Superseded => Some(End::Superseded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::rollout::watch::look::read;
    use serde_json::json;

    fn look(phase: &str, proven: u64, on_failure: &str) -> Event {
        let rollout = json!({
            "metadata": {"name": "shop-2"},
            "spec": {"plan": {"policy": {"waves": [{"name": "canary"}], "onFailure": on_failure}}},
            "status": {"phase": phase, "waves": [{"name": "canary", "total": 2, "proven": proven, "opened": "x"}]},
        });
        Event::Seen(Box::new(read(&rollout, &[])))
    }

    /// What the watcher does at each second, in words.
    #[track_caller]
    fn check(events: impl IntoIterator<Item = Event>, expect: &str) {
        let mut follow = Follow::default();
        let mut told = Vec::new();
        for (second, event) in events.into_iter().enumerate() {
            let now = Timestamp::from_second(i64::try_from(second).unwrap() * 10).unwrap();
            for action in follow.handle(event, now) {
                told.push(match action {
                    Action::Show(rollout) => {
                        format!(
                            "{second} show {} {}/{}",
                            rollout.phase, rollout.waves[0].proven, rollout.waves[0].total
                        )
                    }
                    Action::Say(text) => format!("{second} say {text}"),
                    Action::End(end) => format!("{second} end {} {}", end.code(), end.words()),
                });
            }
        }
        assert_eq!(told.join("\n"), expect);
    }

    #[test]
    fn what_stays_the_same_is_shown_once_and_done_is_the_end() {
        let events = [("Queued", 0), ("Progressing", 0), ("Progressing", 0), ("Progressing", 1), ("Done", 2)];
        check(
            events.map(|(phase, proven)| look(phase, proven, "Halt")),
            "0 show Queued 0/2\n1 show Progressing 0/2\n3 show Progressing 1/2\n4 show Done 2/2\n4 end 0 is done",
        );
    }

    #[test]
    fn a_hub_that_is_away_is_waited_for() {
        let lost = || Event::Lost("the hub cannot be reached".to_owned());
        check(
            [
                look("Progressing", 0, "Halt"),
                lost(),
                lost(),
                look("Progressing", 0, "Halt"),
                look("Halted", 0, "Halt"),
            ],
            "0 show Progressing 0/2\n\
             1 say trying again: the hub cannot be reached\n\
             3 say the hub is back\n4 show Halted 0/2\n4 end 3 halted",
        );
    }

    #[test]
    fn a_rollback_is_followed_to_its_end() {
        let phases = ["Progressing", "Halted", "RollingBack", "RolledBack"];
        check(
            phases.map(|phase| look(phase, 0, "Rollback")),
            "0 show Progressing 0/2\n1 show Halted 0/2\n2 show RollingBack 0/2\n3 show RolledBack 0/2\n\
             3 end 4 was taken back",
        );
        // One that stands still after all has ended too.
        check(
            [0; 5].map(|proven| look("Halted", proven, "Rollback")),
            "0 show Halted 0/2\n3 end 3 halted\n4 end 3 halted",
        );
    }

    #[test]
    fn other_ends_have_codes_of_their_own() {
        check([look("Superseded", 0, "Halt")], "0 show Superseded 0/2\n0 end 5 was superseded");
        check([Event::Gone], "0 end 1 is gone: it was deleted");
    }
}

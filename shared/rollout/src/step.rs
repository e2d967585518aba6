//! Plans: steps in order, each safe alone, and what each of them writes.
//!
//! One definition of what a step changes serves control (which turns it into a transaction), the
//! in-memory index, the simulation and the tests: [`Step::writes`].

use crate::{
    fleet::{Fleet, Member, Seat},
    record::{
        Assigned, Evidence, Excuse, Halted, Head, MemberRecord, MemberState, Order, Phase, Proof, Rollback,
        WaveHead,
    },
};
use jiff::Timestamp;
use shared_model::{AppKey, ClusterName, Owner, Position, ReleaseId, RolloutName};

/// What is to be done now, in order. A prefix of it is safe, and planning after a prefix leads to the same end.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The time it was made for.
    pub at: Timestamp,
    /// The steps. Those of one rollout depend on each other in this order.
    pub steps: Vec<Step>,
    /// When time alone changes a decision next, and which.
    pub wake: Option<(Timestamp, &'static str)>,
}

/// One step of one rollout; one transaction may hold several.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is rolled out.
    pub owner: Owner,
    /// The rollout.
    pub rollout: RolloutName,
    /// What changes.
    pub change: Change,
}

/// What a step changes.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The rollout leaves the queue.
    Start {
        /// How many waves its plan has.
        waves: usize,
        /// How many rollouts in a row were given up unfinished for the next, up to this one.
        replaced: u32,
    },
    /// A newer rollout takes its place.
    Supersede {
        /// The newer one.
        by: RolloutName,
    },
    /// A member gets its wave, for good.
    Place {
        /// The member.
        app: AppKey,
        /// Its wave; `None` when no wave takes it.
        wave: Option<usize>,
        /// Whether the wave has passed already.
        late: bool,
        /// Whether that uses up the wave's `take`.
        fills: bool,
    },
    /// A wave's members may be released from now on.
    Open {
        /// The wave.
        wave: usize,
    },
    /// A member's agent is told to run the release.
    Release {
        /// The member.
        app: AppKey,
        /// Its cluster.
        cluster: ClusterName,
        /// The release.
        release: ReleaseId,
        /// The new position.
        position: Position,
        /// Whether this is an earlier rollout's release for a joiner whose wave has not opened in the newest.
        baseline: bool,
    },
    /// A member's agent was told to run this very release before: nothing is written to it.
    Adopt {
        /// The member.
        app: AppKey,
        /// Where it runs the release.
        position: Position,
    },
    /// A member is proven.
    Prove {
        /// The member.
        app: AppKey,
        /// The position it was proven at.
        position: Position,
    },
    /// A member failed.
    Fail {
        /// The member.
        app: AppKey,
        /// Why, as a fragment.
        reason: String,
    },
    /// The member's wave goes on without it.
    Excuse {
        /// The member.
        app: AppKey,
        /// Why.
        reason: Excuse,
        /// Whether it gives up the slot of an unproven release.
        may_run: bool,
    },
    /// What excused the member is over.
    Readmit {
        /// The member.
        app: AppKey,
        /// Whether its wave has passed meanwhile.
        late: bool,
    },
    /// A released member's deadline stands still.
    Stop {
        /// The member.
        app: AppKey,
    },
    /// A released member's deadline counts from now.
    Resume {
        /// The member.
        app: AppKey,
    },
    /// A wave's gate is met.
    Pass {
        /// The wave.
        wave: usize,
        /// With what.
        evidence: Evidence,
    },
    /// Nothing more is released.
    Halt {
        /// The wave in which it went wrong.
        wave: usize,
        /// Why, as a fragment.
        reason: String,
        /// The member whose failure was one too many.
        member: AppKey,
    },
    /// A member of a rollout that tries again forgets what happened to it before.
    Again {
        /// The member.
        app: AppKey,
        /// Whether its wave has passed.
        late: bool,
    },
    /// The policy takes the halted rollout back.
    RollBack {
        /// Why, as a fragment.
        reason: String,
    },
    /// A member's agent is told to run what was proven there before.
    Return {
        /// The member.
        app: AppKey,
        /// Its cluster.
        cluster: ClusterName,
        /// What was last proven there before the rollout.
        release: ReleaseId,
        /// The new position.
        position: Position,
    },
    /// A member went back, and that is proven.
    Back {
        /// The member.
        app: AppKey,
        /// The position it was proven at.
        position: Position,
    },
    /// Everybody who could be told went back.
    EndRollback,
    /// Every wave has passed.
    Finish,
}

impl Change {
    /// The member that it is about.
    pub const fn app(&self) -> Option<&AppKey> {
        match self {
            Self::Place { app, .. }
            | Self::Release { app, .. }
            | Self::Adopt { app, .. }
            | Self::Prove { app, .. }
            | Self::Fail { app, .. }
            | Self::Excuse { app, .. }
            | Self::Readmit { app, .. }
            | Self::Stop { app }
            | Self::Resume { app }
            | Self::Again { app, .. }
            | Self::Return { app, .. }
            | Self::Back { app, .. } => Some(app),
            Self::Start { .. }
            | Self::Supersede { .. }
            | Self::Open { .. }
            | Self::Pass { .. }
            | Self::Halt { .. }
            | Self::RollBack { .. }
            | Self::EndRollback
            | Self::Finish => None,
        }
    }
}

/// The values that a step writes; all of them in one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    /// The rollout's new head (`st/fleetrollouts…`).
    pub head: Option<Head>,
    /// The member's new record (`rel/…`).
    pub record: Option<(AppKey, MemberRecord)>,
    /// The agent's new assignment, or the same one with another proof (`asg/…`).
    pub assigned: Option<(Seat, Assigned)>,
}

impl Step {
    /// What the step writes to `fleet` at `at` (the plan's time); `None` when it names a rollout or
    /// member that is not there, which the planner never does.
    pub fn writes(&self, fleet: &Fleet, at: Timestamp) -> Option<Writes> {
        let rollout = fleet.lines.get(&self.owner)?.get(&self.rollout)?;
        let Some(app) = self.change.app() else {
            return Some(Writes { head: head_after(&rollout.head, &self.change, at), ..Writes::default() });
        };
        let member = rollout.members.get(app)?;
        let assigned = fleet.assigned.get(&(member.cluster.clone(), app.clone()));
        let before = Before { head: &rollout.head, member, record: member.record.as_ref(), assigned };
        Some(before.after(&self.rollout, app, &self.change, at))
    }
}

/// Does to `fleet` what committing the plan does to the store.
///
/// # Panics
/// When the plan was not made for this fleet.
pub fn apply(fleet: &mut Fleet, plan: &Plan) {
    for step in &plan.steps {
        apply_step(fleet, step, plan.at).expect("a plan names what its fleet has");
    }
}

/// Does one step to `fleet`; `None`, and nothing done, when it names what is not there.
pub fn apply_step(fleet: &mut Fleet, step: &Step, at: Timestamp) -> Option<()> {
    let writes = step.writes(fleet, at)?;
    let rollout = fleet.lines.get_mut(&step.owner)?.get_mut(&step.rollout)?;
    if let Some(head) = writes.head {
        rollout.head = head;
    }
    if let Some((app, record)) = writes.record {
        rollout.members.get_mut(&app)?.record = Some(record);
    }
    if let Some((seat, assigned)) = writes.assigned {
        fleet.assigned.insert(seat, assigned);
    }
    Some(())
}

/// The head after a change; `None` when it stays.
pub(crate) fn head_after(head: &Head, change: &Change, at: Timestamp) -> Option<Head> {
    let mut head = head.clone();
    match change {
        Change::Start { waves, replaced } => {
            head.phase = Phase::Progressing;
            head.replaced = *replaced;
            head.started = Some(at);
            head.waves = vec![WaveHead::default(); *waves];
        }
        Change::Supersede { .. } => {
            head.phase = Phase::Superseded;
            head.finished = Some(at);
        }
        Change::Place { wave: Some(wave), fills: true, .. } => head.waves.get_mut(*wave)?.filled = true,
        Change::Open { wave } => head.waves.get_mut(*wave)?.opened = Some(at),
        Change::Pass { wave, evidence } => {
            let wave = head.waves.get_mut(*wave)?;
            (wave.passed, wave.evidence) = (Some(at), Some(*evidence));
        }
        Change::RollBack { reason } => {
            head.phase = Phase::RollingBack;
            head.rollback = Some(Rollback { at, by: None, reason: reason.clone(), pins: false });
        }
        Change::EndRollback => {
            head.phase = Phase::RolledBack;
            head.finished = Some(at);
        }
        Change::Halt { wave, reason, member } => {
            head.phase = Phase::Halted;
            head.halted = Some(Halted {
                at,
                wave: *wave,
                reason: reason.clone(),
                member: Some(member.clone()),
                by: None,
            });
        }
        Change::Finish => {
            head.phase = Phase::Done;
            head.finished = Some(at);
        }
        Change::Place { .. }
        | Change::Release { .. }
        | Change::Adopt { .. }
        | Change::Prove { .. }
        | Change::Fail { .. }
        | Change::Excuse { .. }
        | Change::Readmit { .. }
        | Change::Stop { .. }
        | Change::Resume { .. }
        | Change::Again { .. }
        | Change::Return { .. }
        | Change::Back { .. } => return None,
    }
    Some(head)
}

/// What a step about a member starts from.
pub(crate) struct Before<'a> {
    pub(crate) head: &'a Head,
    pub(crate) member: &'a Member,
    pub(crate) record: Option<&'a MemberRecord>,
    pub(crate) assigned: Option<&'a Assigned>,
}

impl Before<'_> {
    /// What the change writes. A change that makes no sense here writes nothing.
    pub(crate) fn after(
        &self,
        rollout: &RolloutName,
        app: &AppKey,
        change: &Change,
        at: Timestamp,
    ) -> Writes {
        let seat = (self.member.cluster.clone(), app.clone());
        let mut writes = Writes { head: head_after(self.head, change, at), ..Writes::default() };
        if let Change::Place { wave, late, .. } = change {
            writes.record = Some((app.clone(), self.placed(*wave, *late)));
            return writes;
        }
        let Some(mut record) = self.record.cloned() else { return writes };
        let mut assigned = self.assigned.cloned();
        match change {
            Change::Release { release, position, .. } => {
                let proof = self.assigned.and_then(|assigned| assigned.proof);
                let order = Order::Run { release: *release, rollout: rollout.clone(), at };
                assigned = Some(Assigned { position: *position, order, proof, adopted: None });
                record.state = MemberState::Released { position: *position, at };
                record.released = Some(at);
                record.before = proof;
                record.stopped = false;
                record.again = false;
                record.attempt = self.head.attempt;
            }
            Change::Return { release, position, .. } => {
                let proof = self.assigned.and_then(|assigned| assigned.proof);
                let order = Order::Run { release: *release, rollout: rollout.clone(), at };
                assigned = Some(Assigned { position: *position, order, proof, adopted: None });
                record.state = MemberState::Returning { position: *position, at, release: *release };
                record.stopped = false;
            }
            Change::Back { position, .. } => {
                let release =
                    self.assigned.and_then(Assigned::running).map_or(record.release, |(_, runs)| runs);
                record.state = MemberState::Returned { position: *position, at, release };
                record.may_run = false;
                if let Some(assigned) = &mut assigned {
                    assigned.proof = Some(Proof { release, position: *position, at });
                }
            }
            Change::Again { late, .. } => self.try_again(&mut record, *late, at),
            Change::Adopt { position, .. } => {
                record.state = MemberState::Released { position: *position, at };
                self.take_over(&mut assigned);
            }
            Change::Prove { position, .. } => {
                record.state = MemberState::Proven { position: *position, at };
                record.may_run = false;
                self.take_over(&mut assigned);
                if let Some(assigned) = &mut assigned {
                    let known = assigned.proof.is_some_and(|proof| proof.position == *position);
                    if let (false, Some((_, release))) = (known, assigned.running()) {
                        assigned.proof = Some(Proof { release, position: *position, at });
                    }
                }
            }
            Change::Fail { reason, .. } => {
                let position = record.state.position().unwrap_or_default();
                record.state = MemberState::Failed { position, at, reason: reason.clone() };
                record.failures += 1;
                // It counts in the attempt in which it is known, and is not forgotten for having begun before.
                record.attempt = self.head.attempt;
                // What was proven here stops being so; what was proven before it counts again.
                if let Some(assigned) = &mut assigned
                    && assigned.proof.is_some_and(|proof| proof.position == position)
                {
                    assigned.proof = record.before.filter(|before| before.position != position);
                }
            }
            Change::Excuse { reason, may_run, .. } => {
                record.excused = Some(*reason);
                record.may_run = *may_run;
                // What was proven does not run there: it has to show itself again.
                if let (Excuse::Pinned, MemberState::Proven { position, at }) = (*reason, &record.state) {
                    record.state = MemberState::Released { position: *position, at: *at };
                }
            }
            Change::Readmit { late, .. } => {
                record.excused = None;
                record.may_run = false;
                record.late |= late;
            }
            Change::Stop { .. } => record.stopped = true,
            Change::Resume { .. } => {
                record.stopped = false;
                if let MemberState::Released { at: since, .. } | MemberState::Returning { at: since, .. } =
                    &mut record.state
                {
                    *since = at;
                }
            }
            Change::Start { .. }
            | Change::Supersede { .. }
            | Change::Place { .. }
            | Change::Open { .. }
            | Change::Pass { .. }
            | Change::Halt { .. }
            | Change::RollBack { .. }
            | Change::EndRollback
            | Change::Finish => {}
        }
        writes.assigned = assigned.filter(|after| self.assigned != Some(after)).map(|after| (seat, after));
        writes.record = Some((app.clone(), record));
        writes
    }

    /// What was adopted from the agent is this rollout's own from now on.
    fn take_over(&self, assigned: &mut Option<Assigned>) {
        if let Some(assigned) = assigned
            && assigned.running().is_some_and(|(_, release)| release == self.member.release)
        {
            assigned.adopted = None;
        }
    }

    /// What failed or went back is told again; what runs has its time anew.
    fn try_again(&self, record: &mut MemberRecord, late: bool, at: Timestamp) {
        record.attempt = self.head.attempt;
        record.failures = 0;
        record.late = late;
        match &mut record.state {
            MemberState::Failed { .. } => {
                record.state = MemberState::Waiting;
                record.again = true;
            }
            MemberState::Returning { .. } | MemberState::Returned { .. } => {
                record.state = MemberState::Waiting;
                record.excused = None;
                record.may_run = false;
            }
            MemberState::Released { at: since, .. } => *since = at,
            MemberState::Waiting | MemberState::Proven { .. } => {}
        }
    }

    /// A fresh record; failures in this rollout are not forgotten.
    fn placed(&self, wave: Option<usize>, late: bool) -> MemberRecord {
        MemberRecord {
            cluster: self.member.cluster.clone(),
            release: self.member.release,
            wave,
            late,
            state: MemberState::Waiting,
            excused: None,
            may_run: false,
            stopped: false,
            failures: self.record.map_or(0, |record| record.failures),
            attempt: self.head.attempt,
            again: false,
            released: None,
            before: None,
        }
    }
}

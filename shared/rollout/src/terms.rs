//! What a rollout's frozen plan says of each of its waves, in one shape for policies, rollingSync and neither.
//!
//! Only a policy halts, excuses, or waits for settle, soak and deadline. rollingSync is Argo CD's
//! (`progressive_sync.go`): a failed member blocks its step until it recovers and never halts.

use crate::fleet::Member;
use shared_model::{
    Amount, Approval, LabelSelector, Requirement, RollingStep, SyncWindow, Unreachable, Wave,
    fleet_rollout::PlanSpec,
    policy::{OnFailure, Supersede, WaitOrSkip},
};
use std::{collections::BTreeMap, time::Duration};

/// How long a member of a policy's wave must be Healthy unless the wave says otherwise.
const SETTLE: Duration = Duration::from_secs(5);

/// What a plan says.
#[derive(Debug, Clone)]
pub(crate) struct Terms<'a> {
    pub(crate) waves: Vec<WaveTerms<'a>>,
    /// What becomes of members whose cluster is paused or only observes.
    pub(crate) paused: WaitOrSkip,
    /// What becomes of members whose cluster cannot be reached.
    pub(crate) unreachable: Unreachable,
    /// What a newer rollout with this plan does to the one under way.
    pub(crate) takes_over: TakesOver,
    /// What the policy asked for when a wave fails.
    pub(crate) on_failure: OnFailure,
    /// When releases may go out, beside what [`Member::windows`] says.
    pub(crate) windows: &'a [SyncWindow],
    /// Sets that go first on each cluster.
    pub(crate) depends_on: &'a [String],
    sync: Sync,
}

/// When a newer rollout takes the place of the one under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakesOver {
    /// Whatever that one does (Argo CD).
    Always,
    /// At once, unless too many in a row were given up unfinished.
    AtOnce,
    /// Only while nobody in wave one has proven what it ships, and unless it took that from another already.
    Unproven,
}

/// Whether a release waits for a person's sync (design, "Sync modes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sync {
    /// Never.
    Applied,
    /// Always.
    Manual,
    /// Unless `syncPolicy.automated` is in force.
    AsAutomated,
}

/// What a plan says of one wave.
#[derive(Debug, Clone)]
pub(crate) struct WaveTerms<'a> {
    pub(crate) name: String,
    takes: Takes<'a>,
    /// How many clusters it takes at most.
    pub(crate) take: Option<usize>,
    max_update: Option<Amount>,
    /// How many must be proven; `None` for all there are, so that an empty wave passes.
    min_proven: Option<Amount>,
    pub(crate) settle: Duration,
    pub(crate) soak: Duration,
    pub(crate) deadline: Option<Duration>,
    /// How many may fail before the rollout halts; `None` when failures only block.
    pub(crate) max_failures: Option<usize>,
    /// Whether a person must approve it.
    pub(crate) approval: Option<Approval>,
}

#[derive(Debug, Clone)]
enum Takes<'a> {
    Everything,
    Clusters(Option<&'a LabelSelector>),
    Applications(&'a [Requirement]),
}

impl<'a> Terms<'a> {
    pub(crate) fn of(plan: &'a PlanSpec) -> Self {
        let argo = |waves, sync| Self {
            waves,
            paused: WaitOrSkip::Wait,
            unreachable: Unreachable::default(),
            takes_over: TakesOver::Always,
            on_failure: OnFailure::Halt,
            windows: &[],
            depends_on: &[],
            sync,
        };
        match plan {
            PlanSpec::Immediate => {
                let all = WaveTerms::plain("all".to_owned(), Takes::Everything, None);
                argo(vec![all], Sync::AsAutomated)
            }
            PlanSpec::RollingSync(rolling) => {
                let waves =
                    rolling.steps.iter().enumerate().map(|(index, step)| WaveTerms::step(index, step));
                argo(waves.collect(), Sync::Applied)
            }
            PlanSpec::Policy(policy) => Self {
                waves: policy.waves.iter().map(WaveTerms::wave).collect(),
                paused: policy.paused,
                unreachable: policy.unreachable.clone(),
                takes_over: match policy.supersede {
                    Supersede::Queue => TakesOver::Unproven,
                    Supersede::Restart => TakesOver::AtOnce,
                },
                on_failure: policy.on_failure,
                windows: &policy.windows,
                depends_on: &policy.depends_on,
                sync: if policy.manual { Sync::Manual } else { Sync::Applied },
            },
        }
    }

    /// Whether the member's release waits for a person's sync.
    pub(crate) fn awaits_sync(&self, member: &Member) -> bool {
        let manual = match self.sync {
            Sync::Applied => false,
            Sync::Manual => true,
            Sync::AsAutomated => !member.automated,
        };
        manual && member.sync_requested != Some(member.release)
    }
}

impl<'a> WaveTerms<'a> {
    fn plain(name: String, takes: Takes<'a>, max_update: Option<Amount>) -> Self {
        Self {
            name,
            takes,
            take: None,
            max_update,
            min_proven: None,
            settle: Duration::ZERO,
            soak: Duration::ZERO,
            deadline: None,
            max_failures: None,
            approval: None,
        }
    }

    /// Steps are numbered from 1, as Argo CD shows them.
    fn step(index: usize, step: &'a RollingStep) -> Self {
        Self::plain((index + 1).to_string(), Takes::Applications(&step.match_expressions), step.max_update)
    }

    fn wave(wave: &'a Wave) -> Self {
        Self {
            name: wave.name.clone(),
            takes: Takes::Clusters(wave.selector.as_ref()),
            take: wave.take.map(|take| take as usize),
            max_update: wave.max_update,
            // A wave that needs nobody proven would ship what nobody ran: 0 means 1.
            min_proven: Some(wave.min_proven.unwrap_or(Amount::Count(1))),
            settle: wave.settle.unwrap_or(SETTLE),
            soak: wave.soak.unwrap_or_default(),
            deadline: wave.deadline,
            max_failures: Some(wave.max_failures.unwrap_or(0) as usize),
            approval: wave.approval,
        }
    }

    /// Whether the wave's selector takes a member with these labels on a cluster with those; `None`
    /// when that cannot be told, because the cluster is not known.
    pub(crate) fn takes(
        &self,
        application: &BTreeMap<String, String>,
        cluster: Option<&BTreeMap<String, String>>,
    ) -> Option<bool> {
        match &self.takes {
            Takes::Everything => Some(true),
            Takes::Clusters(selector) => {
                let labels = cluster?;
                Some(selector.is_none_or(|selector| selector.matches(labels)))
            }
            Takes::Applications(expressions) => Some(expressions.iter().all(|one| holds(one, application))),
        }
    }

    /// How many of its `total` members may be released and not proven at once.
    pub(crate) fn max_update(&self, total: usize) -> usize {
        self.max_update.map_or(usize::MAX, |amount| amount.of(total))
    }

    /// How many of its `total` members must be proven.
    pub(crate) fn min_proven(&self, total: usize) -> usize {
        self.min_proven.map_or(usize::from(total > 0), |least| least.quorum_of(total).max(1))
    }
}

/// Argo CD's matching of steps: `In` and `NotIn`; any other operator selects what lacks the key.
fn holds(requirement: &Requirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&requirement.key);
    let listed = value.is_some_and(|value| requirement.values.contains(value));
    match requirement.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        _ => value.is_none(),
    }
}

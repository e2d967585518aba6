//! What keeps a release from a member whose wave is open: sync windows, and sets that go first.
//!
//! Windows hold releases and baselines, never what goes back. A window with `syncOverrun` lets a wave that
//! began to release in it go on: somebody of that wave whom the same windows concern was released. `dependsOn` asks, cluster by cluster, that everything the other
//! set has there is proven; where that set's rollout halted or was taken back, what it runs there now must
//! be proven. A person's `expedite` passes both.

use crate::{draft::Draft, fleet::Member, record::Phase, wait::Wait};
use shared_model::{AppKey, ClusterName, Owner, OwnerKind, SyncWindow};
use shared_project::{Gate, Windows};
use std::collections::{BTreeMap, BTreeSet};

/// What is asked often while one rollout releases.
#[derive(Debug)]
pub(crate) struct Closed<'a> {
    index: usize,
    /// In which waves somebody was released under which windows: of the fleet, and of the policy.
    begun: Begun,
    /// The policy's windows by which of them concern a cluster.
    policy: BTreeMap<Vec<usize>, Gate>,
    fleet: BTreeMap<usize, Gate>,
    before: Vec<First<'a>>,
}

/// Waves with the index of the fleet's windows, and with the policy's windows.
type Begun = (BTreeSet<(usize, usize)>, BTreeSet<(usize, Vec<usize>)>);

/// A set that goes first.
#[derive(Debug)]
struct First<'a> {
    set: &'a str,
    state: State<'a>,
}

#[derive(Debug)]
enum State<'a> {
    /// There is no such set, or nothing of it was rolled out.
    Unknown,
    /// It waits for this set in turn.
    Circle,
    /// On these clusters not everything is proven.
    Unproven(BTreeMap<&'a ClusterName, &'a AppKey>),
}

impl<'a> Closed<'a> {
    pub(crate) fn of(draft: &Draft<'a>, index: usize) -> Self {
        let windows = draft.terms[index].windows;
        let asked = !windows.is_empty() || !draft.fleet.windows.is_empty();
        let mut begun = (BTreeSet::new(), BTreeSet::new());
        for (app, member, record, wave) in asked.then(|| draft.placed(index)).into_iter().flatten() {
            if record.released.is_some() {
                begun.0.extend(member.windows.map(|set| (wave, set)));
                if !windows.is_empty() {
                    begun.1.insert((wave, concerned(draft, windows, app, &member.cluster)));
                }
            }
        }
        let sets = draft.terms[index].depends_on.iter();
        let before = sets.map(|set| First { set, state: first(draft, index, set) }).collect();
        Self { index, begun, policy: BTreeMap::new(), fleet: BTreeMap::new(), before }
    }

    /// Why the member may not have its release now; `None` when it may.
    pub(crate) fn refuses(
        &mut self,
        draft: &Draft<'a>,
        app: &AppKey,
        member: &Member,
        wave: Option<usize>,
    ) -> Option<Wait> {
        if draft.head(self.index).expedites(&member.cluster) {
            return None;
        }
        self.window(draft, app, member, wave).or_else(|| self.waits_for_set(&member.cluster))
    }

    fn window(
        &mut self,
        draft: &Draft<'a>,
        app: &AppKey,
        member: &Member,
        wave: Option<usize>,
    ) -> Option<Wait> {
        let asked = member.sync_requested == Some(member.release);
        let closed = |gate: &Gate, begun: bool| match gate {
            Gate::Closed { until, why, manual, overrun } if !(*manual && asked || *overrun && begun) => {
                Some(Wait::Window { cluster: member.cluster.clone(), why: why.clone(), until: *until })
            }
            Gate::Closed { .. } | Gate::Open { .. } => None,
        };
        let windows = draft.terms[self.index].windows;
        if !windows.is_empty() {
            let concerned = concerned(draft, windows, app, &member.cluster);
            let begun = wave.is_some_and(|wave| self.begun.1.contains(&(wave, concerned.clone())));
            let gate = self.policy.entry(concerned).or_insert_with_key(|concerned| {
                Windows::new(concerned.iter().map(|window| &windows[*window])).gate(draft.now)
            });
            if let Some(wait) = closed(gate, begun) {
                return Some(wait);
            }
        }
        let set = member.windows?;
        let begun = wave.is_some_and(|wave| self.begun.0.contains(&(wave, set)));
        let gate = self.fleet.entry(set).or_insert_with(|| {
            draft.fleet.windows.get(set).map_or(Gate::Open { until: None }, |windows| windows.gate(draft.now))
        });
        closed(gate, begun)
    }

    fn waits_for_set(&self, cluster: &ClusterName) -> Option<Wait> {
        self.before.iter().find_map(|first| {
            let because = match &first.state {
                State::Unknown => "which is not there or has rolled out nothing".to_owned(),
                State::Circle => "which waits for this one: break the circle in dependsOn".to_owned(),
                State::Unproven(unproven) => {
                    let app = unproven.get(cluster)?;
                    format!("{app} is not proven there")
                }
            };
            Some(Wait::DependsOn { cluster: cluster.clone(), set: first.set.to_owned(), because })
        })
    }
}

/// Which of the policy's windows concern the member.
fn concerned(draft: &Draft<'_>, windows: &[SyncWindow], app: &AppKey, cluster: &ClusterName) -> Vec<usize> {
    let none = BTreeMap::new();
    let labels = draft.cluster(cluster).map_or(&none, |cluster| &cluster.labels);
    let applies = |window: &SyncWindow| {
        let named = !window.applications.is_empty() || !window.clusters.is_empty();
        if !named && window.cluster_selector.is_none() {
            return true;
        }
        Windows::applies(window, &app.name, "", cluster.as_str(), "", labels)
    };
    windows.iter().enumerate().filter(|(_, window)| applies(window)).map(|(index, _)| index).collect()
}

fn first<'a>(draft: &Draft<'a>, index: usize, set: &str) -> State<'a> {
    let Some(line) = line_of(draft, index, set) else { return State::Unknown };
    let Some(lead) = draft.lead(&draft.lines[line]) else { return State::Unknown };
    if reaches(draft, lead, index, &mut BTreeSet::new()) {
        return State::Circle;
    }
    let rejected = matches!(draft.head(lead).phase, Phase::Halted | Phase::RollingBack | Phase::RolledBack);
    let unproven = draft.rollout(lead).members.iter().filter(|(app, member)| {
        let told = draft.assigned(&member.cluster, app);
        let proven = told.is_some_and(|told| told.running().is_some() && !told.is_unproven());
        let shipped =
            told.and_then(|told| told.running()).map(|(_, release)| release) == Some(member.release);
        !(proven && (shipped || rejected))
    });
    State::Unproven(unproven.map(|(app, member)| (&member.cluster, app)).collect())
}

/// The line of a set of the same namespace.
fn line_of(draft: &Draft<'_>, index: usize, set: &str) -> Option<usize> {
    let owner = Owner {
        kind: OwnerKind::ApplicationSet,
        namespace: draft.owner(index).namespace.clone(),
        name: set.to_owned(),
    };
    draft.line_named(&owner)
}

/// Whether `from` depends, perhaps through others, on the line of `to`.
fn reaches(draft: &Draft<'_>, from: usize, to: usize, seen: &mut BTreeSet<usize>) -> bool {
    let target = draft.line_of(to);
    if draft.line_of(from) == target {
        return true;
    }
    if !seen.insert(from) {
        return false;
    }
    draft.terms[from].depends_on.iter().any(|set| {
        let lead = line_of(draft, from, set).and_then(|line| draft.lead(&draft.lines[line]));
        lead.is_some_and(|lead| reaches(draft, lead, to, seen))
    })
}

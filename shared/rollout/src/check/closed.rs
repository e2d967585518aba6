//! What closes a member to releases though its wave is open, worked out anew.

use super::{Broken, Rule, view::View};
use crate::{Member, Phase};
use shared_model::{AppKey, ClusterName, OwnerKind, RolloutPolicySpec, SyncWindow, fleet_rollout::PlanSpec};
use shared_project::{Gate, Windows};
use std::collections::BTreeMap;

/// What was found of one rollout's windows and of the sets that go before it.
#[derive(Debug, Default)]
pub(super) struct Closed {
    gates: BTreeMap<(bool, Vec<usize>), Gate>,
    /// Per cluster what is not proven there of a set that goes first; `None` for every cluster.
    behind: Option<BTreeMap<Option<ClusterName>, String>>,
}

impl Closed {
    /// A pause of the application, a closed sync window, or a set that goes first.
    pub(super) fn judge(&mut self, view: &View<'_>, app: &AppKey, cluster: &ClusterName) -> Option<Broken> {
        let member = view.rollout.members.get(app)?;
        let over = |pause: &crate::Pause| pause.until.is_some_and(|until| until <= view.now);
        if member.pauses.iter().any(|pause| !over(pause)) {
            return Some((Rule::Pause, format!("{app} is paused on {cluster} and would be released to")));
        }
        let named = &view.rollout.head.expedited;
        if named.iter().any(|given| given.clusters.is_empty() || given.clusters.contains(cluster)) {
            return None;
        }
        if let Some(why) = self.window(view, app, cluster) {
            let message = format!("{app} would be released outside its sync windows: {why}");
            return Some((Rule::Pause, message));
        }
        let behind = self.behind.get_or_insert_with(|| behind(view));
        let missing = behind.get(&None).or_else(|| behind.get(&Some(cluster.clone())))?;
        Some((Rule::ProvenFirst, format!("{app} would be released on {cluster} although {missing}")))
    }

    fn window(&mut self, view: &View<'_>, app: &AppKey, cluster: &ClusterName) -> Option<String> {
        let member = view.rollout.members.get(app)?;
        let wave = view.record(app).and_then(|record| record.wave);
        let asked = member.sync_requested == Some(member.release);
        // Of whom the same windows concern, somebody of the wave was released: the wave began in them.
        let begun = |same: &dyn Fn(&AppKey, &Member) -> bool| {
            view.rollout.members.iter().any(|(other, member)| {
                let record = member.current().filter(|record| record.wave == wave);
                record.is_some_and(|record| record.released.is_some()) && same(other, member)
            })
        };
        let shut = |gate: &Gate, same: &dyn Fn(&AppKey, &Member) -> bool| match gate {
            Gate::Closed { why, manual, overrun, .. } => {
                (!(*manual && asked || *overrun && begun(same))).then(|| why.clone())
            }
            Gate::Open { .. } => None,
        };
        let own = member.windows.and_then(|set| {
            let windows = view.fleet.windows.get(set)?;
            let gate = self.gates.entry((false, vec![set])).or_insert_with(|| windows.gate(view.now));
            shut(gate, &|_, other| other.windows == Some(set))
        });
        if own.is_some() {
            return own;
        }
        let PlanSpec::Policy(policy) = &view.rollout.plan else { return None };
        let of_policy = concerning(view, policy, app, cluster);
        if of_policy.is_empty() {
            return None;
        }
        let gate = self.gates.entry((true, of_policy.clone())).or_insert_with_key(|(_, windows)| {
            Windows::new(windows.iter().map(|index| &policy.windows[*index])).gate(view.now)
        });
        shut(gate, &|other, member| concerning(view, policy, other, &member.cluster) == of_policy)
    }
}

/// Which of the policy's windows concern the member.
fn concerning(
    view: &View<'_>,
    policy: &RolloutPolicySpec,
    app: &AppKey,
    cluster: &ClusterName,
) -> Vec<usize> {
    let labels = view.fleet.clusters.get(cluster).map(|state| state.labels.clone()).unwrap_or_default();
    let concerns = |window: &SyncWindow| {
        let all =
            window.applications.is_empty() && window.clusters.is_empty() && window.cluster_selector.is_none();
        all || Windows::applies(window, &app.name, "", cluster.as_str(), "", &labels)
    };
    (0..policy.windows.len()).filter(|index| concerns(&policy.windows[*index])).collect()
}

/// Where the sets that go first are not proven.
fn behind(view: &View<'_>) -> BTreeMap<Option<ClusterName>, String> {
    let mut behind = BTreeMap::new();
    let PlanSpec::Policy(policy) = &view.rollout.plan else { return behind };
    for set in &policy.depends_on {
        let line = view.fleet.lines.iter().find(|(owner, _)| {
            owner.kind == OwnerKind::ApplicationSet
                && owner.name == *set
                && owner.namespace == view.owner.namespace
        });
        let Some(lead) = line.and_then(|(_, line)| line.lead()) else {
            behind.insert(None, format!("ApplicationSet {set} has rolled out nothing"));
            continue;
        };
        let gone = matches!(lead.head.phase, Phase::Halted | Phase::RollingBack | Phase::RolledBack);
        for (app, member) in &lead.members {
            let told = view.told(app, &member.cluster);
            let proven = told.is_some() && !view.is_unproven(app, &member.cluster);
            let newest = told.is_some_and(|(_, release)| release == member.release);
            if !(proven && (newest || gone)) {
                behind.insert(Some(member.cluster.clone()), format!("{app} of {set} is not proven there"));
            }
        }
    }
    behind
}

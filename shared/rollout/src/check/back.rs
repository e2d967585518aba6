//! What taking a rollout back would break.

use super::{Broken, Rule, releases, view::View};
use crate::{MemberState, Phase};
use shared_model::{
    AppKey, ClusterName, Mode, Position, ReleaseId, fleet_rollout::PlanSpec, policy::OnFailure,
};

/// A rollback that the policy did not ask for.
pub(super) fn judge_start(view: &View<'_>, broken: &mut Vec<Broken>) {
    let head = &view.rollout.head;
    let asked =
        matches!(&view.rollout.plan, PlanSpec::Policy(policy) if policy.on_failure == OnFailure::Rollback);
    let failed = head.halted.as_ref().is_some_and(|halted| halted.by.is_none());
    if !asked || !failed || head.phase != Phase::Halted {
        broken.push((
            Rule::Halt,
            "it would be taken back although neither policy nor person said so".to_owned(),
        ));
    }
    if head.finished.is_some() {
        broken.push((Rule::Halt, "what was done would be taken back for a joiner".to_owned()));
    }
    broken.extend(view.held("it is taken back"));
}

/// A rollback that would end too early.
pub(super) fn judge_end(view: &View<'_>, broken: &mut Vec<Broken>) {
    if let Some(app) = (0..view.rollout.head.waves.len()).find_map(|wave| due(view, wave)) {
        broken.push((Rule::Halt, format!("it would count as taken back although {app} is not told")));
    }
    if view.rollout.head.rollback.is_none() {
        broken.push((Rule::Halt, "it would count as taken back although nobody asked".to_owned()));
    }
}

pub(super) fn judge(
    view: &View<'_>,
    app: &AppKey,
    (cluster, release, position): (&ClusterName, ReleaseId, Position),
    broken: &mut Vec<Broken>,
) {
    let mut say = |rule, message: String| broken.push((rule, message));
    let head = &view.rollout.head;
    let Some(record) = view.record(app) else {
        return say(Rule::Pinned, format!("{app} would go back and is no member"));
    };
    if record.before.map(|before| before.release) != Some(release) || release == record.release {
        say(Rule::Pinned, format!("{app} would go back to what was not proven on {cluster} before"));
    }
    if view.told(app, cluster) != record.told() || record.released.is_none() {
        say(Rule::Pinned, format!("{app} would go back from what this rollout did not give it"));
    }
    if !head.is_rejected() {
        say(Rule::Halt, format!("{app} would go back although the rollout did not halt"));
    }
    if let Some((rule, message)) = releases::backwards(view, app, cluster, position) {
        say(rule, message);
    }
    if let Some((rule, message)) = releases::left_alone(view, cluster) {
        say(rule, message);
    }
    if view.is_pinned(app, cluster) || is_paused(view, app) {
        say(Rule::Pause, format!("{app} is pinned or paused on {cluster} and would be told to go back"));
    }
    let unproven = view.is_unproven(app, cluster);
    let away = view.fleet.clusters.get(cluster).is_some_and(|state| state.link.lost_since().is_some());
    if away && !unproven {
        say(
            Rule::BlastRadius,
            format!("{app} would be told to leave a proven release while {cluster} is away"),
        );
    }
    let leads = view.fleet.lines[view.owner].lead().is_some_and(|lead| lead.name == view.rollout.name);
    let turning = leads && matches!(head.phase, Phase::RollingBack | Phase::RolledBack);
    if leads && let Some((rule, message)) = view.held(&format!("{app} goes back")) {
        say(rule, message);
    }
    let Some(wave) = record.wave else { return };
    let withdrawn = unproven && (away || record.may_run || !leads);
    if withdrawn {
        return;
    }
    if !turning {
        return say(Rule::Halt, format!("{app} would go back although nobody takes the rollout back"));
    }
    if head.phase == Phase::RollingBack
        && let Some(newer) = (wave + 1..head.waves.len()).find_map(|wave| due(view, wave))
    {
        say(Rule::Halt, format!("{app} would go back before {newer} of a newer wave"));
    }
    let (own, others) = view.returning(wave);
    let max = view.max_update(wave).max(1);
    if own + 1 > max || (!unproven && own + others + 1 > max) {
        say(
            Rule::BlastRadius,
            format!("{app} would be one more than the {max} that wave {wave} updates at once"),
        );
    }
}

pub(super) fn is_paused(view: &View<'_>, app: &AppKey) -> bool {
    let over = |pause: &crate::Pause| pause.until.is_some_and(|until| until <= view.now);
    view.rollout.members.get(app).is_some_and(|member| member.pauses.iter().any(|pause| !over(pause)))
}

/// A member of the wave that could be told to go back and was not.
fn due<'a>(view: &View<'a>, wave: usize) -> Option<&'a AppKey> {
    let due = view.members_of(wave).into_iter().find(|(app, record)| {
        let ran = matches!(
            record.state,
            MemberState::Released { .. } | MemberState::Proven { .. } | MemberState::Failed { .. }
        );
        let runs = ran && record.released.is_some() && view.told(app, &record.cluster) == record.told();
        let leads_back = record.before.is_some_and(|before| before.release != record.release);
        let unproven = view.is_unproven(app, &record.cluster);
        let seat = (record.cluster.clone(), (*app).clone());
        let told = view.fleet.assigned.get(&seat).map(|told| told.position);
        let ahead = view.fleet.observed.get(&seat).map(|seen| seen.position) > told;
        runs && leads_back
            && !ahead
            && !view.is_pinned(app, &record.cluster)
            && !is_paused(view, app)
            && !view.is_paused(&record.cluster)
            && view.fleet.clusters.get(&record.cluster).is_some_and(|state| {
                state.hold.is_none()
                    && state.mode == Mode::Enforce
                    && (unproven || state.link.lost_since().is_none())
            })
    });
    due.map(|(app, _)| app)
}

//! A rollout's status as people read it: of the FleetRollout, and of an ApplicationSet with rollingSync.

use crate::{
    fleet::{Member, Rollout},
    record::{MemberRecord, MemberState},
    report::RolloutReport,
    wait::Wait,
};
use serde_json::{Map, Value, json};
use shared_model::AppKey;

/// How many members a status lists; the rest is a paged subresource.
const LISTED: usize = 50;

/// The `status` of a FleetRollout.
///
/// It holds the head too, field for field: [`crate::Head`] can be read back from it. Lists at most
/// fifty members, those that a person may have to look at first.
pub fn status(rollout: &Rollout, report: &RolloutReport) -> Value {
    let mut status = fields(json!(rollout.head));
    if let Some(Value::Array(waves)) = status.get_mut("waves") {
        for (head, wave) in waves.iter_mut().zip(&report.waves) {
            let counts = json!({
                "name": wave.name, "total": wave.total, "waiting": wave.waiting, "released": wave.released,
                "proven": wave.proven, "failed": wave.failed, "excused": wave.excused,
                "back": wave.back,
            });
            if let Value::Object(head) = head {
                head.extend(fields(counts));
            }
        }
    }
    if let (Some(Value::Object(shown)), Some(halted)) = (status.get_mut("halted"), &rollout.head.halted) {
        let name = report.waves.get(halted.wave).map_or("", |wave| &wave.name);
        shown.insert("waveName".into(), name.into());
        let member = halted.member.as_ref().and_then(|app| rollout.members.get(app));
        if let Some(member) = member {
            shown.insert("cluster".into(), json!(member.cluster));
        }
    }
    let count = |of: fn(&crate::WaveReport) -> usize| report.waves.iter().map(of).sum::<usize>();
    status.insert("members".into(), rollout.members.len().into());
    status.insert("proven".into(), count(|wave| wave.proven).into());
    status.insert("failed".into(), count(|wave| wave.failed).into());
    if report.in_no_wave > 0 {
        status.insert("inNoWave".into(), report.in_no_wave.into());
    }
    if let Some(waits_for) = waits_for(rollout, report) {
        status.insert("waitsFor".into(), waits_for.into());
    }
    let mut waiting: Vec<_> = report.waits.iter().collect();
    waiting.sort_by_key(|(app, wait)| (urgency(wait), *app));
    let listed: Vec<_> =
        waiting.iter().take(LISTED).filter_map(|(app, wait)| entry(rollout, app, wait)).collect();
    status.insert("exceptional".into(), listed.into());
    if waiting.len() > LISTED {
        status.insert("exceptionalOmitted".into(), (waiting.len() - LISTED).into());
    }
    let may_run = report.may_run.iter().map(|(cluster, app)| json!({"application": app, "cluster": cluster}));
    if !report.may_run.is_empty() {
        status.insert("mayRun".into(), may_run.collect());
    }
    if !report.notes.is_empty() {
        status.insert("notes".into(), json!(report.notes));
    }
    Value::Object(status)
}

/// What the rollout as a whole waits for, in one line. Where that is a single cluster, what that
/// cluster waits for is part of it: `wave canary waits for eu-1: eu-1 is paused by admin: INC-7`.
pub fn waits_for(rollout: &Rollout, report: &RolloutReport) -> Option<String> {
    let wait = report.waits_for.as_ref()?;
    let only = if let Wait::Unproven { clusters, count: 1, .. } = wait { clusters.first() } else { None };
    let on_it = |app: &AppKey| rollout.members.get(app).is_some_and(|member| Some(&member.cluster) == only);
    let reason = report.waits.iter().find(|(app, _)| only.is_some() && on_it(app)).map(|(_, wait)| wait);
    Some(reason.map_or_else(|| wait.to_string(), |reason| format!("{wait}: {reason}")))
}

/// `status.applicationStatus` of an ApplicationSet with rollingSync, in Argo CD's words
/// (`applicationset_types.go`, `ApplicationSetApplicationStatus`): an Application in no step has step
/// `-1`. `revisions` gives the commits that a member's release was rendered from.
pub fn application_status(
    rollout: &Rollout,
    report: &RolloutReport,
    revisions: impl Fn(&AppKey) -> Vec<String>,
) -> Vec<Value> {
    let entry = |(app, member): (&AppKey, &Member)| {
        let record = member.current();
        let wait = report.waits.get(app).map(|wait| &**wait);
        let (state, at) = match record.map(|record| &record.state) {
            None | Some(MemberState::Waiting) => ("Waiting", rollout.head.started),
            Some(MemberState::Released { at, .. }) if matches!(wait, Some(Wait::Unreported { .. })) => {
                ("Pending", Some(*at))
            }
            Some(
                MemberState::Released { at, .. }
                | MemberState::Failed { at, .. }
                | MemberState::Returning { at, .. }
                | MemberState::Returned { at, .. },
            ) => ("Progressing", Some(*at)),
            Some(MemberState::Proven { at, .. }) => ("Healthy", Some(*at)),
        };
        let step =
            record.and_then(|record| record.wave).map_or("-1".to_owned(), |wave| (wave + 1).to_string());
        let message = wait.map_or_else(|| "Application is Healthy".to_owned(), ToString::to_string);
        json!({
            "application": app.name,
            "lastTransitionTime": at.unwrap_or(rollout.created),
            "message": message,
            "status": state,
            "step": step,
            "targetRevisions": revisions(app),
        })
    };
    rollout.members.iter().map(entry).collect()
}

fn entry(rollout: &Rollout, app: &AppKey, wait: &Wait) -> Option<Value> {
    let member = rollout.members.get(app)?;
    let record = member.current();
    let mut entry = fields(json!({
        "application": app, "cluster": member.cluster, "state": state(record), "waitsFor": wait.to_string(),
    }));
    if let Some(excuse) = record.and_then(|record| record.excused) {
        entry.insert("excused".into(), json!(excuse));
    }
    Some(Value::Object(entry))
}

fn state(record: Option<&MemberRecord>) -> &'static str {
    match record.map(|record| &record.state) {
        None | Some(MemberState::Waiting) => "Waiting",
        Some(MemberState::Released { .. }) => "Released",
        Some(MemberState::Proven { .. }) => "Proven",
        Some(MemberState::Failed { .. }) => "Failed",
        Some(MemberState::Returning { .. }) => "Returning",
        Some(MemberState::Returned { .. }) => "Returned",
    }
}

/// What a person may have to look at first sorts first.
const fn urgency(wait: &Wait) -> u8 {
    match wait {
        Wait::Failed { .. } => 0,
        Wait::Held { .. }
        | Wait::UnknownCluster { .. }
        | Wait::NoWave { .. }
        | Wait::NothingBefore { .. }
        | Wait::GoesBack { .. } => 1,
        Wait::Unreachable { .. }
        | Wait::Paused { .. }
        | Wait::ApplicationPaused { .. }
        | Wait::Observing { .. }
        | Wait::Pinned { .. }
        | Wait::DependsOn { .. }
        | Wait::Window { .. } => 2,
        Wait::AwaitingSync { .. } | Wait::NoBaseline { .. } | Wait::Adopted { .. } => 3,
        Wait::Progressing { .. } | Wait::Syncing { .. } | Wait::Unreported { .. } | Wait::Settle { .. } => 4,
        Wait::Queued { .. }
        | Wait::Halted { .. }
        | Wait::WaveNotOpen { .. }
        | Wait::Budget { .. }
        | Wait::ClusterLimit { .. }
        | Wait::NothingProven { .. }
        | Wait::Unproven { .. }
        | Wait::RolloutPaused { .. }
        | Wait::Approval { .. }
        | Wait::RollingBack { .. }
        | Wait::RolledBack { .. }
        | Wait::BackOn { .. }
        | Wait::Soak { .. } => 5,
    }
}

fn fields(value: Value) -> Map<String, Value> {
    if let Value::Object(fields) = value { fields } else { Map::new() }
}

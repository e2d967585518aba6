//! `status.history` of an Application, as Argo CD has it: what was proven where it runs, the newest last.
//!
//! It goes as far back as the line's rollouts are kept.

use crate::line::Evaluation;
use serde_json::{Value, json};
use shared_model::AppKey;
use shared_rollout::Line;

/// How many entries are shown, as Argo CD keeps them (`spec.revisionHistoryLimit`).
const SHOWN: usize = 10;

/// The entries of one Application; ids are the rollouts' numbers in the line.
pub(crate) fn history(evaluation: &Evaluation, line: Option<&Line>, app: &AppKey) -> Vec<Value> {
    let entries = line.into_iter().flat_map(|line| &line.rollouts).filter_map(|rollout| {
        let record = rollout.members.get(app)?.current().filter(|record| record.state.is_proven())?;
        let input = evaluation.rollouts.get(&rollout.name)?.get(app)?;
        let mut entry = json!({"id": rollout.sequence, "deployedAt": record.released?});
        match input.revisions.as_slice() {
            [] => {}
            [one] => entry["revision"] = json!(one),
            several => entry["revisions"] = json!(several),
        }
        Some(entry)
    });
    let entries: Vec<Value> = entries.collect();
    entries[entries.len().saturating_sub(SHOWN)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::MemberInput;
    use jiff::Timestamp;
    use shared_model::{
        ClusterName, CommitId, Digest, Position, ReleaseId, RolloutName, fleet_rollout::PlanSpec,
    };
    use shared_rollout::{Head, Member, MemberState, Rollout};
    use std::collections::BTreeMap;

    #[test]
    fn what_was_proven_is_history() {
        let app = AppKey::new("argocd", "web");
        let mut evaluation = Evaluation::default();
        let mut rollout = |sequence: u64, proven: bool| {
            let name = RolloutName::new(format!("web-{sequence}"));
            let release = ReleaseId(Digest::of(name.as_str().as_bytes()));
            let cluster = ClusterName::new("eu-1");
            let commit: CommitId = format!("{sequence}").repeat(40).parse().unwrap();
            let input = MemberInput {
                cluster: cluster.clone(),
                labels: BTreeMap::new(),
                release,
                automated: true,
                revisions: vec![commit.to_string()],
            };
            evaluation.rollouts.insert(name.clone(), BTreeMap::from([(app.clone(), input)]));
            let (position, at) = (Position { incarnation: 1, generation: sequence }, Timestamp::UNIX_EPOCH);
            let state = if proven {
                MemberState::Proven { position, at }
            } else {
                MemberState::Released { position, at }
            };
            let mut member = Member::new(cluster.clone(), release);
            let record =
                json!({"cluster": cluster, "release": release, "wave": 0, "state": state, "released": at});
            member.record = Some(serde_json::from_value(record).unwrap());
            Rollout {
                name,
                sequence,
                created: at,
                plan: PlanSpec::Immediate,
                head: Head::default(),
                members: BTreeMap::from([(app.clone(), member)]),
            }
        };
        let line = Line { rollouts: vec![rollout(1, true), rollout(2, false), rollout(3, true)] };
        let entry = |id: u64| json!({"id": id, "deployedAt": "1970-01-01T00:00:00Z", "revision": id.to_string().repeat(40)});
        assert_eq!(history(&evaluation, Some(&line), &app), [entry(1), entry(3)]);
        assert_eq!(history(&evaluation, Some(&line), &AppKey::new("argocd", "api")), Vec::<Value>::new());
    }
}

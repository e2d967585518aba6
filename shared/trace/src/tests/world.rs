//! Rollouts to make traces of.

use crate::{Closed, Course, Sampler, Seed, Waited, closed};
use jiff::{SignedDuration, Timestamp};
use shared_model::{
    AppKey, ClusterName, Digest, FleetRolloutSpec, Owner, OwnerKind, Position, ReleaseId, RepoUrl,
    RolloutName, RolloutPolicySpec,
    fleet_rollout::{CommitSeen, PlanSpec, Timings, Took},
};
use shared_rollout::{Head, Member, MemberRecord, MemberState, Phase, Rollout, WaveHead};
use std::collections::{BTreeMap, BTreeSet};

/// Seconds after the hub saw the commit.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(super) fn app(number: usize) -> AppKey {
    AppKey::new("argocd", format!("web-{number}"))
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) spec: FleetRolloutSpec,
    pub(super) rollout: Rollout,
    pub(super) waits: Vec<Waited>,
}

impl World {
    /// A rollout of so many waves, started, with nobody in it; `members` when it was frozen.
    pub(super) fn new(waves: usize, members: usize) -> Self {
        let waves: Vec<String> = (0..waves).map(|wave| format!(r#"{{"name": "wave-{wave}"}}"#)).collect();
        let policy: RolloutPolicySpec =
            serde_json::from_str(&format!(r#"{{"waves": [{}]}}"#, waves.join(","))).unwrap();
        let plan = PlanSpec::Policy(policy);
        let owner = Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "web".into() };
        let took = |from, to| Some(Took { from: at(from), to: at(to) });
        let seen = CommitSeen {
            repo_url: RepoUrl::new("https://git.example.com/fleet.git"),
            revision: "main".into(),
            commit: "c".repeat(40).parse().unwrap(),
            author: "Ann".into(),
            title: "bigger".into(),
            committed_at: Some(at(-20)),
            asked: at(-2),
            answered: at(0),
        };
        let timings = Timings { members, commits: vec![seen], generate: took(0, 1), render: took(1, 3) };
        let spec = FleetRolloutSpec {
            owner,
            sequence: 7,
            object: serde_json::Value::Null,
            commits: Vec::new(),
            standing: BTreeSet::new(),
            plan: plan.clone(),
            parent: None,
            trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
            timings: Some(timings),
        };
        let head = Head {
            phase: Phase::Progressing,
            started: Some(at(5)),
            waves: vec![WaveHead::default(); waves.len()],
            ..Head::default()
        };
        let rollout = Rollout {
            name: RolloutName::new("web-7"),
            sequence: 7,
            created: at(3),
            plan,
            head,
            members: BTreeMap::new(),
        };
        Self { spec, rollout, waits: Vec::new() }
    }

    /// A member of a wave in this state, released at that second.
    pub(super) fn member(&mut self, number: usize, wave: usize, released: i64, state: MemberState) {
        let cluster = ClusterName::new(format!("c{number}"));
        let release = ReleaseId(Digest::of(b"release"));
        let failures = u32::from(matches!(state, MemberState::Failed { .. }));
        let record = MemberRecord {
            cluster: cluster.clone(),
            release,
            wave: Some(wave),
            late: false,
            state,
            excused: None,
            may_run: false,
            stopped: false,
            failures,
            attempt: self.rollout.head.attempt,
            again: false,
            released: Some(at(released)),
            before: None,
        };
        let member = Member { record: Some(record), ..Member::new(cluster, release) };
        self.rollout.members.insert(app(number), member);
    }

    pub(super) fn closed(&self, sampler: Sampler) -> Closed {
        self.closed_but(sampler, &Vec::new())
    }

    pub(super) fn closed_but(&self, sampler: Sampler, sent: &[crate::SpanId]) -> Closed {
        let seed = Seed::of(&self.spec).unwrap();
        let course = Course { seed, spec: &self.spec, rollout: &self.rollout, waits: &self.waits };
        closed(&course, sampler, |id| sent.contains(&id))
    }
}

pub(super) const fn position() -> Position {
    Position { incarnation: 1, generation: 7 }
}

pub(super) fn proven(seconds: i64) -> MemberState {
    MemberState::Proven { position: position(), at: at(seconds) }
}

pub(super) fn failed(seconds: i64) -> MemberState {
    MemberState::Failed { position: position(), at: at(seconds), reason: "the sync failed: no".into() }
}

/// The spans as people read them: seconds, indented below their parents, by start.
pub(super) fn drawn(closed: &Closed) -> String {
    let mut lines = Vec::new();
    let is_top = |span: &crate::Span| {
        span.parent.is_none_or(|parent| closed.spans.iter().all(|other| other.id != parent))
    };
    let mut tops: Vec<_> = closed.spans.iter().filter(|span| is_top(span)).collect();
    tops.sort_by_key(|span| (span.start, span.name.clone()));
    for top in tops {
        below(closed, top, 0, &mut lines);
    }
    lines.join("\n")
}

fn below(closed: &Closed, span: &crate::Span, depth: usize, lines: &mut Vec<String>) {
    let seconds = |time: Timestamp| time.duration_since(at(0)).as_secs();
    let failed = span.failed.as_ref().map(|why| format!(" FAILED {why}")).unwrap_or_default();
    let links = if span.links.is_empty() { String::new() } else { format!(" links {}", span.links.len()) };
    let (from, to) = (seconds(span.start), seconds(span.end));
    lines.push(format!("{}{} {from}..{to}{links}{failed}", "  ".repeat(depth), span.name));
    let mut children: Vec<_> = closed.spans.iter().filter(|other| other.parent == Some(span.id)).collect();
    children.sort_by_key(|span| (span.start, span.name.clone()));
    for child in children {
        below(closed, child, depth + 1, lines);
    }
}

pub(super) fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time + SignedDuration::from_secs(seconds)
}

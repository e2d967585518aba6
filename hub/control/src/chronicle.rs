//! What the loops see, as entries of the history.
//!
//! A rollout's course is told in the transaction that makes it; what is only seen (a pause whose time is over, deletions
//! that are held) right after, under a key that follows from what was seen, so that seeing it twice tells it once.

use crate::{index::Index, notices::Transition};
use hub_records::{Records, history::seen_key};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use shared_history::{Commit, Entry, What};
use shared_model::{AppKey, ClusterName, FleetRollout, Kind, Owner, OwnerKind, PinnedCommit, RolloutName};
use shared_rollout::{MemberState, Rollout, Wait};
use std::collections::BTreeSet;

/// How many failed members an entry names.
const NAMED: usize = 8;
/// How often it is looked whose pause is over.
const LOOK: SignedDuration = SignedDuration::from_secs(1);
/// A pause that ended longer ago was told before.
const PAST: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The entry of a change of a rollout's head.
pub(crate) fn of_transition(
    index: &Index,
    owner: &Owner,
    rollout: &Rollout,
    told: &Transition,
    at: Timestamp,
) -> Entry {
    let name = &rollout.name;
    let frozen = index.rollouts.get(&(owner.namespace.clone(), name.clone()));
    let commits = frozen.map(|frozen| commits_of(index, frozen)).unwrap_or_default();
    let message = &told.notice.message;
    let text = match told.notice.reason {
        "RolloutStarted" => format!("{name} started: {message}{}", shipping(&commits)),
        "RolloutQueued" => format!("{name} is queued: {message}"),
        "RolloutHalted" => format!("{name} halted {message}{}", failed(rollout)),
        "RolloutDone" => format!("{name} is done: {message}"),
        "RollbackStarted" => format!("{name} goes back: {message}"),
        "RolledBack" => format!("{name} is rolled back: {message}"),
        _ => format!("{name}: {message}"),
    };
    let wave = told.wave.map(|wave| rollout.plan.wave_name(wave)).unwrap_or_default();
    let trace = frozen.map(|frozen| frozen.spec.trace_id.clone()).unwrap_or_default();
    let commits = if told.wave.is_some() { Vec::new() } else { commits };
    Entry { wave, commits, trace, ..Entry::new(told.what, at, text) }.of_rollout(owner, name)
}

/// The entry of a rollout that waits for a person or a window.
pub(crate) fn of_wait(
    index: &Index,
    (owner, name): (&Owner, &RolloutName),
    wait: &Wait,
    told: &Transition,
    at: Timestamp,
) -> Entry {
    let frozen = index.rollouts.get(&(owner.namespace.clone(), name.clone()));
    let wave = match (wait, frozen, told.wave) {
        (Wait::Approval { wave, .. }, ..) => wave.clone(),
        (_, Some(frozen), Some(wave)) => frozen.spec.plan.wave_name(wave),
        (_, _, _) => String::new(),
    };
    let trace = frozen.map(|frozen| frozen.spec.trace_id.clone()).unwrap_or_default();
    let commits = frozen.map(|frozen| commits_of(index, frozen)).unwrap_or_default();
    let text = format!("{name}: {}", told.notice.message);
    Entry { wave, trace, commits, ..Entry::new(told.what, at, text) }.of_rollout(owner, name)
}

/// The commits that a rollout froze, with who wrote them as far as that is known.
fn commits_of(index: &Index, rollout: &FleetRollout) -> Vec<Commit> {
    let noticed = rollout.spec.timings.iter().flat_map(|timings| &timings.commits);
    let noticed: Vec<Commit> = noticed
        .map(|known| Commit {
            repo_url: known.repo_url.clone(),
            revision: known.revision.clone(),
            commit: known.commit.clone(),
            author: known.author.clone(),
            message: known.title.clone(),
            committed: known.committed_at,
        })
        .collect();
    let seen = |pin: &PinnedCommit| index.seen.get(&seen_key(&pin.repo_url, &pin.revision));
    let of = |pin: &PinnedCommit| {
        let same = |known: &&Commit| {
            known.commit == pin.commit && known.repo_url == pin.repo_url && known.revision == pin.revision
        };
        let known = noticed.iter().find(same).or_else(|| seen(pin).map(|seen| &seen.commit).filter(same));
        known.cloned().unwrap_or_else(|| Commit {
            repo_url: pin.repo_url.clone(),
            revision: pin.revision.clone(),
            commit: pin.commit.clone(),
            author: String::new(),
            message: String::new(),
            committed: None,
        })
    };
    rollout.spec.commits.iter().map(of).collect()
}

/// As in `; main 1a2b3c4 “Fix the thing” by Ann`.
fn shipping(commits: &[Commit]) -> String {
    match commits {
        [] => String::new(),
        [one] => format!("; {} {}", one.revision, said(one)),
        [one, rest @ ..] => format!("; {} {} and {} more", one.revision, said(one), rest.len()),
    }
}

/// As in `1a2b3c4 “Fix the thing” by Ann`.
pub(crate) fn said(commit: &Commit) -> String {
    let mut text = commit.commit.short().to_owned();
    if !commit.message.is_empty() {
        text.push_str(&format!(" “{}”", commit.message));
    }
    if !commit.author.is_empty() {
        text.push_str(&format!(" by {}", commit.author));
    }
    text
}

/// The members that failed, where there is more than the one that the reason names.
fn failed(rollout: &Rollout) -> String {
    let records = rollout.members.iter().filter_map(|(app, member)| Some((app, member.record.as_ref()?)));
    let failed: Vec<String> = records
        .filter(|(_, record)| matches!(record.state, MemberState::Failed { .. }))
        .map(|(app, record)| format!("{} on {}", app.name.as_str(), record.cluster))
        .collect();
    match failed.len() {
        0 | 1 => String::new(),
        count => {
            let more = count.saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("; failed: {}{more}", failed[..count.min(NAMED)].join(", "))
        }
    }
}

/// What the step from one status to the next tells, beside what people asked for through the API.
pub(crate) fn of_status(
    kind: Kind,
    (ns, name): (&str, &str),
    before: &Value,
    after: &Value,
    now: Timestamp,
) -> Vec<Entry> {
    match kind {
        Kind::ApplicationSet => held(ns, name, before, after, now).into_iter().collect(),
        Kind::Application => paused(ns, name, before, after, now).into_iter().collect(),
        Kind::Cluster
        | Kind::AppProject
        | Kind::FleetRollout
        | Kind::RolloutPolicy
        | Kind::EnrollmentToken
        | Kind::Namespace
        | Kind::Secret
        | Kind::ConfigMap
        | Kind::Event => Vec::new(),
    }
}

fn held(ns: &str, name: &str, before: &Value, after: &Value, now: Timestamp) -> Option<Entry> {
    let message = |status: &Value| {
        let conditions = status["conditions"].as_array()?;
        let held = conditions.iter().find(|one| one["type"] == "DeletionsHeld" && one["status"] == "True")?;
        held["message"].as_str().map(str::to_owned)
    };
    let said = message(after).filter(|_| message(before).is_none())?;
    let owner = Owner { kind: OwnerKind::ApplicationSet, namespace: ns.to_owned(), name: name.to_owned() };
    let text = format!("{name} holds deletions: {said}");
    Some(Entry { owners: vec![owner], ..Entry::new(What::RemovalHeld, now, text) })
}

/// Pauses that end by themselves, and those that a template asked for: nobody wrote them through the API.
fn paused(ns: &str, name: &str, before: &Value, after: &Value, now: Timestamp) -> Option<Entry> {
    let (old, new) = (&before["pause"], &after["pause"]);
    if old["id"] == new["id"] {
        return None;
    }
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let until = |value: &Value| text(value, "until").parse::<Timestamp>().ok();
    let (what, at, said, reason) = if new.is_null() {
        match until(old).filter(|until| *until <= now) {
            Some(until) => (What::PauseEnded, until, "the time of its pause is over", String::new()),
            None if text(old, "by").is_empty() => {
                (What::ApplicationResumed, now, "its annotation pauses it no more", String::new())
            }
            None => return None,
        }
    } else if text(new, "by").is_empty() {
        (What::ApplicationPaused, now, "its annotation pauses it", text(new, "reason"))
    } else {
        return None;
    };
    let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let cluster = after["cluster"].as_str().or(before["cluster"].as_str()).map(ClusterName::new);
    let application = Some(AppKey::new(ns, name));
    Some(Entry { cluster, application, reason, ..Entry::new(what, at, format!("{name}: {said}{because}")) })
}

/// That what a cluster's agent holds is the hub's truth now.
pub(crate) fn adopted(cluster: &ClusterName, by: &str, changed: usize, now: Timestamp) -> Entry {
    let text =
        format!("{cluster} was adopted: {changed} assignments are what its agent holds, asked for by {by}");
    Entry { cluster: Some(cluster.clone()), ..Entry::new(What::ClusterAdopted, now, text) }.by(by, "")
}

/// That a cluster left.
pub(crate) fn gone(cluster: &ClusterName, now: Timestamp) -> Entry {
    let text = format!("{cluster} left the fleet");
    Entry { cluster: Some(cluster.clone()), ..Entry::new(What::ClusterGone, now, text) }
}

/// Pauses whose time is over, as far as they were told.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    told: BTreeSet<String>,
    looked: Option<Timestamp>,
}

impl Ended {
    /// Tells of pauses of clusters and rollouts that ended by themselves.
    pub(crate) async fn tell(&mut self, records: &Records, index: &Index, now: Timestamp) {
        if self.looked.is_some_and(|looked| now.duration_since(looked) < LOOK) {
            return;
        }
        self.looked = Some(now);
        let over = |end: &Timestamp| *end <= now && now.duration_since(*end) < PAST;
        let clusters = index.clusters.iter().filter_map(|(name, cluster)| {
            let end = cluster.spec.pause.as_ref()?.ends().filter(over)?;
            let text = format!("{name}: the time of its pause is over");
            Some(Entry { cluster: Some(name.clone()), ..Entry::new(What::PauseEnded, end, text) })
        });
        let rollouts = index.heads.iter().filter_map(|(key, (head, _))| {
            let end = head.paused.as_ref()?.until.filter(over)?;
            let owner = &index.rollouts.get(key)?.spec.owner;
            let text = format!("{}: the time of its pause is over", key.1);
            Some(Entry::new(What::PauseEnded, end, text).of_rollout(owner, &key.1))
        });
        let all: Vec<Entry> = clusters.chain(rollouts).collect();
        let keys: BTreeSet<String> = all.iter().map(Entry::key).collect();
        let new: Vec<Entry> = all.into_iter().filter(|entry| !self.told.contains(&entry.key())).collect();
        self.told = keys;
        if let Err(error) = records.tell(new).await {
            tracing::warn!(%error, "the end of a pause could not be kept; it is tried again");
            self.told.clear();
        }
    }
}

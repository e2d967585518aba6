//! What objects say of themselves: written when it changes, and only what the hub decides.
//!
//! What agents report is not copied here: the API reads it beside the status (design §8).

use crate::{
    chronicle, conditions,
    history::history as of_proofs,
    index::{Index, Name},
    line::{Evaluation, MemberInput},
    pauses, removal,
};
use hub_gateway::LinkState;
use hub_records::{Records, history, keys};
use hub_store::{Compare, Op, Outcome, Txn};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use shared_model::{AppKey, ClusterName, Kind, Owner, OwnerKind, fleet_rollout::PlanSpec};
use shared_rollout::{Fleet, Line, Report, Rollout, RolloutReport};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

const BATCH: usize = 45;
/// About so many statuses are written, or found to be as they were, before the loop does something else: a commit is news
/// for every Application of a repository, and a rollout must not wait until all have said so.
const MOST_CHANGED: usize = 250;
const MOST_COMPUTED: usize = 2000;

/// What was written last, so that nothing is written twice: as text, which takes a fifth of a tree's memory.
#[derive(Debug, Default)]
pub(crate) struct Statuses {
    written: BTreeMap<Key, Box<str>>,
    /// Whose turn was last.
    last: Option<Owner>,
}

/// The object that a status is of.
type Key = (Kind, String, String);

/// A status that is to be written, and as text.
type Changed = (Key, Value, Box<str>);

/// What an object said of itself before: read when somebody asks.
#[derive(Debug)]
struct Before<'a> {
    text: Option<&'a str>,
    value: OnceCell<Value>,
}

impl<'a> Before<'a> {
    const fn new(text: Option<&'a str>) -> Self {
        Self { text, value: OnceCell::new() }
    }

    fn value(&self) -> &Value {
        let read = || self.text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        self.value.get_or_init(read)
    }
}

/// What statuses are computed from.
#[derive(Debug)]
pub(crate) struct Now<'a> {
    pub(crate) index: &'a Index,
    pub(crate) evaluations: &'a BTreeMap<Owner, Evaluation>,
    pub(crate) fleet: &'a Fleet,
    pub(crate) report: &'a Report,
    pub(crate) leaving: &'a removal::Planned,
    pub(crate) links: &'a BTreeMap<ClusterName, LinkState>,
    pub(crate) at: Timestamp,
}

impl Statuses {
    /// Takes what the store says at the start.
    pub(crate) fn load(&mut self, key: &str, value: &[u8]) {
        if !key.starts_with(keys::STATUSES) {
            return;
        }
        if let (Some((kind, ns, name)), Ok(status)) = (keys::parse_object(key), std::str::from_utf8(value)) {
            self.written.insert((kind, ns.to_owned(), name.to_owned()), status.into());
        }
    }

    /// These objects are there no more: one of the same name starts anew.
    pub(crate) fn forget(&mut self, gone: Vec<(Kind, Name)>) {
        for (kind, (namespace, name)) in gone {
            self.written.remove(&(kind, namespace, name));
        }
    }

    /// Keeps what the index still has, after changes were missed.
    pub(crate) fn retain(&mut self, index: &Index) {
        self.written.retain(|(kind, namespace, name), _| index.object(*kind, namespace, name).is_some());
    }

    /// Computes the statuses of some of these owners, of what they made and of their rollouts, and writes those that
    /// changed. Whom it saw to is taken out of `owners`; who moves comes first, the others take turns.
    pub(crate) async fn update(
        &mut self,
        records: &Records,
        now: &Now<'_>,
        owners: &mut BTreeSet<Owner>,
        moving: &BTreeSet<Owner>,
    ) {
        let mut changed = Vec::new();
        let mut computed = 0;
        for owner in self.turns(owners, moving) {
            if changed.len() >= MOST_CHANGED || computed >= MOST_COMPUTED {
                break;
            }
            owners.remove(&owner);
            let Some((owner, evaluation)) = now.evaluations.get_key_value(&owner) else { continue };
            self.last = Some(owner.clone());
            let line = now.fleet.lines.get(owner);
            if owner.kind == OwnerKind::ApplicationSet {
                self.note(&mut changed, Kind::ApplicationSet, &owner.namespace, &owner.name, |before| {
                    of_set(now, owner, evaluation, line, before)
                });
            }
            let apps = applications(now, owner, evaluation);
            computed += apps.len();
            for app in apps {
                self.note(&mut changed, Kind::Application, &app.namespace, &app.name, |before| {
                    of_application(now, owner, evaluation, line, &app, before)
                });
            }
            for rollout in line.into_iter().flat_map(|line| &line.rollouts) {
                let report = now.report.rollouts.get(&(owner.clone(), rollout.name.clone()));
                self.note(
                    &mut changed,
                    Kind::FleetRollout,
                    &owner.namespace,
                    rollout.name.as_str(),
                    |before| of_rollout(rollout, report, before),
                );
            }
        }
        let mut events = Vec::new();
        for (key, status, _) in &changed {
            let before = Before::new(self.written.get(key).map(|text| &**text));
            let before = before.value();
            let (kind, ns, name) = key;
            events.extend(history::puts(chronicle::of_status(*kind, (ns, name), before, status, now.at)));
            let notice = pauses::notice(&before["pause"], &status["pause"], now.at);
            if let Some(notice) = notice.filter(|_| *kind == Kind::Application)
                && let Some(object) = now.index.object(*kind, ns, name)
            {
                events.extend(notice.put(object.about(*kind), now.at));
            }
        }
        self.write(records, changed).await;
        for part in events.chunks(BATCH) {
            if let Err(error) = records.store().commit(Txn { compares: Vec::new(), ops: part.to_vec() }).await
            {
                tracing::warn!(%error, "events could not be written");
            }
        }
    }

    /// Who moves, then the others; of each, first those behind who was last.
    fn turns(&self, owners: &BTreeSet<Owner>, moving: &BTreeSet<Owner>) -> Vec<Owner> {
        let before = |owner: &Owner| self.last.as_ref().is_none_or(|last| *owner <= *last);
        let mut turns: Vec<&Owner> = owners.iter().collect();
        turns.sort_by_key(|owner| (!moving.contains(owner), before(owner)));
        turns.into_iter().cloned().collect()
    }

    fn note(
        &self,
        changed: &mut Vec<Changed>,
        kind: Kind,
        ns: &str,
        name: &str,
        compute: impl FnOnce(&Before<'_>) -> Value,
    ) {
        let key = (kind, ns.to_owned(), name.to_owned());
        let before = Before::new(self.written.get(&key).map(|text| &**text));
        let status = compute(&before);
        let text = status.to_string();
        // Another hub may have written the same in another order.
        if before.text != Some(&text) && status != *before.value() {
            changed.push((key, status, text.into()));
        }
    }

    async fn write(&mut self, records: &Records, changed: Vec<Changed>) {
        let mut writing = Vec::with_capacity(changed.len().div_ceil(BATCH));
        for part in changed.chunks(BATCH) {
            let mut txn = Txn { compares: Vec::new(), ops: Vec::new() };
            for ((kind, ns, name), _, status) in part {
                // The object may be gone by now: a status without its object would never be collected.
                txn.compares.push(Compare::Exists { key: keys::object(*kind, ns, name) });
                let value = status.as_bytes().to_vec().into();
                txn.ops.push(Op::Put { key: keys::status(*kind, ns, name), value });
            }
            writing.push(records.store().commit(txn));
        }
        // Side by side they share the disk's next write: they are of different objects.
        let outcomes = futures::future::join_all(writing).await;
        for (part, outcome) in changed.chunks(BATCH).zip(outcomes) {
            match outcome {
                Ok(Outcome::Committed(_)) => {
                    let texts = part.iter().map(|(key, _, text)| (key.clone(), text.clone()));
                    self.written.extend(texts);
                }
                // One that is too large holds up no other.
                Ok(Outcome::Conflict { .. })
                | Err(hub_store::Error::ValueTooLarge { .. } | hub_store::Error::TxnTooLarge { .. }) => {
                    self.one_by_one(records, part).await;
                }
                Err(error) => tracing::error!(%error, "statuses could not be written"),
            }
        }
    }

    async fn one_by_one(&mut self, records: &Records, part: &[Changed]) {
        for (key, status, text) in part {
            match records.put_status(key.0, &key.1, &key.2, status).await {
                Ok(true) => drop(self.written.insert(key.clone(), text.clone())),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "a status could not be written"),
            }
        }
    }
}

/// The Applications whose status an owner's evaluation gives.
fn applications(now: &Now<'_>, owner: &Owner, evaluation: &Evaluation) -> Vec<AppKey> {
    match owner.kind {
        OwnerKind::Application => vec![AppKey::new(owner.namespace.clone(), owner.name.clone())],
        OwnerKind::ApplicationSet => {
            let made = now.index.owner(owner).map(|set| now.index.made_by(set)).unwrap_or_default();
            let mut apps: Vec<AppKey> =
                made.iter().map(|stored| AppKey::new(stored.namespace(), stored.name())).collect();
            apps.extend(evaluation.applications.keys().cloned());
            apps.sort();
            apps.dedup();
            apps.retain(|app| now.index.applications.contains_key(app));
            apps
        }
    }
}

/// The report of the rollout that decides for a line.
fn lead<'a>(
    now: &'a Now<'_>,
    owner: &Owner,
    line: Option<&'a Line>,
) -> Option<(&'a Rollout, Option<&'a RolloutReport>)> {
    let line = line?;
    let rollout = line.lead().or(line.rollouts.last())?;
    Some((rollout, now.report.rollouts.get(&(owner.clone(), rollout.name.clone()))))
}

fn of_application(
    now: &Now<'_>,
    owner: &Owner,
    evaluation: &Evaluation,
    line: Option<&Line>,
    app: &AppKey,
    before: &Before<'_>,
) -> Value {
    let mut status = Map::new();
    let mut conditions = evaluation.applications.get(app).cloned().unwrap_or_default();
    let placed = evaluation.head.get(app);
    if let Some(MemberInput { cluster, release, revisions, .. }) = placed {
        status.insert("cluster".into(), json!(cluster));
        status.insert("target".into(), json!({"release": release, "revisions": revisions}));
    } else if let Some(cluster) = now.index.seats(app).next() {
        status.insert("cluster".into(), json!(cluster));
    }
    let cluster = status.get("cluster").and_then(Value::as_str).map(ClusterName::new);
    if let Some((pause, said)) =
        pauses::status(now.index, now.links, app, cluster.as_ref(), || before.value(), now.at)
    {
        status.insert("pause".into(), pause);
        conditions.extend(said);
    }
    if let Some((rollout, report)) = lead(now, owner, line) {
        let member = rollout.members.get(app).and_then(|member| member.record.as_ref());
        let message =
            report.and_then(|report| report.waits.get(app)).map(ToString::to_string).unwrap_or_default();
        let wave = member.and_then(|record| record.wave);
        let name = wave.and_then(|wave| report?.waves.get(wave).map(|wave| wave.name.clone()));
        let state = member.map_or("Waiting", |record| state_word(&record.state));
        status.insert(
            "rollout".into(),
            json!({
                "name": rollout.name, "wave": name, "state": state, "message": message,
            }),
        );
    }
    let history = of_proofs(evaluation, line, app);
    if !history.is_empty() {
        status.insert("history".into(), history.into());
    }
    let deleted = now
        .index
        .object(Kind::Application, &app.namespace, &app.name)
        .is_some_and(|stored| stored.is_deleted);
    if deleted && let Some(message) = now.leaving.waits_for(app) {
        conditions.push(conditions::of_application("DeletionPending", &message));
    }
    if !conditions.is_empty() {
        status.insert(
            "conditions".into(),
            conditions::since(&before.value()["conditions"], conditions, now.at),
        );
    }
    Value::Object(status)
}

const fn state_word(state: &shared_rollout::MemberState) -> &'static str {
    match state {
        shared_rollout::MemberState::Waiting => "Waiting",
        shared_rollout::MemberState::Released { .. } => "Released",
        shared_rollout::MemberState::Proven { .. } => "Proven",
        shared_rollout::MemberState::Failed { .. } => "Failed",
        shared_rollout::MemberState::Returning { .. } => "Returning",
        shared_rollout::MemberState::Returned { .. } => "Returned",
    }
}

fn of_set(
    now: &Now<'_>,
    owner: &Owner,
    evaluation: &Evaluation,
    line: Option<&Line>,
    before: &Before<'_>,
) -> Value {
    let mut status = Map::new();
    let made = now.index.owner(owner).map(|set| now.index.made_by(set).len()).unwrap_or_default();
    status.insert("resourcesCount".into(), json!(made));
    let mut said = evaluation.set.clone();
    if let Some((rollout, report)) = lead(now, owner, line) {
        let phase = report.map_or(rollout.head.phase, |report| report.phase);
        said.extend(conditions::rollout_progressing(rollout, phase));
    }
    let going = now.leaving.held(Kind::ApplicationSet, &owner.namespace, &owner.name);
    said.extend(going.map(|message| conditions::of_set("DeletionHeld", true, "InUse", message)));
    if !said.is_empty() {
        status.insert("health".into(), conditions::health(&said));
        status.insert("conditions".into(), conditions::since(&before.value()["conditions"], said, now.at));
    }
    if let Some((rollout, report)) = lead(now, owner, line) {
        let message =
            report.and_then(|report| shared_rollout::waits_for(rollout, report)).unwrap_or_default();
        let phase = report.map_or(rollout.head.phase, |report| report.phase);
        status.insert("rollout".into(), json!({"name": rollout.name, "phase": phase, "message": message}));
        if let (PlanSpec::RollingSync(_), Some(report)) = (&rollout.plan, report) {
            let revisions = |app: &AppKey| {
                let frozen = evaluation.rollouts.get(&rollout.name).and_then(|members| members.get(app));
                frozen.map(|member| member.revisions.clone()).unwrap_or_default()
            };
            let entries = shared_rollout::application_status(rollout, report, revisions);
            status.insert("applicationStatus".into(), json!(entries));
        }
    }
    Value::Object(status)
}

/// A rollout that has no report any more is history: what it came to stays, what it waited for goes.
fn of_rollout(rollout: &Rollout, report: Option<&RolloutReport>, before: &Before<'_>) -> Value {
    let Some(report) = report else {
        let mut status = before.value().as_object().cloned().unwrap_or_default();
        for waiting in ["waitsFor", "exceptional", "exceptionalOmitted"] {
            status.remove(waiting);
        }
        status.insert("phase".into(), json!(rollout.head.phase));
        status.insert("finished".into(), json!(rollout.head.finished));
        return Value::Object(status);
    };
    shared_rollout::status(rollout, report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::RolloutName;
    use shared_rollout::{Head, Phase};

    #[test]
    fn who_moves_is_told_of_first_and_nobody_is_left_out() {
        let owner = |name: &str| Owner {
            kind: OwnerKind::ApplicationSet,
            namespace: "argocd".to_owned(),
            name: name.to_owned(),
        };
        let set = |names: &[&str]| names.iter().map(|name| owner(name)).collect::<BTreeSet<_>>();
        let mut statuses = Statuses::default();
        let turns = |statuses: &Statuses| {
            let turns = statuses.turns(&set(&["a", "b", "c", "d"]), &set(&["b", "c", "gone"]));
            turns.into_iter().map(|owner| owner.name).collect::<String>()
        };
        assert_eq!(turns(&statuses), "bcad");
        statuses.last = Some(owner("b"));
        assert_eq!(turns(&statuses), "cbda");
        statuses.last = Some(owner("d"));
        assert_eq!(turns(&statuses), "bcad");
    }

    #[test]
    fn a_rollout_of_the_past_keeps_what_it_came_to() {
        let rollout = Rollout {
            name: RolloutName::new("shop-1"),
            sequence: 1,
            created: Timestamp::UNIX_EPOCH,
            plan: PlanSpec::Immediate,
            head: Head { phase: Phase::Superseded, finished: Some(Timestamp::UNIX_EPOCH), ..Head::default() },
            members: BTreeMap::new(),
        };
        let waves = json!([{"name": "canary", "total": 2, "proven": 2}]);
        let before = json!({
            "phase": "Progressing", "waves": waves, "members": 4, "waitsFor": "wave rest waits for us-1",
            "exceptional": [{"cluster": "us-1"}], "exceptionalOmitted": 1,
        });
        let text = before.to_string();
        let after = of_rollout(&rollout, None, &Before::new(Some(&text)));
        assert_eq!(
            after,
            json!({"phase": "Superseded", "finished": "1970-01-01T00:00:00Z", "waves": waves, "members": 4})
        );
        let text = after.to_string();
        assert_eq!(of_rollout(&rollout, None, &Before::new(Some(&text))), after);
    }
}

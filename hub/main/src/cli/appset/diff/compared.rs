//! A set on both sides: each Application that comes, changes, goes or moves to another wave.

use super::{
    super::staging::{Fleet, Plan, key},
    sides::{self, Set, Side},
};
use serde_json::{Value, json};
use shared_model::{AppKey, ClusterName, RESOURCES_FINALIZER};
use shared_rollout::Places;
use std::collections::{BTreeMap, BTreeSet};

/// What happens to an Application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Added,
    Changed,
    Removed,
    /// Nothing but its wave changes.
    Moved,
}

impl What {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Moved => "moved",
        }
    }
}

/// One Application.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) what: What,
    pub(super) application: AppKey,
    pub(super) cluster: ClusterName,
    pub(super) wave: Option<String>,
    /// What else there is to say.
    pub(super) note: String,
    /// What decides, on each side: labels, annotations, finalizers, spec.
    pub(super) before: Option<Value>,
    pub(super) after: Option<Value>,
}

/// A wave, and what changes there.
#[derive(Debug, Clone, Default)]
pub(super) struct WaveRow {
    pub(super) name: String,
    /// How many clusters it has.
    pub(super) of: usize,
    pub(super) clusters: BTreeSet<ClusterName>,
    pub(super) added: usize,
    pub(super) changed: usize,
    pub(super) removed: usize,
}

/// A set, compared.
#[derive(Debug, Clone)]
pub(super) struct Compared {
    /// `argocd/fleet`.
    pub(super) set: String,
    pub(super) rows: Vec<Row>,
    pub(super) equal: usize,
    pub(super) waves: Vec<WaveRow>,
    /// How many Applications there are on either side.
    pub(super) applications: usize,
    /// How many clusters there are on the new side.
    pub(super) clusters: usize,
    pub(super) sides: (String, String),
    pub(super) notes: Vec<String>,
}

impl Compared {
    pub(super) fn differs(&self) -> bool {
        !self.rows.is_empty()
    }

    pub(super) fn count(&self, what: What) -> usize {
        self.rows.iter().filter(|row| row.what == what).count()
    }
}

/// Compares each set with itself on the other side.
pub(super) fn compared(before: Side, after: Side) -> anyhow::Result<Vec<Compared>> {
    let Side { sets: mut old, fleet: old_fleet, label: left, whole } = before;
    let Side { sets: new, fleet, label: right, .. } = after;
    let mut all = Vec::new();
    let sides = (left, right);
    for (name, set) in new {
        let was = old.remove(&name);
        all.push(one(name, was.as_ref(), Some(&set), (&old_fleet, &fleet), &sides)?);
    }
    if whole {
        for (name, was) in old {
            all.push(one(name, Some(&was), None, (&old_fleet, &fleet), &sides)?);
        }
    }
    all.sort_by(|one, other| one.set.cmp(&other.set));
    Ok(all)
}

/// Where everybody is on one side; `None` while the policy is not known.
fn places(set: &Set, fleet: &Fleet) -> anyhow::Result<Option<Places>> {
    match &set.plan {
        Plan::Known(plan) => fleet.places(plan, set.applications.iter()).map(Some),
        Plan::Unknown(_) => Ok(None),
    }
}

fn one(
    name: String,
    was: Option<&Set>,
    is: Option<&Set>,
    (old_fleet, fleet): (&Fleet, &Fleet),
    sides: &(String, String),
) -> anyhow::Result<Compared> {
    let nothing: &[Value] = &[];
    let existing = was.map_or(nothing, |was| &was.applications);
    let old_places = was.map(|was| places(was, old_fleet)).transpose()?.flatten();
    let new_places = is.map(|is| places(is, fleet)).transpose()?.flatten();
    let mut notes = is.or(was).map(|set| set.notes.clone()).unwrap_or_default();
    let made = Made::of(is, existing, &mut notes);
    let known: BTreeMap<AppKey, &Value> = existing.iter().map(|one| (key(one), one)).collect();
    let mut rows = Vec::new();
    let row = |what, application: &Value, fleet: &Fleet, places: Option<&Places>| Row {
        what,
        application: key(application),
        cluster: fleet.of(application),
        wave: wave(places, &key(application)),
        note: String::new(),
        before: None,
        after: None,
    };
    for created in &made.create {
        rows.push(Row {
            after: Some(decisive(created)),
            ..row(What::Added, created, fleet, new_places.as_ref())
        });
    }
    for updated in &made.update {
        let was = known.get(&key(updated)).copied();
        let from = was.map(|was| old_fleet.of(was)).filter(|from| *from != fleet.of(updated));
        rows.push(Row {
            before: was.map(decisive),
            after: Some(decisive(updated)),
            note: from.map(|from| format!("it leaves {from}")).unwrap_or_default(),
            ..row(What::Changed, updated, fleet, new_places.as_ref())
        });
    }
    for gone in existing.iter().filter(|one| made.delete.contains(&key(one).name.to_string())) {
        rows.push(Row {
            before: Some(decisive(gone)),
            note: if cascades(gone) { "its objects go too" } else { "its objects stay" }.to_owned(),
            ..row(What::Removed, gone, old_fleet, old_places.as_ref())
        });
    }
    if let (Some(is), Some(_), Some(_)) = (is, &old_places, &new_places) {
        let touched: BTreeSet<AppKey> = rows.iter().map(|row| row.application.clone()).collect();
        for same in
            is.applications.iter().filter(|one| known.contains_key(&key(one)) && !touched.contains(&key(one)))
        {
            let row = row(What::Moved, same, fleet, new_places.as_ref());
            let from = wave(old_places.as_ref(), &row.application);
            if from != row.wave {
                let from = from.unwrap_or_else(|| "none".to_owned());
                rows.push(Row { note: format!("it was in wave {from}"), ..row });
            }
        }
    }
    rows.sort_by(|one, other| (one.what, &one.application).cmp(&(other.what, &other.application)));
    let added = rows.iter().filter(|row| row.what == What::Added).count();
    let equal = existing.len().saturating_sub(rows.iter().filter(|row| row.what != What::Added).count());
    for set in was.iter().chain(&is) {
        if let Plan::Unknown(_) = set.plan {
            notes.push(format!(
                "RolloutPolicy {} is not known here, and so no wave: give its file with -f too",
                sides::policy(&set.object)
            ));
        }
    }
    notes.sort();
    notes.dedup();
    let waves = waves(&rows, new_places.as_ref().or(old_places.as_ref()));
    let clusters = fleet.len();
    Ok(Compared {
        set: name,
        rows,
        equal,
        waves,
        applications: existing.len() + added,
        clusters,
        sides: sides.clone(),
        notes,
    })
}

/// What the hub would write.
struct Made {
    create: Vec<Value>,
    update: Vec<Value>,
    delete: BTreeSet<String>,
}

impl Made {
    fn of(is: Option<&Set>, existing: &[Value], notes: &mut Vec<String>) -> Self {
        let names = |existing: &[Value]| existing.iter().map(|one| key(one).name.to_string()).collect();
        let Some((set, expansion)) = is.and_then(|is| Some((is, is.expansion.as_ref()?))) else {
            notes.push("the ApplicationSet goes, and its Applications with it".to_owned());
            return Self { create: Vec::new(), update: Vec::new(), delete: names(existing) };
        };
        let changes = shared_generate::reconcile(&set.object, existing, expansion);
        let mut delete: BTreeSet<String> = changes.delete.into_iter().collect();
        if let Some(held) = changes.held {
            let why = held.message.split_once("; nothing").map_or(held.message.as_str(), |(why, _)| why);
            notes.push(format!(
                "{why}: they are held until `flotilla appset approve {}`",
                set.object["metadata"]["name"].as_str().unwrap_or_default()
            ));
            delete.extend(held.removals);
        }
        notes.extend(forbidden(set, existing, changes.update.len(), delete.len()));
        Self { create: changes.create, update: changes.update, delete }
    }
}

/// What the set's policy keeps from happening.
fn forbidden(set: &Set, existing: &[Value], updates: usize, deletes: usize) -> Option<String> {
    let policy = set.object.pointer("/spec/syncPolicy/applicationsSync")?.as_str()?.to_owned();
    let mut free = set.object.clone();
    free["spec"]["syncPolicy"].as_object_mut()?.remove("applicationsSync");
    let wanted = shared_generate::reconcile(&free, existing, set.expansion.as_ref()?);
    let wanted_deletes = wanted.delete.len() + wanted.held.map_or(0, |held| held.removals.len());
    let (updates, deletes) = (wanted.update.len() - updates, wanted_deletes - deletes);
    (updates + deletes > 0).then(|| {
        format!("applicationsSync: {policy} keeps {updates} changes and {deletes} removals from being made")
    })
}

fn wave(places: Option<&Places>, application: &AppKey) -> Option<String> {
    let places = places?;
    Some(places.waves[places.wave_of(application)?].name.clone())
}

/// What of an Application decides what happens in its cluster, or who finds it.
fn decisive(application: &Value) -> Value {
    let mut kept = json!({"spec": application["spec"]});
    for field in ["labels", "annotations", "finalizers"] {
        let value = &application["metadata"][field];
        if !value.is_null() {
            kept["metadata"][field] = value.clone();
        }
    }
    kept
}

fn cascades(application: &Value) -> bool {
    let finalizers = application["metadata"]["finalizers"].as_array().into_iter().flatten();
    finalizers.filter_map(Value::as_str).any(|name| name.starts_with(RESOURCES_FINALIZER))
}

/// What changes in each wave, in their order; those without a wave last.
fn waves(rows: &[Row], places: Option<&Places>) -> Vec<WaveRow> {
    let known = places.map(|places| places.waves.as_slice()).unwrap_or_default().iter();
    let mut waves: Vec<WaveRow> = known
        .map(|wave| WaveRow { name: wave.name.clone(), of: wave.clusters.len(), ..WaveRow::default() })
        .collect();
    for row in rows.iter().filter(|row| row.what != What::Moved) {
        // Of a policy that is not known, nobody knows.
        let none = if places.is_some() { "none" } else { "?" };
        let name = row.wave.clone().unwrap_or_else(|| none.to_owned());
        let at = match waves.iter().position(|wave| wave.name == name) {
            Some(at) => at,
            None => {
                waves.push(WaveRow { name, ..WaveRow::default() });
                waves.len() - 1
            }
        };
        let wave = &mut waves[at];
        wave.clusters.insert(row.cluster.clone());
        match row.what {
            What::Added => wave.added += 1,
            What::Changed => wave.changed += 1,
            What::Removed => wave.removed += 1,
            What::Moved => {}
        }
    }
    waves.retain(|wave| !wave.clusters.is_empty());
    waves
}

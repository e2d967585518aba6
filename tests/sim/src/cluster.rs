//! A cluster: as much of an API server and its controllers as an agent meets.

use agent::parts::{Watched, WatchedKind, WatchedPlace};
use serde_json::{Value, json};
use shared_manifest::{ObjectId, tracking};
use shared_sync::Failure;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) objects: BTreeMap<ObjectId, Value>,
    /// It answers nothing.
    pub(crate) down: bool,
    pub(crate) watched: BTreeSet<WatchedKind>,
    /// Where what lacks our label is watched.
    pub(crate) unlabelled: BTreeSet<WatchedPlace>,
    /// What watches are to tell, in order.
    pub(crate) news: Vec<Watched>,
    /// Requests of the agent.
    pub(crate) requests: u64,
    revision: u64,
}

impl Cluster {
    fn answers(&mut self) -> Result<(), Failure> {
        self.requests += 1;
        if self.down { Err(Failure::Unreachable("it is down".to_owned())) } else { Ok(()) }
    }

    pub(crate) fn get(&mut self, id: &ObjectId) -> Result<Option<Arc<Value>>, Failure> {
        self.answers()?;
        Ok(self.objects.get(id).cloned().map(Arc::new))
    }

    /// Server-side apply of one manager that owns everything it sets.
    pub(crate) fn apply(&mut self, id: &ObjectId, object: &Value) -> Result<Arc<Value>, Failure> {
        self.answers()?;
        let mut new = object.clone();
        let old = self.objects.get(id);
        let changed = old.is_none_or(|old| old["spec"] != new["spec"]);
        let generation = old.and_then(|old| old["metadata"]["generation"].as_u64()).unwrap_or(0);
        new["metadata"]["generation"] = json!(generation + u64::from(changed));
        new["metadata"]["uid"] = old
            .map_or_else(|| json!(format!("u{}", self.revision + 1)), |old| old["metadata"]["uid"].clone());
        if let Some(status) = old.and_then(|old| old.get("status")) {
            new["status"] = status.clone();
        }
        let same = old.is_some_and(|old| {
            new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
            *old == new
        });
        if !same {
            self.put(id, new);
        }
        Ok(Arc::new(self.objects[id].clone()))
    }

    pub(crate) fn delete(&mut self, id: &ObjectId, uid: Option<&str>) -> Result<(), Failure> {
        self.answers()?;
        let Some(object) = self.objects.get(id) else {
            return Err(Failure::NotFound(id.to_string()));
        };
        if uid.is_some_and(|uid| object["metadata"]["uid"] != uid) {
            return Err(Failure::Conflict("another object has its name".to_owned()));
        }
        self.remove(id);
        Ok(())
    }

    /// Everything that carries the marks of an application, by owner.
    pub(crate) fn survey(&mut self) -> Result<BTreeMap<String, Vec<ObjectId>>, Failure> {
        self.answers()?;
        let mut found: BTreeMap<String, Vec<ObjectId>> = BTreeMap::new();
        for (id, object) in &self.objects {
            let named = tracking::tracking_of(object).is_some_and(|mark| mark.object == *id);
            if let Some(owner) = tracking::owner_of(object).filter(|_| named) {
                found.entry(owner.to_owned()).or_default().push(id.clone());
            }
        }
        Ok(found)
    }

    /// Watches exactly these kinds.
    pub(crate) fn watch(&mut self, kinds: BTreeSet<WatchedKind>) {
        let new: Vec<WatchedKind> = kinds.difference(&self.watched).cloned().collect();
        self.watched = kinds;
        if !self.down {
            new.iter().for_each(|kind| self.list(kind));
        }
    }

    /// Watches what lacks our label in exactly these places.
    pub(crate) fn watch_unlabelled(&mut self, places: BTreeSet<WatchedPlace>) {
        let new: Vec<WatchedPlace> = places.difference(&self.unlabelled).cloned().collect();
        self.unlabelled = places;
        if !self.down {
            new.into_iter().for_each(|place| self.follow(place));
        }
    }

    fn follow(&mut self, place: WatchedPlace) {
        self.requests += 2;
        self.news.push(Watched::Following(place, true));
    }

    /// After an outage every watch begins anew.
    pub(crate) fn up(&mut self) {
        self.down = false;
        for kind in self.watched.clone() {
            self.list(&kind);
        }
        for place in self.unlabelled.clone() {
            self.follow(place);
        }
    }

    fn list(&mut self, kind: &WatchedKind) {
        self.requests += 1;
        let of_kind = self.objects.iter().filter(|(id, object)| {
            id.group == kind.group && id.kind == kind.kind && tracking::owner_of(object).is_some()
        });
        let mut seen = BTreeSet::new();
        for (id, object) in of_kind {
            seen.insert(id.clone());
            self.news.push(Watched::Changed(id.clone(), Arc::new(object.clone())));
        }
        self.news.push(Watched::Listed(kind.clone(), seen));
    }

    /// Changes an object as a person or a controller does.
    pub(crate) fn edit(&mut self, id: &ObjectId, edit: impl FnOnce(&mut Value)) {
        let Some(mut object) = self.objects.get(id).cloned() else { return };
        edit(&mut object);
        self.put(id, object);
    }

    /// The workload's controller has done its work.
    pub(crate) fn settle(&mut self, id: &ObjectId) {
        self.edit(id, |object| {
            let generation = object["metadata"]["generation"].clone();
            let replicas = object["spec"]["replicas"].clone();
            object["status"] = json!({
                "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
                "availableReplicas": replicas, "readyReplicas": replicas,
            });
        });
    }

    /// The workload's controller sees that it does not start.
    pub(crate) fn give_up(&mut self, id: &ObjectId) {
        self.edit(id, |object| {
            let generation = object["metadata"]["generation"].clone();
            let replicas = object["spec"]["replicas"].clone();
            object["status"] = json!({
                "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
                "unavailableReplicas": replicas,
                "conditions": [{
                    "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                    "message": "it does not start",
                }],
            });
        });
    }

    fn put(&mut self, id: &ObjectId, mut object: Value) {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let was = self.objects.get(id).is_some_and(|old| tracking::owner_of(old).is_some());
        if tracking::owner_of(&object).is_some() {
            self.tell(id, Watched::Changed(id.clone(), Arc::new(object.clone())));
        } else if was {
            self.tell(id, Watched::Left(id.clone()));
        }
        let is = tracking::owner_of(&object).is_some();
        if !is || (!was && self.objects.contains_key(id)) {
            self.touch(id);
        }
        self.objects.insert(id.clone(), object);
    }

    pub(crate) fn remove(&mut self, id: &ObjectId) {
        self.revision += 1;
        let Some(old) = self.objects.remove(id) else { return };
        if tracking::owner_of(&old).is_some() {
            self.tell(id, Watched::Left(id.clone()));
        } else {
            self.touch(id);
        }
    }

    /// Something happened to an object that lacks our label, or lacked it.
    fn touch(&mut self, id: &ObjectId) {
        let of_place = |place: &WatchedPlace| {
            place.kind.group == id.group && place.kind.kind == id.kind && place.namespace == id.namespace
        };
        if !self.down && self.unlabelled.iter().any(of_place) {
            self.news.push(Watched::Touched(id.clone()));
        }
    }

    fn tell(&mut self, id: &ObjectId, news: Watched) {
        let watched = self.watched.iter().any(|kind| kind.group == id.group && kind.kind == id.kind);
        if watched && !self.down {
            self.news.push(news);
        }
    }
}

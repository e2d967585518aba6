//! A model of a cluster: obeys, keeps the objects, makes workloads ready when it is told to.

use crate::{Failure, Write};
use serde_json::{Value, json};
use shared_manifest::ObjectId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Debug, Default)]
pub(super) struct Cluster {
    pub(super) objects: BTreeMap<ObjectId, Value>,
    /// What the next writes of an object fail with.
    pub(super) failures: BTreeMap<ObjectId, Vec<Failure>>,
    /// Fails every write of these.
    pub(super) refused: BTreeMap<ObjectId, Failure>,
    /// Stay until they are let go.
    pub(super) finalized: BTreeSet<ObjectId>,
    revision: u64,
}

impl Cluster {
    pub(super) fn get(&self, id: &ObjectId) -> Option<Arc<Value>> {
        self.objects.get(id).cloned().map(Arc::new)
    }

    fn fails(&mut self, id: &ObjectId) -> Result<(), Failure> {
        if let Some(failure) = self.refused.get(id) {
            return Err(failure.clone());
        }
        match self.failures.get_mut(id).filter(|left| !left.is_empty()) {
            Some(left) => Err(left.remove(0)),
            None => Ok(()),
        }
    }

    pub(super) fn apply(
        &mut self,
        id: &ObjectId,
        object: &Value,
        _how: Write,
    ) -> Result<Arc<Value>, Failure> {
        self.fails(id)?;
        self.put(id, object);
        Ok(self.get(id).unwrap())
    }

    /// Keeps uid and status, counts generations by spec.
    pub(super) fn put(&mut self, id: &ObjectId, object: &Value) {
        self.revision += 1;
        let old = self.objects.get(id);
        let mut new = object.clone();
        let generation = old.map_or(0, |old| old["metadata"]["generation"].as_u64().unwrap());
        let changed = old.is_none_or(|old| old["spec"] != new["spec"]);
        new["metadata"]["generation"] = json!(if changed { generation + 1 } else { generation });
        new["metadata"]["uid"] =
            old.map_or_else(|| json!(format!("u{}", self.revision)), |old| old["metadata"]["uid"].clone());
        new["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        if let Some(old) = old {
            for field in ["deletionTimestamp"] {
                if let Some(value) = old["metadata"].get(field) {
                    new["metadata"][field] = value.clone();
                }
            }
            if let Some(status) = old.get("status") {
                new["status"] = status.clone();
            }
        }
        self.objects.insert(id.clone(), new);
    }

    pub(super) fn delete(&mut self, id: &ObjectId, uid: Option<&str>) -> Result<(), Failure> {
        self.fails(id)?;
        let Some(object) = self.objects.get_mut(id) else {
            return Err(Failure::NotFound(format!("{id}")));
        };
        if uid.is_some_and(|uid| object["metadata"]["uid"] != uid) {
            return Err(Failure::Conflict("the uid is another one".to_owned()));
        }
        if self.finalized.contains(id) {
            self.revision += 1;
            object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        } else {
            self.objects.remove(id);
        }
        Ok(())
    }

    /// Changes an object as a person or a controller does.
    pub(super) fn edit(&mut self, id: &ObjectId, edit: impl FnOnce(&mut Value)) {
        self.revision += 1;
        let object = self.objects.get_mut(id).unwrap();
        edit(object);
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
    }

    /// Makes a Deployment ready or a Job complete, unless its image (or name) says `bad`.
    pub(super) fn settle(&mut self, id: &ObjectId) {
        self.edit(id, |object| {
            let generation = object["metadata"]["generation"].clone();
            let bad = object["spec"].to_string().contains("bad");
            object["status"] = match (object["kind"].as_str().unwrap(), bad) {
                ("Deployment", false) => {
                    let replicas = object["spec"]["replicas"].clone();
                    json!({"observedGeneration": generation, "replicas": replicas,
                           "updatedReplicas": replicas, "availableReplicas": replicas})
                }
                ("Deployment", true) => json!({"observedGeneration": generation, "conditions": [
                    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
                     "message": "the image cannot be pulled"}]}),
                ("Job", false) => json!({"conditions": [{"type": "Complete", "status": "True"}]}),
                ("Job", true) => json!({"conditions": [
                    {"type": "Failed", "status": "True", "message": "back-off limit reached"}]}),
                _ => json!({}),
            };
        });
    }
}

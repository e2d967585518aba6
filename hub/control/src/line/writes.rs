//! What a set's expansion changes, written.

use super::{AT_ONCE, Lines, Snapshot};
use crate::{expand::Memory, git::chain, index::Object, removal};
use futures::future::join_all;
use jiff::Timestamp;
use serde_json::Value;
use shared_generate::{Changes, Existing, Expansion, Failed};
use shared_model::Kind;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

impl Lines {
    /// What writing an expansion changes. What a retired cluster takes with it is not the set's to hold back.
    pub(super) fn changes(&self, snapshot: &Snapshot, expansion: &Expansion, memory: &mut Memory) -> Changes {
        let set = &*snapshot.object.value();
        let generated = expansion.applications.iter().map(|generated| generated.name.as_str());
        let wanted: BTreeSet<&str> =
            generated.chain(expansion.rejected.iter().map(|rejected| rejected.name.as_str())).collect();
        let mut apart = removal::apart(&self.index.read(), snapshot.existing.iter().map(|stored| &**stored));
        let sure = expansion.problems.is_empty()
            && expansion.frozen.is_empty()
            && !expansion.unsupported.iter().any(|unsupported| unsupported.hides_applications);
        apart.homeless.retain(|name| sure && !wanted.contains(name.as_str()));
        let mine = |name: &&Arc<Object>| {
            !apart.leaving.contains(name.name()) && !apart.homeless.contains(name.name())
        };
        let existing = || snapshot.existing.iter().filter(mine);
        let as_before = |object: &&Arc<Object>| memory.is_settled(object.name(), object.revision);
        let mut changes = shared_generate::reconcile(
            set,
            existing().map(|object| Existing {
                name: object.name(),
                is_going: object.is_deleted,
                object: (!as_before(&object)).then(|| object.value()),
            }),
            expansion,
        );
        if expansion.problems.is_empty() {
            let update: BTreeSet<&str> = changes.update.iter().map(name).collect();
            let given: BTreeSet<&str> = expansion.applications.iter().map(|one| one.name.as_str()).collect();
            let is_settled = |object: &&Arc<Object>| {
                !object.is_deleted && given.contains(object.name()) && !update.contains(object.name())
            };
            memory.settle(existing().filter(is_settled).map(|object| (object.name(), object.revision)));
        }
        changes.create.retain(|object| !apart.leaving.contains(name(object)));
        changes.delete.extend(apart.homeless);
        changes
    }

    /// Writes what reconciling a set's Applications came to. The error is for the set's condition.
    pub(super) async fn write(
        &self,
        snapshot: &Snapshot,
        changes: &Changes,
        now: Timestamp,
    ) -> Result<(), Failed> {
        let by_name: BTreeMap<&str, &Arc<Object>> =
            snapshot.existing.iter().map(|stored| (stored.name(), stored)).collect();
        let update = changes.update.iter().filter_map(|object| {
            let name = object.pointer("/metadata/name").and_then(Value::as_str)?;
            Some((*by_name.get(name)?, object))
        });
        let update: Vec<(&Arc<Object>, &Value)> = update.collect();
        let mut failures = Vec::new();
        // Writes that come together share the disk's next flush.
        for part in changes.create.chunks(AT_ONCE) {
            failures.extend(join_all(part.iter().map(|object| self.create(snapshot, object, now))).await);
        }
        for part in update.chunks(AT_ONCE) {
            failures.extend(join_all(part.iter().map(|(old, object)| self.update(old, object))).await);
        }
        let mut undeleted = Vec::new();
        for part in changes.delete.chunks(AT_ONCE) {
            undeleted.extend(join_all(part.iter().map(|name| self.delete(snapshot, name, now))).await);
        }
        let said =
            |failures: Vec<Option<String>>| failures.into_iter().flatten().collect::<Vec<_>>().join("; ");
        match (said(failures), said(undeleted)) {
            (unwritten, undeleted) if unwritten.is_empty() && undeleted.is_empty() => Ok(()),
            (unwritten, undeleted) if unwritten.is_empty() => Err(Failed::Delete(undeleted)),
            (unwritten, undeleted) if undeleted.is_empty() => Err(Failed::Write(unwritten)),
            (unwritten, undeleted) => Err(Failed::Write(format!("{unwritten}; {undeleted}"))),
        }
    }

    /// Makes an Application of a set; answers why not.
    async fn create(&self, snapshot: &Snapshot, object: &Value, now: Timestamp) -> Option<String> {
        match self.records.create(Kind::Application, object.clone(), now).await {
            Ok(stored) => {
                tracing::info!(application = stored.name(), set = snapshot.object.name(), "created");
                None
            }
            Err(hub_records::Error::AlreadyExists { name, .. }) => {
                let namespace = snapshot.object.namespace();
                let own = self.index.read().object(Kind::Application, namespace, &name).cloned();
                let foreign = own.is_some_and(|stored| !is_of(&stored, &snapshot.object));
                foreign
                    .then(|| format!("Application {name} exists and does not belong to this ApplicationSet"))
            }
            Err(error) => Some(chain(&error)),
        }
    }

    /// Changes an Application of a set; answers why not.
    async fn update(&self, old: &Object, object: &Value) -> Option<String> {
        match self.records.replace(Kind::Application, &old.stored(), object.clone()).await {
            // A conflict is another writer's change: it makes the owner dirty again.
            Ok(_) | Err(hub_records::Error::Conflict { .. }) => None,
            Err(error) => Some(chain(&error)),
        }
    }

    /// Deletes an Application that its set gives no more; answers why not.
    async fn delete(&self, snapshot: &Snapshot, name: &str, now: Timestamp) -> Option<String> {
        match self.records.delete(Kind::Application, snapshot.object.namespace(), name, now).await {
            Ok(_) => {
                let set = snapshot.object.name();
                tracing::info!(application = name, set, "deleted: its set gives it no more");
                None
            }
            Err(hub_records::Error::NotFound { .. }) => None,
            Err(error) => Some(chain(&error)),
        }
    }
}

fn name(object: &Value) -> &str {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

fn is_of(application: &Object, set: &Object) -> bool {
    application.set().is_some_and(|(_, uid)| uid == set.uid())
}

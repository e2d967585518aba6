//! What the hub knows of what an entry is about, for those who want to hear of some only.

use hub_records::{Records, Stored};
use serde_json::Value;
use shared_history::Entry;
use shared_model::{AppKey, DEFAULT_NAMESPACE, Kind, Owner, OwnerKind};
use shared_notify::Subject;
use std::collections::BTreeMap;

/// What an entry is about, as far as it is still there.
pub(crate) async fn of(records: &Records, entry: &Entry) -> Result<Subject, hub_records::Error> {
    let mut subject = Subject::default();
    if let Some(cluster) = &entry.cluster {
        let stored = records.get(Kind::Cluster, "", cluster.as_str()).await?;
        let labels = |stored: Stored| {
            let labels: BTreeMap<String, String> =
                serde_json::from_value(stored.value["metadata"]["labels"].clone()).unwrap_or_default();
            labels
        };
        subject.labels = stored.map(labels);
    }
    if let Some(app) = &entry.application {
        application(records, app, &mut subject).await?;
    }
    if let Some(owner) = entry.owners.first() {
        of_owner(records, owner, &mut subject).await?;
    }
    Ok(subject)
}

async fn application(
    records: &Records,
    app: &AppKey,
    subject: &mut Subject,
) -> Result<(), hub_records::Error> {
    let Some(stored) = records.get(Kind::Application, &app.namespace, &app.name).await? else {
        return Ok(());
    };
    subject.project = text(&stored.value, "/spec/project");
    let references = stored.value.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let set = references.into_iter().flatten().find(|reference| reference["kind"] == "ApplicationSet");
    subject.set = set.and_then(|set| text(set, "/name"));
    Ok(())
}

async fn of_owner(records: &Records, owner: &Owner, subject: &mut Subject) -> Result<(), hub_records::Error> {
    let namespace = if owner.namespace.is_empty() { DEFAULT_NAMESPACE } else { &owner.namespace };
    match owner.kind {
        OwnerKind::Application => {
            application(records, &AppKey::new(namespace, owner.name.as_str()), subject).await?
        }
        OwnerKind::ApplicationSet => {
            subject.set = Some(owner.name.clone());
            let stored = records.get(Kind::ApplicationSet, namespace, &owner.name).await?;
            subject.project = stored.and_then(|stored| text(&stored.value, "/spec/template/spec/project"));
        }
    }
    Ok(())
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned)
}

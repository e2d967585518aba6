//! From changes of records to events of objects.

use super::Event;
use crate::{list, view};
use hub_records::{Error, Records, Stored, keys};
use hub_store::{Change, ChangeKind, Revision};
use serde_json::{Value, json};
use shared_model::{AppKey, Kind};
use std::collections::BTreeMap;

/// What the changes of one revision say about one object.
#[derive(Debug, Default)]
struct Touched {
    /// The object's own change, if it has one.
    object: Option<Change>,
    /// What its status was, where the change removed it.
    status: Option<Value>,
}

/// An object, in the order of events.
type Place = (Revision, Kind, String, String);

/// The events of some changes, which are whole revisions in order.
pub(crate) async fn events(records: &Records, changes: Vec<Change>) -> Result<Vec<Event>, Error> {
    let mut touched: BTreeMap<Place, Touched> = BTreeMap::new();
    for change in changes {
        let revision = change.revision;
        if let Some((_, app)) =
            keys::parse_on_cluster(&change.key).filter(|_| change.key.starts_with(keys::OBSERVATIONS))
        {
            let AppKey { namespace, name } = app;
            touched.entry((revision, Kind::Application, namespace.into(), name.into())).or_default();
            continue;
        }
        let Some((kind, namespace, name)) = keys::parse_object(&change.key) else { continue };
        let place = (revision, kind, namespace.to_owned(), name.to_owned());
        let at = touched.entry(place).or_default();
        if change.key.starts_with(keys::OBJECTS) {
            at.object = Some(change);
        } else if change.kind == ChangeKind::Delete {
            at.status = change.previous.and_then(|entry| serde_json::from_slice(&entry.value).ok());
        }
    }
    let mut events = Vec::with_capacity(touched.len());
    for ((revision, kind, namespace, name), touched) in touched {
        events.extend(event(records, revision, kind, (&namespace, &name), touched).await?);
    }
    Ok(events)
}

async fn event(
    records: &Records,
    revision: Revision,
    kind: Kind,
    (namespace, name): (&str, &str),
    touched: Touched,
) -> Result<Option<Event>, Error> {
    let Touched { object: change, status } = touched;
    let before = change.as_ref().and_then(|change| change.previous.as_ref()).and_then(Stored::from_entry);
    if let Some(Change { kind: ChangeKind::Delete, .. }) = change {
        // As it was last; a removal without a content before it was never seen.
        let Some(last) = before else { return Ok(None) };
        let known = metadata(&last.value);
        let parts =
            view::Parts { object: last, status: status.map(|status| (status, revision)), observation: None };
        let object = view::view_at(kind, parts, revision);
        return Ok(Some(Event::new(revision, kind, Some(known), object, true)));
    }
    let written = change.and_then(|change| match change.kind {
        ChangeKind::Put(entry) => Stored::from_entry(&entry),
        ChangeKind::Delete => None,
    });
    // The newest content: what was changed again since then must not go back with a later event.
    let newest = records.get(kind, namespace, name).await?;
    let fresh = written.as_ref().is_some_and(|written| written.created == revision);
    let object = match (newest, written) {
        // It was removed and made again since: this event is about the one before.
        (Some(newest), Some(written)) if newest.created > written.created => written,
        (Some(newest), None) if newest.created > revision => return Ok(None),
        (Some(newest), _) => newest,
        (None, Some(written)) => written,
        (None, None) => return Ok(None),
    };
    let known = match (fresh, before) {
        (true, _) => None,
        (false, Some(before)) => Some(metadata(&before.value)),
        (false, None) => Some(metadata(&object.value)),
    };
    let parts = list::complete(records, kind, object).await?;
    let object = view::view_at(kind, parts, revision);
    Ok(Some(Event::new(revision, kind, known, object, false)))
}

/// What selectors look at.
fn metadata(object: &Value) -> Value {
    let of = |field: &str| object["metadata"].get(field).cloned().unwrap_or_default();
    json!({"metadata": {"name": of("name"), "namespace": of("namespace"), "labels": of("labels")}})
}

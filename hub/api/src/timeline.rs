//! What happened: `GET /flotilla/v1/timeline`.
//!
//! | parameter | what |
//! |---|---|
//! | `cluster`, `app`, `set`, `rollout` | only what concerns this one; with `namespace` where the name alone is not enough |
//! | `kind` | only these kinds of entries, with commas between them |
//! | `since`, `until` | RFC 3339 |
//! | `limit`, `continue` | pages of at most 1000, oldest first; `metadata.continue` of one is the next one's `continue` |
//! | `last` | the newest so many instead, at most 100,000 |
//! | `watch`, `resourceVersion` | lines of `{"type": "ADDED", "object": …}` for what is written after that version |
//!
//! An entry that counts is written again when it happens again: a watch tells it as `MODIFIED`.

use crate::{
    answer::{self, Answer},
    options::{failed, version},
    query::Query,
    read::{Continue, limit},
};
use bytes::Bytes;
use futures::stream;
use hub_records::{
    Records, Stored,
    history::{Told, read},
    keys,
};
use hub_store::{Change, ChangeKind, Page, Watch};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_history::{Entry, Filter};
use shared_model::{AppKey, ClusterName, Kind, Owner, OwnerKind};
use shared_objects::Status;
use std::{collections::VecDeque, pin::Pin, time::Duration};
use tokio::time::Instant;

/// How many entries a page has at most.
const PAGE: usize = 1000;
/// How many of the newest entries are answered at most.
const LAST: usize = 100_000;
/// How long a watch lasts.
const LASTS: Duration = Duration::from_secs(45 * 60);

/// Entries, or a watch of them until `stopped` resolves.
pub(crate) async fn get(
    records: &Records,
    query: &Query,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Result<Answer, Status> {
    let filter = filter(records, query).await?;
    if query.is("watch") {
        return watch(records, query, filter, stopped).await;
    }
    let told = match query.get("last") {
        "" => {
            let size = limit(query)?.unwrap_or(PAGE).clamp(1, PAGE);
            let token = Continue::parse(query.get("continue"), keys::HISTORY)?;
            records.told(&filter, token.map(|token| token.after), size).await.map_err(failed)?
        }
        text => {
            let count = text.parse::<usize>().ok().filter(|count| (1..=LAST).contains(count));
            let count = count.ok_or_else(|| {
                Status::bad_request(format!("last: {text:?} is not a number from 1 to {LAST}"))
            })?;
            records.told_last(&filter, count).await.map_err(failed)?
        }
    };
    Ok(answer::ok(&document(&told)))
}

fn document(told: &Told) -> Value {
    let mut metadata = json!({"resourceVersion": told.revision.to_string()});
    if let Some(next) = &told.next {
        metadata["continue"] = json!(Continue::encode(told.revision, next, keys::HISTORY));
    }
    let items: Vec<&Entry> = told.entries.iter().map(|(_, _, entry)| entry).collect();
    json!({"kind": "Timeline", "apiVersion": "flotilla.dev/v1", "metadata": metadata, "items": items})
}

/// What the query asks for, with what is around it now.
async fn filter(records: &Records, query: &Query) -> Result<Filter, Status> {
    let text = |name: &str| Some(query.get(name).to_owned()).filter(|text| !text.is_empty());
    let time = |name: &str| match text(name) {
        None => Ok(None),
        Some(given) => given.parse::<Timestamp>().map(Some).map_err(|_| {
            Status::bad_request(format!("{name}: {given:?} is not a time as in 2026-11-21T03:00:00Z"))
        }),
    };
    let mut filter = Filter {
        cluster: text("cluster").map(ClusterName::new),
        application: text("app"),
        set: text("set"),
        rollout: text("rollout"),
        since: time("since")?,
        until: time("until")?,
        ..Filter::default()
    };
    filter.add_kinds(query.get("kind")).map_err(|error| Status::bad_request(format!("kind: {error}")))?;
    if let Some(cluster) = &filter.cluster {
        let listing = records.store().list(&keys::assignments(cluster), Page::default()).await;
        let entries = listing.map_err(|error| failed(error.into()))?.entries;
        filter.running = entries
            .iter()
            .filter_map(|entry| keys::parse_on_cluster(&entry.key))
            .map(|(_, app)| app)
            .collect();
        for app in &filter.running {
            filter.around.extend(owner(records, app).await?);
        }
    }
    if let Some(name) = &filter.application {
        let namespace = text("namespace");
        let namespace = namespace.as_deref().unwrap_or(shared_model::DEFAULT_NAMESPACE);
        filter.around.extend(owner(records, &AppKey::new(namespace, name.as_str())).await?);
    }
    Ok(filter)
}

/// Whose rollouts move an Application.
async fn owner(records: &Records, app: &AppKey) -> Result<Option<Owner>, Status> {
    let stored = records.get(Kind::Application, &app.namespace, &app.name).await.map_err(failed)?;
    let (namespace, name) = (app.namespace.as_str().to_owned(), app.name.as_str().to_owned());
    Ok(stored.map(|stored| match set_of(&stored) {
        Some(set) => Owner { kind: OwnerKind::ApplicationSet, namespace, name: set },
        None => Owner { kind: OwnerKind::Application, namespace, name },
    }))
}

fn set_of(application: &Stored) -> Option<String> {
    let references = application.value.pointer("/metadata/ownerReferences")?.as_array()?;
    let set = references.iter().find(|reference| reference["kind"] == "ApplicationSet")?;
    set["name"].as_str().map(str::to_owned)
}

/// One running watch.
struct Watcher {
    watch: Watch,
    filter: Filter,
    lines: VecDeque<Bytes>,
    ends: Instant,
    ended: bool,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

async fn watch(
    records: &Records,
    query: &Query,
    filter: Filter,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Result<Answer, Status> {
    let newest = records.store().revision().await.map_err(|error| failed(error.into()))?;
    let from = version(query)?.unwrap_or(newest);
    if from > newest {
        return Err(Status::revision_too_new(from.0, newest.0));
    }
    let watch = records.store().watch(keys::HISTORY, from).await.map_err(compacted)?;
    let watcher = Watcher {
        watch,
        filter,
        lines: VecDeque::new(),
        ends: Instant::now() + LASTS,
        ended: false,
        stopped: Box::pin(stopped),
    };
    Ok(answer::lines(stream::unfold(watcher, |mut watcher| async move {
        let line = watcher.next().await?;
        Some((line, watcher))
    })))
}

fn compacted(error: hub_store::Error) -> Status {
    let expired = matches!(error, hub_store::Error::Compacted { .. } | hub_store::Error::Lagged { .. });
    if expired { Status::expired(error.to_string()) } else { failed(error.into()) }
}

impl Watcher {
    /// The next line; `None` when the watch is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            tokio::select! {
                changes = self.watch.next() => match changes {
                    Some(Ok(changes)) => self.lines.extend(changes.iter().filter_map(|change| line(&self.filter, change))),
                    Some(Err(error)) => {
                        self.ended = true;
                        return Some(text("ERROR", &compacted(error).to_value()));
                    }
                    None => self.ended = true,
                },
                () = &mut self.stopped => self.ended = true,
                () = tokio::time::sleep_until(self.ends) => self.ended = true,
            }
        }
    }
}

fn line(filter: &Filter, change: &Change) -> Option<Bytes> {
    let ChangeKind::Put(stored) = &change.kind else { return None };
    let entry = read(stored).filter(|entry| filter.matches(entry))?;
    let word = if stored.create_revision == stored.mod_revision { "ADDED" } else { "MODIFIED" };
    Some(text(word, &json!(entry)))
}

fn text(word: &str, object: &Value) -> Bytes {
    Bytes::from(format!("{}\n", json!({"type": word, "object": object})))
}

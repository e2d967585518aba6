//! watch: changes as they come, as lines of JSON.

use crate::{
    answer::{self, Answer},
    feed::{Compacted, Event, Feed, Interest},
    kinds, list,
    metrics::Watching,
    options::{Form, Selector, failed, partial, version},
    query::Query,
    view,
};
use bytes::Bytes;
use futures::stream;
use http::HeaderMap;
use hub_records::Records;
use hub_store::{Page, Revision};
use serde_json::{Value, json};
use shared_model::{Kind, gvk};
use shared_objects::{
    Status,
    table::{self, Column},
};
use std::{collections::VecDeque, future::Future, pin::Pin, time::Duration};
use tokio::time::Instant;

/// How long a watch lasts when the client does not say.
const LASTS: Duration = Duration::from_secs(45 * 60);
/// How often a watcher that asked for bookmarks gets one.
const BOOKMARK: Duration = Duration::from_secs(60);

/// One running watch.
struct Watcher {
    feed: Feed,
    kind: Kind,
    selector: Selector,
    form: Form,
    columns: Vec<Column>,
    /// Whether a table's columns were told already.
    told: bool,
    at: Revision,
    lines: VecDeque<Bytes>,
    bookmarks: bool,
    next_bookmark: Instant,
    ends: Instant,
    ended: bool,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    _counted: Watching,
    _awake: Interest,
}

/// Starts a watch. It ends when `stopped` resolves.
pub(crate) async fn watch(
    (records, feed, counted): (&Records, Feed, Watching),
    kind: Kind,
    selector: Selector,
    headers: &HeaderMap,
    query: &Query,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Result<Answer, Status> {
    let form = Form::of(headers, query)?;
    let now = Instant::now();
    let lasts =
        query.get("timeoutSeconds").parse().ok().filter(|s| *s > 0).map_or(LASTS, Duration::from_secs);
    let from = version(query)?.filter(|revision| *revision > Revision::ZERO);
    let initial = query.is("sendInitialEvents");
    let awake = feed.watched();
    feed.wake().await;
    let mut watcher = Watcher {
        at: feed.tip(),
        feed,
        _awake: awake,
        kind,
        selector,
        form,
        columns: kinds::columns(kind),
        told: false,
        lines: VecDeque::new(),
        bookmarks: query.is("allowWatchBookmarks"),
        next_bookmark: now + BOOKMARK,
        ends: now + lasts.min(LASTS),
        ended: false,
        stopped: Box::pin(stopped),
        _counted: counted,
    };
    match from {
        Some(from) if !initial => {
            let newest = records.store().revision().await.map_err(|error| failed(error.into()))?;
            if from > newest {
                return Err(Status::revision_too_new(from.0, newest.0));
            }
            watcher.feed.step(from).map_err(compacted)?;
            watcher.at = from;
        }
        from => {
            watcher.current(records, from).await?;
            if initial && watcher.bookmarks {
                watcher.bookmark(true);
            }
        }
    }
    Ok(answer::lines(stream::unfold(watcher, |mut watcher| async move {
        let line = watcher.next().await?;
        Some((line, watcher))
    })))
}

fn compacted(Compacted { asked, oldest }: Compacted) -> Status {
    Status::expired(format!("too old resource version: {asked} ({oldest})"))
}

impl Watcher {
    /// The current state as ADDED.
    async fn current(&mut self, records: &Records, at_least: Option<Revision>) -> Result<(), Status> {
        let listed = list::page(records, self.kind, self.selector.namespace.as_deref(), Page::default());
        let listed = listed.await.map_err(failed)?;
        if let Some(wanted) = at_least.filter(|wanted| *wanted > listed.revision) {
            return Err(Status::revision_too_new(wanted.0, listed.revision.0));
        }
        for parts in listed.parts {
            let object = view::view(self.kind, parts);
            if self.selector.matches(&object) {
                let line = self.line("ADDED", &object, None);
                self.lines.push_back(line);
            }
        }
        self.at = listed.revision;
        Ok(())
    }

    /// The next line; `None` when the watch is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            match self.feed.step(self.at) {
                Err(lost) => {
                    self.ended = true;
                    return Some(line("ERROR", compacted(lost).to_value().to_string().as_bytes()));
                }
                Ok((events, upto)) if upto > self.at => {
                    for event in events {
                        self.take(&event);
                    }
                    self.at = upto;
                }
                Ok(_) => self.wait().await,
            }
        }
    }

    /// Waits for the feed, the next bookmark, or the end.
    async fn wait(&mut self) {
        let bookmark = if self.bookmarks { self.next_bookmark } else { self.ends };
        tokio::select! {
            goes_on = self.feed.wait(self.at) => self.ended = !goes_on,
            () = &mut self.stopped => self.ended = true,
            () = tokio::time::sleep_until(self.ends.min(bookmark)) => {
                self.ended = Instant::now() >= self.ends;
                if self.bookmarks {
                    self.bookmark(false);
                }
            }
        }
    }

    fn take(&mut self, event: &Event) {
        if event.kind != self.kind {
            return;
        }
        let before = event.before.as_ref().is_some_and(|before| self.selector.matches(before));
        let after = !event.gone && self.selector.matches(&event.object);
        let word = match (before, after) {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            (false, false) => return,
        };
        let line = self.line(word, &event.object, Some(event));
        self.lines.push_back(line);
    }

    fn line(&mut self, word: &str, object: &Value, event: Option<&Event>) -> Bytes {
        let document = match self.form {
            Form::Object => {
                return match event {
                    Some(event) => line(word, event.text()),
                    None => line(word, object.to_string().as_bytes()),
                };
            }
            Form::Metadata => partial(object),
            Form::Table(include) => {
                let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                let now = shared_runtime::now();
                let mut table = table::table([object], &self.columns, metadata, include, now);
                if std::mem::replace(&mut self.told, true) {
                    table["columnDefinitions"] = Value::Null;
                }
                table
            }
        };
        line(word, document.to_string().as_bytes())
    }

    /// Tells how far the watch is; the first one ends the initial events.
    fn bookmark(&mut self, ends_initial: bool) {
        self.next_bookmark = Instant::now() + BOOKMARK;
        let gvk = gvk(self.kind);
        let mut object = json!({
            "kind": gvk.kind,
            "apiVersion": gvk.api_version(),
            "metadata": {"resourceVersion": self.at.to_string(), "creationTimestamp": null},
        });
        if ends_initial {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let line = match self.form {
            Form::Object => line("BOOKMARK", object.to_string().as_bytes()),
            Form::Metadata | Form::Table(_) => self.line("BOOKMARK", &object, None),
        };
        self.lines.push_back(line);
    }
}

fn line(word: &str, object: &[u8]) -> Bytes {
    let mut line = Vec::with_capacity(object.len() + 40);
    line.extend_from_slice(b"{\"type\":\"");
    line.extend_from_slice(word.as_bytes());
    line.extend_from_slice(b"\",\"object\":");
    line.extend_from_slice(object);
    line.extend_from_slice(b"}\n");
    Bytes::from(line)
}

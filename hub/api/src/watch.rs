//! watch: changes as they come, as lines of JSON.
//!
//! A watch that tells what is there first reads that a page at a time, as its client takes it, and then follows the feed from
//! the first page's revision. A page is newer than those before it: what the feed tells of an object up to the revision of the
//! page that it was on is left out, so nothing goes back, and nothing is missed.
//!
//! Guarantees: a watcher holds one page of [`PAGE`] objects or one step of the feed, whose events are everybody's, and the
//! lines that it is about to hand over. One that falls behind the feed is told 410; one that takes nothing is ended by
//! [`crate::sent`].

mod initial;

use crate::{
    answer::{self, Answer, Encoding},
    feed::{Compacted, Event, Feed, Interest},
    kinds,
    metrics::Watching,
    options::{Form, Selector, failed, partial, version},
    query::Query,
    seats::{Place, Seat},
};
use bytes::Bytes;
use futures::stream;
use http::HeaderMap;
use hub_records::Records;
use hub_store::Revision;
use initial::Initial;
use serde_json::{Value, json};
use shared_model::{Kind, gvk};
use shared_objects::{
    Status,
    table::{self, Column},
};
use std::{collections::VecDeque, future::Future, pin::Pin, sync::Arc, time::Duration};
use tokio::time::Instant;

/// How long a watch lasts when the client does not say.
const LASTS: Duration = Duration::from_secs(45 * 60);
/// How often a watcher that asked for bookmarks gets one.
const BOOKMARK: Duration = Duration::from_secs(60);
/// How many bytes of lines go out together.
const CHUNK: usize = 16 << 10;
/// How many objects of what is there first are read at once.
const PAGE: usize = 100;

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
    /// What is there first, until the feed has passed it.
    initial: Option<Initial>,
    events: VecDeque<Arc<Event>>,
    bookmarks: bool,
    next_bookmark: Instant,
    ends: Instant,
    ended: bool,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    _counted: Watching,
    _place: Place,
    _awake: Interest,
}

/// What a watch is made with, beside the request.
pub(crate) struct Sources<'a> {
    pub(crate) records: &'a Records,
    pub(crate) feed: Feed,
    pub(crate) counted: Watching,
    pub(crate) place: Place,
    /// Kept until what is there first was told.
    pub(crate) seat: Option<Seat>,
}

/// Starts a watch. It ends when `stopped` resolves.
pub(crate) async fn watch(
    Sources { records, feed, counted, place, seat }: Sources<'_>,
    kind: Kind,
    selector: Selector,
    headers: &HeaderMap,
    query: &Query,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> Result<Answer, Status> {
    let form = Form::of(headers, query)?;
    if Encoding::of(headers) == Encoding::Yaml {
        return Err(Status::not_acceptable(&["application/json", "application/json;stream=watch"]));
    }
    let now = Instant::now();
    let lasts =
        query.get("timeoutSeconds").parse().ok().filter(|s| *s > 0).map_or(LASTS, Duration::from_secs);
    let from = version(query)?.filter(|revision| *revision > Revision::ZERO);
    let initial = query.is("sendInitialEvents");
    let awake = feed.watched();
    feed.wake().await;
    let bookmarks = query.is("allowWatchBookmarks");
    let mut watcher = Watcher {
        at: feed.tip(),
        feed,
        kind,
        selector,
        form,
        columns: kinds::columns(kind),
        told: false,
        initial: None,
        events: VecDeque::new(),
        bookmarks,
        next_bookmark: now + BOOKMARK,
        ends: now + lasts.min(LASTS),
        ended: false,
        stopped: Box::pin(stopped),
        _counted: counted,
        _place: place,
        _awake: awake,
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
            let namespace = watcher.selector.namespace.clone();
            let mut first = Initial::new(records.clone(), kind, namespace, initial && bookmarks, seat);
            watcher.at = first.begin().await?;
            if let Some(wanted) = from.filter(|wanted| *wanted > watcher.at) {
                return Err(Status::revision_too_new(wanted.0, watcher.at.0));
            }
            watcher.initial = Some(first);
        }
    }
    Ok(answer::lines(stream::unfold(watcher, |mut watcher| async move {
        let lines = watcher.next().await?;
        Some((lines, watcher))
    })))
}

fn compacted(Compacted { asked, oldest }: Compacted) -> Status {
    Status::expired(format!("too old resource version: {asked} ({oldest})"))
}

/// How far a watch has come.
enum Advanced {
    /// There may be more at once.
    More,
    /// It knows all that has happened.
    Caught,
}

impl Watcher {
    /// The next lines; `None` when the watch is over.
    async fn next(&mut self) -> Option<Bytes> {
        let mut lines = Vec::new();
        loop {
            if lines.len() >= CHUNK {
                return Some(lines.into());
            }
            if let Some(event) = self.events.pop_front() {
                self.take(&event, &mut lines);
                continue;
            }
            if let Some(object) = self.initial.as_mut().and_then(Initial::next) {
                if self.selector.matches(&object) {
                    lines.extend_from_slice(&self.line("ADDED", &object, None));
                }
                continue;
            }
            if self.ended {
                return (!lines.is_empty()).then(|| lines.into());
            }
            match self.advance(&mut lines).await {
                Advanced::More => {}
                // What is there goes out before anything is waited for.
                Advanced::Caught if !lines.is_empty() => return Some(lines.into()),
                Advanced::Caught => self.wait(&mut lines).await,
            }
        }
    }

    /// Gets more to tell, without waiting for what has not happened yet.
    async fn advance(&mut self, lines: &mut Vec<u8>) -> Advanced {
        if let Some(initial) = self.initial.as_mut().filter(|initial| !initial.is_read()) {
            // Others get their turn: a thousand watchers may begin at once.
            tokio::task::yield_now().await;
            let read = initial.read().await;
            if let Err(status) = read {
                self.fail(&status, lines);
            }
            return Advanced::More;
        }
        match self.feed.step(self.at) {
            Err(lost) => self.fail(&compacted(lost), lines),
            Ok((events, upto)) if upto > self.at => {
                self.events = events.into();
                self.at = upto;
            }
            Ok(_) => {
                let passed = self.initial.take_if(|initial| initial.is_passed(self.at));
                if passed.is_some_and(|initial| initial.ends_with_bookmark()) {
                    self.bookmark(true, lines);
                }
                return Advanced::Caught;
            }
        }
        Advanced::More
    }

    fn fail(&mut self, status: &Status, lines: &mut Vec<u8>) {
        self.ended = true;
        self.initial = None;
        lines.extend_from_slice(&line("ERROR", status.to_value().to_string().as_bytes()));
    }

    /// Waits for the feed, the next bookmark, or the end.
    async fn wait(&mut self, lines: &mut Vec<u8>) {
        let bookmark = if self.bookmarks { self.next_bookmark } else { self.ends };
        tokio::select! {
            goes_on = self.feed.wait(self.at) => self.ended = !goes_on,
            () = &mut self.stopped => self.ended = true,
            () = tokio::time::sleep_until(self.ends.min(bookmark)) => {
                self.ended = Instant::now() >= self.ends;
                if self.bookmarks {
                    self.bookmark(false, lines);
                }
            }
        }
    }

    fn take(&mut self, event: &Event, lines: &mut Vec<u8>) {
        let told = |initial: &Initial| initial.has_told(event);
        if event.kind != self.kind || self.initial.as_ref().is_some_and(told) {
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
        lines.extend_from_slice(&self.line(word, &event.object, Some(event)));
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
    fn bookmark(&mut self, ends_initial: bool, lines: &mut Vec<u8>) {
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
        lines.extend_from_slice(&line);
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

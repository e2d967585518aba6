//! get and list.

use crate::{
    answer::{self, Answer, Encoding},
    gzip, kinds,
    list::{self, At},
    listing::{self, Item, Listing},
    options::{Form, Selector, failed, partial, version},
    query::Query,
    seats::{Seat, Sizes},
    view::{self, Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::stream;
use http::HeaderMap;
use hub_records::{Error, Records, keys, resource};
use hub_store::{Page, Revision};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared_model::Kind;
use shared_objects::{Status, table};
use std::collections::VecDeque;

/// How many records of the store are read, and held, at once.
const PAGE: usize = 500;

/// One object.
pub(crate) async fn get(
    records: &Records,
    kind: Kind,
    (namespace, name): (&str, &str),
    headers: &HeaderMap,
    query: &Query,
    now: Timestamp,
) -> Result<Answer, Status> {
    let form = Form::of(headers, query)?;
    let object = find(records, kind, namespace, name).await?;
    let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
    Ok(answer::ok(&match form {
        Form::Object => object,
        Form::Metadata => partial(&object),
        Form::Table(include) => table::table([&object], &kinds::columns(kind), metadata, include, now),
    }))
}

/// The object as readers see it.
pub(crate) async fn find(
    records: &Records,
    kind: Kind,
    namespace: &str,
    name: &str,
) -> Result<Value, Status> {
    let object = records.get(kind, namespace, name).await.map_err(failed)?;
    let object = object.ok_or_else(|| Status::not_found(resource(kind), name))?;
    Ok(view::view(kind, list::complete(records, kind, object).await.map_err(failed)?))
}

/// Where the next page starts. Its revision is that of the first page: a watch from it misses nothing.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Continue {
    #[serde(rename = "rv")]
    pub(crate) revision: u64,
    /// The last key that was read, below that of the kind.
    pub(crate) after: String,
}

impl Continue {
    pub(crate) fn parse(text: &str, prefix: &str) -> Result<Option<Self>, Status> {
        if text.is_empty() {
            return Ok(None);
        }
        let wrong =
            || Status::bad_request("continue key is not valid: it comes from the list before, unchanged");
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        let token: Self = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        Ok(Some(Self { after: format!("{prefix}{}", token.after), ..token }))
    }

    pub(crate) fn encode(revision: Revision, key: &str, prefix: &str) -> String {
        let after = key.strip_prefix(prefix).unwrap_or(key).to_owned();
        URL_SAFE_NO_PAD.encode(json!(Self { revision: revision.0, after }).to_string())
    }
}

/// What a list is made with, beside the request.
pub(crate) struct Sources<'a> {
    pub(crate) records: &'a Records,
    /// How many objects there are of each kind, as far as lists have shown.
    pub(crate) sizes: &'a Sizes,
    /// Kept until the client has the list.
    pub(crate) seat: Option<Seat>,
}

/// The objects of a kind, in one namespace or all.
pub(crate) async fn list(
    sources: Sources<'_>,
    kind: Kind,
    namespace: Option<&str>,
    headers: &HeaderMap,
    query: &Query,
    now: Timestamp,
) -> Result<Answer, Status> {
    let Sources { records, sizes, seat } = sources;
    let form = Form::of(headers, query)?;
    let selector = Selector::parse(query, namespace)?;
    let limit = limit(query)?;
    let exact = exact(records, query, limit).await?;
    let prefix = namespace.map_or_else(|| keys::objects(kind), |ns| keys::objects_in(kind, ns));
    let token = Continue::parse(query.get("continue"), &prefix)?;
    let whole = token.is_none() && exact.is_none();
    let at = token.as_ref().map(|token| Revision(token.revision)).or(exact);
    let mut cursor = Cursor {
        records: records.clone(),
        sizes: sizes.clone(),
        kind,
        selector,
        limit,
        prefix,
        after: token.as_ref().map(|token| token.after.clone()),
        at: at.map_or(At::Newest, At::Exactly),
        whole,
        read: 0,
        page: VecDeque::new(),
        more: true,
        given: 0,
        last: None,
    };
    // Before anything is answered: the list's version is that of its first objects.
    cursor.fill().await?;
    let listing = Listing {
        kind,
        form,
        encoding: Encoding::of(headers),
        gzip: gzip::accepted(headers),
        revision: cursor.revision(),
        paged: limit.is_some(),
        now,
        items: stream::try_unfold(cursor, |mut cursor| async move {
            Ok(cursor.next().await?.map(|item| (item, cursor)))
        }),
        seat,
    };
    listing::answer(listing).await
}

/// The objects of a list, read a page at a time as they are wanted.
struct Cursor {
    records: Records,
    sizes: Sizes,
    kind: Kind,
    selector: Selector,
    limit: Option<usize>,
    prefix: String,
    after: Option<String>,
    /// After the first page: as it was then.
    at: At,
    /// Whether it began with the first object.
    whole: bool,
    read: usize,
    page: VecDeque<Parts>,
    /// Whether the store has more behind the page.
    more: bool,
    given: usize,
    /// The key of the last object that was given.
    last: Option<String>,
}

impl Cursor {
    /// Reads the next page, if there is one.
    async fn fill(&mut self) -> Result<(), Status> {
        // Nothing says how many of the page the selector leaves.
        let left = self.limit.map_or(PAGE, |limit| limit - self.given);
        let wanted = if self.selector.is_everything() { left.min(PAGE) } else { PAGE };
        let page = Page { after: self.after.take(), limit: Some(wanted) };
        let namespace = self.selector.namespace.as_deref();
        let listed = list::page(&self.records, self.kind, namespace, page, self.at).await.map_err(gone)?;
        if !matches!(self.at, At::About(_)) {
            self.at = At::About(listed.revision);
        }
        self.read += listed.parts.len();
        self.page = listed.parts.into();
        self.more = listed.next.is_some();
        self.after = listed.next;
        if !self.more && self.whole {
            self.sizes.learn(self.kind, self.selector.namespace.is_none(), self.read);
        }
        Ok(())
    }

    /// That of the first page.
    fn revision(&self) -> Revision {
        match self.at {
            At::About(revision) | At::Exactly(revision) => revision,
            At::Newest => Revision::ZERO,
        }
    }

    async fn next(&mut self) -> Result<Option<Item>, Status> {
        let full = self.limit.is_some_and(|limit| self.given >= limit);
        if full && (self.more || !self.page.is_empty()) {
            let last = self.last.take().expect("a full page has a last object");
            (self.limit, self.more) = (None, false);
            self.page.clear();
            return Ok(Some(Item::Next(Continue::encode(self.revision(), &last, &self.prefix))));
        }
        while self.page.is_empty() {
            if !self.more {
                return Ok(None);
            }
            self.fill().await?;
        }
        let parts = self.page.pop_front().expect("it is not empty");
        let key = keys::object(self.kind, parts.object.namespace(), parts.object.name());
        let object = view::view(self.kind, parts);
        if !self.selector.matches(&object) {
            return Ok(Some(Item::Skipped));
        }
        self.given += 1;
        self.last = Some(key);
        Ok(Some(Item::Object(object)))
    }
}

pub(crate) fn limit(query: &Query) -> Result<Option<usize>, Status> {
    match query.get("limit") {
        "" | "0" => Ok(None),
        // Less than nothing is no limit, as Kubernetes has it.
        text => text
            .parse::<i64>()
            .map(|limit| usize::try_from(limit).ok().filter(|limit| *limit > 0))
            .map_err(|_| Status::bad_request(format!("limit: {text:?} is not a number"))),
    }
}

/// The older state that is asked for; `None` for the newest. With a limit, a version alone asks for exactly that one, as
/// Kubernetes has it.
async fn exact(records: &Records, query: &Query, limit: Option<usize>) -> Result<Option<Revision>, Status> {
    let Some(asked) = version(query)?.filter(|revision| *revision > Revision::ZERO) else { return Ok(None) };
    let newest = records.store().revision().await.map_err(|error| failed(error.into()))?;
    if asked > newest {
        return Err(Status::revision_too_new(asked.0, newest.0));
    }
    let is_exact = match query.get("resourceVersionMatch") {
        "Exact" => true,
        "" => limit.is_some(),
        _ => false,
    };
    Ok(Some(asked).filter(|_| is_exact && query.get("continue").is_empty()))
}

/// A state that is not kept any more.
fn gone(error: Error) -> Status {
    if let Error::Store(hub_store::Error::Compacted { from, oldest }) = &error {
        return Status::expired(format!(
            "the state at resource version {from} is not kept any more, the oldest is {oldest}: list again from the beginning, without continue and resourceVersion"
        ));
    }
    failed(error)
}

//! A list as it goes over the wire: written object by object as they come, never in memory as a whole.
//!
//! What gives the objects is a stream of [`Item`]s, from wherever; here they become JSON or YAML, a list, a Table or a list
//! of metadata, in chunks of about [`CHUNK`] bytes. A list of fewer than [`gzip::WORTH`] bytes goes out whole, with its
//! length; a larger one is compressed for clients that take it so.
//!
//! Guarantees:
//! 1. Nothing is held but the chunk being made, and what the stream of items holds.
//! 2. After each chunk others get their turn: a list of a fleet does not hold up the request behind it.
//! 3. A list that fails before its first [`gzip::WORTH`] bytes is refused with a Status; later its stream is reset.
//! 4. Its seats are kept until its client has it.

use crate::{
    answer::{self, Answer, Broken, Encoding},
    gzip, kinds,
    options::{Form, partial},
    seats::Seat,
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use http::StatusCode;
use hub_store::Revision;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_manifest::yaml;
use shared_model::{Kind, gvk};
use shared_objects::{Status, table};
use std::pin::Pin;

/// How many bytes of a list are made at once, give or take an object.
const CHUNK: usize = 32 << 10;
/// The most objects that are looked at before others get their turn.
const TURN: usize = 100;

/// What a list is made of, in this order: objects, then, if there is more, where the next page begins.
#[derive(Debug)]
pub(crate) enum Item {
    /// An object as readers see it.
    Object(Value),
    /// An object that the selector left out: it costs a turn and is not written.
    Skipped,
    /// The `continue` of the next page.
    Next(String),
}

/// A list to be written.
pub(crate) struct Listing<S> {
    pub(crate) kind: Kind,
    pub(crate) form: Form,
    pub(crate) encoding: Encoding,
    /// Whether the client takes gzip.
    pub(crate) gzip: bool,
    /// The `resourceVersion` of the list.
    pub(crate) revision: Revision,
    /// Whether the items may end with [`Item::Next`]: the list's metadata comes behind its objects then.
    pub(crate) paged: bool,
    pub(crate) now: Timestamp,
    pub(crate) items: S,
    pub(crate) seat: Option<Seat>,
}

/// Answers a list.
///
/// # Errors
/// When one of the first items is an error.
pub(crate) async fn answer<S>(listing: Listing<S>) -> Result<Answer, Status>
where
    S: Stream<Item = Result<Item, Status>> + Send + 'static,
{
    let (encoding, gzip) = (listing.encoding, listing.gzip);
    let mut writer = Writer::new(listing);
    let (mut first, mut size) = (Vec::new(), 0);
    while size < gzip::WORTH {
        let Some(chunk) = writer.chunk().await? else {
            let mut whole = Vec::with_capacity(size);
            first.iter().for_each(|chunk: &Bytes| whole.extend_from_slice(chunk));
            return Ok(answer::bytes(StatusCode::OK, encoding.media_type(), whole.into()));
        };
        size += chunk.len();
        first.push(chunk);
    }
    let rest = stream::unfold(Some(writer), |writer| async move {
        let mut writer = writer?;
        match writer.chunk().await {
            Ok(chunk) => chunk.map(|chunk| (Ok(chunk), Some(writer))),
            Err(error) => {
                tracing::warn!(%error, "a list broke off");
                Some((Err(Broken), None))
            }
        }
    });
    let all = stream::iter(first.into_iter().map(Ok)).chain(rest);
    if !gzip {
        return Ok(answer::chunks(encoding.media_type(), all));
    }
    let mut answer = answer::chunks(encoding.media_type(), gzip::compressed(all));
    gzip::mark(&mut answer);
    Ok(answer)
}

struct Writer<S> {
    items: Pin<Box<S>>,
    form: Form,
    kind: Kind,
    encoding: Encoding,
    columns: Vec<table::Column>,
    now: Timestamp,
    revision: Revision,
    paged: bool,
    next: Option<String>,
    count: usize,
    begun: bool,
    ended: bool,
    _seat: Option<Seat>,
}

impl<S: Stream<Item = Result<Item, Status>>> Writer<S> {
    fn new(listing: Listing<S>) -> Self {
        Self {
            items: Box::pin(listing.items),
            form: listing.form,
            kind: listing.kind,
            encoding: listing.encoding,
            columns: kinds::columns(listing.kind),
            now: listing.now,
            revision: listing.revision,
            paged: listing.paged,
            next: None,
            count: 0,
            begun: false,
            ended: false,
            _seat: listing.seat,
        }
    }

    /// The next piece of the document; `None` when it is complete.
    async fn chunk(&mut self) -> Result<Option<Bytes>, Status> {
        if self.ended {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(CHUNK + CHUNK / 4);
        if !std::mem::replace(&mut self.begun, true) {
            self.head(&mut out);
        }
        let mut looked = 0;
        while out.len() < CHUNK && looked < TURN && !self.ended {
            looked += 1;
            match self.items.next().await.transpose()? {
                Some(Item::Object(object)) => self.element(&mut out, &object),
                Some(Item::Skipped) => {}
                Some(Item::Next(next)) => self.next = Some(next),
                None => {
                    self.tail(&mut out);
                    self.ended = true;
                }
            }
        }
        tokio::task::yield_now().await;
        Ok(Some(Bytes::from(out)))
    }

    fn metadata(&self) -> Value {
        let mut metadata = json!({"resourceVersion": self.revision.to_string()});
        if let Some(next) = &self.next {
            metadata["continue"] = json!(next);
        }
        metadata
    }

    /// Everything before the objects, but for metadata that is not known yet.
    fn head(&self, out: &mut Vec<u8>) {
        let gvk = gvk(self.kind);
        let mut head = match self.form {
            Form::Object => json!({"kind": format!("{}List", gvk.kind), "apiVersion": gvk.api_version()}),
            Form::Metadata => json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}),
            Form::Table(include) => {
                let none: [&Value; 0] = [];
                let mut table = table::table(none, &self.columns, Value::Null, include, self.now);
                if let Some(fields) = table.as_object_mut() {
                    fields.remove("rows");
                    fields.remove("metadata");
                }
                table
            }
        };
        if !self.paged {
            head["metadata"] = self.metadata();
        }
        match self.encoding {
            Encoding::Json => {
                let text = head.to_string();
                out.extend_from_slice(text.strip_suffix('}').unwrap_or(&text).as_bytes());
                out.extend_from_slice(format!(",\"{}\":[", self.field()).as_bytes());
            }
            Encoding::Yaml => out.extend_from_slice(yaml::to_string(&head).as_bytes()),
        }
    }

    fn tail(&self, out: &mut Vec<u8>) {
        let metadata = self.paged.then(|| self.metadata());
        match self.encoding {
            Encoding::Json => {
                out.push(b']');
                if let Some(metadata) = metadata {
                    out.extend_from_slice(format!(",\"metadata\":{metadata}").as_bytes());
                }
                out.push(b'}');
            }
            Encoding::Yaml => {
                if self.count == 0 {
                    out.extend_from_slice(format!("{}: []\n", self.field()).as_bytes());
                }
                if let Some(metadata) = metadata {
                    out.extend_from_slice(yaml::to_string(&json!({"metadata": metadata})).as_bytes());
                }
            }
        }
    }

    const fn field(&self) -> &'static str {
        match self.form {
            Form::Object | Form::Metadata => "items",
            Form::Table(_) => "rows",
        }
    }

    fn element(&mut self, out: &mut Vec<u8>, object: &Value) {
        let made;
        let element = match self.form {
            Form::Object => object,
            Form::Metadata => {
                made = partial(object);
                &made
            }
            Form::Table(include) => {
                made = table::row(object, &self.columns, include, self.now);
                &made
            }
        };
        let first = self.count == 0;
        self.count += 1;
        match self.encoding {
            Encoding::Json => {
                if !first {
                    out.push(b',');
                }
                serde_json::to_writer(out, element).expect("a value is written to memory");
            }
            Encoding::Yaml => {
                if first {
                    out.extend_from_slice(format!("{}:\n", self.field()).as_bytes());
                }
                // An item of a list is the item, two columns in, with a dash before its first line.
                for (at, line) in yaml::to_string(element).lines().enumerate() {
                    let margin: &[u8] = match (at, line.is_empty()) {
                        (0, _) => b"- ",
                        (_, true) => b"",
                        (_, false) => b"  ",
                    };
                    out.extend_from_slice(margin);
                    out.extend_from_slice(line.as_bytes());
                    out.push(b'\n');
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

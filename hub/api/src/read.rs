//! get and list.

use crate::{
    answer::{self, Answer},
    kinds, list,
    options::{Form, Selector, failed, partial, version},
    query::Query,
    view,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderMap;
use hub_records::{Records, keys, resource};
use hub_store::{Page, Revision};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared_model::{Kind, gvk};
use shared_objects::{Status, table};

/// How many records of the store one page reads at most, whatever the selector leaves of them.
const PAGE: usize = 5000;

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

/// The objects of a kind, in one namespace or all.
pub(crate) async fn list(
    records: &Records,
    kind: Kind,
    namespace: Option<&str>,
    headers: &HeaderMap,
    query: &Query,
    now: Timestamp,
) -> Result<Answer, Status> {
    let form = Form::of(headers, query)?;
    let selector = Selector::parse(query, namespace)?;
    let limit = limit(query)?;
    check_version(records, query).await?;
    let prefix = namespace.map_or_else(|| keys::objects(kind), |ns| keys::objects_in(kind, ns));
    let token = Continue::parse(query.get("continue"), &prefix)?;
    let mut after = token.as_ref().map(|token| token.after.clone());
    let mut revision = token.map(|token| Revision(token.revision));
    let mut objects = Vec::new();
    let next = loop {
        // Nothing says how many of the page the selector leaves.
        let wanted = if selector.is_everything() {
            limit.map_or(PAGE, |limit| limit.min(PAGE))
        } else {
            PAGE.min(500)
        };
        let page = Page { after: after.take(), limit: Some(wanted) };
        let listed = list::page(records, kind, namespace, page).await.map_err(failed)?;
        revision.get_or_insert(listed.revision);
        for parts in listed.parts {
            let key = keys::object(kind, parts.object.namespace(), parts.object.name());
            let object = view::view(kind, parts);
            if selector.matches(&object) {
                objects.push((key, object));
            }
        }
        match (limit, listed.next) {
            (Some(limit), next) if objects.len() >= limit => {
                let cut = objects.len() > limit;
                objects.truncate(limit);
                let last = objects.last().map(|(key, _)| key.clone());
                break if cut { last } else { next };
            }
            (_, None) => break None,
            (_, next) => after = next,
        }
    };
    let revision = revision.unwrap_or_default();
    let mut metadata = json!({"resourceVersion": revision.to_string()});
    if let Some(next) = next {
        metadata["continue"] = json!(Continue::encode(revision, &next, &prefix));
    }
    let objects: Vec<Value> = objects.into_iter().map(|(_, object)| object).collect();
    Ok(answer::ok(&document(kind, &objects, metadata, form, now)))
}

fn document(kind: Kind, objects: &[Value], metadata: Value, form: Form, now: Timestamp) -> Value {
    let gvk = gvk(kind);
    match form {
        Form::Table(include) => table::table(objects, &kinds::columns(kind), metadata, include, now),
        Form::Object => {
            json!({"kind": format!("{}List", gvk.kind), "apiVersion": gvk.api_version(), "metadata": metadata, "items": objects})
        }
        Form::Metadata => {
            let items: Vec<Value> = objects.iter().map(partial).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items})
        }
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

/// The store reads its newest state only: an exact older version is gone, a newer one has to come.
async fn check_version(records: &Records, query: &Query) -> Result<(), Status> {
    let Some(asked) = version(query)?.filter(|revision| *revision > Revision::ZERO) else { return Ok(()) };
    let newest = records.store().revision().await.map_err(|error| failed(error.into()))?;
    if asked > newest {
        return Err(Status::revision_too_new(asked.0, newest.0));
    }
    if query.get("resourceVersionMatch") == "Exact" && asked != newest {
        return Err(Status::expired(format!(
            "the resource version {asked} is not kept for reading: list without resourceVersionMatch=Exact"
        )));
    }
    Ok(())
}

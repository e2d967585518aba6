//! create, update, patch, delete.
//!
//! The order is Kubernetes': what the request says, defaults, the rules of metadata, who manages which
//! field, validation, the store.

mod create;
mod delete;
mod prepare;
mod status;
mod update;

use crate::{kinds::Validation, query::Query};
use http::HeaderMap;
use hub_records::Records;
use jiff::Timestamp;
use serde_json::Value;
use shared_model::Kind;
use shared_objects::{Status, apply::Manager};

use crate::access::Subject;

pub(crate) use create::create;
pub(crate) use delete::{delete, delete_all};
pub(crate) use update::{patch, update};

/// A request to change something, but for its body.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) records: &'a Records,
    pub(crate) subject: &'a Subject,
    pub(crate) kind: Kind,
    /// Empty for cluster-scoped kinds.
    pub(crate) namespace: &'a str,
    /// Empty for a create.
    pub(crate) name: &'a str,
    /// Which part of the object it writes.
    pub(crate) part: shared_objects::meta::Part,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) query: &'a Query,
    pub(crate) now: Timestamp,
}

/// What came of a change.
#[derive(Debug)]
pub(crate) struct Changed {
    /// Whether the object is new.
    pub(crate) created: bool,
    /// The object, or a Status.
    pub(crate) document: Value,
    /// For the client to print.
    pub(crate) warnings: Vec<String>,
}

impl Change<'_> {
    pub(crate) fn dry_run(&self) -> Result<bool, Status> {
        match self.query.get("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => Err(Status::bad_request(format!(
                "dryRun: Unsupported value: {other:?}: supported values: \"All\""
            ))),
        }
    }

    fn validation(&self) -> Result<Validation, Status> {
        Validation::parse(self.query.get("fieldValidation"))
    }

    /// Who writes, by the parameter or the client's name.
    fn manager(&self) -> Manager<'_> {
        let agent = self.headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
        let agent = agent.and_then(|agent| agent.split('/').next()).unwrap_or_default();
        let name = match self.query.get("fieldManager") {
            "" if agent.is_empty() => "unknown",
            "" => agent,
            name => name,
        };
        let end = name.char_indices().nth(128).map_or(name.len(), |(end, _)| end);
        Manager { name: &name[..end], subresource: "" }
    }
}

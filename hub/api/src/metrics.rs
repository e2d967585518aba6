//! What the API counts: requests by verb and answer, how long they took, who watches.

use crate::{query::Query, route::Route};
use http::Method;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use shared_runtime::metrics::{Latency, Registry};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    verb: &'static str,
    code: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    verb: &'static str,
}

/// What is counted.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    requests: Family<Answered, Counter>,
    seconds: Family<Asked, Latency>,
    watches: Gauge,
}

impl Metrics {
    /// Shows them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "flotilla_api_requests",
            "Requests to the API by Kubernetes' verbs and the code of the answer",
            self.requests.clone(),
        );
        registry.register(
            "flotilla_api_request_seconds",
            "How long an answer took; of a watch, until it began",
            self.seconds.clone(),
        );
        registry.register("flotilla_api_watches", "Watches under way", self.watches.clone());
    }

    /// A request was answered.
    pub(crate) fn answered(&self, verb: &'static str, code: u16, took: Duration) {
        self.requests.get_or_create(&Answered { verb, code }).inc();
        self.seconds.get_or_create(&Asked { verb }).took(took);
    }

    /// A watch began; it lasts as long as what this gives back.
    pub(crate) fn watching(&self) -> Watching {
        self.watches.inc();
        Watching(self.watches.clone())
    }
}

/// A watch that lasts.
#[derive(Debug)]
pub(crate) struct Watching(Gauge);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What a request asks for, in Kubernetes' words for objects.
pub(crate) fn verb(method: &Method, route: Option<&Route>, query: &Query) -> &'static str {
    let collection = matches!(route, Some(Route::Collection { .. }));
    match *method {
        Method::GET | Method::HEAD if collection && query.is("watch") => "watch",
        Method::GET | Method::HEAD if collection => "list",
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if collection => "deletecollection",
        Method::DELETE => "delete",
        _ => "other",
    }
}

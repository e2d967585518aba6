//! What the API counts: requests by verb and answer, how long they took, who watches.

use crate::{query::Query, route::Route, seats::Class};
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
    seats: Family<Seated, Gauge>,
    waiting: Family<Seated, Gauge>,
    turned_away: Family<Seated, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Seated {
    class: &'static str,
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
        for class in Class::ALL.map(Class::word) {
            // Known beforehand, so there from the start.
            drop(self.seats.get_or_create(&Seated { class }));
            drop(self.waiting.get_or_create(&Seated { class }));
            drop(self.turned_away.get_or_create(&Seated { class }));
        }
        registry.register(
            "flotilla_api_seats",
            "Seats in use, by the class of requests; a list takes one per 100 objects, ten at most",
            self.seats.clone(),
        );
        registry.register("flotilla_api_waiting", "Requests that wait for a seat", self.waiting.clone());
        registry.register(
            "flotilla_api_turned_away",
            "Requests that were told to come back later, as too many waited or waited too long",
            self.turned_away.clone(),
        );
    }

    /// A request was answered.
    pub(crate) fn answered(&self, verb: &'static str, code: u16, took: Duration) {
        self.requests.get_or_create(&Answered { verb, code }).inc();
        self.seconds.get_or_create(&Asked { verb }).took(took);
    }

    /// Seats were taken, or given back where there are less than none.
    pub(crate) fn seated(&self, class: Class, seats: i64) {
        self.seats.get_or_create(&Seated { class: class.word() }).inc_by(seats);
    }

    /// A request waits for a seat, as long as what this gives back.
    pub(crate) fn waits(&self, class: Class) -> Watching {
        let waiting = self.waiting.get_or_create(&Seated { class: class.word() }).clone();
        waiting.inc();
        Watching(waiting)
    }

    /// A request was told to come back later.
    pub(crate) fn turned_away(&self, class: Class) {
        self.turned_away.get_or_create(&Seated { class: class.word() }).inc();
    }

    /// A watch began; it lasts as long as what this gives back.
    pub(crate) fn watching(&self) -> Watching {
        self.watches.inc();
        Watching(self.watches.clone())
    }
}

/// What is counted for as long as it lasts.
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

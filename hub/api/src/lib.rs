//! The hub's API, in the shape of Kubernetes' own: what kubectl and client libraries talk to (design §4).
//!
//! It decides how requests over TLS read and change the hub's records, and what a reader sees of them; the
//! conventions themselves (metadata, patches, selectors, tables, refusals) are those of `shared_objects`.
//!
//! | module | what |
//! |---|---|
//! | `server` | the listener: TLS, HTTP/1.1 and HTTP/2, limits, draining |
//! | `front` | what every request goes through: audit line, seats, how its answer goes out |
//! | `seats` | how many are worked on at once, who waits, who is told to come back later |
//! | `audit` | one line for every request |
//! | `sent`, `gzip` | answers on their way: in slices, counted, compressed, given up when nobody takes them |
//! | `access` | who asks, and what they may: bearer tokens |
//! | `route` | which object, kind or document a URL names |
//! | `kinds` | what is refused of each kind, beyond what `shared_kinds` says it is |
//! | `view` | what a reader sees: the object, its status, and what its cluster reports |
//! | `read`, `write`, `watch` | the verbs |
//! | `listing` | a list, written as it is read |
//! | `feed` | the changes, resolved once for all watchers |
//! | `decisions`, `members` | what people decide about a rollout, and all of its members |
//! | `identities` | revoking a cluster's identity, replacing the hub's authority |
//! | `metrics` | what is counted, and `/metrics` |
//! | `webhooks` | the door for webhooks of Git forges |
//! | `documents` | discovery, OpenAPI, version |
//! | `reviews`, `health`, `refusals` | who may do what; how the hub is; where to ask what it has not |
//!
//! Invariants:
//! 1. Nothing is answered without a known subject but the health of the process, and webhooks, which prove themselves; every request leaves
//!    one audit line (who, verb, object, outcome), never a body, a query or a header that proves something.
//! 2. What a client has read is at least as new as the `resourceVersion` that comes with it, so a watch from
//!    a listing misses nothing.
//! 3. An update conflicts only if the object itself, not its status, changed after the version it names.
//! 4. Memory is bounded: bodies, the feed, lists and each connection have limits, and requests at once have seats; a slow
//!    watcher is told 410, and one that reads nothing is ended.
//! 5. What requests cost is theirs: they have a runtime of their own, and none of them holds up a rollout.
//!
//! What it refuses to know: what a spec means to the control loops, and how agents are spoken to.

mod access;
mod answer;
mod audit;
mod body;
mod comparisons;
mod decisions;
mod documents;
mod feed;
mod front;
mod gzip;
mod health;
mod identities;
mod kinds;
mod list;
mod listing;
mod members;
mod metrics;
mod namespaces;
mod notifications;
mod options;
mod query;
mod questions;
mod read;
mod refusals;
mod reviews;
mod route;
mod seats;
mod sent;
mod server;
mod service;
mod timeline;
mod view;
mod watch;
mod webhooks;
mod write;

pub use access::Token;
pub use audit::{AuditLog, Rotating};
pub use comparisons::{Comparer, Comparison, Unanswered};
pub use identities::{Keeper, Wanted, Wish};
pub use kinds::refusal;
pub use metrics::Metrics;
pub use questions::{Asker, Questions, answers, questions};
pub use seats::{Limits, Room};
pub use server::{Api, Config, Error, HubInfo, fixed, listen};
pub use webhooks::{Delivery, LARGEST_WEBHOOK_MIB, Verdict, Webhooks};

#[cfg(test)]
mod tests;

//! Notifications: sends what the history tells to the receivers that people configured.
//!
//! ```text
//! hist/ ─watch─> tail (what was written when) ─> a worker for each sink ─> messages (shared/notify) ─> sender ─> HTTP
//!                                                    │ cursor, in the store
//! flotilla-cm, notifications.yaml ─────────> service ┘ starts and ends workers
//! ```
//! Flow: a worker takes the entries after its cursor, waits a moment for more, writes down how far the batch goes, sends
//! its messages one after the other, and writes down each that arrived.
//!
//! Guarantees:
//! 1. At least once, and in the order in which entries were written: a hub that dies between sending and writing that down
//!    sends that one message again, with the same id in `X-Flotilla-Id`.
//! 2. One hub sends: cursors are written under a lease of their own. Without a sink there is no lease, and nothing is
//!    written.
//! 3. A sink that is slow or away delays no other. What does not arrive within its `retryFor` is given up, as is what the
//!    receiver declines (a 4xx other than 408, 425 and 429, a redirect) a few times, and the log, an Event, a metric and
//!    the history say so.
//! 4. A new sink does not get the past; one that is taken away and comes back is new.
//! 5. Addresses, headers and whatever else may be a secret are in no log line, Event or error.
//!
//! Refuses to know: what is worth telling (shared/history) and in which words (shared/notify).

mod cursor;
mod handle;
mod metrics;
mod sender;
mod service;
mod subject;
mod tail;
mod worker;

pub use handle::Handle;
pub use metrics::Metrics;
pub use service::{Config, Deps, build};

#[cfg(test)]
mod tests;

//! Whom to tell what: the sinks that people configured, which entries of the history each wants, and in which words.
//!
//! ```text
//! flotilla-cm, notifications.yaml ─> Config ─ sinks
//! entries of the history ─> Sink::wants ─> batch (what belongs together is one message) ─> Message::body
//! ```
//! Invariants:
//! 1. What cannot be read is a problem with its path and remedy, and no sink of such a configuration is half in force.
//! 2. Messages of one batch come in the order in which their first entries were written; the id of a message follows from
//!    the sink and its entries, so that one that is sent twice can be known as such.
//! 3. A message is bounded, however many entries it is about.
//! 4. A secret is in no text of this package: a sink names where its secrets are.
//!
//! Refuses to know: how messages are sent, whether they arrived, and what the secrets are.

mod batch;
mod body;
mod config;
mod event;
mod sink;

pub use batch::{Message, Told, batch};
pub use body::{Body, LARGEST, example};
pub use config::{Config, MOST};
pub use event::Event;
pub use sink::{Format, Header, Match, SecretRef, Sink, Subject, Text, Written};

#[cfg(test)]
mod tests;

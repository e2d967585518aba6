//! Entries that are told together become messages.

use crate::{Event, Sink, Subject};
use jiff::Timestamp;
use serde::Serialize;
use shared_history::Entry;
use shared_model::Digest;

/// How many entries a message carries at most; how many there are it says.
const CARRIED: usize = 50;
/// How many lines its text has at most.
const LINES: usize = 10;

/// An entry as it was written into the history.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its key, which never changes.
    pub key: String,
    /// What happened.
    pub entry: Entry,
    /// What the hub knows of what it is about.
    pub subject: Subject,
}

/// One message to one sink.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Follows from the sink and the entries: the same when it is sent again.
    pub id: String,
    /// To whom, by name.
    pub sink: String,
    /// What.
    pub event: Event,
    /// When the first of it happened.
    pub at: Timestamp,
    /// How many entries it is about.
    pub count: usize,
    /// In one line.
    pub title: String,
    /// Line by line.
    pub text: String,
    /// The first of the entries.
    pub entries: Vec<Entry>,
}

/// The messages that entries become for a sink, in the order in which their first entries were written. What happens to
/// many clusters or applications at once is one message.
pub fn batch(sink: &Sink, told: &[Told]) -> Vec<Message> {
    let mut groups: Vec<(Event, Vec<&Told>)> = Vec::new();
    for one in told {
        let Some(event) = sink.wants(&one.entry, &one.subject) else { continue };
        let group = groups.iter_mut().find(|(of, _)| *of == event && event.is_gathered());
        match group {
            Some((_, group)) => group.push(one),
            None => groups.push((event, vec![one])),
        }
    }
    groups.into_iter().filter_map(|(event, group)| message(&sink.name, event, &group)).collect()
}

fn message(sink: &str, event: Event, told: &[&Told]) -> Option<Message> {
    let first = told.first()?;
    let count = told.len();
    let mut about = sink.to_owned();
    told.iter().for_each(|one| about.extend(["\n", &one.key]));
    let lines: Vec<&str> = told.iter().take(LINES).map(|one| one.entry.text.as_str()).collect();
    let mut text = lines.join("\n");
    if count > LINES {
        text.push_str(&format!("\nand {} more", count - LINES));
    }
    Some(Message {
        id: Digest::of(about.as_bytes()).hex()[..32].to_owned(),
        sink: sink.to_owned(),
        event,
        at: told.iter().map(|one| one.entry.at).min().unwrap_or(first.entry.at),
        count,
        title: if count == 1 { first.entry.text.clone() } else { event.many(count) },
        text,
        entries: told.iter().take(CARRIED).map(|one| one.entry.clone()).collect(),
    })
}

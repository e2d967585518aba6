//! What people ask: which sinks there are, how they fare, and what one would be sent.

use crate::{
    sender::{Outcome, Sender},
    worker::States,
};
use hub_records::Records;
use serde_json::{Value, json};
use shared_model::Kind;
use shared_notify::{Event, Format, Sink, example};
use shared_project::settings;

/// What people ask of notifications.
#[derive(Debug, Clone)]
pub struct Handle {
    records: Records,
    states: States,
}

impl Handle {
    pub(crate) fn new(records: Records, states: States) -> Self {
        Self { records, states }
    }

    /// Every sink that is configured, and how it fares.
    ///
    /// # Errors
    /// Why the settings cannot be read.
    pub async fn list(&self) -> Result<Value, String> {
        let sinks = self.sinks().await?;
        let states = self.states.lock();
        let items: Vec<Value> = sinks
            .iter()
            .map(|sink| {
                let mut item = json!(states.get(&sink.name).cloned().unwrap_or_default());
                item["name"] = json!(sink.name);
                item["type"] = json!(match sink.format {
                    Format::Generic => "generic",
                    Format::Slack => "slack",
                });
                item["on"] = json!(sink.on);
                item
            })
            .collect();
        Ok(json!({"items": items}))
    }

    /// What a sink would be sent on an event; with `send` it is.
    ///
    /// # Errors
    /// Why it cannot: there is no such sink, a template fails, or the receiver does not take it.
    pub async fn test(&self, name: &str, event: Option<Event>, send: bool) -> Result<Value, String> {
        let sinks = self.sinks().await?;
        let Some(sink) = sinks.iter().find(|sink| sink.name == name) else {
            let known: Vec<&str> = sinks.iter().map(|sink| sink.name.as_str()).collect();
            let known = if known.is_empty() {
                "there are none".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            return Err(format!("there is no sink `{name}`; {known}"));
        };
        let now = shared_runtime::now();
        let event = event.or_else(|| sink.on.first().copied()).unwrap_or(Event::Halted);
        let message = example(sink, event, now);
        let body =
            message.body(sink, now).map_err(|problem| format!("{}: {}", problem.field, problem.why))?;
        let mut answer = json!({"sink": name, "event": event, "body": body.0, "sent": false});
        if send {
            match Sender::default().send(&self.records, sink, &message, body.bytes()).await {
                Outcome::Sent(status) => {
                    answer["sent"] = json!(true);
                    answer["status"] = json!(status);
                }
                Outcome::Refused(why) | Outcome::Declined(why) | Outcome::Failed { why, .. } => {
                    return Err(format!("{name} did not take it: {why}"));
                }
            }
        }
        Ok(answer)
    }

    async fn sinks(&self) -> Result<Vec<Sink>, String> {
        let stored = self.records.get(Kind::ConfigMap, settings::NAMESPACE, settings::NAME).await;
        let stored = stored.map_err(|_| "the hub's settings cannot be read".to_owned())?;
        let Some(stored) = stored else { return Ok(Vec::new()) };
        let config = shared_notify::Config::read(&stored.value, shared_runtime::now());
        if config.problems.is_empty() { Ok(config.sinks) } else { Err(config.problems.join("; ")) }
    }
}

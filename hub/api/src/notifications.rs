//! What people ask of notifications: which sinks there are and how they fare, and what one would be sent.
//!
//! What a sink is, and how it is sent to, hub/notify knows.

use crate::audit::Line;
use hub_notify::Handle;
use serde_json::Value;
use shared_notify::Event;
use shared_objects::Status;

/// The sinks.
pub(crate) async fn list(notify: Option<&Handle>) -> Result<Value, Status> {
    let notify = notify.ok_or_else(Status::no_such_path)?;
    notify.list().await.map_err(Status::unprocessable)
}

/// What a sink would be sent: `{"event": "halted", "send": false}`.
pub(crate) async fn test(
    notify: Option<&Handle>,
    line: &Line,
    name: &str,
    body: &Value,
) -> Result<Value, Status> {
    let notify = notify.ok_or_else(Status::no_such_path)?;
    let event = match body["event"].as_str() {
        None | Some("") => None,
        Some(word) => {
            Some(word.parse::<Event>().map_err(|why| Status::bad_request(format!("event: {why}")))?)
        }
    };
    let send = body["send"].as_bool().unwrap_or_default();
    line.action(if send { "send" } else { "show" });
    notify.test(name, event, send).await.map_err(Status::unprocessable)
}

//! Pauses of single applications: what their annotations ask for, and whether their clusters' agents obey.

use crate::{conditions, index::Index};
use hub_gateway::{LinkState, pause_id};
use hub_records::Notice;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{AppKey, ClusterName, Kind, pause, pause::AnnotatedPause};
use shared_rollout::Pause;
use std::collections::BTreeMap;

type Links = BTreeMap<ClusterName, LinkState>;

/// The pause that an Application's annotations ask for.
pub(crate) fn asked(index: &Index, app: &AppKey, now: Timestamp) -> Option<AnnotatedPause> {
    let object = index.object(Kind::Application, &app.namespace, &app.name)?;
    object.speaks_of_pause.then(|| pause::of_object(&object.value(), now))?
}

/// The same, as the planner sees it.
pub(crate) fn of_member(
    index: &Index,
    links: &Links,
    app: &AppKey,
    cluster: &ClusterName,
    now: Timestamp,
) -> Option<Pause> {
    let asked = asked(index, app, now)?.request;
    let known = links.get(cluster).and_then(|link| link.acknowledged_applications.get(app));
    Some(Pause {
        acknowledged: known.is_some_and(|known| *known == pause_id(&asked)),
        since: asked.at,
        until: asked.ends(),
        reason: asked.reason,
        by: asked.by,
        local: false,
    })
}

/// The same of one that is to go: whether the agent obeys matters to nobody there.
pub(crate) fn of_going(asked: AnnotatedPause) -> Pause {
    let AnnotatedPause { request, .. } = asked;
    Pause {
        since: request.at,
        until: request.ends(),
        reason: request.reason,
        by: request.by,
        ..Pause::default()
    }
}

/// As in `paused by ann until 2026-11-21T19:00:00Z: INC-7`.
pub(crate) fn told(asked: &AnnotatedPause) -> String {
    let request = &asked.request;
    let by = if request.by.is_empty() { String::new() } else { format!(" by {}", request.by) };
    let until = request.ends().map(|end| format!(" until {:.0}", end)).unwrap_or_default();
    let reason = if request.reason.is_empty() { String::new() } else { format!(": {}", request.reason) };
    format!("paused{by}{until}{reason}")
}

/// What an Application's status says of its pause: the field, and conditions.
pub(crate) fn status<'a>(
    index: &Index,
    links: &Links,
    app: &AppKey,
    cluster: Option<&ClusterName>,
    before: impl FnOnce() -> &'a Value,
    now: Timestamp,
) -> Option<(Value, Vec<Value>)> {
    let asked = asked(index, app, now)?;
    let id = pause_id(&asked.request);
    let link = cluster.and_then(|cluster| links.get(cluster));
    let acknowledged = match link {
        Some(link) => link.acknowledged_applications.get(app) == Some(&id),
        // Nobody came since this hub started: what was said before holds.
        None => {
            let before = &before()["pause"];
            before["id"] == id && before["acknowledged"] == true
        }
    };
    let mut field = json!({"reason": asked.request.reason, "by": asked.request.by, "id": id});
    field["acknowledged"] = json!(acknowledged);
    if let Some(at) = asked.request.at {
        field["since"] = json!(at);
    }
    if let Some(end) = asked.request.ends() {
        field["until"] = json!(end);
    }
    let obeyed = match (cluster, acknowledged) {
        (None, _) => String::new(),
        (Some(cluster), true) => format!("; the agent of {cluster} has acknowledged it"),
        (Some(cluster), false) => format!("; requested, not acknowledged by the agent of {cluster}"),
    };
    let mut all = vec![conditions::of_application("Paused", &format!("{}{obeyed}", told(&asked)))];
    all.extend(asked.problem.map(|problem| conditions::of_application("InvalidPause", &problem)));
    Some((field, all))
}

/// The Event of an Application whose status said `before` of its pause, and says `after` now.
pub(crate) fn notice(before: &Value, after: &Value, now: Timestamp) -> Option<Notice> {
    let text = |pause: &Value, field: &str| pause[field].as_str().unwrap_or_default().to_owned();
    let told = |reason, message, key| Some(Notice { reason, warning: false, message, key });
    if before["id"] == after["id"] {
        return None;
    }
    if !after.is_null() {
        let by = Some(text(after, "by")).filter(|by| !by.is_empty()).map(|by| format!(" by {by}"));
        let until = Some(text(after, "until")).filter(|until| !until.is_empty());
        let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
        let message = format!("paused{}{until}: {}", by.unwrap_or_default(), text(after, "reason"));
        return told("Paused", message, text(after, "id"));
    }
    let over = text(before, "until").parse::<Timestamp>().is_ok_and(|until| until <= now);
    let (reason, message) = if over {
        ("PauseEnded", "the time of its pause is over")
    } else {
        ("Resumed", "its pause is lifted")
    };
    told(reason, message.to_owned(), text(before, "id"))
}

#[cfg(test)]
mod tests;

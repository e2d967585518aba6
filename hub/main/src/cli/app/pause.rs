//! `flotilla app pause` and `flotilla app resume`.

use crate::{
    args::Applications,
    cli::{client::Hub, output},
};
use anyhow::bail;
use serde_json::{Value, json};
use shared_model::{Kind, PAUSE_ANNOTATION, SKIP_RECONCILE_ANNOTATION};
use std::time::{Duration, Instant};

/// How long a pause waits to be acknowledged before the person is told what else to do.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

pub(super) async fn pause(
    hub: &Hub,
    applications: &Applications,
    length: Option<Duration>,
    reason: &str,
) -> anyhow::Result<()> {
    let names = names(hub, applications).await?;
    let namespace = &applications.namespace.namespace;
    let mut request = json!({"reason": reason});
    if let Some(length) = length {
        // Exact: what people read is rounded.
        request["for"] = json!(format!("{}s", length.as_secs()));
    }
    let patch = annotation(Some(&request.to_string()));
    for name in &names {
        hub.merge(Kind::Application, namespace, name, &patch).await?;
        output::line(&format!("application {name} is paused: nothing of it is released from now on"));
    }
    // Agents that are there answer at once.
    let asked = Instant::now();
    let mut waiting = names;
    loop {
        let mut silent = Vec::new();
        for name in waiting {
            let object = hub.read(Kind::Application, namespace, &name).await?;
            match standing(&object) {
                Standing::Acknowledged(cluster) => output::line(&format!(
                    "the agent of {cluster} has acknowledged it: nothing of {name} is written there any more"
                )),
                Standing::Silent(cluster) => silent.push((name, cluster)),
                Standing::Nowhere => {}
            }
        }
        if silent.is_empty() {
            return Ok(());
        }
        if asked.elapsed() >= ANSWERS_WITHIN {
            for (name, cluster) in &silent {
                output::note(&unheard(name, cluster));
            }
            return Ok(());
        }
        tokio::time::sleep(ANSWERS_WITHIN / 10).await;
        waiting = silent.into_iter().map(|(name, _)| name).collect();
    }
}

pub(super) async fn resume(hub: &Hub, applications: &Applications) -> anyhow::Result<()> {
    let namespace = &applications.namespace.namespace;
    for name in names(hub, applications).await? {
        let before = hub.read(Kind::Application, namespace, &name).await?;
        if before["metadata"]["annotations"][PAUSE_ANNOTATION].is_null() {
            output::line(&format!("application {name} was not paused by `flotilla app pause`"));
        } else {
            hub.merge(Kind::Application, namespace, &name, &annotation(None)).await?;
            output::line(&format!("application {name} is resumed"));
        }
        if !before["metadata"]["annotations"][SKIP_RECONCILE_ANNOTATION].is_null() {
            output::note(&format!(
                "Argo CD's annotation pauses it too; to lift that: kubectl annotate application {name} -n {namespace} {SKIP_RECONCILE_ANNOTATION}-"
            ));
        }
    }
    Ok(())
}

/// The patch that sets the annotation, or takes it away.
fn annotation(text: Option<&str>) -> Value {
    json!({"metadata": {"annotations": {PAUSE_ANNOTATION: text}}})
}

pub(super) async fn names(hub: &Hub, applications: &Applications) -> anyhow::Result<Vec<String>> {
    let Some(selector) = &applications.selector else { return Ok(applications.names.clone()) };
    let found = hub.list(Kind::Application, &applications.namespace.namespace, Some(selector)).await?;
    let names: Vec<String> =
        found.iter().filter_map(|app| app["metadata"]["name"].as_str()).map(str::to_owned).collect();
    if names.is_empty() {
        bail!("no Application in namespace {} has the labels {selector}", applications.namespace.namespace);
    }
    Ok(names)
}

/// How a pause stands with the agent of the application's cluster.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Acknowledged(String),
    Silent(String),
    /// It is on no cluster.
    Nowhere,
}

fn standing(app: &Value) -> Standing {
    let Some(cluster) = app.pointer("/status/cluster").and_then(Value::as_str) else {
        return Standing::Nowhere;
    };
    // The status may not have heard of the newest pause yet.
    let text = app["metadata"]["annotations"][PAUSE_ANNOTATION].as_str().unwrap_or_default();
    let asked: Value = serde_json::from_str(text).unwrap_or_default();
    let known = &app["status"]["pause"];
    if known["since"] == asked["at"] && known["acknowledged"] == true {
        Standing::Acknowledged(cluster.to_owned())
    } else {
        Standing::Silent(cluster.to_owned())
    }
}

/// What to do about an agent that has not answered.
fn unheard(name: &str, cluster: &str) -> String {
    format!(
        "Requested, not acknowledged: {cluster} has not acknowledged the pause of {name}. The hub releases nothing of it; to stop that agent altogether now, run there: flotilla-agent pause"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "cases read better with values")]
    fn check(status: Value, expect: Standing) {
        let request = json!({"reason": "INC-7", "by": "ann", "at": "2026-01-01T10:00:00Z"});
        let annotations = json!({PAUSE_ANNOTATION: request.to_string()});
        assert_eq!(standing(&json!({"metadata": {"annotations": annotations}, "status": status})), expect);
    }

    #[test]
    fn a_pause_is_acknowledged_when_the_newest_one_is() {
        let (at, before) = ("2026-01-01T10:00:00Z", "2026-01-01T09:00:00Z");
        let silent = || Standing::Silent("eu-1".to_owned());
        check(json!({}), Standing::Nowhere);
        check(json!({"cluster": "eu-1"}), silent());
        let pause = |since: &str, acknowledged: bool| json!({"cluster": "eu-1", "pause": {"since": since, "acknowledged": acknowledged}});
        check(pause(before, true), silent());
        check(pause(at, false), silent());
        check(pause(at, true), Standing::Acknowledged("eu-1".to_owned()));
    }
}

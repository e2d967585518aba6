//! What an agent shows of itself while it works.

use super::hub::{Hub, Spoke, config_map, end, path};
use crate::{Cluster, Metrics};
use serde_json::json;
use shared_runtime::metrics::Exposed;
use std::time::Duration;

fn value(text: &str, sample: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

async fn until(exposed: &Exposed, sample: &str, wish: impl Fn(f64) -> bool) -> String {
    let wished = async {
        loop {
            let text = exposed.scrape("").text;
            if value(&text, sample).is_some_and(&wish) {
                return text;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(30), wished).await;
    found.unwrap_or_else(|_| panic!("{sample} in {}", exposed.scrape("").text))
}

#[tokio::test]
async fn requests_writes_heals_and_the_link_are_counted() {
    let hub = Hub::start().await;
    let spoke = Spoke::new("u1");
    spoke.kubernetes.put(
        "/api/v1/namespaces/shop",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
    );
    let cluster = Cluster::from_service(spoke.kubernetes.clone(), "default");
    let metrics = Metrics::of(&cluster);
    let exposed = Exposed::new("agent", "1", |registry| metrics.register(registry));
    assert_eq!(value(&exposed.scrape("").text, "flotilla_agent_link_connected"), Some(0.0));
    let token = hub.token("eu-1", 60).await;
    let tasks = spoke.start_on(cluster, metrics, &hub.address, token).await;
    hub.assign("eu-1", 1, &[config_map("a", "1"), config_map("b", "1")]).await;
    hub.succeeded("eu-1", 1).await;
    let text = until(&exposed, "flotilla_agent_applications{sync=\"Synced\",health=\"Healthy\"}", |count| {
        count == 1.0
    })
    .await;
    let check = |sample: &str, wish: &dyn Fn(f64) -> bool| {
        assert!(value(&text, sample).is_some_and(wish), "{sample} in {text}");
    };
    check("flotilla_agent_writes_total{action=\"apply\",result=\"done\"}", &|count| count == 2.0);
    check("flotilla_agent_requests_total{verb=\"patch\",code=\"200\"}", &|count| count >= 2.0);
    check("flotilla_agent_requests_total{verb=\"watch\",code=\"200\"}", &|count| count >= 1.0);
    check("flotilla_agent_orders_total{result=\"kept\"}", &|count| count == 1.0);
    check("flotilla_agent_syncs_total", &|count| count == 1.0);
    check("flotilla_agent_link_connected", &|up| up == 1.0);
    check("flotilla_agent_sessions_total", &|count| count == 1.0);
    check("flotilla_agent_link_bytes_total{direction=\"in\"}", &|bytes| bytes > 1000.0);
    check("flotilla_agent_journal_bytes", &|bytes| bytes > 500.0);
    check("flotilla_agent_journal_written_bytes_total", &|bytes| bytes > 500.0);
    let now = shared_runtime::metrics::since_epoch(shared_runtime::now());
    check("flotilla_agent_certificate_expiry_timestamp_seconds{}", &|ends| ends > now);
    spoke.kubernetes.edit(&path("a"), |object| object["data"]["key"] = json!("edited"));
    until(&exposed, "flotilla_agent_drift_healed_total", |count| count == 1.0).await;
    let (_, _folder, _) = hub.stop().await;
    until(&exposed, "flotilla_agent_link_connected", |up| up == 0.0).await;
    end(&tasks).await;
}

use super::*;
use shared_runtime::metrics::{Exposed, since_epoch};

/// What the hub shows now.
fn exposed(hub: &Hub) -> Exposed {
    Exposed::new("test", "1", |registry| hub.metrics.register(registry))
}

/// The value of a sample; `None` when it is not shown.
fn value(text: &str, sample: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' ')?.parse().ok())
}

async fn until(exposed: &Exposed, sample: &str, wish: impl Fn(Option<f64>) -> bool) -> String {
    let wished = async {
        loop {
            let text = exposed.scrape("").text;
            if wish(value(&text, sample)) {
                return text;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(20), wished).await;
    found.unwrap_or_else(|_| panic!("{sample} in {}", exposed.scrape("").text))
}

#[tokio::test]
async fn who_is_there_and_who_is_lost_is_shown() {
    let hub = Hub::start().await;
    let exposed = exposed(&hub);
    let spec = hub.assign("eu-1", "web", 1, b"bundle").await;
    let client = hub.joined("eu-1").await;
    let text = until(&exposed, "flotilla_gateway_agents_joined", |joined| joined == Some(1.0)).await;
    assert!(value(&text, "flotilla_cluster_lost_timestamp_seconds{cluster=\"eu-1\"}").is_some(), "{text}");
    assert_eq!(
        value(&text, "flotilla_gateway_identities_total{request=\"enroll\",result=\"given\"}"),
        Some(1.0)
    );
    let ends = value(&text, "flotilla_certificate_expiry_timestamp_seconds{certificate=\"agent\"}").unwrap();
    let now = since_epoch(shared_runtime::now());
    let lifetime = AGENT_LIFETIME.as_secs_f64();
    assert!((ends - now - lifetime).abs() < 60.0, "{ends} is not {lifetime} s after {now}");
    for own in ["authority", "hub"] {
        let sample = format!("flotilla_certificate_expiry_timestamp_seconds{{certificate=\"{own}\"}}");
        assert!(value(&text, &sample).unwrap() > now, "{text}");
    }
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    let text = exposed.scrape("").text;
    assert_eq!(value(&text, "flotilla_gateway_agents_connected"), Some(1.0), "{text}");
    assert_eq!(value(&text, "flotilla_gateway_agents_lost"), Some(0.0), "{text}");
    assert!(!text.contains("flotilla_cluster_lost_timestamp_seconds"), "{text}");
    assert!(value(&text, "flotilla_gateway_messages_total{direction=\"out\"}").unwrap() >= 2.0, "{text}");
    let fetched = client.fetch(&spec.bundle, 0).await.unwrap().len();
    let text = exposed.scrape("").text;
    assert_eq!(value(&text, "flotilla_gateway_bundle_bytes_total"), Some(fetched as f64), "{text}");
    for direction in ["in", "out"] {
        let sample = format!("flotilla_gateway_bytes_total{{direction=\"{direction}\"}}");
        assert!(value(&text, &sample).unwrap() > 1000.0, "{text}");
    }
    drop(talk);
    until(&exposed, "flotilla_gateway_agents_lost", |lost| lost == Some(1.0)).await;
    hub.records.delete(Kind::Cluster, "", "eu-1", shared_runtime::now()).await.unwrap();
    until(&exposed, "flotilla_gateway_agents_joined", |joined| joined == Some(0.0)).await;
}

#[tokio::test]
async fn healed_drift_is_summed_over_reports_and_restarts_of_agents() {
    let hub = Hub::start().await;
    let exposed = exposed(&hub);
    let spec = hub.assign("eu-1", "web", 1, b"bundle").await;
    let client = hub.joined("eu-1").await;
    let talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    let sum = "flotilla_drift_healed_total";
    // The agent starts again after the second, and counts from zero.
    for (healed, expect) in [(2, 2.0), (5, 5.0), (1, 6.0)] {
        let observation = v1::Observation {
            application: Some(v1::Application { namespace: "argocd".into(), name: "web".into() }),
            position: Some(v1::Position { incarnation: 1, generation: 1 }),
            release: spec.id().to_string(),
            phase: "Succeeded".into(),
            healed,
            ..Default::default()
        };
        talk.observe(vec![observation]).await;
        until(&exposed, sum, |found| found == Some(expect)).await;
    }
}

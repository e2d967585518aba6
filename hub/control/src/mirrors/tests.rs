use super::*;
use crate::tests::{index, records};
use hub_records::keys;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{Kind, RolloutName};
use shared_rollout::Head;

const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn rollout(name: &str, repository: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "owner": {"kind": "ApplicationSet", "namespace": "argocd", "name": "web"},
            "sequence": 1, "object": {}, "plan": "immediate",
            "commits": [{"repoURL": repository, "revision": "main", "commit": COMMIT}],
        },
    })
}

#[tokio::test]
async fn what_applications_and_rollouts_name_is_needed() {
    let (records, now) = (records(), Timestamp::UNIX_EPOCH);
    let application = json!({
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {"repoURL": "https://h/app", "path": "web"},
            "destination": {"name": "eu-1", "namespace": "web"},
        },
    });
    records.create(Kind::Application, application, now).await.unwrap();
    for (name, repository) in
        [("web-1", "https://h/done"), ("web-2", "https://h/going"), ("web-3", "https://h/new")]
    {
        records.create(Kind::FleetRollout, rollout(name, repository), now).await.unwrap();
    }
    for (name, finished) in [("web-1", Some(now)), ("web-2", None)] {
        let head = Head { finished, ..Head::default() };
        records.write(&keys::head("argocd", &RolloutName::new(name)), &head).await.unwrap();
    }
    let needed = needed(&index(&records).await);
    let shown: Vec<String> = needed.iter().map(|(url, commits)| format!("{url} {}", commits.len())).collect();
    assert_eq!(shown, ["https://h/app 0", "https://h/done 0", "https://h/going 1", "https://h/new 1"]);
}

#[tokio::test]
async fn charts_of_rollouts_that_may_be_asked_for_again_stay() {
    let (records, now) = (records(), Timestamp::UNIX_EPOCH);
    for sequence in 1..=6 {
        let name = format!("web-{sequence}");
        let mut object = rollout(&name, &format!("oci://h/{name}"));
        object["spec"]["sequence"] = json!(sequence);
        records.create(Kind::FleetRollout, object, now).await.unwrap();
        let head = Head { finished: Some(now), phase: shared_rollout::Phase::Done, ..Head::default() };
        records.write(&keys::head("argocd", &RolloutName::new(name)), &head).await.unwrap();
    }
    let needed = needed(&index(&records).await);
    let kept = needed.iter().filter(|(_, archives)| !archives.is_empty()).map(|(url, _)| url.as_str());
    assert_eq!(kept.collect::<Vec<_>>(), ["oci://h/web-4", "oci://h/web-5", "oci://h/web-6"]);
}

//! What people decide about a rollout, and the list of its members.

use super::*;
use hub_records::keys;
use hub_store::{Compare, Outcome, Txn};
use shared_model::{AppKey, ClusterName, Digest, Kind, Position, ReleaseId, RolloutName};
use shared_rollout::{Head, MemberRecord, MemberState, Phase, WaveHead};

const ROLLOUTS: &str = "/apis/flotilla.dev/v1alpha1/namespaces/argocd/fleetrollouts";

fn rollout(sequence: u64) -> Value {
    json!({
        "metadata": {"name": format!("shop-{sequence}"), "namespace": "argocd"},
        "spec": {
            "owner": {"kind": "ApplicationSet", "namespace": "argocd", "name": "shop"},
            "sequence": sequence,
            "object": {},
            "plan": {"policy": {"waves": [{"name": "canary", "approval": "After"}, {"name": "rest"}]}},
        },
    })
}

/// A rollout with its head.
async fn rolled_out(server: &Server, sequence: u64, phase: Phase) {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    server.records.create(Kind::FleetRollout, rollout(sequence), now).await.unwrap();
    let opened = WaveHead { opened: Some(now), ..WaveHead::default() };
    let waves = vec![opened, WaveHead::default()];
    let head = Head { phase, started: Some(now), waves, ..Head::default() };
    server.records.write(&head_key(sequence), &head).await.unwrap();
}

fn head_key(sequence: u64) -> String {
    keys::head("argocd", &RolloutName::new(format!("shop-{sequence}")))
}

async fn head(server: &Server, sequence: u64) -> Head {
    server.records.read::<Head>(&head_key(sequence)).await.unwrap().unwrap().0
}

async fn decide(server: &Server, rollout: &str, body: Value) -> Got {
    server.post(&format!("{ROLLOUTS}/{rollout}/decisions"), body).await
}

#[tokio::test]
async fn a_decision_changes_the_head_and_is_told() {
    let server = server().await;
    rolled_out(&server, 1, Phase::Progressing).await;
    let set = json!({"metadata": {"name": "shop", "namespace": "argocd"}, "spec": {}});
    let set = server.records.create(Kind::ApplicationSet, set, shared_runtime::now()).await.unwrap();
    let shown = decide(&server, "shop-1", json!({"decision": "pause", "reason": "INC-7"})).await.ok(201);
    assert_eq!(shown["metadata"]["name"], "shop-1");
    assert_eq!(
        (&shown["status"]["paused"]["by"], &shown["status"]["paused"]["reason"]),
        (&json!("ada"), &json!("INC-7"))
    );
    let head = head(&server, 1).await;
    let paused = head.paused.unwrap();
    assert_eq!((paused.by.as_str(), paused.reason.as_str()), ("ada", "INC-7"));
    assert_eq!((head.decisions.len(), head.decisions[0].by.as_str()), (1, "ada"));
    let kept = server.get("/flotilla/v1/timeline?rollout=shop-1").await.ok(200);
    let kept = &kept["items"][0];
    assert_eq!(
        (&kept["what"], &kept["by"], &kept["reason"]),
        (&json!("RolloutPaused"), &json!("ada"), &json!("INC-7"))
    );
    assert_eq!(kept["text"], "shop-1: ada paused it: INC-7");
    let events = server.get("/api/v1/namespaces/argocd/events").await.ok(200);
    let mut told: Vec<_> = events["items"].as_array().unwrap().iter().collect();
    told.sort_by_key(|event| event["involvedObject"]["kind"].to_string());
    let told: Vec<_> = told
        .into_iter()
        .map(|event| (&event["reason"], &event["message"], &event["involvedObject"]["name"]))
        .collect();
    assert_eq!(
        told,
        [
            (&json!("RolloutPaused"), &json!("shop-1: ada paused it: INC-7"), &json!("shop")),
            (&json!("RolloutPaused"), &json!("ada paused it: INC-7"), &json!("shop-1")),
        ]
    );
    // As `kubectl describe` finds them.
    let query = format!("fieldSelector=involvedObject.uid%3D{}", set.uid());
    let found = server.get(&format!("/api/v1/namespaces/argocd/events?{query}")).await.ok(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_dry_run_says_what_would_come_of_it() {
    let server = server().await;
    rolled_out(&server, 1, Phase::Progressing).await;
    let path = format!("{ROLLOUTS}/shop-1/decisions?dryRun=All");
    let shown = server.post(&path, json!({"decision": "pause"})).await.ok(201);
    assert_eq!(shown["status"]["paused"]["by"], "ada");
    assert_eq!(head(&server, 1).await.paused, None);
    assert_eq!(server.get("/api/v1/namespaces/argocd/events").await.ok(200)["items"], json!([]));
    server.post(&format!("{ROLLOUTS}/shop-1/decisions?dryRun=x"), json!({"decision": "abort"})).await.ok(400);
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_what_to_do() {
    let server = server().await;
    rolled_out(&server, 1, Phase::Progressing).await;
    let said = decide(&server, "shop-9", json!({"decision": "abort"})).await.refused(404, "NotFound");
    assert_eq!(said, "fleetrollouts.flotilla.dev \"shop-9\" not found");
    let said = decide(&server, "shop-1", json!({"decision": "aprove"})).await.refused(400, "BadRequest");
    assert!(said.contains("did you mean \"approve\"?"), "{said}");
    let said = decide(&server, "shop-1", json!({"decision": "undo", "pins": true})).await;
    assert!(said.refused(400, "BadRequest").contains("unknown field \"pins\" (did you mean \"pin\"?)"));
    server.get(&format!("{ROLLOUTS}/shop-1/decisions")).await.refused(405, "MethodNotAllowed");
    server.post(&format!("{ROLLOUTS}/shop-1/verdicts"), json!({})).await.refused(404, "NotFound");
    assert_eq!(head(&server, 1).await.decisions, []);
}

#[tokio::test]
async fn expediting_is_a_permission_of_its_own() {
    let server = server().await;
    rolled_out(&server, 1, Phase::Progressing).await;
    server.post(CLUSTERS, json!({"metadata": {"name": "eu-1"}})).await.ok(201);
    let body = json!({"decision": "expedite", "clusters": ["eu-1"], "reason": "hotfix"});
    let said = decide(&server, "shop-1", body.clone()).await.refused(403, "Forbidden");
    assert!(said.contains("flotilla:expedite"), "{said}");
    let can = json!({"spec": {"resourceAttributes": {"verb": "expedite", "resource": "fleetrollouts"}}});
    let review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    assert_eq!(server.post(review, can.clone()).await.ok(201)["status"]["allowed"], false);

    let as_admin = |path: &str, body: &Value| {
        server.client.post(format!("{}{path}", server.url)).bearer_auth(ADMIN).json(body)
    };
    assert_eq!(server.send(as_admin(review, &can)).await.ok(201)["status"]["allowed"], true);
    let path = format!("{ROLLOUTS}/shop-1/decisions");
    let nobody = json!({"decision": "expedite", "clusters": ["eu-9"]});
    let said = server.send(as_admin(&path, &nobody)).await.refused(400, "BadRequest");
    assert!(said.contains("there is no Cluster eu-9"), "{said}");
    server.send(as_admin(&path, &body)).await.ok(201);
    let expedited = head(&server, 1).await.expedited;
    assert_eq!((expedited[0].by.as_str(), expedited[0].reason.as_str()), ("root", "hotfix"));
}

#[tokio::test]
async fn no_decision_is_lost_while_the_planner_changes_the_head() {
    let server = server().await;
    rolled_out(&server, 1, Phase::Progressing).await;
    let clusters: Vec<String> = (1..=6).map(|number| format!("eu-{number}")).collect();
    for name in &clusters {
        server.post(CLUSTERS, json!({"metadata": {"name": name}})).await.ok(201);
    }
    let planner = async {
        for attempt in 1..=40 {
            loop {
                let (head, revision) = server.records.read::<Head>(&head_key(1)).await.unwrap().unwrap();
                let bytes = serde_json::to_vec(&Head { attempt, ..head }).unwrap();
                let still = Compare::ModRevision { key: head_key(1), revision };
                let txn = Txn::new().when(still).put(head_key(1), bytes);
                if let Outcome::Committed(_) = server.records.store().commit(txn).await.unwrap() {
                    break;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    let people = futures::future::join_all(clusters.iter().map(|cluster| {
        let body = json!({"decision": "expedite", "clusters": [cluster]});
        let path = format!("{}{ROLLOUTS}/shop-1/decisions", server.url);
        server.send(server.client.post(path).bearer_auth(ADMIN).json(&body))
    }));
    let (answers, ()) = tokio::join!(people, planner);
    answers.into_iter().for_each(|answer| drop(answer.ok(201)));
    let head = head(&server, 1).await;
    assert_eq!((head.attempt, head.decisions.len(), head.expedited.len()), (40, 6, 6));
}

#[tokio::test]
async fn members_come_page_by_page_with_what_they_wait_for() {
    let server = server().await;
    server.get(&format!("{ROLLOUTS}/shop-1/members")).await.refused(404, "NotFound");
    rolled_out(&server, 1, Phase::Progressing).await;
    let now = shared_runtime::now();
    let names: Vec<String> = (0..5).map(|number| format!("web-{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        let app = AppKey::new("argocd", name.clone());
        let record: MemberRecord = serde_json::from_value(json!({
            "cluster": ClusterName::new(format!("eu-{number}")),
            "release": ReleaseId(Digest::of(b"r")),
            "wave": usize::from(number > 0),
            "state": if number > 0 { MemberState::Waiting } else {
                MemberState::Released { position: Position { incarnation: 1, generation: 4 }, at: now }
            },
        }))
        .unwrap();
        server
            .records
            .write(&keys::member("argocd", &RolloutName::new("shop-1"), &app), &record)
            .await
            .unwrap();
        let mut object = super::app(name);
        object["metadata"]["namespace"] = json!("argocd");
        server.records.create(Kind::Application, object, now).await.unwrap();
        let status = json!({"rollout": {"name": "shop-1", "message": format!("eu-{number} is syncing")}});
        server.records.put_status(Kind::Application, "argocd", name, &status).await.unwrap();
    }
    let (mut seen, mut next, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = server.get(&format!("{ROLLOUTS}/shop-1/members?limit=2{next}")).await.ok(200);
        seen.extend(page["items"].as_array().unwrap().clone());
        pages += 1;
        let Some(token) = page["metadata"]["continue"].as_str() else { break };
        next = format!("&continue={token}");
    }
    assert_eq!((pages, seen.len()), (3, 5));
    assert_eq!(
        seen[0],
        json!({
            "application": "argocd/web-0", "cluster": "eu-0", "wave": "canary", "state": "Released",
            "since": now, "waitsFor": "eu-0 is syncing",
        })
    );
    assert_eq!((&seen[4]["wave"], &seen[4]["state"]), (&json!("rest"), &json!("Waiting")));
    server.get(&format!("{ROLLOUTS}/shop-1/members?continue=x")).await.refused(400, "BadRequest");
    server.post(&format!("{ROLLOUTS}/shop-1/members"), json!({})).await.refused(405, "MethodNotAllowed");
}

#[tokio::test]
async fn discovery_lists_what_is_below_a_rollout() {
    let server = server().await;
    let plain = server.get("/apis/flotilla.dev/v1alpha1").await.ok(200);
    let listed = plain["resources"].as_array().unwrap();
    let verbs = |name: &str| listed.iter().find(|one| one["name"] == name).map(|one| one["verbs"].clone());
    assert_eq!(verbs("fleetrollouts/decisions"), Some(json!(["create"])));
    assert_eq!(verbs("fleetrollouts/members"), Some(json!(["get"])));
}

use super::*;
use crate::{
    removal::{self, Removal},
    tests::{application, assign, cluster, index, linked, records, run},
};
use hub_records::Records;
use shared_model::{PAUSE_ANNOTATION, RESOURCES_FINALIZER, SKIP_RECONCILE_ANNOTATION};
use shared_rollout::{ClusterState, Link};

const AT: &str = "2026-11-21T18:00:00Z";

fn now(minutes: i64) -> Timestamp {
    AT.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_mins(minutes)
}

fn app() -> AppKey {
    AppKey::new("argocd", "web")
}

fn eu() -> ClusterName {
    ClusterName::new("eu-1")
}

/// An hour's pause that ann asked for at [`AT`].
fn hour() -> String {
    json!({"reason": "INC-7", "by": "ann", "for": "1h", "at": AT}).to_string()
}

/// The store with the Application `web` on eu-1, with these annotations.
async fn stored(annotations: Value) -> Records {
    let records = records();
    records.create(Kind::Cluster, cluster("eu-1", &json!({})), now(0)).await.unwrap();
    let mut object = application("web", "eu-1", &[RESOURCES_FINALIZER]);
    object["metadata"]["annotations"] = annotations;
    records.create(Kind::Application, object, now(0)).await.unwrap();
    assign(&records, "eu-1", "web", &run(3)).await;
    records
}

async fn with(annotations: Value) -> Index {
    index(&stored(annotations).await).await
}

/// The agent of eu-1, which obeys these pauses.
fn links(acknowledged: &[&str]) -> Links {
    let obeyed = acknowledged.iter().map(|id| (app(), (*id).to_owned())).collect();
    let state = LinkState { acknowledged_applications: obeyed, ..linked(Link::Connected) };
    [(eu(), state)].into()
}

fn says(index: &Index, links: &Links, before: &Value, minutes: i64) -> Option<(Value, Vec<String>)> {
    let (field, conditions) = status(index, links, &app(), Some(&eu()), || before, now(minutes))?;
    let text = |condition: &Value| {
        format!("{}: {}", condition["type"].as_str().unwrap(), condition["message"].as_str().unwrap())
    };
    Some((field, conditions.iter().map(text).collect()))
}

#[tokio::test]
async fn a_pause_by_annotation_reads_who_why_until_when_and_whether_it_is_obeyed() {
    let index = with(json!({PAUSE_ANNOTATION: hour()})).await;
    let (field, said) = says(&index, &links(&[]), &json!({}), 59).unwrap();
    assert_eq!(
        (&field["by"], &field["reason"], &field["acknowledged"]),
        (&json!("ann"), &json!("INC-7"), &json!(false))
    );
    assert_eq!(field["until"], "2026-11-21T19:00:00Z");
    let paused = "Paused: paused by ann until 2026-11-21T19:00:00Z: INC-7";
    assert_eq!(said, [format!("{paused}; requested, not acknowledged by the agent of eu-1")]);
    let member = |links: &Links, minutes| of_member(&index, links, &app(), &eu(), now(minutes));
    assert!(!member(&links(&["older"]), 0).unwrap().acknowledged);

    let id = field["id"].as_str().unwrap().to_owned();
    let (field, said) = says(&index, &links(&[&id]), &json!({}), 0).unwrap();
    assert_eq!(said, [format!("{paused}; the agent of eu-1 has acknowledged it")]);
    let known = member(&links(&[&id]), 0).unwrap();
    assert_eq!((known.acknowledged, known.until, known.local), (true, Some(now(60)), false));
    // A hub that starts anew goes by what was said before the agent comes.
    let (_, said) = says(&index, &Links::new(), &json!({"pause": field}), 0).unwrap();
    assert!(said[0].ends_with("has acknowledged it"), "{said:?}");

    assert_eq!(says(&index, &links(&[&id]), &json!({}), 60), None);
    assert_eq!(member(&links(&[&id]), 60), None);
}

#[tokio::test]
async fn a_value_that_cannot_be_read_pauses_and_has_a_condition() {
    let index = with(json!({PAUSE_ANNOTATION: "INC-7"})).await;
    let (_, said) = says(&index, &links(&[]), &json!({}), 999).unwrap();
    assert!(
        said[0].starts_with("Paused: paused: its annotation flotilla.dev/pause cannot be read"),
        "{said:?}"
    );
    assert!(
        said[1].starts_with("InvalidPause: metadata.annotations[flotilla.dev/pause]: its value is no JSON"),
        "{said:?}"
    );
    assert!(of_member(&index, &links(&[]), &app(), &eu(), now(999)).is_some());
}

#[tokio::test]
async fn a_paused_application_is_not_told_to_go() {
    let told = async |annotations: Value, minutes| {
        let records = stored(annotations).await;
        records.delete(Kind::Application, "argocd", "web", now(0)).await.unwrap();
        let index = index(&records).await;
        let clusters = BTreeMap::from([(eu(), ClusterState::default())]);
        let found = removal::plan(&index, &clusters, now(minutes)).removals;
        found.iter().any(|removal| matches!(removal, Removal::Tell { cascade: true, .. }))
    };
    assert!(told(json!({}), 0).await);
    assert!(!told(json!({SKIP_RECONCILE_ANNOTATION: "true"}), 999).await);
    assert!(!told(json!({PAUSE_ANNOTATION: hour()}), 59).await);
    assert!(told(json!({PAUSE_ANNOTATION: hour()}), 60).await);
}

#[test]
fn a_pause_its_end_and_its_lifting_are_told_once() {
    let check = |before: Value, after: Value, expect: Option<(&str, &str)>| {
        let notice = notice(&before, &after, now(30));
        assert_eq!(notice.as_ref().map(|notice| (notice.reason, notice.message.as_str())), expect);
    };
    let pause =
        |id: &str, minutes: i64| json!({"id": id, "by": "ann", "reason": "INC-7", "until": now(minutes)});
    let told = "paused by ann until 2026-11-21T19:00:00Z: INC-7";
    check(Value::Null, Value::Null, None);
    check(Value::Null, pause("1", 60), Some(("Paused", told)));
    check(pause("1", 60), pause("1", 60), None);
    check(pause("1", 60), pause("2", 60), Some(("Paused", told)));
    check(pause("1", 60), Value::Null, Some(("Resumed", "its pause is lifted")));
    check(pause("1", 30), Value::Null, Some(("PauseEnded", "the time of its pause is over")));
}

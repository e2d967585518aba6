//! Pauses of single applications, as an agent hears of them.

use super::*;

const WEB: (&str, &str) = ("argocd", "web");

impl Hub {
    /// The Application `web`, with this annotation.
    async fn web(&self, pause: Option<&str>) {
        let spec = json!({"project": "default", "destination": {"name": "eu-1"}});
        let annotations: Value =
            pause.into_iter().map(|pause| (PAUSE_ANNOTATION.to_owned(), json!(pause))).collect();
        let metadata = json!({"namespace": WEB.0, "name": WEB.1, "annotations": annotations});
        let object = json!({"metadata": metadata, "spec": spec});
        self.records.create(Kind::Application, object, shared_runtime::now()).await.unwrap();
    }

    async fn annotate(&self, pause: Option<&str>) {
        let change = |object: &Value| {
            let mut object = object.clone();
            let annotations = object["metadata"]["annotations"].as_object_mut()?;
            annotations.remove(PAUSE_ANNOTATION);
            annotations.extend(pause.map(|pause| (PAUSE_ANNOTATION.to_owned(), json!(pause))));
            Some(object)
        };
        self.records.modify(Kind::Application, WEB.0, WEB.1, change).await.unwrap();
    }

    /// The hub's word on where `web` goes.
    async fn place(&self, cluster: &str) {
        let status = json!({"cluster": cluster});
        self.records.put_status(Kind::Application, WEB.0, WEB.1, &status).await.unwrap();
    }

    async fn removed(&self, generation: u64) {
        let order = Order::Remove { cascade: true, at: shared_runtime::now() };
        self.order("eu-1", WEB.1, generation, order).await;
    }
}

/// The pause of `web` that comes next: its id and how long.
async fn asked(talk: &mut Conversation) -> (String, u64) {
    match talk.next().await {
        Some(Message::PauseApplication(asked)) => {
            assert_eq!(asked.application.unwrap().name, WEB.1);
            let pause = asked.pause.unwrap();
            (pause.id, pause.remaining_ms)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_cluster_concerned_is_told_of_a_pause_and_answers() {
    let hub = Hub::start().await;
    hub.web(None).await;
    hub.place("eu-1").await;
    let mut talk = hub.joined("eu-1").await.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    let mut other = hub.joined("us-1").await.attach(hello("uid-us-1", "b", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    other.until_in_sync().await;
    let at = shared_runtime::now();
    let hour = json!({"reason": "INC-7", "by": "ann", "for": "1h", "at": at}).to_string();
    hub.annotate(Some(&hour)).await;
    let (id, left) = asked(&mut talk).await;
    assert!(!id.is_empty() && (3_500_000..=3_600_000).contains(&left), "{id} {left}");
    let said = v1::PausedApplication {
        application: Some(v1::Application { namespace: WEB.0.into(), name: WEB.1.into() }),
        acknowledged: id.clone(),
    };
    let state = v1::PauseState { applications: vec![said], ..Default::default() };
    talk.say(v1::agent_message::Message::Pause(state)).await;
    let web = AppKey::new(WEB.0, WEB.1);
    hub.linked("eu-1", |state| {
        state.is_some_and(|state| state.acknowledged_applications.get(&web) == Some(&id))
    })
    .await;
    hub.annotate(None).await;
    assert_eq!(asked(&mut talk).await, (String::new(), 0));
    // What the other cluster hears next is its own pause: nothing of this.
    hub.modify("us-1", |object| object["metadata"]["annotations"][SKIP_RECONCILE_ANNOTATION] = json!("true"))
        .await;
    let Some(Message::Pause(pause)) = other.next().await else { panic!("no pause of the cluster") };
    assert_eq!(pause.reason, format!("annotation {SKIP_RECONCILE_ANNOTATION}"));
}

#[tokio::test]
async fn a_pause_goes_before_the_order_that_it_is_to_stop() {
    let hub = Hub::start().await;
    hub.web(Some("{}")).await;
    let client = hub.joined("eu-1").await;
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    hub.removed(1).await;
    let (id, left) = asked(&mut talk).await;
    assert!(!id.is_empty() && left == 0);
    assert!(matches!(talk.next().await, Some(Message::Remove(_))));
    // A new session is told at its beginning.
    drop(talk);
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    let opening = talk.until_in_sync().await;
    assert!(
        matches!(
            &opening[..],
            [Message::Welcome(_), Message::PauseApplication(_), Message::Remove(_), Message::InSync(_)]
        ),
        "{opening:?}"
    );
    // An Application that is gone pauses nothing.
    hub.records.delete(Kind::Application, WEB.0, WEB.1, shared_runtime::now()).await.unwrap();
    assert_eq!(asked(&mut talk).await, (String::new(), 0));
}

#[tokio::test]
async fn the_hubs_word_on_the_cluster_may_come_after_the_pause() {
    let hub = Hub::start().await;
    let mut talk = hub.joined("eu-1").await.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    hub.web(Some("INC-7")).await;
    hub.place("eu-1").await;
    let (id, left) = asked(&mut talk).await;
    assert!(!id.is_empty() && left == 0);
}

//! Comparisons, as they are asked of an agent and answered to whoever asked.

use super::*;
use shared_diff::{Change, Changes};

async fn connected(hub: &Hub) -> (Client, Conversation) {
    let client = hub.joined("eu-1").await;
    let mut talk = client.attach(hello("uid-eu-1", "a", Vec::new())).await.unwrap();
    talk.until_in_sync().await;
    (client, talk)
}

fn ask(
    hub: &Hub,
    release: Option<(ReleaseSpec, bytes::Bytes)>,
) -> impl Future<Output = Result<Changes, Uncompared>> + use<> {
    let links = hub.gateway.links.clone();
    async move {
        let asked = Compare { application: AppKey::new("argocd", "web"), release };
        links.compare(&ClusterName::new("eu-1"), asked).await
    }
}

/// Asks, and answers for the agent.
async fn check(
    release: Option<(ReleaseSpec, bytes::Bytes)>,
    answer: impl FnOnce(v1::Command) -> v1::agent_message::Message,
) -> Result<Changes, Uncompared> {
    let hub = Hub::start().await;
    let (_client, mut talk) = connected(&hub).await;
    let asked = shared_runtime::spawn("ask", ask(&hub, release));
    let Some(Message::Command(command)) = talk.next().await else { panic!("nothing is asked") };
    talk.say(answer(command)).await;
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap().unwrap()
}

fn compared(command: v1::Command, changes: &[u8]) -> v1::agent_message::Message {
    let changes = changes.to_vec().into();
    v1::agent_message::Message::Compared(v1::Compared {
        id: command.id,
        application: command.application,
        changes,
    })
}

#[tokio::test]
async fn the_agents_answer_goes_to_who_asked() {
    let change: Change =
        serde_json::from_value(json!({"object": "ConfigMap a", "before": null, "after": {}})).unwrap();
    let changes = Changes { changes: vec![change], same: 2, left_out: 0 };
    let packed = zstd::encode_all(&serde_json::to_vec(&changes).unwrap()[..], 0).unwrap();
    let answered = check(None, |command| compared(command, &packed)).await;
    assert_eq!(answered, Ok(changes));
    let spec = Hub::spec("web", b"bundle");
    let release = (spec.clone(), bytes::Bytes::from_static(b"packed"));
    let answered = check(Some(release), |command| {
        let Some(v1::command::Command::Compare(asked)) = &command.command else { panic!("{command:?}") };
        assert_eq!(serde_json::from_slice::<ReleaseSpec>(&asked.spec).unwrap(), spec);
        assert_eq!(asked.bundle, "packed");
        compared(command, &packed)
    });
    assert!(answered.await.is_ok());
}

#[tokio::test]
async fn an_agent_that_knows_no_comparison_says_so() {
    let refused = check(None, |command| {
        let error = "this agent does not know the command; it is older than the hub".to_owned();
        v1::agent_message::Message::Result(v1::CommandResult { id: command.id, error })
    });
    let refused = refused.await.unwrap_err().to_string();
    assert_eq!(refused, "eu-1: this agent does not know the command; it is older than the hub");
}

#[tokio::test]
async fn answers_that_cannot_be_read_are_refused() {
    for changes in [&b"no zstd"[..], &zstd::encode_all(&b"no json"[..], 0).unwrap()] {
        let refused = check(None, |command| compared(command, changes)).await.unwrap_err().to_string();
        assert!(refused.contains("the agent's answer cannot be read"), "{refused}");
    }
}

#[tokio::test]
async fn who_is_away_or_goes_away_is_said() {
    let hub = Hub::start().await;
    let away = ask(&hub, None).await.unwrap_err();
    assert_eq!(away, Uncompared::Away(ClusterName::new("eu-1")));
    let (client, mut talk) = connected(&hub).await;
    let large = (Hub::spec("web", b"bundle"), bytes::Bytes::from(vec![0; proto::COMPARED_BYTES + 1]));
    assert_eq!(ask(&hub, Some(large)).await.unwrap_err(), Uncompared::TooLarge(proto::COMPARED_BYTES + 1));
    let asked = shared_runtime::spawn("ask", ask(&hub, None));
    assert!(matches!(talk.next().await, Some(Message::Command(_))));
    drop((talk, client));
    let silent = tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap().unwrap();
    assert_eq!(silent.unwrap_err(), Uncompared::Silent(ClusterName::new("eu-1")));
}

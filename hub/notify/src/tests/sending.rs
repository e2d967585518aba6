use super::{
    receiver::{Answer, Receiver},
    *,
};
use crate::sender::{Outcome, Sender};

fn ok(_: usize) -> Answer {
    Answer::Say(200, "ok")
}

/// One sink at a receiver.
fn sink(name: &str, receiver: &Receiver, rest: &str) -> String {
    format!("- {{name: {name}, url: '{}', group: 0s, {rest}}}\n", receiver.url("/hook"))
}

fn sinks(all: &[String]) -> String {
    format!("sinks:\n{}", all.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_told_in_order_once_and_the_past_is_not() {
    let receiver = Receiver::plain(ok).await;
    let records = Records::new(Arc::new(Memory::default()));
    records.tell(vec![done(0, 1)]).await.unwrap();
    write(&records, &sinks(&[sink("oncall", &receiver, "on: [done, clusterLost]")])).await;
    let hub = Hub::on(records);
    hub.ready(1).await;
    // The second happened before the first, and was written after it.
    hub.tell(vec![done(20, 2)]).await;
    hub.tell(vec![done(10, 3)]).await;
    hub.tell(vec![Entry::new(What::HubStarted, at(30), "nobody asked for this")]).await;
    hub.tell(vec![lost(40, "eu-1")]).await;
    let taken = receiver.takes(3).await;
    assert_eq!(texts(&taken), ["shop-2 is done", "shop-3 is done", "eu-1 is lost"]);
    let first = &receiver.all()[0];
    assert_eq!(first.path, "/hook");
    assert_eq!(first.headers["x-flotilla-id"], first.body["id"].as_str().unwrap());
    assert_eq!((first.headers["x-flotilla-event"].as_str(), &first.body["sink"]), ("done", &json!("oncall")));
    assert!(first.headers["user-agent"].starts_with("flotilla/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_gets_everything_later_in_order_and_delays_no_other() {
    let failing =
        Receiver::plain(|number| if number < 3 { Answer::Say(503, "later") } else { ok(number) }).await;
    let hanging = Receiver::plain(|_| Answer::Hang).await;
    let well = Receiver::plain(ok).await;
    let all = [
        sink("failing", &failing, "on: [done]"),
        sink("hanging", &hanging, "on: [done]"),
        sink("well", &well, "on: [done]"),
    ];
    let hub = Hub::start(&sinks(&all)).await;
    for number in 1..=3 {
        hub.tell(vec![done(number, number.try_into().unwrap())]).await;
    }
    let expect = ["shop-1 is done", "shop-2 is done", "shop-3 is done"];
    assert_eq!(texts(&well.takes(3).await), expect);
    assert_eq!(failing.taken().len(), 0, "it still fails");
    assert_eq!(texts(&failing.takes(3).await), expect);
    let tried = failing.all();
    let ids: Vec<&String> = tried.iter().take(4).map(|got| &got.headers["x-flotilla-id"]).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "the same message has the same id: {ids:?}");
    let told = hub.event("NotificationFailing").await;
    assert!(
        told.contains("failing do not arrive") && told.contains("503") && told.contains("later"),
        "{told}"
    );
    let list = hub.handle.list().await.unwrap();
    let state = |name: &str| {
        list["items"].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap().clone()
    };
    assert!(state("well")["lastSent"].is_string() && state("well")["problem"].is_null(), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_killed_in_the_middle_loses_nothing() {
    let receiver = Receiver::plain(|number| if number == 1 { Answer::Hang } else { ok(number) }).await;
    let hub = Hub::start(&sinks(&[sink("oncall", &receiver, "on: [done, clusterLost]")])).await;
    // One batch of three messages: the hub dies while it sends the second.
    hub.tell(vec![done(1, 1), lost(2, "eu-1"), lost(2, "eu-2"), done(3, 2)]).await;
    receiver.asked(2).await;
    let records = hub.killed().await;
    // What is written while no hub sends is told by the next.
    records.tell(vec![done(4, 3)]).await.unwrap();
    let hub = Hub::on(records);
    let taken = receiver.takes(4).await;
    let mut lines = texts(&taken);
    lines.sort();
    assert_eq!(lines, ["eu-1 is lost\neu-2 is lost", "shop-1 is done", "shop-2 is done", "shop-3 is done"]);
    assert_eq!(texts(&taken)[3], "shop-3 is done");
    let all = receiver.all();
    let repeated =
        all.iter().filter(|got| got.headers["x-flotilla-id"] == all[1].headers["x-flotilla-id"]).count();
    assert_eq!((all.len(), repeated), (5, 2), "only what was under way is sent again");
    drop(hub);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_that_is_lost_is_one_message() {
    let receiver = Receiver::plain(ok).await;
    let one = format!(
        "- {{name: oncall, url: '{}', group: 2s, type: slack, on: [clusterLost, done]}}\n",
        receiver.url("/")
    );
    let hub = Hub::start(&sinks(&[one])).await;
    for part in 0..5 {
        hub.tell((0..100).map(|number| lost(number, &format!("c{part}-{number}"))).collect()).await;
    }
    hub.tell(vec![done(1, 1)]).await;
    let taken = receiver.takes(2).await;
    assert_eq!(taken[0]["text"], "500 clusters lost");
    assert!(taken[0]["blocks"][1]["text"]["text"].as_str().unwrap().ends_with("and 490 more"));
    assert_eq!(taken[1]["text"], "shop-1 is done");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_or_too_old_is_given_up_and_said_and_the_next_arrives() {
    let refusing =
        Receiver::plain(|number| if number == 0 { Answer::Say(400, "invalid_payload") } else { ok(number) })
            .await;
    let dead = Receiver::plain(|number| if number < 2 { Answer::Say(500, "") } else { ok(number) }).await;
    let all = [sink("refusing", &refusing, "on: [done]"), sink("dead", &dead, "on: [done], retryFor: 500ms")];
    let hub = Hub::start(&sinks(&all)).await;
    hub.tell(vec![done(1, 1)]).await;
    hub.tell(vec![done(2, 2)]).await;
    assert_eq!(texts(&refusing.takes(1).await), ["shop-2 is done"]);
    assert_eq!(texts(&dead.takes(1).await), ["shop-2 is done"]);
    let said = hub.event("NotificationLost").await;
    assert!(said.contains("was given up") && said.contains("shop-1 is done"), "{said}");
    let lost = hub.history(What::NotificationLost).await;
    let lost: Vec<&str> = lost.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(lost.len(), 2, "{lost:?}");
    assert!(lost.iter().any(|text| text.contains("400") && text.contains("invalid_payload")), "{lost:?}");
    let labels = crate::metrics::Labels::of("refusing");
    assert_eq!(hub.metrics.given_up.get_or_create(&labels).get(), 1);
    assert_eq!(hub.metrics.sent.get_or_create(&labels).get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declined_keeps_what_comes_later_back_for_four_tries_only() {
    let receiver =
        Receiver::plain(|number| if number < 4 { Answer::Say(404, "no_service") } else { ok(number) }).await;
    let hub = Hub::start(&sinks(&[sink("oncall", &receiver, "on: [done]")])).await;
    hub.tell(vec![done(1, 1)]).await;
    hub.tell(vec![done(2, 2)]).await;
    assert_eq!(texts(&receiver.takes(1).await), ["shop-2 is done"]);
    let all = receiver.all();
    assert_eq!(all.iter().map(|got| got.status).collect::<Vec<_>>(), [404, 404, 404, 404, 200]);
    let lost = hub.history(What::NotificationLost).await;
    let lost: Vec<&str> = lost.iter().map(|entry| entry.text.as_str()).collect();
    assert_eq!(
        lost,
        [
            "a notification (done) to oncall was given up: it answers 404 Not Found: no_service; it said: shop-1 is done"
        ]
    );
    assert_eq!(hub.event("NotificationLost").await, lost[0]);
    assert!(hub.event("NotificationFailing").await.contains("404 Not Found"));
    let labels = crate::metrics::Labels::of("oncall");
    assert_eq!(hub.metrics.given_up.get_or_create(&labels).get(), 1);
    assert_eq!(hub.metrics.failed.get_or_create(&labels).get(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_worth_another_try_follows_from_the_answer() {
    let answers = [
        (200, "sent"),
        (204, "sent"),
        (302, "declined"),
        (400, "refused"),
        (401, "declined"),
        (403, "declined"),
        (404, "declined"),
        (408, "failed"),
        (410, "declined"),
        (413, "refused"),
        (422, "refused"),
        (425, "failed"),
        (429, "failed"),
        (500, "failed"),
        (503, "failed"),
    ];
    let receiver = Receiver::plain(move |number| Answer::Say(answers[number].0, "")).await;
    let hub = Hub::start(&sinks(&[sink("oncall", &receiver, "on: [done]")])).await;
    let stored = hub.records.get(Kind::ConfigMap, "argocd", "flotilla-cm").await.unwrap().unwrap();
    let sink = shared_notify::Config::read(&stored.value, at(0)).sinks.remove(0);
    let message = shared_notify::example(&sink, shared_notify::Event::Done, at(0));
    let mut sender = Sender::default();
    for (status, expect) in answers {
        let outcome = match sender.send(&hub.records, &sink, &message, Vec::new()).await {
            Outcome::Sent(_) => "sent",
            Outcome::Failed { .. } => "failed",
            Outcome::Declined(_) => "declined",
            Outcome::Refused(_) => "refused",
        };
        assert_eq!(outcome, expect, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_read_when_they_are_needed_and_are_in_no_text() {
    let receiver =
        Receiver::tls(
            |number| if number == 0 { Answer::Say(403, "no such token: s3cr3t-t0ken") } else { ok(number) },
        )
        .await;
    let config = "sinks:\n- {name: oncall, urlFrom: {secret: hooks, key: url}, caFrom: {secret: hooks, key: ca}, group: 0s, on: [done], headers: [{name: Authorization, valueFrom: {secret: hooks, key: token}}]}\n";
    let hub = Hub::start(config).await;
    hub.tell(vec![done(1, 1)]).await;
    let problem = async || {
        let list = hub.handle.list().await.unwrap();
        list["items"][0]["problem"].as_str().unwrap_or_default().to_owned()
    };
    while problem().await.is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        problem().await,
        "urlFrom: there is no Secret hooks in namespace argocd; create it with the key url"
    );
    let data = json!({"url": receiver.url("/s3cr3t-path?s3cr3t-query"), "ca": receiver.authority, "token": "Bearer s3cr3t-t0ken"});
    let object = json!({"metadata": {"name": "hooks", "namespace": "argocd"}, "data": encoded(&data)});
    hub.records.create(Kind::Secret, object, shared_runtime::now()).await.unwrap();
    assert_eq!(texts(&receiver.takes(1).await), ["shop-1 is done"]);
    let got = receiver.all();
    assert_eq!(
        (got[1].path.as_str(), got[1].headers["authorization"].as_str()),
        ("/s3cr3t-path?s3cr3t-query", "Bearer s3cr3t-t0ken")
    );
    // An address that does not answer is in no error either.
    let secret = hub.records.get(Kind::Secret, "argocd", "hooks").await.unwrap().unwrap();
    let mut moved = secret.value.clone();
    moved["data"]["url"] = encoded(&json!({"url": "https://127.0.0.1:1/s3cr3t-path"}))["url"].clone();
    hub.records.replace(Kind::Secret, &secret, moved).await.unwrap();
    hub.tell(vec![done(2, 2)]).await;
    let told = hub.event("NotificationFailing").await;
    let list = hub.handle.list().await.unwrap();
    let (events, _) = hub.records.list(Kind::Event, None).await.unwrap();
    let all = format!("{told}{list}{events:?}{:?}", hub.history(What::NotificationLost).await);
    assert!(!all.contains("s3cr3t"), "{all}");
}

fn encoded(data: &Value) -> Value {
    use base64::Engine as _;
    let fields = data.as_object().unwrap().iter();
    let fields = fields.map(|(name, value)| {
        (name.clone(), json!(base64::engine::general_purpose::STANDARD.encode(value.as_str().unwrap())))
    });
    Value::Object(fields.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_change_while_it_runs_and_wrong_ones_leave_what_was() {
    let (first, second) = (Receiver::plain(ok).await, Receiver::plain(ok).await);
    let hub = Hub::start(&sinks(&[sink("a", &first, "on: [done]")])).await;
    write(&hub.records, "sinks: [{name: a}]").await;
    let said = hub.event("NotificationsInvalid").await;
    assert!(said.contains("sinks[0]: url or urlFrom is required"), "{said}");
    hub.tell(vec![done(1, 1)]).await;
    assert_eq!(texts(&first.takes(1).await), ["shop-1 is done"], "what was configured before is in force");
    write(&hub.records, &sinks(&[sink("a", &first, "on: [done]"), sink("b", &second, "on: [done]")])).await;
    hub.ready(2).await;
    hub.tell(vec![done(2, 2)]).await;
    assert_eq!(texts(&second.takes(1).await), ["shop-2 is done"], "a new sink does not get the past");
    assert_eq!(texts(&first.takes(2).await).len(), 2);
    write(&hub.records, &sinks(&[sink("b", &second, "on: [done]")])).await;
    hub.ready(1).await;
    hub.tell(vec![done(3, 3)]).await;
    assert_eq!(texts(&second.takes(2).await), ["shop-2 is done", "shop-3 is done"]);
    write(&hub.records, &sinks(&[sink("a", &first, "on: [done]"), sink("b", &second, "on: [done]")])).await;
    hub.ready(2).await;
    hub.tell(vec![done(4, 4)]).await;
    let taken = texts(&first.takes(3).await);
    assert_eq!(taken, ["shop-1 is done", "shop-2 is done", "shop-4 is done"], "one that comes back is new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_is_disturbed_by_its_own_settings_only() {
    let slow = Receiver::plain(|number| if number == 0 { Answer::Hang } else { ok(number) }).await;
    let other = Receiver::plain(ok).await;
    let hub = Hub::start(&sinks(&[sink("slow", &slow, "on: [done]")])).await;
    hub.tell(vec![done(1, 1)]).await;
    slow.asked(1).await;
    write(&hub.records, &sinks(&[sink("slow", &slow, "on: [done]"), sink("other", &other, "on: [done]")]))
        .await;
    hub.ready(2).await;
    hub.tell(vec![done(2, 2)]).await;
    assert_eq!(texts(&other.takes(1).await), ["shop-2 is done"]);
    assert_eq!(slow.all().len(), 1, "what is under way is not sent again because of another sink");
    // Its own settings change: what was under way is sent by them, and nothing is left out.
    write(
        &hub.records,
        &sinks(&[sink("slow", &slow, "on: [done], timeout: 9s"), sink("other", &other, "on: [done]")]),
    )
    .await;
    assert_eq!(texts(&slow.takes(2).await), ["shop-1 is done", "shop-2 is done"]);
    let all = slow.all();
    assert_eq!(all[0].headers["x-flotilla-id"], all[1].headers["x-flotilla-id"]);
    assert_eq!((all.len(), other.all().len()), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_hub_left_of_sinks_that_are_taken_away_is_forgotten() {
    let receiver = Receiver::plain(ok).await;
    let hub = Hub::start(&sinks(&[sink("a", &receiver, "on: [done]")])).await;
    let records = hub.killed().await;
    write(&records, "sinks: []").await;
    let hub = Hub::on(records);
    hub.ready(0).await;
    hub.tell(vec![done(1, 1)]).await;
    write(&hub.records, &sinks(&[sink("a", &receiver, "on: [done]")])).await;
    hub.ready(1).await;
    hub.tell(vec![done(2, 2)]).await;
    assert_eq!(texts(&receiver.takes(1).await), ["shop-2 is done"], "one that comes back is new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_can_be_tried_before_it_is_needed() {
    let receiver =
        Receiver::plain(|number| if number == 0 { ok(number) } else { Answer::Say(302, "") }).await;
    let hub = Hub::start(&sinks(&[sink(
        "oncall",
        &receiver,
        "on: [halted], type: slack, template: '{{ .rollout }}!'",
    )]))
    .await;
    let tried = hub.handle.test("oncall", None, false).await.unwrap();
    assert_eq!((&tried["sent"], &tried["body"]["text"]), (&json!(false), &json!("shop-2!")));
    assert!(receiver.all().is_empty());
    let sent = hub.handle.test("oncall", Some(shared_notify::Event::Halted), true).await.unwrap();
    assert_eq!((&sent["sent"], &sent["status"]), (&json!(true), &json!(200)));
    assert_eq!(receiver.taken()[0]["text"], "shop-2!");
    let moved = hub.handle.test("oncall", None, true).await.unwrap_err();
    assert!(moved.contains("302") && moved.contains("redirects are not followed"), "{moved}");
    let unknown = hub.handle.test("nobody", None, false).await.unwrap_err();
    assert_eq!(unknown, "there is no sink `nobody`; there are oncall");
}

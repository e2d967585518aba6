//! What a session says, as lines that read.

use super::*;
use hub_records::AdoptionState;
use shared_model::{Digest, Meta};
use shared_rollout::Order;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn app(name: &str) -> AppKey {
    AppKey::new("argocd", name)
}

fn at(generation: u64) -> Position {
    Position { incarnation: 1, generation }
}

fn release(text: &str) -> ReleaseId {
    ReleaseId(Digest::of(text.as_bytes()))
}

fn run(generation: u64, text: &str) -> Assigned {
    let order = Order::Run { release: release(text), rollout: RolloutName::new("r"), at: NOW };
    Assigned { position: at(generation), order, proof: None, adopted: None }
}

fn remove(generation: u64) -> Assigned {
    Assigned {
        position: at(generation),
        order: Order::Remove { cascade: true, at: NOW },
        proof: None,
        adopted: None,
    }
}

fn held(name: &str, generation: u64, text: &str) -> v1::Held {
    v1::Held {
        application: Some(proto::application_to_wire(&app(name))),
        position: Some(proto::position_to_wire(at(generation))),
        release: if text.is_empty() { String::new() } else { release(text).to_string() },
    }
}

fn cluster(pause: Option<PauseRequest>, mode: Mode) -> Cluster {
    let metadata = Meta { name: "eu-1".into(), ..Meta::default() };
    let (api_version, kind) = (String::new(), String::new());
    Cluster {
        api_version,
        kind,
        metadata,
        spec: shared_model::ClusterSpec { pause, mode, ..Default::default() },
    }
}

fn pause(seconds: u64) -> PauseRequest {
    let duration = Some(std::time::Duration::from_secs(seconds));
    PauseRequest { reason: "INC-7".into(), by: "ada".into(), duration, at: Some(NOW) }
}

/// What it asks for, a word or two for each action.
fn told(session: &mut Session) -> Vec<String> {
    use v1::hub_message::Message;
    let mut lines = Vec::new();
    while let Some(action) = session.poll_action() {
        lines.push(match action {
            Action::Assign { application, position, .. } => format!("assign {} {position}", application.name),
            Action::Send(Message::Welcome(_)) => "welcome".to_owned(),
            Action::Send(Message::InSync(_)) => "in sync".to_owned(),
            Action::Send(Message::Remove(remove)) => {
                let position = proto::position_from_wire(remove.position);
                format!("remove {} {position} cascade={}", remove.application.unwrap().name, remove.cascade)
            }
            Action::Send(Message::Pause(pause)) if pause.id.is_empty() => "lift the pause".to_owned(),
            Action::Send(Message::Pause(pause)) => format!("pause {} {}ms", pause.reason, pause.remaining_ms),
            Action::Send(Message::PauseApplication(asked)) => {
                let (name, pause) = (asked.application.unwrap().name, asked.pause.unwrap());
                if pause.id.is_empty() {
                    format!("lift the pause of {name}")
                } else {
                    format!("pause {name} {} {}ms", pause.reason, pause.remaining_ms)
                }
            }
            Action::Send(Message::Mode(mode)) => format!("mode {mode}"),
            Action::Send(Message::Refused(refused)) => format!("refused {}", refused.reason),
            Action::Send(Message::Command(command)) => format!("ask {}", command.id),
            Action::Spans(spans) => format!("spans {}", spans.spans.len()),
            Action::Send(other) => format!("{other:?}"),
            Action::Hold(hold) => format!("hold {hold:?}"),
            Action::Differs(behind) => {
                let names = behind.applications.iter().map(|(app, held, told)| {
                    let told = told.map_or("nothing".to_owned(), |told| told.position.to_string());
                    format!("{} {} against {told}", app.name, held.position)
                });
                let pause = if behind.unknown_pause { ", an unknown pause" } else { "" };
                format!("differs: {}{pause}", names.collect::<Vec<_>>().join(", "))
            }
            Action::Look(app, of) => {
                let of = ["a", "b", "e"].into_iter().find(|text| release(text) == of).unwrap_or("spec");
                format!("look {} {of}", app.name)
            }
            Action::Keep(spec) => format!("keep {}", spec.application.name),
            Action::Want(_, bytes) => format!("want {bytes}"),
            Action::Adopt(record) => match record.state {
                AdoptionState::Told(truths) => {
                    let truths = truths.iter().map(|truth| {
                        let what = truth.release.map_or("removed", |_| "runs");
                        format!("{} {} {what}", truth.application.name, truth.position)
                    });
                    format!("adopt {}", truths.collect::<Vec<_>>().join(", "))
                }
                AdoptionState::Done { .. } => "done?".to_owned(),
            },
            Action::Compared(id, answer) => format!("{id} {answer:?}"),
            Action::Stuck(problem) => format!("stuck: {problem}"),
            Action::Paused { acknowledged, local, applications } => {
                let applications: Vec<&str> = applications.keys().map(|app| app.name.as_str()).collect();
                let alone = if applications.is_empty() { "" } else { " applications=" };
                let (acknowledged, local) = (!acknowledged.is_empty(), local.is_some());
                format!("paused acknowledged={acknowledged} local={local}{alone}{}", applications.join(","))
            }
            Action::Observe(observations) => format!("observe {}", observations.len()),
            Action::Arrived => "arrived".to_owned(),
            Action::Facts(facts) => format!("facts {}", facts.kubernetes_version),
            Action::Events(events, dropped) => format!("events {} dropped={dropped}", events.len()),
            Action::End(reason) => format!("end: {reason}"),
        });
    }
    lines
}

/// A session of an agent that holds `held`, against a store that says `assigned`.
fn session(held: Vec<v1::Held>, assigned: &[(&str, Assigned)]) -> Session {
    let hello = v1::Hello { held, ..v1::Hello::default() };
    let assigned = assigned.iter().map(|(name, assigned)| (app(name), assigned.clone())).collect();
    Session::new(&cluster(None, Mode::Enforce), hello, assigned, Standing::default(), NOW).unwrap()
}

/// What is said between the usual beginning and end of the opening.
fn check(held: Vec<v1::Held>, assigned: &[(&str, Assigned)], expect: &[&str]) {
    let mut lines = told(&mut session(held, assigned));
    lines.retain(|line| {
        !["welcome", "in sync", "arrived", "paused acknowledged=false local=false", "hold None"]
            .contains(&line.as_str())
    });
    assert_eq!(lines, expect);
}

#[test]
fn an_opening_says_everything_in_order() {
    let mut session = session(Vec::new(), &[("web", run(1, "a"))]);
    assert_eq!(
        told(&mut session),
        [
            "welcome",
            "paused acknowledged=false local=false",
            "hold None",
            "assign web 1.1",
            "in sync",
            "arrived"
        ]
    );
}

#[test]
fn only_what_differs_is_sent() {
    check(vec![held("web", 1, "a")], &[("web", run(1, "a"))], &[]);
    check(vec![held("web", 1, "a")], &[("web", run(2, "b"))], &["assign web 1.2"]);
    check(
        vec![held("web", 1, "a"), held("api", 3, "a")],
        &[("web", run(1, "a")), ("api", run(3, "a")), ("new", run(1, "a"))],
        &["assign new 1.1"],
    );
    check(vec![held("web", 1, "a")], &[("web", remove(2))], &["remove web 1.2 cascade=true"]);
    check(vec![held("web", 2, "")], &[("web", remove(2))], &[]);
    // A removal that is done, forgotten by the store since.
    check(vec![held("web", 2, "")], &[], &[]);
}

#[test]
fn an_agent_ahead_of_the_store_is_told_nothing() {
    let behind = "hold Some(HubBehindAgent)";
    let web = |told: &str| format!("differs: web 1.5 against {told}");
    check(vec![held("web", 5, "e")], &[("web", run(4, "d")), ("api", run(1, "a"))], &[behind, &web("1.4")]);
    check(vec![held("web", 5, "e")], &[], &[behind, &web("nothing")]);
    // Removed by a hub that this one does not remember.
    check(vec![held("web", 5, "")], &[("web", run(4, "d"))], &[behind, &web("1.4")]);
    // Another order at the same position.
    check(vec![held("web", 5, "e")], &[("web", run(5, "f"))], &[behind, &web("1.5")]);
    check(vec![held("web", 5, "e")], &[("web", remove(5))], &[behind, &web("1.5")]);
    check(vec![held("web", 5, "")], &[("web", run(5, "e"))], &[behind, &web("1.5")]);
    check(vec![held("web", 5, "e")], &[("web", run(5, "e"))], &[]);
    let mut session = session(vec![held("web", 5, "e")], &[("web", run(4, "d"))]);
    told(&mut session);
    session.handle(Input::Assigned(app("web"), run(6, "f")), NOW);
    assert_eq!(told(&mut session), Vec::<String>::new());
}

#[test]
fn changes_are_sent_once_and_never_backwards() {
    let mut session = session(Vec::new(), &[("web", run(2, "b"))]);
    told(&mut session);
    for (assigned, expect) in [
        (run(3, "c"), vec!["assign web 1.3"]),
        (run(3, "c"), vec![]),
        (run(2, "b"), vec![]),
        (remove(4), vec!["remove web 1.4 cascade=true"]),
    ] {
        session.handle(Input::Assigned(app("web"), assigned), NOW);
        assert_eq!(told(&mut session), expect);
    }
}

#[test]
fn a_pause_goes_before_assignments_and_its_end_after() {
    let paused = cluster(Some(pause(60)), Mode::Enforce);
    let assigned = BTreeMap::from([(app("web"), run(1, "a"))]);
    let mut session =
        Session::new(&paused, v1::Hello::default(), assigned, Standing::default(), NOW).unwrap();
    assert_eq!(
        told(&mut session)[2..],
        ["pause INC-7 60000ms", "hold None", "assign web 1.1", "in sync", "arrived"]
    );
    // Nothing new, then another length, then no pause.
    session.handle(Input::Cluster(Some(Arc::new(paused))), NOW);
    assert_eq!(told(&mut session), Vec::<String>::new());
    session.handle(Input::Cluster(Some(Arc::new(cluster(Some(pause(90)), Mode::Enforce)))), NOW);
    assert_eq!(told(&mut session), ["pause INC-7 90000ms"]);
    session.handle(Input::Cluster(Some(Arc::new(cluster(None, Mode::Observe)))), NOW);
    assert_eq!(told(&mut session), ["lift the pause", "mode 1"]);
}

#[test]
fn a_pause_that_is_obeyed_is_not_sent_again_and_one_that_ended_is_lifted() {
    let hello = || v1::Hello {
        pause: Some(v1::PauseState { acknowledged: pause_id(&pause(60)), ..Default::default() }),
        ..v1::Hello::default()
    };
    let paused = cluster(Some(pause(60)), Mode::Enforce);
    let mut session = Session::new(&paused, hello(), BTreeMap::new(), Standing::default(), NOW).unwrap();
    let lines = told(&mut session);
    assert!(lines.contains(&"paused acknowledged=true local=false".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("pause ")), "{lines:?}");
    let later = Timestamp::from_second(61).unwrap();
    let mut session = Session::new(&paused, hello(), BTreeMap::new(), Standing::default(), later).unwrap();
    assert!(told(&mut session).contains(&"lift the pause".to_owned()));
}

#[test]
fn the_first_report_is_what_the_agent_saw_while_away() {
    use v1::agent_message::Message;
    let mut session = session(vec![held("web", 1, "a")], &[("web", run(1, "a"))]);
    assert!(!told(&mut session).contains(&"arrived".to_owned()));
    let report = || {
        Input::Message(Message::Observations(v1::Observations {
            observations: vec![v1::Observation::default()],
        }))
    };
    session.handle(report(), NOW);
    assert_eq!(told(&mut session), ["observe 1", "arrived"]);
    session.handle(report(), NOW);
    assert_eq!(told(&mut session), ["observe 1"]);
}

#[test]
fn sessions_end_with_a_reason() {
    for (input, expect) in [
        (
            Input::Cluster(None),
            vec![
                "refused Revoked",
                "end: Revoked: the Cluster eu-1 was deleted on the hub; what runs there stays; \
                 `flotilla cluster token --name eu-1` lets it join again",
            ],
        ),
        (Input::Refused("Revoked", "by ada".into()), vec!["refused Revoked", "end: Revoked: by ada"]),
        (Input::Cut("slow".into()), vec!["end: slow"]),
        (
            Input::Message(v1::agent_message::Message::Hello(v1::Hello::default())),
            vec!["refused Protocol", "end: Protocol: hello is sent once, first"],
        ),
    ] {
        let mut session = session(Vec::new(), &[]);
        told(&mut session);
        session.handle(input, NOW);
        assert_eq!(told(&mut session), expect);
    }
}

#[test]
fn a_hello_that_breaks_the_protocol_is_refused() {
    let bad = v1::Held { release: "sha256:short".into(), ..held("web", 1, "a") };
    let hello = v1::Hello { held: vec![bad], ..v1::Hello::default() };
    let error = Session::new(&cluster(None, Mode::Enforce), hello, BTreeMap::new(), Standing::default(), NOW)
        .unwrap_err();
    assert!(error.to_string().starts_with("malformed Hello: release"), "{error}");
}

fn adopting(request: &str, at: i64) -> Cluster {
    let mut object = cluster(None, Mode::Observe);
    let at = Some(Timestamp::from_second(at).unwrap());
    object.spec.adopt = Some(shared_model::AdoptRequest { request: request.into(), by: "ada".into(), at });
    object
}

fn spec(name: &str) -> ReleaseSpec {
    serde_json::from_value(serde_json::json!({
        "application": format!("argocd/{name}"), "bundle": Digest::of(b"bundle"), "bundleBytes": 6,
    }))
    .unwrap()
}

fn restored(at: i64, answered: &str) -> Standing {
    Standing {
        restored: Some(Timestamp::from_second(at).unwrap()),
        answered: answered.into(),
        ..Standing::default()
    }
}

#[test]
fn on_a_restored_store_nothing_is_said_that_makes_an_agent_act() {
    let assigned = BTreeMap::from([(app("web"), run(1, "a")), (app("new"), run(1, "a"))]);
    let hello = v1::Hello {
        held: vec![held("web", 1, "a")],
        pause: Some(v1::PauseState { acknowledged: "since".into(), ..Default::default() }),
        ..v1::Hello::default()
    };
    let mut session =
        Session::new(&cluster(None, Mode::Observe), hello, assigned, restored(5, ""), NOW).unwrap();
    let quiet = [
        "welcome",
        "paused acknowledged=true local=false",
        "hold Some(HubRestored)",
        "differs: , an unknown pause",
    ];
    assert_eq!(told(&mut session), quiet);
    session.handle(Input::Cluster(Some(Arc::new(cluster(None, Mode::Enforce)))), NOW);
    session.handle(Input::Assigned(app("web"), run(2, "b")), NOW);
    assert_eq!(told(&mut session), Vec::<String>::new());
    // A pause stops an agent that obeys none, and that is always right.
    let hello = v1::Hello { held: vec![held("web", 1, "a")], ..v1::Hello::default() };
    let paused = cluster(Some(pause(60)), Mode::Enforce);
    let mut session = Session::new(&paused, hello, BTreeMap::new(), restored(5, ""), NOW).unwrap();
    assert!(told(&mut session).contains(&"pause INC-7 60000ms".to_owned()));
}

#[test]
fn an_old_or_answered_request_adopts_nothing() {
    let opened = |cluster: &Cluster, standing: Standing| {
        let mut session =
            Session::new(cluster, v1::Hello::default(), BTreeMap::new(), standing, NOW).unwrap();
        told(&mut session).into_iter().filter(|line| line.starts_with("adopt")).collect::<Vec<_>>()
    };
    assert_eq!(opened(&adopting("r1", 9), restored(5, "")), ["adopt "]);
    assert_eq!(opened(&adopting("r1", 9), restored(5, "r0")), ["adopt "]);
    assert!(opened(&adopting("r1", 9), restored(5, "r1")).is_empty());
    assert!(opened(&adopting("r1", 4), restored(5, "")).is_empty());
    assert!(opened(&adopting("", 9), restored(5, "")).is_empty());
    // Nothing is held: it is answered, and does not lie in wait.
    assert_eq!(opened(&adopting("r1", 9), Standing::default()), ["adopt "]);
}

#[test]
fn what_the_store_lost_is_asked_for_before_the_agents_word_is_handed_on() {
    let spec = spec("web");
    let of = |name: &str, generation, release: String| v1::Held { release, ..held(name, generation, "") };
    let held = vec![of("web", 7, spec.id().to_string()), of("old", 4, String::new())];
    let mut session = session(held, &[("web", run(5, "a")), ("old", run(3, "a"))]);
    assert_eq!(told(&mut session).pop().unwrap(), "differs: old 1.4 against 1.3, web 1.7 against 1.5");
    session.handle(Input::Cluster(Some(Arc::new(adopting("r1", 0)))), NOW);
    assert_eq!(told(&mut session), ["look web spec"]);
    session.handle(Input::Looked(app("web"), None), NOW);
    assert_eq!(told(&mut session), ["ask describe/argocd/web"]);
    let describe = |session: &mut Session, spec: &ReleaseSpec| {
        let holding = v1::Holding {
            application: Some(proto::application_to_wire(&app("web"))),
            spec: serde_json::to_vec(spec).unwrap().into(),
            ..v1::Holding::default()
        };
        session.handle(Input::Message(v1::agent_message::Message::Holding(holding)), NOW);
    };
    // Something else than its hello named is not taken.
    describe(&mut session, &ReleaseSpec { bundle_bytes: 7, ..spec.clone() });
    assert_eq!(
        told(&mut session),
        ["stuck: what the agent describes of argocd/web is not the release that its hello named"]
    );
    describe(&mut session, &spec);
    assert_eq!(told(&mut session), ["keep web", "look web spec"]);
    let known = Known { bundle: spec.bundle, bytes: 6, upload: true };
    session.handle(Input::Looked(app("web"), Some(known)), NOW);
    assert_eq!(told(&mut session), ["want 6", "ask give/argocd/web"]);
    session.handle(Input::Given(Digest::of(b"another")), NOW);
    assert_eq!(told(&mut session), Vec::<String>::new());
    session.handle(Input::Given(spec.bundle), NOW);
    assert_eq!(told(&mut session), ["adopt old 1.4 removed, web 1.7 runs"]);
    // Once.
    session.handle(Input::Cluster(Some(Arc::new(adopting("r1", 0)))), NOW);
    assert_eq!(told(&mut session), Vec::<String>::new());
}

#[test]
fn an_agent_that_cannot_tell_says_so_to_a_person() {
    let mut session = session(vec![held("web", 7, "e")], &[("web", run(5, "a"))]);
    session.handle(Input::Cluster(Some(Arc::new(adopting("r1", 0)))), NOW);
    session.handle(Input::Looked(app("web"), None), NOW);
    told(&mut session);
    let result = v1::CommandResult { id: "describe/argocd/web".into(), error: "older than the hub".into() };
    session.handle(Input::Message(v1::agent_message::Message::Result(result)), NOW);
    assert_eq!(
        told(&mut session),
        ["stuck: the agent cannot tell what it holds of argocd/web: older than the hub"]
    );
}

/// A session of an agent that obeys `obeyed` and holds web 1.1 and api 1.1, against a store that pauses `asked`.
fn with_pauses(obeyed: &[(&str, &str)], asked: &[(&str, u64)], standing: Standing) -> Session {
    let applications = obeyed.iter().map(|(name, id)| v1::PausedApplication {
        application: Some(proto::application_to_wire(&app(name))),
        acknowledged: (*id).to_owned(),
    });
    let pause = Some(v1::PauseState { applications: applications.collect(), ..Default::default() });
    let held = vec![held("web", 1, "a"), held("api", 1, "a")];
    let assigned = ["web", "api"].map(|name| (app(name), run(1, "a"))).into();
    let paused = asked.iter().map(|(name, seconds)| (app(name), self::pause(*seconds))).collect();
    let hello = v1::Hello { held, pause, ..v1::Hello::default() };
    Session::new(&cluster(None, Mode::Enforce), hello, assigned, Standing { paused, ..standing }, NOW)
        .unwrap()
}

#[test]
fn pauses_of_applications_are_told_before_orders_and_lifted_after_them() {
    let known = pause_id(&pause(60));
    let check = |obeyed: &[(&str, &str)], asked: &[(&str, u64)], expect: &[&str]| {
        let mut lines = told(&mut with_pauses(obeyed, asked, Standing::default()));
        lines.retain(|line| line.contains("pause ") && !line.starts_with("paused"));
        assert_eq!(lines, expect);
    };
    check(&[], &[], &[]);
    check(&[], &[("web", 60)], &["pause web INC-7 60000ms"]);
    check(&[("web", &known)], &[("web", 60)], &[]);
    check(&[("web", &known)], &[("web", 90)], &["pause web INC-7 90000ms"]);
    check(&[("web", &known), ("api", &known)], &[("api", 60)], &["lift the pause of web"]);
    // One that is over is not told.
    check(&[], &[("web", 0)], &[]);
    check(&[("web", &known)], &[("web", 0)], &["lift the pause of web"]);
    let mut session = with_pauses(&[("web", &known)], &[("api", 60)], Standing::default());
    session.handle(Input::Assigned(app("new"), run(1, "a")), NOW);
    assert_eq!(
        told(&mut session),
        [
            "welcome",
            "paused acknowledged=false local=false applications=web",
            "pause api INC-7 60000ms",
            "hold None",
            "lift the pause of web",
            "in sync",
            "assign new 1.1",
        ]
    );
}

#[test]
fn a_pause_of_an_application_is_told_when_it_changes() {
    let mut session = with_pauses(&[], &[], Standing::default());
    told(&mut session);
    for (asked, expect) in [
        (Some(pause(60)), vec!["pause web INC-7 60000ms"]),
        (Some(pause(60)), vec![]),
        (Some(pause(90)), vec!["pause web INC-7 90000ms"]),
        (None, vec!["lift the pause of web"]),
        (None, vec![]),
    ] {
        session.handle(Input::Paused(app("web"), asked), NOW);
        assert_eq!(told(&mut session), expect);
    }
    let said = v1::PausedApplication {
        application: Some(proto::application_to_wire(&app("web"))),
        acknowledged: "p".into(),
    };
    let state = v1::PauseState { applications: vec![said], ..Default::default() };
    session.handle(Input::Message(v1::agent_message::Message::Pause(state)), NOW);
    assert_eq!(told(&mut session), ["paused acknowledged=false local=false applications=web"]);
}

#[test]
fn a_hub_that_forgot_lifts_no_pause_of_an_application() {
    let standing = || Standing { restored: Some(NOW), ..Standing::default() };
    let lines = told(&mut with_pauses(&[("web", "p")], &[("api", 60)], standing()));
    assert!(lines.contains(&"pause api INC-7 60000ms".to_owned()), "{lines:?}");
    assert!(lines.contains(&"differs: , an unknown pause".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("lift")), "{lines:?}");
    let mut session = with_pauses(&[("web", "p")], &[], standing());
    told(&mut session);
    session.handle(Input::Paused(app("web"), None), NOW);
    assert_eq!(told(&mut session), Vec::<String>::new());
}

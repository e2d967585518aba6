//! Pauses of single applications.

use super::*;

fn web() -> AppKey {
    AppKey::new("argocd", "web")
}

fn ask(bench: &mut Bench, application: &AppKey, id: &str, seconds: u64) {
    let pause = v1::Pause {
        id: id.to_owned(),
        reason: "INC-7".into(),
        by: "ann".into(),
        remaining_ms: seconds * 1000,
    };
    bench.tell(Event::Said(Message::PauseApplication(v1::PauseApplication {
        application: Some(proto::application_to_wire(application)),
        pause: Some(pause),
    })));
}

/// What the hub was told last of the pauses that are obeyed.
fn acknowledged(bench: &Bench) -> Vec<String> {
    use v1::agent_message::Message as Said;
    let states = bench.said.iter().rev().filter_map(|message| {
        if let Said::Pause(state) = message {
            return Some(state);
        }
        let Said::Hello(hello) = message else { return None };
        hello.pause.as_ref()
    });
    let last = states.into_iter().next().cloned().unwrap_or_default();
    let named =
        |said: v1::PausedApplication| format!("{} {}", said.application.unwrap().name, said.acknowledged);
    last.applications.into_iter().map(named).collect()
}

/// The events that the hub was told of an application.
fn events(bench: &Bench, application: &AppKey) -> Vec<String> {
    let told = bench.said.iter().filter_map(|message| {
        let v1::agent_message::Message::Events(events) = message else { return None };
        Some(events.events.clone())
    });
    let of = |event: &v1::Event| event.application == Some(proto::application_to_wire(application));
    told.flatten().filter(of).map(|event| format!("{}: {}", event.reason, event.message)).collect()
}

/// Somebody edits `a` by hand, and the watch tells.
fn tamper(bench: &mut Bench, name: &str) {
    let id = bench.live.keys().find(|id| id.name == name).unwrap().clone();
    let object = bench.live.get_mut(&id).unwrap();
    object["data"]["key"] = json!("by hand");
    let object = Arc::new(object.clone());
    bench.tell(Event::Watched(Watched::Changed(id, object)));
}

/// Two applications with an object each.
fn two() -> Bench {
    let mut bench = Bench::new();
    bench.assign(1, "one");
    bench.assign_to(&web(), 1, &[config_map("b", "one")]);
    assert_eq!(bench.runs(), ["one", "one"]);
    bench
}

#[test]
fn a_paused_application_is_left_alone_and_the_others_are_not() {
    let mut bench = two();
    ask(&mut bench, &app(), "p1", 0);
    assert_eq!(acknowledged(&bench), ["orders p1"]);
    tamper(&mut bench, "a");
    tamper(&mut bench, "b");
    bench.pass(60);
    assert_eq!(bench.runs(), ["by hand", "one"]);
    // It is observed, and new orders wait.
    let status = bench.engine.status(bench.now);
    let orders = status.applications.iter().find(|known| known.name == app()).unwrap();
    assert_eq!(orders.sync, shared_model::SyncState::OutOfSync);
    assert_eq!(orders.paused.as_deref(), Some("paused on the hub by ann: INC-7"));
    bench.assign(2, "two");
    assert_eq!(bench.engine.held(&app()), position(2));
    assert_eq!(bench.runs(), ["by hand", "one"]);
    ask(&mut bench, &app(), "", 0);
    assert_eq!(bench.runs(), ["two", "one"]);
    assert_eq!(acknowledged(&bench), Vec::<String>::new());
    assert_eq!(bench.engine.gate().stops(&app()), None);
    let told = events(&bench, &app());
    assert!(told.contains(&"Paused: by ann: INC-7".to_owned()), "{told:?}");
    assert!(told.contains(&"Resumed: the hub lifted its pause of the application".to_owned()), "{told:?}");
}

#[test]
fn a_removal_waits_for_the_pause() {
    for cascade in [true, false] {
        let mut bench = two();
        ask(&mut bench, &app(), "p1", 0);
        bench.tell(Event::Said(Message::Remove(v1::Remove {
            application: Some(proto::application_to_wire(&app())),
            position: Some(proto::position_to_wire(position(2))),
            cascade,
        })));
        bench.pass(60);
        let told = bench.told();
        assert_eq!((told.position, told.removed, bench.deleted.len()), (position(2), false, 0), "{cascade}");
        ask(&mut bench, &app(), "", 0);
        bench.pass(60);
        assert!(bench.told().removed);
        assert_eq!(bench.deleted.len(), usize::from(cascade));
    }
}

#[test]
fn a_pause_ends_by_itself_with_the_hub_gone() {
    let mut bench = two();
    ask(&mut bench, &app(), "p1", 3600);
    bench.tell(Event::Down);
    tamper(&mut bench, "a");
    bench.pass(3599);
    assert_eq!(bench.runs(), ["by hand", "one"]);
    let (due, _) = bench.engine.poll_timeout(bench.now).unwrap();
    assert!(due <= bench.now + jiff::SignedDuration::from_secs(1));
    bench.pass(1);
    assert_eq!(bench.runs(), ["one", "one"]);
    bench.tell(Event::Up);
    bench.tell(Event::Said(Message::Welcome(v1::Welcome::default())));
    bench.pass(1);
    assert_eq!(acknowledged(&bench), Vec::<String>::new());
    let told = events(&bench, &app());
    assert!(told.contains(&"PauseEnded: the time of its pause is over".to_owned()), "{told:?}");
}

#[test]
fn a_pause_and_its_end_outlive_the_process() {
    let memory = Memory::new();
    let mut bench = Bench::on(&memory, Local::default(), BTreeMap::new());
    bench.assign(1, "one");
    ask(&mut bench, &app(), "p1", 3600);
    tamper(&mut bench, "a");
    let live = bench.live.clone();
    drop(bench);
    let mut bench = Bench::on(&memory, Local::default(), live);
    assert_eq!(acknowledged(&bench), ["orders p1"]);
    bench.pass(3599);
    assert_eq!(bench.runs(), ["by hand"]);
    bench.pass(1);
    assert_eq!(bench.runs(), ["one"]);
}

#[test]
fn pauses_of_application_and_cluster_and_pins_stand_side_by_side() {
    let mut bench = two();
    bench.assign(2, "two");
    ask(&mut bench, &app(), "p1", 0);
    let cluster = |bench: &mut Bench, id: &str| {
        let pause = v1::Pause { id: id.to_owned(), ..v1::Pause::default() };
        bench.tell(Event::Said(Message::Pause(pause)));
    };
    cluster(&mut bench, "all");
    // A pin waits for both.
    bench.pin(Some(1));
    assert_eq!(bench.runs(), ["two", "one"]);
    cluster(&mut bench, "");
    assert_eq!(bench.runs(), ["two", "one"]);
    assert_eq!(acknowledged(&bench), ["orders p1"]);
    cluster(&mut bench, "all");
    ask(&mut bench, &app(), "", 0);
    assert_eq!(bench.runs(), ["two", "one"]);
    cluster(&mut bench, "");
    assert_eq!(bench.runs(), ["one", "one"]);
}

#[test]
fn a_pause_is_acknowledged_when_it_is_durable_and_no_write_is_under_way() {
    let mut bench = two();
    let (spec, compressed) = release_of(&app(), &[config_map("a", "two")]);
    bench.hub.insert(spec.bundle, compressed);
    // A write is on its way, and has no answer yet.
    let mut write = None;
    bench.engine.handle(
        Event::Said(Message::Assign(v1::Assign {
            application: Some(proto::application_to_wire(&app())),
            position: Some(proto::position_to_wire(position(2))),
            release: spec.id().to_string(),
            spec: serde_json::to_vec(&spec).unwrap().into(),
            traceparent: String::new(),
        })),
        bench.now,
    );
    while let Some(work) = bench.engine.poll_work() {
        let done = if let Work::Prepare(order) = work {
            bench.prepare(&order)
        } else if let Work::SaveInventory { application, .. } = work {
            Done::Started(application)
        } else if let Work::Request(request) = work {
            if request.write {
                write = Some(request);
                continue;
            }
            let application = request.application.clone();
            bench.engine.handle(Event::Done(Done::Started(application.clone())), bench.now);
            let event = Box::new(bench.ask(request.action, request.forbidden));
            Done::Answered { application, event, write: false }
        } else {
            continue;
        };
        bench.engine.handle(Event::Done(done), bench.now);
    }
    let write = write.expect("the new release is written");
    ask(&mut bench, &app(), "p1", 0);
    assert_eq!(acknowledged(&bench), Vec::<String>::new());
    assert_eq!(bench.engine.gate().stops(&app()), Some("the application is paused"));
    assert_eq!(bench.engine.gate().stops(&web()), None);
    let event = Box::new(write.action.failed(Refusal::Unreachable("not asked".to_owned())));
    bench.tell(Event::Done(Done::Answered { application: app(), event, write: true }));
    assert_eq!(acknowledged(&bench), ["orders p1"]);
    assert_eq!(bench.runs(), ["one", "one"]);
}

#[test]
fn a_pause_that_is_not_durable_holds_and_is_not_acknowledged() {
    let mut bench = two();
    bench.full = true;
    ask(&mut bench, &app(), "p1", 0);
    tamper(&mut bench, "a");
    bench.pass(60);
    assert_eq!((bench.runs(), acknowledged(&bench)), (vec!["by hand", "one"], Vec::new()));
    bench.tell(Event::Done(Done::ControlKept));
    assert_eq!(acknowledged(&bench), ["orders p1"]);
}

#[test]
fn what_is_not_here_is_paused_before_its_first_order() {
    let mut bench = Bench::new();
    ask(&mut bench, &app(), "p1", 0);
    assert_eq!(acknowledged(&bench), ["orders p1"]);
    bench.assign(1, "one");
    assert!(bench.runs().is_empty());
    ask(&mut bench, &app(), "", 0);
    assert_eq!(bench.runs(), ["one"]);
}

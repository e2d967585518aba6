//! The engine alone: a journal in memory, a cluster that obeys, time by hand.

mod pauses;
mod shared;
mod traces;
mod watches;

use super::*;
use crate::journal::{Journal, Memory, Pin, Place};
use proto::v1::hub_message::Message;
use serde_json::{Value, json};
use shared_manifest::{Bundle, Manifest};
use shared_model::{Digest, Observation, ReleaseSpec, SyncPolicy};
use shared_sync::{Action, Failure as Refusal};
use std::sync::Arc;

struct Bench {
    engine: Engine,
    journal: Journal,
    /// Name and data of each ConfigMap.
    live: BTreeMap<ObjectId, Value>,
    /// Bundles that the hub has.
    hub: BTreeMap<Digest, Vec<u8>>,
    linked: bool,
    /// The journal has no room for what the hub asks of the cluster.
    full: bool,
    now: Timestamp,
    prepared: u32,
    said: Vec<v1::agent_message::Message>,
    deleted: Vec<ObjectId>,
    /// Objects that were read because of watches or of the poll.
    read: Vec<ObjectId>,
    /// Such reads are answered when a test says so.
    slow: bool,
    waiting: Vec<Done>,
    /// Spans that went out straight.
    exported: Vec<Span>,
    /// Where what lacks our label is watched.
    places: BTreeSet<WatchedPlace>,
}

fn app() -> AppKey {
    AppKey::new("argocd", "orders")
}

fn known() -> Known {
    Known {
        name: ClusterName::new("eu-1"),
        facts: Facts::default(),
        instance: "i".to_owned(),
        ceiling: Ceiling::default(),
    }
}

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}})
}

fn release(value: &str) -> (ReleaseSpec, Vec<u8>) {
    release_of(&app(), &[config_map("a", value)])
}

fn release_of(application: &AppKey, objects: &[Value]) -> (ReleaseSpec, Vec<u8>) {
    let manifests = objects.iter().map(|object| Manifest::new(object.clone()).unwrap()).collect();
    let bytes = Bundle::new(manifests).0.to_bytes();
    let spec = ReleaseSpec {
        application: application.clone(),
        bundle: Digest::of(&bytes),
        bundle_bytes: bytes.len() as u64,
        namespace: "shop".into(),
        project: String::new(),
        sync_policy: SyncPolicy::default(),
        ignore_differences: Vec::new(),
        self_heal: true,
        prune: true,
        revisions: Vec::new(),
        versions: Vec::new(),
    };
    (spec, zstd::encode_all(&bytes[..], 1).unwrap())
}

impl Bench {
    fn new() -> Self {
        Self::on(&Memory::new(), Local::default(), BTreeMap::new())
    }

    fn on(memory: &Memory, local: Local, live: BTreeMap<ObjectId, Value>) -> Self {
        let journal = Journal::open(&Place::Memory(memory.clone())).unwrap();
        let (apps, damaged) = journal.apps().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let restored = Restored { apps, damaged, control: journal.control(), local };
        let mut bench = Self {
            engine: Engine::new(known(), restored, now),
            journal,
            live,
            hub: BTreeMap::new(),
            linked: true,
            full: false,
            now,
            prepared: 0,
            said: Vec::new(),
            deleted: Vec::new(),
            read: Vec::new(),
            slow: false,
            waiting: Vec::new(),
            exported: Vec::new(),
            places: BTreeSet::new(),
        };
        bench.tell(Event::Up);
        bench.tell(Event::Said(Message::Welcome(v1::Welcome::default())));
        bench
    }

    fn tell(&mut self, event: Event) {
        self.engine.handle(event, self.now);
        self.work();
    }

    fn pass(&mut self, seconds: i64) {
        self.now += jiff::SignedDuration::from_secs(seconds);
        self.tell(Event::Tick);
    }

    /// Does everything that is asked for, at once.
    fn work(&mut self) {
        while let Some(work) = self.engine.poll_work() {
            let done = match work {
                Work::Request(request) => {
                    let application = request.application.clone();
                    self.engine.handle(Event::Done(Done::Started(application.clone())), self.now);
                    let event = Box::new(self.ask(request.action, request.forbidden));
                    Done::Answered { application, event, write: request.write }
                }
                Work::Read { application, id, .. } => {
                    let live = self.live.get(&id).cloned().map(Arc::new);
                    self.read.push(id.clone());
                    let event = Box::new(shared_sync::Event::Live(id.clone(), live));
                    let read = Done::Read { application, id, event };
                    if self.slow {
                        self.waiting.push(read);
                        continue;
                    }
                    read
                }
                Work::Prepare(order) => self.prepare(&order),
                Work::SaveInventory { application, ids } => {
                    self.journal.save_inventory(&application, &ids).unwrap();
                    Done::Started(application)
                }
                Work::Note { application, note } => {
                    match note {
                        Note::Synced(position) => self.journal.save_synced(&application, position).unwrap(),
                        Note::Removal(position, what) => {
                            self.journal.save_order(&application, position, what, None).unwrap();
                        }
                    }
                    continue;
                }
                Work::KeepControl(_) if self.full => continue,
                Work::KeepControl(control) => {
                    self.journal.save_control(&control).unwrap();
                    Done::ControlKept
                }
                Work::Search { .. } => Done::Surveyed(Ok(BTreeMap::new())),
                Work::Watch(_) => continue,
                Work::WatchUnlabelled(places) => {
                    self.places = places;
                    continue;
                }
                Work::Compare(asked) => Done::Compared {
                    command: asked.command.clone(),
                    application: asked.spec.application.clone(),
                    result: Ok(asked.spec.bundle.to_string().into_bytes()),
                },
                Work::Give { command, .. } => Done::Given { command, error: Some("no".to_owned()) },
                Work::Export(spans) => {
                    self.exported.extend(spans);
                    continue;
                }
                Work::WriteStatus(_) => Done::StatusWritten { kept: true },
            };
            self.engine.handle(Event::Done(done), self.now);
        }
        while let Some(message) = self.engine.poll_message(self.now) {
            self.said.extend(message.message);
        }
    }

    fn prepare(&mut self, order: &Order) -> Done {
        self.prepared += 1;
        let (application, wish) = (order.application.clone(), order.wish());
        let result = match order.begin(&self.journal) {
            Ok(Preparation::Ready(prepared)) => Ok(prepared),
            Ok(Preparation::Fetch(digest)) if self.linked => order.finish(&self.journal, &self.hub[&digest]),
            Ok(Preparation::Fetch(_)) => Err(Failure::NoLink),
            Err(failure) => Err(failure),
        };
        Done::Ordered { application, wish, result }
    }

    fn ask(&mut self, action: Action, forbidden: Option<String>) -> shared_sync::Event {
        if let Some(why) = forbidden {
            return action.failed(Refusal::Forbidden(why));
        }
        match action {
            Action::Get(id) => {
                let live = self.live.get(&id).cloned().map(Arc::new);
                shared_sync::Event::Live(id, live)
            }
            Action::Apply { id, object, .. } | Action::CreateNamespace { id, object } => {
                let mut object = object.as_ref().clone();
                object["metadata"]["uid"] = json!("u");
                self.live.insert(id.clone(), object.clone());
                shared_sync::Event::Applied(id, Ok(Arc::new(object)))
            }
            Action::Delete { id, .. } => {
                self.live.remove(&id);
                self.deleted.push(id.clone());
                shared_sync::Event::Deleted(id, Ok(()))
            }
            Action::Watch(_) | Action::SaveInventory(_) | Action::ReportChanged => shared_sync::Event::Tick,
        }
    }

    fn assign(&mut self, generation: u64, value: &str) {
        self.assign_to(&app(), generation, &[config_map("a", value)]);
    }

    fn assign_to(&mut self, application: &AppKey, generation: u64, objects: &[Value]) {
        self.assign_traced(application, generation, objects, "");
    }

    fn assign_traced(&mut self, application: &AppKey, generation: u64, objects: &[Value], traceparent: &str) {
        let (spec, compressed) = release_of(application, objects);
        self.hub.insert(spec.bundle, compressed);
        let assign = v1::Assign {
            application: Some(proto::application_to_wire(application)),
            position: Some(proto::position_to_wire(position(generation))),
            release: spec.id().to_string(),
            spec: serde_json::to_vec(&spec).unwrap().into(),
            traceparent: traceparent.to_owned(),
        };
        self.tell(Event::Said(Message::Assign(assign)));
    }

    fn remove(&mut self, generation: u64) {
        let remove = v1::Remove {
            application: Some(proto::application_to_wire(&app())),
            position: Some(proto::position_to_wire(position(generation))),
            cascade: true,
        };
        self.tell(Event::Said(Message::Remove(remove)));
    }

    fn pin(&mut self, generation: Option<u64>) {
        let pin = generation.map(|generation| Pin {
            position: position(generation),
            reason: "INC-7".into(),
            by: "ada".into(),
            at: Timestamp::UNIX_EPOCH,
        });
        let pins = pin.into_iter().map(|pin| (app(), pin)).collect();
        self.tell(Event::Local(Local { pause: None, pins }));
    }

    /// What the cluster has.
    fn runs(&self) -> Vec<&str> {
        self.live.values().map(|object| object["data"]["key"].as_str().unwrap()).collect()
    }

    /// The last thing that the hub was told of the application.
    fn told(&mut self) -> Observation {
        self.pass(1);
        let told = self.said.iter().rev().find_map(|message| {
            let v1::agent_message::Message::Observations(batch) = message else { return None };
            batch.observations.last().cloned()
        });
        told.unwrap().from_wire(&ClusterName::new("eu-1"), self.now).unwrap()
    }
}

fn position(generation: u64) -> Position {
    Position { incarnation: 1, generation }
}

#[test]
fn a_pin_holds_against_every_order_until_it_is_lifted() {
    let mut bench = Bench::new();
    bench.assign(1, "one");
    bench.assign(2, "two");
    assert_eq!(bench.runs(), ["two"]);
    bench.pin(Some(1));
    assert_eq!(bench.runs(), ["one"]);
    let told = bench.told();
    assert_eq!((told.position, told.release), (position(2), Some(release("one").0.id())));
    assert_eq!(told.pin.unwrap().reason, "INC-7");
    // What the hub orders is kept and waits, a removal too.
    bench.assign(3, "three");
    assert_eq!(bench.told().position, position(3));
    assert_eq!(bench.runs(), ["one"]);
    bench.remove(4);
    let told = bench.told();
    assert_eq!((bench.runs(), told.position, told.removed), (vec!["one"], position(4), false));
    assert!(told.message.contains("the removal that the hub ordered waits"), "{}", told.message);
    bench.assign(5, "five");
    assert_eq!(bench.runs(), ["one"]);
    bench.pin(None);
    assert_eq!(bench.runs(), ["five"]);
    let told = bench.told();
    assert_eq!((told.position, told.release, told.pin), (position(5), Some(release("five").0.id()), None));
}

#[test]
fn a_pin_outlives_the_process_and_needs_no_hub() {
    let memory = Memory::new();
    let mut bench = Bench::on(&memory, Local::default(), BTreeMap::new());
    bench.assign(1, "one");
    bench.assign(2, "two");
    let live = bench.live.clone();
    drop(bench);
    let pin =
        Pin { position: position(1), reason: String::new(), by: String::new(), at: Timestamp::UNIX_EPOCH };
    let local = Local { pause: None, pins: BTreeMap::from([(app(), pin)]) };
    let mut bench = Bench::on(&memory, local, live);
    bench.linked = false;
    assert_eq!(bench.runs(), ["one"]);
    bench.pin(None);
    assert_eq!(bench.runs(), ["two"]);
}

#[test]
fn a_pin_to_what_is_not_kept_changes_nothing_and_says_so() {
    let mut bench = Bench::new();
    bench.assign(1, "one");
    bench.pin(Some(7));
    assert_eq!(bench.runs(), ["one"]);
    let told = bench.told();
    assert!(told.message.contains("the release at 1.7 is not kept any more"), "{}", told.message);
    bench.pin(None);
    assert_eq!(bench.told().message, "");
}

#[test]
fn an_order_without_its_bundle_is_tried_again_politely() {
    let mut bench = Bench::new();
    bench.linked = false;
    bench.assign(1, "one");
    assert_eq!(bench.prepared, 1);
    // Whatever happens meanwhile: not before its time.
    for _ in 0..50 {
        bench.tell(Event::Tick);
        bench.tell(Event::Local(Local::default()));
    }
    assert_eq!(bench.prepared, 1);
    for _ in 0..3600 {
        bench.pass(1);
    }
    let tries = bench.prepared;
    assert!((10..=90).contains(&tries), "{tries} tries in an hour");
    bench.linked = true;
    bench.tell(Event::Said(Message::Welcome(v1::Welcome::default())));
    assert_eq!((bench.prepared, bench.runs()), (tries + 1, vec!["one"]));
}

#[test]
fn an_order_for_which_there_is_no_room_waits() {
    let memory = Memory::new();
    let mut bench = Bench::on(&memory, Local::default(), BTreeMap::new());
    bench.assign(1, "one");
    memory.set_full(true);
    bench.assign(2, "two");
    let told = bench.told();
    assert_eq!((told.position, told.phase), (position(2), shared_model::SyncPhase::Pending));
    assert!(told.message.contains("cannot be written"), "{}", told.message);
    assert_eq!(bench.runs(), ["one"]);
    memory.set_full(false);
    bench.pass(2);
    assert_eq!(bench.runs(), ["two"]);
    assert_eq!(bench.told().phase, shared_model::SyncPhase::Succeeded);
}

#[test]
fn what_is_asked_for_by_describe_is_told_whole() {
    let mut bench = Bench::new();
    bench.assign(1, "one");
    bench.tell(Event::Said(Message::Command(v1::Command {
        id: "7".into(),
        application: Some(proto::application_to_wire(&app())),
        command: Some(v1::command::Command::Describe(v1::Describe {})),
    })));
    let holding = bench.said.iter().find_map(|message| {
        let v1::agent_message::Message::Holding(holding) = message else { return None };
        Some(holding)
    });
    let holding = holding.unwrap();
    let spec: ReleaseSpec = serde_json::from_slice(&holding.spec).unwrap();
    assert_eq!((&*holding.id, spec), ("7", release("one").0));
}

#[test]
fn what_is_asked_for_by_compare_is_compared_with_what_is_held_or_brought() {
    let mut bench = Bench::new();
    let asked = |id: &str, spec: &[u8]| {
        let compare = v1::Compare { spec: spec.to_vec().into(), bundle: Vec::new().into() };
        Event::Said(Message::Command(v1::Command {
            id: id.to_owned(),
            application: Some(proto::application_to_wire(&app())),
            command: Some(v1::command::Command::Compare(compare)),
        }))
    };
    bench.tell(asked("none", b""));
    bench.assign(1, "one");
    bench.tell(asked("held", b""));
    bench.tell(asked("brought", &serde_json::to_vec(&release("two").0).unwrap()));
    bench.tell(asked("broken", b"{}"));
    let told: Vec<(String, String)> = bench
        .said
        .iter()
        .filter_map(|message| {
            if let v1::agent_message::Message::Compared(compared) = message {
                return Some((compared.id.clone(), String::from_utf8(compared.changes.to_vec()).unwrap()));
            }
            let v1::agent_message::Message::Result(result) = message else { return None };
            Some((result.id.clone(), result.error.clone()))
        })
        .collect();
    let find = |id: &str| told.iter().find(|(named, _)| named == id).map(|(_, said)| said.clone()).unwrap();
    assert!(find("none").contains("does not run here"), "{told:?}");
    assert_eq!(find("held"), release("one").0.bundle.to_string());
    assert_eq!(find("brought"), release("two").0.bundle.to_string());
    assert!(find("broken").contains("cannot be read"), "{told:?}");
}

#[test]
fn the_ceiling_is_told_as_the_reason() {
    let mut bench = Bench::new();
    bench.engine.known.ceiling.protected = vec!["ConfigMap/shop".parse().unwrap()];
    bench.assign(1, "one");
    assert!(bench.runs().is_empty());
    let told = bench.told();
    assert!(told.message.contains("ConfigMap/shop is protected in this cluster"), "{}", told.message);
}

#[test]
fn what_the_hub_asks_of_the_cluster_is_kept_in_its_order() {
    let mut bench = Bench::new();
    let kept = |bench: &mut Bench| {
        let mut kept = Vec::new();
        while let Some(work) = bench.engine.poll_work() {
            if let Work::KeepControl(control) = work {
                kept.push(control.pause.map(|pause| pause.id));
            }
        }
        kept
    };
    for id in ["one", "two", ""] {
        let pause = v1::Pause { id: id.to_owned(), ..v1::Pause::default() };
        bench.engine.handle(Event::Said(Message::Pause(pause)), bench.now);
    }
    // Of writes side by side an older one might be the last.
    assert_eq!(kept(&mut bench), [Some("one".to_owned())]);
    bench.engine.handle(Event::Done(Done::ControlKept), bench.now);
    assert_eq!(kept(&mut bench), [None]);
    bench.engine.handle(Event::Done(Done::ControlKept), bench.now);
    assert_eq!(kept(&mut bench), Vec::<Option<String>>::new());
}

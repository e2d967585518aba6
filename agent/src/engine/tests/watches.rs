//! What watches tell, and what is read because of it: counted in events and virtual time.

use super::*;

pub(super) fn in_shop(name: &str) -> ObjectId {
    ObjectId { group: String::new(), kind: "ConfigMap".into(), namespace: "shop".into(), name: name.into() }
}

fn place(namespace: &str) -> WatchedPlace {
    let kind = WatchedKind { group: String::new(), kind: "ConfigMap".into(), version: Some("v1".into()) };
    WatchedPlace { kind, namespace: namespace.into() }
}

/// Beside a running Argo CD: its objects are there, without our label.
fn observing(objects: &[Value]) -> Bench {
    let mut bench = Bench::new();
    bench.mode(v1::Mode::Observe);
    for object in objects {
        let id = ObjectId::of(object);
        let namespace = if id.namespace.is_empty() { "shop" } else { &id.namespace };
        let mut live = object.clone();
        live["metadata"]["namespace"] = json!(namespace);
        bench.live.insert(ObjectId::of(&live), live);
    }
    bench.assign_to(&app(), 1, objects);
    bench.pass(2);
    bench
}

impl Bench {
    fn mode(&mut self, mode: v1::Mode) {
        self.tell(Event::Said(Message::Mode(mode.into())));
    }

    fn follow(&mut self, namespace: &str) {
        self.tell(Event::Watched(Watched::Following(place(namespace), true)));
    }

    fn edit(&mut self, name: &str, value: &str) {
        self.live.get_mut(&in_shop(name)).unwrap()["data"]["key"] = json!(value);
    }

    fn touch(&mut self, name: &str) {
        self.tell(Event::Watched(Watched::Touched(in_shop(name))));
    }

    fn reads(&mut self) -> usize {
        std::mem::take(&mut self.read).len()
    }

    /// Time passes as the engine asks for it.
    fn sleep(&mut self, seconds: i64) {
        let end = self.now + jiff::SignedDuration::from_secs(seconds);
        while let Some((due, _)) = self.engine.poll_timeout(self.now).filter(|(due, _)| *due <= end) {
            self.now = self.now.max(due) + jiff::SignedDuration::from_millis(1);
            self.tell(Event::Tick);
        }
        self.now = self.now.max(end);
        self.tell(Event::Tick);
    }
}

#[test]
fn an_object_without_our_label_is_read_when_it_changes() {
    let mut bench = observing(&[config_map("a", "1")]);
    assert_eq!(bench.places, BTreeSet::from([place("shop")]));
    bench.reads();
    // What happened before the watch began is not told by it.
    bench.edit("a", "2");
    bench.follow("shop");
    assert_eq!(bench.reads(), 1);
    assert_eq!(bench.told().drift, ["ConfigMap/a: data.key live=2 desired=1"]);
    bench.pass(2);
    bench.edit("a", "3");
    bench.touch("a");
    assert_eq!(bench.reads(), 1, "at once");
    assert_eq!(bench.told().drift, ["ConfigMap/a: data.key live=3 desired=1"]);
    bench.pass(2);
    bench.live.clear();
    bench.touch("a");
    assert_eq!(bench.told().drift, ["ConfigMap/a: missing"]);
    // It stays followed: somebody else will make it again.
    bench.sleep(5);
    assert_eq!(bench.places, BTreeSet::from([place("shop")]));
}

#[test]
fn what_nobody_asked_for_costs_nothing() {
    let mut bench = observing(&[config_map("a", "1")]);
    bench.follow("shop");
    bench.pass(5);
    bench.reads();
    let looks = bench.engine.looks.len();
    for index in 0..10_000 {
        bench.touch(&format!("foreign-{index}"));
    }
    assert_eq!((bench.reads(), bench.engine.looks.len()), (0, looks));
}

#[test]
fn a_busy_object_is_read_about_once_a_second() {
    let mut bench = observing(&[config_map("a", "1")]);
    bench.follow("shop");
    bench.pass(5);
    bench.reads();
    for tenth in 0..100 {
        bench.edit("a", &tenth.to_string());
        bench.touch("a");
        bench.now += jiff::SignedDuration::from_millis(100);
        bench.tell(Event::Tick);
    }
    bench.pass(1);
    let reads = bench.reads();
    assert!((9..=12).contains(&reads), "{reads} reads in ten seconds");
    assert_eq!(bench.told().drift, ["ConfigMap/a: data.key live=99 desired=1"], "the last change is seen");
}

#[test]
fn at_most_one_read_of_an_object_is_under_way() {
    let mut bench = observing(&[config_map("a", "1")]);
    bench.follow("shop");
    bench.pass(5);
    bench.reads();
    bench.slow = true;
    for _ in 0..30 {
        bench.touch("a");
        bench.pass(1);
    }
    assert_eq!(bench.reads(), 1);
    let answer = bench.waiting.pop().unwrap();
    bench.tell(Event::Done(answer));
    assert_eq!(bench.reads(), 1, "once more for all that happened meanwhile");
    let answer = bench.waiting.pop().unwrap();
    bench.tell(Event::Done(answer));
    bench.pass(5);
    assert_eq!((bench.reads(), bench.engine.looks.len()), (0, 0));
}

#[test]
fn what_no_watch_tells_of_is_polled_and_the_rest_hardly() {
    let objects: Vec<Value> = (0..20).map(|index| config_map(&format!("a{index}"), "1")).collect();
    let mut bench = observing(&objects);
    bench.sleep(60);
    bench.reads();
    bench.sleep(120);
    assert_eq!(bench.reads(), 4 * 20);
    bench.follow("shop");
    bench.sleep(60);
    bench.reads();
    bench.sleep(120);
    assert_eq!(bench.reads(), 4 * 5);
    // The watch is lost: its objects are polled again.
    bench.tell(Event::Watched(Watched::Following(place("shop"), false)));
    bench.sleep(60);
    bench.reads();
    bench.sleep(120);
    assert_eq!(bench.reads(), 4 * 20);
}

#[test]
fn watches_without_our_label_are_bounded() {
    let objects: Vec<Value> = (10..70)
        .map(|index| {
            let mut object = config_map("a", "1");
            object["metadata"]["namespace"] = json!(format!("n{index}"));
            object
        })
        .collect();
    let mut bench = observing(&objects);
    assert_eq!(bench.places.len(), 50);
    bench.sleep(31);
    bench.reads();
    bench.sleep(30);
    assert_eq!(bench.reads(), 60, "what is beyond is polled");
}

#[test]
fn a_label_that_is_taken_off_is_put_back_at_once() {
    let mut bench = Bench::new();
    bench.assign(1, "one");
    let id = in_shop("a");
    let ours = Arc::new(bench.live[&id].clone());
    bench.tell(Event::Watched(Watched::Changed(id.clone(), Arc::clone(&ours))));
    bench.reads();
    bench.live.get_mut(&id).unwrap()["metadata"]["labels"] = json!({});
    bench.tell(Event::Watched(Watched::Left(id.clone())));
    assert_eq!((bench.live[&id] == *ours, bench.reads()), (true, 1));
    // Deleted in the same instant: it does not wait for the calm after that read.
    bench.live.clear();
    bench.tell(Event::Watched(Watched::Left(id)));
    assert_eq!(bench.reads(), 1);
}

#[test]
fn what_is_labelled_at_once_is_never_watched_without_it() {
    let mut bench = observing(&[config_map("a", "1")]);
    bench.mode(v1::Mode::Enforce);
    assert!(tracking_label(&bench.live[&in_shop("a")]), "taken over");
    bench.sleep(15);
    assert_eq!(bench.places, BTreeSet::new());
    let mut bench = Bench::new();
    bench.live.insert(in_shop("a"), config_map("a", "0"));
    bench.assign(1, "one");
    for _ in 0..60 {
        bench.pass(1);
        assert_eq!(bench.places, BTreeSet::new());
    }
}

fn tracking_label(object: &Value) -> bool {
    shared_manifest::tracking::owner_of(object).is_some()
}

//! Removals by hand, by broken plans, and over random fleets and orders of events.

use super::*;
use crate::{Hold, Link};
use proptest::{prelude::*, test_runner::RngSeed};
use shared_model::AppKey;
use std::collections::BTreeSet;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn seat(app: &str, cluster: &str) -> Seat {
    (ClusterName::new(cluster), AppKey::new("argocd", app))
}

fn set() -> Family {
    Family::Set { namespace: "argocd".into(), name: "web".into() }
}

fn pause(by: &str) -> Pause {
    Pause { reason: "INC-7".into(), by: by.into(), ..Pause::default() }
}

/// A set of `of` applications on clusters c0, c1, ... of which the first `going` are to go.
fn fleet_of(of: usize, going: usize) -> Removable {
    let mut fleet = Removable::default();
    let mut leaving = Leaving { of, ..Leaving::default() };
    for number in 0..of {
        let cluster = format!("c{number:02}");
        fleet.clusters.insert(ClusterName::new(cluster.clone()), ClusterState::default());
        if number < going {
            let one = Going { cascade: true, wave: Some(number / 5), ..Going::default() };
            leaving.going.insert(seat(&format!("web-{number:02}"), &cluster), one);
        }
    }
    fleet.families.insert(set(), leaving);
    fleet
}

fn cluster<'a>(fleet: &'a mut Removable, name: &str) -> &'a mut ClusterState {
    fleet.clusters.get_mut(&ClusterName::new(name)).unwrap()
}

fn leaving(fleet: &mut Removable) -> &mut Leaving {
    fleet.families.get_mut(&set()).unwrap()
}

fn going<'a>(fleet: &'a mut Removable, app: &str) -> &'a mut Going {
    let going = &mut leaving(fleet).going;
    going.iter_mut().find(|((_, key), _)| key.name == app).map(|(_, going)| going).unwrap()
}

/// Plans, lints, carries out; answers what was told, by name.
fn pass(fleet: &mut Removable, seconds: i64) -> Vec<String> {
    let plan = removals(fleet, at(seconds));
    let violations = check_removals(fleet, &plan, at(seconds));
    assert!(violations.is_empty(), "{violations:#?}");
    carry_out(fleet, &plan);
    let again = removals(fleet, at(seconds));
    assert_eq!(again.tell, [], "planning twice changes something");
    plan.tell
        .into_iter()
        .map(|tell| format!("{}{}", tell.seat.1.name, if tell.cascade { "" } else { " stays" }))
        .collect()
}

fn carry_out(fleet: &mut Removable, plan: &Removals) {
    for tell in &plan.tell {
        for leaving in fleet.families.values_mut() {
            if let Some(going) = leaving.going.get_mut(&tell.seat) {
                going.told = Some(Told { cascade: tell.cascade });
            }
        }
    }
}

fn gone(fleet: &mut Removable, app: &str) {
    let leaving = leaving(fleet);
    leaving.going.retain(|(_, key), _| key.name != app);
    leaving.of -= 1;
}

fn wait(fleet: &Removable, app: &str, seconds: i64) -> String {
    let plan = removals(fleet, at(seconds));
    let found = plan.waits.iter().find(|((_, key), _)| key.name == app);
    found.map(|(_, wait)| wait.to_string()).unwrap_or_default()
}

#[test]
fn a_tenth_goes_at_once_canaries_first_and_each_that_is_done_lets_the_next_go() {
    let mut fleet = fleet_of(30, 8);
    for (app, wave) in [("web-06", 0), ("web-00", 2)] {
        going(&mut fleet, app).wave = Some(wave);
    }
    assert_eq!(pass(&mut fleet, 0), ["web-01", "web-02", "web-03"]);
    assert_eq!(wait(&fleet, "web-01", 0), "waits for c01");
    assert_eq!(
        wait(&fleet, "web-00", 0),
        "waits for its turn: at most 3 of 30 of ApplicationSet argocd/web may go at once, now argocd/web-01 on c01, argocd/web-02 on c02, argocd/web-03 on c03"
    );
    gone(&mut fleet, "web-02");
    // A tenth of 29 is two.
    assert_eq!(pass(&mut fleet, 1), [""; 0]);
    gone(&mut fleet, "web-01");
    assert_eq!(pass(&mut fleet, 2), ["web-04"]);
    let mut small = fleet_of(3, 3);
    assert_eq!(pass(&mut small, 0), ["web-00"]);
}

#[test]
fn who_cannot_go_waits_by_name_and_keeps_nobody_else_waiting() {
    let mut fleet = fleet_of(9, 9);
    cluster(&mut fleet, "c00").pauses.push(pause("ann"));
    cluster(&mut fleet, "c01").hold = Some(Hold::HubRestored);
    cluster(&mut fleet, "c02").link = Link::LostSince(at(0));
    cluster(&mut fleet, "c03").mode = Mode::Observe;
    going(&mut fleet, "web-04").pin = Some(LocalPin { by: "bob".into(), reason: String::new(), at: at(0) });
    going(&mut fleet, "web-05").pauses.push(pause("cy"));
    assert_eq!(pass(&mut fleet, 0), ["web-06"]);
    for (app, expect) in [
        ("web-00", "waits for c00: it is paused by ann (INC-7)"),
        ("web-01", "waits for c01: this hub runs on a copy of its data"),
        (
            "web-02",
            "waits for c02: its agent is away since 1970-01-01T00:00:00Z; `flotilla app forget web-02 -n argocd` goes on without it",
        ),
        ("web-03", "waits for c03: its agent only looks (spec.mode: Observe)"),
        (
            "web-04",
            "waits for c04: pinned there by bob until `flotilla-agent unpin argocd/web-04` is run in c04",
        ),
        ("web-05", "waits for c05: argocd/web-05 is paused by cy (INC-7)"),
    ] {
        let said = wait(&fleet, app, 0);
        assert!(said.starts_with(expect), "{said}");
    }
    // One that was told keeps its place for a while when its cluster goes, and not for ever.
    cluster(&mut fleet, "c06").link = Link::LostSince(at(10));
    assert_eq!(pass(&mut fleet, 129), [""; 0]);
    assert_eq!(pass(&mut fleet, 130), ["web-07"]);
    // Back again, both are under way, and nobody else goes.
    cluster(&mut fleet, "c06").link = Link::Connected;
    assert_eq!(pass(&mut fleet, 131), [""; 0]);
    gone(&mut fleet, "web-07");
    assert_eq!(pass(&mut fleet, 132), [""; 0]);
    gone(&mut fleet, "web-06");
    assert_eq!(pass(&mut fleet, 133), ["web-08"]);
}

#[test]
fn in_reverse_one_goes_at_a_time_from_the_last_step_and_who_cannot_keeps_the_others_waiting() {
    let mut fleet = fleet_of(60, 12);
    leaving(&mut fleet).order = DeletionOrder::Reverse;
    going(&mut fleet, "web-03").wave = None;
    let mut order = Vec::new();
    while !leaving(&mut fleet).going.is_empty() {
        let told = pass(&mut fleet, 0);
        for app in &told {
            gone(&mut fleet, app);
        }
        order.extend(told);
    }
    let expect = [10, 11, 5, 6, 7, 8, 9, 0, 1, 2, 4, 3].map(|number| format!("web-{number:02}"));
    assert_eq!(order, expect);

    let mut fleet = fleet_of(60, 12);
    leaving(&mut fleet).order = DeletionOrder::Reverse;
    cluster(&mut fleet, "c10").link = Link::LostSince(at(0));
    assert_eq!(pass(&mut fleet, 1000), [""; 0]);
    assert_eq!(
        wait(&fleet, "web-11", 1000),
        "waits for argocd/web-10 on c10, which goes before it (deletionOrder Reverse)"
    );
}

#[test]
fn a_drained_cluster_goes_bit_by_bit_under_its_own_and_its_families_budgets() {
    let mut fleet = fleet_of(1, 0);
    for number in 0..25 {
        let family = Family::Set { namespace: "argocd".into(), name: format!("set-{number:02}") };
        let one = Going { cascade: true, ..Going::default() };
        let going = BTreeMap::from([(seat(&format!("app-{number:02}"), "c00"), one)]);
        fleet.families.insert(family, Leaving { of: 5, going, ..Leaving::default() });
    }
    fleet.drained.insert(ClusterName::new("c00"), 25);
    assert_eq!(pass(&mut fleet, 0), ["app-00", "app-01"]);
    assert_eq!(
        wait(&fleet, "app-02", 0),
        "waits for its turn: at most 2 of 25 on c00, which is drained, may go at once, now argocd/app-00 on c00, argocd/app-01 on c00"
    );
}

#[test]
fn less_is_told_at_once_and_more_only_where_it_may_be() {
    let mut fleet = fleet_of(9, 2);
    going(&mut fleet, "web-00").told = Some(Told { cascade: true });
    going(&mut fleet, "web-01").told = Some(Told { cascade: false });
    going(&mut fleet, "web-00").cascade = false;
    for name in ["c00", "c01"] {
        cluster(&mut fleet, name).link = Link::LostSince(at(0));
    }
    assert_eq!(pass(&mut fleet, 1), ["web-00 stays"]);
    cluster(&mut fleet, "c01").link = Link::Connected;
    assert_eq!(pass(&mut fleet, 2), ["web-01"]);
}

/// What the linter says of a plan that was broken by hand.
#[track_caller]
fn refused(fleet: &Removable, tell: &[(&str, &str, bool)], sentence: &str) {
    let mut plan = removals(fleet, at(0));
    plan.tell = tell
        .iter()
        .map(|(app, cluster, cascade)| Tell { seat: seat(app, cluster), cascade: *cascade })
        .collect();
    let found = check_removals(fleet, &plan, at(0));
    assert!(found.iter().any(|violation| violation.to_string().contains(sentence)), "{sentence}\n{found:#?}");
}

#[test]
fn what_the_linter_prevents() {
    let one = ("web-00", "c00", true);
    let fine = fleet_of(9, 5);
    refused(&fine, &[one, ("web-01", "c01", true)], "one more than the 1 of 9 that may go at once");
    refused(&fine, &[("web-07", "c07", true)], "it would be removed although it is not to go");
    refused(&fine, &[("web-00", "c00", false)], "its objects would stay, which nobody asked for");
    refused(&fine, &[one, one], "told the same twice");
    for (sentence, change) in [
        ("its cluster is held", (|state| state.hold = Some(Hold::HubBehindAgent)) as fn(&mut ClusterState)),
        ("it is paused", |state| state.pauses.push(pause("ann"))),
        ("its agent is away", |state| state.link = Link::LostSince(at(0))),
        ("its agent only looks", |state| state.mode = Mode::Observe),
    ] {
        let mut fleet = fleet_of(9, 5);
        change(cluster(&mut fleet, "c00"));
        refused(&fleet, &[one], sentence);
    }
    let mut pinned = fleet_of(9, 5);
    going(&mut pinned, "web-00").pin = Some(LocalPin { by: String::new(), reason: String::new(), at: at(0) });
    refused(&pinned, &[one], "a person pinned it");
    let mut keeps = fleet_of(9, 5);
    going(&mut keeps, "web-00").cascade = false;
    refused(&keeps, &[one], "its objects would go, which nobody asked for");
    let mut reverse = fleet_of(90, 10);
    leaving(&mut reverse).order = DeletionOrder::Reverse;
    refused(&reverse, &[one], "goes before it and has not gone");
    refused(&reverse, &[("web-05", "c05", true), ("web-06", "c06", true)], "goes before it and has not gone");
    let mut drained = fleet_of(90, 10);
    drained.drained.insert(ClusterName::new("c00"), 9);
    let second = Going { cascade: true, ..Going::default() };
    leaving(&mut drained).going.insert(seat("api", "c00"), second.clone());
    refused(&drained, &[one, ("api", "c00", true)], "one more than the 1 of 9 that a drain takes from c00");
    let twice =
        Leaving { of: 9, going: BTreeMap::from([(seat("web-00", "c00"), second)]), ..Leaving::default() };
    let mut twofold = fleet_of(9, 5);
    twofold.families.insert(Family::Alone { namespace: "argocd".into() }, twice);
    refused(&twofold, &[one], "it would use two budgets");
    let mut silent = removals(&fine, at(0));
    silent.waits.clear();
    assert_eq!(check_removals(&fine, &silent, at(0)).len(), 5, "what says nothing is named");
}

/// Something that happens to a random fleet.
#[derive(Debug, Clone)]
enum Event {
    /// The application of that number is to go, or to go otherwise.
    Go(usize, bool),
    /// Its agent gave it up.
    GivenUp(usize),
    Lost(usize),
    Back(usize),
    Paused(usize, bool),
    Held(usize, bool),
    Observes(usize, bool),
    Pinned(usize, bool),
    Drained(usize),
    Wait(i64),
}

const CLUSTERS: usize = 4;
const APPS: usize = 44;

fn event() -> impl Strategy<Value = Event> {
    let (app, cluster) = (0..APPS, 0..CLUSTERS);
    prop_oneof![
        4 => (app.clone(), any::<bool>()).prop_map(|(app, cascade)| Event::Go(app, cascade)),
        6 => app.clone().prop_map(Event::GivenUp),
        1 => cluster.clone().prop_map(Event::Lost),
        2 => cluster.clone().prop_map(Event::Back),
        1 => (cluster.clone(), any::<bool>()).prop_map(|(cluster, on)| Event::Paused(cluster, on)),
        1 => (cluster.clone(), any::<bool>()).prop_map(|(cluster, on)| Event::Held(cluster, on)),
        1 => (cluster.clone(), any::<bool>()).prop_map(|(cluster, on)| Event::Observes(cluster, on)),
        1 => (app, any::<bool>()).prop_map(|(app, on)| Event::Pinned(app, on)),
        1 => cluster.prop_map(Event::Drained),
        2 => (1..200_i64).prop_map(Event::Wait),
    ]
}

/// Two sets of 22 applications each on four clusters, and what really happened to them.
struct Story {
    fleet: Removable,
    now: i64,
}

impl Story {
    fn new(order: DeletionOrder) -> Self {
        let mut fleet = Removable::default();
        for cluster in 0..CLUSTERS {
            fleet.clusters.insert(ClusterName::new(format!("c{cluster}")), ClusterState::default());
        }
        for number in 0..2 {
            let order = if number == 0 { order } else { DeletionOrder::Waves };
            fleet
                .families
                .insert(Self::family(number), Leaving { of: APPS / 2, order, ..Leaving::default() });
        }
        Self { fleet, now: 0 }
    }

    fn family(number: usize) -> Family {
        Family::Set { namespace: "argocd".into(), name: format!("set-{}", number % 2) }
    }

    fn seat(number: usize) -> Seat {
        seat(&format!("app-{number:02}"), &format!("c{}", number % CLUSTERS))
    }

    fn going(&mut self, number: usize) -> Option<&mut Going> {
        self.fleet.families.get_mut(&Self::family(number))?.going.get_mut(&Self::seat(number))
    }

    fn cluster(&mut self, number: usize) -> &mut ClusterState {
        cluster(&mut self.fleet, &format!("c{number}"))
    }

    fn happen(&mut self, event: &Event) {
        let now = at(self.now);
        match *event {
            Event::Go(number, cascade) => {
                let wave = [Some(0), Some(1), None][number % 3];
                let leaving = self.fleet.families.get_mut(&Self::family(number)).unwrap();
                let going = leaving.going.entry(Self::seat(number)).or_default();
                (going.cascade, going.wave) = (cascade, wave);
            }
            Event::GivenUp(number) => {
                let connected = self.cluster(number % CLUSTERS).link == Link::Connected;
                if connected && self.going(number).is_some_and(|going| going.told.is_some()) {
                    let leaving = self.fleet.families.get_mut(&Self::family(number)).unwrap();
                    leaving.going.remove(&Self::seat(number));
                }
            }
            Event::Lost(number) => self.cluster(number).link = Link::LostSince(now),
            Event::Back(number) => self.cluster(number).link = Link::Connected,
            Event::Paused(number, on) => {
                let pauses = &mut self.cluster(number).pauses;
                pauses.clear();
                pauses.extend(on.then(|| pause("ann")));
            }
            Event::Held(number, on) => self.cluster(number).hold = on.then_some(Hold::HubBehindAgent),
            Event::Observes(number, on) => {
                self.cluster(number).mode = if on { Mode::Observe } else { Mode::Enforce };
            }
            Event::Pinned(number, on) => {
                if let Some(going) = self.going(number) {
                    going.pin = on.then(|| LocalPin { by: "bob".into(), reason: String::new(), at: now });
                }
            }
            Event::Drained(number) => {
                self.fleet.drained.insert(ClusterName::new(format!("c{number}")), APPS / CLUSTERS);
            }
            Event::Wait(seconds) => self.now += seconds,
        }
    }

    /// One pass, seen by an onlooker who counts for himself.
    fn pass(&mut self) -> Removals {
        let before = self.fleet.clone();
        let now = at(self.now);
        let plan = removals(&self.fleet, now);
        let violations = check_removals(&self.fleet, &plan, now);
        assert!(violations.is_empty(), "{violations:#?}\n{plan:#?}");
        carry_out(&mut self.fleet, &plan);
        for tell in &plan.tell {
            let state = &before.clusters[&tell.seat.0];
            let told =
                before.families.values().find_map(|leaving| leaving.going.get(&tell.seat)).unwrap().told;
            let less = told.is_some_and(|told| told.cascade && !tell.cascade);
            let quiet = state.link == Link::Connected && state.hold.is_none() && state.pauses.is_empty();
            assert!(less || quiet, "told to a cluster that is to be left alone: {tell:?}");
        }
        let new: BTreeSet<&Seat> = plan.tell.iter().map(|tell| &tell.seat).collect();
        for (family, leaving) in &self.fleet.families {
            let told = leaving.going.iter().filter(|(_, going)| going.told.is_some() && going.pin.is_none());
            let there = told.filter(|(seat, _)| before.clusters[&seat.0] == ClusterState::default()).count();
            let fresh = leaving
                .going
                .keys()
                .filter(|seat| new.contains(*seat) && before.families[family].going[*seat].told.is_none());
            assert!(fresh.count() == 0 || there <= 2, "{there} of {family} at once:\n{plan:#?}");
        }
        assert_eq!(removals(&self.fleet, now).tell, [], "planning twice changes something");
        plan
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, rng_seed: RngSeed::Fixed(8), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_removal_is_staged_and_ends_or_says_what_it_waits_for(
        events in prop::collection::vec(event(), 1..120),
        reverse in any::<bool>(),
    ) {
        let order = if reverse { DeletionOrder::Reverse } else { DeletionOrder::Waves };
        let mut story = Story::new(order);
        for event in &events {
            story.happen(event);
            let plan = story.pass();
            for leaving in story.fleet.families.values() {
                for seat in leaving.going.keys() {
                    prop_assert!(plan.waits[seat].to_string().contains("waits for"));
                }
            }
        }
        // Everything is well again: all that is to go goes.
        for state in story.fleet.clusters.values_mut() {
            *state = ClusterState::default();
        }
        for going in story.fleet.families.values_mut().flat_map(|leaving| leaving.going.values_mut()) {
            going.pin = None;
        }
        for _ in 0..APPS {
            story.pass();
            for number in 0..APPS {
                story.happen(&Event::GivenUp(number));
            }
        }
        let left: Vec<&Seat> = story.fleet.families.values().flat_map(|leaving| leaving.going.keys()).collect();
        prop_assert!(left.is_empty(), "never ends: {left:?}");
    }
}

//! A crash at every step of every kind of write: what is found after it is all of the old state or all of the new one.

use super::*;
use jiff::Timestamp;
use std::{cell::Cell, io};

thread_local! {
    /// How many more steps work on this thread, and what happens then.
    static LEFT: Cell<Option<(u32, End)>> = const { Cell::new(None) };
    /// A step failed.
    static CRASHED: Cell<bool> = const { Cell::new(false) };
}

#[derive(Debug, Clone, Copy)]
pub(in super::super) enum End {
    /// This step and all that follow fail.
    Fail,
    /// The process is gone, as by `kill -9`: nothing is flushed, dropped or unwound.
    Abort,
}

/// Lets this many steps pass on this thread; `None` ends it.
pub(in super::super) fn end_after(left: Option<(u32, End)>) {
    LEFT.set(left);
    CRASHED.set(false);
}

/// A step of a write.
pub(in super::super) fn step() -> io::Result<()> {
    match LEFT.get() {
        Some((0, End::Fail)) => {
            CRASHED.set(true);
            Err(io::Error::other("crash"))
        }
        Some((0, End::Abort)) => std::process::abort(),
        Some((left, end)) => {
            LEFT.set(Some((left - 1, end)));
            Ok(())
        }
        None => Ok(()),
    }
}

/// A place that can crash.
trait Ground {
    fn place(&self) -> Place;
    fn crash_after(&self, steps: Option<u32>);
    fn has_crashed(&self) -> bool;
}

impl Ground for tempfile::TempDir {
    fn place(&self) -> Place {
        folder(self.path())
    }

    fn crash_after(&self, steps: Option<u32>) {
        end_after(steps.map(|steps| (steps, End::Fail)));
    }

    fn has_crashed(&self) -> bool {
        CRASHED.get()
    }
}

impl Ground for Memory {
    fn place(&self) -> Place {
        Place::Memory(self.clone())
    }

    fn crash_after(&self, steps: Option<u32>) {
        if let Some(steps) = steps {
            Self::crash_after(self, steps);
        }
    }

    fn has_crashed(&self) -> bool {
        Self::has_crashed(self)
    }
}

/// A namespace; its requests are the steps: one fails before it is sent, or after it was done.
impl Ground for Secrets {
    fn place(&self) -> Place {
        Place::Secrets(self.clone())
    }

    fn crash_after(&self, steps: Option<u32>) {
        end_after(steps.map(|steps| (steps, End::Fail)));
    }

    fn has_crashed(&self) -> bool {
        CRASHED.get()
    }
}

/// Everything that an agent finds after a restart.
pub(in super::super) fn found(place: &Place) -> String {
    let journal = open(place);
    let (apps, damaged) = journal.apps().unwrap();
    assert!(damaged.is_empty(), "{damaged:?}");
    let apps: Vec<_> = apps
        .iter()
        .map(|app| {
            let what = match &app.order.what {
                What::Run(_) => "run".to_owned(),
                What::Remove { done, told, .. } => format!("remove {done} {told}"),
            };
            format!(
                "{} {} {what} {:?} synced {:?}",
                app.order.application, app.order.position, app.inventory, app.synced
            )
        })
        .collect();
    let local = journal.records.local().unwrap();
    let mut bundles: Vec<_> =
        journal.records.0.bundles().unwrap().into_iter().map(|(name, _)| name).collect();
    bundles.sort();
    format!(
        "{apps:#?}\n{:?}\n{bundles:?}\n{:?}\n{:?}\n{local:?}",
        values(&journal),
        journal.identity().unwrap(),
        journal.control().unwrap(),
    )
}

type Act = fn(&Journal, &Place) -> Result<(), Error>;

fn order(journal: &Journal, _: &Place) -> Result<(), Error> {
    run(journal, 6, "new")
}

fn removal(done: bool) -> What {
    What::Remove { cascade: true, done, told: false }
}

fn pause() -> LocalPause {
    LocalPause { reason: "INC-7".into(), by: "ada".into(), until: None }
}

fn pin(place: &Place) -> Result<(), Error> {
    match roll_back(place, "orders", Some(3), "INC-7", "ada", Timestamp::UNIX_EPOCH) {
        Ok(_) | Err(Refusal::Already { .. }) => Ok(()),
        Err(Refusal::Journal(error)) => Err(error),
        Err(other) => panic!("{other}"),
    }
}

/// Every kind of write.
const WRITES: [(&str, Act); 12] = [
    ("order", order),
    ("removal", |journal, _| journal.save_order(&app(), position(6), removal(false), None)),
    ("removal done", |journal, _| journal.save_order(&app(), position(6), removal(true), None)),
    ("first order of another", |journal, _| {
        let other = AppKey::new("argocd", "other");
        let (spec, compressed) = release(&other, "other");
        journal.save_order(&other, position(1), What::Run(Box::new(spec)), Some(&compressed))
    }),
    ("inventory", |journal, _| journal.save_inventory(&app(), &[id("a"), id("b")])),
    ("synced", |journal, _| journal.save_synced(&app(), position(5))),
    ("identity", |journal, _| journal.save_identity(&Identity { cluster: "us-1".into(), ..identity() })),
    ("inventory forgotten", |journal, _| journal.forget_inventory(&app())),
    ("control", |journal, _| {
        let pause = HubPause { id: "1".into(), reason: "INC-8".into(), by: "ada".into(), until: None };
        let applications =
            BTreeMap::from([(app(), HubPause { until: Some(Timestamp::MAX), ..pause.clone() })]);
        journal.save_control(&Control { pause: Some(pause), applications, ..Control::default() })
    }),
    ("pause", |_, place| set_local_pause(place, Some(&pause()))),
    ("resume", |_, place| set_local_pause(place, None)),
    ("pin", |_, place| pin(place)),
];

/// What each write is tried on: five orders ran, all is noted, the cluster is paused.
pub(in super::super) fn prepare(place: &Place) -> Journal {
    let journal = open(place);
    for generation in 1..=5 {
        run(&journal, generation, &generation.to_string()).unwrap();
    }
    journal.save_inventory(&app(), &[id("a")]).unwrap();
    journal.save_synced(&app(), position(4)).unwrap();
    journal.save_identity(&identity()).unwrap();
    journal.save_control(&Control::default()).unwrap();
    set_local_pause(place, Some(&LocalPause { reason: "before".into(), ..pause() })).unwrap();
    journal
}

fn crashes<G: Ground>(new: impl Fn() -> G) {
    for (kind, act) in WRITES {
        let ground = new();
        drop(prepare(&ground.place()));
        let before = found(&ground.place());
        let journal = open(&ground.place());
        act(&journal, &ground.place()).unwrap();
        drop(journal);
        let after = found(&ground.place());
        assert_ne!(before, after, "{kind}");
        let mut steps = 0;
        loop {
            let ground = new();
            let place = ground.place();
            let journal = prepare(&place);
            journal.apps().unwrap();
            ground.crash_after(Some(steps));
            let done = act(&journal, &place);
            drop(journal);
            let crashed = done.is_err();
            // A failure to tidy up fails nothing, and is made good at the next start.
            let reached = ground.has_crashed();
            ground.crash_after(None);
            let seen = found(&place);
            let context = format!("{kind} after {steps} steps:\n{seen}\nbefore:\n{before}\nafter:\n{after}");
            if crashed {
                assert!(seen == before || seen == after, "{context}");
            } else {
                assert_eq!(seen, after, "{context}");
            }
            // Done again, as the agent does: nothing is repeated or lost.
            let journal = open(&place);
            act(&journal, &place).unwrap();
            drop(journal);
            assert_eq!(found(&place), after, "{context}");
            if !reached {
                break;
            }
            steps += 1;
        }
        assert!(steps >= 2, "{kind}: only {steps} steps were tried");
    }
}

#[test]
fn a_crash_at_any_step_of_any_write_leaves_the_old_state_or_the_new_one() {
    crashes(|| tempfile::tempdir().unwrap());
    crashes(Memory::new);
}

#[test]
fn a_crash_at_any_request_leaves_the_old_state_or_the_new_one() {
    let runtime = secrets::tests::runtime();
    let _inside = runtime.enter();
    crashes(|| secrets::tests::Api::default().secrets());
}

#[test]
fn a_full_disk_loses_nothing_and_is_made_good_when_there_is_room() {
    for (kind, act) in WRITES {
        let memory = Memory::new();
        let place = Place::Memory(memory.clone());
        drop(prepare(&place));
        let before = found(&place);
        let journal = open(&place);
        memory.set_full(true);
        // What only removes needs no room.
        if ["resume", "inventory forgotten"].contains(&kind) {
            act(&journal, &place).unwrap();
            continue;
        }
        let error = act(&journal, &place).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{kind}: {error:?}");
        drop(journal);
        assert_eq!(found(&place), before, "{kind}");
        // The same process goes on once there is room.
        let journal = open(&place);
        act(&journal, &place).unwrap_err();
        memory.set_full(false);
        act(&journal, &place).unwrap();
        drop(journal);
        assert_ne!(found(&place), before, "{kind}");
    }
}

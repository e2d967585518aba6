//! One way of working, whatever the place.

pub(super) mod crash;
mod kill;
mod rollback;

use super::*;
use apps::What;

use shared_manifest::{Bundle, Manifest, ObjectId};
use shared_model::{AppKey, Position, ReleaseSpec, SyncPolicy};
use std::{collections::BTreeMap, path::Path};

pub(super) fn app() -> AppKey {
    AppKey::new("argocd", "orders")
}

pub(super) fn position(generation: u64) -> Position {
    Position { incarnation: 1, generation }
}

/// A release with one object, and its bundle's compressed form.
pub(super) fn release(app: &AppKey, value: &str) -> (ReleaseSpec, Vec<u8>) {
    let object = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": value},
    });
    let (bundle, _) = Bundle::new(vec![Manifest::new(object).unwrap()]);
    let bytes = bundle.to_bytes();
    let spec = ReleaseSpec {
        application: app.clone(),
        bundle: Digest::of(&bytes),
        bundle_bytes: bytes.len() as u64,
        namespace: "shop".into(),
        project: String::new(),
        sync_policy: SyncPolicy::default(),
        ignore_differences: Vec::new(),
        self_heal: true,
        prune: true,
        revisions: vec![format!("{:0>40}", hex::encode(value)).parse().unwrap()],
        versions: Vec::new(),
    };
    (spec, zstd::encode_all(&bytes[..], 3).unwrap())
}

pub(super) fn run(journal: &Journal, generation: u64, value: &str) -> Result<(), Error> {
    let (spec, compressed) = release(&app(), value);
    journal.save_order(&app(), position(generation), What::Run(Box::new(spec)), Some(&compressed))
}

fn digest(value: &str) -> Digest {
    release(&app(), value).0.bundle
}

fn id(name: &str) -> ObjectId {
    let [group, kind, namespace] = ["apps", "Deployment", "shop"].map(str::to_owned);
    ObjectId { group, kind, namespace, name: name.to_owned() }
}

/// Opens a place that nobody holds. A process that another test is about to start may hold this one's lock until it
/// has become that other program.
pub(super) fn open(place: &Place) -> Journal {
    let started = std::time::Instant::now();
    loop {
        match Journal::open(place) {
            Err(Error::Locked(_)) if started.elapsed().as_secs() < 30 => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
}

pub(super) fn folder(folder: &Path) -> Place {
    folder.to_owned().into()
}

fn values(journal: &Journal) -> Vec<String> {
    let (apps, damaged) = journal.apps().unwrap();
    assert!(damaged.is_empty(), "{damaged:?}");
    let ran = apps.iter().flat_map(|app| app.order.ran().map(|(position, spec)| (position, spec.clone())));
    ran.map(|(position, spec)| {
        let value = journal.bundle(&spec.bundle).map_or_else(
            |error| error.to_string(),
            |bundle| bundle.objects()[0].value()["data"]["key"].as_str().unwrap().to_owned(),
        );
        format!("{position} {value}")
    })
    .collect()
}

#[test]
fn positions_only_grow_and_late_notes_are_left_out() {
    let journal = Journal::open(&Place::Memory(Memory::new())).unwrap();
    run(&journal, 2, "new").unwrap();
    let late = What::Remove { cascade: true, done: true, told: true };
    journal.save_order(&app(), position(1), late, None).unwrap();
    assert_eq!(values(&journal), ["1.2 new"]);
}

#[test]
fn the_last_five_orders_and_their_bundles_are_kept() {
    let memory = Memory::new();
    let journal = Journal::open(&Place::Memory(memory.clone())).unwrap();
    for generation in 1..=7 {
        run(&journal, generation, &generation.to_string()).unwrap();
        // Noted again after a restart: nothing new ran.
        run(&journal, generation, &generation.to_string()).unwrap();
    }
    assert_eq!(values(&journal), ["1.7 7", "1.6 6", "1.5 5", "1.4 4", "1.3 3"]);
    assert!(matches!(journal.bundle(&digest("2")), Err(Error::NoBundle(_))));
    assert_eq!(memory.names().iter().filter(|name| name.starts_with("bundles/")).count(), KEPT);
    // The same release under a new position pushes nothing out.
    run(&journal, 8, "7").unwrap();
    assert_eq!(values(&journal), ["1.8 7", "1.6 6", "1.5 5", "1.4 4", "1.3 3"]);
    let removal = What::Remove { cascade: true, done: false, told: false };
    journal.save_order(&app(), position(9), removal, None).unwrap();
    assert_eq!(values(&journal), ["1.8 7", "1.6 6", "1.5 5", "1.4 4", "1.3 3"]);
    let done = What::Remove { cascade: true, done: true, told: false };
    journal.save_order(&app(), position(9), done, None).unwrap();
    assert!(matches!(journal.bundle(&digest("7")), Err(Error::NoBundle(_))));
    let (apps, _) = journal.apps().unwrap();
    assert_eq!((apps[0].order.position, apps[0].order.ran().count()), (position(9), 0));
}

#[test]
fn the_budget_keeps_present_bundles_and_the_newest_of_the_others() {
    let digest = |n: u8| Digest::of(&[n]);
    let name = |name: &str| AppKey::new("argocd", name);
    let index = Index {
        named: BTreeMap::from([
            (name("a"), (position(3), vec![digest(1), digest(2), digest(3)])),
            (name("b"), (position(3), vec![digest(4), digest(5), digest(1)])),
        ]),
        bundles: (1..=5).map(|n| (bundles::name(&digest(n)), 10)).collect(),
    };
    let check = |pinned: &[u8], budget: u64, expect: &[u8]| {
        let pinned = pinned.iter().map(|n| digest(*n)).collect();
        let expect = expect.iter().map(|n| digest(*n)).collect();
        assert_eq!(index.kept(&pinned, budget), expect);
    };
    check(&[], 0, &[1, 4]);
    check(&[], 10, &[1, 4, 2]);
    check(&[], 29, &[1, 4, 2, 5]);
    check(&[], 30, &[1, 4, 2, 5, 3]);
    check(&[3], 10, &[1, 4, 3, 2]);
}

#[test]
fn inventory_and_success_survive() {
    let memory = Memory::new();
    let journal = Journal::open(&Place::Memory(memory.clone())).unwrap();
    run(&journal, 1, "x").unwrap();
    journal.save_inventory(&app(), &[id("web")]).unwrap();
    journal.save_synced(&app(), position(1)).unwrap();
    drop(journal);
    let journal = Journal::open(&Place::Memory(memory.clone())).unwrap();
    let (apps, _) = journal.apps().unwrap();
    assert_eq!(apps[0].inventory, Some(vec![id("web")]));
    assert_eq!(apps[0].synced, Some(position(1)));
    journal.forget_inventory(&app()).unwrap();
    drop(journal);
    let journal = Journal::open(&Place::Memory(memory)).unwrap();
    assert_eq!(journal.apps().unwrap().0[0].inventory, None);
}

/// Damages records and says what the journal makes of it.
fn damaged(names: &str) -> (Vec<App>, String) {
    let memory = Memory::new();
    let journal = Journal::open(&Place::Memory(memory.clone())).unwrap();
    run(&journal, 1, "x").unwrap();
    journal.save_inventory(&app(), &[]).unwrap();
    let name = memory.names().into_iter().find(|name| name.ends_with(names)).unwrap();
    assert_eq!(memory.damage(&name), 1);
    let (apps, errors) = journal.apps().unwrap();
    (apps, errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn damage_is_found_and_named() {
    let (apps, text) = damaged("order");
    assert!(apps.is_empty());
    assert!(text.ends_with("/order: is damaged (its content does not match its digest); the hub sends it again when the agent connects"), "{text}");
    let (apps, text) = damaged("inventory");
    assert_eq!(apps[0].inventory, None);
    assert!(text.contains("/inventory: is damaged"), "{text}");
}

#[test]
fn a_damaged_bundle_is_told_once_and_then_missing() {
    let memory = Memory::new();
    let journal = Journal::open(&Place::Memory(memory.clone())).unwrap();
    run(&journal, 1, "x").unwrap();
    assert_eq!(memory.damage("bundles/"), 1);
    assert!(matches!(journal.bundle(&digest("x")), Err(Error::Damaged { .. })));
    assert!(matches!(journal.bundle(&digest("x")), Err(Error::NoBundle(_))));
    let (_, compressed) = release(&app(), "x");
    journal.restore_bundle(&digest("x"), &compressed).unwrap();
    assert!(journal.bundle(&digest("x")).is_ok());
}

#[test]
fn a_bundle_that_unpacks_without_end_is_refused() {
    let bytes = vec![b'\n'; usize::try_from(MOST_BYTES).unwrap() + 1];
    let compressed = zstd::encode_all(&bytes[..], 1).unwrap();
    assert!(compressed.len() < 100_000);
    assert_eq!(Journal::unpack(&compressed, &Digest::of(&bytes)).unwrap_err(), "it is larger than 64 MiB");
}

#[test]
fn one_agent_at_a_time() {
    let temporary = tempfile::tempdir().unwrap();
    for (place, name) in
        [(folder(temporary.path()), "the data folder"), (Place::Memory(Memory::new()), "this memory")]
    {
        let first = Journal::open(&place).unwrap();
        let second = Journal::open(&place).unwrap_err().to_string();
        assert!(second.starts_with(&format!("another agent runs with {name}")), "{second}");
        drop(first);
        open(&place);
    }
}

pub(super) fn identity() -> Identity {
    Identity {
        cluster: "eu-1".into(),
        cluster_uid: "u".into(),
        token_id: "t".into(),
        key: "SECRET".into(),
        certificates: Vec::new(),
        authorities: Vec::new(),
    }
}

#[test]
fn the_key_is_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let temporary = tempfile::tempdir().unwrap();
    let journal = Journal::open(&folder(temporary.path())).unwrap();
    journal.save_identity(&identity()).unwrap();
    assert_eq!(journal.identity().unwrap(), Some(identity()));
    let file = temporary.path().join("identity");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!format!("{:?}", identity()).contains("SECRET"));
    // Damaged, it is mended from its copy.
    std::fs::write(&file, b"garbage").unwrap();
    assert_eq!(journal.identity().unwrap(), Some(identity()));
    let copy = temporary.path().join("identity-copy");
    std::fs::write(&copy, b"garbage").unwrap();
    assert_eq!(journal.identity().unwrap(), Some(identity()));
    // Nor does an error show what it read.
    std::fs::write(&file, sealed(br#"{"key": "SECRET", "cluster": 7}"#)).unwrap();
    let error = journal.identity().unwrap_err().to_string();
    assert!(error.contains("is damaged (line 1 column ") && !error.contains("SECRET"), "{error}");
}

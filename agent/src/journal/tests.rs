//! Crashes at every step, damage, the lock.

use super::*;
use apps::What;
use shared_manifest::{Bundle, Manifest};
use shared_model::{Position, ReleaseSpec, SyncPolicy};

fn app() -> AppKey {
    AppKey::new("argocd", "orders")
}

fn position(generation: u64) -> Position {
    Position { incarnation: 1, generation }
}

/// A release with one object, and its bundle's compressed form.
fn release(value: &str) -> (ReleaseSpec, Vec<u8>) {
    let object = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": value},
    });
    let (bundle, _) = Bundle::new(vec![Manifest::new(object).unwrap()]);
    let bytes = bundle.to_bytes();
    let spec = ReleaseSpec {
        application: app(),
        bundle: Digest::of(&bytes),
        bundle_bytes: bytes.len() as u64,
        namespace: "shop".into(),
        project: String::new(),
        sync_policy: SyncPolicy::default(),
        ignore_differences: Vec::new(),
        self_heal: true,
        prune: true,
        revisions: Vec::new(),
    };
    (spec, zstd::encode_all(&bytes[..], 3).unwrap())
}

fn run(journal: &Journal, generation: u64, value: &str) -> Result<(), Error> {
    let (spec, compressed) = release(value);
    journal.save_order(&app(), position(generation), What::Run(Box::new(spec)), Some(&compressed))
}

/// The position and the bundle's value, as a restart finds them.
fn found(folder: &Path) -> Option<(u64, String)> {
    let journal = Journal::open(folder).unwrap();
    let (mut apps, damaged) = journal.apps().unwrap();
    assert!(damaged.is_empty(), "{damaged:?}");
    let app = apps.pop()?;
    let What::Run(spec) = app.order.what else { panic!("not a run") };
    let bundle = journal.bundle(&spec.bundle).unwrap();
    let value = bundle.objects()[0].value()["data"]["key"].as_str().unwrap().to_owned();
    Some((app.order.position.generation, value))
}

#[test]
fn a_crash_at_any_step_leaves_the_old_order_or_the_new_one_with_its_bundle() {
    let mut steps = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path()).unwrap();
        run(&journal, 1, "old").unwrap();
        *journal.disk.steps.lock() = Some(steps);
        let done = run(&journal, 2, "new");
        drop(journal);
        let found = found(folder.path()).unwrap();
        match done {
            Ok(()) => {
                assert_eq!(found, (2, "new".to_owned()));
                break;
            }
            Err(_) => assert!(
                found == (1, "old".to_owned()) || found == (2, "new".to_owned()),
                "after {steps} steps: {found:?}"
            ),
        }
        steps += 1;
    }
    assert!(steps > 6, "only {steps} steps were tried");
}

#[test]
fn positions_only_grow_and_late_notes_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    run(&journal, 2, "new").unwrap();
    let late = What::Remove { cascade: true, done: true, told: true };
    journal.save_order(&app(), position(1), late, None).unwrap();
    drop(journal);
    assert_eq!(found(folder.path()), Some((2, "new".to_owned())));
}

#[test]
fn the_last_three_bundles_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    for generation in 1..=5 {
        run(&journal, generation, &generation.to_string()).unwrap();
    }
    let kept: Vec<bool> =
        (1..=5).map(|n| journal.bundle(&release(&n.to_string()).0.bundle).is_ok()).collect();
    assert_eq!(kept, [false, false, true, true, true]);
    let done = What::Remove { cascade: true, done: true, told: false };
    journal.save_order(&app(), position(6), done, None).unwrap();
    assert!(matches!(journal.bundle(&release("5").0.bundle), Err(Error::NoBundle(_))));
    let (apps, _) = journal.apps().unwrap();
    assert_eq!(apps[0].order.position, position(6));
}

#[test]
fn inventory_and_success_survive() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    run(&journal, 1, "x").unwrap();
    let id = ObjectId {
        group: "apps".into(),
        kind: "Deployment".into(),
        namespace: "shop".into(),
        name: "web".into(),
    };
    journal.save_inventory(&app(), std::slice::from_ref(&id)).unwrap();
    journal.save_synced(&app(), position(1)).unwrap();
    let (apps, _) = journal.apps().unwrap();
    assert_eq!(apps[0].inventory, Some(vec![id]));
    assert_eq!(apps[0].synced, Some(position(1)));
}

/// Damages a file and says what the journal makes of it.
fn damaged(name: &str) -> (Vec<App>, String) {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    run(&journal, 1, "x").unwrap();
    journal.save_inventory(&app(), &[]).unwrap();
    let of = std::fs::read_dir(folder.path().join("apps")).unwrap().next().unwrap().unwrap().path();
    let file = of.join(name);
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (apps, errors) = journal.apps().unwrap();
    let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    (apps, text.replace(&folder.path().display().to_string(), "FOLDER"))
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
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    run(&journal, 1, "x").unwrap();
    let digest = release("x").0.bundle;
    std::fs::write(folder.path().join(format!("bundles/{}.zst", digest.hex())), b"junk").unwrap();
    assert!(matches!(journal.bundle(&digest), Err(Error::Damaged { .. })));
    assert!(matches!(journal.bundle(&digest), Err(Error::NoBundle(_))));
    let (_, compressed) = release("x");
    journal.restore_bundle(&digest, &compressed).unwrap();
    assert!(journal.bundle(&digest).is_ok());
}

#[test]
fn a_bundle_that_unpacks_without_end_is_refused() {
    let bytes = vec![b'\n'; usize::try_from(MOST_BYTES).unwrap() + 1];
    let compressed = zstd::encode_all(&bytes[..], 1).unwrap();
    assert!(compressed.len() < 100_000);
    assert_eq!(Journal::unpack(&compressed, &Digest::of(&bytes)).unwrap_err(), "it is larger than 64 MiB");
}

#[test]
fn a_pause_that_cannot_be_read_holds() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    assert_eq!(journal.local_pause(), None);
    let pause = LocalPause { reason: "INC-7".into(), by: "ada".into(), until: None };
    set_local_pause(folder.path(), Some(&pause)).unwrap();
    assert_eq!(journal.local_pause(), Some(pause));
    std::fs::write(folder.path().join("local-pause"), b"junk").unwrap();
    assert!(journal.local_pause().unwrap().reason.contains("is damaged"));
    set_local_pause(folder.path(), None).unwrap();
    assert_eq!(journal.local_pause(), None);
}

#[test]
fn one_agent_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = Journal::open(folder.path()).unwrap();
    let second = Journal::open(folder.path()).unwrap_err().to_string();
    assert!(second.starts_with("another agent runs with the data folder"), "{second}");
    drop(first);
    Journal::open(folder.path()).unwrap();
}

#[test]
fn the_key_is_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path()).unwrap();
    let identity = Identity {
        cluster: "eu-1".into(),
        cluster_uid: "u".into(),
        token_id: "t".into(),
        key: "SECRET".into(),
        certificates: Vec::new(),
        authorities: Vec::new(),
    };
    journal.save_identity(&identity).unwrap();
    assert_eq!(journal.identity().unwrap(), Some(identity.clone()));
    assert_eq!(
        std::fs::metadata(folder.path().join("identity")).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(!format!("{identity:?}").contains("SECRET"));
}

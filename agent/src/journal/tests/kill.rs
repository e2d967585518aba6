//! A process that writes to a folder is killed, at every step and at any time; what it said was kept is there.

use super::{
    crash::{End, end_after},
    *,
};
use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader, Write as _, stdout},
    process::{Child, Command, Stdio},
};

const FOLDER: &str = "FLOTILLA_TEST_JOURNAL";
const STEPS: &str = "FLOTILLA_TEST_STEPS";
const NAME: &str = "journal::tests::kill::a_writer_says_what_is_kept";

/// One turn of the agent's life: an order, what is about to be written, that it was.
fn turn(journal: &Journal, generation: u64, mut said: impl FnMut(&str)) {
    run(journal, generation, &generation.to_string()).unwrap();
    said("order");
    journal.save_inventory(&app(), &[id(&generation.to_string())]).unwrap();
    said("inventory");
    journal.save_synced(&app(), position(generation)).unwrap();
    said("synced");
    let reason = generation.to_string();
    let pause = HubPause { id: "1".into(), reason, by: String::new(), until: None };
    journal.save_control(&Control { pause: Some(pause), ..Control::default() }).unwrap();
    said("control");
    journal.save_identity(&Identity { token_id: generation.to_string(), ..identity() }).unwrap();
    said("identity");
}

/// Alone it is a turn on a folder of its own; as a child it writes until it is killed.
#[test]
fn a_writer_says_what_is_kept() {
    let Some(path) = env::var_os(FOLDER) else {
        let temporary = tempfile::tempdir().unwrap();
        let mut said = Vec::new();
        turn(&open(&folder(temporary.path())), 1, |what| said.push(what.to_owned()));
        assert_eq!(said, ["order", "inventory", "synced", "control", "identity"]);
        return;
    };
    let journal = open(&folder(Path::new(&path)));
    let (apps, _) = journal.apps().unwrap();
    let first = apps.first().map_or(1, |app| app.order.position.generation + 1);
    if let Ok(steps) = env::var(STEPS) {
        end_after(Some((steps.parse().unwrap(), End::Abort)));
    }
    for generation in first.. {
        turn(&journal, generation, |what| {
            let mut out = stdout().lock();
            writeln!(out, "durable: {what} {generation}").unwrap();
            out.flush().unwrap();
        });
    }
}

fn writer(path: &Path, steps: Option<u32>) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", NAME, "--nocapture", "--test-threads=1"]).env(FOLDER, path);
    if let Some(steps) = steps {
        command.env(STEPS, steps.to_string());
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// What was said to be kept, the newest of each kind.
type Kept = BTreeMap<String, u64>;

fn note(kept: &mut Kept, line: &str) -> bool {
    let words: Vec<&str> = line.rsplit(' ').take(3).collect();
    let [generation, what, marker] = words[..] else { return false };
    // The first one follows what the test harness says, on the same line.
    if marker != "durable:" {
        return false;
    }
    kept.insert(what.to_owned(), generation.parse().unwrap());
    true
}

/// Opens what the killed process left: nothing that it said is lost, nothing is newer than the turn it was in.
/// What was found counts as said from then on: a process that is killed while it speaks is not heard.
fn check(path: &Path, kept: &mut Kept, context: &str) {
    let journal = open(&folder(path));
    let (apps, damaged) = journal.apps().unwrap();
    assert!(damaged.is_empty(), "{context}: {damaged:?}");
    let mut at_least = |what: &str, found: u64| {
        let said = kept.insert(what.to_owned(), found).unwrap_or(0);
        assert!(found == said || found == said + 1, "{context}: {what} {found}, said {said}");
    };
    let app = apps.first();
    at_least("order", app.map_or(0, |app| app.order.position.generation));
    at_least("synced", app.and_then(|app| app.synced).map_or(0, |synced| synced.generation));
    let inventory = app.and_then(|app| app.inventory.clone()).unwrap_or_default();
    at_least("inventory", inventory.first().map_or(0, |id| id.name.parse().unwrap()));
    let pause = journal.control().unwrap().pause;
    at_least("control", pause.map_or(0, |pause| pause.reason.parse().unwrap()));
    let identity = journal.identity().unwrap();
    at_least("identity", identity.map_or(0, |identity| identity.token_id.parse().unwrap()));
    // Every order that is kept can run, and nothing else is left.
    let ran: Vec<_> = app.map(|app| app.order.ran().collect()).unwrap_or_default();
    assert!(ran.len() <= KEPT, "{context}");
    for (position, spec) in &ran {
        assert!(journal.bundle(&spec.bundle).is_ok(), "{context}: the bundle of {position}");
    }
    assert_eq!(journal.records.0.bundles().unwrap().len(), ran.len(), "{context}");
}

#[test]
fn a_process_that_is_gone_at_any_step_lost_nothing_that_it_said() {
    let mut whole_turn = false;
    for steps in 0..40 {
        let temporary = tempfile::tempdir().unwrap();
        let mut child = writer(temporary.path(), Some(steps));
        let mut kept = Kept::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            note(&mut kept, &line.unwrap());
        }
        assert!(!child.wait().unwrap().success());
        whole_turn |= kept.len() == 5;
        check(temporary.path(), &mut kept, &format!("gone at step {steps}"));
    }
    assert!(whole_turn, "no process got to the end of a turn");
}

#[test]
fn a_process_that_is_killed_at_any_time_lost_nothing_that_it_said() {
    let temporary = tempfile::tempdir().unwrap();
    let mut kept = Kept::new();
    for round in 0..20 {
        let mut child = writer(temporary.path(), None);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // At another place of the turn in each round.
        let mut left = 3 + round;
        while left > 0 {
            left -= usize::from(note(&mut kept, &lines.next().unwrap().unwrap()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            note(&mut kept, &line.unwrap_or_default());
        }
        check(temporary.path(), &mut kept, &format!("killed in round {round}"));
    }
}

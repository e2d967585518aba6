//! However a tool would go on, it ends, and nothing is left of it.

use crate::{
    evil::{self, ESCAPED},
    world::{World, ample, eventually, processes, without_any},
};
use hub_render::{
    Confine,
    confine::{Limits, Mechanism, Printed, Stop, Stopped, Task},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The first argument of a hub that is to be killed.
pub(crate) const HUB: &str = "__hub";

pub(crate) const TRIALS: &[crate::Trial] = &[
    ("who_sleeps_for_ever_is_stopped", who_sleeps_for_ever_is_stopped),
    ("who_spins_for_ever_is_stopped", who_spins_for_ever_is_stopped),
    ("who_prints_for_ever_is_stopped", who_prints_for_ever_is_stopped),
    ("what_is_allowed_is_printed_whole", what_is_allowed_is_printed_whole),
    ("who_forks_for_ever_is_stopped", who_forks_for_ever_is_stopped),
    ("who_leaves_a_child_behind_does_not_keep_it", who_leaves_a_child_behind_does_not_keep_it),
    ("nobody_becomes_a_daemon", nobody_becomes_a_daemon),
    ("who_is_given_up_ends", who_is_given_up_ends),
    ("a_tool_ends_with_its_hub", a_tool_ends_with_its_hub),
    ("no_folder_is_left", no_folder_is_left),
    ("paths_that_lead_out_are_refused", paths_that_lead_out_are_refused),
    ("what_is_wrong_is_said_without_our_folders", what_is_wrong_is_said_without_our_folders),
];

const SHORT: Duration = Duration::from_millis(500);

/// Both with everything and with nothing: these do not need the kernel's help.
fn each(world: &World) -> [Confine; 2] {
    [world.confine.clone(), world.only(&[])]
}

fn mark(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

fn who_sleeps_for_ever_is_stopped(world: &World) {
    for confine in each(world) {
        let started = Instant::now();
        let ended = world.run(&confine, &["sleep"], &Limits { wall: SHORT, ..ample() });
        assert!(matches!(ended, Err(Stopped::TimedOut { limit }) if limit == SHORT), "{ended:?}");
        assert!(started.elapsed() >= SHORT);
    }
}

fn who_spins_for_ever_is_stopped(world: &World) {
    let second = Duration::from_secs(1);
    let limits = Limits { cpu: second, ..ample() };
    if world.confine.has(Mechanism::Limits) {
        let ended = world.run(&world.confine, &["spin"], &limits);
        assert!(matches!(ended, Err(Stopped::TimedOut { limit }) if limit == second), "{ended:?}");
    }
    // Without that the clock on the wall ends it.
    let ended = world.run(&world.only(&[]), &["spin"], &Limits { wall: SHORT, ..limits });
    assert!(matches!(ended, Err(Stopped::TimedOut { limit }) if limit == SHORT), "{ended:?}");
}

fn who_prints_for_ever_is_stopped(world: &World) {
    let output = 1 << 20;
    for confine in each(world) {
        let ended = world.run(&confine, &["print"], &Limits { output, ..ample() });
        assert!(matches!(ended, Err(Stopped::TooMuchOutput { limit }) if limit == output), "{ended:?}");
        // Of errors the end is kept, so time ends it.
        let ended = world.run(&confine, &["complain"], &Limits { wall: SHORT, ..ample() });
        assert!(matches!(ended, Err(Stopped::TimedOut { .. })), "{ended:?}");
    }
}

fn what_is_allowed_is_printed_whole(world: &World) {
    for confine in each(world) {
        let said = world.run(&confine, &["nothing"], &ample()).expect("it runs").stdout;
        let exact = Limits { output: said.len() as u64, ..ample() };
        let whole = world.run(&confine, &["nothing"], &exact).expect("as much as is allowed");
        assert_eq!(whole.stdout, said);
        let less = Limits { output: exact.output - 1, ..ample() };
        let ended = world.run(&confine, &["nothing"], &less);
        assert!(matches!(ended, Err(Stopped::TooMuchOutput { .. })), "{ended:?}");
    }
}

fn who_forks_for_ever_is_stopped(world: &World) {
    let name = mark("fork");
    let (deep, limits) = (format!("{name}-5"), Limits { wall: Duration::from_secs(2), ..ample() });
    let ended = world.run(&world.confine, &["fork", &deep], &limits);
    if world.confine.has(Mechanism::Seccomp) {
        assert!(matches!(ended, Err(Stopped::Failed { code: 1, .. })), "the first child started: {ended:?}");
    }
    // They can start without the filter; and all of them end.
    let confine = world.only(&[]);
    let many = thread::scope(|scope| {
        let run = scope.spawn(|| world.run(&confine, &["fork", &deep], &limits));
        let mut most = 0;
        while !run.is_finished() {
            most = most.max(processes(&name).len());
        }
        let ended = run.join().expect("no panic");
        assert!(matches!(ended, Err(Stopped::TimedOut { .. })), "{ended:?}");
        most
    });
    assert!(many > 30, "only {many} processes were seen: the trial shows nothing");
    eventually("all are gone", || processes(&name).is_empty());
}

fn who_leaves_a_child_behind_does_not_keep_it(world: &World) {
    let name = mark("leave");
    // Nothing kills it there.
    let own = Command::new(&world.own).args([evil::ARGUMENT, "leave", &name]).stdout(Stdio::null()).status();
    assert!(own.expect("it starts").success());
    let left = processes(&name);
    assert_eq!(left.len(), 1, "it leaves nothing behind without confinement");
    left.into_iter().for_each(evil::end);
    eventually("it is gone", || processes(&name).is_empty());

    let ended = world.run(&world.only(&[]), &["leave", &name], &ample());
    let printed = ended.expect("the tool itself ends well, though its child holds the output open");
    assert!(printed.stdout.starts_with(ESCAPED.as_bytes()));
    eventually("the child is gone", || processes(&name).is_empty());
}

fn nobody_becomes_a_daemon(world: &World) {
    let name = mark("daemon");
    // With a session of its own a child is out of the group: it goes on. Nothing but the filter helps against that.
    let printed = world.run(&world.only(&[]), &["daemon", &name], &ample()).expect("it runs");
    assert!(printed.stdout.starts_with(ESCAPED.as_bytes()));
    let left = processes(&name);
    left.iter().copied().for_each(evil::end);
    assert_eq!(left.len(), 1, "it is no daemon without the filter: the trial shows nothing");
    eventually("it is gone", || processes(&name).is_empty());

    if world.confine.has(Mechanism::Seccomp) {
        for confine in [world.confine.clone(), world.only(&[Mechanism::Seccomp])] {
            let ended = world.run(&confine, &["daemon", &name], &ample());
            assert!(matches!(ended, Err(Stopped::Failed { code: 1, .. })), "{ended:?}");
            let ended = world.run(&confine, &["session", &name], &ample());
            assert!(matches!(ended, Err(Stopped::Failed { code: 1, .. })), "{ended:?}");
            assert!(processes(&name).is_empty());
        }
    }
}

/// Runs something with these files, to be stopped.
fn run(
    confine: &Confine,
    attempt: [&str; 2],
    files: &BTreeMap<String, bytes::Bytes>,
    scratch: &Path,
    stop: Option<&Stop>,
) -> Result<Printed, Stopped> {
    let tool = std::env::current_exe().expect("a path");
    let arguments = [evil::ARGUMENT, attempt[0], attempt[1]].map(str::to_owned);
    let limits = ample();
    confine.run(&Task {
        tool: &tool,
        arguments: &arguments,
        files,
        folder: "",
        limits: &limits,
        scratch,
        stop,
    })
}

fn who_is_given_up_ends(world: &World) {
    let name = mark("given-up");
    for confine in each(world) {
        let stop = Stop::default();
        let guard = stop.on_drop();
        let scratch = world.scratch();
        thread::scope(|scope| {
            let run = scope.spawn(|| run(&confine, ["stay", &name], &BTreeMap::new(), &scratch, Some(&stop)));
            eventually("it runs", || !processes(&name).is_empty());
            drop(guard);
            let ended = run.join().expect("no panic");
            assert!(matches!(ended, Err(Stopped::GivenUp)), "{ended:?}");
        });
        eventually("it is gone", || processes(&name).is_empty());
    }
}

/// A hub that runs a tool for ever.
pub(crate) fn act_as_hub(arguments: &[String]) -> ExitCode {
    let [name, scratch, how] = arguments else { return ExitCode::FAILURE };
    let all = Confine::by_this_program();
    let confine = if how == "confined" { all } else { without_any(&all) };
    let ended = run(&confine, ["stay", name], &BTreeMap::new(), &PathBuf::from(scratch), None);
    println!("{ended:?}");
    ExitCode::SUCCESS
}

fn a_tool_ends_with_its_hub(world: &World) {
    let scratch = world.folder.path().join("of a hub that is killed");
    for how in ["confined", "not confined"] {
        let name = mark("orphan");
        let mut hub = Command::new(&world.own);
        let mut hub = hub.arg(HUB).arg(&name).arg(&scratch).arg(how).spawn().expect("it starts");
        // Not the hub itself, nor a child of it that is yet to become another program.
        let line = [evil::ARGUMENT, "stay", &name].join("\0");
        eventually("its tool runs", || !processes(&line).is_empty());
        evil::end(i32::try_from(hub.id()).expect("a number"));
        hub.wait().expect("it ends");
        eventually("the tool is gone", || processes(&name).is_empty());
    }
    assert!(rooms(&scratch) > 0, "the last one had its files in a folder");
    Confine::clear(&scratch);
    assert_eq!(rooms(&scratch), 0);
}

fn rooms(scratch: &Path) -> usize {
    fs::read_dir(scratch).map_or(0, Iterator::count)
}

fn no_folder_is_left(world: &World) {
    let scratch = world.folder.path().join("to be left empty");
    let mut files: BTreeMap<String, bytes::Bytes> =
        ["a", "b/c", "b/d/e", "b/d/f"].map(|path| (path.to_owned(), "text".into())).into();
    for large in [false, true] {
        if large {
            // More than is kept in memory.
            files.insert("b/large".to_owned(), vec![b'x'; 33 << 20].into());
        }
        for confine in each(world) {
            let read = run(&confine, ["read", "b/d/e"], &files, &scratch, None).expect("the file is seen");
            assert_eq!(read.stdout, format!("{ESCAPED} text\n"));
            let ended = run(&confine, ["read", "b/d/g"], &files, &scratch, None);
            assert!(matches!(ended, Err(Stopped::Failed { code: 1, .. })), "{ended:?}");
            assert_eq!(rooms(&scratch), 0);
        }
    }
}

fn paths_that_lead_out_are_refused(world: &World) {
    for path in ["../a", "a/../../b", "/a", "", "a//b", "./a", "a/.", "a\0b"] {
        let files = BTreeMap::from([(path.to_owned(), "text".into())]);
        let ended = run(&world.confine, ["read", "a"], &files, &world.scratch(), None);
        assert!(matches!(&ended, Err(Stopped::NotStarted(_))), "`{path}` came to {ended:?}");
    }
    // A file where a folder is needed.
    let files = BTreeMap::from([("a".to_owned(), "text".into()), ("a/b".to_owned(), "text".into())]);
    for confine in each(world) {
        let ended = run(&confine, ["read", "a"], &files, &world.scratch(), None);
        assert!(matches!(&ended, Err(Stopped::NotStarted(_))), "{ended:?}");
    }
    assert_eq!(rooms(&world.scratch()), 0);
}

fn what_is_wrong_is_said_without_our_folders(world: &World) {
    for confine in each(world) {
        let arguments = [evil::ARGUMENT, "complain-at-folder"].map(str::to_owned);
        let ended = world.start(&confine, &world.own, &arguments, &ample());
        let Err(Stopped::Failed { code: 1, stderr }) = &ended else { panic!("{ended:?}") };
        assert_eq!(stderr, "wrong: file is in .\n");
    }
    // A tool that cannot be started is not its inputs' fault.
    let text = world.folder.path().join("secret");
    let ended = world.start(&world.confine, &text, &[], &ample());
    assert!(matches!(&ended, Err(Stopped::NotStarted(_))), "{ended:?}");
    let stopped = ended.expect_err("not started");
    assert!(stopped.may_pass(), "{stopped}");
}

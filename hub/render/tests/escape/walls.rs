//! The ways out, and what bars each.

use crate::{
    evil::{self, ESCAPED},
    world::{SECRET, World, ample, processes},
};
use hub_render::confine::{Limits, Mechanism};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use std::{
    fs::File,
    io::Write as _,
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
    thread,
};

use Mechanism::{Landlock, Limits as Bounds, Namespaces, Root, Seccomp};

pub(crate) const TRIALS: &[crate::Trial] = &[
    ("a_well_behaved_tool_has_what_it_needs", a_well_behaved_tool_has_what_it_needs),
    ("files_elsewhere_are_not_read", files_elsewhere_are_not_read),
    ("folders_elsewhere_are_not_listed", folders_elsewhere_are_not_listed),
    ("links_lead_nowhere", links_lead_nowhere),
    ("the_network_is_not_reached", the_network_is_not_reached),
    ("sockets_of_the_machine_are_not_reached", sockets_of_the_machine_are_not_reached),
    ("the_hub_is_not_signalled_or_looked_into", the_hub_is_not_signalled_or_looked_into),
    ("nothing_is_written", nothing_is_written),
    ("memory_is_bounded", memory_is_bounded),
    ("no_process_is_started", no_process_is_started),
    ("no_descriptor_is_inherited", no_descriptor_is_inherited),
];

/// Tries a way out: free, where it must work; then confined by all and by each alone, where it must fail if one of the
/// bars is among them, and work if not (or the trial shows nothing).
fn check(world: &World, attempt: &[&str], bars: &[Mechanism]) {
    check_within(world, attempt, bars, &ample());
}

fn check_within(world: &World, attempt: &[&str], bars: &[Mechanism], limits: &Limits) {
    let free = world.freely(attempt);
    let said = String::from_utf8_lossy(&free.stdout).into_owned();
    let why = String::from_utf8_lossy(&free.stderr).into_owned();
    assert!(said.starts_with(ESCAPED), "{attempt:?} does not even work without confinement: {why}");

    let alone: [&[Mechanism]; 7] =
        [Mechanism::ALL, &[], &[Namespaces], &[Namespaces, Root], &[Bounds], &[Landlock], &[Seccomp]];
    for wanted in alone {
        // What is not here cannot be tried alone (the first line says what that is); what is here, together, can.
        let has_all = wanted.iter().all(|mechanism| world.confine.has(*mechanism));
        if !has_all && wanted.len() < Mechanism::ALL.len() {
            continue;
        }
        let confine = world.only(wanted);
        let is_barred = bars.iter().any(|bar| confine.has(*bar));
        let ended = world.run(&confine, attempt, limits);
        let escaped = matches!(&ended, Ok(printed) if printed.stdout.starts_with(ESCAPED.as_bytes()));
        assert_ne!(escaped, is_barred, "{attempt:?} with {wanted:?} came to {ended:?}");
    }
}

/// Those of Landlock's bars that this kernel's version has.
fn since(world: &World, version: u32, bars: &[Mechanism]) -> Vec<Mechanism> {
    let has = |bar: &&Mechanism| **bar != Landlock || world.landlock() >= version;
    bars.iter().filter(has).copied().collect()
}

fn a_well_behaved_tool_has_what_it_needs(world: &World) {
    for confine in [world.confine.clone(), world.only(&[])] {
        let printed = world.run(&confine, &["see"], &ample()).expect("it runs");
        let said = String::from_utf8_lossy(&printed.stdout).into_owned();
        let (seen, names) = said.trim().split_at(said.find(" 1 ").map_or(0, |at| at + 3));
        // No input, its file, an empty home, threads.
        assert_eq!(seen, format!("{ESCAPED} \"\" shown 0 1 "), "{said}");
        let known = |name: &str| {
            let begins = ["HELM_", "XDG_"].iter().any(|begin| name.starts_with(begin));
            begins || ["PATH", "TZ", "HOME", "TMPDIR", "GOMAXPROCS", "GOMEMLIMIT"].contains(&name)
        };
        assert!(names.split(' ').all(known), "its environment: {names}");
        assert!(!names.is_empty());
    }
}

fn files_elsewhere_are_not_read(world: &World) {
    let bars = [Root, Landlock];
    check(world, &["read", "/etc/passwd"], &bars);
    check(world, &["read", &world.secret()], &bars);
    // From the view up: its room, the scratch folder, what the secret is in.
    check(world, &["read", "../../../secret"], &bars);
    check(world, &["read", "/proc/self/mountinfo"], &bars);
    let printed = world.freely(&["read", "../../../secret"]);
    assert!(String::from_utf8_lossy(&printed.stdout).contains(SECRET));
}

fn folders_elsewhere_are_not_listed(world: &World) {
    let bars = [Root, Landlock];
    check(world, &["list", "/var"], &bars);
    check(world, &["list", &world.folder.path().display().to_string()], &bars);
    check(world, &["list", "/proc"], &bars);
}

fn links_lead_nowhere(world: &World) {
    assert!(evil::exists(&world.secret()));
    check(world, &["link", &world.secret()], &[Root, Landlock, Seccomp]);
    check(world, &["link", "/proc/self/environ"], &[Root, Landlock, Seccomp]);
}

fn the_network_is_not_reached(world: &World) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let tcp = listener.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        listener.incoming().flatten().for_each(|mut stream| drop(stream.write_all(b"hello")))
    });
    check(world, &["tcp", &tcp], &since(world, 4, &[Namespaces, Landlock, Seccomp]));

    // As a name server is asked.
    let server = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let udp = server.local_addr().expect("bound").to_string();
    thread::spawn(move || {
        let mut question = [0; 64];
        while let Ok((_, from)) = server.recv_from(&mut question) {
            let _ = server.send_to(b"192.0.2.1", from);
        }
    });
    check(world, &["udp", &udp], &[Namespaces, Seccomp]);
}

fn sockets_of_the_machine_are_not_reached(world: &World) {
    let greet = |listener: UnixListener| {
        let greet =
            move || listener.incoming().flatten().for_each(|mut stream| drop(stream.write_all(b"hello")));
        thread::spawn(greet);
    };
    let path = world.folder.path().join("socket");
    greet(UnixListener::bind(&path).expect("a socket"));
    let path = path.display().to_string();
    check(world, &["unix", &path], &since(world, 9, &[Root, Landlock, Seccomp]));

    let name = format!("flotilla-escape-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    greet(UnixListener::bind_addr(&address).expect("a socket"));
    check(world, &["abstract", &name], &since(world, 6, &[Namespaces, Landlock, Seccomp]));
}

fn the_hub_is_not_signalled_or_looked_into(world: &World) {
    check(world, &["signal"], &since(world, 6, &[Landlock, Seccomp]));
    check(world, &["be-told-by-signal"], &[Seccomp]);
    check(world, &["environment"], &[Namespaces, Root, Landlock]);
}

fn nothing_is_written(world: &World) {
    let bars = [Root, Bounds, Landlock, Seccomp];
    check(world, &["overwrite"], &bars);
    check(world, &["fill"], &bars);
}

fn memory_is_bounded(world: &World) {
    // Nearly all of what the tool wants, which is more than this program itself needs.
    let limits = Limits { memory: evil::A_LOT as u64 / 2, ..ample() };
    check_within(world, &["allocate"], &[Bounds], &limits);
    check_within(world, &["memory-file"], &[Bounds, Seccomp], &limits);
    check(world, &["pipe"], &[Seccomp]);
}

fn no_process_is_started(world: &World) {
    let mark = format!("start-{}", std::process::id());
    check(world, &["start", &mark], &[Seccomp]);
    assert!(processes(&mark).is_empty());
}

/// Whatever else is in force.
fn no_descriptor_is_inherited(world: &World) {
    let file = File::open(world.secret()).expect("it is there");
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).expect("open");
    let free = world.freely(&["descriptors"]);
    assert!(free.status.success(), "the descriptor is not even inherited without confinement");
    for confine in [world.confine.clone(), world.only(&[])] {
        let ended = world.run(&confine, &["descriptors"], &ample());
        assert!(ended.is_err(), "open: {ended:?}");
    }
}

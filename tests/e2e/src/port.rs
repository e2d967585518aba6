//! Loopback ports that stay free for the process that we are about to start.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// The lowest port that we hand out.
const LOWEST: u32 = 15_000;
/// The end of our range where the system does not name its ephemeral ports: Linux' default.
const FIRST_EPHEMERAL: u32 = 32_768;

/// A port of 127.0.0.1 that nobody listens on.
///
/// Why not simply port 0: the system would choose from the ephemeral ports, from which it also takes the local ports
/// of outgoing connections. A server that is stopped and started again on its port, as tests of outages do, would now
/// and then find it taken by one of the clients that try to reach it. So we choose below that range, each time another
/// port, and ask the system by binding it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static SPAN: OnceLock<u32> = OnceLock::new();
    let span = *SPAN.get_or_init(|| first_ephemeral().saturating_sub(LOWEST));
    // Processes start apart from each other; 97 is prime to most spans, so neighbouring ids do not meet soon.
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..span {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let candidate = LOWEST + start.wrapping_add(step) % span;
        let port = u16::try_from(candidate).expect("the range ends below 65536");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    // No room below the ephemeral ports: one of those is better than none.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the machine has a free loopback port");
    listener.local_addr().expect("a bound listener has an address").port()
}

/// Listens on a port of 127.0.0.1 that was free a moment ago.
///
/// Whoever closes a listener in this process may find its port taken for some milliseconds: a program that another
/// thread starts at that moment has a copy of the listener until it runs code of its own (between `fork` and `exec`).
/// That copy is waited for.
///
/// # Errors
/// When somebody else listens there.
pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
    const LONGEST: Duration = Duration::from_secs(10);
    let since = Instant::now();
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && since.elapsed() < LONGEST => {
                std::thread::yield_now();
            }
            bound => return bound,
        }
    }
}

fn first_ephemeral() -> u32 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(FIRST_EPHEMERAL)
}

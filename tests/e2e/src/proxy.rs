//! A network between two programs that a test can cut, slow down and mend: a TCP proxy on loopback.
//!
//! It has a thread and a runtime of its own, so that bytes flow also while a test holds up its thread. It keeps its
//! port in every mode. What it can not do: lose single packets, or hide the end of a program's own connections; a
//! program that dies behind it is noticed only in the modes that deliver.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::port::{free_port, listen};

/// Bytes that are delivered at once.
const CHUNK: usize = 16 * 1024;

/// How the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Everything is delivered.
    Open,
    /// Every chunk is delivered so much later.
    Delay(Duration),
    /// At most so many bytes a second go each way on each connection.
    Throttle(u32),
    /// Nobody answers: new connections are refused, old ones fall silent and never speak again, as behind a firewall
    /// that forgot them. They are reset when the network is back.
    Cut,
    /// Connections are accepted, and nothing is delivered, not even the end of a connection: only who waits for an
    /// answer notices. What is under way is delivered when the network is back.
    Blackhole,
    /// Every connection, old or new, is ended by a reset when it has been this long in this mode.
    Reset(Duration),
}

impl Network {
    const fn delivers(self) -> bool {
        matches!(self, Self::Open | Self::Delay(_) | Self::Throttle(_) | Self::Reset(_))
    }
}

/// A proxy for one address, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    network: watch::Sender<Network>,
    /// The mode that new connections meet.
    applied: watch::Receiver<Network>,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    resets: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Connections that were accepted.
    pub connections: u64,
    /// Connections that the proxy ended by a reset.
    pub resets: u64,
    /// Bytes delivered to the target.
    pub up: u64,
    /// Bytes delivered from the target.
    pub down: u64,
}

impl Proxy {
    /// Leads to `target`, which need not be there yet. The network is open.
    ///
    /// # Errors
    /// When there is no free port or no thread.
    pub fn start(target: SocketAddr) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = bind(address).context("find a port for a proxy")?;
        let (network, told) = watch::channel(Network::Open);
        let (apply, applied) = watch::channel(Network::Open);
        let counts = Arc::new(Counts::default());
        let relay = Relay { target, network: told, counts: Arc::clone(&counts) };
        let thread = std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || runtime.block_on(accept(address, listener, relay, apply)))?;
        Ok(Self { address, network, applied, counts, thread: Some(thread) })
    }

    /// Where it listens, in every mode but [`Network::Cut`].
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// From the return of this call on the network is so.
    ///
    /// # Panics
    /// When another process took its port during a cut.
    pub async fn set(&self, network: Network) {
        self.network.send_replace(network);
        let mut applied = self.applied.clone();
        let done = applied.wait_for(|applied| *applied == network).await;
        assert!(done.is_ok(), "the proxy on {} has ended: its port was taken", self.address);
    }

    /// What went through so far.
    pub fn traffic(&self) -> Traffic {
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        let Counts { connections, resets, up, down } = &*self.counts;
        Traffic { connections: read(connections), resets: read(resets), up: read(up), down: read(down) }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Dropping the sender is the signal.
        drop(std::mem::replace(&mut self.network, watch::channel(Network::Cut).0));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What each connection needs.
#[derive(Clone)]
struct Relay {
    target: SocketAddr,
    network: watch::Receiver<Network>,
    counts: Arc<Counts>,
}

/// Takes connections until the proxy is dropped; its connections end with it.
async fn accept(
    address: SocketAddr,
    listener: std::net::TcpListener,
    mut relay: Relay,
    applied: watch::Sender<Network>,
) {
    let mut listener = TcpListener::from_std(listener).ok();
    let mut connections = JoinSet::new();
    loop {
        let network = *relay.network.borrow_and_update();
        if network == Network::Cut {
            listener = None;
        } else if listener.is_none() {
            match bind(address).and_then(TcpListener::from_std) {
                Ok(bound) => listener = Some(bound),
                Err(_) => return,
            }
        }
        applied.send_replace(network);
        tokio::select! {
            changed = relay.network.changed() => if changed.is_err() { return },
            accepted = next(listener.as_ref()) => if let Ok((client, _)) = accepted {
                relay.counts.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(relay.clone().connection(client));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = listen(address.port())?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn next(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

impl Relay {
    async fn connection(mut self, mut client: TcpStream) {
        let Some(mut server) = self.reach().await else { return self.reset([&client]) };
        let _unsupported = (client.set_nodelay(true), server.set_nodelay(true));
        let was_reset = {
            let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
            let up = self.copy(from_client, to_server, &self.counts.up);
            let down = self.copy(from_server, to_client, &self.counts.down);
            tokio::select! {
                // First, so that nothing is delivered when an old connection outlives a cut.
                biased;
                () = lost(self.network.clone()) => true,
                ended = async { tokio::try_join!(up, down) } => ended.is_err(),
            }
        };
        if was_reset {
            self.reset([&client, &server]);
        }
    }

    /// A connection to the target, once the network delivers; `None` when nobody is there or the network lost the
    /// client meanwhile.
    async fn reach(&mut self) -> Option<TcpStream> {
        let reached = async {
            deliverable(&mut self.network.clone()).await;
            TcpStream::connect(self.target).await.ok()
        };
        tokio::select! {
            biased;
            () = lost(self.network.clone()) => None,
            reached = reached => reached,
        }
    }

    async fn copy(
        &self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        delivered: &AtomicU64,
    ) -> io::Result<()> {
        let mut network = self.network.clone();
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = from.read(&mut buffer).await;
            let pause = match deliverable(&mut network).await {
                Network::Delay(pause) => pause,
                Network::Throttle(rate) => {
                    let bytes = u32::try_from(*read.as_ref().unwrap_or(&0)).unwrap_or(u32::MAX);
                    Duration::from_secs(1) * bytes / rate.max(1)
                }
                Network::Open | Network::Cut | Network::Blackhole | Network::Reset(_) => Duration::ZERO,
            };
            if !pause.is_zero() {
                sleep(pause).await;
                deliverable(&mut network).await;
            }
            match read? {
                0 => return to.shutdown().await,
                size => {
                    // Before it: whoever has them must find them counted.
                    delivered.fetch_add(size as u64, Ordering::SeqCst);
                    to.write_all(&buffer[..size]).await?;
                }
            }
        }
    }

    /// Their end is a reset: nothing may linger (SO_LINGER 0).
    fn reset<const N: usize>(&self, sockets: [&TcpStream; N]) {
        for socket in sockets {
            let _gone = socket.set_zero_linger();
        }
        self.counts.resets.fetch_add(1, Ordering::SeqCst);
    }
}

/// Waits until the network delivers.
async fn deliverable(network: &mut watch::Receiver<Network>) -> Network {
    match network.wait_for(|network| network.delivers()).await.map(|now| *now) {
        Ok(now) => now,
        // The proxy goes, and this connection with it.
        Err(_) => std::future::pending().await,
    }
}

/// Ends when the network has lost the connection: its time in resets is over, or a cut is.
async fn lost(mut network: watch::Receiver<Network>) {
    loop {
        let now = *network.borrow_and_update();
        let time = async {
            match now {
                Network::Reset(after) => sleep(after).await,
                Network::Open
                | Network::Delay(_)
                | Network::Throttle(_)
                | Network::Cut
                | Network::Blackhole => std::future::pending().await,
            }
        };
        tokio::select! {
            () = time => return,
            changed = network.changed() => match changed {
                Ok(()) if now == Network::Cut => return,
                Ok(()) => {}
                Err(_) => std::future::pending().await,
            },
        }
    }
}

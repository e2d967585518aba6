//! The proxy that stands for a network does what its modes say. Needs no control plane.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tests_e2e::{Network, Proxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

const SOON: Duration = Duration::from_secs(20);
/// As long as "nothing comes" is watched.
const SILENCE: Duration = Duration::from_millis(200);

/// A server that says back what it hears.
async fn echo() -> Result<(SocketAddr, JoinSet<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            connections.spawn(async move {
                let (mut from, mut to) = socket.split();
                drop(tokio::io::copy(&mut from, &mut to).await);
            });
        }
    });
    Ok((address, tasks))
}

/// Says something and waits for it to come back: how long that took.
async fn ask(socket: &mut TcpStream, text: &[u8]) -> Result<Duration> {
    let began = Instant::now();
    socket.write_all(text).await?;
    let mut answer = vec![0; text.len()];
    timeout(SOON, socket.read_exact(&mut answer)).await??;
    ensure!(answer == text, "another answer");
    Ok(began.elapsed())
}

/// How the connection ends.
async fn end(socket: &mut TcpStream) -> Result<Result<usize, ErrorKind>> {
    let read = timeout(SOON, socket.read(&mut [0; 16])).await?;
    Ok(read.map_err(|error| error.kind()))
}

async fn is_silent(socket: &mut TcpStream) -> bool {
    timeout(SILENCE, socket.read(&mut [0; 16])).await.is_err()
}

#[tokio::test]
async fn open_delayed_and_throttled_all_is_delivered_and_counted() -> Result<()> {
    let (target, _echo) = echo().await?;
    let proxy = Proxy::start(target)?;
    let mut socket = TcpStream::connect(proxy.address()).await?;
    ask(&mut socket, b"hello").await?;
    let traffic = proxy.traffic();
    ensure!((traffic.connections, traffic.up, traffic.down, traffic.resets) == (1, 5, 5, 0), "{traffic:?}");

    // There and back.
    proxy.set(Network::Delay(Duration::from_millis(100))).await;
    let took = ask(&mut socket, b"slowly").await?;
    ensure!(took >= Duration::from_millis(200), "{took:?}");

    proxy.set(Network::Throttle(10_000)).await;
    let took = ask(&mut socket, &[7; 2_000]).await?;
    ensure!(took >= Duration::from_millis(400), "{took:?}");

    // The end of a connection is delivered too, one way at a time.
    proxy.set(Network::Open).await;
    socket.shutdown().await?;
    ensure!(end(&mut socket).await? == Ok(0));
    Ok(())
}

#[tokio::test]
async fn a_cut_refuses_and_silences_and_old_connections_do_not_survive_it() -> Result<()> {
    let (target, _echo) = echo().await?;
    let proxy = Proxy::start(target)?;
    let mut old = TcpStream::connect(proxy.address()).await?;
    ask(&mut old, b"before").await?;

    proxy.set(Network::Cut).await;
    let before = proxy.traffic();
    let refused = TcpStream::connect(proxy.address()).await.map_err(|error| error.kind());
    ensure!(refused.is_err_and(|kind| kind == ErrorKind::ConnectionRefused));
    old.write_all(b"is anybody there").await?;
    ensure!(is_silent(&mut old).await);
    ensure!(proxy.traffic() == before, "{:?}", proxy.traffic());

    proxy.set(Network::Open).await;
    ensure!(end(&mut old).await? == Err(ErrorKind::ConnectionReset));
    let mut new = TcpStream::connect(proxy.address()).await?;
    ask(&mut new, b"after").await?;
    Ok(())
}

#[tokio::test]
async fn a_blackhole_accepts_and_says_nothing_not_even_that_the_target_is_gone() -> Result<()> {
    let (target, echo) = echo().await?;
    let proxy = Proxy::start(target)?;
    let mut old = TcpStream::connect(proxy.address()).await?;
    ask(&mut old, b"before").await?;

    proxy.set(Network::Blackhole).await;
    let mut new = TcpStream::connect(proxy.address()).await?;
    for socket in [&mut old, &mut new] {
        socket.write_all(b"is anybody there").await?;
        ensure!(is_silent(socket).await);
    }
    // What is under way is delivered when the network is back.
    proxy.set(Network::Open).await;
    for socket in [&mut old, &mut new] {
        timeout(SOON, socket.read_exact(&mut [0; 16])).await??;
    }

    proxy.set(Network::Blackhole).await;
    drop(echo);
    ensure!(is_silent(&mut old).await);
    proxy.set(Network::Open).await;
    ensure!(end(&mut old).await?.map_or(true, |read| read == 0));
    Ok(())
}

#[tokio::test]
async fn resets_end_connections_after_their_time() -> Result<()> {
    let (target, _echo) = echo().await?;
    let proxy = Proxy::start(target)?;
    let mut old = TcpStream::connect(proxy.address()).await?;
    ask(&mut old, b"before").await?;

    proxy.set(Network::Reset(SILENCE)).await;
    let mut new = TcpStream::connect(proxy.address()).await?;
    ask(&mut new, b"for a moment").await?;
    for socket in [&mut old, &mut new] {
        ensure!(end(socket).await? == Err(ErrorKind::ConnectionReset));
    }
    ensure!(proxy.traffic().resets == 2, "{:?}", proxy.traffic());
    // Nobody behind it: as if nobody were at its own address.
    let nobody = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, tests_e2e::free_port())))?;
    let mut lost = TcpStream::connect(nobody.address()).await?;
    ensure!(end(&mut lost).await? == Err(ErrorKind::ConnectionReset));
    Ok(())
}

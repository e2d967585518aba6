//! How long puts, gets, lists and watches take on this machine's disk, of a plain store and of a sealed one:
//! `cargo run --release -p hub-store --example timing -- FOLDER`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]
#![allow(clippy::disallowed_methods, reason = "bare tasks: there is no process to drain")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use hub_store::{Config, Embedded, Error, Page, Revision, Store, Txn};
use shared_seal::Ring;

const KEYS: usize = 100_000;
const SINGLE: usize = 300;

async fn put(store: &Embedded, i: usize) -> Result<(), Error> {
    let txn = Txn::new().put(format!("obs/cluster-{:04}/app-{:03}", i / 100, i % 100), vec![b'x'; 1000]);
    store.commit(txn).await.map(drop)
}

async fn measure(open: impl Fn() -> Result<Embedded, Error>) -> Result<(), Error> {
    let store = Arc::new(open()?);
    let from = store.revision().await?;

    let start = Instant::now();
    for i in 0..SINGLE {
        put(&store, i).await?;
    }
    println!("one durable put: {:?}", start.elapsed() / u32::try_from(SINGLE).expect("it is small"));

    let start = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..100 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for i in 0..KEYS / 100 {
                put(&store, writer * (KEYS / 100) + i).await?;
            }
            Ok::<_, Error>(())
        });
    }
    while let Some(done) = writers.join_next().await {
        done.expect("writers do not panic")?;
    }
    println!("{KEYS} durable puts by 100 writers: {:?}", start.elapsed());

    let start = Instant::now();
    for i in 0..KEYS {
        store.get(&format!("obs/cluster-{:04}/app-{:03}", i / 100, i % 100)).await?;
    }
    println!("{KEYS} gets: {:?}", start.elapsed());

    let start = Instant::now();
    let all = store.list("", Page::default()).await?;
    println!("list of {}: {:?}", all.entries.len(), start.elapsed());

    let start = Instant::now();
    let part = store.list("obs/cluster-0042/", Page::default()).await?;
    println!("list of {}: {:?}", part.entries.len(), start.elapsed());

    let start = Instant::now();
    let mut watch = store.watch("obs/", Revision(from.0.max(all.revision.0 - 5000))).await?;
    let mut seen = 0;
    while watch.position() < all.revision {
        seen += watch.next().await.expect("the store is open")?.len();
    }
    println!("watch catches up with {seen} changes: {:?}", start.elapsed());

    drop((store, watch));
    let start = Instant::now();
    open()?;
    println!("open again, verified: {:?}", start.elapsed());
    Ok(())
}

async fn measure_both(folder: &Path) -> Result<(), Error> {
    let (plain, sealed) = (folder.join("plain"), folder.join("sealed"));
    let ring = Arc::new(Ring::fresh(rand::random()));
    println!("plain");
    measure(|| Embedded::open(&plain, Config::default())).await?;
    println!("sealed");
    measure(|| Embedded::sealed(&sealed, Config::default(), Arc::clone(&ring))).await?;
    let start = Instant::now();
    Embedded::sealed(&plain, Config::default(), ring)?;
    println!("the plain one, sealed: {:?}", start.elapsed());
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("give a folder to write to")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    Ok(runtime.block_on(measure_both(Path::new(&folder)))?)
}

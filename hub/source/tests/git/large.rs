//! Large repositories: their files are fetched when they are read, where the server can leave them out.

use crate::*;
use hub_source::Mode;
use std::fmt::Write as _;

/// Bytes that do not get smaller in a pack.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(bytes).collect()
}

/// A repository of which at most 64 KiB come whole.
fn fixture(filters: bool) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.app.git(&["config", "uploadpack.allowFilter", if filters { "true" } else { "false" }]);
    let config = Config { whole: 64 << 10, ..config(&fixture.folder) };
    fixture.repositories = Repositories::build(config).unwrap();
    fixture.app.write("images/big.bin", noise(1, 1 << 20));
    for n in 0..50 {
        fixture.app.write(&format!("apps/{n}/config.yaml"), format!("app {n}"));
    }
    fixture
}

fn held(fixture: &Fixture) -> u64 {
    packs(&fixture.mirror()).iter().map(|pack| pack.metadata().unwrap().len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_read_is_fetched() {
    let fixture = fixture(true);
    let first = fixture.app.commit_all("first");
    fixture.fetch(&first).await.unwrap();
    assert_eq!(fixture.server.fetches(), 2, "whole, and then only its folders");
    assert!(held(&fixture) < 64 << 10, "{}", held(&fixture));
    let tree = fixture.repositories.list(&fixture.url(), &id(&first)).await.unwrap();
    assert_eq!(tree.entries().len(), 51);
    assert!(tree.entries().iter().all(|entry| entry.size.is_none() && entry.mode == Mode::File));
    let paths: Vec<String> = (0..50).map(|n| format!("apps/{n}/config.yaml")).collect();
    let read =
        async |paths: &[String]| fixture.repositories.read(&fixture.url(), &id(&first), paths, ROOMY).await;
    let files = read(&paths).await.unwrap();
    assert_eq!(&files[49].1[..], b"app 49");
    assert_eq!(fixture.server.fetches(), 3, "all in one conversation");
    read(&paths[..7]).await.unwrap();
    assert_eq!(fixture.server.fetches(), 3, "they are there now");
    let second = fixture.app.commit("apps/7/config.yaml", "changed");
    fixture.fetch(&second).await.unwrap();
    assert_eq!(fixture.read(&second, "apps/7/config.yaml").await.unwrap(), "changed");
    assert_eq!(fixture.read(&second, "apps/8/config.yaml").await.unwrap(), "app 8");
    assert_eq!(fixture.server.fetches(), 5, "the commit's folders, and the file that changed");
    let most = ReadLimit { per_file: 1 << 10, total: 1 << 10 };
    let big =
        fixture.repositories.read(&fixture.url(), &id(&second), &["images/big.bin".to_owned()], most).await;
    assert!(matches!(big, Err(Error::TooLarge { .. })), "{big:?}");
    assert!(held(&fixture) < 1 << 20, "a file that is refused is not kept: {}", held(&fixture));
    let big = read(&["images/big.bin".to_owned()]).await.unwrap();
    assert!(big[0].1 == noise(1, 1 << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_it_was() {
    let mut fixture = fixture(true);
    let commit = fixture.app.commit_all("first");
    fixture.fetch(&commit).await.unwrap();
    fixture.restart();
    assert_eq!(fixture.read(&commit, "apps/3/config.yaml").await.unwrap(), "app 3");
    let before = fixture.server.fetches();
    let next = fixture.app.commit("apps/3/config.yaml", "changed");
    fixture.fetch(&next).await.unwrap();
    assert_eq!(fixture.server.fetches(), before + 1, "it is known to be large");
    assert_eq!(fixture.read(&next, "apps/3/config.yaml").await.unwrap(), "changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_grows() {
    let fixture = Fixture::new();
    fixture.app.git(&["config", "uploadpack.allowFilter", "true"]);
    let config = Config { whole: 64 << 10, ..config(&fixture.folder) };
    let repositories = Repositories::build(config).unwrap();
    let small = fixture.app.commit("a.yaml", "small");
    repositories.fetch(&fixture.url(), &id(&small), "main", None).await.unwrap();
    assert_eq!(fixture.server.fetches(), 1);
    let large = fixture.app.commit("big.bin", noise(2, 1 << 20));
    repositories.fetch(&fixture.url(), &id(&large), "main", None).await.unwrap();
    for commit in [&small, &large] {
        let read =
            repositories.read(&fixture.url(), &id(commit), &["a.yaml".to_owned()], ROOMY).await.unwrap();
        assert_eq!(&read[0].1[..], b"small");
    }
    assert!(held(&fixture) < 1 << 20, "{}", held(&fixture));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_leaves_nothing_out() {
    let fixture = fixture(false);
    let commit = fixture.app.commit_all("first");
    fixture.fetch(&commit).await.unwrap();
    assert_eq!(fixture.server.fetches(), 1);
    assert!(held(&fixture) > 1 << 20);
    assert_eq!(fixture.read(&commit, "apps/3/config.yaml").await.unwrap(), "app 3");
    assert_eq!(fixture.server.fetches(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pinned_commits_outlive_many_fetches() {
    let mut fixture = Fixture::new();
    let pinned = fixture.app.commit("a.yaml", "pinned");
    fixture.fetch(&pinned).await.unwrap();
    let needed = || [(fixture.url(), [id(&pinned)].into())].into();
    let hour = std::time::Duration::from_secs(3600);
    assert_eq!(fixture.repositories.retain(needed(), hour).await, Ok(0));
    // As after a forced push and a clean-up: the server has it no more.
    fixture.app.git(&["checkout", "-q", "--orphan", "other"]);
    fixture.app.git(&["branch", "-q", "-D", "main"]);
    fixture.app.git(&["reflog", "expire", "--expire=now", "--all"]);
    let mut contents = String::new();
    for n in 0..45 {
        writeln!(contents, "{n}").unwrap();
        let commit = fixture.app.commit("b.yaml", &contents);
        fixture.fetch(&commit).await.unwrap();
    }
    fixture.app.git(&["gc", "-q", "--prune=now"]);
    let generations = folders(&fixture.mirror(), "gen-");
    assert_eq!(generations.len(), 3, "{generations:?}");
    assert_eq!(fixture.read(&pinned, "a.yaml").await.unwrap(), "pinned");
    fixture.restart();
    assert_eq!(fixture.read(&pinned, "a.yaml").await.unwrap(), "pinned", "also after a restart");
    let nothing = [(fixture.url(), [].into())].into();
    assert_eq!(fixture.repositories.retain(nothing, hour).await, Ok(0));
    assert_eq!(folders(&fixture.mirror(), "gen-").len(), 2, "once nobody needs it");
}

//! Mirrors: what is fetched, shared, replaced, and made anew.

use crate::*;
use std::{fs, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn one_commit_is_fetched_once() {
    let fixture = Fixture::new();
    fixture.app.commit("a.yaml", "1");
    let commit = fixture.app.commit("a.yaml", "2");
    let all = (0..16).map(|_| fixture.fetch(&commit));
    let done = futures_all(all).await;
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    assert_eq!(fixture.server.fetches(), 1);
    fixture.fetch(&commit).await.unwrap();
    assert_eq!(fixture.server.fetches(), 1, "it is there");
    let generation = &folders(&fixture.mirror(), "gen-")[0];
    let depth = repository::git(generation, &["rev-list", "--count", &commit]);
    assert_eq!(depth, "1", "history is not fetched");
    repository::git(generation, &["fsck", "--full"]);
}

async fn futures_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.map(Box::pin).map(|f| (Some(f), None)).collect();
    std::future::poll_fn(|context| {
        for (future, result) in &mut futures {
            if let Some(running) = future
                && let std::task::Poll::Ready(value) = running.as_mut().poll(context)
            {
                (*future, *result) = (None, Some(value));
            }
        }
        if futures.iter().all(|(_, result)| result.is_some()) {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    })
    .await;
    futures.into_iter().filter_map(|(_, result)| result).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_leaves_the_mirror_in_order() {
    let fixture = Fixture::new();
    let commit = fixture.app.commit("a.yaml", vec![7; 4 << 20]);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (repositories, url, commit) = (fixture.repositories.clone(), fixture.url(), id(&commit));
        tasks.spawn(async move { repositories.fetch(&url, &commit, "main", None).await });
    }
    tokio::task::yield_now().await;
    tasks.shutdown().await;
    fixture.fetch(&commit).await.unwrap();
    assert!(fixture.server.fetches() <= 2, "{}", fixture.server.fetches());
    assert_eq!(packs(&fixture.mirror()).len(), 1);
    repository::git(&folders(&fixture.mirror(), "gen-")[0], &["fsck", "--full"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failure_is_shared_too() {
    let fixture = Fixture::with(|options| options.status = Some(500));
    let commit = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    let done = futures_all((0..4).map(|_| fixture.fetch(commit))).await;
    assert!(done.iter().all(|result| *result == done[0] && result.is_err()), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_gone() {
    let fixture = Fixture::new();
    fixture.app.commit("a.yaml", "1");
    let absent = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for url in [fixture.url(), fixture.file_url()] {
        let err = fixture.repositories.fetch(&url, &id(absent), "main", None).await.unwrap_err();
        let expect = Error::CommitNotFound { url, commit: id(absent), revision: "main".to_owned() };
        assert_eq!(err, expect);
    }
    let long = id(&absent.repeat(2)[..64]);
    let err = fixture.repositories.fetch(&fixture.url(), &long, "main", None).await.unwrap_err();
    assert!(err.to_string().contains("SHA-256 ids are not supported yet"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_branch_keeps_both_commits() {
    let fixture = Fixture::new();
    let first = fixture.app.commit("a.yaml", "1");
    fixture.fetch(&first).await.unwrap();
    fixture.app.write("a.yaml", "forced");
    fixture.app.git(&["commit", "-q", "-a", "--amend", "-m", "forced"]);
    let forced = fixture.app.git(&["rev-parse", "HEAD"]);
    fixture.app.git(&["reflog", "expire", "--expire=now", "--all"]);
    fixture.app.git(&["gc", "-q", "--prune=now"]);
    fixture.fetch(&forced).await.unwrap();
    assert_eq!(fixture.read(&forced, "a.yaml").await.unwrap(), "forced");
    assert_eq!(fixture.read(&first, "a.yaml").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_fetches_leave_few_packs() {
    let mut fixture = Fixture::new();
    let mut commits = Vec::new();
    for n in 0..45 {
        commits.push(fixture.app.commit(&format!("{n}.yaml"), n.to_string()));
        fixture.fetch(&commits[n]).await.unwrap();
        let held = packs(&fixture.mirror()).len();
        assert!(held <= 2 * hub_source::PACKS_PER_GENERATION, "{held} packs after {n} fetches");
    }
    let generations = folders(&fixture.mirror(), "gen-");
    assert_eq!(generations.len(), 2, "{generations:?}");
    assert_eq!(fixture.read(&commits[44], "44.yaml").await.unwrap(), "44");
    assert_eq!(fixture.read(&commits[25], "25.yaml").await.unwrap(), "25", "the generation before is kept");
    let before = fixture.server.fetches();
    assert_eq!(fixture.read(&commits[0], "0.yaml").await.unwrap(), "0", "what is gone is fetched again");
    assert_eq!(fixture.server.fetches(), before + 1);
    fixture.restart();
    assert_eq!(fixture.read(&commits[44], "44.yaml").await.unwrap(), "44");
    assert_eq!(fixture.server.fetches(), before + 1, "a restart fetches nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn mirrors_of_nobody_are_removed() {
    let mut fixture = Fixture::new();
    let commit = fixture.app.commit("a.yaml", "1");
    let urls = [fixture.url(), fixture.file_url()];
    for url in &urls {
        fixture.repositories.fetch(url, &id(&commit), "main", None).await.unwrap();
    }
    let mirrors = fixture.folder.path().join("mirrors");
    fs::write(mirrors.join("notes"), "not a mirror").unwrap();
    let needed = |urls: &[RepoUrl]| urls.iter().map(|url| (url.clone(), [].into())).collect();
    let (at_once, hour) = (Duration::ZERO, Duration::from_secs(3600));
    assert_eq!(fixture.repositories.retain(needed(&urls), at_once).await, Ok(0));
    assert_eq!(folders(&mirrors, "").len(), 3);
    assert_eq!(fixture.repositories.retain(needed(&urls[1..]), hour).await, Ok(0), "it was used just now");
    assert_eq!(fixture.repositories.retain(needed(&urls[1..]), at_once).await, Ok(1));
    assert_eq!(folders(&mirrors, "").len(), 2);
    fixture.restart();
    assert_eq!(fixture.repositories.retain(needed(&[]), hour).await, Ok(0), "nobody knows since when");
    assert_eq!(fixture.repositories.retain(needed(&[]), at_once).await, Ok(1));
    assert_eq!(folders(&mirrors, ""), [mirrors.join("notes")]);
    fixture.fetch(&commit).await.unwrap();
    assert_eq!(fixture.read(&commit, "a.yaml").await.unwrap(), "1");
}

/// Breaks the mirror of a repository with two commits, starts again, and reads both.
async fn check_recovers(what: &str, damage: impl Fn(&Path)) {
    let mut fixture = Fixture::new();
    let first = fixture.app.commit("a.yaml", "one");
    let second = fixture.app.commit("b/b.yaml", "two");
    fixture.fetch(&first).await.unwrap();
    fixture.fetch(&second).await.unwrap();
    let mirror = fixture.mirror();
    fixture.repositories = Repositories::build(Config::new(fixture.folder.path().join("elsewhere"))).unwrap();
    damage(&mirror);
    fixture.restart();
    assert_eq!(fixture.read(&second, "b/b.yaml").await.as_deref(), Ok("two"), "{what}");
    assert_eq!(fixture.read(&first, "a.yaml").await.as_deref(), Ok("one"), "{what}");
    fixture.fetch(&fixture.app.commit("c.yaml", "three")).await.unwrap();
    assert!(folders(&fixture.mirror(), "tmp-").is_empty(), "{what}");
    for generation in folders(&fixture.mirror(), "gen-") {
        repository::git(&generation, &["fsck", "--full"]);
    }
}

fn each(mirror: &Path, extension: &str, damage: impl Fn(&Path)) {
    let mut damaged = 0;
    for pack in packs(mirror) {
        let path = pack.with_extension(extension);
        let mut permissions = path.metadata().unwrap().permissions();
        #[expect(clippy::permissions_set_readonly_false, reason = "a file of this test")]
        permissions.set_readonly(false);
        fs::set_permissions(&path, permissions).unwrap();
        damage(&path);
        damaged += 1;
    }
    assert_eq!(damaged, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_mirror_is_made_anew() {
    check_recovers("packs are gone", |m| each(m, "pack", |p| fs::remove_file(p).unwrap())).await;
    check_recovers("packs are empty", |m| each(m, "pack", |p| fs::write(p, "").unwrap())).await;
    check_recovers("packs are garbage", |m| {
        each(m, "pack", |p| {
            let mut bytes = fs::read(p).unwrap();
            bytes[12..].fill(0xa5);
            fs::write(p, bytes).unwrap();
        });
    })
    .await;
    check_recovers("indices are gone", |m| each(m, "idx", |p| fs::remove_file(p).unwrap())).await;
    check_recovers("indices are garbage", |m| each(m, "idx", |p| fs::write(p, [0; 2000]).unwrap())).await;
    check_recovers("objects are gone", |m| {
        fs::remove_dir_all(folders(m, "gen-")[0].join("objects")).unwrap()
    })
    .await;
    check_recovers("all is gone", |m| fs::remove_dir_all(m).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_leaves_a_mirror_that_works() {
    check_recovers("a generation in the making", |m| {
        fs::create_dir_all(m.join("tmp-00000002/objects/pack")).unwrap();
        fs::write(m.join("tmp-00000002/objects/pack/tmp"), "half").unwrap();
    })
    .await;
    check_recovers("locks and half a pack", |m| {
        let generation = &folders(m, "gen-")[0];
        fs::write(generation.join("shallow.lock"), "").unwrap();
        fs::write(generation.join("objects/pack/.tmpAbCdEf"), "PACK").unwrap();
        fs::write(generation.join("objects/pack/pack-1.keep"), "").unwrap();
    })
    .await;
    check_recovers("a pack that no reference names yet", |m| {
        for marker in folders(&folders(m, "gen-")[0].join("refs/flotilla"), "") {
            fs::remove_file(marker).unwrap();
        }
    })
    .await;
    check_recovers("a generation too many", |m| {
        for number in ["00000008", "00000009"] {
            fs::create_dir_all(m.join(format!("gen-{number}/objects/pack"))).unwrap();
        }
    })
    .await;
}

//! Which commit a revision is.

use crate::*;

/// Resolves over HTTP and from the folder, which must agree.
async fn check(fixture: &Fixture, revision: &str, expect: Result<&str, &str>) {
    for url in [fixture.url(), fixture.file_url()] {
        let got = fixture.repositories.resolve(&url, revision, None).await;
        let expect = expect.map(str::to_owned).map_err(|text| text.replace("URL", &url.to_string()));
        assert_eq!(got.map(|c| c.to_string()).map_err(|e| e.to_string()), expect, "{revision} in {url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_name() {
    let fixture = Fixture::new();
    let first = fixture.app.commit("a.yaml", "1");
    fixture.app.git(&["tag", "v1"]);
    fixture.app.git(&["tag", "-a", "v1-annotated", "-m", "the first"]);
    fixture.app.git(&["tag", "-a", "twice", "-m", "a tag of a tag", "v1-annotated"]);
    fixture.app.git(&["branch", "team/feature"]);
    fixture.app.git(&["tag", "main"]);
    fixture.app.git(&["update-ref", "refs/pull/7/head", "HEAD"]);
    let second = fixture.app.commit("a.yaml", "2");
    for revision in ["main", "HEAD", "", "refs/heads/main", &second] {
        check(&fixture, revision, Ok(&second)).await;
    }
    for revision in [
        "v1",
        "v1-annotated",
        "twice",
        "team/feature",
        "refs/tags/v1-annotated",
        "refs/tags/main",
        "refs/pull/7/head",
        &first,
    ] {
        check(&fixture, revision, Ok(&first)).await;
    }
    assert_eq!(fixture.server.fetches(), 0, "nothing is fetched to resolve");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there() {
    let fixture = Fixture::new();
    let empty = "revision `main` not found in URL: the repository has no branches and no tags yet";
    check(&fixture, "main", Err(empty)).await;
    check(&fixture, "HEAD", Err(&empty.replace("main", "HEAD"))).await;
    fixture.app.commit("a.yaml", "1");
    for branch in ["release-1", "release-2", "x", "y", "z"] {
        fixture.app.git(&["branch", branch]);
    }
    let mian =
        "revision `mian` not found in URL: branches and tags there: main, x, y, z, release-1 and 1 more";
    check(&fixture, "mian", Err(mian)).await;
    let near = "main, release-2, x, y, z and 1 more";
    let range = format!(
        "revision `>=1.2 <2` not found in URL: no tag is a version in that range; branches and tags there: {near}"
    );
    check(&fixture, ">=1.2 <2", Err(&range)).await;
    let invalid =
        "revision `x..` not found in URL: branches and tags there: x, y, z, main, release-1 and 1 more";
    check(&fixture, "x..", Err(invalid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_versions() {
    let fixture = Fixture::new();
    let first = fixture.app.commit("a.yaml", "1");
    fixture.app.git(&["tag", "v1.2.0"]);
    fixture.app.git(&["branch", "9.x"]);
    let second = fixture.app.commit("a.yaml", "2");
    fixture.app.git(&["tag", "-a", "1.10.0", "-m", "annotated"]);
    let third = fixture.app.commit("a.yaml", "3");
    fixture.app.git(&["tag", "v2.0.0-rc.1"]);
    for (range, expect) in [
        ("1.*", &second),
        ("*", &second),
        (">=1.2 <1.5", &first),
        (">=2.0.0-0", &third),
        ("9.x", &first),
        ("v1.2.0", &first),
    ] {
        check(&fixture, range, Ok(expect)).await;
    }
    fixture.app.git(&["tag", "-d", "1.10.0"]);
    check(&fixture, "1.*", Ok(&first)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn some_digits_of_a_commit() {
    let fixture = Fixture::new();
    let commit = fixture.app.commit("a.yaml", "1");
    let short = &commit[..7];
    let expect = format!(
        "revision `{short}` not found in URL: a commit is named by all its 40 digits, write {commit}; branches and tags there: main"
    );
    check(&fixture, short, Err(&expect)).await;
    fixture.app.git(&["branch", short]);
    check(&fixture, short, Ok(&commit)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_moves() {
    let fixture = Fixture::new();
    let first = fixture.app.commit("a.yaml", "1");
    check(&fixture, "main", Ok(&first)).await;
    fixture.app.write("a.yaml", "other");
    fixture.app.git(&["commit", "-q", "-a", "--amend", "-m", "forced"]);
    let forced = fixture.app.git(&["rev-parse", "HEAD"]);
    assert_ne!(first, forced);
    check(&fixture, "main", Ok(&forced)).await;
    fixture.app.git(&["branch", "-m", "main", "trunk"]);
    let gone = "revision `main` not found in URL: branches and tags there: trunk";
    check(&fixture, "main", Err(gone)).await;
    check(&fixture, "HEAD", Ok(&forced)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_names_asked_for_are_listed() {
    let fixture = Fixture::new();
    let commit = fixture.app.commit("a.yaml", "1");
    check(&fixture, "main", Ok(&commit)).await;
    assert_eq!(fixture.server.lists(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_the_first_protocol() {
    let fixture = Fixture::with(|options| options.old = true);
    let commit = fixture.app.commit("a.yaml", "old");
    fixture.app.git(&["tag", "-a", "v1", "-m", "one"]);
    check(&fixture, "v1", Ok(&commit)).await;
    check(&fixture, "mian", Err("revision `mian` not found in URL: branches and tags there: main, v1")).await;
    fixture.fetch(&commit).await.unwrap();
    assert_eq!(fixture.read(&commit, "a.yaml").await.unwrap(), "old");
}

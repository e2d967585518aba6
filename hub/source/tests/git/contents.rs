//! What is in a commit.

use crate::*;
use hub_source::Mode;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_kind() {
    let fixture = Fixture::new();
    let app = &fixture.app;
    app.write("a/b/c.yaml", "c: 1\n");
    app.write("a-b.yaml", "x");
    app.write("run.sh", "#!/bin/sh\n");
    app.write("ünï/ç d.yaml", "");
    app.git(&["add", "-A"]);
    app.git(&["update-index", "--chmod=+x", "run.sh"]);
    std::os::unix::fs::symlink("a/b/c.yaml", app.folder().join("link")).unwrap();
    let other = "1111111111111111111111111111111111111111";
    app.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{other},sub")]);
    app.git(&["add", "link"]);
    app.git(&["commit", "-q", "-m", "all kinds"]);
    let commit = app.git(&["rev-parse", "HEAD"]);
    for url in [fixture.url(), fixture.file_url()] {
        fixture.repositories.fetch(&url, &id(&commit), "main", None).await.unwrap();
        let tree = fixture.repositories.list(&url, &id(&commit)).await.unwrap();
        let entries: Vec<_> = tree.entries().iter().map(|e| (e.path.as_str(), e.mode, e.size)).collect();
        let expect = [
            ("a-b.yaml", Mode::File, Some(1)),
            ("a/b/c.yaml", Mode::File, Some(5)),
            ("link", Mode::Symlink, Some(10)),
            ("run.sh", Mode::Executable, Some(10)),
            ("sub", Mode::Submodule, None),
            ("ünï/ç d.yaml", Mode::File, Some(0)),
        ];
        assert_eq!(entries, expect);
        assert_eq!(tree.get("sub").unwrap().id.as_str(), other);
        assert_eq!(tree.root().as_str(), app.git(&["rev-parse", "HEAD^{tree}"]));
        let under = |path| tree.under(path).map(|e| e.path.clone()).collect::<Vec<_>>();
        assert_eq!(under("a"), ["a/b/c.yaml"]);
        assert_eq!(under("a/b/"), ["a/b/c.yaml"]);
        assert_eq!(under("").len(), 6);
        assert_eq!(under("a/b/c.yaml"), Vec::<String>::new());
    }
    assert_eq!(fixture.read(&commit, "a/b/c.yaml").await.unwrap(), "c: 1\n");
    assert_eq!(fixture.read(&commit, "link").await.unwrap(), "a/b/c.yaml");
    assert_eq!(fixture.read(&commit, "ünï/ç d.yaml").await.unwrap(), "");
    for path in ["a/b", "sub", "nope", "/a-b.yaml", "../a-b.yaml"] {
        let err = fixture.read(&commit, path).await.unwrap_err().to_string();
        assert_eq!(err, format!("no file `{path}` in {} at {}", fixture.url(), &commit[..7]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_have_ids() {
    let fixture = Fixture::new();
    fixture.app.write("a/b/c.yaml", "1");
    let first = fixture.app.commit("d.yaml", "1");
    let second = fixture.app.commit("d.yaml", "2");
    let tree_id = async |commit: &str, path: &str| {
        fixture.fetch(commit).await.unwrap();
        let tree = fixture.repositories.tree_id(&fixture.url(), &id(commit), path).await;
        tree.map(|tree| tree.map(|id| id.to_string())).map_err(|err| err.to_string())
    };
    let expect = fixture.app.git(&["rev-parse", "HEAD:a/b"]);
    for path in ["a/b", "a/b/", "./a/b", "/a//b"] {
        assert_eq!(tree_id(&second, path).await, Ok(Some(expect.clone())), "{path}");
    }
    assert_eq!(tree_id(&first, "a/b").await, Ok(Some(expect)), "another commit, the same folder");
    for path in ["", ".", "/"] {
        assert_eq!(tree_id(&second, path).await, Ok(Some(fixture.app.git(&["rev-parse", "HEAD^{tree}"]))));
    }
    for path in ["nope", "d.yaml", "a/b/c.yaml", "a/b/c.yaml/x"] {
        assert_eq!(tree_id(&second, path).await, Ok(None), "{path}");
    }
    let outside = tree_id(&second, "a/../..").await.unwrap_err();
    assert!(outside.starts_with("path `a/../..` leads out of the repository"), "{outside}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_are_refused_by_name() {
    let fixture = Fixture::new();
    fixture.app.write("small.yaml", "0123456789");
    fixture.app.write("next.yaml", "0123456789");
    let commit = fixture.app.commit("large.bin", vec![7; 20 << 20]);
    fixture.fetch(&commit).await.unwrap();
    let read = async |paths: &[&str], per_file, total| {
        let paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
        let limit = ReadLimit { per_file, total };
        let files = fixture.repositories.read(&fixture.url(), &id(&commit), &paths, limit).await;
        files.map(|files| files.len()).map_err(|err| err.to_string())
    };
    let url = fixture.url();
    assert_eq!(
        read(&["small.yaml", "large.bin"], 10 << 20, 100 << 20).await,
        Err(format!("`large.bin` in {url} is too large: 20971520 bytes in the file, the limit is 10485760"))
    );
    assert_eq!(
        read(&["small.yaml", "next.yaml"], 10, 19).await,
        Err(format!("`next.yaml` in {url} is too large: 20 bytes in the files up to it, the limit is 19"))
    );
    assert_eq!(read(&["small.yaml", "next.yaml"], 10, 20).await, Ok(2));
    assert_eq!(read(&["large.bin"], 20 << 20, 20 << 20).await, Ok(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_pack_does_not_unfold_into_all_memory() {
    let fixture = Fixture::new();
    fixture.app.commit("a.yaml", "1");
    // Each folder holds the one below ten times: 10⁹ files in a pack of a few hundred bytes.
    let mut tree = fixture.app.git(&["rev-parse", "HEAD^{tree}"]);
    for _ in 0..9 {
        let lines: String = (0..10).map(|n| format!("040000 tree {tree}\t{n}\n")).collect();
        tree = fixture.app.git_with(&["mktree"], &lines);
    }
    let bomb = fixture.app.git(&["commit-tree", "-m", "bomb", &tree]);
    fixture.app.git(&["update-ref", "refs/heads/main", &bomb]);
    fixture.fetch(&bomb).await.unwrap();
    let err = fixture.repositories.list(&fixture.url(), &id(&bomb)).await.unwrap_err().to_string();
    let expect = format!(
        "the tree of {} at {} is too large: more than 1000000 files and folders",
        fixture.url(),
        &bomb[..7]
    );
    assert!(err.starts_with(&expect), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_without_files_do_not_unfold_for_ever() {
    let fixture = Fixture::new();
    fixture.app.commit("a.yaml", "1");
    // Each folder holds the one below twice, the last nothing: 2⁶⁰ folders and not one file.
    let mut tree = fixture.app.git_with(&["mktree"], "");
    for _ in 0..60 {
        let lines: String = ["a", "b"].map(|name| format!("040000 tree {tree}\t{name}\n")).concat();
        tree = fixture.app.git_with(&["mktree"], &lines);
    }
    let bomb = fixture.app.git(&["commit-tree", "-m", "bomb", &tree]);
    fixture.app.git(&["update-ref", "refs/heads/main", &bomb]);
    fixture.fetch(&bomb).await.unwrap();
    let err = fixture.repositories.list(&fixture.url(), &id(&bomb)).await.unwrap_err().to_string();
    assert!(err.contains("is too large: more than 1000000 files and folders"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_files() {
    let fixture = Fixture::new();
    for n in 0..10_000 {
        let text = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{n}}}\n");
        fixture.app.write(&format!("apps/{}/{}/c{n}.yaml", n / 1000, n / 10), text);
    }
    let commit = fixture.app.commit_all("many");
    fixture.app.git(&["gc", "-q"]);
    let timed = |what, from: Instant| println!("{what}: {:?}", from.elapsed());
    let from = Instant::now();
    fixture.fetch(&commit).await.unwrap();
    timed("fetch", from);
    let from = Instant::now();
    let tree = fixture.repositories.list(&fixture.url(), &id(&commit)).await.unwrap();
    timed("list", from);
    let paths: Vec<_> = tree.entries().iter().map(|e| e.path.clone()).collect();
    assert_eq!(paths.len(), 10_000);
    let from = Instant::now();
    let files = fixture.repositories.read(&fixture.url(), &id(&commit), &paths, ROOMY).await.unwrap();
    timed("read all", from);
    assert!(
        files
            .iter()
            .zip(&paths)
            .all(|((path, bytes), expect)| path == expect && bytes.starts_with(b"apiVersion"))
    );
    let from = Instant::now();
    let again = fixture.repositories.list(&fixture.url(), &id(&commit)).await.unwrap();
    timed("list again", from);
    assert!(std::sync::Arc::ptr_eq(&tree, &again));
    let next = fixture.app.commit("apps/new.yaml", "1");
    let from = Instant::now();
    fixture.fetch(&next).await.unwrap();
    timed("fetch of one more file", from);
    let sizes: Vec<_> = packs(&fixture.mirror()).iter().map(|p| p.metadata().unwrap().len()).collect();
    assert_eq!(sizes.len(), 2);
    assert!(
        sizes.iter().min().unwrap() * 20 < *sizes.iter().max().unwrap(),
        "only what is new comes: {sizes:?}"
    );
}

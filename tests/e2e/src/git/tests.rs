use super::{GitServer, Login, Repository, git};

/// Clones the URL and gives the id of its commit and the content of `file`.
fn clone(url: &str, file: &str) -> anyhow::Result<(String, String)> {
    let dir = tempfile::tempdir()?;
    git(dir.path(), &["clone", "--quiet", url, "clone"])?;
    let clone = dir.path().join("clone");
    Ok((git(&clone, &["rev-parse", "HEAD"])?, std::fs::read_to_string(clone.join(file))?))
}

#[test]
fn what_is_pushed_is_served_and_nothing_else() {
    let repository = Repository::create("shop").unwrap();
    let server = GitServer::start(repository.root(), None).unwrap();
    let first = repository.commit(&[("apps/orders/app.yaml", "one"), ("old", "")]).unwrap();
    repository.push().unwrap();
    let second = repository.commit(&[("apps/orders/app.yaml", "two")]).unwrap();
    for url in [server.url("shop"), repository.file_url()] {
        assert_eq!(clone(&url, "apps/orders/app.yaml").unwrap(), (first.clone(), "one".to_owned()));
    }
    repository.push().unwrap();
    assert_eq!(clone(&server.url("shop"), "apps/orders/app.yaml").unwrap(), (second, "two".to_owned()));

    repository.remove(&["old"]).unwrap();
    repository.push().unwrap();
    clone(&server.url("shop"), "old").unwrap_err();
    let missing = clone(&server.url("other"), "").unwrap_err().to_string();
    assert!(missing.contains("not found"), "{missing}");
}

#[test]
fn a_login_is_asked_for() {
    let repository = Repository::create("shop").unwrap();
    let sha = repository.commit(&[("file", "content")]).unwrap();
    repository.push().unwrap();
    let login = Login { username: "git".to_owned(), password: "secret".to_owned() };
    let server = GitServer::start(repository.root(), Some(&login)).unwrap();
    let url = server.url("shop");
    let with = |login: &str| url.replace("http://", &format!("http://{login}@"));
    assert_eq!(clone(&with("git:secret"), "file").unwrap(), (sha, "content".to_owned()));
    clone(&with("git:wrong"), "file").unwrap_err();
    clone(&url, "file").unwrap_err();
}

//! Who may read, and servers that do not answer as they should.

use crate::*;
use hub_source::Credentials;
use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    time::{Duration, Instant},
};

/// `me:s3cret`
const BASIC: &str = "Basic bWU6czNjcmV0";

fn secrets() -> [&'static str; 3] {
    ["s3cret", "wr0ng", "bWU6"]
}

async fn resolve(repositories: &Repositories, url: &RepoUrl, credentials: Option<Credentials>) -> String {
    match repositories.resolve(url, "main", credentials.as_ref()).await {
        Ok(commit) => commit.to_string(),
        Err(err) => {
            for text in [err.to_string(), format!("{err:?}")] {
                assert!(!secrets().iter().any(|secret| text.contains(secret)), "{text}");
            }
            err.to_string()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_asked_for() {
    let fixture = Fixture::with(|options| options.authorization = Some(BASIC.to_owned()));
    let commit = fixture.app.commit("a.yaml", "1");
    let url = fixture.url();
    let remedy = "create a repository Secret for it with a valid token, or renew the token there";
    let with = |credentials| resolve(&fixture.repositories, &url, credentials);
    assert_eq!(with(Some(Credentials::basic("me", "s3cret"))).await, commit);
    assert_eq!(with(Some(Credentials::basic("me", "s3cret\n"))).await, commit);
    assert_eq!(with(None).await, format!("{url} refused to be read without credentials: {remedy}"));
    let wrong = format!("{url} refused to be read with the given credentials: {remedy}");
    assert_eq!(with(Some(Credentials::basic("me", "wr0ng"))).await, wrong);
    assert_eq!(with(Some(Credentials::bearer("wr0ng"))).await, wrong);
    let inside = |pair: &str| RepoUrl::new(url.as_str().replace("http://", &format!("http://{pair}@")));
    assert_eq!(resolve(&fixture.repositories, &inside("me:s3cret"), None).await, commit);
    assert_eq!(resolve(&fixture.repositories, &inside("me:wr0ng"), None).await, wrong);
    let credentials = Credentials::basic("me", "s3cret");
    let there = fixture.repositories.fetch(&url, &id(&commit), "main", Some(&credentials)).await;
    assert_eq!(there, Ok(()));
    assert_eq!(fixture.read(&commit, "a.yaml").await.unwrap(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token() {
    let fixture = Fixture::with(|options| options.authorization = Some("Bearer s3cret".to_owned()));
    let commit = fixture.app.commit("a.yaml", "1");
    let got = resolve(&fixture.repositories, &fixture.url(), Some(Credentials::bearer("s3cret"))).await;
    assert_eq!(got, commit);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority() {
    let (pem, tls) = authority::authority();
    let fixture = Fixture::with(|options| {
        options.tls = Some(tls);
        options.authorization = Some(BASIC.to_owned());
    });
    let commit = fixture.app.commit("a.yaml", "1");
    let config = Config { ca_certificates: vec![pem], ..Config::new(fixture.folder.path().join("trusting")) };
    let trusting = Repositories::build(config).unwrap();
    let credentials = Credentials::basic("me", "s3cret");
    assert_eq!(resolve(&trusting, &fixture.url(), Some(credentials.clone())).await, commit);
    trusting.fetch(&fixture.url(), &id(&commit), "main", Some(&credentials)).await.unwrap();
    assert_eq!(trusting.list(&fixture.url(), &id(&commit)).await.unwrap().entries().len(), 1);
    let wrong = resolve(&trusting, &fixture.url(), Some(Credentials::basic("me", "wr0ng"))).await;
    assert!(wrong.contains("refused to be read with the given credentials"), "{wrong}");
    let other = resolve(&fixture.repositories, &fixture.url(), Some(credentials)).await;
    assert!(
        other.starts_with(&format!("cannot reach {}: invalid peer certificate", fixture.url())),
        "{other}"
    );
}

#[test]
fn certificates_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { ca_certificates: vec!["nonsense".to_owned()], ..config(&folder) };
    let err = Repositories::build(config).unwrap_err().to_string();
    assert!(err.starts_with("cannot use a CA certificate for Git"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_are_told_apart() {
    for (status, expect) in [
        (403, "URL refused to be read without credentials: the server knows who asks and forbids it"),
        (404, "no repository at URL: check the address"),
        (500, "cannot reach URL: "),
    ] {
        let fixture = Fixture::with(|options| options.status = Some(status));
        let got = resolve(&fixture.repositories, &fixture.url(), None).await;
        assert!(got.starts_with(&expect.replace("URL", &fixture.url().to_string())), "{status}: {got}");
        assert!(status != 500 || got.contains("500"), "{got}");
    }
    let fixture = Fixture::new();
    let url = RepoUrl::new(fixture.server.url("nope"));
    assert!(resolve(&fixture.repositories, &url, None).await.starts_with("no repository at"));
    let url = RepoUrl::new(format!("file://{}/nope", fixture.folder.path().display()));
    assert!(resolve(&fixture.repositories, &url, None).await.starts_with("no repository at"));
}

#[tokio::test(flavor = "multi_thread")]
async fn local_repositories_need_the_flag() {
    let fixture = Fixture::new();
    let commit = fixture.app.commit("a.yaml", "1");
    let strict = Repositories::build(Config::new(fixture.folder.path().join("strict"))).unwrap();
    for url in [fixture.file_url(), RepoUrl::new(fixture.app.folder().display().to_string())] {
        let expect = Err(Error::FileNotAllowed { url: url.clone() });
        assert_eq!(strict.resolve(&url, "main", None).await, expect);
        assert_eq!(strict.resolve(&url, &commit, None).await, expect);
        assert_eq!(strict.fetch(&url, &id(&commit), "main", None).await.map(|()| id(&commit)), expect);
        assert_eq!(strict.list(&url, &id(&commit)).await.map(|_| id(&commit)), expect);
        assert_eq!(fixture.repositories.resolve(&url, "main", None).await, Ok(id(&commit)));
    }
}

/// A server that does with each connection what it is told to.
fn raw(serve: impl Fn(std::net::TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Reads until the client goes away, answering nothing.
fn silence(mut stream: std::net::TcpStream) {
    std::io::copy(&mut stream, &mut std::io::sink()).ok();
}

/// Reads a request's head.
fn head(stream: &std::net::TcpStream) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    for _ in lines.take_while(|line| !line.is_empty()) {}
}

fn hasty(fixture: &Fixture) -> Repositories {
    let timeout = Duration::from_secs(1);
    Repositories::build(Config { timeout, parallelism: 2, ..config(&fixture.folder) }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_listens() {
    let fixture = Fixture::new();
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let got = resolve(&fixture.repositories, &RepoUrl::new(format!("http://{free}/app")), None).await;
    assert!(got.starts_with(&format!("cannot reach http://{free}/app: Connection refused")), "{got}");
    let got = resolve(&fixture.repositories, &RepoUrl::new("https://git.invalid/app"), None).await;
    assert!(got.starts_with("cannot reach https://git.invalid/app: "), "{got}");
    assert!(got.contains("lookup"), "{got}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_holds_up_nobody_else() {
    let fixture = Fixture::new();
    let commit = fixture.app.commit("a.yaml", "1");
    let timeout = Duration::from_secs(8);
    let config = Config { timeout, parallelism: 2, ..config(&fixture.folder) };
    let repositories = Repositories::build(config).unwrap();
    let (reached, mut connections) = tokio::sync::mpsc::unbounded_channel();
    let silent = raw(move |stream| {
        reached.send(()).ok();
        silence(stream);
    });
    let mut stuck = tokio::task::JoinSet::new();
    for n in 0..6 {
        let (repositories, url) = (repositories.clone(), url_of(silent, n));
        stuck.spawn(async move { repositories.resolve(&url, "main", None).await });
    }
    for _ in 0..2 {
        connections.recv().await.unwrap();
    }
    repositories.fetch(&fixture.url(), &id(&commit), "main", None).await.unwrap();
    repositories.list(&fixture.url(), &id(&commit)).await.unwrap();
    assert!(stuck.try_join_next().is_none(), "the others are still waiting");
    assert!(connections.try_recv().is_err(), "no more than two talk to one host");
    while let Some(ended) = stuck.join_next().await {
        assert!(matches!(ended, Ok(Err(Error::TimedOut { .. }))), "{ended:?}");
    }
    assert!(connections.try_recv().is_err(), "those whose time is over do not even connect");
}

fn url_of(address: SocketAddr, n: usize) -> RepoUrl {
    RepoUrl::new(format!("http://{address}/{n}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_ends_by_its_deadline() {
    let fixture = Fixture::new();
    let repositories = hasty(&fixture);
    let silent = raw(silence);
    // One line of the answer, byte by byte, for ever.
    let dripping = raw(|mut stream| {
        head(&stream);
        let begin =
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\nfff0";
        stream.write_all(begin).ok();
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    for address in [silent, dripping] {
        let url = url_of(address, 1);
        let commit = id("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        let started = Instant::now();
        let (resolved, fetched) = tokio::join!(
            repositories.resolve(&url, "main", None),
            repositories.fetch(&url, &commit, "main", None)
        );
        let took = started.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?}");
        for err in [resolved.unwrap_err(), fetched.unwrap_err()] {
            assert!(matches!(err, Error::TimedOut { .. }), "{err}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_moved() {
    let (pem, tls) = authority::authority();
    let fixture = Fixture::with(|options| {
        options.tls = Some(tls);
        options.authorization = Some(BASIC.to_owned());
        options.moved = Some(("/group/app".to_owned(), "/app".to_owned()));
    });
    let commit = fixture.app.commit("a.yaml", "1");
    let config = Config { ca_certificates: vec![pem], ..config(&fixture.folder) };
    let repositories = Repositories::build(config).unwrap();
    let (url, credentials) =
        (RepoUrl::new(fixture.server.url("group/app")), Credentials::basic("me", "s3cret"));
    assert_eq!(resolve(&repositories, &url, Some(credentials.clone())).await, commit);
    repositories.fetch(&url, &id(&commit), "main", Some(&credentials)).await.unwrap();
    assert_eq!(repositories.list(&url, &id(&commit)).await.unwrap().entries().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_follows_to_no_other_server() {
    for (login, header) in
        [(Credentials::basic("me", "s3cret"), BASIC), (Credentials::bearer("s3cret"), "Bearer s3cret")]
    {
        // Another server that would serve who brings the login.
        let other = Fixture::with(|options| options.authorization = Some(header.to_owned()));
        let commit = other.app.commit("a.yaml", "1");
        assert_eq!(resolve(&other.repositories, &other.url(), Some(login.clone())).await, commit);
        let asked = other.server.lists();
        let fixture = Fixture::with(|options| {
            options.moved = Some(("/group/app".to_owned(), other.url().as_str().to_owned()));
        });
        let url = RepoUrl::new(fixture.server.url("group/app"));
        let got = resolve(&fixture.repositories, &url, Some(login)).await;
        assert_ne!(got, commit, "{header}");
        assert_eq!(other.server.lists(), asked, "{header}: {got}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_no_git_server() {
    let fixture = Fixture::new();
    let page = raw(|mut stream| {
        head(&stream);
        let body = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
        stream.write_all(body.as_bytes()).ok();
    });
    let got = resolve(&fixture.repositories, &url_of(page, 1), None).await;
    assert!(got.contains("could not be read") && got.contains("smart"), "{got}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_too_much_says_for_how_long() {
    for (status, after) in [(429, Some(77)), (503, Some(5)), (429, None)] {
        let fixture = Fixture::with(|options| {
            options.status = Some(status);
            options.after = after;
        });
        let refused = fixture.repositories.resolve(&fixture.url(), "main", None).await.unwrap_err();
        let waits = after.map(|seconds| Duration::from_secs(seconds.into()));
        assert_eq!(refused, Error::TooMany { url: fixture.url(), status, after: waits });
        let server =
            hub_source::poll::Failed::Server { after: Some(waits.unwrap_or(Duration::from_secs(60))) };
        assert_eq!(hub_source::poll::Failed::from(&refused), server);
    }
}

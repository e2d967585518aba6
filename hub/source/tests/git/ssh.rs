//! Repositories over SSH: the system's `ssh` against a real server.

use crate::{proxy::Proxy, sshd, sshd::Sshd, *};
use hub_source::Credentials;
use sha2::{Digest as _, Sha256};
use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, time::Duration};

struct Ssh {
    fixture: Fixture,
    server: Sshd,
    key: String,
}

impl Ssh {
    fn new(more: &[&str]) -> Self {
        let fixture = Fixture::new();
        let path = fixture.folder.path().join("id");
        let key = sshd::key(&path, "");
        let root = fixture.folder.path().join("served");
        let server = Sshd::start(&root, Some(&path.with_extension("pub")), more);
        Self { fixture, server, key }
    }

    fn url(&self) -> RepoUrl {
        RepoUrl::new(self.server.url("app"))
    }

    fn credentials(&self) -> Credentials {
        Credentials::ssh_key(&self.key).with_known_hosts(self.server.known.as_str())
    }

    async fn resolve(&self, url: &RepoUrl, credentials: &Credentials) -> String {
        let got = self.fixture.repositories.resolve(url, "main", Some(credentials)).await;
        let got = got.map_or_else(|err| err.to_string(), |commit| commit.to_string());
        assert!(!got.contains("BEGIN OPENSSH") && !got.contains("debug1"), "{got}");
        got
    }

    /// Nothing that `ssh` read is left.
    fn is_clean(&self) {
        let mirrors = self.fixture.folder.path().join("mirrors");
        let left = [folders(&mirrors, "ssh-"), secrets(&mirrors)].concat();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// The folders of keys that a hub with these mirrors has now: outside of them, in memory.
fn secrets(mirrors: &Path) -> Vec<PathBuf> {
    let whole = mirrors.canonicalize().unwrap();
    let digest = hex::encode(Sha256::digest(whole.as_os_str().as_encoded_bytes()));
    let prefix = format!("flotilla-ssh-{}-", &digest[..16]);
    let places = [Path::new("/dev/shm").to_owned(), std::env::temp_dir()];
    places.iter().filter(|place| place.is_dir()).flat_map(|place| folders(place, &prefix)).collect()
}

async fn check_reads(ssh: &Ssh, credentials: &Credentials) {
    let app = &ssh.fixture.app;
    app.commit("a.yaml", "0");
    let commit = app.commit("a.yaml", "1");
    app.git(&["tag", "-a", "v1.0.0", "-m", "one"]);
    let (repositories, url) = (&ssh.fixture.repositories, ssh.url());
    assert_eq!(ssh.resolve(&url, credentials).await, commit);
    let tag = repositories.resolve(&url, "1.*", Some(credentials)).await;
    assert_eq!(tag.map(|c| c.to_string()), Ok(commit.clone()));
    repositories.fetch(&url, &id(&commit), "main", Some(credentials)).await.unwrap();
    let read = repositories.read(&url, &id(&commit), &["a.yaml".to_owned()], ROOMY).await.unwrap();
    assert_eq!(&read[0].1[..], b"1");
    let absent = id("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    let gone = repositories.fetch(&url, &absent, "main", Some(credentials)).await;
    assert!(matches!(gone, Err(Error::CommitNotFound { .. })), "{gone:?}");
    ssh.is_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_reads() {
    let ssh = Ssh::new(&[]);
    check_reads(&ssh, &ssh.credentials()).await;
    let generation = &folders(&ssh.fixture.mirror(), "gen-")[0];
    let commit = ssh.fixture.app.git(&["rev-parse", "HEAD"]);
    assert_eq!(repository::git(generation, &["rev-list", "--count", &commit]), "1", "history is not fetched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_protocol_version() {
    let ssh = Ssh::new(&["-refuse-protocol"]);
    check_reads(&ssh, &ssh.credentials()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_known_or_refused() {
    let ssh = Ssh::new(&[]);
    let commit = ssh.fixture.app.commit("a.yaml", "1");
    let (url, host) = (ssh.url(), ssh.server.address.replace("127.0.0.1", "[127.0.0.1]"));
    let unknown = ssh.resolve(&url, &Credentials::ssh_key(&ssh.key)).await;
    let begin = format!("the host key of {host} (ssh-ed25519 SHA256:");
    assert!(unknown.starts_with(&begin) && unknown.contains("is not known: compare it"), "{unknown}");
    assert!(unknown.contains("argocd/argocd-ssh-known-hosts-cm"), "{unknown}");
    let other = Ssh::new(&[]);
    let (_, key) = other.server.known.split_once(' ').unwrap();
    let changed = Credentials::ssh_key(&ssh.key).with_known_hosts(format!("{host} {key}"));
    let changed = ssh.resolve(&url, &changed).await;
    assert!(
        changed.starts_with(&format!("the host key of {host} has changed (ssh-ed25519 SHA256:")),
        "{changed}"
    );
    let insecure = Credentials::ssh_key(&ssh.key).insecure();
    assert_eq!(ssh.resolve(&url, &insecure).await, commit);
    ssh.is_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_do_not_do() {
    let ssh = Ssh::new(&[]);
    ssh.fixture.app.commit("a.yaml", "1");
    let (url, known) = (ssh.url(), ssh.server.known.as_str());
    let with = |key: String| Credentials::ssh_key(key).with_known_hosts(known);
    let path = ssh.fixture.folder.path().join("other");
    let remedy =
        "create a repository Secret for it with `sshPrivateKey`, and add its public key at the server";
    let wrong = ssh.resolve(&url, &with(sshd::key(&path, ""))).await;
    assert_eq!(wrong, format!("{url} refused to be read with the given key: {remedy}"));
    let none = ssh.resolve(&url, &Credentials::none().with_known_hosts(known)).await;
    assert_eq!(none, format!("{url} refused to be read without a key: {remedy}"));
    let locked = ssh.resolve(&url, &with(sshd::key(&path, "s3cret"))).await;
    assert!(locked.contains("`sshPrivateKey` has a passphrase"), "{locked}");
    let nonsense = ssh.resolve(&url, &with("nonsense".to_owned())).await;
    assert!(nonsense.contains("`sshPrivateKey` is no private key"), "{nonsense}");
    let cut: String = ssh.key.lines().take(3).map(|line| format!("{line}\n")).collect();
    let cut = ssh.resolve(&url, &with(cut)).await;
    assert!(cut.contains("cannot be used") || cut.contains("refused to be read"), "{cut}");
    let password = ssh.resolve(&url, &Credentials::basic("me", "pw").with_known_hosts(known)).await;
    assert!(password.contains("an address of SSH needs `sshPrivateKey`"), "{password}");
    let over_http = ssh.resolve(&ssh.fixture.url(), &ssh.credentials()).await;
    assert!(over_http.contains("needs an address of SSH"), "{over_http}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there() {
    let ssh = Ssh::new(&[]);
    let url = RepoUrl::new(ssh.server.url("nope"));
    assert!(ssh.resolve(&url, &ssh.credentials()).await.starts_with("no repository at"));
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let url = RepoUrl::new(format!("ssh://git@{free}/app"));
    let nobody = ssh.resolve(&url, &ssh.credentials()).await;
    assert!(
        nobody.starts_with(&format!("cannot reach {url}: ")) && nobody.contains("Connection refused"),
        "{nobody}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_ssh_are_for_us_only_and_go() {
    let ssh = Ssh::new(&[]);
    ssh.fixture.app.commit("a.yaml", "1");
    // A server that never answers: the files stay as long as it is waited for.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = RepoUrl::new(format!("ssh://git@{}/app", silent.local_addr().unwrap()));
    let mirrors = ssh.fixture.folder.path().join("mirrors");
    let config = Config { timeout: Duration::from_secs(2), ..config(&ssh.fixture.folder) };
    let hasty = Repositories::build(config).unwrap();
    let credentials = ssh.credentials();
    let mut asking = tokio::task::JoinSet::new();
    asking.spawn(async move { hasty.resolve(&url, "main", Some(&credentials)).await });
    let (_connection, _) = tokio::task::spawn_blocking(move || silent.accept()).await.unwrap().unwrap();
    let written = secrets(&mirrors);
    assert_eq!((written.len(), folders(&mirrors, "ssh-").len()), (1, 0), "{written:?}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&written[0]), 0o700);
    assert_eq!(mode(&written[0].join("key")), 0o600);
    let ended = asking.join_next().await.unwrap().unwrap();
    assert!(matches!(ended, Err(Error::TimedOut { .. })), "{ended:?}");
    ssh.is_clean();
    // What a crash left goes at the next start.
    fs::create_dir(mirrors.join("ssh-1-1")).unwrap();
    let name = written[0].file_name().unwrap().to_str().unwrap().to_owned();
    fs::create_dir(written[0].with_file_name(format!("{name}-of-a-crash"))).unwrap();
    assert_eq!(secrets(&mirrors).len(), 1);
    Repositories::build(self::config(&ssh.fixture.folder)).unwrap();
    ssh.is_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_proxy() {
    let ssh = Ssh::new(&[]);
    let commit = ssh.fixture.app.commit("a.yaml", "1");
    // `me:s3cret`
    let proxy = Proxy::start(Some("Basic bWU6czNjcmV0"));
    let http = |login: &str| format!("http://{login}{}", proxy.address());
    let with = |url: String| ssh.credentials().through_proxy(url, "elsewhere.example");
    assert_eq!(ssh.resolve(&ssh.url(), &with(http("me:s3cret@"))).await, commit);
    assert_eq!(proxy.ways(), 1);
    let refused = ssh.resolve(&ssh.url(), &with(http("me:wr0ng@"))).await;
    let expect = format!("cannot reach {}: the proxy {} refuses: HTTP/1.1 407", ssh.url(), proxy.address());
    assert!(refused.starts_with(&expect), "{refused}");
    assert_eq!(proxy.ways(), 1);
    let spared = ssh.credentials().through_proxy(http("me:wr0ng@"), "127.0.0.1");
    assert_eq!(ssh.resolve(&ssh.url(), &spared).await, commit);
    assert_eq!(proxy.ways(), 1);
    let socks = Proxy::start(None);
    assert_eq!(ssh.resolve(&ssh.url(), &with(format!("socks5://{}", socks.address()))).await, commit);
    assert_eq!(socks.ways(), 1);
    ssh.is_clean();
}

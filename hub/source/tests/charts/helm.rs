//! Helm repositories, and files.

use crate::*;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// An index of versions of `web`, with an address and a digest each.
fn index(versions: &[(&str, &str, Option<&[u8]>)]) -> String {
    let mut text = "apiVersion: v1\nentries:\n  db: []\n  web:\n".to_owned();
    for (version, url, bytes) in versions {
        text.push_str(&format!("  - version: {version}\n    urls: [\"{url}\"]\n"));
        if let Some(bytes) = bytes {
            text.push_str(&format!("    digest: {}\n", digest(bytes)));
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_resolved_from_the_index_alone_and_then_fetched_once() {
    let (one, two) = (archive("web", "1.0.0"), archive("web", "1.2.0"));
    let text =
        index(&[("1.2.0", "charts/web-1.2.0.tgz", Some(&two)), ("1.0.0", "web-1.0.0.tgz", Some(&one))]);
    let (old, new) = (one.clone(), two.clone());
    let web = Web::start(None, move |asked| match asked.path.as_str() {
        "/stable/index.yaml" => Said::ok(text.as_str()),
        "/stable/charts/web-1.2.0.tgz" => Said::ok(new.clone()),
        "/stable/web-1.0.0.tgz" => Said::ok(old.clone()),
        _ => Said::of(404),
    });
    let fixture = Fixture::new();
    let (url, none) = (helm(&web, "/stable/", "web"), Credentials::none());
    for (version, expect) in
        [("", &two), ("HEAD", &two), ("1.x", &two), ("1.0.0", &one), ("v1.0.0", &one), ("<1.1", &one)]
    {
        assert_eq!(fixture.resolve(&url, version, &none).await, digest(expect).as_str(), "{version}");
    }
    assert!(web.paths().iter().all(|path| path == "/stable/index.yaml"), "no archive is fetched for that");
    let label = fixture.charts.describe(&digest(&one)).unwrap();
    assert_eq!((label.name.as_str(), label.version.as_str()), ("web", "1.0.0"));

    let commit = digest(&one);
    assert_eq!(fixture.fetch(&url, "<1.1", &commit, &none).await, commit.as_str());
    assert_eq!(web.paths(), ["/stable/index.yaml", "/stable/web-1.0.0.tgz"]);
    // From the folder, by another process too.
    assert_eq!(fixture.fetch(&url, "<1.1", &commit, &none).await, commit.as_str());
    let again = open(fixture.folder.path(), |_| {});
    let files = again.files(&url, &commit, "<1.1", None).await.unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["Chart.yaml", "templates/a.yaml"]);
    assert_eq!(again.describe(&commit).unwrap().version, "1.0.0");
    assert_eq!(web.paths().len(), 0);

    let missing = fixture.resolve(&url, "2.x", &none).await;
    assert_eq!(
        missing,
        format!(
            "revision `2.x` not found in {}: no version is in that range; versions there: 1.2.0, 1.0.0",
            Address::shown(&url)
        )
    );
    let other = helm(&web, "/stable", "wep");
    let missing = fixture.resolve(&other, "1.x", &none).await;
    assert!(missing.ends_with("the repository has no chart `wep`; charts there: web, db"), "{missing}");
    let nowhere = helm(&web, "/elsewhere", "web");
    let missing = fixture.resolve(&nowhere, "1.x", &none).await;
    assert!(missing.starts_with("no repository at"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_is_sent_and_read_once_per_change() {
    let changes = Arc::new(AtomicUsize::new(0));
    let version = Arc::clone(&changes);
    let web = Web::start(None, move |asked| {
        let etag = format!("\"{}\"", version.load(Ordering::Acquire));
        if asked.header("if-none-match") == etag {
            return Said::of(304);
        }
        let text =
            index(&[(&format!("1.{}.0", version.load(Ordering::Acquire)), "web.tgz", Some(etag.as_bytes()))]);
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packer, text.as_bytes()).unwrap();
        assert_eq!(asked.header("accept-encoding"), "gzip");
        Said::ok(packer.finish().unwrap()).with("ETag", etag).with("Content-Encoding", "gzip")
    });
    let fixture = Fixture::new();
    let (url, none) = (helm(&web, "", "web"), Credentials::none());
    let first = fixture.resolve(&url, "1.x", &none).await;
    assert_eq!(first, digest(b"\"0\"").as_str());
    assert_eq!(fixture.resolve(&url, "1.x", &none).await, first);
    let asked = web.asked();
    assert_eq!(asked.iter().map(|asked| asked.header("if-none-match")).collect::<Vec<_>>(), ["", "\"0\""]);
    changes.store(1, Ordering::Release);
    assert_eq!(fixture.resolve(&url, "1.x", &none).await, digest(b"\"1\"").as_str());
    // What is known by one login is not given to another.
    web.asked();
    fixture.resolve(&url, "1.x", &me()).await;
    assert_eq!(web.asked()[0].header("if-none-match"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_goes_to_its_own_host_only_unless_it_is_passed_on() {
    let bytes = archive("web", "1.0.0");
    let sent = bytes.clone();
    let cdn = Web::start(None, move |asked| match (asked.path.as_str(), asked.header("authorization")) {
        ("/closed.tgz", "") => Said::of(401),
        _ => Said::ok(sent.clone()),
    });
    let (open_at, closed_at) = (format!("{}/open.tgz", cdn.url()), format!("{}/closed.tgz", cdn.url()));
    let to = open_at.clone();
    let (other, third) = (archive("web", "2.0.0"), archive("web", "3.0.0"));
    let text = index(&[
        ("1.0.0", &open_at, Some(&bytes)),
        ("2.0.0", &closed_at, Some(&other)),
        ("3.0.0", "moved.tgz", Some(&third)),
    ]);
    let web = Web::start(None, move |asked| match (asked.path.as_str(), asked.header("authorization")) {
        (_, given) if given != BASIC => Said::of(401).with("WWW-Authenticate", "Basic realm=\"charts\""),
        ("/index.yaml", _) => Said::ok(text.as_str()),
        ("/moved.tgz", _) => Said::of(302).with("Location", to.clone()),
        _ => Said::of(404),
    });
    let fixture = Fixture::new();
    let url = helm(&web, "", "web");
    let commit = digest(&bytes);
    assert_eq!(fixture.fetch(&url, "1.0.0", &commit, &me()).await, commit.as_str());
    assert_eq!(cdn.asked()[0].header("authorization"), "");
    // Redirected there.
    let moved = fixture.fetch(&url, "3.0.0", &digest(&third), &me()).await;
    assert!(moved.contains(&format!("has the SHA-256 {commit}, the repository's index says")), "{moved}");
    assert_eq!(cdn.asked()[0].header("authorization"), "");
    let refused = fixture.fetch(&url, "2.0.0", &digest(&other), &me()).await;
    assert_eq!(
        refused,
        format!(
            "{} refused to be read without the credentials, which are another host's: if the host that its archives are on may have the credentials, set `passCredentials: true` in the source's `helm`",
            Address::shown(&url)
        )
    );
    cdn.asked();
    fixture.fetch(&url, "2.0.0", &digest(&other), &me().passed_on()).await;
    assert_eq!(cdn.asked()[0].header("authorization"), BASIC);

    let nobody = fixture.resolve(&url, "1.0.0", &Credentials::none()).await;
    assert!(
        nobody.contains("refused to be read without credentials: create a repository Secret"),
        "{nobody}"
    );
    let wrong = fixture.resolve(&url, "1.0.0", &Credentials::basic("me", "other")).await;
    assert!(wrong.contains("refused to be read with the given credentials"), "{wrong}");
    // In the address itself.
    let inside = web.url().replace("http://", "http://me:s3cret@");
    let inside = Address::repository(&inside, "web").unwrap().to_url();
    assert_eq!(fixture.resolve(&inside, "1.0.0", &Credentials::none()).await, commit.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pinned_is_what_is_given() {
    let (was, is) = (archive("web", "1.0.0"), archive("web", "1.0.1"));
    let moment = Arc::new(AtomicUsize::new(0));
    let at = Arc::clone(&moment);
    let (before, after) = (was.clone(), is.clone());
    let web = Web::start(None, move |asked| {
        let now = at.load(Ordering::Acquire);
        match (asked.path.as_str(), now) {
            ("/told/index.yaml", 0) => Said::ok(index(&[("1.0.0", "web.tgz", Some(&before))])),
            ("/told/index.yaml", 1) => Said::ok(index(&[("1.0.0", "web.tgz", Some(&after))])),
            ("/told/index.yaml", _) => Said::ok(index(&[])),
            ("/untold/index.yaml", _) => Said::ok(index(&[("1.0.0", "web.tgz", None)])),
            (_, 0) => Said::ok(before.clone()),
            (_, _) => Said::ok(after.clone()),
        }
    });
    let (fixture, none) = (Fixture::new(), Credentials::none());
    let (told, untold) = (helm(&web, "/told", "web"), helm(&web, "/untold", "web"));
    let pinned = digest(&was);
    assert_eq!(fixture.resolve(&told, "1.0.0", &none).await, pinned.as_str());
    assert_eq!(fixture.resolve(&untold, "1.0.0", &none).await, pinned.as_str());
    moment.store(1, Ordering::Release);
    assert_eq!(
        fixture.resolve(&untold, "1.0.0", &none).await,
        digest(&is).as_str(),
        "the same version, pushed anew"
    );
    // Elsewhere, where nothing is in the folder.
    let fixture = Fixture::new();
    let gone = |url: &RepoUrl, now: &str| {
        format!(
            "{} `1.0.0` is no longer what was pinned (sha256 {}…): {now}; refresh to take what is there now",
            Address::shown(url),
            pinned.short()
        )
    };
    let now = digest(&is);
    let got = fixture.fetch(&told, "1.0.0", &pinned, &none).await;
    assert_eq!(got, gone(&told, &format!("the repository's index says {}…", now.short())));
    let got = fixture.fetch(&untold, "1.0.0", &pinned, &none).await;
    assert_eq!(got, gone(&untold, &format!("the archive there is {}…", now.short())));
    moment.store(2, Ordering::Release);
    let got = fixture.fetch(&told, "1.0.0", &pinned, &none).await;
    assert_eq!(got, gone(&told, "the repository's index does not list it"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_fetched_again_when_it_has_changed() {
    let changes = Arc::new(AtomicUsize::new(0));
    let version = Arc::clone(&changes);
    let web = Web::start(None, move |asked| {
        let now = version.load(Ordering::Acquire).to_string();
        if asked.header("if-modified-since") == now {
            return Said::of(304);
        }
        Said::ok(format!("replicas: {now}\n")).with("Last-Modified", now)
    });
    let (fixture, none) = (Fixture::new(), Credentials::none());
    let url = Address::file(&format!("{}/a/values.yaml?x=1", web.url())).unwrap().to_url();
    let first = digest(b"replicas: 0\n");
    for _ in 0..2 {
        assert_eq!(fixture.resolve(&url, "", &none).await, first.as_str());
    }
    assert_eq!(fixture.fetch(&url, "", &first, &none).await, first.as_str());
    assert_eq!(web.paths(), ["/a/values.yaml?x=1"; 2]);
    assert_eq!(fixture.charts.describe(&first).unwrap().name, "values.yaml");
    changes.store(1, Ordering::Release);
    assert_eq!(fixture.resolve(&url, "", &none).await, digest(b"replicas: 1\n").as_str());
    let fixture = Fixture::new();
    let gone = fixture.fetch(&url, "", &first, &none).await;
    assert!(gone.contains("is no longer what was pinned"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_tls_are_trusted_by_an_authority_and_shown_a_certificate() {
    let bytes = archive("web", "1.0.0");
    let vouched = authority::vouched();
    let text = index(&[("1.0.0", "web.tgz", Some(&bytes))]);
    let web = Web::start(Some(vouched.mutual.clone()), move |_| Said::ok(text.as_str()));
    let fixture = Fixture::new();
    let url = helm(&web, "", "web");
    let trusting = Credentials::none().with_authorities(vouched.authority.as_str());
    let (chain, key) = &vouched.client;
    let shown = trusting.clone().with_client_certificate(chain, key);
    assert_eq!(fixture.resolve(&url, "1.0.0", &shown).await, digest(&bytes).as_str());
    let refused = fixture.resolve(&url, "1.0.0", &trusting).await;
    assert!(refused.starts_with("cannot reach"), "{refused}");
    let unknown = Credentials::none().with_client_certificate(chain, key);
    let unknown = fixture.resolve(&url, "1.0.0", &unknown).await;
    assert!(unknown.contains("invalid peer certificate"), "{unknown}");
    let insecure = Credentials::none().insecure().with_client_certificate(chain, key);
    assert_eq!(fixture.resolve(&url, "1.0.0", &insecure).await, digest(&bytes).as_str());
}

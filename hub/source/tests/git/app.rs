//! GitHub Apps: tokens that are asked for, kept, refused and got anew.

use crate::{github::Api, *};
use base64::Engine as _;
use hub_source::{Credentials, poll::Failed};

struct App {
    fixture: Fixture,
    api: Api,
    key: String,
    authority: String,
    commit: String,
}

impl App {
    /// A server that takes the token of that number.
    fn new(taken: u32) -> Self {
        let vouched = authority::vouched();
        let pair = format!("x-access-token:ghs_s3cret{taken}");
        let pair = base64::engine::general_purpose::STANDARD.encode(pair);
        let fixture = Fixture::with(|options| {
            options.tls = Some(vouched.server.clone());
            options.authorization = Some(format!("Basic {pair}"));
            options.moved = Some(("/team/app".to_owned(), "/app".to_owned()));
        });
        let commit = fixture.app.commit("a.yaml", "1");
        let path = fixture.folder.path().join("app");
        let key = sshd::rsa_key(&path);
        let public = std::fs::read_to_string(path.with_extension("pub")).unwrap();
        let api = Api::start(vouched.server, &public);
        Self { fixture, api, key, authority: vouched.authority, commit }
    }

    fn url(&self) -> RepoUrl {
        RepoUrl::new(self.fixture.server.url("team/app"))
    }

    fn credentials(&self, id: &str, installation: Option<&str>) -> Credentials {
        let base = Some(self.api.url.clone());
        Credentials::github_app(id, installation.map(str::to_owned), &self.key, base)
            .with_authorities(self.authority.as_str())
    }

    async fn resolve(&self, credentials: &Credentials) -> String {
        let got = self.fixture.repositories.resolve(&self.url(), "main", Some(credentials)).await;
        let got = got.map_or_else(|err| err.to_string(), |commit| commit.to_string());
        assert!(!got.contains("s3cret") && !got.contains("RSA PRIVATE KEY\n"), "{got}");
        got
    }

    fn asked(&self) -> Vec<String> {
        self.api.asked.lock().clone()
    }
}

const TOKENS: &str = "POST /app/installations/9/access_tokens";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_got_once() {
    let app = App::new(1);
    let credentials = app.credentials("7", None);
    assert_eq!(app.resolve(&credentials).await, app.commit);
    assert_eq!(app.resolve(&credentials).await, app.commit);
    app.fixture.repositories.fetch(&app.url(), &id(&app.commit), "main", Some(&credentials)).await.unwrap();
    assert_eq!(app.asked(), ["GET /repos/team/app/installation", TOKENS]);
    let named = app.credentials("7", Some("9"));
    let fresh = Repositories::build(config(&app.fixture.folder)).unwrap();
    // The second token is not the one that the server takes, nor is the third.
    let refused = fresh.resolve(&app.url(), "main", Some(&named)).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    assert_eq!(app.asked()[2..], [TOKENS, TOKENS], "once more, and no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_got_anew() {
    let app = App::new(2);
    assert_eq!(app.resolve(&app.credentials("7", Some("9"))).await, app.commit);
    assert_eq!(app.asked(), [TOKENS, TOKENS]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_does_not_give() {
    let app = App::new(2);
    let other = app.resolve(&app.credentials("8", None)).await;
    assert!(other.contains("the GitHub App 8: the API does not take its key"), "{other}");
    let absent = app.resolve(&app.credentials("7", Some("10"))).await;
    assert!(absent.contains("the GitHub App 7: it has no such installation"), "{absent}");
    let nonsense = Credentials::github_app("7", None, "nonsense", Some(app.api.url.clone()))
        .with_authorities(app.authority.as_str());
    let nonsense = app.resolve(&nonsense).await;
    assert!(nonsense.contains("`githubAppPrivateKey` is no RSA key"), "{nonsense}");
    app.api.refusals.lock().push("500 Internal Server Error".to_owned());
    let broken = app.resolve(&app.credentials("7", Some("9"))).await;
    assert!(broken.contains("it answers status 500"), "{broken}");
    assert_eq!(app.resolve(&app.credentials("7", Some("9"))).await, app.commit);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_says_to_wait_is_left_alone() {
    let app = App::new(1);
    app.api.refusals.lock().push("429 Too Many Requests\nRetry-After: 600\r\n".to_owned());
    let credentials = app.credentials("7", Some("9"));
    for _ in 0..3 {
        let busy = app.fixture.repositories.resolve(&app.url(), "main", Some(&credentials)).await;
        let Err(error @ Error::Api { after: Some(after), cause, .. }) = &busy else { panic!("{busy:?}") };
        let wait = after.as_secs();
        assert!((590..=600).contains(&wait) && cause.ends_with("it is asked too often (429)"), "{error}");
        assert_eq!(Failed::from(error), Failed::Repository, "Git's server has no part in it");
    }
    assert_eq!(app.asked(), [TOKENS]);
    // It answers again with another key, and 403 without a time is of the App, not of the server.
    app.api.refusals.lock().push("403 Forbidden".to_owned());
    let suspended =
        app.fixture.repositories.resolve(&app.url(), "main", Some(&app.credentials("7", None))).await;
    let suspended = suspended.unwrap_err();
    assert!(suspended.to_string().contains("it answers status 403"), "{suspended}");
    assert_eq!(Failed::from(&suspended), Failed::Repository);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_not_there_is_no_fault_of_gits_server() {
    let app = App::new(1);
    let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let base = Some(format!("https://{gone}/api/v3"));
    let credentials = Credentials::github_app("7", Some("9".to_owned()), &app.key, base);
    let error = app.fixture.repositories.resolve(&app.url(), "main", Some(&credentials)).await.unwrap_err();
    assert!(error.to_string().contains(&format!("the API of GitHub Apps at https://{gone}")), "{error}");
    assert_eq!(Failed::from(&error), Failed::Repository);
    assert_eq!(app.resolve(&app.credentials("7", Some("9"))).await, app.commit);
}

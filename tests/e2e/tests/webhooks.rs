//! Webhooks as a forge sends them: over TLS to a running hub, whose polling would take an hour.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hub_records::Stored;
use hub_serve::{Config, Hub};
use hub_source::poll::Settings;
use ring::hmac;
use serde_json::{Value, json};
use shared_model::Kind;
use shared_runtime::Tasks;
use std::{path::Path, time::Duration};
use tests_e2e::{
    eventually,
    git::{GitServer, Repository},
};

const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_secs(60);
const SECRET: &str = "kept between two";

struct Ground {
    tasks: Tasks,
    hub: Hub,
    client: reqwest::Client,
    server: GitServer,
    repository: Repository,
    _folder: tempfile::TempDir,
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.tasks.stop();
    }
}

impl Ground {
    /// A hub that follows `main` of a repository, and has released its first commit.
    async fn new() -> Self {
        shared_runtime::install_crypto();
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::create("fleet").unwrap();
        repository.commit(&[("web/config.yaml", &config_map("one"))]).unwrap();
        repository.push().unwrap();
        let server = GitServer::start(repository.root(), None).unwrap();
        let tasks = Tasks::new();
        let hub = Hub::start(config(folder.path()), &tasks).await.unwrap();
        let client = client(&hub.kubeconfig);
        let ground = Self { tasks, hub, client, server, repository, _folder: folder };
        ground.create(Kind::Cluster, json!({"metadata": {"name": "eu-1"}, "spec": {}})).await;
        ground.create(Kind::ApplicationSet, set(&ground.url())).await;
        ground.rollout("web-1").await;
        ground
    }

    async fn create(&self, kind: Kind, object: Value) -> Stored {
        self.hub.records.create(kind, object, shared_runtime::now()).await.unwrap()
    }

    fn url(&self) -> String {
        self.server.url("fleet")
    }

    /// Waits for a rollout; the store's watch wakes it.
    async fn rollout(&self, name: &str) {
        let records = &self.hub.records;
        let waiting = async {
            let from = records.store().revision().await.unwrap();
            let mut watch = records.store().watch("", from).await.unwrap();
            while records.get(Kind::FleetRollout, "argocd", name).await.unwrap().is_none() {
                watch.next().await.unwrap().unwrap();
            }
        };
        tokio::time::timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("never: {name}"));
    }

    /// What Gitea sends when `branch` was pushed to.
    async fn push(&self, secret: &str, branch: &str) -> (u16, Value) {
        let body = json!({
            "ref": format!("refs/heads/{branch}"),
            "before": "28e1879d029cb852e4844d9c718537df08844e03",
            "after": "bffeb74224043ba2feb48d137756c8a9331c449a",
            "repository": {
                "full_name": "platform/fleet", "clone_url": self.url(), "html_url": self.url(),
                "ssh_url": "git@git.example.com:platform/fleet.git", "default_branch": "main",
            },
        });
        let body = body.to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let answer = self
            .client
            .post(format!("https://{}/api/webhook", self.hub.api))
            .header("x-gitea-event", "push")
            .header("x-gitea-signature", hex::encode(hmac::sign(&key, body.as_bytes())))
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

fn config(folder: &Path) -> Config {
    Config {
        poll: Settings { period: HOUR, jitter: Duration::ZERO, ..Settings::default() },
        ..Config::local(folder.join("hub"), "test")
    }
}

/// A client that trusts the hub, as a forge would whose administrator told it to.
fn client(kubeconfig: &Path) -> reqwest::Client {
    let text = std::fs::read_to_string(kubeconfig).unwrap();
    let data = text.lines().find_map(|line| line.trim().strip_prefix("certificate-authority-data: "));
    let authority = BASE64_STANDARD.decode(data.unwrap()).unwrap();
    let authority = reqwest::Certificate::from_pem(&authority).unwrap();
    reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap()
}

fn config_map(text: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web}}\ndata: {{text: {text}}}\n")
}

fn set(url: &str) -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {
            "generators": [{"clusters": {}}],
            "template": {
                "metadata": {"name": "web-{{name}}"},
                "spec": {
                    "project": "default",
                    "source": {"repoURL": url, "targetRevision": "main", "path": "web"},
                    "destination": {"name": "{{name}}", "namespace": "web"},
                },
            },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_released_at_once_while_polling_takes_an_hour() {
    let ground = Ground::new().await;
    ground.repository.commit(&[("web/config.yaml", &config_map("two"))]).unwrap();
    ground.repository.push().unwrap();

    let (code, said) = ground.push(SECRET, "main").await;
    assert_eq!(code, 403, "{said}");
    assert!(said["message"].as_str().unwrap().contains("webhook.gitea.secret"), "{said}");

    // The secret may be a reference, as in Argo CD.
    let shared =
        json!({"metadata": {"name": "forges", "namespace": "argocd"}, "stringData": {"ours": SECRET}});
    ground.create(Kind::Secret, shared).await;
    let agreed = json!({
        "metadata": {"name": "argocd-secret", "namespace": "argocd"},
        "stringData": {"webhook.gitea.secret": "$forges:ours"},
    });
    ground.create(Kind::Secret, agreed).await;
    // The hub's mirror of the store is a moment behind.
    let said = eventually(SOON, "the secret counts", async || {
        let (code, said) = ground.push(SECRET, "other").await;
        anyhow::ensure!(code == 200, "{said}");
        Ok(said)
    })
    .await;
    assert_eq!((&said["result"], &said["revisions"]), (&json!("unfollowed"), &json!([])), "{said}");

    let (code, said) = ground.push("guessed", "main").await;
    assert_eq!((code, &said["reason"]), (401, &json!("Unauthorized")));
    let second = ground.hub.records.get(Kind::FleetRollout, "argocd", "web-2").await.unwrap();
    assert!(second.is_none(), "nothing was asked for yet");

    let (code, said) = ground.push(SECRET, "main").await;
    assert_eq!((code, &said["result"], &said["revisions"]), (200, &json!("refreshed"), &json!(["main"])));
    ground.rollout("web-2").await;

    let (code, said) = ground.push(SECRET, "main").await;
    assert_eq!((code, &said["result"]), (200, &json!("repeated")), "{said}");
    // Guessing is slowed down, and keeps out nobody who knows, from the same address too.
    let guesses = async { while ground.push("guessed", "main").await.0 != 429 {} };
    tokio::time::timeout(SOON, guesses).await.expect("somebody who guesses is turned away");
    let (code, said) = ground.push(SECRET, "other").await;
    assert_eq!((code, &said["result"]), (200, &json!("unfollowed")), "{said}");
    assert_eq!(ground.push("guessed", "main").await.0, 429);
}

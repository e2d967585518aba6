//! What SOPS encrypted reaches the cluster, and nothing else.

use super::{
    hub::{Hub, Spoke, end, path},
    working::{compared, joined},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hub_records::keys;
use parking_lot::Mutex;
use serde_json::{Value, json};
use shared_manifest::{Manifest, yaml};
use shared_model::Kind;
use shared_sops::Originals;
use std::{io, path::Path, sync::Arc};

macro_rules! vector {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/sops/src/tests/vectors/", $name))
    };
}

const SECRET: &str = vector!("secret.enc.yaml");
const ROTATED: &str = vector!("set.enc.yaml");
const VALUES: &str = vector!("values.enc.yaml");
const ENV: &str = vector!("app.enc.env");
const MULTI: &str = vector!("multi.enc.yaml");
/// Where the agent looks for keys, by default.
const KEYS: &str = "/api/v1/namespaces/flotilla-agent/secrets/flotilla-sops-age";
/// What no one but the cluster may see, with what people and tests do to it.
const PLAIN: [&str; 7] = [
    "hunter2",
    "another one",
    "changed by hand",
    "secret-token",
    "postgres://orders",
    "two-value",
    "three-value",
];

fn give_key(spoke: &Spoke, text: &str) {
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "flotilla-sops-age"},
        "data": {"age.agekey": STANDARD.encode(text)}});
    spoke.kubernetes.put(KEYS, &secret);
}

/// As the hub sends it.
fn sealed(mut object: Value) -> Value {
    let files = [
        ("secret.yaml", SECRET),
        ("rotated.yaml", ROTATED),
        ("values.yaml", VALUES),
        ("app.env", ENV),
        ("multi.yaml", MULTI),
    ];
    let originals = Originals::of(files.map(|(path, text)| (path, text.as_bytes())));
    assert!(originals.attach(&mut object));
    Manifest::new(object).unwrap().into_value()
}

fn secret(file: &str) -> Value {
    let mut object = yaml::parse(file).unwrap();
    object["metadata"]["namespace"] = json!("shop");
    sealed(object)
}

fn token<'a>(text: &'a str, key: &str) -> &'a str {
    let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{key}: "))).unwrap();
    line.trim_start().strip_prefix(key).unwrap().trim_start_matches(": ")
}

fn decoded(spoke: &Spoke, key: &str) -> String {
    decoded_of(spoke, "db", key)
}

fn decoded_of(spoke: &Spoke, name: &str, key: &str) -> String {
    let live = spoke.kubernetes.get(&secret_path(name)).unwrap_or_default();
    let bytes = STANDARD.decode(live["data"][key].as_str().unwrap_or_default()).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn secret_path(name: &str) -> String {
    format!("/api/v1/namespaces/shop/secrets/{name}")
}

fn assert_quiet(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for plain in PLAIN {
        for form in [plain.to_owned(), STANDARD.encode(plain).trim_end_matches('=').to_owned()] {
            assert!(!text.contains(&form), "{place} has {form}: {text}");
        }
    }
}

/// Every file below a folder, and unpacked what is packed.
fn assert_quiet_folder(folder: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += assert_quiet_folder(&path);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        assert_quiet(&path.display().to_string(), &bytes);
        let after_line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for part in [&bytes[..], &bytes[after_line..]] {
            if let Ok(unpacked) = zstd::decode_all(part) {
                assert_quiet(&path.display().to_string(), &unpacked);
            }
        }
        files += 1;
    }
    files
}

/// Everything that the hub was told and keeps.
async fn assert_quiet_hub(hub: &Hub) {
    let page = hub.records.store().list("", hub_store::Page::default()).await.unwrap();
    assert!(!page.entries.is_empty() && !page.more);
    for entry in page.entries {
        assert_quiet(&entry.key, &entry.value);
    }
    assert_quiet_folder(hub.folder.path());
}

/// Logs at their finest, kept.
#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged() -> (Logs, tracing::subscriber::DefaultGuard) {
    let logs = Logs::default();
    let writer = logs.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    (logs, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn encrypted_values_reach_the_cluster_and_nothing_else() {
    let (logs, _guard) = logged();
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    give_key(&spoke, vector!("one.key"));
    let (password, port) = (token(VALUES, "password"), token(VALUES, "port"));
    let url = sealed(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "url"},
        "data": {"url": STANDARD.encode(format!("db://{password}:{port}")), "app.env": STANDARD.encode(ENV), "open": "eA=="}}));
    hub.assign("eu-1", 1, &[secret(SECRET), url.clone()]).await;
    let seen = hub.succeeded("eu-1", 1).await;
    assert!(seen["drift"].is_null(), "{seen}");
    assert_eq!(decoded(&spoke, "password"), "hunter2-ž-✓");
    assert_eq!(decoded(&spoke, "port"), "5432");
    let live = spoke.kubernetes.get("/api/v1/namespaces/shop/secrets/db").unwrap();
    assert!(live["sops"].is_null() && !live.to_string().contains("flotilla.dev/sops"), "{live}");
    assert_eq!(decoded_of(&spoke, "url", "url"), "db://hunter2-of-values:5432");
    assert_eq!(decoded_of(&spoke, "url", "app.env"), vector!("app.dec.env"));
    // A person's change is healed, and told without either value.
    let changed = json!(STANDARD.encode("changed by hand"));
    spoke.kubernetes.edit(&secret_path("url"), |object| object["data"]["url"] = changed.clone());
    spoke
        .kubernetes
        .until("healed", |_| decoded_of(&spoke, "url", "url") == "db://hunter2-of-values:5432")
        .await;
    hub.observed("eu-1", |seen| seen["healed"] == 1 && seen["sync"] == "Synced").await;
    // A restart finds everything as it should be and writes nothing.
    end(&tasks).await;
    let writes = spoke.kubernetes.writes().len();
    let restarted = shared_runtime::now();
    let (_, tasks) = spoke.start(&hub.address, None).await.unwrap();
    compared(&hub, &spoke, restarted).await;
    // Another file.
    hub.assign("eu-1", 2, &[secret(ROTATED), url]).await;
    hub.succeeded("eu-1", 2).await;
    assert_eq!(decoded(&spoke, "password"), "another one");
    assert_eq!(spoke.kubernetes.writes()[writes..], ["apply /api/v1/namespaces/shop/secrets/db".to_owned()]);
    assert_quiet_hub(&hub).await;
    end(&tasks).await;
    assert!(assert_quiet_folder(spoke.folder.path()) > 2);
    let logs = logs.0.lock().clone();
    assert!(String::from_utf8_lossy(&logs).contains("the keys for encrypted values"));
    assert_quiet("the log", &logs);
}

#[tokio::test]
async fn who_has_no_key_is_told_and_goes_on_with_one() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    hub.assign("eu-1", 1, &[secret(SECRET)]).await;
    let says = |text: &'static str| move |seen: &Value| seen["message"].as_str().unwrap().contains(text);
    hub.observed("eu-1", says("is encrypted for age1")).await;
    let seen =
        hub.observed("eu-1", says("kubectl -n flotilla-agent create secret generic flotilla-sops-age")).await;
    assert_ne!(seen["phase"], "Succeeded");
    assert!(spoke.kubernetes.get("/api/v1/namespaces/shop/secrets/db").is_none());
    // A key for something else.
    give_key(&spoke, vector!("two.key"));
    hub.observed("eu-1", says("this agent has age18gg0ck2")).await;
    give_key(&spoke, &format!("{}{}", vector!("two.key"), vector!("one.key")));
    hub.succeeded("eu-1", 1).await;
    assert_eq!(decoded(&spoke, "user"), "orders");
    end(&tasks).await;
}

#[tokio::test]
async fn an_api_server_that_quotes_a_value_is_not_quoted() {
    let (logs, _guard) = logged();
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    give_key(&spoke, vector!("one.key"));
    let quoted = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "q"},
        "data": {"quoted": STANDARD.encode(token(VALUES, "password"))}});
    hub.assign("eu-1", 1, &[sealed(quoted)]).await;
    let seen = hub.observed("eu-1", |seen| seen["message"].as_str().unwrap().contains("no such thing")).await;
    assert!(
        seen["message"].as_str().unwrap().contains("data.quoted: Invalid value: \"***\": no such thing"),
        "{seen}"
    );
    assert_quiet_hub(&hub).await;
    end(&tasks).await;
    assert_quiet_folder(spoke.folder.path());
    assert_quiet("the log", &logs.0.lock().clone());
}

/// A ConfigMap that was encrypted as one.
fn second(data: &Value) -> Value {
    let mut object = yaml::parse_all(MULTI).unwrap().remove(1).value;
    if !data.is_null() {
        object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "second"}, "data": data});
    }
    object["metadata"]["namespace"] = json!("shop");
    if data.is_null() { sealed(object) } else { object }
}

#[tokio::test]
async fn what_is_not_encrypted_any_more_is_not_told_before_it_is_applied() {
    let (logs, _guard) = logged();
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    give_key(&spoke, vector!("one.key"));
    hub.assign("eu-1", 1, &[second(&Value::Null)]).await;
    hub.succeeded("eu-1", 1).await;
    assert_eq!(spoke.kubernetes.get(&path("second")).unwrap()["data"]["a"], "two-value");
    let status = keys::status(Kind::Cluster, "", "eu-1");
    hub.edit_cluster("eu-1", |spec| spec["pause"] = json!({"reason": "INC-7", "by": "ada"})).await;
    hub.until(&status, |status| !status["pause"]["acknowledgedAt"].is_null()).await;
    hub.assign("eu-1", 2, &[second(&json!({"a": "see-vault", "b": "see-vault"}))]).await;
    let differs =
        |seen: &Value| seen["position"]["generation"] == 2 && seen["drift"].to_string().contains("not shown");
    let seen = hub.observed("eu-1", differs).await;
    assert!(seen["drift"].to_string().contains("data.a"), "{seen}");
    // An agent that has only its journal knows it as well.
    end(&tasks).await;
    let (_, tasks) = spoke.start(&hub.address, None).await.unwrap();
    let before = seen["drift"].clone();
    hub.observed("eu-1", |seen| differs(seen) && seen["drift"] != before).await;
    assert_quiet_hub(&hub).await;
    hub.edit_cluster("eu-1", |spec| spec["pause"] = Value::Null).await;
    let seen = hub.succeeded("eu-1", 2).await;
    assert!(seen["drift"].is_null(), "{seen}");
    assert_eq!(spoke.kubernetes.get(&path("second")).unwrap()["data"]["a"], "see-vault");
    assert_quiet_hub(&hub).await;
    end(&tasks).await;
    assert_quiet_folder(spoke.folder.path());
    assert_quiet("the log", &logs.0.lock().clone());
}

#[tokio::test]
async fn what_was_encrypted_elsewhere_is_not_opened() {
    let hub = Hub::start().await;
    let (spoke, tasks) = joined(&hub).await;
    give_key(&spoke, vector!("one.key"));
    let moved = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "moved"},
        "data": {"k": token(SECRET, "password")}});
    hub.assign("eu-1", 1, &[sealed(moved)]).await;
    let seen =
        hub.observed("eu-1", |seen| seen["message"].as_str().unwrap().contains("--sops-anywhere")).await;
    assert!(seen["message"].as_str().unwrap().contains("data.k has a value that was encrypted elsewhere"));
    assert!(spoke.kubernetes.get(&path("moved")).is_none());
    assert_quiet_hub(&hub).await;
    end(&tasks).await;
}

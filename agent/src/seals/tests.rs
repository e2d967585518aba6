use super::*;
use crate::{
    journal::{Place, What},
    tests::kubernetes::Kubernetes,
};
use serde_json::json;
use shared_manifest::{Bundle, Manifest, yaml};
use shared_model::{Position, ReleaseSpec};
use shared_sops::Originals;

macro_rules! vector {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/sops/src/tests/vectors/", $name))
    };
}

/// Seals with their key in a file, and a journal.
struct Ground {
    seals: Arc<Seals>,
    journal: Arc<Journal>,
    folder: tempfile::TempDir,
}

fn app(name: &str) -> AppKey {
    AppKey::new("argocd", name)
}

/// The encrypted Secret, as the hub sends it.
fn sealed() -> Value {
    let mut object = yaml::parse(vector!("secret.enc.yaml")).unwrap();
    let file = ("secret.yaml", vector!("secret.enc.yaml").as_bytes());
    assert!(Originals::of([file]).attach(&mut object));
    object
}

/// The same in the open.
fn open(password: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"},
        "type": "Opaque", "stringData": {"password": password}})
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key");
        std::fs::write(&key, vector!("one.key")).unwrap();
        let place: Place = folder.path().join("journal").into();
        let cluster = Cluster::from_service(Kubernetes::new("u1"), "default");
        let seals = Arc::new(Seals::new(Keys::File(key), Reach::Bound, cluster));
        Self { seals, journal: Arc::new(Journal::open(&place).unwrap()), folder }
    }

    fn give_key(&self, text: &str) {
        std::fs::write(self.folder.path().join("key"), text).unwrap();
    }

    /// An order of this object, kept and studied.
    async fn order(&self, of: &str, generation: u64, object: Value) -> Digest {
        let (bundle, _) = Bundle::new(vec![Manifest::new(object).unwrap()]);
        let digest = bundle.digest();
        let spec = json!({"application": app(of), "bundle": digest, "bundleBytes": 1});
        let spec: ReleaseSpec = serde_json::from_value(spec).unwrap();
        let position = Position { incarnation: 1, generation };
        let compressed = zstd::encode_all(&bundle.to_bytes()[..], 0).unwrap();
        let what = What::Run(Box::new(spec.clone()));
        self.journal.save_order(&app(of), position, what, Some(&compressed)).unwrap();
        let assignment = Arc::new(Assignment::new(position, spec, &bundle));
        self.seals.study(&assignment, &self.journal).await;
        digest
    }

    /// An order that the machine has.
    async fn run(&self, of: &str, generation: u64, object: Value) {
        let digest = self.order(of, generation, object).await;
        self.seals.learn(&app(of), &digest);
    }

    /// How a live password is told.
    fn told(&self, password: &str) -> String {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let mut live = open("");
        live.as_object_mut().unwrap().remove("stringData");
        live["data"] = json!({"password": STANDARD.encode(password)});
        let id = ObjectId::of(&live);
        let mut live = Arc::new(live);
        self.seals.dress(&id, &mut live);
        let told = live["data"]["password"].as_str().unwrap().to_owned();
        let plain = STANDARD.decode(&told).map_or(told, |bytes| String::from_utf8(bytes).unwrap());
        assert!(!live["data"]["password"].is_null());
        plain
    }

    fn hides(&self, password: &str) -> bool {
        self.told(password).starts_with("(not shown, ")
    }
}

const PASSWORD: &str = "hunter2-ž-✓";

#[tokio::test]
async fn what_is_told_needs_no_opening() {
    let ground = Ground::new();
    ground.run("orders", 1, sealed()).await;
    assert!(ground.told(PASSWORD).starts_with("ENC["));
    assert!(ground.hides("other"));
    // Nobody here could open the file now, and the object is told as before.
    ground.give_key(vector!("two.key"));
    assert!(ground.seals.look().await.unwrap());
    assert!(ground.told(PASSWORD).starts_with("ENC["));
    let refused = ground.seals.open(&app("orders"), &ObjectId::of(&sealed()), &Arc::new(sealed())).await;
    assert!(refused.unwrap_err().contains("none of these keys is here"));
}

#[tokio::test]
async fn what_could_not_be_opened_is_told_by_its_value_once_there_is_a_key() {
    let ground = Ground::new();
    ground.give_key(vector!("two.key"));
    ground.run("orders", 1, sealed()).await;
    assert!(ground.hides(PASSWORD));
    ground.give_key(vector!("one.key"));
    assert!(ground.seals.look().await.unwrap());
    ground.seals.open_again().await;
    assert!(ground.told(PASSWORD).starts_with("ENC["));
}

#[tokio::test]
async fn an_earlier_release_stays_untold_until_another_was_applied_and_it_has_gone() {
    let ground = Ground::new();
    ground.run("orders", 1, sealed()).await;
    assert_eq!(
        ground.order("orders", 2, open("see-vault")).await,
        ground.order("orders", 2, open("see-vault")).await
    );
    // Not before the machine has it, nor after.
    assert!(ground.told(PASSWORD).starts_with("ENC["));
    ground.run("orders", 3, open("see-vault")).await;
    assert!(ground.hides(PASSWORD));
    assert_eq!(ground.told("see-vault"), "see-vault");
    // The journal lets go of it, and nothing was applied.
    for generation in 4..20 {
        ground.run("orders", generation, open(&format!("see-vault {generation}"))).await;
        assert!(ground.hides(PASSWORD), "{generation}");
    }
    ground.seals.applied(&app("orders"));
    ground.run("orders", 20, open("see-vault 20")).await;
    assert_eq!(ground.told(PASSWORD), PASSWORD, "nothing of it is known any more");
}

#[tokio::test]
async fn an_application_does_not_uncover_what_another_encrypts() {
    let ground = Ground::new();
    ground.run("orders", 1, sealed()).await;
    ground.run("web", 1, open("other")).await;
    assert!(ground.told(PASSWORD).starts_with("ENC["));
    let mut whole = open("");
    whole["stringData"] = json!({"user": sealed()["stringData"]["user"]});
    let file = ("secret.yaml", vector!("secret.enc.yaml").as_bytes());
    assert!(Originals::of([file]).attach(&mut whole));
    ground.run("web", 2, whole).await;
    assert!(ground.told(PASSWORD).starts_with("ENC["));
    ground.seals.forget(&app("web"));
    assert!(ground.told(PASSWORD).starts_with("ENC["));
    ground.seals.forget(&app("orders"));
    assert_eq!(ground.told(PASSWORD), PASSWORD);
}

#[tokio::test]
async fn a_release_that_does_not_run_covers_nothing() {
    let ground = Ground::new();
    ground.run("orders", 1, open("x")).await;
    let digest = ground.order("orders", 2, sealed()).await;
    ground.seals.skip(&app("orders"), &digest);
    assert_eq!(ground.told("y"), "y");
    assert!(ground.seals.state.lock().lessons.entries(&app("orders")).is_empty());
}

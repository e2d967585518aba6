//! Secrets of an API server that is played: what the real one does with them is shown by the end-to-end tests.

use super::*;
use crate::{
    journal::{KEPT, Place, tests::crash::found, tests::*},
    parts::What,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use shared_model::{AppKey, Digest};
use std::{collections::BTreeMap, convert::Infallible, pin::Pin, task};

/// An API server with Secrets and Leases. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Api {
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    revision: Arc<Mutex<u64>>,
    /// Requests: how many, by verb and the kind of their collection.
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
    down: Arc<Mutex<bool>>,
}

impl Api {
    pub(crate) fn secrets(&self) -> Secrets {
        Secrets::new(Cluster::from_service(self.clone(), "default"), "agents")
    }

    /// Somebody writes this holder into the Lease.
    pub(crate) fn give_lease(&self, holder: &str) {
        let path = "/apis/coordination.k8s.io/v1/namespaces/agents/leases/flotilla-agent";
        let mut lease = self.objects.lock().get(path).cloned().unwrap();
        lease["spec"]["holderIdentity"] = holder.into();
        self.put(path, lease);
    }

    /// Answers every request with 503.
    pub(super) fn set_down(&self, down: bool) {
        *self.down.lock() = down;
    }

    /// The requests since the last call, by verb.
    fn counted(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut *self.asked.lock()).into_iter().collect()
    }

    /// How many requests there were.
    pub(super) fn asked(&self) -> usize {
        self.asked.lock().values().sum()
    }

    /// How much was written.
    pub(super) fn revision(&self) -> u64 {
        *self.revision.lock()
    }

    fn names(&self) -> Vec<String> {
        let objects = self.objects.lock();
        let names = objects.keys().filter_map(|path| path.strip_prefix("/api/v1/namespaces/agents/secrets/"));
        names.map(|name| name.trim_start_matches("flotilla-journal-").to_owned()).collect()
    }

    fn edit(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        let path = format!("/api/v1/namespaces/agents/secrets/flotilla-journal-{name}");
        edit(self.objects.lock().get_mut(&path).unwrap());
    }

    fn delete(&self, name: &str) {
        let path = format!("/api/v1/namespaces/agents/secrets/flotilla-journal-{name}");
        assert!(self.objects.lock().remove(&path).is_some(), "{name}");
    }

    fn put(&self, path: &str, mut object: Value) -> (u16, Value) {
        let size: usize = object["data"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(_, data)| STANDARD.decode(data.as_str().unwrap()).unwrap().len())
            .sum();
        if size > 1024 * 1024 {
            return status(422, "data: Too long: may not be more than 1048576 bytes");
        }
        let mut revision = self.revision.lock();
        *revision += 1;
        object["metadata"]["resourceVersion"] = revision.to_string().into();
        self.objects.lock().insert(path.to_owned(), object.clone());
        (200, object)
    }

    fn answer(&self, method: &Method, path: &str, query: &str, body: &[u8]) -> (u16, Value) {
        let there = self.objects.lock().get(path).cloned();
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let stale = |there: &Value| {
            let version = &asked["metadata"]["resourceVersion"];
            !version.is_null() && *version != there["metadata"]["resourceVersion"]
        };
        match (method.as_str(), there) {
            ("GET", _) if path.ends_with("/secrets") => self.list(path, query),
            ("POST", _) => {
                let path = format!("{path}/{}", asked["metadata"]["name"].as_str().unwrap());
                if self.objects.lock().contains_key(&path) {
                    return status(409, "it exists");
                }
                self.put(&path, asked)
            }
            (_, None) => status(404, "not found"),
            ("GET", Some(there)) => (200, there),
            ("DELETE", Some(there)) => {
                self.objects.lock().remove(path);
                (200, there)
            }
            (_, Some(there)) if stale(&there) => status(409, "the object has been modified"),
            ("PUT", Some(_)) => self.put(path, asked),
            ("PATCH", Some(mut there)) => {
                assert!(there["immutable"].is_null(), "an immutable Secret is patched");
                merge(&mut there, &asked);
                self.put(path, there)
            }
            _ => status(405, "not here"),
        }
    }

    fn list(&self, path: &str, query: &str) -> (u16, Value) {
        let of_page =
            |name: &str| query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        let (limit, from) = (of_page("limit"), of_page("continue").unwrap_or_default());
        let limit = limit.map_or(usize::MAX, |limit| limit.parse().unwrap());
        let wanted = |object: &Value| {
            query.split('&').all(|field| match field.split_once('=').unwrap() {
                ("labelSelector", selector) => {
                    let (_, value) = selector.split_once("%3D").unwrap();
                    object["metadata"]["labels"][LABEL] == value
                }
                ("fieldSelector", selector) => {
                    object["metadata"]["name"] == *selector.strip_prefix("metadata.name%3D").unwrap()
                }
                _ => true,
            })
        };
        let objects = self.objects.lock();
        let mut all =
            objects.iter().filter(|(at, object)| at.starts_with(path) && &***at > from && wanted(object));
        let found: Vec<_> = all.by_ref().take(limit).collect();
        // Where the next page begins is a path here, and opaque to who asks.
        let next = all.next().and(found.last()).map(|(at, _)| *at);
        let items: Vec<&Value> = found.iter().map(|(_, object)| *object).collect();
        let version = self.revision.lock().to_string();
        (200, json!({"items": items, "metadata": {"resourceVersion": version, "continue": next}}))
    }
}

fn merge(there: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *there = patch.clone();
        return;
    };
    for (field, value) in fields {
        if value.is_null() {
            there.as_object_mut().unwrap().remove(field);
        } else {
            merge(&mut there[field], value);
        }
    }
}

fn status(code: u16, message: &str) -> (u16, Value) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": ""});
    (code, status)
}

impl<B> tower::Service<Request<B>> for Api
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Debug,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let query = parts.uri.query().unwrap_or_default();
            let of = if query.contains("limit=") { "pages" } else { "requests" };
            *this.asked.lock().entry(format!("{} {of}", parts.method)).or_default() += 1;
            // As over a network: not before whoever asked has gone on to other things.
            tokio::task::yield_now().await;
            if *this.down.lock() {
                let mut response = Response::new(Full::new(Bytes::new()));
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                return Ok(response);
            }
            let (code, value) = this.answer(&parts.method, parts.uri.path(), query, &body);
            let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
            *response.status_mut() = StatusCode::from_u16(code).unwrap();
            Ok(response)
        })
    }
}

/// What the blocking calls need.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A bundle's bytes as they are kept: no compression makes them smaller.
fn random(length: usize) -> Vec<u8> {
    let mut state = 7_u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).unwrap()
    })
    .take(length)
    .collect()
}

#[test]
fn a_large_bundle_is_cut_and_damage_to_any_chunk_is_found() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let api = Api::default();
    let store = api.secrets().hold().unwrap();
    let (bytes, digest) = (random(1_600_000), Digest::of(b"a"));
    let name = crate::journal::bundles::name(&digest);
    store.write(&name, &bytes).unwrap();
    let chunk = |n: usize| format!("bundle-{}-{n}", digest.hex());
    assert_eq!(api.names(), [chunk(0), chunk(1), chunk(2)]);
    assert_eq!(store.read(&name).unwrap().as_deref(), Some(&bytes[..]));
    assert_eq!(store.bundles().unwrap(), [(name.clone(), 1_600_000)]);
    // One that lost a chunk says so, and is mended by writing it again.
    api.delete(&chunk(1));
    let error = store.read(&name).unwrap_err().to_string();
    assert!(
        error.ends_with("-1: is damaged (chunk 2 of 3 is missing); it is fetched again from the hub"),
        "{error}"
    );
    store.write(&name, &bytes).unwrap();
    api.edit(&chunk(2), |secret| secret["data"]["chunk"] = STANDARD.encode("other").into());
    assert_ne!(store.read(&name).unwrap().as_deref(), Some(&bytes[..]));
    store.write(&name, &bytes).unwrap();
    assert_eq!(store.read(&name).unwrap().as_deref(), Some(&bytes[..]));
    // The same bundle, compressed otherwise, replaces what is there.
    store.write(&name, &bytes[..800_000]).unwrap();
    assert_eq!(store.read(&name).unwrap().as_deref(), Some(&bytes[..800_000]));
    // A writing that was broken off goes too.
    api.delete(&chunk(0));
    assert_eq!(store.read(&name).unwrap(), None);
    assert_eq!(store.bundles().unwrap().len(), 1);
    store.remove(&name).unwrap();
    assert_eq!(api.names(), Vec::<String>::new());
}

#[test]
fn secrets_are_few_and_what_a_crash_left_goes() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let api = Api::default();
    let secrets = api.secrets();
    let place = Place::Secrets(secrets.clone());
    let journal = open(&place);
    for generation in 1..=9 {
        run(&journal, generation, &generation.to_string()).unwrap();
        journal.save_inventory(&app(), &[]).unwrap();
        journal.save_synced(&app(), position(generation)).unwrap();
    }
    let of = |kind: &str| api.names().iter().filter(|name| name.starts_with(kind)).count();
    assert_eq!((of("app-"), of("bundle-")), (1, KEPT));
    // An application that runs the same bundle takes one Secret more.
    let other = AppKey::new("argocd", "other");
    let (spec, compressed) = release(&other, "9");
    journal.save_order(&other, position(1), What::Run(Box::new(spec)), Some(&compressed)).unwrap();
    assert_eq!((of("app-"), of("bundle-")), (2, KEPT));
    drop(journal);
    let store = secrets.hold().unwrap();
    store.write(&crate::journal::bundles::name(&Digest::of(b"left")), b"left by a crash").unwrap();
    drop(store);
    assert_eq!(of("bundle-"), KEPT + 1);
    found(&place);
    assert_eq!(of("bundle-"), KEPT);
}

#[test]
fn a_thousand_applications_are_read_in_pages() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let api = Api::default();
    let place = Place::Secrets(api.secrets());
    let journal = open(&place);
    for n in 0..1_000 {
        let app = AppKey::new("argocd", format!("app-{n}"));
        let (spec, compressed) = release(&app, &n.to_string());
        journal.save_order(&app, position(1), What::Run(Box::new(spec)), Some(&compressed)).unwrap();
        journal.save_inventory(&app, &[]).unwrap();
    }
    drop(journal);
    api.counted();
    let place = Place::Secrets(api.secrets());
    api.give_lease("");
    let journal = open(&place);
    let (apps, damaged) = journal.apps().unwrap();
    assert_eq!((apps.len(), damaged.len()), (1_000, 0));
    // The applications by 100, the bundles' names by 500.
    let counted = api.counted();
    let counted: Vec<(&str, usize)> = counted.iter().map(|(what, count)| (&**what, *count)).collect();
    assert_eq!(counted, [("GET pages", 12), ("GET requests", 1), ("PUT requests", 1)]);
    // Then its bundle for each.
    let bundle = release(&apps[0].order.application, "1").0.bundle;
    journal.bundle(&bundle).unwrap();
    assert_eq!(api.asked(), 1);
    // A commit for one of them: its order is read and written, its bundle written; nothing of the others is read.
    api.counted();
    for generation in 2..=6 {
        let app = AppKey::new("argocd", "app-1");
        let (spec, compressed) = release(&app, &format!("next-{generation}"));
        journal.save_order(&app, position(generation), What::Run(Box::new(spec)), Some(&compressed)).unwrap();
    }
    // Five orders are read. The sixth bundle is one too many: is the application pinned, how many chunks has the first?
    let counted = api.counted();
    let counted: Vec<(&str, usize)> = counted.iter().map(|(what, count)| (&**what, *count)).collect();
    let expect = [("DELETE requests", 1), ("GET requests", 7), ("PATCH requests", 5), ("POST requests", 5)];
    assert_eq!(counted, expect);
}

#[test]
fn two_writers_of_one_order_never_undo_each_other() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let api = Api::default();
    let secrets = api.secrets();
    let store = secrets.hold().unwrap();
    store.write("apps/a/order", b"1").unwrap();
    let mut seen = Vec::new();
    let mut change = |before: Option<Vec<u8>>| {
        seen.push(String::from_utf8(before.unwrap()).unwrap());
        // Another agent, which was taken for dead, writes right after this one has read.
        if seen.len() == 1 {
            secrets.look().write("apps/a/order", b"2").unwrap();
        }
        Ok(Some(format!("{}3", seen.last().unwrap()).into_bytes()))
    };
    store.update("apps/a/order", &mut change).unwrap();
    assert_eq!(seen, ["1", "2"]);
    assert_eq!(store.read("apps/a/order").unwrap().unwrap(), b"23");
}

#[test]
fn large_records_are_compressed_and_too_large_ones_are_told() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let store = Api::default().secrets().hold().unwrap();
    let inventory = "apps/Deployment shop/web\n".repeat(100_000).into_bytes();
    store.write("control", &inventory).unwrap();
    assert_eq!(store.read("control").unwrap().unwrap(), inventory);
    let error = store.write("control", &random(1_200_000)).unwrap_err().to_string();
    assert!(
        error.contains("secret agents/flotilla-journal-control: cannot be written: refused: data: Too long"),
        "{error}"
    );
    assert_eq!(store.read("control").unwrap().unwrap(), inventory);
}

#[test]
fn a_second_agent_waits_and_is_told_for_whom() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let api = Api::default();
    let (first, second) = (api.secrets(), api.secrets());
    let held = first.hold().unwrap();
    let error = second.hold().unwrap_err();
    assert!(error.is_transient());
    assert!(error.to_string().contains("holds lease agents/flotilla-agent"), "{error}");
    // Commands work beside it.
    second.look().write("local/pause", b"x").unwrap();
    assert_eq!(held.read("local/pause").unwrap().unwrap(), b"x");
    held.write("identity", b"x").unwrap();
    runtime.block_on(held.close());
    assert!(matches!(held.write("identity", b"y"), Err(Error::Closed)));
    let held = second.hold().unwrap();
    assert_eq!(held.read("identity").unwrap().unwrap(), b"x");
    first.hold().unwrap_err();
}

#[test]
fn the_status_is_written_at_its_own_pace() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let api = Api::default();
    let store = Arc::new(api.secrets().hold().unwrap());
    store.write("status", b"1").unwrap();
    assert_eq!(api.names(), Vec::<String>::new());
    runtime.block_on(store.flush_status(false));
    assert_eq!(store.read("status").unwrap().unwrap(), b"1");
    store.write("status", b"2").unwrap();
    runtime.block_on(store.flush_status(false));
    assert_eq!(store.read("status").unwrap().unwrap(), b"1");
    runtime.block_on(store.close());
    assert_eq!(store.read("status").unwrap().unwrap(), b"2");
}

//! As much of a Kubernetes API as the agent uses, in memory: for tests of the agent only.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap, convert::Infallible, future::Future, pin::Pin, sync::Arc, task, time::Duration,
};
use tokio::sync::watch;
use tokio_stream::StreamExt as _;

type Body = BoxBody<Bytes, Infallible>;

/// `/api/v1/namespaces/shop/configmaps/a` and the like.
type Path = String;

#[derive(Debug, Clone)]
pub(crate) struct Kubernetes {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<Path, Value>,
    /// Revision, type, path, object.
    log: Vec<(u64, &'static str, Path, Value)>,
    revision: u64,
    /// Writes in order: `PATCH /api/v1/…`.
    writes: Vec<String>,
    /// Objects that were read, watches that began: `GET /api/v1/…`, `WATCH /api/v1/…?…`.
    reads: Vec<String>,
    /// Refuses lists of what lacks our label.
    no_unlabelled: bool,
    /// Answers every request with 503.
    down: bool,
    /// What `/version` says; empty for the usual.
    version: String,
}

const COLLECTIONS: [(&str, &str, &str, bool); 4] = [
    ("/api/v1", "namespaces", "Namespace", false),
    ("/api/v1", "configmaps", "ConfigMap", true),
    ("/api/v1", "secrets", "Secret", true),
    ("/apis/apps/v1", "deployments", "Deployment", true),
];

impl Kubernetes {
    pub(crate) fn new(uid: &str) -> Self {
        let this = Self { state: Arc::default(), changed: Arc::new(watch::Sender::new(0)) };
        this.put(
            "/api/v1/namespaces/kube-system",
            &json!({
                "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": uid},
            }),
        );
        this
    }

    pub(super) fn get(&self, path: &str) -> Option<Value> {
        self.state.lock().objects.get(path).cloned()
    }

    pub(crate) fn writes(&self) -> Vec<String> {
        self.state.lock().writes.clone()
    }

    /// Takes out what was read and watched so far.
    pub(crate) fn take_reads(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().reads)
    }

    pub(super) fn has_read(&self, what: &str) -> bool {
        self.state.lock().reads.iter().any(|read| read.starts_with(what))
    }

    pub(super) fn refuse_unlabelled(&self) {
        self.state.lock().no_unlabelled = true;
    }

    pub(super) fn set_down(&self, down: bool) {
        self.state.lock().down = down;
    }

    pub(crate) fn set_version(&self, version: &str) {
        version.clone_into(&mut self.state.lock().version);
    }

    /// Changes an object as a person does.
    pub(super) fn edit(&self, path: &str, edit: impl FnOnce(&mut Value)) {
        let mut object = self.get(path).unwrap();
        edit(&mut object);
        self.put(path, &object);
    }

    /// Waits until the cluster is as wished.
    pub(super) async fn until(&self, what: &str, wish: impl Fn(&Self) -> bool) {
        let mut changed = self.changed.subscribe();
        let wished = async {
            while !wish(self) {
                changed.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wished)
            .await
            .unwrap_or_else(|_| panic!("{what}: {:#?}", self.writes()));
    }

    pub(crate) fn put(&self, path: &str, object: &Value) -> Value {
        let mut state = self.state.lock();
        state.revision += 1;
        let revision = state.revision;
        let old = state.objects.get(path).cloned();
        let mut new = object.clone();
        let kept = old
            .as_ref()
            .map_or_else(|| json!(format!("uid-{revision}")), |old| old["metadata"]["uid"].clone());
        if new["metadata"]["uid"].is_null() {
            new["metadata"]["uid"] = kept;
        }
        new["metadata"]["resourceVersion"] = json!(revision.to_string());
        let what = if old.is_some() { "MODIFIED" } else { "ADDED" };
        state.objects.insert(path.to_owned(), new.clone());
        state.log.push((revision, what, path.to_owned(), new.clone()));
        drop(state);
        self.changed.send_replace(revision);
        new
    }

    pub(super) fn delete(&self, path: &str) -> Option<Value> {
        let mut state = self.state.lock();
        let old = state.objects.remove(path)?;
        state.revision += 1;
        let revision = state.revision;
        state.log.push((revision, "DELETED", path.to_owned(), old.clone()));
        drop(state);
        self.changed.send_replace(revision);
        Some(old)
    }

    fn note(&self, asked: String) {
        let mut state = self.state.lock();
        state.reads.push(asked);
        let revision = state.revision;
        drop(state);
        self.changed.send_replace(revision);
    }

    fn answer(
        &self,
        method: &Method,
        path: &str,
        query: &str,
        metadata: bool,
        body: &[u8],
    ) -> Response<Body> {
        if self.state.lock().down {
            return status(503, "down");
        }
        match path {
            "/version" => {
                let said = self.state.lock().version.clone();
                let version = if said.is_empty() { "v1.34.3" } else { &said };
                return answer(
                    &json!({"major": "1", "minor": "34", "gitVersion": version, "platform": "linux/amd64",
                "gitCommit": "", "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": ""}),
                );
            }
            "/apis" => {
                return answer(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                {"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
                 "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}}]}));
            }
            "/api/v1" | "/apis/apps/v1" => {
                let of_path = COLLECTIONS.iter().filter(|(root, ..)| *root == path);
                let resources = of_path.map(|(_, plural, kind, namespaced)| {
                    json!({
                    "name": plural, "kind": kind, "namespaced": namespaced, "singularName": "",
                    "verbs": ["get", "list", "watch", "patch", "delete"]})
                });
                return answer(&json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": path,
                    "resources": resources.collect::<Vec<_>>()}));
            }
            _ => {}
        }
        if let Some(asked) = Collection::of(path, query, metadata) {
            return if query.contains("watch=true") {
                self.note(format!("WATCH {path}?{query}"));
                self.watch(asked, query)
            } else if asked.unlabelled && self.state.lock().no_unlabelled {
                self.note(format!("LIST {path}?{query}"));
                status(403, "it may not list here")
            } else {
                self.list(&asked)
            };
        }
        match *method {
            Method::GET => {
                self.note(format!("GET {path}"));
                self.get(path).map_or_else(|| status(404, "not found"), |object| answer(&object))
            }
            Method::PATCH => {
                let object: Value = serde_json::from_slice(body).unwrap();
                if object["data"]["invalid"].is_string() {
                    return status(422, "data.invalid: Forbidden value");
                }
                if let Some(quoted) = object["data"]["quoted"].as_str() {
                    return status(422, &format!("data.quoted: Invalid value: {quoted:?}: no such thing"));
                }
                let object = with_data(object);
                self.state.lock().writes.push(format!("apply {path}"));
                answer(&self.put(path, &object))
            }
            Method::DELETE => {
                let options: Value = serde_json::from_slice(body).unwrap();
                let Some(present) = self.get(path) else { return status(404, "not found") };
                if options["preconditions"]["uid"].is_string()
                    && options["preconditions"]["uid"] != present["metadata"]["uid"]
                {
                    return status(409, "the uid is another one");
                }
                self.state.lock().writes.push(format!("delete {path}"));
                answer(&self.delete(path).unwrap())
            }
            _ => status(405, "not here"),
        }
    }

    fn list(&self, asked: &Collection) -> Response<Body> {
        let state = self.state.lock();
        let items: Vec<Value> = state
            .objects
            .iter()
            .filter(|(path, object)| asked.has(path) && asked.selects(object))
            .map(|(_, object)| asked.shown(object))
            .collect();
        answer(&json!({"kind": "List", "apiVersion": "v1", "items": items,
            "metadata": {"resourceVersion": state.revision.to_string()}}))
    }

    fn watch(&self, asked: Collection, query: &str) -> Response<Body> {
        let from = query.split('&').find_map(|field| field.strip_prefix("resourceVersion="));
        let from: u64 = from.and_then(|from| from.parse().ok()).unwrap_or(0);
        let (lines, receiver) = tokio::sync::mpsc::unbounded_channel();
        let this = self.clone();
        shared_runtime::spawn("watch", async move {
            let mut changed = this.changed.subscribe();
            let mut from = from;
            loop {
                let (told, now) = this.state.lock().events(&asked, from);
                for line in told {
                    let _gone = lines.send(Bytes::from(format!("{line}\n")));
                }
                from = now;
                tokio::select! {
                    () = lines.closed() => return,
                    changed = changed.changed() => if changed.is_err() { return },
                }
            }
        });
        let stream = tokio_stream::wrappers::UnboundedReceiverStream::new(receiver);
        let body = StreamBody::new(stream.map(|line| Ok(http_body::Frame::data(line))));
        Response::new(BodyExt::boxed(body))
    }
}

impl State {
    /// What a watch tells of everything after a revision, up to which one: what leaves its selection is deleted for it.
    fn events(&self, asked: &Collection, from: u64) -> (Vec<Value>, u64) {
        let mut before: BTreeMap<&Path, bool> = BTreeMap::new();
        let mut lines = Vec::new();
        for (revision, what, path, object) in self.log.iter().filter(|(_, _, path, _)| asked.has(path)) {
            let selected = asked.selects(object);
            let was = before.insert(path, selected && *what != "DELETED").unwrap_or(false);
            let told = match (was, selected) {
                (true, false) => "DELETED",
                (false, true) if *what == "MODIFIED" => "ADDED",
                (_, true) => *what,
                (false, false) => continue,
            };
            if *revision > from {
                lines.push(json!({"type": told, "object": asked.shown(object)}));
            }
        }
        (lines, from.max(self.revision))
    }
}

/// What a list or a watch is about.
#[derive(Debug)]
struct Collection {
    /// What paths of its objects begin and go on with.
    root: String,
    namespace: Option<String>,
    plural: &'static str,
    /// `!flotilla.dev/owner` instead of `flotilla.dev/owner`.
    unlabelled: bool,
    metadata: bool,
}

impl Collection {
    fn of(path: &str, query: &str, metadata: bool) -> Option<Self> {
        let unlabelled = query.contains("labelSelector=%21");
        COLLECTIONS.iter().find_map(|(root, plural, ..)| {
            let within = path.strip_prefix(root)?.strip_suffix(plural)?.strip_suffix('/')?;
            let namespace = match within {
                "" => None,
                _ => Some(within.strip_prefix("/namespaces/").filter(|name| !name.contains('/'))?.to_owned()),
            };
            Some(Self { root: (*root).to_owned(), namespace, plural, unlabelled, metadata })
        })
    }

    fn has(&self, path: &str) -> bool {
        let mut parts = path.strip_prefix(&self.root).unwrap_or_default().rsplit('/').skip(1);
        parts.next() == Some(self.plural)
            && self.namespace.as_deref().is_none_or(|namespace| parts.next() == Some(namespace))
    }

    fn selects(&self, object: &Value) -> bool {
        object["metadata"]["labels"]["flotilla.dev/owner"].is_string() != self.unlabelled
    }

    /// The object, or as much of it as was asked for.
    fn shown(&self, object: &Value) -> Value {
        if !self.metadata {
            return object.clone();
        }
        json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"]})
    }
}

/// A Secret's `stringData` in its `data`, as an API server keeps it.
fn with_data(mut object: Value) -> Value {
    if object["kind"] == "Secret"
        && let Some(Value::Object(plain)) = object.as_object_mut().and_then(|map| map.remove("stringData"))
    {
        for (key, value) in plain {
            object["data"][key] = json!(STANDARD.encode(value.as_str().unwrap()));
        }
    }
    object
}

fn answer(value: &Value) -> Response<Body> {
    Response::new(Full::new(Bytes::from(value.to_string())).boxed())
}

fn status(code: u16, message: &str) -> Response<Body> {
    let mut response = answer(&json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": "",
    }));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

impl<B> tower::Service<Request<B>> for Kubernetes
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Debug,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut task::Context<'_>) -> task::Poll<Result<(), Infallible>> {
        task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let accept = parts.headers.get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
            let metadata = accept.is_some_and(|accept| accept.contains("as=PartialObjectMetadata"));
            let query = parts.uri.query().unwrap_or_default();
            Ok(this.answer(&parts.method, parts.uri.path(), query, metadata, &body))
        })
    }
}

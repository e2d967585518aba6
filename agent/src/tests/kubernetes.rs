//! As much of a Kubernetes API as the agent uses, in memory: for tests of the agent only.

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
    /// Answers every request with 503.
    down: bool,
    /// What `/version` says; empty for the usual.
    version: String,
}

const COLLECTIONS: [(&str, &str, &str, bool); 3] = [
    ("/api/v1", "namespaces", "Namespace", false),
    ("/api/v1", "configmaps", "ConfigMap", true),
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

    pub(super) fn put(&self, path: &str, object: &Value) -> Value {
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

    fn answer(&self, method: &Method, path: &str, query: &str, body: &[u8]) -> Response<Body> {
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
        if let Some((.., kind, _)) =
            COLLECTIONS.iter().find(|(root, plural, ..)| format!("{root}/{plural}") == path)
        {
            return if query.contains("watch=true") { self.watch(kind, query) } else { self.list(kind) };
        }
        match *method {
            Method::GET => self.get(path).map_or_else(|| status(404, "not found"), |object| answer(&object)),
            Method::PATCH => {
                let object: Value = serde_json::from_slice(body).unwrap();
                if object["data"]["invalid"].is_string() {
                    return status(422, "data.invalid: Forbidden value");
                }
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

    fn list(&self, kind: &str) -> Response<Body> {
        let state = self.state.lock();
        let items: Vec<&Value> =
            state.objects.values().filter(|object| object["kind"] == kind && is_ours(object)).collect();
        answer(&json!({"kind": "List", "apiVersion": "v1", "items": items,
            "metadata": {"resourceVersion": state.revision.to_string()}}))
    }

    fn watch(&self, kind: &str, query: &str) -> Response<Body> {
        let from = query.split('&').find_map(|field| field.strip_prefix("resourceVersion="));
        let from: u64 = from.and_then(|from| from.parse().ok()).unwrap_or(0);
        let (lines, receiver) = tokio::sync::mpsc::unbounded_channel();
        let (this, kind) = (self.clone(), kind.to_owned());
        shared_runtime::spawn("watch", async move {
            let mut changed = this.changed.subscribe();
            let mut from = from;
            loop {
                for (revision, what, _, object) in &this.state.lock().log {
                    if *revision > from && object["kind"] == *kind && is_ours(object) {
                        let line = json!({"type": what, "object": object});
                        let _gone = lines.send(Bytes::from(format!("{line}\n")));
                    }
                    from = from.max(*revision);
                }
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

fn is_ours(object: &Value) -> bool {
    object["metadata"]["labels"]["flotilla.dev/owner"].is_string()
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
            Ok(this.answer(&parts.method, parts.uri.path(), parts.uri.query().unwrap_or_default(), &body))
        })
    }
}

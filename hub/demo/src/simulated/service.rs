//! The API of a simulated cluster as a tower service over HTTP requests.

use super::{
    controller::{self, Workload},
    kinds::{self, Kind},
    log::picks,
    objects::Objects,
    request::{Target, query},
    watch::Watch,
};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use shared_model::LabelSelector;
use shared_objects::{
    Status,
    apply::{self, Conflicts, Manager, Options},
    discovery, meta,
    patch::{self, PatchKind},
    selector,
};
use shared_runtime::Tasks;
use std::{
    collections::BTreeMap,
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

type Body = BoxBody<Bytes, Infallible>;

/// A simulated cluster's API. Clones are the same cluster.
#[derive(Debug, Clone)]
pub struct Simulated {
    objects: Objects,
    tasks: Tasks,
}

impl Simulated {
    /// A fresh cluster whose Deployments are ready after `ready_after`.
    pub fn start(name: &str, ready_after: Duration, tasks: &Tasks) -> Self {
        let objects = Objects::new(name, shared_runtime::now());
        tasks.spawn_until_stopped("simulated controller", controller::run(objects.clone(), ready_after));
        Self { objects, tasks: tasks.clone() }
    }

    /// The objects of a kind as they are, without asking through the API; none of a kind that is not served.
    pub fn objects(&self, group: &str, version: &str, plural: &str) -> Vec<Arc<Value>> {
        Kind::find(group, version, plural).map(|kind| self.objects.list(kind, "").0).unwrap_or_default()
    }

    /// The Deployments as they are, without asking through the API.
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        controller::workloads(&self.objects)
    }

    fn answer(&self, request: &http::request::Parts, body: &Bytes) -> Result<Response<Body>, Status> {
        let fields = query(request.uri.query().unwrap_or_default());
        if fields.contains_key("dryRun") {
            return Err(Status::bad_request("dryRun: a simulated cluster has no dry run"));
        }
        let method = &request.method;
        match Target::parse(request.uri.path())? {
            Target::Version => Ok(json_answer(&json!({
                "major": "1", "minor": "34", "gitVersion": "v1.34.3-simulated", "platform": "linux/amd64",
            }))),
            Target::Core => Ok(json_answer(&discovery::api_versions(
                &kinds::served(),
                SocketAddr::from(([127, 0, 0, 1], 443)),
            ))),
            Target::Groups => Ok(json_answer(&discovery::api_group_list(&kinds::served()))),
            Target::Resources(group, version) => {
                let list = discovery::api_resource_list(&kinds::served(), &group, &version);
                list.map(|list| json_answer(&list)).ok_or_else(Status::no_such_path)
            }
            Target::Collection(kind, ns) if *method == Method::GET && is_set(&fields, "watch") => {
                self.watch(kind, ns, &fields)
            }
            Target::Collection(kind, ns) if *method == Method::GET => self.list(kind, &ns, &fields),
            Target::Collection(kind, ns) if *method == Method::POST => {
                let mut object = parse(body)?;
                if kind.namespaced {
                    meta::default_namespace(&mut object, &ns);
                }
                Ok(object_answer(
                    StatusCode::CREATED,
                    &*self.objects.create_by(
                        kind,
                        object,
                        manager(request, &fields),
                        shared_runtime::now(),
                    )?,
                ))
            }
            Target::Object(kind, ns, name) => self.object(request, (kind, &ns, &name), "", &fields, body),
            Target::Status(kind, ns, name) if kind.has_status && *method != Method::DELETE => {
                self.object(request, (kind, &ns, &name), "status", &fields, body)
            }
            Target::Collection(kind, _) | Target::Status(kind, ..) => {
                Err(Status::method_not_allowed(kind.resource(), method.as_str()))
            }
        }
    }

    /// A request to one object, or to its status.
    fn object(
        &self,
        request: &http::request::Parts,
        (kind, ns, name): (Kind, &str, &str),
        subresource: &str,
        fields: &BTreeMap<String, String>,
        body: &Bytes,
    ) -> Result<Response<Body>, Status> {
        let now = shared_runtime::now();
        let manager = Manager { name: manager(request, fields), subresource };
        let object = match request.method {
            Method::GET => self.objects.get(kind, ns, name)?,
            Method::PUT => {
                apply::check_options(manager.name, Options::Update)?;
                let new = parse(body)?;
                self.objects.change_by(kind, ns, name, manager, now, |_, _| Ok(new))?
            }
            Method::DELETE => {
                let options = if body.is_empty() { json!({}) } else { parse(body)? };
                self.objects.delete(kind, ns, name, &options, now)?
            }
            Method::PATCH => {
                let media = request.headers.get(http::header::CONTENT_TYPE);
                let media = media.and_then(|value| value.to_str().ok()).unwrap_or_default();
                let patch = parse(body)?;
                match PatchKind::of_content_type(media)? {
                    PatchKind::Apply => {
                        let name_of_manager = fields.get("fieldManager").map_or("", String::as_str);
                        let manager = Manager { name: name_of_manager, subresource };
                        let conflicts =
                            if is_set(fields, "force") { Conflicts::Force } else { Conflicts::Refuse };
                        self.objects.apply(kind, ns, name, &patch, manager, conflicts, now)?
                    }
                    patched @ (PatchKind::Json | PatchKind::Merge | PatchKind::Strategic) => {
                        let force = fields.get("force").map(|_| is_set(fields, "force"));
                        apply::check_options(manager.name, Options::Patch { force })?;
                        self.objects.change_by(kind, ns, name, manager, now, |old, schema| match patched {
                            PatchKind::Json => patch::json(old, &patch),
                            PatchKind::Merge => patch::merge(old, &patch),
                            PatchKind::Strategic | PatchKind::Apply => patch::strategic(old, &patch, schema),
                        })?
                    }
                }
            }
            _ => return Err(Status::method_not_allowed(kind.resource(), request.method.as_str())),
        };
        Ok(object_answer(StatusCode::OK, &object))
    }

    fn list(
        &self,
        kind: Kind,
        ns: &str,
        fields: &BTreeMap<String, String>,
    ) -> Result<Response<Body>, Status> {
        let selector = labels(fields)?;
        let (objects, version) = self.objects.list(kind, ns);
        let items: Vec<&Value> =
            objects.iter().map(|object| &**object).filter(|object| picks(&selector, object)).collect();
        Ok(json_answer(&json!({
            "apiVersion": kind.api_version(),
            "kind": format!("{}List", kind.kind),
            "metadata": {"resourceVersion": version.to_string()},
            "items": items,
        })))
    }

    fn watch(
        &self,
        kind: Kind,
        ns: String,
        fields: &BTreeMap<String, String>,
    ) -> Result<Response<Body>, Status> {
        let number = |name: &str| fields.get(name).and_then(|text| text.parse::<u64>().ok());
        let watch = Watch {
            kind,
            ns,
            selector: labels(fields)?,
            from: number("resourceVersion").unwrap_or(0),
            send_initial: is_set(fields, "sendInitialEvents"),
            lasts: Duration::from_secs(number("timeoutSeconds").unwrap_or(300)),
        };
        let (lines, receiver) = mpsc::channel::<Value>(16);
        self.tasks.spawn_until_stopped("simulated watch", watch.run(self.objects.clone(), lines));
        let frames =
            ReceiverStream::new(receiver).map(|line| Ok(Frame::data(Bytes::from(format!("{line}\n")))));
        Ok(answer(StatusCode::OK, BodyExt::boxed(StreamBody::new(frames))))
    }
}

/// Who writes, by the parameter or the client's name.
fn manager<'a>(request: &'a http::request::Parts, fields: &'a BTreeMap<String, String>) -> &'a str {
    let agent = request.headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok());
    let agent = agent.and_then(|agent| agent.split('/').next()).filter(|agent| !agent.is_empty());
    fields
        .get("fieldManager")
        .map(String::as_str)
        .filter(|name| !name.is_empty())
        .or(agent)
        .unwrap_or("unknown")
}

fn is_set(fields: &BTreeMap<String, String>, name: &str) -> bool {
    fields.get(name).is_some_and(|value| matches!(value.as_str(), "true" | "1"))
}

fn labels(fields: &BTreeMap<String, String>) -> Result<LabelSelector, Status> {
    let text = fields.get("labelSelector").map_or("", String::as_str);
    selector::parse_labels(text).map_err(|error| Status::bad_request(error.to_string()))
}

fn parse(body: &Bytes) -> Result<Value, Status> {
    serde_json::from_slice(body)
        .map_err(|error| Status::bad_request(format!("the body is not JSON: {error}")))
}

fn json_answer(value: &Value) -> Response<Body> {
    object_answer(StatusCode::OK, value)
}

fn object_answer(code: StatusCode, value: &Value) -> Response<Body> {
    answer(code, BodyExt::boxed(Full::new(Bytes::from(value.to_string()))))
}

fn answer(code: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}

impl<B> tower::Service<Request<B>> for Simulated
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = BodyExt::collect(body).await;
            let body = body.map_err(|error| Status::bad_request(format!("the body broke off: {error}")));
            let answer = body.and_then(|body| service.answer(&parts, &body.to_bytes()));
            Ok(answer.unwrap_or_else(|status| {
                let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                object_answer(code, &status.to_value())
            }))
        })
    }
}

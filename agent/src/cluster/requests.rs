//! One request each: apply, replace, delete, get, and what a cluster says of itself.

use super::{
    Cluster, Error, Facts,
    calm::Standing,
    discovery::{self, Served},
    failure::{meaning, of_answer, untold},
};
use http::{Method as Verb, Request};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};
use shared_manifest::ObjectId;
use shared_sync::{Failure, Method, Propagation, Write};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Our field manager (Kubernetes KEP-555).
pub(crate) const MANAGER: &str = "flotilla";
/// A request without an answer for so long has failed.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// A patch by RFC 7386.
pub(super) const MERGE_PATCH: &str = "application/merge-patch+json";

impl Cluster {
    /// Writes an object and answers it as the API server returned it.
    pub(crate) async fn apply(
        &self,
        id: &ObjectId,
        object: &Value,
        how: Write,
    ) -> Result<Arc<Value>, Failure> {
        let served = self.served(id, version_of(object)).await?;
        let body = fitting(object, &served);
        let written = match how.method {
            Method::Apply => self.patch(id, &served, &body, how.validate).await,
            Method::Replace => self.replace(id, &served, &body, how.validate).await,
        };
        match written {
            Err(Failure::Invalid(message) | Failure::Conflict(message)) if how.recreate => {
                tracing::info!(object = %id, message, "the object cannot be changed; it is deleted and made again");
                self.recreate(id, &served, &body, how).await
            }
            other => other,
        }
    }

    async fn patch(
        &self,
        id: &ObjectId,
        served: &Served,
        body: &Value,
        validate: bool,
    ) -> Result<Arc<Value>, Failure> {
        let uri = format!(
            "{}?fieldManager={MANAGER}&force=true&fieldValidation={}",
            path(served, id),
            validation(validate)
        );
        self.send(Verb::PATCH, &uri, "application/apply-patch+yaml", Some(body)).await
    }

    async fn replace(
        &self,
        id: &ObjectId,
        served: &Served,
        body: &Value,
        validate: bool,
    ) -> Result<Arc<Value>, Failure> {
        let options = format!("fieldManager={MANAGER}&fieldValidation={}", validation(validate));
        match self.fetch(id, served).await {
            Ok(live) => {
                let mut body = body.clone();
                body["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
                let uri = format!("{}?{options}", path(served, id));
                self.send(Verb::PUT, &uri, "application/json", Some(&body)).await
            }
            Err(Failure::NotFound(_)) => {
                let uri = format!("{}?{options}", collection(served, &id.namespace));
                self.send(Verb::POST, &uri, "application/json", Some(body)).await
            }
            Err(failure) => Err(failure),
        }
    }

    /// Deletes and makes again. While the old one is still going this fails as a conflict, to be tried again.
    async fn recreate(
        &self,
        id: &ObjectId,
        served: &Served,
        body: &Value,
        how: Write,
    ) -> Result<Arc<Value>, Failure> {
        let live = self.fetch(id, served).await?;
        let uid = live["metadata"]["uid"].as_str().map(str::to_owned);
        self.remove(id, served, uid.as_deref(), Propagation::Background).await?;
        let wait = Duration::from_millis(200);
        for _ in 0..50 {
            match self.fetch(id, served).await {
                Err(Failure::NotFound(_)) => return self.patch(id, served, body, how.validate).await,
                Err(failure) => return Err(failure),
                Ok(live) if live["metadata"]["uid"].as_str() != uid.as_deref() => break,
                Ok(_) => tokio::time::sleep(wait).await,
            }
        }
        Err(Failure::Conflict("it was deleted to be made again, and its finalizers still hold it".to_owned()))
    }

    /// Asks for the deletion of the object that has this uid.
    pub(crate) async fn delete(
        &self,
        id: &ObjectId,
        uid: Option<&str>,
        propagation: Propagation,
    ) -> Result<(), Failure> {
        let served = match self.served(id, None).await {
            Ok(served) => served,
            Err(Failure::KindUnknown(_)) => return Ok(()),
            Err(failure) => return Err(failure),
        };
        match self.remove(id, &served, uid, propagation).await {
            Ok(()) | Err(Failure::NotFound(_)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    async fn remove(
        &self,
        id: &ObjectId,
        served: &Served,
        uid: Option<&str>,
        propagation: Propagation,
    ) -> Result<(), Failure> {
        let mut options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "propagationPolicy": match propagation {
                Propagation::Foreground => "Foreground",
                Propagation::Background => "Background",
                Propagation::Orphan => "Orphan",
            },
        });
        if let Some(uid) = uid {
            options["preconditions"] = json!({"uid": uid});
        }
        self.send(Verb::DELETE, &path(served, id), "application/json", Some(&options)).await?;
        Ok(())
    }

    /// Reads an object, in the version in which it is desired; `None` when it is certainly absent.
    pub(crate) async fn get(
        &self,
        id: &ObjectId,
        version: Option<&str>,
    ) -> Result<Option<Arc<Value>>, Failure> {
        let served = self.served(id, version).await?;
        match self.fetch(id, &served).await {
            Ok(object) => Ok(Some(object)),
            Err(Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Reads an object with who has set what of it; `None` when it is certainly absent. A kind that is not served has no objects.
    pub(crate) async fn get_whole(
        &self,
        id: &ObjectId,
        version: Option<&str>,
    ) -> Result<Option<Value>, Failure> {
        let served = match self.served(id, version).await {
            Ok(served) => served,
            Err(Failure::KindUnknown(_)) => return Ok(None),
            Err(failure) => return Err(failure),
        };
        match self.send_anyway(ANSWER_WITHIN, Verb::GET, &path(&served, id), None).await {
            Ok(object) => Ok(Some(Arc::unwrap_or_clone(object))),
            Err(Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn fetch(&self, id: &ObjectId, served: &Served) -> Result<Arc<Value>, Failure> {
        self.send(Verb::GET, &path(served, id), "application/json", None).await
    }

    async fn served(&self, id: &ObjectId, version: Option<&str>) -> Result<Served, Failure> {
        self.discovery.find(&self.client, &id.group, &id.kind, version).await
    }

    pub(super) async fn send(
        &self,
        verb: Verb,
        uri: &str,
        media: &str,
        body: Option<&Value>,
    ) -> Result<Arc<Value>, Failure> {
        self.send_within(ANSWER_WITHIN, verb, uri, [media, "application/json"], body).await
    }

    /// Sends a request, if the server may be asked; `media` is the body's and the answer's.
    pub(super) async fn send_within(
        &self,
        within: Duration,
        verb: Verb,
        uri: &str,
        media: [&str; 2],
        body: Option<&Value>,
    ) -> Result<Arc<Value>, Failure> {
        let request = request(verb, uri, media, body)?;
        self.calm.ask(std::time::Instant::now())?;
        let answer = self.answer(within, request).await;
        let now = std::time::Instant::now();
        match answer {
            Ok(mut object) => {
                self.calm.heard(Standing::Well, None, now);
                slim(&mut object);
                Ok(Arc::new(object))
            }
            Err((standing, failure)) => {
                self.calm.heard(standing, Some(&failure), now);
                Err(failure)
            }
        }
    }

    /// Sends a request whatever trouble the server is in, and draws no conclusion about the server from how it ends.
    pub(super) async fn send_anyway(
        &self,
        within: Duration,
        verb: Verb,
        uri: &str,
        body: Option<&Value>,
    ) -> Result<Arc<Value>, Failure> {
        let media = if verb == Verb::PATCH { MERGE_PATCH } else { "application/json" };
        let request = request(verb, uri, [media, "application/json"], body)?;
        self.answer(within, request).await.map(Arc::new).map_err(|(_, failure)| failure)
    }

    async fn answer(&self, within: Duration, request: Request<Body>) -> Result<Value, (Standing, Failure)> {
        let answer = tokio::time::timeout(within, self.exchange(request)).await;
        answer.unwrap_or_else(|_| {
            let silence = Failure::Unreachable(format!("no answer within {} s", within.as_secs()));
            Err((Standing::Troubled, silence))
        })
    }

    /// Sends a request and reads the whole answer; with a failure, what it says of the server as such.
    async fn exchange(&self, request: Request<Body>) -> Result<Value, (Standing, Failure)> {
        let troubled = |error: kube::Error| (Standing::Troubled, untold(meaning(&error), &self.untold));
        let (head, body) = self.client.send(request).await.map_err(troubled)?.into_parts();
        let bytes = body.collect().await.map_err(troubled)?.to_bytes();
        if head.status.is_success() {
            let unread = |error| Failure::Other(format!("its answer cannot be read: {error}"));
            return serde_json::from_slice(&bytes).map_err(|error| (Standing::Well, unread(error)));
        }
        let failure = untold(of_answer(head.status, &head.headers, &bytes), &self.untold);
        Err((Standing::of(head.status, &failure), failure))
    }

    /// What the cluster says of itself.
    ///
    /// # Errors
    /// When the API server is a hub's, cannot be reached or does not let the agent read the kube-system namespace.
    pub(crate) async fn facts(&self) -> Result<Facts, Error> {
        let failed = |failure: Failure| {
            if let Failure::Forbidden(message) = failure {
                Error::Denied(message)
            } else {
                Error::Api(failure.to_string())
            }
        };
        let get = |uri| self.send(Verb::GET, uri, "application/json", None);
        let version = get("/version").await.map_err(failed)?;
        if let Some(hub) = version["gitVersion"].as_str().filter(|version| version.contains("flotilla")) {
            return Err(Error::IsHub(hub.to_owned()));
        }
        let system = get("/api/v1/namespaces/kube-system").await.map_err(failed)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Facts {
            uid: text(&system["metadata"]["uid"]),
            version: text(&version["gitVersion"]),
            platform: text(&version["platform"]),
            nodes: self.nodes().await,
            served: Arc::new(self.kinds().await),
        })
    }

    /// The kinds that are served; none when they cannot be read.
    async fn kinds(&self) -> BTreeMap<String, Vec<String>> {
        let served = discovery::served(&self.client).await;
        served.unwrap_or_else(|error| {
            tracing::debug!(%error, "the kinds that the API server serves could not be read");
            BTreeMap::new()
        })
    }

    /// The number of nodes, told by the length of one page and what the server says remains.
    async fn nodes(&self) -> u32 {
        let page = self.send(Verb::GET, "/api/v1/nodes?limit=1", "application/json", None).await;
        let Ok(page) = page else { return 0 };
        let here = page["items"].as_array().map_or(0, Vec::len) as u64;
        let rest = page["metadata"]["remainingItemCount"].as_u64().unwrap_or(0);
        u32::try_from(here + rest).unwrap_or(u32::MAX)
    }
}

fn request(verb: Verb, uri: &str, media: [&str; 2], body: Option<&Value>) -> Result<Request<Body>, Failure> {
    let bytes = body.map(Value::to_string).unwrap_or_default().into_bytes();
    let [content, accept] = media;
    Request::builder()
        .method(verb)
        .uri(uri)
        .header(http::header::CONTENT_TYPE, content)
        .header(http::header::ACCEPT, accept)
        .body(Body::from(bytes))
        .map_err(|error| Failure::Invalid(format!("its name cannot stand in a request: {error}")))
}

/// What nobody needs of an object: half of its size.
pub(super) fn slim(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

fn version_of(object: &Value) -> Option<&str> {
    let api_version = object["apiVersion"].as_str()?;
    Some(api_version.split_once('/').map_or(api_version, |(_, version)| version))
}

const fn validation(validate: bool) -> &'static str {
    if validate { "Strict" } else { "Ignore" }
}

/// The object, without a namespace where its kind has none.
fn fitting(object: &Value, served: &Served) -> Value {
    let mut object = object.clone();
    if !served.namespaced
        && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.remove("namespace");
    }
    object
}

pub(super) fn collection(served: &Served, namespace: &str) -> String {
    let resource = &served.resource;
    let root = if resource.group.is_empty() { "/api" } else { "/apis" };
    let base = format!("{root}/{}", resource.api_version);
    if served.namespaced {
        let namespace = if namespace.is_empty() { "default" } else { namespace };
        format!("{base}/namespaces/{}/{}", segment(namespace), resource.plural)
    } else {
        format!("{base}/{}", resource.plural)
    }
}

fn path(served: &Served, id: &ObjectId) -> String {
    format!("{}/{}", collection(served, &id.namespace), segment(&id.name))
}

/// A name as one step of a path, whatever is in it: names come from manifests, and what `?`, `/` or `..` in them would ask
/// for is another thing than the object. Names of RBAC objects may hold `:` and more.
fn segment(name: &str) -> String {
    use std::fmt::Write as _;
    let mut step = String::new();
    for byte in name.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'~');
        // A step of dots alone leads elsewhere, however it is written: no object has such a name.
        if plain || (byte == b'.' && name.bytes().any(|byte| byte != b'.')) {
            step.push(char::from(byte));
        } else if byte == b'.' {
            step.push_str("%25");
        } else {
            write!(step, "%{byte:02X}").expect("a string takes all");
        }
    }
    step
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_name_is_one_step_of_a_path() {
        for (name, step) in [
            ("web", "web"),
            ("system:a.b", "system:a.b"),
            ("a/secrets?x=", "a%2Fsecrets%3Fx%3D"),
            ("..", "%25%25"),
            (".", "%25"),
            ("ä b", "%C3%A4%20b"),
        ] {
            assert_eq!(segment(name), step, "{name}");
        }
    }
}

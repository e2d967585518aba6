//! One request: who asks, for what, and the answer.

use crate::{
    access::{self, Subject, Token},
    answer::{self, Answer},
    audit::{AuditLog, Line},
    body::{self, Unread},
    comparisons::{self, Comparer},
    decisions, documents,
    feed::Feed,
    front,
    health::Health,
    identities::{self, Keeper, Wish},
    kinds, members,
    metrics::Metrics,
    notifications,
    options::{Selector, failed, rules},
    query::Query,
    questions::{self, Asker},
    read, refusals,
    reviews::{self, Known},
    route::Route,
    seats::{Limits, Seat, Seats, Sizes, Watches},
    server::HubInfo,
    timeline, watch as watching, webhooks,
    write::{self, Change, Changed},
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header, request};
use hub_records::{Records, resource};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use serde_json::{Value, json};
use shared_model::Kind;
use shared_objects::{
    Status,
    discovery::{self, AGGREGATED, ApiResource},
    meta::{self, Part},
};
use shared_runtime::{Tasks, metrics::Exposed, now};
use std::net::SocketAddr;
use tokio::sync::watch;

/// What every request needs.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    pub(crate) tokens: Vec<Token>,
    pub(crate) info: watch::Receiver<HubInfo>,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) comparer: Option<Comparer>,
    pub(crate) asker: Option<Asker>,
    pub(crate) webhooks: Option<webhooks::Door>,
    pub(crate) notify: Option<hub_notify::Handle>,
    pub(crate) violations: Counter,
    pub(crate) metrics: Metrics,
    pub(crate) exposed: Exposed,
    pub(crate) records: Records,
    pub(crate) feed: Feed,
    pub(crate) resources: Vec<ApiResource>,
    pub(crate) tasks: Tasks,
    pub(crate) audit: AuditLog,
    pub(crate) limits: Limits,
    pub(crate) seats: Seats,
    pub(crate) sizes: Sizes,
    pub(crate) watches: Watches,
}

/// A request without its body.
struct Asked<'a> {
    method: &'a Method,
    path: &'a str,
    headers: &'a HeaderMap,
    query: &'a Query,
    subject: &'a Subject,
    /// What the subject changes is told in the history.
    records: Records,
    line: &'a Line,
    /// Given up when the request is answered, or taken along by what goes on after that.
    seat: Mutex<Option<Seat>>,
}

impl Service {
    /// What a request asks for, or why it is refused.
    pub(crate) async fn answer(
        &self,
        request::Parts { method, uri, headers, extensions, .. }: &request::Parts,
        incoming: &mut Unread,
        query: &Query,
        route: Option<Route>,
        line: &Line,
    ) -> Result<Answer, Status> {
        if route == Some(Route::Health) {
            return Ok(self.health(uri.path(), query).await);
        }
        if route == Some(Route::Webhook)
            && let Some(door) = &self.webhooks
        {
            let source = extensions.get::<SocketAddr>().map_or(self.address, |peer| *peer).ip();
            return door.take(method, headers.clone(), incoming, source).await;
        }
        // Before the body: strangers are not read.
        let subject = access::subject(headers, &self.tokens)?;
        line.by(&subject);
        access::impersonates(headers)?;
        if route.is_none() && method == Method::GET && uri.path() == refusals::DEFINITIONS {
            return Ok(answer::ok(&refusals::definitions()));
        }
        let route = route.ok_or_else(|| refusals::unserved(uri.path()))?;
        // Before the body as well: those who wait hold nothing of it.
        let seat = match front::seats(method, &route, query, &self.sizes) {
            Some((class, width)) => Some(self.seats.take(class, width, &subject.user).await?),
            None => None,
        };
        let records = self.records.on_behalf_of(&subject.user);
        let (path, subject) = (uri.path(), &subject);
        let asked = Asked { method, path, headers, query, subject, records, line, seat: Mutex::new(seat) };
        match route {
            Route::Collection { kind, namespace } => {
                self.collection(&asked, incoming, kind, namespace.as_deref()).await
            }
            Route::Object { kind, namespace, name } => {
                self.object(&asked, incoming, kind, (&namespace, &name), Part::Main).await
            }
            Route::Below { kind, namespace, name, subresource } => {
                self.below(&asked, incoming, kind, (&namespace, &name), &subresource).await
            }
            Route::Review { plural, namespace } => {
                only(&asked, &Method::POST)?;
                let review = body::object(headers, &incoming.read().await?)?;
                let known = Known { subject, tokens: &self.tokens, resources: &self.resources };
                let which = (plural.as_str(), namespace.as_deref());
                let review = reviews::answer(known, which, review, now())?;
                Ok(answer::json(StatusCode::CREATED, &review))
            }
            Route::Metrics => self.scrape(&asked),
            Route::Timeline => {
                only(&asked, &Method::GET)?;
                timeline::get(&self.records, asked.query, self.tasks.stopped()).await
            }
            Route::Notifications => {
                only(&asked, &Method::GET)?;
                Ok(answer::ok(&notifications::list(self.notify.as_ref()).await?))
            }
            Route::NotifyTest(name) => {
                only(&asked, &Method::POST)?;
                let body = options(headers, &incoming.read().await?)?;
                Ok(answer::ok(&notifications::test(self.notify.as_ref(), line, &name, &body).await?))
            }
            Route::Compare(cluster) => {
                only(&asked, &Method::POST)?;
                let body = options(headers, &incoming.read().await?)?;
                let compared =
                    comparisons::post(self.comparer.as_ref(), &self.records, &cluster, &body).await?;
                Ok(answer::ok(&compared))
            }
            Route::Git => {
                only(&asked, &Method::POST)?;
                let body = options(headers, &incoming.read().await?)?;
                Ok(answer::ok(&questions::post(self.asker.as_ref(), line, &body).await?))
            }
            Route::Revoke(_) | Route::Authority => self.identity(&asked, incoming, &route).await,
            Route::Paths
            | Route::Health
            | Route::Webhook
            | Route::Version
            | Route::CoreVersions
            | Route::Groups
            | Route::Group(_)
            | Route::Resources { .. }
            | Route::OpenApiIndex
            | Route::OpenApi { .. }
            | Route::OpenApiV2
            | Route::Info => self.document(&asked, &route),
        }
    }

    /// Something below an object.
    async fn below(
        &self,
        asked: &Asked<'_>,
        incoming: &mut Unread,
        kind: Kind,
        (namespace, name): (&str, &str),
        subresource: &str,
    ) -> Result<Answer, Status> {
        match (kind, subresource) {
            (Kind::Cluster, "events") => {
                only(asked, &Method::GET)?;
                self.events(name).await
            }
            (Kind::FleetRollout, "members") => {
                only(asked, &Method::GET)?;
                let members = members::list(&self.records, namespace, name, asked.query).await?;
                Ok(answer::ok(&members))
            }
            (Kind::FleetRollout, "decisions") => {
                only(asked, &Method::POST)?;
                let body = body::object(asked.headers, &incoming.read().await?)?;
                let change = Self::change(asked, kind, (namespace, name), Part::Main);
                Ok(answer::json(StatusCode::CREATED, &decisions::post(&change, body, asked.line).await?))
            }
            (_, "status") if kinds::has_status(kind) => {
                self.object(asked, incoming, kind, (namespace, name), Part::Status).await
            }
            _ => Err(refusals::below(kind, subresource)),
        }
    }

    /// What a cluster's agent told of what happened there.
    async fn events(&self, cluster: &str) -> Result<Answer, Status> {
        if self.records.get(Kind::Cluster, "", cluster).await.map_err(failed)?.is_none() {
            return Err(Status::not_found(resource(Kind::Cluster), cluster));
        }
        let key = hub_records::keys::events(&shared_model::ClusterName::new(cluster));
        let events = self.records.read::<hub_records::Events>(&key).await.map_err(failed)?;
        Ok(answer::ok(&json!(events.map(|(events, _)| events).unwrap_or_default())))
    }

    /// What is asked of identities.
    async fn identity(
        &self,
        asked: &Asked<'_>,
        incoming: &mut Unread,
        route: &Route,
    ) -> Result<Answer, Status> {
        if *route == Route::Authority && *asked.method == Method::GET {
            let report = identities::authority(self.keeper.as_ref(), asked.subject, Wish::Show).await?;
            return Ok(answer::ok(&report));
        }
        only(asked, &Method::POST)?;
        let body = options(asked.headers, &incoming.read().await?)?;
        let changed = if let Route::Revoke(name) = route {
            let reason = body["reason"].as_str().unwrap_or_default();
            asked.line.action("revoke");
            identities::revoke(&self.records, asked.subject, name, reason, now()).await?
        } else {
            let wish = identities::wish(&body)?;
            asked.line.action(wish.word());
            identities::authority(self.keeper.as_ref(), asked.subject, wish).await?
        };
        Ok(answer::ok(&changed))
    }

    async fn health(&self, path: &str, query: &Query) -> Answer {
        let store = self.records.store().revision().await;
        if let Err(error) = &store {
            tracing::error!(%error, "the store failed");
        }
        Health { store: store.is_ok(), violations: self.violations.get() }.answer(path, query)
    }

    fn scrape(&self, asked: &Asked<'_>) -> Result<Answer, Status> {
        only(asked, &Method::GET)?;
        let accept = asked.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let scrape = self.exposed.scrape(accept.unwrap_or_default());
        Ok(answer::bytes(StatusCode::OK, scrape.media_type, Bytes::from(scrape.text)))
    }

    fn document(&self, asked: &Asked<'_>, route: &Route) -> Result<Answer, Status> {
        only(asked, &Method::GET)?;
        let resources = &self.resources;
        let accept =
            asked.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let aggregated = accept.split(',').any(|range| range.trim() == AGGREGATED);
        let found = match route {
            Route::CoreVersions if aggregated => return Ok(whole(&discovery::aggregated_core(resources))),
            Route::Groups if aggregated => return Ok(whole(&discovery::aggregated_groups(resources))),
            Route::Version => Some(documents::version(&self.info.borrow().version)),
            Route::CoreVersions => Some(discovery::api_versions(resources, self.address)),
            Route::Groups => Some(discovery::api_group_list(resources)),
            Route::Group(group) => discovery::api_group(resources, group),
            Route::Resources { group, version } => discovery::api_resource_list(resources, group, version),
            Route::OpenApiIndex => Some(documents::openapi_index()),
            Route::OpenApi(name) => {
                let found = documents::openapi_v3(name, asked.headers, asked.query);
                return found.ok_or_else(Status::no_such_path);
            }
            Route::OpenApiV2 => return Ok(documents::openapi_v2(asked.headers)),
            Route::Info => Some(json!(*self.info.borrow())),
            Route::Paths => Some(documents::paths(resources)),
            Route::Health
            | Route::Metrics
            | Route::Timeline
            | Route::Webhook
            | Route::Notifications
            | Route::NotifyTest(_)
            | Route::Revoke(_)
            | Route::Compare(_)
            | Route::Git
            | Route::Authority
            | Route::Review { .. }
            | Route::Collection { .. }
            | Route::Object { .. }
            | Route::Below { .. } => None,
        };
        found.map(|document| answer::ok(&document)).ok_or_else(Status::no_such_path)
    }

    async fn collection(
        &self,
        asked: &Asked<'_>,
        incoming: &mut Unread,
        kind: Kind,
        namespace: Option<&str>,
    ) -> Result<Answer, Status> {
        let watches = asked.query.is("watch");
        // Whoever looks at objects may watch them next, from what he is told here: that counts from when he is.
        let _listing = self.feed.watched();
        self.feed.wake().await;
        match *asked.method {
            Method::GET | Method::HEAD if watches => {
                rules::watch(asked.query)?;
                self.watch(asked, kind, Selector::parse(asked.query, namespace)?).await
            }
            Method::GET | Method::HEAD => {
                rules::list(asked.query)?;
                let sources = read::Sources {
                    records: &self.records,
                    sizes: &self.sizes,
                    seat: asked.seat.lock().take(),
                };
                read::list(sources, kind, namespace, asked.headers, asked.query, now()).await
            }
            Method::POST => {
                let change = Self::change(asked, kind, (namespace.unwrap_or_default(), ""), Part::Main);
                let changed = async {
                    rules::write("CreateOptions", asked.query)?;
                    let object = body::object(asked.headers, &incoming.read().await?)?;
                    if namespace.is_none() && shared_model::gvk(kind).namespaced {
                        return Err(Status::bad_request(
                            "an object of this kind is created in a namespace: POST to it there",
                        ));
                    }
                    write::create(&change, object).await
                };
                answered(asked, changed.await)
            }
            // All at once within one namespace only, and Namespaces one by one, as Kubernetes has it: a path that
            // was cut short must not take a fleet.
            Method::DELETE if kind == Kind::Namespace => Err(not_allowed(asked, kind)),
            Method::DELETE if namespace.is_none() && shared_model::gvk(kind).namespaced => {
                Err(Status::no_such_path())
            }
            Method::DELETE => {
                let change = Self::change(asked, kind, (namespace.unwrap_or_default(), ""), Part::Main);
                let changed = async {
                    let selector = Selector::parse(asked.query, namespace)?;
                    let options = options(asked.headers, &incoming.read().await?)?;
                    rules::delete(asked.query, &options)?;
                    write::delete_all(&change, &selector, &options).await
                };
                answered(asked, changed.await)
            }
            _ => Err(not_allowed(asked, kind)),
        }
    }

    async fn object(
        &self,
        asked: &Asked<'_>,
        incoming: &mut Unread,
        kind: Kind,
        (namespace, name): (&str, &str),
        part: Part,
    ) -> Result<Answer, Status> {
        let change = Self::change(asked, kind, (namespace, name), part);
        match *asked.method {
            Method::GET | Method::HEAD => {
                read::get(&self.records, kind, (namespace, name), asked.headers, asked.query, now()).await
            }
            Method::PUT => {
                let changed = async {
                    rules::write("UpdateOptions", asked.query)?;
                    let object = body::object(asked.headers, &incoming.read().await?)?;
                    write::update(&change, object).await
                };
                answered(asked, changed.await)
            }
            Method::PATCH => {
                let changed = async {
                    rules::patch(asked.query, &body::media_type(asked.headers))?;
                    write::patch(&change, &incoming.read().await?).await
                };
                answered(asked, changed.await)
            }
            Method::DELETE if part == Part::Main => {
                let changed = async {
                    let options = options(asked.headers, &incoming.read().await?)?;
                    rules::delete(asked.query, &options)?;
                    write::delete(&change, &options).await
                };
                answered(asked, changed.await)
            }
            _ => Err(not_allowed(asked, kind)),
        }
    }

    async fn watch(&self, asked: &Asked<'_>, kind: Kind, selector: Selector) -> Result<Answer, Status> {
        let sources = watching::Sources {
            records: &self.records,
            feed: self.feed.clone(),
            counted: self.metrics.watching(),
            place: self.watches.enter(&asked.subject.user)?,
            seat: asked.seat.lock().take(),
        };
        watching::watch(sources, kind, selector, asked.headers, asked.query, self.tasks.stopped()).await
    }

    fn change<'a>(
        asked: &'a Asked<'_>,
        kind: Kind,
        (namespace, name): (&'a str, &'a str),
        part: Part,
    ) -> Change<'a> {
        Change {
            records: &asked.records,
            subject: asked.subject,
            kind,
            namespace,
            name,
            part,
            headers: asked.headers,
            query: asked.query,
            now: now(),
        }
    }
}

/// The answer to a change.
fn answered(asked: &Asked<'_>, changed: Result<Changed, Status>) -> Result<Answer, Status> {
    let changed = changed?;
    if changed.created {
        asked.line.name(meta::name(&changed.document));
    }
    let code = if changed.created { StatusCode::CREATED } else { StatusCode::OK };
    let mut answer = answer::json(code, &changed.document);
    changed.warnings.iter().for_each(|warning| answer::warn(&mut answer, warning));
    Ok(answer)
}

fn only(asked: &Asked<'_>, method: &Method) -> Result<(), Status> {
    if asked.method == method || (asked.method == Method::HEAD && method == Method::GET) {
        return Ok(());
    }
    let mut status = Status::no_such_path();
    status.code = 405;
    status.reason = "MethodNotAllowed";
    status.message = format!("{} is not served at {}", asked.method, asked.path);
    Err(status)
}

fn not_allowed(asked: &Asked<'_>, kind: Kind) -> Status {
    Status::method_not_allowed(resource(kind), &asked.method.as_str().to_lowercase())
}

/// Discovery in its aggregated form.
fn whole(document: &Value) -> Answer {
    answer::bytes(StatusCode::OK, AGGREGATED, Bytes::from(document.to_string()))
}

/// `DeleteOptions`, which may be left out.
fn options(headers: &HeaderMap, body: &[u8]) -> Result<Value, Status> {
    if body.is_empty() { Ok(Value::Null) } else { body::object(headers, body) }
}

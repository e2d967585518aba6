//! What every request goes through, whatever it asks for: its audit line, its seats, and how its answer goes out.

use crate::{
    answer::{self, Encoding},
    audit::Line,
    body::Unread,
    gzip,
    metrics::verb,
    query::Query,
    read,
    route::{self, Route},
    seats::{Class, Sizes, WIDEST},
    sent::Sent,
    service::Service,
};
use futures::FutureExt as _;
use http::{HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;
use shared_objects::Status;
use std::{net::SocketAddr, panic::AssertUnwindSafe};
use tokio::time::Instant;

/// By this a client can ask for the audit line of its request.
const AUDIT_ID: &str = "audit-id";

impl Service {
    /// Answers one request. A panic answers 500 and harms no other request.
    pub(crate) async fn handle(&self, request: Request<Incoming>) -> Response<Sent> {
        let began = Instant::now();
        let (head, incoming) = request.into_parts();
        let mut incoming = Unread::new(incoming);
        let query = Query::parse(head.uri.query().unwrap_or_default());
        let route = route::parse(head.uri.path());
        let verb = verb(&head.method, route.as_ref(), &query);
        let endless = query.is("watch") && matches!(route, Some(Route::Collection { .. } | Route::Timeline));
        let source = head.extensions.get::<SocketAddr>().map(SocketAddr::ip);
        let dry_run = query.has("dryRun");
        let line = Line::begin(&self.audit, verb, route.as_ref(), source, &head.headers, dry_run);
        let answered = self.answer(&head, &mut incoming, &query, route, &line);
        let answered = AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(|_| {
            Err(Status::internal("a request could not be answered; the hub's log says why"))
        });
        incoming.discard(&head.headers).await;
        let (mut answer, refusal) = match answered {
            Ok(answer) => (answer, None),
            Err(status) => (answer::status(&status), Some(status)),
        };
        line.answered(answer.status().as_u16(), refusal.as_ref());
        self.metrics.answered(verb, answer.status().as_u16(), began.elapsed());
        if endless && refusal.is_none() {
            line.started();
        } else {
            answer = answer::encoded(answer, Encoding::of(&head.headers)).await;
            if gzip::accepted(&head.headers) {
                answer = gzip::whole(answer).await;
            }
        }
        let headers = answer.headers_mut();
        let id = HeaderValue::from_str(line.id()).expect("it is hex and dashes");
        headers.insert(AUDIT_ID, id);
        let private = HeaderValue::from_static("no-cache, private");
        headers.entry(header::CACHE_CONTROL).or_insert(private);
        let (parts, body) = answer.into_parts();
        Response::from_parts(parts, Sent::new(body, line, self.limits.stalled, endless))
    }
}

/// Which seats a request takes, and how many; `None`: it takes none.
pub(crate) fn seats(method: &Method, route: &Route, query: &Query, sizes: &Sizes) -> Option<(Class, u32)> {
    let reads = [Method::GET, Method::HEAD].contains(method);
    Some(match route {
        // How the hub is must be seen when it is busy. Webhooks have a room of their own.
        Route::Health | Route::Metrics | Route::Webhook => return None,
        Route::Collection { kind, .. } if reads && query.is("watch") => {
            let tells_first =
                ["", "0"].contains(&query.get("resourceVersion")) || query.is("sendInitialEvents");
            (Class::Watch, if tells_first { sizes.width(*kind, None) } else { 1 })
        }
        Route::Collection { kind, .. } if reads => {
            (Class::List, sizes.width(*kind, read::limit(query).ok().flatten()))
        }
        Route::Collection { .. } if *method == Method::DELETE => (Class::Write, WIDEST),
        Route::Collection { .. } | Route::Object { .. } | Route::Below { .. } if !reads => (Class::Write, 1),
        Route::Collection { .. }
        | Route::Object { .. }
        | Route::Below { .. }
        | Route::Paths
        | Route::Version
        | Route::CoreVersions
        | Route::Groups
        | Route::Group(_)
        | Route::Resources { .. }
        | Route::OpenApiIndex
        | Route::OpenApi(_)
        | Route::OpenApiV2
        | Route::Info
        | Route::Timeline
        | Route::Notifications
        | Route::NotifyTest(_)
        | Route::Revoke(_)
        | Route::Compare(_)
        | Route::Git
        | Route::Authority
        | Route::Review { .. } => (Class::Read, 1),
    })
}

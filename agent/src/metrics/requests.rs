//! Requests to the API server, all of them: of objects, of discovery, watches.

use futures::future::{BoxFuture, FutureExt as _};
use http::{Method, Request, Response};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use shared_runtime::metrics::{Latency, Registry};
use std::{
    task::{Context, Poll},
    time::Instant,
};
use tower::{Layer, Service};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    verb: &'static str,
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    verb: &'static str,
}

/// Counts what goes through. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests {
    answers: Family<Answered, Counter>,
    seconds: Family<Asked, Latency>,
}

impl Requests {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "flotilla_agent_requests",
            "Requests to the API server by Kubernetes' verbs and the code of the answer; none: there was no answer",
            self.answers.clone(),
        );
        registry.register(
            "flotilla_agent_request_seconds",
            "How long the API server took; of a watch, until it began",
            self.seconds.clone(),
        );
    }
}

impl<S> Layer<S> for Requests {
    type Service = Counting<S>;

    fn layer(&self, service: S) -> Counting<S> {
        Counting { service, requests: self.clone() }
    }
}

/// A service whose requests count.
#[derive(Debug, Clone)]
pub(crate) struct Counting<S> {
    service: S,
    requests: Requests,
}

impl<S, A, B> Service<Request<A>> for Counting<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Send,
    B: 'static,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<B>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let (verb, requests, began) = (verb(&request), self.requests.clone(), Instant::now());
        let answer = self.service.call(request);
        async move {
            let answer = answer.await;
            let code = match &answer {
                Ok(answer) => answer.status().as_str().to_owned(),
                Err(_) => "none".to_owned(),
            };
            requests.answers.get_or_create(&Answered { verb, code }).inc();
            requests.seconds.get_or_create(&Asked { verb }).took(began.elapsed());
            answer
        }
        .boxed()
    }
}

/// What a request asks for; reading a list and an object are one.
fn verb<A>(request: &Request<A>) -> &'static str {
    let query = request.uri().query().unwrap_or_default();
    let watches = query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1" | "watch"));
    match *request.method() {
        Method::GET if watches => "watch",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    }
}

//! What an apply would change in a cluster: asked of its agent, who reads and writes nothing.
//!
//! `POST /flotilla/v1/clusters/NAME/compare` with `{"application": "NAMESPACE/NAME"}`; to compare with another release
//! than the one that is to run there, also `spec`, a release's spec, and `bundle`, its bundle's bytes, zstd and base64. The
//! answer is `{"changes": [{"object", "before", "after", "note"}], "same", "leftOut"}`, values of Secrets masked by the agent.

use crate::options::failed;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hub_records::{Records, resource};
use serde_json::Value;
use shared_model::{AppKey, ClusterName, Kind, ReleaseSpec};
use shared_objects::Status;
use tokio::sync::{mpsc, oneshot};

/// A comparison, on its way to who asks agents.
#[derive(Debug)]
pub struct Comparison {
    /// Where.
    pub cluster: ClusterName,
    /// Of which Application.
    pub application: AppKey,
    /// With which release and bundle (zstd); `None`: the one that is to run there.
    pub release: Option<(ReleaseSpec, Bytes)>,
    /// Where the changes go.
    pub answer: oneshot::Sender<Result<Value, Unanswered>>,
}

/// Why a comparison has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// It may have one later.
    Now(String),
    /// It cannot have one.
    Never(String),
}

/// The way to who asks agents.
pub type Comparer = mpsc::Sender<Comparison>;

/// Asks for a comparison; answers the changes.
pub(crate) async fn post(
    comparer: Option<&Comparer>,
    records: &Records,
    cluster: &str,
    body: &Value,
) -> Result<Value, Status> {
    let comparer = comparer.ok_or_else(Status::no_such_path)?;
    let (application, release) = asked(body)?;
    if records.get(Kind::Cluster, "", cluster).await.map_err(failed)?.is_none() {
        return Err(Status::not_found(resource(Kind::Cluster), cluster));
    }
    let (answer, answered) = oneshot::channel();
    let comparison = Comparison { cluster: ClusterName::new(cluster), application, release, answer };
    let _stopping = comparer.send(comparison).await;
    let answered = answered.await.map_err(|_| Status::unavailable("the hub is stopping", 1))?;
    answered.map_err(|why| match why {
        Unanswered::Now(why) => Status::unavailable(&why, 1),
        Unanswered::Never(why) => Status::unprocessable(why),
    })
}

fn asked(body: &Value) -> Result<(AppKey, Option<(ReleaseSpec, Bytes)>), Status> {
    let bad = |what: &str| Status::bad_request(what);
    let application: AppKey = serde_json::from_value(body["application"].clone())
        .map_err(|_| bad("application: must be NAMESPACE/NAME"))?;
    let (spec, bundle) = (&body["spec"], &body["bundle"]);
    if spec.is_null() && bundle.is_null() {
        return Ok((application, None));
    }
    let spec: ReleaseSpec =
        serde_json::from_value(spec.clone()).map_err(|error| bad(&format!("spec: {error}")))?;
    if spec.application != application {
        return Err(bad("spec.application: must be the application"));
    }
    let bundle = bundle.as_str().ok_or_else(|| bad("bundle: must be there when spec is"))?;
    let bundle = STANDARD.decode(bundle).map_err(|error| bad(&format!("bundle: {error}")))?;
    Ok((application, Some((spec, bundle.into()))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

    use super::*;
    use serde_json::json;

    fn check(body: Value, expect: Result<bool, &str>) {
        match (asked(&body), expect) {
            (Ok((application, release)), Ok(with)) => {
                assert_eq!((application, release.is_some()), (AppKey::new("argocd", "web"), with));
            }
            (Err(status), Err(part)) => assert!(status.message.contains(part), "{}", status.message),
            (said, expect) => panic!("{said:?} and not {expect:?}"),
        }
    }

    #[test]
    fn what_is_asked_is_read_or_refused_by_field() {
        let app = json!("argocd/web");
        let spec = json!({"application": app, "bundle": shared_model::Digest::of(b"x"), "bundleBytes": 1});
        check(json!({"application": app}), Ok(false));
        check(json!({"application": app, "spec": spec, "bundle": "eA=="}), Ok(true));
        check(json!({}), Err("application"));
        check(json!({"application": {"name": "web"}}), Err("application: must be NAMESPACE/NAME"));
        check(json!({"application": app, "spec": spec}), Err("bundle"));
        check(json!({"application": app, "bundle": "eA=="}), Err("spec"));
        check(json!({"application": app, "spec": spec, "bundle": "not base64"}), Err("bundle"));
        let mut other = spec.clone();
        other["application"] = json!("argocd/other");
        check(json!({"application": app, "spec": other, "bundle": "eA=="}), Err("spec.application"));
    }
}

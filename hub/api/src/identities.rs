//! What people ask of identities: to end the one of a cluster, and to replace the hub's authority.
//!
//! A revocation is a change of the Cluster's status, made here; what it means to certificates and streams
//! the gateway decides. The authority's keeper answers through [`Keeper`].

use crate::{access::Subject, options::failed};
use hub_records::{Identity, Records, resource};
use jiff::Timestamp;
use serde_json::Value;
use shared_model::Kind;
use shared_objects::Status;
use tokio::sync::{mpsc, oneshot};

/// What a person wants of the hub's authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To know where it is.
    Show,
    /// A new one.
    Rotate,
    /// The replacement to go on without those that it waits for.
    GoOn,
}

impl Wish {
    /// As audit lines name it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Rotate => "rotate",
            Self::GoOn => "go on",
        }
    }
}

/// A wish, on its way to the keeper of the authority.
#[derive(Debug)]
pub struct Wanted {
    /// What.
    pub wish: Wish,
    /// Who wants it.
    pub by: String,
    /// Where the report of the authority goes, or why it is not done.
    pub answer: oneshot::Sender<Result<Value, String>>,
}

/// The way to the keeper of the authority.
pub type Keeper = mpsc::Sender<Wanted>;

/// Tells the keeper of the authority what is wanted; answers its report.
pub(crate) async fn authority(
    keeper: Option<&Keeper>,
    subject: &Subject,
    wish: Wish,
) -> Result<Value, Status> {
    let keeper = keeper.ok_or_else(Status::no_such_path)?;
    let (answer, answered) = oneshot::channel();
    let by = subject.user.clone();
    let _stopping = keeper.send(Wanted { wish, by, answer }).await;
    let answered = answered.await.map_err(|_| Status::unavailable("the hub is stopping", 1))?;
    answered.map_err(Status::unprocessable)
}

/// What the body of a request to change the authority asks for.
pub(crate) fn wish(body: &Value) -> Result<Wish, Status> {
    match body["action"].as_str() {
        Some("rotate") => Ok(Wish::Rotate),
        Some("goOn") => Ok(Wish::GoOn),
        _ => Err(Status::bad_request("action: must be `rotate` or `goOn`")),
    }
}

/// Ends the identity of a cluster; answers the Cluster's new status.
pub(crate) async fn revoke(
    records: &Records,
    subject: &Subject,
    name: &str,
    reason: &str,
    now: Timestamp,
) -> Result<Value, Status> {
    let mut joined = false;
    let change = |status: &mut Value| {
        let identity = Identity::of(status);
        joined = identity.is_some();
        if let Some(mut identity) = identity {
            identity.revoke(&subject.user, reason, now);
            identity.put(status);
        }
    };
    let changed = records.modify_status(Kind::Cluster, "", name, change).await.map_err(failed);
    let status = changed?.ok_or_else(|| Status::not_found(resource(Kind::Cluster), name))?;
    if joined {
        Ok(status)
    } else {
        Err(Status::unprocessable(format!(
            "no agent has joined as {name}: there is no identity to revoke; its tokens are EnrollmentTokens, which can be deleted"
        )))
    }
}

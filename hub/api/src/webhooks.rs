//! The door for webhooks of Git forges: `POST /api/webhook`, Argo CD's path, the one request to change something that needs no subject.
//!
//! It decides how much a stranger may cost before anything of the request is believed; whether it is, and what it means, decides whoever takes
//! [`Webhooks::deliveries`].
//!
//! # Guarantees
//! - The bodies of all webhooks under way together are at most [`BUDGET`] MiB, one at most the limit of the settings. (What holds a body grows
//!   by doubling, so it may take twice that of memory.)
//! - A webhook that is not there whole, taken and answered after [`PATIENCE`] is given up; earlier where others wait for its [`room`].
//!
//! It refuses to know what a forge is, and any secret.

mod room;

use crate::{
    answer::{self, Answer},
    body::Unread,
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use room::{GiveWay, Room};
use serde_json::Value;
use shared_objects::Status;
use std::{net::IpAddr, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

/// MiB of all bodies at once.
const BUDGET: usize = 64;
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// Forges give up after ten seconds themselves.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of a body that is too large is read and thrown away, so that the forge gets to read why.
const DISCARDED: usize = 64 * MIB;

/// The most MiB that one body may have, whatever the settings say.
pub const LARGEST_WEBHOOK_MIB: usize = BUDGET / 2;

/// A webhook, on its way to who understands it.
#[derive(Debug)]
pub struct Delivery {
    /// All headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub body: Bytes,
    /// Whose address it came from.
    pub source: IpAddr,
    /// What came of it goes here.
    pub answer: oneshot::Sender<Verdict>,
}

/// What came of a webhook.
#[derive(Debug)]
pub enum Verdict {
    /// It was believed; what was done about it.
    Taken(Value),
    /// It cannot be understood.
    Malformed(String),
    /// It proves nothing, or the wrong thing.
    Unproven(String),
    /// Webhooks of this forge are not taken.
    Closed(String),
    /// There are too many; when to try again, in seconds.
    TooMany(String, u32),
}

/// The way to who understands webhooks.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// Where they go.
    pub deliveries: mpsc::Sender<Delivery>,
    /// The most bytes of a body.
    pub limit: watch::Receiver<usize>,
}

/// The door.
#[derive(Debug)]
pub(crate) struct Door {
    webhooks: Webhooks,
    room: Room,
}

impl Door {
    pub(crate) fn new(webhooks: Webhooks) -> Self {
        Self { webhooks, room: Room::new(BUDGET * MIB / KIB) }
    }

    /// Takes one webhook, from its headers on.
    pub(crate) async fn take(
        &self,
        method: &Method,
        headers: HeaderMap,
        body: &mut Unread,
        source: IpAddr,
    ) -> Result<Answer, Status> {
        if method != Method::POST {
            let text = "webhooks are sent here with POST: write this address into the forge's settings\n";
            let mut answer =
                answer::bytes(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", text.into());
            answer.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
            return Ok(answer);
        }
        let taken = tokio::time::timeout(PATIENCE, self.deliver(headers, body, source)).await;
        let verdict = taken.unwrap_or_else(|_| Err(timed_out()))?;
        Ok(match verdict {
            Verdict::Taken(done) => answer::ok(&done),
            Verdict::Malformed(why) => answer::status(&Status::bad_request(why)),
            Verdict::Unproven(why) => answer::status(&refused(401, "Unauthorized", why)),
            Verdict::Closed(why) => answer::status(&refused(403, "Forbidden", why)),
            Verdict::TooMany(why, after) => answer::status(&Status::too_many_requests(&why, after)),
        })
    }

    async fn deliver(
        &self,
        headers: HeaderMap,
        body: &mut Unread,
        source: IpAddr,
    ) -> Result<Verdict, Status> {
        let limit = *self.webhooks.limit.borrow();
        let (body, _room) = self.read(body, limit).await?;
        let (answer, answered) = oneshot::channel();
        let stopping = || Status::unavailable("the hub is stopping", 5);
        let delivery = Delivery { headers, body, source, answer };
        self.webhooks.deliveries.send(delivery).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())
    }

    /// Reads a body.
    async fn read(&self, body: &mut Unread, limit: usize) -> Result<(Bytes, OwnedSemaphorePermit), Status> {
        let mut place = self.room.enter();
        place.grow(1).await.map_err(|GiveWay| gave_way())?;
        let (mut read, mut total) = (Vec::new(), 0);
        loop {
            let frame = tokio::select! {
                biased;
                () = place.told() => return Err(gave_way()),
                frame = body.frame() => frame,
            };
            let Some(frame) = frame else { break };
            let frame =
                frame.map_err(|_| Status::bad_request("the request ended before its body was complete"))?;
            let Ok(data) = frame.into_data() else { continue };
            total += data.len();
            if total <= limit {
                place.grow(total / KIB + 1).await.map_err(|GiveWay| gave_way())?;
                read.extend_from_slice(&data);
            } else if total > DISCARDED {
                break;
            } else {
                read = Vec::new();
                place.empty();
            }
        }
        if total > limit {
            return Err(Status::too_large(&format!(
                "limit is {} MB for a webhook; `webhook.maxPayloadSizeMB` of the ConfigMap argocd/argocd-cm sets it",
                limit / MIB
            )));
        }
        Ok((Bytes::from(read), place.whole()))
    }
}

fn timed_out() -> Status {
    refused(408, "Timeout", format!("the webhook was not complete within {} s", PATIENCE.as_secs()))
}

fn gave_way() -> Status {
    refused(408, "Timeout", "the webhook came slowly, and others waited for its room".to_owned())
}

fn refused(code: u16, reason: &'static str, message: String) -> Status {
    let mut status = Status::bad_request(message);
    status.code = code;
    status.reason = reason;
    status
}

//! The audit line: who asked for what, from where, and what came of it. One for every request, refused ones included; a
//! watch has one when it begins too.
//!
//! What is in it comes from the token's owner, the connection, the method, the route and the answer. Invariants:
//! 1. Every request leaves exactly one line of the stage `complete`, however it ends: [`Line`] writes it when it is
//!    dropped, so a client that goes away, a panic and a refusal before the token was read leave theirs.
//! 2. No line holds a body, a header but the name of the client's program, or anything of the query: those may be secret.
//!    Of a path that is not served, nothing is told: people paste tokens into URLs.
//!
//! # Why
//! Lines among the log's carry the target `audit`, and `flotilla hub` lets no filter drop them that does not name it. A
//! file of their own is written at once and before the answer goes out (kube-apiserver's mode `blocking`): what was answered
//! is in it. When it cannot be written, requests go on, and the log says so.

mod file;

use crate::{access::Subject, route::Route};
use http::{HeaderMap, header};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use shared_objects::Status;
use std::{fmt, io, net::IpAddr, sync::Arc};
use tokio::time::Instant;
use uuid::Uuid;

pub use file::Rotating;

/// The most characters of the name of a client's program, and of what a URL names.
const LONGEST: usize = 256;

/// Where audit lines go.
#[derive(Clone, Default)]
pub struct AuditLog(To);

#[derive(Clone, Default)]
enum To {
    /// Among the log's lines, of the target `audit`.
    #[default]
    Log,
    Nowhere,
    /// JSON, a line each.
    Writer(Arc<Mutex<dyn io::Write + Send>>),
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            To::Log => "AuditLog::log()",
            To::Nowhere => "AuditLog::none()",
            To::Writer(_) => "AuditLog::to(…)",
        })
    }
}

impl AuditLog {
    /// Among the lines of the log.
    pub fn log() -> Self {
        Self(To::Log)
    }

    /// Nowhere.
    pub fn none() -> Self {
        Self(To::Nowhere)
    }

    /// To a writer, a JSON object a line, each in one write.
    pub fn to(writer: impl io::Write + Send + 'static) -> Self {
        Self(To::Writer(Arc::new(Mutex::new(writer))))
    }

    fn write(&self, entry: &Entry<'_>) {
        match &self.0 {
            To::Nowhere => {}
            To::Log => entry.log(),
            To::Writer(writer) => {
                let mut line = serde_json::to_vec(entry).expect("these are texts and numbers");
                line.push(b'\n');
                if let Err(error) = writer.lock().write_all(&line) {
                    tracing::error!(%error, "an audit line could not be written");
                }
            }
        }
    }
}

/// What is known of a request so far.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct What {
    /// Empty for strangers.
    user: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    source: Option<IpAddr>,
    user_agent: String,
    verb: &'static str,
    #[serde(flatten)]
    named: Named,
    dry_run: bool,
    /// What a request of the hub's own does, as in `approve`.
    #[serde(skip_serializing_if = "str::is_empty")]
    action: &'static str,
    /// Absent when there was no answer.
    code: Option<u16>,
    outcome: &'static str,
}

/// What a URL names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Named {
    pub(crate) group: String,
    pub(crate) version: String,
    /// The plural, or the path of a document.
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    time: Timestamp,
    stage: &'static str,
    audit_id: &'a str,
    #[serde(flatten)]
    what: &'a What,
    milliseconds: u64,
    bytes: u64,
}

impl Entry<'_> {
    fn log(&self) {
        let What { user, groups, source, user_agent, verb, named, dry_run, action, code, outcome } =
            self.what;
        let Named { group, version, resource, subresource, namespace, name } = named;
        tracing::info!(
            target: "audit",
            stage = self.stage,
            audit_id = self.audit_id,
            by = user,
            groups = groups.join(","),
            source = source.map(tracing::field::display),
            user_agent,
            verb,
            group,
            version,
            resource,
            subresource,
            namespace,
            name,
            dry_run,
            action,
            code,
            outcome,
            milliseconds = self.milliseconds,
            bytes = self.bytes,
            "a request"
        );
    }
}

/// The line of one request, written when this is dropped.
#[derive(Debug)]
pub(crate) struct Line {
    log: AuditLog,
    at: Timestamp,
    began: Instant,
    id: String,
    what: Mutex<What>,
    bytes: u64,
}

impl Line {
    /// Of a request that has just come.
    pub(crate) fn begin(
        log: &AuditLog,
        verb: &'static str,
        route: Option<&Route>,
        source: Option<IpAddr>,
        headers: &HeaderMap,
        dry_run: bool,
    ) -> Self {
        let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let what = What {
            source,
            verb,
            dry_run,
            user_agent: short(agent),
            named: route.map_or_else(unserved, Route::named),
            outcome: "left",
            ..What::default()
        };
        Self {
            log: log.clone(),
            at: shared_runtime::now(),
            began: Instant::now(),
            id: Uuid::new_v4().to_string(),
            what: Mutex::new(what),
            bytes: 0,
        }
    }

    /// By what the client can ask for it.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn by(&self, subject: &Subject) {
        let mut what = self.what.lock();
        what.user.clone_from(&subject.user);
        what.groups.clone_from(&subject.groups);
    }

    /// The name that the object of a create got.
    pub(crate) fn name(&self, name: &str) {
        self.what.lock().named.name = short(name);
    }

    /// What is done, of requests whose path does not say it.
    pub(crate) fn action(&self, word: &'static str) {
        self.what.lock().action = word;
    }

    /// There is an answer.
    pub(crate) fn answered(&self, code: u16, refusal: Option<&Status>) {
        let mut what = self.what.lock();
        what.code = Some(code);
        what.outcome = match (refusal, code) {
            (Some(status), _) if !status.reason.is_empty() => status.reason,
            (_, 201) => "created",
            (_, ..400) => "ok",
            (_, _) => "refused",
        };
    }

    /// Something long begins, with its answer.
    pub(crate) fn started(&self) {
        self.write("started");
    }

    /// The answer was handed over, as a whole.
    pub(crate) fn sent(mut self, bytes: u64) {
        self.bytes = bytes;
    }

    /// The answer ended before its end.
    pub(crate) fn broken(mut self, bytes: u64, how: &'static str) {
        self.bytes = bytes;
        let mut what = self.what.lock();
        // That its client goes is how most watches end.
        if !(what.verb == "watch" && how == "left") {
            what.outcome = how;
        }
    }

    fn write(&self, stage: &'static str) {
        let milliseconds = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let what = &self.what.lock();
        self.log.write(&Entry {
            time: self.at,
            stage,
            audit_id: &self.id,
            what,
            milliseconds,
            bytes: self.bytes,
        });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.write("complete");
    }
}

fn unserved() -> Named {
    Named { resource: "(not served)".to_owned(), ..Named::default() }
}

/// A text of strangers, within bounds.
pub(crate) fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

#[cfg(test)]
mod tests;

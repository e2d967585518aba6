//! Records as Secrets of the agent's own namespace: needs no volume, and outlives pod and node.
//!
//! ```text
//! flotilla-journal-identity, -identity-copy, -control, -status             one record each
//! flotilla-journal-local                                   all below local/: read, and watched, at once
//! flotilla-journal-app-<hash>                              order, inventory and synced of one application
//! flotilla-journal-bundle-<digest>-<n>                     immutable; at most 700 KiB of a bundle each
//! ```
//! All carry the label `flotilla.dev/journal` with the part of the name that says what they are.
//!
//! How many: 6, and for each application one and at most [`super::KEPT`] bundles (one more while it is pinned), a bundle
//! being one Secret for each 700 KiB, shared by all applications that run it; the bytes are bounded as the journal's header
//! says. How much is written: an application's records share a Secret, a write of one is a merge patch of that key alone.
//! How much is read: a start lists applications by 100 and the names of bundles by 500, then reads each bundle that is run
//! once. With 1,000 applications of a ConfigMap each, on a real API server, that is some 1,020 requests and 46 MB resident.
//!
//! Invariants besides the journal's:
//! 1. An order is written only onto the resource version that was read (`update`): of two writers one is told.
//! 2. Chunks are written from the last to the first, so a bundle whose first is there is whole.
//! 3. Nothing is written without the [`lease`], local decisions of people aside.
//! 4. Records that exceed 16 KiB are compressed. No content is ever logged or told in an error.

mod chunks;
mod lease;
#[cfg(test)]
pub(crate) mod tests;

use super::{
    Error,
    store::{Change, Changed, Store, Take},
};
use crate::cluster::Cluster;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::Method;
use lease::Lease;
use parking_lot::Mutex;
use serde_json::{Value, json};
use shared_runtime::Tasks;
use shared_sync::Failure;
use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

const PREFIX: &str = "flotilla-journal";
const LABEL: &str = "flotilla.dev/journal";
const PAGE: usize = 100;
const COMPRESS_ABOVE: usize = 16 * 1024;
const MOST_UNPACKED: u64 = 64 * 1024 * 1024;
/// A write that meets other writers is tried so often.
const TRIES: usize = 5;
/// The status is written at most so often.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// How long a watch that failed is left alone.
const WATCH_AGAIN: Duration = Duration::from_secs(5);

/// The namespace whose Secrets are a journal.
#[derive(Clone)]
pub struct Secrets {
    cluster: Cluster,
    namespace: String,
    /// Shared by those who try to hold it, one after the other, so that a Lease that nobody renews is noticed.
    lease: Arc<Lease>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// The namespace, held or looked at.
#[derive(Debug)]
pub(super) struct Opened {
    secrets: Secrets,
    runtime: Handle,
    holds: bool,
    /// The resource version at which the records below `local/` were read last.
    local: Mutex<String>,
    status: Mutex<Status>,
}

/// The status waits for its turn.
#[derive(Debug, Default)]
struct Status {
    waits: Option<Vec<u8>>,
    written: Option<Instant>,
}

/// Where a record is.
struct Spot {
    secret: String,
    kind: String,
    key: String,
}

impl Spot {
    fn of(name: &str) -> Self {
        let mut parts = name.splitn(3, '/');
        let (first, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        match (first, second, third) {
            ("apps", Some(hash), Some(record)) => Self {
                secret: format!("{PREFIX}-app-{hash}"),
                kind: "app".to_owned(),
                key: record.to_owned(),
            },
            (folder, Some(record), _) => {
                Self { secret: format!("{PREFIX}-{folder}"), kind: folder.to_owned(), key: record.to_owned() }
            }
            (record, None, _) => {
                Self { secret: format!("{PREFIX}-{record}"), kind: record.to_owned(), key: record.to_owned() }
            }
        }
    }
}

impl Secrets {
    /// The Secrets of a namespace, which must exist. Their `Debug` shows the namespace alone.
    pub fn new(cluster: Cluster, namespace: impl Into<String>) -> Self {
        let namespace = namespace.into();
        let lease = Arc::new(Lease::new(cluster.clone(), &namespace));
        Self { cluster, namespace, lease }
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Holds it, or tells who does. Calls block: not on an async worker.
    pub(super) fn hold(&self) -> Result<Opened, Error> {
        let opened = self.open(true);
        opened.runtime.block_on(self.lease.take())?;
        Ok(opened)
    }

    pub(super) fn look(&self) -> Opened {
        self.open(false)
    }

    fn open(&self, holds: bool) -> Opened {
        Opened {
            secrets: self.clone(),
            runtime: Handle::current(),
            holds,
            local: Mutex::default(),
            status: Mutex::default(),
        }
    }

    fn collection(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets", self.namespace)
    }

    fn at(&self, secret: &str) -> String {
        format!("secret {}/{secret}", self.namespace)
    }

    fn path(&self, secret: &str) -> String {
        format!("{}/{secret}", self.collection())
    }

    async fn ask(&self, verb: Method, uri: &str, body: Option<&Value>) -> Result<Arc<Value>, Failure> {
        step()?;
        let answer = self.cluster.own(verb, uri, body).await;
        step()?;
        answer
    }

    /// The Secret; `None` when there is none.
    async fn get(&self, secret: &str) -> Result<Option<Arc<Value>>, Error> {
        match self.ask(Method::GET, &self.path(secret), None).await {
            Ok(object) => Ok(Some(object)),
            Err(Failure::NotFound(_)) => Ok(None),
            Err(failure) => Err(self.failed(secret, "cannot be read", failure)),
        }
    }

    /// Writes one key, if the Secret still has `version` (where one is given); whether it was written.
    async fn put(&self, spot: &Spot, bytes: &[u8], version: Option<&str>) -> Result<bool, Error> {
        let failed = |failure| self.failed(&spot.secret, "cannot be written", failure);
        let mut patch = json!({"data": {&*spot.key: STANDARD.encode(pack(bytes))}});
        let creates = version.is_some_and(str::is_empty);
        if let Some(version) = version.filter(|version| !version.is_empty()) {
            patch["metadata"] = json!({"resourceVersion": version});
        }
        if !creates {
            match self.ask(Method::PATCH, &self.path(&spot.secret), Some(&patch)).await {
                Ok(_) => return Ok(true),
                Err(Failure::NotFound(_)) => {}
                Err(Failure::Conflict(_)) => return Ok(false),
                Err(failure) => return Err(failed(failure)),
            }
        }
        patch["apiVersion"] = "v1".into();
        patch["kind"] = "Secret".into();
        patch["metadata"] = json!({"name": spot.secret, "labels": {LABEL: spot.kind}});
        match self.ask(Method::POST, &self.collection(), Some(&patch)).await {
            Ok(_) => Ok(true),
            // It was made meanwhile.
            Err(Failure::Conflict(_)) => Ok(false),
            Err(failure) => Err(failed(failure)),
        }
    }

    async fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let spot = Spot::of(name);
        for _ in 0..TRIES {
            if self.put(&spot, bytes, None).await? {
                return Ok(());
            }
        }
        Err(self.contended(&spot.secret))
    }

    async fn drop_key(&self, spot: &Spot) -> Result<(), Error> {
        let patch = json!({"data": {&*spot.key: null}});
        match self.ask(Method::PATCH, &self.path(&spot.secret), Some(&patch)).await {
            Ok(_) | Err(Failure::NotFound(_)) => Ok(()),
            Err(failure) => Err(self.failed(&spot.secret, "cannot be written", failure)),
        }
    }

    async fn delete(&self, secret: &str) -> Result<(), Error> {
        match self.ask(Method::DELETE, &self.path(secret), None).await {
            Ok(_) | Err(Failure::NotFound(_)) => Ok(()),
            Err(failure) => Err(self.failed(secret, "cannot be deleted", failure)),
        }
    }

    fn contended(&self, secret: &str) -> Error {
        let others = Failure::Conflict("others write it at the same time".to_owned());
        self.failed(secret, "cannot be written", others)
    }

    fn failed(&self, secret: &str, what: &'static str, source: Failure) -> Error {
        Error::Api { at: self.at(secret), what, why: source }
    }
}

impl Opened {
    /// Nothing is written without the lease.
    fn fence(&self) -> Result<(), Error> {
        if self.holds { self.runtime.block_on(self.secrets.lease.assure()) } else { Ok(()) }
    }

    async fn flush_status(&self, last: bool) {
        let bytes = {
            let mut status = self.status.lock();
            if !last && status.written.is_some_and(|written| written.elapsed() < STATUS_EVERY) {
                return;
            }
            let Some(bytes) = status.waits.take() else { return };
            status.written = Some(Instant::now());
            bytes
        };
        if let Err(error) = self.secrets.write("status", &bytes).await {
            tracing::warn!(%error, "the status could not be written");
            self.status.lock().waits.get_or_insert(bytes);
        }
    }

    /// The one item of a list that may be empty, and the list's resource version.
    async fn one(&self, secret: &str) -> Result<(Option<Value>, String), Error> {
        let uri = format!("{}?fieldSelector=metadata.name%3D{secret}", self.secrets.collection());
        let list = self.secrets.ask(Method::GET, &uri, None).await;
        let list = list.map_err(|failure| self.secrets.failed(secret, "cannot be read", failure))?;
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        Ok((list["items"].get(0).cloned(), version))
    }

    fn each_key(&self, folder: &str, secret: &Value, take: &mut Take<'_>) {
        let name = secret["metadata"]["name"].as_str().unwrap_or_default();
        for (key, value) in secret["data"].as_object().into_iter().flatten() {
            let bytes = unpack(value).map_err(|problem| Error::Damaged {
                at: self.secrets.at(name),
                problem,
                remedy: "it is made anew",
            });
            take(&format!("{folder}/{key}"), bytes);
        }
    }

    async fn each_app(&self, take: &mut Take<'_>) -> Result<(), Error> {
        let mut from = String::new();
        loop {
            let uri = format!(
                "{}?labelSelector={}%3Dapp&limit={PAGE}{from}",
                self.secrets.collection(),
                LABEL.replace('/', "%2F")
            );
            let page = self.secrets.ask(Method::GET, &uri, None).await;
            let page = page.map_err(|failure| self.secrets.failed(PREFIX, "cannot be listed", failure))?;
            for item in page["items"].as_array().into_iter().flatten() {
                let name = item["metadata"]["name"].as_str().unwrap_or_default();
                let Some(hash) = name.strip_prefix(&format!("{PREFIX}-app-")) else { continue };
                self.each_key(&format!("apps/{hash}"), item, take);
            }
            match page["metadata"]["continue"].as_str().filter(|next| !next.is_empty()) {
                Some(next) => from = format!("&continue={next}"),
                None => return Ok(()),
            }
        }
    }
}

impl Store for Opened {
    fn at(&self, name: &str) -> String {
        let Spot { secret, key, .. } = Spot::of(name);
        let secret = chunks::prefix_of(name).unwrap_or(secret);
        format!("{} ({key})", self.secrets.at(&secret))
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.runtime.block_on(async {
            if let Some(prefix) = chunks::prefix_of(name) {
                return self.secrets.bundle(&prefix).await;
            }
            let spot = Spot::of(name);
            let Some(secret) = self.secrets.get(&spot.secret).await? else { return Ok(None) };
            content(&secret, &spot, self)
        })
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        if name == "status" {
            // Written by `keep`, at its own pace.
            self.status.lock().waits = Some(bytes.to_vec());
            return Ok(());
        }
        self.fence()?;
        self.runtime.block_on(async {
            match chunks::prefix_of(name) {
                Some(prefix) => self.secrets.write_bundle(&prefix, bytes).await,
                None => self.secrets.write(name, bytes).await,
            }
        })
    }

    fn update(&self, name: &str, change: &mut Change<'_>) -> Result<(), Error> {
        let spot = Spot::of(name);
        for _ in 0..TRIES {
            self.fence()?;
            let secret = self.runtime.block_on(self.secrets.get(&spot.secret))?;
            let (before, version) = match &secret {
                Some(secret) => {
                    let version = secret["metadata"]["resourceVersion"].as_str().unwrap_or_default();
                    (content(secret, &spot, self)?, version.to_owned())
                }
                None => (None, String::new()),
            };
            let Some(bytes) = change(before)? else { return Ok(()) };
            if self.runtime.block_on(self.secrets.put(&spot, &bytes, Some(&version)))? {
                return Ok(());
            }
        }
        Err(self.secrets.contended(&spot.secret))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        self.fence()?;
        self.runtime.block_on(async {
            match chunks::prefix_of(name) {
                Some(prefix) => self.secrets.remove_bundle(&prefix).await,
                None => self.secrets.drop_key(&Spot::of(name)).await,
            }
        })
    }

    fn each(&self, folder: &str, take: &mut Take<'_>) -> Result<(), Error> {
        self.runtime.block_on(async {
            if folder == "apps" {
                return self.each_app(take).await;
            }
            let (secret, version) = self.one(&format!("{PREFIX}-{folder}")).await?;
            if let Some(secret) = secret {
                self.each_key(folder, &secret, take);
            }
            *self.local.lock() = version;
            Ok(())
        })
    }

    fn bundles(&self) -> Result<Vec<(String, u64)>, Error> {
        self.runtime.block_on(self.secrets.bundles())
    }

    fn changed(&self) -> Changed<'_> {
        Box::pin(async {
            let from = self.local.lock().clone();
            let name = format!("{PREFIX}-local");
            let watched = self.secrets.cluster.own_change(&self.secrets.collection(), &name, &from).await;
            if let Err(error) = watched {
                tracing::debug!(%error, "decisions made in the cluster cannot be watched; they are read again soon");
                tokio::time::sleep(WATCH_AGAIN).await;
            }
        })
    }

    fn holds(&self) -> bool {
        self.secrets.lease.is_held(Instant::now())
    }

    fn keep(self: Arc<Self>, tasks: Tasks) -> Changed<'static> {
        Box::pin(async move {
            loop {
                let mut next = lease::RENEW_EVERY;
                if let Err(error) = self.secrets.lease.renew().await {
                    match &error {
                        Error::Closed => return,
                        Error::Held { .. } => {
                            tracing::error!(%error, "the journal was lost to another agent; this one ends");
                            tasks.stop();
                            return;
                        }
                        Error::Api { .. }
                        | Error::Io { .. }
                        | Error::Locked(_)
                        | Error::Damaged { .. }
                        | Error::NoBundle(_) => {
                            tracing::warn!(%error, "the journal's Lease cannot be renewed; it is tried again");
                            next = lease::RENEW_AGAIN;
                        }
                    }
                }
                self.flush_status(false).await;
                tokio::time::sleep(next).await;
            }
        })
    }

    fn close(&self) -> Changed<'_> {
        Box::pin(async {
            self.flush_status(true).await;
            self.secrets.lease.release().await;
        })
    }
}

/// The bytes of a record in its Secret.
fn content(secret: &Value, spot: &Spot, opened: &Opened) -> Result<Option<Vec<u8>>, Error> {
    let value = &secret["data"][&*spot.key];
    if value.is_null() {
        return Ok(None);
    }
    unpack(value).map(Some).map_err(|problem| Error::Damaged {
        at: format!("{} ({})", opened.secrets.at(&spot.secret), spot.key),
        problem,
        remedy: "it is made anew",
    })
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    if bytes.len() <= COMPRESS_ABOVE {
        return bytes.to_vec();
    }
    zstd::encode_all(bytes, 3).expect("memory can be written")
}

/// A record begins with its digest, so that what begins as zstd does is compressed (RFC 8878, 3.1.1).
fn unpack(value: &Value) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let bytes =
        STANDARD.decode(value.as_str().unwrap_or_default()).map_err(|_| "it is not base64".to_owned())?;
    if !bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    let decoder = zstd::Decoder::new(&bytes[..]).map_err(|error| error.to_string())?;
    decoder.take(MOST_UNPACKED).read_to_end(&mut plain).map_err(|error| error.to_string())?;
    Ok(plain)
}

#[cfg(not(test))]
#[allow(clippy::unnecessary_wraps, reason = "tests stop here")]
const fn step() -> Result<(), Failure> {
    Ok(())
}

#[cfg(test)]
fn step() -> Result<(), Failure> {
    super::tests::crash::step().map_err(|error| Failure::Unreachable(error.to_string()))
}

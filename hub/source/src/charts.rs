//! Charts, artefacts and files on the web, each pinned by its content.
//!
//! [`Charts`] tells which archive a version is now ([`Charts::resolve`]) and gets that one ([`Charts::fetch`]), from Helm
//! repositories, OCI registries, or an address of the web. The answer is the SHA-256 of the archive's bytes, in the
//! type of a commit, so that everything that follows, freezes and compares commits does the same with charts. What an
//! archive is called is told apart from that ([`Charts::describe`]), and what is in it by [`archive::unpack`].
//!
//! # Invariants
//! - *Content pins*: what [`Charts::fetch`] gives has the digest that was asked for, whatever server or disk say.
//! - Everything that is read is bounded: indexes, archives, manifests, lists of tags, tokens, and the folder.
//! - Every call ends by its deadline; a server that hangs keeps no other host waiting.
//! - A login goes to the host that it is for; to others only where that is asked for ([`Credentials::passed_on`]).
//! - Secrets are in no error, log line, file or `Debug` output.
//!
//! It refuses to know what a chart means: nothing here reads a `Chart.yaml`.

mod address;
pub mod archive;
mod config;
mod index;
mod indexes;
mod oci;
mod repository;
mod seen;
mod store;
mod versions;
mod web;

pub use address::Address;
pub use config::Config;
pub use store::Label;

use crate::{
    CommitId, Credentials, Error, RepoUrl,
    pools::Pools,
    remote::{Deadline, Trust},
};
use address::Place;
use archive::{Layout, Limits};
use bytes::Bytes;
use parking_lot::Mutex;
use reqwest::Url;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Weak},
};
use web::{Ask, Web};

/// What the schedule calls a revision that nobody named.
const NEWEST: &str = "HEAD";

/// All charts, artefacts and files that the hub reads. Clones share everything.
#[derive(Debug, Clone)]
pub struct Charts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    trust: Trust,
    pools: Pools,
    store: store::Store,
    indexes: indexes::Indexes,
    seen: seen::Seen,
    tokens: oci::Tokens,
    fetching: Mutex<HashMap<CommitId, Weak<tokio::sync::Mutex<()>>>>,
}

/// One operation, on a thread that may block.
#[derive(Debug)]
struct Talk<'a> {
    inner: &'a Inner,
    url: &'a RepoUrl,
    credentials: Option<&'a Credentials>,
    deadline: &'a Deadline,
}

impl<'a> Talk<'a> {
    fn web(&self, home: &Url) -> Result<Web<'a>, Error> {
        Web::new(self.url, home, self.credentials, &self.inner.trust, self.deadline)
    }

    fn download(&self, web: &Web<'_>, url: &Url, stage: &'static str) -> Result<Vec<u8>, Error> {
        let answer = web.get(&Ask::new(url, stage))?;
        if !answer.is_good() {
            return Err(web.refused(&answer));
        }
        answer.bytes(self.inner.config.archive, seen::name(url))
    }
}

impl Charts {
    /// Makes the folder and reads the certificates. Archives in the folder are used again.
    ///
    /// # Errors
    /// [`Error::Setup`] when the folder cannot be made or a certificate cannot be read.
    pub fn build(config: Config) -> Result<Self, Error> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have been first: then its provider serves.
            rustls::crypto::ring::default_provider().install_default().ok();
        }
        Ok(Self(Arc::new(Inner {
            trust: Trust::new(&config.ca_certificates)?,
            pools: Pools::new(config.parallelism, config.timeout),
            store: store::Store::open(&config.folder, config.kept)?,
            indexes: indexes::Indexes::default(),
            seen: seen::Seen::default(),
            tokens: oci::Tokens::default(),
            fetching: Mutex::default(),
            config,
        })))
    }

    /// The digest of the archive that `version` is now: of an exact version, of the newest in a range, of the newest of
    /// all where nothing (or `HEAD`) is named; in a registry also of a tag, or of a manifest (`sha256:…`). Of a file it
    /// is the file's, whatever the version.
    ///
    /// # Errors
    /// [`Error::RevisionNotFound`] names what is there; else why the server could not be asked.
    #[tracing::instrument(level = "debug", skip(self, credentials), fields(%url), err(level = "debug"))]
    pub async fn resolve(
        &self,
        url: &RepoUrl,
        version: &str,
        credentials: Option<&Credentials>,
    ) -> Result<CommitId, Error> {
        let address = Address::parse(url)?;
        let version = if version == NEWEST { String::new() } else { version.trim().to_owned() };
        let ready = std::future::ready(());
        self.talk("resolve", url, credentials, ready, move |talk| match &address.0 {
            Place::Helm { repository, chart } => {
                repository::Chart { repository, name: chart }.resolve(talk, &version)
            }
            Place::Oci { .. } => oci::resolve(talk, &address, &version),
            Place::File { url } => {
                let web = talk.web(url)?;
                let commit = talk.inner.seen.resolve(talk, &web, url, "fetching the file")?;
                talk.inner.store.name(&commit, &file(&address))?;
                Ok(commit)
            }
        })
        .await
    }

    /// The archive (or file) of that digest, from the folder or else from the server. `version` is what it was resolved
    /// from. Calls for the same digest take turns.
    ///
    /// # Errors
    /// [`Error::Gone`] when the server has something else now; else why it could not be fetched.
    #[tracing::instrument(level = "debug", skip(self, credentials), fields(%url, %commit), err(level = "debug"))]
    pub async fn fetch(
        &self,
        url: &RepoUrl,
        commit: &CommitId,
        version: &str,
        credentials: Option<&Credentials>,
    ) -> Result<Bytes, Error> {
        let address = Address::parse(url)?;
        if let Some(bytes) = self.kept(url, commit).await? {
            return Ok(bytes);
        }
        let version = if version == NEWEST { String::new() } else { version.trim().to_owned() };
        let (turn, wanted) = (self.turn(commit).lock_owned(), commit.clone());
        self.talk("fetch", url, credentials, turn, move |talk| {
            // Who had the turn before may have fetched it.
            if let Some(bytes) = talk.inner.store.get(&wanted)? {
                return Ok(bytes);
            }
            match &address.0 {
                Place::Helm { repository, chart } => {
                    repository::Chart { repository, name: chart }.fetch(talk, &version, &wanted)
                }
                Place::Oci { .. } => oci::fetch(talk, &address, &version, &wanted),
                Place::File { url } => {
                    let bytes = talk.download(&talk.web(url)?, url, "fetching the file")?;
                    let came = talk.inner.store.put(&bytes)?;
                    talk.inner.store.name(&came, &file(&address))?;
                    if came != wanted {
                        return Err(Error::Gone {
                            url: talk.url.clone(),
                            version,
                            commit: wanted,
                            cause: format!("the file there is {}…", came.short()),
                        });
                    }
                    Ok(bytes.into())
                }
            }
        })
        .await
    }

    /// The files of that archive by their paths, as [`Charts::fetch`] has it and [`archive::unpack`] reads it: of a
    /// chart without the folder that they are all in.
    ///
    /// # Errors
    /// As [`Charts::fetch`]; [`Error::Archive`] when the archive is none or over a limit.
    pub async fn files(
        &self,
        url: &RepoUrl,
        commit: &CommitId,
        version: &str,
        credentials: Option<&Credentials>,
    ) -> Result<BTreeMap<String, Bytes>, Error> {
        let bytes = self.fetch(url, commit, version, credentials).await?;
        let listed = matches!(Address::parse(url)?.0, Place::Helm { .. });
        let chart = listed || self.describe(commit).is_none_or(|label| label.chart);
        let layout = if chart { Layout::Chart } else { Layout::Folder };
        let at = url.clone();
        let unpack = move |_: &Deadline| {
            archive::unpack(&bytes, layout, &Limits::default())
                .map_err(|err| Error::Archive { url: at, cause: err.to_string() })
        };
        self.0.pools.read(url, unpack).await
    }

    /// What an archive or file is called; `None` for what nobody has resolved or fetched here.
    pub fn describe(&self, commit: &CommitId) -> Option<Label> {
        self.0.store.label(commit)
    }

    /// Keeps the archives named, whatever else is fetched; of all others only as many as [`Config::kept`] allows.
    ///
    /// # Errors
    /// [`Error::Setup`] when the hub is stopping.
    pub async fn retain(&self, pinned: BTreeSet<CommitId>) -> Result<(), Error> {
        let this = self.clone();
        let stopped = |_| Error::Setup {
            what: "archives are not removed".to_owned(),
            cause: "the hub is stopping".to_owned(),
        };
        tokio::task::spawn_blocking(move || this.0.store.retain(pinned)).await.map_err(stopped)
    }

    async fn kept(&self, url: &RepoUrl, commit: &CommitId) -> Result<Option<Bytes>, Error> {
        let (inner, commit) = (Arc::clone(&self.0), commit.clone());
        self.0.pools.read(url, move |_| inner.store.get(&commit)).await
    }

    fn turn(&self, commit: &CommitId) -> Arc<tokio::sync::Mutex<()>> {
        let mut fetching = self.0.fetching.lock();
        if let Some(turn) = fetching.get(commit).and_then(Weak::upgrade) {
            return turn;
        }
        fetching.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        fetching.insert(commit.clone(), Arc::downgrade(&turn));
        turn
    }

    async fn talk<T: Send + 'static, G: Send + 'static>(
        &self,
        operation: &'static str,
        url: &RepoUrl,
        credentials: Option<&Credentials>,
        ready: impl Future<Output = G>,
        work: impl FnOnce(&Talk<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (inner, at, credentials) = (Arc::clone(&self.0), url.clone(), credentials.cloned());
        let work = move |deadline: &Deadline, _: &G| {
            let credentials = credentials.as_ref();
            work(&Talk { inner: &inner, url: &at, credentials, deadline })
        };
        let host = crate::address::host(url);
        let asked = self.0.pools.talk(url, host.clone(), ready, work);
        self.0.config.metrics.time(operation, host, asked).await
    }
}

fn file(address: &Address) -> Label {
    Label { name: address.name().to_owned(), version: String::new(), chart: false }
}

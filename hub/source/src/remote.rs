//! One conversation with a Git server: handshake, then list references or fetch a commit. Blocking.
//!
//! It decides from the server's answers what went wrong ([`failure`]) and never prints what it logged in
//! with.
//!
//! # Why
//! - *Whole, or trees only*: a commit's files come with it as long as that is little ([`Share::Whole`]).
//!   Where they are many, and the server can leave them out (`filter`, protocol 2), only its folders come,
//!   and files when they are read: a repository of which one folder is needed is never brought whole.
//! - *No negotiation in rounds*: the commits of a mirror are all known to be whole, so all of them are
//!   offered at once with the one that is wanted, and the pack comes in the same answer. gix's own fetch
//!   would list references first and walk the history that a depth of 1 does not have.

mod app;
mod deadline;
mod failure;
mod patience;
mod ssh;
mod transport;
mod tunnel;

pub(crate) use app::Apps;
use deadline::{Bounded, Most};
pub(crate) use deadline::{Deadline, Listed};
pub(crate) use patience::told;
pub(crate) use ssh::{Said, clean};
pub(crate) use transport::{Reach, Trust};

use crate::{
    CommitId, Credentials, Error,
    address::{Address, Place},
    mirror,
    refs::Reference,
    tree,
};
use failure::failure;
use gix::protocol::{
    Handshake, LsRefsCommand, SendFlushOnDrop,
    fetch::{Arguments, Context, Negotiate, Options, Response, Shallow, Tags, negotiate},
    handshake::Ref,
    ls_refs::RefPrefixes,
    transport::{Protocol, Service, client::blocking_io::Transport},
};
use std::{num::NonZeroU32, path::Path};

/// One object of a fetched pack may not take more memory than this.
const MAX_OBJECT: usize = 256 << 20;
/// Bytes of a list of references, which is held in memory: some half a million references.
const MAX_LISTING: u64 = 64 << 20;
/// Bytes of all lists under way together, beside [`SMALL_LISTING`] of each: what hostile servers can have the hub hold.
const MAX_LISTINGS: u64 = 256 << 20;
/// A list of this many bytes comes through whatever others send.
const SMALL_LISTING: u64 = 1 << 20;
/// Bytes of a pack, which goes to the disk.
const MAX_PACK: u64 = 8 << 30;
/// Of files fetched one by one: what is around them in a pack.
const AROUND: u64 = 1 << 20;
/// The filter (git-rev-list) that leaves files out.
const NO_FILES: &str = "blob:none";
/// Commits offered as known in one fetch.
const MAX_HAVES: usize = 256;
const DEPTH: NonZeroU32 = NonZeroU32::MIN;

/// How much of a commit is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// All of it; no more than so many bytes, if the server is one that could leave files out.
    Whole { most: u64 },
    /// Its folders; its files too where the server cannot leave them out.
    Folders,
}

/// How a fetch ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// What was asked for is there.
    Done,
    /// It would have been more than was allowed, and the server can leave files out.
    TooMuch,
}

/// Who is asked, with what, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Target<'a> {
    pub(crate) address: &'a Address,
    pub(crate) credentials: Option<&'a Credentials>,
    pub(crate) trust: &'a Trust,
    pub(crate) deadline: &'a Deadline,
    /// The folder for files that programs read keys from.
    pub(crate) secrets: &'a Path,
    /// What the program in between says, where there is one.
    pub(crate) said: Said,
    /// The bytes of all lists of references under way.
    pub(crate) listed: &'a Listed,
}

/// Why a conversation ended before its time.
#[derive(Debug)]
enum Stop {
    /// gix says so, and it is to be told what that means.
    Git(gix::Error),
    /// It is plain already.
    For(Error),
}

impl From<gix::Error> for Stop {
    fn from(err: gix::Error) -> Self {
        Self::Git(err)
    }
}

impl From<Error> for Stop {
    fn from(err: Error) -> Self {
        Self::For(err)
    }
}

impl Target<'_> {
    /// The references that begin with one of `prefixes`, or with one of `otherwise` when `enough` says
    /// that the first do not do: in one conversation.
    pub(crate) fn list(
        &self,
        prefixes: &[String],
        enough: impl Fn(&[Reference]) -> bool,
        otherwise: &[&str],
    ) -> Result<Vec<Reference>, Error> {
        let listed = || {
            let mut session = Session::open(self, Most::shared(MAX_LISTING, self.listed))?;
            let first = session.references(prefixes.iter().map(String::as_str))?;
            if enough(&first) || session.lists_all() {
                return Ok(first);
            }
            Ok(session.references(otherwise.iter().copied())?)
        };
        listed().map_err(|stop| self.failed(stop, "listing references"))
    }

    /// Fetches `commit` into the bare repository at `path`, beside the commits that are there.
    pub(crate) fn fetch(
        &self,
        commit: &CommitId,
        revision: &str,
        path: &Path,
        share: Share,
    ) -> Result<Fetched, Error> {
        let wanted = gix::ObjectId::from_hex(commit.as_str().as_bytes());
        let wanted =
            wanted.ok().filter(|id| id.kind() == gix::hash::Kind::Sha1).ok_or_else(|| Error::Broken {
                url: self.address.url.clone(),
                cause: "repositories with SHA-256 ids are not supported yet".to_owned(),
            })?;
        let known = mirror::commits(path).into_iter().take(MAX_HAVES).collect();
        let mut too_much = false;
        let received = Session::open(self, Most::new(MAX_PACK)).and_then(|mut session| {
            let order = session.order(vec![wanted], known, share);
            let most = session.most.clone();
            let received = session.fetch(order, Some(DEPTH), path, self.deadline);
            too_much = received.is_err() && most.reached() && matches!(share, Share::Whole { .. });
            Ok(received?)
        });
        if too_much {
            return Ok(Fetched::TooMuch);
        }
        let missing = || Error::CommitNotFound {
            url: self.address.url.clone(),
            commit: commit.clone(),
            revision: revision.to_owned(),
        };
        let files = received.map_err(|stop| match &stop {
            Stop::Git(err) if failure::says_missing(err) || self.is_missing_here(&wanted) => missing(),
            Stop::Git(_) | Stop::For(_) => self.failed(stop, "fetching"),
        })?;
        let disk =
            |err: &std::io::Error| Error::disk(format!("cannot write the mirror {}", path.display()), err);
        let store = mirror::store(path).map_err(|err| disk(&err))?;
        tree::root(&mirror::handle(&store), &wanted).map_err(|err| Error::Broken {
            url: self.address.url.clone(),
            cause: format!("the server's pack does not hold what was asked for: {err:?}"),
        })?;
        mirror::commit(path, commit, &files.written).map_err(|err| disk(&err))?;
        files.release();
        Ok(Fetched::Done)
    }

    /// Fetches files by their ids into the bare repository at `path`, no more than `most` bytes.
    pub(crate) fn fetch_files(
        &self,
        wanted: Vec<gix::ObjectId>,
        path: &Path,
        most: u64,
    ) -> Result<Fetched, Error> {
        let mut too_much = false;
        let received = Session::open(self, Most::new(most.saturating_add(AROUND))).and_then(|session| {
            let limit = session.most.clone();
            // Nothing is offered as known: the server would leave out the files of what it takes us to have.
            let order = Everything { wanted, known: Vec::new(), filter: None };
            let received = session.fetch(order, None, path, self.deadline);
            too_much = received.is_err() && limit.reached();
            Ok(received?)
        });
        if too_much {
            return Ok(Fetched::TooMuch);
        }
        received.map_err(|stop| self.failed(stop, "fetching files"))?.release();
        Ok(Fetched::Done)
    }

    /// Whether a local repository lacks the commit. Its `git-upload-pack` says so and ends while it is
    /// still being written to, so that its words may never be read.
    fn is_missing_here(&self, wanted: &gix::oid) -> bool {
        use gix::objs::Exists as _;
        match &self.address.place {
            Place::Http { .. } | Place::Ssh { .. } => false,
            Place::File { path } => [path.join(".git"), path.clone()]
                .iter()
                .find_map(|folder| gix::odb::at(folder.join("objects"), gix::hash::Kind::Sha1).ok())
                .is_some_and(|objects| !objects.exists(wanted)),
        }
    }

    fn failed(&self, stop: Stop, stage: &'static str) -> Error {
        match stop {
            Stop::Git(err) => failure(self, &err, stage),
            Stop::For(err) => err,
        }
    }
}

/// The files that a fetch made.
#[derive(Debug, Default)]
struct Received {
    written: Vec<std::path::PathBuf>,
    /// Keeps git's garbage collection away from a pack that no reference holds yet.
    keep: Option<std::path::PathBuf>,
}

impl Received {
    /// What was fetched is recorded as far as it is to be.
    fn release(self) {
        if let Some(keep) = self.keep {
            std::fs::remove_file(keep).ok();
        }
    }
}

struct Session {
    most: Most,
    transport: SendFlushOnDrop<Box<dyn Transport + Send>>,
    handshake: Handshake,
}

fn agent() -> (&'static str, Option<String>) {
    ("agent", Some(gix::protocol::agent(concat!("flotilla/", env!("CARGO_PKG_VERSION")))))
}

impl Session {
    fn open(target: &Target<'_>, most: Most) -> Result<Self, Stop> {
        let mut transport = SendFlushOnDrop::new(transport::open(target, &most)?, false);
        // Credentials were sent with the first request: being asked for them means they were refused.
        let refuse = |_| Ok(None);
        let mut progress = gix::progress::Discard;
        let handshake = gix::protocol::handshake(
            &mut transport.inner,
            Service::UploadPack,
            refuse,
            Vec::new(),
            &mut progress,
        )?;
        Ok(Self { most, transport, handshake })
    }

    /// Servers before protocol 2 list everything with their first answer.
    fn lists_all(&self) -> bool {
        self.handshake.refs.is_some()
    }

    fn references<'p>(&mut self, prefixes: impl Iterator<Item = &'p str>) -> gix::Result<Vec<Reference>> {
        if let Some(refs) = &self.handshake.refs {
            return Ok(refs.iter().map(reference).collect());
        }
        let mut wanted = RefPrefixes::new();
        wanted.extend(prefixes.map(Into::into));
        let command = LsRefsCommand::new(Some(wanted), &self.handshake.capabilities, agent());
        let refs = command.invoke_blocking(&mut self.transport.inner, &mut gix::progress::Discard, false)?;
        Ok(refs.iter().map(reference).collect())
    }

    /// What to ask for, as far as the server can.
    fn order(&mut self, wanted: Vec<gix::ObjectId>, known: Vec<gix::ObjectId>, share: Share) -> Everything {
        let filter = match share {
            Share::Whole { most } if self.can("filter") => {
                self.most.lower(most);
                None
            }
            Share::Whole { .. } => None,
            Share::Folders => self.can("filter").then_some(NO_FILES),
        };
        Everything { wanted, known, filter }
    }

    fn fetch(
        mut self,
        mut negotiation: Everything,
        depth: Option<NonZeroU32>,
        path: &Path,
        deadline: &Deadline,
    ) -> gix::Result<Received> {
        let store = mirror::store(path).map_err(gix::Error::from_error)?;
        let shallow = match depth {
            Some(depth) if self.can("shallow") => Shallow::DepthAtRemote(depth),
            Some(_) | None => Shallow::NoChange,
        };
        let mut received = Received::default();
        gix::protocol::fetch(
            &mut negotiation,
            |pack, progress, interrupt| {
                let written = gix::odb::pack::Bundle::write_to_directory(
                    pack,
                    Some(&path.join("objects/pack")),
                    progress,
                    interrupt,
                    Some(mirror::handle(&store)),
                    gix::hash::Kind::Sha1,
                    gix::odb::pack::bundle::write::Options {
                        thread_limit: Some(1),
                        alloc_limit_bytes: Some(MAX_OBJECT),
                        ..Default::default()
                    },
                )?;
                received.written = written.data_path.into_iter().chain(written.index_path).collect();
                received.keep = written.keep_path;
                Ok(true)
            },
            gix::progress::Discard,
            deadline.passed_flag(),
            Context {
                handshake: &mut self.handshake,
                transport: &mut self.transport.inner,
                user_agent: agent(),
                trace_packetlines: false,
            },
            Options {
                shallow_file: path.join("shallow"),
                shallow: &shallow,
                tags: Tags::None,
                reject_shallow_remote: false,
            },
        )?;
        Ok(received)
    }

    /// Whether the server's `fetch` can do something. Filters are asked of protocol 2 only.
    fn can(&self, what: &str) -> bool {
        let capabilities = &self.handshake.capabilities;
        match self.handshake.server_protocol_version {
            Protocol::V2 => capabilities.capability("fetch").and_then(|c| c.supports(what)).unwrap_or(false),
            Protocol::V0 | Protocol::V1 => what == "shallow" && capabilities.contains(what),
        }
    }
}

fn reference(listed: &Ref) -> Reference {
    let (name, target, peeled) = listed.unpack();
    // `unpack` gives the tag object first where there is one.
    let commit = peeled.or(target).map(|id| id.to_hex().to_string());
    Reference { name: String::from_utf8_lossy(name).into_owned(), commit }
}

/// Wants some objects and offers all that is there, at once.
struct Everything {
    wanted: Vec<gix::ObjectId>,
    known: Vec<gix::ObjectId>,
    filter: Option<&'static str>,
}

impl Negotiate for Everything {
    fn mark_complete_and_common_ref(&mut self) -> gix::Result<negotiate::Action> {
        Ok(negotiate::Action::MustNegotiate { remote_ref_target_known: Vec::new() })
    }

    fn add_wants(&mut self, arguments: &mut Arguments, _known: &[bool]) -> bool {
        for wanted in &self.wanted {
            arguments.want(wanted);
        }
        if let Some(filter) = self.filter {
            arguments.filter(filter);
        }
        true
    }

    fn one_round(
        &mut self,
        _state: &mut negotiate::one_round::State,
        arguments: &mut Arguments,
        _previous: Option<&Response>,
    ) -> gix::Result<(negotiate::Round, bool)> {
        for known in &self.known {
            arguments.have(known);
        }
        let round = negotiate::Round {
            haves_sent: self.known.len(),
            in_vain: 0,
            haves_to_send: 0,
            previous_response_had_at_least_one_in_common: false,
        };
        Ok((round, true))
    }
}

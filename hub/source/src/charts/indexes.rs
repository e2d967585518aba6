//! The indexes of Helm repositories, each asked for only as often as it changes and read once per change.
//!
//! # Invariants
//! - One question per repository at a time; who waited while it was asked takes that answer.
//! - An answer for one login is given to no other.
//! - One large index is unpacked and read at a time, whatever many servers send; until then it is on the disk.

use super::{
    index::Index,
    web::{Ask, Web},
};
use crate::{Credentials, Error, remote::Deadline};
use parking_lot::Mutex;
use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    fs,
    io::{Read, Write as _},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

/// Bytes of indexes that are remembered.
const REMEMBERED: usize = 64 << 20;
const NAME: &str = "index.yaml";

/// What a server says of the state of an answer, to be asked whether it has changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Validators(Vec<(HeaderName, HeaderValue)>);

impl Validators {
    /// Of an answer: what it is to be asked with the next time.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let pairs = [("etag", "if-none-match"), ("last-modified", "if-modified-since")];
        let pair = |(told, asked): (&str, &'static str)| {
            let value = headers.get(told)?.clone();
            Some((HeaderName::from_static(asked), value))
        };
        Self(pairs.into_iter().filter_map(pair).collect())
    }

    /// Whether the server said anything.
    pub(super) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        headers.extend(self.0.iter().cloned());
    }
}

#[derive(Debug, Default)]
pub(super) struct Indexes {
    slots: Mutex<Slots>,
    reading: Mutex<()>,
}

#[derive(Debug, Default)]
struct Slots {
    uses: u64,
    by_url: HashMap<String, Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    used: u64,
    weight: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
}

#[derive(Debug, Clone)]
struct Known {
    index: Arc<Index>,
    validators: Validators,
    digest: [u8; 32],
    credentials: Option<Credentials>,
    /// When the question began that it answers.
    asked: Instant,
}

/// How an index is to be had.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) web: &'a Web<'a>,
    pub(super) repository: &'a Url,
    pub(super) credentials: Option<&'a Credentials>,
    /// The most bytes, unpacked.
    pub(super) most: u64,
    /// A file that it may be written to for a while.
    pub(super) part: PathBuf,
}

impl Indexes {
    /// The index as it is now.
    pub(super) fn current(&self, question: &Question<'_>) -> Result<Arc<Index>, Error> {
        let begun = Instant::now();
        let deadline = question.web.deadline();
        let (url, _) = super::address::login(&index_url(question.repository));
        let state = self.slot(url.as_str());
        let mut state = state.try_lock_for(deadline.left()).ok_or_else(|| waited(question, deadline))?;
        let known = state.known.as_ref().filter(|known| known.credentials.as_ref() == question.credentials);
        if let Some(known) = known.filter(|known| known.asked >= begun) {
            return Ok(Arc::clone(&known.index));
        }
        let asked = Instant::now();
        let mut next = self.ask(question, &url, known)?;
        next.asked = asked;
        let index = Arc::clone(&next.index);
        state.known = Some(next);
        drop(state);
        self.weigh(url.as_str(), index.weight());
        Ok(index)
    }

    fn slot(&self, url: &str) -> Arc<Mutex<State>> {
        let mut slots = self.slots.lock();
        slots.uses += 1;
        let used = slots.uses;
        let slot = slots.by_url.entry(url.to_owned()).or_default();
        slot.used = used;
        Arc::clone(&slot.state)
    }

    /// Forgets the least recently used, when there are too many.
    fn weigh(&self, url: &str, weight: usize) {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.by_url.get_mut(url) {
            slot.weight = weight;
        }
        while slots.by_url.values().map(|slot| slot.weight).sum::<usize>() > REMEMBERED {
            let others = slots.by_url.iter().filter(|(other, _)| *other != url);
            let oldest = others.min_by_key(|(_, slot)| slot.used).map(|(url, _)| url.clone());
            let Some(oldest) = oldest else { break };
            slots.by_url.remove(&oldest);
        }
    }

    fn ask(&self, question: &Question<'_>, url: &Url, known: Option<&Known>) -> Result<Known, Error> {
        let mut ask = Ask::new(url, "reading the index");
        ask.headers.insert("accept-encoding", HeaderValue::from_static("gzip"));
        if let Some(known) = known {
            known.validators.add_to(&mut ask.headers);
        }
        let answer = question.web.get(&ask)?;
        if let (304, Some(known)) = (answer.status(), known) {
            return Ok(known.clone());
        }
        if !answer.is_good() {
            return Err(question.web.refused(&answer));
        }
        let validators = Validators::of(answer.headers());
        let packed = answer.header("content-encoding").is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let part = Part(question.part.clone());
        let disk = |err: &std::io::Error| Error::disk("cannot keep an index", err);
        let mut file = fs::File::create(&part.0).map_err(|err| disk(&err))?;
        let mut hash = Sha256::new();
        answer.read(question.most, NAME, |piece| {
            hash.update(piece);
            file.write_all(piece).map_err(|err| disk(&err))
        })?;
        drop(file);
        let digest: [u8; 32] = hash.finalize().into();
        let credentials = question.credentials.cloned();
        let asked = Instant::now();
        if let Some(known) = known.filter(|known| known.digest == digest) {
            return Ok(Known { validators, ..known.clone() });
        }
        let deadline = question.web.deadline();
        let _turn = self.reading.try_lock_for(deadline.left()).ok_or_else(|| waited(question, deadline))?;
        let file = fs::File::open(&part.0).map_err(|err| disk(&err))?;
        let text = match packed {
            true => read(question, flate2::read::MultiGzDecoder::new(file))?,
            false => read(question, file)?,
        };
        let index = Index::parse(&text)
            .map_err(|err| question.web.broken(&format!("its {NAME} cannot be read: {err}")))?;
        Ok(Known { index: Arc::new(index), validators, digest, credentials, asked })
    }
}

fn read(question: &Question<'_>, from: impl Read) -> Result<String, Error> {
    let mut bytes = Vec::new();
    let read = from.take(question.most + 1).read_to_end(&mut bytes);
    read.map_err(|_| question.web.broken(&format!("its {NAME} is packed and cannot be unpacked")))?;
    let size = bytes.len() as u64;
    if size > question.most {
        return Err(Error::TooLarge {
            url: question.web.about().clone(),
            path: NAME.to_owned(),
            size,
            of: "and more, unpacked",
            limit: question.most,
        });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(err) => Ok(String::from_utf8_lossy(err.as_bytes()).into_owned()),
    }
}

fn waited(question: &Question<'_>, deadline: &Deadline) -> Error {
    Error::TimedOut {
        url: question.web.about().clone(),
        stage: "waiting for its index",
        after: deadline.given(),
    }
}

/// Where the index of a repository is.
fn index_url(repository: &Url) -> Url {
    let mut url = repository.clone();
    let path = format!("{}/{NAME}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

/// A file that goes with its holder.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

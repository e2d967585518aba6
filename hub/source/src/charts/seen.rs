//! What is at an address of the web, by digest, where nothing but its bytes tells that: asked for again only when the
//! server says that it has changed, or cannot say.

use super::{
    Talk,
    indexes::Validators,
    web::{Ask, Web},
};
use crate::{CommitId, Error};
use parking_lot::Mutex;
use reqwest::Url;
use std::collections::HashMap;

/// Addresses remembered; then all are forgotten, which costs a question each.
const REMEMBERED: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<String, (Validators, CommitId)>>);

impl Seen {
    /// The digest of what is there now, which is kept when it had to be fetched for that.
    pub(super) fn resolve(
        &self,
        talk: &Talk<'_>,
        web: &Web<'_>,
        url: &Url,
        stage: &'static str,
    ) -> Result<CommitId, Error> {
        let known = self.0.lock().get(url.as_str()).cloned();
        let mut ask = Ask::new(url, stage);
        if let Some((validators, _)) = &known {
            validators.add_to(&mut ask.headers);
        }
        let answer = web.get(&ask)?;
        if let (304, Some((_, commit))) = (answer.status(), &known) {
            return Ok(commit.clone());
        }
        if !answer.is_good() {
            return Err(web.refused(&answer));
        }
        let validators = Validators::of(answer.headers());
        let bytes = answer.bytes(talk.inner.config.archive, name(url))?;
        let commit = talk.inner.store.put(&bytes)?;
        let mut seen = self.0.lock();
        if seen.len() >= REMEMBERED {
            seen.clear();
        }
        match validators.any() {
            true => drop(seen.insert(url.to_string(), (validators, commit.clone()))),
            false => drop(seen.remove(url.as_str())),
        }
        Ok(commit)
    }
}

/// The last part of an address's path.
pub(super) fn name(url: &Url) -> &str {
    url.path().rsplit('/').next().unwrap_or_default()
}

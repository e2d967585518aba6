//! Charts of Helm repositories: which archive a version is, and getting it.

use super::{
    Inner, Label, Talk, address,
    index::{Entry, Index},
    indexes::Question,
    oci, store, versions,
    web::Web,
};
use crate::{CommitId, Error, refs};
use bytes::Bytes;
use reqwest::Url;
use std::sync::Arc;

/// A chart of a repository.
#[derive(Debug)]
pub(super) struct Chart<'a> {
    pub(super) repository: &'a Url,
    pub(super) name: &'a str,
}

impl Chart<'_> {
    /// What a version or range is now.
    pub(super) fn resolve(&self, talk: &Talk<'_>, version: &str) -> Result<CommitId, Error> {
        let web = talk.web(self.repository)?;
        let index = self.index(talk, &web)?;
        let entry = self.choose(talk, &index, version)?;
        let commit = match entry.digest {
            Some(digest) => commit(&digest),
            // Only the archive itself can tell.
            None => match self.place(talk, entry)? {
                Place::Web(url) => talk.inner.seen.resolve(talk, &web, &url, "fetching the chart")?,
                Place::Oci(address, tag) => oci::resolve(talk, &address, &tag)?,
            },
        };
        talk.inner.store.name(&commit, &self.label(entry))?;
        Ok(commit)
    }

    /// The archive of that digest.
    pub(super) fn fetch(&self, talk: &Talk<'_>, version: &str, wanted: &CommitId) -> Result<Bytes, Error> {
        let web = talk.web(self.repository)?;
        let index = self.index(talk, &web)?;
        let known = talk.inner.store.label(wanted);
        let known = known.as_ref().map_or(version, |label| label.version.as_str());
        let entries = index.versions(self.name).unwrap_or_default();
        let told = entries.iter().find(|entry| entry.digest.is_some_and(|digest| commit(&digest) == *wanted));
        let named = || versions::choose(known, entries, |entry| &entry.version);
        let gone = |cause: String| Error::Gone {
            url: talk.url.clone(),
            version: known.to_owned(),
            commit: wanted.clone(),
            cause,
        };
        let Some(entry) = told.or_else(named) else {
            return Err(gone("the repository's index does not list it".to_owned()));
        };
        if let Some(digest) = entry.digest.filter(|_| told.is_none()) {
            let now = commit(&digest);
            return Err(gone(format!("the repository's index says {}…", now.short())));
        }
        let bytes = match self.place(talk, entry)? {
            Place::Web(url) => talk.download(&web, &url, "fetching the chart")?,
            Place::Oci(address, _) => oci::fetch(talk, &address, known, wanted)?.to_vec(),
        };
        let came = store::digest(&bytes);
        if came != *wanted {
            return Err(match told {
                Some(_) => web.broken(&format!(
                    "the archive of {} {} has the SHA-256 {came}, the repository's index says {wanted}",
                    self.name, entry.version
                )),
                None => gone(format!("the archive there is {}…", came.short())),
            });
        }
        talk.inner.store.put(&bytes)?;
        talk.inner.store.name(wanted, &self.label(entry))?;
        Ok(bytes.into())
    }

    fn index(&self, talk: &Talk<'_>, web: &Web<'_>) -> Result<Arc<Index>, Error> {
        let Inner { indexes, store, config, .. } = talk.inner;
        indexes.current(&Question {
            web,
            repository: self.repository,
            credentials: talk.credentials,
            most: config.index,
            part: store.part(),
        })
    }

    fn choose<'i>(&self, talk: &Talk<'_>, index: &'i Index, version: &str) -> Result<&'i Entry, Error> {
        let not_found = |known: String| Error::RevisionNotFound {
            url: talk.url.clone(),
            revision: version.to_owned(),
            known,
        };
        let Some(entries) = index.versions(self.name) else {
            let names = refs::nearest(self.name, index.names());
            return Err(not_found(format!(
                "the repository has no chart `{}`; charts there: {names}",
                self.name
            )));
        };
        versions::choose(version, entries, |entry| &entry.version)
            .ok_or_else(|| not_found(versions::known(version, entries.iter().map(|entry| &*entry.version))))
    }

    fn place(&self, talk: &Talk<'_>, entry: &Entry) -> Result<Place, Error> {
        let broken = || Error::Broken {
            url: talk.url.clone(),
            cause: format!(
                "its index says that {} {} is at `{}`, which is no address",
                self.name, entry.version, entry.url
            ),
        };
        if let Some(reference) = entry.url.strip_prefix("oci://") {
            let (place, tag) = match reference.rsplit_once(':') {
                Some((place, tag)) if !tag.contains('/') => (place, tag),
                _ => (reference, &*entry.version),
            };
            let address = address::Address::oci(place, "").map_err(|_| broken())?;
            return Ok(Place::Oci(address, tag.to_owned()));
        }
        archive_url(self.repository, &entry.url).map(Place::Web).ok_or_else(broken)
    }

    fn label(&self, entry: &Entry) -> Label {
        Label { name: self.name.to_owned(), version: entry.version.to_string(), chart: true }
    }
}

enum Place {
    Web(Url),
    Oci(address::Address, String),
}

fn commit(digest: &[u8; 32]) -> CommitId {
    hex::encode(digest).parse().expect("a SHA-256 has 64 hex digits")
}

/// Where an archive is that an index names: an address, or a path below the repository's, with its query (Helm's
/// `repo.ResolveReferenceURL`).
fn archive_url(repository: &Url, url: &str) -> Option<Url> {
    let mut base = repository.clone();
    base.set_path(&format!("{}/", repository.path().trim_end_matches('/')));
    let mut joined = base.join(url).ok()?;
    if !["https", "http"].contains(&joined.scheme()) {
        return None;
    }
    if joined.query().is_none() && Url::parse(url).is_err() {
        joined.set_query(repository.query());
    }
    Some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_where_the_index_says() {
        let check = |repository: &str, url: &str, expect: &str| {
            let got = archive_url(&Url::parse(repository).unwrap(), url);
            assert_eq!(got.map_or_else(|| "none".to_owned(), |url| url.to_string()), expect, "{url}");
        };
        check("https://h/stable", "web-1.0.0.tgz", "https://h/stable/web-1.0.0.tgz");
        check("https://h/", "charts/web-1.0.0.tgz", "https://h/charts/web-1.0.0.tgz");
        check("https://h/a/b", "/c/web.tgz", "https://h/c/web.tgz");
        check("https://h/a?token=1", "web.tgz", "https://h/a/web.tgz?token=1");
        check("https://h/a?token=1", "https://cdn/web.tgz", "https://cdn/web.tgz");
        check("https://h/a", "ftp://cdn/web.tgz", "none");
        check("https://h/a", "file:///etc/passwd", "none");
    }
}

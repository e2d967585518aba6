//! Charts and other artefacts in OCI registries (distribution-spec 1.1): which archive a tag is, and getting it.
//!
//! What is pinned is the digest of the archive, which is a layer of the artefact: an artefact that is pushed anew with the
//! same archive is no change. A version is a tag, in which `+` is written `_`, as Helm does.

mod login;
mod manifest;

use super::{
    Label, Talk,
    address::{Address, Place},
    store, versions,
    web::{Answer, AsWhom, Ask, Web},
};
use crate::{CommitId, Error};
use bytes::Bytes;
pub(super) use login::Tokens;
use manifest::Layer;
use reqwest::{Url, header::HeaderValue};
use serde::Deserialize;
use shared_template::semver::Range;
use std::net::IpAddr;

/// Of a manifest; registries take no larger ones.
const MOST_MANIFEST: u64 = 4 << 20;
/// Of one page of tags.
const MOST_PAGE: u64 = 4 << 20;
const MOST_PAGES: usize = 100;
const PER_PAGE: &str = "1000";
const LATEST: &str = "latest";
/// Docker Hub's registry is not where its name says.
const HUB: &str = "registry-1.docker.io";

/// What a version, a range, a tag or the digest of a manifest (`sha256:…`) is now.
pub(super) fn resolve(talk: &Talk<'_>, address: &Address, version: &str) -> Result<CommitId, Error> {
    let registry = Registry::open(talk, address)?;
    let layer = registry.find(version)?;
    if layer.size > talk.inner.config.archive {
        return Err(Error::TooLarge {
            url: talk.url.clone(),
            path: layer.label.name,
            size: layer.size,
            of: "packed",
            limit: talk.inner.config.archive,
        });
    }
    talk.inner.store.name(&layer.digest, &layer.label)?;
    Ok(layer.digest)
}

/// The archive of that digest.
pub(super) fn fetch(
    talk: &Talk<'_>,
    address: &Address,
    version: &str,
    wanted: &CommitId,
) -> Result<Bytes, Error> {
    let registry = Registry::open(talk, address)?;
    let answer = registry.get(&format!("blobs/sha256:{wanted}"), "", "fetching the artefact")?;
    if matches!(answer.status(), 404 | 410) {
        return Err(Error::Gone {
            url: talk.url.clone(),
            version: version.to_owned(),
            commit: wanted.clone(),
            cause: "the registry does not have it any more".to_owned(),
        });
    }
    if !answer.is_good() {
        return Err(registry.web.refused(&answer));
    }
    let bytes = answer.bytes(talk.inner.config.archive, address.name())?;
    let came = store::digest(&bytes);
    if came != *wanted {
        return Err(registry
            .web
            .broken(&format!("the registry sends sha256:{came} where sha256:{wanted} was asked for")));
    }
    talk.inner.store.put(&bytes)?;
    if talk.inner.store.label(wanted).is_none() {
        // It was pinned by another hub, or long ago: the version is what it was asked for by.
        let label = Label {
            name: address.name().to_owned(),
            version: version.to_owned(),
            chart: manifest::looks_like_a_chart(&bytes),
        };
        talk.inner.store.name(wanted, &label)?;
    }
    Ok(bytes.into())
}

/// One repository of a registry.
struct Registry<'t> {
    talk: &'t Talk<'t>,
    web: Web<'t>,
    base: Url,
    /// The artefact's name in it.
    name: &'t str,
}

impl<'t> Registry<'t> {
    fn open(talk: &'t Talk<'t>, address: &'t Address) -> Result<Self, Error> {
        let Place::Oci { registry, name } = &address.0 else {
            unreachable!("only addresses of registries are asked here")
        };
        let host = match registry.as_str() {
            "docker.io" | "index.docker.io" => HUB,
            other => other,
        };
        let plain = talk.credentials.is_some_and(|credentials| credentials.plain_http);
        let at = |scheme: &str| {
            Url::parse(&format!("{scheme}://{host}/v2/"))
                .map_err(|err| Error::Address { url: talk.url.clone(), cause: err.to_string() })
        };
        let open = |base: Url| {
            let web = talk.web(&base)?.keeping_to_itself();
            Ok(Self { talk, web, base, name })
        };
        if plain {
            return open(at("http")?);
        }
        let secure = open(at("https")?)?;
        if !is_here(&secure.base) {
            return Ok(secure);
        }
        // On this machine registries are often without TLS, and nobody is in between.
        let mut ask = Ask::new(&secure.base, "asking the registry");
        ask.as_whom = AsWhom::Nobody;
        match secure.web.get(&ask) {
            Err(Error::Unreachable { .. }) => {
                let plain = open(at("http")?)?;
                let mut ask = Ask::new(&plain.base, "asking the registry");
                ask.as_whom = AsWhom::Nobody;
                // Where nobody answers that either, what TLS said is the cause.
                Ok(if plain.web.get(&ask).is_ok() { plain } else { secure })
            }
            Ok(_) | Err(_) => Ok(secure),
        }
    }

    /// The archive of what is named.
    fn find(&self, version: &str) -> Result<Layer, Error> {
        if version.starts_with("sha256:") {
            return self.layer(version, version)?.ok_or_else(|| self.not_found(version, &[]));
        }
        let listed = version.is_empty() || Range::parse(version).is_some();
        if !listed && let Some(layer) = self.layer(&tag(version), version)? {
            return Ok(layer);
        }
        let tags = self.tags()?;
        let named: Vec<String> = tags.iter().map(|tag| tag.replace('_', "+")).collect();
        let chosen = versions::choose(version, &named, String::as_str).map(String::as_str);
        let latest = || (version.is_empty() && tags.iter().any(|tag| tag == LATEST)).then_some(LATEST);
        let Some(chosen) = chosen.or_else(latest) else { return Err(self.not_found(version, &named)) };
        self.layer(&tag(chosen), chosen)?.ok_or_else(|| self.not_found(version, &named))
    }

    fn not_found(&self, version: &str, there: &[String]) -> Error {
        Error::RevisionNotFound {
            url: self.talk.url.clone(),
            revision: version.to_owned(),
            known: match there {
                [] => "the registry has no such manifest".to_owned(),
                // Registries list tags by their text.
                there => versions::known(version, there.iter().rev().map(String::as_str)),
            },
        }
    }

    /// The archive of a tag or of a manifest's digest, if there is such a one.
    fn layer(&self, reference: &str, version: &str) -> Result<Option<Layer>, Error> {
        let path = format!("manifests/{reference}");
        let answer = self.get(&path, manifest::ACCEPTED, "reading the manifest")?;
        if matches!(answer.status(), 404 | 410) {
            return Ok(None);
        }
        if !answer.is_good() {
            return Err(self.web.refused(&answer));
        }
        let told = answer.header("docker-content-digest").map(str::to_owned);
        let body = answer.bytes(MOST_MANIFEST, "its manifest")?;
        let digest = format!("sha256:{}", store::digest(&body));
        let wanted = reference.starts_with("sha256:").then(|| reference.to_owned());
        let told = told.filter(|told| told.starts_with("sha256:"));
        if let Some(other) = wanted.or(told).filter(|wanted| *wanted != digest) {
            return Err(self.web.broken(&format!("the registry sends the manifest {digest} as {other}")));
        }
        let name = self.name.rsplit('/').next().unwrap_or(self.name);
        let layer = manifest::layer(&body, name, version).map_err(|cause| self.web.broken(&cause))?;
        Ok(Some(layer))
    }

    /// All tags, page by page.
    fn tags(&self) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let mut tags = Vec::new();
        let mut path = format!("tags/list?n={PER_PAGE}");
        for _ in 0..MOST_PAGES {
            let answer = self.get(&path, "application/json", "listing tags")?;
            if !answer.is_good() {
                return Err(self.web.refused(&answer));
            }
            let next = answer.header("link").and_then(|link| self.next(&answer.url, link));
            let body = answer.bytes(MOST_PAGE, "its list of tags")?;
            let page: Page = serde_json::from_slice(&body)
                .map_err(|_| self.web.broken("the registry's list of tags is none"))?;
            tags.extend(page.tags.unwrap_or_default());
            match next {
                Some(next) => path = next,
                None => return Ok(tags),
            }
        }
        Err(self.web.broken("the registry lists tags for ever"))
    }

    /// Where the next page is, of a `Link` (RFC 8288): what follows the repository's name.
    fn next(&self, page: &Url, link: &str) -> Option<String> {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let parameters = parameters.to_ascii_lowercase();
        if !parameters.contains("rel=\"next\"") && !parameters.contains("rel=next") {
            return None;
        }
        let next = page.join(target).ok()?;
        Some(format!("tags/list?{}", next.query()?))
    }

    /// Asks for something of the repository, and logs in as the registry says.
    fn get(&self, path: &str, accept: &'static str, stage: &'static str) -> Result<Answer<'t>, Error> {
        let url = self.base.join(&format!("{}/{path}", self.name));
        let url = url.map_err(|err| self.web.broken(&err.to_string()))?;
        let mut ask = Ask::new(&url, stage);
        if !accept.is_empty() {
            ask.headers.insert("accept", HeaderValue::from_static(accept));
        }
        self.talk.inner.tokens.with(self.talk, &self.web, &self.base, self.name, ask)
    }
}

/// A version as a tag.
fn tag(version: &str) -> String {
    version.replace('+', "_")
}

/// Whether a registry is on this machine.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

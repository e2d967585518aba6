//! Bitbucket Server and Data Center: `repo:refs_changed`, and its `diagnostics:ping`.
//!
//! Form: confluence.atlassian.com/bitbucketserver, "Event payload". A payload names no default branch, so each branch that moved may be
//! `HEAD`. The documented form has no addresses, servers send them: without, a repository is known by project and name on any host.

use super::{Change, Event, Payload, Place, Push, Refusal, Request};
use serde::Deserialize;

#[derive(Deserialize)]
struct Hook {
    repository: Repository,
    #[serde(default)]
    changes: Vec<Moved>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Moved {
    #[serde(rename = "ref")]
    reference: Option<Reference>,
    ref_id: Option<String>,
    from_hash: Option<String>,
    to_hash: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    id: String,
}

#[derive(Deserialize)]
struct Repository {
    slug: String,
    project: Project,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Project {
    key: String,
}

#[derive(Deserialize)]
struct Links {
    #[serde(default)]
    clone: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: String,
}

/// Whether somebody pressed "test connection".
pub(super) fn is_ping(request: &Request<'_>) -> bool {
    request.header("x-event-key") == Some("diagnostics:ping")
}

/// Reads a payload of Bitbucket Server.
pub(super) fn read(request: &Request<'_>, payload: &Payload<'_>) -> Result<Event, Refusal> {
    if request.header("x-event-key") != Some("repo:refs_changed") {
        return Ok(Event::Ignored("an event of this kind moves no reference".to_owned()));
    }
    let Hook { repository, changes } = payload.parse()?;
    let changes = changes.into_iter().filter_map(|moved| {
        let name = moved.reference.map(|reference| reference.id).or(moved.ref_id)?;
        Some(Change::new(name, moved.from_hash.as_deref(), moved.to_hash.as_deref()))
    });
    let clone = repository.links.map(|links| links.clone).unwrap_or_default();
    let mut places: Vec<Place> = clone.iter().filter_map(|link| Place::parse(&link.href)).collect();
    let (project, name) = (&repository.project.key, &repository.slug);
    if places.is_empty() {
        places.push(Place::anywhere(project, name));
    }
    let name = format!("{project}/{name}");
    Ok(Event::Push(Push { changes: changes.collect(), places, name, default_branch: None }))
}

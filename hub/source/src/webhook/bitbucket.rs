//! Bitbucket Cloud: `repo:push`.
//!
//! Form: support.atlassian.com, "Event payloads". A payload names no default branch, so each branch that moved may be `HEAD`.

use super::{Change, Event, Payload, Place, Push, Refusal, Request};
use serde::Deserialize;

#[derive(Deserialize)]
struct Hook {
    push: Moves,
    repository: Repository,
}

#[derive(Deserialize)]
struct Moves {
    #[serde(default)]
    changes: Vec<Moved>,
}

#[derive(Deserialize)]
struct Moved {
    old: Option<Reference>,
    new: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    hash: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
    links: Option<Links>,
    mainbranch: Option<Branch>,
}

#[derive(Deserialize)]
struct Branch {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Links {
    html: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    href: String,
}

/// Reads a payload of Bitbucket Cloud.
pub(super) fn read(request: &Request<'_>, payload: &Payload<'_>) -> Result<Event, Refusal> {
    if request.header("x-event-key") != Some("repo:push") {
        return Ok(Event::Ignored("an event of this kind moves no reference".to_owned()));
    }
    let Hook { push, repository } = payload.parse()?;
    let changes = push.changes.iter().filter_map(|moved| {
        let named = moved.new.as_ref().or(moved.old.as_ref())?;
        let folder = if named.kind == "tag" { "tags" } else { "heads" };
        Some(Change::new(
            format!("refs/{folder}/{}", named.name),
            id(moved.old.as_ref()),
            id(moved.new.as_ref()),
        ))
    });
    let link = repository.links.and_then(|links| links.html).map(|link| link.href);
    let link = link.unwrap_or_else(|| format!("https://bitbucket.org/{}", repository.full_name));
    Ok(Event::Push(Push {
        changes: changes.collect(),
        places: Place::parse(&link).into_iter().collect(),
        name: repository.full_name,
        default_branch: repository.mainbranch.and_then(|branch| branch.name),
    }))
}

fn id(reference: Option<&Reference>) -> Option<&str> {
    reference?.target.as_ref()?.hash.as_deref()
}

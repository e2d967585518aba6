//! Azure DevOps: the service hook `git.push`.
//!
//! Form: learn.microsoft.com, "Service hooks events". The subscription has to send all of the resource; with less there are no references.

use super::{Change, Event, Payload, Place, Push, Refusal};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hook {
    event_type: Option<String>,
}

#[derive(Deserialize)]
struct Notification {
    resource: Option<Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(default)]
    ref_updates: Vec<Moved>,
    repository: Option<Repository>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Moved {
    name: String,
    old_object_id: Option<String>,
    new_object_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repository {
    name: Option<String>,
    remote_url: Option<String>,
    ssh_url: Option<String>,
    web_url: Option<String>,
    default_branch: Option<String>,
}

/// Reads a payload of Azure DevOps.
pub(super) fn read(payload: &Payload<'_>) -> Result<Event, Refusal> {
    if payload.parse::<Hook>()?.event_type.as_deref() != Some("git.push") {
        return Ok(Event::Ignored(
            "an event of this kind moves no reference; choose `Code pushed`".to_owned(),
        ));
    }
    let resource = payload.parse::<Notification>()?.resource;
    let (Some(repository), updates) =
        resource.map(|resource| (resource.repository, resource.ref_updates)).unwrap_or_default()
    else {
        return Err(payload.malformed(
            "it has no `resource.repository`; choose to send all resource details in the subscription",
        ));
    };
    let changes = updates
        .into_iter()
        .map(|moved| Change::new(moved.name, moved.old_object_id.as_deref(), moved.new_object_id.as_deref()));
    let addresses = [&repository.remote_url, &repository.ssh_url, &repository.web_url];
    let branch = repository.default_branch.as_deref();
    Ok(Event::Push(Push {
        changes: changes.collect(),
        places: addresses.into_iter().flatten().filter_map(|url| Place::parse(url)).collect(),
        default_branch: branch.map(|name| name.strip_prefix("refs/heads/").unwrap_or(name).to_owned()),
        name: repository.name.unwrap_or_default(),
    }))
}

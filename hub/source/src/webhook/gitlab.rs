//! GitLab: push and tag events of projects, and the system hooks of a whole server.
//!
//! Form: docs.gitlab.com, "Webhook events" and "System hooks". The kind is read from the body: system hooks have one header for all. GitLab
//! sends nothing when more references are pushed at once than its `push_event_hooks_limit`; the system hook `repository_update` has them.

use super::{Change, Event, Payload, Place, Push, Refusal};
use serde::Deserialize;

#[derive(Deserialize)]
struct Hook {
    #[serde(rename = "ref")]
    reference: Option<String>,
    before: Option<String>,
    after: Option<String>,
    project: Option<Project>,
    /// Of `repository_update`.
    #[serde(default)]
    changes: Vec<Moved>,
}

#[derive(Deserialize)]
struct Moved {
    #[serde(rename = "ref")]
    reference: String,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Deserialize)]
struct Project {
    path_with_namespace: Option<String>,
    default_branch: Option<String>,
    git_http_url: Option<String>,
    git_ssh_url: Option<String>,
    web_url: Option<String>,
}

#[derive(Deserialize)]
struct Kinds {
    object_kind: Option<String>,
    event_name: Option<String>,
}

/// Reads a payload of GitLab.
pub(super) fn read(payload: &Payload<'_>) -> Result<Event, Refusal> {
    let kinds: Kinds = payload.parse()?;
    let known = ["push", "tag_push", "repository_update"];
    let kind = [&kinds.object_kind, &kinds.event_name]
        .into_iter()
        .flatten()
        .find_map(|kind| known.iter().find(|known| kind == **known));
    let Some(kind) = kind else {
        return Ok(Event::Ignored("an event of this kind moves no reference".to_owned()));
    };
    // Others have other things under the same names.
    let hook: Hook = payload.parse()?;
    let project = hook.project.ok_or_else(|| payload.malformed("it has no `project`"))?;
    let changes = match (*kind, hook.reference) {
        ("repository_update", _) => hook
            .changes
            .iter()
            .map(|moved| Change::new(&*moved.reference, moved.before.as_deref(), moved.after.as_deref()))
            .collect(),
        (_, Some(reference)) => vec![Change::new(reference, hook.before.as_deref(), hook.after.as_deref())],
        (_, None) => return Err(payload.malformed("it has no `ref`")),
    };
    let addresses = [&project.git_http_url, &project.git_ssh_url, &project.web_url];
    Ok(Event::Push(Push {
        places: addresses.into_iter().flatten().filter_map(|url| Place::parse(url)).collect(),
        name: project.path_with_namespace.unwrap_or_default(),
        default_branch: project.default_branch.filter(|branch| !branch.is_empty()),
        changes,
    }))
}

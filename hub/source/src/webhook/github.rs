//! GitHub: `push`, `create`, `delete`, `repository` (its default branch), `ping`.
//!
//! Form: docs.github.com, "Webhook events and payloads". GitHub sends no push of tags when more than three are pushed at once; polling
//! finds those.

use super::{Change, Event, Payload, Place, Push, Refusal, Request};
use serde::Deserialize;

/// A repository as GitHub writes it; Gogs and its descendants do too.
#[derive(Deserialize)]
pub(super) struct Repository {
    full_name: Option<String>,
    html_url: Option<String>,
    clone_url: Option<String>,
    ssh_url: Option<String>,
    default_branch: Option<String>,
}

#[derive(Deserialize)]
struct Moved {
    #[serde(rename = "ref")]
    reference: String,
    ref_type: Option<String>,
    before: Option<String>,
    after: Option<String>,
    repository: Repository,
}

#[derive(Deserialize)]
struct Edited {
    #[serde(default)]
    changes: Changes,
    repository: Repository,
}

#[derive(Deserialize, Default)]
struct Changes {
    default_branch: Option<serde::de::IgnoredAny>,
}

/// Reads a payload of GitHub.
pub(super) fn read(request: &Request<'_>, payload: &Payload<'_>) -> Result<Event, Refusal> {
    match request.header("x-github-event").unwrap_or_default() {
        "ping" => Ok(Event::Ping),
        "repository" => {
            let Edited { changes, repository } = payload.parse()?;
            match changes.default_branch {
                Some(_) => Ok(Event::Push(repository.push(vec![Change::new("HEAD", None, None)]))),
                None => Ok(Event::Ignored("the default branch is the one that it was".to_owned())),
            }
        }
        event => references(event, payload),
    }
}

/// What GitHub and those who write as it does tell of references.
pub(super) fn references(event: &str, payload: &Payload<'_>) -> Result<Event, Refusal> {
    if !["push", "create", "delete"].contains(&event) {
        return Ok(Event::Ignored("an event of this kind moves no reference".to_owned()));
    }
    let moved: Moved = payload.parse()?;
    let reference = match (moved.reference.starts_with("refs/"), moved.ref_type.as_deref()) {
        (true, _) => moved.reference,
        (false, Some("tag")) => format!("refs/tags/{}", moved.reference),
        (false, Some(_) | None) => format!("refs/heads/{}", moved.reference),
    };
    let change = Change::new(reference, moved.before.as_deref(), moved.after.as_deref());
    Ok(Event::Push(moved.repository.push(vec![change])))
}

impl Repository {
    fn push(self, changes: Vec<Change>) -> Push {
        let addresses = [&self.clone_url, &self.ssh_url, &self.html_url];
        Push {
            places: addresses.into_iter().flatten().filter_map(|url| Place::parse(url)).collect(),
            name: self.full_name.unwrap_or_default(),
            default_branch: self.default_branch.filter(|branch| !branch.is_empty()),
            changes,
        }
    }
}

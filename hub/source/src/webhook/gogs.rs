//! Gogs, Gitea and Forgejo: `push`, `create` and `delete`, written as GitHub writes them.
//!
//! Form: docs.gitea.com and forgejo.org, "Webhooks"; gogs.io, "Webhooks". Their test delivery is a push that moved nothing.

use super::{Event, Forge, Payload, Refusal, Request, github};

/// Reads a payload of these forges.
pub(super) fn read(request: &Request<'_>, payload: &Payload<'_>) -> Result<Event, Refusal> {
    let header = match payload.forge {
        Forge::Forgejo => "x-forgejo-event",
        Forge::Gitea => "x-gitea-event",
        Forge::Gogs
        | Forge::GitHub
        | Forge::GitLab
        | Forge::BitbucketCloud
        | Forge::BitbucketServer
        | Forge::AzureDevOps => "x-gogs-event",
    };
    github::references(request.header(header).unwrap_or_default(), payload)
}

//! Which forge a request comes from, by its headers.

use http::HeaderMap;
use std::fmt;

/// A Git forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Forge {
    /// github.com and GitHub Enterprise Server.
    GitHub,
    /// gitlab.com and GitLab on servers of one's own.
    GitLab,
    /// bitbucket.org.
    BitbucketCloud,
    /// Bitbucket Server and Data Center.
    BitbucketServer,
    /// Gogs.
    Gogs,
    /// Gitea.
    Gitea,
    /// Forgejo, codeberg.org among them.
    Forgejo,
    /// Azure DevOps Services and Server.
    AzureDevOps,
}

impl Forge {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::GitHub,
        Self::GitLab,
        Self::BitbucketCloud,
        Self::BitbucketServer,
        Self::Gogs,
        Self::Gitea,
        Self::Forgejo,
        Self::AzureDevOps,
    ];

    /// Whose headers these are. Forgejo sends those of Gitea, Gogs and GitHub too, Gitea those of the latter two, so the most special is
    /// looked for first; Azure DevOps is known by its activity id, or by a login when no other forge fits.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let known = [
            ("x-forgejo-event", Self::Forgejo),
            ("x-gitea-event", Self::Gitea),
            ("x-gogs-event", Self::Gogs),
            ("x-github-event", Self::GitHub),
            ("x-gitlab-event", Self::GitLab),
            ("x-hook-uuid", Self::BitbucketCloud),
            ("x-event-key", Self::BitbucketServer),
            ("x-vss-activityid", Self::AzureDevOps),
        ];
        let found = known.iter().find(|(name, _)| headers.contains_key(*name)).map(|(_, forge)| *forge);
        let login = || {
            let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
            let (scheme, _) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("basic").then_some(Self::AzureDevOps)
        };
        found.or_else(login)
    }

    /// What it is called in metrics and logs: Argo CD's word in its setting's key, where it has one.
    pub const fn label(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::BitbucketCloud => "bitbucket",
            Self::BitbucketServer => "bitbucketserver",
            Self::Gogs => "gogs",
            Self::Gitea => "gitea",
            Self::Forgejo => "forgejo",
            Self::AzureDevOps => "azuredevops",
        }
    }

    /// The headers that name a delivery, the surest first.
    pub(super) const fn delivery_headers(self) -> &'static [&'static str] {
        match self {
            Self::GitHub => &["x-github-delivery"],
            Self::GitLab => &["webhook-id", "idempotency-key", "x-gitlab-event-uuid"],
            Self::BitbucketCloud => &["x-request-uuid"],
            Self::BitbucketServer => &["x-request-id"],
            Self::Gogs => &["x-gogs-delivery"],
            Self::Gitea => &["x-gitea-delivery"],
            Self::Forgejo => &["x-forgejo-delivery"],
            // The activity is that of the event; a repeated notification has another.
            Self::AzureDevOps => &["x-vss-activityid"],
        }
    }
}

impl fmt::Display for Forge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::BitbucketCloud => "Bitbucket Cloud",
            Self::BitbucketServer => "Bitbucket Server",
            Self::Gogs => "Gogs",
            Self::Gitea => "Gitea",
            Self::Forgejo => "Forgejo",
            Self::AzureDevOps => "Azure DevOps",
        })
    }
}

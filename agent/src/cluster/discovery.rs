//! Which kinds the API server serves, read group by group when they are first asked for.
//!
//! A kind that is not known is looked for again, since definitions come later; at most once a second for each group.

use super::failure::meaning;
use kube::{Client, discovery::ApiResource};
use shared_sync::Failure;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// How long "there is no such kind" holds before it is asked again.
const NEGATIVE: Duration = Duration::from_secs(1);
/// How long a kind that was found is believed in.
const POSITIVE: Duration = Duration::from_secs(600);

/// A kind as the API server serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) resource: ApiResource,
    pub(crate) namespaced: bool,
    pub(crate) watchable: bool,
}

#[derive(Debug)]
struct Group {
    read: Instant,
    /// Preferred version first.
    kinds: BTreeMap<String, Vec<Served>>,
}

#[derive(Debug, Default)]
pub(super) struct Discovery {
    groups: Mutex<BTreeMap<String, Group>>,
}

impl Discovery {
    /// The kind in `version`, or in its preferred version.
    pub(super) async fn find(
        &self,
        client: &Client,
        group: &str,
        kind: &str,
        version: Option<&str>,
    ) -> Result<Served, Failure> {
        // Held while reading: many who ask for one group cause one read.
        let mut groups = self.groups.lock().await;
        let found = |group: &Group| {
            let versions = group.kinds.get(kind)?;
            let wanted = |served: &&Served| version.is_none_or(|version| served.resource.version == version);
            versions.iter().find(wanted).cloned()
        };
        if let Some(known) = groups.get(group) {
            match found(known) {
                Some(served) if known.read.elapsed() < POSITIVE => return Ok(served),
                None if known.read.elapsed() < NEGATIVE => return Err(unknown(group, kind, version)),
                Some(_) | None => {}
            }
        }
        let kinds = read(client, group).await?;
        let fresh = Group { read: Instant::now(), kinds };
        let answer = found(&fresh).ok_or_else(|| unknown(group, kind, version));
        groups.insert(group.to_owned(), fresh);
        answer
    }

    /// Everything that can be listed, each kind in its preferred version.
    pub(super) async fn all(&self, client: &Client) -> Result<Vec<Served>, Failure> {
        let list = client.list_api_groups().await.map_err(|error| unreachable(&error))?;
        let names = list.groups.into_iter().map(|group| group.name).chain([String::new()]);
        let mut all = Vec::new();
        for name in names {
            let kinds = read(client, &name).await?;
            all.extend(kinds.into_values().filter_map(|versions| versions.into_iter().next()));
        }
        all.retain(|served| served.watchable);
        Ok(all)
    }
}

/// The kinds that are served, by `group/version`, sorted: all at once where the API server can do that (Kubernetes 1.26
/// and newer), else group by group.
pub(super) async fn served(client: &Client) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let mut served: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let lists = (client.list_core_api_versions_aggregated().await, client.list_api_groups_aggregated().await);
    if let (Ok(core), Ok(groups)) = &lists
        && core.items.iter().any(|group| !group.versions.is_empty())
    {
        for group in core.items.iter().chain(&groups.items) {
            let name =
                group.metadata.as_ref().and_then(|metadata| metadata.name.as_deref()).unwrap_or_default();
            for version in &group.versions {
                let kinds = version.resources.iter().filter_map(|resource| resource.response_kind.as_ref());
                let kinds = kinds.filter_map(|kind| kind.kind.clone());
                let version = version.version.as_deref().unwrap_or_default();
                served.entry(api_version(name, version)).or_default().extend(kinds);
            }
        }
    } else {
        let list = client.list_api_groups().await.map_err(|error| unreachable(&error))?;
        for name in list.groups.into_iter().map(|group| group.name).chain([String::new()]) {
            for found in read(client, &name).await?.into_values().flatten() {
                served.entry(found.resource.api_version).or_default().push(found.resource.kind);
            }
        }
    }
    for kinds in served.values_mut() {
        kinds.sort();
        kinds.dedup();
    }
    Ok(served)
}

fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn unknown(group: &str, kind: &str, version: Option<&str>) -> Failure {
    let group = if group.is_empty() { "core" } else { group };
    let version = version.map(|version| format!("/{version}")).unwrap_or_default();
    Failure::KindUnknown(format!("the API server does not serve {kind} of {group}{version}"))
}

/// Trouble of discovery says nothing of kinds.
fn unreachable(error: &kube::Error) -> Failure {
    let failure = meaning(error);
    if failure.is_transient() {
        failure
    } else {
        Failure::Unreachable(format!("discovery failed: {failure}"))
    }
}

async fn read(client: &Client, group: &str) -> Result<BTreeMap<String, Vec<Served>>, Failure> {
    let mut kinds: BTreeMap<String, Vec<Served>> = BTreeMap::new();
    for version in versions(client, group).await? {
        let listed = if group.is_empty() {
            client.list_core_api_resources(&version).await
        } else {
            client.list_api_group_resources(&format!("{group}/{version}")).await
        };
        let listed = match listed {
            Ok(listed) => listed,
            // The version went between the two requests.
            Err(error) if matches!(meaning(&error), Failure::NotFound(_)) => continue,
            Err(error) => return Err(unreachable(&error)),
        };
        for resource in listed.resources.into_iter().filter(|resource| !resource.name.contains('/')) {
            let can = |verb: &str| resource.verbs.iter().any(|known| known == verb);
            let api_version = api_version(group, &version);
            kinds.entry(resource.kind.clone()).or_default().push(Served {
                watchable: can("list") && can("watch"),
                namespaced: resource.namespaced,
                resource: ApiResource {
                    group: group.to_owned(),
                    version: version.clone(),
                    api_version,
                    kind: resource.kind,
                    plural: resource.name,
                },
            });
        }
    }
    Ok(kinds)
}

/// A group's versions, the preferred one first.
async fn versions(client: &Client, group: &str) -> Result<Vec<String>, Failure> {
    if group.is_empty() {
        return Ok(vec!["v1".to_owned()]);
    }
    let list = client.list_api_groups().await.map_err(|error| unreachable(&error))?;
    let Some(found) = list.groups.into_iter().find(|known| known.name == group) else {
        return Ok(Vec::new());
    };
    let preferred = found.preferred_version.map(|preferred| preferred.version);
    let mut versions: Vec<String> = found.versions.into_iter().map(|version| version.version).collect();
    versions.sort_by_key(|version| Some(version) != preferred.as_ref());
    Ok(versions)
}

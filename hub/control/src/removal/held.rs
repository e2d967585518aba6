//! Objects whose deletion was asked for and that something on the hub still needs: they are kept, say who
//! needs them, and go when nobody does any more.

use super::Removal;
use crate::{
    credentials,
    index::{Index, Object},
};
use serde_json::Value;
use shared_model::{DEFAULT_NAMESPACE, Kind, POLICY_ANNOTATION, RepoUrl, gvk};
use shared_rollout::Removals;
use std::sync::Arc;

/// How many of those that need an object are named.
const LISTED: usize = 3;
/// What else is in a Namespace goes once these are gone.
const FIRST: [Kind; 2] = [Kind::ApplicationSet, Kind::Application];

/// What is to be done now for objects that wait to go.
pub(super) fn removals(index: &Index, planned: &Removals) -> Vec<Removal> {
    const HELD: [Kind; 5] =
        [Kind::ApplicationSet, Kind::AppProject, Kind::RolloutPolicy, Kind::Secret, Kind::Namespace];
    let mut found = Vec::new();
    for kind in HELD {
        let going = index.all(kind).filter(|(_, stored)| stored.is_deleted && stored.is_held);
        for (_, stored) in going {
            if kind == Kind::Namespace {
                found.extend(contents(index, stored.name()));
            }
            let needs = needs(index, kind, stored);
            let (namespace, name) = (stored.namespace().to_owned(), stored.name().to_owned());
            found.push(if needs.is_empty() {
                Removal::LetGo { kind, namespace, name }
            } else {
                Removal::Hold { kind, namespace, name, message: message(kind, &needs, planned) }
            });
        }
    }
    found
}

/// Who needs an object, as `kind namespace/name`.
fn needs(index: &Index, kind: Kind, object: &Arc<Object>) -> Vec<(Kind, Arc<Object>)> {
    let users = [Kind::Application, Kind::ApplicationSet]
        .into_iter()
        .flat_map(|kind| index.all(kind).map(move |(_, stored)| (kind, stored)));
    let uses = |kind_of_user: Kind, user: &Object| match kind {
        Kind::ApplicationSet => {
            kind_of_user == Kind::Application && user.set().is_some_and(|(_, uid)| uid == object.uid())
        }
        Kind::AppProject => in_project(index, kind_of_user, user, object),
        Kind::RolloutPolicy => {
            user.namespace() == object.namespace()
                && user.value()["metadata"]["annotations"][POLICY_ANNOTATION] == object.name()
        }
        Kind::Secret => urls(&user.value()["spec"]).iter().any(|url| credentials::serves(object, url)),
        Kind::Namespace => user.namespace() == object.name(),
        Kind::Application
        | Kind::Cluster
        | Kind::FleetRollout
        | Kind::EnrollmentToken
        | Kind::ConfigMap
        | Kind::Event => false,
    };
    let found: Vec<_> =
        users.filter(|(kind, user)| uses(*kind, user)).map(|(kind, user)| (kind, Arc::clone(user))).collect();
    if kind != Kind::Namespace || !found.is_empty() {
        return found;
    }
    // The rest of what is in a Namespace, once nothing needs it.
    let rest = Kind::ALL.into_iter().filter(|kind| gvk(*kind).namespaced && *kind != Kind::Event);
    rest.flat_map(|kind| index.all(kind).map(move |(_, stored)| (kind, Arc::clone(stored))))
        .filter(|(_, stored)| stored.namespace() == object.name())
        .collect()
}

/// Whether an Application, or what a set makes, belongs to the project: one beside it comes first, then
/// one in the control namespace.
fn in_project(index: &Index, kind: Kind, user: &Object, project: &Object) -> bool {
    let pointer = if kind == Kind::Application { "/spec/project" } else { "/spec/template/spec/project" };
    let nearer = user.namespace() != project.namespace()
        && index.object(Kind::AppProject, user.namespace(), project.name()).is_some();
    let near = user.namespace() == project.namespace() || project.namespace() == DEFAULT_NAMESPACE;
    near && !nearer && user.text(pointer).as_deref() == Some(project.name())
}

/// Every repository that a spec names, wherever in it.
fn urls(spec: &Value) -> Vec<RepoUrl> {
    match spec {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(url) if name == "repoURL" => vec![RepoUrl::new(url)],
                _ => urls(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(urls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// What is deleted of a Namespace now: Applications and their sets, staged like all; the rest when they are gone.
fn contents(index: &Index, namespace: &str) -> Vec<Removal> {
    let of = |kind: Kind| {
        let here = index.all(kind).filter(|(_, stored)| stored.namespace() == namespace);
        here.map(move |(_, stored)| (kind, stored)).collect::<Vec<_>>()
    };
    let first: Vec<_> = FIRST.into_iter().flat_map(of).collect();
    let now = if first.is_empty() {
        let rest = Kind::ALL.into_iter().filter(|kind| gvk(*kind).namespaced);
        rest.flat_map(of).collect()
    } else {
        first
    };
    now.into_iter()
        // The Applications of a set go because it goes.
        .filter(|(kind, stored)| *kind != Kind::Application || stored.set().is_none())
        .filter(|(_, stored)| !stored.is_deleted)
        .map(|(kind, stored)| Removal::Delete {
            kind,
            namespace: namespace.to_owned(),
            name: stored.name().to_owned(),
        })
        .collect()
}

fn message(kind: Kind, needs: &[(Kind, Arc<Object>)], planned: &Removals) -> String {
    let names: Vec<String> = needs
        .iter()
        .take(LISTED)
        .map(|(kind, stored)| format!("{} {}/{}", gvk(*kind).kind, stored.namespace(), stored.name()))
        .collect();
    let more = needs.len().saturating_sub(LISTED);
    let names = names.join(", ");
    let names = if more == 0 { names } else { format!("{names} and {more} more") };
    if ![Kind::ApplicationSet, Kind::Namespace].contains(&kind) {
        return format!("its deletion waits: it is used by {names}");
    }
    let of_these = |app: &shared_model::AppKey| {
        needs.iter().any(|(_, stored)| stored.name() == app.name && stored.namespace() == app.namespace)
    };
    let waits = planned.waits.iter().find(|((_, app), wait)| wait.is_stuck() && of_these(app));
    let waits = waits.or_else(|| planned.waits.iter().find(|((_, app), _)| of_these(app)));
    let why = waits.map(|((_, app), wait)| format!("; {app} {wait}")).unwrap_or_default();
    format!("Terminating, {} left: {names}{why}", needs.len())
}

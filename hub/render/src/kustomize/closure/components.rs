//! Which of the Application's components are there: patterns and missing ones, as `kustomize edit add component` and
//! Argo CD's `ignoreMissingComponents` treat them.

use super::names::{below, failure, renamed};
use crate::{
    glob,
    kustomize::{file::NAMES, remote},
    request::Failure,
    tree::{self, Astray, Found, Tree},
};
use shared_manifest::Problem;
use shared_model::Kustomize;
use std::collections::BTreeSet;

/// The most parts of a pattern.
const MOST_PARTS: usize = 64;
/// The most paths that a pattern may be like, on the way and at its end.
const MOST_FOUND: usize = 2_000;

/// The components to add to the kustomization of `folder`, in their order.
///
/// # Errors
/// Every component that is not there, unless those are to be left out.
pub(crate) async fn components(
    tree: &dyn Tree,
    folder: &str,
    asked: &Kustomize,
) -> Result<Vec<String>, Failure> {
    let (mut there, mut problems) = (Vec::new(), Vec::new());
    for (at, component) in asked.components.iter().enumerate() {
        if asked.ignore_missing_components {
            if is_kustomization(tree, folder, component).await? {
                there.push(component.clone());
            }
            continue;
        }
        let found = matching(tree, folder, component, at).await?;
        if found.is_empty() {
            let astray = Astray::Absent { path: component.clone() };
            let remedy = "name a folder from the source's, or set `ignoreMissingComponents: true`";
            problems.push(Problem::new(format!("kustomize.components[{at}]"), astray.to_string(), remedy));
        }
        there.extend(found);
    }
    if problems.is_empty() { Ok(there) } else { Err(Failure::Inputs(problems)) }
}

async fn is_kustomization(tree: &dyn Tree, folder: &str, component: &str) -> Result<bool, Failure> {
    for name in NAMES {
        let path = below(folder, &below(component.trim_end_matches('/'), name));
        match tree::follow(tree, &path).await {
            Ok(Found::File(_)) => return Ok(true),
            Err(unreadable @ Astray::Unreadable { .. }) => return Err(failure(&unreadable, "")),
            Ok(Found::Folder(_))
            | Err(Astray::Absent { .. } | Astray::Outside { .. } | Astray::Circle { .. }) => {}
        }
    }
    Ok(false)
}

/// What a component's text stands for: itself, if it is there or elsewhere, or what matches it.
async fn matching(tree: &dyn Tree, folder: &str, component: &str, at: usize) -> Result<Vec<String>, Failure> {
    if component.contains(['*', '?', '[']) {
        let found = expanded(tree, folder, component).map_err(|why| {
            let remedy = "name the folders, or a pattern such as `../components/*`";
            Failure::inputs(format!("kustomize.components[{at}]"), why, remedy)
        })?;
        if !found.is_empty() || remote::repository(component).is_none() {
            return Ok(found);
        }
    }
    match tree::follow(tree, &below(folder, component)).await {
        Ok(_) if !component.starts_with('/') => Ok(vec![component.to_owned()]),
        _ if remote::repository(component).is_some() => Ok(vec![component.to_owned()]),
        Ok(_) | Err(Astray::Absent { .. } | Astray::Circle { .. }) => Ok(Vec::new()),
        Err(astray) => Err(failure(&renamed(astray, component), "kustomize.components")),
    }
}

/// The folders and files that match a pattern part by part; those whose name starts with a dot only if it says so.
///
/// # Errors
/// It is like too much.
fn expanded(tree: &dyn Tree, folder: &str, pattern: &str) -> Result<Vec<String>, String> {
    let mut found = vec![String::new()];
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    if parts.len() > MOST_PARTS {
        return Err(format!("the pattern has more than {MOST_PARTS} parts"));
    }
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        let (mut next, mut opened) = (Vec::new(), BTreeSet::new());
        for before in &found {
            if !part.contains(['*', '?', '[']) {
                next.push(below(before, part));
                continue;
            }
            let Ok(glob) = glob::compile(part) else { return Ok(Vec::new()) };
            let Some(base) = tree::join(folder, before) else { continue };
            // The same folder by another way: what is in it is there already.
            if !opened.insert(base.clone()) {
                continue;
            }
            let mut names: Vec<String> = Vec::new();
            for entry in tree.under(&base) {
                let rest =
                    if base.is_empty() { Some(entry.path.as_str()) } else { entry.path.strip_prefix(&base) };
                let Some(rest) = rest.map(|rest| rest.trim_start_matches('/')) else { continue };
                let name = rest.split('/').next().unwrap_or_default();
                let hidden = last && name.starts_with('.') && !part.starts_with('.');
                if glob.is_match(name) && !hidden && names.last().is_none_or(|last| last != name) {
                    names.push(name.to_owned());
                }
            }
            next.extend(names.iter().map(|name| below(before, name)));
        }
        if next.len() > MOST_FOUND {
            return Err(format!("the pattern is like more than {MOST_FOUND} paths"));
        }
        found = next;
    }
    let there = |path: &String| {
        tree::join(folder, path).is_some_and(|path| tree.get(&path).is_some() || tree.has_folder(&path))
    };
    Ok(found.into_iter().filter(there).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Memory;

    #[tokio::test]
    async fn a_pattern_comes_to_an_end() {
        let file = |at: usize| (format!("c{at}/kustomization.yaml"), bytes::Bytes::new());
        let tree = Memory::new("test", (0..100).map(file));
        let found = async |tree: &Memory, pattern: &str| {
            let asked = Kustomize { components: vec![pattern.to_owned()], ..Kustomize::default() };
            components(tree, "c0", &asked).await
        };
        let around = "../*/".repeat(6);
        assert_eq!(found(&tree, around.trim_end_matches('/')).await.expect("they are there").len(), 100);
        let refused = async |tree: &Memory, pattern: &str| {
            found(tree, pattern).await.expect_err("it is like too much").to_string()
        };
        assert!(refused(&tree, &around.repeat(20)).await.contains("64 parts"));
        let many = Memory::new("test", (0..=MOST_FOUND).map(file));
        let said = refused(&many, "../*").await;
        assert!(said.contains("more than 2000 paths") && said.contains("kustomize.components[0]"), "{said}");
    }
}

//! Globs of value files, as Argo CD expands them (`docs/user-guide/helm.md`, doublestar): `*` and `?` within one part of
//! a path, `**` over any number of them; the files of a folder in their order before those of its folders.

use crate::{
    glob,
    tree::{Astray, Entry, Found, Mode, Tree, follow},
};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// Links that a search passes.
const HOPS: usize = 16;
/// The most folders that a search opens.
const MOST_OPENED: usize = 100_000;
/// The most that is looked at in these, all that is below each counted: what a search takes.
const MOST_LISTED: usize = 5_000_000;
/// The most files that it may find.
const MOST_FOUND: usize = 5_000;
/// The most parts of a pattern.
const MOST_PARTS: usize = 64;

/// Whether a value file is named by a pattern.
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// One part of a pattern.
enum Part {
    Any,
    Like(Regex),
}

/// A folder that is yet to be searched: its path as it was reached, its path without links, the parts of the pattern
/// that are left, the links that led to it.
struct Open {
    shown: String,
    real: String,
    left: usize,
    hops: usize,
}

/// The files of a tree that are like `pattern` (a path from the root), in order.
///
/// # Errors
/// The pattern cannot be read, or is like too much; the text says why.
pub(crate) async fn expand(tree: &dyn Tree, pattern: &str) -> Result<Vec<String>, String> {
    let mut parts = Vec::new();
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        parts.push(match part {
            // Twice is as good as once.
            "**" if matches!(parts.last(), Some(Part::Any)) => continue,
            "**" => Part::Any,
            part => Part::Like(glob::compile(part).map_err(|glob::Invalid(why)| why)?),
        });
    }
    if parts.len() > MOST_PARTS {
        return Err(format!("the pattern has more than {MOST_PARTS} parts"));
    }
    let mut found = Vec::new();
    // A folder is searched once for the same parts, whatever the way to it.
    let (mut opened, mut listed) = (BTreeSet::new(), 0);
    let mut open = vec![Open { shown: String::new(), real: String::new(), left: 0, hops: 0 }];
    while let Some(at) = open.pop() {
        if !opened.insert((at.shown.clone(), at.left)) {
            continue;
        }
        if opened.len() > MOST_OPENED {
            return Err(format!("the pattern leads into more than {MOST_OPENED} folders"));
        }
        // Listing a large folder takes a while, and others wait.
        tokio::task::yield_now().await;
        let below = tree.under(&at.real);
        listed += below.len();
        if listed > MOST_LISTED || found.len() > MOST_LISTED / 10 {
            return Err("the pattern leads into too many folders with too many files".to_owned());
        }
        let (files, folders) = children(below, &at.real);
        let deeper = |name: &str, real: String, left: usize, hops: usize| Open {
            shown: join(&at.shown, name),
            real,
            left,
            hops,
        };
        let last = at.left + 1 == parts.len();
        // In the order in which they are searched.
        let mut next = Vec::new();
        match parts.get(at.left) {
            None => {}
            Some(Part::Any) => {
                if last {
                    found.extend(files.keys().map(|name| join(&at.shown, name)));
                } else {
                    next.push(Open {
                        shown: at.shown.clone(),
                        real: at.real.clone(),
                        left: at.left + 1,
                        hops: at.hops,
                    });
                }
                next.extend(folders.iter().map(|name| deeper(name, join(&at.real, name), at.left, at.hops)));
            }
            Some(Part::Like(pattern)) if last => {
                let like = files.keys().filter(|name| pattern.is_match(name));
                found.extend(like.map(|name| join(&at.shown, name)));
            }
            Some(Part::Like(pattern)) => {
                for name in folders.iter().filter(|name| pattern.is_match(name)) {
                    next.push(deeper(name, join(&at.real, name), at.left + 1, at.hops));
                }
                let links =
                    files.iter().filter(|(name, mode)| **mode == Mode::Symlink && pattern.is_match(name));
                for (name, _) in links {
                    if let Ok(Found::Folder(real)) = linked(tree, &join(&at.real, name), at.hops).await {
                        next.push(deeper(name, real, at.left + 1, at.hops + 1));
                    }
                }
                next.sort_by(|a, b| a.shown.cmp(&b.shown));
            }
        }
        open.extend(next.into_iter().rev());
    }
    let (mut seen, mut kept) = (BTreeSet::new(), Vec::new());
    found.retain(|path: &String| seen.insert(path.clone()));
    if found.len() > MOST_FOUND {
        return Err(format!("the pattern is like more than {MOST_FOUND} files"));
    }
    for path in found {
        if !matches!(follow(tree, &path).await, Ok(Found::Folder(_))) {
            kept.push(path);
        }
    }
    Ok(kept)
}

async fn linked(tree: &dyn Tree, path: &str, hops: usize) -> Result<Found, Astray> {
    if hops >= HOPS { Err(Astray::Circle { path: path.to_owned() }) } else { follow(tree, path).await }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// What is directly in a folder, of all that is below it: files and links by name, and folders.
fn children(below: Vec<Entry>, folder: &str) -> (BTreeMap<String, Mode>, Vec<String>) {
    let (mut files, mut folders): (BTreeMap<String, Mode>, Vec<String>) = (BTreeMap::new(), Vec::new());
    let prefix = if folder.is_empty() { 0 } else { folder.len() + 1 };
    for entry in below {
        match entry.path[prefix..].split_once('/') {
            None => drop(files.insert(entry.path[prefix..].to_owned(), entry.mode)),
            Some((name, _)) if folders.last().is_none_or(|last| last != name) => {
                folders.push(name.to_owned())
            }
            Some(_) => {}
        }
    }
    folders.sort();
    folders.dedup();
    (files, folders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Memory;

    async fn check(pattern: &str, expected: &[&str]) {
        let paths = [
            "envs/a.yaml",
            "envs/z.yaml",
            "envs/n/c.yaml",
            "envs/n/m/d.yaml",
            "envs/.h.yaml",
            "envs/a.txt",
            "b.yaml",
        ];
        let files = paths.map(|path| (path.to_owned(), bytes::Bytes::new()));
        let tree = Memory::new("test", files).with_link("links/n", "../envs/n");
        assert_eq!(expand(&tree, pattern).await.expect(pattern), expected, "{pattern}");
    }

    #[tokio::test]
    async fn patterns_are_expanded_in_order() {
        check("envs/*.yaml", &["envs/.h.yaml", "envs/a.yaml", "envs/z.yaml"]).await;
        check("envs/?.yaml", &["envs/a.yaml", "envs/z.yaml"]).await;
        check("envs/[b-z].yaml", &["envs/z.yaml"]).await;
        check("envs/[!z].yaml", &["envs/a.yaml"]).await;
        check("envs/{a,z}.*", &["envs/a.txt", "envs/a.yaml", "envs/z.yaml"]).await;
        let all = ["envs/.h.yaml", "envs/a.yaml", "envs/z.yaml", "envs/n/c.yaml", "envs/n/m/d.yaml"];
        check("envs/**/*.yaml", &all).await;
        check("**/c.yaml", &["envs/n/c.yaml"]).await;
        check("*/n/*.yaml", &["envs/n/c.yaml", "links/n/c.yaml"]).await;
        check("envs/n/**", &["envs/n/c.yaml", "envs/n/m/d.yaml"]).await;
        check("**/**/d.yaml", &["envs/n/m/d.yaml"]).await;
        check("nothing/*.yaml", &[]).await;
        let broken = expand(&Memory::new("test", []), "a/[b").await;
        assert!(broken.expect_err("an open bracket").contains("not closed"));
    }

    #[tokio::test]
    async fn a_search_comes_to_an_end() {
        let deep = (0..30).map(|at| format!("d{at}/")).collect::<String>();
        let files = [format!("{deep}a.yaml"), format!("{deep}b.txt")];
        let tree = Memory::new("test", files.map(|path| (path, bytes::Bytes::new())));
        let found = |pattern: String| {
            let tree = &tree;
            async move { expand(tree, &pattern).await }
        };
        let all = Ok(vec![format!("{deep}a.yaml")]);
        assert_eq!(found(format!("{}*.yaml", "**/".repeat(30))).await, all);
        assert_eq!(found(format!("{}*.yaml", "**/*/".repeat(15))).await, all);
        let long = found(format!("{}*.yaml", "*/".repeat(100))).await;
        assert!(long.expect_err("it is long").contains("64 parts"));
        let many = (0..=MOST_FOUND).map(|at| (format!("a/{at}.yaml"), bytes::Bytes::new()));
        let many = expand(&Memory::new("test", many), "a/*.yaml").await;
        assert!(many.expect_err("there are many").contains("more than 5000 files"));
    }
}

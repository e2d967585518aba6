//! Charts of the same repository, packed as the tool packs them: without what their `.helmignore` names (`pkg/ignore`).

use super::chart::{Chart, File};
use crate::{request::Failure, tree::Tree};
use regex::Regex;
use std::sync::Arc;

/// One line of a `.helmignore`.
#[derive(Debug)]
struct Rule {
    like: Regex,
    /// `!`: whatever is not like it is left out.
    negated: bool,
    /// `…/`: folders only.
    folders: bool,
    /// Whether it is about the last part of the path only.
    last_part: bool,
}

/// The files of a chart that is packed; `all` with those that only templates read, its own or a library's.
pub(super) async fn files(tree: &Arc<dyn Tree>, chart: &Chart, all: bool) -> Result<Vec<File>, Failure> {
    let mut files = chart.needed.clone();
    if all {
        files.extend(chart.other(tree).await?);
    }
    let ignore = files.iter().find(|(path, _)| path == ".helmignore").map(|(_, entry)| entry.clone());
    let text = match ignore {
        None => String::new(),
        Some(entry) => {
            let read = tree.read(&[entry]).await.map_err(Failure::Circumstance)?;
            read.first().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
        }
    };
    let rules = rules(&text).map_err(|line| {
        let place = format!("{}/.helmignore", chart.folder);
        Failure::inputs(
            "",
            format!("`{place}` holds `{line}`, which is not a pattern of helm's"),
            "`**` is not known",
        )
    })?;
    files.retain(|(path, _)| !is_ignored(&rules, path));
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(files)
}

fn rules(text: &str) -> Result<Vec<Rule>, String> {
    let mut rules = vec![rule("templates/.?*").ok_or_else(String::new)?];
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    // Those of the file come first: the first that is like a path decides.
    let mut own = Vec::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        own.push(rule(line).ok_or_else(|| line.to_owned())?);
    }
    own.append(&mut rules);
    Ok(own)
}

fn rule(line: &str) -> Option<Rule> {
    if line.contains("**") {
        return None;
    }
    let (negated, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
    let (folders, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
    let rooted = line.strip_prefix('/');
    let last_part = rooted.is_none() && !line.contains('/');
    Some(Rule { like: pattern(rooted.unwrap_or(line))?, negated, folders, last_part })
}

/// Go's `filepath.Match`: `*`, `?`, classes and escapes, none of which pass a `/`.
fn pattern(glob: &str) -> Option<Regex> {
    let mut expression = String::from("^");
    let mut chars = glob.chars();
    while let Some(c) = chars.next() {
        match c {
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '\\' => expression.push_str(&regex::escape(&chars.next()?.to_string())),
            '[' => {
                expression.push('[');
                let mut first = true;
                loop {
                    match chars.next()? {
                        '^' if first => expression.push('^'),
                        ']' if !first => break,
                        '-' => expression.push('-'),
                        '\\' => expression.push_str(&regex::escape(&chars.next()?.to_string())),
                        other => expression.push_str(&regex::escape(&other.to_string())),
                    }
                    first = false;
                }
                expression.push(']');
            }
            other => expression.push_str(&regex::escape(&other.to_string())),
        }
    }
    expression.push('$');
    Regex::new(&expression).ok()
}

/// Whether a file, or a folder that it is in, is named.
fn is_ignored(rules: &[Rule], path: &str) -> bool {
    let folders = path.match_indices('/').map(|(end, _)| (&path[..end], true));
    folders.chain([(path, false)]).any(|(path, folder)| named(rules, path, folder))
}

fn named(rules: &[Rule], path: &str, folder: bool) -> bool {
    for rule in rules {
        let text = if rule.last_part { path.rsplit('/').next().unwrap_or(path) } else { path };
        let like = rule.like.is_match(text);
        if rule.negated {
            if (rule.folders && !folder) || !like {
                return true;
            }
        } else if like && (folder || !rule.folders) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, paths: &[(&str, bool)]) {
        let rules = rules(text).expect(text);
        for (path, expected) in paths {
            assert_eq!(is_ignored(&rules, path), *expected, "{path} with {text:?}");
        }
    }

    #[test]
    fn files_are_left_out_as_helm_does_it() {
        check("", &[("Chart.yaml", false), ("templates/.hidden.yaml", true), ("templates/a/.b", false)]);
        check("*.txt\n# a comment\n", &[("a.txt", true), ("templates/NOTES.txt", true), ("a.txtx", false)]);
        check("docs/", &[("docs/a.md", true), ("docs", false), ("templates/docs/a", true)]);
        check("/a.yaml", &[("a.yaml", true), ("templates/a.yaml", false)]);
        check(
            "templates/test-*.yaml",
            &[("templates/test-1.yaml", true), ("templates/x/test-1.yaml", false)],
        );
        check("[a-c].yaml", &[("b.yaml", true), ("d.yaml", false)]);
        check("\u{feff}a.txt", &[("a.txt", true)]);
        assert_eq!(rules("a/**").expect_err("two stars"), "a/**");
    }
}

//! `git`: one parameter set per directory, or per object in matching files.
//!
//! Directories win when both are given. Any exclude beats every include. Hidden directories never show. Results are in path order.

mod content;

use super::values::Values;
use crate::glob::{BadPattern, Glob};
use crate::params::Params;
use crate::run::{Run, Stop, cannot_read, failed};
use crate::{GitAnswer, GitRequest, Problem, fields};
use serde_json::{Map, Value};

const KNOWN: [&str; 8] = [
    "repoURL",
    "revision",
    "directories",
    "files",
    "pathParamPrefix",
    "values",
    "requeueAfterSeconds",
    "template",
];

/// The parts of the generator that directories and files share.
struct Git<'a> {
    path: &'a str,
    repo_url: String,
    revision: String,
    prefix: &'a str,
    values: Values,
}

/// An item of `directories` or `files`.
struct Item<'a> {
    path: String,
    pattern: &'a str,
    exclude: bool,
}

pub(super) fn generate(
    run: &mut Run<'_>,
    path: &str,
    config: &Map<String, Value>,
) -> Result<Vec<Params>, Stop> {
    run.note_unknown_fields(path, config, &KNOWN);
    let git = Git {
        path,
        repo_url: located(path, config, "repoURL")?.to_owned(),
        revision: revision(located(path, config, "revision")?),
        prefix: fields::string(path, config, "pathParamPrefix")?,
        values: Values::compile(&run.engine, path, config)?,
    };
    if git.repo_url.is_empty() {
        return Err(failed(&format!("{path}.repoURL"), "repoURL is required", "").into());
    }
    let directories = items(path, config, "directories")?;
    let files = items(path, config, "files")?;
    if !directories.is_empty() {
        git.directories(run, &directories)
    } else if !files.is_empty() {
        git.files(run, &files)
    } else {
        Err(failed(
            path,
            "the git generator has neither directories nor files",
            "add `directories: [{path: ...}]` or `files`",
        )
        .into())
    }
}

/// The revision that an empty one stands for.
pub(super) fn revision(revision: &str) -> String {
    if revision.is_empty() { "HEAD".to_owned() } else { revision.to_owned() }
}

/// A field that says where to read; a tag left in it would be taken for a name.
fn located<'a>(path: &str, config: &'a Map<String, Value>, key: &str) -> Result<&'a str, Problem> {
    let text = fields::string(path, config, key)?;
    match crate::remedy::first_tag(text) {
        None => Ok(text),
        Some(tag) => {
            let message = format!("`{tag}` is not replaced here");
            let remedy = "only the second generator of a matrix sees parameters, those of the first";
            Err(failed(&format!("{path}.{key}"), message, remedy))
        }
    }
}

fn items<'a>(path: &str, config: &'a Map<String, Value>, key: &str) -> Result<Vec<Item<'a>>, Problem> {
    let item = |(index, item)| {
        let path = format!("{path}.{key}[{index}]");
        let map = fields::object(&path, Some(item))?;
        let pattern = fields::string(&path, map, "path")?;
        Ok(Item { pattern, exclude: fields::boolean(&path, map, "exclude")?, path: format!("{path}.path") })
    };
    fields::array(path, config, key)?.iter().enumerate().map(item).collect()
}

impl Git<'_> {
    fn directories(&self, run: &mut Run<'_>, items: &[Item<'_>]) -> Result<Vec<Params>, Stop> {
        let mut globs = Vec::new();
        for item in items {
            match Glob::directory(item.pattern) {
                Ok(glob) => globs.push((glob, item.exclude)),
                Err(BadPattern) => {
                    let message = format!("`{}` is not a valid pattern and matches nothing", item.pattern);
                    run.note(
                        &item.path,
                        message,
                        "close every `[` and end no pattern with `\\`".to_owned(),
                        true,
                    );
                }
            }
        }
        let request =
            GitRequest::Directories { repo_url: self.repo_url.clone(), revision: self.revision.clone() };
        let GitAnswer::Directories(all) = run.ask(&self.at_repository(), &request)? else {
            return Err(self.mixed_up(&request));
        };
        let visible =
            |path: &&String| !path.split('/').any(|segment| segment.is_empty() || segment.starts_with('.'));
        let matches = |path: &str, exclude: bool| {
            globs.iter().any(|(glob, excludes)| *excludes == exclude && glob.matches(path))
        };
        let wanted = |path: &&String| matches(path, false) && !matches(path, true);
        let mut paths: Vec<&String> = all.iter().filter(visible).filter(wanted).collect();
        paths.sort_unstable();
        paths.dedup();
        let params = |path: &String| {
            let mut params = Params::default();
            content::add_directory(&mut params.map, path, self.prefix, run.engine.go_template);
            self.values.add_to(&run.engine, &mut params)?;
            Ok(params)
        };
        paths.into_iter().map(params).collect()
    }

    fn files(&self, run: &mut Run<'_>, items: &[Item<'_>]) -> Result<Vec<Params>, Stop> {
        let request = GitRequest::Paths { repo_url: self.repo_url.clone(), revision: self.revision.clone() };
        let GitAnswer::Paths(all) = run.ask(&self.at_repository(), &request)? else {
            return Err(self.mixed_up(&request));
        };
        let globs: Vec<_> = items.iter().map(|item| (Glob::pathspec(item.pattern), item)).collect();
        if let Some(empty) = items.iter().find(|item| item.pattern.is_empty()) {
            return Err(failed(
                &empty.path,
                "path is required",
                "name a file or a pattern, e.g. `fleet/*.yaml`",
            )
            .into());
        }
        let first = |path: &str, exclude: bool| {
            globs.iter().find(|(glob, item)| item.exclude == exclude && glob.matches(path))
        };
        let mut wanted: Vec<_> = all.iter().filter_map(|path| Some((path, first(path, false)?.1))).collect();
        wanted.retain(|(path, _)| first(path, true).is_none());
        wanted.sort_unstable_by_key(|(path, _)| *path);
        wanted.dedup_by_key(|(path, _)| *path);

        let (mut found, mut waits) = (Vec::new(), false);
        for (path, item) in wanted {
            match self.file(run, path, item) {
                Ok(params) => found.extend(params),
                Err(Stop::Needs) => waits = true,
                Err(failed) => return Err(failed),
            }
        }
        if waits { Err(Stop::Needs) } else { Ok(found) }
    }

    fn file(&self, run: &mut Run<'_>, path: &str, item: &Item<'_>) -> Result<Vec<Params>, Stop> {
        let request = GitRequest::File {
            repo_url: self.repo_url.clone(),
            revision: self.revision.clone(),
            path: path.to_owned(),
        };
        let GitAnswer::File(text) = run.ask(&item.path, &request)? else {
            return Err(self.mixed_up(&request));
        };
        let objects = content::parse(text).map_err(|error| {
            failed(
                &item.path,
                format!("unable to parse `{path}` of {} at `{}`: {error}", self.repo_url, self.revision),
                "",
            )
        })?;
        let go_template = run.engine.go_template;
        let params = |object: Map<String, Value>| {
            let mut params = Params::new(if go_template { object } else { content::flat(&object) });
            content::add_file(&mut params.map, path, self.prefix, go_template);
            self.values.add_to(&run.engine, &mut params)?;
            Ok(params)
        };
        objects.into_iter().map(params).collect()
    }

    fn at_repository(&self) -> String {
        format!("{}.repoURL", self.path)
    }

    fn mixed_up(&self, request: &GitRequest) -> Stop {
        cannot_read(self.path, request, "the answer is not what was asked for").into()
    }
}

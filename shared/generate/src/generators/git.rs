//! `git`: one parameter set per directory, or per object in matching files.
//!
//! Directories win when both are given. Any exclude beats every include. Hidden directories never show. Results are in path order.

mod content;

use super::Emit;
use super::values::Values;
use crate::engine::Engine;
use crate::glob::{BadPattern, Glob};
use crate::memo::{Directory, File, Node};
use crate::params::Params;
use crate::run::{Globbing, Run, Stop, cannot_read, failed};
use crate::{GitAnswer, GitRequest, Problem, fields};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    node: &mut Node,
    path: &str,
    config: &Map<String, Value>,
    emit: &mut Emit<'_>,
) -> Result<(), Stop> {
    run.note_unknown_fields(path, config, &KNOWN);
    let git = Git {
        path,
        repo_url: located(path, config, "repoURL")?.to_owned(),
        revision: revision(located(path, config, "revision")?),
        prefix: fields::string(path, config, "pathParamPrefix")?,
        values: Values::compile(run.engine, path, config)?,
    };
    if git.repo_url.is_empty() {
        return Err(failed(&format!("{path}.repoURL"), "repoURL is required", "").into());
    }
    let directories = items(path, config, "directories")?;
    let files = items(path, config, "files")?;
    if !directories.is_empty() {
        git.directories(run, node, &directories, emit)
    } else if !files.is_empty() {
        git.files(run, node, &files, emit)
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
    fn directories(
        &self,
        run: &mut Run<'_>,
        node: &mut Node,
        items: &[Item<'_>],
        emit: &mut Emit<'_>,
    ) -> Result<(), Stop> {
        let mut globs = Vec::new();
        for item in items {
            match Glob::directory(item.pattern) {
                Ok(glob) => globs.push((glob, item)),
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
        let all = run.in_order(all);
        let visible =
            |path: &str| !path.split('/').any(|segment| segment.is_empty() || segment.starts_with('.'));
        let mut directories: Vec<Arc<Directory>> = Vec::new();
        let mut known = node.directories.iter().peekable();
        for (path, _) in wanted(&all, &globs).into_iter().filter(|(path, _)| visible(path)) {
            while known.next_if(|known| known.path.as_str() < path).is_some() {}
            if let Some(same) = known.peek().filter(|known| known.path == path) {
                emit(Arc::clone(&same.params));
                directories.push(Arc::clone(same));
                continue;
            }
            let mut params = Params::new(content::of_directory(path, self.prefix, run.engine.go_template));
            self.values.add_to(run.engine, &mut params)?;
            let params = Arc::new(params);
            emit(Arc::clone(&params));
            if run.keeps {
                directories.push(Arc::new(Directory { path: path.to_owned(), params }));
            }
        }
        node.directories = directories;
        Ok(())
    }

    fn files(
        &self,
        run: &mut Run<'_>,
        node: &mut Node,
        items: &[Item<'_>],
        emit: &mut Emit<'_>,
    ) -> Result<(), Stop> {
        let request = GitRequest::Paths { repo_url: self.repo_url.clone(), revision: self.revision.clone() };
        let GitAnswer::Paths(all) = run.ask(&self.at_repository(), &request)? else {
            return Err(self.mixed_up(&request));
        };
        let all = run.in_order(all);
        if let Some(empty) = items.iter().find(|item| item.pattern.is_empty()) {
            return Err(failed(
                &empty.path,
                "path is required",
                "name a file or a pattern, e.g. `fleet/*.yaml`",
            )
            .into());
        }
        let glob = |item| Ok((self.glob(run.globbing, item)?, item));
        let globs: Vec<_> = items.iter().map(glob).collect::<Result<_, Problem>>()?;
        if run.globbing == Globbing::Doublestar {
            no_directories(&all, &globs)?;
        }
        let wanted = wanted(&all, &globs);
        let mut answers = Answers::of(self, run.git, wanted.len());
        let (mut texts, mut waits) = (Vec::with_capacity(wanted.len()), false);
        for (path, item) in &wanted {
            match answers.get(path) {
                Some((request, GitAnswer::Failed(why))) => {
                    return Err(cannot_read(&item.path, request, why).into());
                }
                Some((_, GitAnswer::File(text))) => texts.push(text),
                Some((request, GitAnswer::Directories(_) | GitAnswer::Paths(_))) => {
                    return Err(self.mixed_up(request));
                }
                None => {
                    run.needs.insert(self.file_request(path));
                    waits = true;
                }
            }
        }
        if waits {
            return Err(Stop::Needs);
        }
        let mut files = Vec::new();
        let mut known = node.files.iter().peekable();
        for ((path, item), text) in wanted.into_iter().zip(texts) {
            while known.next_if(|known| known.path.as_str() < path).is_some() {}
            if let Some(same) = known.peek().filter(|known| known.path == path && known.text == *text) {
                same.sets.iter().for_each(|params| emit(Arc::clone(params)));
                files.push(Arc::clone(same));
                continue;
            }
            let sets = self.file(run.engine, (path, text), item)?;
            sets.iter().for_each(|params| emit(Arc::clone(params)));
            if run.keeps {
                files.push(Arc::new(File { path: path.to_owned(), text: Arc::clone(text), sets }));
            }
        }
        node.files = files;
        Ok(())
    }

    fn file(
        &self,
        engine: &Engine,
        (path, text): (&str, &str),
        item: &Item<'_>,
    ) -> Result<Vec<Arc<Params>>, Stop> {
        let objects = content::parse(text).map_err(|error| {
            failed(
                &item.path,
                format!("unable to parse `{path}` of {} at `{}`: {error}", self.repo_url, self.revision),
                "",
            )
        })?;
        let params = |object: Map<String, Value>| {
            let mut params = Params::new(content::of_object(object, path, self.prefix, engine.go_template));
            self.values.add_to(engine, &mut params)?;
            Ok(Arc::new(params))
        };
        objects.into_iter().map(params).collect()
    }

    fn glob(&self, globbing: Globbing, item: &Item<'_>) -> Result<Glob, Problem> {
        match globbing {
            Globbing::Pathspec if item.pattern.starts_with('/') => {
                let message = format!("`{}` is outside of the repository", item.pattern);
                Err(failed(&item.path, message, "paths start at its root: leave out the first `/`"))
            }
            Globbing::Pathspec => Ok(Glob::pathspec(item.pattern)),
            Globbing::Doublestar => Glob::doublestar(item.pattern).map_err(|BadPattern| {
                let message = format!("`{}` is not a valid pattern", item.pattern);
                failed(&item.path, message, "close every `[` and `{` and end no pattern with `\\`")
            }),
        }
    }

    fn file_request(&self, path: &str) -> GitRequest {
        GitRequest::File {
            repo_url: self.repo_url.clone(),
            revision: self.revision.clone(),
            path: path.to_owned(),
        }
    }

    fn at_repository(&self) -> String {
        format!("{}.repoURL", self.path)
    }

    fn mixed_up(&self, request: &GitRequest) -> Stop {
        cannot_read(self.path, request, "the answer is not what was asked for").into()
    }
}

/// Argo CD's new globbing reads whatever matches as a file, and fails where it is a directory.
fn no_directories(all: &[String], globs: &[(Glob, &Item<'_>)]) -> Result<(), Problem> {
    let directories: BTreeSet<&str> =
        all.iter().flat_map(|path| path.match_indices('/').map(|(end, _)| &path[..end])).collect();
    for (glob, item) in globs {
        if let Some(directory) = directories.iter().find(|directory| glob.matches(directory)) {
            let message = format!("`{}` matches the directory `{directory}`", item.pattern);
            return Err(failed(&item.path, message, "let it match files only, e.g. `/**/*.yaml` at its end"));
        }
    }
    Ok(())
}

/// The paths that an item includes and none excludes, in order, each with the first item that includes it. `all` is in order.
fn wanted<'p, 'i>(all: &'p [String], globs: &'i [(Glob, &'i Item<'i>)]) -> Vec<(&'p str, &'i Item<'i>)> {
    let mut included: Vec<(&'p str, usize)> = Vec::new();
    for (index, (glob, _)) in globs.iter().enumerate().filter(|(_, (_, item))| !item.exclude) {
        let prefix = glob.prefix();
        let from = all.partition_point(|path| path.as_str() < prefix);
        let near = all[from..].iter().take_while(|path| path.starts_with(prefix));
        included.extend(near.filter(|path| glob.matches(path)).map(|path| (path.as_str(), index)));
    }
    if !included.is_sorted() {
        included.sort_unstable();
    }
    included.dedup_by_key(|(path, _)| *path);
    let excludes: Vec<_> = globs.iter().filter(|(_, item)| item.exclude).map(|(glob, _)| glob).collect();
    included.retain(|(path, _)| !excludes.iter().any(|glob| glob.matches(path)));
    included.into_iter().map(|(path, index)| (path, globs[index].1)).collect()
}

/// The answers about the files of one tree, asked for in the order of paths.
enum Answers<'a, 'g> {
    /// Walked beside the questions.
    All(std::iter::Peekable<Range<'a>>, &'g Git<'g>),
    /// Looked up, when there are only a few questions.
    Few(&'a BTreeMap<GitRequest, GitAnswer>, &'g Git<'g>),
}

type Range<'a> = std::collections::btree_map::Range<'a, GitRequest, GitAnswer>;

impl<'a, 'g> Answers<'a, 'g> {
    fn of(git: &'g Git<'g>, all: &'a BTreeMap<GitRequest, GitAnswer>, questions: usize) -> Self {
        if questions <= 64 {
            return Self::Few(all, git);
        }
        Self::All(all.range(git.file_request("")..).peekable(), git)
    }

    fn get(&mut self, path: &str) -> Option<(&'a GitRequest, &'a GitAnswer)> {
        match self {
            Self::Few(all, git) => all.get_key_value(&git.file_request(path)),
            Self::All(range, git) => {
                // Those of other trees come later only, and none of this one's after them.
                let path_of = |request: &'a GitRequest| match request {
                    GitRequest::File { path, .. } => Some(path.as_str()),
                    GitRequest::Directories { .. } | GitRequest::Paths { .. } => None,
                };
                while range
                    .next_if(|(request, _)| path_of(request).is_some_and(|known| known < path))
                    .is_some()
                {}
                range.peek().copied().filter(|(request, _)| {
                    path_of(request) == Some(path)
                        && request.repo_url() == git.repo_url
                        && request.revision() == git.revision
                })
            }
        }
    }
}

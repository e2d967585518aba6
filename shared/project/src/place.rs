//! Where an Application may come from and go to.

use crate::glob::{Says, says};
use crate::{Place, Problem, list, name};
use serde_json::Value;
use shared_model::{ApplicationSpec, RepoUrl};

/// What one list says, as it is gone through: deny wins, else any rule that holds permits.
enum Verdict {
    Permitted,
    NotListed,
    Refused(String),
    Unreadable(String),
}

/// The sources that the project does not permit.
pub(crate) fn sources(project: &Value, application: &ApplicationSpec) -> Vec<Problem> {
    let single = application.sources.is_empty();
    let path = |index: usize| {
        if single { "spec.source.repoURL".to_owned() } else { format!("spec.sources[{index}].repoURL") }
    };
    let problem = |(index, from): (usize, &&shared_model::Source)| {
        source(project, &called(&from.repo_url, !from.chart.is_empty()), path(index))
    };
    application.all_sources().iter().enumerate().filter_map(problem).collect()
}

/// What people may call a repository, as it is written first: registries have their scheme or not.
pub(crate) fn called(repository: &str, is_chart: bool) -> Vec<RepoUrl> {
    let written = RepoUrl::new(repository);
    let (bare, other) = match repository.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("oci") => (rest, rest.to_owned()),
        None if is_chart => (repository, format!("oci://{repository}")),
        Some(_) | None => return vec![written],
    };
    // As the rules are compared: hosts in lower case where there is a scheme.
    let normalized = RepoUrl::new(format!("oci://{bare}")).normalized();
    let bare = normalized.trim_start_matches("oci://").to_owned();
    vec![written, RepoUrl::new(other), RepoUrl::new(bare)]
}

/// Why the project does not permit the repository of these names, which `path` names, if it does not.
pub(crate) fn source(project: &Value, called: &[RepoUrl], path: String) -> Option<Problem> {
    let repository = called.first()?;
    let what = format!("application repo {repository} is not permitted in project '{}'", name(project));
    let missing =
        format!("add `{}` or a pattern for it to spec.sourceRepos of the project", repository.normalized());
    let names: Vec<String> = called.iter().map(RepoUrl::normalized).collect();
    let verdict = source_verdict(project, &names);
    let (message, remedy) = refusal(verdict, "spec.sourceRepos", what, missing)?;
    Some(Problem { path, message, remedy })
}

/// What the list says of a repository of several names.
fn source_verdict(project: &Value, names: &[String]) -> Verdict {
    let mut permitted = false;
    for rule in list(project, "sourceRepos").iter().filter_map(Value::as_str) {
        let (deny, pattern) = rule.strip_prefix('!').map_or(("", rule), |pattern| ("!", pattern));
        let said = format!("{deny}{}", RepoUrl::new(pattern).normalized());
        for name in names {
            match says(&said, name, Some('/')) {
                Says::Yes => permitted = true,
                Says::No => {}
                Says::Never => return Verdict::Refused(rule.to_owned()),
                Says::Unreadable => return Verdict::Unreadable(rule.to_owned()),
            }
        }
    }
    if permitted { Verdict::Permitted } else { Verdict::NotListed }
}

/// Whether a rule that permits the repository of these names says anything of its host.
pub(crate) fn names(project: &Value, called: &[RepoUrl]) -> bool {
    let names: Vec<String> = called.iter().map(RepoUrl::normalized).collect();
    let rules = list(project, "sourceRepos").iter().filter_map(Value::as_str);
    let mut rules = rules.filter(|rule| !rule.starts_with('!')).filter(|rule| {
        let rest = rule.split_once("://").map_or(*rule, |(_, rest)| rest);
        rest.split('/').next().is_some_and(|host| host.contains(char::is_alphanumeric))
    });
    rules.any(|rule| {
        let rule = RepoUrl::new(rule).normalized();
        names.iter().any(|name| says(&rule, name, Some('/')) == Says::Yes)
    })
}

/// Why the project does not permit the place, if it does not.
pub(crate) fn destination(project: &Value, place: Place<'_>) -> Option<Problem> {
    let Place { cluster, server, namespace } = place;
    let what = format!(
        "application destination server '{server}' and namespace '{namespace}' do not match any of the allowed destinations in project '{}'",
        name(project)
    );
    let missing =
        format!("add {{name: {cluster}, namespace: {namespace}}} to spec.destinations of the project");
    let (message, remedy) = refusal(destination_verdict(project, place), "spec.destinations", what, missing)?;
    Some(Problem { path: "spec.destination".to_owned(), message, remedy })
}

/// A rule names a cluster by server or name and a namespace. It refuses when one side's deny pattern holds and the other side is meant too.
fn destination_verdict(project: &Value, place: Place<'_>) -> Verdict {
    let mut permitted = false;
    for rule in list(project, "destinations") {
        let text = |key: &str| rule.get(key).and_then(Value::as_str).unwrap_or_default();
        let side =
            |pattern: &str, text: &str| if text.is_empty() { Says::No } else { says(pattern, text, None) };
        let cluster = either(side(text("server"), place.server), side(text("name"), place.cluster));
        let namespace = says(text("namespace"), place.namespace, None);
        let shown = format!(
            "{{server: {}, name: {}, namespace: {}}}",
            text("server"),
            text("name"),
            text("namespace")
        );
        match (cluster, namespace) {
            (Says::Unreadable, _) | (_, Says::Unreadable) => return Verdict::Unreadable(shown),
            (Says::No, _) | (_, Says::No) => {}
            (Says::Yes, Says::Yes) => permitted = true,
            (Says::Never, _) | (_, Says::Never) => return Verdict::Refused(shown),
        }
    }
    if permitted { Verdict::Permitted } else { Verdict::NotListed }
}

/// The stronger of what the server and the name pattern say.
fn either(server: Says, name: Says) -> Says {
    let strength = |says: Says| match says {
        Says::Unreadable => 3,
        Says::Never => 2,
        Says::Yes => 1,
        Says::No => 0,
    };
    if strength(name) > strength(server) { name } else { server }
}

fn refusal(verdict: Verdict, list: &str, what: String, missing: String) -> Option<(String, String)> {
    match verdict {
        Verdict::Permitted => None,
        Verdict::NotListed => Some((what, missing)),
        Verdict::Refused(rule) => Some((
            what,
            format!(
                "`{rule}` in {list} of the project refuses it; remove that rule or choose another project"
            ),
        )),
        Verdict::Unreadable(rule) => Some((
            what,
            format!("`{rule}` in {list} of the project is not a pattern that can be read; correct it"),
        )),
    }
}

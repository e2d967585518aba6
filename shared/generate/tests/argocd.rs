//! What we make of ApplicationSets against what Argo CD 3.5.7 makes of them, recorded by `tests/compat/appset-recorder`: the Applications as
//! generated and as written, or the reason of the failure; what is rejected, the conditions and when the set is expanded again.

use serde_json::{Value, json};
use shared_generate::{
    ClusterInput, Expansion, GitAnswer, GitRequest, Inputs, Outcome, conditions, generate, reconcile,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

static LINES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    include_str!("vectors/argocd.jsonl").lines().map(read).collect()
});

fn world() -> &'static Value {
    &LINES[0]
}

fn cases() -> &'static [Value] {
    &LINES[1..]
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn set(case: &Value) -> Value {
    let mut annotations = case.get("annotations").cloned().unwrap_or_else(|| json!({}));
    if case.get("globbing").is_some() {
        annotations["flotilla.dev/git-file-globbing"] = json!("Doublestar");
    }
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": { "name": "set", "namespace": "argocd", "uid": "1", "annotations": annotations },
        "spec": case["spec"],
    })
}

fn inputs(case: &Value) -> Inputs {
    let fleet = match text(case, "clusters") {
        "" => "fleet",
        name => name,
    };
    let strings = |value: &Value, key: &str| -> BTreeMap<String, String> {
        let entries = value.get(key).and_then(Value::as_object).into_iter().flatten();
        entries.map(|(key, value)| (key.clone(), value.as_str().expect("text").to_owned())).collect()
    };
    let cluster = |cluster: &Value| {
        Arc::new(ClusterInput {
            name: text(cluster, "name").to_owned(),
            server: text(cluster, "server").to_owned(),
            project: text(cluster, "project").to_owned(),
            labels: strings(cluster, "labels"),
            annotations: strings(cluster, "annotations"),
        })
    };
    let clusters = world()["clusters"][fleet].as_array().expect("clusters").iter().map(cluster).collect();
    Inputs { clusters, git: BTreeMap::new() }
}

fn answer(case: &Value, request: &GitRequest) -> GitAnswer {
    let own = text(world(), "own") == request.repo_url();
    let files = if own { case.get("files") } else { world()["files"].get(request.repo_url()) };
    let Some(files) = files.and_then(Value::as_object) else {
        return GitAnswer::Failed("repository not found".to_owned());
    };
    match request {
        GitRequest::Paths { .. } => GitAnswer::Paths(Arc::new(files.keys().cloned().collect())),
        GitRequest::Directories { .. } => {
            let mut found = BTreeSet::new();
            for path in files.keys() {
                let ends = path.match_indices('/').map(|(end, _)| path[..end].to_owned());
                found.extend(ends);
            }
            GitAnswer::Directories(Arc::new(found.into_iter().collect()))
        }
        GitRequest::File { path, .. } => files[path.as_str()].as_str().map_or_else(
            || GitAnswer::Failed("no such file".to_owned()),
            |text| GitAnswer::File(text.into()),
        ),
    }
}

fn expanded(case: &Value, set: &Value) -> Expansion {
    let mut inputs = inputs(case);
    for _ in 0..10 {
        match generate(set, &inputs) {
            Outcome::Done(expansion) => return expansion,
            Outcome::Needs(requests) => {
                let answers = requests.into_iter().map(|request| {
                    let answer = answer(case, &request);
                    (request, answer)
                });
                inputs.git.extend(answers);
            }
        }
    }
    panic!("{}: asks without end", text(case, "name"));
}

/// An Application without what every one has.
fn plain(mut application: Value) -> Value {
    let fields = application.as_object_mut().expect("an object");
    assert_eq!(fields.remove("apiVersion"), Some(json!("argoproj.io/v1alpha1")));
    assert_eq!(fields.remove("kind"), Some(json!("Application")));
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        assert_eq!(metadata.remove("namespace"), Some(json!("argocd")));
    }
    application
}

/// One thing that can be seen of an expansion, by what it is about.
type Seen = BTreeMap<&'static str, String>;

fn ours(case: &Value) -> (Seen, Expansion) {
    let set = set(case);
    let expansion = expanded(case, &set);
    let mut seen = Seen::new();
    if let Some(problem) = expansion.problems.first() {
        seen.insert("error", problem.reason.as_str().to_owned());
    }
    let applications: Vec<_> =
        expansion.applications.iter().map(|one| plain(one.object()).to_string()).collect();
    seen.insert("applications", applications.join("\n"));
    let changes = reconcile(&set, &[], &expansion);
    let specs = changes.create.iter().map(|one| format!("{}: {}", one["metadata"]["name"], one["spec"]));
    seen.insert("written", specs.collect::<Vec<_>>().join("\n"));
    let now = "2026-01-01T00:00:00Z".parse().expect("a time");
    let found = conditions(&set, &expansion, None, None, &[], now);
    let of_theirs =
        |condition: &&Value| !["DeletionsHeld", "UnsupportedFields"].contains(&text(condition, "type"));
    let found = found.iter().filter(of_theirs).map(|one| {
        let message = if text(one, "status") == "True" && text(one, "type") != "ErrorOccurred" {
            text(one, "message")
        } else {
            ""
        };
        format!("{} {} {} {message}", text(one, "type"), text(one, "status"), text(one, "reason"))
    });
    seen.insert("conditions", found.collect::<Vec<_>>().join("\n"));
    seen.insert("requeue", expansion.requeue_after.map_or(0.0, |after| after.as_secs_f64()).to_string());
    (seen, expansion)
}

fn theirs(case: &Value, expansion: &Expansion) -> Seen {
    let answer = &case["answer"];
    let mut seen = Seen::new();
    if answer.get("error").is_some() {
        seen.insert("error", text(answer, "reason").to_owned());
    }
    let rejected = answer.get("rejected").and_then(Value::as_object).cloned().unwrap_or_default();
    // Whether clusters and projects exist is not for us to know.
    let known = |name: &str| {
        let why = text(&answer["rejected"], name);
        !(why.contains("not found")
            || why.contains("does not exist")
            || why.contains("no clusters with this name"))
    };
    let mine = |name: &str| expansion.rejected.iter().any(|one| one.name == name);
    let gone = |name: &str| rejected.contains_key(name) && (known(name) || mine(name));
    // Names that the API server refuses are rejected before they get there.
    let refused = |name: &str| {
        expansion.rejected.iter().any(|one| {
            one.name == name
                && ["cannot be the name", "name is empty"].iter().any(|why| one.problem.message.contains(why))
        })
    };
    let applications = answer.get("applications").and_then(Value::as_array).into_iter().flatten();
    let kept = applications.filter(|one| !gone(name(one)) && !refused(name(one)));
    // The controller writes no more of the metadata than these.
    let of_the_set = |one: &Value| {
        let mut one = one.clone();
        let known = ["name", "labels", "annotations", "finalizers"];
        one["metadata"].as_object_mut().expect("an object").retain(|key, _| known.contains(&key.as_str()));
        one
    };
    let kept: Vec<Value> = kept.map(of_the_set).collect();
    seen.insert("applications", kept.iter().map(|one| one.to_string()).collect::<Vec<_>>().join("\n"));
    let written = kept.iter().map(|one| {
        let spec = answer.get("written").and_then(|written| written.get(name(one))).unwrap_or(&one["spec"]);
        format!("{}: {spec}", one["metadata"]["name"])
    });
    seen.insert("written", written.collect::<Vec<_>>().join("\n"));
    let conditions = answer.get("conditions").and_then(Value::as_array).into_iter().flatten().map(|one| {
        let part = |index: usize| one[index].as_str().unwrap_or_default();
        let message = if part(1) == "True" && part(0) != "ErrorOccurred" { part(3) } else { "" };
        format!("{} {} {} {message}", part(0), part(1), part(2))
    });
    seen.insert("conditions", conditions.collect::<Vec<_>>().join("\n"));
    seen.insert("requeue", answer.get("requeue").and_then(Value::as_f64).unwrap_or(0.0).to_string());
    seen
}

fn name(application: &Value) -> &str {
    application["metadata"].get("name").and_then(Value::as_str).unwrap_or_default()
}

/// What we mean to do otherwise, and why. Beside these: a tag, `<no value>` or a whole object in a name, destination or project is an error
/// ([`is_left_over`]), a name that Kubernetes refuses rejects its Application before it gets there, and whether clusters and projects exist
/// is for others to know ([`is_known_elsewhere`]).
const DEVIATIONS: &[(&str, &str)] = &[
    ("clusters: flatList of nothing (go)", "toJson prints null for Go's nil list; ours is an empty one"),
    (
        "merge: values of a list over clusters (go)",
        "Argo CD panics: one is a map of strings, the other is not",
    ),
    ("template: no template (go)", "the API server requires one"),
    ("template: no template (flat)", "the API server requires one"),
    ("template: unknown generator (go)", "ours says so, Argo CD generates nothing"),
    ("template: unknown generator (flat)", "ours says so, Argo CD generates nothing"),
    ("template: plugin of nothing (go)", "not acted on yet: a condition says so"),
    ("template: plugin of nothing (flat)", "not acted on yet: a condition says so"),
    ("template: template fails before a generator does (go)", "both are told, sorted by field, not by time"),
    (
        "template: template that does not parse, and no parameters (go)",
        "a template that can never work is told at once",
    ),
    (
        "template: template that does not parse, and no elements (go)",
        "a template that can never work is told at once",
    ),
    ("template: unknown option (go)", "Argo CD panics"),
    ("template: unknown option value (go)", "Argo CD panics"),
    ("template: unknown option, nothing to render (go)", "an option that can never work is told at once"),
];

/// Whether our error is about what a template left over in a decisive field, and Argo CD's Applications hold just that.
fn is_left_over(case: &Value, expansion: &Expansion) -> bool {
    let ours = ["is left in the generated", "a parameter has no value", "is a whole object"];
    let told = expansion.problems.iter().any(|one| ours.iter().any(|why| one.message.contains(why)));
    let mut applications = case["answer"].get("applications").and_then(Value::as_array).into_iter().flatten();
    let left = |one: &Value| {
        let spec = &one["spec"];
        let decisive = format!("{} {} {}", one["metadata"], spec["destination"], spec["project"]);
        ["{{", "<no value>", "map["].iter().any(|rest| decisive.contains(rest))
    };
    told && applications.any(left)
}

/// Whether Argo CD's answer hangs on a project or cluster that does not exist.
fn is_known_elsewhere(case: &Value, expansion: &Expansion) -> bool {
    let answer = &case["answer"];
    let rejected = answer.get("rejected").and_then(Value::as_object).into_iter().flatten();
    let mut rejected = rejected.filter(|(name, _)| !expansion.rejected.iter().any(|one| one.name == **name));
    text(answer, "error").contains("error getting project")
        || rejected
            .any(|(_, why)| ["not found", "does not exist"].iter().any(|gone| why.to_string().contains(gone)))
}

/// Whether Applications are rejected here whose names the API server refuses there.
fn has_refused_names(expansion: &Expansion) -> bool {
    expansion
        .rejected
        .iter()
        .any(|one| one.problem.path.ends_with("metadata.name") && !one.problem.message.contains("duplicate"))
}

/// What differs, shown from where it does.
fn differences(case: &Value) -> Vec<String> {
    let (mut ours, expansion) = ours(case);
    let mut theirs = theirs(case, &expansion);
    if is_left_over(case, &expansion) {
        return Vec::new();
    }
    if is_known_elsewhere(case, &expansion) {
        if theirs.contains_key("error") {
            return Vec::new();
        }
        ["conditions", "requeue"].iter().for_each(|key| {
            ours.remove(key);
            theirs.remove(key);
        });
    }
    if has_refused_names(&expansion) {
        ["conditions", "requeue", "error"].iter().for_each(|key| {
            ours.remove(key);
            theirs.remove(key);
        });
    }
    let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).copied().collect();
    let show = |key| {
        let [a, b] = [&ours, &theirs].map(|seen| seen.get(key).cloned().unwrap_or_default());
        let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
        let part = |text: String| text.chars().skip(same.saturating_sub(60)).take(240).collect::<String>();
        let why = expansion.problems.first().map(ToString::to_string).unwrap_or_default();
        let (a, b, their) = (part(a), part(b), text(&case["answer"], "error"));
        (a != b)
            .then(|| format!("{} [{key}]\n  ours: {a}\n  Argo: {b}\n  {why}\n  {their}", text(case, "name")))
    };
    keys.into_iter().filter_map(show).collect()
}

#[test]
fn sets_give_what_they_give_in_argo_cd() {
    let mut wrong = Vec::new();
    for case in cases() {
        // What the API server refuses nobody expands.
        if case["answer"].get("refused").is_some() {
            continue;
        }
        let found = differences(case);
        let expected = DEVIATIONS.iter().any(|(name, _)| *name == text(case, "name"));
        if expected && found.is_empty() {
            wrong.push(format!("{}: does not differ any more", text(case, "name")));
        } else if !expected {
            wrong.extend(found);
        }
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n"), wrong.len());
}

#[test]
fn the_cases_are_many_and_the_deviations_few() {
    let answered = cases().iter().filter(|case| case["answer"].get("refused").is_none()).count();
    let failing = cases().iter().filter(|case| case["answer"].get("error").is_some()).count();
    assert!(answered >= 860 && failing >= 100, "{answered} cases, {failing} of them fail");
    assert!(DEVIATIONS.len() <= 15);
    let left_over = cases().iter().filter(|case| is_left_over(case, &expanded(case, &set(case)))).count();
    assert!(left_over <= 25, "{left_over}");
}

#[test]
fn a_refresh_that_was_asked_for_is_done_unless_generation_failed() {
    for case in cases().iter().filter(|case| case.get("annotations").is_some()) {
        let asked = case["annotations"].get("argocd.argoproj.io/application-set-refresh").is_some();
        let stays = case["answer"].get("refresh").is_some();
        assert_eq!(stays, asked && case["answer"].get("error").is_some(), "{}", text(case, "name"));
    }
}

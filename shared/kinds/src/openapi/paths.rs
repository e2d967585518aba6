//! The paths that are served, and what may be asked of each.

use super::{META, TYPES, base};
use serde_json::{Value, json};
use shared_objects::discovery::ApiResource;

/// A path, with a placeholder for each name in it.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) path: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) operations: Vec<Operation>,
}

/// What may be asked of a path.
#[derive(Debug)]
pub(super) struct Operation {
    /// The HTTP method, in lower case.
    pub(super) method: &'static str,
    /// What Kubernetes calls it.
    pub(super) action: &'static str,
    pub(super) id: String,
    pub(super) tag: String,
    pub(super) about: String,
    pub(super) parameters: Vec<Parameter>,
    /// The schema of the request's body.
    pub(super) body: Option<String>,
    pub(super) consumes: Vec<&'static str>,
    /// The schema of the answer; empty for an object of any fields.
    pub(super) answer: String,
    pub(super) codes: Vec<(&'static str, &'static str)>,
    /// Group, version and kind that it is about.
    pub(super) identity: Option<Value>,
}

/// A parameter of a path or a query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    name: &'static str,
    place: &'static str,
    kind: &'static str,
    about: &'static str,
}

impl Parameter {
    const fn query(name: &'static str, kind: &'static str, about: &'static str) -> Self {
        Self { name, place: "query", kind, about }
    }

    pub(super) fn v3(&self) -> Value {
        let mut said = json!({
            "name": self.name, "in": self.place, "description": self.about,
            "schema": {"type": self.kind, "uniqueItems": true},
        });
        if self.place == "path" {
            said["required"] = json!(true);
        }
        said
    }

    pub(super) fn v2(&self) -> Value {
        let mut said = json!({
            "name": self.name, "in": self.place, "description": self.about, "type": self.kind, "uniqueItems": true,
        });
        if self.place == "path" {
            said["required"] = json!(true);
        }
        said
    }
}

const NAME: Parameter =
    Parameter { name: "name", place: "path", kind: "string", about: "Name of the object." };
const NAMESPACE: Parameter =
    Parameter { name: "namespace", place: "path", kind: "string", about: "Namespace of the object." };
const PRETTY: Parameter =
    Parameter::query("pretty", "string", "true: the answer is printed for people. Taken and without effect.");
const DRY_RUN: Parameter =
    Parameter::query("dryRun", "string", "All: everything is checked and nothing is stored.");
const MANAGER: Parameter = Parameter::query(
    "fieldManager",
    "string",
    "Who makes the change, for managedFields: at most 128 letters. Needed for apply patches; otherwise the client's name \
     is taken.",
);
const VALIDATION: Parameter = Parameter::query(
    "fieldValidation",
    "string",
    "What becomes of fields that the kind does not have, or that are there twice. Strict: the request is refused and all \
     of them are named. Warn, where nothing is said: each is named in a warning. Ignore: nothing is said.",
);
const FORCE: Parameter = Parameter::query(
    "force",
    "boolean",
    "Whether an apply patch takes fields over that others manage. For apply patches only.",
);
const PROPAGATION: Parameter = Parameter::query(
    "propagationPolicy",
    "string",
    "What becomes of objects that depend on the deleted one: Foreground (they go first), Background (they go afterwards) \
     or Orphan (they stay).",
);
const GRACE: Parameter = Parameter::query(
    "gracePeriodSeconds",
    "integer",
    "How long the object may take to end, in seconds. Nothing here takes time to end.",
);
const ORPHAN: Parameter = Parameter::query(
    "orphanDependents",
    "boolean",
    "Whether what depends on the object stays. propagationPolicy says it better.",
);
const LISTS: [Parameter; 10] = [
    Parameter::query(
        "allowWatchBookmarks",
        "boolean",
        "Whether a watch tells from time to time how far it has come.",
    ),
    Parameter::query(
        "continue",
        "string",
        "Goes on with a list: what the metadata of the page before says there.",
    ),
    Parameter::query(
        "fieldSelector",
        "string",
        "Selects objects by a few fields, as in metadata.name=web,type!=Opaque.",
    ),
    Parameter::query(
        "labelSelector",
        "string",
        "Selects objects by labels, as in env=prod,ring in (a,b),!canary.",
    ),
    Parameter::query(
        "limit",
        "integer",
        "How many objects are answered at most; with more there is a continue to go on with.",
    ),
    Parameter::query(
        "resourceVersion",
        "string",
        "Which version is asked for; resourceVersionMatch says how exactly. A watch goes on after it.",
    ),
    Parameter::query(
        "resourceVersionMatch",
        "string",
        "Exact: the list is of resourceVersion. NotOlderThan: or of a later version.",
    ),
    Parameter::query(
        "sendInitialEvents",
        "boolean",
        "Whether a watch first tells all that there is, and then says so with a bookmark.",
    ),
    Parameter::query("timeoutSeconds", "integer", "How long a watch lasts at most, in seconds."),
    Parameter::query("watch", "boolean", "Whether changes are told as they come, rather than a list once."),
];

/// A kind and where it is served.
#[derive(Debug)]
pub(super) struct Served<'a> {
    pub(super) resource: &'a ApiResource,
}

impl<'a> Served<'a> {
    pub(super) fn of(resource: &'a ApiResource) -> Self {
        Self { resource }
    }

    pub(super) fn can(&self, verb: &str) -> bool {
        self.resource.verbs.iter().any(|known| known == verb)
    }

    /// The name of its schema, with an ending for its list: `io.argoproj.v1alpha1.Application`.
    pub(super) fn name(&self, ending: &str) -> String {
        let ApiResource { group, version, kind, .. } = self.resource;
        let prefix = match group.as_str() {
            "" => "io.k8s.api.core".to_owned(),
            "authorization.k8s.io" => "io.k8s.api.authorization".to_owned(),
            "authentication.k8s.io" => "io.k8s.api.authentication".to_owned(),
            other => other.rsplit('.').collect::<Vec<_>>().join("."),
        };
        format!("{prefix}.{version}.{kind}{ending}")
    }

    pub(super) fn identity(&self, ending: &str) -> Value {
        let ApiResource { group, version, kind, .. } = self.resource;
        json!({"group": group, "version": version, "kind": format!("{kind}{ending}")})
    }

    pub(super) fn paths(&self) -> Vec<Path> {
        let ApiResource { group, version, plural, namespaced, .. } = self.resource;
        let base = base(group, version);
        let (place, inside) =
            if *namespaced { ("/namespaces/{namespace}", vec![NAMESPACE]) } else { ("", Vec::new()) };
        let with = |first: &[Parameter], last: &[Parameter]| [first, &inside, last].concat();
        let collection = format!("{base}{place}/{plural}");
        let object = format!("{collection}/{{name}}");
        let mut paths = Vec::new();
        if *namespaced && self.can("list") {
            let mut list = self.list();
            list.id = format!("list{}{}ForAllNamespaces", self.tag_name(), self.resource.kind);
            let path = format!("{base}/{plural}");
            paths.push(Path { path, parameters: vec![PRETTY], operations: vec![list] });
        }
        let operations = self.collection();
        paths.push(Path { path: collection, parameters: with(&[], &[PRETTY]), operations });
        if self.can("get") {
            let operations = self.object("");
            paths.push(Path { path: object.clone(), parameters: with(&[NAME], &[PRETTY]), operations });
        }
        for below in &self.resource.subresources {
            let operations = match below.name.as_str() {
                "status" => self.object("status"),
                name => {
                    vec![self.special(
                        name,
                        if below.verbs.iter().any(|verb| verb == "create") { "post" } else { "get" },
                    )]
                }
            };
            let path = format!("{object}/{}", below.name);
            paths.push(Path { path, parameters: with(&[NAME], &[PRETTY]), operations });
        }
        paths
    }

    fn collection(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        if self.can("list") {
            operations.push(self.list());
        }
        let mut post = self.operation("post", "post", "create", "");
        post.about = format!("Creates the {}.", self.resource.kind);
        post.parameters = vec![DRY_RUN, MANAGER, VALIDATION];
        post.body = Some(self.name(""));
        post.codes = vec![("200", "OK"), ("201", "Created"), ("202", "Accepted")];
        operations.push(post);
        if self.can("deletecollection") {
            let mut delete = self.operation("delete", "deletecollection", "delete", "Collection");
            delete.about = format!("Deletes all {} that are selected.", self.resource.plural);
            delete.parameters = [&[DRY_RUN, GRACE, ORPHAN, PROPAGATION][..], &LISTS[..9]].concat();
            delete.body = Some(format!("{META}.DeleteOptions"));
            delete.answer = format!("{META}.Status");
            operations.push(delete);
        }
        operations
    }

    fn list(&self) -> Operation {
        let mut list = self.operation("get", "list", "list", "");
        list.about = format!("Lists {}, or watches them.", self.resource.plural);
        list.parameters = LISTS.to_vec();
        list.answer = self.name("List");
        list
    }

    /// What may be asked of an object, or of its status.
    fn object(&self, part: &str) -> Vec<Operation> {
        let kind = &self.resource.kind;
        let (of, ending) = match part {
            "" => (format!("the {kind}"), ""),
            part => (format!("the {part} of the {kind}"), "Status"),
        };
        let named = |mut operation: Operation, verb: &str| {
            operation.about = format!("{verb} {of}.");
            operation.id.push_str(ending);
            operation
        };
        let mut get = named(self.operation("get", "get", "read", ""), "Reads");
        get.parameters = vec![Parameter::query(
            "resourceVersion",
            "string",
            "The answer is of this version or a later one.",
        )];
        let mut put = named(self.operation("put", "put", "replace", ""), "Replaces");
        put.parameters = vec![DRY_RUN, MANAGER, VALIDATION];
        put.body = Some(self.name(""));
        put.codes = vec![("200", "OK"), ("201", "Created")];
        let mut patch = named(self.operation("patch", "patch", "patch", ""), "Changes some fields of");
        patch.parameters = vec![DRY_RUN, MANAGER, VALIDATION, FORCE];
        patch.body = Some(format!("{META}.Patch"));
        patch.consumes = vec!["application/json-patch+json", "application/merge-patch+json"];
        // Custom resources have none.
        if self.resource.group.is_empty() {
            patch.consumes.push("application/strategic-merge-patch+json");
        }
        patch.consumes.push("application/apply-patch+yaml");
        let mut operations = vec![get, put, patch];
        if part.is_empty() {
            let mut delete = named(self.operation("delete", "delete", "delete", ""), "Deletes");
            delete.parameters = vec![DRY_RUN, GRACE, ORPHAN, PROPAGATION];
            delete.body = Some(format!("{META}.DeleteOptions"));
            delete.answer = format!("{META}.Status");
            delete.codes = vec![("200", "OK"), ("202", "Accepted")];
            operations.push(delete);
        }
        operations
    }

    /// A path below an object that is no part of it.
    fn special(&self, name: &str, method: &'static str) -> Operation {
        let (action, verb) = if method == "post" { ("connect", "Takes") } else { ("get", "Reads") };
        let mut operation =
            self.operation(method, action, if method == "post" { "create" } else { "read" }, "");
        operation.id.extend(name[..1].to_uppercase().chars().chain(name[1..].chars()));
        operation.about = format!("{verb} {name} of the {}.", self.resource.kind);
        operation.answer = String::new();
        operation.body = (method == "post").then(String::new);
        operation
    }

    fn operation(&self, method: &'static str, action: &'static str, verb: &str, infix: &str) -> Operation {
        let namespaced = if self.resource.namespaced { "Namespaced" } else { "" };
        Operation {
            method,
            action,
            id: format!("{verb}{}{infix}{namespaced}{}", self.tag_name(), self.resource.kind),
            tag: tag(&self.resource.group, &self.resource.version),
            about: String::new(),
            parameters: Vec::new(),
            body: None,
            consumes: if method == "get" { vec!["*/*"] } else { TYPES.to_vec() },
            answer: self.name(""),
            codes: vec![("200", "OK")],
            identity: Some(self.identity("")),
        }
    }

    /// As in `ArgoprojIoV1alpha1`.
    fn tag_name(&self) -> String {
        let parts = tag(&self.resource.group, &self.resource.version);
        parts.split('_').map(|part| format!("{}{}", part[..1].to_uppercase(), &part[1..])).collect()
    }
}

/// As in `argoprojIo_v1alpha1`.
fn tag(group: &str, version: &str) -> String {
    let group = if group.is_empty() { "core" } else { group.strip_suffix(".k8s.io").unwrap_or(group) };
    let mut parts = group.split('.');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| format!("{}{}", part[..1].to_uppercase(), &part[1..]));
    format!("{first}{}_{version}", rest.collect::<String>())
}

/// What a document holds that is about no kind: discovery and version.
pub(super) fn plain(name: &str) -> Option<(String, Operation)> {
    let parts: Vec<&str> = name.split('/').collect();
    let (id, about) = match parts[..] {
        ["api"] => ("getCoreAPIVersions".to_owned(), "Lists the versions of the core group."),
        ["apis"] => ("getAPIVersions".to_owned(), "Lists the groups."),
        ["version"] => ("getCodeVersion".to_owned(), "Tells the version of the hub."),
        ["apis", group] => (format!("get{}APIGroup", group_word(group)), "Lists the versions of the group."),
        ["api", version] => (format!("getCore{version}APIResources"), "Lists the kinds of this version."),
        ["apis", group, version] => {
            (format!("get{}{version}APIResources", group_word(group)), "Lists the kinds of this version.")
        }
        _ => return None,
    };
    let operation = Operation {
        method: "get",
        action: "get",
        id,
        tag: parts.get(1).copied().unwrap_or(parts[0]).to_owned(),
        about: about.to_owned(),
        parameters: Vec::new(),
        body: None,
        consumes: TYPES.to_vec(),
        answer: String::new(),
        codes: vec![("200", "OK")],
        identity: None,
    };
    Some((format!("/{name}/"), operation))
}

fn group_word(group: &str) -> String {
    let tag = tag(group, "");
    let word = tag.trim_end_matches('_');
    format!("{}{}", word[..1].to_uppercase(), &word[1..])
}

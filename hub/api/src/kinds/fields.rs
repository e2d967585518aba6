//! Which fields a kind has, and what `fieldValidation` does about others.

use serde_json::Value;
use shared_model::{Kind, gvk};
use shared_objects::{
    Status,
    unknown::{self, Fields},
};

/// What the query parameter `fieldValidation` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validation {
    /// Refuse unknown fields.
    Strict,
    /// Keep them and tell.
    Warn,
    /// Keep them.
    Ignore,
}

impl Validation {
    /// Reads the parameter; absent means `Warn`, as in Kubernetes.
    pub(crate) fn parse(text: &str) -> Result<Self, Status> {
        match text {
            "Strict" => Ok(Self::Strict),
            "" | "Warn" => Ok(Self::Warn),
            "Ignore" => Ok(Self::Ignore),
            other => Err(Status::bad_request(format!(
                "fieldValidation: Unsupported value: {other:?}: supported values: \"Strict\", \"Warn\", \"Ignore\""
            ))),
        }
    }
}

/// The warnings about fields that the kind does not have.
///
/// # Errors
/// 400 that names them all, under [`Validation::Strict`].
pub(crate) fn check(kind: Kind, object: &Value, validation: Validation) -> Result<Vec<String>, Status> {
    if validation == Validation::Ignore {
        return Ok(Vec::new());
    }
    let known = fields(kind);
    let found = unknown::unknown_fields(object, &known);
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let said: Vec<String> = found.iter().map(|path| explain(path, &known)).collect();
    if validation == Validation::Warn {
        return Ok(said);
    }
    let gvk = gvk(kind);
    let mut refusal = unknown::refusal(gvk.kind, gvk.version, &found);
    // The refusal's own words, with what was meant.
    refusal.message = refusal.message.replace(&unknown::warnings(&found).join(", "), &said.join(", "));
    Err(refusal)
}

/// As in `unknown field "spec.goTemplat" (did you mean "spec.goTemplate"?)`.
fn explain(path: &str, known: &Fields) -> String {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let near = names_at(parent, known).into_iter().filter_map(|candidate| {
        let distance = distance(name, &candidate);
        (distance <= 2 && distance < candidate.len()).then_some((distance, candidate))
    });
    match near.min() {
        None => format!("unknown field {path:?}"),
        Some((_, meant)) => {
            let meant = if parent.is_empty() { meant } else { format!("{parent}.{meant}") };
            format!("unknown field {path:?} (did you mean {meant:?}?)")
        }
    }
}

/// The fields that are known at a path.
fn names_at(path: &str, known: &Fields) -> Vec<String> {
    let path = path.replace('[', ".[");
    let mut at = known.clone();
    for step in path.split('.').filter(|step| !step.is_empty()) {
        while let Fields::Again(make) = at {
            at = make();
        }
        at = match at {
            Fields::Object(mut fields) => match fields.remove(step) {
                Some(inner) => inner,
                None => return Vec::new(),
            },
            Fields::Map(inner) | Fields::List(inner) => *inner,
            Fields::Any | Fields::Again(_) => return Vec::new(),
        };
    }
    while let Fields::Again(make) = at {
        at = make();
    }
    match at {
        Fields::Object(fields) => fields.into_keys().collect(),
        Fields::Any | Fields::Map(_) | Fields::List(_) | Fields::Again(_) => Vec::new(),
    }
}

/// How many letters differ (Levenshtein), whatever their case.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// The fields of a kind. Argo CD's kinds: `pkg/apis/application/v1alpha1`, as far down as names are fixed.
fn fields(kind: Kind) -> Fields {
    let own: &[&str] = match kind {
        Kind::Application => {
            return application().with("status", Fields::Any).with("operation", Fields::Any).object();
        }
        Kind::ApplicationSet => return application_set(),
        Kind::AppProject => &APP_PROJECT,
        Kind::Cluster => &[
            "spec.server",
            "spec.project",
            "spec.mode",
            "spec.pause.reason",
            "spec.pause.by",
            "spec.pause.for",
            "spec.pause.at",
            "spec.adopt.request",
            "spec.adopt.by",
            "spec.adopt.at",
            "spec.retire.drain",
            "spec.retire.by",
            "spec.retire.at",
        ],
        Kind::FleetRollout => &[
            "spec.owner",
            "spec.sequence",
            "spec.object",
            "spec.commits",
            "spec.standing",
            "spec.plan",
            "spec.parent",
            "spec.traceId",
            "spec.timings",
        ],
        Kind::RolloutPolicy => &POLICY,
        Kind::EnrollmentToken => &[
            "spec.cluster",
            "spec.labels.*",
            "spec.secretHash",
            "spec.expires",
            "spec.reenrol",
            "spec.authority",
        ],
        Kind::Namespace => &["spec.finalizers"],
        Kind::Secret => &["data.*", "stringData.*", "type", "immutable"],
        Kind::ConfigMap => &["data.*", "binaryData.*", "immutable"],
        Kind::Event => &EVENT,
    };
    Fields::of(own.iter().copied()).with("status", Fields::Any).object()
}

const SOURCE: [&str; 11] = [
    "repoURL",
    "path",
    "targetRevision",
    "chart",
    "ref",
    "name",
    "tagPrefix",
    "helm",
    "kustomize",
    "directory",
    "plugin",
];

const APPLICATION: [&str; 32] = [
    "project",
    "destination.server",
    "destination.name",
    "destination.namespace",
    "sourceHydrator",
    "syncPolicy.automated.prune",
    "syncPolicy.automated.selfHeal",
    "syncPolicy.automated.allowEmpty",
    "syncPolicy.automated.enabled",
    "syncPolicy.syncOptions[]",
    "syncPolicy.retry.limit",
    "syncPolicy.retry.refresh",
    "syncPolicy.retry.backoff.duration",
    "syncPolicy.retry.backoff.factor",
    "syncPolicy.retry.backoff.maxDuration",
    "syncPolicy.managedNamespaceMetadata.labels.*",
    "syncPolicy.managedNamespaceMetadata.annotations.*",
    "ignoreDifferences[].group",
    "ignoreDifferences[].kind",
    "ignoreDifferences[].name",
    "ignoreDifferences[].namespace",
    "ignoreDifferences[].jsonPointers",
    "ignoreDifferences[].jqPathExpressions",
    "ignoreDifferences[].managedFieldsManagers",
    "info[].name",
    "info[].value",
    "revisionHistoryLimit",
    "source.directory.recurse",
    "source.directory.include",
    "source.directory.exclude",
    "source.directory.disableExtensionFilter",
    "source.directory.jsonnet",
];

fn application() -> Fields {
    let mut fields = Fields::of([]);
    let source = |mut fields: Fields, at: &str| {
        for name in SOURCE {
            fields = fields.with(&format!("{at}.{name}"), Fields::Any);
        }
        fields
    };
    fields = source(fields, "spec.source");
    fields = source(fields, "spec.sources[]");
    for path in APPLICATION {
        fields = fields.with(&format!("spec.{path}"), Fields::Any);
    }
    fields
}

fn application_set() -> Fields {
    let template = |fields: Fields, at: &str| {
        let mut fields = fields;
        for name in ["name", "namespace", "labels.*", "annotations.*", "finalizers[]"] {
            fields = fields.with(&format!("{at}.metadata.{name}"), Fields::Any);
        }
        let Fields::Object(mut application) = application() else { return fields };
        fields.with(&format!("{at}.spec"), application.remove("spec").unwrap_or_default())
    };
    let own = [
        "spec.goTemplate",
        "spec.goTemplateOptions[]",
        "spec.templatePatch",
        "spec.syncPolicy.preserveResourcesOnDeletion",
        "spec.syncPolicy.applicationsSync",
        "spec.strategy.type",
        "spec.strategy.rollingSync.steps[].matchExpressions[].key",
        "spec.strategy.rollingSync.steps[].matchExpressions[].operator",
        "spec.strategy.rollingSync.steps[].matchExpressions[].values",
        "spec.strategy.rollingSync.steps[].maxUpdate",
        "spec.strategy.deletionOrder",
        "spec.preservedFields.annotations",
        "spec.preservedFields.labels",
        "spec.ignoreApplicationDifferences[].name",
        "spec.ignoreApplicationDifferences[].jsonPointers",
        "spec.ignoreApplicationDifferences[].jqPathExpressions",
        "spec.applyNestedSelectors",
        // What they hold is expanded later: an unknown generator is named in a condition, with its remedy.
        "spec.generators[]",
        "status",
    ];
    template(Fields::of(own), "spec.template").object()
}

const APP_PROJECT: [&str; 17] = [
    "spec.description",
    "spec.sourceRepos[]",
    "spec.destinations[].server",
    "spec.destinations[].name",
    "spec.destinations[].namespace",
    "spec.roles[]",
    "spec.clusterResourceWhitelist[]",
    "spec.clusterResourceBlacklist[]",
    "spec.namespaceResourceWhitelist[]",
    "spec.namespaceResourceBlacklist[]",
    "spec.orphanedResources",
    "spec.syncWindows[]",
    "spec.signatureKeys[]",
    "spec.sourceNamespaces[]",
    "spec.permitOnlyProjectScopedClusters",
    "spec.destinationServiceAccounts[]",
    "spec.sourceIntegrity",
];

const POLICY: [&str; 37] = [
    "spec.waves[].name",
    "spec.waves[].match.matchLabels.*",
    "spec.waves[].match.matchExpressions[].key",
    "spec.waves[].match.matchExpressions[].operator",
    "spec.waves[].match.matchExpressions[].values",
    "spec.waves[].take",
    "spec.waves[].maxUpdate",
    "spec.waves[].minProven",
    "spec.waves[].settle",
    "spec.waves[].soak",
    "spec.waves[].deadline",
    "spec.waves[].maxFailures",
    "spec.waves[].approval",
    "spec.waves[].analysis[]",
    "spec.onFailure",
    "spec.unreachable.after",
    "spec.unreachable.action",
    "spec.unreachable.atMost",
    "spec.paused",
    "spec.supersede",
    "spec.manual",
    "spec.windows[].kind",
    "spec.windows[].schedule",
    "spec.windows[].duration",
    "spec.windows[].applications[]",
    "spec.windows[].clusters[]",
    "spec.windows[].namespaces[]",
    "spec.windows[].manualSync",
    "spec.windows[].timeZone",
    "spec.windows[].andOperator",
    "spec.windows[].description",
    "spec.windows[].syncOverrun",
    "spec.windows[].clusterSelector",
    "spec.windows[].name",
    "spec.windows[].from",
    "spec.windows[].until",
    "spec.dependsOn[]",
];

const EVENT: [&str; 15] = [
    "involvedObject",
    "reason",
    "message",
    "source",
    "firstTimestamp",
    "lastTimestamp",
    "count",
    "type",
    "eventTime",
    "series",
    "action",
    "related",
    "reportingComponent",
    "reportingInstance",
    "note",
];

#[cfg(test)]
mod tests;

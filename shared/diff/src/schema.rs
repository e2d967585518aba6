//! What the walk knows of Kubernetes' own kinds: string maps, quantities, lists that merge by key.

use crate::normal;
use serde_json::{Map, Value};

/// Whether the API server knows the object as a Go type (and so normalises it), or as a custom resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    BuiltIn,
    Service,
    Webhooks,
    Custom,
}

impl Kind {
    pub(crate) fn of(object: &Map<String, Value>) -> Self {
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
        let built_in = !group.contains('.')
            || (group.ends_with(".k8s.io") && !CUSTOM_K8S_IO.iter().any(|custom| group.ends_with(custom)));
        match (group, text("kind")) {
            ("", "Service") => Self::Service,
            ("admissionregistration.k8s.io", _) => Self::Webhooks,
            _ if built_in => Self::BuiltIn,
            _ => Self::Custom,
        }
    }
}

/// Groups below k8s.io whose kinds are installed as custom resources.
const CUSTOM_K8S_IO: [&str; 7] = [
    "x-k8s.io",
    "gateway.networking.k8s.io",
    "snapshot.storage.k8s.io",
    "policy.networking.k8s.io",
    "metrics.k8s.io",
    "node.k8s.io.cluster",
    "autoscaling.k8s.io",
];

/// What is special about the place that a value is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The object itself.
    Top,
    /// `metadata` of the object.
    Metadata,
    /// A field of a built-in type: a zero value may be dropped, numbers and strings may stand for each other.
    Typed,
    /// A map from names to quantities, or a quantity.
    Quantity,
    /// A map that people fill: every entry counts as written.
    Verbatim,
    /// A field of a custom resource: kept as written.
    Custom,
}

impl Place {
    pub(crate) const fn top() -> Self {
        Self::Top
    }

    pub(crate) fn is_metadata(self) -> bool {
        self == Self::Metadata
    }

    /// The place of the field `key` of a value at this place.
    pub(crate) fn below(self, kind: Kind, key: &str) -> Self {
        const VERBATIM: [&str; 9] = [
            "labels",
            "annotations",
            "data",
            "binaryData",
            "stringData",
            "matchLabels",
            "nodeSelector",
            "selector",
            "parameters",
        ];
        const QUANTITY: [&str; 12] = [
            "limits",
            "requests",
            "capacity",
            "hard",
            "max",
            "min",
            "default",
            "defaultRequest",
            "sizeLimit",
            "averageValue",
            "divisor",
            "overhead",
        ];
        match (self, kind) {
            (Self::Verbatim | Self::Quantity, _) => self,
            (Self::Top, _) if key == "metadata" => Self::Metadata,
            _ if key == "selector" && kind != Kind::Service => self.plain(kind),
            _ if VERBATIM.contains(&key) => Self::Verbatim,
            (_, Kind::Custom) => Self::Custom,
            _ if QUANTITY.contains(&key) => Self::Quantity,
            _ => Self::Typed,
        }
    }

    fn plain(self, kind: Kind) -> Self {
        if kind == Kind::Custom { Self::Custom } else { Self::Typed }
    }
}

/// How a list merges.
#[derive(Debug, Clone, Copy)]
pub(crate) enum List {
    /// As one value, position by position.
    Whole,
    /// By the keys of its items; items of others do not count.
    Keyed(Keys),
    /// Each item by itself; items of others do not count.
    Set,
}

/// The fields that name an item of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys(&'static [&'static str]);

impl Keys {
    /// Whether two items have the same name. An absent `protocol` is TCP, the API server's default.
    pub(crate) fn same(self, one: &Value, other: &Value) -> bool {
        self.0.iter().all(|key| self.part(one, key) == self.part(other, key))
    }

    fn part(self, item: &Value, key: &str) -> Option<String> {
        match item.get(key) {
            Some(value) => Some(normal::short(value)),
            None if key == "protocol" => Some("TCP".to_owned()),
            None => None,
        }
    }

    /// The name of an item, for people.
    pub(crate) fn name(self, item: &Value) -> String {
        let parts: Vec<String> = self.0.iter().filter_map(|key| item.get(*key).map(normal::short)).collect();
        parts.join("/")
    }
}

/// How the list `key` of a `kind` merges (the `x-kubernetes-list-map-keys` of Kubernetes' OpenAPI). A list
/// whose items do not all have distinct keys compares as a whole.
pub(crate) fn list(kind: Kind, key: &str, items: &[Value]) -> List {
    if key == "finalizers" {
        return List::Set;
    }
    let keys: &'static [&'static str] = match (kind, key) {
        (_, "ownerReferences") => &["uid"],
        (Kind::Custom, _) => return List::Whole,
        (Kind::Webhooks, "webhooks" | "validations") => &["name"],
        (Kind::Service, "ports") => &["port", "protocol"],
        (_, "ports") if items.iter().all(|item| item.get("containerPort").is_some()) => {
            &["containerPort", "protocol"]
        }
        (
            _,
            "containers"
            | "initContainers"
            | "ephemeralContainers"
            | "env"
            | "volumes"
            | "imagePullSecrets"
            | "resourceClaims"
            | "claims"
            | "secrets",
        ) => &["name"],
        (_, "volumeMounts") => &["mountPath"],
        (_, "volumeDevices") => &["devicePath"],
        (_, "hostAliases") => &["ip"],
        (_, "topologySpreadConstraints") => &["topologyKey", "whenUnsatisfiable"],
        _ => return List::Whole,
    };
    let keys = Keys(keys);
    let named = |item: &Value| item.get(keys.0[0]).is_some();
    let distinct =
        |(index, item): (usize, &Value)| !items[..index].iter().any(|other| keys.same(item, other));
    if items.iter().all(named) && items.iter().enumerate().all(distinct) {
        List::Keyed(keys)
    } else {
        List::Whole
    }
}

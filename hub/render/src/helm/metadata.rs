//! What a chart says about itself: `Chart.yaml`, `requirements.yaml` of older charts, and their lock files.

use serde::Deserialize;
use serde_json::Value;
use shared_manifest::yaml;

/// `Chart.yaml`, as far as the hub acts on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    /// `v1` or `v2`; empty counts as `v1`.
    pub(crate) api_version: Text,
    /// The chart's name.
    pub(crate) name: Text,
    /// Its version.
    pub(crate) version: Text,
    /// The Kubernetes versions that it is for.
    pub(crate) kube_version: Text,
    /// The charts that it needs.
    #[serde(deserialize_with = "list")]
    pub(crate) dependencies: Vec<Dependency>,
}

/// A chart that another needs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Dependency {
    pub(crate) name: Text,
    pub(crate) version: Text,
    pub(crate) repository: Text,
    pub(crate) condition: Text,
    #[serde(deserialize_with = "list")]
    pub(crate) tags: Vec<Text>,
    pub(crate) enabled: bool,
    #[serde(deserialize_with = "list")]
    pub(crate) import_values: Vec<Value>,
    pub(crate) alias: Text,
}

/// `Chart.lock`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Lock {
    pub(crate) digest: Text,
    #[serde(deserialize_with = "list")]
    pub(crate) dependencies: Vec<Dependency>,
}

/// A text; null is an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::<String>::deserialize(deserializer)?.unwrap_or_default()))
    }
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A list; null is an empty one.
fn list<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads one of these files.
///
/// # Errors
/// What is wrong with it, without what it says.
pub(crate) fn read<T: serde::de::DeserializeOwned + Default>(bytes: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    match yaml::parse(text).map_err(|error| error.to_string())? {
        Value::Null => Ok(T::default()),
        value @ (Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_)) => shared_model::misfit::read(&value).map_err(|misfit| misfit.to_string()),
    }
}

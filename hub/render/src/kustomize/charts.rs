//! The charts that a kustomization names: `helmCharts`, `helmGlobals`, the older `helmChartInflationGenerator`, and the
//! configuration of a generator of that name (`api/types` of kustomize 5.8).

use super::{
    file::{self, take},
    values::Winner,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use shared_manifest::Problem;
use shared_model::misfit;

/// A chart.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Chart {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) repo: String,
    pub(crate) release_name: String,
    pub(crate) name_template: String,
    pub(crate) namespace: String,
    pub(crate) values_file: String,
    pub(crate) additional_values_files: Vec<String>,
    pub(crate) values_inline: Map<String, Value>,
    pub(crate) values_merge: String,
    #[serde(rename = "includeCRDs")]
    pub(crate) include_crds: bool,
    pub(crate) skip_hooks: bool,
    pub(crate) skip_tests: bool,
    pub(crate) kube_version: String,
    pub(crate) api_versions: Vec<String>,
    pub(crate) devel: bool,
    /// What is printed when it fails; the hub says it its own way.
    #[serde(rename = "debug")]
    _debug: bool,
    /// The folder of charts, from the kustomization.
    pub(crate) chart_home: String,
    /// Helm's own settings: the hub's credentials take their place.
    #[serde(rename = "configHome")]
    _config_home: String,
}

/// A chart, and which field says so.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named {
    pub(crate) field: String,
    pub(crate) chart: Chart,
    /// Whether it is of the kustomization itself: then its namespace may be the kustomization's.
    pub(crate) is_own: bool,
}

/// What is done with the values that are inline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inline {
    /// They are merged with those of the file.
    Merged(Winner),
    /// There is no file.
    Alone,
}

const GLOBALS: [&str; 2] = ["chartHome", "configHome"];
const FIELDS: [&str; 17] = [
    "name",
    "version",
    "repo",
    "releaseName",
    "nameTemplate",
    "namespace",
    "valuesFile",
    "additionalValuesFiles",
    "valuesInline",
    "valuesMerge",
    "includeCRDs",
    "skipHooks",
    "skipTests",
    "kubeVersion",
    "apiVersions",
    "devel",
    "debug",
];
/// Fields of old, and what they are called now; nothing for those that have no effect.
const OLD: [(&str, &str); 13] = [
    ("chartName", "name"),
    ("chartVersion", "version"),
    ("chartRepoUrl", "repo"),
    ("chartHome", "chartHome"),
    ("chartRepoName", ""),
    ("helmBin", ""),
    ("helmHome", "configHome"),
    ("values", "valuesFile"),
    ("valuesLocal", "valuesInline"),
    ("valuesMerge", "valuesMerge"),
    ("releaseName", "releaseName"),
    ("releaseNamespace", ""),
    ("extraArgs", ""),
];

impl Chart {
    /// What is done with the inline values.
    ///
    /// # Errors
    /// `valuesMerge` says something else.
    pub(crate) fn inline(&self) -> Result<Inline, Problem> {
        match self.values_merge.as_str() {
            "" | "override" => Ok(Inline::Merged(Winner::Inline)),
            "merge" => Ok(Inline::Merged(Winner::File)),
            "replace" => Ok(Inline::Alone),
            other => {
                let message = format!("`{other}` is no way to merge values");
                Err(Problem::new("valuesMerge", message, "write `override`, `merge` or `replace`"))
            }
        }
    }
}

/// Takes the charts out of a kustomization.
///
/// # Errors
/// What does not fit; unknown fields as well, as with the tool.
pub(crate) fn of_kustomization(fields: &mut Map<String, Value>) -> Result<Vec<Named>, Vec<Problem>> {
    let (mut charts, mut problems) = (Vec::new(), Vec::new());
    let globals = take(fields, "helmGlobals").filter(|value| !value.is_null());
    let mut home = None;
    if let Some(globals) = &globals {
        match read(globals, "helmGlobals", &GLOBALS.map(|name| (name, name))) {
            Ok(chart) => home = Some(chart.chart_home),
            Err(problem) => problems.push(problem),
        }
    }
    let known = FIELDS.map(|name| (name, name));
    let mut old_home = String::new();
    for (list, known) in [("helmCharts", &known[..]), ("helmChartInflationGenerator", &OLD[..])] {
        let value = take(fields, list).filter(|value| !value.is_null());
        let items = match value {
            None => continue,
            Some(Value::Array(items)) => items,
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) | Value::Null) => {
                problems.push(Problem::new(list, "it is not a list", "write a list of charts"));
                continue;
            }
        };
        for (at, item) in items.iter().enumerate() {
            let field = format!("{list}[{at}]");
            match read(item, &field, known) {
                Ok(chart) => {
                    if !chart.chart_home.is_empty() {
                        old_home.clone_from(&chart.chart_home);
                    }
                    charts.push(Named { field, chart, is_own: true });
                }
                Err(problem) => problems.push(problem),
            }
        }
    }
    let home = home.unwrap_or(old_home);
    charts.iter_mut().for_each(|named| named.chart.chart_home.clone_from(&home));
    if problems.is_empty() { Ok(charts) } else { Err(problems) }
}

/// The chart of a generator's configuration, which `field` names.
///
/// # Errors
/// What does not fit.
pub(crate) fn of_generator(config: &Value, field: &str) -> Result<Named, Problem> {
    let mut fields = Map::new();
    let known = FIELDS.iter().chain(&GLOBALS);
    for name in known.copied() {
        let found = config.as_object().and_then(|config| file::field(config, name));
        let Some(value) = found.filter(|value| !value.is_null()) else { continue };
        fields.insert(name.to_owned(), value.clone());
    }
    let chart =
        misfit::read(&Value::Object(fields)).map_err(|misfit| Problem::new(field, misfit.to_string(), ""))?;
    Ok(Named { field: field.to_owned(), chart, is_own: false })
}

/// Reads a chart whose fields have these names, and those of [`Chart`].
fn read(value: &Value, field: &str, known: &[(&str, &str)]) -> Result<Chart, Problem> {
    let Value::Object(said) = value else {
        return Err(Problem::new(field, "it is not a mapping", "write fields such as `name:` and `repo:`"));
    };
    let mut fields = Map::new();
    for (key, value) in said {
        let Some((_, name)) = known.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)) else {
            let message = format!("unknown field `{key}`");
            return Err(Problem::new(field, message, "correct its name, or leave it out"));
        };
        if !value.is_null() && !name.is_empty() {
            fields.insert((*name).to_owned(), value.clone());
        }
    }
    misfit::read(&Value::Object(fields)).map_err(|misfit| Problem::new(field, misfit.to_string(), ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn taken(fields: Value) -> Result<Vec<Named>, Vec<String>> {
        let Value::Object(mut fields) = fields else { panic!("{fields}") };
        let charts = of_kustomization(&mut fields);
        assert!(fields.is_empty(), "{fields:?}");
        charts.map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn old_and_new_fields_are_read() {
        let charts = taken(json!({
            "helmGlobals": {"chartHome": "../charts"},
            "HelmCharts": [{"name": "a", "includeCrds": true, "valuesInline": {"x": null}, "version": null}],
            "helmChartInflationGenerator": [
                {"chartName": "b", "chartRepoUrl": "https://x", "values": "v.yaml", "extraArgs": ["-x"], "chartHome": "no"},
            ],
        }))
        .unwrap();
        let said: Vec<_> = charts.iter().map(|c| (c.field.as_str(), c.chart.chart_home.as_str())).collect();
        assert_eq!(said, [("helmCharts[0]", "../charts"), ("helmChartInflationGenerator[0]", "../charts")]);
        assert!(charts[0].chart.include_crds && charts[0].chart.values_inline.contains_key("x"));
        assert_eq!(
            (charts[1].chart.repo.as_str(), charts[1].chart.values_file.as_str()),
            ("https://x", "v.yaml")
        );
        let old = taken(
            json!({"helmChartInflationGenerator": [{"chartName": "a", "chartHome": "x"}, {"chartName": "b"}]}),
        );
        assert_eq!(old.unwrap()[1].chart.chart_home, "x");
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_place() {
        let wrong = |fields: Value| taken(fields).unwrap_err().join("\n");
        assert_eq!(
            wrong(json!({"helmCharts": [{"name": "a", "version": 1.2}]})),
            "helmCharts[0]: version: expected a string"
        );
        assert_eq!(
            wrong(json!({"helmCharts": [{"nam": "a"}], "helmGlobals": {"home": "x"}})),
            "helmGlobals: unknown field `home`: correct its name, or leave it out\n\
             helmCharts[0]: unknown field `nam`: correct its name, or leave it out"
        );
    }

    #[test]
    fn a_generator_ignores_what_it_does_not_know() {
        let config = json!({
            "apiVersion": "builtin", "kind": "HelmChartInflationGenerator", "metadata": {"name": "x"},
            "Name": "a", "version": "1.2", "apiVersions": ["a/v1"], "skipTests": true, "chartHome": "c", "other": 1,
        });
        let Named { chart, is_own, .. } = of_generator(&config, "generators[0]").unwrap();
        assert_eq!((chart.version.as_str(), chart.chart_home.as_str(), is_own), ("1.2", "c", false));
        assert_eq!(chart.api_versions, ["a/v1"]);
        assert!(chart.skip_tests);
    }
}

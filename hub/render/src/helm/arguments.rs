//! The arguments of `helm template`, as Argo CD gives them (`util/helm/cmd.go`).

/// What `helm template` is told beside the chart, which is its working folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The release.
    pub(crate) name: String,
    /// Its namespace; the tool's own default when empty.
    pub(crate) namespace: String,
    /// The Kubernetes version without `v`; the tool's own default when empty.
    pub(crate) kube_version: String,
    /// API versions beyond those that the tool knows itself.
    pub(crate) api_versions: Vec<String>,
    /// Single values.
    pub(crate) set: Vec<(String, String)>,
    /// Single values that are texts.
    pub(crate) set_string: Vec<(String, String)>,
    /// Single values and the files whose contents they are.
    pub(crate) set_file: Vec<(String, String)>,
    /// Value files, the last wins.
    pub(crate) values: Vec<String>,
    /// Whether `crds/` is left out.
    pub(crate) skip_crds: bool,
    /// Whether values are not held against the schema.
    pub(crate) skip_schema_validation: bool,
    /// Whether tests are left out.
    pub(crate) skip_tests: bool,
}

impl Told {
    /// As words.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut words =
            vec!["template".to_owned(), ".".to_owned(), "--name-template".to_owned(), self.name.clone()];
        let mut option = |name: &str, value: String| words.push(format!("--{name}={value}"));
        if !self.namespace.is_empty() {
            option("namespace", self.namespace.clone());
        }
        if !self.kube_version.is_empty() {
            option("kube-version", self.kube_version.clone());
        }
        for (kind, values) in
            [("set", &self.set), ("set-string", &self.set_string), ("set-file", &self.set_file)]
        {
            for (name, value) in values {
                option(kind, format!("{name}={}", escape(value)));
            }
        }
        for file in &self.values {
            option("values", file.clone());
        }
        for version in &self.api_versions {
            option("api-versions", version.clone());
        }
        let flags = [
            (!self.skip_crds, "--include-crds"),
            (self.skip_schema_validation, "--skip-schema-validation"),
            (self.skip_tests, "--skip-tests"),
        ];
        words.extend(flags.iter().filter(|(set, _)| *set).map(|(_, flag)| (*flag).to_owned()));
        words
    }
}

/// A value as `--set` takes it: commas escaped unless they are, lists in braces as they are.
pub(crate) fn escape(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let mut escaped = String::with_capacity(value.len());
    let mut before = '\0';
    for c in value.chars() {
        if c == ',' && before != '\\' {
            escaped.push('\\');
        }
        escaped.push(c);
        before = c;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_are_escaped_once_and_lists_left_alone() {
        for (value, expected) in [
            ("a", "a"),
            ("a,b", r"a\,b"),
            (r"a\,b", r"a\,b"),
            (",,", r"\,\,"),
            ("{a,b}", "{a,b}"),
            ("{a,b", r"{a\,b"),
            ("a=b,c=[1]", r"a=b\,c=[1]"),
            ("", ""),
        ] {
            assert_eq!(escape(value), expected, "{value}");
        }
    }

    #[test]
    fn a_name_and_nothing_else_is_the_least() {
        let told = Told { name: "web".into(), ..Told::default() };
        assert_eq!(told.arguments(), ["template", ".", "--name-template", "web", "--include-crds"]);
    }
}

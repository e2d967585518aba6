//! What of its surroundings a chart can see: only that is given to it, so that clusters which differ in the rest share
//! what is rendered.
//!
//! Decides from the texts alone, without reading templates: every word that names something of the surroundings counts,
//! wherever it stands, and what follows it narrows it where that is beyond doubt. A template that prints all that it was
//! given (`toYaml $`) shows the tool's own defaults there.

use regex::bytes::Regex;
use std::{collections::BTreeSet, sync::LazyLock};

/// API versions that a chart can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Apis {
    /// Those of these names.
    Named(BTreeSet<String>),
    /// All.
    All,
}

impl Default for Apis {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

/// What a text mentions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mentions {
    /// `.Release.Name`.
    pub(crate) name: bool,
    /// `.Release.Namespace`.
    pub(crate) namespace: bool,
    /// The Kubernetes version.
    pub(crate) kube_version: bool,
    /// The API versions.
    pub(crate) apis: Apis,
    /// `.Files`: what is beside the templates.
    pub(crate) files: bool,
    /// Whether texts of values are templates as well.
    pub(crate) templated_values: bool,
    /// Random numbers, the time, or orders that differ from run to run.
    pub(crate) varies: bool,
}

/// What a match stands for.
struct Words {
    release: Regex,
    capabilities: Regex,
    files: Regex,
    templated: Regex,
    action: Regex,
    varies: Regex,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let regex = |pattern: &str| Regex::new(pattern).expect("a pattern of ours");
    Words {
        release: regex(r"\bRelease\b(?:\.(\w+))?"),
        capabilities: regex(r#"\bCapabilities\b(?:\.(\w+)(?:\.Has\s+["`]([^"`\s]+)["`])?)?"#),
        files: regex(r"\bFiles\b"),
        templated: regex(r"\btpl\b"),
        action: regex(r"(?s)\{\{.*?\}\}"),
        varies: regex(concat!(
            r"\b(?:rand[A-Z]\w*|shuffle|uuidv4|gen(?:PrivateKey|CA|SelfSigned|Signed)\w*|now|ago|",
            r"htpasswd|bcrypt|encryptAES|getHostByName)\b",
            // In no order: the functions, not files and fields of these names.
            r"|\b(?:keys|values)\s+[$.(]|\|\s*(?:keys|values)\b",
        )),
    }
});

impl Mentions {
    /// What a text mentions that is a template, or may become one.
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut found = Self::default();
        for mention in WORDS.release.captures_iter(text) {
            match mention.get(1).map(|field| field.as_bytes()) {
                Some(b"Name") => found.name = true,
                Some(b"Namespace") => found.namespace = true,
                Some(b"Service" | b"Revision" | b"IsInstall" | b"IsUpgrade") => {}
                Some(_) | None => (found.name, found.namespace) = (true, true),
            }
        }
        for mention in WORDS.capabilities.captures_iter(text) {
            let named = mention.get(2).map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned());
            match (mention.get(1).map(|field| field.as_bytes()), named) {
                (Some(b"KubeVersion"), _) => found.kube_version = true,
                (Some(b"HelmVersion"), _) => {}
                (Some(b"APIVersions"), Some(name)) => found.apis.add(Apis::Named(BTreeSet::from([name]))),
                (Some(b"APIVersions"), None) => found.apis = Apis::All,
                (Some(_) | None, _) => (found.kube_version, found.apis) = (true, Apis::All),
            }
        }
        found.files = WORDS.files.is_match(text);
        found.templated_values = WORDS.templated.is_match(text);
        found.varies = WORDS.action.find_iter(text).any(|action| WORDS.varies.is_match(action.as_bytes()));
        found
    }

    /// Everything: for what cannot be searched.
    pub(crate) fn all() -> Self {
        Self {
            name: true,
            namespace: true,
            kube_version: true,
            apis: Apis::All,
            files: true,
            templated_values: true,
            varies: true,
        }
    }

    /// With what another text mentions.
    pub(crate) fn add(&mut self, other: Self) {
        self.name |= other.name;
        self.namespace |= other.namespace;
        self.kube_version |= other.kube_version;
        self.apis.add(other.apis);
        self.files |= other.files;
        self.templated_values |= other.templated_values;
        self.varies |= other.varies;
    }
}

impl Apis {
    fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Named(known), Self::Named(more)) => known.extend(more),
            (_, Self::All) => *self = Self::All,
            (Self::All, Self::Named(_)) => {}
        }
    }

    /// Which of `given` are to be seen.
    pub(crate) fn of<'a>(&self, given: &'a [String]) -> Vec<&'a str> {
        let seen = |version: &&'a String| match self {
            Self::All => true,
            Self::Named(names) => names.contains(*version),
        };
        given.iter().filter(seen).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let Mentions { name, namespace, kube_version, apis, files, templated_values, varies } =
            Mentions::of(text.as_bytes());
        let apis = match apis {
            Apis::All => "apis".to_owned(),
            Apis::Named(names) => names.into_iter().collect::<Vec<_>>().join(" "),
        };
        let words = [
            (name, "name"),
            (namespace, "namespace"),
            (kube_version, "kube"),
            (!apis.is_empty(), apis.as_str()),
            (files, "files"),
            (templated_values, "tpl"),
            (varies, "varies"),
        ];
        let found: Vec<&str> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
        assert_eq!(found.join(" "), expected, "{text}");
    }

    #[test]
    fn only_what_is_mentioned_is_seen() {
        check("color: {{ .Values.color }}", "");
        check("name: {{ .Release.Name }}", "name");
        check("name: {{ $.Release.Namespace }}, {{ .Release.Service }}", "namespace");
        check("{{ with .Release }}{{ .Name }}{{ end }}", "name namespace");
        check("{{ include \"x\" (dict \"Release\" $.Release) }}", "name namespace");
        check("{{ .Values.ReleaseName }} {{ .Releases }}", "");
        check("{{ if semverCompare \">=1.21\" .Capabilities.KubeVersion.GitVersion }}", "kube");
        check("{{ if .Capabilities.APIVersions.Has \"batch/v1\" }}", "batch/v1");
        check("{{ if .Capabilities.APIVersions.Has `a/v1/K` }}{{ .Capabilities.HelmVersion }}", "a/v1/K");
        check("{{ if .Capabilities.APIVersions.Has $api }}", "apis");
        check("{{ $c := .Capabilities }}{{ $c.KubeVersion }}", "kube apis");
        check("{{ .Files.Get \"a\" }} {{ tpl .Values.a . }}", "files tpl");
    }

    #[test]
    fn what_may_differ_from_run_to_run_is_found_in_actions_only() {
        for action in
            ["randAlphaNum 8", "uuidv4", "now | date \"2006\"", "genCA \"x\" 1", "keys .Values.a | first"]
        {
            check(&format!("a: {{{{ {action} }}}}"), "varies");
        }
        check("# now is the time: see values.yaml\na: {{ .Values.keyset }}", "");
        check("{{ .Files.Get \"values.yaml\" }}", "files");
        check("{{- /* a comment */ -}}\n{{-\n  randInt 1 9\n}}", "varies");
    }

    #[test]
    fn named_versions_are_taken_from_those_given() {
        let given = ["a/v1".to_owned(), "b/v1".to_owned(), "b/v1/K".to_owned()];
        let mentions = |text: &str| Mentions::of(text.as_bytes()).apis;
        let mut apis = mentions("Capabilities.APIVersions.Has \"b/v1\"");
        assert_eq!(apis.of(&given), ["b/v1"]);
        apis.add(mentions("Capabilities.APIVersions"));
        assert_eq!(apis.of(&given).len(), 3);
    }
}

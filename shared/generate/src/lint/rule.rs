//! The rules by name.

use std::fmt;

/// How bad a finding is. The worst is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does not work.
    Error,
    /// It works, and most likely not as meant.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// `error`, `warning` or `info`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! rules {
    ($($rule:ident $name:literal $severity:ident $says:literal,)*) => {
        /// A rule.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $(#[doc = $says] $rule,)*
        }

        impl Rule {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$rule,)*];

            /// Its name, such as `unknown-key`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$rule => $name,)* }
            }

            /// How bad what it finds is, as a rule.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$rule => Severity::$severity,)* }
            }

            /// What it finds.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$rule => $says,)* }
            }
        }
    };
}

rules! {
    InvalidObject "invalid-object" Error "An object that the hub would refuse: an unknown field, a missing one.",
    DuplicateKey "duplicate-key" Error "A key that is there twice in one mapping: the last one wins.",
    ExpansionFails "expansion-fails" Error "A generator or a template fails, and with it the whole set.",
    InvalidApplication "invalid-application" Error "An Application that cannot be: no project, no destination.",
    InvalidName "invalid-name" Error "A generated name that Kubernetes does not take.",
    DuplicateName "duplicate-name" Error "Several Applications, or sets, of one name: none of them is written.",
    LongName "long-name" Warning "A generated name that is longer than a label or a Helm release may be.",
    WrongType "wrong-type" Error "A template field of another type than the Application's.",
    NullLost "null-lost" Warning "A null within valuesObject, which the template engine drops.",
    GoSyntax "go-syntax-in-flat-mode" Error "Go template syntax without goTemplate: true.",
    FlatSyntax "flat-syntax-in-go-mode" Error "A flat tag such as {{name}} with goTemplate: true.",
    TemplateSyntax "template-syntax" Error "A template that does not parse.",
    OptionsIgnored "options-ignored" Warning "goTemplateOptions without goTemplate: true.",
    NotRendered "template-not-rendered" Error "A template where none is rendered: generators are literal but in the second place of a matrix.",
    UnknownKey "unknown-key" Error "A template key that no generator gives.",
    MissingKey "missing-key" Warning "A template key that not every generator, or not every parameter set, gives.",
    UnusedValue "unused-value" Warning "A value of a generator that nothing reads.",
    UnusedKey "unused-key" Warning "A key of list elements that nothing reads.",
    NoEffect "no-effect" Warning "A field or generator that is accepted and not acted on.",
    GivesNothing "generator-gives-nothing" Warning "A generator that gives no parameters.",
    PathMatchesNothing "path-matches-nothing" Warning "A path of a git generator that matches, or excludes, nothing.",
    GeneratorDropped "generator-dropped" Warning "A generator of a merge whose parameters match nothing.",
    TemplateIgnored "template-ignored" Warning "A template of a generator within matrix or merge.",
    UnknownLabel "unknown-label" Warning "A selector on a label, or a value of it, that no cluster has.",
    EmptyWave "empty-wave" Warning "A step or wave that takes no Application.",
    InNoWave "in-no-wave" Error "An Application that no step or wave takes: it gets no release.",
    StepsIgnored "steps-ignored" Warning "Steps of rollingSync that are not followed.",
    StepOperator "step-operator" Error "An operator in a step that is not In or NotIn.",
    UnpinnedPrune "unpinned-prune" Warning "Automated prune behind a moving revision, with nothing that stages it.",
    PruneToNothing "prune-to-nothing" Warning "allowEmpty beside prune: a source that comes out empty takes everything along.",
    CascadingDeletion "cascading-deletion" Info "An Application that leaves the set takes its objects along.",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|rule| rule.name() == text).ok_or_else(|| {
            let meant = shared_model::nearest(text, Self::ALL.iter().map(|rule| rule.name()));
            let meant = meant.map(|meant| format!(": did you mean {meant}?")).unwrap_or_default();
            format!("there is no rule `{text}`{meant}")
        })
    }
}

//! A rendering that is ready to be done: what a tool is shown and told, and the name of its result.

use crate::view::View;
use shared_model::{Digest, RepoUrl};
use std::{fmt, path::PathBuf};

/// An official tool that the hub runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Renders charts.
    Helm,
    /// Builds overlays.
    Kustomize,
}

impl Kind {
    /// The program's name.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Helm => "helm",
            Self::Kustomize => "kustomize",
        }
    }
}

/// A tool that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Which.
    pub kind: Kind,
    /// Its program.
    pub path: PathBuf,
    /// As it says itself: `v4.3.1`.
    pub version: String,
}

/// What is done with a view. `Debug` shows no argument: it may be a value that is nobody's to read in a log.
#[derive(Clone, PartialEq, Eq)]
pub enum Work {
    /// The view's files are the manifests.
    Directory,
    /// A tool runs in the view and prints the manifests.
    Run {
        /// The tool.
        tool: Tool,
        /// Its arguments; paths in them are relative to `folder`.
        arguments: Vec<String>,
        /// Its working folder in the view.
        folder: String,
    },
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory => f.write_str("Directory"),
            Self::Run { tool, arguments, folder } => {
                write!(
                    f,
                    "{} {} in {folder}, {} arguments",
                    tool.path.display(),
                    tool.version,
                    arguments.len()
                )
            }
        }
    }
}

/// A rendering that is ready to be done.
#[derive(Debug, Clone)]
pub struct Job {
    /// What is done.
    pub work: Work,
    /// With what.
    pub view: View,
    /// Whether the same inputs may give different outputs (a chart that draws random numbers or asks for the time):
    /// then it is rendered twice the first time.
    pub may_vary: bool,
    /// For whom alone it is rendered, as text; empty for all. What may come out differently is nobody else's: a password
    /// that one Application drew must not be another's.
    pub own: String,
    /// Charts and repositories that were fetched, for who follows them: the address as in the source, and the revision.
    pub fetched: Vec<(RepoUrl, String)>,
    /// What people should hear of though it can be rendered (Argo CD's warning conditions).
    pub warnings: Vec<String>,
    /// The charts of an overlay: they are rendered before it, and it is shown what they come to.
    pub charts: Vec<Inflation>,
}

/// A chart of an overlay.
#[derive(Debug, Clone)]
pub struct Inflation {
    /// Where the overlay's view has what it comes to, as the tool prints it.
    pub at: String,
    /// For people: `chart web of overlays/prod/kustomization.yaml`.
    pub name: String,
    /// How it is rendered. It has no charts of its own.
    pub job: Job,
}

impl Job {
    /// Names the result: everything that it depends on, and nothing else.
    pub fn inputs(&self) -> Digest {
        let work = match &self.work {
            Work::Directory => "directory/2".to_owned(),
            Work::Run { tool, arguments, folder } => {
                let said = serde_json::to_string(&(tool.version.as_str(), folder, arguments));
                format!("{}/1\n{}", tool.kind.program(), said.expect("texts"))
            }
        };
        let own = if self.own.is_empty() { String::new() } else { format!("\nfor {}", self.own) };
        let charts = self.charts.iter().map(|chart| format!("\nchart {} {}", chart.at, chart.job.inputs()));
        let charts: String = charts.collect();
        Digest::of(format!("{work}\n{}{own}{charts}", self.view.digest()).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tool_is_told_is_not_shown() {
        let tool = Tool { kind: Kind::Helm, path: "/bin/helm".into(), version: "v4.3.1".to_owned() };
        let arguments = vec!["template".to_owned(), "--set=password=hunter2".to_owned()];
        let work = Work::Run { tool, arguments, folder: "chart".to_owned() };
        assert_eq!(format!("{work:?}"), "/bin/helm v4.3.1 in chart, 2 arguments");
        let own = String::new();
        let (fetched, warnings) = Default::default();
        let job =
            Job { work, view: View::new(), may_vary: false, own, fetched, warnings, charts: Vec::new() };
        assert!(!format!("{job:?} {job:#?}").contains("hunter2"));
    }
}

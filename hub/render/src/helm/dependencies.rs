//! The charts that a chart needs and does not have in `charts/`: put there as `helm dependency build` does it
//! (`pkg/downloader`), which Argo CD runs when `helm template` misses one.

use super::{
    CHART,
    chart::{Chart, Facts, Memo},
    lock,
    metadata::Dependency,
};
use crate::{
    request::{Failure, Request},
    tree::{Astray, Found, follow, join},
    view::View,
};
use shared_model::RepoUrl;
use shared_template::semver;
use std::{collections::BTreeSet, sync::Arc};

/// What the charts that were added bring along.
#[derive(Debug, Default)]
pub(super) struct Supplied {
    /// What their files say.
    pub(super) facts: Vec<Arc<Facts>>,
    /// Charts of the same repository, and where they are to be packed in the view.
    pub(super) local: Vec<(String, Chart)>,
    /// Paths of the chart that are not shown any more.
    pub(super) replaced: BTreeSet<String>,
    /// Repositories and versions.
    pub(super) fetched: Vec<(RepoUrl, String)>,
    /// What people should hear of.
    pub(super) warnings: Vec<String>,
}

/// Adds to the view what the chart needs and does not have.
pub(super) async fn supply(
    request: &Request<'_>,
    chart: &Chart,
    memo: &Memo,
    view: &mut View,
) -> Result<Supplied, Failure> {
    let mut supplied = Supplied::default();
    let facts = &chart.facts;
    if facts.missing().next().is_some() {
        for needed in locked(chart)? {
            add(request, chart, needed, memo, view, &mut supplied).await?;
        }
        // Older versions beside them make way, as with the tool; charts without a repository stay.
        let kept = |name: &str| {
            facts.metadata.dependencies.iter().any(|d| &*d.name == name && d.repository.is_empty())
        };
        let packed = facts.packed.iter().filter(|(_, name)| !kept(name));
        supplied.replaced = packed.map(|(file, _)| format!("charts/{file}")).collect();
    }
    let mut unmet = facts.unmet.clone();
    for facts in &supplied.facts {
        let own = facts.missing().map(|needed| format!("{}: {}", facts.metadata.name.0, needed.name.0));
        unmet.extend(own.chain(facts.unmet.iter().cloned()));
    }
    supplied.warnings = unmet
        .iter()
        .map(|unmet| {
            let (chart, name) = unmet.split_once(": ").unwrap_or(("", unmet));
            format!("the chart `{chart}` needs `{name}`, which is not in its charts/ folder: helm leaves it out; run `helm dependency build` there and commit what it adds")
        })
        .collect();
    Ok(supplied)
}

/// What to add: the versions of the lock file, if there is one.
fn locked(chart: &Chart) -> Result<&[Dependency], Failure> {
    let Facts { metadata, lock, .. } = &*chart.facts;
    let old = matches!(&*metadata.api_version, "" | "v1");
    match lock {
        None => Ok(&metadata.dependencies),
        Some(lock) if lock::fits(lock, &metadata.dependencies, old) => Ok(&lock.dependencies),
        Some(_) => {
            let (lock, needs) =
                if old { ("requirements.lock", "requirements.yaml") } else { ("Chart.lock", "Chart.yaml") };
            let place = if chart.folder.is_empty() { "." } else { &chart.folder };
            Err(Failure::inputs(
                "",
                format!("`{lock}` of the chart in `{place}` is out of sync with `{needs}`"),
                format!("run `helm dependency update` there and commit `{lock}`"),
            ))
        }
    }
}

async fn add(
    request: &Request<'_>,
    chart: &Chart,
    needed: &Dependency,
    memo: &Memo,
    view: &mut View,
    supplied: &mut Supplied,
) -> Result<(), Failure> {
    let Dependency { name, version, repository, .. } = needed;
    if repository.is_empty() {
        return match chart.facts.vendored.get(&**name) {
            Some(there) => fits(needed, there),
            None => Err(Failure::inputs(
                "",
                format!(
                    "the dependency `{}` has no repository and is not in the chart's charts/ folder",
                    name.0
                ),
                "commit it there, or say in Chart.yaml where it comes from",
            )),
        };
    }
    if let Some(path) = repository.strip_prefix("file://") {
        let folder = local(request, chart, needed, path).await?;
        let other = Chart::read(request.tree, &folder, memo).await.map_err(|failure| match failure {
            Failure::Inputs(problems) => Failure::Inputs(
                problems.into_iter().map(|problem| problem.of(format!("dependency {}", name.0))).collect(),
            ),
            failure @ Failure::Circumstance(_) => failure,
        })?;
        fits(needed, &other.facts.metadata.version)?;
        let at = archive(&other.facts.metadata.name, &other.facts.metadata.version);
        supplied.facts.push(Arc::clone(&other.facts));
        supplied.local.push((at, other));
        return Ok(());
    }
    let fetched = request.fetch.chart(repository, name, version).await?;
    supplied.facts.push(memo.archive(&fetched));
    view.make_known(archive(name, &fetched.version), fetched.id, fetched.archive);
    supplied.fetched.push((RepoUrl::new(repository.0.clone()), fetched.version));
    Ok(())
}

/// Where a packed chart is in the view.
fn archive(name: &str, version: &str) -> String {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "._-+".contains(c) { c } else { '_' }).collect()
    };
    format!("{CHART}/charts/{}-{}.tgz", plain(name), plain(version))
}

/// The folder of a chart in the same repository.
async fn local(
    request: &Request<'_>,
    chart: &Chart,
    needed: &Dependency,
    path: &str,
) -> Result<String, Failure> {
    let name = &needed.name.0;
    let fail = |what: String, remedy: &str| {
        Failure::inputs("", format!("the dependency `{name}` (`{}`) {what}", needed.repository.0), remedy)
    };
    let inside = "keep it in the repository and name it from the chart's folder, e.g. `file://../common`";
    let Some(path) = join(&chart.folder, path) else {
        return Err(fail("leads out of the repository".to_owned(), inside));
    };
    match follow(&**request.tree, &path).await {
        Ok(Found::Folder(folder)) => Ok(folder),
        Ok(Found::File(_)) => Err(fail("is a file".to_owned(), "name the folder of a chart")),
        Err(Astray::Absent { .. }) => {
            Err(fail(format!("is not there: there is no folder `{path}`"), "correct it, or add the chart"))
        }
        Err(astray @ Astray::Unreadable { .. }) => Err(Failure::Circumstance(astray.to_string())),
        Err(astray) => Err(fail(astray.to_string(), inside)),
    }
}

/// Whether a chart that is there is of a version that is asked for.
fn fits(needed: &Dependency, there: &str) -> Result<(), Failure> {
    let fail = |what: String, remedy: &str| {
        Err(Failure::inputs("", format!("the dependency `{}` {what}", needed.name.0), remedy))
    };
    match semver::matches(&needed.version, there) {
        Some(true) => Ok(()),
        Some(false) => fail(
            format!("is there in version {there}, which is not `{}`", needed.version.0),
            "change the version in Chart.yaml",
        ),
        None => fail(
            format!("has the version `{}`, which is not a range", needed.version.0),
            "write e.g. `^1.2.0`",
        ),
    }
}

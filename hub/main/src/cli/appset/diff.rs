//! `flotilla appset diff`: what a change of sets, clusters or Git would add, change and remove, on which clusters, in which wave.
//!
//! What writing an expansion changes is decided by the function that the hub uses, so that policies, preserved fields, ignored differences
//! and the brake on deletions count here too.
//!
//! Exit codes as `kubectl diff` has them: 0 no difference, 1 differences, 2 failed.

mod compared;
mod show;
mod sides;

use super::given;
use crate::{
    args::{Connection, Output, SetDiffOptions},
    cli::{app, output},
};
use anyhow::bail;
use compared::Compared;
use std::process::ExitCode;

/// What stands for the hub in `--against`.
const HUB: &str = "hub";

pub(super) async fn run(connection: Connection, options: SetDiffOptions) -> ExitCode {
    match app::unless_interrupted(Box::pin(compare(connection, &options))).await {
        None => app::interrupted(),
        Some(Ok(compared)) => tell(&compared, &options),
        Some(Err(error)) => {
            app::offline::progress("");
            output::error(&error);
            ExitCode::from(2)
        }
    }
}

fn tell(compared: &[Compared], options: &SetDiffOptions) -> ExitCode {
    match options.output {
        Output::Text => {
            show::text(compared, options.unified).iter().for_each(|line| output::line(line));
        }
        Output::Json => output::line(&show::json(compared)),
    }
    for one in compared {
        one.notes.iter().for_each(|note| output::note(&format!("note: {}: {note}", one.set)));
    }
    if compared.iter().any(Compared::differs) {
        return ExitCode::from(1);
    }
    let many: usize = compared.iter().map(|one| one.equal).sum();
    output::note(&format!("no difference ({many} application{})", if many == 1 { "" } else { "s" }));
    ExitCode::SUCCESS
}

async fn compare(connection: Connection, options: &SetDiffOptions) -> anyhow::Result<Vec<Compared>> {
    let asks_hub = options.against.iter().any(|against| against == HUB);
    let offline =
        !options.against.is_empty() || options.against_clusters.is_some() || options.revisions.is_some();
    if asks_hub
        && (options.against.len() > 1 || options.against_clusters.is_some() || options.revisions.is_some())
    {
        bail!(
            "--against hub compares with what the hub has: leave --against-clusters, --revisions and other files out"
        );
    }
    let clusters = options.inputs.clusters.iter().chain(&options.against_clusters);
    given::once(options.files.iter().chain(&options.against).chain(clusters))?;
    let same = !options.against.is_empty() && options.against == options.files;
    if same && options.against_clusters.is_none() && options.revisions.is_none() {
        bail!("--against names the same files as -f: there is nothing to compare");
    }
    let (before, after) = if offline && !asks_hub {
        sides::of_files(options).await?
    } else {
        sides::of_hub(connection, options).await?
    };
    compared::compared(before, after)
}

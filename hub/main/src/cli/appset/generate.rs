//! `flotilla appset generate`: the Applications of sets, with no hub.

use super::given::{self, Bench};
use crate::{
    args::{GenerateOptions, SetOutput},
    cli::{
        app::{self, offline::expand},
        output,
    },
};
use serde_json::Value;
use shared_manifest::yaml;
use std::process::ExitCode;

/// An Application, and the set and generator that it is from.
struct Made {
    object: Value,
    from: String,
}

pub(super) async fn run(options: GenerateOptions) -> anyhow::Result<ExitCode> {
    let Some(made) = app::unless_interrupted(Box::pin(made(&options))).await else {
        return Ok(app::interrupted());
    };
    print(&made?, options.output)?;
    Ok(ExitCode::SUCCESS)
}

/// The Applications of all sets, sorted by name.
async fn made(options: &GenerateOptions) -> anyhow::Result<Vec<Made>> {
    given::once(options.files.iter().chain(&options.inputs.clusters))?;
    let bench = Bench::new(&options.inputs)?;
    let sets = given::sets(&options.files, false)?.sets;
    let clusters = given::inputs(&given::clusters(options.inputs.clusters.as_deref())?)?;
    if options.revision.is_none() {
        bench.note_revisions(&sets);
    }
    let expanded = given::expanded(&sets, &clusters, &bench.trees, options.revision.as_deref()).await?;
    if options.inputs.clusters.is_none() {
        given::note_clusters(&sets, &expanded);
    }
    let mut made = Vec::new();
    for (set, expanded) in sets.iter().zip(expanded) {
        for remark in expand::remarks(set, &expanded) {
            output::note(&format!("note: {remark}"));
        }
        made.extend(expanded.expansion.applications.iter().map(|one| Made {
            object: one.object(),
            from: format!("ApplicationSet {}, {}", set.name(), one.origin),
        }));
    }
    let key = |made: &Made| {
        let text = |field: &str| made.object["metadata"][field].as_str().unwrap_or_default().to_owned();
        (text("name"), text("namespace"))
    };
    made.sort_by_key(key);
    Ok(made)
}

fn print(made: &[Made], form: SetOutput) -> anyhow::Result<()> {
    match form {
        SetOutput::Yaml => {
            for Made { object, from } in made {
                output::line(&format!("---\n# {from}\n{}", yaml::to_string(object).trim_end()));
            }
        }
        SetOutput::Json => {
            let all: Vec<&Value> = made.iter().map(|made| &made.object).collect();
            output::line(&serde_json::to_string_pretty(&all)?);
        }
        SetOutput::Name => {
            for made in made {
                let name = made.object["metadata"]["name"].as_str().unwrap_or_default();
                output::line(&format!("application.argoproj.io/{name}"));
            }
        }
    }
    Ok(())
}

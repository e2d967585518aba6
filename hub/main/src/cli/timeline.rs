//! `flotilla timeline`: what happened, a line each, the newest last.

mod seen;
mod zone;

use crate::{
    args::{Connection, TimelineForm, TimelineOptions},
    cli::{client::Hub, output},
};
use anyhow::{Context as _, bail};
use hub_show::{Detail, Screen, timeline_line};
use jiff::{Timestamp, tz::TimeZone};
use seen::Seen;
use serde_json::Value;
use shared_history::{Entry, Filter};
use std::{process::ExitCode, time::Duration};

/// The exit code of a program that Ctrl-C ended, as shells have it.
const INTERRUPTED: u8 = 130;
/// How long to wait before a hub that went away is asked again.
const AGAIN: Duration = Duration::from_secs(1);

pub(crate) async fn run(connection: Connection, options: TimelineOptions) -> anyhow::Result<ExitCode> {
    // Before the hub is asked: a wrong word is a wrong command line.
    Filter::default().add_kinds(&options.kind).context("--kind")?;
    let hub = Hub::connect(connection)?;
    let shown = Shown { form: options.output, zone: zone::local(), screen: Screen::detect() };
    let now = shared_runtime::now();
    let since = options.since.at(now);
    let list = hub.get(&path(&options, since, now)).await?;
    let entries = list["items"].as_array().cloned().unwrap_or_default();
    if options.watch {
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
        let mut seen = Seen::from(since);
        seen.news(&entries).into_iter().try_for_each(|entry| shown.entry(entry, now))?;
        return tokio::select! {
            ended = Box::pin(follow(&hub, &options, &shown, seen, version)) => ended,
            () = shared_runtime::interrupted() => Ok(ExitCode::from(INTERRUPTED)),
        };
    }
    match options.output {
        TimelineForm::Json => output::line(&serde_json::to_string_pretty(&entries)?),
        TimelineForm::Yaml => {
            output::line(shared_manifest::yaml::to_string(&Value::Array(entries)).trim_end());
        }
        TimelineForm::Text | TimelineForm::Wide if entries.is_empty() => {
            output::note("nothing happened in that time; --since 7d looks further back");
        }
        TimelineForm::Text | TimelineForm::Wide => {
            entries.iter().try_for_each(|entry| shown.entry(entry, now))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the hub is asked for.
fn path(options: &TimelineOptions, since: Timestamp, now: Timestamp) -> String {
    let mut path = format!("/flotilla/v1/timeline?last={}&since={since}", options.limit);
    if let Some(until) = options.until {
        path.push_str(&format!("&until={}", until.at(now)));
    }
    path.push_str(&filters(options));
    path
}

fn filters(options: &TimelineOptions) -> String {
    let given = [
        ("cluster", options.cluster.as_deref()),
        ("app", options.app.as_deref()),
        ("set", options.set.as_deref()),
        ("rollout", options.rollout.as_deref()),
        ("kind", Some(options.kind.as_str()).filter(|kind| !kind.is_empty())),
    ];
    let given = given.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    let encoded = |value: &str| value.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    given.map(|(name, value)| format!("&{name}={}", encoded(value))).collect()
}

/// Tells what happens from a version on. A hub that restarts or ends a watch that lasted long, and a version that it does
/// not keep any more, are no end: the last entries are asked for again, and those that were not told yet are told.
async fn follow(
    hub: &Hub,
    options: &TimelineOptions,
    shown: &Shown,
    mut seen: Seen,
    mut version: String,
) -> anyhow::Result<ExitCode> {
    loop {
        let began = tokio::time::Instant::now();
        let watch = format!("/flotilla/v1/timeline?watch=1&resourceVersion={version}{}", filters(options));
        let watched = hub
            .lines(&watch, |line| {
                let event: Value = serde_json::from_str(line).context("the hub's answer is no JSON")?;
                match event["type"].as_str() {
                    Some("ERROR") => bail!("{}", event["object"]["message"].as_str().unwrap_or_default()),
                    Some(_) | None => {
                        let entry = &event["object"];
                        let now = shared_runtime::now();
                        if seen.is_new(entry) { shown.entry(entry, now) } else { Ok(()) }
                    }
                }
            })
            .await;
        if let Err(error) = watched {
            tracing::debug!(%error, "the watch ended");
        }
        // One that ends at once must not keep the hub busy.
        if began.elapsed() < AGAIN {
            tokio::time::sleep(AGAIN).await;
        }
        loop {
            let now = shared_runtime::now();
            match hub.get(&path_again(options, seen.since())).await {
                Ok(list) => {
                    version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
                    let entries = list["items"].as_array().map_or(&[][..], Vec::as_slice);
                    let news = seen.news(entries);
                    if entries.len() as u64 >= u64::from(options.limit) && news.len() == entries.len() {
                        output::note(
                            "more happened than --limit lets through; what came before this is left out",
                        );
                    }
                    news.into_iter().try_for_each(|entry| shown.entry(entry, now))?;
                    break;
                }
                Err(error) if error.downcast_ref::<crate::cli::client::Refused>().is_some() => {
                    return Err(error);
                }
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }
}

fn path_again(options: &TimelineOptions, since: Timestamp) -> String {
    format!("/flotilla/v1/timeline?last={}&since={since}{}", options.limit, filters(options))
}

/// How entries are printed.
struct Shown {
    form: TimelineForm,
    zone: TimeZone,
    screen: Screen,
}

impl Shown {
    fn entry(&self, entry: &Value, now: Timestamp) -> anyhow::Result<()> {
        let detail = match self.form {
            TimelineForm::Json => {
                output::line(&entry.to_string());
                return Ok(());
            }
            TimelineForm::Yaml => {
                output::line(&format!("---\n{}", shared_manifest::yaml::to_string(entry).trim_end()));
                return Ok(());
            }
            TimelineForm::Text => Detail::Short,
            TimelineForm::Wide => Detail::Wide,
        };
        let entry: Entry =
            serde_json::from_value(entry.clone()).context("the hub's answer is of a newer version")?;
        output::line(&timeline_line(&entry, &self.zone, now, self.screen.style(), detail));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use clap::Parser as _;

    #[test]
    fn a_name_cannot_change_what_is_asked_for() {
        let words =
            ["flotilla", "timeline", "--cluster", "a&watch=1", "--kind", "drift,gate", "--since", "2h"];
        let crate::args::Command::Timeline(options) = Args::parse_from(words).command else { panic!() };
        let now: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        assert_eq!(
            path(&options, options.since.at(now), now),
            "/flotilla/v1/timeline?last=200&since=2026-11-21T01:00:00Z&cluster=%61%26%77%61%74%63%68%3D%31&kind=%64%72%69%66%74%2C%67%61%74%65"
        );
        let wrong = Args::try_parse_from(["flotilla", "timeline", "--since", "yesterday"]).unwrap_err();
        assert!(wrong.to_string().contains("write e.g. 12h"), "{wrong}");
    }
}

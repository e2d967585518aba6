//! The answer, for people and for programs.

use shared_model::duration;
use shared_simulate::{Assumptions, Ends, Forecast};
use std::time::Duration;

/// How many clusters of a wave are named.
const NAMED: usize = 3;

pub(super) fn json(said: &Forecast, title: &str, notes: &[String]) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(said)?;
    value["title"] = title.into();
    value["notes"] = notes.into();
    Ok(serde_json::to_string_pretty(&value)?)
}

/// What the answer rests on, with the options that change it.
fn assumed(assumptions: &Assumptions) -> String {
    let half = duration(assumptions.healthy_after);
    let most = duration(assumptions.healthy_after.mul_f64(assumptions.spread));
    let approved = match assumptions.approved_after {
        Some(after) => format!("approvals come after {}", duration(after)),
        None => "nobody approves".to_owned(),
    };
    format!(
        "Assumed: half of the members are Healthy within {half} of their release (--healthy-after), nine in ten within {most} (--spread); {approved} (--approved-after)"
    )
}

pub(super) fn text(said: &Forecast, title: &str, assumptions: &Assumptions) -> Vec<String> {
    let mut lines = vec![format!("Simulated: {title}"), assumed(assumptions), String::new()];
    lines.push("If nothing fails".to_owned());
    lines.extend(table(&["WAVE", "MEMBERS", "OPENS", "PASSES", "CLUSTERS"], &waves(said)));
    let clean = &said.clean;
    lines.push(match (clean.ending.as_str(), clean.p50) {
        ("Done", Some(took)) => format!("done after {}", rough(took)),
        (_, took) => format!("stops after {}: {}", time(took), clean.reason),
    });
    section(&mut lines, "It waits for", &said.waits, said.waits.len());
    section(&mut lines, "Without the release at the end", &said.left, said.left_count);
    section(&mut lines, "In no wave", &said.in_no_wave, said.in_no_wave_count);
    lines.push(String::new());
    lines.push("If the release is bad from a wave on, it fails on".to_owned());
    lines.extend(table(&["BAD FROM", "CLUSTERS", "MEMBERS", "THEN"], &exposure(said)));
    lines.push(String::new());
    let failing = assumptions.failure_rate * 100.0;
    let away = assumptions.unreachable_rate * 100.0;
    lines.push(format!(
        "{} runs in which {failing}% of the members fail and {away}% of the clusters are cut off (seed {})",
        said.runs, said.seed
    ));
    let rows: Vec<_> = said.ends.iter().map(|ends| end(ends, said.runs)).collect();
    lines.extend(table(&["ENDS", "RUNS", "HALF TAKE", "NINE IN TEN", "FAILED ON", "WHY, FOR ONE"], &rows));
    lines
}

fn waves(said: &Forecast) -> Vec<Vec<String>> {
    let row = |wave: &shared_simulate::WavePlan| {
        let names: Vec<_> = wave.clusters.iter().take(NAMED).map(|name| name.as_str()).collect();
        let more = wave.clusters.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        vec![
            wave.name.clone(),
            wave.members.to_string(),
            time(wave.opens),
            time(wave.passes),
            format!("{}{more}", names.join(", ")),
        ]
    };
    said.waves.iter().map(row).collect()
}

fn exposure(said: &Forecast) -> Vec<Vec<String>> {
    let row = |at: &shared_simulate::Exposure| {
        vec![
            at.wave.clone(),
            format!("{} of {}", at.clusters, at.of),
            at.members.to_string(),
            format!("{} after {}", words(&at.ending, None), time(at.after)),
        ]
    };
    said.exposure.iter().map(row).collect()
}

fn end(ends: &Ends, runs: usize) -> Vec<String> {
    let share = ends.runs * 100 / runs.max(1);
    vec![
        words(&ends.ending, ends.wave.as_deref()),
        format!("{} ({share}%)", ends.runs),
        time(ends.p50),
        time(ends.p90),
        format!("at most {}", ends.worst_clusters),
        ends.reason.clone(),
    ]
}

fn words(ending: &str, wave: Option<&str>) -> String {
    let wave = wave.map(|wave| format!(" in {wave}")).unwrap_or_default();
    match ending {
        "Done" => "done".to_owned(),
        "Halted" => format!("halts{wave}"),
        "RolledBack" => format!("goes back{wave}"),
        _ => "waits for somebody".to_owned(),
    }
}

fn section(lines: &mut Vec<String>, title: &str, entries: &[String], count: usize) {
    if count == 0 {
        return;
    }
    lines.push(String::new());
    lines.push(title.to_owned());
    lines.extend(entries.iter().map(|entry| format!("  {entry}")));
    let more = count.saturating_sub(entries.len());
    lines.extend((more > 0).then(|| format!("  and {more} more")));
}

fn table(heading: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    crate::cli::output::columns(heading, rows).into_iter().map(|row| format!("  {row}")).collect()
}

fn time(length: Option<Duration>) -> String {
    length.map_or_else(|| "never".to_owned(), rough)
}

/// To the second, and to the minute beyond ten.
fn rough(length: Duration) -> String {
    let seconds = length.as_secs();
    let whole = if seconds > 600 { seconds.div_ceil(60) * 60 } else { seconds };
    duration(Duration::from_secs(whole))
}

//! `flotilla rollout status`: everything that there is to say of one rollout.

use super::{decide::wave_name, name, text};
use crate::{
    args::Status,
    cli::{client::Hub, output, printing},
};
use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::Value;
use shared_model::Kind;
use shared_project::{Settings, settings};

pub(super) async fn show(hub: &Hub, asked: &Status) -> anyhow::Result<()> {
    let rollout = name::find(hub, &asked.which).await?;
    if let Some(lines) = printing::one(asked.printing.output, Kind::FleetRollout, &rollout) {
        lines.iter().for_each(|line| output::line(line));
        return Ok(());
    }
    let url = trace_url(hub, asked, &text(&rollout, "/spec/traceId")).await?;
    lines(&rollout, url.as_deref()).iter().for_each(|line| output::line(line));
    Ok(())
}

/// Where the trace is shown, by the option or else the hub's settings.
async fn trace_url(hub: &Hub, asked: &Status, trace: &str) -> anyhow::Result<Option<String>> {
    if trace.is_empty() {
        return Ok(None);
    }
    if let Some(template) = &asked.trace_url {
        return Ok(Some(
            settings::trace_url(template, trace).map_err(|problem| anyhow!("--trace-url {problem}"))?,
        ));
    }
    let config_map = hub.find(Kind::ConfigMap, settings::NAMESPACE, settings::NAME).await?;
    let template = config_map.and_then(|config_map| Settings::read(&config_map).traces_url);
    Ok(template.and_then(|template| settings::trace_url(&template, trace).ok()))
}

/// A time to the second, as people read it.
pub(crate) fn time(text: &str) -> String {
    let seconds = text.parse::<Timestamp>().and_then(|at| at.round(jiff::Unit::Second));
    seconds.map_or_else(|_| text.to_owned(), |at| at.to_string())
}

/// The lines about a rollout.
pub(super) fn lines(rollout: &Value, trace_url: Option<&str>) -> Vec<String> {
    let mut lines: Vec<String> =
        head(rollout, trace_url).into_iter().map(|(title, text)| format!("{title:<12}{text}")).collect();
    let status = &rollout["status"];
    section(&mut lines, "", waves(status));
    section(&mut lines, "Gates:", gates(rollout));
    section(&mut lines, "Members that a person may have to look at:", exceptional(status));
    section(&mut lines, "Decisions:", decisions(status));
    lines
}

fn section(lines: &mut Vec<String>, title: &str, content: Vec<String>) {
    if content.is_empty() {
        return;
    }
    lines.push(String::new());
    if title.is_empty() {
        lines.extend(content);
    } else {
        lines.push(title.to_owned());
        lines.extend(content.into_iter().map(|line| format!("  {line}")));
    }
}

fn head(rollout: &Value, trace_url: Option<&str>) -> Vec<(&'static str, String)> {
    let get = |pointer: &str| text(rollout, pointer);
    let mut lines = vec![
        ("NAME", get("/metadata/name")),
        (
            "OWNER",
            format!(
                "{} {}/{}",
                get("/spec/owner/kind"),
                get("/spec/owner/namespace"),
                get("/spec/owner/name")
            ),
        ),
    ];
    let commits = rollout.pointer("/spec/commits").and_then(Value::as_array);
    lines.extend(commits.into_iter().flatten().map(|pin| {
        let commit = text(pin, "/commit");
        let of = format!("{} of {}", text(pin, "/revision"), text(pin, "/repoURL"));
        ("COMMIT", format!("{} ({of})", hub_show::short(&commit)))
    }));
    lines.push(("PLAN", plan(&rollout["spec"]["plan"])));
    let mut phase = get("/status/phase");
    if let Some(attempt) = rollout.pointer("/status/attempt").and_then(Value::as_u64) {
        phase.push_str(&format!(", attempt {}", attempt + 1));
    }
    lines.push(("PHASE", phase));
    for (title, pointer) in [("STARTED", "/status/started"), ("FINISHED", "/status/finished")] {
        if !get(pointer).is_empty() {
            lines.push((title, time(&get(pointer))));
        }
    }
    if let Some(paused) = rollout.pointer("/status/paused") {
        lines.push(("PAUSED", who(paused, "since")));
    }
    if let Some(halted) = rollout.pointer("/status/halted") {
        let wave = halted["wave"].as_u64().and_then(|wave| usize::try_from(wave).ok()).unwrap_or_default();
        let cluster = text(halted, "/cluster");
        let on = if cluster.is_empty() { String::new() } else { format!(" on {cluster}") };
        let at = time(&text(halted, "/at"));
        lines.push((
            "HALTED",
            format!("in wave {}{on} at {at}: {}", wave_name(rollout, wave), text(halted, "/reason")),
        ));
    }
    if let Some(rollback) = rollout.pointer("/status/rollback") {
        let pins = if rollback["pins"] == true { "; newer commits wait for a resume" } else { "" };
        lines.push(("ROLLBACK", format!("{}{pins}", who(rollback, "since"))));
    }
    if !get("/status/waitsFor").is_empty() {
        lines.push(("WAITS FOR", get("/status/waitsFor")));
    }
    let notes = rollout.pointer("/status/notes").and_then(Value::as_array);
    let notes = notes.into_iter().flatten().filter_map(Value::as_str);
    lines.extend(notes.map(|note| ("NOTE", note.to_owned())));
    let trace = get("/spec/traceId");
    if !trace.is_empty() {
        lines.push(("TRACE", trace));
        lines.extend(trace_url.map(|url| ("", url.to_owned())));
    }
    lines
}

/// As in `by ann since 2026-01-01T00:00:00Z: INC-7`; the policy where no person is named.
fn who(decided: &Value, when: &str) -> String {
    let by = text(decided, "/by");
    let by = if by.is_empty() { "by the policy".to_owned() } else { format!("by {by}") };
    let reason = text(decided, "/reason");
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    let until = text(decided, "/until");
    let until = if until.is_empty() { String::new() } else { format!(" until {}", time(&until)) };
    format!("{by} {when} {}{until}{reason}", time(&text(decided, "/at")))
}

fn plan(plan: &Value) -> String {
    let names = |list: &Value| {
        let names = list.as_array().into_iter().flatten().map(|wave| text(wave, "/name"));
        names.collect::<Vec<_>>().join(", ")
    };
    if plan["policy"].is_object() {
        let failure = text(plan, "/policy/onFailure");
        let failure = if failure.is_empty() { "Halt" } else { &failure };
        return format!("policy with waves {}; on failure {failure}", names(&plan["policy"]["waves"]));
    }
    match plan["rollingSync"]["steps"].as_array() {
        Some(steps) => format!("rollingSync of {} steps", steps.len()),
        None => "everything at once: neither policy nor rollingSync".to_owned(),
    }
}

fn waves(status: &Value) -> Vec<String> {
    let waves = status["waves"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |wave: &Value| {
        let count = |field: &str| wave[field].as_u64().unwrap_or(0).to_string();
        let state = match (wave["opened"].is_string(), wave["passed"].is_string()) {
            (_, true) => "passed",
            (true, false) => "open",
            (false, false) => "closed",
        };
        let mut row = vec![text(wave, "/name"), state.to_owned()];
        row.push(format!("{}/{}", count("proven"), count("total")));
        row.extend(["released", "failed", "excused", "back", "waiting"].map(count));
        row.push(time(&text(wave, "/opened")));
        row.push(time(&text(wave, "/passed")));
        row
    };
    if waves.is_empty() {
        return Vec::new();
    }
    let heading =
        ["WAVE", "STATE", "PROVEN", "UPDATING", "FAILED", "EXCUSED", "BACK", "WAITING", "OPENED", "PASSED"];
    output::columns(&heading, &waves.iter().map(row).collect::<Vec<_>>())
}

/// Every gate decision with its evidence: what a wave passed with, and who approved it.
fn gates(rollout: &Value) -> Vec<String> {
    let status = &rollout["status"];
    let waves = status["waves"].as_array().map(Vec::as_slice).unwrap_or_default();
    let given = status["approvals"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut lines = Vec::new();
    for (index, wave) in waves.iter().enumerate() {
        let name = text(wave, "/name");
        let approved = |side: &str| {
            let of = given.iter().filter(|one| one["wave"] == index && one["side"] == *side);
            let word = if side == "Before" { "begin" } else { "pass" };
            of.map(|one| format!("{name} may {word}: approved {}", who(one, "at"))).collect::<Vec<_>>()
        };
        lines.extend(approved("Before"));
        lines.extend(approved("After"));
        if wave["passed"].is_string() {
            let evidence = &wave["evidence"];
            let count = |field: &str| evidence[field].as_u64().unwrap_or(0);
            let with = if evidence.is_object() {
                format!(
                    " with {} of {} proven, {} excused, {} failed",
                    count("proven"),
                    count("total"),
                    count("excused"),
                    count("failed")
                )
            } else {
                String::new()
            };
            lines.push(format!("{name} passed at {}{with}", time(&text(wave, "/passed"))));
        }
    }
    lines
}

fn exceptional(status: &Value) -> Vec<String> {
    let listed = status["exceptional"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |member: &Value| {
        let state = match text(member, "/excused") {
            excused if excused.is_empty() => text(member, "/state"),
            excused => format!("{} (excused: {excused})", text(member, "/state")),
        };
        vec![text(member, "/application"), text(member, "/cluster"), state, text(member, "/waitsFor")]
    };
    let mut lines = Vec::new();
    if !listed.is_empty() {
        let rows: Vec<_> = listed.iter().map(row).collect();
        lines.extend(output::columns(&["APPLICATION", "CLUSTER", "STATE", "WAITS FOR"], &rows));
    }
    if let Some(more) = status["exceptionalOmitted"].as_u64() {
        lines.push(format!("and {more} more; `flotilla rollout why` lists them all"));
    }
    let may_run = status["mayRun"].as_array().into_iter().flatten();
    lines.extend(may_run.map(|member| {
        format!(
            "{} on {} may run this unproven release: its cluster was excused while it did",
            text(member, "/application"),
            text(member, "/cluster")
        )
    }));
    lines
}

fn decisions(status: &Value) -> Vec<String> {
    let taken = status["decisions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = |one: &Value| {
        let clusters = one["clusters"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let of: Vec<&str> = one["wave"].as_str().into_iter().chain(clusters).collect();
        let what = format!("{} {}", text(one, "/decision"), of.join(","));
        vec![time(&text(one, "/at")), text(one, "/by"), what.trim_end().to_owned(), text(one, "/reason")]
    };
    if taken.is_empty() {
        return Vec::new();
    }
    output::columns(&["AT", "BY", "DECISION", "REASON"], &taken.iter().map(row).collect::<Vec<_>>())
}

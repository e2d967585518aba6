//! The measurements, one workload after the other.

use crate::{
    args::Args,
    floors::{Floors, Needs},
    ground::{Ground, newest},
    idle,
    measure::{Cost, Meter},
    workload::Name,
};
use anyhow::{Context as _, Result, ensure};
use benches_agent::{
    quantile::quantile,
    table::{megabytes, say, time},
};
use benches_machine::{load, machine};
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde_json::Value;
use shared_model::Kind;
use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

/// How long nothing happens before something is measured, and nobody looks.
const REST: Duration = Duration::from_secs(17);

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) published: &'static str,
    pub(crate) aim: &'static str,
    pub(crate) measured: String,
    /// What the machine takes at least.
    pub(crate) floor: String,
    pub(crate) cost: String,
}

/// Measures what was asked for and prints it.
///
/// # Errors
/// When something cannot be started, or does not get where it should.
pub async fn run(args: &Args, program: &Path) -> Result<()> {
    let _allowed = rlimit::increase_nofile_limit(u64::MAX).context("raise the limit of open files")?;
    let (machine, load_before) = (machine(), load());
    let folder = tempfile::tempdir()?;
    let floors = Floors::measure(folder.path())?;
    let names = if args.workloads.is_empty() { Name::ALL.to_vec() } else { args.workloads.clone() };
    let mut rows = Vec::new();
    // These three stand on one ground.
    let staged: Vec<Name> = names.iter().copied().filter(|name| is_staged(*name)).collect();
    if let Some(first) = staged.first() {
        let mut ground = Ground::start(args, first.workload(args), program).await?;
        for name in staged {
            ground.workload = name.workload(args);
            rows.extend(measure(args, &mut ground, floors).await?);
        }
    }
    for name in names.into_iter().filter(|name| !is_staged(*name)) {
        let workload = name.workload(args);
        if name == Name::Idle {
            rows.push(idle::measure(args, workload, program, floors).await?);
            continue;
        }
        let mut ground = Ground::start(args, workload, program).await?;
        rows.extend(measure(args, &mut ground, floors).await?);
    }
    say(&format!("\n{machine}; load average before {load_before}, after {}", load()));
    say(&format!(
        "floors: {:.0} mutual TLS handshakes a second on a core (both sides), {:.0} durable writes of 4 KiB a second, {:.1} GB a second over loopback\n",
        floors.handshakes,
        floors.durable,
        floors.loopback / 1e9
    ));
    say("| workload | published | aim | measured | cost | floor |\n|---|---|---|---|---|---|");
    for Row { what, published, aim, measured, floor, cost } in rows {
        say(&format!("| {what} | {published} | {aim} | {measured} | {cost} | {floor} |"));
    }
    Ok(())
}

const fn is_staged(name: Name) -> bool {
    matches!(name, Name::Staged | Name::Alone | Name::Restart)
}

async fn measure(args: &Args, ground: &mut Ground, floors: Floors) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for round in 0..args.rounds.max(1) {
        let is_restart = ground.workload.name == Name::Restart;
        let row = if is_restart {
            restart(ground, floors).await?
        } else {
            push(args, ground, floors, round == 0).await?
        };
        say(&format!("{}: {} | {} | floor: {}", row.what, row.measured, row.cost, row.floor));
        rows.push(row);
    }
    Ok(rows)
}

/// A revision goes out; how long each rollout took.
async fn push(args: &Args, ground: &mut Ground, floors: Floors, first: bool) -> Result<Row> {
    let sets = ground.workload.touched();
    let revision = format!("r{}", ground.rounds);
    ground.rounds += 1;
    ground.write(&revision, 0..sets)?;
    tokio::time::sleep(REST).await;
    let profile = args.profile.as_ref().filter(|_| first).map(|command| profile(command, ground));
    let _profile = profile.transpose()?;
    let before = Renderings::of(ground).await?;
    let meter = Meter::start(&ground.hub, &ground.agents)?;
    ground.push().await?;
    ground.arrived(&revision, sets).await?;
    let everywhere = meter.elapsed();
    let rollouts = ground.done().await?;
    let cost = meter.stop(&ground.hub, &ground.agents)?;
    let times = times(&rollouts, meter.at, sets)?;
    let needs = Needs { turns: ground.workload.turns(), handshakes: 0, bytes: cost.network };
    let mut measured = format!("{times}; on every cluster after {}", time(everywhere));
    let mut floor = floors.of(needs);
    if let (Some(before), Some(now)) = (before, Renderings::of(ground).await?) {
        let (count, spent) = (now.count - before.count, now.seconds - before.seconds);
        let expected = if ground.workload.name == Name::Values { ground.workload.clusters } else { 1 };
        ensure!(count == expected, "{count} charts were rendered, and {expected} are different");
        let each = crate::charts::alone(ground)?;
        let cores = std::thread::available_parallelism()?.get();
        let least = each * u32::try_from(count)? / u32::try_from(cores)?;
        measured.push_str(&format!("; {count} rendered in {spent:.2} s of the renderer's slots"));
        floor.push_str(&format!(
            ", charts {} (helm alone takes {} for one, on each of {cores} cores)",
            time(least),
            time(each)
        ));
    }
    row(ground, measured, &cost, floor)
}

/// How many charts the hub has rendered, and for how long.
struct Renderings {
    count: usize,
    seconds: f64,
}

impl Renderings {
    /// `None` where the workload has no charts.
    async fn of(ground: &Ground) -> Result<Option<Self>> {
        if !ground.workload.has_charts() {
            return Ok(None);
        }
        let metrics = ground.hub.admin()?.text("/metrics").await?;
        let sum = |name: &str| {
            let lines = metrics.lines().filter(|line| line.starts_with(name));
            lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>()
        };
        let count = sum("flotilla_render_seconds_count") as usize;
        Ok(Some(Self { count, seconds: sum("flotilla_render_seconds_sum") }))
    }
}

fn profile(command: &str, ground: &Ground) -> Result<std::process::Child> {
    let command = command.replace("{}", &ground.hub.watched()?.0.to_string());
    std::process::Command::new("sh").args(["-c", &command]).spawn().context("start the profiler")
}

/// From the push to the end of each rollout, and to the first release of the first.
fn times(rollouts: &BTreeMap<String, Value>, from: Timestamp, sets: usize) -> Result<String> {
    let at = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    let since = |at: Timestamp| Duration::try_from(at.duration_since(from)).unwrap_or_default();
    let finished = rollouts.values().filter_map(|rollout| at(&rollout["status"]["finished"]));
    let finished: Vec<Duration> = finished.filter(|at| *at > from).map(since).collect();
    ensure!(finished.len() == sets, "{} of {sets} rollouts ended", finished.len());
    let started = rollouts.values().filter_map(|rollout| at(&rollout["status"]["started"]));
    let started: Vec<Duration> = started.filter(|at| *at > from).map(since).collect();
    let [median, most] = [50, 90].map(|percent| time(quantile(&finished, percent)));
    let (first, last) = (time(quantile(&started, 0)), time(quantile(&started, 100)));
    Ok(format!(
        "p50 {median}, p90 {most}, max {}; started after {first} to {last}",
        time(quantile(&finished, 100))
    ))
}

fn row(ground: &Ground, measured: String, cost: &Cost, floor: String) -> Result<Row> {
    let workload = &ground.workload;
    let complaints = ground.hub.complaints();
    ensure!(
        !complaints.iter().any(|line| line.contains("invariant")),
        "a plan was refused:\n{}",
        complaints.join("\n")
    );
    let Cost { hub, peak, agents, agents_resident, written, network, time: took } = cost;
    Ok(Row {
        what: workload.told(),
        published: workload.published,
        aim: workload.aim,
        measured,
        floor,
        cost: format!(
            "hub {:.1} s of CPU in {:.1} s, peak {}; agents {:.1} s of CPU, {}; {} written by the hub, {} over loopback",
            hub.as_secs_f64(),
            took.as_secs_f64(),
            megabytes(*peak),
            agents.as_secs_f64(),
            megabytes(*agents_resident),
            megabytes(written / 1024),
            megabytes(network / 1024),
        ),
    })
}

/// The number of each set's newest rollout.
fn sequences(rollouts: &BTreeMap<String, Value>) -> BTreeMap<String, u64> {
    let sequence = |rollout: &Value| rollout["spec"]["sequence"].as_u64().unwrap_or_default();
    rollouts.iter().map(|(set, rollout)| (set.clone(), sequence(rollout))).collect()
}

/// How far a rollout was at times.
type Course = Vec<(Duration, usize)>;

/// The hub is killed when a third of the clusters have the revision, and started again.
async fn restart(ground: &mut Ground, floors: Floors) -> Result<Row> {
    let (sets, wanted) = (ground.workload.sets, ground.workload.members(ground.workload.sets));
    let revision = format!("r{}", ground.rounds);
    ground.rounds += 1;
    ground.write(&revision, 0..sets)?;
    let known = sequences(&ground.done().await?);
    tokio::time::sleep(REST).await;
    let before = Meter::start(&ground.hub, &ground.agents)?;
    ground.push().await?;
    let course = follow(ground, &revision, wanted / 3).await?;
    let speed = speed(&course);
    let decided = decisions(ground).await?;
    ground.hub.kill();
    let killed = ground.agents.count(&revision).await?;
    let answers = ground.hub.restart().await?;
    let meter = Meter::start(&ground.hub, &ground.agents)?;
    let began = meter.elapsed();
    let course = follow(ground, &revision, wanted).await?;
    let first = course.iter().find(|(_, count)| *count > killed).map(|(at, _)| *at + answers + began);
    let full = full_speed(&course, speed).map(|at| at + answers);
    let rollouts = ground.done().await?;
    let cost = meter.stop(&ground.hub, &ground.agents)?;
    let times = times(&rollouts, before.at, sets)?;
    let next = known.into_iter().map(|(set, sequence)| (set, sequence + 1)).collect();
    ensure!(sequences(&rollouts) == next, "a rollout was made twice, or not at all");
    let kept = unchanged(&decided, &decisions(ground).await?)?;
    let [first, full] = [first, full].map(|at| at.map_or("never".to_owned(), time));
    let measured = format!(
        "{kept} decisions of before stand; answers after {}, first release after {first}, full speed ({speed:.0} members a second) after {full}; {times}",
        time(answers)
    );
    let turns = ground.workload.turns();
    let needs = Needs { turns, handshakes: ground.workload.clusters, bytes: cost.network };
    row(ground, measured, &cost, floors.of(needs))
}

/// What was decided for each member of the sets' newest rollouts: its wave, how far it is, since when.
type Decisions = BTreeMap<(String, String), Value>;

async fn decisions(ground: &Ground) -> Result<Decisions> {
    let admin = ground.hub.admin()?;
    let names = newest(admin.list(Kind::FleetRollout).await?);
    let names = names
        .into_values()
        .map(|rollout| rollout["metadata"]["name"].as_str().unwrap_or_default().to_owned());
    let of_each = names.map(|name| async move {
        let path = format!("/apis/flotilla.dev/v1alpha1/namespaces/argocd/fleetrollouts/{name}/members");
        let mut members = admin.get(&path).await?;
        let members = members["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let keyed = members
            .into_iter()
            .map(move |member| ((name.clone(), member["application"].to_string()), member));
        anyhow::Ok(keyed.collect::<Vec<_>>())
    });
    let all: Vec<_> = futures::stream::iter(of_each).buffer_unordered(8).try_collect().await?;
    Ok(all.into_iter().flatten().collect())
}

/// How many members had been released, and were not decided about again: a proven one is as it was, a released one was
/// proven.
fn unchanged(before: &Decisions, after: &Decisions) -> Result<usize> {
    let mut kept = 0;
    for (of, before) in before.iter().filter(|(_, member)| member["state"] != "Waiting") {
        let after = after.get(of).with_context(|| format!("{of:?} is no member any more"))?;
        let same = after["wave"] == before["wave"]
            && after["cluster"] == before["cluster"]
            && after["state"] == "Proven"
            && (before["state"] != "Proven" || after["since"] == before["since"]);
        ensure!(same, "{of:?} was decided about again: {before} became {after}");
        kept += 1;
    }
    Ok(kept)
}

async fn follow(ground: &mut Ground, revision: &str, until: usize) -> Result<Course> {
    let (began, mut course) = (Instant::now(), Vec::new());
    loop {
        let count = ground.agents.count(revision).await?;
        course.push((began.elapsed(), count));
        if count >= until {
            return Ok(course);
        }
        ensure!(began.elapsed() < Duration::from_secs(600), "{count} of {until} run {revision}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Members a second between the first and the last.
fn speed(course: &Course) -> f64 {
    let moving = course.iter().find(|(_, count)| *count > 0);
    let (Some((from, first)), Some((to, last))) = (moving, course.last()) else { return 0.0 };
    (last - first) as f64 / (*to - *from).as_secs_f64().max(0.001)
}

/// When the next second brings at least four fifths of this speed, or all that is left.
fn full_speed(course: &Course, speed: f64) -> Option<Duration> {
    let (_, all) = *course.last()?;
    let reaches = |at: Duration, count: usize| {
        let later = course.iter().find(|(then, _)| *then >= at + Duration::from_secs(1));
        later.map_or(all, |(_, later)| *later) - count >= (0.8 * speed) as usize
    };
    let found = course.iter().find(|(at, count)| reaches(*at, *count) || *count == all);
    found.map(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_that_was_made_again_is_found() {
        let of = |state: &str, since: u64| {
            let member = serde_json::json!({"wave": "one", "cluster": "c", "state": state, "since": since});
            Decisions::from([(("app-1".to_owned(), "app-c".to_owned()), member)])
        };
        assert_eq!(unchanged(&of("Proven", 1), &of("Proven", 1)).unwrap(), 1);
        assert_eq!(unchanged(&of("Released", 1), &of("Proven", 2)).unwrap(), 1);
        assert_eq!(unchanged(&of("Waiting", 1), &of("Proven", 2)).unwrap(), 0);
        assert!(unchanged(&of("Proven", 1), &of("Proven", 2)).is_err());
        assert!(unchanged(&of("Released", 1), &of("Failed", 2)).is_err());
        assert!(unchanged(&of("Released", 1), &Decisions::new()).is_err());
    }

    #[test]
    fn full_speed_is_that_of_before() {
        let at = |tenths: u64| Duration::from_millis(tenths * 100);
        // Ten a second before; three seconds of nothing, then ten a second again.
        let before: Course = (0..20).map(|tenth| (at(tenth), tenth as usize)).collect();
        assert!((speed(&before) - 10.0).abs() < 0.1);
        let after = (0..60).map(|tenth: u64| (at(tenth), 20 + tenth.saturating_sub(30) as usize)).collect();
        assert_eq!(full_speed(&after, 10.0), Some(at(28)));
    }
}

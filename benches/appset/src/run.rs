//! The measurements, each in a process of its own.

use crate::{Args, Generator, Mode, Part, ground::ground};
use anyhow::{Context as _, bail, ensure};
use benches_machine::{Memory, computed, load, machine, memory};
use clap::ValueEnum as _;
use shared_generate::{Expander, Generated, Outcome, Update, generate};
use std::{
    collections::BTreeSet,
    io::Write as _,
    process::Command,
    time::{Duration, Instant},
};

/// How many changes are taken in one by one.
const ROUNDS: usize = 41;
/// So many Applications take long enough to be measured once.
const LARGE: usize = 50_000;
/// How many Applications a set has in which one changes.
const CHANGED_OF: usize = 10_000;
/// What Argo CD 3.5.7 takes for 10,000 Applications on this kind of machine, by its own code.
const OTHERS: [(Mode, &str); 2] = [(Mode::Flat, "0.65 to 1.3 s"), (Mode::Go, "26 to 35 s")];

/// Measures, and prints each figure as it is known.
///
/// # Errors
/// When a set does not give what it is meant to.
pub fn run(args: &Args) -> anyhow::Result<()> {
    match args.part {
        Some(Part::Scratch) => scratch(args),
        Some(Part::Change) => change(args),
        None => table(args),
    }
}

fn table(args: &Args) -> anyhow::Result<()> {
    say(&format!("{}, load average {}; times are of computing, on one core\n", machine(), load()));
    say(
        "| Applications | generator | mode | expansion | each | then as JSON text | or as values | output in memory | as JSON | peak above inputs | peak / output | Argo CD 3.5.7 |\n|---|---|---|---|---|---|---|---|---|---|---|---|",
    );
    let sizes = if args.quick { &[1_000, 10_000][..] } else { &[1_000, 10_000, 100_000] };
    for size in sizes.iter().copied().filter(|size| args.applications.is_none_or(|only| only == *size)) {
        for (generator, mode) in cases(args) {
            let figures = part(Part::Scratch, &case(generator, mode, size))?;
            let [nanos, written, whole, bytes, held, peak] = figures;
            let argo =
                OTHERS.iter().find(|(of, _)| *of == mode && size == 10_000).map_or("", |(_, took)| took);
            say(&format!(
                "| {size} | {} | {} | {} | {:.1} µs | {} | {} | {} | {} | {} | {:.2} | {argo} |",
                name(&generator),
                name(&mode),
                time(Duration::from_nanos(nanos)),
                nanos as f64 / size as f64 / 1_000.0,
                time(Duration::from_nanos(written)),
                time(Duration::from_nanos(whole)),
                megabytes(held),
                megabytes(bytes),
                megabytes(peak),
                peak as f64 / held.max(1) as f64,
            ));
        }
    }
    say(&format!(
        "\n| one of {CHANGED_OF} changes | mode | update | by the clock, p50 / p99 of {ROUNDS} | nothing changes | a list of all | memory kept |\n|---|---|---|---|---|---|---|"
    ));
    for (generator, mode) in cases(args) {
        let [update, half, most, nothing, listed, kept] =
            part(Part::Change, &case(generator, mode, CHANGED_OF))?;
        let took = |nanos| time(Duration::from_nanos(nanos));
        let what = match generator {
            Generator::List => "element of a list",
            Generator::Clusters => "cluster",
            Generator::Directories => "directory is added",
            Generator::Files => "file",
            Generator::Matrix => "cluster of 100 in a matrix",
        };
        let [update, half, most, nothing, listed] = [update, half, most, nothing, listed].map(took);
        let (mode, kept) = (name(&mode), megabytes(kept));
        say(&format!("| {what} | {mode} | {update} | {half} / {most} | {nothing} | {listed} | {kept} |"));
    }
    Ok(())
}

fn cases(args: &Args) -> impl Iterator<Item = (Generator, Mode)> {
    let generators = Generator::value_variants().iter().copied();
    let all = generators.flat_map(|generator| [(generator, Mode::Flat), (generator, Mode::Go)]);
    all.filter(|(generator, mode)| {
        args.generator.is_none_or(|only| only == *generator) && args.mode.is_none_or(|only| only == *mode)
    })
}

fn case(generator: Generator, mode: Mode, size: usize) -> Vec<String> {
    let flags =
        ["--generator", &name(&generator), "--mode", &name(&mode), "--applications", &size.to_string()];
    flags.map(str::to_owned).to_vec()
}

/// Runs one measurement in a process of its own; its figures.
fn part<const N: usize>(part: Part, case: &[String]) -> anyhow::Result<[u64; N]> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--part", &name(&part)]).args(case);
    let done = command.output()?;
    ensure!(done.status.success(), "{part:?} of {case:?}: {}", String::from_utf8_lossy(&done.stderr));
    let figures = String::from_utf8(done.stdout)?;
    let figures: Vec<u64> = figures.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    <[u64; N]>::try_from(figures).map_err(|figures| anyhow::anyhow!("{part:?} told {figures:?}"))
}

/// Resident memory without the pages of the program, which are read in once as they are first run.
fn own(memory: Memory) -> u64 {
    memory.resident - memory.files
}

fn asked(args: &Args) -> anyhow::Result<(Generator, Mode, usize)> {
    let generator = args.generator.context("--generator is missing")?;
    Ok((
        generator,
        args.mode.context("--mode is missing")?,
        args.applications.context("--applications is missing")?,
    ))
}

/// The expansion from nothing: how long it took, and what making each Application whole takes; its output's bytes as JSON and in memory, and
/// the peak of memory above the inputs.
fn scratch(args: &Args) -> anyhow::Result<()> {
    let (generator, mode, size) = asked(args)?;
    let ground = ground(generator, mode, size);
    let (before, began) = (memory(), computed());
    let outcome = generate(&ground.set, &ground.inputs);
    let (took, after) = (computed() - began, memory());
    let peak = (after.peak - after.files).saturating_sub(own(before)) * 1024;
    // Small sets again and again: what Linux counts is too coarse for one. What they gave stays, so that each takes memory of its own.
    let rounds = u32::try_from(LARGE / size.max(1))?.max(1);
    let mut others = Vec::new();
    let took = match rounds {
        1 => took,
        _ => average(rounds, || others.push(generate(&ground.set, &ground.inputs))),
    };
    drop(others);
    let Outcome::Done(expansion) = outcome else { bail!("asks for more") };
    ensure!(expansion.problems.is_empty(), "{}", expansion.problems[0]);
    ensure!(expansion.applications.len() == size, "{} Applications", expansion.applications.len());
    let held: usize = expansion.applications.iter().map(Generated::bytes).sum();
    let mut bytes = 0;
    let written = average(rounds, || bytes = expansion.applications.iter().map(|one| one.json().len()).sum());
    let mut objects = 0;
    let is_object = |one: &&Generated| one.object().is_object();
    let whole = average(rounds, || objects = expansion.applications.iter().filter(is_object).count());
    ensure!(objects == size, "an Application that is no object");
    say(&format!("{} {} {} {bytes} {held} {peak}", took.as_nanos(), written.as_nanos(), whole.as_nanos()));
    Ok(())
}

/// How long it takes to compute, on average.
fn average(rounds: u32, mut work: impl FnMut()) -> Duration {
    let began = computed();
    (0..rounds).for_each(|_| work());
    (computed() - began) / rounds
}

/// Updates of a set that was expanded before.
fn change(args: &Args) -> anyhow::Result<()> {
    let (generator, mode, size) = asked(args)?;
    let mut ground = ground(generator, mode, size);
    let before = own(memory());
    let mut expander = Expander::default();
    ensure!(matches!(expander.update(&ground.set, &ground.inputs), Update::Done { .. }), "asks for more");
    let kept = own(memory()).saturating_sub(before) * 1024;
    let (mut clock, mut changes) = (Vec::new(), Duration::ZERO);
    let (mut idle, mut listed) = (Duration::ZERO, Duration::ZERO);
    for round in 0..ROUNDS {
        ground.change(round);
        let (began, at) = (computed(), Instant::now());
        let update = expander.update(&ground.set, &ground.inputs);
        clock.push(at.elapsed().as_nanos());
        changes += computed() - began;
        let Update::Done { touched } = update else { bail!("asks for more") };
        let expected = if generator == Generator::Matrix { 100 } else { 1 };
        ensure!(touched.len() == expected, "{} of {size} were touched", touched.len());
        let began = computed();
        let update = expander.update(&ground.set, &ground.inputs);
        idle += computed() - began;
        ensure!(update == Update::Done { touched: BTreeSet::new() }, "something changed by itself");
        let began = computed();
        drop(expander.expansion());
        listed += computed() - began;
    }
    clock.sort_unstable();
    let at = |percent: usize| clock[(ROUNDS * percent / 100).min(ROUNDS - 1)];
    let each = |all: Duration| all.as_nanos() / ROUNDS as u128;
    let (changes, idle, listed) = (each(changes), each(idle), each(listed));
    say(&format!("{changes} {} {} {idle} {listed} {kept}", at(50), at(99)));
    Ok(())
}

fn name(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn say(line: &str) {
    // Nobody listens: then nobody misses it.
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// `42 ms` or `0.80 ms`.
fn time(time: Duration) -> String {
    let micros = time.as_micros();
    if micros < 100_000 {
        format!("{:.2} ms", micros as f64 / 1_000.0)
    } else {
        format!("{} ms", time.as_millis())
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1_000_000.0)
}

//! A tool that wants out: each of its ways is tried without any confinement, where it must work, then confined by
//! everything this machine has and by each mechanism alone, where it must fail as far as the mechanism goes.
//!
//! Why a harness of our own: this program is three things. Started by cargo it runs the trials; started by
//! [`Confine::run`] it confines itself; and then it is the tool ([`evil`]). Filters, `--exact`, `--skip` and `--list` are
//! as always.

#![allow(clippy::print_stdout, reason = "it is a harness, and a tool that prints")]

mod ends;
mod evil;
mod tools;
mod walls;
mod world;

use hub_render::{Confine, confine};
use std::{panic, process::ExitCode, time::Instant};
use world::World;

type Trial = (&'static str, fn(&World));

fn main() -> ExitCode {
    if let Some(ended) = confine::enter(std::env::args_os()) {
        return ended;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(evil::ARGUMENT) => return evil::act(&arguments[1..]),
        Some(ends::HUB) => return ends::act_as_hub(&arguments[1..]),
        Some("version") => return tools::say_version(),
        _ => {}
    }
    let trials: Vec<Trial> = [walls::TRIALS, ends::TRIALS, tools::TRIALS].concat();
    let wanted: Vec<Trial> = trials.into_iter().filter(|(name, _)| is_wanted(name, &arguments)).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        wanted.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    run(&wanted)
}

fn is_wanted(name: &str, arguments: &[String]) -> bool {
    let is_exact = arguments.iter().any(|argument| argument == "--exact");
    let matches = |filter: &String| if is_exact { name == filter } else { name.contains(filter.as_str()) };
    let (mut filters, mut skipped) = (Vec::new(), Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--skip" => skipped.extend(arguments.next()),
            "--test-threads" | "--format" | "--color" => drop(arguments.next()),
            option if option.starts_with("--") => {}
            _ => filters.push(argument),
        }
    }
    (filters.is_empty() || filters.into_iter().any(matches)) && !skipped.into_iter().any(matches)
}

fn run(wanted: &[Trial]) -> ExitCode {
    let world = World::new(Confine::by_this_program());
    println!("{}", world.confine);
    let mut failed = Vec::new();
    for (name, trial) in wanted {
        let started = Instant::now();
        let ended = panic::catch_unwind(panic::AssertUnwindSafe(|| trial(&world)));
        let said = if ended.is_ok() { "ok" } else { "FAILED" };
        println!("test {name} ... {said} ({:.2} s)", started.elapsed().as_secs_f32());
        failed.extend(ended.is_err().then_some(*name));
    }
    println!("{} passed, {} failed {}", wanted.len() - failed.len(), failed.len(), failed.join(", "));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! `cargo explore [SETUP] [--limit STATES] [--KIND COUNT ...] [--symmetric no]`: explores one setup, or all.

#![allow(clippy::print_stdout, reason = "what was explored is what it is asked for")]

use std::{process::ExitCode, time::Instant};
use tests_explore::{Setup, explore, setups};

const USAGE: &str = "usage: cargo explore [SETUP] [--limit STATES] [--symmetric yes|no] [--without lease|heads|seats|clusters]
    [--commits N] [--bad N] [--losses N] [--pauses N] [--flights N] [--deaths N] [--takeovers N] [--decisions N]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Whether no invariant broke.
fn run(mut args: impl Iterator<Item = String>) -> Result<bool, String> {
    let mut wanted: Vec<Setup> = setups().into_iter().map(|expected| expected.setup).collect();
    let mut limit = usize::MAX;
    while let Some(arg) = args.next() {
        let Some(option) = arg.strip_prefix("--") else {
            let names: Vec<_> = wanted.iter().map(|setup| setup.name).collect();
            wanted.retain(|setup| setup.name == arg);
            if wanted.is_empty() {
                return Err(format!("there is no setup {arg}; there are {}", names.join(", ")));
            }
            continue;
        };
        let value = args.next().ok_or_else(|| format!("--{option} needs a value"))?;
        if option == "limit" {
            limit = value.parse().map_err(|_| format!("--limit {value}: not a number"))?;
            continue;
        }
        for setup in &mut wanted {
            set(setup, option, &value)?;
        }
    }
    let mut fine = true;
    for setup in &wanted {
        let begin = Instant::now();
        match explore(setup, limit) {
            Ok(explored) => {
                println!("{}: {explored:?} in {:.1} s", setup.name, begin.elapsed().as_secs_f64())
            }
            Err(broken) => {
                fine = false;
                println!("{}: {broken}", setup.name);
            }
        }
    }
    Ok(fine)
}

fn set(setup: &mut Setup, option: &str, value: &str) -> Result<(), String> {
    let quota = &mut setup.quota;
    let count = match option {
        "without" => return without(setup, value),
        "symmetric" => {
            setup.symmetric = value == "yes";
            return Ok(());
        }
        "commits" => &mut quota.commits,
        "bad" => &mut quota.bad,
        "losses" => &mut quota.losses,
        "pauses" => &mut quota.pauses,
        "flights" => &mut quota.flights,
        "deaths" => &mut quota.deaths,
        "takeovers" => &mut quota.takeovers,
        "decisions" => &mut quota.decisions,
        _ => return Err(format!("there is no option --{option}")),
    };
    *count = value.parse().map_err(|_| format!("--{option} {value}: not a number"))?;
    Ok(())
}

fn without(setup: &mut Setup, fence: &str) -> Result<(), String> {
    match fence {
        "lease" => setup.fences.lease = false,
        "heads" => setup.fences.heads = false,
        "seats" => setup.fences.seats = false,
        "clusters" => setup.fences.clusters = false,
        _ => return Err(format!("--without {fence}: there is no such fence")),
    }
    Ok(())
}
